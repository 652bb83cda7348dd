//! Timers.

use super::*;

async fn timers(w: &World) -> Task {
    Task(tokio::spawn(w.hub().clone().run_timers()).abort_handle())
}

#[tokio::test(start_paused = true)]
async fn a_timer_goes_off_again_and_again_until_it_is_deleted() {
    let w = world();
    let _timers = timers(&w).await;
    let x = w.watch("SELECT * FROM __TimerEvent WHERE TimerId = 'X'").await;
    for id in ["x", "other"] {
        w.put("__IntervalTimerInstruction", &[("TimerId", id.into()), ("IntervalBetweenEvents", 500u32.into())]).await;
    }
    let begun = Instant::now();
    for n in 1..=3u32 {
        let event = next(&x).await;
        assert_eq!((event.get("TimerId"), event.get("NumFirings")), (Ok("x".to_owned()), Ok(1u32)));
        assert!(begun.elapsed() >= Duration::from_millis(400) * n);
    }
    w.delete("__IntervalTimerInstruction.TimerId='x'").await;
    while x.sub.queue.take().is_some() {}
    tokio::time::sleep(Duration::from_secs(5)).await;
    check_none(&x);
}

#[tokio::test]
async fn a_point_in_time_comes_once_even_where_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let fakes = || ["Polled", "Other", "Told", "Mute"].map(Fake::new);
    let open = || {
        let fakes = fakes();
        world_of(Repository::open(dir.path(), &Test).unwrap(), fakes[0].clone(), fakes[1].clone(), fakes)
    };
    let query = "SELECT * FROM __TimerEvent";
    let at = |micros| Value::DateTime(DateTime::from(Timestamp { unix_micros: micros, offset_minutes: 0 }));
    let w = open();
    let fired = w.watch(query).await;
    w.put("__AbsoluteTimerInstruction", &[("TimerId", "past".into()), ("EventDateTime", at(1))]).await;
    let skipped = [("TimerId", "skipped".into()), ("EventDateTime", at(2)), ("SkipIfPassed", true.into())];
    w.put("__AbsoluteTimerInstruction", &skipped).await;
    let running = timers(&w).await;
    assert_eq!(next(&fired).await.get("TimerId"), Ok("past".to_owned()));
    let noted = async |w: &World, count: usize| {
        while w.hub().repository.tree().namespace(r"root\a").unwrap().instances("__TimerNextFiring").count() != count {
            tokio::task::yield_now().await;
        }
    };
    noted(&w, 2).await;
    let hub = Arc::downgrade(w.hub());
    drop((running, fired, w));
    while hub.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    // The service starts again: neither comes again, and what is put anew does.
    let w = open();
    let fired = w.watch(query).await;
    let _running = timers(&w).await;
    w.put("__AbsoluteTimerInstruction", &[("TimerId", "past".into()), ("EventDateTime", at(3))]).await;
    assert_eq!(next(&fired).await.get("TimerId"), Ok("past".to_owned()));
    check_none(&fired);
    w.delete("__AbsoluteTimerInstruction.TimerId='past'").await;
    noted(&w, 1).await;
}

#[tokio::test]
async fn a_timer_that_could_never_go_off_is_refused_when_it_is_put() {
    let w = world();
    let check = async |class: &str, name: &str, value: Value, expect: Result<(), WbemStatus>| {
        let tree = w.hub().repository.tree();
        let mut instance = Instance::new(tree.namespace(r"root\a").unwrap().class(class, false).unwrap().clone());
        instance.set("TimerId", class).unwrap();
        instance.set(name, value.clone()).unwrap();
        let (sink, _rows) = Sink::bounded(1);
        let put = Operation::Put { instance, options: PutOptions::default() };
        let put = w.broker.run(&boss(), Options::default(), put, &sink).await;
        assert_eq!(put.map_err(|f| f.status), expect, "{class} {value:?}");
    };
    let (bad, null) = (Err(WbemStatus::INVALID_PARAMETER), Err(WbemStatus::ILLEGAL_NULL));
    check("__IntervalTimerInstruction", "IntervalBetweenEvents", 0u32.into(), bad).await;
    check("__IntervalTimerInstruction", "IntervalBetweenEvents", Value::Null, null).await;
    check("__IntervalTimerInstruction", "IntervalBetweenEvents", 1u32.into(), Ok(())).await;
    let at = |text: &str| Value::DateTime(DateTime::from_text(text));
    for text in
        ["20240229******.000000+000", "20240229000000.000000+***", "20230229000000.000000+000", "00000001000000.000000:000", "today"]
    {
        check("__AbsoluteTimerInstruction", "EventDateTime", at(text), bad).await;
    }
    check("__AbsoluteTimerInstruction", "EventDateTime", Value::Null, null).await;
    check("__AbsoluteTimerInstruction", "EventDateTime", at("20240229235959.000000+060"), Ok(())).await;
    // What was refused is not there.
    let tree = w.hub().repository.tree();
    let count = |class| tree.namespace(r"root\a").unwrap().instances(class).count();
    assert_eq!((count("__IntervalTimerInstruction"), count("__AbsoluteTimerInstruction")), (1, 1));
}
