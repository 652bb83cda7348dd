//! The server's end of a connection ([MS-RPCE] 3.3.3).

mod call;
mod groups;
mod handshake;

pub use groups::AssociationGroups;

use super::ConnectionError;
use crate::fragment::{Direction, Joined, Outgoing};
use crate::pdu::{Body, FRAGMENT_LEN, FRAGMENT_LEN_MIN, Fault, Flags, Header, Pdu, PduType, take_pdu};
use crate::protect::Protection;
use crate::{CallContext, Endpoint, SyntaxId};
use bytes::{Bytes, BytesMut};
use groups::Membership;
use rwmi_auth::{AuthError, AuthLevel, AuthType, Identity};
use rwmi_ndr::FaultStatus;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a server connection grants its client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Largest fragment, in octets: 5840 as Windows.
    pub fragment_len_max: u16,
    /// Longest request joined from fragments, in octets: 4 MiB ([MS-RPCE] 3.3.3.5.4). A longer one is answered with fault 5.
    pub request_len_max: usize,
    /// Presentation contexts: 4096. Windows allows 4000 for each of its interfaces ([MS-RPCE] 3.3.3.5.5).
    pub presentation_contexts_max: usize,
    /// Security contexts: 2048 as Windows; clients in use open three a query and never close one.
    pub security_contexts_max: usize,
    /// Security contexts that are not established yet: 16.
    pub half_open_max: usize,
    /// How long one may take: 30 s. The bind has as long.
    pub half_open_timeout: Duration,
    /// Calls at a time: 64. One more is answered with "server too busy".
    pub calls_max: usize,
    /// Octets of the arguments of all calls at a time: 16 MiB.
    pub calls_len_max: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions {
            fragment_len_max: FRAGMENT_LEN,
            request_len_max: 4 << 20,
            presentation_contexts_max: 4096,
            security_contexts_max: 2048,
            half_open_max: 16,
            half_open_timeout: Duration::from_secs(30),
            calls_max: 64,
            calls_len_max: 16 << 20,
        }
    }
}

/// What is known of the transport below a connection.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where the client connects from.
    pub peer: SocketAddr,
    /// The address of ours that it connected to. Its port is the secondary address of the bind_ack.
    pub local: SocketAddr,
    /// A number that is this connection's alone as long as the process lives.
    pub connection: u64,
    /// Who is at the other end, where the transport itself says so (a local socket): such calls count as private.
    pub identity: Option<Arc<Identity>>,
}

/// A call between its request and its answer; never used twice on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallHandle(u64);

/// A request, joined and checked.
#[derive(Debug, Clone)]
pub struct IncomingCall {
    /// For [`ServerConnection::respond`].
    pub handle: CallHandle,
    /// Who calls what, and how it was protected.
    pub cx: CallContext,
    /// The interface of the presentation context. ORPC goes by the object instead.
    pub interface: SyntaxId,
    /// The method.
    pub opnum: u16,
    /// Its arguments, in clear. Octets may follow the last one.
    pub stub: Bytes,
}

/// What happened on a connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A call to serve, and then to answer.
    Request(IncomingCall),
    /// The client wants the call to end: stop it and answer, best with `NCA_S_FAULT_CANCEL`.
    Cancelled(CallHandle),
    /// The client takes no interest any more: stop it; the handle is void.
    Orphaned(CallHandle),
    /// A security context was established.
    Authenticated {
        /// Mechanism.
        auth_type: AuthType,
        /// Level of its calls.
        level: AuthLevel,
        /// Who.
        caller: Option<Arc<Identity>>,
    },
    /// A security context was not established.
    AuthenticationFailed {
        /// Mechanism.
        auth_type: AuthType,
        /// Why not.
        error: AuthError,
    },
    /// A call was refused before its endpoint saw it.
    Refused {
        /// The interface of the presentation context, where there is one.
        interface: Option<SyntaxId>,
        /// The method.
        opnum: u16,
        /// What the client was told.
        status: FaultStatus,
        /// The level that the call had.
        level: AuthLevel,
    },
    /// Nothing more will come. Send what is left to transmit, then close.
    Closed(ConnectionError),
}

/// How trailers name a security context: the same number may be used again at another level ([MS-RPCE] 3.3.1.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SecurityKey {
    auth_type: AuthType,
    level: u8,
    id: u32,
}

enum Security {
    HalfOpen {
        protection: Protection,
        deadline: Instant,
    },
    Established {
        protection: Protection,
        caller: Option<Arc<Identity>>,
    },
    /// Kept, so that the requests that follow an auth3 get their fault.
    Failed,
}

