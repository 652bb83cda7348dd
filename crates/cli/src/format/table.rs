//! Tables and lists for people.

use super::text::{harmless, readable};
use super::{Columns, Row, RowWriter};
use comfy_table::{ContentArrangement, Table as Drawn, presets};
use std::io::{self, Write};

/// Most rows that are held to find the widths of columns; further rows make a new table.
const ROWS_HELD_MAX: usize = 1000;

/// Columns as wide as their widest cell, cut to the terminal by wrapping. Waits for the last row, or for a thousand.
pub(super) struct Table<W> {
    out: W,
    columns: Columns,
    width: Option<u16>,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl<W: Write> Table<W> {
    pub(super) fn new(out: W, columns: Columns, width: Option<u16>) -> Self {
        Table { out, columns, width, header: Vec::new(), rows: Vec::new() }
    }

    fn draw(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut drawn = Drawn::new();
        drawn.load_style(presets::NOTHING).set_header(&self.header);
        if let Some(width) = self.width {
            drawn.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        for column in drawn.column_iter_mut() {
            column.set_padding((0, 2));
        }
        drawn.add_rows(self.rows.drain(..));
        for line in drawn.lines() {
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl<W: Write> RowWriter for Table<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let places = self.columns.of(row.entity);
        let mut header: Vec<String> = places.iter().map(|p| harmless(p.name(row.entity))).collect();
        let mut cells: Vec<String> = places.iter().map(|p| readable(&p.value(row.entity))).collect();
        if self.columns.with_host {
            header.insert(0, "Host".into());
            cells.insert(0, harmless(row.host));
        }
        if header != self.header || self.rows.len() == ROWS_HELD_MAX {
            self.draw()?;
            self.header = header;
        }
        self.rows.push(cells);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        // The widths of the columns are known at the end.
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.draw()?;
        self.out.flush()
    }
}

/// A property a line, an empty line between rows.
pub(super) struct List<W> {
    out: W,
    columns: Columns,
    rows: u64,
}

impl<W: Write> List<W> {
    pub(super) fn new(out: W, columns: Columns) -> Self {
        List { out, columns, rows: 0 }
    }
}

impl<W: Write> RowWriter for List<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let places = self.columns.of(row.entity);
        let mut lines: Vec<(String, String)> =
            places.into_iter().map(|p| (harmless(p.name(row.entity)), readable(&p.value(row.entity)))).collect();
        if self.columns.with_host {
            lines.insert(0, ("Host".into(), harmless(row.host)));
        }
        if self.rows > 0 {
            writeln!(self.out)?;
        }
        self.rows += 1;
        let width = lines.iter().map(|(n, _)| n.chars().count()).max().unwrap_or(0);
        for (name, value) in lines {
            writeln!(self.out, "{}", format!("{name:width$} : {value}").trim_end())?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
