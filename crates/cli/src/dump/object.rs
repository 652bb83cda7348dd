//! Classes and instances with everything that they carry.

use super::hex;
use crate::format::value_json;
use crate::report::Failure;
use rwmi_cim::{Class, Decoration, Entity, Object, Qualifiers, Value};
use rwmi_dcom::{InterfacePointer, ObjRef};
use rwmi_rpc::Bytes;
use rwmi_wbem::ClassObjectRef;
use rwmi_wmio::object_array::ObjectArrayDecoder;
use rwmi_wmio::{DecodeOptions, decode_block, decode_unit};
use serde_json::{Value as Json, json};

/// An encoding unit, an object reference around one, a packet of objects, or a bare block, told apart by their first octets.
pub(super) fn json(octets: &Bytes) -> Result<Json, Failure> {
    let bad = |what: &str, e: &dyn std::fmt::Display| Failure::new(format!("not {what}: {e}"));
    if octets.starts_with(b"MEOW") {
        let reference = InterfacePointer(octets.clone());
        let unit = ClassObjectRef::from_pointer(&reference).map_err(|e| bad("an object by value", &e))?;
        return decode_unit(&unit.0).map(|e| entity(&e)).map_err(|e| bad("an encoding unit inside the reference", &e));
    }
    if is_packet(octets) {
        return packet(octets).map_err(|e| bad("a packet of objects", &e));
    }
    if octets.starts_with(&UNIT) {
        return decode_unit(octets).map(|e| entity(&e)).map_err(|e| bad("an encoding unit", &e));
    }
    decode_block(octets).map(|e| entity(&e)).map_err(|e| {
        bad("an object block", &e)
            .hint("an encoding unit begins with 78563412, an object reference with MEOW, a packet with 00000000 and WBEMDATA")
    })
}

/// The signature of an encoding unit.
const UNIT: [u8; 4] = [0x78, 0x56, 0x34, 0x12];

/// With the octets of the byte order in front, as calls carry it, or without.
fn is_packet(octets: &[u8]) -> bool {
    octets.strip_prefix(&[0; 4]).unwrap_or(octets).starts_with(b"WBEMDATA")
}

fn packet(octets: &Bytes) -> Result<Json, rwmi_wmio::DecodeError> {
    let framed = if octets.starts_with(b"W") { Bytes::from([&[0; 4], &octets[..]].concat()) } else { octets.clone() };
    let octets = &framed;
    let packet = ObjectArrayDecoder::new(DecodeOptions::default()).decode(octets)?;
    let objects = packet.objects.iter().map(|o| match o {
        Ok(e) => entity(e),
        Err(e) => json!({ "error": e.to_string() }),
    });
    Ok(json!({ "kind": packet.kind.0, "objects": objects.collect::<Vec<_>>() }))
}

/// What octets inside a call are, where they are something known: an object reference, or a packet.
pub(super) fn inside(around: &str, octets: &[u8]) -> Option<Json> {
    if is_packet(octets) {
        return packet(&Bytes::copy_from_slice(octets)).ok();
    }
    if around != "InterfacePointer" {
        return None;
    }
    let pointer = InterfacePointer(Bytes::copy_from_slice(octets));
    if let Ok(unit) = ClassObjectRef::from_pointer(&pointer) {
        return Some(match decode_unit(&unit.0) {
            Ok(e) => entity(&e),
            Err(e) => json!({ "error": e.to_string(), "octets": hex(&unit.0) }),
        });
    }
    if let Ok(context) = rwmi_wbem::Context::from_pointer(&pointer) {
        return Some(super::debug::json(&context, inside));
    }
    for direction in [rwmi_dcom::activation::Direction::In, rwmi_dcom::activation::Direction::Out] {
        if let Ok(blob) = rwmi_dcom::ActivationBlob::from_pointer(&pointer, direction) {
            return Some(super::debug::json(&blob, inside));
        }
    }
    let reference: ObjRef = pointer.objref().ok()?;
    Some(super::debug::json(&reference, |_, octets| Some(hex(octets).into())))
}

/// A class or an instance.
fn entity(entity: &Entity) -> Json {
    match entity {
        Entity::Class(c) => json!({ "class": class(c) }),
        Entity::Instance(o) => json!({ "instance": instance(o) }),
    }
}

