//! What somebody meant who wrote a name that is none.

/// Longest name that is compared, in characters.
const COMPARED_MAX: usize = 64;

/// The known name that is nearest, where one is near: letters added, lost, changed or two of them swapped, one in three at most.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase().replace('_', "-");
    let near = known.into_iter().map(|k| (distance(&name, &k.to_lowercase()), k)).min_by_key(|(d, _)| *d)?;
    (near.0 <= (name.chars().count() / 3).max(1)).then_some(near.1)
}

/// How many letters differ; two that are swapped count once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if COMPARED_MAX < a.len() || COMPARED_MAX < b.len() {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut least = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    if 1 < i && 1 < j && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(rows[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant_where_it_is_near() {
        let known = ["user", "namespace", "timeout", "endpoint-port"];
        let check = |name: &str, expect: Option<&str>| assert_eq!(nearest(name, known), expect, "{name}");
        check("usr", Some("user"));
        check("naemspace", Some("namespace"));
        check("NameSpace", Some("namespace"));
        check("endpoint_port", Some("endpoint-port"));
        check("timeuot", Some("timeout"));
        check("colour", None);
        check("", None);
        check(&"x".repeat(100), None);
    }
}
