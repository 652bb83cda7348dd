//! One connection of a server: octets in, calls dispatched, octets out.

use crate::client::make_room;
use bytes::{Buf, Bytes, BytesMut};
use rwmi_ndr::FaultStatus;
use rwmi_rpc::{AssociationGroups, CallHandle, Endpoint, IncomingCall, Link, ServerConnection, ServerEvent, ServerOptions};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// What a connection of a server may do, and for how long.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Limits of the protocol.
    pub protocol: Arc<ServerOptions>,
    /// The association groups of this server, shared by its connections.
    pub groups: Arc<AssociationGroups>,
    /// How long a connection may be silent on which nobody has authenticated: 60 s.
    pub idle_anonymous: Duration,
    /// How long any other may be silent: an hour. Objects do not die with it.
    pub idle: Duration,
    /// How long a peer may refuse to take what it is sent: 60 s.
    pub stalled: Duration,
    /// How long calls may go on after the server was told to stop: 5 s.
    pub grace: Duration,
    /// Turns true when the server stops.
    pub(crate) stop: Option<watch::Receiver<bool>>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        ServeOptions {
            protocol: Arc::default(),
            groups: Arc::default(),
            idle_anonymous: Duration::from_secs(60),
            idle: Duration::from_secs(3600),
            stalled: Duration::from_secs(60),
            grace: Duration::from_secs(5),
            stop: None,
        }
    }
}

/// A number for a new connection, which no other connection of this process has.
pub fn connection_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Serves one connection over any stream until it ends. Dropping the future closes it and drops its calls.
pub async fn serve_stream(stream: impl AsyncRead + AsyncWrite + Send, link: Link, endpoint: Arc<dyn Endpoint>, options: ServeOptions) {
    let (reader, writer) = tokio::io::split(stream);
    serve_halves(reader, writer, link, endpoint, options).await
}

pub(crate) async fn serve_halves(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    link: Link,
    endpoint: Arc<dyn Endpoint>,
    options: ServeOptions,
) {
    let now = Instant::now();
    let _closed = TellClosed { endpoint: endpoint.clone(), connection: link.connection };
    let machine = ServerConnection::new(endpoint.clone(), link, options.protocol.clone(), options.groups.clone(), now.into_std());
    let mut connection =
        Connection { machine, endpoint, tasks: JoinSet::new(), calls: HashMap::new(), by_task: HashMap::new(), ended: false };
    let mut input = BytesMut::new();
    let mut output = Bytes::new();
    let mut active = now;
    let mut stopping = None;
    let timer = sleep_until(now);
    let stop = stopped(options.stop.clone());
    tokio::pin!(timer, stop);
    loop {
        connection.drain_events();
        if output.is_empty() {
            output = connection.machine.poll_transmit().unwrap_or_default();
        }
        if output.is_empty() && (connection.ended || stopping.is_some() && connection.machine.is_idle()) {
            break;
        }
        let idle = match (output.is_empty(), connection.machine.is_idle()) {
            (false, _) => Some(options.stalled),
            (true, true) if connection.machine.is_authenticated() => Some(options.idle),
            (true, true) => Some(options.idle_anonymous),
            // A call under way may take as long as it likes.
            (true, false) => None,
        };
        let idle = idle.and_then(|idle| active.checked_add(idle));
        let deadline = [idle, connection.machine.poll_timeout().map(Instant::from_std), stopping].into_iter().flatten().min();
        if let Some(deadline) = deadline
            && timer.deadline() != deadline
        {
            timer.as_mut().reset(deadline);
        }
        make_room(&mut input);
        tokio::select! {
            biased;
            written = writer.write(&output), if !output.is_empty() => match written {
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    output.advance(n);
                    active = Instant::now();
                }
            },
            Some(finished) = connection.tasks.join_next_with_id(), if !connection.tasks.is_empty() => {
                active = Instant::now();
                connection.finished(finished);
            },
            read = reader.read_buf(&mut input), if stopping.is_none() && connection.machine.wants_input() => match read {
                Ok(0) | Err(_) => break,
                Ok(_) => {
                    active = Instant::now();
                    connection.machine.handle_input(&mut input, active.into_std());
                }
            },
            () = &mut timer, if deadline.is_some() => {
                let now = Instant::now();
                if idle.is_some_and(|at| at <= now) || stopping.is_some_and(|at| at <= now) {
                    tracing::debug!("connection idle, stalled or stopped");
                    break;
                }
                connection.machine.handle_timeout(now.into_std());
            },
            () = &mut stop, if stopping.is_none() => stopping = Some(Instant::now() + options.grace),
        }
    }
    drop(connection);
    // A peer that does not read must not keep the goodbye waiting.
    let _ = tokio::time::timeout(Duration::from_secs(1), writer.shutdown()).await;
}

