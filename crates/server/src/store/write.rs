//! Changes of the repository: checked one after the other, made durable together, then seen.

use super::tree::{Stored, Tree};
use super::{CLASSES, INSTANCES, NAMESPACES, Namespace, OWN, PUT, Repository, SHIPPED, codec, fold, fold_namespace};
use crate::broker::Failure;
use rwmi_cim::{Class, Instance, WbemStatus};
use std::sync::{Arc, PoisonError};

/// Something that changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// The namespace that it is in, in its stored case.
    pub namespace: String,
    /// What changed.
    pub subject: Subject,
}

/// What changed: from nothing where it was created, to nothing where it was deleted.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the two sides of each are what the type says")]
pub enum Subject {
    /// A class, with its localised texts.
    Class { before: Option<Arc<Class>>, after: Option<Arc<Class>> },
    /// A stored instance.
    Instance { before: Option<Arc<Instance>>, after: Option<Arc<Instance>> },
    /// A namespace below, by its name without this one's.
    Namespace { before: Option<String>, after: Option<String> },
}

/// A step of a change. Namespaces and classes are folded names.
#[derive(Debug, Clone)]
pub(super) enum Step {
    PutClass { namespace: String, class: Arc<Class> },
    DropClass { namespace: String, class: String },
    PutInstance { namespace: String, key: Arc<str>, stored: Stored },
    DropInstance { namespace: String, class: String, key: Arc<str>, number: u64 },
    PutNamespace { name: String },
    DropNamespace { namespace: String },
}

/// Changes that are made together or not at all. See [`Repository::write`].
#[derive(Debug)]
pub struct Batch<'r> {
    pub(super) repository: &'r Repository,
    tree: Arc<Tree>,
    steps: Vec<Step>,
    /// How many steps the tree shows.
    shown: usize,
    changes: Vec<Change>,
}

impl Batch<'_> {
    /// The repository as these changes leave it.
    pub fn tree(&mut self) -> Arc<Tree> {
        if self.shown < self.steps.len() {
            let tree = Arc::make_mut(&mut self.tree);
            self.steps.iter().skip(self.shown).for_each(|step| tree.apply(step, &self.repository.system));
            self.shown = self.steps.len();
        }
        self.tree.clone()
    }

    pub(super) fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(super) fn changed(&mut self, namespace: &Namespace, subject: Subject) {
        self.changes.push(Change { namespace: namespace.name().to_owned(), subject });
    }
}

impl Tree {
    fn apply(&mut self, step: &Step, system: &[Arc<Class>]) {
        match step {
            Step::PutNamespace { name } => self.put_namespace(Namespace::of_classes(name, true, system.iter().map(|c| (c.clone(), false)))),
            Step::DropNamespace { namespace } => self.drop_namespace(namespace),
            Step::PutClass { namespace, class } => {
                if let Some(n) = self.namespace_mut(namespace) {
                    n.put_class(class.clone(), true);
                }
            }
            Step::DropClass { namespace, class } => {
                if let Some(n) = self.namespace_mut(namespace) {
                    n.drop_class(class);
                }
            }
            Step::PutInstance { namespace, key, stored } => {
                if let Some(n) = self.namespace_mut(namespace) {
                    n.put_instance(key.clone(), stored.clone());
                }
            }
            Step::DropInstance { namespace, class, key, .. } => {
                if let Some(n) = self.namespace_mut(namespace) {
                    n.drop_instance(class, key);
                }
            }
        }
    }
}

impl Repository {
    /// Makes changes: all of them, durably, or none. When this returns, every reader sees them and the disk has them.
    ///
    /// Blocks: for the disk, and for other writers. Readers go on meanwhile with what was there before.
    ///
    /// # Errors
    /// Those of the changes; `OUT_OF_DISK_SPACE` or `CRITICAL_ERROR` where the store cannot take them.
    pub fn write<T>(&self, changes: impl FnOnce(&mut Batch<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch { repository: self, tree: self.tree(), steps: Vec::new(), shown: 0, changes: Vec::new() };
        let out = changes(&mut batch)?;
        let Batch { tree, steps, changes, .. } = batch;
        if steps.is_empty() {
            return Ok(out);
        }
        self.make_durable(&steps).map_err(|error| {
            tracing::error!(path = %self.path.display(), %error, "the repository takes no change");
            let full = matches!(&error, redb::Error::Io(e) if e.kind() == std::io::ErrorKind::StorageFull);
            let status = if full { WbemStatus::OUT_OF_DISK_SPACE } else { WbemStatus::CRITICAL_ERROR };
            Failure::new(status, format!("the repository takes no change: {error}"))
        })?;
        // Where nobody else looks at it, the tree is changed in its place.
        drop(tree);
        {
            let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
            let tree = Arc::make_mut(&mut tree);
            steps.iter().for_each(|step| tree.apply(step, &self.system));
        }
        // Still this writer's turn: who listens hears of the changes in their order.
        self.observers.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|tell| tell(&changes));
        Ok(out)
    }

    /// Tells somebody of every change, in their order, after it can be seen. The listener must neither wait nor write.
    pub fn observe(&self, observer: impl Fn(&[Change]) + Send + Sync + 'static) {
        self.observers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(observer));
    }

    fn make_durable(&self, steps: &[Step]) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        {
            let mut names = write.open_table(NAMESPACES)?;
            let mut own = write.open_table(OWN)?;
            let mut classes = write.open_table(CLASSES)?;
            let mut instances = write.open_table(INSTANCES)?;
            for step in steps {
                match step {
                    Step::PutNamespace { name } => {
                        let folded = fold_namespace(name);
                        names.insert(folded.as_str(), name.as_str())?;
                        own.insert(folded.as_str(), [].as_slice())?;
                        for class in &self.system {
                            let record = [&[SHIPPED], &*codec::encode_class(class)].concat();
                            classes.insert((folded.as_str(), fold(&class.name).as_str()), record.as_slice())?;
                        }
                    }
                    Step::DropNamespace { namespace } => {
                        let namespace = namespace.as_str();
                        names.remove(namespace)?;
                        own.remove(namespace)?;
                        let end = format!("{namespace}\0");
                        classes.retain_in((namespace, "")..(end.as_str(), ""), |_, _| false)?;
                        instances.retain_in((namespace, 0)..=(namespace, u64::MAX), |_, _| false)?;
                    }
                    Step::PutClass { namespace, class } => {
                        let record = [&[PUT], &*codec::encode_class(class)].concat();
                        classes.insert((namespace.as_str(), fold(&class.name).as_str()), record.as_slice())?;
                    }
                    Step::DropClass { namespace, class } => {
                        classes.remove((namespace.as_str(), class.as_str()))?;
                    }
                    Step::PutInstance { namespace, stored, .. } => {
                        let record = [&[PUT], &*codec::encode_named(&stored.instance)].concat();
                        instances.insert((namespace.as_str(), stored.number), record.as_slice())?;
                    }
                    Step::DropInstance { namespace, number, .. } => {
                        instances.remove((namespace.as_str(), *number))?;
                    }
                }
            }
        }
        write.commit()?;
        Ok(())
    }
}
