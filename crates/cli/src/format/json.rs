//! JSON: one array, or an object a line.

use super::{Columns, Row, RowWriter};
use rwmi_cim::{Entity, Value};
use serde_json::{Map, Value as Json_};
use std::io::{self, Write};

/// A value as JSON.
pub(crate) fn value_json(value: &Value) -> Json_ {
    match value {
        Value::Null => Json_::Null,
        Value::Boolean(b) => Json_::Bool(*b),
        Value::Real32(f) => serde_json::Number::from_f64(f64::from(*f)).map_or(Json_::Null, Json_::Number),
        Value::Real64(f) => serde_json::Number::from_f64(*f).map_or(Json_::Null, Json_::Number),
        Value::Uint64(n) => (*n).into(),
        Value::Char16(c) => String::from_utf16_lossy(&[*c]).into(),
        Value::Object(entity) => entity_json(entity),
        Value::Array(items) => items.iter().map(value_json).collect(),
        other => match (other.as_integer(), other.as_str()) {
            (Some(n), _) => i64::try_from(n).map_or(Json_::Null, Into::into),
            (_, Some(s)) => s.into(),
            _ => Json_::Null,
        },
    }
}

/// An embedded object: its class in `__CLASS`, then its properties; a class has `__GENUS` 1.
fn entity_json(entity: &Entity) -> Json_ {
    let mut map = Map::new();
    map.insert("__CLASS".into(), entity.class().name.clone().into());
    match entity {
        Entity::Class(class) => {
            map.insert("__GENUS".into(), 1.into());
            for p in &class.properties {
                map.insert(p.name.clone(), value_json(&p.default));
            }
        }
        Entity::Instance(object) => {
            for (name, value) in object.iter() {
                map.insert(name.to_owned(), value.as_ref().map_or(Json_::Null, value_json));
            }
        }
    }
    Json_::Object(map)
}

fn row_json(columns: &Columns, row: &Row<'_>) -> Json_ {
    let mut map = Map::new();
    if columns.with_host {
        map.insert("__HOST".into(), row.host.into());
    }
    for place in columns.of(row.entity) {
        map.insert(place.name(row.entity).to_owned(), value_json(&place.value(row.entity)));
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
