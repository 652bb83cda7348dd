//! Scripts over the resolver's port: what is there, activation, pings. No state, no sockets.

use super::{Error, ExporterInfo, Orpc, Status};
use crate::activation::{ActivatedInterface, ActivationBlob, ActivationReply, ActivationRequest, Direction};
use crate::interfaces::*;
use crate::{ComVersion, DualStringArray, InterfacePointer, Oid, Oxid, SetId, TOWER_TCP};
use rwmi_ndr::{Conformant, FaultStatus, HResult, Win32Error};
use rwmi_rpc::{Channel, ChannelError, Method, call};

/// Flags of ORPCTHIS in an activation.
const ACTIVATION: u32 = 1;

/// Impersonation level in an activation: impersonate.
const IMPERSONATE: u32 = 3;

/// What a resolver says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alive {
    /// The version to speak with it.
    pub version: ComVersion,
    /// Its addresses.
    pub bindings: DualStringArray,
}

/// Whether to try the older way where the newer one is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fallback {
    /// IRemoteSCMActivator alone.
    #[default]
    None,
    /// IActivation, where the server does not know IRemoteSCMActivator.
    RemoteActivation,
}

fn win32(method: &'static str, status: Win32Error) -> Result<(), Error> {
    if status == Win32Error::ERROR_SUCCESS { Ok(()) } else { Err(Error::Refused { method, status: Status::Win32(status), info: None }) }
}

fn hresult(method: &'static str, code: HResult) -> Result<(), Error> {
    if code.is_failure() { Err(Error::Refused { method, status: Status::HResult(code), info: None }) } else { Ok(()) }
}

/// Asks what is there. The channel must be without security ([MS-DCOM] 3.2.4.1.2.1).
pub async fn server_alive2<C: Channel>(channel: &C) -> Result<Alive, Error> {
    let reply = call(channel, None, &ServerAlive2 {}).await?;
    win32(ServerAlive2::NAME, reply.status)?;
    let version = ComVersion::V5_7.negotiate(reply.version).ok_or(Error::Version(reply.version))?;
    Ok(Alive { version, bindings: reply.bindings.unwrap_or_default() })
}

/// Makes an object: RemoteCreateInstance, and where that is not there and `fallback` says so, RemoteActivation.
pub async fn activate<C: Channel>(
    channel: &C,
    orpc: Orpc,
    request: &ActivationRequest,
    fallback: Fallback,
) -> Result<ActivationReply, Error> {
    match create_instance(channel, orpc, request).await {
        Err(Error::Channel { source, .. }) if fallback == Fallback::RemoteActivation && is_unknown(&source) => {
            remote_activation(channel, orpc, request).await
        }
        other => other,
    }
}

/// Whether the server does not know the interface or the method.
fn is_unknown(error: &ChannelError) -> bool {
    const UNKNOWN: [FaultStatus; 4] = [
        FaultStatus::NCA_S_UNK_IF,
        FaultStatus::NCA_S_OP_RNG_ERROR,
        FaultStatus::RPC_S_UNKNOWN_IF,
        FaultStatus::RPC_S_PROCNUM_OUT_OF_RANGE,
    ];
    match error {
        ChannelError::Fault(status) => UNKNOWN.contains(status),
        ChannelError::Rejected { .. } => true,
        _ => false,
    }
}

/// Makes an object.
pub async fn create_instance<C: Channel>(channel: &C, orpc: Orpc, request: &ActivationRequest) -> Result<ActivationReply, Error> {
    let properties = Some(request.to_blob().to_pointer(Direction::In));
    let reply = call(channel, None, &RemoteCreateInstance { orpc_this: orpc.this(ACTIVATION), outer: None, properties }).await?;
    activated(RemoteCreateInstance::NAME, reply.result, reply.properties)
}

