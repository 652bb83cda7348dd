//! A command line of the Windows `wmic`: `[switches] (ALIAS | PATH path | CLASS class) [WHERE clause | value] [verb ...] [switches]`.

use super::alias::{self, ALIASES, Alias};
use super::settings::{self, Settings};
use crate::format::Format;
use clap::ValueEnum;
use std::io::IsTerminal;

/// What a line asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// Only switches: they hold for what follows.
    Nothing,
    /// `CONTEXT`: the switches in force.
    Context,
    /// `QUIT`, `EXIT`.
    Leave,
    /// `/?`
    Help,
    /// `ALIAS`: the aliases there are.
    Aliases,
    /// A verb on something.
    Verb(Box<Line>),
}

/// A verb and what it is about.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) subject: Subject,
    /// What stands behind WHERE.
    pub(super) clause: Option<String>,
    pub(super) verb: Verb,
    pub(super) look: Look,
}

/// What a verb is about.
#[derive(Debug, PartialEq)]
pub(super) enum Subject {
    Alias(&'static Alias),
    /// A class whose instances are meant, or one instance.
    Path(String),
    /// A class itself.
    Class(String),
}

impl Subject {
    pub(super) fn path(&self) -> &str {
        match self {
            Subject::Alias(alias) => alias.class,
            Subject::Path(path) | Subject::Class(path) => path,
        }
    }
}

#[derive(Debug, PartialEq)]
pub(super) enum Verb {
    List(Properties),
    /// No names are all.
    Get(Vec<String>),
    /// In the order of the signature; what is left out keeps its default.
    Call {
        method: String,
        arguments: Vec<Option<String>>,
    },
    Create(Vec<(String, String)>),
    Set(Vec<(String, String)>),
    Delete,
    Assoc {
        class: Option<String>,
        role: Option<String>,
        association: Option<String>,
    },
    /// `GET /?`: the properties there are.
    Properties,
    /// `CALL /?`: the methods there are.
    Methods,
}

/// Which properties LIST shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Properties {
    Brief,
    Full,
    Instance,
    Status,
    System,
}

/// How rows are shown, and how often.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Look {
    pub(super) form: Option<Form>,
    /// Every so many seconds.
    pub(super) every: Option<u32>,
    /// So many times; without it until interrupted.
    pub(super) repeat: Option<u32>,
    pub(super) translate: Option<Translation>,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Table,
    /// `Name=Value` lines.
    Values,
    Csv,
    HtmlTable,
    HtmlPage,
    /// One of ours.
    Ours(Format),
}

/// What `/TRANSLATE` does to values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Translation {
    /// `&`, `<` and `>` become entities.
    BasicXml,
    /// Commas become blanks.
    NoComma,
}

/// Whether words are meant for the Windows form: a switch with a slash or the name of an alias stands there, and no `//HOST`.
pub(crate) fn is_meant(words: &[String]) -> bool {
    if words.is_empty() {
        // A person at a terminal wants the shell; a plug-in that forgot its arguments is told how to use it.
        return std::io::stdin().is_terminal();
    }
    let is_host = |w: &String| w.starts_with("//") || w.starts_with(r"\\");
    if words.iter().any(is_host) {
        return false;
    }
    // Our own options may stand before it, with their values; those of Samba are others.
    let (mut rest, mut scratch) = (Words { words }, Settings::default());
    while let Some(word) = rest.next() {
        let known = switch(word).is_some_and(|(name, _)| settings::NAMES.contains(&name.as_str()));
        if !word.starts_with('-') {
            return known || is_subject(word);
        }
        if scratch.pass(word, &mut || rest.next().map(str::to_owned)).is_err() {
            return false;
        }
    }
    false
}

fn is_subject(word: &str) -> bool {
    ["path", "class", "context", "alias", "quit", "exit"].iter().any(|w| w.eq_ignore_ascii_case(word)) || alias::find(word).is_some()
}

/// A line of the shell as words: blanks part them, save within quotes and parentheses. Double quotes around a whole word go.
pub(super) fn split(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut begun) = (Vec::new(), String::new(), false);
    let (mut quote, mut depth) = (None, 0usize);
    for c in line.trim().chars() {
        match (quote, c) {
            (None, c) if c.is_whitespace() && depth == 0 => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
                continue;
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.checked_sub(1).ok_or("a parenthesis closes that was not opened")?,
            _ => {}
        }
        begun = true;
        word.push(c);
    }
    if quote.is_some() || depth != 0 {
        return Err("a quote or a parenthesis is not closed".into());
    }
    if begun {
        words.push(word);
    }
    Ok(words.into_iter().map(|w| unquoted(&w).map(str::to_owned).unwrap_or(w)).collect())
}

