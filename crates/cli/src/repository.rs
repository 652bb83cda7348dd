//! `rwmi repository`: what winmgmt does for the repository, here for that of a server which does not run.

use crate::args::Place;
use crate::report::Failure;
use crate::serve;
use clap::Subcommand;
use rwmi_server::store::care::{self, Contents};
use std::path::PathBuf;
use std::process::ExitCode;

/// What is done. The server must be stopped for all of it.
#[derive(Debug, Subcommand)]
pub(crate) enum RepositoryAction {
    /// Copy the repository into a new file
    Backup {
        /// The file; it must not exist
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Put a copy in the place of the repository, once it was found sound
    Restore {
        /// The copy
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Read everything, and say what is wrong with it; exit status 1 if there is something
    Verify {
        /// A copy instead of the repository
        file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Leave out what cannot be read
    Salvage {
        #[command(flatten)]
        place: Place,
    },
    /// Throw everything away that was put; the next start begins as the first one did
    Reset {
        /// Mean it
        #[arg(long, required = true)]
        yes: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// Does it, and says what came of it.
pub(crate) fn run(action: RepositoryAction) -> Result<ExitCode, Failure> {
    let of = |place: &Place| serve::config_of(place).map(|c| c.server.data_dir);
    match action {
        RepositoryAction::Backup { file, place } => {
            let contents = care::backup(&of(&place)?, &file).map_err(failure)?;
            println!("copied to {}: {}", file.display(), words(&contents));
        }
        RepositoryAction::Restore { file, place } => {
            let dir = of(&place)?;
            let contents = care::restore(&dir, &file).map_err(failure)?;
            println!("restored into {}: {}", dir.display(), words(&contents));
        }
        RepositoryAction::Verify { file, place } => {
            let path = match file {
                Some(file) => file,
                None => care::file_of(&of(&place)?),
            };
            let contents = care::verify(&path).map_err(failure)?;
            if !contents.faults.is_empty() {
                let count = format!("{}: {} faults", path.display(), contents.faults.len());
                let text: Vec<&str> = std::iter::once(count.as_str()).chain(contents.faults.iter().map(String::as_str)).collect();
                return Err(Failure::new(text.join("\n")).hint("`rwmi repository salvage` leaves out what cannot be read"));
            }
            println!("{} is sound: {}", path.display(), words(&contents));
        }
        RepositoryAction::Salvage { place } => {
            let contents = care::salvage(&of(&place)?).map_err(failure)?;
            contents.faults.iter().for_each(|fault| println!("{fault}"));
            println!("{} faults; what cannot be read is left out", contents.faults.len());
        }
        RepositoryAction::Reset { yes: _, place } => {
            let dir = of(&place)?;
            care::reset(&dir).map_err(failure)?;
            println!("the repository in {} is gone; the next start makes a new one", dir.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn words(c: &Contents) -> String {
    format!("{} namespaces, {} classes ({} of them put), {} instances", c.namespaces, c.classes, c.own_classes, c.instances)
}

fn failure(error: rwmi_server::store::StoreError) -> Failure {
    let in_use = matches!(error, rwmi_server::store::StoreError::InUse { .. });
    let failure = Failure::new(error);
    if in_use { failure.hint("stop the server first: systemctl stop rwmi") } else { failure }
}
