//! The crate against octets of real Windows machines.

mod recorded;
mod replay;
mod wire_data;
