//! The activators: IRemoteSCMActivator and IActivation ([MS-DCOM] 3.1.2.5.2).

use super::{ExportError, ExportedObject, Exporter};
use crate::activation::{ActivatedInterface, ActivationBlob, ActivationReply, ActivationRequest, Direction, INTERFACES_MAX};
use crate::interfaces::*;
use crate::{
    Clsid, ComVersion, Failure, Iid, InterfacePointer, Ipid, ObjectContext, OrpcSession, OrpcThat, OrpcThis, Outcome, Oxid, TOWER_TCP,
};
use rwmi_ndr::{Conformant, FaultStatus, HResult, Win32Error};
use rwmi_rpc::{CallContext, Dispatch};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What an activator knows of a request.
#[derive(Debug, Clone)]
pub struct ActivationContext {
    /// The caller.
    pub call: CallContext,
    /// Interfaces that are asked for.
    pub iids: Vec<Iid>,
    /// What the object and all that come out of it share.
    pub session: Arc<OrpcSession>,
    /// The server's name as the client's user wrote it; a claim.
    pub server: Option<String>,
    /// Where the object will live.
    pub exporter: Exporter,
}

/// Makes objects of the classes that a server has.
pub trait Activator: Send + Sync + 'static {
    /// Makes an object; REGDB_E_CLASSNOTREG for a class that is not there.
    fn create<'a>(
        &'a self,
        clsid: Clsid,
        cx: &'a ActivationContext,
    ) -> Pin<Box<dyn Future<Output = Result<ExportedObject, HResult>> + Send + 'a>>;

    /// Whether there is such a class, for those who ask for its class object.
    fn has_class(&self, clsid: Clsid) -> bool;
}

struct Server {
    exporter: Exporter,
    activator: Arc<dyn Activator>,
}

impl Exporter {
    /// What to serve as IRemoteSCMActivator on the resolver's port.
    pub fn activator(&self, activator: Arc<dyn Activator>) -> Arc<dyn Dispatch> {
        IRemoteSCMActivator::serve(Server { exporter: self.clone(), activator })
    }

    /// What to serve as IActivation on the resolver's port.
    pub fn activation(&self, activator: Arc<dyn Activator>) -> Arc<dyn Dispatch> {
        IActivation::serve(Server { exporter: self.clone(), activator })
    }
}

/// What is to be made: an object, or the class object.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Instance,
    ClassObject,
}

impl Server {
    /// Anonymous callers and those below the level get a fault, before anything they sent is read.
    fn admit(&self, cx: &CallContext) -> Result<(), FaultStatus> {
        let options = self.exporter.options();
        if cx.caller.is_none() || cx.level < options.minimum_activation_level { Err(FaultStatus::ACCESS_DENIED) } else { Ok(()) }
    }

    fn check_version(&self, cx: &CallContext, this: &OrpcThis) -> Result<(), HResult> {
        if !ComVersion::V5_7.serves(this.version) {
            return Err(HResult::RPC_E_VERSION_MISMATCH);
        }
        if (self.exporter.options().access)(cx) { Ok(()) } else { Err(HResult::E_ACCESSDENIED) }
    }

