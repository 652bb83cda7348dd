//! bind_ack, alter_context_resp and bind_nak (C706 12.6.4.4, 12.6.4.2, 12.6.4.5).

use super::{Features, NDR, PduError};
use crate::SyntaxId;
use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::{Guid, Reader, guid};
use std::fmt;

/// A bind_ack or alter_context_resp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAck {
    /// Largest fragment the server will send, in octets.
    pub max_xmit: u16,
    /// Largest it will receive.
    pub max_recv: u16,
    /// The association group.
    pub group: u32,
    /// The secondary address with its NUL: the port in ASCII. Empty in an alter_context_resp.
    pub address: Bytes,
    /// Octets up to the next multiple of four; any value.
    pub filler: Bytes,
    /// Without a meaning.
    pub reserved: [u8; 3],
    /// An answer for each presentation context of the bind, in its order.
    pub results: Vec<ContextResult>,
    /// What follows.
    pub tail: Bytes,
}

/// What became of a presentation context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextResult {
    /// 0 acceptance, 1 user rejection, 2 provider rejection, 3 negotiate_ack.
    pub result: u16,
    /// Of a rejection: 0 not said, 1 interface, 2 transfer syntaxes, 3 local limit. Of a negotiate_ack: the features.
    pub reason: u16,
    /// The transfer syntax accepted; zeros otherwise.
    pub transfer: SyntaxId,
}

impl ContextResult {
    /// Accepted, with NDR.
    pub const ACCEPTED: ContextResult = ContextResult { result: 0, reason: 0, transfer: NDR };
    /// The server does not have the interface.
    pub const NO_INTERFACE: ContextResult = ContextResult::rejected(1);
    /// None of the transfer syntaxes will do.
    pub const NO_TRANSFER_SYNTAX: ContextResult = ContextResult::rejected(2);
    /// No more presentation contexts on this connection.
    pub const LIMIT: ContextResult = ContextResult::rejected(3);

    const NOTHING: SyntaxId = SyntaxId { uuid: Guid::NIL, major: 0, minor: 0 };

    const fn rejected(reason: u16) -> ContextResult {
        ContextResult { result: 2, reason, transfer: ContextResult::NOTHING }
    }

    /// Bind-time features granted ([MS-RPCE] 3.3.1.5.3).
    pub const fn features(granted: Features) -> ContextResult {
        ContextResult { result: 3, reason: granted.0 as u16, transfer: ContextResult::NOTHING }
    }

    /// Whether the context can be used.
    pub fn is_accepted(&self) -> bool {
        self.result == 0
    }
}

impl fmt::Display for ContextResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.result, self.reason) {
            (0, _) => f.write_str("accepted"),
            (2, 1) => f.write_str("the server does not have this interface"),
            (2, 2) => f.write_str("the server takes none of the transfer syntaxes"),
            (2, 3) => f.write_str("the server has reached its limit of presentation contexts"),
            (3, features) => write!(f, "features {features:#x}"),
            (result, reason) => write!(f, "rejected (result {result}, reason {reason})"),
        }
    }
}

/// A bind_nak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindNak {
    /// Why.
    pub reason: BindRejection,
    /// The versions that the server speaks; old servers leave the list out.
    pub versions: Option<Vec<(u8, u8)>>,
    /// What follows: padding, a signature and extended error information ([MS-RPCE] 2.2.2.9).
    pub tail: Bytes,
}

/// Why a bind was refused (C706 12.6.3.1, [MS-RPCE] 2.2.2.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BindRejection(pub u16);

impl BindRejection {
    /// No reason given.
    pub const NOT_SPECIFIED: BindRejection = BindRejection(0);
    /// The server is too busy for now.
    pub const CONGESTION: BindRejection = BindRejection(1);
    /// A limit of the server.
    pub const LOCAL_LIMIT: BindRejection = BindRejection(2);
    /// Another version of the protocol.
    pub const PROTOCOL_VERSION: BindRejection = BindRejection(4);
    /// The authentication type is not known.
    pub const AUTH_TYPE: BindRejection = BindRejection(8);
    /// The security package refused the token.
    pub const CHECKSUM: BindRejection = BindRejection(9);
}

