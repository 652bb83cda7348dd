//! Permanent subscriptions of a broker: what may be kept, what comes of it, and what is said when nothing does.

use super::deliver::Retries;
use super::*;
use crate::broker::events::{Kind, Notice, Subscription};
use crate::broker::{Broker, Failure, Options};
use crate::config::ConsumersConfig;
use crate::consumers::Consumers;
use crate::shipped::Schema;
use crate::store::Repository;
use rwmi_cim::{Object, Operation, PutOptions, RequestContext, Sink, Value, WbemStatus};
use std::time::Instant;
use tokio::task::JoinHandle;

const PLACE: &str = r"root\subscription";

struct World {
    broker: Arc<Broker>,
    dir: tempfile::TempDir,
    keeper: Option<JoinHandle<()>>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

fn broker(repository: Repository) -> Arc<Broker> {
    Arc::new(Broker::new(Arc::new(repository), [], "LX1", Duration::from_secs(5)))
}

impl World {
    /// A broker whose subscriptions are kept, with a log directory that is there or not.
    async fn new() -> World {
        let mut world =
            World { broker: broker(Repository::in_memory(&Schema::default()).unwrap()), dir: tempfile::tempdir().unwrap(), keeper: None };
        world.keep().await;
        world
    }

    async fn keep(&mut self) {
        self.keep_with(Retries([1, 1].map(Duration::from_millis).to_vec())).await;
    }

    async fn keep_with(&mut self, retries: Retries) {
        let config = ConsumersConfig { log_directory: Some(self.dir.path().join("log")), ..ConsumersConfig::default() };
        let keeper = Keeper::with(self.broker.clone(), Consumers::new(config, "LX1"), retries).await;
        self.keeper = Some(tokio::spawn(keeper.run()));
    }

    /// Ends the keeping; the repository stays.
    async fn stop(&mut self) {
        let keeper = self.keeper.take().unwrap();
        keeper.abort();
        assert!(keeper.await.unwrap_err().is_cancelled());
    }

    fn make_log_directory(&self) {
        std::fs::create_dir(self.dir.path().join("log")).unwrap();
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join("log").join(name)).unwrap_or_default()
    }

