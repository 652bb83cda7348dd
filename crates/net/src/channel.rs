//! The client's handle on a connection.

use crate::client::{Command, Driver, Ended};
use crate::connect;
use bytes::Bytes;
use rwmi_auth::SecurityContext;
use rwmi_ndr::Guid;
use rwmi_rpc::{CallFailure, Channel, ChannelError, ClientOptions, ConnectionError, OutgoingCall, SecurityOptions, SyntaxId};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How to authenticate, and at which level.
#[derive(Clone)]
pub struct Security {
    /// Makes a fresh initiator, for each connection its own.
    pub context: Arc<dyn Fn() -> Box<dyn SecurityContext> + Send + Sync>,
    /// Level and header signing.
    pub options: SecurityOptions,
}

impl Security {
    /// Authenticates by what `context` makes.
    pub fn new(options: SecurityOptions, context: impl Fn() -> Box<dyn SecurityContext> + Send + Sync + 'static) -> Security {
        Security { context: Arc::new(context), options }
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security").field("options", &self.options).finish_non_exhaustive()
    }
}

/// How a channel behaves.
#[derive(Debug, Clone)]
pub struct ChannelConfig {
    /// How long a connection may take to open, over all addresses of the host: 10 s.
    pub connect_timeout: Duration,
    /// How long a call may take, bind and authentication included: 60 s.
    pub call_timeout: Duration,
    /// Who calls; `None` calls as nobody.
    pub security: Option<Security>,
    /// Sizes and features of the connection.
    pub options: ClientOptions,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        ChannelConfig {
            connect_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(60),
            security: None,
            options: ClientOptions::default(),
        }
    }
}

/// A connection to a server, for calls of any interface.
///
/// Clones share the connection; it closes when the last one is dropped. Bind, alter_context and authentication happen
/// as calls need them. Several calls may be under way at a time. Dropping a call's future ends it at the server too.
#[derive(Clone)]
pub struct RpcChannel {
    connection: Arc<Connection>,
    /// Which security context calls of this handle use.
    security: Option<u64>,
    call_timeout: Duration,
}

struct Connection {
    commands: mpsc::UnboundedSender<Command>,
    ended: Ended,
    at: Arc<str>,
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
    next_key: AtomicU64,
}

impl fmt::Debug for RpcChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcChannel").field("at", &self.connection.at).field("security", &self.security).finish_non_exhaustive()
    }
}

impl RpcChannel {
    /// Opens a TCP connection. `host` is a name or an address; all addresses of a name are tried.
    ///
    /// # Errors
    /// [`ChannelError::Resolve`] or [`ChannelError::Connect`]. Authentication happens at the first call.
    pub async fn connect(host: &str, port: u16, config: &ChannelConfig) -> Result<RpcChannel, ChannelError> {
        let stream = connect::open(host, port, config.connect_timeout).await?;
        Ok(RpcChannel::tcp(stream, &connect::place(host, port), config))
    }

    /// Takes a TCP connection that is open. `at` is the place that errors name.
    pub fn tcp(stream: tokio::net::TcpStream, at: &str, config: &ChannelConfig) -> RpcChannel {
        let (peer, local) = (stream.peer_addr().ok(), stream.local_addr().ok());
        let (reader, writer) = stream.into_split();
        RpcChannel::start(reader, writer, at, (peer, local), config)
    }

