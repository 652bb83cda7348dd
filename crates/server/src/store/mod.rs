//! The repository: namespaces, classes and stored instances, kept in an embedded database and read from memory.
//!
//! Classes that this program ships are compiled into the database once; a program that ships others replaces them and leaves
//! alone what others have put there. Tables: `meta` name to octets; `namespaces` folded name to name, `own` the folded names
//! of those that others have made; `classes` and `instances` (folded namespace, folded class or number) to an octet that says
//! whose it is and the record. A change is one durable transaction, then it is seen ([`Repository::write`]).

pub mod care;
mod codec;
mod rules;
mod tree;
mod write;

#[cfg(test)]
mod written;

pub(crate) use tree::key_of;
pub use tree::{Namespace, Tree, fold, fold_namespace};

pub use write::{Batch, Change, Subject};

use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use rwmi_cim::Class;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const NAMESPACES: TableDefinition<'_, &str, &str> = TableDefinition::new("namespaces");
const OWN: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("own");
const CLASSES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("classes");
const INSTANCES: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("instances");

/// How the records are laid out; a store with another number is not opened.
const FORMAT: &[u8] = b"1";
/// First octet of a record that came with the program.
const SHIPPED: u8 = 0;
/// First octet of a record that somebody put.
const PUT: u8 = 1;

/// Why the repository cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refuses.
    #[error("cannot use the repository {}, caused by {cause}", path.display())]
    Database {
        /// The file, empty for one in memory.
        path: PathBuf,
        /// The database's words.
        cause: String,
    },
    /// Another program has it open.
    #[error("the repository {} is in use: another server runs on this data directory", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("the repository {} has format {found:?}, expected {:?}: a later version of this program wrote it", path.display(), String::from_utf8_lossy(FORMAT))]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// What the program ships does not compile.
    #[error("{0}")]
    Shipped(String),
}

/// What a program ships: compiled only where the store has another.
pub trait Shipped {
    /// Differs whenever the content does.
    fn stamp(&self) -> Vec<u8>;
    /// The content.
    fn compile(&self) -> Result<Vec<Namespace>, String>;
}

/// The repository of a server.
pub struct Repository {
    database: Database,
    path: PathBuf,
    tree: RwLock<Arc<Tree>>,
    /// Classes that every new namespace starts with.
    system: Vec<Arc<Class>>,
    /// One writer at a time.
    turn: Mutex<()>,
    observers: RwLock<Vec<Observer>>,
}

/// Who is told of changes.
type Observer = Box<dyn Fn(&[Change]) + Send + Sync>;

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Repository {
    /// Opens or makes the repository of a data directory.
    pub fn open(data_dir: &Path, shipped: &dyn Shipped) -> Result<Repository, StoreError> {
        let path = data_dir.join("repository.redb");
        let failed = |cause: String| StoreError::Database { path: path.clone(), cause };
        crate::accounts::make_private_dir(data_dir).map_err(|e| failed(e.to_string()))?;
        let database = Database::create(&path).map_err(|e| match e {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: path.clone() },
            other => failed(other.to_string()),
        })?;
        Repository::with(database, path, shipped)
    }

    /// A repository on a database of the caller's making.
    #[cfg(test)]
    pub(crate) fn on(database: Database, shipped: &dyn Shipped) -> Result<Repository, StoreError> {
        Repository::with(database, PathBuf::new(), shipped)
    }

    /// A repository that lives as long as the value.
    pub fn in_memory(shipped: &dyn Shipped) -> Result<Repository, StoreError> {
        let database = Database::builder()
            .create_with_backend(InMemoryBackend::new())
            .map_err(|e| StoreError::Database { path: PathBuf::new(), cause: e.to_string() })?;
        Repository::with(database, PathBuf::new(), shipped)
    }

    /// The content as it is now.
    pub fn tree(&self) -> Arc<Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with(database: Database, path: PathBuf, shipped: &dyn Shipped) -> Result<Repository, StoreError> {
        let failed = |cause: redb::Error| StoreError::Database { path: path.clone(), cause: cause.to_string() };
        let stamp = shipped.stamp();
        let (format, stored) = read_meta(&database).map_err(failed)?;
        if let Some(found) = format.filter(|f| f != FORMAT) {
            return Err(StoreError::Format { path, found: String::from_utf8_lossy(&found).into_owned() });
        }
        if stored.as_ref() != Some(&stamp) {
            tracing::info!(path = %path.display(), "compiling the shipped classes into the repository");
            let namespaces = shipped.compile().map_err(StoreError::Shipped)?;
            write_shipped(&database, &namespaces, &stamp).map_err(failed)?;
        }
        let tree = read_tree(&database).map_err(|cause| StoreError::Database { path: path.clone(), cause })?;
        let system = system_classes(&tree);
        let (turn, observers) = (Mutex::new(()), RwLock::default());
        Ok(Repository { database, path, tree: RwLock::new(Arc::new(tree)), system, turn, observers })
    }

    /// Reads the content again, after a change.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let tree = read_tree(&self.database).map_err(|cause| StoreError::Database { path: self.path.clone(), cause })?;
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tree);
        Ok(())
    }
}

