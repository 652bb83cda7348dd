//! The client's end.

use super::av::{AvId, AvPairs, push};
use super::crypt::{Key, hmac_md5, nt_hash, rc4_once, response_key};
use super::message::{Authenticate, Challenge, Negotiate};
use super::{Flags, Role, Session};
use crate::{Ambient, AuthError, AuthLevel, AuthType, Credentials, Identity, NtHash, SecurityContext, Segments, Step, System};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How a client authenticates. The default asks for sealing and names no service.
#[derive(Debug, Clone)]
pub struct InitiatorOptions {
    /// Service principal name that the caller wanted to reach, as `rpcss/host`: lets the server find out that its
    /// client was lured (MsvAvTargetName).
    pub target_name: Option<String>,
    /// Name of this computer; empty is well.
    pub workstation: String,
    /// Hash of the channel bindings, from [`super::channel_bindings`]; none where there is no outer channel.
    pub channel_bindings: Option<[u8; 16]>,
    /// Let the server know who calls, but not act as them.
    pub identify: bool,
    /// Ask for sealing: needed for [`AuthLevel::Privacy`] only.
    pub seal: bool,
    /// Random octets (8 of client challenge, then 16 of session key) and the time.
    pub ambient: Arc<dyn Ambient>,
}

impl Default for InitiatorOptions {
    fn default() -> Self {
        InitiatorOptions {
            target_name: None,
            workstation: String::new(),
            channel_bindings: None,
            identify: false,
            seal: true,
            ambient: Arc::new(System),
        }
    }
}

/// A client's NTLM context. Always NTLMv2, always with a MIC, 128-bit keys and key exchange.
pub struct Initiator {
    hash: NtHash,
    user: Vec<u8>,
    domain: Vec<u8>,
    options: InitiatorOptions,
    state: State,
}

enum State {
    Start,
    WaitChallenge { negotiate: Vec<u8>, offered: Flags },
    Established(Box<Session>),
    Failed,
}

impl Initiator {
    /// A context for an account with its password.
    pub fn new(credentials: &Credentials, options: InitiatorOptions) -> Self {
        Self::with_hash(&credentials.user, &credentials.domain, nt_hash(credentials.password.expose()), options)
    }

    /// A context for an account with the NT hash of its password.
    pub fn with_hash(user: &str, domain: &str, hash: NtHash, options: InitiatorOptions) -> Self {
        Initiator { hash, user: utf16(user), domain: utf16(domain), options, state: State::Start }
    }

    /// The session, once established.
    pub fn session(&self) -> Option<&Session> {
        match &self.state {
            State::Established(session) => Some(session),
            _ => None,
        }
    }

    pub(crate) fn session_mut(&mut self) -> Result<&mut Session, AuthError> {
        match &mut self.state {
            State::Established(session) => Ok(session),
            _ => Err(AuthError::Misuse("protection before the handshake is complete")),
        }
    }

    fn negotiate(&self) -> Flags {
        let mut flags = NEEDED | WISHED;
        if self.options.seal {
            flags = flags | Flags::SEAL;
        }
        if self.options.identify {
            flags = flags | Flags::IDENTIFY;
        }
        flags
    }

    fn authenticate(&self, negotiate: &[u8], offered: Flags, token: &[u8]) -> Result<(Vec<u8>, Session), AuthError> {
        let challenge = Challenge::decode(token)?;
        let flags = self.agree(offered, challenge.flags)?;
        let server = AvPairs::decode(challenge.target_info)?;
        let info = self.target_info(&server)?;

        let mut nonce = [0; 8];
        self.options.ambient.random(&mut nonce)?;
        let mut exported: Key = Zeroizing::new([0; 16]);
        self.options.ambient.random(&mut *exported)?;

        // [MS-NLMP] 2.2.2.7: what the proof is of.
        let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
        blob.extend_from_slice(&server.timestamp().unwrap_or_else(|| self.options.ambient.filetime()).to_le_bytes());
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(&[0; 4]);
        blob.extend_from_slice(&info);
        blob.extend_from_slice(&[0; 4]);

        let key = response_key(&self.hash, &self.user, &self.domain);
        let proof = hmac_md5(&*key, &[&challenge.challenge, &blob]);
        let base = hmac_md5(&*key, &[&*proof]);
        let mut lm_response = [0; 24];
        if server.timestamp().is_none() {
            // A server without a clock in its list may still want LMv2; one with it must get zeroes (3.1.5.1.2).
            let (head, tail) = lm_response.split_at_mut(16);
            head.copy_from_slice(&*hmac_md5(&*key, &[&challenge.challenge, &nonce]));
            tail.copy_from_slice(&nonce);
        }
        let mut wrapped = *exported;
        rc4_once(&base, &mut wrapped);

        let nt_response = [proof.as_slice(), &blob].concat();
        let mut message = Authenticate {
            lm_response: &lm_response,
            nt_response: &nt_response,
            domain: &self.domain,
            user: &self.user,
            workstation: &utf16(&self.options.workstation),
            session_key: &wrapped,
            flags,
            mic: Some([0; 16]),
        };
        let mic = hmac_md5(&*exported, &[negotiate, token, &message.encode()?]);
        message.mic = Some(*mic);
        Ok((message.encode()?, Session::from_key(*exported, flags, Role::Initiator)))
    }

