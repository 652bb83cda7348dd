//! Classes: what an object can have.

use crate::{CimType, Type, Value, names_equal};
use std::sync::Arc;

/// Where a class or an instance says that it lives ([MS-WMIO] 2.2.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decoration {
    /// Name of the computer, as it names itself: `LX1`.
    pub server: String,
    /// Namespace without the computer: `ROOT\CIMV2`.
    pub namespace: String,
}

/// Flavor bits of a qualifier ([MS-WMIO] 2.2.62): how it propagates and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flavor(pub u8);

impl Flavor {
    /// `ToInstance`: propagates to instances.
    pub const TO_INSTANCE: u8 = 0x01;
    /// `ToSubclass`: propagates to derived classes.
    pub const TO_SUBCLASS: u8 = 0x02;
    /// `DisableOverride`: a derived class cannot change it.
    pub const DISABLE_OVERRIDE: u8 = 0x10;
    /// Inherited, not local. On an instance or an instance's property: came from the class.
    pub const PROPAGATED: u8 = 0x20;
    /// Comes from the system.
    pub const SYSTEM: u8 = 0x40;
    /// `Amended`: a localised text.
    pub const AMENDED: u8 = 0x80;

    /// Whether all these bits are set.
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }
}

/// A qualifier: a named remark on a class, property, method, parameter or instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Qualifier {
    /// Its name, in the case it was declared with.
    pub name: String,
    /// How it propagates.
    pub flavor: Flavor,
    /// Its type.
    pub ty: Type,
    /// Its value; of the type above, or NULL.
    pub value: Value,
}

impl Qualifier {
    /// A boolean qualifier that is TRUE.
    pub fn flag(name: &str, flavor: u8) -> Self {
        Qualifier { name: name.into(), flavor: Flavor(flavor), ty: CimType::Boolean.scalar(), value: Value::Boolean(true) }
    }

    /// A string qualifier.
    pub fn string(name: &str, value: impl Into<String>, flavor: u8) -> Self {
        Qualifier { name: name.into(), flavor: Flavor(flavor), ty: CimType::String.scalar(), value: Value::String(value.into()) }
    }
}

/// A set of qualifiers, in the order in which they were declared or sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Qualifiers(pub Vec<Qualifier>);

impl Qualifiers {
    /// The qualifier of this name.
    pub fn get(&self, name: &str) -> Option<&Qualifier> {
        self.0.iter().find(|q| names_equal(&q.name, name))
    }

    /// Whether there is a boolean qualifier of this name that is TRUE.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|q| q.value == Value::Boolean(true))
    }

    /// The text of the string qualifier of this name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|q| q.value.as_str())
    }

    /// Adds a qualifier, or replaces the one of the same name in its place.
    pub fn set(&mut self, qualifier: Qualifier) {
        match self.0.iter_mut().find(|q| names_equal(&q.name, &qualifier.name)) {
            Some(q) => *q = qualifier,
            None => self.0.push(qualifier),
        }
    }
}

/// A property of a class, own or inherited.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its type. The precise class of a reference or object is in the qualifier `CIMTYPE`.
    pub ty: Type,
    /// Which class declared it first, counted from the topmost ancestor, which is 0 (as Windows counts, unlike
    /// the text of [MS-WMIO] 2.2.32).
    pub origin: u32,
    /// Whether an ancestor declares it (type bit 0x4000). Stays set where this class overrides it.
    pub inherited: bool,
    /// Qualifiers, `CIMTYPE` among them.
    pub qualifiers: Qualifiers,
    /// Value of an instance that sets none.
    pub default: Value,
    /// Whether the default came from an ancestor.
    pub default_inherited: bool,
}

impl Property {
    /// A property of its own class: no default, `CIMTYPE` the only qualifier.
    pub fn new(name: &str, ty: impl Into<Type>) -> Self {
        let ty = ty.into();
        let cimtype = Qualifier::string("CIMTYPE", ty.cim.name(), Flavor::TO_INSTANCE | Flavor::TO_SUBCLASS);
        Property {
            name: name.into(),
            ty,
            origin: 0,
            inherited: false,
            qualifiers: Qualifiers(vec![cimtype]),
            default: Value::Null,
            default_inherited: false,
        }
    }

    /// Whether it is part of the key.
    pub fn is_key(&self) -> bool {
        self.qualifiers.is_set("key")
    }
}

/// A method of a class, own or inherited.
#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// Flags of the method's entry on the wire ([MS-WMIO] 2.2.39), as they came.
    pub flags: u8,
    /// Which class declared it first, counted from the topmost ancestor, which is 0.
    pub origin: u32,
    /// Its qualifiers.
    pub qualifiers: Qualifiers,
    /// The class `__PARAMETERS` of its in parameters; `None` where it has none.
    pub input: Option<Arc<Class>>,
    /// The class `__PARAMETERS` of its out parameters and `ReturnValue`; `None` where it has none.
    pub output: Option<Arc<Class>>,
}

/// A class with everything it has, inherited members merged in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Class {
    /// Its name; empty for the class that `GetObject` of an empty path gives.
    pub name: String,
    /// Ancestors, nearest first, without the class itself.
    pub derivation: Vec<String>,
    /// Qualifiers of the class.
    pub qualifiers: Qualifiers,
    /// Properties in declaration order: the topmost ancestor's first. An index here is the DeclarationOrder of the wire.
    pub properties: Vec<Property>,
    /// Methods, inherited ones first.
    pub methods: Vec<Method>,
    /// The superclass in full, where it is known: a class object on the wire carries it.
    pub parent: Option<Arc<Class>>,
    /// Where it lives, where that is known.
    pub decoration: Option<Decoration>,
}

impl Class {
    /// Place of a property in [`Class::properties`].
    pub fn property_index(&self, name: &str) -> Option<usize> {
        self.properties.iter().position(|p| names_equal(&p.name, name))
    }

    /// The property of this name.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|p| names_equal(&p.name, name))
    }

    /// The method of this name.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.iter().find(|m| names_equal(&m.name, name))
    }

    /// The nearest ancestor.
    pub fn superclass(&self) -> Option<&str> {
        self.derivation.first().map(String::as_str)
    }

    /// The topmost ancestor, or the class itself.
    pub fn dynasty(&self) -> &str {
        self.derivation.last().map_or(&self.name, |d| d)
    }

    /// Whether it is the named class or derives from it.
    pub fn is_a(&self, name: &str) -> bool {
        names_equal(&self.name, name) || self.derivation.iter().any(|d| names_equal(d, name))
    }

    /// The properties that make its key, in declaration order.
    pub fn keys(&self) -> impl Iterator<Item = &Property> {
        self.properties.iter().filter(|p| p.is_key())
    }

    /// Whether it has the qualifier `singleton`.
    pub fn is_singleton(&self) -> bool {
        self.qualifiers.is_set("singleton")
    }

    /// Whether it has the qualifier `abstract`.
    pub fn is_abstract(&self) -> bool {
        self.qualifiers.is_set("abstract")
    }

    /// The name of its provider, where it is dynamic.
    pub fn provider(&self) -> Option<&str> {
        if self.qualifiers.is_set("dynamic") { self.qualifiers.text("provider") } else { None }
    }
}
