//! Win32_NetworkAdapterConfiguration: a row an interface, the loopback left out as Windows leaves it out.

use crate::identity::local_seconds;
use crate::parse::fields::{assigned, assignments};
use crate::parse::lease::{Lease, assigned_lease, ifupdown_method, isc_lease};
use crate::parse::net::{
    Address, Dump, Gateway, Resolver, addresses, dump_addresses_request, gateways_v4, gateways_v6, least_metric_v4, recorded_addresses,
    subnet,
};
use crate::parse::tz::Zone;
use crate::row::{Row, asked_integer};
use crate::source::Machine;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use rwmi_cim::{Enumerate, Instance, ProviderResult, Sink};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// ARPHRD_ETHER and ARPHRD_LOOPBACK.
const ETHERNET: u32 = 1;
const LOOPBACK: u32 = 772;

/// What is the same for every interface.
struct Frame {
    zone: Zone,
    host: String,
    addresses: Vec<Address>,
    gateways: Vec<Gateway>,
    routes: String,
    resolver: Resolver,
}

pub(crate) async fn configurations(machine: &Machine, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let routes = machine.text("/proc/net/route").unwrap_or_default();
    let mut gateways = gateways_v4(&routes);
    gateways.sort_by_key(|g| g.metric);
    let mut more = gateways_v6(&machine.text("/proc/net/ipv6_route").unwrap_or_default());
    more.sort_by_key(|g| g.metric);
    gateways.extend(more);
    let frame = Frame {
        zone: machine.zone(),
        host: machine.host_name(),
        addresses: machine.addresses(),
        gateways,
        routes,
        resolver: resolver(machine),
    };
    let index = asked_integer(req, "Index").or_else(|| asked_integer(req, "InterfaceIndex"));
    let mut interfaces: Vec<(u32, String)> = machine
        .list("/sys/class/net")
        .into_iter()
        .filter_map(|name| Some((machine.number(&format!("/sys/class/net/{name}/ifindex"))?, name)))
        .collect();
    interfaces.sort();
    for (number, name) in interfaces {
        if index.is_some_and(|i| i != number.into()) || machine.number(&format!("/sys/class/net/{name}/type")) == Some(LOOPBACK) {
            continue;
        }
        sink.indicate(configuration(machine, req, &frame, number, &name)).await?;
    }
    Ok(())
}

impl Machine {
    /// Addresses of all interfaces: from the kernel, or of `/rwmi-recorded/addresses`.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        if !self.is_live() {
            return recorded_addresses(&self.text("/rwmi-recorded/addresses").unwrap_or_default());
        }
        dump_addresses().unwrap_or_else(|error| {
            tracing::warn!(%error, "the kernel does not tell its addresses");
            Vec::new()
        })
    }
}

/// Most datagrams of a dump; one holds at least a hundred addresses.
const DATAGRAMS_MAX: usize = 1024;

fn dump_addresses() -> rustix::io::Result<Vec<Address>> {
    // Protocol 0 of this family is NETLINK_ROUTE.
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(2)))?;
    rustix::net::send(&socket, &dump_addresses_request(), SendFlags::empty())?;
    let mut found = Vec::new();
    let mut datagram = vec![0; 64 << 10];
    for _ in 0..DATAGRAMS_MAX {
        let (length, _) = rustix::net::recv(&socket, &mut datagram, RecvFlags::empty())?;
        match addresses(datagram.get(..length).unwrap_or_default(), &mut found) {
            Dump::More => {}
            Dump::Done => break,
            Dump::Failed => return Err(rustix::io::Errno::PROTO),
        }
    }
    Ok(found)
}

/// What the resolver uses. Where it only points to systemd-resolved on this machine, what that one uses.
fn resolver(machine: &Machine) -> Resolver {
    let read = |path: &str| machine.text(path).map(|t| Resolver::parse(&t));
    let resolver = read("/etc/resolv.conf").unwrap_or_default();
    if resolver.servers.iter().any(|s| matches!(s.as_str(), "127.0.0.53" | "127.0.0.54")) {
        return read("/run/systemd/resolve/resolv.conf").unwrap_or(resolver);
    }
    resolver
}