    /// What holds of what both offered, if it is enough.
    fn agree(&self, offered: Flags, granted: Flags) -> Result<Flags, AuthError> {
        let check = |flag, what| if granted.contains(flag) { Ok(()) } else { Err(AuthError::Unsupported(what)) };
        check(Flags::UNICODE, "the server has no Unicode")?;
        check(Flags::EXTENDED_SESSION_SECURITY, "the server has no extended session security")?;
        check(Flags::KEY_128, "the server has no 128-bit keys")?;
        check(Flags::KEY_EXCHANGE, "the server has no key exchange")?;
        check(Flags::SIGN, "the server does not sign")?;
        if self.options.seal {
            check(Flags::SEAL, "the server does not seal")?;
        }
        let identify = if self.options.identify { Flags::IDENTIFY } else { Flags(0) };
        Ok(offered & granted | identify)
    }

    /// The server's list with what this end says: a MIC comes, which channel, which service ([MS-NLMP] 3.1.5.1.2).
    fn target_info(&self, server: &AvPairs<'_>) -> Result<Vec<u8>, AuthError> {
        let own = [AvId::FLAGS, AvId::CHANNEL_BINDINGS, AvId::TARGET_NAME];
        let mut info = Vec::new();
        for (id, value) in server.iter().filter(|(id, _)| !own.contains(id)) {
            push(&mut info, id, value)?;
        }
        push(&mut info, AvId::FLAGS, &(server.flags() | AvPairs::FLAG_MIC).to_le_bytes())?;
        push(&mut info, AvId::CHANNEL_BINDINGS, &self.options.channel_bindings.unwrap_or_default())?;
        if let Some(name) = &self.options.target_name {
            push(&mut info, AvId::TARGET_NAME, &utf16(name))?;
        }
        push(&mut info, AvId::EOL, &[])?;
        Ok(info)
    }
}

impl SecurityContext for Initiator {
    fn auth_type(&self) -> AuthType {
        AuthType::NTLM
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if self.is_established() {
            return Err(AuthError::Misuse("a step after the handshake"));
        }
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start if token.is_empty() => {
                let offered = self.negotiate();
                let negotiate = Negotiate::encode(offered);
                self.state = State::WaitChallenge { negotiate: negotiate.clone(), offered };
                Ok(Step::Continue(negotiate))
            }
            State::Start => Err(AuthError::Misuse("a token before the first step")),
            State::WaitChallenge { negotiate, offered } => {
                let (message, session) = self.authenticate(&negotiate, offered, token)?;
                self.state = State::Established(Box::new(session));
                Ok(Step::Done(Some(message)))
            }
            State::Established(_) | State::Failed => Err(AuthError::Misuse("a step after a failure")),
        }
    }

    fn is_established(&self) -> bool {
        matches!(self.state, State::Established(_))
    }

    fn token_len(&self, level: AuthLevel, _body_len: usize) -> usize {
        if level <= AuthLevel::Connect { 0 } else { 16 }
    }

    fn protect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>) -> Result<Vec<u8>, AuthError> {
        self.session_mut()?.protect(level, header_signing, pdu)
    }

    fn unprotect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>, token: &[u8]) -> Result<(), AuthError> {
        self.session_mut()?.unprotect(level, header_signing, pdu, token)
    }

    fn session_key(&self) -> Option<&[u8]> {
        self.session().and_then(Session::session_key)
    }

    fn peer(&self) -> Option<&Identity> {
        None
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator").field("session", &self.session()).finish_non_exhaustive()
    }
}

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Without these there is no session: [`Initiator::agree`] checks the server's answer.
const NEEDED: Flags =
    Flags(Flags::UNICODE.0 | Flags::SIGN.0 | Flags::EXTENDED_SESSION_SECURITY.0 | Flags::KEY_128.0 | Flags::KEY_EXCHANGE.0);

/// What else is offered. 56 bits never come to bear, but some servers grant 128 only to those who offer both.
const WISHED: Flags =
    Flags(Flags::REQUEST_TARGET.0 | Flags::NTLM.0 | Flags::ALWAYS_SIGN.0 | Flags::TARGET_INFO.0 | Flags::VERSION.0 | Flags::KEY_56.0);
