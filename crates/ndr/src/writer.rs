//! Putting octets together.

use bytes::{BufMut, Bytes, BytesMut};

/// A message being built. Alignment counts from its start, and pads with zeros.
#[derive(Debug, Default)]
pub struct Writer {
    buf: BytesMut,
    referents: u32,
}

impl Writer {
    /// Pads to a multiple of `n`, a power of two.
    pub fn align(&mut self, n: usize) {
        let pad = self.buf.len().wrapping_neg() & n.wrapping_sub(1);
        self.buf.put_bytes(0, pad);
    }

    /// Appends octets as they are.
    pub fn put(&mut self, octets: &[u8]) {
        self.buf.extend_from_slice(octets);
    }

    /// The id of the next non-null pointer, as Windows counts them: 0x20000, then 4 more each.
    pub fn referent_id(&mut self) -> u32 {
        let id = 0x0002_0000_u32.wrapping_add(self.referents.wrapping_mul(4));
        self.referents = self.referents.wrapping_add(1);
        id
    }

    /// Octets written so far.
    pub fn position(&self) -> usize {
        self.buf.len()
    }

    /// Makes room for `more` octets in advance.
    pub fn reserve(&mut self, more: usize) {
        self.buf.reserve(more);
    }

    /// The message.
    pub fn finish(self) -> Bytes {
        self.buf.freeze()
    }
}
