//! Recorded NTLM of real Windows machines: every handshake is replayed through this crate, every signature verified, every
//! sealed stub opened and compared.

use hmac::{Hmac, KeyInit, Mac};
use rwmi_auth::ntlm::message::{Authenticate, Challenge, Negotiate};
use rwmi_auth::ntlm::{self, Flags, Role, Session};
use rwmi_auth::spnego::token::{self, Oid, Token};
use rwmi_auth::spnego::{self, Mechanism};
use rwmi_auth::{AuthError, AuthLevel, AuthType, Identity, NtHash, Recorded, SecurityContext, Segments, Step};
use rwmi_wiredata::capture::{self, Pdu, Stream};
use rwmi_wiredata::keys::{self, Keys};
use rwmi_wiredata::{Kind, Tally, Tree, manifest};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

#[test]
fn wire_data_ntlm_messages_decode_and_do_no_harm_cut_anywhere() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new("NTLM handshakes decoded");
    for (path, _, pdus) in all_streams(&tree) {
        for conversation in conversations(&pdus).values() {
            let Some([negotiate, challenge, authenticate]) = conversation.ntlm() else { continue };
            assert!(Negotiate::decode(negotiate).unwrap().flags.contains(Flags::UNICODE), "{}", tree.short(&path));
            let info = ntlm::AvPairs::decode(Challenge::decode(challenge).unwrap().target_info).unwrap();
            for id in [ntlm::AvId::NB_COMPUTER_NAME, ntlm::AvId::NB_DOMAIN_NAME, ntlm::AvId::DNS_COMPUTER_NAME, ntlm::AvId::TIMESTAMP] {
                assert!(info.find(id).is_some(), "{}: {id:?}", tree.short(&path));
            }
            assert!(Authenticate::decode(authenticate).unwrap().mic.is_some(), "{}", tree.short(&path));
            for token in [negotiate, challenge, authenticate] {
                for len in 0..token.len() {
                    let _ = (Negotiate::decode(&token[..len]), Challenge::decode(&token[..len]), Authenticate::decode(&token[..len]));
                }
            }
            tally.pass();
        }
    }
    tally.finish(&tree);
}

#[test]
fn wire_data_spnego_tokens_decode_and_do_no_harm_cut_anywhere() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new("SPNEGO tokens decoded");
    for (path, _, pdus) in all_streams(&tree) {
        for conversation in conversations(&pdus).values().filter(|conversation| conversation.auth_type == AuthType::SPNEGO) {
            for (_, octets) in &conversation.tokens {
                token::decode(octets).unwrap_or_else(|error| panic!("{}: {error}", tree.short(&path)));
                for len in 0..octets.len() {
                    assert!(token::decode(&octets[..len]).is_err());
                }
                tally.pass();
            }
        }
    }
    tally.finish(&tree);
}

