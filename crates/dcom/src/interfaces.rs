//! The interfaces of DCOM itself.

use crate::{
    Clsid, ComVersion, DualStringArray, Iid, InterfacePointer, Ipid, Oid, OrpcThat, OrpcThis, Oxid, SetId, StdObjRef, object_interface,
};
use rwmi_ndr::{Conformant, HResult, WideString, Win32Error, guid, ndr_struct};
use rwmi_rpc::interface;

interface! {
    /// The resolver ([MS-DCOM] 3.1.2.5.1).
    pub interface IObjectExporter = guid!("99fcfec4-5260-101b-bbcb-00aa0021347a"), version 0;
    serve ObjectExporter;
    /// Where an exporter is.
    0 resolve_oxid = ResolveOxid { oxid: Oxid, protseq_count: u16, protseqs: Conformant<u16> }
        -> ResolveOxidReply { bindings: Option<DualStringArray>, rem_unknown: Ipid, authn_hint: u32, status: Win32Error }
    /// Keeps the objects of a set alive.
    1 simple_ping = SimplePing { set: SetId } -> SimplePingReply { status: Win32Error }
    /// Makes a set or changes it, and keeps its objects alive. `sequence` is not one with every client.
    2 complex_ping = ComplexPing { set: SetId, sequence: u16, add_count: u16, delete_count: u16, add: Option<Conformant<Oid>>, delete: Option<Conformant<Oid>> }
        -> ComplexPingReply { set: SetId, backoff: u16, status: Win32Error }
    /// Whether the resolver lives.
    3 server_alive = ServerAlive {} -> ServerAliveReply { status: Win32Error }
    /// Where an exporter is, and its version.
    4 resolve_oxid2 = ResolveOxid2 { oxid: Oxid, protseq_count: u16, protseqs: Conformant<u16> }
        -> ResolveOxid2Reply { bindings: Option<DualStringArray>, rem_unknown: Ipid, authn_hint: u32, version: ComVersion, status: Win32Error }
    /// Version and addresses of the resolver; called without security.
    5 server_alive2 = ServerAlive2 {} -> ServerAlive2Reply { version: ComVersion, bindings: Option<DualStringArray>, reserved: u32, status: Win32Error }
}

interface! {
    /// The activator ([MS-DCOM] 3.1.2.5.2.2).
    pub interface IRemoteSCMActivator = guid!("000001a0-0000-0000-c000-000000000046"), version 0;
    serve RemoteScmActivator;
    /// Gives the class object of a class.
    3 remote_get_class_object = RemoteGetClassObject { orpc_this: OrpcThis, properties: Option<InterfacePointer> }
        -> RemoteGetClassObjectReply { orpc_that: OrpcThat, properties: Option<InterfacePointer>, result: HResult }
    /// Makes an object.
    4 remote_create_instance = RemoteCreateInstance { orpc_this: OrpcThis, outer: Option<InterfacePointer>, properties: Option<InterfacePointer> }
        -> RemoteCreateInstanceReply { orpc_that: OrpcThat, properties: Option<InterfacePointer>, result: HResult }
}

interface! {
    /// The old activator ([MS-DCOM] 3.1.2.5.2.3.1).
    pub interface IActivation = guid!("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57"), version 0;
    serve Activation;
    /// Makes an object; with `mode` 0xffffffff gives the class object.
    0 remote_activation = RemoteActivation {
        orpc_this: OrpcThis, clsid: Clsid, object_name: Option<WideString>, storage: Option<InterfacePointer>, impersonation: u32,
        mode: u32, iid_count: u32, iids: Option<Conformant<Iid>>, protseq_count: u16, protseqs: Conformant<u16>,
    } -> RemoteActivationReply {
        orpc_that: OrpcThat, oxid: Oxid, bindings: Option<DualStringArray>, rem_unknown: Ipid, authn_hint: u32, version: ComVersion,
        result: HResult, interfaces: Conformant<Option<InterfacePointer>>, results: Conformant<HResult>, status: Win32Error,
    }
}

/// [`RemoteActivation::mode`] that asks for the class object.
pub const MODE_GET_CLASS_OBJECT: u32 = 0xffff_ffff;

