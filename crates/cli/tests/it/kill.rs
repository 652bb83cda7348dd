//! The server is killed while it writes: what it acknowledged is there afterwards, and nothing is half there.
//!
//! `RWMI_KILL_ROUNDS` says how often; docs/durability.md has the long run.

use crate::support::Place;
use rwmi_cim::mof::{self, Memory};
use rwmi_cim::{Class, Instance, Operation, PutOptions};
use rwmi_client::{Client, LocalSocket, Namespace};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const WRITERS: u64 = 4;
const NAMESPACE: &str = r"root\default";

fn class() -> Arc<Class> {
    let mut memory = Memory::new();
    let text = "class Kept { [key] uint64 Id; uint32 Version; string Filler; };";
    mof::compile_into(&mof::parse("t", text).unwrap(), "root", &mut memory).unwrap();
    memory.classes("root").last().unwrap().clone()
}

fn kept(class: &Arc<Class>, id: u64, version: u32) -> Instance {
    let mut i = Instance::new(class.clone());
    i.set("Id", id).unwrap();
    i.set("Version", version).unwrap();
    i.set("Filler", filler(id, version)).unwrap();
    i
}

fn filler(id: u64, version: u32) -> String {
    format!("{id}.{version}.").repeat(20)
}

async fn namespace(data: &Path) -> Result<(Client, Namespace), rwmi_client::Error> {
    let dialer = Arc::new(LocalSocket::at(data.join(rwmi_server::SOCKET_NAME)));
    let client = Client::builder(".").dialer(dialer).connect().await?;
    let namespace = client.namespace(NAMESPACE).await?;
    Ok((client, namespace))
}

/// What the server said that it has: version by id, `None` for what was deleted.
type Acknowledged = Arc<Mutex<BTreeMap<u64, Option<u32>>>>;

/// Makes, changes and deletes until the server is gone. Ids are this writer's own, so that the order is known. Pairs are put
/// as one change: both are there or neither. `pending` is what was sent and not answered.
async fn write(
    ns: Namespace,
    class: Arc<Class>,
    next: Arc<AtomicU64>,
    known: Acknowledged,
    pending: Acknowledged,
    tell: mpsc::UnboundedSender<()>,
) {
    loop {
        let id = next.fetch_add(2, Ordering::Relaxed);
        let operation = |instance| (NAMESPACE.to_owned(), Operation::Put { instance, options: PutOptions::default() });
        let pair = [operation(kept(&class, id, 0)), operation(kept(&class, id + 1, 0))];
        pending.lock().unwrap().extend([(id, Some(0)), (id + 1, Some(0))]);
        if ns.write_together(&pair).await.is_err() {
            return;
        }
        pending.lock().unwrap().retain(|i, _| *i != id && *i != id + 1);
        known.lock().unwrap().extend([(id, Some(0)), (id + 1, Some(0))]);
        let _ = tell.send(());
        // Every other pair is changed on one side and loses the other.
        if id.is_multiple_of(4) {
            pending.lock().unwrap().insert(id, Some(1));
            if ns.put_instance(&kept(&class, id, 1), &PutOptions::default()).await.is_err() {
                return;
            }
            pending.lock().unwrap().remove(&id);
            known.lock().unwrap().insert(id, Some(1));
            pending.lock().unwrap().insert(id + 1, None);
            if ns.delete_instance(&format!("Kept.Id={}", id + 1)).await.is_err() {
                return;
            }
            pending.lock().unwrap().remove(&(id + 1));
            known.lock().unwrap().insert(id + 1, None);
        }
    }
}

/// A server that can be killed, over and over in one place.
fn start(place: &Place) -> (Child, BufReader<ChildStdout>) {
    let mut command = place.command(&["serve", "--listen", "127.0.77.20", "--endpoint-port", "0", "--object-port", "0"]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    out.read_line(&mut ready).unwrap();
    assert!(ready.starts_with("ready"), "{ready:?}");
    (child, out)
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let rounds: u64 = std::env::var("RWMI_KILL_ROUNDS").map_or(20, |n| n.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (class, next, known, place) = (class(), Arc::new(AtomicU64::new(0)), Acknowledged::default(), Place::new(""));
    let mut doubt = BTreeMap::new();
    let (mut in_doubt, mut happened) = (0, 0);
    for round in 0..=rounds {
        let (mut child, _out) = start(&place);
        let data = place.data();
        runtime.block_on(async {
            let (client, ns) = namespace(&data).await.unwrap();
            if round == 0 {
                ns.put_class(&class, &PutOptions::default()).await.unwrap();
            }
            let rows = ns.query("SELECT * FROM Kept").objects().await.unwrap().collect().await.unwrap();
            let mut found = BTreeMap::new();
            for row in rows {
                let (id, version): (u64, u32) = (row.get("Id").unwrap(), row.get("Version").unwrap());
                assert_eq!(row.get::<String>("Filler").unwrap(), filler(id, version), "round {round}");
                assert_eq!(found.insert(id, version), None, "round {round}: {id} twice");
            }
            // What was sent and not answered has happened or not, and both halves of a pair alike.
            for (id, version) in std::mem::take(&mut doubt) {
                let (there, before) = (found.get(&id).copied(), known.lock().unwrap().get(&id).copied().flatten());
                assert!(there == version || there == before, "round {round}: {id} is {there:?}, neither {before:?} nor {version:?}");
                if version == Some(0) {
                    assert_eq!(there.is_some(), found.contains_key(&(id ^ 1)), "round {round}: half a pair");
                }
                (in_doubt, happened) = (in_doubt + 1, happened + u64::from(there == version));
                known.lock().unwrap().insert(id, there);
            }
            let expect: BTreeMap<u64, u32> = known.lock().unwrap().iter().filter_map(|(id, v)| Some((*id, (*v)?))).collect();
            assert!(found == expect, "round {round}: what is there is not what was acknowledged");
            drop(ns);
            client.close().await;
            let pending = Acknowledged::default();
            let (tell, mut told) = mpsc::unbounded_channel();
            let mut writers = JoinSet::new();
            for _ in 0..WRITERS {
                let (client, ns) = namespace(&data).await.unwrap();
                let writing = write(ns, class.clone(), next.clone(), known.clone(), pending.clone(), tell.clone());
                writers.spawn(async move {
                    writing.await;
                    drop(client);
                });
            }
            drop(tell);
            // Another moment each time: while the others write after so many answers.
            for _ in 0..=round * 7 % 23 {
                told.recv().await;
            }
            child.kill().unwrap();
            while writers.join_next().await.is_some() {}
            doubt = std::mem::take(&mut *pending.lock().unwrap());
        });
        child.wait().unwrap();
    }
    let done = known.lock().unwrap().len();
    println!(
        "{rounds} rounds: {done} instances acknowledged, none lost; of {in_doubt} changes that nobody answered {happened} had happened"
    );
    assert!(rounds as usize <= done, "the writers must have written: {done}");
}
