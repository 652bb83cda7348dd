use super::*;
use crate::source::Source;
use std::path::Path;

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn process(root: &Path, id: u32, name: &str, start: u64) {
    let dir = root.join(format!("proc/{id}"));
    let stat = format!("{id} ({name}) S 1 42 42 0 -1 0 1 5 7 0 1 9 2 7 20 0 1 0 {start} 4 4 0 1 1 0 0 0 0 0 4096 1256 0 0 0 17 1 0 0 0\n");
    write(&dir.join("stat"), &stat);
    write(&dir.join("status"), "Name:\tx\nUid:\t1000\t500\t1000\t1000\n");
    write(&dir.join("sessionid"), "4294967295");
}

#[test]
fn a_process_is_looked_at_in_its_files() {
    let dir = tempfile::tempdir().unwrap();
    process(dir.path(), 7, "a (b", 55);
    write(&dir.path().join("etc/machine-id"), "0123456789abcdef0123456789abcdef\n");
    let machine = Arc::new(Machine::open(Source::at(dir.path())).unwrap());
    let eyes = Eyes { machine: machine.clone(), exits: Exits::default() };
    let facts = Facts { name: Some("a (b".into()), parent: Some(1), session: Some(0), user: Some(500), start_ticks: Some(55) };
    assert_eq!(eyes.facts(7), Some(facts));
    assert_eq!(eyes.glance(7), Some(Glance { short_name: "a (b".into(), start_ticks: 55, ended: false, threads: 1 }));
    assert_eq!((eyes.facts(8), eyes.glance(8)), (None, None));

    let octets = sid_octets(&machine, 500).unwrap();
    assert_eq!((octets.len(), &octets[..8]), (28, [1, 5, 0, 0, 0, 0, 0, 5].as_slice()));
    assert_eq!((&octets[8..12], &octets[24..]), (21u32.to_le_bytes().as_slice(), 2000u32.to_le_bytes().as_slice()));
    assert_eq!(sid_octets(&machine, u32::MAX), None);
}

#[test]
fn a_time_counts_from_1601() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("rwmi-recorded/clock"), "1\n");
    let machine = Machine::open(Source::at(dir.path())).unwrap();
    assert_eq!(created(&machine, None), Some(116_444_736_010_000_000));
    assert!(created(&machine, Some(monotonic_nanos())).unwrap() > 116_444_736_000_000_000);
}

#[test]
fn the_effective_user_is_the_second() {
    assert_eq!(effective_user("Name:\tx\nUid:\t1\t2\t3\t4\n"), Some(2));
    for text in ["", "Uid:", "Uid:\t1", "Uid:\t1\tx"] {
        assert_eq!(effective_user(text), None, "{text}");
    }
}

fn start_trace() -> Arc<Class> {
    let property = |name: &str, ty: rwmi_cim::Type| rwmi_cim::Property::new(name, ty);
    let properties = vec![property("ProcessID", rwmi_cim::CimType::Uint32.scalar())];
    Arc::new(Class { name: "Win32_ProcessStartTrace".into(), properties, ..Class::default() })
}

/// What a listener gets of what goes round, and how it ends.
async fn hear(told: impl IntoIterator<Item = Told>) -> (usize, ProviderResult<()>) {
    let dir = tempfile::tempdir().unwrap();
    let traces = Traces::new(Arc::new(Machine::open(Source::at(dir.path())).unwrap()), Exits::default());
    let (sender, _keeps_it_running) = broadcast::channel(4);
    *traces.running.lock().unwrap() = Some(sender.clone());
    let (sink, events) = Sink::bounded(16);
    let class = start_trace();
    let mut work = Box::pin(traces.events(&class, &sink));
    assert!(futures_util::poll!(&mut work).is_pending());
    told.into_iter().for_each(|t| assert!(sender.send(t).is_ok()));
    let end = work.await;
    (events.len(), end)
}

fn told(kind: Kind) -> Told {
    Told::Trace(Arc::new((Trace { id: 1, facts: Facts::default(), time: None, kind }, POLLING)))
}

#[tokio::test]
async fn what_was_lost_is_told_after_what_was_not() {
    let stopped = Kind::Stopped { exit_status: None };
    let before = [told(Kind::Started), told(stopped), Told::Lost, told(Kind::Started)];
    assert_eq!(hear(before).await, (1, Err(WbemStatus::QUEUE_OVERFLOW)));
    // A listener that is too slow.
    assert_eq!(hear(std::iter::repeat_n(told(Kind::Started), 5)).await, (0, Err(WbemStatus::QUEUE_OVERFLOW)));
}
