//! Classes that nobody tells of, looked at again and again: what differs from one look to the next are the events.
//!
//! One poller serves all subscriptions of one account to one class at one interval. Each poller is a task of its own, so that
//! a provider that takes its time delays nobody else.

use super::make::{self, change_of};
use super::{Hub, Sub, Task, View, quota};
use crate::broker::Failure;
use crate::broker::pump::{Outlet, Sieve, Turn, pump};
use crate::cursor::weight;
use crate::store::{Namespace, Tree, fold, key_of};
use rwmi_cim::wql::event::{Changes, Poll, Realm};
use rwmi_cim::{Class, Entity, Enumerate, Instance, Object, RequestContext, Sink, WbemStatus};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// The pollers of a server.
#[derive(Debug, Default)]
pub(super) struct Polls(Mutex<HashMap<Key, Weak<Poller>>>);

/// What subscriptions share a poller by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    view: View,
    interval: Duration,
    wanted: Option<Vec<String>>,
}

/// A class that is being polled, until this is dropped.
#[derive(Debug)]
pub(super) struct Poller {
    looking: Arc<Looking>,
    _task: Task,
}

#[derive(Debug)]
struct Looking {
    hub: Weak<Hub>,
    key: Key,
    cx: RequestContext,
    /// Who is told what.
    told: Mutex<Vec<(Weak<Sub>, Changes)>>,
    /// Held while looking.
    last: tokio::sync::Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    seen: Option<Snapshot>,
    /// Whether the last look failed.
    failing: Option<Failure>,
}

#[derive(Debug)]
struct Snapshot {
    instances: HashMap<String, Arc<Instance>>,
    _room: quota::Taken,
}

/// Octets for which room is made at a time.
const STEP: usize = 64 << 10;

impl Hub {
    /// Has a class polled for a subscription. The first look is over when this returns.
    pub(super) async fn poll(self: &Arc<Hub>, sub: &Arc<Sub>, poll: &Poll) -> Result<Arc<Poller>, Failure> {
        let key = Key {
            view: View::of(sub, &poll.class),
            // There is one wherever something is polled.
            interval: sub.plan.interval.unwrap_or(Duration::from_secs(1)),
            wanted: poll.wanted.clone(),
        };
        let poller = {
            let mut pollers = self.polls.0.lock().unwrap_or_else(PoisonError::into_inner);
            pollers.retain(|_, p| p.strong_count() > 0);
            match pollers.get(&key).and_then(Weak::upgrade) {
                Some(poller) => poller,
                None => {
                    let looking = Arc::new(Looking {
                        hub: Arc::downgrade(self),
                        key: key.clone(),
                        cx: sub.cx.clone(),
                        told: Mutex::default(),
                        last: tokio::sync::Mutex::default(),
                    });
                    let task = Task(tokio::spawn(looking.clone().run()).abort_handle());
                    let poller = Arc::new(Poller { looking, _task: task });
                    pollers.insert(key, Arc::downgrade(&poller));
                    poller
                }
            }
        };
        // What happened before is no event of this subscription: it is told to the others only.
        let mut last = poller.looking.last.lock().await;
        poller.looking.look(&mut last).await?;
        poller.looking.told().push((Arc::downgrade(sub), poll.changes));
        drop(last);
        Ok(poller)
    }
}

#[cfg(test)]
impl Hub {
    pub(super) fn polls_running(&self) -> usize {
        self.polls.0.lock().unwrap().values().filter(|p| p.strong_count() > 0).count()
    }
}

