//! The command as the Linux `wmic`: its arguments, its text, its exit status, and what it says when it fails.

mod arguments;

use crate::args::{Password, Place};
use crate::connect::{INTERRUPTED, interrupted};
use crate::local::{Local, is_local};
use crate::many::{Stopped, connected};
use crate::password;
use crate::threads::Threads;
use arguments::{Arguments, Request};
use rwmi_auth::AuthError;
use rwmi_client::wmic::{WmicStyle, WmicText};
use rwmi_client::{Client, Credentials, Error, ErrorKind, FaultStatus, HResult, Mechanism, Misuse, Step};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// The name by which the command is it.
const NAME: &str = "wmic";

/// Whether a program was started by this name.
pub(crate) fn is_called(program: &str) -> bool {
    std::path::Path::new(program).file_stem().is_some_and(|stem| stem == NAME)
}

const USAGE: &str =
    "Usage: wmic [-U|--user=[DOMAIN/]USER[%PASSWORD]] [-A|--authentication-file=FILE] [-N|--no-pass] [-W|--workgroup=DOMAIN]
        [-k|--kerberos=yes|no] [--password=PASSWORD] [--namespace=NAMESPACE] [--delimiter=TEXT] [-d|--debuglevel=N]
        [--option=name=value] [-V|--version] [-?|--help] [--usage] //HOST[OPTIONS] QUERY
";

const HELP: &str = "
Runs a WQL query and prints its rows as the Linux wmic does.

  -U, --user=[DOMAIN/]USER[%PASSWORD]  who logs on; other users of this machine see a password that stands here
  -A, --authentication-file=FILE       lines `username = ..`, `password = ..`, `domain = ..`
  -N, --no-pass                        the password is empty
  -W, --workgroup=DOMAIN               the domain of a user who has none
  -k, --kerberos=yes|no                Kerberos or NTLM
      --namespace=NAMESPACE            root\\cimv2
      --delimiter=TEXT                 between columns: |
  -d, --debuglevel=N                   say more on standard error
  -V, --version    --usage    -?, --help

Behind the host may stand [PORT,spnego,..]. Other options of Samba are taken and mean nothing; calls are always encrypted.
Example: wmic -A auth --namespace root/cimv2 //srv01 \"SELECT Caption FROM Win32_OperatingSystem\"
";

/// Runs it with the arguments behind its name.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    if crate::wmic_exe::is_meant(arguments) {
        return crate::wmic_exe::run(arguments);
    }
    let printed = |text: &str| match io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    };
    let mut arguments = match arguments::parse(arguments) {
        Ok(Request::Help) => return printed(&format!("{USAGE}{HELP}")),
        Ok(Request::Usage) => return printed(USAGE),
        Ok(Request::Version) => return printed(&format!("Version {}\n", env!("CARGO_PKG_VERSION"))),
        Ok(Request::Query(arguments)) => *arguments,
        Err(why) => {
            // Nobody is left to tell when standard error is closed.
            let _ = io::stderr().write_all(format!("wmic: {why}\n{USAGE}").as_bytes());
            return ExitCode::FAILURE;
        }
    };
    crate::log::start(arguments.verbose, false);
    let failed = |error: Error| {
        let _ = io::stderr().write_all(report(&error).as_bytes());
        ExitCode::FAILURE
    };
    let logon = match logon(&mut arguments) {
        Ok(logon) => logon,
        Err(misuse) => return failed(Error::misuse(&arguments.host, misuse)),
    };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2);
    let threads = match Threads::of(builder) {
        Ok(threads) => threads,
        Err(failure) => return failed(Error::misuse(&arguments.host, Misuse::Option(failure.message))),
    };
    let done = threads.block_on(async {
        let (stop, stopped) = Stopped::new();
        let mut asking = std::pin::pin!(ask(&arguments, logon, &stopped));
        tokio::select! {
            biased;
            () = interrupted() => {
                let _ = stop.send(true);
                tokio::select! {
                    _ = &mut asking => {}
                    () = interrupted() => {}
                }
                None
            }
            result = &mut asking => Some(result),
        }
    });
    match done {
        None => ExitCode::from(INTERRUPTED),
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(Ended::Unwritten)) => ExitCode::FAILURE,
        // Whoever reads us has seen enough.
        Some(Err(Ended::Unread)) => ExitCode::SUCCESS,
        Some(Err(Ended::Failed(error))) => failed(error),
    }
}

/// Why there are no more rows.
enum Ended {
    Failed(Error),
    /// Nobody reads.
    Unread,
    /// The disk is full, or such.
    Unwritten,
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Ended::Failed(error)
    }
}