impl fmt::Display for BindRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            BindRejection::NOT_SPECIFIED => "no reason given",
            BindRejection::CONGESTION => "the server is too busy",
            BindRejection::LOCAL_LIMIT => "a limit of the server is reached",
            BindRejection::PROTOCOL_VERSION => "the server speaks another version of RPC",
            BindRejection::AUTH_TYPE => "the server does not know the authentication type",
            BindRejection::CHECKSUM => "the server's security package refused the token",
            _ => "unknown reason",
        };
        write!(f, "{text} ({})", self.0)
    }
}

impl fmt::Debug for BindRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Announces extended error information in a bind_nak ([MS-RPCE] 2.2.1.1.2).
const EXTENDED_ERROR: Guid = guid!("90740320-fad0-11d3-82d7-009027b130ab");

impl BindAck {
    pub(super) fn parse(r: &mut Reader) -> Result<BindAck, PduError> {
        let max_xmit = u16::from_le_bytes(r.array("max_xmit_frag")?);
        let max_recv = u16::from_le_bytes(r.array("max_recv_frag")?);
        let group = u32::from_le_bytes(r.array("assoc_group_id")?);
        let address_len = u16::from_le_bytes(r.array("length of sec_addr")?);
        let address = r.bytes("sec_addr", address_len.into())?;
        let filler = r.bytes("filler of sec_addr", r.position().wrapping_neg() & 3)?;
        let [count, reserved @ ..] = r.array::<4>("p_result_list")?;
        let result = |r: &mut Reader| -> Result<ContextResult, PduError> {
            let result = u16::from_le_bytes(r.array("p_result")?);
            let reason = u16::from_le_bytes(r.array("p_result reason")?);
            Ok(ContextResult { result, reason, transfer: SyntaxId::parse(r)? })
        };
        let results = (0..count).map(|_| result(r)).collect::<Result<_, _>>()?;
        Ok(BindAck { max_xmit, max_recv, group, address, filler, reserved, results, tail: r.rest() })
    }

    pub(super) fn put(&self, out: &mut BytesMut) {
        out.put_u16_le(self.max_xmit);
        out.put_u16_le(self.max_recv);
        out.put_u32_le(self.group);
        out.put_u16_le(self.address.len() as u16);
        out.put_slice(&self.address);
        out.put_slice(&self.filler);
        out.put_u8(self.results.len() as u8);
        out.put_slice(&self.reserved);
        for result in &self.results {
            out.put_u16_le(result.result);
            out.put_u16_le(result.reason);
            result.transfer.put(out);
        }
        out.put_slice(&self.tail);
    }

    /// The octets that must follow a secondary address of this length.
    pub(crate) fn filler_for(address_len: usize) -> Bytes {
        // The length field ends at octet 26 of the PDU.
        Bytes::from_static(&[0; 3]).slice(..(address_len + 26).wrapping_neg() & 3)
    }
}

impl BindNak {
    pub(super) fn parse(r: &mut Reader) -> Result<BindNak, PduError> {
        let reason = BindRejection(u16::from_le_bytes(r.array("provider_reject_reason")?));
        if r.is_empty() {
            return Ok(BindNak { reason, versions: None, tail: r.rest() });
        }
        let [count] = r.array("n_protocols")?;
        let versions = (0..count).map(|_| r.array("protocol version").map(|[major, minor]| (major, minor))).collect::<Result<_, _>>()?;
        Ok(BindNak { reason, versions: Some(versions), tail: r.rest() })
    }

    pub(super) fn put(&self, out: &mut BytesMut) {
        out.put_u16_le(self.reason.0);
        if let Some(versions) = &self.versions {
            out.put_u8(versions.len() as u8);
            versions.iter().for_each(|(major, minor)| out.put_slice(&[*major, *minor]));
        }
        out.put_slice(&self.tail);
    }

    /// The extended error information ([MS-EERR]), where there is some.
    pub fn extended_error(&self) -> Option<Bytes> {
        // The signature starts at a multiple of four; which octets pad up to it depends on the list before it.
        let at = (0..4).find(|at| self.tail.get(*at..).is_some_and(|t| t.starts_with(&EXTENDED_ERROR.0)))?;
        Some(self.tail.slice(at + 16..))
    }
}
