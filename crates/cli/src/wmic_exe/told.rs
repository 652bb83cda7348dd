//! What became of a verb that is no look at rows.

use super::parse::{Line, Subject, Verb};
use super::show::node;
use crate::format::{Row, RowWriter};
use rwmi_cim::{Entity, mof};
use std::io::{self, Write};

/// What is told.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// What a method of something gave.
    Called {
        target: String,
        method: String,
    },
    Created,
    Updated,
    Deleted,
    /// The properties of a class.
    Properties,
    /// The methods of a class.
    Methods,
    /// A class as it is declared.
    Class,
}

impl Kind {
    pub(super) fn of(line: &Line) -> Option<Kind> {
        Some(match &line.verb {
            Verb::Call { method, .. } => Kind::Called { target: line.subject.path().to_owned(), method: method.clone() },
            Verb::Create(_) => Kind::Created,
            Verb::Set(_) => Kind::Updated,
            Verb::Delete => Kind::Deleted,
            Verb::Properties => Kind::Properties,
            Verb::Methods => Kind::Methods,
            Verb::Get(_) if matches!(line.subject, Subject::Class(_)) && line.look.form.is_none() => Kind::Class,
            _ => return None,
        })
    }
}

/// Tells of each object.
pub(super) struct Told<'a> {
    out: &'a mut dyn Write,
    kind: Kind,
    with_node: bool,
}

impl<'a> Told<'a> {
    pub(super) fn new(out: &'a mut dyn Write, kind: Kind, with_node: bool) -> Told<'a> {
        Told { out, kind, with_node }
    }
}

/// An object by its path.
fn path(entity: &Entity) -> String {
    match entity {
        Entity::Instance(object) => object.relative_path().map_or_else(|| object.class().name.clone(), |p| p.to_string()),
        Entity::Class(class) => class.name.clone(),
    }
}

impl RowWriter for Told<'_> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if self.with_node {
            writeln!(self.out, "Node - {}", node(row.host))?;
        }
        let entity = row.entity;
        let out = &mut self.out;
        match &self.kind {
            Kind::Called { target, method } => {
                let Entity::Instance(object) = entity else { return Ok(()) };
                writeln!(out, "Executing ({target})->{method}()\nMethod execution successful.\nOut Parameters:")?;
                let instance = object.to_instance().map_err(|e| io::Error::other(e.to_string()))?;
                writeln!(out, "{}", mof::print_instance(&instance).trim_end())
            }
            Kind::Created => writeln!(out, "Instance creation successful: {}", path(entity)),
            Kind::Updated => writeln!(out, "Updating property(s) of '{}'\nProperty(s) update successful.", path(entity)),
            Kind::Deleted if matches!(entity, Entity::Class(_)) => {
                writeln!(out, "Deleting class {}\nClass deletion successful.", path(entity))
            }
            Kind::Deleted => writeln!(out, "Deleting instance {}\nInstance deletion successful.", path(entity)),
            Kind::Properties => {
                let mut properties: Vec<_> = entity.class().properties.iter().collect();
                properties.sort_by(|a, b| a.name.cmp(&b.name));
                let width = properties.iter().map(|p| p.name.chars().count()).max().unwrap_or(0);
                properties.iter().try_for_each(|p| writeln!(out, "{:width$}  {}", p.name, p.type_text()))
            }
            Kind::Methods => entity.class().methods.iter().try_for_each(|m| writeln!(out, "{}", m.signature())),
            Kind::Class => write!(out, "{}", mof::print_class(entity.class())),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
