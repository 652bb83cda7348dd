//! What a client holds at one computer, and the task that pings it and gives it back.

use crate::way::{Line, Way, step_of_open};
use crate::{Error, ErrorKind, Step};
use rwmi_dcom::client::{complex_ping, query_interface, release, resolve_oxid2, simple_ping};
use rwmi_dcom::{
    self as dcom, ClientTables, ExporterInfo, IRemUnknown2, InterfacePointer, InterfaceRef, ObjRef, Orpc, Oxid, Proxy, Status, StdObjRef,
    Work,
};
use rwmi_ndr::{HResult, Win32Error};
use rwmi_net::RpcChannel;
use rwmi_rpc::{ChannelError, Interface, Method};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep_until, timeout};

/// How long giving everything back may take when the last handle is gone.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);

/// The state of a session, shared by its handles, its objects and its task.
pub(crate) struct Core {
    pub(crate) way: Arc<Way>,
    pub(crate) orpc: Orpc,
    tables: Mutex<ClientTables>,
    lines: Mutex<HashMap<Oxid, Line>>,
    /// Something may have to be given back.
    work: Notify,
}

/// An interface of a remote object. Dropping it queues its release.
pub(crate) struct Remote<I: Interface> {
    proxy: Proxy<I, Line>,
    held: Held,
}

struct Held {
    core: Arc<Core>,
    interface: InterfaceRef,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.core.tables().release(self.interface);
        self.core.work.notify_one();
    }
}

impl<I: Interface> fmt::Debug for Remote<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.proxy.fmt(f)
    }
}

impl<I: Interface> Remote<I> {
    /// Calls a method of it.
    pub(crate) async fn call<M: Method<Interface = I>>(&self, call: &M) -> Result<(M::Reply, HResult), dcom::Error> {
        self.proxy.call(call).await
    }

    /// As [`Remote::call`], with what came also where the method failed.
    pub(crate) async fn call_any<M: Method<Interface = I>>(
        &self,
        call: &M,
    ) -> Result<(M::Reply, HResult, Option<dcom::ErrorInfo>), dcom::Error> {
        self.proxy.call_any(call).await
    }

    /// The same, for calls that may take this long.
    pub(crate) fn proxy(&self, timeout: Duration) -> Proxy<I, Line> {
        Proxy::new(self.proxy.channel().with_timeout(timeout), self.proxy.ipid(), self.proxy.orpc())
    }

    /// The port that it is behind.
    pub(crate) fn port(&self) -> u16 {
        self.proxy.channel().port()
    }
}

impl Core {
    pub(crate) fn new(way: Arc<Way>, orpc: Orpc) -> Arc<Core> {
        Arc::new(Core { way, orpc, tables: Mutex::default(), lines: Mutex::default(), work: Notify::new() })
    }

    /// Takes over what an activation said of an exporter, and the line to it.
    pub(crate) fn learn(&self, oxid: Oxid, info: ExporterInfo, line: Line) {
        self.tables().learn(oxid, info);
        self.lines().insert(oxid, line);
    }

    /// Takes an interface pointer that a call gave.
    pub(crate) async fn unmarshal<I: Interface>(
        self: &Arc<Self>,
        pointer: &InterfacePointer,
        method: &'static str,
    ) -> Result<Remote<I>, dcom::Error> {
        let objref = pointer.objref().map_err(|source| dcom::Error::Malformed { method, source })?;
        let taken = self.tables().unmarshal(&objref, now());
        let interface = taken.map_err(|e| protocol(method, e.to_string()))?;
        let held = Held { core: self.clone(), interface };
        if !matches!(&objref, ObjRef::Standard { iid, .. } | ObjRef::Extended { iid, .. } | ObjRef::Handler { iid, .. } if iid.0 == I::SYNTAX.uuid)
        {
            return Err(protocol(method, format!("a reference to another interface than {}", I::NAME)));
        }
        let line = self.line(interface.oxid).await?;
        Ok(Remote { proxy: Proxy::new(line, interface.ipid, self.orpc), held })
    }

    /// Asks an object for another interface.
    pub(crate) async fn query<I: Interface, J: Interface>(self: &Arc<Self>, of: &Remote<J>) -> Result<Remote<I>, dcom::Error> {
        const METHOD: &str = "IRemUnknown::RemQueryInterface";
        let oxid = of.held.interface.oxid;
        let rem_unknown = self.rem_unknown(oxid).ok_or_else(|| protocol(METHOD, "its exporter is unknown".into()))?;
        let iid = dcom::Iid(I::SYNTAX.uuid);
        let std: StdObjRef = query_interface(&rem_unknown, of.proxy.ipid(), iid).await?;
        if std.oxid != oxid {
            return Err(protocol(METHOD, "another exporter than the object's".into()));
        }
        let interface = self.tables().adopt(&std, iid, now()).map_err(|e| protocol(METHOD, e.to_string()))?;
        let held = Held { core: self.clone(), interface };
        Ok(Remote { proxy: of.proxy.at(interface.ipid), held })
    }

