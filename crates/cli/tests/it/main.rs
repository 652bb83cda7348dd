//! The command as people run it.

mod accounts;
mod call;
mod check;
mod doctor;
mod dump;
mod exec;
mod failures;
mod hang;
mod kill;
mod local;
mod mof;
mod remote;
mod serve;
mod support;
mod usage;
mod watch;
mod wmic;
mod wmic_exe;