/// Gives the class object of a class.
pub async fn get_class_object<C: Channel>(channel: &C, orpc: Orpc, request: &ActivationRequest) -> Result<ActivationReply, Error> {
    let properties = Some(request.to_blob().to_pointer(Direction::In));
    let reply = call(channel, None, &RemoteGetClassObject { orpc_this: orpc.this(ACTIVATION), properties }).await?;
    activated(RemoteGetClassObject::NAME, reply.result, reply.properties)
}

fn activated(method: &'static str, code: HResult, properties: Option<InterfacePointer>) -> Result<ActivationReply, Error> {
    hresult(method, code)?;
    let missing = crate::activation::ActivationError::Missing("anything");
    let pointer = properties.ok_or(Error::Activation { method, source: missing })?;
    let blob = ActivationBlob::from_pointer(&pointer, Direction::Out).map_err(|source| Error::Malformed { method, source })?;
    ActivationReply::from_blob(&blob).map_err(|source| Error::Activation { method, source })
}

/// Makes an object the old way.
pub async fn remote_activation<C: Channel>(channel: &C, orpc: Orpc, request: &ActivationRequest) -> Result<ActivationReply, Error> {
    const METHOD: &str = RemoteActivation::NAME;
    let message = RemoteActivation {
        orpc_this: orpc.this(0),
        clsid: request.clsid,
        object_name: None,
        storage: None,
        impersonation: IMPERSONATE,
        mode: 0,
        iid_count: request.iids.len() as u32,
        iids: Some(Conformant(request.iids.clone())),
        protseq_count: request.protseqs.len() as u16,
        protseqs: Conformant(request.protseqs.clone()),
    };
    let reply = call(channel, None, &message).await?;
    win32(METHOD, reply.status)?;
    hresult(METHOD, reply.result)?;
    let missing = |what| Error::Activation { method: METHOD, source: crate::activation::ActivationError::Missing(what) };
    if reply.results.0.len() != request.iids.len() || reply.interfaces.0.len() != request.iids.len() {
        return Err(missing("a result for each interface"));
    }
    let interfaces = request.iids.iter().zip(reply.results.0).zip(reply.interfaces.0);
    Ok(ActivationReply {
        oxid: reply.oxid,
        bindings: reply.bindings.ok_or_else(|| missing("bindings"))?,
        rem_unknown: reply.rem_unknown,
        authn_hint: reply.authn_hint,
        version: reply.version,
        interfaces: interfaces.map(|((iid, result), pointer)| ActivatedInterface { iid: *iid, result, pointer }).collect(),
    })
}

/// Asks where an exporter is.
pub async fn resolve_oxid2<C: Channel>(channel: &C, oxid: Oxid) -> Result<ExporterInfo, Error> {
    let reply = call(channel, None, &ResolveOxid2 { oxid, protseq_count: 1, protseqs: Conformant(vec![TOWER_TCP]) }).await?;
    win32(ResolveOxid2::NAME, reply.status)?;
    Ok(ExporterInfo {
        bindings: reply.bindings.unwrap_or_default(),
        rem_unknown: reply.rem_unknown,
        authn_hint: reply.authn_hint,
        version: reply.version,
    })
}

/// Keeps the objects of a set alive.
pub async fn simple_ping<C: Channel>(channel: &C, set: SetId) -> Result<(), Error> {
    let reply = call(channel, None, &SimplePing { set }).await?;
    win32(SimplePing::NAME, reply.status)
}

/// Makes a set or changes it, and keeps its objects alive. A set of 0 makes one; its id is given.
pub async fn complex_ping<C: Channel>(channel: &C, set: SetId, sequence: u16, add: Vec<Oid>, delete: Vec<Oid>) -> Result<SetId, Error> {
    let array = |oids: Vec<Oid>| (!oids.is_empty()).then_some(Conformant(oids));
    let message = ComplexPing {
        set,
        sequence,
        add_count: add.len() as u16,
        delete_count: delete.len() as u16,
        add: array(add),
        delete: array(delete),
    };
    let reply = call(channel, None, &message).await?;
    win32(ComplexPing::NAME, reply.status)?;
    Ok(reply.set)
}
