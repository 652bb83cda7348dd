//! Laws that hold for any class and any instance, and for octets that are none.

#[path = "wire_data/strip.rs"]
#[allow(dead_code)]
mod strip;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use rwmi_cim::{CimType, Class, DateTime, Decoration, Entity, Flavor, Instance, Method, Property, Qualifier, Qualifiers, Type, Value};
use rwmi_wmio::object_array::{ObjectArrayDecoder, ObjectArrayEncoder, PacketKind};
use rwmi_wmio::{ClassEncoder, EncodeOptions, decode_unit, encode_unit, exercise};
use std::sync::Arc;
use strip::Order;

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z_][A-Za-z0-9_]{0,12}", "[a-zäöüß]{1,6}", Just("key".to_owned()), Just("CIMTYPE".to_owned())]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,20}", "[ -ÿ]{0,9}", "[^\\x00]{0,9}"]
}

fn ty() -> impl Strategy<Value = Type> {
    (proptest::sample::select(CimType::ALL.to_vec()), any::<bool>()).prop_map(|(cim, array)| Type { cim, array })
}

fn scalar(cim: CimType, depth: u32) -> BoxedStrategy<Value> {
    match cim {
        CimType::Sint8 => any::<i8>().prop_map(Value::Sint8).boxed(),
        CimType::Uint8 => any::<u8>().prop_map(Value::Uint8).boxed(),
        CimType::Sint16 => any::<i16>().prop_map(Value::Sint16).boxed(),
        CimType::Uint16 => any::<u16>().prop_map(Value::Uint16).boxed(),
        CimType::Sint32 => any::<i32>().prop_map(Value::Sint32).boxed(),
        CimType::Uint32 => any::<u32>().prop_map(Value::Uint32).boxed(),
        CimType::Sint64 => any::<i64>().prop_map(Value::Sint64).boxed(),
        CimType::Uint64 => any::<u64>().prop_map(Value::Uint64).boxed(),
        CimType::Real32 => (-1e9f32..1e9).prop_map(Value::Real32).boxed(),
        CimType::Real64 => (-1e9f64..1e9).prop_map(Value::Real64).boxed(),
        CimType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        CimType::Char16 => any::<u16>().prop_map(Value::Char16).boxed(),
        CimType::String => text().prop_map(Value::String).boxed(),
        CimType::Reference => text().prop_map(Value::Reference).boxed(),
        CimType::DateTime => text().prop_map(|t| Value::DateTime(DateTime::from_text(t))).boxed(),
        CimType::Object if depth == 0 => Just(Value::Null).boxed(),
        CimType::Object => prop_oneof![
            instance(depth - 1).prop_map(|i| Value::Object(Box::new(i.into()))),
            class(depth - 1).prop_map(|c| Value::Object(Box::new(Entity::Class(c)))),
        ]
        .boxed(),
    }
}

fn value(ty: Type, depth: u32) -> BoxedStrategy<Value> {
    if ty.array {
        prop_oneof![1 => Just(Value::Null), 3 => vec(scalar(ty.cim, depth), 0..4).prop_map(Value::Array)].boxed()
    } else {
        prop_oneof![1 => Just(Value::Null), 4 => scalar(ty.cim, depth)].boxed()
    }
}

fn qualifiers() -> impl Strategy<Value = Qualifiers> {
    let one = (
        name(),
        any::<u8>(),
        proptest::sample::select(vec![CimType::Sint32, CimType::Boolean, CimType::String, CimType::Real64]),
        any::<bool>(),
    );
    let one = one.prop_flat_map(|(name, flavor, cim, array)| {
        let ty = Type { cim, array };
        let value = if array { vec(scalar(cim, 0), 0..3).prop_map(Value::Array).boxed() } else { scalar(cim, 0) };
        value.prop_map(move |value| Qualifier { name: name.clone(), flavor: Flavor(flavor), ty, value })
    });
    vec(one, 0..4).prop_map(Qualifiers)
}

fn property(depth: u32) -> impl Strategy<Value = Property> {
    (name(), ty(), qualifiers(), any::<bool>(), any::<bool>(), 0u32..5)
        .prop_flat_map(move |(name, ty, qualifiers, inherited, default_inherited, origin)| {
            value(ty, depth).prop_map(move |default| Property {
                name: name.clone(),
                ty,
                origin,
                inherited,
                qualifiers: qualifiers.clone(),
                default,
                default_inherited,
            })
        })
        .boxed()
}

fn decoration() -> impl Strategy<Value = Option<Decoration>> {
    prop_oneof![Just(None), (text(), text()).prop_map(|(server, namespace)| Some(Decoration { server, namespace }))]
}

fn parameters(depth: u32) -> BoxedStrategy<Option<Arc<Class>>> {
    if depth == 0 {
        return Just(None).boxed();
    }
    let class = (vec(property(0), 0..3), decoration()).prop_map(|(properties, decoration)| {
        Some(Arc::new(Class { name: "__PARAMETERS".into(), properties: distinct(properties), decoration, ..Class::default() }))
    });
    prop_oneof![Just(None), class].boxed()
}

