//! Signing and sealing with extended session security ([MS-NLMP] 3.4).
//!
//! ```text
//! signature: 01 00 00 00 | 8 octets: HMAC-MD5(number | text), through RC4 where a key was exchanged | number
//! ```

use super::Flags;
use super::crypt::{Key, keyed, seal_key, sign_key};
use super::rc4::Rc4;
use crate::{AuthError, AuthLevel, AuthType, Identity, SecurityContext, Segments, Step};
use hmac::{Hmac, Mac};
use md5::Md5;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Which end of the conversation this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The client.
    Initiator,
    /// The server.
    Acceptor,
}

/// An established NTLM session: a key, and for each direction a number and a cipher state.
///
/// As a [`SecurityContext`] it is one whose handshake happened elsewhere: [`SecurityContext::step`] is misuse.
pub struct Session {
    key: Key,
    flags: Flags,
    auth_type: AuthType,
    outgoing: Direction,
    incoming: Direction,
    /// Set by the first failure: after it both ends' cipher states are apart.
    broken: bool,
}

impl Session {
    /// A session of an exported session key and the flags that were agreed, before its first message.
    ///
    /// For those who have the key already: a handshake, a test on recorded octets, a dump.
    pub fn from_key(key: [u8; 16], flags: Flags, role: Role) -> Session {
        let key = Zeroizing::new(key);
        let direction = |from_client| {
            let seal_key = seal_key(&key, flags, from_client);
            let rc4 = Rc4::new(&seal_key);
            Direction {
                mac: keyed(&*sign_key(&key, from_client)),
                seal_key,
                rc4,
                number: 0,
                exchanged: flags.contains(Flags::KEY_EXCHANGE),
            }
        };
        let (outgoing, incoming) = (direction(role == Role::Initiator), direction(role != Role::Initiator));
        Session { key, flags, auth_type: AuthType::NTLM, outgoing, incoming, broken: false }
    }

    /// The same session under another number in security trailers, as inside SPNEGO.
    #[must_use]
    pub fn with_auth_type(mut self, auth_type: AuthType) -> Session {
        self.auth_type = auth_type;
        self
    }

    /// The flags that were agreed.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Signs an outgoing text, given in parts.
    pub fn sign(&mut self, parts: &[&[u8]]) -> Result<[u8; 16], AuthError> {
        self.usable()?;
        let checksum = self.outgoing.checksum(parts);
        Ok(self.outgoing.signature(checksum))
    }

    /// Verifies the signature of an incoming text, given in parts.
    pub fn verify(&mut self, parts: &[&[u8]], signature: &[u8]) -> Result<(), AuthError> {
        self.usable()?;
        let checksum = self.incoming.checksum(parts);
        let expected = self.incoming.signature(checksum);
        self.compare(&expected, signature)
    }

    /// Signs the three segments and seals the body in place.
    pub fn seal(&mut self, pdu: Segments<'_>) -> Result<[u8; 16], AuthError> {
        self.usable()?;
        self.sealing()?;
        // The checksum is of the plain text, but takes its RC4 octets after the body's.
        let checksum = self.outgoing.checksum(&[pdu.header, pdu.body, pdu.trailer]);
        self.outgoing.rc4.apply(pdu.body);
        Ok(self.outgoing.signature(checksum))
    }

    /// Opens the body in place and verifies the signature of the three segments.
    /// After an error the body is not to be looked at.
    pub fn unseal(&mut self, pdu: Segments<'_>, signature: &[u8]) -> Result<(), AuthError> {
        self.usable()?;
        self.sealing()?;
        self.incoming.rc4.apply(pdu.body);
        let checksum = self.incoming.checksum(&[pdu.header, pdu.body, pdu.trailer]);
        let expected = self.incoming.signature(checksum);
        self.compare(&expected, signature)
    }

    /// Signs the mechanism list of SPNEGO. The cipher state goes back to its start, the number goes on ([MS-SPNG] 3.1.5.1;
    /// seen in real octets).
    pub fn sign_mech_list(&mut self, list: &[u8]) -> Result<[u8; 16], AuthError> {
        let signature = self.sign(&[list])?;
        self.outgoing.rewind();
        Ok(signature)
    }

    /// Verifies the peer's signature of the mechanism list; see [`Session::sign_mech_list`].
    pub fn verify_mech_list(&mut self, list: &[u8], signature: &[u8]) -> Result<(), AuthError> {
        self.verify(&[list], signature)?;
        self.incoming.rewind();
        Ok(())
    }

    fn usable(&self) -> Result<(), AuthError> {
        if self.broken { Err(AuthError::Misuse("a session after a bad signature")) } else { Ok(()) }
    }

    fn sealing(&self) -> Result<(), AuthError> {
        if self.flags.contains(Flags::SEAL) { Ok(()) } else { Err(AuthError::Unsupported("sealing was not negotiated")) }
    }

