//! Recorded NTLM of real Windows machines: every handshake is replayed through this crate, every signature verified, every
//! sealed stub opened and compared.

mod support;

use rwmi_auth::ntlm::message::{Authenticate, Challenge, Negotiate};
use rwmi_auth::ntlm::{self, Role, Session};
use rwmi_auth::spnego::token::{self, Oid, Token};
use rwmi_auth::spnego::{self, Mechanism};
use rwmi_auth::{AuthError, AuthLevel, AuthType, Identity, Recorded, SecurityContext, Segments, Step};
use rwmi_wiredata::capture::{Capture, Pdu, Stream};
use rwmi_wiredata::keys::{self, Found};
use rwmi_wiredata::manifest::{Manifest, Row};
use rwmi_wiredata::{Outcome, Tally, Tree};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use support::*;

const KIND: &str = ".pcap(ng)";

/// A stream of RPC.
struct Talk<'a> {
    capture: usize,
    path: &'a PathBuf,
    stream: &'a Stream,
    pdus: Vec<Pdu>,
    keys: Vec<Found>,
}

impl Talk<'_> {
    fn name(&self, tree: &Tree) -> String {
        format!("{}, {} to {}", tree.short(self.path), self.stream.client, self.stream.server)
    }
}

fn talks<'a>(tree: &Tree, captures: &'a [Capture]) -> Vec<Talk<'a>> {
    let mut talks = vec![];
    for (at, capture) in captures.iter().enumerate() {
        let keys = keys::all_for(&capture.path, tree);
        for stream in capture.streams() {
            if let Some(pdus) = stream.pdus() {
                talks.push(Talk { capture: at, path: &capture.path, stream, pdus, keys: keys.clone() });
            }
        }
    }
    talks
}

#[test]
fn wire_data_ntlm_messages_decode_and_do_no_harm_cut_anywhere() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new(KIND, "NTLM handshakes decoded");
    for talk in talks(&tree, &Capture::all(&tree)) {
        for handshake in handshakes(&talk.pdus).values() {
            let Some(messages @ [negotiate, challenge, authenticate]) = handshake.ntlm() else { continue };
            tally.case(talk.name(&tree), || {
                Negotiate::decode(negotiate).unwrap();
                let info = Challenge::decode(challenge).unwrap().target_info;
                ntlm::AvPairs::decode(info).unwrap().iter().for_each(drop);
                Authenticate::decode(authenticate).unwrap();
                for token in messages {
                    for len in 0..token.len() {
                        let _ = (Negotiate::decode(&token[..len]), Challenge::decode(&token[..len]), Authenticate::decode(&token[..len]));
                    }
                }
            });
        }
    }
    tally.finish(&tree);
}

#[test]
fn wire_data_spnego_tokens_decode_and_do_no_harm_cut_anywhere() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new(KIND, "SPNEGO tokens decoded");
    for talk in talks(&tree, &Capture::all(&tree)) {
        for handshake in handshakes(&talk.pdus).values().filter(|handshake| handshake.auth_type == AuthType::SPNEGO) {
            // Kerberos of three legs ends without SPNEGO around it, and so may NTLM.
            for (_, octets) in handshake.tokens.iter().filter(|(_, octets)| !octets.starts_with(b"NTLMSSP\0")) {
                tally.case(talk.name(&tree), || {
                    token::decode(octets).unwrap();
                    for len in 0..octets.len() {
                        assert!(token::decode(&octets[..len]).is_err());
                    }
                });
            }
        }
    }
    tally.finish(&tree);
}

