//! A client and a server of WMI in one process: every octet is real, no socket.

use bytes::Bytes;
use rwmi_auth::{AuthLevel, Identity};
use rwmi_cim::WbemStatus;
use rwmi_dcom::client::{self, Fallback};
use rwmi_dcom::interfaces::IRemUnknown2;
use rwmi_dcom::*;
use rwmi_ndr::{Encode, Guid, HResult, Limits, Octets, Reader, WideString, Writer};
use rwmi_rpc::{CallContext, Channel, ChannelError, Dispatch, Interface, SyntaxId};
use rwmi_wbem::interfaces::*;
use rwmi_wbem::*;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Waker};

/// A login object.
struct Login;
impl WbemLevel1Login for Login {
    async fn establish_position(&self, _: &ObjectContext, _: EstablishPosition) -> Outcome<EstablishPositionReply> {
        Ok((EstablishPositionReply { locale_version: 1 }, HResult::S_OK))
    }
    async fn ntlm_login(&self, cx: &ObjectContext, call: NtlmLogin) -> Outcome<NtlmLoginReply> {
        if call.resource.is_none_or(|r| r.0 != "//./root/cimv2") {
            return Err(Failure::described(hresult(WbemStatus::INVALID_NAMESPACE), "rwmi", "no such namespace"));
        }
        let services = ExportedObject::new(IWbemServices::serve(Arc::new(Services))).denied_with(hresult(WbemStatus::ACCESS_DENIED));
        Ok((NtlmLoginReply { services: Some(cx.export(services, IWbemServices::IID)?) }, HResult::S_OK))
    }
}
impl WbemLoginClientIdEx for Login {
    async fn set_client_info_ex(&self, cx: &ObjectContext, _: SetClientInfoEx) -> Outcome<SetClientInfoExReply> {
        cx.session.want_error_info();
        Ok((SetClientInfoExReply {}, HResult::S_OK))
    }
}

/// A namespace in which every query has three rows.
struct Services;
impl WbemServices for Services {
    async fn exec_query(&self, cx: &ObjectContext, call: ExecQuery) -> Outcome<ExecQueryReply> {
        let refuse = |status: WbemStatus| Failure::from(hresult(status));
        check_flags(20, call.flags).map_err(refuse)?;
        check_len(&call.query, flags::QUERY_LEN_MAX).map_err(refuse)?;
        if call.language.text_or_empty() != "WQL" {
            return Err(refuse(WbemStatus::INVALID_QUERY_TYPE));
        }
        let rows = Arc::new(Rows(AtomicU32::new(3)));
        let object = ExportedObject::new(IEnumWbemClassObject::serve(rows.clone())).with(IWbemFetchSmartEnum::serve(rows));
        Ok((ExecQueryReply { enumerator: Some(cx.export(object, IEnumWbemClassObject::IID)?) }, HResult::S_OK))
    }
    async fn get_object(&self, _: &ObjectContext, call: GetObject) -> Outcome<GetObjectReply> {
        let object = ClassObjectRef(call.path.text_or_empty().into());
        let reply = GetObjectReply { object: answer(&call.object, Some(object.to_pointer())), result: answer(&call.result, None) };
        Ok((reply, HResult::S_OK))
    }
}

struct Rows(AtomicU32);
impl Rows {
    fn take(&self, count: u32) -> (u32, HResult) {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(count), Ordering::Relaxed);
        (left.min(count), if left < count { HResult::S_FALSE } else { HResult::S_OK })
    }
}
impl EnumWbemClassObject for Rows {
    async fn next(&self, _: &ObjectContext, call: Next) -> Outcome<NextReply> {
        let (n, code) = self.take(call.count);
        let row = ClassObjectRef(Bytes::from_static(b"row")).to_pointer();
        Ok((NextReply::new(call.count, vec![row; n as usize]), code))
    }
}
impl WbemFetchSmartEnum for Rows {
    async fn smart_enum(&self, cx: &ObjectContext, _: GetSmartEnum) -> Outcome<GetSmartEnumReply> {
        let smart = ExportedObject::new(IWbemWCOSmartEnum::serve(Arc::new(Rows(AtomicU32::new(2)))));
        Ok((GetSmartEnumReply { enumerator: Some(cx.export(smart, IWbemWCOSmartEnum::IID)?) }, HResult::S_OK))
    }
}
impl WbemWcoSmartEnum for Rows {
    async fn next(&self, _: &ObjectContext, call: SmartNext) -> Outcome<SmartNextReply> {
        let (n, code) = self.take(call.count);
        Ok((SmartNextReply::new(n, Bytes::from_static(b"packet")), code))
    }
}

