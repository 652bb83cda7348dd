//! Results on their way to a client that comes for them: a producer runs ahead, cursors take.
//!
//! A forward-only feed lets go of what was taken, and its producer waits when it is far enough ahead. A rewindable feed
//! keeps everything for [`Cursor::reset`], up to a limit. A failure comes out after the rows that preceded it, once.

use crate::broker::Failure;
use rwmi_cim::{Entity, Instance, Sink, Value, WbemStatus};
use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

/// Rows that a producer may be ahead of a forward-only reader who reads a lot.
pub(crate) const AHEAD_MAX: usize = 2048;
/// Rows that it may be ahead of one who has read nothing: many readers may never come.
const AHEAD_MIN: usize = 128;

/// What all rewindable feeds of a server may keep together, in octets.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicUsize,
    /// What one feed may keep.
    each: usize,
}

impl Budget {
    pub(crate) fn new(all: usize, each: usize) -> Arc<Budget> {
        Arc::new(Budget { left: AtomicUsize::new(all), each })
    }

    fn take(&self, len: usize) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(len)).is_ok()
    }
}

/// What a taking gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taken {
    pub(crate) rows: Vec<Entity>,
    pub(crate) end: End,
}

/// Why no more rows came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// As many as asked for.
    Enough,
    /// There are no more.
    Exhausted,
    /// The time ran out; or a failure follows, which the next taking gives.
    More,
    /// The operation failed; no rows came with it.
    Failed(Failure),
}

/// One reader's place in a feed.
#[derive(Debug)]
pub(crate) struct Cursor {
    feed: Arc<Feed>,
    place: usize,
    /// Whether this reader has been told of the failure.
    told: bool,
}

#[derive(Debug)]
struct Feed {
    state: Mutex<State>,
    /// Rows came, or the end.
    arrived: Notify,
    /// Rows were taken.
    taken: Notify,
    rewindable: bool,
    producer: AbortHandle,
    budget: Arc<Budget>,
}

#[derive(Debug, Default)]
struct State {
    rows: VecDeque<Entity>,
    /// How many rows were let go before those that are there.
    gone: usize,
    weight: usize,
    done: Option<Result<(), Failure>>,
}

impl State {
    /// How many rows a reader at this place has before it.
    fn there(&self, place: usize) -> usize {
        (self.gone + self.rows.len()).saturating_sub(place)
    }

    /// Whether the producer of a forward-only feed is as far ahead as it goes: further for who has taken more.
    fn is_ahead(&self) -> bool {
        self.gone.saturating_mul(2).clamp(AHEAD_MIN, AHEAD_MAX) <= self.rows.len()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.producer.abort();
        let kept = self.lock().weight;
        self.budget.left.fetch_add(kept, Ordering::Relaxed);
    }
}

