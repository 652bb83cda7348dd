//! As whom a method acts: the Linux user behind an account, and threads that are that user.

use nix::unistd::{Gid, User, getgrouplist};
use rwmi_cim::{RequestContext, names_equal};
use std::ffi::CString;
use std::path::PathBuf;

/// `ReturnValue`: access denied.
pub(crate) const ACCESS_DENIED: u32 = 2;
/// `ReturnValue`: insufficient privilege.
pub(crate) const NO_PRIVILEGE: u32 = 3;
/// `ReturnValue`: any other failure.
pub(crate) const UNKNOWN_FAILURE: u32 = 8;
/// `ReturnValue`: no such file or directory.
pub(crate) const PATH_NOT_FOUND: u32 = 9;
/// `ReturnValue`: an argument makes no sense.
pub(crate) const INVALID_PARAMETER: u32 = 21;

/// As whom something is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum As {
    /// As the server itself.
    Server,
    /// As a user, with all his groups and none of the server's privileges.
    User(Linux),
}

/// A Linux user.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linux {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: PathBuf,
    pub(crate) shell: PathBuf,
}

/// The Linux user whom an account acts as: the one that `users` names for it, else the one of its own name, in its own case or
/// in lower case. Nobody becomes root by the mere name of his account.
///
/// The error is the `ReturnValue` of a method that cannot act as anybody.
pub(crate) fn linux_user(account: &str, users: &[(String, String)]) -> Result<Linux, u32> {
    let name = account.rsplit('\\').next().unwrap_or(account);
    let find = |name: &str| User::from_name(name).ok().flatten();
    let named = users.iter().find(|(a, _)| names_equal(a, name) || names_equal(a, account)).map(|(_, user)| user);
    let found = match named {
        Some(user) => find(user),
        None => find(name).or_else(|| find(&name.to_lowercase())).filter(|u| !u.uid.is_root()),
    };
    let Some(user) = found else {
        tracing::warn!(account, named = named.map(String::as_str), "no Linux user is behind the account");
        return Err(ACCESS_DENIED);
    };
    let c_name = CString::new(user.name.as_str()).map_err(|_| ACCESS_DENIED)?;
    let groups = getgrouplist(&c_name, user.gid).map_err(|_| UNKNOWN_FAILURE)?;
    Ok(Linux {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
        home: user.dir,
        shell: user.shell,
    })
}

/// Who is behind a request. Whoever runs the server acts as the server.
pub(crate) fn caller(cx: &RequestContext, users: &[(String, String)]) -> Result<As, u32> {
    if cx.local { Ok(As::Server) } else { linux_user(&cx.user, users).map(As::User) }
}

/// Does something on a thread of its own that has become somebody. The thread cannot go back, and ends.
///
/// The credentials of Linux are those of a thread; the calls of the C library that change those of all threads are not
/// used. What the thread starts inherits them.
pub(crate) async fn on_thread_of<T: Send + 'static>(who: As, act: impl FnOnce() -> Result<T, u32> + Send + 'static) -> Result<T, u32> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let run = move || {
        let done = become_user(&who).and_then(|()| act());
        // Nobody waits any more: nobody needs to know.
        let _ = tell.send(done);
    };
    if let Err(error) = std::thread::Builder::new().name("rwmi-as-user".into()).spawn(run) {
        tracing::error!(%error, "no thread for a method");
        return Err(UNKNOWN_FAILURE);
    }
    told.await.map_err(|_| UNKNOWN_FAILURE)?
}

fn become_user(who: &As) -> Result<(), u32> {
    let As::User(user) = who else { return Ok(()) };
    let own = rustix::process::geteuid();
    if !own.is_root() {
        return if own.as_raw() == user.uid { Ok(()) } else { Err(NO_PRIVILEGE) };
    }
    let groups: Vec<_> = user.groups.iter().map(|g| rustix::process::Gid::from_raw(*g)).collect();
    let (uid, gid) = (rustix::process::Uid::from_raw(user.uid), rustix::process::Gid::from_raw(user.gid));
    // The user last: afterwards nothing can be changed any more. All three of each kind, so that there is no way back.
    let become_him = rustix::thread::set_thread_groups(&groups)
        .and_then(|()| rustix::thread::set_thread_res_gid(gid, gid, gid))
        .and_then(|()| rustix::thread::set_thread_res_uid(uid, uid, uid));
    become_him.map_err(|error| {
        tracing::error!(user = user.name, %error, "cannot act as a user");
        NO_PRIVILEGE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_the_user_of_its_name_or_the_one_that_is_named_for_it() {
        let users = [("Boss".to_owned(), "daemon".to_owned()), ("super".into(), "root".into()), ("lost".into(), "no such user".into())];
        let check = |account: &str, expect: Result<&str, u32>| {
            assert_eq!(linux_user(account, &users).map(|u| u.name), expect.map(str::to_owned), "{account}");
        };
        check("daemon", Ok("daemon"));
        check("DAEMON", Ok("daemon"));
        check(r"LX1\daemon", Ok("daemon"));
        check("boss", Ok("daemon"));
        check("lost", Err(ACCESS_DENIED));
        check("nobody here", Err(ACCESS_DENIED));
        // Only who is named can be root.
        check("root", Err(ACCESS_DENIED));
        check("super", Ok("root"));
        assert!(linux_user("daemon", &[]).unwrap().groups.contains(&linux_user("daemon", &[]).unwrap().gid));
    }

    #[tokio::test]
    async fn a_thread_becomes_a_user_and_the_others_stay_who_they_are() {
        let user = linux_user("daemon", &[]).unwrap();
        let own = rustix::process::geteuid();
        let found = on_thread_of(As::User(user.clone()), || {
            // By way of the kernel: the C library would say what the process is.
            let status = std::fs::read_to_string("/proc/thread-self/status").map_err(|_| UNKNOWN_FAILURE)?;
            Ok(status
                .lines()
                .filter(|l| ["Uid:", "Gid:", "Groups:", "CapEff:"].iter().any(|n| l.starts_with(n)))
                .map(str::to_owned)
                .collect::<Vec<_>>())
        })
        .await;
        if own.is_root() {
            let (u, g) = (user.uid, user.gid);
            let found = found.unwrap();
            assert_eq!(found[0], format!("Uid:\t{u}\t{u}\t{u}\t{u}"));
            assert_eq!(found[1], format!("Gid:\t{g}\t{g}\t{g}\t{g}"));
            assert_eq!(found[2].trim_end(), format!("Groups:\t{}", user.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")));
            assert_eq!(found[3], "CapEff:\t0000000000000000");
        } else {
            assert_eq!(found, Err(NO_PRIVILEGE));
        }
        assert_eq!(rustix::process::geteuid(), own);
    }
}
