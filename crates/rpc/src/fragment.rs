//! Calls cut into fragments, and joined again (C706 12.6.2, [MS-RPCE] 3.3.3.5.4).

use crate::pdu::{DREP, Flags, HEADER_LEN, PduType, Request, Response, put_header, set_lengths};
use crate::protect::{Protection, SealError};
use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::Guid;

/// Octets of a response's header.
pub(crate) const RESPONSE_HEADER_LEN: usize = HEADER_LEN + 8;

/// Octets of a request's header.
pub(crate) fn request_header_len(flags: Flags) -> usize {
    if flags.has(Flags::OBJECT) { HEADER_LEN + 24 } else { HEADER_LEN + 8 }
}

/// Which end of a call is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request { opnum: u16, object: Option<Guid> },
    Response { cancel_count: u8 },
}

/// A stub on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) direction: Direction,
    pub(crate) call_id: u32,
    pub(crate) context_id: u16,
    /// What was not sent yet.
    pub(crate) rest: Bytes,
    pub(crate) begun: bool,
}

impl Outgoing {
    pub(crate) fn new(direction: Direction, call_id: u32, context_id: u16, stub: Bytes) -> Self {
        Outgoing { direction, call_id, context_id, rest: stub, begun: false }
    }

    /// Appends the next fragment, of at most `max` octets; says whether it was the last.
    pub(crate) fn put_fragment(&mut self, out: &mut BytesMut, max: usize, security: Option<&mut Protection>) -> Result<bool, SealError> {
        let (ptype, object, header_len) = match self.direction {
            Direction::Request { object, .. } => {
                let object = Flags::when(object.is_some(), Flags::OBJECT);
                (PduType::REQUEST, object, request_header_len(object))
            }
            Direction::Response { .. } => (PduType::RESPONSE, Flags(0), RESPONSE_HEADER_LEN),
        };
        let security = security.filter(|s| s.verifies());
        // A fragment that is not the last carries a multiple of eight octets (C706 12.6.2.1).
        let room = security.as_ref().map_or_else(|| max.saturating_sub(header_len) & !7, |s| s.stub_max(header_len, max)).max(8);
        let alloc_hint = u32::try_from(self.rest.len()).unwrap_or(u32::MAX);
        let piece = self.rest.split_to(room.min(self.rest.len()));
        let last = self.rest.is_empty();
        let flags = object.with(Flags::when(!self.begun, Flags::FIRST)).with(Flags::when(last, Flags::LAST));
        self.begun = true;
        let start = out.len();
        out.reserve(max);
        put_header(out, 0, ptype, flags, DREP, self.call_id);
        match self.direction {
            Direction::Request { opnum, object } => {
                Request { alloc_hint, context_id: self.context_id, opnum, object, stub: Bytes::new() }.put_head(out)
            }
            Direction::Response { cancel_count } => {
                Response { alloc_hint, context_id: self.context_id, cancel_count, reserved: 0, stub: Bytes::new() }.put_head(out)
            }
        }
        out.put_slice(&piece);
        match security {
            Some(security) => security.seal(out, start, header_len)?,
            None => set_lengths(out, start, 0)?,
        }
        Ok(last)
    }
}

/// Fragments being joined. One fragment alone is never copied.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    first: Bytes,
    more: BytesMut,
}

impl Joined {
    pub(crate) fn len(&self) -> usize {
        if self.more.is_empty() { self.first.len() } else { self.more.len() }
    }

    /// Appends a fragment's stub. Memory grows with what came, never with what was announced.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.more.is_empty() {
            self.first = piece;
            return;
        }
        if self.more.is_empty() {
            self.more.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.more.extend_from_slice(&piece);
    }

    pub(crate) fn finish(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}

/// The stub of an opened frame: without header, padding and trailer. `None` where the padding is longer than the body.
pub(crate) fn stub_of(frame: Bytes, header_len: usize, trailer_at: usize, pad_len: u8) -> Option<Bytes> {
    let end = trailer_at.checked_sub(usize::from(pad_len))?;
    (header_len <= end && end <= frame.len()).then(|| frame.slice(header_len..end))
}
