//! GROUP WITHIN: events put together.

use super::super::ast::{Group, Operator};
use super::{BoundEvent, value_of};
use crate::{Class, Entity, Instance, Object, Value, WbemStatus};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most groups that may be open at a time (ours). The event that would open one more is refused with `WBEM_E_QUOTA_VIOLATION`.
pub const GROUPS_MAX: usize = 10_000;

/// Puts events together: a group opens with its first event and is delivered, as one `__AggregateEvent`, when its time is over.
#[derive(Debug)]
pub struct Aggregator {
    event: BoundEvent,
    group: Group,
    class: Arc<Class>,
    open: HashMap<String, Open>,
    opened: u64,
}

#[derive(Debug)]
struct Open {
    due: Instant,
    /// Groups that are due together come in the order in which they opened.
    place: u64,
    count: u32,
    representative: Object,
}

impl Aggregator {
    /// What groups the events of a query; `None` where it has no GROUP. `class` is `__AggregateEvent` of the namespace.
    pub fn new(event: &BoundEvent, class: Arc<Class>) -> Option<Aggregator> {
        let group = event.event().group.clone()?;
        Some(Aggregator { event: event.clone(), group, class, open: HashMap::new(), opened: 0 })
    }

    /// Takes an event that matches. Its group is delivered by [`Aggregator::due`].
    ///
    /// Errors: `WBEM_E_QUOTA_VIOLATION` where too many groups are open, `WBEM_E_FAILED` where a value cannot be decoded; the
    /// event is not counted then.
    pub fn add(&mut self, event: &Object, now: Instant) -> Result<(), WbemStatus> {
        let mut key = String::new();
        for path in &self.group.by {
            let value = value_of(event, path).map_err(|_| WbemStatus::FAILED)?;
            // Quoted by Debug, so that no two lists of values look the same.
            let text = match value {
                Some(Value::String(s)) => format!("{:?},", s.to_uppercase()),
                other => format!("{other:?},"),
            };
            key.push_str(&text);
        }
        if let Some(open) = self.open.get_mut(&key) {
            open.count = open.count.saturating_add(1);
            return Ok(());
        }
        if self.open.len() >= GROUPS_MAX {
            return Err(WbemStatus::QUOTA_VIOLATION);
        }
        let due = now + Duration::from_secs(self.group.within.into());
        self.open.insert(key, Open { due, place: self.opened, count: 1, representative: self.event.project(event) });
        self.opened += 1;
        Ok(())
    }

    /// How many groups are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// When the next group is due; `None` while none is open.
    pub fn next_due(&self) -> Option<Instant> {
        self.open.values().map(|g| g.due).min()
    }

    /// The groups whose time is over, as events; those that HAVING rules out are dropped.
    pub fn due(&mut self, now: Instant) -> Vec<Object> {
        let mut over: Vec<Open> = self.open.extract_if(|_, g| g.due <= now).map(|(_, g)| g).collect();
        over.sort_by_key(|g| (g.due, g.place));
        let delivered = |g: &Open| self.group.having.is_none_or(|(op, n): (Operator, u32)| op.holds(Some(g.count.cmp(&n))));
        over.into_iter().filter(delivered).map(|g| self.aggregate(g)).collect()
    }

    fn aggregate(&self, group: Open) -> Object {
        let mut aggregate = Instance::new(self.class.clone());
        // A class without one of the two is no __AggregateEvent: what it has is set.
        let _ = aggregate.set("NumberOfEvents", group.count);
        let _ = aggregate.set("Representative", Value::Object(Box::new(Entity::Instance(group.representative))));
        aggregate.into()
    }
}
