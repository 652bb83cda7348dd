//! NDR 2.0, little-endian, and the small types that every layer above shares.
//!
//! A value is encoded in two passes: its scalars, in place, then what its pointers refer to.

mod guid;
mod ndr;
mod params;
mod status;

pub use guid::{Guid, GuidError};
pub use ndr::{
    Conformant, ConformantVarying, Decode, DecodeError, DecodeErrorKind, Encode, Limits, Reader, Result, WideString, Writer, max,
};
pub use status::{FaultStatus, HResult, NtStatus, Win32Error};
