//! How rows are written: for people and for programs.
//!
//! | format | for | NULL | array | datetime | several hosts |
//! |---|---|---|---|---|---|
//! | `table` | a terminal | empty | `{a, b}` | readable | first column `Host` |
//! | `list` | a terminal, wide rows | empty | `{a, b}` | readable | first line `Host` |
//! | `json` | programs; one array | `null` | array | 25 characters | member `__HOST` |
//! | `jsonl` | programs; one object a line, as it comes | `null` | array | 25 characters | member `__HOST` |
//! | `csv` | spreadsheets | empty | JSON text | 25 characters | first column `__HOST` |
//! | `yaml` | programs; one sequence | `null` | sequence | 25 characters | member `__HOST` |
//! | `xml` | CIM-XML (DSP0201) | no `VALUE` | `VALUE.ARRAY` | 25 characters | a `DECLGROUP` each |
//! | `mof` | a compiler of MOF | left out | `{a, b}` | 25 characters | a comment |
//! | `influx` | Telegraf, InfluxDB | left out | JSON text | 25 characters | tag `source`, always |
//! | `prometheus` | a text collector | left out | JSON text | seconds since 1970 | label `source`, always |
//! | `zabbix-get` | an item | an error | JSON text | 25 characters | the first |
//! | `zabbix-getall` | a master item | left out | array | 25 characters | member `__HOST` |
//! | `zabbix-lld` | a discovery rule | left out | JSON text | 25 characters | macro `{#__HOST}` |
//!
//! 64-bit integers are JSON numbers in full precision, unless [`Style`] says otherwise. Reals that JSON cannot write (infinities, NaN) are `null`.
//! Names that begin with two underscores are the system's, so `__HOST` is never a property. System properties are shown where
//! the SELECT list names them; of a class (`SELECT * FROM meta_class`) `__CLASS`, `__SUPERCLASS` and `__DYNASTY` are.

mod csv;
mod influx;
mod instance_mof;
mod json;
mod prometheus;
mod style;
mod table;
mod text;
mod xml;
mod yaml;
mod zabbix;

pub(crate) use influx::Point;
pub(crate) use json::value_json;
pub(crate) use style::Style;
pub(crate) use text::{harmless, readable};

use crate::local::own_name;
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
    /// A YAML sequence of mappings
    Yaml,
    /// CIM-XML: a declaration of instances
    Xml,
    /// MOF instances
    Mof,
    /// InfluxDB's line protocol, as Telegraf takes it
    Influx,
    /// Prometheus' text format: numbers as gauges, texts in an info metric
    Prometheus,
    /// Zabbix: one value, as wmi.get gives it
    ZabbixGet,
    /// Zabbix: all rows, as wmi.getall gives them
    ZabbixGetall,
    /// Zabbix: low-level discovery
    ZabbixLld,
    /// Zabbix before 4.2: low-level discovery, within an object
    ZabbixLldOld,
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
    /// What the format needed and no row had; asked after the last one.
    fn lacks(&self) -> Option<&'static str> {
        None
    }
}

/// The computer as a name for series: its own name, where the caller only said "this one".
fn source(row: &Row<'_>) -> String {
    if matches!(row.host, "" | "." | "localhost") { own_name() } else { row.host.to_owned() }
}

/// What to show of each row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    /// Property names in the order of the SELECT list; `None` is all, in the order of the class.
    pub(crate) names: Option<Vec<String>>,
    /// Whether rows of several computers are mixed.
    pub(crate) with_host: bool,
    /// How values are written for programs.
    pub(crate) style: Style,
}

/// Where a column's value is found in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Property(usize),
    System(SystemProperty),
}

impl Place {
    /// Which property of the class it is.
    fn index(self) -> Option<usize> {
        match self {
            Place::Property(i) => Some(i),
            Place::System(_) => None,
        }
    }

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
            Format::Yaml => Box::new(yaml::Yaml::new(out, columns)),
            Format::Xml => Box::new(xml::Xml::new(out, columns)),
            Format::Mof => Box::new(instance_mof::Mof::new(out, columns.with_host)),
            Format::Influx => Box::new(influx::Influx::new(out, columns)),
            Format::Prometheus => Box::new(prometheus::Prometheus::new(out, columns)),
            Format::ZabbixGet => Box::new(zabbix::Get::new(out, columns)),
            Format::ZabbixGetall => Box::new(zabbix::Rows::new(out, columns, zabbix::Kind::All)),
            Format::ZabbixLld => Box::new(zabbix::Rows::new(out, columns, zabbix::Kind::Discovery)),
            Format::ZabbixLldOld => Box::new(zabbix::Rows::new(out, columns, zabbix::Kind::OldDiscovery)),
        }
    }
}

#[cfg(test)]
mod tests;
