//! `rwmi doctor`: each cause is provoked, and the advice read. The rows of docs/doctor.md name these tests.

use crate::support::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// A report as data.
#[derive(Debug)]
struct Report {
    code: Option<i32>,
    json: Value,
}

impl Report {
    fn checks(&self) -> &[Value] {
        self.json[0]["checks"].as_array().unwrap()
    }

    fn last(&self) -> &Value {
        self.checks().last().unwrap()
    }

    /// It ended at this stage, with these causes, the likeliest first; the first is certain or not.
    #[track_caller]
    fn fails(&self, stage: &str, certain: bool, causes: &[&str]) -> &Report {
        let last = self.last();
        assert_eq!(
            (self.code, last["stage"].as_str(), last["outcome"].as_str()),
            (Some(1), Some(stage), Some("failed")),
            "{:#}",
            self.json
        );
        let advice = last["advice"].as_array().unwrap();
        let found: Vec<&str> = advice.iter().map(|a| a["cause"].as_str().unwrap()).collect();
        assert_eq!(found, causes, "{last:#}");
        assert_eq!(advice[0]["certain"], certain, "{last:#}");
        assert_eq!(self.json[0]["outcome"], "failed");
        for before in &self.checks()[..self.checks().len() - 1] {
            assert_ne!(before["outcome"], "failed", "{before:#}");
        }
        self
    }

    /// The advice of the last stage names this, in its sentences or its commands.
    #[track_caller]
    fn says(&self, words: &[&str]) -> &Report {
        let text = self.last()["advice"].to_string();
        for word in words {
            assert!(text.contains(word), "no {word:?} in {:#}", self.last());
        }
        self
    }

    fn facts(&self, stage: &str, about: &str) -> Vec<String> {
        let check = self.checks().iter().find(|c| c["stage"] == stage).unwrap_or_else(|| panic!("no {stage} in {:#}", self.json));
        let facts = check["facts"].as_array().unwrap().iter().filter(|f| f["about"] == about);
        facts.map(|f| format!("{}: {}", f["which"].as_str().unwrap(), f["seen"].as_str().unwrap())).collect()
    }
}

fn of_host(host: &str, port: u16, timeout: &str) -> Command {
    let mut command =
        command(&["doctor", "-c", host, "--endpoint-port", &port.to_string(), "--timeout", timeout, "-o", "json", "--no-data"]);
    command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    command
}

fn of_server(server: &Server, args: &[&str]) -> Command {
    let mut all = vec!["doctor", "-o", "json", "--no-data"];
    all.extend(args);
    server.client(&all)
}

fn report(command: Command) -> Report {
    let done = finish(command);
    let json = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {done:?}"));
    assert!(!format!("{done:?}").contains(PASSWORD), "{done:?}");
    Report { code: done.code, json }
}

/// The recorded machine's clock stands still.
const CLOCKLESS: &str = "SELECT Name FROM Win32_ComputerSystem";

