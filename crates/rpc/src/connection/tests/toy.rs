//! A mechanism that protects nothing, but notices every octet changed and every PDU out of order.

use rwmi_auth::{AuthError, AuthLevel, AuthType, Identity, SecurityContext, Segments, Step};

/// Three legs as NTLM has them.
pub(crate) const THREE_LEGS: AuthType = AuthType(10);
/// Four legs as SPNEGO has them.
pub(crate) const FOUR_LEGS: AuthType = AuthType(9);

pub(crate) struct Toy {
    auth_type: AuthType,
    initiator: bool,
    password: &'static str,
    leg: usize,
    sent: u64,
    received: u64,
    peer: Option<Identity>,
}

impl Toy {
    pub(crate) fn initiator(auth_type: AuthType, password: &'static str) -> Box<dyn SecurityContext> {
        Box::new(Toy { auth_type, initiator: true, password, leg: 0, sent: 0, received: 0, peer: None })
    }

    pub(crate) fn acceptor(auth_type: AuthType, password: &'static str) -> Box<dyn SecurityContext> {
        Box::new(Toy { auth_type, initiator: false, password, leg: 0, sent: 0, received: 0, peer: None })
    }

    fn legs(&self) -> usize {
        if self.auth_type == FOUR_LEGS { 4 } else { 3 }
    }

    /// The token of a leg. The password is proven by the third and after.
    fn token(&self, leg: usize) -> Vec<u8> {
        if leg < 3 { format!("{leg}") } else { format!("{leg} {}", self.password) }.into_bytes()
    }

    fn signature(&self, number: u64, from_initiator: bool, parts: &[&[u8]]) -> [u8; 16] {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ number.rotate_left(32) ^ u64::from(from_initiator);
        for octet in parts.iter().flat_map(|p| p.iter()) {
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut out = [0; 16];
        out[..8].copy_from_slice(&hash.to_le_bytes());
        out[8..].copy_from_slice(&number.to_le_bytes());
        out
    }

    fn crypt(&self, number: u64, body: &mut [u8]) {
        for (at, octet) in body.iter_mut().enumerate() {
            *octet ^= (number as u8).wrapping_mul(31).wrapping_add(at as u8).wrapping_add(0x55);
        }
    }
}

impl SecurityContext for Toy {
    fn auth_type(&self) -> AuthType {
        self.auth_type
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if !(self.initiator && self.leg == 0) {
            if token != self.token(self.leg + 1) {
                return Err(AuthError::LogonDenied);
            }
            self.leg += 1;
        }
        let step = if self.leg == self.legs() {
            Step::Done(None)
        } else {
            self.leg += 1;
            let token = self.token(self.leg);
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
        assert!(self.is_established() && AuthLevel::Connect < level);
        let ends: (&[u8], &[u8]) = if header_signing { (pdu.header, pdu.trailer) } else { (&[], &[]) };
        let token = self.signature(self.sent, self.initiator, &[ends.0, pdu.body, ends.1]);
        if level == AuthLevel::Privacy {
            self.crypt(self.sent, pdu.body);
        }
        self.sent += 1;
        Ok(token.to_vec())
    }

    fn unprotect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>, token: &[u8]) -> Result<(), AuthError> {
        if level == AuthLevel::Privacy {
            self.crypt(self.received, pdu.body);
        }
        let ends: (&[u8], &[u8]) = if header_signing { (pdu.header, pdu.trailer) } else { (&[], &[]) };
        let expect = self.signature(self.received, !self.initiator, &[ends.0, pdu.body, ends.1]);
        self.received += 1;
        if token == expect { Ok(()) } else { Err(AuthError::BadSignature) }
    }

    fn session_key(&self) -> Option<&[u8]> {
        self.peer.as_ref().map(|_| self.password.as_bytes())
    }

    fn peer(&self) -> Option<&Identity> {
        self.peer.as_ref()
    }
}
