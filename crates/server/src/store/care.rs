//! Looking after the repository of a server that does not run: copies, checks, and beginning anew.

use super::{CLASSES, FORMAT, INSTANCES, META, NAMESPACES, Namespace, OWN, PUT, StoreError, codec, fold, read_meta};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, TableError, Value};
use rwmi_cim::Class;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is in a repository, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Contents {
    /// Namespaces.
    pub namespaces: u64,
    /// Classes, those that came with the program too.
    pub classes: u64,
    /// Classes that somebody put.
    pub own_classes: u64,
    /// Instances.
    pub instances: u64,
    /// What does not hold, a sentence each.
    pub faults: Vec<String>,
    /// Records that cannot be read.
    damaged: Damaged,
}

/// Keys of records that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Damaged {
    classes: HashSet<(String, String)>,
    instances: HashSet<(String, u64)>,
}

/// The file of a data directory.
pub fn file_of(data_dir: &Path) -> PathBuf {
    data_dir.join("repository.redb")
}

fn failed(path: &Path, cause: impl ToString) -> StoreError {
    StoreError::Database { path: path.to_owned(), cause: cause.to_string() }
}

/// Opens what must be there, for this process alone.
fn open(path: &Path) -> Result<Database, StoreError> {
    // The database makes what it does not find.
    fs::metadata(path).map_err(|e| failed(path, e))?;
    let database = Database::open(path).map_err(|e| match e {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: path.to_owned() },
        other => failed(path, other),
    })?;
    let (format, _) = read_meta(&database).map_err(|e| failed(path, e))?;
    match format {
        Some(format) if format == FORMAT => Ok(database),
        Some(found) => Err(StoreError::Format { path: path.to_owned(), found: String::from_utf8_lossy(&found).into_owned() }),
        None => Err(failed(path, "it is no repository")),
    }
}

/// Reads everything: each page by its sum, each record, the superclass of each class, the class of each instance, the namespace above
/// each namespace.
///
/// # Errors
/// Where the file is not there, is no repository, or a server has it open. What is wrong within it is no error but in
/// [`Contents::faults`].
pub fn verify(path: &Path) -> Result<Contents, StoreError> {
    let mut database = open(path)?;
    let sound = database.check_integrity();
    let mut contents = read(&database).map_err(|e| failed(path, e))?;
    match sound {
        Ok(true) => {}
        Ok(false) => contents.faults.insert(0, "pages did not have their sums, and were mended from the last whole change".into()),
        Err(e) => contents.faults.insert(0, format!("the pages of the file do not hold together: {e}")),
    }
    Ok(contents)
}

fn read(database: &Database) -> Result<Contents, redb::Error> {
    let read = database.begin_read()?;
    let mut names = BTreeMap::new();
    for entry in read.open_table(NAMESPACES)?.iter()? {
        let (folded, name) = entry?;
        names.insert(folded.value().to_owned(), name.value().to_owned());
    }
    let mut found = Contents { namespaces: names.len() as u64, ..Contents::default() };
    for (folded, name) in &names {
        if folded.rsplit_once('\\').is_some_and(|(above, _)| !names.contains_key(above)) {
            found.faults.push(format!("namespace {name}: the one above it is missing"));
        }
    }
    let mut classes: HashMap<String, Vec<(Arc<Class>, bool)>> = HashMap::new();
    for entry in read.open_table(CLASSES)?.iter()? {
        let (key, record) = entry?;
        let (namespace, name) = key.value();
        found.classes += 1;
        found.own_classes += u64::from(record.value().first() == Some(&PUT));
        if !names.contains_key(namespace) {
            found.faults.push(format!("class {name}: its namespace {namespace} is missing"));
        }
        match record.value().split_first().map(|(whose, record)| (*whose == PUT, codec::decode_class(record))) {
            Some((own, Ok(class))) => classes.entry(namespace.to_owned()).or_default().push((Arc::new(class), own)),
            _ => {
                found.faults.push(format!("class {name} in {namespace} cannot be read"));
                found.damaged.classes.insert((namespace.to_owned(), name.to_owned()));
            }
        }
    }
    let mut derived: HashMap<&str, HashMap<String, Arc<Class>>> = HashMap::new();
    for (namespace, classes) in &classes {
        let there: HashSet<String> = classes.iter().map(|(c, _)| fold(&c.name)).collect();
        for (class, _) in classes {
            if let Some(above) = class.superclass().filter(|s| !there.contains(&fold(s))) {
                found.faults.push(format!("class {} in {namespace}: its superclass {above} is missing", class.name));
            }
        }
        let tree = Namespace::of_classes(namespace.as_str(), false, classes.iter().cloned());
        derived.insert(namespace, tree.all().map(|c| (fold(&c.name), c.clone())).collect());
    }
    for entry in read.open_table(INSTANCES)?.iter()? {
        let (key, record) = entry?;
        let (namespace, number) = key.value();
        found.instances += 1;
        if !names.contains_key(namespace) {
            found.faults.push(format!("instance {number}: its namespace {namespace} is missing"));
        }
        let class = |name: &str| derived.get(namespace).and_then(|c| c.get(&fold(name))).cloned();
        let decoded = match record.value().split_first() {
            Some((&PUT, record)) => codec::decode_named(record, class),
            Some((_, record)) => codec::decode_instance(record, class),
            None => Err(codec::Damaged(0)),
        };
        if let Err(error) = decoded {
            found.faults.push(format!("instance {number} in {namespace} cannot be read, or its class is missing or another: {error}"));
            found.damaged.instances.insert((namespace.to_owned(), number));
        }
    }
    Ok(found)
}

