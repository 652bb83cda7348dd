//! The configuration file: TOML, every key known, every mistake told at once.
//!
//! ```
//! let config = rwmi_server::Config::parse("[server]\nlisten = [\"127.0.0.1\"]\n").unwrap();
//! assert_eq!(config.server.endpoint_port, 135);
//! assert!(rwmi_server::Config::parse("[server]\nport = 1\n").unwrap_err().to_string().contains("unknown key"));
//! ```

use rwmi_auth::AuthLevel;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// Where the configuration lies unless said otherwise.
pub const CONFIG_PATH: &str = "/etc/rwmi/rwmi.toml";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Config {
    /// `[server]`: where to listen, where to keep things.
    pub server: ServerConfig,
    /// `[security]`: who may come in, and how.
    pub security: SecurityConfig,
    /// `[limits]`: what one client may use up.
    pub limits: LimitsConfig,
    /// `[consumers]`: what permanent subscriptions may do.
    pub consumers: ConsumersConfig,
    /// `[methods]`: which methods may change this machine, and as whom.
    pub methods: MethodsConfig,
    /// `[source]`: what the providers read.
    pub source: SourceConfig,
    /// `[test]`: generated rows.
    pub test: TestConfig,
}

/// `[server]`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// `listen`: addresses; default `["0.0.0.0", "::"]`.
    pub listen: Vec<IpAddr>,
    /// `endpoint-port`: of the endpoint mapper, the resolver and the activator; default 135, which clients expect.
    pub endpoint_port: u16,
    /// `object-port`: of every object; default 24158, the fixed port that Windows administrators know.
    pub object_port: u16,
    /// `data-dir`: of the accounts and the repository; default `/var/lib/rwmi` for root, else below `$XDG_STATE_HOME`.
    pub data_dir: PathBuf,
    /// `name`: what this computer is called; default its host name up to the first dot, in capitals.
    pub name: Option<String>,
}

/// `[security]`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SecurityConfig {
    /// `minimum-level`: `"connect"`, `"packet"`, `"integrity"` (the default) or `"privacy"`.
    pub minimum_level: AuthLevel,
    /// `require-integrity-activation`: activation below integrity is refused whatever the minimum; default true.
    pub require_integrity_activation: bool,
    /// `require-mic`: an NTLM client that sends no message integrity code is refused; default false.
    pub require_mic: bool,
    /// `readers`: accounts that are no administrators and may read every namespace; default none.
    pub readers: Vec<String>,
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// `connections`: of each port; default 256.
    pub connections: usize,
    /// `connections-per-address`: of each port; default 32.
    pub connections_per_address: usize,
    /// `login-seconds`: longest time from connecting to being authenticated; default 30.
    pub login_timeout: Duration,
    /// `calls`: in progress in all; default 5000 ([MS-WMI] 3.1.1).
    pub calls: usize,
    /// `calls-per-account`: in progress; default 64.
    pub calls_per_account: usize,
    /// `sessions-per-account`: open namespaces; default 64.
    pub sessions_per_account: usize,
    /// `objects-per-account`: exported objects; default 1024.
    pub objects_per_account: usize,
    /// `enumerator-mib`: what one rewindable enumerator may keep; default 32.
    pub enumerator_len_max: usize,
    /// `results-mib`: what all rewindable enumerators may keep; default 256.
    pub results_len_max: usize,
    /// `provider-seconds`: longest silence of a provider; default 30.
    pub provider_timeout: Duration,
}

/// `[consumers]`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConsumersConfig {
    /// `log-directory`: where LogFileEventConsumer writes, and below it; default none: it writes nothing.
    pub log_directory: Option<PathBuf>,
    /// `journal-socket`: where NTEventLogEventConsumer writes; default `/run/systemd/journal/socket`, an empty text is nowhere.
    pub journal_socket: Option<PathBuf>,
    /// `smtp-servers`: by which SMTPEventConsumer sends, `host` or `host:port`; default none: it sends nothing.
    pub smtp_servers: Vec<String>,
}

/// `[methods]`.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct MethodsConfig {
    /// `allow`: methods that may change this machine: `"Win32_Process.Create"`; default none. Those that only read need not be
    /// named.
    pub allow: Vec<String>,
    /// `users`: the Linux user whom an account acts as, where it is not the one of its own name: `{ alice = "ops" }`. Only
    /// here can an account become root.
    pub users: Vec<(String, String)>,
}

