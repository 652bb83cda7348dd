//! What a mechanism needs from outside itself: random octets and the time of day.

use crate::AuthError;
use std::fmt;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where random octets and the time come from. Handed in through a mechanism's options.
pub trait Ambient: Send + Sync + fmt::Debug {
    /// Fills the whole buffer with octets that nobody can guess.
    fn random(&self, octets: &mut [u8]) -> Result<(), AuthError>;

    /// Now, in units of 100 ns since 1601-01-01 UTC ([MS-DTYP] 2.3.3).
    fn filetime(&self) -> u64;
}

/// The operating system's random source and clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct System;

impl Ambient for System {
    fn random(&self, octets: &mut [u8]) -> Result<(), AuthError> {
        getrandom::fill(octets).map_err(|_| AuthError::Unsupported("no random octets from the operating system"))
    }

    fn filetime(&self) -> u64 {
        // A clock before 1970 gives 1970: the time is a nonce here, no decision hangs on it.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since
            .as_secs()
            .saturating_add(SECONDS_1601_TO_1970)
            .saturating_mul(10_000_000)
            .saturating_add(u64::from(since.subsec_nanos() / 100))
    }
}

/// A recorded source: gives the octets it was made of, once each and in order, and one time. For replays only.
///
/// Asked for more than it has, it fails, so that no replay goes on with octets of another conversation.
pub struct Recorded {
    octets: Mutex<Vec<u8>>,
    filetime: u64,
}

impl Recorded {
    /// A source of these octets and this time.
    pub fn new(octets: impl Into<Vec<u8>>, filetime: u64) -> Self {
        Recorded { octets: Mutex::new(octets.into()), filetime }
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("filetime", &self.filetime).finish_non_exhaustive()
    }
}

impl Ambient for Recorded {
    fn random(&self, octets: &mut [u8]) -> Result<(), AuthError> {
        let mut left = self.octets.lock().map_err(|_| AuthError::Misuse("the recorded source was poisoned"))?;
        let taken = left.get(..octets.len()).ok_or(AuthError::Misuse("the recorded random octets are used up"))?;
        octets.copy_from_slice(taken);
        left.drain(..octets.len());
        Ok(())
    }

    fn filetime(&self) -> u64 {
        self.filetime
    }
}

const SECONDS_1601_TO_1970: u64 = 11_644_473_600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_octets_are_given_once_and_in_order() {
        let source = Recorded::new([1, 2, 3], 7);
        let mut two = [0; 2];
        source.random(&mut two).unwrap();
        assert_eq!((two, source.filetime()), ([1, 2], 7));
        assert!(source.random(&mut two).is_err());
        source.random(&mut two[..1]).unwrap();
        assert_eq!(two[0], 3);
    }

    #[test]
    fn the_system_clock_is_after_2025_and_its_octets_differ() {
        assert!(System.filetime() > 133_801_632_000_000_000);
        let (mut a, mut b) = ([0; 16], [0; 16]);
        System.random(&mut a).unwrap();
        System.random(&mut b).unwrap();
        assert_ne!(a, b);
    }
}
