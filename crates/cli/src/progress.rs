//! How far a command with many computers has got: one line at the foot of a terminal, on standard error only, gone when it is done.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// What is over in a moment needs no line.
const FIRST: Duration = Duration::from_millis(200);

/// Nobody reads faster.
pub(crate) const EVERY: Duration = Duration::from_millis(100);

/// Columns where the terminal does not say.
const WIDTH: usize = 80;

/// The bar alone.
const BAR_MAX: usize = 40;
const BAR_MIN: usize = 8;

/// Back to the first column, and nothing behind it.
const CLEAR: &[u8] = b"\r\x1b[K";

/// The line and what it counts.
pub(crate) struct Progress {
    total: usize,
    done: usize,
    failed: usize,
    begun: Instant,
    /// Whether there is a terminal for it, and somebody who wants it.
    on: bool,
    /// Whether rows go to the same terminal.
    with_rows: bool,
    /// When it was drawn last.
    drawn: Option<Instant>,
    /// Whether it stands there.
    is_shown: bool,
}

impl Progress {
    /// For so many computers. It is for people: on a terminal that can take a line back.
    pub(crate) fn new(total: usize, wanted: bool) -> Progress {
        let can = || io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
        let on = wanted && 1 < total && can();
        let with_rows = on && io::stdout().is_terminal();
        Progress { total, done: 0, failed: 0, begun: Instant::now(), on, with_rows, drawn: None, is_shown: false }
    }

    /// Whether it is to be drawn from time to time.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// One computer more has said everything.
    pub(crate) fn done(&mut self) {
        self.done += 1;
    }

    /// One computer more has failed.
    pub(crate) fn failed(&mut self) {
        self.failed += 1;
    }

    /// Whether it is time to draw it.
    pub(crate) fn is_due(&self) -> bool {
        self.on
            && !crate::pager::is_shown()
            && self.done < self.total
            && self.drawn.map_or(self.begun + FIRST, |at| at + EVERY) <= Instant::now()
    }

    /// Draws it. Everything that goes to the terminal otherwise must have gone.
    pub(crate) fn draw(&mut self) {
        let now = Instant::now();
        let width = rustix::termios::tcgetwinsize(io::stderr()).ok().map(|s| s.ws_col.into()).filter(|w| *w != 0).unwrap_or(WIDTH);
        let line = line(self.done, self.failed, self.total, now - self.begun, width);
        (self.drawn, self.is_shown) = (Some(now), true);
        self.write(&[CLEAR, line.as_bytes()].concat());
    }

    /// Takes it away, before something is written to standard error.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            self.write(CLEAR);
        }
    }

    /// Takes it away, before rows are written.
    pub(crate) fn make_room(&mut self) {
        if self.with_rows {
            self.clear();
        }
    }

    fn write(&mut self, octets: &[u8]) {
        let mut err = io::stderr().lock();
        // Who cannot be told how far it is will do without.
        self.on &= err.write_all(octets).and_then(|()| err.flush()).is_ok();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `[======>      ] 12 of 1000 computers, 3 failed, 0:07`; shorter where the terminal is. The last column stays empty: some terminals
/// begin a new line behind it.
fn line(done: usize, failed: usize, total: usize, time: Duration, width: usize) -> String {
    let room = width.saturating_sub(1);
    let seconds = time.as_secs();
    let trouble = if failed == 0 { String::new() } else { format!(", {failed} failed") };
    let long = format!("{done} of {total} computers{trouble}, {}:{:02}", seconds / 60, seconds % 60);
    let short = format!("{done}/{total}{trouble}");
    let text = if long.len() + BAR_MIN + 3 <= room { long } else { short };
    match room.checked_sub(text.len() + 3).map(|free| free.min(BAR_MAX)) {
        Some(bar) if BAR_MIN <= bar => {
            let full = (bar * done).checked_div(total).unwrap_or(bar).min(bar);
            let head = if full < bar { ">" } else { "" };
            format!("[{}{head}{}] {text}", "=".repeat(full), " ".repeat(bar - full - head.len()))
        }
        _ => text.chars().take(room).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_its_terminal() {
        let check = |done, failed, width, expect: &str| assert_eq!(line(done, failed, 1000, Duration::from_secs(67), width), expect);
        check(250, 0, 80, "[==========>                             ] 250 of 1000 computers, 1:07");
        check(250, 3, 80, "[=========>                             ] 250 of 1000 computers, 3 failed, 1:07");
        check(250, 3, 40, "[====>             ] 250/1000, 3 failed");
        check(999, 0, 40, "[========>] 999 of 1000 computers, 1:07");
        check(250, 3, 20, "250/1000, 3 failed");
        check(250, 3, 10, "250/1000,");
        check(250, 3, 1, "");
        check(250, 3, 0, "");
        for width in 0..200 {
            for done in [0, 1, 500, 999, 1000] {
                let line = line(done, 7, 1000, Duration::from_secs(7), width);
                assert!(line.len() < width.max(1), "{width}: {line}");
            }
        }
    }

    #[test]
    fn nobody_sees_it_for_one_computer_or_off_a_terminal() {
        // The standard error of tests is a pipe or a file, or the line is not wanted.
        assert!(!Progress::new(1, true).is_on());
        assert!(!Progress::new(9, false).is_on());
    }
}
