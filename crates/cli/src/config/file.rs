//! Reading the file: TOML, every key known, every mistake told at once with its line and column.

use super::member::Member;
use super::near::nearest;
use super::settings::{KEYS, Origin, Plain, Settings};
use super::{Config, Group, Host};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Longest file, in octets.
pub(super) const FILE_LEN_MAX: u64 = 4 << 20;

/// Most mistakes that are told of one file.
const MISTAKES_MAX: usize = 50;

/// A key, where it begins, and its value.
type Entry<'a, 'i> = (&'a str, usize, &'a DeValue<'i>);

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    /// Whether other users can read the file.
    is_open: bool,
    /// Where in the text, and what.
    mistakes: Vec<(usize, String)>,
}

/// Reads a text that lies in a file; its mistakes, a line each, otherwise.
pub(super) fn parse(file: &Path, text: &str, is_open: bool) -> Result<Config, Vec<String>> {
    let mut reader = Reader { file, text, is_open, mistakes: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut config = Config { file: Some(file.to_owned()), ..Config::default() };
    if errors.is_empty() {
        reader.top(table.get_ref(), &mut config);
    }
    for error in errors {
        reader.mistakes.push((error.span().map_or(0, |s| s.start), error.message().replace('\n', ", ")));
    }
    if reader.mistakes.is_empty() {
        config.index();
        return Ok(config);
    }
    reader.mistakes.sort();
    let more = reader.mistakes.len().saturating_sub(MISTAKES_MAX);
    let mut lines: Vec<String> = reader.mistakes.iter().take(MISTAKES_MAX).map(|(at, text)| reader.line(*at, text)).collect();
    if 0 < more {
        lines.push(format!("{}: {more} mistakes more", file.display()));
    }
    Err(lines)
}

impl Reader<'_> {
    /// `FILE:LINE:COLUMN: text`, both counted from 1, the column in characters.
    fn line(&self, at: usize, text: &str) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}: {text}", self.file.display())
    }

    fn line_number(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    fn mistake(&mut self, at: usize, text: impl Into<String>) {
        self.mistakes.push((at, text.into()));
    }

    fn top(&mut self, table: &DeTable<'_>, config: &mut Config) {
        for (key, at, value) in entries(table) {
            match (key, value) {
                ("defaults", DeValue::Table(section)) => {
                    for entry in entries(section) {
                        self.setting("[defaults]", entry, &mut config.defaults);
                    }
                }
                ("host", DeValue::Table(hosts)) => {
                    for (name, at, value) in entries(hosts) {
                        self.host(name, at, value, config);
                    }
                }
                ("group", DeValue::Table(groups)) => {
                    for (name, at, value) in entries(groups) {
                        self.group(name, at, value, config);
                    }
                }
                ("defaults" | "host" | "group", other) => {
                    self.mistake(at, format!("{key}: expected a table, found {}", kind(other)));
                }
                _ if KEYS.contains(&key) => {
                    self.mistake(at, format!("{key:?} stands in no section; for all computers put it below [defaults]"));
                }
                _ => self.unknown(at, "section", key, &["defaults", "host", "group"]),
            }
        }
    }

    fn host(&mut self, name: &str, at: usize, value: &DeValue<'_>, config: &mut Config) {
        let Some(section) = self.section("host", name, at, value) else { return };
        let mut settings = Settings::default();
        let title = format!("[host.{}]", quoted(name));
        for entry in entries(section) {
            self.setting(&title, entry, &mut settings);
        }
        match Member::parse(name) {
            Ok(_) if config.hosts.iter().any(|h| h.name.eq_ignore_ascii_case(name)) => {
                self.mistake(at, format!("the computer {name:?} has a section already"));
            }
            Ok(member) => config.hosts.push(Host { name: name.to_owned(), member, settings, at }),
            Err(why) => self.mistake(at, why),
        }
    }

    fn group(&mut self, name: &str, at: usize, value: &DeValue<'_>, config: &mut Config) {
        let Some(section) = self.section("group", name, at, value) else { return };
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == ',') {
            self.mistake(at, format!("{name:?} is no name of a group: blanks and commas cannot be in it"));
        }
        let mut group = Group { name: name.to_owned(), members: Vec::new(), settings: Settings::default(), at };
        let title = format!("[group.{}]", quoted(name));
        let mut has_hosts = false;
        for (key, at, value) in entries(section) {
            if key != "hosts" {
                self.setting(&title, (key, at, value), &mut group.settings);
                continue;
            }
            has_hosts = true;
            let DeValue::Array(words) = value else {
                self.mistake(at, format!("hosts: expected an array of strings, found {}", kind(value)));
                continue;
            };
            for word in words {
                match word.get_ref() {
                    DeValue::String(word_text) => match Member::parse(word_text) {
                        Ok(member) => group.members.push(member),
                        Err(why) => self.mistake(word.span().start, format!("hosts: {why}")),
                    },
                    other => self.mistake(word.span().start, format!("hosts: expected a string, found {}", kind(other))),
                }
            }
        }
        if !has_hosts {
            self.mistake(at, format!("the group {name:?} names no computers: hosts = [..] is missing"));
        }
        if config.groups.iter().any(|g| g.name.eq_ignore_ascii_case(name)) {
            self.mistake(at, format!("the group {name:?} is there already; upper and lower case are the same"));
        }
        config.groups.push(group);
    }

    fn section<'v, 'i>(&mut self, what: &str, name: &str, at: usize, value: &'v DeValue<'i>) -> Option<&'v DeTable<'i>> {
        match value {
            DeValue::Table(section) => Some(section),
            // `[host.web01.corp.example]` would be four tables within each other.
            other => {
                self.mistake(at, format!("{what}.{name}: expected a table, found {}", kind(other)));
                None
            }
        }
    }

    fn setting(&mut self, section: &str, (key, at, value): Entry<'_, '_>, settings: &mut Settings) {
        if matches!(key, "password" | "secret" | "passphrase") {
            let seen = if self.is_open { ", and every user of this computer can read it: the password is no secret any more" } else { "" };
            let text = format!(
                "a password does not stand in this file{seen}; name where it comes from: password-command, password-secret or password-file"
            );
            return self.mistake(at, text);
        }
        if !KEYS.contains(&key) {
            if let DeValue::Table(_) = value
                && section.starts_with("[host.")
            {
                let name = section.trim_start_matches("[host.").trim_end_matches(']');
                return self.mistake(at, format!("unknown key {key:?}; a name with dots stands in quotes: [host.\"{name}.{key}..\"]"));
            }
            return self.unknown(at, "key", key, &KEYS);
        }
        let origin = Origin::File(section.into(), self.line_number(at));
        let home = self.file.parent().unwrap_or(Path::new(""));
        if let Err(why) = settings.set(key, plain(value), origin, home) {
            self.mistake(at, format!("{key}: {why}"));
        }
    }

    fn unknown(&mut self, at: usize, what: &str, name: &str, known: &[&str]) {
        let text = match nearest(name, known.iter().copied()) {
            Some(near) => format!("unknown {what} {name:?}; did you mean {near:?}?"),
            None => format!("unknown {what} {name:?}; known here: {}", known.join(", ")),
        };
        self.mistake(at, text);
    }
}