#[test]
fn wire_data_ntlm_signatures_verify_and_sealed_stubs_open() {
    let Some(tree) = Tree::locate() else { return };
    let mut contexts = Tally::new("security contexts with signed or sealed PDUs");
    let mut signatures = Tally::new("NTLM signatures verified");
    let mut stubs = Tally::new("signed or sealed stubs equal to their files");
    let mut mics = Tally::new("mechListMICs verified");
    let files = call_files(&tree);
    for (path, stream, pdus) in all_streams(&tree) {
        let keys = keys::nearest(&path, tree.root()).unwrap_or_default();
        let mut observers: BTreeMap<u32, Observer> = BTreeMap::new();
        for (id, conversation) in &conversations(&pdus) {
            let is_used = has_protected(&pdus, *id);
            let Some(tokens) = conversation.ntlm() else {
                if is_used {
                    contexts.leave("Kerberos keys");
                }
                continue;
            };
            let Some((key, flags)) = session_of(tokens, &keys) else {
                if is_used {
                    contexts.leave("no key");
                }
                continue;
            };
            let session = |role| Session::from_key(key, flags, role).with_auth_type(conversation.auth_type);
            let mut observer = Observer { client: session(Role::Initiator), server: session(Role::Acceptor) };
            if conversation.auth_type == AuthType::SPNEGO {
                let list = conversation.mech_list().unwrap();
                observer.server.verify_mech_list(list, conversation.mic(true).unwrap()).unwrap();
                observer.client.verify_mech_list(list, conversation.mic(false).unwrap()).unwrap();
                mics.pass();
                mics.pass();
            }
            observers.insert(*id, observer);
            if is_used {
                contexts.pass();
            }
        }
        let mut joining: BTreeMap<(bool, u32), Vec<u8>> = BTreeMap::new();
        for pdu in &pdus {
            let (kind, flags) = (pdu.octets[2], pdu.octets[3]);
            let Some(trailer) = trailer(pdu).filter(|_| kind == REQUEST || kind == RESPONSE) else { continue };
            let Some(observer) = observers.get_mut(&trailer.context) else { continue };
            let header_len = if kind == REQUEST && flags & OBJECT_UUID != 0 { 40 } else { 24 };
            let mut octets = pdu.octets[..trailer.at].to_vec();
            let (header, body) = octets.split_at_mut(header_len);
            let session = if pdu.from_client { &mut observer.server } else { &mut observer.client };
            assert_eq!(session.token_len(trailer.level, body.len()), trailer.token.len());
            let segments = Segments { header, body, trailer: &pdu.octets[trailer.at..trailer.at + 8] };
            session.unprotect(trailer.level, true, segments, &trailer.token).unwrap_or_else(|error| {
                panic!("{}: {} to {}: {error}", tree.short(&path), stream.client, stream.server);
            });
            signatures.pass();

            let call_id = u32::from_le_bytes(pdu.octets[12..16].try_into().unwrap());
            let stub = joining.entry((pdu.from_client, call_id)).or_default();
            if flags & FIRST_FRAG != 0 {
                stub.clear();
            }
            stub.extend_from_slice(&octets[header_len..octets.len() - trailer.pad]);
            if flags & LAST_FRAG != 0 {
                let key = (path.clone(), stream.client.to_string(), pdu.from_client, call_id);
                let file = files.get(&key).unwrap_or_else(|| panic!("{}: no row for {key:?}", tree.short(&path)));
                assert!(*stub == rwmi_wiredata::read(file).unwrap(), "{}", tree.short(file));
                stubs.pass();
            }
        }
    }
    for tally in [contexts, signatures, stubs, mics] {
        tally.finish(&tree);
    }
}

/// Our client in place of the recorded one: with the recorded session key injected it accepts every PDU of the server's.
#[test]
fn wire_data_our_client_accepts_what_the_recorded_server_says() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new("server PDUs accepted by our client");
    for (path, _, pdus) in all_streams(&tree) {
        let keys = keys::nearest(&path, tree.root()).unwrap_or_default();
        for (id, conversation) in conversations(&pdus).iter().filter(|(_, conversation)| conversation.auth_type == AuthType::NTLM) {
            let Some(messages @ [_, challenge, authenticate]) = conversation.ntlm() else { continue };
            let Some((key, _)) = session_of(messages, &keys) else { continue };
            let message = Authenticate::decode(authenticate).unwrap();
            if message.nt_response.len() == 24 || !has_protected(&pdus, *id) {
                continue;
            }
            let hash = ntlm::nt_hash(keys.password_of(&text(message.user)).unwrap());
            let random = [&message.nt_response[32..40], &key].concat();
            let options = ntlm::InitiatorOptions { ambient: Arc::new(Recorded::new(random, 0)), ..Default::default() };
            let mut client = ntlm::Initiator::with_hash(&text(message.user), &text(message.domain), hash, options);
            client.step(&[]).unwrap();
            let Step::Done(Some(ours)) = client.step(challenge).unwrap() else { panic!() };
            let ours = Authenticate::decode(&ours).unwrap();
            assert_eq!((ours.session_key.len(), ours.user, ours.domain), (16, message.user, message.domain), "{}", tree.short(&path));
            for pdu in pdus.iter().filter(|pdu| !pdu.from_client && pdu.octets[2] == RESPONSE) {
                let Some(trailer) = trailer(pdu).filter(|trailer| trailer.context == *id) else { continue };
                let mut octets = pdu.octets[..trailer.at].to_vec();
                let (header, body) = octets.split_at_mut(24);
                let segments = Segments { header, body, trailer: &pdu.octets[trailer.at..trailer.at + 8] };
                client.unprotect(trailer.level, true, segments, &trailer.token).unwrap();
                tally.pass();
            }
        }
    }
    tally.finish(&tree);
}

