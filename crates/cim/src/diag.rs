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
    /// Control characters of the source are shown as spaces, so that no escape code reaches a terminal. Of a line longer
    /// than a terminal is wide only the part around the place is shown.
    pub fn render(&self, source: &str) -> String {
        let (line_no, column) = self.position(source);
        let line = source.lines().nth(line_no - 1).unwrap_or("");
        let width = source.get(self.span.clone()).map_or(1, |s| s.lines().next().map_or(1, |l| l.chars().count())).max(1);
        let shown = |c: char| if c.is_control() { ' ' } else { c };
        let (mut text, mut before, mut width) = (line.chars().map(shown).collect::<String>(), column - 1, width);
        if text.chars().count() > LINE_LEN_MAX {
            let skipped = before.saturating_sub(LINE_LEN_MAX / 2);
            let rest = text.chars().count() - skipped;
            let part: String = text.chars().skip(skipped).take(LINE_LEN_MAX).collect();
            text = format!("{}{part}{}", if skipped > 0 { "…" } else { "" }, if rest > LINE_LEN_MAX { "…" } else { "" });
            before = before - skipped + usize::from(skipped > 0);
            width = width.min(LINE_LEN_MAX - (before - usize::from(skipped > 0)).min(LINE_LEN_MAX - 1));
        }
        let mut out = format!("{text}\n{}{} {}", " ".repeat(before), "^".repeat(width), self.message);
        if let Some(help) = &self.help {
            out.push_str("\nhelp: ");
            out.push_str(help);
        }
        out
    }
}

/// Longest part of a line that is shown, in characters.
const LINE_LEN_MAX: usize = 120;

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

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let source = format!("{}FORM{}", "a".repeat(500), "b".repeat(500));
        let d = Diag::new(500..504, "expected FROM");
        let shown = d.render(&source);
        let (line, caret) = shown.split_once('\n').unwrap();
        assert_eq!((line.chars().count(), line.chars().next(), line.chars().last()), (122, Some('…'), Some('…')));
        let at = caret.find('^').unwrap();
        assert_eq!(line.chars().skip(at).take(4).collect::<String>(), "FORM");
        assert_eq!(Diag::new(0..1000, "x").render(&source).lines().nth(1).unwrap().len(), 122);
        assert!(Diag::new(1004..1004, "end").render(&source).ends_with("^ end"));
    }
}
