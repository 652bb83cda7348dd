//! A terminal explorer of WMI: computers, namespaces, the tree of classes, instances, queries, methods, events.
//!
//! What is on the screen is a [`Model`]; [`update`] makes of an [`Event`] what is shown next and says as [`Effect`]s what is to be
//! done; [`draw`] makes cells of it. Those three know no socket, no clock and no terminal. [`run`] is the rest: it has the terminal,
//! and asks the computers in the background, so that no key ever waits for the network.

mod editor;
mod event;
mod layout;
mod list;
mod model;
mod runner;
mod screen;
mod text;
mod tree;
mod value;
mod view;

#[cfg(test)]
mod tests;

pub use event::{Answer, Ask, ClassName, Effect, Event, Id, Trouble};
pub use model::{Model, Options, update};
pub use runner::Open;
pub use screen::run;
pub use view::draw;
