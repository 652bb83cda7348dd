//! Recorded handshakes: the tokens of each security context of a stream, and the session key where the password is known.
//!
//! Other crates' tests include this file too.
#![allow(dead_code, reason = "each test takes what it needs")]

use hmac::{Hmac, KeyInit, Mac};
use rwmi_auth::ntlm::message::{Authenticate, Challenge};
use rwmi_auth::ntlm::{self, Flags, Role, Session};
use rwmi_auth::spnego::token::{self, Token};
use rwmi_auth::{AuthError, AuthLevel, AuthType, NtHash, SecurityContext, Step};
use rwmi_wiredata::capture::Pdu;
use rwmi_wiredata::keys::{Found, Keys};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const REQUEST: u8 = 0;
pub(crate) const RESPONSE: u8 = 2;
pub(crate) const FAULT: u8 = 3;
pub(crate) const BIND: u8 = 11;
pub(crate) const AUTH3: u8 = 16;
pub(crate) const FIRST_FRAG: u8 = 1;
pub(crate) const LAST_FRAG: u8 = 2;
pub(crate) const OBJECT_UUID: u8 = 0x80;

/// The security trailer of a PDU and its token.
pub(crate) struct Trailer {
    pub(crate) auth_type: AuthType,
    pub(crate) level: u8,
    pub(crate) pad: usize,
    pub(crate) context: u32,
    /// Where its first octet is.
    pub(crate) at: usize,
    pub(crate) token: Vec<u8>,
}

pub(crate) fn trailer(octets: &[u8]) -> Option<Trailer> {
    let auth_len = usize::from(u16::from_le_bytes([octets[10], octets[11]]));
    let at = octets.len().checked_sub(auth_len + 8).filter(|at| auth_len != 0 && 16 <= *at && octets[4] == 0x10)?;
    Some(Trailer {
        auth_type: AuthType(octets[at]),
        level: octets[at + 1],
        pad: usize::from(octets[at + 2]),
        context: u32::from_le_bytes(octets[at + 4..at + 8].try_into().unwrap()),
        at,
        token: octets[at + 8..].to_vec(),
    })
}

/// Which security context of a connection: the level belongs to it, as one number can stand for several at several levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) auth_type: u8,
    pub(crate) level: u8,
    pub(crate) number: u32,
}

impl Id {
    pub(crate) fn of(trailer: &Trailer) -> Id {
        Id { auth_type: trailer.auth_type.0, level: trailer.level, number: trailer.context }
    }
}

/// The handshake of a security context.
pub(crate) struct Handshake {
    pub(crate) auth_type: AuthType,
    /// Whether the client sent it, and the token.
    pub(crate) tokens: Vec<(bool, Vec<u8>)>,
}

/// The handshakes of a stream.
pub(crate) fn handshakes(pdus: &[Pdu]) -> BTreeMap<Id, Handshake> {
    let mut found: BTreeMap<Id, Handshake> = BTreeMap::new();
    for pdu in pdus.iter().filter(|pdu| (BIND..=AUTH3).contains(&pdu.octets[2])) {
        let Some(trailer) = trailer(&pdu.octets) else { continue };
        let handshake = found.entry(Id::of(&trailer)).or_insert_with(|| Handshake { auth_type: trailer.auth_type, tokens: vec![] });
        handshake.tokens.push((pdu.from_client, trailer.token));
    }
    found
}

impl Handshake {
    pub(crate) fn of(&self, from_client: bool) -> impl Iterator<Item = &[u8]> {
        self.tokens.iter().filter(move |token| token.0 == from_client).map(|token| token.1.as_slice())
    }

