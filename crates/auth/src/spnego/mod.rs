//! The negotiation of a mechanism (RFC 4178, [MS-SPNG]), both ends.
//!
//! ```text
//! initiator --- NegTokenInit: mechanisms, first token of the first one --> acceptor
//!           <-- NegTokenResp: state, chosen mechanism, token -------------
//!           --- NegTokenResp: token, mechListMIC ------------------------>
//!           <-- NegTokenResp: accept-completed, mechListMIC --------------
//! ```
//! The MIC is of the mechanism list as it was sent, so that nobody in between can have taken the better mechanisms out of it.

mod acceptor;
mod initiator;
pub mod token;

pub use acceptor::Acceptor;
pub use initiator::Initiator;

use crate::{AuthError, SecurityContext, ntlm};
use token::Oid;

/// A mechanism that can be negotiated.
pub trait Mechanism: SecurityContext {
    /// Its object identifiers, the preferred one first. There may be several: Kerberos has two.
    fn oids(&self) -> &'static [Oid<'static>];

    /// Signs the mechanism list, once established. PDUs are numbered on from there.
    fn sign_mech_list(&mut self, list: &[u8]) -> Result<Vec<u8>, AuthError>;

    /// Verifies the peer's signature of the mechanism list.
    fn verify_mech_list(&mut self, list: &[u8], mic: &[u8]) -> Result<(), AuthError>;

    /// Whether, once established, signatures of the mechanism list must be exchanged even if the first mechanism was chosen.
    fn demands_mech_list_mic(&self) -> bool;
}

impl Mechanism for ntlm::Initiator {
    fn oids(&self) -> &'static [Oid<'static>] {
        &[Oid::NTLM]
    }

    fn sign_mech_list(&mut self, list: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.session_mut()?.sign_mech_list(list).map(|mic| mic.to_vec())
    }

    fn verify_mech_list(&mut self, list: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.session_mut()?.verify_mech_list(list, mic)
    }

    /// Windows and Samba want it of every client that sends a MIC in its AUTHENTICATE, as this one does.
    fn demands_mech_list_mic(&self) -> bool {
        true
    }
}

impl Mechanism for ntlm::Acceptor {
    fn oids(&self) -> &'static [Oid<'static>] {
        &[Oid::NTLM]
    }

    fn sign_mech_list(&mut self, list: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.session_mut()?.sign_mech_list(list).map(|mic| mic.to_vec())
    }

    fn verify_mech_list(&mut self, list: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.session_mut()?.verify_mech_list(list, mic)
    }

    /// A client that knows the MIC in AUTHENTICATE knows this one too; where it is missing somebody took it out.
    fn demands_mech_list_mic(&self) -> bool {
        self.mic_checked()
    }
}

#[cfg(test)]
mod tests;
