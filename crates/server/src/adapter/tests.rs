//! The adapter as a client sees it: real octets over a stream within the process, no socket.

mod errors;
mod events;
mod locale;
mod method;
mod put;
mod queries;
mod refused;

use crate::{Config, Running, Server};
use bytes::Bytes;
use rwmi_cim::{DynProvider, Entity, WbemStatus};
use rwmi_dcom::client::{Fallback, Orpc, Proxy, activate, query_interface, server_alive2};
use rwmi_dcom::{ActivationRequest, ComVersion, Iid, InterfacePointer, Ipid};
use rwmi_linux::RowProvider;
use rwmi_ndr::{Guid, HResult, WideString};
use rwmi_net::{ChannelConfig, RpcChannel};
use rwmi_rpc::{Interface, Method};
use rwmi_wbem::interfaces::*;
use rwmi_wbem::{Bstr, CLSID_WBEM_LEVEL1_LOGIN, ClassObjectRef};
use rwmi_wmio::object_array::ObjectArrayDecoder;
use rwmi_wmio::{DecodeOptions, decode_unit};
use std::sync::Arc;

type P<I> = Proxy<I, RpcChannel>;

/// A server with `rows` rows, and a login object of it.
struct Client {
    server: Arc<Running>,
    login: P<IWbemLevel1Login>,
    rem_unknown: P<rwmi_dcom::IRemUnknown2>,
}

impl Client {
    async fn new(rows: u64) -> Client {
        let mut config = Config::default();
        config.test.rows = rows;
        Client::with(config).await
    }

    async fn with(config: Config) -> Client {
        let rows: Arc<dyn DynProvider> = Arc::new(RowProvider::new(config.test.rows));
        Client::over(config, vec![rows]).await
    }

    async fn over(config: Config, providers: Vec<Arc<dyn DynProvider>>) -> Client {
        Client::on(Arc::new(Server::in_process(config, providers).await.unwrap())).await
    }

    /// One more connection to a server.
    async fn on(server: Arc<Running>) -> Client {
        let channel = RpcChannel::over(server.connect(), "in process", &ChannelConfig::default());
        assert_eq!(server_alive2(&channel).await.unwrap().version, ComVersion::V5_7);
        let orpc = Orpc::new(ComVersion::V5_7).unwrap();
        let request = ActivationRequest::new(CLSID_WBEM_LEVEL1_LOGIN, vec![IWbemLevel1Login::IID]);
        let reply = activate(&channel, orpc, &request, Fallback::default()).await.unwrap();
        let login = Proxy::new(channel.clone(), ipid(reply.interfaces[0].pointer.as_ref()), orpc);
        let rem_unknown = Proxy::new(channel, reply.rem_unknown, orpc);
        Client { server, login, rem_unknown }
    }

    async fn login(&self, resource: Option<&str>) -> Result<P<IWbemServices>, HResult> {
        let resource = resource.map(|r| WideString(r.into()));
        let call = NtlmLogin { resource, locale: None, flags: 0, context: None };
        let reply = ok(self.login.call(&call).await)?;
        Ok(self.login.at(ipid(reply.services.as_ref())))
    }

    async fn test(&self) -> P<IWbemServices> {
        self.login(Some("//./root/test")).await.unwrap()
    }

    async fn query(&self, text: &str, flags: i32) -> Result<P<IEnumWbemClassObject>, HResult> {
        let services = self.test().await;
        let reply = ok(services.call(&query(text, flags)).await)?;
        Ok(services.at(ipid(reply.enumerator.as_ref())))
    }

    async fn smart(&self, enumerator: &P<IEnumWbemClassObject>) -> P<IWbemWCOSmartEnum> {
        let fetch = query_interface(&self.rem_unknown, enumerator.ipid(), IWbemFetchSmartEnum::IID).await.unwrap();
        let fetch: P<IWbemFetchSmartEnum> = enumerator.at(fetch.ipid);
        let (reply, _) = fetch.call(&GetSmartEnum {}).await.unwrap();
        enumerator.at(ipid(reply.enumerator.as_ref()))
    }
}

fn query(text: &str, flags: i32) -> ExecQuery {
    ExecQuery { language: "WQL".into(), query: text.into(), flags, context: None }
}

fn ok<R>(result: Result<(R, HResult), rwmi_dcom::client::Error>) -> Result<R, HResult> {
    match result {
        Ok((reply, _)) => Ok(reply),
        Err(e) => Err(e.hresult().unwrap_or_else(|| panic!("{e}"))),
    }
}

