use super::*;
use crate::decode_unit;
use crate::samples::{hex, lx_base, lx_disk, sda, sha256};
use bytes::Bytes;
use rwmi_cim::{CimType, Instance, Property, Value};

#[test]
fn the_worked_instance_has_the_octets_of_the_worked_example() {
    let octets = encode_unit(&sda(&lx_disk()).into(), &EncodeOptions::default()).unwrap();
    assert_eq!(octets.len(), 414);
    assert_eq!(sha256(&octets), "91d4abe1a159ec55b65616c5b31d1d47d45d55a87de1817ef9422ebc6885b701");
}

#[test]
fn the_worked_class_has_the_octets_of_the_worked_example() {
    let expect =
        hex("78563412 b2000000 05 004c583100 00524f4f545c43494d563200 1d00000000ffffffff00000000 04000000 04000000 00000000 00000080
        0c0000000000000000000080 6b00000000 00000000 05000000 04000000 04000000 01000000 09000000 0f000000 01 ffffffff 41000080
        004c585f4261736500 004e616d6500 08000000 0000 00000000 00000000 1c000000 0a000080 03 08000000 39000000 01000080 13 0b000000
        ffff 00737472696e6700 0c0000000000000000000080");
    assert_eq!(encode_unit(&Entity::Class(lx_base()), &EncodeOptions::default()).unwrap(), expect);
    assert_eq!(decode_unit(&expect.into()).unwrap(), Entity::Class(lx_base()));
}

#[test]
fn a_prepared_class_part_gives_the_same_octets() {
    let class = lx_disk();
    let encoder = ClassEncoder::new(&class).unwrap();
    let object = Object::from(sda(&class));
    let expect = encode_unit(&Entity::Instance(object.clone()), &EncodeOptions::default()).unwrap();
    assert_eq!(encoder.unit(&object, &EncodeOptions::default()).unwrap(), expect);
    assert_eq!(Encoder::default().unit(&Entity::Instance(object)).unwrap(), expect);
}

/// Encodes an instance of a class with one property and gives the value that comes back.
fn through(ty: impl Into<rwmi_cim::Type>, value: Value) -> Value {
    let class = Arc::new(Class { name: "C".into(), properties: vec![Property::new("P", ty)], ..Class::default() });
    let mut i = Instance::new(class);
    i.set("P", value).unwrap();
    let octets = encode_unit(&i.into(), &EncodeOptions::default()).unwrap();
    let Entity::Instance(o) = decode_unit(&octets.into()).unwrap() else { panic!("a class came back") };
    o.value_at(0).unwrap()
}

#[test]
fn every_type_and_its_array_return() {
    let inner = sda(&lx_disk());
    let samples = [
        (CimType::Sint8, Value::Sint8(-5)),
        (CimType::Uint8, Value::Uint8(250)),
        (CimType::Sint16, Value::Sint16(-5000)),
        (CimType::Uint16, Value::Uint16(65_000)),
        (CimType::Sint32, Value::Sint32(-1)),
        (CimType::Uint32, Value::Uint32(u32::MAX)),
        (CimType::Sint64, Value::Sint64(i64::MIN)),
        (CimType::Uint64, Value::Uint64(u64::MAX)),
        (CimType::Real32, Value::Real32(1.5)),
        (CimType::Real64, Value::Real64(-0.25)),
        (CimType::Boolean, Value::Boolean(true)),
        (CimType::Boolean, Value::Boolean(false)),
        (CimType::String, Value::String(String::new())),
        (CimType::String, Value::String("Grüße".into())),
        (CimType::String, Value::String("диск 🖴".into())),
        (CimType::DateTime, Value::DateTime(rwmi_cim::DateTime::from_text("20200917110717.000000-240"))),
        (CimType::Reference, Value::Reference("A.B=1".into())),
        (CimType::Char16, Value::Char16(0xd800)),
        (CimType::Object, Value::Object(Box::new(inner.into()))),
        (CimType::Object, Value::Object(Box::new(Entity::Class(lx_disk())))),
    ];
    for (ty, value) in samples {
        assert_eq!(through(ty, value.clone()), value);
        assert_eq!(through(ty, Value::Null), Value::Null);
        for n in [0, 1, 3] {
            let array = Value::Array(vec![value.clone(); n]);
            assert_eq!(through(ty.array(), array.clone()), array);
        }
    }
}

#[test]
fn a_string_ends_at_its_first_nul() {
    assert_eq!(through(CimType::String, Value::from("a\0b")), Value::from("a"));
}

#[test]
fn a_string_is_latin_1_whenever_it_can_be() {
    for (text, octets) in [("a", &b"\0a\0"[..]), ("é", b"\0\xe9\0"), ("ā", b"\x01\x01\x01\0\0"), ("", b"\0\0")] {
        let mut out = Vec::new();
        heap::put_text(&mut out, text);
        assert_eq!(out, octets);
    }
}

#[test]
fn a_null_element_of_an_array_of_strings_returns() {
    let array = Value::Array(vec![Value::from("a"), Value::Null]);
    assert_eq!(through(CimType::String.array(), array.clone()), array);
}

#[test]
fn an_integer_goes_into_another_width_only_where_it_fits() {
    assert_eq!(through(CimType::Uint8, Value::Uint32(7)), Value::Uint8(7));
    let class = Arc::new(Class { name: "C".into(), properties: vec![Property::new("P", CimType::Uint8)], ..Class::default() });
    for wrong in [Value::Uint32(256), Value::from("7"), Value::Array(vec![])] {
        let mut i = Instance::new(class.clone());
        i.set("P", wrong).unwrap();
        assert!(matches!(encode_unit(&i.into(), &EncodeOptions::default()), Err(EncodeError::Type { .. })));
    }
}

#[test]
fn an_ndtable_has_an_octet_for_four_properties() {
    for n in [0usize, 1, 3, 4, 5, 8, 9] {
        let properties = (0..n).map(|i| Property::new(&format!("P{i}"), CimType::Uint8)).collect();
        let class = Arc::new(Class { name: "C".into(), properties, ..Class::default() });
        let encoder = ClassEncoder::new(&class).unwrap();
        assert_eq!((encoder.sizes.nd, encoder.sizes.values), (n.div_ceil(4), n));
        let mut i = Instance::new(class);
        for v in &mut i.values {
            *v = Value::Uint8(9);
        }
        let octets = Bytes::from(encoder.unit(&i.clone().into(), &EncodeOptions::default()).unwrap());
        i.is_default = vec![true; n];
        assert_eq!(octets.len() + n, octets.len() + i.values.len());
        decode_unit(&octets).unwrap();
    }
}

#[test]
fn an_object_nests_only_so_deep() {
    let class = Arc::new(Class { name: "C".into(), properties: vec![Property::new("P", CimType::Object)], ..Class::default() });
    let mut i = Instance::new(class.clone());
    for level in 0..=DEPTH_MAX {
        let mut outer = Instance::new(class.clone());
        outer.set("P", Value::Object(Box::new(i.into()))).unwrap();
        i = outer;
        let encoded = encode_unit(&i.clone().into(), &EncodeOptions::default());
        assert_eq!(encoded.is_ok(), level < DEPTH_MAX, "{level}");
    }
}

#[test]
fn an_instance_brings_its_qualifiers_and_those_of_its_properties() {
    let class = lx_disk();
    let mut i = sda(&class);
    i.qualifiers.set(rwmi_cim::Qualifier::string("Why", "because", 1));
    let mut sets = vec![rwmi_cim::Qualifiers::default(); 4];
    sets[1].set(rwmi_cim::Qualifier::flag("read", 2));
    sets[3].set(rwmi_cim::Qualifier {
        name: "N".into(),
        flavor: Default::default(),
        ty: CimType::String.array(),
        value: vec!["x", "y"].into(),
    });
    i.property_qualifiers = Some(sets);
    let octets = encode_unit(&i.clone().into(), &EncodeOptions::default()).unwrap();
    let Entity::Instance(o) = decode_unit(&octets.into()).unwrap() else { panic!("a class came back") };
    let mut found = o.to_instance().unwrap();
    assert_eq!(found.qualifiers, i.qualifiers);
    assert_eq!(found.property_qualifiers, i.property_qualifiers);
    found.class = class;
    assert_eq!(found, i);
}

#[test]
fn a_prototype_says_so_in_its_flags() {
    let class = Entity::Class(lx_base());
    for (prototype, flags) in [(Prototype::No, 0x05), (Prototype::Yes, 0x15), (Prototype::KeyMissing, 0x55)] {
        let octets = encode_unit(&class, &EncodeOptions::default().prototype(prototype)).unwrap();
        assert_eq!(octets[8], flags);
        assert_eq!(decode_unit(&octets.into()).unwrap(), class);
    }
    assert_eq!(encode_block(&class, &EncodeOptions::undecorated().prototype(Prototype::Yes)).unwrap()[0], 0x11);
}
