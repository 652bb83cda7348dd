//! The classes of a namespace as a tree, and one of them beside it.

use super::{Act, ClassPane, Ctx, RowsScreen, Screen, WatchScreen};
use crate::editor::Editor;
use crate::event::{Answer, Ask, ClassName, Id};
use crate::layout;
use crate::list::List;
use crate::tree::{Below, NODES_MAX, NodeId, Tree};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

/// Which side has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Focus {
    #[default]
    Tree,
    Class,
}

#[derive(Debug, Default)]
pub(crate) struct Classes {
    pub(crate) tree: Tree,
    /// What is being loaded: below which class, by its name, for the tree may be replaced meanwhile.
    asked: Vec<(Id, Option<String>)>,
    pub(crate) search: Option<Search>,
    /// All names, in order, once somebody searched.
    pub(crate) names: Vec<Name>,
    names_asked: Option<Id>,
    pub(crate) names_known: bool,
    pub(crate) pane: ClassPane,
    pub(crate) focus: Focus,
    /// A class to go to as soon as what is above it is known.
    wanted: Option<String>,
}

/// The name of a class for searching.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    lower: String,
    pub(crate) class: ClassName,
}

/// A search for a class by parts of its name.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) editor: Editor,
    /// Places in the names: those that begin so first, then those with a word that does, then the others.
    pub(crate) found: Vec<u32>,
    pub(crate) list: List,
}

impl Search {
    fn run(&mut self, names: &[Name]) {
        let wanted = self.editor.text().to_lowercase();
        let mut words = wanted.split_whitespace();
        let first = words.next().unwrap_or_default();
        let others: Vec<&str> = words.collect();
        let (mut starts, mut begins, mut holds) = (Vec::new(), Vec::new(), Vec::new());
        for (at, name) in (0u32..).zip(names) {
            let lower = name.lower.as_str();
            let Some(place) = lower.find(first) else { continue };
            if !others.iter().all(|word| lower.contains(word)) {
                continue;
            }
            let at_word = place != 0 && lower.as_bytes()[place - 1] == b'_';
            if place == 0 {
                &mut starts
            } else if at_word {
                &mut begins
            } else {
                &mut holds
            }
            .push(at);
        }
        starts.append(&mut begins);
        starts.append(&mut holds);
        self.found = starts;
    }
}

impl Classes {
    /// Shown with this class at first.
    pub(crate) fn at(class: &str) -> Classes {
        Classes { wanted: Some(class.to_owned()), focus: Focus::Class, ..Classes::default() }
    }

    /// Whether time matters.
    pub(crate) fn is_pending(&self) -> bool {
        self.pane.is_pending()
    }

    fn tree_height(&self, c: &Ctx<'_>) -> usize {
        let area = layout::classes(c.body(), Focus::Tree).0.map(layout::inner).unwrap_or_default();
        usize::from(area.height).saturating_sub(usize::from(self.search.is_some()))
    }

    fn pane_area(&self, c: &Ctx<'_>) -> Rect {
        layout::classes(c.body(), Focus::Class).1.unwrap_or_default()
    }

    fn load(&mut self, parent: Option<NodeId>, c: &mut Ctx<'_>) {
        let name = parent.map(|id| self.tree.node(id).name.clone());
        match parent {
            Some(id) => self.tree.node_mut(id).below = Below::Loading,
            None => self.tree.top_below = Below::Loading,
        }
        let label = name.as_deref().map_or("classes".into(), |name| format!("classes below {name}"));
        let id = c.ask(label, Ask::Subclasses(name.clone()));
        self.asked.push((id, name));
    }

    fn unfold(&mut self, node: NodeId, c: &mut Ctx<'_>) {
        if self.tree.node(node).below == Below::Unknown {
            self.load(Some(node), c);
        }
        self.tree.set_open(node, true);
    }

    /// Shows beside the tree what the cursor is on.
    fn follow(&mut self, c: &mut Ctx<'_>) {
        let height = self.tree_height(c);
        let len = self.tree.lines().len();
        self.tree.list.settle(len, height);
        if self.wanted.is_some() {
            return;
        }
        let name = match &self.search {
            Some(search) => search.found.get(search.list.cursor).map(|at| self.names[*at as usize].class.name.clone()),
            None => self.tree.selected().map(|id| self.tree.node(id).name.clone()),
        };
        if let Some(name) = name {
            self.pane.want(&name, c);
        }
    }

    fn search(&mut self, c: &mut Ctx<'_>) {
        self.search = Some(Search::default());
        self.focus = Focus::Tree;
        self.need_names(c);
        self.find(c);
    }

    fn need_names(&mut self, c: &mut Ctx<'_>) {
        if !self.names_known && self.names_asked.is_none() {
            self.names.clear();
            self.names_asked = Some(c.ask("names of all classes", Ask::AllClasses));
        }
    }

