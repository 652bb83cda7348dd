//! The command `rwmi`.

mod account;
mod args;
mod browse;
mod call;
mod causes;
mod check;
mod complete;
mod config;
mod connect;
mod doctor;
mod dump;
mod exec;
mod format;
mod get_class;
mod glob;
mod help;
mod hosts;
mod inventory;
mod local;
mod log;
mod man;
mod many;
mod mof;
mod pager;
mod paint;
mod password;
mod powershell;
mod progress;
mod query;
mod report;
mod repository;
mod serve;
mod telegraf;
mod threads;
mod watch;
mod wmic;
mod wmic_exe;

use args::{Cli, Command};
use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

fn main() -> ExitCode {
    // A shell that asks how a line could go on, and nothing else.
    if let Some(code) = complete::answer() {
        return code;
    }
    // By the name of the Linux wmic the command is that one.
    let arguments = || std::env::args_os().map(|a| a.to_string_lossy().into_owned());
    if arguments().next().is_some_and(|program| wmic::is_called(&program)) {
        return wmic::run(&arguments().skip(1).collect::<Vec<_>>());
    }
    let words: Vec<String> = arguments().skip(1).collect();
    if let Some(command) = powershell::of(&words) {
        return powershell::run(&command);
    }
    let color = paint::When::of_words(words.into_iter());
    let matches = Cli::command().color(color.choice()).try_get_matches();
    let cli = match matches.and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        // Every other status of `exec` is a process's.
        Err(error) if error.use_stderr() && arguments().nth(1).as_deref() == Some("exec") => {
            let _ = error.print();
            return ExitCode::from(exec::OURS);
        }
        Err(error) => return check::refused(&error).unwrap_or_else(|| error.exit()),
    };
    if !matches!(cli.command, Command::Wmic { .. }) {
        log::start(cli.verbose, matches!(cli.command, Command::Serve(_)));
    }
    paint::start(cli.color);
    if cli.no_pager {
        pager::forbid();
    }
    let done = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Account(args) => account::run(args.action),
        Command::Repository { action } => repository::run(action),
        Command::Query(args) => query::run(args),
        Command::Watch(args) => watch::run(args),
        Command::Call(args) => call::run(args),
        Command::Exec(args) => exec::run(args),
        Command::Browse(args) => browse::run(args),
        Command::Check(args) => return check::run(*args),
        Command::GetClass(args) => get_class::run(args),
        Command::Mof { action } => mof::run(action),
        Command::Doctor(args) => doctor::run(args),
        Command::Inventory(args) => inventory::run(*args),
        Command::Telegraf(args) => telegraf::run(args),
        Command::Dump(args) => dump::run(args),
        Command::Config { action } => config::run(action),
        Command::Completions { action } => complete::run(action),
        Command::Man(args) => man::run(args),
        Command::Wmic { arguments } => return wmic::run(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}
