//! `New-CimSession`: whether a computer can be asked.

use super::bind::Given;
use super::object::row;
use super::show;
use crate::args::{Connect, Impersonation, Level};
use crate::query::{At, Work, Working};
use crate::report::Failure;
use rwmi_cim::{CimType, Entity, Property, Value};
use rwmi_client::Argument;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) fn new(given: Given) -> Result<ExitCode, Failure> {
    let (mut ours, _) = given.ours(None)?;
    set(&mut ours.connect, &given.table("SessionOption"))?;
    let sessions = Sessions { name: given.text("Name").map(str::to_owned), count: AtomicU32::new(0) };
    if given.is_on("SkipTestConnection") {
        return Err(Failure::usage("-SkipTestConnection leaves nothing to do: a session lives no longer than the command")
            .hint("every other cmdlet connects by itself"));
    }
    show(ours, None, sessions)
}

/// What New-CimSessionOption says.
fn set(connect: &mut Connect, options: &[(String, Argument)]) -> Result<(), Failure> {
    let (mut integrity, mut privacy) = (true, true);
    for (name, value) in options {
        let text = match value {
            Argument::Text(text) => text.as_str(),
            Argument::Value(Value::Boolean(true)) => "true",
            Argument::Value(Value::Boolean(false)) => "false",
            _ => "",
        };
        let wrong = || Failure::usage(format!("-SessionOption: {name} cannot be {text:?}"));
        let is_on = || text.parse::<bool>().or_else(|_| text.to_ascii_lowercase().parse()).map_err(|_| wrong());
        match name.to_ascii_lowercase().as_str() {
            "protocol" if ["dcom", "default"].contains(&text.to_ascii_lowercase().as_str()) => {}
            "protocol" => return Err(Failure::usage("-SessionOption: the connection is over DCOM")),
            "impersonation" => {
                connect.impersonation = Some(match text.to_ascii_lowercase().as_str() {
                    "default" | "impersonate" => Impersonation::Impersonate,
                    "identify" | "none" => Impersonation::Identify,
                    "delegate" => Impersonation::Delegate,
                    _ => return Err(wrong()),
                });
            }
            "packetintegrity" => integrity = is_on()?,
            "packetprivacy" => privacy = is_on()?,
            "culture" => connect.locale = Some(text.to_owned()),
            _ => return Err(Failure::usage(format!("-SessionOption: {name} is no option of a session over DCOM"))),
        }
    }
    if !options.is_empty() {
        connect.authentication = Some(match (privacy, integrity) {
            (true, _) => Level::Privacy,
            (false, true) => Level::Integrity,
            (false, false) => Level::Pkt,
        });
    }
    Ok(())
}

/// What each computer is told as.
struct Sessions {
    name: Option<String>,
    count: AtomicU32,
}

impl Work for Sessions {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(async move {
            // It is open: that was the test.
            at.row(self.shown(at.namespace.host())).await;
            Ok(())
        })
    }
}

impl Sessions {
    fn shown(&self, computer: &str) -> Entity {
        let id = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let text = |name: &str, value: &str| (Property::new(name, CimType::String), Value::from(value));
        let name = self.name.clone().unwrap_or_else(|| format!("CimSession{id}"));
        row(
            "CimSession",
            vec![
                (Property::new("Id", CimType::Uint32), Value::Uint32(id)),
                text("Name", &name),
                text("ComputerName", computer),
                text("Protocol", "DCOM"),
            ],
        )
    }
}
