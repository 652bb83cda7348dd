//! NDR 2.0, little-endian ([C706] chapter 14).
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at octet {offset}: {kind}")]
pub struct DecodeError {
    pub what: &'static str,
    pub offset: usize,
    pub kind: DecodeErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    #[error("needs {needed} octets, {left} left")]
    Truncated { needed: usize, left: usize },
    #[error("{value} is over the limit of {limit}")]
    OverLimit { value: u64, limit: u64 },
    #[error("{0:#x} is not a valid value")]
    Invalid(u64),
}
pub type Result<T> = std::result::Result<T, DecodeError>;

/// What a decoder may spend on one message.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub elements_max: u32,
    pub depth_max: u8,
}
impl Default for Limits {
    fn default() -> Self {
        Limits { elements_max: 1 << 20, depth_max: 32 }
    }
}

pub struct Reader {
    buf: Bytes,
    pos: usize,
    limits: Limits,
}
impl Reader {
    pub fn new(buf: Bytes, limits: Limits) -> Self {
        Reader { buf, pos: 0, limits }
    }
    pub fn align(&mut self, n: usize) -> Result<()> {
        let pad = self.pos.wrapping_neg() & (n - 1);
        self.bytes("alignment", pad).map(drop)
    }
    /// Takes `len` octets without copying.
    pub fn bytes(&mut self, what: &'static str, len: usize) -> Result<Bytes> {
        let left = self.buf.len() - self.pos;
        if left < len {
            return Err(DecodeError { what, offset: self.pos, kind: DecodeErrorKind::Truncated { needed: len, left } });
        }
        let out = self.buf.slice(self.pos..self.pos + len);
        self.pos += len;
        Ok(out)
    }
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        let b = self.bytes(what, N)?;
        Ok(std::array::from_fn(|i| b[i]))
    }
    pub fn count(&mut self, what: &'static str) -> Result<usize> {
        let n = u32::decode(self)?;
        if n <= self.limits.elements_max {
            return Ok(n as usize);
        }
        Err(DecodeError {
            what,
            offset: self.pos,
            kind: DecodeErrorKind::OverLimit { value: n.into(), limit: self.limits.elements_max.into() },
        })
    }
    pub fn is_empty(&self) -> bool {
        self.pos == self.buf.len()
    }
    /// Octets taken so far.
    pub fn position(&self) -> usize {
        self.pos
    }
    /// Everything that was not taken yet, without copying.
    pub fn rest(&mut self) -> Bytes {
        let rest = self.buf.slice(self.pos..);
        self.pos = self.buf.len();
        rest
    }
    /// What the decoders may spend.
    pub fn limits(&self) -> Limits {
        self.limits
    }
    /// An error at this place.
    pub fn invalid(&self, what: &'static str, value: impl Into<u64>) -> DecodeError {
        DecodeError { what, offset: self.pos, kind: DecodeErrorKind::Invalid(value.into()) }
    }
}

#[derive(Default)]
pub struct Writer {
    buf: Vec<u8>,
    referent: u32,
}
impl Writer {
    pub fn align(&mut self, n: usize) {
        while self.buf.len() % n != 0 {
            self.buf.push(0)
        }
    }
    pub fn put(&mut self, b: &[u8]) {
        self.buf.extend_from_slice(b)
    }
    pub fn referent_id(&mut self) -> u32 {
        self.referent += 1;
        0x0002_0000 + 4 * (self.referent - 1)
    }
    /// Octets written so far.
    pub fn position(&self) -> usize {
        self.buf.len()
    }
    pub fn finish(self) -> Bytes {
        self.buf.into()
    }
}

/// A value with an NDR representation: first its scalars, in place, then what its pointers refer to.
pub trait Encode {
    /// Alignment of the scalar part, in octets: a structure has that of its widest field.
    const ALIGN: usize;
    fn encode_scalars(&self, w: &mut Writer);
    fn encode_referents(&self, _w: &mut Writer) {}
    fn encode(&self, w: &mut Writer) {
        self.encode_scalars(w);
        self.encode_referents(w)
    }
}
/// The inverse. `Pending` is what is known of the value after its scalars, before its referents.
pub trait Decode: Sized {
    const ALIGN: usize;
    type Pending;
    fn decode_scalars(r: &mut Reader) -> Result<Self::Pending>;
    fn decode_referents(pending: Self::Pending, r: &mut Reader) -> Result<Self>;
    fn decode(r: &mut Reader) -> Result<Self> {
        let p = Self::decode_scalars(r)?;
        Self::decode_referents(p, r)
    }
}

