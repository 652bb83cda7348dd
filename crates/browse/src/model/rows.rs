//! A query and its rows, a page at a time; the instances of a class are the query for all of them.

use super::table::{ROWS_MAX, Table, path};
use super::{Act, Classes, Ctx, ObjectScreen, Screen};
use crate::editor::{Editor, Recall};
use crate::event::{Answer, Ask, Id, Trouble};
use crate::layout;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use rwmi_cim::{Entity, wql};

/// Rows of a page.
pub(crate) const PAGE: usize = 200;

/// Where the fetching is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fetch {
    /// Nothing was asked.
    #[default]
    Idle,
    /// Rows are on their way.
    Busy,
    /// A page is complete, and the server has more.
    Paused,
    /// All rows are there.
    Whole,
    /// Somebody stopped it.
    Stopped,
    /// It failed behind the rows that are there.
    Failed,
}

/// What is wrong with a query, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) span: std::ops::Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Fault {
    pub(crate) fn new(error: &wql::QueryError) -> Fault {
        Fault { span: error.diag.span.clone(), message: error.diag.message.clone(), help: error.diag.help.clone() }
    }

    /// Lines below the text.
    pub(crate) fn lines(&self) -> u16 {
        1 + u16::from(self.help.is_some())
    }
}

#[derive(Debug, Default)]
pub(crate) struct RowsScreen {
    pub(crate) editor: Editor,
    recall: Recall,
    pub(crate) is_editing: bool,
    pub(crate) fault: Option<Fault>,
    pub(crate) table: Table,
    pub(crate) fetch: Fetch,
    asked: Option<Id>,
    /// The query whose rows are shown.
    shown: String,
    /// A method that is to be called on the row that is chosen.
    pub(crate) choosing: Option<String>,
    of_class: Option<String>,
    starts: bool,
}

impl RowsScreen {
    /// To write a query.
    pub(crate) fn empty() -> RowsScreen {
        RowsScreen { editor: Editor::new("SELECT * FROM "), is_editing: true, ..RowsScreen::default() }
    }

    pub(crate) fn query(text: impl Into<String>) -> RowsScreen {
        RowsScreen { editor: Editor::new(text), starts: true, ..RowsScreen::default() }
    }

    pub(crate) fn instances(class: &str) -> RowsScreen {
        RowsScreen { of_class: Some(class.to_owned()), ..RowsScreen::query(format!("SELECT * FROM {class}")) }
    }

    pub(crate) fn choosing(class: &str, method: &str) -> RowsScreen {
        RowsScreen { choosing: Some(method.to_owned()), ..RowsScreen::instances(class) }
    }

    /// The line and the rows.
    pub(crate) fn parts(&self, body: Rect) -> (Rect, Rect) {
        layout::edited(body, self.fault.as_ref().map_or(0, Fault::lines))
    }

    /// Lines of rows: inside of the frame, without the heading.
    fn height(&self, c: &Ctx<'_>) -> usize {
        usize::from(layout::inner(self.parts(c.body()).1).height).saturating_sub(1)
    }

    fn run(&mut self, c: &mut Ctx<'_>) {
        let text = self.editor.text().trim().to_owned();
        if text.is_empty() {
            return;
        }
        c.s.queries.add(&text);
        self.recall.done();
        c.cancel(self.asked.take());
        let named = match wql::parse(&text) {
            Err(error) => {
                // Where it stands in what is edited, blanks before it counted.
                let blanks = self.editor.text().len() - self.editor.text().trim_start().len();
                let fault = Fault::new(&error);
                self.fault = Some(Fault { span: fault.span.start + blanks..fault.span.end + blanks, ..fault });
                return;
            }
            Ok(wql::Query::Event(_)) => {
                let message = "a query for events: e watches them".to_owned();
                self.fault = Some(Fault { span: 0..0, message, help: None });
                return;
            }
            Ok(wql::Query::Select(select)) => match &select.columns {
                wql::Columns::All => None,
                wql::Columns::List(list) => Some(list.iter().filter_map(|p| p.single()).map(|n| n.text.clone()).collect()),
            },
            Ok(_) => None,
        };
        self.fault = None;
        self.table = Table { named, ..Table::default() };
        self.fetch = Fetch::Busy;
        self.is_editing = false;
        self.shown.clone_from(&text);
        self.asked = Some(c.ask("rows", Ask::Rows(text, PAGE)));
    }

    /// Asks for the next page when the cursor comes near the end.
    fn go_on(&mut self, c: &mut Ctx<'_>) {
        let near = self.table.list.cursor + 2 * self.height(c) >= self.table.rows.len();
        if self.fetch == Fetch::Paused && near {
            self.more(PAGE, c);
        }
    }

    fn more(&mut self, rows: usize, c: &mut Ctx<'_>) {
        if let Some(id) = self.asked.filter(|_| self.fetch == Fetch::Paused) {
            self.fetch = Fetch::Busy;
            c.more(id, rows);
        }
    }

