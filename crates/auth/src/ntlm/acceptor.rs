//! The server's end.

use super::av::{AvId, AvPairs, push};
use super::crypt::{Key, hmac_md5, rc4_once, response_key};
use super::initiator::utf16;
use super::message::{Authenticate, Challenge, Negotiate};
use super::{Flags, Role, Session};
use crate::{Ambient, AuthError, AuthLevel, AuthType, Identity, NtHash, SecurityContext, Segments, Step, System};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// An account that may log on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name, as [`Identity::user`] will have it.
    pub name: String,
    /// The hash of its password.
    pub hash: NtHash,
}

/// The accounts of a server.
pub trait Accounts: Send + Sync {
    /// The account of this name in this domain (both as the client sent them, in any case; the domain may be empty), or
    /// none. Looks it up only: whether the password is right is not its business.
    fn nt_hash(&self, user: &str, domain: &str) -> Option<Account>;
}

/// Who the server is, and what it demands.
#[derive(Debug, Clone)]
pub struct AcceptorOptions {
    /// NetBIOS name: upper case, 15 letters. aiowmi breaks without it.
    pub netbios_name: String,
    /// DNS name. impacket breaks without it.
    pub dns_name: String,
    /// NetBIOS domain, or workgroup, or the computer's own name.
    pub netbios_domain: String,
    /// DNS domain.
    pub dns_domain: String,
    /// Refuse clients without a MIC. Off by default: impacket and aiowmi send none.
    pub require_mic: bool,
    /// Random octets (8 of challenge, then 16 of dummy hash) and the time.
    pub ambient: Arc<dyn Ambient>,
}

impl AcceptorOptions {
    /// A server outside any domain, all four names made of its host name: `box.example.org` is `BOX` to NetBIOS.
    pub fn named(host: &str) -> Self {
        let (label, domain) = host.split_once('.').unwrap_or((host, host));
        let netbios_name: String = label.chars().take(15).flat_map(char::to_uppercase).collect();
        AcceptorOptions {
            netbios_domain: netbios_name.clone(),
            netbios_name,
            dns_name: host.to_owned(),
            dns_domain: domain.to_owned(),
            require_mic: false,
            ambient: Arc::new(System),
        }
    }
}

/// A server's NTLM context.
pub struct Acceptor {
    accounts: Arc<dyn Accounts>,
    options: AcceptorOptions,
    /// The CHALLENGE to send, in a replay.
    recorded: Option<Vec<u8>>,
    state: State,
}

enum State {
    WaitNegotiate,
    WaitAuthenticate(Sent),
    Established { session: Box<Session>, peer: Identity, mic_checked: bool },
    Failed,
}

/// What went over the wire so far.
struct Sent {
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
    nonce: [u8; 8],
    granted: Flags,
}

impl Acceptor {
    /// A context for one client.
    pub fn new(accounts: Arc<dyn Accounts>, options: AcceptorOptions) -> Self {
        Acceptor { accounts, options, recorded: None, state: State::WaitNegotiate }
    }

    /// A context that answers with this CHALLENGE instead of one of its own: for recorded conversations. Everything else is
    /// checked as ever, so the client's tokens must be the recorded ones too.
    pub fn replaying(accounts: Arc<dyn Accounts>, options: AcceptorOptions, challenge: Vec<u8>) -> Self {
        Acceptor { recorded: Some(challenge), ..Self::new(accounts, options) }
    }

    /// The session, once established.
    pub fn session(&self) -> Option<&Session> {
        match &self.state {
            State::Established { session, .. } => Some(session),
            _ => None,
        }
    }

    pub(crate) fn session_mut(&mut self) -> Result<&mut Session, AuthError> {
        match &mut self.state {
            State::Established { session, .. } => Ok(session),
            _ => Err(AuthError::Misuse("protection before the handshake is complete")),
        }
    }

    /// Whether the client's AUTHENTICATE had a MIC, which then was right. Of an established context.
    pub fn mic_checked(&self) -> bool {
        matches!(self.state, State::Established { mic_checked: true, .. })
    }

