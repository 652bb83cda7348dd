//! Opening connections: over TCP to a name or an address, over this computer's own socket, or over what the caller brings.

use crate::ErrorKind;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind as Io};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How long an address has to answer before the next one is tried beside it (RFC 8305, section 8).
const STAGGER: Duration = Duration::from_millis(250);

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;

/// A connection under way.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Dialed, ErrorKind>> + Send + 'a>>;

/// Opens connections: a proxy, a tunnel, a socket of this computer, or a pipe in the process.
pub trait Dialer: Send + Sync {
    /// Opens a connection to a port of a host. Dropping the future gives it up. The time that it may take is the caller's business.
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> Dialing<'a>;

    /// Whether the server at the other end knows who calls without being told: it is this computer. Nothing is authenticated
    /// then, credentials are refused, and both ports are asked for with port 0 where nobody names another.
    fn identifies_caller(&self) -> bool {
        false
    }
}

/// Anything that octets can go through.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// An open connection.
pub struct Dialed(pub(crate) Socket);

pub(crate) enum Socket {
    Tcp(TcpStream),
    Other(Pin<Box<dyn Stream>>),
}

impl Dialed {
    /// Over TCP.
    pub fn tcp(stream: TcpStream) -> Dialed {
        // A PDU is written whole; waiting for more of it only costs time.
        let _ = stream.set_nodelay(true);
        Dialed(Socket::Tcp(stream))
    }

    /// Over anything else.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Dialed {
        Dialed(Socket::Other(Box::pin(stream)))
    }
}

impl fmt::Debug for Dialed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Socket::Tcp(stream) => stream.fmt(f),
            Socket::Other(_) => f.write_str("Dialed"),
        }
    }
}

/// Over TCP, to every address of a name: IPv6 first, the families in turn, each 250 ms after the one before (RFC 8305).
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Dialer for Tcp {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> Dialing<'a> {
        Box::pin(async move {
            let addresses = match host.parse::<IpAddr>() {
                Ok(address) => vec![SocketAddr::new(address, port)],
                Err(_) => in_turn(lookup_host((host, port)).await.map_err(|e| ErrorKind::NotFound(reason(&e)))?.collect()),
            };
            race(addresses).await.map(Dialed::tcp)
        })
    }
}

/// This computer's own server, by the socket in its data directory. It knows the caller by the caller's process. Only on Unix: elsewhere no
/// server of ours runs, and dialling fails.
#[derive(Debug, Clone)]
pub struct LocalSocket {
    path: PathBuf,
}

impl LocalSocket {
    /// The server that listens at `path`.
    pub fn at(path: impl Into<PathBuf>) -> LocalSocket {
        LocalSocket { path: path.into() }
    }

