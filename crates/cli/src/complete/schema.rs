//! What earlier commands saw of classes, for completions: `~/.cache/rwmi/schema/HOST/NAMESPACE`, a class a line.
//!
//! ```text
//! Win32_Process<TAB>Handle,Name,..<TAB>Create,..
//! ```
//! Names come from servers: only those of WMI's own form are kept, and everything has a bound.

use crate::config;
use rwmi_cim::Class;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Longest file, in octets.
const FILE_LEN_MAX: u64 = 16 << 20;
/// Most classes of a namespace.
const CLASSES_MAX: usize = 32_768;
/// Most properties, and most methods, of a class.
const MEMBERS_MAX: usize = 1024;
/// Longest name, in octets.
const NAME_LEN_MAX: usize = 255;
/// Most entries of a directory: computers, or namespaces of one.
const ENTRIES_MAX: usize = 256;
/// Most files that are read where no computer is named.
const FILES_READ_MAX: usize = 16;

/// The members of a class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Members {
    /// The name in its class's case.
    pub(crate) name: String,
    pub(crate) properties: Vec<String>,
    pub(crate) methods: Vec<String>,
}

/// Classes by their names in lower case.
pub(crate) type Known = BTreeMap<String, Members>;

/// Where it lies: `$RWMI_CACHE`, nowhere where that is empty, else the system's place for caches.
fn root() -> Option<PathBuf> {
    let dir = match std::env::var_os("RWMI_CACHE") {
        Some(dir) if dir.is_empty() => return None,
        Some(dir) => PathBuf::from(dir),
        None => config::directory("XDG_CACHE_HOME", ".cache", "Library/Caches", "LOCALAPPDATA")?,
    };
    Some(dir.join("schema"))
}

/// A computer or a namespace as a name of a file.
fn entry(name: &str) -> String {
    let mut text = String::new();
    for octet in name.to_lowercase().replace('/', "\\").bytes() {
        match octet {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(octet)),
            b'.' if !text.is_empty() => text.push('.'),
            _ => text += &format!("%{octet:02x}"),
        }
    }
    text
}

/// The name that [`entry`] made a file's.
fn named(entry: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = entry.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(octets).ok()
}

/// Keeps what was seen of classes. What cannot be kept is not: completions are no reason to fail.
pub(crate) fn learn<'a>(host: &str, namespace: &str, classes: impl IntoIterator<Item = &'a Class>) {
    let Some(root) = root() else { return };
    if let Err(error) = learn_in(&root, host, namespace, classes) {
        tracing::debug!(%error, "the schema is not kept");
    }
}