/// Classes of the system that all shipped namespaces have.
fn system_classes(tree: &Tree) -> Vec<Arc<Class>> {
    let shipped: Vec<&Namespace> = tree.namespaces().filter(|n| !n.is_own()).collect();
    let Some(first) = shipped.first() else { return Vec::new() };
    let everywhere = |c: &&Arc<Class>| c.name.starts_with("__") && shipped.iter().all(|n| n.class(&c.name, true).is_some());
    first.descendants("", true).unwrap_or_default().into_iter().filter(everywhere).cloned().collect()
}

type Meta = (Option<Vec<u8>>, Option<Vec<u8>>);

fn read_meta(database: &Database) -> Result<Meta, redb::Error> {
    let read = database.begin_read()?;
    let table = match read.open_table(META) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok((None, None)),
        Err(e) => return Err(e.into()),
    };
    let value = |name| Ok::<_, redb::Error>(table.get(name)?.map(|v| v.value().to_vec()));
    Ok((value("format")?, value("shipped")?))
}

fn write_shipped(database: &Database, namespaces: &[Namespace], stamp: &[u8]) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut meta = write.open_table(META)?;
        meta.insert("format", FORMAT)?;
        meta.insert("shipped", stamp)?;
        let mut names = write.open_table(NAMESPACES)?;
        let own_names = write.open_table(OWN)?;
        let mut classes = write.open_table(CLASSES)?;
        let mut instances = write.open_table(INSTANCES)?;
        classes.retain(|_, record| record.first() != Some(&SHIPPED))?;
        instances.retain(|_, record| record.first() != Some(&SHIPPED))?;
        // A namespace in which nobody put anything goes with what was shipped for it.
        let used: Vec<String> =
            classes.iter()?.map(|entry| Ok(entry?.0.value().0.to_owned())).collect::<Result<_, redb::StorageError>>()?;
        let own: HashSet<String> =
            own_names.iter()?.map(|entry| Ok(entry?.0.value().to_owned())).collect::<Result<_, redb::StorageError>>()?;
        names.retain(|folded, _| own.contains(folded) || used.iter().any(|u| u == folded))?;
        // What others have put stays: a class of theirs hides the shipped one of its name.
        let system = system_classes(&Tree::new(namespaces.iter().cloned()));
        for folded in own.iter().filter(|folded| !namespaces.iter().any(|n| fold_namespace(n.name()) == **folded)) {
            for class in &system {
                put_shipped(&mut classes, folded, class)?;
            }
        }
        for namespace in namespaces {
            let folded = fold_namespace(namespace.name());
            names.insert(folded.as_str(), namespace.name())?;
            for class in namespace.all() {
                put_shipped(&mut classes, &folded, class)?;
            }
            let there = instances.range((folded.as_str(), 0)..=(folded.as_str(), u64::MAX))?;
            let first = there.last().transpose()?.map_or(0, |(key, _)| key.value().1 + 1);
            for (number, instance) in (first..).zip(namespace.all_instances()) {
                let record = [&[SHIPPED], &*codec::encode_instance(instance)].concat();
                instances.insert((folded.as_str(), number), record.as_slice())?;
            }
        }
    }
    write.commit()?;
    Ok(())
}

fn put_shipped(classes: &mut redb::Table<'_, (&str, &str), &[u8]>, namespace: &str, class: &Class) -> Result<(), redb::Error> {
    let name = fold(&class.name);
    if classes.get((namespace, name.as_str()))?.is_none() {
        classes.insert((namespace, name.as_str()), [&[SHIPPED], &*codec::encode_class(class)].concat().as_slice())?;
    }
    Ok(())
}

