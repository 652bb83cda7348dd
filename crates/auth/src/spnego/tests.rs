use super::token::{Response, State, Token};
use super::*;
use crate::{AuthLevel, AuthType, Credentials, Identity, Secret, Segments, Step};
use std::sync::Arc;

struct Alice;

impl ntlm::Accounts for Alice {
    fn nt_hash(&self, user: &str, _domain: &str) -> Option<ntlm::Account> {
        user.eq_ignore_ascii_case("alice").then(|| ntlm::Account { name: "alice".into(), hash: ntlm::nt_hash("secret") })
    }
}

fn credentials(password: &str) -> Credentials {
    Credentials { user: "Alice".into(), domain: "dom".into(), password: Secret::new(password) }
}

fn ntlm_initiator() -> Box<dyn Mechanism> {
    Box::new(ntlm::Initiator::new(&credentials("secret"), ntlm::InitiatorOptions::default()))
}

fn ntlm_acceptor() -> Box<dyn Mechanism> {
    Box::new(ntlm::Acceptor::new(Arc::new(Alice), ntlm::AcceptorOptions::named("box")))
}

/// A mechanism of two tokens, "a" and "b", or of one: stands for Kerberos.
struct Toy {
    is_initiator: bool,
    legs: usize,
    established: bool,
    demands_mic: bool,
    broken_mic: bool,
}

impl Toy {
    fn new(is_initiator: bool, legs: usize) -> Toy {
        Toy { is_initiator, legs, established: false, demands_mic: false, broken_mic: false }
    }
}

impl SecurityContext for Toy {
    fn auth_type(&self) -> AuthType {
        AuthType::KERBEROS
    }
    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        let step = match (self.is_initiator, token) {
            (true, b"") if self.legs == 1 => Step::Done(Some(b"a".to_vec())),
            (true, b"") => return Ok(Step::Continue(b"a".to_vec())),
            (true, b"b") => Step::Done(None),
            (false, b"a") if self.legs == 1 => Step::Done(None),
            (false, b"a") => Step::Done(Some(b"b".to_vec())),
            _ => return Err(AuthError::Malformed("toy".into())),
        };
        self.established = true;
        Ok(step)
    }
    fn is_established(&self) -> bool {
        self.established
    }
    fn token_len(&self, _: AuthLevel, _: usize) -> usize {
        1
    }
    fn protect(&mut self, _: AuthLevel, _: bool, _: Segments<'_>) -> Result<Vec<u8>, AuthError> {
        Ok(vec![1])
    }
    fn unprotect(&mut self, _: AuthLevel, _: bool, _: Segments<'_>, _: &[u8]) -> Result<(), AuthError> {
        Ok(())
    }
    fn session_key(&self) -> Option<&[u8]> {
        Some(b"toy")
    }
    fn peer(&self) -> Option<&Identity> {
        None
    }
}

impl Mechanism for Toy {
    fn oids(&self) -> &'static [Oid<'static>] {
        &[Oid::MS_KERBEROS, Oid::KERBEROS]
    }
    fn sign_mech_list(&mut self, list: &[u8]) -> Result<Vec<u8>, AuthError> {
        Ok(if self.broken_mic { b"no".to_vec() } else { list.to_vec() })
    }
    fn verify_mech_list(&mut self, list: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        if list == mic { Ok(()) } else { Err(AuthError::BadSignature) }
    }
    fn demands_mech_list_mic(&self) -> bool {
        self.demands_mic
    }
}

/// Lets both talk; `bend` may change the token on its way (0 is the client's first). How many tokens went over the wire.
fn talk(client: &mut Initiator, server: &mut Acceptor, bend: impl Fn(usize, Vec<u8>) -> Vec<u8>) -> Result<usize, AuthError> {
    let mut sent = 0;
    let mut to_client: Vec<u8> = vec![];
    loop {
        match client.step(&to_client)? {
            Step::Done(None) => return Ok(sent),
            Step::Done(Some(_)) => panic!("the server always has the last word"),
            Step::Continue(token) => {
                let (Step::Continue(answer) | Step::Done(Some(answer))) = server.step(&bend(sent, token))? else { panic!() };
                to_client = bend(sent + 1, answer);
                sent += 2;
            }
        }
    }
}

