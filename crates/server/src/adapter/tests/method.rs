//! ExecMethod over the wire, with a provider that says back what it was told.

use super::*;
use rwmi_cim::{
    CimType, Class, Enumerate, Instance, InvokeResult, ObjectPath, Property, Provider, ProviderResult, RequestContext, Sink, Value,
};
use tokio::sync::Notify;

/// Stands in the place of the one of the shipped classes.
struct Fake(Arc<Notify>);

impl Provider for Fake {
    fn name(&self) -> &str {
        "rwmi-linux"
    }

    fn reads_only(&self, _: &Class, method: &str) -> bool {
        method == "GetOwner"
    }

    async fn enumerate(&self, _: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        let mut row = Instance::new(req.class.clone());
        row.set("Handle", "1").unwrap();
        sink.indicate(row).await
    }

    async fn invoke(
        &self,
        cx: &RequestContext,
        class: &Arc<Class>,
        path: &ObjectPath,
        method: &str,
        args: Option<Instance>,
    ) -> InvokeResult {
        if method == "Terminate" {
            self.0.notified().await;
        }
        let mut answer = class.method(method).unwrap().returning(0);
        let command = args.as_ref().and_then(|a| a.get("CommandLine")).and_then(Value::as_str).unwrap_or_default();
        let _ = answer.set("User", format!("{path} {} {}", cx.elevated, cx.local));
        let _ = answer.set("ProcessId", command.len() as u32);
        Ok(answer)
    }
}

async fn client(allow: &[&str]) -> (Client, Arc<Notify>) {
    let mut config = Config::default();
    config.methods.allow = allow.iter().map(|a| (*a).to_owned()).collect();
    let go = Arc::new(Notify::new());
    let provider: Arc<dyn DynProvider> = Arc::new(Fake(go.clone()));
    (Client::over(config, vec![provider]).await, go)
}

fn method(path: &str, method: &str, in_params: Option<InterfacePointer>) -> ExecMethod {
    let (path, method) = (path.into(), method.into());
    ExecMethod { path, method, flags: 0, context: None, in_params, out_params: Some(None), result: None }
}

fn pointer(entity: impl Into<Entity>) -> Option<InterfacePointer> {
    let unit = rwmi_wmio::encode_unit(&entity.into(), &rwmi_wmio::EncodeOptions::default()).unwrap();
    Some(ClassObjectRef(unit.into()).to_pointer())
}

/// In parameters as a client makes them from the class that it got.
async fn create(services: &P<IWbemServices>, command: &str) -> Instance {
    let get = GetObject { path: "Win32_Process".into(), flags: 0, context: None, object: Some(None), result: None };
    let (reply, _) = services.call(&get).await.unwrap();
    let class = entity(reply.object.unwrap().as_ref()).class().clone();
    let mut args = Instance::new(class.method("Create").unwrap().input.clone().unwrap());
    args.set("CommandLine", command).unwrap();
    args
}

fn outs(out_params: Option<&InterfacePointer>) -> Instance {
    let answer = entity(out_params);
    assert_eq!(answer.class().name, "__PARAMETERS");
    let answer = answer.as_instance().unwrap().to_instance().unwrap();
    assert_eq!(answer.decoration, None);
    answer
}

#[tokio::test]
async fn a_method_is_called_and_its_out_parameters_come_back() {
    let (client, _) = client(&["Win32_Process.Create"]).await;
    let s = client.login(None).await.unwrap();
    let args = create(&s, "abc").await;
    let (reply, _) = s.call(&method("Win32_Process", "Create", pointer(args))).await.unwrap();
    assert_eq!(reply.result, None);
    let answer = outs(reply.out_params.unwrap().as_ref());
    assert_eq!((answer.get("ReturnValue"), answer.get("ProcessId")), (Some(&Value::Uint32(0)), Some(&Value::Uint32(3))));
    // What only reads needs no leave. Whoever comes by the local socket is an administrator and is this server's own user.
    let (reply, _) = s.call(&method("Win32_Process.Handle='1'", "GetOwner", None)).await.unwrap();
    let answer = outs(reply.out_params.unwrap().as_ref());
    assert_eq!(answer.get("User"), Some(&Value::from("Win32_Process.Handle=\"1\" true true")));
    // A synchronous call leaves a call result too, where one is wanted.
    let both = ExecMethod { result: Some(None), ..method("Win32_Process.Handle='1'", "GetOwner", None) };
    let (reply, _) = s.call(&both).await.unwrap();
    assert!(reply.out_params.flatten().is_some());
    let result: P<IWbemCallResult> = s.at(ipid(reply.result.unwrap().as_ref()));
    let (reply, _) = result.call(&GetResultObject { timeout_ms: 0 }).await.unwrap();
    outs(reply.object.as_ref());
}

