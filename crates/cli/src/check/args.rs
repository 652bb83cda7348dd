//! The command line of a check.

use super::Mode;
use crate::args::Connect;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// A check and how it is held against thresholds.
#[derive(Debug, Args)]
#[command(
    mut_arg("hosts", |a| a.short('H').long("host").visible_alias("computer-name").help("The computer to check; `.` is this one")),
    mut_arg("timeout", |a| a.help("Longest time for the whole check, in seconds, 9 unless said otherwise; the caller's own limit must be longer")),
    after_help = CHECKING
)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) connect: Connect,

    /// Alert with WARNING outside of a range; may be repeated
    #[arg(short, long, value_name = "[FIELD=]RANGE", allow_hyphen_values = true)]
    pub(crate) warning: Vec<String>,

    /// Alert with CRITICAL outside of a range; may be repeated
    #[arg(short, long, value_name = "[FIELD=]RANGE", allow_hyphen_values = true)]
    pub(crate) critical: Vec<String>,

    /// k, m, g, ... are powers of 1000, as networks count
    #[arg(long)]
    pub(crate) decimal: bool,

    /// Only drives, services, processes, ... of this name; `*` and `?` stand for anything
    #[arg(short = 'a', long, value_name = "PATTERN")]
    pub(crate) only: Vec<String>,

    /// None of this name
    #[arg(short = 'e', long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,

    /// Of a query: a field computed of two samples, NAME=TYPE(PROPERTY)
    #[arg(long, value_name = "COUNTER")]
    pub(crate) counter: Vec<String>,

    /// Of a query: the property that tells rows apart; else the key
    #[arg(long, value_name = "PROPERTY")]
    pub(crate) label: Option<String>,

    /// Of a query: the fields that are performance data; else those with thresholds
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    pub(crate) perf: Vec<String>,

    /// What it is when nothing is there to be checked
    #[arg(long, value_name = "STATUS", default_value = "unknown")]
    pub(crate) no_data: NoData,

    /// Of events: the log, which may have % in its name; may be repeated [default: System]
    #[arg(long, value_name = "LOG")]
    pub(crate) log: Vec<String>,

    /// Of events: 1 errors, 2 warnings too, 3 information, 4 and 5 audits; or exactly those of a list, 1,3 [default: 1]
    #[arg(long, value_name = "LEVELS")]
    pub(crate) severity: Option<String>,

    /// Of events: how long ago they may be where no earlier run has counted them
    #[arg(long, value_name = "HOURS", default_value_t = 1)]
    pub(crate) hours: u64,

    /// Of a folder: the folders in it too
    #[arg(long)]
    pub(crate) recursive: bool,

    /// Of a length: how often it is looked at for its mean
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) samples: u32,

    /// Between two samples of one run, in seconds [default: 5; of `cpuq` 1]
    #[arg(long, value_name = "SECS")]
    pub(crate) delay: Option<f64>,

    /// Take no sample of an earlier run, and keep none
    #[arg(long)]
    pub(crate) no_state: bool,

    /// Where samples are kept; else $XDG_STATE_HOME/rwmi or ~/.local/state/rwmi
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Oldest sample of an earlier run that is taken, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 3600)]
    pub(crate) state_age: u64,

    /// What to check
    pub(crate) mode: Mode,

    /// The WQL query of the check `query`; the path of those of files and folders
    #[arg(value_name = "QUERY|PATH")]
    pub(crate) subject: Option<String>,
}

const CHECKING: &str = "Ranges alert outside of [@]start:end; `10` is 0:10, `10:` has no upper limit, `~:10` no lower one, @ alerts inside.
Numbers take k m g t p e (1024) and sec min hr day wk mth yr.

Examples:
  rwmi check drives -H srv01 -w 80 -c 90
  rwmi check service -H srv01 -c 0 --exclude 'sppsvc'
  rwmi check mem -H srv01 -w _MemFree=2g: -c _MemFree=1g:
  rwmi check network -H srv01 --only Ethernet -w _SendBytesUtilisation=80
  rwmi check eventlog -H srv01 --log System,Application -c 0
  rwmi check fileage -H srv01 C:/backup/last.zip -w 1day -c 2day
  rwmi check query -H srv01 \"SELECT Name, HandleCount FROM Win32_Process\" -w HandleCount=10000

Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.";

/// What a check is when nothing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NoData {
    /// Exit status 0
    Ok,
    /// Exit status 1
    Warning,
    /// Exit status 2
    Critical,
    /// Exit status 3
    Unknown,
}
