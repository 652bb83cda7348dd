//! Starting a process: what Win32_Process.Create asks for, and what becomes of it on Linux.

use crate::exits::Exits;
use crate::parse::process::split_command_line;
use crate::who::{ACCESS_DENIED, As, INVALID_PARAMETER, NO_PRIVILEGE, PATH_NOT_FOUND, UNKNOWN_FAILURE, on_thread_of};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::Access;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus};
use rwmi_cim::{Instance, Refusal, Value, WbemStatus};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::signal::unix::{SignalKind, signal};

/// Longest command line, in characters, as on Windows.
const COMMAND_LINE_MAX: usize = 32_767;
/// Most processes of ours that run at the same time (ours).
const RUNNING_MAX: usize = 1024;
/// Where programs are looked for, unless the caller names another `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is to be started.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    arguments: Vec<String>,
    directory: PathBuf,
    variables: Vec<(String, String)>,
    /// `None` is that of the server.
    nice: Option<i32>,
}

/// Why nothing is started.
#[derive(Debug, PartialEq)]
pub(crate) enum No {
    /// A `ReturnValue`.
    Code(u32),
    /// The call itself fails, with words.
    Refusal(Refusal),
}

impl From<u32> for No {
    fn from(code: u32) -> No {
        No::Code(code)
    }
}

impl Order {
    /// Reads the arguments of Create.
    pub(crate) fn read(args: &Instance) -> Result<Order, No> {
        let text = |name: &str| args.get(name).and_then(Value::as_str);
        let line = text("CommandLine").unwrap_or_default();
        let arguments = split_command_line(line);
        if arguments.is_empty() || line.contains('\0') || COMMAND_LINE_MAX < line.chars().count() {
            return Err(INVALID_PARAMETER.into());
        }
        let directory = PathBuf::from(text("CurrentDirectory").filter(|d| !d.is_empty()).unwrap_or("/"));
        if !directory.is_absolute() || text("CurrentDirectory").is_some_and(|d| d.contains('\0')) {
            return Err(INVALID_PARAMETER.into());
        }
        let mut order = Order { arguments, directory, variables: Vec::new(), nice: None };
        if let Some(Value::Object(entity)) = args.get("ProcessStartupInformation")
            && let Some(startup) = entity.as_instance()
        {
            for (name, value) in startup.iter() {
                order.set(name, &value.map_err(|_| INVALID_PARAMETER)?)?;
            }
        }
        Ok(order)
    }

    /// One property of Win32_ProcessStartup. NULL, 0 and the empty text ask for nothing: impacket sends 0 for numbers that
    /// nobody has set.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), No> {
        let number = value.as_integer().unwrap_or(0);
        if value.is_null() || value.as_str() == Some("") || (value.as_integer().is_some() && number == 0) {
            return Ok(());
        }
        match name.to_ascii_lowercase().as_str() {
            "environmentvariables" => {
                let Value::Array(items) = value else { return Err(INVALID_PARAMETER.into()) };
                for item in items {
                    let entry = item.as_str().filter(|e| !e.contains('\0')).and_then(|e| e.split_once('='));
                    let (name, value) = entry.filter(|(name, _)| !name.is_empty()).ok_or(INVALID_PARAMETER)?;
                    self.variables.push((name.to_owned(), value.to_owned()));
                }
                Ok(())
            }
            "priorityclass" => {
                self.nice = Some(nice_of(number).ok_or(INVALID_PARAMETER)?).filter(|n| *n != 0);
                Ok(())
            }
            "createflags" => flags(number),
            "showwindow" => Err(unsupported(name, "only 0 (hide) is possible: a process here has no window")),
            "errormode" if number & !0x800B == 0 => Ok(()),
            "errormode" => Err(unsupported(name, "only 1, 2, 8 and 32768 (no dialogs) are possible")),
            "title" | "winstationdesktop" | "x" | "y" | "xsize" | "ysize" | "xcountchars" | "ycountchars" | "fillattribute" => {
                Err(unsupported(name, "a process here has no window and no console"))
            }
            _ => Err(unsupported(name, "this computer does not know what to do with it")),
        }
    }

    /// The program as it was named, for the log.
    pub(crate) fn program(&self) -> &str {
        self.arguments.first().map_or("", |a| a)
    }
}

fn unsupported(name: &str, why: &str) -> No {
    let words = format!("Win32_ProcessStartup.{name} cannot be honoured: {why}; leave it NULL");
    No::Refusal(Refusal::new(WbemStatus::INVALID_METHOD_PARAMETERS, words))
}

