//! The client's end.

use super::Mechanism;
use super::token::{self, Oid, Response, State, Token};
use crate::{AuthError, AuthLevel, AuthType, Credentials, Identity, SecurityContext, Segments, Step, ntlm};
use std::fmt;

/// A client's negotiation over mechanisms in the order of preference.
pub struct Initiator {
    mechs: Vec<Box<dyn Mechanism>>,
    /// Which of them is spoken; the first until the server chooses.
    chosen: usize,
    mech_list: Vec<u8>,
    /// Signatures must be exchanged.
    mic_demanded: bool,
    mic_sent: bool,
    /// The server's signature came and was right.
    mic_verified: bool,
    progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Start,
    WaitFirstResponse,
    WaitResponse,
    Established,
    Failed,
}

impl Initiator {
    /// A negotiation over these mechanisms, the favourite first.
    pub fn new(mechs: Vec<Box<dyn Mechanism>>) -> Self {
        let oids: Vec<Oid<'_>> = mechs.iter().flat_map(|mech| mech.oids()).copied().collect();
        let mech_list = token::mech_list(&oids);
        Initiator { mechs, chosen: 0, mech_list, mic_demanded: false, mic_sent: false, mic_verified: false, progress: Progress::Start }
    }

    /// A negotiation that offers NTLM alone.
    pub fn ntlm(credentials: &Credentials, options: ntlm::InitiatorOptions) -> Self {
        Self::new(vec![Box::new(ntlm::Initiator::new(credentials, options))])
    }

    fn mech(&self) -> Option<&dyn Mechanism> {
        self.mechs.get(self.chosen).map(Box::as_ref)
    }

    fn mech_mut(&mut self) -> Result<&mut dyn Mechanism, AuthError> {
        match self.mechs.get_mut(self.chosen) {
            Some(mech) => Ok(mech.as_mut()),
            None => Err(AuthError::Misuse("a negotiation without mechanisms")),
        }
    }

    fn start(&mut self) -> Result<(Progress, Step), AuthError> {
        let (Step::Continue(first) | Step::Done(Some(first))) = self.mech_mut()?.step(&[])? else {
            return Err(AuthError::Misuse("a mechanism without a first token"));
        };
        Ok((Progress::WaitFirstResponse, Step::Continue(token::encode_init(&self.mech_list, &first))))
    }

    fn respond(&mut self, octets: &[u8], is_first: bool) -> Result<(Progress, Step), AuthError> {
        let Token::Response(response) = token::decode(octets)? else {
            return Err(AuthError::Malformed("a NegTokenInit where a response is due".into()));
        };
        let state = response.state.unwrap_or(State::AcceptIncomplete);
        match state {
            State::Reject if is_first => return Err(AuthError::Unsupported("the server rejected every mechanism offered")),
            State::Reject => return Err(AuthError::LogonDenied),
            State::RequestMic => self.mic_demanded = true,
            State::AcceptCompleted | State::AcceptIncomplete => (),
        }
        let mut outgoing = None;
        let switched = is_first && self.choose(response.mech)?;
        if switched {
            // The server liked another one: start that. Its token in this response would answer nothing.
            outgoing = first_token(self.mech_mut()?.step(&[])?);
        } else if let Some(token) = response.token
            && !self.mech_mut()?.is_established()
        {
            outgoing = first_token(self.mech_mut()?.step(token)?);
        }

        let established = self.mech_mut()?.is_established();
        if established {
            self.mic_demanded |= self.mech_mut()?.demands_mech_list_mic();
        }
        if let Some(mic) = response.mic {
            if !established {
                return Err(AuthError::Malformed("a mechListMIC before the mechanism was complete".into()));
            }
            let list = std::mem::take(&mut self.mech_list);
            self.mech_mut()?.verify_mech_list(&list, mic)?;
            self.mech_list = list;
            self.mic_verified = true;
        }
        if state == State::AcceptCompleted {
            if !established || outgoing.is_some() {
                return Err(AuthError::Malformed("accept-completed before the mechanism was complete".into()));
            }
            // Without the server's signature somebody may have cut the list.
            if self.mic_demanded && !self.mic_verified {
                return Err(AuthError::BadSignature);
            }
            return Ok((Progress::Established, Step::Done(None)));
        }
        let mut mic = None;
        if established && !self.mic_sent && (self.mic_demanded || response.mic.is_some()) {
            let list = std::mem::take(&mut self.mech_list);
            mic = Some(self.mech_mut()?.sign_mech_list(&list)?);
            self.mech_list = list;
            self.mic_sent = true;
        }
        if outgoing.is_none() && mic.is_none() {
            return Err(AuthError::Malformed("a response that asks for nothing".into()));
        }
        let answer = Response { token: outgoing.as_deref(), mic: mic.as_deref(), ..Response::default() };
        Ok((Progress::WaitResponse, Step::Continue(answer.encode())))
    }

    /// Takes the server's choice; whether it is another than the first mechanism.
    fn choose(&mut self, mech: Option<Oid<'_>>) -> Result<bool, AuthError> {
        let Some(oid) = mech else { return Ok(false) };
        let chosen = self.mechs.iter().position(|mech| mech.oids().contains(&oid));
        self.chosen = chosen.ok_or(AuthError::Unsupported("the server chose a mechanism that was not offered"))?;
        let switched = self.chosen != 0;
        self.mic_demanded |= switched;
        Ok(switched)
    }
}

fn first_token(step: Step) -> Option<Vec<u8>> {
    match step {
        Step::Continue(token) => Some(token),
        Step::Done(token) => token,
    }
}

impl SecurityContext for Initiator {
    fn auth_type(&self) -> AuthType {
        AuthType::SPNEGO
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if self.is_established() {
            return Err(AuthError::Misuse("a step after the handshake"));
        }
        let (progress, step) = match std::mem::replace(&mut self.progress, Progress::Failed) {
            Progress::Start if token.is_empty() => self.start()?,
            Progress::Start => return Err(AuthError::Misuse("a token before the first step")),
            Progress::WaitFirstResponse => self.respond(token, true)?,
            Progress::WaitResponse => self.respond(token, false)?,
            Progress::Established | Progress::Failed => return Err(AuthError::Misuse("a step after a failure")),
        };
        self.progress = progress;
        Ok(step)
    }

    fn is_established(&self) -> bool {
        self.progress == Progress::Established
    }

    fn token_len(&self, level: AuthLevel, body_len: usize) -> usize {
        self.mech().map_or(0, |mech| mech.token_len(level, body_len))
    }

    fn protect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>) -> Result<Vec<u8>, AuthError> {
        if self.progress != Progress::Established {
            return Err(AuthError::Misuse("protection before the handshake is complete"));
        }
        self.mech_mut()?.protect(level, header_signing, pdu)
    }

    fn unprotect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>, token: &[u8]) -> Result<(), AuthError> {
        if self.progress != Progress::Established {
            return Err(AuthError::Misuse("protection before the handshake is complete"));
        }
        self.mech_mut()?.unprotect(level, header_signing, pdu, token)
    }

    fn session_key(&self) -> Option<&[u8]> {
        if self.is_established() { self.mech()?.session_key() } else { None }
    }

    fn peer(&self) -> Option<&Identity> {
        None
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator").field("chosen", &self.chosen).field("progress", &self.progress).finish_non_exhaustive()
    }
}
