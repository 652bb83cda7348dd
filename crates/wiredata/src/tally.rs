//! What a test found, passed and left.

use crate::{Kind, Tree};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Counts what a test found of a kind, what passed, what was left and what failed, and prints it.
#[derive(Debug)]
pub struct Tally {
    kind: &'static str,
    what: &'static str,
    passed: usize,
    left: BTreeMap<&'static str, usize>,
    failed: Vec<String>,
}

/// What became of one input that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is as it should be.
    Passed,
    /// It was left, for one of [`Tally::REASONS`].
    Left(&'static str),
}

impl From<()> for Outcome {
    fn from((): ()) -> Outcome {
        Outcome::Passed
    }
}

impl Tally {
    /// The only reasons to leave something.
    pub const REASONS: [&'static str; 4] = ["Kerberos keys", "NDR64", "no key", "WS-Man"];

    /// A tally of the files of a kind: each is counted in one such.
    pub fn of(kind: Kind) -> Tally {
        Tally::new(kind.label(), "files")
    }

    /// A tally of what is in the files of a kind.
    pub fn new(kind: &'static str, what: &'static str) -> Tally {
        Tally { kind, what, passed: 0, left: BTreeMap::new(), failed: Vec::new() }
    }

    /// One passed.
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    /// One was left, for one of [`Tally::REASONS`].
    ///
    /// # Panics
    /// For any other reason.
    pub fn leave(&mut self, reason: &'static str) {
        assert!(Self::REASONS.contains(&reason), "{}: left for {reason:?}, which is no reason", self.what);
        *self.left.entry(reason).or_default() += 1;
    }

    /// One failed: why.
    pub fn fail(&mut self, why: String) {
        self.failed.push(why);
    }

    /// Runs the check of one input. One that panics has failed, and the others are still counted.
    pub fn case<T: Into<Outcome>>(&mut self, name: impl Display, check: impl FnOnce() -> T) {
        match catch_unwind(AssertUnwindSafe(check)).map(Into::into) {
            Ok(Outcome::Passed) => self.pass(),
            Ok(Outcome::Left(reason)) => self.leave(reason),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
                self.fail(format!("{name}: {}", text.unwrap_or("panicked")));
            }
        }
    }

    /// How many passed so far.
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// How many were found so far.
    pub fn found(&self) -> usize {
        self.passed + self.left.values().sum::<usize>() + self.failed.len()
    }

    fn line(&self) -> String {
        let left: usize = self.left.values().sum();
        let failed = if self.failed.is_empty() { String::new() } else { format!(", failed {}", self.failed.len()) };
        let reasons = if left == 0 { String::new() } else { format!(" ({})", self.reasons()) };
        format!("{}: {}: found {}, passed {}, left {left}{reasons}{failed}", self.kind, self.what, self.found(), self.passed)
    }

    fn reasons(&self) -> String {
        self.left.iter().map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
    }

    /// Appends a line for `scripts/wire-data` to the file that `RWMI_WIRE_TALLY` names: kind, what, found, passed, left,
    /// reasons, failed, between tabs.
    fn record(&self) {
        let Some(path) = std::env::var_os("RWMI_WIRE_TALLY").filter(|path| !path.is_empty()) else { return };
        let left: usize = self.left.values().sum();
        let line = [
            self.kind.to_owned(),
            self.what.to_owned(),
            self.found().to_string(),
            self.passed.to_string(),
            left.to_string(),
            self.reasons(),
            self.failed.len().to_string(),
        ];
        // In one write, as other tests write at the same time.
        let line = line.join("\t") + "\n";
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }

    /// Ends one tally; see [`Tally::finish_all`].
    pub fn finish(self, tree: &Tree) {
        Tally::finish_all([self], tree);
    }

    /// Prints a line for each tally: kind, what, found, passed, left.
    ///
    /// # Panics
    /// When something failed; and when nothing was found in the tree of our own, which has every kind: such a test could not
    /// fail there.
    pub fn finish_all(tallies: impl IntoIterator<Item = Tally>, tree: &Tree) {
        const SHOWN: usize = 20;
        let mut wrong = Vec::new();
        for tally in tallies {
            println!("{}", tally.line());
            tally.record();
            if !tree.is_named() && tally.found() == 0 {
                wrong.push(format!("{}: {}: nothing found in {}", tally.kind, tally.what, tree.root().display()));
            }
            let more = tally.failed.len().saturating_sub(SHOWN);
            wrong.extend(tally.failed.into_iter().take(SHOWN));
            if more > 0 {
                wrong.push(format!("and {more} more of {}: {}", tally.kind, tally.what));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    #[should_panic(expected = "no reason")]
    fn nothing_is_left_without_one_of_the_reasons() {
        Tally::new("kind", "things").leave("hard");
    }

    #[test]
    #[should_panic(expected = "nothing found")]
    fn finding_nothing_in_our_own_tree_is_a_mistake() {
        Tally::new("kind", "things").finish(&Tree::at(Path::new("/nowhere")));
    }

    #[test]
    fn a_case_that_panics_has_failed_and_the_others_count() {
        let mut tally = Tally::new("kind", "things");
        tally.case("a", || ());
        tally.case("b", || assert_eq!(1, 2, "one"));
        tally.case("c", || Outcome::Left("NDR64"));
        assert_eq!(tally.line(), "kind: things: found 3, passed 1, left 1 (NDR64 1), failed 1");
        assert!(tally.failed[0].starts_with("b: assertion"));
        let ended = catch_unwind(AssertUnwindSafe(|| tally.finish(&Tree::at(Path::new("/nowhere")))));
        assert!(ended.unwrap_err().downcast_ref::<String>().unwrap().contains("b: assertion"));
    }
}