fn configuration(machine: &Machine, req: &Enumerate<'_>, frame: &Frame, number: u32, name: &str) -> Instance {
    let file = |leaf: &str| machine.line(&format!("/sys/class/net/{name}/{leaf}"));
    let mut row = Row::new(req.class);
    row.set("Index", number).set("InterfaceIndex", number).set("MTU", machine.number::<u32>(&format!("/sys/class/net/{name}/mtu")));
    let mac = file("address").filter(|a| machine.number(&format!("/sys/class/net/{name}/type")) == Some(ETHERNET) && a.len() == 17);
    let mac = mac.map(|a| a.to_ascii_uppercase()).filter(|a| a != "00:00:00:00:00:00");
    row.set("MACAddress", mac.as_deref()).set("SettingID", setting_id(name, mac.as_deref()));
    let driver = machine.link(&format!("/sys/class/net/{name}/device/driver"));
    row.set("ServiceName", driver.as_deref().and_then(|d| d.rsplit('/').next()));
    let description = description(machine, number).unwrap_or_else(|| name.to_owned());
    row.set("Description", &description).set("Caption", format!("[{number:08}] {description}"));

    // IPv4 first, as Windows orders them.
    let (v4, v6): (Vec<&Address>, Vec<&Address>) =
        frame.addresses.iter().filter(|a| a.interface == number).partition(|a| a.address.is_ipv4());
    let own: Vec<&Address> = v4.iter().chain(&v6).copied().collect();
    let flags = file("flags").and_then(|f| u32::from_str_radix(f.trim_start_matches("0x"), 16).ok()).unwrap_or(0);
    let enabled = flags & 1 != 0 && !own.is_empty();
    row.set("IPEnabled", enabled);

    let lease = lease(machine, number, name);
    dhcp(machine, &mut row, frame, name, lease.as_ref(), &v4);
    if enabled {
        row.set("IPAddress", own.iter().map(|a| a.address.to_string()).collect::<Vec<_>>());
        row.set("IPSubnet", own.iter().map(|a| subnet(a)).collect::<Vec<_>>());
        let gateways: Vec<&Gateway> = frame.gateways.iter().filter(|g| g.interface == name).collect();
        if !gateways.is_empty() {
            row.set("DefaultIPGateway", gateways.iter().map(|g| g.address.to_string()).collect::<Vec<_>>());
            row.set("GatewayCostMetric", gateways.iter().map(|g| g.metric).collect::<Vec<_>>());
        }
        let default_metric = gateways.iter().map(|g| g.metric).next();
        row.set("IPConnectionMetric", default_metric.or_else(|| least_metric_v4(&frame.routes, name)));
        names(machine, &mut row, frame, number, lease.as_ref());
        protocol(machine, &mut row);
    }
    row.into_instance()
}

/// Maker and model after udev's hardware database.
fn description(machine: &Machine, number: u32) -> Option<String> {
    let udev = machine.udev(&format!("n{number}"));
    let of = |name: &str| assigned(&udev, name).map(str::to_owned);
    match (of("ID_VENDOR_FROM_DATABASE"), of("ID_MODEL_FROM_DATABASE")) {
        (Some(vendor), Some(model)) => Some(format!("{vendor} {model}")),
        (_, model) => model,
    }
}

