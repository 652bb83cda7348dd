//! Tables and lists for people.

use super::text::{harmless, readable};
use super::{Columns, Row, RowWriter};
use crate::paint::Paint;
use comfy_table::{ContentArrangement, Table as Drawn, presets};
use std::io::{self, Write};

/// Most rows that are held to find the widths of columns; further rows make a new table.
const ROWS_HELD_MAX: usize = 1000;

/// Blanks behind a column.
const GAP: u16 = 2;

/// What stands below the header while a table is drawn: nothing that a value could have, since control characters are none.
const BELOW_HEADER: char = '\u{1}';

/// A column that people can read, with its gap. Where the terminal has less for each, rows are shown as lists.
const COLUMN_WIDTH_MIN: usize = 8;

/// Columns as wide as their widest cell, cut to the terminal by wrapping. Waits for the last row, or for a thousand.
pub(super) struct Table<W> {
    out: W,
    columns: Columns,
    width: Option<u16>,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Rows that were shown as lists.
    listed: u64,
}

impl<W: Write> Table<W> {
    pub(super) fn new(out: W, columns: Columns, width: Option<u16>) -> Self {
        Table { out, columns, width, header: Vec::new(), rows: Vec::new(), listed: 0 }
    }

    fn draw(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut drawn = Drawn::new();
        let mut style = presets::NOTHING;
        style.header_separator.fill = Some(BELOW_HEADER);
        drawn.load_style(style).set_header(&self.header);
        drawn.add_rows(&self.rows);
        if let Some(width) = self.width {
            let natural: u32 = drawn.column_max_content_widths().iter().map(|w| u32::from(*w) + u32::from(GAP)).sum();
            if u32::from(width) < natural && usize::from(width) < self.header.len() * COLUMN_WIDTH_MIN {
                return self.draw_lists();
            }
            drawn.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        self.rows.clear();
        for column in drawn.column_iter_mut() {
            column.set_padding((0, GAP));
        }
        let mut is_header = true;
        for line in drawn.lines() {
            if is_header && line.starts_with(BELOW_HEADER) {
                is_header = false;
                continue;
            }
            let line = line.trim_end();
            let line = if is_header { self.columns.style.paint.heading(line) } else { line.to_owned() };
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    /// The rows that wait, a property a line: columns of a letter or two help nobody.
    fn draw_lists(&mut self) -> io::Result<()> {
        for cells in std::mem::take(&mut self.rows) {
            if 0 < self.listed {
                writeln!(self.out)?;
            }
            self.listed += 1;
            write_list(&mut self.out, self.columns.style.paint, self.header.iter().zip(&cells))?;
        }
        Ok(())
    }
}

/// A line each, names as wide as the widest.
fn write_list<'a>(out: &mut impl Write, paint: Paint, lines: impl Iterator<Item = (&'a String, &'a String)> + Clone) -> io::Result<()> {
    let width = lines.clone().map(|(n, _)| n.chars().count()).max().unwrap_or(0);
    for (name, value) in lines {
        writeln!(out, "{} {}", paint.heading(&format!("{name:width$}")), format!(": {value}").trim_end())?;
    }
    Ok(())
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
        write_list(&mut self.out, self.columns.style.paint, lines.iter().map(|(n, v)| (n, v)))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
