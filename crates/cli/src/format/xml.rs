//! CIM-XML (DSP0201): a declaration of objects, `CIM/DECLARATION/DECLGROUP/VALUE.OBJECT/INSTANCE`. Of several computers, each change of
//! the computer begins a group with its path.

use super::{Columns, Place, Row, RowWriter, Style};
use rwmi_cim::{CimType, Entity, ObjectPath, PathKeys, Type, Value};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Objects in objects that are written; deeper ones are left out as NULL.
const DEPTH_MAX: usize = 16;

pub(super) struct Xml<W> {
    out: W,
    columns: Columns,
    begun: bool,
    /// The computer of the open group.
    host: Option<String>,
}

impl<W: Write> Xml<W> {
    pub(super) fn new(out: W, columns: Columns) -> Self {
        Xml { out, columns, begun: false, host: None }
    }

    /// Everything before the first object.
    fn begin(&mut self) -> io::Result<()> {
        self.begun = true;
        self.out.write_all(b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\">\n<DECLARATION>\n")
    }

    /// Opens the group of a computer, where it is not open.
    fn group(&mut self, host: &str) -> io::Result<()> {
        if self.host.is_some() && (!self.columns.with_host || self.host.as_deref() == Some(host)) {
            return Ok(());
        }
        let mut text = String::new();
        if self.host.is_some() {
            text.push_str("</DECLGROUP>\n");
        }
        text.push_str("<DECLGROUP>\n");
        if self.columns.with_host {
            let _ = write!(text, "<NAMESPACEPATH><HOST>{}</HOST>", escaped(host));
            local_path(&mut text, &self.columns.style.namespace);
            text.push_str("</NAMESPACEPATH>\n");
        }
        self.host = Some(host.to_owned());
        self.out.write_all(text.as_bytes())
    }
}

impl<W: Write> RowWriter for Xml<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if !self.begun {
            self.begin()?;
        }
        self.group(row.host)?;
        let mut text = String::from("<VALUE.OBJECT>");
        let places = self.columns.of(row.entity);
        match row.entity {
            Entity::Instance(object) => {
                let _ = writeln!(text, "<INSTANCE CLASSNAME=\"{}\">", attribute(&object.class().name));
                properties(&mut text, row.entity, &places, &self.columns.style, 0);
                text.push_str("</INSTANCE>");
            }
            Entity::Class(class) => class_element(&mut text, class, &self.columns.style),
        }
        text.push_str("</VALUE.OBJECT>\n");
        self.out.write_all(text.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        if !self.begun {
            self.begin()?;
        }
        self.out.write_all(if self.host.is_some() { b"</DECLGROUP>\n" } else { b"<DECLGROUP/>\n" })?;
        self.out.write_all(b"</DECLARATION>\n</CIM>\n")?;
        self.out.flush()
    }
}

fn class_element(out: &mut String, class: &rwmi_cim::Class, style: &Style) {
    let _ = write!(out, "<CLASS NAME=\"{}\"", attribute(&class.name));
    if let Some(superclass) = class.superclass() {
        let _ = write!(out, " SUPERCLASS=\"{}\"", attribute(superclass));
    }
    out.push_str(">\n");
    for p in &class.properties {
        property(out, &p.name, p.ty, &p.default, style, 0);
    }
    out.push_str("</CLASS>");
}

fn properties(out: &mut String, entity: &Entity, places: &[Place], style: &Style, depth: usize) {
    for place in places {
        let value = place.value(entity);
        let ty = match *place {
            Place::Property(i) => entity.class().properties[i].ty,
            Place::System(_) => value.cim_type().unwrap_or(CimType::String.into()),
        };
        property(out, place.name(entity), ty, &value, style, depth);
    }
}

fn property(out: &mut String, name: &str, ty: Type, value: &Value, style: &Style, depth: usize) {
    let name = attribute(name);
    if let (CimType::Reference, Value::Reference(path)) = (ty.cim, value)
        && let Ok(path) = path.parse::<ObjectPath>()
    {
        let _ = write!(out, "<PROPERTY.REFERENCE NAME=\"{name}\"><VALUE.REFERENCE>");
        reference(out, &path);
        out.push_str("</VALUE.REFERENCE></PROPERTY.REFERENCE>\n");
        return;
    }
    let (word, embedded) = type_of(ty.cim, value);
    match value {
        // An array that is NULL has no VALUE.ARRAY.
        Value::Array(_) | Value::Null if ty.array => {
            let _ = write!(out, "<PROPERTY.ARRAY NAME=\"{name}\" TYPE=\"{word}\"{embedded}>");
            if let Value::Array(items) = value {
                out.push_str("<VALUE.ARRAY>");
                for item in items {
                    match item {
                        Value::Null => out.push_str("<VALUE.NULL/>"),
                        item => {
                            let _ = write!(out, "<VALUE>{}</VALUE>", escaped(&scalar(item, style, depth)));
                        }
                    }
                }
                out.push_str("</VALUE.ARRAY>");
            }
            out.push_str("</PROPERTY.ARRAY>\n");
        }
        Value::Null if ty.cim == CimType::Reference => {
            let _ = writeln!(out, "<PROPERTY.REFERENCE NAME=\"{name}\"></PROPERTY.REFERENCE>");
        }
        value => {
            let _ = write!(out, "<PROPERTY NAME=\"{name}\" TYPE=\"{word}\"{embedded}>");
            let too_deep = matches!(value, Value::Object(_)) && DEPTH_MAX <= depth;
            if !value.is_null() && !too_deep {
                let _ = write!(out, "<VALUE>{}</VALUE>", escaped(&scalar(value, style, depth)));
            }
            out.push_str("</PROPERTY>\n");
        }
    }
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
fn scalar(value: &Value, style: &Style, depth: usize) -> String {
    let real = |f: f64, text: String| match f {
        f if f.is_nan() => "NaN".into(),
        f if f.is_infinite() => if f < 0.0 { "-INF" } else { "INF" }.into(),
        _ => text,
    };
    match value {
        Value::Boolean(b) => if *b { "TRUE" } else { "FALSE" }.into(),
        Value::Real32(f) => real(f64::from(*f), f.to_string()),
        Value::Real64(f) => real(*f, f.to_string()),
        // The type says datetime, and that has one form only.
        Value::DateTime(d) => d.as_str().into(),
        Value::Object(entity) if depth < DEPTH_MAX => {
            let mut text = String::new();
            match &**entity {
                Entity::Class(class) => class_element(&mut text, class, style),
                Entity::Instance(object) => {
                    let _ = writeln!(text, "<INSTANCE CLASSNAME=\"{}\">", attribute(&object.class().name));
                    let places: Vec<Place> = (0..object.class().properties.len()).map(Place::Property).collect();
                    properties(&mut text, entity, &places, style, depth + 1);
                    text.push_str("</INSTANCE>");
                }
            }
            text
        }
        other => style.text(other),
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

fn local_path(out: &mut String, namespace: &str) {
    out.push_str("<LOCALNAMESPACEPATH>");
    for part in namespace.split(['\\', '/']).filter(|p| !p.is_empty()) {
        let _ = write!(out, "<NAMESPACE NAME=\"{}\"/>", attribute(part));
    }
    out.push_str("</LOCALNAMESPACEPATH>");
}

/// Text of an element. What XML 1.0 cannot carry is U+FFFD; a carriage return survives only as a reference.
fn escaped(text: &str) -> String {
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
fn attribute(text: &str) -> String {
    escaped(text).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}
