//! Documents: every relative link leads somewhere, docs/spec-map.md names files and tests that exist, and docs/errors.md tests.

use crate::Report;
use crate::index::Tree;

const MAP: &str = "docs/spec-map.md";
const ERRORS: &str = "docs/errors.md";

/// Links of every page of Markdown.
pub(crate) fn links(tree: &Tree) -> Report {
    let (mut pages, mut count) = (0, 0);
    let mut violations = Vec::new();
    for (page, text) in tree.below("", ".md") {
        pages += 1;
        for target in targets(text) {
            count += 1;
            let path = resolve(page, target);
            if !path.as_deref().is_some_and(|p| p.is_empty() || tree.has_path(p)) {
                violations.push(format!("{page}: the link {target} leads nowhere"));
            }
        }
    }
    Report { name: "links", seen: format!("{count} links in {pages} pages"), notes: Vec::new(), violations }
}

/// Rows of the map: section, what, file, test, status.
pub(crate) fn spec_map(tree: &Tree) -> Report {
    let mut violations = Vec::new();
    let text = tree.files.get(MAP).map(String::as_str).unwrap_or_default();
    let (mut rows, mut references) = (0, 0);
    for (number, line) in
        text.lines().enumerate().filter(|(_, l)| l.starts_with('|') && !l.starts_with("|---") && !l.starts_with("| Section"))
    {
        rows += 1;
        let mut fail = |what: String| violations.push(format!("{MAP}:{}: {what}", number + 1));
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [section, what, files, tests, status] = cells[..] else {
            fail(format!("{} cells, not five", cells.len()));
            continue;
        };
        if section.is_empty() || what.is_empty() {
            fail("an empty cell".into());
        }
        let absent = status == "absent";
        if !absent && status != "built" && !status.starts_with("part: ") {
            fail(format!("{status:?} is none of built, part: ..., absent"));
        }
        if !absent && (quoted(files).next().is_none() || quoted(tests).next().is_none()) {
            fail("no file or no test".into());
        }
        for file in quoted(files) {
            references += 1;
            if !tree.has_path(file) {
                fail(format!("there is no {file}"));
            }
        }
        for test in quoted(tests) {
            references += 1;
            if let Err(e) = tree.test(test) {
                fail(e);
            }
        }
    }
    if rows == 0 {
        violations.push(format!("{MAP} has no rows"));
    }
    Report { name: "spec map", seen: format!("{rows} rows, {references} files and tests"), notes: Vec::new(), violations }
}

/// Rows of the page of errors: status, cause, tests.
pub(crate) fn errors(tree: &Tree) -> Report {
    let mut violations = Vec::new();
    let text = tree.files.get(ERRORS).map(String::as_str).unwrap_or_default();
    let (mut rows, mut references) = (0, 0);
    let reachable = text.lines().enumerate().take_while(|(_, l)| !l.starts_with("## "));
    for (number, line) in reachable.filter(|(_, l)| l.starts_with("| `") || l.starts_with("| fault")) {
        rows += 1;
        let mut fail = |what: String| violations.push(format!("{ERRORS}:{}: {what}", number + 1));
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, cause, tests] = cells[..] else {
            fail(format!("{} cells, not three", cells.len()));
            continue;
        };
        if cause.is_empty() || quoted(tests).next().is_none() {
            fail("no cause or no test".into());
        }
        for test in quoted(tests) {
            references += 1;
            if let Err(e) = tree.test(test) {
                fail(e);
            }
        }
    }
    if rows == 0 {
        violations.push(format!("{ERRORS} has no rows"));
    }
    Report { name: "errors", seen: format!("{rows} rows, {references} tests"), notes: Vec::new(), violations }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Targets of links that are paths, without their anchors.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let paths = links.filter(|t| !t.contains("://") && !t.starts_with('#') && !t.starts_with("mailto:"));
    paths.map(|t| t.split('#').next().unwrap_or_default())
}

/// A link of a page, as a path from the root; `None` where it leads out of the repository.
fn resolve(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_path_from_its_page() {
        let check = |page, target, expect: Option<&str>| assert_eq!(resolve(page, target).as_deref(), expect);
        check("docs/adr/1.md", "../../crates/rpc", Some("crates/rpc"));
        check("README.md", "docs/adr/", Some("docs/adr"));
        check("README.md", "../outside", None);
        let text = "[a](x.md#part), [b](https://example.org/x), [c](#here), [d](docs/)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["x.md", "docs/"]);
    }
}