/// What stands within double quotes, where they enclose a whole word.
fn unquoted(word: &str) -> Option<&str> {
    word.strip_prefix('"')?.strip_suffix('"').filter(|inner| !inner.contains('"'))
}

struct Words<'a> {
    words: &'a [String],
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.first().map(String::as_str)
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn next_if(&mut self, is: impl Fn(&str) -> bool) -> Option<&'a str> {
        self.peek().filter(|w| is(w))?;
        self.next()
    }

    /// A keyword, without regard to case.
    fn take(&mut self, keyword: &str) -> bool {
        self.next_if(|w| w.eq_ignore_ascii_case(keyword)).is_some()
    }

    fn need(&mut self, what: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("{what} is missing"))
    }
}

/// A switch as its name in capitals and its value.
pub(super) fn switch(word: &str) -> Option<(String, Option<&str>)> {
    let word = word.strip_prefix('/')?;
    let (name, value) = match word.split_once(':') {
        Some((name, value)) => (name, Some(unquoted(value).unwrap_or(value))),
        None => (word, None),
    };
    Some((name.to_ascii_uppercase(), value))
}

/// Reads a line. Switches before the subject change the settings.
pub(super) fn parse(words: &[String], settings: &mut Settings) -> Result<Request, String> {
    let mut words = Words { words };
    while let Some(word) = words.peek() {
        if word.starts_with('-') {
            words.next();
            let mut value = || words.next().map(str::to_owned);
            settings.pass(word, &mut value)?;
        } else if let Some((name, value)) = switch(word) {
            words.next();
            if name == "?" {
                return Ok(Request::Help);
            }
            settings.set(&name, value)?;
        } else {
            break;
        }
    }
    let Some(subject) = words.next() else { return Ok(Request::Nothing) };
    let is = |keyword: &str| subject.eq_ignore_ascii_case(keyword);
    let subject = if is("quit") || is("exit") {
        return Ok(Request::Leave);
    } else if is("context") {
        return Ok(Request::Context);
    } else if is("alias") {
        return Ok(Request::Aliases);
    } else if is("path") {
        Subject::Path(words.need("the class or the path behind PATH")?.to_owned())
    } else if is("class") {
        Subject::Class(words.need("the class behind CLASS")?.to_owned())
    } else if let Some(alias) = alias::find(subject) {
        Subject::Alias(alias)
    } else {
        return Err(format!("{subject} - alias not found{}", near(subject)));
    };
    if words.peek() == Some("/?") {
        return Ok(Request::Help);
    }
    let clause = clause(&mut words, &subject)?;
    let mut look = Look::default();
    let verb = verb(&mut words, &subject, &mut look)?;
    if let Some(more) = words.next() {
        return Err(format!("{more:?} makes no sense there"));
    }
    Ok(Request::Verb(Box::new(Line { subject, clause, verb, look })))
}

/// Aliases that begin as a word does.
fn near(word: &str) -> String {
    let start = word.get(..2).unwrap_or(word).to_ascii_uppercase();
    let near: Vec<&str> = ALIASES.iter().map(|a| a.name).filter(|n| n.starts_with(&start)).collect();
    if near.is_empty() { String::new() } else { format!("; near are {}", near.join(", ")) }
}

const VERBS: [&str; 7] = ["list", "get", "call", "create", "set", "delete", "assoc"];

fn is_verb(word: &str) -> bool {
    VERBS.iter().any(|v| v.eq_ignore_ascii_case(word))
}

fn clause(words: &mut Words<'_>, subject: &Subject) -> Result<Option<String>, String> {
    if words.take("where") {
        return words.need("the condition behind WHERE").map(|c| Some(with_quotes(c)));
    }
    let Subject::Alias(alias) = subject else { return Ok(None) };
    let Some(value) = words.next_if(|w| !is_verb(w) && !w.starts_with('/')) else { return Ok(None) };
    if alias.pattern.is_empty() {
        return Err(format!("{} takes no value: write WHERE and a condition", alias.name));
    }
    let value = value.strip_prefix('(').and_then(|v| v.strip_suffix(')')).unwrap_or(value);
    let value = value.trim().trim_matches(['\'', '"']);
    if !alias.pattern.contains('\'') && !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{value:?} is no number, and {} is compared with one", alias.pattern));
    }
    // As WQL has it: a backslash before a backslash and before a quote.
    let escaped = value.replace('\\', r"\\").replace('\'', r"\'");
    Ok(Some(alias.pattern.replace('#', &escaped)))
}