#[test]
fn a_way_that_is_open_is_walked_to_its_end() {
    let server = Server::start("127.0.38.10", "");
    let found = report(of_server(&server, &["--query", CLOCKLESS]));
    let stages: Vec<&str> = found.checks().iter().map(|c| c["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["name", "port", "resolver", "authentication", "activation", "object-port", "login", "query"]);
    assert!(found.checks().iter().all(|c| c["outcome"] == "passed" && c["milliseconds"].as_f64().unwrap() > 0.0), "{:#}", found.json);
    assert_eq!((found.code, &found.json[0]["outcome"], &found.json[0]["notReached"]), (Some(0), &"passed".into(), &Value::Array(vec![])));
    assert_eq!(found.facts("name", "address"), ["127.0.38.10: IPv4"]);
    assert_eq!(found.facts("authentication", "mechanism"), ["NTLM: accepted", "Negotiate (NTLM): accepted"]);
    let (levels, refused) = (found.facts("login", "level"), "refused: fault ACCESS_DENIED (0x00000005): access denied");
    let expect = ["privacy: asked for", &format!("connect: {refused}"), &format!("packet: {refused}"), "integrity: accepted"];
    assert_eq!(levels, expect, "{:#}", found.json);
    assert!(found.facts("resolver", "offers").iter().any(|o| o.starts_with("NTLM")), "{:#}", found.json);
    assert_eq!(found.facts("object-port", "port"), [format!("127.0.38.10 {}: answers", server.object.port())]);

    let text = server.run(&["doctor", "--query", CLOCKLESS]).good();
    for word in ["127.0.38.10\n", "  name            ok", "  object port     ok", "  data            ok", " ms\n"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(!text.contains("not reached") && !text.contains("cause") && !text.contains(PASSWORD), "{text}");
}

#[test]
fn this_computer_is_walked_without_a_network() {
    let place = Place::new("");
    let text = place.run(&["doctor"]).good();
    assert!(text.contains("  resolver        ok") && text.contains("  query           WARNING") && text.contains("timedatectl"), "{text}");
    // It is Linux: nothing is advised for Windows.
    assert!(text.contains("      system Debian") && text.contains("clock ") && !text.contains("w32tm"), "{text}");
    assert!(!text.contains("  name ") && !text.contains("  authentication "), "{text}");
}

#[test]
fn a_name_that_does_not_resolve() {
    let found = report(of_host("no-such-host.invalid", 135, "20"));
    found.fails("name", true, &["name-unknown"]).says(&["full name", "getent ahosts no-such-host.invalid"]);
    assert_eq!(found.json[0]["notReached"].as_array().unwrap().len(), 7);
}

#[test]
fn a_port_that_refuses() {
    let gone = TcpListener::bind("127.0.38.11:0").unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let found = report(of_host("127.0.38.11", port, "20"));
    found.fails("port", true, &["port-closed"]).says(&[
        "Start-Service Winmgmt",
        "systemctl start rwmi",
        "windows management instrumentation (wmi)",
    ]);
    assert_eq!(found.facts("port", "address"), ["127.0.38.11: connection refused"]);
}

/// A listener whose queue is full: the system drops what comes, as a firewall does.
fn full(address: &str) -> (TcpListener, Vec<TcpStream>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        socket.listen(1).unwrap().into_std().unwrap()
    });
    let at = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&at, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 64, "the queue never fills");
    }
    (listener, waiting)
}

