//! What the tests share: the shipped classes, the recorded tree, a private bus, rows in a vector.

use rwmi_cim::mof::{self, Memory, Target};
use rwmi_cim::{Class, Enumerate, Instance, Object, ProviderResult, RequestContext, Sink, Value, WbemStatus};
use rwmi_cim::{Entity, Provider};
use rwmi_linux::{LinuxProvider, Source};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};

/// The classes that the provider serves.
pub(crate) const CLASSES: [&str; 17] = [
    "Win32_OperatingSystem",
    "Win32_ComputerSystem",
    "Win32_Processor",
    "Win32_BIOS",
    "Win32_Process",
    "Win32_Service",
    "Win32_LogicalDisk",
    "Win32_DiskDrive",
    "Win32_DiskPartition",
    "Win32_LogicalDiskToPartition",
    "Win32_DiskDriveToDiskPartition",
    "Win32_SystemServices",
    "Win32_DependentService",
    "Win32_NetworkAdapterConfiguration",
    "Win32_UserAccount",
    "Win32_TimeZone",
    "Win32_Environment",
];

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The recorded machine.
pub(crate) fn tree() -> PathBuf {
    repository("testdata/linux/lx1")
}

static SHIPPED: LazyLock<Memory> = LazyLock::new(|| {
    let mut memory = Memory::new();
    for (name, namespace) in [("system.mof", "root"), ("system.mof", r"root\cimv2"), ("cimv2.mof", "root")] {
        let text = std::fs::read_to_string(repository("crates/server/mof").join(name)).unwrap();
        let document = mof::parse(name, &text).unwrap();
        mof::compile_into(&document, namespace, &mut memory).unwrap();
    }
    memory
});

/// A class as the server ships it.
pub(crate) fn class(name: &str) -> Arc<Class> {
    SHIPPED.class(r"root\cimv2", name).unwrap_or_else(|| panic!("class {name} is shipped"))
}

/// All rows of a class, or how the provider ended.
pub(crate) async fn enumerate(provider: &LinuxProvider, req: &Enumerate<'_>) -> ProviderResult<Vec<Object>> {
    let (sink, results) = Sink::bounded(1);
    let mut cx = RequestContext::new("lx1\\tester", r"root\cimv2");
    cx.elevated = true;
    let read = async {
        let mut rows = Vec::new();
        while let Ok(Entity::Instance(row)) = results.recv().await {
            rows.push(row);
        }
        rows
    };
    let work = async {
        let outcome = provider.enumerate(&cx, req, &sink).await;
        drop(sink);
        outcome
    };
    let (outcome, rows) = tokio::join!(work, read);
    outcome.map(|()| rows)
}

/// All rows of a class.
pub(crate) async fn rows(provider: &LinuxProvider, class_name: &str) -> Vec<Object> {
    enumerate(provider, &Enumerate::all(&class(class_name))).await.unwrap()
}

/// The rows in which properties have values.
pub(crate) async fn rows_where(provider: &LinuxProvider, class_name: &str, equal: &[(&str, Value)]) -> Result<Vec<Object>, WbemStatus> {
    let equal: Vec<(String, Value)> = equal.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    let class = class(class_name);
    let mut req = Enumerate::all(&class);
    req.equal = &equal;
    enumerate(provider, &req).await
}

/// A provider of the recorded machine, without a bus.
pub(crate) fn recorded() -> LinuxProvider {
    LinuxProvider::new(Source::at(tree())).unwrap()
}

/// Rows as MOF, as people read them; properties that are NULL are left out.
pub(crate) fn print(rows: &[Object]) -> String {
    let mut out = String::new();
    for row in rows {
        let instance: Instance = row.to_instance().unwrap();
        for (property, value) in instance.class.properties.iter().zip(&instance.values).filter(|(_, v)| !v.is_null()) {
            out.push_str(&format!("{} = {}\n", property.name, text(value)));
        }
        out.push('\n');
    }
    out
}

fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("{{{}}}", items.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Boolean(b) => b.to_string(),
        other => {
            other.as_str().map(str::to_owned).or_else(|| other.as_integer().map(|n| n.to_string())).unwrap_or_else(|| format!("{other:?}"))
        }
    }
}

/// A bus of our own, ended with the test.
pub(crate) struct Bus {
    daemon: Child,
    _dir: tempfile::TempDir,
    pub(crate) address: String,
}

impl Bus {
    /// Starts a dbus-daemon. Fails where it is not installed: Debian has it in the package dbus-daemon.
    pub(crate) fn start() -> Bus {
        let dir = tempfile::tempdir().unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", repository("testdata/linux/bus.conf").display()))
            .arg(format!("--address=unix:path={}/bus", dir.path().display()))
            .args(["--print-address", "--nofork", "--nopidfile"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon is installed");
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(address.starts_with("unix:"), "dbus-daemon gave no address: {address:?}");
        Bus { daemon, _dir: dir, address }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
