//! Client and server joined in one process: real octets, no socket, and a clock that is moved by hand.

use super::*;
use crate::activation::Direction;
use crate::client::{self, Fallback};
use crate::interfaces::rem_unknown2::{RemQueryInterface2, RemRelease};
use crate::interfaces::*;
use crate::*;
use rwmi_ndr::{Conformant, Encode, Guid, HResult, Win32Error, Writer, guid};
use rwmi_rpc::{Channel, ChannelError, Interface, SyntaxId};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

object_interface! {
    /// Counts.
    interface ICounter = guid!("11111111-2222-3333-4444-555555555555"), else HResult::E_NOTIMPL;
    serve Counter;
    /// Adds, and exports a new counter from the third on.
    3 add = Add { number: u32 } -> AddReply { sum: u32, child: Option<InterfacePointer> }
    /// Fails with words.
    4 fail = Fail {} -> FailReply { never: Option<InterfacePointer> }
    /// Is not written.
    5 missing = Missing {} -> MissingReply { never: u32 } else(HResult::E_ABORT)
    /// Asks for error information.
    6 explain = Explain {} -> ExplainReply {}
}

object_interface! {
    /// A second interface.
    interface IOther = guid!("11111111-2222-3333-4444-666666666666"), else HResult::E_NOTIMPL;
    serve Other;
}

const CLSID: Clsid = Clsid(guid!("99999999-2222-3333-4444-555555555555"));

struct One(Arc<AtomicUsize>);
impl Drop for One {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
fn one(live: &Arc<AtomicUsize>) -> ExportedObject {
    live.fetch_add(1, Ordering::Relaxed);
    let object = Arc::new(One(live.clone()));
    ExportedObject::new(ICounter::serve(object.clone())).with(IOther::serve(object))
}
impl Other for One {}
impl Counter for One {
    async fn add(&self, cx: &ObjectContext, call: Add) -> Outcome<AddReply> {
        let child = match call.number {
            3.. => Some(cx.export(one(&self.0), ICounter::IID)?),
            _ => None,
        };
        Ok((AddReply { sum: call.number + 1, child }, HResult::S_FALSE))
    }
    async fn fail(&self, _: &ObjectContext, _: Fail) -> Outcome<FailReply> {
        Err(Failure::described(HResult::E_UNEXPECTED, "test", "because"))
    }
    async fn explain(&self, cx: &ObjectContext, _: Explain) -> Outcome<ExplainReply> {
        cx.session.want_error_info();
        Ok((ExplainReply {}, HResult::S_OK))
    }
}

struct Maker(Arc<AtomicUsize>);
impl Activator for Maker {
    fn create<'a>(
        &'a self,
        clsid: Clsid,
        _: &'a ActivationContext,
    ) -> Pin<Box<dyn Future<Output = Result<ExportedObject, HResult>> + Send + 'a>> {
        Box::pin(async move { if clsid == CLSID { Ok(one(&self.0)) } else { Err(HResult::REGDB_E_CLASSNOTREG) } })
    }
    fn has_class(&self, clsid: Clsid) -> bool {
        clsid == CLSID
    }
}

