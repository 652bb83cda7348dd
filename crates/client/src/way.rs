//! The way to one computer: how to dial, who to be there, and how long to wait.

use crate::builder::{Mechanism, Timeouts};
use crate::dial::{Dialer, Socket};
use crate::{Error, ErrorKind, Misuse, Step, failure};
use bytes::Bytes;
use rwmi_auth::ntlm::{Initiator, InitiatorOptions};
use rwmi_auth::{AuthError, AuthLevel, NtHash, spnego};
use rwmi_dcom::{self as dcom, IRemUnknown2};
use rwmi_ndr::{FaultStatus, Guid};
use rwmi_net::{ChannelConfig, RpcChannel, Security};
use rwmi_rpc::{Channel, ChannelError, ConnectFailure, Interface, SecurityOptions, SyntaxId};
use rwmi_wbem::interfaces::*;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Everything that a connection to one computer needs.
#[derive(Clone)]
pub(crate) struct Way {
    /// The computer as the caller named it: what errors say.
    pub(crate) host: String,
    /// Its name or address in our spelling: what servers are told.
    pub(crate) server: String,
    /// What is dialled.
    pub(crate) dial_name: String,
    pub(crate) dialer: Arc<dyn Dialer>,
    /// Who to be; nobody where the dialer's other end knows.
    pub(crate) logon: Option<Logon>,
    pub(crate) level: AuthLevel,
    pub(crate) activation_below_integrity: bool,
    pub(crate) locale: Option<String>,
    pub(crate) endpoint_port: u16,
    pub(crate) object_port: Option<u16>,
    pub(crate) other_addresses: bool,
    pub(crate) timeouts: Timeouts,
    pub(crate) smart_enumeration: bool,
}

/// An account, as NTLM needs it.
#[derive(Clone)]
pub(crate) struct Logon {
    pub(crate) user: String,
    pub(crate) domain: String,
    pub(crate) hash: NtHash,
    pub(crate) mechanism: Mechanism,
    pub(crate) identify: bool,
    pub(crate) workstation: String,
    /// Whether the password is the empty one.
    pub(crate) is_blank: bool,
}

/// What a session calls at an exporter: bound at once.
const OBJECT_INTERFACES: [SyntaxId; 7] = [
    IWbemLevel1Login::SYNTAX,
    IWbemLoginClientIDEx::SYNTAX,
    IWbemServices::SYNTAX,
    IEnumWbemClassObject::SYNTAX,
    IRemUnknown2::SYNTAX,
    IWbemFetchSmartEnum::SYNTAX,
    IWbemWCOSmartEnum::SYNTAX,
];

/// Advice where an empty password was refused.
const BLANK: &str = "the password that was given is blank: the policy of the target mostly forbids logging on over the network with a blank \
    password; give the account a password";

impl Way {
    /// The level of activations.
    pub(crate) fn activation_level(&self) -> AuthLevel {
        if self.activation_below_integrity { self.level } else { self.level.max(AuthLevel::Integrity) }
    }

    /// Security of a connection to a service of the computer; none where nobody needs to log on.
    pub(crate) fn security(&self, service: &str, level: AuthLevel) -> Option<Security> {
        let logon = self.logon.as_ref()?;
        let options = InitiatorOptions {
            target_name: Some(format!("{service}/{}", self.server)),
            workstation: logon.workstation.clone(),
            identify: logon.identify,
            seal: level == AuthLevel::Privacy,
            ..InitiatorOptions::default()
        };
        let (user, domain, hash, mechanism) = (logon.user.clone(), logon.domain.clone(), logon.hash.clone(), logon.mechanism);
        Some(Security::new(SecurityOptions::at(level), move || {
            let ntlm = Initiator::with_hash(&user, &domain, hash.clone(), options.clone());
            match mechanism {
                Mechanism::Ntlm => Box::new(ntlm),
                Mechanism::Negotiate => Box::new(spnego::Initiator::new(vec![Box::new(ntlm)])),
            }
        }))
    }

    /// What failed, with the advice that fits this caller.
    pub(crate) fn error(&self, step: Step, port: u16, kind: ErrorKind) -> Error {
        let denied = matches!(&kind, ErrorKind::Fault(FaultStatus::ACCESS_DENIED) | ErrorKind::Auth(AuthError::LogonDenied));
        // A port that nobody dialled says nothing.
        let port = (port != 0 && !self.dialer.identifies_caller()).then_some(port);
        let error = Error::new(step, &self.host, port, kind);
        if denied && self.logon.as_ref().is_some_and(|l| l.is_blank) { error.with_hint(BLANK) } else { error }
    }

    /// As [`Way::error`], of a call that failed.
    pub(crate) fn call_error(&self, step: Step, port: u16, error: dcom::Error) -> Error {
        let (kind, info) = failure::of_dcom(error);
        self.error(step, port, kind).with_info(info)
    }

    /// A mistake of the caller.
    pub(crate) fn misuse(&self, misuse: Misuse) -> Error {
        Error::misuse(&self.host, misuse)
    }

