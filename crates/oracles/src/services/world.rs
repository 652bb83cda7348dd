//! The one server that all runs share, and a client in a namespace of its own.

use rwmi_cim::{
    Class, DynProvider, Entity, Enumerate, Instance, InvokeResult, ObjectPath, Provider, ProviderResult, RequestContext, Sink, Value,
    WbemStatus, mof,
};
use rwmi_dcom::client::{Fallback, Orpc, Proxy, activate};
use rwmi_dcom::interfaces::{RemInterfaceRef, rem_unknown2};
use rwmi_dcom::{ActivationRequest, ComVersion, IRemUnknown2, InterfacePointer, Ipid};
use rwmi_ndr::{Conformant, HResult, WideString};
use rwmi_net::{ChannelConfig, RpcChannel};
use rwmi_rpc::{ChannelError, Interface, Method};
use rwmi_server::{Config, Running, Server};
use rwmi_wbem::interfaces::*;
use rwmi_wbem::{CLSID_WBEM_LEVEL1_LOGIN, ClassObjectRef};
use rwmi_wmio::{EncodeOptions, decode_unit, encode_unit};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

pub(super) type P<I> = Proxy<I, RpcChannel>;

/// Name of the namespace, below the root, in which a run does everything.
pub(super) const NAMESPACE: &str = "fuzz";

/// Classes that every run finds there; their names begin as no other's.
pub(super) const GIVEN: &str = "Fz_";

const MOF: &str = r#"
[dynamic, provider("fuzz")] class Fz_Machine {
    [key] string Name; uint32 Load;
    [static, implemented] uint32 Echo([in] string Text, [in, optional] uint32 Number, [out] string Answer);
    [implemented] uint32 Stop([in] boolean Force);
};
[dynamic, provider("fuzz")] class Fz_Fail { [key] string Name; };
[dynamic, provider("nobody")] class Fz_Nobody { [key] string Name; };
"#;

/// A server without ports, and the one thread that everything runs on.
pub(super) struct World {
    pub(super) runtime: Runtime,
    server: Running,
    given: Vec<Arc<Class>>,
}

/// Made once: compiling the classes that a server comes with takes longer than a run.
pub(super) static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut config = Config::default();
    // Small enough to be reached.
    config.limits.objects_per_account = 256;
    config.limits.enumerator_len_max = 1 << 20;
    config.limits.results_len_max = 8 << 20;
    config.limits.provider_timeout = Duration::from_secs(2);
    let provider: Arc<dyn DynProvider> = Arc::new(Fixed);
    let server = runtime.block_on(Server::in_process(config, vec![provider])).expect("a server");
    let mut memory = mof::Memory::new();
    mof::compile_into(&mof::parse("given", MOF).expect("this is MOF"), "root", &mut memory).expect("this compiles");
    let given = memory.classes("root").filter(|c| c.name.starts_with(GIVEN)).cloned().collect();
    Mutex::new(World { runtime, server, given })
});

/// Three rows of each class, of some fewer and a failure; and an echo.
struct Fixed;

impl Provider for Fixed {
    fn name(&self) -> &str {
        "fuzz"
    }

    async fn enumerate(&self, _: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        for n in 0..3 {
            let mut row = Instance::new(req.class.clone());
            for property in req.class.properties.iter().filter(|p| p.is_key()) {
                // Other types of keys stay NULL, as of a provider that does not know.
                let _ = row.set(&property.name, format!("r{n}"));
            }
            sink.indicate(row).await?;
            if req.class.name.ends_with("Fail") {
                return Err(WbemStatus::PROVIDER_FAILURE);
            }
        }
        Ok(())
    }

    fn reads_only(&self, _: &Class, _: &str) -> bool {
        true
    }

    async fn invoke(&self, _: &RequestContext, class: &Arc<Class>, _: &ObjectPath, method: &str, args: Option<Instance>) -> InvokeResult {
        let output = class.method(method).and_then(|m| m.output.clone()).ok_or(WbemStatus::METHOD_NOT_IMPLEMENTED)?;
        let mut answer = Instance::new(output);
        let given = |name: &str| args.as_ref().and_then(|a| a.get(name).cloned()).unwrap_or(Value::Null);
        let set = answer.set("ReturnValue", 7u32).and_then(|()| match method.eq_ignore_ascii_case("Echo") {
            true => answer.set("Answer", given("Text")),
            false => Ok(()),
        });
        set.map_err(|_| WbemStatus::PROVIDER_FAILURE)?;
        Ok(answer)
    }
}

/// A client that has logged in.
pub(super) struct Client {
    pub(super) rem_unknown: P<IRemUnknown2>,
    root: P<IWbemServices>,
    pub(super) services: P<IWbemServices>,
}

