//! The switches before the subject, which hold for a session.

use crate::args::Connect;
use clap::{CommandFactory, Parser};
use std::path::PathBuf;
use std::time::Duration;

/// The options of every command of ours that connects.
#[derive(Debug, Parser)]
#[command(name = "wmic", no_binary_name = true, disable_help_flag = true)]
struct Options {
    #[command(flatten)]
    connect: Connect,
}

/// Where what is shown goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Output {
    #[default]
    Screen,
    /// A file, made anew by each command.
    File(PathBuf),
    /// A file that grows.
    Append(PathBuf),
}

/// The switches in force.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    nodes: Vec<String>,
    namespace: Option<String>,
    user: Option<String>,
    locale: Option<String>,
    authority: Option<String>,
    impersonation: Option<&'static str>,
    authentication: Option<&'static str>,
    /// Our own options, as they were given.
    passed: Vec<String>,
    pub(super) trace: bool,
    /// Ask before something changes.
    pub(super) interactive: bool,
    /// Computers that do not take a connection within this are left out.
    pub(super) fail_fast: Option<Duration>,
    pub(super) output: Output,
    /// Rows of all computers make one table.
    pub(super) apart: bool,
    pub(super) record: Option<PathBuf>,
}

/// The names of the switches.
pub(super) const NAMES: [&str; 18] = [
    "?",
    "NODE",
    "NAMESPACE",
    "ROLE",
    "USER",
    "PASSWORD",
    "LOCALE",
    "AUTHORITY",
    "IMPLEVEL",
    "AUTHLEVEL",
    "PRIVILEGES",
    "TRACE",
    "INTERACTIVE",
    "FAILFAST",
    "OUTPUT",
    "APPEND",
    "AGGREGATE",
    "RECORD",
];

/// How long a computer has to take a connection, where `/FAILFAST` says no number.
const FAIL_FAST: Duration = Duration::from_secs(1);

