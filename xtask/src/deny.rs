//! Licences, bans and sources of dependencies: `deny.toml`, in the words of cargo-deny. A key that is not known here is an
//! error, so that no rule is written and not held.

use crate::Report;
use crate::metadata::{Metadata, Package};
use crate::spdx::Expression;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) licenses: Licences,
    pub(crate) bans: Bans,
    pub(crate) sources: Sources,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Licences {
    /// Licences, each with its exception where it has one.
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// Licences that one crate may have beside the allowed ones.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Bans {
    multiple_versions: Level,
    wildcards: Level,
    #[serde(default)]
    allow_wildcard_paths: bool,
    #[serde(default)]
    deny: Vec<Ban>,
    /// Crates of which several versions are known and borne.
    #[serde(default)]
    skip: Vec<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// Crates that may depend on it all the same.
    #[serde(default)]
    wrappers: Vec<String>,
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default, rename = "reason")]
    _reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Deny,
    Warn,
    Allow,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sources {
    unknown_registry: Level,
    unknown_git: Level,
    #[serde(default)]
    allow_registry: Vec<String>,
    #[serde(default)]
    allow_git: Vec<String>,
}

/// Sorts a finding by its level.
fn sort(level: Level, finding: String, notes: &mut Vec<String>, violations: &mut Vec<String>) {
    match level {
        Level::Deny => violations.push(finding),
        Level::Warn => notes.push(finding),
        Level::Allow => {}
    }
}

/// Each package, ours too, has a licence expression that the allowed licences fulfil.
pub(crate) fn licences(metadata: &Metadata, rules: &Licences) -> Report {
    let mut expressions = BTreeSet::new();
    let mut used = BTreeSet::new();
    let mut violations = Vec::new();
    for package in &metadata.packages {
        expressions.extend(package.license.as_deref());
        match licence(package, rules) {
            Ok(found) => used.extend(found),
            Err(e) => violations.push(format!("{} {}: {e}", package.name, package.version)),
        }
    }
    for name in rules.exceptions.iter().map(|e| &e.name).filter(|n| !metadata.packages.iter().any(|p| p.name == **n)) {
        violations.push(format!("the exception for {name} is for no dependency"));
    }
    let notes = rules.allow.iter().filter(|l| !used.contains(*l)).map(|l| format!("no dependency needs {l}")).collect();
    let seen = format!("{} packages, {} expressions, {} licences allowed", metadata.packages.len(), expressions.len(), rules.allow.len());
    Report { name: "licences", seen, notes, violations }
}

/// The allowed licences that a package names.
fn licence(package: &Package, rules: &Licences) -> Result<Vec<String>, String> {
    let Some(text) = package.license.as_deref() else {
        return Err("no licence expression in its manifest".into());
    };
    let expression = Expression::parse(text)?;
    let own = rules.exceptions.iter().filter(|e| e.name == package.name).flat_map(|e| &e.allow);
    let allowed: Vec<&String> = rules.allow.iter().chain(own).collect();
    let used = std::cell::RefCell::new(Vec::new());
    let fulfilled = expression.fulfilled_by(&|l| {
        let found = allowed.iter().any(|a| *a == l);
        if found {
            used.borrow_mut().push(l.to_owned());
        }
        found
    });
    if fulfilled { Ok(used.into_inner()) } else { Err(format!("{text} is not allowed")) }
}

/// No banned crate, no requirement of any version, and a word about crates that come twice.
pub(crate) fn bans(metadata: &Metadata, rules: &Bans) -> Report {
    let (mut notes, mut violations) = (Vec::new(), Vec::new());
    for ban in &rules.deny {
        for package in metadata.packages.iter().filter(|p| p.name == ban.name) {
            let users: Vec<&str> = metadata.dependents(package).into_iter().filter(|n| !ban.wrappers.iter().any(|w| w == n)).collect();
            if ban.wrappers.is_empty() || !users.is_empty() {
                violations.push(format!("{} is banned ({}), and {} depends on it", ban.name, ban.reason, users.join(", ")));
            }
        }
    }
    for package in metadata.members() {
        for wild in package.dependencies.iter().filter(|d| d.req == "*" && !(rules.allow_wildcard_paths && d.path.is_some())) {
            sort(rules.wildcards, format!("{} takes any version of {}", package.name, wild.name), &mut notes, &mut violations);
        }
    }
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let several = versions.iter().filter(|(name, v)| v.len() > 1 && !rules.skip.iter().any(|s| s.name == **name));
    for (name, found) in several {
        let found: Vec<&str> = found.iter().copied().collect();
        sort(
            rules.multiple_versions,
            format!("{name} comes in {} versions: {}", found.len(), found.join(", ")),
            &mut notes,
            &mut violations,
        );
    }
    let seen = format!("{} packages, {} names, {} names banned", metadata.packages.len(), versions.len(), rules.deny.len());
    Report { name: "bans", seen, notes, violations }
}

