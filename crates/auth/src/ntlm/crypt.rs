//! Hashes and keys ([MS-NLMP] 3.3.2, 3.4.5).

use super::Flags;
use super::rc4::Rc4;
use crate::NtHash;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use zeroize::{Zeroize, Zeroizing};

/// Sixteen octets that are wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 16]>;

/// The NT hash of a password: MD4 of its UTF-16 text ([MS-NLMP] 3.3.1, NTOWFv1).
pub fn nt_hash(password: &str) -> NtHash {
    // Room for all of it at once, so that no copy of the password is left behind by growing.
    let mut text = Zeroizing::new(Vec::with_capacity(password.len().saturating_mul(2)));
    for mut unit in password.encode_utf16() {
        let mut octets = unit.to_le_bytes();
        text.extend_from_slice(&octets);
        unit.zeroize();
        octets.zeroize();
    }
    let mut digest: [u8; 16] = md4::Md4::digest(&*text).into();
    let hash = NtHash(digest);
    digest.zeroize();
    hash
}

/// MD5 over the channel bindings structure that holds only application data, as `tls-server-end-point:` and a hash
/// (RFC 5929; [MS-NLMP] 2.2.2.1, MsvAvChannelBindings).
pub fn channel_bindings(application_data: &[u8]) -> [u8; 16] {
    let len = u32::try_from(application_data.len()).unwrap_or(u32::MAX);
    md5(&[&[0; 16], &len.to_le_bytes(), application_data])
}

/// The key that a password, a user and a domain make ([MS-NLMP] 3.3.2, NTOWFv2). Names are UTF-16LE octets.
///
/// The user is upper-cased here; the domain is taken as it was sent.
pub(super) fn response_key(hash: &NtHash, user: &[u8], domain: &[u8]) -> Key {
    let upper: Vec<u8> = user
        .chunks_exact(2)
        .flat_map(|unit| match *unit {
            [low, high] => uppercase(u16::from_le_bytes([low, high])).to_le_bytes(),
            _ => [0; 2],
        })
        .collect();
    hmac_md5(&hash.0, &[&upper, domain])
}

/// Upper case of one UTF-16 unit, always one unit, as Windows has it for names.
///
/// Windows maps a letter only where the way back leads to the same letter (dotless i, long s, micro sign and sharp s stay as they
/// are), except for the final sigma. A surrogate is no letter.
pub(super) fn uppercase(unit: u16) -> u16 {
    const FINAL_SIGMA: u16 = 0x03c2;
    const SIGMA: u16 = 0x03a3;
    if unit == FINAL_SIGMA {
        return SIGMA;
    }
    let Some(letter) = char::from_u32(u32::from(unit)) else { return unit };
    let mut upper = letter.to_uppercase();
    let (Some(up), None) = (upper.next(), upper.next()) else { return unit };
    let mut lower = up.to_lowercase();
    if (lower.next(), lower.next()) != (Some(letter), None) {
        return unit;
    }
    u16::try_from(u32::from(up)).unwrap_or(unit)
}

pub(super) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> Key {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// An HMAC-MD5 that has its key and waits for text.
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
pub(super) fn keyed(key: &[u8]) -> Hmac<Md5> {
    <Hmac<Md5> as KeyInit>::new_from_slice(key).expect("any length")
}

/// RC4 over 16 octets under a key used once: the session key under the key exchange key.
pub(super) fn rc4_once(key: &[u8; 16], octets: &mut [u8; 16]) {
    Rc4::new(key).apply(octets);
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// SIGNKEY for one direction ([MS-NLMP] 3.4.5.2).
pub(super) fn sign_key(session_key: &[u8; 16], from_client: bool) -> Key {
    let magic: &[u8] = if from_client {
        b"session key to client-to-server signing key magic constant\0"
    } else {
        b"session key to server-to-client signing key magic constant\0"
    };
    Zeroizing::new(md5(&[session_key, magic]))
}

/// SEALKEY for one direction ([MS-NLMP] 3.4.5.3): from 128, 56 or 40 bits of the session key.
pub(super) fn seal_key(session_key: &[u8; 16], flags: Flags, from_client: bool) -> Key {
    let magic: &[u8] = if from_client {
        b"session key to client-to-server sealing key magic constant\0"
    } else {
        b"session key to server-to-client sealing key magic constant\0"
    };
    let [bits40 @ .., _, _, _, _, _, _, _, _, _, _, _] = session_key;
    let [bits56 @ .., _, _, _, _, _, _, _, _, _] = session_key;
    let used: &[u8] = if flags.contains(Flags::KEY_128) {
        session_key
    } else if flags.contains(Flags::KEY_56) {
        bits56
    } else {
        bits40
    };
    Zeroizing::new(md5(&[used, magic]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// [MS-NLMP] 4.2.2.1.2 and 4.2.4.1.1.
    #[test]
    fn keys_of_a_password_are_those_of_the_specification() {
        let hash = nt_hash("Password");
        assert_eq!(hash.0, 0xa4f4_9c40_6510_bdca_b682_4ee7_c30f_d852_u128.to_be_bytes());
        let key = response_key(&hash, &utf16("User"), &utf16("Domain"));
        assert_eq!(*key, 0x0c86_8a40_3bfd_7a93_a300_1ef2_2ef0_2e3f_u128.to_be_bytes());
    }

    #[test]
    fn an_empty_password_has_a_hash() {
        assert_eq!(nt_hash("").0, 0x31d6_cfe0_d16a_e931_b73c_59d7_e0c0_89c0_u128.to_be_bytes());
    }

    #[test]
    fn a_unit_is_upper_cased_to_one_unit() {
        fn check(input: &str, expect: &str) {
            let upper: Vec<u16> = input.encode_utf16().map(uppercase).collect();
            assert_eq!(String::from_utf16(&upper).unwrap(), expect);
        }
        check("alice-9", "ALICE-9");
        check("straße", "STRAßE");
        check("ÿéñ", "ŸÉÑ");
        check("жя", "ЖЯ");
        check("ıſµ", "ıſµ");
        check("ας", "ΑΣ");
        check("\u{10428}", "\u{10428}"); // a letter outside the first plane: two surrogates, left alone
        check("ŉ", "ŉ");
    }

    #[test]
    fn weaker_sealing_keys_use_fewer_bits() {
        let key: [u8; 16] = core::array::from_fn(|i| i as u8);
        let of = |flags| *seal_key(&key, flags, true);
        assert_eq!(of(Flags::KEY_128 | Flags::KEY_56), of(Flags::KEY_128));
        assert_ne!(of(Flags::KEY_56), of(Flags::KEY_128));
        assert_ne!(of(Flags(0)), of(Flags::KEY_56));
        assert_eq!(of(Flags(0)), md5(&[&key[..5], b"session key to client-to-server sealing key magic constant\0"]));
        assert_eq!(of(Flags::KEY_56), md5(&[&key[..7], b"session key to client-to-server sealing key magic constant\0"]));
    }
}
