//! `rwmi inventory`: what a computer is, what is in it and on it, as one document each.

mod ask;
mod gather;
mod glpi;
mod record;
mod registry;

use crate::args::Connect;
use crate::connect::Targets;
use crate::local::own_name;
use crate::many::{self, Listener, Teller};
use crate::progress::Progress;
use crate::report::Failure;
use crate::threads::Threads;
use clap::{Args, ValueEnum};
use gather::{Plan, gather};
use record::{Lack, Record};
use rwmi_client::Client;
use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Inventory {
    /// Computers, in place of -c and in the same forms
    #[arg(value_name = "HOST", conflicts_with = "hosts", value_delimiter = ',')]
    names: Vec<String>,

    #[command(flatten)]
    connect: Connect,

    /// What the documents are for
    #[arg(short = 'o', long, visible_alias = "output", value_name = "FORMAT", default_value = "glpi")]
    format: Kind,

    /// Write a file HOST.json for each computer into this directory, instead of everything to standard output
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,

    /// Leave sections out, by their names with commas between them: processes,envs
    #[arg(long, value_name = "SECTION", value_delimiter = ',')]
    without: Vec<String>,

    /// Longest time for one query, in seconds; what came until then is taken
    #[arg(long, value_name = "SECS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    query_timeout: u64,
}

/// What documents are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// GLPI's inventory: its endpoint, or its injector
    Glpi,
    /// Every row as it came, and what failed
    Json,
}

const EXAMPLES: &str = "Examples:
  rwmi inventory srv01 -u 'CORP\\alice' > srv01.json
  rwmi inventory -c @hosts.txt -u admin --password-file pw --output-dir inventories
  rwmi inventory srv01 --format json --without processes,envs

Of one computer the document is indented; of several each is one line, as they come. A class that is missing or fails is never the
end of it: --format json names it in \"errors\", -v tells it on standard error. --timeout is for all of one computer.

Exit status: 0 each computer has a document, 1 none has, 3 some have, 130 interrupted.";

/// Asks all computers.
pub(crate) fn run(mut args: Inventory) -> Result<ExitCode, Failure> {
    if !args.names.is_empty() {
        args.connect.hosts = std::mem::take(&mut args.names);
    }
    let sections = ask::sections();
    if let Some(unknown) = args.without.iter().find(|s| !sections.contains(&s.as_str())) {
        return Err(Failure::usage(format!("there is no section {unknown:?}")).hint(format!("sections are {}", sections.join(", "))));
    }
    let plan = Plan { without: args.without, query: Duration::from_secs(args.query_timeout) };
    let targets = Arc::new(Targets::new(args.connect)?);
    let mut documents = Documents::new(args.format, args.output_dir, targets.hosts().len())?;
    let plan = Arc::new(plan);
    let work = move |client: Client, _, end: Instant, teller: Teller<Record>| {
        let plan = plan.clone();
        async move {
            let Some(record) = teller.unless_stopped(gather(&client, &plan, end.into())).await else { return Ok(()) };
            if record.found.is_empty() {
                let why = record.lacks.first().map_or_else(|| "nothing was asked for".to_owned(), Lack::sentence);
                return Err(Failure::new(format!("{}: no class could be read: {why}", client.host())).into());
            }
            let _ = teller.say(record).await;
            Ok(())
        }
    };
    let how = many::Plan { limit: None, parts_are_whole: true };
    let outcome = Threads::new()?.block_on(many::ask(&targets, how, &mut documents, work))?;
    match documents.unwritten {
        Some(why) => Err(Failure::new(why)),
        None => Ok(outcome.code()),
    }
}

fn tell(record: &Record) {
    for lack in &record.lacks {
        tracing::info!(host = %record.host, section = lack.section, "left out: {}", crate::report::harmless(&lack.sentence()));
    }
}

/// Where documents go.
struct Documents {
    kind: Kind,
    dir: Option<PathBuf>,
    alone: bool,
    /// Names of files that are taken.
    names: HashSet<String>,
    /// The file that could not be written, and why.
    unwritten: Option<String>,
}

impl Documents {
    fn new(kind: Kind, dir: Option<PathBuf>, count: usize) -> Result<Documents, Failure> {
        if let Some(dir) = &dir {
            // Known before anybody is asked.
            std::fs::create_dir_all(dir).map_err(|e| Failure::new(format!("{}: {e}", dir.display())))?;
        }
        Ok(Documents { kind, dir, alone: count == 1, names: HashSet::new(), unwritten: None })
    }
}

impl Listener<Record> for Documents {
    fn take(&mut self, host: &str, mut record: Record, foot: &mut Progress) -> io::Result<ControlFlow<()>> {
        host.clone_into(&mut record.host);
        foot.clear();
        tell(&record);
        let document = match self.kind {
            Kind::Glpi => glpi::document(&record),
            Kind::Json => record.json(),
        };
        let Some(dir) = &self.dir else {
            let text = if self.alone { format!("{document:#}\n") } else { format!("{document}\n") };
            io::stdout().lock().write_all(text.as_bytes())?;
            return Ok(ControlFlow::Continue(()));
        };
        let path = dir.join(file_name(&record.host, &mut self.names));
        Ok(match put(&path, &format!("{document:#}\n")) {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => {
                self.unwritten = Some(format!("{}: {e}", path.display()));
                ControlFlow::Break(())
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// Whole or not at all: whoever watches the directory never reads half a document.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension(format!("json.{}", std::process::id()));
    let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// A name for a file: the computer as the caller named it, without what leads elsewhere.
fn file_name(host: &str, taken: &mut HashSet<String>) -> String {
    let host = if matches!(host, "" | ".") { own_name() } else { host.to_owned() };
    let clean: String =
        host.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '_' }).take(200).collect();
    // Never hidden, never the directory itself.
    let clean = if clean.starts_with('.') { format!("_{clean}") } else { clean };
    let mut name = format!("{clean}.json");
    let mut n = 2;
    while !taken.insert(name.to_lowercase()) {
        name = format!("{clean}-{n}.json");
        n += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_name_of_its_computer_and_stays_in_its_directory() {
        let mut taken = HashSet::new();
        let mut check = |host: &str, expect: &str| assert_eq!(file_name(host, &mut taken), expect, "{host}");
        check("srv01", "srv01.json");
        check("SRV01", "SRV01-2.json");
        check("fe80::1%eth0", "fe80__1_eth0.json");
        check("../../etc/x", "_.._.._etc_x.json");
        check("..", "_...json");
        check(r"winmgmts:\\a\root", "winmgmts___a_root.json");
    }
}
