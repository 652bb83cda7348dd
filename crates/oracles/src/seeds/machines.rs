//! Conversations of both machines, and scripts for somebody between them.

use super::{named, piece};
use crate::machines::recorded;

/// What both ends of a conversation sent.
pub(super) fn pdus() -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for mechanism in [2, 3, 5] {
        for how in [0, 2, 4, 8] {
            let [client, server] = recorded(mechanism, how);
            out.push(named(format_args!("client-{mechanism}-{how}"), client));
            out.push(named(format_args!("server-{mechanism}-{how}"), server));
        }
    }
    // Sent by none of the two: bind_nak with versions, co_cancel, orphaned, a fault with extended errors.
    let header = |ptype: u8, len: u8| [5, 0, ptype, 3, 16, 0, 0, 0, len, 0, 0, 0, 1, 0, 0, 0];
    out.push(named("bind-nak", [&header(13, 24)[..], &[4, 0, 2, 5, 0, 5, 1, 0]].concat()));
    out.push(named("cancel-orphaned-shutdown", [header(18, 16), header(19, 16), header(17, 16)].concat()));
    out.push(named("fault", [&header(3, 40)[..], &[32, 0, 0, 0, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0], &[1; 8]].concat()));
    out
}

pub(super) fn machines() -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for mechanism in 0..6 {
        for how in [0, 2, 4, 8, 0x14] {
            let [client, server] = recorded(mechanism, how);
            out.push(named(format_args!("server-{mechanism}-{how}"), [&[0, mechanism, 100, how & 1], client.as_slice()].concat()));
            out.push(named(format_args!("client-{mechanism}-{how}"), [&[1, mechanism, 100, how], server.as_slice()].concat()));
        }
    }
    let go: &[u8] = &[15, 5, 5, 5, 5];
    let calls: &[u8] = &[8, 0, 0, 100, 0, 0, 4, 0x40, 0x1f, 0, 3, 10, 0];
    let garbage = [&[14, 0][..], &piece(&[5, 0, 18, 3, 16, 0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0])].concat();
    for mechanism in [2, 3, 4, 5] {
        for level in 0..5 {
            for options in [0, 3, 4] {
                let head = [2, mechanism, level, options];
                out.push(named(format_args!("pair-{mechanism}-{level}-{options}"), [&head, calls, go, calls, go, go].concat()));
            }
            let head = [2, mechanism, level, 0];
            // A change on each way, a PDU twice, a cancel, an answer that is a fault, octets of somebody else, and time.
            let bent: &[u8] = &[15, 5, 5, 5, 5, 0, 0, 9, 0, 10, 0, 30, 0, 1, 3, 255];
            out.push(named(format_args!("changed-{mechanism}-{level}"), [&head, calls, bent, go].concat()));
            let back: &[u8] = &[15, 5, 5, 5, 5, 0, 0, 9, 0, 3, 255, 6, 9, 0, 11, 0, 30, 0, 1, 5, 255];
            out.push(named(format_args!("changed-back-{mechanism}-{level}"), [&head, calls, back, go].concat()));
            let twice: &[u8] = &[15, 5, 5, 5, 5, 0, 0, 9, 0, 12, 2, 0, 3, 255, 6, 9, 0, 9, 0, 7, 13, 40];
            out.push(named(format_args!("twice-{mechanism}-{level}"), [&head, calls, twice, &garbage, go].concat()));
        }
    }
    out
}