    /// The line to an exporter; one that is new is asked for at the resolver of the computer that we connected to.
    async fn line(&self, oxid: Oxid) -> Result<Line, dcom::Error> {
        const METHOD: &str = "IObjectExporter::ResolveOxid2";
        if let Some(line) = self.lines().get(&oxid) {
            return Ok(line.clone());
        }
        let channel = self.way.open_resolver().await.map_err(|kind| protocol(METHOD, kind.to_string()))?;
        let info = resolve_oxid2(&channel, oxid).await?;
        let line = crate::connect::object_line(&self.way, channel.peer(), &info.bindings)
            .await
            .map_err(|error| protocol(METHOD, error.to_string()))?;
        self.learn(oxid, info, line.clone());
        Ok(line)
    }

    fn rem_unknown(&self, oxid: Oxid) -> Option<Proxy<IRemUnknown2, Line>> {
        let ipid = self.tables().exporter(oxid)?.rem_unknown;
        let line = self.lines().get(&oxid)?.clone();
        Some(Proxy::new(line, ipid, self.orpc))
    }

    fn tables(&self) -> MutexGuard<'_, ClientTables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Oxid, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pings and releases until told to stop; then gives back what is held.
    async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            let work = self.tables().poll_work(now());
            match work {
                Some(Work::RemRelease { oxid, refs }) => self.release(oxid, refs, self.way.timeouts.handshake).await,
                Some(Work::ResolveOxid { .. }) => {}
                Some(ping) => tokio::select! {
                    () = self.ping(ping) => {}
                    () = told(&mut stop) => break,
                },
                None => {
                    let at = self.tables().poll_timeout();
                    let pinging = async {
                        match at {
                            Some(at) => sleep_until(Instant::from_std(at)).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        () = pinging => {}
                        // The interfaces of one object are dropped one after the other: they go in one call.
                        () = self.work.notified() => yield_now().await,
                        () = told(&mut stop) => break,
                    }
                }
            }
        }
        let _ = timeout(FAREWELL, self.give_back()).await;
        self.lines().values().for_each(Line::close);
    }

    async fn give_back(&self) {
        loop {
            let work = self.tables().poll_work(now());
            match work {
                Some(Work::RemRelease { oxid, refs }) => self.release(oxid, refs, FAREWELL).await,
                Some(Work::ResolveOxid { .. }) => {}
                _ => return,
            }
        }
    }

    /// A failing release is for the server to clean up.
    async fn release(&self, oxid: Oxid, refs: Vec<dcom::interfaces::RemInterfaceRef>, within: Duration) {
        let Some(rem_unknown) = self.rem_unknown(oxid) else { return };
        // Nobody opens a connection only to say goodbye.
        let Some(channel) = rem_unknown.channel().current() else { return };
        let rem_unknown = Proxy::new(channel.with_timeout(within), rem_unknown.ipid(), self.orpc);
        if let Err(error) = release(&rem_unknown, refs).await {
            tracing::debug!(%error, "release failed");
        }
    }

    async fn ping(&self, work: Work) {
        let result = match self.way.open_resolver().await {
            Ok(channel) => self.ping_over(&channel, work).await,
            Err(kind) => Err(protocol("IObjectExporter", kind.to_string())),
        };
        match result {
            Ok(set) => self.tables().pinged(set),
            Err(error) => {
                tracing::debug!(%error, "ping failed");
                let unknown = matches!(&error, dcom::Error::Refused { status: Status::Win32(Win32Error::OR_INVALID_SET), .. });
                self.tables().ping_failed(unknown);
            }
        }
    }

    async fn ping_over(&self, channel: &RpcChannel, work: Work) -> Result<dcom::SetId, dcom::Error> {
        match work {
            Work::SimplePing { set } => simple_ping(channel, set).await.map(|()| set),
            Work::ComplexPing { set, sequence, add, delete } => complex_ping(channel, set, sequence, add, delete).await,
            _ => Ok(dcom::SetId(0)),
        }
    }
}

/// What every handle of a client holds: while one of them lives, so does the session.
pub(crate) struct Session {
    pub(crate) core: Arc<Core>,
    pub(crate) state: crate::client::State,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Session {
    pub(crate) fn new(core: Arc<Core>, state: crate::client::State) -> Arc<Session> {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(core.clone().run(stopped));
        Arc::new(Session { core, state, stop, task: Mutex::new(Some(task)) })
    }

    /// Gives everything back and closes the connection, for every handle.
    pub(crate) async fn close(&self) {
        self.core.tables().release_all();
        let _ = self.stop.send(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // It ends by itself within its farewell; the limit only guards against a stalled runtime.
            let _ = timeout(2 * FAREWELL, task).await;
        }
    }

    /// What failed at a step.
    pub(crate) fn error(&self, step: Step, port: u16, error: dcom::Error) -> Error {
        self.core.way.call_error(step, port, error)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The objects of the handles are dropped before the last handle is: what they held is queued by now, and what the
        // session itself holds goes with it.
        self.core.tables().release_all();
        let _ = self.stop.send(true);
    }
}

async fn told(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could tell is gone: the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

pub(crate) fn protocol(method: &'static str, what: String) -> dcom::Error {
    dcom::Error::Channel { method, source: ChannelError::Protocol(what) }
}

/// What opening a connection said, with its step.
pub(crate) fn open_error(way: &Way, step: Step, port: u16, kind: ErrorKind) -> Error {
    way.error(step_of_open(&kind, step), port, kind)
}

/// The reply's interface, which is there where the method succeeded.
pub(crate) fn present(pointer: Option<InterfacePointer>, method: &'static str) -> Result<InterfacePointer, dcom::Error> {
    pointer.ok_or_else(|| protocol(method, "success without the interface that was asked for".into()))
}
