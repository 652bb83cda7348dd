//! bind, alter_context and auth3 ([MS-RPCE] 3.3.1.5.2.1, 3.3.1.5.3, 3.3.1.5.6).

use super::{ConnectionError, Security, SecurityKey, ServerConnection, ServerEvent, State};
use crate::pdu::{
    AuthTrailer, Bind, BindAck, BindNak, BindRejection, Body, ContextElement, ContextResult, FEATURE_KEEP_ON_ORPHAN,
    FEATURE_MULTIPLEX_SECURITY, FRAGMENT_LEN_MIN, Features, Flags, NDR, Pdu, PduError,
};
use crate::protect::Protection;
use bytes::{Bytes, BytesMut};
use rwmi_auth::{AuthError, AuthLevel, Step};
use rwmi_ndr::FaultStatus;
use std::sync::Arc;
use std::time::Instant;

/// The features granted, of those asked for.
const GRANTED: u8 = FEATURE_MULTIPLEX_SECURITY | FEATURE_KEEP_ON_ORPHAN;

/// Why a security context does not go on: each is said in two ways, to a bind and to an alter_context.
enum AuthRefusal {
    UnknownType,
    Limit,
    Failed,
}

impl AuthRefusal {
    fn reason(&self) -> BindRejection {
        match self {
            AuthRefusal::UnknownType => BindRejection::AUTH_TYPE,
            AuthRefusal::Limit => BindRejection::LOCAL_LIMIT,
            AuthRefusal::Failed => BindRejection::CHECKSUM,
        }
    }

    fn status(&self) -> FaultStatus {
        match self {
            AuthRefusal::UnknownType => FaultStatus::RPC_S_UNKNOWN_AUTHN_SERVICE,
            AuthRefusal::Limit => FaultStatus::RPC_S_PROTOCOL_ERROR,
            AuthRefusal::Failed => FaultStatus::ACCESS_DENIED,
        }
    }
}

impl ServerConnection {
    /// Octets that are no PDU get what a client of another version can read, if anything.
    pub(super) fn refuse_octets(&mut self, input: &mut BytesMut, error: PduError) {
        let call_id = input.get(12..16).and_then(|id| id.try_into().ok()).map_or(0, u32::from_le_bytes);
        match (&error, self.state) {
            (PduError::Version(..), State::WaitBind { .. }) => self.put_nak(call_id, BindRejection::PROTOCOL_VERSION),
            (PduError::Representation(_), State::WaitBind { .. }) => self.put_nak(u32::swap_bytes(call_id), BindRejection::NOT_SPECIFIED),
            _ => self.put_fault(call_id, 0, 0, Flags::DID_NOT_EXECUTE, FaultStatus::NCA_S_PROTO_ERROR),
        }
        input.clear();
        self.close(error.into());
    }

    pub(super) fn bind(&mut self, frame: Bytes, now: Instant) {
        let (pdu, bind) = match parse(frame) {
            Ok(parsed) => parsed,
            Err((call_id, error)) => {
                self.put_nak(call_id, BindRejection::NOT_SPECIFIED);
                return self.close(error.into());
            }
        };
        let Some(group) = self.groups.join(bind.group, self.link.peer.ip()) else {
            self.put_nak(pdu.call_id, BindRejection::NOT_SPECIFIED);
            return self.close(ConnectionError::Protocol("an association group of somebody else"));
        };
        self.group = Some(group);
        // What the client can receive bounds what we send. Less than the least that it must take is not believed.
        self.fragment_max = self.fragment_max.min(usize::from(bind.max_recv.max(FRAGMENT_LEN_MIN)));
        let reply = match self.authenticate(&pdu, now) {
            Ok(reply) => reply,
            Err(refusal) => {
                self.put_nak(pdu.call_id, refusal.reason());
                return self.close(ConnectionError::BindRefused(refusal.reason()));
            }
        };
        self.state = State::Bound;
        let address = Bytes::from(format!("{}\0", self.link.local.port()));
        let ack = self.ack(&bind, address);
        self.put(Pdu::new(ack_flags(pdu.flags), pdu.call_id, Body::BindAck(ack), reply));
    }

