//! Which computer is meant, and whether it is this one.

use crate::Misuse;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A computer as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// This computer: `.`, `localhost`, nothing, or its own name.
    Local,
    /// A name to be resolved.
    Name(String),
    /// An address, with the scope of a link-local one.
    Address {
        /// The address.
        address: IpAddr,
        /// Interface name or number after `%`.
        scope: Option<String>,
    },
}

impl Host {
    /// Reads a name, an IPv4 address (a trailing dot is accepted and means: no look-up of names), an IPv6 address with or
    /// without brackets and scope, or its `ipv6-literal.net` form. `own_names` are this computer's names.
    ///
    /// An address is never local, not even 127.0.0.1: it goes over TCP and takes credentials.
    pub fn parse(text: &str, own_names: &[String]) -> Result<Host, Misuse> {
        let wrong = |why| Err(Misuse::Host { text: text.chars().filter(|c| !c.is_control()).take(100).collect(), why });
        let name = text.strip_prefix(r"\\").unwrap_or(text);
        if name.is_empty() || name == "." || name.eq_ignore_ascii_case("localhost") {
            return Ok(Host::Local);
        }
        if let Ok(address) = name.strip_suffix('.').unwrap_or(name).parse::<std::net::Ipv4Addr>() {
            return Ok(Host::Address { address: address.into(), scope: None });
        }
        let literal = ipv6_literal_name(name);
        let inner = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).or(literal.as_deref()).unwrap_or(name);
        if inner.contains(':') {
            let (address, scope) = inner.split_once('%').map_or((inner, None), |(a, s)| (a, Some(s)));
            return match address.parse::<Ipv6Addr>() {
                Ok(a) if scope.is_none_or(|s| !s.is_empty()) => Ok(Host::Address { address: a.into(), scope: scope.map(Into::into) }),
                _ => wrong("it is neither a name nor an IPv6 address; a port goes into --endpoint-port"),
            };
        }
        if name.len() > 255 {
            return wrong("a name has at most 255 characters");
        }
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !name.chars().all(allowed) || name.starts_with(['-', '.']) || name.contains("..") {
            return wrong("a name holds letters, digits, '-', '_' and dots between them");
        }
        if own_names.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Ok(Host::Local);
        }
        Ok(Host::Name(name.to_owned()))
    }

    /// Whether it is this computer.
    pub fn is_local(&self) -> bool {
        *self == Host::Local
    }

    /// What to hand to a resolver: a name, or an address with its scope; `.` for this computer.
    pub fn dial_name(&self) -> String {
        match self {
            Host::Local => ".".into(),
            Host::Name(n) => n.clone(),
            Host::Address { address, scope: None } => address.to_string(),
            Host::Address { address, scope: Some(s) } => format!("{address}%{s}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dial_name())
    }
}

/// `2010-836b-4179--836b-4179.ipv6-literal.net`, with `s` before a scope.
fn ipv6_literal_name(name: &str) -> Option<String> {
    const SUFFIX: &str = ".ipv6-literal.net";
    let at = name.len().checked_sub(SUFFIX.len())?;
    let suffix = name.get(at..)?;
    suffix.eq_ignore_ascii_case(SUFFIX).then(|| name[..at].replace('-', ":").replace('s', "%"))
}

/// A namespace as a person writes it, in the form that goes over the wire: `root\cimv2`.
///
/// `\\host\root\cimv2`, `//./root/cimv2`, `root/cimv2` are accepted; the host part must not disagree with the target
/// and is therefore handed back.
pub fn split_namespace(text: &str) -> Result<(Option<String>, String), Misuse> {
    let wrong = |why| Err(Misuse::Namespace { text: text.into(), why });
    let path = text.replace('/', "\\");
    let (host, rest) = match path.strip_prefix(r"\\") {
        Some(rest) => match rest.split_once('\\') {
            Some((host, rest)) if !host.is_empty() => (Some(host.to_owned()), rest.to_owned()),
            _ => return wrong(r"expected \\host\namespace"),
        },
        None => (None, path.trim_start_matches('\\').to_owned()),
    };
    let is_part = |p: &str| !p.is_empty() && p.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | ' '));
    if rest.is_empty() || !rest.split('\\').all(is_part) {
        return wrong("a namespace is names with backslashes between them, without a class");
    }
    Ok((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_both_families_are_read() {
        let own = ["lx1".to_owned(), "lx1.corp.example".to_owned()];
        let check = |text: &str, expect: &str| assert_eq!(Host::parse(text, &own).unwrap().dial_name(), expect, "{text}");
        check("", ".");
        check(".", ".");
        check("LOCALHOST", ".");
        check("LX1.corp.example", ".");
        check("127.0.0.1", "127.0.0.1");
        check("192.168.1.1.", "192.168.1.1");
        check("atl-dc-01.fabrikam.com", "atl-dc-01.fabrikam.com");
        check(r"\\atl-dc-01", "atl-dc-01");
        check("2010:836B:4179::836B:4179", "2010:836b:4179::836b:4179");
        check("[::1]", "::1");
        check("fe80::1%eth0", "fe80::1%eth0");
        check("fe80--1s4.ipv6-literal.net", "fe80::1%4");
    }

    #[test]
    fn what_is_no_computer_is_refused() {
        for text in ["a b", "host:135", "fe80::1%", "[::1", "-x", "a..b", "a/b", "x\u{1b}[2J"] {
            assert!(Host::parse(text, &[]).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_namespace_has_one_form() {
        let check = |text: &str, host: Option<&str>, ns: &str| {
            assert_eq!(split_namespace(text).unwrap(), (host.map(Into::into), ns.into()), "{text}");
        };
        check(r"root\cimv2", None, r"root\cimv2");
        check("root/cimv2", None, r"root\cimv2");
        check("//./root/cimv2", Some("."), r"root\cimv2");
        check(r"\\2010:836B::4179\root", Some("2010:836B::4179"), "root");
        for bad in ["", r"\\host", r"\\host\", r"root\\cimv2", "root:Class", "root\\cimv2:X=@"] {
            assert!(split_namespace(bad).is_err(), "{bad}");
        }
    }
}
