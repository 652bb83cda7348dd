//! Delivering events to a consumer: one after the other, with further tries, and a word about each that failed.

use super::resolve;
use crate::broker::events::{Notice, Subscription, service_event};
use crate::broker::{Broker, Failure};
use crate::consumers::{Consumers, Undelivered};
use rwmi_cim::{Entity, Instance, Object, Value};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before each further try.
#[derive(Debug, Clone)]
pub(super) struct Retries(pub(super) Vec<Duration>);

impl Default for Retries {
    fn default() -> Self {
        Retries([1, 5, 30].map(Duration::from_secs).to_vec())
    }
}

impl Retries {
    pub(super) fn none() -> Retries {
        Retries(Vec::new())
    }
}

/// The way from a subscription to a consumer.
pub(super) struct Delivery {
    broker: Arc<Broker>,
    consumers: Arc<Consumers>,
    retries: Retries,
    /// Of the binding.
    namespace: String,
    /// The path of the consumer, as the binding says it.
    consumer: String,
}

impl Delivery {
    pub(super) fn new(broker: Arc<Broker>, consumers: Arc<Consumers>, retries: Retries, namespace: String, consumer: String) -> Delivery {
        Delivery { broker, consumers, retries, namespace, consumer }
    }

    /// Delivers until the subscription ends; answers why it does.
    pub(super) async fn run(&self, subscription: &Subscription) -> Failure {
        // The last event could not be delivered: the next is tried once, so that a queue behind a dead consumer still moves.
        let mut failing: Option<Undelivered> = None;
        loop {
            match subscription.next().await {
                Notice::Event(event) => {
                    let result = self.deliver(&event, failing.is_some()).await;
                    match result {
                        Ok(()) => {
                            if failing.take().is_some() {
                                tracing::info!(consumer = self.consumer, "the consumer takes events again");
                            }
                        }
                        Err(undelivered) => {
                            // The same words once: a log is no queue either. Each is told as an event.
                            if failing.as_ref() != Some(&undelivered) {
                                tracing::error!(
                                    target: "rwmi::audit", event = "consumer failed", consumer = %self.consumer.escape_debug(),
                                    status = %undelivered.status, "{}", undelivered.description
                                );
                            }
                            self.tell(&event, &undelivered);
                            failing = Some(undelivered);
                        }
                    }
                }
                Notice::Lost(count) => {
                    tracing::error!(
                        target: "rwmi::audit", event = "events dropped", consumer = %self.consumer.escape_debug(), count,
                        "the consumer does not take events in time"
                    );
                }
                Notice::Failed(failure) => {
                    tracing::warn!(consumer = %self.consumer.escape_debug(), %failure, "events of a permanent subscription may be missing");
                }
                Notice::Ended(failure) => return failure,
            }
        }
    }

    async fn deliver(&self, event: &Object, once: bool) -> Result<(), Undelivered> {
        let mut waits = self.retries.0.iter().take(if once { 0 } else { usize::MAX });
        loop {
            // As it is now: it may have been changed since, or be gone.
            let Some(consumer) = self.consumer() else { return Ok(()) };
            match self.consumers.deliver(&consumer, event).await {
                Err(undelivered) if undelivered.passing => match waits.next() {
                    Some(wait) => tokio::time::sleep(*wait).await,
                    None => return Err(undelivered),
                },
                result => return result,
            }
        }
    }

    fn consumer(&self) -> Option<Arc<Instance>> {
        let tree = self.broker.repository.tree();
        resolve(&tree, tree.namespace(&self.namespace)?, &self.consumer)
    }

    /// Tells those who ask for it that a consumer failed.
    fn tell(&self, event: &Object, undelivered: &Undelivered) {
        // A consumer that fails for the word of its own failure would never come to an end.
        if event.class().is_a("__EventDroppedEvent") {
            return;
        }
        let tree = self.broker.repository.tree();
        let Some(namespace) = tree.namespace(&self.namespace) else { return };
        let code = undelivered.status.0;
        let mut values = vec![
            ("Event", Value::Object(Box::new(Entity::Instance(event.clone())))),
            ("IntendedConsumer", Value::Reference(self.consumer.clone())),
            ("ErrorCode", Value::Uint32(code)),
            ("ErrorDescription", undelivered.description.as_str().into()),
        ];
        if let Some(class) = namespace.class("__ExtendedStatus", false) {
            let mut status = Instance::new(class.clone());
            let fields = [("StatusCode", Value::Uint32(code)), ("Description", undelivered.description.as_str().into())];
            for (name, value) in
                fields.into_iter().chain([("Operation", "Consumer".into()), ("ParameterInfo", self.consumer.as_str().into())])
            {
                let _ = status.set(name, value);
            }
            values.push(("ErrorObject", Value::Object(Box::new(status.into()))));
        }
        if let Some(event) = service_event(namespace, "__ConsumerFailureEvent", &values) {
            self.broker.events().publish(&self.namespace, &event);
        }
    }
}
