//! Connects to WMI on a remote computer.

mod account;
mod error;
mod hint;
mod target;
mod typed;

pub use account::{Account, Authority};
pub use error::{Error, ErrorKind, Misuse, Step};
pub use hint::hint;
pub use target::{Host, split_namespace};
pub use typed::{TypedError, field_names, from_object, struct_name};
