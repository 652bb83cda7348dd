//! A recorded conversation, taken apart for whoever plays it again.

use crate::support::{self, Handshake, Id};
use bytes::Bytes;
use rwmi_auth::ntlm::Role;
use rwmi_auth::{AuthLevel, AuthType, SecurityContext, Segments};
use rwmi_ndr::FaultStatus;
use rwmi_rpc::SyntaxId;
use rwmi_rpc::pdu::*;
use rwmi_wiredata::keys::Found;
use rwmi_wiredata::manifest::Row;
use rwmi_wiredata::{capture, read};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// A PDU and who sent it.
pub(crate) struct Sent {
    pub(crate) from_client: bool,
    pub(crate) octets: Bytes,
    pub(crate) pdu: Pdu,
    /// Stub and padding in clear, where somebody could open them.
    pub(crate) opened: Option<Bytes>,
}

/// One leg of an authentication: the client's token, whether it came in an auth3, and the server's answer.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) client: Bytes,
    pub(crate) auth3: bool,
    pub(crate) server: Option<Pdu>,
}

/// Who knows what is in the PDUs that a security context protects.
#[derive(Clone)]
pub(crate) enum Opener {
    /// Nobody: they pass as they are.
    Nobody,
    /// The password is known: each signature is verified, each stub opened.
    Key(Arc<(Handshake, Vec<Found>)>),
    /// Whoever recorded them wrote the stubs into files.
    Files,
}

/// A security context of the conversation.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) auth_type: AuthType,
    pub(crate) level: u8,
    pub(crate) id: u32,
    /// Whether the client asked for header signing, and whether the server agreed.
    pub(crate) header_signing: (bool, bool),
    pub(crate) legs: Vec<Leg>,
    pub(crate) opener: Opener,
    /// Why its PDUs are left, where nobody can open them.
    pub(crate) reason: &'static str,
}

impl Context {
    fn is_of(&self, auth: &AuthTrailer) -> bool {
        (self.auth_type, self.level, self.id) == (auth.auth_type, auth.level, auth.context_id)
    }
}

/// What became of a presentation context in the bind or alter_context at a place.
struct Presented {
    at: usize,
    id: u16,
    interface: SyntaxId,
    transfer: Vec<SyntaxId>,
    result: ContextResult,
}

pub(crate) struct Conversation {
    pub(crate) pdus: Vec<Sent>,
    pub(crate) contexts: Vec<Context>,
    presented: Vec<Presented>,
}

impl Conversation {
    /// A recorded stream, with what the manifest's rows say of it. `None` where it has no bind. It ends where octets were not
    /// recorded: what follows has no beginning.
    pub(crate) fn of_stream(pdus: Vec<capture::Pdu>, keys: &[Found], rows: &[(&Row, &Path)]) -> Option<Conversation> {
        let mut seen = [false; 2];
        let whole = pdus.into_iter().take_while(|pdu| {
            let first = !std::mem::replace(&mut seen[usize::from(pdu.from_client)], true);
            first || !pdu.after_gap
        });
        let sent = whole.map(|p| {
            let octets = Bytes::from(p.octets);
            Sent { from_client: p.from_client, pdu: Pdu::parse(octets.clone()).unwrap(), octets, opened: None }
        });
        let mut conversation = Conversation::of(sent.collect())?;
        conversation.open_by_rows(rows);
        conversation.open_by_keys(keys);
        Some(conversation)
    }

    /// What a manifest without its capture says: handshakes as they were, calls in PDUs like theirs, without signatures, and
    /// zeros for what was sealed or withheld. `None` where it has no bind.
    pub(crate) fn of_rows(rows: &[(&Row, &Path)]) -> Option<Conversation> {
        let mut sent = Vec::new();
        for (row, manifest) in rows {
            match row.kind.as_str() {
                "request" | "response" => sent.extend(call_of(row, manifest)),
                "fault" => sent.extend(fault_of(row)),
                "bind" | "bind_ack" | "bind_nak" | "alter_context" | "alter_context_resp" | "auth3" => {
                    let Some(file) = row.path(manifest) else {
                        // Without its handshakes a connection cannot be had again.
                        break;
                    };
                    let octets = Bytes::from(read(&file).unwrap());
                    sent.push(Sent { from_client: row.is_from_client(), pdu: Pdu::parse(octets.clone()).unwrap(), octets, opened: None });
                }
                _ => {}
            }
        }
        let mut conversation = Conversation::of(sent)?;
        conversation.open_by_rows(rows);
        Some(conversation)
    }

