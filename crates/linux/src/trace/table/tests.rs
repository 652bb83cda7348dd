use super::*;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Name, parent, start ticks, threads, whether it has ended.
type Process = (&'static str, u32, u64, u32, bool);

/// Processes as a test says.
#[derive(Default)]
struct Fake {
    there: RefCell<BTreeMap<u32, Process>>,
    own: RefCell<BTreeMap<u32, Own>>,
}

impl Fake {
    fn put(&self, id: u32, name: &'static str, parent: u32, start: u64) {
        self.there.borrow_mut().insert(id, (name, parent, start, 1, false));
    }

    fn take(&self, id: u32) {
        self.there.borrow_mut().remove(&id);
    }

    fn ids(&self) -> Vec<u32> {
        self.there.borrow().keys().copied().collect()
    }
}

impl Look for Fake {
    fn glance(&self, id: u32) -> Option<Glance> {
        let (name, _, start_ticks, threads, ended) = *self.there.borrow().get(&id)?;
        Some(Glance { short_name: name.into(), start_ticks, ended, threads })
    }

    fn facts(&self, id: u32) -> Option<Facts> {
        let (name, parent, start, ..) = *self.there.borrow().get(&id)?;
        Some(Facts { name: Some(name.into()), parent: Some(parent), session: Some(0), user: Some(0), start_ticks: Some(start) })
    }

    fn own(&self, id: u32) -> Own {
        self.own.borrow().get(&id).copied().unwrap_or(Own::No)
    }

    fn forget(&self, id: u32) {
        self.own.borrow_mut().retain(|i, own| *i != id || *own == Own::Running);
    }
}

/// A table over one process, 1 `init`, and what it was told: `+id name<parent` and `-id name status`.
struct Watch {
    look: Fake,
    table: Table,
    now: Duration,
}

impl Watch {
    fn new() -> Watch {
        let look = Fake::default();
        look.put(1, "init", 0, 0);
        let mut table = Table::default();
        table.begin(&[1], &look);
        Watch { look, table, now: Duration::ZERO }
    }

    fn show(traces: &[Trace]) -> String {
        let one = |t: &Trace| {
            let (name, parent) = (t.facts.name.as_deref().unwrap_or("?"), t.facts.parent.map_or("?".into(), |p| p.to_string()));
            match t.kind {
                Kind::Started => format!("+{} {name}<{parent}", t.id),
                Kind::Stopped { exit_status } => format!("-{} {name}<{parent} {}", t.id, exit_status.map_or("?".into(), |s| s.to_string())),
            }
        };
        traces.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn apply(&mut self, what: What, expect: &str) {
        let mut out = Vec::new();
        self.table.apply(&ProcEvent { time: 1000, what }, self.now, &self.look, &mut out);
        assert_eq!(Watch::show(&out), expect, "{what:?}");
    }

    fn pass(&mut self, millis: u64, expect: &str) {
        self.now += Duration::from_millis(millis);
        let mut out = Vec::new();
        self.table.tick(self.now, &self.look, &mut out);
        assert_eq!(Watch::show(&out), expect);
    }

    fn compare(&mut self, expect: &str) {
        let mut out = Vec::new();
        self.table.compare(&self.look.ids(), 5000, &self.look, &mut out);
        assert_eq!(Watch::show(&out), expect);
    }
}

fn fork(id: u32) -> What {
    What::Fork { parent: 1, id, process: id }
}

fn exec(id: u32) -> What {
    What::Exec { id, process: id }
}

fn exit(id: u32, status: u32) -> What {
    What::Exit { id, process: id, status, parent: 1 }
}

#[test]
fn a_start_is_told_when_the_program_runs_and_with_its_name() {
    let mut w = Watch::new();
    w.look.put(7, "init", 1, 5);
    w.apply(fork(7), "");
    w.look.put(7, "ls", 1, 5);
    w.apply(exec(7), "+7 ls<1");
    w.look.take(7);
    w.apply(exit(7, 3 << 8), "-7 ls<1 3");
    w.pass(100, "");
}

#[test]
fn a_process_that_runs_no_program_is_told_after_a_while_or_at_its_end() {
    let mut w = Watch::new();
    w.look.put(7, "init", 1, 5);
    w.apply(fork(7), "");
    w.pass(49, "");
    w.pass(1, "+7 init<1");
    w.apply(fork(8), "");
    // It was never seen: its name is its parent's.
    w.apply(exit(8, 9), "+8 init<1, -8 init<1 137");
    // A program that was gone before it could be looked at has no name that we know.
    w.apply(fork(9), "");
    w.apply(exec(9), "+9 ?<1");
    w.apply(exit(9, 0), "-9 ?<1 0");
}

#[test]
fn threads_are_no_processes() {
    let mut w = Watch::new();
    w.apply(What::Fork { parent: 1, id: 11, process: 1 }, "");
    w.apply(What::Exit { id: 11, process: 1, status: 0, parent: 0 }, "");
    w.pass(1000, "");
}

#[test]
fn a_process_whose_first_thread_is_gone_lives_until_the_last_is() {
    let mut w = Watch::new();
    w.look.put(7, "a", 1, 5);
    w.apply(fork(7), "");
    w.apply(exec(7), "+7 a<1");
    w.look.there.borrow_mut().insert(7, ("a", 1, 5, 2, true));
    w.apply(exit(7, 1 << 8), "");
    w.pass(1000, "");
    w.look.there.borrow_mut().insert(7, ("a", 1, 5, 1, true));
    w.apply(What::Exit { id: 8, process: 7, status: 0, parent: 1 }, "-7 a<1 1");
    w.pass(1000, "");
}

#[test]
fn another_name_and_another_parent_in_life() {
    let mut w = Watch::new();
    w.look.put(7, "sh", 1, 5);
    w.apply(fork(7), "");
    w.apply(exec(7), "+7 sh<1");
    // Its parent is gone, it was taken over, and it runs another program.
    w.look.put(7, "ls", 99, 5);
    w.apply(exec(7), "");
    w.apply(What::Name { id: 7, process: 7 }, "");
    w.apply(exit(7, 0), "-7 ls<1 0");
}

#[test]
fn what_began_between_listening_and_looking_is_told_once() {
    let mut w = Watch::new();
    // It is in the first look already, and its messages wait.
    w.look.put(7, "ls", 1, 5);
    w.table.begin(&[1, 7], &w.look);
    w.apply(fork(7), "");
    w.apply(exec(7), "+7 ls<1");
    w.apply(exit(7, 0), "-7 ls<1 0");
    // This one was gone before the first look.
    w.apply(exit(8, 0), "-8 ?<1 0");
}

#[test]
fn after_a_loss_everything_is_looked_at_anew() {
    let mut w = Watch::new();
    for id in [7, 8] {
        w.look.put(id, "a", 1, 5);
        w.apply(fork(id), "");
        w.apply(exec(id), &format!("+{id} a<1"));
    }
    w.look.take(7);
    // The id is used again.
    w.look.put(8, "b", 1, 6);
    w.look.put(9, "c", 1, 7);
    w.look.own.borrow_mut().insert(7, Own::Ended(4));
    w.compare("-7 a<1 4, -8 a<1 ?, +8 b<1, +9 c<1");
    // Messages from before that are known already.
    w.apply(exit(7, 0), "");
    w.apply(fork(9), "");
    w.compare("");
}

#[test]
fn polling_tells_what_differs_and_a_zombie_is_gone() {
    let mut w = Watch::new();
    w.look.put(7, "a", 1, 5);
    w.compare("+7 a<1");
    w.look.put(7, "b", 1, 5);
    w.compare("");
    w.look.there.borrow_mut().insert(7, ("b", 1, 5, 1, true));
    w.compare("-7 b<1 ?");
    w.compare("");
}

#[test]
fn a_process_of_our_own_ended_as_we_say() {
    let mut w = Watch::new();
    w.look.put(7, "a", 1, 5);
    w.apply(fork(7), "");
    w.look.own.borrow_mut().insert(7, Own::Running);
    w.apply(exec(7), "+7 a<1");
    // We have yet to hear how it ended.
    w.look.there.borrow_mut().insert(7, ("a", 1, 5, 1, true));
    w.apply(exit(7, 15), "");
    w.pass(5, "");
    w.look.own.borrow_mut().insert(7, Own::Ended(99));
    w.pass(5, "-7 a<1 99");
    // Another process gets the id; what is remembered is not of it.
    w.look.put(7, "b", 1, 6);
    w.apply(fork(7), "");
    w.apply(exec(7), "+7 b<1");
    w.apply(exit(7, 0), "-7 b<1 0");
    // The same where nobody tells.
    w.look.own.borrow_mut().insert(8, Own::Running);
    w.look.put(8, "c", 1, 7);
    w.look.take(7);
    w.compare("+8 c<1");
    w.look.there.borrow_mut().insert(8, ("c", 1, 7, 1, true));
    w.compare("");
    w.look.own.borrow_mut().insert(8, Own::Ended(3));
    w.compare("-8 c<1 3");
}

#[test]
fn an_exit_status_is_the_code_or_that_of_the_signal() {
    for (wait, expect) in [(0, 0), (1 << 8, 1), (255 << 8, 255), (9, 137), (11 | 0x80, 139)] {
        assert_eq!(exit_status(wait), expect, "{wait}");
    }
}

#[test]
fn what_this_service_started_and_nobody_saw_is_told_whole() {
    let mut w = Watch::new();
    w.look.put(7, "seen", 1, 5);
    w.compare("+7 seen<1");
    let end = |id: u32, status: u32, name: &str| End { id, status, name: Some(name.into()) };
    // 7 is known: the next comparison tells its end. 8 came and went.
    let mut out = Vec::new();
    w.table.missed(vec![end(7, 1, "seen"), end(8, 3, "short")], &mut out);
    let me = std::process::id();
    assert_eq!(Watch::show(&out), format!("+8 short<{me}, -8 short<{me} 3"));
    // One that this comparison has told.
    w.look.take(7);
    let mut out = Vec::new();
    w.table.compare(&w.look.ids(), 6000, &w.look, &mut out);
    w.table.missed(vec![end(7, 1, "seen")], &mut out);
    assert_eq!(Watch::show(&out), "-7 seen<1 ?");
}