    /// The server of this user of this computer, where `rwmi serve` was not told another data directory: `/var/lib/rwmi` for root, else
    /// `$XDG_STATE_HOME/rwmi` or `~/.local/state/rwmi`.
    pub fn of_this_computer() -> LocalSocket {
        let state = || std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
        let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from).join(".local/state");
        let parent = if is_root() { "/var/lib".into() } else { state().unwrap_or_else(home) };
        LocalSocket::at(parent.join("rwmi").join("rwmi.sock"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Dialer for LocalSocket {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
        Box::pin(async move { connect(&self.path).await.map_err(|e| failure_of(&e)) })
    }

    fn identifies_caller(&self) -> bool {
        true
    }
}

#[cfg(unix)]
async fn connect(path: &Path) -> io::Result<Dialed> {
    UnixStream::connect(path).await.map(Dialed::over)
}

#[cfg(not(unix))]
async fn connect(_: &Path) -> io::Result<Dialed> {
    Err(io::Error::new(Io::Unsupported, "rwmi has no server on this system: name this computer by its address, with an account"))
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// IPv6 first, then the families in turn.
pub(crate) fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (mut v6, mut v4): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    v6.reverse();
    v4.reverse();
    let mut out = Vec::new();
    while out.len() < ADDRESSES_MAX && !(v6.is_empty() && v4.is_empty()) {
        out.extend(v6.pop().into_iter().chain(v4.pop()));
    }
    out.dedup();
    out
}

/// The first connection that comes about; of failures the first, or the family that is missing.
async fn race(addresses: Vec<SocketAddr>) -> Result<TcpStream, ErrorKind> {
    let Some((first, rest)) = addresses.split_first() else {
        return Err(ErrorKind::NotFound("the name has no address".into()));
    };
    let (mut failures, mut rest) = (Vec::new(), rest.iter().copied());
    let mut attempts = JoinSet::new();
    let connect = |address: SocketAddr| async move { (address, TcpStream::connect(address).await) };
    // Dropping the set ends the attempts that lost.
    attempts.spawn(connect(*first));
    let mut next_at = Instant::now() + STAGGER;
    loop {
        let ended = tokio::select! {
            joined = attempts.join_next() => joined,
            () = sleep_until(next_at), if rest.len() != 0 => None,
        };
        match ended {
            Some(Ok((_, Ok(stream)))) => return Ok(stream),
            Some(Ok((address, Err(error)))) => failures.push((address, error)),
            Some(Err(error)) => tracing::debug!(%error, "an attempt to connect ended"),
            None => {}
        }
        match rest.next() {
            Some(address) => {
                attempts.spawn(connect(address));
                next_at = Instant::now() + STAGGER;
            }
            None if attempts.is_empty() => return Err(no_way(&failures)),
            None => {}
        }
    }
}

pub(crate) fn no_way(failures: &[(SocketAddr, io::Error)]) -> ErrorKind {
    let (v6, v4): (Vec<&_>, Vec<&_>) = failures.iter().partition(|(a, _)| a.is_ipv6());
    let lacks = |of: &[&(SocketAddr, io::Error)], v6| !of.is_empty() && of.iter().all(|(_, e)| is_no_route(e)) && family_is_missing(v6);
    match (v6.is_empty(), v4.is_empty()) {
        (false, true) if lacks(&v6, true) => ErrorKind::Family { target: "IPv6" },
        (true, false) if lacks(&v4, false) => ErrorKind::Family { target: "IPv4" },
        // An address of a family that is not here says nothing about the target: another one does.
        _ => match failures.iter().find(|(_, e)| !is_no_route(e)).or(failures.first()) {
            Some((_, error)) => failure_of(error),
            None => ErrorKind::Closed,
        },
    }
}

fn is_no_route(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    matches!(error.kind(), Io::NetworkUnreachable | Io::AddrNotAvailable) || code == Some(Errno::AFNOSUPPORT.raw_os_error())
}

/// Whether this computer has no address of a family but those for itself. The route to an address of documentation shows it;
/// nothing is sent. Where there is no such route, the addresses of the system decide.
fn family_is_missing(v6: bool) -> bool {
    let (any, far): (IpAddr, IpAddr) = match v6 {
        true => (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
        false => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
    };
    let routed = std::net::UdpSocket::bind((any, 0)).and_then(|s| s.connect((far, 9)));
    routed.is_err() && !has_address(v6)
}

fn has_address(v6: bool) -> bool {
    if v6 {
        // address, index, prefix length, scope (20 is link-local), flags, interface
        let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
        return table.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).any(|l| l.len() == 6 && l[5] != "lo" && l[3] != "20");
    }
    // A route of an interface with an IPv4 address; the loopback interface has none here.
    std::fs::read_to_string("/proc/net/route").is_ok_and(|table| table.lines().count() > 1)
}

pub(crate) fn failure_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        Io::ConnectionRefused => ErrorKind::Refused,
        Io::HostUnreachable | Io::NetworkUnreachable | Io::AddrNotAvailable => ErrorKind::Unreachable(reason(error)),
        _ => ErrorKind::Io(reason(error)),
    }
}

/// The system's words, without the number behind them and with a small letter.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    let text = text.split(" (os error").next().unwrap_or(text);
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns_and_ipv6_comes_first() {
        let a = |t: &str| t.parse::<SocketAddr>().unwrap();
        let found = in_turn(vec![a("1.1.1.1:1"), a("1.1.1.2:1"), a("[::2]:1"), a("1.1.1.3:1"), a("[::3]:1")]);
        assert_eq!(found, [a("[::2]:1"), a("1.1.1.1:1"), a("[::3]:1"), a("1.1.1.2:1"), a("1.1.1.3:1")]);
    }

    #[tokio::test]
    async fn an_address_that_answers_is_found_behind_one_that_refuses() {
        let listener = tokio::net::TcpListener::bind("127.0.33.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let bad = SocketAddr::from(([127, 0, 33, 2], good.port()));
        assert_eq!(race(vec![bad, good]).await.unwrap().peer_addr().unwrap(), good);
        assert_eq!(race(vec![bad]).await.unwrap_err(), ErrorKind::Refused);
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_not_found() {
        assert!(matches!(race(vec![]).await, Err(ErrorKind::NotFound(_))));
        let error = Tcp.dial("no-such-host.invalid", 135).await.unwrap_err();
        assert!(matches!(&error, ErrorKind::NotFound(why) if !why.contains("os error")), "{error:?}");
    }

    #[test]
    fn a_failure_of_one_family_does_not_hide_the_other() {
        let failed = |address: &str, kind: Io| (address.parse().unwrap(), io::Error::from(kind));
        let both = [failed("[2001:db8::1]:1", Io::NetworkUnreachable), failed("127.0.0.1:1", Io::ConnectionRefused)];
        assert_eq!(no_way(&both), ErrorKind::Refused);
    }
}
