//! Classes that come, change and go while a subscription waits.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_class_that_comes_later_is_polled_too() {
    let w = world();
    let disks = w.watch("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Disk'").await;
    let tree = w.hub().repository.tree();
    let disk = tree.namespace(r"root\a").unwrap().class("Disk", true).unwrap();
    w.polled.set(&[("C:", 1)]);
    check_next(&disks, "__InstanceCreationEvent TargetInstance=Disk.Name=\"C:\"/1").await;
    let new = Class { name: "Tray".into(), derivation: vec!["Disk".into()], ..(**disk).clone() };
    w.run(Operation::PutClass { class: Arc::new(new), options: PutOptions::default() }).await;
    while w.hub().polls_running() < 3 || disks.sub.later.lock().unwrap().iter().any(|l| l._poller.is_none()) {
        tokio::task::yield_now().await;
    }
    w.polled.set(&[("C:", 1), ("E:", 1)]);
    let mut both = vec![show(&next(&disks).await), show(&next(&disks).await)];
    both.sort();
    assert_eq!(both, ["Disk", "Tray"].map(|c| format!("__InstanceCreationEvent TargetInstance={c}.Name=\"E:\"/1")));
    drop(disks);
    assert_eq!(w.hub().polls_running(), 0);
}

/// Puts a class of events with a provider, as it is derived from another one.
async fn put_event_class(w: &World, text: &str) {
    let mut memory = Memory::new();
    for text in [include_str!("../../../../mof/system.mof"), MOF, text] {
        mof::compile_into(&mof::parse("test", text).unwrap(), r"root\a", &mut memory).unwrap();
    }
    let name = text.split("class ").nth(1).and_then(|t| t.split(' ').next()).unwrap();
    let class = memory.classes(r"root\a").find(|c| c.name == name).unwrap().clone();
    w.run(Operation::PutClass { class, options: PutOptions::default() }).await;
}

/// Has the provider tell of an event of a class as it is now.
async fn tell(w: &World, told: &Fake, class: &str, who: &str) {
    let sink = loop {
        if let Some(sink) = told.state.lock().unwrap().knocks.clone() {
            break sink;
        }
        tokio::task::yield_now().await;
    };
    let tree = w.hub().repository.tree();
    let mut event = Instance::new(tree.namespace(r"root\a").unwrap().class(class, false).unwrap().clone());
    event.set("Who", who).unwrap();
    sink.indicate(event).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_class_of_events_that_comes_later_is_listened_to() {
    let (polled, other, told) = (Fake::new("Polled"), Fake::new("Other"), Fake::new("Told"));
    let fakes = [polled.clone(), other.clone(), told.clone(), Fake::new("Late")];
    let late = fakes[3].clone();
    let w = world_of(Repository::in_memory(&Test).unwrap(), polled, other, fakes);
    let all = w.watch("SELECT * FROM __ExtrinsicEvent").await;
    // Of a class of the start nobody is there who tells.
    assert!(matches!(all.next().await, Notice::Failed(f) if f.status == WbemStatus::PROVIDER_NOT_FOUND));
    let narrow = w.watch("SELECT * FROM __ExtrinsicEvent WHERE __CLASS = 'Knock'").await;
    put_event_class(&w, "[provider(\"Late\")] class Ring : __ExtrinsicEvent { string Who; };").await;
    tell(&w, &late, "Ring", "bell").await;
    let event = next(&all).await;
    assert_eq!((event.class().name.as_str(), event.get("Who")), ("Ring", Ok("bell".to_owned())));
    // Another that derives from it, of a provider that is listened to already.
    told.state.lock().unwrap().knocks = None;
    put_event_class(&w, "[provider(\"Told\")] class Rap : __ExtrinsicEvent { uint32 Loud; string Who; };").await;
    tell(&w, &told, "Rap", "door").await;
    assert_eq!(next(&all).await.get("Who"), Ok("door".to_owned()));
    check_none(&narrow);
    // One that changes is listened to as it is now, and understood so.
    late.state.lock().unwrap().knocks = None;
    put_event_class(&w, "[provider(\"Late\")] class Ring : __ExtrinsicEvent { uint32 Loud; string Who; };").await;
    tell(&w, &late, "Ring", "again").await;
    assert_eq!(next(&all).await.get("Who"), Ok("again".to_owned()));
    // One that goes is not listened to any more.
    w.run(Operation::DeleteClass("Ring".into())).await;
    while all.sub.heard.lock().unwrap().iter().any(|h| h.class.name == "Ring") {
        tokio::task::yield_now().await;
    }
    check_none(&all);
}

#[tokio::test(start_paused = true)]
async fn a_class_of_events_that_comes_later_and_has_no_provider_here_is_told() {
    let w = world();
    let all = w.watch("SELECT * FROM Knock").await;
    put_event_class(&w, "[provider(\"Nowhere\")] class Bang : Knock {};").await;
    assert!(matches!(all.next().await, Notice::Failed(f) if f.status == WbemStatus::PROVIDER_NOT_FOUND));
    check_none(&all);
}

#[tokio::test(start_paused = true)]
async fn instances_of_classes_that_come_later_are_events_of_a_broad_subscription() {
    let w = world();
    let things = w.watch("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Thing'").await;
    let tree = w.hub().repository.tree();
    let thing = tree.namespace(r"root\a").unwrap().class("Thing", true).unwrap();
    let new = |name: &str| Class { name: name.into(), derivation: vec!["Thing".into()], ..(**thing).clone() };
    w.run(Operation::PutClass { class: Arc::new(new("Late")), options: PutOptions::default() }).await;
    w.put("Late", &[("Name", "a".into())]).await;
    check_next(&things, "__InstanceCreationEvent TargetInstance=Late.Name=\"a\"").await;
    // One whose instances have to be polled, and the query does not say how often: what cannot be watched is told, once.
    for name in ["Polled1", "Polled2"] {
        let mut class = new(name);
        let disk = tree.namespace(r"root\a").unwrap().class("Disk", true).unwrap();
        class.qualifiers.0.extend(disk.qualifiers.0.iter().filter(|q| ["dynamic", "provider"].contains(&q.name.as_str())).cloned());
        w.run(Operation::PutClass { class: Arc::new(class), options: PutOptions::default() }).await;
    }
    assert!(matches!(things.next().await, Notice::Failed(f) if f.status == WbemStatus::REGISTRATION_TOO_PRECISE));
    w.put("Late", &[("Name", "b".into())]).await;
    let mut rest = Vec::new();
    while !matches!(rest.last(), Some(Notice::Event(_))) {
        rest.push(things.next().await);
    }
    assert!(rest.len() <= 2, "{rest:?}");
}
