//! DHCP leases: of systemd-networkd and NetworkManager (assignments), and of the ISC client (blocks in braces).

use super::fields::{assigned, assignments};
use super::tz::days_from_civil;

/// A lease of an IPv4 address.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Lease {
    pub(crate) server: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) servers: Vec<String>,
    /// Seconds that it holds.
    pub(crate) lifetime: Option<i64>,
    /// End in seconds since 1970, where the file says it.
    pub(crate) expires: Option<i64>,
}

/// A lease of systemd-networkd or NetworkManager: `ADDRESS=`, `SERVER_ADDRESS=`, `LIFETIME=`.
pub(crate) fn assigned_lease(text: &str) -> Option<Lease> {
    let pairs = assignments(text);
    let of = |name: &str| assigned(&pairs, name).map(str::to_owned);
    of("ADDRESS")?;
    Some(Lease {
        server: of("SERVER_ADDRESS"),
        domain: of("DOMAINNAME"),
        servers: of("DNS").map(|d| d.split_whitespace().map(str::to_owned).collect()).unwrap_or_default(),
        lifetime: of("LIFETIME").and_then(|l| timespan(&l)),
        expires: None,
    })
}

/// Seconds of a number alone, or of a time span as systemd writes it: `1d 2h 30min`.
fn timespan(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    text.split_whitespace().try_fold(0i64, |sum, part| {
        let digits = part.find(|c: char| !c.is_ascii_digit())?;
        let unit = match &part[digits..] {
            "w" => 604_800,
            "d" => 86_400,
            "h" => 3_600,
            "min" => 60,
            "s" => 1,
            _ => return None,
        };
        sum.checked_add(part[..digits].parse::<i64>().ok()?.checked_mul(unit)?)
    })
}

/// The last lease of an interface in a file of the ISC client, dhclient.leases(5).
pub(crate) fn isc_lease(text: &str, interface: &str) -> Option<Lease> {
    let mut last = None;
    for block in text.split("lease {").skip(1) {
        let block = block.split('}').next().unwrap_or(block);
        let mut lease = Lease::default();
        let mut of_interface = false;
        for statement in block.split(';').map(str::trim) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            match words.as_slice() {
                ["interface", name] => of_interface = name.trim_matches('"') == interface,
                ["option", "dhcp-server-identifier", server] => lease.server = Some((*server).to_owned()),
                ["option", "domain-name", domain] => lease.domain = Some(domain.trim_matches('"').to_owned()),
                ["option", "domain-name-servers", ..] => {
                    lease.servers = words[2..].iter().flat_map(|w| w.split(',')).filter(|w| !w.is_empty()).map(str::to_owned).collect();
                }
                ["option", "dhcp-lease-time", seconds] => lease.lifetime = seconds.parse().ok(),
                ["expire", _weekday, date, time] => lease.expires = moment(date, time),
                _ => {}
            }
        }
        if of_interface {
            last = Some(lease);
        }
    }
    last
}

/// `2024/01/02` and `12:00:00`, UTC, in seconds since 1970.
fn moment(date: &str, time: &str) -> Option<i64> {
    let numbers = |text: &str, by: char| {
        text.split(by).map(|n| n.parse::<i64>().ok().filter(|n| (0..10_000).contains(n))).collect::<Option<Vec<_>>>()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '/')?.try_into().ok()?, numbers(time, ':')?.try_into().ok()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// How ifupdown configures IPv4 of an interface: `iface eth0 inet dhcp` of interfaces(5).
pub(crate) fn ifupdown_method<'a>(text: &'a str, interface: &str) -> Option<&'a str> {
    text.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["iface", name, "inet", method, ..] if *name == interface => Some(*method),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_of_networkd_has_its_server_and_its_time() {
        let text = "# This is private data. Do not parse.\nADDRESS=192.0.2.10\nSERVER_ADDRESS=192.0.2.1\nLIFETIME=12h 30min\nDNS=192.0.2.53 192.0.2.54\nDOMAINNAME=example.test\n";
        let expect = Lease {
            server: Some("192.0.2.1".into()),
            domain: Some("example.test".into()),
            servers: vec!["192.0.2.53".into(), "192.0.2.54".into()],
            lifetime: Some(45_000),
            expires: None,
        };
        assert_eq!(assigned_lease(text), Some(expect));
        assert_eq!(assigned_lease("LIFETIME=1\n"), None);
        for end in 0..text.len() {
            assigned_lease(&text[..end]);
        }
    }

    #[test]
    fn a_time_span_is_a_number_or_a_sum_of_units() {
        for (text, expect) in [
            ("3600", Some(3600)),
            ("1w 1d", Some(691_200)),
            ("5s", Some(5)),
            ("5", Some(5)),
            ("x", None),
            ("5 s", None),
            ("9223372036854775807w", None),
        ] {
            assert_eq!(timespan(text), expect, "{text}");
        }
    }

    #[test]
    fn of_the_leases_of_a_client_the_last_of_the_interface_holds() {
        let text = "lease {\n  interface \"eth0\";\n  fixed-address 192.0.2.8;\n  option dhcp-server-identifier 192.0.2.1;\n  expire 2 2024/01/02 12:00:00;\n}\nlease {\n  interface \"eth0\";\n  option dhcp-lease-time 86400;\n  option domain-name-servers 192.0.2.53,192.0.2.54;\n  option domain-name \"example.test\";\n  option dhcp-server-identifier 192.0.2.3;\n  expire 3 2024/01/03 12:00:00;\n}\nlease {\n  interface \"eth1\";\n}\n";
        let lease = isc_lease(text, "eth0").unwrap();
        let expect = Lease {
            server: Some("192.0.2.3".into()),
            domain: Some("example.test".into()),
            servers: vec!["192.0.2.53".into(), "192.0.2.54".into()],
            lifetime: Some(86_400),
            expires: Some(1_704_283_200),
        };
        assert_eq!(lease, expect);
        assert_eq!(isc_lease(text, "eth2"), None);
        for end in 0..text.len() {
            isc_lease(&text[..end], "eth0");
        }
        assert_eq!(moment("2024/13/01", "00:00:00"), None);
    }

    #[test]
    fn a_stanza_names_its_method() {
        let text = "auto eth0\niface eth0 inet6 auto\niface eth0 inet dhcp\n";
        assert_eq!(ifupdown_method(text, "eth0"), Some("dhcp"));
        assert_eq!(ifupdown_method(text, "eth1"), None);
    }
}
