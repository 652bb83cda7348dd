//! The server's objects: who they are, who may call them, and how long they live ([MS-DCOM] 3.1).
//!
//! One [`Exporter`] is one OXID. It serves every object call of the object port; [`Exporter::resolver`],
//! [`Exporter::activator`] and [`Exporter::activation`] are what the resolver's port serves.

mod activator;
mod lifetime;
mod rem_unknown;
mod resolver;
mod table;

#[cfg(test)]
mod tests;

pub use activator::{ActivationContext, Activator};
pub use table::{ExportError, ExportedObject};

use crate::{
    ComVersion, DualStringArray, Failure, Iid, InterfacePointer, Ipid, ObjRef, ObjectContext, ObjectDispatch, OrpcSession, OrpcThis, Oxid,
    RandomError, SecurityBinding, StdObjRef, StringBinding,
};
use bytes::Bytes;
use rwmi_auth::{AuthLevel, Identity};
use rwmi_ndr::{Decode, FaultStatus, Limits, Reader};
use rwmi_rpc::{CallContext, Dispatch, DispatchFuture};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use table::Table;

/// Decides whether a caller may call objects, or make some, at all.
pub type Access = Arc<dyn Fn(&CallContext) -> bool + Send + Sync>;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// How an exporter behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct ExporterOptions {
    /// Lowest authentication level of an object call: integrity by default. A lower one is fault 5.
    pub minimum_level: AuthLevel,
    /// Lowest authentication level of an activation: integrity by default (CVE-2021-26414).
    pub minimum_activation_level: AuthLevel,
    /// Port that the bindings name for objects: 24158 by default.
    pub object_port: u16,
    /// Addresses to list behind the one that a client connected to.
    pub addresses: Vec<IpAddr>,
    /// Names to list behind the addresses: the short one, and the full one if there is one.
    pub names: Vec<String>,
    /// Objects that one identity can hold: 1024 by default.
    pub objects_per_identity: usize,
    /// Ping sets in all: 1024 by default.
    pub sets: usize,
    /// Time between two pings that a client is held to: 120 s ([MS-DCOM] 3.1.2.2). Three missed ones end an object.
    pub ping_period: Duration,
    /// How long an object without pings outlives its connections: 2 min by default.
    pub orphan_grace: Duration,
    /// How long an object without pings lives without a call: 14 min by default.
    pub idle_max: Duration,
    /// Whether a caller may call at all; by default everyone may who got through the authentication.
    pub access: Access,
    /// The time.
    pub clock: Clock,
}

impl Default for ExporterOptions {
    fn default() -> Self {
        ExporterOptions {
            minimum_level: AuthLevel::Integrity,
            minimum_activation_level: AuthLevel::Integrity,
            object_port: 24158,
            addresses: Vec::new(),
            names: Vec::new(),
            objects_per_identity: 1024,
            sets: 1024,
            ping_period: Duration::from_secs(120),
            orphan_grace: Duration::from_secs(120),
            idle_max: Duration::from_secs(14 * 60),
            access: Arc::new(|_| true),
            clock: Arc::new(Instant::now),
        }
    }
}

impl fmt::Debug for ExporterOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExporterOptions")
            .field("minimum_level", &self.minimum_level)
            .field("object_port", &self.object_port)
            .field("addresses", &self.addresses)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// The objects of one server. Cheap to clone.
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

struct Inner {
    oxid: Oxid,
    rem_unknown: Ipid,
    options: ExporterOptions,
    table: Mutex<Table>,
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").field("oxid", &self.0.oxid).finish_non_exhaustive()
    }
}

impl Exporter {
    /// An exporter with a new OXID.
    pub fn new(options: ExporterOptions) -> Result<Self, RandomError> {
        Ok(Exporter(Arc::new(Inner { oxid: Oxid::random()?, rem_unknown: Ipid::random()?, options, table: Mutex::default() })))
    }

    /// Its id.
    pub fn oxid(&self) -> Oxid {
        self.0.oxid
    }

    /// Where its IRemUnknown is.
    pub fn rem_unknown(&self) -> Ipid {
        self.0.rem_unknown
    }

    /// How it behaves.
    pub fn options(&self) -> &ExporterOptions {
        &self.0.options
    }

    /// How many objects live.
    pub fn object_count(&self) -> usize {
        self.table().object_count()
    }

    /// Exports an object for the caller of `cx` and marshals one interface of it, with one public reference: clients
    /// release one, or all they got, or none, so that more than one would never come back.
    ///
    /// The object belongs to the caller's identity: nobody else can call it.
    pub fn export(
        &self,
        cx: &CallContext,
        session: Arc<OrpcSession>,
        object: ExportedObject,
        iid: Iid,
    ) -> Result<InterfacePointer, ExportError> {
        let now = self.now();
        let (std, dropped) = self.table().export(self.0.oxid, cx, session, object, iid, now, &self.0.options)?;
        // Objects die outside the lock: what they do in their `Drop` may come back here.
        drop(dropped);
        Ok(self.marshal(cx.local.ip(), iid, std))
    }

