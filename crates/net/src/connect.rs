//! Opening TCP connections.

use rwmi_rpc::{ChannelError, ConnectFailure};
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

/// Host and port as people write them.
pub(crate) fn place(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Tries the addresses of a host one after the other, each for its share of the time that is left.
pub(crate) async fn open(host: &str, port: u16, within: Duration) -> Result<TcpStream, ChannelError> {
    let begin = Instant::now();
    let resolve = |why: String| ChannelError::Resolve { host: host.to_owned(), why };
    let addresses: Vec<SocketAddr> = match timeout(within, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(resolve(error.to_string())),
        Err(_) => return Err(resolve(format!("no answer in {within:?}"))),
    };
    let mut failure = None;
    for (at, address) in addresses.iter().enumerate() {
        let left = within.saturating_sub(begin.elapsed());
        let share = left / u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let why = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A PDU is written whole; waiting for more of it only costs time.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => failure_of(&error),
            Err(_) => ConnectFailure::TimedOut(within),
        };
        // Of several, the first says most: further addresses are often of a family that is not there.
        failure.get_or_insert(why);
    }
    match failure {
        Some(why) => Err(ChannelError::Connect { at: place(host, port), why }),
        None => Err(resolve("the name has no address".into())),
    }
}

fn failure_of(error: &Error) -> ConnectFailure {
    match error.kind() {
        ErrorKind::ConnectionRefused => ConnectFailure::Refused,
        ErrorKind::TimedOut => ConnectFailure::Other("no answer".into()),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
            ConnectFailure::Unreachable(error.to_string())
        }
        _ => ConnectFailure::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_people_write_it() {
        assert_eq!(place("host", 135), "host:135");
        assert_eq!(place("::1", 135), "[::1]:135");
    }
}