fn ipid(pointer: Option<&InterfacePointer>) -> Ipid {
    pointer.unwrap().objref().unwrap().std().unwrap().ipid
}

fn entity(pointer: Option<&InterfacePointer>) -> Entity {
    decode_unit(&ClassObjectRef::from_pointer(pointer.unwrap()).unwrap().0).unwrap()
}

const NOT_FOUND: HResult = hresult(WbemStatus::NOT_FOUND);

async fn code<I: Interface, M: Method<Interface = I>>(proxy: &P<I>, call: M) -> HResult
where
    M::Reply: std::fmt::Debug,
{
    match proxy.call(&call).await {
        Ok((_, code)) => code,
        Err(e) => e.hresult().unwrap_or_else(|| panic!("{e}")),
    }
}

/// Ids of the rows and the status.
async fn next(enumerator: &P<IEnumWbemClassObject>, count: u32) -> (Vec<u64>, HResult) {
    let (reply, code) = enumerator.call(&Next { timeout_ms: -1, count }).await.unwrap();
    assert_eq!(reply.returned as usize, reply.objects.objects.len());
    assert_eq!(reply.objects.max, count);
    let ids = reply.objects.objects.iter().map(|o| entity(o.as_ref()).as_instance().unwrap().get("Id").unwrap());
    (ids.collect(), code)
}

#[tokio::test]
async fn a_login_says_what_is_wrong_with_its_arguments() {
    let client = Client::new(1).await;
    let login = async |resource: Option<&str>, locale: Option<&str>, flags| {
        let wide = |t: Option<&str>| t.map(|t| WideString(t.into()));
        code(&client.login, NtlmLogin { resource: wide(resource), locale: wide(locale), flags, context: None }).await
    };
    assert_eq!(login(None, None, 0).await, HResult::S_OK);
    assert_eq!(login(Some(r"\\any\ROOT\Cimv2"), Some("MS_409,en-US"), 0x40).await, HResult::S_OK);
    assert_eq!(login(Some("root/nothing"), None, 0).await, hresult(WbemStatus::INVALID_NAMESPACE));
    assert_eq!(login(Some(r"\root"), None, 0).await, hresult(WbemStatus::INVALID_PARAMETER));
    assert_eq!(login(Some(&"x".repeat(8174)), None, 0).await, hresult(WbemStatus::QUOTA_VIOLATION));
    assert_eq!(login(None, Some("MS_zz"), 0).await, HResult::E_INVALIDARG);
    assert_eq!(login(None, None, 1).await, hresult(WbemStatus::INVALID_PARAMETER));
    let reply = client.login.call(&EstablishPosition { reserved1: None, reserved2: 0 }).await.unwrap();
    assert_eq!((reply.0.locale_version, reply.1), (1, HResult::S_OK));
    let challenge = RequestChallenge { reserved1: None, reserved2: None };
    assert_eq!(code(&client.login, challenge).await, hresult(WbemStatus::NOT_SUPPORTED));
    let old = WbemLogin { reserved1: None, reserved2: None, reserved3: 0, context: None };
    assert_eq!(code(&client.login, old).await, HResult::E_NOTIMPL);
}

#[tokio::test]
async fn rows_come_by_the_plain_enumerator() {
    let client = Client::new(5).await;
    for flags in [0, 0x10, 0x20, 0x30] {
        let rows = client.query("SELECT * FROM Rwmi_Row", flags).await.unwrap();
        assert_eq!(next(&rows, 2).await, (vec![0, 1], HResult::S_OK));
        assert_eq!(next(&rows, 9).await, (vec![2, 3, 4], HResult::S_FALSE));
        assert_eq!(next(&rows, 1).await, (vec![], HResult::S_FALSE));
        let rewind = if flags & 0x20 == 0 { HResult::S_OK } else { hresult(WbemStatus::INVALID_OPERATION) };
        assert_eq!(code(&rows, Reset {}).await, rewind);
        assert_eq!(code(&rows, CloneEnum {}).await, rewind);
    }
}