    async fn activate(&self, cx: &CallContext, wanted: Wanted, request: &ActivationRequest) -> Result<ActivationReply, HResult> {
        if request.persistent {
            // We have no objects with stored state; the file name in the request is never touched.
            return Err(HResult::E_NOTIMPL);
        }
        if !request.protseqs.contains(&TOWER_TCP) {
            return Err(RPC_S_PROTSEQ_NOT_SUPPORTED);
        }
        let session: Arc<OrpcSession> = Arc::default();
        let object = match wanted {
            Wanted::Instance => {
                let context = ActivationContext {
                    call: cx.clone(),
                    iids: request.iids.clone(),
                    session: session.clone(),
                    server: request.server.clone(),
                    exporter: self.exporter.clone(),
                };
                self.activator.create(request.clsid, &context).await?
            }
            Wanted::ClassObject if self.activator.has_class(request.clsid) => {
                let factory = Factory { activator: self.activator.clone(), clsid: request.clsid, server: request.server.clone() };
                ExportedObject::new(IClassFactory::serve(Arc::new(factory)))
            }
            Wanted::ClassObject => return Err(HResult::REGDB_E_CLASSNOTREG),
        };
        let interfaces = self.interfaces(cx, session, object, &request.iids)?;
        Ok(ActivationReply {
            oxid: self.exporter.oxid(),
            bindings: self.exporter.object_bindings(cx.local.ip()),
            rem_unknown: self.exporter.rem_unknown(),
            authn_hint: self.exporter.authn_hint(),
            version: ComVersion::V5_7,
            interfaces,
        })
    }

    /// Exports the object with the first interface that it has, and marshals the others that were asked for.
    fn interfaces(
        &self,
        cx: &CallContext,
        session: Arc<OrpcSession>,
        object: ExportedObject,
        iids: &[Iid],
    ) -> Result<Vec<ActivatedInterface>, HResult> {
        let mut object = Some(object);
        let mut first: Option<Ipid> = None;
        let mut out = Vec::with_capacity(iids.len());
        for iid in iids {
            let pointer = match first {
                Some(ipid) => self.more(cx, ipid, *iid),
                None => match object.clone().map(|o| self.exporter.export(cx, session.clone(), o, *iid)) {
                    Some(Ok(pointer)) => {
                        object = None;
                        first = pointer.objref().ok().and_then(|r| r.std().map(|s| s.ipid));
                        Ok(pointer)
                    }
                    Some(Err(ExportError::NoInterface(_))) | None => Err(HResult::E_NOINTERFACE),
                    Some(Err(other)) => return Err(Failure::from(other).code),
                },
            };
            out.push(match pointer {
                Ok(pointer) => ActivatedInterface { iid: *iid, result: HResult::S_OK, pointer: Some(pointer) },
                Err(result) => ActivatedInterface { iid: *iid, result, pointer: None },
            });
        }
        if first.is_none() { Err(HResult::E_NOINTERFACE) } else { Ok(out) }
    }

    fn more(&self, cx: &CallContext, ipid: Ipid, iid: Iid) -> Result<InterfacePointer, HResult> {
        let found = self.exporter.table().query(self.exporter.oxid(), ipid, cx.caller.as_deref(), &[iid], 1)?;
        let std = found.into_iter().next().unwrap_or(Err(HResult::E_NOINTERFACE))?;
        Ok(self.exporter.marshal(cx.local.ip(), iid, std))
    }

    async fn by_blob(
        &self,
        cx: &CallContext,
        wanted: Wanted,
        this: &OrpcThis,
        properties: Option<InterfacePointer>,
    ) -> Result<InterfacePointer, HResult> {
        self.check_version(cx, this)?;
        let pointer = properties.ok_or(HResult::E_INVALIDARG)?;
        let blob = ActivationBlob::from_pointer(&pointer, Direction::In).map_err(|_| HResult::E_INVALIDARG)?;
        let request = ActivationRequest::from_blob(&blob).map_err(|_| HResult::E_INVALIDARG)?;
        let reply = self.activate(cx, wanted, &request).await?;
        Ok(reply.to_blob().to_pointer(Direction::Out))
    }
}

/// The Win32 error 1703 as an HRESULT.
const RPC_S_PROTSEQ_NOT_SUPPORTED: HResult = HResult(0x8007_0000 | Win32Error::RPC_S_PROTSEQ_NOT_SUPPORTED.0);

/// As Windows answers an activation.
const THAT: OrpcThat = OrpcThat { flags: 1, extensions: None };

