//! Objects: instances of any origin.

use crate::{Class, DateTime, Decoration, ObjectPath, Qualifiers, Value};
use std::fmt;
use std::sync::Arc;

/// Why a value could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The class has no such property.
    #[error("class {class} has no property {name}")]
    NoProperty {
        /// The class that was asked.
        class: String,
        /// What was asked for.
        name: String,
    },
    /// The value is there, and of another type.
    #[error("{class}.{name} is {found}, which does not go into {wanted}")]
    Type {
        /// The class of the object.
        class: String,
        /// The property.
        name: String,
        /// CIM type of the value, `NULL` where there is none.
        found: String,
        /// What the caller wanted.
        wanted: &'static str,
    },
    /// The octets of the value are not well-formed.
    #[error("{class}.{name} is malformed, caused by {cause}")]
    Malformed {
        /// The class of the object.
        class: String,
        /// The property.
        name: String,
        /// What the decoder said.
        cause: String,
    },
}

/// Where the values of an object live: octets of the wire, XML or a vector.
pub trait Values: Send + Sync {
    /// The value of a property, by its place in the class. The error is the decoder's own sentence.
    fn value(&self, property: usize) -> Result<Value, String>;

    /// Whether the value is taken from the class rather than set on the instance.
    fn is_default(&self, property: usize) -> bool {
        let _ = property;
        false
    }

    /// Properties in the order in which their values were set, where that is known; those that were not set may be left out.
    /// An encoding that keeps this order gives back the octets that came.
    fn set_order(&self) -> Option<Vec<usize>> {
        None
    }

    /// Qualifiers of the instance itself.
    fn qualifiers(&self) -> Result<Qualifiers, String> {
        Ok(Qualifiers::default())
    }

    /// Qualifiers of its properties, one set a property in the order of the class, where it has any of its own.
    fn property_qualifiers(&self) -> Result<Option<Vec<Qualifiers>>, String> {
        Ok(None)
    }
}

impl Values for Vec<Value> {
    fn value(&self, property: usize) -> Result<Value, String> {
        Ok(self.get(property).cloned().unwrap_or(Value::Null))
    }
}

/// An instance of any origin. The class is shared; a value is decoded when it is asked for. Cheap to clone.
#[derive(Clone)]
pub struct Object {
    class: Arc<Class>,
    values: Arc<dyn Values>,
    decoration: Option<Arc<Decoration>>,
}

impl Object {
    /// An object of a class with values that live elsewhere.
    pub fn new(class: Arc<Class>, values: Arc<dyn Values>, decoration: Option<Arc<Decoration>>) -> Self {
        Object { class, values, decoration }
    }

    /// Its class.
    pub fn class(&self) -> &Arc<Class> {
        &self.class
    }

    /// Where it lives, if it says so.
    pub fn decoration(&self) -> Option<&Decoration> {
        self.decoration.as_deref()
    }

    /// The same object, living elsewhere.
    #[must_use]
    pub fn with_decoration(self, decoration: Option<Arc<Decoration>>) -> Self {
        Object { decoration, ..self }
    }

    /// The shared form of [`Object::decoration`].
    pub fn decoration_arc(&self) -> Option<&Arc<Decoration>> {
        self.decoration.as_ref()
    }

    /// The value of a property as a Rust type; `Option<T>` takes NULL.
    pub fn get<T: FromCim>(&self, name: &str) -> Result<T, ObjectError> {
        let index =
            self.class.property_index(name).ok_or_else(|| ObjectError::NoProperty { class: self.class.name.clone(), name: name.into() })?;
        T::from_cim(self.value_at(index)?).map_err(|v| ObjectError::Type {
            class: self.class.name.clone(),
            name: name.into(),
            found: v.cim_type().map_or("NULL".into(), |t| t.to_string()),
            wanted: std::any::type_name::<T>(),
        })
    }

    /// The value of the property at this place in the class.
    pub fn value_at(&self, index: usize) -> Result<Value, ObjectError> {
        self.values.value(index).map_err(|cause| ObjectError::Malformed {
            class: self.class.name.clone(),
            name: self.class.properties.get(index).map_or(String::new(), |p| p.name.clone()),
            cause,
        })
    }

    /// Whether the value at this place is the class's default rather than the instance's own.
    pub fn is_default_at(&self, index: usize) -> bool {
        self.values.is_default(index)
    }

    /// Properties in the order in which their values were set, where that is known. See [`Values::set_order`].
    pub fn set_order(&self) -> Option<Vec<usize>> {
        self.values.set_order()
    }

