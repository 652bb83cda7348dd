//! Calls and structures.

use super::named;
use super::objects::entities;
use crate::ndr::shape;
use bytes::Bytes;
use rwmi_dcom::activation::{ActivatedInterface, ActivationReply, ActivationRequest, Direction};
use rwmi_dcom::interfaces::*;
use rwmi_dcom::*;
use rwmi_ndr::{Conformant, Encode, Guid, HResult, Octets, Win32Error, Writer, guid};
use rwmi_rpc::epm::{ContextHandle, EptMap};
use rwmi_rpc::{Interface, Method, Tower};
use rwmi_wbem::interfaces::*;
use rwmi_wbem::{Bstr, ClassObjectRef, Context, ContextValue};
use rwmi_wmio::{EncodeOptions, encode_unit};

pub(super) fn ndr() -> Vec<(String, Vec<u8>)> {
    let mut out = Seeds::default();
    let (uuid, ipid) = (guid!("9556dc99-828c-11cf-a37e-00aa003240c7"), Ipid(Guid([9; 16])));
    let strings = vec![StringBinding::tcp("lx1", Some(24158)), StringBinding::tcp("192.0.2.7", None)];
    let resolver = DualStringArray { strings, security: vec![SecurityBinding::service(10)] };
    let std = StdObjRef { flags: 0, public_refs: 5, oxid: Oxid(1), oid: Oid(2), ipid };
    let standard = ObjRef::Standard { iid: Iid(uuid), std, resolver: resolver.clone() };
    let handler = ObjRef::Handler { iid: Iid(uuid), std, clsid: Clsid(uuid), resolver: resolver.clone() };
    let elements = vec![DataElement { id: uuid, len: 3, data: Bytes::from_static(b"abc\0\0\0\0\0") }];
    let extended = ObjRef::Extended { iid: Iid(uuid), std, resolver: resolver.clone(), elements };
    let context = Context {
        id: uuid,
        values: vec![
            ("a".into(), ContextValue::I4(64)),
            ("b".into(), ContextValue::Text("é".into())),
            ("c".into(), ContextValue::Array(8, vec![ContextValue::Text("x".into())])),
            ("d".into(), ContextValue::R4(1.5)),
            ("e".into(), ContextValue::Null),
        ],
    };
    let pointer = InterfacePointer(standard.to_octets());
    let unit = entities().last().map(|e| encode_unit(e, &EncodeOptions::default()).expect("an object of ours is encoded"));
    let object = ClassObjectRef(unit.unwrap_or_default().into()).to_pointer();
    for reference in [&standard, &handler, &extended] {
        out.octets("ObjRef", &reference.to_octets());
    }
    out.octets("ObjRef", &object.0);
    out.octets("ObjRef", &context.to_pointer().0);
    out.octets("Context", &context.to_octets());
    let mut bindings = Vec::new();
    resolver.write(&mut bindings);
    out.octets("DualStringArray", &bindings);
    let tower = Tower::tcp(&IObjectExporter::SYNTAX, &rwmi_rpc::pdu::NDR, 24158, [192, 0, 2, 7].into());
    out.octets("Tower", &tower.octets());
    let info = ErrorInfo { help_context: 1, iid: Iid(uuid), source: Some("s".into()), description: Some("ö".into()), help_file: None };
    let mut w = Writer::default();
    Extents(vec![info.to_extent()]).encode(&mut w);
    out.octets("ErrorInfo", &w.finish());

    let request = ActivationRequest { server: Some("lx1".into()), ..ActivationRequest::new(Clsid(uuid), vec![Iid(uuid), Iid::IUNKNOWN]) };
    let interfaces = [Some(pointer.clone()), None].map(|pointer| ActivatedInterface { iid: Iid(uuid), result: HResult(0), pointer });
    let version = ComVersion::V5_7;
    let reply = ActivationReply {
        oxid: Oxid(1),
        bindings: resolver.clone(),
        rem_unknown: ipid,
        authn_hint: 5,
        version,
        interfaces: interfaces.into(),
    };
    out.octets("ActivationBlob", &request.to_blob().to_octets());
    out.octets("ActivationBlob", &reply.to_blob().to_octets());
    let orpc_this = OrpcThis::new(version, 1, Cid(uuid));
    let properties = Some(request.to_blob().to_pointer(Direction::In));
    out.plain(&RemoteCreateInstance { orpc_this: orpc_this.clone(), outer: None, properties });
    let properties = Some(reply.to_blob().to_pointer(Direction::Out));
    out.plain_reply::<RemoteCreateInstance>(&RemoteCreateInstanceReply { orpc_that: OrpcThat::default(), properties, result: HResult(0) });
    out.plain(&RemoteActivation {
        orpc_this,
        clsid: Clsid(uuid),
        object_name: Some("x".into()),
        storage: None,
        impersonation: 2,
        mode: 0,
        iid_count: 1,
        iids: Some(Conformant(vec![Iid(uuid)])),
        protseq_count: 1,
        protseqs: Conformant(vec![7]),
    });
    out.plain_reply::<RemoteActivation>(&RemoteActivationReply {
        orpc_that: OrpcThat::default(),
        oxid: Oxid(1),
        bindings: Some(resolver.clone()),
        rem_unknown: ipid,
        authn_hint: 5,
        version,
        result: HResult(0),
        interfaces: Conformant(vec![Some(pointer.clone())]),
        results: Conformant(vec![HResult(0)]),
        status: Win32Error(0),
    });
    let bindings = Some(resolver);
    out.plain_reply::<ServerAlive2>(&ServerAlive2Reply { version, bindings, reserved: 0, status: Win32Error(0) });
    out.plain(&ResolveOxid2 { oxid: Oxid(1), protseq_count: 1, protseqs: Conformant(vec![7]) });
    let add = Some(Conformant(vec![Oid(1), Oid(2)]));
    out.plain(&ComplexPing { set: SetId(1), sequence: 1, add_count: 2, delete_count: 0, add, delete: None });
    out.plain(&EptMap { object: Some(uuid), tower: Some(tower), handle: ContextHandle::default(), max_towers: 4 });

    let refs = Conformant(vec![RemInterfaceRef { ipid, public_refs: 5, private_refs: 0 }]);
    out.object(&RemRelease { count: 1, refs });
    out.object(&RemQueryInterface { ipid, refs: 5, count: 1, iids: Conformant(vec![Iid(uuid)]) });
    let results = Some(Conformant(vec![RemQiResult { result: HResult(0), std }]));
    out.object_reply::<RemQueryInterface>(&RemQueryInterfaceReply { results });
    let context = Some(context.to_pointer());
    out.object(&NtlmLogin { resource: Some("//./root/cimv2".into()), locale: None, flags: 0, context: context.clone() });
    out.object_reply::<NtlmLogin>(&NtlmLoginReply { services: Some(pointer.clone()) });
    out.object(&ExecQuery { language: "WQL".into(), query: "SELECT * FROM X".into(), flags: 0x30, context: context.clone() });
    out.object(&GetObject { path: "X=1".into(), flags: 0, context, object: Some(None), result: None });
    out.object_reply::<GetObject>(&GetObjectReply { object: Some(Some(object.clone())), result: None });
    out.object(&PutInstance { object: Some(object.clone()), flags: 0, context: None, result: Some(None) });
    out.object(&ExecMethod {
        path: Bstr::Null,
        method: Bstr::Absent,
        flags: 0,
        context: None,
        in_params: Some(object.clone()),
        out_params: Some(Some(pointer)),
        result: None,
    });
    out.object_reply::<Next>(&NextReply::new(4, vec![object.clone(), object.clone()]));
    out.object(&SmartNext { proxy: uuid, timeout_ms: -1, count: 10 });
    out.object_reply::<SmartNext>(&SmartNextReply { returned: 1, size: 4, buffer: Some(Octets(Bytes::from_static(b"abcd"))) });
    out.object(&Indicate { count: 1, objects: Conformant(vec![Some(object)]) });
    out.0
}