/// One connection of one user to one server.
#[derive(Clone)]
struct Local {
    world: Arc<World>,
    user: Option<&'static str>,
    level: AuthLevel,
    connection: u64,
}
struct World {
    exporter: Exporter,
    live: Arc<AtomicUsize>,
    now: Arc<Mutex<Instant>>,
}
impl World {
    fn new(change: impl FnOnce(&mut ExporterOptions)) -> Arc<Self> {
        let now = Arc::new(Mutex::new(Instant::now()));
        let clock = now.clone();
        let mut options = ExporterOptions { clock: Arc::new(move || *clock.lock().unwrap()), ..ExporterOptions::default() };
        options.names = vec!["HOST".into(), "host.example".into()];
        change(&mut options);
        Arc::new(World { exporter: Exporter::new(options).unwrap(), live: Arc::default(), now })
    }
    fn user(self: &Arc<Self>, user: &'static str) -> Local {
        Local { world: self.clone(), user: Some(user), level: AuthLevel::Integrity, connection: 1 }
    }
    /// Moves the clock, looking at the table as often as it wants to be looked at.
    fn pass(&self, time: Duration) {
        let end = *self.now.lock().unwrap() + time;
        while let Some(at) = self.exporter.poll_timeout().filter(|at| *at <= end) {
            *self.now.lock().unwrap() = at;
            self.exporter.handle_timeout(at);
        }
        *self.now.lock().unwrap() = end;
    }
    fn live(&self) -> usize {
        assert!(self.live.load(Ordering::Relaxed) <= self.exporter.object_count());
        self.live.load(Ordering::Relaxed)
    }
}
impl Local {
    fn context(&self, object: Option<Guid>) -> CallContext {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let caller = self.user.map(|u| Arc::new(Identity { user: u.into(), domain: "D".into(), identify_only: false }));
        CallContext { object, caller, level: self.level, peer: address(50000), local: address(135), connection: self.connection }
    }
    fn on(&self, connection: u64) -> Local {
        Local { connection, ..self.clone() }
    }
    fn at(&self, level: AuthLevel) -> Local {
        Local { level, ..self.clone() }
    }
}
impl Channel for Local {
    async fn call_raw(&self, iface: SyntaxId, object: Option<Guid>, opnum: u16, stub: Bytes) -> Result<Bytes, ChannelError> {
        let maker = Arc::new(Maker(self.world.live.clone()));
        let exporter = &self.world.exporter;
        let dispatch: Arc<dyn Dispatch> = match iface.uuid {
            id if id == IObjectExporter::SYNTAX.uuid => exporter.resolver(),
            id if id == IRemoteSCMActivator::SYNTAX.uuid => exporter.activator(maker),
            id if id == IActivation::SYNTAX.uuid => exporter.activation(maker),
            _ => Arc::new(exporter.clone()),
        };
        dispatch.dispatch(&self.context(object), opnum, stub).await.map_err(ChannelError::Fault)
    }
}

fn run<F: Future>(f: F) -> F::Output {
    let mut f = std::pin::pin!(f);
    let mut cx = Context::from_waker(Waker::noop());
    match f.as_mut().poll(&mut cx) {
        Poll::Ready(v) => v,
        Poll::Pending => panic!("nothing here waits"),
    }
}
fn orpc() -> Orpc {
    Orpc { version: ComVersion::V5_7, cid: Cid(Guid([1; 16])) }
}
fn request(iids: &[Iid]) -> ActivationRequest {
    ActivationRequest::new(CLSID, iids.to_vec())
}
fn activate(channel: &Local) -> (Proxy<ICounter, Local>, ActivationReply) {
    let reply = run(client::activate(channel, orpc(), &request(&[ICounter::IID]), Fallback::None)).unwrap();
    let std = *reply.interfaces[0].pointer.as_ref().unwrap().objref().unwrap().std().unwrap();
    (Proxy::new(channel.clone(), std.ipid, orpc()), reply)
}
fn rem_unknown(channel: &Local) -> Proxy<IRemUnknown2, Local> {
    Proxy::new(channel.clone(), channel.world.exporter.rem_unknown(), orpc())
}
fn refs(ipid: Ipid, public_refs: u32) -> Vec<RemInterfaceRef> {
    vec![RemInterfaceRef { ipid, public_refs, private_refs: 0 }]
}
fn fault(result: Result<impl fmt::Debug, Error>) -> FaultStatus {
    match result.unwrap_err() {
        Error::Channel { source: ChannelError::Fault(status), .. } => status,
        other => panic!("{other}"),
    }
}
fn code(result: Result<impl fmt::Debug, Error>) -> HResult {
    result.unwrap_err().hresult().unwrap()
}

#[test]
fn a_query_for_an_object_goes_all_the_way() {
    let world = World::new(|_| ());
    let user = world.user("a");
    let alive = run(client::server_alive2(&Local { user: None, level: AuthLevel::None, ..user.clone() })).unwrap();
    assert_eq!(alive.version, ComVersion::V5_7);
    let hosts: Vec<_> = alive.bindings.strings.iter().map(|b| b.address.as_str()).collect();
    assert_eq!(hosts, ["127.0.0.1", "HOST", "host.example"]);

    let (counter, reply) = activate(&user);
    assert_eq!((reply.authn_hint, reply.version), (5, ComVersion::V5_7));
    let hosts: Vec<_> = reply.bindings.strings.iter().map(|b| b.address.as_str()).collect();
    assert_eq!(hosts, ["127.0.0.1[24158]", "HOST[24158]", "host.example[24158]"]);
    assert_eq!(reply.bindings.security.iter().map(|s| s.authn).collect::<Vec<_>>(), [9, 10]);

    let (sum, code) = run(counter.call(&Add { number: 3 })).unwrap();
    assert_eq!((sum.sum, code), (4, HResult::S_FALSE));
    let child = *sum.child.unwrap().objref().unwrap().std().unwrap();
    assert_eq!((child.public_refs, child.oxid), (1, world.exporter.oxid()));
    let child: Proxy<ICounter, _> = counter.at(child.ipid);
    assert_eq!(run(child.call(&Add { number: 1 })).unwrap().0.sum, 2);
}

