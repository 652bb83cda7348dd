//! What to gather: the keys of Telegraf's plug-in for Windows, and a few of ours.
//!
//! | key of a section | |
//! |---|---|
//! | `host`, or `hosts` (ours) | computers, in the forms of `-c`; none is this one |
//! | `username`; `password`, or (ours) `password_file`, `password_command`, `password_env` | a `password` in a file that everybody can read is refused |
//! | `name_prefix`, `tags` | as every plug-in of Telegraf has them |
//! | `timeout` (ours) | for everything on one computer: `"10s"` |
//! | `endpoint_port`, `object_port` (ours) | where they are others than usual |
//! | `query` | `namespace`, `class_name`, `properties`, `filter`, `tag_properties` |
//! | `method` | `namespace`, `class_name`, `method`, `arguments`, `fields`, `tag_properties` |

use crate::config::{Source, trust};
use crate::glob;
use crate::hosts;
use crate::report::Failure;
use rwmi_auth::Secret;
use rwmi_cim::wql;
use rwmi_client::{Argument, Credentials};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest file, in octets.
const FILE_LEN_MAX: u64 = 4 << 20;

/// The time for one computer, where none is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One computer and what is asked there.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) host: String,
    pub(super) credentials: Option<Credentials>,
    pub(super) endpoint_port: Option<u16>,
    pub(super) object_port: Option<u16>,
    pub(super) timeout: Duration,
    pub(super) prefix: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) queries: Vec<Query>,
    pub(super) methods: Vec<Method>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    #[serde(default = "cimv2")]
    pub(super) namespace: String,
    pub(super) class_name: String,
    pub(super) properties: Vec<String>,
    #[serde(default)]
    pub(super) filter: String,
    #[serde(default)]
    pub(super) tag_properties: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Method {
    #[serde(default = "cimv2")]
    pub(super) namespace: String,
    pub(super) class_name: String,
    pub(super) method: String,
    #[serde(default)]
    arguments: BTreeMap<String, toml::Value>,
    /// New names of what comes out.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) tag_properties: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    inputs: Inputs,
}

#[derive(Debug, Default, Deserialize)]
struct Inputs {
    #[serde(default)]
    win_wmi: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    host: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    username: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    password_command: Option<Vec<String>>,
    password_env: Option<String>,
    endpoint_port: Option<u16>,
    object_port: Option<u16>,
    timeout: Option<toml::Value>,
    #[serde(default)]
    name_prefix: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    query: Vec<Query>,
    #[serde(default)]
    method: Vec<Method>,
}

impl std::fmt::Debug for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Section").field("host", &self.host).finish_non_exhaustive()
    }
}

fn cimv2() -> String {
    r"root\cimv2".into()
}

impl Query {
    /// The query; `["*"]` asks for all.
    pub(super) fn wql(&self) -> String {
        let mut text = format!("SELECT {} FROM {}", self.properties.join(", "), self.class_name);
        if !self.filter.trim().is_empty() {
            text += &format!(" WHERE {}", self.filter);
        }
        text
    }
}

impl Method {
    /// The arguments, to be read by the types that the method declares.
    pub(super) fn arguments(&self) -> Vec<(String, Argument)> {
        self.arguments.iter().map(|(name, value)| (name.clone(), argument(value))).collect()
    }
}

fn argument(value: &toml::Value) -> Argument {
    match value {
        toml::Value::String(text) => Argument::Text(text.clone()),
        toml::Value::Integer(n) => Argument::from(*n),
        toml::Value::Float(f) => Argument::from(*f),
        toml::Value::Boolean(b) => Argument::from(*b),
        toml::Value::Datetime(d) => Argument::Text(d.to_string()),
        toml::Value::Array(items) => Argument::List(items.iter().map(argument).collect()),
        toml::Value::Table(members) => Argument::Object(members.iter().map(|(n, v)| (n.clone(), argument(v))).collect()),
    }
}

/// A password is one from the start, so that it is wiped.
fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    String::deserialize(from).map(|text| Some(Secret::new(text)))
}

/// Reads a file and the passwords that it names.
pub(super) fn settings(path: &Path) -> Result<Vec<Settings>, Failure> {
    let wrong = |e: std::io::Error| Failure::new(format!("{}: {e}", path.display()));
    let file = std::fs::File::open(path).map_err(wrong)?;
    let mode = trust::is_read_by_others(&file.metadata().map_err(wrong)?);
    let mut text = String::new();
    file.take(FILE_LEN_MAX).read_to_string(&mut text).map_err(wrong)?;
    // It may have passwords in it.
    let text = Secret::new(text);
    let home = path.parent().unwrap_or(Path::new(""));
    read(text.expose(), home, mode).map_err(|why| Failure::new(format!("{}: {why}", path.display())))
}