ndr_struct! {
    /// References to an interface, counted ([MS-DCOM] 2.2.23).
    #[derive(Copy, Eq)]
    pub struct RemInterfaceRef {
        /// Interface.
        pub ipid: Ipid,
        /// Public references.
        pub public_refs: u32,
        /// Private references.
        pub private_refs: u32,
    }
}

ndr_struct! {
    /// What came of asking for an interface ([MS-DCOM] 2.2.24).
    #[derive(Copy, Eq)]
    pub struct RemQiResult {
        /// Whether the object has it.
        pub result: HResult,
        /// Where it is, if the object has it.
        pub std: StdObjRef,
    }
}

object_interface! {
    /// The object that counts the references of all others ([MS-DCOM] 3.1.1.5.6). Its methods are those of [`IRemUnknown2`].
    pub interface IRemUnknown = guid!("00000131-0000-0000-c000-000000000046"), else HResult::E_NOTIMPL;
    serve RemUnknown;
    /// Asks for more interfaces of an object.
    3 rem_query_interface = RemQueryInterface { ipid: Ipid, refs: u32, count: u16, iids: Conformant<Iid> }
        -> RemQueryInterfaceReply { results: Option<Conformant<RemQiResult>> }
    /// Adds references.
    4 rem_add_ref = RemAddRef { count: u16, refs: Conformant<RemInterfaceRef> } -> RemAddRefReply { results: Conformant<HResult> }
    /// Gives references back.
    5 rem_release = RemRelease { count: u16, refs: Conformant<RemInterfaceRef> } -> RemReleaseReply {}
}

/// IRemUnknown2, whose first methods are those of [`IRemUnknown`] with another interface id.
pub mod rem_unknown2 {
    use super::*;

    object_interface! {
        /// As [`IRemUnknown`], and asks for interfaces in marshaled form ([MS-DCOM] 3.1.1.5.7).
        pub interface IRemUnknown2 = guid!("00000143-0000-0000-c000-000000000046"), else HResult::E_NOTIMPL;
        serve RemUnknown2;
        /// Asks for more interfaces of an object.
        3 rem_query_interface = RemQueryInterface { ipid: Ipid, refs: u32, count: u16, iids: Conformant<Iid> }
            -> RemQueryInterfaceReply { results: Option<Conformant<RemQiResult>> }
        /// Adds references.
        4 rem_add_ref = RemAddRef { count: u16, refs: Conformant<RemInterfaceRef> } -> RemAddRefReply { results: Conformant<HResult> }
        /// Gives references back.
        5 rem_release = RemRelease { count: u16, refs: Conformant<RemInterfaceRef> } -> RemReleaseReply {}
        /// Asks for more interfaces of an object, each marshaled.
        6 rem_query_interface2 = RemQueryInterface2 { ipid: Ipid, count: u16, iids: Conformant<Iid> }
            -> RemQueryInterface2Reply { results: Conformant<HResult>, interfaces: Conformant<Option<InterfacePointer>> }
            nulls(no_interfaces)
    }
}
pub use rem_unknown2::IRemUnknown2;

/// The arrays are as long as the request's also where nothing is in them.
fn no_interfaces(call: &rem_unknown2::RemQueryInterface2) -> rem_unknown2::RemQueryInterface2Reply {
    let n = call.iids.0.len();
    let (results, interfaces) = (Conformant(vec![HResult::E_NOINTERFACE; n]), Conformant(vec![None; n]));
    rem_unknown2::RemQueryInterface2Reply { results, interfaces }
}

object_interface! {
    /// What every object has; its methods never travel.
    pub interface IUnknown = Iid::IUNKNOWN.0, else HResult::E_NOTIMPL;
    serve Unknown;
}

object_interface! {
    /// A class object: makes objects of one class.
    pub interface IClassFactory = guid!("00000001-0000-0000-c000-000000000046"), else HResult::E_NOTIMPL;
    serve ClassFactory;
    /// Makes an object and gives one interface of it.
    3 remote_create_instance = FactoryCreateInstance { iid: Iid } -> FactoryCreateInstanceReply { object: Option<InterfacePointer> }
    /// Keeps the server running: every server of ours does.
    4 remote_lock_server = RemoteLockServer { lock: i32 } -> RemoteLockServerReply {}
}
