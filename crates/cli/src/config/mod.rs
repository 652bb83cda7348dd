//! The configuration of the command: defaults, groups of computers, and computers.
//!
//! ```toml
//! [defaults]
//! user = 'CORP\alice'
//! password-secret = true
//!
//! [group.web]
//! hosts = ["web[01-20]", "*.web.example"]
//! namespace = 'root\cimv2'
//!
//! [host."*.lab.example"]
//! user = '.\admin'
//! password-command = ["pass", "show", "lab"]
//! ```
//! An option lies above the environment, that above the section of the computer, that above its groups, and those above the
//! defaults. Where several sections of a kind speak of a computer, its own name lies above patterns, and what stands first in
//! the file above what comes later.

mod command;
mod file;
mod member;
pub(crate) mod near;
mod secret_service;
mod settings;
mod source;
pub(crate) mod trust;

pub(crate) use command::{Action, run};
pub(crate) use settings::{Origin, Password, Protocol, Said, Settings};
pub(crate) use source::Source;

use crate::report::Failure;
use member::{Member, plain};
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

impl Layers {
    /// Whether they are this computer's.
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }
}

/// What a group is named by: `-c group:web`. No computer has a colon in its name, but for addresses; and what begins with `@` is a file.
pub(crate) const GROUP: &str = "group:";

/// Everything that the file says.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// The file; `None` where none is read.
    pub(crate) file: Option<PathBuf>,
    defaults: Settings,
    groups: Vec<Group>,
    hosts: Vec<Host>,
    /// Computers with a section of their own name, by plain name.
    named: HashMap<String, usize>,
    /// Sections of computers that are patterns, ranges and networks.
    wide: Vec<usize>,
    /// The names of each group, by plain name; what else is a member is looked at.
    grouped: Vec<HashSet<String>>,
}

#[derive(Debug)]
struct Group {
    name: String,
    members: Vec<Member>,
    settings: Settings,
    at: usize,
}

#[derive(Debug)]
struct Host {
    name: String,
    member: Member,
    settings: Settings,
    at: usize,
}

/// Sections that speak of a computer, the highest first: what tells computers apart that have the same settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Layers {
    hosts: Vec<usize>,
    groups: Vec<usize>,
    is_local: bool,
}

/// Where the file lies that is read.
pub(crate) fn path(named: Option<&Path>) -> Option<PathBuf> {
    match (named, std::env::var_os("RWMI_CONFIG")) {
        (Some(path), _) => Some(path.to_owned()),
        // An empty name is no file at all.
        (None, Some(path)) if path.is_empty() => None,
        (None, Some(path)) => Some(path.into()),
        (None, None) => directory("XDG_CONFIG_HOME", ".config", "Library/Application Support", "APPDATA").map(|d| d.join("config.toml")),
    }
}

/// A directory of ours: below a variable's of the desktop, or below the home directory, as the system has it.
pub(crate) fn directory(variable: &str, unix: &str, mac: &str, windows: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || std::env::home_dir().filter(|h| h.is_absolute());
    let base = match () {
        () if cfg!(windows) => absolute(windows),
        () if cfg!(target_os = "macos") => absolute(variable).or_else(|| home().map(|h| h.join(mac))),
        () => absolute(variable).or_else(|| home().map(|h| h.join(unix))),
    };
    base.map(|b| b.join("rwmi"))
}

