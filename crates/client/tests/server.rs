//! The client against the server of this repository, over TCP on loopback and within the process.

use futures_util::StreamExt;
use rwmi_client::{
    AuthLevel, Client, ClientBuilder, Credentials, Depth, Dialed, Dialer, Dialing, Error, ErrorKind, FaultStatus, Impersonation,
    LocalSocket, Mechanism, Misuse, Step, Timeouts, Value, WbemStatus,
};
use rwmi_server::{Accounts, Addresses, Config, Running, SOCKET_NAME, Server};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// A server on its own loopback address with ports of the system's choice, and the administrator `boss`, password `boss`.
struct Site {
    running: Running,
    dir: tempfile::TempDir,
}

fn providers(rows: u64) -> Vec<Arc<dyn rwmi_cim::DynProvider>> {
    vec![Arc::new(rwmi_linux::RowProvider::new(rows))]
}

fn config(rows: u64) -> Config {
    let mut config = Config::default();
    config.test.rows = rows;
    config
}

async fn site(change: impl FnOnce(&mut Config)) -> Site {
    let dir = tempfile::tempdir().unwrap();
    Accounts::with_key(dir.path(), None).add("boss", rwmi_auth::ntlm::nt_hash("boss"), true).unwrap();
    let mut config = config(1000);
    config.server.listen = vec!["127.0.33.10".parse().unwrap()];
    (config.server.endpoint_port, config.server.object_port) = (0, 0);
    config.server.data_dir = dir.path().to_owned();
    change(&mut config);
    let rows = config.test.rows;
    Site { running: Server::start(config, providers(rows)).await.unwrap(), dir }
}

impl Site {
    fn at(&self) -> Addresses {
        self.running.addresses()[0]
    }

    fn client(&self, password: &str) -> ClientBuilder {
        let Addresses { endpoint, .. } = self.at();
        Client::builder(&endpoint.ip().to_string())
            .credentials(Credentials::new(r".\boss", password).unwrap())
            .endpoint_port(endpoint.port())
            .timeouts(Timeouts { call: Duration::from_secs(20), ..Timeouts::default() })
    }
}

/// The whole stack in one process.
struct InProcess(Running);
impl Dialer for InProcess {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
        Box::pin(async { Ok(Dialed::over(self.0.connect())) })
    }
    fn identifies_caller(&self) -> bool {
        true
    }
}

async fn in_process(rows: u64) -> Client {
    let server = Server::in_process(config(rows), providers(rows)).await.unwrap();
    Client::builder(".").dialer(Arc::new(InProcess(server))).connect().await.unwrap()
}

/// The numbers of the rows, in their order.
async fn numbers(client: &Client) -> Result<Vec<u64>, Error> {
    let test = client.namespace(r"root\test").await?;
    let mut rows = test.query("SELECT * FROM Rwmi_Row").objects().await?;
    let mut out = Vec::new();
    while let Some(row) = rows.next().await {
        out.push(row?.get::<u64>("Id").unwrap());
    }
    Ok(out)
}

fn counting(n: u64) -> Vec<u64> {
    (0..n).collect()
}

#[tokio::test]
async fn this_computer_needs_no_credentials() {
    let client = in_process(700).await;
    assert!(numbers(&client).await.unwrap() == counting(700));
    client.close().await;
}

#[tokio::test]
async fn every_level_and_mechanism_gives_the_same_rows() {
    let site = site(|c| {
        c.security.minimum_level = AuthLevel::Connect;
        c.limits.connections_per_address = 64;
    })
    .await;
    for level in [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy] {
        for mechanism in [Mechanism::Ntlm, Mechanism::Negotiate] {
            for smart in [true, false] {
                let builder = site.client("boss").authentication(level).mechanism(mechanism).smart_enumeration(smart);
                let client = builder.connect().await.unwrap();
                assert!(numbers(&client).await.unwrap() == counting(1000), "{level:?} {mechanism:?} {smart}");
                client.close().await;
            }
        }
    }
    site.running.shutdown().await;
}

