//! The command line.

use crate::config::Protocol;
use crate::format::{Format, Style};
use crate::help;
use crate::paint::{self, When};
use clap::{Args, Parser, Subcommand, ValueEnum};
use rwmi_auth::AuthLevel;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// WMI for every machine: query and serve Windows Management Instrumentation from anywhere.
#[derive(Debug, Parser)]
#[command(name = "rwmi", version, max_term_width = 100, after_help = help::SHORT, after_long_help = help::LONG)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Say more on standard error: -v each step, -vv each call, -vvv everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,

    /// Colours: on a terminal, always, never. NO_COLOR and CLICOLOR_FORCE are honoured
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true, hide_possible_values = true, global = true)]
    pub(crate) color: When,

    /// Show tables that are longer than the screen without a pager ($RWMI_PAGER, $PAGER, less)
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a WQL query and print its rows
    Query(Query),
    /// Print events as they come, until interrupted
    Watch(Watch),
    /// Call a method of a class or of an instance
    Call(Call),
    /// Start a process on another computer, wait for its end, and end with its exit status
    Exec(Exec),
    /// Explore computers in the terminal: namespaces, classes, instances, queries, methods, events
    Browse(crate::browse::Browse),
    /// Check a value as a monitoring plug-in: one line, performance data, exit status 0 to 3
    Check(Box<crate::check::Check>),
    /// Print a class as MOF
    GetClass(GetClass),
    /// Put classes and instances from MOF files, and print classes as MOF
    #[command(after_help = help::MOF)]
    Mof {
        #[command(subcommand)]
        action: MofAction,
    },
    /// Say why a computer cannot be asked, and what to change there
    Doctor(Doctor),
    /// Find out what a computer is and has, as a document for GLPI or of our own
    Inventory(Box<crate::inventory::Inventory>),
    /// Gather for Telegraf, each time it says so: a child of its inputs.execd
    Telegraf(crate::telegraf::Telegraf),
    /// Show what is in octets of the wire, as JSON
    Dump(Dump),
    /// Look at the configuration of this command
    #[command(after_help = help::CONFIG)]
    Config {
        #[command(subcommand)]
        action: crate::config::Action,
    },
    /// Complete commands, classes, properties and computers in a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        #[command(subcommand)]
        action: crate::complete::Action,
    },
    /// Write the pages of the manual
    #[command(after_help = help::MAN)]
    Man(crate::man::Man),
    /// Be the Linux wmic: its options, its text, its exit status (also where the command is called wmic)
    #[command(disable_help_flag = true)]
    Wmic {
        /// Options of wmic, //HOST, and a query
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Serve WMI on this computer
    Serve(Serve),
    /// Change who may log on to the server on this computer
    Account(Account),
    /// Copy, check, bring back or throw away the repository of the server on this computer, which must be stopped
    Repository {
        #[command(subcommand)]
        action: crate::repository::RepositoryAction,
    },
}

/// What every command that connects takes.
#[derive(Debug, Args, Clone)]
pub(crate) struct Connect {
    /// Computers to ask, with commas between them: names, web[01-20], 10.0.0.0/24, @FILE, group:NAME, - for standard input; `.` is this one
    #[arg(short = 'c', long = "computer-name", value_name = "HOST", value_delimiter = ',', default_value = ".")]
    pub(crate) hosts: Vec<String>,

