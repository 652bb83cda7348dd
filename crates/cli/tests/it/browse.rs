//! The explorer as a person has it: keys go into a pseudo-terminal, and what a terminal would show is read.

use crate::support::{PASSWORD, Server, USER, command, finish, rwmi};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// After this a screen does not come any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// The command at a terminal of its own.
struct Tty {
    master: File,
    child: Child,
    octets: Receiver<Vec<u8>>,
    terminal: vt100::Parser,
    raw: Vec<u8>,
}

impl Tty {
    fn start(columns: u16, lines: u16, args: &[String], settings: &[(&str, &str)]) -> Tty {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())).to_owned();
        let slave = OpenOptions::new().read(true).write(true).open(path).unwrap();
        resize(&slave, columns, lines);
        let end = || Stdio::from(slave.try_clone().unwrap());
        // A session of its own, so that the terminal tells it of a new size.
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_rwmi"), "browse"]).args(args).stdin(end()).stdout(end()).stderr(end());
        for name in ["RWMI_LOG", "NO_COLOR", "CREDENTIALS_DIRECTORY"] {
            command.env_remove(name);
        }
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD).env("TERM", "xterm-256color").envs(settings.iter().copied());
        let child = command.spawn().unwrap();
        drop((command, slave));
        let master = File::from(master);
        let mut reader = master.try_clone().unwrap();
        let (sender, octets) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Tty { master, child, octets, terminal: vt100::Parser::new(lines, columns, 0), raw: Vec::new() }
    }

    fn keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// The screen, without blanks at the ends of its lines.
    fn screen(&self) -> String {
        let (_, columns) = self.terminal.screen().size();
        self.terminal.screen().rows(0, columns).map(|row| row.trim_end().to_owned() + "\n").collect()
    }

    /// Waits for a screen that has all of these, and on which nothing turns.
    #[track_caller]
    fn wait(&mut self, words: &[&str]) -> String {
        self.wait_for(|screen| !screen.contains("(Esc stops)") && words.iter().all(|w| screen.contains(w)), &format!("{words:?}"))
    }

    #[track_caller]
    fn wait_for(&mut self, is_it: impl Fn(&str) -> bool, what: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            // Whole pictures only.
            if self.raw.ends_with(b"\x1b[?2026l") && is_it(&screen) {
                return screen;
            }
            match self.octets.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(octets) => {
                    self.raw.extend(&octets);
                    self.terminal.process(&octets);
                }
                Err(why) => panic!("no {what} ({why}); the screen is\n{screen}"),
            }
        }
    }

    /// Waits for the end; gives the exit status.
    fn end(&mut self) -> Option<i32> {
        let status = self.child.wait().unwrap();
        // Linux answers with an error at the end of a pseudo-terminal, which ends the reader.
        while let Ok(octets) = self.octets.recv_timeout(PATIENCE) {
            self.raw.extend(&octets);
            self.terminal.process(&octets);
        }
        status.code()
    }

    /// It ended with this status, and the terminal is as it was.
    #[track_caller]
    fn ended(mut self, status: i32) {
        assert_eq!(self.end(), Some(status), "{}", self.screen());
        let screen = self.terminal.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(terminal: &File, columns: u16, lines: u16) {
    tcsetwinsize(terminal, Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

/// Classes and an instance of the tests: with what would steer a terminal, and as wide as it gets.
const MOF: &str = r#"
    [Description("Seen by tests.")]
    class Rwmi_Seen {
      [key, Description("By which it is known.")] string Id;
      string Text;
    };
    instance of Rwmi_Seen { Id = "evil"; Text = "\x1b[2J\x7 a\nb \x202Eexe.txt \x6F22\x5B57"; };
"#;

const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const BACK: &str = "\x7f";
const DOWN: &str = "\x1b[B";

fn compile(server: &Server, file: &Path) {
    let mut args = words(&["mof", "compile", file.to_str().unwrap()]);
    args.extend(server.way());
    let mut command = command(&args);
    command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    finish(command).good();
}

/// The way that somebody goes who sees a computer for the first time.
fn tour(columns: u16, lines: u16, address: &str) {
    let server = Server::start(address, "");
    let file = server.place.dir.path().join("seen.mof");
    std::fs::write(&file, MOF).unwrap();
    compile(&server, &file);
    let mut tty = Tty::start(columns, lines, &server.way(), &[]);
    let look = |screen: &str, name: &str| {
        let screen = screen.replace(address, "SERVER").replace(&server.object.port().to_string(), "PORT");
        insta::assert_snapshot!(format!("{name}_{columns}x{lines}"), screen);
    };
    look(&tty.wait(&["CIM_Component", "GroupComponent"]), "classes");
    tty.keys("/win32_proc");
    look(&tty.wait(&["Win32_Process : CIM_Process", "╭ Win32_Process ", "Caption"]), "search");
    tty.keys(ENTER);
    look(&tty.wait(&["Win32_Process", "▾ CIM_Process", "Handle"]), "class");
    tty.keys("2");
    look(&tty.wait(&["GetOwner"]), "methods");
    tty.keys("4");
    look(&tty.wait(&["class Win32_Process"]), "mof");
    tty.keys("i");
    look(&tty.wait(&["of 13 rows"]), "instances");
    tty.keys(ENTER);
    look(&tty.wait(&["╭ Win32_Process.Handle=\"1\"", "A short text for people"]), "object");
    // A method that changes nothing, on this instance.
    tty.keys("m");
    look(&tty.wait(&["Methods of Win32_Process"]), "choose_method");
    tty.keys(&[DOWN, DOWN, ENTER].concat());
    tty.wait(&["▶ Call: Enter"]);
    tty.keys(ENTER);
    look(&tty.wait(&["Call GetOwner?"]), "confirm");
    tty.keys("y");
    look(&tty.wait(&["GetOwner returned 0", "User"]), "returned");
    // A query that is none, and one that is.
    tty.keys("w");
    tty.wait(&["╭ WQL ", "SELECT * FROM"]);
    tty.keys(&format!("Rwmi_Seen WERE Id = 1{ENTER}"));
    look(&tty.wait(&["did you mean WHERE?"]), "caret");
    tty.keys(&format!("\x15SELECT Id, Text FROM Rwmi_Seen{ENTER}"));
    look(&tty.wait(&["1 of 1 row", "evil"]), "harmless");
    // Back by a step, then to the tree; from there events of what another client writes.
    tty.keys(BACK);
    tty.wait(&["GetOwner returned 0"]);
    tty.keys("t");
    tty.wait(&["▾ CIM_Process"]);
    tty.keys("e");
    tty.wait(&["╭ WQL for events"]);
    tty.keys(&format!("\x15SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Rwmi_Seen'{ENTER}"));
    tty.wait(&["watching, 0 so far"]);
    std::fs::write(&file, "instance of Rwmi_Seen { Id = \"new\"; };").unwrap();
    compile(&server, &file);
    look(&tty.wait(&["watching, 1 so far"]), "events");
    tty.keys(ESCAPE);
    tty.wait(&["stopped watching"]);
    tty.keys("n");
    look(&tty.wait(&["Namespaces of", "default"]), "namespaces");
    tty.keys("?");
    look(&tty.wait(&["Everywhere"]), "help");
    tty.keys("q");
    tty.wait_for(|screen| !screen.contains("Everywhere"), "end of help");
    tty.keys("q");
    tty.ended(0);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn browse_is_driven_by_keys_at_80x24() {
    tour(80, 24, "127.0.106.11");
}

#[test]
fn browse_is_driven_by_keys_at_200x50() {
    tour(200, 50, "127.0.106.12");
}

#[test]
fn browse_needs_a_terminal() {
    rwmi(&["browse", "127.0.106.13"]).bad(2, &["needs a terminal", "hint: rwmi query"]);
}

/// A computer that takes connections and says nothing.
fn silent(address: &str) -> (TcpListener, Vec<String>) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, words(&["-c", address, "--endpoint-port", &port]))
}

#[test]
fn browse_gives_the_terminal_back_however_it_ends() {
    let (_listener, way) = silent("127.0.106.14");
    let start = || {
        let mut tty = Tty::start(80, 24, &way, &[]);
        tty.wait_for(|screen| screen.contains("(Esc stops)"), "question under way");
        assert!(tty.terminal.screen().alternate_screen());
        tty
    };
    let mut tty = start();
    tty.keys("\x03");
    tty.ended(130);
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let tty = start();
        kill_process(Pid::from_child(&tty.child), signal).unwrap();
        tty.ended(status);
    }
}

#[test]
fn browse_waits_for_a_silent_computer_without_standing_still() {
    let (listener, way) = silent("127.0.106.15");
    let mut tty = Tty::start(80, 24, &way, &[]);
    tty.wait_for(|screen| screen.contains("(Esc stops)"), "question under way");
    tty.keys("?");
    tty.wait_for(|screen| screen.contains("Everywhere"), "help");
    tty.keys("q");
    tty.keys(ESCAPE);
    tty.wait(&["stopped"]);
    // One that refuses is told with what to do.
    drop(listener);
    tty.keys("r");
    tty.wait(&["refused", "hint:"]);
    tty.keys("q");
    tty.ended(0);
}

#[test]
fn browse_follows_the_size_of_its_terminal() {
    let (_listener, way) = silent("127.0.106.16");
    let mut tty = Tty::start(80, 24, &way, &[]);
    tty.wait_for(|screen| screen.contains("(Esc stops)"), "question under way");
    tty.terminal.screen_mut().set_size(9, 30);
    resize(&tty.master, 30, 9);
    tty.wait(&["30 x 9 is too small", "32 x 10"]);
    tty.terminal.screen_mut().set_size(16, 40);
    resize(&tty.master, 40, 16);
    tty.wait_for(|screen| screen.contains("╭ Classes ──"), "tree in 40 columns");
    tty.keys("\x03");
    tty.ended(130);
}

#[test]
fn browse_without_colours_has_none() {
    let (_listener, way) = silent("127.0.106.17");
    let colours = |settings: &[(&str, &str)]| {
        let mut tty = Tty::start(80, 24, &way, settings);
        tty.wait_for(|screen| screen.contains("(Esc stops)"), "question under way");
        tty.keys("\x03");
        tty.end();
        let text = String::from_utf8_lossy(&tty.raw).into_owned();
        // The numbers of colours in what selects how signs look; 39 and 49 take them away.
        let parts = text.split("\x1b[").filter_map(|part| part.split_once('m')).map(|(numbers, _)| numbers.to_owned());
        parts.flat_map(|n| n.split(';').map(str::to_owned).collect::<Vec<_>>()).filter(|n| matches!(n.as_str(), "38" | "48")).count()
    };
    assert_ne!(colours(&[]), 0);
    assert_eq!(colours(&[("NO_COLOR", "1")]), 0);
}
