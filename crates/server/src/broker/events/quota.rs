//! How much each account may watch: the limits of `__ArbitratorConfiguration` ([MS-WMI] leaves them to the server).

use crate::broker::Failure;
use crate::store::Tree;
use rwmi_cim::{Value, WbemStatus};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who keeps a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A client, as long as it reads.
    Temporary,
    /// The service.
    Permanent {
        /// The path of the consumer.
        consumer: String,
        /// Octets that may wait for it, where it says so itself.
        room: Option<usize>,
    },
}

/// A quota: for all together and for one account.
#[derive(Debug, Clone, Copy)]
struct Limit {
    total: (&'static str, usize),
    per_user: (&'static str, usize),
    of: &'static str,
}

const TEMPORARY: Limit = Limit {
    total: ("TemporarySubscriptionsTotal", 10_000),
    per_user: ("TemporarySubscriptionsPerUser", 1000),
    of: "temporary subscriptions",
};
const PERMANENT: Limit = Limit {
    total: ("PermanentSubscriptionsTotal", 10_000),
    per_user: ("PermanentSubscriptionsPerUser", 1000),
    of: "permanent subscriptions",
};
const POLLS: Limit =
    Limit { total: ("PollingInstructionsTotal", 10_000), per_user: ("PollingInstructionsPerUser", 1000), of: "classes to be polled" };
const MEMORY: Limit =
    Limit { total: ("PollingMemoryTotal", 10_000_000), per_user: ("PollingMemoryPerUser", 5_000_000), of: "octets of polled instances" };

/// What is taken now.
#[derive(Debug, Default)]
pub(super) struct Quota(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    total: Amounts,
    by_user: HashMap<String, Amounts>,
}

type Amounts = [usize; 4];

/// What is taken is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    quota: Arc<Quota>,
    user: String,
    amounts: Amounts,
}

impl Limit {
    fn place(self) -> usize {
        match self.total.0 {
            "TemporarySubscriptionsTotal" => 0,
            "PermanentSubscriptionsTotal" => 1,
            "PollingInstructionsTotal" => 2,
            _ => 3,
        }
    }
}

/// The value that the administrator set, or the class says, or that of Windows.
fn configured(tree: &Tree, (name, default): (&str, usize)) -> usize {
    let class = "__ArbitratorConfiguration";
    let root = tree.namespace("root");
    let set = root.and_then(|n| n.instances(class).next()).and_then(|i| i.get(name)).filter(|v| !v.is_null());
    let said = || root.and_then(|n| n.class(class, false)).and_then(|c| c.property(name)).map(|p| &p.default);
    let number = |v: &Value| v.as_integer().and_then(|n| usize::try_from(n).ok());
    set.or_else(said).and_then(number).unwrap_or(default)
}

/// How many permanent subscriptions there may be, and the name of the limit. All are the administrators'.
pub(crate) fn permanent_max(tree: &Tree) -> (usize, &'static str) {
    let limits = [PERMANENT.total, PERMANENT.per_user].map(|limit| (configured(tree, limit), limit.0));
    limits.into_iter().min().unwrap_or_default()
}

impl Quota {
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a subscription that polls so many classes.
    pub(super) fn subscription(self: &Arc<Quota>, tree: &Tree, user: &str, kind: &Kind, polls: usize) -> Result<Taken, Failure> {
        let mut taken = Taken { quota: self.clone(), user: user.to_lowercase(), amounts: [0; 4] };
        taken.more(tree, if *kind == Kind::Temporary { TEMPORARY } else { PERMANENT }, 1)?;
        taken.more(tree, POLLS, polls)?;
        Ok(taken)
    }

    /// Room for one more class to be polled.
    pub(super) fn poll(self: &Arc<Quota>, tree: &Tree, user: &str) -> Result<Taken, Failure> {
        let mut taken = self.snapshot(user);
        taken.more(tree, POLLS, 1)?;
        Ok(taken)
    }

    /// Room for a snapshot, empty at first.
    pub(super) fn snapshot(self: &Arc<Quota>, user: &str) -> Taken {
        Taken { quota: self.clone(), user: user.to_lowercase(), amounts: [0; 4] }
    }
}

impl Taken {
    fn more(&mut self, tree: &Tree, limit: Limit, amount: usize) -> Result<(), Failure> {
        let (all, each) = (configured(tree, limit.total), configured(tree, limit.per_user));
        let place = limit.place();
        let mut used = self.quota.lock();
        let of_user = used.by_user.get(&self.user).map_or(0, |a| a[place]);
        let over = |whose: &str, max: usize, name: &str| {
            let words = format!("{whose} would have more than {max} {}: __ArbitratorConfiguration.{name}", limit.of);
            Failure::new(WbemStatus::QUOTA_VIOLATION, words)
        };
        let refused = if used.total[place].saturating_add(amount) > all {
            Some(over("all accounts together", all, limit.total.0))
        } else if of_user.saturating_add(amount) > each {
            Some(over("the account", each, limit.per_user.0))
        } else {
            None
        };
        if let Some(failure) = refused {
            tracing::warn!(target: "rwmi::audit", event = "quota", user = %self.user.escape_debug(), %failure);
            return Err(failure);
        }
        used.total[place] += amount;
        used.by_user.entry(self.user.clone()).or_default()[place] += amount;
        self.amounts[place] += amount;
        Ok(())
    }

    /// Room for an instance of about so many octets.
    pub(super) fn octets(&mut self, tree: &Tree, octets: usize) -> Result<(), Failure> {
        self.more(tree, MEMORY, octets)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut used = self.quota.lock();
        for (place, amount) in self.amounts.into_iter().enumerate() {
            used.total[place] -= amount;
        }
        if let Some(of_user) = used.by_user.get_mut(&self.user) {
            for (place, amount) in self.amounts.into_iter().enumerate() {
                of_user[place] -= amount;
            }
            if of_user.iter().all(|a| *a == 0) {
                used.by_user.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_counts_for_its_account_in_any_case_until_it_is_dropped() {
        let quota = Arc::new(Quota::default());
        let tree = Tree::default();
        let seat = |user: &str| quota.subscription(&tree, user, &Kind::Temporary, 0).map_err(|f| f.status);
        let mut held: Vec<Taken> = (0..1000).map(|n| seat(if n % 2 == 0 { "Boss" } else { "BOSS" }).unwrap()).collect();
        assert_eq!(seat("boss").unwrap_err(), WbemStatus::QUOTA_VIOLATION);
        held.push(seat("other").unwrap());
        // The quotas do not share.
        held.push(quota.subscription(&tree, "boss", &Kind::Permanent { consumer: "x".into(), room: None }, 1000).unwrap());
        assert!(quota.subscription(&tree, "boss", &Kind::Permanent { consumer: "x".into(), room: None }, 1).is_err());
        held.clear();
        assert!(quota.lock().by_user.is_empty());
        assert_eq!(quota.lock().total, [0; 4]);
    }

    #[test]
    fn a_snapshot_takes_what_it_keeps() {
        let quota = Arc::new(Quota::default());
        let mut one = quota.snapshot("a");
        one.octets(&Tree::default(), 5_000_000).unwrap();
        assert_eq!(quota.snapshot("A").octets(&Tree::default(), 1).unwrap_err().status, WbemStatus::QUOTA_VIOLATION);
        let mut other = quota.snapshot("b");
        other.octets(&Tree::default(), 5_000_000).unwrap();
        assert!(quota.snapshot("c").octets(&Tree::default(), 1).is_err());
        drop(one);
        quota.snapshot("c").octets(&Tree::default(), 1).unwrap();
    }
}
