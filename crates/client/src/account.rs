//! How people write an account.

use crate::Misuse;
use std::fmt;

/// An account as a person names it (requirement: `user`, `DOMAIN\user`, `HOST\user`, `.\user`, `user@domain`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Account name; with an `@` in it where it was given so, since the server resolves that form itself.
    pub user: String,
    /// Domain or computer, `.` for the target itself; empty where none was given.
    pub domain: String,
}

impl Account {
    /// Reads any of the forms.
    pub fn parse(text: &str) -> Result<Account, Misuse> {
        if text.is_empty() {
            return Err(Misuse::Account { text: text.into(), why: "the name is empty" });
        }
        if text.contains('\0') {
            return Err(Misuse::Account { text: text.replace('\0', "\\0"), why: "a name cannot hold NUL" });
        }
        let (domain, user) = match text.split_once(['\\', '/']) {
            Some((domain, user)) => (domain, user),
            None => ("", text),
        };
        if user.is_empty() {
            return Err(Misuse::Account { text: text.into(), why: "there is no name behind the domain" });
        }
        if user.contains(['\\', '/']) {
            return Err(Misuse::Account { text: text.into(), why: "a name holds one backslash at most, between domain and user" });
        }
        if domain.is_empty() && text.len() != user.len() {
            return Err(Misuse::Account { text: text.into(), why: "there is no domain before the backslash" });
        }
        Ok(Account { user: user.into(), domain: domain.into() })
    }
}

/// What stands in `authority`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// `NTLMDOMAIN:domain`: NTLM and nothing else, in this domain.
    Ntlm {
        /// The domain.
        domain: String,
    },
    /// `Kerberos:principal`: Kerberos and nothing else, with this principal.
    Kerberos {
        /// The server's principal.
        principal: String,
    },
}

impl Authority {
    /// Reads the text; the word before the colon has any case.
    pub fn parse(text: &str) -> Result<Authority, Misuse> {
        let malformed = || Misuse::Authority { text: text.into(), why: "expected Kerberos:principal or NTLMDOMAIN:domain" };
        let (kind, rest) = text.split_once(':').ok_or_else(malformed)?;
        if rest.is_empty() {
            return Err(malformed());
        }
        match kind.to_ascii_lowercase().as_str() {
            "ntlmdomain" => Ok(Authority::Ntlm { domain: rest.into() }),
            "kerberos" => Ok(Authority::Kerberos { principal: rest.into() }),
            _ => Err(malformed()),
        }
    }
}

/// `NTLMDOMAIN:domain`, `Kerberos:principal`.
impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Authority::Ntlm { domain } => write!(f, "NTLMDOMAIN:{domain}"),
            Authority::Kerberos { principal } => write!(f, "Kerberos:{principal}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_account_is_read() {
        let check = |text: &str, domain: &str, user: &str| {
            assert_eq!(Account::parse(text).unwrap(), Account { user: user.into(), domain: domain.into() }, "{text}");
        };
        check("alice", "", "alice");
        check(r"CORP\alice", "CORP", "alice");
        check(r".\alice", ".", "alice");
        check("HOST/alice", "HOST", "alice");
        check("alice@corp.example", "", "alice@corp.example");
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in ["", r"CORP\", r"\alice", r"A\B\c", "a\0b"] {
            assert!(Account::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_authority_is_read_without_case() {
        assert_eq!(Authority::parse("ntlmdomain:CORP").unwrap(), Authority::Ntlm { domain: "CORP".into() });
        assert_eq!(Authority::parse(r"KERBEROS:CORP\host").unwrap(), Authority::Kerberos { principal: r"CORP\host".into() });
        for text in ["", "CORP", "ntlm:CORP", "NTLMDOMAIN:"] {
            assert!(Authority::parse(text).is_err(), "{text}");
        }
    }
}
