//! Both ends against each other, and against the figures of [MS-NLMP] 4.2.4.

use super::av::push;
use super::crypt::{hmac_md5, response_key};
use super::initiator::utf16;
use super::message::{Authenticate, Challenge, Negotiate};
use super::*;
use crate::{AuthError, AuthLevel, Credentials, Identity, NtHash, Recorded, Secret, SecurityContext, Segments, Step};
use std::sync::Arc;

struct Lab;

impl Accounts for Lab {
    fn nt_hash(&self, user: &str, _domain: &str) -> Option<Account> {
        let password = match user.to_lowercase().as_str() {
            "alice" => "secret",
            "user" => "Password",
            "empty" => "",
            "jürgen" => "ÄÖÜ€",
            _ => return None,
        };
        Some(Account { name: user.to_lowercase(), hash: nt_hash(password) })
    }
}

fn initiator(user: &str, domain: &str, password: &str, options: InitiatorOptions) -> Initiator {
    Initiator::new(&Credentials { user: user.into(), domain: domain.into(), password: Secret::new(password) }, options)
}

fn alice() -> Initiator {
    initiator("Alice", "Dom", "secret", InitiatorOptions::default())
}

fn acceptor() -> Acceptor {
    Acceptor::new(Arc::new(Lab), AcceptorOptions::named("box.example.org"))
}

/// Lets both talk; `bend` may change each message on its way.
fn talk(client: &mut Initiator, server: &mut Acceptor, bend: impl Fn(usize, Vec<u8>) -> Vec<u8>) -> Result<(), AuthError> {
    let Step::Continue(negotiate) = client.step(&[])? else { panic!() };
    let Step::Continue(challenge) = server.step(&bend(0, negotiate))? else { panic!() };
    let Step::Done(Some(authenticate)) = client.step(&bend(1, challenge))? else { panic!() };
    assert_eq!(server.step(&bend(2, authenticate))?, Step::Done(None));
    Ok(())
}

fn whole(_: usize, octets: Vec<u8>) -> Vec<u8> {
    octets
}

#[test]
fn the_right_password_logs_on_whatever_the_names() {
    fn check(user: &str, domain: &str, password: &str, expect: Result<&str, AuthError>) {
        let (mut client, mut server) = (initiator(user, domain, password, InitiatorOptions::default()), acceptor());
        let result = talk(&mut client, &mut server, whole);
        assert_eq!(result, expect.clone().map(|_| ()), "{user} {domain} {password}");
        let name = server.peer().map(|peer| (peer.user.as_str(), peer.domain.as_str()));
        assert_eq!(name, expect.ok().map(|name| (name, domain)));
        assert_eq!(server.is_established(), name.is_some());
    }
    check("alice", "", "secret", Ok("alice"));
    check("ALICE", "doM", "secret", Ok("alice"));
    check("empty", "", "", Ok("empty"));
    check("Jürgen", "Ä", "ÄÖÜ€", Ok("jürgen"));
    check("alice", "", "Secret", Err(AuthError::LogonDenied));
    check("alice", "", "", Err(AuthError::LogonDenied));
    check("nobody", "", "secret", Err(AuthError::LogonDenied));
    check("", "", "", Err(AuthError::LogonDenied));
}

#[test]
fn a_hash_is_as_good_as_a_password() {
    let mut client = Initiator::with_hash("alice", "", nt_hash("secret"), InitiatorOptions::default());
    let mut server = acceptor();
    talk(&mut client, &mut server, whole).unwrap();
    assert!(server.mic_checked());
    assert_eq!(client.session_key(), server.session_key());
}

#[test]
fn both_ends_protect_with_the_key_that_they_agreed() {
    let (mut client, mut server) = (alice(), acceptor());
    talk(&mut client, &mut server, whole).unwrap();
    for level in [AuthLevel::Privacy, AuthLevel::Integrity, AuthLevel::Privacy] {
        let mut body = *b"body";
        let token = client.protect(level, true, Segments { header: b"h", body: &mut body, trailer: b"t" }).unwrap();
        server.unprotect(level, true, Segments { header: b"h", body: &mut body, trailer: b"t" }, &token).unwrap();
        let token = server.protect(level, true, Segments { header: b"h", body: &mut body, trailer: b"t" }).unwrap();
        client.unprotect(level, true, Segments { header: b"h", body: &mut body, trailer: b"t" }, &token).unwrap();
        assert_eq!(&body, b"body");
    }
}

