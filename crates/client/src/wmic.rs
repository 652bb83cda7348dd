//! The text of the Linux `wmic`, by which monitoring plug-ins and scanners know WMI.
//!
//! ```text
//! CLASS: Win32_Service
//! DisplayName|Name|Started
//! Telnet|TlntSvr|False
//! ```
//!
//! Columns stand in the order of their names, in the class's own case. Both lines come again when the next row is of another class. Nothing is
//! escaped, as those who read it expect.

use rwmi_cim::{CimType, Class, Entity, ObjectError, Type, Value, name_cmp};
use std::fmt::Write;
use std::sync::Arc;

/// How the text looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WmicStyle {
    /// Whether each header has a line `CLASS: name` above it. Scanners take it without.
    pub class_line: bool,
    /// What stands between columns: `|`.
    pub delimiter: String,
}

impl Default for WmicStyle {
    fn default() -> Self {
        WmicStyle { class_line: true, delimiter: "|".into() }
    }
}

/// Writes rows as `wmic` does. No row is no text.
///
/// ```
/// use rwmi_client::wmic::{WmicStyle, WmicText};
/// # fn example(rows: Vec<rwmi_client::Entity>) -> Result<String, rwmi_client::ObjectError> {
/// let (mut wmic, mut text) = (WmicText::new(WmicStyle::default()), String::new());
/// for row in &rows {
///     wmic.row(row, &mut text)?;
/// }
/// # Ok(text)
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WmicText {
    style: WmicStyle,
    shape: Option<Shape>,
}

/// The class of the row before, and its columns.
#[derive(Debug, Clone)]
struct Shape {
    class: Arc<Class>,
    columns: Vec<usize>,
}

impl Shape {
    fn of(class: &Arc<Class>) -> Shape {
        let mut columns: Vec<usize> = (0..class.properties.len()).collect();
        columns.sort_by(|a, b| name_cmp(&class.properties[*a].name, &class.properties[*b].name));
        Shape { class: class.clone(), columns }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| self.class.properties[*c].name.as_str())
    }
}

impl WmicText {
    /// Begins a text.
    pub fn new(style: WmicStyle) -> WmicText {
        WmicText { style, shape: None }
    }

    /// Adds a row to a text, and before it what belongs above it. Of a class, its default values are shown.
    ///
    /// # Errors
    /// A value that cannot be read; nothing was added then.
    pub fn row(&mut self, row: &Entity, text: &mut String) -> Result<(), ObjectError> {
        let class = row.class();
        let is_known = self.shape.as_ref().is_some_and(|s| Arc::ptr_eq(&s.class, class));
        let shape = if is_known { None } else { Some(Shape::of(class)) };
        let columns = shape.as_ref().or(self.shape.as_ref()).map(|s| s.columns.as_slice()).unwrap_or_default();
        let mut line = String::new();
        for (n, column) in columns.iter().enumerate() {
            let property = &class.properties[*column];
            let value = match row {
                Entity::Instance(object) => object.value_at(*column)?,
                Entity::Class(_) => property.default.clone(),
            };
            if n != 0 {
                line.push_str(&self.style.delimiter);
            }
            write_value(&mut line, &value, property.ty);
        }
        if let Some(shape) = shape {
            let is_same = |old: &Shape| old.class.name == class.name && old.names().eq(shape.names());
            if !self.shape.as_ref().is_some_and(is_same) {
                if self.style.class_line {
                    let _ = writeln!(text, "CLASS: {}", class.name);
                }
                text.push_str(&shape.names().collect::<Vec<_>>().join(&self.style.delimiter));
                text.push('\n');
            }
            self.shape = Some(shape);
        }
        text.push_str(&line);
        text.push('\n');
        Ok(())
    }
}

/// A value as `wmic` shows it. It has no word for a number or a boolean that is NULL: 0 and `False`.
fn write_value(out: &mut String, value: &Value, ty: Type) {
    let is_shown = !matches!(ty.cim, CimType::Object | CimType::Char16);
    match value {
        _ if !is_shown => out.push_str("Unsupported"),
        Value::Null if ty.array => out.push_str("NULL"),
        Value::Array(items) => {
            out.push('(');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                match item {
                    Value::Boolean(b) => out.push(if *b { '1' } else { '0' }),
                    Value::Null if ty.cim == CimType::Boolean => out.push('0'),
                    item => write_scalar(out, item, ty.cim),
                }
            }
            out.push(')');
        }
        value => write_scalar(out, value, ty.cim),
    }
}

