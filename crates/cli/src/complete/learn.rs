//! Keeping what commands see of classes anyway.

use super::schema;
use crate::connect::Targets;
use crate::format::{Row, RowWriter};
use crate::many;
use crate::report::Failure;
use rwmi_cim::{Class, Entity};
use std::collections::HashMap;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

/// Most classes of a command's rows that are kept.
const CLASSES_MAX: usize = 64;

/// A writer of rows that keeps the classes of the first computer's, once they are written.
pub(crate) struct Learning<'a> {
    inner: Box<dyn RowWriter + 'a>,
    targets: Arc<Targets>,
    seen: HashMap<String, Entity>,
}

impl<'a> Learning<'a> {
    pub(crate) fn new(inner: Box<dyn RowWriter + 'a>, targets: Arc<Targets>) -> Learning<'a> {
        Learning { inner, targets, seen: HashMap::new() }
    }
}

impl RowWriter for Learning<'_> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let class = row.entity.class();
        let is_first = self.targets.hosts().first().is_some_and(|h| h == row.host);
        if is_first && self.seen.len() < CLASSES_MAX && !self.seen.contains_key(&*class.name) {
            self.seen.insert(class.name.to_string(), row.entity.clone());
        }
        self.inner.row(row)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.inner.finish()?;
        let Some(host) = self.targets.hosts().first() else { return Ok(()) };
        if let (false, Ok(namespace)) = (self.seen.is_empty(), self.targets.namespace(host)) {
            schema::learn(host, &namespace, self.seen.values().map(|e| &**e.class()));
        }
        Ok(())
    }

    fn lacks(&self) -> Option<&'static str> {
        self.inner.lacks()
    }
}

/// Asks for all classes of the namespace, and keeps their names.
pub(super) fn run(targets: Targets) -> Result<ExitCode, Failure> {
    many::print_texts(targets, |client, namespace, host| async move {
        let name = namespace.name().to_owned();
        let mut rows = namespace.query("SELECT * FROM meta_class").entities().await?;
        let mut classes: Vec<Arc<Class>> = Vec::new();
        while let Some(row) = rows.next().await {
            if let Entity::Class(class) = row? {
                classes.push(class);
            }
        }
        drop(client);
        schema::learn(&host, &name, classes.iter().map(|c| &**c));
        Ok(format!("{host}: {} classes of {name}\n", classes.len()).into())
    })
}