    fn compare(&mut self, expected: &[u8; 16], found: &[u8]) -> Result<(), AuthError> {
        if bool::from(expected.as_slice().ct_eq(found)) {
            return Ok(());
        }
        self.broken = true;
        Err(AuthError::BadSignature)
    }
}

impl SecurityContext for Session {
    fn auth_type(&self) -> AuthType {
        self.auth_type
    }

    fn step(&mut self, _token: &[u8]) -> Result<Step, AuthError> {
        Err(AuthError::Misuse("a step after the handshake"))
    }

    fn is_established(&self) -> bool {
        true
    }

    fn token_len(&self, level: AuthLevel, _body_len: usize) -> usize {
        if level <= AuthLevel::Connect { 0 } else { 16 }
    }

    /// NTLM signs header, body and trailer whether or not header signing was agreed: all peers do.
    fn protect(&mut self, level: AuthLevel, _header_signing: bool, pdu: Segments<'_>) -> Result<Vec<u8>, AuthError> {
        match level {
            AuthLevel::None | AuthLevel::Connect => Ok(Vec::new()),
            AuthLevel::Call | AuthLevel::Packet | AuthLevel::Integrity => {
                self.sign(&[pdu.header, pdu.body, pdu.trailer]).map(|token| token.to_vec())
            }
            AuthLevel::Privacy => self.seal(pdu).map(|token| token.to_vec()),
        }
    }

    fn unprotect(&mut self, level: AuthLevel, _header_signing: bool, pdu: Segments<'_>, token: &[u8]) -> Result<(), AuthError> {
        match level {
            AuthLevel::None | AuthLevel::Connect => Ok(()),
            AuthLevel::Call | AuthLevel::Packet | AuthLevel::Integrity => self.verify(&[pdu.header, pdu.body, pdu.trailer], token),
            AuthLevel::Privacy => self.unseal(pdu, token),
        }
    }

    fn session_key(&self) -> Option<&[u8]> {
        Some(&*self.key)
    }

    fn peer(&self) -> Option<&Identity> {
        None
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("flags", &self.flags)
            .field("sent", &self.outgoing.number)
            .field("received", &self.incoming.number)
            .finish_non_exhaustive()
    }
}

/// One direction's keys, number and cipher state; all wiped when dropped.
struct Direction {
    /// Has its key; cloned for each message.
    mac: Hmac<Md5>,
    seal_key: Key,
    rc4: Rc4,
    number: u32,
    exchanged: bool,
}

impl Direction {
    fn checksum(&self, parts: &[&[u8]]) -> [u8; 8] {
        let mut mac = self.mac.clone();
        mac.update(&self.number.to_le_bytes());
        for part in parts {
            mac.update(part);
        }
        let [head @ .., _, _, _, _, _, _, _, _] = <[u8; 16]>::from(mac.finalize().into_bytes());
        head
    }

    /// Closes a message: its signature, and on to the next number.
    fn signature(&mut self, mut checksum: [u8; 8]) -> [u8; 16] {
        if self.exchanged {
            self.rc4.apply(&mut checksum);
        }
        let [c0, c1, c2, c3, c4, c5, c6, c7] = checksum;
        let [n0, n1, n2, n3] = self.number.to_le_bytes();
        self.number = self.number.wrapping_add(1);
        [1, 0, 0, 0, c0, c1, c2, c3, c4, c5, c6, c7, n0, n1, n2, n3]
    }

