//! The PDUs of connection-oriented RPC 5.0 (C706 12.6, [MS-RPCE] 2.2.2).
//!
//! ```text
//! 0        1        2        3        4         8           10          12       16
//! version  minor    type     flags    drep      frag_len    auth_len    call_id  body ... | trailer (8) token (auth_len)
//! ```
//! [`Pdu`] keeps every octet, also those without a meaning, so that what was parsed is written again as it came.
//! The trailer is found from the end: `frag_len - auth_len - 8`.

mod ack;
mod bind;
mod call;

pub use ack::{BindAck, BindNak, BindRejection, ContextResult};
pub use bind::{Bind, ContextElement, FEATURE_KEEP_ON_ORPHAN, FEATURE_MULTIPLEX_SECURITY, Features, NDR, NDR64};
pub use call::{Fault, Request, Response};

use bytes::{Bytes, BytesMut};
use rwmi_auth::AuthType;
use rwmi_ndr::{DecodeError, Limits, Reader};
use std::fmt;

/// Octets of the header that all PDUs share.
pub const HEADER_LEN: usize = 16;
/// Octets of the security trailer, without its token.
pub const TRAILER_LEN: usize = 8;
/// The data representation of this implementation: little-endian, ASCII, IEEE.
pub const DREP: [u8; 4] = [0x10, 0, 0, 0];
/// Largest fragment that Windows proposes, and so do we, in octets.
pub const FRAGMENT_LEN: u16 = 5840;
/// Smallest that every implementation must take (C706 12.6.3.1 MustRecvFragSize).
pub const FRAGMENT_LEN_MIN: u16 = 1432;

/// Why octets are not a PDU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PduError {
    /// A field is cut short or impossible.
    #[error("malformed PDU, caused by {0}")]
    Malformed(#[from] DecodeError),
    /// Another major version of the protocol.
    #[error("RPC version {0}.{1} is not 5.0")]
    Version(u8, u8),
    /// Another data representation than little-endian.
    #[error("data representation {0:#04x} is not little-endian ASCII")]
    Representation(u8),
    /// The lengths in the header contradict each other, or the octets.
    #[error("PDU of {frag_len} octets with {auth_len} of authentication cannot be")]
    Lengths {
        /// Length of the whole.
        frag_len: usize,
        /// Length of the token.
        auth_len: usize,
    },
    /// A PDU to send would not fit its 16-bit length.
    #[error("PDU of {0} octets does not fit a fragment")]
    TooLong(usize),
}

/// What a PDU is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PduType(pub u8);

