//! Rows of WMI queries as Parquet files, with the types of the class.
//!
//! | CIM | column |
//! |---|---|
//! | `sint8` to `uint64` | integer of that width, signed or not |
//! | `real32`, `real64`, `boolean` | float, double, boolean |
//! | `string`, a reference | text |
//! | `char16` | `uint16`: one UTF-16 unit |
//! | `datetime` | timestamp in microseconds, UTC; or its 25 characters ([`Dates`]) |
//! | an embedded object | its MOF |
//! | an array | list of these |
//! | NULL | null |
//!
//! The columns are those of the SELECT list, or all of the class after FROM: they do not depend on the rows, so a query without a row
//! makes a file with a schema. What a class below adds is not in it.

use arrow_array::types::*;
use arrow_array::{ArrayRef, BooleanArray, ListArray, PrimitiveArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use rwmi_cim::{CimType, Class, Entity, SystemProperty, Type, Value, mof};
use std::io::Write;
use std::sync::Arc;

/// Rows that are held before they are written.
const BATCH: usize = 8192;

/// How a `datetime` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dates {
    /// As a timestamp in microseconds, UTC. What is no point in time, an interval for one, is null, and counted.
    #[default]
    Timestamp,
    /// The 25 characters of WMI.
    Text,
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The class has no such property.
    #[error("class {class} has no property {name}")]
    Unknown {
        /// The class.
        class: String,
        /// What was selected.
        name: String,
    },
    /// A row is no instance.
    #[error("rows of a query for classes have no columns")]
    Class,
    /// An object of the wire is malformed.
    #[error("a row is malformed: {0}")]
    Object(#[from] rwmi_cim::ObjectError),
    /// Columns do not fit together.
    #[error("{0}")]
    Arrow(#[from] ArrowError),
    /// Writing failed.
    #[error("{0}")]
    Parquet(#[from] ParquetError),
}

/// Where the values of a column come from.
#[derive(Debug)]
enum Source {
    Host,
    Property(String),
    System(SystemProperty),
}

#[derive(Debug)]
struct Column {
    source: Source,
    ty: Type,
    values: Vec<Value>,
}

/// What a file says at its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows written.
    pub rows: u64,
    /// Values of `datetime` that are no points in time, by their column: null in the file.
    pub lost: Vec<(String, u64)>,
}

/// A file that is being written.
pub struct Table<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    columns: Vec<Column>,
    dates: Dates,
    held: usize,
    summary: Summary,
}

impl<W: Write + Send> Table<W> {
    /// Begins a file for rows of a class. `names` are those of a SELECT list; without one all properties are columns. With `with_host`
    /// the first column is `__HOST`.
    ///
    /// # Errors
    /// Where the class has no such property, or nothing can be written.
    pub fn new(out: W, class: &Class, names: Option<&[String]>, with_host: bool, dates: Dates) -> Result<Self, Error> {
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        let mut add = |name: &str, source: Source, ty: Type| {
            let field = Field::new(name, data_type(ty, dates), true);
            // A name that comes twice is one column.
            if !fields.iter().any(|f: &Field| f.name() == name) {
                fields.push(field);
                columns.push(Column { source, ty, values: Vec::new() });
            }
        };
        if with_host {
            add("__HOST", Source::Host, CimType::String.into());
        }
        match names {
            None => class.properties.iter().for_each(|p| add(&p.name, Source::Property(p.name.clone()), p.ty)),
            Some(names) => {
                for name in names {
                    match (class.property_index(name), SystemProperty::from_name(name)) {
                        (Some(at), _) => {
                            let property = &class.properties[at];
                            add(&property.name, Source::Property(property.name.clone()), property.ty);
                        }
                        (None, Some(system)) => add(system.name(), Source::System(system), CimType::String.into()),
                        (None, None) => return Err(Error::Unknown { class: class.name.clone(), name: name.clone() }),
                    }
                }
            }
        }
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties))?;
        Ok(Table { writer, schema, columns, dates, held: 0, summary: Summary::default() })
    }

    /// Takes a row. A property that it lacks is null.
    ///
    /// # Errors
    /// Where it is malformed, or cannot be written.
    pub fn row(&mut self, host: &str, row: &Entity) -> Result<(), Error> {
        let Entity::Instance(object) = row else { return Err(Error::Class) };
        for column in &mut self.columns {
            let value = match &column.source {
                Source::Host => Value::String(host.to_owned()),
                Source::System(system) => system.of(row),
                Source::Property(name) => match object.class().property_index(name) {
                    Some(at) => object.value_at(at)?,
                    None => Value::Null,
                },
            };
            column.values.push(value);
        }
        self.held += 1;
        if self.held == BATCH { self.write() } else { Ok(()) }
    }

    /// Writes what is held and the end of the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> Result<Summary, Error> {
        self.write()?;
        self.writer.close()?;
        Ok(self.summary)
    }

    fn write(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.held);
        if rows == 0 {
            return Ok(());
        }
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            let values = std::mem::take(&mut column.values);
            let mut lost = 0;
            arrays.push(if column.ty.array {
                list(column.ty, &values, self.dates, &mut lost)?
            } else {
                array(column.ty.cim, values.iter(), self.dates, &mut lost)
            });
            match self.summary.lost.iter_mut().find(|(name, _)| name == field.name()) {
                Some((_, count)) => *count += lost,
                None if lost != 0 => self.summary.lost.push((field.name().clone(), lost)),
                None => {}
            }
        }
        self.writer.write(&RecordBatch::try_new(self.schema.clone(), arrays)?)?;
        self.summary.rows += rows as u64;
        Ok(())
    }
}