#[test]
fn the_old_activation_and_the_class_object_give_objects_too() {
    let world = World::new(|_| ());
    let user = world.user("a");
    let old = run(client::remote_activation(&user, orpc(), &request(&[IOther::IID, Iid::IUNKNOWN]))).unwrap();
    assert!(old.interfaces.iter().all(|i| i.result == HResult::S_OK && i.pointer.is_some()));
    let unknown = ActivationRequest::new(Clsid(Guid([8; 16])), vec![ICounter::IID]);
    for result in [
        run(client::remote_activation(&user, orpc(), &unknown)),
        run(client::create_instance(&user, orpc(), &unknown)),
        run(client::get_class_object(&user, orpc(), &unknown)),
    ] {
        assert_eq!(code(result), HResult::REGDB_E_CLASSNOTREG);
    }
    let class = run(client::get_class_object(&user, orpc(), &request(&[IClassFactory::IID]))).unwrap();
    let std = *class.interfaces[0].pointer.as_ref().unwrap().objref().unwrap().std().unwrap();
    let factory: Proxy<IClassFactory, _> = Proxy::new(user.clone(), std.ipid, orpc());
    let (made, _) = run(factory.call(&FactoryCreateInstance { iid: ICounter::IID })).unwrap();
    assert!(made.object.is_some());
    assert_eq!(code(run(factory.call(&FactoryCreateInstance { iid: Iid(Guid([3; 16])) }))), HResult::E_NOINTERFACE);
}

#[test]
fn each_interface_of_an_activation_has_its_own_result() {
    let world = World::new(|_| ());
    let missing = Iid(Guid([3; 16]));
    let reply = run(client::create_instance(&world.user("a"), orpc(), &request(&[missing, ICounter::IID, IOther::IID]))).unwrap();
    let results: Vec<_> = reply.interfaces.iter().map(|i| (i.result, i.pointer.is_some())).collect();
    assert_eq!(results, [(HResult::E_NOINTERFACE, false), (HResult::S_OK, true), (HResult::S_OK, true)]);
    let oids: Vec<Oid> = reply.interfaces[1..].iter().map(|i| i.pointer.as_ref().unwrap().objref().unwrap().std().unwrap().oid).collect();
    assert_eq!(oids[0], oids[1]);
    assert_eq!(code(run(client::create_instance(&world.user("a"), orpc(), &request(&[missing])))), HResult::E_NOINTERFACE);
    assert_eq!(world.live(), 1);
}

#[test]
fn activation_below_integrity_and_without_a_name_is_a_fault() {
    let world = World::new(|_| ());
    for level in [AuthLevel::None, AuthLevel::Connect, AuthLevel::Call, AuthLevel::Packet] {
        let user = world.user("a").at(level);
        for result in [
            run(client::create_instance(&user, orpc(), &request(&[ICounter::IID]))),
            run(client::remote_activation(&user, orpc(), &request(&[ICounter::IID]))),
        ] {
            assert_eq!(fault(result), FaultStatus::ACCESS_DENIED);
        }
    }
    let nobody = Local { user: None, ..world.user("a") };
    assert_eq!(fault(run(client::create_instance(&nobody, orpc(), &request(&[ICounter::IID])))), FaultStatus::ACCESS_DENIED);
    let denied = World::new(|o| o.access = Arc::new(|_| false));
    assert_eq!(code(run(client::create_instance(&denied.user("a"), orpc(), &request(&[ICounter::IID])))), HResult::E_ACCESSDENIED);
    let loose = World::new(|o| o.minimum_activation_level = AuthLevel::Connect);
    assert!(run(client::create_instance(&loose.user("a").at(AuthLevel::Connect), orpc(), &request(&[ICounter::IID]))).is_ok());
}

