//! The command `rwmi`.

mod account;
mod args;
mod connect;
mod dump;
mod format;
mod get_class;
mod local;
mod log;
mod mof;
mod password;
mod query;
mod report;
mod serve;
mod watch;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.verbose, matches!(cli.command, Command::Serve(_)));
    let done = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Account(args) => account::run(args.action),
        Command::Query(args) => query::run(args),
        Command::Watch(args) => watch::run(args),
        Command::GetClass(args) => get_class::run(args),
        Command::Mof { action } => mof::run(action),
        Command::Dump(args) => dump::run(args),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}