async fn stopped(stop: Option<watch::Receiver<bool>>) {
    match stop {
        Some(mut stop) => {
            // An error means that whoever could say stop is gone: the same.
            let _ = stop.wait_for(|stop| *stop).await;
        }
        None => std::future::pending().await,
    }
}

/// Says that the connection is gone, however it went.
struct TellClosed {
    endpoint: Arc<dyn Endpoint>,
    connection: u64,
}

impl Drop for TellClosed {
    fn drop(&mut self) {
        self.endpoint.closed(self.connection);
    }
}

type Answer = Result<Bytes, FaultStatus>;
type CallFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The machine and the calls it has given out. Dropping it aborts them.
struct Connection {
    machine: ServerConnection,
    endpoint: Arc<dyn Endpoint>,
    tasks: JoinSet<Answer>,
    calls: HashMap<CallHandle, AbortHandle>,
    by_task: HashMap<tokio::task::Id, CallHandle>,
    ended: bool,
}

impl Connection {
    fn drain_events(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            match event {
                ServerEvent::Request(call) => self.start(call),
                ServerEvent::Cancelled(handle) => {
                    self.stop(handle);
                    self.machine.respond(handle, Err(FaultStatus::NCA_S_FAULT_CANCEL));
                }
                ServerEvent::Orphaned(handle) => self.stop(handle),
                ServerEvent::Authenticated { auth_type, level, caller } => {
                    tracing::debug!(?auth_type, ?level, user = caller.as_ref().map(|c| c.user.as_str()), "authenticated");
                }
                ServerEvent::AuthenticationFailed { auth_type, error } => tracing::info!(?auth_type, %error, "authentication failed"),
                ServerEvent::Refused { interface, opnum, status, level } => {
                    tracing::info!(?interface, opnum, %status, ?level, "call refused");
                }
                ServerEvent::Closed(why) => {
                    tracing::debug!(%why, "connection ended");
                    self.ended = true;
                }
                _ => {}
            }
        }
    }

    /// A call that needs to wait for nothing is answered at once; any other gets a task of its own.
    fn start(&mut self, call: IncomingCall) {
        let endpoint = self.endpoint.clone();
        let IncomingCall { handle, cx, interface, opnum, stub, .. } = call;
        let mut future: CallFuture = Box::pin(async move { endpoint.dispatch(&cx, interface, opnum, stub).await });
        // The task polls again, with a waker of its own, so this one may be of no use.
        let mut no_waker = std::task::Context::from_waker(std::task::Waker::noop());
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut no_waker))) {
            Ok(Poll::Ready(answer)) => self.machine.respond(handle, answer),
            Ok(Poll::Pending) => {
                let task = self.tasks.spawn(poll_fn(move |cx| future.as_mut().poll(cx)));
                self.by_task.insert(task.id(), handle);
                self.calls.insert(handle, task);
            }
            Err(_) => {
                tracing::error!(?interface, opnum, "a call panicked");
                self.machine.respond(handle, Err(FaultStatus::NCA_S_FAULT_UNSPEC));
            }
        }
    }

    fn stop(&mut self, handle: CallHandle) {
        if let Some(task) = self.calls.remove(&handle) {
            self.by_task.remove(&task.id());
            task.abort();
        }
    }

    fn finished(&mut self, finished: Result<(tokio::task::Id, Answer), tokio::task::JoinError>) {
        let (task, answer) = match finished {
            Ok((task, answer)) => (task, answer),
            Err(error) => {
                if error.is_panic() {
                    tracing::error!("a call panicked");
                }
                (error.id(), Err(FaultStatus::NCA_S_FAULT_UNSPEC))
            }
        };
        // One that was stopped has had its answer, or needs none.
        if let Some(handle) = self.by_task.remove(&task) {
            self.calls.remove(&handle);
            self.machine.respond(handle, answer);
        }
    }
}