#[test]
fn a_port_that_is_silent_is_waited_for_within_bounds() {
    let (listener, _waiting) = full("127.0.38.12");
    let begun = Instant::now();
    let found = report(of_host("127.0.38.12", listener.local_addr().unwrap().port(), "2"));
    found.fails("port", true, &["port-silent"]).says(&["firewall", "netsh advfirewall", "nft add rule", "firewall-cmd"]);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_port_that_takes_connections_and_says_nothing() {
    let mute = TcpListener::bind("127.0.38.13:0").unwrap();
    let found = report(of_host("127.0.38.13", mute.local_addr().unwrap().port(), "2"));
    found.fails("resolver", true, &["mute"]).says(&["hangs"]);
}

#[test]
fn a_port_with_another_protocol() {
    let listener = TcpListener::bind("127.0.38.14:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Never joined: it ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    report(of_host("127.0.38.14", port, "10")).fails("resolver", true, &["other-protocol"]).says(&["does not speak RPC"]);
}

#[test]
fn a_wrong_password_and_an_unknown_account_are_not_told_apart_and_tried_once() {
    for (user, password) in [(USER, "wrong"), ("nobody", PASSWORD)] {
        let server = Server::start("127.0.38.15", "");
        let mut command = of_server(&server, &[]);
        command.env("RWMI_USER", user).env("RWMI_PASSWORD", password);
        let found = report(command);
        found
            .fails("authentication", false, &["credentials", "account-restricted"])
            .says(&["password is wrong or the account is unknown", "4625"]);
        assert!(found.last()["error"]["message"].as_str().unwrap().contains("0x00000005"), "{:#}", found.last());
        // One logon, or an account would be locked by asking what is wrong with it.
        assert_eq!(server.log().matches("authentication failed").count(), 1, "{}", server.log());
    }
}

#[test]
fn an_empty_password() {
    let server = Server::start("127.0.38.16", "");
    let mut command = of_server(&server, &[]);
    command.env("RWMI_PASSWORD", "");
    let found = report(command);
    found.fails("authentication", false, &["blank-password", "credentials", "account-restricted"]).says(&["give the account a password"]);
}

#[test]
fn a_level_below_the_servers() {
    let server = Server::start("127.0.38.17", "[security]\nminimum-level = \"privacy\"");
    let found = report(of_server(&server, &["--authentication", "integrity"]));
    found.fails(found.last()["stage"].as_str().unwrap(), true, &["level-too-low"]).says(&["--authentication privacy"]);
    let server = Server::start("127.0.38.18", "");
    let found = report(of_server(&server, &["--authentication", "connect"]));
    found.fails("login", true, &["level-too-low"]).says(&["--authentication privacy"]);
    assert!(found.facts("login", "level").contains(&"privacy: accepted".to_owned()), "{:#}", found.last());
    assert_eq!(report(of_server(&server, &["--authentication", "integrity"])).code, Some(0));
}

#[test]
fn an_account_that_is_no_administrator() {
    let place = Place::new("");
    place.run_fed(&["account", "add", "bob", "--password-stdin"], PASSWORD).good();
    let server = Server::at(place, "127.0.38.19");
    let mut command = of_server(&server, &[]);
    command.env("RWMI_USER", "bob");
    let found = report(command);
    found.fails("activation", false, &["activation-denied", "token-filtered"]);
    found.says(&["Add-LocalGroupMember -SID S-1-5-32-562 -Member 'bob'", "rwmi account add bob --admin", "LocalAccountTokenFilterPolicy"]);
    let mut command = of_server(&server, &[]);
    // A domain's account is not filtered.
    command.env("RWMI_USER", r"CORP\bob");
    report(command).fails("activation", false, &["activation-denied"]);
}

#[test]
fn a_namespace_that_does_not_exist() {
    let server = Server::start("127.0.38.20", "");
    let found = report(of_server(&server, &["-n", r"root\nope"]));
    found.fails("login", true, &["namespace-missing"]).says(&["SELECT Name FROM __NAMESPACE"]);
    assert!(found.facts("login", "namespace").contains(&r"root\cimv2: exists".to_owned()), "{:#}", found.last());
    // A moniker names its own.
    let port = server.endpoint.port().to_string();
    let mut moniker = command(&["doctor", r"winmgmts:\\127.0.38.20\root\nope", "-o", "json", "--no-data", "--endpoint-port", &port]);
    moniker.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    report(moniker).fails("login", true, &["namespace-missing"]);
}

#[test]
fn a_class_that_does_not_exist_and_queries_that_are_none() {
    let server = Server::start("127.0.38.21", "");
    let found = report(of_server(&server, &["--query", "SELECT * FROM No_Such_Class"]));
    found.fails("query", true, &["class-missing"]).says(&["meta_class"]);
    for query in ["SELEC * FROM Win32_OperatingSystem", "SELECT NoSuchProperty FROM Win32_OperatingSystem"] {
        report(of_server(&server, &["--query", query])).fails("query", true, &["query-invalid"]).says(&["get-class"]);
    }
}

#[test]
fn a_locale_that_is_none() {
    let server = Server::start("127.0.38.22", "");
    let found = report(of_server(&server, &["--locale", "MS_nonsense"]));
    let last = found.last();
    assert_eq!((found.code, &last["stage"]), (Some(1), &"login".into()), "{:#}", found.json);
    assert!(["locale", "parameter"].contains(&last["advice"][0]["cause"].as_str().unwrap()), "{last:#}");
    found.says(&["MS_409"]);
}

#[test]
fn an_object_port_that_is_closed() {
    let server = Server::start("127.0.38.23", "");
    let gone = TcpListener::bind("127.0.38.23:0").unwrap();
    let port = gone.local_addr().unwrap().port().to_string();
    drop(gone);
    let found = report(of_server(&server, &["--object-port", &port]));
    found
        .fails("object-port", true, &["object-port-closed", "binding-unreachable"])
        .says(&["winmgmt /standalonehost", &format!("--add-port={port}/tcp")]);
}

/// Forwards connections to another address, as address translation does.
fn forward(address: &str, to: SocketAddr) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Never joined: it ends with the process.
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(to) else { continue };
            for (mut from, mut into) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut into);
                    let _ = into.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    port
}

