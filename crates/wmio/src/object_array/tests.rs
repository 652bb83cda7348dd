use super::*;
use crate::encode_unit;
use crate::samples::{disk, hex, lx_disk, sda};
use rwmi_cim::Value;

const ID: ClassId = [0x11; 16];

fn worked_example() -> Vec<u8> {
    let class = lx_disk();
    let objects = [sda(&class).into(), disk(&class).into()];
    ObjectArrayEncoder::new(PacketKind::SMART_ENUM, EncodeOptions::default()).encode(&objects, || ID).unwrap()
}

#[test]
fn a_packet_states_the_class_with_the_first_instance_only() {
    let packet = worked_example();
    assert_eq!(packet.len(), 593);
    let view = PacketView::parse(&packet).unwrap();
    assert_eq!((view.kind, view.len()), (PacketKind::SMART_ENUM, 2));
    let entries: Vec<_> = view.entries().map(Result::unwrap).collect();
    assert!(matches!(entries[0], EntryView::Instance(&ID, block) if block.len() == 406));
    assert!(matches!(entries[1], EntryView::InstanceWithoutClass(&ID, block) if block.len() == 75));
    let mut frame = packet.clone();
    frame.drain(0x4f..0x1e5);
    let expect = hex("00000000 5742454d44415441 1a000000 37020000 00000000 01 01  08000000 2f020000  0c000000 23020000 02000000
        09000000 ae010000 02  18000000 96010000 11111111111111111111111111111111
        09000000 63000000 03  18000000 4b000000 11111111111111111111111111111111
        06 004c583100 00524f4f545c43494d563200  39000000 00 00000000 40 09000000 0008000000000000 ffff 00000000 04000000 01
        14000080 004c585f4469736b00 01340438044104 3a040000");
    assert_eq!(frame, expect);
    assert_eq!(packet[0x4f..0x1e5], encode_unit(&sda(&lx_disk()).into(), &EncodeOptions::default()).unwrap()[8..]);
}

#[test]
fn a_packet_returns_to_its_objects() {
    let class = lx_disk();
    let objects: Vec<Entity> = vec![sda(&class).into(), Entity::Class(class.clone()), disk(&class).into()];
    let packet = ObjectArrayEncoder::new(PacketKind::INDICATE, EncodeOptions::default()).encode(&objects, || ID).unwrap();
    let found = ObjectArrayDecoder::default().decode(&packet.into()).unwrap();
    assert_eq!(found.kind, PacketKind::INDICATE);
    let found: Vec<Entity> = found.objects.into_iter().map(Result::unwrap).collect();
    assert_eq!(found[0], objects[0]);
    assert_eq!(found[1], objects[1]);
    assert_eq!(found[2], objects[2]);
    assert_eq!(found[2].as_instance().unwrap().get::<String>("name").unwrap(), "диск");
    assert_eq!(found[2].as_instance().unwrap().get::<Option<Value>>("Tags").unwrap(), None);
}

#[test]
fn an_instance_without_class_needs_its_class_from_before() {
    let packet = Bytes::from(worked_example());
    let mut decoder = ObjectArrayDecoder::default();
    decoder.decode(&packet).unwrap();
    // The second object alone, under the frame of the first.
    let mut second = packet[..0x2e].to_vec();
    second.extend_from_slice(&packet[0x1e5..]);
    for (at, len) in [(0x10, second.len() - 0x1a), (0x1e, second.len() - 0x22), (0x26, second.len() - 0x2e), (0x2a, 1)] {
        second[at..at + 4].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
    }
    let second = Bytes::from(second);
    assert!(decoder.decode(&second).unwrap().objects[0].is_ok());
    assert_eq!(ObjectArrayDecoder::default().decode(&second).unwrap().objects[0], Err(DecodeError::ClassUnknown(ID)));
}

#[test]
fn a_packet_that_is_cut_anywhere_is_an_error_and_no_panic() {
    let packet = Bytes::from(worked_example());
    for len in 0..packet.len() {
        assert!(ObjectArrayDecoder::default().decode(&packet.slice(..len)).is_err(), "{len}");
    }
}

#[test]
fn octets_behind_a_packet_are_not_part_of_it() {
    let mut packet = worked_example();
    packet.extend_from_slice(&[0; 7]);
    assert_eq!(ObjectArrayDecoder::default().decode(&packet.into()).unwrap().objects.len(), 2);
}