impl Looking {
    fn told(&self) -> MutexGuard<'_, Vec<(Weak<Sub>, Changes)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self: Arc<Looking>) {
        let mut ticks = interval_at(Instant::now() + self.key.interval, self.key.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let mut last = self.last.lock().await;
            let before = last.failing.clone();
            match self.look(&mut last).await {
                Ok(()) => last.failing = None,
                Err(failure) => {
                    // Once: until there is something else to say.
                    if before.as_ref() != Some(&failure) {
                        tracing::warn!(class = self.key.view.class, user = self.key.view.user, %failure, "a class could not be polled");
                        let told: Vec<_> = self.told().iter().filter_map(|(s, _)| s.upgrade()).collect();
                        told.iter().for_each(|s| s.queue.failed(&failure));
                    }
                    last.failing = Some(failure);
                }
            }
        }
    }

    /// Looks, and tells what is different.
    async fn look(&self, last: &mut Last) -> Result<(), Failure> {
        let Some(hub) = self.hub.upgrade() else { return Ok(()) };
        let tree = hub.repository.tree();
        let namespace = tree.namespace(&self.key.view.namespace).ok_or(WbemStatus::INVALID_NAMESPACE)?;
        let class = namespace.class(&self.key.view.class, false).ok_or_else(|| Failure::no_class(&self.key.view.class))?;
        let now = self.snapshot(&hub, &tree, class).await?;
        let told: Vec<(Arc<Sub>, Changes)> = {
            let mut told = self.told();
            told.retain(|(s, _)| s.strong_count() > 0);
            told.iter().filter_map(|(s, c)| Some((s.upgrade()?, *c))).collect()
        };
        if let Some(before) = &last.seen {
            self.tell(&hub, namespace, &told, before, &now);
        }
        last.seen = Some(now);
        Ok(())
    }

    fn tell(&self, hub: &Hub, namespace: &Namespace, told: &[(Arc<Sub>, Changes)], before: &Snapshot, now: &Snapshot) {
        let place = hub.place(&self.cx.namespace);
        let shown = |i: &Arc<Instance>| Entity::from(Instance { decoration: Some(place.clone()), ..(**i).clone() });
        let one = |before: Option<&Arc<Instance>>, after: Option<&Arc<Instance>>| {
            let Some(change) = change_of(before, after) else { return };
            let concerned: Vec<Arc<Sub>> = told.iter().filter(|(_, c)| c.has(change)).map(|(s, _)| s.clone()).collect();
            if concerned.is_empty() {
                return;
            }
            if let Some(event) = make::intrinsic(namespace, Realm::Instance, change, before.map(shown), after.map(shown)) {
                hub.offer_all(&concerned, &event);
            }
        };
        let modified = told.iter().any(|(_, c)| c.modification);
        before.instances.iter().filter(|(key, _)| !now.instances.contains_key(*key)).for_each(|(_, gone)| one(Some(gone), None));
        for (key, after) in &now.instances {
            match before.instances.get(key) {
                None => one(None, Some(after)),
                Some(before) if modified && !same(before, after) => one(Some(before), Some(after)),
                Some(_) => {}
            }
        }
    }

    async fn snapshot(&self, hub: &Hub, tree: &Tree, class: &Arc<Class>) -> Result<Snapshot, Failure> {
        let name = class.provider().ok_or_else(|| Failure::no_class(&class.name))?;
        let no_provider = || Failure::new(WbemStatus::PROVIDER_NOT_FOUND, format!("no provider {name:?} serves {}", class.name));
        let provider = hub.providers.get(&fold(name)).ok_or_else(no_provider)?;
        let mut room = hub.quota.snapshot(&self.key.view.user);
        let mut instances = HashMap::new();
        let mut unpaid = 0;
        let sieve = |object: Object| {
            let instance =
                object.with_decoration(None).to_instance().map_err(|e| Failure::new(WbemStatus::PROVIDER_FAILURE, e.to_string()))?;
            // What has no key is not to be told from others.
            if let Some(key) = key_of(&instance, &self.key.view.namespace) {
                unpaid += key.len() + weight(&Entity::from(instance.clone()));
                if unpaid > STEP {
                    room.octets(tree, std::mem::take(&mut unpaid))?;
                }
                instances.insert(key, Arc::new(instance));
            }
            Ok(None)
        };
        let mut request = Enumerate::all(class);
        request.wanted = self.key.wanted.as_deref();
        let (sink, _nobody) = Sink::bounded(1);
        let decoration = Arc::new(hub.place(&self.cx.namespace));
        let outlet = Outlet { sink: &sink, decoration, first_only: false, delivered: Default::default() };
        let mut sieve: Sieve<'_> = Box::new(sieve);
        pump(&**provider, &self.cx, &request, hub.silence_max, &outlet, &mut Turn::default(), &mut sieve).await?;
        drop(sieve);
        room.octets(tree, unpaid)?;
        Ok(Snapshot { instances, _room: room })
    }
}

/// Whether two looks at an instance show the same.
fn same(before: &Instance, after: &Instance) -> bool {
    before.values == after.values && before.class.properties.len() == after.class.properties.len()
}
