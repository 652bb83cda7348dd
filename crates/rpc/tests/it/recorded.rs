//! A recorded conversation, taken apart for whoever plays it again.

use bytes::Bytes;
use rwmi_auth::{AuthError, AuthLevel, AuthType, Identity, SecurityContext, Segments, Step};
use rwmi_rpc::SyntaxId;
use rwmi_rpc::pdu::{Bind, BindAck, Body, ContextResult, Flags, NDR, NDR64, Pdu, PduType};
use rwmi_wiredata::capture::Stream;
use std::collections::VecDeque;

/// A PDU and who sent it.
pub(crate) struct Sent {
    pub(crate) from_client: bool,
    pub(crate) octets: Bytes,
    pub(crate) pdu: Pdu,
}

/// One leg of an authentication: the client's token, whether it came in an auth3, and the server's answer.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) client: Bytes,
    pub(crate) auth3: bool,
    pub(crate) server: Option<Pdu>,
}

/// A security context of the conversation.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) auth_type: AuthType,
    pub(crate) level: u8,
    pub(crate) id: u32,
    /// Whether the client asked for header signing.
    pub(crate) header_signing: bool,
    pub(crate) legs: Vec<Leg>,
}

pub(crate) struct Conversation {
    pub(crate) pdus: Vec<Sent>,
    pub(crate) contexts: Vec<Context>,
    /// Presentation contexts by number, with what became of them.
    pub(crate) presentation: Vec<(u16, SyntaxId, SyntaxId, ContextResult)>,
}

impl Conversation {
    /// `None` where the stream is no conversation from its bind on.
    pub(crate) fn of(stream: &Stream) -> Option<Conversation> {
        let pdus = stream.pdus()?;
        let pdus: Vec<Sent> = pdus
            .into_iter()
            .map(|p| {
                let octets = Bytes::from(p.octets);
                Sent { from_client: p.from_client, pdu: Pdu::parse(octets.clone()).unwrap(), octets }
            })
            .collect();
        if !matches!(pdus.first()?.pdu.body, Body::Bind(_)) {
            return None;
        }
        let mut conversation = Conversation { pdus, contexts: Vec::new(), presentation: Vec::new() };
        for at in 0..conversation.pdus.len() {
            conversation.handshake(at);
        }
        Some(conversation)
    }

    fn handshake(&mut self, at: usize) {
        let Sent { from_client: true, pdu, .. } = &self.pdus[at] else { return };
        let answer = self.answer_to(at);
        if let (Some(bind), Some(ack)) = (bind_of(pdu), answer.as_ref().and_then(ack_of)) {
            let results = bind.contexts.iter().zip(&ack.results);
            self.presentation.extend(results.map(|(c, r)| (c.id, c.interface, c.transfer[0], *r)));
        }
        let Some(auth) = pdu.auth.as_ref().filter(|_| bind_of(pdu).is_some() || matches!(pdu.body, Body::Auth3(_))) else { return };
        let leg = Leg { client: auth.token.clone(), auth3: matches!(pdu.body, Body::Auth3(_)), server: answer };
        let known = self.contexts.iter_mut().find(|c| (c.auth_type, c.level, c.id) == (auth.auth_type, auth.level, auth.context_id));
        match known {
            Some(context) => context.legs.push(leg),
            None => self.contexts.push(Context {
                auth_type: auth.auth_type,
                level: auth.level,
                id: auth.context_id,
                header_signing: pdu.flags.has(Flags::HEADER_SIGNING),
                legs: vec![leg],
            }),
        }
    }

    /// The server's answer to a bind or alter_context.
    pub(crate) fn answer_to(&self, at: usize) -> Option<Pdu> {
        let wanted = match self.pdus[at].pdu.body {
            Body::Bind(_) => PduType::BIND_ACK,
            Body::AlterContext(_) => PduType::ALTER_CONTEXT_RESP,
            _ => return None,
        };
        self.pdus[at..].iter().find(|s| !s.from_client && s.pdu.body.ptype() == wanted).map(|s| s.pdu.clone())
    }

    /// Whether the server chose NDR64 anywhere.
    pub(crate) fn speaks_ndr64(&self) -> bool {
        self.presentation.iter().any(|(_, _, transfer, result)| *transfer == NDR64 && result.is_accepted())
    }

    /// The result that the server gave for an interface in NDR.
    pub(crate) fn result_of(&self, interface: &SyntaxId) -> Option<ContextResult> {
        self.presentation.iter().filter(|(_, i, t, _)| i == interface && *t == NDR).map(|(.., r)| *r).next_back()
    }

