//! The client against a server that follows a script, within the process and with a clock that jumps over every wait.

use rwmi_auth::{AuthLevel, AuthType, Identity, SecurityContext};
use rwmi_cim::{CimType, Class, Entity, Instance, Property};
use rwmi_client::{Client, Dialed, Dialer, Dialing, Error, ErrorKind, Namespace, Step, Timeouts, WbemStatus};
use rwmi_dcom::*;
use rwmi_ndr::{FaultStatus, HResult};
use rwmi_net::{Endpoint, Link, ServeOptions, connection_number, serve_stream};
use rwmi_rpc::{CallContext, Dispatch, DispatchFuture, Interface, SyntaxId};
use rwmi_wbem::{ClassObjectRef, interfaces::*};
use rwmi_wmio::object_array::{ObjectArrayEncoder, PacketKind};
use rwmi_wmio::{EncodeOptions, encode_unit};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// One answer of `Next`.
#[derive(Clone)]
enum Answer {
    /// So many rows, and a status.
    Rows(u32, HResult),
    /// A failure in words.
    Fail(WbemStatus, &'static str),
    /// Nothing.
    Silence,
    /// A packet or an object that is none.
    Garbage,
}

const MORE: HResult = HResult::S_OK;
const END: HResult = HResult::S_FALSE;
const TIMED_OUT: HResult = HResult(0x40004);

#[derive(Default)]
struct Script {
    /// Answers of `Next`; the last one is repeated.
    answers: Mutex<VecDeque<Answer>>,
    smart: bool,
    /// Resolver calls and when they came.
    resolver: Mutex<Vec<(u16, Instant)>>,
    /// `IRemoteSCMActivator` is not there.
    old: bool,
    /// What each `Next` asked for.
    asked: Mutex<Vec<u32>>,
    connections: Mutex<Vec<AbortHandle>>,
    next_row: Mutex<u32>,
}

struct Fake {
    script: Arc<Script>,
    exporter: Exporter,
}

impl Fake {
    fn new(change: impl FnOnce(&mut Script)) -> Arc<Fake> {
        let mut script = Script::default();
        change(&mut script);
        let mut options = ExporterOptions::default();
        (options.minimum_level, options.minimum_activation_level) = (AuthLevel::None, AuthLevel::None);
        options.clock = Arc::new(|| Instant::now().into_std());
        Arc::new(Fake { script: Arc::new(script), exporter: Exporter::new(options).unwrap() })
    }

    async fn client(self: &Arc<Self>) -> Client {
        Client::builder(".").dialer(self.clone()).connect().await.unwrap()
    }

    async fn namespace(self: &Arc<Self>) -> Namespace {
        self.client().await.namespace("root").await.unwrap()
    }

    fn resolver_calls(&self, opnum: u16) -> Vec<Instant> {
        self.script.resolver.lock().unwrap().iter().filter(|(op, _)| *op == opnum).map(|(_, at)| *at).collect()
    }

    /// Waits until so many objects are left, for at most a minute of the clock that jumps.
    async fn objects_become(&self, expect: usize) {
        for _ in 0..60 {
            if self.exporter.object_count() == expect {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(self.exporter.object_count(), expect);
    }
}

impl Dialer for Fake {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let here = ([127, 0, 0, 1], 1).into();
        let identity = Some(Arc::new(Identity { user: "me".into(), domain: String::new(), identify_only: false }));
        let link = Link { peer: here, local: here, connection: connection_number(), identity };
        let port = Arc::new(Port { script: self.script.clone(), exporter: self.exporter.clone() });
        let serving = tokio::spawn(serve_stream(theirs, link, port, ServeOptions::default()));
        self.script.connections.lock().unwrap().push(serving.abort_handle());
        Box::pin(async { Ok(Dialed::over(ours)) })
    }

    fn identifies_caller(&self) -> bool {
        true
    }
}

struct Port {
    script: Arc<Script>,
    exporter: Exporter,
}

impl Endpoint for Port {
    fn accepts(&self, interface: &SyntaxId) -> bool {
        !(self.script.old && interface.uuid == IRemoteSCMActivator::SYNTAX.uuid)
    }
    fn acceptor(&self, _: AuthType) -> Option<Box<dyn SecurityContext>> {
        None
    }
    fn minimum_level(&self, _: &SyntaxId, _: u16) -> AuthLevel {
        AuthLevel::None
    }
    fn dispatch<'a>(&'a self, cx: &'a CallContext, interface: SyntaxId, opnum: u16, stub: bytes::Bytes) -> DispatchFuture<'a> {
        let activator = Arc::new(Object(self.script.clone()));
        let served: Arc<dyn Dispatch> = if interface.uuid == IObjectExporter::SYNTAX.uuid {
            self.script.resolver.lock().unwrap().push((opnum, Instant::now()));
            self.exporter.resolver()
        } else if interface.uuid == IRemoteSCMActivator::SYNTAX.uuid {
            self.exporter.activator(activator)
        } else if interface.uuid == IActivation::SYNTAX.uuid {
            self.exporter.activation(activator)
        } else {
            Arc::new(self.exporter.clone())
        };
        Box::pin(async move { served.dispatch(cx, opnum, stub).await })
    }
    fn closed(&self, connection: u64) {
        self.exporter.connection_closed(connection);
    }
}

/// Activator, login, services, enumerator: all of the server.
struct Object(Arc<Script>);

impl Activator for Object {
    fn create<'a>(
        &'a self,
        _: Clsid,
        _: &'a ActivationContext,
    ) -> Pin<Box<dyn Future<Output = Result<ExportedObject, HResult>> + Send + 'a>> {
        Box::pin(async { Ok(ExportedObject::new(IWbemLevel1Login::serve(self.again()))) })
    }
    fn has_class(&self, _: Clsid) -> bool {
        true
    }
}

