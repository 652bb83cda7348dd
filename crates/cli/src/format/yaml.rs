//! YAML 1.2: one sequence, a mapping a row. Strings are always in double quotes, so that no value is read as something else.

use super::{Columns, Row, RowWriter};
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::io::{self, Write};

pub(super) struct Yaml<W> {
    out: W,
    columns: Columns,
    rows: u64,
}

impl<W: Write> Yaml<W> {
    pub(super) fn new(out: W, columns: Columns) -> Self {
        Yaml { out, columns, rows: 0 }
    }
}

impl<W: Write> RowWriter for Yaml<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.rows += 1;
        let mut text = String::new();
        let mut member = |name: &str, value: &Json| {
            text.push_str(if text.is_empty() { "- " } else { "  " });
            key(&mut text, name);
            text.push_str(": ");
            flow(&mut text, value);
            text.push('\n');
        };
        if self.columns.with_host {
            member("__HOST", &row.host.into());
        }
        for place in self.columns.of(row.entity) {
            member(place.name(row.entity), &self.columns.style.json(&place.value(row.entity)));
        }
        self.out.write_all(if text.is_empty() { b"- {}\n" } else { text.as_bytes() })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            self.out.write_all(b"[]\n")?;
        }
        self.out.flush()
    }
}

/// A name that reads as itself, else in quotes.
fn key(out: &mut String, name: &str) {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !WORDS.iter().any(|w| name.eq_ignore_ascii_case(w)) {
        out.push_str(name);
    } else {
        quoted(out, name);
    }
}

fn flow(out: &mut String, value: &Json) {
    match value {
        Json::String(s) => quoted(out, s),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                flow(out, item);
            }
            out.push(']');
        }
        Json::Object(map) => {
            out.push('{');
            for (i, (name, item)) in map.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                key(out, name);
                out.push_str(": ");
                flow(out, item);
            }
            out.push('}');
        }
        // NULL, booleans and numbers are written as in JSON.
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// In double quotes; what YAML does not print, and what turns the writing direction, is escaped.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            '\u{85}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
