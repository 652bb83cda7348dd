//! Names of classes, properties, methods and qualifiers compare without case and keep theirs.

use std::cmp::Ordering;

/// Whether two names are the same name.
///
/// ASCII letters fold; other letters fold by their simple lower case.
pub fn names_equal(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { name_cmp(a, b).is_eq() }
}

/// The order of the property lookup table ([MS-WMIO] 2.2.21): by lower case, so that `_` stands before letters, as in every class
/// of Windows.
pub fn name_cmp(a: &str, b: &str) -> Ordering {
    fn folded(s: &str) -> impl Iterator<Item = char> {
        s.chars().map(|c| {
            let mut lower = c.to_lowercase();
            // A letter whose lower case is two letters stays itself: only simple folding counts.
            match (lower.next(), lower.next()) {
                (Some(l), None) => l,
                _ => c,
            }
        })
    }
    if a.is_ascii() && b.is_ascii() {
        return a.bytes().map(|c| c.to_ascii_lowercase()).cmp(b.bytes().map(|c| c.to_ascii_lowercase()));
    }
    folded(a).cmp(folded(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_without_growing() {
        assert!(names_equal("Caption", "CAPTION"));
        assert!(names_equal("Größe", "GRÖßE"));
        assert!(!names_equal("Größe", "GRÖSSE"));
        assert_eq!(name_cmp("b", "A"), Ordering::Greater);
        assert_eq!((name_cmp("a_", "AB"), name_cmp("a", "AB"), name_cmp("aB", "Ab")), (Ordering::Less, Ordering::Less, Ordering::Equal));
    }
}
