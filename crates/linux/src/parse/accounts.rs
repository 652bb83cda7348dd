//! `/etc/passwd` and `/etc/shadow`: lines of fields between colons (passwd(5), shadow(5)).

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) comment: String,
    pub(crate) shell: String,
}

impl User {
    /// The first part of the comment, where it holds full name, office and telephones between commas.
    pub(crate) fn full_name(&self) -> &str {
        self.comment.split(',').next().unwrap_or("")
    }

    /// The last part of the security identifier: `uid` times 2 plus 1000, as Samba's algorithmic ones.
    pub(crate) fn rid(&self) -> Option<u32> {
        rid(self.uid)
    }

    /// Whether nobody can work as this user: its shell only says no.
    pub(crate) fn has_no_shell(&self) -> bool {
        matches!(self.shell.rsplit('/').next(), Some("nologin" | "false"))
    }
}

/// The part of a line of `/etc/shadow` that rows need. Days count from 1970.
#[derive(Clone, PartialEq)]
pub(crate) struct Shadow {
    pub(crate) name: String,
    /// The state of the password: only its emptiness and its first character are kept, never the hash.
    pub(crate) password: String,
    pub(crate) changed_on: Option<i64>,
    pub(crate) min_days: Option<i64>,
    pub(crate) max_days: Option<i64>,
    pub(crate) expires_on: Option<i64>,
}

impl Shadow {
    /// Whether the password is locked or the account has expired.
    pub(crate) fn is_disabled(&self, today: i64) -> bool {
        self.password.starts_with(['!', '*']) || self.expires_on.is_some_and(|d| d <= today)
    }

    /// Whether the user may change the password today.
    pub(crate) fn is_changeable(&self, today: i64) -> bool {
        match (self.changed_on, self.min_days) {
            (Some(changed), Some(min)) => changed.saturating_add(min) <= today,
            _ => true,
        }
    }
}

/// See [`User::rid`].
pub(crate) fn rid(uid: u32) -> Option<u32> {
    uid.checked_mul(2)?.checked_add(1000)
}

/// The users of `/etc/passwd`; entries of NIS (`+`, `-`) and lines of another form are left out.
pub(crate) fn users(text: &str) -> Vec<User> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, _, comment, _, shell] = fields.as_slice() else { return None };
            (!name.is_empty() && !name.starts_with(['+', '-', '#'])).then_some(())?;
            Some(User { name: (*name).into(), uid: uid.parse().ok()?, comment: (*comment).into(), shell: (*shell).into() })
        })
        .collect()
}

/// The entries of `/etc/shadow`; lines of another form are left out.
pub(crate) fn shadows(text: &str) -> Vec<Shadow> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let number = |i: usize| fields.get(i).and_then(|f| f.parse().ok());
            Some(Shadow {
                name: fields.first().filter(|n| !n.is_empty())?.to_string(),
                password: fields.get(1)?.chars().take(1).collect(),
                changed_on: number(2),
                min_days: number(3),
                max_days: number(4),
                expires_on: number(7),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice Example,Room 1,,:/home/alice:/bin/bash\n+nis::0:0:::\nshort:x:1\nbad:x:-1:0::/:/\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nhuge:x:4294967294:1:::/bin/sh\n";

    #[test]
    fn a_user_has_name_number_and_shell() {
        let users = users(PASSWD);
        let seen: Vec<_> = users.iter().map(|u| (u.name.as_str(), u.full_name(), u.rid(), u.has_no_shell())).collect();
        let expect = [
            ("root", "root", Some(1000), false),
            ("alice", "Alice Example", Some(3000), false),
            ("www-data", "", Some(1066), true),
            ("huge", "", None, false),
        ];
        assert_eq!(seen, expect);
        for end in 0..PASSWD.len() {
            super::users(&PASSWD[..end]);
        }
    }

    #[test]
    fn a_lock_an_expiry_and_a_least_age_count() {
        let text = "a:!$y$x:19700:0:99999:7:::\nb:$y$secret:19700:7:90:7::19710:\nc::19700::::::\nd\n:x:1\ne:*\n";
        let shadows = shadows(text);
        let seen: Vec<_> =
            shadows.iter().map(|s| (s.name.as_str(), s.is_disabled(19_701), s.is_disabled(19_710), s.is_changeable(19_701))).collect();
        assert_eq!(seen, [("a", true, true, true), ("b", false, true, false), ("c", false, false, true), ("e", true, true, true)]);
        assert_eq!(shadows[1].password, "$");
        for end in 0..text.len() {
            super::shadows(&text[..end]);
        }
    }
}
