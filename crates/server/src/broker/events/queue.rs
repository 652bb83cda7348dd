//! What waits for one subscriber: bounded, and nothing is lost from it without a word at its place.

use crate::broker::Failure;
use rwmi_cim::{Object, WbemStatus};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Events that may wait for one subscriber.
pub(crate) const QUEUE_LEN_MAX: usize = 1000;
/// Octets, about, that the events waiting for one subscriber may keep (Windows: `LowThresholdOnEvents`).
pub(super) const QUEUE_OCTETS_MAX: usize = 10_000_000;
/// Octets, about, that all waiting events may keep, an event counted for each who waits for it.
const ALL_OCTETS_MAX: usize = 128 << 20;

/// What comes to a subscriber.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Notice {
    /// An event, as the query shows it.
    Event(Object),
    /// As many events were dropped here, because too many were waiting.
    Lost(u64),
    /// Something that should tell of events failed, and may have missed some; the subscription goes on.
    Failed(Failure),
    /// The subscription is over.
    Ended(Failure),
}

impl Notice {
    /// What a caller is answered who can only be given objects and failures.
    pub(crate) fn failure(self) -> Result<Object, Failure> {
        match self {
            Notice::Event(event) => Ok(event),
            Notice::Lost(n) => {
                let words = format!("{n} events were dropped here: more were waiting than a subscription may keep ({QUEUE_LEN_MAX})");
                Err(Failure::new(WbemStatus::QUEUE_OVERFLOW, words))
            }
            Notice::Failed(failure) | Notice::Ended(failure) => Err(failure),
        }
    }
}

/// What all queues of a server share.
#[derive(Debug, Default)]
pub(super) struct Waiting(AtomicUsize);

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits.
    Kept,
    /// It was dropped, the first after one that was kept; so many octets wait.
    FirstDropped(usize),
    /// It was dropped, as was the one before it.
    Dropped,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    all: Arc<Waiting>,
    octets_max: usize,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<(Notice, usize)>,
    octets: usize,
    ended: bool,
}

impl Queue {
    pub(super) fn new(all: Arc<Waiting>) -> Queue {
        Queue::with_room(all, QUEUE_OCTETS_MAX)
    }

