//! MOF against what Windows has: Microsoft's own MOF files, and every class of a Windows 11 repository.

use std::path::PathBuf;

/// The recorded data, or `None` where it is not to be had and need not be.
fn data(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("RWMI_WIRE_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var("RWMI_WIRE_REQUIRED").as_deref() != Ok("1"), "{} is required and missing", path.display());
    println!("not run: {} is missing", path.display());
    None
}

fn mof_files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = data(folder) else { return Vec::new() };
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("mof")))
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(p).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn wire_data_every_mof_file_of_microsoft_parses() {
    let mut failed = Vec::new();
    let files = mof_files("mof-microsoft");
    for (name, octets) in &files {
        if let Err(errors) = rwmi_cim::mof::parse_octets(name, octets) {
            failed.extend(errors.iter().map(|e| e.render()));
        }
    }
    println!("{} files", files.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn wire_data_every_documented_class_parses() {
    let mut failed = Vec::new();
    let files = mof_files("schema-msdocs-win32");
    for (name, octets) in &files {
        if let Err(errors) = rwmi_cim::mof::parse_octets(name, octets) {
            failed.extend(errors.iter().map(|e| e.to_string()));
        }
    }
    println!("{} files", files.len());
    if !files.is_empty() {
        // The page of this class has two misprints: `string.  Caption;`.
        let misprints = ["18:9", "21:9"];
        let expect: Vec<_> = misprints
            .map(|at| format!("Win32_DiskPartition.mof:{at}: this is no number (WBEMMOF_E_ILLEGAL_CONSTANT_VALUE (0x80044007))"))
            .to_vec();
        assert_eq!(failed, expect);
    }
}
