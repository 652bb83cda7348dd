//! Failures of many computers, summed up by their cause.

use crate::paint;
use crate::report::harmless;
use std::fmt::Write as _;
use std::io::Write as _;

/// Causes that are told apart; what comes then is one more.
const CAUSES_MAX: usize = 50;

/// Computers that are named for a cause.
const NAMED_MAX: usize = 5;

/// Why computers failed, the first cause first.
#[derive(Default)]
pub(crate) struct Causes(Vec<Cause>);

struct Cause {
    text: String,
    /// How often.
    count: usize,
    /// Some of them.
    hosts: Vec<String>,
}

impl Causes {
    /// Adds a failure; gives whether it is the first of its cause.
    pub(crate) fn add(&mut self, host: &str, text: String) -> bool {
        let text = if self.0.len() < CAUSES_MAX || self.0.iter().any(|c| c.text == text) { text } else { "other causes".into() };
        let (cause, is_new) = match self.0.iter().position(|c| c.text == text) {
            Some(at) => (&mut self.0[at], false),
            None => {
                self.0.push(Cause { text, count: 0, hosts: Vec::new() });
                let last = self.0.len() - 1;
                (&mut self.0[last], true)
            }
        };
        cause.count += 1;
        if cause.hosts.len() < NAMED_MAX && !cause.hosts.iter().any(|h| h == host) {
            cause.hosts.push(host.to_owned());
        }
        is_new
    }

    /// Says on standard error how many of them failed, and why.
    pub(crate) fn print(&self, of: usize, failed: usize) {
        if failed != 0 {
            // Nobody is left to tell when standard error is closed.
            let text = self.text(of, failed);
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            let _ = std::io::stderr().write_all(format!("{}\n{rest}", paint::err().bad(first)).as_bytes());
        }
    }

    fn text(&self, of: usize, failed: usize) -> String {
        let mut text = format!("{failed} of {of} computers failed\n");
        let mut causes: Vec<&Cause> = self.0.iter().collect();
        causes.sort_by_key(|c| std::cmp::Reverse(c.count));
        for cause in causes {
            let more = if cause.hosts.len() < cause.count { ", ..." } else { "" };
            let first = cause.text.lines().next().unwrap_or_default();
            let _ = writeln!(text, "  {}: {} ({}{more})", cause.count, harmless(first), harmless(&cause.hosts.join(", ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_cause_stands_first() {
        let mut causes = Causes::default();
        assert!(causes.add("a", "refused".into()));
        assert!(causes.add("b\u{1b}", "timed out\nsecond".into()));
        for n in 0..7 {
            assert!(!causes.add(&format!("h{n}"), "timed out\nsecond".into()));
        }
        assert_eq!(causes.text(20, 9), "9 of 20 computers failed\n  8: timed out (b\u{fffd}, h0, h1, h2, h3, ...)\n  1: refused (a)\n");
    }

    #[test]
    fn causes_have_a_bound() {
        let mut causes = Causes::default();
        for n in 0..1000 {
            causes.add("a", n.to_string());
        }
        assert_eq!((causes.0.len(), causes.0.last().unwrap().count), (CAUSES_MAX + 1, 950));
    }
}
