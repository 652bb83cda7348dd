//! systemd over D-Bus, org.freedesktop.systemd1(5): which services there are and what they do.

use futures_util::future::join_all;
use std::collections::HashMap;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Structure, Variant};

const DESTINATION: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// The interface of any unit.
pub(crate) const UNIT: &str = "org.freedesktop.systemd1.Unit";
/// The interface of a service.
pub(crate) const SERVICE: &str = "org.freedesktop.systemd1.Service";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const SUFFIX: &str = ".service";

/// Most services that are listed.
const SERVICES_MAX: usize = 16_384;

/// A connection to systemd's manager.
pub(crate) struct Systemd(Connection);

/// A service as the lists of units and of unit files have it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Service {
    /// Without `.service`.
    pub(crate) name: String,
    /// State of its file: `enabled`, `static`, `masked`...; `None` where no file has its name.
    pub(crate) file_state: Option<String>,
    /// Where it is loaded.
    pub(crate) loaded: Option<Loaded>,
}

/// What systemd keeps of a unit in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Loaded {
    pub(crate) description: String,
    /// `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`...
    pub(crate) active_state: String,
    pub(crate) path: OwnedObjectPath,
}

/// A row of ListUnitsByPatterns: name, description, load, active, sub, follows, path, job, job type, job path.
type ListedUnit = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

impl Systemd {
    pub(crate) async fn connect(address: &str) -> zbus::Result<Self> {
        zbus::connection::Builder::address(address).build().await.map(Systemd)
    }

    /// Services that are loaded or have a file, by name. Templates and second names are none.
    pub(crate) async fn services(&self) -> zbus::Result<Vec<Service>> {
        let patterns: (&[&str], &[&str]) = (&[], &["*.service"]);
        let units = self.manager("ListUnitsByPatterns", &patterns).await?;
        let files = self.manager("ListUnitFilesByPatterns", &patterns).await?;
        let units: Vec<ListedUnit> = units.body().deserialize()?;
        let files: Vec<(String, String)> = files.body().deserialize()?;
        Ok(merge(units, files))
    }

    /// The path of a unit; loads it where it is not.
    pub(crate) async fn load(&self, name: &str) -> zbus::Result<OwnedObjectPath> {
        self.manager("LoadUnit", &(format!("{name}{SUFFIX}"),)).await?.body().deserialize()
    }

    /// Some properties of a unit, by name, all asked at once. One that the unit lacks is left out.
    pub(crate) async fn properties(
        &self,
        path: &OwnedObjectPath,
        names: &[(&str, &'static str)],
    ) -> zbus::Result<HashMap<&'static str, OwnedVariant>> {
        let ask = names.iter().map(|(interface, name)| async move {
            let reply = self.0.call_method(Some(DESTINATION), path.as_ref(), Some(PROPERTIES), "Get", &(*interface, *name)).await;
            match reply {
                Ok(message) => Ok(Some((*name, message.body().deserialize::<OwnedVariant>()?))),
                // The unit went away, or an older systemd does not know the property.
                Err(zbus::Error::MethodError(..) | zbus::Error::FDO(_)) => Ok(None),
                Err(error) => Err(error),
            }
        });
        join_all(ask).await.into_iter().filter_map(Result::transpose).collect()
    }

    async fn manager<B: serde::Serialize + zbus::DynamicType>(&self, method: &str, body: &B) -> zbus::Result<zbus::Message> {
        self.0.call_method(Some(DESTINATION), MANAGER_PATH, Some(MANAGER), method, body).await
    }
}

fn merge(units: Vec<ListedUnit>, files: Vec<(String, String)>) -> Vec<Service> {
    let mut services: HashMap<String, Service> = HashMap::new();
    for (path, state) in files {
        let Some(name) = path.rsplit('/').next().and_then(|f| f.strip_suffix(SUFFIX)) else { continue };
        // A template is no service until it has an instance; an alias is the second name of one.
        if name.ends_with('@') || matches!(state.as_str(), "alias" | "bad") {
            continue;
        }
        services.insert(name.into(), Service { name: name.into(), file_state: Some(state), loaded: None });
    }
    for (name, description, load_state, active_state, _, _, path, ..) in units {
        let Some(name) = name.strip_suffix(SUFFIX) else { continue };
        // Named by another unit, and nowhere to be found.
        if load_state == "not-found" && !services.contains_key(name) {
            continue;
        }
        let service = services.entry(name.into()).or_insert_with(|| Service { name: name.into(), file_state: None, loaded: None });
        service.loaded = Some(Loaded { description, active_state, path });
    }
    let mut services: Vec<Service> = services.into_values().collect();
    services.sort_by(|a, b| a.name.cmp(&b.name));
    services.truncate(SERVICES_MAX);
    services
}

/// Program and arguments of the first command in `ExecStart`: an array of structures that start with path and arguments.
pub(crate) fn first_command(exec_start: &OwnedVariant) -> Option<Vec<String>> {
    let commands: &zbus::Array<'_> = exec_start.try_into().ok()?;
    let Variant::Structure(command) = commands.inner().first()? else { return None };
    command_of(command)
}

/// The texts of an array of them.
pub(crate) fn strings(value: &OwnedVariant) -> Vec<String> {
    let Ok(array) = <&zbus::Array<'_>>::try_from(value) else { return Vec::new() };
    array.inner().iter().filter_map(|v| if let Variant::Str(s) = v { Some(s.to_string()) } else { None }).collect()
}

fn command_of(command: &Structure<'_>) -> Option<Vec<String>> {
    let [Variant::Str(path), Variant::Array(arguments), ..] = command.fields() else { return None };
    let mut words = vec![path.to_string()];
    // The first argument is the name that the program is given, not an argument.
    words.extend(arguments.inner().iter().skip(1).filter_map(|a| if let Variant::Str(s) = a { Some(s.to_string()) } else { None }));
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_those_loaded_and_those_with_a_file() {
        let path = || OwnedObjectPath::try_from("/u").unwrap();
        let unit = |name: &str, load: &str, active: &str| -> ListedUnit {
            (
                name.into(),
                format!("about {name}"),
                load.into(),
                active.into(),
                String::new(),
                String::new(),
                path(),
                0,
                String::new(),
                path(),
            )
        };
        let file = |name: &str, state: &str| (format!("/lib/systemd/system/{name}"), state.to_owned());
        let units = vec![
            unit("ssh.service", "loaded", "active"),
            unit("gone.service", "not-found", "inactive"),
            unit("getty@tty1.service", "loaded", "active"),
            unit("a.socket", "loaded", "active"),
        ];
        let files = vec![
            file("ssh.service", "enabled"),
            file("sshd.service", "alias"),
            file("getty@.service", "enabled"),
            file("rsync.service", "disabled"),
        ];
        let found: Vec<_> = merge(units, files).into_iter().map(|s| (s.name, s.file_state, s.loaded.map(|l| l.active_state))).collect();
        let text = |s: &str| Some(s.to_owned());
        let expect = [
            ("getty@tty1".to_owned(), None, text("active")),
            ("rsync".to_owned(), text("disabled"), None),
            ("ssh".to_owned(), text("enabled"), text("active")),
        ];
        assert_eq!(found, expect);
    }
}
