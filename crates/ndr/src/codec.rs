//! The two passes of NDR 2.0, little-endian (C706 14.3), and the values that need no more than a line.

use crate::{Guid, Reader, Result, Writer};

/// A value with an NDR representation: first its scalars, in place, then what its pointers refer to.
pub trait Encode {
    /// Alignment of the scalar part, in octets: a structure has that of its widest field.
    const ALIGN: usize;

    /// Writes what stands in place: numbers, and the ids of pointers.
    fn encode_scalars(&self, w: &mut Writer);

    /// Writes what the pointers refer to, in the order of the pointers.
    fn encode_referents(&self, _w: &mut Writer) {}

    /// Writes both.
    fn encode(&self, w: &mut Writer) {
        self.encode_scalars(w);
        self.encode_referents(w)
    }
}

/// The inverse of [`Encode`].
pub trait Decode: Sized {
    /// Alignment of the scalar part, in octets.
    const ALIGN: usize;

    /// Octets that the scalar part takes at least. An array whose count asks for more than what is left is refused by it.
    const LEN_MIN: usize = 0;

    /// What is known of the value after its scalars and before its referents.
    type Pending;

    /// Reads what stands in place.
    fn decode_scalars(r: &mut Reader) -> Result<Self::Pending>;

    /// Reads what the pointers refer to.
    fn decode_referents(pending: Self::Pending, r: &mut Reader) -> Result<Self>;

    /// Reads both.
    fn decode(r: &mut Reader) -> Result<Self> {
        let p = Self::decode_scalars(r)?;
        Self::decode_referents(p, r)
    }
}

macro_rules! scalar { ($($t:ty),*) => { $(
    impl Encode for $t {
        const ALIGN: usize = size_of::<$t>();
        fn encode_scalars(&self, w: &mut Writer) {
            w.align(size_of::<$t>());
            w.put(&self.to_le_bytes())
        }
    }
    impl Decode for $t {
        const ALIGN: usize = size_of::<$t>();
        const LEN_MIN: usize = size_of::<$t>();
        type Pending = $t;
        fn decode_scalars(r: &mut Reader) -> Result<$t> {
            r.align(size_of::<$t>())?;
            Ok(<$t>::from_le_bytes(r.array(stringify!($t))?))
        }
        fn decode_referents(p: $t, _: &mut Reader) -> Result<$t> {
            Ok(p)
        }
    }
)* } }
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

impl Encode for Guid {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        w.align(4);
        w.put(&self.0)
    }
}

impl Decode for Guid {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 16;
    type Pending = Guid;
    fn decode_scalars(r: &mut Reader) -> Result<Guid> {
        r.align(4)?;
        Ok(Guid(r.array("guid")?))
    }
    fn decode_referents(p: Guid, _: &mut Reader) -> Result<Guid> {
        Ok(p)
    }
}

macro_rules! code { ($($t:ident),*) => { $(
    impl Encode for crate::$t {
        const ALIGN: usize = 4;
        fn encode_scalars(&self, w: &mut Writer) {
            self.0.encode_scalars(w)
        }
    }
    impl Decode for crate::$t {
        const ALIGN: usize = 4;
        const LEN_MIN: usize = 4;
        type Pending = crate::$t;
        fn decode_scalars(r: &mut Reader) -> Result<Self> {
            u32::decode(r).map(crate::$t)
        }
        fn decode_referents(p: Self, _: &mut Reader) -> Result<Self> {
            Ok(p)
        }
    }
)* } }
code!(HResult, Win32Error, FaultStatus, NtStatus);

/// `[unique] T*`, or `[ptr] T*` where no two pointers share a referent.
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
    const LEN_MIN: usize = 4;
    type Pending = bool;
    fn decode_scalars(r: &mut Reader) -> Result<bool> {
        Ok(u32::decode(r)? != 0)
    }
    fn decode_referents(some: bool, r: &mut Reader) -> Result<Self> {
        if some { r.nested("pointer", T::decode).map(Some) } else { Ok(None) }
    }
}

/// The larger of two alignments; usable in constants.
pub const fn max(a: usize, b: usize) -> usize {
    if a < b { b } else { a }
}

/// Declares a structure whose NDR layout is its fields in order.
///
/// ```
/// rwmi_ndr::ndr_struct! {
///     /// A version of COM ([MS-DCOM] 2.2.11).
///     #[derive(Copy)]
///     pub struct ComVersion {
///         /// 5.
///         pub major: u16,
///         /// 7 at most.
///         pub minor: u16,
///     }
/// }
/// ```
#[macro_export]
macro_rules! ndr_struct {
    ($(#[$m:meta])* $vis:vis struct $name:ident { $( $(#[$fm:meta])* $fvis:vis $f:ident : $t:ty ),* $(,)? }) => {
        $(#[$m])* #[derive(Debug, Clone, PartialEq)] $vis struct $name { $( $(#[$fm])* $fvis $f: $t ),* }
        impl $crate::Encode for $name {
            const ALIGN: usize = { let a = 1; $( let a = $crate::max(a, <$t as $crate::Encode>::ALIGN); )* a };
            fn encode_scalars(&self, _w: &mut $crate::Writer) {
                _w.align(<Self as $crate::Encode>::ALIGN);
                $( $crate::Encode::encode_scalars(&self.$f, _w); )*
            }
            fn encode_referents(&self, _w: &mut $crate::Writer) { $( $crate::Encode::encode_referents(&self.$f, _w); )* }
        }
        impl $crate::Decode for $name {
            const ALIGN: usize = { let a = 1; $( let a = $crate::max(a, <$t as $crate::Decode>::ALIGN); )* a };
            const LEN_MIN: usize = 0 $( + <$t as $crate::Decode>::LEN_MIN )*;
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
