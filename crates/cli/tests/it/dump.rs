//! `rwmi dump`.

use crate::support::*;
use serde_json::{Value, json};

fn dump(args: &[&str], input: &[u8]) -> Value {
    serde_json::from_str(&rwmi_fed(&[&["dump"], args, &["-"]].concat(), input).good()).unwrap()
}

/// A bind for the resolver, and a shutdown.
const PDUS: &str = "05000b03 10000000 48000000 01000000 d016 d016 00000000 01000000 0000 01 00
    c4fefc99 6052 1b10 bbcb 00aa0021347a 00000000 045d888aeb1cc9119fe808002b104860 02000000
    05001103 10000000 10000000 02000000";

#[test]
fn pdus_are_read_as_octets_and_as_text() {
    let from_text = dump(&["pdu"], PDUS.as_bytes());
    assert_eq!(from_text[0]["contexts"][0]["interface"]["name"], "IObjectExporter");
    assert_eq!(from_text[1]["type"], "shutdown");
    let digits: Vec<u32> = PDUS.chars().filter_map(|c| c.to_digit(16)).collect();
    let octets: Vec<u8> = digits.chunks(2).map(|p| (p[0] << 4 | p[1]) as u8).collect();
    assert_eq!(dump(&["pdu"], &octets), from_text);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &octets).unwrap();
    let out = rwmi(&["dump", "pdu", file.path().to_str().unwrap()]).good();
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), from_text);
}

#[test]
fn a_stub_is_shown_by_its_interface() {
    let ping = "0807060504030201";
    let shown = dump(&["stub", "--interface", "IObjectExporter", "--opnum", "1"], ping.as_bytes());
    assert_eq!(shown["parameters"], json!({ "type": "SimplePing", "set": "0102030405060708" }));
    rwmi_fed(&["dump", "stub", "-", "--interface", "INothing", "--opnum", "1"], b"00").bad(1, &["not known", "IWbemServices"]);
    rwmi_fed(&["dump", "stub", "-", "--interface", "IObjectExporter", "--opnum", "1"], b"00").bad(1, &["simple_ping"]);
    rwmi_fed(&["dump", "stub", "-", "--interface", "IObjectExporter", "--opnum", "99"], b"00").bad(1, &["5 server_alive2"]);
}

#[test]
fn what_cannot_be_read_is_told() {
    rwmi(&["dump", "pdu", "/does/not/exist"]).bad(1, &["/does/not/exist"]);
    rwmi_fed(&["dump", "pdu", "-"], b"").bad(1, &["no octets"]);
    rwmi_fed(&["dump", "object", "-"], b"78563412 ffffffff").bad(1, &["not an encoding unit"]);
}
