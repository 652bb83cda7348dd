//! `rwmi exec`: a process on another computer, to its end.

use crate::args::Exec;
use crate::connect::{INTERRUPTED, Targets, interrupted};
use crate::many::{Stopped, visit};
use crate::report::Failure;
use crate::threads::Threads;
use rwmi_client::{Error, Events, Namespace, Object, WbemStatus};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What a failure of ours ends with: other statuses are the process's.
pub(crate) const OURS: u8 = 125;

/// Every process that ends: which one is ours is known only when it runs, and then it may have ended.
const STOPS: &str = "SELECT ProcessID, ExitStatus FROM Win32_ProcessStopTrace";

/// Starts a process, waits for its end, and ends as it did.
pub(crate) fn run(args: Exec) -> Result<ExitCode, Failure> {
    start(args).map_err(|failure| Failure { code: OURS, ..failure })
}

fn start(args: Exec) -> Result<ExitCode, Failure> {
    let line = command_line(&args)?;
    let targets = Targets::new(args.connect.clone())?;
    let [host] = targets.hosts() else { return Err(Failure::new("a command runs on one computer: -c names several")) };
    let host = host.clone();
    Threads::new()?.block_on(async {
        let started = AtomicU32::new(0);
        let (stop, stopped) = Stopped::new();
        let carried_out =
            visit(&targets, &host, &stopped, |_, namespace, end| carry_out(namespace, &args, &host, line, end, &started, &stopped));
        let mut carried_out = std::pin::pin!(carried_out);
        let done = tokio::select! {
            biased;
            // From the first moment on: whoever presses a key hears what became of it.
            () = interrupted() => {
                let _ = stop.send(true);
                tokio::select! {
                    _ = &mut carried_out => {}
                    () = interrupted() => {}
                }
                None
            }
            done = &mut carried_out => done?,
        };
        Ok(done.unwrap_or_else(|| {
            let failure = Failure::new(format!("{host}: interrupted"));
            match started.load(Ordering::Relaxed) {
                0 => failure,
                pid => failure.hint(goes_on(pid)),
            }
            .print();
            ExitCode::from(INTERRUPTED)
        }))
    })
}

fn goes_on(pid: u32) -> String {
    format!("process {pid} may still run there")
}

async fn carry_out(
    namespace: Namespace,
    args: &Exec,
    host: &str,
    line: String,
    end: Instant,
    started: &AtomicU32,
    stopped: &Stopped,
) -> Result<ExitCode, Failure> {
    let mut stops = namespace.watch(STOPS).events().await?;
    let mut create = namespace.method("Win32_Process", "Create").await?.arg("CommandLine", line.as_str());
    if let Some(directory) = &args.directory {
        create = create.arg("CurrentDirectory", directory.as_str());
    }
    let created = create.deadline(end.saturating_duration_since(Instant::now())).call().await?;
    match created.return_value() {
        Some(0) => {}
        code => {
            let (code, meaning) =
                (code.map_or("nothing".into(), |c| c.to_string()), created.meaning().unwrap_or("a reason that has no name"));
            return Err(Failure::new(format!("{host}: nothing was started: Win32_Process.Create returned {code}, {meaning}")));
        }
    }
    let pid: u32 =
        created.get("ProcessId").map_err(|e| Failure::new(format!("{host}: the process runs and its number is unknown: {e}")))?;
    started.store(pid, Ordering::Relaxed);
    tokio::select! {
        // Whoever said so does not ask what came of it.
        () = stopped.told() => Err(Failure::new(format!("{host}: interrupted"))),
        ended = wait(&namespace, &mut stops, pid) => match ended {
            Ok(status) => Ok(ends_with(host, status)),
            Err(Lost::Error(error)) => Err(Failure::from(error).hint(goes_on(pid))),
            Err(Lost::Untold) => Err(Failure::new(format!("{host}: process {pid} ended, and nobody told with which status"))),
        },
        () = over(args.wait) => {
            let why = format!("{host}: process {pid} did not end in {} seconds", args.wait.unwrap_or_default());
            Err(Failure::new(why).hint(goes_on(pid)))
        }
    }
}

