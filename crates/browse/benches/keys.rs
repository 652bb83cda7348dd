//! How long a key takes on a tree of 20,000 classes, from the key to the cells: what is felt as waiting begins at 100 ms.
//!
//! Prints the longest and the median of each kind of key, and fails where one took longer than [`LIMIT`].

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rwmi_browse::{Answer, Ask, ClassName, Effect, Event, Model, Options, draw, update};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const CLASSES: usize = 20_000;
const SIZE: (u16, u16) = (200, 50);
const LIMIT: Duration = Duration::from_millis(100);

/// Two shapes: a tree of four levels, and all classes right below one.
fn names(deep: bool) -> Vec<ClassName> {
    let name = |n: usize| format!("Bench_{}_{n:05}", ["Disk", "Process", "Network", "Service"][n % 4]);
    let class = |n: usize| {
        let above = match n {
            0 => None,
            n if deep => Some(name(n / 12)),
            _ => Some(name(0)),
        };
        ClassName { name: name(n), superclass: above }
    };
    (0..CLASSES).map(class).collect()
}

struct Bench {
    model: Model,
    terminal: Terminal<TestBackend>,
    asked: Vec<Effect>,
    times: BTreeMap<&'static str, Vec<Duration>>,
}

impl Bench {
    fn event(&mut self, what: &'static str, event: Event) {
        let began = Instant::now();
        let effects = update(&mut self.model, event);
        self.terminal.draw(|frame| draw(&self.model, frame)).expect("nothing is written");
        self.times.entry(what).or_default().push(began.elapsed());
        self.asked.extend(effects);
    }

    fn key(&mut self, what: &'static str, code: KeyCode) {
        self.event(what, Event::Key(KeyEvent::from(code)));
    }

    fn answer(&mut self, what: &'static str, wanted: impl Fn(&Ask) -> bool, names: &[ClassName]) {
        let id = self.asked.iter().rev().find_map(|effect| match effect {
            Effect::Ask { id, ask, .. } if wanted(ask) => Some(*id),
            _ => None,
        });
        let id = id.expect("it was asked");
        let parts: Vec<&[ClassName]> = names.chunks(256).collect();
        for (n, part) in parts.iter().enumerate() {
            self.event(what, Event::Answer(id, Answer::Classes(part.to_vec(), n + 1 == parts.len())));
        }
    }
}

fn main() {
    let mut longest = Duration::ZERO;
    for (shape, deep) in [("four levels", true), ("all below one", false)] {
        let options = Options { hosts: vec![("bench".into(), r"root\cimv2".into())], ..Options::default() };
        let (model, asked) = Model::new(options, SIZE);
        let terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a buffer");
        let mut bench = Bench { model, terminal, asked, times: BTreeMap::new() };
        let names = names(deep);
        bench.answer("answer: names below", |ask| matches!(ask, Ask::Subclasses(None)), &names[..1]);
        if !deep {
            // As it comes without a search: 20,000 below the class that is unfolded.
            bench.key("unfold", KeyCode::Right);
            bench.answer("answer: names below", |ask| matches!(ask, Ask::Subclasses(Some(_))), &names[1..]);
            (0..50).for_each(|_| bench.key("move", KeyCode::Down));
            bench.key("End, Home", KeyCode::End);
            bench.key("End, Home", KeyCode::Home);
        }
        bench.key("search: open", KeyCode::Char('/'));
        "net".chars().for_each(|c| bench.key("search: a letter", KeyCode::Char(c)));
        bench.answer("answer: names of all", |ask| matches!(ask, Ask::AllClasses), &names);
        (0..3).for_each(|_| bench.key("search: a letter", KeyCode::Backspace));
        "bench_disk_1".chars().for_each(|c| bench.key("search: a letter", KeyCode::Char(c)));
        (0..50).for_each(|_| bench.key("search: move", KeyCode::Down));
        (0..20).for_each(|_| bench.key("search: move", KeyCode::PageDown));
        bench.key("search: go to it", KeyCode::Enter);
        bench.key("Tab", KeyCode::Tab);
        (0..20).for_each(|_| bench.key("move", KeyCode::Up));
        bench.key("End, Home", KeyCode::Home);
        // Unfolds whatever comes, until thousands of lines are open.
        for _ in 0..300 {
            bench.key("unfold", KeyCode::Right);
            bench.key("move", KeyCode::Down);
        }
        (0..50).for_each(|_| bench.key("move", KeyCode::PageDown));
        bench.key("End, Home", KeyCode::End);
        (0..100).for_each(|_| bench.key("fold", KeyCode::Left));
        println!("{CLASSES} classes, {shape}, {} x {}", SIZE.0, SIZE.1);
        for (what, times) in &mut bench.times {
            times.sort_unstable();
            let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
            println!("  {what:<22} {:>5} times, median {median:>10.1?}, longest {most:>10.1?}", times.len());
            longest = longest.max(most);
        }
    }
    println!("longest of all: {longest:.1?}");
    if LIMIT < longest {
        eprintln!("a key took longer than {LIMIT:?}");
        std::process::exit(1);
    }
}
