//! Network adapters: an entry for each address.

use super::super::record::Row;
use super::{Part, Record};
use rwmi_cim::names_equal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) fn networks(record: &Record) -> Vec<Part> {
    let mut all = Vec::new();
    for row in record.rows("Win32_NetworkAdapterConfiguration") {
        // What has no hardware address and no address at all is a driver, not an adapter.
        if row.text("MACAddress").is_none() && row.texts("IPAddress").is_empty() {
            continue;
        }
        let addresses: Vec<(IpAddr, String)> = row
            .texts("IPAddress")
            .into_iter()
            .zip(row.texts("IPSubnet").into_iter().map(Some).chain(std::iter::repeat(None)))
            .filter_map(|(address, mask)| Some((address.split('%').next()?.parse().ok()?, mask.unwrap_or_default())))
            .collect();
        if addresses.is_empty() {
            all.push(adapter(record, row));
        }
        for (address, mask) in addresses {
            all.push(addressed(adapter(record, row), row, address, &mask));
        }
    }
    all
}

fn adapter(record: &Record, row: &Row) -> Part {
    let empty = Row::default();
    let same = |other: &&Row| row.number("Index").is_some() && other.number("Index") == row.number("Index");
    let older = record.rows("Win32_NetworkAdapter").iter().find(same).unwrap_or(&empty);
    let by_number = |other: &&Row| row.number("InterfaceIndex").is_some() && other.number("InterfaceIndex") == row.number("InterfaceIndex");
    let newer = record.rows("MSFT_NetAdapter").iter().find(by_number).unwrap_or(&empty);
    let pnp = newer.text("PnPDeviceID").or_else(|| older.text("PNPDeviceID"));
    let is_real = newer.truth("HardwareInterface").or_else(|| older.truth("PhysicalAdapter"));
    // The largest number stands for a speed that is not known.
    let speed = newer.number("Speed").or_else(|| older.number("Speed")).filter(|s| (1..i64::MAX).contains(s));
    let status = match (row.truth("IPEnabled"), older.number("NetConnectionStatus")) {
        (_, Some(2)) | (Some(true), _) => Some("up"),
        (Some(false), _) | (_, Some(_)) => Some("down"),
        _ => None,
    };
    Part::default()
        .text("description", Some(row.text("Description").or_else(|| older.text("Name")).unwrap_or_else(|| "unknown".into())))
        .text("mac", row.text("MACAddress").map(|m| m.to_ascii_lowercase()))
        .number("mtu", row.number("MTU").filter(|m| (1..1 << 31).contains(m)))
        .text("pciid", pnp.as_deref().and_then(pci_id))
        .text("pnpdeviceid", pnp)
        .text("speed", speed.map(|s| (s / 1_000_000).to_string()))
        .text("status", status)
        .text("type", kind(newer.number("InterfaceType"), row))
        .text("manufacturer", older.text("Manufacturer"))
        .truth("virtualdev", is_real.map(|real| !real))
}

/// By the number of its kind (IANA ifType), where that is known.
fn kind(number: Option<i64>, row: &Row) -> Option<&'static str> {
    match number {
        Some(6) => Some("ethernet"),
        Some(71) => Some("wifi"),
        Some(23) => Some("dialup"),
        Some(24) => Some("loopback"),
        Some(_) => None,
        None if row.text("Description").is_some_and(|d| names_equal(&d, "loopback") || d == "lo") => Some("loopback"),
        None => row.text("MACAddress").map(|_| "ethernet"),
    }
}

/// `8086:100E:001E:8086` of `PCI\VEN_8086&DEV_100E&SUBSYS_001E8086&...`.
fn pci_id(device: &str) -> Option<String> {
    let part = |name: &str, len: usize| device.split(name).nth(1)?.get(..len).map(str::to_owned);
    let (vendor, model) = (part("VEN_", 4)?, part("DEV_", 4)?);
    Some(match part("SUBSYS_", 8) {
        Some(subsystem) => format!("{vendor}:{model}:{}:{}", subsystem.get(..4)?, subsystem.get(4..)?),
        None => format!("{vendor}:{model}"),
    })
}

fn addressed(part: Part, row: &Row, address: IpAddr, mask: &str) -> Part {
    let dhcp = row.text("DHCPServer").filter(|_| row.truth("DHCPEnabled") != Some(false));
    let gateway = row.texts("DefaultIPGateway").into_iter().find(|g| g.parse::<Ipv4Addr>().is_ok());
    match address {
        IpAddr::V4(address) => {
            let mask: Option<Ipv4Addr> = mask.parse().ok();
            let network = mask.map(|m| Ipv4Addr::from(u32::from(address) & u32::from(m)));
            part.text("ipaddress", Some(address.to_string()))
                .text("ipgateway", gateway)
                .text("ipdhcp", dhcp)
                .text("ipmask", mask.map(|m| m.to_string()))
                .text("ipsubnet", network.map(|n| n.to_string()))
        }
        IpAddr::V6(address) => {
            // Windows writes the number of bits.
            let bits: Option<u32> = mask.parse().ok().filter(|b| *b <= 128);
            let all = bits.map(|b| u128::MAX.checked_shl(128 - b).unwrap_or(0));
            let network = all.map(|m| Ipv6Addr::from(u128::from(address) & m));
            part.text("ipaddress6", Some(address.to_string()))
                .text("ipmask6", all.map(|m| Ipv6Addr::from(m).to_string()))
                .text("ipsubnet6", network.map(|n| n.to_string()))
        }
    }
}
