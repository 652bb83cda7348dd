//! `cargo xtask check`: rules of the repository that the compiler does not hold.
//!
//! Layers (which crate may depend on which), licences, bans and sources of dependencies (`deny.toml`), manifests, what
//! no source may contain, docs/coverage.md, docs/spec-map.md, and links of documents. Each part prints what it looked at; one
//! violation of any makes the exit status 1.
//!
//! `cargo xtask book` runs every command of the README and of the book.
//!
//! `cargo xtask coverage` writes docs/coverage.md; `cargo xtask coverage --check` looks only at it and at docs/spec-map.md.

mod book;
mod coverage;
mod declarations;
mod deny;
mod documents;
mod index;
mod layers;
mod metadata;
mod sources;
mod spdx;

use std::path::Path;
use std::process::ExitCode;

/// What a part of the check saw.
struct Report {
    /// Which part.
    name: &'static str,
    /// What was looked at, with counts: a part that looked at nothing shows it.
    seen: String,
    /// What is worth knowing and breaks no rule.
    notes: Vec<String>,
    /// What breaks a rule.
    violations: Vec<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["check"] => reports().map(|r| show(&r)),
        ["coverage"] => write_coverage().map(|r| show(&r)),
        ["coverage", "--check"] => documents().map(|r| show(&r)),
        ["book", "inside", page, root, rwmi, systemd, what, profile] => {
            let parts = book::Parts { root: root.into(), rwmi: rwmi.into(), systemd: systemd.into() };
            book::inside(page, &parts, what == "bless", profile == "release")
        }
        ["book", ref rest @ ..] => match book::Options::read(rest) {
            Some(options) => book::run(&options),
            None => return usage(),
        },
        _ => return usage(),
    };
    match done {
        Ok(code) => code,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo xtask check | coverage [--check] | book [--work-tree] [--page NAME]... [--bless]");
    ExitCode::from(2)
}

fn show(reports: &[Report]) -> ExitCode {
    for Report { name, seen, notes, violations } in reports {
        println!("{name:9} {}: {seen}", if violations.is_empty() { "ok  " } else { "FAIL" });
        notes.iter().for_each(|n| println!("          note: {n}"));
        violations.iter().for_each(|v| println!("          error: {v}"));
    }
    let broken: usize = reports.iter().map(|r| r.violations.len()).sum();
    if broken == 0 {
        ExitCode::SUCCESS
    } else {
        println!("{broken} violations");
        ExitCode::FAILURE
    }
}

fn write_coverage() -> Result<Vec<Report>, String> {
    let metadata = metadata::load()?;
    let violations = coverage::write(Path::new(&metadata.workspace_root))?;
    Ok(vec![Report { name: "coverage", seen: "written".into(), notes: Vec::new(), violations }])
}

fn documents() -> Result<Vec<Report>, String> {
    let metadata = metadata::load()?;
    let tree = index::Tree::load(Path::new(&metadata.workspace_root))?;
    Ok(vec![coverage::check(&tree)?, documents::spec_map(&tree)])
}

fn reports() -> Result<Vec<Report>, String> {
    let metadata = metadata::load()?;
    let root = Path::new(&metadata.workspace_root);
    let text = std::fs::read_to_string(root.join("deny.toml")).map_err(|e| format!("cannot read deny.toml, caused by {e}"))?;
    let config: deny::Config = toml::from_str(&text).map_err(|e| format!("deny.toml is not as expected, caused by {e}"))?;
    let tree = index::Tree::load(root)?;
    Ok(vec![
        layers::edges(&metadata),
        layers::runtimes(&metadata),
        deny::licences(&metadata, &config.licenses),
        deny::bans(&metadata, &config.bans),
        deny::sources(&metadata, &config.sources),
        sources::manifests(&metadata)?,
        sources::texts(root)?,
        coverage::check(&tree)?,
        documents::spec_map(&tree),
        documents::errors(&tree),
        documents::links(&tree),
    ])
}
