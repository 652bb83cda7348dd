//! Tokens of MOF, and the two directives of the C preprocessor that drivers' MOF files use.

use super::{MofError, Source, limits};
use crate::{Diag, WbemStatus};
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// What a token is. The text of a name is at its span.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// An identifier or keyword.
    Name,
    /// `$Alias`, without the dollar sign.
    Alias,
    /// A string constant with its escapes resolved.
    String(String),
    /// A `char16` constant.
    Char(u16),
    /// An integer, sign included.
    Integer(i128),
    /// A number with a point or an exponent.
    Real(f64),
    /// `#pragma`.
    Pragma,
    /// `#include`.
    Include,
    /// One of `[ ] ( ) { } , ; : = $`.
    Punct(char),
    /// The end of the source.
    End,
}

/// A token and where its text is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// Cuts a source into tokens, one at a time.
pub(super) struct Lexer<'a> {
    source: &'a Arc<Source>,
    text: &'a str,
    pos: usize,
    end: usize,
    /// Tokens of expanded macros that wait to be given out.
    waiting: VecDeque<Token>,
    macros: HashMap<&'a str, Range<usize>>,
    /// Octets of macro text that may still be expanded.
    /// INVARIANT: an expansion is charged before its tokens exist, so that nested macros cannot multiply.
    expansion_left: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a Arc<Source>) -> Self {
        let text = source.text.as_str();
        // A byte order mark that survived decoding is no token.
        let pos = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let expansion_left = limits::EXPANSION_MAX;
        Lexer { source, text, pos, end: text.len(), waiting: VecDeque::new(), macros: HashMap::new(), expansion_left }
    }

    pub(super) fn text_of(&self, token: &Token) -> &'a str {
        self.text.get(token.span.clone()).unwrap_or("")
    }

    fn error(&self, status: WbemStatus, span: Range<usize>, message: impl Into<String>) -> MofError {
        MofError::new(self.source, status, Diag::new(span, message))
    }

    /// The next token. After an error the text goes on behind the bad token.
    pub(super) fn next(&mut self) -> Result<Token, MofError> {
        loop {
            if let Some(token) = self.waiting.pop_front() {
                return Ok(token);
            }
            let token = self.raw()?;
            match token.kind {
                Kind::Name if !self.macros.is_empty() => {
                    let mut open = HashSet::new();
                    let mut out = VecDeque::new();
                    self.expand(token, &mut open, &mut out)?;
                    self.waiting = out;
                }
                _ => return Ok(token),
            }
        }
    }

    /// Replaces a name that is a macro by its tokens, all the way down; a macro inside itself stays a name, as in C.
    fn expand(&mut self, token: Token, open: &mut HashSet<&'a str>, out: &mut VecDeque<Token>) -> Result<(), MofError> {
        let name = self.text_of(&token);
        let Some(body) = self.macros.get(name).cloned().filter(|_| token.kind == Kind::Name && !open.contains(name)) else {
            out.push_back(token);
            return Ok(());
        };
        let cost = body.len().saturating_add(1);
        if cost > self.expansion_left || open.len() >= limits::DEPTH_MAX {
            return Err(self.error(WbemStatus::MOF_INVALID_FILE, token.span, "too much text comes out of macros"));
        }
        self.expansion_left -= cost;
        open.insert(name);
        // The body is lexed in place, so that its tokens have spans in the source.
        let (pos, end) = (self.pos, self.end);
        (self.pos, self.end) = (body.start, body.end);
        let result = loop {
            match self.raw() {
                Ok(Token { kind: Kind::End, .. }) => break Ok(()),
                Ok(inner) => {
                    if let Err(e) = self.expand(inner, open, out) {
                        break Err(e);
                    }
                }
                Err(e) => break Err(e),
            }
        };
        (self.pos, self.end) = (pos, end);
        open.remove(name);
        result
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.pos..self.end).unwrap_or("")
    }

    fn skip_blank(&mut self) -> Result<(), MofError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{1a}' || c == '\0');
            self.pos += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.pos += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                let start = self.pos;
                match trimmed.find("*/") {
                    Some(len) => self.pos += len + 2,
                    None => {
                        self.pos = self.end;
                        return Err(self.error(WbemStatus::MOF_UNRECOGNIZED_TOKEN, start..start + 2, "this comment does not end"));
                    }
                }
            } else if trimmed.starts_with("\\\n") || trimmed.starts_with("\\\r\n") {
                // A continued line of a macro's body.
                self.pos += if trimmed.starts_with("\\\n") { 2 } else { 3 };
            } else {
                return Ok(());
            }
        }
    }

    /// The next token as it stands, macros not replaced.
    fn raw(&mut self) -> Result<Token, MofError> {
        loop {
            self.skip_blank()?;
            let start = self.pos;
            let rest = self.rest();
            let Some(c) = rest.chars().next() else {
                return Ok(Token { kind: Kind::End, span: self.end..self.end });
            };
            let kind = match c {
                '[' | ']' | '(' | ')' | '{' | '}' | ',' | ';' | ':' | '=' => {
                    self.pos += 1;
                    Kind::Punct(c)
                }
                '"' => Kind::String(self.string(rest)?),
                '\'' => Kind::Char(self.char(rest)?),
                '$' => self.alias(rest)?,
                '#' => match self.directive(rest)? {
                    Some(kind) => kind,
                    None => continue,
                },
                '0'..='9' | '+' | '-' | '.' => self.number(rest)?,
                c if c == '_' || c.is_alphabetic() => {
                    self.pos += name_len(rest);
                    Kind::Name
                }
                c => {
                    self.pos += c.len_utf8();
                    let shown = if c.is_control() { '\u{fffd}' } else { c };
                    return Err(self.error(WbemStatus::MOF_UNRECOGNIZED_TOKEN, start..self.pos, format!("{shown} has no place in MOF")));
                }
            };
            return Ok(Token { kind, span: start..self.pos });
        }
    }

    fn alias(&mut self, rest: &str) -> Result<Kind, MofError> {
        let len = rest.get(1..).map_or(0, name_len);
        self.pos += 1 + len;
        if len == 0 {
            return Err(self.error(WbemStatus::MOF_EXPECTED_ALIAS_NAME, self.pos - 1..self.pos, "expected a name behind the dollar sign"));
        }
        Ok(Kind::Alias)
    }

    /// `#pragma` and `#include` are tokens; `#define` is carried out here.
    fn directive(&mut self, rest: &'a str) -> Result<Option<Kind>, MofError> {
        let start = self.pos;
        let after_hash = rest.get(1..).unwrap_or("");
        let word = after_hash.trim_start_matches([' ', '\t']);
        let len = name_len(word);
        let (name, tail) = word.split_at(len);
        self.pos += rest.len() - tail.len();
        match name {
            _ if name.eq_ignore_ascii_case("pragma") => Ok(Some(Kind::Pragma)),
            "include" => Ok(Some(Kind::Include)),
            "define" => {
                // The body ends with the first line that is not continued.
                let mut body_end = self.pos;
                loop {
                    let line = self.text.get(body_end..self.end).unwrap_or("");
                    let len = line.find('\n').unwrap_or(line.len());
                    let continued = line.get(..len).is_some_and(|l| l.trim_end_matches('\r').ends_with('\\'));
                    body_end += (len + usize::from(continued)).min(line.len());
                    if !continued || body_end >= self.end {
                        break;
                    }
                }
                let body = self.text.get(self.pos..body_end).unwrap_or("");
                let trimmed = body.trim_start_matches([' ', '\t']);
                let len = name_len(trimmed);
                let at = self.pos + body.len() - trimmed.len();
                self.pos = body_end;
                let name = trimmed.get(..len).unwrap_or("");
                if name.is_empty() || trimmed.get(len..).is_some_and(|t| t.starts_with('(')) {
                    let message = "only macros without parameters are understood";
                    return Err(self.error(WbemStatus::MOF_INVALID_PRAGMA, start..at + len, message));
                }
                if self.macros.len() >= limits::MACROS_MAX && !self.macros.contains_key(name) {
                    return Err(self.error(WbemStatus::MOF_INVALID_FILE, start..at + len, "too many macros"));
                }
                self.macros.insert(name, at + len..body_end);
                Ok(None)
            }
            _ => Err(self.error(WbemStatus::MOF_INVALID_PRAGMA, start..self.pos.max(start + 1), "expected #pragma, #include or #define")),
        }
    }

    /// One string constant; the parser joins neighbours.
    fn string(&mut self, rest: &str) -> Result<String, MofError> {
        let start = self.pos;
        let mut out = String::new();
        let mut chars = Escapes { text: rest, at: 1, quote: '"' };
        let mut high = None;
        let result = loop {
            let unit = match chars.next() {
                Ok(Some(unit)) => unit,
                Ok(None) => break Ok(()),
                Err((at, message)) => break Err((at, message)),
            };
            match (high.take(), unit) {
                (Some(h), Unit::Escaped(low @ 0xdc00..=0xdfff)) => {
                    let code = 0x10000 + ((u32::from(h) - 0xd800) << 10) + (u32::from(low) - 0xdc00);
                    out.extend(char::from_u32(code));
                }
                (Some(_), _) | (None, Unit::Escaped(0xdc00..=0xdfff)) => break Err((chars.at, "half a surrogate pair is no character")),
                (None, Unit::Escaped(h @ 0xd800..=0xdbff)) => high = Some(h),
                (None, Unit::Escaped(0) | Unit::Plain('\0')) => break Err((chars.at, "a string holds no NUL")),
                (None, Unit::Escaped(u)) => out.extend(char::from_u32(u.into())),
                (None, Unit::Plain(c)) => out.push(c),
            }
        };
        let result = if high.is_some() && result.is_ok() { Err((chars.at, "half a surrogate pair is no character")) } else { result };
        match result {
            Ok(()) => {
                self.pos += chars.at;
                Ok(out)
            }
            Err((at, message)) => {
                // Goes on behind the closing quote of the line where there is one, so that one bad escape is one error.
                let line_end = rest.find('\n').unwrap_or(rest.len());
                let resume = rest.get(at..line_end).and_then(|l| l.rfind('"')).map_or(line_end, |q| at + q + 1);
                let span = start + at.saturating_sub(1)..start + at;
                self.pos = start + resume.max(at).min(rest.len());
                Err(self.error(WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, span, message))
            }
        }
    }

    fn char(&mut self, rest: &str) -> Result<u16, MofError> {
        let mut chars = Escapes { text: rest, at: 1, quote: '\'' };
        let first = chars.next();
        let second = chars.next();
        let unit = match (first, second) {
            (Ok(Some(Unit::Escaped(u))), Ok(None)) => Some(u),
            (Ok(Some(Unit::Plain(c))), Ok(None)) => u16::try_from(u32::from(c)).ok(),
            _ => None,
        };
        let span = self.pos..self.pos + 1;
        match unit {
            Some(unit) => {
                self.pos += chars.at;
                Ok(unit)
            }
            None => {
                self.pos += 1;
                Err(self.error(WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, span, "a char16 is one character in single quotes"))
            }
        }
    }

    fn number(&mut self, rest: &str) -> Result<Kind, MofError> {
        let len = number_len(rest);
        let text = rest.get(..len).unwrap_or("");
        let span = self.pos..self.pos + len.max(1);
        self.pos += len.max(1);
        let (negative, digits) = match text.strip_prefix('-') {
            Some(d) => (true, d),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let lower = digits.to_ascii_lowercase();
        let all = |d: &str, radix| !d.is_empty() && d.chars().all(|c| c.is_digit(radix));
        let integer = |d: &str, radix| match u64::from_str_radix(d, radix) {
            Ok(n) if negative => Ok(Kind::Integer(-i128::from(n))),
            Ok(n) => Ok(Kind::Integer(n.into())),
            Err(_) => Err("this number does not fit into 64 bits"),
        };
        let parsed = if let Some(hex) = lower.strip_prefix("0x").filter(|d| all(d, 16)) {
            integer(hex, 16)
        } else if let Some(binary) = lower.strip_suffix('b').filter(|d| all(d, 2)) {
            integer(binary, 2)
        } else if all(&lower, 10) {
            // A leading zero makes it octal, as in C; 08 is no number.
            match lower.strip_prefix('0').filter(|d| !d.is_empty()) {
                Some(octal) if all(octal, 8) => integer(octal, 8),
                Some(_) => Err("a number that starts with 0 is octal and has no digit 8 or 9"),
                None => integer(&lower, 10),
            }
        } else if lower.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-')) {
            match lower.parse::<f64>() {
                Ok(n) if n.is_finite() => Ok(Kind::Real(if negative { -n } else { n })),
                _ => Err("this is no number"),
            }
        } else {
            Err("this is no number")
        };
        parsed.map_err(|message| self.error(WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, span, message))
    }
}

