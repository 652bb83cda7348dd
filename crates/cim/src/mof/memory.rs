//! A target that keeps what it gets: for tests, for checking a text, for a store that lives as long as its process.

use super::{PutMode, Target};
use crate::{Class, Instance, Object, ObjectPath, WbemStatus};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Classes and instances by namespace, in memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    namespaces: BTreeMap<String, Namespace>,
    includes: HashMap<String, String>,
}

/// One namespace of a [`Memory`].
#[derive(Debug, Clone, Default)]
struct Namespace {
    classes: HashMap<String, Arc<Class>>,
    /// Names in the order in which they came.
    order: Vec<String>,
    instances: Vec<Instance>,
    /// Place of each instance by its path in lower case.
    /// INVARIANT: index.len() == instances.len()
    index: HashMap<String, usize>,
}

impl Namespace {
    fn retain(&mut self, keep: impl FnMut(&Instance) -> bool) {
        self.instances.retain(keep);
        self.index = self.instances.iter().enumerate().filter_map(|(place, i)| Some((key_of(i)?, place))).collect();
    }
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a text to `#include` by name.
    pub fn add_include(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.includes.insert(name.into(), text.into());
    }

    /// Classes of a namespace in the order in which they came.
    pub fn classes(&self, namespace: &str) -> impl Iterator<Item = &Arc<Class>> {
        let namespace = self.namespaces.get(&namespace.to_lowercase());
        namespace.into_iter().flat_map(|n| n.order.iter().filter_map(|name| n.classes.get(name)))
    }

    /// Instances of a namespace in the order in which they came.
    pub fn instances(&self, namespace: &str) -> &[Instance] {
        self.namespaces.get(&namespace.to_lowercase()).map_or(&[], |n| &n.instances)
    }

    /// Adds a class as it is.
    pub fn add_class(&mut self, namespace: &str, class: Arc<Class>) {
        let namespace = self.namespaces.entry(namespace.to_lowercase()).or_default();
        let name = class.name.to_lowercase();
        if namespace.classes.insert(name.clone(), class).is_none() {
            namespace.order.push(name);
        }
    }
}

fn key_of(instance: &Instance) -> Option<String> {
    path_of(instance).map(|path| path.to_string().to_lowercase())
}

fn path_of(instance: &Instance) -> Option<ObjectPath> {
    Object::from(instance.clone()).relative_path()
}

impl Target for Memory {
    fn class(&self, namespace: &str, name: &str) -> Option<Arc<Class>> {
        self.namespaces.get(&namespace.to_lowercase())?.classes.get(&name.to_lowercase()).cloned()
    }

    fn put_class(&mut self, namespace: &str, class: Arc<Class>, mode: PutMode) -> Result<(), WbemStatus> {
        match self.class(namespace, &class.name) {
            Some(_) if mode.create_only => return Err(WbemStatus::ALREADY_EXISTS),
            None if mode.update_only => return Err(WbemStatus::NOT_FOUND),
            _ => {}
        }
        self.add_class(namespace, class);
        Ok(())
    }

    fn put_instance(&mut self, namespace: &str, instance: Instance, mode: PutMode) -> Result<(), WbemStatus> {
        let key = key_of(&instance).ok_or(WbemStatus::NO_KEY)?;
        let namespace = self.namespaces.entry(namespace.to_lowercase()).or_default();
        match namespace.index.get(&key).and_then(|place| namespace.instances.get_mut(*place)) {
            Some(_) if mode.create_only => Err(WbemStatus::ALREADY_EXISTS),
            None if mode.update_only => Err(WbemStatus::NOT_FOUND),
            Some(slot) => {
                *slot = instance;
                Ok(())
            }
            None => {
                namespace.index.insert(key, namespace.instances.len());
                namespace.instances.push(instance);
                Ok(())
            }
        }
    }

    fn delete_class(&mut self, namespace: &str, name: &str) -> Result<(), WbemStatus> {
        let namespace = self.namespaces.get_mut(&namespace.to_lowercase()).ok_or(WbemStatus::INVALID_NAMESPACE)?;
        namespace.classes.remove(&name.to_lowercase()).ok_or(WbemStatus::NOT_FOUND)?;
        namespace.order.retain(|n| *n != name.to_lowercase());
        namespace.retain(|i| !i.class.is_a(name));
        Ok(())
    }

    fn delete_instance(&mut self, namespace: &str, path: &ObjectPath) -> Result<(), WbemStatus> {
        let namespace = self.namespaces.get_mut(&namespace.to_lowercase()).ok_or(WbemStatus::INVALID_NAMESPACE)?;
        let before = namespace.instances.len();
        namespace.retain(|i| !path_of(i).is_some_and(|p| p.same_object(path)));
        if namespace.instances.len() == before { Err(WbemStatus::NOT_FOUND) } else { Ok(()) }
    }

    fn include(&mut self, name: &str) -> Option<String> {
        self.includes.get(name).cloned()
    }
}