#[test]
fn what_we_do_not_have_is_refused_in_an_activation() {
    let world = World::new(|_| ());
    let mut pipes = request(&[ICounter::IID]);
    pipes.protseqs = vec![15];
    assert_eq!(code(run(client::create_instance(&world.user("a"), orpc(), &pipes))), HResult(0x8007_06a7));
    let newer = Orpc { version: ComVersion { major: 5, minor: 8 }, ..orpc() };
    let result = run(client::create_instance(&world.user("a"), newer, &request(&[ICounter::IID])));
    assert_eq!(code(result), HResult::RPC_E_VERSION_MISMATCH);
}

#[test]
fn checks_come_in_the_order_of_the_specification() {
    let world = World::new(|_| ());
    let user = world.user("a");
    let (counter, _) = activate(&user);
    let call = |channel: &Local, ipid: Ipid, version: ComVersion, flags: u32, opnum: u16, more: &[u8]| {
        let mut w = Writer::default();
        OrpcThis::new(version, flags, Cid::default()).encode(&mut w);
        w.put(more);
        match run(channel.call_raw(ICounter::SYNTAX, Some(ipid.0), opnum, w.finish())) {
            Err(ChannelError::Fault(status)) => Some(status),
            _ => None,
        }
    };
    let (good, newer) = (ComVersion::V5_7, ComVersion { major: 5, minor: 8 });
    let low = user.at(AuthLevel::Packet);
    let nowhere = Ipid(Guid([9; 16]));
    assert_eq!(call(&low, nowhere, newer, 1, 99, &[]), Some(FaultStatus::RPC_E_VERSION_MISMATCH));
    assert_eq!(call(&low, nowhere, good, 1, 99, &[]), Some(FaultStatus::ACCESS_DENIED));
    assert_eq!(call(&user, nowhere, good, 1, 99, &[]), Some(FaultStatus::RPC_E_INVALID_HEADER));
    assert_eq!(call(&user, nowhere, good, 0, 99, &[]), Some(FaultStatus::RPC_E_DISCONNECTED));
    for opnum in [0, 1, 2, 99] {
        assert_eq!(call(&user, counter.ipid(), good, 0, opnum, &[]), Some(FaultStatus::NCA_S_OP_RNG_ERROR));
    }
    assert_eq!(call(&user, counter.ipid(), good, 0, 3, &[1, 2]), Some(FaultStatus::RPC_X_BAD_STUB_DATA));
    // What stands behind the last parameter is passed over.
    assert_eq!(call(&user, counter.ipid(), good, 0, 3, &[1, 0, 0, 0, 0xbf, 0xbf]), None);
    assert_eq!(
        run(user.call_raw(ICounter::SYNTAX, Some(counter.ipid().0), 3, Bytes::from_static(&[5, 0]))),
        Err(ChannelError::Fault(FaultStatus::RPC_X_BAD_STUB_DATA))
    );
}

#[test]
fn a_method_that_is_not_written_answers_its_status_with_nulls() {
    let world = World::new(|_| ());
    let (counter, _) = activate(&world.user("a"));
    let (reply, code, _) = run(counter.call_any(&Missing {})).unwrap();
    assert_eq!((reply, code), (MissingReply::default(), HResult::E_ABORT));
}

#[test]
fn words_are_sent_to_a_session_that_asked_for_them_and_to_its_children() {
    let world = World::new(|_| ());
    let (counter, _) = activate(&world.user("a"));
    let (_, _, info) = run(counter.call_any(&Fail {})).unwrap();
    assert_eq!(info, None);
    run(counter.call(&Explain {})).unwrap();
    let (reply, code, info) = run(counter.call_any(&Fail {})).unwrap();
    assert_eq!((reply.never, code), (None, HResult::E_UNEXPECTED));
    assert_eq!(info.unwrap().description.as_deref(), Some("because"));
    let child = run(counter.call(&Add { number: 3 })).unwrap().0.child.unwrap().objref().unwrap().std().unwrap().ipid;
    let error = run(counter.at::<ICounter>(child).call(&Fail {})).unwrap_err();
    assert_eq!(error.to_string(), "ICounter::fail returned E_UNEXPECTED (0x8000ffff)");
    let Error::Refused { info: Some(info), .. } = error else { panic!() };
    assert_eq!(info.source.as_deref(), Some("test"));
    let (other, _) = activate(&world.user("a"));
    assert_eq!(run(other.call_any(&Fail {})).unwrap().2, None);
}