struct Maker;
impl Activator for Maker {
    fn create<'a>(
        &'a self,
        _: Clsid,
        _: &'a ActivationContext,
    ) -> Pin<Box<dyn Future<Output = Result<ExportedObject, HResult>> + Send + 'a>> {
        Box::pin(async {
            let login = Arc::new(Login);
            Ok(ExportedObject::new(IWbemLevel1Login::serve(login.clone())).with(IWbemLoginClientIDEx::serve(login)))
        })
    }
    fn has_class(&self, clsid: Clsid) -> bool {
        clsid == CLSID_WBEM_LEVEL1_LOGIN
    }
}

#[derive(Clone)]
struct Local(Exporter, &'static str);
impl Channel for Local {
    async fn call_raw(&self, iface: SyntaxId, object: Option<Guid>, opnum: u16, stub: Bytes) -> Result<Bytes, ChannelError> {
        let caller = Some(Arc::new(Identity { user: self.1.into(), domain: String::new(), identify_only: false }));
        let address = SocketAddr::from(([127, 0, 0, 1], 135));
        let cx = CallContext { object, caller, level: AuthLevel::Privacy, peer: address, local: address, connection: 1 };
        let dispatch: Arc<dyn Dispatch> =
            if iface == IRemoteSCMActivator::SYNTAX { self.0.activator(Arc::new(Maker)) } else { Arc::new(self.0.clone()) };
        dispatch.dispatch(&cx, opnum, stub).await.map_err(ChannelError::Fault)
    }
}

fn run<F: Future>(f: F) -> F::Output {
    match std::pin::pin!(f).as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(v) => v,
        Poll::Pending => panic!("nothing here waits"),
    }
}
fn ipid(pointer: &Option<InterfacePointer>) -> Ipid {
    pointer.as_ref().unwrap().objref().unwrap().std().unwrap().ipid
}
fn login(channel: &Local) -> (Proxy<IWbemLevel1Login, Local>, Proxy<IRemUnknown2, Local>) {
    let orpc = Orpc::new(ComVersion::V5_7).unwrap();
    let request = ActivationRequest::new(CLSID_WBEM_LEVEL1_LOGIN, vec![IWbemLevel1Login::IID]);
    let reply = run(client::activate(channel, orpc, &request, Fallback::None)).unwrap();
    let login: Proxy<IWbemLevel1Login, _> = Proxy::new(channel.clone(), ipid(&reply.interfaces[0].pointer), orpc);
    (login.clone(), login.at(reply.rem_unknown))
}
fn services(login: &Proxy<IWbemLevel1Login, Local>) -> Proxy<IWbemServices, Local> {
    let call = NtlmLogin { resource: Some("//./root/cimv2".into()), locale: None, flags: 0, context: None };
    login.at(ipid(&run(login.call(&call)).unwrap().0.services))
}
fn query(text: &str, flags: i32) -> ExecQuery {
    ExecQuery { language: "WQL".into(), query: text.into(), flags, context: None }
}
fn world() -> Local {
    Local(Exporter::new(ExporterOptions::default()).unwrap(), "a")
}

