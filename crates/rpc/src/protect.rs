//! The security trailer of calls: put on, taken off ([MS-RPCE] 3.3.1.5.2.2).

use crate::pdu::{Header, PduError, TRAILER_LEN, set_lengths};
use bytes::{BufMut, BytesMut};
use rwmi_auth::{AuthError, AuthLevel, AuthType, SecurityContext, Segments};

/// Stub and padding of a protected fragment are a multiple of this, as Windows has it. Peers use 4, 8 and 16; any is read.
const BODY_ALIGN: usize = 16;

/// A security context with the numbers by which trailers name it.
pub(crate) struct Protection {
    pub(crate) context: Box<dyn SecurityContext>,
    pub(crate) auth_type: AuthType,
    pub(crate) level: AuthLevel,
    pub(crate) id: u32,
    pub(crate) header_signing: bool,
}

impl Protection {
    /// Whether each PDU of a call has a verifier: not at connect.
    pub(crate) fn verifies(&self) -> bool {
        AuthLevel::Connect < self.level
    }

    /// Call means packet on a connection-oriented transport ([MS-RPCE] 2.2.1.1.8).
    pub(crate) fn effective_level(&self) -> AuthLevel {
        if self.level == AuthLevel::Call { AuthLevel::Packet } else { self.level }
    }

    /// Octets of stub that fit a fragment of `max` octets: a multiple of sixteen.
    pub(crate) fn stub_max(&self, header_len: usize, max: usize) -> usize {
        let token = self.context.token_len(self.effective_level(), max);
        max.saturating_sub(header_len + TRAILER_LEN + token).next_multiple_of(BODY_ALIGN).saturating_sub(BODY_ALIGN).max(BODY_ALIGN)
    }

    /// Protects the PDU that starts at `start` and ends with `out`: pads it, appends trailer and token, sets its lengths.
    pub(crate) fn seal(&mut self, out: &mut BytesMut, start: usize, header_len: usize) -> Result<(), SealError> {
        let level = self.effective_level();
        let unpadded = out.len().saturating_sub(start + header_len);
        let pad = unpadded.wrapping_neg() & (BODY_ALIGN - 1);
        out.put_bytes(0, pad);
        let body_len = unpadded + pad;
        out.put_slice(&[self.auth_type.0, self.level as u8, pad as u8, 0]);
        out.put_u32_le(self.id);
        let token_len = self.context.token_len(level, body_len);
        out.put_bytes(0, token_len);
        // The lengths are signed, so they come first.
        set_lengths(out, start, token_len)?;
        let (segments, place) = segments(out.get_mut(start..).unwrap_or_default(), header_len, body_len)?;
        let token = self.context.protect(level, self.header_signing, segments)?;
        if token.len() != place.len() {
            return Err(AuthError::Misuse("a token of another length than announced").into());
        }
        place.copy_from_slice(&token);
        Ok(())
    }

    /// Opens a PDU in place. Its trailer stays.
    pub(crate) fn open(&mut self, header: &Header, frame: &mut [u8], header_len: usize) -> Result<(), AuthError> {
        let body_len = header.trailer_at().checked_sub(header_len).ok_or(MALFORMED)?;
        let level = self.effective_level();
        let (segments, token) = segments(frame, header_len, body_len)?;
        self.context.unprotect(level, self.header_signing, segments, token)
    }
}

/// Why a PDU could not be protected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Pdu(#[from] PduError),
}

const MALFORMED: AuthError = AuthError::Misuse("a PDU shorter than its header");

fn segments(pdu: &mut [u8], header_len: usize, body_len: usize) -> Result<(Segments<'_>, &mut [u8]), AuthError> {
    let (header, rest) = pdu.split_at_mut_checked(header_len).ok_or(MALFORMED)?;
    let (body, rest) = rest.split_at_mut_checked(body_len).ok_or(MALFORMED)?;
    let (trailer, token) = rest.split_at_mut_checked(TRAILER_LEN).ok_or(MALFORMED)?;
    Ok((Segments { header, body, trailer }, token))
}