#[test]
fn a_stolen_ipid_is_of_no_use() {
    let world = World::new(|_| ());
    let (counter, _) = activate(&world.user("a"));
    let thief = world.user("b");
    let stolen: Proxy<ICounter, _> = Proxy::new(thief.clone(), counter.ipid(), orpc());
    assert_eq!(code(run(stolen.call(&Add { number: 1 }))), HResult::E_ACCESSDENIED);
    let remote = rem_unknown(&thief);
    assert_eq!(code(run(client::query_interface(&remote, counter.ipid(), IOther::IID))), HResult::E_ACCESSDENIED);
    assert_eq!(code(run(client::release(&remote, refs(counter.ipid(), 5)))), HResult::E_ACCESSDENIED);
    assert_eq!(world.live(), 1);
    // The same account in other letters is the same account.
    let same: Proxy<ICounter, _> = Proxy::new(world.user("A"), counter.ipid(), orpc());
    assert!(run(same.call(&Add { number: 1 })).is_ok());
}

#[test]
fn an_interface_is_asked_for_by_both_ways() {
    let world = World::new(|_| ());
    let user = world.user("a");
    let (counter, _) = activate(&user);
    let remote = rem_unknown(&user);
    let other = run(client::query_interface(&remote, counter.ipid(), IOther::IID)).unwrap();
    assert_ne!(other.ipid, counter.ipid());
    let missing = Iid(Guid([3; 16]));
    assert_eq!(code(run(client::query_interface(&remote, counter.ipid(), missing))), HResult::E_NOINTERFACE);
    assert_eq!(code(run(client::query_interface(&remote, Ipid(Guid([7; 16])), IOther::IID))), HResult::RPC_E_INVALID_OBJECT);
    let call = RemQueryInterface2 { ipid: Ipid(Guid([7; 16])), count: 1, iids: Conformant(vec![missing]) };
    let (reply, code, _) = run(remote.call_any(&call)).unwrap();
    assert_eq!((reply.interfaces.0, code), (vec![None], HResult::RPC_E_INVALID_OBJECT));
    let call = RemQueryInterface2 { ipid: counter.ipid(), count: 2, iids: Conformant(vec![IOther::IID, missing]) };
    let (reply, code) = run(remote.call(&call)).unwrap();
    assert_eq!(code, HResult::S_FALSE);
    assert_eq!(reply.results.0, [HResult::S_OK, HResult::E_NOINTERFACE]);
    assert_eq!(reply.interfaces.0[0].as_ref().unwrap().objref().unwrap().std().unwrap().ipid, other.ipid);
    // The first interface's methods are at the same numbers.
    let first: Proxy<IRemUnknown, _> = remote.at(remote.ipid());
    let call = RemQueryInterface { ipid: counter.ipid(), refs: 5, count: 1, iids: Conformant(vec![IOther::IID]) };
    let (reply, _) = run(first.call(&call)).unwrap();
    assert_eq!(reply.results.unwrap().0[0].std.public_refs, 5);
}

#[test]
fn an_object_goes_with_its_last_reference_and_a_second_release_is_no_error() {
    let world = World::new(|_| ());
    let user = world.user("a");
    let (counter, _) = activate(&user);
    let remote = rem_unknown(&user);
    let other = run(client::query_interface(&remote, counter.ipid(), IOther::IID)).unwrap();
    assert_eq!(run(client::add_ref(&remote, refs(counter.ipid(), 2))).unwrap(), [HResult::S_OK]);
    assert_eq!(code(run(client::add_ref(&remote, refs(Ipid(Guid([7; 16])), 2)))), HResult::CO_E_OBJNOTREG);
    run(client::release(&remote, refs(counter.ipid(), 3))).unwrap();
    assert_eq!(world.live(), 1);
    run(client::release(&remote, refs(other.ipid, 1))).unwrap();
    assert_eq!(world.live(), 0);
    run(client::release(&remote, refs(counter.ipid(), 1))).unwrap();
    assert_eq!(fault(run(counter.call(&Add { number: 1 }))), FaultStatus::RPC_E_DISCONNECTED);
    let lying = RemRelease { count: 3, refs: Conformant(vec![]) };
    assert_eq!(code(run(remote.call(&lying))), HResult::E_INVALIDARG);
}

