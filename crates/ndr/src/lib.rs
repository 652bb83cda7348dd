//! NDR 2.0, little-endian, and the small types that every layer above shares.
//!
//! A value is encoded in two passes: its scalars, in place, then what its pointers refer to.
//!
//! ```
//! use rwmi_ndr::{Decode, Encode, Limits, Reader, WideString, Writer, ndr_struct};
//!
//! ndr_struct! { pub struct Greeting { pub text: Option<WideString>, pub times: u32 } }
//!
//! let hello = Greeting { text: Some("hi".into()), times: 2 };
//! let mut w = Writer::default();
//! hello.encode(&mut w);
//! let octets = w.finish();
//! assert_eq!(octets.len(), 4 + 4 + 12 + 6); // pointer, times, then the string's three counts and its units
//! assert_eq!(Greeting::decode(&mut Reader::new(octets, Limits::default())).unwrap(), hello);
//! ```
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod array;
mod codec;
mod guid;
mod params;
mod reader;
mod status;
#[cfg(test)]
mod tests;
mod writer;

pub use array::{Conformant, ConformantVarying, NarrowString, Octets, WideString};
pub use codec::{Decode, Encode, max};
pub use guid::{Guid, GuidError};
pub use reader::{DecodeError, DecodeErrorKind, Limits, Reader, Result};
pub use status::{FaultStatus, HResult, NtStatus, Win32Error};
pub use writer::Writer;
