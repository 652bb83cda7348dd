//! The words of a command line against the parameters of a cmdlet, by PowerShell's rules and in its words where it refuses.
//!
//! - `-Name value`, `-Name:value`; of a switch `-Name`, `-Name:$false`. Names without case, and their beginnings where only one
//!   parameter begins so.
//! - `a,b`, `a, b` and `a ,b` are lists where a list is taken.
//! - Words without a name fill the positions that are left.
//! - What is given must fit one parameter set, and its mandatory parameters must be there.
//!
//! Beside them stand our own options, with two dashes; `-o` is `--output`, whatever begins with an O.

use super::parameter::{ALL, Cmdlet, Kind, Parameter, Sets};
use super::value;
use crate::report::Failure;
use rwmi_client::Argument;
use std::fmt;

/// What was given to a cmdlet.
pub(super) struct Given {
    pub(super) cmdlet: &'static Cmdlet,
    bound: Vec<(&'static Parameter, Bound)>,
    /// The set that is meant.
    pub(super) set: Sets,
    /// Our own options, as they were written.
    pub(super) options: Vec<String>,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound {
    Switch(bool),
    Text(String),
    Texts(Vec<String>),
    Values(Vec<Argument>),
    Table(Vec<(String, Argument)>),
    Number(i64),
    /// Which of the words, by its place.
    Choice(usize),
}

/// What the words ask for.
pub(super) enum Asked {
    Help,
    Run(Box<Given>),
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.bound.iter().map(|(p, value)| (p.name, value));
        f.debug_map().entries(bound).entry(&"set", &self.set).entry(&"options", &self.options).finish()
    }
}

/// Our own options: whether one is there and takes a value.
pub(super) trait Options {
    /// `None` where there is none of this name.
    fn takes_value(&self, long: &str) -> Option<bool>;
}

/// Reads the words behind the cmdlet's name.
pub(super) fn bind(cmdlet: &'static Cmdlet, words: &[String], ours: &dyn Options) -> Result<Asked, Failure> {
    let mut binder = Binder { cmdlet, bound: Vec::new(), sets: cmdlet.sets.iter().fold(0, |all, (set, _)| all | set) };
    let (mut options, mut loose) = (Vec::new(), Vec::new());
    let mut words = words.iter().map(String::as_str).peekable();
    let mut only_values = false;
    while let Some(word) = words.next() {
        if only_values {
            loose.push(word.to_owned());
            continue;
        }
        match Word::of(word) {
            Word::End => only_values = true,
            Word::Help => return Ok(Asked::Help),
            Word::Option(long, has_value) => {
                options.push(word.to_owned());
                let takes = ours.takes_value(long).ok_or_else(|| not_found(word))?;
                if takes && !has_value {
                    options.push(words.next().ok_or_else(|| missing_argument(word, Kind::Text))?.to_owned());
                }
            }
            Word::Parameter(name, value) => {
                let parameter = binder.find(name)?;
                if let Kind::No(_, why) = parameter.kind {
                    return Err(Failure::usage(format!("-{} is of PowerShell only: {why}", parameter.name)));
                }
                if binder.bound.iter().any(|(p, _)| p.name == parameter.name) {
                    return Err(twice(parameter));
                }
                let text = match value {
                    None if parameter.kind.is_switch() => "$true".to_owned(),
                    Some(text) if !text.is_empty() => text.to_owned(),
                    // The colon may have blanks behind it; and an empty text is a value.
                    _ => match words.next_if(|next| !Word::is_name(next)) {
                        Some(next) => next.to_owned(),
                        None => return Err(missing_argument(parameter.name, parameter.kind)),
                    },
                };
                let text = if parameter.kind.is_list() { with_commas(text, &mut words) } else { text };
                binder.take(parameter, &text)?;
            }
            // Which parameter it fills is known when all names are.
            Word::Value => loose.push(with_commas(word.to_owned(), &mut words)),
        }
    }
    for word in loose {
        let Some(parameter) = binder.position(&word) else {
            return Err(Failure::usage(format!("A positional parameter cannot be found that accepts argument '{word}'.")));
        };
        binder.take(parameter, &word)?;
    }
    let set = binder.set()?;
    Ok(Asked::Run(Box::new(Given { cmdlet, bound: binder.bound, set, options })))
}

/// What a word is.
enum Word<'a> {
    /// `--`: what follows has no names.
    End,
    Help,
    /// One of ours, and whether its value stands in the same word.
    Option(&'a str, bool),
    /// One of PowerShell's, and what stands behind its colon.
    Parameter(&'a str, Option<&'a str>),
    Value,
}

impl<'a> Word<'a> {
    fn of(word: &'a str) -> Word<'a> {
        match word {
            "--" => return Word::End,
            "-?" | "-h" | "--help" => return Word::Help,
            "-o" => return Word::Option("output", false),
            _ => {}
        }
        if let Some(long) = word.strip_prefix("--") {
            let (long, value) = long.split_once('=').map_or((long, None), |(long, value)| (long, Some(value)));
            return Word::Option(long, value.is_some());
        }
        // Texts of word processors have longer dashes, and PowerShell takes them.
        match word.strip_prefix(['-', '\u{2013}', '\u{2014}', '\u{2015}']) {
            Some(name) if name.starts_with(|c: char| c.is_alphabetic() || c == '_') => match name.split_once(':') {
                Some((name, value)) => Word::Parameter(name, Some(value)),
                None => Word::Parameter(name, None),
            },
            _ => Word::Value,
        }
    }

    /// Whether it cannot be the value of the parameter before it.
    fn is_name(word: &str) -> bool {
        !matches!(Word::of(word), Word::Value)
    }
}

/// A list may have blanks around its commas: `a, b` and `a ,b`.
fn with_commas<'a>(mut text: String, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> String {
    let is_open = |text: &str| text.ends_with(',');
    while let Some(next) = words.next_if(|next| !Word::is_name(next) && (is_open(&text) || next.starts_with(','))) {
        text += next;
    }
    text
}

struct Binder {
    cmdlet: &'static Cmdlet,
    bound: Vec<(&'static Parameter, Bound)>,
    /// The sets that are still possible.
    sets: Sets,
}

impl Binder {
    /// The parameter of a name or of its beginning.
    fn find(&self, name: &str) -> Result<&'static Parameter, Failure> {
        let all = || self.cmdlet.parameters();
        if let Some(exact) = all().find(|p| p.names().any(|n| n.eq_ignore_ascii_case(name))) {
            return Ok(exact);
        }
        let begins = |n: &str| n.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name));
        let mut found: Vec<&'static Parameter> = all().filter(|p| p.names().any(begins)).collect();
        // What the cmdlet has itself is meant rather than what all have.
        if found.iter().filter(|p| !p.is_common).count() == 1 {
            found.retain(|p| !p.is_common);
        }
        match found[..] {
            [one] => Ok(one),
            [] => Err(self.unknown(name)),
            _ => Err(Failure::usage(format!(
                "Parameter cannot be processed because the parameter name '{name}' is ambiguous. Possible matches include: {}.",
                found.iter().map(|p| format!("-{}", p.name)).collect::<Vec<_>>().join(" ")
            ))),
        }
    }

    fn unknown(&self, name: &str) -> Failure {
        let failure = not_found(name);
        match name.to_ascii_lowercase().as_str() {
            // In PowerShell these cmdlets need a session for it.
            "credential" => failure.hint("the account is given by --user, its password by --password-file, --password-stdin or a prompt"),
            _ => failure.hint(format!("rwmi {} -? shows its parameters", self.cmdlet.name)),
        }
    }

    /// The parameter that a word without a name is: of the first position that is left, one that the word fits, of the default
    /// set before others.
    fn position(&self, word: &str) -> Option<&'static Parameter> {
        let free = |p: &&Parameter| p.sets & self.sets != 0 && !self.bound.iter().any(|(b, _)| b.name == p.name);
        let first = self.cmdlet.parameters().filter(free).filter_map(|p| p.position).min()?;
        let at = |p: &&Parameter| p.position == Some(first);
        let default = self.cmdlet.sets.first().map_or(ALL, |(set, _)| *set);
        let mut here: Vec<&'static Parameter> = self.cmdlet.parameters().filter(free).filter(at).collect();
        here.sort_by_key(|p| p.sets & default == 0);
        here.iter().find(|p| p.kind.fits(word)).or(here.first()).copied()
    }

    fn take(&mut self, parameter: &'static Parameter, text: &str) -> Result<(), Failure> {
        self.sets &= parameter.sets;
        if self.sets == 0 {
            return Err(unresolved());
        }
        self.bound.push((parameter, convert(parameter, text)?));
        Ok(())
    }

    /// The set that all that was given is of.
    fn set(&self) -> Result<Sets, Failure> {
        let lacks = |set: Sets| {
            let missing = self.cmdlet.parameters().filter(move |p| p.required & set != 0);
            missing.filter(|p| !self.bound.iter().any(|(b, _)| b.name == p.name)).map(|p| p.name).collect::<Vec<_>>()
        };
        let possible: Vec<Sets> = self.cmdlet.sets.iter().map(|(set, _)| *set).filter(|set| self.sets & set != 0).collect();
        // The default one, where it is among those that are whole.
        match possible.iter().find(|set| lacks(**set).is_empty()) {
            Some(set) => Ok(*set),
            None => {
                let missing = possible.first().map(|set| lacks(*set)).unwrap_or_default();
                let what = "Cannot process command because of one or more missing mandatory parameters";
                Err(Failure::usage(format!("{what}: {}.", missing.join(" ")))
                    .hint(format!("rwmi {} -? shows its parameters", self.cmdlet.name)))
            }
        }
    }
}

