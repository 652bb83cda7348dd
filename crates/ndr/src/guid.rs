//! GUIDs in wire order.
#![expect(clippy::indexing_slicing, reason = "places are constants or the octets of an own array")]

use std::fmt;
use std::str::FromStr;

/// A GUID, kept as the sixteen octets of the wire: the first three groups are little-endian ([MS-DTYP] 2.3.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Guid(pub [u8; 16]);

/// Why a text is not a GUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID: expected xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct GuidError;

/// Where each octet of the wire stands in the text.
const TEXT_AT: [usize; 16] = [6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34];

impl Guid {
    /// The null GUID.
    pub const NIL: Guid = Guid([0; 16]);

    /// Reads the text form; usable in constants, see [`guid!`](crate::guid).
    pub const fn parse(text: &str) -> Result<Guid, GuidError> {
        const fn nibble(c: u8) -> Option<u8> {
            match c {
                b'0'..=b'9' => Some(c - b'0'),
                b'a'..=b'f' => Some(c - b'a' + 10),
                b'A'..=b'F' => Some(c - b'A' + 10),
                _ => None,
            }
        }
        let t = text.as_bytes();
        if t.len() != 36 || t[8] != b'-' || t[13] != b'-' || t[18] != b'-' || t[23] != b'-' {
            return Err(GuidError);
        }
        let (mut raw, mut i) = ([0u8; 16], 0);
        while i < 16 {
            raw[i] = match (nibble(t[TEXT_AT[i]]), nibble(t[TEXT_AT[i] + 1])) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(GuidError),
            };
            i += 1;
        }
        Ok(Guid(raw))
    }

    /// Whether all octets are zero.
    pub fn is_nil(&self) -> bool {
        *self == Guid::NIL
    }
}

impl FromStr for Guid {
    type Err = GuidError;

    /// Braces around the text are accepted.
    fn from_str(text: &str) -> Result<Self, GuidError> {
        Guid::parse(text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'-'; 36];
        for (octet, at) in self.0.iter().zip(TEXT_AT) {
            text[at] = b"0123456789abcdef"[usize::from(octet >> 4)];
            text[at + 1] = b"0123456789abcdef"[usize::from(octet & 15)];
        }
        f.pad(std::str::from_utf8(&text).unwrap_or(""))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A [`Guid`] from its text, checked when the program is compiled.
#[macro_export]
macro_rules! guid {
    ($t:literal) => {
        const {
            match $crate::Guid::parse($t) {
                Ok(g) => g,
                Err(_) => panic!("not a GUID"),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_returns_to_its_text() {
        let text = "99fcfec4-5260-101b-bbcb-00aa0021347a";
        let g: Guid = text.parse().unwrap();
        assert_eq!(g.0[..4], [0xc4, 0xfe, 0xfc, 0x99]);
        assert_eq!(g.to_string(), text);
        assert_eq!(crate::guid!("99fcfec4-5260-101b-bbcb-00aa0021347a"), g);
        for bad in [
            "",
            "99fcfec4-5260-101b-bbcb-00aa0021347",
            "99fcfec4x5260-101b-bbcb-00aa0021347a",
            "9gfcfec4-5260-101b-bbcb-00aa0021347a",
            "99fcfec4-5260-101b-bbcb-00aa002134é",
        ] {
            assert_eq!(bad.parse::<Guid>(), Err(GuidError));
        }
    }
}
