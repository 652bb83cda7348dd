//! Win32_Environment.

use crate::parse::fields::assignments;
use crate::row::Row;
use crate::source::Machine;
use rwmi_cim::{Enumerate, ProviderResult, Sink};

/// Whom Windows names for variables of the system.
const SYSTEM_USER: &str = "<SYSTEM>";

/// Files that give every login its environment, the later one winning: pam_env(8), locale.conf(5).
const FILES: [&str; 3] = ["/etc/locale.conf", "/etc/default/locale", "/etc/environment"];

pub(crate) async fn variables(machine: &Machine, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for (name, value) in FILES.iter().filter_map(|f| machine.text(f)).flat_map(|t| assignments(&t)) {
        match variables.iter_mut().find(|(n, _)| *n == name) {
            Some((_, v)) => *v = value,
            None => variables.push((name, value)),
        }
    }
    for (name, value) in variables {
        let caption = format!("{SYSTEM_USER}\\{name}");
        let mut row = Row::new(req.class);
        row.set("Name", name).set("UserName", SYSTEM_USER).set("SystemVariable", true).set("VariableValue", value);
        row.set("Caption", &caption).set("Description", &caption).set("Status", "OK");
        sink.indicate(row.into_instance()).await?;
    }
    Ok(())
}
