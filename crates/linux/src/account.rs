//! Win32_UserAccount, from the local files only: a directory service may have a million of them.

use crate::parse::accounts::{Shadow, User, shadows, users};
use crate::row::{Row, asked_text};
use crate::source::Machine;
use rwmi_cim::{Enumerate, Instance, ProviderResult, Sink, WbemStatus, names_equal};
use zeroize::Zeroizing;

/// `AccountType` of a normal account (UF_NORMAL_ACCOUNT).
const NORMAL_ACCOUNT: u32 = 512;
/// `SIDType` of a user.
const SID_TYPE_USER: u8 = 1;

/// What is the same for every account.
struct Frame {
    host: String,
    machine_sid: Option<String>,
    /// Days since 1970.
    today: i64,
}

pub(crate) async fn accounts(machine: &Machine, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let passwd = machine.text("/etc/passwd").ok_or(WbemStatus::PROVIDER_FAILURE)?;
    // Readable by root only; without it nothing is said about passwords.
    let shadow = machine.text("/etc/shadow").map(|t| shadows(&Zeroizing::new(t)));
    let frame = Frame { host: machine.computer_name(), machine_sid: machine.sid(), today: machine.now_micros().div_euclid(86_400_000_000) };
    let name = asked_text(req, "Name");
    for user in users(&passwd).iter().filter(|u| name.is_none_or(|n| names_equal(n, &u.name))) {
        let shadow = shadow.as_ref().and_then(|s| s.iter().find(|s| s.name == user.name));
        sink.indicate(account(machine, req, &frame, user, shadow)).await?;
    }
    Ok(())
}

fn account(machine: &Machine, req: &Enumerate<'_>, frame: &Frame, user: &User, shadow: Option<&Shadow>) -> Instance {
    let mut row = Row::new(req.class);
    let caption = format!("{}\\{}", frame.host, user.name);
    row.set("Name", &user.name).set("Domain", &frame.host).set("Caption", &caption).set("LocalAccount", true);
    row.set("FullName", user.full_name()).set("Description", &user.comment);
    row.set("SIDType", SID_TYPE_USER).set("AccountType", NORMAL_ACCOUNT);
    row.set("SID", frame.machine_sid.as_ref().zip(user.rid()).map(|(sid, rid)| format!("{sid}-{rid}")));
    let disabled = if user.has_no_shell() { Some(true) } else { shadow.map(|s| s.is_disabled(frame.today)) };
    row.set("Disabled", disabled).set("Status", disabled.map(|d| if d { "Degraded" } else { "OK" }));
    row.set("PasswordRequired", shadow.map(|s| !s.password.is_empty()));
    row.set("PasswordExpires", shadow.map(|s| s.max_days.is_some_and(|d| (0..99_999).contains(&d))));
    row.set("PasswordChangeable", shadow.map(|s| s.is_changeable(frame.today)));
    row.set("Lockout", lockout(machine, &user.name));
    row.into_instance()
}

/// Whether failed logins have locked an account. pam_faillock(8) keeps a file of them and empties it at a good login;
/// whether a full one locks is a matter of its configuration, so that is not told.
fn lockout(machine: &Machine, name: &str) -> Option<bool> {
    let path = format!("/run/faillock/{name}");
    let none = !machine.exists(&path) || machine.read_at_most(&path, 1)?.is_empty();
    none.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn an_account_without_failures_is_not_locked_out() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("run/faillock/unreadable")).unwrap();
        std::fs::write(dir.path().join("run/faillock/good"), "").unwrap();
        std::fs::write(dir.path().join("run/faillock/bad"), "x").unwrap();
        let machine = Machine::open(Source::at(dir.path())).unwrap();
        let found = ["absent", "good", "bad", "unreadable"].map(|name| lockout(&machine, name));
        assert_eq!(found, [Some(false), Some(false), None, None]);
    }
}
