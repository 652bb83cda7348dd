//! Identifiers of the protocol, a type each ([MS-DCOM] 2.2.1 to 2.2.11).

use rwmi_ndr::{Decode, Encode, Guid, Reader, Writer, ndr_struct};
use std::fmt;

/// The system's random source failed: nothing unguessable can be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random octets")]
pub struct RandomError;

macro_rules! id {
    ($(#[$m:meta])* $t:ident($inner:ty), $len:literal, $from:expr, $show:literal) => {
        $(#[$m])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $t(pub $inner);

        impl $t {
            /// One from the system's cryptographic random source; never zero.
            pub fn random() -> Result<Self, RandomError> {
                let mut octets = [0u8; $len];
                while octets == [0; $len] {
                    getrandom::fill(&mut octets).map_err(|_| RandomError)?;
                }
                Ok($t($from(octets)))
            }
        }

        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $show, self.0)
            }
        }

        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Encode for $t {
            const ALIGN: usize = <$inner as Encode>::ALIGN;
            fn encode_scalars(&self, w: &mut Writer) {
                self.0.encode_scalars(w)
            }
        }

        impl Decode for $t {
            const ALIGN: usize = <$inner as Decode>::ALIGN;
            const LEN_MIN: usize = $len;
            type Pending = Self;
            fn decode_scalars(r: &mut Reader) -> rwmi_ndr::Result<Self> {
                <$inner>::decode(r).map($t)
            }
            fn decode_referents(p: Self, _: &mut Reader) -> rwmi_ndr::Result<Self> {
                Ok(p)
            }
        }
    };
}

id! { /// An object exporter: one process that serves objects.
Oxid(u64), 8, u64::from_le_bytes, "{:016x}" }
id! { /// An object within its exporter.
Oid(u64), 8, u64::from_le_bytes, "{:016x}" }
id! { /// A ping set of a client.
SetId(u64), 8, u64::from_le_bytes, "{:016x}" }
id! { /// An interface of an object within its exporter: what a request names as its object UUID.
Ipid(Guid), 16, Guid, "{}" }
id! { /// An interface.
Iid(Guid), 16, Guid, "{}" }
id! { /// An object class.
Clsid(Guid), 16, Guid, "{}" }
id! { /// A chain of calls that cause each other.
Cid(Guid), 16, Guid, "{}" }

impl Iid {
    /// IUnknown.
    pub const IUNKNOWN: Iid = Iid(rwmi_ndr::guid!("00000000-0000-0000-c000-000000000046"));
}

ndr_struct! {
    /// The version of COM that an end speaks ([MS-DCOM] 2.2.11).
    #[derive(Copy, Eq)]
    pub struct ComVersion {
        /// Major version: 5.
        pub major: u16,
        /// Minor version.
        pub minor: u16,
    }
}

impl ComVersion {
    /// Ours.
    pub const V5_7: ComVersion = ComVersion { major: 5, minor: 7 };

    /// Whether a server that speaks `self` serves a client that speaks `client` ([MS-DCOM] 1.7).
    pub fn serves(self, client: ComVersion) -> bool {
        client.major == self.major && client.minor <= self.minor
    }

    /// What a client that speaks `self` uses with a server that speaks `server`; `None` where the major versions differ.
    pub fn negotiate(self, server: ComVersion) -> Option<ComVersion> {
        (self.major == server.major).then(|| ComVersion { major: self.major, minor: self.minor.min(server.minor) })
    }
}

impl fmt::Display for ComVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_minor_version_is_spoken() {
        let v = |minor| ComVersion { major: 5, minor };
        assert_eq!(ComVersion::V5_7.negotiate(v(6)), Some(v(6)));
        assert_eq!(ComVersion::V5_7.negotiate(v(9)), Some(v(7)));
        assert_eq!(ComVersion::V5_7.negotiate(ComVersion { major: 6, minor: 0 }), None);
        assert!(ComVersion::V5_7.serves(v(1)) && !ComVersion::V5_7.serves(v(8)));
    }

    #[test]
    fn two_random_ids_differ() {
        assert_ne!(Oid::random().unwrap(), Oid::random().unwrap());
        assert_ne!(Ipid::random().unwrap(), Ipid::random().unwrap());
    }
}
