//! Classes of which an account with filtered rights sees less, without any error.

use super::Fact;
use crate::{ErrorKind, Namespace};
use rwmi_cim::{Value, WbemStatus};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// What a class has on every computer.
struct Rule {
    class: &'static str,
    /// Behind WHERE: the instances that are looked at.
    only: &'static str,
    /// Whether every computer has an instance.
    always: bool,
    /// Properties that are NULL in no instance, or not in all.
    filled: &'static [&'static str],
}

const fn some(class: &'static str, always: bool) -> Rule {
    Rule { class, only: "", always, filled: &[] }
}

const fn filled(class: &'static str, only: &'static str, filled: &'static [&'static str]) -> Rule {
    Rule { class, only, always: false, filled }
}

const RULES: &[Rule] = &[
    // Fewer instances. Not every computer has printers and network drives: there nothing can be told.
    some("Win32_Bus", true),
    some("Win32_ComponentCategory", true),
    some("Win32_DeviceMemoryAddress", true),
    some("Win32_LogicalProgramGroup", true),
    some("Win32_LogicalProgramGroupItem", true),
    some("Win32_NetworkConnection", false),
    some("Win32_PortResource", true),
    some("Win32_Printer", false),
    some("Win32_PrinterDriver", false),
    some("Win32_UserAccount", true),
    // Fewer properties.
    filled("Win32_Baseboard", "", &["Manufacturer", "Product"]),
    Rule { always: true, ..filled("Win32_ComputerSystem", "", &["Manufacturer", "Model", "TotalPhysicalMemory"]) },
    filled("Win32_DCOMApplication", "", &["Name"]),
    filled("Win32_DCOMApplicationSetting", "", &["Caption"]),
    filled("Win32_DiskDrive", "", &["Model", "Size"]),
    filled("Win32_IRQResource", "", &["Name"]),
    filled("Win32_LogicalDisk", "DriveType = 3", &["FileSystem", "FreeSpace", "Size"]),
    filled("Win32_MotherboardDevice", "", &["PrimaryBusType"]),
    filled("Win32_NetworkAdapter", "NetEnabled = TRUE", &["MACAddress"]),
    filled("Win32_NetworkAdapterConfiguration", "IPEnabled = TRUE", &["Description", "IPAddress"]),
    filled("Win32_NetworkProtocol", "", &["Description"]),
    filled("Win32_ParallelPort", "", &["Name"]),
    filled("Win32_PnPEntity", "", &["ClassGuid", "Name"]),
    filled("Win32_SystemDriver", "", &["PathName", "State"]),
    filled("Win32_VideoController", "", &["Name"]),
];

/// Rows of a class that are looked at.
const ROWS_MAX: usize = 32;

/// Classes that are asked for at the same time.
const AT_ONCE: usize = 4;

/// What was seen of a class.
enum Found {
    Absent,
    Whole,
    Thin(String),
    Unknown(String),
}

/// Looks at each class that the namespace has; gives what was seen, and whether something was thin.
pub(super) async fn look(namespace: &Namespace, within: Duration, facts: &mut Vec<Fact>) -> bool {
    let end = Instant::now() + within;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for (index, rule) in RULES.iter().enumerate() {
        let (namespace, places) = (namespace.clone(), places.clone());
        tasks.spawn(async move {
            let _place = places.acquire().await;
            let late = Found::Unknown("not looked at: no time was left".into());
            (index, timeout_at(end, one(&namespace, rule)).await.unwrap_or(late))
        });
    }
    let mut found: Vec<(usize, Found)> = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        found.extend(ended);
    }
    found.sort_by_key(|(index, _)| *index);
    let (mut whole, mut is_thin) = (0, false);
    for (index, found) in found {
        let class = RULES[index].class;
        match found {
            Found::Absent => {}
            Found::Whole => whole += 1,
            Found::Thin(why) => {
                is_thin = true;
                facts.push(Fact::new("class", class, why));
            }
            Found::Unknown(why) => facts.push(Fact::new("class", class, why)),
        }
    }
    facts.push(Fact::new("classes", format!("{whole} of {}", RULES.len()), "are there and whole"));
    is_thin
}

async fn one(namespace: &Namespace, rule: &Rule) -> Found {
    let (from, only) = (rule.class, rule.only);
    let query = if only.is_empty() { format!("SELECT * FROM {from}") } else { format!("SELECT * FROM {from} WHERE {only}") };
    let mut rows = match namespace.query(query).objects().await {
        Ok(rows) => rows,
        Err(error) => return failed(error.kind()),
    };
    let most = if rule.filled.is_empty() { 1 } else { ROWS_MAX };
    let (mut count, mut empty) = (0, vec![true; rule.filled.len()]);
    while count < most {
        match rows.next().await {
            None => break,
            Some(Err(error)) => return failed(error.kind()),
            Some(Ok(row)) => {
                count += 1;
                for (empty, name) in empty.iter_mut().zip(rule.filled) {
                    // What the class does not have cannot be missing from its instances.
                    *empty &= row.get::<Value>(name).is_ok_and(|v| v.is_null());
                }
            }
        }
    }
    if count == 0 {
        return if rule.always { Found::Thin("no instance, although every computer has one".into()) } else { Found::Whole };
    }
    let missing: Vec<&str> = rule.filled.iter().zip(empty).filter(|(_, empty)| *empty).map(|(name, _)| *name).collect();
    if missing.is_empty() { Found::Whole } else { Found::Thin(format!("NULL in each of {count}: {}", missing.join(", "))) }
}

fn failed(kind: &ErrorKind) -> Found {
    match kind {
        // An older or another system; or the property of the condition is not there.
        ErrorKind::Wbem(WbemStatus::INVALID_CLASS | WbemStatus::INVALID_QUERY | WbemStatus::NOT_FOUND | WbemStatus::NOT_SUPPORTED) => {
            Found::Absent
        }
        ErrorKind::Wbem(WbemStatus::ACCESS_DENIED) => Found::Thin(kind.to_string()),
        other => Found::Unknown(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_class_stands_once_and_says_what_it_expects() {
        let classes: BTreeSet<&str> = RULES.iter().map(|r| r.class).collect();
        assert_eq!((classes.len(), RULES.len()), (25, 25));
        for rule in RULES {
            let only = if rule.only.is_empty() { String::new() } else { format!(" WHERE {}", rule.only) };
            rwmi_cim::wql::parse(&format!("SELECT * FROM {}{only}", rule.class)).unwrap();
        }
    }
}
