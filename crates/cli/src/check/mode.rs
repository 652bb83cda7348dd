//! What can be checked, and by which queries.

use super::number::Number;
use super::outcome::Item;
use super::row::{Counter, Row, Sample};
use super::{counted, disk_io, events, files, network, ready, smart};
use crate::glob;

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// Any WQL query; thresholds name its properties
    Query,
    /// Load of all processors together (_AvgCPU); two samples
    #[value(alias = "checkcpu")]
    Cpu,
    /// Load of each processor (_AvgCPU); two samples
    #[value(alias = "checkeachcpu")]
    Eachcpu,
    /// Threads that wait for a processor, the mean of --samples (_AvgCPUQLen)
    #[value(alias = "checkcpuq")]
    Cpuq,
    /// Physical memory (_MemUsed%)
    #[value(alias = "checkmem", alias = "memory")]
    Mem,
    /// Page files (_Used%)
    #[value(alias = "checkpage", alias = "pagefile")]
    Page,
    /// Local drives (_Used%)
    #[value(alias = "checkdrivesize", alias = "drivesize")]
    Drives,
    /// Volumes, with and without a letter (_Used%)
    #[value(alias = "checkvolsize", alias = "volsize")]
    Volumes,
    /// What logical drives read, write and wait (_PercentIdleTime); two samples
    #[value(alias = "checkio", alias = "logicalio")]
    Io,
    /// What physical drives read, write and wait (_PercentIdleTime); two samples
    #[value(alias = "diskio")]
    Physicalio,
    /// What network adapters send and receive (CurrentBandwidth); two samples, powers of 1000
    #[value(alias = "checknetwork")]
    Network,
    /// Services that start by themselves, or those of --only (_NumBad)
    #[value(alias = "checkservice", alias = "services")]
    Service,
    /// Processes, or those of --only (_ItemCount)
    #[value(alias = "checkprocess", alias = "processes")]
    Process,
    /// Events of a log since the last run, or of the last --hours (_ItemCount)
    #[value(alias = "checkeventlog")]
    Eventlog,
    /// Age of the file PATH (_FileAge)
    #[value(alias = "checkfileage")]
    Fileage,
    /// Size of the file PATH (FileSize)
    #[value(alias = "checkfilesize")]
    Filesize,
    /// Size of all files in the folder PATH (_FolderSize)
    #[value(alias = "checkfoldersize")]
    Foldersize,
    /// Files in the folder PATH and how old they are (_ItemCount)
    #[value(alias = "checkfolderfileage")]
    Folderfileage,
    /// Whether drives foretell their failure, and their counters (_DiskFailing)
    #[value(alias = "checksmart")]
    Smart,
    /// Time since the start (_UptimeSec)
    #[value(alias = "checkuptime")]
    Uptime,
    /// Difference of the clocks (_DiffSec); positive where that computer's is ahead
    #[value(alias = "checktime")]
    Time,
    /// Groups, and how many came and went (_ItemCount)
    #[value(alias = "checkgroup")]
    Group,
    /// Members of groups, and how many came and went (_ItemCount)
    #[value(alias = "checkgroupuser")]
    Groupuser,
    /// Users who are logged on, and how many came and went (_ItemCount)
    #[value(alias = "checklogon")]
    Logon,
    /// Jobs of printers, and how many came and went (_ItemCount)
    #[value(alias = "checkprintjob")]
    Printjob,
    /// Quotas of drives, and how many came and went (_ItemCount)
    #[value(alias = "checkquota")]
    Quota,
    /// Shared folders, and how many came and went (_ItemCount)
    #[value(alias = "checkshare")]
    Share,
    /// Commands that start with a session, and how many came and went (_ItemCount)
    #[value(alias = "checkstartupcommand")]
    Startupcommand,
    /// User accounts, and how many came and went (_ItemCount)
    #[value(alias = "checkuseraccount")]
    Useraccount,
}

/// What is meant and what is not, by name: `*` and `?` stand for anything, in any case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pick {
    /// Where there are some, only these.
    pub(crate) only: Vec<String>,
    /// Never these.
    pub(crate) exclude: Vec<String>,
}

impl Pick {
    /// Whether none of these names is meant.
    pub(crate) fn excludes(&self, names: &[&str]) -> bool {
        let any = |list: &[String]| list.iter().any(|pattern| names.iter().any(|name| matches(pattern, name)));
        any(&self.exclude) || (!self.only.is_empty() && !any(&self.only))
    }
}

/// What a check was asked for, beside its mode.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    /// What is meant.
    pub(crate) pick: Pick,
    /// The path of a file or a folder.
    pub(crate) path: String,
    /// Whether the folders in a folder belong to it.
    pub(crate) recursive: bool,
    /// Which events.
    pub(crate) events: events::Wanted,
    /// How often a length is looked at for its mean.
    pub(crate) samples: u32,
}

/// Everything that items are made of.
pub(crate) struct Input<'a> {
    /// What there is now.
    pub(crate) now: &'a Sample,
    /// What there was; `None` where the check takes one sample, or there was none.
    pub(crate) earlier: Option<&'a Sample>,
    /// What the further queries of the plan found, in their order; or further samples of the first.
    pub(crate) more: &'a [Sample],
    /// What is asked for.
    pub(crate) wish: &'a Wish,
}

impl Input<'_> {
    /// The rows now.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.now.rows
    }

    /// Whether none of these names is meant.
    pub(crate) fn excludes(&self, names: &[&str]) -> bool {
        self.wish.pick.excludes(names)
    }

    fn seconds(&self) -> f64 {
        self.earlier.map_or(0.0, |e| self.now.millis.saturating_sub(e.millis) as f64 / 1000.0)
    }

    /// What a counter says of a row.
    pub(crate) fn counter(&self, kind: Counter, property: &str, row: &Row) -> Option<Number> {
        kind.value(property, self.earlier.and_then(|e| e.row(&row.name)), row, self.seconds())
    }
}

