//! Comma-separated values (RFC 4180). The header comes again, after an empty line, when the columns change.

use super::{Columns, Row, RowWriter};
use std::io::{self, Write};

pub(super) struct Csv<W: Write> {
    out: W,
    columns: Columns,
    header: Option<Vec<String>>,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(out: W, columns: Columns) -> Self {
        Csv { out, columns, header: None }
    }
}

impl<W: Write> Csv<W> {
    fn record(&mut self, fields: &[String]) -> io::Result<()> {
        let mut line = csv::WriterBuilder::new().buffer_capacity(256).from_writer(Vec::new());
        // Only memory is written to here.
        line.write_record(fields).map_err(io::Error::other)?;
        let line = line.into_inner().map_err(|e| io::Error::other(e.to_string()))?;
        self.out.write_all(&line)
    }
}

impl<W: Write> RowWriter for Csv<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let places = self.columns.of(row.entity);
        let mut header: Vec<String> = places.iter().map(|p| p.name(row.entity).to_owned()).collect();
        if self.columns.with_host {
            header.insert(0, "__HOST".into());
        }
        if self.header.as_ref() != Some(&header) {
            if self.header.is_some() {
                self.out.write_all(b"\n")?;
            }
            self.record(&header)?;
            self.header = Some(header);
        }
        let mut record: Vec<String> = Vec::with_capacity(places.len() + 1);
        if self.columns.with_host {
            record.push(row.host.into());
        }
        for place in places {
            record.push(match self.columns.style.json(&place.value(row.entity)) {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(s) => s,
                other => other.to_string(),
            });
        }
        self.record(&record)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
