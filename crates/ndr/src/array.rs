//! Arrays and strings (C706 14.3.3, 14.3.4).

use crate::{Decode, Encode, Reader, Result, Writer, max};
use bytes::Bytes;

/// `[size_is(n)] T a[]`: a conformant array on its own: its count, then the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conformant<T>(pub Vec<T>);

/// `[size_is(n), length_is(m)] T a[]`: max_count, offset, actual_count, then the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConformantVarying<T>(pub Vec<T>);

/// `[size_is(n)] byte a[]`: a conformant array of octets, taken without copying and without touching the budget of elements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Octets(pub Bytes);

/// `[string] wchar_t*` without its pointer: a conformant varying array of UTF-16 units that ends in NUL.
///
/// The terminator is added on encoding; on decoding everything from the first NUL on is cut off, and a missing one is not an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WideString(pub String);

/// `[string] char*` without its pointer. As [`WideString`], in octets; what is not ASCII is read as Latin-1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NarrowString(pub String);

/// Elements are collected as they come: the count alone never reserves memory.
fn scalars<T: Decode>(n: usize, r: &mut Reader) -> Result<Vec<T::Pending>> {
    (0..n).map(|_| T::decode_scalars(r)).collect()
}

fn referents<T: Decode>(p: Vec<T::Pending>, r: &mut Reader) -> Result<Vec<T>> {
    p.into_iter().map(|p| T::decode_referents(p, r)).collect()
}

/// Reads max_count, offset and actual_count. Only the last decides what follows: a caller that asked for
/// four thousand million elements gets that back as max_count (C706 14.3.3.4).
fn varying(len_min: usize, r: &mut Reader) -> Result<usize> {
    let size = u32::decode(r)?;
    let offset = u32::decode(r)?;
    let n = r.count_of("actual_count", len_min)?;
    if offset != 0 {
        return Err(r.invalid("offset of a varying array", offset));
    }
    if (size as usize) < n {
        return Err(r.invalid("max_count less than actual_count", size));
    }
    Ok(n)
}

impl<T> Default for Conformant<T> {
    fn default() -> Self {
        Conformant(Vec::new())
    }
}

impl<T: Encode> Encode for Conformant<T> {
    const ALIGN: usize = max(4, T::ALIGN);
    fn encode_scalars(&self, w: &mut Writer) {
        (self.0.len() as u32).encode_scalars(w);
        self.0.iter().for_each(|t| t.encode_scalars(w))
    }
    fn encode_referents(&self, w: &mut Writer) {
        self.0.iter().for_each(|t| t.encode_referents(w))
    }
}

impl<T: Decode> Decode for Conformant<T> {
    const ALIGN: usize = max(4, T::ALIGN);
    const LEN_MIN: usize = 4;
    type Pending = Vec<T::Pending>;
    fn decode_scalars(r: &mut Reader) -> Result<Self::Pending> {
        let n = r.count_of("max_count", T::LEN_MIN)?;
        scalars::<T>(n, r)
    }
    fn decode_referents(p: Self::Pending, r: &mut Reader) -> Result<Self> {
        referents(p, r).map(Conformant)
    }
}

impl<T> Default for ConformantVarying<T> {
    fn default() -> Self {
        ConformantVarying(Vec::new())
    }
}

impl<T: Encode> Encode for ConformantVarying<T> {
    const ALIGN: usize = max(4, T::ALIGN);
    fn encode_scalars(&self, w: &mut Writer) {
        let n = self.0.len() as u32;
        n.encode(w);
        0u32.encode(w);
        n.encode(w);
        self.0.iter().for_each(|t| t.encode_scalars(w))
    }
    fn encode_referents(&self, w: &mut Writer) {
        self.0.iter().for_each(|t| t.encode_referents(w))
    }
}

impl<T: Decode> Decode for ConformantVarying<T> {
    const ALIGN: usize = max(4, T::ALIGN);
    const LEN_MIN: usize = 12;
    type Pending = Vec<T::Pending>;
    fn decode_scalars(r: &mut Reader) -> Result<Self::Pending> {
        let n = varying(T::LEN_MIN, r)?;
        scalars::<T>(n, r)
    }
    fn decode_referents(p: Self::Pending, r: &mut Reader) -> Result<Self> {
        referents(p, r).map(ConformantVarying)
    }
}

/// A fixed array stands in place.
impl<T: Encode, const N: usize> Encode for [T; N] {
    const ALIGN: usize = T::ALIGN;
    fn encode_scalars(&self, w: &mut Writer) {
        self.iter().for_each(|t| t.encode_scalars(w))
    }
    fn encode_referents(&self, w: &mut Writer) {
        self.iter().for_each(|t| t.encode_referents(w))
    }
}

impl<T: Decode, const N: usize> Decode for [T; N] {
    const ALIGN: usize = T::ALIGN;
    const LEN_MIN: usize = T::LEN_MIN * N;
    type Pending = Vec<T::Pending>;
    fn decode_scalars(r: &mut Reader) -> Result<Self::Pending> {
        scalars::<T>(N, r)
    }
    fn decode_referents(p: Self::Pending, r: &mut Reader) -> Result<Self> {
        let n = p.len() as u64;
        referents(p, r)?.try_into().map_err(|_| r.invalid("fixed array", n))
    }
}

impl Encode for Octets {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        (self.0.len() as u32).encode_scalars(w);
        w.put(&self.0)
    }
}

impl Decode for Octets {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 4;
    type Pending = Octets;
    fn decode_scalars(r: &mut Reader) -> Result<Octets> {
        let n = u32::decode(r)?;
        r.bytes("octets", n as usize).map(Octets)
    }
    fn decode_referents(p: Octets, _: &mut Reader) -> Result<Octets> {
        Ok(p)
    }
}

impl From<&str> for WideString {
    fn from(text: &str) -> Self {
        WideString(text.to_owned())
    }
}

impl Encode for WideString {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        let n = self.0.encode_utf16().count() as u32 + 1;
        [n, 0, n].encode(w);
        self.0.encode_utf16().chain([0]).for_each(|unit| w.put(&unit.to_le_bytes()))
    }
}

impl Decode for WideString {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 12;
    type Pending = WideString;
    fn decode_scalars(r: &mut Reader) -> Result<WideString> {
        let n = varying(2, r)?;
        let octets = r.bytes("string", n.saturating_mul(2))?;
        let units = octets.as_chunks::<2>().0.iter().map(|u| u16::from_le_bytes(*u)).take_while(|u| *u != 0);
        Ok(WideString(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()))
    }
    fn decode_referents(p: WideString, _: &mut Reader) -> Result<WideString> {
        Ok(p)
    }
}

impl Encode for NarrowString {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        let n = self.0.chars().count() as u32 + 1;
        [n, 0, n].encode(w);
        self.0.chars().for_each(|c| w.put(&[u8::try_from(u32::from(c)).unwrap_or(b'?')]));
        w.put(&[0])
    }
}

impl Decode for NarrowString {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 12;
    type Pending = NarrowString;
    fn decode_scalars(r: &mut Reader) -> Result<NarrowString> {
        let n = varying(1, r)?;
        let octets = r.bytes("string", n)?;
        Ok(NarrowString(octets.iter().take_while(|c| **c != 0).map(|c| char::from(*c)).collect()))
    }
    fn decode_referents(p: NarrowString, _: &mut Reader) -> Result<NarrowString> {
        Ok(p)
    }
}