    fn find(&mut self, c: &mut Ctx<'_>) {
        let height = self.tree_height(c);
        if let Some(search) = &mut self.search {
            search.run(&self.names);
            search.list = List::default();
            search.list.settle(search.found.len(), height);
        }
        self.follow(c);
    }

    /// Puts the cursor on a class, where all above it is known; else later.
    fn go_to(&mut self, name: &str, c: &mut Ctx<'_>) {
        self.pane.want(name, c);
        self.pane.ask(c);
        match self.tree.find(name) {
            Some(node) => {
                self.wanted = None;
                self.tree.reveal(node);
                self.follow(c);
            }
            None if !self.names_known => {
                self.wanted = Some(name.to_owned());
                self.need_names(c);
            }
            None => self.wanted = None,
        }
    }

    fn add_names(&mut self, classes: Vec<ClassName>) {
        let room = NODES_MAX.saturating_sub(self.names.len());
        self.names.extend(classes.into_iter().take(room).map(|class| Name { lower: class.name.to_lowercase(), class }));
        self.names.sort_by(|a, b| a.lower.cmp(&b.lower));
    }

    fn tree_key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        let height = self.tree_height(c);
        let len = self.tree.lines().len();
        if self.tree.list.key(key, len, height) {
            self.follow(c);
            return true;
        }
        let Some(node) = self.tree.selected() else { return false };
        match key.code {
            KeyCode::Right | KeyCode::Char('+') => self.unfold(node, c),
            KeyCode::Left | KeyCode::Char('-') if self.tree.node(node).open => self.tree.set_open(node, false),
            KeyCode::Left => self.tree.go_up(),
            KeyCode::Enter => {
                self.pane.ask(c);
                self.focus = Focus::Class;
            }
            _ => return false,
        }
        self.follow(c);
        true
    }

    /// Keys of both sides.
    fn common_key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        match key.code {
            KeyCode::Char('/') => self.search(c),
            KeyCode::Tab | KeyCode::BackTab => {
                self.focus = if self.focus == Focus::Tree { Focus::Class } else { Focus::Tree };
            }
            KeyCode::Char('i') if !self.pane.wanted.is_empty() => {
                c.open(Screen::Rows(Box::new(RowsScreen::instances(&self.pane.wanted))));
            }
            KeyCode::Char('e') if !self.pane.wanted.is_empty() => {
                let of = self.pane.class.clone();
                let is_event = of.as_ref().is_some_and(|class| class.is_a("__Event"));
                c.open(Screen::Watch(Box::new(WatchScreen::new(Some((&self.pane.wanted, is_event))))));
            }
            KeyCode::Char('m') => {
                self.focus = Focus::Class;
                self.pane.tab = super::Tab::Methods;
                self.pane.ask(c);
            }
            KeyCode::Char('o') => {
                self.focus = Focus::Class;
                self.pane.tab = super::Tab::Mof;
                self.pane.ask(c);
            }
            KeyCode::Char('y') => {
                let wanted = self.pane.wanted.clone();
                c.copy("path", format!("\\\\{}\\{}:{wanted}", c.host, c.namespace));
            }
            KeyCode::Char('r') => self.reload(c),
            _ => return false,
        }
        true
    }

    fn reload(&mut self, c: &mut Ctx<'_>) {
        for (id, _) in std::mem::take(&mut self.asked) {
            c.cancel(Some(id));
        }
        c.cancel(self.names_asked.take());
        let wanted = self.pane.wanted.clone();
        c.forget_class(&wanted);
        c.forget();
        let (tab, focus) = (self.pane.tab, self.focus);
        *self = Classes { focus, ..Classes::default() };
        self.pane.tab = tab;
        self.load(None, c);
        if !wanted.is_empty() {
            self.wanted = Some(wanted.clone());
            self.pane.want(&wanted, c);
        }
    }
}

impl Act for Classes {
    fn enter(&mut self, c: &mut Ctx<'_>) {
        self.load(None, c);
        if let Some(wanted) = self.wanted.clone() {
            self.pane.want(&wanted, c);
            self.pane.ask(c);
        }
    }

    fn paste(&mut self, text: &str, c: &mut Ctx<'_>) {
        if let Some(search) = &mut self.search {
            search.editor.insert(text);
            self.find(c);
        }
    }

