//! Rows as the Windows `wmic` shows them: columns by name, `TRUE` and `FALSE`, datetimes as they are.

use super::parse::{Form, Translation};
use crate::format::{Row, RowWriter, harmless, readable};
use crate::local::own_name;
use rwmi_cim::{Entity, SystemProperty, Value};
use std::io::{self, Write};

/// Most rows that are held to find the widths of columns; further rows make a new table.
const ROWS_HELD_MAX: usize = 10_000;

/// A writer of rows.
pub(super) struct Rows<'a> {
    out: &'a mut dyn Write,
    form: Form,
    /// What to show; all properties where it is `None`.
    names: Option<Vec<String>>,
    /// Whether rows of several computers are mixed.
    with_node: bool,
    translate: Option<Translation>,
    /// Rows come again and again: what is there is shown at each pause.
    live: bool,
    header: Vec<String>,
    held: Vec<Vec<String>>,
    /// Rows that came.
    pub(super) count: u64,
    /// Whether something was written, and what is open in it.
    begun: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(out: &'a mut dyn Write, form: Form, names: Option<Vec<String>>, with_node: bool) -> Rows<'a> {
        Rows { out, form, names, with_node, translate: None, live: false, header: Vec::new(), held: Vec::new(), count: 0, begun: false }
    }

    pub(super) fn translated(self, translate: Option<Translation>) -> Self {
        Rows { translate, ..self }
    }

    pub(super) fn live(self, live: bool) -> Self {
        Rows { live, ..self }
    }

    fn text(&self, value: &Value) -> String {
        let text = text(value, self.form);
        match self.translate {
            Some(Translation::NoComma) => text.replace(',', " "),
            Some(Translation::BasicXml) => escaped(&text),
            None => text,
        }
    }

    /// Names and values, by name.
    fn cells(&self, row: &Row<'_>) -> Vec<(String, String)> {
        let class = row.entity.class();
        let value = |i: usize| match row.entity {
            Entity::Instance(object) => object.value_at(i).unwrap_or(Value::Null),
            Entity::Class(class) => class.properties[i].default.clone(),
        };
        let mut cells: Vec<(String, String)> = match &self.names {
            None => class.properties.iter().enumerate().map(|(i, p)| (p.name.clone(), self.text(&value(i)))).collect(),
            Some(names) => names
                .iter()
                .filter_map(|name| match (class.property_index(name), SystemProperty::from_name(name)) {
                    (Some(i), _) => Some((class.properties[i].name.clone(), self.text(&value(i)))),
                    (None, Some(system)) => Some((system.name().to_owned(), self.text(&system.of(row.entity)))),
                    (None, None) => None,
                })
                .collect(),
        };
        cells.sort();
        cells.dedup();
        let node = || ("Node".to_owned(), node(row.host));
        match self.form {
            // A file that several computers fill says always which.
            Form::Csv => cells.insert(0, node()),
            _ if self.with_node => cells.insert(0, node()),
            _ => {}
        }
        cells
    }

    fn draw(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.held);
        if rows.is_empty() {
            return Ok(());
        }
        match self.form {
            Form::HtmlTable => {
                writeln!(self.out, "<table border=\"1\">")?;
                html_row(self.out, "th", &self.header)?;
                rows.iter().try_for_each(|row| html_row(self.out, "td", row))?;
                writeln!(self.out, "</table>")
            }
            _ => {
                let width = |i: usize| rows.iter().chain([&self.header]).map(|r| r[i].chars().count()).max().unwrap_or(0);
                let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
                for row in [&self.header].into_iter().chain(&rows) {
                    let line: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
                    writeln!(self.out, "{line}")?;
                }
                writeln!(self.out)
            }
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !self.begun && matches!(self.form, Form::HtmlTable | Form::HtmlPage) {
            write!(self.out, "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>wmic</title></head>\n<body>\n")?;
        }
        self.begun = true;
        Ok(())
    }
}

impl RowWriter for Rows<'_> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.begin()?;
        self.count += 1;
        let (header, cells): (Vec<String>, Vec<String>) = self.cells(row).into_iter().unzip();
        match self.form {
            Form::Values => {
                writeln!(self.out)?;
                writeln!(self.out)?;
                header.iter().zip(&cells).try_for_each(|(name, value)| writeln!(self.out, "{name}={value}"))
            }
            Form::HtmlPage => {
                writeln!(self.out, "<table border=\"1\">")?;
                header.into_iter().zip(cells).try_for_each(|(name, value)| html_row(self.out, "td", &[name, value]))?;
                writeln!(self.out, "</table>")
            }
            Form::Csv => {
                if header != self.header {
                    writeln!(self.out, "\n{}", header.join(","))?;
                    self.header = header;
                }
                writeln!(self.out, "{}", cells.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(","))
            }
            _ => {
                if header != self.header || self.held.len() == ROWS_HELD_MAX {
                    self.draw()?;
                    self.header = header;
                }
                self.held.push(cells);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.live {
            self.draw()?;
        }
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.draw()?;
        match self.form {
            Form::Values if self.begun => write!(self.out, "\n\n")?,
            Form::HtmlTable | Form::HtmlPage if self.begun => write!(self.out, "</body>\n</html>\n")?,
            _ => {}
        }
        self.out.flush()
    }
}

