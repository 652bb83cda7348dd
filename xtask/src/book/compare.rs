//! Whether an output is the one of the page.
//!
//! `[..]` stands for any text within a line, a line `...` for any lines, none too. Blank lines at the end do not count.

/// Whether the lines are those of the page.
pub(crate) fn matches(expected: &[String], actual: &[&str]) -> bool {
    pairs(trimmed(expected), trimmed(actual)).is_some_and(|pairs| pairs.iter().all(|p| matches!(p, Pair::Same(_) | Pair::Skipped(_))))
}

/// What is different, a line each: `-` only on the page, `+` only in the output.
pub(crate) fn difference(expected: &[String], actual: &[&str]) -> String {
    let (expected, actual) = (trimmed(expected), trimmed(actual));
    let Some(pairs) = pairs(expected, actual) else {
        return format!("  {} lines of output, too many to show beside {}\n", actual.len(), expected.len());
    };
    let mut text = String::new();
    for pair in pairs {
        let (mark, line) = match pair {
            Pair::Same(e) | Pair::Skipped(e) => (' ', expected[e].as_str()),
            Pair::Missing(e) => ('-', expected[e].as_str()),
            Pair::Extra(a) => ('+', actual[a]),
        };
        text.push(mark);
        text.push(' ');
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The output, with the lines of the page where they match.
pub(crate) fn renewed(expected: &[String], actual: &[&str]) -> Vec<String> {
    let (expected, actual) = (trimmed(expected), trimmed(actual));
    let Some(pairs) = pairs(expected, actual) else { return actual.iter().map(|l| (*l).to_owned()).collect() };
    let kept = pairs.into_iter().filter_map(|pair| match pair {
        Pair::Same(e) | Pair::Skipped(e) => Some(expected[e].clone()),
        Pair::Missing(_) => None,
        Pair::Extra(a) => Some(actual[a].to_owned()),
    });
    kept.collect()
}

enum Pair {
    /// A line of the page that came.
    Same(usize),
    /// `...`
    Skipped(usize),
    Missing(usize),
    Extra(usize),
}

const ANY: &str = "...";

fn trimmed<S: AsRef<str>>(lines: &[S]) -> &[S] {
    let end = lines.iter().rposition(|l| !l.as_ref().trim().is_empty()).map_or(0, |i| i + 1);
    &lines[..end]
}

/// The cheapest way from one to the other; `None` where that is too much work.
fn pairs(expected: &[String], actual: &[&str]) -> Option<Vec<Pair>> {
    let (rows, columns) = (expected.len(), actual.len());
    if rows.saturating_mul(columns) > 20_000_000 {
        return None;
    }
    // cost[e][a]: lines that differ from there on.
    let width = columns + 1;
    let mut cost = vec![0_u32; (rows + 1) * width];
    let same: Vec<bool> = expected.iter().flat_map(|e| actual.iter().map(move |a| e != ANY && line_matches(e, a))).collect();
    let is_same = |e: usize, a: usize| same[e * columns + a];
    for e in (0..=rows).rev() {
        for a in (0..=columns).rev() {
            let any = e < rows && expected[e] == ANY;
            let mut best = u32::MAX;
            if e == rows && a == columns {
                best = 0;
            }
            if e < rows {
                best = best.min(cost[(e + 1) * width + a] + u32::from(!any));
            }
            if a < columns {
                best = best.min(cost[e * width + a + 1] + u32::from(!any));
            }
            if e < rows && a < columns && is_same(e, a) {
                best = best.min(cost[(e + 1) * width + a + 1]);
            }
            cost[e * width + a] = best;
        }
    }
    let (mut e, mut a, mut pairs) = (0, 0, Vec::new());
    while e < rows || a < columns {
        let here = cost[e * width + a];
        let any = e < rows && expected[e] == ANY;
        if e < rows && a < columns && is_same(e, a) && cost[(e + 1) * width + a + 1] == here {
            pairs.push(Pair::Same(e));
            (e, a) = (e + 1, a + 1);
        } else if any && cost[(e + 1) * width + a] == here {
            pairs.push(Pair::Skipped(e));
            e += 1;
        } else if any {
            // Swallowed by it.
            a += 1;
        } else if e < rows && cost[(e + 1) * width + a] + 1 == here {
            pairs.push(Pair::Missing(e));
            e += 1;
        } else {
            pairs.push(Pair::Extra(a));
            a += 1;
        }
    }
    Some(pairs)
}

/// A line of the page against one of the output; blanks at the end do not count.
fn line_matches(expected: &str, actual: &str) -> bool {
    let (expected, mut rest) = (expected.trim_end(), actual.trim_end());
    let mut parts = expected.split("[..]");
    let Some(first) = parts.next() else { return false };
    let Some(behind) = rest.strip_prefix(first) else { return false };
    rest = behind;
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn check(expected: &str, actual: &str, expect: bool) {
        assert_eq!(matches(&lines(expected), &actual.lines().collect::<Vec<_>>()), expect, "{expected:?} {actual:?}");
    }

    #[test]
    fn lines_are_the_same_to_the_letter() {
        check("", "", true);
        check("a\nb", "a\nb", true);
        check("a\nb", "a\nb\n\n", true);
        check("a", "A", false);
        check("a", "a\nb", false);
        check("a\nb", "a", false);
        check("", "a", false);
        check("a\nb", "b\na", false);
    }

    #[test]
    fn a_gap_in_a_line_is_any_text() {
        check("a[..]c", "abc", true);
        check("a[..]c", "ac", true);
        check("a[..]c", "acd", false);
        check("x\n[..]\ny", "x\n\ny", true);
        check("[..]b[..]d", "abcbcd", true);
        check("[..]b[..]d", "acd", false);
        check("a[..]a", "a", false);
    }

    #[test]
    fn three_dots_are_any_lines() {
        check("...", "a\nb", true);
        check("a\n...\nd", "a\nb\nc\nd", true);
        check("a\n...\nd", "a\nd", true);
        check("a\n...\nd", "a\nb", false);
        check("...\nb\n...", "a\nb\nb\nc", true);
        check("...\nx", "a\nb", false);
    }

    #[test]
    fn a_difference_shows_both() {
        let text = difference(&lines("a\nb[..]\nc\n..."), &["a", "bb", "d", "e"]);
        assert_eq!(text, "  a\n  b[..]\n- c\n  ...\n");
        assert_eq!(difference(&lines("a\nc"), &["a", "d"]), "  a\n- c\n+ d\n");
    }

    #[test]
    fn a_renewed_output_matches_and_keeps_its_gaps() {
        let check = |expected: &str, actual: &str, expect: &str| {
            let actual: Vec<_> = actual.lines().collect();
            let renewed = renewed(&lines(expected), &actual);
            assert_eq!(renewed, lines(expect));
            assert!(matches(&renewed, &actual));
        };
        check("", "a\nb", "a\nb");
        check("a [..]\nx\nc", "a 1\nb\nc", "a [..]\nb\nc");
        check("...\nz", "a\nb", "...");
        check("x\n...", "a\nb", "...");
    }
}
