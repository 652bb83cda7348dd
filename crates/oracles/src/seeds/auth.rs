//! Handshakes, honest and changed.

use super::{named, piece};
use crate::auth::{ALICE, client, server};
use rwmi_auth::Step;

pub(super) fn auth() -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for (spnego, name) in [(false, "ntlm"), (true, "spnego")] {
        let tokens = handshake(spnego);
        for (at, token) in (0..).zip(&tokens) {
            out.push(named(format_args!("{name}-token-{at}"), [&[0], token.as_slice()].concat()));
        }
        let to = |first: usize| tokens.iter().skip(first).step_by(2).flat_map(|t| piece(t)).collect::<Vec<u8>>();
        out.push(named(format_args!("{name}-acceptor"), [vec![1 + u8::from(spnego)], to(0)].concat()));
        out.push(named(format_args!("{name}-initiator"), [vec![3 + u8::from(spnego)], to(1)].concat()));
        // Nobody changes anything, then PDUs of some length go both ways, the last of them changed.
        let honest: &[u8] = &[0, 0, 0, 0];
        let sent: &[u8] = &[3, 0, b'a', b'b', b'c', 0, 0, 0, 0, 0, 0, 0, 0];
        for level in 0..3 {
            let legs = honest.repeat(tokens.len());
            out.push(named(
                format_args!("{name}-level-{level}"),
                [&[5 + u8::from(spnego)][..], &legs, &[level], sent, sent, sent].concat(),
            ));
        }
        for leg in 0..tokens.len() {
            for (at, change) in (0..).zip([[1, 12, 0, 1], [2, 30, 0, 0], [3, 0, 0, 7], [4, 20, 0, 4]]) {
                let legs = honest.repeat(leg);
                out.push(named(
                    format_args!("{name}-changed-{leg}-{at}"),
                    [&[5 + u8::from(spnego)][..], &legs, &change, b"\xff\xff\xff\xff", &honest.repeat(4)].concat(),
                ));
            }
        }
    }
    for flags in [0xe088_8235_u32, 0x6088_8235, 0x0008_8235] {
        out.push(named(
            format_args!("session-{flags:x}"),
            [&[7][..], &flags.to_le_bytes(), &piece(b"list"), &piece(&[1; 16]), b"body"].concat(),
        ));
    }
    out
}

/// The tokens of an honest handshake, the client's first.
fn handshake(spnego: bool) -> Vec<Vec<u8>> {
    let (mut client, mut server) = (client(spnego), server(spnego, ALICE.clone()));
    let mut tokens: Vec<Vec<u8>> = Vec::new();
    loop {
        let context = if tokens.len().is_multiple_of(2) { &mut client } else { &mut server };
        let token = tokens.last().cloned().unwrap_or_default();
        match context.step(&token).expect("an honest handshake") {
            Step::Continue(token) | Step::Done(Some(token)) => tokens.push(token),
            Step::Done(None) => return tokens,
        }
    }
}
