//! What is on the screen and what keys and answers make of it: no sockets, no clock, no terminal.

mod class;
mod classes;
mod form;
mod hosts;
mod namespaces;
mod object;
mod popup;
mod rows;
mod table;
mod watch;

pub(crate) use class::{ClassPane, Tab, origin, qualifier_text};
pub(crate) use classes::{Classes, Focus, Search};
pub(crate) use form::{Field, Form, Given};
pub(crate) use hosts::{HostState, Hosts};
pub(crate) use namespaces::Namespaces;
pub(crate) use object::ObjectScreen;
pub(crate) use popup::Popup;
pub(crate) use rows::{Fault, Fetch, RowsScreen};
pub(crate) use table::{Table, cell};
pub(crate) use watch::{Seen, WatchScreen};

use crate::editor::History;
use crate::event::{Answer, Ask, Effect, Event, Id, Trouble};
use crate::layout;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use rwmi_cim::Class;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Places that are remembered for going back.
const PLACES_MAX: usize = 64;

/// Classes that are remembered.
const CLASSES_MAX: usize = 512;

/// Where to begin, and what may be done.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The computers, and the namespace to begin with on each.
    pub hosts: Vec<(String, String)>,
    /// Whether copying writes to the clipboard of the terminal (OSC 52).
    pub clipboard: bool,
    /// Without colours.
    pub plain: bool,
}

/// Everything that is shown.
#[derive(Debug)]
pub struct Model {
    pub(crate) shared: Shared,
    pub(crate) places: Vec<Place>,
    pub(crate) at: usize,
}

/// A screen, and whose it is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) id: u64,
    pub(crate) host: String,
    pub(crate) namespace: String,
    pub(crate) screen: Screen,
    entered: bool,
}

#[derive(Debug)]
pub(crate) enum Screen {
    Hosts(Hosts),
    Namespaces(Namespaces),
    Classes(Box<Classes>),
    Rows(Box<RowsScreen>),
    Object(Box<ObjectScreen>),
    Form(Box<Form>),
    Watch(Box<WatchScreen>),
}

/// What all screens use.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) size: (u16, u16),
    pub(crate) now: u64,
    pub(crate) popup: Option<Popup>,
    pub(crate) message: Option<Message>,
    pub(crate) tasks: BTreeMap<Id, Task>,
    pub(crate) queries: History,
    pub(crate) watches: History,
    pub(crate) hosts: HashMap<String, HostState>,
    classes: HashMap<(String, String, String), Arc<Class>>,
    next: u64,
    effects: Vec<Effect>,
    go: Vec<Go>,
}

/// A question that is under way.
#[derive(Debug)]
pub(crate) struct Task {
    place: u64,
    pub(crate) label: String,
    /// Whether somebody waits for it now; an enumeration between two pages and a subscription wait for us.
    pub(crate) busy: bool,
}

/// A line or two above the keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    Said(String),
    Failed(Trouble),
}

/// Where to go.
#[derive(Debug)]
pub(crate) enum Go {
    Open(Screen),
    OpenIn { namespace: String, screen: Screen },
    OpenAt { host: String, namespace: String, screen: Screen },
    Kind(Kind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Hosts,
    Namespaces,
    Classes,
}

/// What a screen is given with each event: what all share, and where it is.
pub(crate) struct Ctx<'a> {
    pub(crate) s: &'a mut Shared,
    place: u64,
    pub(crate) host: &'a str,
    pub(crate) namespace: &'a str,
}

