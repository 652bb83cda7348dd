//! MS-WMIO: how a WMI object is written into octets, and the ObjectArrays of [MS-WMI] 2.2.14 that carry many.
//!
//! Three layers. [`view`] finds everything in place, without a copy. [`decode_unit`] and [`Decoder`] make the types of
//! `rwmi-cim` of it: a class is decoded at once and remembered, the values of an instance when they are asked for.
//! [`encode_unit`] and [`ClassEncoder`] write them.
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod decode;
mod encode;
mod error;
mod octets;
#[cfg(test)]
mod samples;
mod stored;
mod values;

pub mod exercise;
pub mod limits;
pub mod object_array;
pub mod view;

pub use decode::{DecodeOptions, Decoder, decode_block, decode_unit};
pub use encode::{ClassEncoder, Decorate, EncodeOptions, Encoder, Prototype, encode_block, encode_unit};
pub use error::{DecodeError, EncodeError};
pub use stored::StoredClass;
pub use values::{ClassCache, ClassLayout, WireValues};