#[tokio::test]
async fn a_semisynchronous_call_leaves_a_result_that_can_be_waited_for() {
    let (client, go) = client(&["Win32_Process.Terminate"]).await;
    let s = client.login(None).await.unwrap();
    let mut reason = Property::new("Reason", CimType::Uint32);
    reason.default = Value::Null;
    let class = Class { name: "__PARAMETERS".into(), properties: vec![reason], ..Class::default() };
    let args = pointer(Instance::new(Arc::new(class)));
    let call = ExecMethod { flags: 0x10, result: Some(None), ..method("Win32_Process.Handle='1'", "Terminate", args) };
    let (reply, code_now) = s.call(&call).await.unwrap();
    assert_eq!((reply.out_params, code_now), (Some(None), HResult::S_OK));
    let result: P<IWbemCallResult> = s.at(ipid(reply.result.unwrap().as_ref()));
    let (reply, waiting) = result.call(&GetResultObject { timeout_ms: 0 }).await.unwrap();
    assert_eq!((reply.object, waiting), (None, hresult(WbemStatus::TIMEDOUT)));
    go.notify_one();
    let (reply, _) = result.call(&GetCallStatus { timeout_ms: -1 }).await.unwrap();
    assert_eq!(reply.status, 0);
    let (reply, _) = result.call(&GetResultObject { timeout_ms: 0 }).await.unwrap();
    assert_eq!(outs(reply.object.as_ref()).get("ReturnValue"), Some(&Value::Uint32(0)));
    // What fails later says so in the result, and the call itself succeeds.
    let call = ExecMethod { flags: 0x10, result: Some(None), ..method("Win32_Process.Handle='1'", "Nothing", None) };
    let (reply, _) = s.call(&call).await.unwrap();
    let result: P<IWbemCallResult> = s.at(ipid(reply.result.unwrap().as_ref()));
    let (reply, _) = result.call(&GetCallStatus { timeout_ms: -1 }).await.unwrap();
    assert_eq!(reply.status, WbemStatus::INVALID_METHOD.0);
    assert_eq!(code(&result, GetResultObject { timeout_ms: -1 }).await, hresult(WbemStatus::INVALID_METHOD));
}

#[tokio::test]
async fn each_refusal_of_a_method_has_its_code_and_null_out_parameters() {
    let (client, _) = client(&[]).await;
    let s = client.login(None).await.unwrap();
    let check = async |call: ExecMethod, expect: WbemStatus| {
        let (reply, code, _) = s.call_any(&call).await.unwrap();
        assert_eq!((reply.out_params.flatten(), reply.result.flatten(), code), (None, None, hresult(expect)), "{call:?}");
    };
    let (process, one) = ("Win32_Process", "Win32_Process.Handle='1'");
    let owner = || method(one, "GetOwner", None);
    use WbemStatus as S;
    // Parameters and limits, then flags.
    check(ExecMethod { path: Bstr::default(), ..owner() }, S::INVALID_PARAMETER).await;
    check(ExecMethod { method: Bstr::default(), ..owner() }, S::INVALID_PARAMETER).await;
    check(ExecMethod { out_params: None, ..owner() }, S::INVALID_PARAMETER).await;
    check(ExecMethod { out_params: None, result: Some(None), ..owner() }, S::INVALID_PARAMETER).await;
    check(ExecMethod { flags: 0x10, ..owner() }, S::INVALID_PARAMETER).await;
    check(method(&"x".repeat(8193), "GetOwner", None), S::QUOTA_VIOLATION).await;
    check(method(one, &"x".repeat(4097), None), S::QUOTA_VIOLATION).await;
    for flags in [0x1, 0x20, 0x80, 0x200, 0x20000, -1] {
        check(ExecMethod { flags, result: Some(None), ..owner() }, S::INVALID_PARAMETER).await;
    }
    let nonsense = || Some(InterfacePointer(Bytes::from_static(b"MEOW")));
    check(ExecMethod { context: nonsense(), ..owner() }, S::INVALID_CONTEXT).await;
    // The object.
    check(method("Win32_Process.", "GetOwner", None), S::INVALID_OBJECT_PATH).await;
    check(method("Nothing", "Create", None), S::INVALID_CLASS).await;
    check(method(process, "Nothing", None), S::INVALID_METHOD).await;
    check(method("Win32_Process.Handle='2'", "GetOwner", None), S::NOT_FOUND).await;
    check(method(process, "GetOwner", None), S::INVALID_METHOD_PARAMETERS).await;
    check(method(process, "Create", None), S::METHOD_DISABLED).await;
    check(method("CIM_Service", "StartService", None), S::METHOD_NOT_IMPLEMENTED).await;
    // What stands for the parameters.
    check(ExecMethod { in_params: nonsense(), ..owner() }, S::INVALID_METHOD_PARAMETERS).await;
    let class = Entity::Class(Arc::new(Class { name: "__PARAMETERS".into(), ..Class::default() }));
    check(ExecMethod { in_params: pointer(class), ..owner() }, S::INVALID_METHOD_PARAMETERS).await;
    let mut args = pointer(create(&s, "abc").await).unwrap();
    args.0 = args.0.slice(..args.0.len() - 3);
    check(ExecMethod { in_params: Some(args), ..owner() }, S::INVALID_METHOD_PARAMETERS).await;
}

#[tokio::test]
async fn a_method_that_is_off_says_how_to_switch_it_on() {
    let (client, _) = client(&["Win32_Process.Terminate"]).await;
    let s = client.login(None).await.unwrap();
    let args = pointer(create(&s, "abc").await);
    // Only who has said who he is gets error information.
    let id = query_interface(&client.rem_unknown, client.login.ipid(), IWbemLoginClientID::IID).await.unwrap();
    let id: P<IWbemLoginClientID> = client.login.at(id.ipid);
    id.call(&SetClientInfo { machine: Some(WideString("pc".into())), process: 1, reserved: 0 }).await.unwrap();
    let (_, code, info) = s.call_any(&method("Win32_Process", "Create", args)).await.unwrap();
    assert_eq!(code, hresult(WbemStatus::METHOD_DISABLED));
    let words = info.and_then(|i| i.description).unwrap();
    assert!(words.ends_with("[methods] allow = [\"Win32_Process.Create\"]"), "{words}");
}
