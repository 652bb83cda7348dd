//! One object: its properties and their values. Also the way to its methods.

use super::table::path;
use super::{Act, Classes, Ctx, Form, Popup, RowsScreen, Screen};
use crate::event::{Answer, Ask, Id, Trouble};
use crate::layout;
use crate::list::List;
use crate::value;
use crossterm::event::{KeyCode, KeyEvent};
use rwmi_cim::{Class, Entity, Object, ObjectPath, Value};
use std::sync::Arc;

/// What is to be done once the class is known.
#[derive(Debug, Clone, PartialEq)]
enum Then {
    Nothing,
    /// Choosing one of its methods.
    Methods,
    /// Calling this one.
    Call(String),
}

#[derive(Debug)]
pub(crate) struct ObjectScreen {
    pub(crate) title: String,
    pub(crate) path: Option<String>,
    pub(crate) object: Option<Object>,
    /// Its class as the server declares it, for what numbers mean and for its methods.
    pub(crate) class: Option<Arc<Class>>,
    pub(crate) list: List,
    /// Whether properties without a value are left out.
    pub(crate) brief: bool,
    asked: Option<Id>,
    class_asked: Option<Id>,
    then: Then,
    /// What a method gave has no class that one could ask for.
    is_result: bool,
}

impl ObjectScreen {
    pub(crate) fn of(object: Object) -> ObjectScreen {
        let path = path(&object);
        let title = path.clone().unwrap_or_else(|| object.class().name.clone());
        ObjectScreen { title, path, object: Some(object), ..ObjectScreen::empty() }
    }

    /// To be fetched by its path.
    pub(crate) fn at(path: String) -> ObjectScreen {
        ObjectScreen { title: path.clone(), path: Some(path), ..ObjectScreen::empty() }
    }

    /// To be fetched, and then a method is chosen.
    pub(crate) fn methods(path: String) -> ObjectScreen {
        ObjectScreen { then: Then::Methods, ..ObjectScreen::at(path) }
    }

    pub(crate) fn calling(path: String, method: &str) -> ObjectScreen {
        ObjectScreen { then: Then::Call(method.to_owned()), ..ObjectScreen::at(path) }
    }

    /// What a method gave.
    pub(crate) fn result(title: String, object: Object) -> ObjectScreen {
        ObjectScreen { title, object: Some(object), is_result: true, ..ObjectScreen::empty() }
    }

    fn empty() -> ObjectScreen {
        ObjectScreen {
            title: String::new(),
            path: None,
            object: None,
            class: None,
            list: List::default(),
            brief: false,
            asked: None,
            class_asked: None,
            then: Then::Nothing,
            is_result: false,
        }
    }

    /// Places of the properties that are shown.
    pub(crate) fn shown(&self) -> Vec<usize> {
        let Some(object) = &self.object else { return Vec::new() };
        let is_shown = |at: &usize| !self.brief || !matches!(object.value_at(*at), Ok(Value::Null));
        (0..object.class().properties.len()).filter(is_shown).collect()
    }

    fn selected(&self) -> Option<(usize, Value)> {
        let at = *self.shown().get(self.list.cursor)?;
        self.object.as_ref()?.value_at(at).ok().map(|value| (at, value))
    }

    fn ask_class(&mut self, c: &mut Ctx<'_>) {
        let Some(object) = self.object.as_ref().filter(|_| !self.is_result) else { return };
        let name = object.class().name.clone();
        match c.class(&name) {
            Some(class) => {
                self.class = Some(class);
                self.go_on(c);
            }
            // A name that begins so is no class of the server's.
            None if name.is_empty() || name == "__PARAMETERS" => {}
            None => self.class_asked = Some(c.ask(format!("class {name}"), Ask::Class(name))),
        }
    }

    fn go_on(&mut self, c: &mut Ctx<'_>) {
        let (Some(class), Some(path)) = (&self.class, &self.path) else { return };
        match std::mem::replace(&mut self.then, Then::Nothing) {
            Then::Nothing => {}
            Then::Methods if class.methods.is_empty() => c.say(format!("{} has no methods", class.name)),
            Then::Methods => c.s.popup = Some(Popup::methods(path.clone(), class.clone())),
            Then::Call(name) => match class.method(&name) {
                Some(method) => c.open(Screen::Form(Box::new(Form::new(path.clone(), class.clone(), method.clone())))),
                None => c.fail(Trouble::new(format!("{} has no method {name}", class.name))),
            },
        }
    }

