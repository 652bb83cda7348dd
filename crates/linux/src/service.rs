//! Win32_Service: the services of systemd.

use crate::parse::process::command_line;
use crate::row::{Row, asked_text};
use crate::source::Machine;
use crate::systemd::{SERVICE, Service, Systemd, UNIT, first_command};
use futures_util::{StreamExt, stream};
use rwmi_cim::{BoxFuture, Enumerate, Instance, ProviderResult, Sink, WbemStatus, names_equal};
use std::collections::HashMap;
use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};
use zbus::OwnedVariant;

/// Units that are asked at the same time.
pub(crate) const UNITS_AT_ONCE: usize = 16;

/// ERROR_SERVICE_SPECIFIC_ERROR: the program ended with a status of its own, told beside it.
const SERVICE_SPECIFIC_ERROR: u32 = 1066;
/// ERROR_PROCESS_ABORTED: a signal ended it.
const PROCESS_ABORTED: u32 = 1067;
/// ERROR_SERVICE_NEVER_STARTED: not started since boot.
const NEVER_STARTED: u32 = 1077;

/// Property of the row, interface and property of the unit that it needs.
const SOURCES: [(&str, &str, &str); 9] = [
    ("PathName", SERVICE, "ExecStart"),
    ("StartName", SERVICE, "User"),
    ("ProcessId", SERVICE, "MainPID"),
    ("ExitCode", SERVICE, "ExecMainCode"),
    ("ExitCode", SERVICE, "ExecMainStatus"),
    ("ServiceSpecificExitCode", SERVICE, "ExecMainCode"),
    ("ServiceSpecificExitCode", SERVICE, "ExecMainStatus"),
    ("ExitCode", SERVICE, "ExecMainStartTimestamp"),
    ("AcceptStop", UNIT, "CanStop"),
];

impl Machine {
    /// Where systemd is to be asked; `None` where there is none.
    pub(crate) fn systemd_address(&self) -> Option<String> {
        if let Some(address) = &self.source.dbus_address {
            return Some(address.clone());
        }
        // sd_booted(3): this directory is there when systemd runs the machine.
        let socket = "run/dbus/system_bus_socket";
        let booted = self.exists("/run/systemd/system") && (self.is_live() || self.exists(&format!("/{socket}")));
        booted.then(|| format!("unix:path={}", self.source.root.join(socket).display()))
    }
}

/// The wait that is left for systemd, whatever the reader of the rows takes.
pub(crate) struct Budget(pub(crate) Duration);

impl Budget {
    pub(crate) async fn spend<T, E: Display>(&mut self, what: &str, work: impl Future<Output = Result<T, E>>) -> ProviderResult<T> {
        let started = Instant::now();
        let outcome = tokio::time::timeout(self.0, work).await;
        self.0 = self.0.saturating_sub(started.elapsed());
        match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::warn!(%error, what, "systemd cannot be asked");
                Err(WbemStatus::PROVIDER_FAILURE)
            }
            Err(_) => {
                tracing::warn!(what, "systemd does not answer in time");
                Err(WbemStatus::PROVIDER_TIMED_OUT)
            }
        }
    }
}

