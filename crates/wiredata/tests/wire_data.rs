//! Every manifest of the tree agrees with the files beside it and with its capture; every capture and key file can be read.

use rwmi_wiredata::capture::Capture;
use rwmi_wiredata::manifest::Manifest;
use rwmi_wiredata::{Kind, Outcome, Tally, Tree, keys, manifest, read};

#[test]
fn wire_data_tree_is_not_empty() {
    let Some(tree) = Tree::locate() else { return };
    assert!(!tree.is_empty(), "{} has no wire data", tree.root().display());
    for (kind, label) in Kind::ALL {
        println!("{label}: found {}", tree.files(kind).count());
    }
}

#[test]
fn wire_data_manifests_agree_with_their_files_and_captures() {
    let Some(tree) = Tree::locate() else { return };
    let captures = Capture::all(&tree);
    let manifests = Manifest::all(&tree, &captures);
    let mut files = Tally::of(Kind::Manifest);
    let mut stubs = Tally::new(Kind::Manifest.label(), "stubs with the length and hash of their row");
    let mut pdus = Tally::new(Kind::Manifest.label(), "handshake PDUs found in the capture");
    let mut withheld = 0;
    for path in tree.files(Kind::Manifest) {
        files.case(tree.short(&path), || {
            let rows = manifest::rows(&path).unwrap();
            assert!(!rows.is_empty(), "no row");
            if rows.iter().all(|row| row.kind.is_empty()) {
                return Outcome::Left("WS-Man");
            }
            let Some(manifest) = manifests.iter().find(|manifest| manifest.path == path) else { panic!("rows of two forms") };
            let capture = manifest.capture.map(|at| &captures[at]);
            let cut: Vec<_> = capture.iter().flat_map(|c| c.streams()).filter_map(|s| Some((s.client, s.server, s.pdus()?))).collect();
            for row in &rows {
                let Some(file) = row.path(&path) else {
                    withheld += usize::from(row.file.is_some());
                    continue;
                };
                let octets = read(&file).unwrap();
                if row.sha256.is_some() || row.stub_len.is_some() {
                    assert!(row.matches(&octets), "{}: not the length and hash of its row", tree.short(&file));
                    stubs.pass();
                }
                if Kind::of(&file) != Some(Kind::Pdu) || capture.is_none() {
                    continue;
                }
                let ends = row.ends().unwrap();
                let found = cut.iter().any(|(client, server, pdus)| {
                    let from_client = if ends == (*client, *server) { row.is_from_client() } else { !row.is_from_client() };
                    (ends == (*client, *server) || ends == (*server, *client))
                        && pdus.iter().any(|pdu| pdu.octets == octets && pdu.from_client == from_client)
                });
                assert!(found, "{}: not in {}", tree.short(&file), tree.short(&capture.unwrap().path));
                pdus.pass();
            }
            Outcome::Passed
        });
    }
    assert!(withheld == 0 || tree.is_named(), "{withheld} files that manifests name are not there");
    println!(
        "{} of {} manifests have their capture; {withheld} files named are not there",
        { manifests.iter().filter(|manifest| manifest.capture.is_some()).count() },
        manifests.len()
    );
    Tally::finish_all([files, stubs, pdus], &tree);
}

#[test]
fn wire_data_captures_are_read() {
    let Some(tree) = Tree::locate() else { return };
    let (mut pcap, mut pcapng) = (Tally::of(Kind::Pcap), Tally::of(Kind::PcapNg));
    for capture in Capture::all(&tree) {
        let tally = if capture.kind == Kind::Pcap { &mut pcap } else { &mut pcapng };
        tally.case(tree.short(&capture.path), || {
            let streams = capture.streams.as_ref().unwrap_or_else(|e| panic!("{e}"));
            let cuts: Vec<_> = streams.iter().map(|stream| (stream, stream.cut())).collect();
            for (stream, cut) in &cuts {
                if let Some(broken) = &cut.broken {
                    panic!("{} to {}: {broken}", stream.client, stream.server);
                }
            }
            let has_rpc = cuts.iter().any(|(_, cut)| !cut.pdus.is_empty());
            if !has_rpc && streams.iter().any(|stream| stream.is_wsman()) { Outcome::Left("WS-Man") } else { Outcome::Passed }
        });
    }
    Tally::finish_all([pcap, pcapng], &tree);
}

#[test]
fn wire_data_keys_are_read_and_found_from_beside_and_below() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::of(Kind::Keys);
    for path in tree.files(Kind::Keys) {
        tally.case(tree.short(&path), || {
            let keys = keys::load(&path).unwrap();
            assert!(!keys.krb.is_empty() || !keys.password.is_empty(), "no key in it");
            for place in [path.with_file_name("x.pcap"), path.with_file_name("x").join("manifest.json")] {
                assert_eq!(keys::all_for(&place, &tree)[0].keys.password, keys.password);
            }
        });
    }
    tally.finish(&tree);
}
