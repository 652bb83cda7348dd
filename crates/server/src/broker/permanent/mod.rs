//! Permanent subscriptions: filters, consumers and what binds them, kept in the repository and followed while the server runs
//! ([MS-WMI] 3.1.4.3.20 has the events; the classes are those of the WMI reference).

mod access;
mod admit;
mod deliver;
mod keep;

#[cfg(test)]
mod tests;

pub(crate) use admit::{check, signed};
pub(crate) use keep::Keeper;

use super::keys_of;
use crate::store::{Change, Namespace, Repository, Subject, Tree, fold, key_of};
use admit::Part;
use rwmi_cim::{Class, Instance, ObjectPath};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How long a change of a subscription is waited for, at most.
const SETTLE: Duration = Duration::from_secs(10);

/// What writers and the [`Keeper`] know of each other.
#[derive(Debug)]
pub(crate) struct Permanent {
    /// Counts the changes that matter.
    wanted: AtomicU64,
    changed: Notify,
    /// The count that is followed.
    done: watch::Sender<u64>,
    /// Whether somebody follows.
    kept: AtomicBool,
}

impl Permanent {
    /// Watches a repository.
    pub(super) fn new(repository: &Repository) -> Arc<Permanent> {
        let (wanted, changed, kept) = (AtomicU64::new(1), Notify::new(), AtomicBool::new(false));
        let permanent = Arc::new(Permanent { wanted, changed, done: watch::channel(0).0, kept });
        let observer = Arc::downgrade(&permanent);
        repository.observe(move |changes| {
            if changes.iter().any(concerns)
                && let Some(permanent) = observer.upgrade()
            {
                permanent.wanted.fetch_add(1, Ordering::SeqCst);
                permanent.changed.notify_one();
            }
        });
        permanent
    }

    /// Waits until what was written up to now is followed; who puts a subscription has it when the answer comes.
    pub(super) async fn settled(&self) {
        if !self.kept.load(Ordering::SeqCst) {
            return;
        }
        let (wanted, mut done) = (self.wanted(), self.done.subscribe());
        if tokio::time::timeout(SETTLE, done.wait_for(|d| *d >= wanted)).await.is_err() {
            tracing::warn!("a permanent subscription takes long to begin");
        }
    }

    fn wanted(&self) -> u64 {
        self.wanted.load(Ordering::SeqCst)
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    fn set_done(&self, seen: u64) {
        self.done.send_replace(seen);
    }

    fn set_kept(&self, kept: bool) {
        self.kept.store(kept, Ordering::SeqCst);
    }
}

/// Whether a class is one of filters, consumers or bindings.
pub(super) fn is_part(class: &Class) -> bool {
    Part::of(class).is_some()
}

/// Whether a change may begin or end a subscription, or mend one.
fn concerns(change: &Change) -> bool {
    match &change.subject {
        Subject::Instance { before, after } => before.iter().chain(after).any(|i| is_part(&i.class)),
        Subject::Class { .. } | Subject::Namespace { .. } => true,
    }
}

/// The bindings of a namespace.
fn bindings_of(namespace: &Namespace) -> impl Iterator<Item = &Arc<Instance>> {
    const CLASS: &str = "__FilterToConsumerBinding";
    let below = namespace.descendants(CLASS, true).into_iter().flatten().map(|c| c.name.as_str());
    [CLASS].into_iter().chain(below).flat_map(|class| namespace.instances(class))
}

/// The stored instance that a reference in a namespace means.
fn resolve(tree: &Tree, home: &Namespace, reference: &str) -> Option<Arc<Instance>> {
    let path: ObjectPath = reference.parse().ok()?;
    let home = path.namespace.as_deref().map_or(Some(home), |n| tree.namespace(n))?;
    let class = home.class(&path.class, true)?;
    let mut probe = Instance::new(class.clone());
    for (name, value) in keys_of(class, &path).ok()? {
        probe.set(&name, value).ok()?;
    }
    let key = key_of(&probe, home.name())?;
    let below = home.descendants(&class.name, true).into_iter().flatten();
    [class].into_iter().chain(below).find_map(|c| home.stored(&fold(&c.name))?.get(key.as_str()).map(|s| s.instance.clone()))
}
