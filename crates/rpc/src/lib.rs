//! Connection-oriented DCE/RPC without sockets ([MS-RPCE], C706).
//!
//! An interface is declared once, with [`interface!`]; the declaration gives the client's calls and the server's dispatch.
//! [`ClientConnection`] and [`ServerConnection`] are the two ends of a connection: octets in, octets out, events.
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod connection;
mod endpoint;
pub mod epm;
mod fragment;
mod interface;
pub mod mgmt;
pub mod pdu;
mod protect;
mod tower;
mod verification;

#[doc(hidden)]
pub use bytes::Bytes;
pub use connection::{
    AssociationGroups, CallFailure, CallHandle, CallId, ClientConnection, ClientEvent, ClientOptions, ConnectionError, HeaderSigning,
    IncomingCall, Link, OutgoingCall, SecurityId, SecurityOptions, ServerConnection, ServerEvent, ServerOptions,
};
pub use endpoint::Endpoint;
pub use interface::{
    CallContext, CallError, Channel, ChannelError, ConnectFailure, Dispatch, DispatchFuture, Interface, Method, SyntaxId, call,
};
#[doc(hidden)]
pub use rwmi_ndr as __ndr;
pub use tower::{Floor, TOWER_LEN_MAX, Tower};
