//! CIM types and values.

use crate::{DateTime, Entity};
use std::fmt;

/// A CIM type without its array bit ([MS-WMIO] 2.2.82).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CimType {
    /// `sint8`, code 16.
    Sint8,
    /// `uint8`, code 17.
    Uint8,
    /// `sint16`, code 2.
    Sint16,
    /// `uint16`, code 18.
    Uint16,
    /// `sint32`, code 3.
    Sint32,
    /// `uint32`, code 19.
    Uint32,
    /// `sint64`, code 20.
    Sint64,
    /// `uint64`, code 21.
    Uint64,
    /// `real32`, code 4.
    Real32,
    /// `real64`, code 5.
    Real64,
    /// `boolean`, code 11.
    Boolean,
    /// `string`, code 8.
    String,
    /// `datetime`, code 101.
    DateTime,
    /// A reference to an object, code 102.
    Reference,
    /// `char16`, code 103.
    Char16,
    /// An embedded object, code 13.
    Object,
}

impl CimType {
    /// Every type, in the order of the declaration.
    pub const ALL: [CimType; 16] = [
        CimType::Sint8,
        CimType::Uint8,
        CimType::Sint16,
        CimType::Uint16,
        CimType::Sint32,
        CimType::Uint32,
        CimType::Sint64,
        CimType::Uint64,
        CimType::Real32,
        CimType::Real64,
        CimType::Boolean,
        CimType::String,
        CimType::DateTime,
        CimType::Reference,
        CimType::Char16,
        CimType::Object,
    ];

    /// The code on the wire.
    pub const fn code(self) -> u16 {
        match self {
            CimType::Sint8 => 16,
            CimType::Uint8 => 17,
            CimType::Sint16 => 2,
            CimType::Uint16 => 18,
            CimType::Sint32 => 3,
            CimType::Uint32 => 19,
            CimType::Sint64 => 20,
            CimType::Uint64 => 21,
            CimType::Real32 => 4,
            CimType::Real64 => 5,
            CimType::Boolean => 11,
            CimType::String => 8,
            CimType::DateTime => 101,
            CimType::Reference => 102,
            CimType::Char16 => 103,
            CimType::Object => 13,
        }
    }

    /// The type of a code on the wire, array and inheritance bits taken off.
    pub const fn from_code(code: u16) -> Option<CimType> {
        Some(match code {
            16 => CimType::Sint8,
            17 => CimType::Uint8,
            2 => CimType::Sint16,
            18 => CimType::Uint16,
            3 => CimType::Sint32,
            19 => CimType::Uint32,
            20 => CimType::Sint64,
            21 => CimType::Uint64,
            4 => CimType::Real32,
            5 => CimType::Real64,
            11 => CimType::Boolean,
            8 => CimType::String,
            101 => CimType::DateTime,
            102 => CimType::Reference,
            103 => CimType::Char16,
            13 => CimType::Object,
            _ => return None,
        })
    }

    /// The MOF keyword; `ref` and `object` for those two.
    pub const fn name(self) -> &'static str {
        match self {
            CimType::Sint8 => "sint8",
            CimType::Uint8 => "uint8",
            CimType::Sint16 => "sint16",
            CimType::Uint16 => "uint16",
            CimType::Sint32 => "sint32",
            CimType::Uint32 => "uint32",
            CimType::Sint64 => "sint64",
            CimType::Uint64 => "uint64",
            CimType::Real32 => "real32",
            CimType::Real64 => "real64",
            CimType::Boolean => "boolean",
            CimType::String => "string",
            CimType::DateTime => "datetime",
            CimType::Reference => "ref",
            CimType::Char16 => "char16",
            CimType::Object => "object",
        }
    }

    /// The type of a MOF keyword, any case.
    pub fn from_name(name: &str) -> Option<CimType> {
        if name.eq_ignore_ascii_case("reference") {
            return Some(CimType::Reference);
        }
        CimType::ALL.into_iter().find(|t| t.name().eq_ignore_ascii_case(name))
    }

    /// Whether values are numbers that can be ordered: integers and reals, not `char16`, not `boolean`.
    pub const fn is_numeric(self) -> bool {
        !matches!(self, CimType::Boolean | CimType::String | CimType::DateTime | CimType::Reference | CimType::Char16 | CimType::Object)
    }

    /// An array of this type.
    pub const fn array(self) -> Type {
        Type { cim: self, array: true }
    }

    /// This type as a scalar.
    pub const fn scalar(self) -> Type {
        Type { cim: self, array: false }
    }
}

/// A CIM type with its array bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Type {
    /// The type of the value or of each element.
    pub cim: CimType,
    /// Whether it is an array.
    pub array: bool,
}

impl From<CimType> for Type {
    fn from(cim: CimType) -> Self {
        cim.scalar()
    }
}

/// `uint32`, `string[]`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cim.name())?;
        if self.array { f.write_str("[]") } else { Ok(()) }
    }
}

