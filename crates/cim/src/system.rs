//! System properties: what every object has without carrying it. They are computed from the class, the keys and the
//! decoration, by whoever shows an object.

use crate::{CimType, Class, Decoration, Entity, Object, ObjectPath, Type, Value, names_equal};

/// A property that every class and every instance has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SystemProperty {
    /// `__GENUS`, `sint32`: 1 of a class, 2 of an instance.
    Genus,
    /// `__CLASS`, `string`: the name of the class.
    Class,
    /// `__SUPERCLASS`, `string`: the nearest ancestor, NULL of a topmost class.
    Superclass,
    /// `__DYNASTY`, `string`: the topmost ancestor, or the class itself.
    Dynasty,
    /// `__RELPATH`, `string`: class and keys; NULL without keys.
    Relpath,
    /// `__PROPERTY_COUNT`, `sint32`: how many properties the class has, system properties left out.
    PropertyCount,
    /// `__DERIVATION`, `string[]`: ancestors, nearest first.
    Derivation,
    /// `__SERVER`, `string`: the computer; NULL where the object says none.
    Server,
    /// `__NAMESPACE`, `string`: `ROOT\CIMV2`; NULL where the object says none.
    Namespace,
    /// `__PATH`, `string`: computer, namespace, class and keys; NULL where one of them is missing.
    Path,
}

impl SystemProperty {
    /// All of them, in the order in which tools of Windows show them.
    pub const ALL: [SystemProperty; 10] = [
        SystemProperty::Genus,
        SystemProperty::Class,
        SystemProperty::Superclass,
        SystemProperty::Dynasty,
        SystemProperty::Relpath,
        SystemProperty::PropertyCount,
        SystemProperty::Derivation,
        SystemProperty::Server,
        SystemProperty::Namespace,
        SystemProperty::Path,
    ];

    /// Its name: `__GENUS`.
    pub const fn name(self) -> &'static str {
        match self {
            SystemProperty::Genus => "__GENUS",
            SystemProperty::Class => "__CLASS",
            SystemProperty::Superclass => "__SUPERCLASS",
            SystemProperty::Dynasty => "__DYNASTY",
            SystemProperty::Relpath => "__RELPATH",
            SystemProperty::PropertyCount => "__PROPERTY_COUNT",
            SystemProperty::Derivation => "__DERIVATION",
            SystemProperty::Server => "__SERVER",
            SystemProperty::Namespace => "__NAMESPACE",
            SystemProperty::Path => "__PATH",
        }
    }

    /// The property of this name, any case.
    pub fn from_name(name: &str) -> Option<Self> {
        // The first test spares ordinary names the others.
        if name.starts_with("__") { Self::ALL.into_iter().find(|p| names_equal(p.name(), name)) } else { None }
    }

    /// Its type.
    pub const fn ty(self) -> Type {
        match self {
            SystemProperty::Genus | SystemProperty::PropertyCount => CimType::Sint32.scalar(),
            SystemProperty::Derivation => CimType::String.array(),
            _ => CimType::String.scalar(),
        }
    }

    /// Its value for a class. The class without a name has no class, dynasty and path.
    pub fn of_class(self, class: &Class) -> Value {
        let relative = || if class.name.is_empty() { None } else { Some(ObjectPath::class(&class.name)) };
        match self {
            SystemProperty::Genus => Value::Sint32(1),
            SystemProperty::Relpath => relative().map(|p| p.to_string()).into(),
            SystemProperty::Path => full(relative(), class.decoration.as_ref()),
            SystemProperty::Server => class.decoration.as_ref().map(|d| d.server.clone()).into(),
            SystemProperty::Namespace => class.decoration.as_ref().map(|d| d.namespace.clone()).into(),
            other => other.shared(class),
        }
    }

    /// Its value for an instance.
    pub fn of_object(self, object: &Object) -> Value {
        match self {
            SystemProperty::Genus => Value::Sint32(2),
            SystemProperty::Relpath => object.relative_path().map(|p| p.to_string()).into(),
            SystemProperty::Path => match object.decoration() {
                // Keys may have to be decoded: only where there is a path to make of them.
                Some(d) => full(object.relative_path(), Some(d)),
                None => Value::Null,
            },
            SystemProperty::Server => object.decoration().map(|d| d.server.clone()).into(),
            SystemProperty::Namespace => object.decoration().map(|d| d.namespace.clone()).into(),
            other => other.shared(object.class()),
        }
    }

    /// Its value for a class or an instance.
    pub fn of(self, entity: &Entity) -> Value {
        match entity {
            Entity::Class(c) => self.of_class(c),
            Entity::Instance(o) => self.of_object(o),
        }
    }

    /// What an instance has from its class.
    fn shared(self, class: &Class) -> Value {
        let named = |name: &str| if name.is_empty() { Value::Null } else { Value::from(name) };
        match self {
            SystemProperty::Class => named(&class.name),
            SystemProperty::Superclass => class.superclass().into(),
            SystemProperty::Dynasty => named(class.dynasty()),
            SystemProperty::PropertyCount => Value::Sint32(i32::try_from(class.properties.len()).unwrap_or(i32::MAX)),
            SystemProperty::Derivation => class.derivation.clone().into(),
            _ => Value::Null,
        }
    }
}

