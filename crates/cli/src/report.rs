//! How failures are told: one sentence, then what to do.

use crate::pager;
use crate::paint::{self, Paint};
use std::fmt::Display;
use std::io::Write;

/// The command did what was asked and it failed.
pub(crate) const FAILURE: u8 = 1;
/// The command was asked for something that makes no sense.
pub(crate) const USAGE: u8 = 2;

/// Some computers failed and others did not.
pub(crate) const PARTIAL: u8 = 3;

/// Why the command ends.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One sentence, lower case.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// The exit status.
    pub(crate) code: u8,
}

impl Failure {
    /// A failure with its sentence.
    pub(crate) fn new(message: impl Display) -> Failure {
        Failure { message: message.to_string(), hint: None, code: FAILURE }
    }

    /// A request that makes no sense.
    pub(crate) fn usage(message: impl Display) -> Failure {
        Failure { code: USAGE, ..Failure::new(message) }
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Display) -> Failure {
        Failure { hint: Some(hint.to_string()), ..self }
    }

    /// Writes it to standard error.
    pub(crate) fn print(&self) {
        let text = self.text(paint::err());
        if pager::keeps(&text) {
            return;
        }
        // Nobody is left to tell when standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn text(&self, paint: Paint) -> String {
        let mut lines = self.message.lines();
        let mut text = format!("{} {}\n", paint.bad("error:"), harmless(lines.next().unwrap_or_default()));
        lines.for_each(|line| text += &format!("  {}\n", harmless(line)));
        if let Some(hint) = &self.hint {
            text += &format!("  {} {hint}\n", paint.advice("hint:"));
        }
        text
    }
}

/// Prints a text. That nobody reads it is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(format!("cannot write to standard output: {e}"))),
        _ => Ok(()),
    }
}

/// What a server said, or a file, must not steer the terminal.
pub(crate) fn harmless(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_sentence_and_advice() {
        let text = Failure::new("a: failed\x1b[2J\nsecond line").hint("do this").text(Paint::default());
        assert_eq!(text, "error: a: failed\u{fffd}[2J\n  second line\n  hint: do this\n");
        assert_eq!(Failure::usage("x").code, 2);
    }
}
