//! The server as a whole: ports, the local socket, objects, and their end.

mod background;
mod control;
mod endpoint;
mod listen;

pub use control::AccountStore;
pub use listen::ListenError;

use crate::access::Access;
use crate::accounts::{Accounts, AccountsError, make_private_dir};
use crate::adapter::{Core, Realm};
use crate::broker::{Allowed, Broker, Keeper};
use crate::config::{Config, ServerConfig};
use crate::consumers::Consumers;
use crate::shipped::Schema;
use crate::store::{Repository, StoreError};
use control::{Control, IRwmiAccounts};
use endpoint::{Calls, OBJECT_INTERFACES, Port, Security};
use listen::{is_family_missing, listener, own_addresses};
use rwmi_auth::ntlm::AcceptorOptions;
use rwmi_auth::{AuthLevel, Identity};
use rwmi_cim::DynProvider;
use rwmi_dcom::{Exporter, ExporterOptions, IActivation, IObjectExporter, IRemoteSCMActivator, RandomError};
use rwmi_net::{Limits, Link, ServeOptions, connection_number, serve, serve_stream};
use rwmi_rpc::epm::{EndpointMapper, Mapper, Registration};
use rwmi_rpc::mgmt::{Management, Manager};
use rwmi_rpc::{Dispatch, Interface, ServerOptions, SyntaxId};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Name of the local socket in the data directory.
pub const SOCKET_NAME: &str = "rwmi.sock";

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The repository cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The accounts cannot be read.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The system gives no random octets.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The local socket cannot be made.
    #[error("cannot listen on {}, caused by {source}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// Where a running server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Endpoint mapper, resolver and activator.
    pub endpoint: SocketAddr,
    /// Objects.
    pub object: SocketAddr,
}

/// Starts servers.
#[derive(Debug)]
pub enum Server {}

/// A server that runs until it is shut down or dropped.
#[derive(Debug)]
pub struct Running {
    #[cfg(test)]
    broker: Arc<Broker>,
    addresses: Vec<Addresses>,
    local: Local,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// The whole stack over a stream within the process, for callers who may do everything.
#[derive(Clone)]
struct Local {
    port: Arc<Port>,
    user: String,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts a server: when this returns it accepts calls. `providers` answer for the classes that name them.
    pub async fn start(config: Config, providers: Vec<Arc<dyn DynProvider>>) -> Result<Running, ServeError> {
        let data_dir = config.server.data_dir.clone();
        let accounts = Arc::new(Accounts::at(&data_dir));
        // A file that cannot be read is told now, not to the first who logs in.
        let known = accounts.list()?;
        if !known.iter().any(|a| a.admin) {
            tracing::warn!("no account of an administrator: nobody can do anything from another computer yet");
        }
        let repository = Repository::open(&data_dir, &Schema { test: config.test.rows > 0 })?;
        let sockets = bind_all(&config.server)?;
        let parts = Parts::new(&config, repository, providers, Some(accounts.clone()));
        let control = Control(accounts.clone());
        let object_port = sockets.first().map_or(config.server.object_port, |s| s.addresses.object.port());
        let host = host_name();
        let security = Security {
            accounts,
            options: AcceptorOptions {
                require_mic: config.security.require_mic,
                ..AcceptorOptions::named(&full_name(&config.server, &host))
            },
        };
        let exporter = parts.exporter(&config, false, object_port)?;
        let realm = parts.realm(false);
        let calls = parts.calls.clone();
        let port = |fixed, objects: bool| {
            Arc::new(Port {
                fixed,
                objects: objects.then(|| exporter.clone()),
                exporter: exporter.clone(),
                security: Some(security.clone()),
                minimum_level: exporter.options().minimum_level,
                minimum_activation_level: exporter.options().minimum_activation_level,
                calls: calls.clone(),
            })
        };
        let endpoint_port = sockets.first().map_or(config.server.endpoint_port, |s| s.addresses.endpoint.port());
        let principal = format!("host/{}", full_name(&config.server, &host));
        let mut interfaces = resolver_interfaces(&exporter, &realm);
        interfaces
            .push((EndpointMapper::SYNTAX, EndpointMapper::serve(Mapper::new(registrations(&interfaces, endpoint_port, object_port)))));
        interfaces.push(management(interfaces.iter().map(|(syntax, _)| *syntax), &principal));
        let resolver_port = port(interfaces, false);
        let objects_port = port(vec![management(OBJECT_INTERFACES, &principal)], true);
        let local = parts.local(&config, object_port, Some(control))?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let limits = Limits {
            connections_max: config.limits.connections,
            connections_per_address_max: config.limits.connections_per_address,
            options: serve_options(&config),
        };
        let mut addresses = Vec::new();
        for socket in sockets {
            addresses.push(socket.addresses);
            for (listener, port) in [(socket.endpoint, &resolver_port), (socket.object, &objects_port)] {
                let (port, limits, stopped) = (port.clone(), limits.clone(), stopped.clone());
                tasks.spawn(async move { serve(listener, port, limits, until(stopped)).await });
            }
        }
        let socket = data_dir.join(SOCKET_NAME);
        let unix = local_listener(&socket).map_err(|source| ServeError::Socket { path: socket.clone(), source })?;
        tasks.spawn(serve_local(unix, socket, local.clone(), limits.options.clone(), stopped.clone()));
        tasks.spawn(background::run(parts.core.broker.clone(), parts.keep(&config).await, stopped.clone()));
        for exporter in [exporter.clone(), local.port.exporter.clone()] {
            tasks.spawn(run_down(exporter, stopped.clone()));
        }
        Ok(Running {
            #[cfg(test)]
            broker: parts.core.broker.clone(),
            addresses,
            local,
            stop,
            tasks,
        })
    }

