//! Either machine in the place of a recorded one: it must take every PDU of the other side.

use crate::recorded::*;
use crate::replayed::*;
use bytes::{Bytes, BytesMut};
use rwmi_auth::{AuthLevel, AuthType, SecurityContext};
use rwmi_rpc::pdu::{Body, ContextResult, Flags, NDR, Pdu};
use rwmi_rpc::*;
use rwmi_wiredata::capture::Capture;
use rwmi_wiredata::manifest::{Manifest, Row};
use rwmi_wiredata::{Kind, Outcome, Tally, Tree, keys};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Accepts what was accepted, and says what was said.
struct Recorded {
    accepted: Mutex<Vec<SyntaxId>>,
    contexts: Mutex<std::vec::IntoIter<(Context, Originals)>>,
}

impl Endpoint for Recorded {
    fn accepts(&self, interface: &SyntaxId) -> bool {
        self.accepted.lock().unwrap().contains(interface)
    }
    fn acceptor(&self, auth_type: AuthType) -> Option<Box<dyn SecurityContext>> {
        let (context, originals) = self.contexts.lock().unwrap().next()?;
        assert_eq!(context.auth_type, auth_type);
        Some(Box::new(Replayed::new(&context, false, &originals)))
    }
    fn minimum_level(&self, _: &SyntaxId, _: u16) -> AuthLevel {
        AuthLevel::None
    }
    fn dispatch<'a>(&'a self, _: &'a CallContext, _: SyntaxId, _: u16, _: Bytes) -> DispatchFuture<'a> {
        unreachable!("the test answers")
    }
}

fn transmitted(server: &mut ServerConnection) -> Bytes {
    let mut out = BytesMut::new();
    while let Some(octets) = server.poll_transmit() {
        out.extend_from_slice(&octets);
    }
    out.freeze()
}

fn originals(conversation: &Conversation) -> Vec<Originals> {
    conversation.contexts.iter().map(|_| Originals::default()).collect()
}

/// Tells a context which recorded PDU comes next.
fn announce(conversation: &Conversation, originals: &[Originals], sent: &Sent) {
    let is_protected = is_call(&sent.pdu) && sent.pdu.auth.as_ref().is_some_and(|a| crate::support::is_protecting(a.level));
    if let Some(which) = conversation.context_of(sent).filter(|_| is_protected) {
        originals[which].lock().unwrap().push_back(Original::of(sent));
    }
}

