//! The tables of an exporter: objects, their interfaces, and ping sets ([MS-DCOM] 3.1.1.1, 3.1.2.1).

use super::{ExporterOptions, Target, same_identity};
use crate::interfaces::{IUnknown, RemInterfaceRef, Unknown};
use crate::{Failure, Iid, Ipid, ObjectDispatch, Oid, OrpcSession, Oxid, RandomError, SetId, StdObjRef};
use rwmi_auth::Identity;
use rwmi_ndr::HResult;
use rwmi_rpc::CallContext;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// References that one request can ask for.
pub(super) const REFS_MAX: u32 = 32;

/// An object with its interfaces, to be exported.
#[derive(Clone)]
pub struct ExportedObject {
    pub(super) interfaces: Vec<Arc<dyn ObjectDispatch>>,
    pub(super) denied: HResult,
    pub(super) ends_with_connection: bool,
}

impl ExportedObject {
    /// An object with one interface, as its `serve` gives it.
    pub fn new(interface: Arc<dyn ObjectDispatch>) -> Self {
        ExportedObject { interfaces: vec![interface], denied: HResult::E_ACCESSDENIED, ends_with_connection: false }
    }

    /// Adds an interface.
    pub fn with(mut self, interface: Arc<dyn ObjectDispatch>) -> Self {
        self.interfaces.push(interface);
        self
    }

    /// What another identity than the owner's gets from every method: E_ACCESSDENIED by default.
    pub fn denied_with(mut self, code: HResult) -> Self {
        self.denied = code;
        self
    }

    /// The object starts to die when any connection that used it closes, not only the last one. For enumerators,
    /// which hold much.
    pub fn ends_with_connection(mut self) -> Self {
        self.ends_with_connection = true;
        self
    }
}

impl fmt::Debug for ExportedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.interfaces.iter().map(|i| i.name())).finish()
    }
}

/// Why an object was not exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The object does not have the interface.
    #[error("the object has no interface {0}")]
    NoInterface(Iid),
    /// The identity holds as many objects as it may, and uses them all.
    #[error("too many objects for one account")]
    Quota,
    /// No unguessable id.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        Failure::from(match error {
            ExportError::NoInterface(_) => HResult::E_NOINTERFACE,
            ExportError::Quota | ExportError::Random(_) => HResult::E_OUTOFMEMORY,
        })
    }
}

pub(super) struct Object {
    interfaces: Vec<Interface>,
    pub(super) owner: Option<Arc<Identity>>,
    denied: HResult,
    pub(super) ends_with_connection: bool,
    session: Arc<OrpcSession>,
    /// Connections that made it or called it, and live.
    pub(super) connections: HashSet<u64>,
    /// Calls that run now. INVARIANT: such an object is not collected.
    pub(super) calls: usize,
    pub(super) last_call: Instant,
    pub(super) last_ping: Option<Instant>,
    /// Since when it has no connection.
    pub(super) orphaned: Option<Instant>,
    /// Whether its owner called it since it was made.
    pub(super) called: bool,
}

impl Object {
    /// Whether nobody is likely to want it again: its connections are gone, it was never pinged, and either it was in use or a client
    /// has had the time to connect to where it lives.
    pub(super) fn is_left_behind(&self, now: Instant) -> bool {
        let settled = |at: Instant| self.called || CONNECT_TIME <= now.saturating_duration_since(at);
        self.calls == 0 && self.last_ping.is_none() && self.orphaned.is_some_and(settled)
    }
}

struct Interface {
    dispatch: Arc<dyn ObjectDispatch>,
    ipid: Option<Ipid>,
    public: u32,
    private: u32,
}

pub(super) struct PingSet {
    pub(super) owner: Option<Arc<Identity>>,
    pub(super) oids: HashSet<Oid>,
    pub(super) last_ping: Instant,
}

