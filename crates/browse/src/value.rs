//! Values as text.

use rwmi_cim::{DateTime, Entity, Object, Property, Value};

/// Elements of an array and properties of an object that are shown on a line.
const ITEMS_MAX: usize = 64;

/// Embedded objects in each other that are shown.
const DEPTH_MAX: usize = 4;

/// Octets of a text that are shown on a line: more than a terminal is wide.
const LINE_MAX: usize = 4 << 10;

/// Octets of a text that are shown in full.
const TEXT_MAX: usize = 256 << 10;

/// A value on one line, not yet fitted and not yet made harmless.
pub(crate) fn line(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, LINE_MAX, 0);
    text
}

/// A value with all there is, an element of an array a line.
pub(crate) fn full(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                if TEXT_MAX < text.len() {
                    text += &format!("\n… {} more", items.len() - n);
                    break;
                }
                if n != 0 {
                    text.push('\n');
                }
                write(&mut text, item, TEXT_MAX, 0);
            }
            if items.is_empty() {
                text.push_str("{}");
            }
        }
        Value::DateTime(time) => {
            text.push_str(time.as_str());
            if let Some(plain) = plain_date(time) {
                text += &format!("  ({plain})");
            }
        }
        value => write(&mut text, value, TEXT_MAX, 0),
    }
    text
}

/// A value for the clipboard: as it is.
pub(crate) fn raw(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(raw).collect::<Vec<_>>().join("\n"),
        value => value.as_str().map_or_else(|| line(value), str::to_owned),
    }
}

fn write(text: &mut String, value: &Value, most: usize, depth: usize) {
    if most < text.len() {
        return;
    }
    match value {
        Value::Null => text.push_str("NULL"),
        Value::Boolean(b) => text.push_str(if *b { "TRUE" } else { "FALSE" }),
        Value::Real32(f) => *text += &f.to_string(),
        Value::Real64(f) => *text += &f.to_string(),
        Value::Char16(unit) => match char::from_u32(u32::from(*unit)) {
            Some(c) if !c.is_control() => *text += &format!("'{c}'"),
            _ => *text += &format!("0x{unit:04x}"),
        },
        Value::String(s) | Value::Reference(s) => {
            let mut end = most.min(s.len());
            while !s.is_char_boundary(end) {
                end -= 1;
            }
            text.push_str(&s[..end]);
            if end < s.len() {
                *text += &format!("… {} octets more", s.len() - end);
            }
        }
        Value::DateTime(time) => text.push_str(time.as_str()),
        Value::Array(items) => {
            text.push('{');
            for (n, item) in items.iter().take(ITEMS_MAX).enumerate() {
                text.push_str(if n == 0 { "" } else { ", " });
                write(text, item, most, depth + 1);
            }
            text.push_str(if ITEMS_MAX < items.len() { ", …}" } else { "}" });
        }
        Value::Object(entity) => match &**entity {
            Entity::Class(class) => *text += &format!("class {}", class.name),
            Entity::Instance(object) => self::object(text, object, most, depth),
        },
        integer => {
            if let Some(n) = integer.as_integer() {
                *text += &n.to_string();
            }
        }
    }
}

fn object(text: &mut String, object: &Object, most: usize, depth: usize) {
    text.push_str(&object.class().name);
    if DEPTH_MAX < depth {
        return text.push_str(" {…}");
    }
    text.push_str(" {");
    let mut first = true;
    for (name, value) in object.iter().take(ITEMS_MAX) {
        let Ok(value) = value else { continue };
        if value.is_null() {
            continue;
        }
        text.push_str(if first { "" } else { ", " });
        first = false;
        *text += &format!("{name}=");
        write(text, &value, most, depth + 1);
        if most < text.len() {
            break;
        }
    }
    text.push('}');
}

/// A point in time as people write it; an interval as days and time.
fn plain_date(time: &DateTime) -> Option<String> {
    if let Ok(interval) = time.interval() {
        let seconds = interval.micros / 1_000_000;
        return Some(format!("{} d {:02}:{:02}:{:02}", seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60));
    }
    let at = time.timestamp().ok()?;
    let text = time.as_str();
    let part = |from: usize, to: usize| text.get(from..to);
    let (sign, minutes) = (if at.offset_minutes < 0 { '-' } else { '+' }, at.offset_minutes.unsigned_abs());
    Some(format!(
        "{}-{}-{} {}:{}:{} {sign}{:02}:{:02}",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?,
        minutes / 60,
        minutes % 60
    ))
}

/// What the values of an integer mean, where its class says it: `ValueMap` and `Values`.
pub(crate) fn meaning(property: &Property, value: &Value) -> Option<String> {
    let number = value.as_integer()?;
    let texts = |name: &str| match &property.qualifiers.get(name)?.value {
        Value::Array(items) => Some(items.iter().map(|i| i.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()),
        _ => None,
    };
    let names = texts("Values")?;
    let at = match texts("ValueMap") {
        Some(map) => map.iter().position(|v| v.parse() == Ok(number))?,
        None => usize::try_from(number).ok()?,
    };
    names.get(at).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{CimType, Class, Instance, Qualifier};
    use std::sync::Arc;

    #[test]
    fn a_value_is_told_on_a_line() {
        let check = |value: Value, expect: &str| assert_eq!(line(&value), expect);
        check(Value::Null, "NULL");
        check(true.into(), "TRUE");
        check((-5i64).into(), "-5");
        check(Value::Char16(65), "'A'");
        check(Value::Char16(7), "0x0007");
        check(vec!["a", "b"].into(), "{a, b}");
        check(vec![0u8; 100].into(), &format!("{{{}…}}", "0, ".repeat(64)));
        let class = Arc::new(Class {
            name: "T".into(),
            properties: vec![Property::new("A", CimType::Uint32), Property::new("B", CimType::String)],
            ..Class::default()
        });
        let mut instance = Instance::new(class);
        instance.set("A", 1u32).unwrap();
        check(instance.into(), "T {A=1}");
        assert_eq!(line(&Value::String("漢".repeat(5000))).chars().filter(|c| *c == '漢').count(), LINE_MAX / 3);
    }

    #[test]
    fn a_date_is_told_in_both_forms() {
        let check = |text: &str, expect: &str| assert_eq!(full(&Value::DateTime(DateTime::from_text(text))), expect);
        check("20240229235959.123456+060", "20240229235959.123456+060  (2024-02-29 23:59:59 +01:00)");
        check("00000002030405.000000:000", "00000002030405.000000:000  (2 d 03:04:05)");
        check("nonsense", "nonsense");
    }

    #[test]
    fn a_number_means_what_its_class_says() {
        let mut property = Property::new("State", CimType::Uint16);
        let texts = |name: &str, items: &[&str]| Qualifier {
            name: name.into(),
            flavor: Default::default(),
            ty: CimType::String.array(),
            value: items.to_vec().into(),
        };
        assert_eq!(meaning(&property, &1u16.into()), None);
        property.qualifiers.set(texts("Values", &["Other", "Running"]));
        assert_eq!(meaning(&property, &1u16.into()).as_deref(), Some("Running"));
        property.qualifiers.set(texts("ValueMap", &["1", "7"]));
        assert_eq!(meaning(&property, &7u16.into()).as_deref(), Some("Running"));
        assert_eq!(meaning(&property, &2u16.into()), None);
    }
}