/// Feeds every recorded PDU of the client to our server; answers as the recorded server did, and compares.
fn serve(conversation: &Conversation, port: u16) {
    let originals = originals(conversation);
    let contexts: Vec<(Context, Originals)> = conversation.contexts.iter().cloned().zip(originals.iter().cloned()).collect();
    let endpoint = Arc::new(Recorded { accepted: Mutex::default(), contexts: Mutex::new(contexts.into_iter()) });
    let link = Link { peer: ([10, 0, 0, 1], 50000).into(), local: ([10, 0, 0, 2], port).into(), connection: 1, identity: None };
    let now = Instant::now();
    let mut server = ServerConnection::new(endpoint.clone(), link, Arc::default(), Arc::default(), now);
    let mut calls: HashMap<u32, IncomingCall> = HashMap::new();
    let mut begun: HashMap<u32, usize> = HashMap::new();
    for (at, sent) in conversation.pdus.iter().enumerate() {
        let call_id = sent.pdu.call_id;
        if sent.from_client {
            if matches!(sent.pdu.body, Body::Request(_)) && sent.pdu.flags.has(Flags::FIRST) {
                begun.insert(call_id, at);
            }
            let mut pdu = sent.pdu.clone();
            if let Body::Bind(bind) | Body::AlterContext(bind) = &mut pdu.body {
                // The group of another recorded connection, by a number of the other server.
                bind.group = 0;
                *endpoint.accepted.lock().unwrap() = conversation.accepted_at(at);
                if conversation.answer_to(at).is_some_and(|answer| ack_of(&answer).is_none()) {
                    // The server refused what ours would take.
                    return;
                }
            }
            announce(conversation, &originals, sent);
            server.handle_input(&mut BytesMut::from(&pdu.encode().unwrap()[..]), now);
            while let Some(event) = server.poll_event() {
                match event {
                    ServerEvent::Request(call) => drop(calls.insert(call_id, call)),
                    ServerEvent::Authenticated { .. } | ServerEvent::Cancelled(_) | ServerEvent::Orphaned(_) => {}
                    // A call in NDR64, which the recorded server took and ours does not.
                    ServerEvent::Refused { .. } if begun.get(&call_id).is_some_and(|at| conversation.speaks_ndr64(*at)) => {}
                    other => panic!("{other:?} at PDU {at}, {:?}", sent.pdu),
                }
            }
            if let Some(expect) = conversation.answer_to(at) {
                compare_ack(&Pdu::parse(transmitted(&mut server)).unwrap(), &expect, &sent.pdu);
            }
            if let (Body::Request(request), true) = (&sent.pdu.body, sent.pdu.flags.has(Flags::LAST)) {
                let first = begun[&call_id];
                if conversation.speaks_ndr64(first) {
                    continue;
                }
                let call = calls.get(&call_id).unwrap_or_else(|| panic!("no call of PDU {at}, {:?}", sent.pdu));
                let interface = conversation.presented(at, request.context_id).map(|(interface, _)| interface);
                assert_eq!((call.opnum, Some(call.interface)), (request.opnum, interface));
                let level = sent.pdu.auth.as_ref().map_or(0, |a| a.level);
                assert!(level < 4 || call.cx.level as u8 == level);
                // What is missing at its end is the verification trailer, which was checked.
                let stub = conversation.stub_from(first);
                assert!(stub.starts_with(&call.stub), "PDU {at}: another stub");
                let trailer = stub.slice(call.stub.len()..);
                assert!(trailer.is_empty() || trailer.starts_with(&[0x8a, 0xe3, 0x13, 0x71, 2, 0xf4, 0x36, 0x71]), "PDU {at}: cut short");
            }
        } else if sent.pdu.flags.has(Flags::FIRST) {
            match &sent.pdu.body {
                Body::Response(_) => {
                    let Some(call) = calls.remove(&call_id) else {
                        let is_known = begun.get(&call_id).is_some_and(|at| conversation.speaks_ndr64(*at));
                        assert!(is_known, "an answer to no call: PDU {at}, {:?}", sent.pdu);
                        continue;
                    };
                    server.respond(call.handle, Ok(conversation.stub_from(at)));
                    let ours = transmitted(&mut server);
                    // In clear, our answer is theirs to the octet, but for what is advice.
                    if sent.pdu.auth.is_none() && sent.pdu.flags.has(Flags::LAST) {
                        let without_advice = |octets: &[u8]| [&octets[..16], &octets[20..22], &octets[24..]].concat();
                        assert_eq!(without_advice(&ours), without_advice(&sent.octets));
                    }
                }
                Body::Fault(fault) => {
                    if let Some(call) = calls.remove(&call_id) {
                        server.respond(call.handle, Err(fault.status));
                        transmitted(&mut server);
                    }
                }
                _ => {}
            }
        }
    }
}

fn compare_ack(ours: &Pdu, theirs: &Pdu, asked: &Pdu) {
    let (our_ack, their_ack) = (ack_of(ours).unwrap(), ack_of(theirs).unwrap());
    let elements = &bind_of(asked).unwrap().contexts;
    for ((ours, theirs), element) in our_ack.results.iter().zip(&their_ack.results).zip(elements) {
        // Which features a server grants is its own business, and so is NDR64.
        let is_shared = pdu::Features::of(&element.transfer[0]).is_none() && element.transfer.contains(&NDR);
        if is_shared && (theirs.result != 0 || theirs.transfer == NDR) {
            assert_eq!(ours.result, theirs.result, "{element:?}");
        }
    }
    assert_eq!(our_ack.results.len(), elements.len());
    assert_eq!(ours.call_id, theirs.call_id);
    assert!(our_ack.max_xmit <= bind_of(asked).unwrap().max_recv);
    assert_eq!(ours.auth, theirs.auth);
}

/// A call of our client's and the recorded one in whose place it is.
struct Open {
    call: CallId,
    /// Number of our call on the wire.
    wire: u32,
}