    /// Computers that are asked at the same time
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) throttle: u16,

    /// Of several computers, do not show on the terminal how many have answered
    #[arg(long)]
    pub(crate) no_progress: bool,

    /// Namespace; else the configuration's, else root\cimv2
    #[arg(short, long)]
    pub(crate) namespace: Option<String>,

    /// Account: user, DOMAIN\user, .\user (of the target), user@domain; else $RWMI_USER, else the configuration's
    #[arg(short, long)]
    pub(crate) user: Option<String>,

    /// File with `username = `, `password = ` and `domain = ` lines, for what is not given otherwise
    #[arg(short = 'A', long, value_name = "FILE")]
    pub(crate) authentication_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) password: Password,

    /// How it is talked to: dcom
    #[arg(long, value_name = "NAME")]
    pub(crate) protocol: Option<Protocol>,

    /// Protection of the calls, privacy unless said otherwise; activation never goes below integrity
    #[arg(long, value_name = "LEVEL")]
    pub(crate) authentication: Option<Level>,

    /// What the server may do in the account's name, impersonate unless said otherwise
    #[arg(long, value_name = "LEVEL")]
    pub(crate) impersonation: Option<Impersonation>,

    /// Kerberos:PRINCIPAL or NTLMDOMAIN:DOMAIN
    #[arg(long)]
    pub(crate) authority: Option<String>,

    /// Preferred locale, MS_409 for English
    #[arg(long)]
    pub(crate) locale: Option<String>,

    /// Port of the endpoint mapper, where it is not 135
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) endpoint_port: Option<u16>,

    /// Port of the objects instead of the one the server names, for tunnels and NAT
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) object_port: Option<u16>,

    /// Longest time for the whole command on each computer, in seconds; 60 unless said otherwise
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,

    /// Longest time until a computer takes a connection, in seconds: 0.5 is half of one
    #[arg(long, value_name = "SECS", default_value = "5", value_parser = seconds)]
    pub(crate) connect_timeout: Duration,

    /// Fetch rows one by one with IEnumWbemClassObject::Next, as old servers need it
    #[arg(long)]
    pub(crate) no_smart_enum: bool,

    /// Configuration file with defaults, groups and computers; else $RWMI_CONFIG, else ~/.config/rwmi/config.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) here: Here,

    /// Longest time where nobody says one, in seconds.
    #[arg(skip = 60_u64)]
    pub(crate) usual_timeout: u64,
}

/// A time from a millisecond to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    let time = text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    time.filter(|t| (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(t))
        .ok_or_else(|| "not from 0.001 to 86400 seconds".into())
}

/// Where a password comes from: standard input, a file, $RWMI_PASSWORD, or a prompt.
#[derive(Debug, Args, Clone)]
pub(crate) struct Password {
    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "password_file")]
    pub(crate) password_stdin: bool,

    /// Read the password from the first line of a file
    #[arg(long, value_name = "F")]
    pub(crate) password_file: Option<PathBuf>,
}

impl Password {
    /// Whether the command line names a source.
    pub(crate) fn is_given(&self) -> bool {
        self.password_stdin || self.password_file.is_some()
    }
}

/// An authentication level by name or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// What is best: privacy
    #[value(alias = "0")]
    Default,
    /// The connection only
    #[value(alias = "2")]
    Connect,
    /// The start of each call
    #[value(alias = "3")]
    Call,
    /// Each packet's origin
    #[value(alias = "4", alias = "packet")]
    Pkt,
    /// Each packet signed
    #[value(alias = "5", alias = "pktIntegrity", alias = "packetintegrity")]
    Integrity,
    /// Each packet signed and encrypted
    #[value(alias = "6", alias = "pktPrivacy", alias = "packetprivacy")]
    Privacy,
}

impl Level {
    /// The level on the wire; the default is privacy.
    pub(crate) fn level(self) -> AuthLevel {
        match self {
            Level::Connect => AuthLevel::Connect,
            Level::Call => AuthLevel::Call,
            Level::Pkt => AuthLevel::Packet,
            Level::Integrity => AuthLevel::Integrity,
            Level::Default | Level::Privacy => AuthLevel::Privacy,
        }
    }
}

/// An impersonation level by name or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Impersonation {
    /// May learn who it is; WMI refuses most calls then
    #[value(alias = "2")]
    Identify,
    /// May act in its name on that computer
    #[value(alias = "3")]
    Impersonate,
    /// May act in its name on further computers; needs Kerberos
    #[value(alias = "4")]
    Delegate,
}

/// How rows are written.
#[derive(Debug, Args, Clone)]
pub(crate) struct Shape {
    /// Output format; of a query a table on a terminal, else jsonl. Of some all is shown at the end
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,

    /// How 64-bit integers are written for programs
    #[arg(long, value_name = "FORM", default_value = "number")]
    pub(crate) uint64: Uint64,

    /// How a datetime is written for programs
    #[arg(long, value_name = "FORM", default_value = "wmi")]
    pub(crate) datetime: Dates,

