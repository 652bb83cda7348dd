//! A call of a method: a line a parameter, checked before it is sent, and sent only when somebody says yes.

use super::{Act, Ctx, ObjectScreen, Popup, Screen};
use crate::editor::Editor;
use crate::event::{Answer, Ask, Id, Trouble};
use crate::layout;
use crate::list::List;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rwmi_cim::{Class, Method, Value};
use rwmi_client::Argument;
use std::sync::Arc;

/// What is given for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Given {
    /// Nothing: the default of the method.
    #[default]
    Absent,
    Null,
    /// The text of the line, read by the type.
    Text,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) optional: bool,
    pub(crate) about: String,
    pub(crate) given: Given,
    pub(crate) editor: Editor,
}

#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) path: String,
    pub(crate) class: Arc<Class>,
    pub(crate) method: Method,
    pub(crate) fields: Vec<Field>,
    /// The field; behind the last one is what calls.
    pub(crate) list: List,
    pub(crate) mistakes: Vec<String>,
    asked: Option<Id>,
}

impl Form {
    pub(crate) fn new(path: String, class: Arc<Class>, method: Method) -> Form {
        let fields = method
            .parameters()
            .into_iter()
            .filter(|p| p.input)
            .map(|p| Field {
                name: p.property.name.clone(),
                ty: p.property.type_text(),
                optional: p.property.qualifiers.is_set("optional"),
                about: p.property.qualifiers.text("Description").unwrap_or_default().to_owned(),
                given: Given::Absent,
                editor: Editor::default(),
            })
            .collect();
        Form { path, class, method, fields, list: List::default(), mistakes: Vec::new(), asked: None }
    }

    pub(crate) fn is_on_call(&self) -> bool {
        self.fields.len() <= self.list.cursor
    }

    fn arguments(&self) -> Vec<(String, Argument)> {
        let argument = |field: &Field| match field.given {
            Given::Absent => None,
            Given::Null => Some((field.name.clone(), Argument::Value(Value::Null))),
            Given::Text => Some((field.name.clone(), Argument::Text(field.editor.text().to_owned()))),
        };
        self.fields.iter().filter_map(argument).collect()
    }

    fn check(&mut self) -> bool {
        self.mistakes = Argument::mistakes(&self.class, &self.method, &self.arguments());
        self.mistakes.is_empty()
    }

    /// Asks whether it is to be called.
    fn confirm(&mut self, c: &mut Ctx<'_>) {
        if self.asked.is_some() {
            return;
        }
        if !self.check() {
            // To the first that is wrong, where the sentence names it.
            let wrong = |f: &Field| self.mistakes.iter().any(|m| m.starts_with(&f.name));
            if let Some(at) = self.fields.iter().position(wrong) {
                self.list.cursor = at;
            }
            return;
        }
        let mut text = format!("{}\non {}", self.path, c.host);
        for field in self.fields.iter().filter(|f| f.given != Given::Absent) {
            let value = if field.given == Given::Null { "NULL" } else { field.editor.text() };
            text += &format!("\n  {} = {value}", field.name);
        }
        text += "\n\ny calls it, any of n, Enter and Esc does not.";
        c.s.popup = Some(Popup::Confirm { title: format!("Call {}?", self.method.name), text });
    }

    fn height(c: &Ctx<'_>) -> usize {
        usize::from(layout::inner(c.body()).height).saturating_sub(1)
    }
}

impl Act for Form {
    fn paste(&mut self, text: &str, _: &mut Ctx<'_>) {
        let at = self.list.cursor;
        if let Some(field) = self.fields.get_mut(at) {
            field.given = Given::Text;
            field.editor.insert(text);
            self.check();
        }
    }

    fn key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        let (at, last) = (self.list.cursor, self.fields.len());
        match key.code {
            KeyCode::Up | KeyCode::BackTab => self.list.cursor = at.saturating_sub(1),
            KeyCode::Down | KeyCode::Tab => self.list.cursor = (at + 1).min(last),
            KeyCode::Enter if self.is_on_call() => self.confirm(c),
            KeyCode::Enter => self.list.cursor = (at + 1).min(last),
            KeyCode::Char('s') if key.modifiers.contains(KeyModifiers::CONTROL) => self.confirm(c),
            KeyCode::F(5) => self.confirm(c),
            KeyCode::Char('n') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                let Some(field) = self.fields.get_mut(at) else { return false };
                field.given = match field.given {
                    Given::Absent => Given::Null,
                    Given::Null => Given::Text,
                    Given::Text => Given::Absent,
                };
            }
            _ => {
                let Some(field) = self.fields.get_mut(at) else { return false };
                let before = field.editor.text().len();
                if !field.editor.key(key) {
                    return false;
                }
                let is_emptied = before == 0 && matches!(key.code, KeyCode::Backspace | KeyCode::Delete);
                match key.code {
                    _ if is_emptied => field.given = Given::Absent,
                    KeyCode::Char(_) => field.given = Given::Text,
                    _ => {}
                }
                if !self.mistakes.is_empty() {
                    self.check();
                }
            }
        }
        self.list.settle(last + 1, Form::height(c));
        true
    }

    fn confirmed(&mut self, c: &mut Ctx<'_>) {
        let (path, method, arguments) = (self.path.clone(), self.method.name.clone(), self.arguments());
        self.asked = Some(c.ask(format!("calling {method}"), Ask::Call { path, method, arguments }));
    }

    fn answer(&mut self, id: Id, answer: Answer, c: &mut Ctx<'_>) {
        if self.asked != Some(id) {
            return;
        }
        self.asked = None;
        match answer {
            Answer::Returned(object, meaning) => {
                let code = object.class().property_index("ReturnValue").and_then(|at| object.value_at(at).ok()).filter(|v| !v.is_null());
                let came = code.map_or("nothing".into(), |v| crate::value::line(&v));
                let meaning = meaning.map_or(String::new(), |m| format!(" ({m})"));
                let title = format!("{} returned {came}{meaning}", self.method.name);
                c.open(Screen::Object(Box::new(ObjectScreen::result(title, object))));
            }
            Answer::Failed(trouble) => c.fail(trouble),
            _ => {}
        }
    }

    fn stopped(&mut self, c: &mut Ctx<'_>) {
        if self.asked.take().is_some() {
            c.fail(Trouble::new("stopped waiting; the method may have been called all the same"));
        }
    }

    fn title(&self) -> String {
        format!("call {}.{}", self.class.name, self.method.name)
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        if self.is_on_call() {
            return vec![("Enter", "call (asks first)"), ("↑", "parameters"), ("?", "help"), ("q", "quit")];
        }
        vec![
            ("Enter", "next"),
            ("^S", "call (asks first)"),
            ("^N", "NULL, text, not given"),
            ("Alt-←", "back"),
            ("F1", "help"),
            ("^C", "quit"),
        ]
    }
}