fn not_found(name: &str) -> Failure {
    Failure::usage(format!("A parameter cannot be found that matches parameter name '{}'.", name.trim_start_matches('-')))
}

fn unresolved() -> Failure {
    Failure::usage("Parameter set cannot be resolved using the specified named parameters.")
}

fn missing_argument(name: &str, kind: Kind) -> Failure {
    let name = name.trim_start_matches('-');
    Failure::usage(format!("Missing an argument for parameter '{name}'. Specify a parameter of type '{}' and try again.", kind.type_name()))
}

fn twice(parameter: &Parameter) -> Failure {
    let mut text = format!("Cannot bind parameter because parameter '{}' is specified more than once.", parameter.name);
    if parameter.kind.is_list() {
        text += " To provide multiple values to parameters that can accept multiple values, use the array syntax. \
                 For example, \"-parameter value1,value2,value3\".";
    }
    Failure::usage(text)
}

/// The value that a text is.
fn convert(parameter: &Parameter, text: &str) -> Result<Bound, Failure> {
    let wrong = |why: &str| Failure::usage(format!("Cannot bind parameter '{}'. {why}", parameter.name));
    let to_type = || wrong(&format!("Cannot convert value \"{text}\" to type \"{}\".", parameter.kind.type_name()));
    match parameter.kind {
        Kind::Switch => match text.trim_start_matches('$').to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Bound::Switch(true)),
            "false" | "0" => Ok(Bound::Switch(false)),
            _ => Err(to_type().hint("a shell takes $true and $false away: put them in single quotes")),
        },
        Kind::Text => Ok(Bound::Text(text.to_owned())),
        Kind::Name | Kind::Object if text.is_empty() => {
            let what = format!("Cannot bind argument to parameter '{}' because it is an empty string.", parameter.name);
            Err(Failure::usage(what))
        }
        Kind::Name | Kind::Object => Ok(Bound::Text(text.to_owned())),
        Kind::Texts => value::texts(text).map(Bound::Texts).map_err(|e| wrong(&e)),
        Kind::Values => value::values(text).map(Bound::Values).map_err(|e| wrong(&e)),
        Kind::Table => value::table(text).map(Bound::Table).map_err(|e| wrong(&e)),
        Kind::Number(_, least, most) => {
            let number: i64 = text.parse().map_err(|_| to_type())?;
            if !(least..=most).contains(&number) {
                let what = format!("Cannot validate argument on parameter '{}'. The {number} argument", parameter.name);
                return Err(match number < least {
                    true => Failure::usage(format!("{what} is less than the minimum allowed range of {least}.")),
                    false => Failure::usage(format!("{what} is greater than the maximum allowed range of {most}.")),
                });
            }
            Ok(Bound::Number(number))
        }
        Kind::Choice(name, words) => {
            let begins = |word: &str| word.get(..text.len()).is_some_and(|w| w.eq_ignore_ascii_case(text));
            let exact = words.iter().position(|(word, n, _)| word.eq_ignore_ascii_case(text) || n.to_string() == text);
            let mut beginnings = words.iter().enumerate().filter(|(_, (word, ..))| !text.is_empty() && begins(word)).map(|(n, _)| n);
            let only = beginnings.next().filter(|_| beginnings.next().is_none());
            exact.or(only).map(Bound::Choice).ok_or_else(|| {
                let all = words.iter().map(|(word, ..)| *word).collect::<Vec<_>>().join(", ");
                wrong(&format!(
                    "Cannot convert value \"{text}\" to type \"{name}\" due to enumeration values that are not valid. Specify one of the \
                     following enumeration values and try again. The possible enumeration values are \"{all}\"."
                ))
            })
        }
        Kind::No(_, why) => Err(wrong(why)),
    }
}

