//! What the sources hold, found by their text: tests with their bodies, functions, and names of status codes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The sources of the repository that checks look into.
pub(crate) struct Tree {
    /// Path from the repository's root, with the text.
    pub(crate) files: BTreeMap<String, String>,
}

/// A test.
pub(crate) struct Test<'a> {
    pub(crate) name: &'a str,
    pub(crate) body: String,
}

impl Tree {
    /// Every file of text that git knows or would add.
    pub(crate) fn load(root: &Path) -> Result<Tree, String> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|e| format!("cannot run git, caused by {e}"))?;
        if !output.status.success() {
            return Err(format!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
        }
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let read = |name: &str| Some((name.to_owned(), std::fs::read_to_string(root.join(name)).ok()?));
        let files = names.split('\0').filter(|n| !n.is_empty() && !n.starts_with("testdata/")).filter_map(read).collect();
        Ok(Tree { files })
    }

    /// Files below a directory whose names end like this.
    pub(crate) fn below<'a>(&'a self, directory: &str, end: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (directory, end) = (directory.to_owned(), end.to_owned());
        self.files.iter().map(|(n, t)| (n.as_str(), t.as_str())).filter(move |(n, _)| n.starts_with(&directory) && n.ends_with(&end))
    }

    /// Whether something of this path, a file or a directory, is there.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        let directory = format!("{}/", path.trim_end_matches('/'));
        self.files.contains_key(path) || self.files.keys().any(|n| n.starts_with(&directory))
    }

    /// A test by `path::name`.
    pub(crate) fn test(&self, reference: &str) -> Result<Test<'_>, String> {
        let (path, name) = reference.rsplit_once("::").ok_or_else(|| format!("{reference:?} is no path::test"))?;
        let text = self.files.get(path).ok_or_else(|| format!("the test {reference}: there is no such file"))?;
        let found = if path.ends_with(".py") { python_tests(text) } else { rust_tests(text) };
        found.into_iter().find(|t| t.name == name).ok_or_else(|| format!("the test {reference} does not exist"))
    }

    /// Name and number of every status that the sources give a name: of WBEM, and of COM and RPC.
    pub(crate) fn statuses(&self) -> BTreeMap<&str, String> {
        let mut found = BTreeMap::new();
        for path in ["crates/cim/src/status.rs", "crates/ndr/src/status.rs"] {
            for line in self.files.get(path).map(String::as_str).unwrap_or_default().lines() {
                let Some((name, rest)) = line.trim().split_once(" = ") else { continue };
                let mut parts = rest.split(", ");
                let (Some(code), Some(text)) = (parts.next(), parts.next()) else { continue };
                let code = code.replace('_', "").to_lowercase();
                let number = match code.strip_prefix("0x") {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => code.parse(),
                };
                let Ok(number) = number else { continue };
                // WBEM has the wire's name second; the others have only one.
                let wire = text.trim_matches('"');
                found.entry(if wire.starts_with("WBEM_") { wire } else { name }).or_insert_with(|| format!("0x{number:08x}"));
            }
        }
        found
    }
}

/// Functions under a `#[test]` attribute, also those within `proptest!`.
pub(crate) fn rust_tests(text: &str) -> Vec<Test<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut marked = false;
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        if code.starts_with("#[test]") || code.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some(name) = function(code).filter(|_| marked) {
            marked = false;
            found.push(Test { name, body: block(&lines, at) });
        } else if !code.starts_with("#[") && !code.starts_with("//") {
            marked = false;
        }
    }
    found
}

/// `def test_...` at the left margin, with what is indented below.
fn python_tests(text: &str) -> Vec<Test<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(rest) = line.strip_prefix("def test_") else { continue };
        let end = rest.find('(').unwrap_or(rest.len());
        let name = line.get(4..4 + "test_".len() + end).unwrap_or_default();
        let below = lines.iter().skip(at + 1).take_while(|l| l.is_empty() || l.starts_with([' ', ')']));
        found.push(Test { name, body: below.copied().collect::<Vec<_>>().join("\n") });
    }
    found
}

/// The name of the function that a line declares.
pub(crate) fn function(line: &str) -> Option<&str> {
    let at = line.find("fn ")?;
    let before = line.get(..at)?;
    let words = ["pub", "pub(crate)", "pub(super)", "async", "const"];
    if !before.split_whitespace().all(|w| words.contains(&w)) {
        return None;
    }
    let rest = line.get(at + 3..)?;
    rest.get(..rest.find(|c: char| !c.is_alphanumeric() && c != '_')?)
}

/// A line and what follows it up to the closing brace at the same indentation.
pub(crate) fn block(lines: &[&str], at: usize) -> String {
    let indentation = lines.get(at).map_or(0, |l| l.len() - l.trim_start().len());
    let mut body = String::new();
    for line in lines.iter().skip(at) {
        body.push_str(line);
        body.push('\n');
        let closes = line.trim_start().starts_with('}') && line.len() - line.trim_start().len() == indentation;
        if closes {
            break;
        }
    }
    body
}

/// Whether a text has this word, with nothing of a name on either side of it.
pub(crate) fn mentions(text: &str, word: &str) -> bool {
    let of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(of_a_name) && !after.is_some_and(of_a_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_a_function_under_its_attribute() {
        let text = "#[test]\n#[expect(x)]\nfn one() {\n    Next {}\n}\nfn helper() {\n}\n    #[tokio::test]\n    async fn two() {\n        3\n    }\n";
        let found = rust_tests(text);
        assert_eq!(found.iter().map(|t| t.name).collect::<Vec<_>>(), ["one", "two"]);
        assert!(mentions(&found[0].body, "Next") && !mentions(&found[0].body, "helper"));
        assert!(found[1].body.contains('3'));
    }

    #[test]
    fn a_python_test_stands_at_the_margin() {
        let found = python_tests("def test_a(x):\n    call()\n\n    more()\n\ndef helper():\n    no()\n");
        assert_eq!(found[0].name, "test_a");
        assert!(found.len() == 1 && found[0].body.contains("more") && !found[0].body.contains("no()"));
    }

    #[test]
    fn a_word_is_not_part_of_another() {
        assert!(mentions("&ServerAlive {}", "ServerAlive") && !mentions("ServerAlive2 {}", "ServerAlive"));
    }
}