impl Client {
    /// Logs in, and makes the namespace.
    pub(super) async fn new(world: &World) -> Client {
        let channel = RpcChannel::over(world.server.connect(), "in process", &ChannelConfig::default());
        let orpc = Orpc::new(ComVersion::V5_7).expect("randomness");
        let request = ActivationRequest::new(CLSID_WBEM_LEVEL1_LOGIN, vec![IWbemLevel1Login::IID]);
        let reply = activate(&channel, orpc, &request, Fallback::default()).await.expect("a login object");
        let login: P<IWbemLevel1Login> = Proxy::new(channel.clone(), ipid(reply.interfaces[0].pointer.as_ref()), orpc);
        let rem_unknown = Proxy::new(channel, reply.rem_unknown, orpc);
        let root = log_in(&login, "//./root").await;
        // Of a run that was stopped by a broken law.
        let _ = remove_namespace(&root, NAMESPACE).await;
        assert_eq!(make_namespace(&root, NAMESPACE).await, Ok(()), "the namespace of the run is made");
        let services = log_in(&login, &format!("//./root/{NAMESPACE}")).await;
        for class in &world.given {
            let put = PutClass { object: pointer(&Entity::Class(class.clone())), flags: 0, context: None, result: None };
            call(&services, &put).await.unwrap_or_else(|code| panic!("{} is put: {code:#x}", class.name));
        }
        Client { rem_unknown, root, services }
    }

    /// Takes the namespace away again, with everything that is in it.
    pub(super) async fn leave(self) {
        assert_eq!(remove_namespace(&self.root, NAMESPACE).await, Ok(()), "the namespace of the run goes");
    }

    /// Gives a reference back.
    pub(super) async fn release<I: Interface>(&self, proxy: P<I>) {
        let refs = vec![RemInterfaceRef { ipid: proxy.ipid(), public_refs: 1, private_refs: 0 }];
        let _ = call(&self.rem_unknown, &rem_unknown2::RemRelease { count: 1, refs: Conformant(refs) }).await;
    }
}

async fn log_in(login: &P<IWbemLevel1Login>, resource: &str) -> P<IWbemServices> {
    let call = NtlmLogin { resource: Some(WideString(resource.into())), locale: None, flags: 0, context: None };
    let (reply, _) = login.call(&call).await.unwrap_or_else(|e| panic!("{resource}: {e}"));
    login.at(ipid(reply.services.as_ref()))
}

/// Makes a namespace below one.
pub(super) async fn make_namespace(above: &P<IWbemServices>, name: &str) -> Result<(), u32> {
    let get = GetObject { path: "__NAMESPACE".into(), flags: 0, context: None, object: Some(None), result: None };
    let (reply, _) = call(above, &get).await?;
    let class = entity(reply.object.flatten().as_ref());
    let mut instance = Instance::new(class.class().clone());
    instance.set("Name", name).expect("namespaces have names");
    let put = PutInstance { object: pointer(&instance.into()), flags: 0, context: None, result: None };
    call(above, &put).await.map(drop)
}

/// Takes a namespace away.
pub(super) async fn remove_namespace(above: &P<IWbemServices>, name: &str) -> Result<(), u32> {
    let path = format!("__NAMESPACE.Name=\"{name}\"");
    let delete = DeleteInstance { path: path.as_str().into(), flags: 0, context: None, result: None };
    call(above, &delete).await.map(drop)
}

/// Calls: a success with its reply, or a documented failure. Anything else breaks the law that every answer is documented and
/// well-formed.
pub(super) async fn call<I: Interface, M: Method<Interface = I>>(proxy: &P<I>, call: &M) -> Result<(M::Reply, HResult), u32> {
    match proxy.call(call).await {
        Ok((reply, code)) => {
            documented(M::NAME, code.0);
            Ok((reply, code))
        }
        Err(e) => match (e.hresult(), &e) {
            (Some(code), _) => {
                documented(M::NAME, code.0);
                Err(code.0)
            }
            (None, rwmi_dcom::client::Error::Channel { source: ChannelError::Fault(fault), .. }) if fault.name().is_some() => Err(fault.0),
            _ => panic!("{}: {e}", M::NAME),
        },
    }
}

/// A status is one of those that the documents name.
pub(super) fn documented(what: &str, code: u32) {
    let named = HResult(code).name().is_some() || WbemStatus(code).name().is_some();
    assert!(named, "{what} answered {code:#010x}");
}

pub(super) fn ipid(pointer: Option<&InterfacePointer>) -> Ipid {
    let reference = pointer.expect("an interface").objref().expect("a reference");
    reference.std().expect("a reference to an object of the server").ipid
}

pub(super) fn entity(pointer: Option<&InterfacePointer>) -> Entity {
    let unit = ClassObjectRef::from_pointer(pointer.expect("an object")).expect("an object by value");
    decode_unit(&unit.0).expect("the server's own objects decode")
}

pub(super) fn pointer(entity: &Entity) -> Option<InterfacePointer> {
    let unit = encode_unit(entity, &EncodeOptions::default()).ok()?;
    Some(ClassObjectRef(unit.into()).to_pointer())
}