    fn of(pdus: Vec<Sent>) -> Option<Conversation> {
        if !matches!(pdus.first()?.pdu.body, Body::Bind(_)) {
            return None;
        }
        let mut conversation = Conversation { pdus, contexts: Vec::new(), presented: Vec::new() };
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
            let presented =
                results.map(|(c, r)| Presented { at, id: c.id, interface: c.interface, transfer: c.transfer.clone(), result: *r });
            self.presented.extend(presented);
        }
        let Some(auth) = pdu.auth.as_ref().filter(|_| bind_of(pdu).is_some() || matches!(pdu.body, Body::Auth3(_))) else { return };
        let asked = pdu.flags.has(Flags::HEADER_SIGNING);
        let granted = asked && answer.as_ref().is_some_and(|answer| answer.flags.has(Flags::HEADER_SIGNING));
        let leg = Leg { client: auth.token.clone(), auth3: matches!(pdu.body, Body::Auth3(_)), server: answer };
        match self.contexts.iter_mut().find(|c| c.is_of(auth)) {
            Some(context) => context.legs.push(leg),
            None => self.contexts.push(Context {
                auth_type: auth.auth_type,
                level: auth.level,
                id: auth.context_id,
                header_signing: (asked, granted),
                legs: vec![leg],
                opener: Opener::Nobody,
                reason: "no key",
            }),
        }
    }

    /// Takes what is in clear from the files that rows name.
    fn open_by_rows(&mut self, rows: &[(&Row, &Path)]) {
        let mut places: HashMap<(bool, u32), Vec<usize>> = HashMap::new();
        for (at, sent) in self.pdus.iter().enumerate() {
            if stub_of(&sent.pdu).is_some() && sent.pdu.flags.has(Flags::FIRST) {
                places.entry((sent.from_client, sent.pdu.call_id)).or_default().push(at);
            }
        }
        for (row, manifest) in rows.iter().filter(|(row, _)| ["request", "response"].contains(&row.kind.as_str())) {
            let Some(stub) = row.path(manifest).filter(|_| !row.is_sealed()).map(|file| read(&file).unwrap()) else { continue };
            let Some(at) = places.get_mut(&(row.is_from_client(), row.call_id.unwrap_or(0))).and_then(|places| {
                let place = places.iter().position(|at| self.stub_from(*at).len() == stub.len())?;
                Some(places.remove(place))
            }) else {
                continue;
            };
            let mut stub = &stub[..];
            for part in self.parts(at) {
                let sent = &mut self.pdus[part];
                let (body, pad) = (stub_of(&sent.pdu).unwrap(), pad_of(&sent.pdu));
                let (mine, rest) = stub.split_at(body.len() - pad);
                sent.opened = Some([mine, &vec![0; pad][..]].concat().into());
                stub = rest;
            }
        }
        for at in 0..self.contexts.len() {
            let has_opened =
                self.protected().any(|sent| sent.opened.is_some() && sent.pdu.auth.as_ref().is_some_and(|a| self.contexts[at].is_of(a)));
            if has_opened {
                self.contexts[at].opener = Opener::Files;
            }
        }
    }

    /// Opens what can be opened with a password.
    fn open_by_keys(&mut self, keys: &[Found]) {
        let pdus: Vec<capture::Pdu> = self
            .pdus
            .iter()
            .map(|sent| capture::Pdu { from_client: sent.from_client, at_us: 0, after_gap: false, octets: sent.octets.to_vec() })
            .collect();
        for (id, handshake) in support::handshakes(&pdus) {
            let Some(at) = self.contexts.iter().position(|c| (Id { auth_type: c.auth_type.0, level: c.level, number: c.id }) == id) else {
                continue;
            };
            self.contexts[at].reason = if handshake.ntlm().is_none() { handshake.reason() } else { "no key" };
            let sessions = [Role::Acceptor, Role::Initiator].map(|role| handshake.session(keys, role));
            let [Some(mut server), Some(mut client)] = sessions else { continue };
            for (sent, pdu) in self.pdus.iter_mut().zip(&pdus) {
                let Some(auth) = sent.pdu.auth.as_ref().filter(|a| is_call(&sent.pdu) && self.contexts[at].is_of(a)) else { continue };
                let (header, mut body, trailer) = segments_of(&sent.octets);
                let session = if pdu.from_client { &mut server } else { &mut client };
                let level = AuthLevel::from_wire(auth.level).unwrap();
                session.unprotect(level, true, Segments { header: &header, body: &mut body, trailer: &trailer }, &auth.token).unwrap();
                sent.opened = Some(body.into());
            }
            self.contexts[at].opener = Opener::Key(Arc::new((handshake, keys.to_vec())));
        }
    }

    /// The PDUs of calls that a security context protects.
    pub(crate) fn protected(&self) -> impl Iterator<Item = &Sent> {
        self.pdus.iter().filter(|sent| is_call(&sent.pdu) && sent.pdu.auth.as_ref().is_some_and(|a| support::is_protecting(a.level)))
    }

    /// The context that a PDU names.
    pub(crate) fn context_of(&self, sent: &Sent) -> Option<usize> {
        let auth = sent.pdu.auth.as_ref()?;
        self.contexts.iter().position(|c| c.is_of(auth))
    }

    /// The server's answer to a bind or alter_context.
    pub(crate) fn answer_to(&self, at: usize) -> Option<Pdu> {
        let asked = &self.pdus[at].pdu;
        let wanted = match asked.body {
            Body::Bind(_) => PduType::BIND_ACK,
            Body::AlterContext(_) => PduType::ALTER_CONTEXT_RESP,
            _ => return None,
        };
        let is_answer = |s: &&Sent| {
            let ptype = s.pdu.body.ptype();
            !s.from_client && (ptype == wanted || [PduType::BIND_NAK, PduType::FAULT].contains(&ptype) && s.pdu.call_id == asked.call_id)
        };
        self.pdus[at..].iter().find(is_answer).map(|s| s.pdu.clone())
    }

    /// The presentation context that a call at a place names: its interface and transfer syntax.
    pub(crate) fn presented(&self, at: usize, id: u16) -> Option<(SyntaxId, SyntaxId)> {
        let named = self.presented.iter().rev().find(|p| p.at < at && p.id == id && p.result.is_accepted())?;
        // Some servers leave the transfer syntax away.
        let transfer = if named.transfer.contains(&named.result.transfer) { named.result.transfer } else { *named.transfer.first()? };
        Some((named.interface, transfer))
    }

    /// Whether the call that begins at a place speaks another transfer syntax than NDR.
    pub(crate) fn speaks_ndr64(&self, at: usize) -> bool {
        match &self.pdus[at].pdu.body {
            Body::Request(request) => self.presented(at, request.context_id).is_some_and(|(_, transfer)| transfer != NDR),
            _ => false,
        }
    }

    /// Whether an answer to the call that begins at a place was recorded.
    pub(crate) fn is_answered(&self, at: usize) -> bool {
        let call_id = self.pdus[at].pdu.call_id;
        let mut behind = self.pdus[at + 1..].iter().filter(|s| s.pdu.call_id == call_id);
        let next = behind.find(|s| !s.from_client || s.pdu.flags.has(Flags::FIRST) && matches!(s.pdu.body, Body::Request(_)));
        next.is_some_and(|s| matches!(s.pdu.body, Body::Response(_) | Body::Fault(_)))
    }

    /// The interfaces that the answer to the bind at a place accepts in NDR.
    pub(crate) fn accepted_at(&self, at: usize) -> Vec<SyntaxId> {
        let accepted = self.presented.iter().filter(|p| p.at == at && p.result.is_accepted() && p.result.transfer == NDR);
        accepted.map(|p| p.interface).collect()
    }

    /// The last result that the server gave for an interface in NDR.
    pub(crate) fn result_of(&self, interface: &SyntaxId) -> Option<ContextResult> {
        let of_it = || self.presented.iter().rev().filter(|p| p.interface == *interface && p.transfer.contains(&NDR));
        of_it().find(|p| p.result.transfer == NDR).or_else(|| of_it().next()).map(|p| p.result)
    }

    /// Places of the fragments of the call or answer that begins at `at`.
    fn parts(&self, at: usize) -> Vec<usize> {
        let first = &self.pdus[at];
        let mut parts = Vec::new();
        for (place, sent) in self.pdus.iter().enumerate().skip(at) {
            if sent.from_client == first.from_client && sent.pdu.call_id == first.pdu.call_id && stub_of(&sent.pdu).is_some() {
                if place != at && sent.pdu.flags.has(Flags::FIRST) {
                    break;
                }
                parts.push(place);
                if sent.pdu.flags.has(Flags::LAST) {
                    break;
                }
            }
        }
        parts
    }

    /// The stub of the call or answer that begins at `at`, joined, without padding; in clear where it could be opened.
    pub(crate) fn stub_from(&self, at: usize) -> Bytes {
        let mut stub = Vec::new();
        for part in self.parts(at) {
            let sent = &self.pdus[part];
            let body = sent.opened.as_ref().or(stub_of(&sent.pdu)).unwrap();
            stub.extend_from_slice(&body[..body.len() - pad_of(&sent.pdu)]);
        }
        stub.into()
    }
}

