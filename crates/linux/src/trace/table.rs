//! Which processes there are, as the source of events tells it: what starts and stops follows from that. Knows no clock and no
//! file: what is read of a process is asked of [`Look`].

use crate::exits::End;
use crate::parse::proc_event::{ProcEvent, What};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How long a process that was forked may take until it runs a program. Then it is told with the name of its parent's.
const EXEC_WAIT: Duration = Duration::from_millis(50);
/// Most processes that are kept; `/proc/sys/kernel/pid_max` can be four times that.
const KNOWN_MAX: usize = 1 << 20;

/// What is told of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    pub(crate) name: Option<String>,
    pub(crate) parent: Option<u32>,
    pub(crate) session: Option<u32>,
    /// The effective user.
    pub(crate) user: Option<u32>,
    /// Ticks from boot to its start: with the id it names a process for ever.
    pub(crate) start_ticks: Option<u64>,
}

/// What can be seen of a process now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glance {
    /// At most 15 octets of its name.
    pub(crate) short_name: String,
    pub(crate) start_ticks: u64,
    /// It has ended, and its parent has not asked for its status yet.
    pub(crate) ended: bool,
    pub(crate) threads: u32,
}

/// How processes are looked at.
pub(crate) trait Look {
    /// The short look; `None` where there is no such process any more.
    fn glance(&self, id: u32) -> Option<Glance>;
    /// The long look.
    fn facts(&self, id: u32) -> Option<Facts>;
    /// Whether this service started the process itself, and then how it ended. Who started it knows best: it may have
    /// ended the process with a status of its own choice.
    fn own(&self, id: u32) -> Own;
    /// How an earlier process of this id ended is of no use any more.
    fn forget(&self, id: u32);
}

/// What this service knows of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// It did not start it.
    No,
    /// How it ended will be known before its id is free again.
    Running,
    /// It ended with this `ExitStatus`.
    Ended(u32),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) id: u32,
    pub(crate) facts: Facts,
    /// Nanoseconds of the monotonic clock; `None` for when it was noticed.
    pub(crate) time: Option<u64>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Started,
    Stopped { exit_status: Option<u32> },
}

struct Known {
    facts: Facts,
    /// Its short name when the facts were read; empty where it was not looked at.
    short_name: String,
    /// Its start was told, or is older than the watch.
    told: bool,
}

impl Known {
    fn told(facts: Facts) -> Known {
        Known { facts, short_name: String::new(), told: true }
    }
}

struct Forked {
    parent: u32,
    time: u64,
    /// When it is told without having run a program, on the clock of [`Table::tick`].
    due: Duration,
}

struct Ending {
    status: u32,
    parent: u32,
    time: u64,
}

/// The processes.
#[derive(Default)]
pub(crate) struct Table {
    known: HashMap<u32, Known>,
    forked: HashMap<u32, Forked>,
    /// Processes whose first thread is gone: others go on, or this service has yet to hear how it ended.
    ending: HashMap<u32, Ending>,
    /// When everything was looked at anew, in nanoseconds of the monotonic clock: what is older was told then.
    looked_anew: u64,
}

/// `ExitStatus` of a status of wait(2): the code, or 128 and the number of the signal as shells have it.
pub(crate) fn exit_status(wait: u32) -> u32 {
    match wait & 0x7f {
        0 => (wait >> 8) & 0xff,
        signal => 128 + signal,
    }
}

impl Table {
    /// The processes that are there when the watch begins: they are not told.
    pub(crate) fn begin(&mut self, ids: &[u32], look: &dyn Look) {
        for &id in ids {
            self.look_first(id, look, false);
        }
    }

    fn look_first(&mut self, id: u32, look: &dyn Look, told: bool) -> Option<&Facts> {
        look.forget(id);
        let glance = look.glance(id).filter(|g| !g.ended && self.known.len() < KNOWN_MAX)?;
        let facts = look.facts(id)?;
        self.known.insert(id, Known { facts, short_name: glance.short_name, told });
        self.known.get(&id).map(|k| &k.facts)
    }

