//! `rwmi exec` against a server over this machine.

use crate::support::*;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Command;

/// A server that starts processes as whoever runs the test.
fn server(address: &str) -> Server {
    let me = Command::new("id").arg("-un").output().unwrap();
    let me = String::from_utf8(me.stdout).unwrap();
    let settings = format!("[methods]\nallow = [\"Win32_Process.Create\"]\nusers = {{ alice = {:?} }}", me.trim());
    Server::new(Place::over(&settings, "/"), address)
}

#[test]
fn the_status_of_the_process_is_that_of_the_command() {
    let server = server("127.0.88.91");
    let exec = |args: &[&str]| server.run(&[&["exec"], args].concat());
    for (script, status) in [("exit 0", 0), ("exit 3", 3), ("exit 125", 125), ("kill -9 $$", 137)] {
        let done = exec(&["--", "sh", "-c", script]);
        assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (Some(status), "", ""), "{script}");
    }
    let file = server.place.dir.path().join("a b");
    let script = format!("pwd > '{}'; exit 4", file.display());
    assert_eq!(exec(&["--directory", "/usr", "--", "sh", "-c", &script]).code, Some(4));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "/usr\n");
    assert_eq!(exec(&["--line", r#"sh -c "exit 5""#]).code, Some(5));
}

#[test]
fn what_fails_on_our_side_is_125() {
    let server = server("127.0.88.92");
    let exec = |args: &[&str]| server.run(&[&["exec"], args].concat());
    exec(&["--", "/nowhere/program"]).bad(125, &["nothing was started", "returned 9"]);
    exec(&["--line", "a", "b"]).bad(125, &["one argument"]);
    exec(&["--wait", "0", "--", "true"]).bad(125, &["--wait"]);
    exec(&[]).bad(125, &["COMMAND"]);
    exec(&["-c", "a,b", "--", "true"]).bad(125, &["one computer"]);
    exec(&["-n", r"root\nowhere", "--", "true"]).bad(125, &["WBEM_E_INVALID_NAMESPACE"]);
    // It goes on, so that one has to be told which it is.
    exec(&["--wait", "1", "--", "sleep", "3"]).bad(125, &["did not end in 1 seconds", "may still run"]);
    let silent = Server::start("127.0.88.93", "");
    silent.run(&["exec", "--", "true"]).bad(125, &["WBEM_E_METHOD_DISABLED"]);
}

#[test]
fn a_key_press_leaves_the_process_and_says_so() {
    let server = server("127.0.88.94");
    let file = server.place.dir.path().join("begun");
    let script = format!("touch '{}'; sleep 3", file.display());
    let child = server.client(&["exec", "--", "sh", "-c", &script]).spawn().unwrap();
    while !file.exists() {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(130), "{said}");
    // The answer of Create may still have been on its way: the file is the first thing that the process does.
    assert!(said.contains("interrupted"), "{said}");
}
