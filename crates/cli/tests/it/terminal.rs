//! What people see on a terminal, and that none of it is in pipes.

use crate::support::*;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};

const OS: &str = "SELECT Caption, Version FROM Win32_OperatingSystem";

/// A command on a terminal.
pub(crate) struct Terminal {
    master: std::fs::File,
    child: Child,
    shown: Vec<u8>,
}

impl Terminal {
    /// On a terminal of this size.
    pub(crate) fn start(mut command: Command, rows: u16, columns: u16) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&slave, size).unwrap();
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        if !command.get_envs().any(|(n, _)| n == "TERM") {
            command.env("TERM", "xterm");
        }
        // With it goes our own end of the terminal that the command has.
        let child = command.spawn().unwrap();
        Terminal { master: master.into(), child, shown: Vec::new() }
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until a text is shown, and forgets what came before.
    pub(crate) fn until(&mut self, text: &str) {
        loop {
            let shown = String::from_utf8_lossy(&self.shown).into_owned();
            if let Some(at) = shown.find(text) {
                self.shown = shown.into_bytes().split_off(at + text.len());
                return;
            }
            assert!(self.more(), "the end before {text:?}: {shown:?}");
        }
    }

    /// Reads on; `false` at the end: the last one who closes makes reading fail.
    fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let n = self.master.read(&mut buffer).unwrap_or(0);
        self.shown.extend_from_slice(&buffer[..n]);
        n != 0
    }

    /// Waits for its end; gives its status and what was shown.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        while self.more() {}
        let code = self.child.wait().unwrap().code();
        (code, String::from_utf8_lossy(&self.shown).replace("\r\n", "\n"))
    }
}

/// What a command shows on a terminal of this size, both streams as they come, and its status.
fn on_terminal(command: Command, rows: u16, columns: u16) -> (Option<i32>, String) {
    Terminal::start(command, rows, columns).end()
}

/// Without a pager, at the recorded machine.
fn local(place: &Place, args: &[&str], variables: &[(&str, &str)], columns: u16) -> String {
    let mut command = place.command(args);
    command.envs(variables.iter().copied());
    let (code, shown) = on_terminal(command, 100, columns);
    assert_eq!(code, Some(0), "{shown}");
    shown
}

#[test]
fn headings_are_painted_on_a_terminal_only() {
    let place = Place::new("");
    let (painted, plain) = (
        "\x1b[1mCaption                         Version\x1b[0m\nDebian GNU/Linux 12 (bookworm)  6.1.0-28-amd64\n",
        "Caption                         Version\nDebian GNU/Linux 12 (bookworm)  6.1.0-28-amd64\n",
    );
    let check = |args: &[&str], variables: &[(&str, &str)], expect: &str| {
        assert_eq!(local(&place, &[&["query", OS], args].concat(), variables, 120), expect, "{args:?} {variables:?}");
    };
    check(&[], &[], painted);
    check(&[], &[("NO_COLOR", "1")], plain);
    check(&[], &[("NO_COLOR", "")], painted);
    check(&[], &[("TERM", "dumb")], plain);
    check(&["--color", "never"], &[("CLICOLOR_FORCE", "1")], plain);
    check(&["--color", "always"], &[("NO_COLOR", "1")], painted);
    let json = local(&place, &["query", "-o", "jsonl", OS], &[], 120);
    assert!(!json.contains('\x1b'), "{json:?}");

    // A pipe has none, unless somebody insists.
    let piped = |args: &[&str], variable: Option<(&str, &str)>| {
        let mut command = place.command(&[&["query", "-o", "table", OS], args].concat());
        command.envs(variable);
        finish(command).good()
    };
    assert_eq!(piped(&[], None), plain);
    assert_eq!(piped(&[], Some(("CLICOLOR_FORCE", "1"))), painted);
    assert_eq!(piped(&[], Some(("CLICOLOR_FORCE", "0"))), plain);
    assert_eq!(piped(&["--color=always"], None), painted);
    assert_eq!(rwmi(&["query", "--color", "sometimes", OS]).bad(2, &["sometimes"]).out, "");
}

#[test]
fn failures_are_painted_on_a_terminal_only() {
    let args = ["query", "-c", "127.0.102.9", "-u", "alice", "--endpoint-port", "1", OS];
    let run = |no_color: bool| {
        let mut command = command(&args);
        command.env("RWMI_PASSWORD", "x");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        on_terminal(command, 24, 80)
    };
    let (code, shown) = run(false);
    assert!(
        code == Some(1) && shown.starts_with("\x1b[1;31merror:\x1b[0m 127.0.102.9:1") && shown.contains("\x1b[36mhint:\x1b[0m"),
        "{shown:?}"
    );
    let (_, shown) = run(true);
    assert!(shown.starts_with("error: 127.0.102.9:1") && !shown.contains('\x1b'), "{shown:?}");
    let mut piped = command(&args);
    piped.env("RWMI_PASSWORD", "x");
    assert!(!finish(piped).bad(1, &["error: 127.0.102.9:1"]).err.contains('\x1b'));
}