    /// Waits until a test of the world holds.
    async fn until(&self, what: &str, test: impl Fn(&World) -> bool) {
        let begun = Instant::now();
        while !test(self) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn run(&self, admin: bool, namespace: &str, op: Operation) -> Result<Option<Object>, Failure> {
        let mut cx = RequestContext::new("boss", namespace);
        cx.elevated = admin;
        let (sink, found) = Sink::bounded(10);
        self.broker.run(&cx, Options::default(), op, &sink).await?;
        Ok(found.try_recv().ok().and_then(|e| e.as_instance().cloned()))
    }

    async fn put_as(&self, admin: bool, class: &str, values: &[(&str, Value)]) -> Result<Option<Object>, Failure> {
        let tree = self.broker.repository.tree();
        let mut instance = Instance::new(tree.namespace(PLACE).unwrap().class(class, false).unwrap().clone());
        for (name, value) in values {
            instance.set(name, value.clone()).unwrap();
        }
        self.run(admin, PLACE, Operation::Put { instance, options: PutOptions::default() }).await
    }

    async fn put(&self, class: &str, values: &[(&str, Value)]) -> Result<Option<Object>, Failure> {
        self.put_as(true, class, values).await
    }

    async fn delete(&self, path: &str) {
        self.run(true, PLACE, Operation::Delete(path.parse().unwrap())).await.unwrap();
    }

    async fn filter(&self, name: &str, query: &str) {
        self.put("__EventFilter", &[("Name", name.into()), ("QueryLanguage", "WQL".into()), ("Query", query.into())]).await.unwrap();
    }

    async fn log_consumer(&self, name: &str, file: &str, text: &str) {
        let values = [("Name", name.into()), ("Filename", file.into()), ("Text", text.into())];
        self.put("LogFileEventConsumer", &values).await.unwrap();
    }

    async fn bind(&self, filter: &str, consumer: &str) {
        self.put("__FilterToConsumerBinding", &binding(filter, consumer)).await.unwrap();
    }

    /// Events of a query, for somebody who asks now.
    async fn watch(&self, query: &str) -> Subscription {
        let mut cx = RequestContext::new("boss", PLACE);
        cx.elevated = true;
        self.broker.events().subscribe(&cx, query, Kind::Temporary).await.unwrap()
    }

    async fn next(&self, events: &Subscription) -> Object {
        match tokio::time::timeout(Duration::from_secs(20), events.next()).await.unwrap() {
            Notice::Event(event) => event,
            other => panic!("{other:?} is no event"),
        }
    }

    /// Something that happens: an instance is made.
    async fn happen(&self, name: &str) {
        self.put("__IntervalTimerInstruction", &[("TimerId", name.into()), ("IntervalBetweenEvents", Value::Uint32(1_000_000))])
            .await
            .unwrap();
    }
}

fn binding(filter: &str, consumer: &str) -> Vec<(&'static str, Value)> {
    let reference = |path: String| Value::Reference(path);
    vec![
        ("Filter", reference(format!("__EventFilter.Name=\"{filter}\""))),
        ("Consumer", reference(format!("LogFileEventConsumer.Name=\"{consumer}\""))),
    ]
}

const CREATED: &str = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA '__TimerInstruction'";

#[tokio::test]
async fn an_event_comes_to_its_consumer_until_something_of_it_is_deleted() {
    let world = World::new().await;
    world.make_log_directory();
    world.filter("f", CREATED).await;
    world.log_consumer("c", "a.log", "%TargetInstance.TimerId%").await;
    world.happen("too early").await;
    world.bind("f", "c").await;
    world.happen("one").await;
    world.until("the line", |w| w.log("a.log") == "one\n").await;
    // The consumer is what it is when the event comes.
    world.log_consumer("c", "b.log", "new %TargetInstance.TimerId%").await;
    world.happen("two").await;
    world.until("the line", |w| w.log("b.log") == "new two\n").await;
    // Another query takes the place of the first.
    world.filter("f", &format!("{CREATED} AND TargetInstance.TimerId LIKE 'x%'")).await;
    world.happen("three").await;
    world.happen("x").await;
    world.until("the line", |w| w.log("b.log") == "new two\nnew x\n").await;

    world.filter("all", CREATED).await;
    world.log_consumer("witness", "w.log", "%TargetInstance.TimerId%").await;
    world.bind("all", "witness").await;
    for (at, (path, mend)) in
        [("__FilterToConsumerBinding", false), ("__EventFilter.Name=\"f\"", true), ("LogFileEventConsumer.Name=\"c\"", true)]
            .into_iter()
            .enumerate()
    {
        let path = if mend { path.to_owned() } else { format!("{path}.{}", binding_keys("f", "c")) };
        world.delete(&path).await;
        world.happen(&format!("x{at}")).await;
        // What comes to the other would have come to this one before.
        world.until("the witness", |w| w.log("w.log").contains(&format!("x{at}\n"))).await;
        assert_eq!(world.log("b.log").lines().filter(|l| l.contains(&format!("x{at}"))).count(), 0, "{path}");
        world.filter("f", CREATED).await;
        world.log_consumer("c", "b.log", "again %TargetInstance.TimerId%").await;
        world.bind("f", "c").await;
        world.happen(&format!("y{at}")).await;
        world.until("it is there again", |w| w.log("b.log").contains(&format!("again y{at}\n"))).await;
    }
}

fn binding_keys(filter: &str, consumer: &str) -> String {
    format!("Consumer=\"LogFileEventConsumer.Name=\\\"{consumer}\\\"\",Filter=\"__EventFilter.Name=\\\"{filter}\\\"\"")
}

#[tokio::test]
async fn what_was_kept_goes_on_after_a_restart() {
    let mut world = World::new().await;
    let data = tempfile::tempdir().unwrap();
    world.stop().await;
    world.broker = broker(Repository::open(data.path(), &Schema::default()).unwrap());
    world.keep().await;
    world.make_log_directory();
    world.filter("f", CREATED).await;
    world.log_consumer("c", "a.log", "%TargetInstance.TimerId%").await;
    world.bind("f", "c").await;
    world.happen("before").await;
    world.until("the line", |w| w.log("a.log") == "before\n").await;
    world.stop().await;
    // The other program has to let go of the file first.
    let old = std::mem::replace(&mut world.broker, broker(Repository::in_memory(&Schema::default()).unwrap()));
    world.until("nobody holds the repository", |_| Arc::strong_count(&old) == 1).await;
    drop(old);
    let begun = Instant::now();
    world.broker = loop {
        match Repository::open(data.path(), &Schema::default()) {
            Ok(repository) => break broker(repository),
            Err(e) => assert!(begun.elapsed() < Duration::from_secs(20), "{e}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    world.keep().await;
    world.happen("after").await;
    world.until("the line", |w| w.log("a.log") == "before\nafter\n").await;
}

#[tokio::test]
async fn a_consumer_that_fails_is_told_of_and_tried_again() {
    let world = World::new().await;
    world.filter("f", CREATED).await;
    world.log_consumer("c", "a.log", "%TargetInstance.TimerId%").await;
    world.bind("f", "c").await;
    let events = world.watch("SELECT * FROM __ConsumerFailureEvent").await;
    // The directory is not there.
    world.happen("lost").await;
    let failed = world.next(&events).await;
    let get = |name: &str| failed.get::<Value>(name).unwrap();
    assert_eq!(get("ErrorCode"), Value::Uint32(WbemStatus::FAILED.0));
    assert!(get("ErrorDescription").as_str().unwrap().contains("a.log"));
    assert_eq!(get("IntendedConsumer"), Value::Reference("LogFileEventConsumer.Name=\"c\"".into()));
    let Value::Object(event) = get("Event") else { panic!() };
    assert_eq!(event.class().name, "__InstanceCreationEvent");
    let Value::Object(status) = get("ErrorObject") else { panic!() };
    assert_eq!(status.class().name, "__ExtendedStatus");
    world.make_log_directory();
    world.happen("found").await;
    world.until("the line", |w| w.log("a.log") == "found\n").await;
}

#[tokio::test]
async fn the_word_of_a_failure_does_not_fail_for_ever() {
    let world = World::new().await;
    world.filter("f", "SELECT * FROM __ConsumerFailureEvent").await;
    world.filter("created", CREATED).await;
    // Outside of the directory: no further try, and no end if failures of failures were told.
    world.log_consumer("c", "/etc/a.log", "x").await;
    world.bind("f", "c").await;
    world.bind("created", "c").await;
    let events = world.watch("SELECT * FROM __ConsumerFailureEvent").await;
    for _ in 0..2 {
        world.happen(&format!("{:?}", Instant::now())).await;
        world.next(&events).await;
    }
    assert!(tokio::time::timeout(Duration::from_millis(50), events.next()).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_when_it_is_put() {
    let world = World::new().await;
    let refused = async |values: &[(&str, Value)], status: WbemStatus| {
        let mut all = vec![("Name", "f".into()), ("QueryLanguage", "WQL".into()), ("Query", CREATED.into())];
        all.extend_from_slice(values);
        let failure = world.put("__EventFilter", &all).await.unwrap_err();
        assert_eq!(failure.status, status, "{values:?}: {failure}");
        assert!(failure.description.is_some_and(|d| !d.is_empty()));
    };
    refused(&[("Query", "SELEC * FROM __TimerEvent".into())], WbemStatus::UNPARSABLE_QUERY).await;
    refused(&[("Query", Value::Null)], WbemStatus::UNPARSABLE_QUERY).await;
    refused(&[("Query", "SELECT * FROM __EventFilter".into())], WbemStatus::NOT_EVENT_CLASS).await;
    refused(&[("Query", "SELECT * FROM __TimerEvent GROUP BY TimerId".into())], WbemStatus::MISSING_GROUP_WITHIN).await;
    refused(&[("Query", "ASSOCIATORS OF {x=1}".into())], WbemStatus::NOT_EVENT_CLASS).await;
    refused(
        &[("Query", format!("SELECT * FROM __TimerEvent WHERE TimerId = '{}'", "x".repeat(17_000)).into())],
        WbemStatus::QUOTA_VIOLATION,
    )
    .await;
    refused(&[("QueryLanguage", "CQL".into())], WbemStatus::INVALID_QUERY_TYPE).await;
    refused(&[("QueryLanguage", Value::Null)], WbemStatus::INVALID_QUERY_TYPE).await;
    refused(&[("EventNamespace", r"root\absent".into())], WbemStatus::INVALID_NAMESPACE).await;
    refused(&[("EventAccess", "everybody".into())], WbemStatus::INVALID_PARAMETER).await;
    // Nothing tells of instances of a provider, so they have to be polled.
    let process = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Win32_Process'";
    refused(&[("Query", process.into()), ("EventNamespace", r"\\.\root/cimv2".into())], WbemStatus::REGISTRATION_TOO_PRECISE).await;
    assert!(world.run(true, PLACE, Operation::Get("__EventFilter.Name=\"f\"".parse().unwrap())).await.is_err());

    let bound = async |role: &str, value: Value| {
        let mut values = binding("f", "c");
        values.iter_mut().filter(|(n, _)| *n == role).for_each(|(_, v)| *v = value.clone());
        if role == "DeliveryQoS" {
            values.push(("DeliveryQoS", value));
        }
        world.put("__FilterToConsumerBinding", &values).await.map_err(|f| f.status)
    };
    let reference = |path: &str| Value::Reference(path.into());
    assert_eq!(bound("Filter", reference("LogFileEventConsumer.Name=\"c\"")).await.unwrap_err(), WbemStatus::INVALID_PARAMETER);
    assert_eq!(bound("Consumer", reference("__EventFilter.Name=\"f\"")).await.unwrap_err(), WbemStatus::INVALID_PARAMETER);
    assert_eq!(bound("Consumer", reference("CommandLineEventConsumer.Name=\"c\"")).await.unwrap_err(), WbemStatus::INVALID_CLASS);
    assert_eq!(bound("Filter", reference(r#"\\.\root\absent:__EventFilter.Name="f""#)).await.unwrap_err(), WbemStatus::INVALID_NAMESPACE);
    assert_eq!(bound("DeliveryQoS", Value::Uint32(2)).await.unwrap_err(), WbemStatus::INVALID_PARAMETER);
    assert!(bound("DeliveryQoS", Value::Uint32(1)).await.is_ok());

    // The quota is the administrator's to set.
    let tree = world.broker.repository.tree();
    let mut quota = Instance::new(tree.namespace("root").unwrap().class("__ArbitratorConfiguration", false).unwrap().clone());
    quota.set("PermanentSubscriptionsPerUser", Value::Uint32(1)).unwrap();
    world.run(true, "root", Operation::Put { instance: quota, options: PutOptions::default() }).await.unwrap();
    assert!(bound("DeliveryQoS", Value::Uint32(0)).await.is_ok());
    let second = world.put("__FilterToConsumerBinding", &binding("f", "d")).await.unwrap_err();
    assert_eq!(second.status, WbemStatus::QUOTA_VIOLATION);
    assert!(second.description.unwrap().contains("PermanentSubscriptionsPerUser"));
}

#[tokio::test]
async fn who_keeps_a_subscription_is_an_administrator_and_signed_as_such() {
    let world = World::new().await;
    let values = [("Name", "f".into()), ("QueryLanguage", "WQL".into()), ("Query", CREATED.into())];
    assert_eq!(world.put_as(false, "__EventFilter", &values).await.unwrap_err().status, WbemStatus::ACCESS_DENIED);
    let mut forged = values.to_vec();
    forged.push(("CreatorSID", Value::Array(vec![Value::Uint8(1)])));
    let stored = world.put("__EventFilter", &forged).await.unwrap().unwrap();
    let administrators = [1u8, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0].map(Value::Uint8).to_vec();
    assert_eq!(stored.get::<Value>("CreatorSID").unwrap(), Value::Array(administrators.clone()));
    world.log_consumer("c", "a.log", "x").await;
    let bound = world.put("__FilterToConsumerBinding", &binding("f", "c")).await.unwrap().unwrap();
    assert_eq!(bound.get::<Value>("CreatorSID").unwrap(), Value::Array(administrators));
}

#[tokio::test]
async fn what_is_kept_and_cannot_work_is_known() {
    let mut world = World::new().await;
    world.stop().await;
    // A binding before its ends, as an import may put it.
    world.bind("f", "c").await;
    let state =
        async |w: &World| Keeper::with(w.broker.clone(), Consumers::new(ConsumersConfig::default(), "LX1"), Retries::none()).await.state();
    assert_eq!(state(&world).await, (0, vec!["its filter is not there".to_owned()]));
    world.filter("f", CREATED).await;
    assert_eq!(state(&world).await, (0, vec!["its consumer is not there".to_owned()]));
    world.log_consumer("c", "a.log", "%TargetInstance.TimerId%").await;
    assert_eq!(state(&world).await, (1, vec![]));
    let access =
        [("Name", "f".into()), ("QueryLanguage", "WQL".into()), ("Query", CREATED.into()), ("EventAccess", "D:(A;;0x40;;;BA)".into())];
    world.put("__EventFilter", &access).await.unwrap();
    assert_eq!(state(&world).await, (0, vec!["EventAccess lets nobody here publish to its filter".to_owned()]));
}

#[tokio::test]
async fn a_filter_waits_for_its_class() {
    let mut world = World::new().await;
    world.make_log_directory();
    let knock = async |world: &World| {
        let tree = world.broker.repository.tree();
        let parent = tree.namespace(PLACE).unwrap().class("__ExtrinsicEvent", true).unwrap().clone();
        let derivation = [parent.name.clone()].into_iter().chain(parent.derivation.iter().cloned()).collect();
        let class = Arc::new(Class { name: "Knock".into(), parent: Some(parent), derivation, ..Class::default() });
        world.run(true, PLACE, Operation::PutClass { class, options: PutOptions::default() }).await.unwrap();
    };
    // A file of MOF puts it before the provider comes that brings the class.
    world.filter("f", "SELECT * FROM Knock").await;
    world.log_consumer("c", "a.log", "%__CLASS%").await;
    world.bind("f", "c").await;
    world.stop().await;
    let keeper = Keeper::with(world.broker.clone(), Consumers::new(ConsumersConfig::default(), "LX1"), Retries::none()).await;
    let (kept, failed) = keeper.state();
    assert!(kept == 0 && failed.len() == 1 && failed[0].contains("Knock"), "{failed:?}");
    drop(keeper);
    world.keep().await;
    knock(&world).await;
    let begun = Instant::now();
    while world.log("a.log").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        let tree = world.broker.repository.tree();
        let event = Instance::new(tree.namespace(PLACE).unwrap().class("Knock", false).unwrap().clone());
        world.broker.events().publish(PLACE, &event.into());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(world.log("a.log").starts_with("Knock\n"));
}

#[tokio::test]
async fn only_synchronous_delivery_is_tried_again() {
    let mut world = World::new().await;
    world.stop().await;
    world.keep_with(Retries(vec![Duration::from_millis(20); 1000])).await;
    world.filter("f", CREATED).await;
    world.log_consumer("patient", "p.log", "%TargetInstance.TimerId%").await;
    world.log_consumer("express", "e.log", "%TargetInstance.TimerId%").await;
    let failures = world.watch("SELECT * FROM __ConsumerFailureEvent").await;
    for (consumer, quality, forced) in [("patient", 1, true), ("express", 1, false)] {
        let mut values = binding("f", consumer);
        values.extend([("DeliveryQoS", Value::Uint32(quality)), ("DeliverSynchronously", Value::Boolean(forced))]);
        world.put("__FilterToConsumerBinding", &values).await.unwrap();
    }
    world.happen("one").await;
    let failed = world.next(&failures).await;
    assert!(failed.get::<String>("IntendedConsumer").is_ok_and(|c| c.contains("express")), "{failed:?}");
    world.make_log_directory();
    world.until("the line", |w| w.log("p.log") == "one\n").await;
    assert_eq!(world.log("e.log"), "");
}

#[tokio::test]
async fn a_filter_asks_for_events_of_another_namespace() {
    let world = World::new().await;
    world.make_log_directory();
    let query = "SELECT * FROM __ClassCreationEvent WHERE TargetClass ISA 'CIM_Setting' OR TargetClass.__CLASS = 'Thing'";
    let values = [("Name", "f".into()), ("QueryLanguage", "wql".into()), ("Query", query.into()), ("EventNamespace", "root/cimv2".into())];
    world.put("__EventFilter", &values).await.unwrap();
    world.log_consumer("c", "a.log", "%TargetClass.__CLASS%").await;
    world.bind("f", "c").await;
    let class = Arc::new(Class { name: "Thing".into(), ..Class::default() });
    world.run(true, r"root\cimv2", Operation::PutClass { class, options: PutOptions::default() }).await.unwrap();
    world.until("the line", |w| w.log("a.log") == "Thing\n").await;
}

#[tokio::test]
async fn a_consumer_says_how_much_may_wait_for_it() {
    let mut w = World::new().await;
    w.stop().await;
    // Without the directory a delivery fails and is tried again much later: what comes meanwhile waits.
    w.keep_with(Retries(vec![Duration::from_secs(3600)])).await;
    w.filter("f", "SELECT * FROM __NamespaceCreationEvent").await;
    let values = [("Name", "c".into()), ("Filename", "c.log".into()), ("Text", "x".into()), ("MaximumQueueSize", Value::Uint32(1))];
    w.put("LogFileEventConsumer", &values).await.unwrap();
    w.bind("f", "c").await;
    let told = w.watch("SELECT * FROM __EventQueueOverflowEvent").await;
    for name in ["n1", "n2"] {
        w.put("__NAMESPACE", &[("Name", name.into())]).await.unwrap();
    }
    let event = w.next(&told).await;
    assert!(event.get::<String>("IntendedConsumer").unwrap().contains("LogFileEventConsumer"));
}
