//! Events: who waits for them, and where they come from ([MS-WMI] 3.1.4.3.20, 3.1.6.1).
//!
//! A [`Subscription`] is a query and a bounded queue. Changes of the repository are shown to it by the writer itself, so that
//! whoever changed something finds the event waiting; classes of providers are polled ([`poll`]), providers that tell of events
//! themselves are listened to ([`source`]), timers go off ([`timer`]). Nothing here waits for a subscriber: what it does not
//! take in time is dropped, and told in its place.

mod descriptor;
mod group;
mod make;
mod poll;
mod queue;
mod quota;
mod source;
mod timer;

#[cfg(test)]
mod tests;

pub(crate) use make::{event as service_event, filetime};
pub(crate) use queue::Notice;
pub(crate) use quota::{Kind, permanent_max};
pub(crate) use timer::check as check_timer;

use super::Failure;
use crate::cursor::weight;
use crate::store::{Change, Namespace, Repository, Subject, Tree, fold, fold_namespace};
use group::Groups;
use poll::{Poller, Polls};
use queue::{Pushed, Queue, Waiting};
use quota::Quota;
use rwmi_cim::wql::event::{Change as What, EventPlan, EventSchema, PlanOptions, Realm};
use rwmi_cim::{Class, Decoration, DynProvider, Entity, Object, RequestContext, Value, WbemStatus, names_equal, wql};
use source::{Source, Sources};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

/// The providers of a server, by folded name.
pub(super) type Providers = Arc<HashMap<String, Arc<dyn DynProvider>>>;

/// Everything that has to do with events in a server.
pub(crate) struct Hub {
    me: Weak<Hub>,
    repository: Arc<Repository>,
    providers: Providers,
    server_name: String,
    silence_max: Duration,
    /// Subscriptions by folded namespace.
    watching: RwLock<HashMap<String, Vec<Arc<Sub>>>>,
    waiting: Arc<Waiting>,
    quota: Arc<Quota>,
    polls: Polls,
    sources: Sources,
    /// Something changed that timers go by.
    timers_changed: tokio::sync::Notify,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// One query, and what waits for who asked it.
#[derive(Debug)]
struct Sub {
    cx: RequestContext,
    /// Folded.
    namespace: String,
    plan: EventPlan,
    queue: Queue,
    groups: Option<Groups>,
    /// Classes that came to be later and are polled too.
    later: Mutex<Vec<Later>>,
    /// Classes of events whose providers are listened to.
    heard: Mutex<Vec<Heard>>,
    /// Why classes that came to be later cannot be watched, as it was told last.
    unwatched: Mutex<Option<Failure>>,
    runtime: tokio::runtime::Handle,
    /// Whom the events are for, where it is the service that waits.
    consumer: Option<String>,
}

/// A class as one caller sees it: what depends on the caller is shared by those who are alike in all of this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct View {
    user: String,
    elevated: bool,
    local: bool,
    locale: Option<String>,
    /// Folded, as the class.
    namespace: String,
    class: String,
}

impl View {
    fn of(sub: &Sub, class: &Class) -> View {
        View {
            user: sub.cx.user.clone(),
            elevated: sub.cx.elevated,
            local: sub.cx.local,
            locale: sub.cx.locale.clone(),
            namespace: sub.namespace.clone(),
            class: fold(&class.name),
        }
    }
}

/// A class that is polled since it came to be.
#[derive(Debug)]
struct Later {
    /// Folded.
    class: String,
    _poller: Option<Arc<Poller>>,
    _seat: quota::Taken,
}

/// A class of events whose provider is listened to.
#[derive(Debug)]
struct Heard {
    class: Arc<Class>,
    source: Option<Arc<Source>>,
}

/// A subscription: the events of a query, until it is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    sub: Arc<Sub>,
    hub: Weak<Hub>,
    _polls: Vec<Arc<Poller>>,
    _seat: quota::Taken,
    _grouping: Option<Task>,
}

