//! Client against server, in memory.

mod conversations;
mod hostile;
mod pair;
mod raw;
pub(crate) mod toy;