pub(crate) fn is_call(pdu: &Pdu) -> bool {
    matches!(pdu.body, Body::Request(_) | Body::Response(_))
}

fn stub_of(pdu: &Pdu) -> Option<&Bytes> {
    match &pdu.body {
        Body::Request(Request { stub, .. }) | Body::Response(Response { stub, .. }) => Some(stub),
        _ => None,
    }
}

fn pad_of(pdu: &Pdu) -> usize {
    pdu.auth.as_ref().map_or(0, |a| usize::from(a.pad_len))
}

/// Header, body and trailer of a protected PDU of a call.
pub(crate) fn segments_of(octets: &Bytes) -> (Bytes, Vec<u8>, Bytes) {
    let header = Header::parse(octets).unwrap().unwrap();
    let len = if header.ptype == PduType::REQUEST && header.flags.has(Flags::OBJECT) { 40 } else { 24 };
    let at = header.trailer_at();
    (octets.slice(..len), octets[len..at].to_vec(), octets.slice(at..at + TRAILER_LEN))
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

/// A call or answer of a row, in as many fragments as it came in.
fn call_of(row: &Row, manifest: &Path) -> Vec<Sent> {
    let stub = row.path(manifest).map(|file| read(&file).unwrap());
    let stub = stub.unwrap_or_else(|| vec![0; row.stub_len.unwrap_or(0)]);
    let count = usize::try_from(row.frags.unwrap_or(1).max(1)).unwrap();
    let pieces: Vec<&[u8]> = match stub.len().div_ceil(count).next_multiple_of(16) {
        0 => vec![&[]],
        len => stub.chunks(len).collect(),
    };
    let object = row.object.as_deref().and_then(|object| object.parse().ok());
    let flags = Flags(row.pfc_flags().unwrap_or(0) & 0x7c).with(if object.is_some() { Flags::OBJECT } else { Flags(0) });
    let mut left = stub.len();
    let last = pieces.len() - 1;
    let mut sent = Vec::new();
    for (n, piece) in pieces.into_iter().enumerate() {
        let auth = auth_of(row, piece.len());
        let stub = Bytes::from([piece, &vec![0; auth.as_ref().map_or(0, |a| usize::from(a.pad_len))][..]].concat());
        let (alloc_hint, context_id) = (u32::try_from(left).unwrap(), row.ctx.unwrap_or(0));
        left -= piece.len();
        let body = match row.is_from_client() {
            true => Body::Request(Request { alloc_hint, context_id, opnum: row.opnum.unwrap_or(0), object, stub }),
            false => Body::Response(Response { alloc_hint, context_id, cancel_count: 0, reserved: 0, stub }),
        };
        let mut pdu = Pdu::new(flags, row.call_id.unwrap_or(0), body, auth);
        pdu.flags = flags;
        for (is_set, flag) in [(n == 0, Flags::FIRST), (n == last, Flags::LAST)] {
            pdu.flags = if is_set { pdu.flags.with(flag) } else { pdu.flags };
        }
        sent.push(Sent { from_client: row.is_from_client(), octets: pdu.encode().unwrap(), pdu, opened: None });
    }
    sent
}

fn fault_of(row: &Row) -> Option<Sent> {
    let status = row.fault.as_deref()?;
    let status = u32::from_str_radix(status.trim_start_matches("0x"), 16).ok()?;
    let fault = Fault {
        alloc_hint: 32,
        context_id: row.ctx.unwrap_or(0),
        cancel_count: 0,
        flags: 0,
        status: FaultStatus(status),
        tail: Bytes::from_static(&[0; 4]),
    };
    let pdu = Pdu::new(Flags(0), row.call_id.unwrap_or(0), Body::Fault(fault), None);
    Some(Sent { from_client: row.is_from_client(), octets: pdu.encode().unwrap(), pdu, opened: None })
}

/// The trailer of a row's PDUs, with zeros for the signature; none where they had none.
fn auth_of(row: &Row, len: usize) -> Option<AuthTrailer> {
    let token_len = row.auth_len.filter(|len| *len != 0)?;
    let named = |text: &str, names: &[(&str, u8)]| names.iter().find(|(name, _)| *name == text).map(|(_, n)| *n).or(text.parse().ok());
    let auth_type = named(row.auth_type.as_deref()?, &[("spnego", 9), ("ntlm", 10), ("kerberos", 16)])?;
    let levels = [("none", 1), ("connect", 2), ("call", 3), ("pkt", 4), ("packet", 4), ("integrity", 5), ("privacy", 6)];
    Some(AuthTrailer {
        auth_type: AuthType(auth_type),
        level: named(row.auth_level.as_deref()?, &levels)?,
        pad_len: u8::try_from(len.wrapping_neg() & 15).unwrap(),
        reserved: 0,
        context_id: row.auth_ctx.unwrap_or(0),
        token: vec![0; usize::try_from(token_len).unwrap()].into(),
    })
}