/// `CreateFlags`: those that ask for what is so in any case, those that cannot be, and those that exclude each other.
fn flags(bits: i128) -> Result<(), No> {
    const SO: i128 = 0x8 | 0x10 | 0x200 | 0x400 | 0x100_0000 | 0x400_0000;
    const DETACHED_AND_NEW_CONSOLE: i128 = 0x18;
    if bits & 0x3 != 0 {
        return Err(unsupported("CreateFlags", "1 and 2 ask for a debugger"));
    }
    if bits & 0x4 != 0 {
        return Err(unsupported("CreateFlags", "4 asks for a process that waits to be resumed"));
    }
    if bits & !SO != 0 || bits & DETACHED_AND_NEW_CONSOLE == DETACHED_AND_NEW_CONSOLE {
        return Err(INVALID_PARAMETER.into());
    }
    Ok(())
}

/// The nice value of a priority class; the other way round than the `Priority` of a process is told.
pub(crate) fn nice_of(class: i128) -> Option<i32> {
    Some(match class {
        64 => 19,
        16384 => 5,
        32 => 0,
        32768 => -5,
        128 => -10,
        256 => -20,
        _ => return None,
    })
}

/// Starts a process as somebody; gives its number. The error is a `ReturnValue`.
pub(crate) async fn start(order: Order, who: As, exits: &Exits) -> Result<u32, u32> {
    if RUNNING_MAX <= exits.running() {
        tracing::warn!(running = exits.running(), "too many processes were started");
        return Err(UNKNOWN_FAILURE);
    }
    let identity = who.clone();
    let told = exits.clone();
    let child = on_thread_of(who, move || {
        let child = spawn(&order, &identity)?;
        told.started_as(child.id(), order.program().rsplit('/').next().unwrap_or_default());
        Ok(child)
    })
    .await?;
    let pid = child.id();
    reap(child, exits.clone());
    Ok(pid)
}

