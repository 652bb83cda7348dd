//! The two ends of a connection: each alone with octets from anywhere, and both with somebody between them.

mod pair;
mod toy;

pub(crate) use toy::Toy;

use crate::auth;
use crate::input::Input;
use bytes::{Bytes, BytesMut};
use rwmi_auth::{AuthLevel, AuthType, SecurityContext};
use rwmi_ndr::{FaultStatus, guid};
use rwmi_rpc::{
    CallContext, ClientConnection, ClientEvent, ClientOptions, ConnectionError, DispatchFuture, Endpoint, HeaderSigning, Link,
    OutgoingCall, SecurityOptions, ServerConnection, ServerEvent, ServerOptions, SyntaxId,
};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// A connection. The first octet says which: a server or a client that is fed octets, or both with somebody between them
/// who follows a script.
///
/// How octets are cut makes no difference. Every call has one end, and nothing happens after the end of the connection. With
/// somebody between: what a signature protects reaches the other end as it was sent, once, or not at all.
pub fn machines(octets: &[u8]) {
    let mut input = Input(octets);
    match input.u8() % 3 {
        0 => server_alone(input),
        1 => client_alone(input),
        _ => pair::pair(input),
    }
}

const ECHO: SyntaxId = SyntaxId { uuid: guid!("11111111-2222-3333-4444-555555555555"), major: 1, minor: 0 };
const OTHER: SyntaxId = SyntaxId { uuid: guid!("99999999-2222-3333-4444-555555555555"), major: 0, minor: 0 };

/// What protects a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mechanism {
    /// NTLM, or NTLM in SPNEGO.
    Ntlm(AuthType),
    /// Something as simple as may be, that lets nothing pass that was changed.
    Strict(AuthType),
    /// That which takes every token and signature: behind it lies everything that follows authentication.
    Lenient(AuthType),
}

impl Mechanism {
    fn of(octet: u8) -> Mechanism {
        match octet % 6 {
            0 => Mechanism::Lenient(AuthType::NTLM),
            1 => Mechanism::Lenient(AuthType::SPNEGO),
            2 => Mechanism::Strict(AuthType::NTLM),
            3 => Mechanism::Strict(AuthType::SPNEGO),
            4 => Mechanism::Ntlm(AuthType::NTLM),
            _ => Mechanism::Ntlm(AuthType::SPNEGO),
        }
    }

    fn initiator(self) -> Box<dyn SecurityContext> {
        match self {
            Mechanism::Ntlm(auth_type) => auth::client(auth_type == AuthType::SPNEGO),
            Mechanism::Strict(auth_type) => Box::new(Toy::new(auth_type, true, false)),
            Mechanism::Lenient(auth_type) => Box::new(Toy::new(auth_type, true, true)),
        }
    }

    /// The mechanism of a server, whichever the client names.
    fn acceptor(self, auth_type: AuthType) -> Option<Box<dyn SecurityContext>> {
        if ![AuthType::NTLM, AuthType::SPNEGO].contains(&auth_type) {
            return None;
        }
        Some(match self {
            Mechanism::Ntlm(_) => auth::server(auth_type == AuthType::SPNEGO, auth::ALICE.clone()),
            Mechanism::Strict(_) => Box::new(Toy::new(auth_type, false, false)),
            Mechanism::Lenient(_) => Box::new(Toy::new(auth_type, false, true)),
        })
    }
}

const LEVELS: [AuthLevel; 5] = [AuthLevel::Connect, AuthLevel::Call, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

/// Knows two interfaces. Whoever holds the connection answers its calls.
struct Behind {
    mechanism: Mechanism,
    minimum: AuthLevel,
}

impl Endpoint for Behind {
    fn accepts(&self, interface: &SyntaxId) -> bool {
        ECHO.serves(interface) || OTHER.serves(interface)
    }
    fn acceptor(&self, auth_type: AuthType) -> Option<Box<dyn SecurityContext>> {
        self.mechanism.acceptor(auth_type)
    }
    fn minimum_level(&self, _: &SyntaxId, _: u16) -> AuthLevel {
        self.minimum
    }
    fn dispatch<'a>(&'a self, _: &'a CallContext, _: SyntaxId, _: u16, stub: Bytes) -> DispatchFuture<'a> {
        Box::pin(async move { Ok(stub) })
    }
}

/// A moment to begin with. Time is an argument of the machines; which it is makes no difference.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn server(mechanism: Mechanism, minimum: AuthLevel) -> ServerConnection {
    let link = Link { peer: ([127, 0, 0, 9], 5000).into(), local: ([127, 0, 0, 1], 24158).into(), connection: 7, identity: None };
    // Small limits, so that short input reaches them.
    let mut options = ServerOptions::default();
    options.request_len_max = 16 << 10;
    options.presentation_contexts_max = 6;
    options.security_contexts_max = 4;
    options.half_open_max = 2;
    options.calls_max = 4;
    options.calls_len_max = 32 << 10;
    ServerConnection::new(Arc::new(Behind { mechanism, minimum }), link, Arc::new(options), Arc::default(), *START)
}

