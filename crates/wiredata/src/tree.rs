//! Where the data lies and what is in it.

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
    /// `*.pcap`; see [`crate::capture`].
    Pcap,
    /// `*.pcapng`; likewise.
    PcapNg,
    /// `*.wmio`: a marshaled WMI object from its signature on.
    Wmio,
    /// `*.wbemdata`: an ObjectArray packet.
    WbemData,
    /// `*.dump`: a marshaled WMI object in hex.
    Dump,
    /// `*.objref.bin`: an OBJREF.
    ObjRef,
    /// `*.expected.json`: what the file of the same name holds. No input of its own.
    Expected,
    /// `*.classes.jsonl`: classes, one a line.
    Classes,
    /// `*.instances.jsonl`: instances, one a line.
    Instances,
    /// `keys.json`: see [`crate::keys`].
    Keys,
}

impl Kind {
    /// Every kind, with the end of the name of its files.
    pub const ALL: [(Kind, &'static str); 14] = [
        (Kind::Manifest, "manifest.json"),
        (Kind::Pdu, ".pdu"),
        (Kind::Request, "_req.bin"),
        (Kind::Response, "_resp.bin"),
        (Kind::Pcap, ".pcap"),
        (Kind::PcapNg, ".pcapng"),
        (Kind::Wmio, ".wmio"),
        (Kind::WbemData, ".wbemdata"),
        (Kind::Dump, ".dump"),
        (Kind::ObjRef, ".objref.bin"),
        (Kind::Expected, ".expected.json"),
        (Kind::Classes, ".classes.jsonl"),
        (Kind::Instances, ".instances.jsonl"),
        (Kind::Keys, "keys.json"),
    ];

    /// The kind of a file of this name, if it has one.
    pub fn of(path: &Path) -> Option<Kind> {
        let name = path.file_name()?.to_str()?;
        let matches = |end: &str| if end.ends_with(".json") && !end.starts_with('.') { name == end } else { name.ends_with(end) };
        Kind::ALL.iter().find(|(_, end)| matches(end)).map(|(kind, _)| *kind)
    }

    /// How its files' names end: its name in tables.
    pub fn label(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, end)| end)
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
            assert!(!tree.is_empty(), "RWMI_WIRE_DATA names {}, in which nothing is wire data", named.display());
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

    /// Whether there is no input in it.
    pub fn is_empty(&self) -> bool {
        self.files.iter().all(|file| file.0 == Kind::Expected)
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
    const DEPTH_MAX: usize = 32;
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
        check("x.pcap", Some(Kind::Pcap));
        check("x.pcapng", Some(Kind::PcapNg));
        check("keys.json", Some(Kind::Keys));
        check("monkeys.json", None);
        check("README.md", None);
    }

    #[test]
    fn expectations_alone_are_nothing_to_test() {
        let of =
            |kinds: &[Kind]| Tree { root: PathBuf::new(), is_named: true, files: kinds.iter().map(|k| (*k, PathBuf::new())).collect() };
        assert!(of(&[]).is_empty() && of(&[Kind::Expected]).is_empty() && !of(&[Kind::Expected, Kind::Wmio]).is_empty());
    }
}
