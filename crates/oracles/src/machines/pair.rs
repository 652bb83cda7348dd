//! A client and a server, and somebody between them who follows a script.

use super::{ECHO, LEVELS, Mechanism, OTHER, START, server};
use crate::input::Input;
use bytes::{Bytes, BytesMut};
use rwmi_auth::AuthLevel;
use rwmi_ndr::FaultStatus;
use rwmi_rpc::pdu::take_pdu;
use rwmi_rpc::{
    CallFailure, CallId, ClientConnection, ClientEvent, ClientOptions, IncomingCall, OutgoingCall, SecurityId, SecurityOptions,
    ServerConnection, ServerEvent,
};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

struct Pair {
    client: ClientConnection,
    server: ServerConnection,
    now: Instant,
    /// PDUs under way.
    to_server: VecDeque<BytesMut>,
    to_client: VecDeque<BytesMut>,
    /// What was read of both and is not a whole PDU yet.
    of_client: BytesMut,
    of_server: BytesMut,
    security: Vec<SecurityId>,
    requests: VecDeque<IncomingCall>,
    /// Calls whose end is still to come: the stub, and whether they are protected. `None` once it has come or nobody waits.
    calls: HashMap<CallId, Option<(Bytes, bool)>>,
    /// Stubs of protected calls that the server has not seen.
    unseen: HashSet<Bytes>,
    is_client_closed: bool,
    is_server_closed: bool,
    /// Whether everybody has been honest so far.
    honest: bool,
}

pub(super) fn pair(mut input: Input<'_>) {
    let mechanism = match Mechanism::of(input.u8()) {
        Mechanism::Lenient(auth_type) => Mechanism::Strict(auth_type),
        other => other,
    };
    script(mechanism, input);
}

fn script(mechanism: Mechanism, mut input: Input<'_>) {
    let level = LEVELS[usize::from(input.u8()) % LEVELS.len()];
    let options = input.u8();
    let mut client = ClientOptions::default();
    client.multiplex = options & 1 == 0;
    client.response_len_max = 32 << 10;
    if options & 2 != 0 {
        client.fragment_len_max = 1432;
    }
    let minimum = if options & 4 != 0 { AuthLevel::Integrity } else { AuthLevel::None };
    let mut pair = Pair {
        client: ClientConnection::new(client),
        server: server(mechanism, minimum),
        now: *START,
        to_server: VecDeque::new(),
        to_client: VecDeque::new(),
        of_client: BytesMut::new(),
        of_server: BytesMut::new(),
        security: Vec::new(),
        requests: VecDeque::new(),
        calls: HashMap::new(),
        unseen: HashSet::new(),
        is_client_closed: false,
        is_server_closed: false,
        honest: true,
    };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        pair.step(&mut input, mechanism, level);
        pair.drain();
    }
    pair.end();
}

impl Pair {
    fn step(&mut self, input: &mut Input<'_>, mechanism: Mechanism, level: AuthLevel) {
        match input.u8() % 16 {
            // More often than the rest, so that conversations get somewhere.
            0 | 1 => self.call(input, level),
            2 | 3 => self.deliver(true, usize::from(input.u8()) + 1),
            4 | 5 => self.deliver(false, usize::from(input.u8()) + 1),
            6 => self.respond(Ok(usize::from(input.u16()) % 20_000)),
            7 => self.respond(Err(FaultStatus::NCA_S_OP_RNG_ERROR)),
            8 if self.security.len() < 4 => {
                self.security.push(self.client.add_security(mechanism.initiator(), SecurityOptions::at(level)));
            }
            8 | 9 => {
                let calls: Vec<CallId> = self.calls.keys().copied().collect();
                if let Some(call) = calls.get(usize::from(input.u8()) % calls.len().max(1)) {
                    self.client.cancel(*call);
                    self.calls.insert(*call, None);
                }
            }
            10 => self.change(input, true),
            11 => self.change(input, false),
            12 => self.shuffle(input),
            13 => {
                // Honest people may be too slow.
                self.honest = false;
                self.now += Duration::from_secs(u64::from(input.u8()));
                self.client.handle_timeout(self.now);
                self.server.handle_timeout(self.now);
            }
            14 => {
                // Octets of somebody else.
                self.honest = false;
                let (to_server, piece) = (input.u8().is_multiple_of(2), BytesMut::from(input.piece()));
                self.queue(to_server).push_back(piece);
            }
            _ => {
                for _ in 0..4 {
                    self.deliver(true, usize::MAX);
                    self.drain();
                    self.respond(Ok(usize::from(input.u8())));
                    self.drain();
                    self.deliver(false, usize::MAX);
                    self.drain();
                }
            }
        }
    }

