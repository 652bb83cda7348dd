//! Commands against a server over the network.

use crate::support::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};

const NAME: &str = "SELECT Name FROM Win32_UserAccount";

#[test]
fn rows_come_at_every_level_that_the_server_takes() {
    let strict = Server::start("127.0.88.51", "");
    let lax = Server::start("127.0.88.52", "[security]\nminimum-level = \"connect\"");
    let all = lax.run(&["query", NAME]).good();
    assert_eq!(all.lines().count(), 6);
    for level in ["connect", "call", "pkt", "integrity", "privacy", "default", "5", "pktPrivacy"] {
        assert_eq!(lax.run(&["query", "--authentication", level, NAME]).good(), all, "{level}");
        let done = strict.run(&["query", "--authentication", level, NAME]);
        if matches!(level, "connect" | "call" | "pkt") {
            done.bad(1, &["ACCESS_DENIED (0x00000005)", "--authentication"]);
        } else {
            assert_eq!(done.good(), all, "{level}");
        }
    }
}

#[test]
fn rows_say_where_they_come_from_and_who_failed() {
    let server = Server::start("127.0.88.53", "");
    let (port, here) = (server.endpoint.port().to_string(), server.endpoint.ip().to_string());
    let ask = |hosts: &str, format: &str| {
        let mut command = command(&["query", "-c", hosts, "--endpoint-port", &port, "-o", format, "SELECT Bias FROM Win32_TimeZone"]);
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        finish(command)
    };
    let row = format!("{{\"__HOST\":\"{here}\",\"Bias\":60}}\n");
    // A computer that is named twice is asked once.
    assert_eq!(ask(&format!("{here},{here}"), "jsonl").good(), "{\"Bias\":60}\n");
    let done = ask(&format!("127.0.88.54,{here}"), "jsonl").bad(3, &["error: 127.0.88.54:", "connection refused"]);
    assert_eq!(done.out, row);
    assert_eq!(ask(&format!("{here},127.0.88.54"), "table").bad(3, &[]).out, format!("Host         Bias\n{here}  60\n"));
    assert_eq!(ask(&format!("{here},127.0.88.54"), "csv").bad(3, &[]).out, format!("__HOST,Bias\n{here},60\n"));
    let done = ask("127.0.88.54,127.0.88.55", "json").bad(1, &["127.0.88.54", "127.0.88.55"]);
    // Advice is given once, and the causes are summed up.
    assert_eq!(done.err.matches("hint: ").count(), 1, "{}", done.err);
    assert!(
        done.err.contains("\n2 of 2 computers failed\n  2: connecting to the endpoint mapper failed: connection refused (127.0.88.5"),
        "{}",
        done.err
    );
}

#[test]
fn computers_come_from_ranges_networks_and_lists() {
    let place = Place::new("");
    place.run_fed(&["account", "add", USER, "--admin", "--password-stdin"], PASSWORD).good();
    let addresses: Vec<String> = (64..=113).map(|n| format!("127.0.37.{n}")).collect();
    let server = Server::on(place, &addresses, "23735", "23736");
    let ask = |hosts: &str, throttle: &str, input: &str| {
        let words = ["query", "-c", hosts, "--endpoint-port", "23735", "--throttle", throttle, "SELECT Bias FROM Win32_TimeZone"];
        let mut command = command(&words);
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    };
    // Which were asked, in their order.
    let asked = |out: String| {
        let host =
            |l: &str| serde_json::from_str::<Value>(l).unwrap()["__HOST"].as_str().unwrap().rsplit_once('.').unwrap().1.parse().unwrap();
        let mut hosts: Vec<u8> = out.lines().map(host).collect();
        hosts.sort_unstable();
        hosts
    };
    for throttle in ["1", "7", "32", "4096"] {
        assert_eq!(asked(ask("127.0.37.[64-113]", throttle, "").good()), (64..=113).collect::<Vec<u8>>(), "{throttle}");
    }
    assert_eq!(asked(ask("127.0.37.64/29,127.0.37.[100,103-104]", "32", "").good()), [65, 66, 67, 68, 69, 70, 100, 103, 104]);
    let list = "# these\n127.0.37.64\n\n127.0.37.65 # and this\n127.0.37.64, 127.0.37.[66-67]\n";
    assert_eq!(asked(ask("-", "32", list).good()), [64, 65, 66, 67]);
    let file = server.place.dir.path().join("hosts");
    std::fs::write(&file, list).unwrap();
    assert_eq!(asked(ask(&format!("127.0.37.70,@{}", file.display()), "32", "").good()), [64, 65, 66, 67, 70]);
    // One that is not there among many.
    let done = ask("127.0.37.[112-114]", "32", "")
        .bad(3, &["\n1 of 3 computers failed\n  1: connecting to the endpoint mapper failed: connection refused (127.0.37.114)\n"]);
    assert_eq!(asked(done.out), [112, 113]);
    ask("127.0.37.[114-112]", "32", "").bad(2, &["ends before it starts"]);
    ask("-", "32", "# nobody\n").bad(2, &["names no computer"]);
}

