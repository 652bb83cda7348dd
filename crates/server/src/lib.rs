//! A WMI service: broker, repository, access control, DCOM adapter.

pub mod access;
pub mod accounts;
mod adapter;
mod broker;
pub mod config;
mod consumers;
mod cursor;
mod service;
mod shipped;
pub mod store;

pub use accounts::{AccountInfo, Accounts, AccountsError};
pub use broker::{Broker, Failure, Options};
pub use config::{Config, ConfigError};
pub use service::{AccountStore, Addresses, ListenError, Running, SOCKET_NAME, ServeError, Server};
pub use shipped::Schema;
