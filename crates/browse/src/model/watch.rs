//! Events as they come.

use super::{Act, Ctx, Fault, ObjectScreen, Screen};
use crate::editor::{Editor, Recall};
use crate::event::{Answer, Ask, Id, Trouble};
use crate::layout;
use crate::list::List;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use rwmi_cim::{Object, wql};
use std::collections::VecDeque;

/// Events that are kept; the oldest make way.
pub(crate) const EVENTS_MAX: usize = 1000;

/// What came.
#[derive(Debug)]
pub(crate) enum Seen {
    Event(Object),
    /// In this place some were lost, or something else was told.
    Told(Trouble),
}

#[derive(Debug, Default)]
pub(crate) struct WatchScreen {
    pub(crate) editor: Editor,
    pub(crate) is_editing: bool,
    pub(crate) fault: Option<Fault>,
    pub(crate) seen: VecDeque<Seen>,
    pub(crate) list: List,
    asked: Option<Id>,
    /// Whether the server has said yes.
    pub(crate) is_listening: bool,
    /// Events that came, those that made way among them.
    pub(crate) total: u64,
    /// Lines that made way.
    pub(crate) gone: u64,
    /// How often the server said that it lost some.
    pub(crate) losses: u64,
    recall: Recall,
}

impl WatchScreen {
    /// For a class, and whether it is one of events.
    pub(crate) fn new(of: Option<(&str, bool)>) -> WatchScreen {
        let text = match of {
            None => "SELECT * FROM __InstanceOperationEvent WITHIN 5 WHERE TargetInstance ISA 'Win32_Process'".into(),
            Some((class, true)) => format!("SELECT * FROM {class}"),
            Some((class, false)) => format!("SELECT * FROM __InstanceOperationEvent WITHIN 5 WHERE TargetInstance ISA '{class}'"),
        };
        WatchScreen { editor: Editor::new(text), is_editing: true, ..WatchScreen::default() }
    }

    pub(crate) fn parts(&self, body: Rect) -> (Rect, Rect) {
        layout::edited(body, self.fault.as_ref().map_or(0, Fault::lines))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.asked.is_some()
    }

    fn height(&self, c: &Ctx<'_>) -> usize {
        layout::inner(self.parts(c.body()).1).height.into()
    }

    fn start(&mut self, c: &mut Ctx<'_>) {
        let text = self.editor.text().trim().to_owned();
        c.s.watches.add(&text);
        self.recall.done();
        if let Err(error) = wql::parse_event(&text) {
            let blanks = self.editor.text().len() - self.editor.text().trim_start().len();
            let fault = Fault::new(&error);
            self.fault = Some(Fault { span: fault.span.start + blanks..fault.span.end + blanks, ..fault });
            return;
        }
        c.cancel(self.asked.take());
        self.fault = None;
        self.is_editing = false;
        self.is_listening = false;
        self.seen.clear();
        (self.total, self.gone, self.losses, self.list) = (0, 0, 0, List::default());
        self.asked = Some(c.ask("subscribing", Ask::Watch(text)));
    }

    fn stop(&mut self, c: &mut Ctx<'_>) {
        if self.asked.is_some() {
            c.cancel(self.asked.take());
            self.is_listening = false;
            c.say("stopped watching");
        }
    }

    fn put(&mut self, seen: Seen, c: &Ctx<'_>) {
        // Who looks at the last one wants to see the next.
        let follows = self.seen.is_empty() || self.list.cursor + 1 == self.seen.len();
        if self.seen.len() == EVENTS_MAX {
            self.seen.pop_front();
            self.gone += 1;
            self.list.cursor = self.list.cursor.saturating_sub(1);
            self.list.offset = self.list.offset.saturating_sub(1);
        }
        self.seen.push_back(seen);
        if follows {
            self.list.cursor = self.seen.len() - 1;
        }
        let height = self.height(c);
        self.list.settle(self.seen.len(), height);
    }
}

impl Act for WatchScreen {
    fn paste(&mut self, text: &str, _: &mut Ctx<'_>) {
        if self.is_editing {
            self.editor.insert(text);
            self.fault = None;
        }
    }

    fn key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        if self.is_editing {
            match key.code {
                KeyCode::Enter => self.start(c),
                KeyCode::Tab | KeyCode::BackTab => self.is_editing = false,
                _ => match self.recall.key(key, &mut self.editor, &c.s.watches) {
                    None => return false,
                    Some(true) => self.fault = None,
                    Some(false) => {}
                },
            }
            return true;
        }
        let height = self.height(c);
        if self.list.key(key, self.seen.len(), height) {
            return true;
        }
        match key.code {
            KeyCode::Enter => match self.seen.get(self.list.cursor) {
                Some(Seen::Event(object)) => c.open(Screen::Object(Box::new(ObjectScreen::of(object.clone())))),
                Some(Seen::Told(trouble)) => c.fail(trouble.clone()),
                None => {}
            },
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Char('w') => self.is_editing = true,
            KeyCode::Char('s') if self.is_running() => self.stop(c),
            KeyCode::Char('s') => self.start(c),
            _ => return false,
        }
        true
    }

    fn escape(&mut self, c: &mut Ctx<'_>) -> bool {
        if self.is_editing && self.is_running() {
            self.is_editing = false;
            return true;
        }
        let was = self.is_running();
        self.stop(c);
        was
    }

    fn answer(&mut self, id: Id, answer: Answer, c: &mut Ctx<'_>) {
        if self.asked != Some(id) {
            return;
        }
        match answer {
            Answer::Watching => {
                self.is_listening = true;
                c.rest(id);
            }
            Answer::Event(object) => {
                self.total += 1;
                self.put(Seen::Event(object), c);
            }
            Answer::Disturbed(trouble) => {
                self.losses += u64::from(trouble.is_loss);
                self.put(Seen::Told(trouble), c);
            }
            Answer::Failed(trouble) => {
                self.asked = None;
                self.is_listening = false;
                c.fail(trouble);
            }
            _ => {}
        }
    }

    fn title(&self) -> String {
        "events".into()
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        if self.is_editing {
            return vec![("Enter", "start"), ("↑↓", "history"), ("Tab", "events"), ("F1", "help"), ("^C", "quit")];
        }
        let toggle = if self.is_running() { ("s Esc", "stop") } else { ("s", "start") };
        vec![toggle, ("Enter", "open"), ("w", "edit"), ("Backspace", "back, and go on watching"), ("?", "help"), ("q", "quit")]
    }
}