enum Unit {
    Plain(char),
    Escaped(u16),
}

/// The characters between quotes.
struct Escapes<'a> {
    text: &'a str,
    at: usize,
    quote: char,
}

impl Escapes<'_> {
    /// The next character, `None` behind the closing quote; an error says where and why.
    fn next(&mut self) -> Result<Option<Unit>, (usize, &'static str)> {
        let Some(c) = self.take() else {
            return Err((self.at, "the closing quote is missing"));
        };
        match c {
            c if c == self.quote => Ok(None),
            '\n' | '\r' => Err((self.at, "the closing quote is missing on this line")),
            '\\' => {
                let escaped = match self.take() {
                    Some('b') => 8,
                    Some('t') => 9,
                    Some('n') => 10,
                    Some('f') => 12,
                    Some('r') => 13,
                    Some(c @ ('"' | '\'' | '\\')) => return Ok(Some(Unit::Plain(c))),
                    Some('x' | 'X') => {
                        let rest = self.text.get(self.at..).unwrap_or("");
                        let len = rest.bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
                        let digits = rest.get(..len).unwrap_or("");
                        self.at += len;
                        u16::from_str_radix(digits, 16).map_err(|_| (self.at, "expected one to four hexadecimal digits behind \\x"))?
                    }
                    _ => return Err((self.at, "an escape is one of \\\\ \\\" \\' \\b \\t \\n \\f \\r and \\x with one to four digits")),
                };
                Ok(Some(Unit::Escaped(escaped)))
            }
            c => Ok(Some(Unit::Plain(c))),
        }
    }

    fn take(&mut self) -> Option<char> {
        let c = self.text.get(self.at..)?.chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }
}

fn name_len(s: &str) -> usize {
    let starts = s.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic());
    if starts { s.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(s.len()) } else { 0 }
}

/// Sign, digits and letters; a sign behind an exponent's `e` belongs to it.
fn number_len(s: &str) -> usize {
    let hex = s.trim_start_matches(['+', '-']).get(..2).is_some_and(|p| p.eq_ignore_ascii_case("0x"));
    let mut previous = b' ';
    for (i, b) in s.bytes().enumerate() {
        let sign = matches!(b, b'+' | b'-') && (i == 0 || (!hex && matches!(previous, b'e' | b'E')));
        if !(sign || b.is_ascii_alphanumeric() || b == b'.' || b == b'_') {
            return i;
        }
        previous = b;
    }
    s.len()
}
