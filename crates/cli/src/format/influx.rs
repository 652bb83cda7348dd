//! InfluxDB's line protocol, as Telegraf's own WMI plug-in gives it: measurement the class, tag `source` the computer.
//!
//! `Win32_Volume,source=srv1,DriveLetter=C: Capacity=107267223552u,FreeSpace=93233168384u 1763821800000000000`

use super::{Columns, Row, RowWriter, source};
use rwmi_cim::{Entity, Value};
use std::io::{self, Write};

pub(super) struct Influx<W> {
    out: W,
    columns: Columns,
}

impl<W: Write> Influx<W> {
    pub(super) fn new(out: W, columns: Columns) -> Self {
        Influx { out, columns }
    }
}

impl<W: Write> RowWriter for Influx<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let Entity::Instance(object) = row.entity else { return Ok(()) };
        let style = &self.columns.style;
        let mut point = Point::new(&format!("{}{}", style.prefix, object.class().name));
        point.tag("source", &source(row));
        for place in self.columns.of(row.entity) {
            let (key, value) = (place.name(row.entity), place.value(row.entity));
            if place.index().is_some_and(|i| style.is_tag(object, i)) {
                point.tag(key, &style.text(&value));
            } else {
                point.field(style, key, &value);
            }
        }
        match point.line(style.stamp) {
            Some(line) => self.out.write_all(line.as_bytes()),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A point of the protocol: a measurement, tags, fields.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    head: String,
    fields: String,
}

impl Point {
    pub(crate) fn new(measurement: &str) -> Point {
        Point { head: name(measurement, &[',', ' ']), fields: String::new() }
    }

    /// Adds a tag. One without a value is none.
    pub(crate) fn tag(&mut self, key: &str, text: &str) {
        let text = tag_value(text);
        if !text.is_empty() {
            self.head += &format!(",{}={text}", name(key, &[',', '=', ' ']));
        }
    }

    /// Adds a field, where the protocol has a way to write the value.
    pub(crate) fn field(&mut self, style: &super::Style, key: &str, value: &Value) {
        if let Some(text) = field_value(style, value) {
            self.fields += &format!("{}{}={text}", if self.fields.is_empty() { "" } else { "," }, name(key, &[',', '=', ' ']));
        }
    }

    /// The line with its end; `None` without a field: that is no point.
    pub(crate) fn line(self, stamp: Option<u64>) -> Option<String> {
        let Point { head, fields } = self;
        let stamp = stamp.map(|s| format!(" {s}")).unwrap_or_default();
        (!fields.is_empty()).then(|| format!("{head} {fields}{stamp}\n"))
    }
}

/// A field; `None` where the protocol has no way to write it: NULL, and reals that are no numbers.
fn field_value(style: &super::Style, value: &Value) -> Option<String> {
    let quoted = |text: &str| format!("\"{}\"", one_line(&text.replace('\\', "\\\\").replace('"', "\\\"")));
    Some(match value {
        Value::Null => return None,
        Value::Boolean(b) => b.to_string(),
        Value::Real32(f) if f.is_finite() => f.to_string(),
        Value::Real64(f) if f.is_finite() => f.to_string(),
        Value::Real32(_) | Value::Real64(_) => return None,
        Value::Uint64(_) | Value::Sint64(_) if style.uint64_as_text => quoted(&style.text(value)),
        Value::Uint8(_) | Value::Uint16(_) | Value::Uint32(_) | Value::Uint64(_) => format!("{}u", style.text(value)),
        other if other.as_integer().is_some() => format!("{}i", style.text(other)),
        other => quoted(&style.text(other)),
    })
}

/// A measurement or a key.
fn name(text: &str, special: &[char]) -> String {
    escaped(text, special)
}

/// A tag's value. A backslash at the end would escape what follows, and cannot be written: it is dropped.
fn tag_value(text: &str) -> String {
    let text = one_line(text);
    escaped(text.trim_end_matches('\\'), &[',', '=', ' '])
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The protocol has no line ends in values: they are written as two characters. Other control characters are U+FFFD, a tab stays a blank.
fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push(' '),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