#[test]
fn wire_data_ntlm_signatures_verify_and_sealed_stubs_open() {
    let Some(tree) = Tree::locate() else { return };
    let captures = Capture::all(&tree);
    let manifests = Manifest::all(&tree, &captures);
    let mut contexts = Tally::new(KIND, "security contexts with signed or sealed PDUs");
    let mut signatures = Tally::new(KIND, "NTLM signatures verified");
    let mut stubs = Tally::new(KIND, "signed or sealed NTLM stubs equal to their files");
    let mut mics = Tally::new(KIND, "mechListMICs verified");
    for talk in talks(&tree, &captures) {
        let handshakes = handshakes(&talk.pdus);
        for id in protecting(&talk.pdus) {
            let Some(handshake) = handshakes.get(&id) else {
                contexts.leave("no key");
                continue;
            };
            contexts.case(talk.name(&tree), || {
                if handshake.ntlm().is_none() {
                    return Outcome::Left(handshake.reason());
                }
                let ends = (handshake.session(&talk.keys, Role::Initiator), handshake.session(&talk.keys, Role::Acceptor));
                let (Some(mut client), Some(mut server)) = ends else { return Outcome::Left("no key") };
                if handshake.mech_list_and_mics(Role::Initiator).is_some() {
                    mics.pass();
                    mics.pass();
                }
                open(&talk, id, &mut client, &mut server, &mut signatures, |from_client, call_id, stub| {
                    let told = rows_of(&manifests, &talk).filter(|(row, _)| {
                        row.call_id == Some(call_id)
                            && row.is_from_client() == from_client
                            && ["request", "response"].contains(&row.kind.as_str())
                    });
                    let told: Vec<(&Row, Option<PathBuf>)> = told.collect();
                    if told.is_empty() {
                        return;
                    }
                    // A call id can come again; then one of its rows is of this stub.
                    let is_same = |(row, file): &(&Row, Option<PathBuf>)| {
                        row.matches(stub) && file.as_ref().is_none_or(|file| rwmi_wiredata::read(file).unwrap() == stub)
                    };
                    assert!(told.iter().any(is_same), "the stub of call {call_id} is another than that of its row");
                    stubs.pass();
                });
                Outcome::Passed
            });
        }
    }
    Tally::finish_all([contexts, signatures, stubs, mics], &tree);
}

/// Verifies, and opens, what a context protects, from both ends; gives each stub that was joined. Ends where octets were not
/// recorded, as the next number cannot be known.
fn open(
    talk: &Talk<'_>,
    id: Id,
    client: &mut Session,
    server: &mut Session,
    signatures: &mut Tally,
    mut done: impl FnMut(bool, u32, &[u8]),
) {
    let mut joining: BTreeMap<(bool, u32), Vec<u8>> = BTreeMap::new();
    let mut ended = [false; 2];
    for (at, pdu) in talk.pdus.iter().enumerate() {
        ended[usize::from(pdu.from_client)] |= pdu.after_gap && at > 1;
        let (kind, flags) = (pdu.octets[2], pdu.octets[3]);
        let Some(trailer) = trailer(&pdu.octets).filter(|trailer| kind < BIND && Id::of(trailer) == id) else { continue };
        if ended[usize::from(pdu.from_client)] {
            continue;
        }
        let header_len = if kind == REQUEST && flags & OBJECT_UUID != 0 { 40 } else { 24 };
        let mut octets = pdu.octets[..trailer.at].to_vec();
        let (header, body) = octets.split_at_mut(header_len);
        let session = if pdu.from_client { &mut *server } else { &mut *client };
        let level = AuthLevel::from_wire(id.level).unwrap();
        assert_eq!(session.token_len(level, body.len()), trailer.token.len());
        let segments = Segments { header, body, trailer: &pdu.octets[trailer.at..trailer.at + 8] };
        session.unprotect(level, true, segments, &trailer.token).unwrap_or_else(|error| panic!("PDU {at}: {error}"));
        signatures.pass();

        let call_id = u32::from_le_bytes(pdu.octets[12..16].try_into().unwrap());
        let stub = joining.entry((pdu.from_client, call_id)).or_default();
        if flags & FIRST_FRAG != 0 {
            stub.clear();
        }
        stub.extend_from_slice(&octets[header_len..octets.len() - trailer.pad]);
        if flags & LAST_FRAG != 0 && kind != FAULT {
            done(pdu.from_client, call_id, stub);
        }
    }
}

