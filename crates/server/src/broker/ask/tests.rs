//! Providers that hang, panic, flood or fail, beside one that does none of it. The runtime has one thread: a provider that
//! held it would hold the test.

use crate::broker::{Broker, Options};
use crate::store::{Namespace, Repository, Shipped};
use rwmi_cim::{DynProvider, Entity, Enumerate, Instance, Operation, Provider, ProviderResult, RequestContext, Sink, WbemStatus, mof};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const MOF: &str = r#"
#pragma namespace("\\\\.\\root\\a")
class __SystemClass {};
class __IndicationRelated : __SystemClass {};
class __Event : __IndicationRelated { uint64 TIME_CREATED; };
[abstract] class Wide { [key] string Name; };
[abstract] class Thing : Wide {};
[dynamic, provider("hangs")] class A1 : Thing {};
[dynamic, provider("hangs")] class A2 : Thing {};
[dynamic, provider("pends")] class B1 : Thing {};
[dynamic, provider("panics")] class C1 : Thing {};
[dynamic, provider("floods")] class D1 : Wide {};
[dynamic, provider("answers")] class E1 : Thing {};
[dynamic, provider("answers")] class E2 : E1 {};
[dynamic, provider("answers")] class E3 : Thing {};
class Stored : Thing {};
[Association, dynamic, provider("links")] class Link { [key] Thing ref One; [key] Thing ref Other; };
[Association, dynamic, provider("hangs")] class Stuck { [key] Thing ref One; [key] Thing ref Other; };
instance of Stored { Name = "stored"; };
"#;

struct Schema;

impl Shipped for Schema {
    fn stamp(&self) -> Vec<u8> {
        b"slow".to_vec()
    }

    fn compile(&self) -> Result<Vec<Namespace>, String> {
        let mut memory = mof::Memory::new();
        mof::compile(&mof::parse("test", MOF).map_err(|e| e[0].render())?, &mut memory).map_err(|e| e.render())?;
        let name = r"root\a";
        Ok(vec![Namespace::new(name, memory.classes(name).cloned(), memory.instances(name).to_vec())])
    }
}

/// Held until it is opened, which dropping the test's end does too, so that no thread outlives its test.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
    /// How many ever came to it.
    came: AtomicUsize,
}

impl Door {
    fn wait(&self) {
        self.came.fetch_add(1, Ordering::SeqCst);
        let mut open = self.open.lock().unwrap();
        while !*open {
            open = self.opened.wait(open).unwrap();
        }
    }
}

struct Opens(Arc<Door>);

impl Drop for Opens {
    fn drop(&mut self) {
        *self.0.open.lock().unwrap() = true;
        self.0.opened.notify_all();
    }
}