#[test]
fn a_client_that_asks_for_no_seal_gets_none() {
    let mut client = initiator("alice", "", "secret", InitiatorOptions { seal: false, ..InitiatorOptions::default() });
    let mut server = acceptor();
    talk(&mut client, &mut server, whole).unwrap();
    assert!(!server.session().unwrap().flags().contains(Flags::SEAL));
    let token = client.protect(AuthLevel::Integrity, true, Segments { header: b"", body: &mut [1], trailer: b"" }).unwrap();
    server.unprotect(AuthLevel::Integrity, true, Segments { header: b"", body: &mut [1], trailer: b"" }, &token).unwrap();
    let privacy = server.protect(AuthLevel::Privacy, true, Segments { header: b"", body: &mut [1], trailer: b"" });
    assert!(matches!(privacy, Err(AuthError::Unsupported(_))));
}

#[test]
fn the_identify_flag_reaches_the_identity() {
    for identify in [false, true] {
        let mut client = initiator("alice", "d", "secret", InitiatorOptions { identify, ..InitiatorOptions::default() });
        let mut server = acceptor();
        talk(&mut client, &mut server, whole).unwrap();
        assert_eq!(server.peer(), Some(&Identity { user: "alice".into(), domain: "d".into(), identify_only: identify }));
    }
}

#[test]
fn one_bent_bit_in_any_message_ends_the_handshake() {
    let lens = {
        let (mut client, mut server) = (alice(), acceptor());
        let lens = std::cell::RefCell::new(vec![]);
        talk(&mut client, &mut server, |_, octets| {
            lens.borrow_mut().push(octets.len());
            octets
        })
        .unwrap();
        lens.into_inner()
    };
    for (message, len) in lens.into_iter().enumerate() {
        for at in 0..len {
            let (mut client, mut server) = (alice(), acceptor());
            let result = talk(&mut client, &mut server, |n, mut octets| {
                if n == message {
                    octets[at] ^= 0x10;
                }
                octets
            });
            // The 24 zeroes of the LM response are in the MIC too, so no octet is free.
            assert!(result.is_err(), "message {message} octet {at}");
        }
    }
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    for message in 0..3 {
        for keep in 0..400 {
            let (mut client, mut server) = (alice(), acceptor());
            let cut = std::cell::Cell::new(false);
            let result = talk(&mut client, &mut server, |n, mut octets| {
                if n == message && keep < octets.len() {
                    octets.truncate(keep);
                    cut.set(true);
                }
                octets
            });
            assert_eq!(result.is_err(), cut.get(), "message {message} cut to {keep}");
        }
    }
}

#[test]
fn the_challenge_names_the_server_and_the_time_and_has_no_flags() {
    let mut server = Acceptor::new(
        Arc::new(Lab),
        AcceptorOptions { ambient: Arc::new(Recorded::new([7; 8], 42)), ..AcceptorOptions::named("box.example.org") },
    );
    let Step::Continue(octets) = server.step(&Negotiate::encode(Flags(0xe088_8235))).unwrap() else { panic!() };
    let challenge = Challenge::decode(&octets).unwrap();
    let list = AvPairs::decode(challenge.target_info).unwrap();
    assert_eq!(challenge.challenge, [7; 8]);
    assert_eq!(list.find(AvId::NB_COMPUTER_NAME), Some(&*utf16("BOX")));
    assert_eq!(list.find(AvId::NB_DOMAIN_NAME), Some(&*utf16("BOX")));
    assert_eq!(list.find(AvId::DNS_COMPUTER_NAME), Some(&*utf16("box.example.org")));
    assert_eq!(list.find(AvId::DNS_DOMAIN_NAME), Some(&*utf16("example.org")));
    assert_eq!((list.timestamp(), list.find(AvId::FLAGS)), (Some(42), None));
    // What aiowmi takes for granted (it never reads the answer).
    let needed = Flags::UNICODE | Flags::SIGN | Flags::SEAL | Flags::ALWAYS_SIGN | Flags::EXTENDED_SESSION_SECURITY;
    assert!(challenge.flags.contains(needed | Flags::KEY_128 | Flags::KEY_56 | Flags::KEY_EXCHANGE));
}

