//! How fast objects are read and written, every property and its name touched.
//!
//! `cargo bench -p rwmi-wmio`. The object is the Win32_UTCTime of a real Windows 7 where the recorded data is at hand
//! (`RWMI_WIRE_DATA`), and one of the same shape otherwise.

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use rwmi_cim::{CimType, Class, Decoration, Entity, Flavor, Instance, Object, Property, Qualifier, Qualifiers};
use rwmi_wiredata::{Kind, Tree};
use rwmi_wmio::object_array::{EntryView, ObjectArrayDecoder, ObjectArrayEncoder, PacketKind, PacketView};
use rwmi_wmio::view::{ClassView, InstanceView, Slot, TextRef, UnitView};
use rwmi_wmio::{ClassEncoder, Decoder, EncodeOptions, decode_unit};
use std::sync::Arc;

fn main() {
    println!("Win32_UTCTime: {}", if recorded().is_some() { "the recorded one" } else { "made up" });
    // The octets, for a script that lets others read the same.
    if let Some(folder) = std::env::var_os("RWMI_BENCH_OCTETS") {
        let folder = std::path::PathBuf::from(folder);
        std::fs::write(folder.join("unit.wmio"), unit()).unwrap();
        std::fs::write(folder.join("packet.bin"), packet(100)).unwrap();
    }
    divan::main();
}

fn recorded() -> Option<Bytes> {
    let path = Tree::locate()?.files(Kind::Wmio).find(|p| p.ends_with("current_time.wmio"))?;
    std::fs::read(path).ok().map(Bytes::from)
}

fn unit() -> Bytes {
    recorded().unwrap_or_else(|| {
        let names = ["Year", "Month", "Day", "DayOfWeek", "WeekInMonth", "Quarter", "Hour", "Minute", "Second", "Milliseconds"];
        let property = |name: &str| {
            let mut p = Property::new(name, CimType::Uint32);
            (p.inherited, p.default_inherited, p.qualifiers.0[0].flavor) = (true, true, Flavor(0x23));
            p
        };
        let class = Class {
            name: "Win32_UTCTime".into(),
            derivation: vec!["Win32_CurrentTime".into()],
            qualifiers: Qualifiers(vec![
                Qualifier::flag("dynamic", 1),
                Qualifier::string("provider", "Win32ClockProvider", 0),
                Qualifier::flag("Singleton", 0x33),
            ]),
            properties: names.map(property).into(),
            ..Class::default()
        };
        let mut i = Instance::new(Arc::new(class));
        for (n, name) in names[..9].iter().enumerate() {
            i.set(name, n as u32).unwrap();
        }
        i.decoration = Some(Decoration { server: "SEVENX64".into(), namespace: "root\\cimv2".into() });
        rwmi_wmio::encode_unit(&i.into(), &EncodeOptions::default()).unwrap().into()
    })
}

fn objects(n: usize) -> Vec<Entity> {
    let entity = decode_unit(&unit()).unwrap();
    vec![entity; n]
}

fn packet(n: usize) -> Bytes {
    ObjectArrayEncoder::new(PacketKind::SMART_ENUM, EncodeOptions::default()).encode(&objects(n), || [7; 16]).unwrap().into()
}

