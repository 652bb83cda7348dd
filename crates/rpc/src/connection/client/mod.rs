//! The client's end of a connection ([MS-RPCE] 3.3.2).

mod call;
mod handshake;

use super::ConnectionError;
use crate::SyntaxId;
use crate::fragment::Joined;
use crate::pdu::{Body, ContextResult, FRAGMENT_LEN, FRAGMENT_LEN_MIN, Features, Flags, Header, Pdu, PduType, take_pdu};
use crate::protect::Protection;
use bytes::{Bytes, BytesMut};
use rwmi_auth::{AuthError, AuthLevel, SecurityContext};
use rwmi_ndr::{FaultStatus, Guid};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::time::Instant;

/// Security contexts that a client makes on one connection ([MS-RPCE] 3.3.1.5.4).
const SECURITY_CONTEXTS_MAX: usize = 2000;

/// What a client connection asks for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Largest fragment, in octets: 5840 as Windows.
    pub fragment_len_max: u16,
    /// Longest response joined from fragments, in octets: 64 MiB.
    pub response_len_max: usize,
    /// Whether several calls may be under way at a time, where the server agrees. On.
    pub multiplex: bool,
    /// Whether a verification trailer goes with the first protected request of each presentation context. On.
    pub verification_trailer: bool,
    /// Interfaces that calls will need: bound together with that of the first call, so that none takes a round trip of its own.
    /// One that the server refuses is proposed again when a call needs it, for servers register some late. None.
    pub interfaces: Vec<SyntaxId>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions {
            fragment_len_max: FRAGMENT_LEN,
            response_len_max: 64 << 20,
            multiplex: true,
            verification_trailer: true,
            interfaces: Vec::new(),
        }
    }
}

/// Whether headers are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderSigning {
    /// Asked for; a server that drops it is not believed.
    #[default]
    Required,
    /// Asked for, and given up where the server drops it.
    Preferred,
    /// Not asked for.
    Off,
}

/// How calls of a security context are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityOptions {
    /// Level: privacy by default.
    pub level: AuthLevel,
    /// Header signing: required by default. NTLM signs headers in any case.
    pub header_signing: HeaderSigning,
}

impl Default for SecurityOptions {
    fn default() -> Self {
        SecurityOptions { level: AuthLevel::Privacy, header_signing: HeaderSigning::default() }
    }
}

impl SecurityOptions {
    /// A level, and the rest as by default.
    pub fn at(level: AuthLevel) -> Self {
        SecurityOptions { level, ..SecurityOptions::default() }
    }
}

/// A security context of a client connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecurityId(usize);

/// A call of a client connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(u32);

/// A call to make.
#[derive(Debug, Clone)]
pub struct OutgoingCall {
    /// The interface; its presentation context is made when it is first needed.
    pub interface: SyntaxId,
    /// The object.
    pub object: Option<Guid>,
    /// The method.
    pub opnum: u16,
    /// Its arguments.
    pub stub: Bytes,
    /// Which security context protects it; `None` calls as nobody.
    pub security: Option<SecurityId>,
    /// When to give up.
    pub deadline: Option<Instant>,
}