    /// Qualifiers of the instance itself; those of its class are in the class.
    pub fn qualifiers(&self) -> Result<Qualifiers, ObjectError> {
        self.values.qualifiers().map_err(|cause| self.malformed_qualifiers(cause))
    }

    /// Qualifiers of its properties, one set a property in the order of the class, where it has any of its own.
    pub fn property_qualifiers(&self) -> Result<Option<Vec<Qualifiers>>, ObjectError> {
        self.values.property_qualifiers().map_err(|cause| self.malformed_qualifiers(cause))
    }

    fn malformed_qualifiers(&self, cause: String) -> ObjectError {
        ObjectError::Malformed { class: self.class.name.clone(), name: "(qualifiers)".into(), cause }
    }

    /// Names and values in declaration order. One bad value does not lose the others.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Result<Value, ObjectError>)> {
        self.class.properties.iter().enumerate().map(|(i, p)| (p.name.as_str(), self.value_at(i)))
    }

    /// The object with all values decoded.
    pub fn to_instance(&self) -> Result<Instance, ObjectError> {
        let mut instance = Instance::new(self.class.clone());
        for index in 0..self.class.properties.len() {
            instance.values[index] = self.value_at(index)?;
            instance.is_default[index] = self.values.is_default(index);
        }
        instance.qualifiers = self.qualifiers()?;
        instance.property_qualifiers = self.property_qualifiers()?;
        instance.decoration = self.decoration.as_deref().cloned();
        Ok(instance)
    }

    /// Class and keys, without computer and namespace: `Win32_Process.Handle="1"`. `None` where a key is NULL,
    /// malformed or left out by a projection, or the class has none.
    pub fn relative_path(&self) -> Option<ObjectPath> {
        ObjectPath::of(self)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut s = f.debug_struct(&self.class.name);
        for (name, value) in self.iter() {
            match value {
                Ok(v) => s.field(name, &v),
                Err(e) => s.field(name, &e.to_string()),
            };
        }
        s.finish()
    }
}

/// Two objects are equal when class name, property names and values are.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.class.name == other.class.name && self.iter().eq(other.iter())
    }
}

/// An instance with its values in a vector: what providers, MOF and methods build.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its class.
    pub class: Arc<Class>,
    /// A value a property, in the order of the class.
    /// INVARIANT: values.len() == is_default.len() == class.properties.len()
    pub values: Vec<Value>,
    /// Whether the value is the class's default rather than set here (NdTable bit 1).
    pub is_default: Vec<bool>,
    /// Qualifiers of the instance itself.
    pub qualifiers: Qualifiers,
    /// Qualifiers of its properties, one set a property in the order of the class, where it has any of its own.
    pub property_qualifiers: Option<Vec<Qualifiers>>,
    /// Where it lives, where that is known.
    pub decoration: Option<Decoration>,
}

impl Instance {
    /// An instance with every property at the default of its class.
    pub fn new(class: Arc<Class>) -> Self {
        let values: Vec<Value> = class.properties.iter().map(|p| p.default.clone()).collect();
        let is_default = vec![true; values.len()];
        Instance { class, values, is_default, qualifiers: Qualifiers::default(), property_qualifiers: None, decoration: None }
    }

    /// The value of a property, NULL where it is NULL; `None` where the class has no such property.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(self.class.property_index(name)?)
    }

    /// Sets a property; an error names the property that the class does not have.
    ///
    /// The value is not converted: the caller gives one of the property's type.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<(), ObjectError> {
        let index =
            self.class.property_index(name).ok_or_else(|| ObjectError::NoProperty { class: self.class.name.clone(), name: name.into() })?;
        self.values[index] = value.into();
        self.is_default[index] = false;
        Ok(())
    }
}

struct InstanceValues {
    values: Vec<Value>,
    is_default: Vec<bool>,
    qualifiers: Qualifiers,
    property_qualifiers: Option<Vec<Qualifiers>>,
}

impl Values for InstanceValues {
    fn value(&self, property: usize) -> Result<Value, String> {
        self.values.value(property)
    }

    fn is_default(&self, property: usize) -> bool {
        self.is_default.get(property).copied().unwrap_or(false)
    }

    fn qualifiers(&self) -> Result<Qualifiers, String> {
        Ok(self.qualifiers.clone())
    }

    fn property_qualifiers(&self) -> Result<Option<Vec<Qualifiers>>, String> {
        Ok(self.property_qualifiers.clone())
    }
}

impl From<Instance> for Object {
    fn from(i: Instance) -> Self {
        let decoration = i.decoration.map(Arc::new);
        let values = InstanceValues {
            values: i.values,
            is_default: i.is_default,
            qualifiers: i.qualifiers,
            property_qualifiers: i.property_qualifiers,
        };
        Object::new(i.class, Arc::new(values), decoration)
    }
}

