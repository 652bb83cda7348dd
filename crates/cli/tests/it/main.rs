//! The command as people run it.

mod accounts;
mod bad_input;
mod browse;
mod call;
mod check;
mod complete;
mod config;
mod doctor;
mod dump;
mod exec;
mod failures;
#[cfg(target_os = "linux")]
mod fake_secrets;
mod hang;
mod inventory;
mod keys;
mod kill;
mod local;
mod many;
mod mof;
mod plugin;
mod powershell;
mod remote;
mod replay;
mod repository;
mod serve;
mod support;
mod systemd;
mod telegraf;
mod terminal;
mod usage;
mod watch;
mod wmic;
mod wmic_exe;
