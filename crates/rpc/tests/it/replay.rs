//! Either machine in the place of a recorded one: it must take every PDU of the other side.

use crate::recorded::*;
use bytes::{Bytes, BytesMut};
use rwmi_auth::{AuthLevel, AuthType, SecurityContext};
use rwmi_rpc::pdu::{Body, ContextResult, Flags, Pdu};
use rwmi_rpc::*;
use rwmi_wiredata::capture::streams;
use rwmi_wiredata::{Kind, Tally, Tree};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Accepts what was accepted, and says what was said.
struct Recorded {
    accepted: Vec<SyntaxId>,
    contexts: Mutex<std::vec::IntoIter<Context>>,
}

impl Endpoint for Recorded {
    fn accepts(&self, interface: &SyntaxId) -> bool {
        self.accepted.contains(interface)
    }
    fn acceptor(&self, auth_type: AuthType) -> Option<Box<dyn SecurityContext>> {
        let context = self.contexts.lock().unwrap().next()?;
        assert_eq!(context.auth_type, auth_type);
        Some(Box::new(Replayed::new(&context, false)))
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

/// Feeds every recorded PDU of the client to our server; answers as the recorded server did, and compares.
fn serve(conversation: &Conversation, port: u16) {
    let accepted: Vec<SyntaxId> = conversation
        .presentation
        .iter()
        .map(|(_, i, ..)| *i)
        .filter(|i| conversation.result_of(i).is_some_and(|r| r.is_accepted()))
        .collect();
    let endpoint = Recorded { accepted, contexts: Mutex::new(conversation.contexts.clone().into_iter()) };
    let link = Link { peer: ([10, 0, 0, 1], 50000).into(), local: ([10, 0, 0, 2], port).into(), connection: 1, identity: None };
    let now = Instant::now();
    let mut server = ServerConnection::new(Arc::new(endpoint), link, Arc::default(), Arc::default(), now);
    let mut calls: HashMap<u32, IncomingCall> = HashMap::new();
    for (at, sent) in conversation.pdus.iter().enumerate() {
        let call_id = sent.pdu.call_id;
        if sent.from_client {
            let mut pdu = sent.pdu.clone();
            if let Body::Bind(bind) = &mut pdu.body {
                // The group of another recorded connection, by a number of the other server.
                bind.group = 0;
            }
            server.handle_input(&mut BytesMut::from(&pdu.encode().unwrap()[..]), now);
            while let Some(event) = server.poll_event() {
                match event {
                    ServerEvent::Request(call) => drop(calls.insert(call_id, call)),
                    ServerEvent::Authenticated { .. } => {}
                    other => panic!("{other:?} at {:?}", sent.pdu),
                }
            }
            if let Some(expect) = conversation.answer_to(at) {
                compare_ack(&Pdu::parse(transmitted(&mut server)).unwrap(), &expect, &sent.pdu);
            }
            if let (Body::Request(request), true) = (&sent.pdu.body, sent.pdu.flags.has(Flags::LAST)) {
                let call = &calls[&call_id];
                assert_eq!((call.opnum, Some(call.interface)), (request.opnum, conversation.interface_of(request.context_id)));
                let level = sent.pdu.auth.as_ref().map_or(0, |a| a.level);
                assert!(level < 4 || call.cx.level as u8 == level);
            }
        } else if sent.pdu.flags.has(Flags::FIRST) {
            match &sent.pdu.body {
                Body::Response(_) => {
                    let call = calls.remove(&call_id).unwrap_or_else(|| panic!("{:?}", sent.pdu));
                    server.respond(call.handle, Ok(conversation.stub_from(at)));
                    let ours = transmitted(&mut server);
                    // In clear, our answer is theirs to the octet.
                    if sent.pdu.auth.is_none() && sent.pdu.flags.has(Flags::LAST) {
                        assert_eq!(ours, sent.octets);
                    }
                }
                Body::Fault(fault) => {
                    let call = calls.remove(&call_id).unwrap();
                    server.respond(call.handle, Err(fault.status));
                    transmitted(&mut server);
                }
                _ => {}
            }
        }
    }
}

fn compare_ack(ours: &Pdu, theirs: &Pdu, asked: &Pdu) {
    let (our_ack, their_ack) = (ack_of(ours).unwrap(), ack_of(theirs).unwrap());
    for ((ours, theirs), element) in our_ack.results.iter().zip(&their_ack.results).zip(&bind_of(asked).unwrap().contexts) {
        assert_eq!(ours, theirs, "{element:?}");
    }
    assert_eq!(our_ack.results.len(), their_ack.results.len());
    assert_eq!((our_ack.max_xmit, our_ack.max_recv, &our_ack.address), (their_ack.max_xmit, their_ack.max_recv, &their_ack.address));
    assert_eq!((ours.flags, ours.call_id), (theirs.flags, theirs.call_id));
    assert_eq!(ours.auth, theirs.auth);
}

/// Makes the recorded calls with our client; gives it the recorded PDUs of the server, renumbered.
fn call(conversation: &Conversation) {
    let mut client = ClientConnection::new(ClientOptions::default());
    let security: Vec<SecurityId> = conversation
        .contexts
        .iter()
        .map(|context| {
            let mut options = SecurityOptions::at(AuthLevel::from_wire(context.level).unwrap());
            options.header_signing = if context.header_signing { HeaderSigning::Required } else { HeaderSigning::Off };
            client.add_security(Box::new(Replayed::new(context, true)), options)
        })
        .collect();
    for (at, sent) in conversation.pdus.iter().enumerate().filter(|(_, s)| s.from_client && s.pdu.flags.has(Flags::FIRST)) {
        let Body::Request(request) = &sent.pdu.body else { continue };
        // A request without a trailer at connect is that of the only context there is.
        let at_connect = conversation.contexts.iter().position(|c| c.level == 2).filter(|_| sent.pdu.auth.is_none());
        let named =
            sent.pdu.auth.as_ref().and_then(|a| conversation.contexts.iter().position(|c| (c.id, c.level) == (a.context_id, a.level)));
        let which = named.or(at_connect);
        let call = OutgoingCall {
            interface: conversation.interface_of(request.context_id).unwrap(),
            object: request.object,
            opnum: request.opnum,
            stub: conversation.stub_from(at),
            security: which.map(|i| security[i]),
            deadline: None,
        };
        let id = client.call(call);
        let result = run(conversation, &mut client, at, which);
        let answer = conversation.pdus[at..]
            .iter()
            .position(|s| !s.from_client && s.pdu.call_id == sent.pdu.call_id && matches!(s.pdu.body, Body::Response(_) | Body::Fault(_)));
        let Some(answer) = answer.map(|i| at + i) else { continue };
        let expect = match &conversation.pdus[answer].pdu.body {
            Body::Fault(fault) => Err(CallFailure::Fault(fault.status)),
            _ => Ok(conversation.stub_from(answer)),
        };
        assert_eq!(result, Some((id, expect)));
    }
}

/// Answers the client's PDUs until its call is over.
fn run(
    conversation: &Conversation,
    client: &mut ClientConnection,
    at: usize,
    which: Option<usize>,
) -> Option<(CallId, Result<Bytes, CallFailure>)> {
    let request = &conversation.pdus[at];
    let mut input = BytesMut::new();
    loop {
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Done { call, result } => return Some((call, result)),
                ClientEvent::Closed(why) => panic!("{why}"),
                _ => {}
            }
        }
        let octets = client.poll_transmit()?;
        let mut octets = BytesMut::from(&octets[..]);
        while let Some((_, frame)) = pdu::take_pdu(&mut octets).unwrap() {
            let pdu = Pdu::parse(frame.freeze()).unwrap();
            if bind_of(&pdu).is_some() {
                input.extend_from_slice(&renumbered(conversation, &pdu).encode().unwrap());
            } else if matches!(pdu.body, Body::Request(_)) && pdu.flags.has(Flags::LAST) {
                let theirs = conversation.pdus[at..].iter().filter(|s| !s.from_client && s.pdu.call_id == request.pdu.call_id);
                let theirs = theirs.filter(|s| matches!(s.pdu.body, Body::Response(_) | Body::Fault(_)));
                for sent in theirs {
                    let mut answer = sent.pdu.clone();
                    answer.call_id = pdu.call_id;
                    if let (Some(auth), Some(which)) = (&mut answer.auth, which) {
                        auth.context_id = which as u32;
                    }
                    input.extend_from_slice(&answer.encode().unwrap());
                    if sent.pdu.flags.has(Flags::LAST) {
                        break;
                    }
                }
            }
        }
        client.handle_input(&mut input);
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
        let (from, _) = conversation
            .pdus
            .iter()
            .enumerate()
            .find(|(_, s)| bind_of(&s.pdu).is_some_and(|b| b.contexts[0].interface == bind.contexts[0].interface) && s.pdu.auth.is_none())
            .expect("an answer without a token");
        conversation.answer_to(from).unwrap()
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

#[test]
fn wire_data_both_machines_take_every_recorded_conversation() {
    let Some(tree) = Tree::locate() else { return };
    let (mut served, mut called) =
        (Tally::new(".pcap(ng)", "conversations, our server in them"), Tally::new(".pcap(ng)", "conversations, our client in them"));
    for path in tree.files(Kind::Pcap).chain(tree.files(Kind::PcapNg)) {
        for stream in streams(&path).unwrap() {
            let Some(conversation) = Conversation::of(&stream) else { continue };
            if conversation.speaks_ndr64() {
                served.leave("NDR64");
                called.leave("NDR64");
                continue;
            }
            println!("{} {} -> {}", tree.short(&path), stream.client, stream.server);
            serve(&conversation, stream.server.port());
            served.pass();
            call(&conversation);
            called.pass();
        }
    }
    served.finish(&tree);
    called.finish(&tree);
}
