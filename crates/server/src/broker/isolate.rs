//! A provider kept apart from everything else: what it runs, it runs on threads that may block, and it holds only so many.

use futures_util::FutureExt;
use rwmi_cim::{
    BoxFuture, Class, DynProvider, Enumerate, Instance, InvokeResult, ObjectPath, ProviderResult, Refusal, RequestContext, Sink, Value,
    WbemStatus,
};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::{Notify, Semaphore};

/// Threads that one provider may hold at a time. One that holds them all lets its further calls wait, and nobody else's.
const THREADS_MAX: usize = 16;

/// A provider whose calls neither hold a thread of the runtime nor bring anything down with them.
pub(super) struct Isolated {
    provider: Arc<dyn DynProvider>,
    threads: Arc<Semaphore>,
}

struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

impl Isolated {
    pub(super) fn new(provider: Arc<dyn DynProvider>) -> Isolated {
        Isolated { provider, threads: Arc::new(Semaphore::new(THREADS_MAX)) }
    }

    /// Runs work of the provider, each step of it on a thread that may block: who waits, for a reader or an answer, holds no
    /// thread. Work that nobody waits for any more ends with its step. `None` is a panic.
    async fn apart<T: Send + 'static>(&self, mut work: BoxFuture<'static, T>) -> Option<T> {
        let woken = Arc::new(Woken(Notify::new()));
        let waker = Waker::from(woken.clone());
        loop {
            let held = self.threads.clone().acquire_owned().await.ok()?;
            let waker = waker.clone();
            let step = tokio::task::spawn_blocking(move || {
                let _held = held;
                let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
                (work, polled)
            });
            match step.await.ok()? {
                (_, Poll::Ready(result)) => return Some(result),
                (rest, Poll::Pending) => work = rest,
            }
            woken.0.notified().await;
        }
    }
}

impl DynProvider for Isolated {
    fn name(&self) -> &str {
        self.provider.name()
    }

    fn enumerate<'a>(&'a self, cx: &'a RequestContext, req: &'a Enumerate<'a>, sink: &'a Sink) -> BoxFuture<'a, ProviderResult<()>> {
        let (provider, cx, sink) = (self.provider.clone(), cx.clone(), sink.clone());
        let (class, wanted, equal) = (req.class.clone(), req.wanted.map(<[String]>::to_vec), req.equal.to_vec());
        let work = async move {
            let (wanted, equal): (Option<Vec<String>>, Vec<(String, Value)>) = (wanted, equal);
            let mut req = Enumerate::all(&class);
            req.wanted = wanted.as_deref();
            req.equal = &equal;
            provider.enumerate(&cx, &req, &sink).await
        };
        Box::pin(async move { self.apart(Box::pin(work)).await.unwrap_or(Err(WbemStatus::PROVIDER_FAILURE)) })
    }

    fn reads_only(&self, class: &Class, method: &str) -> bool {
        self.provider.reads_only(class, method)
    }

    fn invoke<'a>(
        &'a self,
        cx: &'a RequestContext,
        class: &'a Arc<Class>,
        path: &'a ObjectPath,
        method: &'a str,
        args: Option<Instance>,
    ) -> BoxFuture<'a, InvokeResult> {
        let (provider, cx, class) = (self.provider.clone(), cx.clone(), class.clone());
        let (path, name) = (path.clone(), method.to_owned());
        let broke = Refusal::new(WbemStatus::PROVIDER_FAILURE, format!("{}.{method} broke down", class.name));
        let work = async move { provider.invoke(&cx, &class, &path, &name, args).await };
        Box::pin(async move { self.apart(Box::pin(work)).await.unwrap_or(Err(broke)) })
    }

    /// Not on other threads: events count from the first `poll`, which must not be put off.
    fn events<'a>(&'a self, cx: &'a RequestContext, class: &'a Arc<Class>, sink: &'a Sink) -> BoxFuture<'a, ProviderResult<()>> {
        let events = AssertUnwindSafe(async move { self.provider.events(cx, class, sink).await });
        Box::pin(async move { events.catch_unwind().await.unwrap_or(Err(WbemStatus::PROVIDER_FAILURE)) })
    }
}
