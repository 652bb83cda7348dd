//! A WMI service: broker, repository, access control, DCOM adapter.

pub mod accounts;
pub mod config;

pub use accounts::{AccountInfo, Accounts, AccountsError};
pub use config::{Config, ConfigError};
