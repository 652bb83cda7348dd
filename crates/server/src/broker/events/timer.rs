//! Timers: instances of `__IntervalTimerInstruction` and `__AbsoluteTimerInstruction` that go off as `__TimerEvent`.
//!
//! A timer of intervals begins when it is put, or when the service starts. One of a point in time goes off once; that it did is
//! noted in `__TimerNextFiring`, so that it does not when the service starts again. Where the time passed meanwhile, or the
//! machine slept, `SkipIfPassed` says whether it still goes off.

use super::{Hub, make};
use crate::broker::Failure;
use crate::store::{Change, Namespace, Subject, fold, fold_namespace};
use rwmi_cim::{Instance, ObjectPath, PathKeys, PutOptions, Value, WbemStatus};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep_until};

/// Longest sleep: the clock may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(30);
const NOTE: &str = "__TimerNextFiring";

/// Whether timers go by a change.
pub(super) fn concerns(change: &Change) -> bool {
    match &change.subject {
        Subject::Instance { before, after } => after.as_ref().or(before.as_ref()).is_some_and(|i| i.class.is_a("__TimerInstruction")),
        Subject::Class { .. } => false,
        Subject::Namespace { .. } => true,
    }
}

/// Checks a timer as it would be stored.
///
/// # Errors
/// `INVALID_PARAMETER` for one that could never go off: an interval of 0, a date that is no point in time. The documents name no
/// status for it; Windows stores some of these and is silent.
pub(crate) fn check(stored: &Instance) -> Result<(), Failure> {
    let wrong = |why: String| Err(Failure::new(WbemStatus::INVALID_PARAMETER, why));
    if stored.class.is_a("__IntervalTimerInstruction") && stored.get("IntervalBetweenEvents").and_then(Value::as_integer) == Some(0) {
        return wrong("IntervalBetweenEvents is 0: it is in milliseconds, and at least 1".into());
    }
    if stored.class.is_a("__AbsoluteTimerInstruction")
        && let Some(Value::DateTime(at)) = stored.get("EventDateTime")
        && at.timestamp().is_err()
    {
        let words = "has to be a point in time with nothing left open, as 20240229235959.000000+060";
        return wrong(format!("EventDateTime {:?} {words}", at.as_str()));
    }
    Ok(())
}

/// Which timer: folded namespace, class and `TimerId`.
type Id = (String, String, String);

#[derive(Debug)]
struct Timer {
    /// What it was made from, to see that it changed.
    instruction: Arc<Instance>,
    namespace: String,
    id: String,
    skip_if_passed: bool,
    when: When,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Every {
        interval: Duration,
        next: Instant,
    },
    /// In units of 100 nanoseconds since 1601.
    At(i64),
}

impl Timer {
    /// The timer of an instruction; `None` for one that never goes off.
    fn of(namespace: &Namespace, instruction: &Arc<Instance>, now: Instant) -> Option<Timer> {
        let id = instruction.get("TimerId").and_then(Value::as_str)?.to_owned();
        let when = match instruction.get("EventDateTime") {
            Some(Value::DateTime(at)) => When::At(make::filetime_of_unix_micros(at.timestamp().ok()?.unix_micros)),
            Some(_) => return None,
            None => {
                let ms = instruction.get("IntervalBetweenEvents").and_then(Value::as_integer).filter(|ms| *ms > 0)?;
                let interval = Duration::from_millis(u64::try_from(ms).ok()?);
                When::Every { interval, next: now + interval }
            }
        };
        let skip_if_passed = instruction.get("SkipIfPassed") == Some(&Value::Boolean(true));
        Some(Timer { instruction: instruction.clone(), namespace: namespace.name().to_owned(), id, skip_if_passed, when })
    }

    /// When it goes off next, by the clock that does not jump.
    fn due(&self, now: Instant, clock: i64) -> Instant {
        match self.when {
            When::Every { next, .. } => next,
            When::At(at) => now + Duration::from_micros(u64::try_from(at.saturating_sub(clock) / 10).unwrap_or(0)).min(SLEEP_MAX),
        }
    }

    /// How often it went off since it was last asked, as one event tells it; 0 where it is not time, or is to be left out.
    fn firings(&mut self, now: Instant, clock: i64) -> u32 {
        match &mut self.when {
            When::Every { interval, next } => {
                let Some(late) = now.checked_duration_since(*next) else { return 0 };
                let missed = u32::try_from(late.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u32::MAX - 1);
                *next += interval.saturating_mul(missed.saturating_add(1));
                if self.skip_if_passed { 1 } else { missed.saturating_add(1) }
            }
            When::At(at) => u32::from(*at <= clock),
        }
    }
}

fn clock() -> i64 {
    i64::try_from(make::filetime(SystemTime::now())).unwrap_or(i64::MAX)
}

impl Hub {
    /// Lets timers go off, for ever. Who has to hear of those that passed while the service was down subscribes before.
    pub(crate) async fn run_timers(self: Arc<Hub>) {
        let mut timers: HashMap<Id, Timer> = HashMap::new();
        loop {
            self.read_timers(&mut timers).await;
            loop {
                let mut over = Vec::new();
                let (now, clock) = (Instant::now(), clock());
                for (id, timer) in &mut timers {
                    let firings = timer.firings(now, clock);
                    if firings > 0 {
                        self.fire(&timer.namespace, &timer.id, firings);
                        if matches!(timer.when, When::At(_)) {
                            over.push(id.clone());
                        }
                    }
                }
                for timer in over.iter().filter_map(|id| timers.remove(id)) {
                    self.note(&timer).await;
                }
                let next = timers.values().map(|t| t.due(now, clock)).min().unwrap_or(now + SLEEP_MAX).min(now + SLEEP_MAX);
                tokio::select! {
                    biased;
                    () = self.timers_changed.notified() => break,
                    () = sleep_until(next) => {}
                }
            }
        }
    }

