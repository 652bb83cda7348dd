//! Event queries tied to the schema: which events they match, what has to be looked at so that there are any, and how events
//! are put together ([MS-WMI] 3.1.4.3.20).
//!
//! [`Event::plan`] makes everything at once from the classes of a namespace ([`EventSchema`]): a [`BoundEvent`] that every event
//! is shown to, the classes that must be polled ([`Poll`]), and, under GROUP, what an [`Aggregator`] needs. Nothing here
//! reads a clock: time is an argument.

mod aggregate;
mod plan;
#[cfg(test)]
mod tests;

pub use aggregate::{Aggregator, GROUPS_MAX};
pub use plan::{Change, Changes, EventPlan, EventSchema, PlanOptions, Poll, Realm};

use super::ast::{Event, PropertyPath};
use super::bind::{BoundSelect, within};
use super::date::Locale;
use super::project::{ProjectOptions, Projection};
use super::{QueryError, Select};
use crate::{CimType, Class, Diag, Entity, Object, ObjectError, SystemProperty, Value, WbemStatus, names_equal};
use std::sync::Arc;

/// An event query tied to the classes of events that it asks for. Cheap to clone, shared between threads.
#[derive(Debug, Clone)]
pub struct BoundEvent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    event: Event,
    locale: Locale,
    /// The class of FROM and those derived from it, without those that the condition rules out.
    classes: Vec<Bound>,
}

#[derive(Debug)]
struct Bound {
    class: Arc<Class>,
    select: BoundSelect,
    projection: Projection,
}

impl BoundEvent {
    /// Ties a query to its class and to all classes derived from it.
    ///
    /// Errors: `WBEM_E_NOT_EVENT_CLASS` for a class that is none of events, `WBEM_E_PROPERTY_NOT_AN_OBJECT` for a dot behind what
    /// is no object, `WBEM_E_INVALID_OPERATOR` for an operator that a type does not take, `WBEM_E_AGGREGATING_BY_OBJECT` for
    /// an embedded object after BY, `WBEM_E_INVALID_QUERY` for everything else that does not fit.
    pub fn new(event: &Event, class: &Arc<Class>, derived: &[Arc<Class>], locale: &Locale) -> Result<BoundEvent, QueryError> {
        if !class.is_a("__Event") {
            let diag = Diag::new(event.select.class.span.into(), format!("{} is no class of events", class.name));
            return Err(refused(&event.select, WbemStatus::NOT_EVENT_CLASS, diag.help("events derive from __Event")));
        }
        // A mistake is told even where no class remains.
        event.select.bind_strictly(class, locale)?;
        event.select.check_columns(class)?;
        check_group(event, class)?;
        let mut classes = Vec::new();
        for class in std::iter::once(class).chain(derived) {
            let select = event.select.bind_strictly(class, locale)?;
            if !select.never_matches() {
                let projection = event.select.project(class, ProjectOptions::default())?;
                classes.push(Bound { class: class.clone(), select, projection });
            }
        }
        Ok(BoundEvent(Arc::new(Inner { event: event.clone(), locale: *locale, classes })))
    }

    /// The query.
    pub fn event(&self) -> &Event {
        &self.0.event
    }

    /// The classes whose events can match: that of FROM and those below it, without those that the condition rules out.
    pub fn classes(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.0.classes.iter().map(|b| &b.class)
    }

    /// Whether events of this class, known when the query was bound, can match; a test before an event is made.
    pub fn may_match(&self, class: &str) -> bool {
        self.bound(class).is_some()
    }

    /// Whether an event matches. The error is that of a value that could not be decoded.
    ///
    /// An event of a class that came to be, or changed, after the query was bound is looked at too, more slowly.
    pub fn matches(&self, event: &Object) -> Result<bool, ObjectError> {
        match self.bound_as_it_is(event.class()) {
            Some(bound) => bound.select.matches(event),
            None => match self.late(event.class()) {
                Some(select) => select.matches(event),
                None => Ok(false),
            },
        }
    }

    /// The row of an event: whole under `*`, otherwise with the listed properties. Of `TargetInstance.Name` the whole
    /// `TargetInstance` is shown. A row never says where it lives.
    pub fn project(&self, event: &Object) -> Object {
        let row = match self.bound_as_it_is(event.class()) {
            Some(bound) => bound.projection.apply(event),
            None => match self.0.event.select.project(event.class(), ProjectOptions::default()) {
                Ok(projection) => projection.apply(event),
                Err(_) => event.clone(),
            },
        };
        row.with_decoration(None)
    }

    fn bound(&self, class: &str) -> Option<&Bound> {
        self.0.classes.iter().find(|b| names_equal(&b.class.name, class))
    }

    /// What was bound of a class, where the class has still the properties that it had then.
    fn bound_as_it_is(&self, class: &Arc<Class>) -> Option<&Bound> {
        let same = |b: &&Bound| {
            let (then, now) = (&b.class.properties, &class.properties);
            Arc::ptr_eq(&b.class, class) || then.len() == now.len() && then.iter().zip(now).all(|(a, b)| a.name == b.name && a.ty == b.ty)
        };
        self.bound(&class.name).filter(same)
    }

    fn late(&self, class: &Arc<Class>) -> Option<BoundSelect> {
        let select = &self.0.event.select;
        // A class with the name of one that was ruled out is ruled out again by its binding.
        if class.is_a(&select.class.text) { select.bind_strictly(class, &self.0.locale).ok() } else { None }
    }
}

/// The value of a property path of an event; `None` where an object on the way has no such property.
pub(super) fn value_of(event: &Object, path: &PropertyPath) -> Result<Option<Value>, ObjectError> {
    let mut value = match event.class().property_index(&path.first.text) {
        Some(index) => Some(event.value_at(index)?),
        None => SystemProperty::from_name(&path.first.text).map(|p| p.of_object(event)),
    };
    for name in &path.rest {
        value = match value {
            Some(Value::Object(entity)) => within(&entity, &name.text)?,
            Some(Value::Null) => Some(Value::Null),
            _ => None,
        };
    }
    Ok(value)
}

fn check_group(event: &Event, class: &Class) -> Result<(), QueryError> {
    let select = &event.select;
    for path in event.group.iter().flat_map(|g| &g.by) {
        if path.rest.is_empty() && SystemProperty::from_name(&path.first.text).is_some() {
            continue;
        }
        let Some(property) = class.property(&path.first.text) else { return Err(select.unknown(&path.first, class)) };
        let is_object = property.ty == CimType::Object.scalar();
        if !path.rest.is_empty() && !is_object {
            return Err(select.no_object(path, &property.name, property.ty));
        }
        if path.rest.is_empty() && is_object {
            let diag = Diag::new(path.span().into(), format!("{} is an embedded object: groups differ in values", property.name));
            let help = format!("write a dot and a property of it: {}.Name", property.name);
            return Err(refused(select, WbemStatus::AGGREGATING_BY_OBJECT, diag.help(help)));
        }
    }
    Ok(())
}

fn refused(select: &Select, status: WbemStatus, diag: Diag) -> QueryError {
    QueryError { status, ..select.error(diag) }
}

/// The object in a property of an event: `TargetInstance`, `PreviousInstance`.
pub fn embedded(event: &Object, property: &str) -> Option<Entity> {
    let index = event.class().property_index(property)?;
    match event.value_at(index) {
        Ok(Value::Object(entity)) => Some(*entity),
        _ => None,
    }
}
