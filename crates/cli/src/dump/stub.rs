//! The arguments of calls.

use super::{debug, hex, object};
use crate::report::Failure;
use rwmi_dcom::interfaces::*;
use rwmi_dcom::{OrpcThat, OrpcThis};
use rwmi_ndr::{Decode, DecodeError, Guid, HResult, Limits, Reader};
use rwmi_rpc::epm::{EptLookup, EptLookupHandleFree, EptMap};
use rwmi_rpc::mgmt::{InqIfIds, InqPrincName, InqStats, IsServerListening};
use rwmi_rpc::{Bytes, Interface, Method};
use rwmi_wbem::interfaces::*;
use serde_json::{Value as Json, json};

/// Decodes parameters, and shows them.
type Show = fn(&mut Reader) -> Result<Json, DecodeError>;

/// A method of an interface, both ways.
struct Operation {
    interface: &'static str,
    iid: Guid,
    opnum: u16,
    name: &'static str,
    request: Show,
    response: Show,
}

/// Interface and method are told by name or number; a stub says nothing of itself.
pub(super) fn json(stub: Bytes, interface: &str, opnum: u16, response: bool) -> Result<Json, Failure> {
    let iid = Guid::parse(interface).ok();
    let of_interface: Vec<Operation> =
        operations().into_iter().filter(|o| iid.map_or_else(|| is_named(o, interface), |iid| o.iid == iid)).collect();
    let Some(first) = of_interface.first() else {
        return Err(Failure::new(format!("the interface {interface:?} is not known")).hint(known()));
    };
    let name = first.interface;
    let Some(operation) = of_interface.iter().find(|o| o.opnum == opnum) else {
        let known: Vec<String> = of_interface.iter().map(|o| format!("{} {}", o.opnum, method(o))).collect();
        return Err(Failure::new(format!("{name} has no operation {opnum}")).hint(format!("it has: {}", known.join(", "))));
    };
    let mut reader = Reader::new(stub.clone(), Limits::default());
    let show = if response { operation.response } else { operation.request };
    let parameters = show(&mut reader).map_err(|e| {
        let direction = if response { "response" } else { "request" };
        Failure::new(format!("not a {direction} of {name}::{}: {e}", method(operation)))
            .hint("a request or a --response; in NDR 2.0 and in clear")
    })?;
    let rest = stub.slice(reader.position()..);
    Ok(json!({
        "interface": name,
        "iid": operation.iid.to_string(),
        "opnum": opnum,
        "method": method(operation),
        "direction": if response { "response" } else { "request" },
        "parameters": parameters,
        "rest": hex(&rest),
    }))
}

/// The names of the interfaces that are known.
pub(super) fn known() -> String {
    let mut names: Vec<&str> = operations().iter().map(|o| o.interface).collect();
    names.dedup();
    format!("known are {}", names.join(", "))
}

/// The name of an interface.
pub(super) fn name_of(iid: Guid) -> Option<&'static str> {
    operations().iter().find(|o| o.iid == iid).map(|o| o.interface)
}

/// The mapper and the management interface have short names that everybody uses.
fn is_named(operation: &Operation, name: &str) -> bool {
    let name = match name.to_ascii_lowercase().as_str() {
        "epm" => "EndpointMapper",
        "mgmt" => "Management",
        _ => name,
    };
    operation.interface.eq_ignore_ascii_case(name)
}

fn method(operation: &Operation) -> &'static str {
    operation.name.rsplit("::").next().unwrap_or(operation.name)
}

fn value<T: Decode + std::fmt::Debug>(r: &mut Reader) -> Result<Json, DecodeError> {
    Ok(match debug::json(&T::decode(r)?, object::inside) {
        // A structure without fields.
        Json::String(name) => json!({ "type": name }),
        json => json,
    })
}

fn plain<M: Method<Reply: std::fmt::Debug> + std::fmt::Debug>() -> Operation {
    let (interface, iid) = (M::Interface::NAME, M::Interface::SYNTAX.uuid);
    Operation { interface, iid, opnum: M::OPNUM, name: M::NAME, request: value::<M>, response: value::<M::Reply> }
}

