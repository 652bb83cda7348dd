//! `-WhatIf` and `-Confirm`.

use super::bind::Given;
use crate::report::{Failure, harmless};
use std::io::{BufRead, Write};
use std::sync::Mutex;

/// Whether what changes something is done, only told, or asked for first.
pub(super) struct Consent {
    what_if: bool,
    confirm: bool,
    /// What was said for all that comes.
    forever: Mutex<Option<bool>>,
}

const QUESTION: &str = "[Y] Yes  [A] Yes to All  [N] No  [L] No to All  [?] Help (default is \"Y\"): ";
const EXPLANATION: &str = "Y - Continue with only the next step of the operation.
A - Continue with all the steps of the operation.
N - Skip this operation and proceed with the next operation.
L - Skip this operation and all subsequent operations.
";

impl Consent {
    pub(super) fn of(given: &Given) -> Consent {
        Consent { what_if: given.is_on("WhatIf"), confirm: given.is_on("Confirm"), forever: Mutex::new(None) }
    }

    /// Whether somebody must be asked or told for each object.
    pub(super) fn is_wanted(&self) -> bool {
        self.what_if || self.confirm
    }

    /// Whether nothing is to be done in any case.
    pub(super) fn is_what_if(&self) -> bool {
        self.what_if
    }

    /// Tells or asks; gives whether to do it. Waits for who is asked.
    pub(super) fn allows(&self, operation: &str, target: &str) -> Result<bool, Failure> {
        let sentence = harmless(&format!("Performing the operation \"{operation}\" on target \"{target}\"."));
        if self.what_if {
            super::said(&format!("What if: {sentence}\n"))?;
            return Ok(false);
        }
        // One question at a time.
        let mut forever = self.forever.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !self.confirm || forever.is_some() {
            return Ok(forever.unwrap_or(true));
        }
        let mut ask = format!("\nConfirm\nAre you sure you want to perform this action?\n{sentence}\n{QUESTION}");
        loop {
            let mut err = std::io::stderr();
            // Nobody is left to read the question when standard error is closed; an answer may come all the same.
            let _ = err.write_all(ask.as_bytes()).and_then(|()| err.flush());
            match answer(std::io::stdin().lock()).map_err(|e| Failure::new(format!("reading the answer failed: {e}")))? {
                None => return Err(Failure::new(format!("nobody answers, and it is not done: {sentence}"))),
                Some(Answer::Unclear) => ask = format!("{EXPLANATION}{QUESTION}"),
                Some(Answer::Once(yes)) => return Ok(yes),
                Some(Answer::All(yes)) => {
                    *forever = Some(yes);
                    return Ok(yes);
                }
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Once(bool),
    All(bool),
    Unclear,
}

/// A line of who is asked; `None` at the end of the input.
fn answer(mut from: impl BufRead) -> std::io::Result<Option<Answer>> {
    let mut line = String::new();
    if std::io::Read::take(&mut from, 4096).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(match line.trim().to_ascii_lowercase().as_str() {
        "" | "y" | "yes" => Answer::Once(true),
        "n" | "no" => Answer::Once(false),
        "a" | "yes to all" => Answer::All(true),
        "l" | "no to all" => Answer::All(false),
        _ => Answer::Unclear,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_letter_or_a_word() {
        let check = |text: &str, expect: Option<Answer>| assert_eq!(answer(text.as_bytes()).unwrap(), expect, "{text:?}");
        check("", None);
        check("\n", Some(Answer::Once(true)));
        check("Y\n", Some(Answer::Once(true)));
        check("no", Some(Answer::Once(false)));
        check(" a \r\n", Some(Answer::All(true)));
        check("L\n", Some(Answer::All(false)));
        check("?\n", Some(Answer::Unclear));
        check("maybe\n", Some(Answer::Unclear));
    }
}
