use super::*;
use crate::samples::{hex, lx_disk, sda};
use crate::{ClassEncoder, EncodeOptions, encode_block, encode_unit};
use rwmi_cim::{CimType, Instance};

/// The class part of in parameters, and an instance as impacket builds it: without decoration, text in UTF-16, a NULL object
/// with both bits set, a NULL array with none, booleans as 1.
fn from_impacket() -> Bytes {
    let p = |name: &str, ty: rwmi_cim::Type| Property::new(name, ty);
    let class = Arc::new(Class {
        name: "__PARAMETERS".into(),
        properties: vec![
            p("Command", CimType::String.scalar()),
            p("Names", CimType::String.array()),
            p("Hidden", CimType::Boolean.scalar()),
            p("Startup", CimType::Object.scalar()),
            p("Count", CimType::Uint32.scalar()),
            p("Missing", CimType::Uint32.scalar()),
        ],
        ..Class::default()
    });
    let unit = ClassEncoder::new(&class).unwrap().unit(&Instance::new(class).into(), &EncodeOptions::default()).unwrap();
    let part = u32::from_le_bytes(unit[9..13].try_into().unwrap()) as usize;
    let instance = hex("4a000000 00 00000000  c0 08  0e000000 00000000 0100 00000000 07000000 00000000  04000000 01
        20000080 005f5f504152414d455445525300 01 6300 6d00 6400 2e00 6500 7800 6500 0000 00");
    assert_eq!(instance[0] as usize, instance.len());
    let mut octets = [&unit[..9 + part], &instance].concat();
    let len = u32::try_from(octets.len() - 8).unwrap();
    octets[4..8].copy_from_slice(&len.to_le_bytes());
    octets.into()
}

#[test]
fn what_impacket_sends_is_read_as_it_is_meant() {
    let octets = from_impacket();
    let Entity::Instance(o) = Decoder::new(DecodeOptions::from_client()).unit(&octets).unwrap() else { panic!("a class came back") };
    let values: Vec<Value> = o.iter().map(|(_, v)| v.unwrap()).collect();
    assert_eq!(values, ["cmd.exe".into(), Value::Null, true.into(), Value::Null, 7u32.into(), Value::Null]);
    // Windows never refers to what lies at 0 as a value, so a strict reader takes it at its word.
    let Entity::Instance(o) = decode_unit(&octets).unwrap() else { panic!("a class came back") };
    assert!(o.value_at(1).is_err());
    assert_eq!(o.get::<String>("Command").unwrap(), "cmd.exe");
}

#[test]
fn a_malformed_value_does_not_lose_the_others() {
    let mut octets = encode_unit(&sda(&lx_disk()).into(), &EncodeOptions::default()).unwrap();
    // The reference of Name, out of the heap.
    octets[0x160..0x164].copy_from_slice(&[0xff, 0xff, 0, 0]);
    let Entity::Instance(o) = decode_unit(&octets.into()).unwrap() else { panic!("a class came back") };
    assert_eq!(
        o.get::<String>("Name").unwrap_err().to_string(),
        "LX_Disk.Name is malformed, caused by string at 65535 is outside a heap of 35 octets"
    );
    assert_eq!(o.get::<u64>("Size").unwrap(), 1024);
    assert_eq!(o.get::<Vec<String>>("Tags").unwrap(), ["os", "ssd"]);
}

#[test]
fn a_default_is_the_one_of_the_class() {
    let octets = encode_unit(&sda(&lx_disk()).into(), &EncodeOptions::default()).unwrap();
    let Entity::Instance(o) = decode_unit(&octets.into()).unwrap() else { panic!("a class came back") };
    assert!(o.is_default_at(2) && !o.is_default_at(1));
    assert!(!o.get::<bool>("Removable").unwrap());
}

#[test]
fn slack_is_skipped_and_a_length_may_say_too_much() {
    let octets = encode_unit(&sda(&lx_disk()).into(), &EncodeOptions::default()).unwrap();
    let mut slack = octets.clone();
    // 16 octets behind the class's heap, 8 behind the instance's, and a unit length that counts 32 more than there are.
    slack.splice(0x156..0x156, [0; 16]);
    slack.extend_from_slice(&[0; 8]);
    for (at, more) in [(0x04, 24 + 32), (0x1a, 16), (0x166, 8)] {
        let len = u32::from_le_bytes(slack[at..at + 4].try_into().unwrap()) + more;
        slack[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }
    assert_eq!(decode_unit(&slack.into()).unwrap(), decode_unit(&octets.into()).unwrap());
}

#[test]
fn an_object_that_is_cut_anywhere_is_an_error_and_no_panic() {
    let class = lx_disk();
    for entity in [Entity::from(sda(&class)), Entity::Class(class)] {
        let octets = Bytes::from(encode_block(&entity, &EncodeOptions::default()).unwrap());
        for len in 0..octets.len() {
            assert!(decode_block(&octets.slice(..len)).is_err(), "{len}");
        }
        assert_eq!(decode_block(&octets).unwrap(), entity);
    }
}

#[test]
fn an_object_says_what_it_is() {
    for (octets, error) in [
        (&b"xV4\x13\0\0\0\0"[..], "not an object: expected signature 12345678, found 13345678"),
        (b"xV4\x12\x01\0\0\0\x04", "truncated server name: needs 1 octets, 0 left"),
        (b"xV4\x12\x01\0\0\0\x03", "neither a class nor an instance: object flags 03"),
        (b"xV4\x12\x01\0\0\0\x08", "neither a class nor an instance: object flags 08"),
        (b"xV4", "truncated object signature: needs 4 octets, 3 left"),
    ] {
        assert_eq!(decode_unit(&Bytes::from_static(octets)).unwrap_err().to_string(), error);
    }
}

#[test]
fn a_class_is_decoded_once_for_all_its_instances() {
    let class = lx_disk();
    let octets = Bytes::from(encode_unit(&sda(&class).into(), &EncodeOptions::default()).unwrap());
    let mut decoder = Decoder::default();
    let (a, b) = (decoder.unit(&octets).unwrap(), decoder.unit(&octets).unwrap());
    assert!(Arc::ptr_eq(a.class(), b.class()));
    assert_eq!(decoder.cache().len(), (1, 0));
}

#[test]
fn a_cache_stays_within_its_bounds() {
    let mut cache = ClassCache::bounded(3, 1 << 20);
    for n in 0..10 {
        let class = Arc::new(Class { name: format!("C{n}"), ..Class::default() });
        let octets = Bytes::from(encode_unit(&Instance::new(class).into(), &EncodeOptions::default()).unwrap());
        let (part, _) = ClassView::parse(&octets[9..]).unwrap();
        let layout = cache.layout(&octets, &part, &mut Budget::of(octets.len(), DecodeOptions::default())).unwrap();
        cache.remember([n; 16], &layout);
        assert!(cache.len().0 <= 3 && cache.len().1 <= 3);
    }
    assert!(cache.by_id(&[9; 16]).is_some() && cache.by_id(&[0; 16]).is_none());
}

#[test]
fn a_lone_surrogate_does_not_lose_the_text() {
    let mut octets = encode_unit(&sda(&lx_disk()).into(), &EncodeOptions::default()).unwrap();
    let at = octets.len() - 26;
    // "sda" at 09 of the heap becomes one unit of UTF-16.
    assert_eq!(octets[at..at + 5], *b"\0sda\0");
    octets[at..at + 5].copy_from_slice(&[1, 0x00, 0xd8, 0, 0]);
    let Entity::Instance(o) = decode_unit(&octets.into()).unwrap() else { panic!("a class came back") };
    assert_eq!(o.get::<String>("Name").unwrap(), "\u{fffd}");
}
