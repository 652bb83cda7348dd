//! Recorded PDUs: each is parsed and written again, and each call joined.

use bytes::Bytes;
use rwmi_rpc::pdu::{Body, Flags, Pdu};
use rwmi_wiredata::capture::{Stream, streams};
use rwmi_wiredata::manifest::{Row, capture, rows};
use rwmi_wiredata::{Kind, Tally, Tree, read};
use std::collections::HashMap;
use std::path::Path;

#[track_caller]
fn check_reemits(octets: &[u8], of: &dyn std::fmt::Display) {
    let pdu = Pdu::parse(Bytes::copy_from_slice(octets)).unwrap_or_else(|e| panic!("{of}: {e}"));
    assert_eq!(pdu.encode().unwrap(), octets, "{of}: {pdu:?}");
    // Cut short, it is no PDU; and no octet sequence makes the parser fall over.
    for end in 0..octets.len().min(200) {
        Pdu::parse(Bytes::copy_from_slice(&octets[..end])).unwrap_err();
        let mut cut = octets[..end].to_vec();
        if let Some(len) = cut.get_mut(8..10) {
            len.copy_from_slice(&(end as u16).to_le_bytes());
            let _ = Pdu::parse(cut.into()).map(|pdu| pdu.encode());
        }
    }
}

#[test]
fn wire_data_every_pdu_reemits() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new("PDUs of captures, written again");
    for path in tree.files(Kind::Capture) {
        for stream in streams(&path).unwrap() {
            for pdu in stream.pdus().unwrap_or_default() {
                check_reemits(&pdu.octets, &tree.short(&path));
                tally.pass();
            }
        }
    }
    tally.finish(&tree);
    let mut tally = Tally::new("PDU files, written again");
    for path in tree.files(Kind::Pdu) {
        check_reemits(&read(&path).unwrap(), &tree.short(&path));
        tally.pass();
    }
    tally.finish(&tree);
}

/// The stubs of one direction of a call, joined, without padding.
#[derive(Default)]
struct Joined {
    stub: Vec<u8>,
    fragments: u32,
    done: bool,
}

/// Calls in wire order: whether from the client, call id, and what was joined.
type Calls = Vec<(bool, u32, Joined)>;

fn calls(stream: &Stream) -> Calls {
    let mut calls = Calls::new();
    for pdu in stream.pdus().unwrap_or_default() {
        let parsed = Pdu::parse(pdu.octets.into()).unwrap();
        let (Body::Request(rwmi_rpc::pdu::Request { stub, alloc_hint, .. })
        | Body::Response(rwmi_rpc::pdu::Response { stub, alloc_hint, .. })) = parsed.body
        else {
            continue;
        };
        let pad = parsed.auth.map_or(0, |auth| auth.pad_len);
        let stub = &stub[..stub.len() - usize::from(pad)];
        if parsed.flags.has(Flags::FIRST) {
            calls.push((pdu.from_client, parsed.call_id, Joined::default()));
        }
        let open = calls
            .iter_mut()
            .rev()
            .find(|(from_client, id, joined)| *from_client == pdu.from_client && *id == parsed.call_id && !joined.done);
        let Some((_, _, joined)) = open else { continue };
        joined.stub.extend_from_slice(stub);
        joined.fragments += 1;
        joined.done = parsed.flags.has(Flags::LAST);
        assert!(joined.stub.is_empty() || stub.len() <= alloc_hint as usize || alloc_hint == 0);
    }
    calls
}

fn check_manifest(path: &Path, rows: &[Row], tree: &Tree, tally: &mut Tally, sizes: &mut Tally) {
    let Some(pcap) = capture(path) else { return };
    let mut recorded: HashMap<(String, String), Calls> = HashMap::new();
    for stream in streams(&pcap).unwrap() {
        recorded.entry((stream.client.to_string(), stream.server.to_string())).or_default().extend(calls(&stream));
    }
    for row in rows.iter().filter(|row| ["request", "response"].contains(&row.kind.as_str())) {
        let calls = recorded.get_mut(&(row.client.clone(), row.server.clone())).unwrap_or_else(|| panic!("{}: {row:?}", tree.short(path)));
        let at = calls
            .iter()
            .position(|(from_client, id, joined)| joined.done && *from_client == row.is_from_client() && Some(*id) == row.call_id);
        let Some(at) = at else { panic!("{}: not recorded to its end: {row:?}", tree.short(path)) };
        let (_, _, joined) = calls.remove(at);
        assert_eq!(Some(joined.fragments), row.frags, "{row:?}");
        let protection = row.protection.as_deref().unwrap_or_default();
        if protection.starts_with("clear") {
            assert!(row.matches(&joined.stub), "{}: {row:?}", tree.short(path));
            tally.pass();
        } else {
            // Sealed: the cipher keeps lengths, and the hash is for whoever has the key.
            assert_eq!(Some(joined.stub.len()), row.stub_len, "{row:?}");
            sizes.pass();
        }
    }
}

#[test]
fn wire_data_every_call_joins_to_its_length_and_hash() {
    let Some(tree) = Tree::locate() else { return };
    let (mut tally, mut sizes) = (Tally::new("calls in clear, joined to length and hash"), Tally::new("sealed calls, joined to length"));
    for path in tree.files(Kind::Manifest) {
        let rows = rows(&path).unwrap();
        check_manifest(&path, &rows, &tree, &mut tally, &mut sizes);
    }
    tally.finish(&tree);
    sizes.finish(&tree);
}