fn exchange(client: &mut Initiator, server: &mut Acceptor) -> u32 {
    let mut number = 0;
    for _ in 0..2 {
        let mut body = *b"body";
        let token = client.protect(AuthLevel::Privacy, true, Segments { header: b"h", body: &mut body, trailer: b"t" }).unwrap();
        server.unprotect(AuthLevel::Privacy, true, Segments { header: b"h", body: &mut body, trailer: b"t" }, &token).unwrap();
        assert_eq!(&body, b"body");
        let token = server.protect(AuthLevel::Integrity, true, Segments { header: b"h", body: &mut body, trailer: b"t" }).unwrap();
        client.unprotect(AuthLevel::Integrity, true, Segments { header: b"h", body: &mut body, trailer: b"t" }, &token).unwrap();
        number = u32::from_le_bytes(token[12..].try_into().unwrap());
    }
    number
}

#[test]
fn ntlm_takes_four_tokens_and_data_start_at_number_one() {
    let mut client = Initiator::ntlm(&credentials("secret"), ntlm::InitiatorOptions::default());
    let mut server = Acceptor::ntlm(Arc::new(Alice), ntlm::AcceptorOptions::named("box"));
    assert_eq!(talk(&mut client, &mut server, |_, token| token), Ok(4));
    assert!(client.is_established() && server.is_established());
    assert_eq!((client.auth_type(), server.auth_type()), (AuthType::SPNEGO, AuthType::SPNEGO));
    assert_eq!(client.session_key(), server.session_key());
    assert_eq!(server.peer(), Some(&Identity { user: "alice".into(), domain: "dom".into(), identify_only: false }));
    assert_eq!(exchange(&mut client, &mut server), 2);
}

#[test]
fn a_wrong_password_is_denied() {
    let mut client = Initiator::ntlm(&credentials("wrong"), ntlm::InitiatorOptions::default());
    let mut server = Acceptor::ntlm(Arc::new(Alice), ntlm::AcceptorOptions::named("box"));
    assert_eq!(talk(&mut client, &mut server, |_, token| token), Err(AuthError::LogonDenied));
    assert!(!server.is_established() && server.peer().is_none() && server.session_key().is_none());
}

#[test]
fn the_clients_favourite_is_taken_when_the_server_has_it() {
    for legs in [1, 2] {
        let mut client = Initiator::new(vec![Box::new(Toy::new(true, legs)), ntlm_initiator()]);
        let mut server = Acceptor::new(vec![ntlm_acceptor(), Box::new(Toy::new(false, legs))]);
        assert_eq!(talk(&mut client, &mut server, |_, token| token), Ok(2));
        assert_eq!(client.session_key(), Some(&b"toy"[..]));
    }
}

#[test]
fn another_mechanism_costs_one_round_and_signatures() {
    let mut client = Initiator::new(vec![Box::new(Toy::new(true, 2)), ntlm_initiator()]);
    let mut server = Acceptor::new(vec![ntlm_acceptor()]);
    assert_eq!(talk(&mut client, &mut server, |_, token| token), Ok(6));
    assert_eq!(exchange(&mut client, &mut server), 2);
}

#[test]
fn a_mechanism_whose_last_word_is_the_servers_signs_in_one_round_more() {
    let toy = |is_initiator| Box::new(Toy { demands_mic: true, ..Toy::new(is_initiator, 2) });
    let mut client = Initiator::new(vec![toy(true)]);
    let mut server = Acceptor::new(vec![toy(false)]);
    // Our signature came with the server's last token, the client's is the third token, then accept-completed.
    let result = talk(&mut client, &mut server, |_, token| token);
    assert_eq!(result, Ok(4));
    let broken = Box::new(Toy { demands_mic: true, broken_mic: true, ..Toy::new(true, 2) });
    let mut client = Initiator::new(vec![broken]);
    let mut server = Acceptor::new(vec![toy(false)]);
    assert_eq!(talk(&mut client, &mut server, |_, token| token), Err(AuthError::BadSignature));
}

#[test]
fn a_list_with_the_better_mechanism_cut_out_is_found() {
    let mut client = Initiator::new(vec![Box::new(Toy::new(true, 2)), ntlm_initiator()]);
    let mut server = Acceptor::new(vec![Box::new(Toy::new(false, 2)), ntlm_acceptor()]);
    let result = talk(&mut client, &mut server, |n, octets| match n {
        0 => {
            let list = token::mech_list(&[Oid::NTLM]);
            let list = crate::der::element(crate::der::context(0), &[&list]);
            crate::der::element(crate::der::context(0), &[&crate::der::element(crate::der::SEQUENCE, &[&list])])
        }
        _ => octets,
    });
    assert_eq!(result, Err(AuthError::BadSignature));
}

