//! Every recorded DCOM and WMI stub in NDR 2.0 decodes, and re-encodes to the same octets.
//!
//! What is compared is the parameters: from the first octet of the stub to where decoding ends. What stands behind them
//! is looked at apart: padding, a verification trailer ([MS-RPCE] 2.2.2.13), or octets that a client left there.
//!
//! Referent ids need no help: our writer counts pointers as Windows does, from 0x20000 by 4, and a BSTR's pointer is the
//! letters `User` and is not counted. A peer that counted otherwise would have to be told apart here.

use bytes::Bytes;
use rwmi_dcom::activation::{ActivationBlob, Direction};
use rwmi_dcom::interfaces::*;
use rwmi_dcom::{ActivationReply, ActivationRequest, InterfacePointer, ObjRef, OrpcThat, OrpcThis};
use rwmi_ndr::{Decode, DecodeError, Encode, HResult, Limits, Reader, Writer};
use rwmi_rpc::{Interface, Method};
use rwmi_wbem::ClassObjectRef;
use rwmi_wbem::interfaces::*;
use rwmi_wiredata::{Kind, Tally, Tree, manifest};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const NDR64: &str = "71710533-beba-4937-8319-b5dbef9ccc36";
const TRAILER: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];

/// Decodes the parameters and encodes them again; gives the octets and how many were read.
type Check = fn(Bytes) -> Result<(Bytes, usize), DecodeError>;

struct Operation {
    interface: &'static str,
    opnum: u16,
    /// The method as the specification spells it, but for its letter case.
    name: &'static str,
    request: Check,
    response: Check,
}

fn again<T: Decode + Encode>(stub: Bytes) -> Result<(Bytes, usize), DecodeError> {
    let (mut r, mut w) = (Reader::new(stub, Limits::default()), Writer::default());
    T::decode(&mut r)?.encode(&mut w);
    Ok((w.finish(), r.position()))
}

fn object_request<M: Method>(stub: Bytes) -> Result<(Bytes, usize), DecodeError> {
    let (mut r, mut w) = (Reader::new(stub, Limits::default()), Writer::default());
    OrpcThis::decode(&mut r)?.encode(&mut w);
    M::decode(&mut r)?.encode(&mut w);
    Ok((w.finish(), r.position()))
}

fn object_response<M: Method>(stub: Bytes) -> Result<(Bytes, usize), DecodeError> {
    let (mut r, mut w) = (Reader::new(stub, Limits::default()), Writer::default());
    OrpcThat::decode(&mut r)?.encode(&mut w);
    M::Reply::decode(&mut r)?.encode(&mut w);
    HResult::decode(&mut r)?.encode(&mut w);
    Ok((w.finish(), r.position()))
}

fn last_segment<T>() -> &'static str {
    std::any::type_name::<T>().rsplit("::").next().unwrap()
}

fn plain<M: Method>() -> Operation {
    let (interface, name) = (M::Interface::NAME, last_segment::<M>());
    Operation { interface, opnum: M::OPNUM, name, request: again::<M>, response: again::<M::Reply> }
}

fn object<M: Method>() -> Operation {
    let (interface, name) = (M::Interface::NAME, last_segment::<M>());
    Operation { interface, opnum: M::OPNUM, name, request: object_request::<M>, response: object_response::<M> }
}

macro_rules! operations { ($($kind:ident { $($m:ty),* $(,)? })*) => { vec![$( $( $kind::<$m>() ),* ),*] } }

fn operations() -> Vec<Operation> {
    operations! {
        plain {
            ResolveOxid, SimplePing, ComplexPing, ServerAlive, ResolveOxid2, ServerAlive2, RemoteGetClassObject, RemoteCreateInstance,
            RemoteActivation
        }
        object {
            RemQueryInterface, RemAddRef, RemRelease, rem_unknown2::RemQueryInterface, rem_unknown2::RemAddRef, rem_unknown2::RemRelease,
            rem_unknown2::RemQueryInterface2, FactoryCreateInstance, RemoteLockServer, EstablishPosition, RequestChallenge, WbemLogin,
            NtlmLogin, SetClientInfo, SetClientInfoEx, SetEvent, OpenNamespace, CancelAsyncCall, QueryObjectSink, GetObject,
            GetObjectAsync, PutClass, PutClassAsync, DeleteClass, DeleteClassAsync, CreateClassEnum, CreateClassEnumAsync, PutInstance,
            PutInstanceAsync, DeleteInstance, DeleteInstanceAsync, CreateInstanceEnum, CreateInstanceEnumAsync, ExecQuery, ExecQueryAsync,
            ExecNotificationQuery, ExecNotificationQueryAsync, ExecMethod, ExecMethodAsync, GetResultObject, GetResultString,
            GetResultServices, GetCallStatus, Reset, Next, NextAsync, CloneEnum, Skip, GetSmartEnum, SmartNext, Indicate, SetStatus,
            Backup, Restore, AddObjectToRefresher, AddObjectToRefresherByTemplate, AddEnumToRefresher, RemoveObjectFromRefresher,
            GetRemoteRefresher, ReconnectRemoteRefresher, RemoteRefresh, StopRefreshing
        }
    }
}