/// Why a call has no results.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallFailure {
    /// The server says so. Faults carry no signature: a hint, not a proof.
    #[error("fault {0}")]
    Fault(FaultStatus),
    /// The server refused the presentation context.
    #[error("interface {}: {result}", interface.uuid)]
    Rejected {
        /// The interface.
        interface: SyntaxId,
        /// How it was refused.
        result: ContextResult,
    },
    /// Its security context could not be established.
    #[error("authentication failed: {0}")]
    Auth(#[from] AuthError),
    /// The server refused the security context by this fault.
    #[error("authentication refused: fault {0}")]
    AuthRefused(FaultStatus),
    /// Its deadline has passed after its request was sent.
    #[error("no answer in time")]
    TimedOut,
    /// Its deadline has passed while bind or authentication were under way.
    #[error("no answer to bind or authentication in time")]
    HandshakeTimedOut,
    /// A limit of the connection, in numbers of contexts or calls.
    #[error("the connection has no room for another {0}")]
    Exhausted(&'static str),
    /// The connection came to its end first.
    #[error(transparent)]
    Closed(#[from] ConnectionError),
}

/// What happened on a connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The server accepted the bind.
    Bound {
        /// The association group, for further connections of this client.
        group: u32,
    },
    /// A security context is complete on this side.
    Authenticated(SecurityId),
    /// A call is over: the stub of its results, or why there are none.
    Done {
        /// The call.
        call: CallId,
        /// Its results.
        result: Result<Bytes, CallFailure>,
    },
    /// Nothing more will come; every call has had its event. Send what is left to transmit, then close.
    Closed(ConnectionError),
}

enum Security {
    New(Protection),
    /// Between its first token and its last.
    Opening(Protection),
    Established {
        protection: Protection,
        /// Whether a request of it said that headers are signed.
        announced: bool,
    },
    Failed(CallFailure),
}

/// A security context with what was asked for.
struct Secured {
    options: SecurityOptions,
    state: Security,
}

#[derive(Debug, Clone, Copy)]
enum Presentation {
    Accepted { id: u16, verified: bool },
    Rejected(ContextResult),
}

/// A bind or alter_context that waits for its answer.
#[derive(Debug)]
struct Handshake {
    call_id: u32,
    /// The presentation contexts proposed, by position; `None` asks for features.
    proposed: Vec<(u16, Option<SyntaxId>)>,
    /// The interface it is for.
    interface: SyntaxId,
    security: Option<SecurityId>,
}

#[derive(Debug)]
struct InFlight {
    security: Option<SecurityId>,
    deadline: Option<Instant>,
    /// Whether a fragment of its response has come.
    begun: bool,
    /// Nobody waits for it, but its answer will come.
    abandoned: bool,
    reply: Joined,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    WaitBindAck,
    Bound,
    Closed,
}

/// A connection as the client sees it. It binds, alters and authenticates as its calls need it.
///
/// One mutation, then drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event); then the next.
pub struct ClientConnection {
    options: ClientOptions,
    state: State,
    features: Features,
    multiplex: bool,
    group: u32,
    /// Largest fragment to send, in octets.
    fragment_max: usize,
    security: Vec<Secured>,
    presentation: HashMap<SyntaxId, Presentation>,
    next_context: u16,
    next_call: u32,
    handshake: Option<Handshake>,
    queue: VecDeque<(CallId, OutgoingCall)>,
    /// In the order in which they were made, so that the ends of calls come in the same order each time.
    in_flight: BTreeMap<u32, InFlight>,
    out: BytesMut,
    events: VecDeque<ClientEvent>,
}

impl fmt::Debug for ClientConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConnection").field("state", &self.state).field("in_flight", &self.in_flight.len()).finish_non_exhaustive()
    }
}

impl ClientConnection {
    /// A connection of which no octet was sent yet.
    pub fn new(options: ClientOptions) -> ClientConnection {
        ClientConnection {
            state: State::New,
            features: Features::default(),
            multiplex: false,
            group: 0,
            fragment_max: usize::from(options.fragment_len_max.max(FRAGMENT_LEN_MIN)),
            options,
            security: Vec::new(),
            presentation: HashMap::new(),
            next_context: 0,
            next_call: 1,
            handshake: None,
            queue: VecDeque::new(),
            in_flight: BTreeMap::new(),
            out: BytesMut::new(),
            events: VecDeque::new(),
        }
    }

    /// Joins the association group that another connection's [`ClientEvent::Bound`] named. Before the first call.
    pub fn join_group(&mut self, group: u32) {
        self.group = group;
    }

    /// Takes a security context to protect calls with. Its tokens are exchanged when its first call needs it.
    pub fn add_security(&mut self, context: Box<dyn SecurityContext>, options: SecurityOptions) -> SecurityId {
        let id = self.security.len();
        let level = if options.level == AuthLevel::Call { AuthLevel::Packet } else { options.level };
        let protection =
            Protection { auth_type: context.auth_type(), context, level, id: u32::try_from(id).unwrap_or(u32::MAX), header_signing: false };
        let state = if id < SECURITY_CONTEXTS_MAX {
            Security::New(protection)
        } else {
            Security::Failed(CallFailure::Exhausted("security context"))
        };
        self.security.push(Secured { options, state });
        SecurityId(id)
    }

    /// Makes a call. Its [`ClientEvent::Done`] will come.
    pub fn call(&mut self, call: OutgoingCall) -> CallId {
        let id = CallId(self.take_call_id());
        if self.state == State::Closed {
            self.done(id, Err(ConnectionError::Closed.into()));
        } else {
            self.queue.push_back((id, call));
            self.advance();
        }
        id
    }

    /// Takes no interest in a call any more: no event will come for it. The server is told.
    pub fn cancel(&mut self, call: CallId) {
        self.abandon(call);
        self.advance();
    }