#[tokio::test]
async fn rows_become_values_of_a_type() {
    #[derive(Deserialize, Debug)]
    #[serde(rename = "Rwmi_Row", rename_all = "PascalCase")]
    struct Row {
        id: u64,
    }
    let client = in_process(5).await;
    let test = client.namespace("root/TEST").await.unwrap();
    let ids: Vec<u64> = test.all::<Row>().await.unwrap().into_iter().map(|r| r.id).collect();
    assert_eq!(ids, counting(5));
    let rows = test.query("SELECT Id FROM Rwmi_Row WHERE Id > 2").stream::<Row>().await.unwrap();
    let ids: Vec<u64> = rows.map(|r| r.unwrap().id).collect().await;
    assert_eq!(ids, [3, 4]);
}

#[tokio::test]
async fn classes_and_objects_are_read_by_name_and_path() {
    let client = in_process(5).await;
    let test = client.namespace(r"\\.\root\test").await.unwrap();
    let class = test.class("rwmi_row").await.unwrap();
    assert_eq!(class.name, "Rwmi_Row");
    assert!(class.properties.iter().any(|p| p.name == "Id"));
    let row = test.object("Rwmi_Row.Id=3").await.unwrap();
    assert_eq!(row.get::<u64>("Id").unwrap(), 3);
    assert_eq!(row.relative_path().unwrap().to_string().to_lowercase().split('=').next().unwrap(), "rwmi_row.id");
    assert_eq!(test.instances("Rwmi_Row", Depth::Deep).await.unwrap().collect().await.unwrap().len(), 5);
    let below = test.classes(None, Depth::Deep).await.unwrap().collect().await.unwrap();
    assert!(below.iter().any(|c| c.name == "Rwmi_Row") && below.iter().any(|c| c.name.starts_with("__")));
    let by_query = test.query("SELECT * FROM meta_class WHERE __CLASS = 'Rwmi_Row'").classes().await.unwrap().collect().await.unwrap();
    assert_eq!(by_query.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["Rwmi_Row"]);
    let check = |error: Error, status| assert_eq!(error.kind(), &ErrorKind::Wbem(status), "{error}");
    check(test.object("Rwmi_Row.Id=99").await.unwrap_err(), WbemStatus::NOT_FOUND);
    check(test.class("No_Such").await.unwrap_err(), WbemStatus::NOT_FOUND);
    assert!(matches!(test.class("Rwmi_Row.Id=3").await.unwrap_err().kind(), ErrorKind::Misuse(_)));
    assert!(matches!(test.object("Rwmi_Row").await.unwrap_err().kind(), ErrorKind::Misuse(_)));
}

#[tokio::test]
async fn a_query_can_start_again_where_the_server_was_told() {
    let client = in_process(100).await;
    let test = client.namespace(r"root\test").await.unwrap();
    let mut rows = test.query("SELECT Id FROM Rwmi_Row").rewindable(true).objects().await.unwrap();
    for _ in 0..2 {
        for id in counting(100) {
            assert_eq!(rows.next().await.unwrap().unwrap().get::<u64>("Id").unwrap(), id);
        }
        assert!(rows.next().await.is_none());
        rows.rewind().await.unwrap();
    }
    let mut forward = test.query("SELECT Id FROM Rwmi_Row").objects().await.unwrap();
    let error = forward.rewind().await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Wbem(WbemStatus::INVALID_OPERATION), "{error}");
}

