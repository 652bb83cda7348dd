//! The server as a whole, over TCP on loopback and over its local socket.

use super::*;
use rwmi_auth::{Credentials, Secret, ntlm, spnego};
use rwmi_cim::{Entity, Enumerate, Instance, ProviderResult, RequestContext, Sink, WbemStatus};
use rwmi_dcom::client::{Error, Fallback, Orpc, Proxy, activate, server_alive2};
use rwmi_dcom::{ActivationRequest, ComVersion, IRemUnknown2, InterfacePointer, Ipid};
use rwmi_linux::RowProvider;
use rwmi_ndr::{FaultStatus, HResult, WideString};
use rwmi_net::{ChannelConfig, RpcChannel, Security as ClientSecurity};
use rwmi_rpc::{ChannelError, SecurityOptions};
use rwmi_wbem::interfaces::*;
use rwmi_wbem::{CLSID_WBEM_LEVEL1_LOGIN, ClassObjectRef, hresult};

const ACCESS_DENIED: HResult = hresult(WbemStatus::ACCESS_DENIED);

/// A server on its own loopback address with ports of the system's choice, and the accounts `boss` (an administrator),
/// `chief` (another), `monitor` (a reader) and `guest`; everybody's password is his name.
struct Site {
    running: Running,
    accounts: Accounts,
    dir: tempfile::TempDir,
}

async fn site(change: impl FnOnce(&mut Config)) -> Site {
    let dir = tempfile::tempdir().unwrap();
    let accounts = Accounts::with_key(dir.path(), None);
    for (name, admin) in [("boss", true), ("chief", true), ("monitor", false), ("guest", false)] {
        accounts.add(name, ntlm::nt_hash(name), admin).unwrap();
    }
    let mut config = Config::default();
    config.server.listen = vec!["127.0.5.2".parse().unwrap()];
    (config.server.endpoint_port, config.server.object_port) = (0, 0);
    config.server.data_dir = dir.path().to_owned();
    config.security.readers = vec!["monitor".into()];
    config.test.rows = 10;
    change(&mut config);
    let rows: Arc<dyn DynProvider> = Arc::new(RowProvider::new(config.test.rows));
    let running = Server::start(config, vec![rows, Arc::new(Elevated)]).await.unwrap();
    Site { running, accounts, dir }
}

/// Says in the place of a time zone whether it is an administrator who asks.
struct Elevated;

impl rwmi_cim::Provider for Elevated {
    fn name(&self) -> &str {
        "rwmi-linux"
    }

    async fn enumerate(&self, cx: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        let mut row = Instance::new(req.class.clone());
        row.set("StandardName", cx.elevated.to_string()).unwrap();
        sink.indicate(row).await
    }
}

#[derive(Clone, Copy)]
struct Caller {
    user: &'static str,
    password: &'static str,
    level: AuthLevel,
    spnego: bool,
    identify: bool,
}

fn caller(user: &'static str) -> Caller {
    Caller { user, password: user, level: AuthLevel::Privacy, spnego: false, identify: false }
}

impl Caller {
    fn config(self) -> ChannelConfig {
        let credentials = Credentials { user: self.user.into(), domain: String::new(), password: Secret::new(self.password) };
        let context = move || -> Box<dyn rwmi_auth::SecurityContext> {
            let options = ntlm::InitiatorOptions { identify: self.identify, ..Default::default() };
            let ntlm = ntlm::Initiator::new(&credentials, options);
            if self.spnego { Box::new(spnego::Initiator::new(vec![Box::new(ntlm)])) } else { Box::new(ntlm) }
        };
        let security = Some(ClientSecurity::new(SecurityOptions::at(self.level), context));
        ChannelConfig { security, ..ChannelConfig::default() }
    }
}

fn ipid(pointer: Option<&InterfacePointer>) -> Ipid {
    pointer.unwrap().objref().unwrap().std().unwrap().ipid
}

impl Site {
    fn at(&self) -> Addresses {
        self.running.addresses()[0]
    }

    async fn login(&self, caller: Caller) -> Result<Proxy<IWbemServices, RpcChannel>, Error> {
        self.login_to(caller, "//./root/test").await
    }