    fn challenge(&self, token: &[u8]) -> Result<Sent, AuthError> {
        let offered = Negotiate::decode(token)?.flags;
        demand(offered)?;
        if let Some(challenge) = &self.recorded {
            let Challenge { challenge: nonce, flags: granted, .. } = Challenge::decode(challenge)?;
            return Ok(Sent { negotiate: token.to_vec(), challenge: challenge.clone(), nonce, granted });
        }
        let echoed = Flags::SIGN | Flags::SEAL | Flags::KEY_56 | Flags::KEY_EXCHANGE | Flags::ALWAYS_SIGN | Flags::IDENTIFY;
        let granted = offered & echoed
            | Flags::UNICODE
            | Flags::REQUEST_TARGET
            | Flags::NTLM
            | Flags::TARGET_TYPE_SERVER
            | Flags::EXTENDED_SESSION_SECURITY
            | Flags::TARGET_INFO
            | Flags::VERSION
            | Flags::KEY_128;
        let mut nonce = [0; 8];
        self.options.ambient.random(&mut nonce)?;
        let mut info = Vec::new();
        push(&mut info, AvId::NB_DOMAIN_NAME, &utf16(&self.options.netbios_domain))?;
        push(&mut info, AvId::NB_COMPUTER_NAME, &utf16(&self.options.netbios_name))?;
        push(&mut info, AvId::DNS_DOMAIN_NAME, &utf16(&self.options.dns_domain))?;
        push(&mut info, AvId::DNS_COMPUTER_NAME, &utf16(&self.options.dns_name))?;
        // The time makes clients send a MIC. Never MsvAvFlags here: with a 0 in it Windows' MIC does not verify.
        push(&mut info, AvId::TIMESTAMP, &self.options.ambient.filetime().to_le_bytes())?;
        push(&mut info, AvId::EOL, &[])?;
        let target_name = utf16(&self.options.netbios_name);
        let challenge = Challenge { target_name: &target_name, flags: granted, challenge: nonce, target_info: &info }.encode()?;
        Ok(Sent { negotiate: token.to_vec(), challenge, nonce, granted })
    }

    fn authenticate(&self, sent: &Sent, token: &[u8]) -> Result<State, AuthError> {
        let message = Authenticate::decode(token)?;
        demand(message.flags)?;
        if message.flags.contains(Flags::ANONYMOUS) || message.user.is_empty() && message.nt_response.is_empty() {
            return Err(AuthError::Unsupported("anonymous log-on"));
        }
        // 16 octets of proof, 28 of blob, and at least the end mark of a list; version 1 has 24 in all.
        let Some((proof, blob)) = message.nt_response.split_first_chunk::<16>().filter(|(_, blob)| blob.len() >= 32) else {
            return Err(AuthError::Unsupported("NTLM version 1"));
        };
        let (user, domain) = (text(message.user, "user")?, text(message.domain, "domain")?);

        // An unknown account runs the same course on a hash that nobody has.
        let mut dummy: Key = Zeroizing::new([0; 16]);
        self.options.ambient.random(&mut *dummy)?;
        let account = self.accounts.nt_hash(&user, &domain);
        let hash = account.as_ref().map_or(NtHash(*dummy), |account| account.hash.clone());
        let key = response_key(&hash, message.user, message.domain);
        let right = hmac_md5(&*key, &[&sent.nonce, blob]).as_slice().ct_eq(proof);
        let base = hmac_md5(&*key, &[proof]);
        let (true, Some(account)) = (bool::from(right), account) else { return Err(AuthError::LogonDenied) };

        let flags = message.flags & sent.granted;
        let session_key = self.session_key(flags, message.session_key, base)?;
        let list = AvPairs::decode(blob.get(28..).unwrap_or_default())?;
        let mic_checked = list.flags() & AvPairs::FLAG_MIC != 0;
        if mic_checked {
            check_mic(&session_key, sent, token, message.mic)?;
        } else if self.options.require_mic {
            return Err(AuthError::Unsupported("a client without a message integrity code"));
        }
        let peer = Identity { user: account.name, domain, identify_only: message.flags.contains(Flags::IDENTIFY) };
        let session = Box::new(Session::from_key(*session_key, flags, Role::Acceptor));
        Ok(State::Established { session, peer, mic_checked })
    }