/// A call that is being served or answered.
#[derive(Debug)]
struct Call {
    call_id: u32,
    context_id: u16,
    security: Option<SecurityKey>,
    cancels: u8,
    stub_len: usize,
}

/// A request of which fragments are missing.
#[derive(Debug)]
struct Assembly {
    call_id: u32,
    context_id: u16,
    opnum: u16,
    object: Option<rwmi_ndr::Guid>,
    security: Option<SecurityKey>,
    cancels: u8,
    /// What the endpoint will be told, or what the client will.
    verdict: Result<Admitted, FaultStatus>,
    stub: Joined,
}

/// A request that may be served.
#[derive(Debug, Clone)]
struct Admitted {
    interface: SyntaxId,
    caller: Option<Arc<Identity>>,
    level: AuthLevel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    WaitBind { deadline: Instant },
    Bound,
    Closed,
}

/// Answers are cut into fragments when they can be sent, up to this many octets at a time.
const TRANSMIT_LEN: usize = 128 << 10;
/// Handshake answers and faults that wait to be sent, in octets, above which no more input should be read.
const OUT_LEN_MAX: usize = 256 << 10;

/// A connection as the server sees it.
///
/// One mutation, then drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event); then the next.
pub struct ServerConnection {
    endpoint: Arc<dyn Endpoint>,
    link: Link,
    options: Arc<ServerOptions>,
    groups: Arc<AssociationGroups>,
    group: Option<Membership>,
    state: State,
    /// Largest fragment to send, in octets.
    fragment_max: usize,
    contexts: HashMap<u16, SyntaxId>,
    security: HashMap<SecurityKey, Security>,
    half_open: usize,
    assembly: Option<Assembly>,
    calls: HashMap<CallHandle, Call>,
    /// Octets of the arguments of `calls`.
    calls_len: usize,
    handles: HashMap<u32, CallHandle>,
    next_handle: u64,
    call_id_max: u32,
    ready: VecDeque<(CallHandle, Outgoing)>,
    out: BytesMut,
    events: VecDeque<ServerEvent>,
}

impl fmt::Debug for ServerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConnection").field("link", &self.link).field("state", &self.state).finish_non_exhaustive()
    }
}

