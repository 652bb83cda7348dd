//! bind, alter_context and auth3, as calls need them ([MS-RPCE] 3.3.1.5.2.1).

use super::{
    CallFailure, ClientConnection, ClientEvent, ConnectionError, Handshake, HeaderSigning, Presentation, Security, SecurityId, State,
};
use crate::SyntaxId;
use crate::pdu::{
    AuthTrailer, Bind, Body, ContextElement, FEATURE_KEEP_ON_ORPHAN, FEATURE_MULTIPLEX_SECURITY, FRAGMENT_LEN_MIN, Features, Flags, NDR,
    Pdu,
};
use bytes::Bytes;
use rwmi_auth::{AuthError, Step};

/// Interfaces that are bound beforehand at most: a bind is one fragment, with a token to come behind them.
const INTERFACES_MAX: usize = 32;

impl ClientConnection {
    /// Proposes what a call still lacks: its presentation context, its security context, or both at once.
    pub(super) fn propose(&mut self, interface: SyntaxId, security: Option<SecurityId>) -> Result<(), CallFailure> {
        let begin = security.filter(|s| matches!(self.security.get(s.0), Some(s) if matches!(s.state, Security::New(_))));
        let id = match self.presentation.get(&interface) {
            // A security context that comes later says a presentation context again that is there.
            Some(Presentation::Accepted { id, .. }) => *id,
            _ => self.take_context_id()?,
        };
        let trailer = match begin {
            Some(security) => Some(self.begin(security)?),
            None => None,
        };
        let first = self.state == State::New;
        let mut proposed = vec![(id, Some(interface))];
        let mut contexts = vec![ContextElement::new(id, interface, NDR)];
        if first {
            for further in self.options.interfaces.clone().into_iter().filter(|i| *i != interface).take(INTERFACES_MAX) {
                let id = self.take_context_id()?;
                proposed.push((id, Some(further)));
                contexts.push(ContextElement::new(id, further, NDR));
            }
            let features = Features(FEATURE_MULTIPLEX_SECURITY | FEATURE_KEEP_ON_ORPHAN);
            let id = self.take_context_id()?;
            proposed.push((id, None));
            contexts.push(ContextElement::new(id, interface, features.syntax()));
        }
        let call_id = self.take_call_id();
        self.handshake = Some(Handshake { call_id, proposed, interface, security: begin });
        self.put_bind(first, call_id, contexts, trailer);
        if first && self.state == State::New {
            self.state = State::WaitBindAck;
        }
        Ok(())
    }

    /// The first token of a security context.
    fn begin(&mut self, security: SecurityId) -> Result<AuthTrailer, CallFailure> {
        let Some(secured) = self.security.get_mut(security.0) else { return Err(CallFailure::Exhausted("security context")) };
        let state = std::mem::replace(&mut secured.state, Security::Failed(AuthError::Misuse("lost").into()));
        let Security::New(mut protection) = state else {
            secured.state = state;
            return Err(AuthError::Misuse("a security context begun twice").into());
        };
        let token = match protection.context.step(&[]) {
            Ok(Step::Continue(token) | Step::Done(Some(token))) => token,
            Ok(Step::Done(None)) => Vec::new(),
            Err(error) => {
                secured.state = Security::Failed(error.clone().into());
                return Err(error.into());
            }
        };
        let (auth_type, level, context_id) = (protection.auth_type, protection.level as u8, protection.id);
        secured.state = Security::Opening(protection);
        Ok(AuthTrailer { auth_type, level, pad_len: 0, reserved: 0, context_id, token: token.into() })
    }

    fn put_bind(&mut self, first: bool, call_id: u32, contexts: Vec<ContextElement>, auth: Option<AuthTrailer>) {
        let signing = auth.as_ref().and_then(|a| self.security.get(a.context_id as usize)).map(|s| s.options.header_signing);
        let flags = Flags::when(signing.is_some_and(|s| s != HeaderSigning::Off), Flags::HEADER_SIGNING)
            .with(Flags::when(first && self.options.multiplex, Flags::MULTIPLEX));
        let fragment = self.options.fragment_len_max;
        let bind = Bind { max_xmit: fragment, max_recv: fragment, group: self.group, reserved: [0; 3], contexts, tail: Bytes::new() };
        let body = if first { Body::Bind(bind) } else { Body::AlterContext(bind) };
        self.put(Pdu::new(flags, call_id, body, auth));
    }

