//! `cargo xtask coverage`: writes docs/coverage.md from the interface declarations and docs/coverage.toml, and proves it.
//!
//! Opnums, methods and what the server answers come from the sources. Which call of the client and which test stand for a
//! method is said in docs/coverage.toml; each must exist, and a test must mention the request that it is named for.

use crate::Report;
use crate::declarations::{self, Interface, Method};
use crate::index::{Tree, block, function, mentions};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

const TABLE: &str = "docs/coverage.toml";
const PAGE: &str = "docs/coverage.md";
/// Where interfaces are declared, in the order of the page.
const DECLARED: [&str; 4] = ["crates/wbem/src/", "crates/dcom/src/", "crates/rpc/src/", "crates/server/src/service/"];
const SERVED: [&str; 3] = ["crates/rpc/src/", "crates/dcom/src/", "crates/server/src/"];
const CALLED: [&str; 3] = ["crates/client/src/", "crates/dcom/src/client/", "crates/server/src/"];
const WQL: &str = "crates/cim/src/wql/parse.rs";

/// docs/coverage.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Short names of files with tests.
    files: BTreeMap<String, String>,
    interface: BTreeMap<String, Entry>,
    wql: Vec<Production>,
}

/// What is said of an interface.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Another interface whose server serves this one too.
    same_as: Option<String>,
    /// Why no object of the server has it.
    absent: Option<String>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    method: BTreeMap<String, Row>,
}

/// What is said of a method.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Functions of the client, or `low level: ...`.
    client: String,
    test: String,
    /// What the test calls, where it does not name the request itself.
    by: Option<String>,
    /// Statuses with which a written method always refuses.
    refused: Option<String>,
    #[serde(default)]
    note: String,
}

/// A production of WQL.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Production {
    production: String,
    /// The function of the parser.
    parser: String,
    test: String,
    #[serde(default)]
    note: String,
}

/// Writes the page, where nothing is wrong with it.
pub(crate) fn write(root: &Path) -> Result<Vec<String>, String> {
    let (page, violations, _) = page(&Tree::load(root)?)?;
    if violations.is_empty() {
        std::fs::write(root.join(PAGE), page).map_err(|e| format!("cannot write {PAGE}, caused by {e}"))?;
    }
    Ok(violations)
}

/// Whether the page is what would be written.
pub(crate) fn check(tree: &Tree) -> Result<Report, String> {
    let (page, mut violations, seen) = page(tree)?;
    if violations.is_empty() && tree.files.get(PAGE) != Some(&page) {
        violations.push(format!("{PAGE} is stale: run cargo xtask coverage"));
    }
    Ok(Report { name: "coverage", seen, notes: Vec::new(), violations })
}

fn page(tree: &Tree) -> Result<(String, Vec<String>, String), String> {
    let text = tree.files.get(TABLE).ok_or_else(|| format!("there is no {TABLE}"))?;
    let table: Table = toml::from_str(text).map_err(|e| format!("{TABLE} is not as expected, caused by {e}"))?;
    let interfaces = declarations::all(tree, &DECLARED)?;
    if interfaces.is_empty() {
        return Err("there is no interface declaration to look at".into());
    }
    let mut work = Work { tree, statuses: tree.statuses(), table: &table, violations: Vec::new(), counts: [0; 3] };
    let mut body = String::new();
    for name in table.interface.keys().filter(|n| !interfaces.iter().any(|i| i.name == **n)) {
        work.violations.push(format!("{TABLE}: {name} is no declared interface"));
    }
    for interface in &interfaces {
        work.interface(&mut body, interface);
    }
    work.wql(&mut body);
    let [built, refused, absent] = work.counts;
    let seen = format!("{} interfaces, {built} opnums built, {refused} refused, {absent} not offered", interfaces.len());
    let page = format!(
        "# Coverage\n\n<!-- Written by `cargo xtask coverage` from the declarations and {TABLE}: change those. -->\n\n\
         Every opnum of every interface, and every production of WQL. {built} opnums are built, {refused} answer a documented error with NULL out\n\
         parameters, {absent} belong to interfaces that no object of the server has. `cargo xtask check` fails where this page is stale, a cell is\n\
         empty, or a test does not exist or does not make the call. An opnum that is not listed is a fault: `NCA_S_OP_RNG_ERROR`\n\
         ({}). The client's calls are functions of `rwmi-client` or `rwmi-dcom`; \"low level\" means that the request is sent with a proxy or a channel.\n{body}",
        work.statuses.get("NCA_S_OP_RNG_ERROR").map_or("", String::as_str),
    );
    Ok((page, work.violations, seen))
}

