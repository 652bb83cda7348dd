//! Providers that tell of events themselves: each class of events is listened to once for each account that asks for it.

use super::{EventPlan, Heard, Hub, Sub, Task, View, group};
use crate::broker::Failure;
use crate::store::fold;
use futures_util::FutureExt;
use rwmi_cim::{Class, DynProvider, Entity, RequestContext, Sink, SinkReceiver, WbemStatus, names_equal};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::oneshot;

/// Events that a provider may be ahead of those who put them into queues.
const AHEAD_MAX: usize = 256;
/// How long a provider that failed is left alone at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Least time between two losses of a provider.
const OVERFLOW_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Sources(Mutex<HashMap<View, Weak<Source>>>);

/// A class of events that is listened to, until this is dropped.
#[derive(Debug)]
pub(super) struct Source {
    listening: Arc<Listening>,
    _task: Task,
    started: tokio::sync::Mutex<Started>,
}

/// Whether the provider listens.
#[derive(Debug)]
enum Started {
    Waiting(oneshot::Receiver<Result<(), Failure>>),
    Known(Result<(), Failure>),
}

struct Listening {
    hub: Weak<Hub>,
    provider: Arc<dyn DynProvider>,
    class: Arc<Class>,
    cx: RequestContext,
    told: Mutex<Vec<Weak<Sub>>>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").field("class", &self.class.name).finish_non_exhaustive()
    }
}

impl Hub {
    /// Listens to every provider of events that a subscription asks for. All of them listen when this returns.
    pub(super) async fn listen(self: &Arc<Hub>, sub: &Arc<Sub>) -> Result<(), Failure> {
        let from = &sub.plan.event.event().select.class;
        for class in sub.plan.event.classes() {
            match self.hear(sub, class).await {
                Err(failure) if from.is(&class.name) => return Err(failure),
                // The others still tell.
                Err(failure) => sub.queue.failed(&failure),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Listens to what came to be or changed, and no longer to what is gone.
    pub(super) async fn listen_later(self: &Arc<Hub>, sub: &Arc<Sub>, plan: &EventPlan) {
        sub.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|h| plan.event.classes().any(|c| names_equal(&c.name, &h.class.name)));
        for class in plan.event.classes() {
            if let Err(failure) = self.hear(sub, class).await {
                sub.queue.failed(&failure);
            }
        }
    }

    /// Listens to the provider of a class of events, where it has one and is not listened to yet.
    async fn hear(self: &Arc<Hub>, sub: &Arc<Sub>, class: &Arc<Class>) -> Result<(), Failure> {
        let Some(name) = class.qualifiers.text("provider") else { return Ok(()) };
        let heard = || sub.heard.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut heard = heard();
            if heard.iter().any(|h| Arc::ptr_eq(&h.class, class)) {
                return Ok(());
            }
            // A class that changed is another one: what was listened to is let go when this one is.
            match heard.iter_mut().find(|h| names_equal(&h.class.name, &class.name)) {
                Some(other) => other.class = class.clone(),
                None => heard.push(Heard { class: class.clone(), source: None }),
            }
        }
        let source = match self.providers.get(&fold(name)) {
            Some(provider) => self.listen_to(sub, class, provider).await,
            None => Err(Failure::new(WbemStatus::PROVIDER_NOT_FOUND, format!("no provider {name:?} tells of {}", class.name))),
        };
        let mut heard = heard();
        let this = heard.iter_mut().find(|h| Arc::ptr_eq(&h.class, class));
        match (source, this) {
            (Ok(source), Some(this)) => this.source = Some(source),
            // It went or changed meanwhile.
            (Ok(_), None) => {}
            (Err(failure), this) => {
                if let Some(this) = this {
                    this.source = None;
                }
                return Err(failure);
            }
        }
        Ok(())
    }

    async fn listen_to(
        self: &Arc<Hub>,
        sub: &Arc<Sub>,
        class: &Arc<Class>,
        provider: &Arc<dyn DynProvider>,
    ) -> Result<Arc<Source>, Failure> {
        let key = View::of(sub, class);
        let source = {
            let mut sources = self.sources.0.lock().unwrap_or_else(PoisonError::into_inner);
            sources.retain(|_, s| s.strong_count() > 0);
            // A class that changed is listened to anew.
            let there = sources.get(&key).and_then(Weak::upgrade).filter(|s| Arc::ptr_eq(&s.listening.class, class));
            there.unwrap_or_else(|| {
                let listening = Arc::new(Listening {
                    hub: Arc::downgrade(self),
                    provider: provider.clone(),
                    class: class.clone(),
                    cx: sub.cx.clone(),
                    told: Mutex::default(),
                });
                let (started, wait) = oneshot::channel();
                let task = Task(tokio::spawn(listening.clone().run(started)).abort_handle());
                let source = Arc::new(Source { listening, _task: task, started: tokio::sync::Mutex::new(Started::Waiting(wait)) });
                sources.insert(key, Arc::downgrade(&source));
                source
            })
        };
        // Before it starts: what is told from the first moment on is for this one too.
        {
            let mut told = source.listening.told();
            // A source that tells nothing must not remember everybody who ever listened.
            told.retain(|s| s.strong_count() > 0);
            told.push(Arc::downgrade(sub));
        }
        let mut started = source.started.lock().await;
        if let Started::Waiting(wait) = &mut *started {
            *started = Started::Known(wait.await.unwrap_or_else(|_| Err(WbemStatus::PROVIDER_FAILURE.into())));
        }
        if let Started::Known(Err(failure)) = &*started {
            return Err(failure.clone());
        }
        drop(started);
        Ok(source)
    }
}

impl Listening {
    fn told(&self) -> MutexGuard<'_, Vec<Weak<Sub>>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self: Arc<Listening>, started: oneshot::Sender<Result<(), Failure>>) {
        let mut started = Some(started);
        let mut pause = PAUSE.0;
        loop {
            let begun = tokio::time::Instant::now();
            let failure = self.listen(&mut started).await;
            if let Some(started) = started.take() {
                // It never listened: who asked is told, and nobody waits for it.
                let _ = started.send(Err(failure));
                return;
            }
            if failure.status == WbemStatus::QUEUE_OVERFLOW {
                // It lost some and can go on at once; not in a circle, though.
                tracing::warn!(class = self.class.name, %failure, "a provider lost events");
                if let Some(hub) = self.hub.upgrade() {
                    hub.lost_on_the_way(&self.subs());
                }
                if begun.elapsed() < OVERFLOW_PAUSE {
                    tokio::time::sleep(OVERFLOW_PAUSE).await;
                }
                continue;
            }
            tracing::warn!(class = self.class.name, %failure, "a provider tells of no more events for now");
            self.subs().iter().for_each(|s| s.queue.failed(&failure));
            // A source that lost something is well, and goes on at once; unless it does nothing else.
            if failure.status == WbemStatus::QUEUE_OVERFLOW && begun.elapsed() > PAUSE.0 {
                continue;
            }
            pause = if begun.elapsed() > PAUSE.1 { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
            tokio::time::sleep(pause).await;
        }
    }