#[test]
fn every_form_of_an_account_logs_on() {
    let server = Server::start("127.0.88.57", "");
    for user in ["alice", "ALICE", r".\alice", r"LX1\alice", r"CORP\alice"] {
        let mut command = server.client(&["query", NAME]);
        command.env("RWMI_USER", user);
        finish(command).good();
    }
    // The option goes above the environment, standard input above it too.
    let mut all = vec!["query".to_owned()];
    all.extend(server.way());
    all.extend(["-u", "alice", "--password-stdin", NAME].map(str::to_owned));
    rwmi_fed(&all, format!("{PASSWORD}\r\nmore").as_bytes()).good();
    rwmi_fed(&all, b"wrong\n").bad(1, &["ACCESS_DENIED"]);
}

#[test]
fn a_closed_pipe_ends_a_query_quietly() {
    let server = Server::start("127.0.88.58", "[test]\nrows = 10000000");
    for format in ["jsonl", "csv", "json"] {
        let mut child = server.client(&["query", "-o", format, "-n", r"root\test", "SELECT * FROM Rwmi_Row"]).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        drop(out);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{format} {line}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn ctrl_c_ends_a_query_and_gives_back_what_it_holds() {
    let server = Server::start("127.0.88.59", "[test]\nrows = 10000000\n[limits]\nobjects-per-account = 12");
    // More often than the server would let objects lie around.
    for _ in 0..8 {
        let mut child = server.client(&["query", "-n", r"root\test", "SELECT * FROM Rwmi_Row"]).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        // Or the pipe fills up and holds the writer.
        std::io::copy(&mut out, &mut std::io::sink()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
    }
}

#[test]
fn a_server_that_dies_in_the_middle_is_an_error_behind_whole_rows() {
    let mut server = Server::start("127.0.88.60", "[test]\nrows = 10000000");
    let mut child = server.client(&["query", "-n", r"root\test", "SELECT * FROM Rwmi_Row"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut rows = String::new();
    out.read_line(&mut rows).unwrap();
    server.child.kill().unwrap();
    out.read_to_string(&mut rows).unwrap();
    assert!(rows.ends_with('\n') && rows.lines().all(|l| serde_json::from_str::<Value>(l).is_ok()));
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{err}");
    assert!(err.contains("fetching rows failed: ") && err.contains(&server.object.to_string()), "{err}");
}

#[test]
fn an_object_port_can_be_given() {
    let server = Server::start("127.0.88.61", "");
    let (object, endpoint) = (server.object.port().to_string(), server.endpoint.port().to_string());
    server.run(&["query", "--object-port", &object, NAME]).good();
    server.run(&["query", "--object-port", &endpoint, "--timeout", "5", NAME]).bad(1, &[&format!("127.0.88.61:{endpoint}")]);
}

#[test]
fn a_moniker_names_computer_namespace_and_level() {
    let server = Server::start("127.0.36.51", "");
    let host = server.endpoint.ip().to_string();
    let ports = ["--endpoint-port".to_owned(), server.endpoint.port().to_string()];
    let ask = |args: &[&str]| {
        let mut command = command(&args.iter().map(|a| (*a).to_owned()).chain(ports.clone()).collect::<Vec<_>>());
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        finish(command)
    };
    let plain = ask(&["query", "-c", &host, NAME]).good();
    let full = format!(r"winmgmts:{{impersonate,authenticationLevel=pktIntegrity}}[locale=ms_409]!\\{host}\root\cimv2");
    assert_eq!(ask(&["query", "-n", "root", "-c", &full, NAME]).good(), plain);
    assert_eq!(ask(&["query", "-c", &format!("winmgmts://{host}"), NAME]).good(), plain);
    let low = format!(r"winmgmts:{{authenticationLevel=connect}}!\\{host}");
    ask(&["query", "-c", &low, NAME]).bad(1, &["ACCESS_DENIED (0x00000005)"]);
    let class = ask(&["get-class", "-c", &host, "Win32_TimeZone"]).good();
    assert_eq!(ask(&["get-class", &format!(r"winmgmts:\\{host}\root\cimv2:Win32_TimeZone")]).good(), class);
    for (moniker, words) in [
        ("winmgmts:{impersonationLevel=7}!root", "invalid syntax"),
        (r"winmgmts:\\h\root:C", "names a class or an instance"),
        ("winmgmts:{impersonate", "invalid syntax"),
    ] {
        ask(&["query", "-c", moniker, NAME]).bad(2, &[words]);
    }
}
