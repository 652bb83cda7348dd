//! Events of a broker: of the repository, of providers that are polled or tell themselves, and of timers.

use super::*;
use crate::broker::{Broker, Options};
use crate::store::{Repository, Shipped};
use rwmi_cim::mof::{self, Memory};
use rwmi_cim::{DateTime, Enumerate, Instance, ObjectPath, Operation, ProviderResult, PutOptions, Sink, Timestamp};
use std::sync::Mutex;
use tokio::sync::watch;

mod later;
mod timers;

const MOF: &str = r#"
class Thing { [key] string Name; uint32 Size; };
class Special : Thing { string Extra; };
[dynamic, provider("Polled")] class Disk { [key] string Name; uint64 Free; };
[dynamic, provider("Other")] class Tape : Disk {};
[dynamic, provider("Nobody")] class Orphan { [key] string Name; };
[provider("Told")] class Knock : __ExtrinsicEvent { string Who; };
[provider("Mute")] class Hush : __ExtrinsicEvent {};
"#;

struct Test;

impl Shipped for Test {
    fn stamp(&self) -> Vec<u8> {
        b"events".to_vec()
    }

    fn compile(&self) -> Result<Vec<Namespace>, String> {
        let mut memory = Memory::new();
        let texts = [include_str!("../../../mof/system.mof"), MOF];
        for (namespace, text) in ["root", r"root\a"].into_iter().flat_map(|n| texts.map(|t| (n, t))) {
            let document = mof::parse("test", text).map_err(|e| format!("{e:?}"))?;
            mof::compile_into(&document, namespace, &mut memory).map_err(|e| e.render())?;
        }
        let namespace = |name| Namespace::new(name, memory.classes(name).cloned(), Vec::new());
        Ok(vec![namespace("root"), namespace(r"root\a")])
    }
}

/// A provider whose instances, events and moods the test sets.
struct Fake {
    name: &'static str,
    state: Mutex<State>,
    looks: watch::Sender<u32>,
}

#[derive(Default)]
struct State {
    disks: Vec<(String, u64)>,
    mood: Mood,
    knocks: Option<Sink>,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Mood {
    #[default]
    Well,
    Fails,
    Hangs,
    Overflows,
}

impl Fake {
    fn new(name: &'static str) -> Arc<Fake> {
        Arc::new(Fake { name, state: Mutex::default(), looks: watch::channel(0).0 })
    }

    fn set(&self, disks: &[(&str, u64)]) {
        self.state.lock().unwrap().disks = disks.iter().map(|(n, f)| ((*n).to_owned(), *f)).collect();
    }

    fn mood(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    async fn knock(&self, hub: &Hub, who: &str) {
        let sink = self.state.lock().unwrap().knocks.clone().unwrap();
        let tree = hub.repository.tree();
        let mut knock = Instance::new(tree.namespace("root").unwrap().class("Knock", false).unwrap().clone());
        knock.set("Who", who).unwrap();
        sink.indicate(knock).await.unwrap();
    }
}

struct Shared(Arc<Fake>);

impl Shared {
    fn mood_is_over(&self) {
        self.0.mood(Mood::Well);
        // Who knocks now waits until it is listened to again.
        self.0.state.lock().unwrap().knocks = None;
    }
}

impl rwmi_cim::Provider for Shared {
    fn name(&self) -> &str {
        self.0.name
    }

    async fn enumerate(&self, _: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        self.0.looks.send_modify(|n| *n += 1);
        let (disks, mood) = {
            let state = self.0.state.lock().unwrap();
            (state.disks.clone(), state.mood)
        };
        match mood {
            Mood::Well => {}
            Mood::Fails | Mood::Overflows => return Err(WbemStatus::PROVIDER_FAILURE),
            Mood::Hangs => std::future::pending().await,
        }
        for (name, free) in disks {
            let mut disk = Instance::new(req.class.clone());
            disk.set("Name", name).unwrap();
            disk.set("Free", free).unwrap();
            sink.indicate(disk).await?;
        }
        Ok(())
    }

