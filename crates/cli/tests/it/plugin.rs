//! What check_wmi_plus makes of the text of `wmic`, by the rules of its parser: so far as it matters whether an answer is read or misread.

use std::collections::BTreeMap;

/// An answer as the plug-in has it.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    /// An empty text, which it takes for no rows.
    NoData,
    /// Rows by the names of their columns.
    Rows { columns: Vec<String>, rows: Vec<BTreeMap<String, String>> },
    /// A text without a class, which it takes for a failure: the words that it explains, or nothing that it knows.
    Failure(Option<&'static str>),
}

/// How rows are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rows {
    /// A line each.
    Lines,
    /// As many columns as this, the last of them up to the end of its line; the others may have line ends in them.
    Columns(usize),
}

/// The texts that it explains, in the order in which it looks for them.
const EXPLAINED: [&str; 14] = [
    "NT_STATUS_ACCESS_DENIED",
    "0x80041010",
    "0x8007000e",
    "0x80041003",
    "0x80041004",
    "0x80041045",
    "0x80010111",
    "0x800706ba",
    "c00000b5",
    "0x800705af",
    "NT_STATUS_IO_TIMEOUT",
    "NT_STATUS_HOST_UNREACHABLE",
    "NT_STATUS_UNEXPECTED_NETWORK_ERROR",
    "NT_STATUS_CONNECTION_REFUSED",
];

/// Reads both streams, which the plug-in merges into one.
pub(crate) fn read(text: &str, delimiter: &str, how: Rows) -> Read {
    if text.is_empty() {
        return Read::NoData;
    }
    let class = text.match_indices("CLASS: ").find_map(|(at, word)| {
        let rest = &text[at + word.len()..];
        let name = rest.split('\n').next().filter(|n| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_'))?;
        rest[name.len()..].strip_prefix('\n').map(|behind| (format!("{word}{name}"), behind))
    });
    let Some((class, behind)) = class else {
        let lower = text.to_lowercase();
        return Read::Failure(EXPLAINED.into_iter().find(|e| lower.contains(&e.to_lowercase())));
    };
    let Some((header, mut rest)) = behind.split_once('\n') else { return Read::Failure(None) };
    let columns = split(header, delimiter);
    let named = |fields: Vec<String>| columns.iter().cloned().zip(fields).collect();
    let mut rows = Vec::new();
    match how {
        Rows::Lines => {
            // A line without an end is no row.
            while let Some((line, more)) = rest.split_once('\n') {
                let fields = split(line, delimiter);
                // One column may be missing: an empty one at the end.
                if columns.len() <= fields.len() + 1 && line != header && line != class {
                    rows.push(named(fields));
                }
                rest = more;
            }
        }
        Rows::Columns(count) => 'rows: loop {
            let mut fields = Vec::new();
            for column in 1..=count {
                let end = if column == count { "\n" } else { delimiter };
                let Some((field, more)) = rest.split_once(end) else { break 'rows };
                fields.push(field.to_owned());
                rest = more;
            }
            rows.push(named(fields));
        },
    }
    Read::Rows { columns, rows }
}

/// Empty fields at the end are none.
fn split(line: &str, delimiter: &str) -> Vec<String> {
    let mut fields: Vec<String> = line.split(delimiter).map(str::to_owned).collect();
    while fields.last().is_some_and(String::is_empty) {
        fields.pop();
    }
    fields
}

impl Read {
    /// The columns and the rows; it must have some.
    #[track_caller]
    pub(crate) fn rows(self) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
        match self {
            Read::Rows { columns, rows } => (columns, rows),
            other => panic!("no rows: {other:?}"),
        }
    }
}

#[test]
fn the_parser_is_as_strict_as_the_plug_in() {
    let row = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
    assert_eq!(read("", "|", Rows::Lines), Read::NoData);
    let text = "CLASS: A\nX|Y\n1|2\n3|\n\nCLASS: B\nX|Y|Z\n4|5|6\n";
    let (columns, rows) = read(text, "|", Rows::Lines).rows();
    assert_eq!(columns, ["X", "Y"]);
    // With two columns it takes the class and the header of the next part for rows.
    assert_eq!(rows[..2], [row(&[("X", "1"), ("Y", "2")]), row(&[("X", "3")])]);
    assert_eq!(rows.len(), 5);
    // An answer whose line ends are those of Windows, or that says something first, is read all the same; one without a class is not.
    assert_eq!(read("warning\nCLASS: A\nX\n1\n", "|", Rows::Lines).rows().1, [row(&[("X", "1")])]);
    assert_eq!(read("X|Y\n1|2\n", "|", Rows::Lines), Read::Failure(None));
    assert_eq!(read("NTSTATUS: nt_status_access_denied - ", "|", Rows::Lines), Read::Failure(Some("NT_STATUS_ACCESS_DENIED")));
    // The events of seven columns are lost.
    let seven = "CLASS: E\nA|B|C\n1|2|3\n4|5\n6|7\n";
    assert_eq!(read(seven, "|", Rows::Columns(3)).rows().1.len(), 2);
    assert_eq!(read("CLASS: E\nA|B|C\n1|2\n4|5\n", "|", Rows::Columns(3)).rows().1.len(), 1);
}
