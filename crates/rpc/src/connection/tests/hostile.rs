//! A client and a server, or somebody between them, that means it no good.

use super::pair::*;
use super::toy::{FOUR_LEGS, THREE_LEGS, Toy};
use crate::pdu::{AuthTrailer, BindAck, BindNak, BindRejection, Body, ContextResult, Flags, NDR64, Pdu, PduType, Response};
use crate::*;
use bytes::{Bytes, BytesMut};
use rwmi_auth::{AuthError, AuthLevel};
use rwmi_ndr::FaultStatus;
use std::sync::Arc;
use std::time::Instant;

/// A client and server with somebody between who may change each PDU.
struct Between {
    client: ClientConnection,
    server: ServerConnection,
    done: Vec<Result<Bytes, CallFailure>>,
    closed: Option<ConnectionError>,
    server_closed: Option<ConnectionError>,
}

impl Between {
    fn new() -> Between {
        let server = server(AuthLevel::None, ServerOptions::default(), link(), Instant::now());
        let client = ClientConnection::new(ClientOptions::default());
        Between { client, server, done: Vec::new(), closed: None, server_closed: None }
    }

    fn call(&mut self, level: Option<AuthLevel>, change: &mut dyn FnMut(bool, Pdu) -> Pdu) {
        let security = level.map(|level| self.client.add_security(Toy::initiator(THREE_LEGS, "secret"), SecurityOptions::at(level)));
        self.call_by(security, change);
    }

    /// One call, which the server answers with its stub.
    fn call_by(&mut self, security: Option<SecurityId>, change: &mut dyn FnMut(bool, Pdu) -> Pdu) {
        let stub = Bytes::from_static(b"a stub of some length");
        self.client.call(OutgoingCall { interface: ECHO, object: None, opnum: 3, stub, security, deadline: None });
        let mut changed = |from_client: bool, octets: Bytes| {
            let (mut input, mut out) = (BytesMut::from(&octets[..]), BytesMut::new());
            while let Some((_, frame)) = pdu::take_pdu(&mut input).unwrap() {
                let pdu = change(from_client, Pdu::parse(frame.freeze()).unwrap());
                out.extend_from_slice(&pdu.encode().unwrap());
            }
            out
        };
        loop {
            while let Some(event) = self.server.poll_event() {
                match event {
                    ServerEvent::Request(call) => self.server.respond(call.handle, Ok(call.stub)),
                    ServerEvent::Closed(why) => self.server_closed = Some(why),
                    _ => {}
                }
            }
            while let Some(event) = self.client.poll_event() {
                match event {
                    ClientEvent::Done { result, .. } => self.done.push(result),
                    ClientEvent::Closed(why) => self.closed = Some(why),
                    _ => {}
                }
            }
            if let Some(octets) = self.client.poll_transmit() {
                self.server.handle_input(&mut changed(true, octets), Instant::now());
            } else if let Some(octets) = self.server.poll_transmit() {
                self.client.handle_input(&mut changed(false, octets));
            } else {
                return;
            }
        }
    }
}

/// The connection ends with this when one PDU of a type is changed.
#[track_caller]
fn check_closed(level: Option<AuthLevel>, ptype: PduType, mut change: impl FnMut(&mut Pdu), expect: impl Fn(&ConnectionError) -> bool) {
    let mut between = Between::new();
    between.call(level, &mut |_, mut pdu| {
        if pdu.body.ptype() == ptype {
            change(&mut pdu);
        }
        pdu
    });
    assert!(between.closed.as_ref().is_some_and(expect), "{:?} {:?}", between.closed, between.done);
    assert!(between.done.iter().all(Result::is_err) && between.done.len() == 1);
}

fn protocol(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::Protocol(_))
}

fn ack(pdu: &mut Pdu) -> &mut BindAck {
    match &mut pdu.body {
        Body::BindAck(ack) | Body::AlterContextResp(ack) => ack,
        other => panic!("{other:?}"),
    }
}

