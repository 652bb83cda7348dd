//! Objects as XML: elements of CIM-XML (DSP0201, CIM DTD 2.0), and as WMI writes them (WMI DTD 2.0).

use rwmi_cim::{CimType, Class, Entity, ObjectPath, PathKeys, SystemProperty, Type, Value};
use std::fmt::Write as _;

/// Objects in objects that are written; deeper ones are left out as NULL.
const DEPTH_MAX: usize = 16;

/// Which elements there are (wbemObjectTextFormatEnum, TextFormat).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtd {
    /// CIM DTD 2.0: embedded objects are text in their property.
    Cim20,
    /// WMI DTD 2.0: with the system properties, the class that each property is from, and embedded objects as elements.
    Wmi20,
}

/// An object as one element: `INSTANCE` or `CLASS`.
///
/// ```
/// use rwmi_client::xml::{self, Dtd};
/// use rwmi_client::{Class, Instance};
/// let class = Class { name: "Demo".into(), ..Class::default() };
/// assert_eq!(xml::text(&Instance::new(class.into()).into(), Dtd::Cim20), "<INSTANCE CLASSNAME=\"Demo\">\n</INSTANCE>");
/// ```
pub fn text(entity: &Entity, dtd: Dtd) -> String {
    let mut out = String::new();
    element(&mut out, entity, dtd, 0);
    out
}

fn element(out: &mut String, entity: &Entity, dtd: Dtd, depth: usize) {
    let class = entity.class();
    let end = match entity {
        Entity::Instance(_) => {
            let _ = writeln!(out, "<INSTANCE CLASSNAME=\"{}\">", attribute(&class.name));
            "</INSTANCE>"
        }
        Entity::Class(_) => {
            let _ = write!(out, "<CLASS NAME=\"{}\"", attribute(&class.name));
            if let Some(superclass) = class.superclass() {
                let _ = write!(out, " SUPERCLASS=\"{}\"", attribute(superclass));
            }
            out.push_str(">\n");
            "</CLASS>"
        }
    };
    if dtd == Dtd::Wmi20 {
        for system in SystemProperty::ALL {
            let value = system.of(entity);
            let ty = value.cim_type().unwrap_or(CimType::String.scalar());
            write(out, &Named { name: system.name(), ty, origin: Some("___SYSTEM"), dtd, depth }, &value);
        }
    }
    for (index, p) in class.properties.iter().enumerate() {
        let value = match entity {
            Entity::Instance(object) => object.value_at(index).unwrap_or(Value::Null),
            Entity::Class(_) => p.default.clone(),
        };
        let origin = (dtd == Dtd::Wmi20).then(|| origin_of(class, index));
        write(out, &Named { name: &p.name, ty: p.ty, origin, dtd, depth }, &value);
    }
    out.push_str(end);
}

/// The class that declared a property first.
fn origin_of(class: &Class, index: usize) -> &str {
    let origin = class.properties.get(index).map_or(0, |p| p.origin as usize);
    // Counted from the topmost ancestor, which is the last of the derivation.
    let above = class.derivation.len().checked_sub(origin).and_then(|n| n.checked_sub(1));
    above.and_then(|n| class.derivation.get(n)).map_or(&class.name, |name| name)
}

/// A property as an element of CIM DTD 2.0, with a line end.
pub fn property(out: &mut String, name: &str, ty: Type, value: &Value) {
    write(out, &Named { name, ty, origin: None, dtd: Dtd::Cim20, depth: 0 }, value);
}

/// What is said of a property beside its value.
struct Named<'a> {
    name: &'a str,
    ty: Type,
    origin: Option<&'a str>,
    dtd: Dtd,
    depth: usize,
}

fn write(out: &mut String, property: &Named<'_>, value: &Value) {
    let Named { ty, dtd, depth, .. } = *property;
    let mut head = format!("NAME=\"{}\"", attribute(property.name));
    if let Some(origin) = property.origin {
        let _ = write!(head, " CLASSORIGIN=\"{}\"", attribute(origin));
    }
    if let (CimType::Reference, Value::Reference(path)) = (ty.cim, value)
        && let Ok(path) = path.parse::<ObjectPath>()
    {
        let _ = write!(out, "<PROPERTY.REFERENCE {head}><VALUE.REFERENCE>");
        reference(out, &path);
        out.push_str("</VALUE.REFERENCE></PROPERTY.REFERENCE>\n");
        return;
    }
    if ty.cim == CimType::Object && dtd == Dtd::Wmi20 {
        embedded(out, &head, property, value);
        return;
    }
    let (word, mark) = type_of(ty.cim, value);
    match value {
        // An array that is NULL has no VALUE.ARRAY.
        Value::Array(_) | Value::Null if ty.array => {
            let _ = write!(out, "<PROPERTY.ARRAY {head} TYPE=\"{word}\"{mark}>");
            if let Value::Array(items) = value {
                out.push_str("<VALUE.ARRAY>");
                for item in items {
                    match item {
                        Value::Null => out.push_str("<VALUE.NULL/>"),
                        item => {
                            let _ = write!(out, "<VALUE>{}</VALUE>", escaped(&scalar(item, depth)));
                        }
                    }
                }
                out.push_str("</VALUE.ARRAY>");
            }
            out.push_str("</PROPERTY.ARRAY>\n");
        }
        Value::Null if ty.cim == CimType::Reference => {
            let _ = writeln!(out, "<PROPERTY.REFERENCE {head}></PROPERTY.REFERENCE>");
        }
        value => {
            let _ = write!(out, "<PROPERTY {head} TYPE=\"{word}\"{mark}>");
            let too_deep = matches!(value, Value::Object(_)) && DEPTH_MAX <= depth;
            if !value.is_null() && !too_deep {
                let _ = write!(out, "<VALUE>{}</VALUE>", escaped(&scalar(value, depth)));
            }
            out.push_str("</PROPERTY>\n");
        }
    }
}