    fn edit_key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        match key.code {
            KeyCode::Enter => self.run(c),
            KeyCode::Tab | KeyCode::BackTab => self.is_editing = false,
            _ => match self.recall.key(key, &mut self.editor, &c.s.queries) {
                None => return false,
                Some(true) => self.fault = None,
                Some(false) => {}
            },
        }
        true
    }

    fn choose(&mut self, c: &mut Ctx<'_>) {
        match self.table.selected() {
            Some(Entity::Class(class)) => c.open(Screen::Classes(Box::new(Classes::at(&class.name)))),
            Some(Entity::Instance(object)) => match (&self.choosing, path(object)) {
                (Some(method), Some(path)) => c.open(Screen::Object(Box::new(ObjectScreen::calling(path, method)))),
                (Some(_), None) => c.fail(Trouble::new("this row has no path: its key is not among what came")),
                (None, _) => c.open(Screen::Object(Box::new(ObjectScreen::of(object.clone())))),
            },
            None => {}
        }
    }

    fn row_path(&self, c: &mut Ctx<'_>) -> Option<String> {
        let found = self.table.selected().and_then(Entity::as_instance).and_then(path);
        if found.is_none() {
            c.fail(Trouble::new("no path: there is no row, or its key is not among what came"));
        }
        found
    }
}

impl Act for RowsScreen {
    fn enter(&mut self, c: &mut Ctx<'_>) {
        if std::mem::take(&mut self.starts) {
            self.run(c);
        }
    }

    fn paste(&mut self, text: &str, _: &mut Ctx<'_>) {
        if self.is_editing {
            self.editor.insert(text);
            self.fault = None;
        }
    }

    fn key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        if self.is_editing {
            return self.edit_key(key, c);
        }
        let height = self.height(c);
        if self.table.list.key(key, self.table.rows.len(), height) {
            self.go_on(c);
            return true;
        }
        match key.code {
            KeyCode::Enter => self.choose(c),
            KeyCode::Left => self.table.step_column(false),
            KeyCode::Right => self.table.step_column(true),
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Char('w') => self.is_editing = true,
            KeyCode::Char('a') => self.more(ROWS_MAX.saturating_sub(self.table.rows.len()), c),
            KeyCode::Char('r') => {
                if !self.shown.is_empty() {
                    c.forget();
                    self.run(c);
                }
            }
            KeyCode::Char('m') => {
                if let Some(path) = self.row_path(c) {
                    c.open(Screen::Object(Box::new(ObjectScreen::methods(path))));
                }
            }
            KeyCode::Char('y') => {
                if let Some(path) = self.row_path(c) {
                    c.copy("path", format!("\\\\{}\\{}:{path}", c.host, c.namespace));
                }
            }
            _ => return false,
        }
        true
    }

    fn escape(&mut self, _: &mut Ctx<'_>) -> bool {
        // Leaves the line, where there is something else to be in.
        let leaves = self.is_editing && (!self.table.rows.is_empty() || self.fetch != Fetch::Idle) && self.fetch != Fetch::Busy;
        if leaves {
            self.is_editing = false;
        }
        leaves
    }

    fn answer(&mut self, id: Id, answer: Answer, c: &mut Ctx<'_>) {
        if self.asked != Some(id) {
            return;
        }
        match answer {
            Answer::Rows(rows, last) => {
                self.table.add(rows);
                if last {
                    self.fetch = Fetch::Whole;
                    self.asked = None;
                }
            }
            Answer::Page => {
                self.fetch = Fetch::Paused;
                c.rest(id);
                if ROWS_MAX <= self.table.rows.len() {
                    c.cancel(self.asked.take());
                    self.fetch = Fetch::Stopped;
                    c.say(format!("{ROWS_MAX} rows are kept and no more; ask for fewer by a WHERE"));
                } else {
                    self.go_on(c);
                }
            }
            Answer::Failed(trouble) => {
                self.fetch = Fetch::Failed;
                self.asked = None;
                // What is wrong is mostly in the query.
                self.is_editing = self.table.rows.is_empty();
                c.fail(trouble);
            }
            Answer::Disturbed(trouble) => c.fail(trouble),
            _ => {}
        }
        let height = self.height(c);
        self.table.list.settle(self.table.rows.len(), height);
    }

    fn stopped(&mut self, _: &mut Ctx<'_>) {
        self.fetch = Fetch::Stopped;
        self.asked = None;
    }

    fn title(&self) -> String {
        match (&self.choosing, &self.of_class) {
            (Some(method), Some(class)) => format!("{class}.{method}: on which instance?"),
            (None, Some(class)) if self.shown == format!("SELECT * FROM {class}") => format!("instances of {class}"),
            _ => "query".into(),
        }
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        if self.is_editing {
            return vec![("Enter", "run"), ("↑↓", "history"), ("Tab", "rows"), ("F1", "help"), ("^C", "quit")];
        }
        let mut keys = vec![("Enter", if self.choosing.is_some() { "call" } else { "open" })];
        if self.fetch == Fetch::Busy {
            keys.push(("Esc", "stop"));
        }
        if self.fetch == Fetch::Paused {
            keys.push(("a", "all rows"));
        }
        keys.extend([("←→", "columns"), ("w", "edit"), ("m", "methods"), ("r", "again"), ("y", "copy path"), ("?", "help"), ("q", "quit")]);
        keys
    }
}
