//! How values are written for programs: the options that formats share.

use crate::paint::Paint;
use rwmi_cim::{DateTime, Entity, Object, Value};
use serde_json::{Map, Number, Value as Json};

/// How values are written for programs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Style {
    /// 64-bit integers as strings, for readers whose numbers are doubles.
    pub(crate) uint64_as_text: bool,
    /// `datetime` as ISO 8601 instead of the 25 characters of WMI.
    pub(crate) iso_dates: bool,
    /// Every number as a string, booleans as `True` and `False`.
    pub(crate) strings: bool,
    /// Properties that name a series (influx, prometheus); where empty the keys of the class.
    pub(crate) tags: Vec<String>,
    /// Stands before measurements and metrics.
    pub(crate) prefix: String,
    /// The namespace that was asked, for paths.
    pub(crate) namespace: String,
    /// The time that rows are stamped with, in nanoseconds since 1970; `None` leaves it out.
    pub(crate) stamp: Option<u64>,
    /// What paints headings for people; programs get none.
    pub(crate) paint: Paint,
}

impl Style {
    /// A value as JSON.
    pub(crate) fn json(&self, value: &Value) -> Json {
        // JSON has no infinities and no NaN.
        let real = |f: f64| match Number::from_f64(f) {
            Some(_) if self.strings => self.text(value).into(),
            number => number.map_or(Json::Null, Json::Number),
        };
        match value {
            Value::Null => Json::Null,
            Value::Boolean(b) if self.strings => truth(*b).into(),
            Value::Boolean(b) => Json::Bool(*b),
            Value::Real32(f) => real(f64::from(*f)),
            Value::Real64(f) => real(*f),
            Value::Uint64(_) | Value::Sint64(_) if self.uint64_as_text || self.strings => self.text(value).into(),
            Value::Uint64(n) => (*n).into(),
            Value::Char16(c) => String::from_utf16_lossy(&[*c]).into(),
            Value::DateTime(d) => self.date(d).into(),
            Value::Object(entity) => self.entity(entity),
            Value::Array(items) => items.iter().map(|v| self.json(v)).collect(),
            other => match (other.as_integer(), other.as_str()) {
                (Some(n), _) if self.strings => n.to_string().into(),
                (Some(n), _) => i64::try_from(n).map_or(Json::Null, Into::into),
                (_, Some(s)) => s.into(),
                _ => Json::Null,
            },
        }
    }

    /// An embedded object: its class in `__CLASS`, then its properties; a class has `__GENUS` 1.
    fn entity(&self, entity: &Entity) -> Json {
        let mut map = Map::new();
        map.insert("__CLASS".into(), entity.class().name.clone().into());
        match entity {
            Entity::Class(class) => {
                map.insert("__GENUS".into(), 1.into());
                for p in &class.properties {
                    map.insert(p.name.clone(), self.json(&p.default));
                }
            }
            Entity::Instance(object) => {
                for (name, value) in object.iter() {
                    map.insert(name.to_owned(), value.as_ref().map_or(Json::Null, |v| self.json(v)));
                }
            }
        }
        Json::Object(map)
    }

    /// A value as one text without decoration: what a program compares. Arrays and objects are JSON. NULL is empty.
    pub(crate) fn text(&self, value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::Boolean(b) => truth(*b).into(),
            Value::Real32(f) => f.to_string(),
            Value::Real64(f) => f.to_string(),
            Value::Char16(c) => String::from_utf16_lossy(&[*c]),
            Value::DateTime(d) => self.date(d),
            Value::Object(_) | Value::Array(_) => self.json(value).to_string(),
            other => match (other.as_integer(), other.as_str()) {
                (Some(n), _) => n.to_string(),
                (_, s) => s.unwrap_or_default().into(),
            },
        }
    }

    /// A `datetime` as the options want it.
    pub(super) fn date(&self, d: &DateTime) -> String {
        if self.iso_dates { iso(d) } else { d.as_str().into() }
    }

    /// Whether a property names the series of its row.
    pub(super) fn is_tag(&self, object: &Object, index: usize) -> bool {
        let property = &object.class().properties[index];
        if self.tags.is_empty() { property.is_key() } else { self.tags.iter().any(|t| rwmi_cim::names_equal(t, &property.name)) }
    }
}

/// `True` and `False`, as the tools of Windows write them.
fn truth(b: bool) -> &'static str {
    if b { "True" } else { "False" }
}

/// `2024-02-29T23:59:59.123456+01:00`, or a duration `P3DT4H5M6S`; a text that is neither, or has unspecified fields, as it is.
fn iso(d: &DateTime) -> String {
    let fraction = |micros: u64| if micros == 0 { String::new() } else { format!(".{micros:06}") };
    if let Ok(i) = d.interval() {
        let s = i.micros / 1_000_000;
        let (days, hours, minutes) = (s / 86_400, s / 3_600 % 24, s / 60 % 60);
        return format!("P{days}DT{hours}H{minutes}M{}{}S", s % 60, fraction(i.micros % 1_000_000));
    }
    let (Ok(t), text) = (d.timestamp(), d.as_str()) else { return d.as_str().into() };
    let part = |a: usize, b: usize| text.get(a..b).unwrap_or_default();
    let offset = match t.offset_minutes {
        0 => "Z".into(),
        n => format!("{}{:02}:{:02}", if n < 0 { '-' } else { '+' }, n.unsigned_abs() / 60, n.unsigned_abs() % 60),
    };
    let fraction = fraction(part(15, 21).parse().unwrap_or_default());
    format!("{}-{}-{}T{}:{}:{}{fraction}{offset}", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_of_the_standard_where_they_are_whole() {
        let check = |text: &str, expect: &str| assert_eq!(iso(&DateTime::from_text(text)), expect, "{text}");
        check("20240229235959.123456+060", "2024-02-29T23:59:59.123456+01:00");
        check("20240229235959.000000-210", "2024-02-29T23:59:59-03:30");
        check("20240229235959.000000+000", "2024-02-29T23:59:59Z");
        check("00000003040506.000000:000", "P3DT4H5M6S");
        check("00000000000000.000007:000", "P0DT0H0M0.000007S");
        check("20240229******.******+***", "20240229******.******+***");
        check("", "");
    }

    #[test]
    fn numbers_can_be_texts() {
        let check = |style: &Style, value: Value, expect: &str| assert_eq!(style.json(&value).to_string(), expect, "{value:?}");
        let plain = Style::default();
        check(&plain, Value::Uint64(u64::MAX), "18446744073709551615");
        check(&plain, Value::Real64(f64::NAN), "null");
        let wide = Style { uint64_as_text: true, ..Style::default() };
        check(&wide, Value::Uint64(u64::MAX), "\"18446744073709551615\"");
        check(&wide, Value::Sint64(-1), "\"-1\"");
        check(&wide, Value::Uint32(7), "7");
        check(&wide, Value::Array(vec![Value::Uint64(1)]), "[\"1\"]");
        let strings = Style { strings: true, ..Style::default() };
        check(&strings, Value::Uint8(0), "\"0\"");
        check(&strings, Value::Boolean(false), "\"False\"");
        check(&strings, Value::Real32(0.5), "\"0.5\"");
        check(&strings, Value::Real32(f32::INFINITY), "null");
        check(&strings, Value::Null, "null");
    }
}