    fn queue(&mut self, to_server: bool) -> &mut VecDeque<BytesMut> {
        if to_server { &mut self.to_server } else { &mut self.to_client }
    }

    /// A call, each with a stub of its own.
    fn call(&mut self, input: &mut Input<'_>, level: AuthLevel) {
        let (how, len) = (input.u8(), usize::from(input.u16()) % 20_000);
        if CALLS <= self.calls.len() {
            return;
        }
        let mut stub = vec![b'x'; len + 8];
        stub.splice(..8, (self.calls.len() as u64).to_le_bytes());
        let stub = Bytes::from(stub);
        let security = if how & 3 == 3 { None } else { self.security.get(usize::from(how & 3)).copied() };
        let is_protected = security.is_some() && AuthLevel::Connect < level;
        let interface = if how & 4 == 0 { ECHO } else { OTHER };
        let deadline = (how & 8 != 0).then(|| self.now + Duration::from_secs(100));
        let call =
            OutgoingCall { interface, object: (how & 16 != 0).then_some(interface.uuid), opnum: 3, stub: stub.clone(), security, deadline };
        let id = self.client.call(call);
        if is_protected {
            self.unseen.insert(stub.clone());
        }
        assert!(self.calls.insert(id, Some((stub, is_protected))).is_none(), "a call id was used twice");
    }

    /// Brings PDUs to their end, as many octets as are named.
    fn deliver(&mut self, to_server: bool, mut len: usize) {
        while let Some(mut pdu) = self.queue(to_server).pop_front() {
            let piece = pdu.split_to(len.min(pdu.len()));
            len -= piece.len();
            if to_server {
                self.of_client.extend_from_slice(&piece);
                self.server.handle_input(&mut self.of_client, self.now);
            } else {
                self.of_server.extend_from_slice(&piece);
                self.client.handle_input(&mut self.of_server);
            }
            if !pdu.is_empty() {
                return self.queue(to_server).push_front(pdu);
            }
        }
    }

    fn respond(&mut self, result: Result<usize, FaultStatus>) {
        let Some(call) = self.requests.pop_front() else { return };
        self.server.respond(call.handle, result.map(|len| answer(&call.stub, len)));
    }

    /// Changes an octet of a PDU that is under way.
    fn change(&mut self, input: &mut Input<'_>, to_server: bool) {
        let (which, at, mask) = (usize::from(input.u8()), usize::from(input.u16()), input.u8());
        let queue = self.queue(to_server);
        let len = queue.len().max(1);
        let Some(pdu) = queue.get_mut(which % len) else { return };
        let octets = pdu.len().max(1);
        if let Some(octet) = pdu.get_mut(at % octets) {
            *octet ^= mask;
            self.honest &= mask == 0;
        }
    }

    /// Loses a PDU, sends it twice, or sends it before another.
    fn shuffle(&mut self, input: &mut Input<'_>) {
        let (how, which) = (input.u8(), usize::from(input.u8()));
        let queue = self.queue(how & 1 == 0);
        if queue.is_empty() {
            return;
        }
        let which = which % queue.len();
        match (how >> 1) % 3 {
            0 => drop(queue.remove(which)),
            1 => queue.push_back(queue[which].clone()),
            _ => queue.swap(0, which),
        }
        self.honest = false;
    }