    /// With room for so many octets, where that is less than any has.
    pub(super) fn with_room(all: Arc<Waiting>, octets: usize) -> Queue {
        Queue { state: Mutex::default(), arrived: Notify::new(), all, octets_max: octets.min(QUEUE_OCTETS_MAX) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event of about so many octets, or drops it where too many wait.
    pub(super) fn push(&self, event: Object, octets: usize) -> Pushed {
        let mut state = self.lock();
        if state.ended {
            return Pushed::Dropped;
        }
        let fits = state.entries.len() < QUEUE_LEN_MAX && state.octets.saturating_add(octets) <= self.octets_max;
        if !fits || !self.all.take(octets) {
            return self.drop_one(&mut state);
        }
        state.octets += octets;
        state.entries.push_back((Notice::Event(event), octets));
        drop(state);
        self.arrived.notify_waiters();
        Pushed::Kept
    }

    /// Tells that an event is lost that never got here.
    pub(super) fn lost(&self) -> Pushed {
        let mut state = self.lock();
        if state.ended { Pushed::Dropped } else { self.drop_one(&mut state) }
    }

    fn drop_one(&self, state: &mut State) -> Pushed {
        if let Some((Notice::Lost(n), _)) = state.entries.back_mut() {
            *n += 1;
            return Pushed::Dropped;
        }
        // One more than the limit: the word about the loss always fits.
        state.entries.push_back((Notice::Lost(1), 0));
        self.arrived.notify_waiters();
        Pushed::FirstDropped(state.octets)
    }

    /// Tells of a failure, unless it is the one that was told last and is not taken yet.
    pub(super) fn failed(&self, failure: &Failure) {
        let mut state = self.lock();
        if state.ended || matches!(state.entries.back(), Some((Notice::Failed(f), _)) if f == failure) {
            return;
        }
        if state.entries.len() >= QUEUE_LEN_MAX {
            self.drop_one(&mut state);
            return;
        }
        state.entries.push_back((Notice::Failed(failure.clone()), 0));
        drop(state);
        self.arrived.notify_waiters();
    }

    /// Ends the subscription: what waits is still taken, then this is told.
    pub(super) fn end(&self, failure: Failure) {
        let mut state = self.lock();
        if !state.ended {
            state.ended = true;
            state.entries.push_back((Notice::Ended(failure), 0));
            drop(state);
            self.arrived.notify_waiters();
        }
    }

    /// Takes what is next; `None` where nothing waits.
    pub(super) fn take(&self) -> Option<Notice> {
        self.take_some(1).pop()
    }

    /// Takes the events that wait, up to a number and up to what is no event; that one alone where it comes first.
    pub(super) fn take_some(&self, count: usize) -> Vec<Notice> {
        let mut state = self.lock();
        let mut taken = Vec::new();
        let mut octets = 0;
        while taken.len() < count {
            let Some((notice, _)) = state.entries.front() else { break };
            let is_event = matches!(notice, Notice::Event(_));
            if !is_event && !taken.is_empty() {
                break;
            }
            let Some((notice, weight)) = state.entries.pop_front() else { break };
            octets += weight;
            taken.push(notice);
            if !is_event {
                break;
            }
        }
        state.octets = state.octets.saturating_sub(octets);
        self.all.give(octets);
        taken
    }

    /// Puts events back that were taken: they come first again.
    pub(super) fn put_back(&self, events: Vec<(Object, usize)>) {
        let mut state = self.lock();
        for (event, octets) in events.into_iter().rev() {
            // Their room may be gone: they were in it before those that took it.
            self.all.0.fetch_add(octets, Ordering::Relaxed);
            state.octets += octets;
            state.entries.push_front((Notice::Event(event), octets));
        }
        drop(state);
        self.arrived.notify_waiters();
    }

    /// Whether what comes next is no event.
    pub(super) fn has_word(&self) -> bool {
        matches!(self.lock().entries.front(), Some((notice, _)) if !matches!(notice, Notice::Event(_)))
    }

    /// Notified when something comes.
    pub(super) fn arrived(&self) -> &Notify {
        &self.arrived
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let octets = self.lock().octets;
        self.all.give(octets);
    }
}

impl Waiting {
    #[cfg(test)]
    pub(super) fn is_used(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    pub(super) fn take(&self, octets: usize) -> bool {
        let more = |now: usize| now.checked_add(octets).filter(|all| *all <= ALL_OCTETS_MAX);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(super) fn give(&self, octets: usize) {
        self.0.fetch_sub(octets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{CimType, Class, Instance, Property};

    fn event(n: u32) -> Object {
        let class = Class { name: "E".into(), properties: vec![Property::new("N", CimType::Uint32)], ..Class::default() };
        let mut event = Instance::new(Arc::new(class));
        event.set("N", n).unwrap();
        event.into()
    }

    fn number(notice: &Notice) -> u32 {
        match notice {
            Notice::Event(event) => event.get("N").unwrap(),
            other => panic!("{other:?} is no event"),
        }
    }

    #[test]
    fn what_is_dropped_is_told_in_its_place_with_how_many_it_was() {
        let all = Arc::new(Waiting::default());
        let queue = Queue::new(all.clone());
        let max = QUEUE_LEN_MAX as u32;
        (0..max).for_each(|n| assert_eq!(queue.push(event(n), 10), Pushed::Kept));
        assert_eq!(queue.push(event(max), 10), Pushed::FirstDropped(10 * QUEUE_LEN_MAX));
        (0..6).for_each(|_| assert_eq!(queue.push(event(0), 10), Pushed::Dropped));
        assert_eq!(number(&queue.take().unwrap()), 0);
        assert_eq!(number(&queue.take().unwrap()), 1);
        // There is room again, behind the gap.
        assert_eq!(queue.push(event(7777), 10), Pushed::Kept);
        assert_eq!(queue.take_some(usize::MAX).len(), QUEUE_LEN_MAX - 2);
        assert!(queue.has_word());
        assert_eq!(queue.take_some(usize::MAX), [Notice::Lost(7)]);
        assert_eq!(number(&queue.take().unwrap()), 7777);
        assert_eq!(queue.take(), None);
        assert_eq!(all.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_queue_may_have_less_room_than_others_and_never_more() {
        let queue = Queue::with_room(Arc::default(), 100);
        assert_eq!(queue.push(event(1), 60), Pushed::Kept);
        assert_eq!(queue.push(event(2), 60), Pushed::FirstDropped(60));
        assert_eq!(Queue::with_room(Arc::default(), usize::MAX).octets_max, QUEUE_OCTETS_MAX);
    }

    #[test]
    fn events_are_bounded_by_their_octets_too_each_queue_and_all() {
        let all = Arc::new(Waiting::default());
        let queue = Queue::new(all.clone());
        assert_eq!(queue.push(event(0), QUEUE_OCTETS_MAX), Pushed::Kept);
        assert_eq!(queue.push(event(0), 1), Pushed::FirstDropped(QUEUE_OCTETS_MAX));
        let others: Vec<Queue> = (1..ALL_OCTETS_MAX / QUEUE_OCTETS_MAX).map(|_| Queue::new(all.clone())).collect();
        others.iter().for_each(|q| assert_eq!(q.push(event(0), QUEUE_OCTETS_MAX), Pushed::Kept));
        let late = Queue::new(all.clone());
        assert_eq!(late.push(event(0), QUEUE_OCTETS_MAX), Pushed::FirstDropped(0));
        drop(others);
        assert_eq!(late.push(event(0), QUEUE_OCTETS_MAX), Pushed::Kept);
        drop((queue, late));
        assert_eq!(all.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_failure_is_told_once_and_an_end_is_the_last_word() {
        let queue = Queue::new(Arc::default());
        let failure = Failure::from(WbemStatus::PROVIDER_FAILURE);
        queue.failed(&failure);
        queue.failed(&failure);
        queue.push(event(1), 1);
        queue.end(WbemStatus::INVALID_NAMESPACE.into());
        queue.end(WbemStatus::FAILED.into());
        queue.push(event(2), 1);
        queue.failed(&failure);
        assert_eq!(queue.take_some(9), [Notice::Failed(failure)]);
        assert_eq!(queue.take_some(9).iter().map(number).collect::<Vec<_>>(), [1]);
        assert_eq!(queue.take_some(9), [Notice::Ended(WbemStatus::INVALID_NAMESPACE.into())]);
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn what_did_not_fit_comes_first_again() {
        let queue = Queue::new(Arc::default());
        (0..4).for_each(|n| assert_eq!(queue.push(event(n), 5), Pushed::Kept));
        let taken = queue.take_some(3);
        queue.put_back(taken[1..].iter().map(|n| (n.clone().failure().unwrap(), 5)).collect());
        assert_eq!(queue.take_some(9).iter().map(number).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(queue.all.0.load(Ordering::Relaxed), 0);
    }
}
