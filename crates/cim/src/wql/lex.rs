//! Tokens of WQL. A token is a kind and a place; its text stays in the query.

use logos::{Lexer, Logos};

/// What a token is.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
#[logos(error = LexError)]
#[logos(skip r"[ \t\r\n\x0B\x0C\u{A0}\u{2000}-\u{200A}\u{3000}]+")]
pub(super) enum Kind {
    /// A keyword or a name. Letters beyond ASCII are taken, as Windows takes them.
    #[regex(r"[A-Za-z_\u{AA}-\u{1FFF}\u{2C00}-\u{2DFF}\u{3001}-\u{D7FF}\u{F900}-\u{FDCF}\u{10000}-\u{10FFFF}][A-Za-z0-9_\u{AA}-\u{1FFF}\u{2C00}-\u{2DFF}\u{3001}-\u{D7FF}\u{F900}-\u{FDCF}\u{10000}-\u{10FFFF}]*")]
    Word,
    /// A string in quotes of either kind, quotes included.
    #[token("'", string)]
    #[token("\"", string)]
    Str,
    /// A number: decimal with or without sign, fraction and exponent, or hexadecimal.
    #[regex(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")]
    #[regex(r"[+-]?0[xX][0-9a-fA-F]+")]
    Number,
    /// `{` to `}`: an object path. A brace in a quoted key is part of the path.
    #[token("{", braces)]
    Braces,
    #[token("=")]
    Equal,
    #[token("<>")]
    #[token("!=")]
    NotEqual,
    #[token("<")]
    Less,
    #[token("<=")]
    LessOrEqual,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterOrEqual,
    #[token("(")]
    Open,
    #[token(")")]
    Close,
    #[token(",")]
    Comma,
    #[token("*")]
    Star,
    #[token(".")]
    Dot,
    /// What other languages have and WQL has not; named, so that the parser can say so.
    #[token("+")]
    #[token("-")]
    #[token("/")]
    #[token("%")]
    Arithmetic,
    #[token(";")]
    Semicolon,
}

/// Why no token starts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum LexError {
    #[default]
    Unexpected,
    OpenString,
    OpenBraces,
}

fn string(lex: &mut Lexer<'_, Kind>) -> Result<(), LexError> {
    let quote = lex.slice().as_bytes().first().copied().unwrap_or(b'"');
    let rest = lex.remainder();
    match closing(rest, quote) {
        Some(end) => {
            lex.bump(end);
            Ok(())
        }
        None => {
            lex.bump(rest.len());
            Err(LexError::OpenString)
        }
    }
}

fn braces(lex: &mut Lexer<'_, Kind>) -> Result<(), LexError> {
    let rest = lex.remainder();
    let mut at = 0;
    while let Some(&b) = rest.as_bytes().get(at) {
        at += 1;
        match b {
            b'}' => {
                lex.bump(at);
                return Ok(());
            }
            b'"' | b'\'' => match rest.get(at..).and_then(|r| closing(r, b)) {
                Some(end) => at += end,
                None => break,
            },
            _ => {}
        }
    }
    lex.bump(rest.len());
    Err(LexError::OpenBraces)
}

/// Octets up to and with the closing quote; a backslash takes the next octet along. Both are ASCII, so the end is a
/// boundary of characters.
fn closing(text: &str, quote: u8) -> Option<usize> {
    let mut octets = text.bytes().enumerate();
    while let Some((at, b)) = octets.next() {
        match b {
            b'\\' => {
                octets.next();
            }
            b if b == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The text that a string token stands for: `\\`, `\"` and `\'` lose their backslash, another backslash stays.
pub(super) fn unquote(token: &str) -> String {
    let inner = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next @ ('\\' | '"' | '\''))) => {
                out.push(next);
                chars.next();
            }
            (c, _) => out.push(c),
        }
    }
    out
}

/// The token that stands for a text.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// Whether two words differ by a slip of the fingers: one letter swapped, missing, doubled or wrong; two in long words.
pub(super) fn near(found: &str, wanted: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (found.to_uppercase().chars().collect(), wanted.to_uppercase().chars().collect());
    if a == b || a.len().abs_diff(b.len()) > 2 || a.len() > 64 {
        return false;
    }
    // Edit distance with swaps of neighbours, three rows at a time.
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut d = (row[j] + usize::from(x != y)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                d = d.min(before[j - 1] + 1);
            }
            next.push(d);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()] <= if b.len() > 4 { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(Result<Kind, LexError>, &str)]) {
        let found: Vec<_> = Kind::lexer(text).spanned().map(|(k, s)| (k, &text[s])).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn the_longest_token_wins() {
        check("a<=-5", &[(Ok(Kind::Word), "a"), (Ok(Kind::LessOrEqual), "<="), (Ok(Kind::Number), "-5")]);
        check(
            "1. .5 0x1F 1e+3",
            &[(Ok(Kind::Number), "1."), (Ok(Kind::Number), ".5"), (Ok(Kind::Number), "0x1F"), (Ok(Kind::Number), "1e+3")],
        );
        check("a.b", &[(Ok(Kind::Word), "a"), (Ok(Kind::Dot), "."), (Ok(Kind::Word), "b")]);
        check("Größe\u{A0}名", &[(Ok(Kind::Word), "Größe"), (Ok(Kind::Word), "名")]);
    }

    #[test]
    fn a_quote_ends_at_its_like_and_nowhere_else() {
        check(r#"'a"\'b' "c'\\""#, &[(Ok(Kind::Str), r#"'a"\'b'"#), (Ok(Kind::Str), r#""c'\\""#)]);
        check(r"'a\'", &[(Err(LexError::OpenString), r"'a\'")]);
        check(r#"{a="}"}x"#, &[(Ok(Kind::Braces), r#"{a="}"}"#), (Ok(Kind::Word), "x")]);
        check("{a", &[(Err(LexError::OpenBraces), "{a")]);
    }

    #[test]
    fn a_backslash_hides_only_quotes_and_itself() {
        assert_eq!(unquote(r#""C:\\T\temp\"\'""#), r#"C:\T\temp"'"#);
        for text in ["", r"\", r#"a"b\'c"#, r"\\?\"] {
            assert_eq!(unquote(&quote(text)), text);
        }
    }

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        assert!(near("FORM", "FROM") && near("wher", "WHERE") && near("SELCT", "SELECT") && near("assocators", "ASSOCIATORS"));
        assert!(!near("AS", "FROM") && !near("ORDER", "FROM") && !near("FROM", "FROM") && !near("Name", "FROM"));
    }
}