/// `[source]`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SourceConfig {
    /// `root`: the tree that stands for `/`; default `/`.
    pub root: PathBuf,
    /// `dbus`: address of the bus on which systemd answers; default the system bus.
    pub dbus: Option<String>,
}

/// `[test]`.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct TestConfig {
    /// `rows`: how many `Rwmi_Row` there are in `root\test`; default 0: the namespace is not there.
    pub rows: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            listen: vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            endpoint_port: 135,
            object_port: 24158,
            data_dir: default_data_dir(),
            name: None,
        }
    }
}

impl Default for SecurityConfig {
    fn default() -> Self {
        SecurityConfig { minimum_level: AuthLevel::Integrity, require_integrity_activation: true, require_mic: false, readers: Vec::new() }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig {
            connections: 256,
            connections_per_address: 32,
            login_timeout: Duration::from_secs(30),
            calls: 5000,
            calls_per_account: 64,
            sessions_per_account: 64,
            objects_per_account: 1024,
            enumerator_len_max: 32 << 20,
            results_len_max: 256 << 20,
            provider_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for ConsumersConfig {
    fn default() -> Self {
        ConsumersConfig { log_directory: None, journal_socket: Some("/run/systemd/journal/socket".into()), smtp_servers: Vec::new() }
    }
}

impl Default for SourceConfig {
    fn default() -> Self {
        SourceConfig { root: "/".into(), dbus: None }
    }
}

/// One mistake in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMistake {
    /// Line, from 1.
    pub line: usize,
    /// One sentence, lower case.
    pub message: String,
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// All mistakes of the file; never empty.
    Mistakes {
        /// Which, where it was a file.
        path: Option<PathBuf>,
        /// In the order of the lines.
        mistakes: Vec<ConfigMistake>,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable { path, cause } => write!(f, "cannot read {}, caused by {cause}", path.display()),
            ConfigError::Mistakes { path, mistakes } => mistakes.iter().enumerate().try_for_each(|(i, m)| {
                let newline = if i == 0 { "" } else { "\n" };
                match path {
                    Some(path) => write!(f, "{newline}{}:{}: {}", path.display(), m.line, m.message),
                    None => write!(f, "{newline}line {}: {}", m.line, m.message),
                }
            }),
        }
    }
}

impl std::error::Error for ConfigError {}

/// `/var/lib/rwmi` for root, else `$XDG_STATE_HOME/rwmi` or `~/.local/state/rwmi`.
pub fn default_data_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return "/var/lib/rwmi".into();
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from).join(".local/state");
    state.unwrap_or_else(home).join("rwmi")
}

impl Config {
    /// Reads a file. Without a path the default file, which need not exist.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let file = path.unwrap_or(Path::new(CONFIG_PATH));
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if path.is_none() && e.kind() == std::io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(e) => return Err(ConfigError::Unreadable { path: file.to_owned(), cause: e.to_string() }),
        };
        Config::parse(&text).map_err(|e| match e {
            ConfigError::Mistakes { mistakes, .. } => ConfigError::Mistakes { path: Some(file.to_owned()), mistakes },
            other => other,
        })
    }

    /// Reads a text; the error has every mistake in it.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let mut reading = Reading { text, mistakes: Vec::new() };
        let (document, errors) = DeTable::parse_recoverable(text);
        for e in errors {
            reading.mistake(e.span().map_or(0, |s| s.start), e.message().to_owned());
        }
        let mut config = Config::default();
        if reading.mistakes.is_empty() {
            reading.document(document.get_ref(), &mut config);
        }
        if reading.mistakes.is_empty() {
            return Ok(config);
        }
        reading.mistakes.sort_by_key(|m| m.line);
        Err(ConfigError::Mistakes { path: None, mistakes: reading.mistakes })
    }
}

struct Reading<'t> {
    text: &'t str,
    mistakes: Vec<ConfigMistake>,
}

