//! One provider's answer, from its own queue to the caller's sink: watched, filtered, told where it lives.

use super::Failure;
use futures_util::FutureExt;
use rwmi_cim::{Decoration, DynProvider, Entity, Enumerate, Object, RequestContext, Sink, WbemStatus};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Objects that a provider may be ahead of its reader.
const QUEUE_LEN: usize = 64;

/// What becomes of each object of a class: `None` drops it.
pub(super) type Sieve<'a> = Box<dyn FnMut(Object) -> Result<Option<Object>, Failure> + Send + 'a>;

/// Where the objects of one operation go.
pub(super) struct Outlet<'a> {
    pub(super) sink: &'a Sink,
    pub(super) decoration: Arc<Decoration>,
    /// Whether nothing more is wanted.
    pub(super) first_only: bool,
    pub(super) delivered: u64,
}

impl Outlet<'_> {
    /// Delivers an object that the sieve lets through.
    pub(super) async fn deliver(&mut self, object: Object, sieve: &mut Sieve<'_>) -> Result<(), Failure> {
        // Decorated first: a query may look at where an object lives, and a row may not say it.
        let Some(object) = sieve(object.with_decoration(Some(self.decoration.clone())))? else { return Ok(()) };
        self.sink.deliver(Entity::Instance(object)).await?;
        self.delivered += 1;
        Ok(())
    }

    /// Whether the operation has what it asked for.
    pub(super) fn is_full(&self) -> bool {
        self.first_only && self.delivered > 0
    }
}

/// Runs a provider for one class. Its silence is limited, the reader's is not: a provider that waits for a slow client is
/// not a slow provider.
pub(super) async fn pump(
    provider: &dyn DynProvider,
    cx: &RequestContext,
    request: &Enumerate<'_>,
    silence_max: Duration,
    outlet: &mut Outlet<'_>,
    sieve: &mut Sieve<'_>,
) -> Result<(), Failure> {
    let (tx, rx) = Sink::bounded(QUEUE_LEN);
    // A provider that panics is a provider that fails, nothing more.
    let mut running = pin!(AssertUnwindSafe(async { provider.enumerate(cx, request, &tx).await }).catch_unwind());
    let mut deadline = pin!(sleep_until(Instant::now() + silence_max));
    let mut take = async |entity: Entity| match entity {
        // An object of another class would be read by the wrong layout.
        Entity::Instance(object) if Arc::ptr_eq(object.class(), request.class) || object.class().name == request.class.name => {
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
                let Ok(entity) = entity else { break Ok(Ok(())) };
                take(entity).await?;
                while let Ok(entity) = rx.try_recv() {
                    take(entity).await?;
                }
                deadline.as_mut().reset(Instant::now() + silence_max);
            }
            done = &mut running => break done,
            () = &mut deadline => break Ok(Err(WbemStatus::PROVIDER_TIMED_OUT)),
        }
    };
    while let Ok(entity) = rx.try_recv() {
        take(entity).await?;
    }
    let status = match result {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(status)) => status,
        Err(_) => WbemStatus::PROVIDER_FAILURE,
    };
    Err(Failure::of_provider(status, provider.name(), &request.class.name))
}
