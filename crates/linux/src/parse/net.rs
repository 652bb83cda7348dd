//! What the kernel and the resolver tell of the network: `/proc/net/route`, `/proc/net/ipv6_route`, `resolv.conf`, and the
//! answer of rtnetlink(7) to a dump of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Address {
    pub(crate) interface: u32,
    pub(crate) address: IpAddr,
    pub(crate) prefix_len: u8,
    /// Has no lifetime: an administrator gave it, not DHCP or a router.
    pub(crate) permanent: bool,
}

/// A gateway of a default route.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gateway {
    pub(crate) interface: String,
    pub(crate) address: IpAddr,
    pub(crate) metric: u32,
}

/// RTF_GATEWAY of <linux/route.h>.
const RTF_GATEWAY: u32 = 2;

/// Default routes through a gateway in `/proc/net/route`. Addresses there are words in the byte order of the machine.
pub(crate) fn gateways_v4(text: &str) -> Vec<Gateway> {
    text.lines()
        .filter_map(|line| {
            let f: Vec<&str> = line.split_whitespace().collect();
            let word = |i: usize| u32::from_str_radix(f.get(i)?, 16).ok();
            if word(1)? != 0 || word(7)? != 0 || word(3)? & RTF_GATEWAY == 0 {
                return None;
            }
            let address = Ipv4Addr::from(word(2)?.to_ne_bytes()).into();
            Some(Gateway { interface: f[0].to_owned(), address, metric: f.get(6)?.parse().ok()? })
        })
        .collect()
}

/// The least metric of any IPv4 route of an interface.
pub(crate) fn least_metric_v4(text: &str, interface: &str) -> Option<u32> {
    text.lines()
        .filter_map(|line| {
            let f: Vec<&str> = line.split_whitespace().collect();
            if f.first() == Some(&interface) { f.get(6)?.parse().ok() } else { None }
        })
        .min()
}

/// Default routes through a gateway in `/proc/net/ipv6_route`.
pub(crate) fn gateways_v6(text: &str) -> Vec<Gateway> {
    text.lines()
        .filter_map(|line| {
            let f: Vec<&str> = line.split_whitespace().collect();
            let address = |i: usize| Some(Ipv6Addr::from(u128::from_str_radix(f.get(i)?, 16).ok()?));
            let flags = u32::from_str_radix(f.get(8)?, 16).ok()?;
            if !address(0)?.is_unspecified() || *f.get(1)? != "00" || flags & RTF_GATEWAY == 0 {
                return None;
            }
            let metric = u32::from_str_radix(f.get(5)?, 16).ok()?;
            Some(Gateway { interface: (*f.get(9)?).to_owned(), address: address(4)?.into(), metric })
        })
        .collect()
}

/// Name servers and search list of `resolv.conf`; of several search lists the last holds (resolv.conf(5)).
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Resolver {
    pub(crate) servers: Vec<String>,
    pub(crate) search: Vec<String>,
}

impl Resolver {
    pub(crate) fn parse(text: &str) -> Resolver {
        let mut resolver = Resolver::default();
        for line in text.lines().map(str::trim).filter(|l| !l.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => resolver.servers.extend(words.next().map(str::to_owned)),
                Some("search" | "domain") => resolver.search = words.filter(|w| *w != ".").map(str::to_owned).collect(),
                _ => {}
            }
        }
        resolver
    }
}

/// A request for all addresses: RTM_GETADDR with NLM_F_REQUEST and NLM_F_DUMP.
pub(crate) fn dump_addresses_request() -> [u8; 24] {
    let mut request = [0; 24];
    request[0..4].copy_from_slice(&24u32.to_ne_bytes());
    request[4..6].copy_from_slice(&22u16.to_ne_bytes());
    request[6..8].copy_from_slice(&0x301u16.to_ne_bytes());
    request[8..12].copy_from_slice(&1u32.to_ne_bytes());
    request
}

/// What a part of a dump says about the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dump {
    More,
    Done,
    Failed,
}

