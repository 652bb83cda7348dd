//! Security contexts of both ends: NTLM, and NTLM inside SPNEGO.

mod context;
mod credentials;

pub use context::{AuthError, AuthLevel, AuthType, Identity, SecurityContext, Segments, Step};
pub use credentials::{Credentials, NtHash, Secret};