/// What a manifest says of a stub's file: its opnum, and whether it is in NDR64.
fn manifests(tree: &Tree) -> HashMap<PathBuf, (Option<u16>, bool)> {
    let mut out = HashMap::new();
    for path in tree.files(Kind::Manifest) {
        let mut offered: HashMap<u32, Vec<u16>> = HashMap::new();
        let mut is_ndr64: HashMap<(u32, u16), bool> = HashMap::new();
        for row in manifest::rows(&path).unwrap() {
            if !row.contexts.is_empty() {
                offered.insert(row.stream, row.contexts.iter().map(|c| c.ctx).collect());
            }
            let contexts = offered.get(&row.stream).cloned().unwrap_or_default();
            for (ctx, result) in contexts.into_iter().zip(&row.results).filter(|(_, r)| r.result == 0) {
                is_ndr64.insert((row.stream, ctx), result.transfer.starts_with(NDR64));
            }
            if let Some(file) = row.path(&path) {
                let ndr64 = row.ctx.and_then(|ctx| is_ndr64.get(&(row.stream, ctx))).copied().unwrap_or(false);
                out.insert(file, (row.opnum, ndr64));
            }
        }
    }
    out
}

/// Interface and operation in a name such as `s03_c00009_IWbemServices_GetObject_req.bin`.
fn in_name(path: &Path) -> Option<(String, String)> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix("_req.bin").or_else(|| name.strip_suffix("_resp.bin"))?;
    let (rest, operation) = name.rsplit_once('_')?;
    let interface = rest.rsplit_once('_').map_or(rest, |(_, interface)| interface);
    Some((interface.to_owned(), operation.to_owned()))
}

/// What stands behind the parameters must be explained.
fn check_rest(rest: &[u8], at: &str) {
    let pad = rest.iter().take_while(|o| **o == 0).count().min(15);
    let is_explained = rest.is_empty() || rest.len() < 8 || (0..=pad).any(|p| rest[p..].starts_with(&TRAILER));
    assert!(is_explained, "{at}: {} octets behind the parameters", rest.len());
}

/// Every object reference in the stub returns to its octets, and so does an object by value.
fn check_references(stub: &Bytes, at: &str) -> usize {
    let mut found = 0;
    for start in (8..stub.len().saturating_sub(24)).filter(|i| stub[*i..].starts_with(b"MEOW")) {
        let int = |i: usize| u32::from_le_bytes(stub[i..i + 4].try_into().unwrap()) as usize;
        let len = int(start - 4);
        if len != int(start - 8) || stub.len() < start + len {
            continue;
        }
        let octets = stub.slice(start..start + len);
        let objref = ObjRef::from_octets(octets.clone()).unwrap_or_else(|e| panic!("{at} at {start}: {e}"));
        assert_eq!(objref.to_octets(), octets, "{at} at {start}");
        let pointer = InterfacePointer(octets.clone());
        if let Ok(object) = ClassObjectRef::from_pointer(&pointer) {
            assert_eq!(object.to_pointer(), pointer, "{at} at {start}");
        }
        for direction in [Direction::In, Direction::Out] {
            if let Ok(blob) = ActivationBlob::from_pointer(&pointer, direction) {
                assert_eq!(blob.to_pointer(direction), pointer, "{at} at {start}");
                match direction {
                    Direction::In => drop(ActivationRequest::from_blob(&blob).unwrap()),
                    Direction::Out => drop(ActivationReply::from_blob(&blob).unwrap()),
                }
                found += 1;
            }
        }
        found += 1;
    }
    found
}