struct Work<'a> {
    tree: &'a Tree,
    statuses: BTreeMap<&'a str, String>,
    table: &'a Table,
    violations: Vec<String>,
    /// Opnums built, refused, not offered.
    counts: [usize; 3],
}

impl Work<'_> {
    fn interface(&mut self, out: &mut String, interface: &Interface) {
        let Interface { name, uuid, path, .. } = interface;
        let Some(entry) = self.table.interface.get(name) else {
            if !interface.methods.is_empty() {
                self.violations.push(format!("{TABLE}: nothing is said of {name}"));
            }
            return;
        };
        let _ = write!(out, "\n## {name}\n\n`{uuid}`, declared in [{path}](../{path}).");
        if !entry.note.is_empty() {
            let _ = write!(out, " {}", entry.note);
        }
        out.push_str("\n\n| Opnum | Method | Client call | Server | Test | Note |\n|---|---|---|---|---|---|\n");
        let server = match &entry.same_as {
            Some(other) => other.trim_start_matches('I').to_owned(),
            None => interface.server.clone(),
        };
        let written = self.written(&server);
        for key in entry.method.keys().filter(|k| !interface.methods.iter().any(|m| m.name == **k)) {
            self.violations.push(format!("{TABLE}: {name} has no method {key}"));
        }
        for method in &interface.methods {
            match entry.method.get(&method.name) {
                Some(row) => self.row(out, interface, entry, method, row, written.as_ref()),
                None => self.violations.push(format!("{TABLE}: nothing is said of {name}::{}", method.name)),
            }
        }
    }

    fn row(
        &mut self,
        out: &mut String,
        interface: &Interface,
        entry: &Entry,
        method: &Method,
        row: &Row,
        written: Option<&BTreeSet<String>>,
    ) {
        let place = format!("{}::{}", interface.name, method.name);
        let test = self.test(&place, &row.test);
        if let Some((reference, body)) = &test {
            let word = row.by.as_deref().unwrap_or(&method.request);
            if !body.contains(word) || (row.by.is_none() && !mentions(body, word)) {
                self.violations.push(format!("{TABLE}: {place}: the test {reference} does not mention {word}"));
            }
        }
        let client = self.client(&place, method, &row.client);
        let server = self.server(&place, entry, method, row, written);
        let test = test.map(|(reference, _)| link(&reference)).unwrap_or_default();
        for (cell, of) in [(&client, "client"), (&server, "server"), (&test, "test")] {
            if cell.is_empty() {
                self.violations.push(format!("{TABLE}: {place} has no {of}"));
            }
        }
        let _ = writeln!(out, "| {} | `{}` | {client} | {server} | {test} | {} |", method.opnum, method.request, row.note);
    }

    /// A test by its short or whole name, with its body.
    fn test(&mut self, place: &str, test: &str) -> Option<(String, String)> {
        let Some((file, name)) = test.rsplit_once("::") else {
            self.violations.push(format!("{TABLE}: {place}: {test:?} is no file::test"));
            return None;
        };
        let file = self.table.files.get(file).map_or(file, String::as_str);
        let reference = format!("{file}::{name}");
        match self.tree.test(&reference) {
            Ok(found) => Some((reference, found.body)),
            Err(e) => {
                self.violations.push(format!("{TABLE}: {place}: {e}"));
                None
            }
        }
    }

    fn client(&mut self, place: &str, method: &Method, client: &str) -> String {
        if client.starts_with("low level: ") {
            return client.to_owned();
        }
        let sources = || CALLED.iter().flat_map(|d| self.tree.below(d, ".rs")).filter(|(path, _)| !path.contains("tests"));
        let mut missing = Vec::new();
        for call in client.split(", ") {
            let name = call.rsplit("::").next().unwrap_or_default();
            if !sources().any(|(_, text)| text.lines().any(|l| function(l.trim_start()) == Some(name))) {
                missing.push(format!("{TABLE}: {place}: the client has no function {call}"));
            }
        }
        if !sources().any(|(_, text)| mentions(text, &method.request)) {
            missing.push(format!("{TABLE}: {place}: the client never sends {}", method.request));
        }
        self.violations.extend(missing);
        client.split(", ").map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ")
    }

    fn server(&mut self, place: &str, entry: &Entry, method: &Method, row: &Row, written: Option<&BTreeSet<String>>) -> String {
        let refused = match (&entry.absent, written) {
            (Some(_), Some(_)) => {
                self.violations.push(format!("{TABLE}: {place} is served, and said to be absent"));
                return String::new();
            }
            (Some(absent), None) => {
                self.counts[2] += 1;
                return format!("not offered: {}", self.coded(place, absent));
            }
            (None, None) => {
                self.violations.push(format!("{TABLE}: {place}: nothing serves it"));
                return String::new();
            }
            (None, Some(written)) if written.contains(&method.name) => row.refused.clone(),
            (None, Some(_)) => match (&method.default, &row.refused) {
                (Some(status), None) => Some(status.trim_start_matches("HResult::").to_owned()),
                (Some(_), Some(_)) => {
                    self.violations.push(format!("{TABLE}: {place}: its status is the one of its declaration"));
                    None
                }
                (None, _) => {
                    self.violations.push(format!("{place} is not written"));
                    None
                }
            },
        };
        match refused {
            None => {
                self.counts[0] += 1;
                "built".into()
            }
            Some(refused) => {
                self.counts[1] += 1;
                format!("refused: {}", self.coded(place, &refused))
            }
        }
    }

    /// Names of statuses, each with its number behind it. A name of a declaration lacks the prefix of WBEM.
    fn coded(&mut self, place: &str, text: &str) -> String {
        let mut out = Vec::new();
        let mut known = false;
        for word in text.split(' ') {
            let name = word.trim_end_matches([',', ';', '.']);
            let wbem = format!("WBEM_E_{name}");
            let found = if self.statuses.contains_key(wbem.as_str()) { wbem } else { name.to_owned() };
            let is_status = name.chars().all(|c| c.is_ascii_uppercase() || c == '_') && name.contains('_');
            match self.statuses.get(found.as_str()).filter(|_| is_status) {
                Some(code) => {
                    known = true;
                    out.push(format!("`{found}` ({code}){}", &word[name.len()..]));
                }
                None if is_status => {
                    self.violations.push(format!("{TABLE}: {place}: {name} is no status"));
                    out.push(word.to_owned());
                }
                None => out.push(word.to_owned()),
            }
        }
        if !known {
            self.violations.push(format!("{TABLE}: {place}: no status is named in {text:?}"));
        }
        out.join(" ")
    }

    /// The methods that the implementation of a server trait writes; `None` where there is none.
    fn written(&self, server: &str) -> Option<BTreeSet<String>> {
        let head = format!("impl {server} for ");
        for (_, text) in SERVED.iter().flat_map(|d| self.tree.below(d, ".rs")).filter(|(path, _)| !path.contains("tests")) {
            let lines: Vec<&str> = declarations::without_tests(text).lines().collect();
            // The same words stand in documentation, so the line begins with them.
            let Some(at) = lines.iter().position(|l| l.starts_with(&head)) else { continue };
            if lines.get(at).is_some_and(|l| l.ends_with("{}")) {
                return Some(BTreeSet::new());
            }
            let body = block(&lines, at);
            return Some(body.lines().filter_map(|l| function(l.trim_start())).map(str::to_owned).collect());
        }
        None
    }

    fn wql(&mut self, out: &mut String) {
        out.push_str("\n## WQL\n\nProductions as the parser has them; `cargo xtask check` fails where a function of the parser that reads a piece of a query has no row.\n");
        let _ = write!(out, "The parser is [{WQL}](../{WQL}).\n\n| Production | Function | Test | Note |\n|---|---|---|---|\n");
        let source = self.tree.files.get(WQL).map(String::as_str).unwrap_or_default();
        let all: BTreeSet<&str> = source.lines().filter_map(|l| function(l.trim_start())).collect();
        let reads = |l: &&str| l.contains("-> Parsed<") && !l.contains("-> Parsed<()>");
        let productions: BTreeSet<&str> = source.lines().filter(reads).filter_map(|l| function(l.trim_start())).collect();
        let mut named = BTreeSet::new();
        let rows: &[Production] = &self.table.wql;
        for Production { production, parser, test, note } in rows {
            named.insert(parser.as_str());
            if !all.contains(parser.as_str()) {
                self.violations.push(format!("{TABLE}: the parser of WQL has no function {parser}"));
            }
            let test = self.test(production, test).map(|(reference, _)| link(&reference)).unwrap_or_default();
            let _ = writeln!(out, "| `{}` | `{parser}` | {test} | {note} |", production.replace('|', "\\|"));
        }
        if productions.is_empty() {
            self.violations.push(format!("{WQL} has no productions to look at"));
        }
        for missing in productions.difference(&named) {
            self.violations.push(format!("{TABLE}: nothing is said of the production {missing} of {WQL}"));
        }
    }
}

