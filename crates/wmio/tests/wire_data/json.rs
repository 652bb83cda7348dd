//! Classes and instances in the form of the `.expected.json` files.

use rwmi_cim::{Class, Entity, Object, Qualifiers, Type, Value};
use rwmi_wmio::view::ObjectFlags;
use serde_json::{Map, Value as Json, json};

pub(crate) fn value(v: &Value) -> Json {
    match v {
        Value::Null => Json::Null,
        Value::Real32(f) => json!(f),
        Value::Real64(f) => json!(f),
        Value::Boolean(b) => json!(b),
        Value::String(s) | Value::Reference(s) => json!(s),
        Value::DateTime(d) => json!(d.as_str()),
        Value::Char16(c) => json!(c),
        Value::Object(e) => entity(e, ObjectFlags(0)),
        Value::Array(items) => items.iter().map(value).collect(),
        number => {
            let n = number.as_integer().unwrap();
            i64::try_from(n).map_or_else(|_| json!(u64::try_from(n).unwrap()), |n| json!(n))
        }
    }
}

fn ty(t: Type) -> String {
    t.to_string().replace("ref", "reference")
}

fn qualifiers(set: &Qualifiers) -> Json {
    set.0
        .iter()
        .map(|q| json!({"name": q.name, "flavor": format!("{:02x}", q.flavor.0), "type": ty(q.ty), "value": value(&q.value)}))
        .collect()
}

/// `lists` says which properties the class lists itself.
pub(crate) fn class(c: &Class, lists: impl Fn(usize) -> bool) -> Json {
    let mut offset = 0;
    let mut properties = Vec::new();
    for (order, p) in c.properties.iter().enumerate() {
        let bits = u8::from(p.default.is_null()) | u8::from(p.default_inherited) << 1;
        if lists(order) {
            properties.push(json!({
                "name": p.name, "type": ty(p.ty), "inherited": p.inherited, "order": order, "offset": offset,
                "origin_level": p.origin, "nd_bits": bits, "default": value(&p.default), "qualifiers": qualifiers(&p.qualifiers),
            }));
        }
        offset += match (p.ty.array, p.ty.cim.code()) {
            (false, 16 | 17) => 1,
            (false, 2 | 18 | 11 | 103) => 2,
            (false, 20 | 21 | 5) => 8,
            _ => 4,
        };
    }
    json!({"name": c.name, "derivation": c.derivation, "qualifiers": qualifiers(&c.qualifiers), "properties": properties})
}

pub(crate) fn methods(c: &Class) -> Json {
    let signature = |s: &Option<std::sync::Arc<Class>>| s.as_ref().map(|c| entity(&Entity::Class(c.clone()), ObjectFlags(5)));
    c.methods
        .iter()
        .map(|m| {
            json!({
                "name": m.name, "flags": format!("{:02x}", m.flags), "origin_level": m.origin,
                "qualifiers": qualifiers(&m.qualifiers), "in": signature(&m.input), "out": signature(&m.output),
            })
        })
        .collect()
}

pub(crate) fn values(o: &Object) -> Json {
    o.iter().map(|(name, v)| (name.to_owned(), value(&v.unwrap()))).collect::<Map<_, _>>().into()
}

pub(crate) fn entity(e: &Entity, flags: ObjectFlags) -> Json {
    let mut out = Map::new();
    out.insert("flags".into(), json!(format!("{:02x}", flags.0)));
    let decoration = match e {
        Entity::Class(c) => c.decoration.as_ref(),
        Entity::Instance(o) => o.decoration(),
    };
    if let Some(d) = decoration {
        out.insert("server".into(), json!(d.server));
        out.insert("namespace".into(), json!(d.namespace));
    }
    match e {
        Entity::Class(c) => {
            let with_methods = |c: &Class| {
                let mut json = class(c, |_| true);
                json["methods"] = methods(c);
                json
            };
            if let Some(p) = &c.parent {
                out.insert("parent".into(), with_methods(p));
            }
            out.insert("class".into(), with_methods(c));
        }
        Entity::Instance(o) => {
            out.insert("class".into(), class(o.class(), |_| true));
            out.insert("instance".into(), json!({"class_name": o.class().name, "instance_flags": "00", "values": values(o)}));
        }
    }
    out.into()
}

/// Where two documents differ, or `None`. What the octets leave unused is told by the reference decoder in keys of their own.
pub(crate) fn difference(found: &Json, expect: &Json, at: &str) -> Option<String> {
    match (found, expect) {
        (Json::Object(f), Json::Object(e)) => {
            let slack = |k: &str| k.contains("slack");
            for (k, v) in e.iter().filter(|(k, _)| !slack(k)) {
                match f.get(k) {
                    Some(g) => {
                        if let Some(d) = difference(g, v, &format!("{at}.{k}")) {
                            return Some(d);
                        }
                    }
                    None => return Some(format!("{at}.{k} is missing")),
                }
            }
            f.keys().find(|k| !e.contains_key(*k)).map(|k| format!("{at}.{k} is too much"))
        }
        (Json::Array(f), Json::Array(e)) => {
            if f.len() != e.len() {
                return Some(format!("{at} has {} items, expected {}", f.len(), e.len()));
            }
            f.iter().zip(e).enumerate().find_map(|(i, (f, e))| difference(f, e, &format!("{at}[{i}]")))
        }
        (f, e) if f.is_number() && e.is_number() && f.as_f64() == e.as_f64() => None,
        (f, e) if f == e => None,
        (f, e) => Some(format!("{at} is {f}, expected {e}")),
    }
}