struct Fake(&'static str, Arc<Door>);

impl Provider for Fake {
    fn name(&self) -> &str {
        self.0
    }

    async fn enumerate(&self, _: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        let row = |n: usize| {
            let mut row = Instance::new(req.class.clone());
            row.set("Name", format!("{}-{n}", req.class.name)).unwrap();
            row
        };
        match self.0 {
            // A system call that does not come back.
            "hangs" => self.1.wait(),
            "pends" => std::future::pending().await,
            "panics" => panic!("a provider's mistake"),
            "floods" => {
                for n in 0.. {
                    sink.indicate(row(n)).await?;
                }
            }
            "links" => {
                let mut link = Instance::new(req.class.clone());
                for (role, path) in [("One", r#"Stored.Name="stored""#), ("Other", r#"E1.Name="E1-0""#)] {
                    link.set(role, rwmi_cim::Value::Reference(path.into())).unwrap();
                }
                sink.indicate(link).await?;
            }
            _ => {
                for n in 0..100 {
                    sink.indicate(row(n)).await?;
                }
            }
        }
        Ok(())
    }
}

fn broker(silence_max: Duration) -> (Broker, Opens) {
    let door = Arc::new(Door::default());
    let names = ["hangs", "pends", "panics", "floods", "answers", "links"];
    let providers = names.map(|name| Arc::new(Fake(name, door.clone())) as Arc<dyn DynProvider>);
    let repository = Arc::new(Repository::in_memory(&Schema).unwrap());
    (Broker::new(repository, providers, "LX1", silence_max), Opens(door))
}

/// Long enough to notice: who waits for it, hangs.
const NEVER: Duration = Duration::from_secs(100_000);
/// What is never answered takes so long.
const SHORT: Duration = Duration::from_millis(50);

fn name(entity: &Entity) -> String {
    entity.as_instance().unwrap().get("Name").unwrap()
}

/// The names of the first `count` rows, with which the reader leaves; or of all, with how it ended.
async fn read(broker: &Broker, op: Operation, count: usize) -> (Vec<String>, Option<Result<(), WbemStatus>>) {
    let (sink, rows) = Sink::bounded(8);
    let cx = RequestContext::new(r"LX1\tester", r"root\a");
    let running = async {
        let sink = sink;
        broker.run(&cx, Options::default(), op, &sink).await
    };
    let reading = async {
        let mut seen = Vec::new();
        while seen.len() < count
            && let Ok(row) = rows.recv().await
        {
            seen.push(name(&row));
        }
        seen
    };
    let (mut running, mut reading) = (std::pin::pin!(running), std::pin::pin!(reading));
    tokio::select! {
        seen = &mut reading => (seen, None),
        ended = &mut running => (reading.await, Some(ended.map_err(|f| f.status))),
    }
}

fn all(text: &str) -> Operation {
    Operation::Query(text.into())
}

fn expected(classes: &[&str]) -> Vec<String> {
    classes.iter().flat_map(|c| (0..100).map(move |n| format!("{c}-{n}"))).collect()
}

#[tokio::test]
async fn a_provider_that_hangs_does_not_hold_the_rows_of_another() {
    let (broker, _opens) = broker(NEVER);
    for op in [all("SELECT * FROM Thing"), Operation::Enumerate { class: "Thing".into(), deep: true }] {
        let (mut rows, end) = read(&broker, op, 301).await;
        assert_eq!(end, None, "the hanging ones are still waited for");
        assert_eq!(rows.iter().filter(|r| *r == "stored").count(), 1);
        // Those of one provider come in the order of its classes.
        rows.retain(|r| r != "stored");
        assert_eq!(rows, expected(&["E1", "E2", "E3"]));
    }
}

#[tokio::test]
async fn every_row_comes_before_the_failure_of_the_first_class_that_has_one() {
    let (broker, _opens) = broker(SHORT);
    let (rows, end) = read(&broker, all("SELECT * FROM Thing"), usize::MAX).await;
    assert_eq!((rows.len(), end), (301, Some(Err(WbemStatus::PROVIDER_TIMED_OUT))));
    let (rows, end) = read(&broker, all("SELECT * FROM A1"), usize::MAX).await;
    assert_eq!((rows, end), (vec![], Some(Err(WbemStatus::PROVIDER_TIMED_OUT))));
    let (rows, end) = read(&broker, Operation::Enumerate { class: "E1".into(), deep: true }, usize::MAX).await;
    assert_eq!((rows, end), (expected(&["E1", "E2"]), Some(Ok(()))));
}

#[tokio::test]
async fn a_flood_is_held_back_and_leaves_room_for_others() {
    let (broker, _opens) = broker(NEVER);
    let (rows, end) = read(&broker, Operation::Enumerate { class: "Wide".into(), deep: true }, 2000).await;
    assert_eq!((rows.len(), end), (2000, None));
    let of = |prefix: &str| rows.iter().filter(|r| r.starts_with(prefix)).count();
    assert_eq!((of("E"), of("stored")), (300, 1));
}

#[tokio::test]
async fn a_hanging_provider_holds_so_many_threads_and_no_more() {
    let (broker, opens) = broker(SHORT);
    for _ in 0..20 {
        let (rows, end) = read(&broker, all("SELECT * FROM A1"), usize::MAX).await;
        assert_eq!((rows, end), (vec![], Some(Err(WbemStatus::PROVIDER_TIMED_OUT))));
    }
    while opens.0.came.load(Ordering::SeqCst) < 16 {
        tokio::task::yield_now().await;
    }
    assert_eq!(opens.0.came.load(Ordering::SeqCst), 16);
    // The others go on.
    assert_eq!(read(&broker, all("SELECT * FROM E3"), usize::MAX).await, (expected(&["E3"]), Some(Ok(()))));
    // And it does itself, once it is back.
    drop(opens);
    assert_eq!(read(&broker, all("SELECT * FROM A1"), usize::MAX).await, (vec![], Some(Ok(()))));
}

#[tokio::test]
async fn an_instance_is_found_whatever_hangs_beside_it() {
    let (broker, _opens) = broker(NEVER);
    for path in [r#"Thing.Name="E2-7""#, r#"Thing.Name="stored""#, r#"Wide.Name="D1-1000""#] {
        let found = read(&broker, Operation::Get(path.parse().unwrap()), 1).await.0;
        assert_eq!(found.len(), 1, "{path}");
    }
}

#[tokio::test]
async fn an_association_that_hangs_does_not_hold_another() {
    let (broker, _opens) = broker(NEVER);
    let query = r#"ASSOCIATORS OF {Stored.Name="stored"}"#;
    assert_eq!(read(&broker, all(query), 1).await.0, ["E1-0"]);
    let query = r#"ASSOCIATORS OF {E1.Name="E1-0"}"#;
    assert_eq!(read(&broker, all(query), 1).await.0, ["stored"]);
}

#[tokio::test(start_paused = true)]
async fn a_silence_is_counted_for_each_provider_alone() {
    let (broker, _opens) = broker(Duration::from_secs(30));
    let begun = tokio::time::Instant::now();
    let ends = [("B1", WbemStatus::PROVIDER_TIMED_OUT), ("C1", WbemStatus::PROVIDER_FAILURE)];
    for (class, status) in ends {
        assert_eq!(read(&broker, all(&format!("SELECT * FROM {class}")), usize::MAX).await, (vec![], Some(Err(status))));
    }
    assert_eq!(begun.elapsed().as_secs(), 30);
}