fn full(relative: Option<ObjectPath>, decoration: Option<&Decoration>) -> Value {
    match (relative, decoration) {
        (Some(p), Some(d)) => ObjectPath { server: Some(d.server.clone()), namespace: Some(d.namespace.clone()), ..p }.to_string().into(),
        _ => Value::Null,
    }
}

/// The value of a system property by name, any case; `None` where the name is that of no system property.
pub fn system_property(entity: &Entity, name: &str) -> Option<Value> {
    SystemProperty::from_name(name).map(|p| p.of(entity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Instance, Property, Qualifier};
    use std::sync::Arc;

    fn process() -> Arc<Class> {
        let mut handle = Property::new("Handle", CimType::String);
        handle.qualifiers.set(Qualifier::flag("key", 0x13));
        Arc::new(Class {
            name: "Win32_Process".into(),
            derivation: vec!["CIM_Process".into(), "CIM_LogicalElement".into()],
            properties: vec![handle, Property::new("Name", CimType::String)],
            decoration: Some(Decoration { server: "LX1".into(), namespace: r"ROOT\CIMV2".into() }),
            ..Class::default()
        })
    }

    fn check(entity: &Entity, expect: &[(&str, Value)]) {
        for (name, value) in expect {
            assert_eq!(system_property(entity, name).as_ref(), Some(value), "{name}");
        }
    }

    #[test]
    fn an_instance_is_found_by_what_it_computes() {
        let mut i = Instance::new(process());
        i.set("Handle", "4\"").unwrap();
        i.decoration.clone_from(&process().decoration);
        check(
            &i.into(),
            &[
                ("__Genus", 2i32.into()),
                ("__class", "Win32_Process".into()),
                ("__SUPERCLASS", "CIM_Process".into()),
                ("__DYNASTY", "CIM_LogicalElement".into()),
                ("__RELPATH", r#"Win32_Process.Handle="4\"""#.into()),
                ("__PROPERTY_COUNT", 2i32.into()),
                ("__DERIVATION", vec!["CIM_Process", "CIM_LogicalElement"].into()),
                ("__SERVER", "LX1".into()),
                ("__NAMESPACE", r"ROOT\CIMV2".into()),
                ("__PATH", r#"\\LX1\ROOT\CIMV2:Win32_Process.Handle="4\"""#.into()),
            ],
        );
    }

    #[test]
    fn what_is_missing_makes_a_null_path() {
        check(&Instance::new(process()).into(), &[("__RELPATH", Value::Null), ("__PATH", Value::Null), ("__SERVER", Value::Null)]);
        check(
            &Entity::Class(Arc::new(Class::default())),
            &[("__CLASS", Value::Null), ("__PATH", Value::Null), ("__DYNASTY", Value::Null), ("__GENUS", 1i32.into())],
        );
    }

    #[test]
    fn a_class_has_its_name_for_a_path() {
        check(
            &Entity::Class(process()),
            &[("__GENUS", 1i32.into()), ("__RELPATH", "Win32_Process".into()), ("__PATH", r"\\LX1\ROOT\CIMV2:Win32_Process".into())],
        );
        assert_eq!(system_property(&Entity::Class(process()), "__FOO"), None);
        assert_eq!(system_property(&Entity::Class(process()), "Name"), None);
    }
}
