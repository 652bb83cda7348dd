//! Which computers a section speaks of: a name, a pattern, a range, a network.

use crate::glob;
use crate::hosts;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::OnceLock;

/// Computers that a section names.
#[derive(Debug)]
pub(super) enum Member {
    /// One, in lower case.
    Name(String),
    /// All whose names are so; `*` stands for anything, `?` for one character.
    Pattern(String),
    /// All addresses with these bits.
    Network(IpAddr, u32),
    /// `web[01-20]`, written out when somebody first asks.
    Range(String, OnceLock<HashSet<String>>),
}

/// A name as it is compared: case and the dot at its end mean nothing.
pub(super) fn plain(name: &str) -> String {
    name.strip_suffix('.').filter(|n| !n.is_empty()).unwrap_or(name).to_lowercase()
}

impl Member {
    /// Reads what a section says.
    pub(super) fn parse(word: &str) -> Result<Member, String> {
        if word.is_empty() || word.chars().any(|c| c.is_whitespace() || c.is_control() || c == ',') {
            return Err(format!("{word:?} is no computer: expected a name, a pattern, a range or a network"));
        }
        if word.starts_with('@') || word == "-" || word.starts_with(super::GROUP) || rwmi_client::forms::Moniker::is_meant(word) {
            return Err(format!("{word:?} cannot stand here: expected a name, a pattern, a range or a network"));
        }
        if word.contains(['*', '?']) {
            return Ok(Member::Pattern(plain(word)));
        }
        // What is none of these is told with the words of the command line.
        hosts::expand(&[word.to_owned()], || Box::new(std::io::empty()))?;
        if let Some((address, bits)) = word.split_once('/') {
            let (address, bits) = (address.parse(), bits.parse());
            return match (address, bits) {
                (Ok(address), Ok(bits)) => Ok(Member::Network(address, bits)),
                _ => Err(format!("{word:?} is no network")),
            };
        }
        if word.contains('[') && word.parse::<std::net::SocketAddr>().is_err() && !is_bracketed(word) {
            return Ok(Member::Range(word.to_owned(), OnceLock::new()));
        }
        Ok(Member::Name(plain(word)))
    }

    /// Whether a computer, in its plain name, is one of them.
    pub(super) fn is(&self, name: &str) -> bool {
        match self {
            Member::Name(own) => own == name,
            Member::Pattern(pattern) => glob::matches(pattern, name),
            Member::Network(network, bits) => name.parse().is_ok_and(|a| is_in(a, *network, *bits)),
            Member::Range(word, names) => names.get_or_init(|| written_out(word)).contains(name),
        }
    }

    /// As the section has it.
    pub(super) fn shown(&self) -> String {
        match self {
            Member::Pattern(pattern) => pattern.clone(),
            other => other.word().unwrap_or_default(),
        }
    }

    /// The word that names them all on a command line; a pattern names nobody.
    pub(super) fn word(&self) -> Option<String> {
        match self {
            Member::Name(name) => Some(name.clone()),
            Member::Pattern(_) => None,
            Member::Network(address, bits) => Some(format!("{address}/{bits}")),
            Member::Range(word, _) => Some(word.clone()),
        }
    }
}

fn written_out(word: &str) -> HashSet<String> {
    let names = hosts::expand(&[word.to_owned()], || Box::new(std::io::empty()));
    names.unwrap_or_default().iter().map(|n| plain(n)).collect()
}

/// `[2001:db8::7]`.
fn is_bracketed(word: &str) -> bool {
    word.strip_prefix('[').and_then(|w| w.strip_suffix(']')).is_some_and(|a| a.contains(':'))
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same = |a: u128, b: u128, width: u32| width.checked_sub(bits).is_some_and(|free| a.checked_shr(free) == b.checked_shr(free));
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_names_patterns_ranges_and_networks() {
        let check = |word: &str, name: &str, expect: bool| {
            assert_eq!(Member::parse(word).unwrap().is(&plain(name)), expect, "{word} {name}");
        };
        check("srv01", "SRV01", true);
        check("srv01.corp.example", "srv01.corp.example.", true);
        check("srv01", "srv010", false);
        check("*.corp.example", "a.b.CORP.example", true);
        check("*.corp.example", "corp.example", false);
        check("*", "anything", true);
        check("db?-*", "db1-x", true);
        check("db?-*", "db-x", false);
        check("*a*b*c", "xxaxxbxxc", true);
        check(&"*a".repeat(60), &"a".repeat(59), false);
        check("web[01-20]", "web07", true);
        check("web[01-20]", "web7", false);
        check("10.0.0.0/24", "10.0.0.255", true);
        check("10.0.0.0/24", "10.0.1.1", false);
        check("10.0.0.0/24", "2001:db8::1", false);
        check("2001:db8::/120", "2001:db8::ff", true);
        check("[2001:db8::7]", "[2001:db8::7]", true);
    }

    #[test]
    fn what_names_no_computer_is_refused() {
        for word in ["", "a b", "a,b", "@file", "-", "group:x", "winmgmts://a", "10.0.0.0/99", "web[2-1]"] {
            assert!(Member::parse(word).is_err(), "{word}");
        }
    }
}
