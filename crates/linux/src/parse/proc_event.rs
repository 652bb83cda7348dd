//! Datagrams of the kernel's process connector: netlink messages (netlink(7)) with a `cn_msg` and a `proc_event` in each
//! (linux/connector.h, linux/cn_proc.h). Everything is in the order of octets of this machine.

/// `CN_IDX_PROC` and `CN_VAL_PROC`.
pub(crate) const CONNECTOR_ID: (u32, u32) = (1, 1);

/// `nlmsghdr`, `cn_msg`, and `what`, `cpu`, `timestamp_ns` of a `proc_event`, in octets.
const NETLINK_HEADER: usize = 16;
const CONNECTOR_HEADER: usize = 20;
const EVENT_HEADER: usize = 16;

/// What a datagram tells of processes. Ids of threads (`id`) and of their process (`process`) are equal for the first thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The answer to a request to listen: 0, or the number of an error.
    Answer(u32),
    Fork {
        parent: u32,
        id: u32,
        process: u32,
    },
    Exec {
        id: u32,
        process: u32,
    },
    /// The effective user changed.
    User {
        id: u32,
        process: u32,
        effective: u32,
    },
    /// The name changed.
    Name {
        id: u32,
        process: u32,
    },
    /// `status` is as wait(2) gives it; `parent` is 0 where the kernel is too old to say.
    Exit {
        id: u32,
        process: u32,
        status: u32,
        parent: u32,
    },
}

/// A message of the connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcEvent {
    /// Nanoseconds of the monotonic clock.
    pub(crate) time: u64,
    pub(crate) what: What,
}