/// Our negotiation in the client's place and in the server's, against each recorded other end: the same tokens, choices and
/// signatures.
#[test]
fn wire_data_spnego_is_spoken_as_windows_speaks_it() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new("SPNEGO conversations spoken from both ends");
    for (path, _, pdus) in all_streams(&tree) {
        let keys = keys::nearest(&path, tree.root()).unwrap_or_default();
        for conversation in conversations(&pdus).values().filter(|conversation| conversation.auth_type == AuthType::SPNEGO) {
            let Some(messages) = conversation.ntlm() else {
                tally.leave("Kerberos keys");
                continue;
            };
            let Some(session) = session_of(messages, &keys) else {
                tally.leave("no key");
                continue;
            };
            as_client(conversation, messages, session, &tree.short(&path).to_string());
            as_server(conversation, messages, session, &tree.short(&path).to_string());
            tally.pass();
        }
    }
    tally.finish(&tree);
}

fn as_client(conversation: &Conversation, [negotiate, challenge, authenticate]: [&[u8]; 3], (key, flags): ([u8; 16], Flags), name: &str) {
    const NEGOEX: Oid<'static> = Oid(&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 30]);
    let Token::Init(init) = token::decode(&conversation.tokens[0].1).unwrap() else { panic!() };
    // What stands before NTLM in the client's list.
    let others: &'static [Oid<'static>] = match init.mechs.as_slice() {
        [Oid::MS_KERBEROS, Oid::KERBEROS, NEGOEX, Oid::NTLM] => &[Oid::MS_KERBEROS, Oid::KERBEROS, NEGOEX],
        [NEGOEX, Oid::NTLM] => &[NEGOEX],
        [Oid::NTLM] => &[],
        other => panic!("{name}: {other:?}"),
    };
    let ntlm = Tape {
        oids: &[Oid::NTLM],
        out: owned(&[negotiate, authenticate]),
        expected: owned(&[b"", challenge]),
        session: Some(Session::from_key(key, flags, Role::Initiator)),
    };
    let mut mechs: Vec<Box<dyn Mechanism>> = vec![Box::new(ntlm)];
    if !others.is_empty() {
        mechs.insert(0, Box::new(Tape { oids: others, out: owned(&[init.token.unwrap()]), expected: owned(&[b"", b"-"]), session: None }));
    }
    let mut client = spnego::Initiator::new(mechs);
    let mut answer: &[u8] = b"";
    for (from_client, token) in &conversation.tokens {
        if !from_client {
            answer = token;
            continue;
        }
        let Step::Continue(ours) = client.step(answer).unwrap() else { panic!("{name}: done early") };
        assert_eq!(without_state(&ours), without_state(token), "{name}");
    }
    assert_eq!(client.step(answer), Ok(Step::Done(None)), "{name}");
}

fn as_server(conversation: &Conversation, [negotiate, challenge, authenticate]: [&[u8]; 3], (key, flags): ([u8; 16], Flags), name: &str) {
    let ntlm = Tape {
        oids: &[Oid::NTLM],
        out: owned(&[challenge]),
        expected: owned(&[negotiate, authenticate]),
        session: Some(Session::from_key(key, flags, Role::Acceptor)),
    };
    let mut server = spnego::Acceptor::new(vec![Box::new(ntlm)]);
    let mut ours = vec![];
    for (from_client, token) in &conversation.tokens {
        if *from_client {
            let (Step::Continue(token) | Step::Done(Some(token))) = server.step(token).unwrap() else { panic!("{name}") };
            ours = token;
        } else {
            assert_eq!(token::decode(&ours), token::decode(token), "{name}");
        }
    }
    assert!(server.is_established(), "{name}");
}

/// A client's token, without the state that Windows' client puts in and RFC 4178 leaves to the acceptor.
fn without_state(octets: &[u8]) -> String {
    match token::decode(octets).unwrap() {
        Token::Init(init) => format!("{init:?}"),
        Token::Response(response) => format!("{:?} {:?} {:?}", response.mech, response.token, response.mic),
    }
}

/// One recorded security context, observed from both ends.
struct Observer {
    client: Session,
    server: Session,
}

/// The tokens of a recorded security context.
struct Conversation {
    auth_type: AuthType,
    /// Whether the client sent it, and the token.
    tokens: Vec<(bool, Vec<u8>)>,
}

impl Conversation {
    fn of(&self, from_client: bool) -> impl Iterator<Item = &[u8]> {
        self.tokens.iter().filter(move |token| token.0 == from_client).map(|token| token.1.as_slice())
    }

