//! NTEventLogEventConsumer: entries of the journal, in its native protocol (systemd's "Native Journal Protocol").

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendmsg_addr, sendto,
    socket_with,
};
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// An entry in the making.
#[derive(Debug, Default)]
pub(super) struct Entry(Vec<u8>);

impl Entry {
    /// Adds a field. Names are capital letters, digits and underscores.
    pub(super) fn field(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Entry {
        let value = value.as_ref();
        self.0.extend_from_slice(name.as_bytes());
        if value.contains(&b'\n') || value.iter().any(|o| *o < b' ' && *o != b'\t') {
            // Of any octets: the name, a line end, the length in eight octets, the value.
            self.0.push(b'\n');
            self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
        self
    }

    /// Hands the entry to the journal that listens at a socket. One that is too long for a datagram goes as a sealed file in
    /// memory, as the protocol says.
    pub(super) fn send(&self, path: &Path) -> io::Result<()> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        let address = SocketAddrUnix::new(path)?;
        match sendto(&socket, &self.0, SendFlags::NOSIGNAL, &address) {
            Ok(sent) if sent == self.0.len() => Ok(()),
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(Errno::MSGSIZE | Errno::NOBUFS) => self.send_as_file(&socket, &address),
            Err(e) => Err(e.into()),
        }
    }

    fn send_as_file(&self, socket: &OwnedFd, address: &SocketAddrUnix) -> io::Result<()> {
        let memory = rustix::fs::memfd_create("rwmi-journal", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut file = std::fs::File::from(memory);
        file.write_all(&self.0)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
        let files = [file.as_fd()];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&files)) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        sendmsg_addr(socket, address, &[] as &[IoSlice<'_>], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

/// The priority of syslog(3) for a type of event; `None` for a number that is none.
pub(super) fn priority(event_type: u32) -> Option<u8> {
    const ERROR: u8 = 3;
    const WARNING: u8 = 4;
    const NOTICE: u8 = 5;
    const INFORMATION: u8 = 6;
    Some(match event_type {
        0 | 4 => INFORMATION,
        1 => ERROR,
        2 | 16 => WARNING,
        8 => NOTICE,
        _ => return None,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    use std::io::{IoSliceMut, Read, Seek};
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    /// What a journal reads: the fields of the next entry, and whether it came as a file.
    pub(in crate::consumers) fn receive(journal: &UnixDatagram) -> (Vec<(String, Vec<u8>)>, bool) {
        journal.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut octets = vec![0; 1 << 18];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(journal, &mut [IoSliceMut::new(&mut octets)], &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
        octets.truncate(received.bytes);
        let mut as_file = false;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                for file in files {
                    let mut file = std::fs::File::from(file);
                    file.rewind().unwrap();
                    file.read_to_end(&mut octets).unwrap();
                    as_file = true;
                }
            }
        }
        (fields(&octets), as_file)
    }

    fn fields(mut octets: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        while !octets.is_empty() {
            let end = octets.iter().position(|o| matches!(o, b'=' | b'\n')).unwrap();
            let (name, rest) = (String::from_utf8(octets[..end].to_vec()).unwrap(), &octets[end + 1..]);
            let (value, rest) = if octets[end] == b'=' {
                let end = rest.iter().position(|o| *o == b'\n').unwrap();
                (&rest[..end], &rest[end..])
            } else {
                let len = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
                (&rest[8..8 + len], &rest[8 + len..])
            };
            found.push((name, value.to_vec()));
            octets = rest.strip_prefix(b"\n").unwrap();
        }
        found
    }

    #[test]
    fn fields_of_any_octets_arrive_and_none_can_be_forged() {
        let dir = tempfile::tempdir().unwrap();
        let journal = UnixDatagram::bind(dir.path().join("socket")).unwrap();
        let mut entry = Entry::default();
        entry.field("MESSAGE", "plain ü").field("A", "two\nPRIORITY=0").field("B", [0u8, 255]).field("C", "");
        entry.send(&dir.path().join("socket")).unwrap();
        let expect = [("MESSAGE", "plain ü".as_bytes()), ("A", b"two\nPRIORITY=0"), ("B", &[0, 255]), ("C", b"")];
        let (fields, as_file) = receive(&journal);
        assert_eq!(fields, expect.map(|(n, v)| (n.to_owned(), v.to_vec())));
        assert!(!as_file);
    }

    #[test]
    fn an_entry_that_is_too_long_for_a_datagram_goes_as_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let journal = UnixDatagram::bind(dir.path().join("socket")).unwrap();
        let mut entry = Entry::default();
        let long = "x".repeat(4 << 20);
        entry.field("MESSAGE", &long);
        entry.send(&dir.path().join("socket")).unwrap();
        let (fields, as_file) = receive(&journal);
        assert_eq!(fields, [("MESSAGE".to_owned(), long.into_bytes())]);
        assert!(as_file);
    }

    #[test]
    fn a_journal_that_is_not_there_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Entry::default().field("MESSAGE", "x").send(&dir.path().join("none")).is_err());
        // Longer than a socket may be named.
        assert!(Entry::default().send(&dir.path().join("n".repeat(200))).is_err());
    }

    #[test]
    fn types_have_priorities() {
        let priorities = [0, 1, 2, 4, 8, 16, 3, 32].map(priority);
        assert_eq!(priorities, [Some(6), Some(3), Some(4), Some(6), Some(5), Some(4), None, None]);
    }
}
