//! One provider's answer, from its own queue to the caller's sink: watched, filtered, told where it lives.

use super::Failure;
use rwmi_cim::{Decoration, DynProvider, Entity, Enumerate, Object, RequestContext, Sink, WbemStatus};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// Objects that a provider may be ahead of its reader.
const QUEUE_LEN: usize = 64;

/// What becomes of each object of a class: `None` drops it.
pub(super) type Sieve<'a> = Box<dyn FnMut(Object) -> Result<Option<Object>, Failure> + Send + 'a>;

/// When a class may deliver: once those of its provider before it are through, so that what one provider says has an order.
#[derive(Default)]
pub(super) struct Turn(Option<oneshot::Receiver<()>>);

impl Turn {
    /// A turn, and what makes it come: the end of this, however it ends.
    pub(super) fn after() -> (oneshot::Sender<()>, Turn) {
        let (ended, turn) = oneshot::channel();
        (ended, Turn(Some(turn)))
    }

    pub(super) async fn come(&mut self) {
        if let Some(turn) = self.0.take() {
            // Nothing is ever sent.
            let _ = turn.await;
        }
    }
}

/// Where the objects of one operation go.
pub(super) struct Outlet<'a> {
    pub(super) sink: &'a Sink,
    pub(super) decoration: Arc<Decoration>,
    /// Whether nothing more is wanted than one object.
    pub(super) first_only: bool,
    pub(super) delivered: AtomicBool,
}

impl Outlet<'_> {
    /// Delivers an object that the sieve lets through.
    pub(super) async fn deliver(&self, object: Object, sieve: &mut Sieve<'_>) -> Result<(), Failure> {
        // Decorated first: a query may look at where an object lives, and a row may not say it.
        let Some(object) = sieve(object.with_decoration(Some(self.decoration.clone())))? else { return Ok(()) };
        // Who asked for one object has room for one.
        if self.delivered.swap(true, Ordering::Relaxed) && self.first_only {
            return Ok(());
        }
        Ok(self.sink.deliver(Entity::Instance(object)).await?)
    }

    /// Whether the operation has what it asked for.
    pub(super) fn is_full(&self) -> bool {
        self.first_only && self.delivered.load(Ordering::Relaxed)
    }
}

/// Runs a provider for one class. Its silence is limited, the reader's is not: a provider that waits for a slow client, or
/// for its turn, is not a slow provider.
pub(super) async fn pump(
    provider: &dyn DynProvider,
    cx: &RequestContext,
    request: &Enumerate<'_>,
    silence_max: Duration,
    outlet: &Outlet<'_>,
    turn: &mut Turn,
    sieve: &mut Sieve<'_>,
) -> Result<(), Failure> {
    let (tx, rx) = Sink::bounded(QUEUE_LEN);
    let mut running = pin!(provider.enumerate(cx, request, &tx));
    let mut deadline = pin!(sleep_until(Instant::now() + silence_max));
    let mut take = async |entity: Entity| match entity {
        // An object of another class would be read by the wrong layout.
        Entity::Instance(object) if Arc::ptr_eq(object.class(), request.class) || object.class().name == request.class.name => {
            turn.come().await;
            outlet.deliver(object, sieve).await
        }
        other => {
            tracing::warn!(provider = provider.name(), class = other.class().name, "the provider answered with another class");
            Ok(())
        }
    };
    let result = loop {
        tokio::select! {
            biased;
            entity = rx.recv() => {
                let Ok(entity) = entity else { break Ok(()) };
                take(entity).await?;
                while let Ok(entity) = rx.try_recv() {
                    take(entity).await?;
                }
                if outlet.is_full() {
                    break Ok(());
                }
                deadline.as_mut().reset(Instant::now() + silence_max);
            }
            done = &mut running => break done,
            () = &mut deadline => break Err(WbemStatus::PROVIDER_TIMED_OUT),
        }
    };
    while let Ok(entity) = rx.try_recv() {
        take(entity).await?;
    }
    result.map_err(|status| Failure::of_provider(status, provider.name(), &request.class.name))
}