impl Object {
    fn again(&self) -> Arc<Object> {
        Arc::new(Object(self.0.clone()))
    }

    async fn answer(&self, count: u32) -> Result<(Vec<Entity>, HResult), Failure> {
        self.0.asked.lock().unwrap().push(count);
        let answer = {
            let mut answers = self.0.answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
        };
        match answer.unwrap_or(Answer::Rows(0, END)) {
            Answer::Rows(n, code) => {
                let class = Class { name: "Demo".into(), properties: vec![Property::new("N", CimType::Uint32)], ..Class::default() };
                let class = Arc::new(class);
                let mut next = self.0.next_row.lock().unwrap();
                let rows = (0..n).map(|_| {
                    let mut row = Instance::new(class.clone());
                    row.set("N", *next).unwrap();
                    *next += 1;
                    row.into()
                });
                Ok((rows.collect(), code))
            }
            Answer::Fail(status, why) => Err(Failure::described(hresult(status), "fake", why)),
            Answer::Silence => std::future::pending().await,
            Answer::Garbage => Ok((vec![], HResult(0x7fff))),
        }
    }
}

impl WbemLevel1Login for Object {
    async fn ntlm_login(&self, cx: &ObjectContext, _: NtlmLogin) -> Outcome<NtlmLoginReply> {
        let services = Some(cx.export(ExportedObject::new(IWbemServices::serve(self.again())), IWbemServices::IID)?);
        Ok((NtlmLoginReply { services }, HResult::S_OK))
    }
}

impl WbemServices for Object {
    async fn exec_query(&self, cx: &ObjectContext, _: ExecQuery) -> Outcome<ExecQueryReply> {
        let mut object = ExportedObject::new(IEnumWbemClassObject::serve(self.again()));
        if self.0.smart {
            object = object.with(IWbemFetchSmartEnum::serve(self.again()));
        }
        cx.session.want_error_info();
        Ok((ExecQueryReply { enumerator: Some(cx.export(object, IEnumWbemClassObject::IID)?) }, HResult::S_OK))
    }
}

impl EnumWbemClassObject for Object {
    async fn next(&self, _: &ObjectContext, call: Next) -> Outcome<NextReply> {
        let (rows, code) = self.answer(call.count).await?;
        let mut units: Vec<_> = rows.iter().map(|row| encode_unit(row, &EncodeOptions::default()).unwrap()).collect();
        if code == HResult(0x7fff) {
            units.push(b"garbage".to_vec());
        }
        let objects = units.into_iter().map(|u| ClassObjectRef(u.into()).to_pointer()).collect();
        Ok((NextReply::new(call.count, objects), if code == HResult(0x7fff) { END } else { code }))
    }
}

impl WbemFetchSmartEnum for Object {
    async fn smart_enum(&self, cx: &ObjectContext, _: GetSmartEnum) -> Outcome<GetSmartEnumReply> {
        let object = ExportedObject::new(IWbemWCOSmartEnum::serve(self.again()));
        Ok((GetSmartEnumReply { enumerator: Some(cx.export(object, IWbemWCOSmartEnum::IID)?) }, HResult::S_OK))
    }
}

impl WbemWcoSmartEnum for Object {
    async fn next(&self, _: &ObjectContext, call: SmartNext) -> Outcome<SmartNextReply> {
        assert_ne!(call.proxy, rwmi_ndr::Guid::NIL);
        let (rows, code) = self.answer(call.count).await?;
        if code == HResult(0x7fff) {
            return Ok((SmartNextReply::new(1, b"garbage"[..].into()), END));
        }
        let mut encoder = ObjectArrayEncoder::new(PacketKind::SMART_ENUM, EncodeOptions::default());
        let packet = encoder.encode(&rows, || [7; 16]).unwrap();
        Ok((SmartNextReply::new(rows.len() as u32, packet.into()), code))
    }
}

