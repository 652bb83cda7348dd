//! Classes and instances as MOF text that compiles to the same class or instance again.

use super::compile::fixed_flavor;
use crate::schema::{ClassDecl, MethodDecl, PropertyDecl};
use crate::{CimType, Class, Entity, Flavor, Instance, Object, Qualifier, Qualifiers, Type, Value};
use std::fmt::Write;

/// A class as MOF: what it declares or overrides, as WMI prints it. What it only inherits is its superclass's to say.
///
/// Flavor bits 0x20 and 0x40 have no word in MOF and are left out.
pub fn print_class(class: &Class) -> String {
    let decl = ClassDecl::of(class);
    let mut out = String::new();
    qualifiers(&mut out, &decl.qualifiers, "\n");
    out.push_str("class ");
    name(&mut out, &decl.name);
    if let Some(superclass) = class.superclass() {
        out.push_str(" : ");
        name(&mut out, superclass);
    }
    out.push_str("\n{\n");
    for p in &decl.properties {
        out.push_str("  ");
        property(&mut out, p);
        out.push_str(";\n");
    }
    for m in &decl.methods {
        out.push_str("  ");
        method(&mut out, m);
        out.push_str(";\n");
    }
    out.push_str("};\n");
    out
}

/// An instance as MOF: its own values, not those it takes from its class.
pub fn print_instance(instance: &Instance) -> String {
    let mut out = String::new();
    qualifiers(&mut out, &instance.qualifiers, "\n");
    instance_body(&mut out, instance, 0);
    out.push_str(";\n");
    out
}

fn instance_body(out: &mut String, instance: &Instance, depth: usize) {
    let indent = "  ".repeat(depth + 1);
    out.push_str("instance of ");
    name(out, &instance.class.name);
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push_str("{\n");
    for (place, p) in instance.class.properties.iter().enumerate() {
        let own = instance.property_qualifiers.as_ref().and_then(|q| q.get(place)).filter(|q| !q.0.is_empty());
        let is_default = instance.is_default.get(place).copied().unwrap_or(false);
        if is_default && own.is_none() {
            continue;
        }
        out.push_str(&indent);
        if let Some(own) = own {
            qualifiers(out, own, " ");
        }
        name(out, &p.name);
        if !is_default {
            out.push_str(" = ");
            value(out, instance.values.get(place).unwrap_or(&Value::Null), depth + 1);
        }
        out.push_str(";\n");
    }
    out.push_str(&"  ".repeat(depth));
    out.push('}');
}

fn property(out: &mut String, p: &PropertyDecl) {
    qualifiers(out, &p.qualifiers, " ");
    type_name(out, p.ty, p.class.as_deref());
    out.push(' ');
    name(out, &p.name);
    if p.ty.array {
        out.push_str("[]");
    }
    if !p.default.is_null() {
        out.push_str(" = ");
        value(out, &p.default, 1);
    }
}

fn method(out: &mut String, m: &MethodDecl) {
    qualifiers(out, &m.qualifiers, " ");
    match &m.returns {
        None => out.push_str("void"),
        Some((ty, class)) => {
            type_name(out, *ty, class.as_deref());
            if ty.array {
                out.push_str("[]");
            }
        }
    }
    out.push(' ');
    name(out, &m.name);
    out.push('(');
    for (i, p) in m.parameters.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { ", " });
        property(out, p);
    }
    out.push(')');
}

fn type_name(out: &mut String, ty: Type, class: Option<&str>) {
    match (ty.cim, class) {
        (CimType::Reference, class) => {
            name(out, class.unwrap_or("object"));
            out.push_str(" ref");
        }
        (CimType::Object, Some(class)) => {
            // A class of a keyword's name can only be told from the keyword in the long form.
            if CimType::from_name(class).is_some() || class.eq_ignore_ascii_case("void") {
                out.push_str("object:");
            }
            name(out, class);
        }
        (cim, _) => out.push_str(cim.name()),
    }
}

fn qualifiers(out: &mut String, set: &Qualifiers, end: &str) {
    if set.0.is_empty() {
        return;
    }
    out.push('[');
    for (i, q) in set.0.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { ", " });
        qualifier(out, q);
    }
    out.push(']');
    out.push_str(end);
}

fn qualifier(out: &mut String, q: &Qualifier) {
    name(out, &q.name);
    match &q.value {
        Value::Boolean(true) => {}
        Value::Array(_) => {
            out.push(' ');
            value(out, &q.value, 0);
        }
        scalar => {
            out.push('(');
            value(out, scalar, 0);
            out.push(')');
        }
    }
    let said = Flavor::TO_INSTANCE | Flavor::TO_SUBCLASS | Flavor::DISABLE_OVERRIDE | Flavor::AMENDED;
    if q.flavor.0 & said == 0 || fixed_flavor(&q.name).is_some_and(|f| f == q.flavor.0 & said) {
        return;
    }
    out.push_str(" :");
    let words = [
        (Flavor::TO_INSTANCE, " ToInstance"),
        (Flavor::TO_SUBCLASS, " ToSubclass"),
        (Flavor::DISABLE_OVERRIDE, " DisableOverride"),
        (Flavor::AMENDED, " Amended"),
    ];
    for (bit, word) in words {
        if q.flavor.has(bit) {
            out.push_str(word);
        }
    }
}

pub(super) fn value(out: &mut String, v: &Value, depth: usize) {
    // Writing to a String cannot fail.
    let _ = match v {
        Value::Null => write!(out, "NULL"),
        Value::Boolean(b) => write!(out, "{}", if *b { "TRUE" } else { "FALSE" }),
        // By way of f64, whose shortest form names exactly this value.
        Value::Real32(n) => write!(out, "{}", real(f64::from(*n))),
        Value::Real64(n) => write!(out, "{}", real(*n)),
        Value::Char16(c) => match char::from_u32((*c).into()).filter(|c| c.is_ascii_graphic() && !matches!(c, '\'' | '\\')) {
            Some(plain) => write!(out, "'{plain}'"),
            None => write!(out, r"'\x{c:04x}'"),
        },
        Value::String(s) | Value::Reference(s) => {
            string(out, s);
            Ok(())
        }
        Value::DateTime(d) => {
            string(out, d.as_str());
            Ok(())
        }
        Value::Array(items) => {
            out.push('{');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                value(out, item, depth);
            }
            write!(out, "}}")
        }
        Value::Object(entity) => {
            embedded(out, entity, depth);
            Ok(())
        }
        integer => write!(out, "{}", integer.as_integer().unwrap_or(0)),
    };
}

/// Real numbers keep a point or an exponent, by which MOF tells them from integers. What is no number has no constant.
fn real(n: f64) -> String {
    if n.is_finite() { format!("{n:?}") } else { "NULL".into() }
}

fn embedded(out: &mut String, entity: &Entity, depth: usize) {
    let instance = entity.as_instance().map(Object::to_instance);
    match instance {
        // An object that holds itself does not exist on the wire; depth is bounded by its decoder.
        Some(Ok(instance)) if depth < super::limits::DEPTH_MAX => instance_body(out, &instance, depth),
        _ => out.push_str("NULL"),
    }
}

/// A name as it is. What a peer put into one that is no name of MOF is not handed on to a terminal.
pub(super) fn name(out: &mut String, s: &str) {
    out.extend(s.chars().map(|c| if c == '_' || c.is_alphanumeric() { c } else { '\u{fffd}' }));
}

fn string(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Four digits always, so that a digit that follows is not taken for a fifth. Also for what a terminal obeys.
            c if c.is_control()
                || matches!(c, '\u{feff}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\x{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
