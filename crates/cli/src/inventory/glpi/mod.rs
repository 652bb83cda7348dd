//! The record as GLPI takes it: names and types of its published schema (glpi-project/inventory_format).

mod devices;
mod disks;
mod network;
mod people;
mod software;
mod system;

use super::record::{Record, moment_of, utc};
use serde_json::{Map, Value as Json, json};

/// A document for GLPI's inventory endpoint or its injector.
pub(super) fn document(record: &Record) -> Json {
    let mut content = Map::new();
    content.insert("versionclient".into(), concat!("rwmi_v", env!("CARGO_PKG_VERSION")).into());
    content.insert(
        "versionprovider".into(),
        json!({"name": "rwmi", "version": env!("CARGO_PKG_VERSION"), "etime": record.took.as_secs().min(1 << 31)}),
    );
    for (name, part) in
        [("hardware", system::hardware(record)), ("operatingsystem", system::operating_system(record)), ("bios", system::bios(record))]
    {
        if !part.0.is_empty() {
            content.insert(name.into(), part.json());
        }
    }
    for (name, parts) in [
        ("cpus", system::cpus(record)),
        ("memories", system::memories(record)),
        ("storages", disks::storages(record)),
        ("drives", disks::drives(record)),
        ("networks", network::networks(record)),
        ("softwares", software::softwares(record)),
        ("local_users", people::local_users(record)),
        ("local_groups", people::local_groups(record)),
        ("users", people::users(record)),
        ("videos", devices::videos(record)),
        ("monitors", devices::monitors(record)),
        ("sounds", devices::sounds(record)),
        ("controllers", devices::controllers(record)),
        ("inputs", devices::inputs(record)),
        ("ports", devices::ports(record)),
        ("slots", devices::slots(record)),
        ("usbdevices", devices::usb_devices(record)),
        ("printers", devices::printers(record)),
        ("modems", devices::modems(record)),
        ("batteries", devices::batteries(record)),
        ("antivirus", software::antivirus(record)),
        ("firewalls", software::firewalls(record)),
        ("licenseinfos", software::licenses(record)),
        ("envs", software::environment(record)),
        ("processes", people::processes(record)),
        ("virtualmachines", software::virtual_machines(record)),
    ] {
        if !parts.is_empty() {
            content.insert(name.into(), parts.into_iter().map(Part::json).collect());
        }
    }
    json!({"deviceid": device_id(record), "itemtype": "Computer", "action": "inventory", "content": content})
}

/// `NAME-2026-11-22-21-50-57`. GLPI's agent keeps the time of its first run; we keep nothing, and take the time at which the
/// system was installed, so that a computer is the same one each time. Where that is not known it is the time of this run.
pub(super) fn device_id(record: &Record) -> String {
    let system = record.first("Win32_OperatingSystem");
    let stamp = match system.seconds("InstallDate") {
        Some(seconds) => moment_of(seconds, '-', '-'),
        None => utc(record.gathered, '-', '-'),
    };
    format!("{}-{stamp}", name(record))
}

/// The computer's own name, else the one that the caller has for it.
fn name(record: &Record) -> String {
    let computer = record.first("Win32_ComputerSystem");
    computer.text("DNSHostName").or_else(|| computer.text("Name")).unwrap_or_else(|| record.host.clone())
}

/// An object of the format: what is not known is not there.
#[derive(Debug, Default)]
struct Part(Map<String, Json>);

impl Part {
    fn text(mut self, name: &str, value: Option<impl Into<String>>) -> Part {
        if let Some(value) = value {
            self.0.insert(name.into(), value.into().into());
        }
        self
    }

    fn number(mut self, name: &str, value: Option<i64>) -> Part {
        if let Some(value) = value {
            self.0.insert(name.into(), value.into());
        }
        self
    }

    fn truth(mut self, name: &str, value: Option<bool>) -> Part {
        if let Some(value) = value {
            self.0.insert(name.into(), value.into());
        }
        self
    }

    fn texts(mut self, name: &str, values: Vec<String>) -> Part {
        if !values.is_empty() {
            self.0.insert(name.into(), values.into());
        }
        self
    }

    fn json(self) -> Json {
        Json::Object(self.0)
    }
}

/// Octets as the megabytes that the format counts in.
fn megabytes(octets: Option<i64>) -> Option<i64> {
    octets.map(|n| n >> 20)
}

/// The day of a moment.
fn day(moment: Option<String>) -> Option<String> {
    moment.and_then(|m| m.get(..10).map(str::to_owned))
}

/// The word for a number, where the number has one.
fn word(words: &[(i64, &'static str)], number: Option<i64>) -> Option<&'static str> {
    let number = number?;
    words.iter().find(|(n, _)| *n == number).map(|(_, word)| *word)
}

#[cfg(test)]
mod tests;
