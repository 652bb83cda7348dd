//! Ping sets and the end of objects ([MS-DCOM] 3.1.2.2, 3.1.2.6; docs/adr/0013-object-lifetime.md).
//!
//! The specification lets an object die when its set has missed three pings, and an object in no set live until all
//! references are gone. Most clients neither ping nor release, so there are two rules:
//! - pinged at least once: gone three periods after the last ping, unless a call came in the last period;
//! - never pinged: gone two minutes after its last connection, or after 14 minutes without a call.

use super::table::{Dropped, Object, PingSet, Table};
use super::{Exporter, ExporterOptions, same_identity};
use crate::{Oid, RandomError, SetId};
use rwmi_auth::Identity;
use rwmi_ndr::Win32Error;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the table is looked through.
const SWEEP: Duration = Duration::from_secs(30);

/// Pings that a set may miss.
const MISSED_MAX: u32 = 3;

/// Objects in a set at most.
const SET_LEN_MAX: usize = 4096;

impl Exporter {
    /// When [`Exporter::handle_timeout`] has something to do; `None` while there are no objects.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table().next_sweep
    }

    /// Collects what has died by now.
    pub fn handle_timeout(&self, now: Instant) {
        let dropped = self.table().sweep(now, &self.0.options);
        drop(dropped);
    }

    /// Collects at once what a caller has left behind, instead of after the time that others get: for a limit that was reached.
    /// Many clients release nothing and only close their connection.
    pub fn reclaim(&self, caller: Option<&Identity>) {
        let now = self.now();
        let mut table = self.table();
        let left = table.objects.iter().filter(|(_, o)| same_identity(o.owner.as_deref(), caller) && o.is_left_behind(now));
        let left: Vec<Oid> = left.map(|(oid, _)| *oid).collect();
        let dropped = table.remove(left);
        drop(table);
        drop(dropped);
    }

    /// A connection has closed: the objects that nobody else calls begin to die.
    pub fn connection_closed(&self, connection: u64) {
        let now = self.now();
        self.table().connection_closed(connection, now);
    }
}

impl Table {
    pub(super) fn schedule(&mut self, now: Instant) {
        self.next_sweep.get_or_insert(now + SWEEP);
    }

    fn sweep(&mut self, now: Instant, options: &ExporterOptions) -> Dropped {
        if self.next_sweep.is_none_or(|at| now < at) {
            return Dropped::default();
        }
        let dead: Vec<Oid> = self.objects.iter().filter(|(_, o)| is_dead(o, now, options)).map(|(oid, _)| *oid).collect();
        let dropped = self.remove(dead);
        let silence = options.ping_period.saturating_mul(MISSED_MAX);
        self.sets.retain(|_, set| now.saturating_duration_since(set.last_ping) < silence);
        self.next_sweep = (!self.objects.is_empty() || !self.sets.is_empty()).then(|| now + SWEEP);
        dropped
    }

    fn connection_closed(&mut self, connection: u64, now: Instant) {
        for object in self.objects.values_mut() {
            if object.connections.remove(&connection) && (object.ends_with_connection || object.connections.is_empty()) {
                object.orphaned.get_or_insert(now);
            }
        }
    }

    /// Whether `caller` may ping what `owner` made. Windows pings without authentication; the id of a set is then what
    /// shows that it is the same client.
    fn may_ping(owner: Option<&Identity>, caller: Option<&Identity>) -> bool {
        caller.is_none() || owner.is_none() || same_identity(owner, caller)
    }

    pub(super) fn simple_ping(&mut self, id: SetId, caller: Option<&Identity>, now: Instant) -> Win32Error {
        let Some(set) = self.sets.get_mut(&id).filter(|s| Self::may_ping(s.owner.as_deref(), caller)) else {
            return Win32Error::OR_INVALID_SET;
        };
        set.last_ping = now;
        let objects = &mut self.objects;
        set.oids.retain(|oid| objects.get_mut(oid).map(|o| o.last_ping = Some(now)).is_some());
        Win32Error::ERROR_SUCCESS
    }

    /// Adds before it deletes, because a client names one object in both. Objects that are unknown are no error.
    pub(super) fn complex_ping(
        &mut self,
        id: SetId,
        caller: Option<&Arc<Identity>>,
        add: &[Oid],
        delete: &[Oid],
        now: Instant,
        sets_max: usize,
    ) -> Result<SetId, Win32Error> {
        let who = caller.map(|c| c.as_ref());
        let id = if id == SetId(0) { self.new_set(caller.cloned(), now, sets_max).map_err(|_| Win32Error::OR_INVALID_SET)? } else { id };
        let Some(set) = self.sets.get_mut(&id).filter(|s| Self::may_ping(s.owner.as_deref(), who)) else {
            return Err(Win32Error::OR_INVALID_SET);
        };
        for oid in add {
            let theirs = self.objects.get(oid).is_some_and(|o| Self::may_ping(o.owner.as_deref(), who));
            if theirs && set.oids.len() < SET_LEN_MAX {
                set.oids.insert(*oid);
            }
        }
        for oid in delete {
            set.oids.remove(oid);
        }
        self.schedule(now);
        self.simple_ping(id, who, now);
        Ok(id)
    }

    /// A new set; the one that was silent for longest goes where there are too many.
    fn new_set(&mut self, owner: Option<Arc<Identity>>, now: Instant, max: usize) -> Result<SetId, RandomError> {
        if max <= self.sets.len()
            && let Some(oldest) = self.sets.iter().min_by_key(|(_, s)| s.last_ping).map(|(id, _)| *id)
        {
            self.sets.remove(&oldest);
        }
        let id = SetId::random()?;
        self.sets.insert(id, PingSet { owner, oids: HashSet::new(), last_ping: now });
        Ok(id)
    }
}

fn is_dead(object: &Object, now: Instant, options: &ExporterOptions) -> bool {
    let idle = now.saturating_duration_since(object.last_call);
    if 0 < object.calls {
        return false;
    }
    match object.last_ping {
        Some(ping) => options.ping_period.saturating_mul(MISSED_MAX) <= now.saturating_duration_since(ping) && options.ping_period <= idle,
        None => {
            options.idle_max <= idle || object.orphaned.is_some_and(|since| options.orphan_grace <= now.saturating_duration_since(since))
        }
    }
}
