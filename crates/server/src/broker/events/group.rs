//! GROUP WITHIN: events that are told together when their time is over.

use super::queue::{Pushed, QUEUE_OCTETS_MAX, Waiting};
use super::{Hub, Overflow, Sub};
use crate::cursor::weight;
use rwmi_cim::wql::event::{Aggregator, BoundEvent};
use rwmi_cim::{Class, Entity, Instance, Object, WbemStatus};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

#[derive(Debug)]
pub(super) struct Groups {
    open: Mutex<Open>,
    /// One more was opened.
    opened: Notify,
    all: Arc<Waiting>,
}

#[derive(Debug)]
struct Open {
    groups: Aggregator,
    /// About how many octets each group keeps, in the order of their opening, which is that of their ends.
    octets: VecDeque<usize>,
    total: usize,
}

impl Groups {
    pub(super) fn new(event: &BoundEvent, class: Arc<Class>, all: Arc<Waiting>) -> Option<Groups> {
        let open = Open { groups: Aggregator::new(event, class)?, octets: VecDeque::new(), total: 0 };
        Some(Groups { open: Mutex::new(open), opened: Notify::new(), all })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an event that matches, of about so many octets.
    ///
    /// # Errors
    /// `QUOTA_VIOLATION` where it would open a group and there is no room for one more; it is not counted then.
    pub(super) fn add(&self, event: &Object, octets: usize) -> Result<(), WbemStatus> {
        let mut open = self.lock();
        // Without room no event can open a group; one of a group that is open needs none, which only counting it shows.
        if open.total.saturating_add(octets) > QUEUE_OCTETS_MAX || !self.all.take(octets) {
            return Err(WbemStatus::QUOTA_VIOLATION);
        }
        let before = open.groups.open();
        let added = open.groups.add(event, Instant::now().into_std());
        if open.groups.open() == before {
            self.all.give(octets);
            return added;
        }
        open.octets.push_back(octets);
        open.total += octets;
        drop(open);
        // All groups last equally long: the one that was opened first is the next to end.
        if before == 0 {
            self.opened.notify_one();
        }
        added
    }

    /// The groups whose time is over.
    fn over(&self) -> Vec<Object> {
        let mut open = self.lock();
        let over = open.groups.due(Instant::now().into_std());
        let gone = open.octets.len().saturating_sub(open.groups.open());
        let octets = open.octets.drain(..gone).sum();
        open.total -= octets;
        self.all.give(octets);
        over
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        let total = self.lock().total;
        self.all.give(total);
    }
}

/// Tells of the groups whose time is over, until it is aborted.
pub(super) async fn run(hub: Weak<Hub>, sub: Arc<Sub>) {
    let Some(groups) = &sub.groups else { return };
    loop {
        let due = groups.lock().groups.next_due();
        match due {
            None => groups.opened.notified().await,
            Some(due) => sleep_until(Instant::from_std(due)).await,
        }
        for event in groups.over() {
            let event = told_now(event);
            let octets = weight(&Entity::Instance(event.clone()));
            if let (Pushed::FirstDropped(octets), Some(hub)) = (sub.queue.push(event.clone(), octets), hub.upgrade()) {
                hub.overflowed(vec![Overflow { of: sub.clone(), event: Some(event), octets }]);
            }
        }
    }
}

/// With the time at which it is told, where its class has room for it.
fn told_now(event: Object) -> Object {
    let Ok(mut instance) = event.to_instance() else { return event };
    match instance_time(&mut instance) {
        true => instance.into(),
        false => event,
    }
}

/// Sets the time of an event that says none; `false` where nothing was set.
pub(super) fn instance_time(event: &mut Instance) -> bool {
    event.get("TIME_CREATED").is_some_and(rwmi_cim::Value::is_null) && event.set("TIME_CREATED", super::filetime(SystemTime::now())).is_ok()
}
