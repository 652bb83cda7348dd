//! PDUs by hand against the server, by section of [MS-RPCE] 3.3.3.

use super::pair::*;
use super::toy::{THREE_LEGS, Toy};
use crate::pdu::{
    AuthTrailer, Bind, BindRejection, Body, ContextElement, ContextResult, DREP, Features, Flags, NDR, NDR64, Pdu, PduError, PduType,
    Request,
};
use crate::protect::Protection;
use crate::*;
use bytes::{Bytes, BytesMut};
use rwmi_auth::{AuthLevel, AuthType, SecurityContext, Step};
use rwmi_ndr::FaultStatus;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server and whoever sends it PDUs.
struct Raw {
    server: ServerConnection,
    now: Instant,
    events: Vec<ServerEvent>,
    closed: Option<ConnectionError>,
}

impl Raw {
    fn new(minimum: AuthLevel) -> Raw {
        Raw::with(minimum, ServerOptions::default(), link())
    }

    fn with(minimum: AuthLevel, options: ServerOptions, link: Link) -> Raw {
        let now = Instant::now();
        Raw { server: server(minimum, options, link, now), now, events: Vec::new(), closed: None }
    }

    fn octets(&mut self, octets: &[u8]) -> Vec<Pdu> {
        self.server.handle_input(&mut BytesMut::from(octets), self.now);
        self.drain()
    }

    fn drain(&mut self) -> Vec<Pdu> {
        while let Some(event) = self.server.poll_event() {
            match event {
                ServerEvent::Closed(why) => self.closed = Some(why),
                other => self.events.push(other),
            }
        }
        let (mut out, mut pdus) = (BytesMut::new(), Vec::new());
        while let Some(octets) = self.server.poll_transmit() {
            out.extend_from_slice(&octets);
        }
        while let Some((_, frame)) = pdu::take_pdu(&mut out).unwrap() {
            pdus.push(Pdu::parse(frame.freeze()).unwrap());
        }
        pdus
    }

    fn send(&mut self, pdu: Pdu) -> Vec<Pdu> {
        self.octets(&pdu.encode().unwrap())
    }

    fn bind(&mut self) {
        let acks = self.send(bind(1, vec![ContextElement::new(0, ECHO, NDR)], None));
        assert_eq!(results(&acks), [ContextResult::ACCEPTED]);
    }

    fn calls(&mut self) -> Vec<IncomingCall> {
        let (calls, rest) = self.events.drain(..).partition(|e| matches!(e, ServerEvent::Request(_)));
        self.events = rest;
        let calls: Vec<ServerEvent> = calls;
        calls.into_iter().map(|e| if let ServerEvent::Request(call) = e { call } else { unreachable!() }).collect()
    }
}

fn bind_body(contexts: Vec<ContextElement>) -> Bind {
    Bind { max_xmit: 4280, max_recv: 4280, group: 0, reserved: [0; 3], contexts, tail: Bytes::new() }
}

fn bind(call_id: u32, contexts: Vec<ContextElement>, auth: Option<AuthTrailer>) -> Pdu {
    Pdu::new(Flags(0), call_id, Body::Bind(bind_body(contexts)), auth)
}

fn alter(call_id: u32, contexts: Vec<ContextElement>, auth: Option<AuthTrailer>) -> Pdu {
    Pdu::new(Flags(0), call_id, Body::AlterContext(bind_body(contexts)), auth)
}

fn request(flags: Flags, call_id: u32, context_id: u16, stub: &'static [u8]) -> Pdu {
    let request = Request { alloc_hint: 0, context_id, opnum: 3, object: None, stub: Bytes::from_static(stub) };
    Pdu { minor: 0, flags, drep: DREP, call_id, body: Body::Request(request), auth: None }
}

fn other(ptype: PduType, call_id: u32) -> Pdu {
    Pdu::new(Flags(0), call_id, Body::Other(ptype, Bytes::new()), None)
}

fn auth(auth_type: AuthType, level: u8, context_id: u32, token: impl Into<Bytes>) -> AuthTrailer {
    AuthTrailer { auth_type, level, pad_len: 0, reserved: 0, context_id, token: token.into() }
}

