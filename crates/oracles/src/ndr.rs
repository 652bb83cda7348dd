use crate::input::Input;
use bytes::Bytes;
use rwmi_dcom::activation::{ActivationBlob, Direction};
use rwmi_dcom::interfaces::*;
use rwmi_dcom::{ActivationReply, ActivationRequest, DualStringArray, ErrorInfo, Extents, InterfacePointer, ObjRef, OrpcThat, OrpcThis};
use rwmi_ndr::{Decode, Encode, HResult, Limits, Reader, Writer};
use rwmi_rpc::epm::*;
use rwmi_rpc::mgmt::*;
use rwmi_rpc::{Method, Tower};
use rwmi_wbem::interfaces::*;
use rwmi_wbem::{ClassObjectRef, Context};
use std::any::type_name;

/// A request, a reply or a structure, which the first octet chooses. What decodes is encoded, and from then on nothing changes:
/// decoded and encoded again, it has the same octets. The references in it are held to the same.
pub fn ndr(octets: &[u8]) {
    let mut input = Input(octets);
    let number = usize::from(input.u8());
    let stub = Bytes::copy_from_slice(input.0);
    if let Some((_, law)) = shapes().get(number % shapes().len()) {
        law(stub.clone());
    }
    // Wherever a reference stands in the stub, its form is known by its first octets.
    let mut found = 0;
    for at in (0..stub.len().saturating_sub(4)).filter(|at| stub.get(*at..*at + 4) == Some(b"MEOW")) {
        reference(stub.slice(at..));
        found += 1;
        if found == REFERENCES {
            return;
        }
    }
}

/// The number by which input chooses a shape.
pub(crate) fn shape(name: &str) -> Option<u8> {
    let at = shapes().iter().position(|(shape, _)| *shape == name)?;
    u8::try_from(at).ok()
}

/// The name of each shape and its number.
pub fn shapes_by_number() -> impl Iterator<Item = (&'static str, u8)> {
    shapes().iter().zip(0..=u8::MAX).map(|((name, _), number)| (*name, number))
}

/// References that are looked at in one run.
const REFERENCES: usize = 16;

type Law = fn(Bytes);

/// Encodes what decodes, and then holds it to its octets.
fn fixpoint(what: &str, stub: Bytes, again: impl Fn(Bytes) -> Option<Bytes>) {
    let Some(first) = again(stub) else { return };
    let second = again(first.clone()).unwrap_or_else(|| panic!("{what} does not decode again: {first:02x?}"));
    assert_eq!(first, second, "{what} changes each time it is encoded");
}

fn plain<T: Decode + Encode>(stub: Bytes) {
    fixpoint(type_name::<T>(), stub, |stub| {
        let (mut r, mut w) = (Reader::new(stub, Limits::default()), Writer::default());
        T::decode(&mut r).ok()?.encode(&mut w);
        Some(w.finish())
    });
}

fn request<M: Method>(stub: Bytes) {
    fixpoint(M::NAME, stub, |stub| {
        let (mut r, mut w) = (Reader::new(stub, Limits::default()), Writer::default());
        OrpcThis::decode(&mut r).ok()?.encode(&mut w);
        M::decode(&mut r).ok()?.encode(&mut w);
        Some(w.finish())
    });
}

fn response<M: Method>(stub: Bytes) {
    fixpoint(M::NAME, stub, |stub| {
        let (mut r, mut w) = (Reader::new(stub, Limits::default()), Writer::default());
        OrpcThat::decode(&mut r).ok()?.encode(&mut w);
        M::Reply::decode(&mut r).ok()?.encode(&mut w);
        HResult::decode(&mut r).ok()?.encode(&mut w);
        Some(w.finish())
    });
}

fn reference(octets: Bytes) {
    fixpoint("OBJREF", octets.clone(), |octets| Some(ObjRef::from_octets(octets).ok()?.to_octets()));
    let pointer = InterfacePointer(octets);
    if let Ok(unit) = ClassObjectRef::from_pointer(&pointer) {
        assert_eq!(ClassObjectRef::from_pointer(&unit.to_pointer()), Ok(unit));
    }
    if let Ok(context) = Context::from_pointer(&pointer) {
        fixpoint("Context", context.to_octets(), |octets| Some(Context::from_octets(octets).ok()?.to_octets()));
    }
    for direction in [Direction::In, Direction::Out] {
        if let Ok(blob) = ActivationBlob::from_pointer(&pointer, direction) {
            activation(blob.to_octets());
        }
    }
}