type Entry<'a, 'i> = (&'a str, usize, &'a DeValue<'i>);

impl Reading<'_> {
    fn mistake(&mut self, offset: usize, message: String) {
        let line = self.text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1;
        self.mistakes.push(ConfigMistake { line, message });
    }

    fn document(&mut self, document: &DeTable<'_>, config: &mut Config) {
        const SECTIONS: &[&str] = &["server", "security", "limits", "methods", "consumers", "source", "test"];
        for (key, value) in document {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            let Some(table) = value.get_ref().as_table() else {
                self.unknown(at, name, SECTIONS, "section");
                continue;
            };
            let entries = table.iter().map(|(k, v)| (k.get_ref().as_ref(), k.span().start, v.get_ref()));
            match name {
                "server" => entries.for_each(|e| self.server(e, &mut config.server)),
                "security" => entries.for_each(|e| self.security(e, &mut config.security)),
                "limits" => entries.for_each(|e| self.limits(e, &mut config.limits)),
                "consumers" => entries.for_each(|e| self.consumers(e, &mut config.consumers)),
                "methods" => entries.for_each(|e| self.methods(e, &mut config.methods)),
                "source" => entries.for_each(|e| self.source(e, &mut config.source)),
                "test" => entries.for_each(|e| self.test(e, &mut config.test)),
                other => self.unknown(at, other, SECTIONS, "section"),
            }
        }
        if config.server.endpoint_port == config.server.object_port && config.server.object_port != 0 {
            self.mistake(0, "endpoint-port and object-port are the same".into());
        }
    }

    fn server(&mut self, (key, at, value): Entry<'_, '_>, out: &mut ServerConfig) {
        match key {
            "listen" => {
                let Some(texts) = self.strings(at, key, value) else { return };
                let mut listen = Vec::new();
                for text in texts {
                    match text.parse() {
                        Ok(address) => listen.push(address),
                        Err(_) => {
                            self.mistake(at, format!("listen: {text:?} is not an IP address; ports are endpoint-port and object-port"))
                        }
                    }
                }
                if listen.is_empty() {
                    self.mistake(at, "listen: expected at least one address".into());
                }
                out.listen = listen;
            }
            "endpoint-port" => self.set(&mut out.endpoint_port, |s| s.integer(at, key, value, 0, 65535)),
            "object-port" => self.set(&mut out.object_port, |s| s.integer(at, key, value, 0, 65535)),
            "data-dir" => self.set(&mut out.data_dir, |s| s.path(at, key, value)),
            "name" => {
                let Some(name) = self.string(at, key, value) else { return };
                // What clients accept as a NetBIOS name.
                if name.is_empty() || name.len() > 15 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                    self.mistake(at, format!("name: expected 1 to 15 letters, digits and hyphens, found {name:?}"));
                }
                out.name = Some(name);
            }
            _ => self.unknown(at, key, &["listen", "endpoint-port", "object-port", "data-dir", "name"], "key"),
        }
    }

    fn security(&mut self, (key, at, value): Entry<'_, '_>, out: &mut SecurityConfig) {
        match key {
            "minimum-level" => {
                let Some(text) = self.string(at, key, value) else { return };
                match text.as_str() {
                    "connect" => out.minimum_level = AuthLevel::Connect,
                    "packet" => out.minimum_level = AuthLevel::Packet,
                    "integrity" => out.minimum_level = AuthLevel::Integrity,
                    "privacy" => out.minimum_level = AuthLevel::Privacy,
                    _ => self.mistake(
                        at,
                        format!("minimum-level: expected \"connect\", \"packet\", \"integrity\" or \"privacy\", found {text:?}"),
                    ),
                }
            }
            "require-integrity-activation" => self.set(&mut out.require_integrity_activation, |s| s.boolean(at, key, value)),
            "require-mic" => self.set(&mut out.require_mic, |s| s.boolean(at, key, value)),
            "readers" => self.set(&mut out.readers, |s| s.strings(at, key, value)),
            _ => self.unknown(at, key, &["minimum-level", "require-integrity-activation", "require-mic", "readers"], "key"),
        }
    }

    fn limits(&mut self, (key, at, value): Entry<'_, '_>, out: &mut LimitsConfig) {
        const KEYS: &[&str] = &[
            "connections",
            "connections-per-address",
            "login-seconds",
            "calls",
            "calls-per-account",
            "sessions-per-account",
            "objects-per-account",
            "enumerator-mib",
            "results-mib",
            "provider-seconds",
        ];
        let mut count = |most: u64| self.integer::<u64>(at, key, value, 1, most);
        match key {
            "connections" => out.connections = count(65536).map_or(out.connections, |n| n as usize),
            "connections-per-address" => out.connections_per_address = count(65536).map_or(out.connections_per_address, |n| n as usize),
            "login-seconds" => out.login_timeout = count(3600).map_or(out.login_timeout, Duration::from_secs),
            "calls" => out.calls = count(65536).map_or(out.calls, |n| n as usize),
            "calls-per-account" => out.calls_per_account = count(65536).map_or(out.calls_per_account, |n| n as usize),
            "sessions-per-account" => out.sessions_per_account = count(65536).map_or(out.sessions_per_account, |n| n as usize),
            "objects-per-account" => out.objects_per_account = count(1 << 20).map_or(out.objects_per_account, |n| n as usize),
            "enumerator-mib" => out.enumerator_len_max = count(4096).map_or(out.enumerator_len_max, |n| (n as usize) << 20),
            "results-mib" => out.results_len_max = count(65536).map_or(out.results_len_max, |n| (n as usize) << 20),
            "provider-seconds" => out.provider_timeout = count(3600).map_or(out.provider_timeout, Duration::from_secs),
            _ => self.unknown(at, key, KEYS, "key"),
        }
    }

    fn consumers(&mut self, (key, at, value): Entry<'_, '_>, out: &mut ConsumersConfig) {
        match key {
            "log-directory" => self.set(&mut out.log_directory, |s| s.path(at, key, value).map(Some)),
            "journal-socket" if value.as_str() == Some("") => out.journal_socket = None,
            "journal-socket" => self.set(&mut out.journal_socket, |s| s.path(at, key, value).map(Some)),
            "smtp-servers" => self.set(&mut out.smtp_servers, |s| s.strings(at, key, value)),
            _ => self.unknown(at, key, &["log-directory", "journal-socket", "smtp-servers"], "key"),
        }
    }

    fn methods(&mut self, (key, at, value): Entry<'_, '_>, out: &mut MethodsConfig) {
        match key {
            "allow" => {
                let Some(names) = self.strings(at, key, value) else { return };
                let is_name =
                    |n: &str| n.starts_with(|c: char| c.is_alphabetic() || c == '_') && n.chars().all(|c| c.is_alphanumeric() || c == '_');
                for name in &names {
                    if !name.split_once('.').is_some_and(|(class, method)| is_name(class) && is_name(method)) {
                        self.mistake(at, format!("allow: expected a class and a method, as \"Win32_Process.Create\", found {name:?}"));
                    }
                }
                out.allow = names;
            }
            "users" => {
                let Some(table) = value.as_table() else {
                    self.expected::<()>(at, key, "a table of accounts and Linux users", value);
                    return;
                };
                for (account, user) in table {
                    let at = account.span().start;
                    if let Some(user) = self.string(at, &format!("users.{}", account.get_ref()), user.get_ref()) {
                        out.users.push((account.get_ref().as_ref().to_owned(), user));
                    }
                }
            }
            _ => self.unknown(at, key, &["allow", "users"], "key"),
        }
    }

    fn source(&mut self, (key, at, value): Entry<'_, '_>, out: &mut SourceConfig) {
        match key {
            "root" => self.set(&mut out.root, |s| s.path(at, key, value)),
            "dbus" => self.set(&mut out.dbus, |s| s.string(at, key, value).map(Some)),
            _ => self.unknown(at, key, &["root", "dbus"], "key"),
        }
    }

    fn test(&mut self, (key, at, value): Entry<'_, '_>, out: &mut TestConfig) {
        match key {
            "rows" => self.set(&mut out.rows, |s| s.integer(at, key, value, 0, 100_000_000)),
            _ => self.unknown(at, key, &["rows"], "key"),
        }
    }

    fn set<T>(&mut self, place: &mut T, read: impl FnOnce(&mut Self) -> Option<T>) {
        if let Some(value) = read(self) {
            *place = value;
        }
    }

    fn unknown(&mut self, at: usize, name: &str, known: &[&str], what: &str) {
        let near = known.iter().find(|k| k.eq_ignore_ascii_case(&name.replace('_', "-")) || distance(k, name) < 3);
        self.mistake(
            at,
            match near {
                Some(near) => format!("unknown {what} {name:?}; did you mean {near:?}?"),
                None => format!("unknown {what} {name:?}; known here: {}", known.join(", ")),
            },
        );
    }

    fn expected<T>(&mut self, at: usize, key: &str, expected: &str, found: &DeValue<'_>) -> Option<T> {
        self.mistake(at, format!("{key}: expected {expected}, found {}", found.type_str()));
        None
    }

    fn integer<T: TryFrom<u64>>(&mut self, at: usize, key: &str, value: &DeValue<'_>, least: u64, most: u64) -> Option<T> {
        let Some(number) = value.as_integer() else { return self.expected(at, key, "an integer", value) };
        let n = u64::from_str_radix(number.as_str(), number.radix()).ok().filter(|n| (least..=most).contains(n));
        match n.and_then(|n| T::try_from(n).ok()) {
            Some(n) => Some(n),
            None => {
                self.mistake(at, format!("{key}: expected {least} to {most}, found {}", number.as_str()));
                None
            }
        }
    }

    fn boolean(&mut self, at: usize, key: &str, value: &DeValue<'_>) -> Option<bool> {
        value.as_bool().or_else(|| self.expected(at, key, "true or false", value))
    }

    fn string(&mut self, at: usize, key: &str, value: &DeValue<'_>) -> Option<String> {
        match value.as_str() {
            Some(s) => Some(s.to_owned()),
            None => self.expected(at, key, "a string", value),
        }
    }

    fn path(&mut self, at: usize, key: &str, value: &DeValue<'_>) -> Option<PathBuf> {
        let path = PathBuf::from(self.string(at, key, value)?);
        if !path.is_absolute() {
            self.mistake(at, format!("{key}: expected a path from the root, found {:?}", path.display().to_string()));
        }
        Some(path)
    }

    fn strings(&mut self, at: usize, key: &str, value: &DeValue<'_>) -> Option<Vec<String>> {
        let Some(items) = value.as_array() else { return self.expected(at, key, "a list of strings", value) };
        let mut out = Vec::new();
        for item in items.iter() {
            out.push(self.string(item.span().start.max(at), key, item.get_ref())?);
        }
        Some(out)
    }
}