/// A server fed with octets, cut in several ways.
fn server_alone(mut input: Input<'_>) {
    let mechanism = Mechanism::of(input.u8());
    let cut = usize::from(input.u8()).max(1);
    let minimum = if input.u8().is_multiple_of(2) { AuthLevel::None } else { AuthLevel::Integrity };
    let run = |cut: usize| {
        let mut server = server(mechanism, minimum);
        let mut buffer = BytesMut::new();
        for piece in input.0.chunks(cut) {
            buffer.extend_from_slice(piece);
            server.handle_input(&mut buffer, *START);
        }
        let (sent, events) = seen_of_server(&mut server, minimum);
        (sent, events, buffer.len())
    };
    let whole = run(usize::MAX);
    same(run(cut), whole, cut);
    // The same once more as a driver does it: everything is drained after each piece, and time goes on.
    let mut server = server(mechanism, minimum);
    let mut buffer = BytesMut::new();
    for (at, piece) in (0..).zip(input.0.chunks(cut)) {
        buffer.extend_from_slice(piece);
        let now = *START + Duration::from_millis(at * 100);
        server.handle_input(&mut buffer, now);
        let _ = seen_of_server(&mut server, minimum);
        if server.poll_timeout().is_some_and(|when| when <= now) {
            server.handle_timeout(now);
            assert!(server.poll_timeout().is_none_or(|when| now < when), "a timeout that does not go away");
        }
    }
    server.handle_timeout(*START + Duration::from_secs(3600));
    assert!(server.poll_timeout().is_none(), "somebody may be half open for ever");
    server.handle_closed();
    let _ = seen_of_server(&mut server, minimum);
    assert!(server.poll_event().is_none() && !server.wants_input());
}

/// Drains a server that answers each call: what it sent, and what it said.
fn seen_of_server(server: &mut ServerConnection, minimum: AuthLevel) -> (Vec<u8>, Vec<String>) {
    let (mut sent, mut events, mut is_closed) = (Vec::new(), Vec::new(), false);
    loop {
        while let Some(event) = server.poll_event() {
            assert!(!is_closed, "something happened after the end: {event:?}");
            match &event {
                ServerEvent::Request(call) => {
                    assert!(minimum <= call.cx.level, "a call below the minimum");
                    assert!(call.cx.level <= AuthLevel::Connect || call.cx.caller.is_some(), "protected by nobody");
                    let result = if call.opnum.is_multiple_of(2) { Ok(call.stub.clone()) } else { Err(FaultStatus::NCA_S_OP_RNG_ERROR) };
                    server.respond(call.handle, result);
                }
                ServerEvent::Cancelled(handle) | ServerEvent::Orphaned(handle) => {
                    server.respond(*handle, Err(FaultStatus::NCA_S_FAULT_CANCEL));
                }
                ServerEvent::Closed(_) => is_closed = true,
                _ => {}
            }
            events.push(format!("{event:?}"));
        }
        match server.poll_transmit() {
            Some(octets) => sent.extend_from_slice(&octets),
            None => break,
        }
    }
    all_pdus(&sent);
    (sent, events)
}

/// What a machine sent, what it said, and how many octets it left, must be the same however its input was cut.
fn same(cut: (Vec<u8>, Vec<String>, usize), whole: (Vec<u8>, Vec<String>, usize), len: usize) {
    assert_eq!(cut.1, whole.1, "octets cut by {len} make a difference to what is said");
    assert!(cut.0 == whole.0, "octets cut by {len} make a difference to what is sent: {:02x?}\n{:02x?}", cut.0, whole.0);
    assert_eq!(cut.2, whole.2, "octets cut by {len} make a difference to what is left");
}

