//! Starts and ends of processes, from the kernel where it lets us and from `/proc`.

use crate::machine::class;
use rwmi_cim::{Entity, Object, Provider, ProviderResult, RequestContext, Sink, SinkReceiver, Value, WbemStatus};
use rwmi_linux::{LinuxProvider, Source};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Events of a class, listened to from when this returns.
async fn listen(provider: &Arc<LinuxProvider>, name: &str) -> (SinkReceiver, JoinHandle<ProviderResult<()>>) {
    let (sink, events) = Sink::bounded(16);
    let (provider, class) = (provider.clone(), class(name));
    let (started, has_started) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let cx = RequestContext::new(r"lx1\tester", r"root\cimv2");
        let mut work = std::pin::pin!(provider.events(&cx, &class, &sink));
        // The first poll is where events begin to count.
        let mut started = Some(started);
        std::future::poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            if let Some(started) = started.take() {
                let _ = started.send(());
            }
            polled
        })
        .await
    });
    has_started.await.unwrap();
    (events, task)
}

fn value(event: &Object, name: &str) -> Value {
    event.value_at(event.class().property_index(name).unwrap()).unwrap()
}

/// The first event for which a test holds.
async fn first(events: &SinkReceiver, test: impl Fn(&Object) -> bool) -> Object {
    let search = async {
        loop {
            match events.recv().await {
                Ok(Entity::Instance(event)) if test(&event) => return event,
                Ok(_) => {}
                Err(_) => panic!("the source ended"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), search).await.expect("the event comes")
}

fn process(root: &Path, id: u32, name: &str, start: u64) {
    let dir = root.join(format!("proc/{id}"));
    std::fs::create_dir_all(&dir).unwrap();
    let stat = format!("{id} ({name}) S 1 42 42 0 -1 0 1 5 7 0 1 9 2 7 20 0 1 0 {start} 4 4 0 1 1 0 0 0 0 0 4096 1256 0 0 0 17 1 0 0 0\n");
    // Whole at once: the watch may look at any moment.
    std::fs::write(root.join("new"), stat).unwrap();
    std::fs::rename(root.join("new"), dir.join("stat")).unwrap();
}

#[tokio::test]
async fn a_tree_is_watched_by_polling_and_the_events_say_so() {
    let dir = tempfile::tempdir().unwrap();
    process(dir.path(), 1, "init", 0);
    let mut source = Source::at(dir.path());
    source.process_poll = Duration::from_millis(10);
    let provider = Arc::new(LinuxProvider::new(source).unwrap());
    let (starts, _starting) = listen(&provider, "Win32_ProcessStartTrace").await;
    let (stops, stopping) = listen(&provider, "Win32_ProcessStopTrace").await;
    process(dir.path(), 7, "seven", 5);
    let start = first(&starts, |_| true).await;
    let check = |event: &Object, id: u32| {
        assert_eq!((value(event, "ProcessID"), value(event, "ProcessName")), (Value::Uint32(id), "seven".into()));
        assert_eq!((value(event, "ParentProcessID"), value(event, "Source")), (Value::Uint32(1), "polling".into()));
    };
    check(&start, 7);
    std::fs::remove_dir_all(dir.path().join("proc/7")).unwrap();
    let stop = first(&stops, |_| true).await;
    check(&stop, 7);
    // Who ended it is not known, so its status is not either.
    assert_eq!(value(&stop, "ExitStatus"), Value::Null);
    // A process that this provider started ended as it says.
    provider.exits().started(8);
    process(dir.path(), 8, "seven", 6);
    first(&starts, |_| true).await;
    provider.exits().record(8, 3);
    std::fs::remove_dir_all(dir.path().join("proc/8")).unwrap();
    let stop = first(&stops, |_| true).await;
    check(&stop, 8);
    assert_eq!(value(&stop, "ExitStatus"), Value::Uint32(3));
    drop(stops);
    process(dir.path(), 9, "nine", 7);
    std::fs::remove_dir_all(dir.path().join("proc/8")).ok();
    first(&starts, |_| true).await;
    std::fs::remove_dir_all(dir.path().join("proc/9")).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), stopping).await.unwrap().unwrap();
    assert_eq!(ended, Err(WbemStatus::CALL_CANCELLED));
}

#[tokio::test]
async fn other_classes_are_not_of_this_source() {
    let provider = LinuxProvider::new(Source::default()).unwrap();
    let (sink, _events) = Sink::bounded(1);
    let cx = RequestContext::new(r"lx1\tester", r"root\cimv2");
    let answer = Provider::events(&provider, &cx, &class("Win32_Process"), &sink).await;
    assert_eq!(answer, Err(WbemStatus::PROVIDER_NOT_CAPABLE));
}

/// Starts and ends of `sleep` on the machine that runs the tests. Answers how it was watched.
async fn watch_the_machine(mut source: Source) -> String {
    source.process_poll = Duration::from_millis(10);
    let provider = Arc::new(LinuxProvider::new(source).unwrap());
    let (starts, _starting) = listen(&provider, "Win32_ProcessStartTrace").await;
    let (stops, _stopping) = listen(&provider, "Win32_ProcessStopTrace").await;
    let mut child = std::process::Command::new("sh").args(["-c", "read line; exit 7"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let id = Value::Uint32(child.id());
    let start = first(&starts, |e| value(e, "ProcessID") == id).await;
    assert_eq!(value(&start, "ParentProcessID"), Value::Uint32(std::process::id()));
    assert_eq!(start.class().name, "Win32_ProcessStartTrace");
    let before = value(&start, "TIME_CREATED").as_integer().unwrap();
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(7));
    let stop = first(&stops, |e| value(e, "ProcessID") == id).await;
    assert_eq!(value(&stop, "ParentProcessID"), Value::Uint32(std::process::id()));
    assert!(value(&stop, "TIME_CREATED").as_integer().unwrap() >= before);
    let source = value(&stop, "Source").as_str().unwrap().to_owned();
    assert_eq!(value(&start, "Source").as_str(), Some(source.as_str()));
    if source == "connector" {
        assert_eq!((value(&start, "ProcessName"), value(&stop, "ProcessName")), ("sh".into(), "sh".into()));
        assert_eq!(value(&stop, "ExitStatus"), Value::Uint32(7));
    } else {
        // Whoever looks now and then may have seen it before it ran its program only.
        assert!(value(&stop, "ProcessName").as_str().is_some_and(|n| !n.is_empty()));
        assert_eq!(value(&stop, "ExitStatus"), Value::Null);
    }
    source
}

#[tokio::test]
async fn the_machine_is_watched_the_best_way_there_is() {
    let source = watch_the_machine(Source::default()).await;
    println!("processes were watched by {source}");
}

#[tokio::test]
async fn the_machine_is_watched_without_the_kernel_too() {
    let mut source = Source::default();
    source.process_connector = false;
    assert_eq!(watch_the_machine(source).await, "polling");
}