/// `mode` is that of a file that everybody can read.
fn read(text: &str, home: &Path, mode: Option<u32>) -> Result<Vec<Settings>, String> {
    // The parser shows the line; a password may stand in it.
    let document: Document = toml::from_str(text).map_err(|e| {
        let line = e.span().map(|s| 1 + text.get(..s.start).unwrap_or_default().matches('\n').count());
        format!("{}{}", line.map(|n| format!("line {n}: ")).unwrap_or_default(), e.message())
    })?;
    if document.inputs.win_wmi.is_empty() {
        return Err("there is no [[inputs.win_wmi]] in it".into());
    }
    let mut all = Vec::new();
    for (place, section) in document.inputs.win_wmi.into_iter().enumerate() {
        let settings = section.settings(home, mode).map_err(|why| format!("[[inputs.win_wmi]] number {}: {why}", place + 1))?;
        all.extend(settings);
    }
    Ok(all)
}

impl Section {
    fn settings(self, home: &Path, mode: Option<u32>) -> Result<Vec<Settings>, String> {
        if self.query.is_empty() && self.method.is_empty() {
            return Err("nothing is asked for: it has no query and no method".into());
        }
        for query in &self.query {
            if query.properties.is_empty() {
                return Err(format!("the query of {} has no properties", query.class_name));
            }
            let text = query.wql();
            wql::parse(&text).map_err(|e| format!("{text:?} is no query: {}", e.status))?;
        }
        let hosts = match (self.host.as_deref(), self.hosts.is_empty()) {
            (Some(_), false) => return Err("host and hosts are the same: write one of them".into()),
            (Some("") | None, true) => vec![".".to_owned()],
            (Some(host), true) => vec![host.to_owned()],
            (None, false) => hosts::expand(&self.hosts, || Box::new(std::io::empty()))?,
        };
        let credentials = self.credentials(home, mode)?;
        let timeout = self.timeout.as_ref().map_or(Ok(TIMEOUT), duration)?;
        let Section { endpoint_port, object_port, name_prefix: prefix, tags, query: queries, method: methods, .. } = self;
        let of = |host| Settings {
            host,
            credentials: credentials.clone(),
            endpoint_port,
            object_port,
            timeout,
            prefix: prefix.clone(),
            tags: tags.clone(),
            queries: queries.clone(),
            methods: methods.clone(),
        };
        Ok(hosts.into_iter().map(of).collect())
    }

    fn credentials(&self, home: &Path, mode: Option<u32>) -> Result<Option<Credentials>, String> {
        let mut sources = Vec::new();
        if let Some(text) = &self.password {
            if let Some(mode) = mode {
                return Err(format!(
                    "every user of this computer can read the password in it (mode {mode:04o}): chmod 600, or password_file"
                ));
            }
            if text.expose().starts_with("@{") {
                return Err("secret stores are Telegraf's own: use password_file, password_command or password_env".into());
            }
            sources.push(Source::Given(text.clone()));
        }
        if let Some(path) = &self.password_file {
            sources.push(Source::File { path: home.join(path), strict: true });
        }
        if let Some(words) = &self.password_command {
            sources.push(Source::Command(words.clone()));
        }
        if let Some(name) = &self.password_env {
            let text = std::env::var(name).map_err(|_| format!("there is no variable {name} in the environment"))?;
            sources.push(Source::Given(Secret::new(text)));
        }
        match (&self.username, sources.as_slice()) {
            (None, []) => Ok(None),
            (None, _) => Err("it has a password and no username".into()),
            (Some(user), []) => Err(format!("{user} has no password: write password_file, password_command or password_env")),
            (Some(user), [source]) => {
                let secret = source.read(user).map_err(|f| f.message)?;
                Credentials::new(user, secret).map(Some).map_err(|m| m.to_string())
            }
            _ => Err("the password is said twice".into()),
        }
    }
}

/// `"1m30s"`, `"500ms"`, or a number of seconds.
fn duration(value: &toml::Value) -> Result<Duration, String> {
    let wrong = || format!("{value} is no time: write \"10s\"");
    let time = match value {
        toml::Value::Integer(n) => Duration::from_secs(u64::try_from(*n).map_err(|_| wrong())?),
        toml::Value::String(text) => {
            let (mut rest, mut all) = (text.as_str(), Duration::ZERO);
            while !rest.is_empty() {
                let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
                let (number, behind) = rest.split_at(digits);
                let unit = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
                let (unit, left) = behind.split_at(unit);
                let n: u64 = number.parse().map_err(|_| wrong())?;
                let factor = match unit {
                    "ms" => 1,
                    "s" => 1_000,
                    "m" => 60_000,
                    "h" => 3_600_000,
                    _ => return Err(wrong()),
                };
                let part = n.checked_mul(factor).ok_or_else(wrong)?;
                all = all.checked_add(Duration::from_millis(part)).ok_or_else(wrong)?;
                rest = left;
            }
            all
        }
        _ => return Err(wrong()),
    };
    let is_sensible = Duration::from_millis(1) <= time && time <= Duration::from_secs(86_400);
    is_sensible.then_some(time).ok_or_else(|| format!("{value} is not between 1ms and 24h"))
}