/// On a thread that is who the process is to be.
fn spawn(order: &Order, who: &As) -> Result<Child, u32> {
    if let Some(nice) = order.nice {
        // Of this thread alone, on Linux.
        rustix::process::setpriority_process(None, nice).map_err(|_| NO_PRIVILEGE)?;
    }
    let variables = environment(order, who);
    let path = variables.iter().rev().find(|(name, _)| name == "PATH").map_or(PATH, |(_, value)| value);
    let program = find(order.program(), path, &order.directory)?;
    let mut command = Command::new(program);
    command.arg0(order.program()).args(order.arguments.iter().skip(1)).env_clear().envs(variables.iter().map(|(n, v)| (n, v)));
    command.current_dir(&order.directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().map_err(|error| {
        tracing::info!(%error, program = order.program(), "a process cannot be started");
        code_of(&error)
    })
}

fn environment(order: &Order, who: &As) -> Vec<(String, String)> {
    let of_server = |name: &str| std::env::var(name).ok().map(|value| (name.to_owned(), value));
    let mut all: Vec<(String, String)> = Vec::new();
    match who {
        As::Server => all.extend(["HOME", "LOGNAME", "SHELL", "USER"].into_iter().filter_map(of_server)),
        As::User(user) => {
            let text = |path: &Path| path.to_string_lossy().into_owned();
            all.extend([("LOGNAME", user.name.clone()), ("USER", user.name.clone())].map(|(n, v)| (n.to_owned(), v)));
            all.extend([("HOME", text(&user.home)), ("SHELL", text(&user.shell))].map(|(n, v)| (n.to_owned(), v)));
        }
    }
    all.push(("PATH".to_owned(), PATH.to_owned()));
    all.extend(of_server("LANG"));
    all.extend(order.variables.iter().cloned());
    all
}

/// The file of a program: as it is named where that has a slash, else the first of its name on the path that may be run.
fn find(program: &str, path: &str, directory: &Path) -> Result<PathBuf, u32> {
    // By the thread's own rights, as the kernel will.
    let may_run = |file: &Path| rustix::fs::access(file, Access::EXEC_OK).map_err(|e| code_of(&e.into()));
    if program.contains('/') {
        let file = directory.join(program);
        return may_run(&file).map(|()| file);
    }
    let mut denied = None;
    for place in path.split(':').filter(|p| p.starts_with('/')) {
        let file = Path::new(place).join(program);
        match may_run(&file) {
            Ok(()) if file.is_file() => return Ok(file),
            Err(ACCESS_DENIED) => denied = Some(ACCESS_DENIED),
            _ => {}
        }
    }
    Err(denied.unwrap_or(PATH_NOT_FOUND))
}

fn code_of(error: &io::Error) -> u32 {
    use io::ErrorKind as K;
    match error.kind() {
        K::NotFound | K::NotADirectory | K::InvalidFilename | K::IsADirectory => PATH_NOT_FOUND,
        K::PermissionDenied => ACCESS_DENIED,
        K::ArgumentListTooLong | K::InvalidInput => INVALID_PARAMETER,
        _ => UNKNOWN_FAILURE,
    }
}

/// Waits for a process to end, records how, and only then lets its number go.
fn reap(mut child: Child, exits: Exits) {
    let pid = child.id();
    tokio::spawn(async move {
        // Listening before looking: what ends in between is heard.
        let mut ends = match signal(SignalKind::child()) {
            Ok(ends) => ends,
            Err(error) => return tracing::error!(%error, pid, "nobody waits for a process"),
        };
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = loop {
            match rustix::process::waitid(WaitId::Pid(Pid::from_child(&child)), peek) {
                Ok(Some(status)) => break status_of(&status),
                Ok(None) => {}
                // Somebody else took it: how it ended cannot be known any more.
                Err(_) => break u32::MAX,
            }
            if ends.recv().await.is_none() {
                return;
            }
        };
        exits.record(pid, status);
        tracing::info!(target: "rwmi::audit", event = "process ended", pid, status);
        // It has ended: this does not wait.
        let _ = child.wait();
    });
}

/// As a shell says it: the exit status, or 128 and the signal.
fn status_of(status: &WaitIdStatus) -> u32 {
    let exited = status.exit_status().and_then(|s| u32::try_from(s).ok());
    let killed = || status.terminating_signal().and_then(|s| u32::try_from(s).ok()).map(|s| 128 + s);
    exited.or_else(killed).unwrap_or(u32::MAX)
}

/// Waits until the parent of a process that has ended took note of it, a quarter of a second at most: whoever is told that it ended
/// does not find it any more.
pub(crate) fn until_reaped(pid: Pid) {
    for _ in 0..50 {
        if rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Whether the process behind a pidfd has ended, at the latest after a time.
pub(crate) fn has_ended(pidfd: &OwnedFd, within_ms: i64) -> bool {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    let time = rustix::event::Timespec { tv_sec: within_ms / 1000, tv_nsec: within_ms % 1000 * 1_000_000 };
    matches!(rustix::event::poll(&mut fds, Some(&time)), Ok(n) if n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_ask_for_what_is_so_or_are_refused() {
        let refused = |bits| matches!(flags(bits), Err(No::Refusal(r)) if r.description.as_deref().unwrap().contains("CreateFlags"));
        for bits in [8, 16, 512, 1024, 16_777_216, 67_108_864, 8 | 512 | 1024] {
            assert_eq!(flags(bits), Ok(()), "{bits}");
        }
        assert!(refused(1) && refused(2) && refused(4) && refused(4 | 8));
        for bits in [8 | 16, 32, 134_217_728] {
            assert_eq!(flags(bits), Err(No::Code(INVALID_PARAMETER)), "{bits}");
        }
    }

    #[test]
    fn a_priority_class_and_the_priority_that_is_told_go_the_same_way() {
        let mut classes = [64, 16384, 32, 32768, 128, 256].map(|c| nice_of(c).unwrap());
        assert!(classes.is_sorted_by(|a, b| b < a), "{classes:?}");
        classes.sort_unstable();
        assert_eq!((classes[0], classes[5], nice_of(0), nice_of(33)), (-20, 19, None, None));
    }

    #[test]
    fn a_program_is_found_by_its_path_or_on_the_path() {
        let root = Path::new("/");
        assert_eq!(find("sh", PATH, root).map(|p| p.file_name().map(|n| n == "sh")), Ok(Some(true)));
        assert_eq!(find("/bin/sh", "", root), Ok("/bin/sh".into()));
        assert_eq!(find("bin/sh", "", root), Ok("/bin/sh".into()));
        for missing in ["no such program", "/no/such/program", "/etc/passwd/x", "etc"] {
            assert_eq!(find(missing, PATH, root), Err(PATH_NOT_FOUND), "{missing}");
        }
        assert_eq!(find("/etc/passwd", PATH, root), Err(ACCESS_DENIED));
        // A relative place on the path would be the server's.
        assert_eq!(find("sh", "bin:.:", root), Err(PATH_NOT_FOUND));
    }
}
