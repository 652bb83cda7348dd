//! `rwmi watch` against a server over the network.

use crate::support::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};

const TIMER: &str = "instance of __IntervalTimerInstruction { TimerId = \"tick\"; IntervalBetweenEvents = 50; };";

/// A server with a timer in root\default.
fn server(address: &str) -> Server {
    let server = Server::start(address, "");
    compile(&server, TIMER);
    server
}

fn compile(server: &Server, mof: &str) {
    let file = server.place.dir.path().join("x.mof");
    std::fs::write(&file, mof).unwrap();
    let mut all = vec!["mof".to_owned(), "compile".to_owned()];
    all.extend(server.way());
    all.extend(["-n", r"root\default", file.to_str().unwrap()].map(str::to_owned));
    let mut command = command(&all);
    command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    let done = finish(command);
    assert_eq!(done.code, Some(0), "{done:?}");
}

fn watch(server: &Server, args: &[&str]) -> Done {
    server.run(&[&["watch", "-n", r"root\default"], args].concat())
}

#[test]
fn events_come_until_there_are_as_many_as_asked_for() {
    let server = server("127.0.88.81");
    let out = watch(&server, &["--count", "3", "SELECT * FROM __TimerEvent WHERE TimerId = 'TICK'"]).good();
    let events: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(events.len(), 3);
    for event in events {
        assert_eq!((&event["TimerId"], event["NumFirings"].as_u64() >= Some(1)), (&Value::from("tick"), true));
        assert!(event["TIME_CREATED"].as_u64() > Some(130_000_000_000_000_000));
    }
    let columns = watch(&server, &["--max", "2", "-o", "csv", "SELECT NumFirings, TimerId FROM __TimerEvent"]).good();
    assert_eq!(columns, "NumFirings,TimerId\n1,tick\n1,tick\n");
    let table = watch(&server, &["--count", "1", "-o", "table", "SELECT TimerId FROM __TimerEvent"]).good();
    assert_eq!(table, "TimerId\ntick\n");
    // The same computer by another name.
    let other = format!("{}.", server.endpoint.ip());
    let out = watch(&server, &["-c", &other, "--throttle", "1", "--count", "6", "SELECT TimerId FROM __TimerEvent"]).good();
    let line = |host: &str| format!("{{\"__HOST\":\"{host}\",\"TimerId\":\"tick\"}}");
    let (one, two) = (line(other.trim_end_matches('.')), line(&other));
    assert!(out.lines().count() == 6 && out.lines().all(|l| l == one || l == two) && out.contains(&one) && out.contains(&two), "{out}");
    let group = "SELECT * FROM __TimerEvent GROUP WITHIN 1";
    let group: Value = serde_json::from_str(&watch(&server, &["--count", "1", group]).good()).unwrap();
    assert!(group["NumberOfEvents"].as_u64() > Some(2), "{group}");
    assert_eq!(group["Representative"]["__CLASS"], "__TimerEvent");
}

#[test]
fn an_object_in_an_event_is_shown_whole() {
    let server = server("127.0.88.82");
    compile(&server, "class Thing { [key] string Name; uint32 Size; };");
    let query = "SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Thing'";
    let mut child = server.client(&["watch", "-n", r"root\default", "--count", "1", query]).spawn().unwrap();
    // Again and again, because nobody says when it listens.
    while child.try_wait().unwrap().is_none() {
        compile(&server, "instance of Thing { Name = \"a\"; Size = 5; };");
    }
    let out = child.wait_with_output().unwrap();
    let event: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(event["TargetInstance"], serde_json::json!({"__CLASS": "Thing", "Name": "a", "Size": 5}));
}

#[test]
fn the_time_can_be_over_first() {
    let server = server("127.0.88.83");
    let none = "SELECT * FROM __TimerEvent WHERE TimerId = 'other'";
    assert_eq!(watch(&server, &["--for", "1", none]).good(), "");
    watch(&server, &["--for", "1", "--count", "1", none]).bad(1, &["the time is over"]);
}

#[test]
fn a_watch_that_cannot_be_says_why() {
    let server = server("127.0.88.84");
    watch(&server, &["SELECT * FORM __TimerEvent"]).bad(1, &["WBEM_E_UNPARSABLE_QUERY", "^"]);
    watch(&server, &["SELECT * FROM __SystemSecurity"]).bad(1, &["WBEM_E_NOT_EVENT_CLASS", "events derive from __Event"]);
    let process = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Win32_Process'";
    server.run(&["watch", process]).bad(1, &["WBEMESS_E_REGISTRATION_TOO_PRECISE", "WITHIN"]);
    watch(&server, &["--count", "0", "SELECT * FROM __TimerEvent"]).bad(2, &["--count"]);
}

#[test]
fn a_key_press_ends_it_and_a_closed_pipe_does() {
    let server = server("127.0.88.85");
    let mut child = server.client(&["watch", "-n", r"root\default", "SELECT * FROM __TimerEvent"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("tick"));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut child = server.client(&["watch", "-n", r"root\default", "SELECT * FROM __TimerEvent"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    server.signal(Signal::TERM);
}

#[test]
fn a_server_that_goes_is_told() {
    let mut server = server("127.0.88.86");
    let mut child = server.client(&["watch", "-n", r"root\default", "SELECT * FROM __TimerEvent"]).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    drop(out);
    // Reading or being told, whichever came first: it ends.
    assert!(matches!(child.wait().unwrap().code(), Some(0 | 1)));
}
