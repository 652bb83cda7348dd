//! What comes in and what goes out: the screens know nothing else of the world.

use crossterm::event::KeyEvent;
use rwmi_cim::{Class, Entity, Object};
use rwmi_client::Argument;
use std::sync::Arc;

/// What one question and its answers are known by.
pub type Id = u64;

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has so many columns and lines.
    Resize(u16, u16),
    /// Time went by: milliseconds since the start.
    Tick(u64),
    /// An answer came.
    Answer(Id, Answer),
}

/// Something is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A question to a computer.
    Ask {
        /// What its answers are known by.
        id: Id,
        /// The computer.
        host: String,
        /// The namespace.
        namespace: String,
        /// What is asked.
        ask: Ask,
    },
    /// So many rows more of an enumeration that was begun.
    More(Id, usize),
    /// The question is not asked any more; its rows are let go.
    Cancel(Id),
    /// The connection is let go, and what is known of its failure, so that the next question connects anew.
    Forget(String),
    /// A text for the clipboard.
    Copy(String),
    /// The end, with this exit status.
    Quit(u8),
    /// Stopping until the shell lets us go on.
    Suspend,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Whether the computer can be reached and the account may log on.
    Connect,
    /// The namespaces right below the namespace.
    Namespaces,
    /// The classes right below a class, or those without one above.
    Subclasses(Option<String>),
    /// The names of all classes.
    AllClasses,
    /// A class, with its descriptions.
    Class(String),
    /// The rows of a query, so many at first.
    Rows(String, usize),
    /// What is at a path.
    Object(String),
    /// Events, until it is cancelled.
    Watch(String),
    /// A call of a method.
    Call {
        /// The class or the instance.
        path: String,
        /// The method.
        method: String,
        /// The arguments that were given.
        arguments: Vec<(String, Argument)>,
    },
}

/// A class by its name, and the one above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassName {
    /// Its name.
    pub name: String,
    /// The name of its superclass.
    pub superclass: Option<String>,
}

/// An answer. What comes in parts says whether it was the last.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Connected.
    Connected,
    /// Names of namespaces.
    Namespaces(Vec<String>),
    /// Names of classes, and whether these were the last.
    Classes(Vec<ClassName>, bool),
    /// A class.
    Class(Arc<Class>),
    /// Rows, and whether these were the last. Of a page the last come with what was asked for.
    Rows(Vec<Entity>, bool),
    /// The page is complete, and there are more rows.
    Page,
    /// What is at a path.
    Object(Entity),
    /// Listening.
    Watching,
    /// An event.
    Event(Object),
    /// In this place events were lost, or something else was told; events may come behind it.
    Disturbed(Trouble),
    /// What a method gave, and what its return value means.
    Returned(Object, Option<String>),
    /// It failed; there is nothing more.
    Failed(Trouble),
}

/// What failed, in a line, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// One sentence.
    pub text: String,
    /// Advice.
    pub hint: Option<String>,
    /// Whether events were lost.
    pub is_loss: bool,
}

impl Trouble {
    /// A sentence without advice.
    pub fn new(text: impl Into<String>) -> Trouble {
        Trouble { text: text.into(), hint: None, is_loss: false }
    }
}

impl From<rwmi_client::Error> for Trouble {
    fn from(error: rwmi_client::Error) -> Trouble {
        Trouble { text: error.to_string(), hint: error.hint().map(str::to_owned), is_loss: rwmi_client::Events::is_loss(&error) }
    }
}