    async fn login_to(&self, caller: Caller, namespace: &str) -> Result<Proxy<IWbemServices, RpcChannel>, Error> {
        let Addresses { endpoint, object } = self.at();
        let host = endpoint.ip().to_string();
        let resolver = RpcChannel::connect(&host, endpoint.port(), &caller.config()).await.unwrap();
        let orpc = Orpc::new(ComVersion::V5_7).unwrap();
        let request = ActivationRequest::new(CLSID_WBEM_LEVEL1_LOGIN, vec![IWbemLevel1Login::IID]);
        let reply = activate(&resolver, orpc, &request, Fallback::None).await?;
        let bindings: Vec<String> = reply.bindings.strings.iter().map(|s| s.address.clone()).collect();
        assert_eq!(bindings[0], format!("{host}[{}]", object.port()), "{bindings:?}");
        let objects = RpcChannel::connect(&host, object.port(), &caller.config()).await.unwrap();
        let login: Proxy<IWbemLevel1Login, _> = Proxy::new(objects, ipid(reply.interfaces[0].pointer.as_ref()), orpc);
        let resource = Some(WideString(namespace.into()));
        let (reply, _) = login.call(&NtlmLogin { resource, locale: None, flags: 0, context: None }).await?;
        Ok(login.at(ipid(reply.services.as_ref())))
    }
}

async fn count(services: &Proxy<IWbemServices, RpcChannel>) -> Result<u32, Error> {
    let query = ExecQuery { language: "WQL".into(), query: "SELECT * FROM Rwmi_Row".into(), flags: 0x30, context: None };
    let (reply, _) = services.call(&query).await?;
    let rows: Proxy<IEnumWbemClassObject, _> = services.at(ipid(reply.enumerator.as_ref()));
    let (reply, _) = rows.call(&Next { timeout_ms: -1, count: 100 }).await?;
    Ok(reply.returned)
}

fn fault(error: &Error) -> Option<FaultStatus> {
    match error {
        Error::Channel { source: ChannelError::Fault(status), .. } => Some(*status),
        _ => None,
    }
}

#[tokio::test]
async fn administrators_and_readers_come_in_by_ntlm_and_spnego() {
    let site = site(|_| {}).await;
    for user in ["boss", "BOSS", "monitor"] {
        for (level, spnego) in
            [(AuthLevel::Integrity, false), (AuthLevel::Privacy, false), (AuthLevel::Integrity, true), (AuthLevel::Privacy, true)]
        {
            let caller = Caller { level, spnego, password: if user == "monitor" { "monitor" } else { "boss" }, ..caller(user) };
            let services = site.login(caller).await.unwrap();
            assert_eq!(count(&services).await.unwrap(), 10, "{user} {level:?} {spnego}");
        }
    }
    site.running.shutdown().await;
}

#[tokio::test]
async fn both_families_are_served_side_by_side() {
    let site = site(|c| c.server.listen = vec!["::1".parse().unwrap(), "127.0.5.3".parse().unwrap()]).await;
    let [six, four] = site.running.addresses() else { panic!("two addresses") };
    assert_eq!((six.endpoint.port(), six.object.port()), (four.endpoint.port(), four.object.port()));
    let services = site.login(caller("boss")).await.unwrap();
    assert_eq!(count(&services).await.unwrap(), 10);
    site.running.shutdown().await;
}

#[tokio::test]
async fn who_may_not_is_refused_where_windows_refuses_him() {
    let site = site(|_| {}).await;
    let check = async |caller: Caller, expect: &str| {
        let error = site.login(caller).await.err().unwrap();
        let found = fault(&error).map(|f| f.to_string()).or(error.hresult().map(|h| h.to_string())).unwrap_or(format!("{error:?}"));
        assert!(found.contains(expect), "{}: {found}", caller.user);
    };
    check(caller("guest"), "E_ACCESSDENIED").await;
    check(Caller { password: "wrong", ..caller("boss") }, "ACCESS_DENIED").await;
    check(Caller { password: "nobody", ..caller("nobody") }, "ACCESS_DENIED").await;
    for level in [AuthLevel::Connect, AuthLevel::Packet] {
        check(Caller { level, ..caller("boss") }, "ACCESS_DENIED (0x00000005)").await;
    }
    // Who only shows himself, and lets nobody act for him, gets no namespace.
    check(Caller { identify: true, ..caller("boss") }, &ACCESS_DENIED.to_string()).await;
    site.running.shutdown().await;
}

#[tokio::test]
async fn lower_levels_are_served_where_the_configuration_says_so() {
    let site = site(|c| {
        c.security.minimum_level = AuthLevel::Connect;
        c.security.require_integrity_activation = false;
    })
    .await;
    for level in [AuthLevel::Connect, AuthLevel::Packet] {
        let services = site.login(Caller { level, ..caller("boss") }).await.unwrap();
        assert_eq!(count(&services).await.unwrap(), 10);
    }
    site.running.shutdown().await;
}