    /// Into an embedded object, or along a reference.
    fn follow(&self, c: &mut Ctx<'_>) {
        let Some((at, value)) = self.selected() else { return };
        let value = match value {
            Value::Array(items) => {
                items.into_iter().find(|item| matches!(item, Value::Object(_) | Value::Reference(_))).unwrap_or(Value::Null)
            }
            value => value,
        };
        match value {
            Value::Object(entity) => match *entity {
                Entity::Instance(object) => c.open(Screen::Object(Box::new(ObjectScreen::of(object)))),
                Entity::Class(class) => c.open(Screen::Classes(Box::new(Classes::at(&class.name)))),
            },
            Value::Reference(text) => match text.parse::<ObjectPath>() {
                Ok(path) => {
                    let namespace = path.namespace.clone().unwrap_or_else(|| c.namespace.to_owned());
                    let path = ObjectPath { server: None, namespace: None, ..path }.to_string();
                    c.go(super::Go::OpenIn { namespace, screen: Screen::Object(Box::new(ObjectScreen::at(path))) });
                }
                Err(error) => c.fail(Trouble::new(format!("{text} is no path: {error}"))),
            },
            value => {
                let name = self.object.as_ref().and_then(|o| o.class().properties.get(at)).map_or(String::new(), |p| p.name.clone());
                c.s.popup = Some(Popup::text(name, value::full(&value)));
            }
        }
    }
}

impl Act for ObjectScreen {
    fn enter(&mut self, c: &mut Ctx<'_>) {
        match (&self.object, &self.path) {
            (None, Some(path)) => self.asked = Some(c.ask(path.clone(), Ask::Object(path.clone()))),
            _ => self.ask_class(c),
        }
    }

    fn key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        let len = self.shown().len();
        let height = layout::with_detail(layout::inner(c.body())).0.height.into();
        if self.list.key(key, len, height) {
            return true;
        }
        match key.code {
            KeyCode::Enter | KeyCode::Right => match self.selected() {
                Some((at, Value::Array(items))) if !items.iter().any(|i| matches!(i, Value::Object(_) | Value::Reference(_))) => {
                    let name = self.object.as_ref().and_then(|o| o.class().properties.get(at)).map_or(String::new(), |p| p.name.clone());
                    c.s.popup = Some(Popup::text(name, value::full(&Value::Array(items))));
                }
                _ => self.follow(c),
            },
            KeyCode::Char('.') => {
                self.brief = !self.brief;
                self.list.settle(self.shown().len(), height);
            }
            KeyCode::Char('r') if self.path.is_some() && !self.is_result => {
                c.cancel(self.asked.take());
                c.forget();
                let path = self.path.clone().unwrap_or_default();
                self.asked = Some(c.ask(path.clone(), Ask::Object(path)));
            }
            KeyCode::Char('m') if self.path.is_some() => {
                self.then = Then::Methods;
                if self.class.is_some() { self.go_on(c) } else { self.ask_class(c) }
            }
            KeyCode::Char('a') if self.path.is_some() => {
                let query = format!("ASSOCIATORS OF {{{}}}", self.path.as_deref().unwrap_or_default());
                c.open(Screen::Rows(Box::new(RowsScreen::query(query))));
            }
            KeyCode::Char('y') => {
                if let Some((_, value)) = self.selected() {
                    c.copy("value", value::raw(&value));
                }
            }
            KeyCode::Char('Y') => match &self.path {
                Some(path) => c.copy("path", format!("\\\\{}\\{}:{path}", c.host, c.namespace)),
                None => c.say("it has no path"),
            },
            KeyCode::Char('c') => match &self.object {
                Some(object) if !self.is_result => c.open(Screen::Classes(Box::new(Classes::at(&object.class().name)))),
                _ => {}
            },
            _ => return false,
        }
        true
    }

    fn answer(&mut self, id: Id, answer: Answer, c: &mut Ctx<'_>) {
        if self.class_asked == Some(id) {
            self.class_asked = None;
            match answer {
                Answer::Class(class) => {
                    c.keep_class(&class);
                    self.class = Some(class);
                    self.go_on(c);
                }
                // Without it numbers stay numbers; that is told only where it is in the way.
                Answer::Failed(trouble) if self.then != Then::Nothing => c.fail(trouble),
                _ => {}
            }
        } else if self.asked == Some(id) {
            self.asked = None;
            match answer {
                Answer::Object(Entity::Instance(object)) => {
                    self.object = Some(object);
                    self.ask_class(c);
                }
                Answer::Object(Entity::Class(class)) => c.open(Screen::Classes(Box::new(Classes::at(&class.name)))),
                Answer::Failed(trouble) => c.fail(trouble),
                _ => {}
            }
        }
    }

    fn stopped(&mut self, _: &mut Ctx<'_>) {
        (self.asked, self.class_asked) = (None, None);
        self.then = Then::Nothing;
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        let mut keys = vec![("Enter", "follow, whole value")];
        if self.path.is_some() {
            keys.extend([("m", "methods"), ("a", "associators"), ("r", "again")]);
        }
        keys.extend([(".", "without NULL"), ("c", "class"), ("y", "copy value"), ("Y", "path"), ("?", "help"), ("q", "quit")]);
        keys
    }
}