impl RemoteScmActivator for Server {
    async fn remote_get_class_object(&self, cx: &CallContext, req: RemoteGetClassObject) -> Result<RemoteGetClassObjectReply, FaultStatus> {
        self.admit(cx)?;
        let made = self.by_blob(cx, Wanted::ClassObject, &req.orpc_this, req.properties).await;
        let result = made.as_ref().err().copied().unwrap_or(HResult::S_OK);
        Ok(RemoteGetClassObjectReply { orpc_that: THAT, properties: made.ok(), result })
    }

    async fn remote_create_instance(&self, cx: &CallContext, req: RemoteCreateInstance) -> Result<RemoteCreateInstanceReply, FaultStatus> {
        self.admit(cx)?;
        let made = match req.outer {
            Some(_) => Err(HResult::CLASS_E_NOAGGREGATION),
            None => self.by_blob(cx, Wanted::Instance, &req.orpc_this, req.properties).await,
        };
        let result = made.as_ref().err().copied().unwrap_or(HResult::S_OK);
        Ok(RemoteCreateInstanceReply { orpc_that: THAT, properties: made.ok(), result })
    }
}

impl Activation for Server {
    async fn remote_activation(&self, cx: &CallContext, req: RemoteActivation) -> Result<RemoteActivationReply, FaultStatus> {
        self.admit(cx)?;
        let iids = req.iids.map(|i| i.0).unwrap_or_default();
        if iids.is_empty() || iids.len() != req.iid_count as usize || INTERFACES_MAX < iids.len() {
            return Err(FaultStatus::RPC_X_BAD_STUB_DATA);
        }
        let n = iids.len();
        let request = ActivationRequest {
            clsid: req.clsid,
            iids,
            protseqs: req.protseqs.0,
            server: None,
            version: req.orpc_this.version,
            persistent: req.object_name.is_some() || req.storage.is_some(),
        };
        let wanted = if req.mode == MODE_GET_CLASS_OBJECT { Wanted::ClassObject } else { Wanted::Instance };
        let made = match self.check_version(cx, &req.orpc_this) {
            Ok(()) => self.activate(cx, wanted, &request).await,
            Err(code) => Err(code),
        };
        let orpc_that = OrpcThat::default();
        let status = Win32Error::ERROR_SUCCESS;
        Ok(match made {
            Ok(reply) => RemoteActivationReply {
                orpc_that,
                oxid: reply.oxid,
                bindings: Some(reply.bindings),
                rem_unknown: reply.rem_unknown,
                authn_hint: reply.authn_hint,
                version: reply.version,
                result: HResult::S_OK,
                results: Conformant(reply.interfaces.iter().map(|i| i.result).collect()),
                interfaces: Conformant(reply.interfaces.into_iter().map(|i| i.pointer).collect()),
                status,
            },
            Err(result) => RemoteActivationReply {
                orpc_that,
                oxid: Oxid(0),
                bindings: None,
                rem_unknown: Ipid::default(),
                authn_hint: 0,
                version: ComVersion::V5_7,
                result,
                interfaces: Conformant(vec![None; n]),
                results: Conformant(vec![result; n]),
                status,
            },
        })
    }
}

/// A class object.
struct Factory {
    activator: Arc<dyn Activator>,
    clsid: Clsid,
    server: Option<String>,
}

impl ClassFactory for Factory {
    async fn remote_create_instance(&self, cx: &ObjectContext, call: FactoryCreateInstance) -> Outcome<FactoryCreateInstanceReply> {
        let context = ActivationContext {
            call: cx.call.clone(),
            iids: vec![call.iid],
            session: cx.session.clone(),
            server: self.server.clone(),
            exporter: cx.exporter.clone(),
        };
        let object = self.activator.create(self.clsid, &context).await?;
        let object = Some(cx.export(object, call.iid)?);
        Ok((FactoryCreateInstanceReply { object }, HResult::S_OK))
    }

    async fn remote_lock_server(&self, _: &ObjectContext, _: RemoteLockServer) -> Outcome<RemoteLockServerReply> {
        Ok((RemoteLockServerReply {}, HResult::S_OK))
    }
}
