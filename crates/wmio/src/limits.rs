//! What a decoder accepts of a peer. Every count has its bound before anything is allocated for it.

/// Properties of a class.
pub const PROPERTIES_MAX: usize = 4096;
/// Methods of a class.
pub const METHODS_MAX: usize = 1024;
/// Ancestors of a class.
pub const DERIVATION_MAX: usize = 64;
/// Qualifiers of one set.
pub const QUALIFIERS_MAX: usize = 256;
/// How deep objects nest: an object in a property, a method's signature in a class.
pub const DEPTH_MAX: u8 = 16;
/// Objects inside one unit.
pub const OBJECTS_MAX: u32 = 4096;
/// Objects of one ObjectArray.
pub const PACKET_OBJECTS_MAX: usize = 65_536;

/// How often the octets of a class part may be read on average, before it counts as an attack.
///
/// A heap item is referenced exactly once ([MS-WMIO] 2.2.66), so 1 is what every encoder of that law needs. Without a
/// bound, a few kilobytes of references to one long string would expand into gigabytes.
pub(crate) const AMPLIFICATION_MAX: u64 = 4;
/// Octets that any object may cost on top of that.
pub(crate) const COST_BASE: u64 = 1 << 16;
