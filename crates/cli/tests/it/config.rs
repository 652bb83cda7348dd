//! The configuration of the command: what it changes, what it refuses, and where passwords come from.

use crate::support::*;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const OS: &str = "SELECT Version FROM Win32_OperatingSystem";
const ROW: &str = "{\"Version\":\"6.1.0-28-amd64\"}\n";

/// A directory with a configuration, readable by its owner only, and what stands beside it.
struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new(text: &str) -> Files {
        let files = Files { dir: tempfile::tempdir().unwrap() };
        files.write("config.toml", text, 0o600);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self) -> String {
        self.path("config.toml").display().to_string()
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.env("RWMI_CONFIG", self.path("config.toml"));
        command
    }

    fn run(&self, args: &[&str]) -> Done {
        finish(self.command(args))
    }
}

fn host(server: &Server) -> String {
    server.endpoint.ip().to_string()
}

/// A section that leads to a server.
fn section(server: &Server, rest: &str) -> String {
    format!("[host.\"{}\"]\nendpoint-port = {}\n{rest}\n", host(server), server.endpoint.port())
}

#[test]
fn each_command_that_connects_honours_it() {
    let server = Server::start("127.0.102.1", "[methods]\nallow = [\"Win32_Process.Create\"]\n");
    let files = Files::new(&section(&server, "user = \"alice\"\npassword-file = \"pw\"\noutput = \"csv\""));
    files.write("pw", PASSWORD, 0o600);
    let host = host(&server);
    let c = ["-c", host.as_str()];
    assert_eq!(files.run(&["query", c[0], c[1], OS]).good(), "Version\n6.1.0-28-amd64\n");
    assert_eq!(files.run(&["query", c[0], c[1], "-o", "jsonl", OS]).good(), ROW);
    assert!(files.run(&["get-class", c[0], c[1], "Win32_Process"]).good().contains("class Win32_Process"));
    assert!(files.run(&["call", c[0], c[1], "Win32_Process"]).good().contains("Create"));
    assert!(files.run(&["doctor", &host]).good().contains("query"));
    assert!(files.run(&["mof", "export", c[0], c[1], "Win32_Process"]).good().contains("Win32_Process"));
    let done = files.run(&["check", "uptime", "-H", &host]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    let watched = files.run(&[
        "watch",
        c[0],
        c[1],
        "--for",
        "1",
        "SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Win32_Process'",
    ]);
    assert_eq!(watched.code, Some(0), "{watched:?}");
    let done = files.run(&["exec", c[0], c[1], "--", "true"]);
    assert!(!done.err.contains("no password") && !done.err.contains("connect"), "{done:?}");
}

#[test]
fn the_command_line_lies_above_the_environment_above_the_file() {
    let files =
        Files::new("[defaults]\nnamespace = 'root\\d'\n[group.g]\nhosts = ['srv0?']\nlocale = 'MS_407'\n[host.srv01]\ntimeout = 7\n");
    let show = |args: &[&str], variable: Option<(&str, &str)>| {
        let mut command = files.command(&[&["config", "show"], args].concat());
        command.envs(variable);
        finish(command).good()
    };
    let path = files.config();
    let text = show(&["srv01"], Some(("RWMI_TIMEOUT", "8")));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            format!("namespace = 'root\\d'  # {path}, [defaults], line 2").as_str(),
            &format!("locale = \"MS_407\"  # {path}, [group.g], line 5"),
            "timeout = 8  # $RWMI_TIMEOUT",
            "protocol = \"dcom\"  # built in",
            "authentication = \"privacy\"  # built in",
            "impersonation = \"impersonate\"  # built in",
            "smart-enum = true  # built in",
        ]
    );
    assert!(show(&["srv01"], None).contains(&format!("timeout = 7  # {path}, [host.srv01], line 7\n")));
    // What show prints is a configuration.
    let printed = show(&[], None);
    let again = Files::new(&printed);
    assert_eq!(again.run(&["config", "show"]).good(), printed);
}

#[test]
fn a_namespace_comes_from_the_file_and_the_command_line_wins() {
    let place = Place::new("");
    let files = Files::new("[defaults]\nnamespace = 'root\\nowhere'\n");
    let run = |args: &[&str]| {
        let mut command = place.command(&[&["query"], args].concat());
        command.env("RWMI_CONFIG", files.path("config.toml"));
        finish(command)
    };
    run(&[OS]).bad(1, &["0x8004100e"]);
    assert_eq!(run(&["-n", "root/cimv2", OS]).good(), ROW);
    // This computer has no account, whatever the defaults are.
    let files = Files::new("[defaults]\nuser = 'alice'\npassword-file = 'absent'\nendpoint-port = 1\n");
    let mut command = place.command(&["query", OS, "--config", &files.config()]);
    assert_eq!(finish(std::mem::replace(&mut command, Command::new("true"))).good(), ROW);
}