impl ServerConnection {
    /// A connection that was just accepted.
    pub fn new(
        endpoint: Arc<dyn Endpoint>,
        link: Link,
        options: Arc<ServerOptions>,
        groups: Arc<AssociationGroups>,
        now: Instant,
    ) -> ServerConnection {
        let deadline = now + options.half_open_timeout;
        ServerConnection {
            endpoint,
            link,
            groups,
            group: None,
            state: State::WaitBind { deadline },
            fragment_max: usize::from(options.fragment_len_max.max(FRAGMENT_LEN_MIN)),
            options,
            contexts: HashMap::new(),
            security: HashMap::new(),
            half_open: 0,
            assembly: None,
            calls: HashMap::new(),
            calls_len: 0,
            handles: HashMap::new(),
            next_handle: 0,
            call_id_max: 0,
            ready: VecDeque::new(),
            out: BytesMut::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes every whole PDU out of `input`, and leaves the rest for the next time.
    pub fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        while self.state != State::Closed {
            match take_pdu(input) {
                Ok(Some((header, frame))) => self.handle_pdu(header, frame, now),
                Ok(None) => return,
                Err(error) => return self.refuse_octets(input, error),
            }
        }
        input.clear();
    }

    /// The link is gone.
    pub fn handle_closed(&mut self) {
        self.close(ConnectionError::Closed);
    }

    /// A time that [`poll_timeout`](Self::poll_timeout) gave has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.state, State::WaitBind { deadline } if deadline <= now) {
            return self.close(ConnectionError::HandshakeTimedOut);
        }
        for security in self.security.values_mut() {
            if matches!(security, Security::HalfOpen { deadline, .. } if *deadline <= now) {
                *security = Security::Failed;
                self.half_open = self.half_open.saturating_sub(1);
            }
        }
        // Somebody who only ever began to authenticate has no business here.
        if !self.security.is_empty() && self.security.values().all(|s| matches!(s, Security::Failed)) {
            self.close(ConnectionError::HandshakeTimedOut);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::WaitBind { deadline } => Some(deadline),
            State::Closed => None,
            State::Bound if self.half_open == 0 => None,
            State::Bound => self
                .security
                .values()
                .filter_map(|s| match s {
                    Security::HalfOpen { deadline, .. } => Some(*deadline),
                    _ => None,
                })
                .min(),
        }
    }

    /// Answers a call, with the stub of its results or with a fault. Void for a call that was orphaned.
    pub fn respond(&mut self, handle: CallHandle, result: Result<Bytes, FaultStatus>) {
        if self.state == State::Closed {
            return;
        }
        let Some(call) = self.calls.get(&handle) else { return };
        match result {
            Ok(stub) => {
                let direction = Direction::Response { cancel_count: call.cancels };
                self.ready.push_back((handle, Outgoing::new(direction, call.call_id, call.context_id, stub)));
            }
            Err(status) => {
                let (call_id, context_id, cancels) = (call.call_id, call.context_id, call.cancels);
                self.put_fault(call_id, context_id, cancels, Flags(0), status);
                self.forget(handle);
            }
        }
    }

    /// Octets to send, some fragments at a time, so that an answer takes no more memory than its stub.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        while self.out.len() < TRANSMIT_LEN
            && self.state != State::Closed
            && let Some((handle, outgoing)) = self.ready.front_mut()
        {
            let handle = *handle;
            let protection = match self.calls.get(&handle).and_then(|call| call.security) {
                None => None,
                Some(key) => match self.security.get_mut(&key) {
                    Some(Security::Established { protection, .. }) => Some(protection),
                    _ => None,
                },
            };
            match outgoing.put_fragment(&mut self.out, self.fragment_max, protection) {
                Ok(false) => {}
                Ok(true) => {
                    self.ready.pop_front();
                    self.forget(handle);
                }
                Err(_) => self.close(ConnectionError::Protocol("an answer could not be protected")),
            }
        }
        if self.out.is_empty() { None } else { Some(self.out.split().freeze()) }
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// Whether more input should be read. Not while answers to handshakes and refused calls pile up: the peer does not read them.
    pub fn wants_input(&self) -> bool {
        self.state != State::Closed && self.out.len() < OUT_LEN_MAX
    }

    /// Whether nothing is being served or sent.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.assembly.is_none() && self.out.is_empty()
    }

    /// Whether anybody has authenticated on it, or the transport itself says who is there.
    pub fn is_authenticated(&self) -> bool {
        self.link.identity.is_some() || self.security.values().any(|s| matches!(s, Security::Established { .. }))
    }

    fn handle_pdu(&mut self, header: Header, frame: BytesMut, now: Instant) {
        match (header.ptype, self.state) {
            (PduType::BIND, State::WaitBind { .. }) => self.bind(frame.freeze(), now),
            (_, State::WaitBind { .. }) => self.protocol_error(header.call_id, "not a bind"),
            (PduType::BIND, _) => self.bind_again(header.call_id),
            (PduType::REQUEST, _) => self.request(header, frame),
            (PduType::ALTER_CONTEXT, _) => self.alter(frame.freeze(), now),
            (PduType::AUTH3, _) => self.auth3(frame.freeze()),
            (PduType::CO_CANCEL, _) => self.cancel(header.call_id),
            (PduType::ORPHANED, _) => self.orphan(header.call_id),
            _ => self.protocol_error(header.call_id, "a PDU that clients do not send"),
        }
    }

    fn put(&mut self, pdu: Pdu) {
        // Cannot fail: what a server writes of its own is far shorter than 64 KiB, but for tokens; those come from its own mechanisms.
        if pdu.encode_into(&mut self.out).is_err() {
            self.close(ConnectionError::Protocol("an answer that is too long"));
        }
    }

    /// Faults carry no verifier, at any level: neither do those of Windows.
    fn put_fault(&mut self, call_id: u32, context_id: u16, cancel_count: u8, flags: Flags, status: FaultStatus) {
        let tail = Bytes::from_static(&[0; 4]);
        let fault = Fault { alloc_hint: 32, context_id, cancel_count, flags: 0, status, tail };
        self.put(Pdu::new(flags, call_id, Body::Fault(fault), None));
    }

    fn protocol_error(&mut self, call_id: u32, why: &'static str) {
        self.put_fault(call_id, 0, 0, Flags::DID_NOT_EXECUTE, FaultStatus::NCA_S_PROTO_ERROR);
        self.close(ConnectionError::Protocol(why));
    }

    fn close(&mut self, why: ConnectionError) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.calls.clear();
            self.handles.clear();
            self.ready.clear();
            self.assembly = None;
            self.security.clear();
            self.group = None;
            self.events.push_back(ServerEvent::Closed(why));
        }
    }

    fn forget(&mut self, handle: CallHandle) {
        if let Some(call) = self.calls.remove(&handle) {
            self.handles.remove(&call.call_id);
            self.calls_len = self.calls_len.saturating_sub(call.stub_len);
        }
    }
}
