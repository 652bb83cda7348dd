//! JSON: one array, or an object a line.

use super::{Columns, Row, RowWriter, Style};
use rwmi_cim::Value;
use serde_json::{Map, Value as Json_};
use std::io::{self, Write};

/// A value as JSON.
pub(crate) fn value_json(value: &Value) -> Json_ {
    Style::default().json(value)
}

fn row_json(columns: &Columns, row: &Row<'_>) -> Json_ {
    let mut map = Map::new();
    if columns.with_host {
        map.insert("__HOST".into(), row.host.into());
    }
    for place in columns.of(row.entity) {
        map.insert(place.name(row.entity).to_owned(), columns.style.json(&place.value(row.entity)));
    }
    Json_::Object(map)
}

pub(super) struct Json<W> {
    out: W,
    columns: Columns,
    array: bool,
    rows: u64,
}

impl<W: Write> Json<W> {
    pub(super) fn array(out: W, columns: Columns) -> Self {
        Json { out, columns, array: true, rows: 0 }
    }

    pub(super) fn lines(out: W, columns: Columns) -> Self {
        Json { out, columns, array: false, rows: 0 }
    }
}

impl<W: Write> RowWriter for Json<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if self.array {
            self.out.write_all(if self.rows == 0 { b"[\n" } else { b",\n" })?;
        }
        self.rows += 1;
        serde_json::to_writer(&mut self.out, &row_json(&self.columns, row))?;
        if self.array { Ok(()) } else { self.out.write_all(b"\n") }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.array {
            self.out.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()
    }
}