/// Copies a table, without what a test rules out.
fn copy<K, V>(
    from: &redb::ReadTransaction,
    to: &redb::WriteTransaction,
    table: TableDefinition<'_, K, V>,
    keep: impl Fn(&K::SelfType<'_>) -> bool,
) -> Result<(), redb::Error>
where
    K: redb::Key + 'static,
    V: Value + 'static,
{
    let source = match from.open_table(table) {
        Ok(source) => source,
        // Nobody ever made a namespace.
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(e) => return Err(e.into()),
    };
    let mut target = to.open_table(table)?;
    for entry in source.iter()? {
        let (key, value) = entry?;
        if keep(&key.value()) {
            target.insert(key.value(), value.value())?;
        }
    }
    Ok(())
}

/// Writes a repository anew, record by record, into a file that must not exist; it is whole or not there.
fn write_copy(from: &Database, without: &Damaged, to: &Path) -> Result<(), StoreError> {
    let whole = || {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|e| failed(to, e))?;
        let copied = || -> Result<(), redb::Error> {
            let target = Database::create(to)?;
            let (read, write) = (from.begin_read()?, target.begin_write()?);
            copy(&read, &write, META, |_| true)?;
            copy(&read, &write, NAMESPACES, |_| true)?;
            copy(&read, &write, OWN, |_| true)?;
            copy(&read, &write, CLASSES, |(n, c)| !without.classes.contains(&((*n).to_owned(), (*c).to_owned())))?;
            copy(&read, &write, INSTANCES, |(n, i)| !without.instances.contains(&((*n).to_owned(), *i)))?;
            write.commit()?;
            Ok(())
        };
        copied().map_err(|e| failed(to, e)).inspect_err(|_| drop(fs::remove_file(to)))
    };
    whole()
}

/// Copies the repository of a data directory into a new file.
///
/// # Errors
/// Those of [`verify`]; where the file exists or cannot be written; where something in the repository is wrong: a copy of that
/// would be trusted.
pub fn backup(data_dir: &Path, file: &Path) -> Result<Contents, StoreError> {
    let path = file_of(data_dir);
    let database = open(&path)?;
    let contents = read(&database).map_err(|e| failed(&path, e))?;
    check(&path, &contents)?;
    write_copy(&database, &Damaged::default(), file)?;
    Ok(contents)
}

fn check(path: &Path, contents: &Contents) -> Result<(), StoreError> {
    match contents.faults.first() {
        None => Ok(()),
        Some(first) => Err(failed(path, format!("{first} ({} faults in all)", contents.faults.len()))),
    }
}

/// Puts a copy in the place of the repository of a data directory.
///
/// # Errors
/// Those of [`verify`] for the copy; where something in it is wrong; where a server runs on the data directory. The repository is
/// then as it was.
pub fn restore(data_dir: &Path, file: &Path) -> Result<Contents, StoreError> {
    let contents = verify(file)?;
    check(file, &contents)?;
    let source = open(file)?;
    replace(data_dir, &source, &Damaged::default())?;
    Ok(contents)
}

/// Leaves out what cannot be read; answers what was there before.
///
/// # Errors
/// Those of [`verify`]. The repository is then as it was.
pub fn salvage(data_dir: &Path) -> Result<Contents, StoreError> {
    let path = file_of(data_dir);
    let contents = verify(&path)?;
    if !contents.faults.is_empty() {
        let source = open(&path)?;
        let new = new_file(data_dir)?;
        write_copy(&source, &contents.damaged, &new)?;
        fs::rename(&new, &path).map_err(|e| failed(&path, e))?;
    }
    Ok(contents)
}

fn new_file(data_dir: &Path) -> Result<PathBuf, StoreError> {
    let new = data_dir.join("repository.redb.new");
    match fs::remove_file(&new) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed(&new, e)),
        _ => Ok(new),
    }
}

fn replace(data_dir: &Path, source: &Database, without: &Damaged) -> Result<(), StoreError> {
    crate::accounts::make_private_dir(data_dir).map_err(|e| failed(data_dir, e))?;
    let path = file_of(data_dir);
    let _held = hold(&path)?;
    let new = new_file(data_dir)?;
    write_copy(source, without, &new)?;
    fs::rename(&new, &path).map_err(|e| failed(&path, e))
}