macro_rules! scalar { ($($t:ty),*) => { $(
    impl Encode for $t { const ALIGN: usize = size_of::<$t>(); fn encode_scalars(&self, w: &mut Writer) { w.align(size_of::<$t>()); w.put(&self.to_le_bytes()) } }
    impl Decode for $t {
        const ALIGN: usize = size_of::<$t>();
        type Pending = $t;
        fn decode_scalars(r: &mut Reader) -> Result<$t> { r.align(size_of::<$t>())?; Ok(<$t>::from_le_bytes(r.array(stringify!($t))?)) }
        fn decode_referents(p: $t, _: &mut Reader) -> Result<$t> { Ok(p) }
    } )* } }
scalar!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

impl Encode for () {
    const ALIGN: usize = 1;
    fn encode_scalars(&self, _: &mut Writer) {}
}
impl Decode for () {
    const ALIGN: usize = 1;
    type Pending = ();
    fn decode_scalars(_: &mut Reader) -> Result<()> {
        Ok(())
    }
    fn decode_referents(_: (), _: &mut Reader) -> Result<()> {
        Ok(())
    }
}

/// `[unique] T*`
impl<T: Encode> Encode for Option<T> {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        let id = if self.is_some() { w.referent_id() } else { 0 };
        id.encode_scalars(w)
    }
    fn encode_referents(&self, w: &mut Writer) {
        if let Some(t) = self {
            t.encode(w)
        }
    }
}
impl<T: Decode> Decode for Option<T> {
    const ALIGN: usize = 4;
    type Pending = bool;
    fn decode_scalars(r: &mut Reader) -> Result<bool> {
        Ok(u32::decode(r)? != 0)
    }
    fn decode_referents(some: bool, r: &mut Reader) -> Result<Self> {
        some.then(|| T::decode(r)).transpose()
    }
}
/// `[size_is(n)] T a[]`: a conformant array on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conformant<T>(pub Vec<T>);
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
    type Pending = Vec<T::Pending>;
    fn decode_scalars(r: &mut Reader) -> Result<Self::Pending> {
        let n = r.count("max_count")?;
        (0..n).map(|_| T::decode_scalars(r)).collect()
    }
    fn decode_referents(p: Self::Pending, r: &mut Reader) -> Result<Self> {
        p.into_iter().map(|p| T::decode_referents(p, r)).collect::<Result<_>>().map(Conformant)
    }
}

pub const fn max(a: usize, b: usize) -> usize {
    if a < b { b } else { a }
}
/// Declares a structure whose NDR layout is its fields in order.
#[macro_export]
macro_rules! ndr_struct {
    ($(#[$m:meta])* $vis:vis struct $name:ident { $( $(#[$fm:meta])* $fvis:vis $f:ident : $t:ty ),* $(,)? }) => {
        $(#[$m])* #[derive(Debug, Clone, PartialEq)] $vis struct $name { $( $(#[$fm])* $fvis $f: $t ),* }
        impl $crate::Encode for $name {
            const ALIGN: usize = { let a = 1; $( let a = $crate::max(a, <$t as $crate::Encode>::ALIGN); )* a };
            fn encode_scalars(&self, _w: &mut $crate::Writer) { _w.align(<Self as $crate::Encode>::ALIGN); $( $crate::Encode::encode_scalars(&self.$f, _w); )* }
            fn encode_referents(&self, _w: &mut $crate::Writer) { $( $crate::Encode::encode_referents(&self.$f, _w); )* }
        }
        impl $crate::Decode for $name {
            const ALIGN: usize = { let a = 1; $( let a = $crate::max(a, <$t as $crate::Decode>::ALIGN); )* a };
            type Pending = ( $( <$t as $crate::Decode>::Pending, )* );
            fn decode_scalars(_r: &mut $crate::Reader) -> $crate::Result<Self::Pending> {
                _r.align(<Self as $crate::Decode>::ALIGN)?;
                Ok(( $( <$t as $crate::Decode>::decode_scalars(_r)?, )* ))
            }
            fn decode_referents(( $( $f, )* ): Self::Pending, _r: &mut $crate::Reader) -> $crate::Result<Self> {
                Ok($name { $( $f: <$t as $crate::Decode>::decode_referents($f, _r)? ),* })
            }
        }
    };
}

/// `[size_is(n), length_is(m)] T a[]`: max_count, offset, actual_count, then the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConformantVarying<T>(pub Vec<T>);
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
    type Pending = Vec<T::Pending>;
    fn decode_scalars(r: &mut Reader) -> Result<Self::Pending> {
        let size = r.count("max_count")?;
        let offset = u32::decode(r)?;
        let n = r.count("actual_count")?;
        if offset != 0 || size < n {
            return Err(DecodeError { what: "varying array", offset: r.pos, kind: DecodeErrorKind::Invalid(offset.into()) });
        }
        (0..n).map(|_| T::decode_scalars(r)).collect()
    }
    fn decode_referents(p: Self::Pending, r: &mut Reader) -> Result<Self> {
        p.into_iter().map(|p| T::decode_referents(p, r)).collect::<Result<_>>().map(ConformantVarying)
    }
}

use crate::Guid;
impl Encode for Guid {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        w.align(4);
        w.put(&self.0)
    }
}
impl Decode for Guid {
    const ALIGN: usize = 4;
    type Pending = Guid;
    fn decode_scalars(r: &mut Reader) -> Result<Guid> {
        r.align(4)?;
        Ok(Guid(r.array("guid")?))
    }
    fn decode_referents(p: Guid, _: &mut Reader) -> Result<Guid> {
        Ok(p)
    }
}