#[test]
fn without_pings_an_object_outlives_its_connection_by_two_minutes() {
    let world = World::new(|_| ());
    let user = world.user("a");
    let (counter, _) = activate(&user);
    world.pass(Duration::from_secs(8 * 60));
    assert_eq!(world.live(), 1, "six minutes mean nothing to who never pings");
    run(counter.call(&Add { number: 1 })).unwrap();
    world.exporter.connection_closed(1);
    world.pass(Duration::from_secs(110));
    assert_eq!(world.live(), 1);
    // A call on a new connection saves it.
    run(counter.call(&Add { number: 1 })).unwrap();
    world.pass(Duration::from_secs(300));
    assert_eq!(world.live(), 1);
    world.exporter.connection_closed(1);
    world.pass(Duration::from_secs(180));
    assert_eq!((world.live(), world.exporter.poll_timeout()), (0, None));
}

#[test]
fn without_pings_an_object_dies_after_14_minutes_without_a_call() {
    let world = World::new(|_| ());
    let _held = activate(&world.user("a"));
    world.pass(Duration::from_secs(13 * 60));
    assert_eq!(world.live(), 1);
    world.pass(Duration::from_secs(2 * 60));
    assert_eq!(world.live(), 0);
}

#[test]
fn an_object_that_was_pinged_dies_three_periods_after_the_last_ping() {
    let world = World::new(|_| ());
    let user = world.user("a");
    let (counter, reply) = activate(&user);
    let oid = reply.interfaces[0].pointer.as_ref().unwrap().objref().unwrap().std().unwrap().oid;
    let set = run(client::complex_ping(&user, SetId(0), 0, vec![oid, Oid(77)], vec![Oid(78)])).unwrap();
    world.exporter.connection_closed(1);
    for _ in 0..10 {
        world.pass(Duration::from_secs(240));
        // As Windows does it: without authentication.
        run(client::simple_ping(&Local { user: None, ..user.clone() }, set)).unwrap();
    }
    assert_eq!(world.live(), 1);
    world.pass(Duration::from_secs(350));
    run(counter.call(&Add { number: 1 })).unwrap();
    world.pass(Duration::from_secs(100));
    assert_eq!(world.live(), 1, "a call in the last period saves it");
    world.pass(Duration::from_secs(60));
    assert_eq!(world.live(), 0);
    let result = run(client::simple_ping(&user, set));
    assert!(matches!(result, Err(Error::Refused { status: Status::Win32(Win32Error::OR_INVALID_SET), .. })));
}

#[test]
fn a_set_belongs_to_who_made_it() {
    let world = World::new(|_| ());
    let set = run(client::complex_ping(&world.user("a"), SetId(0), 0, vec![], vec![])).unwrap();
    assert!(run(client::simple_ping(&world.user("b"), set)).is_err());
    assert!(run(client::complex_ping(&world.user("b"), set, 0, vec![], vec![])).is_err());
    assert_eq!(run(client::complex_ping(&world.user("a"), set, 0, vec![], vec![])), Ok(set));
}

#[test]
fn sets_are_bounded() {
    let world = World::new(|o| o.sets = 3);
    let make = || run(client::complex_ping(&world.user("a"), SetId(0), 0, vec![], vec![])).unwrap();
    let sets: Vec<SetId> = (0..5)
        .map(|_| {
            world.pass(Duration::from_secs(1));
            make()
        })
        .collect();
    let alive = sets.iter().filter(|s| run(client::simple_ping(&world.user("a"), **s)).is_ok()).count();
    assert_eq!(alive, 3);
}

#[test]
fn an_enumerator_starts_to_die_with_any_connection() {
    let world = World::new(|_| ());
    let user = world.user("a");
    world.live.fetch_add(1, Ordering::Relaxed);
    let object = ExportedObject::new(ICounter::serve(Arc::new(One(world.live.clone())))).ends_with_connection();
    let pointer = world.exporter.export(&user.context(None), Arc::default(), object, ICounter::IID).unwrap();
    let ipid = pointer.objref().unwrap().std().unwrap().ipid;
    run(Proxy::<ICounter, _>::new(user.on(2), ipid, orpc()).call(&Add { number: 1 })).unwrap();
    world.exporter.connection_closed(2);
    world.pass(Duration::from_secs(180));
    assert_eq!(world.live(), 0);
}

