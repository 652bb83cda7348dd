//! Ports to listen on, and why they cannot be had.

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Why a port cannot be listened on, in words that say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The port is below 1024 and the program may not.
    #[error(
        "cannot listen on {0}: a port below 1024 needs the capability CAP_NET_BIND_SERVICE; run as root, or give it with \
         'setcap cap_net_bind_service+ep' or systemd's AmbientCapabilities, or choose another with --endpoint-port"
    )]
    NotPermitted(SocketAddr),
    /// Another program has it.
    #[error(
        "cannot listen on {0}: the port is taken; a Samba domain controller or another rwmi may have it: choose other addresses with --listen"
    )]
    Taken(SocketAddr),
    /// The address is not one of this computer.
    #[error("cannot listen on {0}: this computer does not have the address")]
    NotOurs(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}, caused by {source}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// Listens on an address; on IPv6 for IPv6 alone, so that both families can be listened on side by side.
pub(super) fn listener(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let open = || -> io::Result<TcpListener> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        // A port whose last connections are still being forgotten can be had at once.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        if address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, true)?;
        }
        bind(&socket, &address)?;
        listen(&socket, BACKLOG)?;
        Ok(socket.into())
    };
    open().map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => ListenError::NotPermitted(address),
        io::ErrorKind::AddrInUse => ListenError::Taken(address),
        io::ErrorKind::AddrNotAvailable => ListenError::NotOurs(address),
        _ => ListenError::Io { address, source },
    })
}

/// Whether the system has no such family at all: then nobody can have meant to listen on it by default.
pub(super) fn is_family_missing(error: &ListenError) -> bool {
    match error {
        ListenError::NotOurs(address) => address.ip().is_unspecified(),
        ListenError::Io { address, source } => {
            address.ip().is_unspecified() && source.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
        }
        _ => false,
    }
}

/// Addresses that bindings list behind the one that the client reached.
const ADDRESSES_MAX: usize = 16;

/// Addresses by which others may reach this computer, where it listens on all of them.
pub(super) fn own_addresses(listen: &[IpAddr]) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = listen.iter().copied().filter(|a| !a.is_unspecified()).collect();
    // The route to an address of documentation shows which address we would be seen with; nothing is sent.
    let seen_from = |any: IpAddr, far: SocketAddr| -> Option<IpAddr> {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(far).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let v4: IpAddr = Ipv4Addr::UNSPECIFIED.into();
    let v6: IpAddr = Ipv6Addr::UNSPECIFIED.into();
    if listen.contains(&v4) {
        found.extend(seen_from(v4, (Ipv4Addr::new(192, 0, 2, 1), 9).into()));
    }
    if listen.contains(&v6) {
        found.extend(seen_from(v6, (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into()));
    }
    // Clients read few, and an activation has a limit: a server may listen on thousands.
    found.truncate(ADDRESSES_MAX);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_stay_small_however_many_addresses_there_are() {
        let many: Vec<IpAddr> = (0..2000u32).map(|n| Ipv4Addr::from(0x7f01_0000 + n).into()).collect();
        assert_eq!(own_addresses(&many), many[..ADDRESSES_MAX]);
        assert_eq!(own_addresses(&many[..3]), many[..3]);
    }

    #[test]
    fn a_taken_port_and_a_foreign_address_are_told_apart() {
        let first = listener((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = first.local_addr().unwrap();
        assert!(matches!(listener(address), Err(ListenError::Taken(a)) if a == address));
        let foreign = listener((Ipv4Addr::new(192, 0, 2, 7), 0).into()).unwrap_err();
        assert!(matches!(foreign, ListenError::NotOurs(_)));
        assert!(!is_family_missing(&foreign));
    }

    #[test]
    fn both_families_share_a_port() {
        let v4 = listener((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
        let port = v4.local_addr().unwrap().port();
        match listener((Ipv6Addr::UNSPECIFIED, port).into()) {
            Ok(_) => {}
            Err(e) => assert!(is_family_missing(&e), "{e}"),
        }
    }

    #[test]
    fn an_error_says_what_to_do() {
        let words = ListenError::NotPermitted((Ipv4Addr::LOCALHOST, 135).into()).to_string();
        assert!(words.contains("127.0.0.1:135") && words.contains("CAP_NET_BIND_SERVICE"), "{words}");
    }
}
