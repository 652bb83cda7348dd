//! A provider that hangs in the system for ever, within the process of the command: the command ends all the same.

use crate::support::*;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// What a command takes at most that has nothing to wait for, on a machine with much else to do.
const LONG: Duration = Duration::from_secs(30);

/// A machine whose list of users is a pipe that nobody writes to: who opens it waits in the system.
fn stuck() -> (tempfile::TempDir, Place) {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("etc")).unwrap();
    let fifo = root.path().join("etc/passwd");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let place = Place::over("", root.path().to_str().unwrap());
    (root, place)
}

/// Waits for an end that has to come.
fn ended(mut child: Child) -> (Option<i32>, Duration) {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), begun.elapsed());
        }
        if begun.elapsed() > LONG {
            child.kill().unwrap();
            panic!("it goes on");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

const USERS: &str = "SELECT Name FROM Win32_UserAccount";

#[test]
fn the_time_that_was_given_ends_the_process() {
    let (_root, place) = stuck();
    let check = |words: &[&str], code: i32| {
        let (came, _) = ended(place.command(&[words, &["--timeout", "1"]].concat()).spawn().unwrap());
        assert_eq!(came, Some(code), "{words:?}");
    };
    check(&["query", USERS], 1);
    check(&["check", "query", "--query", USERS], 3);
}

#[test]
fn a_key_ends_the_process() {
    let (_root, place) = stuck();
    let mut child = place.command(&["query", "-vv", USERS]).spawn().unwrap();
    // It says that it has logged in; after that the provider is stuck, or soon will be.
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(log.by_ref().any(|line| line.unwrap().contains("event=\"login\"")));
    let reading = std::thread::spawn(move || log.map_while(Result::ok).count());
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(ended(child).0, Some(130));
    reading.join().unwrap();
}