/// A computer by its name.
pub(super) fn node(host: &str) -> String {
    if matches!(host, "" | "." | "localhost") { own_name() } else { harmless(host) }
}

fn text(value: &Value, form: Form) -> String {
    match value {
        Value::Boolean(b) => if *b { "TRUE" } else { "FALSE" }.into(),
        Value::DateTime(date) => harmless(date.as_str()),
        Value::Array(items) => {
            let element = |item: &Value| match item {
                Value::String(_) | Value::DateTime(_) | Value::Reference(_) if form != Form::Csv => format!("\"{}\"", text(item, form)),
                other => text(other, form),
            };
            let between = match form {
                Form::Csv => ";",
                Form::Values => ",",
                _ => ", ",
            };
            format!("{{{}}}", items.iter().map(element).collect::<Vec<_>>().join(between))
        }
        other => readable(other),
    }
}

/// As RFC 4180 has it; the original leaves commas as they are, so that nobody can tell columns apart.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn html_row(out: &mut dyn Write, tag: &str, cells: &[String]) -> io::Result<()> {
    let cells: String = cells.iter().map(|c| format!("<{tag}>{}</{tag}>", escaped(c))).collect();
    writeln!(out, "<tr>{cells}</tr>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::mof;

    fn rows(text: &str) -> Vec<Entity> {
        let mut memory = mof::Memory::new();
        mof::compile_into(&mof::parse("t.mof", text).unwrap(), "root", &mut memory).unwrap();
        memory.instances("root").iter().map(|i| Entity::from(i.clone())).collect()
    }

    const MOF: &str = r#"
        class T { [key] string Name; boolean Up; datetime Since; string Tags[]; uint8 Bits[]; uint64 Big; };
        instance of T { Name = "b, \"c\""; Up = true; Since = "20240229235959.123456+060"; Tags = {"x", "y"}; Bits = {1, 2}; Big = 18446744073709551615; };
        instance of T { Name = "a\n<b>"; Up = false; };
    "#;

    fn shown(form: Form, names: Option<&[&str]>, translate: Option<Translation>) -> String {
        let mut out = Vec::new();
        let names = names.map(|n| n.iter().map(|n| (*n).to_owned()).collect());
        let mut writer = Rows::new(&mut out, form, names, false).translated(translate);
        for entity in rows(MOF) {
            writer.row(&Row { host: "srv01", entity: &entity }).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(writer.count, 2);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_stand_by_name_and_as_wide_as_their_widest() {
        assert_eq!(shown(Form::Table, Some(&["up", "NAME"]), None), "Name    Up     \nb, \"c\"  TRUE   \na <b>   FALSE  \n\n");
        assert!(
            shown(Form::Table, None, None).starts_with("Big                   Bits    Name    Since                      Tags        Up")
        );
    }

    #[test]
    fn a_list_has_a_line_for_each_value() {
        let first =
            "\n\nBig=18446744073709551615\nBits={1,2}\nName=b, \"c\"\nSince=20240229235959.123456+060\nTags={\"x\",\"y\"}\nUp=TRUE\n";
        let second = "\n\nBig=\nBits=\nName=a <b>\nSince=\nTags=\nUp=FALSE\n\n\n";
        assert_eq!(shown(Form::Values, None, None), format!("{first}{second}"));
    }

    #[test]
    fn csv_names_the_node_and_keeps_its_columns() {
        let text = shown(Form::Csv, Some(&["Name", "Tags", "__CLASS"]), None);
        assert_eq!(text, "\nNode,Name,Tags,__CLASS\nsrv01,\"b, \"\"c\"\"\",{x;y},T\nsrv01,a <b>,,T\n");
        assert!(shown(Form::Csv, Some(&["Name"]), Some(Translation::NoComma)).contains("\nsrv01,\"b  \"\"c\"\"\"\n"));
        assert!(shown(Form::Values, Some(&["Name"]), Some(Translation::BasicXml)).contains("Name=a &lt;b&gt;\n"));
    }

    #[test]
    fn html_is_escaped() {
        let text = shown(Form::HtmlTable, Some(&["Name", "Up"]), None);
        assert!(
            text.contains("<tr><th>Name</th><th>Up</th></tr>\n<tr><td>b, \"c\"</td><td>TRUE</td></tr>\n<tr><td>a &lt;b&gt;</td>"),
            "{text}"
        );
        assert!(text.starts_with("<!DOCTYPE html>") && text.ends_with("</table>\n</body>\n</html>\n"));
        assert_eq!(shown(Form::HtmlPage, None, None).matches("<table").count(), 2);
    }
}