    fn subs(&self) -> Vec<Arc<Sub>> {
        let mut told = self.told();
        told.retain(|s| s.strong_count() > 0);
        told.iter().filter_map(Weak::upgrade).collect()
    }

    /// Hands over what the provider tells, until it fails.
    async fn listen(&self, started: &mut Option<oneshot::Sender<Result<(), Failure>>>) -> Failure {
        let (sink, events) = Sink::bounded(AHEAD_MAX);
        // A provider that panics is a provider that fails, nothing more.
        let mut running = pin!(AssertUnwindSafe(self.provider.events(&self.cx, &self.class, &sink)).catch_unwind());
        let mut done = futures_util::poll!(&mut running);
        if done.is_pending()
            && let Some(started) = started.take()
        {
            let _ = started.send(Ok(()));
        }
        let ended = loop {
            if let std::task::Poll::Ready(ended) = done {
                break ended;
            }
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Ok(event) => self.tell(event),
                    Err(_) => break Ok(Ok(())),
                },
                ended = &mut running => done = std::task::Poll::Ready(ended),
            }
        };
        self.drain(&events);
        let status = match ended {
            Ok(Err(status)) => status,
            Ok(Ok(())) | Err(_) => WbemStatus::PROVIDER_FAILURE,
        };
        Failure::of_provider(status, self.provider.name(), &self.class.name)
    }

    fn drain(&self, events: &SinkReceiver) {
        while let Ok(event) = events.try_recv() {
            self.tell(event);
        }
    }

    fn tell(&self, event: Entity) {
        let Some(hub) = self.hub.upgrade() else { return };
        let event = match event {
            Entity::Instance(event) if names_equal(&event.class().name, &self.class.name) => event,
            other => {
                tracing::warn!(
                    provider = self.provider.name(),
                    class = other.class().name,
                    "the provider tells of events of another class"
                );
                return;
            }
        };
        let event = match event.to_instance() {
            Ok(mut timed) => match group::instance_time(&mut timed) {
                true => timed.into(),
                false => event,
            },
            Err(_) => event,
        };
        hub.offer_all(&self.subs(), &event);
    }
}
