//! One class: properties, methods, qualifiers, MOF.

use super::{Ctx, Form, RowsScreen, Screen};
use crate::event::{Answer, Ask, Id, Trouble};
use crate::layout;
use crate::list::List;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use rwmi_cim::{Class, Qualifier, Qualifiers, Value, mof};
use std::sync::Arc;

/// How long the cursor rests before the class is asked for, in milliseconds.
const REST: u64 = 120;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tab {
    #[default]
    Properties,
    Methods,
    Qualifiers,
    Mof,
}

impl Tab {
    pub(crate) const ALL: [(Tab, &'static str); 4] =
        [(Tab::Properties, "Properties"), (Tab::Methods, "Methods"), (Tab::Qualifiers, "Qualifiers"), (Tab::Mof, "MOF")];
}

#[derive(Debug, Default)]
pub(crate) struct ClassPane {
    /// The class that is to be shown.
    pub(crate) wanted: String,
    since: u64,
    asked: Option<Id>,
    /// Why it is not there.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) class: Option<Arc<Class>>,
    pub(crate) mof: Vec<String>,
    pub(crate) tab: Tab,
    pub(crate) lists: [List; 4],
}

impl ClassPane {
    /// Another class is to be shown: at once where it is known, else when the cursor has rested on it.
    pub(crate) fn want(&mut self, name: &str, c: &mut Ctx<'_>) {
        if self.wanted == name {
            return;
        }
        c.cancel(self.asked.take());
        self.wanted = name.to_owned();
        self.since = c.s.now;
        self.trouble = None;
        self.class = None;
        if let Some(class) = c.class(name) {
            self.show(class);
        }
    }

    /// Whether it is to be asked for and was not.
    pub(crate) fn is_pending(&self) -> bool {
        !self.wanted.is_empty() && self.class.is_none() && self.asked.is_none() && self.trouble.is_none()
    }

    pub(crate) fn tick(&mut self, c: &mut Ctx<'_>) {
        if self.is_pending() && self.since + REST <= c.s.now {
            self.ask(c);
        }
    }

    pub(crate) fn ask(&mut self, c: &mut Ctx<'_>) {
        if self.is_pending() {
            self.asked = Some(c.ask(format!("class {}", self.wanted), Ask::Class(self.wanted.clone())));
        }
    }

    /// Whether the answer was for it.
    pub(crate) fn answer(&mut self, id: Id, answer: &Answer, c: &mut Ctx<'_>) -> bool {
        if self.asked != Some(id) {
            return false;
        }
        self.asked = None;
        match answer {
            Answer::Class(class) => {
                c.keep_class(class);
                self.show(class.clone());
            }
            Answer::Failed(trouble) => self.trouble = Some(trouble.clone()),
            _ => {}
        }
        true
    }

    pub(crate) fn stopped(&mut self) {
        if self.asked.take().is_some() {
            self.trouble = Some(Trouble::new("stopped; r asks again"));
        }
    }

    fn show(&mut self, class: Arc<Class>) {
        self.mof = mof::print_class(&class).lines().map(str::to_owned).collect();
        self.class = Some(class);
        self.lists = Default::default();
    }

    pub(crate) fn list(&self) -> List {
        self.lists[self.tab as usize]
    }

    pub(crate) fn len(&self, class: &Class) -> usize {
        match self.tab {
            Tab::Properties => class.properties.len(),
            Tab::Methods => class.methods.len(),
            Tab::Qualifiers => class.qualifiers.0.len(),
            Tab::Mof => self.mof.len(),
        }
    }

    /// Where the list and what is said of its line are, in a frame.
    pub(crate) fn parts(&self, area: Rect) -> (Rect, Option<Rect>) {
        // A line of tabs, and one of what it derives from.
        let inside = layout::inner(area);
        let rest = Rect { y: inside.y + 2.min(inside.height), height: inside.height.saturating_sub(2), ..inside };
        if self.tab == Tab::Mof { (rest, None) } else { layout::with_detail(rest) }
    }

    pub(crate) fn key(&mut self, key: KeyEvent, area: Rect, c: &mut Ctx<'_>) -> bool {
        let at = Tab::ALL.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        let to = match key.code {
            KeyCode::Char(d @ '1'..='4') => Some(d as usize - '1' as usize),
            KeyCode::Right => Some((at + 1) % 4),
            KeyCode::Left => Some((at + 3) % 4),
            _ => None,
        };
        if let Some(to) = to {
            self.tab = Tab::ALL[to].0;
            return true;
        }
        let height = self.parts(area).0.height.into();
        let Some(class) = self.class.clone() else { return false };
        let len = self.len(&class);
        let list = &mut self.lists[self.tab as usize];
        let moved = if self.tab == Tab::Mof { list.scroll(key, len, height) } else { list.key(key, len, height) };
        match key.code {
            _ if moved => {}
            KeyCode::Enter if self.tab == Tab::Methods => self.call(&class, c),
            KeyCode::Char('y') => self.copy(&class, c),
            _ => return false,
        }
        true
    }

    fn call(&self, class: &Arc<Class>, c: &mut Ctx<'_>) {
        let Some(method) = class.methods.get(self.list().cursor) else { return };
        if method.is_static() {
            c.open(Screen::Form(Box::new(Form::new(class.name.clone(), class.clone(), method.clone()))));
        } else {
            c.open(Screen::Rows(Box::new(RowsScreen::choosing(&class.name, &method.name))));
        }
    }

    fn copy(&self, class: &Arc<Class>, c: &mut Ctx<'_>) {
        let at = self.list().cursor;
        match self.tab {
            Tab::Mof => c.copy("MOF", self.mof.join("\n") + "\n"),
            Tab::Methods => {
                if let Some(method) = class.methods.get(at) {
                    c.copy("signature", method.signature());
                }
            }
            Tab::Properties => {
                if let Some(property) = class.properties.get(at) {
                    c.copy("name", property.name.clone());
                }
            }
            Tab::Qualifiers => {
                if let Some(q) = class.qualifiers.0.get(at) {
                    c.copy("value", crate::value::raw(&q.value));
                }
            }
        }
    }
}

/// The class that declared a member first: `origin` counts from the topmost.
pub(crate) fn origin(class: &Class, origin: u32) -> &str {
    let above = class.derivation.len();
    above.checked_sub(1 + origin as usize).and_then(|at| class.derivation.get(at)).unwrap_or(&class.name)
}

/// Qualifiers in a line, without what the type says already and without long texts.
pub(crate) fn qualifier_text(qualifiers: &Qualifiers) -> String {
    let short = |q: &Qualifier| match &q.value {
        _ if ["CIMTYPE", "key", "Description", "DisplayName", "MappingStrings", "ID"].iter().any(|n| n.eq_ignore_ascii_case(&q.name)) => {
            None
        }
        Value::Boolean(true) => Some(q.name.clone()),
        Value::Array(items) => Some(format!("{}[{}]", q.name, items.len())),
        value => {
            let text = crate::value::line(value);
            Some(if text.len() <= 24 { format!("{}({text})", q.name) } else { format!("{}(…)", q.name) })
        }
    };
    qualifiers.0.iter().filter_map(short).collect::<Vec<_>>().join(" ")
}