    /// Starts a server without ports, data directory and accounts: [`Running::connect`] is the only way in, and its caller
    /// may do everything.
    pub async fn in_process(config: Config, providers: Vec<Arc<dyn DynProvider>>) -> Result<Running, ServeError> {
        let repository = Repository::in_memory(&Schema { test: config.test.rows > 0 })?;
        let parts = Parts::new(&config, repository, providers, None);
        let local = parts.local(&config, config.server.object_port, None)?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(background::run(parts.core.broker.clone(), parts.keep(&config).await, stopped.clone()));
        tasks.spawn(run_down(local.port.exporter.clone(), stopped));
        Ok(Running {
            #[cfg(test)]
            broker: parts.core.broker.clone(),
            addresses: Vec::new(),
            local,
            stop,
            tasks,
        })
    }
}

impl Running {
    #[cfg(test)]
    pub(crate) fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[Addresses] {
        &self.addresses
    }

    /// A connection within the process, over which resolver, activator and objects are all served. The caller is whoever runs
    /// this program, with the rights of an administrator; calls count as private.
    pub fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(256 << 10);
        let Local { port, user } = self.local.clone();
        let stopped = self.stop.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                () = serve_stream(theirs, local_link(&user), port, ServeOptions::default()) => {}
                () = until(stopped) => {}
            }
        });
        ours
    }

    /// Stops accepting, lets calls under way finish for a few seconds, and ends.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        tracing::info!("stopped");
    }
}

/// What is made once and used by every port.
struct Parts {
    core: Arc<Core>,
    calls: Arc<Calls>,
    names: Vec<String>,
    addresses: Vec<std::net::IpAddr>,
}

impl Parts {
    fn new(config: &Config, repository: Repository, providers: Vec<Arc<dyn DynProvider>>, accounts: Option<Arc<Accounts>>) -> Parts {
        let host = host_name();
        let short = short_name(&config.server, &host);
        let broker = Broker::new(Arc::new(repository), providers, &short, config.limits.provider_timeout)
            .with_methods(Allowed::new(&config.methods.allow));
        let access = Access::new(accounts, config.security.readers.clone());
        let mut names = vec![short];
        names.extend(host.contains('.').then_some(host));
        Parts {
            core: Arc::new(Core::new(Arc::new(broker), access, config.limits.clone())),
            calls: Calls::new(config.limits.calls, config.limits.calls_per_account),
            names,
            addresses: own_addresses(&config.server.listen),
        }
    }

    /// Begins the permanent subscriptions.
    async fn keep(&self, config: &Config) -> Keeper {
        let consumers = Consumers::new(config.consumers.clone(), self.core.broker.server_name());
        Keeper::start(self.core.broker.clone(), consumers).await
    }