    /// Write all numbers as strings, and booleans as "True" and "False"
    #[arg(long)]
    pub(crate) json_strings: bool,

    /// Of influx and prometheus: the properties that tell rows apart; else the keys of the class
    #[arg(long, value_name = "PROPERTY", value_delimiter = ',')]
    pub(crate) tag: Vec<String>,

    /// Of influx and prometheus: stands before the name of the class; prometheus has wmi_ without it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) name_prefix: String,
}

impl Shape {
    /// What is the same for all rows.
    pub(crate) fn style(&self, namespace: &str) -> Style {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Style {
            uint64_as_text: self.uint64 == Uint64::String,
            iso_dates: self.datetime == Dates::Iso,
            strings: self.json_strings,
            tags: self.tag.clone(),
            prefix: self.name_prefix.clone(),
            namespace: namespace.to_owned(),
            paint: paint::out(),
            stamp: now.ok().and_then(|t| u64::try_from(t.as_nanos()).ok()),
        }
    }
}

/// How 64-bit integers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Uint64 {
    /// Numbers in full precision
    Number,
    /// Strings, for readers whose numbers are doubles
    String,
}

/// How a datetime is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dates {
    /// The 25 characters of WMI: 20240229235959.123456+060
    #[value(alias = "dmtf", alias = "cim")]
    Wmi,
    /// ISO 8601: 2024-02-29T23:59:59.123456+01:00
    Iso,
}

#[derive(Debug, Args)]
#[command(after_help = help::QUERY)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) connect: Connect,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// Ask the server to add the key properties to a SELECT list
    #[arg(long)]
    pub(crate) with_keys: bool,

    /// The WQL query
    pub(crate) query: String,
}

#[derive(Debug, Args)]
#[command(after_help = WATCHING)]
pub(crate) struct Watch {
    /// --timeout is for connecting and subscribing; the watch itself has no end
    #[command(flatten)]
    pub(crate) connect: Connect,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// Stop after so many events, counted over all computers
    #[arg(long, visible_alias = "max", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Stop after so long, in seconds, counted from the start
    #[arg(long = "for", value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time: Option<u64>,

    /// The WQL query for events
    pub(crate) query: String,
}

const WATCHING: &str = "Examples:
  rwmi watch \"SELECT * FROM Win32_ProcessStopTrace WHERE ProcessName = 'backup'\"
  rwmi watch -c srv01 --count 1 \"SELECT * FROM __InstanceModificationEvent WITHIN 10
      WHERE TargetInstance ISA 'Win32_Service' AND TargetInstance.State = 'Stopped'\"

What is lost is told on standard error, in its place: a server keeps 1000 events that nobody took.

Exit status: 0 as many events as asked for, or the time is over and no number was asked for; 1 events were lost, a computer failed,
or the time was over too soon; 3 of several computers some failed; 130 interrupted.";

#[derive(Debug, Args)]
#[command(after_help = CALL_EXAMPLES)]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) connect: Connect,

    #[command(flatten)]
    pub(crate) shape: Shape,

    /// The class, or the path of an instance: Win32_Process.Handle="4"
    #[arg(value_name = "CLASS|PATH")]
    pub(crate) target: String,

    /// The method; without one the methods of the class are printed
    pub(crate) method: Option<String>,

    /// Arguments: NAME=VALUE, NAME:=JSON, NAME.PROPERTY=VALUE
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) arguments: Vec<String>,
}

const CALL_EXAMPLES: &str = "Examples:
  rwmi call Win32_Process
  rwmi call -c srv01 -u admin Win32_Process Create CommandLine=\"sleep 60\"
  rwmi call -c srv01 -u admin Win32_Process Create CommandLine=backup CurrentDirectory=/srv \\
      ProcessStartupInformation.PriorityClass=64 \\
      ProcessStartupInformation.EnvironmentVariables='[\"LEVEL=full\"]'
  rwmi call -c srv01 -u admin 'Win32_Process.Handle=\"4711\"' Terminate Reason=1
  rwmi call -c srv01 -u admin 'Win32_Service.Name=\"Spooler\"' ChangeStartMode StartMode=Manual

