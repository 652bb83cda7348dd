//! The contract between a mechanism and whoever carries its tokens.

/// Authentication level ([MS-RPCE] 2.2.1.1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AuthLevel {
    /// No authentication.
    None = 1,
    /// Authenticates the connection only.
    Connect = 2,
    /// Treated as [`AuthLevel::Packet`] by connection-oriented RPC.
    Call = 3,
    /// Authenticates each PDU's origin.
    Packet = 4,
    /// Signs each PDU.
    Integrity = 5,
    /// Signs each PDU and seals its stub.
    Privacy = 6,
}

impl AuthLevel {
    /// The level of a number on the wire.
    pub const fn from_wire(level: u8) -> Option<AuthLevel> {
        Some(match level {
            1 => AuthLevel::None,
            2 => AuthLevel::Connect,
            3 => AuthLevel::Call,
            4 => AuthLevel::Packet,
            5 => AuthLevel::Integrity,
            6 => AuthLevel::Privacy,
            _ => return None,
        })
    }

    /// Its name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            AuthLevel::None => "none",
            AuthLevel::Connect => "connect",
            AuthLevel::Call => "call",
            AuthLevel::Packet => "packet",
            AuthLevel::Integrity => "integrity",
            AuthLevel::Privacy => "privacy",
        }
    }
}

/// Which mechanism a security trailer names ([MS-RPCE] 2.2.1.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuthType(pub u8);

impl AuthType {
    /// No security.
    pub const NONE: AuthType = AuthType(0);
    /// SPNEGO.
    pub const SPNEGO: AuthType = AuthType(9);
    /// NTLM.
    pub const NTLM: AuthType = AuthType(10);
    /// Kerberos.
    pub const KERBEROS: AuthType = AuthType(16);
}

/// The three segments of a PDU that a mechanism sees ([MS-RPCE] 3.3.1.5.2.2).
#[derive(Debug)]
pub struct Segments<'a> {
    /// PDU header: signed where headers are signed.
    pub header: &'a [u8],
    /// Stub and padding: signed, and sealed in place at privacy.
    pub body: &'a mut [u8],
    /// Security trailer without the token: signed where headers are signed.
    pub trailer: &'a [u8],
}

/// What a handshake step gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this token and wait for the next.
    Continue(Vec<u8>),
    /// The context is established; a last token may have to be sent.
    Done(Option<Vec<u8>>),
}

/// Why a handshake or a protected PDU failed. Says nothing that helps to guess a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The peer's token is not well-formed.
    #[error("malformed token, caused by {0}")]
    Malformed(String),
    /// Wrong account or password.
    #[error("logon denied")]
    LogonDenied,
    /// A signature, checksum or message integrity code does not match, or a number is out of sequence.
    #[error("bad signature")]
    BadSignature,
    /// A well-formed demand that this end does not meet.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// A call out of order, by this program.
    #[error("misuse: {0}")]
    Misuse(&'static str),
}

/// Who the peer of an acceptor is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Account name as the account store spells it.
    pub user: String,
    /// Domain as the client sent it; empty for none.
    pub domain: String,
    /// Whether the client allows no more than identification (it set the identify flag).
    pub identify_only: bool,
}

/// An established or growing security context: initiator and acceptor alike.
///
/// Sequence numbers and cipher states are inside; [`SecurityContext::protect`] and [`SecurityContext::unprotect`]
/// must see the PDUs of each direction in their order on the wire.
pub trait SecurityContext: Send {
    /// The mechanism's number in security trailers.
    fn auth_type(&self) -> AuthType;

    /// Takes the peer's token (empty to begin as initiator) and gives the next.
    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError>;

    /// Whether the handshake is complete.
    fn is_established(&self) -> bool;

    /// Octets of the token that [`SecurityContext::protect`] will give at this level, for a body of `body_len` octets.
    fn token_len(&self, level: AuthLevel, body_len: usize) -> usize;

    /// Signs, and at privacy seals, an outgoing PDU; gives the token for the end of its trailer.
    fn protect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>) -> Result<Vec<u8>, AuthError>;

    /// Opens and verifies an incoming PDU. After an error the context is of no more use.
    fn unprotect(&mut self, level: AuthLevel, header_signing: bool, pdu: Segments<'_>, token: &[u8]) -> Result<(), AuthError>;

    /// The session key, once there is one.
    fn session_key(&self) -> Option<&[u8]>;

    /// Who the peer is; of an acceptor, once established.
    fn peer(&self) -> Option<&Identity>;
}