/// How long a client may take from an activation, on a connection that it closes, to its first call on the next.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Objects taken out of the table, to be dropped outside its lock.
#[derive(Default)]
pub(super) struct Dropped(#[expect(dead_code, reason = "held to be dropped, never read")] Vec<Object>);

#[derive(Default)]
pub(super) struct Table {
    pub(super) objects: HashMap<Oid, Object>,
    ipids: HashMap<Ipid, Oid>,
    pub(super) sets: HashMap<SetId, PingSet>,
    pub(super) next_sweep: Option<Instant>,
}

struct Nothing;
impl Unknown for Nothing {}

impl Table {
    pub(super) fn object_count(&self) -> usize {
        self.objects.len()
    }

    #[expect(clippy::too_many_arguments, reason = "each is a different thing, and there is one caller")]
    pub(super) fn export(
        &mut self,
        oxid: Oxid,
        cx: &CallContext,
        session: Arc<OrpcSession>,
        object: ExportedObject,
        iid: Iid,
        now: Instant,
        options: &ExporterOptions,
    ) -> Result<(StdObjRef, Dropped), ExportError> {
        let mut dispatches = object.interfaces;
        dispatches.push(IUnknown::serve(Arc::new(Nothing)));
        if !dispatches.iter().any(|d| d.iid() == iid) {
            return Err(ExportError::NoInterface(iid));
        }
        let dropped = self.make_room(cx.caller.as_deref(), now, options)?;
        let oid = Oid::random()?;
        let interfaces = dispatches.into_iter().map(|dispatch| Interface { dispatch, ipid: None, public: 0, private: 0 }).collect();
        self.objects.insert(
            oid,
            Object {
                interfaces,
                owner: cx.caller.clone(),
                denied: object.denied,
                ends_with_connection: object.ends_with_connection,
                session,
                connections: HashSet::from([cx.connection]),
                calls: 0,
                last_call: now,
                last_ping: None,
                orphaned: None,
                called: false,
            },
        );
        self.schedule(now);
        let std = self.refer(oxid, oid, iid, 1)?.ok_or(ExportError::NoInterface(iid))?;
        Ok((std, dropped))
    }

    /// Lets an identity have one more object. If there are too many, one has to go: first what was left behind, then what has not
    /// been called for longest.
    fn make_room(&mut self, caller: Option<&Identity>, now: Instant, options: &ExporterOptions) -> Result<Dropped, ExportError> {
        let own = || self.objects.iter().filter(|(_, o)| same_identity(o.owner.as_deref(), caller));
        if own().count() < options.objects_per_identity {
            return Ok(Dropped::default());
        }
        let idle = own()
            .filter(|(_, o)| o.is_left_behind(now) || o.calls == 0 && options.orphan_grace <= now.saturating_duration_since(o.last_call));
        let oldest = idle.min_by_key(|(_, o)| (!o.is_left_behind(now), o.last_call)).map(|(oid, _)| *oid).ok_or(ExportError::Quota)?;
        Ok(self.remove([oldest]))
    }

    /// Gives `refs` public references to an interface of an object; `Ok(None)` if it does not have the interface.
    fn refer(&mut self, oxid: Oxid, oid: Oid, iid: Iid, refs: u32) -> Result<Option<StdObjRef>, RandomError> {
        let Some(object) = self.objects.get_mut(&oid) else { return Ok(None) };
        let Some(interface) = object.interfaces.iter_mut().find(|i| i.dispatch.iid() == iid) else { return Ok(None) };
        let ipid = match interface.ipid {
            Some(ipid) => ipid,
            None => {
                let ipid = Ipid::random()?;
                self.ipids.insert(ipid, oid);
                *interface.ipid.insert(ipid)
            }
        };
        interface.public = interface.public.saturating_add(refs);
        Ok(Some(StdObjRef { flags: 0, public_refs: refs, oxid, oid, ipid }))
    }

    /// Takes objects out, with everything that names them.
    pub(super) fn remove(&mut self, oids: impl IntoIterator<Item = Oid>) -> Dropped {
        let objects: Vec<Object> = oids.into_iter().filter_map(|oid| self.objects.remove(&oid)).collect();
        for ipid in objects.iter().flat_map(|o| &o.interfaces).filter_map(|i| i.ipid) {
            self.ipids.remove(&ipid);
        }
        Dropped(objects)
    }

    pub(super) fn begin_call(&mut self, ipid: Ipid, cx: &CallContext, now: Instant) -> Option<Target> {
        let object = self.objects.get_mut(self.ipids.get(&ipid)?)?;
        let dispatch = object.interfaces.iter().find(|i| i.ipid == Some(ipid))?.dispatch.clone();
        let is_owner = same_identity(object.owner.as_deref(), cx.caller.as_deref());
        // A stranger's call is refused, and keeps nothing alive.
        if is_owner {
            object.calls += 1;
            object.last_call = now;
            object.connections.insert(cx.connection);
            object.orphaned = None;
            object.called = true;
        }
        Some(Target { dispatch, is_owner, denied: object.denied, session: object.session.clone() })
    }

    pub(super) fn end_call(&mut self, ipid: Ipid, now: Instant) {
        if let Some(object) = self.ipids.get(&ipid).and_then(|oid| self.objects.get_mut(oid)) {
            object.calls = object.calls.saturating_sub(1);
            object.last_call = object.last_call.max(now);
        }
    }

    /// The object of an interface, if `caller` owns it.
    fn owned(&self, ipid: Ipid, caller: Option<&Identity>, unknown: HResult) -> Result<Oid, HResult> {
        let oid = self.ipids.get(&ipid).ok_or(unknown)?;
        let object = self.objects.get(oid).ok_or(unknown)?;
        if same_identity(object.owner.as_deref(), caller) { Ok(*oid) } else { Err(HResult::E_ACCESSDENIED) }
    }

    /// RemQueryInterface: `Err` for the whole call, else a result for each interface.
    pub(super) fn query(
        &mut self,
        oxid: Oxid,
        ipid: Ipid,
        caller: Option<&Identity>,
        iids: &[Iid],
        refs: u32,
    ) -> Result<Vec<Result<StdObjRef, HResult>>, HResult> {
        let oid = self.owned(ipid, caller, HResult::RPC_E_INVALID_OBJECT)?;
        let refer = |iid: &Iid| match self.refer(oxid, oid, *iid, refs) {
            Ok(found) => found.ok_or(HResult::E_NOINTERFACE),
            Err(RandomError) => Err(HResult::E_UNEXPECTED),
        };
        Ok(iids.iter().map(refer).collect())
    }

    pub(super) fn add_refs(&mut self, refs: &RemInterfaceRef, caller: Option<&Identity>) -> HResult {
        match self.owned(refs.ipid, caller, HResult::CO_E_OBJNOTREG) {
            Err(code) => code,
            Ok(oid) => {
                if let Some(i) = self.interface(oid, refs.ipid) {
                    i.public = i.public.saturating_add(refs.public_refs);
                    i.private = i.private.saturating_add(refs.private_refs);
                }
                HResult::S_OK
            }
        }
    }

    /// Takes references back. One that is gone is no error: a client in use releases its enumerator twice.
    pub(super) fn release(&mut self, refs: &[RemInterfaceRef], caller: Option<&Identity>) -> (HResult, Dropped) {
        let mut code = HResult::S_OK;
        let mut gone = Vec::new();
        for r in refs {
            match self.owned(r.ipid, caller, HResult::S_OK) {
                Ok(oid) => {
                    if let Some(i) = self.interface(oid, r.ipid) {
                        i.public = i.public.saturating_sub(r.public_refs);
                        i.private = i.private.saturating_sub(r.private_refs);
                    }
                    if self.objects.get(&oid).is_some_and(|o| o.interfaces.iter().all(|i| i.public == 0 && i.private == 0)) {
                        gone.push(oid);
                    }
                }
                Err(HResult::S_OK) => {}
                Err(denied) => code = denied,
            }
        }
        (code, self.remove(gone))
    }

    fn interface(&mut self, oid: Oid, ipid: Ipid) -> Option<&mut Interface> {
        self.objects.get_mut(&oid)?.interfaces.iter_mut().find(|i| i.ipid == Some(ipid))
    }
}