    /// The three messages, without SPNEGO around them; none where there is another mechanism inside or one is missing.
    pub(crate) fn ntlm(&self) -> Option<[&[u8]; 3]> {
        let bare = |octets| match self.auth_type {
            AuthType::SPNEGO => match token::decode(octets) {
                Ok(Token::Init(init)) => init.token,
                Ok(Token::Response(response)) => response.token,
                // Bare NTLM where SPNEGO was announced, as old clients send it.
                Err(_) => Some(octets),
            },
            _ => Some(octets),
        };
        let of_kind = |kind| {
            let wanted = [b"NTLMSSP\0".as_slice(), &u32::to_le_bytes(kind)].concat();
            self.tokens.iter().filter_map(|token| bare(token.1.as_slice())).find(|token| token.starts_with(&wanted))
        };
        Some([of_kind(1)?, of_kind(2)?, of_kind(3)?])
    }

    /// Why it is left where [`Handshake::ntlm`] gives nothing.
    pub(crate) fn reason(&self) -> &'static str {
        let is_ntlm = |token: &(bool, Vec<u8>)| token.1.windows(8).any(|window| window == b"NTLMSSP\0");
        let is_negotiated = matches!(self.auth_type, AuthType::SPNEGO | AuthType::KERBEROS);
        if is_negotiated && !self.tokens.iter().any(is_ntlm) { "Kerberos keys" } else { "no key" }
    }

    pub(crate) fn mech_list(&self) -> Option<&[u8]> {
        self.of(true).find_map(|token| match token::decode(token) {
            Ok(Token::Init(init)) => Some(init.mech_list),
            _ => None,
        })
    }

    pub(crate) fn mic(&self, from_client: bool) -> Option<&[u8]> {
        self.of(from_client).find_map(|token| match token::decode(token) {
            Ok(Token::Response(response)) => response.mic,
            _ => None,
        })
    }

    /// Either end of the session that was made, past the mechanism list; none where the password is not known.
    pub(crate) fn session(&self, keys: &[Found], role: Role) -> Option<Session> {
        let (key, flags) = session_of(self.ntlm()?, keys)?;
        let mut session = Session::from_key(key, flags, role).with_auth_type(self.auth_type);
        if let Some((list, ours, theirs)) = self.mech_list_and_mics(role) {
            assert_eq!(session.sign_mech_list(list).unwrap(), ours);
            session.verify_mech_list(list, theirs).unwrap();
        }
        Some(session)
    }

    /// The mechanism list, one end's MIC of it and the other's.
    pub(crate) fn mech_list_and_mics(&self, role: Role) -> Option<(&[u8], &[u8], &[u8])> {
        Some((self.mech_list()?, self.mic(role == Role::Initiator)?, self.mic(role != Role::Initiator)?))
    }
}

/// Session key and flags of a recorded handshake, if the password is known. Version 2 goes through our acceptor, which checks the
/// proof and the MIC; version 1 it must refuse, and what is signed shows whether the key is right.
///
/// # Panics
/// When keys that lie with the recording name the user and no password of theirs is the right one.
pub(crate) fn session_of(messages: [&[u8]; 3], keys: &[Found]) -> Option<([u8; 16], Flags)> {
    let message = Authenticate::decode(messages[2]).unwrap();
    let user = text(message.user);
    let known: Vec<(&Found, &str)> = keys.iter().filter_map(|found| Some((found, found.keys.password_of(&user)?))).collect();
    if user.is_empty() || message.nt_response.is_empty() {
        return None;
    }
    // Whether a key of version 1 is right would show too late to try another.
    let tried = known.iter().filter(|(found, _)| found.is_near || message.nt_response.len() != 24);
    let opened = tried.clone().find_map(|(found, password)| opened_with(messages, &message, password, &found.keys));
    assert!(opened.is_some() || !tried.clone().any(|(found, _)| found.is_near), "the password of {user:?} in keys.json is another");
    opened
}

