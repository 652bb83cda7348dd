//! Things that are only counted: users, shares, jobs; and how many came and went since the last run.

use super::mode::{Input, Mode, Plan, Samples, plan};
use super::number::Number;
use super::outcome::Item;
use super::row::{Row, Sample};
use std::collections::HashSet;

/// Things whose names are told.
const TOLD_MAX: usize = 100;

/// The class of a mode, and how its instances are counted.
pub(super) fn plans(mode: Mode) -> Vec<Plan> {
    let of = |class: &str, items| vec![Plan { samples: Samples::Remembered, ..plan(&format!("SELECT * FROM {class}"), items) }];
    match mode {
        Mode::Group => of("Win32_Group", |i| count(i, "group(s)", "Group Count")),
        Mode::Groupuser => of("Win32_GroupUser", |i| count(i, "group user(s)", "Group User Count")),
        Mode::Logon => of("Win32_LoggedOnUser", |i| count(i, "logon(s)", "Logon Count")),
        Mode::Printjob => of("Win32_PrintJob", |i| count(i, "print job(s)", "Print Job Count")),
        Mode::Quota => of("Win32_DiskQuota", |i| count(i, "quota(s)", "Quota Count")),
        Mode::Share => of("Win32_Share", |i| count(i, "share(s)", "Share Count")),
        Mode::Startupcommand => of("Win32_StartupCommand", |i| count(i, "startup command(s)", "Startup Command Count")),
        Mode::Useraccount => of("Win32_UserAccount", |i| count(i, "user account(s)", "User Account Count")),
        _ => Vec::new(),
    }
}

fn count(input: &Input<'_>, what: &str, label: &'static str) -> Vec<Item> {
    let meant = |r: &&Row| !input.excludes(&[&r.name]);
    let names = |sample: &Sample| sample.rows.iter().filter(meant).map(|r| r.name.clone()).collect::<HashSet<String>>();
    let found = input.rows().iter().filter(meant).count();
    let change = input.earlier.map_or(0, |earlier| names(earlier).symmetric_difference(&names(input.now)).count());
    let mut item = Item::new(format!("Found {found} {what}, {change} changed since the last check"));
    let number = |n: usize| Some(Number::Int(n as i128));
    item.field("_ItemCount", number(found)).field("_ItemChange", number(change)).perf(label, "_ItemCount", "");
    item.details = input.rows().iter().filter(meant).take(TOLD_MAX).map(|r| r.name.clone()).collect();
    if let Some(more) = found.checked_sub(TOLD_MAX).filter(|m| 0 < *m) {
        item.details.push(format!("and {more} more"));
    }
    vec![item]
}

#[cfg(test)]
mod tests {
    use super::super::mode::{Pick, Wish};
    use super::super::testing::{Found, row};
    use super::*;

    #[test]
    fn things_are_counted_and_their_change_too() {
        let rows = |names: &[&str]| names.iter().map(|n| row(n, &[])).collect::<Vec<_>>();
        let found = |earlier: Option<&[&str]>, exclude: &[&str]| Found {
            now: rows(&["a", "b", "c"]),
            earlier: earlier.map(rows),
            wish: Wish { pick: Pick { exclude: exclude.iter().map(|e| (*e).to_owned()).collect(), ..Pick::default() }, ..Wish::default() },
            ..Found::default()
        };
        assert_eq!(
            found(None, &[]).said(Mode::Useraccount, 0, &["2"]),
            "CRITICAL - [Triggered by _ItemCount>2] - Found 3 user account(s), 0 changed since the last check|'User Account Count'=3;;2; \na\nb\nc\n"
        );
        // One left, one came.
        assert_eq!(
            found(Some(&["a", "b", "x"]), &[]).said(Mode::Share, 0, &["_ItemChange=0"]),
            "CRITICAL - [Triggered by _ItemChange>0] - Found 3 share(s), 2 changed since the last check|'Share Count'=3; \na\nb\nc\n"
        );
        assert_eq!(
            found(Some(&["a", "b", "x"]), &["C", "x"]).said(Mode::Printjob, 0, &["_ItemChange=0"]),
            "OK - Found 2 print job(s), 0 changed since the last check|'Print Job Count'=2; \na\nb\n"
        );
        let labels =
            [Mode::Group, Mode::Groupuser, Mode::Logon, Mode::Quota, Mode::Startupcommand].map(|m| found(None, &["*"]).said(m, 0, &[]));
        for (text, label) in labels.iter().zip(["Group", "Group User", "Logon", "Quota", "Startup Command"]) {
            assert!(text.ends_with(&format!("|'{label} Count'=0; \n")), "{text}");
        }
    }

    #[test]
    fn not_all_names_are_told() {
        let now = (0..TOLD_MAX + 5).map(|n| row(&n.to_string(), &[])).collect();
        let text = Found::of(now).said(Mode::Useraccount, 0, &[]);
        assert_eq!((text.lines().count(), text.lines().last()), (TOLD_MAX + 2, Some("and 5 more")));
    }
}
