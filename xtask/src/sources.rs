//! What no file of the repository may contain, and what each manifest must.

use crate::Report;
use crate::metadata::Metadata;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each member takes the lints of the workspace and is published by decision only.
pub(crate) fn manifests(metadata: &Metadata) -> Result<Report, String> {
    let mut violations = Vec::new();
    let mut count = 0;
    for package in metadata.members() {
        count += 1;
        let text =
            std::fs::read_to_string(&package.manifest_path).map_err(|e| format!("cannot read {}, caused by {e}", package.manifest_path))?;
        let manifest: toml::Table = text.parse().map_err(|e| format!("{} is no TOML, caused by {e}", package.manifest_path))?;
        if manifest.get("lints").and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool) != Some(true) {
            violations.push(format!("{} does not take the lints of the workspace", package.name));
        }
        if package.license.as_deref() != Some("MIT OR Apache-2.0") {
            violations.push(format!("{} is not under the licence of the project", package.name));
        }
    }
    Ok(Report { name: "manifests", seen: format!("{count} manifests"), notes: Vec::new(), violations })
}

/// Searches every file that git knows or would add.
pub(crate) fn texts(root: &Path) -> Result<Report, String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cannot run git, caused by {e}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    let machine = machine_paths(root);
    let (mut files, mut lines, mut rust, mut binary) = (0, 0, 0, 0);
    let mut violations = Vec::new();
    for name in String::from_utf8_lossy(&output.stdout).split('\0').filter(|n| !n.is_empty()) {
        // A file that is deleted and not yet committed is still listed.
        let Ok(octets) = std::fs::read(root.join(name)) else { continue };
        files += 1;
        let is_rust = name.ends_with(".rs");
        rust += usize::from(is_rust);
        let Ok(text) = String::from_utf8(octets) else {
            binary += 1;
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            lines += 1;
            let found = machine_path(line, &machine).or_else(|| if is_rust { left_undone(line) } else { None });
            violations.extend(found.map(|f| format!("{name}:{}: {f}", number + 1)));
        }
    }
    if rust == 0 {
        violations.push("there is no Rust file to look at".into());
    }
    let seen = format!("{files} files, {lines} lines, {rust} files of Rust; {binary} files are no text");
    Ok(Report { name: "texts", seen, notes: Vec::new(), violations })
}

/// What must not stand in Rust: tests that do not run, and places that panic when they are reached.
fn left_undone(line: &str) -> Option<String> {
    // Put together here, so that this file does not find itself.
    let ignored = [
        concat!("#[", "ignore"),
        concat!("#![", "ignore"),
        concat!(", ", "ignore)]"),
        concat!("```", "ignore"),
        concat!("```rust,", "ignore"),
    ];
    let undone = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("todo", "![")];
    if let Some(i) = ignored.iter().find(|i| line.contains(**i)) {
        return Some(format!("a test that does not run: {i}"));
    }
    undone.iter().find(|u| line.contains(**u)).map(|u| format!("left undone: {u}"))
}

/// Where this repository lies and where its user lives: nothing of that may be committed.
fn machine_paths(root: &Path) -> Vec<String> {
    let parent = root.parent().map(Path::to_path_buf);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let mut paths: Vec<String> = [Some(root.to_path_buf()), parent, home, target]
        .into_iter()
        .flatten()
        .filter(|p| p.is_absolute() && p.parent().is_some())
        .map(|p| format!("{}/", p.display()))
        // `/root/` stands in `//./root/cimv2` too, and `/home/` or `/tmp/` in what a Linux machine says of itself.
        .filter(|p| !["/root/", "/home/", "/tmp/", "/usr/", "/var/"].contains(&p.as_str()))
        .collect();
    paths.extend([concat!("/root/", ".").into(), concat!("/Us", "ers/").into(), concat!("C:\\Us", "ers\\").into()]);
    paths
}

fn machine_path(line: &str, paths: &[String]) -> Option<String> {
    let found = paths.iter().find(|p| {
        line.match_indices(p.as_str()).any(|(at, _)| {
            // `https://example.org/work/` and `../work/` are no paths of a machine.
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '/' | '_' | '-' | '}' | '$'))
        })
    });
    found.map(|p| format!("a path of a machine: {p}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_does_not_run_is_found() {
        assert!(left_undone(&format!("    {}]", concat!("#[", "ignore"))).is_some());
        assert!(left_undone(&format!("/// {}", concat!("```", "ignore"))).is_some());
        assert!(left_undone(&format!("x => {}),", concat!("todo", "!("))).is_some());
        assert!(left_undone("the rest is ignored, and nothing is left to do").is_none());
    }

    #[test]
    fn a_path_of_this_machine_is_found() {
        let paths = machine_paths(Path::new("/srv/build/rwmi"));
        let found = |line: &str| machine_path(line, &paths).is_some();
        assert!(found("see /srv/build/rwmi/docs") && found("\"/srv/build/other\"") && found("/srv/build/x"));
        assert!(!found("https://example.org/srv/build/x") && !found("//./root/cimv2") && !found("/srv/builder/x"));
        assert!(found(concat!("cat /root/", ".cargo")));
    }
}
