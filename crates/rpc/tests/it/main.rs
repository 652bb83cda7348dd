//! The crate against octets of real Windows machines.

mod wire_data;