#[test]
fn signatures_taken_out_on_either_way_are_missed() {
    fn without_mic(octets: &[u8]) -> Vec<u8> {
        let Token::Response(response) = token::decode(octets).unwrap() else { panic!() };
        assert!(response.mic.is_some());
        Response { mic: None, ..response }.encode()
    }
    for victim in [2, 3] {
        let mut client = Initiator::new(vec![ntlm_initiator()]);
        let mut server = Acceptor::new(vec![ntlm_acceptor()]);
        let result = talk(&mut client, &mut server, |n, octets| if n == victim { without_mic(&octets) } else { octets });
        assert_eq!(result, Err(AuthError::BadSignature), "token {victim}");
    }
}

#[test]
fn a_rejection_is_a_rejection() {
    let reject = Response { state: Some(State::Reject), ..Response::default() }.encode();
    let mut client = Initiator::new(vec![ntlm_initiator()]);
    client.step(&[]).unwrap();
    assert!(matches!(client.step(&reject), Err(AuthError::Unsupported(_))));
    let mut client = Initiator::new(vec![ntlm_initiator()]);
    let mut server = Acceptor::new(vec![ntlm_acceptor()]);
    let result = talk(&mut client, &mut server, |n, octets| if n == 3 { reject.clone() } else { octets });
    assert_eq!(result, Err(AuthError::LogonDenied));
}

#[test]
fn a_choice_that_was_not_offered_is_refused() {
    let mut client = Initiator::new(vec![ntlm_initiator()]);
    client.step(&[]).unwrap();
    let choice = Response { state: Some(State::AcceptIncomplete), mech: Some(Oid::KERBEROS), token: Some(b"x"), mic: None }.encode();
    assert!(matches!(client.step(&choice), Err(AuthError::Unsupported(_))));
    let mut server = Acceptor::new(vec![Box::new(Toy::new(false, 2))]);
    let Step::Continue(init) = Initiator::new(vec![ntlm_initiator()]).step(&[]).unwrap() else { panic!() };
    assert!(matches!(server.step(&init), Err(AuthError::Unsupported(_))));
}

#[test]
fn an_early_accept_completed_is_refused() {
    let mut client = Initiator::new(vec![ntlm_initiator()]);
    client.step(&[]).unwrap();
    let done = Response { state: Some(State::AcceptCompleted), ..Response::default() }.encode();
    assert!(matches!(client.step(&done), Err(AuthError::Malformed(_))));
    assert!(!client.is_established());
}

#[test]
fn after_a_failure_nothing_goes_on() {
    let mut server = Acceptor::new(vec![ntlm_acceptor()]);
    assert!(server.step(b"nonsense").is_err());
    let Step::Continue(init) = Initiator::new(vec![ntlm_initiator()]).step(&[]).unwrap() else { panic!() };
    assert!(matches!(server.step(&init), Err(AuthError::Misuse(_))));
    assert!(matches!(Initiator::new(vec![]).step(&[]), Err(AuthError::Misuse(_))));
}

#[test]
fn any_token_cut_anywhere_is_refused_without_harm() {
    let mut tokens = vec![];
    {
        let mut client = Initiator::new(vec![ntlm_initiator()]);
        let mut server = Acceptor::new(vec![ntlm_acceptor()]);
        let mut to_client = vec![];
        while let Step::Continue(token) = client.step(&to_client).unwrap() {
            tokens.push(token.len());
            let (Step::Continue(answer) | Step::Done(Some(answer))) = server.step(&token).unwrap() else { panic!() };
            tokens.push(answer.len());
            to_client = answer;
        }
    }
    for (victim, len) in tokens.into_iter().enumerate() {
        for keep in 0..len {
            let mut client = Initiator::new(vec![ntlm_initiator()]);
            let mut server = Acceptor::new(vec![ntlm_acceptor()]);
            let result = talk(&mut client, &mut server, |n, octets| if n == victim { octets[..keep].to_vec() } else { octets });
            assert!(result.is_err(), "token {victim} cut to {keep}");
        }
    }
}