/// A GUID for an interface: 122 bits of a digest of its name and its address (RFC 9562 5.8).
fn setting_id(name: &str, mac: Option<&str>) -> String {
    let digest = Sha256::digest(format!("rwmi interface {name} {}", mac.unwrap_or("")));
    let mut id = [0u8; 16];
    id.copy_from_slice(&digest[..16]);
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    let hex: String = id.iter().map(|o| format!("{o:02X}")).collect();
    format!("{{{}-{}-{}-{}-{}}}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The lease of an interface, and when its file was written.
fn lease(machine: &Machine, number: u32, name: &str) -> Option<(Lease, Option<i64>)> {
    let read = |path: String| {
        let lease = assigned_lease(&machine.text(&path)?)?;
        Some((lease, machine.times(&path).modified))
    };
    if let Some(found) = read(format!("/run/systemd/netif/leases/{number}")) {
        return Some(found);
    }
    let suffix = format!("-{name}.lease");
    let of_network_manager =
        machine.list("/var/lib/NetworkManager").into_iter().filter(|f| f.starts_with("internal-") && f.ends_with(&suffix));
    // A connection has a file of its own; the one written last is in use.
    if let Some(found) = of_network_manager.filter_map(|f| read(format!("/var/lib/NetworkManager/{f}"))).max_by_key(|(_, t)| *t) {
        return Some(found);
    }
    let files = [
        format!("/var/lib/dhcp/dhclient.{name}.leases"),
        format!("/var/lib/dhclient/dhclient-{name}.leases"),
        "/var/lib/dhcp/dhclient.leases".into(),
    ];
    files.iter().find_map(|path| Some((isc_lease(&machine.text(path)?, name)?, None)))
}

fn dhcp(machine: &Machine, row: &mut Row, frame: &Frame, name: &str, lease: Option<&(Lease, Option<i64>)>, v4: &[&Address]) {
    if let Some((lease, written)) = lease {
        let expires = lease.expires.or_else(|| written.zip(lease.lifetime).and_then(|(w, l)| w.checked_add(l)));
        let obtained = lease.expires.zip(lease.lifetime).and_then(|(e, l)| e.checked_sub(l)).or(*written);
        row.set("DHCPEnabled", true).set("DHCPServer", lease.server.as_deref());
        row.set("DHCPLeaseObtained", obtained.map(|t| local_seconds(&frame.zone, t)));
        row.set("DHCPLeaseExpires", expires.map(|t| local_seconds(&frame.zone, t)));
        return;
    }
    let files = machine.list("/etc/network/interfaces.d").into_iter().map(|f| format!("/etc/network/interfaces.d/{f}"));
    let mut files = std::iter::once("/etc/network/interfaces".to_owned()).chain(files);
    let method = files.find_map(|f| ifupdown_method(&machine.text(&f)?, name).map(str::to_owned));
    match method.as_deref() {
        Some("dhcp") => row.set("DHCPEnabled", true),
        Some(_) => row.set("DHCPEnabled", false),
        // An address without a lifetime was set by hand.
        None if !v4.is_empty() && v4.iter().all(|a| a.permanent) => row.set("DHCPEnabled", false),
        None => row,
    };
}

/// Names and their servers: what the interface was told itself, else what the machine uses.
fn names(machine: &Machine, row: &mut Row, frame: &Frame, number: u32, lease: Option<&(Lease, Option<i64>)>) {
    let link = assignments(&machine.text(&format!("/run/systemd/netif/links/{number}")).unwrap_or_default());
    let words = |name: &str| assigned(&link, name).map(|v| v.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let lease = lease.map(|(l, _)| l);
    let servers = words("DNS").or_else(|| lease.map(|l| l.servers.clone()).filter(|s| !s.is_empty()));
    let servers = servers.unwrap_or_else(|| frame.resolver.servers.clone());
    if !servers.is_empty() {
        row.set("DNSServerSearchOrder", servers);
    }
    if !frame.resolver.search.is_empty() {
        row.set("DNSDomainSuffixSearchOrder", frame.resolver.search.clone());
    }
    row.set("DNSHostName", &frame.host);
    row.set("DNSDomain", lease.and_then(|l| l.domain.clone()).or_else(|| machine.dns_domain()));
}

/// Settings of TCP and IP, which Linux keeps for the machine. Times are in milliseconds, as Windows has them.
fn protocol(machine: &Machine, row: &mut Row) {
    let setting = |name: &str| machine.number::<u32>(&format!("/proc/sys/net/ipv4/{name}"));
    row.set("DefaultTTL", setting("ip_default_ttl"));
    row.set("PMTUDiscoveryEnabled", setting("ip_no_pmtu_disc").map(|n| n == 0));
    row.set("KeepAliveTime", setting("tcp_keepalive_time").and_then(|s| s.checked_mul(1000)));
    row.set("KeepAliveInterval", setting("tcp_keepalive_intvl").and_then(|s| s.checked_mul(1000)));
    row.set("TcpMaxConnectRetransmissions", setting("tcp_syn_retries"));
    row.set("TcpMaxDataRetransmissions", setting("tcp_retries2"));
    row.set("DatabasePath", machine.exists("/etc/hosts").then_some("/etc"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn an_interface_keeps_its_guid() {
        let id = setting_id("eth0", Some("02:00:00:00:00:01"));
        assert_eq!(id, setting_id("eth0", Some("02:00:00:00:00:01")));
        assert_ne!(id, setting_id("eth1", Some("02:00:00:00:00:01")));
        assert_eq!((id.len(), &id[15..16]), (38, "8"));
    }

    #[test]
    fn the_kernel_tells_the_same_addresses_as_its_file() {
        let machine = Machine::open(Source::default()).unwrap();
        let mut told: Vec<String> = machine
            .addresses()
            .iter()
            .filter_map(|a| match a.address {
                std::net::IpAddr::V6(v6) => Some(format!("{:032x} {:02x} {:02x}", u128::from(v6), a.interface, a.prefix_len)),
                std::net::IpAddr::V4(_) => None,
            })
            .collect();
        let text = machine.text("/proc/net/if_inet6").unwrap_or_default();
        let mut expect: Vec<String> = text.lines().map(|l| l.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect();
        told.sort();
        expect.sort();
        assert_eq!(told, expect);
        assert!(machine.addresses().iter().any(|a| a.address.is_loopback() && a.address.is_ipv4()));
    }
}
