//! ASSOCIATORS OF and REFERENCES OF ([MS-WMI] 2.2.1, 3.1.4.3.18): from an object over the associations that it takes part in.
//!
//! An association is a class with the qualifier `Association`; its properties of type `ref` are the roles. Candidates are
//! the associations of which a role is of the class of the source, of an ancestor or of a descendant. Their providers are
//! asked for the objects whose role equals the path of the source, and every object is looked at again here.

use super::super::ask::{Kept, together};
use super::super::paths::{keys_of, same_key};
use super::super::pump::{Sieve, Turn};
use super::super::{Failure, Running, Wanted};
use crate::store::fold;
use rwmi_cim::wql::{Associators, Name, Traversal};
use rwmi_cim::{CimType, Class, Object, ObjectPath, PathKeys, Property, Value, WbemStatus, names_equal};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Most objects that one query finds at the other ends of one association (ours): more are `WBEM_E_QUOTA_VIOLATION`.
const ENDS_MAX: usize = 100_000;
/// Up to so many objects of a class are looked up one by one; more are picked from all instances of it.
const LOOKED_UP: usize = 4;

/// What was delivered already: folded paths, or names of classes.
#[derive(Default)]
struct Seen(Mutex<HashSet<String>>);

impl Seen {
    /// Whether it is new.
    fn note(&self, what: String) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what)
    }
}

/// What a query asks for, of either kind.
struct Search<'q> {
    traversal: &'q Traversal,
    /// `None` for REFERENCES OF, whose results are the associations themselves.
    associators: Option<&'q Associators>,
}

/// An object as associations name it.
struct Source {
    class: Arc<Class>,
    keys: Vec<(String, Value)>,
}

/// An object at another end, not looked up yet.
struct End {
    class: Arc<Class>,
    keys: Vec<(String, Value)>,
}

