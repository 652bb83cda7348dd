//! request, response and fault (C706 12.6.4.9, 12.6.4.10, 12.6.4.7).

use super::{Flags, PduError};
use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::{FaultStatus, Guid, Reader};

/// A request, or a fragment of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Octets still to come, this fragment's included. Advice only: nothing is ever reserved for it.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context_id: u16,
    /// The method.
    pub opnum: u16,
    /// The object; present where the flags say so.
    pub object: Option<Guid>,
    /// Arguments, sealed or in clear, with the padding in front of the security trailer.
    pub stub: Bytes,
}

/// A response, or a fragment of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Octets still to come, this fragment's included.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context_id: u16,
    /// How many cancels arrived.
    pub cancel_count: u8,
    /// Without a meaning.
    pub reserved: u8,
    /// Results, sealed or in clear, with the padding in front of the security trailer.
    pub stub: Bytes,
}

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Advice about what follows.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context_id: u16,
    /// How many cancels arrived.
    pub cancel_count: u8,
    /// Bit 0: extended error information follows ([MS-RPCE] 2.2.2.8).
    pub flags: u8,
    /// Why.
    pub status: FaultStatus,
    /// What follows: four octets without a meaning, then extended error information where there is some.
    pub tail: Bytes,
}

impl Request {
    pub(super) fn parse(r: &mut Reader, flags: Flags) -> Result<Request, PduError> {
        let alloc_hint = u32::from_le_bytes(r.array("alloc_hint")?);
        let context_id = u16::from_le_bytes(r.array("p_cont_id")?);
        let opnum = u16::from_le_bytes(r.array("opnum")?);
        let object = if flags.has(Flags::OBJECT) { Some(Guid(r.array("object")?)) } else { None };
        Ok(Request { alloc_hint, context_id, opnum, object, stub: r.rest() })
    }

    pub(super) fn put(&self, out: &mut BytesMut) {
        self.put_head(out);
        out.put_slice(&self.stub);
    }

    pub(crate) fn put_head(&self, out: &mut BytesMut) {
        out.put_u32_le(self.alloc_hint);
        out.put_u16_le(self.context_id);
        out.put_u16_le(self.opnum);
        if let Some(object) = &self.object {
            out.put_slice(&object.0);
        }
    }
}

impl Response {
    pub(super) fn parse(r: &mut Reader) -> Result<Response, PduError> {
        let alloc_hint = u32::from_le_bytes(r.array("alloc_hint")?);
        let context_id = u16::from_le_bytes(r.array("p_cont_id")?);
        let [cancel_count, reserved] = r.array("cancel_count")?;
        Ok(Response { alloc_hint, context_id, cancel_count, reserved, stub: r.rest() })
    }

    pub(super) fn put(&self, out: &mut BytesMut) {
        self.put_head(out);
        out.put_slice(&self.stub);
    }

    pub(crate) fn put_head(&self, out: &mut BytesMut) {
        out.put_u32_le(self.alloc_hint);
        out.put_u16_le(self.context_id);
        out.put_slice(&[self.cancel_count, self.reserved]);
    }
}

impl Fault {
    pub(super) fn parse(r: &mut Reader) -> Result<Fault, PduError> {
        let alloc_hint = u32::from_le_bytes(r.array("alloc_hint")?);
        let context_id = u16::from_le_bytes(r.array("p_cont_id")?);
        let [cancel_count, flags] = r.array("cancel_count")?;
        let status = FaultStatus(u32::from_le_bytes(r.array("status")?));
        Ok(Fault { alloc_hint, context_id, cancel_count, flags, status, tail: r.rest() })
    }

    pub(super) fn put(&self, out: &mut BytesMut) {
        out.put_u32_le(self.alloc_hint);
        out.put_u16_le(self.context_id);
        out.put_slice(&[self.cancel_count, self.flags]);
        out.put_u32_le(self.status.0);
        out.put_slice(&self.tail);
    }

    /// The extended error information ([MS-EERR]), where there is some.
    pub fn extended_error(&self) -> Option<Bytes> {
        (self.flags & 1 != 0).then(|| self.tail.slice(4.min(self.tail.len())..))
    }
}