    /// Takes what the connector says. `now` is the clock of [`Table::tick`].
    pub(crate) fn apply(&mut self, event: &ProcEvent, now: Duration, look: &dyn Look, out: &mut Vec<Trace>) {
        let time = event.time;
        match event.what {
            What::Answer(_) => {}
            What::Fork { parent, id, process } if id == process => self.forked(id, parent, time, now, look, out),
            What::Exec { process, .. } => match self.forked.remove(&process) {
                Some(forked) => self.started(process, forked, look.facts(process).unwrap_or_default(), out),
                None => self.renew(process, look),
            },
            What::User { process, effective, .. } => {
                if let Some(known) = self.known.get_mut(&process) {
                    known.facts.user = Some(effective);
                }
            }
            What::Name { id, process } if id == process => self.renew(process, look),
            What::Exit { id, process, status, parent } if id == process => {
                self.ending.insert(id, Ending { status, parent, time });
                self.recheck(id, look, out);
            }
            What::Exit { process, .. } => self.recheck(process, look, out),
            What::Fork { .. } | What::Name { .. } => {}
        }
    }

    fn forked(&mut self, id: u32, parent: u32, time: u64, now: Duration, look: &dyn Look, out: &mut Vec<Trace>) {
        look.forget(id);
        if let Some(known) = self.known.get(&id) {
            let same = look.glance(id).is_none_or(|g| Some(g.start_ticks) == known.facts.start_ticks);
            if known.told && same {
                return;
            }
            if known.told {
                // Its end was lost.
                self.gone(id, None, None, out);
            } else {
                // Seen when the watch began, though it started after that.
                self.known.remove(&id);
            }
        }
        if self.forked.len() < KNOWN_MAX {
            self.forked.insert(id, Forked { parent, time, due: now + EXEC_WAIT });
        }
    }

    fn started(&mut self, id: u32, forked: Forked, facts: Facts, out: &mut Vec<Trace>) {
        let facts = Facts { parent: facts.parent.or(Some(forked.parent)), ..facts };
        if self.known.len() < KNOWN_MAX {
            self.known.insert(id, Known::told(facts.clone()));
        }
        out.push(Trace { id, facts, time: Some(forked.time), kind: Kind::Started });
    }

    /// A process that runs its parent's program has its parent's name.
    fn started_without_exec(&mut self, id: u32, forked: Forked, look: &dyn Look, out: &mut Vec<Trace>) {
        let facts = look.facts(id).unwrap_or_else(|| {
            let parent = self.known.get(&forked.parent).map(|k| &k.facts);
            let (name, user, session) = parent.map_or((None, None, None), |p| (p.name.clone(), p.user, p.session));
            Facts { name, user, session, ..Facts::default() }
        });
        self.started(id, forked, facts, out);
    }

    fn renew(&mut self, id: u32, look: &dyn Look) {
        match (self.known.get_mut(&id), look.facts(id)) {
            // Its parent, at its end, is the one that it had in life, not who took it over.
            (Some(known), Some(new)) => known.facts = Facts { parent: known.facts.parent, ..new },
            (Some(_), None) => {}
            (None, facts) => {
                if let Some(facts) = facts.filter(|_| self.known.len() < KNOWN_MAX && !self.forked.contains_key(&id)) {
                    self.known.insert(id, Known::told(facts));
                }
            }
        }
    }

    fn stopped(&mut self, id: u32, ending: &Ending, exit_status: u32, look: &dyn Look, out: &mut Vec<Trace>) {
        if let Some(forked) = self.forked.remove(&id) {
            self.started_without_exec(id, forked, look, out);
        }
        if !self.known.contains_key(&id) {
            if ending.time < self.looked_anew {
                return;
            }
            let facts = Facts { parent: (ending.parent != 0).then_some(ending.parent), ..Facts::default() };
            self.known.insert(id, Known::told(facts));
        }
        self.gone(id, Some(ending.time), Some(exit_status), out);
    }

    fn gone(&mut self, id: u32, time: Option<u64>, exit_status: Option<u32>, out: &mut Vec<Trace>) {
        self.ending.remove(&id);
        if let Some(known) = self.known.remove(&id) {
            out.push(Trace { id, facts: known.facts, time, kind: Kind::Stopped { exit_status } });
        }
    }