#[tokio::test]
async fn a_clone_and_a_skip_keep_their_places() {
    let client = Client::new(5).await;
    let rows = client.query("SELECT Id FROM Rwmi_Row", 0x10).await.unwrap();
    assert_eq!(code(&rows, Skip { timeout_ms: -1, count: 2 }).await, HResult::S_OK);
    let (clone, _) = rows.call(&CloneEnum {}).await.unwrap();
    let clone: P<IEnumWbemClassObject> = rows.at(ipid(clone.enumerator.as_ref()));
    assert_eq!(next(&rows, 1).await.0, [2]);
    assert_eq!(next(&clone, 3).await, (vec![2, 3, 4], HResult::S_OK));
    assert_eq!(code(&rows, Skip { timeout_ms: 0, count: 3 }).await, HResult::S_FALSE);
    assert_eq!(code(&rows, Next { timeout_ms: -2, count: 1 }).await, hresult(WbemStatus::INVALID_PARAMETER));
    assert_eq!(code(&rows, Next { timeout_ms: 0, count: 0 }).await, hresult(WbemStatus::INVALID_PARAMETER));
}

#[tokio::test]
async fn packets_bring_the_class_again_and_share_the_cursor() {
    let client = Client::new(5).await;
    let rows = client.query("SELECT * FROM Rwmi_Row", 0x30).await.unwrap();
    let smart = client.smart(&rows).await;
    let packet = async |count| {
        let (reply, code) = smart.call(&SmartNext { proxy: Guid([7; 16]), timeout_ms: -1, count }).await.unwrap();
        assert_eq!(reply.buffer.as_ref().map_or(0, |b| b.0.len()), reply.size as usize);
        let objects = reply.buffer.map_or(Vec::new(), |b| {
            // A decoder that has seen nothing reads every packet.
            ObjectArrayDecoder::new(DecodeOptions::default()).decode(&b.0).unwrap().objects
        });
        let ids: Vec<u64> = objects.iter().map(|o| o.as_ref().unwrap().as_instance().unwrap().get("Id").unwrap()).collect();
        assert_eq!(ids.len(), reply.returned as usize);
        (ids, code)
    };
    assert_eq!(packet(2).await, (vec![0, 1], HResult::S_OK));
    assert_eq!(next(&rows, 1).await.0, [2]);
    assert_eq!(packet(100).await, (vec![3, 4], HResult::S_FALSE));
    assert_eq!(packet(100).await, (vec![], HResult::S_FALSE));
}

