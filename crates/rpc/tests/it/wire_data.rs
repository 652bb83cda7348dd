//! Recorded PDUs: each is parsed and written again, and each call joined.

use bytes::Bytes;
use rwmi_rpc::pdu::{Body, Flags, Pdu, Request, Response};
use rwmi_wiredata::capture::{Capture, Stream};
use rwmi_wiredata::manifest::{Manifest, Row};
use rwmi_wiredata::{Kind, Tally, Tree, read};
use std::path::Path;

fn check_reemits(octets: &[u8]) {
    let pdu = Pdu::parse(Bytes::copy_from_slice(octets)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(pdu.encode().unwrap(), octets, "{pdu:?}");
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
    let [mut pcap, mut pcapng] = [Kind::Pcap, Kind::PcapNg].map(|kind| Tally::new(kind.label(), "PDUs, written again"));
    for capture in Capture::all(&tree) {
        let tally = if capture.kind == Kind::Pcap { &mut pcap } else { &mut pcapng };
        for stream in capture.streams() {
            for (at, pdu) in stream.cut().pdus.into_iter().enumerate() {
                let name = format!("{}, {} to {}, PDU {at}", tree.short(&capture.path), stream.client, stream.server);
                tally.case(name, || check_reemits(&pdu.octets));
            }
        }
    }
    let mut files = Tally::of(Kind::Pdu);
    for path in tree.files(Kind::Pdu) {
        files.case(tree.short(&path), || check_reemits(&read(&path).unwrap()));
    }
    Tally::finish_all([pcap, pcapng, files], &tree);
}

/// The stub of one direction of a call, joined, without padding.
struct Joined {
    from_client: bool,
    call_id: u32,
    stub: Vec<u8>,
    fragments: u32,
    done: bool,
}

/// The calls of a stream, in wire order.
fn calls(stream: &Stream) -> Vec<Joined> {
    let mut calls: Vec<Joined> = Vec::new();
    for pdu in stream.cut().pdus {
        let from_client = pdu.from_client;
        if pdu.after_gap {
            // What was open may go on in what was not recorded.
            calls.retain(|joined| joined.done || joined.from_client != from_client);
        }
        let Ok(parsed) = Pdu::parse(pdu.octets.into()) else { continue };
        let (Body::Request(Request { stub, .. }) | Body::Response(Response { stub, .. })) = parsed.body else { continue };
        let pad = parsed.auth.map_or(0, |auth| auth.pad_len);
        let stub = &stub[..stub.len() - usize::from(pad)];
        let call_id = parsed.call_id;
        if parsed.flags.has(Flags::FIRST) {
            calls.push(Joined { from_client, call_id, stub: Vec::new(), fragments: 0, done: false });
        }
        let open = calls.iter_mut().rev().find(|joined| (joined.from_client, joined.call_id, joined.done) == (from_client, call_id, false));
        let Some(joined) = open else { continue };
        joined.stub.extend_from_slice(stub);
        joined.fragments += 1;
        joined.done = parsed.flags.has(Flags::LAST);
    }
    calls.retain(|joined| joined.done);
    calls
}

/// Finds the call of each row in the capture.
fn check_manifest(path: &Path, rows: &[Row], capture: &Capture, clear: &mut Tally, sealed: &mut Tally, tree: &Tree) {
    let mut recorded: Vec<_> = capture.streams().iter().map(|stream| ((stream.client, stream.server), calls(stream))).collect();
    for row in rows.iter().filter(|row| ["request", "response"].contains(&row.kind.as_str())) {
        let is_clear = row.protection.as_deref().unwrap_or_default().starts_with("clear");
        let tally = if is_clear { &mut *clear } else { &mut *sealed };
        tally.case(tree.short(path), || {
            let ends = row.ends().unwrap();
            let is_of_row = |joined: &Joined| {
                joined.from_client == row.is_from_client()
                    && row.call_id.is_none_or(|id| id == joined.call_id)
                    && row.frags.is_none_or(|fragments| fragments == joined.fragments)
                    // Sealed: the cipher keeps lengths, and the hash is for whoever has the key.
                    && if is_clear { row.matches(&joined.stub) } else { row.stub_len.is_none_or(|len| len == joined.stub.len()) }
            };
            let found = recorded.iter_mut().filter(|(of, _)| *of == ends).find_map(|(_, calls)| {
                let at = calls.iter().position(is_of_row)?;
                Some(calls.remove(at))
            });
            assert!(found.is_some(), "no call of such fragments, length and hash in {}: {row:?}", tree.short(&capture.path));
        });
    }
}

#[test]
fn wire_data_every_call_joins_to_its_length_and_hash() {
    let Some(tree) = Tree::locate() else { return };
    let mut clear = Tally::new(Kind::Manifest.label(), "calls in clear, joined from the capture to length and hash");
    let mut sealed = Tally::new(Kind::Manifest.label(), "sealed calls, joined from the capture to length");
    let captures = Capture::all(&tree);
    for manifest in Manifest::all(&tree, &captures) {
        let Some(capture) = manifest.capture.map(|at| &captures[at]) else { continue };
        check_manifest(&manifest.path, &manifest.rows, capture, &mut clear, &mut sealed, &tree);
    }
    Tally::finish_all([clear, sealed], &tree);
}
