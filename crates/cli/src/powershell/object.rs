//! The objects that a cmdlet works on, where PowerShell would get them from a pipeline: a path, or all that a query finds.

use super::bind::Given;
use super::consent::Consent;
use crate::query::At;
use crate::report::Failure;
use rwmi_cim::{Class, Entity, Instance, Object, ObjectPath, PathKeys, Value, WbemStatus};
use rwmi_client::{Error, ErrorKind, Misuse, Step};
use std::sync::Arc;

/// Where objects come from.
pub(super) enum Source {
    /// One, by its path.
    Path(String),
    /// All that a query finds, in a dialect.
    Query(String, String),
}

/// One of them, as its computer has it.
pub(super) struct Found {
    pub(super) path: String,
    /// As PowerShell shows it in a sentence.
    pub(super) shown: String,
}

impl Source {
    /// Of the query that was given, else of the path.
    pub(super) fn of(given: &Given, path: Option<String>) -> Source {
        let dialect = given.text("QueryDialect").unwrap_or("WQL").to_owned();
        match (given.text("Query"), path) {
            (Some(query), _) => Source::Query(query.to_owned(), dialect),
            (None, path) => Source::Path(path.unwrap_or_default()),
        }
    }

    /// All of them, before anything happens to one.
    pub(super) async fn found(&self, at: &At<'_>) -> Result<Vec<Found>, Error> {
        let (query, dialect) = match self {
            Source::Path(path) => return Ok(vec![Found { path: path.clone(), shown: shown_path(path) }]),
            Source::Query(query, dialect) => (query, dialect),
        };
        let query = at.namespace.query(query).language(dialect).ensure_locatable(true).deadline(at.left());
        let mut rows = query.objects().await?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().await {
            let object = match row {
                Ok(object) => object,
                Err(error) => {
                    at.failed(error).await;
                    continue;
                }
            };
            match object.relative_path() {
                Some(path) => all.push(Found { path: path.to_string(), shown: shown(&object, &path) }),
                None => {
                    let why = format!("an object of {} has no key, and so no path", object.class().name);
                    at.failed(misuse(at, WbemStatus::INVALID_OBJECT_PATH, why)).await;
                }
            }
        }
        Ok(all)
    }
}

/// A path, told before anybody is asked where it is none.
pub(super) fn path_of(target: &str) -> Result<ObjectPath, Failure> {
    target.parse().map_err(|e| Failure::usage(format!("{target:?} is no class and no path of an instance: {e}")))
}

/// A rule that was broken, as an error of this computer's.
pub(super) fn misuse(at: &At<'_>, status: WbemStatus, why: String) -> Error {
    Error::new(Step::Input, at.namespace.host(), None, ErrorKind::Misuse(Misuse::Rule { status, why }))
}

/// `Class: Caption (Key = "value")`.
fn shown(object: &Object, path: &ObjectPath) -> String {
    let caption = object.get::<Option<String>>("Caption").ok().flatten();
    match (caption, keys_of(path)) {
        (Some(caption), keys) if keys.is_empty() => format!("{}: {caption}", path.class),
        (Some(caption), keys) => format!("{}: {caption} ({keys})", path.class),
        (None, keys) if keys.is_empty() => path.class.clone(),
        (None, keys) => format!("{} ({keys})", path.class),
    }
}

pub(super) fn shown_path(path: &str) -> String {
    match path.parse::<ObjectPath>() {
        Ok(path) if keys_of(&path).is_empty() => path.class,
        Ok(path) => format!("{} ({})", path.class, keys_of(&path)),
        Err(_) => path.to_owned(),
    }
}

fn keys_of(path: &ObjectPath) -> String {
    let value = |value: &Value| match value {
        Value::String(text) => format!("\"{text}\""),
        other => other.as_integer().map_or_else(|| format!("{other:?}"), |n| n.to_string()),
    };
    match &path.keys {
        PathKeys::Class | PathKeys::Singleton => String::new(),
        PathKeys::Single(key) => value(key),
        PathKeys::Named(keys) => keys.iter().map(|(name, key)| format!("{name} = {}", value(key))).collect::<Vec<_>>().join(", "),
    }
}

/// An object with its keys only.
pub(super) fn keys_only(entity: &Entity) -> Entity {
    let Entity::Instance(object) = entity else { return entity.clone() };
    let whole = object.class();
    let keys: Vec<usize> = whole.properties.iter().enumerate().filter(|(_, p)| p.is_key()).map(|(n, _)| n).collect();
    let class = Class {
        name: whole.name.clone(),
        derivation: whole.derivation.clone(),
        qualifiers: whole.qualifiers.clone(),
        properties: keys.iter().filter_map(|n| whole.properties.get(*n).cloned()).collect(),
        decoration: whole.decoration.clone(),
        ..Class::default()
    };
    let mut instance = Instance::new(Arc::new(class));
    for (at, n) in keys.iter().enumerate() {
        instance.values[at] = object.value_at(*n).unwrap_or(Value::Null);
        instance.is_default[at] = false;
    }
    instance.decoration = object.decoration().cloned();
    Entity::from(instance)
}

/// Tells or asks for one object, away from the threads that others are on.
pub(super) async fn allowed(consent: &Arc<Consent>, at: &At<'_>, operation: &str, target: &str) -> Result<bool, Error> {
    if !consent.is_wanted() {
        return Ok(true);
    }
    let (consent, operation, target) = (consent.clone(), operation.to_owned(), target.to_owned());
    let asked = tokio::task::spawn_blocking(move || consent.allows(&operation, &target)).await;
    let why = match asked {
        Ok(Ok(allowed)) => return Ok(allowed),
        Ok(Err(failure)) => failure.message,
        Err(e) => e.to_string(),
    };
    Err(misuse(at, WbemStatus::CALL_CANCELLED, why))
}

/// A row of our own making: a class of this name, and its properties.
pub(super) fn row(class: &str, properties: Vec<(rwmi_cim::Property, Value)>) -> Entity {
    let (properties, values): (Vec<_>, Vec<_>) = properties.into_iter().unzip();
    let class = Class { name: class.to_owned(), properties, ..Class::default() };
    let mut instance = Instance::new(Arc::new(class));
    instance.is_default = vec![false; values.len()];
    instance.values = values;
    Entity::from(instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_as_an_object() {
        let check = |path: &str, expect: &str| assert_eq!(shown_path(path), expect);
        check("Win32_Process.Handle=\"4\"", "Win32_Process (Handle = \"4\")");
        check("A.B=1,C=\"x\"", "A (B = 1, C = \"x\")");
        check("A=\"x\"", "A (\"x\")");
        check("A=@", "A");
        check("A", "A");
    }

    #[test]
    fn of_an_object_only_its_keys_are_left() {
        let key = rwmi_cim::Qualifier::flag("key", 0);
        let mut k = rwmi_cim::Property::new("K", rwmi_cim::CimType::String);
        k.qualifiers.set(key);
        let whole = row("C", vec![(rwmi_cim::Property::new("P", rwmi_cim::CimType::Uint32), Value::Uint32(1)), (k, "x".into())]);
        let Entity::Instance(left) = keys_only(&whole) else { panic!() };
        assert_eq!((left.class().properties.len(), left.get::<String>("K").unwrap()), (1, "x".into()));
        assert_eq!(left.relative_path().unwrap().to_string(), "C.K=\"x\"");
    }
}