/// Edits between two short words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<(usize, String)> {
        match Config::parse(text) {
            Err(ConfigError::Mistakes { mistakes, .. }) => mistakes.into_iter().map(|m| (m.line, m.message)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        let c = Config::parse("").unwrap();
        assert_eq!(c, Config::default());
        assert_eq!((c.server.endpoint_port, c.server.object_port), (135, 24158));
        assert_eq!(c.security.minimum_level, AuthLevel::Integrity);
        assert!(c.security.require_integrity_activation && !c.security.require_mic);
        assert_eq!(c.test.rows, 0);
    }

    #[test]
    fn every_key_is_read() {
        let c = Config::parse(
            r#"
            [server]
            listen = ["127.0.0.9", "::1"]
            endpoint-port = 1135
            object-port = 0x6000
            data-dir = "/tmp/d"
            name = "LX1"
            [security]
            minimum-level = "connect"
            require-integrity-activation = false
            require-mic = true
            readers = ["monitor"]
            [limits]
            connections = 3
            connections-per-address = 2
            login-seconds = 4
            calls = 9
            calls-per-account = 5
            sessions-per-account = 6
            objects-per-account = 7
            enumerator-mib = 1
            results-mib = 2
            provider-seconds = 8
            [methods]
            allow = ["Win32_Process.Create"]
            users = { alice = "ops", "a b" = "x" }
            [consumers]
            log-directory = "/var/log/rwmi"
            journal-socket = "/run/j"
            smtp-servers = ["mail:587"]
            [source]
            root = "/srv/tree"
            dbus = "unix:path=/x"
            [test]
            rows = 100_000
            "#,
        )
        .unwrap();
        assert_eq!(c.server.listen, ["127.0.0.9".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
        assert_eq!((c.server.endpoint_port, c.server.object_port), (1135, 0x6000));
        assert_eq!((c.server.data_dir.to_str(), c.server.name.as_deref()), (Some("/tmp/d"), Some("LX1")));
        assert_eq!(c.security.minimum_level, AuthLevel::Connect);
        assert!(!c.security.require_integrity_activation && c.security.require_mic);
        assert_eq!(c.security.readers, ["monitor"]);
        let l = &c.limits;
        assert_eq!((l.connections, l.connections_per_address, l.login_timeout.as_secs(), l.calls), (3, 2, 4, 9));
        assert_eq!((l.calls_per_account, l.sessions_per_account, l.objects_per_account), (5, 6, 7));
        assert_eq!((l.enumerator_len_max, l.results_len_max, l.provider_timeout.as_secs()), (1 << 20, 2 << 20, 8));
        assert_eq!(c.methods.allow, ["Win32_Process.Create"]);
        assert_eq!(c.methods.users, [("a b".to_owned(), "x".to_owned()), ("alice".into(), "ops".into())]);
        assert_eq!(c.consumers.log_directory.as_deref(), Some(Path::new("/var/log/rwmi")));
        assert_eq!(c.consumers.journal_socket.as_deref(), Some(Path::new("/run/j")));
        assert_eq!(c.consumers.smtp_servers, ["mail:587"]);
        assert_eq!(Config::parse("[consumers]\njournal-socket = \"\"").unwrap().consumers.journal_socket, None);
        assert_eq!((c.source.root.to_str(), c.source.dbus.as_deref()), (Some("/srv/tree"), Some("unix:path=/x")));
        assert_eq!(c.test.rows, 100_000);
    }

    #[test]
    fn all_mistakes_come_at_once_with_their_lines() {
        let found = mistakes("[server]\nendpont-port = 1\nobject-port = \"x\"\nlisten = [\"host\"]\n[securty]\n[test]\nrows = -1\n");
        let expect = [
            (2, "unknown key \"endpont-port\"; did you mean \"endpoint-port\"?"),
            (3, "object-port: expected an integer, found string"),
            (4, "listen: \"host\" is not an IP address; ports are endpoint-port and object-port"),
            (4, "listen: expected at least one address"),
            (5, "unknown section \"securty\"; did you mean \"security\"?"),
            (7, "rows: expected 0 to 100000000, found -1"),
        ];
        assert_eq!(found, expect.map(|(l, m)| (l, m.to_owned())));
    }

    #[test]
    fn a_wrong_value_is_told() {
        let check = |text: &str, expect: &str| assert!(mistakes(text)[0].1.contains(expect), "{text}: {:?}", mistakes(text));
        check("[security]\nminimum-level = \"none\"", "expected \"connect\"");
        check("[security]\nminimum_level = \"privacy\"", "did you mean \"minimum-level\"?");
        check("[server]\nendpoint-port = 70000", "expected 0 to 65535");
        check("[server]\nendpoint-port = 24158", "are the same");
        check("[server]\nname = \"a.b\"", "1 to 15 letters");
        check("[server]\ndata-dir = \"x\"", "a path from the root");
        check("server = 3", "unknown section \"server\"");
        check("zzzzzzzzz = 3", "known here: server, security");
        check("[limits]\ncalls = 0", "expected 1 to 65536");
        check("[methods]\nallow = [\"Create\"]", "expected a class and a method");
        check("[methods]\nallow = [\"A.B.C\"]", "expected a class and a method");
        check("[methods]\nusers = [\"a\"]", "expected a table of accounts");
        check("[methods]\nusers = { a = 1 }", "users.a: expected a string");
        check("[server\n", "");
    }

    #[test]
    fn every_key_is_documented_with_its_section() {
        let guide = include_str!("../../../docs/server.md");
        let documented = |section: &str| -> Vec<&str> {
            let rest = guide.split(&format!("### [{section}]")).nth(1).unwrap();
            let rest = rest.split("\n##").next().unwrap();
            rest.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect()
        };
        for section in ["server", "security", "limits", "methods", "source", "test"] {
            // A key that nobody can have: the answer names those there are.
            let known = mistakes(&format!("[{section}]\nzzzzzzzzzzzzzzzzzzzz = 1"))[0].1.split("known here: ").nth(1).unwrap().to_owned();
            assert_eq!(documented(section).join(", "), known, "[{section}]");
        }
        let example = guide.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        assert_eq!(Config::parse(example).unwrap().security.minimum_level, AuthLevel::Privacy);
    }

    #[test]
    fn a_named_file_must_be_there_and_the_default_need_not() {
        assert!(matches!(Config::load(Some(Path::new("/nonexistent/rwmi.toml"))), Err(ConfigError::Unreadable { .. })));
    }
}
