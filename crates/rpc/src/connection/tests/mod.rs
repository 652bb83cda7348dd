//! Client against server, in memory.

mod conversations;
mod pair;
pub(crate) mod toy;