    fn marshal(&self, local: IpAddr, iid: Iid, std: StdObjRef) -> InterfacePointer {
        InterfacePointer::from(&ObjRef::Standard { iid, std, resolver: self.resolver_bindings(local) })
    }

    /// Bindings of the objects, for a client that connected to `local`: with the port.
    pub fn object_bindings(&self, local: IpAddr) -> DualStringArray {
        self.bindings(local, Some(self.0.options.object_port))
    }

    /// Bindings of the resolver, for a client that connected to `local`: without a port.
    pub fn resolver_bindings(&self, local: IpAddr) -> DualStringArray {
        self.bindings(local, None)
    }

    /// The address that the client knows us by comes first: two clients look for it in the text of the bindings, and take
    /// `127.0.0.10` for `127.0.0.1` where that stands in front.
    fn bindings(&self, local: IpAddr, port: Option<u16>) -> DualStringArray {
        let options = &self.0.options;
        let mut hosts: Vec<String> = Vec::new();
        let addresses = std::iter::once(&local).chain(&options.addresses).map(IpAddr::to_canonical).filter(|a| !a.is_unspecified());
        for host in addresses.map(|a| a.to_string()).chain(options.names.iter().filter(|n| !n.is_empty()).cloned()) {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        DualStringArray {
            strings: hosts.iter().map(|host| StringBinding::tcp(host, port)).collect(),
            security: vec![SecurityBinding::service(9), SecurityBinding::service(10)],
        }
    }

    /// Authentication level that clients are told to use: 5, or 6 where nothing less is served. One client cannot seal,
    /// and believes a 6; others would talk without security at a 1.
    fn authn_hint(&self) -> u32 {
        if self.0.options.minimum_level == AuthLevel::Privacy { 6 } else { 5 }
    }

    fn now(&self) -> Instant {
        (self.0.options.clock)()
    }

    /// A panic elsewhere leaves no half-done change in the table, so a poisoned lock is as good as another.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, cx: &CallContext, opnum: u16, stub: Bytes) -> Result<Bytes, FaultStatus> {
        let mut params = Reader::new(stub, Limits::default());
        let this = OrpcThis::decode(&mut params).map_err(|_| FaultStatus::RPC_X_BAD_STUB_DATA)?;
        if !ComVersion::V5_7.serves(this.version) {
            return Err(FaultStatus::RPC_E_VERSION_MISMATCH);
        }
        if cx.level < self.0.options.minimum_level || !(self.0.options.access)(cx) {
            return Err(FaultStatus::ACCESS_DENIED);
        }
        if this.flags != 0 {
            return Err(FaultStatus::RPC_E_INVALID_HEADER);
        }
        let ipid = Ipid(cx.object.unwrap_or_default());
        let context = |session| ObjectContext {
            call: cx.clone(),
            version: this.version,
            cid: this.cid,
            ipid,
            extents: this.extensions.clone(),
            session,
            exporter: self.clone(),
        };
        if ipid == self.0.rem_unknown {
            let served = rem_unknown::serve(self.clone());
            return served.dispatch(&context(Arc::default()), opnum, params).await;
        }
        let target = self.table().begin_call(ipid, cx, self.now()).ok_or(FaultStatus::RPC_E_DISCONNECTED)?;
        let context = context(target.session);
        if !target.is_owner {
            return target.dispatch.refuse(&context, opnum, Failure::from(target.denied));
        }
        // Counts down also when the call is cancelled, which drops this future.
        let _running = Running { exporter: self, ipid };
        target.dispatch.dispatch(&context, opnum, params).await
    }
}

/// A call on an object, as long as it runs.
struct Running<'a> {
    exporter: &'a Exporter,
    ipid: Ipid,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.exporter.table().end_call(self.ipid, self.exporter.now());
    }
}

/// Serves the object port: calls go by the IPID in the request, whatever interface its presentation context names,
/// because a client in use negotiates one and calls them all.
impl Dispatch for Exporter {
    fn dispatch<'a>(&'a self, cx: &'a CallContext, opnum: u16, stub: Bytes) -> DispatchFuture<'a> {
        Box::pin(self.call(cx, opnum, stub))
    }
}

/// Account names compare without case, as Windows does.
fn same_identity(a: Option<&Identity>, b: Option<&Identity>) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase();
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(&a.user, &b.user) && same(&a.domain, &b.domain),
        _ => false,
    }
}

/// One interface of an object, and what a call on it must know.
struct Target {
    dispatch: Arc<dyn ObjectDispatch>,
    is_owner: bool,
    denied: rwmi_ndr::HResult,
    session: Arc<OrpcSession>,
}
