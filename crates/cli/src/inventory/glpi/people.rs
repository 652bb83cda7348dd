//! Accounts, who is logged on, and what runs.

use super::super::gather::account_of;
use super::super::record::Row;
use super::{Part, Record};
use rwmi_cim::names_equal;

pub(super) fn local_users(record: &Record) -> Vec<Part> {
    let user = |row: &Row| {
        let id = row.text("SID")?;
        let home = record.rows("Win32_UserProfile").iter().find(|p| p.text("SID").is_some_and(|s| names_equal(&s, &id)));
        Some(
            Part::default()
                .text("home", home.and_then(|p| p.text("LocalPath")))
                .text("id", Some(id))
                .text("login", row.text("Name"))
                .text("name", row.text("FullName").or_else(|| row.text("Name"))),
        )
    };
    record.rows("Win32_UserAccount").iter().filter_map(user).collect()
}

pub(super) fn local_groups(record: &Record) -> Vec<Part> {
    let group = |row: &Row| {
        let (id, name) = (row.text("SID")?, row.text("Name")?);
        let domain = row.text("Domain").unwrap_or_default();
        // An account of the computer itself needs no domain.
        let plain = |member: String| match member.split_once('\\') {
            Some((d, name)) if names_equal(d, &domain) => name.to_owned(),
            _ => member,
        };
        let members = row.texts("Members").into_iter().map(plain).collect();
        Some(Part::default().text("id", Some(id)).text("name", Some(name)).texts("members", members))
    };
    record.rows("Win32_Group").iter().filter_map(group).collect()
}

pub(super) fn users(record: &Record) -> Vec<Part> {
    let mut all: Vec<String> = record.first("Win32_ComputerSystem").text("UserName").into_iter().collect();
    // Services are logged on too.
    let is_person = |account: &String| {
        let domain = account.split('\\').next().unwrap_or_default();
        !["NT AUTHORITY", "Window Manager", "Font Driver Host", "NT SERVICE"].iter().any(|s| names_equal(s, domain))
            && is_account(record, account)
    };
    for account in record.rows("Win32_LoggedOnUser").iter().filter_map(|r| account_of(&r.text("Antecedent")?)).filter(is_person) {
        if !all.iter().any(|a| names_equal(a, &account)) {
            all.push(account);
        }
    }
    let part = |account: String| match account.split_once('\\') {
        Some((domain, login)) => Part::default().text("login", Some(login)).text("domain", Some(domain)),
        None => Part::default().text("login", Some(account)),
    };
    all.into_iter().map(part).collect()
}

/// Virtual accounts of the window manager are logged on as well: `DWM-1`, `UMFD-0`, and the system under the computer's name.
fn is_account(record: &Record, account: &str) -> bool {
    let name = account.rsplit('\\').next().unwrap_or_default().to_ascii_uppercase();
    let computer = record.first("Win32_ComputerSystem").text("Name").unwrap_or_default();
    let is_of_system = matches!(name.as_str(), "SYSTEM" | "LOCAL SERVICE" | "NETWORK SERVICE" | "ANONYMOUS LOGON");
    let is_virtual = name.starts_with("DWM-") || name.starts_with("UMFD-");
    !is_of_system && !is_virtual && !names_equal(&name, &format!("{computer}$"))
}

pub(super) fn processes(record: &Record) -> Vec<Part> {
    let memory = record.first("Win32_ComputerSystem").number("TotalPhysicalMemory").filter(|n| 0 < *n);
    let process = |row: &Row| {
        let share = row.number("WorkingSetSize").zip(memory).map(|(n, all)| format!("{:.1}", n as f64 * 100.0 / all as f64));
        Some(
            Part::default()
                .text("cmd", Some(row.text("CommandLine").or_else(|| row.text("Name"))?))
                .number("pid", Some(row.number("ProcessId")?))
                .text("user", Some(row.text("Owner").unwrap_or_default()))
                .text("mem", share)
                .text("started", row.moment("CreationDate"))
                .number("virtualmemory", row.number("VirtualSize").map(|n| n >> 10)),
        )
    };
    record.rows("Win32_Process").iter().filter_map(process).collect()
}
