//! The methods of Win32_Process.

use crate::LinuxProvider;
use crate::parse::accounts::{User, users};
use crate::parse::process::Stat;
use crate::start::{No, Order, has_ended, nice_of, start, until_reaped};
use crate::who::{ACCESS_DENIED, As, INVALID_PARAMETER, NO_PRIVILEGE, PATH_NOT_FOUND, UNKNOWN_FAILURE, caller, on_thread_of};
use rustix::process::{Pid, PidfdFlags, Signal};
use rwmi_cim::{Class, Instance, InvokeResult, Method, ObjectPath, PathKeys, Refusal, RequestContext, Value, WbemStatus, names_equal};
use sha2::{Digest, Sha256};

/// Methods that change the machine.
const CHANGES: [&str; 3] = ["Create", "Terminate", "SetPriority"];
/// How long a process may take to heed SIGTERM, in milliseconds; and to be gone after SIGKILL.
const TERM_MS: i64 = 3000;
const KILL_MS: i64 = 2000;

pub(crate) fn changes(method: &str) -> bool {
    CHANGES.iter().any(|m| names_equal(m, method))
}

impl LinuxProvider {
    pub(crate) async fn process_method(
        &self,
        cx: &RequestContext,
        class: &Class,
        path: &ObjectPath,
        method: &str,
        args: Option<Instance>,
    ) -> InvokeResult {
        let declared = class.method(method).ok_or(WbemStatus::INVALID_METHOD)?;
        if changes(method) && !self.machine.is_live() {
            return Err(Refusal::new(
                WbemStatus::PROVIDER_NOT_CAPABLE,
                "the server reads a recorded machine, on which nothing can be done",
            ));
        }
        let argument = |name: &str| args.as_ref().and_then(|a| a.get(name)).and_then(Value::as_integer);
        match declared.name.to_ascii_lowercase().as_str() {
            "create" => self.create(cx, declared, args.as_ref()).await,
            "terminate" => {
                let reason = argument("Reason").and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
                Ok(declared.returning(self.terminate(cx, handle(path), reason).await))
            }
            "setpriority" => Ok(declared.returning(self.set_priority(cx, handle(path), argument("Priority")).await)),
            "getowner" => Ok(self.owner(declared, handle(path))),
            "getownersid" => Ok(self.owner_sid(declared, handle(path))),
            _ => Err(Refusal::new(
                WbemStatus::METHOD_NOT_IMPLEMENTED,
                format!("{}.{} is not implemented on this computer", class.name, declared.name),
            )),
        }
    }

    async fn create(&self, cx: &RequestContext, method: &Method, args: Option<&Instance>) -> InvokeResult {
        let order = match args.ok_or(No::Code(INVALID_PARAMETER)).and_then(Order::read) {
            Ok(order) => order,
            Err(No::Code(code)) => return Ok(method.returning(code)),
            Err(No::Refusal(refusal)) => return Err(refusal),
        };
        let line = args.and_then(|a| a.get("CommandLine")).and_then(Value::as_str).unwrap_or_default();
        // A command line may hold a secret: the log has the program, and what tells one line from another.
        let digest = Sha256::digest(line.as_bytes()).iter().map(|o| format!("{o:02x}")).collect::<String>();
        let program: String = order.program().chars().take(256).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let who = caller(cx, &self.users);
        let as_user = match &who {
            Ok(As::User(user)) => user.name.clone(),
            Ok(As::Server) => "server".to_owned(),
            Err(_) => "nobody".to_owned(),
        };
        tracing::info!(target: "rwmi::audit", event = "create process", user = cx.user, as_user, program, sha256 = digest);
        let started = match who {
            Ok(who) => start(order, who, &self.exits).await,
            Err(code) => Err(code),
        };
        let (code, pid) = started.map_or_else(|code| (code, None), |pid| (0, Some(pid)));
        tracing::info!(target: "rwmi::audit", event = "process created", user = cx.user, return_value = code, pid);
        let mut answer = method.returning(code);
        if let Some(pid) = pid {
            // A class that lacks the parameter is not worth failing for: the process runs.
            let _ = answer.set("ProcessId", pid);
        }
        Ok(answer)
    }

    /// As whom a process of somebody is dealt with: administrators do as the server may, others as they may themselves.
    fn power(&self, cx: &RequestContext) -> Result<As, u32> {
        if cx.local || cx.elevated { Ok(As::Server) } else { caller(cx, &self.users) }
    }

