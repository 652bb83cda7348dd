//! A recorded security context in the place of a living one.

use crate::recorded::{Context, Leg, Opener, Sent, segments_of};
use bytes::Bytes;
use rwmi_auth::ntlm::{Role, Session};
use rwmi_auth::{AuthError, AuthLevel, AuthType, Identity, SecurityContext, Segments, Step};
use rwmi_rpc::pdu::Pdu;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// A protected PDU as it was recorded: what the peer signed, whatever numbers it has in the conversation at hand.
pub(crate) struct Original {
    header: Bytes,
    trailer: Bytes,
    opened: Option<Bytes>,
}

impl Original {
    pub(crate) fn of(sent: &Sent) -> Original {
        let (header, _, trailer) = segments_of(&sent.octets);
        Original { header, trailer, opened: sent.opened.clone() }
    }
}

/// The protected PDUs that are under way to a machine, in order.
pub(crate) type Originals = Arc<Mutex<VecDeque<Original>>>;

/// Either end of a recorded security context. It says what was said, and insists that the peer does the same. Where the password
/// is known each protected PDU is verified and opened with the session's key; where files have the stubs in clear, these are given;
/// else PDUs pass as they are.
pub(crate) struct Replayed {
    context: Context,
    initiator: bool,
    session: Option<Session>,
    originals: Originals,
    legs: VecDeque<Leg>,
    /// The server's token that an initiator still waits for.
    expected: Option<Bytes>,
    peer: Option<Identity>,
}

impl Replayed {
    pub(crate) fn new(context: &Context, initiator: bool, originals: &Originals) -> Replayed {
        let session = match &context.opener {
            Opener::Key(known) => known.0.session(&known.1, if initiator { Role::Initiator } else { Role::Acceptor }),
            Opener::Nobody | Opener::Files => None,
        };
        Replayed {
            context: context.clone(),
            initiator,
            session,
            originals: originals.clone(),
            legs: context.legs.iter().cloned().collect(),
            expected: None,
            peer: None,
        }
    }

    fn done(&mut self, token: Option<Bytes>) -> Step {
        self.peer = Some(Identity { user: "recorded".into(), domain: String::new(), identify_only: false });
        Step::Done(token.map(|t| t.to_vec()))
    }
}

/// The token of an answer; empty where it has none.
fn token_of(pdu: &Option<Pdu>) -> Bytes {
    pdu.as_ref().and_then(|p| p.auth.as_ref()).map(|a| a.token.clone()).unwrap_or_default()
}

impl SecurityContext for Replayed {
    fn auth_type(&self) -> AuthType {
        self.context.auth_type
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if self.initiator {
            assert_eq!(token, self.expected.take().unwrap_or_default(), "the server's token, untouched");
            let Some(leg) = self.legs.pop_front() else { return Ok(self.done(None)) };
            if leg.auth3 {
                return Ok(self.done(Some(leg.client)));
            }
            self.expected = Some(token_of(&leg.server));
            return Ok(Step::Continue(leg.client.to_vec()));
        }
        let leg = self.legs.pop_front().expect("no more legs than were recorded");
        assert_eq!(token, leg.client, "the client's token, untouched");
        let token = token_of(&leg.server);
        if self.legs.is_empty() { Ok(self.done((!token.is_empty()).then_some(token))) } else { Ok(Step::Continue(token.to_vec())) }
    }

    fn is_established(&self) -> bool {
        self.peer.is_some()
    }

    fn token_len(&self, _: AuthLevel, _: usize) -> usize {
        16
    }

    fn protect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>) -> Result<Vec<u8>, AuthError> {
        match &mut self.session {
            Some(session) => session.protect(level, header_signing, pdu),
            None => Ok(vec![0; 16]),
        }
    }

    fn unprotect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>, token: &[u8]) -> Result<(), AuthError> {
        let (asked, granted) = self.context.header_signing;
        assert_eq!(header_signing, if self.initiator { granted } else { asked }, "header signing as it was agreed");
        let original = self.originals.lock().unwrap().pop_front().expect("a PDU that was recorded");
        // The machine signs and verifies what was on the wire, but for the numbers of a conversation of its own.
        let but_call_id = |header: &[u8]| [&header[..12], &header[16..]].concat();
        assert_eq!(but_call_id(pdu.header), but_call_id(&original.header), "the header, untouched");
        assert_eq!(pdu.trailer[..4], original.trailer[..4], "the trailer, untouched");
        if let Some(session) = &mut self.session {
            let segments = Segments { header: &original.header, body: &mut *pdu.body, trailer: &original.trailer };
            session.unprotect(level, header_signing, segments, token)?;
        }
        match &original.opened {
            Some(opened) if self.session.is_some() => assert_eq!(*pdu.body, **opened),
            Some(opened) => pdu.body.copy_from_slice(opened),
            None => {}
        }
        Ok(())
    }

    fn session_key(&self) -> Option<&[u8]> {
        None
    }

    fn peer(&self) -> Option<&Identity> {
        self.peer.as_ref()
    }
}
