//! bind and alter_context (C706 12.6.4.3, 12.6.4.1).

use super::PduError;
use crate::SyntaxId;
use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::{Guid, Reader, guid};

/// The transfer syntax NDR 2.0.
pub const NDR: SyntaxId = SyntaxId { uuid: guid!("8a885d04-1ceb-11c9-9fe8-08002b104860"), major: 2, minor: 0 };
/// The transfer syntax NDR64, which this implementation recognises and refuses.
pub const NDR64: SyntaxId = SyntaxId { uuid: guid!("71710533-beba-4937-8319-b5dbef9ccc36"), major: 1, minor: 0 };

/// Bind-time features ([MS-RPCE] 2.2.2.14): a bit each, in the first of eight octets.
pub const FEATURE_MULTIPLEX_SECURITY: u8 = 1;
/// The connection lives on after an orphaned PDU.
pub const FEATURE_KEEP_ON_ORPHAN: u8 = 2;

/// First half of the UUID that asks for bind-time feature negotiation ([MS-RPCE] 3.3.1.5.3); the second half is the bit mask.
const FEATURES: [u8; 8] = [0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45];

/// Bind-time features, proposed or granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(pub u8);

impl Features {
    /// The features that a transfer syntax stands for, where it stands for any.
    pub fn of(syntax: &SyntaxId) -> Option<Features> {
        let (head, mask) = syntax.uuid.0.split_first_chunk::<8>()?;
        (*head == FEATURES && syntax.major == 1).then(|| Features(mask.first().copied().unwrap_or(0)))
    }

    /// The transfer syntax that stands for them.
    pub fn syntax(self) -> SyntaxId {
        let [a, b, c, d, e, f, g, h] = FEATURES;
        SyntaxId { uuid: Guid([a, b, c, d, e, f, g, h, self.0, 0, 0, 0, 0, 0, 0, 0]), major: 1, minor: 0 }
    }

    /// Whether all of these bits are set.
    pub fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }
}

/// A bind or alter_context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Largest fragment the client will send, in octets.
    pub max_xmit: u16,
    /// Largest it will receive.
    pub max_recv: u16,
    /// The association group to join; 0 for a new one.
    pub group: u32,
    /// Without a meaning.
    pub reserved: [u8; 3],
    /// The presentation contexts proposed.
    pub contexts: Vec<ContextElement>,
    /// What follows: padding, in one client's alter_context 44 octets more.
    pub tail: Bytes,
}

/// A presentation context proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextElement {
    /// Its number on this connection.
    pub id: u16,
    /// Without a meaning.
    pub reserved: u8,
    /// The interface.
    pub interface: SyntaxId,
    /// The transfer syntaxes that the client could use with it.
    pub transfer: Vec<SyntaxId>,
}

impl SyntaxId {
    pub(crate) fn parse(r: &mut Reader) -> Result<SyntaxId, PduError> {
        let uuid = Guid(r.array("syntax uuid")?);
        let [m0, m1, n0, n1] = r.array("syntax version")?;
        Ok(SyntaxId { uuid, major: u16::from_le_bytes([m0, m1]), minor: u16::from_le_bytes([n0, n1]) })
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        out.put_slice(&self.uuid.0);
        out.put_u16_le(self.major);
        out.put_u16_le(self.minor);
    }
}

impl Bind {
    pub(super) fn parse(r: &mut Reader) -> Result<Bind, PduError> {
        let max_xmit = u16::from_le_bytes(r.array("max_xmit_frag")?);
        let max_recv = u16::from_le_bytes(r.array("max_recv_frag")?);
        let group = u32::from_le_bytes(r.array("assoc_group_id")?);
        let [count, reserved @ ..] = r.array::<4>("p_context_elem")?;
        let contexts = (0..count).map(|_| ContextElement::parse(r)).collect::<Result<_, _>>()?;
        Ok(Bind { max_xmit, max_recv, group, reserved, contexts, tail: r.rest() })
    }

    pub(super) fn put(&self, out: &mut BytesMut) {
        out.put_u16_le(self.max_xmit);
        out.put_u16_le(self.max_recv);
        out.put_u32_le(self.group);
        out.put_u8(self.contexts.len() as u8);
        out.put_slice(&self.reserved);
        for element in &self.contexts {
            out.put_u16_le(element.id);
            out.put_u8(element.transfer.len() as u8);
            out.put_u8(element.reserved);
            element.interface.put(out);
            element.transfer.iter().for_each(|t| t.put(out));
        }
        out.put_slice(&self.tail);
    }
}

impl ContextElement {
    /// One interface with one transfer syntax.
    pub fn new(id: u16, interface: SyntaxId, transfer: SyntaxId) -> Self {
        ContextElement { id, reserved: 0, interface, transfer: vec![transfer] }
    }

    fn parse(r: &mut Reader) -> Result<ContextElement, PduError> {
        let [i0, i1, count, reserved] = r.array("p_cont_elem")?;
        let interface = SyntaxId::parse(r)?;
        let transfer = (0..count).map(|_| SyntaxId::parse(r)).collect::<Result<_, _>>()?;
        Ok(ContextElement { id: u16::from_le_bytes([i0, i1]), reserved, interface, transfer })
    }
}
