//! What a parser has to say, and where.

use std::ops::Range;

/// A finding in a source text: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diag {
    /// Octet range in the source.
    pub span: Range<usize>,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// How to mend it, where that is known.
    pub help: Option<String>,
}

impl Diag {
    /// A finding without advice.
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Diag { span, message: message.into(), help: None }
    }

    /// The same finding with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Line and column of the start, both from 1; the column counts characters.
    pub fn position(&self, source: &str) -> (usize, usize) {
        let before = source.get(..self.span.start).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The line of the source with a caret below the place, the message and the advice.
    ///
    /// Control characters of the source are shown as spaces, so that no escape code reaches a terminal.
    pub fn render(&self, source: &str) -> String {
        let (line_no, column) = self.position(source);
        let line: String = source.lines().nth(line_no - 1).unwrap_or("").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let width = source.get(self.span.clone()).map_or(1, |s| s.lines().next().map_or(1, |l| l.chars().count())).max(1);
        let mut out = format!("{line}\n{}{} {}", " ".repeat(column - 1), "^".repeat(width), self.message);
        if let Some(help) = &self.help {
            out.push_str("\nhelp: ");
            out.push_str(help);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_below_its_place() {
        let d = Diag::new(9..13, "expected FROM").help("did you mean FROM?");
        assert_eq!(d.render("SELECT * FORM x"), "SELECT * FORM x\n         ^^^^ expected FROM\nhelp: did you mean FROM?");
        assert_eq!(Diag::new(3..3, "x").position("a\nbc"), (2, 2));
        assert_eq!(Diag::new(90..99, "end").render("ab"), "ab\n  ^ end");
    }
}
