//! What goes well, and what does not.

use super::pair::*;
use super::toy::{FOUR_LEGS, THREE_LEGS, Toy};
use crate::*;
use bytes::Bytes;
use rwmi_auth::{AuthError, AuthLevel};
use rwmi_ndr::FaultStatus;

const LEVELS: [AuthLevel; 5] = [AuthLevel::Connect, AuthLevel::Call, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

fn stub(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

#[test]
fn an_anonymous_call_needs_an_endpoint_that_allows_it() {
    let mut pair = Pair::new(AuthLevel::None);
    let call = pair.round_trip(ECHO, b"hello", None);
    assert_eq!((call.cx.caller, call.cx.level, call.opnum), (None, AuthLevel::None, 3));
    assert_eq!(call.cx.object, Some(ECHO.uuid));

    let mut pair = Pair::new(AuthLevel::Connect);
    let id = pair.call(ECHO, b"hello", None);
    assert_eq!(pair.done, [(id, Err(CallFailure::Fault(FaultStatus::ACCESS_DENIED)))]);
    assert_eq!(pair.client_closed, None);
}

#[test]
fn every_level_by_three_legs_and_by_four() {
    for auth_type in [THREE_LEGS, FOUR_LEGS] {
        for level in LEVELS {
            let mut pair = Pair::new(AuthLevel::Connect);
            let security = pair.secure(auth_type, level);
            for len in [0, 1, 15, 16, 17, 5000] {
                let call = pair.round_trip(ECHO, &stub(len), Some(security));
                assert_eq!(call.cx.level, if level == AuthLevel::Call { AuthLevel::Packet } else { level });
                assert_eq!(call.cx.caller.unwrap().user, "toy");
                assert!(call.stub.starts_with(&stub(len)) && call.stub.len() < len + 4);
            }
        }
    }
}

#[test]
fn privacy_hides_the_stub_and_integrity_does_not() {
    for (level, hidden) in [(AuthLevel::Integrity, false), (AuthLevel::Privacy, true)] {
        let mut pair = Pair::new(AuthLevel::Connect);
        let security = pair.secure(THREE_LEGS, level);
        pair.round_trip(ECHO, b"a secret that is sixteen or more", Some(security));
        for seen in &pair.seen {
            assert_eq!(!seen.windows(8).any(|w| w == b"a secret"), hidden);
        }
    }
}

#[test]
fn long_calls_go_in_fragments_both_ways() {
    for level in LEVELS {
        let mut pair = Pair::new(AuthLevel::Connect);
        let security = pair.secure(FOUR_LEGS, level);
        for len in [5_784, 5_792, 5_793, 40_000, 300_000] {
            let call = pair.round_trip(ECHO, &stub(len), Some(security));
            assert!(call.stub.starts_with(&stub(len)));
        }
    }
}

#[test]
fn input_may_be_chopped_at_every_octet() {
    for chop in [1, 2, 3, 7, 16, 23, 1000] {
        let mut pair = Pair::new(AuthLevel::Integrity);
        pair.chop = chop;
        let security = pair.secure(THREE_LEGS, AuthLevel::Privacy);
        pair.round_trip(ECHO, &stub(12_000), Some(security));
        pair.round_trip(OTHER, b"", Some(security));
    }
}

#[test]
fn several_security_contexts_share_a_connection() {
    let mut pair = Pair::new(AuthLevel::Connect);
    let (low, high) = (pair.secure(FOUR_LEGS, AuthLevel::Packet), pair.secure(THREE_LEGS, AuthLevel::Privacy));
    for (interface, security, level) in [
        (ECHO, low, AuthLevel::Packet),
        (ECHO, high, AuthLevel::Privacy),
        (OTHER, low, AuthLevel::Packet),
        (OTHER, high, AuthLevel::Privacy),
        (ECHO, low, AuthLevel::Packet),
    ] {
        assert_eq!(pair.round_trip(interface, b"x", Some(security)).cx.level, level);
    }
    // Beside them, a call without a trailer comes from nobody.
    let id = pair.call(ECHO, b"x", None);
    assert_eq!(pair.done, [(id, Err(CallFailure::Fault(FaultStatus::ACCESS_DENIED)))]);
}

#[test]
fn an_unknown_interface_is_refused_and_the_connection_lives() {
    let mut pair = Pair::new(AuthLevel::Connect);
    let security = pair.secure(THREE_LEGS, AuthLevel::Integrity);
    let id = pair.call(UNKNOWN, b"", Some(security));
    let refused = CallFailure::Rejected { interface: UNKNOWN, result: pdu::ContextResult::NO_INTERFACE };
    assert_eq!(pair.done.pop(), Some((id, Err(refused))));
    pair.round_trip(ECHO, b"x", Some(security));
}

#[test]
fn interfaces_that_are_named_beforehand_need_no_round_trip_of_their_own() {
    let count = |pair: &Pair, ptype: u8| {
        let (mut octets, mut n) = (&pair.seen[0][..], 0);
        while let Some(header) = octets.first_chunk::<16>() {
            n += usize::from(header[2] == ptype);
            octets = &octets[usize::from(u16::from_le_bytes([header[8], header[9]]))..];
        }
        n
    };
    const ALTER_CONTEXT: u8 = 14;
    for (interfaces, alters) in [(vec![], 1), (vec![OTHER, UNKNOWN, ECHO], 0)] {
        let options = ClientOptions { interfaces, ..ClientOptions::default() };
        let mut pair = Pair::with(AuthLevel::Connect, options, ServerOptions::default());
        let security = pair.secure(THREE_LEGS, AuthLevel::Privacy);
        pair.round_trip(ECHO, b"x", Some(security));
        pair.round_trip(OTHER, b"y", Some(security));
        assert_eq!(count(&pair, ALTER_CONTEXT), alters);
        // One that was refused beforehand is asked for again when it is called.
        let id = pair.call(UNKNOWN, b"", Some(security));
        assert!(matches!(pair.done.pop(), Some((refused, Err(CallFailure::Rejected { .. }))) if refused == id));
        assert_eq!(count(&pair, ALTER_CONTEXT), alters + 1);
        pair.round_trip(OTHER, b"z", Some(security));
    }
}

#[test]
fn a_wrong_password_is_told_by_the_first_request_or_the_last_leg() {
    for (auth_type, failure) in
        [(THREE_LEGS, CallFailure::Fault(FaultStatus::ACCESS_DENIED)), (FOUR_LEGS, CallFailure::AuthRefused(FaultStatus::ACCESS_DENIED))]
    {
        let mut pair = Pair::new(AuthLevel::None);
        let security = pair.client.add_security(Toy::initiator(auth_type, "guess"), SecurityOptions::default());
        let id = pair.call(ECHO, b"x", Some(security));
        assert_eq!(pair.done.pop(), Some((id, Err(failure))));
        assert!(matches!(
            pair.server_events[..],
            [ServerEvent::AuthenticationFailed { error: AuthError::LogonDenied, .. }]
                | [ServerEvent::AuthenticationFailed { error: AuthError::LogonDenied, .. }, ServerEvent::Refused { .. }]
        ));
        assert!(pair.requests.is_empty());
    }
}

#[test]
fn an_unknown_mechanism_is_a_bind_nak() {
    let mut pair = Pair::new(AuthLevel::None);
    let security = pair.client.add_security(Toy::initiator(rwmi_auth::AuthType(68), "secret"), SecurityOptions::default());
    let id = pair.call(ECHO, b"x", Some(security));
    let why = ConnectionError::BindRefused(pdu::BindRejection::AUTH_TYPE);
    assert_eq!(pair.done, [(id, Err(why.clone().into()))]);
    assert_eq!(pair.client_closed, Some(why));
}

#[test]
fn several_calls_are_under_way_and_end_in_any_order() {
    let mut pair = Pair::new(AuthLevel::Integrity);
    let security = pair.secure(THREE_LEGS, AuthLevel::Privacy);
    let ids: Vec<CallId> = (0..5).map(|n| pair.call(ECHO, &[n; 9000], Some(security))).collect();
    assert_eq!(pair.requests.len(), 5);
    for at in [3, 0, 2, 0, 0] {
        let call = pair.requests.remove(at);
        let back = call.stub.slice(..9000);
        pair.server.respond(call.handle, Ok(back));
        pair.run();
        let (id, result) = pair.done.pop().unwrap();
        let n = ids.iter().position(|i| *i == id).unwrap() as u8;
        assert_eq!(result.unwrap(), vec![n; 9000]);
    }
}

#[test]
fn without_multiplexing_one_call_waits_for_the_other() {
    let options = ClientOptions { multiplex: false, ..ClientOptions::default() };
    let mut pair = Pair::with(AuthLevel::None, options, ServerOptions::default());
    pair.call(ECHO, b"1", None);
    pair.call(OTHER, b"2", None);
    assert_eq!(pair.requests.len(), 1);
    pair.answer(Ok(Bytes::new()));
    assert_eq!(pair.requests.len(), 1);
    pair.answer(Ok(Bytes::new()));
    assert_eq!(pair.done.len(), 2);
}

#[test]
fn a_cancelled_call_is_orphaned_and_its_late_answer_swallowed() {
    let mut pair = Pair::new(AuthLevel::Integrity);
    let security = pair.secure(THREE_LEGS, AuthLevel::Integrity);
    let id = pair.call(ECHO, b"never", Some(security));
    // The answer is under way when the client cancels.
    let call = pair.requests.remove(0);
    pair.server.respond(call.handle, Ok(Bytes::from_static(b"late")));
    pair.client.cancel(id);
    pair.run();
    assert_eq!((pair.done.len(), &pair.client_closed), (0, &None));
    pair.round_trip(ECHO, b"x", Some(security));

    let id = pair.call(ECHO, b"long", Some(security));
    pair.client.cancel(id);
    pair.run();
    let handle = pair.requests.remove(0).handle;
    assert!(matches!(pair.server_events[..], [.., ServerEvent::Cancelled(a), ServerEvent::Orphaned(b)] if a == handle && b == handle));
    pair.server.respond(handle, Ok(Bytes::from_static(b"to nobody")));
    pair.run();
    assert!(pair.done.is_empty() && pair.server.is_idle());
}

#[test]
fn a_deadline_ends_a_call_and_not_the_connection() {
    let mut pair = Pair::new(AuthLevel::None);
    let id = pair.call(ECHO, b"slow", None);
    let due = pair.client.poll_timeout().unwrap();
    pair.client.handle_timeout(due);
    pair.run();
    assert_eq!(pair.done.pop(), Some((id, Err(CallFailure::TimedOut))));
    assert_eq!(pair.client.poll_timeout(), None);
    pair.requests.clear();
    pair.round_trip(ECHO, b"x", None);
}

#[test]
fn a_connection_has_room_for_two_thousand_security_contexts() {
    let mut pair = Pair::new(AuthLevel::None);
    let ids: Vec<SecurityId> = (0..2001).map(|_| pair.secure(THREE_LEGS, AuthLevel::Integrity)).collect();
    pair.round_trip(ECHO, b"x", Some(ids[1999]));
    let id = pair.call(ECHO, b"x", Some(ids[2000]));
    assert_eq!(pair.done.pop(), Some((id, Err(CallFailure::Exhausted("security context")))));
}
