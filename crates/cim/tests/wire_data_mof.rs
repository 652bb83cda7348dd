//! MOF against what Windows has: Microsoft's own MOF files, and every class of a Windows 11 repository.

use rwmi_wiredata::{Tally, Tree};
use std::path::Path;

/// The MOF files of a folder that our own tree has and another need not have.
fn mof_files(tree: &Tree, folder: &str) -> Vec<(String, Vec<u8>)> {
    let of = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let mut files: Vec<_> = of(&tree.root().join(folder))
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("mof")))
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(p).unwrap()))
        .collect();
    files.sort();
    files
}

/// Parses each file; errors at the places that are known to be misprints are expected, and must be there.
fn check(folder: &str, what: &'static str, misprints: &[(&str, &[&str])]) {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new(".mof", what);
    for (name, octets) in mof_files(&tree, folder) {
        let expect: Vec<String> = misprints
            .iter()
            .filter(|(file, _)| *file == name)
            .flat_map(|(file, places)| places.iter().map(move |at| format!("{file}:{at}")))
            .collect();
        tally.case(&name, || {
            let errors = rwmi_cim::mof::parse_octets(&name, &octets).err().unwrap_or_default();
            let found: Vec<String> = errors.iter().map(|e| e.to_string()).collect();
            let is_expected =
                found.len() == expect.len() && found.iter().zip(&expect).all(|(found, at)| found.starts_with(&format!("{at}: ")));
            assert!(is_expected, "{}", found.join("\n"));
        });
    }
    tally.finish(&tree);
}

#[test]
fn wire_data_every_mof_file_of_microsoft_parses() {
    check("mof-microsoft", "files of Microsoft's samples", &[]);
}

#[test]
fn wire_data_every_documented_class_parses() {
    // The page of this class has two misprints: `string.  Caption;`.
    check("schema-msdocs-win32", "documented classes", &[("Win32_DiskPartition.mof", &["18:9", "21:9"])]);
}
