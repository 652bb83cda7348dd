//! One instance by its path.

use super::pump::Sieve;
use super::{Failure, Running, Wanted};
use rwmi_cim::{CimType, Class, DateTime, Object, ObjectPath, PathKeys, Property, Value, WbemStatus, names_equal};
use std::sync::Arc;

impl<'a> Running<'a> {
    pub(super) async fn get(mut self, path: ObjectPath) -> Result<(), Failure> {
        if let Some(namespace) = &path.namespace
            && !self.namespace.is(namespace)
        {
            return Err(Failure::new(WbemStatus::INVALID_NAMESPACE, format!("the path names the namespace {namespace:?}, not this one")));
        }
        let class = self.class(&path.class)?;
        let keys = keys_of(class, &path)?;
        self.outlet.first_only = true;
        // A key that a derived class lacks cannot be: keys are inherited.
        let plan = |_: &'a Arc<Class>| {
            let wanted = Wanted { properties: None, equal: keys.clone() };
            let keys = keys.clone();
            let sieve: Sieve<'a> = Box::new(move |object: Object| {
                let is_it = keys.iter().all(|(name, value)| object.get::<Value>(name).is_ok_and(|v| same_key(&v, value)));
                Ok(is_it.then_some(object))
            });
            Ok(Some((wanted, sieve)))
        };
        let failure = self.ask(self.family(class, true), &plan).await?;
        if self.outlet.is_full() {
            return Ok(());
        }
        Err(failure.unwrap_or_else(|| Failure::new(WbemStatus::NOT_FOUND, format!("there is no {path}"))))
    }
}

/// The keys that a path names, each in the type of its property; none for the instance of a singleton.
pub(crate) fn keys_of(class: &Class, path: &ObjectPath) -> Result<Vec<(String, Value)>, Failure> {
    let wrong = |why: String| Failure::new(WbemStatus::INVALID_OBJECT_PATH, why);
    let properties: Vec<&Property> = class.keys().collect();
    let given: Vec<(String, Value)> = match &path.keys {
        PathKeys::Class => return Err(wrong(format!("{path} is a class, not an instance"))),
        PathKeys::Singleton if class.is_singleton() => return Ok(Vec::new()),
        PathKeys::Singleton => return Err(wrong(format!("{} is no singleton", class.name))),
        PathKeys::Single(value) => match properties[..] {
            [key] => vec![(key.name.clone(), value.clone())],
            _ => return Err(wrong(format!("{} has {} keys, the path one value without a name", class.name, properties.len()))),
        },
        PathKeys::Named(keys) => keys.clone(),
    };
    for (name, _) in &given {
        if !properties.iter().any(|p| names_equal(&p.name, name)) {
            return Err(wrong(format!("{name} is no key of {}", class.name)));
        }
    }
    properties
        .iter()
        .map(|p| {
            let (_, value) = given
                .iter()
                .find(|(name, _)| names_equal(name, &p.name))
                .ok_or_else(|| wrong(format!("the path lacks the key {} of {}", p.name, class.name)))?;
            let value = key_value(value, p.ty.cim).ok_or_else(|| wrong(format!("the key {} is {}", p.name, p.ty)))?;
            Ok((p.name.clone(), value))
        })
        .collect()
}

/// The value of a path in the type of its property; numbers may be in quotes and texts without.
fn key_value(value: &Value, ty: CimType) -> Option<Value> {
    let text = || match value {
        Value::Boolean(b) => if *b { "TRUE" } else { "FALSE" }.to_owned(),
        v => v.as_integer().map(|n| n.to_string()).or_else(|| v.as_str().map(str::to_owned)).unwrap_or_default(),
    };
    Some(match ty {
        CimType::String => Value::String(text()),
        CimType::Reference => Value::Reference(text()),
        CimType::DateTime => Value::DateTime(DateTime::from_text(text())),
        CimType::Boolean => match value {
            Value::Boolean(b) => Value::Boolean(*b),
            Value::String(s) if s.eq_ignore_ascii_case("true") => Value::Boolean(true),
            Value::String(s) if s.eq_ignore_ascii_case("false") => Value::Boolean(false),
            v => Value::Boolean(v.as_integer()? != 0),
        },
        CimType::Real32 | CimType::Real64 | CimType::Object => return None,
        integer => Value::from_integer(value.as_integer().or_else(|| value.as_str()?.trim().parse().ok())?, integer)?,
    })
}

pub(super) fn same_key(a: &Value, b: &Value) -> bool {
    match (a, b, a.as_str(), b.as_str()) {
        (Value::Reference(a), Value::Reference(b), ..) => match (a.parse::<ObjectPath>(), b.parse::<ObjectPath>()) {
            (Ok(a), Ok(b)) => a.same_object(&b),
            _ => names_equal(a, b),
        },
        (_, _, Some(a), Some(b)) => names_equal(a, b),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_takes_the_type_of_its_property() {
        let check = |value: Value, ty, expect: Option<Value>| assert_eq!(key_value(&value, ty), expect);
        check("5".into(), CimType::Uint32, Some(Value::Uint32(5)));
        check(Value::Sint64(5), CimType::String, Some("5".into()));
        check(Value::Sint64(1), CimType::Boolean, Some(Value::Boolean(true)));
        check("x".into(), CimType::Uint32, None);
        check(Value::Sint64(-1), CimType::Uint8, None);
        check("a".into(), CimType::Reference, Some(Value::Reference("a".into())));
    }
}