macro_rules! named {
    ($t:ident { $( $(#[$m:meta])* $name:ident = $n:literal; )* }) => {
        impl $t {
            $( $(#[$m])* pub const $name: $t = $t($n); )*
        }
        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $( $t::$name => f.write_str(&stringify!($name).to_ascii_lowercase()), )*
                    $t(n) => write!(f, "{}({n})", stringify!($t)),
                }
            }
        }
    };
}

named! { PduType {
    /// A call, or a piece of one.
    REQUEST = 0;
    /// Its answer, or a piece of one.
    RESPONSE = 2;
    /// Its failure.
    FAULT = 3;
    /// Opens the connection.
    BIND = 11;
    /// The answer.
    BIND_ACK = 12;
    /// The refusal.
    BIND_NAK = 13;
    /// Adds presentation contexts, or carries on an authentication.
    ALTER_CONTEXT = 14;
    /// The answer.
    ALTER_CONTEXT_RESP = 15;
    /// Last leg of an authentication; has no answer.
    AUTH3 = 16;
    /// From the server: please close.
    SHUTDOWN = 17;
    /// The client wants the call to end.
    CO_CANCEL = 18;
    /// The client takes no interest in the call any more.
    ORPHANED = 19;
} }

/// The `pfc_flags` of a PDU (C706 12.6.3.1, [MS-RPCE] 2.2.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// First fragment.
    pub const FIRST: Flags = Flags(0x01);
    /// Last fragment.
    pub const LAST: Flags = Flags(0x02);
    /// On bind, alter_context, their answers and auth3: the sender can sign headers.
    pub const HEADER_SIGNING: Flags = Flags(0x04);
    /// On a request: a cancel was pending.
    pub const PENDING_CANCEL: Flags = Flags(0x04);
    /// Several calls at a time on the connection.
    pub const MULTIPLEX: Flags = Flags(0x10);
    /// On a fault: the call was not begun.
    pub const DID_NOT_EXECUTE: Flags = Flags(0x20);
    /// The client wants no answer.
    pub const MAYBE: Flags = Flags(0x40);
    /// An object UUID is in the request.
    pub const OBJECT: Flags = Flags(0x80);
    /// First and last: the whole in one fragment.
    pub const WHOLE: Flags = Flags(0x03);

    /// Whether all of `other` are set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and the others.
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// `other` where `on`, none otherwise.
    pub(crate) const fn when(on: bool, other: Flags) -> Flags {
        if on { other } else { Flags(0) }
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

/// The first sixteen octets of a PDU, with its lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Minor version: 0 or 1.
    pub minor: u8,
    /// What it is.
    pub ptype: PduType,
    /// Its flags.
    pub flags: Flags,
    /// Data representation.
    pub drep: [u8; 4],
    /// Octets of the whole PDU.
    pub frag_len: u16,
    /// Octets of the token at its end.
    pub auth_len: u16,
    /// The call it belongs to.
    pub call_id: u32,
}

impl Header {
    /// Reads the header; `Ok(None)` while fewer than sixteen octets are there.
    ///
    /// # Errors
    /// Where version, representation or lengths cannot be.
    pub fn parse(octets: &[u8]) -> Result<Option<Header>, PduError> {
        let Some((head, _)) = octets.split_first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let &[major, minor, ptype, flags, d0, d1, d2, d3, f0, f1, a0, a1, c0, c1, c2, c3] = head;
        if major != 5 || 1 < minor {
            return Err(PduError::Version(major, minor));
        }
        if d0 != DREP[0] {
            return Err(PduError::Representation(d0));
        }
        let header = Header {
            minor,
            ptype: PduType(ptype),
            flags: Flags(flags),
            drep: [d0, d1, d2, d3],
            frag_len: u16::from_le_bytes([f0, f1]),
            auth_len: u16::from_le_bytes([a0, a1]),
            call_id: u32::from_le_bytes([c0, c1, c2, c3]),
        };
        let (frag_len, auth_len) = (usize::from(header.frag_len), usize::from(header.auth_len));
        let auth = if auth_len == 0 { 0 } else { TRAILER_LEN + auth_len };
        if frag_len < HEADER_LEN + auth { Err(PduError::Lengths { frag_len, auth_len }) } else { Ok(Some(header)) }
    }

    /// Where the security trailer starts: at the end of the PDU where it has none.
    pub fn trailer_at(&self) -> usize {
        let auth = if self.auth_len == 0 { 0 } else { TRAILER_LEN + usize::from(self.auth_len) };
        usize::from(self.frag_len).saturating_sub(auth)
    }
}

/// Takes the first whole PDU out of `input`; `Ok(None)` while it is not complete.
///
/// # Errors
/// Where what stands there cannot be a PDU: nothing after it can be found then.
pub fn take_pdu(input: &mut BytesMut) -> Result<Option<(Header, BytesMut)>, PduError> {
    match Header::parse(input)? {
        Some(header) if usize::from(header.frag_len) <= input.len() => Ok(Some((header, input.split_to(usize::from(header.frag_len))))),
        _ => Ok(None),
    }
}

/// The security trailer and what follows it ([MS-RPCE] 2.2.2.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthTrailer {
    /// The mechanism.
    pub auth_type: AuthType,
    /// Authentication level as on the wire.
    pub level: u8,
    /// Octets of padding between the body and the trailer.
    pub pad_len: u8,
    /// Without a meaning.
    pub reserved: u8,
    /// Which security context.
    pub context_id: u32,
    /// What the mechanism says: a handshake token or a signature.
    pub token: Bytes,
}

impl AuthTrailer {
    /// Reads a trailer and its token.
    pub(crate) fn parse(octets: Bytes) -> Result<AuthTrailer, DecodeError> {
        let mut r = Reader::new(octets, Limits::default());
        let [auth_type, level, pad_len, reserved] = r.array("auth_verifier")?;
        let context_id = u32::from_le_bytes(r.array("auth_context_id")?);
        Ok(AuthTrailer { auth_type: AuthType(auth_type), level, pad_len, reserved, context_id, token: r.rest() })
    }

    /// The eight octets in front of the token.
    pub(crate) fn head(&self) -> [u8; TRAILER_LEN] {
        let [c0, c1, c2, c3] = self.context_id.to_le_bytes();
        [self.auth_type.0, self.level, self.pad_len, self.reserved, c0, c1, c2, c3]
    }
}

/// One PDU, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// Minor version of the protocol: 0, or 1.
    pub minor: u8,
    /// Flags.
    pub flags: Flags,
    /// Data representation.
    pub drep: [u8; 4],
    /// The call it belongs to.
    pub call_id: u32,
    /// What it says.
    pub body: Body,
    /// Its security trailer.
    pub auth: Option<AuthTrailer>,
}

/// What a PDU says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// Type 11.
    Bind(Bind),
    /// Type 12.
    BindAck(BindAck),
    /// Type 13.
    BindNak(BindNak),
    /// Type 14: a bind in another's clothes.
    AlterContext(Bind),
    /// Type 15.
    AlterContextResp(BindAck),
    /// Type 16: four octets without a meaning, and padding.
    Auth3(Bytes),
    /// Type 0.
    Request(Request),
    /// Type 2.
    Response(Response),
    /// Type 3.
    Fault(Fault),
    /// Types 17, 18, 19 and those unknown, which have no fields: the octets after the header.
    Other(PduType, Bytes),
}

