//! Requests out, responses and faults in.

use super::{CallFailure, CallId, ClientConnection, ConnectionError, InFlight, OutgoingCall, Presentation, Security, SecurityId, State};
use crate::fragment::{Direction, Joined, Outgoing, RESPONSE_HEADER_LEN, stub_of};
use crate::pdu::{AuthTrailer, Body, Flags, Header, Pdu};
use crate::verification;
use bytes::{Bytes, BytesMut};
use rwmi_auth::AuthError;
use std::collections::VecDeque;

/// What stands between a queued call and its request.
enum Ready {
    /// Nothing.
    Send(u16),
    /// A presentation or security context, to be proposed.
    Propose,
    /// It will never be.
    Never(CallFailure),
}

impl ClientConnection {
    /// Sends what can be sent. One handshake at a time, and no request while it waits: its answer decides how requests are protected.
    pub(super) fn advance(&mut self) {
        while self.state != State::Closed && self.handshake.is_none() && (self.multiplex || self.in_flight.is_empty()) {
            let Some((id, call)) = self.queue.pop_front() else { return };
            match self.readiness(&call) {
                Ready::Send(context_id) => self.send(id, call, context_id),
                Ready::Propose => match self.propose(call.interface, call.security) {
                    Ok(()) => self.queue.push_front((id, call)),
                    Err(failure) => self.done(id, Err(failure)),
                },
                Ready::Never(failure) => self.done(id, Err(failure)),
            }
        }
    }

    fn readiness(&self, call: &OutgoingCall) -> Ready {
        if let Some(security) = call.security {
            match self.security.get(security.0).map(|s| &s.state) {
                Some(Security::Established { .. }) => {}
                Some(Security::Failed(failure)) => return Ready::Never(failure.clone()),
                Some(Security::New(_)) => return Ready::Propose,
                Some(Security::Opening(_)) => return Ready::Never(AuthError::Misuse("a security context half open").into()),
                None => return Ready::Never(CallFailure::Exhausted("security context")),
            }
        }
        match self.presentation.get(&call.interface) {
            Some(Presentation::Accepted { id, .. }) => Ready::Send(*id),
            Some(Presentation::Rejected(result)) => Ready::Never(CallFailure::Rejected { interface: call.interface, result: *result }),
            None => Ready::Propose,
        }
    }

    fn send(&mut self, id: CallId, call: OutgoingCall, context_id: u16) {
        let OutgoingCall { interface, object, opnum, mut stub, security, deadline } = call;
        let mut protection = match security.and_then(|s| self.security.get_mut(s.0)).map(|s| &mut s.state) {
            Some(Security::Established { protection, announced }) if protection.verifies() => Some((protection, announced)),
            _ => None,
        };
        if let Some((protection, announced)) = &mut protection
            && self.options.verification_trailer
            && protection.header_signing
            && let Some(Presentation::Accepted { verified, .. }) = self.presentation.get_mut(&interface)
            && !*verified
        {
            stub = verification::append(&stub, !**announced, &interface);
            **announced = true;
            *verified = true;
        }
        let mut outgoing = Outgoing::new(Direction::Request { opnum, object }, id.0, context_id, stub);
        loop {
            match outgoing.put_fragment(&mut self.out, self.fragment_max, protection.as_mut().map(|(p, _)| &mut **p)) {
                Ok(false) => {}
                Ok(true) => break,
                Err(_) => {
                    self.done(id, Err(ConnectionError::Protocol("a request could not be protected").into()));
                    return self.close(ConnectionError::Protocol("a request could not be protected"));
                }
            }
        }
        self.in_flight.insert(id.0, InFlight { security, deadline, begun: false, abandoned: false, reply: Joined::default() });
    }

