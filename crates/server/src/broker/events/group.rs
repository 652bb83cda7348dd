//! GROUP WITHIN: events that are told together when their time is over.

use super::{Hub, Overflow, Sub};
use crate::broker::events::queue::Pushed;
use crate::cursor::weight;
use rwmi_cim::wql::event::{Aggregator, BoundEvent};
use rwmi_cim::{Class, Entity, Instance, Object, WbemStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

#[derive(Debug)]
pub(super) struct Groups {
    open: Mutex<Aggregator>,
    /// One more was opened.
    opened: Notify,
}

impl Groups {
    pub(super) fn new(event: &BoundEvent, class: Arc<Class>) -> Option<Groups> {
        Some(Groups { open: Mutex::new(Aggregator::new(event, class)?), opened: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Aggregator> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an event that matches.
    pub(super) fn add(&self, event: &Object) -> Result<(), WbemStatus> {
        let mut open = self.lock();
        let none_open = open.next_due().is_none();
        open.add(event, Instant::now().into_std())?;
        drop(open);
        // All groups last equally long: the one that was opened first is the next to end.
        if none_open {
            self.opened.notify_one();
        }
        Ok(())
    }
}

/// Tells of the groups whose time is over, until it is aborted.
pub(super) async fn run(hub: Weak<Hub>, sub: Arc<Sub>) {
    let Some(groups) = &sub.groups else { return };
    loop {
        let due = groups.lock().next_due();
        match due {
            None => groups.opened.notified().await,
            Some(due) => sleep_until(Instant::from_std(due)).await,
        }
        let over = groups.lock().due(Instant::now().into_std());
        for event in over {
            let event = told_now(event);
            let octets = weight(&Entity::Instance(event.clone()));
            if let (Pushed::FirstDropped(octets), Some(hub)) = (sub.queue.push(event.clone(), octets), hub.upgrade()) {
                hub.overflowed(vec![Overflow { of: sub.clone(), event, octets }]);
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
