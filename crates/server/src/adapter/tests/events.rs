//! Events as a client sees them: a notification query, and an enumerator that waits.

use super::*;
use rwmi_cim::{CimType, Class, Instance, Property, Qualifier};
use rwmi_dcom::interfaces::{RemInterfaceRef, rem_unknown2};
use rwmi_ndr::Conformant;
use std::time::{Duration, Instant};

const CREATED: &str = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing'";

fn notification(query: &str, flags: i32) -> ExecNotificationQuery {
    ExecNotificationQuery { language: "WQL".into(), query: query.into(), flags, context: None }
}

async fn watch(services: &P<IWbemServices>, query: &str) -> P<IEnumWbemClassObject> {
    let reply = ok(services.call(&notification(query, 0x30)).await).unwrap_or_else(|e| panic!("{query}: {e}"));
    services.at(ipid(reply.enumerator.as_ref()))
}

fn pointer(entity: &Entity) -> Option<InterfacePointer> {
    Some(ClassObjectRef(rwmi_wmio::encode_unit(entity, &Default::default()).unwrap().into()).to_pointer())
}

fn thing() -> Arc<Class> {
    let mut class = Class { name: "Thing".into(), properties: vec![Property::new("Name", CimType::String)], ..Class::default() };
    class.properties[0].qualifiers.set(Qualifier::flag("key", 0));
    Arc::new(class)
}

async fn put_class(services: &P<IWbemServices>) {
    let put = PutClass { object: pointer(&Entity::Class(thing())), flags: 0, context: None, result: None };
    assert_eq!(code(services, put).await, HResult::S_OK);
}

async fn put(services: &P<IWbemServices>, name: &str) {
    let mut instance = Instance::new(thing());
    instance.set("Name", name).unwrap();
    let put = PutInstance { object: pointer(&instance.into()), flags: 0, context: None, result: None };
    assert_eq!(code(services, put).await, HResult::S_OK);
}

fn name_of(event: &Entity) -> String {
    match event.as_instance().unwrap().get::<Entity>("TargetInstance").unwrap() {
        Entity::Instance(thing) => thing.get("Name").unwrap(),
        Entity::Class(class) => class.name.clone(),
    }
}

/// Names of the things in the next events, and the status.
async fn names(events: &P<IEnumWbemClassObject>, timeout_ms: i32, count: u32) -> (Vec<String>, HResult) {
    match events.call(&Next { timeout_ms, count }).await {
        Ok((reply, code)) => (reply.objects.objects.iter().map(|o| name_of(&entity(o.as_ref()))).collect(), code),
        Err(e) => (Vec::new(), e.hresult().unwrap()),
    }
}

const TIMEDOUT: HResult = hresult(WbemStatus::TIMEDOUT);

#[tokio::test]
async fn events_come_to_who_waits_and_what_is_there_when_time_is_over() {
    let client = Client::new(1).await;
    let s = client.test().await;
    put_class(&s).await;
    let events = watch(&s, CREATED).await;
    assert_eq!(names(&events, 0, 5).await, (vec![], TIMEDOUT));
    assert_eq!(names(&events, 20, 5).await, (vec![], TIMEDOUT));
    let waiting = tokio::spawn({
        let events = events.clone();
        async move { names(&events, -1, 2).await }
    });
    put(&s, "a").await;
    put(&s, "b").await;
    put(&s, "c").await;
    assert_eq!(waiting.await.unwrap(), (vec!["a".into(), "b".into()], HResult::S_OK));
    assert_eq!(names(&events, 20, 5).await, (vec!["c".into()], TIMEDOUT));
    // The smart enumerator reads from the same place.
    put(&s, "d").await;
    put(&s, "e").await;
    let smart = client.smart(&events).await;
    let next = SmartNext { proxy: Guid([7; 16]), timeout_ms: 0, count: 50 };
    let (reply, status) = smart.call(&next).await.unwrap();
    assert_eq!((reply.returned, status), (2, TIMEDOUT));
    let rows = ObjectArrayDecoder::new(DecodeOptions::default()).decode(&reply.buffer.unwrap().0).unwrap().objects;
    let rows: Vec<Entity> = rows.into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.iter().map(name_of).collect::<Vec<_>>(), ["d", "e"]);
    // It does not go back, and there is no other at its place.
    assert_eq!(code(&events, Reset {}).await, hresult(WbemStatus::INVALID_OPERATION));
    assert_eq!(code(&events, CloneEnum {}).await, hresult(WbemStatus::INVALID_OPERATION));
    put(&s, "f").await;
    put(&s, "g").await;
    assert_eq!(code(&events, Skip { timeout_ms: 0, count: 1 }).await, HResult::S_OK);
    assert_eq!(names(&events, 0, 1).await, (vec!["g".into()], HResult::S_OK));
}