/// Makes the recorded calls with our client, and gives it the recorded PDUs of the server in their order, with its numbers.
fn call(conversation: &Conversation) {
    let mut client = ClientConnection::new(ClientOptions::default());
    let originals = originals(conversation);
    let mut security: Vec<SecurityId> = Vec::new();
    for (context, originals) in conversation.contexts.iter().zip(&originals) {
        let mut options = SecurityOptions::at(AuthLevel::from_wire(context.level).unwrap());
        options.header_signing = match context.header_signing {
            (true, true) => HeaderSigning::Required,
            (true, false) => HeaderSigning::Preferred,
            (false, _) => HeaderSigning::Off,
        };
        security.push(client.add_security(Box::new(Replayed::new(context, true, originals)), options));
    }
    let mut open: HashMap<u32, Open> = HashMap::new();
    let mut done: HashMap<CallId, Result<Bytes, CallFailure>> = HashMap::new();
    for (at, sent) in conversation.pdus.iter().enumerate() {
        let call_id = sent.pdu.call_id;
        match &sent.pdu.body {
            // What nobody answered would keep our client from its next call.
            Body::Request(request)
                if sent.pdu.flags.has(Flags::FIRST) && !conversation.speaks_ndr64(at) && conversation.is_answered(at) =>
            {
                // A request without a trailer at connect is that of the only context there is.
                let at_connect = conversation.contexts.iter().position(|c| c.level == 2).filter(|_| sent.pdu.auth.is_none());
                let (interface, _) = conversation.presented(at, request.context_id).expect("a presentation context that was accepted");
                let call = client.call(OutgoingCall {
                    interface,
                    object: request.object,
                    opnum: request.opnum,
                    stub: conversation.stub_from(at),
                    security: conversation.context_of(sent).or(at_connect).map(|i| security[i]),
                    deadline: None,
                });
                let wire = pump(conversation, &mut client, &mut done);
                assert!(!done.contains_key(&call), "PDU {at}: {:?} before the answer", done.get(&call));
                open.insert(call_id, Open { call, wire: wire.unwrap_or_else(|| panic!("PDU {at}: our client sends no request")) });
            }
            Body::Response(_) | Body::Fault(_) if !sent.from_client => {
                let Some(ours) = open.get(&call_id) else { continue };
                let mut answer = sent.pdu.clone();
                answer.call_id = ours.wire;
                if let (Some(auth), Some(which)) = (&mut answer.auth, conversation.context_of(sent)) {
                    auth.context_id = u32::try_from(which).unwrap();
                }
                announce(conversation, &originals, sent);
                client.handle_input(&mut BytesMut::from(&answer.encode().unwrap()[..]));
                pump(conversation, &mut client, &mut done);
                if sent.pdu.flags.has(Flags::LAST) || matches!(sent.pdu.body, Body::Fault(_)) {
                    let first = first_of(conversation, at);
                    let expect = match &conversation.pdus[first].pdu.body {
                        Body::Fault(fault) => Err(CallFailure::Fault(fault.status)),
                        _ => Ok(conversation.stub_from(first)),
                    };
                    let Open { call, .. } = open.remove(&call_id).unwrap();
                    assert_eq!(done.remove(&call), Some(expect), "PDU {at}");
                }
            }
            _ => {}
        }
    }
}

/// Where the answer begins whose last fragment is at a place.
fn first_of(conversation: &Conversation, at: usize) -> usize {
    let last = &conversation.pdus[at];
    let is_first = |s: &Sent| !s.from_client && s.pdu.call_id == last.pdu.call_id && s.pdu.flags.has(Flags::FIRST);
    (0..=at).rev().find(|i| is_first(&conversation.pdus[*i])).unwrap_or(at)
}

/// Sends what the client has to send, and answers its handshakes; gives the number of the request that went out, if one did.
fn pump(conversation: &Conversation, client: &mut ClientConnection, done: &mut HashMap<CallId, Result<Bytes, CallFailure>>) -> Option<u32> {
    let mut request = None;
    loop {
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Done { call, result } => drop(done.insert(call, result)),
                ClientEvent::Closed(why) => panic!("{why}"),
                _ => {}
            }
        }
        let Some(octets) = client.poll_transmit() else { return request };
        let mut octets = BytesMut::from(&octets[..]);
        while let Some((_, frame)) = pdu::take_pdu(&mut octets).unwrap() {
            let pdu = Pdu::parse(frame.freeze()).unwrap();
            if bind_of(&pdu).is_some() {
                client.handle_input(&mut BytesMut::from(&renumbered(conversation, &pdu).encode().unwrap()[..]));
            } else if matches!(pdu.body, Body::Request(_)) {
                request = Some(pdu.call_id);
            }
        }
    }
}

/// The recorded answer to what a client's bind or alter_context asks, for the contexts that it proposes.
fn renumbered(conversation: &Conversation, asked: &Pdu) -> Pdu {
    let bind = bind_of(asked).unwrap();
    let leg = asked.auth.as_ref().and_then(|auth| {
        let context = &conversation.contexts[auth.context_id as usize];
        context.legs.iter().find(|leg| leg.client == auth.token)?.server.clone()
    });
    let plain = || {
        let mut answers = (0..conversation.pdus.len()).filter_map(|at| conversation.answer_to(at)).filter(|a| ack_of(a).is_some());
        Pdu { auth: None, ..answers.next().expect("an answer to a bind") }
    };
    let mut answer = leg.unwrap_or_else(plain);
    answer.call_id = asked.call_id;
    if let Some(auth) = &mut answer.auth {
        auth.context_id = asked.auth.as_ref().unwrap().context_id;
    }
    let results = |element: &pdu::ContextElement| match pdu::Features::of(&element.transfer[0]) {
        Some(features) => ContextResult::features(features),
        None => conversation.result_of(&element.interface).unwrap(),
    };
    let results = bind.contexts.iter().map(results).collect();
    answer.body = match (answer.body, &asked.body) {
        (Body::BindAck(ack) | Body::AlterContextResp(ack), Body::Bind(_)) => Body::BindAck(pdu::BindAck { results, ..ack }),
        (Body::BindAck(ack) | Body::AlterContextResp(ack), _) => Body::AlterContextResp(pdu::BindAck { results, ..ack }),
        (other, _) => other,
    };
    answer
}