fn data_type(ty: Type, dates: Dates) -> DataType {
    let one = match ty.cim {
        CimType::Sint8 => DataType::Int8,
        CimType::Uint8 => DataType::UInt8,
        CimType::Sint16 => DataType::Int16,
        CimType::Uint16 | CimType::Char16 => DataType::UInt16,
        CimType::Sint32 => DataType::Int32,
        CimType::Uint32 => DataType::UInt32,
        CimType::Sint64 => DataType::Int64,
        CimType::Uint64 => DataType::UInt64,
        CimType::Real32 => DataType::Float32,
        CimType::Real64 => DataType::Float64,
        CimType::Boolean => DataType::Boolean,
        CimType::DateTime if dates == Dates::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Utf8,
    };
    if ty.array { DataType::List(item(one)) } else { one }
}

/// The field of a list's elements.
fn item(ty: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", ty, true))
}

/// Values of one type. What has another one, which no server sends, is null.
fn array<'a>(ty: CimType, values: impl Iterator<Item = &'a Value>, dates: Dates, lost: &mut u64) -> ArrayRef {
    macro_rules! numbers {
        ($native:ty, $value:ident) => {
            Arc::new(values.map(|v| if let Value::$value(n) = v { Some(*n) } else { None }).collect::<PrimitiveArray<$native>>())
        };
    }
    match ty {
        CimType::Sint8 => numbers!(Int8Type, Sint8),
        CimType::Uint8 => numbers!(UInt8Type, Uint8),
        CimType::Sint16 => numbers!(Int16Type, Sint16),
        CimType::Uint16 => numbers!(UInt16Type, Uint16),
        CimType::Char16 => numbers!(UInt16Type, Char16),
        CimType::Sint32 => numbers!(Int32Type, Sint32),
        CimType::Uint32 => numbers!(UInt32Type, Uint32),
        CimType::Sint64 => numbers!(Int64Type, Sint64),
        CimType::Uint64 => numbers!(UInt64Type, Uint64),
        CimType::Real32 => numbers!(Float32Type, Real32),
        CimType::Real64 => numbers!(Float64Type, Real64),
        CimType::Boolean => Arc::new(values.map(|v| if let Value::Boolean(b) = v { Some(*b) } else { None }).collect::<BooleanArray>()),
        CimType::DateTime if dates == Dates::Timestamp => {
            let moment = |v: &Value| match v {
                Value::DateTime(d) => {
                    let moment = d.timestamp().ok().map(|t| t.unix_micros);
                    *lost += u64::from(moment.is_none());
                    moment
                }
                _ => None,
            };
            Arc::new(values.map(moment).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        _ => Arc::new(values.map(text).collect::<StringArray>()),
    }
}

fn list(ty: Type, values: &[Value], dates: Dates, lost: &mut u64) -> Result<ArrayRef, Error> {
    let elements = |v: &'_ Value| if let Value::Array(items) = v { items.len() } else { 0 };
    let offsets = OffsetBuffer::from_lengths(values.iter().map(elements));
    let nulls: NullBuffer = values.iter().map(|v| matches!(v, Value::Array(_))).collect();
    let all = values.iter().flat_map(|v| if let Value::Array(items) = v { &items[..] } else { &[] });
    let items = array(ty.cim, all, dates, lost);
    let one = data_type(Type { array: false, ..ty }, dates);
    Ok(Arc::new(ListArray::try_new(item(one), offsets, items, Some(nulls))?))
}

/// A value as text; `None` for NULL.
fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::DateTime(d) => d.as_str().to_owned(),
        Value::Object(entity) => match &**entity {
            Entity::Class(class) => mof::print_class(class),
            Entity::Instance(object) => mof::print_instance(&object.to_instance().ok()?),
        },
        Value::Array(items) => items.iter().filter_map(text).collect::<Vec<_>>().join(","),
        other => match (other.as_str(), other.as_integer()) {
            (Some(text), _) => text.to_owned(),
            (_, Some(n)) => n.to_string(),
            _ => return None,
        },
    })
}
