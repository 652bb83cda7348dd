//! `cargo xtask check`: rules of the repository that the compiler does not hold.
//!
//! Layers (which crate may depend on which), licences, bans and sources of dependencies (`deny.toml`), manifests, and what
//! no source may contain. Each part prints what it looked at; one violation of any makes the exit status 1.

mod deny;
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
    match std::env::args().nth(1).as_deref() {
        Some("check") => check(),
        _ => {
            eprintln!("usage: cargo xtask check");
            ExitCode::from(2)
        }
    }
}

fn check() -> ExitCode {
    let reports = match reports() {
        Ok(reports) => reports,
        Err(e) => {
            eprintln!("error: {e}");
            return ExitCode::FAILURE;
        }
    };
    for Report { name, seen, notes, violations } in &reports {
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

fn reports() -> Result<Vec<Report>, String> {
    let metadata = metadata::load()?;
    let root = Path::new(&metadata.workspace_root);
    let text = std::fs::read_to_string(root.join("deny.toml")).map_err(|e| format!("cannot read deny.toml, caused by {e}"))?;
    let config: deny::Config = toml::from_str(&text).map_err(|e| format!("deny.toml is not as expected, caused by {e}"))?;
    Ok(vec![
        layers::edges(&metadata),
        layers::runtimes(&metadata),
        deny::licences(&metadata, &config.licenses),
        deny::bans(&metadata, &config.bans),
        deny::sources(&metadata, &config.sources),
        sources::manifests(&metadata)?,
        sources::texts(root)?,
    ])
}