    /// The interface that was accepted under a number.
    pub(crate) fn interface_of(&self, id: u16) -> Option<SyntaxId> {
        self.presentation.iter().find(|(n, _, t, r)| *n == id && *t == NDR && r.is_accepted()).map(|(_, i, ..)| *i)
    }

    /// The stub of the response or request that begins at `at`, joined, without padding.
    pub(crate) fn stub_from(&self, at: usize) -> Bytes {
        let first = &self.pdus[at];
        let mut stub = Vec::new();
        for sent in self.pdus[at..].iter().filter(|s| s.from_client == first.from_client && s.pdu.call_id == first.pdu.call_id) {
            let (Body::Request(rwmi_rpc::pdu::Request { stub: piece, .. }) | Body::Response(rwmi_rpc::pdu::Response { stub: piece, .. })) =
                &sent.pdu.body
            else {
                continue;
            };
            let pad = sent.pdu.auth.as_ref().map_or(0, |a| usize::from(a.pad_len));
            stub.extend_from_slice(&piece[..piece.len() - pad]);
            if sent.pdu.flags.has(Flags::LAST) {
                break;
            }
        }
        stub.into()
    }
}

pub(crate) fn bind_of(pdu: &Pdu) -> Option<&Bind> {
    match &pdu.body {
        Body::Bind(bind) | Body::AlterContext(bind) => Some(bind),
        _ => None,
    }
}

pub(crate) fn ack_of(pdu: &Pdu) -> Option<&BindAck> {
    match &pdu.body {
        Body::BindAck(ack) | Body::AlterContextResp(ack) => Some(ack),
        _ => None,
    }
}

/// Either end of a recorded security context. It says what was said, insists that the peer does the same, and leaves
/// protected PDUs as they are: their keys are another test's business.
pub(crate) struct Replayed {
    context: Context,
    initiator: bool,
    legs: VecDeque<Leg>,
    /// Server tokens that an initiator still waits for.
    expected: Option<Bytes>,
    peer: Option<Identity>,
}

impl Replayed {
    pub(crate) fn new(context: &Context, initiator: bool) -> Replayed {
        Replayed { context: context.clone(), initiator, legs: context.legs.iter().cloned().collect(), expected: None, peer: None }
    }

    fn done(&mut self, token: Option<Bytes>) -> Step {
        self.peer = Some(Identity { user: "recorded".into(), domain: String::new(), identify_only: false });
        Step::Done(token.map(|t| t.to_vec()))
    }
}

/// The token of an answer; empty where it has none.
fn token_of(pdu: &Option<Pdu>) -> Bytes {
    pdu.as_ref().and_then(|p| p.auth.as_ref()).map(|a| a.token.clone()).unwrap_or_default()
}

impl SecurityContext for Replayed {
    fn auth_type(&self) -> AuthType {
        self.context.auth_type
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if self.initiator {
            assert_eq!(token, self.expected.take().unwrap_or_default(), "the server's token, untouched");
            let Some(leg) = self.legs.pop_front() else { return Ok(self.done(None)) };
            if leg.auth3 {
                return Ok(self.done(Some(leg.client)));
            }
            self.expected = Some(token_of(&leg.server));
            return Ok(Step::Continue(leg.client.to_vec()));
        }
        let leg = self.legs.pop_front().expect("no more legs than were recorded");
        assert_eq!(token, leg.client, "the client's token, untouched");
        let token = token_of(&leg.server);
        if self.legs.is_empty() { Ok(self.done((!token.is_empty()).then_some(token))) } else { Ok(Step::Continue(token.to_vec())) }
    }

    fn is_established(&self) -> bool {
        self.peer.is_some()
    }

    fn token_len(&self, _: AuthLevel, _: usize) -> usize {
        16
    }

    fn protect(&mut self, _: AuthLevel, _: bool, _: Segments<'_>) -> Result<Vec<u8>, AuthError> {
        Ok(vec![0; 16])
    }

    fn unprotect(&mut self, _: AuthLevel, header_signing: bool, _: Segments<'_>, _: &[u8]) -> Result<(), AuthError> {
        assert_eq!(header_signing, self.context.header_signing);
        Ok(())
    }

    fn session_key(&self) -> Option<&[u8]> {
        None
    }

    fn peer(&self) -> Option<&Identity> {
        self.peer.as_ref()
    }
}