impl Settings {
    /// Takes a switch: its name in capitals.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let need = || value.filter(|v| !v.is_empty()).ok_or_else(|| format!("/{name} has no value: write /{name}:VALUE"));
        let on = || match need()?.to_ascii_lowercase().as_str() {
            "on" | "enable" => Ok(true),
            "off" | "disable" => Ok(false),
            other => Err(format!("/{name} is ON or OFF, not {other:?}")),
        };
        match name {
            "NODE" => {
                // The documentation has & before the name of a file, and the program takes @.
                let node = |n: &str| n.strip_prefix('&').map_or_else(|| n.to_owned(), |file| format!("@{file}"));
                self.nodes = need()?.split(',').map(|n| n.trim().trim_matches('"')).filter(|n| !n.is_empty()).map(node).collect();
            }
            "NAMESPACE" => self.namespace = Some(need()?.trim_start_matches('\\').to_owned()),
            "ROLE" => {
                // Where the aliases are; ours are built in.
                need()?;
            }
            "USER" => self.user = Some(need()?.to_owned()),
            "PASSWORD" => {
                return Err("a password among the arguments is seen by other users of this computer; \
                    it is asked for, or comes from --password-file, --password-stdin, -A or $RWMI_PASSWORD"
                    .into());
            }
            "LOCALE" => self.locale = Some(need()?.to_owned()),
            "AUTHORITY" => self.authority = Some(need()?.to_owned()),
            "IMPLEVEL" => {
                self.impersonation = Some(match need()?.to_ascii_lowercase().as_str() {
                    "anonymous" => return Err("/IMPLEVEL:Anonymous: WMI refuses callers whom it may not know".into()),
                    "identify" => "identify",
                    "impersonate" | "default" => "impersonate",
                    "delegate" => "delegate",
                    other => return Err(format!("/IMPLEVEL has no {other:?}: Identify, Impersonate or Delegate")),
                });
            }
            "AUTHLEVEL" => {
                self.authentication = Some(match need()?.to_ascii_lowercase().as_str() {
                    "default" => "default",
                    "connect" => "connect",
                    "call" => "call",
                    "pkt" => "pkt",
                    "pktintegrity" => "integrity",
                    "pktprivacy" => "privacy",
                    "none" => return Err("/AUTHLEVEL:None: no WMI service takes calls without authentication".into()),
                    other => {
                        return Err(format!("/AUTHLEVEL has no {other:?}: Default, Connect, Call, Pkt, Pktintegrity or Pktprivacy"));
                    }
                });
            }
            // Over the network all privileges that an account holds are enabled.
            "PRIVILEGES" => drop(on()?),
            "TRACE" => self.trace = on()?,
            "INTERACTIVE" => self.interactive = if value.is_none() { true } else { on()? },
            "FAILFAST" => {
                self.fail_fast = match need()?.parse::<u64>() {
                    Ok(ms) if (1..=600_000).contains(&ms) => Some(Duration::from_millis(ms)),
                    Ok(_) => return Err("/FAILFAST takes 1 to 600000 milliseconds".into()),
                    Err(_) => on()?.then_some(FAIL_FAST),
                };
            }
            "OUTPUT" | "APPEND" => {
                let value = need()?;
                self.output = match value.to_ascii_lowercase().as_str() {
                    "stdout" => Output::Screen,
                    "clipboard" => return Err("there is no clipboard here: pipe into the program that has one".into()),
                    _ if name == "APPEND" => Output::Append(value.into()),
                    _ => Output::File(value.into()),
                };
            }
            "AGGREGATE" => self.apart = !on()?,
            "RECORD" => self.record = Some(need()?.into()),
            _ => return Err(format!("there is no switch /{name}; /? shows those there are")),
        }
        Ok(())
    }

    /// Takes an option of ours, with its value where it has one.
    pub(super) fn pass(&mut self, option: &str, value: &mut dyn FnMut() -> Option<String>) -> Result<(), String> {
        let command = Options::command();
        let (name, inline) = option.split_once('=').map_or((option, false), |(name, _)| (name, true));
        let is = |a: &&clap::Arg| match name.strip_prefix("--") {
            Some(long) => a.get_long() == Some(long),
            None => a.get_short().is_some_and(|s| name == format!("-{s}")),
        };
        let known = command.get_arguments().find(is).ok_or_else(|| format!("there is no option {name}"))?;
        self.passed.push(option.to_owned());
        if known.get_action().takes_values() && !inline {
            self.passed.push(value().ok_or_else(|| format!("{name} has no value"))?);
        }
        Ok(())
    }

    /// How to connect, for a class that is elsewhere than in root\cimv2 unless another namespace is said.
    pub(super) fn connect(&self, home: Option<&str>) -> Result<Connect, String> {
        let mut words = self.passed.clone();
        let mut add = |option: &str, value: Option<&str>| {
            if let Some(value) = value {
                words.push(format!("{option}={value}"));
            }
        };
        for node in &self.nodes {
            add("--computer-name", Some(node));
        }
        add("--namespace", self.namespace.as_deref().or(home));
        add("--user", self.user.as_deref());
        add("--locale", self.locale.as_deref());
        add("--authority", self.authority.as_deref());
        add("--impersonation", self.impersonation);
        add("--authentication", self.authentication);
        add("--connect-timeout", self.fail_fast.map(|t| t.as_secs_f64().to_string()).as_deref());
        Options::try_parse_from(&words).map(|o| o.connect).map_err(|e| e.to_string().trim_end().to_owned())
    }

    /// `CONTEXT`: what is in force.
    pub(super) fn text(&self) -> String {
        let or = |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
        let on = |on: bool| if on { "ON" } else { "OFF" };
        let node = if self.nodes.is_empty() { ".".to_owned() } else { self.nodes.join(",") };
        let output = match &self.output {
            Output::Screen => "STDOUT".to_owned(),
            Output::File(path) | Output::Append(path) => path.display().to_string(),
        };
        let lines = [
            ("NAMESPACE", or(&self.namespace, r"root\cimv2")),
            ("NODE(S)", node),
            ("IMPLEVEL", self.impersonation.unwrap_or("impersonate").to_uppercase()),
            ("AUTHORITY", or(&self.authority, "N/A")),
            ("AUTHLEVEL", self.authentication.unwrap_or("privacy").to_uppercase()),
            ("LOCALE", or(&self.locale, "N/A")),
            ("PRIVILEGES", "ENABLE".to_owned()),
            ("TRACE", on(self.trace).to_owned()),
            ("RECORD", self.record.as_ref().map_or("N/A".to_owned(), |p| p.display().to_string())),
            ("INTERACTIVE", on(self.interactive).to_owned()),
            ("FAILFAST", self.fail_fast.map_or("OFF".to_owned(), |d| d.as_millis().to_string())),
            ("USER", or(&self.user, "N/A")),
            ("OUTPUT", output),
            ("AGGREGATE", on(!self.apart).to_owned()),
        ];
        lines.iter().map(|(name, value)| format!("{name:<12}: {value}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_that_has_a_name_is_known() {
        for name in NAMES.into_iter().filter(|n| *n != "?") {
            let refused = Settings::default().set(name, Some("on")).err().unwrap_or_default();
            assert!(!refused.contains("there is no switch"), "{name}");
        }
        assert!(Settings::default().set("NOD", Some("a")).is_err());
    }
}