    fn recheck(&mut self, id: u32, look: &dyn Look, out: &mut Vec<Trace>) {
        if !self.ending.contains_key(&id) {
            return;
        }
        // The first thread may go while others go on; then the process is there still.
        let glance = look.glance(id);
        if glance.as_ref().is_some_and(|g| g.threads > 1) {
            return;
        }
        let own = match look.own(id) {
            Own::Running if glance.is_some() => return,
            Own::Running | Own::No => None,
            Own::Ended(status) => Some(status),
        };
        if let Some(ending) = self.ending.remove(&id) {
            self.stopped(id, &ending, own.unwrap_or_else(|| exit_status(ending.status)), look, out);
        }
    }

    /// Whether time has to pass for something to be told.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.forked.is_empty() || !self.ending.is_empty()
    }

    /// Lets time pass: what waited long enough is told.
    pub(crate) fn tick(&mut self, now: Duration, look: &dyn Look, out: &mut Vec<Trace>) {
        let mut due: Vec<u32> = self.forked.iter().filter(|(_, f)| f.due <= now).map(|(id, _)| *id).collect();
        due.sort_unstable_by_key(|id| self.forked.get(id).map(|f| f.time));
        for id in due {
            if let Some(forked) = self.forked.remove(&id) {
                self.started_without_exec(id, forked, look, out);
            }
        }
        let ending: Vec<u32> = self.ending.keys().copied().collect();
        ending.into_iter().for_each(|id| self.recheck(id, look, out));
    }

    /// Tells of processes that this service started and that lived between two comparisons: nobody has seen them, and it knows
    /// how they ended. Those that are known, or that the comparison before it told, need nothing.
    pub(crate) fn missed(&self, ends: Vec<End>, out: &mut Vec<Trace>) {
        let is_stop = |t: &Trace| t.kind != Kind::Started;
        let told: HashSet<u32> = out.iter().filter(|t| is_stop(t)).map(|t| t.id).collect();
        for end in ends.into_iter().filter(|e| !self.known.contains_key(&e.id) && !told.contains(&e.id)) {
            let facts = Facts { name: end.name, parent: Some(std::process::id()), ..Facts::default() };
            out.push(Trace { id: end.id, facts: facts.clone(), time: None, kind: Kind::Started });
            out.push(Trace { id: end.id, facts, time: None, kind: Kind::Stopped { exit_status: Some(end.status) } });
        }
    }

    /// Compares with the processes that there are at `time` (nanoseconds of the monotonic clock), where nobody tells of each or
    /// something was lost.
    pub(crate) fn compare(&mut self, ids: &[u32], time: u64, look: &dyn Look, out: &mut Vec<Trace>) {
        self.looked_anew = time;
        self.forked.clear();
        self.ending.clear();
        let mut there: HashMap<u32, Glance> = HashMap::with_capacity(ids.len());
        // One that has ended and whose status is still to be heard of is gone at the next comparison.
        let is_there = |id, g: &Glance| !g.ended || look.own(id) == Own::Running;
        there.extend(ids.iter().filter_map(|&id| look.glance(id).filter(|g| is_there(id, g)).map(|g| (id, g))));
        let same = |id: &u32, known: &Known| there.get(id).is_some_and(|g| Some(g.start_ticks) == known.facts.start_ticks);
        let mut gone: Vec<u32> = self.known.iter().filter(|(id, known)| !same(id, known)).map(|(id, _)| *id).collect();
        gone.sort_unstable();
        for id in gone {
            let exit_status = match look.own(id) {
                Own::Ended(status) => Some(status),
                Own::No | Own::Running => None,
            };
            self.gone(id, None, exit_status, out);
        }
        let mut new: Vec<(u32, u64)> =
            there.iter().filter(|(id, _)| !self.known.contains_key(id)).map(|(id, g)| (*id, g.start_ticks)).collect();
        new.sort_unstable_by_key(|(id, start)| (*start, *id));
        for (id, _) in new {
            if let Some(facts) = self.look_first(id, look, true) {
                out.push(Trace { id, facts: facts.clone(), time: None, kind: Kind::Started });
            }
        }
        // A program that runs another has another name.
        for (id, glance) in there {
            if self.known.get(&id).is_some_and(|k| k.short_name != glance.short_name) {
                self.renew(id, look);
                if let Some(known) = self.known.get_mut(&id) {
                    known.short_name = glance.short_name;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
