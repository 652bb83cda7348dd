//! Calls on remote objects.

use super::{Error, Status};
use crate::interfaces::rem_unknown2::{RemAddRef, RemQueryInterface, RemRelease};
use crate::interfaces::{IRemUnknown2, RemInterfaceRef};
use crate::{Cid, ComVersion, ErrorInfo, Iid, Ipid, OrpcThat, OrpcThis, RandomError, StdObjRef};
use rwmi_ndr::{Conformant, Decode, Encode, HResult, Limits, Reader, Writer};
use rwmi_rpc::{Channel, Interface, Method};
use std::fmt;
use std::marker::PhantomData;

/// What a client puts into each ORPCTHIS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orpc {
    /// Version that both ends speak.
    pub version: ComVersion,
    /// The chain of calls.
    pub cid: Cid,
}

impl Orpc {
    /// A new chain of calls.
    pub fn new(version: ComVersion) -> Result<Self, RandomError> {
        Ok(Orpc { version, cid: Cid::random()? })
    }

    pub(crate) fn this(&self, flags: u32) -> OrpcThis {
        OrpcThis::new(self.version, flags, self.cid)
    }
}

/// An interface of a remote object, to be called. It holds no reference: lifetime is [`super::ClientTables`]' part.
pub struct Proxy<I, C> {
    channel: C,
    ipid: Ipid,
    orpc: Orpc,
    interface: PhantomData<fn() -> I>,
}

impl<I, C: Clone> Clone for Proxy<I, C> {
    fn clone(&self) -> Self {
        Proxy { channel: self.channel.clone(), ipid: self.ipid, orpc: self.orpc, interface: PhantomData }
    }
}

impl<I: Interface, C> fmt::Debug for Proxy<I, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("interface", &I::NAME).field("ipid", &self.ipid).finish_non_exhaustive()
    }
}

impl<I: Interface, C: Channel> Proxy<I, C> {
    /// The interface `ipid`, over a channel to its exporter.
    pub fn new(channel: C, ipid: Ipid, orpc: Orpc) -> Self {
        Proxy { channel, ipid, orpc, interface: PhantomData }
    }

    /// Which interface of its exporter it is.
    pub fn ipid(&self) -> Ipid {
        self.ipid
    }

    /// What is called through.
    pub fn channel(&self) -> &C {
        &self.channel
    }

    /// What goes into each ORPCTHIS.
    pub fn orpc(&self) -> Orpc {
        self.orpc
    }

    /// Another interface, at the same exporter.
    pub fn at<J: Interface>(&self, ipid: Ipid) -> Proxy<J, C>
    where
        C: Clone,
    {
        Proxy::new(self.channel.clone(), ipid, self.orpc)
    }

    /// Calls a method. A failing HRESULT is [`Error::Refused`]; a succeeding one comes with the reply, because some mean something.
    pub async fn call<M: Method<Interface = I>>(&self, call: &M) -> Result<(M::Reply, HResult), Error> {
        let (reply, code, info) = self.call_any(call).await?;
        if code.is_failure() {
            let status = Status::HResult(code);
            return Err(Error::Refused { method: M::NAME, status, info: info.map(Box::new) });
        }
        Ok((reply, code))
    }

    /// As [`Proxy::call`], but gives the out parameters also where the method failed.
    pub async fn call_any<M: Method<Interface = I>>(&self, call: &M) -> Result<(M::Reply, HResult, Option<ErrorInfo>), Error> {
        let mut w = Writer::default();
        self.orpc.this(0).encode(&mut w);
        call.encode(&mut w);
        let stub = self
            .channel
            .call_raw(I::SYNTAX, Some(self.ipid.0), M::OPNUM, w.finish())
            .await
            .map_err(|source| Error::Channel { method: M::NAME, source })?;
        let r = &mut Reader::new(stub, Limits::default());
        let mut read = || {
            let that = OrpcThat::decode(r)?;
            let reply = M::Reply::decode(r)?;
            let code = HResult::decode(r)?;
            Ok((reply, code, that.extensions.as_ref().and_then(ErrorInfo::from_extents)))
        };
        read().map_err(|source| Error::Malformed { method: M::NAME, source })
    }
}

/// Asks for another interface of an object, with one public reference; E_NOINTERFACE if it has none, whichever way the server says so.
pub async fn query_interface<C: Channel>(rem_unknown: &Proxy<IRemUnknown2, C>, ipid: Ipid, iid: Iid) -> Result<StdObjRef, Error> {
    let call = RemQueryInterface { ipid, refs: 1, count: 1, iids: Conformant(vec![iid]) };
    let refused = |code, info: Option<ErrorInfo>| Error::Refused {
        method: RemQueryInterface::NAME,
        status: Status::HResult(code),
        info: info.map(Box::new),
    };
    let (reply, code, info) = rem_unknown.call_any(&call).await?;
    match reply.results.as_ref().and_then(|r| r.0.first()) {
        Some(r) if !r.result.is_failure() && !code.is_failure() => Ok(r.std),
        Some(r) if r.result.is_failure() => Err(refused(r.result, info)),
        _ if code.is_failure() => Err(refused(code, info)),
        _ => Err(refused(HResult::E_NOINTERFACE, info)),
    }
}

/// Takes references to interfaces.
pub async fn add_ref<C: Channel>(rem_unknown: &Proxy<IRemUnknown2, C>, refs: Vec<RemInterfaceRef>) -> Result<Vec<HResult>, Error> {
    let call = RemAddRef { count: refs.len() as u16, refs: Conformant(refs) };
    rem_unknown.call(&call).await.map(|(reply, _)| reply.results.0)
}

/// Gives references to interfaces back.
pub async fn release<C: Channel>(rem_unknown: &Proxy<IRemUnknown2, C>, refs: Vec<RemInterfaceRef>) -> Result<(), Error> {
    let call = RemRelease { count: refs.len() as u16, refs: Conformant(refs) };
    rem_unknown.call(&call).await.map(drop)
}