    fn realm(&self, local: bool) -> Realm {
        Realm { core: self.core.clone(), local }
    }

    fn exporter(&self, config: &Config, local: bool, object_port: u16) -> Result<Exporter, RandomError> {
        let security = &config.security;
        let realm = self.realm(local);
        let mut options = ExporterOptions::default();
        options.minimum_level = if local { AuthLevel::Privacy } else { security.minimum_level };
        options.minimum_activation_level = match (local, security.require_integrity_activation) {
            (true, _) => AuthLevel::Privacy,
            (false, true) => security.minimum_level.max(AuthLevel::Integrity),
            (false, false) => security.minimum_level,
        };
        options.object_port = object_port;
        options.addresses = self.addresses.clone();
        options.names = self.names.clone();
        options.objects_per_identity = config.limits.objects_per_account;
        options.access = Arc::new(move |cx| {
            let may = realm.may_call(cx);
            if !may {
                let user = Realm::caller_name(cx);
                tracing::warn!(target: "rwmi::audit", event = "access denied", %user, peer = %cx.peer, "the account may not make or call objects");
            }
            may
        });
        Exporter::new(options)
    }

    fn local(&self, config: &Config, object_port: u16, control: Option<Control>) -> Result<Local, RandomError> {
        let exporter = self.exporter(config, true, object_port)?;
        let mut fixed = resolver_interfaces(&exporter, &self.realm(true));
        fixed.extend(control.map(|c| (IRwmiAccounts::SYNTAX, IRwmiAccounts::serve(c))));
        let port = Port {
            fixed,
            objects: Some(exporter.clone()),
            exporter,
            security: None,
            minimum_level: AuthLevel::Privacy,
            minimum_activation_level: AuthLevel::Privacy,
            calls: self.calls.clone(),
        };
        Ok(Local { port: Arc::new(port), user: format!("uid {}", rustix::process::geteuid().as_raw()) })
    }
}

fn resolver_interfaces(exporter: &Exporter, realm: &Realm) -> Vec<(SyntaxId, Arc<dyn Dispatch>)> {
    let activator = Arc::new(realm.clone());
    vec![
        (IObjectExporter::SYNTAX, exporter.resolver()),
        (IRemoteSCMActivator::SYNTAX, exporter.activator(activator.clone())),
        (IActivation::SYNTAX, exporter.activation(activator)),
    ]
}

/// The interface by which a port tells what it serves.
fn management(interfaces: impl IntoIterator<Item = SyntaxId>, principal: &str) -> (SyntaxId, Arc<dyn Dispatch>) {
    (Management::SYNTAX, Management::serve(Manager::new(interfaces, principal)))
}

/// What the endpoint mapper tells.
fn registrations(resolver: &[(SyntaxId, Arc<dyn Dispatch>)], endpoint_port: u16, object_port: u16) -> Vec<Registration> {
    let at = |interface: SyntaxId, port, annotation: &str| Registration { interface, port, annotation: annotation.into() };
    let mut all: Vec<_> = resolver.iter().map(|(interface, _)| at(*interface, endpoint_port, "DCOM resolver and activator")).collect();
    all.push(at(EndpointMapper::SYNTAX, endpoint_port, "Endpoint mapper"));
    all.extend(OBJECT_INTERFACES.map(|interface| at(interface, object_port, "WMI")));
    all
}

fn serve_options(config: &Config) -> ServeOptions {
    let mut options = ServeOptions::default();
    options.idle_anonymous = config.limits.login_timeout;
    let mut protocol = ServerOptions::default();
    protocol.half_open_timeout = config.limits.login_timeout;
    protocol.calls_max = config.limits.calls_per_account;
    options.protocol = Arc::new(protocol);
    options
}

struct Socket {
    addresses: Addresses,
    endpoint: TcpListener,
    object: TcpListener,
}

