//! What Zabbix takes: one value (`wmi.get`), all rows (`wmi.getall`), and the rows of a low-level discovery.

use super::{Columns, Place, Row, RowWriter};
use serde_json::{Map, Value as Json};
use std::io::{self, Write};

/// What `wmi.get` says where there is no value.
const EMPTY: &str = "Empty WMI search result.";

/// The first row's first property that is no key; a key where nothing else came. NULL and no row are errors.
pub(super) struct Get<W> {
    out: W,
    columns: Columns,
    rows: u64,
    found: bool,
}

impl<W: Write> Get<W> {
    pub(super) fn new(out: W, columns: Columns) -> Self {
        Get { out, columns, rows: 0, found: false }
    }
}

impl<W: Write> RowWriter for Get<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.rows += 1;
        if 1 < self.rows {
            return Ok(());
        }
        let is_key = |p: &Place| p.index().is_some_and(|i| row.entity.class().properties[i].is_key());
        let places = self.columns.of(row.entity);
        let Some(place) = places.iter().find(|p| !is_key(p)).or(places.first()) else { return Ok(()) };
        let value = place.value(row.entity);
        if value.is_null() {
            return Ok(());
        }
        self.found = true;
        // The lines of a text are its own; NUL would end it, and an escape code nobody means.
        let keep = |c: char| if c.is_control() && !matches!(c, '\n' | '\r' | '\t') { '\u{fffd}' } else { c };
        writeln!(self.out, "{}", self.columns.style.text(&value).chars().map(keep).collect::<String>())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn lacks(&self) -> Option<&'static str> {
        if self.found { None } else { Some(EMPTY) }
    }
}

/// One array of objects; what is NULL is left out.
pub(super) struct Rows<W> {
    out: W,
    columns: Columns,
    kind: Kind,
    rows: u64,
}

/// What the array is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `wmi.getall`.
    All,
    /// Macros `{#NAME}` and texts: a rule of low-level discovery, from Zabbix 4.2 on.
    Discovery,
    /// The same in an object with the member `data`, for servers before 4.2.
    OldDiscovery,
}

impl<W: Write> Rows<W> {
    pub(super) fn new(out: W, columns: Columns, kind: Kind) -> Self {
        Rows { out, columns, kind, rows: 0 }
    }

    fn opening(&self) -> &'static [u8] {
        if self.kind == Kind::OldDiscovery { b"{\"data\":[" } else { b"[" }
    }
}

impl<W: Write> RowWriter for Rows<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let mut map = Map::new();
        let style = &self.columns.style;
        let name = |text: &str| if self.kind == Kind::All { text.to_owned() } else { macro_name(text) };
        if self.columns.with_host {
            map.insert(name("__HOST"), row.host.into());
        }
        for place in self.columns.of(row.entity) {
            let value = place.value(row.entity);
            if value.is_null() {
                continue;
            }
            let json: Json = if self.kind == Kind::All { style.json(&value) } else { style.text(&value).into() };
            if json.is_null() {
                continue;
            }
            map.insert(name(place.name(row.entity)), json);
        }
        self.out.write_all(if self.rows == 0 { self.opening() } else { b"," })?;
        self.rows += 1;
        serde_json::to_writer(&mut self.out, &Json::Object(map))?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            self.out.write_all(self.opening())?;
        }
        self.out.write_all(if self.kind == Kind::OldDiscovery { b"]}\n" } else { b"]\n" })?;
        self.out.flush()
    }
}

/// `{#DEVICEID}`: of letters, digits, underscores and dots.
fn macro_name(property: &str) -> String {
    let name: String = property.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("{{#{name}}}")
}