    /// The three messages, without SPNEGO around them; none where there is another mechanism inside.
    fn ntlm(&self) -> Option<[&[u8]; 3]> {
        let bare = |octets| match self.auth_type {
            AuthType::SPNEGO => match token::decode(octets).unwrap() {
                Token::Init(init) => init.token,
                Token::Response(response) => response.token,
            },
            _ => Some(octets),
        };
        let of_kind = |kind| {
            let wanted = [b"NTLMSSP\0".as_slice(), &u32::to_le_bytes(kind)].concat();
            self.tokens.iter().filter_map(|token| bare(token.1.as_slice())).find(|token| token.starts_with(&wanted))
        };
        Some([of_kind(1)?, of_kind(2)?, of_kind(3)?])
    }

    fn mech_list(&self) -> Option<&[u8]> {
        self.of(true).find_map(|token| match token::decode(token) {
            Ok(Token::Init(init)) => Some(init.mech_list),
            _ => None,
        })
    }

    fn mic(&self, from_client: bool) -> Option<&[u8]> {
        self.of(from_client).find_map(|token| match token::decode(token) {
            Ok(Token::Response(response)) => response.mic,
            _ => None,
        })
    }
}

/// The handshakes of a stream by security context id.
fn conversations(pdus: &[Pdu]) -> BTreeMap<u32, Conversation> {
    let mut found: BTreeMap<u32, Conversation> = BTreeMap::new();
    for pdu in pdus.iter().filter(|pdu| pdu.octets[2] >= BIND) {
        let Some(trailer) = trailer(pdu) else { continue };
        let conversation = found.entry(trailer.context).or_insert_with(|| Conversation { auth_type: trailer.auth_type, tokens: vec![] });
        conversation.tokens.push((pdu.from_client, trailer.token));
    }
    found
}

fn has_protected(pdus: &[Pdu], id: u32) -> bool {
    pdus.iter().any(|pdu| pdu.octets[2] < BIND && trailer(pdu).is_some_and(|trailer| trailer.context == id))
}

fn all_streams(tree: &Tree) -> Vec<(PathBuf, Stream, Vec<Pdu>)> {
    let mut all = vec![];
    for path in tree.files(Kind::Capture) {
        for stream in capture::streams(&path).unwrap() {
            if let Some(pdus) = stream.pdus() {
                all.push((path.clone(), stream, pdus));
            }
        }
    }
    all
}

/// Capture, client, direction, call id: the file of the whole stub.
type CallFiles = BTreeMap<(PathBuf, String, bool, u32), PathBuf>;

fn call_files(tree: &Tree) -> CallFiles {
    let mut found = CallFiles::new();
    for path in tree.files(Kind::Manifest) {
        let Some(source) = manifest::capture(&path) else { continue };
        for row in manifest::rows(&path).unwrap() {
            if let (Some(call_id), Some(file), "request" | "response") = (row.call_id, row.path(&path), row.kind.as_str()) {
                found.insert((source.clone(), row.client.clone(), row.is_from_client(), call_id), file);
            }
        }
    }
    found
}

/// The security trailer of a PDU and its token.
struct Trailer {
    auth_type: AuthType,
    level: AuthLevel,
    pad: usize,
    context: u32,
    /// Where its first octet is.
    at: usize,
    token: Vec<u8>,
}

fn trailer(pdu: &Pdu) -> Option<Trailer> {
    let octets = &pdu.octets;
    let auth_len = usize::from(u16::from_le_bytes([octets[10], octets[11]]));
    let at = octets.len().checked_sub(auth_len + 8).filter(|_| auth_len != 0)?;
    Some(Trailer {
        auth_type: AuthType(octets[at]),
        level: AuthLevel::from_wire(octets[at + 1]).unwrap(),
        pad: usize::from(octets[at + 2]),
        context: u32::from_le_bytes(octets[at + 4..at + 8].try_into().unwrap()),
        at,
        token: octets[at + 8..].to_vec(),
    })
}

const REQUEST: u8 = 0;
const RESPONSE: u8 = 2;
const BIND: u8 = 11;
const FIRST_FRAG: u8 = 1;
const LAST_FRAG: u8 = 2;
const OBJECT_UUID: u8 = 0x80;

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

