//! How rows are written: for people and for programs.
//!
//! | format | for | NULL | array | datetime | several hosts |
//! |---|---|---|---|---|---|
//! | `table` | a terminal | empty | `{a, b}` | readable | first column `Host` |
//! | `list` | a terminal, wide rows | empty | `{a, b}` | readable | first line `Host` |
//! | `json` | programs; one array | `null` | array | 25 characters | member `__HOST` |
//! | `jsonl` | programs; one object a line, as it comes | `null` | array | 25 characters | member `__HOST` |
//! | `csv` | spreadsheets | empty | JSON text | 25 characters | first column `__HOST` |
//!
//! 64-bit integers are JSON numbers in full precision. Reals that JSON cannot write (infinities, NaN) are `null`.
//! Names that begin with two underscores are the system's, so `__HOST` is never a property.

mod csv;
mod json;
mod table;
mod text;

pub(crate) use json::{entity_json, value_json};

use rwmi_cim::Object;
use std::io::{self, Write};

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// A property a line, for people
    List,
    /// One JSON array
    Json,
    /// A JSON object a line, as rows come
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}

/// A row and where it came from.
pub(crate) struct Row<'a> {
    /// The computer as the caller named it.
    pub(crate) host: &'a str,
    /// The object.
    pub(crate) object: &'a Object,
}

/// Writes rows as they come; what must wait for the last row is written at the end.
pub(crate) trait RowWriter {
    /// Takes a row.
    fn row(&mut self, row: &Row<'_>) -> io::Result<()>;
    /// No more rows come.
    fn finish(&mut self) -> io::Result<()>;
}

/// What to show of each row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    /// Property names in the order of the SELECT list; `None` is all, in the order of the class.
    pub(crate) names: Option<Vec<String>>,
    /// Whether rows of several computers are mixed.
    pub(crate) with_host: bool,
}

impl Columns {
    /// Places of the properties to show, in their order.
    fn of(&self, object: &Object) -> Vec<usize> {
        let class = object.class();
        let every = 0..class.properties.len();
        match &self.names {
            None => every.collect(),
            Some(names) => {
                let mut places: Vec<usize> = names.iter().filter_map(|n| class.property_index(n)).collect();
                // What the server added, keys for instance, comes behind what was asked for.
                let added: Vec<usize> = every.filter(|i| !places.contains(i)).collect();
                places.extend(added);
                places
            }
        }
    }
}

impl Format {
    /// A writer of this format. `width` is the terminal's, where there is one.
    pub(crate) fn writer<'a>(self, out: impl Write + 'a, columns: Columns, width: Option<u16>) -> Box<dyn RowWriter + 'a> {
        match self {
            Format::Table => Box::new(table::Table::new(out, columns, width)),
            Format::List => Box::new(table::List::new(out, columns)),
            Format::Json => Box::new(json::Json::array(out, columns)),
            Format::Jsonl => Box::new(json::Json::lines(out, columns)),
            Format::Csv => Box::new(csv::Csv::new(out, columns)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{CimType, Class, DateTime, Instance, Property, Value};
    use std::sync::Arc;

    fn rows() -> Vec<Object> {
        let class = Arc::new(Class {
            name: "Demo".into(),
            properties: vec![
                Property::new("Name", CimType::String),
                Property::new("Size", CimType::Uint64),
                Property::new("Tags", CimType::String.array()),
                Property::new("When", CimType::DateTime),
            ],
            ..Class::default()
        });
        let mut a = Instance::new(class.clone());
        a.set("Name", "a\u{1b}[31m,\"b\"\nc").unwrap();
        a.set("Size", u64::MAX).unwrap();
        a.set("Tags", vec!["x".to_owned(), "y".to_owned()]).unwrap();
        a.set("When", DateTime::from_text("20240229235959.123456+060")).unwrap();
        vec![a.into(), Instance::new(class).into()]
    }

    fn check(format: Format, columns: Columns, expect: &str) {
        let mut out = Vec::new();
        {
            let mut w = format.writer(&mut out, columns, Some(100));
            for object in &rows() {
                w.row(&Row { host: "h1", object }).unwrap();
            }
            w.finish().unwrap();
        }
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }

    #[test]
    fn each_format_writes_null_arrays_and_hostile_text() {
        check(
            Format::Jsonl,
            Columns::default(),
            "{\"Name\":\"a\\u001b[31m,\\\"b\\\"\\nc\",\"Size\":18446744073709551615,\"Tags\":[\"x\",\"y\"],\"When\":\"20240229235959.123456+060\"}\n\
             {\"Name\":null,\"Size\":null,\"Tags\":null,\"When\":null}\n",
        );
        check(
            Format::Csv,
            Columns { names: Some(vec!["size".into(), "Name".into()]), with_host: true },
            "__HOST,Size,Name,Tags,When\nh1,18446744073709551615,\"a\u{1b}[31m,\"\"b\"\"\nc\",\"[\"\"x\"\",\"\"y\"\"]\",20240229235959.123456+060\nh1,,,,\n",
        );
        check(
            Format::List,
            Columns::default(),
            "Name : a\u{fffd}[31m,\"b\" c\nSize : 18446744073709551615\nTags : {x, y}\nWhen : 2024-02-29 23:59:59 +01:00\n\nName :\nSize :\nTags :\nWhen :\n",
        );
        check(
            Format::Table,
            Columns { names: Some(vec!["Size".into()]), with_host: false },
            "Size                  Name          Tags    When\n18446744073709551615  a\u{fffd}[31m,\"b\" c  {x, y}  2024-02-29 23:59:59 +01:00\n\n",
        );
    }

    #[test]
    fn no_rows_are_an_empty_array_and_otherwise_nothing() {
        for (format, expect) in [(Format::Json, "[]\n"), (Format::Jsonl, ""), (Format::Csv, ""), (Format::Table, ""), (Format::List, "")] {
            let mut out = Vec::new();
            format.writer(&mut out, Columns::default(), None).finish().unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        }
        let _ = Value::Null;
    }
}
