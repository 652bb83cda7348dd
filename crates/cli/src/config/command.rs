//! `rwmi config`: whether the file is good, what it says, where it lies.

use super::{Config, Origin, file};
use crate::report::Failure;
use clap::Subcommand;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Say every mistake of the file with its line and column; nothing and nobody is asked
    Check(Which),
    /// Print the settings of a computer and where each was said; without one, what the file says
    Show {
        /// The computer, as -c names it
        host: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Print which file is read
    Path(Which),
}

/// Which file.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The configuration file; else $RWMI_CONFIG, else rwmi/config.toml in $XDG_CONFIG_HOME or ~/.config
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Does it.
pub(crate) fn run(action: Action) -> Result<ExitCode, Failure> {
    let text = match action {
        Action::Path(which) => match super::path(which.config.as_deref()) {
            Some(path) => format!("{}\n", path.display()),
            None => return Err(Failure::new("no file is read: RWMI_CONFIG is empty, or there is no home directory")),
        },
        Action::Check(which) => {
            let config = Config::load(which.config.as_deref())?;
            let path = super::path(which.config.as_deref()).map(|p| p.display().to_string()).unwrap_or_default();
            match config.file {
                None => format!("{path}: not there, nothing is configured\n"),
                Some(_) => format!("{path}: good, {} and {}\n", count(config.groups.len(), "group"), count(config.hosts.len(), "host")),
            }
        }
        Action::Show { host: None, which } => sections(&Config::load(which.config.as_deref())?),
        Action::Show { host: Some(host), which } => of_host(&Config::load(which.config.as_deref())?, &host)?,
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(format!("cannot write to standard output: {e}"))),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// What the file says, in its order.
fn sections(config: &Config) -> String {
    let plain = |settings: &super::Settings| settings.lines(|_| String::new()).join("\n");
    let mut all: Vec<(usize, String)> = Vec::new();
    for group in &config.groups {
        let words = group.members.iter().map(|m| toml::Value::String(m.shown()).to_string());
        let hosts = words.collect::<Vec<_>>().join(", ");
        all.push((group.at, format!("[group.{}]\nhosts = [{hosts}]\n{}", file::quoted(&group.name), plain(&group.settings))));
    }
    for host in &config.hosts {
        all.push((host.at, format!("[host.{}]\n{}", file::quoted(&host.name), plain(&host.settings))));
    }
    all.sort();
    let defaults = plain(&config.defaults);
    let defaults = (!defaults.is_empty()).then(|| format!("[defaults]\n{defaults}"));
    let texts: Vec<String> =
        defaults.into_iter().chain(all.into_iter().map(|(_, text)| text)).map(|t| t.trim_end().to_owned() + "\n").collect();
    texts.join("\n")
}

/// What holds for a computer, and why.
fn of_host(config: &Config, host: &str) -> Result<String, Failure> {
    let environment = super::Settings::of_environment(|n| std::env::var(n).ok()).map_err(Failure::usage)?;
    let is_local = crate::local::is_local(host, config.has_port(host));
    let below = config.settings(&config.layers(host, is_local));
    let settings = crate::connect::environment_above(environment, below, is_local);
    let about = |origin: &Origin| match (&config.file, origin) {
        (Some(file), Origin::File(..)) => format!("  # {}, {origin}", file.display()),
        _ => format!("  # {origin}"),
    };
    let mut text = String::new();
    for line in settings.lines(about) {
        let _ = writeln!(text, "{line}");
    }
    let is_set = |key: &str| text.lines().any(|l| l.split(" = ").next() == Some(key));
    let built_in = [
        ("namespace", "\"root\\\\cimv2\""),
        ("protocol", "\"dcom\""),
        ("authentication", "\"privacy\""),
        ("impersonation", "\"impersonate\""),
        ("timeout", "60"),
        ("smart-enum", "true"),
    ];
    let missing: Vec<String> = built_in.iter().filter(|(k, _)| !is_set(k)).map(|(k, v)| format!("{k} = {v}  # built in\n")).collect();
    Ok(text + &missing.concat())
}
