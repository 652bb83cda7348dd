//! `rwmi account`: who may log on to the server on this computer.

use crate::args::{AccountAction, AccountFormat, Place};
use crate::report::{Failure, print};
use crate::{password, serve};
use rwmi_auth::ntlm;
use rwmi_server::accounts::Change;
use rwmi_server::{AccountStore, Accounts, AccountsError};
use std::process::ExitCode;

/// Does one of them.
pub(crate) fn run(action: AccountAction) -> Result<ExitCode, Failure> {
    match action {
        AccountAction::Add { name, admin, password, place } => {
            let accounts = at(&place)?;
            // A name that cannot be is told before anybody types a password.
            Accounts::check_name(&name).map_err(Failure::usage)?;
            let secret = password::read_new(&password, &name)
                .map_err(Failure::new)?
                .ok_or_else(|| Failure::new("no password was given").hint(password::SOURCES))?;
            let change = accounts.add(&name, ntlm::nt_hash(secret.expose()), admin).map_err(failed)?;
            let right = if admin { ", an administrator" } else { "" };
            match change {
                Change::Added => print(&format!("added {name}{right}\n"))?,
                Change::Replaced => print(&format!("changed {name}{right}\n"))?,
            }
        }
        AccountAction::Remove { name, place } => {
            at(&place)?.remove(&name).map_err(failed)?;
            print(&format!("removed {name}\n"))?;
        }
        AccountAction::List { output, place } => list(&at(&place)?, output)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(accounts: &AccountStore, output: AccountFormat) -> Result<(), Failure> {
    let accounts = accounts.list().map_err(failed)?;
    let text = match output {
        AccountFormat::Table => accounts.iter().map(|a| format!("{}\t{}\n", a.name, if a.admin { "admin" } else { "user" })).collect(),
        AccountFormat::Json => {
            let rows: Vec<_> = accounts.iter().map(|a| serde_json::json!({ "name": a.name, "admin": a.admin })).collect();
            format!("{:#}\n", serde_json::Value::from(rows))
        }
    };
    print(&text)
}

/// The accounts, by way of the running server or from the file. A change counts for the next login.
fn at(place: &Place) -> Result<AccountStore, Failure> {
    Ok(AccountStore::at(&serve::config_of(place)?.server.data_dir))
}

fn failed(error: AccountsError) -> Failure {
    let hint = match &error {
        AccountsError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            "run this as the user whom the server runs as, or as root"
        }
        AccountsError::Exposed { .. } => "take the permission away from others (chmod 600), and give the accounts new passwords",
        AccountsError::Sealed { .. } => "give CREDENTIALS_DIRECTORY as the server has it; without the key the accounts must be added again",
        AccountsError::Unknown(_) => "rwmi account list names those there are",
        _ => return Failure::new(error),
    };
    Failure::new(&error).hint(hint)
}