/// Whether a name is one of those that are meant, with `*` and `?` in them, as Telegraf's filters have them.
pub(super) fn is_among(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|p| glob::matches(p, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "[[inputs.win_wmi.query]]\nclass_name = \"A\"\nproperties = [\"B\"]\n";

    fn all(text: &str) -> Result<Vec<Settings>, String> {
        read(text, Path::new("/nowhere"), None)
    }

    #[test]
    fn the_keys_of_the_plug_in_are_taken() {
        let text = r#"
            [agent]
            interval = "10s"
            [[inputs.cpu]]
            [[inputs.win_wmi]]
            host = "srv01"
            username = 'CORP\alice'
            password = "x"
            name_prefix = "win_wmi_"
            [[inputs.win_wmi.query]]
            namespace = "root\\cimv2"
            class_name = "Win32_Volume"
            properties = ["Name", "Capacity"]
            filter = 'NOT Name LIKE "\\\\?\\%"'
            tag_properties = ["Name"]
            [[inputs.win_wmi.method]]
            namespace = 'root\default'
            class_name = "StdRegProv"
            method = "GetStringValue"
            [inputs.win_wmi.method.arguments]
            hDefKey = '2147483650'
            sSubKeyName = 'Software'
            [inputs.win_wmi.method.fields]
            sValue = "product"
            [[inputs.win_wmi]]
            hosts = ["a[1-2]", "b"]
            timeout = "1m30s"
        "#;
        let text = format!("{text}\n{QUERY}");
        let all = all(&text).unwrap();
        let hosts: Vec<&str> = all.iter().map(|s| s.host.as_str()).collect();
        assert_eq!(hosts, ["srv01", "a1", "a2", "b"]);
        assert_eq!(all[0].queries[0].wql(), r#"SELECT Name, Capacity FROM Win32_Volume WHERE NOT Name LIKE "\\\\?\\%""#);
        let method = &all[0].methods[0];
        assert_eq!(method.arguments()[0], ("hDefKey".to_owned(), Argument::Text("2147483650".into())));
        assert_eq!((method.fields["sValue"].as_str(), all[0].prefix.as_str()), ("product", "win_wmi_"));
        assert_eq!((all[0].timeout, all[3].timeout), (TIMEOUT, Duration::from_secs(90)));
        assert!(all[0].credentials.is_some() && all[1].credentials.is_none());
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let check = |head: &str, why: &str| {
            let error = all(&format!("[[inputs.win_wmi]]\n{head}\n{QUERY}")).unwrap_err();
            assert!(error.contains(why) && !error.contains("hunter2"), "{head}: {error}");
        };
        check("hostt = \"a\"", "line 2: unknown field `hostt`");
        check("username = \"u\"", "u has no password");
        check("password = \"hunter2\"", "a password and no username");
        check("username = \"u\"\npassword = [\"hunter2\"]", "line 3: ");
        check("username = \"u\"\npassword = \"hunter2", "line 3: ");
        check("username = \"u\"\npassword = \"hunter2\"\npassword_file = \"x\"", "said twice");
        check("username = \"u\"\npassword = \"@{store:key}\"", "secret stores");
        check("username = \"u\"\npassword_file = \"x\"", "/nowhere/x: ");
        check("username = \"u\"\npassword_env = \"RWMI_NO_SUCH_THING\"", "no variable RWMI_NO_SUCH_THING");
        check("host = \"a\"\nhosts = [\"b\"]", "write one of them");
        for time in ["\"10\"", "\"10 s\"", "\"s\"", "\"0s\"", "\"25h\"", "true", "-1", "\"99999999999999999999h\""] {
            check(&format!("timeout = {time}"), "is no");
        }
        for (text, why) in [
            ("", "no [[inputs.win_wmi]]"),
            ("[[inputs.win_wmi]]", "nothing is asked for"),
            ("[[inputs.win_wmi]]\n[[inputs.win_wmi.query]]\nclass_name = \"A\"\nproperties = []", "no properties"),
            ("[[inputs.win_wmi]]\n[[inputs.win_wmi.query]]\nclass_name = \"A\"\nproperties = [\"B\"]\nfilter = \"B =\"", "is no query"),
        ] {
            let error = all(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let text = format!("[[inputs.win_wmi]]\nusername = \"u\"\npassword = \"hunter2\"\n{QUERY}");
        let error = read(&text, Path::new(""), Some(0o644)).unwrap_err();
        assert!(error.contains("(mode 0644)"), "{error}");
    }

    #[test]
    fn a_pattern_has_stars_and_marks() {
        let check = |pattern: &str, name: &str, expect: bool| assert_eq!(is_among(&[pattern.into()], name), expect, "{pattern} {name}");
        check("Name", "Name", true);
        check("Name", "name", false);
        check("*", "", true);
        check("N*e", "Name", true);
        check("*a*e", "Name", true);
        check("N??e", "Name", true);
        check("N?e", "Name", false);
        check("*x", "Name", false);
        check(&"*a".repeat(200), &"a".repeat(150), false);
    }
}