impl Cursor {
    /// Starts an operation, which writes to a sink.
    pub(crate) fn start<F>(rewindable: bool, budget: Arc<Budget>, operation: impl FnOnce(Sink) -> F) -> Cursor
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let (sink, rows) = Sink::bounded(64);
        let running = operation(sink);
        let (give, got) = tokio::sync::oneshot::channel::<std::sync::Weak<Feed>>();
        let task = tokio::spawn(async move {
            let Ok(feed) = got.await else { return };
            let filling = async {
                while let Ok(row) = rows.recv().await {
                    let Some(feed) = feed.upgrade() else { return Ok(()) };
                    feed.push(row)?;
                    while let Ok(row) = rows.try_recv() {
                        feed.push(row)?;
                    }
                    feed.arrived.notify_waiters();
                    feed.wait_for_readers().await;
                }
                Ok(())
            };
            let mut filling = std::pin::pin!(filling);
            let mut running = std::pin::pin!(running);
            let mut finished = None;
            let result = loop {
                tokio::select! {
                    biased;
                    filled = &mut filling => break filled.and(finished.unwrap_or(Ok(()))),
                    // The sink is dropped with the operation; what is in it is still taken.
                    done = &mut running, if finished.is_none() => finished = Some(done),
                }
            };
            if let Some(feed) = feed.upgrade() {
                feed.lock().done = Some(result);
                feed.arrived.notify_waiters();
            }
        });
        let feed = Arc::new(Feed {
            state: Mutex::default(),
            arrived: Notify::new(),
            taken: Notify::new(),
            rewindable,
            producer: task.abort_handle(),
            budget,
        });
        // The producer knows its feed weakly: a feed without readers ends it.
        let _ = give.send(Arc::downgrade(&feed));
        Cursor { feed, place: 0, told: false }
    }

    /// Waits until everything is there, or a forward-only feed is as far ahead as it goes; gives the failure if there is one
    /// and no row precedes it.
    pub(crate) async fn complete(&mut self) -> Result<(), Failure> {
        loop {
            let arrived = self.feed.arrived.notified();
            {
                let state = self.feed.lock();
                match &state.done {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(failure)) if self.feed.rewindable || state.rows.is_empty() => return Err(failure.clone()),
                    Some(Err(_)) => return Ok(()),
                    None if !self.feed.rewindable && state.is_ahead() => return Ok(()),
                    None => {}
                }
            }
            arrived.await;
        }
    }

    /// Takes up to `count` rows, waiting for them until a time.
    pub(crate) async fn take(&mut self, count: usize, wait: Duration) -> Taken {
        let deadline = Instant::now() + wait;
        let mut rows = Vec::new();
        loop {
            let feed = self.feed.clone();
            // Made before looking, so that a row that comes in between is noticed.
            let mut arrived = std::pin::pin!(feed.arrived.notified());
            arrived.as_mut().enable();
            if let Some(end) = self.take_now(count, &mut rows) {
                return Taken { rows, end };
            }
            if timeout_at(deadline, arrived).await.is_err() {
                return Taken { rows, end: End::More };
            }
        }
    }

    fn take_now(&mut self, count: usize, rows: &mut Vec<Entity>) -> Option<End> {
        let mut state = self.feed.lock();
        let there = state.there(self.place);
        let wanted = (count - rows.len()).min(there);
        if self.feed.rewindable {
            rows.extend(state.rows.iter().skip(self.place).take(wanted).cloned());
        } else {
            rows.extend(state.rows.drain(..wanted));
            state.gone += wanted;
            self.feed.taken.notify_waiters();
        }
        self.place += wanted;
        if rows.len() == count {
            return Some(End::Enough);
        }
        match &state.done {
            None => None,
            Some(Ok(())) => Some(End::Exhausted),
            Some(Err(_)) if self.told => Some(End::Exhausted),
            Some(Err(_)) if !rows.is_empty() => Some(End::More),
            Some(Err(failure)) => {
                self.told = true;
                Some(End::Failed(failure.clone()))
            }
        }
    }

    /// Takes `count` rows if they are there, or the last ones if those are; nothing else, and no failure.
    pub(crate) fn take_ready(&mut self, count: usize) -> Option<Taken> {
        {
            let state = self.feed.lock();
            let there = state.there(self.place);
            let last = there > 0 && matches!(state.done, Some(Ok(())));
            if there < count && !last {
                return None;
            }
        }
        let mut rows = Vec::new();
        self.take_now(count, &mut rows).map(|end| Taken { rows, end })
    }

    /// Completes when `count` rows more are there, or no more will come.
    pub(crate) fn when_ready(&self, count: usize) -> impl Future<Output = ()> + Send + 'static {
        let (feed, place) = (self.feed.clone(), self.place);
        async move {
            loop {
                let arrived = feed.arrived.notified();
                {
                    let state = feed.lock();
                    if state.done.is_some() || state.there(place) >= count {
                        return;
                    }
                }
                arrived.await;
            }
        }
    }

    /// Puts rows back that were taken and did not fit; they come first again.
    pub(crate) fn put_back(&mut self, rows: Vec<Entity>) {
        let mut state = self.feed.lock();
        self.place -= rows.len();
        if !self.feed.rewindable {
            state.gone -= rows.len();
            rows.into_iter().rev().for_each(|row| state.rows.push_front(row));
        }
    }

    /// Goes back to the first row; `false` where that is not possible.
    pub(crate) fn reset(&mut self) -> bool {
        if self.feed.rewindable {
            self.place = 0;
            self.told = false;
        }
        self.feed.rewindable
    }

    /// Another reader at the same place; `None` where that is not possible.
    pub(crate) fn fork(&self) -> Option<Cursor> {
        self.feed.rewindable.then(|| Cursor { feed: self.feed.clone(), place: self.place, told: self.told })
    }
}