    /// Takes what both have to send and to say, and holds it to the laws.
    fn drain(&mut self) {
        loop {
            let mut is_moved = false;
            while let Some(event) = self.server.poll_event() {
                is_moved = true;
                assert!(!self.is_server_closed, "something happened after the end: {event:?}");
                match event {
                    ServerEvent::Request(call) => self.request(call),
                    ServerEvent::Orphaned(handle) => self.requests.retain(|call| call.handle != handle),
                    ServerEvent::Closed(why) => {
                        assert!(!self.honest, "the server ends an honest connection: {why}");
                        self.is_server_closed = true;
                        self.requests.clear();
                    }
                    ServerEvent::AuthenticationFailed { error, .. } => assert!(!self.honest, "an honest client was refused: {error}"),
                    _ => {}
                }
            }
            while let Some(event) = self.client.poll_event() {
                is_moved = true;
                // A call that is made after the end has its own.
                let is_late = matches!(&event, ClientEvent::Done { result: Err(CallFailure::Closed(_)), .. });
                assert!(!self.is_client_closed || is_late, "something happened after the end: {event:?}");
                match event {
                    ClientEvent::Done { call, result } => {
                        let waiting = self.calls.get_mut(&call).and_then(Option::take);
                        let Some((stub, is_protected)) = waiting else { panic!("an end of a call that has none to come") };
                        if let Ok(found) = result
                            && (is_protected || self.honest)
                        {
                            assert_eq!(found, answer(&stub, found.len().saturating_sub(stub.len())), "an answer that was not given");
                        }
                    }
                    ClientEvent::Closed(why) => {
                        assert!(!self.honest, "the client ends an honest connection: {why}");
                        self.is_client_closed = true;
                    }
                    _ => {}
                }
            }
            while let Some(octets) = self.client.poll_transmit() {
                is_moved = true;
                cut(octets, &mut self.to_server);
            }
            while let Some(octets) = self.server.poll_transmit() {
                is_moved = true;
                cut(octets, &mut self.to_client);
            }
            if !is_moved {
                return;
            }
        }
    }

    fn request(&mut self, mut call: IncomingCall) {
        if AuthLevel::Connect < call.cx.level {
            // In front of a verification trailer there may be up to three octets of padding.
            let made = (0..4).find_map(|pad| self.unseen.take(call.stub.get(..call.stub.len().checked_sub(pad)?)?));
            let Some(made) = made else { panic!("a protected call that was not made, or was seen before") };
            call.stub = made;
            assert_eq!(call.opnum, 3, "a protected call of another method");
        }
        self.requests.push_back(call);
    }

    /// The connection comes to its end; whoever waits is told so.
    fn end(&mut self) {
        self.honest = false;
        self.client.handle_timeout(self.now + Duration::from_secs(3600));
        self.drain();
        self.client.handle_closed();
        self.server.handle_closed();
        self.drain();
        assert!(self.is_client_closed && self.is_server_closed, "no end");
        assert!(self.calls.values().all(Option::is_none), "a call without an end");
    }
}

/// What the server answers: the arguments, and some more.
fn answer(stub: &Bytes, more: usize) -> Bytes {
    let mut out = stub.to_vec();
    out.resize(stub.len() + more, b'y');
    out.into()
}

fn cut(octets: Bytes, queue: &mut VecDeque<BytesMut>) {
    let mut stream = BytesMut::from(octets);
    while let Ok(Some((_, pdu))) = take_pdu(&mut stream) {
        queue.push_back(pdu);
    }
    assert!(stream.is_empty(), "sent what is no PDU");
}

/// Steps of a script, and calls in it.
const STEPS: usize = 200;
const CALLS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_auth::AuthType;

    /// Privacy, a security context, a call, a change of an octet of its stub.
    const CHANGED: &[u8] = &[4, 0, 8, 0, 0, 100, 0, 15, 5, 5, 5, 5, 0, 0, 9, 0, 10, 0, 30, 0, 1, 3, 255];

    #[test]
    fn a_changed_call_that_is_noticed_breaks_no_law() {
        script(Mechanism::Strict(AuthType::NTLM), Input(CHANGED));
        script(Mechanism::Ntlm(AuthType::SPNEGO), Input(CHANGED));
    }

    #[test]
    #[should_panic(expected = "a protected call that was not made")]
    fn a_changed_call_that_nobody_notices_breaks_the_law() {
        script(Mechanism::Lenient(AuthType::NTLM), Input(CHANGED));
    }
}