A value is read by the type that the method declares: text as it stands for a string, JSON for an
array or an object. NAME:=JSON is JSON for every type, so NAME:=null is NULL. Arguments that are
unknown, missing or of the wrong type are refused before anything is called.

Exit status: 0 the method returned 0 or nothing, 1 failure, 2 wrong usage, 3 some computers failed
and others did not, 4 the method returned something else than 0.";

#[derive(Debug, Args)]
#[command(after_help = EXECUTING)]
pub(crate) struct Exec {
    /// --timeout is for connecting and starting; the wait has no end
    #[command(flatten)]
    pub(crate) connect: Connect,

    /// The directory that the process starts in, from the root
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<String>,

    /// Longest wait for the end of the process, in seconds; it is not ended then
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) wait: Option<u64>,

    /// COMMAND is the whole command line and goes as it is
    #[arg(long)]
    pub(crate) line: bool,

    /// The program and its arguments, behind --
    #[arg(required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

const EXECUTING: &str = "No output travels: WMI has no way for it. What the process writes is lost unless it writes to a file.

Arguments with blanks or quotes are put in double quotes, and quotes in them behind a backslash, as programs of Windows take a
command line apart; our server does the same. No shell is between: for its signs, name one.

Examples:
  rwmi exec -c srv01 -u admin -- systemctl restart nginx
  rwmi exec -c srv01 -u admin -- sh -c 'df -h > /tmp/df.txt'
  rwmi exec -c win01 -u admin --line 'cmd.exe /c dir > c:\\dir.txt'

Exit status: the process's (128 and its number for a signal; 255 for more than 255, which is told); 125 where we fail; 130 interrupted.
The process goes on where we end first. The server must allow Win32_Process.Create.";

#[derive(Debug, Args)]
#[command(after_help = help::GET_CLASS)]
pub(crate) struct GetClass {
    #[command(flatten)]
    pub(crate) connect: Connect,

    /// Also fetch localised texts
    #[arg(long)]
    pub(crate) amended: bool,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "mof")]
    pub(crate) output: ClassFormat,

    /// The class; a moniker names its computer and namespace too
    pub(crate) class: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MofAction {
    /// Compile a MOF file into a server: whole or not at all, where the server can
    Compile(MofCompile),
    /// Print classes of a server as MOF that compiles again
    Export(MofExport),
}

#[derive(Debug, Args)]
pub(crate) struct MofCompile {
    #[command(flatten)]
    pub(crate) connect: Connect,

    /// Compile against the server's classes and change nothing
    #[arg(long)]
    pub(crate) check: bool,

    #[command(flatten)]
    pub(crate) how: crate::mof::How,

    /// The file, `-` for standard input; what it says without #pragma namespace goes to --namespace
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct MofExport {
    #[command(flatten)]
    pub(crate) connect: Connect,

    /// With the classes of the system, whose names start with two underscores
    #[arg(long)]
    pub(crate) system: bool,

    /// In the MOF of DSP0004, for compilers of other systems; what it cannot say is told on standard error
    #[arg(long, conflicts_with = "instances")]
    pub(crate) standard: bool,

    /// With the instances that the server stores, those of the system's classes too, and not what providers tell
    #[arg(long)]
    pub(crate) instances: bool,

    /// The classes; all of the namespace where none is named. With --standard also those that they need
    pub(crate) classes: Vec<String>,
}

/// How a class is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClassFormat {
    /// MOF: what the class declares or overrides
    Mof,
    /// JSON: everything, inherited members too
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMINING)]
pub(crate) struct Doctor {
    /// The computer; instead of -c
    #[arg(conflicts_with = "hosts")]
    pub(crate) host: Option<String>,

    /// --timeout is for the whole examination of each computer
    #[command(flatten)]
    pub(crate) connect: Connect,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: DoctorFormat,

    /// The query; else the operating system in root\cimv2, and elsewhere the namespaces below
    #[arg(long, value_name = "WQL")]
    pub(crate) query: Option<String>,

    /// Leave out the look at classes of which filtered accounts see less
    #[arg(long)]
    pub(crate) no_data: bool,

