//! request, co_cancel and orphaned ([MS-RPCE] 3.3.3.5.4, 3.3.3.5.6).

use super::{
    Admitted, Assembly, Call, CallHandle, ConnectionError, IncomingCall, Security, SecurityKey, ServerConnection, ServerEvent, State,
};
use crate::CallContext;
use crate::fragment::{Joined, request_header_len, stub_of};
use crate::pdu::{AuthTrailer, Body, Flags, Header, Pdu, Request};
use crate::verification::{self, Negotiated};
use bytes::{Bytes, BytesMut};
use rwmi_auth::{AuthLevel, Identity};
use rwmi_ndr::FaultStatus;
use std::sync::Arc;

/// Largest call id that Windows takes.
const CALL_ID_MAX: u32 = 0x7fff_ffff;
/// Fragments of a call that failed may still be under way: so many ids back they are passed over ([MS-RPCE] 3.3.3.5.6).
const CALL_ID_WINDOW: u32 = 150;

/// Who sent a fragment, as far as its trailer proves it.
struct Sender {
    caller: Option<Arc<Identity>>,
    level: AuthLevel,
    key: Option<SecurityKey>,
}

impl ServerConnection {
    pub(super) fn request(&mut self, header: Header, mut frame: BytesMut) {
        let header_len = request_header_len(header.flags);
        let at = header.trailer_at();
        let auth = (header.auth_len != 0).then(|| AuthTrailer::parse(Bytes::copy_from_slice(frame.get(at..).unwrap_or_default())));
        let auth = match auth.transpose() {
            Ok(auth) => auth,
            Err(_) => return self.protocol_error(header.call_id, "a malformed security trailer"),
        };
        let sender = match self.open(&header, &mut frame, header_len, auth.as_ref()) {
            Ok(sender) => sender,
            Err(error) => {
                // Whoever changed this PDU can do so again: nothing on this connection can be believed any more.
                self.put_fault(header.call_id, 0, 0, Flags::DID_NOT_EXECUTE, FaultStatus::ACCESS_DENIED);
                return self.close(error);
            }
        };
        let frame = frame.freeze();
        let pad_len = auth.as_ref().map_or(0, |a| a.pad_len);
        let Ok(Pdu { body: Body::Request(request), .. }) = Pdu::parse(frame.clone()) else {
            return self.protocol_error(header.call_id, "a malformed request");
        };
        let Some(stub) = stub_of(frame, header_len, at, pad_len) else {
            return self.protocol_error(header.call_id, "more padding than stub");
        };
        if header.flags.has(Flags::FIRST) {
            self.begin_request(&header, request, sender);
            if self.state == State::Closed {
                return;
            }
        }
        self.join(&header, stub, auth.as_ref().map(SecurityKey::of));
    }

    /// Opens a fragment by the security context that its trailer names.
    ///
    /// A context that is not established proves nothing: the call comes from nobody, at level none, and is refused where that is too low.
    fn open(
        &mut self,
        header: &Header,
        frame: &mut BytesMut,
        header_len: usize,
        auth: Option<&AuthTrailer>,
    ) -> Result<Option<Sender>, ConnectionError> {
        let Some(auth) = auth else { return Ok(Some(self.unsigned())) };
        let key = SecurityKey::of(auth);
        let Some(Security::Established { protection, caller }) = self.security.get_mut(&key) else { return Ok(None) };
        if protection.verifies() {
            protection.open(header, frame, header_len)?;
        }
        Ok(Some(Sender { caller: caller.clone(), level: protection.effective_level(), key: Some(key) }))
    }

    /// Who sends a request without a trailer: whom the transport names; else, where the only security context of the
    /// connection is at connect, its client ([MS-RPCE] 3.3.1.5.4); else nobody.
    fn unsigned(&self) -> Sender {
        if let Some(identity) = &self.link.identity {
            return Sender { caller: Some(identity.clone()), level: AuthLevel::Privacy, key: None };
        }
        let mut contexts = self.security.values();
        match (contexts.next(), contexts.next()) {
            (Some(Security::Established { protection, caller }), None) if !protection.verifies() => {
                Sender { caller: caller.clone(), level: AuthLevel::Connect, key: None }
            }
            _ => Sender { caller: None, level: AuthLevel::None, key: None },
        }
    }

    fn begin_request(&mut self, header: &Header, request: Request, sender: Option<Sender>) {
        let call_id = header.call_id;
        if self.assembly.is_some() {
            return self.protocol_error(call_id, "a request within another one's fragments");
        }
        if CALL_ID_MAX < call_id || self.handles.contains_key(&call_id) {
            return self.protocol_error(call_id, "a call id that cannot be");
        }
        self.call_id_max = self.call_id_max.max(call_id);
        let level = sender.as_ref().map_or(AuthLevel::None, |s| s.level);
        let security = sender.as_ref().and_then(|s| s.key);
        let interface = self.contexts.get(&request.context_id).copied();
        let verdict = match (interface, sender) {
            (_, None) => Err(FaultStatus::ACCESS_DENIED),
            (None, _) => Err(FaultStatus::NCA_S_INVALID_PRES_CONTEXT_ID),
            (Some(interface), Some(sender)) => {
                if sender.level < self.endpoint.minimum_level(&interface, request.opnum) {
                    Err(FaultStatus::ACCESS_DENIED)
                } else if self.options.calls_max <= self.calls.len() {
                    Err(FaultStatus::NCA_S_SERVER_TOO_BUSY)
                } else {
                    Ok(Admitted { interface, caller: sender.caller, level })
                }
            }
        };
        if let Err(status) = verdict {
            self.events.push_back(ServerEvent::Refused { interface, opnum: request.opnum, status, level });
        }
        let cancels = u8::from(header.flags.has(Flags::PENDING_CANCEL));
        let Request { context_id, opnum, object, .. } = request;
        self.assembly = Some(Assembly { call_id, context_id, opnum, object, security, cancels, verdict, stub: Joined::default() });
    }