    /// Takes every whole PDU out of `input`, and leaves the rest for the next time.
    pub fn handle_input(&mut self, input: &mut BytesMut) {
        while self.state != State::Closed {
            match take_pdu(input) {
                Ok(Some((header, frame))) => self.handle_pdu(header, frame),
                Ok(None) => return,
                Err(error) => self.close(error.into()),
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
        let due = |deadline: Option<Instant>| deadline.is_some_and(|d| d <= now);
        let queued = self.queue.iter().filter(|(_, call)| due(call.deadline)).map(|(id, _)| *id);
        let sent = self.in_flight.iter().filter(|(_, call)| !call.abandoned && due(call.deadline)).map(|(id, _)| CallId(*id));
        let late: Vec<CallId> = queued.chain(sent).collect();
        for call in late {
            let sent = self.in_flight.contains_key(&call.0) || self.handshake.is_none();
            self.abandon(call);
            self.done(call, Err(if sent { CallFailure::TimedOut } else { CallFailure::HandshakeTimedOut }));
        }
        self.advance();
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let queued = self.queue.iter().filter_map(|(_, call)| call.deadline);
        queued.chain(self.in_flight.values().filter(|c| !c.abandoned).filter_map(|c| c.deadline)).min()
    }

    /// Octets to send.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        if self.out.is_empty() { None } else { Some(self.out.split().freeze()) }
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Whether a security context is complete on this side.
    pub fn is_established(&self, security: SecurityId) -> bool {
        matches!(self.security.get(security.0), Some(Secured { state: Security::Established { .. }, .. }))
    }

    /// The session key of an established security context.
    pub fn session_key(&self, security: SecurityId) -> Option<&[u8]> {
        match &self.security.get(security.0)?.state {
            Security::Established { protection, .. } => protection.context.session_key(),
            _ => None,
        }
    }

    fn handle_pdu(&mut self, header: Header, frame: BytesMut) {
        match (header.ptype, self.state) {
            (PduType::BIND_ACK, State::WaitBindAck) | (PduType::ALTER_CONTEXT_RESP, State::Bound) => self.ack(frame.freeze()),
            (PduType::BIND_NAK, State::WaitBindAck) => self.nak(frame.freeze()),
            (PduType::RESPONSE, State::Bound) => self.response(header, frame),
            (PduType::FAULT, State::Bound | State::WaitBindAck) => self.fault(header, frame),
            // The server asks to close; what is under way may still end.
            (PduType::SHUTDOWN, _) => {}
            _ => self.close(ConnectionError::Protocol("a PDU that has no place here")),
        }
        self.advance();
    }

    fn take_call_id(&mut self) -> u32 {
        let id = self.next_call;
        // Windows takes no id above 2^31 - 1.
        self.next_call = if id == 0x7fff_ffff { 1 } else { id + 1 };
        id
    }

    fn put(&mut self, pdu: Pdu) {
        if let Err(error) = pdu.encode_into(&mut self.out) {
            self.close(error.into());
        }
    }

    fn done(&mut self, call: CallId, result: Result<Bytes, CallFailure>) {
        self.events.push_back(ClientEvent::Done { call, result });
    }

    fn abandon(&mut self, call: CallId) {
        if let Some(at) = self.queue.iter().position(|(id, _)| *id == call) {
            self.queue.remove(at);
            return;
        }
        let Some(sent) = self.in_flight.get_mut(&call.0) else { return };
        sent.abandoned = true;
        sent.reply = Joined::default();
        self.put(Pdu::new(Flags(0), call.0, Body::Other(PduType::CO_CANCEL, Bytes::new()), None));
        // Where orphaning would cost the connection ([MS-RPCE] 3.3.1.5.10), the answer is awaited and thrown away.
        if self.features.has(crate::pdu::FEATURE_KEEP_ON_ORPHAN) {
            self.put(Pdu::new(Flags(0), call.0, Body::Other(PduType::ORPHANED, Bytes::new()), None));
            self.in_flight.remove(&call.0);
        }
    }

    fn close(&mut self, why: ConnectionError) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.handshake = None;
        let queued: Vec<CallId> = self.queue.drain(..).map(|(id, _)| id).collect();
        let sent = std::mem::take(&mut self.in_flight).into_iter().filter(|(_, call)| !call.abandoned).map(|(id, _)| CallId(id));
        for call in sent.chain(queued) {
            self.done(call, Err(why.clone().into()));
        }
        self.events.push_back(ClientEvent::Closed(why));
    }
}