    /// A bind_ack or alter_context_resp.
    pub(super) fn ack(&mut self, frame: Bytes) {
        let pdu = match Pdu::parse(frame) {
            Ok(pdu) => pdu,
            Err(error) => return self.close(error.into()),
        };
        let (Body::BindAck(ack) | Body::AlterContextResp(ack)) = pdu.body else { return };
        let Some(handshake) = self.handshake.take().filter(|h| h.call_id == pdu.call_id) else {
            return self.close(ConnectionError::Protocol("an answer to no bind"));
        };
        if ack.results.len() != handshake.proposed.len() {
            return self.close(ConnectionError::Protocol("another number of results than of presentation contexts"));
        }
        if self.state == State::WaitBindAck {
            self.state = State::Bound;
            self.group = ack.group;
            self.multiplex = self.options.multiplex && pdu.flags.has(Flags::MULTIPLEX);
            self.fragment_max = self.fragment_max.min(usize::from(ack.max_recv.max(FRAGMENT_LEN_MIN)));
            self.events.push_back(ClientEvent::Bound { group: ack.group });
        }
        for ((id, interface), result) in handshake.proposed.iter().zip(&ack.results) {
            match interface {
                None if result.result == 3 => self.features = Features(result.reason as u8),
                None => {}
                Some(interface) if result.is_accepted() && result.transfer == NDR => {
                    self.presentation.entry(*interface).or_insert(Presentation::Accepted { id: *id, verified: false });
                }
                Some(_) if result.is_accepted() => {
                    return self.close(ConnectionError::Protocol("a transfer syntax that was not proposed"));
                }
                Some(interface) if *interface == handshake.interface => {
                    self.presentation.insert(*interface, Presentation::Rejected(*result));
                }
                // Nobody has called it yet, and by then the server may know it.
                Some(_) => {}
            }
        }
        if let Some(security) = handshake.security {
            self.continue_security(security, pdu.flags, pdu.auth, handshake.interface, pdu.call_id);
        }
    }

    /// Takes the server's token, and sends the next: by alter_context where an answer must come, else by auth3.
    fn continue_security(&mut self, security: SecurityId, flags: Flags, auth: Option<AuthTrailer>, interface: SyntaxId, call_id: u32) {
        let Some(secured) = self.security.get_mut(security.0) else { return };
        let state = std::mem::replace(&mut secured.state, Security::Failed(AuthError::Misuse("lost").into()));
        let Security::Opening(mut protection) = state else {
            secured.state = state;
            return;
        };
        let token = match auth {
            Some(auth) if auth.auth_type == protection.auth_type && auth.context_id == protection.id => auth.token,
            Some(_) => return self.close(ConnectionError::Protocol("the token of another security context")),
            None => Bytes::new(),
        };
        let asked = secured.options.header_signing;
        // What the first answer granted stays: Windows leaves the flag out of later legs.
        protection.header_signing |= asked != HeaderSigning::Off && flags.has(Flags::HEADER_SIGNING);
        if asked == HeaderSigning::Required && !protection.header_signing {
            return self.close(ConnectionError::HeaderSigningDropped);
        }
        let step =
            if protection.context.is_established() && token.is_empty() { Ok(Step::Done(None)) } else { protection.context.step(&token) };
        let trailer = |token: Vec<u8>| AuthTrailer {
            auth_type: protection.auth_type,
            level: protection.level as u8,
            pad_len: 0,
            reserved: 0,
            context_id: protection.id,
            token: token.into(),
        };
        match step {
            Ok(Step::Continue(token)) => {
                let auth = trailer(token);
                secured.state = Security::Opening(protection);
                self.carry_on(security, interface, call_id, auth);
            }
            Ok(Step::Done(last)) => {
                let auth = last.map(trailer);
                secured.state = Security::Established { protection, announced: false };
                self.events.push_back(ClientEvent::Authenticated(security));
                if let Some(auth) = auth {
                    let flags = Flags::when(asked != HeaderSigning::Off, Flags::HEADER_SIGNING);
                    // Four octets without a meaning come first (C706 12.6.4.11).
                    self.put(Pdu::new(flags, call_id, Body::Auth3(Bytes::from_static(&[0; 4])), Some(auth)));
                }
            }
            Err(error) => secured.state = Security::Failed(error.into()),
        }
    }

    /// A further leg. It says a presentation context again, as Windows does; one that was refused is left out.
    fn carry_on(&mut self, security: SecurityId, interface: SyntaxId, call_id: u32, auth: AuthTrailer) {
        let mut proposed = Vec::new();
        let mut contexts = Vec::new();
        if let Some(Presentation::Accepted { id, .. }) = self.presentation.get(&interface) {
            proposed.push((*id, Some(interface)));
            contexts.push(ContextElement::new(*id, interface, NDR));
        }
        self.handshake = Some(Handshake { call_id, proposed, interface, security: Some(security) });
        self.put_bind(false, call_id, contexts, Some(auth));
    }

    pub(super) fn nak(&mut self, frame: Bytes) {
        match Pdu::parse(frame) {
            Ok(Pdu { body: Body::BindNak(nak), .. }) => self.close(ConnectionError::BindRefused(nak.reason)),
            Ok(_) => self.close(ConnectionError::Protocol("not a bind_nak")),
            Err(error) => self.close(error.into()),
        }
    }

    fn take_context_id(&mut self) -> Result<u16, CallFailure> {
        let id = self.next_context;
        self.next_context = id.checked_add(1).ok_or(CallFailure::Exhausted("presentation context"))?;
        Ok(id)
    }
}