/// In the order of the file.
fn entries<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let mut all: Vec<Entry<'_, '_>> = table.iter().map(|(k, v)| (k.get_ref().as_ref(), k.span().start, v.get_ref())).collect();
    all.sort_by_key(|(_, at, _)| *at);
    all
}

fn plain(value: &DeValue<'_>) -> Plain {
    match value {
        DeValue::String(text) => Plain::Text(text.clone().into_owned()),
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).map_or(Plain::Number(-1), Plain::Number),
        DeValue::Boolean(truth) => Plain::Truth(*truth),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> = items.iter().map(|i| i.get_ref().as_str().map(str::to_owned)).collect();
            texts.map_or(Plain::Other("an array"), Plain::Texts)
        }
        DeValue::Table(pairs) => {
            let texts: Option<Vec<(String, String)>> =
                entries(pairs).into_iter().map(|(k, _, v)| Some((k.to_owned(), v.as_str()?.to_owned()))).collect();
            texts.map_or(Plain::Other("a table"), Plain::Pairs)
        }
        other => Plain::Other(kind(other)),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a datetime",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A key as TOML writes it.
pub(super) fn quoted(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare { name.to_owned() } else { toml::Value::String(name.into()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let got = parse(Path::new("c"), text, false).err().unwrap_or_default();
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn every_mistake_has_its_place() {
        check("", &[]);
        check(
            "[defaults]\n  naemspace = 'a'\ntimout = 5\n",
            &["c:2:3: unknown key \"naemspace\"; did you mean \"namespace\"?", "c:3:1: unknown key \"timout\"; did you mean \"timeout\"?"],
        );
        check("[hosts.a]\n", &["c:1:2: unknown section \"hosts\"; did you mean \"host\"?"]);
        check("user = 'a'", &["c:1:1: \"user\" stands in no section; for all computers put it below [defaults]"]);
        check("[defaults]\ntimeout = 0", &["c:2:1: timeout: expected an integer from 1 to 86400"]);
        check("[defaults]\ntimeout = 1.5", &["c:2:1: timeout: expected an integer from 1 to 86400, found a float"]);
        check("[defaults]\nendpoint-port = 65536", &["c:2:1: endpoint-port: expected an integer from 1 to 65535"]);
        check("[defaults]\nprotocol = 'wsman'", &["c:2:1: protocol: WS-Man is not built yet; dcom is"]);
        check(
            "[defaults]\noutput = 'jsnol'",
            &[
                "c:2:1: output: expected one of table, list, json, jsonl, csv, yaml, xml, mof, influx, prometheus, zabbix-get, zabbix-getall, zabbix-lld, zabbix-lld-old, found \"jsnol\"; did you mean \"jsonl\"?",
            ],
        );
        check("[host.'*.a']\nsmart-enum = 1", &["c:2:1: smart-enum: expected true or false, found an integer"]);
        check("[host.a.b]\nuser = 'x'", &["c:1:9: unknown key \"b\"; a name with dots stands in quotes: [host.\"a.b..\"]"]);
        check("[host.A]\n[host.a]\n", &["c:2:7: the computer \"a\" has a section already"]);
        check("[group.g]\n", &["c:1:8: the group \"g\" names no computers: hosts = [..] is missing"]);
        check(
            "[group.g]\nhosts = ['a', 1, '@f']\n",
            &[
                "c:2:15: hosts: expected a string, found an integer",
                "c:2:18: hosts: \"@f\" cannot stand here: expected a name, a pattern, a range or a network",
            ],
        );
        check(
            "[defaults]\npassword-command = 'pass show x'",
            &["c:2:1: password-command: expected a program and its arguments as an array of strings, found a string; no shell is between"],
        );
        check(
            "[defaults]\npassword-file = 'a'\npassword-secret = true",
            &["c:3:1: password-secret: the password has another source already: password-file"],
        );
        let refused =
            "a password does not stand in this file; name where it comes from: password-command, password-secret or password-file";
        check("[defaults]\npassword = 'x'", &[&format!("c:2:1: {refused}")]);
    }

    #[test]
    fn what_is_no_toml_has_its_place_too() {
        let got = parse(Path::new("c"), "[defaults\nuser = \n", false).unwrap_err();
        assert!(got[0].starts_with("c:1:") && got.iter().all(|l| !l.contains('\n')), "{got:?}");
        assert!(parse(Path::new("c"), &"[".repeat(10_000), false).is_err());
        assert!(parse(Path::new("c"), &format!("a = {}", "[".repeat(10_000)), false).is_err());
    }

    #[test]
    fn a_text_that_is_cut_never_panics() {
        let text = "[defaults]\nuser = 'a'\n[host.\"*.é\"]\nendpoint-port = 1\n[group.g]\nhosts = ['web[01-03]', \"10.0.0.0/30\"]\n";
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let _ = parse(Path::new("c"), &text[..at], true);
        }
        assert!(parse(Path::new("c"), text, true).is_ok());
    }
}