/// Rows of a query until it ends or fails.
async fn rows(namespace: &Namespace) -> (Vec<u32>, Option<Error>) {
    let mut rows = namespace.query("SELECT * FROM Demo").objects().await.unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => found.push(row.get("N").unwrap()),
            Err(error) => return (found, Some(error)),
        }
    }
    (found, None)
}

#[tokio::test(start_paused = true)]
async fn only_s_false_ends_an_enumeration_and_it_may_bring_rows() {
    for smart in [true, false] {
        let answers = [Answer::Rows(2, MORE), Answer::Rows(0, TIMED_OUT), Answer::Rows(1, TIMED_OUT), Answer::Rows(3, END)];
        let fake = Fake::new(|s| (s.smart, *s.answers.get_mut().unwrap()) = (smart, answers.into()));
        let (found, error) = rows(&fake.namespace().await).await;
        assert_eq!((found, error), ((0..6).collect(), None), "{smart}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_comes_behind_the_rows_before_it_with_the_servers_words() {
    for smart in [true, false] {
        let answers = [Answer::Rows(2, MORE), Answer::Fail(WbemStatus::PROVIDER_FAILURE, "it broke")];
        let fake = Fake::new(|s| (s.smart, *s.answers.get_mut().unwrap()) = (smart, answers.into()));
        let (found, error) = rows(&fake.namespace().await).await;
        let error = error.unwrap();
        assert_eq!(found, [0, 1]);
        assert_eq!(
            (error.step(), error.kind(), error.info()),
            (&Step::Next, &ErrorKind::Wbem(WbemStatus::PROVIDER_FAILURE), Some("it broke"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn batches_grow_while_they_come_full() {
    let answers = [Answer::Rows(32, MORE), Answer::Rows(128, MORE), Answer::Rows(256, MORE), Answer::Rows(10, MORE), Answer::Rows(0, END)];
    let fake = Fake::new(|s| (s.smart, *s.answers.get_mut().unwrap()) = (true, answers.into()));
    assert_eq!(rows(&fake.namespace().await).await.0.len(), 426);
    assert_eq!(*fake.script.asked.lock().unwrap(), [32, 128, 256, 256, 256]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_always_says_later_is_not_waited_for_without_end() {
    let fake = Fake::new(|s| *s.answers.get_mut().unwrap() = [Answer::Rows(1, MORE), Answer::Rows(0, TIMED_OUT)].into());
    // The fake answers without waiting: the clock only moves by what the test sleeps.
    let namespace = fake.namespace().await;
    let ticking = tokio::spawn(async {
        loop {
            tokio::time::advance(Duration::from_secs(5)).await;
        }
    });
    let (found, error) = rows(&namespace).await;
    ticking.abort();
    assert_eq!((found.len(), error.unwrap().kind()), (1, &ErrorKind::TimedOut { after: Duration::from_secs(600) }));
    // Nor one that says neither more nor enough.
    let fake = Fake::new(|s| *s.answers.get_mut().unwrap() = [Answer::Rows(0, MORE)].into());
    assert!(matches!(rows(&fake.namespace().await).await.1.unwrap().kind(), ErrorKind::Protocol(_)));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_ends_at_its_time() {
    let fake = Fake::new(|s| *s.answers.get_mut().unwrap() = [Answer::Silence].into());
    let namespace = fake.namespace().await;
    let start = Instant::now();
    let error = rows(&namespace).await.1.unwrap();
    assert_eq!((error.step(), error.kind()), (&Step::Next, &ErrorKind::TimedOut { after: Duration::from_secs(60) }));
    assert!(start.elapsed() < Duration::from_secs(61));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_object_breaks_the_protocol() {
    for smart in [true, false] {
        let fake = Fake::new(|s| (s.smart, *s.answers.get_mut().unwrap()) = (smart, [Answer::Garbage].into()));
        let error = rows(&fake.namespace().await).await.1.unwrap();
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_the_newer_activation_is_asked_the_older_way() {
    let fake = Fake::new(|s| s.old = true);
    assert_eq!(rows(&fake.namespace().await).await, (vec![], None));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_is_given_back() {
    for smart in [true, false] {
        let fake = Fake::new(|s| (s.smart, *s.answers.get_mut().unwrap()) = (smart, [Answer::Rows(32, MORE), Answer::Silence].into()));
        let namespace = fake.namespace().await;
        let held = fake.exporter.object_count();
        let mut rows = namespace.query("SELECT * FROM Demo").objects().await.unwrap();
        rows.next().await.unwrap().unwrap();
        assert_eq!(fake.exporter.object_count(), held + 1 + usize::from(smart));
        drop(rows);
        fake.objects_become(held).await;
        drop(namespace);
        fake.objects_become(0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn closing_gives_back_what_others_still_hold() {
    let fake = Fake::new(|s| *s.answers.get_mut().unwrap() = [Answer::Silence].into());
    let client = fake.client().await;
    let namespace = client.namespace("root").await.unwrap();
    let _rows = namespace.query("SELECT * FROM Demo").objects().await.unwrap();
    let start = Instant::now();
    client.close().await;
    assert_eq!(fake.exporter.object_count(), 0);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(namespace.class("X").await.unwrap_err().kind(), &ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn objects_are_pinged_every_two_minutes_and_outlive_the_silence() {
    const SIMPLE_PING: u16 = 1;
    const COMPLEX_PING: u16 = 2;
    let fake = Fake::new(|_| {});
    let namespace = fake.namespace().await;
    let start = Instant::now();
    // Someone has to look after the objects whose time is up, as a server's task does.
    for _ in 0..180 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        fake.exporter.handle_timeout(Instant::now().into_std());
    }
    let complex = fake.resolver_calls(COMPLEX_PING);
    let simple = fake.resolver_calls(SIMPLE_PING);
    assert_eq!(complex.len(), 1);
    assert_eq!((complex[0] - start).as_secs().div_ceil(10), 12);
    assert_eq!(simple.len(), 13, "{simple:?}");
    assert_eq!(rows(&namespace).await, (vec![], None));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ended_is_made_again_for_the_next_call() {
    let fake = Fake::new(|s| *s.answers.get_mut().unwrap() = [Answer::Rows(1, END)].into());
    let namespace = fake.namespace().await;
    fake.script.connections.lock().unwrap().drain(..).for_each(|c| c.abort());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rows(&namespace).await, (vec![0], None));
}

/// A peer that is no server.
struct Peer(fn(DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>>);
impl Dialer for Peer {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn((self.0)(theirs));
        Box::pin(async { Ok(Dialed::over(ours)) })
    }
    fn identifies_caller(&self) -> bool {
        true
    }
}
struct Nowhere;
impl Dialer for Nowhere {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
        Box::pin(std::future::pending())
    }
    fn identifies_caller(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_talks_nonsense_or_hangs_up_is_told_apart() {
    let check = async |dialer: Arc<dyn Dialer>, whole: Option<u64>, step: Step, expect: &str| {
        let timeouts = Timeouts { whole: whole.map(Duration::from_secs), ..Timeouts::default() };
        let error = Client::builder(".").dialer(dialer).timeouts(timeouts).connect().await.unwrap_err();
        assert_eq!(error.step(), &step, "{error}");
        assert!(error.to_string().contains(expect), "{error}");
    };
    let silent = || Arc::new(Peer(|s| Box::pin(keep(s))));
    check(silent(), None, Step::ServerAlive, "no answer in 10s").await;
    check(silent(), Some(3), Step::ServerAlive, "no answer in 3s").await;
    check(Arc::new(Nowhere), None, Step::Connect, "no answer in 5s").await;
    check(Arc::new(Nowhere), Some(2), Step::Connect, "no answer in 2s").await;
    let hangs_up = Peer(|mut s| {
        Box::pin(async move {
            let _ = s.read(&mut [0; 16]).await;
        })
    });
    check(Arc::new(hangs_up), None, Step::ServerAlive, "closed").await;
    let nonsense = Peer(|mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
            keep(s).await;
        })
    });
    check(Arc::new(nonsense), None, Step::ServerAlive, "broke the protocol").await;
}

/// Keeps something alive without end.
async fn keep<T>(kept: T) {
    std::future::pending::<()>().await;
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_told_as_one() {
    /// Answers every call with a fault.
    struct Refusing;
    impl Endpoint for Refusing {
        fn accepts(&self, _: &SyntaxId) -> bool {
            true
        }
        fn acceptor(&self, _: AuthType) -> Option<Box<dyn SecurityContext>> {
            None
        }
        fn minimum_level(&self, _: &SyntaxId, _: u16) -> AuthLevel {
            AuthLevel::None
        }
        fn dispatch<'a>(&'a self, _: &'a CallContext, _: SyntaxId, _: u16, _: bytes::Bytes) -> DispatchFuture<'a> {
            Box::pin(async { Err(FaultStatus::NCA_S_SERVER_TOO_BUSY) })
        }
    }
    let peer = Peer(|s| {
        let here = ([127, 0, 0, 1], 1).into();
        let link = Link { peer: here, local: here, connection: connection_number(), identity: None };
        Box::pin(serve_stream(s, link, Arc::new(Refusing), ServeOptions::default()))
    });
    let error = Client::builder(".").dialer(Arc::new(peer)).connect().await.unwrap_err();
    assert_eq!((error.step(), error.kind()), (&Step::ServerAlive, &ErrorKind::Fault(FaultStatus::NCA_S_SERVER_TOO_BUSY)));
    assert!(error.is_transient());
}