#[derive(Default)]
struct Seeds(Vec<(String, Vec<u8>)>);

impl Seeds {
    fn octets(&mut self, name: &str, octets: &[u8]) {
        let number = shape(name).unwrap_or_else(|| panic!("no shape {name}"));
        self.0.push(named(format_args!("{}-{}", name.replace(' ', "-"), self.0.len()), [&[number], octets].concat()));
    }

    fn encoded<M>(&mut self, what: &str, parts: &[&dyn Fn(&mut Writer)]) {
        let mut w = Writer::default();
        parts.iter().for_each(|part| part(&mut w));
        let method = std::any::type_name::<M>().rsplit("::").next().unwrap_or_default();
        self.octets(&format!("{method} {what}"), &w.finish());
    }

    fn plain<M: Method>(&mut self, request: &M) {
        self.encoded::<M>("request", &[&|w| request.encode(w)]);
    }

    fn plain_reply<M: Method>(&mut self, reply: &M::Reply) {
        self.encoded::<M>("reply", &[&|w| reply.encode(w)]);
    }

    fn object<M: Method>(&mut self, request: &M) {
        let this = OrpcThis::new(ComVersion::V5_7, 0, Cid(Guid([3; 16])));
        self.encoded::<M>("request", &[&|w| this.encode(w), &|w| request.encode(w)]);
    }

    fn object_reply<M: Method>(&mut self, reply: &M::Reply) {
        self.encoded::<M>("reply", &[&|w| OrpcThat::default().encode(w), &|w| reply.encode(w), &|w| HResult(0).encode(w)]);
    }
}