/// The contexts that protect PDUs of calls.
fn protecting(pdus: &[Pdu]) -> Vec<Id> {
    let calls = pdus.iter().filter(|pdu| [REQUEST, RESPONSE].contains(&pdu.octets[2]));
    let mut ids: Vec<Id> = calls.filter_map(|pdu| trailer(&pdu.octets)).map(|t| Id::of(&t)).filter(|id| is_protecting(id.level)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Rows of manifests about a stream, and the files that they name.
fn rows_of<'a>(manifests: &'a [Manifest], talk: &Talk<'_>) -> impl Iterator<Item = (&'a Row, Option<PathBuf>)> {
    let ends: Option<(SocketAddr, SocketAddr)> = Some((talk.stream.client, talk.stream.server));
    let of_ours = manifests.iter().filter(move |manifest| manifest.capture == Some(talk.capture));
    of_ours.flat_map(move |manifest| {
        let rows = manifest.rows.iter().filter(move |row| row.ends() == ends);
        rows.map(|row| (row, row.path(&manifest.path)))
    })
}

/// Our client in place of the recorded one: with the recorded session key injected it accepts every PDU of the server's.
#[test]
fn wire_data_our_client_accepts_what_the_recorded_server_says() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new(KIND, "server PDUs accepted by our NTLM client");
    for talk in talks(&tree, &Capture::all(&tree)) {
        for (id, handshake) in handshakes(&talk.pdus).iter().filter(|(_, handshake)| handshake.auth_type == AuthType::NTLM) {
            let Some(messages @ [_, challenge, authenticate]) = handshake.ntlm() else { continue };
            let Ok(message) = Authenticate::decode(authenticate) else { continue };
            if message.nt_response.len() <= 24 || !protecting(&talk.pdus).contains(id) {
                continue;
            }
            let mut accepted = 0;
            tally.case(talk.name(&tree), || {
                let Some((key, _)) = session_of(messages, &talk.keys) else { return Outcome::Left("no key") };
                let user = text(message.user);
                let passwords = talk.keys.iter().filter_map(|found| found.keys.password_of(&user));
                let mut clients = passwords.map(|password| {
                    let random = [&message.nt_response[32..40], &key].concat();
                    let options = ntlm::InitiatorOptions { ambient: Arc::new(Recorded::new(random, 0)), ..Default::default() };
                    ntlm::Initiator::with_hash(&user, &text(message.domain), ntlm::nt_hash(password), options)
                });
                let mut client = clients.next().unwrap();
                client.step(&[]).unwrap();
                let Step::Done(Some(ours)) = client.step(challenge).unwrap() else { panic!("not done") };
                let ours = Authenticate::decode(&ours).unwrap();
                assert_eq!((ours.session_key.len(), ours.user, ours.domain), (16, message.user, message.domain));
                for pdu in talk.pdus.iter().filter(|pdu| !pdu.from_client && pdu.octets[2] == RESPONSE) {
                    let Some(trailer) = trailer(&pdu.octets).filter(|trailer| Id::of(trailer) == *id) else { continue };
                    let mut octets = pdu.octets[..trailer.at].to_vec();
                    let (header, body) = octets.split_at_mut(24);
                    let segments = Segments { header, body, trailer: &pdu.octets[trailer.at..trailer.at + 8] };
                    client.unprotect(AuthLevel::from_wire(id.level).unwrap(), true, segments, &trailer.token).unwrap();
                    accepted += 1;
                }
                Outcome::Passed
            });
            (1..accepted).for_each(|_| tally.pass());
        }
    }
    tally.finish(&tree);
}