fn activation(octets: Bytes) {
    let Ok(blob) = ActivationBlob::from_octets(octets.clone()) else { return };
    fixpoint("ActivationBlob", octets, |octets| Some(ActivationBlob::from_octets(octets).ok()?.to_octets()));
    if let Ok(request) = ActivationRequest::from_blob(&blob) {
        let again = ActivationRequest::from_blob(&request.to_blob());
        assert_eq!(again, Ok(request), "an activation request does not return");
    }
    if let Ok(reply) = ActivationReply::from_blob(&blob) {
        let again = ActivationReply::from_blob(&reply.to_blob());
        assert_eq!(again, Ok(reply), "an activation reply does not return");
    }
}

fn bindings(octets: Bytes) {
    fixpoint("DualStringArray", octets, |octets| {
        let mut out = Vec::new();
        DualStringArray::read(&mut Reader::new(octets, Limits::default())).ok()?.write(&mut out);
        Some(out.into())
    });
}

fn tower(octets: Bytes) {
    fixpoint("Tower", octets, |octets| {
        let tower = Tower::parse(octets).ok()?;
        let _ = (tower.interface(), tower.transfer(), tower.tcp_port(), tower.address());
        Some(tower.octets())
    });
}

fn context(octets: Bytes) {
    fixpoint("Context", octets, |octets| Some(Context::from_octets(octets).ok()?.to_octets()));
}

fn error_info(octets: Bytes) {
    let Ok(extents) = Extents::decode(&mut Reader::new(octets, Limits::default())) else { return };
    if let Some(info) = ErrorInfo::from_extents(&extents) {
        assert_eq!(ErrorInfo::from_extents(&Extents(vec![info.to_extent()])), Some(info), "error information does not return");
    }
}

macro_rules! shapes {
    ($($kind:ident { $($(#[$m:meta])* $($name:ident)::+),* $(,)? })*) => {
        &[
            ("ActivationBlob", activation as Law), ("ObjRef", reference as Law), ("DualStringArray", bindings as Law),
            ("Tower", tower as Law), ("Context", context as Law), ("ErrorInfo", error_info as Law),
            $($( shapes!(@ $kind req $($name)::+), shapes!(@ $kind rep $($name)::+) ),*),*
        ]
    };
    (@ plain req $($name:ident)::+) => { (stringify!($($name)::+ request), plain::<$($name)::+> as Law) };
    (@ plain rep $($name:ident)::+) => { (stringify!($($name)::+ reply), plain::<<$($name)::+ as Method>::Reply> as Law) };
    (@ object req $($name:ident)::+) => { (stringify!($($name)::+ request), request::<$($name)::+> as Law) };
    (@ object rep $($name:ident)::+) => { (stringify!($($name)::+ reply), response::<$($name)::+> as Law) };
}

/// Everything that is read off the wire in NDR or beside it. New ones go to the end, so that corpora keep their meaning.
fn shapes() -> &'static [(&'static str, Law)] {
    shapes! {
        plain {
            ResolveOxid, SimplePing, ComplexPing, ServerAlive, ResolveOxid2, ServerAlive2, RemoteGetClassObject, RemoteCreateInstance,
            RemoteActivation, EptLookup, EptMap, EptLookupHandleFree, EptInqObject, InqIfIds, InqStats
        }
        object {
            RemQueryInterface, RemAddRef, RemRelease, rem_unknown2::RemQueryInterface2, FactoryCreateInstance, RemoteLockServer,
            EstablishPosition, RequestChallenge, WbemLogin, NtlmLogin, SetClientInfo, SetClientInfoEx, SetEvent, OpenNamespace,
            CancelAsyncCall, QueryObjectSink, GetObject, GetObjectAsync, PutClass, PutClassAsync, DeleteClass, DeleteClassAsync,
            CreateClassEnum, CreateClassEnumAsync, PutInstance, PutInstanceAsync, DeleteInstance, DeleteInstanceAsync,
            CreateInstanceEnum, CreateInstanceEnumAsync, ExecQuery, ExecQueryAsync, ExecNotificationQuery, ExecNotificationQueryAsync,
            ExecMethod, ExecMethodAsync, GetResultObject, GetResultString, GetResultServices, GetCallStatus, Reset, Next, NextAsync,
            CloneEnum, Skip, GetSmartEnum, SmartNext, Indicate, SetStatus, Backup, Restore, AddObjectToRefresher,
            AddObjectToRefresherByTemplate, AddEnumToRefresher, RemoveObjectFromRefresher, GetRemoteRefresher, ReconnectRemoteRefresher,
            RemoteRefresh, StopRefreshing
        }
    }
}
