use crate::input::Input;
use rwmi_auth::ntlm::{self, AcceptorOptions, Account, Accounts, AvPairs, InitiatorOptions};
use rwmi_auth::{Ambient, AuthError, AuthLevel, Credentials, NtHash, Secret, SecurityContext, Segments, Step, spnego};
use std::sync::{Arc, LazyLock};

/// Tokens of NTLM and SPNEGO. The first octet says to whom they go, the next ones how they are cut.
///
/// Whoever gets them answers the same to the same tokens. A server lets nobody in but the one account whose password it was
/// told, and never by the password of another. Where both ends are ours and a token is changed under way, a server that
/// promises a checked MIC saw the tokens that the client sent. What was protected opens, and does not where it was changed.
pub fn auth(octets: &[u8]) {
    let mut input = Input(octets);
    let kind = input.u8();
    match kind % 8 {
        0 => parsers(input.0),
        1 => acceptor(input.0, false),
        2 => acceptor(input.0, true),
        3 => initiator(input.0, false),
        4 => initiator(input.0, true),
        5 => changed(input, false),
        6 => changed(input, true),
        _ => session(input),
    }
}

fn parsers(octets: &[u8]) {
    let _ = ntlm::message::Negotiate::decode(octets);
    if let Ok(challenge) = ntlm::message::Challenge::decode(octets)
        && let Ok(pairs) = AvPairs::decode(challenge.target_info)
    {
        // The pairs lie one behind the other in what they were read from.
        let len: usize = pairs.iter().map(|(_, value)| value.len() + 4).sum();
        assert!(len <= challenge.target_info.len());
        let _ = (pairs.flags(), pairs.timestamp());
    }
    if let Ok(message) = ntlm::message::Authenticate::decode(octets) {
        for part in [message.lm_response, message.nt_response, message.domain, message.user, message.workstation, message.session_key] {
            assert!(part.len() <= octets.len());
        }
    }
    let _ = AvPairs::decode(octets);
    if let Ok(spnego::token::Token::Init(init)) = spnego::token::decode(octets) {
        assert!(init.mechs.len() <= spnego::token::MECHS_MAX);
    }
}

/// All tokens to a server; it lets in only whom it may.
fn acceptor(octets: &[u8], spnego: bool) {
    let [first, second] = [(); 2].map(|()| {
        let mut server = server(spnego, ALICE.clone());
        (transcript(server.as_mut(), octets), server.peer().map(|p| p.user.clone()))
    });
    assert_eq!(first, second, "the same tokens were answered otherwise");
    assert!(first.1.is_none_or(|user| user == "alice"));
    let mut other = server(spnego, OTHER.clone());
    let _ = transcript(other.as_mut(), octets);
    assert!(!other.is_established(), "let in without the password");
}

fn initiator(octets: &[u8], spnego: bool) {
    let [first, second] = [(); 2].map(|()| {
        let mut client = client(spnego);
        let start = client.step(&[]);
        (start, transcript(client.as_mut(), octets), client.is_established())
    });
    assert_eq!(first, second, "the same tokens were answered otherwise");
}

fn transcript(context: &mut dyn SecurityContext, octets: &[u8]) -> Vec<Result<Step, AuthError>> {
    let mut input = Input(octets);
    let mut out = Vec::new();
    while !input.is_empty() && out.len() < LEGS {
        let step = context.step(input.piece());
        assert_eq!(context.is_established(), matches!(step, Ok(Step::Done(_))) || (context.is_established() && step.is_err()));
        out.push(step);
    }
    assert_eq!(context.session_key().is_some(), context.is_established());
    out
}

/// Both ends, with somebody between them who changes octets.
fn changed(mut input: Input<'_>, spnego: bool) {
    let (mut client, mut server) = (client(spnego), server(spnego, ALICE.clone()));
    let mut honest = true;
    let mut token = Vec::new();
    for leg in 0..LEGS {
        let context = if leg % 2 == 0 { &mut client } else { &mut server };
        match context.step(&token) {
            Ok(Step::Continue(next) | Step::Done(Some(next))) => token = next,
            Ok(Step::Done(None)) => break,
            Err(e) => return assert!(!honest, "an honest handshake fails: {e}"),
        }
        honest &= !change(&mut input, &mut token);
    }
    // Our client always makes a MIC over all three messages, so that a server accepts none that was changed.
    if server.is_established() && client.is_established() {
        assert!(honest || spnego, "a changed handshake was accepted");
        both_ways(client.as_mut(), server.as_mut(), input);
    }
    assert!(!honest || (server.is_established() && client.is_established()), "an honest handshake does not come to its end");
}

/// Changes an octet of a token, or its length; says whether it did.
fn change(input: &mut Input<'_>, token: &mut Vec<u8>) -> bool {
    let (how, at, mask) = (input.u8(), usize::from(input.u16()), input.u8());
    match how {
        1 => token.get_mut(at).is_some_and(|octet| {
            *octet ^= mask;
            mask != 0
        }),
        2 if at < token.len() => {
            token.truncate(at);
            true
        }
        3 => {
            token.push(mask);
            true
        }
        4 => {
            let piece = input.take(mask.into()).to_vec();
            let at = at.min(token.len());
            let end = (at + piece.len()).min(token.len());
            let same = token.get(at..end) == Some(&piece);
            token.splice(at..end, piece);
            !same
        }
        _ => false,
    }
}

