//! How the processes that this server started have ended.
//!
//! Who starts a process reaps it, and so is the only one who hears its exit status. Sources of events ask here first: what
//! they hear from the kernel, or do not hear at all where they poll, is less.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Statuses that are kept of processes that have ended; the oldest are forgotten.
const ENDED_MAX: usize = 4096;

/// The exit statuses of processes started by this server. Cheap to clone; all clones are one.
///
/// A status is that of `exit`; a process that a signal ended has 128 plus its number, as in a shell; one that was terminated
/// with a reason ([`Exits::doom`]) has that reason, as on Windows.
///
/// The status is recorded before the process is reaped: as long as `/proc/PID` is there it may be missing here, afterwards it
/// is not.
///
/// ```
/// let exits = rwmi_linux::Exits::default();
/// exits.started(4711);
/// assert_eq!(exits.lookup(4711), None);
/// exits.record(4711, 3);
/// assert_eq!(exits.take(4711), Some(3));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Exits(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    fates: HashMap<u32, Fate>,
    /// Those that have ended, oldest first; may hold some that were taken or started again since.
    ended: VecDeque<u32>,
    /// Ends that nobody has asked for by [`Exits::ends`], oldest first.
    untold: VecDeque<End>,
    running: usize,
}

#[derive(Debug)]
enum Fate {
    Running { doom: Option<u32>, name: Option<String> },
    Ended(u32),
}

/// How a process of this server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) id: u32,
    pub(crate) status: u32,
    /// The name of its program, where it was given.
    pub(crate) name: Option<String>,
}

impl Exits {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process of this server runs. What was known of an earlier one with its number is forgotten.
    pub fn started(&self, pid: u32) {
        self.begin(pid, None);
    }

    /// As [`Exits::started`], with the name of its program.
    pub(crate) fn started_as(&self, pid: u32, name: &str) {
        self.begin(pid, Some(name.to_owned()));
    }

    fn begin(&self, pid: u32, name: Option<String>) {
        let mut state = self.state();
        if !matches!(state.fates.insert(pid, Fate::Running { doom: None, name }), Some(Fate::Running { .. })) {
            state.running += 1;
        }
    }

    /// What the status of a running process of this server will be, whatever it exits with.
    pub fn doom(&self, pid: u32, reason: u32) {
        if let Some(Fate::Running { doom, .. }) = self.state().fates.get_mut(&pid) {
            *doom = Some(reason);
        }
    }

    /// Takes back what [`Exits::doom`] said: the process was not ended after all.
    pub fn pardon(&self, pid: u32) {
        if let Some(Fate::Running { doom, .. }) = self.state().fates.get_mut(&pid) {
            *doom = None;
        }
    }

    /// A process has ended.
    pub fn record(&self, pid: u32, status: u32) {
        let mut state = self.state();
        let (status, name) = match state.fates.remove(&pid) {
            Some(Fate::Running { doom, name }) => {
                state.running -= 1;
                (doom.unwrap_or(status), name)
            }
            _ => (status, None),
        };
        state.fates.insert(pid, Fate::Ended(status));
        state.ended.push_back(pid);
        if state.untold.len() == ENDED_MAX {
            state.untold.pop_front();
        }
        state.untold.push_back(End { id: pid, status, name });
        while ENDED_MAX < state.ended.len() {
            let Some(oldest) = state.ended.pop_front() else { break };
            // The number may be in use again, or ended again since: then it stands further back as well.
            if !state.ended.contains(&oldest) && matches!(state.fates.get(&oldest), Some(Fate::Ended(_))) {
                state.fates.remove(&oldest);
            }
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// The ends since this was asked for the last time, but for the oldest where they are too many.
    pub(crate) fn ends(&self) -> Vec<End> {
        self.state().untold.drain(..).collect()
    }

    /// The exit status of a process of this server that has ended.
    pub fn lookup(&self, pid: u32) -> Option<u32> {
        match self.state().fates.get(&pid) {
            Some(Fate::Ended(status)) => Some(*status),
            _ => None,
        }
    }

    /// Whether a process is one of this server that runs, or of whose end it has yet to hear.
    pub fn is_running(&self, pid: u32) -> bool {
        matches!(self.state().fates.get(&pid), Some(Fate::Running { .. }))
    }

    /// As [`Exits::lookup`], and forgets it.
    pub fn take(&self, pid: u32) -> Option<u32> {
        let mut state = self.state();
        match state.fates.get(&pid) {
            Some(Fate::Ended(status)) => {
                let status = *status;
                state.fates.remove(&pid);
                Some(status)
            }
            _ => None,
        }
    }

    /// As [`Exits::lookup`], once the process has ended; `None` at once where it is none of this server's.
    pub async fn wait(&self, pid: u32) -> Option<u32> {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            // Listening before looking: what happens in between is heard.
            changed.as_mut().enable();
            match self.state().fates.get(&pid) {
                Some(Fate::Ended(status)) => return Some(*status),
                Some(Fate::Running { .. }) => {}
                None => return None,
            }
            changed.await;
        }
    }

    /// Processes of this server that run.
    pub fn running(&self) -> usize {
        self.state().running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_the_status_of_its_last_life() {
        let exits = Exits::default();
        exits.started(7);
        assert_eq!((exits.lookup(7), exits.running(), exits.is_running(7)), (None, 1, true));
        exits.record(7, 3);
        assert_eq!((exits.lookup(7), exits.running(), exits.is_running(7)), (Some(3), 0, false));
        exits.started(7);
        assert_eq!((exits.take(7), exits.running()), (None, 1));
        exits.doom(7, 98);
        exits.pardon(7);
        exits.doom(7, 99);
        exits.record(7, 143);
        assert_eq!((exits.take(7), exits.take(7), exits.running()), (Some(99), None, 0));
        exits.doom(8, 1);
        exits.record(8, 2);
        assert_eq!(exits.lookup(8), Some(2));
        exits.started_as(9, "true");
        exits.record(9, 0);
        let told: Vec<_> = exits.ends().into_iter().map(|e| (e.id, e.status, e.name)).collect();
        assert_eq!(told, [(7, 3, None), (7, 99, None), (8, 2, None), (9, 0, Some("true".into()))]);
        assert_eq!(exits.ends(), []);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let exits = Exits::default();
        for pid in 0..=ENDED_MAX as u32 {
            exits.started(pid);
            exits.record(pid, pid);
        }
        assert_eq!((exits.lookup(0), exits.lookup(1)), (None, Some(1)));
        assert_eq!(exits.state().fates.len(), ENDED_MAX);
        assert_eq!(exits.ends().len(), ENDED_MAX);
    }

    #[tokio::test]
    async fn who_waits_hears_of_the_end() {
        let exits = Exits::default();
        assert_eq!(exits.wait(5).await, None);
        exits.started(5);
        let (heard, ()) = tokio::join!(exits.wait(5), async { exits.record(5, 1) });
        assert_eq!(heard, Some(1));
    }
}