pub(crate) async fn services(machine: &Machine, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let Some(address) = machine.systemd_address() else {
        tracing::warn!("this machine is not run by systemd, so it has no services to tell");
        return Ok(());
    };
    let mut budget = Budget(machine.source.dbus_deadline);
    let systemd = budget.spend("connection to the bus", Systemd::connect(&address)).await?;
    let mut services = budget.spend("list of units", systemd.services()).await?;
    if let Some(name) = asked_text(req, "Name") {
        services.retain(|s| names_equal(&s.name, name));
    }
    let host = machine.computer_name();
    let work: Vec<BoxFuture<'_, zbus::Result<Instance>>> =
        services.iter().map(|s| -> BoxFuture<'_, _> { Box::pin(row(&systemd, req, &host, s)) }).collect();
    let mut rows = stream::iter(work).buffered(UNITS_AT_ONCE);
    loop {
        let next = async { rows.next().await.transpose() };
        match budget.spend("properties of a unit", next).await? {
            Some(row) => sink.indicate(row).await?,
            None => return Ok(()),
        }
    }
}

async fn row(systemd: &Systemd, req: &Enumerate<'_>, host: &str, service: &Service) -> zbus::Result<Instance> {
    let mut wanted: Vec<(&str, &'static str)> = Vec::new();
    for (property, interface, source) in SOURCES {
        if req.wants(property) && !wanted.contains(&(interface, source)) {
            wanted.push((interface, source));
        }
    }
    if service.file_state.is_none() && req.wants("StartMode") {
        // An instance of a template, or a unit without a file.
        wanted.push((UNIT, "UnitFileState"));
    }
    let names_wanted = ["DisplayName", "Caption", "Description"].iter().any(|p| req.wants(p));
    if service.loaded.is_none() && names_wanted {
        wanted.push((UNIT, "Description"));
    }
    let path = match &service.loaded {
        Some(loaded) => Some(loaded.path.clone()),
        None if wanted.is_empty() => None,
        // A file that cannot be loaded is a service all the same.
        None => match systemd.load(&service.name).await {
            Ok(path) => Some(path),
            Err(zbus::Error::MethodError(..) | zbus::Error::FDO(_)) => None,
            Err(error) => return Err(error),
        },
    };
    let properties = match &path {
        Some(path) => systemd.properties(path, &wanted).await?,
        None => HashMap::new(),
    };
    Ok(fill(req, host, service, &properties))
}

fn fill(req: &Enumerate<'_>, host: &str, service: &Service, properties: &HashMap<&'static str, OwnedVariant>) -> Instance {
    let text = |name: &str| properties.get(name).and_then(|v| <&str>::try_from(v).ok());
    let mut row = Row::new(req.class);
    row.set_class_name().set("SystemCreationClassName", "Win32_ComputerSystem").set("SystemName", host);
    let description = service.loaded.as_ref().map(|l| l.description.as_str()).or_else(|| text("Description"));
    let display = description.filter(|d| !d.is_empty()).unwrap_or(&service.name);
    row.set("Name", &service.name).set("DisplayName", display).set("Caption", display).set("Description", display);

    let state = service.loaded.as_ref().map_or("inactive", |l| l.active_state.as_str());
    let word = state_word(state);
    row.set("State", word).set("Started", word.map(|w| w != "Stopped")).set("Status", if state == "failed" { "Error" } else { "OK" });
    row.set("StartMode", service.file_state.as_deref().or_else(|| text("UnitFileState")).map(start_mode));
    // What systemd runs has a process of its own and waits for nobody at the screen.
    row.set("ServiceType", "Own Process").set("DesktopInteract", false).set("AcceptPause", false).set("DelayedAutoStart", false);

    row.set("PathName", properties.get("ExecStart").and_then(first_command).and_then(|c| command_line(&c)));
    // No user means the manager's own, and this manager is root's.
    row.set("StartName", text("User").map(|u| if u.is_empty() { "root" } else { u }));
    row.set("ProcessId", number(properties, "MainPID"));
    let stops = properties.get("CanStop").and_then(|v| bool::try_from(v).ok());
    row.set("AcceptStop", stops.map(|can| can && word == Some("Running")));
    if let Some((code, specific)) = exit_codes(properties, word) {
        row.set("ExitCode", code).set("ServiceSpecificExitCode", specific);
    }
    row.into_instance()
}

fn number(properties: &HashMap<&'static str, OwnedVariant>, name: &str) -> Option<i64> {
    let value = properties.get(name)?;
    u32::try_from(value)
        .map(i64::from)
        .or_else(|_| i32::try_from(value).map(i64::from))
        .or_else(|_| u64::try_from(value).map(|n| i64::try_from(n).unwrap_or(i64::MAX)))
        .ok()
}

/// The word of Windows for an active state.
fn state_word(active_state: &str) -> Option<&'static str> {
    Some(match active_state {
        "active" | "reloading" | "refreshing" => "Running",
        "activating" => "Start Pending",
        "deactivating" => "Stop Pending",
        "inactive" | "failed" | "maintenance" => "Stopped",
        _ => return None,
    })
}

/// The word of Windows for the state of a unit file. What is not started for its own sake is started by hand.
fn start_mode(file_state: &str) -> &'static str {
    match file_state {
        "enabled" | "enabled-runtime" => "Auto",
        "masked" | "masked-runtime" => "Disabled",
        _ => "Manual",
    }
}

/// `ExitCode` and `ServiceSpecificExitCode` from how the main process ended (CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3).
fn exit_codes(properties: &HashMap<&'static str, OwnedVariant>, state: Option<&str>) -> Option<(u32, u32)> {
    let (code, status) = (number(properties, "ExecMainCode")?, number(properties, "ExecMainStatus")?);
    let never = number(properties, "ExecMainStartTimestamp") == Some(0) && state == Some("Stopped");
    Some(match (code, status) {
        _ if never => (NEVER_STARTED, 0),
        (1, status) if status != 0 => (SERVICE_SPECIFIC_ERROR, u32::try_from(status).unwrap_or(0)),
        (2 | 3, _) => (PROCESS_ABORTED, 0),
        _ => (0, 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_modes_have_the_words_of_windows() {
        for (state, expect) in
            [("active", Some("Running")), ("activating", Some("Start Pending")), ("failed", Some("Stopped")), ("new", None)]
        {
            assert_eq!(state_word(state), expect);
        }
        for (state, expect) in [("enabled", "Auto"), ("static", "Manual"), ("generated", "Manual"), ("masked-runtime", "Disabled")] {
            assert_eq!(start_mode(state), expect);
        }
    }

    #[test]
    fn an_end_has_the_code_of_windows() {
        let check = |code: i32, status: i32, started: u64, state: &str, expect| {
            let properties = HashMap::from([
                ("ExecMainCode", OwnedVariant::from(code)),
                ("ExecMainStatus", OwnedVariant::from(status)),
                ("ExecMainStartTimestamp", OwnedVariant::from(started)),
            ]);
            assert_eq!(exit_codes(&properties, Some(state)), expect);
        };
        check(0, 0, 0, "Stopped", Some((1077, 0)));
        check(0, 0, 5, "Running", Some((0, 0)));
        check(1, 0, 5, "Stopped", Some((0, 0)));
        check(1, 3, 5, "Stopped", Some((1066, 3)));
        check(2, 9, 5, "Stopped", Some((1067, 0)));
        assert_eq!(exit_codes(&HashMap::new(), None), None);
    }
}
