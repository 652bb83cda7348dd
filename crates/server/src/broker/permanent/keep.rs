//! Keeping permanent subscriptions: one task for each binding, as the repository says it now.

use super::admit::event_namespace;
use super::deliver::{Delivery, Retries};
use super::{Permanent, access, bindings_of, resolve};
use crate::broker::Broker;
use crate::broker::events::Kind;
use crate::consumers::Consumers;
use crate::store::{Tree, fold_namespace, key_of};
use rwmi_cim::{Instance, RequestContext, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// How long what is new may take until it listens, before others are not kept waiting for it any more.
const START: Duration = Duration::from_secs(5);
/// When what failed is tried again: after a change of classes or namespaces, and without one.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(60);

/// Namespace and key of a binding.
type Key = (String, String);

/// A binding with both its ends.
#[derive(Clone)]
struct Bound {
    namespace: String,
    binding: Arc<Instance>,
    filter: Arc<Instance>,
    /// `MaximumQueueSize` of the consumer, where it is not 0.
    room: Option<usize>,
}

impl Bound {
    /// Whether it is listened to in the same way.
    fn is(&self, other: &Bound) -> bool {
        Arc::ptr_eq(&self.binding, &other.binding) && Arc::ptr_eq(&self.filter, &other.filter) && self.room == other.room
    }
}

/// A binding that is kept.
struct Kept {
    bound: Bound,
    task: JoinHandle<()>,
    /// Why it is not listened to.
    failed: Arc<Mutex<Option<String>>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps the permanent subscriptions of a broker, as long as it lives.
pub(crate) struct Keeper {
    broker: Arc<Broker>,
    permanent: Arc<Permanent>,
    consumers: Arc<Consumers>,
    retries: Retries,
    kept: HashMap<Key, Kept>,
    /// Bindings without both ends, and what was said of them.
    idle: HashMap<Key, String>,
    /// What was said of those that are tried again.
    said: HashMap<Key, String>,
}

impl Keeper {
    /// Listens to everything that the repository says; what takes longer than a few seconds goes on by itself.
    pub(crate) async fn start(broker: Arc<Broker>, consumers: Consumers) -> Keeper {
        Keeper::with(broker, consumers, Retries::default()).await
    }

    pub(super) async fn with(broker: Arc<Broker>, consumers: Consumers, retries: Retries) -> Keeper {
        let permanent = broker.permanent.clone();
        let mut keeper = Keeper {
            broker,
            permanent,
            consumers: Arc::new(consumers),
            retries,
            kept: HashMap::new(),
            idle: HashMap::new(),
            said: HashMap::new(),
        };
        keeper.permanent.set_kept(true);
        keeper.follow().await;
        keeper
    }

    /// Follows the repository, for ever.
    pub(crate) async fn run(mut self) {
        let mut again = Instant::now() + LATER;
        loop {
            tokio::select! {
                () = self.permanent.changed() => again = again.min(Instant::now() + SOON),
                () = tokio::time::sleep_until(again) => {
                    again = Instant::now() + LATER;
                    // What failed is dropped, so that it counts as new.
                    for (key, kept) in self.kept.extract_if(|_, k| k.task.is_finished()) {
                        let said = kept.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
                        self.said.extend(said.map(|words| (key, words)));
                    }
                }
            }
            self.follow().await;
        }
    }

    /// Makes what is kept what the repository says.
    async fn follow(&mut self) {
        let seen = self.permanent.wanted();
        let tree = self.broker.repository.tree();
        let mut wanted = bindings(&tree, &mut self.idle);
        self.kept.retain(|key, kept| match wanted.get(key) {
            Some(bound) if bound.is(&kept.bound) => true,
            _ => {
                tracing::info!(target: "rwmi::audit", event = "permanent subscription ended", binding = %key.1.escape_debug(), namespace = key.0);
                false
            }
        });
        wanted.retain(|key, _| !self.kept.contains_key(key));
        let mut starting = Vec::new();
        let mut said = std::mem::take(&mut self.said);
        for (key, bound) in wanted {
            let (ready, is_ready) = oneshot::channel();
            let failed = Arc::new(Mutex::new(None));
            let task = tokio::spawn(keep(
                self.broker.clone(),
                self.consumers.clone(),
                self.retries.clone(),
                bound.clone(),
                (failed.clone(), said.remove(&key)),
                ready,
            ));
            starting.push(is_ready);
            self.kept.insert(key, Kept { bound, task, failed });
        }
        let until = Instant::now() + START;
        for ready in starting {
            // A task that ended has said so already.
            let _ = timeout_at(until, ready).await;
        }
        self.permanent.set_done(seen);
    }

    /// How many are kept, and why others are not.
    #[cfg(test)]
    pub(super) fn state(&self) -> (usize, Vec<String>) {
        let failed = self.kept.values().filter_map(|k| k.failed.lock().unwrap().clone());
        let failed: Vec<String> = failed.chain(self.idle.values().cloned()).collect();
        (self.kept.values().filter(|k| k.failed.lock().unwrap().is_none()).count(), failed)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.permanent.set_kept(false);
    }
}

/// The bindings of all namespaces that have both their ends.
fn bindings(tree: &Tree, idle: &mut HashMap<Key, String>) -> HashMap<Key, Bound> {
    let mut found = HashMap::new();
    let mut now_idle = HashMap::new();
    for namespace in tree.namespaces() {
        for binding in bindings_of(namespace) {
            let Some(key) = key_of(binding, namespace.name()) else { continue };
            let key = (fold_namespace(namespace.name()), key);
            let end = |role| binding.get(role).and_then(Value::as_str).and_then(|path| resolve(tree, namespace, path));
            let why = match (end("Filter"), end("Consumer")) {
                (Some(filter), Some(consumer)) => {
                    let room = consumer
                        .get("MaximumQueueSize")
                        .and_then(Value::as_integer)
                        .and_then(|n| usize::try_from(n).ok())
                        .filter(|n| *n > 0);
                    let bound = Bound { namespace: namespace.name().to_owned(), binding: binding.clone(), filter, room };
                    match filter_publishes(&bound.filter) {
                        Some(true) => {
                            found.insert(key, bound);
                            continue;
                        }
                        Some(false) => "EventAccess lets nobody here publish to its filter",
                        None => "EventAccess of its filter is no security descriptor",
                    }
                }
                (None, _) => "its filter is not there",
                (_, None) => "its consumer is not there",
            };
            if idle.get(&key).is_none_or(|told| told != why) {
                tracing::warn!(target: "rwmi::audit", event = "permanent subscription idle", binding = %key.1.escape_debug(), namespace = key.0, why);
            }
            now_idle.insert(key, why.to_owned());
        }
    }
    *idle = now_idle;
    found
}

fn filter_publishes(filter: &Instance) -> Option<bool> {
    match filter.get("EventAccess").and_then(Value::as_str) {
        None | Some("") => Some(true),
        Some(sddl) => access::may_publish(sddl),
    }
}

/// Listens, and delivers what comes.
async fn keep(
    broker: Arc<Broker>,
    consumers: Arc<Consumers>,
    retries: Retries,
    bound: Bound,
    (failed, said): (Arc<Mutex<Option<String>>>, Option<String>),
    ready: oneshot::Sender<()>,
) {
    let text = |i: &Instance, name: &str| i.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (query, consumer) = (text(&bound.filter, "Query"), text(&bound.binding, "Consumer"));
    let place = event_namespace(&bound.filter).unwrap_or_else(|| bound.namespace.clone());
    let mut cx = RequestContext::new(r"BUILTIN\Administrators", place);
    cx.elevated = true;
    let name = text(&bound.filter, "Name");
    let failure = match broker.events().subscribe(&cx, &query, Kind::Permanent { consumer: consumer.clone(), room: bound.room }).await {
        Err(failure) => failure,
        Ok(subscription) => {
            tracing::info!(
                target: "rwmi::audit", event = "permanent subscription", filter = %name.escape_debug(), consumer = %consumer.escape_debug(),
                namespace = bound.namespace, query
            );
            let _ = ready.send(());
            let is_express = !is_synchronous(&bound.binding);
            let delivery = Delivery::new(broker, consumers, if is_express { Retries::none() } else { retries }, bound.namespace, consumer);
            delivery.run(&subscription).await
        }
    };
    let failure = failure.to_string();
    if said.as_ref() != Some(&failure) {
        tracing::error!(
            target: "rwmi::audit", event = "filter not activated", filter = %name.escape_debug(), query, failure,
            "a permanent subscription brings nothing"
        );
    }
    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
}

/// Whether an event is tried again: `DeliverSynchronously` overrides `DeliveryQoS`, which is 0 where it is NULL.
fn is_synchronous(binding: &Instance) -> bool {
    let forced = matches!(binding.get("DeliverSynchronously"), Some(Value::Boolean(true)));
    forced || binding.get("DeliveryQoS").and_then(Value::as_integer).unwrap_or(0) == 0
}
