//! Names of classes, properties, methods and qualifiers compare without case and keep theirs.

use std::cmp::Ordering;

/// Whether two names are the same name.
///
/// ASCII letters fold; other letters fold by their simple upper case.
pub fn names_equal(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { name_cmp(a, b).is_eq() }
}

/// The order of the property lookup table: by upper case, unit by unit ([MS-WMIO] 2.2.21).
pub fn name_cmp(a: &str, b: &str) -> Ordering {
    fn folded(s: &str) -> impl Iterator<Item = char> {
        s.chars().map(|c| {
            let mut upper = c.to_uppercase();
            // A letter whose upper case is two letters stays itself: only simple folding counts.
            match (upper.next(), upper.next()) {
                (Some(u), None) => u,
                _ => c,
            }
        })
    }
    if a.is_ascii() && b.is_ascii() {
        return a.bytes().map(|c| c.to_ascii_uppercase()).cmp(b.bytes().map(|c| c.to_ascii_uppercase()));
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
        assert_eq!((name_cmp("a_", "AB"), name_cmp("a", "AB"), name_cmp("aB", "Ab")), (Ordering::Greater, Ordering::Less, Ordering::Equal));
    }
}