fn read_tree(database: &Database) -> Result<Tree, String> {
    let text = |e: redb::Error| e.to_string();
    let read = database.begin_read().map_err(|e| text(e.into()))?;
    let names = read.open_table(NAMESPACES).map_err(|e| text(e.into()))?;
    let classes = read.open_table(CLASSES).map_err(|e| text(e.into()))?;
    let instances = read.open_table(INSTANCES).map_err(|e| text(e.into()))?;
    let mut own = HashSet::new();
    match read.open_table(OWN) {
        Ok(table) => {
            for entry in table.iter().map_err(|e| text(e.into()))? {
                own.insert(entry.map_err(|e| text(e.into()))?.0.value().to_owned());
            }
        }
        Err(redb::TableError::TableDoesNotExist(_)) => {}
        Err(e) => return Err(text(e.into())),
    }
    let mut namespaces = Vec::new();
    for entry in names.iter().map_err(|e| text(e.into()))? {
        let (folded, name) = entry.map_err(|e| text(e.into()))?;
        let folded = folded.value();
        let mut found: Vec<(Arc<Class>, bool)> = Vec::new();
        // The end of the range is the first key that no class of this namespace can have.
        let end = format!("{folded}\0");
        for entry in classes.range((folded, "")..(end.as_str(), "")).map_err(|e| text(e.into()))? {
            let (key, record) = entry.map_err(|e| text(e.into()))?;
            let (put, class) = match record.value().split_first() {
                Some((whose, record)) => (*whose == PUT, codec::decode_class(record)),
                None => (false, Err(codec::Damaged(0))),
            };
            found.push((Arc::new(class.map_err(|e| format!("class {} in {}: {e}", key.value().1, name.value()))?), put));
        }
        let own_classes: HashSet<String> = found.iter().filter(|(_, put)| *put).map(|(c, _)| fold(&c.name)).collect();
        let mut namespace = Namespace::of_classes(name.value(), own.contains(folded), found);
        let by_name: HashMap<String, Arc<Class>> = namespace.all().map(|c| (fold(&c.name), c.clone())).collect();
        let missing = Cell::new(false);
        let class = |class: &str| {
            let found = by_name.get(&fold(class)).cloned();
            missing.set(found.is_none() || own_classes.contains(&fold(class)));
            found
        };
        for entry in instances.range((folded, 0)..=(folded, u64::MAX)).map_err(|e| text(e.into()))? {
            let (key, record) = entry.map_err(|e| text(e.into()))?;
            let instance = match record.value().split_first() {
                Some((&PUT, record)) => codec::decode_named(record, class),
                Some((_, record)) => codec::decode_instance(record, class),
                None => Err(codec::Damaged(0)),
            };
            let number = key.value().1;
            match instance {
                Ok(instance) => namespace.add(number, instance),
                // A version of this program that ships another class must still start. The record stays where it is.
                Err(error) if record.value().first() == Some(&PUT) || missing.get() => {
                    tracing::warn!(number, namespace = name.value(), %error, "a stored instance is left out: its class is gone or another");
                    namespace.reserve(number);
                }
                Err(error) => return Err(format!("instance {number} in {}: {error}", name.value())),
            }
        }
        namespaces.push(namespace);
    }
    Ok(Tree::new(namespaces))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::tree::tests::class;
    use super::*;
    use rwmi_cim::{CimType, Instance, Property};
    use std::cell::Cell;

    struct Two(&'static [u8], &'static [&'static str], Cell<u32>);

    impl Shipped for Two {
        fn stamp(&self) -> Vec<u8> {
            self.0.to_vec()
        }
        fn compile(&self) -> Result<Vec<Namespace>, String> {
            self.2.set(self.2.get() + 1);
            let keyed = Arc::new(Class { name: "K".into(), properties: vec![Property::new("Name", CimType::String)], ..Class::default() });
            let mut instance = Instance::new(keyed.clone());
            instance.set("Name", "one").unwrap();
            let classes = [class("A", &[]), class("B", &["A"]), keyed];
            Ok(self.1.iter().map(|n| Namespace::new(*n, classes.clone(), vec![instance.clone()])).collect())
        }
    }

    #[test]
    fn what_is_shipped_is_compiled_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let shipped = Two(b"1", &["root", r"root\x"], Cell::new(0));
        for _ in 0..3 {
            let repository = Repository::open(dir.path(), &shipped).unwrap();
            let tree = repository.tree();
            assert_eq!(tree.children("root").collect::<Vec<_>>(), ["x"]);
            let x = tree.namespace(r"ROOT\X").unwrap();
            assert_eq!(x.class("b", false).unwrap().parent.as_ref().unwrap().name, "A");
            assert_eq!(x.instances("k").next().unwrap().get("Name"), Some(&"one".into()));
        }
        assert_eq!(shipped.2.get(), 1);
    }

    #[test]
    fn another_stamp_replaces_what_was_shipped() {
        let dir = tempfile::tempdir().unwrap();
        drop(Repository::open(dir.path(), &Two(b"1", &["root", r"root\x"], Cell::new(0))).unwrap());
        let tree = Repository::open(dir.path(), &Two(b"2", &["root", r"root\y"], Cell::new(0))).unwrap().tree();
        assert_eq!(tree.namespaces().map(Namespace::name).collect::<Vec<_>>(), ["root", r"root\y"]);
        assert_eq!(tree.namespace("root").unwrap().instances("K").count(), 1);
    }

    #[test]
    fn two_servers_on_one_directory_and_a_later_format_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let shipped = Two(b"1", &["root"], Cell::new(0));
        let first = Repository::open(dir.path(), &shipped).unwrap();
        assert!(matches!(Repository::open(dir.path(), &shipped), Err(StoreError::InUse { .. })));
        let write = first.database.begin_write().unwrap();
        write.open_table(META).unwrap().insert("format", b"9".as_slice()).unwrap();
        write.commit().unwrap();
        drop(first);
        assert!(matches!(Repository::open(dir.path(), &shipped), Err(StoreError::Format { .. })));
    }

    #[test]
    fn a_repository_in_memory_is_the_same() {
        let repository = Repository::in_memory(&Two(b"1", &["root"], Cell::new(0))).unwrap();
        assert_eq!(repository.tree().namespace("root").unwrap().class_count(), 3);
        repository.refresh().unwrap();
        assert_eq!(repository.tree().namespace("root").unwrap().class_count(), 3);
    }
}
