//! Connects to WMI on a remote computer.
//!
//! ```no_run
//! use rwmi_client::{Client, Credentials};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! #[serde(rename = "Win32_Service", rename_all = "PascalCase")]
//! struct Service { name: String, state: String, process_id: Option<u32> }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("srv01").credentials(Credentials::new(r"CORP\alice", "password")?).connect().await?;
//! let cimv2 = client.namespace(r"root\cimv2").await?;
//! for service in cimv2.all::<Service>().await? {
//!     println!("{} {}", service.name, service.state);
//! }
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! Rows stream: [`Query::objects`] gives them as they come, in flat memory. Every failure is an [`Error`] that names the step, the
//! computer, the port and the code, and mostly says what to do.

mod account;
mod argument;
mod builder;
mod client;
mod connect;
mod dial;
mod error;
mod failure;
mod hint;
mod method;
mod namespace;
mod query;
mod rows;
mod session;
mod target;
mod typed;
mod watch;
mod way;
mod write;

pub mod blocking;
pub mod doctor;
pub mod forms;
pub mod wmic;
pub mod xml;

pub use account::{Account, Authority};
pub use argument::Argument;
pub use builder::{ClientBuilder, Credentials, Impersonation, Mechanism, Timeouts};
pub use client::Client;
pub use dial::{Dialed, Dialer, Dialing, LocalSocket, Tcp};
pub use error::{Error, ErrorKind, Misuse, Step};
pub use hint::hint;
pub use method::{MethodCall, Returned};
pub use namespace::{Depth, Namespace};
pub use query::Query;
pub use rows::Rows;
pub use rwmi_auth::{AuthError, AuthLevel, NtHash, Secret};
pub use rwmi_cim::mof::PutMode;
pub use rwmi_cim::{Class, Entity, Instance, Object, ObjectError, Operation, PutOptions, Value, WbemStatus};
pub use rwmi_ndr::{FaultStatus, HResult};
pub use rwmi_wbem::ContextValue;
pub use target::{Host, split_namespace};
pub use typed::{TypedError, field_names, from_object, struct_name};
pub use watch::{Events, Watch};
