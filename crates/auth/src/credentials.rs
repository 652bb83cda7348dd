//! Accounts and secrets.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A text that must not be seen: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text, for whoever must have it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The NT hash of a password (MD4 of its UTF-16 text): as good as the password, and treated so.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct NtHash(pub [u8; 16]);

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Who to log on as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Account name without domain.
    pub user: String,
    /// Domain or computer of the account; empty lets the server choose.
    pub domain: String,
    /// Its password. An empty password is a password.
    pub password: Secret,
}
