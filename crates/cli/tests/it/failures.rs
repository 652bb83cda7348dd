//! Computers that are not there, do not answer, or answer nonsense.

use crate::support::*;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

const QUERY: &str = "SELECT Name FROM Win32_ComputerSystem";

fn ask(host: &str, port: u16, timeout: &str) -> Done {
    let mut command = command(&["query", "-c", host, "--endpoint-port", &port.to_string(), "--timeout", timeout, QUERY]);
    command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    finish(command)
}

fn listener(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn a_remote_computer_is_never_asked_as_nobody() {
    rwmi(&["query", "-c", "192.0.2.1", QUERY])
        .bad(1, &["no account was given and none was found", "--password-stdin", "never logs on as anonymous"]);
    rwmi(&["query", "-c", "192.0.2.1", "-u", "alice", QUERY]).bad(1, &["no password for alice was given", "RWMI_PASSWORD"]);
    let mut command = command(&["query", "-c", "192.0.2.1", QUERY]);
    command.env("RWMI_PASSWORD", "x");
    finish(command).bad(1, &["no account was given"]);
    rwmi(&["get-class", "-c", "192.0.2.1", "Win32_BIOS"]).bad(1, &["no account was given"]);
}

#[test]
fn an_account_that_cannot_be_is_told_before_any_traffic() {
    let mut command = command(&["query", "-c", "192.0.2.1", "-u", r"A\B\c", QUERY]);
    command.env("RWMI_PASSWORD", "x");
    finish(command).bad(1, &["is not an account", "one backslash"]);
}

#[test]
fn an_empty_password_is_sent_and_its_refusal_explained() {
    let server = Server::start("127.0.88.71", "");
    let mut command = server.client(&["query", QUERY]);
    command.env("RWMI_PASSWORD", "");
    finish(command).bad(1, &["ACCESS_DENIED", "blank password"]);
    assert!(server.log().contains("authentication failed"), "{}", server.log());
}

#[test]
fn a_name_without_an_address_is_told() {
    ask("no-such-host.invalid", 135, "20").bad(1, &["error: no-such-host.invalid", "resolving the name failed", "hint: "]);
    for name in ["a b", "host:135", "fe80::1%"] {
        ask(name, 135, "5").bad(1, &["is not a computer"]);
    }
}

#[test]
fn a_refused_port_and_a_silent_one_are_told_apart() {
    let (gone, at) = listener("127.0.88.72");
    drop(gone);
    ask("127.0.88.72", at.port(), "5").bad(1, &[&format!("{at}: "), "connection refused", "rwmi serve"]);
    // The system completes connections for a listener; nobody ever says a word.
    let (_silent, at) = listener("127.0.88.73");
    let begun = Instant::now();
    ask("127.0.88.73", at.port(), "1").bad(1, &[&format!("{at}: "), "no answer in 1s", "hint: "]);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn nonsense_at_any_point_is_an_error_and_never_a_hang() {
    let header = |ptype: u8, frag_len: u16, auth_len: u16| {
        let mut pdu = vec![5, 0, ptype, 3, 0x10, 0, 0, 0];
        pdu.extend(frag_len.to_le_bytes());
        pdu.extend(auth_len.to_le_bytes());
        pdu.extend(1u32.to_le_bytes());
        pdu
    };
    let ack = |extra: &[u8]| {
        let mut body = vec![0xd0, 0x16, 0xd0, 0x16, 1, 0, 0, 0, 0, 0, 0, 0];
        body.extend(extra);
        [header(12, 16 + body.len() as u16, 0), body].concat()
    };
    let answers: Vec<Vec<u8>> = vec![
        vec![],
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0xff; 64],
        header(12, 16, 0)[..10].to_vec(),
        header(12, 0, 0),
        header(12, 16, 0xffff),
        header(12, 16, 0),
        header(2, 24, 0),
        header(13, 18, 0),
        [header(13, 18, 0), vec![4, 0]].concat(),
        [header(3, 32, 0), vec![0; 16]].concat(),
        ack(&[]),
        ack(&[255, 0, 0, 0]),
        ack(&[1, 0, 0, 0, 2, 0, 1, 0]),
        vec![4; 100],
    ];
    let (server, at) = listener("127.0.88.74");
    let count = answers.len();
    let serve = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(&answer);
        }
    });
    for n in 0..count {
        let done = ask("127.0.88.74", at.port(), "5").bad(1, &[&format!("error: {at}: ")]);
        assert!(!done.err.contains("panicked"), "{n}: {}", done.err);
        assert_eq!(done.out, "");
    }
    serve.join().unwrap();
}