fn logon(arguments: &mut Arguments) -> Result<Option<Credentials>, Misuse> {
    arguments.read_credentials().map_err(Misuse::Option)?;
    if arguments.kerberos {
        return Err(Misuse::Option("Kerberos was demanded, and only NTLM is there".into()));
    }
    let Some(account) = arguments.account() else { return Ok(None) };
    let secret = match arguments.password.take() {
        Some(secret) => secret,
        None if arguments.no_password => "".into(),
        None => {
            let from = Password { password_stdin: false, password_file: None };
            let read = password::read(&from, &format!("Password for [{account}]: ")).map_err(Misuse::Option)?;
            read.ok_or_else(|| Misuse::Option(format!("no password of {account} was given: -U USER%PASSWORD, -A FILE or $RWMI_PASSWORD")))?
        }
    };
    Credentials::new(&account, secret).map(Some)
}

async fn ask(arguments: &Arguments, logon: Option<Credentials>, stopped: &Stopped) -> Result<(), Ended> {
    let Arguments { host, query, .. } = arguments;
    let mut builder = Client::builder(host);
    if arguments.negotiate {
        builder = builder.mechanism(Mechanism::Negotiate);
    }
    if let Some(port) = arguments.port {
        builder = builder.endpoint_port(port);
    }
    if is_local(host, arguments.port.is_some()) {
        if logon.is_some() {
            return Err(Error::misuse(host, Misuse::LocalCredentials).into());
        }
        let local = Local::new(&Place::default()).map_err(|f| Error::misuse(host, Misuse::Option(f.message)))?;
        builder = builder.dialer(Arc::new(local));
    } else if let Some(credentials) = logon {
        builder = builder.credentials(credentials);
    }
    connected(builder, stopped, async |client| rows(&client, arguments, query, stopped).await).await.map(drop)
}

async fn rows(client: &Client, arguments: &Arguments, query: &str, stopped: &Stopped) -> Result<(), Ended> {
    let namespace = client.namespace(arguments.namespace.as_deref().unwrap_or(r"root\cimv2")).await?;
    // Flags 0x110: rows at once, with their keys, and an enumerator that goes back.
    let query = namespace.query(query).without_local_check().ensure_locatable(true).rewindable(true);
    let mut rows = query.entities().await?;
    let mut style = WmicStyle::default();
    if let Some(delimiter) = &arguments.delimiter {
        style.delimiter.clone_from(delimiter);
    }
    let mut wmic = WmicText::new(style);
    let mut out = io::BufWriter::with_capacity(64 << 10, io::stdout());
    let unwritten = |e: io::Error| if e.kind() == io::ErrorKind::BrokenPipe { Ended::Unread } else { Ended::Unwritten };
    loop {
        let next = tokio::select! {
            next = rows.next() => next,
            () = stopped.told() => None,
        };
        let Some(row) = next else { break };
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                // What came before a failure is shown.
                out.flush().map_err(unwritten)?;
                return Err(error.into());
            }
        };
        let mut text = String::new();
        wmic.row(&row, &mut text).map_err(|e| Error::new(Step::Decode, client.host(), None, ErrorKind::Object(e)))?;
        out.write_all(text.as_bytes()).map_err(unwritten)?;
    }
    out.flush().map_err(unwritten)
}

/// What `wmic` says of a failure, word by word, since plug-ins look for it; and our own sentence on one more line.
fn report(error: &Error) -> String {
    let (line, doing) = match error.step() {
        Step::Query => (200, "WMI query execute."),
        Step::Next | Step::Decode => (212, "Retrieve result data."),
        _ => (196, "Login to remote object."),
    };
    let status = status(error);
    let harmless = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("[wmi/wmic.c:{line}:main()] ERROR: {doing}\nNTSTATUS: {status}\n{}\n", harmless(&format!("{error}{hint}")))
}