fn class(depth: u32) -> BoxedStrategy<Arc<Class>> {
    let method = (name(), any::<u8>(), 0u32..4, qualifiers(), parameters(depth), parameters(depth));
    let method =
        method.prop_map(|(name, flags, origin, qualifiers, input, output)| Method { name, flags, origin, qualifiers, input, output });
    (name(), vec(name(), 0..3), qualifiers(), vec(property(depth), 0..7), vec(method, 0..3), decoration(), any::<bool>())
        .prop_map(|(name, derivation, qualifiers, properties, methods, decoration, orphan)| {
            let class = Class { name, derivation, qualifiers, properties: distinct(properties), methods, parent: None, decoration };
            let parent = (!orphan).then(|| Arc::new(Class { name: "P".into(), decoration: None, ..class.clone() }));
            Arc::new(Class { parent, ..class })
        })
        .boxed()
}

/// Properties have names of their own.
fn distinct(properties: Vec<Property>) -> Vec<Property> {
    let mut seen = Vec::new();
    let mut fresh = |p: &Property| {
        let new = !seen.iter().any(|n: &String| rwmi_cim::names_equal(n, &p.name));
        seen.push(p.name.clone());
        new
    };
    properties.into_iter().filter(|p| fresh(p)).collect()
}

fn instance(depth: u32) -> BoxedStrategy<Instance> {
    (class(depth), decoration(), qualifiers())
        .prop_flat_map(move |(class, decoration, qualifiers)| {
            let values: Vec<_> = class.properties.iter().map(|p| (value(p.ty, depth), any::<bool>())).collect();
            let sets = prop_oneof![Just(None), vec(self::qualifiers(), class.properties.len()).prop_map(Some)];
            (values, sets).prop_map(move |(values, property_qualifiers)| {
                // An instance brings no methods and no superclass.
                let class = Arc::new(Class { methods: vec![], parent: None, decoration: None, ..class.as_ref().clone() });
                let mut i = Instance::new(class.clone());
                for (at, (value, is_default)) in values.into_iter().enumerate() {
                    i.is_default[at] = is_default;
                    i.values[at] = if is_default { class.properties[at].default.clone() } else { value };
                }
                i.decoration = decoration.clone();
                i.qualifiers = qualifiers.clone();
                i.property_qualifiers = property_qualifiers;
                i
            })
        })
        .boxed()
}

/// A class as it is after the wire: its superclass is there where there is a name for it.
fn with_parent(class: &Class) -> Class {
    let mut class = class.clone();
    for m in &mut class.methods {
        for s in [&mut m.input, &mut m.output].into_iter().flatten() {
            *s = Arc::new(with_parent(s));
        }
    }
    for p in &mut class.properties {
        p.default = expect(&p.default);
    }
    if let Some(p) = &class.parent {
        class.parent = Some(Arc::new(Class { parent: None, ..with_parent(p) }));
        return class;
    }
    let mut properties: Vec<Property> = class.properties.iter().filter(|p| p.inherited).cloned().collect();
    let (name, derivation) = class.derivation.split_first().map_or((String::new(), vec![]), |(n, d)| (n.clone(), d.to_vec()));
    for p in &mut properties {
        p.default = expect(&p.default);
    }
    if !name.is_empty() || !properties.is_empty() {
        class.parent = Some(Arc::new(Class { name, derivation, properties, ..Class::default() }));
    }
    class
}