#[test]
fn a_group_is_asked_by_its_name() {
    let server = Server::start("127.0.102.2", "");
    let port = server.endpoint.port();
    let text = format!(
        "[group.lab]\nhosts = [\"127.0.102.[2-2]\", \"*.lab\"]\nuser = \"alice\"\npassword-file = \"pw\"\nendpoint-port = {port}\n"
    );
    let files = Files::new(&text);
    files.write("pw", PASSWORD, 0o600);
    assert_eq!(files.run(&["query", "-c", "group:LAB", OS]).good(), ROW);
    assert_eq!(files.run(&["query", "-c", "127.0.102.2", OS]).good(), ROW);
    files.run(&["query", "-c", "group:alb", OS]).bad(2, &["there is no group \"alb\"", "did you mean group:lab?"]);
    files.write("list", "group:lab\n", 0o600);
    let list = format!("@{}", files.path("list").display());
    files.run(&["query", "-c", &list, OS]).bad(2, &["a list names computers only"]);
    rwmi(&["query", "-c", "group:lab", OS]).bad(2, &["there is no configuration file"]);
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let files = Files::new("[defaults]\nnaemspace = 'x'\n[host.a]\n  protocol = \"wsman\"\n");
    let path = files.config();
    let expect = format!(
        "error: {path}:2:1: unknown key \"naemspace\"; did you mean \"namespace\"?\n  {path}:4:3: protocol: WS-Man is not built yet; dcom is\n  hint: rwmi config check tells when it is good\n"
    );
    for args in [&["config", "check"][..], &["config", "show"], &["query", "-c", "a", OS]] {
        let done = files.run(args);
        assert_eq!((done.code, done.err.as_str(), done.out.as_str()), (Some(1), expect.as_str(), ""), "{args:?}");
    }
    rwmi(&["query", "-c", "a", "--protocol", "wsman", OS]).bad(2, &["WS-Man is not built yet"]);
    let mut command = command(&["query", "-c", "a", OS]);
    command.env("RWMI_TIMEOUT", "soon");
    finish(command).bad(2, &["$RWMI_TIMEOUT: expected an integer from 1 to 86400"]);
}

#[test]
fn a_secret_in_the_file_is_refused() {
    let files = Files::new("[host.a]\npassword = \"hunter2\"\n");
    let done = files.run(&["config", "check"]).bad(1, &["a password does not stand in this file; name where it comes from"]);
    assert!(!done.err.contains("hunter2") && !done.err.contains("every user"), "{}", done.err);
    files.write("config.toml", "[host.a]\npassword = \"hunter2\"\n", 0o644);
    let done = files.run(&["query", "-c", "a", OS]).bad(1, &["every user of this computer can read it"]);
    assert!(!done.err.contains("hunter2"));
    // What others can write into could start their programs.
    files.write("config.toml", "", 0o666);
    files.run(&["config", "check"]).bad(1, &["every user of this computer can write into it (mode 0666)"]);
}

#[test]
fn the_file_lies_where_people_look_for_it() {
    let files = Files::new("");
    let home = files.dir.path();
    let check = |variables: &[(&str, &Path)], args: &[&str], expect: &Path| {
        let mut command = command(&[&["config", "path"], args].concat());
        command.env("HOME", home).env_remove("XDG_CONFIG_HOME").env_remove("RWMI_CONFIG").envs(variables.iter().copied());
        assert_eq!(finish(command).good(), format!("{}\n", expect.display()), "{variables:?} {args:?}");
    };
    check(&[], &[], &home.join(".config/rwmi/config.toml"));
    check(&[("XDG_CONFIG_HOME", &home.join("x"))], &[], &home.join("x/rwmi/config.toml"));
    check(&[("XDG_CONFIG_HOME", Path::new("relative"))], &[], &home.join(".config/rwmi/config.toml"));
    check(&[("RWMI_CONFIG", Path::new("y"))], &[], Path::new("y"));
    check(&[("RWMI_CONFIG", Path::new("y"))], &["--config", "z"], Path::new("z"));
    rwmi(&["config", "path"]).bad(1, &["RWMI_CONFIG is empty"]);
    let mut absent = command(&["config", "check"]);
    absent.env("XDG_CONFIG_HOME", home.join("x")).env_remove("RWMI_CONFIG");
    assert_eq!(finish(absent).good(), format!("{}: not there, nothing is configured\n", home.join("x/rwmi/config.toml").display()));
    rwmi(&["config", "check", "--config", "/does/not/exist"]).bad(1, &["/does/not/exist"]);
    assert_eq!(files.run(&["config", "check"]).good(), format!("{}: good, 0 groups and 0 hosts\n", files.config()));
}