#[tokio::test]
async fn every_condition_of_an_event_query_has_its_code() {
    let client = Client::new(1).await;
    let s = client.test().await;
    put_class(&s).await;
    let check = async |call: ExecNotificationQuery, expect: WbemStatus| {
        let (reply, code, _) = s.call_any(&call).await.unwrap();
        assert_eq!((reply.enumerator, code), (None, hresult(expect)), "{:?} {:#x}", call.query.text(), call.flags);
    };
    let creation = "SELECT * FROM __InstanceCreationEvent";
    let row = format!("{creation} WITHIN 1 WHERE TargetInstance ISA 'Rwmi_Row'");
    for flags in [0, 0x10, 0x20, 0x31, 0x230, 0x70] {
        check(notification(CREATED, flags), WbemStatus::INVALID_PARAMETER).await;
    }
    check(ExecNotificationQuery { language: "CQL".into(), ..notification(CREATED, 0x30) }, WbemStatus::INVALID_QUERY_TYPE).await;
    check(ExecNotificationQuery { query: Bstr::Null, ..notification("", 0x30) }, WbemStatus::INVALID_PARAMETER).await;
    check(ExecNotificationQuery { language: Bstr::Null, ..notification(CREATED, 0x30) }, WbemStatus::INVALID_PARAMETER).await;
    let deep = format!("{creation} WHERE {}TargetInstance ISA 'Thing'{}", "(".repeat(1000), ")".repeat(1000));
    let queries: &[(&str, WbemStatus)] = &[
        ("SELECT * FROM Rwmi_Row", WbemStatus::NOT_EVENT_CLASS),
        ("SELECT * FROM __AggregateEvent", WbemStatus::NOT_EVENT_CLASS),
        ("ASSOCIATORS OF {Rwmi_Row.Id=1}", WbemStatus::NOT_EVENT_CLASS),
        ("SELECT * FROM meta_class", WbemStatus::NOT_EVENT_CLASS),
        ("SELECT * FROM Nothing", WbemStatus::INVALID_CLASS),
        ("SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Nothing'", WbemStatus::INVALID_CLASS),
        ("SELECT * FORM __TimerEvent", WbemStatus::UNPARSABLE_QUERY),
        ("", WbemStatus::UNPARSABLE_QUERY),
        ("SELECT Nothing FROM __TimerEvent", WbemStatus::INVALID_QUERY),
        ("SELECT * FROM __TimerEvent WHERE Nothing = 1", WbemStatus::INVALID_QUERY),
        (&row.replace("WITHIN 1", "WITHIN 0.1"), WbemStatus::INVALID_QUERY),
        (&row.replace("WITHIN 1", "WITHIN 4294968"), WbemStatus::INVALID_QUERY),
        (&row.replace("WITHIN 1", ""), WbemStatus::REGISTRATION_TOO_PRECISE),
        (creation, WbemStatus::REGISTRATION_TOO_BROAD),
        ("SELECT * FROM __TimerEvent WHERE TimerId.X = 1", WbemStatus::PROPERTY_NOT_AN_OBJECT),
        ("SELECT * FROM __TimerEvent WHERE NumFirings LIKE '1%'", WbemStatus::INVALID_OPERATOR),
        ("SELECT * FROM __TimerEvent GROUP BY TimerId", WbemStatus::MISSING_GROUP_WITHIN),
        ("SELECT * FROM __TimerEvent GROUP WITHIN 1 BY *", WbemStatus::MISSING_AGGREGATION_LIST),
        (&format!("{CREATED} GROUP WITHIN 1 BY TargetInstance"), WbemStatus::AGGREGATING_BY_OBJECT),
        (&deep, WbemStatus::QUOTA_VIOLATION),
        (&"a".repeat(16385), WbemStatus::QUOTA_VIOLATION),
    ];
    for (query, expect) in queries {
        check(notification(query, 0x30), *expect).await;
    }
    // An event query is no data query.
    let rows = client.query("SELECT * FROM __TimerEvent WITHIN 1", 0).await;
    assert_eq!(rows.map(drop), Err(hresult(WbemStatus::INVALID_QUERY)));
}

