//! NTLM version 2 with extended session security ([MS-NLMP]), both ends.
//!
//! ```text
//! initiator --- NEGOTIATE ---> acceptor     flags
//!           <-- CHALLENGE ----              flags, 8 random octets, names, time
//!           --- AUTHENTICATE ->             proof of the password over both ends' octets, key, MIC over all three
//! ```
//! Version 1, LM, sessions without extended session security and anonymous log-on are refused: nothing in use needs them.

mod acceptor;
mod av;
mod crypt;
mod flags;
mod initiator;
pub mod message;
mod rc4;
mod session;

pub use acceptor::{Acceptor, AcceptorOptions, Account, Accounts};
pub use av::{AvId, AvPairs};
pub use crypt::{channel_bindings, nt_hash};
pub use flags::Flags;
pub use initiator::{Initiator, InitiatorOptions};
pub use session::{Role, Session};

#[cfg(test)]
mod tests;