#[tokio::test]
async fn a_packet_that_was_written_ahead_loses_no_row() {
    let client = Client::new(300).await;
    for flags in [0x10, 0x30] {
        let rows = client.query("SELECT * FROM Rwmi_Row", flags).await.unwrap();
        let smart = client.smart(&rows).await;
        let packet = async |count| {
            let (reply, code) = smart.call(&SmartNext { proxy: Guid::NIL, timeout_ms: -1, count }).await.unwrap();
            let packet = ObjectArrayDecoder::new(DecodeOptions::default()).decode(&reply.buffer.unwrap().0).unwrap();
            let ids = packet.objects.iter().map(|o| o.as_ref().unwrap().as_instance().unwrap().get::<u64>("Id").unwrap());
            (ids.collect::<Vec<_>>(), code)
        };
        let mut seen = Vec::new();
        // The same count, another count, and another interface, each after a packet that may have been prepared.
        for round in 0..4 {
            seen.extend(packet(20).await.0);
            seen.extend(packet(20).await.0);
            // Gives the task that writes ahead its turn.
            for _ in 0..round * 10 {
                tokio::task::yield_now().await;
            }
            seen.extend(next(&rows, 3).await.0);
            seen.extend(packet(17).await.0);
            assert_eq!(code(&rows, Skip { timeout_ms: -1, count: 1 }).await, HResult::S_OK);
            seen.push(seen.len() as u64);
        }
        seen.extend(packet(100).await.0);
        assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_packet_is_no_longer_than_it_should_be() {
    let client = Client::new(5000).await;
    let rows = client.query("SELECT * FROM Rwmi_Row", 0x30).await.unwrap();
    let smart = client.smart(&rows).await;
    let mut seen = 0;
    loop {
        let (reply, code) = smart.call(&SmartNext { proxy: Guid::NIL, timeout_ms: -1, count: 100_000 }).await.unwrap();
        seen += reply.returned;
        assert!(reply.size <= 2 * (256 << 10), "{}", reply.size);
        if code == HResult::S_FALSE {
            break;
        }
        assert_eq!(code, HResult::S_OK);
    }
    assert_eq!(seen, 5000);
}

#[tokio::test]
async fn errors_come_from_the_call_or_from_the_enumerator() {
    let client = Client::new(1).await;
    let bad = "SELECT * FROM Nothing";
    let invalid_class = hresult(WbemStatus::INVALID_CLASS);
    assert_eq!(client.query(bad, 0).await.err(), Some(invalid_class));
    assert_eq!(client.query(bad, 0x20).await.err(), Some(invalid_class));
    let later = client.query(bad, 0x30).await.unwrap();
    assert_eq!(code(&later, Next { timeout_ms: -1, count: 1 }).await, invalid_class);
    assert_eq!(code(&later, Next { timeout_ms: -1, count: 1 }).await, HResult::S_FALSE);
    assert_eq!(client.query("SELECT", 0).await.err(), Some(hresult(WbemStatus::INVALID_QUERY)));
    assert_eq!(client.query("SELECT * FROM Rwmi_Row", 0x1).await.err(), Some(hresult(WbemStatus::INVALID_PARAMETER)));
    let services = client.test().await;
    let other = |language: Bstr, query: Bstr| ExecQuery { language, query, flags: 0, context: None };
    assert_eq!(code(&services, other("CQL".into(), "x".into())).await, hresult(WbemStatus::INVALID_QUERY_TYPE));
    assert_eq!(code(&services, other("wql".into(), Bstr::Null)).await, hresult(WbemStatus::INVALID_PARAMETER));
    let long = Bstr::from(&*"x".repeat(16385));
    assert_eq!(code(&services, other("wql".into(), long)).await, hresult(WbemStatus::QUOTA_VIOLATION));
}

#[tokio::test]
async fn error_information_is_for_those_who_said_who_they_are() {
    for told in [false, true] {
        let client = Client::new(1).await;
        if told {
            let id = query_interface(&client.rem_unknown, client.login.ipid(), IWbemLoginClientID::IID).await.unwrap();
            let id: P<IWbemLoginClientID> = client.login.at(id.ipid);
            let machine = Some(WideString("PC".into()));
            assert_eq!(code(&id, SetClientInfo { machine, process: 1, reserved: 0 }).await, HResult::S_OK);
        }
        let services = client.test().await;
        let (_, code, info) = services.call_any(&query("SELECT * FORM x", 0)).await.unwrap();
        assert_eq!(code, hresult(WbemStatus::INVALID_QUERY));
        assert_eq!(info.and_then(|i| i.description).is_some_and(|d| d.contains("FROM")), told);
    }
}

#[tokio::test]
async fn an_object_comes_by_its_path() {
    let client = Client::new(3).await;
    let services = client.test().await;
    let get = async |path: &str, flags| {
        let call = GetObject { path: path.into(), flags, context: None, object: Some(None), result: None };
        ok(services.call(&call).await).map(|r| {
            assert_eq!(r.result, None);
            entity(r.object.unwrap().as_ref())
        })
    };
    let row = get("Rwmi_Row.Id=2", 0).await.unwrap();
    assert_eq!(row.as_instance().unwrap().get::<String>("Name").unwrap(), "row 2");
    assert_eq!(row.as_instance().unwrap().decoration().unwrap().namespace, r"root\test");
    let Entity::Class(class) = get("rwmi_row", 0x20000).await.unwrap() else { panic!("a class") };
    assert!(class.name == "Rwmi_Row" && class.qualifiers.get("Description").is_some());
    let Entity::Class(empty) = get("", 0).await.unwrap() else { panic!("a class") };
    assert!(empty.name.is_empty() && empty.properties.is_empty());
    assert_eq!(get("Rwmi_Row.Id=9", 0).await.err(), Some(NOT_FOUND));
    assert_eq!(get("Nothing", 0).await.err(), Some(NOT_FOUND));
    assert_eq!(get("Nothing.Id=1", 0).await.err(), Some(hresult(WbemStatus::INVALID_CLASS)));
    assert_eq!(get("a b c", 0).await.err(), Some(hresult(WbemStatus::INVALID_OBJECT_PATH)));
    assert_eq!(get("Rwmi_Row", 0x20).await.err(), Some(hresult(WbemStatus::INVALID_PARAMETER)));
}

#[tokio::test]
async fn a_call_result_keeps_what_a_semisynchronous_call_gave() {
    let client = Client::new(3).await;
    let services = client.test().await;
    let get = async |path: &str| -> P<IWbemCallResult> {
        let call = GetObject { path: path.into(), flags: 0x10, context: None, object: None, result: Some(None) };
        let (reply, _) = services.call(&call).await.unwrap();
        assert_eq!(reply.object, None);
        services.at(ipid(reply.result.unwrap().as_ref()))
    };
    let result = get("Rwmi_Row.Id=1").await;
    let (reply, _) = result.call(&GetResultObject { timeout_ms: -1 }).await.unwrap();
    assert!(entity(reply.object.as_ref()).as_instance().is_some());
    assert_eq!(result.call(&GetCallStatus { timeout_ms: 0 }).await.unwrap().0.status, 0);
    assert_eq!(code(&result, GetResultServices { timeout_ms: 0 }).await, hresult(WbemStatus::INVALID_OPERATION));
    assert_eq!(code(&result, GetResultString { timeout_ms: 0 }).await, hresult(WbemStatus::INVALID_OPERATION));
    let result = get("Rwmi_Row.Id=9").await;
    assert_eq!(result.call(&GetCallStatus { timeout_ms: -1 }).await.unwrap().0.status, NOT_FOUND.0);
    assert_eq!(code(&result, GetResultObject { timeout_ms: 0 }).await, NOT_FOUND);
}

#[tokio::test]
async fn a_namespace_opens_from_another() {
    let client = Client::new(1).await;
    let root = client.login(Some("root")).await.unwrap();
    let open = |name: &str, flags, services: InOut, result: InOut| OpenNamespace {
        namespace: name.into(),
        flags,
        context: None,
        services,
        result,
    };
    let (reply, _) = root.call(&open("test", 0, Some(None), None)).await.unwrap();
    let test: P<IWbemServices> = root.at(ipid(reply.services.unwrap().as_ref()));
    assert_eq!(code(&test, query("SELECT * FROM Rwmi_Row", 0)).await, HResult::S_OK);
    let (reply, _) = root.call(&open("test", 0x10, None, Some(None))).await.unwrap();
    let result: P<IWbemCallResult> = root.at(ipid(reply.result.unwrap().as_ref()));
    let (reply, _) = result.call(&GetResultServices { timeout_ms: -1 }).await.unwrap();
    let test: P<IWbemServices> = root.at(ipid(reply.services.as_ref()));
    assert_eq!(code(&test, query("SELECT * FROM Rwmi_Row", 0)).await, HResult::S_OK);
    assert_eq!(code(&root, open("none", 0, Some(None), None)).await, hresult(WbemStatus::INVALID_NAMESPACE));
    assert_eq!(code(&root, open("test", 0, None, None)).await, hresult(WbemStatus::INVALID_PARAMETER));
    assert_eq!(code(&root, open("test", 0x20, Some(None), None)).await, hresult(WbemStatus::INVALID_PARAMETER));
}

#[tokio::test]
async fn a_deletion_leaves_its_failure_in_a_call_result() {
    let client = Client::new(1).await;
    let services = client.test().await;
    let delete = |class: &str, result: InOut| DeleteClass { class: class.into(), flags: 0, context: None, result };
    for (class, expect) in
        [("Nothing", WbemStatus::NOT_FOUND), ("__Provider", WbemStatus::INVALID_OPERATION), ("Rwmi_Row", WbemStatus::INVALID_OPERATION)]
    {
        let (reply, code_of_call) = services.call(&delete(class, Some(None))).await.unwrap();
        assert_eq!(code_of_call, HResult::S_OK);
        let result: P<IWbemCallResult> = services.at(ipid(reply.result.unwrap().as_ref()));
        assert_eq!(result.call(&GetCallStatus { timeout_ms: 0 }).await.unwrap().0.status, expect.0);
        assert_eq!(code(&services, delete(class, None)).await, hresult(expect));
    }
}

#[tokio::test]
async fn what_is_not_built_answers_a_documented_error() {
    let client = Client::new(1).await;
    let services = client.test().await;
    let not_capable = hresult(WbemStatus::PROVIDER_NOT_CAPABLE);
    let invalid = hresult(WbemStatus::INVALID_PARAMETER);
    let method = |method: &str| ExecMethod {
        path: "Rwmi_Row.Id=0".into(),
        method: method.into(),
        flags: 0,
        context: None,
        in_params: None,
        out_params: Some(None),
        result: None,
    };
    assert_eq!(code(&services, method("Delete")).await, hresult(WbemStatus::INVALID_METHOD));
    let notification = |flags| ExecNotificationQuery { language: "WQL".into(), query: "x".into(), flags, context: None };
    assert_eq!(code(&services, notification(0x10)).await, invalid);
    assert_eq!(code(&services, QueryObjectSink { flags: 0 }).await, hresult(WbemStatus::ACCESS_DENIED));
    assert_eq!(code(&services, CancelAsyncCall { sink: None }).await, invalid);
    let put = PutInstance { object: Some(InterfacePointer(Bytes::from_static(b"x"))), flags: 0, context: None, result: None };
    assert_eq!(code(&services, put).await, hresult(WbemStatus::INVALID_OBJECT));
    let delete = |path: &str| DeleteInstance { path: path.into(), flags: 0, context: None, result: None };
    assert_eq!(code(&services, delete("Rwmi_Row.Id=0")).await, not_capable);
    assert_eq!(code(&services, delete("Rwmi_Row.Id=7")).await, NOT_FOUND);
}

#[tokio::test]
async fn classes_are_enumerated() {
    let client = Client::new(1).await;
    let services = client.test().await;
    let list = async |superclass: Bstr, flags| {
        let reply = ok(services.call(&CreateClassEnum { superclass, flags, context: None }).await)?;
        let classes: P<IEnumWbemClassObject> = services.at(ipid(reply.enumerator.as_ref()));
        let (reply, _) = classes.call(&Next { timeout_ms: -1, count: 1000 }).await.unwrap();
        let names = reply.objects.objects.iter().map(|o| entity(o.as_ref()).class().name.clone()).collect::<Vec<_>>();
        Ok::<_, HResult>(names)
    };
    let all = list("\0".into(), 0).await.unwrap();
    assert!(all.contains(&"Rwmi_Row".to_owned()) && all.contains(&"__Win32Provider".to_owned()));
    let top = list(Bstr::Null, 1).await.unwrap();
    assert!(top.len() < all.len() && top.contains(&"Rwmi_Row".to_owned()) && !top.contains(&"__Win32Provider".to_owned()));
    assert_eq!(list("__Provider".into(), 1).await.unwrap(), ["__Win32Provider"]);
    assert_eq!(list("Nothing".into(), 0).await, Err(hresult(WbemStatus::INVALID_CLASS)));
    let instances = CreateInstanceEnum { class: "__NAMESPACE".into(), flags: 0, context: None };
    let root = client.login(Some("root")).await.unwrap();
    let reply = ok(root.call(&instances).await).unwrap();
    let names: P<IEnumWbemClassObject> = root.at(ipid(reply.enumerator.as_ref()));
    let (reply, _) = names.call(&Next { timeout_ms: -1, count: 10 }).await.unwrap();
    let names: Vec<String> = reply.objects.objects.iter().map(|o| entity(o.as_ref()).as_instance().unwrap().get("Name").unwrap()).collect();
    assert_eq!(names, ["cimv2", "default", "subscription", "test", "wmi"]);
}

#[tokio::test]
async fn open_namespaces_have_a_limit_and_give_it_back() {
    let mut config = Config::default();
    config.test.rows = 1;
    config.limits.sessions_per_account = 2;
    let client = Client::with(config).await;
    let first = client.test().await;
    let _second = client.test().await;
    assert_eq!(client.login(None).await.err(), Some(hresult(WbemStatus::QUOTA_VIOLATION)));
    let release = rwmi_dcom::interfaces::RemInterfaceRef { ipid: first.ipid(), public_refs: 1, private_refs: 0 };
    rwmi_dcom::client::release(&client.rem_unknown, vec![release]).await.unwrap();
    assert!(client.login(None).await.is_ok());
}

#[tokio::test]
async fn an_unknown_class_and_an_unknown_interface_are_told() {
    let client = Client::new(1).await;
    let channel = client.login.channel();
    let request = ActivationRequest::new(rwmi_dcom::Clsid(Guid([9; 16])), vec![IWbemLevel1Login::IID]);
    let error = activate(channel, client.login.orpc(), &request, Fallback::default()).await.unwrap_err();
    assert_eq!(error.hresult(), Some(HResult::REGDB_E_CLASSNOTREG), "{error}");
    let other = query_interface(&client.rem_unknown, client.login.ipid(), Iid(Guid([9; 16]))).await.unwrap_err();
    assert_eq!(other.hresult(), Some(HResult::E_NOINTERFACE), "{other}");
}
