//! The octets in docs/protocols are those that our encoders write.

use rwmi_auth::{Credentials, Secret, SecurityContext, Step, ntlm, spnego};
use rwmi_cim::{CimType, Class, Entity, Instance, Object, Property, WbemStatus};
use rwmi_dcom::interfaces::IObjectExporter;
use rwmi_dcom::{Cid, ComVersion, ObjRef, Oid, OrpcThat, OrpcThis, Oxid, StdObjRef};
use rwmi_ndr::{Encode, Guid, Writer};
use rwmi_rpc::Interface;
use rwmi_rpc::pdu::{Bind, Body, ContextElement, Flags, NDR, Pdu, Request};
use rwmi_wbem::interfaces::{ExecQuery, ExecQueryReply, IWbemServices, hresult};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Octets by name: `<!-- octets: NAME -->` stands before a block of `place  octets | what they are`.
fn shown() -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for page in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocols")).unwrap() {
        let text = std::fs::read_to_string(page.unwrap().path()).unwrap();
        for part in text.split("<!-- octets: ").skip(1) {
            let (name, rest) = part.split_once(" -->").unwrap();
            let block = rest.split("```").nth(1).unwrap();
            let mut octets = Vec::new();
            for line in block.lines().skip(1) {
                let mut words = line.split('|').next().unwrap().split_whitespace();
                assert_eq!(usize::from_str_radix(words.next().unwrap(), 16), Ok(octets.len()), "{name}: {line}");
                octets.extend(words.map(|w| u8::from_str_radix(w, 16).unwrap()));
            }
            assert!(found.insert(name.to_owned(), octets).is_none(), "{name} twice");
        }
    }
    found
}

fn first_token(mut context: impl SecurityContext) -> Vec<u8> {
    match context.step(&[]).unwrap() {
        Step::Continue(token) => token,
        Step::Done(_) => panic!("an initiator begins"),
    }
}

fn pdu(call_id: u32, body: Body) -> Vec<u8> {
    Pdu::new(Flags(3), call_id, body, None).encode().unwrap().to_vec()
}

fn stub(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::default();
    write(&mut w);
    w.finish().to_vec()
}

#[test]
fn the_octets_in_the_pages_are_what_the_encoders_write() {
    let credentials = Credentials { user: "alice".into(), domain: String::new(), password: Secret::new("secret") };
    let ntlm = || ntlm::Initiator::new(&credentials, ntlm::InitiatorOptions::default());
    let contexts = vec![ContextElement::new(0, IObjectExporter::SYNTAX, NDR)];
    let bind = Bind { max_xmit: 5840, max_recv: 5840, group: 0, reserved: [0; 3], contexts, tail: Default::default() };
    let request = Request { alloc_hint: 0, context_id: 0, opnum: 5, object: None, stub: Default::default() };
    let std = StdObjRef {
        flags: 0,
        public_refs: 1,
        oxid: Oxid(0x1122_3344_5566_7788),
        oid: Oid(0x99aa_bbcc_ddee_ff00),
        ipid: rwmi_dcom::Ipid(Guid([7; 16])),
    };
    let objref = ObjRef::Standard { iid: IWbemServices::IID, std, resolver: Default::default() };
    let exec_query = ExecQuery { language: "WQL".into(), query: "SELECT * FROM A".into(), flags: 0x30, context: None };
    let properties = vec![Property::new("Name", CimType::String), Property::new("Size", CimType::Uint32)];
    let mut demo = Instance::new(Arc::new(Class { name: "Demo".into(), properties, ..Class::default() }));
    demo.set("Name", "disk").unwrap();
    let expect = BTreeMap::from([
        ("bind", pdu(1, Body::Bind(bind))),
        ("request", pdu(2, Body::Request(request))),
        ("negotiate", first_token(ntlm())),
        ("spnego", first_token(spnego::Initiator::new(vec![Box::new(ntlm())]))),
        ("objref", objref.to_octets().to_vec()),
        (
            "exec_query",
            stub(|w| {
                OrpcThis::new(ComVersion::V5_7, 0, Cid(Guid([0x11; 16]))).encode(w);
                exec_query.encode(w);
            }),
        ),
        (
            "refusal",
            stub(|w| {
                OrpcThat { flags: 0, extensions: None }.encode(w);
                ExecQueryReply { enumerator: None }.encode(w);
                hresult(WbemStatus::INVALID_CLASS).encode(w);
            }),
        ),
        ("wmio", rwmi_wmio::encode_unit(&Entity::Instance(Object::from(demo)), &Default::default()).unwrap()),
    ]);
    let shown = shown();
    assert_eq!(shown.keys().map(String::as_str).collect::<Vec<_>>(), expect.keys().copied().collect::<Vec<_>>());
    for (name, octets) in &expect {
        assert_eq!(shown.get(*name), Some(octets), "{name}");
    }
}
