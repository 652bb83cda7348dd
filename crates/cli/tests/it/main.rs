//! The command as people run it.

mod accounts;
mod dump;
mod failures;
mod kill;
mod local;
mod mof;
mod remote;
mod serve;
mod support;
mod usage;
mod watch;
mod wmic;