    fn rewind(&mut self) {
        self.rc4 = Rc4::new(&self.seal_key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Flags = Flags(0xe088_8235);

    fn pair(flags: Flags) -> (Session, Session) {
        let key = *b"0123456789abcdef";
        (Session::from_key(key, flags, Role::Initiator), Session::from_key(key, flags, Role::Acceptor))
    }

    fn pass(from: &mut Session, to: &mut Session, level: AuthLevel, bend: impl Fn(&mut [u8], &mut Vec<u8>)) -> Result<(), AuthError> {
        let mut body = *b"the body of a PDU";
        let mut token = from.protect(level, false, Segments { header: b"head", body: &mut body, trailer: b"tail" }).unwrap();
        assert_eq!(body == *b"the body of a PDU", level != AuthLevel::Privacy);
        assert_eq!(token.len(), from.token_len(level, body.len()));
        bend(&mut body, &mut token);
        to.unprotect(level, true, Segments { header: b"head", body: &mut body, trailer: b"tail" }, &token)?;
        assert_eq!(&body, b"the body of a PDU");
        Ok(())
    }

    /// [MS-NLMP] 4.2.4.4: NTLMv2, all three of 128-bit, key exchange and extended session security.
    #[test]
    fn a_sealed_message_is_that_of_the_specification() {
        let mut session = Session::from_key([0x55; 16], Flags(0xe28a_8233), Role::Initiator);
        let mut text: Vec<u8> = "Plaintext".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let signature = session.seal(Segments { header: b"", body: &mut text, trailer: b"" }).unwrap();
        assert_eq!(text, [0x54, 0xe5, 0x01, 0x65, 0xbf, 0x19, 0x36, 0xdc, 0x99, 0x60, 0x20, 0xc1, 0x81, 0x1b, 0x0f, 0x06, 0xfb, 0x5f]);
        assert_eq!(signature, [1, 0, 0, 0, 0x7f, 0xb3, 0x8e, 0xc5, 0xc5, 0x5d, 0x49, 0x76, 0, 0, 0, 0]);
    }

    #[test]
    fn what_one_end_protects_the_other_opens_in_order() {
        let (mut client, mut server) = pair(ALL);
        for level in [AuthLevel::Privacy, AuthLevel::Integrity, AuthLevel::Packet, AuthLevel::Privacy, AuthLevel::Call, AuthLevel::Connect]
        {
            pass(&mut client, &mut server, level, |_, _| ()).unwrap();
            pass(&mut server, &mut client, level, |_, _| ()).unwrap();
        }
    }

    #[test]
    fn any_bent_bit_is_found() {
        for level in [AuthLevel::Privacy, AuthLevel::Integrity] {
            for at in 0..17 {
                let (mut client, mut server) = pair(ALL);
                assert_eq!(pass(&mut client, &mut server, level, |body, _| body[at] ^= 1), Err(AuthError::BadSignature));
            }
            for at in 0..16 {
                let (mut client, mut server) = pair(ALL);
                assert_eq!(pass(&mut client, &mut server, level, |_, token| token[at] ^= 0x80), Err(AuthError::BadSignature));
            }
        }
    }

    #[test]
    fn a_token_of_another_length_is_no_signature() {
        for len in [0, 8, 15, 17] {
            let (mut client, mut server) = pair(ALL);
            assert_eq!(pass(&mut client, &mut server, AuthLevel::Integrity, |_, token| token.resize(len, 0)), Err(AuthError::BadSignature));
        }
    }

    #[test]
    fn header_and_trailer_are_signed_without_header_signing_too() {
        let (mut client, mut server) = pair(ALL);
        let token = client.protect(AuthLevel::Integrity, false, Segments { header: b"head", body: &mut [1], trailer: b"t" }).unwrap();
        let other = Segments { header: b"Head", body: &mut [1], trailer: b"t" };
        assert_eq!(server.unprotect(AuthLevel::Integrity, false, other, &token), Err(AuthError::BadSignature));
    }

    #[test]
    fn a_message_played_twice_or_left_out_is_found() {
        let (mut client, mut server) = pair(ALL);
        let first = client.sign(&[b"a"]).unwrap();
        let second = client.sign(&[b"b"]).unwrap();
        server.verify(&[b"a"], &first).unwrap();
        assert_eq!(server.verify(&[b"a"], &first), Err(AuthError::BadSignature));
        assert!(matches!(server.verify(&[b"b"], &second), Err(AuthError::Misuse(_))), "a session breaks once");
        let (mut client, mut server) = pair(ALL);
        client.sign(&[b"a"]).unwrap();
        let second = client.sign(&[b"b"]).unwrap();
        assert_eq!(server.verify(&[b"b"], &second), Err(AuthError::BadSignature));
    }

    #[test]
    fn a_message_turned_back_at_its_sender_is_found() {
        let (mut client, _) = pair(ALL);
        let token = client.sign(&[b"a"]).unwrap();
        assert_eq!(client.verify(&[b"a"], &token), Err(AuthError::BadSignature));
    }

    #[test]
    fn without_the_seal_flag_signing_works_and_sealing_does_not() {
        let (mut client, mut server) = pair(ALL & !Flags::SEAL);
        pass(&mut client, &mut server, AuthLevel::Integrity, |_, _| ()).unwrap();
        let privacy = client.protect(AuthLevel::Privacy, true, Segments { header: b"", body: &mut [1], trailer: b"" });
        assert!(matches!(privacy, Err(AuthError::Unsupported(_))));
    }

    #[test]
    fn after_the_mechanism_list_numbers_go_on_and_ciphers_start_anew() {
        let (mut client, mut server) = pair(ALL);
        let (mut fresh, _) = pair(ALL);
        let mic = client.sign_mech_list(b"list").unwrap();
        server.verify_mech_list(b"list", &mic).unwrap();
        let mic = server.sign_mech_list(b"list").unwrap();
        client.verify_mech_list(b"list", &mic).unwrap();
        fresh.outgoing.number = 1;
        assert_eq!(client.sign(&[b"x"]).unwrap(), fresh.sign(&[b"x"]).unwrap());
        let next = client.sign(&[b"y"]).unwrap();
        assert_eq!(next[12..], [2, 0, 0, 0]);
    }
}
