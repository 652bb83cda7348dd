//! What stands over the screen and takes the keys.

use super::{Form, Screen};
use crate::list::List;
use crate::text::wrapped;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use rwmi_cim::Class;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) enum Popup {
    Help(List),
    Text {
        title: String,
        text: String,
        list: List,
    },
    /// A question that only `y` says yes to.
    Confirm {
        title: String,
        text: String,
    },
    Methods {
        path: String,
        class: Arc<Class>,
        list: List,
    },
}

/// What a key made of it.
pub(crate) enum Next {
    Stay,
    Close,
    Yes,
    Open(Box<Screen>),
}

/// Lines of a text that are shown.
const LINES_MAX: usize = 20_000;

impl Popup {
    pub(crate) fn help() -> Popup {
        Popup::Help(List::default())
    }

    pub(crate) fn text(title: impl Into<String>, text: impl Into<String>) -> Popup {
        Popup::Text { title: title.into(), text: text.into(), list: List::default() }
    }

    pub(crate) fn methods(path: String, class: Arc<Class>) -> Popup {
        Popup::Methods { path, class, list: List::default() }
    }

    /// Its lines, in so many columns.
    pub(crate) fn lines(&self, width: u16) -> Vec<String> {
        let room = usize::from(width);
        match self {
            Popup::Help(_) => HELP.lines().map(str::to_owned).collect(),
            Popup::Text { text, .. } | Popup::Confirm { text, .. } => wrapped(text, room, LINES_MAX),
            Popup::Methods { class, .. } => class.methods.iter().map(|m| m.signature()).collect(),
        }
    }

    pub(crate) fn title(&self) -> String {
        match self {
            Popup::Help(_) => "Keys".into(),
            Popup::Text { title, .. } | Popup::Confirm { title, .. } => title.clone(),
            Popup::Methods { class, .. } => format!("Methods of {}", class.name),
        }
    }

    /// Where it stands, with its frame.
    pub(crate) fn area(&self, width: u16, height: u16) -> Rect {
        let wide = match self {
            Popup::Help(_) => 68,
            Popup::Confirm { .. } => 72,
            _ => 100,
        };
        let wide = wide.min(width.saturating_sub(2));
        let high = (self.lines(wide.saturating_sub(2)).len() as u16).saturating_add(2).max(3).min(height.saturating_sub(2));
        Rect::new((width - wide) / 2, (height.saturating_sub(high)) / 2, wide, high)
    }

    pub(crate) fn key(&mut self, key: KeyEvent, width: u16, height: u16) -> Next {
        let area = self.area(width, height);
        let (lines, high) = (self.lines(area.width.saturating_sub(2)).len(), usize::from(area.height.saturating_sub(2)));
        match self {
            Popup::Confirm { .. } => match key.code {
                KeyCode::Char('y' | 'Y') => Next::Yes,
                KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc | KeyCode::Enter => Next::Close,
                _ => Next::Stay,
            },
            Popup::Help(list) | Popup::Text { list, .. } => {
                if list.scroll(key, lines, high) {
                    return Next::Stay;
                }
                match key.code {
                    KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace | KeyCode::Char('q' | '?') | KeyCode::F(1) => Next::Close,
                    _ => Next::Stay,
                }
            }
            Popup::Methods { path, class, list } => {
                if list.key(key, lines, high) {
                    return Next::Stay;
                }
                match key.code {
                    KeyCode::Enter => match class.methods.get(list.cursor) {
                        Some(method) => {
                            let path = if method.is_static() { class.name.clone() } else { path.clone() };
                            Next::Open(Box::new(Screen::Form(Box::new(Form::new(path, class.clone(), method.clone())))))
                        }
                        None => Next::Close,
                    },
                    KeyCode::Esc | KeyCode::Backspace | KeyCode::Char('q') => Next::Close,
                    _ => Next::Stay,
                }
            }
        }
    }
}

/// No line is longer than a narrow terminal is wide.
const HELP: &str = "\
Everywhere
  ↑↓ PgUp PgDn Home End   move (j and k too)
  Enter                   open
  Esc                     stop what runs
  Backspace  [  Alt-←     back
  ]  Alt-→                forward
  Tab                     the other pane
  h n t                   hosts, namespaces,
                          class tree
  w                       write a query
  e                       watch events
  r                       ask again
  y                       copy
  ?  F1                   this help
  q                       quit
Classes
  → ←                     unfold, fold
  /                       search by name
  1 2 3 4                 properties,
                          methods,
                          qualifiers, MOF
  m o                     methods, MOF
  i                       instances
  e                       events of the class
Rows
  ← →                     columns
  a                       fetch all rows
  w  Tab                  edit the query
  m                       call a method
Object
  Enter  →                follow a reference,
                          open an object,
                          show a value whole
  .                       leave out NULL
  a                       associators
  m                       call a method
  c                       its class
  Y                       copy the path
Lines that are edited
  ↑ ↓                     history
  ^A ^E ^U ^K ^W          begin, end, delete
  ^C                      quit";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_narrow_terminal() {
        let widest = HELP.lines().map(crate::text::width).max();
        assert!(widest <= Some(46), "{widest:?}");
    }
}