/// A condition with the quotes around its string that a Unix shell took away: WQL compares no property with another, so that
/// a word that is no number and no constant can be nothing else.
fn with_quotes(condition: &str) -> String {
    let as_it_is = || condition.to_owned();
    let inner = condition.trim();
    let inner = inner.strip_prefix('(').and_then(|i| i.strip_suffix(')')).unwrap_or(inner).trim();
    let name_len = inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, rest) = inner.split_at(name_len);
    let rest = rest.trim_start();
    let like = rest.get(..5).is_some_and(|l| l.eq_ignore_ascii_case("like ")).then_some("like ");
    let Some(operator) = ["<>", "!=", "="].into_iter().find(|o| rest.starts_with(o)).or(like) else { return as_it_is() };
    let value = rest[operator.len()..].trim();
    let is_constant = ["true", "false", "null"].iter().any(|c| c.eq_ignore_ascii_case(value));
    let lower = value.to_lowercase();
    let is_more = value.contains(['\'', '"', '(', ')', '=', '<', '>']) || [" and ", " or "].iter().any(|w| lower.contains(w));
    if name.is_empty() || value.is_empty() || is_constant || is_more || value.parse::<f64>().is_ok() {
        return as_it_is();
    }
    format!("{name} {} '{}'", operator.trim(), value.replace('\\', r"\\"))
}

fn verb(words: &mut Words<'_>, subject: &Subject, look: &mut Look) -> Result<Verb, String> {
    let Some(word) = words.next_if(is_verb) else {
        looks(words, look)?;
        return Ok(match subject {
            Subject::Class(_) => Verb::Get(Vec::new()),
            _ => Verb::List(Properties::Full),
        });
    };
    let verb = word.to_ascii_lowercase();
    if matches!(subject, Subject::Class(_)) && matches!(verb.as_str(), "list" | "create" | "set") {
        return Err(format!("{} is for instances: PATH names a class whose instances are meant", verb.to_ascii_uppercase()));
    }
    if words.take("/?") {
        return Ok(if verb == "call" { Verb::Methods } else { Verb::Properties });
    }
    Ok(match verb.as_str() {
        "list" => {
            let which = match words.next_if(|w| !w.starts_with('/')).map(str::to_ascii_lowercase).as_deref() {
                Some("brief") => Properties::Brief,
                None | Some("full") => Properties::Full,
                Some("instance") => Properties::Instance,
                Some("status") => Properties::Status,
                Some("system") => Properties::System,
                Some(other) => return Err(format!("LIST has no {other:?}: BRIEF, FULL, INSTANCE, STATUS or SYSTEM")),
            };
            looks(words, look)?;
            Verb::List(which)
        }
        "get" => {
            let mut names = Vec::new();
            while let Some(word) = words.next_if(|w| !w.starts_with('/')) {
                names.extend(word.split([',', ' ']).filter(|n| !n.is_empty()).map(str::to_owned));
            }
            looks(words, look)?;
            let is_name = |n: &String| n.chars().all(|c| c.is_alphanumeric() || c == '_');
            match names.iter().find(|n| !is_name(n)) {
                _ if names == ["*"] => Verb::Get(Vec::new()),
                Some(wrong) => return Err(format!("{wrong:?} is no name of a property")),
                None => Verb::Get(names),
            }
        }
        "call" => {
            let method = words.need("the method behind CALL")?.to_owned();
            let arguments = std::mem::take(&mut words.words).join(" ");
            Verb::Call { method, arguments: list(&arguments, ',')?.into_iter().map(|a| Some(a).filter(|a| !a.is_empty())).collect() }
        }
        "create" => Verb::Create(assignments(words)?),
        "set" => Verb::Set(assignments(words)?),
        "delete" => Verb::Delete,
        _ => {
            let (mut class, mut role, mut association) = (None, None, None);
            while let Some((name, value)) = words.peek().and_then(switch) {
                let place = match name.as_str() {
                    "RESULTCLASS" => &mut class,
                    "RESULTROLE" => &mut role,
                    "ASSOCCLASS" => &mut association,
                    _ => break,
                };
                let value = value.filter(|v| !v.is_empty()).ok_or_else(|| format!("/{name} has no value"))?;
                *place = Some(value.to_owned());
                words.next();
            }
            looks(words, look)?;
            Verb::Assoc { class, role, association }
        }
    })
}

