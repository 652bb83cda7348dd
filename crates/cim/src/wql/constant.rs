//! Constants in the type of the property that they are compared with: converted once, compared often.

use super::ast::Literal;
use super::date::{Locale, Moment, moment};
use crate::{CimType, DateTime, ObjectPath, Timestamp, Value, name_cmp};
use std::cmp::Ordering;

/// A constant, ready to be compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Comparand {
    Integer(i128),
    /// A number between this integer and the next: equal to none.
    Above(i128),
    Real(f64),
    Boolean(bool),
    Text(String),
    /// A UTF-16 unit; a letter in quotes ignores case.
    Unit {
        unit: u16,
        folded: bool,
    },
    Moment(Moment),
    Path {
        text: String,
        path: Option<Box<ObjectPath>>,
    },
}

impl Comparand {
    /// What a constant is for a property of a type. The error is advice.
    pub(super) fn new(literal: &Literal, ty: CimType, locale: &Locale) -> Result<Comparand, String> {
        match (ty, literal) {
            (CimType::Boolean, _) => truth(literal).map(Comparand::Boolean).ok_or_else(|| "write TRUE or FALSE".into()),
            (CimType::String, Literal::String(s)) => Ok(Comparand::Text(s.clone())),
            // A number stands for its digits: people write Handle = 4 of a process, whose handle is a string.
            (CimType::String, Literal::Number(n)) => Ok(Comparand::Text(match number(n) {
                Some(Comparand::Integer(n)) => n.to_string(),
                _ => n.clone(),
            })),
            (CimType::String, _) => Err(format!("write '{literal}' for a string")),
            (CimType::Reference, Literal::String(s)) => Ok(Comparand::Path { text: s.clone(), path: s.parse().ok().map(Box::new) }),
            (CimType::Reference, _) => Err("a reference is compared with an object path in quotes".into()),
            (CimType::DateTime, Literal::String(s)) => moment(s, locale).map(Comparand::Moment).map_err(str::to_owned),
            (CimType::DateTime, Literal::Number(n)) => {
                moment(n, locale).map(Comparand::Moment).map_err(|_| format!("write the date in quotes: '{n}'"))
            }
            (CimType::DateTime, _) => Err("write the date in quotes: '20240131120000.000000+000'".into()),
            (CimType::Char16, Literal::String(s)) => {
                let mut units = s.encode_utf16();
                match (units.next(), units.next()) {
                    (Some(unit), None) => Ok(Comparand::Unit { unit: fold(unit), folded: true }),
                    _ => Err("a char16 is one character".into()),
                }
            }
            (CimType::Char16, Literal::Number(n)) => match number(n) {
                Some(Comparand::Integer(n)) if (0..=0xFFFF).contains(&n) => Ok(Comparand::Unit { unit: n as u16, folded: false }),
                _ => Err("a char16 is one character, or a number from 0 to 65535".into()),
            },
            (CimType::Char16, _) => Err("a char16 is one character in quotes".into()),
            (CimType::Object, _) => Err("an object takes ISA and IS NULL only; write a dot and a property of it".into()),
            (_, Literal::Number(text) | Literal::String(text)) => {
                let text = text.trim();
                let converted = match ty {
                    // A real32 is compared in its own precision: 0.1 is the nearest real32 to it.
                    CimType::Real32 => real(text).map(|f| Comparand::Real(f64::from(f as f32))),
                    CimType::Real64 => real(text).map(Comparand::Real),
                    _ => number(text),
                };
                converted.ok_or_else(|| "write a number".into())
            }
            _ => Err("write a number".into()),
        }
    }

    /// How a value stands to the constant; `None` where they are of kinds without an order, which makes them unequal.
    pub(super) fn order(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Comparand::Integer(n), v) => v.as_integer().map(|v| v.cmp(n)),
            (Comparand::Above(n), v) => v.as_integer().map(|v| if v <= *n { Ordering::Less } else { Ordering::Greater }),
            (Comparand::Real(r), Value::Real32(v)) => f64::from(*v).partial_cmp(r),
            (Comparand::Real(r), Value::Real64(v)) => v.partial_cmp(r),
            (Comparand::Boolean(b), Value::Boolean(v)) => Some(v.cmp(b)),
            (Comparand::Text(t), Value::String(v)) => Some(name_cmp(v, t)),
            (Comparand::Unit { unit, folded }, Value::Char16(v)) => Some(if *folded { fold(*v) } else { *v }.cmp(unit)),
            (Comparand::Moment(m), Value::DateTime(v)) => Moment::of(v)?.order(*m),
            (Comparand::Path { text, path }, Value::Reference(v) | Value::String(v)) => {
                let same = match (path, v.parse::<ObjectPath>()) {
                    (Some(p), Ok(v)) => p.same_object(&v),
                    _ => name_cmp(v, text).is_eq(),
                };
                same.then_some(Ordering::Equal)
            }
            _ => None,
        }
    }

    /// The constant as a value of the type; `None` where no value of the type equals it.
    pub(super) fn to_value(&self, ty: CimType) -> Option<Value> {
        Some(match self {
            Comparand::Integer(n) => return Value::from_integer(*n, ty),
            Comparand::Above(_) => return None,
            Comparand::Real(r) if ty == CimType::Real32 => Value::Real32(*r as f32),
            Comparand::Real(r) => Value::Real64(*r),
            Comparand::Boolean(b) => Value::Boolean(*b),
            Comparand::Text(t) => Value::String(t.clone()),
            Comparand::Unit { unit, .. } => Value::Char16(*unit),
            Comparand::Moment(Moment::At(t)) => Value::DateTime(DateTime::from(Timestamp { unix_micros: *t, offset_minutes: 0 })),
            Comparand::Moment(Moment::Lasting(micros)) => Value::DateTime(DateTime::from(crate::Interval { micros: *micros })),
            Comparand::Path { text, .. } => Value::Reference(text.clone()),
        })
    }
}

/// TRUE, 1, -1 and their texts; FALSE, 0 and theirs.
fn truth(literal: &Literal) -> Option<bool> {
    let text = match literal {
        Literal::Boolean(b) => return Some(*b),
        Literal::String(s) | Literal::Number(s) => s.trim(),
        Literal::Null => return None,
    };
    match number(text) {
        Some(Comparand::Integer(0)) => Some(false),
        Some(Comparand::Integer(1 | -1)) => Some(true),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A number against an integer property.
fn number(text: &str) -> Option<Comparand> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let n = if hex.starts_with('+') { None } else { i128::from_str_radix(hex, 16).ok() }?;
        return Some(Comparand::Integer(if text.starts_with('-') { -n } else { n }));
    }
    if let Ok(n) = text.parse() {
        return Some(Comparand::Integer(n));
    }
    // Beyond 128 bits the cast stays at the bound, and no property reaches it.
    let r = real(text)?;
    let floor = r.floor();
    Some(if floor == r { Comparand::Integer(floor as i128) } else { Comparand::Above(floor as i128) })
}

/// A decimal number; the words that Rust reads as numbers (`inf`, `nan`) are none.
fn real(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if plain { text.parse().ok() } else { None }
}

/// The upper case of a letter that is one unit.
fn fold(unit: u16) -> u16 {
    let upper = char::from_u32(unit.into()).map(|c| u32::from(super::like::fold(c)));
    upper.and_then(|u| u.try_into().ok()).unwrap_or(unit)
}
