//! Security contexts of both ends: NTLM, and NTLM inside SPNEGO.
//!
//! Everything here is a machine without sockets: tokens go in and come out of [`SecurityContext::step`], then PDUs
//! pass through [`SecurityContext::protect`] and [`SecurityContext::unprotect`]. Random octets and the time of day come
//! from an [`Ambient`], so a recorded conversation can be played again octet for octet.
//!
//! ```
//! use rwmi_auth::{Credentials, NtHash, Secret, SecurityContext, Step, ntlm};
//! use std::sync::Arc;
//!
//! #[derive(Debug)]
//! struct Alice;
//! impl ntlm::Accounts for Alice {
//!     fn nt_hash(&self, user: &str, _domain: &str) -> Option<ntlm::Account> {
//!         user.eq_ignore_ascii_case("alice").then(|| ntlm::Account { name: "alice".into(), hash: ntlm::nt_hash("secret") })
//!     }
//! }
//!
//! # fn main() -> Result<(), rwmi_auth::AuthError> {
//! let alice = Credentials { user: "alice".into(), domain: "".into(), password: Secret::new("secret") };
//! let mut client = ntlm::Initiator::new(&alice, ntlm::InitiatorOptions::default());
//! let mut server = ntlm::Acceptor::new(Arc::new(Alice), ntlm::AcceptorOptions::named("SERVER"));
//! let Step::Continue(negotiate) = client.step(&[])? else { unreachable!() };
//! let Step::Continue(challenge) = server.step(&negotiate)? else { unreachable!() };
//! let Step::Done(Some(authenticate)) = client.step(&challenge)? else { unreachable!() };
//! assert_eq!(server.step(&authenticate)?, Step::Done(None));
//! assert_eq!(server.peer().unwrap().user, "alice");
//! assert_eq!(server.session_key(), client.session_key());
//! # Ok(()) }
//! ```
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod ambient;
mod context;
mod credentials;
mod der;
pub mod ntlm;
pub mod spnego;

pub use ambient::{Ambient, Recorded, System};
pub use context::{AuthError, AuthLevel, AuthType, Identity, SecurityContext, Segments, Step};
pub use credentials::{Credentials, NtHash, Secret};
