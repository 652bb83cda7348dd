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
//! Names that begin with two underscores are the system's, so `__HOST` is never a property. System properties are shown where
//! the SELECT list names them; of a class (`SELECT * FROM meta_class`) `__CLASS`, `__SUPERCLASS` and `__DYNASTY` are.

mod csv;
mod json;
mod table;
mod text;

pub(crate) use json::value_json;

use rwmi_cim::{Entity, SystemProperty, Value};
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
    pub(crate) entity: &'a Entity,
}

/// Writes rows as they come; what must wait for the last row is written at the end.
pub(crate) trait RowWriter {
    /// Takes a row.
    fn row(&mut self, row: &Row<'_>) -> io::Result<()>;
    /// No more rows come for the moment: what can be shown already goes out.
    fn flush(&mut self) -> io::Result<()>;
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

/// Where a column's value is found in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Property(usize),
    System(SystemProperty),
}

impl Place {
    fn name(self, entity: &Entity) -> &str {
        match self {
            Place::Property(i) => &entity.class().properties[i].name,
            Place::System(p) => p.name(),
        }
    }

    /// Its value; NULL where it is malformed.
    fn value(self, entity: &Entity) -> Value {
        match (self, entity) {
            (Place::System(p), _) => p.of(entity),
            (Place::Property(i), Entity::Instance(object)) => object.value_at(i).unwrap_or(Value::Null),
            (Place::Property(i), Entity::Class(class)) => class.properties[i].default.clone(),
        }
    }
}

impl Columns {
    /// What to show, in its order.
    fn of(&self, entity: &Entity) -> Vec<Place> {
        if let (None, Entity::Class(_)) = (&self.names, entity) {
            return [SystemProperty::Class, SystemProperty::Superclass, SystemProperty::Dynasty].map(Place::System).into();
        }
        let class = entity.class();
        let every = (0..class.properties.len()).map(Place::Property);
        match &self.names {
            None => every.collect(),
            Some(names) => {
                let place =
                    |n: &String| class.property_index(n).map(Place::Property).or_else(|| SystemProperty::from_name(n).map(Place::System));
                let mut places: Vec<Place> = Vec::new();
                for place in names.iter().filter_map(place) {
                    if !places.contains(&place) {
                        places.push(place);
                    }
                }
                // What the server added, keys for instance, comes behind what was asked for.
                let added: Vec<Place> = every.filter(|p| !places.contains(p)).collect();
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
    use rwmi_cim::{CimType, Class, DateTime, Instance, Property};
    use std::sync::Arc;

    fn rows() -> Vec<Entity> {
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
        vec![Entity::Instance(a.into()), Entity::Instance(Instance::new(class).into())]
    }

    fn check(format: Format, columns: Columns, expect: &str) {
        let mut out = Vec::new();
        {
            let mut w = format.writer(&mut out, columns, Some(100));
            for entity in &rows() {
                w.row(&Row { host: "h1", entity }).unwrap();
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
    }

    #[test]
    fn a_system_property_is_shown_where_it_is_listed_and_a_column_once() {
        let names = ["__class", "Size", "SIZE", "__PATH", "gone"].map(str::to_owned);
        let columns = Columns { names: Some(names.into()), with_host: false };
        let mut out = Vec::new();
        {
            let mut w = Format::Csv.writer(&mut out, columns, None);
            w.row(&Row { host: "", entity: &rows()[1] }).unwrap();
            w.finish().unwrap();
        }
        assert_eq!(String::from_utf8(out).unwrap(), "__CLASS,Size,__PATH,Name,Tags,When\nDemo,,,,,\n");
    }

    #[test]
    fn other_columns_bring_another_header_behind_an_empty_line() {
        let class =
            |name: &str| Arc::new(Class { name: name.into(), properties: vec![Property::new(name, CimType::Uint8)], ..Class::default() });
        let mut out = Vec::new();
        {
            let mut w = Format::Csv.writer(&mut out, Columns::default(), None);
            for name in ["A", "A", "B"] {
                w.row(&Row { host: "", entity: &Entity::Instance(Instance::new(class(name)).into()) }).unwrap();
            }
            w.finish().unwrap();
        }
        assert_eq!(String::from_utf8(out).unwrap(), "A\n\"\"\n\"\"\n\nB\n\"\"\n");
    }

    #[test]
    fn a_class_is_a_row_of_its_names() {
        let class = Class { name: "B".into(), derivation: vec!["A".into()], ..Class::default() };
        let mut out = Vec::new();
        {
            let mut w = Format::Jsonl.writer(&mut out, Columns::default(), None);
            w.row(&Row { host: "", entity: &Entity::Class(Arc::new(class)) }).unwrap();
            w.finish().unwrap();
        }
        assert_eq!(String::from_utf8(out).unwrap(), "{\"__CLASS\":\"B\",\"__SUPERCLASS\":\"A\",\"__DYNASTY\":\"A\"}\n");
    }
}