/// A task that ends with this.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An event that was dropped, the first of a gap.
struct Overflow {
    of: Arc<Sub>,
    /// `None` where it was lost before it got here.
    event: Option<Object>,
    octets: usize,
}

/// The classes of a namespace: what the repository stores it tells of, everything else has to be polled.
struct Schema<'a>(&'a Namespace);

impl EventSchema for Schema<'_> {
    fn class(&self, name: &str) -> Option<Arc<Class>> {
        self.0.class(name, false).cloned()
    }

    fn derived(&self, name: &str) -> Vec<Arc<Class>> {
        self.0.descendants(name, false).into_iter().flatten().cloned().collect()
    }
}

/// Checks a query that would be asked of a namespace.
///
/// # Errors
/// Those of [`Hub::subscribe`] that do not depend on when it is asked.
pub(crate) fn check_query(namespace: &Namespace, query: &str) -> Result<(), Failure> {
    let event = wql::parse_event(query)?;
    event.plan(&Schema(namespace), &PlanOptions::default())?;
    Ok(())
}

impl Sub {
    /// Shows an event that the query may ask for.
    fn offer(self: &Arc<Sub>, event: &Object, octets: usize, overflows: &mut Vec<Overflow>) {
        match self.plan.event.matches(event) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                self.queue.failed(&Failure::new(WbemStatus::FAILED, format!("an event cannot be read: {error}")));
                return;
            }
        }
        if !descriptor::may_receive(event, self.cx.elevated) {
            return;
        }
        let pushed = match &self.groups {
            None => self.queue.push(self.plan.event.project(event), octets),
            Some(groups) => match groups.add(event, octets) {
                Ok(()) => Pushed::Kept,
                Err(_) => self.queue.lost(),
            },
        };
        if let Pushed::FirstDropped(octets) = pushed {
            tracing::warn!(user = %self.cx.user, query = self.plan.event.event().select.text(), "events are dropped: they are not taken in time");
            overflows.push(Overflow { of: self.clone(), event: Some(event.clone()), octets });
        }
    }
}

impl Hub {
    pub(super) fn new(repository: Arc<Repository>, providers: Providers, server_name: &str, silence_max: Duration) -> Arc<Hub> {
        let hub = Arc::new_cyclic(|me| Hub {
            me: me.clone(),
            repository,
            providers,
            server_name: server_name.to_owned(),
            silence_max,
            watching: RwLock::default(),
            waiting: Arc::default(),
            quota: Arc::default(),
            polls: Polls::default(),
            sources: Sources::default(),
            timers_changed: tokio::sync::Notify::new(),
        });
        let observer = Arc::downgrade(&hub);
        hub.repository.observe(move |changes| {
            if let Some(hub) = observer.upgrade() {
                hub.changed(changes);
            }
        });
        hub
    }