/// The events in a datagram. Messages of other kinds are left out; one that is cut ends the datagram.
pub(crate) fn events(mut datagram: &[u8]) -> Vec<ProcEvent> {
    let mut found = Vec::new();
    while let Some(len) = word(datagram, 0).and_then(|n| usize::try_from(n).ok()) {
        let Some(message) = datagram.get(..len).filter(|m| m.len() >= NETLINK_HEADER) else { break };
        found.extend(message.get(NETLINK_HEADER..).and_then(event));
        // Messages start at multiples of four.
        datagram = datagram.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn event(message: &[u8]) -> Option<ProcEvent> {
    if (word(message, 0)?, word(message, 4)?) != CONNECTOR_ID {
        return None;
    }
    let len = usize::from(u16::from_ne_bytes(message.get(16..18)?.try_into().ok()?));
    let body = message.get(CONNECTOR_HEADER..)?.get(..len)?;
    let time = u64::from_ne_bytes(body.get(8..16)?.try_into().ok()?);
    let data = body.get(EVENT_HEADER..)?;
    let at = |index: usize| word(data, index * 4);
    let what = match word(body, 0)? {
        0 => What::Answer(at(0)?),
        0x0000_0001 => What::Fork { parent: at(1)?, id: at(2)?, process: at(3)? },
        0x0000_0002 => What::Exec { id: at(0)?, process: at(1)? },
        0x0000_0004 => What::User { id: at(0)?, process: at(1)?, effective: at(3)? },
        0x0000_0200 => What::Name { id: at(0)?, process: at(1)? },
        0x8000_0000 => What::Exit { id: at(0)?, process: at(1)?, status: at(2)?, parent: at(5).unwrap_or(0) },
        _ => return None,
    };
    Some(ProcEvent { time, what })
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(octets.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The datagram that asks to listen (`PROC_CN_MCAST_LISTEN`).
pub(crate) fn listen() -> Vec<u8> {
    const NLMSG_DONE: u16 = 3;
    const PROC_CN_MCAST_LISTEN: u32 = 1;
    let mut out = Vec::with_capacity(40);
    out.extend_from_slice(&40u32.to_ne_bytes());
    out.extend_from_slice(&NLMSG_DONE.to_ne_bytes());
    out.extend_from_slice(&[0; 10]);
    out.extend_from_slice(&CONNECTOR_ID.0.to_ne_bytes());
    out.extend_from_slice(&CONNECTOR_ID.1.to_ne_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&4u16.to_ne_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&PROC_CN_MCAST_LISTEN.to_ne_bytes());
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A message of the connector with the words of an event after its time.
    pub(crate) fn message(what: u32, time: u64, words: &[u32]) -> Vec<u8> {
        let body = EVENT_HEADER + words.len() * 4;
        let mut out = Vec::new();
        out.extend_from_slice(&((NETLINK_HEADER + CONNECTOR_HEADER + body) as u32).to_ne_bytes());
        out.extend_from_slice(&[3u16.to_ne_bytes(), 0u16.to_ne_bytes()].concat());
        out.extend_from_slice(&[0; 8]);
        for word in [1u32, 1, 7, 0] {
            out.extend_from_slice(&word.to_ne_bytes());
        }
        out.extend_from_slice(&(body as u16).to_ne_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&what.to_ne_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&time.to_ne_bytes());
        words.iter().for_each(|w| out.extend_from_slice(&w.to_ne_bytes()));
        out
    }

    fn check(what: u32, words: &[u32], expect: Option<What>) {
        let datagram = message(what, 99, words);
        assert_eq!(events(&datagram), expect.map(|what| ProcEvent { time: 99, what }).into_iter().collect::<Vec<_>>());
        for end in 0..datagram.len() {
            assert_eq!(events(&datagram[..end]), []);
        }
    }

    #[test]
    fn each_kind_is_read_and_a_cut_one_is_none() {
        check(0, &[1], Some(What::Answer(1)));
        check(1, &[5, 4, 11, 10], Some(What::Fork { parent: 4, id: 11, process: 10 }));
        check(2, &[11, 10], Some(What::Exec { id: 11, process: 10 }));
        check(4, &[11, 10, 1000, 0], Some(What::User { id: 11, process: 10, effective: 0 }));
        check(0x200, &[11, 10, 0x6161, 0, 0, 0], Some(What::Name { id: 11, process: 10 }));
        check(0x8000_0000, &[10, 10, 256, 17, 3, 4], Some(What::Exit { id: 10, process: 10, status: 256, parent: 4 }));
        check(0x8000_0000, &[10, 10, 256, 17], Some(What::Exit { id: 10, process: 10, status: 256, parent: 0 }));
        check(0x40, &[10, 10, 0, 0], None);
        check(1, &[5, 4, 11], None);
    }

    #[test]
    fn messages_follow_each_other_until_one_is_not_whole() {
        let one = message(2, 1, &[10, 10]);
        let mut both = [one.clone(), message(0x8000_0000, 2, &[10, 10, 0, 17])].concat();
        assert_eq!(events(&both).len(), 2);
        // A length of less than its own header, and one of more than there is.
        for len in [0u32, 3, 15, u32::MAX] {
            both[one.len()..one.len() + 4].copy_from_slice(&len.to_ne_bytes());
            assert_eq!(events(&both).len(), 1);
        }
        let mut foreign = one.clone();
        foreign[16] ^= 1;
        assert_eq!(events(&foreign), []);
        // The inner length says more than the message has.
        let mut long = one;
        long[32..34].copy_from_slice(&u16::MAX.to_ne_bytes());
        assert_eq!(events(&long), []);
    }

    #[test]
    fn a_recorded_exit_is_read() {
        // A process that ended with code 0, from Linux 6.18 on x86-64.
        #[cfg(target_endian = "little")]
        {
            let hex = "4c000000030000000000000000000000010000000100000000000000000000002800000000000080010000008e96b667750a0000\
                       db610000db6100000000000011000000ea5b0000ea5b0000";
            let octets: Vec<u8> = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
            let what = What::Exit { id: 0x61db, process: 0x61db, status: 0, parent: 0x5bea };
            assert_eq!(events(&octets), [ProcEvent { time: 0xa75_67b6_968e, what }]);
        }
    }

    #[test]
    fn the_request_is_as_the_kernel_reads_it() {
        let request = listen();
        assert_eq!(request.len(), 40);
        assert_eq!(word(&request, 0), Some(40));
        assert_eq!((word(&request, 16), word(&request, 20)), (Some(1), Some(1)));
        assert_eq!(word(&request, 36), Some(1));
    }
}