impl Running<'_> {
    pub(super) async fn associators(self, query: &Associators) -> Result<(), Failure> {
        self.traverse(Search { traversal: &query.traversal, associators: Some(query) }).await
    }

    pub(super) async fn references(self, query: &Traversal) -> Result<(), Failure> {
        self.traverse(Search { traversal: query, associators: None }).await
    }

    async fn traverse(self, search: Search<'_>) -> Result<(), Failure> {
        let path = &search.traversal.path;
        if let Some(namespace) = &path.namespace
            && !self.namespace.is(namespace)
        {
            return Err(Failure::new(WbemStatus::NOT_FOUND, format!("{path} is not in this namespace")));
        }
        let class = self.namespace.class(&path.class, self.options.amended);
        let class =
            class.ok_or_else(|| Failure::new(WbemStatus::NOT_FOUND, format!("there is no class {:?} in this namespace", path.class)))?;
        // Classes that the options name exist, or the query is a mistake.
        let named = [search.associators.and_then(|a| a.assoc_class.as_ref()), search.traversal.result_class.as_ref()];
        for name in named.into_iter().flatten() {
            self.class(&name.text)?;
        }
        if path.keys == PathKeys::Class {
            if !search.traversal.schema_only {
                let why = format!("{path} is a class: its instances have keys, and its definition takes SchemaOnly");
                return Err(Failure::new(WbemStatus::INVALID_QUERY, why));
            }
            return self.of_class(&search, class).await;
        }
        // A path whose keys are none of the class is malformed rather than unknown.
        let keys = keys_of(class, path).map_err(|f| Failure { status: WbemStatus::INVALID_QUERY, ..f })?;
        let source = self.source(class, keys, path).await?;
        self.of_instance(&search, &source).await
    }

    /// The concrete class and the keys of an instance, as its provider tells them.
    async fn source(&self, class: &Arc<Class>, keys: Vec<(String, Value)>, path: &ObjectPath) -> Result<Source, Failure> {
        let (found, failure) = self.pick(class, &[&keys], Some(keys.clone())).await?;
        let Some(object) = found.into_iter().next() else {
            return Err(failure.unwrap_or_else(|| Failure::new(WbemStatus::NOT_FOUND, format!("there is no {path}"))));
        };
        // As the object spells them: a provider may look them up by case.
        let keys = keys.into_iter().map(|(name, value)| (object.get::<Value>(&name).unwrap_or(value), name)).map(|(v, n)| (n, v)).collect();
        Ok(Source { class: object.class().clone(), keys })
    }

    async fn of_instance(&self, search: &Search<'_>, source: &Source) -> Result<(), Failure> {
        let delivered = Seen::default();
        let mut ways = Vec::new();
        for association in self.associations(search).into_iter().filter(|a| !a.is_abstract()) {
            for role in roles(association) {
                let may_hold = role_class(role).is_none_or(|c| source.class.is_a(c) || self.derives(c, &source.class));
                if may_hold && is_wanted(search.traversal.role.as_ref(), &role.name) {
                    ways.push((association, role));
                }
            }
        }
        let delivered = &delivered;
        // Side by side: one association whose provider is silent does not hold up the others.
        let all = ways.into_iter().map(|(association, role)| async move {
            match search.associators {
                None => {
                    let mut found = Vec::new();
                    let failure = self.links(association, role, None, source, &mut |object| found.push(object)).await?;
                    self.results(search, found, delivered).await?;
                    Ok(failure)
                }
                Some(query) => {
                    let (ends, failure) = self.ends(association, role, query, source).await?;
                    Ok(failure.or(self.deliver_ends(search, ends, delivered).await?))
                }
            }
        });
        together(all).await?.map_or(Ok(()), Err)
    }

    /// The association classes that the options leave.
    fn associations<'s>(&self, search: &Search<'_>) -> Vec<&'s Arc<Class>>
    where
        Self: 's,
    {
        let namespace = self.namespace;
        let class = match search.associators {
            Some(query) => query.assoc_class.as_ref(),
            None => search.traversal.result_class.as_ref(),
        };
        let qualifier = match search.associators {
            Some(query) => query.required_assoc_qualifier.as_ref(),
            None => search.traversal.required_qualifier.as_ref(),
        };
        let fits =
            |c: &Arc<Class>| c.qualifiers.is_set("Association") && class.is_none_or(|name| c.is_a(&name.text)) && carries(c, qualifier);
        namespace.descendants("", self.options.amended).into_iter().flatten().filter(|c| fits(c)).collect()
    }

    /// The name of this computer in the paths of an association. A provider speaks of the computer that it is on, whatever
    /// name the configuration gives that: `None` is any name.
    fn here(&self, association: &Class) -> Option<String> {
        if association.provider().is_some() { None } else { Some(self.broker.server_name().to_owned()) }
    }

    /// Whether a class of this name derives from the class.
    fn derives(&self, name: &str, class: &Class) -> bool {
        self.namespace.class(name, false).is_some_and(|c| c.is_a(&class.name))
    }

    /// The objects of an association whose role is the source.
    async fn links(
        &self,
        association: &Arc<Class>,
        role: &Property,
        properties: Option<Vec<String>>,
        source: &Source,
        take: &mut (dyn FnMut(Object) + Send),
    ) -> Kept {
        let (namespace, server) = (self.namespace, self.here(association));
        let decoration = self.outlet.decoration.clone();
        let keys = if source.class.is_singleton() { PathKeys::Singleton } else { PathKeys::Named(path_keys(&source.keys)) };
        let canonical = ObjectPath {
            server: Some(decoration.server.clone()),
            namespace: Some(decoration.namespace.clone()),
            class: source.class.name.clone(),
            keys,
        };
        let wanted = Wanted { properties, equal: vec![(role.name.clone(), Value::Reference(canonical.to_string()))] };
        let amended = self.options.amended;
        let mut count = 0usize;
        let sieve: Sieve<'_> = Box::new(|object: Object| {
            let Ok(Value::Reference(text)) = object.get::<Value>(&role.name) else { return Ok(None) };
            let Ok(path) = text.parse::<ObjectPath>() else { return Ok(None) };
            if !is_here(&path, server.as_deref(), namespace) {
                return Ok(None);
            }
            // The association may name the object by an ancestor of its class.
            let Some(class) = namespace.class(&path.class, amended) else { return Ok(None) };
            if !(source.class.is_a(&class.name) || class.is_a(&source.class.name)) {
                return Ok(None);
            }
            if keys_of(class, &path).is_ok_and(|keys| same_keys(&keys, &source.keys)) {
                count += 1;
                if count > ENDS_MAX {
                    let why = format!("more than {ENDS_MAX} objects of {} name this one", association.name);
                    return Err(Failure::new(WbemStatus::QUOTA_VIOLATION, why));
                }
                take(object);
            }
            Ok(None)
        });
        self.instances(association, &wanted, sieve, &mut Turn::default()).await
    }

    /// The objects in the other roles of an association with the source, each once.
    async fn ends(
        &self,
        association: &Arc<Class>,
        role: &Property,
        query: &Associators,
        source: &Source,
    ) -> Result<(Vec<End>, Option<Failure>), Failure> {
        let others: Vec<&Property> =
            roles(association).filter(|p| !names_equal(&p.name, &role.name) && is_wanted(query.result_role.as_ref(), &p.name)).collect();
        if others.is_empty() {
            return Ok((Vec::new(), None));
        }
        let (namespace, server) = (self.namespace, self.here(association));
        let amended = self.options.amended;
        let properties = association.properties.iter().filter(|p| p.is_key() || p.ty.cim == CimType::Reference).map(|p| p.name.clone());
        let (mut ends, mut seen) = (Vec::new(), HashSet::new());
        let take = &mut |object: Object| {
            for other in &others {
                let Ok(Value::Reference(text)) = object.get::<Value>(&other.name) else { continue };
                let Ok(path) = text.parse::<ObjectPath>() else { continue };
                // What lives elsewhere is not this namespace's to show.
                if !is_here(&path, server.as_deref(), namespace) {
                    continue;
                }
                let Some(class) = namespace.class(&path.class, amended) else { continue };
                let Ok(keys) = keys_of(class, &path) else { continue };
                if seen.insert(fold(&format!("{}.{keys:?}", class.name))) {
                    ends.push(End { class: class.clone(), keys });
                }
            }
        };
        let failure = self.links(association, role, Some(properties.collect()), source, take).await?;
        Ok((ends, failure))
    }

    /// Looks the objects up and delivers those that the options leave. What does not exist is left out.
    async fn deliver_ends(&self, search: &Search<'_>, mut ends: Vec<End>, delivered: &Seen) -> Kept {
        let mut by_class = Vec::new();
        while let Some(first) = ends.first() {
            let class = first.class.clone();
            let (same, rest): (Vec<End>, Vec<End>) = ends.into_iter().partition(|e| names_equal(&e.class.name, &class.name));
            ends = rest;
            let result_class = search.traversal.result_class.as_ref();
            if result_class.is_none_or(|result| class.is_a(&result.text) || self.derives(&result.text, &class)) {
                by_class.push((class, same));
            }
        }
        let all = by_class.into_iter().map(|(class, same)| async move {
            let mut failure = None;
            if same.len() <= LOOKED_UP {
                for end in &same {
                    let (found, kept) = self.pick(&class, &[&end.keys], Some(end.keys.clone())).await?;
                    failure = failure.or(kept);
                    self.results(search, found, delivered).await?;
                }
            } else {
                let wanted: Vec<&Vec<(String, Value)>> = same.iter().map(|e| &e.keys).collect();
                let (found, kept) = self.pick(&class, &wanted, None).await?;
                failure = kept;
                self.results(search, found, delivered).await?;
            }
            Ok(failure)
        });
        together(all).await
    }

    /// The instances of a class and those below it that have one of these sets of keys, each once.
    async fn pick(
        &self,
        class: &Arc<Class>,
        wanted: &[&Vec<(String, Value)>],
        equal: Option<Vec<(String, Value)>>,
    ) -> Result<(Vec<Object>, Option<Failure>), Failure> {
        let wanted: HashSet<String> = wanted.iter().map(|keys| key_text(keys)).collect();
        let below = self.namespace.descendants(&class.name, self.options.amended).into_iter().flatten();
        let names: Vec<String> = class.keys().map(|k| k.name.clone()).collect();
        let found: Mutex<(HashSet<String>, Vec<Object>)> = Mutex::default();
        let complete = Notify::new();
        let plan = |_: &_| {
            let ask = Wanted { properties: None, equal: equal.clone().unwrap_or_default() };
            let sieve: Sieve<'_> = Box::new(|object: Object| {
                let keys: Vec<(String, Value)> = names.iter().map(|n| (n.clone(), object.get::<Value>(n).unwrap_or(Value::Null))).collect();
                let text = key_text(&keys);
                if wanted.contains(&text) {
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    if found.0.insert(text) {
                        found.1.push(object);
                    }
                    if found.0.len() == wanted.len() {
                        complete.notify_one();
                    }
                }
                Ok(None)
            });
            Ok(Some((ask, sieve)))
        };
        // Who has everything does not wait for those who have nothing.
        let failure = tokio::select! {
            biased;
            failure = self.ask([class].into_iter().chain(below), &plan) => failure?,
            () = complete.notified() => None,
        };
        Ok((found.into_inner().unwrap_or_else(PoisonError::into_inner).1, failure))
    }

    async fn results(&self, search: &Search<'_>, objects: Vec<Object>, delivered: &Seen) -> Result<(), Failure> {
        for object in objects {
            self.result(search, object, delivered).await?;
        }
        Ok(())
    }

    /// Delivers a result, once, in the form that the options ask for.
    async fn result(&self, search: &Search<'_>, object: Object, delivered: &Seen) -> Result<(), Failure> {
        let traversal = search.traversal;
        let class = object.class().clone();
        let fits =
            traversal.result_class.as_ref().is_none_or(|c| class.is_a(&c.text)) && carries(&class, traversal.required_qualifier.as_ref());
        if !fits {
            return Ok(());
        }
        if traversal.class_defs_only {
            if delivered.note(fold(&class.name)) {
                self.deliver_class(&class).await?;
            }
            return Ok(());
        }
        // A row without a path cannot be told from another: all such rows are shown.
        let is_new = object.relative_path().is_none_or(|path| delivered.note(fold(&path.to_string())));
        if !is_new {
            return Ok(());
        }
        let object = if traversal.keys_only { keys_alone(&object) } else { object };
        let mut sieve: Sieve<'_> = Box::new(|object| Ok(Some(object)));
        self.outlet.deliver(object, &mut sieve).await
    }

    /// SchemaOnly: the classes at the other ends, or the associations of a class, by their definitions.
    async fn of_class(&self, search: &Search<'_>, class: &Arc<Class>) -> Result<(), Failure> {
        let traversal = search.traversal;
        let delivered = Seen::default();
        for association in self.associations(search) {
            let covers = |p: &&Property| role_class(p).is_none_or(|c| class.is_a(c)) && is_wanted(traversal.role.as_ref(), &p.name);
            for role in roles(association).filter(covers) {
                let mut results: Vec<Arc<Class>> = Vec::new();
                match search.associators {
                    None => results.push(association.clone()),
                    Some(query) => {
                        let others = roles(association)
                            .filter(|p| !names_equal(&p.name, &role.name) && is_wanted(query.result_role.as_ref(), &p.name))
                            .filter_map(role_class)
                            .filter_map(|name| self.namespace.class(name, self.options.amended));
                        let fits = |c: &&Arc<Class>| {
                            traversal.result_class.as_ref().is_none_or(|r| c.is_a(&r.text))
                                && carries(c, traversal.required_qualifier.as_ref())
                        };
                        results.extend(others.filter(fits).cloned());
                    }
                }
                for result in results {
                    if delivered.note(fold(&result.name)) {
                        self.deliver_class(&result).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn roles(association: &Class) -> impl Iterator<Item = &Property> {
    association.properties.iter().filter(|p| p.ty == CimType::Reference.scalar())
}

/// The class that a role is declared for; `None` where it takes any object.
fn role_class(role: &Property) -> Option<&str> {
    let cimtype = role.qualifiers.text("CIMTYPE")?;
    let (word, class) = cimtype.split_once(':')?;
    (word.trim().eq_ignore_ascii_case("ref") && !class.trim().is_empty()).then(|| class.trim())
}

fn is_wanted(asked: Option<&Name>, role: &str) -> bool {
    asked.is_none_or(|name| name.is(role))
}

/// Whether a class has the qualifier. One that is FALSE says that it has not.
fn carries(class: &Class, qualifier: Option<&Name>) -> bool {
    qualifier.is_none_or(|name| class.qualifiers.get(&name.text).is_some_and(|q| q.value != Value::Boolean(false)))
}

/// Whether a path leads to an object of this computer and namespace.
fn is_here(path: &ObjectPath, server: Option<&str>, namespace: &crate::store::Namespace) -> bool {
    let local = |s: &str| s == "." || s.eq_ignore_ascii_case("localhost") || server.is_none_or(|server| names_equal(s, server));
    path.server.as_deref().is_none_or(local) && path.namespace.as_deref().is_none_or(|n| namespace.is(n))
}

fn same_keys(a: &[(String, Value)], b: &[(String, Value)]) -> bool {
    a.len() == b.len() && a.iter().all(|(n, v)| b.iter().any(|(m, w)| names_equal(n, m) && same_key(v, w)))
}

/// Keys as the entry of a set: equal where the keys are.
fn key_text(keys: &[(String, Value)]) -> String {
    let mut parts: Vec<String> = keys
        .iter()
        .map(|(name, value)| {
            let value = match value {
                // References are equal in any form of their paths.
                Value::Reference(text) => match text.parse::<ObjectPath>() {
                    Ok(path) => match &path.keys {
                        PathKeys::Named(inner) => format!("{}{}", path.class, key_text(inner)),
                        other => format!("{}{other:?}", path.class),
                    },
                    Err(_) => text.clone(),
                },
                v => v.as_integer().map(|n| n.to_string()).or_else(|| v.as_str().map(str::to_owned)).unwrap_or_else(|| format!("{v:?}")),
            };
            fold(&format!("{name}={value:?}"))
        })
        .collect();
    parts.sort_unstable();
    parts.join(",")
}

/// Keys in the types that a path has.
fn path_keys(keys: &[(String, Value)]) -> Vec<(String, Value)> {
    let value = |v: &Value| match v {
        Value::Boolean(b) => Value::Boolean(*b),
        Value::Uint64(n) => Value::Uint64(*n),
        Value::Char16(c) => Value::Sint64((*c).into()),
        v => match (v.as_integer(), v.as_str()) {
            (Some(n), _) => i64::try_from(n).map_or(Value::Null, Value::Sint64),
            (_, Some(s)) => Value::String(s.to_owned()),
            _ => Value::Null,
        },
    };
    let mut keys: Vec<(String, Value)> = keys.iter().map(|(n, v)| (n.clone(), value(v))).collect();
    keys.sort_by(|a, b| rwmi_cim::name_cmp(&a.0, &b.0));
    keys
}

/// The object with everything but its keys at NULL.
fn keys_alone(object: &Object) -> Object {
    let mut instance = rwmi_cim::Instance::new(object.class().clone());
    for (index, property) in object.class().properties.iter().enumerate() {
        instance.values[index] = if property.is_key() { object.value_at(index).unwrap_or(Value::Null) } else { Value::Null };
        instance.is_default[index] = false;
    }
    Object::from(instance).with_decoration(object.decoration_arc().cloned())
}