    /// Takes any stream that is open. `at` is the place that errors name.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + 'static, at: &str, config: &ChannelConfig) -> RpcChannel {
        let (reader, writer) = tokio::io::split(stream);
        RpcChannel::start(reader, writer, at, (None, None), config)
    }

    fn start(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        at: &str,
        (peer, local): (Option<SocketAddr>, Option<SocketAddr>),
        config: &ChannelConfig,
    ) -> RpcChannel {
        let (commands, inbox) = mpsc::unbounded_channel();
        let ended = Ended::default();
        // The task ends when the last handle drops its end of the commands.
        tokio::spawn(Driver::new(config.options.clone(), inbox, ended.clone()).run(reader, writer));
        let connection = Connection { commands, ended, at: at.into(), peer, local, next_key: AtomicU64::new(0) };
        let channel = RpcChannel { connection: Arc::new(connection), security: None, call_timeout: config.call_timeout };
        match &config.security {
            Some(security) => channel.with_security(security),
            None => channel,
        }
    }

    /// Another handle on the same connection, whose calls use a security context of their own.
    pub fn with_security(&self, security: &Security) -> RpcChannel {
        let key = self.connection.next_key();
        let command = Command::Secure { key, context: (security.context)(), options: security.options };
        // Where the connection has ended, the first call says so.
        let _ = self.connection.commands.send(command);
        RpcChannel { security: Some(key), ..self.clone() }
    }

    /// Another handle on the same connection, whose calls come from nobody.
    pub fn anonymous(&self) -> RpcChannel {
        RpcChannel { security: None, ..self.clone() }
    }

    /// Another handle on the same connection, whose calls may take this long.
    pub fn with_timeout(&self, call_timeout: Duration) -> RpcChannel {
        RpcChannel { call_timeout, ..self.clone() }
    }

    /// How long a call may take.
    pub fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// The place that errors name: host and port.
    pub fn at(&self) -> &str {
        &self.connection.at
    }

    /// The address that was reached, where the connection has one.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.connection.peer
    }

    /// The address it comes from, where the connection has one.
    pub fn local(&self) -> Option<SocketAddr> {
        self.connection.local
    }

    /// Whether the connection has ended: calls fail at once.
    pub fn is_closed(&self) -> bool {
        self.connection.commands.is_closed()
    }

    fn error(&self, failure: CallFailure) -> ChannelError {
        match failure {
            CallFailure::Fault(status) => ChannelError::Fault(status),
            CallFailure::Rejected { interface, result } => ChannelError::Rejected { interface, result },
            CallFailure::Auth(error) | CallFailure::Closed(ConnectionError::Auth(error)) => ChannelError::Auth(error),
            CallFailure::AuthRefused(status) => ChannelError::AuthRefused(status),
            CallFailure::TimedOut => ChannelError::TimedOut(self.call_timeout),
            CallFailure::HandshakeTimedOut => ChannelError::HandshakeTimedOut(self.call_timeout),
            CallFailure::Closed(ConnectionError::BindRefused(reason)) => ChannelError::BindRefused(reason),
            CallFailure::Closed(ConnectionError::Closed) => ChannelError::Closed,
            other => ChannelError::Protocol(other.to_string()),
        }
    }

    fn ended(&self) -> ChannelError {
        self.error(self.connection.ended.get().cloned().unwrap_or(ConnectionError::Closed).into())
    }
}

impl Connection {
    fn next_key(&self) -> u64 {
        self.next_key.fetch_add(1, Ordering::Relaxed)
    }
}

/// Tells the driver when nobody waits for a call any more.
struct Waiting<'a> {
    connection: &'a Connection,
    key: u64,
    over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            let _ = self.connection.commands.send(Command::Cancel { key: self.key });
        }
    }
}

impl Channel for RpcChannel {
    /// Cancel safe: dropping the future sends co_cancel and orphaned, and the connection goes on.
    async fn call_raw(&self, iface: SyntaxId, object: Option<Guid>, opnum: u16, stub: Bytes) -> Result<Bytes, ChannelError> {
        let key = self.connection.next_key();
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now().checked_add(self.call_timeout).map(Instant::into_std);
        let call = OutgoingCall { interface: iface, object, opnum, stub, security: None, deadline };
        let command = Command::Call { key, call, security: self.security, reply };
        if self.connection.commands.send(command).is_err() {
            return Err(self.ended());
        }
        let mut waiting = Waiting { connection: &self.connection, key, over: false };
        let answer = answer.await;
        waiting.over = true;
        match answer {
            Ok(result) => result.map_err(|failure| self.error(failure)),
            Err(_) => Err(self.ended()),
        }
    }
}
