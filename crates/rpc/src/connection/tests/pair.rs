//! Both machines, joined: whole conversations without sockets.

use super::toy::{FOUR_LEGS, THREE_LEGS, Toy};
use crate::*;
use bytes::{Bytes, BytesMut};
use rwmi_auth::{AuthLevel, AuthType, SecurityContext};
use rwmi_ndr::{FaultStatus, guid};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const ECHO: SyntaxId = SyntaxId { uuid: guid!("11111111-2222-3333-4444-555555555555"), major: 1, minor: 0 };
pub(crate) const OTHER: SyntaxId = SyntaxId { uuid: guid!("99999999-2222-3333-4444-555555555555"), major: 0, minor: 0 };
pub(crate) const UNKNOWN: SyntaxId = SyntaxId { uuid: guid!("deadbeef-2222-3333-4444-555555555555"), major: 0, minor: 0 };

/// Knows two interfaces and one password. Its calls are answered by the test itself.
pub(crate) struct TestEndpoint {
    pub(crate) minimum: AuthLevel,
}

impl Endpoint for TestEndpoint {
    fn accepts(&self, interface: &SyntaxId) -> bool {
        [ECHO, OTHER].contains(interface)
    }
    fn acceptor(&self, auth_type: AuthType) -> Option<Box<dyn SecurityContext>> {
        [THREE_LEGS, FOUR_LEGS].contains(&auth_type).then(|| Toy::acceptor(auth_type, "secret"))
    }
    fn minimum_level(&self, _: &SyntaxId, _: u16) -> AuthLevel {
        self.minimum
    }
    fn dispatch<'a>(&'a self, _: &'a CallContext, _: SyntaxId, _: u16, stub: Bytes) -> DispatchFuture<'a> {
        Box::pin(async move { Ok(stub) })
    }
}

pub(crate) struct Pair {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
    pub(crate) now: Instant,
    /// Octets a read gives at most.
    pub(crate) chop: usize,
    to_server: BytesMut,
    to_client: BytesMut,
    pub(crate) requests: Vec<IncomingCall>,
    pub(crate) server_events: Vec<ServerEvent>,
    pub(crate) done: Vec<(CallId, Result<Bytes, CallFailure>)>,
    pub(crate) client_closed: Option<ConnectionError>,
    pub(crate) server_closed: Option<ConnectionError>,
    /// What the client sent, and the server.
    pub(crate) seen: [Vec<u8>; 2],
}

pub(crate) fn link() -> Link {
    Link { peer: ([127, 0, 0, 9], 5000).into(), local: ([127, 0, 0, 1], 24158).into(), connection: 7, identity: None }
}

pub(crate) fn server(minimum: AuthLevel, options: ServerOptions, link: Link, now: Instant) -> ServerConnection {
    ServerConnection::new(Arc::new(TestEndpoint { minimum }), link, Arc::new(options), Arc::default(), now)
}

impl Pair {
    pub(crate) fn new(minimum: AuthLevel) -> Pair {
        Pair::with(minimum, ClientOptions::default(), ServerOptions::default())
    }

    pub(crate) fn with(minimum: AuthLevel, client: ClientOptions, options: ServerOptions) -> Pair {
        let now = Instant::now();
        Pair {
            client: ClientConnection::new(client),
            server: server(minimum, options, link(), now),
            now,
            chop: usize::MAX,
            to_server: BytesMut::new(),
            to_client: BytesMut::new(),
            requests: Vec::new(),
            server_events: Vec::new(),
            done: Vec::new(),
            client_closed: None,
            server_closed: None,
            seen: Default::default(),
        }
    }

    /// Drains both ends until nothing moves. The server answers nothing by itself.
    pub(crate) fn run(&mut self) {
        loop {
            let mut moved = false;
            while let Some(octets) = self.client.poll_transmit() {
                moved = true;
                self.seen[0].extend_from_slice(&octets);
                for piece in octets.chunks(self.chop) {
                    self.to_server.extend_from_slice(piece);
                    self.server.handle_input(&mut self.to_server, self.now);
                }
            }
            while let Some(event) = self.server.poll_event() {
                moved = true;
                match event {
                    ServerEvent::Request(call) => self.requests.push(call),
                    ServerEvent::Closed(why) => self.server_closed = Some(why),
                    other => self.server_events.push(other),
                }
            }
            while let Some(octets) = self.server.poll_transmit() {
                moved = true;
                self.seen[1].extend_from_slice(&octets);
                for piece in octets.chunks(self.chop) {
                    self.to_client.extend_from_slice(piece);
                    self.client.handle_input(&mut self.to_client);
                }
            }
            if self.server_closed.is_some() {
                self.client.handle_closed();
            }
            while let Some(event) = self.client.poll_event() {
                moved = true;
                match event {
                    ClientEvent::Done { call, result } => self.done.push((call, result)),
                    ClientEvent::Closed(why) => self.client_closed = Some(why),
                    ClientEvent::Bound { .. } | ClientEvent::Authenticated(_) => {}
                }
            }
            if !moved {
                return;
            }
        }
    }

    pub(crate) fn secure(&mut self, auth_type: AuthType, level: AuthLevel) -> SecurityId {
        self.client.add_security(Toy::initiator(auth_type, "secret"), SecurityOptions::at(level))
    }

    pub(crate) fn call(&mut self, interface: SyntaxId, stub: &[u8], security: Option<SecurityId>) -> CallId {
        let deadline = Some(self.now + Duration::from_secs(60));
        let stub = Bytes::copy_from_slice(stub);
        let call = OutgoingCall { interface, object: Some(interface.uuid), opnum: 3, stub, security, deadline };
        let id = self.client.call(call);
        self.run();
        id
    }

    /// Answers the oldest request.
    pub(crate) fn answer(&mut self, result: Result<Bytes, FaultStatus>) -> IncomingCall {
        let call = self.requests.remove(0);
        self.server.respond(call.handle, result);
        self.run();
        call
    }

    /// A call that the server answers with its arguments and " back".
    pub(crate) fn round_trip(&mut self, interface: SyntaxId, stub: &[u8], security: Option<SecurityId>) -> IncomingCall {
        let id = self.call(interface, stub, security);
        assert_eq!(self.requests.len(), 1, "{:?} {:?}", self.done, self.server_closed);
        let back: Bytes = [stub, b" back"].concat().into();
        let call = self.answer(Ok(back.clone()));
        assert_eq!(self.done.pop(), Some((id, Ok(back))));
        call
    }
}
