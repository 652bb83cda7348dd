//! BSTR among NDR parameters ([MS-OAUT] 2.2.23): a pointer to a FLAGGED_WORD_BLOB.
//!
//! ```text
//! u32 referent   u32 max_count   u32 octets   u32 units   u16 unit*
//! ```

use rwmi_ndr::{Decode, DecodeErrorKind, Encode, Reader, Result, Writer};
use std::fmt;

/// Referent id of every BSTR from Windows: the letters `User`.
const REFERENT: u32 = 0x7265_7355;

/// Octets of a NULL string.
const NULL_LEN: u32 = u32::MAX;

/// Units read of one string at most: more than any limit of WMI, far less than a request.
const UNITS_MAX: u32 = 1 << 20;

/// A counted string of UTF-16 units, kept as they came.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Bstr {
    /// A NULL string, as it is written by Windows: a blob that says so.
    #[default]
    Null,
    /// A NULL string, as some write it: no blob at all.
    Absent,
    /// A text; a zero at its end may be counted in, depending on the client.
    Units(Vec<u16>),
}

impl Bstr {
    /// The text, without the zeros that some clients count in; `None` for NULL.
    pub fn text(&self) -> Option<String> {
        let Bstr::Units(units) = self else { return None };
        let end = units.iter().rposition(|u| *u != 0).map_or(0, |last| last + 1);
        Some(char::decode_utf16(units.iter().take(end).copied()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    }

    /// The text; empty for NULL.
    pub fn text_or_empty(&self) -> String {
        self.text().unwrap_or_default()
    }

    /// How many units the text has, without zeros at its end: what limits count.
    pub fn len(&self) -> usize {
        match self {
            Bstr::Units(units) => units.iter().rposition(|u| *u != 0).map_or(0, |last| last + 1),
            _ => 0,
        }
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// As a text, where the units are one.
impl fmt::Debug for Bstr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bstr::Null => f.write_str("Null"),
            Bstr::Absent => f.write_str("Absent"),
            Bstr::Units(units) => match String::from_utf16(units) {
                Ok(text) => f.debug_tuple("Units").field(&text).finish(),
                Err(_) => f.debug_tuple("Units").field(units).finish(),
            },
        }
    }
}

impl From<&str> for Bstr {
    /// Without a zero, as Windows does.
    fn from(text: &str) -> Self {
        Bstr::Units(text.encode_utf16().collect())
    }
}

impl From<Option<&str>> for Bstr {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Bstr::Null, Bstr::from)
    }
}

impl Encode for Bstr {
    const ALIGN: usize = 4;

    fn encode_scalars(&self, w: &mut Writer) {
        if matches!(self, Bstr::Absent) { 0 } else { REFERENT }.encode_scalars(w)
    }

    fn encode_referents(&self, w: &mut Writer) {
        match self {
            Bstr::Absent => {}
            Bstr::Null => [0, NULL_LEN, 0].encode(w),
            Bstr::Units(units) => {
                let n = units.len() as u32;
                [n, n.saturating_mul(2), n].encode(w);
                units.iter().for_each(|u| w.put(&u.to_le_bytes()));
            }
        }
    }
}

impl Decode for Bstr {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 4;
    type Pending = bool;

    fn decode_scalars(r: &mut Reader) -> Result<bool> {
        Ok(u32::decode(r)? != 0)
    }

    fn decode_referents(some: bool, r: &mut Reader) -> Result<Self> {
        if !some {
            return Ok(Bstr::Absent);
        }
        let max = u32::decode(r)?;
        let len = u32::decode(r)?;
        let units = u32::decode(r)?;
        if max < units {
            return Err(r.invalid("FLAGGED_WORD_BLOB.clSize", units));
        }
        if UNITS_MAX < max {
            return Err(r.error("FLAGGED_WORD_BLOB.clSize", DecodeErrorKind::OverLimit { value: max.into(), limit: UNITS_MAX.into() }));
        }
        if len == NULL_LEN && units == 0 {
            return Ok(Bstr::Null);
        }
        // The count of octets is not looked at: clients write it with the zero, without, or wrong.
        let octets = r.bytes("FLAGGED_WORD_BLOB.asData", max as usize * 2)?;
        Ok(Bstr::Units(octets.as_chunks::<2>().0.iter().take(units as usize).map(|c| u16::from_le_bytes(*c)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use rwmi_ndr::Limits;

    fn octets(b: &Bstr) -> Bytes {
        let mut w = Writer::default();
        b.encode(&mut w);
        w.finish()
    }

    fn check(b: Bstr, len: usize, text: Option<&str>) {
        let out = octets(&b);
        assert_eq!(out.len(), len);
        assert_eq!(b.text().as_deref(), text);
        assert_eq!(Bstr::decode(&mut Reader::new(out.clone(), Limits::default())).unwrap(), b);
        for cut in 0..len {
            assert!(Bstr::decode(&mut Reader::new(out.slice(..cut), Limits::default())).is_err());
        }
    }

    #[test]
    fn every_spelling_of_a_string_is_read() {
        check("WQL".into(), 4 + 12 + 6, Some("WQL"));
        check(Bstr::Units(vec![0x57, 0]), 4 + 12 + 4, Some("W"));
        check(Bstr::Units(vec![]), 16, Some(""));
        check(Bstr::Units(vec![0]), 18, Some(""));
        check(Bstr::Null, 16, None);
        check(Bstr::Absent, 4, None);
    }

    #[test]
    fn a_wrong_count_of_octets_is_no_error() {
        let mut wrong = octets(&"WQL".into()).to_vec();
        wrong[8] = 8;
        assert_eq!(Bstr::decode(&mut Reader::new(wrong.into(), Limits::default())).unwrap(), "WQL".into());
    }

    #[test]
    fn windows_writes_user_as_the_referent() {
        assert_eq!(&octets(&"W".into())[..4], b"User");
    }
}
