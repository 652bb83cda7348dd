//! Every recorded DCOM and WMI stub in NDR 2.0 decodes, and re-encodes to the same octets.
//!
//! What is compared is the parameters: from the first octet of the stub to where decoding ends. What stands behind them
//! is looked at apart: padding, a verification trailer ([MS-RPCE] 2.2.2.13), or octets that a client left there.
//!
//! Our writer counts pointers as Windows does, from 0x20000 by 4, and a BSTR's pointer is the letters `User` and is not counted.
//! A stub whose sender numbered its pointers otherwise must be the same but for these numbers, and is counted apart.

use bytes::Bytes;
use rwmi_dcom::activation::{ActivationBlob, Direction};
use rwmi_dcom::interfaces::*;
use rwmi_dcom::{ActivationReply, ActivationRequest, InterfacePointer, ObjRef, OrpcThat, OrpcThis};
use rwmi_ndr::{Decode, DecodeError, Encode, HResult, Limits, Reader, Writer};
use rwmi_rpc::{Interface, Method};
use rwmi_wbem::ClassObjectRef;
use rwmi_wbem::interfaces::*;
use rwmi_wiredata::manifest::Manifest;
use rwmi_wiredata::{Kind, Outcome, Tally, Tree};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const NDR64: &str = "71710533-beba-4937-8319-b5dbef9ccc36";
/// The unmarshaler of WMI objects, CLSID_WbemClassObject ([MS-WMI] 2.2.4).
const CLASS_OBJECT: [u8; 16] = [0x12, 0xf8, 0x90, 0x45, 0x3a, 0x1d, 0xd0, 0x11, 0x89, 0x1f, 0, 0xaa, 0, 0x4b, 0x2e, 0x24];
const TRAILER: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];

/// Decodes the parameters and encodes them again; gives the octets and how many were read.
type Check = fn(Bytes) -> Result<(Bytes, usize), DecodeError>;

struct Operation {
    interface: &'static str,
    /// The interface's identifier.
    uuid: String,
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
    let uuid = M::Interface::SYNTAX.uuid.to_string().to_lowercase();
    Operation { interface, uuid, opnum: M::OPNUM, name, request: again::<M>, response: again::<M::Reply> }
}

