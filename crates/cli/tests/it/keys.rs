//! Ctrl-C at any moment: before each message between a command and a server. The command ends with 130, and the server holds nothing.

use crate::support::*;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Stands between a command and a server, counts the messages of both directions, and presses the key before one of them.
struct Between {
    count: AtomicUsize,
    press_before: AtomicUsize,
    child: Mutex<Option<Pid>>,
}

impl Between {
    /// On another address, with the server's ports.
    fn new(server: &Server, address: &str) -> Arc<Between> {
        let between = Arc::new(Between { count: AtomicUsize::new(0), press_before: AtomicUsize::new(0), child: Mutex::new(None) });
        for to in [server.endpoint, server.object] {
            let listener = TcpListener::bind((address, to.port())).unwrap();
            let between = between.clone();
            std::thread::spawn(move || {
                for client in listener.incoming() {
                    between.clone().join(client.unwrap(), to);
                }
            });
        }
        between
    }

    fn join(self: Arc<Self>, client: TcpStream, to: SocketAddr) {
        let Ok(server) = TcpStream::connect(to) else { return };
        let pass = |mut from: TcpStream, mut to: TcpStream, between: Arc<Between>| {
            std::thread::spawn(move || {
                let mut octets = vec![0; 1 << 16];
                while let Ok(n) = from.read(&mut octets) {
                    if n == 0 || {
                        between.message();
                        to.write_all(&octets[..n]).is_err()
                    } {
                        break;
                    }
                }
                let _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
            });
        };
        pass(client.try_clone().unwrap(), server.try_clone().unwrap(), self.clone());
        pass(server, client, self);
    }

    fn message(&self) {
        if self.count.fetch_add(1, Ordering::SeqCst) + 1 == self.press_before.load(Ordering::SeqCst)
            && let Some(child) = *self.child.lock().unwrap()
        {
            // It may have ended meanwhile.
            let _ = kill_process(child, Signal::INT);
        }
    }

    /// Runs a command with the key before its `nth` message; gives what it did, and whether the key was pressed.
    fn run(&self, mut command: Command, nth: usize) -> (ExitStatus, String, String, bool) {
        let mut child = self.child.lock().unwrap();
        self.count.store(0, Ordering::SeqCst);
        self.press_before.store(nth, Ordering::SeqCst);
        let running: Child = command.spawn().unwrap();
        *child = Some(Pid::from_child(&running));
        drop(child);
        let output = running.wait_with_output().unwrap();
        // Nobody presses a key for a process that is gone.
        *self.child.lock().unwrap() = None;
        let text = |octets| String::from_utf8(octets).unwrap();
        (output.status, text(output.stdout), text(output.stderr), nth <= self.count.load(Ordering::SeqCst))
    }
}

/// Objects that a query holds at most. With one less it is refused: so a single one that is left behind shows.
const OBJECTS: usize = 3;

fn limits(objects: usize) -> String {
    format!("[limits]\nobjects-per-account = {objects}\nsessions-per-account = 1\n[methods]\nallow = [\"Win32_Process.Create\"]\n")
}

#[test]
fn a_key_before_any_message_leaves_nothing_on_the_server() {
    let few = Server::start("127.0.103.41", &limits(OBJECTS - 1));
    let query = ["query", "SELECT Bias FROM Win32_TimeZone"];
    few.run(&query).bad(1, &[]);
    let server = Server::start("127.0.103.42", &limits(OBJECTS));
    let between = Between::new(&server, "127.0.103.43");
    let command_of = |words: &[&str]| {
        let port = server.endpoint.port().to_string();
        // `wmic` has its own way to say where.
        let mut command = if words[0] == "wmic" {
            let host = format!("//127.0.103.43[{port}]");
            command(&["wmic", "-U", &format!("{USER}%{PASSWORD}"), &host, words[1]])
        } else {
            let head = if words[0] == "mof" { 2 } else { 1 };
            command(&[&words[..head], &["-c", "127.0.103.43", "--endpoint-port", &port], &words[head..]].concat())
        };
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        command
    };
    let file = server.place.dir.path().join("x.mof");
    std::fs::write(&file, "class Demo_Key { [key] string Name; };").unwrap();
    let (zone, file) = ("SELECT Bias FROM Win32_TimeZone", file.to_str().unwrap());
    // Commands, and which messages are taken: each of a query, and of the others every few.
    for (words, step) in [
        (&["query", zone][..], 1),
        (&["get-class", "Win32_TimeZone"], 5),
        (&["call", "Win32_Process.Handle=\"1\"", "GetOwner"], 5),
        (&["mof", "compile", "--check", "-n", r"root\default", file], 5),
        (&["wmic", zone], 3),
        (&["watch", "--for", "2", "SELECT * FROM __InstanceCreationEvent WITHIN 9 WHERE TargetInstance ISA 'Win32_TimeZone'"], 5),
    ] {
        let mut nth = 1;
        loop {
            let (status, out, err, pressed) = between.run(command_of(words), nth);
            assert!(!err.contains("panicked"), "{words:?} {nth}: {err}");
            // A key before there is anything to hold ends the process as the system does.
            let interrupted = status.code() == Some(130) || status.signal() == Some(2);
            // Behind the last row it may be too late.
            assert!(interrupted || (status.success() && (!out.is_empty() || words[0] == "watch")), "{words:?} {nth}: {status} {out} {err}");
            if !pressed {
                assert!(status.success() && 10 < nth, "{words:?}: {nth} messages, {status}");
                break;
            }
            nth += step;
        }
        // All that there may be at a time is free.
        server.run(&query).good();
    }
}

#[test]
fn a_key_while_a_name_is_looked_up_or_a_port_is_silent_ends_at_once() {
    let ended = |mut child: Child, what: &str| {
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{what}: {status}");
    };
    let ask = |words: &[&str]| {
        let mut command = command(&[&["query", "--timeout", "60"], words, &["SELECT Bias FROM Win32_TimeZone"]].concat());
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        command
    };
    // Connected, and nothing is ever said.
    for hosts in ["127.0.103.44", "127.0.103.44,127.0.103.44."] {
        let silent = TcpListener::bind("127.0.103.44:0").unwrap();
        let port = silent.local_addr().unwrap().port().to_string();
        let child = ask(&["-c", hosts, "--endpoint-port", &port]).spawn().unwrap();
        let _stream = silent.accept().unwrap();
        ended(child, hosts);
    }
    // A name server that never answers, in a mount namespace of its own.
    let names = UdpSocket::bind("127.0.103.45:53").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let resolv = dir.path().join("resolv.conf");
    std::fs::write(&resolv, "nameserver 127.0.103.45\noptions timeout:30 attempts:1\n").unwrap();
    let asking = ask(&["-c", "srv.corp.example"]);
    let mut command = Command::new("unshare");
    let words: Vec<_> = std::iter::once(asking.get_program()).chain(asking.get_args()).collect();
    command.args(["-m", "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""]).arg(&resolv).args(words);
    command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD).stdin(std::process::Stdio::null());
    let child = command.spawn().unwrap();
    names.recv_from(&mut [0; 512]).unwrap();
    ended(child, "name");
}
