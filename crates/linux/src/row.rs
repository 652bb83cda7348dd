//! What a caller asks for, and a row under construction: Rust values become values of the type that the class declares.

use rwmi_cim::{CimType, Class, DateTime, Enumerate, Instance, ObjectPath, PathKeys, Value};
use std::sync::Arc;

/// The text that a property has to equal. `None` also where the caller gives something else than a text: then all rows are
/// told, and the caller picks.
pub(crate) fn asked_text<'a>(req: &Enumerate<'a>, property: &str) -> Option<&'a str> {
    req.equal.iter().find(|(n, _)| rwmi_cim::names_equal(n, property)).and_then(|(_, v)| v.as_str())
}

/// The integer that a property has to equal; `None` as in [`asked_text`].
pub(crate) fn asked_integer(req: &Enumerate<'_>, property: &str) -> Option<i128> {
    req.equal_to(property).and_then(Value::as_integer)
}

/// The value that the only key of a reference has to have; `None` as in [`asked_text`].
pub(crate) fn asked_key(req: &Enumerate<'_>, role: &str) -> Option<String> {
    let path: ObjectPath = asked_text(req, role)?.parse().ok()?;
    let value = match path.keys {
        PathKeys::Single(value) => value,
        PathKeys::Named(mut keys) if keys.len() == 1 => keys.pop()?.1,
        _ => return None,
    };
    value.as_str().map(str::to_owned)
}

/// The path of an object with one key, as Windows writes it into an association.
pub(crate) fn reference(host: &str, namespace: &str, class: &str, key: &str, value: &str) -> String {
    let keys = PathKeys::Named(vec![(key.to_owned(), Value::from(value))]);
    let (server, namespace) = (Some(host.to_owned()), Some(namespace.replace('/', "\\")));
    ObjectPath { server, namespace, class: class.to_owned(), keys }.to_string()
}

/// An instance of a class of which only the properties that the class has are set.
///
/// A class may be older or narrower than the provider: what it lacks is skipped. What does not fit the declared type
/// stays NULL, since a cut or wrapped number would be a wrong answer.
pub(crate) struct Row(Instance);

/// What a provider found out, before it is fitted to a declared type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Integer(i128),
    Real(f64),
    Boolean(bool),
    Text(String),
    Time(DateTime),
    List(Vec<Cell>),
}

impl Row {
    pub(crate) fn new(class: &Arc<Class>) -> Self {
        Row(Instance::new(class.clone()))
    }

    /// Sets a property, where the class has it and the value fits it.
    pub(crate) fn set(&mut self, name: &str, cell: impl Into<Cell>) -> &mut Self {
        let Some(index) = self.0.class.property_index(name) else { return self };
        let cell = cell.into();
        if cell == Cell::Null {
            return self;
        }
        let ty = self.0.class.properties[index].ty;
        match fit(&cell, ty.cim, ty.array) {
            Some(value) => {
                self.0.values[index] = value;
                self.0.is_default[index] = false;
            }
            None => tracing::debug!(class = self.0.class.name, property = name, ?cell, declared = %ty, "value does not fit, left NULL"),
        }
        self
    }

    /// `CreationClassName` of the class itself.
    pub(crate) fn set_class_name(&mut self) -> &mut Self {
        let name = self.0.class.name.clone();
        self.set("CreationClassName", name)
    }

    pub(crate) fn into_instance(self) -> Instance {
        self.0
    }
}

fn fit(cell: &Cell, cim: CimType, array: bool) -> Option<Value> {
    if array {
        let Cell::List(cells) = cell else { return None };
        return cells.iter().map(|c| fit(c, cim, false)).collect::<Option<Vec<_>>>().map(Value::Array);
    }
    match (cell, cim) {
        (Cell::Integer(n), CimType::Real32) => Some(Value::Real32(*n as f32)),
        (Cell::Integer(n), CimType::Real64) => Some(Value::Real64(*n as f64)),
        (Cell::Integer(n), _) => Value::from_integer(*n, cim),
        (Cell::Real(f), CimType::Real32) => Some(Value::Real32(*f as f32)),
        (Cell::Real(f), CimType::Real64) => Some(Value::Real64(*f)),
        (Cell::Boolean(b), CimType::Boolean) => Some(Value::Boolean(*b)),
        // A CIM string holds no NUL ([MS-WMIO] 2.2.78): the rest after one would be lost on the wire.
        (Cell::Text(s), CimType::String) => (!s.contains('\0')).then(|| Value::String(s.clone())),
        (Cell::Text(s), CimType::Reference) => (!s.contains('\0')).then(|| Value::Reference(s.clone())),
        (Cell::Time(t), CimType::DateTime) => Some(Value::DateTime(t.clone())),
        _ => None,
    }
}

macro_rules! cell_from_integer { ($($t:ty),*) => { $(
    impl From<$t> for Cell { fn from(n: $t) -> Self { Cell::Integer(n.into()) } }
)* } }
cell_from_integer!(u8, u16, i16, u32, i32, u64, i64, i128);

impl From<f64> for Cell {
    fn from(f: f64) -> Self {
        Cell::Real(f)
    }
}

impl From<bool> for Cell {
    fn from(b: bool) -> Self {
        Cell::Boolean(b)
    }
}

impl From<&str> for Cell {
    fn from(s: &str) -> Self {
        Cell::Text(s.to_owned())
    }
}

impl From<&String> for Cell {
    fn from(s: &String) -> Self {
        Cell::Text(s.clone())
    }
}

impl From<String> for Cell {
    fn from(s: String) -> Self {
        Cell::Text(s)
    }
}

impl From<DateTime> for Cell {
    fn from(t: DateTime) -> Self {
        Cell::Time(t)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(v: Option<T>) -> Self {
        v.map_or(Cell::Null, Into::into)
    }
}

impl<T: Into<Cell>> From<Vec<T>> for Cell {
    fn from(v: Vec<T>) -> Self {
        Cell::List(v.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::Property;

    fn check(ty: impl Into<rwmi_cim::Type>, cell: impl Into<Cell>, expect: Value) {
        let class = Arc::new(Class { name: "T".into(), properties: vec![Property::new("P", ty)], ..Class::default() });
        let mut row = Row::new(&class);
        row.set("p", cell).set("Absent", 1u32);
        assert_eq!(row.into_instance().values, [expect]);
    }

    #[test]
    fn a_value_takes_the_declared_type_or_stays_null() {
        check(CimType::Uint32, 7u64, Value::Uint32(7));
        check(CimType::Uint32, 1u64 << 32, Value::Null);
        check(CimType::Uint16, -1i32, Value::Null);
        check(CimType::Sint16, -60i32, Value::Sint16(-60));
        check(CimType::Real64, 3u8, Value::Real64(3.0));
        check(CimType::String, "x", Value::from("x"));
        check(CimType::String, "x\0y", Value::Null);
        check(CimType::String, 1u8, Value::Null);
        check(CimType::String, None::<&str>, Value::Null);
        check(CimType::String.array(), vec!["a", "b"], Value::from(vec!["a", "b"]));
        check(CimType::Uint8.array(), vec![1u16, 256], Value::Null);
        check(CimType::Uint8.array(), 1u8, Value::Null);
    }
}