    async fn events(&self, _: &RequestContext, _: &Arc<Class>, sink: &Sink) -> ProviderResult<()> {
        if self.0.name == "Mute" {
            return Err(WbemStatus::PROVIDER_NOT_CAPABLE);
        }
        self.0.state.lock().unwrap().knocks = Some(sink.clone());
        loop {
            let mood = self.0.state.lock().unwrap().mood;
            match mood {
                Mood::Fails => return Err(WbemStatus::PROVIDER_FAILURE),
                Mood::Overflows => {
                    self.mood_is_over();
                    return Err(WbemStatus::QUEUE_OVERFLOW);
                }
                _ => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }
}

struct World {
    broker: Arc<Broker>,
    polled: Arc<Fake>,
    other: Arc<Fake>,
}

fn world() -> World {
    let (polled, other) = (Fake::new("Polled"), Fake::new("Other"));
    let fakes = [polled.clone(), other.clone(), Fake::new("Told"), Fake::new("Mute")];
    world_of(Repository::in_memory(&Test).unwrap(), polled, other, fakes)
}

fn world_of(repository: Repository, polled: Arc<Fake>, other: Arc<Fake>, fakes: [Arc<Fake>; 4]) -> World {
    let providers = fakes.map(|f| Arc::new(Shared(f)) as Arc<dyn DynProvider>);
    let broker = Broker::new(Arc::new(repository), providers, "LX1", Duration::from_secs(30));
    World { broker: Arc::new(broker), polled, other }
}

fn boss() -> RequestContext {
    RequestContext::new("boss", r"root\a")
}

impl World {
    fn hub(&self) -> &Arc<Hub> {
        self.broker.events()
    }

    async fn watch(&self, query: &str) -> Subscription {
        self.hub().subscribe(&boss(), query, Kind::Temporary).await.unwrap_or_else(|f| panic!("{query}: {f}"))
    }

    async fn refused(&self, query: &str) -> WbemStatus {
        self.hub().subscribe(&boss(), query, Kind::Temporary).await.map(drop).unwrap_err().status
    }

    async fn run(&self, op: Operation) {
        let (sink, _rows) = Sink::bounded(64);
        self.broker.run(&boss(), Options::default(), op, &sink).await.unwrap();
    }

    async fn put(&self, class: &str, values: &[(&str, Value)]) {
        self.put_in(&boss(), class, values).await;
    }

    async fn put_in(&self, cx: &RequestContext, class: &str, values: &[(&str, Value)]) {
        let tree = self.hub().repository.tree();
        let mut instance = Instance::new(tree.namespace(&cx.namespace).unwrap().class(class, false).unwrap().clone());
        values.iter().for_each(|(n, v)| instance.set(n, v.clone()).unwrap());
        let (sink, _rows) = Sink::bounded(64);
        self.broker.run(cx, Options::default(), Operation::Put { instance, options: PutOptions::default() }, &sink).await.unwrap();
    }

    async fn delete(&self, path: &str) {
        self.run(Operation::Delete(path.parse().unwrap())).await;
    }
}

/// An event in a few words: its class, target and what was before.
fn show(event: &Object) -> String {
    let one = |name: &str| match event.get::<Option<Entity>>(name) {
        Ok(Some(Entity::Class(c))) => format!(" {name}=class {}", c.name),
        Ok(Some(Entity::Instance(o))) => {
            let size = o.get::<u32>("Size").or_else(|_| o.get::<u32>("Free")).map_or(String::new(), |s| format!("/{s}"));
            format!(" {name}={}{size}", o.relative_path().map_or_else(|| o.class().name.clone(), |p| p.to_string()))
        }
        _ => String::new(),
    };
    let names = ["TargetInstance", "PreviousInstance", "TargetClass", "PreviousClass", "TargetNamespace", "Representative"];
    format!("{}{}", event.class().name, names.map(one).concat())
}

async fn next(subscription: &Subscription) -> Object {
    match subscription.next().await {
        Notice::Event(event) => event,
        other => panic!("{other:?} is no event"),
    }
}

async fn check_next(subscription: &Subscription, expect: &str) {
    assert_eq!(show(&next(subscription).await), expect);
}

fn check_none(subscription: &Subscription) {
    assert_eq!(subscription.sub.queue.take(), None);
}

#[tokio::test]
async fn changes_of_instances_are_events_when_the_change_is_done() {
    let w = world();
    let created = w.watch("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing'").await;
    let all = w.watch("SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Thing' AND TargetInstance.Name <> 'x'").await;
    let big = "SELECT TargetInstance FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Thing' AND PreviousInstance.Size < 5 AND TargetInstance.Size >= 5";
    let big = w.watch(big).await;
    w.put("Thing", &[("Name", "a".into()), ("Size", 1u32.into())]).await;
    w.put("Special", &[("Name", "x".into())]).await;
    w.put("Thing", &[("Name", "a".into()), ("Size", 5u32.into())]).await;
    w.put("Thing", &[("Name", "a".into()), ("Size", 6u32.into())]).await;
    w.delete("Thing.Name='a'").await;
    check_next(&created, "__InstanceCreationEvent TargetInstance=Thing.Name=\"a\"/1").await;
    check_next(&created, "__InstanceCreationEvent TargetInstance=Special.Name=\"x\"").await;
    check_none(&created);
    check_next(&all, "__InstanceCreationEvent TargetInstance=Thing.Name=\"a\"/1").await;
    check_next(&all, "__InstanceModificationEvent TargetInstance=Thing.Name=\"a\"/5 PreviousInstance=Thing.Name=\"a\"/1").await;
    check_next(&all, "__InstanceModificationEvent TargetInstance=Thing.Name=\"a\"/6 PreviousInstance=Thing.Name=\"a\"/5").await;
    check_next(&all, "__InstanceDeletionEvent TargetInstance=Thing.Name=\"a\"/6").await;
    check_none(&all);
    let event = next(&big).await;
    assert_eq!(show(&event), "__InstanceModificationEvent TargetInstance=Thing.Name=\"a\"/5");
    check_none(&big);
    // The event lives nowhere, what is in it does.
    assert_eq!(event.decoration(), None);
    let Ok(Entity::Instance(thing)) = event.get::<Entity>("TargetInstance") else { panic!("no target") };
    assert_eq!(thing.decoration(), Some(&Decoration { server: "LX1".into(), namespace: r"root\a".into() }));
}

#[tokio::test]
async fn an_event_says_when_it_was_and_nothing_about_who_may_have_it() {
    let w = world();
    let created = w.watch("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing'").await;
    let before = filetime(std::time::SystemTime::now());
    w.put("Thing", &[("Name", "a".into())]).await;
    let event = next(&created).await;
    let time = event.get::<u64>("TIME_CREATED").unwrap();
    assert!((before..=filetime(std::time::SystemTime::now())).contains(&time));
    assert_eq!(event.get::<Value>("SECURITY_DESCRIPTOR"), Ok(Value::Null));
}

#[tokio::test]
async fn changes_of_classes_and_namespaces_are_events() {
    let w = world();
    let classes = w.watch("SELECT * FROM __ClassOperationEvent WHERE TargetClass ISA 'Thing'").await;
    let namespaces = w.watch("SELECT * FROM __NamespaceOperationEvent").await;
    let tree = w.hub().repository.tree();
    let thing = tree.namespace(r"root\a").unwrap().class("Thing", true).unwrap();
    let new = |name: &str| Arc::new(Class { name: name.into(), derivation: vec!["Thing".into()], ..(**thing).clone() });
    w.run(Operation::PutClass { class: new("New"), options: PutOptions::default() }).await;
    w.run(Operation::DeleteClass("New".into())).await;
    w.put("__NAMESPACE", &[("Name", "child".into())]).await;
    w.delete("__NAMESPACE.Name='child'").await;
    check_next(&classes, "__ClassCreationEvent TargetClass=class New").await;
    check_next(&classes, "__ClassDeletionEvent TargetClass=class New").await;
    check_none(&classes);
    check_next(&namespaces, "__NamespaceCreationEvent TargetNamespace=__NAMESPACE.Name=\"child\"").await;
    check_next(&namespaces, "__NamespaceDeletionEvent TargetNamespace=__NAMESPACE.Name=\"child\"").await;
    check_none(&namespaces);
}

#[tokio::test]
async fn a_namespace_that_goes_ends_what_waits_in_it() {
    let w = world();
    w.put("__NAMESPACE", &[("Name", "child".into())]).await;
    let cx = RequestContext::new("boss", r"root/A\child");
    let child = w.hub().subscribe(&cx, "SELECT * FROM __ClassCreationEvent", Kind::Temporary).await.unwrap();
    w.delete("__NAMESPACE.Name='child'").await;
    assert!(matches!(child.next().await, Notice::Ended(f) if f.status == WbemStatus::INVALID_NAMESPACE));
    let gone = w.hub().subscribe(&cx, "SELECT * FROM __ClassCreationEvent", Kind::Temporary).await;
    assert_eq!(gone.map(drop).unwrap_err().status, WbemStatus::INVALID_NAMESPACE);
}

#[tokio::test]
async fn a_query_that_cannot_run_says_why_and_takes_nothing() {
    let w = world();
    let check = async |query: &str, expect: WbemStatus| assert_eq!(w.refused(query).await, expect, "{query}");
    check("SELECT * FROM Thing", WbemStatus::NOT_EVENT_CLASS).await;
    check("SELECT * FROM Nothing", WbemStatus::INVALID_CLASS).await;
    check("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Disk'", WbemStatus::REGISTRATION_TOO_PRECISE).await;
    check("SELECT * FROM __InstanceCreationEvent WITHIN 1", WbemStatus::REGISTRATION_TOO_BROAD).await;
    check("SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Orphan'", WbemStatus::PROVIDER_NOT_FOUND).await;
    check("SELECT * FROM Hush", WbemStatus::PROVIDER_NOT_CAPABLE).await;
    // Who asks at the same time is told the same.
    let hush = || w.hub().subscribe(Box::leak(Box::new(boss())), "SELECT * FROM Hush", Kind::Temporary);
    let (one, other) = tokio::join!(hush(), hush());
    assert_eq!([one, other].map(|r| r.map(drop).unwrap_err().status), [WbemStatus::PROVIDER_NOT_CAPABLE; 2]);
    check("SELECT * FROM", WbemStatus::UNPARSABLE_QUERY).await;
    w.polled.mood(Mood::Fails);
    check("SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Disk'", WbemStatus::PROVIDER_FAILURE).await;
    assert!(w.hub().watching.read().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_differs_between_two_looks_are_events_and_the_first_look_is_silent() {
    let w = world();
    w.polled.set(&[("C:", 1), ("D:", 1)]);
    let all = w.watch("SELECT * FROM __InstanceOperationEvent WITHIN 5 WHERE TargetInstance ISA 'Disk'").await;
    let created = w.watch("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Disk'").await;
    // One poller for both, of each class.
    assert_eq!(w.hub().polls_running(), 2);
    w.polled.set(&[("c:", 2), ("E:", 1)]);
    check_next(&all, "__InstanceDeletionEvent TargetInstance=Disk.Name=\"D:\"/1").await;
    let mut rest = vec![show(&next(&all).await), show(&next(&all).await)];
    rest.sort();
    assert_eq!(
        rest,
        [
            "__InstanceCreationEvent TargetInstance=Disk.Name=\"E:\"/1",
            "__InstanceModificationEvent TargetInstance=Disk.Name=\"c:\"/2 PreviousInstance=Disk.Name=\"C:\"/1"
        ]
    );
    check_next(&created, "__InstanceCreationEvent TargetInstance=Disk.Name=\"E:\"/1").await;
    check_none(&created);
    drop((all, created));
    assert_eq!(w.hub().polls_running(), 0);
    let looks = *w.polled.looks.borrow();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(*w.polled.looks.borrow(), looks);
}

#[tokio::test(start_paused = true)]
async fn who_joins_later_sees_what_comes_later() {
    let w = world();
    let query = "SELECT * FROM __InstanceCreationEvent WITHIN 100 WHERE TargetInstance ISA 'Disk'";
    let first = w.watch(query).await;
    w.polled.set(&[("C:", 1)]);
    let second = w.watch(query).await;
    check_next(&first, "__InstanceCreationEvent TargetInstance=Disk.Name=\"C:\"/1").await;
    w.polled.set(&[("C:", 1), ("D:", 1)]);
    for subscription in [&first, &second] {
        check_next(subscription, "__InstanceCreationEvent TargetInstance=Disk.Name=\"D:\"/1").await;
    }
    // Another account looks with its own eyes.
    let other = RequestContext::new("other", r"root\a");
    let _other = w.hub().subscribe(&other, query, Kind::Temporary).await.unwrap();
    assert_eq!(w.hub().polls_running(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_or_hangs_is_told_once_and_delays_nobody() {
    let w = world();
    let query = "SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Disk'";
    let disks = w.watch(query).await;
    w.other.mood(Mood::Hangs);
    w.polled.set(&[("C:", 1)]);
    let begun = Instant::now();
    check_next(&disks, "__InstanceCreationEvent TargetInstance=Disk.Name=\"C:\"/1").await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    let expect = |status| move |notice: Notice| matches!(notice, Notice::Failed(f) if f.status == status);
    assert!(expect(WbemStatus::PROVIDER_TIMED_OUT)(disks.next().await));
    w.other.mood(Mood::Fails);
    assert!(expect(WbemStatus::PROVIDER_FAILURE)(disks.next().await));
    tokio::time::sleep(Duration::from_secs(60)).await;
    check_none(&disks);
    // What came to be while it failed is told when it is well again.
    w.other.set(&[("T:", 1)]);
    w.other.mood(Mood::Well);
    check_next(&disks, "__InstanceCreationEvent TargetInstance=Tape.Name=\"T:\"/1").await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_too_large_is_told() {
    let w = world();
    let disks = w.watch("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance.__CLASS = 'Disk'").await;
    let name = "x".repeat(1 << 20);
    let names: Vec<String> = (0..6).map(|n| format!("{name}{n}")).collect();
    w.polled.set(&names.iter().map(|n| (n.as_str(), 1)).collect::<Vec<_>>());
    assert!(matches!(disks.next().await, Notice::Failed(f) if f.status == WbemStatus::QUOTA_VIOLATION));
}

#[tokio::test(start_paused = true)]
async fn a_provider_tells_its_own_events_and_begins_again_after_it_failed() {
    let told = Fake::new("Told");
    let fakes = [Fake::new("Polled"), Fake::new("Other"), told.clone(), Fake::new("Mute")];
    let w = world_of(Repository::in_memory(&Test).unwrap(), fakes[0].clone(), fakes[1].clone(), fakes);
    let ann = w.watch("SELECT Who FROM Knock WHERE Who LIKE 'A%'").await;
    let all = w.watch("SELECT * FROM __ExtrinsicEvent").await;
    // Of the classes below, one has nobody who tells.
    assert!(matches!(all.next().await, Notice::Failed(f) if f.status == WbemStatus::PROVIDER_NOT_CAPABLE));
    told.knock(w.hub(), "bob").await;
    told.knock(w.hub(), "ann").await;
    let knock = next(&ann).await;
    assert_eq!((knock.get("Who"), knock.class().properties.len()), (Ok("ann".to_owned()), 1));
    assert_eq!(next(&all).await.get("Who"), Ok("bob".to_owned()));
    assert!(next(&all).await.get::<u64>("TIME_CREATED").unwrap() > 0);
    told.mood(Mood::Fails);
    assert!(matches!(ann.next().await, Notice::Failed(f) if f.status == WbemStatus::PROVIDER_FAILURE));
    told.mood(Mood::Well);
    tokio::time::sleep(Duration::from_secs(3)).await;
    told.knock(w.hub(), "anna").await;
    assert_eq!(next(&ann).await.get("Who"), Ok("anna".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_lost_events_is_asked_again_at_once() {
    let told = Fake::new("Told");
    let fakes = [Fake::new("Polled"), Fake::new("Other"), told.clone(), Fake::new("Mute")];
    let w = world_of(Repository::in_memory(&Test).unwrap(), fakes[0].clone(), fakes[1].clone(), fakes);
    let overflows = w.watch("SELECT * FROM __EventQueueOverflowEvent").await;
    let knocks = w.watch("SELECT * FROM Knock").await;
    let begun = Instant::now();
    for _ in 0..2 {
        told.mood(Mood::Overflows);
        assert_eq!(knocks.next().await, Notice::Lost(1));
        let overflow = next(&overflows).await;
        assert_eq!(overflow.get::<Value>("Event"), Ok(Value::Null));
        while told.state.lock().unwrap().knocks.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        told.knock(w.hub(), "who").await;
        assert_eq!(next(&knocks).await.get("Who"), Ok("who".to_owned()));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_is_not_taken_is_dropped_and_told_to_its_subscriber_and_to_who_asks() {
    let w = world();
    let created = w.watch("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing'").await;
    let overflows = w.watch("SELECT * FROM __EventQueueOverflowEvent").await;
    let other = RequestContext::new("other", r"root\a");
    let others = w.hub().subscribe(&other, "SELECT * FROM __EventDroppedEvent", Kind::Temporary).await.unwrap();
    let extra = 7;
    let ops = (0..queue::QUEUE_LEN_MAX + extra).map(|n| {
        let tree = w.hub().repository.tree();
        let mut thing = Instance::new(tree.namespace(r"root\a").unwrap().class("Thing", false).unwrap().clone());
        thing.set("Name", format!("{n:05}")).unwrap();
        (boss(), Operation::Put { instance: thing, options: PutOptions::default() })
    });
    w.broker.write_together(ops.collect()).await.unwrap();
    for n in 0..queue::QUEUE_LEN_MAX {
        check_next(&created, &format!("__InstanceCreationEvent TargetInstance=Thing.Name=\"{n:05}\"")).await;
    }
    let lost = created.next().await;
    assert_eq!(lost, Notice::Lost(extra as u64));
    assert_eq!(lost.failure().unwrap_err().status, WbemStatus::QUEUE_OVERFLOW);
    w.put("Thing", &[("Name", "later".into())]).await;
    check_next(&created, "__InstanceCreationEvent TargetInstance=Thing.Name=\"later\"").await;
    let overflow = next(&overflows).await;
    assert!(overflow.get::<u32>("CurrentQueueSize").unwrap() > 100_000);
    let Ok(Entity::Instance(first)) = overflow.get::<Entity>("Event") else { panic!("no event") };
    assert_eq!(show(&first), "__InstanceCreationEvent TargetInstance=Thing.Name=\"01000\"");
    check_none(&overflows);
    // Another account sees nothing of it.
    check_none(&others);
}

#[tokio::test(start_paused = true)]
async fn events_are_told_together_when_their_time_is_over() {
    let w = world();
    let query = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing' GROUP WITHIN 10 BY TargetInstance.Size HAVING NumberOfEvents > 1";
    let groups = w.watch(query).await;
    for (name, size) in [("a", 1u32), ("b", 2), ("c", 1), ("d", 3)] {
        w.put("Thing", &[("Name", name.into()), ("Size", size.into())]).await;
    }
    let begun = Instant::now();
    let group = next(&groups).await;
    assert!(begun.elapsed() > Duration::from_secs(9));
    assert_eq!((group.class().name.as_str(), group.get::<u32>("NumberOfEvents")), ("__AggregateEvent", Ok(2)));
    let Ok(Entity::Instance(first)) = group.get::<Entity>("Representative") else { panic!("no representative") };
    assert_eq!(show(&first), "__InstanceCreationEvent TargetInstance=Thing.Name=\"a\"/1");
    tokio::time::sleep(Duration::from_secs(60)).await;
    check_none(&groups);
}

#[tokio::test(start_paused = true)]
async fn groups_have_as_much_room_as_a_queue() {
    let w = world();
    let query = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing' GROUP WITHIN 10 BY TargetInstance.Name";
    let groups = w.watch(query).await;
    let name = |n: u32| format!("{}{n}", "x".repeat(3_000_000));
    for n in 0..4 {
        w.put("Thing", &[("Name", name(n).as_str().into())]).await;
    }
    // The fourth finds no room, and that is told at once.
    assert_eq!(groups.next().await, Notice::Lost(1));
    for _ in 0..3 {
        assert_eq!(next(&groups).await.get::<u32>("NumberOfEvents"), Ok(1));
    }
    w.put("Thing", &[("Name", name(5).as_str().into())]).await;
    assert_eq!(next(&groups).await.get::<u32>("NumberOfEvents"), Ok(1));
    drop(groups);
    while w.hub().waiting.is_used() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_account_has_so_many_subscriptions_and_no_more() {
    let w = world();
    let query = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing'";
    let mut held = Vec::new();
    for _ in 0..1000 {
        held.push(w.watch(query).await);
    }
    assert_eq!(w.refused(query).await, WbemStatus::QUOTA_VIOLATION);
    held.pop();
    held.push(w.watch(query).await);
    drop(held);
    assert!(w.hub().watching.read().unwrap().is_empty());
}

#[tokio::test]
async fn the_waist_delivers_events_until_nobody_reads() {
    let w = world();
    let (sink, rows) = Sink::bounded(8);
    let (broker, cx) = (w.broker.clone(), boss());
    let op = Operation::Subscribe("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing'".into());
    let running = tokio::spawn(async move { broker.run(&cx, Options::default(), op, &sink).await.map_err(|f| f.status) });
    while w.hub().watching.read().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    w.put("Thing", &[("Name", "a".into())]).await;
    assert_eq!(show(rows.recv().await.unwrap().as_instance().unwrap()), "__InstanceCreationEvent TargetInstance=Thing.Name=\"a\"");
    drop(rows);
    w.put("Thing", &[("Name", "b".into())]).await;
    assert_eq!(running.await.unwrap(), Err(WbemStatus::CALL_CANCELLED));
    assert!(w.hub().watching.read().unwrap().is_empty());
    let path: ObjectPath = "Thing.Name='b'".parse().unwrap();
    w.run(Operation::Delete(path)).await;
}
