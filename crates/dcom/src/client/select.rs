//! Where to connect for an object: the host the user named comes first, with the port that the bindings name.
//!
//! Bindings may name addresses that cannot be reached from here, and a server that lies could send our credentials anywhere.
//! So the bindings' own addresses are a fallback that can be left out.

use crate::{DualStringArray, RESOLVER_PORT, TOWER_TCP};
use std::net::IpAddr;

/// What to do with the addresses of bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OtherAddresses {
    /// Try them where the named host does not answer at the port.
    #[default]
    Fallback,
    /// Never leave the named host.
    Never,
}

/// How to choose.
#[derive(Debug, Clone, Copy, Default)]
pub struct SelectOptions {
    /// A port to use instead of those of the bindings: for tunnels and address translation.
    pub port: Option<u16>,
    /// What to do with other addresses.
    pub others: OtherAddresses,
}

/// Hosts and ports to try, in order, without doubles. Bindings that are not TCP are passed over: servers list named pipes first.
pub fn endpoints(requested: &str, bindings: &DualStringArray, options: SelectOptions) -> Vec<(String, u16)> {
    let tcp: Vec<(&str, u16)> = bindings
        .strings
        .iter()
        .filter(|b| b.tower == TOWER_TCP)
        .map(|b| b.host_and_port())
        .map(|(host, port)| (host, options.port.or(port).unwrap_or(RESOLVER_PORT)))
        .collect();
    let mut out: Vec<(String, u16)> = Vec::new();
    let mut add = |host: &str, port| {
        if !host.is_empty() && !out.iter().any(|(h, p)| same_host(h, host) && *p == port) {
            out.push((host.to_owned(), port));
        }
    };
    // The port beside the requested name is the likeliest one; a host with several exporters has the others.
    let (own, other): (Vec<_>, Vec<_>) = tcp.iter().partition(|(host, _)| same_host(host, requested));
    own.iter().chain(&other).for_each(|(_, port)| add(requested, *port));
    if let (Some(port), true) = (options.port, tcp.is_empty()) {
        add(requested, port);
    }
    if options.others == OtherAddresses::Fallback {
        tcp.iter().for_each(|(host, port)| add(host, *port));
    }
    out
}

/// Compares as addresses where both are some, else as names: whole, or the first labels where one has only that.
fn same_host(a: &str, b: &str) -> bool {
    let address = |t: &str| t.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|a| a.to_canonical());
    match (address(a), address(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => {
            let label = |t: &str| t.split('.').next().unwrap_or_default().to_lowercase();
            a.eq_ignore_ascii_case(b) || (a.contains('.') != b.contains('.') && label(a) == label(b))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StringBinding;

    fn check(requested: &str, bindings: &[(u16, &str)], options: SelectOptions, expect: &[(&str, u16)]) {
        let strings = bindings.iter().map(|(tower, a)| StringBinding { tower: *tower, address: (*a).into() }).collect();
        let found = endpoints(requested, &DualStringArray { strings, security: vec![] }, options);
        let found: Vec<(&str, u16)> = found.iter().map(|(h, p)| (h.as_str(), *p)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn the_named_host_comes_first_with_the_port_of_the_bindings() {
        let default = SelectOptions::default();
        check("nat.example", &[(7, "10.0.0.1[5000]")], default, &[("nat.example", 5000), ("10.0.0.1", 5000)]);
        check("10.0.0.1", &[(7, "10.0.0.10[1]"), (7, "10.0.0.1[2]")], default, &[("10.0.0.1", 2), ("10.0.0.1", 1), ("10.0.0.10", 1)]);
        check("HOST.example", &[(7, "host[9]")], default, &[("HOST.example", 9)]);
        check("::1", &[(7, "0:0:0:0:0:0:0:1[9]")], default, &[("::1", 9)]);
    }

    #[test]
    fn named_pipes_are_passed_over_and_a_missing_port_is_the_resolvers() {
        let default = SelectOptions::default();
        check("h", &[(15, r"\\H[\PIPE\atsvc]"), (7, "h[9]")], default, &[("h", 9)]);
        check("h", &[(7, "h")], default, &[("h", 135)]);
        check("h", &[(15, "h")], default, &[]);
    }

    #[test]
    fn a_port_of_ones_own_replaces_all_others() {
        let options = SelectOptions { port: Some(4000), others: OtherAddresses::Never };
        check("h", &[(7, "a[1]"), (7, "b[2]")], options, &[("h", 4000)]);
        check("h", &[], options, &[("h", 4000)]);
    }
}