/// What is counted of the conversations of a kind of input.
struct Tallies {
    served: Tally,
    called: Tally,
    protected: Tally,
}

impl Tallies {
    fn of(kind: &'static str) -> Tallies {
        Tallies {
            served: Tally::new(kind, "conversations, our server in them"),
            called: Tally::new(kind, "conversations, our client in them"),
            protected: Tally::new(kind, "signed or sealed PDUs verified or in clear for both machines"),
        }
    }

    fn take(&mut self, name: &str, port: u16, conversation: impl FnOnce() -> Option<Conversation>) {
        let Tallies { served, called, protected } = self;
        let mut conversation = Some(conversation);
        let mut known = None;
        served.case(name, || {
            known = conversation.take().and_then(|of| of());
            let Some(known) = &known else { return Outcome::Left("no key") };
            serve(known, port);
            outcome(known)
        });
        called.case(name, || {
            let Some(known) = &known else { return Outcome::Left("no key") };
            call(known);
            outcome(known)
        });
        let Some(known) = known else { return };
        for sent in known.protected() {
            match known.context_of(sent).map(|i| &known.contexts[i]) {
                Some(Context { opener: Opener::Key(_), .. }) => protected.pass(),
                Some(Context { opener: Opener::Files, .. }) if sent.opened.is_some() => protected.pass(),
                Some(context) => protected.leave(context.reason),
                None => protected.leave("no key"),
            }
        }
    }

    fn into_list(self) -> [Tally; 3] {
        [self.served, self.called, self.protected]
    }
}

/// Played, unless all of its calls are in a transfer syntax that is not ours.
fn outcome(conversation: &Conversation) -> Outcome {
    let calls = || (0..conversation.pdus.len()).filter(|at| matches!(conversation.pdus[*at].pdu.body, Body::Request(_)));
    let in_ndr64 = calls().filter(|at| conversation.speaks_ndr64(*at)).count();
    if in_ndr64 > 0 && in_ndr64 == calls().count() { Outcome::Left("NDR64") } else { Outcome::Passed }
}

#[test]
fn wire_data_both_machines_take_every_recorded_conversation() {
    let Some(tree) = Tree::locate() else { return };
    let captures = Capture::all(&tree);
    let manifests = Manifest::all(&tree, &captures);
    let mut recorded = Tallies::of(".pcap(ng)");
    for (place, capture) in captures.iter().enumerate() {
        let keys = keys::all_for(&capture.path, &tree);
        for stream in capture.streams() {
            let Some(pdus) = stream.pdus() else { continue };
            let of_ours = manifests.iter().filter(|manifest| manifest.capture == Some(place));
            let ends: Option<(SocketAddr, SocketAddr)> = Some((stream.client, stream.server));
            let rows: Vec<(&Row, &Path)> =
                of_ours.flat_map(|m| m.rows.iter().map(|row| (row, m.path.as_path()))).filter(|(row, _)| row.ends() == ends).collect();
            let name = format!("{}, {} to {}", tree.short(&capture.path), stream.client, stream.server);
            recorded.take(&name, stream.server.port(), || Conversation::of_stream(pdus, &keys, &rows));
        }
    }
    let mut told = Tallies::of(Kind::Manifest.label());
    for manifest in &manifests {
        // Where the capture is there, its PDUs were played above.
        for (stream, rows) in manifest.connections().into_iter().filter(|_| manifest.capture.is_none()) {
            let port = rows.first().and_then(|row| row.ends()).map_or(0, |(_, server)| server.port());
            let rows: Vec<(&Row, &Path)> = rows.into_iter().map(|row| (row, manifest.path.as_path())).collect();
            told.take(&format!("{}, connection {stream}", tree.short(&manifest.path)), port, || Conversation::of_rows(&rows));
        }
    }
    Tally::finish_all(recorded.into_list(), &tree);
    // Our own tree has the captures of all its manifests.
    if told.served.found() > 0 {
        Tally::finish_all(told.into_list(), &tree);
    }
}