/// Our negotiation in the client's place and in the server's, against each recorded other end: the same tokens, choices and
/// signatures.
#[test]
fn wire_data_spnego_is_spoken_as_windows_speaks_it() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new(KIND, "SPNEGO conversations spoken from both ends");
    for talk in talks(&tree, &Capture::all(&tree)) {
        for handshake in handshakes(&talk.pdus).values().filter(|handshake| handshake.auth_type == AuthType::SPNEGO) {
            tally.case(talk.name(&tree), || {
                let Some(messages) = handshake.ntlm() else { return Outcome::Left(handshake.reason()) };
                let Some(session) = session_of(messages, &talk.keys) else { return Outcome::Left("no key") };
                // Without the signatures of the list it is not what Windows speaks, and there is nothing to compare.
                if handshake.mech_list_and_mics(Role::Initiator).is_some() {
                    as_client(handshake, messages, session);
                    as_server(handshake, messages, session);
                }
                Outcome::Passed
            });
        }
    }
    tally.finish(&tree);
}

fn as_client(handshake: &Handshake, [negotiate, challenge, authenticate]: [&[u8]; 3], (key, flags): ([u8; 16], ntlm::Flags)) {
    let Token::Init(init) = token::decode(&handshake.tokens[0].1).unwrap() else { panic!("no list") };
    // What stands before NTLM in the client's list, and behind it.
    let mut lists = init.mechs.split(|mech| *mech == Oid::NTLM).map(leaked);
    let (before, behind) = (lists.next().unwrap(), lists.next().unwrap());
    let ntlm = Tape {
        oids: &[Oid::NTLM],
        out: owned(&[negotiate, authenticate]),
        expected: owned(&[b"", challenge]),
        session: Some(Session::from_key(key, flags, Role::Initiator)),
    };
    let mut mechs: Vec<Box<dyn Mechanism>> = vec![Box::new(ntlm)];
    let other = |oids, first: &[u8]| Box::new(Tape { oids, out: owned(&[first]), expected: owned(&[b"", b"-"]), session: None });
    if !before.is_empty() {
        mechs.insert(0, other(before, init.token.unwrap()));
    }
    if !behind.is_empty() {
        mechs.push(other(behind, b""));
    }
    let mut client = spnego::Initiator::new(mechs);
    let mut answer: &[u8] = b"";
    for (from_client, token) in &handshake.tokens {
        if !from_client {
            answer = token;
            continue;
        }
        let Step::Continue(ours) = client.step(answer).unwrap() else { panic!("done early") };
        assert_eq!(without_state(&ours), without_state(token));
    }
    assert_eq!(client.step(answer), Ok(Step::Done(None)));
}

fn as_server(handshake: &Handshake, [negotiate, challenge, authenticate]: [&[u8]; 3], (key, flags): ([u8; 16], ntlm::Flags)) {
    let ntlm = Tape {
        oids: &[Oid::NTLM],
        out: owned(&[challenge]),
        expected: owned(&[negotiate, authenticate]),
        session: Some(Session::from_key(key, flags, Role::Acceptor)),
    };
    let mut server = spnego::Acceptor::new(vec![Box::new(ntlm)]);
    let mut ours = vec![];
    for (from_client, token) in &handshake.tokens {
        if *from_client {
            let (Step::Continue(token) | Step::Done(Some(token))) = server.step(token).unwrap() else { panic!("not done") };
            ours = token;
        } else {
            assert_eq!(token::decode(&ours), token::decode(token));
        }
    }
    assert!(server.is_established());
}

/// For the rest of the test, as a mechanism's names are.
fn leaked(mechs: &[Oid<'_>]) -> &'static [Oid<'static>] {
    let mechs: Vec<Oid<'static>> = mechs.iter().map(|mech| Oid(Vec::leak(mech.0.to_vec()))).collect();
    Vec::leak(mechs)
}

/// A client's token, without the state that Windows' client puts in and RFC 4178 leaves to the acceptor.
fn without_state(octets: &[u8]) -> String {
    match token::decode(octets).unwrap() {
        Token::Init(init) => format!("{init:?}"),
        Token::Response(response) => format!("{:?} {:?} {:?}", response.mech, response.token, response.mic),
    }
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
