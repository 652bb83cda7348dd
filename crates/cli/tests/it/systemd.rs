//! A stand-in for systemd on a bus of its own, so that a server has services to tell.

#[path = "../../../linux/tests/it/fake_systemd.rs"]
mod fake_systemd;

use crate::support::TREE;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A bus and who answers on it; both end with this.
pub(crate) struct Systemd {
    daemon: Child,
    dir: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
    _connection: zbus::Connection,
}

impl Systemd {
    /// Starts a dbus-daemon. Fails where it is not installed: Debian has it in the package dbus-daemon.
    pub(crate) fn start() -> Systemd {
        let dir = tempfile::tempdir().unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", Path::new(TREE).join("../bus.conf").display()))
            .arg(format!("--address={}", address(dir.path())))
            .args(["--print-address", "--nofork", "--nopidfile"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is installed");
        // It listens when it has said where.
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let units = Path::new(TREE).join("systemd.json");
        let connection = runtime.block_on(fake_systemd::serve(&address(dir.path()), &units)).unwrap();
        Systemd { daemon, dir, _runtime: runtime, _connection: connection }
    }

    /// The setting by which a server finds it, for the table `[source]`.
    pub(crate) fn setting(&self) -> String {
        format!("dbus = {:?}", address(self.dir.path()))
    }
}

fn address(dir: &Path) -> String {
    format!("unix:path={}/bus", dir.display())
}

impl Drop for Systemd {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
