//! Every capture of the tree is read, and where a manifest lies beside it the two agree.

use rwmi_wiredata::{Kind, Tally, Tree, capture, keys, manifest};
use std::collections::BTreeMap;

#[test]
fn wire_data_captures_hold_the_pdus_of_their_manifests() {
    let Some(tree) = Tree::locate() else { return };
    let mut captures = Tally::new("captures read");
    let mut pdus_of = BTreeMap::new();
    for path in tree.files(Kind::Capture) {
        let streams = capture::streams(&path).unwrap();
        assert!(!streams.is_empty(), "{}: no stream", tree.short(&path));
        let pdus: Vec<_> = streams.iter().filter_map(|stream| Some((stream.client, stream.server, stream.pdus()?))).collect();
        pdus_of.insert(path, pdus);
        captures.pass();
    }
    captures.finish(&tree);

    let mut rows = Tally::new("handshake PDUs found in their captures");
    for path in tree.files(Kind::Manifest) {
        let Some(source) = manifest::capture(&path) else { continue };
        for row in manifest::rows(&path).unwrap() {
            let Some(file) = row.path(&path).filter(|file| Kind::of(file) == Some(Kind::Pdu)) else { continue };
            let octets = rwmi_wiredata::read(&file).unwrap();
            let ends = (row.client.parse().unwrap(), row.server.parse().unwrap());
            let found = pdus_of[&source].iter().any(|(client, server, pdus)| {
                (*client, *server) == ends && pdus.iter().any(|pdu| pdu.octets == octets && pdu.from_client == row.is_from_client())
            });
            assert!(found, "{}: not in {}", tree.short(&file), tree.short(&source));
            rows.pass();
        }
    }
    rows.finish(&tree);
}

#[test]
fn wire_data_stubs_have_the_length_and_hash_of_their_manifests() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new("stubs as their manifests say");
    for path in tree.files(Kind::Manifest) {
        for row in manifest::rows(&path).unwrap() {
            let Some(file) = row.path(&path).filter(|_| row.sha256.is_some()) else { continue };
            assert!(row.matches(&rwmi_wiredata::read(&file).unwrap()), "{}", tree.short(&file));
            tally.pass();
        }
    }
    tally.finish(&tree);
}

#[test]
fn wire_data_keys_are_found_from_the_captures() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new("key files");
    for path in tree.files(Kind::Keys) {
        let keys = keys::load(&path).unwrap();
        assert!(!keys.krb.is_empty() || !keys.password.is_empty(), "{}", tree.short(&path));
        let near = keys::nearest(&path.with_file_name("x").join("manifest.json"), tree.root()).unwrap();
        assert_eq!(near.password, keys.password);
        tally.pass();
    }
    tally.finish(&tree);
}