impl Ctx<'_> {
    /// Asks; the label says what is being done.
    pub(crate) fn ask(&mut self, label: impl Into<String>, ask: Ask) -> Id {
        let (host, namespace) = (self.host.to_owned(), self.namespace.to_owned());
        self.ask_of(host, namespace, label, ask)
    }

    /// The same of another computer.
    pub(crate) fn ask_of(&mut self, host: String, namespace: String, label: impl Into<String>, ask: Ask) -> Id {
        self.s.next += 1;
        let id = self.s.next;
        self.s.tasks.insert(id, Task { place: self.place, label: label.into(), busy: true });
        self.s.effects.push(Effect::Ask { id, host, namespace, ask });
        id
    }

    pub(crate) fn more(&mut self, id: Id, rows: usize) {
        if let Some(task) = self.s.tasks.get_mut(&id) {
            task.busy = true;
            self.s.effects.push(Effect::More(id, rows));
        }
    }

    /// Nobody waits for it now.
    pub(crate) fn rest(&mut self, id: Id) {
        if let Some(task) = self.s.tasks.get_mut(&id) {
            task.busy = false;
        }
    }

    pub(crate) fn cancel(&mut self, id: Option<Id>) {
        if let Some(id) = id.filter(|id| self.s.tasks.remove(id).is_some()) {
            self.s.effects.push(Effect::Cancel(id));
        }
    }

    pub(crate) fn forget(&mut self) {
        self.forget_host(self.host);
    }

    pub(crate) fn forget_host(&mut self, host: &str) {
        self.s.effects.push(Effect::Forget(host.to_owned()));
    }

    pub(crate) fn open(&mut self, screen: Screen) {
        self.s.go.push(Go::Open(screen));
    }

    pub(crate) fn go(&mut self, go: Go) {
        self.s.go.push(go);
    }

    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.s.message = Some(Message::Said(text.into()));
    }

    pub(crate) fn fail(&mut self, trouble: Trouble) {
        self.s.message = Some(Message::Failed(trouble));
    }

    /// Copies a text, or shows it where the clipboard is not to be written to.
    pub(crate) fn copy(&mut self, what: &str, text: String) {
        if self.s.options.clipboard {
            self.say(format!("copied {what}"));
            self.s.effects.push(Effect::Copy(text));
        } else {
            self.s.popup = Some(Popup::text(format!("{what} (the clipboard is off: --clipboard)"), text));
        }
    }

    pub(crate) fn class(&self, name: &str) -> Option<Arc<Class>> {
        self.s.classes.get(&self.class_key(name)).cloned()
    }

    pub(crate) fn keep_class(&mut self, class: &Arc<Class>) {
        if CLASSES_MAX <= self.s.classes.len() {
            self.s.classes.clear();
        }
        self.s.classes.insert(self.class_key(&class.name), class.clone());
    }

    pub(crate) fn forget_class(&mut self, name: &str) {
        self.s.classes.remove(&self.class_key(name));
    }

    fn class_key(&self, name: &str) -> (String, String, String) {
        (self.host.to_owned(), self.namespace.to_lowercase(), name.to_lowercase())
    }

    /// The part of the terminal that the screen has.
    pub(crate) fn body(&self) -> Rect {
        layout::frame(self.s).body
    }
}

impl Screen {
    fn act(&mut self) -> &mut dyn Act {
        match self {
            Screen::Hosts(s) => s,
            Screen::Namespaces(s) => s,
            Screen::Classes(s) => &mut **s,
            Screen::Rows(s) => &mut **s,
            Screen::Object(s) => &mut **s,
            Screen::Form(s) => &mut **s,
            Screen::Watch(s) => &mut **s,
        }
    }

    fn seen(&self) -> &dyn Act {
        match self {
            Screen::Hosts(s) => s,
            Screen::Namespaces(s) => s,
            Screen::Classes(s) => &**s,
            Screen::Rows(s) => &**s,
            Screen::Object(s) => &**s,
            Screen::Form(s) => &**s,
            Screen::Watch(s) => &**s,
        }
    }
}