/// Takes the addresses out of one datagram of a dump:
///
/// ```text
/// nlmsghdr   length:32 type:16 flags:16 sequence:32 port:32
/// ifaddrmsg  family:8 prefix:8 flags:8 scope:8 index:32
/// rtattr     length:16 type:16 value, padded to 4          ... and so on
/// ```
pub(crate) fn addresses(mut datagram: &[u8], found: &mut Vec<Address>) -> Dump {
    const NLMSG_ERROR: u16 = 2;
    const NLMSG_DONE: u16 = 3;
    const RTM_NEWADDR: u16 = 20;
    while let Some((message, rest, kind)) = message(datagram) {
        match kind {
            NLMSG_DONE => return Dump::Done,
            NLMSG_ERROR => return Dump::Failed,
            RTM_NEWADDR => found.extend(address(message)),
            _ => {}
        }
        datagram = rest;
    }
    Dump::More
}

/// Splits a netlink message off: its body, what follows, its type.
fn message(octets: &[u8]) -> Option<(&[u8], &[u8], u16)> {
    let length = u32::from_ne_bytes(octets.get(0..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(octets.get(4..6)?.try_into().ok()?);
    let body = octets.get(16..length)?;
    let next = length.checked_next_multiple_of(4)?.min(octets.len());
    Some((body, &octets[next..], kind))
}

fn address(body: &[u8]) -> Option<Address> {
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    const IFA_FLAGS: u16 = 8;
    const IFA_F_DADFAILED: u32 = 0x08;
    const IFA_F_PERMANENT: u32 = 0x80;
    let prefix_len = *body.get(1)?;
    let mut flags = u32::from(*body.get(2)?);
    let interface = u32::from_ne_bytes(body.get(4..8)?.try_into().ok()?);
    let (mut local, mut other) = (None, None);
    let mut rest = body.get(8..)?;
    while rest.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        let Some(value) = rest.get(4..length) else { break };
        match u16::from_ne_bytes([rest[2], rest[3]]) {
            // Of a point-to-point link, the first is the far end and the second ours.
            IFA_ADDRESS => other = ip(value),
            IFA_LOCAL => local = ip(value),
            IFA_FLAGS => flags = u32::from_ne_bytes(value.try_into().ok()?),
            _ => {}
        }
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
    }
    if flags & IFA_F_DADFAILED != 0 {
        return None;
    }
    Some(Address { interface, address: local.or(other)?, prefix_len, permanent: flags & IFA_F_PERMANENT != 0 })
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => Some(<[u8; 4]>::try_from(octets).ok()?.into()),
        16 => Some(<[u8; 16]>::try_from(octets).ok()?.into()),
        _ => None,
    }
}

/// Addresses of a recorded tree: lines `index address prefix permanent|dynamic`.
pub(crate) fn recorded_addresses(text: &str) -> Vec<Address> {
    text.lines()
        .filter_map(|line| {
            let f: Vec<&str> = line.split_whitespace().collect();
            let [interface, address, prefix_len, kind] = f.as_slice() else { return None };
            Some(Address {
                interface: interface.parse().ok()?,
                address: address.parse().ok()?,
                prefix_len: prefix_len.parse().ok()?,
                permanent: *kind == "permanent",
            })
        })
        .collect()
}

