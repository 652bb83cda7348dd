//! Parameters of a method.

/// Declares the parameters of a method, in one direction: a structure in Rust, but not on the wire.
///
/// The parameters follow each other with no alignment in common, and what a pointer refers to comes directly
/// behind its parameter (C706 14.3.12.3), while a structure defers it to its end.
#[macro_export]
macro_rules! ndr_params {
    ($(#[$m:meta])* $vis:vis struct $name:ident { $( $(#[$fm:meta])* $fvis:vis $f:ident : $t:ty ),* $(,)? }) => {
        $(#[$m])* #[derive(Debug, Clone, PartialEq)] $vis struct $name { $( $(#[$fm])* $fvis $f: $t ),* }
        impl $crate::Encode for $name {
            const ALIGN: usize = 1;
            fn encode_scalars(&self, _w: &mut $crate::Writer) { $( $crate::Encode::encode(&self.$f, _w); )* }
        }
        impl $crate::Decode for $name {
            const ALIGN: usize = 1;
            type Pending = Self;
            fn decode_scalars(_r: &mut $crate::Reader) -> $crate::Result<Self> {
                Ok($name { $( $f: <$t as $crate::Decode>::decode(_r)? ),* })
            }
            fn decode_referents(value: Self, _: &mut $crate::Reader) -> $crate::Result<Self> { Ok(value) }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::{Decode, Encode, Limits, Reader, Writer};
    ndr_params! { struct Call { a: Option<u32>, b: u8, c: Option<Option<u16>>, d: u64 } }

    #[test]
    fn a_referent_follows_its_parameter() {
        let call = Call { a: Some(1), b: 2, c: Some(Some(3)), d: 4 };
        let mut w = Writer::default();
        call.encode(&mut w);
        let octets = w.finish();
        let hex: String = octets.iter().map(|x| format!("{x:02x}")).collect();
        // a* | a | b pad | c* | *c | **c pad | d
        assert_eq!(hex, concat!("00000200", "01000000", "02000000", "04000200", "08000200", "03000000", "0400000000000000"));
        assert_eq!(Call::decode(&mut Reader::new(octets, Limits::default())).unwrap(), call);
    }
}