impl Feed {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, row: Entity) -> Result<(), Failure> {
        // Weighed outside the lock: the readers need not wait for it.
        let weight = if self.rewindable { weight(&row) } else { 0 };
        let mut state = self.lock();
        let too_much = |whose: &str| {
            let message = format!("the results are more than {whose} may keep: ask with WBEM_FLAG_FORWARD_ONLY");
            Err(Failure::new(WbemStatus::OUT_OF_MEMORY, message))
        };
        if state.weight + weight > self.budget.each {
            return too_much("an enumerator");
        }
        if !self.budget.take(weight) {
            return too_much("all enumerators together");
        }
        state.weight += weight;
        state.rows.push_back(row);
        Ok(())
    }

    async fn wait_for_readers(&self) {
        if self.rewindable {
            return;
        }
        loop {
            let mut taken = std::pin::pin!(self.taken.notified());
            taken.as_mut().enable();
            if !self.lock().is_ahead() {
                return;
            }
            taken.await;
        }
    }
}

/// About how many octets a row keeps.
pub(crate) fn weight(row: &Entity) -> usize {
    /// What an allocator adds to each piece.
    const PIECE: usize = 16;
    fn of(value: &Value) -> usize {
        size_of::<Value>()
            + match value {
                Value::Array(items) => PIECE + items.iter().map(of).sum::<usize>(),
                Value::Object(entity) => weight(entity),
                v => v.as_str().map_or(0, |text| PIECE + text.len()),
            }
    }
    match row {
        Entity::Class(_) => 4096,
        // Its place in a queue that grew by doubling, itself, and for each property its value and whether that is the default.
        Entity::Instance(object) => {
            let fixed = 2 * size_of::<Entity>() + size_of::<Instance>() + 3 * PIECE;
            fixed + object.iter().map(|(_, v)| 1 + v.as_ref().map_or(size_of::<Value>(), of)).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{CimType, Class, Instance, Object, Property};

    const LONG: Duration = Duration::from_secs(600);

    fn row(class: &Arc<Class>, n: u32) -> Object {
        let mut instance = Instance::new(class.clone());
        instance.set("N", n).unwrap();
        instance.into()
    }

    fn feed(rewindable: bool, count: u32, failure: Option<WbemStatus>) -> Cursor {
        let class = Arc::new(Class { name: "C".into(), properties: vec![Property::new("N", CimType::Uint32)], ..Class::default() });
        Cursor::start(rewindable, Budget::new(4 << 20, 1 << 20), |sink| async move {
            for n in 0..count {
                sink.indicate(row(&class, n)).await?;
            }
            failure.map_or(Ok(()), |f| Err(f.into()))
        })
    }

    fn numbers(taken: &Taken) -> Vec<u32> {
        taken.rows.iter().map(|r| r.as_instance().unwrap().get("N").unwrap()).collect()
    }

    #[tokio::test]
    async fn rows_come_in_order_and_then_the_end() {
        for rewindable in [true, false] {
            let mut c = feed(rewindable, 5, None);
            let t = c.take(2, LONG).await;
            assert_eq!((numbers(&t), t.end), (vec![0, 1], End::Enough));
            let t = c.take(9, LONG).await;
            assert_eq!((numbers(&t), t.end), (vec![2, 3, 4], End::Exhausted));
            assert_eq!(c.take(1, LONG).await, Taken { rows: vec![], end: End::Exhausted });
            assert_eq!(c.reset(), rewindable);
            assert_eq!(numbers(&c.take(1, LONG).await), if rewindable { vec![0] } else { vec![] });
        }
    }

    #[tokio::test]
    async fn a_failure_comes_after_what_preceded_it_and_once() {
        for rewindable in [true, false] {
            let mut c = feed(rewindable, 3, Some(WbemStatus::PROVIDER_FAILURE));
            let t = c.take(10, LONG).await;
            assert_eq!((numbers(&t), t.end), (vec![0, 1, 2], End::More));
            assert_eq!(c.take(10, LONG).await.end, End::Failed(WbemStatus::PROVIDER_FAILURE.into()));
            assert_eq!(c.take(10, LONG).await.end, End::Exhausted);
        }
    }

    #[tokio::test]
    async fn a_producer_waits_for_a_slow_reader() {
        let mut c = feed(false, 100_000, None);
        c.complete().await.unwrap();
        tokio::task::yield_now().await;
        assert!(c.feed.lock().rows.len() <= AHEAD_MAX + 64);
        let mut seen = 0;
        loop {
            let t = c.take(1000, LONG).await;
            seen += t.rows.len();
            if t.end == End::Exhausted {
                break;
            }
        }
        assert_eq!(seen, 100_000);
    }

    #[tokio::test]
    async fn a_rewindable_feed_has_a_limit() {
        let mut c = feed(true, 1_000_000, None);
        let failure = c.complete().await.unwrap_err();
        assert_eq!(failure.status, WbemStatus::OUT_OF_MEMORY);
        // What a feed kept is there again when it is gone.
        let budget = c.feed.budget.clone();
        let left = || budget.left.load(Ordering::Relaxed);
        assert!((3 << 20..(3 << 20) + 1000).contains(&left()));
        assert!(!budget.take(left() + 1));
        drop(c);
        assert_eq!(left(), 4 << 20);
    }

    #[tokio::test]
    async fn what_is_ready_is_taken_whole_or_not_at_all() {
        for rewindable in [true, false] {
            let mut c = feed(rewindable, 5, None);
            c.when_ready(3).await;
            assert_eq!(numbers(&c.take_ready(3).unwrap()), [0, 1, 2]);
            c.when_ready(100).await;
            let t = c.take_ready(3).unwrap();
            assert_eq!((numbers(&t), t.end), (vec![3, 4], End::Exhausted));
            assert_eq!(c.take_ready(3), None);
            // A failure is nobody's but his who asks.
            let mut c = feed(rewindable, 2, Some(WbemStatus::FAILED));
            c.when_ready(100).await;
            assert_eq!(c.take_ready(3), None);
            assert_eq!(numbers(&c.take_ready(2).unwrap()), [0, 1]);
            assert_eq!(c.take(1, LONG).await.end, End::Failed(WbemStatus::FAILED.into()));
        }
    }

    #[tokio::test]
    async fn a_reader_that_does_not_wait_gets_what_is_there() {
        let mut c = Cursor::start(false, Budget::new(0, 0), |sink| async move {
            let _sink = sink;
            std::future::pending().await
        });
        assert_eq!(c.take(1, Duration::ZERO).await, Taken { rows: vec![], end: End::More });
        let task = c.feed.producer.clone();
        drop(c);
        while !task.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_did_not_fit_comes_first_again_and_a_fork_goes_its_own_way() {
        for rewindable in [true, false] {
            let mut c = feed(rewindable, 4, None);
            let mut t = c.take(3, LONG).await;
            c.put_back(t.rows.split_off(1));
            assert_eq!(numbers(&c.take(2, LONG).await), [1, 2]);
            match c.fork() {
                Some(mut fork) => {
                    assert_eq!(numbers(&fork.take(1, LONG).await), [3]);
                    assert_eq!(numbers(&c.take(1, LONG).await), [3]);
                }
                None => assert!(!rewindable),
            }
        }
    }
}
