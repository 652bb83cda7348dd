//! Negotiate flags ([MS-NLMP] 2.2.2.5).

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

/// A set of negotiate flags. Unknown bits survive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Names are UTF-16.
    pub const UNICODE: Flags = Flags(0x0000_0001);
    /// The CHALLENGE shall carry the target's name.
    pub const REQUEST_TARGET: Flags = Flags(0x0000_0004);
    /// Messages are signed.
    pub const SIGN: Flags = Flags(0x0000_0010);
    /// Messages are sealed.
    pub const SEAL: Flags = Flags(0x0000_0020);
    /// NTLM session security.
    pub const NTLM: Flags = Flags(0x0000_0200);
    /// The client has no name to give.
    pub const ANONYMOUS: Flags = Flags(0x0000_0800);
    /// A session key is wanted whether or not anything is signed.
    pub const ALWAYS_SIGN: Flags = Flags(0x0000_8000);
    /// The target's name in CHALLENGE is a computer's.
    pub const TARGET_TYPE_SERVER: Flags = Flags(0x0002_0000);
    /// Extended session security.
    pub const EXTENDED_SESSION_SECURITY: Flags = Flags(0x0008_0000);
    /// The client lets the server identify it, and no more.
    pub const IDENTIFY: Flags = Flags(0x0010_0000);
    /// CHALLENGE carries a target information list.
    pub const TARGET_INFO: Flags = Flags(0x0080_0000);
    /// The version field means something.
    pub const VERSION: Flags = Flags(0x0200_0000);
    /// Sealing keys have 128 bits.
    pub const KEY_128: Flags = Flags(0x2000_0000);
    /// The client chooses the session key and sends it under the password's key.
    pub const KEY_EXCHANGE: Flags = Flags(0x4000_0000);
    /// Sealing keys have 56 bits, where 128 are not agreed.
    pub const KEY_56: Flags = Flags(0x8000_0000);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether some bit of `other` is set.
    pub const fn intersects(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitAnd for Flags {
    type Output = Flags;
    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

impl Not for Flags {
    type Output = Flags;
    fn not(self) -> Flags {
        Flags(!self.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#010x})", self.0)
    }
}