fn learn_in<'a>(root: &Path, host: &str, namespace: &str, classes: impl IntoIterator<Item = &'a Class>) -> io::Result<()> {
    let (host, namespace) = (entry(host), entry(namespace));
    if NAME_LEN_MAX < host.len() || NAME_LEN_MAX < namespace.len() {
        return Ok(());
    }
    let dir = root.join(host);
    let path = dir.join(namespace);
    let mut known = read(&path);
    let mut is_new = false;
    for class in classes {
        let key = class.name.to_lowercase();
        if !is_name(&class.name) || (!known.contains_key(&key) && CLASSES_MAX <= known.len()) {
            continue;
        }
        let members = known.entry(key).or_insert_with(|| {
            is_new = true;
            Members { name: class.name.to_string(), ..Members::default() }
        });
        is_new |= add(&mut members.properties, class.properties.iter().map(|p| &*p.name));
        is_new |= add(&mut members.methods, class.methods.iter().map(|m| &*m.name));
    }
    if !is_new {
        return Ok(());
    }
    if !has_room(root, &dir) || !has_room(&dir, &path) {
        return Ok(());
    }
    make_dir(&dir)?;
    let mut text = String::new();
    for members in known.values() {
        text += &format!("{}\t{}\t{}\n", members.name, members.properties.join(","), members.methods.join(","));
    }
    if FILE_LEN_MAX < text.len() as u64 {
        return Ok(());
    }
    // Whole or not at all: another command may read it now.
    let draft = dir.join(format!(".{}", std::process::id()));
    let written = create(&draft).and_then(|mut f| f.write_all(text.as_bytes())).and_then(|()| fs::rename(&draft, &path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

/// What is known of a namespace: of this computer, or of all where it was never asked.
pub(crate) fn known(host: Option<&str>, namespace: &str) -> Known {
    let Some(root) = root() else { return Known::new() };
    let namespace = entry(namespace);
    if let Some(host) = host {
        let own = read(&root.join(entry(host)).join(&namespace));
        if !own.is_empty() {
            return own;
        }
    }
    let mut all = Known::new();
    for dir in entries(&root).into_iter().map(|d| root.join(d)).filter(|d| d.join(&namespace).is_file()).take(FILES_READ_MAX) {
        for (key, members) in read(&dir.join(&namespace)) {
            let place = all.entry(key).or_insert_with(|| Members { name: members.name.clone(), ..Members::default() });
            add(&mut place.properties, members.properties.iter().map(String::as_str));
            add(&mut place.methods, members.methods.iter().map(String::as_str));
        }
    }
    all
}

/// Namespaces that were asked, of any computer.
pub(crate) fn namespaces() -> Vec<String> {
    let Some(root) = root() else { return Vec::new() };
    let mut all: Vec<String> = entries(&root).into_iter().flat_map(|d| entries(&root.join(d))).filter_map(|n| named(&n)).collect();
    all.sort();
    all.dedup();
    all
}

/// Forgets everything.
pub(crate) fn forget() -> io::Result<()> {
    match root().map(fs::remove_dir_all) {
        Some(Err(e)) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn entries(dir: &Path) -> Vec<String> {
    let Ok(list) = fs::read_dir(dir) else { return Vec::new() };
    let names = list.take(ENTRIES_MAX).filter_map(|e| e.ok()?.file_name().into_string().ok());
    names.filter(|n| !n.starts_with('.')).collect()
}

fn has_room(dir: &Path, path: &Path) -> bool {
    path.exists() || fs::read_dir(dir).map_or(0, |d| d.take(ENTRIES_MAX).count()) < ENTRIES_MAX
}

/// Adds names that are none yet; gives whether there were any.
fn add<'a>(list: &mut Vec<String>, names: impl Iterator<Item = &'a str>) -> bool {
    let before = list.len();
    for name in names.filter(|n| is_name(n)) {
        if list.len() < MEMBERS_MAX && !list.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            list.push(name.to_owned());
        }
    }
    before < list.len()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_LEN_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn read(path: &Path) -> Known {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|f| f.take(FILE_LEN_MAX).read_to_string(&mut text));
    if read.is_err() {
        return Known::new();
    }
    let split = |names: &str| {
        let mut list = Vec::new();
        add(&mut list, names.split(','));
        list
    };
    let lines = text.lines().take(CLASSES_MAX).filter_map(|line| {
        let mut fields = line.split('\t');
        let name = fields.next().filter(|n| is_name(n))?.to_owned();
        let (properties, methods) = (split(fields.next()?), split(fields.next()?));
        Some((name.to_lowercase(), Members { name, properties, methods }))
    });
    lines.collect()
}

#[cfg(unix)]
fn make_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn make_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_names_again() {
        for (name, file) in
            [(".", "%2e"), ("SRV01.corp", "srv01.corp"), (r"root\CIMV2", "root%5ccimv2"), ("../x", "%2e.%5cx"), ("é", "%c3%a9")]
        {
            assert_eq!(entry(name), file);
            assert_eq!(named(file).unwrap(), name.to_lowercase().replace('/', "\\"));
        }
        assert_eq!(named("%"), None);
        assert_eq!(named("%zz"), None);
    }

    #[test]
    fn only_names_of_wmi_are_kept() {
        let mut list = Vec::new();
        assert!(add(&mut list, ["Name", "NAME", "a b", "$(x)", "\x1b[2J", "", "__PATH"].into_iter()));
        assert_eq!(list, ["Name", "__PATH"]);
        let many: Vec<String> = (0..5000).map(|n| format!("P{n}")).collect();
        add(&mut list, many.iter().map(String::as_str));
        assert_eq!(list.len(), MEMBERS_MAX);
    }
}