fn expect(value: &Value) -> Value {
    match value {
        Value::Object(e) => match e.as_ref() {
            Entity::Class(c) => Value::Object(Box::new(Entity::Class(Arc::new(with_parent(c))))),
            Entity::Instance(o) => {
                let mut i = o.to_instance().unwrap();
                for v in &mut i.values {
                    *v = expect(v);
                }
                let class = i.class.as_ref().clone();
                i.class = Arc::new(Class { properties: with_parent(&class).properties, ..class });
                Value::Object(Box::new(i.into()))
            }
        },
        Value::Array(items) => Value::Array(items.iter().map(expect).collect()),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_class_returns(class in class(2)) {
        let octets = encode_unit(&Entity::Class(class.clone()), &EncodeOptions::default()).unwrap();
        // No item of a heap is shared, none is without a reference, none is out of order.
        prop_assert_eq!(&strip::block(&octets[8..], Order::Kept), &octets[8..]);
        prop_assert_eq!(decode_unit(&octets.into()).unwrap(), Entity::Class(Arc::new(with_parent(&class))));
    }

    #[test]
    fn an_instance_returns(instance in instance(2)) {
        let octets = encode_unit(&instance.clone().into(), &EncodeOptions::default()).unwrap();
        prop_assert_eq!(&strip::block(&octets[8..], Order::Kept), &octets[8..]);
        let Entity::Instance(found) = decode_unit(&octets.into()).unwrap() else { panic!("a class came back") };
        let mut found = found.to_instance().unwrap();
        let Value::Object(expect) = expect(&Value::Object(Box::new(instance.clone().into()))) else { unreachable!() };
        let Entity::Instance(expect) = *expect else { unreachable!() };
        let expect = expect.to_instance().unwrap();
        prop_assert_eq!(&found.class, &expect.class);
        found.class = expect.class.clone();
        prop_assert_eq!(found, expect);
    }

    #[test]
    fn a_packet_returns(instances in vec(instance(1), 0..4), copies in 1usize..4) {
        let objects: Vec<Entity> = instances.iter().flat_map(|i| vec![Entity::from(i.clone()); copies]).collect();
        let mut id = 0u8;
        let packet = ObjectArrayEncoder::new(PacketKind::SMART_ENUM, EncodeOptions::default())
            .encode(&objects, || { id += 1; [id; 16] })
            .unwrap();
        let found: Vec<Entity> = ObjectArrayDecoder::default().decode(&packet.into()).unwrap().objects.into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(found.len(), objects.len());
        for (found, sent) in found.iter().zip(&objects) {
            let Value::Object(sent) = expect(&Value::Object(Box::new(sent.clone()))) else { unreachable!() };
            prop_assert_eq!(found, sent.as_ref());
        }
    }

    #[test]
    fn changed_octets_are_an_error_or_an_object_and_no_panic(instance in instance(1), changes in vec((any::<u16>(), any::<u8>()), 1..6)) {
        let mut octets = encode_unit(&instance.into(), &EncodeOptions::default()).unwrap();
        for (at, octet) in changes {
            let at = usize::from(at) % octets.len();
            octets[at] = octet;
        }
        exercise::unit(&octets);
    }

    #[test]
    fn octets_by_chance_are_no_panic(octets in vec(any::<u8>(), 0..200)) {
        exercise::unit(&[b"xV4\x12\xff\0\0\0", octets.as_slice()].concat());
        exercise::packet(&octets);
    }
}

/// A class whose tables, lookup and heap are long, so that limits are met.
fn wide(properties: usize) -> Arc<Class> {
    let properties = (0..properties).map(|i| Property::new(&format!("P{i:05}"), CimType::String)).collect();
    Arc::new(Class { name: "Wide".into(), properties, ..Class::default() })
}

#[test]
fn a_class_has_at_most_4096_properties() {
    for (n, good) in [(4096, true), (4097, false)] {
        let octets = encode_unit(&Instance::new(wide(n)).into(), &EncodeOptions::default()).unwrap();
        assert_eq!(decode_unit(&octets.into()).is_ok(), good, "{n}");
    }
}

#[test]
fn a_set_has_at_most_256_qualifiers() {
    for (n, good) in [(256, true), (257, false)] {
        let set = (0..n).map(|i| Qualifier::flag(&format!("Q{i}"), 0)).collect();
        let class = Arc::new(Class { name: "C".into(), qualifiers: Qualifiers(set), ..Class::default() });
        let octets = encode_unit(&Entity::Class(class), &EncodeOptions::default()).unwrap();
        assert_eq!(decode_unit(&octets.into()).is_ok(), good, "{n}");
    }
}

#[test]
fn a_class_has_at_most_64_ancestors_and_1024_methods() {
    let class = |ancestors: usize, methods: usize| {
        let method = Method { name: "M".into(), flags: 0, origin: 0, qualifiers: Qualifiers::default(), input: None, output: None };
        Class { name: "C".into(), derivation: vec!["A".into(); ancestors], methods: vec![method; methods], ..Class::default() }
    };
    for (c, good) in [(class(64, 1024), true), (class(65, 0), false), (class(0, 1025), false)] {
        let octets = encode_unit(&Entity::Class(Arc::new(c)), &EncodeOptions::default()).unwrap();
        assert_eq!(decode_unit(&octets.into()).is_ok(), good);
    }
}

#[test]
fn references_to_one_long_string_do_not_multiply_it() {
    // Every property refers to the same string of 40,000 octets: 4,000 times that would be 160 MB.
    let class = wide(4000);
    let encoder = ClassEncoder::new(&class).unwrap();
    let mut i = Instance::new(class);
    i.set("P00000", "x".repeat(40_000)).unwrap();
    let mut octets = encoder.unit(&i.into(), &EncodeOptions::default()).unwrap();
    // The instance: length, flags, class name, 1,000 octets of NdTable, then the slots.
    let heap_and_qualifiers = 40_002 + "Wide".len() + 2 + 4 + 5;
    let slots = octets.len() - heap_and_qualifiers - 4 * 4000;
    let first: [u8; 4] = octets[slots..slots + 4].try_into().unwrap();
    assert_eq!(u32::from_le_bytes(first), 6, "the string lies behind the class name");
    for slot in octets[slots..slots + 4 * 4000].chunks_exact_mut(4) {
        slot.copy_from_slice(&first);
    }
    octets[slots - 1000..slots].fill(0);
    assert!(decode_unit(&Bytes::from(octets)).is_err());
}
