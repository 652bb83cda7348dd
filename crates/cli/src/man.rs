//! `rwmi man`: the manual's pages, written from the command line as it is.

use crate::args::Cli;
use crate::report::Failure;
use clap::CommandFactory;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where they go.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The directory: rwmi.1, and rwmi-COMMAND.1 of each command. It is made where it is not there
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes a page for each command.
pub(crate) fn run(man: Man) -> Result<ExitCode, Failure> {
    let wrong = |e: std::io::Error| Failure::new(format!("{}: {e}", man.dir.display()));
    std::fs::create_dir_all(&man.dir).map_err(wrong)?;
    clap_mangen::generate_to(Cli::command(), &man.dir).map_err(wrong)?;
    Ok(ExitCode::SUCCESS)
}