/// The mask of a prefix length as Windows gives it: `255.255.255.0` for IPv4, the number for IPv6.
pub(crate) fn subnet(address: &Address) -> String {
    match address.address {
        IpAddr::V4(_) => {
            let bits = u32::from(address.prefix_len.min(32));
            Ipv4Addr::from(u32::MAX.checked_shl(32 - bits).unwrap_or(0)).to_string()
        }
        IpAddr::V6(_) => address.prefix_len.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\neth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t50\t00FFFFFF\t0\t0\t0\nwg0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n";
    const ROUTES_V6: &str = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";

    #[cfg(target_endian = "little")]
    #[test]
    fn a_gateway_is_that_of_a_default_route() {
        let expect = Gateway { interface: "eth0".into(), address: "192.0.2.1".parse().unwrap(), metric: 100 };
        assert_eq!(gateways_v4(ROUTES), [expect]);
        assert_eq!(least_metric_v4(ROUTES, "eth0"), Some(50));
        assert_eq!(least_metric_v4(ROUTES, "eth1"), None);
        for end in 0..ROUTES.len() {
            gateways_v4(&ROUTES[..end]);
        }
    }

    #[test]
    fn a_gateway_of_ipv6_is_that_of_a_default_route() {
        let expect = Gateway { interface: "eth0".into(), address: "fd00::1".parse().unwrap(), metric: 1024 };
        assert_eq!(gateways_v6(ROUTES_V6), [expect]);
        for end in 0..ROUTES_V6.len() {
            gateways_v6(&ROUTES_V6[..end]);
        }
    }

    #[test]
    fn the_last_search_list_holds() {
        let text = "# nameserver 9.9.9.9\nnameserver 192.0.2.53\nnameserver\nsearch a.test b.test\ndomain c.test\noptions edns0\n";
        let expect = Resolver { servers: vec!["192.0.2.53".into()], search: vec!["c.test".into()] };
        assert_eq!(Resolver::parse(text), expect);
        for end in 0..text.len() {
            Resolver::parse(&text[..end]);
        }
    }

    fn dump() -> Vec<u8> {
        let attribute = |kind: u16, value: &[u8]| {
            let mut a = Vec::from(((4 + value.len()) as u16).to_ne_bytes());
            a.extend(kind.to_ne_bytes());
            a.extend(value);
            a.resize(a.len().next_multiple_of(4), 0);
            a
        };
        let message = |kind: u16, body: Vec<u8>| {
            let mut m = Vec::from(((16 + body.len()) as u32).to_ne_bytes());
            m.extend(kind.to_ne_bytes());
            m.extend([2, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
            m.extend(body);
            m
        };
        let body = |family: u8, prefix: u8, flags: u8, index: u32, attributes: &[Vec<u8>]| {
            let mut b = vec![family, prefix, flags, 0];
            b.extend(index.to_ne_bytes());
            b.extend(attributes.concat());
            b
        };
        let v6: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let mut octets =
            message(20, body(2, 24, 0x80, 2, &[attribute(1, &[192, 0, 2, 9]), attribute(2, &[192, 0, 2, 2]), attribute(3, b"eth0\0")]));
        octets.extend(message(20, body(10, 64, 0x80, 3, &[attribute(1, &v6.octets()), attribute(8, &0u32.to_ne_bytes())])));
        octets.extend(message(20, body(10, 64, 0x08, 3, &[attribute(1, &v6.octets())])));
        octets.extend(message(3, vec![0; 4]));
        octets
    }

    #[test]
    fn a_dump_gives_our_end_its_prefix_and_whether_it_lasts() {
        let mut found = Vec::new();
        assert_eq!(addresses(&dump(), &mut found), Dump::Done);
        let expect = recorded_addresses("2 192.0.2.2 24 permanent\n3 2001:db8::1 64 dynamic\nbad line\n# 1\n");
        assert_eq!(found, expect);
        assert_eq!(found.iter().map(subnet).collect::<Vec<_>>(), ["255.255.255.0", "64"]);
    }

    #[test]
    fn a_dump_cut_or_bent_anywhere_is_survived() {
        let dump = dump();
        for end in 0..dump.len() {
            addresses(&dump[..end], &mut Vec::new());
        }
        for place in 0..dump.len() {
            for value in [0, 1, 0xff] {
                let mut bent = dump.clone();
                bent[place] = value;
                addresses(&bent, &mut Vec::new());
            }
        }
    }

    #[test]
    fn a_mask_of_any_length_is_written() {
        for (prefix_len, expect) in
            [(0, "0.0.0.0"), (1, "128.0.0.0"), (20, "255.255.240.0"), (32, "255.255.255.255"), (255, "255.255.255.255")]
        {
            let address = Address { interface: 1, address: Ipv4Addr::LOCALHOST.into(), prefix_len, permanent: true };
            assert_eq!(subnet(&address), expect);
        }
    }
}
