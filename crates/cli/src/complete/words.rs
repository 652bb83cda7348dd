//! Taking a line of bash apart, up to the cursor.

/// Words, the last one as far as it is written, and whether that has an open quote.
pub(super) fn split(line: &str) -> (Vec<String>, bool) {
    let (mut words, mut word, mut is_begun) = (Vec::new(), String::new(), false);
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => {
                if is_begun {
                    words.push(std::mem::take(&mut word));
                }
                is_begun = false;
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '\\') => word.extend(characters.next()),
            (Some('"'), '\\') => match characters.next() {
                Some(next @ ('"' | '\\' | '$' | '`')) => word.push(next),
                Some(next) => word.extend(['\\', next]),
                None => word.push('\\'),
            },
            _ => word.push(c),
        }
        is_begun = true;
    }
    words.push(word);
    (words, quote.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_as_the_shell_does() {
        let check = |line: &str, words: &[&str], open: bool| {
            assert_eq!(split(line), (words.iter().map(|w| (*w).to_owned()).collect(), open), "{line}")
        };
        check("", &[""], false);
        check("rwmi que", &["rwmi", "que"], false);
        check("rwmi query ", &["rwmi", "query", ""], false);
        check("rwmi -c group:we", &["rwmi", "-c", "group:we"], false);
        check("rwmi \"SELECT * FR", &["rwmi", "SELECT * FR"], true);
        check("rwmi 'a b' c\\ d", &["rwmi", "a b", "c d"], false);
        check("rwmi \"root\\cimv2\" ''", &["rwmi", "root\\cimv2", ""], false);
        check("a \\", &["a", ""], false);
    }
}