/// A class with everything it has.
pub(crate) fn class(class: &Class) -> Json {
    let properties: Vec<Json> = class
        .properties
        .iter()
        .map(|p| {
            json!({
                "name": p.name,
                "type": p.ty.to_string(),
                "origin": p.origin,
                "inherited": p.inherited,
                "default": value(&p.default),
                "nd_bits": nd_bits(&p.default, p.default_inherited),
                "qualifiers": qualifiers(&p.qualifiers),
            })
        })
        .collect();
    let methods: Vec<Json> = class
        .methods
        .iter()
        .map(|m| {
            json!({
                "name": m.name,
                "flags": m.flags,
                "origin": m.origin,
                "qualifiers": qualifiers(&m.qualifiers),
                "input": m.input.as_deref().map(self::class),
                "output": m.output.as_deref().map(self::class),
            })
        })
        .collect();
    json!({
        "name": class.name,
        "derivation": class.derivation,
        "decoration": decoration(class.decoration.as_ref()),
        "qualifiers": qualifiers(&class.qualifiers),
        "properties": properties,
        "methods": methods,
        "parent": class.parent.as_deref().map(self::class),
    })
}

fn instance(object: &Object) -> Json {
    let (own, property_own) = (object.qualifiers(), object.property_qualifiers());
    let class_of = object.class();
    let properties: Vec<Json> = class_of
        .properties
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let mut member = json!({ "name": p.name, "type": p.ty.to_string() });
            match object.value_at(i) {
                Ok(v) => {
                    member["value"] = value(&v);
                    member["nd_bits"] = nd_bits(&v, object.is_default_at(i)).into();
                }
                Err(e) => member["error"] = e.to_string().into(),
            }
            if let Ok(Some(sets)) = &property_own
                && let Some(set) = sets.get(i).filter(|s| !s.0.is_empty())
            {
                member["qualifiers"] = qualifiers(set);
            }
            member
        })
        .collect();
    let mut out = json!({
        "class": class(class_of),
        "decoration": decoration(object.decoration()),
        "properties": properties,
        "qualifiers": own.as_ref().map_or_else(|e| json!({ "error": e.to_string() }), qualifiers),
    });
    if let Err(e) = property_own {
        out["property_qualifiers"] = json!({ "error": e.to_string() });
    }
    out
}

/// Bit 0: NULL; bit 1: from the class ([MS-WMIO] 2.2.26).
fn nd_bits(value: &Value, is_default: bool) -> u8 {
    u8::from(value.is_null()) | u8::from(is_default) << 1
}

/// A value; embedded objects with all that they carry.
fn value(value: &Value) -> Json {
    match value {
        Value::Object(e) => entity(e),
        Value::Array(items) => items.iter().map(self::value).collect(),
        other => value_json(other),
    }
}

fn qualifiers(set: &Qualifiers) -> Json {
    let one = |q: &rwmi_cim::Qualifier| json!({ "name": q.name, "flavor": format!("{:#04x}", q.flavor.0), "type": q.ty.to_string(), "value": value(&q.value) });
    set.0.iter().map(one).collect()
}

fn decoration(decoration: Option<&Decoration>) -> Json {
    decoration.map_or(Json::Null, |d| json!({ "server": d.server, "namespace": d.namespace }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{CimType, Instance, Property};
    use rwmi_wmio::{EncodeOptions, encode_unit};
    use std::sync::Arc;

    fn sample() -> Instance {
        let class = Class {
            name: "Demo".into(),
            properties: vec![Property::new("Id", CimType::Uint64), Property::new("Text", CimType::String)],
            ..Class::default()
        };
        let mut instance = Instance::new(Arc::new(class));
        instance.set("Id", u64::MAX).unwrap();
        instance
    }

    fn check(octets: Bytes) {
        let json = json(&octets).unwrap();
        let properties = &json["instance"]["properties"];
        assert_eq!(properties[0], json!({ "name": "Id", "type": "uint64", "value": u64::MAX, "nd_bits": 0 }));
        assert_eq!((&properties[1]["value"], &properties[1]["nd_bits"]), (&Json::Null, &json!(3)));
        let cimtype = &json["instance"]["class"]["properties"][0]["qualifiers"][0];
        assert_eq!(cimtype, &json!({ "name": "CIMTYPE", "flavor": "0x03", "type": "string", "value": "uint64" }));
    }

    #[test]
    fn a_unit_is_shown_alone_and_inside_a_reference() {
        let unit: Bytes = encode_unit(&Entity::Instance(sample().into()), &EncodeOptions::default()).unwrap().into();
        check(unit.clone());
        check(ClassObjectRef(unit.clone()).to_pointer().0);
        // The block is what stands behind signature and length.
        check(unit.slice(8..));
        for cut in 0..unit.len() {
            let _ = json(&unit.slice(..cut));
        }
    }

    #[test]
    fn what_is_no_object_is_said_to_be_none() {
        for octets in [&b"MEOW"[..], b"\0\0\0\0WBEMDATA", b"\x78\x56\x34\x12", b"", b"zz"] {
            assert!(json(&Bytes::copy_from_slice(octets)).unwrap_err().message.starts_with("not "), "{octets:?}");
        }
    }
}