/// What a machine sends is PDUs, whole and well-formed.
fn all_pdus(sent: &[u8]) {
    let mut stream = BytesMut::from(sent);
    while let Some((_, frame)) = rwmi_rpc::pdu::take_pdu(&mut stream).unwrap_or_else(|e| panic!("sent what is no PDU: {e}")) {
        if let Err(e) = rwmi_rpc::pdu::Pdu::parse(frame.freeze()) {
            panic!("sent a malformed PDU: {e}");
        }
    }
    assert!(stream.is_empty(), "sent half a PDU");
}

/// A client of three calls that is fed with octets, cut in several ways.
fn client_alone(mut input: Input<'_>) {
    let mechanism = Mechanism::of(input.u8());
    let cut = usize::from(input.u8()).max(1);
    let how = input.u8();
    let make = || three_calls(mechanism, how);
    let run = |cut: usize| {
        let mut client = make();
        let mut buffer = BytesMut::new();
        seen_of_client(&mut client);
        for piece in input.0.chunks(cut) {
            buffer.extend_from_slice(piece);
            client.handle_input(&mut buffer);
        }
        let (sent, events) = seen_of_client(&mut client);
        (sent, events, buffer.len())
    };
    let whole = run(usize::MAX);
    same(run(cut), whole, cut);
    let mut client = make();
    let mut buffer = BytesMut::new();
    let mut done = 0;
    let mut drain = |client: &mut ClientConnection| {
        let (_, events) = seen_of_client(client);
        done += events.iter().filter(|e| e.starts_with("Done")).count();
    };
    drain(&mut client);
    for piece in input.0.chunks(cut) {
        buffer.extend_from_slice(piece);
        client.handle_input(&mut buffer);
        drain(&mut client);
    }
    client.handle_timeout(*START + Duration::from_secs(3600));
    drain(&mut client);
    client.handle_closed();
    drain(&mut client);
    assert_eq!(done, 3, "a call has one end");
}

/// A client that has three calls to make: one in two fragments or more, and one by nobody.
fn three_calls(mechanism: Mechanism, how: u8) -> ClientConnection {
    let mut options = ClientOptions::default();
    options.response_len_max = 16 << 10;
    options.fragment_len_max = 1432;
    let mut client = ClientConnection::new(options);
    let mut security = SecurityOptions::at(LEVELS[usize::from(how) % LEVELS.len()]);
    security.header_signing = [HeaderSigning::Required, HeaderSigning::Preferred, HeaderSigning::Off][usize::from(how >> 4) % 3];
    let security = (how & 8 == 0).then(|| client.add_security(mechanism.initiator(), security));
    for (interface, security, len) in [(ECHO, security, 20), (OTHER, security, 1600), (ECHO, None, 0)] {
        let stub = Bytes::from(vec![b'x'; len]);
        let deadline = Some(*START + Duration::from_secs(60));
        client.call(OutgoingCall { interface, object: Some(interface.uuid), opnum: 4, stub, security, deadline });
    }
    client
}

/// Drains a client: what it sent, and what it said.
fn seen_of_client(client: &mut ClientConnection) -> (Vec<u8>, Vec<String>) {
    let (mut sent, mut events, mut closed) = (Vec::new(), Vec::new(), None::<ConnectionError>);
    loop {
        while let Some(event) = client.poll_event() {
            assert!(closed.is_none(), "something happened after the end: {event:?}");
            events.push(format!("{event:?}"));
            if let ClientEvent::Closed(why) = event {
                closed = Some(why);
            }
        }
        match client.poll_transmit() {
            Some(octets) => sent.extend_from_slice(&octets),
            None => break,
        }
    }
    all_pdus(&sent);
    (sent, events)
}

/// What a client of three calls and a server that answers them send to each other: for seeds.
pub(crate) fn recorded(mechanism: u8, how: u8) -> [Vec<u8>; 2] {
    let mechanism = Mechanism::of(mechanism);
    let (mut client, mut server) = (three_calls(mechanism, how), server(mechanism, AuthLevel::None));
    let mut sent = [Vec::new(), Vec::new()];
    loop {
        let (of_client, _) = seen_of_client(&mut client);
        server.handle_input(&mut BytesMut::from(&of_client[..]), *START);
        let (of_server, _) = seen_of_server(&mut server, AuthLevel::None);
        client.handle_input(&mut BytesMut::from(&of_server[..]));
        if of_client.is_empty() && of_server.is_empty() {
            return sent;
        }
        sent[0].extend(of_client);
        sent[1].extend(of_server);
    }
}