impl Body {
    /// What the PDU is.
    pub fn ptype(&self) -> PduType {
        match self {
            Body::Bind(_) => PduType::BIND,
            Body::BindAck(_) => PduType::BIND_ACK,
            Body::BindNak(_) => PduType::BIND_NAK,
            Body::AlterContext(_) => PduType::ALTER_CONTEXT,
            Body::AlterContextResp(_) => PduType::ALTER_CONTEXT_RESP,
            Body::Auth3(_) => PduType::AUTH3,
            Body::Request(_) => PduType::REQUEST,
            Body::Response(_) => PduType::RESPONSE,
            Body::Fault(_) => PduType::FAULT,
            Body::Other(ptype, _) => *ptype,
        }
    }
}

impl Pdu {
    /// A PDU in one fragment.
    pub fn new(flags: Flags, call_id: u32, body: Body, auth: Option<AuthTrailer>) -> Pdu {
        Pdu { minor: 0, flags: Flags::WHOLE.with(flags), drep: DREP, call_id, body, auth }
    }

    /// Reads one PDU, which `octets` must be exactly.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(octets: Bytes) -> Result<Pdu, PduError> {
        let truncated = PduError::Lengths { frag_len: octets.len(), auth_len: 0 };
        let header = Header::parse(&octets)?.ok_or(truncated)?;
        let (frag_len, auth_len) = (usize::from(header.frag_len), usize::from(header.auth_len));
        if frag_len != octets.len() {
            return Err(PduError::Lengths { frag_len, auth_len });
        }
        let at = header.trailer_at();
        let auth = if auth_len == 0 { None } else { Some(AuthTrailer::parse(octets.slice(at..))?) };
        let mut r = Reader::new(octets.slice(..at), Limits::default());
        r.skip("header", HEADER_LEN)?;
        let body = match header.ptype {
            PduType::BIND => Body::Bind(Bind::parse(&mut r)?),
            PduType::BIND_ACK => Body::BindAck(BindAck::parse(&mut r)?),
            PduType::BIND_NAK => Body::BindNak(BindNak::parse(&mut r)?),
            PduType::ALTER_CONTEXT => Body::AlterContext(Bind::parse(&mut r)?),
            PduType::ALTER_CONTEXT_RESP => Body::AlterContextResp(BindAck::parse(&mut r)?),
            PduType::AUTH3 => Body::Auth3(r.rest()),
            PduType::REQUEST => Body::Request(Request::parse(&mut r, header.flags)?),
            PduType::RESPONSE => Body::Response(Response::parse(&mut r)?),
            PduType::FAULT => Body::Fault(Fault::parse(&mut r)?),
            other => Body::Other(other, r.rest()),
        };
        Ok(Pdu { minor: header.minor, flags: header.flags, drep: header.drep, call_id: header.call_id, body, auth })
    }

    /// Writes the PDU.
    ///
    /// # Errors
    /// [`PduError::TooLong`] where it does not fit its 16-bit length.
    pub fn encode(&self) -> Result<Bytes, PduError> {
        let mut out = BytesMut::with_capacity(256);
        self.encode_into(&mut out)?;
        Ok(out.freeze())
    }

    /// Appends the PDU; nothing is appended on error.
    pub(crate) fn encode_into(&self, out: &mut BytesMut) -> Result<(), PduError> {
        let start = out.len();
        put_header(out, self.minor, self.body.ptype(), self.flags, self.drep, self.call_id);
        match &self.body {
            Body::Bind(b) | Body::AlterContext(b) => b.put(out),
            Body::BindAck(b) | Body::AlterContextResp(b) => b.put(out),
            Body::BindNak(b) => b.put(out),
            Body::Request(b) => b.put(out),
            Body::Response(b) => b.put(out),
            Body::Fault(b) => b.put(out),
            Body::Auth3(octets) | Body::Other(_, octets) => out.extend_from_slice(octets),
        }
        if let Some(auth) = &self.auth {
            out.extend_from_slice(&auth.head());
            out.extend_from_slice(&auth.token);
        }
        let auth_len = self.auth.as_ref().map_or(0, |a| a.token.len());
        set_lengths(out, start, auth_len).inspect_err(|_| out.truncate(start))
    }
}

/// Appends a header whose lengths are still zero.
pub(crate) fn put_header(out: &mut BytesMut, minor: u8, ptype: PduType, flags: Flags, drep: [u8; 4], call_id: u32) {
    out.extend_from_slice(&[5, minor, ptype.0, flags.0]);
    out.extend_from_slice(&drep);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&call_id.to_le_bytes());
}

/// Sets the lengths of the PDU that starts at `start` and ends with `out`.
pub(crate) fn set_lengths(out: &mut BytesMut, start: usize, auth_len: usize) -> Result<(), PduError> {
    let len = out.len().saturating_sub(start);
    let (Ok(frag_len), Ok(auth_len)) = (u16::try_from(len), u16::try_from(auth_len)) else { return Err(PduError::TooLong(len)) };
    if let Some(place) = out.get_mut(start + 8..start + 12) {
        let ([f0, f1], [a0, a1]) = (frag_len.to_le_bytes(), auth_len.to_le_bytes());
        place.copy_from_slice(&[f0, f1, a0, a1]);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