fn touch(names: &[(TextRef<'_>, Slot)], instance: &InstanceView<'_>) {
    for (name, slot) in names {
        black_box(name);
        black_box(instance.value(*slot).unwrap());
    }
}

fn members<'a>(class: &ClassView<'a>, out: &mut Vec<(TextRef<'a>, Slot)>) {
    out.clear();
    for p in class.properties() {
        let p = p.unwrap();
        out.push((p.name().unwrap(), p.slot));
    }
}

/// A unit with its class part, in place: nothing is remembered.
#[divan::bench]
fn view_cold(b: Bencher) {
    let octets = unit();
    b.counter(BytesCount::of_slice(&octets)).counter(ItemsCount::new(1usize)).bench(|| {
        let unit = UnitView::parse(black_box(&octets)).unwrap();
        let (class, rest) = ClassView::parse(unit.body).unwrap();
        let instance = InstanceView::parse(rest, class.table_sizes()).unwrap();
        for p in class.properties() {
            let p = p.unwrap();
            black_box(p.name().unwrap());
            black_box(instance.value(p.slot).unwrap());
        }
    });
}

/// A packet of 100 instances with the class part once, in place.
#[divan::bench]
fn view_packet(b: Bencher) {
    let octets = packet(100);
    let mut names = Vec::new();
    b.counter(BytesCount::of_slice(&octets)).counter(ItemsCount::new(100usize)).bench_local(|| {
        names.clear();
        let mut sizes = None;
        for entry in PacketView::parse(black_box(&octets)).unwrap().entries() {
            let rest = match entry.unwrap() {
                EntryView::Instance(_, block) => {
                    let (class, rest) = ClassView::parse(UnitView::parse_block(block).unwrap().body).unwrap();
                    members(&class, &mut names);
                    sizes = Some(class.table_sizes());
                    rest
                }
                EntryView::InstanceWithoutClass(_, block) => UnitView::parse_block(block).unwrap().body,
                EntryView::Class(_) => unreachable!(),
            };
            touch(&names, &InstanceView::parse(rest, sizes.unwrap()).unwrap());
        }
    });
}

fn touch_object(object: &Object) {
    for (name, value) in object.iter() {
        black_box((name, value.unwrap()));
    }
}

fn instance(entity: &Entity) -> &Object {
    entity.as_instance().unwrap()
}

/// A unit as an object with every value owned, its class decoded anew.
#[divan::bench]
fn object_cold(b: Bencher) {
    let octets = unit();
    b.counter(BytesCount::of_slice(&octets)).counter(ItemsCount::new(1usize)).bench(|| {
        touch_object(instance(&decode_unit(black_box(&octets)).unwrap()));
    });
}

/// The same, the class remembered by its octets.
#[divan::bench]
fn object_warm(b: Bencher) {
    let octets = unit();
    let mut decoder = Decoder::default();
    b.counter(BytesCount::of_slice(&octets)).counter(ItemsCount::new(1usize)).bench_local(|| {
        touch_object(instance(&decoder.unit(black_box(&octets)).unwrap()));
    });
}

/// A packet of 100 instances as objects with every value owned.
#[divan::bench]
fn object_packet(b: Bencher) {
    let octets = packet(100);
    b.counter(BytesCount::of_slice(&octets)).counter(ItemsCount::new(100usize)).bench(|| {
        let packet = ObjectArrayDecoder::default().decode(black_box(&octets)).unwrap();
        for entity in &packet.objects {
            touch_object(instance(entity.as_ref().unwrap()));
        }
    });
}

/// The class Win32_Process of a real Windows 10, with its methods.
#[divan::bench]
fn class_object(b: Bencher) {
    let Some(octets) = Tree::locate().and_then(|t| {
        let path = t.files(Kind::Wmio).find(|p| p.to_string_lossy().ends_with("GetObject_resp.obj1.wmio"))?;
        std::fs::read(path).ok().map(Bytes::from)
    }) else {
        return;
    };
    b.counter(BytesCount::of_slice(&octets)).counter(ItemsCount::new(1usize)).bench(|| decode_unit(black_box(&octets)).unwrap());
}

/// An instance as a unit, the class part prepared.
#[divan::bench]
fn encode_unit(b: Bencher) {
    let entity = objects(1).remove(0);
    let encoder = ClassEncoder::new(entity.class()).unwrap();
    let options = EncodeOptions::default();
    let len = encoder.unit(instance(&entity), &options).unwrap().len();
    b.counter(BytesCount::new(len))
        .counter(ItemsCount::new(1usize))
        .bench(|| encoder.unit(black_box(instance(&entity)), &options).unwrap());
}

/// A packet of 100 instances.
#[divan::bench]
fn encode_packet(b: Bencher) {
    let objects = objects(100);
    let mut encoder = ObjectArrayEncoder::new(PacketKind::SMART_ENUM, EncodeOptions::default());
    let len = packet(100).len();
    b.counter(BytesCount::new(len))
        .counter(ItemsCount::new(100usize))
        .bench_local(|| encoder.encode(black_box(&objects), || [7; 16]).unwrap());
}
