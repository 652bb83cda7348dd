//! LIKE patterns: `%`, `_`, `[a-f]`, `[^..]`. There is no escape: a metacharacter stands for itself in brackets.

/// A pattern, made once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// `%`: any run of characters.
    Run,
    /// `_`: one character.
    One,
    /// A character, folded.
    Char(char),
    /// One character of a set (or not of it): ranges with both ends.
    Set { negated: bool, ranges: Vec<(char, char)> },
    /// A `[` without its `]`: matches nothing.
    Never,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            parts.push(match c {
                // Two runs are one; a pattern of many of them would only cost time.
                '%' if parts.last() == Some(&Part::Run) => continue,
                '%' => Part::Run,
                '_' => Part::One,
                '[' => match rest.as_str().find(']') {
                    Some(end) => {
                        let set = set(&rest.as_str()[..end]);
                        rest = rest.as_str()[end + 1..].chars();
                        set
                    }
                    None => Part::Never,
                },
                c => Part::Char(fold(c)),
            });
        }
        Pattern(parts)
    }

    /// Whether the whole of a value matches, ignoring case. Time is at most the product of both lengths.
    pub(super) fn matches(&self, value: &str) -> bool {
        let mut parts = &self.0[..];
        let mut rest = value.chars();
        // Where to go back to: the parts after the last run, and the text that it has not swallowed yet.
        let mut back: Option<(&[Part], std::str::Chars<'_>)> = None;
        loop {
            match (parts, rest.clone().next()) {
                ([Part::Run, after @ ..], _) => {
                    parts = after;
                    if parts.is_empty() {
                        return true;
                    }
                    back = Some((parts, rest.clone()));
                    continue;
                }
                ([part, after @ ..], Some(c)) if part.takes(c) => {
                    parts = after;
                    rest.next();
                    continue;
                }
                ([], None) => return true,
                _ => {}
            }
            let Some((after, text)) = &mut back else { return false };
            if text.next().is_none() {
                return false;
            }
            parts = after;
            rest = text.clone();
        }
    }
}

/// Whether a text has characters that mean more than themselves in a pattern.
pub(super) fn has_metacharacters(text: &str) -> bool {
    text.contains(['%', '_', '['])
}

impl Part {
    fn takes(&self, c: char) -> bool {
        match self {
            Part::One => true,
            Part::Char(p) => *p == fold(c),
            Part::Set { negated, ranges } => {
                let (upper, lower) = (fold(c), lower(c));
                ranges.iter().any(|&(a, b)| [c, upper, lower].iter().any(|x| (a..=b).contains(x))) != *negated
            }
            Part::Run | Part::Never => false,
        }
    }
}

/// The inside of brackets. `-` and `=` between two characters make a range; elsewhere they are themselves.
fn set(inside: &str) -> Part {
    let (negated, inside) = match inside.strip_prefix('^') {
        // `[^]` is a caret.
        Some("") | None => (false, inside),
        Some(rest) => (true, rest),
    };
    let chars: Vec<char> = inside.chars().collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(&from) = chars.get(at) {
        match (chars.get(at + 1), chars.get(at + 2)) {
            (Some('-' | '='), Some(&to)) => {
                ranges.push((from, to));
                at += 3;
            }
            _ => {
                ranges.push((from, from));
                at += 1;
            }
        }
    }
    Part::Set { negated, ranges }
}

/// The upper case of a letter that has one of one letter.
pub(super) fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(u), None) => u,
        _ => c,
    }
}

fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(l), None) => l,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let p = Pattern::new(pattern);
        yes.iter().for_each(|v| assert!(p.matches(v), "{pattern} should match {v}"));
        no.iter().for_each(|v| assert!(!p.matches(v), "{pattern} should not match {v}"));
    }

    #[test]
    fn a_run_is_any_text_also_none() {
        check("Win%", &["Win", "WINDOWS", "win32"], &["Wi", "aWin"]);
        check("%a%b%", &["ab", "xaxxbx", "aab"], &["ba", "a"]);
        check("%%%", &["", "x"], &[]);
        check("%ab", &["aab", "abab", "ab"], &["aba"]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn one_is_exactly_one_character() {
        check("C_", &["C:", "cé", "C_"], &["C", "C::"]);
    }

    #[test]
    fn a_set_takes_one_of_its_members() {
        check("[CD]:", &["C:", "d:"], &["E:", "CD:"]);
        check("[a=f]%", &["Alpha", "f"], &["golf"]);
        check("[a-f]%", &["Alpha", "F"], &["golf"]);
        check("[^ad-f]", &["b", "C", "g"], &["a", "A", "d", "e", "F", ""]);
        check("[x-]", &["x", "-"], &["y"]);
        check("[x=]", &["X", "="], &["y"]);
        check("[-x]", &["x", "-"], &["y"]);
        check("[^]", &["^"], &["a"]);
    }

    #[test]
    fn a_metacharacter_in_brackets_is_itself() {
        check("%[_][_]%", &["a__b", "__"], &["a_b", "ab"]);
        check("[%]", &["%"], &["a", ""]);
        check("[[]x", &["[x"], &["x"]);
    }

    #[test]
    fn a_bracket_left_open_matches_nothing() {
        check("[abc", &[], &["a", "[abc", ""]);
        check("%[", &[], &["x", "["]);
        check("[]", &[], &["", "a", "]"]);
    }

    #[test]
    fn a_backslash_is_itself() {
        check(r"%\\%", &[r"a\\b"], &[r"a\b"]);
        check(r"\\?\%", &[r"\\?\Volume"], &["x"]);
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = "%a".repeat(200) + "b";
        check(&pattern, &[], &[&"a".repeat(5000)]);
    }
}