fn orpc<M: Method<Reply: std::fmt::Debug> + std::fmt::Debug>() -> Operation {
    let (interface, iid) = (M::Interface::NAME, M::Interface::SYNTAX.uuid);
    let request: Show = |r| Ok(json!({ "this": value::<OrpcThis>(r)?, "in": value::<M>(r)? }));
    let response: Show = |r| Ok(json!({ "that": value::<OrpcThat>(r)?, "out": value::<M::Reply>(r)?, "result": result(r)? }));
    Operation { interface, iid, opnum: M::OPNUM, name: M::NAME, request, response }
}

/// What a method returned, by the name that fits: WBEM statuses are HRESULTs too.
fn result(r: &mut Reader) -> Result<Json, DecodeError> {
    let code = HResult::decode(r)?;
    Ok(if code.name().is_some() { code.to_string() } else { status(code).to_string() }.into())
}

macro_rules! operations { ($($kind:ident { $($m:ty),* $(,)? })*) => { vec![$( $( $kind::<$m>() ),* ),*] } }

/// Every operation of every interface that this program knows.
fn operations() -> Vec<Operation> {
    operations! {
        plain {
            ResolveOxid, SimplePing, ComplexPing, ServerAlive, ResolveOxid2, ServerAlive2,
            RemoteGetClassObject, RemoteCreateInstance, RemoteActivation,
            EptLookup, EptMap, EptLookupHandleFree, InqIfIds, InqStats, IsServerListening, InqPrincName
        }
        orpc {
            RemQueryInterface, RemAddRef, RemRelease,
            rem_unknown2::RemQueryInterface, rem_unknown2::RemAddRef, rem_unknown2::RemRelease, rem_unknown2::RemQueryInterface2,
            FactoryCreateInstance, RemoteLockServer,
            EstablishPosition, RequestChallenge, WbemLogin, NtlmLogin, SetClientInfo, SetClientInfoEx, SetEvent,
            OpenNamespace, CancelAsyncCall, QueryObjectSink, GetObject, GetObjectAsync, PutClass, PutClassAsync, DeleteClass,
            DeleteClassAsync, CreateClassEnum, CreateClassEnumAsync, PutInstance, PutInstanceAsync, DeleteInstance, DeleteInstanceAsync,
            CreateInstanceEnum, CreateInstanceEnumAsync, ExecQuery, ExecQueryAsync, ExecNotificationQuery, ExecNotificationQueryAsync,
            ExecMethod, ExecMethodAsync,
            GetResultObject, GetResultString, GetResultServices, GetCallStatus,
            Reset, Next, NextAsync, CloneEnum, Skip,
            GetSmartEnum, SmartNext, Indicate, SetStatus, Backup, Restore,
            AddObjectToRefresher, AddObjectToRefresherByTemplate, AddEnumToRefresher, RemoveObjectFromRefresher,
            GetRemoteRefresher, ReconnectRemoteRefresher,
            RemoteRefresh, StopRefreshing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_ndr::{Encode, Writer};

    fn request(method: &impl Encode) -> Bytes {
        let mut w = Writer::default();
        OrpcThis::new(rwmi_dcom::ComVersion::V5_7, 0, rwmi_dcom::Cid::default()).encode(&mut w);
        method.encode(&mut w);
        w.finish()
    }

    #[test]
    fn a_request_is_shown_by_name_and_by_number() {
        let stub = request(&ExecQuery { language: "WQL".into(), query: "SELECT * FROM A".into(), flags: 0x30, context: None });
        let by_name = json(stub.clone(), "iwbemservices", 20, false).unwrap();
        assert_eq!(by_name["parameters"]["in"]["flags"], 0x30);
        assert!(by_name["parameters"]["in"]["query"].to_string().contains("SELECT * FROM A"), "{by_name:#}");
        assert_eq!(by_name["method"], "exec_query");
        assert_eq!(json(stub.clone(), "9556dc99-828c-11cf-a37e-00aa003240c7", 20, false).unwrap(), by_name);
        for cut in 0..stub.len() {
            assert!(json(stub.slice(..cut), "IWbemServices", 20, false).is_err());
        }
    }

    #[test]
    fn what_is_not_known_is_told_with_what_is() {
        let e = json(Bytes::new(), "INothing", 3, false).unwrap_err();
        assert!(e.hint.unwrap().contains("IWbemServices, "));
        let e = json(Bytes::new(), "IWbemFetchSmartEnum", 9, false).unwrap_err();
        assert!(e.hint.unwrap().contains("3 "));
    }
}