    /// Opens a connection to the resolver and activator of the computer.
    pub(crate) async fn open(&self, host: &str, port: u16, security: Option<Security>) -> Result<RpcChannel, ErrorKind> {
        self.open_for(host, port, security, &[]).await
    }

    /// Opens a connection to an exporter.
    pub(crate) async fn open_object(&self, host: &str, port: u16) -> Result<RpcChannel, ErrorKind> {
        self.open_for(host, port, self.security("host", self.level), &OBJECT_INTERFACES).await
    }

    async fn open_for(&self, host: &str, port: u16, security: Option<Security>, interfaces: &[SyntaxId]) -> Result<RpcChannel, ErrorKind> {
        let within = self.timeouts.connect;
        let dialed = timeout(within, self.dialer.dial(host, port)).await.unwrap_or(Err(ErrorKind::TimedOut { after: within }))?;
        let mut config = ChannelConfig { call_timeout: self.timeouts.call, security, ..ChannelConfig::default() };
        config.options.interfaces = interfaces.to_vec();
        Ok(match dialed.0 {
            Socket::Tcp(stream) => RpcChannel::tcp(stream, &self.host, &config),
            Socket::Other(stream) => RpcChannel::over(stream, &self.host, &config),
        })
    }

    /// A connection to the resolver, for a call that needs nothing but an answer.
    pub(crate) async fn open_resolver(&self) -> Result<RpcChannel, ErrorKind> {
        let security = self.security("rpcss", self.activation_level());
        Ok(self.open(&self.dial_name, self.endpoint_port, security).await?.with_timeout(self.timeouts.handshake))
    }
}

/// The step at which opening a connection failed.
pub(crate) fn step_of_open(kind: &ErrorKind, otherwise: Step) -> Step {
    match kind {
        ErrorKind::NotFound(_) | ErrorKind::Family { .. } => Step::Resolve,
        _ => otherwise,
    }
}

/// A lasting way to one exporter: its connection is made again when it has ended, for objects outlive connections.
#[derive(Clone)]
pub(crate) struct Line {
    shared: Arc<Shared>,
    timeout: Option<Duration>,
}

struct Shared {
    way: Arc<Way>,
    host: String,
    port: u16,
    state: Mutex<State>,
    /// Held by whoever opens the connection again.
    reopening: tokio::sync::Mutex<()>,
}

enum State {
    Open(RpcChannel),
    Closed,
}

impl Line {
    /// A line over a connection that is open to `host` and `port`.
    pub(crate) fn new(way: Arc<Way>, host: String, port: u16, channel: RpcChannel) -> Line {
        let shared = Shared { way, host, port, state: Mutex::new(State::Open(channel)), reopening: tokio::sync::Mutex::default() };
        Line { shared: Arc::new(shared), timeout: None }
    }

    pub(crate) fn port(&self) -> u16 {
        self.shared.port
    }

    /// The same line, whose calls may take this long.
    pub(crate) fn with_timeout(&self, timeout: Duration) -> Line {
        Line { timeout: Some(timeout), ..self.clone() }
    }

    /// Closes the connection, for every holder and for good.
    pub(crate) fn close(&self) {
        *self.state() = State::Closed;
    }

    /// The connection, if it is open.
    pub(crate) fn current(&self) -> Option<RpcChannel> {
        match &*self.state() {
            State::Open(channel) if !channel.is_closed() => Some(channel.clone()),
            _ => None,
        }
    }

    async fn channel(&self) -> Result<RpcChannel, ChannelError> {
        if let Some(channel) = self.current() {
            return Ok(channel);
        }
        let _only_one = self.shared.reopening.lock().await;
        if let Some(channel) = self.current() {
            return Ok(channel);
        }
        if matches!(&*self.state(), State::Closed) {
            return Err(ChannelError::Closed);
        }
        let Shared { way, host, port, .. } = &*self.shared;
        tracing::debug!(host, port, "opening the object connection again");
        let channel = way.open_object(host, *port).await.map_err(|kind| {
            let why = match kind {
                ErrorKind::Refused => ConnectFailure::Refused,
                ErrorKind::TimedOut { after } => ConnectFailure::TimedOut(after),
                ErrorKind::Unreachable(why) => ConnectFailure::Unreachable(why),
                other => ConnectFailure::Other(other.to_string()),
            };
            ChannelError::Connect { at: way.host.clone(), why }
        })?;
        let mut state = self.state();
        if matches!(*state, State::Closed) {
            return Err(ChannelError::Closed);
        }
        *state = State::Open(channel.clone());
        Ok(channel)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel for Line {
    async fn call_raw(&self, iface: SyntaxId, object: Option<Guid>, opnum: u16, stub: Bytes) -> Result<Bytes, ChannelError> {
        let channel = self.channel().await?;
        match self.timeout {
            Some(timeout) => channel.with_timeout(timeout).call_raw(iface, object, opnum, stub).await,
            None => channel.call_raw(iface, object, opnum, stub).await,
        }
    }
}