/// Objects in an object as WMI DTD 2.0 has them: elements, not text.
fn embedded(out: &mut String, head: &str, property: &Named<'_>, value: &Value) {
    let within = |out: &mut String, value: &Value| {
        if let Value::Object(entity) = value
            && property.depth < DEPTH_MAX
        {
            out.push_str("<VALUE.OBJECT>");
            element(out, entity, property.dtd, property.depth + 1);
            out.push_str("</VALUE.OBJECT>");
        }
    };
    let tag = if property.ty.array { "PROPERTY.OBJECTARRAY" } else { "PROPERTY.OBJECT" };
    let _ = write!(out, "<{tag} {head}>");
    match value {
        Value::Array(items) => {
            out.push_str("<VALUE.OBJECTARRAY>");
            items.iter().for_each(|item| within(out, item));
            out.push_str("</VALUE.OBJECTARRAY>");
        }
        value => within(out, value),
    }
    let _ = writeln!(out, "</{tag}>");
}

/// The word for a type, and what marks an embedded object.
fn type_of(cim: CimType, value: &Value) -> (&'static str, &'static str) {
    match cim {
        CimType::Object => {
            let first = match value {
                Value::Array(items) => items.first(),
                value => Some(value),
            };
            let is_class = matches!(first, Some(Value::Object(e)) if matches!(**e, Entity::Class(_)));
            ("string", if is_class { " EmbeddedObject=\"object\"" } else { " EmbeddedObject=\"instance\"" })
        }
        CimType::Reference => ("string", ""),
        other => (other.name(), ""),
    }
}

/// What stands in VALUE, before escapes.
fn scalar(value: &Value, depth: usize) -> String {
    let real = |f: f64, text: String| match f {
        f if f.is_nan() => "NaN".into(),
        f if f.is_infinite() => if f < 0.0 { "-INF" } else { "INF" }.into(),
        _ => text,
    };
    match value {
        Value::Boolean(b) => if *b { "TRUE" } else { "FALSE" }.into(),
        Value::Real32(f) => real(f64::from(*f), f.to_string()),
        Value::Real64(f) => real(*f, f.to_string()),
        Value::Char16(c) => String::from_utf16_lossy(&[*c]),
        // The type says datetime, and that has one form only.
        Value::DateTime(d) => d.as_str().into(),
        Value::Object(entity) if depth < DEPTH_MAX => {
            let mut text = String::new();
            element(&mut text, entity, Dtd::Cim20, depth + 1);
            text
        }
        other => match (other.as_integer(), other.as_str()) {
            (Some(n), _) => n.to_string(),
            (_, text) => text.unwrap_or_default().into(),
        },
    }
}

/// A path as elements: the shortest that says all of it.
fn reference(out: &mut String, path: &ObjectPath) {
    let is_class = path.keys == PathKeys::Class;
    let (whole, local) = if is_class { ("CLASSPATH", "LOCALCLASSPATH") } else { ("INSTANCEPATH", "LOCALINSTANCEPATH") };
    let wrap = match (&path.server, &path.namespace) {
        (Some(server), Some(namespace)) => {
            let _ = write!(out, "<{whole}><NAMESPACEPATH><HOST>{}</HOST>", escaped(server));
            local_path(out, namespace);
            out.push_str("</NAMESPACEPATH>");
            Some(whole)
        }
        (None, Some(namespace)) => {
            let _ = write!(out, "<{local}>");
            local_path(out, namespace);
            Some(local)
        }
        _ => None,
    };
    let class = attribute(&path.class);
    match &path.keys {
        PathKeys::Class => {
            let _ = write!(out, "<CLASSNAME NAME=\"{class}\"/>");
        }
        PathKeys::Singleton => {
            let _ = write!(out, "<INSTANCENAME CLASSNAME=\"{class}\"/>");
        }
        PathKeys::Single(value) => {
            let _ = write!(out, "<INSTANCENAME CLASSNAME=\"{class}\">{}</INSTANCENAME>", key_value(value));
        }
        PathKeys::Named(keys) => {
            let _ = write!(out, "<INSTANCENAME CLASSNAME=\"{class}\">");
            for (name, value) in keys {
                let _ = write!(out, "<KEYBINDING NAME=\"{}\">{}</KEYBINDING>", attribute(name), key_value(value));
            }
            out.push_str("</INSTANCENAME>");
        }
    }
    if let Some(element) = wrap {
        let _ = write!(out, "</{element}>");
    }
}