    async fn terminate(&self, cx: &RequestContext, pid: Option<Pid>, reason: u32) -> u32 {
        let Some(pid) = pid else { return PATH_NOT_FOUND };
        let who = match self.power(cx) {
            Ok(who) if !self.is_sacred(pid) => who,
            Ok(_) => return ACCESS_DENIED,
            Err(code) => return code,
        };
        let exits = self.exits.clone();
        let number = pid.as_raw_nonzero().get().unsigned_abs();
        tracing::info!(target: "rwmi::audit", event = "terminate process", user = cx.user, pid = number, reason);
        let ended = on_thread_of(who, move || {
            // From here on it is this process, whoever has its number later.
            let fd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).map_err(|_| PATH_NOT_FOUND)?;
            exits.doom(number, reason);
            let sent = rustix::process::pidfd_send_signal(&fd, Signal::TERM);
            if let Err(error) = sent
                && error != rustix::io::Errno::SRCH
            {
                exits.pardon(number);
                return Err(if error == rustix::io::Errno::PERM { ACCESS_DENIED } else { UNKNOWN_FAILURE });
            }
            if !has_ended(&fd, TERM_MS) {
                let _ = rustix::process::pidfd_send_signal(&fd, Signal::KILL);
                if !has_ended(&fd, KILL_MS) {
                    return Err(UNKNOWN_FAILURE);
                }
            }
            until_reaped(pid);
            Ok(())
        });
        ended.await.map_or_else(|code| code, |()| 0)
    }

    /// Whether nobody may end a process: the first one, those of the kernel, and this server.
    fn is_sacred(&self, pid: Pid) -> bool {
        let own = rustix::process::getpid();
        let stat = || self.machine.text(&format!("/proc/{}/stat", pid.as_raw_nonzero())).and_then(|t| Stat::parse(&t));
        // The second process is the father of the kernel's threads, where it is one: in a container it may be anything.
        let is_kernels = |parent: u32| parent == 2 && self.machine.read_at_most("/proc/2/cmdline", 1).is_some_and(|c| c.is_empty());
        pid == Pid::INIT || pid == own || stat().is_some_and(|s| is_kernels(s.parent))
    }

    async fn set_priority(&self, cx: &RequestContext, pid: Option<Pid>, priority: Option<i128>) -> u32 {
        let Some(pid) = pid else { return PATH_NOT_FOUND };
        let Some(nice) = priority.and_then(nice_of) else { return INVALID_PARAMETER };
        let who = match self.power(cx) {
            Ok(who) => who,
            Err(code) => return code,
        };
        let number = pid.as_raw_nonzero();
        tracing::info!(target: "rwmi::audit", event = "set priority", user = cx.user, pid = number.get(), nice);
        let threads = self.machine.list(&format!("/proc/{number}/task"));
        let set = on_thread_of(who, move || {
            // Linux has a nice value for each thread.
            let threads: Vec<Pid> = threads.iter().filter_map(|t| Pid::from_raw(t.parse().ok()?)).collect();
            let mut done = Err(PATH_NOT_FOUND);
            for thread in threads {
                match rustix::process::setpriority_process(Some(thread), nice) {
                    Ok(()) => done = Ok(()),
                    // It has ended meanwhile.
                    Err(rustix::io::Errno::SRCH) => {}
                    Err(rustix::io::Errno::PERM) => return Err(ACCESS_DENIED),
                    Err(rustix::io::Errno::ACCESS) => return Err(NO_PRIVILEGE),
                    Err(_) => return Err(UNKNOWN_FAILURE),
                }
            }
            done
        });
        set.await.map_or_else(|code| code, |()| 0)
    }

    /// The user whom a process acts as, and his name.
    fn user_of(&self, pid: Pid) -> Option<(u32, Option<User>)> {
        let uid = effective_uid(&self.machine.text(&format!("/proc/{}/status", pid.as_raw_nonzero()))?)?;
        let known = self.machine.text("/etc/passwd").and_then(|t| users(&t).into_iter().find(|u| u.uid == uid));
        Some((uid, known))
    }

    fn owner(&self, method: &Method, pid: Option<Pid>) -> Instance {
        let Some((uid, known)) = pid.and_then(|p| self.user_of(p)) else { return method.returning(PATH_NOT_FOUND) };
        let directory = || nix::unistd::User::from_uid(uid.into()).ok().flatten().map(|u| u.name);
        let name = known.map(|u| u.name).or_else(|| if self.machine.is_live() { directory() } else { None });
        let mut answer = method.returning(0);
        // One that no directory knows is shown by its number, as ps does.
        let _ = answer.set("User", name.unwrap_or_else(|| uid.to_string()));
        let _ = answer.set("Domain", self.machine.computer_name());
        answer
    }

    fn owner_sid(&self, method: &Method, pid: Option<Pid>) -> Instance {
        let Some((uid, _)) = pid.and_then(|p| self.user_of(p)) else { return method.returning(PATH_NOT_FOUND) };
        let Some(sid) = crate::parse::accounts::rid(uid).zip(self.machine.sid()) else { return method.returning(UNKNOWN_FAILURE) };
        let mut answer = method.returning(0);
        let _ = answer.set("Sid", format!("{}-{}", sid.1, sid.0));
        answer
    }
}

/// The second of the four numbers behind `Uid:` of `/proc/PID/status`.
pub(crate) fn effective_uid(status: &str) -> Option<u32> {
    status.lines().find_map(|l| l.strip_prefix("Uid:")?.split_ascii_whitespace().nth(1)?.parse().ok())
}

/// The process that a path names.
fn handle(path: &ObjectPath) -> Option<Pid> {
    let value = match &path.keys {
        PathKeys::Single(value) => value,
        PathKeys::Named(keys) => keys.iter().find(|(name, _)| names_equal(name, "Handle")).map(|(_, value)| value)?,
        _ => return None,
    };
    let number = value.as_str().map_or_else(|| value.as_integer(), |t| t.parse().ok())?;
    Pid::from_raw(i32::try_from(number).ok().filter(|n| 0 < *n)?)
}