/// A test as a link to its file.
fn link(reference: &str) -> String {
    let (path, name) = reference.rsplit_once("::").unwrap_or((reference, ""));
    format!("[`{name}`](../{path})")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUSES: &str = "    NOT_SUPPORTED = 0x8004100C, \"WBEM_E_NOT_SUPPORTED\", \"not supported\";\n    READ_ONLY = 0x80041023, \"WBEM_E_READ_ONLY\", \"x\";\n";
    const DECLARED: &str = "object_interface! {\n    pub interface IThing = guid!(\"1\"), else NOT_SUPPORTED;\n    serve Thing;\n    3 one = One {} -> OneReply {}\n    4 two = Two {} -> TwoReply {}\n}\n";
    const SERVED: &str = "impl Thing for Server {\n    async fn one(&self) {\n    }\n}\n";
    const TESTS: &str = "#[test]\nfn both() {\n    call(One {});\n    call(Two {});\n}\n";
    const PARSER: &str = "    fn query(mut self) -> Parsed<Query> {\n    fn check(&self) -> Parsed<()> {\n";
    const TABLE_TEXT: &str = r#"
[files]
t = "crates/x/tests.rs"
[interface.IThing]
method.one = { client = "Client::ask", test = "t::both" }
method.two = { client = "low level: Proxy", test = "t::both" }
[[wql]]
production = "q"
parser = "query"
test = "t::both"
"#;

    /// The page and what is wrong, with one replacement somewhere.
    fn outcome(file: &str, from: &str, to: &str) -> (String, Vec<String>) {
        let files = [
            ("crates/cim/src/status.rs", STATUSES),
            ("crates/wbem/src/x.rs", DECLARED),
            ("crates/server/src/x.rs", SERVED),
            ("crates/client/src/x.rs", "fn ask() {\n    One {}\n}\n"),
            ("crates/x/tests.rs", TESTS),
            (WQL, PARSER),
            (TABLE, TABLE_TEXT),
        ];
        let text = |name: &str, text: &str| if name == file { text.replacen(from, to, 1) } else { text.to_owned() };
        let tree = Tree { files: files.iter().map(|(n, t)| ((*n).to_owned(), text(n, t))).collect() };
        assert!(file.is_empty() || tree.files[file] != *files.iter().find(|(n, _)| *n == file).unwrap().1, "nothing was replaced");
        let (page, violations, _) = page(&tree).unwrap();
        (page, violations)
    }

    #[test]
    fn a_page_says_what_the_sources_say() {
        let (page, violations) = outcome("", "", "");
        assert_eq!(violations, Vec::<String>::new());
        assert!(page.contains("| 3 | `One` | `Client::ask` | built | [`both`](../crates/x/tests.rs) |  |"), "{page}");
        assert!(page.contains("| 4 | `Two` | low level: Proxy | refused: `WBEM_E_NOT_SUPPORTED` (0x8004100c) |"), "{page}");
    }

    #[test]
    fn each_lie_is_found() {
        let check = |file: &str, from: &str, to: &str, expect: &str| {
            let (_, violations) = outcome(file, from, to);
            assert!(violations.iter().any(|v| v.contains(expect)), "{from:?} to {to:?}: {violations:?}");
        };
        check("crates/wbem/src/x.rs", "4 two", "5 three = Three {} -> ThreeReply {}\n    4 two", "nothing is said of IThing::three");
        check("crates/wbem/src/x.rs", "4 two = Two {} -> TwoReply {}\n", "", "has no method two");
        check("crates/x/tests.rs", "fn both", "fn other", "does not exist");
        check("crates/x/tests.rs", "#[test]\n", "", "does not exist");
        check("crates/x/tests.rs", "Two {}", "TwoReply {}", "does not mention Two");
        check("crates/client/src/x.rs", "fn ask", "fn tell", "no function Client::ask");
        check("crates/client/src/x.rs", "One {}", "", "never sends One");
        check("crates/server/src/x.rs", "impl Thing", "impl Other", "nothing serves it");
        check(TABLE, "client = \"low level: Proxy\"", "client = \"\"", "no function");
        check(TABLE, "test = \"t::both\" }\n[[", "test = \"t::both\", refused = \"WBEM_E_READ_ONLY\" }\n[[", "the one of its declaration");
        check(TABLE, "client = \"Client::ask\"", "refused = \"WBEM_E_NOTHING\", client = \"Client::ask\"", "WBEM_E_NOTHING is no status");
        check(WQL, "fn query", "fn other(&self) -> Parsed<u8> {\n    fn query", "the production other");
    }

    #[test]
    fn a_page_that_is_not_what_would_be_written_is_stale() {
        let tree = Tree::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))).unwrap();
        let mut changed = tree.files.clone();
        changed.insert(PAGE.into(), "old".into());
        let report = check(&Tree { files: changed }).unwrap();
        assert!(!report.violations.is_empty());
    }
}