    fn fire(&self, namespace: &str, id: &str, firings: u32) {
        let tree = self.repository.tree();
        let Some(namespace) = tree.namespace(namespace) else { return };
        let values = [("TimerId", id.into()), ("NumFirings", firings.into())];
        if let Some(event) = make::event(namespace, "__TimerEvent", &values) {
            self.publish(namespace.name(), &event);
        }
    }

    /// Takes up what was put and lets go of what is gone.
    async fn read_timers(&self, timers: &mut HashMap<Id, Timer>) {
        let tree = self.repository.tree();
        let now = Instant::now();
        let mut there: HashMap<Id, Arc<Instance>> = HashMap::new();
        let mut stale = Vec::new();
        for namespace in tree.namespaces() {
            let classes = namespace.descendants("__TimerInstruction", true).into_iter().flatten();
            let mut absolute: HashMap<String, &Arc<Instance>> = HashMap::new();
            for instruction in classes.flat_map(|c| namespace.instances(&c.name)) {
                let Some(id) = instruction.get("TimerId").and_then(Value::as_str) else { continue };
                if instruction.class.is_a("__AbsoluteTimerInstruction") {
                    absolute.insert(fold(id), instruction);
                }
                there.insert((fold_namespace(namespace.name()), fold(&instruction.class.name), fold(id)), instruction.clone());
            }
            for note in namespace.instances(NOTE) {
                let Some(id) = note.get("TimerId").and_then(Value::as_str) else { continue };
                let time = note.get("NextEvent64BitTime").and_then(Value::as_integer).unwrap_or_default();
                match absolute.get(&fold(id)) {
                    None => stale.push((namespace.name().to_owned(), id.to_owned())),
                    // It went off already, for this very time.
                    Some(i) if Timer::of(namespace, i, now).is_some_and(|t| t.when == When::At(time as i64)) => {
                        there.remove(&(fold_namespace(namespace.name()), fold(&i.class.name), fold(id)));
                    }
                    Some(_) => {}
                }
            }
        }
        timers.retain(|id, timer| there.get(id).is_some_and(|i| Arc::ptr_eq(i, &timer.instruction)));
        for (id, instruction) in there {
            if timers.contains_key(&id) {
                continue;
            }
            let Some(namespace) = tree.namespace(&id.0) else { continue };
            let Some(timer) = Timer::of(namespace, &instruction, now) else {
                tracing::warn!(namespace = id.0, timer = id.2, "a timer instruction has no time that could come");
                continue;
            };
            if matches!(timer.when, When::At(at) if at < clock() && timer.skip_if_passed) {
                self.note(&timer).await;
                continue;
            }
            timers.insert(id, timer);
        }
        for (namespace, id) in stale {
            let path = ObjectPath { keys: PathKeys::Single(id.as_str().into()), ..ObjectPath::class(NOTE) };
            self.change_note(move |repository| repository.write(|batch| batch.delete_instance(&namespace, &path))).await;
        }
    }

    /// Notes that a timer went off.
    async fn note(&self, timer: &Timer) {
        let When::At(at) = timer.when else { return };
        let tree = self.repository.tree();
        let Some(class) = tree.namespace(&timer.namespace).and_then(|n| n.class(NOTE, true)) else { return };
        let mut note = Instance::new(class.clone());
        if note.set("TimerId", timer.id.as_str()).is_err() || note.set("NextEvent64BitTime", at).is_err() {
            return;
        }
        let namespace = timer.namespace.clone();
        self.change_note(move |repository| {
            repository.write(|batch| batch.put_instance(&namespace, &note, &PutOptions::default()).map(drop))
        })
        .await;
    }

    async fn change_note(&self, change: impl FnOnce(&crate::store::Repository) -> Result<(), Failure> + Send + 'static) {
        let repository = self.repository.clone();
        match tokio::task::spawn_blocking(move || change(&repository)).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => tracing::warn!(%failure, "a timer may go off again when the service starts again"),
            Err(error) => tracing::warn!(%error, "a timer may go off again when the service starts again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_counted_unless_it_is_to_be_skipped() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let check = |skip_if_passed: bool, expect: [u32; 4]| {
            let when = When::Every { interval: Duration::from_secs(10), next: at(10.0) };
            let instruction = Arc::new(Instance::new(Arc::default()));
            let mut timer = Timer { instruction, namespace: "root".into(), id: "x".into(), skip_if_passed, when };
            assert_eq!([9.0, 10.5, 45.0, 50.0].map(|s| timer.firings(at(s), 0)), expect);
            // It goes on where it would have been.
            assert_eq!(timer.due(at(50.0), 0), at(60.0));
        };
        check(false, [0, 1, 3, 1]);
        check(true, [0, 1, 1, 1]);
    }

    #[test]
    fn a_point_in_time_is_looked_at_again_before_the_clock_can_have_been_set() {
        let instruction = Arc::new(Instance::new(Arc::default()));
        let mut timer = Timer { instruction, namespace: "root".into(), id: "x".into(), skip_if_passed: false, when: When::At(10_000_000) };
        let now = Instant::now();
        assert_eq!(timer.due(now, 0), now + Duration::from_secs(1));
        assert_eq!(timer.due(now, 20_000_000), now);
        assert_eq!(timer.due(now, -100_000_000_000_000), now + SLEEP_MAX);
        assert_eq!([9_999_999, 10_000_000].map(|clock| timer.firings(now, clock)), [0, 1]);
    }
}
