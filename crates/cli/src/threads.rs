//! The threads of a command that connects.

use crate::report::Failure;
use std::future::Future;
use tokio::runtime::{Builder, Runtime};

/// A runtime that nobody waits for when the command is done: a provider of this process or a look-up of a name may hang in the
/// system for as long as it likes.
pub(crate) struct Threads(Option<Runtime>);

impl Threads {
    pub(crate) fn new() -> Result<Threads, Failure> {
        Threads::of(Builder::new_multi_thread())
    }

    /// For one computer: one thread beside ours, which keeps the session alive while ours waits for a reader of what it writes.
    pub(crate) fn one() -> Result<Threads, Failure> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1);
        Threads::of(builder)
    }

    /// As the builder has it, with sockets and clocks.
    pub(crate) fn of(mut builder: Builder) -> Result<Threads, Failure> {
        builder.enable_all().build().map(|r| Threads(Some(r))).map_err(|e| Failure::new(format!("no threads: {e}")))
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.0 {
            Some(runtime) => runtime.block_on(future),
            None => unreachable!("the runtime is taken only when this is dropped"),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
