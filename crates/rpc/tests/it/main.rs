//! The crate against octets of real Windows machines.

mod recorded;
mod replay;
mod replayed;
#[path = "../../../auth/tests/support/mod.rs"]
mod support;
mod wire_data;
