//! Just enough DER (X.690): definite lengths of at most four octets, tags below 31, no recursion of its own.

use crate::AuthError;

/// Reads elements off the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) contents: &'a [u8],
    /// Tag, length and contents.
    pub(crate) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Reader(octets)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next element, if there is one.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element, whatever it is.
    pub(crate) fn element(&mut self) -> Result<Element<'a>, AuthError> {
        let short = || AuthError::Malformed("DER element cut short".into());
        let (&[tag, first], rest) = self.0.split_first_chunk().ok_or_else(short)?;
        if tag & 0x1f == 0x1f {
            return Err(AuthError::Malformed("DER tag above 30".into()));
        }
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or_else(short)?;
                let len = octets.iter().fold(0u32, |len, octet| len << 8 | u32::from(*octet));
                (usize::try_from(len).unwrap_or(usize::MAX), rest)
            }
            _ => return Err(AuthError::Malformed("DER length without end or longer than four octets".into())),
        };
        let (contents, rest) = rest.split_at_checked(len).ok_or_else(short)?;
        let (whole, _) = self.0.split_at_checked(self.0.len().saturating_sub(rest.len())).ok_or_else(short)?;
        self.0 = rest;
        Ok(Element { tag, contents, whole })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, AuthError> {
        let element = self.element()?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(AuthError::Malformed(format!("DER tag {:#04x} instead of {tag:#04x}", element.tag)))
        }
    }

    /// The next element if it has this tag; otherwise nothing is read.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, AuthError> {
        if self.peek() == Some(tag) { self.element().map(Some) } else { Ok(None) }
    }
}

impl<'a> Element<'a> {
    /// Reads what is inside.
    pub(crate) fn inside(&self) -> Reader<'a> {
        Reader(self.contents)
    }
}

/// An element of these contents.
pub(crate) fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let len: usize = contents.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(len.saturating_add(6));
    out.push(tag);
    match u8::try_from(len) {
        Ok(len @ 0..=0x7f) => out.push(len),
        _ => {
            let octets = len.to_be_bytes();
            let significant = octets.iter().skip_while(|octet| **octet == 0);
            out.push(0x80 | u8::try_from(significant.clone().count()).unwrap_or(8));
            out.extend(significant);
        }
    }
    for part in contents {
        out.extend_from_slice(part);
    }
    out
}

pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[APPLICATION 0]`, the frame of a GSS token.
pub(crate) const APPLICATION_0: u8 = 0x60;

/// `[n] EXPLICIT`.
pub(crate) const fn context(n: u8) -> u8 {
    0xa0 | n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_of_any_length_reads_back() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let contents = vec![7; len];
            let octets = element(OCTET_STRING, &[&contents]);
            let mut reader = Reader::new(&octets);
            let read = reader.expect(OCTET_STRING).unwrap();
            assert_eq!((read.contents, read.whole), (&contents[..], &octets[..]));
            assert!(reader.is_empty());
            for cut in 0..octets.len().min(300) {
                assert!(Reader::new(&octets[..cut]).element().is_err());
            }
        }
    }

    #[test]
    fn lengths_without_end_and_lengths_beyond_all_memory_are_refused() {
        for octets in [&[4, 0x80, 1, 0, 0][..], &[4, 0x85, 0, 0, 0, 0, 0], &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 1], &[0x1f, 1, 1]] {
            assert!(matches!(Reader::new(octets).element(), Err(AuthError::Malformed(_))), "{octets:?}");
        }
    }
}
