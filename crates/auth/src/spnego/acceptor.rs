//! The server's end.

use super::Mechanism;
use super::token::{self, Oid, Response, State, Token};
use crate::{AuthError, AuthLevel, AuthType, Identity, SecurityContext, Segments, Step, ntlm};
use std::fmt;
use std::sync::Arc;

/// A server's negotiation. Takes the first mechanism of the client's list that it has.
pub struct Acceptor {
    mechs: Vec<Box<dyn Mechanism>>,
    progress: Progress,
}

enum Progress {
    WaitInit,
    WaitResponse(Chosen),
    /// The mechanism is complete and our signature is sent; the client's is due.
    WaitMic(Chosen),
    Established {
        mech: usize,
    },
    Failed,
}

/// What the first token settled.
struct Chosen {
    mech: usize,
    mech_list: Vec<u8>,
    /// Signatures must be exchanged, since the client's favourite was not taken.
    mic_demanded: bool,
}

impl Acceptor {
    /// A negotiation over these mechanisms.
    pub fn new(mechs: Vec<Box<dyn Mechanism>>) -> Self {
        Acceptor { mechs, progress: Progress::WaitInit }
    }

    /// A negotiation that has NTLM alone.
    pub fn ntlm(accounts: Arc<dyn ntlm::Accounts>, options: ntlm::AcceptorOptions) -> Self {
        Self::new(vec![Box::new(ntlm::Acceptor::new(accounts, options))])
    }

    fn mech(&self) -> Option<&dyn Mechanism> {
        match &self.progress {
            Progress::Established { mech } => self.mechs.get(*mech).map(Box::as_ref),
            _ => None,
        }
    }

    fn at(&mut self, mech: usize) -> Result<&mut dyn Mechanism, AuthError> {
        match self.mechs.get_mut(mech) {
            Some(mech) => Ok(mech.as_mut()),
            None => Err(AuthError::Misuse("a negotiation without mechanisms")),
        }
    }

    fn established(&mut self) -> Result<&mut dyn Mechanism, AuthError> {
        match self.progress {
            Progress::Established { mech } => self.at(mech),
            _ => Err(AuthError::Misuse("protection before the handshake is complete")),
        }
    }

    fn start(&mut self, octets: &[u8]) -> Result<(Progress, Step), AuthError> {
        let Token::Init(init) = token::decode(octets)? else {
            return Err(AuthError::Malformed("a response where a NegTokenInit is due".into()));
        };
        let place = |oid: &Oid<'_>| self.mechs.iter().position(|mech| mech.oids().contains(oid));
        let favourite = init.mechs.first().and_then(place);
        let choice = init.mechs.iter().find_map(|oid| place(oid).map(|mech| (mech, *oid)));
        let (mech, oid) = choice.ok_or(AuthError::Unsupported("a client without a mechanism that this server has"))?;
        let chosen = Chosen { mech, mech_list: init.mech_list.to_vec(), mic_demanded: favourite != Some(mech) };
        // The first token belongs to the client's favourite, and to nothing else.
        match init.token.filter(|_| !chosen.mic_demanded) {
            Some(first) => self.advance(chosen, first, init.mic, Some(oid)),
            None => {
                let state = if chosen.mic_demanded { State::RequestMic } else { State::AcceptIncomplete };
                let answer = Response { state: Some(state), mech: Some(oid), ..Response::default() };
                Ok((Progress::WaitResponse(chosen), Step::Continue(answer.encode())))
            }
        }
    }

    fn respond(&mut self, chosen: Chosen, octets: &[u8]) -> Result<(Progress, Step), AuthError> {
        let Token::Response(response) = token::decode(octets)? else {
            return Err(AuthError::Malformed("a second NegTokenInit".into()));
        };
        let token = response.token.ok_or_else(|| AuthError::Malformed("a response without a token".into()))?;
        self.advance(chosen, token, response.mic, None)
    }

    /// Hands the mechanism its token and answers for it.
    fn advance(
        &mut self,
        chosen: Chosen,
        token: &[u8],
        mic: Option<&[u8]>,
        announce: Option<Oid<'_>>,
    ) -> Result<(Progress, Step), AuthError> {
        let mech = self.at(chosen.mech)?;
        let outgoing = match mech.step(token)? {
            Step::Continue(outgoing) => {
                let answer = Response { state: Some(State::AcceptIncomplete), mech: announce, token: Some(&outgoing), mic: None }.encode();
                return Ok((Progress::WaitResponse(chosen), Step::Continue(answer)));
            }
            Step::Done(outgoing) => outgoing,
        };
        let own = |state, mic: Option<&[u8]>| Response { state: Some(state), mech: announce, token: outgoing.as_deref(), mic }.encode();
        let established = Progress::Established { mech: chosen.mech };
        match mic {
            Some(mic) => {
                mech.verify_mech_list(&chosen.mech_list, mic)?;
                let mic = mech.sign_mech_list(&chosen.mech_list)?;
                Ok((established, Step::Done(Some(own(State::AcceptCompleted, Some(&mic))))))
            }
            None if !(chosen.mic_demanded || mech.demands_mech_list_mic()) => {
                Ok((established, Step::Done(Some(own(State::AcceptCompleted, None)))))
            }
            // The client had the last word of the mechanism and should have signed with it.
            None if outgoing.is_none() => Err(AuthError::BadSignature),
            None => {
                let mic = mech.sign_mech_list(&chosen.mech_list)?;
                let answer = own(State::AcceptIncomplete, Some(&mic));
                Ok((Progress::WaitMic(chosen), Step::Continue(answer)))
            }
        }
    }

    fn finish(&mut self, chosen: Chosen, octets: &[u8]) -> Result<(Progress, Step), AuthError> {
        let Token::Response(Response { mic: Some(mic), .. }) = token::decode(octets)? else { return Err(AuthError::BadSignature) };
        self.at(chosen.mech)?.verify_mech_list(&chosen.mech_list, mic)?;
        let answer = Response { state: Some(State::AcceptCompleted), ..Response::default() };
        Ok((Progress::Established { mech: chosen.mech }, Step::Done(Some(answer.encode()))))
    }
}

impl SecurityContext for Acceptor {
    fn auth_type(&self) -> AuthType {
        AuthType::SPNEGO
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if self.is_established() {
            return Err(AuthError::Misuse("a step after the handshake"));
        }
        let (progress, step) = match std::mem::replace(&mut self.progress, Progress::Failed) {
            Progress::WaitInit => self.start(token)?,
            Progress::WaitResponse(chosen) => self.respond(chosen, token)?,
            Progress::WaitMic(chosen) => self.finish(chosen, token)?,
            Progress::Established { .. } | Progress::Failed => return Err(AuthError::Misuse("a step after a failure")),
        };
        self.progress = progress;
        Ok(step)
    }

    fn is_established(&self) -> bool {
        matches!(self.progress, Progress::Established { .. })
    }

    fn token_len(&self, level: AuthLevel, body_len: usize) -> usize {
        self.mech().map_or(0, |mech| mech.token_len(level, body_len))
    }

    fn protect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>) -> Result<Vec<u8>, AuthError> {
        self.established()?.protect(level, header_signing, pdu)
    }

    fn unprotect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>, token: &[u8]) -> Result<(), AuthError> {
        self.established()?.unprotect(level, header_signing, pdu, token)
    }

    fn session_key(&self) -> Option<&[u8]> {
        self.mech()?.session_key()
    }

    fn peer(&self) -> Option<&Identity> {
        self.mech()?.peer()
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("established", &self.is_established()).field("peer", &self.peer()).finish_non_exhaustive()
    }
}
