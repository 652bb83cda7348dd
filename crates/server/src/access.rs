//! Who may do what in a namespace ([MS-WMI] 3.1.4, 5.2).
//!
//! One descriptor holds for every namespace: administrators may do everything, the configured readers may read, and
//! nobody else may come in from another computer. A right that is taken away bites open sessions, because it is asked for at
//! each call.

use crate::accounts::Accounts;
use rwmi_cim::names_equal;
use std::fmt;
use std::sync::Arc;

/// Rights on a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(pub u32);

impl Rights {
    /// `WBEM_ENABLE`: read.
    pub const ENABLE: Rights = Rights(0x1);
    /// `WBEM_METHOD_EXECUTE`: call methods.
    pub const METHOD_EXECUTE: Rights = Rights(0x2);
    /// `WBEM_FULL_WRITE_REP`: write classes, instances, namespaces.
    pub const FULL_WRITE: Rights = Rights(0x4);
    /// `WBEM_PARTIAL_WRITE_REP`: write stored instances.
    pub const PARTIAL_WRITE: Rights = Rights(0x8);
    /// `WBEM_WRITE_PROVIDER`: write what a provider owns.
    pub const WRITE_PROVIDER: Rights = Rights(0x10);
    /// `WBEM_REMOTE_ACCESS`: all this from another computer.
    pub const REMOTE_ENABLE: Rights = Rights(0x20);
    /// What a reader has.
    pub const READER: Rights = Rights(0x21);
    /// What an administrator has.
    pub const ALL: Rights = Rights(0x6003F);

    /// Whether these are among them.
    pub const fn has(self, wanted: Rights) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

impl std::ops::BitOr for Rights {
    type Output = Rights;
    fn bitor(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }
}

/// Who calls, as the server knows him.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// An account of this server, come by the network.
    Remote {
        /// The account, as the account file spells it.
        user: String,
    },
    /// Whoever runs this server, or root, come by the local socket or within the process.
    Local {
        /// A name for the log.
        user: String,
    },
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Principal::Remote { user } | Principal::Local { user }) = self;
        // A name cannot forge a line of the log.
        user.chars().try_for_each(|c| if c.is_control() { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") })
    }
}

/// The rights of everyone.
#[derive(Debug)]
pub struct Access {
    accounts: Option<Arc<Accounts>>,
    readers: Vec<String>,
}

impl Access {
    /// The rights that an account file and a configuration give. Without accounts only local callers have any.
    pub fn new(accounts: Option<Arc<Accounts>>, readers: Vec<String>) -> Access {
        Access { accounts, readers }
    }

    /// What a caller may do in a namespace, now.
    pub fn rights(&self, principal: &Principal, namespace: &str) -> Rights {
        // One descriptor for all, until namespaces have their own.
        let _ = namespace;
        let user = match principal {
            Principal::Local { .. } => return Rights::ALL,
            Principal::Remote { user } => user,
        };
        let account = match self.accounts.as_ref().map(|a| a.find(user)) {
            Some(Ok(Some(account))) => account,
            Some(Ok(None)) | None => return Rights::default(),
            Some(Err(error)) => {
                tracing::error!(%error, "no rights for anybody: the accounts cannot be read");
                return Rights::default();
            }
        };
        if account.admin {
            Rights::ALL
        } else if self.readers.iter().any(|r| names_equal(r, user)) {
            Rights::READER
        } else {
            Rights::default()
        }
    }

    /// Whether a caller is an administrator.
    pub fn is_admin(&self, principal: &Principal) -> bool {
        self.rights(principal, "root").has(Rights::ALL)
    }

    /// Whether a caller may create objects at all ([MS-DCOM] launch and activation permission).
    pub fn may_activate(&self, principal: &Principal) -> bool {
        self.rights(principal, "root").has(Rights::ENABLE | Rights::REMOTE_ENABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_auth::NtHash;

    #[test]
    fn only_administrators_and_readers_come_in_and_only_as_long_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Arc::new(Accounts::with_key(dir.path(), None));
        accounts.add("boss", NtHash([0; 16]), true).unwrap();
        accounts.add("monitor", NtHash([0; 16]), false).unwrap();
        accounts.add("guest", NtHash([0; 16]), false).unwrap();
        let access = Access::new(Some(accounts.clone()), vec!["Monitor".into(), "gone".into()]);
        let remote = |user: &str| Principal::Remote { user: user.into() };
        let rights = |user: &str| access.rights(&remote(user), "root").0;
        assert_eq!([rights("BOSS"), rights("monitor"), rights("guest"), rights("gone")], [0x6003F, 0x21, 0, 0]);
        assert!(!access.may_activate(&remote("guest")) && access.may_activate(&remote("monitor")));
        assert!(access.is_admin(&remote("boss")) && !access.is_admin(&remote("monitor")));
        accounts.set_admin("boss", false).unwrap();
        assert_eq!(rights("boss"), 0);
        assert_eq!(access.rights(&Principal::Local { user: "root".into() }, "root"), Rights::ALL);
        // A remote account that calls itself root is no local caller.
        assert_eq!(rights("root"), 0);
    }

    #[test]
    fn a_name_cannot_forge_a_line_of_the_log() {
        assert_eq!(Principal::Remote { user: "a\nb".into() }.to_string(), "a\\nb");
    }
}