#[test]
fn wire_data_every_dcom_and_wmi_stub_reencodes() {
    let Some(tree) = Tree::locate() else { return };
    let operations = operations();
    let manifests = manifests(&tree);
    let mut tally = Tally::new("_req.bin, _resp.bin", "DCOM and WMI stubs");
    let (mut opaque, mut references) = (0, 0);
    for (kind, path) in [Kind::Request, Kind::Response].into_iter().flat_map(|k| tree.files(k).map(move |p| (k, p))) {
        let at = tree.short(&path).to_string();
        let Some((interface, name)) = in_name(&path) else { panic!("{at}: no operation in its name") };
        let (opnum, is_ndr64) = manifests.get(&path).copied().unwrap_or_default();
        if is_ndr64 {
            tally.leave("NDR64");
            continue;
        }
        let ours = operations.iter().filter(|o| o.interface == interface);
        let mut found = ours.clone().filter(|o| opnum.map_or(o.name.eq_ignore_ascii_case(&name), |n| n == o.opnum));
        let Some(operation) = found.next() else {
            assert_eq!(ours.count(), 0, "{at}: an operation of {interface} that is not declared");
            opaque += 1;
            continue;
        };
        let stub = Bytes::from(rwmi_wiredata::read(&path).unwrap());
        let check = if kind == Kind::Request { operation.request } else { operation.response };
        let (encoded, read) = check(stub.clone()).unwrap_or_else(|e| panic!("{at}: {e}"));
        assert_eq!(encoded, stub.slice(..read), "{at}");
        check_rest(&stub[read..], &at);
        references += check_references(&stub, &at);
        for cut in 0..read {
            assert!(check(stub.slice(..cut)).is_err(), "{at}: cut at {cut}");
        }
        tally.pass();
    }
    println!("{references} references and activation blobs in them; {opaque} stubs of other interfaces are opaque");
    tally.finish(&tree);
}

#[test]
fn wire_data_every_marshaled_object_reference_returns() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new(".objref.bin", "object references");
    for path in tree.files(Kind::ObjRef) {
        let octets = Bytes::from(rwmi_wiredata::read(&path).unwrap());
        let objref = ObjRef::from_octets(octets.clone()).unwrap_or_else(|e| panic!("{}: {e}", tree.short(&path)));
        assert_eq!(objref.to_octets(), octets, "{}", tree.short(&path));
        for cut in 0..octets.len() {
            let _ = ObjRef::from_octets(octets.slice(..cut));
        }
        tally.pass();
    }
    tally.finish(&tree);
}

/// Recorded stubs with a few octets changed, from a fixed seed: an error or a value, never a panic (in this build, also not by
/// overflow).
#[test]
fn wire_data_changed_stubs_do_not_panic() {
    const CHANGES: usize = 300;
    let Some(tree) = Tree::locate() else { return };
    let operations = operations();
    let mut tally = Tally::new("_req.bin, _resp.bin", "changed stubs");
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) as usize % below.max(1)
    };
    for (kind, path) in [Kind::Request, Kind::Response].into_iter().flat_map(|k| tree.files(k).map(move |p| (k, p))) {
        let Some((interface, name)) = in_name(&path) else { continue };
        let Some(operation) = operations.iter().find(|o| o.interface == interface && o.name.eq_ignore_ascii_case(&name)) else { continue };
        let stub = rwmi_wiredata::read(&path).unwrap();
        let check = if kind == Kind::Request { operation.request } else { operation.response };
        for _ in 0..CHANGES {
            let mut changed = stub.clone();
            for _ in 0..=random(3) {
                let (at, value) = (random(changed.len()), [0, 1, 0x7f, 0x80, 0xff, random(256) as u8][random(6)]);
                if let Some(octet) = changed.get_mut(at) {
                    *octet = value;
                }
            }
            let changed = Bytes::from(changed);
            let _ = check(changed.clone());
            for start in (0..changed.len()).filter(|i| changed[*i..].starts_with(b"MEOW")) {
                let pointer = InterfacePointer(changed.slice(start..));
                let _ = pointer.objref().map(|r| r.to_octets());
                let _ = ActivationBlob::from_pointer(&pointer, Direction::In).map(|b| ActivationRequest::from_blob(&b));
                let _ = ActivationBlob::from_pointer(&pointer, Direction::Out).map(|b| ActivationReply::from_blob(&b));
            }
        }
        tally.pass();
    }
    tally.finish(&tree);
}
