//! What `cargo metadata --locked` says, as far as it is used here.

use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::process::Command;

/// The workspace and everything that it depends on, for all targets and with all kinds of dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
    pub(crate) workspace_root: String,
    pub(crate) target_directory: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression.
    pub(crate) license: Option<String>,
    /// `registry+URL`, `git+URL`; `None` for a path.
    pub(crate) source: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) manifest_path: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The requirement: `^1.2`, or `*`.
    pub(crate) req: String,
    /// `dev`, `build`, or `None` for an ordinary one.
    pub(crate) kind: Option<String>,
    pub(crate) path: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dep>,
}

#[derive(Debug, Deserialize)]
struct Dep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Debug, Deserialize)]
struct DepKind {
    kind: Option<String>,
}

/// Runs `cargo metadata --locked`: a lock file that does not fit the manifests is an error.
pub(crate) fn load() -> Result<Metadata, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .output()
        .map_err(|e| format!("cannot run cargo metadata, caused by {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata --locked failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata is not as expected, caused by {e}"))
}

impl Metadata {
    /// The packages of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|p| self.workspace_members.contains(&p.id))
    }

    pub(crate) fn is_member(&self, package: &Package) -> bool {
        self.workspace_members.contains(&package.id)
    }

    /// Names of everything that is built into a package: dependencies of dependencies, without those of tests.
    pub(crate) fn built_into(&self, package: &Package) -> BTreeSet<&str> {
        let nodes: HashMap<&str, &Node> = self.resolve.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
        let mut seen = BTreeSet::new();
        let mut open = vec![package.id.as_str()];
        while let Some(id) = open.pop() {
            for dep in nodes.get(id).map_or(&[][..], |n| &n.deps) {
                let built = dep.dep_kinds.iter().any(|k| k.kind.as_deref() != Some("dev"));
                if built && seen.insert(dep.pkg.as_str()) {
                    open.push(&dep.pkg);
                }
            }
        }
        self.packages.iter().filter(|p| seen.contains(p.id.as_str())).map(|p| p.name.as_str()).collect()
    }

    /// Names of the packages that depend on a package directly, in any way.
    pub(crate) fn dependents(&self, package: &Package) -> BTreeSet<&str> {
        let ids: BTreeSet<&str> =
            self.resolve.nodes.iter().filter(|n| n.deps.iter().any(|d| d.pkg == package.id)).map(|n| n.id.as_str()).collect();
        self.packages.iter().filter(|p| ids.contains(p.id.as_str())).map(|p| p.name.as_str()).collect()
    }
}