    /// Opens what has a trailer, whether or not anybody waits for it: the numbers of its security context go on.
    ///
    /// Gives the security context that protects it, and how many octets of padding it has.
    fn open(&mut self, header: &Header, frame: &mut BytesMut) -> Result<(Option<SecurityId>, u8), ConnectionError> {
        if header.auth_len == 0 {
            return Ok((None, 0));
        }
        let trailer = Bytes::copy_from_slice(frame.get(header.trailer_at()..).unwrap_or_default());
        let auth = AuthTrailer::parse(trailer).map_err(|e| ConnectionError::Pdu(e.into()))?;
        let id = SecurityId(auth.context_id as usize);
        match self.security.get_mut(id.0).map(|s| &mut s.state) {
            Some(Security::Established { protection, .. })
                if auth.auth_type == protection.auth_type && auth.level == protection.level as u8 =>
            {
                // At connect old servers put a trailer on, too: with nothing in it to verify.
                if !protection.verifies() {
                    return Ok((None, auth.pad_len));
                }
                protection.open(header, frame, RESPONSE_HEADER_LEN)?;
                Ok((Some(id), auth.pad_len))
            }
            _ => Err(ConnectionError::Protocol("a response of no security context")),
        }
    }

    pub(super) fn response(&mut self, header: Header, mut frame: BytesMut) {
        let (security, pad_len) = match self.open(&header, &mut frame) {
            Ok(opened) => opened,
            Err(error) => return self.close(error),
        };
        let Some(stub) = stub_of(frame.freeze(), RESPONSE_HEADER_LEN, header.trailer_at(), pad_len) else {
            return self.close(ConnectionError::Protocol("a response shorter than its header and padding"));
        };
        let Some(call) = self.in_flight.get_mut(&header.call_id) else {
            // The answer to a call that was orphaned.
            return;
        };
        let protected = call.security.filter(|s| {
            matches!(self.security.get(s.0), Some(s) if matches!(&s.state, Security::Established { protection, .. } if protection.verifies()))
        });
        if security != protected {
            return self.close(ConnectionError::Protocol("a response that is not protected as its request was"));
        }
        if header.flags.has(Flags::FIRST) == std::mem::replace(&mut call.begun, true) {
            return self.close(ConnectionError::Protocol("fragments of a response out of order"));
        }
        if !call.abandoned {
            if self.options.response_len_max < call.reply.len() + stub.len() {
                return self.close(ConnectionError::Protocol("a response longer than the limit"));
            }
            call.reply.push(stub);
        }
        if header.flags.has(Flags::LAST)
            && let Some(call) = self.in_flight.remove(&header.call_id)
            && !call.abandoned
        {
            self.done(CallId(header.call_id), Ok(call.reply.finish()));
        }
    }

    pub(super) fn fault(&mut self, header: Header, mut frame: BytesMut) {
        if let Err(error) = self.open(&header, &mut frame) {
            return self.close(error);
        }
        let status = match Pdu::parse(frame.freeze()) {
            Ok(Pdu { body: Body::Fault(fault), .. }) => fault.status,
            Ok(_) => return self.close(ConnectionError::Protocol("not a fault")),
            Err(error) => return self.close(error.into()),
        };
        if let Some(call) = self.in_flight.remove(&header.call_id) {
            if !call.abandoned {
                self.done(CallId(header.call_id), Err(CallFailure::Fault(status)));
            }
            return;
        }
        // A fault may also answer an alter_context, or even a bind.
        if let Some(handshake) = self.handshake.take_if(|h| h.call_id == header.call_id) {
            if let Some(secured) = handshake.security.and_then(|s| self.security.get_mut(s.0)) {
                secured.state = Security::Failed(CallFailure::AuthRefused(status));
            } else {
                let (refused, rest): (VecDeque<_>, _) = self.queue.drain(..).partition(|(_, call)| call.interface == handshake.interface);
                self.queue = rest;
                refused.into_iter().for_each(|(id, _)| self.done(id, Err(CallFailure::Fault(status))));
            }
            if self.state == State::WaitBindAck {
                self.close(ConnectionError::Protocol("a fault in answer to a bind"));
            }
        }
    }
}