    /// Print the commands for what was found as a script for the target, and the report on standard error; without a
    /// computer the whole script, and nobody is asked
    #[arg(long, value_name = "SYSTEM", num_args = 0..=1, require_equals = true, default_missing_value = "seen")]
    pub(crate) fix_script: Option<FixTarget>,
}

const EXAMINING: &str = "Examples:
  rwmi doctor srv01 -u 'CORP\\alice'
  rwmi doctor srv01 -u 'CORP\\alice' --fix-script > fix.ps1
  rwmi doctor --fix-script=linux

It changes nothing there, and a logon that was refused is not tried again.

Exit status: 0 a query can be asked, also where there are warnings; 1 not; 2 wrong usage; 3 of several computers some cannot be
asked; 130 interrupted.";

/// How a diagnosis is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DoctorFormat {
    /// For people, stage after stage
    Text,
    /// One JSON array, an object for each computer
    Json,
}

/// What a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FixTarget {
    /// What the computer said it runs; else Windows
    Seen,
    /// PowerShell
    Windows,
    /// A shell, for `rwmi serve`
    Linux,
}

#[derive(Debug, Args)]
#[command(after_help = help::DUMP)]
pub(crate) struct Dump {
    /// What the octets are
    pub(crate) what: DumpKind,

    /// The file: raw octets, or hexadecimal text; `-` is standard input
    pub(crate) file: PathBuf,

    /// For a stub: the interface, by name or GUID
    #[arg(long)]
    pub(crate) interface: Option<String>,

    /// For a stub: the operation number
    #[arg(long)]
    pub(crate) opnum: Option<u16>,

    /// For a stub: a response rather than a request
    #[arg(long)]
    pub(crate) response: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpKind {
    /// A WMI object ([MS-WMIO]): an encoding unit, an object reference around one, or a packet of a smart enumerator
    Object,
    /// The arguments of a call
    Stub,
    /// A PDU of DCE/RPC
    Pdu,
}

#[derive(Debug, Args)]
#[command(after_help = help::SERVE)]
pub(crate) struct Serve {
    /// Address to listen on; may be repeated. Default: the configuration's, else every address
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<IpAddr>,

    /// Port of the endpoint mapper
    #[arg(long, value_name = "N")]
    pub(crate) endpoint_port: Option<u16>,

    /// Port of the objects
    #[arg(long, value_name = "N")]
    pub(crate) object_port: Option<u16>,

    #[command(flatten)]
    pub(crate) place: Place,

    /// Read the configuration, say what is wrong with it, and stop
    #[arg(long)]
    pub(crate) check_config: bool,
}

#[derive(Debug, Args)]
#[command(after_help = help::ACCOUNT)]
pub(crate) struct Account {
    #[command(subcommand)]
    pub(crate) action: AccountAction,
}

/// Where the server on this computer keeps things, for commands that ask it.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct Here {
    /// Data directory of the server on this computer; else its configuration's
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Configuration file of the server on this computer; else /etc/rwmi/rwmi.toml, if it is there
    #[arg(long, value_name = "FILE")]
    pub(crate) server_config: Option<PathBuf>,
}

/// Where the server on this computer keeps things.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct Place {
    /// Data directory of the server; else the configuration's
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Configuration file of the server; else /etc/rwmi/rwmi.toml, if it is there
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountAction {
    /// Add an account, or give an existing one a new password and new rights
    Add {
        /// Its name
        name: String,
        /// With the rights of an administrator
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        place: Place,
    },
    /// Remove an account
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// List the accounts, one a line: name, tab, `admin` or `user`
    List {
        /// Output format
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: AccountFormat,
        #[command(flatten)]
        place: Place,
    },
}

/// How accounts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccountFormat {
    /// A line each: name, tab, rights
    Table,
    /// One JSON array of objects with `name` and `admin`
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn levels_have_names_and_numbers() {
        for (text, level) in
            [("integrity", AuthLevel::Integrity), ("6", AuthLevel::Privacy), ("pkt", AuthLevel::Packet), ("0", AuthLevel::Privacy)]
        {
            assert_eq!(Level::from_str(text, true).unwrap().level(), level, "{text}");
        }
        assert!(Level::from_str("none", true).is_err());
    }
}