/// `NAME=VALUE` behind a verb, with `;` or `,` between them.
fn assignments(words: &mut Words<'_>) -> Result<Vec<(String, String)>, String> {
    let text = std::mem::take(&mut words.words).join(" ");
    let mut all = Vec::new();
    for part in list(&text, ';')?.into_iter().map(|p| list_of_assignments(&p)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is no NAME=VALUE"))?;
        let value = value.trim();
        all.push((name.trim().to_owned(), unquoted(value).unwrap_or(value).to_owned()));
    }
    if all.is_empty() {
        return Err("no NAME=VALUE is given".into());
    }
    Ok(all)
}

/// Commas part assignments too, where a name and `=` stand behind them.
fn list_of_assignments(text: &str) -> Result<Vec<String>, String> {
    let mut all: Vec<String> = Vec::new();
    for part in raw_list(text, ',')? {
        let name = part.split_once('=').map(|(n, _)| n.trim());
        let is_next = name.is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_'));
        match all.last_mut() {
            Some(last) if !is_next => *last += &format!(",{part}"),
            _ => all.push(part),
        }
    }
    Ok(all.into_iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect())
}

/// Parts of a list, without the quotes around a whole part. Nothing is an empty list.
fn list(text: &str, between: char) -> Result<Vec<String>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(raw_list(text, between)?.iter().map(|p| p.trim()).map(|p| unquoted(p).unwrap_or(p).to_owned()).collect())
}

fn raw_list(text: &str, between: char) -> Result<Vec<String>, String> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '"';
        if c == between && !quoted {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(c);
        }
    }
    if quoted {
        return Err("a double quote is not closed".into());
    }
    parts.push(part);
    Ok(parts)
}

/// The switches behind LIST, GET and ASSOC.
fn looks(words: &mut Words<'_>, look: &mut Look) -> Result<(), String> {
    let number = |name: &str, value: Option<&str>| {
        let n = value.and_then(|v| v.parse::<u32>().ok()).filter(|n| (1..=86_400).contains(n));
        n.ok_or_else(|| format!("/{name} takes a number from 1 to 86400"))
    };
    while let Some((name, value)) = words.peek().and_then(switch) {
        match name.as_str() {
            "VALUE" => look.form = Some(Form::Values),
            "ALL" => {}
            "EVERY" => look.every = Some(number("EVERY", value)?),
            "REPEAT" => look.repeat = Some(number("REPEAT", value)?),
            "TRANSLATE" => {
                look.translate = Some(match value.unwrap_or_default().to_ascii_lowercase().as_str() {
                    "basicxml" => Translation::BasicXml,
                    "nocomma" => Translation::NoComma,
                    other => return Err(format!("/TRANSLATE has no {other:?}: BasicXml or NoComma")),
                });
            }
            "FORMAT" => look.form = Some(form(value.unwrap_or_default())?),
            _ => return Err(format!("/{name} makes no sense there")),
        }
        words.next();
    }
    if look.repeat.is_some() && look.every.is_none() {
        return Err("/REPEAT goes with /EVERY".into());
    }
    Ok(())
}

fn form(text: &str) -> Result<Form, String> {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_suffix(".xsl").unwrap_or(&lower);
    Ok(match name {
        "table" | "texttable" | "texttablewsys" | "texttable:" => Form::Table,
        "list" | "value" | "textvaluelist" => Form::Values,
        "csv" => Form::Csv,
        "htable" => Form::HtmlTable,
        "hform" => Form::HtmlPage,
        "xml" | "rawxml" => Form::Ours(Format::Xml),
        other => Form::Ours(Format::from_str(other, true).map_err(|_| {
            let style =
                "style sheets are not run; /FORMAT has TABLE, LIST, CSV, HTABLE, HFORM, XML, RAWXML, MOF, TEXTVALUELIST, JSON and YAML";
            format!("{text:?}: {style}")
        })?),
    })
}

#[cfg(test)]
mod tests;