fn key_value(value: &Value) -> String {
    let (kind, text) = match value {
        Value::Boolean(b) => ("boolean", if *b { "TRUE" } else { "FALSE" }.to_owned()),
        other => match other.as_integer() {
            Some(n) => ("numeric", n.to_string()),
            None => ("string", other.as_str().unwrap_or_default().to_owned()),
        },
    };
    format!("<KEYVALUE VALUETYPE=\"{kind}\">{}</KEYVALUE>", escaped(&text))
}

/// A namespace as the element `LOCALNAMESPACEPATH`.
pub fn local_path(out: &mut String, namespace: &str) {
    out.push_str("<LOCALNAMESPACEPATH>");
    for part in namespace.split(['\\', '/']).filter(|p| !p.is_empty()) {
        let _ = write!(out, "<NAMESPACE NAME=\"{}\"/>", attribute(part));
    }
    out.push_str("</LOCALNAMESPACEPATH>");
}

/// Text of an element. What XML 1.0 cannot carry is U+FFFD; a carriage return survives only as a reference.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c < ' ' => out.push('\u{fffd}'),
            // Allowed, but terminals take them for commands.
            '\u{7f}'..='\u{9f}' => {
                let _ = write!(out, "&#{};", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text of an attribute, where line ends and tabs would become blanks.
pub fn attribute(text: &str) -> String {
    escaped(text).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::mof;

    const MOF: &str = r#"
        class In { uint8 X = 3; };
        class Base { [key] string Name; };
        class T : Base { In One; In Many[]; T ref Who; boolean Up; };
        instance of T { Name = "a<b"; One = instance of In { X = 4; }; Many = { instance of In { } }; Who = "T.Name=\"b\""; Up = true; };
    "#;

    fn entity() -> Entity {
        let mut memory = mof::Memory::new();
        mof::compile_into(&mof::parse("t.mof", MOF).unwrap(), "root", &mut memory).unwrap();
        memory.instances("root")[0].clone().into()
    }

    #[test]
    fn an_instance_is_an_element_of_cim_xml() {
        let expect = "<INSTANCE CLASSNAME=\"T\">\n<PROPERTY NAME=\"Name\" TYPE=\"string\"><VALUE>a&lt;b</VALUE></PROPERTY>\n\
            <PROPERTY NAME=\"One\" TYPE=\"string\" EmbeddedObject=\"instance\"><VALUE>&lt;INSTANCE CLASSNAME=\"In\"&gt;\n\
            &lt;PROPERTY NAME=\"X\" TYPE=\"uint8\"&gt;&lt;VALUE&gt;4&lt;/VALUE&gt;&lt;/PROPERTY&gt;\n&lt;/INSTANCE&gt;</VALUE></PROPERTY>\n";
        let text = text(&entity(), Dtd::Cim20);
        assert!(text.starts_with(expect), "{text}");
        assert!(
            text.contains("<INSTANCENAME CLASSNAME=\"T\"><KEYBINDING NAME=\"Name\">")
                && text.ends_with("<VALUE>TRUE</VALUE></PROPERTY>\n</INSTANCE>")
        );
    }

    #[test]
    fn wmi_adds_where_it_comes_from_and_nests_objects() {
        let text = text(&entity(), Dtd::Wmi20);
        for part in [
            "<PROPERTY NAME=\"__CLASS\" CLASSORIGIN=\"___SYSTEM\" TYPE=\"string\"><VALUE>T</VALUE></PROPERTY>\n",
            "<PROPERTY.ARRAY NAME=\"__DERIVATION\" CLASSORIGIN=\"___SYSTEM\" TYPE=\"string\"><VALUE.ARRAY><VALUE>Base</VALUE></VALUE.ARRAY>",
            "<PROPERTY NAME=\"Name\" CLASSORIGIN=\"Base\" TYPE=\"string\">",
            "<PROPERTY NAME=\"Up\" CLASSORIGIN=\"T\" TYPE=\"boolean\">",
            "<PROPERTY.OBJECT NAME=\"One\" CLASSORIGIN=\"T\"><VALUE.OBJECT><INSTANCE CLASSNAME=\"In\">\n",
            "<PROPERTY.OBJECTARRAY NAME=\"Many\" CLASSORIGIN=\"T\"><VALUE.OBJECTARRAY><VALUE.OBJECT><INSTANCE CLASSNAME=\"In\">",
            "</INSTANCE></VALUE.OBJECT></VALUE.OBJECTARRAY></PROPERTY.OBJECTARRAY>\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