/// Keeps servers from a repository, whatever is in it; `None` where there is none.
fn hold(path: &Path) -> Result<Option<Database>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    match Database::open(path) {
        Ok(database) => Ok(Some(database)),
        Err(DatabaseError::DatabaseAlreadyOpen) => Err(StoreError::InUse { path: path.to_owned() }),
        // What is damaged nobody uses.
        Err(_) => Ok(None),
    }
}

/// Throws the repository away; the next start of the server makes a new one, as after its installation.
///
/// # Errors
/// Where a server runs on the data directory, or the file cannot be removed.
pub fn reset(data_dir: &Path) -> Result<(), StoreError> {
    let path = file_of(data_dir);
    let _held = hold(&path)?;
    match fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed(&path, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipped::Schema;
    use crate::store::Repository;
    use rwmi_cim::{Instance, PutOptions};

    /// A data directory with a namespace of somebody's.
    fn kept() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::open(dir.path(), &Schema::default()).unwrap();
        repository
            .write(|batch| {
                let class = batch.tree().namespace("root").unwrap().class("__NAMESPACE", false).unwrap().clone();
                let mut made = Instance::new(class);
                made.set("Name", "mine").unwrap();
                batch.put_instance("root", &made, &PutOptions::default())
            })
            .unwrap();
        dir
    }

    fn names(dir: &Path) -> bool {
        Repository::open(dir, &Schema::default()).unwrap().tree().namespace(r"root\mine").is_some()
    }

    #[test]
    fn a_copy_comes_back_as_it_was() {
        let dir = kept();
        let copy = dir.path().join("copy");
        let contents = backup(dir.path(), &copy).unwrap();
        assert!(contents.faults.is_empty() && contents.classes > 100 && contents.own_classes == 0, "{contents:?}");
        assert_eq!(verify(&copy).unwrap(), contents);
        // What exists is not written over.
        assert!(backup(dir.path(), &copy).is_err());
        reset(dir.path()).unwrap();
        assert!(!names(dir.path()));
        restore(dir.path(), &copy).unwrap();
        assert!(names(dir.path()));
        let empty = tempfile::tempdir().unwrap();
        restore(&empty.path().join("new"), &copy).unwrap();
        assert!(names(&empty.path().join("new")));
        assert!(verify(&dir.path().join("nothing")).is_err() && !dir.path().join("nothing").exists());
    }

    #[test]
    fn nothing_is_done_while_a_server_runs() {
        let dir = kept();
        let copy = dir.path().join("copy");
        backup(dir.path(), &copy).unwrap();
        let running = Repository::open(dir.path(), &Schema::default()).unwrap();
        let in_use = |e: StoreError| assert!(matches!(e, StoreError::InUse { .. }), "{e}");
        in_use(backup(dir.path(), &dir.path().join("other")).unwrap_err());
        in_use(verify(&file_of(dir.path())).unwrap_err());
        in_use(restore(dir.path(), &copy).unwrap_err());
        in_use(salvage(dir.path()).unwrap_err());
        in_use(reset(dir.path()).unwrap_err());
        drop(running);
        assert!(names(dir.path()));
    }

    #[test]
    fn what_is_damaged_is_told_is_not_copied_and_can_be_left_out() {
        let dir = kept();
        let path = file_of(dir.path());
        let database = Database::open(&path).unwrap();
        let write = database.begin_write().unwrap();
        write.open_table(CLASSES).unwrap().insert(("ROOT", "BROKEN"), [PUT, 0xff, 0xff].as_slice()).unwrap();
        write.open_table(CLASSES).unwrap().insert(("ROOT\\NOWHERE", "LOST"), [PUT].as_slice()).unwrap();
        write.open_table(INSTANCES).unwrap().insert(("ROOT", 999), [PUT, 1].as_slice()).unwrap();
        write.commit().unwrap();
        drop(database);
        let contents = verify(&path).unwrap();
        for words in ["class BROKEN in ROOT cannot be read", "its namespace ROOT\\NOWHERE is missing", "instance 999 in ROOT"] {
            assert!(contents.faults.iter().any(|f| f.contains(words)), "{words}: {:?}", contents.faults);
        }
        let copy = dir.path().join("copy");
        assert!(backup(dir.path(), &copy).is_err() && !copy.exists());
        salvage(dir.path()).unwrap();
        assert_eq!(verify(&path).unwrap().faults, Vec::<String>::new());
        assert!(names(dir.path()));
        // What is no repository at all.
        fs::write(&path, b"not a database").unwrap();
        assert!(verify(&path).is_err() && salvage(dir.path()).is_err());
        reset(dir.path()).unwrap();
        assert!(!names(dir.path()));
    }
}