#[tokio::test]
async fn each_failure_names_its_step() {
    let site = site(|_| {}).await;
    let Addresses { endpoint, object } = site.at();
    let connect = async |builder: ClientBuilder| builder.connect().await.err().unwrap();
    let check = |error: &Error, step: &Step, port: Option<u16>, kind: &ErrorKind, hint: &str| {
        assert_eq!((error.step(), error.port(), error.kind()), (step, port, kind), "{error}");
        assert!(error.hint().is_some_and(|h| h.contains(hint)), "{error}: {:?}", error.hint());
    };
    let denied = ErrorKind::Fault(FaultStatus::ACCESS_DENIED);
    let endpoint_port = Some(endpoint.port());
    check(&connect(site.client("wrong")).await, &Step::Activate, endpoint_port, &denied, "check user and password");
    check(&connect(site.client("")).await, &Step::Activate, endpoint_port, &denied, "blank password");
    let nobody = site.client("x").credentials(Credentials::new("nobody", "x").unwrap()).mechanism(Mechanism::Negotiate);
    check(&connect(nobody).await, &Step::Activate, endpoint_port, &denied, "check user and password");
    check(&connect(site.client("boss").endpoint_port(1)).await, &Step::Connect, Some(1), &ErrorKind::Refused, "rwmi serve");
    check(&connect(site.client("boss").object_port(1)).await, &Step::ConnectObjectPort, Some(1), &ErrorKind::Refused, "--object-port");
    let low = connect(site.client("boss").authentication(AuthLevel::Connect)).await;
    assert_eq!((low.step(), low.kind()), (&Step::ConnectObjectPort, &denied), "{low}");
    let low = connect(site.client("boss").authentication(AuthLevel::Connect).allow_activation_below_integrity()).await;
    assert_eq!((low.step(), low.kind()), (&Step::Activate, &denied), "{low}");
    let lost = connect(site.client("boss").connect_to("no-such-host.invalid")).await;
    assert!(matches!((lost.step(), lost.kind()), (Step::Resolve, ErrorKind::NotFound(_))), "{lost}");
    // The object port is no endpoint mapper.
    let swapped = connect(site.client("boss").endpoint_port(object.port())).await;
    assert!(matches!((swapped.step(), swapped.kind()), (Step::ServerAlive, ErrorKind::BindRefused(_))), "{swapped}");

    let client = site.client("boss").connect().await.unwrap();
    let missing = client.namespace(r"root\nowhere").await.unwrap_err();
    let step = Step::Login { namespace: r"root\nowhere".into() };
    check(&missing, &step, Some(object.port()), &ErrorKind::Wbem(WbemStatus::INVALID_NAMESPACE), "__NAMESPACE");
    assert!(missing.info().is_some_and(|i| i.contains("nowhere")), "{missing}");
    assert!(matches!(client.namespace(r"\\other\root\test").await.unwrap_err().kind(), ErrorKind::Misuse(Misuse::Namespace { .. })));
    let identify = site.client("boss").impersonation(Impersonation::Identify).connect().await.unwrap();
    let refused = identify.namespace(r"root\test").await.unwrap_err();
    assert_eq!(refused.kind(), &ErrorKind::Wbem(WbemStatus::ACCESS_DENIED));

    let test = client.namespace(r"root\test").await.unwrap();
    let wql = test.query("SELECT Id FORM Rwmi_Row").objects().await.unwrap_err();
    assert!(matches!(wql.kind(), ErrorKind::Wql { status: WbemStatus::INVALID_QUERY, text } if text.contains('^')), "{wql}");
    assert_eq!(wql.step(), &Step::Input);
    let late = test.query("SELECT Id FORM Rwmi_Row").without_local_check().objects().await;
    let late = match late {
        Ok(mut rows) => rows.next().await.unwrap().unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(late.kind(), &ErrorKind::Wbem(WbemStatus::INVALID_QUERY), "{late}");
    for smart in [true, false] {
        let client = site.client("boss").smart_enumeration(smart).connect().await.unwrap();
        let test = client.namespace(r"root\test").await.unwrap();
        let mut rows = test.query("SELECT * FROM No_Such").objects().await.unwrap();
        let error = rows.next().await.unwrap().unwrap_err();
        check(&error, &Step::Next, Some(object.port()), &ErrorKind::Wbem(WbemStatus::INVALID_CLASS), "meta_class");
        assert!(rows.next().await.is_none());
    }
    site.running.shutdown().await;
}

#[tokio::test]
async fn both_families_connect() {
    let site = site(|c| c.server.listen = vec!["::1".parse().unwrap()]).await;
    let client = site.client("boss").connect().await.unwrap();
    assert_eq!(client.host(), "::1");
    assert_eq!(numbers(&client).await.unwrap().len(), 1000);
    site.running.shutdown().await;
}

#[tokio::test]
async fn the_local_socket_knows_its_caller() {
    let site = site(|_| {}).await;
    let socket: Arc<dyn Dialer> = Arc::new(LocalSocket::at(site.dir.path().join(SOCKET_NAME)));
    let client = Client::builder(".").dialer(socket.clone()).connect().await.unwrap();
    assert!(numbers(&client).await.unwrap() == counting(1000));
    let refused = Client::builder(".").dialer(socket).credentials(Credentials::new("boss", "boss").unwrap()).connect().await;
    assert_eq!(refused.unwrap_err().code(), Some(WbemStatus::LOCAL_CREDENTIALS.0));
    site.running.shutdown().await;
}

#[tokio::test]
async fn many_calls_share_a_session() {
    let site = site(|_| {}).await;
    let client = site.client("boss").connect().await.unwrap();
    let all = (0..8).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { numbers(&client).await.unwrap().len() })
    });
    for task in all.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), 1000);
    }
    site.running.shutdown().await;
}

