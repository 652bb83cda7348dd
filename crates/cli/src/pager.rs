//! A pager for tables that are longer than the screen.

use std::io::{self, IsTerminal, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most octets of messages that wait for the end of the pager.
const WAITING_MAX: usize = 64 << 10;

static IS_WANTED: AtomicBool = AtomicBool::new(true);
static IS_SHOWN: AtomicBool = AtomicBool::new(false);
static WAITING: Mutex<String> = Mutex::new(String::new());

/// No pager in this process.
pub(crate) fn forbid() {
    IS_WANTED.store(false, Ordering::Relaxed);
}

/// Whether one has the screen now: nothing else may write there.
pub(crate) fn is_shown() -> bool {
    IS_SHOWN.load(Ordering::Relaxed)
}

/// Keeps a message for standard error until the pager is gone; `false` where there is none.
pub(crate) fn keeps(message: &str) -> bool {
    if !is_shown() {
        return false;
    }
    if let Ok(mut waiting) = WAITING.lock()
        && waiting.len() + message.len() <= WAITING_MAX
    {
        waiting.push_str(message);
    }
    true
}

/// Standard output, by a pager once it is longer than the screen. To flush it says that this was all.
pub(crate) struct Paged {
    state: State,
    /// Lines of the screen.
    height: usize,
    lines: usize,
}

enum State {
    /// It fits so far.
    Holding(Vec<u8>),
    Direct,
    Pager(Child),
}

impl Paged {
    /// Standard output, where it is a terminal that is `height` lines high; `None` is no terminal.
    pub(crate) fn new(height: Option<u16>) -> Paged {
        let dumb = std::env::var_os("TERM").is_none_or(|t| t == "dumb");
        let can = IS_WANTED.load(Ordering::Relaxed) && !dumb && io::stdout().is_terminal();
        match height.filter(|h| can && *h != 0) {
            Some(height) => Paged { state: State::Holding(Vec::new()), height: height.into(), lines: 0 },
            None => Paged { state: State::Direct, height: 0, lines: 0 },
        }
    }

    /// What was held goes out: to a pager where one can be started.
    fn decide(&mut self, is_long: bool) -> io::Result<()> {
        let State::Holding(held) = &mut self.state else { return Ok(()) };
        let held = std::mem::take(held);
        self.state = match is_long.then(start).flatten() {
            Some(child) => {
                IS_SHOWN.store(true, Ordering::Relaxed);
                State::Pager(child)
            }
            None => State::Direct,
        };
        self.write_all(&held)
    }

    /// Waits until whoever reads has seen enough.
    fn end(&mut self) {
        if let State::Pager(child) = &mut self.state {
            drop(child.stdin.take());
            let _ = child.wait();
            IS_SHOWN.store(false, Ordering::Relaxed);
            let waiting = WAITING.lock().map(|mut w| std::mem::take(&mut *w)).unwrap_or_default();
            let _ = io::stderr().write_all(waiting.as_bytes());
            self.state = State::Direct;
        }
    }
}

impl Write for Paged {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Holding(held) => {
                held.extend_from_slice(octets);
                self.lines += octets.iter().filter(|o| **o == b'\n').count();
                // The last line of the screen is the shell's.
                if self.height <= self.lines {
                    self.decide(true)?;
                }
                Ok(octets.len())
            }
            State::Direct => io::stdout().write(octets),
            State::Pager(child) => match &mut child.stdin {
                Some(stdin) => stdin.write(octets),
                None => Err(io::ErrorKind::BrokenPipe.into()),
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.decide(false)?;
        self.end();
        io::stdout().flush()
    }
}

impl Drop for Paged {
    fn drop(&mut self) {
        // An interrupted table is none; a pager that has begun is waited for, since it has the terminal.
        self.end();
    }
}

/// The pager that somebody asked for; `None` where he asked for none, or it is not there.
fn start() -> Option<Child> {
    let own = ["RWMI_PAGER", "PAGER"].iter().find_map(|n| std::env::var(n).ok());
    let mut command = match own.as_deref().map(str::trim) {
        None => {
            let mut less = Command::new("less");
            less.arg("-FRX");
            less
        }
        Some("" | "cat") => return None,
        Some(line) => {
            let program = line.split_whitespace().next().unwrap_or_default();
            // A shell would find out too late.
            let is_word = program.chars().all(|c| c.is_alphanumeric() || "-_./+".contains(c));
            if is_word && !is_there(program) {
                return None;
            }
            let mut shell = Command::new(if cfg!(windows) { "cmd" } else { "sh" });
            shell.args([if cfg!(windows) { "/C" } else { "-c" }, line]);
            // As git does it: less alone would show colours as signs, and stay for a page.
            if std::env::var_os("LESS").is_none() {
                shell.env("LESS", "FRX");
            }
            shell
        }
    };
    command.stdin(Stdio::piped()).spawn().ok()
}

fn is_there(program: &str) -> bool {
    if program.contains('/') || cfg!(windows) {
        return cfg!(windows) || std::path::Path::new(program).is_file();
    }
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|d| d.join(program).is_file()))
}