fn write_scalar(out: &mut String, value: &Value, ty: CimType) {
    let real = |out: &mut String, f: f64| {
        let _ = if f.is_nan() { out.write_str("nan") } else { write!(out, "{f:.6}") };
    };
    match value {
        Value::Boolean(b) => out.push_str(if *b { "True" } else { "False" }),
        Value::Real32(f) => real(out, f64::from(*f)),
        Value::Real64(f) => real(out, *f),
        Value::DateTime(d) => out.push_str(d.as_str()),
        Value::Null => out.push_str(match ty {
            CimType::String | CimType::DateTime | CimType::Reference => "(null)",
            CimType::Boolean => "False",
            CimType::Real32 | CimType::Real64 => "0.000000",
            _ => "0",
        }),
        other => match (other.as_integer(), other.as_str()) {
            (Some(n), _) => {
                let _ = write!(out, "{n}");
            }
            (_, Some(s)) => out.push_str(s),
            _ => out.push_str("Unsupported"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{DateTime, Instance, Property};

    fn class(name: &str, properties: &[(&str, Type)]) -> Arc<Class> {
        let properties = properties.iter().map(|(n, ty)| Property::new(n, *ty)).collect();
        Arc::new(Class { name: name.into(), properties, ..Class::default() })
    }

    fn row(class: &Arc<Class>, values: &[Value]) -> Entity {
        let mut i = Instance::new(class.clone());
        for (p, v) in class.properties.iter().zip(values) {
            i.set(&p.name, v.clone()).unwrap();
        }
        i.into()
    }

    fn text(style: WmicStyle, rows: &[Entity]) -> String {
        let (mut wmic, mut out) = (WmicText::new(style), String::new());
        rows.iter().for_each(|r| wmic.row(r, &mut out).unwrap());
        out
    }

    #[test]
    fn columns_are_sorted_and_have_the_case_of_the_class() {
        let s = CimType::String.scalar();
        let service = class("Win32_Service", &[("StartMode", s), ("DisplayName", s), ("Name", s), ("Started", CimType::Boolean.scalar())]);
        let one = row(&service, &["Auto".into(), "Telnet".into(), "TlntSvr".into(), Value::Boolean(false)]);
        let expect = "CLASS: Win32_Service\nDisplayName|Name|Started|StartMode\nTelnet|TlntSvr|False|Auto\n";
        assert_eq!(text(WmicStyle::default(), std::slice::from_ref(&one)), expect);
        let style = WmicStyle { class_line: false, delimiter: "~~".into() };
        assert_eq!(text(style, &[one]), "DisplayName~~Name~~Started~~StartMode\nTelnet~~TlntSvr~~False~~Auto\n");
        assert_eq!(text(WmicStyle::default(), &[]), "");
    }

    #[test]
    fn the_header_comes_again_when_the_class_changes() {
        let s = CimType::String.scalar();
        let (a, b) = (class("A", &[("N", s)]), class("B", &[("N", s), ("M", s)]));
        let rows = [row(&a, &["1".into()]), row(&class("A", &[("N", s)]), &["2".into()]), row(&b, &["3".into()]), row(&a, &["4".into()])];
        let expect = "CLASS: A\nN\n1\n2\nCLASS: B\nM|N\n(null)|3\nCLASS: A\nN\n4\n";
        assert_eq!(text(WmicStyle::default(), &rows), expect);
        let style = WmicStyle { class_line: false, ..WmicStyle::default() };
        assert_eq!(text(style, &rows), "N\n1\n2\nM|N\n(null)|3\nN\n4\n");
    }

    #[test]
    fn each_type_has_its_words() {
        let check = |ty: Type, value: Value, expect: &str| {
            let mut out = String::new();
            write_value(&mut out, &value, ty);
            assert_eq!(out, expect, "{ty:?} {value:?}");
        };
        let (string, boolean) = (CimType::String, CimType::Boolean);
        check(string.scalar(), Value::Null, "(null)");
        check(string.scalar(), "a|b\nc".into(), "a|b\nc");
        check(string.array(), Value::Null, "NULL");
        check(string.array(), vec!["a", "b"].into(), "(a,b)");
        check(string.array(), Value::Array(vec![]), "()");
        check(string.array(), Value::Array(vec![Value::Null, "b".into()]), "((null),b)");
        check(boolean.scalar(), Value::Boolean(true), "True");
        check(boolean.scalar(), Value::Null, "False");
        check(boolean.array(), Value::Array(vec![Value::Boolean(false), Value::Boolean(true), Value::Null]), "(0,1,0)");
        check(CimType::Uint64.scalar(), Value::Uint64(u64::MAX), "18446744073709551615");
        check(CimType::Sint8.scalar(), Value::Sint8(-1), "-1");
        check(CimType::Uint32.scalar(), Value::Null, "0");
        check(CimType::Uint8.array(), Value::Array(vec![Value::Uint8(1), Value::Uint8(255)]), "(1,255)");
        check(CimType::Real32.scalar(), Value::Real32(1.5), "1.500000");
        check(CimType::Real64.scalar(), Value::Real64(f64::NAN), "nan");
        check(CimType::Real64.scalar(), Value::Null, "0.000000");
        let date = "20261122143000.000000+000";
        check(CimType::DateTime.scalar(), Value::DateTime(DateTime::from_text(date)), date);
        check(CimType::DateTime.scalar(), Value::Null, "(null)");
        check(CimType::Reference.scalar(), Value::Reference("C.K=1".into()), "C.K=1");
        check(CimType::Char16.scalar(), Value::Char16(65), "Unsupported");
        check(CimType::Object.scalar(), Value::Null, "Unsupported");
        check(CimType::Object.array(), Value::Null, "Unsupported");
    }
}