    /// The session key: the client's own where keys are exchanged, else the password's ([MS-NLMP] 3.2.5.1.2).
    fn session_key(&self, flags: Flags, wrapped: &[u8], base: Key) -> Result<Key, AuthError> {
        if !flags.intersects(Flags::SIGN | Flags::SEAL) {
            return Ok(base);
        }
        if !flags.contains(Flags::KEY_EXCHANGE) {
            return Err(AuthError::Unsupported("a client without key exchange"));
        }
        let wrapped: &[u8; 16] = wrapped
            .try_into()
            .map_err(|_| AuthError::Malformed(format!("AUTHENTICATE: session key of {} octets instead of 16", wrapped.len())))?;
        let mut key = Zeroizing::new(*wrapped);
        rc4_once(&base, &mut key);
        Ok(key)
    }
}

/// Refuses clients whose session this end would not trust.
fn demand(flags: Flags) -> Result<(), AuthError> {
    let check = |flag, what| if flags.contains(flag) { Ok(()) } else { Err(AuthError::Unsupported(what)) };
    check(Flags::UNICODE, "a client without Unicode")?;
    check(Flags::EXTENDED_SESSION_SECURITY, "a client without extended session security")?;
    check(Flags::KEY_128, "a client without 128-bit keys")
}

/// Checks the MIC over the three messages, each as it was sent but for the MIC itself, which is zeroes.
fn check_mic(session_key: &Key, sent: &Sent, token: &[u8], mic: Option<[u8; 16]>) -> Result<(), AuthError> {
    // Announced under the password's key and not there: somebody took it out.
    let mic = mic.ok_or(AuthError::BadSignature)?;
    let (head, tail) = token.split_at_checked(Authenticate::MIC_AT).ok_or(AuthError::BadSignature)?;
    let tail = tail.get(mic.len()..).ok_or(AuthError::BadSignature)?;
    let expected = hmac_md5(session_key.as_slice(), &[&sent.negotiate, &sent.challenge, head, &[0; 16], tail]);
    if bool::from(expected.as_slice().ct_eq(&mic)) { Ok(()) } else { Err(AuthError::BadSignature) }
}

fn text(octets: &[u8], what: &str) -> Result<String, AuthError> {
    let malformed = || AuthError::Malformed(format!("AUTHENTICATE: {what} is not UTF-16"));
    let (units, []) = octets.as_chunks::<2>() else { return Err(malformed()) };
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16(&units).map_err(|_| malformed())
}

impl SecurityContext for Acceptor {
    fn auth_type(&self) -> AuthType {
        AuthType::NTLM
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if self.is_established() {
            return Err(AuthError::Misuse("a step after the handshake"));
        }
        match std::mem::replace(&mut self.state, State::Failed) {
            State::WaitNegotiate => {
                let sent = self.challenge(token)?;
                let challenge = sent.challenge.clone();
                self.state = State::WaitAuthenticate(sent);
                Ok(Step::Continue(challenge))
            }
            State::WaitAuthenticate(sent) => {
                self.state = self.authenticate(&sent, token)?;
                Ok(Step::Done(None))
            }
            State::Established { .. } | State::Failed => Err(AuthError::Misuse("a step after a failure")),
        }
    }

    fn is_established(&self) -> bool {
        matches!(self.state, State::Established { .. })
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
        match &self.state {
            State::Established { peer, .. } => Some(peer),
            _ => None,
        }
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("session", &self.session()).field("peer", &self.peer()).finish_non_exhaustive()
    }
}