/// How often a plan asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Samples {
    /// Once.
    One,
    /// As often as the caller wishes; all of them make the items.
    Several,
    /// Twice; the first time may have been in an earlier run.
    Two,
    /// Once, and what an earlier run found is shown beside it.
    Remembered,
}

/// A further query whose rows say more of those of the first.
pub(crate) struct Join {
    /// Where; `None` is the namespace of the caller.
    pub(crate) namespace: Option<&'static str>,
    /// What is asked.
    pub(crate) query: &'static str,
}

/// A way to make a check: where the class of one is not there, the next is taken.
pub(crate) struct Plan {
    /// What is asked.
    pub(crate) query: String,
    /// Where; `None` is the namespace of the caller.
    pub(crate) namespace: Option<&'static str>,
    /// The property that tells rows apart; `None` is the key.
    pub(crate) label: Option<&'static str>,
    /// How often it asks.
    pub(crate) samples: Samples,
    /// What is asked besides; where a class of these is not there, nothing is known of it.
    pub(crate) joins: Vec<Join>,
    /// Makes items of rows.
    pub(crate) items: fn(&Input<'_>) -> Vec<Item>,
}

/// A plan of one query that is asked once.
pub(crate) fn plan(query: &str, items: fn(&Input<'_>) -> Vec<Item>) -> Plan {
    Plan { query: query.into(), namespace: None, label: None, samples: Samples::One, joins: Vec::new(), items }
}

/// A plan of two samples of counters, told apart by their names.
pub(crate) fn sampled(query: &str, items: fn(&Input<'_>) -> Vec<Item>) -> Plan {
    Plan { samples: Samples::Two, label: Some("Name"), ..plan(query, items) }
}

impl Mode {
    /// The field of a threshold that names none.
    pub(crate) fn default_field(self) -> &'static str {
        match self {
            Mode::Query => "",
            Mode::Cpu | Mode::Eachcpu => "_AvgCPU",
            Mode::Cpuq => "_AvgCPUQLen",
            Mode::Mem => "_MemUsed%",
            Mode::Page | Mode::Drives | Mode::Volumes => "_Used%",
            Mode::Io | Mode::Physicalio => "_PercentIdleTime",
            Mode::Network => "CurrentBandwidth",
            Mode::Service => "_NumBad",
            Mode::Fileage => "_FileAge",
            Mode::Filesize => "FileSize",
            Mode::Foldersize => "_FolderSize",
            Mode::Smart => "_DiskFailing",
            Mode::Uptime => "_UptimeSec",
            Mode::Time => "_DiffSec",
            Mode::Process | Mode::Eventlog | Mode::Folderfileage => "_ItemCount",
            Mode::Group | Mode::Groupuser | Mode::Logon | Mode::Printjob => "_ItemCount",
            Mode::Quota | Mode::Share | Mode::Startupcommand | Mode::Useraccount => "_ItemCount",
        }
    }

    /// Whether no rows are an answer: a count can be 0.
    pub(crate) fn counts(self) -> bool {
        self.default_field() == "_ItemCount"
    }

    /// Whether it is of a path.
    pub(crate) fn has_path(self) -> bool {
        matches!(self, Mode::Fileage | Mode::Filesize | Mode::Foldersize | Mode::Folderfileage)
    }

    /// Seconds between two samples of one run, where the caller says nothing.
    pub(crate) fn delay(self) -> f64 {
        if self == Mode::Cpuq { 1.0 } else { 5.0 }
    }

    /// The ways to make it; none of a query, which the caller has, and of events, whose query depends on the last run. An error is wrong usage.
    pub(crate) fn plans(self, wish: &Wish) -> Result<Vec<Plan>, String> {
        Ok(match self {
            Mode::Query | Mode::Eventlog => Vec::new(),
            Mode::Cpu | Mode::Eachcpu | Mode::Cpuq | Mode::Mem | Mode::Page | Mode::Drives | Mode::Volumes => ready::plans(self, wish),
            Mode::Service | Mode::Process | Mode::Uptime | Mode::Time => ready::plans(self, wish),
            Mode::Io | Mode::Physicalio => disk_io::plans(self == Mode::Physicalio),
            Mode::Network => network::plans(),
            Mode::Smart => smart::plans(),
            Mode::Fileage | Mode::Filesize | Mode::Foldersize | Mode::Folderfileage => files::plans(self, wish)?,
            Mode::Group | Mode::Groupuser | Mode::Logon | Mode::Printjob => counted::plans(self),
            Mode::Quota | Mode::Share | Mode::Startupcommand | Mode::Useraccount => counted::plans(self),
        })
    }
}

/// A text as a literal of WQL.
pub(crate) fn literal(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// `*` and `?` in a pattern, in any case.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    glob::matches(&pattern.to_lowercase(), &text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_a_query_stays_a_text() {
        for (text, expect) in [("a", "\"a\""), (r"c:\x", r#""c:\\x""#), ("\" OR 1=1", r#""\" OR 1=1""#), (r#"\""#, r#""\\\"""#)] {
            assert_eq!(literal(text), expect, "{text}");
        }
    }

    #[test]
    fn patterns_have_two_signs() {
        for (pattern, text, expect) in [
            ("C:", "c:", true),
            ("c*", "C:", true),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("*sql*", "MSSQL$X", true),
            ("", "a", false),
            ("a?", "a\u{1f600}", true),
        ] {
            assert_eq!(matches(pattern, text), expect, "{pattern} {text}");
        }
    }
}
