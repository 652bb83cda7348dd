//! The command `rwmi`.

mod account;
mod args;
mod format;
mod log;
mod password;
mod report;
mod serve;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.verbose, matches!(cli.command, Command::Serve(_)));
    let done = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Account(args) => account::run(args.action),
        _ => Err(report::Failure::new("this command is not there yet")),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}