    /// A second bind is refused in the words of a first one, which clients that bind for each call understand.
    pub(super) fn bind_again(&mut self, call_id: u32) {
        self.put_nak(call_id, BindRejection::NOT_SPECIFIED);
        self.close(ConnectionError::Protocol("a second bind"));
    }

    pub(super) fn alter(&mut self, frame: Bytes, now: Instant) {
        let (pdu, bind) = match parse(frame) {
            Ok(parsed) => parsed,
            Err((call_id, _)) => return self.protocol_error(call_id, "a malformed alter_context"),
        };
        match self.authenticate(&pdu, now) {
            Ok(reply) => {
                let ack = self.ack(&bind, Bytes::new());
                self.put(Pdu::new(ack_flags(pdu.flags), pdu.call_id, Body::AlterContextResp(ack), reply));
            }
            // The connection lives on, with what it had.
            Err(refusal) => self.put_fault(pdu.call_id, 0, 0, Flags::DID_NOT_EXECUTE, refusal.status()),
        }
    }

    /// Has no answer: where it fails, the requests that follow get a fault.
    pub(super) fn auth3(&mut self, frame: Bytes) {
        let Ok(Pdu { auth: Some(auth), .. }) = Pdu::parse(frame) else { return };
        let key = SecurityKey::of(&auth);
        if let Some(Security::HalfOpen { .. }) = self.security.get(&key) {
            match self.step(key, &auth.token) {
                Ok(None) => {}
                // There is no way to send another token.
                Ok(Some(_)) => self.fail(key, AuthError::Misuse("a third leg that wants an answer")),
                Err(error) => self.fail(key, error),
            }
        }
    }

    /// Takes the token of a bind or alter_context, and gives the trailer of the answer.
    fn authenticate(&mut self, pdu: &Pdu, now: Instant) -> Result<Option<AuthTrailer>, AuthRefusal> {
        let Some(auth) = &pdu.auth else { return Ok(None) };
        let key = SecurityKey::of(auth);
        match self.security.get(&key) {
            Some(Security::HalfOpen { .. }) => {}
            Some(_) => return Err(AuthRefusal::Failed),
            None => self.begin(key, auth, pdu.flags.has(Flags::HEADER_SIGNING), now)?,
        }
        match self.step(key, &auth.token) {
            Ok(token) => {
                let token = Bytes::from(token.unwrap_or_default());
                Ok((!token.is_empty()).then(|| AuthTrailer { pad_len: 0, token, ..auth.clone() }))
            }
            Err(error) => {
                self.fail(key, error);
                Err(AuthRefusal::Failed)
            }
        }
    }

    fn begin(&mut self, key: SecurityKey, auth: &AuthTrailer, header_signing: bool, now: Instant) -> Result<(), AuthRefusal> {
        if self.options.security_contexts_max <= self.security.len() || self.options.half_open_max <= self.half_open {
            return Err(AuthRefusal::Limit);
        }
        // A context at level none authenticates nobody.
        let level = AuthLevel::from_wire(auth.level).filter(|l| *l != AuthLevel::None).ok_or(AuthRefusal::Failed)?;
        let context = self.endpoint.acceptor(auth.auth_type).ok_or(AuthRefusal::UnknownType)?;
        let protection = Protection { context, auth_type: auth.auth_type, level, id: auth.context_id, header_signing };
        self.security.insert(key, Security::HalfOpen { protection, deadline: now + self.options.half_open_timeout });
        self.half_open += 1;
        Ok(())
    }