#[test]
fn the_authenticate_names_channel_and_service_and_announces_its_mic() {
    let options = InitiatorOptions {
        target_name: Some("rpcss/box".into()),
        channel_bindings: Some(channel_bindings(b"tls-server-end-point:x")),
        workstation: "HERE".into(),
        ..InitiatorOptions::default()
    };
    let (mut client, mut server) = (initiator("alice", "", "secret", options), acceptor());
    talk(&mut client, &mut server, |n, octets| {
        if n == 2 {
            let message = Authenticate::decode(&octets).unwrap();
            let list = AvPairs::decode(&message.nt_response[44..]).unwrap();
            assert_eq!(list.flags(), AvPairs::FLAG_MIC);
            assert_eq!(list.find(AvId::TARGET_NAME), Some(&*utf16("rpcss/box")));
            assert_eq!(list.find(AvId::CHANNEL_BINDINGS), Some(&channel_bindings(b"tls-server-end-point:x")[..]));
            assert_eq!((message.lm_response, message.workstation), (&[0; 24][..], &*utf16("HERE")));
        }
        octets
    })
    .unwrap();
}

/// A challenge of a server that grants these flags, with the time or without.
fn challenge(flags: Flags, timestamp: bool) -> Vec<u8> {
    let mut info = vec![];
    push(&mut info, AvId::NB_COMPUTER_NAME, b"S\0").unwrap();
    if timestamp {
        push(&mut info, AvId::TIMESTAMP, &[1; 8]).unwrap();
    }
    push(&mut info, AvId::EOL, &[]).unwrap();
    Challenge { target_name: b"S\0", flags, challenge: [3; 8], target_info: &info }.encode().unwrap()
}

#[test]
fn a_server_that_grants_too_little_is_refused() {
    let granted = Flags(0xe28a_8235);
    let step = |flags| {
        let mut client = alice();
        client.step(&[]).unwrap();
        client.step(&challenge(flags, true)).map(|_| ())
    };
    assert_eq!(step(granted), Ok(()));
    let needed = [Flags::UNICODE, Flags::SIGN, Flags::SEAL, Flags::EXTENDED_SESSION_SECURITY, Flags::KEY_128, Flags::KEY_EXCHANGE];
    for flag in needed {
        assert!(matches!(step(granted & !flag), Err(AuthError::Unsupported(_))), "{flag:?}");
    }
}

#[test]
fn a_server_without_a_clock_gets_an_lmv2_response_and_a_mic_all_the_same() {
    let ambient = Arc::new(Recorded::new([9; 24], 42));
    let mut client = initiator("user", "d", "Password", InitiatorOptions { ambient, ..InitiatorOptions::default() });
    client.step(&[]).unwrap();
    let Step::Done(Some(octets)) = client.step(&challenge(Flags(0xe28a_8235), false)).unwrap() else { panic!() };
    let message = Authenticate::decode(&octets).unwrap();
    let key = response_key(&nt_hash("Password"), message.user, message.domain);
    assert_eq!(message.lm_response[..16], *hmac_md5(&*key, &[&[3; 8], &[9; 8]]));
    assert_eq!(message.lm_response[16..], [9; 8]);
    assert_eq!(message.nt_response[24..32], 42u64.to_le_bytes());
    assert_ne!(message.mic, Some([0; 16]));
    assert_eq!(client.session_key(), Some(&[9; 16][..]));
}

#[test]
fn a_client_that_offers_too_little_is_refused() {
    for flag in [Flags::UNICODE, Flags::EXTENDED_SESSION_SECURITY, Flags::KEY_128] {
        let result = acceptor().step(&Negotiate::encode(Flags(0xe208_8235) & !flag));
        assert!(matches!(result, Err(AuthError::Unsupported(_))), "{flag:?}");
    }
}

/// An AUTHENTICATE with everything the caller says and the payload at any place.
fn authenticate(payload_at: usize, flags: u32, parts: [&[u8]; 6]) -> Vec<u8> {
    let [lm, nt, domain, user, workstation, key] = parts;
    let mut at = payload_at;
    let mut place = |part: &[u8]| {
        let header = [&(part.len() as u16).to_le_bytes()[..], &(part.len() as u16).to_le_bytes(), &(at as u32).to_le_bytes()].concat();
        at += part.len();
        header
    };
    let [domain_at, user_at, workstation_at, lm_at, nt_at, key_at] = [domain, user, workstation, lm, nt, key].map(&mut place);
    let mut out = b"NTLMSSP\0\x03\0\0\0".to_vec();
    out.extend([lm_at, nt_at, domain_at, user_at, workstation_at, key_at].concat());
    out.extend(flags.to_le_bytes());
    out.resize(payload_at, 0);
    out.extend([domain, user, workstation, lm, nt, key].concat());
    out
}