#[test]
fn rows_come_by_both_enumerators() {
    let channel = world();
    let (login, remote) = login(&channel);
    assert_eq!(run(login.call(&EstablishPosition { reserved1: None, reserved2: 0 })).unwrap().0.locale_version, 1);
    let services = services(&login);
    let (reply, _) = run(services.call(&query("SELECT * FROM A", 0x30))).unwrap();
    let rows: Proxy<IEnumWbemClassObject, _> = services.at(ipid(&reply.enumerator));

    let (reply, code) = run(rows.call(&Next { timeout_ms: -1, count: 2 })).unwrap();
    assert_eq!((reply.returned, reply.objects.objects.len(), code), (2, 2, HResult::S_OK));
    let row = reply.objects.objects[0].as_ref().unwrap();
    assert_eq!(ClassObjectRef::from_pointer(row).unwrap().0, &b"row"[..]);
    let (reply, code) = run(rows.call(&Next { timeout_ms: -1, count: 2 })).unwrap();
    assert_eq!((reply.objects.max, reply.returned, code), (2, 1, HResult::S_FALSE));

    let fetch = run(client::query_interface(&remote, rows.ipid(), IWbemFetchSmartEnum::IID)).unwrap();
    let fetch: Proxy<IWbemFetchSmartEnum, _> = rows.at(fetch.ipid);
    let (reply, _) = run(fetch.call(&GetSmartEnum {})).unwrap();
    let smart: Proxy<IWbemWCOSmartEnum, _> = rows.at(ipid(&reply.enumerator));
    let call = SmartNext { proxy: Guid([7; 16]), timeout_ms: -1, count: 2 };
    let (reply, code) = run(smart.call(&call)).unwrap();
    assert_eq!((reply.returned, reply.size, reply.buffer, code), (2, 6, Some(Octets(Bytes::from_static(b"packet"))), HResult::S_OK));
    let (reply, code) = run(smart.call(&call)).unwrap();
    assert_eq!((reply.returned, reply.size, reply.buffer, code), (0, 0, None, HResult::S_FALSE));
}

#[test]
fn an_illegal_flag_and_another_language_are_refused() {
    let channel = world();
    let services = services(&login(&channel).0);
    let status = |call: &ExecQuery| status(run(services.call(call)).unwrap_err().hresult().unwrap());
    assert_eq!(status(&query("SELECT * FROM A", 0x40)), WbemStatus::INVALID_PARAMETER);
    assert_eq!(status(&ExecQuery { language: "SQL".into(), ..query("", 0) }), WbemStatus::INVALID_QUERY_TYPE);
    assert_eq!(status(&query(&"a".repeat(flags::QUERY_LEN_MAX + 1), 0)), WbemStatus::QUOTA_VIOLATION);
}

#[test]
fn an_object_is_given_only_where_it_is_wanted() {
    let channel = world();
    let services = services(&login(&channel).0);
    let call = |object: InOut, result: InOut| GetObject { path: "A".into(), flags: 0, context: None, object, result };
    let (reply, _) = run(services.call(&call(Some(None), None))).unwrap();
    assert_eq!(ClassObjectRef::from_pointer(&reply.object.unwrap().unwrap()).unwrap().0, &b"A"[..]);
    assert_eq!(reply.result, None);
    let (reply, _) = run(services.call(&call(None, Some(None)))).unwrap();
    assert_eq!((reply.object, reply.result), (None, Some(None)));
}

#[test]
fn a_failing_login_says_why_to_who_asked() {
    let channel = world();
    let (login, remote) = login(&channel);
    let bad = NtlmLogin { resource: Some(WideString("//./root/nowhere".into())), locale: None, flags: 0, context: None };
    let (_, code, info) = run(login.call_any(&bad)).unwrap();
    assert_eq!((status(code), info), (WbemStatus::INVALID_NAMESPACE, None));
    let id = run(client::query_interface(&remote, login.ipid(), IWbemLoginClientIDEx::IID)).unwrap();
    let id: Proxy<IWbemLoginClientIDEx, _> = login.at(id.ipid);
    let started = FileTime::default();
    let info = SetClientInfoEx { machine: Some("PC".into()), full_name: None, process: 1, started, reserved: 0 };
    run(id.call(&info)).unwrap();
    let (_, _, info) = run(login.call_any(&bad)).unwrap();
    assert_eq!(info.unwrap().description.as_deref(), Some("no such namespace"));
}

#[test]
fn another_account_gets_access_denied_in_the_words_of_wmi() {
    let channel = world();
    let services = services(&login(&channel).0);
    let thief: Proxy<IWbemServices, _> = Proxy::new(Local(channel.0.clone(), "b"), services.ipid(), services.orpc());
    let error = run(thief.call(&query("SELECT * FROM A", 0))).unwrap_err();
    assert_eq!(status(error.hresult().unwrap()), WbemStatus::ACCESS_DENIED);
}