/// What an interface pointer to IWbemClassObject can hold: a class or an instance.
#[derive(Debug, Clone, PartialEq)]
pub enum Entity {
    /// A class.
    Class(Arc<Class>),
    /// An instance.
    Instance(Object),
}

impl Entity {
    /// The class, or the class of the instance.
    pub fn class(&self) -> &Arc<Class> {
        match self {
            Entity::Class(c) => c,
            Entity::Instance(o) => o.class(),
        }
    }

    /// The instance, if it is one.
    pub fn as_instance(&self) -> Option<&Object> {
        match self {
            Entity::Instance(o) => Some(o),
            Entity::Class(_) => None,
        }
    }
}

impl From<Instance> for Entity {
    fn from(i: Instance) -> Self {
        Entity::Instance(i.into())
    }
}

/// An embedded object.
impl From<Instance> for Value {
    fn from(i: Instance) -> Self {
        Value::Object(Box::new(Entity::from(i)))
    }
}

/// A Rust type that a CIM value can become. The value comes back where it cannot.
pub trait FromCim: Sized {
    /// Converts without loss, or gives the value back.
    fn from_cim(value: Value) -> Result<Self, Value>;
}

impl FromCim for Value {
    fn from_cim(value: Value) -> Result<Self, Value> {
        Ok(value)
    }
}

impl<T: FromCim> FromCim for Option<T> {
    fn from_cim(value: Value) -> Result<Self, Value> {
        if value.is_null() { Ok(None) } else { T::from_cim(value).map(Some) }
    }
}

impl<T: FromCim> FromCim for Vec<T> {
    fn from_cim(value: Value) -> Result<Self, Value> {
        match value {
            Value::Array(items) => items.into_iter().map(T::from_cim).collect(),
            other => Err(other),
        }
    }
}

macro_rules! from_integer { ($($t:ty),*) => { $(
    impl FromCim for $t {
        fn from_cim(value: Value) -> Result<Self, Value> {
            value.as_integer().and_then(|n| n.try_into().ok()).ok_or(value)
        }
    }
)* } }
from_integer!(i8, u8, i16, u16, i32, u32, i64, u64, i128);

impl FromCim for f64 {
    fn from_cim(value: Value) -> Result<Self, Value> {
        match value {
            Value::Real32(f) => Ok(f.into()),
            Value::Real64(f) => Ok(f),
            other => i32::from_cim(other).map(f64::from),
        }
    }
}

impl FromCim for bool {
    fn from_cim(value: Value) -> Result<Self, Value> {
        if let Value::Boolean(b) = value { Ok(b) } else { Err(value) }
    }
}

impl FromCim for String {
    fn from_cim(value: Value) -> Result<Self, Value> {
        match value {
            Value::String(s) | Value::Reference(s) => Ok(s),
            Value::DateTime(d) => Ok(d.as_str().to_owned()),
            other => Err(other),
        }
    }
}

impl FromCim for DateTime {
    fn from_cim(value: Value) -> Result<Self, Value> {
        if let Value::DateTime(d) = value { Ok(d) } else { Err(value) }
    }
}

impl FromCim for Entity {
    fn from_cim(value: Value) -> Result<Self, Value> {
        if let Value::Object(o) = value { Ok(*o) } else { Err(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CimType, Property};

    fn class() -> Arc<Class> {
        Arc::new(Class {
            name: "Demo".into(),
            properties: vec![Property::new("A", CimType::Uint32), Property::new("B", CimType::String)],
            ..Class::default()
        })
    }

    #[test]
    fn a_value_is_asked_for_by_any_case_and_type_that_holds_it() {
        let mut i = Instance::new(class());
        i.set("a", 7u32).unwrap();
        let o = Object::from(i);
        assert_eq!(o.get::<u64>("A"), Ok(7));
        assert_eq!(o.get::<Option<String>>("b"), Ok(None));
        assert_eq!(o.get::<String>("A").unwrap_err().to_string(), "Demo.A is uint32, which does not go into alloc::string::String");
        assert!(matches!(o.get::<u32>("C"), Err(ObjectError::NoProperty { .. })));
    }

    #[test]
    fn an_instance_survives_the_way_through_an_object() {
        let mut i = Instance::new(class());
        i.set("B", "x").unwrap();
        i.qualifiers.set(crate::Qualifier::flag("dynamic", 0));
        i.property_qualifiers = Some(vec![i.qualifiers.clone(), Qualifiers::default()]);
        assert_eq!(Object::from(i.clone()).to_instance().unwrap(), i);
    }
}
