//! The socket of the kernel's process connector. It needs `CAP_NET_ADMIN` and the initial namespaces of processes, users and
//! network; elsewhere it cannot be opened, or says nothing.

use crate::parse::proc_event::{CONNECTOR_ID, ProcEvent, What, events, listen};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{CONNECTOR, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// What the kernel may keep for us, in octets: some ten thousand messages.
const BUFFER: usize = 8 << 20;
/// Longest wait for the answer to the request. It is there when the request returns, in every kernel that gives one.
const ANSWER_WAIT: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Connector(OwnedFd);

/// What a wait brought.
pub(super) enum Heard {
    Events(Vec<ProcEvent>),
    /// The kernel had no more room: messages are lost.
    Lost,
    Nothing,
}

impl Connector {
    /// Listens; from when this returns, nothing is missed. Fails with the reason in words.
    pub(super) fn open() -> Result<Connector, String> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(CONNECTOR)).map_err(words)?;
        // The limit of the system may be lower: that only makes a loss, which is told, likelier.
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER).is_err() {
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, BUFFER);
        }
        // Port 0: the kernel chooses. Groups are a set of bits, CN_IDX_PROC is the first.
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 1 << (CONNECTOR_ID.0 - 1))).map_err(words)?;
        let connector = Connector(socket);
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&connector.0, &listen(), SendFlags::empty(), &kernel).map_err(words)?;
        connector.answer()?;
        Ok(connector)
    }

    /// Waits for the kernel's answer. Events of processes before it do not count: the watch has not begun.
    fn answer(&self) -> Result<(), String> {
        // Other listeners make the kernel send events at once, so the answer may be behind some.
        for _ in 0..10_000 {
            match self.wait(ANSWER_WAIT).map_err(words)? {
                Heard::Events(events) => {
                    for event in events {
                        match event.what {
                            What::Answer(0) => return Ok(()),
                            What::Answer(error) => return Err(words(Errno::from_raw_os_error(error.cast_signed()))),
                            _ => {}
                        }
                    }
                }
                // The answer may be what was lost.
                Heard::Lost => return Ok(()),
                Heard::Nothing => return Err("the kernel does not answer; the connector works in the initial namespaces only".into()),
            }
        }
        Err("the kernel does not answer among its events".into())
    }

    /// Waits for a datagram.
    pub(super) fn wait(&self, longest: Duration) -> Result<Heard, Errno> {
        let timeout = Timespec { tv_sec: longest.as_secs().cast_signed(), tv_nsec: i64::from(longest.subsec_nanos()) };
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(Heard::Nothing),
            Ok(_) => {}
            Err(e) => return Err(e),
        }
        let mut datagram = [0; 8192];
        match rustix::net::recvfrom(&self.0, &mut datagram, RecvFlags::TRUNC) {
            Ok((octets, whole, from)) => {
                // Any process may send to this socket; only port 0 is the kernel.
                let from_kernel = from.and_then(|a| SocketAddrNetlink::try_from(a).ok()).is_some_and(|a| a.pid() == 0);
                if !from_kernel {
                    return Ok(Heard::Events(Vec::new()));
                }
                if whole > octets {
                    return Ok(Heard::Lost);
                }
                Ok(Heard::Events(events(datagram.get(..octets).unwrap_or_default())))
            }
            Err(Errno::NOBUFS) => Ok(Heard::Lost),
            Err(Errno::INTR | Errno::AGAIN) => Ok(Heard::Nothing),
            Err(e) => Err(e),
        }
    }
}

fn words(error: Errno) -> String {
    std::io::Error::from(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_had_no_room_for_is_told() {
        let connector = match Connector::open() {
            Ok(connector) => connector,
            Err(why) => return println!("not run: {why}"),
        };
        // The least that the kernel allows: a few messages.
        rustix::net::sockopt::set_socket_recv_buffer_size(&connector.0, 0).unwrap();
        for _ in 0..50 {
            assert!(std::process::Command::new("true").status().unwrap().success());
        }
        let mut lost = false;
        for _ in 0..1000 {
            match connector.wait(Duration::ZERO).unwrap() {
                Heard::Lost => lost = true,
                Heard::Events(_) if !lost => {}
                _ => break,
            }
        }
        assert!(lost);
    }
}
