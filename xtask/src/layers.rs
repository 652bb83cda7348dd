//! Dependencies only go down (ADR 1), and nothing below the drivers knows a runtime.

use crate::Report;
use crate::metadata::{Metadata, Package};

/// A crate (without the prefix of the project) and the crates of ours that it may depend on. What is not in the list may not be:
/// `net` knows no WMI, `wmio` knows no RPC, `linux` knows no protocol.
const LAYERS: &[(&str, &[&str])] = &[
    ("cim", &[]),
    ("ndr", &[]),
    ("auth", &[]),
    ("wmio", &["cim"]),
    ("rpc", &["ndr", "auth"]),
    ("dcom", &["rpc", "ndr", "auth"]),
    ("wbem", &["dcom", "rpc", "ndr", "auth", "wmio", "cim"]),
    ("net", &["dcom", "rpc", "ndr", "auth"]),
    ("linux", &["cim"]),
    ("client", &["net", "wbem", "wmio", "dcom", "rpc", "ndr", "auth", "cim"]),
    ("server", &["net", "wbem", "wmio", "dcom", "rpc", "ndr", "auth", "cim"]),
    ("browse", &["client", "net", "wbem", "wmio", "dcom", "rpc", "ndr", "auth", "cim"]),
    ("cli", &["browse", "client", "server", "linux", "net", "wbem", "wmio", "dcom", "rpc", "ndr", "auth", "cim"]),
    ("wiredata", &[]),
    ("oracles", &["server", "net", "wbem", "wmio", "dcom", "rpc", "ndr", "auth", "cim"]),
];

/// Crates without sockets, clocks and tasks.
const PURE: &[&str] = &["cim", "ndr", "auth", "wmio", "rpc", "dcom", "wbem"];

/// What brings sockets, clocks and tasks.
const RUNTIMES: &[&str] = &["tokio", "async-std", "smol", "mio", "async-io", "socket2", "hyper", "zbus"];

const PREFIX: &str = "rwmi-";

/// Tests may reach up to these: recorded data for everybody. Those of `wiredata` itself may reach everything.
const TEST_ONLY: &str = "wiredata";

/// Tests that join both ends reach across: to a crate that does not depend on theirs.
const TESTS_REACH: &[(&str, &[&str])] = &[("client", &["server", "linux"]), ("server", &["linux"])];

/// Each edge between crates of the workspace is one that the table allows.
pub(crate) fn edges(metadata: &Metadata) -> Report {
    let (mut crates, mut edges, mut violations) = (0, 0, Vec::new());
    for package in metadata.members() {
        crates += 1;
        let of_ours: Vec<_> = package.dependencies.iter().filter(|d| d.path.is_some()).collect();
        edges += of_ours.len();
        violations.extend(of_ours.iter().filter_map(|d| edge(&package.name, &d.name, d.kind.as_deref() == Some("dev")).err()));
        if of_ours.is_empty() {
            violations.extend(allowed(&package.name).err());
        }
    }
    Report { name: "layers", seen: format!("{crates} crates, {edges} edges between them"), notes: Vec::new(), violations }
}

fn allowed(package: &str) -> Result<&'static [&'static str], String> {
    if package == "xtask" {
        return Ok(&[]);
    }
    let name = package.strip_prefix(PREFIX).unwrap_or(package);
    LAYERS.iter().find(|(n, _)| *n == name).map(|(_, below)| *below).ok_or(format!("{package} has no place in the layers"))
}

fn edge(from: &str, to: &str, dev: bool) -> Result<(), String> {
    let below = allowed(from)?;
    let target = to.strip_prefix(PREFIX).unwrap_or(to);
    let name = from.strip_prefix(PREFIX).unwrap_or(from);
    let across = TESTS_REACH.iter().any(|(n, reach)| *n == name && reach.contains(&target));
    let for_tests = dev && (target == TEST_ONLY || name == TEST_ONLY || across);
    if below.contains(&target) || for_tests { Ok(()) } else { Err(format!("{from} must not depend on {to}")) }
}

/// Nothing of a runtime is built into the pure crates, nor used by their tests directly.
pub(crate) fn runtimes(metadata: &Metadata) -> Report {
    let pure: Vec<&Package> =
        metadata.members().filter(|p| p.name.strip_prefix(PREFIX).is_some_and(|n| PURE.contains(&n) || n == TEST_ONLY)).collect();
    let mut built = 0;
    let mut violations = Vec::new();
    for package in &pure {
        let names = metadata.built_into(package);
        built += names.len();
        let direct = package.dependencies.iter().map(|d| d.name.as_str());
        let mut found: Vec<&str> = names.into_iter().chain(direct).filter(|n| RUNTIMES.contains(n)).collect();
        found.sort_unstable();
        found.dedup();
        violations.extend(found.iter().map(|n| format!("{} must do without a runtime, and {n} comes in", package.name)));
    }
    let missing = PURE.iter().filter(|n| !pure.iter().any(|p| p.name.strip_prefix(PREFIX) == Some(n)));
    violations.extend(missing.map(|n| format!("there is no crate {PREFIX}{n} to check")));
    let seen = format!("{} crates and the {built} dependencies in them, for {}", pure.len(), RUNTIMES.join(", "));
    Report { name: "runtimes", seen, notes: Vec::new(), violations }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_itself_only_goes_down() {
        for (at, (name, below)) in LAYERS.iter().enumerate() {
            for lower in *below {
                let place = LAYERS.iter().position(|(n, _)| n == lower);
                assert!(place.is_some_and(|p| p < at), "{name} depends on {lower}");
                let reached = LAYERS[place.unwrap()].1;
                assert!(reached.iter().all(|r| below.contains(r)), "{name} reaches more through {lower}");
            }
        }
    }

    #[test]
    fn an_edge_goes_down_or_is_an_error() {
        assert!(edge("rwmi-wmio", "rwmi-cim", false).is_ok());
        assert!(edge("rwmi-wmio", "rwmi-rpc", false).is_err());
        assert!(edge("rwmi-wmio", "rwmi-rpc", true).is_err());
        assert!(edge("rwmi-net", "rwmi-cim", false).is_err());
        assert!(edge("rwmi-linux", "rwmi-wbem", false).is_err());
        assert!(edge("rwmi-wmio", "rwmi-wiredata", true).is_ok());
        assert!(edge("rwmi-wmio", "rwmi-wiredata", false).is_err());
        assert!(edge("rwmi-client", "rwmi-server", true).is_ok());
        assert!(edge("rwmi-client", "rwmi-server", false).is_err());
        assert!(edge("rwmi-linux", "rwmi-server", true).is_err());
        assert!(edge("rwmi-new", "rwmi-cim", false).is_err());
    }
}
