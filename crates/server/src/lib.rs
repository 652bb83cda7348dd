//! A WMI service: broker, repository, access control, DCOM adapter.

pub mod config;

pub use config::{Config, ConfigError};
