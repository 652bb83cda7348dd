//! Colours: of headings, failures and what is well, where people look at a terminal.

use clap::ValueEnum;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set; anywhere where CLICOLOR_FORCE is
    #[default]
    Auto,
    /// In files and pipes too
    Always,
    /// Nowhere
    Never,
}

impl When {
    /// What the words of a command line ask for, before they are read in full.
    pub(crate) fn of_words(words: impl Iterator<Item = String>) -> When {
        let mut words = words.take_while(|w| w != "--");
        let mut when = When::Auto;
        while let Some(word) = words.next() {
            let value = match word.strip_prefix("--color") {
                Some("") => words.next(),
                Some(rest) => rest.strip_prefix('=').map(str::to_owned),
                None => None,
            };
            when = value.and_then(|v| When::from_str(&v, true).ok()).unwrap_or(when);
        }
        when
    }

    /// The same for what clap writes.
    pub(crate) fn choice(self) -> clap::ColorChoice {
        match self {
            When::Auto => clap::ColorChoice::Auto,
            When::Always => clap::ColorChoice::Always,
            When::Never => clap::ColorChoice::Never,
        }
    }
}

static WHEN: OnceLock<When> = OnceLock::new();

/// Sets it for the whole process, once.
pub(crate) fn start(when: When) {
    let _ = WHEN.set(when);
}

/// What paints, or leaves text as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Paint(bool);

/// For standard output.
pub(crate) fn out() -> Paint {
    on(io::stdout().is_terminal())
}

/// For standard error.
pub(crate) fn err() -> Paint {
    on(io::stderr().is_terminal())
}

fn on(is_terminal: bool) -> Paint {
    let variable = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0");
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    Paint(decide(WHEN.get().copied().unwrap_or_default(), variable("NO_COLOR"), forced, is_terminal && !dumb))
}

/// An option is asked first, then NO_COLOR, then CLICOLOR_FORCE.
fn decide(when: When, no_color: bool, forced: bool, is_terminal: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => !no_color && (forced || is_terminal),
    }
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A heading.
    pub(crate) fn heading(self, text: &str) -> String {
        self.with("1", text)
    }

    /// A failure.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// What should be looked at.
    pub(crate) fn doubtful(self, text: &str) -> String {
        self.with("33", text)
    }

    /// What is well.
    pub(crate) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Advice.
    pub(crate) fn advice(self, text: &str) -> String {
        self.with("36", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_asked_before_the_environment() {
        let check = |when, no_color, forced, terminal, expect| assert_eq!(decide(when, no_color, forced, terminal), expect);
        check(When::Auto, false, false, true, true);
        check(When::Auto, false, false, false, false);
        check(When::Auto, true, false, true, false);
        check(When::Auto, true, true, true, false);
        check(When::Auto, false, true, false, true);
        check(When::Always, true, false, false, true);
        check(When::Never, false, true, true, false);
    }

    #[test]
    fn the_option_is_found_before_the_line_is_read() {
        let check = |line: &str, expect| assert_eq!(When::of_words(line.split(' ').map(str::to_owned)), expect, "{line}");
        check("query --color never x", When::Never);
        check("--color=always query", When::Always);
        check("exec -- --color=always", When::Auto);
        check("--color", When::Auto);
        check("--color=sometimes", When::Auto);
        check("--colors=always", When::Auto);
    }

    #[test]
    fn what_is_not_painted_is_as_it_was() {
        assert_eq!(Paint(false).bad("x"), "x");
        assert_eq!(Paint(true).bad("x"), "\x1b[1;31mx\x1b[0m");
        assert_eq!(Paint(true).heading(""), "");
    }
}