/// Name and text of a status, as Samba has them: most names are their own text.
fn status(error: &Error) -> String {
    let named = |name: &str| format!("{name} - {name}");
    match error.kind() {
        ErrorKind::Fault(FaultStatus::ACCESS_DENIED)
        | ErrorKind::HResult(HResult::E_ACCESSDENIED)
        | ErrorKind::Auth(AuthError::LogonDenied)
        | ErrorKind::Misuse(Misuse::NoCredentials) => "NT_STATUS_ACCESS_DENIED - Access denied".into(),
        ErrorKind::TimedOut { .. } => named("NT_STATUS_IO_TIMEOUT"),
        ErrorKind::Refused => named("NT_STATUS_CONNECTION_REFUSED"),
        ErrorKind::Unreachable(_) | ErrorKind::Family { .. } => named("NT_STATUS_HOST_UNREACHABLE"),
        ErrorKind::NotFound(_) => named("NT_STATUS_UNEXPECTED_NETWORK_ERROR"),
        ErrorKind::Closed => named("NT_STATUS_CONNECTION_DISCONNECTED"),
        ErrorKind::Misuse(Misuse::Option(_)) => named("NT_STATUS_INVALID_PARAMETER"),
        _ => match error.code() {
            Some(code) => named(&format!("NT code {code:#010x}")),
            None => named("NT_STATUS_UNSUCCESSFUL"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::WbemStatus;
    use std::time::Duration;

    /// What check_wmi_plus explains, in the order in which it looks.
    const EXPLAINED: [&str; 14] = [
        "NT_STATUS_ACCESS_DENIED",
        "0x80041010",
        "0x8007000e",
        "0x80041003",
        "0x80041004",
        "0x80041045",
        "0x80010111",
        "0x800706ba",
        "c00000b5",
        "0x800705af",
        "NT_STATUS_IO_TIMEOUT",
        "NT_STATUS_HOST_UNREACHABLE",
        "NT_STATUS_UNEXPECTED_NETWORK_ERROR",
        "NT_STATUS_CONNECTION_REFUSED",
    ];

    #[test]
    fn a_failure_has_the_words_that_plug_ins_look_for() {
        let check = |step: Step, kind: ErrorKind, first: &str, second: &str| {
            let text = report(&Error::new(step, "h", None, kind));
            let lines: Vec<_> = text.lines().collect();
            assert_eq!((lines[0], lines[1], lines.len()), (first, second, 3), "{text}");
            // Our own line has no word that the plug-in would take for another cause: it explains the first that it finds, in this order.
            let explained = |text: &str| EXPLAINED.into_iter().find(|e| text.to_lowercase().contains(&e.to_lowercase()));
            assert_eq!(explained(&text), explained(second), "{text}");
        };
        let login = "[wmi/wmic.c:196:main()] ERROR: Login to remote object.";
        let query = "[wmi/wmic.c:200:main()] ERROR: WMI query execute.";
        let next = "[wmi/wmic.c:212:main()] ERROR: Retrieve result data.";
        let denied = "NTSTATUS: NT_STATUS_ACCESS_DENIED - Access denied";
        check(Step::Activate, ErrorKind::Fault(FaultStatus::ACCESS_DENIED), login, denied);
        check(Step::Activate, ErrorKind::HResult(HResult::E_ACCESSDENIED), login, denied);
        let after = Duration::from_secs(5);
        check(Step::Connect, ErrorKind::TimedOut { after }, login, "NTSTATUS: NT_STATUS_IO_TIMEOUT - NT_STATUS_IO_TIMEOUT");
        check(Step::Connect, ErrorKind::Refused, login, "NTSTATUS: NT_STATUS_CONNECTION_REFUSED - NT_STATUS_CONNECTION_REFUSED");
        let unreachable = "NTSTATUS: NT_STATUS_HOST_UNREACHABLE - NT_STATUS_HOST_UNREACHABLE";
        check(Step::Connect, ErrorKind::Unreachable("x".into()), login, unreachable);
        let unknown = "NTSTATUS: NT_STATUS_UNEXPECTED_NETWORK_ERROR - NT_STATUS_UNEXPECTED_NETWORK_ERROR";
        check(Step::Resolve, ErrorKind::NotFound("x\ny".into()), login, unknown);
        let class = "NTSTATUS: NT code 0x80041010 - NT code 0x80041010";
        check(Step::Next, ErrorKind::Wbem(WbemStatus::INVALID_CLASS), next, class);
        check(Step::Query, ErrorKind::Wbem(WbemStatus::INVALID_CLASS), query, class);
        let namespace = Step::Login { namespace: "root".into() };
        check(namespace, ErrorKind::Wbem(WbemStatus::ACCESS_DENIED), login, "NTSTATUS: NT code 0x80041003 - NT code 0x80041003");
        check(Step::Next, ErrorKind::HResult(HResult::E_OUTOFMEMORY), next, "NTSTATUS: NT code 0x8007000e - NT code 0x8007000e");
        for code in [0x8004_1003, 0x8004_1004, 0x8004_1045, 0x8004_1010] {
            check(Step::Query, ErrorKind::Wbem(WbemStatus(code)), query, &format!("NTSTATUS: NT code {code:#010x} - NT code {code:#010x}"));
        }
        for code in [0x8007_06ba, 0x8007_05af, 0x8001_0111] {
            check(
                Step::Activate,
                ErrorKind::HResult(HResult(code)),
                login,
                &format!("NTSTATUS: NT code {code:#010x} - NT code {code:#010x}"),
            );
        }
    }

    #[test]
    fn the_command_is_known_by_its_name() {
        for (program, is) in
            [("wmic", true), ("/usr/bin/wmic", true), ("./wmic.exe", true), ("rwmi", false), ("/wmic/rwmi", false), ("", false)]
        {
            assert_eq!(is_called(program), is, "{program}");
        }
    }
}
