//! Taking octets apart, with a budget.

use bytes::{Buf, Bytes};

/// Why octets are not the value that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at octet {offset}: {kind}")]
pub struct DecodeError {
    /// What was being read.
    pub what: &'static str,
    /// Where, in octets from the start of the message.
    pub offset: usize,
    /// What is wrong with it.
    pub kind: DecodeErrorKind,
}

/// What is wrong with the octets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The message ends too early.
    #[error("needs {needed} octets, {left} left")]
    Truncated {
        /// Octets the value takes.
        needed: usize,
        /// Octets that were left.
        left: usize,
    },
    /// A count, or the nesting, is more than this end is willing to read.
    #[error("{value} is over the limit of {limit}")]
    OverLimit {
        /// What the peer sent.
        value: u64,
        /// What is allowed, or what is left of it.
        limit: u64,
    },
    /// A value that the type does not have.
    #[error("{0:#x} is not a valid value")]
    Invalid(u64),
}

/// The result of decoding.
pub type Result<T> = std::result::Result<T, DecodeError>;

/// What a decoder may spend on one message.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Array elements, summed over the whole message: 1 Mi by default.
    pub elements_max: u32,
    /// Pointers within pointers: 32 by default.
    pub depth_max: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { elements_max: 1 << 20, depth_max: 32 }
    }
}

/// A message being taken apart. Alignment counts from its start.
#[derive(Debug)]
pub struct Reader {
    /// What has not been read yet.
    rest: Bytes,
    /// Octets read so far.
    pos: usize,
    /// What is left of the budget; `depth_max` counts down too.
    left: Limits,
}

impl Reader {
    /// Starts at the first octet of `buf`.
    pub fn new(buf: Bytes, limits: Limits) -> Self {
        Reader { rest: buf, pos: 0, left: limits }
    }

    /// Skips to a multiple of `n`, a power of two. The octets between may be anything: clients do not clear them.
    pub fn align(&mut self, n: usize) -> Result<()> {
        let pad = self.pos.wrapping_neg() & n.wrapping_sub(1);
        self.skip("alignment", pad)
    }

    /// Passes over `len` octets.
    pub fn skip(&mut self, what: &'static str, len: usize) -> Result<()> {
        self.check(what, len)?;
        self.rest.advance(len);
        self.pos += len;
        Ok(())
    }

    /// Takes `len` octets without copying.
    pub fn bytes(&mut self, what: &'static str, len: usize) -> Result<Bytes> {
        self.check(what, len)?;
        self.pos += len;
        Ok(self.rest.split_to(len))
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> Bytes {
        self.pos += self.rest.len();
        std::mem::take(&mut self.rest)
    }

    /// Takes `N` octets.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        self.check(what, N)?;
        let mut out = [0; N];
        self.rest.copy_to_slice(&mut out);
        self.pos += N;
        Ok(out)
    }

    /// Reads the count of an array, and takes it out of the budget of elements.
    pub fn count(&mut self, what: &'static str) -> Result<usize> {
        self.count_of(what, 0)
    }

    /// As [`Reader::count`], where each element takes at least `len_min` octets: a count for which not enough octets are left is an error.
    pub fn count_of(&mut self, what: &'static str, len_min: usize) -> Result<usize> {
        self.align(4)?;
        let n = u32::from_le_bytes(self.array(what)?);
        if self.left.elements_max < n {
            let kind = DecodeErrorKind::OverLimit { value: n.into(), limit: self.left.elements_max.into() };
            return Err(DecodeError { what, offset: self.pos, kind });
        }
        self.check(what, (n as usize).saturating_mul(len_min))?;
        self.left.elements_max -= n;
        Ok(n as usize)
    }

    /// Runs a decoder one level deeper: what follows a pointer does.
    pub fn nested<T>(&mut self, what: &'static str, decode: impl FnOnce(&mut Reader) -> Result<T>) -> Result<T> {
        let Some(depth) = self.left.depth_max.checked_sub(1) else {
            return Err(self.error(what, DecodeErrorKind::OverLimit { value: 1, limit: 0 }));
        };
        let outer = std::mem::replace(&mut self.left.depth_max, depth);
        let value = decode(self);
        self.left.depth_max = outer;
        value
    }

    /// An error at the current place.
    pub fn error(&self, what: &'static str, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { what, offset: self.pos, kind }
    }

    /// The error for a value that the type does not have.
    pub fn invalid(&self, what: &'static str, value: impl Into<u64>) -> DecodeError {
        self.error(what, DecodeErrorKind::Invalid(value.into()))
    }

    /// Octets read so far.
    pub fn position(&self) -> usize {
        self.pos
    }

    /// What the decoders may still spend.
    pub fn limits(&self) -> Limits {
        self.left
    }

    /// Octets left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn check(&self, what: &'static str, needed: usize) -> Result<()> {
        let left = self.rest.len();
        if left < needed { Err(self.error(what, DecodeErrorKind::Truncated { needed, left })) } else { Ok(()) }
    }
}
