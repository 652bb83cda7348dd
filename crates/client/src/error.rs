//! What failed, where, with which code, and what to do about it.

use crate::forms::MonikerError;
use crate::hint::hint;
use rwmi_auth::AuthError;
use rwmi_cim::{ObjectError, WbemStatus};
use rwmi_ndr::{FaultStatus, HResult};
use std::fmt;
use std::time::Duration;

/// A step of the way to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Reading what the caller asked for; nothing was sent.
    Input,
    /// Turning the name of the computer into addresses.
    Resolve,
    /// Opening the connection to the endpoint mapper's port.
    Connect,
    /// Asking for version and bindings (IObjectExporter::ServerAlive2).
    ServerAlive,
    /// Activating the login object.
    Activate,
    /// Opening the connection to the port that the activation named.
    ConnectObjectPort,
    /// Logging in to a namespace (IWbemLevel1Login::NTLMLogin).
    Login {
        /// The namespace.
        namespace: String,
    },
    /// Handing in a query.
    Query,
    /// Reading an object by its path.
    GetObject,
    /// Fetching rows.
    Next,
    /// Another call.
    Call {
        /// Interface and method.
        method: &'static str,
    },
    /// Reading what came.
    Decode,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Input => f.write_str("reading the request"),
            Step::Resolve => f.write_str("resolving the name"),
            Step::Connect => f.write_str("connecting to the endpoint mapper"),
            Step::ServerAlive => f.write_str("asking for version and bindings"),
            Step::Activate => f.write_str("activating the WMI login object"),
            Step::ConnectObjectPort => f.write_str("connecting to the object port"),
            Step::Login { namespace } => write!(f, "logging in to {namespace}"),
            Step::Query => f.write_str("handing in the query"),
            Step::GetObject => f.write_str("getting the object"),
            Step::Next => f.write_str("fetching rows"),
            Step::Call { method } => write!(f, "calling {method}"),
            Step::Decode => f.write_str("reading the answer"),
        }
    }
}

