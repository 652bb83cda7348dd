//! Why octets are no object, and why an object has no octets.

use rwmi_cim::Type;

/// Why octets are not a WMI object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The octets end before the structure does.
    #[error("truncated {what}: needs {needs} octets, {left} left")]
    Truncated {
        /// The structure.
        what: &'static str,
        /// Octets that it needs.
        needs: usize,
        /// Octets that are there.
        left: usize,
    },
    /// The unit does not start with 0x12345678.
    #[error("not an object: expected signature 12345678, found {0:08x}")]
    Signature(u32),
    /// The flags of the object name neither a class nor an instance, or both.
    #[error("neither a class nor an instance: object flags {0:02x}")]
    Flags(u8),
    /// A reference into a heap leads outside it, or is null where it must not be.
    #[error("{what} at {offset} is outside a heap of {heap} octets")]
    OutsideHeap {
        /// What was to be found there.
        what: &'static str,
        /// Where the reference leads.
        offset: u32,
        /// How long the heap is.
        heap: usize,
    },
    /// A type code that [MS-WMIO] 2.2.82 does not list.
    #[error("unknown CIM type {0:#x}")]
    Type(u32),
    /// A string without an end, or with a flag that is neither 0 nor 1.
    #[error("malformed string at {0}")]
    Text(u32),
    /// A length or an offset contradicts another.
    #[error("inconsistent {what}: {found} where at most {most} fits")]
    Inconsistent {
        /// The field.
        what: &'static str,
        /// What it says.
        found: usize,
        /// What it can be.
        most: usize,
    },
    /// More than the limit of [`limits`](crate::limits).
    #[error("{found} {what}, where {most} is the limit")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many are accepted.
        most: u64,
    },
    /// An instance came without its class part and the class is not known.
    #[error("an instance without its class: class id {0:02x?} was not seen before")]
    ClassUnknown([u8; 16]),
    /// An ObjectArray says something that [MS-WMI] 2.2.14 does not know.
    #[error("not an object array: {what} is {found:#x}")]
    Packet {
        /// The field.
        what: &'static str,
        /// What it says.
        found: u64,
    },
}

/// Why an object cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A value is not of the type of its property.
    #[error("{name} is {found}, which does not go into {wanted}")]
    Type {
        /// The property, method or qualifier.
        name: String,
        /// Type of the value.
        found: String,
        /// Type of the property.
        wanted: Type,
    },
    /// The object could not give the value.
    #[error("{0}")]
    Object(#[from] rwmi_cim::ObjectError),
    /// The instance is of another class than the encoder.
    #[error("an instance with {found} properties for a class {class} of {wanted}")]
    Class {
        /// Class of the encoder.
        class: String,
        /// Properties of that class.
        wanted: usize,
        /// Properties of the instance's class.
        found: usize,
    },
    /// Objects nest too deep, or the encoding outgrows its 31-bit lengths.
    #[error("too large to encode: {0}")]
    TooLarge(&'static str),
}