fn opened_with(
    [negotiate, challenge, authenticate]: [&[u8]; 3],
    message: &Authenticate<'_>,
    password: &str,
    keys: &Keys,
) -> Option<([u8; 16], Flags)> {
    let granted = Challenge::decode(challenge).unwrap();
    let flags = message.flags & granted.flags;
    let mut server = acceptor(keys, negotiate, challenge);
    if message.nt_response.len() == 24 {
        assert_eq!(server.step(authenticate), Err(AuthError::Unsupported("NTLM version 1")));
        return version_one_key(&ntlm::nt_hash(password), &granted, message).map(|key| (key, flags));
    }
    match server.step(authenticate) {
        Ok(step) => assert_eq!(step, Step::Done(None)),
        Err(AuthError::LogonDenied) => return None,
        Err(other) => panic!("{other}"),
    }
    assert_eq!(server.mic_checked(), announces_mic(message), "a MIC that is announced is checked");
    assert_eq!(server.peer().unwrap().domain, text(message.domain));

    // The same with another password, and with one bit of the MIC turned.
    let mut wrong = keys.clone();
    wrong.password.values_mut().for_each(|password| password.push('x'));
    assert_eq!(acceptor(&wrong, negotiate, challenge).step(authenticate), Err(AuthError::LogonDenied));
    if announces_mic(message) {
        let mut bent = authenticate.to_vec();
        bent[Authenticate::MIC_AT] ^= 1;
        assert_eq!(acceptor(keys, negotiate, challenge).step(&bent), Err(AuthError::BadSignature));
    }
    Some((server.session_key().unwrap().try_into().unwrap(), flags))
}

/// Whether the client says in what it proves that a MIC is there ([MS-NLMP] 2.2.2.1, MsvAvFlags).
fn announces_mic(message: &Authenticate<'_>) -> bool {
    let pairs = message.nt_response.get(44..).and_then(|pairs| ntlm::AvPairs::decode(pairs).ok());
    pairs.is_some_and(|pairs| pairs.flags() & 2 != 0)
}

/// The accounts of a `keys.json`.
struct Lab(Keys);

impl ntlm::Accounts for Lab {
    fn nt_hash(&self, user: &str, _domain: &str) -> Option<ntlm::Account> {
        Some(ntlm::Account { name: user.into(), hash: ntlm::nt_hash(self.0.password_of(user)?) })
    }
}

/// Our acceptor in place of the recorded one, after the recorded NEGOTIATE.
fn acceptor(keys: &Keys, negotiate: &[u8], challenge: &[u8]) -> ntlm::Acceptor {
    let options = ntlm::AcceptorOptions::named("replay");
    let mut acceptor = ntlm::Acceptor::replaying(Arc::new(Lab(keys.clone())), options, challenge.to_vec());
    assert_eq!(acceptor.step(negotiate), Ok(Step::Continue(challenge.to_vec())));
    acceptor
}

/// Session key of NTLM version 1 with extended session security ([MS-NLMP] 3.3.1, 3.4.5.1): here only, for what is recorded.
fn version_one_key(hash: &NtHash, challenge: &Challenge<'_>, authenticate: &Authenticate<'_>) -> Option<[u8; 16]> {
    use md4::Digest;
    use rc4::StreamCipher;
    let base: [u8; 16] = md4::Md4::digest(hash.0).into();
    let mut mac = <Hmac<md5::Md5> as KeyInit>::new_from_slice(&base).unwrap();
    mac.update(&challenge.challenge);
    mac.update(authenticate.lm_response.get(..8)?);
    let exchange: [u8; 16] = mac.finalize().into_bytes().into();
    let Ok(mut key) = <[u8; 16]>::try_from(authenticate.session_key) else { return Some(exchange) };
    <rc4::Rc4 as KeyInit>::new_from_slice(&exchange).unwrap().apply_keystream(&mut key);
    Some(key)
}

pub(crate) fn text(utf16: &[u8]) -> String {
    String::from_utf16_lossy(&utf16.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect::<Vec<_>>())
}

/// Whether a level protects PDUs one by one.
pub(crate) fn is_protecting(level: u8) -> bool {
    AuthLevel::from_wire(level).is_some_and(|level| AuthLevel::Connect < level)
}