/// The opnums of an interface answer, with a documented status and nulls; those around them are a fault.
fn check_unwritten(served: Arc<dyn ObjectDispatch>, opnums: std::ops::RangeInclusive<u16>, expect: &[(u16, HResult)], default: HResult) {
    let channel = world();
    let cx = ObjectContext {
        call: CallContext {
            object: None,
            caller: None,
            level: AuthLevel::Privacy,
            peer: SocketAddr::from(([127, 0, 0, 1], 1)),
            local: SocketAddr::from(([127, 0, 0, 1], 1)),
            connection: 1,
        },
        version: ComVersion::V5_7,
        cid: Cid::default(),
        ipid: Ipid::default(),
        extents: None,
        session: Arc::default(),
        exporter: channel.0,
    };
    for opnum in 0..opnums.end() + 3 {
        // Zeros are NULL pointers, empty strings and no flags: every method can read them.
        let answer = run(served.dispatch(&cx, opnum, Reader::new(vec![0; 256].into(), Limits::default())));
        if !opnums.contains(&opnum) {
            assert!(answer.is_err(), "{} {opnum}", served.name());
            continue;
        }
        let stub = answer.unwrap_or_else(|e| panic!("{} {opnum}: {e}", served.name()));
        let (nulls, code) = stub.split_at(stub.len() - 4);
        let expect = expect.iter().find(|(n, _)| *n == opnum).map_or(default, |(_, code)| *code);
        assert_eq!(HResult(u32::from_le_bytes(code.try_into().unwrap())), expect, "{} {opnum}", served.name());
        assert_eq!(served.refuse(&cx, opnum, expect.into()).unwrap(), stub);
        if !["IWbemLevel1Login", "IWbemCallResult"].contains(&served.name()) {
            assert!(nulls.iter().all(|o| *o == 0), "{} {opnum}", served.name());
        }
    }
}

macro_rules! nothing { ($($t:ident)*) => { struct Nothing; $( impl $t for Nothing {} )* } }
nothing! {
    WbemLevel1Login WbemLoginClientId WbemLoginClientIdEx WbemLoginHelper WbemServices WbemCallResult EnumWbemClassObject
    WbemFetchSmartEnum WbemWcoSmartEnum WbemObjectSink WbemBackupRestore WbemRefreshingServices WbemRemoteRefresher
}
impl backup_ex::WbemBackupRestoreEx for Nothing {}

#[test]
fn every_opnum_answers_also_where_nothing_is_written() {
    let not_supported = hresult(WbemStatus::NOT_SUPPORTED);
    let not_available = hresult(WbemStatus::NOT_AVAILABLE);
    let denied = hresult(WbemStatus::ACCESS_DENIED);
    let n = || Arc::new(Nothing);
    let not_impl = [(3, HResult::E_NOTIMPL), (5, HResult::E_NOTIMPL)];
    check_unwritten(IWbemLevel1Login::serve(n()), 3..=6, &not_impl, not_supported);
    check_unwritten(IWbemLoginClientID::serve(n()), 3..=3, &[], not_supported);
    check_unwritten(IWbemLoginClientIDEx::serve(n()), 3..=3, &[], not_supported);
    check_unwritten(IWbemLoginHelper::serve(n()), 3..=3, &[], not_supported);
    check_unwritten(IWbemServices::serve(n()), 3..=25, &[], not_supported);
    check_unwritten(IWbemCallResult::serve(n()), 3..=6, &[], not_supported);
    check_unwritten(IEnumWbemClassObject::serve(n()), 3..=7, &[], not_supported);
    check_unwritten(IWbemFetchSmartEnum::serve(n()), 3..=3, &[], not_supported);
    check_unwritten(IWbemWCOSmartEnum::serve(n()), 3..=3, &[], not_supported);
    check_unwritten(IWbemObjectSink::serve(n()), 3..=4, &[], not_supported);
    check_unwritten(IWbemBackupRestore::serve(n()), 3..=4, &[], denied);
    check_unwritten(IWbemBackupRestoreEx::serve(n()), 3..=6, &[], denied);
    check_unwritten(IWbemRefreshingServices::serve(n()), 3..=8, &[], not_available);
    check_unwritten(IWbemRemoteRefresher::serve(n()), 3..=4, &[], not_available);
}

#[test]
fn a_context_travels_with_a_call() {
    let context = Context { id: Guid([1; 16]), values: vec![("__ProviderArchitecture".into(), ContextValue::I4(64))] };
    let call = ExecQuery { context: Some(context.to_pointer()), ..query("SELECT * FROM A", 0) };
    let mut w = Writer::default();
    call.encode(&mut w);
    let back = <ExecQuery as rwmi_ndr::Decode>::decode(&mut Reader::new(w.finish(), Limits::default())).unwrap();
    assert_eq!(Context::from_pointer(&back.context.unwrap()), Ok(context));
}
