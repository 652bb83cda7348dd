//! What is in the registry alone: installed programs, the edition of the system, the firewall's profiles.
//!
//! By StdRegProv in root\default. Each key is asked for the names of its values first, so that nothing is asked for that is not
//! there.

use super::gather::{Answer, CALLS_AT_ONCE, Why};
use super::record::Row;
use rwmi_cim::Value;
use rwmi_client::{Client, Error, MethodCall};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

const NAMESPACE: &str = r"root\default";
const CLASS: &str = "StdRegProv";

/// HKEY_LOCAL_MACHINE and HKEY_USERS.
const LOCAL_MACHINE: u32 = 0x8000_0002;
const USERS: u32 = 0x8000_0003;

/// Types of values.
const SZ: i64 = 1;
const EXPAND_SZ: i64 = 2;
const DWORD: i64 = 4;

/// What is returned where a key or a value is not there.
const NOT_THERE: i64 = 2;

/// Most keys below one key, and most profiles, that are looked at.
const KEYS_MAX: usize = 5_000;
const PROFILES_MAX: usize = 100;

const SYSTEM: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const SYSTEM_VALUES: &[&str] =
    &["ProductName", "DisplayVersion", "ReleaseId", "UBR", "CurrentBuild", "EditionID", "InstallationType", "CurrentVersion"];

const FIREWALL: &str = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy";
const PROFILES: [&str; 3] = ["DomainProfile", "PublicProfile", "StandardProfile"];

const UNINSTALL: &str = r"Microsoft\Windows\CurrentVersion\Uninstall";
const PROGRAM_VALUES: &[&str] = &[
    "DisplayName",
    "DisplayVersion",
    "Publisher",
    "InstallDate",
    "UninstallString",
    "URLInfoAbout",
    "HelpLink",
    "InstallLocation",
    "EstimatedSize",
    "SystemComponent",
    "NoRemove",
    "ReleaseType",
    "ParentKeyName",
    "VersionMajor",
    "VersionMinor",
];

/// The methods, their class read once.
#[derive(Clone)]
struct Registry {
    keys: MethodCall,
    values: MethodCall,
    text: MethodCall,
    expanded: MethodCall,
    number: MethodCall,
}