/// What a screen does with what happens.
pub(crate) trait Act {
    /// It is seen for the first time.
    fn enter(&mut self, _: &mut Ctx<'_>) {}
    /// A key; whether it was taken.
    fn key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool;
    /// A text was pasted.
    fn paste(&mut self, _: &str, _: &mut Ctx<'_>) {}
    /// Escape; whether there was something to leave.
    fn escape(&mut self, _: &mut Ctx<'_>) -> bool {
        false
    }
    /// An answer to one of its questions.
    fn answer(&mut self, id: Id, answer: Answer, c: &mut Ctx<'_>);
    /// Its questions were cancelled.
    fn stopped(&mut self, _: &mut Ctx<'_>) {}
    /// Somebody said yes.
    fn confirmed(&mut self, _: &mut Ctx<'_>) {}
    /// Time went by. Whether it wants to hear of more.
    fn tick(&mut self, _: &mut Ctx<'_>) -> bool {
        false
    }
    /// What it is, for the line above.
    fn title(&self) -> String;
    /// Its keys, the most useful first.
    fn keys(&self) -> Vec<(&'static str, &'static str)>;
}

impl Model {
    /// The beginning. One computer begins with its classes, several with the list of them.
    pub fn new(options: Options, size: (u16, u16)) -> (Model, Vec<Effect>) {
        let shared = Shared {
            size,
            now: 0,
            popup: None,
            message: None,
            tasks: BTreeMap::new(),
            queries: History::default(),
            watches: History::default(),
            hosts: HashMap::new(),
            classes: HashMap::new(),
            next: 0,
            effects: Vec::new(),
            go: vec![Go::Open(Screen::Hosts(Hosts::new(&options.hosts)))],
            options,
        };
        let mut model = Model { shared, places: Vec::new(), at: 0 };
        if let [(host, namespace)] = &model.shared.options.hosts[..] {
            let at = |namespace: &str, screen| Go::OpenAt { host: host.clone(), namespace: namespace.to_owned(), screen };
            let namespaces = at(namespace, Screen::Namespaces(Namespaces::new(namespace)));
            let classes = at(namespace, Screen::Classes(Box::default()));
            model.shared.go.extend([namespaces, classes]);
        }
        model.settle();
        let effects = std::mem::take(&mut model.shared.effects);
        (model, effects)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.places[self.at]
    }

    /// Whether time matters now: something turns, or is about to be asked.
    pub fn wants_ticks(&self) -> bool {
        self.is_busy() || matches!(&self.place().screen, Screen::Classes(classes) if classes.is_pending())
    }

    /// Whether somebody waits for an answer of the screen that is shown.
    pub(crate) fn is_busy(&self) -> bool {
        self.work().is_some()
    }

    /// What is being done, the latest.
    pub(crate) fn work(&self) -> Option<&Task> {
        let here = self.place().id;
        self.shared.tasks.values().rev().find(|task| task.busy && task.place == here)
    }

    /// Runs something of the screen that is shown.
    fn here<T>(&mut self, run: impl FnOnce(&mut dyn Act, &mut Ctx<'_>) -> T) -> T {
        let Place { id, host, namespace, screen, .. } = &mut self.places[self.at];
        let mut c = Ctx { s: &mut self.shared, place: *id, host, namespace };
        run(screen.act(), &mut c)
    }

    fn key(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return self.shared.effects.push(Effect::Quit(130)),
            KeyCode::Char('z') if control => return self.shared.effects.push(Effect::Suspend),
            _ => {}
        }
        if let Some(popup) = self.shared.popup.take() {
            return self.popup_key(popup, key);
        }
        if key.code == KeyCode::Esc {
            return self.escape();
        }
        self.shared.message = None;
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Left if alt => return self.step(false),
            KeyCode::Right if alt => return self.step(true),
            KeyCode::F(1) => return self.shared.popup = Some(Popup::help()),
            _ => {}
        }
        if self.here(|screen, c| screen.key(key, c)) || control || alt {
            return;
        }
        match key.code {
            KeyCode::Char('?') => self.shared.popup = Some(Popup::help()),
            KeyCode::Char('q') => self.shared.effects.push(Effect::Quit(0)),
            KeyCode::Backspace | KeyCode::Char('[') => self.step(false),
            KeyCode::Char(']') => self.step(true),
            KeyCode::Char('h') => self.shared.go.push(Go::Kind(Kind::Hosts)),
            KeyCode::Char('n') => self.shared.go.push(Go::Kind(Kind::Namespaces)),
            KeyCode::Char('t') => self.shared.go.push(Go::Kind(Kind::Classes)),
            KeyCode::Char('w') if self.has_namespace() => self.shared.go.push(Go::Open(Screen::Rows(Box::new(RowsScreen::empty())))),
            KeyCode::Char('e') if self.has_namespace() => self.shared.go.push(Go::Open(Screen::Watch(Box::new(WatchScreen::new(None))))),
            _ => {}
        }
    }

    fn has_namespace(&self) -> bool {
        !matches!(self.place().screen, Screen::Hosts(_))
    }

    fn popup_key(&mut self, mut popup: Popup, key: KeyEvent) {
        let (height, width) = (self.shared.size.1, self.shared.size.0);
        match popup.key(key, width, height) {
            popup::Next::Stay => self.shared.popup = Some(popup),
            popup::Next::Close => {}
            popup::Next::Yes => self.here(|screen, c| screen.confirmed(c)),
            popup::Next::Open(screen) => self.shared.go.push(Go::Open(*screen)),
        }
    }

    fn escape(&mut self) {
        let was_told = self.shared.message.take().is_some();
        if self.here(|screen, c| screen.escape(c)) {
            return;
        }
        let here = self.place().id;
        let running: Vec<Id> = self.shared.tasks.iter().filter(|(_, task)| task.place == here && task.busy).map(|(id, _)| *id).collect();
        if running.is_empty() {
            if !was_told {
                self.shared.message = Some(Message::Said("nothing to stop; Backspace goes back, q ends".into()));
            }
            return;
        }
        for id in running {
            self.shared.tasks.remove(&id);
            self.shared.effects.push(Effect::Cancel(id));
        }
        self.shared.message = Some(Message::Said("stopped".into()));
        self.here(|screen, c| screen.stopped(c));
    }

    /// Back or forward.
    fn step(&mut self, forward: bool) {
        let at = if forward { self.at + 1 } else { self.at.wrapping_sub(1) };
        if at < self.places.len() {
            self.at = at;
        } else {
            self.shared.message = Some(Message::Said(if forward { "nothing further on" } else { "nothing before this" }.into()));
        }
    }

    /// Goes where it was decided to go, and asks what is wanted there.
    fn settle(&mut self) {
        for go in std::mem::take(&mut self.shared.go) {
            let (host, namespace) = self.places.get(self.at).map_or_else(Default::default, |p| (p.host.clone(), p.namespace.clone()));
            match go {
                Go::Open(screen) => self.push(host, namespace, screen),
                Go::OpenIn { namespace, screen } => self.push(host, namespace, screen),
                Go::OpenAt { host, namespace, screen } => self.push(host, namespace, screen),
                Go::Kind(kind) => self.show_kind(kind, host, namespace),
            }
        }
        if !self.places[self.at].entered {
            self.places[self.at].entered = true;
            self.here(|screen, c| screen.enter(c));
        }
        // So that it is known whether time matters.
        self.here(|screen, c| screen.tick(c));
    }

    fn show_kind(&mut self, kind: Kind, host: String, namespace: String) {
        if kind != Kind::Hosts && host.is_empty() {
            return;
        }
        let fits = |place: &Place| match (&place.screen, kind) {
            (Screen::Hosts(_), Kind::Hosts) => true,
            (Screen::Namespaces(_), Kind::Namespaces) => place.host == host,
            (Screen::Classes(_), Kind::Classes) => place.host == host && place.namespace.eq_ignore_ascii_case(&namespace),
            _ => false,
        };
        if fits(self.place()) {
            return;
        }
        if let Some(at) = self.places[..self.at].iter().rposition(fits) {
            self.at = at;
            return;
        }
        let screen = match kind {
            Kind::Hosts => Screen::Hosts(Hosts::new(&self.shared.options.hosts)),
            Kind::Namespaces => Screen::Namespaces(Namespaces::new(&namespace)),
            Kind::Classes => Screen::Classes(Box::default()),
        };
        self.push(host, namespace, screen);
    }

    fn push(&mut self, host: String, namespace: String, screen: Screen) {
        let kept = if self.places.is_empty() { 0 } else { self.at + 1 };
        let mut gone: Vec<Place> = self.places.drain(kept..).collect();
        if PLACES_MAX <= self.places.len() {
            gone.push(self.places.remove(0));
        }
        for place in gone {
            self.drop_tasks(place.id);
        }
        self.shared.next += 1;
        self.places.push(Place { id: self.shared.next, host, namespace, screen, entered: false });
        self.at = self.places.len() - 1;
    }

    fn drop_tasks(&mut self, place: u64) {
        let its: Vec<Id> = self.shared.tasks.iter().filter(|(_, t)| t.place == place).map(|(id, _)| *id).collect();
        for id in its {
            self.shared.tasks.remove(&id);
            self.shared.effects.push(Effect::Cancel(id));
        }
    }

    fn answer(&mut self, id: Id, answer: Answer) {
        // Of what was cancelled something may still be on its way.
        let Some(task) = self.shared.tasks.get(&id) else { return };
        let Some(at) = self.places.iter().position(|place| place.id == task.place) else { return };
        let is_last = match &answer {
            Answer::Classes(_, last) | Answer::Rows(_, last) => *last,
            Answer::Page | Answer::Watching | Answer::Event(_) | Answer::Disturbed(_) => false,
            _ => true,
        };
        if is_last {
            self.shared.tasks.remove(&id);
        }
        let told = self.shared.message.clone();
        let Place { id: place, host, namespace, screen, .. } = &mut self.places[at];
        let mut c = Ctx { s: &mut self.shared, place: *place, host, namespace };
        screen.act().answer(id, answer, &mut c);
        if at != self.at {
            // What is told belongs to what is shown.
            self.shared.message = told;
            self.shared.go.clear();
        }
    }
}

/// What an event makes of the model, and what is to be done then.
pub fn update(model: &mut Model, event: Event) -> Vec<Effect> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => {}
        Event::Key(key) => model.key(key),
        Event::Paste(text) => model.here(|screen, c| {
            if c.s.popup.is_none() {
                screen.paste(&text, c);
            }
        }),
        Event::Resize(width, height) => model.shared.size = (width, height),
        Event::Tick(now) => model.shared.now = now,
        Event::Answer(id, answer) => model.answer(id, answer),
    }
    model.settle();
    std::mem::take(&mut model.shared.effects)
}

impl Place {
    pub(crate) fn title(&self) -> String {
        self.screen.seen().title()
    }

    pub(crate) fn keys(&self) -> Vec<(&'static str, &'static str)> {
        self.screen.seen().keys()
    }
}