/// A value of a property, parameter or qualifier.
///
/// An array holds values of one type; its type is that of the property. An element is [`Value::Null`] only
/// where a peer sent a null reference inside an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL: distinct from the empty string and from 0.
    Null,
    /// A `sint8`.
    Sint8(i8),
    /// A `uint8`.
    Uint8(u8),
    /// A `sint16`.
    Sint16(i16),
    /// A `uint16`.
    Uint16(u16),
    /// A `sint32`.
    Sint32(i32),
    /// A `uint32`.
    Uint32(u32),
    /// A `sint64`.
    Sint64(i64),
    /// A `uint64`.
    Uint64(u64),
    /// A `real32`.
    Real32(f32),
    /// A `real64`.
    Real64(f64),
    /// A `boolean`.
    Boolean(bool),
    /// A `string`.
    String(String),
    /// A `datetime`: a point in time or an interval.
    DateTime(DateTime),
    /// The path of an object, as text.
    Reference(String),
    /// A `char16`: one UTF-16 unit.
    Char16(u16),
    /// An embedded object, class or instance.
    Object(Box<Entity>),
    /// An array of any of these.
    Array(Vec<Value>),
}

impl Value {
    /// The type that the value itself shows; `None` for NULL and for an array without a non-null element.
    pub fn cim_type(&self) -> Option<Type> {
        Some(match self {
            Value::Null => return None,
            Value::Sint8(_) => CimType::Sint8.scalar(),
            Value::Uint8(_) => CimType::Uint8.scalar(),
            Value::Sint16(_) => CimType::Sint16.scalar(),
            Value::Uint16(_) => CimType::Uint16.scalar(),
            Value::Sint32(_) => CimType::Sint32.scalar(),
            Value::Uint32(_) => CimType::Uint32.scalar(),
            Value::Sint64(_) => CimType::Sint64.scalar(),
            Value::Uint64(_) => CimType::Uint64.scalar(),
            Value::Real32(_) => CimType::Real32.scalar(),
            Value::Real64(_) => CimType::Real64.scalar(),
            Value::Boolean(_) => CimType::Boolean.scalar(),
            Value::String(_) => CimType::String.scalar(),
            Value::DateTime(_) => CimType::DateTime.scalar(),
            Value::Reference(_) => CimType::Reference.scalar(),
            Value::Char16(_) => CimType::Char16.scalar(),
            Value::Object(_) => CimType::Object.scalar(),
            Value::Array(items) => return items.iter().find_map(Value::cim_type).map(|t| t.cim.array()),
        })
    }

    /// Whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The integer in it, if it is one (`char16` and `boolean` are not).
    pub fn as_integer(&self) -> Option<i128> {
        Some(match *self {
            Value::Sint8(n) => n.into(),
            Value::Uint8(n) => n.into(),
            Value::Sint16(n) => n.into(),
            Value::Uint16(n) => n.into(),
            Value::Sint32(n) => n.into(),
            Value::Uint32(n) => n.into(),
            Value::Sint64(n) => n.into(),
            Value::Uint64(n) => n.into(),
            _ => return None,
        })
    }

    /// The text in it: of a string, a reference or a datetime.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) | Value::Reference(s) => Some(s),
            Value::DateTime(d) => Some(d.as_str()),
            _ => None,
        }
    }

    /// An integer as a value of an integer type; `None` where it does not fit or the type is another.
    pub fn from_integer(n: i128, ty: CimType) -> Option<Value> {
        Some(match ty {
            CimType::Sint8 => Value::Sint8(n.try_into().ok()?),
            CimType::Uint8 => Value::Uint8(n.try_into().ok()?),
            CimType::Sint16 => Value::Sint16(n.try_into().ok()?),
            CimType::Uint16 => Value::Uint16(n.try_into().ok()?),
            CimType::Sint32 => Value::Sint32(n.try_into().ok()?),
            CimType::Uint32 => Value::Uint32(n.try_into().ok()?),
            CimType::Sint64 => Value::Sint64(n.try_into().ok()?),
            CimType::Uint64 => Value::Uint64(n.try_into().ok()?),
            CimType::Char16 => Value::Char16(n.try_into().ok()?),
            _ => return None,
        })
    }
}

macro_rules! value_from { ($($t:ty => $v:ident),*) => { $(
    impl From<$t> for Value { fn from(v: $t) -> Self { Value::$v(v) } }
)* } }
value_from!(i8 => Sint8, u8 => Uint8, i16 => Sint16, u16 => Uint16, i32 => Sint32, u32 => Uint32, i64 => Sint64, u64 => Uint64,
    f32 => Real32, f64 => Real64, bool => Boolean, String => String, DateTime => DateTime);

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::String(s.to_owned())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(v: Vec<T>) -> Self {
        Value::Array(v.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_returns_from_its_code_and_its_name() {
        for t in CimType::ALL {
            assert_eq!(CimType::from_code(t.code()), Some(t));
            assert_eq!(CimType::from_name(&t.name().to_uppercase()), Some(t));
        }
        assert_eq!(CimType::String.array().to_string(), "string[]");
    }

    #[test]
    fn an_integer_becomes_a_value_only_where_it_fits() {
        assert_eq!(Value::from_integer(255, CimType::Uint8), Some(Value::Uint8(255)));
        assert_eq!(Value::from_integer(256, CimType::Uint8), None);
        assert_eq!(Value::from_integer(-1, CimType::Uint64), None);
        assert_eq!(Value::from_integer(1, CimType::String), None);
    }
}
