use super::*;
use bytes::Bytes;
use std::fmt::Debug;

ndr_struct! { struct Inner { a: u16, p: Option<u32> } }
ndr_struct! { struct Outer { x: u8, items: Option<Conformant<Inner>>, q: Option<u16>, y: u32 } }
ndr_struct! { struct Narrow { a: u8, b: u32 } }
ndr_struct! { struct Holder { x: u8, n: Narrow } }

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|o| format!("{o:02x}")).collect()
}

fn octets(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.bytes().filter(|c| *c != b' ').collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

/// The value encodes to `expect`, decodes from it, and from no prefix of it.
#[track_caller]
fn check<T: Encode + Decode + PartialEq + Debug>(value: T, expect: &str) {
    let mut w = Writer::default();
    value.encode(&mut w);
    let got = w.finish();
    assert_eq!(hex(&got), expect.replace(' ', ""));
    let mut r = Reader::new(got.clone(), Limits::default());
    assert_eq!(T::decode(&mut r).unwrap(), value);
    assert!(r.is_empty());
    for end in 0..got.len() {
        T::decode(&mut Reader::new(got.slice(..end), Limits::default())).unwrap_err();
    }
}

#[track_caller]
fn refused<T: Decode + Debug>(hex: &str, limits: Limits) -> DecodeErrorKind {
    T::decode(&mut Reader::new(octets(hex), limits)).unwrap_err().kind
}

#[test]
fn deferred_referents_come_after_all_scalars() {
    let items = Some(Conformant(vec![Inner { a: 1, p: Some(9) }, Inner { a: 2, p: None }]));
    // x pad items* q* y | count a pad p* a pad p*=0 | 9 | 5
    check(
        Outer { x: 7, items, q: Some(5), y: 0xaabbccdd },
        "07000000 00000200 04000200 ddccbbaa 02000000 01000000 08000200 02000000 00000000 09000000 0500",
    );
}

#[test]
fn a_structure_starts_at_its_widest_alignment() {
    check(Holder { x: 1, n: Narrow { a: 2, b: 3 } }, "01000000 02000000 03000000");
    // A GUID aligns to 4, whatever its length suggests.
    check((Narrow { a: 1, b: 2 }, guid!("00000131-0000-0000-c000-000000000046")).0, "01000000 02000000");
}

#[test]
fn arrays_and_strings_have_their_counts_in_front() {
    check(Conformant(vec![1u16, 2]), "02000000 0100 0200");
    check(ConformantVarying(vec![7u8]), "01000000 00000000 01000000 07");
    check([3u16, 4], "0300 0400");
    check(Octets(Bytes::from_static(b"abc")), "03000000 616263");
    check(WideString::from("aé"), "03000000 00000000 03000000 6100 e900 0000");
    check(NarrowString("aé".into()), "03000000 00000000 03000000 61e900");
    check(Some(Some(5u32)), "00000200 04000200 05000000");
    check(HResult::E_FAIL, "05400080");
}

#[test]
fn a_string_may_lack_its_terminator() {
    let mut r = Reader::new(octets("02000000 00000000 02000000 6100 6200"), Limits::default());
    assert_eq!(WideString::decode(&mut r).unwrap(), WideString::from("ab"));
}

#[test]
fn max_count_alone_asks_for_nothing() {
    let mut r = Reader::new(octets("ffffffff 00000000 01000000 05"), Limits::default());
    assert_eq!(ConformantVarying::<u8>::decode(&mut r).unwrap(), ConformantVarying(vec![5]));
    assert_eq!(refused::<ConformantVarying<u8>>("00000000 00000000 01000000 05", Limits::default()), DecodeErrorKind::Invalid(0));
    assert_eq!(refused::<ConformantVarying<u8>>("01000000 01000000 01000000 05", Limits::default()), DecodeErrorKind::Invalid(1));
}

#[test]
fn a_hostile_count_is_an_error_not_an_allocation() {
    assert!(matches!(refused::<Conformant<u8>>("ffffffff", Limits::default()), DecodeErrorKind::OverLimit { .. }));
    let wide = Limits { elements_max: u32::MAX, depth_max: 32 };
    assert!(matches!(refused::<Conformant<u64>>("ffffffff", wide), DecodeErrorKind::Truncated { .. }));
    assert!(matches!(refused::<Octets>("ffffffff", wide), DecodeErrorKind::Truncated { .. }));
    // Elements that take no octets are stopped by the budget.
    assert!(matches!(refused::<Conformant<()>>("ffffffff", Limits::default()), DecodeErrorKind::OverLimit { .. }));
}

#[test]
fn the_budget_is_for_the_whole_message() {
    let limits = Limits { elements_max: 3, depth_max: 32 };
    let two = "02000000 0102 0000";
    let mut r = Reader::new(octets(&format!("{two}{two}")), limits);
    Conformant::<u8>::decode(&mut r).unwrap();
    assert_eq!(Conformant::<u8>::decode(&mut r).unwrap_err().kind, DecodeErrorKind::OverLimit { value: 2, limit: 1 });
}

#[test]
fn pointers_in_pointers_end_somewhere() {
    let three = "01000000 01000000 01000000 05000000";
    let mut r = Reader::new(octets(three), Limits { elements_max: 0, depth_max: 3 });
    assert_eq!(Option::<Option<Option<u32>>>::decode(&mut r).unwrap(), Some(Some(Some(5))));
    let shallow = Limits { elements_max: 0, depth_max: 2 };
    assert!(matches!(refused::<Option<Option<Option<u32>>>>(three, shallow), DecodeErrorKind::OverLimit { .. }));
    // The depth is given back on the way up: siblings do not add up.
    let mut r = Reader::new(octets("01000000 01000000 05000000 06000000"), Limits { elements_max: 0, depth_max: 1 });
    assert_eq!(<[Option<u32>; 2]>::decode(&mut r).unwrap(), [Some(5), Some(6)]);
}