/// The blob of [MS-NLMP] 4.2.4.1.3.
fn blob() -> Vec<u8> {
    let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    blob.extend([0xaa; 8]);
    blob.extend([0; 4]);
    push(&mut blob, AvId::NB_DOMAIN_NAME, &utf16("Domain")).unwrap();
    push(&mut blob, AvId::NB_COMPUTER_NAME, &utf16("Server")).unwrap();
    push(&mut blob, AvId::EOL, &[]).unwrap();
    blob.extend([0; 4]);
    blob
}

const SERVER_NONCE: [u8; 8] = [1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
const PROOF: [u8; 16] = 0x68cd_0ab8_51e5_1c96_aabc_927b_ebef_6a1c_u128.to_be_bytes();
const BASE_KEY: [u8; 16] = 0x8de4_0cca_dbc1_4a82_f15c_b0ad_0de9_5ca3_u128.to_be_bytes();
const WRAPPED_KEY: [u8; 16] = 0xc5da_d254_4fc9_7990_94ce_1ce9_0bc9_d03e_u128.to_be_bytes();

/// An acceptor after its challenge with the specification's octets.
fn of_the_specification(options: AcceptorOptions, offered: Flags) -> Acceptor {
    let ambient = Arc::new(Recorded::new([&SERVER_NONCE[..], &[0x77; 16]].concat(), 0));
    let mut server = Acceptor::new(Arc::new(Lab), AcceptorOptions { ambient, ..options });
    server.step(&Negotiate::encode(offered)).unwrap();
    server
}

#[test]
fn proof_and_base_key_are_those_of_the_specification() {
    let key = response_key(&nt_hash("Password"), &utf16("User"), &utf16("Domain"));
    assert_eq!(*hmac_md5(&*key, &[&SERVER_NONCE, &blob()]), PROOF);
    assert_eq!(*hmac_md5(&*key, &[&PROOF]), BASE_KEY);
}

#[test]
fn the_acceptor_takes_the_authenticate_of_the_specification() {
    let (flags, response) = (0xe28a_8233, [&PROOF[..], &blob()].concat());
    let lm = [0x86c3_5097_ac9c_ec10_2554_764a_57cc_cc19_u128.to_be_bytes().to_vec(), vec![0xaa; 8]].concat();
    let (domain, user, workstation) = (utf16("Domain"), utf16("User"), utf16("COMPUTER"));
    // Payload at 72 as there, at 64 as impacket and aiowmi have it, and at 88 without a MIC announced.
    for payload_at in [72, 64, 88, 100] {
        let octets = authenticate(payload_at, flags, [&lm, &response, &domain, &user, &workstation, &WRAPPED_KEY]);
        let mut server = of_the_specification(AcceptorOptions::named("Server"), Flags(flags));
        assert_eq!(server.step(&octets), Ok(Step::Done(None)));
        assert_eq!((server.session_key(), server.mic_checked()), (Some(&[0x55; 16][..]), false));
        let mut text = [0x54, 0xe5, 0x01, 0x65, 0xbf, 0x19, 0x36, 0xdc, 0x99, 0x60, 0x20, 0xc1, 0x81, 0x1b, 0x0f, 0x06, 0xfb, 0x5f];
        let signature = [1, 0, 0, 0, 0x7f, 0xb3, 0x8e, 0xc5, 0xc5, 0x5d, 0x49, 0x76, 0, 0, 0, 0];
        server.unprotect(AuthLevel::Privacy, true, Segments { header: b"", body: &mut text, trailer: b"" }, &signature).unwrap();
        assert_eq!(text, *utf16("Plaintext"));
    }
}

#[test]
fn a_mic_that_is_required_or_announced_and_not_there_is_missed() {
    let (domain, user) = (utf16("Domain"), utf16("User"));
    let step = |options, response: &[u8], payload_at| {
        let octets = authenticate(payload_at, 0xe28a_8233, [&[0; 24], response, &domain, &user, b"", &WRAPPED_KEY]);
        of_the_specification(options, Flags(0xe28a_8233)).step(&octets)
    };
    let silent = [&PROOF[..], &blob()].concat();
    let strict = AcceptorOptions { require_mic: true, ..AcceptorOptions::named("Server") };
    assert!(matches!(step(strict, &silent, 88), Err(AuthError::Unsupported(_))));

    let mut blob = blob();
    blob.truncate(28);
    push(&mut blob, AvId::FLAGS, &AvPairs::FLAG_MIC.to_le_bytes()).unwrap();
    push(&mut blob, AvId::EOL, &[]).unwrap();
    let key = response_key(&nt_hash("Password"), &user, &domain);
    let announced = [hmac_md5(&*key, &[&SERVER_NONCE, &blob]).as_slice(), &blob].concat();
    for payload_at in [64, 72, 88] {
        assert_eq!(step(AcceptorOptions::named("Server"), &announced, payload_at), Err(AuthError::BadSignature), "{payload_at}");
    }
}

#[test]
fn version_one_and_nobody_are_refused() {
    let (domain, user) = (utf16("Domain"), utf16("User"));
    let step = |flags, parts| of_the_specification(AcceptorOptions::named("Server"), Flags(flags)).step(&authenticate(88, flags, parts));
    assert_eq!(step(0xe28a_8233, [&[0; 24], &[0; 24], &domain, &user, b"", &[0; 16]]), Err(AuthError::Unsupported("NTLM version 1")));
    assert_eq!(step(0xe28a_8233, [&[0; 24], b"", &domain, &user, b"", &[0; 16]]), Err(AuthError::Unsupported("NTLM version 1")));
    assert_eq!(step(0xe28a_8233, [&[0], b"", b"", b"", b"", &[0; 16]]), Err(AuthError::Unsupported("anonymous log-on")));
    assert_eq!(step(0xe28a_8a33, [&[0; 24], b"", &domain, &user, b"", b""]), Err(AuthError::Unsupported("anonymous log-on")));
}

#[test]
fn an_unknown_account_is_denied_even_with_the_dummy_hash() {
    let (domain, user) = (utf16("Domain"), utf16("Nobody"));
    let key = response_key(&NtHash([0x77; 16]), &user, &domain);
    let response = [hmac_md5(&*key, &[&SERVER_NONCE, &blob()]).as_slice(), &blob()].concat();
    let octets = authenticate(88, 0xe28a_8233, [&[0; 24], &response, &domain, &user, b"", &WRAPPED_KEY]);
    let mut server = of_the_specification(AcceptorOptions::named("Server"), Flags(0xe28a_8233));
    assert_eq!(server.step(&octets), Err(AuthError::LogonDenied));
}

#[test]
fn where_nothing_is_signed_the_password_makes_the_session_key() {
    let flags = 0xe28a_8233 & !(Flags::SIGN | Flags::SEAL).0;
    let response = [&PROOF[..], &blob()].concat();
    let octets = authenticate(72, flags, [&[0; 24], &response, &utf16("Domain"), &utf16("User"), b"", b""]);
    let mut server = of_the_specification(AcceptorOptions::named("Server"), Flags(flags));
    server.step(&octets).unwrap();
    assert_eq!(server.session_key(), Some(&BASE_KEY[..]));
}

#[test]
fn a_session_key_missing_or_of_another_length_is_refused() {
    let response = [&PROOF[..], &blob()].concat();
    for len in [0, 15, 17] {
        let octets = authenticate(72, 0xe28a_8233, [&[0; 24], &response, &utf16("Domain"), &utf16("User"), b"", &vec![0; len]]);
        let mut server = of_the_specification(AcceptorOptions::named("Server"), Flags(0xe28a_8233));
        assert!(matches!(server.step(&octets), Err(AuthError::Malformed(_))), "{len}");
    }
}

#[test]
fn after_a_failure_or_the_end_there_are_no_more_steps() {
    let mut server = acceptor();
    assert!(server.step(b"nonsense").is_err());
    assert!(matches!(server.step(&Negotiate::encode(Flags(0xe208_8235))), Err(AuthError::Misuse(_))));
    let (mut client, mut server) = (alice(), acceptor());
    assert!(matches!(client.step(b"early"), Err(AuthError::Misuse(_))));
    let mut client = alice();
    assert!(client.protect(AuthLevel::Integrity, true, Segments { header: b"", body: &mut [], trailer: b"" }).is_err());
    talk(&mut client, &mut server, whole).unwrap();
    assert!(matches!(client.step(&[]), Err(AuthError::Misuse(_))));
    assert!(matches!(server.step(&[]), Err(AuthError::Misuse(_))));
    assert!(client.is_established() && server.is_established(), "a stray step does no harm");
}

#[test]
fn nothing_printed_shows_a_secret() {
    let (mut client, mut server) = (alice(), acceptor());
    talk(&mut client, &mut server, whole).unwrap();
    let key = format!("{:?}", client.session_key().unwrap());
    let shown = format!("{client:?} {server:?} {:?} {:?}", client.session(), nt_hash("secret"));
    assert!(!shown.contains("secret") && !shown.contains(&key[1..20]), "{shown}");
}
