//! Localised texts: the namespaces `ms_409` and their like below a namespace, laid over its classes ([MS-WMI] 2.2.6,
//! `WBEM_FLAG_USE_AMENDED_QUALIFIERS`).

use super::Broker;
use crate::store::{Namespace, Tree, fold_namespace};
use rwmi_cim::amend;
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