#[test]
fn a_listed_address_that_cannot_be_reached() {
    let server = Server::start("127.0.38.24", "");
    let port = forward("127.0.38.25", server.endpoint).to_string();
    let doctor = |more: &[&str]| {
        let mut command = command(&["doctor", "127.0.38.25", "-o", "json", "--no-data", "--query", CLOCKLESS, "--endpoint-port", &port]);
        command.args(more).env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        report(command)
    };
    // The address that the server lists answers where the named one does not.
    let found = doctor(&[]);
    let object = found.checks().iter().find(|c| c["stage"] == "object-port").unwrap();
    assert_eq!(
        (found.code, &object["outcome"], &object["advice"][0]["cause"]),
        (Some(0), &"warned".into(), &"object-port-closed".into()),
        "{object:#}"
    );
    assert_eq!(found.json[0]["outcome"], "warned");
    // Neither does.
    let gone = TcpListener::bind("127.0.38.24:0").unwrap();
    let closed = gone.local_addr().unwrap().port().to_string();
    drop(gone);
    doctor(&["--object-port", &closed]).fails("object-port", true, &["object-port-closed", "binding-unreachable"]).says(&["--object-port"]);
    // Forwarded too, and named: the way is open.
    let object_port = forward("127.0.38.25", server.object).to_string();
    assert_eq!(doctor(&["--object-port", &object_port]).json[0]["outcome"], "passed");
}

const THIN: &str = r#"
#pragma namespace("\\\\.\\root")
instance of __NAMESPACE { Name = "thin"; };
#pragma namespace("\\\\.\\root\\thin")
class Win32_Bus { [key] string DeviceID; };
class Win32_ComputerSystem { [key] string Name; string Manufacturer; string Model; uint64 TotalPhysicalMemory; };
instance of Win32_ComputerSystem { Name = "x"; Manufacturer = "y"; };
class Win32_VideoController { [key] string DeviceID; string Name; };
instance of Win32_VideoController { DeviceID = "1"; };
instance of Win32_VideoController { DeviceID = "2"; Name = "z"; };
class Win32_OperatingSystem { [key] string Name; string Caption; datetime LocalDateTime; uint16 OSType; };
instance of Win32_OperatingSystem { Name = "w"; Caption = "Old"; LocalDateTime = "20200101000000.000000+000"; OSType = 18; };
"#;

#[test]
fn classes_that_bring_too_little_and_clocks_that_differ_are_warnings() {
    let server = Server::start("127.0.38.26", "");
    let file = server.place.dir.path().join("thin.mof");
    std::fs::write(&file, THIN).unwrap();
    let mut compile = command(&["mof", "compile", file.to_str().unwrap()]);
    compile.args(server.way()).env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    finish(compile).good();
    let mut all = vec!["doctor", "-o", "json", "-n", r"root\thin", "--query", "SELECT * FROM Win32_OperatingSystem"];
    let found = report(server.client(&all));
    assert_eq!((found.code, &found.json[0]["outcome"]), (Some(0), &"warned".into()), "{:#}", found.json);
    let classes = found.facts("data", "class");
    assert_eq!(
        classes,
        ["Win32_Bus: no instance, although every computer has one", "Win32_ComputerSystem: NULL in each of 1: Model, TotalPhysicalMemory"]
    );
    found.says(&["LocalAccountTokenFilterPolicy", "may be filtered"]);
    assert_eq!(found.last()["advice"][0]["certain"], false);
    let query = &found.checks()[found.checks().len() - 2];
    assert_eq!((&query["outcome"], &query["advice"][0]["cause"]), (&"warned".into(), &"clock-skew".into()), "{query:#}");
    // It said that it is Windows: nothing is advised for Linux.
    let places: Vec<&str> = query["advice"][0]["commands"].as_array().unwrap().iter().map(|c| c["place"].as_str().unwrap()).collect();
    assert_eq!(places, ["windows", "here"]);
    all[2] = "text";
    let text = server.run(&all).good();
    assert!(text.contains("  data            WARNING") && text.contains("possible cause: classes bring less"), "{text}");
}