    /// Steps a half-open context, and gives the token to send. Once complete, the caller is known.
    fn step(&mut self, key: SecurityKey, token: &[u8]) -> Result<Option<Vec<u8>>, AuthError> {
        let Some(Security::HalfOpen { protection, .. }) = self.security.get_mut(&key) else { return Ok(None) };
        let token = match protection.context.step(token)? {
            Step::Continue(token) => return Ok(Some(token)),
            Step::Done(token) => token,
        };
        let Some(Security::HalfOpen { protection, .. }) = self.security.remove(&key) else { return Ok(None) };
        self.half_open = self.half_open.saturating_sub(1);
        let caller = protection.context.peer().cloned().map(Arc::new);
        let event = ServerEvent::Authenticated { auth_type: key.auth_type, level: protection.effective_level(), caller: caller.clone() };
        self.events.push_back(event);
        self.security.insert(key, Security::Established { protection, caller });
        Ok(token)
    }

    fn fail(&mut self, key: SecurityKey, error: AuthError) {
        if let Some(Security::HalfOpen { .. }) = self.security.insert(key, Security::Failed) {
            self.half_open = self.half_open.saturating_sub(1);
        }
        self.events.push_back(ServerEvent::AuthenticationFailed { auth_type: key.auth_type, error });
    }

    fn ack(&mut self, bind: &Bind, address: Bytes) -> BindAck {
        let results = bind.contexts.iter().map(|element| self.negotiate(element)).collect();
        let max_xmit = u16::try_from(self.fragment_max).unwrap_or(u16::MAX);
        // An alter_context may say 0 for its fragments: there is nothing left to negotiate.
        let offered = if bind.max_xmit == 0 { max_xmit } else { bind.max_xmit };
        BindAck {
            max_xmit,
            max_recv: self.options.fragment_len_max.min(offered.max(FRAGMENT_LEN_MIN)),
            group: self.group.as_ref().map_or(0, |g| g.id),
            filler: BindAck::filler_for(address.len()),
            address,
            reserved: [0; 3],
            results,
            tail: Bytes::new(),
        }
    }

    fn negotiate(&mut self, element: &ContextElement) -> ContextResult {
        if let Some(features) = element.transfer.first().and_then(Features::of) {
            return ContextResult::features(Features(features.0 & GRANTED));
        }
        if !self.endpoint.accepts(&element.interface) {
            return ContextResult::NO_INTERFACE;
        }
        if !element.transfer.contains(&NDR) {
            return ContextResult::NO_TRANSFER_SYNTAX;
        }
        // A number that is used already may be said again for the same interface: the later legs of an authentication do.
        match self.contexts.get(&element.id) {
            Some(interface) if *interface == element.interface => ContextResult::ACCEPTED,
            Some(_) => ContextResult::LIMIT,
            None if self.options.presentation_contexts_max <= self.contexts.len() => ContextResult::LIMIT,
            None => {
                self.contexts.insert(element.id, element.interface);
                ContextResult::ACCEPTED
            }
        }
    }

    fn put_nak(&mut self, call_id: u32, reason: BindRejection) {
        // Three octets of padding make the whole a multiple of four.
        let nak = BindNak { reason, versions: Some(vec![(5, 0)]), tail: Bytes::from_static(&[0; 3]) };
        self.put(Pdu::new(Flags(0), call_id, Body::BindNak(nak), None));
    }
}

impl SecurityKey {
    pub(super) fn of(auth: &AuthTrailer) -> SecurityKey {
        SecurityKey { auth_type: auth.auth_type, level: auth.level, id: auth.context_id }
    }
}

/// What the client can do and so can we.
fn ack_flags(flags: Flags) -> Flags {
    Flags(flags.0 & (Flags::HEADER_SIGNING.0 | Flags::MULTIPLEX.0))
}

fn parse(frame: Bytes) -> Result<(Pdu, Bind), (u32, PduError)> {
    let call_id = frame.get(12..16).and_then(|id| id.try_into().ok()).map_or(0, u32::from_le_bytes);
    let mut pdu = Pdu::parse(frame).map_err(|e| (call_id, e))?;
    match std::mem::replace(&mut pdu.body, Body::Auth3(Bytes::new())) {
        Body::Bind(bind) | Body::AlterContext(bind) => Ok((pdu, bind)),
        _ => Err((call_id, PduError::Lengths { frag_len: 0, auth_len: 0 })),
    }
}