/// Each package comes from a registry or repository that is allowed, or lies in this one.
pub(crate) fn sources(metadata: &Metadata, rules: &Sources) -> Report {
    let (mut notes, mut violations) = (Vec::new(), Vec::new());
    let mut counts = BTreeMap::new();
    for package in &metadata.packages {
        let kind = source(package.source.as_deref(), rules);
        *counts.entry(kind.0).or_insert(0usize) += 1;
        if let Some(level) = kind.1 {
            let from = package.source.as_deref().unwrap_or_default();
            sort(level, format!("{} {} comes from {from}", package.name, package.version), &mut notes, &mut violations);
        } else if package.source.is_none() && !metadata.is_member(package) {
            violations.push(format!("{} lies outside the workspace", package.name));
        }
    }
    let seen = counts.iter().map(|(kind, n)| format!("{n} {kind}")).collect::<Vec<_>>().join(", ");
    Report { name: "sources", seen, notes, violations }
}

/// What kind of source it is, and how bad that is.
fn source(text: Option<&str>, rules: &Sources) -> (&'static str, Option<Level>) {
    let Some(text) = text else { return ("of the workspace", None) };
    if let Some(url) = text.strip_prefix("registry+").or_else(|| text.strip_prefix("sparse+")) {
        let known = rules.allow_registry.iter().any(|a| a.trim_end_matches('/') == url.trim_end_matches('/'));
        return if known { ("from allowed registries", None) } else { ("from other registries", Some(rules.unknown_registry)) };
    }
    // git+URL?branch=..#commit
    let url = text.strip_prefix("git+").unwrap_or(text).split(['?', '#']).next().unwrap_or_default();
    let known = rules.allow_git.iter().any(|a| a.trim_end_matches(".git") == url.trim_end_matches(".git"));
    if known { ("from allowed repositories", None) } else { ("from other repositories", Some(rules.unknown_git)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Config {
        toml::from_str(
            r#"
            [licenses]
            allow = ["MIT", "Zlib"]
            exceptions = [{ crate = "odd", allow = ["MPL-2.0"] }]
            [bans]
            multiple-versions = "warn"
            wildcards = "deny"
            [sources]
            unknown-registry = "deny"
            unknown-git = "deny"
            allow-registry = ["https://example.org/index"]
            allow-git = ["https://example.org/a"]
            "#,
        )
        .unwrap()
    }

    #[test]
    fn a_package_without_an_allowed_licence_is_refused() {
        let check = |name: &str, license: Option<&str>| {
            let package = Package { name: name.into(), license: license.map(Into::into), ..Package::default() };
            licence(&package, &rules().licenses).is_ok()
        };
        assert!(check("a", Some("MIT OR Apache-2.0")) && check("a", Some("MIT AND Zlib")));
        assert!(!check("a", Some("Apache-2.0")) && !check("a", None) && !check("a", Some("MIT OR")));
        assert!(check("odd", Some("MPL-2.0")) && !check("a", Some("MPL-2.0")));
    }

    #[test]
    fn a_source_is_allowed_by_name() {
        let check = |text: Option<&str>| source(text, &rules().sources).1.is_none();
        assert!(
            check(None) && check(Some("registry+https://example.org/index")) && check(Some("git+https://example.org/a.git?branch=x#1234"))
        );
        assert!(!check(Some("registry+https://example.org/other")) && !check(Some("git+https://example.org/ab#12")) && !check(Some("odd")));
    }

    #[test]
    fn a_rule_that_is_not_known_is_an_error() {
        for text in ["[licenses]\nallow = []\nunused = 1", "[graph]\ntargets = []", "[bans]\ndeny = [{ name = \"x\" }]"] {
            assert!(toml::from_str::<Config>(text).is_err(), "{text}");
        }
    }
}