    /// Subscribes: from when this returns, every event that the query asks for comes out of the subscription.
    ///
    /// # Errors
    /// Those of the query ([`wql::parse_event`], [`wql::ast::Event::plan`]), `INVALID_NAMESPACE`, `QUOTA_VIOLATION`, and the
    /// failure of a provider whose instances have to be polled and cannot be.
    pub(crate) async fn subscribe(self: &Arc<Hub>, cx: &RequestContext, query: &str, kind: Kind) -> Result<Subscription, Failure> {
        let event = wql::parse_event(query)?;
        let no_namespace = || Failure::new(WbemStatus::INVALID_NAMESPACE, format!("there is no namespace {:?}", cx.namespace));
        let tree = self.repository.tree();
        let namespace = tree.namespace(&cx.namespace).ok_or_else(no_namespace)?;
        let plan = event.plan(&Schema(namespace), &PlanOptions::default())?;
        let seat = self.quota.subscription(&tree, &cx.user, &kind, plan.polls.len())?;
        let groups = match &event.group {
            None => None,
            Some(_) => {
                let class = namespace.class("__AggregateEvent", false).ok_or_else(|| Failure::no_class("__AggregateEvent"))?;
                Groups::new(&plan.event, class.clone(), self.waiting.clone())
            }
        };
        let sub = Arc::new(Sub {
            cx: cx.clone(),
            namespace: fold_namespace(&cx.namespace),
            queue: match &kind {
                Kind::Permanent { room: Some(room), .. } => Queue::with_room(self.waiting.clone(), *room),
                _ => Queue::new(self.waiting.clone()),
            },
            groups,
            later: Mutex::default(),
            heard: Mutex::default(),
            unwatched: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
            consumer: match kind {
                Kind::Temporary => None,
                Kind::Permanent { consumer, .. } => Some(consumer),
            },
            plan,
        });
        let mut subscription =
            Subscription { sub: sub.clone(), hub: Arc::downgrade(self), _polls: Vec::new(), _seat: seat, _grouping: None };
        self.watching.write().unwrap_or_else(PoisonError::into_inner).entry(sub.namespace.clone()).or_default().push(sub.clone());
        // Before it was seen to wait, the namespace may have gone.
        if self.repository.tree().namespace(&cx.namespace).is_none() {
            return Err(no_namespace());
        }
        let polls = futures_util::future::try_join_all(sub.plan.polls.iter().map(|p| self.poll(&sub, p)));
        let (polls, ()) = futures_util::future::try_join(polls, self.listen(&sub)).await?;
        subscription._polls = polls;
        if sub.groups.is_some() {
            subscription._grouping = Some(Task(tokio::spawn(group::run(Arc::downgrade(self), sub)).abort_handle()));
        }
        tracing::info!(target: "rwmi::audit", event = "subscription", user = %cx.user, namespace = cx.namespace, query);
        Ok(subscription)
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn subscriptions(&self) -> usize {
        self.watching.read().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    fn place(&self, namespace: &str) -> Decoration {
        Decoration { server: self.server_name.clone(), namespace: namespace.replace('/', r"\") }
    }

    /// Those who wait in a namespace and may be concerned.
    fn concerned(&self, namespace: &str, test: impl Fn(&Sub) -> bool) -> Vec<Arc<Sub>> {
        let watching = self.watching.read().unwrap_or_else(PoisonError::into_inner);
        watching.get(&fold_namespace(namespace)).into_iter().flatten().filter(|s| test(s)).cloned().collect()
    }

    /// Tells of an event of a class that the service itself tells of: timers, failures of consumers.
    pub(crate) fn publish(&self, namespace: &str, event: &Object) {
        let concerned = self.concerned(namespace, |s| s.plan.event.may_match(&event.class().name));
        self.offer_all(&concerned, event);
    }

    fn offer_all(&self, concerned: &[Arc<Sub>], event: &Object) {
        if concerned.is_empty() {
            return;
        }
        let octets = weight(&Entity::Instance(event.clone()));
        let mut overflows = Vec::new();
        concerned.iter().for_each(|s| s.offer(event, octets, &mut overflows));
        self.overflowed(overflows);
    }

    /// Tells that events were lost before they got here.
    fn lost_on_the_way(&self, subs: &[Arc<Sub>]) {
        let lost = |sub: &Arc<Sub>| match sub.queue.lost() {
            Pushed::FirstDropped(octets) => Some(Overflow { of: sub.clone(), event: None, octets }),
            Pushed::Dropped | Pushed::Kept => None,
        };
        self.overflowed(subs.iter().filter_map(lost).collect());
    }

    /// Tells those who ask for it that somebody's events were dropped. What of this is dropped itself, only its own subscriber
    /// is told.
    fn overflowed(&self, overflows: Vec<Overflow>) {
        for Overflow { of, event, octets } in overflows {
            const CLASS: &str = "__EventQueueOverflowEvent";
            // The event shows what was for the eyes of another.
            let may_see = |s: &Sub| s.cx.elevated || names_equal(&s.cx.user, &of.cx.user);
            let concerned = self.concerned(&of.namespace, |s| !std::ptr::eq(s, &*of) && may_see(s) && s.plan.event.may_match(CLASS));
            let tree = self.repository.tree();
            let Some(namespace) = tree.namespace(&of.namespace) else { continue };
            let values = [
                ("Event", event.map_or(Value::Null, |e| Value::Object(Box::new(Entity::Instance(e))))),
                ("CurrentQueueSize", Value::Uint32(u32::try_from(octets).unwrap_or(u32::MAX))),
                ("IntendedConsumer", of.consumer.clone().map_or(Value::Null, Value::Reference)),
            ];
            let Some(event) = make::event(namespace, CLASS, &values) else { continue };
            let octets = weight(&Entity::Instance(event.clone()));
            concerned.iter().for_each(|s| s.offer(&event, octets, &mut Vec::new()));
        }
    }

    /// Shows the changes of the repository to those who wait. The writer waits meanwhile: nothing here does.
    fn changed(&self, changes: &[Change]) {
        if changes.iter().any(timer::concerns) {
            self.timers_changed.notify_one();
        }
        if self.watching.read().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return;
        }
        let tree = self.repository.tree();
        for change in changes {
            self.change(&tree, change);
        }
    }

    fn change(&self, tree: &Tree, change: &Change) {
        let place = self.place(&change.namespace);
        // What changed in a namespace that went with it nobody sees.
        let Some(namespace) = tree.namespace(&change.namespace) else { return };
        let asked = |realm, kind| self.concerned(&change.namespace, |s| s.plan.changes(realm).has(kind));
        let (concerned, event) = match &change.subject {
            Subject::Instance { before, after } => {
                let Some(kind) = make::change_of(before.as_ref(), after.as_ref()) else { return };
                let Some(class) = after.as_ref().or(before.as_ref()).map(|i| &i.class) else { return };
                let concerned = self.concerned(&change.namespace, |s| s.plan.may_concern(class, kind));
                if concerned.is_empty() {
                    return;
                }
                let shown = |i: &Option<Arc<rwmi_cim::Instance>>| i.as_ref().map(|i| make::stored(namespace, i, &place));
                (concerned, make::intrinsic(namespace, Realm::Instance, kind, shown(before), shown(after)))
            }
            Subject::Class { before, after } => {
                let Some(kind) = make::change_of(before.as_ref(), after.as_ref()) else { return };
                let sides = || before.iter().chain(after);
                if sides().any(|c| c.qualifiers.text("provider").is_some()) {
                    for sub in self.concerned(&change.namespace, |s| sides().any(|c| s.plan.is_about(c))) {
                        let (hub, runtime) = (self.me.clone(), sub.runtime.clone());
                        let sub = Arc::downgrade(&sub);
                        runtime.spawn(async move {
                            if let (Some(hub), Some(sub)) = (hub.upgrade(), sub.upgrade()) {
                                hub.watch_later(&sub).await;
                            }
                        });
                    }
                }
                let concerned = asked(Realm::Class, kind);
                if concerned.is_empty() {
                    return;
                }
                let shown = |c: &Option<Arc<Class>>| c.as_ref().map(|c| make::class(c, &place));
                (concerned, make::intrinsic(namespace, Realm::Class, kind, shown(before), shown(after)))
            }
            Subject::Namespace { before, after } => {
                let Some(kind) = make::change_of(before.as_ref(), after.as_ref()) else { return };
                if let (What::Deletion, Some(name)) = (kind, before) {
                    self.namespace_gone(&format!(r"{}\{name}", change.namespace));
                }
                let shown = |n: &Option<String>| n.as_ref().and_then(|n| make::namespace(namespace, n, &place));
                (asked(Realm::Namespace, kind), make::intrinsic(namespace, Realm::Namespace, kind, shown(before), shown(after)))
            }
        };
        if let Some(event) = event {
            self.offer_all(&concerned, &event);
        }
    }

    /// Polls and listens to what came to be, or changed, since a subscription began.
    async fn watch_later(self: &Arc<Hub>, sub: &Arc<Sub>) {
        let tree = self.repository.tree();
        let Some(namespace) = tree.namespace(&sub.namespace) else { return };
        let plan = match sub.plan.event.event().plan(&Schema(namespace), &PlanOptions::default()) {
            Ok(plan) => plan,
            Err(error) => {
                // Once, until there is something else to say.
                let failure = Failure::from(error);
                let before = sub.unwatched.lock().unwrap_or_else(PoisonError::into_inner).replace(failure.clone());
                if before.as_ref() != Some(&failure) {
                    sub.queue.failed(&failure);
                }
                return;
            }
        };
        sub.unwatched.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.listen_later(sub, &plan).await;
        for poll in &plan.polls {
            let class = fold(&poll.class.name);
            let taken = {
                let mut later = sub.later.lock().unwrap_or_else(PoisonError::into_inner);
                if sub.plan.polls.iter().any(|p| names_equal(&p.class.name, &poll.class.name)) || later.iter().any(|l| l.class == class) {
                    continue;
                }
                self.quota.poll(&tree, &sub.cx.user).map(|seat| later.push(Later { class: class.clone(), _poller: None, _seat: seat }))
            };
            let polled = match taken {
                Ok(()) => self.poll(sub, poll).await,
                Err(failure) => Err(failure),
            };
            let mut later = sub.later.lock().unwrap_or_else(PoisonError::into_inner);
            match polled {
                Ok(poller) => later.iter_mut().filter(|l| l.class == class).for_each(|l| l._poller = Some(poller.clone())),
                Err(failure) => {
                    later.retain(|l| l.class != class);
                    sub.queue.failed(&failure);
                }
            }
        }
    }

    /// Ends the subscriptions in a namespace that is gone, and below it.
    fn namespace_gone(&self, name: &str) {
        let (folded, below) = (fold_namespace(name), format!(r"{}\", fold_namespace(name)));
        let watching = self.watching.read().unwrap_or_else(PoisonError::into_inner);
        for (_, subs) in watching.iter().filter(|(n, _)| **n == folded || n.starts_with(&below)) {
            let failure = || Failure::new(WbemStatus::INVALID_NAMESPACE, "the namespace is gone");
            subs.iter().for_each(|s| s.queue.end(failure()));
        }
    }
}

impl Subscription {
    /// What comes next; waits for it. Behind [`Notice::Ended`] nothing comes, ever.
    pub(crate) async fn next(&self) -> Notice {
        loop {
            let mut arrived = std::pin::pin!(self.sub.queue.arrived().notified());
            // Made before looking, so that what comes in between is noticed.
            arrived.as_mut().enable();
            if let Some(notice) = self.sub.queue.take() {
                return notice;
            }
            arrived.await;
        }
    }

    /// Takes up to so many events, waiting for them until a time; what is no event comes alone.
    pub(crate) async fn take(&self, count: usize, until: Instant) -> Vec<Notice> {
        let mut taken: Vec<Notice> = Vec::new();
        loop {
            let mut arrived = std::pin::pin!(self.sub.queue.arrived().notified());
            arrived.as_mut().enable();
            taken.extend(self.sub.queue.take_some(count - taken.len()));
            let alone = taken.last().is_some_and(|n| !matches!(n, Notice::Event(_)));
            if alone || taken.len() >= count || self.sub.queue.has_word() || timeout_at(until, arrived).await.is_err() {
                return taken;
            }
        }
    }

    /// Puts events back that were taken and did not fit; they come first again.
    pub(crate) fn put_back(&self, events: Vec<Object>) {
        let weighed = |event: Object| {
            let octets = weight(&Entity::Instance(event.clone()));
            (event, octets)
        };
        self.sub.queue.put_back(events.into_iter().map(weighed).collect());
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let Some(hub) = self.hub.upgrade() else { return };
        let mut watching = hub.watching.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(subs) = watching.get_mut(&self.sub.namespace) {
            subs.retain(|s| !Arc::ptr_eq(s, &self.sub));
            if subs.is_empty() {
                watching.remove(&self.sub.namespace);
            }
        }
    }
}
