use rwmi_cim::{CimType, Class, Flavor, Instance, Object, ObjectPath, PathKeys, Property, Qualifier, Value};
use std::sync::Arc;

/// Longest text that is a path, in characters.
const LEN_MAX: usize = 8192;

/// Two texts, a line each. What is a path is printed and is the same path again; an error has a place in its text; to name the
/// same object is mutual, says nothing about case, the order of keys or where the path is full; an object with the keys of
/// a path has that path.
pub fn object_path(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    let (first, second) = (parsed(first), parsed(second));
    if let (Some(a), Some(b)) = (&first, &second) {
        assert_eq!(a.same_object(b), b.same_object(a), "{a}\n{b}");
        assert!(a != b || a.same_object(b), "{a}");
    }
    for path in first.iter().chain(&second) {
        one(path);
    }
}

fn parsed(text: &str) -> Option<ObjectPath> {
    match text.parse::<ObjectPath>() {
        Ok(path) => {
            let printed = path.to_string();
            let again = printed.parse::<ObjectPath>();
            // Printing may lengthen a path beyond the limit that it was just below.
            assert!(again.as_ref() == Ok(&path) || printed.chars().count() > LEN_MAX, "{text}\n{printed}\n{again:?}");
            assert!(again.is_err() || again.is_ok_and(|again| again.to_string() == printed), "{printed}");
            Some(path)
        }
        Err(e) => {
            assert!(text.is_char_boundary(e.offset) && !e.to_string().is_empty(), "{e}: {text}");
            None
        }
    }
}

fn one(path: &ObjectPath) {
    assert!(path.same_object(path), "{path}");
    let relative = ObjectPath { server: None, namespace: None, ..path.clone() };
    assert!(path.same_object(&relative) && relative.same_object(path), "{path}");
    let mut other = ObjectPath { class: path.class.to_ascii_uppercase(), ..path.clone() };
    if let PathKeys::Named(keys) = &mut other.keys {
        keys.reverse();
        keys.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
    }
    assert!(path.same_object(&other) && other.same_object(path), "{path}\n{other}");
    let named = match &path.keys {
        PathKeys::Class => None,
        PathKeys::Singleton => Some(Vec::new()),
        PathKeys::Single(value) => Some(vec![("Key".to_owned(), value.clone())]),
        PathKeys::Named(keys) => Some(keys.clone()),
    };
    if let Some(keys) = named {
        let object = object(&path.class, &keys);
        let told = ObjectPath::of(&object).unwrap_or_else(|| panic!("an object with keys has a path: {path}"));
        assert!(told.same_object(path) && path.same_object(&told), "{path}\n{told}");
        let full = ObjectPath { server: path.server.clone(), namespace: path.namespace.clone(), ..told };
        parsed(&full.to_string());
    }
}

/// An object with these keys; of a singleton where there are none.
fn object(class: &str, keys: &[(String, Value)]) -> Object {
    let mut class = Class { name: class.to_owned(), ..Class::default() };
    if keys.is_empty() {
        class.qualifiers.set(Qualifier::flag("singleton", Flavor::TO_INSTANCE));
    }
    for (name, value) in keys {
        let ty = match value {
            Value::Uint64(_) => CimType::Uint64,
            Value::Sint64(_) => CimType::Sint64,
            Value::Boolean(_) => CimType::Boolean,
            _ => CimType::String,
        };
        let mut property = Property::new(name, ty);
        property.qualifiers.set(Qualifier::flag("key", Flavor::TO_INSTANCE));
        class.properties.push(property);
    }
    let mut instance = Instance::new(Arc::new(class));
    for (name, value) in keys {
        instance.set(name, value.clone()).expect("a key of this class");
    }
    instance.into()
}
