//! Heaps and the strings in them ([MS-WMIO] 2.2.66, 2.2.69, 2.2.78).

use crate::DecodeError;
use crate::octets::Octets;
use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt;

/// A string as it lies in the octets. The terminating NUL is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextRef<'a> {
    /// One octet a character: the first 256 of Unicode.
    Latin1(&'a [u8]),
    /// UTF-16LE.
    Utf16(&'a [[u8; 2]]),
}

impl<'a> TextRef<'a> {
    /// Reads an Encoded-String and its terminator from the front of `octets`; gives the octets that it took too.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Option<(TextRef<'a>, usize)> {
        match octets.split_first()? {
            (0, text) => {
                let text = CStr::from_bytes_until_nul(text).ok()?.to_bytes();
                Some((TextRef::Latin1(text), text.len().saturating_add(2)))
            }
            (1, text) => {
                let (units, _) = text.as_chunks::<2>();
                let end = units.iter().position(|u| *u == [0, 0])?;
                Some((TextRef::Utf16(units.get(..end)?), end.saturating_mul(2).saturating_add(3)))
            }
            _ => None,
        }
    }

    /// Octets that it takes in a heap, flag and terminator included.
    pub fn encoded_len(&self) -> usize {
        match self {
            TextRef::Latin1(t) => t.len().saturating_add(2),
            TextRef::Utf16(t) => t.len().saturating_mul(2).saturating_add(3),
        }
    }

    /// The text as it stands, where it is plain ASCII.
    pub fn as_ascii(&self) -> Option<&'a str> {
        match self {
            TextRef::Latin1(t) if t.is_ascii() => std::str::from_utf8(t).ok(),
            _ => None,
        }
    }

    /// The text, copied only where it is not plain ASCII. A lone surrogate becomes U+FFFD.
    pub fn to_str(&self) -> Cow<'a, str> {
        match self {
            TextRef::Latin1(t) => match std::str::from_utf8(t) {
                Ok(s) if s.is_ascii() => Cow::Borrowed(s),
                _ => Cow::Owned(t.iter().map(|b| char::from(*b)).collect()),
            },
            TextRef::Utf16(t) => Cow::Owned(
                char::decode_utf16(t.iter().map(|u| u16::from_le_bytes(*u))).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
            ),
        }
    }

    /// Whether it is this name in any case.
    pub fn is_name(&self, name: &str) -> bool {
        match self.as_ascii() {
            Some(s) if name.is_ascii() => s.eq_ignore_ascii_case(name),
            _ => rwmi_cim::names_equal(&self.to_str(), name),
        }
    }
}

impl fmt::Display for TextRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str())
    }
}

/// Names that a reference can mean without a heap item, by number ([MS-WMIO] 2.2.80).
pub(crate) const DICTIONARY: [&str; 11] =
    ["\"", "key", "", "read", "write", "volatile", "provider", "dynamic", "cimwin32", "DWORD", "CIMTYPE"];

/// A reference to nothing.
pub(crate) const NO_REF: u32 = 0xffff_ffff;
/// The bit of a reference into the dictionary.
pub(crate) const DICTIONARY_REF: u32 = 0x8000_0000;

/// The variable part of a class, of its methods or of an instance; references are offsets into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heap<'a>(pub &'a [u8]);

impl<'a> Heap<'a> {
    /// What lies at a reference, up to the end of the heap.
    #[inline]
    pub fn from(&self, reference: u32, what: &'static str) -> Result<&'a [u8], DecodeError> {
        match self.0.get(reference as usize..) {
            Some(tail) if !tail.is_empty() => Ok(tail),
            _ => Err(DecodeError::OutsideHeap { what, offset: reference, heap: self.0.len() }),
        }
    }

    /// The string at a reference, of the heap or of the dictionary; `None` for a null reference.
    #[inline]
    pub fn text(&self, reference: u32) -> Result<Option<TextRef<'a>>, DecodeError> {
        if reference & DICTIONARY_REF == 0 {
            let (text, _) = TextRef::parse(self.from(reference, "string")?).ok_or(DecodeError::Text(reference))?;
            return Ok(Some(text));
        }
        if reference == NO_REF {
            return Ok(None);
        }
        match DICTIONARY.get((reference & !DICTIONARY_REF) as usize) {
            Some(word) => Ok(Some(TextRef::Latin1(word.as_bytes()))),
            None => Err(DecodeError::OutsideHeap { what: "dictionary word", offset: reference, heap: self.0.len() }),
        }
    }

    /// The string at a reference that must not be null.
    #[inline]
    pub(crate) fn name(&self, reference: u32, what: &'static str) -> Result<TextRef<'a>, DecodeError> {
        self.text(reference)?.ok_or(DecodeError::OutsideHeap { what, offset: reference, heap: self.0.len() })
    }

    /// A block that starts with its length, that length not included: the block.
    pub(crate) fn block(&self, reference: u32, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let mut octets = Octets(self.from(reference, what)?);
        let len = octets.u32(what)? as usize;
        octets.take(len, what)
    }
}