fn object<M: Method>() -> Operation {
    let (interface, name) = (M::Interface::NAME, last_segment::<M>());
    let uuid = M::Interface::SYNTAX.uuid.to_string().to_lowercase();
    Operation { interface, uuid, opnum: M::OPNUM, name, request: object_request::<M>, response: object_response::<M> }
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

/// What a manifest says of a stub's file.
#[derive(Default, Clone)]
struct Told {
    /// The interface's identifier where its bind was recorded, else its name.
    interface: Option<String>,
    opnum: Option<u16>,
    is_ndr64: bool,
}

fn manifests(tree: &Tree) -> HashMap<PathBuf, Told> {
    let mut out = HashMap::new();
    for manifest in Manifest::all(tree, &[]) {
        let path = &manifest.path;
        let mut offered: HashMap<u32, Vec<(u16, String)>> = HashMap::new();
        let mut accepted: HashMap<(u32, u16), (String, bool)> = HashMap::new();
        for row in &manifest.rows {
            if !row.contexts.is_empty() {
                offered.insert(row.stream, row.contexts.iter().map(|c| (c.ctx, c.uuid.to_lowercase())).collect());
            }
            let contexts = offered.get(&row.stream).cloned().unwrap_or_default();
            for ((ctx, uuid), result) in contexts.into_iter().zip(&row.results).filter(|(_, r)| r.result == 0) {
                accepted.insert((row.stream, ctx), (uuid, result.transfer.to_lowercase().starts_with(NDR64)));
            }
            if let Some(file) = row.path(path) {
                let presented = row.ctx.and_then(|ctx| accepted.get(&(row.stream, ctx)));
                let interface = presented.map(|(uuid, _)| uuid.clone()).or_else(|| row.iface.clone());
                out.insert(file, Told { interface, opnum: row.opnum, is_ndr64: presented.is_some_and(|(_, ndr64)| *ndr64) });
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
        if octets.get(24..40) == Some(&CLASS_OBJECT) && octets[4..8] == [4, 0, 0, 0] {
            let object = ClassObjectRef::from_pointer(&pointer).unwrap_or_else(|e| panic!("{at} at {start}: {e}"));
            assert_eq!(object.to_pointer(), pointer, "{at} at {start}");
            // The object itself, from its signature on.
            rwmi_wmio::decode_unit(&octets.slice(48..)).unwrap_or_else(|e| panic!("{at} at {start}: {e}"));
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

/// Whether two encodings differ in nothing but the numbers of pointers. Ours are counted from 0x20000.
fn differ_in_referents_only(ours: &[u8], theirs: &[u8]) -> bool {
    let words = |octets: &[u8]| octets.chunks(4).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let is_number = |ours: &[u8], theirs: &[u8]| {
        let number = ours.try_into().map(u32::from_le_bytes);
        number.is_ok_and(|n| (0x20000..0x30000).contains(&n) && n % 4 == 0) && theirs != [0; 4]
    };
    ours.len() == theirs.len() && words(ours).iter().zip(words(theirs)).all(|(a, b)| *a == b || is_number(a, &b))
}

/// The operation of a stub's file; none where it is of an interface that is not DCOM's or WMI's, or nothing says of which.
fn operation_of<'a>(operations: &'a [Operation], path: &Path, told: &Told) -> Option<&'a Operation> {
    let (named, name) = in_name(path).unwrap_or_default();
    let interface = told.interface.as_ref().unwrap_or(&named);
    let is_of_it = |o: &&Operation| o.interface == *interface || o.uuid == *interface;
    let ours = operations.iter().filter(is_of_it);
    let found = ours.clone().find(|o| told.opnum.map_or(o.name.eq_ignore_ascii_case(&name), |n| n == o.opnum));
    assert!(found.is_some() || ours.count() == 0, "an operation of {interface} that is not declared");
    found
}

#[test]
fn wire_data_every_dcom_and_wmi_stub_reencodes() {
    let Some(tree) = Tree::locate() else { return };
    let operations = operations();
    let manifests = manifests(&tree);
    let mut tallies = Vec::new();
    let (mut opaque, mut references, mut renumbered) = (0, 0, 0);
    for kind in [Kind::Request, Kind::Response] {
        let mut files = Tally::of(kind);
        let mut stubs = Tally::new(kind.label(), "DCOM and WMI stubs decoded and encoded again");
        for path in tree.files(kind) {
            let at = tree.short(&path).to_string();
            let told = manifests.get(&path).cloned().unwrap_or_default();
            files.case(&at, || {
                if told.is_ndr64 {
                    return Outcome::Left("NDR64");
                }
                let Some(operation) = operation_of(&operations, &path, &told) else {
                    opaque += 1;
                    return Outcome::Passed;
                };
                let stub = Bytes::from(rwmi_wiredata::read(&path).unwrap());
                let check = if kind == Kind::Request { operation.request } else { operation.response };
                let (encoded, read) = check(stub.clone()).unwrap_or_else(|e| panic!("{e}"));
                if encoded != stub.slice(..read) {
                    assert!(differ_in_referents_only(&encoded, &stub[..read]), "{encoded:02x?} is not {:02x?}", &stub[..read]);
                    renumbered += 1;
                }
                check_rest(&stub[read..], &at);
                references += check_references(&stub, &at);
                for cut in 0..read {
                    assert!(check(stub.slice(..cut)).is_err(), "cut at {cut}");
                }
                stubs.pass();
                Outcome::Passed
            });
        }
        tallies.extend([files, stubs]);
    }
    println!(
        "{references} references and activation blobs in them; {renumbered} with other numbers of pointers; {opaque} stubs of other interfaces are opaque"
    );
    Tally::finish_all(tallies, &tree);
}

#[test]
fn wire_data_every_marshaled_object_reference_returns() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::of(Kind::ObjRef);
    for path in tree.files(Kind::ObjRef) {
        tally.case(tree.short(&path), || {
            let octets = Bytes::from(rwmi_wiredata::read(&path).unwrap());
            let objref = ObjRef::from_octets(octets.clone()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(objref.to_octets(), octets);
            for cut in 0..octets.len() {
                let _ = ObjRef::from_octets(octets.slice(..cut));
            }
        });
    }
    tally.finish(&tree);
}

/// Recorded stubs with a few octets changed, from a fixed seed: an error or a value, never a panic (in this build, also not by
/// overflow).
#[test]
fn wire_data_changed_stubs_do_not_panic() {
    const CHANGES: usize = 300;
    let Some(tree) = Tree::locate() else { return };
    let (operations, manifests) = (operations(), manifests(&tree));
    let mut tally = Tally::new("_req+_resp.bin", "changed stubs do no harm");
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) as usize % below.max(1)
    };
    for (kind, path) in [Kind::Request, Kind::Response].into_iter().flat_map(|k| tree.files(k).map(move |p| (k, p))) {
        let told = manifests.get(&path).cloned().unwrap_or_default();
        let Some(operation) = operation_of(&operations, &path, &told).filter(|_| !told.is_ndr64) else { continue };
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
