//! A stand-in for `org.freedesktop.systemd1`: it serves the units of a JSON file on a bus, and nothing changes them.
//!
//! Of the real interfaces (org.freedesktop.systemd1(5)) it has ListUnitsByPatterns, ListUnitFilesByPatterns and LoadUnit of
//! the manager, and the properties that the provider of Win32_Service reads, with the signatures of the real ones.

use serde::Deserialize;
use std::path::Path;
use zbus::OwnedObjectPath;

/// The file: a list of units.
#[derive(Debug, Clone, Deserialize)]
struct Units {
    units: Vec<UnitEntry>,
}

/// A unit. One with a `load_state` is loaded, one with a `file` is in the list of unit files.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct UnitEntry {
    name: String,
    description: String,
    file: Option<String>,
    file_state: String,
    unit_file_state: Option<String>,
    load_state: Option<String>,
    active_state: String,
    sub_state: String,
    exec_start: Vec<String>,
    user: String,
    main_pid: u32,
    exec_main_code: i32,
    exec_main_status: i32,
    exec_main_start: u64,
    can_stop: bool,
    requires: Vec<String>,
    requisite: Vec<String>,
    binds_to: Vec<String>,
}

struct Manager(Vec<UnitEntry>);
struct Unit(UnitEntry);
struct Service(UnitEntry);

type Listed = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);
/// Path, arguments, ignore failure, four times, process, code, status.
type Command = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

/// `/org/freedesktop/systemd1/unit/ssh_2eservice`: what is no letter or digit becomes its hexadecimal code.
fn path(name: &str) -> OwnedObjectPath {
    let escaped: String =
        name.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("_{b:02x}") }).collect();
    OwnedObjectPath::try_from(format!("/org/freedesktop/systemd1/unit/{escaped}")).expect("an escaped name is a legal path")
}

fn matches(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|p| p.strip_prefix('*').map_or(p == name, |suffix| name.ends_with(suffix)))
}

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn list_units_by_patterns(&self, states: Vec<String>, patterns: Vec<String>) -> Vec<Listed> {
        let none = || OwnedObjectPath::try_from("/").expect("a legal path");
        self.0
            .iter()
            .filter(|u| matches(&patterns, &u.name) && (states.is_empty() || states.contains(&u.active_state)))
            .filter_map(|u| {
                let load = u.load_state.clone()?;
                let (active, sub) = (u.active_state.clone(), u.sub_state.clone());
                Some((u.name.clone(), u.description.clone(), load, active, sub, String::new(), path(&u.name), 0, String::new(), none()))
            })
            .collect()
    }

    fn list_unit_files_by_patterns(&self, states: Vec<String>, patterns: Vec<String>) -> Vec<(String, String)> {
        self.0
            .iter()
            .filter(|u| matches(&patterns, &u.name) && (states.is_empty() || states.contains(&u.file_state)))
            .filter_map(|u| Some((u.file.clone()?, u.file_state.clone())))
            .collect()
    }

    fn load_unit(&self, name: &str) -> zbus::fdo::Result<OwnedObjectPath> {
        match self.0.iter().find(|u| u.name == name && u.file_state != "alias") {
            Some(unit) => Ok(path(&unit.name)),
            None => Err(zbus::fdo::Error::FileNotFound(format!("unit {name} not found"))),
        }
    }
}

#[zbus::interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn id(&self) -> String {
        self.0.name.clone()
    }

    #[zbus(property)]
    fn description(&self) -> String {
        // systemd gives the name where a unit has no description.
        if self.0.description.is_empty() { self.0.name.clone() } else { self.0.description.clone() }
    }

    #[zbus(property)]
    fn unit_file_state(&self) -> String {
        self.0.unit_file_state.clone().unwrap_or_else(|| self.0.file_state.clone())
    }

    #[zbus(property)]
    fn can_stop(&self) -> bool {
        self.0.can_stop
    }

    #[zbus(property)]
    fn requires(&self) -> Vec<String> {
        self.0.requires.clone()
    }

    #[zbus(property)]
    fn requisite(&self) -> Vec<String> {
        self.0.requisite.clone()
    }

    #[zbus(property)]
    fn binds_to(&self) -> Vec<String> {
        self.0.binds_to.clone()
    }
}

#[zbus::interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property)]
    fn exec_start(&self) -> Vec<Command> {
        let Some(program) = self.0.exec_start.first() else { return Vec::new() };
        let unit = &self.0;
        vec![(program.clone(), unit.exec_start.clone(), false, unit.exec_main_start, 0, 0, 0, unit.main_pid, 0, 0)]
    }

    #[zbus(property)]
    fn user(&self) -> String {
        self.0.user.clone()
    }

    #[zbus(property, name = "MainPID")]
    fn main_pid(&self) -> u32 {
        self.0.main_pid
    }

    #[zbus(property)]
    fn exec_main_code(&self) -> i32 {
        self.0.exec_main_code
    }

    #[zbus(property)]
    fn exec_main_status(&self) -> i32 {
        self.0.exec_main_status
    }

    #[zbus(property)]
    fn exec_main_start_timestamp(&self) -> u64 {
        self.0.exec_main_start
    }
}

/// Serves the units of a file on the bus at an address, for as long as the connection is held.
pub(crate) async fn serve(address: &str, file: &Path) -> Result<zbus::Connection, Box<dyn std::error::Error>> {
    let units: Units = serde_json::from_slice(&std::fs::read(file)?)?;
    let mut builder = zbus::connection::Builder::address(address).serve_at("/org/freedesktop/systemd1", Manager(units.units.clone()));
    for unit in units.units {
        let path = path(&unit.name);
        builder = builder.serve_at(path.clone(), Unit(unit.clone())).serve_at(path, Service(unit));
    }
    Ok(builder.name("org.freedesktop.systemd1").build().await?)
}