/// What a caller got wrong before anything was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Not an account.
    #[error("{text:?} is not an account: {why}")]
    Account {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not an authority.
    #[error("{text:?} is not an authority: {why}")]
    Authority {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not a computer.
    #[error("{text:?} is not a computer: {why}")]
    Host {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not a namespace.
    #[error("{text:?} is not a namespace: {why}")]
    Namespace {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// User, password or authority together with this computer's own name (`WBEM_E_LOCAL_CREDENTIALS`).
    #[error("user credentials cannot be used for local connections")]
    LocalCredentials,
    /// No account for a remote computer.
    #[error("no account was given and none was found")]
    NoCredentials,
    /// An option that makes no sense here.
    #[error("{0}")]
    Option(String),
    /// Not a moniker.
    #[error("invalid syntax: {0}")]
    Moniker(#[from] MonikerError),
    /// Against a rule of the form that was used, with the status that Windows gives for it.
    #[error("{why}")]
    Rule {
        /// The status.
        status: WbemStatus,
        /// What the rule is.
        why: String,
    },
}

impl Misuse {
    /// The status that Windows' own client gives for it.
    pub fn status(&self) -> Option<WbemStatus> {
        match self {
            Misuse::LocalCredentials => Some(WbemStatus::LOCAL_CREDENTIALS),
            Misuse::NoCredentials => None,
            Misuse::Moniker(e) => Some(WbemStatus(e.code)),
            Misuse::Rule { status, .. } => Some(*status),
            _ => Some(WbemStatus::INVALID_PARAMETER),
        }
    }
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's fault; nothing was sent.
    Misuse(Misuse),
    /// The query is not WQL; found here, before anything was sent. The text shows the query with a caret.
    Wql {
        /// What the server would have said.
        status: WbemStatus,
        /// Query, caret, message and advice.
        text: String,
    },
    /// The name has no address.
    NotFound(String),
    /// The name has addresses, and none of a family that this computer has.
    Family {
        /// What the target has.
        target: &'static str,
    },
    /// The port answered with a refusal.
    Refused,
    /// The network answered that there is no way.
    Unreachable(String),
    /// No answer in time.
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended.
    Closed,
    /// Another failure of a socket.
    Io(String),
    /// The server refused the binding: its reason.
    BindRefused(String),
    /// Our security context failed.
    Auth(AuthError),
    /// The server answered the call with a fault.
    Fault(FaultStatus),
    /// The server answered with a status that is no WBEM status.
    HResult(HResult),
    /// WMI answered with a status.
    Wbem(WbemStatus),
    /// The server broke the protocol.
    Protocol(String),
    /// A value could not be had.
    Object(ObjectError),
    /// A row does not fit what the caller asked for.
    Misfit(String),
}

/// A failure: step, place, cause and advice.
#[derive(Debug, Clone, PartialEq)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone, PartialEq)]
struct Parts {
    step: Step,
    host: String,
    port: Option<u16>,
    kind: ErrorKind,
    info: Option<String>,
    hint: Option<String>,
}

impl Error {
    /// A failure at a step, with the advice that fits.
    pub fn new(step: Step, host: impl Into<String>, port: Option<u16>, kind: ErrorKind) -> Self {
        let hint = hint(&step, &kind).map(str::to_owned);
        Error(Box::new(Parts { step, host: host.into(), port, kind, info: None, hint }))
    }

    /// The same failure with what the server said about it beyond the code.
    #[must_use]
    pub fn with_info(mut self, info: Option<String>) -> Self {
        self.0.info = info;
        self
    }

    /// The same failure with other advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What the caller got wrong, as an error.
    pub fn misuse(host: impl Into<String>, misuse: Misuse) -> Self {
        Error::new(Step::Input, host, None, ErrorKind::Misuse(misuse))
    }

    /// The step that failed.
    pub fn step(&self) -> &Step {
        &self.0.step
    }

    /// The computer, as the caller named it.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port, where one was involved.
    pub fn port(&self) -> Option<u16> {
        self.0.port
    }

    /// The cause.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What the server said about it beyond the code.
    pub fn info(&self) -> Option<&str> {
        self.0.info.as_deref()
    }

    /// The likely cause and what to do.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The code of the failure, as a number.
    pub fn code(&self) -> Option<u32> {
        match &self.0.kind {
            ErrorKind::Misuse(m) => m.status().map(|s| s.0),
            ErrorKind::Wql { status, .. } | ErrorKind::Wbem(status) => Some(status.0),
            ErrorKind::Fault(s) => Some(s.0),
            ErrorKind::HResult(h) => Some(h.0),
            ErrorKind::Refused | ErrorKind::Unreachable(_) | ErrorKind::NotFound(_) | ErrorKind::Family { .. } => {
                Some(HResult::RPC_S_SERVER_UNAVAILABLE.0)
            }
            _ => None,
        }
    }

    /// Whether the same call may succeed a little later. A refused logon never may: trying again locks accounts.
    pub fn is_transient(&self) -> bool {
        match &self.0.kind {
            ErrorKind::TimedOut { .. } | ErrorKind::Closed | ErrorKind::Io(_) | ErrorKind::Unreachable(_) => true,
            ErrorKind::Wbem(s) => *s == WbemStatus::SERVER_TOO_BUSY,
            ErrorKind::Fault(s) => matches!(*s, FaultStatus::NCA_S_SERVER_TOO_BUSY | FaultStatus::RPC_S_SERVER_TOO_BUSY),
            _ => false,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Misuse(m) => match m.status() {
                Some(s) => write!(f, "{m}: {s}"),
                None => write!(f, "{m}"),
            },
            ErrorKind::Wql { status, text } => write!(f, "{status}\n{text}"),
            ErrorKind::NotFound(why) => write!(f, "the name has no address ({why})"),
            ErrorKind::Family { target } => write!(f, "the computer has only {target} addresses, and this one has none of that family"),
            ErrorKind::Refused => f.write_str("connection refused"),
            ErrorKind::Unreachable(why) => write!(f, "no way there ({why})"),
            ErrorKind::TimedOut { after } => write!(f, "no answer in {after:?}"),
            ErrorKind::Closed => f.write_str("the connection was closed"),
            ErrorKind::Io(why) => f.write_str(why),
            ErrorKind::BindRefused(why) => write!(f, "the server refused the binding: {why}"),
            ErrorKind::Auth(e) => write!(f, "authentication failed: {e}"),
            ErrorKind::Fault(s) => match s.meaning() {
                Some(m) => write!(f, "fault {s}: {m}"),
                None => write!(f, "fault {s}"),
            },
            ErrorKind::HResult(h) => match h.meaning() {
                Some(m) => write!(f, "{h}: {m}"),
                None => write!(f, "{h}"),
            },
            ErrorKind::Wbem(s) => match s.meaning() {
                Some(m) => write!(f, "{s}: {m}"),
                None => write!(f, "{s}"),
            },
            ErrorKind::Protocol(why) => write!(f, "the server broke the protocol: {why}"),
            ErrorKind::Object(e) => write!(f, "{e}"),
            ErrorKind::Misfit(why) => f.write_str(why),
        }
    }
}

/// One sentence: the place, the step, the cause.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { step, host, port, kind, info, .. } = &*self.0;
        match port {
            Some(port) if host.contains(':') => write!(f, "[{host}]:{port}: ")?,
            Some(port) => write!(f, "{host}:{port}: ")?,
            None => write!(f, "{host}: ")?,
        }
        write!(f, "{step} failed: {kind}")?;
        match info {
            Some(info) => write!(f, " ({info})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_place_step_name_and_number() {
        let e = Error::new(Step::Query, "srv01", Some(24158), ErrorKind::Wbem(WbemStatus::INVALID_CLASS));
        assert_eq!(
            e.to_string(),
            "srv01:24158: handing in the query failed: WBEM_E_INVALID_CLASS (0x80041010): there is no such class in the namespace"
        );
        assert_eq!(e.code(), Some(0x8004_1010));
        let e = Error::misuse(".", Misuse::LocalCredentials);
        assert_eq!(e.code(), Some(0x8004_1064));
    }

    #[test]
    fn a_refused_logon_is_never_tried_again() {
        let e = |kind| Error::new(Step::Activate, "x", Some(135), kind);
        assert!(!e(ErrorKind::Fault(FaultStatus::ACCESS_DENIED)).is_transient());
        assert!(e(ErrorKind::Closed).is_transient());
    }
}