fn bind_all(config: &ServerConfig) -> Result<Vec<Socket>, ServeError> {
    let tokio_listener = |address: SocketAddr| -> Result<(TcpListener, SocketAddr), ListenError> {
        let std = listener(address)?;
        let io = |source| ListenError::Io { address, source };
        let bound = std.local_addr().map_err(io)?;
        Ok((TcpListener::from_std(std).map_err(io)?, bound))
    };
    let mut sockets: Vec<Socket> = Vec::new();
    let mut missing = None;
    for ip in &config.listen {
        // Port 0 chooses once: all addresses share what the first was given, because bindings name one port.
        let port = |wanted: u16, first: fn(&Addresses) -> SocketAddr| match (wanted, sockets.first()) {
            (0, Some(socket)) => first(&socket.addresses).port(),
            (wanted, _) => wanted,
        };
        let endpoint = (*ip, port(config.endpoint_port, |a| a.endpoint)).into();
        let object = (*ip, port(config.object_port, |a| a.object)).into();
        let both = tokio_listener(endpoint).and_then(|e| Ok((e, tokio_listener(object)?)));
        match both {
            Ok(((endpoint, at), (object, objects_at))) => {
                sockets.push(Socket { addresses: Addresses { endpoint: at, object: objects_at }, endpoint, object });
            }
            Err(error) if is_family_missing(&error) && config.listen.len() > 1 => {
                tracing::info!(%error, "left out");
                missing = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    match missing {
        Some(error) if sockets.is_empty() => Err(error.into()),
        _ => Ok(sockets),
    }
}

/// Makes the local socket; what a dead server left is removed.
fn local_listener(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    if let Some(dir) = path.parent() {
        make_private_dir(dir)?;
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens there")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(_) => std::fs::remove_file(path)?,
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve_local(listener: UnixListener, path: PathBuf, local: Local, options: ServeOptions, stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let until = until(stopped);
    tokio::pin!(until);
    loop {
        tokio::select! {
            () = &mut until => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < LOCAL_MAX => match local_user(&stream) {
                    Ok(user) => { connections.spawn(serve_stream(stream, local_link(&user), local.port.clone(), options.clone())); }
                    Err(error) => tracing::warn!(target: "rwmi::audit", event = "local caller refused", %error),
                },
                Ok(_) => tracing::warn!("too many local connections"),
                Err(error) => {
                    tracing::warn!(%error, "accept failed on the local socket");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    let _ = std::fs::remove_file(path);
}

/// Connections of the local socket.
const LOCAL_MAX: usize = 64;

/// Only root and whoever runs the server get in by the local socket.
fn local_user(stream: &UnixStream) -> io::Result<String> {
    let uid = stream.peer_cred()?.uid();
    if uid == 0 || uid == rustix::process::geteuid().as_raw() {
        Ok(format!("uid {uid}"))
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("uid {uid} is neither root nor the server's own")))
    }
}

fn local_link(user: &str) -> Link {
    let here = (Ipv4Addr::LOCALHOST, 0).into();
    let identity = Identity { user: user.to_owned(), domain: String::new(), identify_only: false };
    Link { peer: here, local: here, connection: connection_number(), identity: Some(Arc::new(identity)) }
}

/// Collects objects that nobody will call again.
async fn run_down(exporter: Exporter, stopped: watch::Receiver<bool>) {
    let until = until(stopped);
    tokio::pin!(until);
    loop {
        let now = Instant::now();
        // Looked at again soon, because a first object brings a deadline that was not there.
        let soon = now + Duration::from_secs(10);
        let next = exporter.poll_timeout().map_or(soon, |at| at.clamp(now, soon));
        tokio::select! {
            () = &mut until => return,
            () = tokio::time::sleep_until(next.max(now + Duration::from_millis(100)).into()) => exporter.handle_timeout(Instant::now()),
        }
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the server was dropped: stopped, too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".into() } else { name }
}

/// What this computer is called: up to 15 letters, in capitals.
fn short_name(config: &ServerConfig, host: &str) -> String {
    let name = config.name.as_deref().unwrap_or_else(|| host.split('.').next().unwrap_or(host));
    name.chars().take(15).flat_map(char::to_uppercase).collect()
}

/// The name with its domain, where the host name has one.
fn full_name(config: &ServerConfig, host: &str) -> String {
    match (&config.name, host.split_once('.')) {
        (Some(name), Some((_, domain))) => format!("{}.{domain}", name.to_lowercase()),
        (Some(name), None) => name.to_lowercase(),
        (None, _) => host.to_owned(),
    }
}

#[cfg(test)]
mod tests;