#[test]
fn a_password_comes_from_a_file_or_a_program() {
    let server = Server::start("127.0.102.3", "");
    let host = host(&server);
    let ask = |source: &str| Files::new(&section(&server, &format!("user = 'alice'\n{source}")));
    let query = ["query", "-c", host.as_str(), OS];

    let files = ask("password-file = 'pw'");
    files.run(&query).bad(1, &["pw: ", "No such file"]);
    files.write("pw", &format!("{PASSWORD}\n"), 0o600);
    assert_eq!(files.run(&query).good(), ROW);
    files.write("pw", PASSWORD, 0o644);
    files.run(&query).bad(1, &["every user of this computer can read the password in it (mode 0644)", "chmod 600"]);

    let files = ask(&format!("password-command = ['sh', '-c', 'test \"$RWMI_USER\" = alice && echo {PASSWORD}; echo more']"));
    assert_eq!(files.run(&query).good(), ROW);
    ask("password-command = ['sh', '-c', 'echo x; exit 3']").run(&query).bad(1, &["password-command: sh failed: exit status: 3"]);
    ask("password-command = ['true']").run(&query).bad(1, &["password-command: true wrote nothing"]);
    ask("password-command = ['/does/not/exist']").run(&query).bad(1, &["/does/not/exist cannot be started"]);
    let long = ask("password-command = ['head', '-c', '100000', '/dev/zero']").run(&query);
    long.bad(1, &["the first line is longer than 4096 octets"]);

    // A password that was written down for alice is not tried for bob.
    let files = ask("password-file = 'pw'");
    files.write("pw", PASSWORD, 0o600);
    files.run(&["query", "-c", &host, "-u", "bob", OS]).bad(1, &["no password for bob was given"]);
    // The environment lies above the file.
    let mut command = files.command(&query);
    command.env("RWMI_PASSWORD", "wrong");
    finish(command).bad(1, &["ACCESS_DENIED"]);
    // Nothing that is said in full contains it.
    let mut command = files.command(&["query", "-vvv", "-c", &host, OS]);
    command.env("RWMI_LOG", "trace");
    let done = finish(command);
    assert!(done.code == Some(0) && !done.err.contains(PASSWORD), "{}", done.err);
    let shown = files.run(&["config", "show", &host]).good();
    assert!(shown.contains("password-file = ") && !shown.contains(PASSWORD));
    let mut command = files.command(&["config", "show", &host]);
    command.env("RWMI_PASSWORD", PASSWORD);
    assert!(finish(command).good().contains("password = \"[redacted]\"  # $RWMI_PASSWORD\n"));
}

/// A bus of our own, ended with the test.
struct Bus {
    daemon: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Bus {
    fn start() -> Bus {
        let dir = tempfile::tempdir().unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/linux/bus.conf")))
            .arg(format!("--address=unix:path={}/bus", dir.path().display()))
            .args(["--print-address", "--nofork", "--nopidfile"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon is installed: Debian has it in the package dbus-daemon");
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Bus { daemon, address: address.trim().to_owned(), _dir: dir }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

#[test]
fn a_password_comes_from_the_secret_service() {
    use crate::fake_secrets::{Item, Store};
    let server = Server::start("127.0.102.4", "");
    let host = host(&server);
    let bus = Bus::start();
    let run = |files: &Files| {
        let mut command = files.command(&["query", "-c", &host, OS]);
        command.env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
        finish(command)
    };
    let own = Files::new(&section(&server, "user = 'alice'\npassword-secret = true"));
    run(&own).bad(1, &["the secret service: nothing on the session bus is one", "password-command"]);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let item = |account: &str, secret: &[u8]| Item::new(&[("service", "rwmi"), ("user", account)], secret);
    let store = runtime.block_on(Store::serve(&bus.address, Vec::new())).unwrap();
    run(&own)
        .bad(1, &["it has no password with service 'rwmi', user 'alice'", "secret-tool store --label=rwmi service 'rwmi' user 'alice'"]);

    store.hold(vec![item("bob", b"no"), item("alice", PASSWORD.as_bytes())]);
    assert_eq!(run(&own).good(), ROW);
    assert_eq!(store.sessions(), 0, "every session was closed");

    let named = Files::new(&section(&server, "user = 'alice'\npassword-secret = { service = 'rwmi', user = 'alice' }"));
    assert_eq!(run(&named).good(), ROW);
    let vague = Files::new(&section(&server, "user = 'alice'\npassword-secret = { service = 'rwmi' }"));
    run(&vague).bad(1, &["it has 2 passwords with service 'rwmi', and one is wanted"]);

    // A locked store asks somebody, who unlocks it or not.
    store.hold(vec![item("alice", PASSWORD.as_bytes()).locked(true)]);
    assert_eq!(run(&own).good(), ROW);
    store.hold(vec![item("alice", PASSWORD.as_bytes()).locked(false)]);
    run(&own).bad(1, &["it stays locked"]);

    store.hold(vec![item("alice", b"\xff\xfe")]);
    run(&own).bad(1, &["the secret is no text"]);
    store.hold(vec![item("alice", &[b'x'; 5000])]);
    run(&own).bad(1, &["longer than 4096 octets"]);
    store.hold(vec![item("alice", b"wrong")]);
    run(&own).bad(1, &["ACCESS_DENIED"]);

    let mut nobody = own.command(&["query", "-c", &host, OS]);
    nobody.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/does/not/exist");
    finish(nobody).bad(1, &["the session bus cannot be reached"]);
}
