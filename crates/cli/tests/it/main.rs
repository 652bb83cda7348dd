//! The command as people run it.

mod accounts;
mod dump;
mod failures;
mod local;
mod remote;
mod serve;
mod support;
mod usage;