    fn key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        let height = self.tree_height(c);
        if let Some(search) = &mut self.search {
            match key.code {
                KeyCode::Enter | KeyCode::Tab => {
                    let name = search.found.get(search.list.cursor).map(|at| self.names[*at as usize].class.name.clone());
                    if let Some(name) = name {
                        self.search = None;
                        self.focus = if key.code == KeyCode::Enter { Focus::Class } else { Focus::Tree };
                        self.go_to(&name, c);
                    }
                }
                KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => {
                    search.list.key(key, search.found.len(), height);
                    self.follow(c);
                }
                _ => {
                    let before = search.editor.text().to_owned();
                    search.editor.key(key);
                    if search.editor.text() != before {
                        self.find(c);
                    }
                }
            }
            return true;
        }
        if self.focus == Focus::Class {
            let area = self.pane_area(c);
            if self.pane.key(key, area, c) {
                return true;
            }
        } else if self.tree_key(key, c) {
            return true;
        }
        self.common_key(key, c)
    }

    fn escape(&mut self, c: &mut Ctx<'_>) -> bool {
        if self.search.take().is_some() {
            self.follow(c);
            return true;
        }
        false
    }

    fn answer(&mut self, id: Id, answer: Answer, c: &mut Ctx<'_>) {
        if self.pane.answer(id, &answer, c) {
            return;
        }
        if self.names_asked == Some(id) {
            match answer {
                Answer::Classes(classes, last) => {
                    self.add_names(classes);
                    if last {
                        self.names_asked = None;
                        self.names_known = true;
                        for (id, _) in std::mem::take(&mut self.asked) {
                            c.cancel(Some(id));
                        }
                        let all: Vec<ClassName> = self.names.iter().map(|n| n.class.clone()).collect();
                        self.tree.complete(&all);
                    }
                    let height = self.tree_height(c);
                    if let Some(search) = &mut self.search {
                        let on = search.found.get(search.list.cursor).copied().filter(|_| search.list.cursor != 0);
                        search.run(&self.names);
                        // The cursor of whoever began to walk stays where it is, as far as it can.
                        search.list.cursor = if on.is_some() { search.list.cursor } else { 0 };
                        search.list.settle(search.found.len(), height);
                    }
                    if last && let Some(wanted) = self.wanted.take() {
                        self.go_to(&wanted, c);
                    }
                    self.follow(c);
                }
                Answer::Failed(trouble) => {
                    self.names_asked = None;
                    self.wanted = None;
                    c.fail(trouble);
                }
                _ => {}
            }
            return;
        }
        let Some(at) = self.asked.iter().position(|(asked, _)| *asked == id) else { return };
        let parent = self.asked[at].1.as_deref().and_then(|name| self.tree.find(name));
        match answer {
            Answer::Classes(classes, last) => {
                self.tree.add(parent, classes.into_iter().map(|class| class.name));
                if last {
                    self.asked.remove(at);
                    match parent {
                        Some(node) => self.tree.node_mut(node).below = Below::Known,
                        None => self.tree.top_below = Below::Known,
                    }
                }
                self.tree.reshape();
                if parent.is_none()
                    && last
                    && let Some(wanted) = self.wanted.clone()
                {
                    self.go_to(&wanted, c);
                }
            }
            Answer::Failed(trouble) => {
                let is_top = self.asked.remove(at).1.is_none();
                match parent {
                    Some(node) => {
                        self.tree.node_mut(node).below = Below::Unknown;
                        self.tree.set_open(node, false);
                    }
                    None if is_top => self.tree.top_below = Below::Unknown,
                    None => {}
                }
                c.fail(trouble);
            }
            _ => {}
        }
        self.follow(c);
    }

    fn stopped(&mut self, _: &mut Ctx<'_>) {
        for (_, name) in std::mem::take(&mut self.asked) {
            match name.and_then(|name| self.tree.find(&name)) {
                Some(node) => {
                    self.tree.node_mut(node).below = Below::Unknown;
                    self.tree.set_open(node, false);
                }
                None => self.tree.top_below = Below::Unknown,
            }
        }
        self.names_asked = None;
        self.wanted = None;
        self.pane.stopped();
    }

    fn tick(&mut self, c: &mut Ctx<'_>) -> bool {
        self.pane.tick(c);
        self.pane.is_pending()
    }

    fn title(&self) -> String {
        if self.pane.wanted.is_empty() { "classes".into() } else { self.pane.wanted.clone() }
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        if self.search.is_some() {
            return vec![("Enter", "open"), ("↑↓", "choose"), ("Esc", "leave the search")];
        }
        match self.focus {
            Focus::Tree => vec![
                ("/", "search"),
                ("Enter", "class"),
                ("←→", "fold"),
                ("i", "instances"),
                ("m", "methods"),
                ("e", "events"),
                ("w", "query"),
                ("n", "namespaces"),
                ("?", "help"),
                ("q", "quit"),
            ],
            Focus::Class => {
                let mut keys =
                    vec![("Tab", "tree"), ("1-4", "pages"), ("i", "instances"), ("/", "search"), ("e", "events"), ("w", "query")];
                if self.pane.tab == super::Tab::Methods {
                    keys.insert(0, ("Enter", "call"));
                }
                keys.extend([("y", "copy"), ("?", "help"), ("q", "quit")]);
                keys
            }
        }
    }
}