#[tokio::test]
async fn a_deadline_ends_a_query() {
    let client = in_process(u64::MAX).await;
    let test = client.namespace(r"root\test").await.unwrap();
    let mut rows = test.query("SELECT Id FROM Rwmi_Row").deadline(Duration::from_millis(300)).objects().await.unwrap();
    let error = loop {
        if let Err(error) = rows.next().await.unwrap() {
            break error;
        }
    };
    assert_eq!((error.step(), error.kind()), (&Step::Next, &ErrorKind::TimedOut { after: Duration::from_millis(300) }));
    assert!(rows.next().await.is_none());
    // The session goes on.
    assert_eq!(test.object("Rwmi_Row.Id=3").await.unwrap().get::<Value>("Id").unwrap().as_integer(), Some(3));
}

#[tokio::test]
async fn a_server_that_ends_is_an_error_and_not_a_wait() {
    let site = site(|c| c.test.rows = u64::MAX).await;
    let client = site.client("boss").connect().await.unwrap();
    let test = client.namespace(r"root\test").await.unwrap();
    let mut rows = test.query("SELECT * FROM Rwmi_Row").objects().await.unwrap();
    rows.next().await.unwrap().unwrap();
    drop(site.running);
    let error = loop {
        if let Err(error) = rows.next().await.unwrap() {
            break error;
        }
    };
    assert!(matches!(error.kind(), ErrorKind::Closed | ErrorKind::Refused), "{error}");
    assert!(rows.next().await.is_none());
    assert!(matches!(test.class("Rwmi_Row").await.unwrap_err().kind(), ErrorKind::Closed | ErrorKind::Refused));
}

#[tokio::test]
async fn closing_ends_what_others_hold() {
    let client = in_process(u64::MAX).await;
    let test = client.namespace(r"root\test").await.unwrap();
    let mut rows = test.query("SELECT Id FROM Rwmi_Row").objects().await.unwrap();
    rows.next().await.unwrap().unwrap();
    client.close().await;
    let error = loop {
        if let Err(error) = rows.next().await.unwrap() {
            break error;
        }
    };
    assert!(error.code().is_some() || error.kind() == &ErrorKind::Closed, "{error}");
    assert_eq!(test.class("Rwmi_Row").await.unwrap_err().kind(), &ErrorKind::Closed);
}

/// A class of the repository, to make events with.
async fn thing(namespace: &rwmi_client::Namespace) -> Arc<rwmi_client::Class> {
    let mut name = rwmi_cim::Property::new("Name", rwmi_cim::CimType::String);
    name.qualifiers.set(rwmi_cim::Qualifier::flag("key", 0));
    let class = rwmi_client::Class { name: "Thing".into(), properties: vec![name], ..Default::default() };
    namespace.put_class(&class, &Default::default()).await.unwrap();
    Arc::new(class)
}

async fn put_thing(namespace: &rwmi_client::Namespace, class: &Arc<rwmi_client::Class>, name: &str) {
    let mut instance = rwmi_client::Instance::new(class.clone());
    instance.set("Name", name).unwrap();
    namespace.put_instance(&instance, &Default::default()).await.unwrap();
}

fn name_of(event: &rwmi_client::Object) -> String {
    let rwmi_client::Entity::Instance(thing) = event.get("TargetInstance").unwrap() else { panic!("no instance") };
    thing.get("Name").unwrap()
}

const CREATED: &str = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing'";

#[tokio::test]
async fn events_come_as_they_happen_by_either_enumerator() {
    let site = site(|_| {}).await;
    for smart in [true, false] {
        let client = site.client("boss").smart_enumeration(smart).connect().await.unwrap();
        let test = client.namespace(r"root\test").await.unwrap();
        let class = thing(&test).await;
        let mut events = test.watch(CREATED).events().await.unwrap();
        for n in 0..100 {
            put_thing(&test, &class, &format!("{smart} {n}")).await;
        }
        for n in 0..100 {
            assert_eq!(name_of(&events.next().await.unwrap().unwrap()), format!("{smart} {n}"));
        }
        // One alone comes at once, not when a batch is full or a wait is over.
        let begun = std::time::Instant::now();
        put_thing(&test, &class, &format!("{smart} alone")).await;
        assert_eq!(name_of(&events.next().await.unwrap().unwrap()), format!("{smart} alone"));
        assert!(begun.elapsed() < Duration::from_secs(4));
        drop(events);
        client.close().await;
    }
}

