//! A cursor over octets that never reads past their end.

use crate::DecodeError;
use crate::view::Heap;

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Octets<'a>(pub(crate) &'a [u8]);

impl<'a> Octets<'a> {
    #[inline]
    pub(crate) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        match self.0.split_at_checked(len) {
            Some((head, tail)) => {
                self.0 = tail;
                Ok(head)
            }
            None => Err(DecodeError::Truncated { what, needs: len, left: self.0.len() }),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        match self.0.split_first_chunk::<N>() {
            Some((head, tail)) => {
                self.0 = tail;
                Ok(*head)
            }
            None => Err(DecodeError::Truncated { what, needs: N, left: self.0.len() }),
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(what).map(|[b]| b)
    }

    #[inline]
    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// A structure that starts with its own length, that length included: what follows the length.
    pub(crate) fn counted(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u32(what)? as usize;
        let body = len.checked_sub(4).ok_or(DecodeError::Inconsistent { what, found: len, most: 4 })?;
        self.take(body, what)
    }

    /// A heap: its length with the top bit set, then its octets ([MS-WMIO] 2.2.66).
    pub(crate) fn heap(&mut self) -> Result<Heap<'a>, DecodeError> {
        let len = self.u32("heap length")? & 0x7fff_ffff;
        self.take(len as usize, "heap").map(Heap)
    }
}

/// Reads N octets at an offset.
#[inline]
pub(crate) fn at<const N: usize>(octets: &[u8], offset: usize, what: &'static str) -> Result<[u8; N], DecodeError> {
    octets.get(offset..).and_then(|tail| tail.first_chunk::<N>()).copied().ok_or(DecodeError::Truncated {
        what,
        needs: N,
        left: octets.len().saturating_sub(offset),
    })
}