/// Session key and flags of a recorded handshake, if the password is known. Version 2 goes through our acceptor, which checks the
/// proof and the MIC; version 1 it must refuse.
fn session_of([negotiate, challenge, authenticate]: [&[u8]; 3], keys: &Keys) -> Option<([u8; 16], Flags)> {
    let message = Authenticate::decode(authenticate).unwrap();
    let granted = Challenge::decode(challenge).unwrap();
    let flags = message.flags & granted.flags;
    let hash = ntlm::nt_hash(keys.password_of(&text(message.user))?);
    let mut server = acceptor(keys, negotiate, challenge);
    if message.nt_response.len() == 24 {
        assert_eq!(server.step(authenticate), Err(AuthError::Unsupported("NTLM version 1")));
        return Some((version_one_key(&hash, &granted, &message), flags));
    }
    assert_eq!(server.step(authenticate), Ok(Step::Done(None)));
    assert!(server.mic_checked(), "Windows sends a MIC");
    assert_eq!(server.peer().unwrap().domain, text(message.domain));

    // The same with another password, and with one bit of the MIC turned.
    let mut wrong = keys.clone();
    wrong.password.values_mut().for_each(|password| password.push('x'));
    assert_eq!(acceptor(&wrong, negotiate, challenge).step(authenticate), Err(AuthError::LogonDenied));
    let mut bent = authenticate.to_vec();
    bent[Authenticate::MIC_AT] ^= 1;
    assert_eq!(acceptor(keys, negotiate, challenge).step(&bent), Err(AuthError::BadSignature));
    Some((server.session_key().unwrap().try_into().unwrap(), flags))
}

/// Session key of NTLM version 1 with extended session security ([MS-NLMP] 3.3.1, 3.4.5.1): here only, for what is recorded.
fn version_one_key(hash: &NtHash, challenge: &Challenge<'_>, authenticate: &Authenticate<'_>) -> [u8; 16] {
    use md4::Digest;
    use rc4::StreamCipher;
    let base: [u8; 16] = md4::Md4::digest(hash.0).into();
    let mut mac = <Hmac<md5::Md5> as KeyInit>::new_from_slice(&base).unwrap();
    mac.update(&challenge.challenge);
    mac.update(&authenticate.lm_response[..8]);
    let exchange: [u8; 16] = mac.finalize().into_bytes().into();
    let mut key: [u8; 16] = authenticate.session_key.try_into().unwrap();
    <rc4::Rc4 as KeyInit>::new_from_slice(&exchange).unwrap().apply_keystream(&mut key);
    key
}

/// A mechanism whose tokens and key are recorded: plays NTLM version 1, and whatever the client would rather have had.
struct Tape {
    oids: &'static [Oid<'static>],
    /// What it sends, in order.
    out: Vec<Vec<u8>>,
    /// What it must be sent, in order.
    expected: Vec<Vec<u8>>,
    session: Option<Session>,
}

impl SecurityContext for Tape {
    fn auth_type(&self) -> AuthType {
        AuthType::NTLM
    }
    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        assert_eq!(token, self.expected.remove(0));
        Ok(match (self.out.is_empty(), self.expected.is_empty()) {
            (true, _) => Step::Done(None),
            (false, true) => Step::Done(Some(self.out.remove(0))),
            (false, false) => Step::Continue(self.out.remove(0)),
        })
    }
    fn is_established(&self) -> bool {
        self.expected.is_empty()
    }
    fn token_len(&self, _: AuthLevel, _: usize) -> usize {
        16
    }
    fn protect(&mut self, _: AuthLevel, _: bool, _: Segments<'_>) -> Result<Vec<u8>, AuthError> {
        Err(AuthError::Misuse("a tape protects nothing"))
    }
    fn unprotect(&mut self, _: AuthLevel, _: bool, _: Segments<'_>, _: &[u8]) -> Result<(), AuthError> {
        Err(AuthError::Misuse("a tape protects nothing"))
    }
    fn session_key(&self) -> Option<&[u8]> {
        None
    }
    fn peer(&self) -> Option<&Identity> {
        None
    }
}

impl Mechanism for Tape {
    fn oids(&self) -> &'static [Oid<'static>] {
        self.oids
    }
    fn sign_mech_list(&mut self, list: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.session.as_mut().unwrap().sign_mech_list(list).map(|mic| mic.to_vec())
    }
    fn verify_mech_list(&mut self, list: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.session.as_mut().unwrap().verify_mech_list(list, mic)
    }
    fn demands_mech_list_mic(&self) -> bool {
        true
    }
}

fn owned(tokens: &[&[u8]]) -> Vec<Vec<u8>> {
    tokens.iter().map(|token| token.to_vec()).collect()
}

fn text(utf16: &[u8]) -> String {
    String::from_utf16(&utf16.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect::<Vec<_>>()).unwrap()
}
