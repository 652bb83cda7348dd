//! The two ends of a connection, without sockets and clocks.
//!
//! The contract of both: one mutation, then drain `poll_transmit` and `poll_event`, and look at `poll_timeout`; then the next.

mod client;
mod server;
#[cfg(test)]
mod tests;

pub use client::{
    CallFailure, CallId, ClientConnection, ClientEvent, ClientOptions, HeaderSigning, OutgoingCall, SecurityId, SecurityOptions,
};
pub use server::{AssociationGroups, CallHandle, IncomingCall, Link, ServerConnection, ServerEvent, ServerOptions};

use crate::pdu::{BindRejection, PduError};
use rwmi_auth::AuthError;

/// Why a connection came to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer sent something that is no PDU.
    #[error(transparent)]
    Pdu(#[from] PduError),
    /// The peer sent a PDU that has no place here.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// Authentication failed, or a signature did not match.
    #[error("authentication failed: {0}")]
    Auth(#[from] AuthError),
    /// The server refused the bind.
    #[error("bind refused: {0}")]
    BindRefused(BindRejection),
    /// The server dropped header signing, which was asked for.
    #[error("the server does not sign headers, or somebody under way says so")]
    HeaderSigningDropped,
    /// The client did not finish its authentication in time.
    #[error("authentication not finished in time")]
    HandshakeTimedOut,
    /// The link is gone.
    #[error("connection closed")]
    Closed,
}