#[tokio::test]
async fn a_query_for_events_that_is_none_is_refused_here_or_there() {
    let site = site(|_| {}).await;
    let client = site.client("boss").connect().await.unwrap();
    let test = client.namespace(r"root\test").await.unwrap();
    let refused = async |query: &str| test.watch(query).events().await.unwrap_err();
    let here = refused("SELECT * FROM").await;
    assert!(matches!(here.kind(), ErrorKind::Wql { status, .. } if *status == WbemStatus::UNPARSABLE_QUERY), "{here}");
    let there = refused("SELECT * FROM Rwmi_Row").await;
    assert_eq!(there.code(), Some(WbemStatus::NOT_EVENT_CLASS.0), "{there}");
    assert!(there.info().unwrap().contains("no class of events"), "{there}");
    let unchecked = test.watch("SELECT * FROM").without_local_check().events().await.unwrap_err();
    assert_eq!(unchecked.code(), Some(WbemStatus::UNPARSABLE_QUERY.0));
    client.close().await;
}

#[tokio::test]
async fn events_that_were_dropped_are_told_in_their_place_and_others_follow() {
    let site = site(|_| {}).await;
    let client = site.client("boss").connect().await.unwrap();
    let test = client.namespace(r"root\test").await.unwrap();
    let class = thing(&test).await;
    let mut events = test.watch(CREATED).events().await.unwrap();
    let ops = |from: usize, to: usize| {
        let put = |n| {
            let mut instance = rwmi_client::Instance::new(class.clone());
            instance.set("Name", format!("{n:05}")).unwrap();
            (r"root\test".to_owned(), rwmi_client::Operation::Put { instance, options: Default::default() })
        };
        (from..to).map(put).collect::<Vec<_>>()
    };
    // At once: nobody can take a thousand of them meanwhile.
    test.write_together(&ops(0, 5000)).await.unwrap();
    let (mut seen, mut lost) = (0, 0);
    loop {
        match events.next().await.unwrap() {
            Ok(_) => seen += 1,
            Err(error) if rwmi_client::Events::is_loss(&error) => {
                assert_eq!(error.code(), Some(WbemStatus::QUEUE_OVERFLOW.0));
                lost += error.info().unwrap().split(' ').find_map(|w| w.parse::<usize>().ok()).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
        if seen + lost == 5000 {
            break;
        }
    }
    assert!((1000..5000).contains(&seen), "{seen}");
    put_thing(&test, &class, "later").await;
    assert_eq!(name_of(&events.next().await.unwrap().unwrap()), "later");
    client.close().await;
}

#[tokio::test]
async fn a_watch_notices_that_its_server_is_gone_and_that_its_namespace_is() {
    let site = site(|_| {}).await;
    let client = site.client("boss").connect().await.unwrap();
    let test = client.namespace(r"root\test").await.unwrap();
    let mut child = rwmi_client::Instance::new(test.class("__NAMESPACE").await.unwrap());
    child.set("Name", "child").unwrap();
    test.put_instance(&child, &Default::default()).await.unwrap();
    let below = client.namespace(r"root\test\child").await.unwrap();
    let mut ends = below.watch("SELECT * FROM __ClassOperationEvent").events().await.unwrap();
    test.delete_instance("__NAMESPACE.Name='child'").await.unwrap();
    assert_eq!(ends.next().await.unwrap().unwrap_err().code(), Some(WbemStatus::INVALID_NAMESPACE.0));
    assert!(ends.next().await.is_none());
    let mut events = test.watch("SELECT * FROM __ClassOperationEvent").events().await.unwrap();
    site.running.shutdown().await;
    let error = events.next().await.unwrap().unwrap_err();
    assert!(error.code().is_some() || error.kind() == &ErrorKind::Closed, "{error}");
    assert!(events.next().await.is_none());
}