#[tokio::test]
async fn who_may_only_read_may_not_call_a_method() {
    let site = site(|_| {}).await;
    for (user, expect) in [("monitor", WbemStatus::ACCESS_DENIED), ("boss", WbemStatus::INVALID_METHOD)] {
        let services = site.login(caller(user)).await.unwrap();
        let (path, method) = ("Rwmi_Row".into(), "Nothing".into());
        let call = ExecMethod { path, method, flags: 0, context: None, in_params: None, out_params: Some(None), result: None };
        assert_eq!(services.call(&call).await.unwrap_err().hresult(), Some(hresult(expect)), "{user}");
    }
    site.running.shutdown().await;
}

#[tokio::test]
async fn a_right_that_is_taken_away_bites_open_sessions() {
    let site = site(|_| {}).await;
    let services = site.login(caller("boss")).await.unwrap();
    assert_eq!(count(&services).await.unwrap(), 10);
    site.accounts.remove("boss").unwrap();
    let error = count(&services).await.unwrap_err();
    assert_eq!(fault(&error), Some(FaultStatus::ACCESS_DENIED), "{error:?}");
    assert!(site.login(caller("boss")).await.is_err());
    site.accounts.add("boss", ntlm::nt_hash("boss"), true).unwrap();
    assert_eq!(count(&services).await.unwrap(), 10);
    site.running.shutdown().await;
}

#[tokio::test]
async fn an_administrator_is_one_only_as_long_as_he_is() {
    let site = site(|c| c.security.readers.push("boss".into())).await;
    let services = site.login_to(caller("boss"), "//./root/cimv2").await.unwrap();
    let said = async || {
        let query = "SELECT * FROM Win32_TimeZone".into();
        let (reply, _) = services.call(&ExecQuery { language: "WQL".into(), query, flags: 0x30, context: None }).await.unwrap();
        let rows: Proxy<IEnumWbemClassObject, _> = services.at(ipid(reply.enumerator.as_ref()));
        let (reply, _) = rows.call(&Next { timeout_ms: -1, count: 1 }).await.unwrap();
        let octets = ClassObjectRef::from_pointer(reply.objects.objects[0].as_ref().unwrap()).unwrap().0;
        let Entity::Instance(row) = rwmi_wmio::decode_unit(&octets).unwrap() else { panic!("a class") };
        row.get::<String>("StandardName").unwrap()
    };
    assert_eq!(said().await, "true");
    site.accounts.set_admin("boss", false).unwrap();
    assert_eq!(said().await, "false");
    site.running.shutdown().await;
}

#[tokio::test]
async fn an_object_is_of_no_use_to_another_account() {
    let site = site(|_| {}).await;
    let mine = site.login(caller("boss")).await.unwrap();
    let theirs = site.login(caller("chief")).await.unwrap();
    let stolen: Proxy<IWbemServices, _> = theirs.at(mine.ipid());
    assert_eq!(count(&stolen).await.unwrap_err().hresult(), Some(ACCESS_DENIED));
    assert_eq!(count(&mine).await.unwrap(), 10);
    site.running.shutdown().await;
}

#[tokio::test]
async fn anybody_may_ask_what_is_there_and_nothing_else() {
    let site = site(|_| {}).await;
    let Addresses { endpoint, object } = site.at();
    let channel = RpcChannel::connect("127.0.5.2", endpoint.port(), &ChannelConfig::default()).await.unwrap();
    let alive = server_alive2(&channel).await.unwrap();
    assert_eq!(alive.version, ComVersion::V5_7);
    let ndr = SyntaxId { uuid: rwmi_ndr::guid!("8a885d04-1ceb-11c9-9fe8-08002b104860"), major: 2, minor: 0 };
    let tower = rwmi_rpc::Tower::tcp(&IWbemLevel1Login::SYNTAX, &ndr, 0, Ipv4Addr::UNSPECIFIED);
    let map = rwmi_rpc::epm::EptMap { object: None, tower: Some(tower), handle: Default::default(), max_towers: 4 };
    let reply = rwmi_rpc::call(&channel, None, &map).await.unwrap();
    assert_eq!(reply.towers.items[0].as_ref().and_then(|t| t.tcp_port()), Some(object.port()));
    let orpc = Orpc::new(ComVersion::V5_7).unwrap();
    let request = ActivationRequest::new(CLSID_WBEM_LEVEL1_LOGIN, vec![IWbemLevel1Login::IID]);
    let error = activate(&channel, orpc, &request, Fallback::None).await.unwrap_err();
    assert_eq!(fault(&error), Some(FaultStatus::ACCESS_DENIED));
    // Nor objects, not even with the right number: there is none without a name.
    let services = site.login(caller("boss")).await.unwrap();
    let objects = RpcChannel::connect("127.0.5.2", object.port(), &ChannelConfig::default()).await.unwrap();
    let anonymous: Proxy<IWbemServices, _> = Proxy::new(objects, services.ipid(), orpc);
    assert_eq!(fault(&count(&anonymous).await.unwrap_err()), Some(FaultStatus::ACCESS_DENIED));
    site.running.shutdown().await;
}