    /// Adds a fragment to the request that is being joined; the last one makes it whole.
    fn join(&mut self, header: &Header, stub: Bytes, key: Option<SecurityKey>) {
        let (request_len_max, calls_len_max) = (self.options.request_len_max, self.options.calls_len_max);
        let Some(assembly) = self.assembly.as_mut().filter(|a| a.call_id == header.call_id) else {
            if self.call_id_max.saturating_sub(CALL_ID_WINDOW) <= header.call_id && header.call_id <= self.call_id_max {
                return;
            }
            return self.protocol_error(header.call_id, "a fragment of no request");
        };
        if assembly.verdict.is_ok() && assembly.security != key {
            return self.protocol_error(header.call_id, "fragments of several security contexts");
        }
        // A refused request is read to its end, and nothing of it is kept.
        if assembly.verdict.is_ok() {
            let refused = if request_len_max < assembly.stub.len() + stub.len() {
                Some(FaultStatus::ACCESS_DENIED)
            } else if calls_len_max < self.calls_len + assembly.stub.len() + stub.len() {
                Some(FaultStatus::NCA_S_SERVER_TOO_BUSY)
            } else {
                None
            };
            match refused {
                None => assembly.stub.push(stub),
                // At once: what is too long may never come to its end. Its further fragments are passed over.
                Some(status) => {
                    let Some(Assembly { call_id, context_id, cancels, .. }) = self.assembly.take() else { return };
                    return self.put_fault(call_id, context_id, cancels, Flags::DID_NOT_EXECUTE, status);
                }
            }
        }
        if header.flags.has(Flags::LAST)
            && let Some(assembly) = self.assembly.take()
        {
            self.finish_request(assembly);
        }
    }

    fn finish_request(&mut self, assembly: Assembly) {
        let Assembly { call_id, context_id, opnum, object, security, cancels, verdict, stub } = assembly;
        let admitted = verdict.and_then(|admitted| {
            let stub = stub.finish();
            let header_signing = match security.and_then(|key| self.security.get(&key)) {
                Some(Security::Established { protection, .. }) if protection.verifies() => protection.header_signing,
                _ => return Ok((admitted, stub)),
            };
            let negotiated = Negotiated { interface: admitted.interface, header_signing, call_id, context_id, opnum };
            verification::check(stub, &negotiated).map(|stub| (admitted, stub)).ok_or(FaultStatus::ACCESS_DENIED)
        });
        let (admitted, stub) = match admitted {
            Ok(admitted) => admitted,
            Err(status) => return self.put_fault(call_id, context_id, cancels, Flags::DID_NOT_EXECUTE, status),
        };
        let handle = CallHandle(self.next_handle);
        self.next_handle += 1;
        self.handles.insert(call_id, handle);
        self.calls_len += stub.len();
        self.calls.insert(handle, Call { call_id, context_id, security, cancels, stub_len: stub.len() });
        let cx = CallContext {
            object,
            caller: admitted.caller,
            level: admitted.level,
            peer: self.link.peer,
            local: self.link.local,
            connection: self.link.connection,
        };
        self.events.push_back(ServerEvent::Request(IncomingCall { handle, cx, interface: admitted.interface, opnum, stub }));
    }

    /// Nobody signs a co_cancel: it can do no more than end a call of its own connection.
    pub(super) fn cancel(&mut self, call_id: u32) {
        if let Some(assembly) = self.assembly.take_if(|a| a.call_id == call_id) {
            let status = FaultStatus::NCA_S_FAULT_CANCEL;
            return self.put_fault(call_id, assembly.context_id, 1, Flags::DID_NOT_EXECUTE, status);
        }
        if let Some(handle) = self.handles.get(&call_id)
            && let Some(call) = self.calls.get_mut(handle)
        {
            call.cancels = call.cancels.saturating_add(1);
            // What is answered already is past cancelling.
            if !self.ready.iter().any(|(ready, _)| ready == handle) {
                self.events.push_back(ServerEvent::Cancelled(*handle));
            }
        }
    }

    pub(super) fn orphan(&mut self, call_id: u32) {
        self.assembly.take_if(|a| a.call_id == call_id);
        if let Some(handle) = self.handles.get(&call_id).copied() {
            // An answer of which a fragment was sent goes to its end: the client would take the next one for its rest.
            if self.ready.iter().any(|(ready, outgoing)| *ready == handle && outgoing.begun) {
                return;
            }
            self.ready.retain(|(ready, _)| *ready != handle);
            self.forget(handle);
            self.events.push_back(ServerEvent::Orphaned(handle));
        }
    }
}
