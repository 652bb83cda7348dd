//! Rows with columns.

use crate::list::List;
use crate::text::width;
use crate::value;
use rwmi_cim::{Entity, Object, names_equal};

/// Rows that are kept; more are not asked for.
pub(crate) const ROWS_MAX: usize = 100_000;

/// Widest column, in cells.
const COLUMN_MAX: usize = 40;

/// Rows that are looked at for the order of the columns.
const SAMPLE: usize = 50;

/// Columns of a table; a row with more shows them when it is opened.
const COLUMNS_MAX: usize = 256;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) width: usize,
    is_key: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Entity>,
    pub(crate) columns: Vec<Column>,
    /// What the query names, in its order.
    pub(crate) named: Option<Vec<String>>,
    pub(crate) list: List,
    /// The first column that is seen.
    pub(crate) first: usize,
}

impl Table {
    pub(crate) fn add(&mut self, rows: Vec<Entity>) {
        let is_first = self.rows.is_empty();
        let room = ROWS_MAX.saturating_sub(self.rows.len());
        let from = self.rows.len();
        self.rows.extend(rows.into_iter().take(room));
        for at in from..self.rows.len() {
            measure(&mut self.columns, &self.rows[at]);
        }
        if is_first {
            self.order();
        }
    }

    /// Of a query with a list its own order. Else keys first, then what tells rows apart, then what says the same as a column
    /// before it or the same in each row, and last what nobody has a value for.
    fn order(&mut self) {
        if let Some(named) = &self.named {
            return self.columns.sort_by_key(|column| named.iter().position(|n| names_equal(n, &column.name)).unwrap_or(usize::MAX));
        }
        let mut seen: Vec<Vec<String>> = Vec::new();
        let mut ranked = Vec::new();
        for column in self.columns.drain(..) {
            let cells: Vec<String> = self.rows.iter().take(SAMPLE).map(|row| cell(row, &column.name)).collect();
            let is_same = 1 < cells.len() && cells.windows(2).all(|pair| pair[0] == pair[1]);
            let rank = match () {
                () if column.is_key => 0,
                () if cells.iter().all(String::is_empty) => 4,
                () if is_same => 3,
                () if seen.contains(&cells) => 2,
                () => 1,
            };
            seen.push(cells);
            ranked.push((rank, column));
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        self.columns.extend(ranked.into_iter().map(|(_, column)| column));
    }

    pub(crate) fn selected(&self) -> Option<&Entity> {
        self.rows.get(self.list.cursor)
    }

    /// Moves over the columns.
    pub(crate) fn step_column(&mut self, forward: bool) {
        let to = if forward { self.first + 1 } else { self.first.saturating_sub(1) };
        self.first = to.min(self.columns.len().saturating_sub(1));
    }
}

/// A cell as text, not yet made harmless.
pub(crate) fn cell(row: &Entity, name: &str) -> String {
    match row {
        Entity::Class(class) if name == CLASS => class.name.clone(),
        Entity::Class(class) => class.superclass().unwrap_or_default().to_owned(),
        Entity::Instance(object) => match object.class().property_index(name).map(|at| object.value_at(at)) {
            None => String::new(),
            Some(Ok(value)) if value.is_null() => String::new(),
            Some(Ok(value)) => value::line(&value),
            Some(Err(error)) => format!("({error})"),
        },
    }
}

const CLASS: &str = "__CLASS";
const SUPERCLASS: &str = "__SUPERCLASS";

fn measure(columns: &mut Vec<Column>, row: &Entity) {
    match row {
        Entity::Class(_) => [CLASS, SUPERCLASS].iter().for_each(|name| widen(columns, row, name, true)),
        Entity::Instance(object) => {
            for property in &object.class().properties {
                widen(columns, row, &property.name, property.is_key());
            }
        }
    }
}

fn widen(columns: &mut Vec<Column>, row: &Entity, name: &str, is_key: bool) {
    let text = cell(row, name);
    let at = columns.iter().position(|c| names_equal(&c.name, name));
    let Some(column) = (match at {
        Some(at) => columns.get_mut(at),
        None if columns.len() < COLUMNS_MAX => {
            columns.push(Column { name: name.to_owned(), width: width(name).min(COLUMN_MAX), is_key });
            columns.last_mut()
        }
        None => None,
    }) else {
        return;
    };
    if column.width < COLUMN_MAX {
        // No more of a long text is measured than can count.
        let some: String = text.chars().take(COLUMN_MAX * 2).collect();
        column.width = column.width.max(width(&some)).min(COLUMN_MAX);
    }
}

/// The path of a row, where it has one.
pub(crate) fn path(object: &Object) -> Option<String> {
    object.relative_path().map(|path| path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{CimType, Class, Instance, Property, Qualifier};
    use std::sync::Arc;

    #[test]
    fn what_tells_rows_apart_comes_before_what_does_not() {
        let text = |name| Property::new(name, CimType::String);
        let class = Arc::new(Class {
            name: "T".into(),
            properties: vec![text("Same"), text("Name"), text("Twin"), text("Other")],
            ..Class::default()
        });
        let row = |n: &str| {
            let mut row = Instance::new(class.clone());
            for (name, value) in [("Same", "x"), ("Name", n), ("Twin", n), ("Other", &n.repeat(2))] {
                row.set(name, value).unwrap();
            }
            row.into()
        };
        let mut table = Table::default();
        table.add(vec![row("1"), row("2")]);
        assert_eq!(table.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["Name", "Other", "Twin", "Same"]);
    }

    #[test]
    fn keys_come_first_and_what_is_never_set_last() {
        let mut key = Property::new("Id", CimType::Uint32);
        key.qualifiers.set(Qualifier::flag("key", 0));
        let text = |name| Property::new(name, CimType::String);
        let class = Arc::new(Class { name: "T".into(), properties: vec![text("Empty"), text("Full"), key], ..Class::default() });
        let mut row = Instance::new(class);
        row.set("Full", "漢字").unwrap();
        row.set("Id", 1u32).unwrap();
        let mut table = Table::default();
        table.add(vec![row.clone().into()]);
        let names = |table: &Table| table.columns.iter().map(|c| format!("{}:{}", c.name, c.width)).collect::<Vec<_>>();
        assert_eq!(names(&table), ["Id:2", "Full:4", "Empty:5"]);
        row.set("Full", "x".repeat(1000)).unwrap();
        table.add(vec![row.clone().into()]);
        assert_eq!(names(&table), ["Id:2", "Full:40", "Empty:5"]);
        assert_eq!(path(table.selected().unwrap().as_instance().unwrap()).as_deref(), Some("T.Id=1"));
        let mut table = Table { named: Some(vec!["empty".into(), "ID".into()]), ..Table::default() };
        table.add(vec![row.into()]);
        assert_eq!(names(&table), ["Empty:5", "Id:2", "Full:40"]);
    }
}