#[test]
fn help_is_painted_as_the_rest_is() {
    let (_, shown) = on_terminal(command(&["query", "--help"]), 24, 80);
    assert!(shown.contains('\x1b'));
    let (_, shown) = on_terminal(command(&["query", "--color=never", "--help"]), 24, 80);
    assert!(!shown.contains('\x1b'));
    assert!(!rwmi(&["query", "--help"]).good().contains('\x1b'));
}

#[test]
fn a_narrow_terminal_shows_every_value() {
    let place = Place::new("");
    // Forty columns are enough for two, and wrap them; many become a list.
    let shown = local(&place, &["query", OS, "--color=never"], &[], 40);
    assert!(shown.lines().all(|l| l.chars().count() <= 40) && shown.contains("bookworm"), "{shown}");
    let painted = local(&place, &["query", OS], &[], 40);
    let is_heading = |l: &str| l.starts_with("\x1b[1m") && l.ends_with("\x1b[0m");
    assert!(is_heading(painted.lines().next().unwrap()) && !is_heading(painted.lines().last().unwrap()), "{painted:?}");
    let all = local(&place, &["query", "SELECT * FROM Win32_OperatingSystem"], &[], 40);
    assert!(all.contains("\x1b[1mCaption ") && all.contains("\x1b[0m : Debian GNU/Linux 12 (bookworm)\n"), "{all}");
}

/// A pager that marks what it was given, and says how it was called.
fn pager(dir: &std::path::Path, name: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, "#!/bin/sh\necho \"paged $* LESS=$LESS\"; sed 's/^/|/'\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn a_long_table_goes_to_a_pager() {
    let place = Place::new("");
    let dir = tempfile::tempdir().unwrap();
    let own = pager(dir.path(), "own");
    pager(dir.path(), "less");
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let query = "SELECT Handle, Name FROM Win32_Process";
    let run = |args: &[&str], variables: &[(&str, &str)], rows: u16| {
        let mut command = place.command(&[&["query", query, "--color=never"], args].concat());
        command.env_remove("PAGER").env_remove("LESS").env("PATH", &path).envs(variables.iter().copied());
        let (code, shown) = on_terminal(command, rows, 120);
        assert_eq!(code, Some(0), "{shown}");
        shown
    };
    let plain = run(&["--no-pager"], &[], 5);
    let count = u16::try_from(plain.lines().count()).unwrap();
    assert!(5 < count && !plain.contains("paged"));
    let paged = |head: &str| format!("{head}\n{}", plain.lines().map(|l| format!("|{l}\n")).collect::<String>());
    assert_eq!(run(&[], &[("RWMI_PAGER", own.as_str()), ("PAGER", "cat")], 5), paged("paged  LESS=FRX"));
    assert_eq!(run(&[], &[("PAGER", format!("{own} -x").as_str()), ("LESS", "S")], 5), paged("paged -x LESS=S"));
    assert_eq!(run(&[], &[], 5), paged("paged -FRX LESS="));
    // One line of the screen is the shell's.
    assert_eq!(run(&[], &[], count), paged("paged -FRX LESS="));
    assert_eq!(run(&[], &[], count + 1), plain);
    // Nobody, nobody who is there, no terminal that could, and no table.
    assert_eq!(run(&[], &[("RWMI_PAGER", "")], 5), plain);
    assert_eq!(run(&[], &[("PAGER", "/does/not/exist")], 5), plain);
    assert_eq!(run(&[], &[("PAGER", "does-not-exist -x")], 5), plain);
    assert_eq!(run(&[], &[("TERM", "dumb")], 5), plain);
    assert!(!run(&["-o", "jsonl"], &[], 5).contains("paged"));
    let mut piped = place.command(&["query", "-o", "table", query]);
    piped.env("RWMI_PAGER", &own);
    assert_eq!(finish(piped).good(), plain);
}

#[test]
fn a_pager_that_is_left_early_is_no_failure() {
    let place = Place::new("");
    let mut command = place.command(&["query", "SELECT * FROM Win32_Process", "--color=never"]);
    command.env("RWMI_PAGER", "head -n 1");
    let (code, shown) = on_terminal(command, 5, 200);
    assert_eq!((code, shown.lines().count()), (Some(0), 1), "{shown}");
}
