//! Objects that tests share.

use rwmi_cim::{CimType, Class, Decoration, Flavor, Instance, Property, Qualifier, Qualifiers, Value};
use std::sync::Arc;

pub(crate) fn decoration() -> Decoration {
    Decoration { server: "LX1".into(), namespace: "ROOT\\CIMV2".into() }
}

/// `class LX_Base { [key] string Name; };`
pub(crate) fn lx_base() -> Arc<Class> {
    let mut name = Property::new("Name", CimType::String);
    name.qualifiers.set(Qualifier::flag("key", Flavor::TO_INSTANCE | Flavor::TO_SUBCLASS | Flavor::DISABLE_OVERRIDE));
    Arc::new(Class { name: "LX_Base".into(), properties: vec![name], decoration: Some(decoration()), ..Class::default() })
}

/// `[provider("lx")] class LX_Disk : LX_Base { uint64 Size; boolean Removable = FALSE; string Tags[]; };`
pub(crate) fn lx_disk() -> Arc<Class> {
    let base = Class { decoration: None, ..lx_base().as_ref().clone() };
    let mut name = base.properties[0].clone();
    name.inherited = true;
    name.default_inherited = true;
    for q in &mut name.qualifiers.0 {
        q.flavor.0 |= Flavor::PROPAGATED;
    }
    let own = |name: &str, ty: rwmi_cim::Type, default: Value| Property { origin: 1, default, ..Property::new(name, ty) };
    Arc::new(Class {
        name: "LX_Disk".into(),
        derivation: vec!["LX_Base".into()],
        qualifiers: Qualifiers(vec![Qualifier::string("provider", "lx", 0)]),
        properties: vec![
            name,
            own("Size", CimType::Uint64.scalar(), Value::Null),
            own("Removable", CimType::Boolean.scalar(), Value::Boolean(false)),
            own("Tags", CimType::String.array(), Value::Null),
        ],
        parent: Some(Arc::new(base)),
        ..Class::default()
    })
}

/// `instance of LX_Disk { Name = "sda"; Size = 1024; Tags = {"os","ssd"}; };`
pub(crate) fn sda(class: &Arc<Class>) -> Instance {
    let mut i = Instance::new(class.clone());
    i.set("Name", "sda").unwrap();
    i.set("Size", 1024u64).unwrap();
    i.set("Tags", vec!["os", "ssd"]).unwrap();
    i.decoration = Some(decoration());
    i
}

/// The second object of the worked example: a name outside Latin-1, and NULL set by hand.
pub(crate) fn disk(class: &Arc<Class>) -> Instance {
    let mut i = Instance::new(class.clone());
    i.set("Name", "диск").unwrap();
    i.set("Size", 2048u64).unwrap();
    i.set("Removable", true).unwrap();
    i.set("Tags", Value::Null).unwrap();
    i.decoration = Some(decoration());
    i
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

pub(crate) fn sha256(octets: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(octets).iter().map(|b| format!("{b:02x}")).collect()
}