/// A session whose tokens come from anywhere.
fn session(mut input: Input<'_>) {
    let flags = ntlm::Flags(u32::from_le_bytes([input.u8(), input.u8(), input.u8(), input.u8()]));
    let [client, server] = [ntlm::Role::Initiator, ntlm::Role::Acceptor].map(|role| ntlm::Session::from_key([7; 16], flags, role));
    let (mut client, mut server) = (client, server);
    let list = input.piece().to_vec();
    if let Ok(mic) = client.sign_mech_list(&list) {
        assert_eq!(server.verify_mech_list(&list, &mic), Ok(()));
    }
    if let Ok(mic) = client.sign(&[&list[..], b"x"]) {
        assert_eq!(server.verify(&[&list[..], b"x"], &mic), Ok(()));
    }
    let mut body = list.clone();
    if let Ok(mic) = client.seal(Segments { header: b"h", body: &mut body, trailer: b"t" }) {
        assert_eq!(server.unseal(Segments { header: b"h", body: &mut body, trailer: b"t" }, &mic), Ok(()));
        assert_eq!(body, list);
    }
    let signature = input.piece();
    let mut body = input.0.to_vec();
    assert!(server.unseal(Segments { header: b"h", body: &mut body, trailer: b"t" }, signature).is_err(), "a signature by chance");
}

/// PDUs both ways: those untouched open, those changed do not.
fn both_ways(client: &mut dyn SecurityContext, server: &mut dyn SecurityContext, mut input: Input<'_>) {
    let levels = [AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];
    let level = levels[usize::from(input.u8()) % levels.len()];
    for turn in 0..8 {
        let (from, to): (&mut dyn SecurityContext, &mut dyn SecurityContext) =
            if turn % 2 == 0 { (client, server) } else { (server, client) };
        let clear = input.piece().to_vec();
        let mut body = clear.clone();
        let token = from.protect(level, true, Segments { header: b"header", body: &mut body, trailer: b"trailer" });
        let Ok(mut token) = token else { return };
        assert_eq!(token.len(), from.token_len(level, clear.len()));
        let is_changed = change(&mut input, &mut token) | change(&mut input, &mut body);
        let opened = to.unprotect(level, true, Segments { header: b"header", body: &mut body, trailer: b"trailer" }, &token);
        if is_changed {
            assert!(opened.is_err(), "a changed PDU was taken");
            return;
        }
        assert_eq!((opened, &body), (Ok(()), &clear), "an honest PDU was refused");
    }
}

/// A client of the account `alice`.
pub(crate) fn client(spnego: bool) -> Box<dyn SecurityContext> {
    let credentials = Credentials { user: "Alice".into(), domain: "dom".into(), password: Secret::new("secret") };
    let options = InitiatorOptions { ambient: Arc::new(Fixed(1)), ..InitiatorOptions::default() };
    if spnego { Box::new(spnego::Initiator::ntlm(&credentials, options)) } else { Box::new(ntlm::Initiator::new(&credentials, options)) }
}

/// A server of one account. Its random octets are fixed, so that an answer to its challenge can stand in a corpus.
pub(crate) fn server(spnego: bool, accounts: Arc<OneAccount>) -> Box<dyn SecurityContext> {
    let options = AcceptorOptions { ambient: Arc::new(Fixed(2)), ..AcceptorOptions::named("box.example.org") };
    if spnego { Box::new(spnego::Acceptor::ntlm(accounts, options)) } else { Box::new(ntlm::Acceptor::new(accounts, options)) }
}

/// The account `alice` with a password.
pub(crate) struct OneAccount(NtHash);

impl Accounts for OneAccount {
    fn nt_hash(&self, user: &str, _domain: &str) -> Option<Account> {
        user.eq_ignore_ascii_case("alice").then(|| Account { name: "alice".into(), hash: self.0.clone() })
    }
}

pub(crate) static ALICE: LazyLock<Arc<OneAccount>> = LazyLock::new(|| Arc::new(OneAccount(ntlm::nt_hash("secret"))));
/// Has a password that no corpus knows.
static OTHER: LazyLock<Arc<OneAccount>> = LazyLock::new(|| Arc::new(OneAccount(ntlm::nt_hash("5a0c13f0-not-in-any-corpus"))));

/// The same octets at all times, and one moment in 2025.
#[derive(Debug)]
struct Fixed(u8);

impl Ambient for Fixed {
    fn random(&self, octets: &mut [u8]) -> Result<(), AuthError> {
        octets.fill(self.0);
        Ok(())
    }
    fn filetime(&self) -> u64 {
        134_000_000_000_000_000
    }
}

/// Tokens in one handshake: twice as many as any has.
const LEGS: usize = 8;