#[test]
fn one_account_cannot_hold_too_much_and_loses_what_it_left_lying() {
    let world = World::new(|o| o.objects_per_identity = 2);
    let user = world.user("a");
    let (first, _) = activate(&user);
    world.pass(Duration::from_secs(1));
    let _second = activate(&user);
    assert_eq!(code(run(client::create_instance(&user, orpc(), &request(&[ICounter::IID])))), HResult::E_OUTOFMEMORY);
    assert!(run(client::create_instance(&world.user("b"), orpc(), &request(&[ICounter::IID]))).is_ok());
    world.pass(Duration::from_secs(130));
    let _third = activate(&user);
    assert_eq!(fault(run(first.call(&Add { number: 1 }))), FaultStatus::RPC_E_DISCONNECTED);
    assert_eq!(world.live(), 3);
}

#[test]
fn what_a_closed_connection_left_behind_makes_room_at_once() {
    let world = World::new(|o| o.objects_per_identity = 2);
    let user = world.user("a");
    let (used, _) = activate(&user);
    run(used.call(&Add { number: 1 })).unwrap();
    let (fresh, _) = activate(&user);
    world.exporter.connection_closed(1);
    // The one that was in use goes; the one that was just made may be called over the next connection.
    let (third, _) = activate(&user);
    assert_eq!(fault(run(used.call(&Add { number: 1 }))), FaultStatus::RPC_E_DISCONNECTED);
    assert!(run(fresh.call(&Add { number: 1 })).is_ok());
    world.exporter.connection_closed(1);
    world.exporter.reclaim(user.context(None).caller.as_deref());
    assert_eq!(fault(run(fresh.call(&Add { number: 1 }))), FaultStatus::RPC_E_DISCONNECTED);
    assert!(run(third.call(&Add { number: 1 })).is_ok());
}

#[test]
fn an_exporter_is_resolved_by_its_oxid() {
    let world = World::new(|o| o.minimum_level = AuthLevel::Privacy);
    let user = world.user("a");
    let info = run(client::resolve_oxid2(&user, world.exporter.oxid())).unwrap();
    assert_eq!((info.rem_unknown, info.authn_hint), (world.exporter.rem_unknown(), 6));
    assert_eq!(info.bindings.strings[0].address, "127.0.0.1[24158]");
    let result = run(client::resolve_oxid2(&user, Oxid(1)));
    assert!(matches!(result, Err(Error::Refused { status: Status::Win32(Win32Error::OR_INVALID_OXID), .. })));
}

#[test]
fn every_cut_of_an_activation_is_a_refusal() {
    let world = World::new(|_| ());
    let user = world.user("a");
    let mut w = Writer::default();
    let properties = Some(request(&[ICounter::IID]).to_blob().to_pointer(Direction::In));
    RemoteCreateInstance { orpc_this: orpc().this(1), outer: None, properties }.encode(&mut w);
    let stub = w.finish();
    for cut in 0..stub.len() {
        let result = run(user.call_raw(IRemoteSCMActivator::SYNTAX, None, 4, stub.slice(..cut)));
        assert!(matches!(result, Err(ChannelError::Fault(_))), "cut at {cut}");
    }
    assert_eq!(world.live(), 0);
}

#[test]
fn calls_of_older_clients_answer_too() {
    let world = World::new(|_| ());
    let user = world.user("a");
    assert_eq!(run(rwmi_rpc::call(&user, None, &ServerAlive {})).unwrap().status, Win32Error::ERROR_SUCCESS);
    let resolve = |oxid, protseq| {
        let call = ResolveOxid { oxid, protseq_count: 1, protseqs: Conformant(vec![protseq]) };
        run(rwmi_rpc::call(&user, None, &call)).unwrap()
    };
    let found = resolve(world.exporter.oxid(), 7);
    assert_eq!((found.rem_unknown, found.status), (world.exporter.rem_unknown(), Win32Error::ERROR_SUCCESS));
    assert!(found.bindings.unwrap().strings.iter().all(|b| b.address.ends_with("[24158]")));
    assert_eq!(resolve(Oxid(1), 7).status, Win32Error::OR_INVALID_OXID);
    let pipes = resolve(world.exporter.oxid(), 15);
    assert_eq!((pipes.bindings, pipes.status), (None, Win32Error::RPC_S_PROTSEQ_NOT_SUPPORTED));

    let class = run(client::get_class_object(&user, orpc(), &request(&[IClassFactory::IID]))).unwrap();
    let ipid = class.interfaces[0].pointer.as_ref().unwrap().objref().unwrap().std().unwrap().ipid;
    let factory: Proxy<IClassFactory, _> = Proxy::new(user.clone(), ipid, orpc());
    assert_eq!(run(factory.call(&RemoteLockServer { lock: 1 })).unwrap().1, HResult::S_OK);
}
