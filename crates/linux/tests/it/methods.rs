//! Methods of Win32_Process on the running machine, and as another user where the tests run as root.

use crate::machine::{class, recorded, tree};
use rwmi_cim::{Entity, Instance, InvokeResult, ObjectPath, Provider, RequestContext, Value, WbemStatus};
use rwmi_linux::{LinuxProvider, Source};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Whoever runs the server.
fn local() -> RequestContext {
    let mut cx = RequestContext::new("uid 0", r"root\cimv2");
    (cx.elevated, cx.local) = (true, true);
    cx
}

fn remote(user: &str, elevated: bool) -> RequestContext {
    let mut cx = RequestContext::new(user, r"root\cimv2");
    cx.elevated = elevated;
    cx
}

fn live() -> LinuxProvider {
    LinuxProvider::new(Source::default()).unwrap().with_users(vec![("boss".into(), "daemon".into()), ("chief".into(), "root".into())])
}

async fn invoke(p: &LinuxProvider, cx: &RequestContext, path: &str, method: &str, values: &[(&str, Value)]) -> InvokeResult {
    let process = class("Win32_Process");
    let args = process.method(method).unwrap().input.clone().map(|input| {
        let mut args = Instance::new(input);
        for (name, value) in values {
            args.set(name, value.clone()).unwrap();
        }
        args
    });
    p.invoke(cx, &process, &path.parse::<ObjectPath>().unwrap(), method, args).await
}

fn startup(values: &[(&str, Value)]) -> Value {
    let mut startup = Instance::new(class("Win32_ProcessStartup"));
    for (name, value) in values {
        startup.set(name, value.clone()).unwrap();
    }
    Value::Object(Box::new(Entity::from(startup)))
}

fn code(answer: &Instance) -> u32 {
    answer.get("ReturnValue").unwrap().as_integer().unwrap().try_into().unwrap()
}

/// Starts a process and waits for its end.
async fn run(p: &LinuxProvider, cx: &RequestContext, values: &[(&str, Value)]) -> Result<u32, u32> {
    let answer = invoke(p, cx, "Win32_Process", "Create", values).await.unwrap();
    if code(&answer) != 0 {
        assert_eq!(answer.get("ProcessId"), Some(&Value::Null));
        return Err(code(&answer));
    }
    let pid = answer.get("ProcessId").unwrap().as_integer().unwrap().try_into().unwrap();
    Ok(tokio::time::timeout(Duration::from_secs(20), p.exits().wait(pid)).await.expect("it ends").expect("it is ours"))
}

async fn start(p: &LinuxProvider, cx: &RequestContext, line: &str) -> u32 {
    let answer = invoke(p, cx, "Win32_Process", "Create", &[("CommandLine", line.into())]).await.unwrap();
    assert_eq!(code(&answer), 0, "{line}");
    answer.get("ProcessId").unwrap().as_integer().unwrap().try_into().unwrap()
}

fn handle(pid: u32) -> String {
    format!("Win32_Process.Handle=\"{pid}\"")
}