impl Given {
    fn bound(&self, name: &str) -> Option<&Bound> {
        debug_assert!(self.cmdlet.parameters().any(|p| p.name == name), "{} has no -{name}", self.cmdlet.name);
        self.bound.iter().find(|(p, _)| p.name == name).map(|(_, value)| value)
    }

    /// Every parameter that was given.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static Parameter, &Bound)> {
        self.bound.iter().map(|(p, value)| (*p, value))
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.bound(name) == Some(&Bound::Switch(true))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.bound(name) {
            Some(Bound::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list of texts; none where it was not given.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        match self.bound(name) {
            Some(Bound::Texts(all)) => all.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn values(&self, name: &str) -> &[Argument] {
        match self.bound(name) {
            Some(Bound::Values(all)) => all,
            _ => &[],
        }
    }

    pub(super) fn table(&self, name: &str) -> Vec<(String, Argument)> {
        match self.bound(name) {
            Some(Bound::Table(all)) => all.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        match self.bound(name) {
            Some(Bound::Number(n)) => Some(*n),
            _ => None,
        }
    }

    /// What a choice says to our own option.
    pub(super) fn choice(&self, name: &str) -> Option<&'static str> {
        self.bound.iter().find(|(p, _)| p.name == name).and_then(|(p, value)| match (p.kind, value) {
            (Kind::Choice(_, words), Bound::Choice(n)) => words.get(*n).map(|(.., ours)| *ours),
            _ => None,
        })
    }
}

#[cfg(test)]
#[path = "bind_tests.rs"]
mod tests;
