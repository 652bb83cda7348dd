//! The only sockets, clocks and tasks: tokio drivers for the connection machines.