#[tokio::test]
async fn the_local_socket_lets_its_owner_do_everything() {
    let site = site(|_| {}).await;
    let stream = UnixStream::connect(site.dir.path().join(SOCKET_NAME)).await.unwrap();
    let channel = RpcChannel::over(stream, "local socket", &ChannelConfig::default());
    let orpc = Orpc::new(ComVersion::V5_7).unwrap();
    let request = ActivationRequest::new(CLSID_WBEM_LEVEL1_LOGIN, vec![IWbemLevel1Login::IID]);
    let reply = activate(&channel, orpc, &request, Fallback::None).await.unwrap();
    let login: Proxy<IWbemLevel1Login, _> = Proxy::new(channel.clone(), ipid(reply.interfaces[0].pointer.as_ref()), orpc);
    let resource = Some(WideString("root\\test".into()));
    let (reply, _) = login.call(&NtlmLogin { resource, locale: None, flags: 0, context: None }).await.unwrap();
    assert_eq!(count(&login.at(ipid(reply.services.as_ref()))).await.unwrap(), 10);
    // The local objects are in a table of their own: nobody from the network can name them.
    let remote = site.login(caller("boss")).await.unwrap();
    let far: Proxy<IRemUnknown2, _> = remote.at(login.ipid());
    let release = rwmi_dcom::client::query_interface(&far, login.ipid(), IWbemLevel1Login::IID).await;
    assert!(release.is_err());
    site.running.shutdown().await;
}

#[tokio::test]
async fn accounts_change_by_way_of_the_server_and_by_the_file() {
    let site = site(|_| {}).await;
    let dir = site.dir.path().to_owned();
    let work = move || {
        let store = AccountStore::at(&dir);
        assert_eq!(store.list().unwrap().len(), 4);
        assert_eq!(store.add("fresh", ntlm::nt_hash("fresh"), true).unwrap(), crate::accounts::Change::Added);
        assert_eq!(store.add("Fresh", ntlm::nt_hash("fresh"), false).unwrap(), crate::accounts::Change::Replaced);
        store.set_admin("fresh", true).unwrap();
        let refused = store.remove("nobody").unwrap_err();
        assert!(matches!(&refused, AccountsError::Server(m) if m.contains("nobody")), "{refused}");
        store
    };
    let store = tokio::task::spawn_blocking(work).await.unwrap();
    assert!(site.login(caller("fresh")).await.is_ok());
    site.running.shutdown().await;
    let work = move || {
        store.remove("fresh").unwrap();
        store.list().unwrap().len()
    };
    assert_eq!(tokio::task::spawn_blocking(work).await.unwrap(), 4);
}

#[tokio::test]
async fn a_stopped_server_leaves_ports_and_socket_to_the_next() {
    let site = site(|_| {}).await;
    let addresses = site.at();
    let dir = site.dir;
    let mut config = Config::default();
    config.server.listen = vec![addresses.endpoint.ip()];
    config.server.endpoint_port = addresses.endpoint.port();
    config.server.object_port = addresses.object.port();
    config.server.data_dir = dir.path().to_owned();
    let second = Server::start(config.clone(), Vec::new()).await.unwrap_err();
    assert!(matches!(second, ServeError::Store(StoreError::InUse { .. })), "{second}");
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Config { server: ServerConfig { data_dir: elsewhere.path().to_owned(), ..config.server.clone() }, ..config.clone() };
    let taken = Server::start(other, Vec::new()).await.unwrap_err();
    assert!(matches!(taken, ServeError::Listen(ListenError::Taken(_))), "{taken}");
    site.running.shutdown().await;
    assert!(!dir.path().join(SOCKET_NAME).exists());
    let again = Server::start(config, Vec::new()).await.unwrap();
    assert_eq!(again.addresses(), [addresses]);
    again.shutdown().await;
}