async fn over(wait: Option<u64>) {
    match wait {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

/// Why the end of a process is not known.
enum Lost {
    /// It ended, unseen.
    Untold,
    Error(Error),
}

/// Waits for a process to end; gives its exit status.
async fn wait(namespace: &Namespace, stops: &mut Events, pid: u32) -> Result<u32, Lost> {
    loop {
        match stops.next().await {
            Some(Ok(stop)) => {
                if stop.get::<u32>("ProcessID").ok() == Some(pid) {
                    return status_of(&stop).ok_or(Lost::Untold);
                }
            }
            // Its end may be among what was lost.
            Some(Err(error)) if Events::is_loss(&error) => {
                if !runs(namespace, pid).await? {
                    return Err(Lost::Untold);
                }
            }
            Some(Err(error)) => return Err(Lost::Error(error)),
            None => return Err(Lost::Untold),
        }
    }
}

fn status_of(stop: &Object) -> Option<u32> {
    stop.get::<Option<u32>>("ExitStatus").ok().flatten()
}

async fn runs(namespace: &Namespace, pid: u32) -> Result<bool, Lost> {
    match namespace.object(&format!("Win32_Process.Handle=\"{pid}\"")).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(WbemStatus::NOT_FOUND.0) => Ok(false),
        Err(error) => Err(Lost::Error(error)),
    }
}

/// The process's status as ours: what does not fit is 255, and told.
fn ends_with(host: &str, status: u32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or_else(|_| {
        Failure::new(format!("{host}: the process ended with {status} ({status:#010x})")).print();
        255
    }))
}

/// The command line of Create: arguments in quotes where they need them, as programs of Windows and our server take them apart;
/// with `--line` the one argument as it is.
fn command_line(args: &Exec) -> Result<String, Failure> {
    match (&args.command[..], args.line) {
        ([line], true) => Ok(line.clone()),
        (_, true) => Err(Failure::new("--line takes one argument: the whole command line")),
        ([program, arguments @ ..], false) => {
            // Of a program's name, no quote can be told as a letter.
            if program.contains('"') || program.is_empty() {
                return Err(Failure::new(format!("{program:?} cannot be the name of a program in a command line")));
            }
            let program = if program.contains([' ', '\t']) { format!("\"{program}\"") } else { program.clone() };
            Ok(std::iter::once(program).chain(arguments.iter().map(|a| quoted(a))).collect::<Vec<_>>().join(" "))
        }
        ([], false) => Err(Failure::new("no command")),
    }
}

fn quoted(argument: &str) -> String {
    if !argument.is_empty() && !argument.contains([' ', '\t', '"']) {
        return argument.to_owned();
    }
    let (mut out, mut backslashes) = (String::from("\""), 0);
    for c in argument.chars() {
        match c {
            '\\' => backslashes += 1,
            // Before a quote backslashes count twice, and one more makes it a letter.
            '"' => out.extend(std::iter::repeat_n('\\', backslashes * 2 + 1)),
            _ => out.extend(std::iter::repeat_n('\\', backslashes)),
        }
        if c != '\\' {
            backslashes = 0;
            out.push(c);
        }
    }
    out.extend(std::iter::repeat_n('\\', backslashes * 2));
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn exec(args: &[&str]) -> Exec {
        let all = ["rwmi", "exec", "-c", "srv01"].iter().chain(args);
        match Cli::try_parse_from(all).unwrap().command {
            Command::Exec(exec) => exec,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_are_put_in_quotes_where_they_need_them() {
        let check = |args: &[&str], expect: &str| {
            assert_eq!(command_line(&exec(&[&["--"], args].concat())).unwrap_or_else(|f| panic!("{f:?}")), expect);
        };
        check(&["sleep", "60"], "sleep 60");
        check(&["/opt/a b/c", "-x", "a b"], r#""/opt/a b/c" -x "a b""#);
        check(&["p", "", "'a'"], r#"p "" 'a'"#);
        check(&["p", r#"say "hi""#], r#"p "say \"hi\"""#);
        check(&["p", r"a\b", r"a b\", r#"\""#], r#"p a\b "a b\\" "\\\"""#);
        check(&["sh", "-c", "exit 3"], r#"sh -c "exit 3""#);
    }

    #[test]
    fn a_line_goes_as_it_is_and_a_name_that_cannot_be_does_not_go() {
        assert_eq!(command_line(&exec(&["--line", "a 'b c' \"d"])).unwrap(), "a 'b c' \"d");
        let refused = |args: &[&str]| command_line(&exec(args)).unwrap_err().message;
        assert!(refused(&["--line", "a", "b"]).contains("one argument"));
        assert!(refused(&["--", "a\"b"]).contains("cannot be the name"));
        assert!(refused(&["--", ""]).contains("cannot be the name"));
    }
}