fn results(acks: &[Pdu]) -> Vec<ContextResult> {
    match acks {
        [Pdu { body: Body::BindAck(ack) | Body::AlterContextResp(ack), .. }] => ack.results.clone(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_fault(answers: &[Pdu], call_id: u32, status: FaultStatus) {
    match answers {
        [Pdu { call_id: id, body: Body::Fault(fault), .. }] => assert_eq!((*id, fault.status), (call_id, status)),
        other => panic!("no fault: {other:?}"),
    }
}

#[track_caller]
fn check_nak(answers: &[Pdu], reason: BindRejection) {
    match answers {
        [Pdu { body: Body::BindNak(nak), .. }] => assert_eq!((nak.reason, nak.versions.as_deref()), (reason, Some(&[(5, 0)][..]))),
        other => panic!("no bind_nak: {other:?}"),
    }
}

/// 3.3.1.5.1.
#[test]
fn another_version_is_told_ours() {
    let mut raw = Raw::new(AuthLevel::None);
    let mut octets = bind(7, vec![], None).encode().unwrap().to_vec();
    octets[0] = 4;
    check_nak(&raw.octets(&octets), BindRejection::PROTOCOL_VERSION);
    assert_eq!(raw.closed, Some(ConnectionError::Pdu(PduError::Version(4, 0))));
}

#[test]
fn big_endian_is_refused_under_its_own_call_id() {
    let mut raw = Raw::new(AuthLevel::None);
    let answers = raw.octets(&[5, 0, 11, 3, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
    check_nak(&answers, BindRejection::NOT_SPECIFIED);
    assert_eq!(answers[0].call_id, 9);
}

/// 3.3.1.5.3, 3.3.1.5.6.
#[test]
fn every_presentation_context_is_answered_by_position() {
    let mut raw = Raw::new(AuthLevel::None);
    let several = ContextElement { transfer: vec![NDR64, NDR], ..ContextElement::new(5, ECHO, NDR) };
    let contexts = vec![
        ContextElement::new(2, ECHO, NDR64),
        ContextElement::new(0, ECHO, NDR),
        ContextElement::new(1, UNKNOWN, NDR),
        ContextElement::new(3, UNKNOWN, Features(7).syntax()),
        several,
    ];
    assert_eq!(
        results(&raw.send(bind(1, contexts, None))),
        [
            ContextResult::NO_TRANSFER_SYNTAX,
            ContextResult::ACCEPTED,
            ContextResult::NO_INTERFACE,
            ContextResult::features(Features(3)),
            ContextResult::ACCEPTED
        ]
    );
    // The same number again: for the same interface yes, for another no.
    let again = vec![ContextElement::new(0, ECHO, NDR), ContextElement::new(0, OTHER, NDR), ContextElement::new(9, OTHER, NDR)];
    let expect = [ContextResult::ACCEPTED, ContextResult::LIMIT, ContextResult::ACCEPTED];
    assert_eq!(results(&raw.send(alter(2, again, None))), expect);
    assert!(raw.send(request(Flags::WHOLE, 3, 9, b"")).is_empty());
    assert_eq!(raw.calls()[0].interface, OTHER);
}

#[test]
fn fragment_sizes_and_address_are_negotiated() {
    let mut raw = Raw::new(AuthLevel::None);
    let acks = raw.send(bind(1, vec![ContextElement::new(0, ECHO, NDR)], None));
    let Body::BindAck(ack) = &acks[0].body else { panic!() };
    assert_eq!((ack.max_xmit, ack.max_recv, &ack.address[..]), (4280, 4280, &b"24158\0"[..]));
    // One client says 0 in every alter_context.
    let zero = Bind { max_xmit: 0, max_recv: 0, ..bind_body(vec![ContextElement::new(1, OTHER, NDR)]) };
    assert_eq!(results(&raw.send(Pdu::new(Flags(0), 2, Body::AlterContext(zero), None))), [ContextResult::ACCEPTED]);
    raw.send(request(Flags::WHOLE, 3, 1, b""));
    let call = raw.calls().remove(0);
    raw.server.respond(call.handle, Ok(vec![1; 10_000].into()));
    let lens: Vec<usize> = raw.drain().iter().map(|p| p.encode().unwrap().len()).collect();
    assert_eq!(lens, [4280, 4280, 10_000 - 2 * 4256 + 24]);
}

#[test]
fn presentation_contexts_have_a_limit() {
    let options = ServerOptions { presentation_contexts_max: 2, ..ServerOptions::default() };
    let mut raw = Raw::with(AuthLevel::None, options, link());
    let contexts = (0..3).map(|n| ContextElement::new(n, ECHO, NDR)).collect();
    assert_eq!(results(&raw.send(bind(1, contexts, None))), [ContextResult::ACCEPTED, ContextResult::ACCEPTED, ContextResult::LIMIT]);
}

/// 3.3.1.5.7.
#[test]
fn an_association_group_belongs_to_one_address() {
    let groups = Arc::new(AssociationGroups::default());
    let connect = |peer: [u8; 4], group: u32| {
        let link = Link { peer: SocketAddr::from((peer, 1)), ..link() };
        let endpoint = Arc::new(TestEndpoint { minimum: AuthLevel::None });
        let now = Instant::now();
        let server = ServerConnection::new(endpoint, link, Arc::default(), groups.clone(), now);
        let mut raw = Raw { server, now, events: Vec::new(), closed: None };
        let answer =
            raw.send(Pdu::new(Flags(0), 1, Body::Bind(Bind { group, ..bind_body(vec![ContextElement::new(0, ECHO, NDR)]) }), None));
        (raw, answer)
    };
    let (_first, answer) = connect([127, 0, 0, 1], 0);
    let Body::BindAck(ack) = &answer[0].body else { panic!() };
    let (_second, answer) = connect([127, 0, 0, 1], ack.group);
    assert!(matches!(&answer[0].body, Body::BindAck(second) if second.group == ack.group));
    check_nak(&connect([127, 0, 0, 2], ack.group).1, BindRejection::NOT_SPECIFIED);
}

/// 3.3.3.5.4. At once, and not at its end: that may never come, or its sender may look for an answer only when it is through.
#[test]
fn a_request_longer_than_the_limit_is_refused_when_it_shows_and_its_rest_passed_over() {
    let mut raw = Raw::with(AuthLevel::None, ServerOptions { request_len_max: 100, ..ServerOptions::default() }, link());
    raw.bind();
    assert!(raw.send(request(Flags::FIRST, 2, 0, &[0; 60])).is_empty());
    check_fault(&raw.send(request(Flags(0), 2, 0, &[0; 60])), 2, FaultStatus::ACCESS_DENIED);
    for _ in 0..1000 {
        assert!(raw.send(request(Flags(0), 2, 0, &[0; 60])).is_empty());
    }
    assert!(raw.send(request(Flags::LAST, 2, 0, &[0; 60])).is_empty() && raw.closed.is_none());
    // One fragment alone may be too long.
    check_fault(&raw.send(request(Flags::WHOLE, 3, 0, &[0; 104])), 3, FaultStatus::ACCESS_DENIED);
    // The connection lives, and exactly the limit is allowed.
    raw.send(request(Flags::FIRST, 4, 0, &[0; 60]));
    assert!(raw.send(request(Flags::LAST, 4, 0, &[0; 40])).is_empty());
    assert_eq!(raw.calls()[0].stub.len(), 100);
    // What calls may hold together is as much a limit.
    let options = ServerOptions { calls_len_max: 100, ..ServerOptions::default() };
    let mut raw = Raw::with(AuthLevel::None, options, link());
    raw.bind();
    raw.send(request(Flags::WHOLE, 2, 0, &[0; 60]));
    raw.send(request(Flags::FIRST, 3, 0, &[0; 40]));
    check_fault(&raw.send(request(Flags(0), 3, 0, &[0; 8])), 3, FaultStatus::NCA_S_SERVER_TOO_BUSY);
    assert!(raw.send(request(Flags::LAST, 3, 0, &[0; 8])).is_empty() && raw.closed.is_none());
}

#[test]
fn alloc_hint_reserves_nothing() {
    let mut raw = Raw::new(AuthLevel::None);
    raw.bind();
    let mut pdu = request(Flags::FIRST, 2, 0, b"12345678");
    let Body::Request(request) = &mut pdu.body else { panic!() };
    request.alloc_hint = u32::MAX;
    assert!(raw.send(pdu).is_empty() && raw.closed.is_none());
}

#[test]
fn fragments_of_two_requests_do_not_mix() {
    let mut raw = Raw::new(AuthLevel::None);
    raw.bind();
    raw.send(request(Flags::FIRST, 2, 0, b"12345678"));
    check_fault(&raw.send(request(Flags::FIRST, 3, 0, b"12345678")), 3, FaultStatus::NCA_S_PROTO_ERROR);
    assert!(matches!(raw.closed, Some(ConnectionError::Protocol(_))));
}

/// 3.3.3.5.6.
#[test]
fn call_ids_are_not_used_twice_at_a_time_and_stay_below_their_limit() {
    for bad in [2, 0x8000_0000] {
        let mut raw = Raw::new(AuthLevel::None);
        raw.bind();
        raw.send(request(Flags::WHOLE, 2, 0, b""));
        check_fault(&raw.send(request(Flags::WHOLE, bad, 0, b"")), bad, FaultStatus::NCA_S_PROTO_ERROR);
    }
    // After its answer, a number may come again.
    let mut raw = Raw::new(AuthLevel::None);
    raw.bind();
    for _ in 0..2 {
        raw.send(request(Flags::WHOLE, 2, 0, b""));
        let call = raw.calls().remove(0);
        raw.server.respond(call.handle, Ok(Bytes::new()));
        assert_eq!(raw.drain().len(), 1);
    }
}

#[test]
fn late_fragments_of_a_dead_call_are_passed_over_within_the_window() {
    let mut raw = Raw::new(AuthLevel::None);
    raw.bind();
    raw.send(request(Flags::FIRST, 200, 0, b"12345678"));
    assert!(raw.send(other(PduType::ORPHANED, 200)).is_empty());
    assert!(raw.send(request(Flags::LAST, 200, 0, b"rest")).is_empty() && raw.closed.is_none());
    assert!(raw.send(request(Flags::LAST, 50, 0, b"rest")).is_empty() && raw.closed.is_none());
    check_fault(&raw.send(request(Flags::LAST, 49, 0, b"rest")), 49, FaultStatus::NCA_S_PROTO_ERROR);
}

#[test]
fn faults_say_what_is_wrong_with_a_request() {
    let mut raw = Raw::with(AuthLevel::None, ServerOptions { calls_max: 1, ..ServerOptions::default() }, link());
    raw.bind();
    check_fault(&raw.send(request(Flags::WHOLE, 2, 77, b"")), 2, FaultStatus::NCA_S_INVALID_PRES_CONTEXT_ID);
    assert!(raw.send(request(Flags::WHOLE, 3, 0, b"")).is_empty());
    check_fault(&raw.send(request(Flags::WHOLE, 4, 0, b"")), 4, FaultStatus::NCA_S_SERVER_TOO_BUSY);
    // Cancelled in the middle of its fragments; then while it is served.
    let call = raw.calls().remove(0);
    raw.server.respond(call.handle, Err(FaultStatus::RPC_X_BAD_STUB_DATA));
    check_fault(&raw.drain(), 3, FaultStatus::RPC_X_BAD_STUB_DATA);
    raw.send(request(Flags::FIRST, 5, 0, b"12345678"));
    check_fault(&raw.send(other(PduType::CO_CANCEL, 5)), 5, FaultStatus::NCA_S_FAULT_CANCEL);
    raw.send(request(Flags::WHOLE, 6, 0, b""));
    let call = raw.calls().remove(0);
    raw.send(other(PduType::CO_CANCEL, 6));
    assert!(matches!(raw.events[..], [.., ServerEvent::Cancelled(handle)] if handle == call.handle));
    // Somebody else's number cancels nothing.
    raw.events.clear();
    raw.send(other(PduType::CO_CANCEL, 99));
    raw.send(other(PduType::ORPHANED, 99));
    assert!(raw.events.is_empty() && raw.closed.is_none());
}

#[test]
fn pdus_out_of_place_end_the_connection() {
    for (bound, pdu) in [
        (false, request(Flags::WHOLE, 1, 0, b"")),
        (false, alter(1, vec![], None)),
        (true, other(PduType::RESPONSE, 2)),
        (true, other(PduType::SHUTDOWN, 2)),
        (true, other(PduType(250), 2)),
    ] {
        let mut raw = Raw::new(AuthLevel::None);
        if bound {
            raw.bind();
        }
        let octets = pdu.encode().unwrap();
        check_fault(&raw.octets(&octets), pdu.call_id, FaultStatus::NCA_S_PROTO_ERROR);
        assert!(raw.closed.is_some(), "{pdu:?}");
        // Whatever comes then is not looked at.
        assert!(raw.octets(&octets).is_empty());
    }
}

#[test]
fn a_second_bind_is_a_bind_nak() {
    let mut raw = Raw::new(AuthLevel::None);
    raw.bind();
    check_nak(&raw.send(bind(2, vec![], None)), BindRejection::NOT_SPECIFIED);
    assert!(raw.closed.is_some());
}

/// A handshake by hand, so that what follows can be wrong in one place.
fn authenticated(raw: &mut Raw, level: AuthLevel, id: u32, first: bool) -> Protection {
    let mut context: Box<dyn SecurityContext> = Toy::initiator(THREE_LEGS, "secret");
    let Ok(Step::Continue(token)) = context.step(&[]) else { panic!() };
    let contexts = vec![ContextElement::new(0, ECHO, NDR)];
    let trailer = Some(auth(THREE_LEGS, level as u8, id, token));
    let mut pdu = if first { bind(1, contexts, trailer) } else { alter(1, contexts, trailer) };
    pdu.flags = pdu.flags.with(Flags::HEADER_SIGNING);
    let answers = raw.send(pdu);
    assert!(answers[0].flags.has(Flags::HEADER_SIGNING));
    let Ok(Step::Done(Some(token))) = context.step(&answers[0].auth.as_ref().unwrap().token) else { panic!() };
    // The call id of an auth3 may be anything; its padding too.
    let auth3 = Pdu::new(Flags(0), 4711, Body::Auth3(Bytes::from_static(b"    ")), Some(auth(THREE_LEGS, level as u8, id, token)));
    assert!(raw.send(auth3).is_empty());
    Protection { context, auth_type: THREE_LEGS, level, id, header_signing: true }
}

fn sealed(protection: &mut Protection, call_id: u32, stub: &'static [u8]) -> BytesMut {
    let mut out = BytesMut::new();
    request(Flags::WHOLE, call_id, 0, stub).encode_into(&mut out).unwrap();
    protection.seal(&mut out, 0, 24).unwrap();
    out
}

#[test]
fn every_octet_of_a_protected_request_counts() {
    for level in [AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy] {
        let len = {
            let mut raw = Raw::new(AuthLevel::Integrity);
            sealed(&mut authenticated(&mut raw, level, 1, true), 2, b"stub").len()
        };
        for at in 0..len {
            let mut raw = Raw::new(level);
            let mut octets = sealed(&mut authenticated(&mut raw, level, 1, true), 2, b"stub");
            octets[at] ^= 0x40;
            raw.octets(&octets);
            assert!(raw.calls().is_empty(), "octet {at}");
        }
    }
}

#[test]
fn a_bad_signature_ends_the_connection_and_a_replay_is_one() {
    let mut raw = Raw::new(AuthLevel::Integrity);
    let mut protection = authenticated(&mut raw, AuthLevel::Integrity, 1, true);
    let first = sealed(&mut protection, 2, b"stub");
    assert!(raw.octets(&first).is_empty());
    assert_eq!(raw.calls().len(), 1);
    let mut replayed = first.clone();
    replayed[12] = 3;
    check_fault(&raw.octets(&replayed), 3, FaultStatus::ACCESS_DENIED);
    assert_eq!(raw.closed, Some(ConnectionError::Auth(rwmi_auth::AuthError::BadSignature)));
}

#[test]
fn a_request_is_whom_its_own_context_says() {
    let mut raw = Raw::new(AuthLevel::Packet);
    let mut low = authenticated(&mut raw, AuthLevel::Packet, 5, true);
    let mut high = authenticated(&mut raw, AuthLevel::Privacy, 5, false);
    for (protection, level) in [(&mut high, AuthLevel::Privacy), (&mut low, AuthLevel::Packet)] {
        raw.octets(&sealed(protection, 2, b""));
        let call = raw.calls().remove(0);
        assert_eq!(call.cx.level, level);
        raw.server.respond(call.handle, Ok(Bytes::new()));
        raw.drain();
    }
    // A trailer that names no context, or none at all.
    let mut unknown = Protection { id: 6, ..high };
    check_fault(&raw.octets(&sealed(&mut unknown, 3, b"")), 3, FaultStatus::ACCESS_DENIED);
    check_fault(&raw.send(request(Flags::WHOLE, 4, 0, b"")), 4, FaultStatus::ACCESS_DENIED);
    assert!(raw.closed.is_none());
}

#[test]
fn at_connect_only_the_only_context_lends_its_name() {
    let mut raw = Raw::new(AuthLevel::Connect);
    authenticated(&mut raw, AuthLevel::Connect, 1, true);
    raw.send(request(Flags::WHOLE, 2, 0, b""));
    assert_eq!(raw.calls()[0].cx.level, AuthLevel::Connect);
    authenticated(&mut raw, AuthLevel::Connect, 2, false);
    check_fault(&raw.send(request(Flags::WHOLE, 3, 0, b"")), 3, FaultStatus::ACCESS_DENIED);
    // A context at packet signs each of its requests: one without a trailer is nobody's.
    let mut raw = Raw::new(AuthLevel::Connect);
    authenticated(&mut raw, AuthLevel::Packet, 1, true);
    check_fault(&raw.send(request(Flags::WHOLE, 2, 0, b"")), 2, FaultStatus::ACCESS_DENIED);
}

#[test]
fn a_half_open_context_proves_nothing_and_ends_in_time() {
    let mut raw = Raw::new(AuthLevel::None);
    let trailer = |id| Some(auth(THREE_LEGS, 5, id, &b"1"[..]));
    raw.send(bind(1, vec![ContextElement::new(0, ECHO, NDR)], trailer(1)));
    let mut guess = request(Flags::WHOLE, 2, 0, b"");
    guess.auth = Some(auth(THREE_LEGS, 5, 1, &[0; 16][..]));
    check_fault(&raw.send(guess), 2, FaultStatus::ACCESS_DENIED);
    assert_eq!(raw.server.poll_timeout(), Some(raw.now + Duration::from_secs(30)));
    raw.server.handle_timeout(raw.now + Duration::from_secs(29));
    raw.drain();
    assert_eq!(raw.closed, None);
    raw.server.handle_timeout(raw.now + Duration::from_secs(30));
    raw.drain();
    assert_eq!(raw.closed, Some(ConnectionError::HandshakeTimedOut));

    // One context that stands keeps the connection when another one times out.
    let mut raw = Raw::new(AuthLevel::Integrity);
    let mut good = authenticated(&mut raw, AuthLevel::Integrity, 1, true);
    raw.send(alter(2, vec![], trailer(2)));
    raw.server.handle_timeout(raw.server.poll_timeout().unwrap());
    assert_eq!(raw.server.poll_timeout(), None);
    raw.octets(&sealed(&mut good, 3, b""));
    assert_eq!(raw.calls().len(), 1);
}

#[test]
fn a_silent_client_is_closed() {
    let mut raw = Raw::new(AuthLevel::None);
    let due = raw.server.poll_timeout().unwrap();
    raw.server.handle_timeout(due);
    raw.drain();
    assert_eq!(raw.closed, Some(ConnectionError::HandshakeTimedOut));
}

/// 3.3.1.5.4.
#[test]
fn security_contexts_have_limits() {
    let options = ServerOptions { half_open_max: 2, security_contexts_max: 3, ..ServerOptions::default() };
    let mut raw = Raw::with(AuthLevel::None, options, link());
    raw.bind();
    let begin = |id| alter(2, vec![], Some(auth(THREE_LEGS, 5, id, &b"1"[..])));
    for id in 0..2 {
        assert!(matches!(raw.send(begin(id))[0].body, Body::AlterContextResp(_)));
    }
    check_fault(&raw.send(begin(2)), 2, FaultStatus::RPC_S_PROTOCOL_ERROR);
    for id in 0..2 {
        raw.send(Pdu::new(Flags(0), 9, Body::Auth3(Bytes::from_static(&[0; 4])), Some(auth(THREE_LEGS, 5, id, &b"3 secret"[..]))));
    }
    assert!(matches!(raw.send(begin(2))[0].body, Body::AlterContextResp(_)));
    check_fault(&raw.send(begin(3)), 2, FaultStatus::RPC_S_PROTOCOL_ERROR);
}

#[test]
fn a_refused_alter_context_leaves_the_connection_as_it_was() {
    let mut raw = Raw::new(AuthLevel::Integrity);
    let mut good = authenticated(&mut raw, AuthLevel::Integrity, 1, true);
    let unknown = auth(AuthType(68), 5, 2, &b"1"[..]);
    check_fault(&raw.send(alter(2, vec![], Some(unknown))), 2, FaultStatus::RPC_S_UNKNOWN_AUTHN_SERVICE);
    check_fault(&raw.send(alter(3, vec![], Some(auth(THREE_LEGS, 5, 3, &b"rubbish"[..])))), 3, FaultStatus::ACCESS_DENIED);
    check_fault(&raw.send(alter(4, vec![], Some(auth(THREE_LEGS, 1, 4, &b"1"[..])))), 4, FaultStatus::ACCESS_DENIED);
    // An established context is not begun again.
    check_fault(&raw.send(alter(5, vec![], Some(auth(THREE_LEGS, 5, 1, &b"1"[..])))), 5, FaultStatus::ACCESS_DENIED);
    raw.octets(&sealed(&mut good, 6, b""));
    assert_eq!(raw.calls().len(), 1);
}

#[test]
fn the_transport_may_say_who_calls() {
    let root = rwmi_auth::Identity { user: "root".into(), domain: String::new(), identify_only: false };
    let mut raw = Raw::with(AuthLevel::Privacy, ServerOptions::default(), Link { identity: Some(Arc::new(root)), ..link() });
    raw.bind();
    raw.send(request(Flags::WHOLE, 2, 0, b""));
    let call = raw.calls().remove(0);
    assert_eq!((call.cx.caller.unwrap().user.as_str(), call.cx.level), ("root", AuthLevel::Privacy));
}

#[test]
fn a_slow_reader_costs_the_stub_and_not_its_fragments() {
    let mut raw = Raw::new(AuthLevel::None);
    raw.bind();
    raw.send(request(Flags::WHOLE, 2, 0, b""));
    let call = raw.calls().remove(0);
    raw.server.respond(call.handle, Ok(vec![7; 4 << 20].into()));
    // As long as nobody takes what is to be sent, no more than a piece of it is made.
    let piece = raw.server.poll_transmit().unwrap();
    assert!(piece.len() < 200 << 10, "{}", piece.len());
    assert!(!raw.server.is_idle());
    let rest: usize = std::iter::from_fn(|| raw.server.poll_transmit()).map(|p| p.len()).sum();
    assert!(4 << 20 < piece.len() + rest && raw.server.is_idle());
    // And answers to handshakes that nobody reads end the reading.
    let alter = alter(3, vec![ContextElement::new(1, OTHER, NDR); 200], None).encode().unwrap();
    for _ in 0..200 {
        raw.server.handle_input(&mut BytesMut::from(&alter[..]), raw.now);
    }
    assert!(!raw.server.wants_input());
    raw.drain();
    assert!(raw.server.wants_input());
}
