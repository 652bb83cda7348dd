//! Win32_ProcessStartTrace and Win32_ProcessStopTrace: from the kernel's process connector, or by looking at `/proc` again and
//! again where that is not permitted.
//!
//! One thread watches for all who listen, from the first to the last of them. What it finds goes round in a bounded
//! channel; who is too slow, and everybody when the kernel lost messages, hears that something was lost.

mod connector;
mod table;

use crate::exits::Exits;
use crate::os::process_ids;
use crate::parse::process::{Stat, arguments, full_name};
use crate::row::Row;
use crate::source::Machine;
use connector::{Connector, Heard};
use rwmi_cim::{Class, Instance, ProviderResult, Sink, WbemStatus, names_equal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use table::{Facts, Glance, Kind, Look, Own, Table, Trace};
use tokio::sync::broadcast;

/// What waits for one listener at most.
const WAITING_MAX: usize = 4096;
/// Longest time until the watch notices that nobody listens any more.
const IDLE: Duration = Duration::from_millis(500);
/// How often processes that are about to be told are looked at.
const TICK: Duration = Duration::from_millis(5);

/// The word in `Source` of an event.
const CONNECTOR: &str = "connector";
const POLLING: &str = "polling";

#[derive(Debug, Clone)]
enum Told {
    Trace(Arc<(Trace, &'static str)>),
    Lost,
}

/// The watch of a machine.
#[derive(Debug)]
pub(crate) struct Traces {
    machine: Arc<Machine>,
    exits: Exits,
    running: Mutex<Option<broadcast::Sender<Told>>>,
}

/// The traces that a class asks for.
fn asks(class: &Class, kind: Kind) -> Option<bool> {
    match class.name.as_str() {
        name if names_equal(name, "Win32_ProcessStartTrace") => Some(kind == Kind::Started),
        name if names_equal(name, "Win32_ProcessStopTrace") => Some(kind != Kind::Started),
        _ => None,
    }
}

impl Traces {
    pub(crate) fn new(machine: Arc<Machine>, exits: Exits) -> Traces {
        Traces { machine, exits, running: Mutex::new(None) }
    }

    /// Delivers the events of a class from the first poll on.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` for a class that is none of these; `QUEUE_OVERFLOW` after something was lost; `CALL_CANCELLED` when nobody
    /// reads any more; `PROVIDER_FAILURE` where there is no `/proc`.
    pub(crate) async fn events(&self, class: &Arc<Class>, sink: &Sink) -> ProviderResult<()> {
        if asks(class, Kind::Started).is_none() {
            return Err(WbemStatus::PROVIDER_NOT_CAPABLE);
        }
        let mut told = self.listen()?;
        loop {
            match told.recv().await {
                Ok(Told::Trace(found)) => {
                    let (trace, source) = &*found;
                    if asks(class, trace.kind) == Some(true) {
                        sink.indicate(self.event(class, trace, source)).await?;
                    }
                }
                Ok(Told::Lost) | Err(broadcast::error::RecvError::Lagged(_)) => return Err(WbemStatus::QUEUE_OVERFLOW),
                Err(broadcast::error::RecvError::Closed) => return Err(WbemStatus::PROVIDER_FAILURE),
            }
        }
    }

    fn listen(&self) -> ProviderResult<broadcast::Receiver<Told>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = running.as_ref().filter(|s| s.receiver_count() > 0) {
            return Ok(sender.subscribe());
        }
        let (sender, receiver) = broadcast::channel(WAITING_MAX);
        let watch = Watch::begin(self.machine.clone(), self.exits.clone(), sender.clone())?;
        std::thread::Builder::new().name("rwmi-traces".into()).spawn(move || watch.run()).map_err(|error| {
            tracing::error!(%error, "no thread for the watch of processes");
            WbemStatus::OUT_OF_MEMORY
        })?;
        *running = Some(sender);
        Ok(receiver)
    }

    fn event(&self, class: &Arc<Class>, trace: &Trace, source: &str) -> Instance {
        let facts = &trace.facts;
        let mut row = Row::new(class);
        row.set("TIME_CREATED", created(&self.machine, trace.time)).set("ProcessID", trace.id).set("Source", source);
        row.set("ProcessName", facts.name.as_deref()).set("ParentProcessID", facts.parent).set("SessionID", facts.session);
        row.set("Sid", facts.user.and_then(|user| sid_octets(&self.machine, user)));
        if let Kind::Stopped { exit_status } = trace.kind {
            row.set("ExitStatus", exit_status);
        }
        row.into_instance()
    }
}

/// 100 ns since 1601 of a moment of the monotonic clock, or of now.
fn created(machine: &Machine, monotonic: Option<u64>) -> Option<u64> {
    const FROM_1601_TO_1970: i64 = 11_644_473_600_000_000;
    let age = monotonic.map_or(0, |then| monotonic_nanos().saturating_sub(then) / 1000);
    let micros = machine.now_micros().checked_sub(i64::try_from(age).ok()?)?.checked_add(FROM_1601_TO_1970)?;
    u64::try_from(micros).ok()?.checked_mul(10)
}

fn monotonic_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// The security identifier of a user in octets: revision, count, authority, then each part from its lowest octet.
fn sid_octets(machine: &Machine, user: u32) -> Option<Vec<u8>> {
    let relative = user.checked_mul(2)?.checked_add(1000)?;
    let text = format!("{}-{relative}", machine.sid()?);
    let parts: Vec<u32> = text.strip_prefix("S-1-5-")?.split('-').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    let mut octets = vec![1, u8::try_from(parts.len()).ok()?, 0, 0, 0, 0, 0, 5];
    parts.iter().for_each(|p| octets.extend_from_slice(&p.to_le_bytes()));
    Some(octets)
}

/// How the thread looks at processes.
struct Eyes {
    machine: Arc<Machine>,
    exits: Exits,
}

impl Look for Eyes {
    fn glance(&self, id: u32) -> Option<Glance> {
        let stat = Stat::parse(&self.machine.text(&format!("/proc/{id}/stat"))?)?;
        let ended = matches!(stat.state, 'Z' | 'X' | 'x');
        Some(Glance { short_name: stat.name, start_ticks: stat.start_ticks, ended, threads: stat.threads })
    }

    fn facts(&self, id: u32) -> Option<Facts> {
        let file = |name: &str| format!("/proc/{id}/{name}");
        let stat = Stat::parse(&self.machine.text(&file("stat"))?)?;
        let status = self.machine.text(&file("status"));
        let user = status.as_deref().and_then(effective_user);
        let session = self.machine.number::<u32>(&file("sessionid")).map(|s| if s == u32::MAX { 0 } else { s });
        // Only a name that may have been cut is worth more files.
        let long = stat.name.len() >= 15;
        let executable = if long { self.machine.link(&file("exe")) } else { None };
        let executable = executable.map(|p| p.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(p));
        let given = if long { self.machine.read_at_most(&file("cmdline"), 4096).map(|o| arguments(&o)) } else { None };
        let name = full_name(&stat.name, executable.as_deref(), given.as_deref().unwrap_or_default()).to_owned();
        Some(Facts { name: Some(name), parent: Some(stat.parent), session, user, start_ticks: Some(stat.start_ticks) })
    }

    fn own(&self, id: u32) -> Own {
        match self.exits.lookup(id) {
            Some(status) => Own::Ended(status),
            None if self.exits.is_running(id) => Own::Running,
            None => Own::No,
        }
    }

    fn forget(&self, id: u32) {
        self.exits.take(id);
    }
}

/// The second of the numbers after `Uid:`.
fn effective_user(status: &str) -> Option<u32> {
    let ids = status.lines().find_map(|l| l.strip_prefix("Uid:"))?;
    ids.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The thread that watches.
struct Watch {
    eyes: Eyes,
    table: Table,
    connector: Option<Connector>,
    sender: broadcast::Sender<Told>,
    began: Instant,
}

impl Watch {
    /// From when this returns, nothing is missed.
    fn begin(machine: Arc<Machine>, exits: Exits, sender: broadcast::Sender<Told>) -> ProviderResult<Watch> {
        let connector = match (machine.is_live(), machine.source.process_connector) {
            // The kernel speaks of the running machine only.
            (false, _) => Err("a recorded tree has no kernel".to_owned()),
            (true, false) => Err("the configuration says so".to_owned()),
            (true, true) => Connector::open(),
        };
        let connector = match connector {
            Ok(connector) => Some(connector),
            Err(why) => {
                let every = machine.source.process_poll;
                tracing::warn!(%why, ?every, "processes are watched by polling: of those that this server did not start, some may be missed and exit statuses are unknown");
                None
            }
        };
        let mut watch = Watch { eyes: Eyes { machine, exits }, table: Table::default(), connector, sender, began: Instant::now() };
        // What ended before is nobody's business.
        drop(watch.eyes.exits.ends());
        let ids = process_ids(&watch.eyes.machine).ok_or(WbemStatus::PROVIDER_FAILURE)?;
        watch.table.begin(&ids, &watch.eyes);
        Ok(watch)
    }

    fn run(mut self) {
        match self.connector.take() {
            Some(connector) => self.listen(&connector),
            None => self.poll(),
        }
    }

    fn tell(&self, found: Vec<Trace>, source: &'static str) {
        for trace in found {
            // That nobody listens is noticed by who calls.
            let _ = self.sender.send(Told::Trace(Arc::new((trace, source))));
        }
    }

    fn is_wanted(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    fn listen(&mut self, connector: &Connector) {
        let mut waiting = false;
        let mut looked = Duration::ZERO;
        while self.is_wanted() {
            let heard = match connector.wait(if waiting { TICK } else { IDLE }) {
                Ok(heard) => heard,
                Err(error) => {
                    tracing::error!(%error, "the process connector failed");
                    return;
                }
            };
            let mut found = Vec::new();
            let now = self.began.elapsed();
            match heard {
                Heard::Events(events) => events.iter().for_each(|e| self.table.apply(e, now, &self.eyes, &mut found)),
                Heard::Nothing => {}
                Heard::Lost => {
                    tracing::warn!("the kernel lost messages of its process connector; processes are looked at anew");
                    if let Some(ids) = process_ids(&self.eyes.machine) {
                        self.table.compare(&ids, monotonic_nanos(), &self.eyes, &mut found);
                    }
                    self.tell(found, CONNECTOR);
                    let _ = self.sender.send(Told::Lost);
                    continue;
                }
            }
            // In a storm of messages what waits is looked at now and then only.
            if now.saturating_sub(looked) >= TICK {
                looked = now;
                self.table.tick(now, &self.eyes, &mut found);
            }
            waiting = self.table.is_waiting();
            self.tell(found, CONNECTOR);
        }
    }

    fn poll(&mut self) {
        while self.is_wanted() {
            std::thread::sleep(self.eyes.machine.source.process_poll);
            let Some(ids) = process_ids(&self.eyes.machine) else { continue };
            let mut found = Vec::new();
            self.table.compare(&ids, monotonic_nanos(), &self.eyes, &mut found);
            // After the comparison: who ended during it is known by now, or was never seen.
            self.table.missed(self.eyes.exits.ends(), &mut found);
            self.tell(found, POLLING);
        }
    }
}

#[cfg(test)]
mod tests;