impl Config {
    /// Reads it: the named file, else that of the environment, else the user's own where there is one.
    pub(crate) fn load(named: Option<&Path>) -> Result<Config, Failure> {
        let is_asked_for = named.is_some() || std::env::var_os("RWMI_CONFIG").is_some();
        let Some(path) = path(named) else { return Ok(Config::default()) };
        let wrong = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", path.display()));
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !is_asked_for => return Ok(Config::default()),
            Err(e) => return Err(wrong(&e)),
        };
        let about = file.metadata().map_err(|e| wrong(&e))?;
        // It can name programs that are started.
        if let Some(why) = trust::is_written_by_others(&about) {
            return Err(wrong(&why).hint(format!("chmod go-w {0}; chown it to yourself", path.display())));
        }
        let mut octets = Vec::new();
        file.take(file::FILE_LEN_MAX + 1).read_to_end(&mut octets).map_err(|e| wrong(&e))?;
        if file::FILE_LEN_MAX < octets.len() as u64 {
            return Err(wrong(&format!("longer than {} octets", file::FILE_LEN_MAX)));
        }
        let text = String::from_utf8(octets).map_err(|_| wrong(&"it is no UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let is_open = about.is_file() && trust::is_read_by_others(&about).is_some();
        file::parse(&path, text, is_open)
            .map_err(|mistakes| Failure::new(mistakes.join("\n")).hint("rwmi config check tells when it is good"))
    }

    /// Makes ready to be asked about computers.
    fn index(&mut self) {
        for (at, host) in self.hosts.iter().enumerate() {
            match &host.member {
                Member::Name(name) => drop(self.named.insert(name.clone(), at)),
                _ => self.wide.push(at),
            }
        }
        let names = |g: &Group| g.members.iter().filter_map(|m| if let Member::Name(n) = m { Some(n.clone()) } else { None }).collect();
        self.grouped = self.groups.iter().map(names).collect();
    }

    /// The sections that speak of a computer. This computer has its own section and the defaults: no pattern means it.
    pub(crate) fn layers(&self, name: &str, is_local: bool) -> Layers {
        let name = plain(if is_local && name.is_empty() { "." } else { name });
        let mut hosts: Vec<usize> = self.named.get(&name).copied().into_iter().collect();
        if is_local {
            return Layers { hosts, groups: Vec::new(), is_local };
        }
        hosts.extend(self.wide.iter().filter(|at| self.hosts[**at].member.is(&name)));
        let is_in = |at: &usize| {
            let wide = || self.groups[*at].members.iter().any(|m| !matches!(m, Member::Name(_)) && m.is(&name));
            self.grouped[*at].contains(&name) || wide()
        };
        Layers { hosts, groups: (0..self.groups.len()).filter(is_in).collect(), is_local }
    }

    /// What the sections say together.
    pub(crate) fn settings(&self, layers: &Layers) -> Settings {
        let low = self.defaults.clone().above(Settings::default());
        let groups = layers.groups.iter().rev().fold(low, |low, at| self.groups[*at].settings.clone().above(low));
        let mut all = layers.hosts.iter().rev().fold(groups, |low, at| self.hosts[*at].settings.clone().above(low));
        if layers.is_local {
            // There is no logon here, and what leads to other computers leads nowhere.
            let own = layers.hosts.first().map(|at| &self.hosts[*at].settings);
            all.user = None;
            all.password = None;
            all.authority = None;
            all.endpoint_port = own.and_then(|o| o.endpoint_port.clone());
            all.object_port = own.and_then(|o| o.object_port.clone());
        }
        all
    }

    /// Whether a section of just this name gives a port: then even this computer is asked by its network.
    pub(crate) fn has_port(&self, name: &str) -> bool {
        let own = self.named.get(&plain(if name.is_empty() { "." } else { name })).map(|at| &self.hosts[*at].settings);
        own.is_some_and(|s| s.endpoint_port.is_some() || s.object_port.is_some())
    }

    /// Words of the command line, each group as its computers.
    pub(crate) fn computers(&self, words: Vec<String>) -> Result<Vec<String>, Failure> {
        let mut all = Vec::with_capacity(words.len());
        for word in words {
            let Some(name) = word.strip_prefix(GROUP) else {
                all.push(word);
                continue;
            };
            let Some(group) = self.groups.iter().find(|g| g.name.eq_ignore_ascii_case(name)) else {
                let failure = Failure::usage(format!("there is no group {name:?}"));
                let near = near::nearest(name, self.groups.iter().map(|g| g.name.as_str()));
                return Err(match (near, &self.file) {
                    (Some(near), _) => failure.hint(format!("did you mean {GROUP}{near}?")),
                    (None, Some(file)) => failure.hint(format!("groups are sections [group.NAME] of {}", file.display())),
                    (None, None) => failure.hint("there is no configuration file; rwmi config path says where it would lie"),
                });
            };
            let words: Vec<String> = group.members.iter().filter_map(Member::word).collect();
            if words.is_empty() {
                return Err(Failure::usage(format!("the group {name:?} names no computer that could be asked: patterns name nobody")));
            }
            all.extend(words);
        }
        Ok(all)
    }

    /// Names that a command line can have: computers, and groups as they are written there.
    pub(crate) fn names(&self) -> Vec<String> {
        let own = self.hosts.iter().filter(|h| matches!(h.member, Member::Name(_))).map(|h| h.name.clone());
        let members =
            self.groups.iter().flat_map(|g| g.members.iter()).filter_map(|m| if let Member::Name(n) = m { Some(n.clone()) } else { None });
        let mut all: Vec<String> = self.groups.iter().map(|g| format!("{GROUP}{}", g.name)).chain(own).chain(members).collect();
        let mut seen = HashSet::new();
        all.retain(|n| seen.insert(n.to_lowercase()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        file::parse(Path::new("c"), text, false).unwrap()
    }

    #[test]
    fn the_closest_section_wins() {
        let config = config(concat!(
            "[defaults]\nnamespace = 'd'\nlocale = 'd'\ntimeout = 1\nauthority = 'd'\nobject-port = 1\n",
            "[group.one]\nhosts = ['srv01', 'x']\nnamespace = 'one'\nlocale = 'one'\ntimeout = 2\n",
            "[group.two]\nhosts = ['srv*']\nnamespace = 'two'\nauthority = 'two'\n",
            "[host.'srv*']\nnamespace = 'p'\nlocale = 'p'\n",
            "[host.SRV01]\nnamespace = 'h'\n",
        ));
        let check = |name: &str, expect: &[&str]| {
            let settings = config.settings(&config.layers(name, false));
            assert_eq!(settings.lines(|_| String::new()), expect, "{name}");
        };
        check("srv01.", &["namespace = \"h\"", "authority = \"two\"", "locale = \"p\"", "object-port = 1", "timeout = 2"]);
        check("srv02", &["namespace = \"p\"", "authority = \"two\"", "locale = \"p\"", "object-port = 1", "timeout = 1"]);
        check("X", &["namespace = \"one\"", "authority = \"d\"", "locale = \"one\"", "object-port = 1", "timeout = 2"]);
        check("y", &["namespace = \"d\"", "authority = \"d\"", "locale = \"d\"", "object-port = 1", "timeout = 1"]);
        // This computer has no port and no authority of others.
        let local = config.settings(&config.layers(".", true));
        assert_eq!(local.lines(|_| String::new()), ["namespace = \"d\"", "locale = \"d\"", "timeout = 1"]);
    }

    #[test]
    fn a_group_stands_for_its_computers() {
        let config = config("[group.web]\nhosts = ['web[01-03]', '*.x', 'db']\n[group.none]\nhosts = ['*']\n[host.db]\nuser = 'a'\n");
        let words = |w: &str| config.computers(vec!["a".into(), w.into()]);
        assert_eq!(words("group:WEB").unwrap(), ["a", "web[01-03]", "db"]);
        assert_eq!(words("group:none").unwrap_err().code, 2);
        assert_eq!(words("group:wbe").unwrap_err().hint.as_deref(), Some("did you mean group:web?"));
        assert_eq!(config.names(), ["group:web", "group:none", "db"]);
    }
}
