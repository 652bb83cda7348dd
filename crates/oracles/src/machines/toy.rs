//! A mechanism that protects nothing, but notices every octet changed and every PDU out of order; or, if lenient, takes all.

use rwmi_auth::{AuthError, AuthLevel, AuthType, Identity, SecurityContext, Segments, Step};

pub(crate) struct Toy {
    auth_type: AuthType,
    is_initiator: bool,
    is_lenient: bool,
    /// Tokens seen and sent.
    leg: u8,
    sent: u64,
    received: u64,
    peer: Option<Identity>,
}

impl Toy {
    pub(crate) fn new(auth_type: AuthType, is_initiator: bool, is_lenient: bool) -> Toy {
        Toy { auth_type, is_initiator, is_lenient, leg: 0, sent: 0, received: 0, peer: None }
    }

    /// Three tokens as NTLM has them, four as SPNEGO.
    fn legs(&self) -> u8 {
        if self.auth_type == AuthType::SPNEGO { 4 } else { 3 }
    }

    fn signature(&self, number: u64, from_initiator: bool, header_signing: bool, pdu: &Segments<'_>) -> [u8; 16] {
        let ends: (&[u8], &[u8]) = if header_signing { (pdu.header, pdu.trailer) } else { (&[], &[]) };
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ number.rotate_left(32) ^ u64::from(from_initiator);
        for octet in [ends.0, &*pdu.body, ends.1].into_iter().flatten() {
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut out = [0; 16];
        let (low, high) = out.split_at_mut(8);
        low.copy_from_slice(&hash.to_le_bytes());
        high.copy_from_slice(&number.to_le_bytes());
        out
    }
}

/// The same twice gives what there was.
fn crypt(number: u64, body: &mut [u8]) {
    let mut key = (number as u8).wrapping_mul(31).wrapping_add(0x55);
    for octet in body {
        *octet ^= key;
        key = key.wrapping_add(1);
    }
}

impl SecurityContext for Toy {
    fn auth_type(&self) -> AuthType {
        self.auth_type
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if !(self.is_initiator && self.leg == 0) {
            if !self.is_lenient && token != [self.leg + 1] {
                return Err(AuthError::LogonDenied);
            }
            self.leg += 1;
        }
        if self.legs() < self.leg {
            return Err(AuthError::Misuse("a token too many"));
        }
        let step = if self.leg == self.legs() {
            Step::Done(None)
        } else {
            self.leg += 1;
            let token = vec![self.leg];
            if self.leg == self.legs() { Step::Done(Some(token)) } else { Step::Continue(token) }
        };
        if matches!(step, Step::Done(_)) {
            self.peer = Some(Identity { user: "toy".into(), domain: String::new(), identify_only: false });
        }
        Ok(step)
    }

    fn is_established(&self) -> bool {
        self.peer.is_some()
    }

    fn token_len(&self, _: AuthLevel, _: usize) -> usize {
        16
    }

    fn protect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>) -> Result<Vec<u8>, AuthError> {
        assert!(self.is_established() && AuthLevel::Connect < level, "asked to protect what it must not");
        let token = self.signature(self.sent, self.is_initiator, header_signing, &pdu);
        if level == AuthLevel::Privacy && !self.is_lenient {
            crypt(self.sent, pdu.body);
        }
        self.sent += 1;
        Ok(token.to_vec())
    }

    fn unprotect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>, token: &[u8]) -> Result<(), AuthError> {
        assert!(self.is_established() && AuthLevel::Connect < level, "asked to open what it must not");
        if self.is_lenient {
            return Ok(());
        }
        if level == AuthLevel::Privacy {
            crypt(self.received, pdu.body);
        }
        let expect = self.signature(self.received, !self.is_initiator, header_signing, &pdu);
        self.received += 1;
        if token == expect { Ok(()) } else { Err(AuthError::BadSignature) }
    }

    fn session_key(&self) -> Option<&[u8]> {
        self.peer.as_ref().map(|_| &b"toy"[..])
    }

    fn peer(&self) -> Option<&Identity> {
        self.peer.as_ref()
    }
}
