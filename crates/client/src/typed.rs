//! Rows as Rust types: serde reads straight from an object.

use rwmi_cim::{Entity, Object, Value};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::fmt;

/// Why an object does not fit a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedError(String);

impl fmt::Display for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TypedError {}

impl de::Error for TypedError {
    fn custom<T: fmt::Display>(msg: T) -> Self {
        TypedError(msg.to_string())
    }
}

/// Reads a type from an object. Field names match property names without case; a property that is NULL goes into an
/// `Option`; a `datetime` goes into a `String` of its 25 characters; an embedded object goes into a nested structure.
pub fn from_object<T: DeserializeOwned>(object: &Object) -> Result<T, TypedError> {
    T::deserialize(ObjectDeserializer(object)).map_err(|e| TypedError(format!("{}: {e}", object.class().name)))
}

/// The names of a structure's fields, as it asks for them: what a SELECT list needs.
pub fn field_names<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut fields = None;
    let _ = T::deserialize(FieldNames(&mut fields));
    fields
}

/// The name of a structure: the class it stands for, unless told otherwise.
pub fn struct_name<T: DeserializeOwned>() -> Option<&'static str> {
    let mut name = None;
    let _ = T::deserialize(StructName(&mut name));
    name
}

struct ObjectDeserializer<'a>(&'a Object);

impl<'de> Deserializer<'de> for ObjectDeserializer<'_> {
    type Error = TypedError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        let names = self.0.class().properties.iter().map(|p| p.name.clone()).collect();
        visitor.visit_map(Properties { object: self.0, names, next: 0, current: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        // Only what the structure has is decoded; its own spelling goes to its visitor.
        let class = self.0.class();
        let names = fields.iter().filter(|f| class.property_index(f).is_some()).map(|f| (*f).to_owned()).collect();
        visitor.visit_map(Properties { object: self.0, names, next: 0, current: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

struct Properties<'a> {
    object: &'a Object,
    names: Vec<String>,
    next: usize,
    current: Option<String>,
}

impl<'de> MapAccess<'de> for Properties<'_> {
    type Error = TypedError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, TypedError> {
        let Some(name) = self.names.get(self.next) else { return Ok(None) };
        self.next += 1;
        self.current = Some(name.clone());
        seed.deserialize(name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, TypedError> {
        let name = self.current.take().ok_or_else(|| TypedError("a value was asked for before its name".into()))?;
        let value = self.object.get::<Value>(&name).map_err(|e| TypedError(e.to_string()))?;
        seed.deserialize(ValueDeserializer(value)).map_err(|e| TypedError(format!("{name}: {e}")))
    }
}

struct ValueDeserializer(Value);

impl<'de> Deserializer<'de> for ValueDeserializer {
    type Error = TypedError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Sint8(n) => visitor.visit_i8(n),
            Value::Uint8(n) => visitor.visit_u8(n),
            Value::Sint16(n) => visitor.visit_i16(n),
            Value::Uint16(n) | Value::Char16(n) => visitor.visit_u16(n),
            Value::Sint32(n) => visitor.visit_i32(n),
            Value::Uint32(n) => visitor.visit_u32(n),
            Value::Sint64(n) => visitor.visit_i64(n),
            Value::Uint64(n) => visitor.visit_u64(n),
            Value::Real32(f) => visitor.visit_f32(f),
            Value::Real64(f) => visitor.visit_f64(f),
            Value::Boolean(b) => visitor.visit_bool(b),
            Value::String(s) | Value::Reference(s) => visitor.visit_string(s),
            Value::DateTime(d) => visitor.visit_str(d.as_str()),
            Value::Object(entity) => match *entity {
                Entity::Instance(o) => ObjectDeserializer(&o).deserialize_any(visitor),
                Entity::Class(c) => visitor.visit_str(&c.name),
            },
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        match self.0 {
            Value::Object(entity) => match *entity {
                Entity::Instance(o) => ObjectDeserializer(&o).deserialize_struct(name, fields, visitor),
                Entity::Class(c) => Err(TypedError(format!("a class, {}, where an instance was expected", c.name))),
            },
            other => ValueDeserializer(other).deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, TypedError> {
        match self.0 {
            Value::String(s) => visitor.visit_enum(s.into_deserializer()),
            other => Err(TypedError(format!("{other:?} where the name of a variant was expected"))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier ignored_any
    }
}

struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = TypedError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TypedError> {
        self.0.next().map(|v| seed.deserialize(ValueDeserializer(v))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

macro_rules! peek {
    ($t:ident, $name:ident, $fields:ident => $e:expr, $ty:ty) => {
        struct $t<'a>(&'a mut Option<$ty>);
        impl<'de> Deserializer<'de> for $t<'_> {
            type Error = TypedError;
            fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TypedError> {
                Err(TypedError("not a structure".into()))
            }
            fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, TypedError> {
                visitor.visit_newtype_struct(self)
            }
            fn deserialize_struct<V: Visitor<'de>>(self, $name: &'static str, $fields: &'static [&'static str], _: V) -> Result<V::Value, TypedError> {
                *self.0 = Some($e);
                Err(TypedError("only its shape was asked for".into()))
            }
            forward_to_deserialize_any! {
                bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
                tuple_struct map enum identifier ignored_any
            }
        }
    };
}
peek!(FieldNames, _name, fields => fields, &'static [&'static str]);
peek!(StructName, name, _fields => name, &'static str);

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{CimType, Class, Instance, Property};
    use serde::Deserialize;
    use std::sync::Arc;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename = "Win32_Service", rename_all = "PascalCase")]
    struct Service {
        name: String,
        process_id: Option<u32>,
        tags: Vec<String>,
    }

    fn object(process_id: Value) -> Object {
        let property = |n: &str, t: rwmi_cim::Type| Property::new(n, t);
        let class = Arc::new(Class {
            name: "Win32_Service".into(),
            properties: vec![
                property("NAME", CimType::String.scalar()),
                property("ProcessId", CimType::Uint32.scalar()),
                property("Tags", CimType::String.array()),
                property("Extra", CimType::Uint8.scalar()),
            ],
            ..Class::default()
        });
        let mut i = Instance::new(class);
        i.set("Name", "cron").unwrap();
        i.set("ProcessId", process_id).unwrap();
        i.set("Tags", vec!["a".to_owned()]).unwrap();
        i.into()
    }

    #[test]
    fn a_structure_is_read_by_its_field_names() {
        assert_eq!(
            from_object::<Service>(&object(Value::Null)).unwrap(),
            Service { name: "cron".into(), process_id: None, tags: vec!["a".into()] }
        );
        assert_eq!(from_object::<Service>(&object(Value::Uint32(7))).unwrap().process_id, Some(7));
    }

    #[test]
    fn a_misfit_names_class_and_property() {
        let e = from_object::<Service>(&object("x".into())).unwrap_err();
        assert!(e.to_string().starts_with("Win32_Service: ProcessId: "), "{e}");
    }

    #[test]
    fn a_structure_tells_its_class_and_its_select_list() {
        assert_eq!(struct_name::<Service>(), Some("Win32_Service"));
        assert_eq!(field_names::<Service>(), Some(&["Name", "ProcessId", "Tags"][..]));
        assert_eq!(field_names::<u32>(), None);
    }
}
