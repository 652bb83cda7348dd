//! Where the data lies and what is in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A tree of recorded data.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
    is_named: bool,
    files: Vec<(Kind, PathBuf)>,
}

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `manifest.json`: rows about PDUs and calls; see [`crate::manifest`].
    Manifest,
    /// `*.pdu`: one RPC PDU.
    Pdu,
    /// `*_req.bin`: the whole stub of a request.
    Request,
    /// `*_resp.bin`: the whole stub of a response.
    Response,
    /// `*.pcap`, `*.pcapng`; see [`crate::capture`].
    Capture,
    /// `*.wmio`: a marshaled WMI object from its signature on.
    Wmio,
    /// `*.wbemdata`: an ObjectArray packet.
    WbemData,
    /// `*.dump`: a marshaled WMI object in hex.
    Dump,
    /// `*.objref.bin`: an OBJREF.
    ObjRef,
    /// `*.expected.json`: what the file of the same name holds.
    Expected,
    /// `*.classes.jsonl`: classes, one a line.
    Classes,
    /// `*.instances.jsonl`: instances, one a line.
    Instances,
    /// `keys.json`: see [`crate::keys`].
    Keys,
}

impl Kind {
    /// The kind of a file of this name, if it has one.
    pub fn of(path: &Path) -> Option<Kind> {
        let name = path.file_name()?.to_str()?;
        let ends = |suffix: &str| name.ends_with(suffix);
        Some(match name {
            "manifest.json" => Kind::Manifest,
            "keys.json" => Kind::Keys,
            _ if ends(".expected.json") => Kind::Expected,
            _ if ends(".objref.bin") => Kind::ObjRef,
            _ if ends("_req.bin") => Kind::Request,
            _ if ends("_resp.bin") => Kind::Response,
            _ if ends(".pdu") => Kind::Pdu,
            _ if ends(".pcap") || ends(".pcapng") => Kind::Capture,
            _ if ends(".wmio") => Kind::Wmio,
            _ if ends(".wbemdata") => Kind::WbemData,
            _ if ends(".dump") => Kind::Dump,
            _ if ends(".classes.jsonl") => Kind::Classes,
            _ if ends(".instances.jsonl") => Kind::Instances,
            _ => return None,
        })
    }
}

impl Tree {
    /// The tree that `RWMI_WIRE_DATA` names, else `../shared/data` beside the repository's root.
    ///
    /// Where there is none it prints one line and gives nothing, and the test passes as not run.
    ///
    /// # Panics
    /// When a tree is named that is not there or has nothing in it, and when `RWMI_WIRE_REQUIRED=1` and there is none.
    pub fn locate() -> Option<Tree> {
        if let Some(named) = std::env::var_os("RWMI_WIRE_DATA").filter(|named| !named.is_empty()) {
            let named = PathBuf::from(named);
            assert!(named.is_dir(), "RWMI_WIRE_DATA names {}, which is no directory", named.display());
            let tree = Tree { is_named: true, ..Tree::at(&named) };
            assert!(!tree.files.is_empty(), "RWMI_WIRE_DATA names {}, in which nothing is wire data", named.display());
            return Some(tree);
        }
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        if beside.is_dir() {
            return Some(Tree::at(&beside));
        }
        let required = std::env::var("RWMI_WIRE_REQUIRED").is_ok_and(|value| value == "1");
        assert!(!required, "wire data is required and not at {}", beside.display());
        println!("not run: no wire data (set RWMI_WIRE_DATA to its directory)");
        None
    }

    /// The tree at a place.
    pub fn at(root: &Path) -> Tree {
        let mut files = Vec::new();
        collect(root, 0, &mut files);
        files.sort_by(|a, b| a.1.cmp(&b.1));
        Tree { root: root.to_owned(), is_named: false, files }
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the user chose it: then it need not have files of every kind.
    pub fn is_named(&self) -> bool {
        self.is_named
    }

    /// Every file of a kind, in the order of their paths.
    pub fn files(&self, kind: Kind) -> impl Iterator<Item = PathBuf> + '_ {
        self.files.iter().filter(move |file| file.0 == kind).map(|file| file.1.clone())
    }

    /// Every file that has a kind.
    pub fn all(&self) -> impl Iterator<Item = (Kind, &Path)> {
        self.files.iter().map(|file| (file.0, file.1.as_path()))
    }

    /// The path without the root: for messages.
    pub fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

fn collect(directory: &Path, depth: usize, files: &mut Vec<(Kind, PathBuf)>) {
    const DEPTH_MAX: usize = 16;
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if depth < DEPTH_MAX {
                collect(&path, depth + 1, files);
            }
        } else if let Some(kind) = Kind::of(&path) {
            files.push((kind, path));
        }
    }
}

/// Counts what a test found, what passed and what was left, and prints it.
#[derive(Debug)]
pub struct Tally {
    what: &'static str,
    passed: usize,
    left: BTreeMap<&'static str, usize>,
}

impl Tally {
    /// The only reasons to leave something.
    pub const REASONS: [&'static str; 4] = ["Kerberos keys", "NDR64", "no key", "WS-Man"];

    /// A tally of what.
    pub fn new(what: &'static str) -> Tally {
        Tally { what, passed: 0, left: BTreeMap::new() }
    }

    /// One passed.
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    /// One was left, for one of [`Tally::REASONS`].
    ///
    /// # Panics
    /// For any other reason.
    pub fn leave(&mut self, reason: &'static str) {
        assert!(Self::REASONS.contains(&reason), "{}: left for {reason:?}, which is no reason", self.what);
        *self.left.entry(reason).or_default() += 1;
    }

    /// How many passed so far.
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// Prints the line: found, passed, left.
    ///
    /// # Panics
    /// When nothing was found in the tree of our own, which has every kind: such a test could not fail.
    pub fn finish(self, tree: &Tree) {
        let left: usize = self.left.values().sum();
        let reasons: Vec<String> = self.left.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
        println!("{}: found {}, passed {}, left {left}{reasons}", self.what, self.passed + left, self.passed);
        assert!(tree.is_named() || self.passed + left > 0, "{}: nothing found in {}", self.what, tree.root().display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_in_the_name() {
        fn check(name: &str, expect: Option<Kind>) {
            assert_eq!(Kind::of(Path::new(name)), expect, "{name}");
        }
        check("a/manifest.json", Some(Kind::Manifest));
        check("a/x.manifest.json", None);
        check("s00_c00001_epm_3_req.bin", Some(Kind::Request));
        check("s00_c00001_epm_3_resp.bin", Some(Kind::Response));
        check("s00_c00001_epm_3_fault.bin", None);
        check("x.objref.bin", Some(Kind::ObjRef));
        check("x.objref.expected.json", Some(Kind::Expected));
        check("x.pcapng", Some(Kind::Capture));
        check("README.md", None);
    }

    #[test]
    #[should_panic(expected = "no reason")]
    fn nothing_is_left_without_one_of_the_reasons() {
        Tally::new("things").leave("hard");
    }

    #[test]
    #[should_panic(expected = "nothing found")]
    fn finding_nothing_in_our_own_tree_is_a_mistake() {
        let tree = Tree { root: PathBuf::new(), is_named: false, files: vec![] };
        Tally::new("things").finish(&tree);
    }
}