#[test]
fn what_was_found_becomes_a_script() {
    let gone = TcpListener::bind("127.0.38.27:0").unwrap();
    let port = gone.local_addr().unwrap().port().to_string();
    drop(gone);
    let doctor = |more: &[&str]| {
        let mut command = command(&["doctor", "127.0.38.27", "--endpoint-port", &port]);
        command.args(more).env("RWMI_USER", r"CORP\o'neil").env("RWMI_PASSWORD", PASSWORD);
        finish(command)
    };
    let done = doctor(&["--fix-script"]).bad(1, &["  port            FAILED", "connection refused", "not reached: resolver"]);
    assert!(
        done.out.starts_with("# PowerShell, as an administrator of 127.0.38.27\n") && done.out.contains("\nnetsh advfirewall"),
        "{}",
        done.out
    );
    assert!(!done.out.contains("nft"), "{}", done.out);
    let done = doctor(&["--fix-script=linux"]).bad(1, &["FAILED"]);
    assert!(done.out.starts_with("#!/bin/sh\n") && done.out.contains(&format!("tcp dport {{ {port}, 24158 }} accept")), "{}", done.out);
    let script = std::env::temp_dir().join(format!("rwmi-doctor-{}.sh", std::process::id()));
    std::fs::write(&script, &done.out).unwrap();
    let checked = Command::new("sh").arg("-n").arg(&script).status().unwrap();
    std::fs::remove_file(&script).unwrap();
    assert!(checked.success(), "{}", done.out);
    doctor(&["--fix-script=vms"]).bad(2, &["invalid value"]);
}

#[test]
fn the_whole_script_asks_nobody() {
    let mut command = command(&["doctor", "--fix-script=windows"]);
    command.env("RWMI_USER", r"CORP\alice");
    let text = finish(command).good();
    for word in
        [r"-Member 'CORP\alice'", "\n#! winmgmt /standalonehost", "\n#! Set-ItemProperty", "w32tm /resync", "setspn", "__SystemSecurity"]
    {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    let text = rwmi(&["doctor", "--fix-script=linux"]).good();
    assert!(text.contains("firewall-cmd --permanent --add-port=135/tcp --add-port=24158/tcp"), "{text}");
}

#[test]
fn several_computers_are_walked_one_after_the_other() {
    let server = Server::start("127.0.38.28", "");
    let port = server.endpoint.port().to_string();
    let mut both = command(&["doctor", "-c", "127.0.38.28,127.0.38.29", "--endpoint-port", &port, "-o", "json", "--query", CLOCKLESS]);
    both.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    let found = report(both);
    assert_eq!((found.code, found.json.as_array().unwrap().len()), (Some(3), 2));
    assert_eq!((&found.json[0]["outcome"], &found.json[1]["outcome"]), (&"passed".into(), &"failed".into()));
}

#[test]
fn what_makes_no_sense_is_refused() {
    rwmi(&["doctor", "a", "-c", "b"]).bad(2, &["cannot be used with"]);
    rwmi(&["doctor", "192.0.2.1"]).bad(1, &["no account was given"]);
    let mut local = command(&["doctor", ".", "-u", "alice"]);
    local.env("RWMI_PASSWORD", PASSWORD);
    finish(local).bad(1, &["0x80041064"]);
}

#[test]
fn an_interrupted_walk_ends_at_once_with_130() {
    let mute = TcpListener::bind("127.0.38.30:0").unwrap();
    let mut child = of_host("127.0.38.30", mute.local_addr().unwrap().port(), "60").spawn().unwrap();
    // The stage before ended its connection; this one is the resolver's, which waits for an answer.
    let (first, _) = mute.accept().unwrap();
    let (mut second, _) = mute.accept().unwrap();
    drop(first);
    let mut pdu = [0; 16];
    second.read_exact(&mut pdu).unwrap();
    let begun = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5));
}