#[tokio::test]
async fn what_a_client_does_not_take_is_dropped_and_told_once_in_its_place() {
    let client = Client::new(1).await;
    let s = client.test().await;
    put_class(&s).await;
    let events = watch(&s, CREATED).await;
    let broker = client.server.broker();
    let cx = rwmi_cim::RequestContext::new("x", r"root\test");
    let ops = (0..1005).map(|n| {
        let mut instance = Instance::new(thing());
        instance.set("Name", format!("{n:04}")).unwrap();
        (cx.clone(), rwmi_cim::Operation::Put { instance, options: Default::default() })
    });
    broker.write_together(ops.collect()).await.unwrap();
    let (first, status) = names(&events, 0, 600).await;
    assert_eq!((first.len(), first[0].as_str(), status), (600, "0000", HResult::S_OK));
    put(&s, "later").await;
    let (second, status) = names(&events, 0, 600).await;
    assert_eq!((second.len(), second[399].as_str(), status), (400, "0999", TIMEDOUT));
    assert_eq!(names(&events, -1, 600).await, (vec![], hresult(WbemStatus::QUEUE_OVERFLOW)));
    assert_eq!(names(&events, 0, 600).await, (vec!["later".into()], TIMEDOUT));
}

#[tokio::test]
async fn a_subscription_ends_with_its_enumerator() {
    let client = Client::new(1).await;
    let s = client.test().await;
    put_class(&s).await;
    let hub = client.server.broker().events().clone();
    let (first, second) = (watch(&s, CREATED).await, watch(&s, CREATED).await);
    assert_eq!(hub.subscriptions(), 2);
    let reference = RemInterfaceRef { ipid: first.ipid(), public_refs: 5, private_refs: 0 };
    client.rem_unknown.call(&rem_unknown2::RemRelease { count: 1, refs: Conformant(vec![reference]) }).await.unwrap();
    assert_eq!(hub.subscriptions(), 1);
    assert_eq!(names(&second, 0, 1).await, (vec![], TIMEDOUT));
}

#[tokio::test]
async fn what_a_closed_connection_left_open_counts_against_nobody() {
    let first = Client::new(1).await;
    let s = first.test().await;
    put_class(&s).await;
    // The administrator says how many.
    let quota = [("TemporarySubscriptionsPerUser", CimType::Uint32)].map(|(name, ty)| Property::new(name, ty)).to_vec();
    let mut quota = Instance::new(Arc::new(Class { name: "__ArbitratorConfiguration".into(), properties: quota, ..Class::default() }));
    quota.set("TemporarySubscriptionsPerUser", 3u32).unwrap();
    let put_quota = PutInstance { object: pointer(&quota.into()), flags: 0, context: None, result: None };
    assert_eq!(code(&first.login(Some("root")).await.unwrap(), put_quota).await, HResult::S_OK);
    for _ in 0..3 {
        let _left_open = watch(&s, CREATED).await;
    }
    let second = Client::on(first.server.clone()).await;
    let t = second.test().await;
    let over = hresult(WbemStatus::QUOTA_VIOLATION);
    assert_eq!(code(&t, notification(CREATED, 0x30)).await, over);
    drop((s, first));
    let last = loop {
        match ok(t.call(&notification(CREATED, 0x30)).await) {
            Ok(reply) => break t.at(ipid(reply.enumerator.as_ref())),
            // Until the server has noticed.
            Err(code) => assert_eq!(code, over),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(second.server.broker().events().subscriptions(), 1);
    put(&t, "a").await;
    assert_eq!(names(&last, 0, 1).await, (vec!["a".into()], HResult::S_OK));
}

#[tokio::test]
async fn many_wait_at_once_and_other_calls_go_on() {
    let client = Client::new(1).await;
    let s = client.test().await;
    put_class(&s).await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let events = watch(&s, CREATED).await;
        waiting.push(tokio::spawn(async move { names(&events, -1, 1).await }));
    }
    let begun = Instant::now();
    put(&s, "a").await;
    for one in waiting {
        assert_eq!(one.await.unwrap(), (vec!["a".into()], HResult::S_OK));
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(code(&s, CancelAsyncCall { sink: None }).await, hresult(WbemStatus::INVALID_PARAMETER));
}