/// `[string] wchar_t*` without its pointer: a conformant varying array of UTF-16 units that ends in NUL.
///
/// The terminator is added on encoding; on decoding everything from the first NUL on is cut off, and a missing one is not an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WideString(pub String);
impl Encode for WideString {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        ConformantVarying(self.0.encode_utf16().chain([0]).collect::<Vec<u16>>()).encode_scalars(w)
    }
}
impl Decode for WideString {
    const ALIGN: usize = 4;
    type Pending = WideString;
    fn decode_scalars(r: &mut Reader) -> Result<WideString> {
        let units = ConformantVarying::<u16>::decode_scalars(r)?;
        let end = units.iter().position(|u| *u == 0).unwrap_or(units.len());
        Ok(WideString(String::from_utf16_lossy(&units[..end])))
    }
    fn decode_referents(p: WideString, _: &mut Reader) -> Result<WideString> {
        Ok(p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    ndr_struct! { pub struct Inner { pub a: u16, pub p: Option<u32> } }
    ndr_struct! { pub struct Outer { pub x: u8, pub items: Option<Conformant<Inner>>, pub q: Option<u16>, pub y: u32 } }
    #[test]
    fn deferred_referents_come_after_all_scalars() {
        let v =
            Outer { x: 7, items: Some(Conformant(vec![Inner { a: 1, p: Some(9) }, Inner { a: 2, p: None }])), q: Some(5), y: 0xaabbccdd };
        let mut w = Writer::default();
        v.encode(&mut w);
        let b = w.finish();
        // x pad items* q* y | count a pad p* a pad p*=0 | 9 | 5
        let hex: String = b.iter().map(|x| format!("{x:02x}")).collect();
        assert_eq!(
            hex,
            concat!(
                "07000000", "00000200", "04000200", "ddccbbaa", "02000000", "01000000", "08000200", "02000000", "00000000", "09000000",
                "0500"
            )
        );
        let mut r = Reader::new(b, Limits::default());
        assert_eq!(Outer::decode(&mut r).unwrap(), v);
        assert!(r.is_empty());
    }
    ndr_struct! { pub struct Narrow { pub a: u8, pub b: u32 } }
    ndr_struct! { pub struct Holder { pub x: u8, pub n: Narrow } }
    #[test]
    fn a_structure_starts_at_its_widest_alignment() {
        let mut w = Writer::default();
        Holder { x: 1, n: Narrow { a: 2, b: 3 } }.encode(&mut w);
        assert_eq!(w.finish(), Bytes::from_static(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]));
    }
    #[test]
    fn hostile_count_is_an_error_not_an_allocation() {
        let mut r = Reader::new(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff]), Limits::default());
        assert!(matches!(Conformant::<u8>::decode(&mut r).unwrap_err().kind, DecodeErrorKind::OverLimit { .. }));
    }
}