/// The answers of these sections, within the time.
pub(super) async fn answers(client: &Client, sections: &[&'static str], query: Duration, end: Instant) -> Vec<Answer> {
    let opened = timeout_at(end.min(Instant::now() + query), Registry::open(client)).await;
    let registry = match opened.map_err(|_| Why::late()).and_then(|o| o.map_err(|e| Why::from(&e))) {
        Ok(registry) => registry,
        Err(why) => return sections.iter().map(|section| found(section, Vec::new(), Some(why.clone()))).collect(),
    };
    let mut answers = Vec::new();
    for section in sections {
        let mut rows = Vec::new();
        // Programs are many questions: they may take all the time that is left.
        let limit = if *section == "softwares" { end } else { end.min(Instant::now() + query) };
        let asked = async {
            match *section {
                "operatingsystem" => registry.system(&mut rows).await,
                "softwares" => registry.programs(&mut rows).await,
                _ => registry.firewall(&mut rows).await,
            }
        };
        let why = match timeout_at(limit, asked).await {
            Ok(Ok(why)) => why,
            Ok(Err(error)) => Some(Why::from(&error)),
            Err(_) => Some(Why::late()),
        };
        answers.push(found(section, rows, why));
    }
    answers
}

fn found(section: &'static str, rows: Vec<Row>, why: Option<Why>) -> Answer {
    Answer { section, namespace: NAMESPACE.to_owned(), class: CLASS, rows, why }
}

impl Registry {
    async fn open(client: &Client) -> Result<Registry, Error> {
        let namespace = client.namespace(NAMESPACE).await?;
        let method = async |name: &str| namespace.method(CLASS, name).await;
        Ok(Registry {
            keys: method("EnumKey").await?,
            values: method("EnumValues").await?,
            text: method("GetStringValue").await?,
            expanded: method("GetExpandedStringValue").await?,
            number: method("GetDWORDValue").await?,
        })
    }

    async fn system(&self, rows: &mut Vec<Row>) -> Result<Option<Why>, Error> {
        Ok(match self.read(LOCAL_MACHINE, SYSTEM, SYSTEM_VALUES, None).await? {
            Ok(row) => {
                rows.extend(row);
                None
            }
            Err(why) => Some(why),
        })
    }

    async fn firewall(&self, rows: &mut Vec<Row>) -> Result<Option<Why>, Error> {
        let mut why = None;
        for profile in PROFILES {
            match self.read(LOCAL_MACHINE, &format!(r"{FIREWALL}\{profile}"), &["EnableFirewall"], None).await? {
                Ok(row) => rows.extend(row.map(|mut row| {
                    row.0.insert(0, ("Profile".into(), profile.into()));
                    row
                })),
                Err(said) => why = why.or(Some(said)),
            }
        }
        Ok(why)
    }

    /// The programs of the computer, of both widths, and of each profile that is loaded.
    async fn programs(&self, rows: &mut Vec<Row>) -> Result<Option<Why>, Error> {
        let mut roots = vec![
            (LOCAL_MACHINE, format!(r"SOFTWARE\{UNINSTALL}"), None),
            (LOCAL_MACHINE, format!(r"SOFTWARE\Wow6432Node\{UNINSTALL}"), None),
        ];
        let mut why = None;
        match self.below(USERS, "").await? {
            Ok(names) => {
                let people = names.into_iter().filter(|n| n.starts_with("S-1-5-21-") && !n.ends_with("_Classes")).take(PROFILES_MAX);
                roots.extend(people.map(|sid| (USERS, format!(r"{sid}\Software\{UNINSTALL}"), Some(sid))));
            }
            Err(said) => why = Some(said),
        }
        for (hive, root, sid) in roots {
            let keys = match self.below(hive, &root).await? {
                Ok(keys) => keys,
                Err(said) => {
                    why = why.or(Some(said));
                    continue;
                }
            };
            if KEYS_MAX < keys.len() {
                why = why.or(Some(Why::new(format!("more than {KEYS_MAX} keys below {root}"))));
            }
            why = why.or(self.each(hive, &root, sid.as_deref(), keys, rows).await?);
        }
        Ok(why)
    }

    /// Reads the keys below a root, a few at a time, in their order.
    async fn each(&self, hive: u32, root: &str, sid: Option<&str>, keys: Vec<String>, rows: &mut Vec<Row>) -> Result<Option<Why>, Error> {
        let mut tasks = JoinSet::new();
        let mut programs = Vec::new();
        let mut why = None;
        let mut keys = keys.into_iter().take(KEYS_MAX).enumerate();
        loop {
            while tasks.len() < CALLS_AT_ONCE
                && let Some((place, key)) = keys.next()
            {
                let (registry, path) = (self.clone(), format!(r"{root}\{key}"));
                tasks.spawn(async move { (place, key, registry.read(hive, &path, PROGRAM_VALUES, Some("DisplayName")).await) });
            }
            let Some(done) = tasks.join_next().await else { break };
            let Ok((place, key, read)) = done else { continue };
            match read? {
                Ok(Some(mut row)) => {
                    let width = if root.contains("Wow6432Node") { "32" } else { "native" };
                    row.0.splice(
                        0..0,
                        [("Key".into(), key.into()), ("Width".into(), width.into()), ("SID".into(), sid.map_or(Value::Null, Value::from))],
                    );
                    programs.push((place, row));
                }
                Ok(None) => {}
                Err(said) => why = why.or(Some(said)),
            }
        }
        programs.sort_by_key(|(place, _)| *place);
        rows.extend(programs.into_iter().map(|(_, row)| row));
        Ok(why)
    }

    /// The names of the keys below a key; none where it is not there.
    async fn below(&self, hive: u32, key: &str) -> Result<Result<Vec<String>, Why>, Error> {
        let done = self.keys.clone().arg("hDefKey", hive).arg("sSubKeyName", key).call().await?;
        Ok(match done.return_value() {
            Some(0) => Ok(texts(&done.get::<Value>("sNames").unwrap_or(Value::Null))),
            Some(NOT_THERE) => Ok(Vec::new()),
            code => Err(refused(key, code)),
        })
    }

    /// Those of the values that a key has; `None` where it has none of them, or not the one that it must have.
    async fn read(&self, hive: u32, key: &str, wanted: &[&str], must: Option<&str>) -> Result<Result<Option<Row>, Why>, Error> {
        let done = self.values.clone().arg("hDefKey", hive).arg("sSubKeyName", key).call().await?;
        match done.return_value() {
            Some(0) => {}
            Some(NOT_THERE) => return Ok(Ok(None)),
            code => return Ok(Err(refused(key, code))),
        }
        let names = texts(&done.get::<Value>("sNames").unwrap_or(Value::Null));
        let types = match done.get::<Value>("Types") {
            Ok(Value::Array(items)) => items.iter().map(|v| v.as_integer().and_then(|n| i64::try_from(n).ok())).collect(),
            _ => Vec::new(),
        };
        let type_of = |name: &str| names.iter().position(|n| n.eq_ignore_ascii_case(name)).and_then(|at| *types.get(at)?);
        if must.is_some_and(|name| type_of(name).is_none()) {
            return Ok(Ok(None));
        }
        let mut row = Row::default();
        for name in wanted {
            let (method, out) = match type_of(name) {
                Some(SZ) => (&self.text, "sValue"),
                Some(EXPAND_SZ) => (&self.expanded, "sValue"),
                Some(DWORD) => (&self.number, "uValue"),
                _ => continue,
            };
            let done = method.clone().arg("hDefKey", hive).arg("sSubKeyName", key).arg("sValueName", *name).call().await?;
            match done.return_value() {
                Some(0) => row.0.push(((*name).to_owned(), done.get::<Value>(out).unwrap_or(Value::Null))),
                // Gone since.
                Some(NOT_THERE) => {}
                code => return Ok(Err(refused(key, code))),
            }
        }
        Ok(Ok((!row.0.is_empty()).then_some(row)))
    }
}

fn refused(key: &str, code: Option<i64>) -> Why {
    let code = code.and_then(|c| u32::try_from(c).ok());
    let meaning = match code {
        Some(5) => ": access denied",
        _ => "",
    };
    Why { code, message: format!("the key {key:?}: error {}{meaning}", code.map_or_else(|| "?".into(), |c| c.to_string())) }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}