fn response(pdu: &mut Pdu) -> &mut Response {
    match &mut pdu.body {
        Body::Response(response) => response,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bind_ack_must_fit_its_bind() {
    check_closed(None, PduType::BIND_ACK, |pdu| pdu.call_id += 1, protocol);
    check_closed(None, PduType::BIND_ACK, |pdu| ack(pdu).results.truncate(1), protocol);
    check_closed(None, PduType::BIND_ACK, |pdu| ack(pdu).results.push(ContextResult::ACCEPTED), protocol);
    check_closed(None, PduType::BIND_ACK, |pdu| ack(pdu).results[0].transfer = NDR64, protocol);
    let level = Some(AuthLevel::Integrity);
    check_closed(level, PduType::BIND_ACK, |pdu| pdu.auth.as_mut().unwrap().context_id += 1, protocol);
    check_closed(
        level,
        PduType::BIND_ACK,
        |pdu| pdu.flags = Flags(pdu.flags.0 & !Flags::HEADER_SIGNING.0),
        |error| *error == ConnectionError::HeaderSigningDropped,
    );
}

#[test]
fn a_bind_nak_tells_its_reason() {
    let nak = |pdu: &mut Pdu| {
        let nak = BindNak { reason: BindRejection::CONGESTION, versions: None, tail: Bytes::new() };
        (pdu.body, pdu.auth) = (Body::BindNak(nak), None);
    };
    check_closed(None, PduType::BIND_ACK, nak, |error| *error == ConnectionError::BindRefused(BindRejection::CONGESTION));
}

#[test]
fn a_token_that_was_changed_fails_the_call() {
    let mut between = Between::new();
    between.call(Some(AuthLevel::Integrity), &mut |from_client, mut pdu| {
        if let Some(auth) = pdu.auth.as_mut().filter(|_| !from_client) {
            auth.token = Bytes::from_static(b"nonsense");
        }
        pdu
    });
    assert_eq!(between.done, [Err(CallFailure::Auth(AuthError::LogonDenied))]);
}

#[test]
fn a_response_must_be_protected_as_its_request_was() {
    for level in [AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy] {
        let bad_signature = |error: &ConnectionError| *error == ConnectionError::Auth(AuthError::BadSignature);
        let level = Some(level);
        check_closed(level, PduType::RESPONSE, |pdu| pdu.auth = None, protocol);
        check_closed(level, PduType::RESPONSE, |pdu| pdu.auth.as_mut().unwrap().context_id = 9, protocol);
        check_closed(level, PduType::RESPONSE, |pdu| pdu.auth.as_mut().unwrap().level ^= 3, protocol);
        check_closed(level, PduType::RESPONSE, |pdu| pdu.auth.as_mut().unwrap().pad_len ^= 1, bad_signature);
        check_closed(level, PduType::RESPONSE, |pdu| response(pdu).context_id = 1, bad_signature);
        check_closed(level, PduType::RESPONSE, |pdu| pdu.call_id += 1, bad_signature);
        let flip = |pdu: &mut Pdu| {
            let mut stub = response(pdu).stub.to_vec();
            stub[0] ^= 1;
            response(pdu).stub = stub.into();
        };
        check_closed(level, PduType::RESPONSE, flip, bad_signature);
    }
}

#[test]
fn fragments_of_a_response_must_be_in_order_and_end() {
    check_closed(None, PduType::RESPONSE, |pdu| pdu.flags = Flags::LAST, protocol);
    let mut between = Between::new();
    between.client = ClientConnection::new(ClientOptions { response_len_max: 10, ..ClientOptions::default() });
    between.call(None, &mut |_, pdu| pdu);
    assert!(between.closed.as_ref().is_some_and(protocol));
}

#[test]
fn what_was_changed_in_the_bind_is_found_by_the_verification_trailer() {
    // The interface, the bit for header signing: neither is protected in the bind itself.
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        let mut between = Between::new();
        between.call(Some(level), &mut |from_client, mut pdu| {
            if let (true, Body::Bind(bind)) = (from_client, &mut pdu.body) {
                bind.contexts[0].interface = OTHER;
            }
            pdu
        });
        assert_eq!(between.done, [Err(CallFailure::Fault(FaultStatus::ACCESS_DENIED))]);
    }
    let mut between = Between::new();
    let options = SecurityOptions { level: AuthLevel::Integrity, header_signing: HeaderSigning::Preferred };
    let security = between.client.add_security(Toy::initiator(THREE_LEGS, "secret"), options);
    between.call_by(Some(security), &mut |from_client, mut pdu| {
        if from_client && matches!(pdu.body, Body::Bind(_)) {
            pdu.flags = Flags(pdu.flags.0 & !Flags::HEADER_SIGNING.0);
        } else if matches!(pdu.body, Body::BindAck(_)) {
            pdu.flags = pdu.flags.with(Flags::HEADER_SIGNING);
        }
        pdu
    });
    // The two ends do not agree on what is signed: the first request already fails.
    assert!(between.done[0].is_err() && between.server_closed.is_some());
}

#[test]
fn header_signing_may_be_given_up_where_it_is_only_preferred() {
    for header_signing in [HeaderSigning::Preferred, HeaderSigning::Off] {
        for auth_type in [THREE_LEGS, FOUR_LEGS] {
            let mut between = Between::new();
            let options = SecurityOptions { level: AuthLevel::Privacy, header_signing };
            let security = between.client.add_security(Toy::initiator(auth_type, "secret"), options);
            // A server that cannot sign headers, on both of its ends.
            between.call_by(Some(security), &mut |_, mut pdu| {
                if matches!(pdu.body, Body::Bind(_) | Body::BindAck(_) | Body::AlterContext(_) | Body::AlterContextResp(_)) {
                    pdu.flags = Flags(pdu.flags.0 & !Flags::HEADER_SIGNING.0);
                }
                pdu
            });
            assert_eq!(between.done, [Ok(Bytes::from_static(b"a stub of some length"))]);
        }
    }
}

#[test]
fn header_signing_that_was_granted_stays_where_later_legs_do_not_repeat_it() {
    let mut between = Between::new();
    let options = SecurityOptions { level: AuthLevel::Privacy, header_signing: HeaderSigning::Required };
    let security = between.client.add_security(Toy::initiator(FOUR_LEGS, "secret"), options);
    between.call_by(Some(security), &mut |_, mut pdu| {
        if matches!(pdu.body, Body::AlterContext(_) | Body::AlterContextResp(_)) {
            pdu.flags = Flags(pdu.flags.0 & !Flags::HEADER_SIGNING.0);
        }
        pdu
    });
    // Behind it is what stood in front of the verification trailer.
    assert!(between.done[0].as_ref().is_ok_and(|stub| stub.starts_with(b"a stub of some length")), "{:?}", between.done);
}

#[test]
fn a_trailer_at_connect_is_taken_off_and_not_verified() {
    let mut between = Between::new();
    let security = between.client.add_security(Toy::initiator(THREE_LEGS, "secret"), SecurityOptions::at(AuthLevel::Connect));
    between.call_by(Some(security), &mut |_, mut pdu| {
        if let Body::Response(response) = &mut pdu.body {
            response.stub = [&response.stub[..], &[0; 3]].concat().into();
            let token = Bytes::from_static(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            pdu.auth = Some(AuthTrailer { auth_type: THREE_LEGS, level: 2, pad_len: 3, reserved: 0, context_id: 0, token });
        }
        pdu
    });
    assert_eq!(between.done, [Ok(Bytes::from_static(b"a stub of some length"))]);
}

#[test]
fn no_octets_make_either_end_fall_over() {
    // Every octet of a conversation is changed in turn, to several values.
    let mut pair = Pair::new(AuthLevel::None);
    let security = pair.secure(THREE_LEGS, AuthLevel::Integrity);
    pair.round_trip(ECHO, b"stub", Some(security));
    let seen = std::mem::take(&mut pair.seen);
    let each = |octets: &[u8], take: &dyn Fn(BytesMut)| {
        for (at, value) in (0..octets.len()).flat_map(|at| [0, 1, 0x7f, 0x80, 0xff].map(|value| (at, value))) {
            let mut changed = BytesMut::from(octets);
            changed[at] = value;
            take(changed);
        }
    };
    let endpoint = Arc::new(TestEndpoint { minimum: AuthLevel::None });
    each(&seen[0], &|mut octets| {
        let now = Instant::now();
        let mut server = ServerConnection::new(endpoint.clone(), link(), Arc::default(), Arc::default(), now);
        server.handle_input(&mut octets, now);
        while server.poll_event().is_some() || server.poll_transmit().is_some() {}
    });
    each(&seen[1], &|mut octets| {
        let mut client = ClientConnection::new(ClientOptions::default());
        let security = Some(client.add_security(Toy::initiator(THREE_LEGS, "secret"), SecurityOptions::at(AuthLevel::Integrity)));
        client.call(OutgoingCall { interface: ECHO, object: None, opnum: 3, stub: Bytes::from_static(b"stub"), security, deadline: None });
        client.handle_input(&mut octets);
        while client.poll_event().is_some() || client.poll_transmit().is_some() {}
    });
}

#[test]
fn calls_end_with_their_connection_in_the_order_in_which_they_were_made() {
    let mut pair = Pair::new(AuthLevel::None);
    let calls: Vec<CallId> = (0..20).map(|_| pair.call(ECHO, b"", None)).collect();
    pair.client.handle_closed();
    pair.run();
    assert_eq!(pair.done.iter().map(|(call, _)| *call).collect::<Vec<_>>(), calls);
}