/// A script that writes what it sees of itself to a file that anybody may write.
fn report(dir: &Path, what: &str) -> (String, impl Fn() -> Vec<String>) {
    let file = dir.join("report");
    std::fs::write(&file, "").unwrap();
    rustix::fs::chmod(&file, rustix::fs::Mode::from_raw_mode(0o666)).unwrap();
    let line = format!(r#"/bin/sh -c "{{ {what}; }} > {}""#, file.display());
    (line, move || std::fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect())
}

fn open_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    rustix::fs::chmod(dir.path(), rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
    dir
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test]
async fn a_process_gets_its_arguments_place_and_variables_and_nothing_of_the_server() {
    let (p, dir) = (live(), open_dir());
    let socket = std::net::TcpListener::bind("127.0.31.1:0").unwrap();
    let (line, told) = report(dir.path(), "pwd; env; echo in=$(readlink /proc/self/fd/0); ps -o pgid= -p $$; echo $$; ls -l /proc/self/fd");
    let startup = startup(&[("EnvironmentVariables", vec!["A=1=2", "B=", "PATH=/usr/bin:/bin"].into()), ("PriorityClass", 32u32.into())]);
    let values = [("CommandLine", line.as_str().into()), ("CurrentDirectory", "/usr".into()), ("ProcessStartupInformation", startup)];
    assert_eq!(run(&p, &local(), &values).await, Ok(0));
    let told = told();
    assert_eq!(told[0], "/usr");
    let variables: BTreeMap<&str, &str> = told.iter().filter_map(|l| l.split_once('=')).collect();
    assert_eq!((variables["A"], variables["B"], variables["PATH"]), ("1=2", "", "/usr/bin:/bin"));
    let known = ["A", "B", "HOME", "LANG", "LOGNAME", "PATH", "SHELL", "USER", "PWD", "OLDPWD", "SHLVL", "_", "in"];
    assert!(variables.keys().all(|v| known.contains(v)), "{variables:?}");
    assert_eq!(variables["in"], "/dev/null");
    let rest: Vec<&str> = told.iter().skip_while(|l| !l.starts_with("in=")).map(|l| l.trim()).collect();
    assert_eq!(rest[1], rest[2], "a process group of its own");
    // The server has sockets, as this test has.
    let number = std::os::fd::AsRawFd::as_raw_fd(&socket);
    let linked = std::fs::read_link(format!("/proc/self/fd/{number}")).unwrap();
    assert!(!rest[3..].iter().any(|l| l.contains(linked.to_str().unwrap())), "{rest:?}");
    assert!(rest[3..].iter().any(|l| l.contains("1 -> ")), "{rest:?}");
}

#[tokio::test]
async fn how_a_process_ends_is_known_and_it_leaves_no_zombie() {
    let p = live();
    let line = |text: &str| [("CommandLine", Value::from(text))];
    assert_eq!(run(&p, &local(), &line("/bin/true")).await, Ok(0));
    assert_eq!(run(&p, &local(), &line("sh -c \"exit 7\"")).await, Ok(7));
    assert_eq!(run(&p, &local(), &line("sh -c \"kill -KILL $$\"")).await, Ok(128 + 9));
    let pid = start(&p, &local(), "true").await;
    assert_eq!(p.exits().wait(pid).await, Some(0));
    // Recorded first, reaped then: at once, but not in the same moment.
    let stat = format!("/proc/{pid}/stat");
    for _ in 0..1000 {
        if !Path::new(&stat).exists() {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
    assert!(!Path::new(&stat).exists(), "{:?}", std::fs::read_to_string(&stat));
}

#[tokio::test]
async fn what_cannot_be_started_has_its_code() {
    let p = live();
    let check = async |values: &[(&str, Value)], expect: u32| assert_eq!(run(&p, &local(), values).await, Err(expect), "{values:?}");
    let line = |text: &str| [("CommandLine", Value::from(text))];
    check(&[], 21).await;
    check(&line("  "), 21).await;
    check(&line(&"x".repeat(32_768)), 21).await;
    check(&line("no-such-program"), 9).await;
    check(&line("/no/such/program"), 9).await;
    check(&line("/etc/passwd"), 2).await;
    let at = |directory: &str| [("CommandLine", Value::from("true")), ("CurrentDirectory", Value::from(directory))];
    check(&at("relative"), 21).await;
    check(&at("/no/such/directory"), 9).await;
    check(&at("/etc/passwd"), 9).await;
    let with =
        |name: &'static str, value: Value| [("CommandLine", Value::from("true")), ("ProcessStartupInformation", startup(&[(name, value)]))];
    check(&with("PriorityClass", 33u32.into()), 21).await;
    check(&with("CreateFlags", 24u32.into()), 21).await;
    check(&with("EnvironmentVariables", vec!["A"].into()), 21).await;
    check(&with("EnvironmentVariables", vec!["=A"].into()), 21).await;
    for (name, value) in [
        ("CreateFlags", Value::Uint32(0x608)),
        ("X", 0u32.into()),
        ("Title", "".into()),
        ("ErrorMode", 1u16.into()),
        ("ShowWindow", 0u16.into()),
    ] {
        assert_eq!(run(&p, &local(), &with(name, value)).await, Ok(0), "{name}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_here_is_refused_by_name() {
    let p = live();
    let values: [(&str, Value); 8] = [
        ("Title", "t".into()),
        ("WinstationDesktop", "d".into()),
        ("X", 1u32.into()),
        ("YCountChars", 80u32.into()),
        ("FillAttribute", 1u32.into()),
        ("ShowWindow", 5u16.into()),
        ("ErrorMode", 4u16.into()),
        ("CreateFlags", 4u32.into()),
    ];
    for (name, value) in values {
        let args = [("CommandLine", "true".into()), ("ProcessStartupInformation", startup(&[(name, value)]))];
        let refusal = invoke(&p, &local(), "Win32_Process", "Create", &args).await.unwrap_err();
        assert_eq!(refusal.status, WbemStatus::INVALID_METHOD_PARAMETERS, "{name}");
        assert!(refusal.description.as_deref().unwrap().contains(&format!("Win32_ProcessStartup.{name}")), "{refusal}");
    }
}

#[tokio::test]
async fn a_process_runs_as_the_user_behind_the_account() {
    let (p, dir) = (live(), open_dir());
    let (line, told) = report(dir.path(), "id -u; id -g; id -G; echo $HOME $USER; grep CapEff /proc/self/status");
    let values = [("CommandLine", line.as_str().into())];
    assert_eq!(run(&p, &remote("no such user", true), &values).await, Err(2));
    assert_eq!(run(&p, &remote("root", true), &values).await, Err(2));
    assert_eq!(run(&p, &remote(r"LX1\boss", true), &values).await, if is_root() { Ok(0) } else { Err(3) });
    if !is_root() {
        return;
    }
    let daemon = |flag: &str| {
        let said = std::process::Command::new("id").args([flag, "daemon"]).output().unwrap().stdout;
        String::from_utf8(said).unwrap().trim().to_owned()
    };
    let found = told();
    assert_eq!(found[..3], [daemon("-u"), daemon("-g"), daemon("-G")]);
    assert!(found[3].ends_with(" daemon") && found[4].ends_with("0000000000000000"), "{found:?}");
    // What the user may not enter or run is denied, as it would be to him.
    let hidden = dir.path().join("hidden");
    std::fs::create_dir(&hidden).unwrap();
    rustix::fs::chmod(&hidden, rustix::fs::Mode::from_raw_mode(0o700)).unwrap();
    let at = [("CommandLine", "true".into()), ("CurrentDirectory", hidden.to_str().unwrap().into())];
    assert_eq!(run(&p, &remote("boss", true), &at).await, Err(2));
    assert_eq!(run(&p, &remote("chief", true), &at).await, Ok(0));
    let high = [("CommandLine", "true".into()), ("ProcessStartupInformation", startup(&[("PriorityClass", 128u32.into())]))];
    assert_eq!(run(&p, &remote("boss", true), &high).await, Err(3));
    let (line, told) = report(dir.path(), "nice");
    let low = [("CommandLine", line.as_str().into()), ("ProcessStartupInformation", startup(&[("PriorityClass", 64u32.into())]))];
    assert_eq!(run(&p, &remote("boss", true), &low).await, Ok(0));
    assert_eq!(told(), ["19"]);
}

#[tokio::test]
async fn a_process_is_terminated_with_a_reason() {
    let p = live();
    let end = async |cx: &RequestContext, pid: u32| {
        code(&invoke(&p, cx, &handle(pid), "Terminate", &[("Reason", Value::Uint32(42))]).await.unwrap())
    };
    let pid = start(&p, &local(), "sleep 600").await;
    assert_eq!(end(&local(), pid).await, 0);
    assert_eq!(p.exits().wait(pid).await, Some(42));
    // One that does not listen.
    let pid = start(&p, &local(), "sh -c \"trap '' TERM; while :; do sleep 1; done\"").await;
    // It is deaf once it has begun to wait.
    let ignored = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let mask = status.lines().find_map(|l| l.strip_prefix("SigIgn:")).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap()
    };
    let deaf = || ignored() & (1 << (15 - 1)) != 0;
    while !deaf() {
        tokio::task::yield_now().await;
    }
    assert_eq!(end(&local(), pid).await, 0);
    assert_eq!(p.exits().wait(pid).await, Some(42));
    assert_eq!(end(&local(), pid).await, 9);
    // The first process and the server are nobody's to end.
    assert_eq!((end(&local(), 1).await, end(&local(), std::process::id()).await), (2, 2));
    if is_root() {
        let pid = start(&p, &local(), "sleep 600").await;
        assert_eq!(end(&remote("boss", false), pid).await, 2);
        assert_eq!(end(&remote("nobody at all", false), pid).await, 2);
        assert_eq!(p.exits().lookup(pid), None);
        assert_eq!(end(&remote("boss", true), pid).await, 0);
        let pid = start(&p, &remote("boss", true), "sleep 600").await;
        assert_eq!(end(&remote("boss", false), pid).await, 0);
    }
}

#[tokio::test]
async fn a_priority_is_set_for_all_threads() {
    let p = live();
    let set = async |cx: &RequestContext, pid: u32, priority: Value| {
        code(&invoke(&p, cx, &handle(pid), "SetPriority", &[("Priority", priority)]).await.unwrap())
    };
    let pid = start(&p, &local(), "sleep 600").await;
    assert_eq!(set(&local(), pid, Value::Sint32(64)).await, 0);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert_eq!(stat.split(' ').nth(18), Some("19"));
    assert_eq!((set(&local(), pid, Value::Sint32(1)).await, set(&local(), pid, Value::Null).await), (21, 21));
    if is_root() {
        assert_eq!(set(&remote("boss", false), pid, Value::Sint32(64)).await, 2);
        let own = start(&p, &remote("boss", true), "sleep 600").await;
        assert_eq!(set(&remote("boss", false), own, Value::Sint32(256)).await, 3);
        invoke(&p, &local(), &handle(own), "Terminate", &[]).await.unwrap();
    }
    invoke(&p, &local(), &handle(pid), "Terminate", &[]).await.unwrap();
    p.exits().wait(pid).await;
    assert_eq!(set(&local(), 0x7fff_fff0, Value::Sint32(64)).await, 9);
}

#[tokio::test]
async fn an_owner_is_a_name_and_an_identifier() {
    let p = recorded();
    let owner = async |method: &str, pid: u32| invoke(&p, &remote("x", false), &handle(pid), method, &[]).await.unwrap();
    let who = owner("GetOwner", 1).await;
    assert_eq!((code(&who), who.get("User"), who.get("Domain")), (0, Some(&"root".into()), Some(&p.computer_name().as_str().into())));
    let sid = owner("GetOwnerSid", 1).await;
    assert_eq!(sid.get("Sid"), Some(&Value::from(format!("{}-1000", p.machine_sid().unwrap()))));
    assert_eq!((code(&owner("GetOwner", 999_999).await), code(&owner("GetOwnerSid", 999_999).await)), (9, 9));
    assert!(tree().exists());
}

#[tokio::test]
async fn on_a_recorded_machine_nothing_is_done_and_what_is_missing_says_so() {
    let p = recorded();
    let refused = async |method: &str| invoke(&p, &local(), &handle(1), method, &[]).await.unwrap_err().status;
    for method in ["Create", "Terminate", "SetPriority"] {
        assert_eq!(refused(method).await, WbemStatus::PROVIDER_NOT_CAPABLE, "{method}");
        assert!(!p.reads_only(&class("Win32_Process"), method));
    }
    assert_eq!(refused("AttachDebugger").await, WbemStatus::METHOD_NOT_IMPLEMENTED);
    assert!(p.reads_only(&class("Win32_Process"), "getowner"));
    let service = class("Win32_Service");
    let path = "Win32_Service.Name='x'".parse().unwrap();
    let refusal = p.invoke(&local(), &service, &path, "StopService", None).await.unwrap_err();
    assert_eq!(refusal.status, WbemStatus::METHOD_NOT_IMPLEMENTED);
}

#[tokio::test]
async fn command_lines_of_others_are_for_administrators() {
    let p = live();
    let process = class("Win32_Process");
    let see = async |cx: &RequestContext, pid: u32| {
        let equal = [("Handle".to_owned(), Value::from(pid.to_string()))];
        let mut req = rwmi_cim::Enumerate::all(&process);
        req.equal = &equal;
        let (sink, rows) = rwmi_cim::Sink::bounded(4);
        p.enumerate(cx, &req, &sink).await.unwrap();
        let row = rows.try_recv().unwrap().as_instance().unwrap().to_instance().unwrap();
        assert_eq!(row.get("Name"), Some(&"sleep".into()));
        row.get("CommandLine").unwrap().as_str().map(str::to_owned)
    };
    let pid = start(&p, &local(), "sleep 599").await;
    assert_eq!(see(&local(), pid).await.as_deref(), Some("sleep 599"));
    assert_eq!(see(&remote("x", true), pid).await.as_deref(), Some("sleep 599"));
    assert_eq!(see(&remote("daemon", false), pid).await, None);
    if is_root() {
        let own = start(&p, &remote("boss", true), "sleep 598").await;
        assert_eq!(see(&remote("daemon", false), own).await.as_deref(), Some("sleep 598"));
        assert_eq!(see(&remote("nobody", false), own).await, None);
        invoke(&p, &local(), &handle(own), "Terminate", &[]).await.unwrap();
    }
    invoke(&p, &local(), &handle(pid), "Terminate", &[]).await.unwrap();
}
