//! Values as people read them.

use rwmi_cim::{DateTime, Entity, Value};

/// A value on one line, without anything that could steer a terminal.
pub(crate) fn readable(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(b) => if *b { "True" } else { "False" }.into(),
        Value::Real32(f) => f.to_string(),
        Value::Real64(f) => f.to_string(),
        Value::Char16(c) => harmless(&String::from_utf16_lossy(&[*c])),
        Value::DateTime(d) => date(d),
        Value::Object(entity) => match &**entity {
            Entity::Class(c) => format!("class {}", harmless(&c.name)),
            Entity::Instance(o) => {
                let members: Vec<String> = o
                    .iter()
                    .filter_map(|(n, v)| v.ok().filter(|v| !v.is_null()).map(|v| format!("{}={}", harmless(n), readable(&v))))
                    .collect();
                format!("{}{{{}}}", harmless(&o.class().name), members.join(", "))
            }
        },
        Value::Array(items) => format!("{{{}}}", items.iter().map(readable).collect::<Vec<_>>().join(", ")),
        other => match (other.as_integer(), other.as_str()) {
            (Some(n), _) => n.to_string(),
            (_, s) => harmless(s.unwrap_or_default()),
        },
    }
}

/// Replaces line breaks and tabs by spaces, and every other control character, C1 and bidirectional override by U+FFFD.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// `2024-02-29 23:59:59 +01:00`, or `3d 04:05:06`; other texts as they are.
fn date(d: &DateTime) -> String {
    if let Ok(i) = d.interval() {
        let s = i.micros / 1_000_000;
        return format!("{}d {:02}:{:02}:{:02}", s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60);
    }
    match (d.timestamp(), d.as_str()) {
        (Ok(t), text) => {
            let offset = t.offset_minutes.unsigned_abs();
            let sign = if t.offset_minutes < 0 { '-' } else { '+' };
            let part = |a: usize, b: usize| text.get(a..b).unwrap_or_default();
            format!(
                "{}-{}-{} {}:{}:{} {sign}{:02}:{:02}",
                part(0, 4),
                part(4, 6),
                part(6, 8),
                part(8, 10),
                part(10, 12),
                part(12, 14),
                offset / 60,
                offset % 60
            )
        }
        (Err(_), text) => harmless(text),
    }
}
