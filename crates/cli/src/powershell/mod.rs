//! PowerShell's cmdlets as subcommands: their names, parameters, parameter sets and refusals, over what the other commands do.
//!
//! The shell between us and the person knows nothing of PowerShell, so objects are paths, script blocks are refused, and a session
//! lives no longer than the command.

mod bind;
mod classes;
mod cmdlets;
mod consent;
mod events;
mod get;
mod help;
mod invoke;
mod object;
mod options;
mod parameter;
mod session;
mod value;
mod write;

use crate::connect::Targets;
use crate::format::{Columns, Format};
use crate::pager;
use crate::paint;
use crate::query::{Question, Work, print};
use crate::report::Failure;
use bind::{Asked, bind};
use options::{Known, Ours};
use parameter::Cmdlet;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// A cmdlet and its words, where the command line has one: its name is the first word, whatever its case. Only what every command
/// takes may stand before it: `-v`, `--verbose`, `--no-pager`, `--color`.
pub(crate) fn of(arguments: &[String]) -> Option<Command> {
    let (mut words, mut verbose) = (Vec::new(), 0);
    let mut rest = arguments.iter();
    let name = loop {
        let word = rest.next()?;
        match word.strip_prefix('-') {
            Some(v) if !v.is_empty() && v.bytes().all(|b| b == b'v') => verbose += v.len(),
            Some("-color") => words.extend([word.clone(), rest.next()?.clone()]),
            Some(long) if long == "-verbose" || long == "-no-pager" || long.starts_with("-color=") => words.push(word.clone()),
            Some(_) => return None,
            None => break word,
        }
    };
    words.extend(rest.cloned());
    let wanted = if name.eq_ignore_ascii_case("Get-Help") { Wanted::Help } else { Wanted::Cmdlet(cmdlets::find(name)?) };
    Some(Command { wanted, words, verbose: u8::try_from(verbose).unwrap_or(u8::MAX) })
}

/// A command line of PowerShell.
pub(crate) struct Command {
    wanted: Wanted,
    words: Vec<String>,
    verbose: u8,
}

enum Wanted {
    Cmdlet(&'static Cmdlet),
    Help,
}

/// Carries it out.
pub(crate) fn run(command: &Command) -> ExitCode {
    let done = match command.wanted {
        Wanted::Help => help::of(&command.words),
        Wanted::Cmdlet(cmdlet) => carry_out(cmdlet, command),
    };
    done.unwrap_or_else(|failure| {
        failure.print();
        ExitCode::from(failure.code)
    })
}

fn carry_out(cmdlet: &'static Cmdlet, command: &Command) -> Result<ExitCode, Failure> {
    match bind(cmdlet, &command.words, &Known::new())? {
        Asked::Help => said(&help::text(cmdlet)),
        Asked::Run(given) => {
            let asked = if given.is_on("Debug") { 2 } else { u8::from(given.is_on("Verbose")) };
            let (ours, _) = given.ours(None)?;
            crate::log::start(command.verbose.saturating_add(ours.verbose).max(asked), false);
            paint::start(ours.color);
            if ours.no_pager {
                pager::forbid();
            }
            if given.choice("ErrorAction") == Some("quiet") {
                let nowhere = std::fs::File::options().write(true).open("/dev/null");
                nowhere.and_then(|file| Ok(rustix::stdio::dup2_stderr(file)?)).map_err(|e| Failure::new(format!("/dev/null: {e}")))?;
            }
            (cmdlet.run)(*given)
        }
    }
}

/// Writes a text, and is done.
fn said(text: &str) -> Result<ExitCode, Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(format!("cannot write to standard output: {e}"))),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Does the work on each computer, and shows what it gives: these columns first, or all.
fn show(ours: Ours, names: Option<Vec<String>>, work: impl Work + 'static) -> Result<ExitCode, Failure> {
    show_as(ours, names, |_| work)
}

/// The same for work that depends on the format.
fn show_as<W: Work + 'static>(ours: Ours, names: Option<Vec<String>>, work: impl FnOnce(Format) -> W) -> Result<ExitCode, Failure> {
    let targets = Arc::new(Targets::new(ours.connect)?);
    let style = ours.shape.style(&targets.home());
    let columns = Columns { names, with_host: 1 < targets.hosts().len(), style };
    let format = targets.format(ours.shape.output, usual_format());
    print(targets, Question::work(work(format)), format, columns)
}

/// How rows are written where nobody says it.
fn usual_format() -> Format {
    if io::stdout().is_terminal() { Format::Table } else { Format::Jsonl }
}
