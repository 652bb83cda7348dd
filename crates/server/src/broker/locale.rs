//! Localised texts: the namespaces `ms_409` and their like below a namespace, laid over its classes ([MS-WMI] 2.2.6,
//! `WBEM_FLAG_USE_AMENDED_QUALIFIERS`).

use super::Broker;
use crate::store::{Namespace, Tree, fold_namespace};
use rwmi_cim::{Class, Entity, Flavor, Object, Qualifiers, RequestContext, Value, amend};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The locale of who asks for none, or for one that is not here.
const DEFAULT: u32 = 0x409;

/// Namespaces with their texts, as long as neither has changed.
#[derive(Default)]
pub(super) struct Localised(Mutex<HashMap<(String, String), Merged>>);

struct Merged {
    of: Arc<Namespace>,
    texts: Arc<Namespace>,
    merged: Arc<Namespace>,
}

/// Most namespaces that are kept merged.
const MERGED_MAX: usize = 16;

/// Name and number of the locale whose texts a namespace has, for who prefers one: that, or the default.
pub(super) fn namespace_of_texts(tree: &Tree, namespace: &str, preferred: Option<&str>) -> Option<(String, u32)> {
    let wanted = preferred.and_then(amend::locale_id).into_iter().chain([DEFAULT]);
    wanted.map(|id| (format!(r"{namespace}\ms_{id:x}"), id)).find(|(name, _)| tree.namespace(name).is_some())
}

impl Broker {
    /// An event with the localised texts of its class and of the classes of what is in it, for who asks for them.
    pub(crate) fn with_texts(&self, cx: &RequestContext, event: Object) -> Object {
        let tree = self.repository.tree();
        let merged = self.localised(&tree, &cx.namespace, cx.locale.as_deref());
        let Some(namespace) = merged.as_deref().or_else(|| tree.namespace(&cx.namespace)) else { return event };
        with_texts(namespace, &event, true).unwrap_or(event)
    }

    /// A namespace with the texts of a locale; `None` where there are no others than its classes hold themselves.
    pub(super) fn localised(&self, tree: &Tree, namespace: &str, preferred: Option<&str>) -> Option<Arc<Namespace>> {
        let (name, _) = namespace_of_texts(tree, namespace, preferred)?;
        let (of, texts) = (tree.shared(namespace)?, tree.shared(&name)?);
        let key = (fold_namespace(namespace), fold_namespace(&name));
        let lock = || self.localised.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = lock().get(&key).filter(|k| Arc::ptr_eq(&k.of, of) && Arc::ptr_eq(&k.texts, texts)) {
            return Some(kept.merged.clone());
        }
        let merged = Arc::new(of.localised(texts));
        let mut kept = lock();
        if kept.len() >= MERGED_MAX && !kept.contains_key(&key) {
            kept.clear();
        }
        // What is held here is copied before it changes: the same pointer is the same content.
        kept.insert(key, Merged { of: of.clone(), texts: texts.clone(), merged: merged.clone() });
        Some(merged)
    }
}

/// `None` where a value cannot be decoded. What is embedded in what is embedded stays as it is.
fn with_texts(namespace: &Namespace, object: &Object, embedded: bool) -> Option<Object> {
    let mut instance = object.to_instance().ok()?;
    instance.class = described(namespace, &instance.class);
    for value in instance.values.iter_mut().filter(|_| embedded) {
        if let Value::Object(entity) = value {
            let told = match &**entity {
                Entity::Instance(object) => with_texts(namespace, object, false).map(Entity::Instance),
                Entity::Class(class) => Some(Entity::Class(described(namespace, class))),
            };
            if let Some(told) = told {
                **entity = told;
            }
        }
    }
    Some(instance.into())
}

/// A class, perhaps a part of one, with the texts that the namespace has for it.
fn described(namespace: &Namespace, class: &Arc<Class>) -> Arc<Class> {
    let Some(full) = namespace.class(&class.name, true) else { return class.clone() };
    let mut class = (**class).clone();
    add(&mut class.qualifiers, &full.qualifiers);
    for property in &mut class.properties {
        if let Some(full) = full.property(&property.name) {
            add(&mut property.qualifiers, &full.qualifiers);
        }
    }
    for method in &mut class.methods {
        if let Some(full) = full.method(&method.name) {
            add(&mut method.qualifiers, &full.qualifiers);
        }
    }
    Arc::new(class)
}

fn add(to: &mut Qualifiers, from: &Qualifiers) {
    for text in from.0.iter().filter(|q| q.flavor.has(Flavor::AMENDED)) {
        if !to.0.iter().any(|q| q.name.eq_ignore_ascii_case(&text.name)) {
            to.0.push(text.clone());
        }
    }
}
