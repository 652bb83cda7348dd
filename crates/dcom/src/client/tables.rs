//! What a client holds: exporters, objects, interfaces, and the set that it pings ([MS-DCOM] 3.2.1, 3.2.2).
//!
//! One table is one host with one set of credentials. It does nothing by itself: [`ClientTables::poll_work`] says what
//! to call, and the caller says what came of it.

use crate::interfaces::RemInterfaceRef;
use crate::{ComVersion, DualStringArray, Iid, Ipid, ObjRef, Oid, Oxid, SORF_NOPING, SetId, StdObjRef};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// Time between two pings ([MS-DCOM] 3.2.2.1).
pub const PING_PERIOD: Duration = Duration::from_secs(120);

/// Interfaces that one RemRelease gives back at most.
pub const RELEASE_BATCH_MAX: usize = 128;

/// Objects that one ComplexPing adds or deletes at most: the counts are 16 bits wide.
const PING_BATCH_MAX: usize = 1024;

/// Why a reference was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// An object by value has no exporter.
    #[error("an object by value is not to be called")]
    ByValue,
    /// A reference that is none.
    #[error("the object reference names no interface")]
    Null,
}

/// Where an exporter is and what it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExporterInfo {
    /// Where, with ports.
    pub bindings: DualStringArray,
    /// Its IRemUnknown.
    pub rem_unknown: Ipid,
    /// Lowest authentication level it takes.
    pub authn_hint: u32,
    /// Version it speaks.
    pub version: ComVersion,
}

/// An interface that is held: given back by [`ClientTables::release`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceRef {
    /// Interface.
    pub iid: Iid,
    /// Exporter.
    pub oxid: Oxid,
    /// Object.
    pub oid: Oid,
    /// Interface of the exporter.
    pub ipid: Ipid,
}

/// Something to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// ResolveOxid2 at the resolver, then [`ClientTables::learn`].
    ResolveOxid {
        /// Exporter.
        oxid: Oxid,
        /// Its resolver's bindings.
        resolver: DualStringArray,
    },
    /// RemRelease at the exporter. Nothing to report: a failing one is for the server to clean up.
    RemRelease {
        /// Exporter.
        oxid: Oxid,
        /// References.
        refs: Vec<RemInterfaceRef>,
    },
    /// SimplePing at the resolver, then [`ClientTables::pinged`] or [`ClientTables::ping_failed`].
    SimplePing {
        /// Set.
        set: SetId,
    },
    /// ComplexPing at the resolver, then [`ClientTables::pinged`] or [`ClientTables::ping_failed`].
    ComplexPing {
        /// Set; 0 to make one.
        set: SetId,
        /// Rising number.
        sequence: u16,
        /// Objects that are new.
        add: Vec<Oid>,
        /// Objects that are gone.
        delete: Vec<Oid>,
    },
}

#[derive(Debug)]
struct Held {
    oxid: Oxid,
    oid: Oid,
    /// Public references that the server counts.
    public: u32,
    /// How often [`ClientTables::unmarshal`] gave it out.
    users: usize,
}

/// What a client holds at one host.
#[derive(Debug, Default)]
pub struct ClientTables {
    exporters: HashMap<Oxid, ExporterInfo>,
    interfaces: HashMap<Ipid, Held>,
    /// Objects that are pinged, with how many interfaces of each are held.
    objects: HashMap<Oid, usize>,
    unresolved: BTreeMap<Oxid, DualStringArray>,
    releases: BTreeMap<Oxid, Vec<RemInterfaceRef>>,
    set: SetId,
    sequence: u16,
    add: BTreeSet<Oid>,
    delete: BTreeSet<Oid>,
    /// What the ping under way adds and deletes.
    pinging: Option<(Vec<Oid>, Vec<Oid>)>,
    next_ping: Option<Instant>,
}

impl ClientTables {
    /// Takes over what an activation or a resolver said of an exporter.
    pub fn learn(&mut self, oxid: Oxid, info: ExporterInfo) {
        self.unresolved.remove(&oxid);
        self.exporters.insert(oxid, info);
    }

    /// What is known of an exporter.
    pub fn exporter(&self, oxid: Oxid) -> Option<&ExporterInfo> {
        self.exporters.get(&oxid)
    }

    /// Takes the references of an object reference. An exporter that is new gives [`Work::ResolveOxid`].
    pub fn unmarshal(&mut self, objref: &ObjRef, now: Instant) -> Result<InterfaceRef, TableError> {
        let (Some(std), Some(resolver)) = (objref.std(), objref.resolver()) else { return Err(TableError::ByValue) };
        let taken = self.adopt(std, objref.iid(), now)?;
        if !self.exporters.contains_key(&taken.oxid) {
            self.unresolved.insert(taken.oxid, resolver.clone());
        }
        Ok(taken)
    }

    /// Takes the references that RemQueryInterface gave.
    pub fn adopt(&mut self, std: &StdObjRef, iid: Iid, now: Instant) -> Result<InterfaceRef, TableError> {
        if std.ipid == Ipid::default() {
            return Err(TableError::Null);
        }
        let held = self.interfaces.entry(std.ipid).or_insert_with(|| {
            if std.flags & SORF_NOPING == 0 {
                let interfaces = self.objects.entry(std.oid).or_insert(0);
                *interfaces += 1;
                if *interfaces == 1 && !self.delete.remove(&std.oid) {
                    self.add.insert(std.oid);
                }
            }
            Held { oxid: std.oxid, oid: std.oid, public: 0, users: 0 }
        });
        held.public = held.public.saturating_add(std.public_refs);
        held.users += 1;
        if !self.objects.is_empty() {
            self.next_ping.get_or_insert(now + PING_PERIOD);
        }
        Ok(InterfaceRef { iid, oxid: std.oxid, oid: std.oid, ipid: std.ipid })
    }

    /// Gives an interface back; the last one who holds it queues the release of all its references.
    pub fn release(&mut self, interface: InterfaceRef) {
        let Some(held) = self.interfaces.get_mut(&interface.ipid) else { return };
        held.users = held.users.saturating_sub(1);
        if held.users != 0 {
            return;
        }
        let Some(held) = self.interfaces.remove(&interface.ipid) else { return };
        if 0 < held.public {
            let refs = RemInterfaceRef { ipid: interface.ipid, public_refs: held.public, private_refs: 0 };
            self.releases.entry(held.oxid).or_default().push(refs);
        }
        if let Some(interfaces) = self.objects.get_mut(&held.oid) {
            *interfaces -= 1;
            if *interfaces == 0 {
                self.objects.remove(&held.oid);
                if !self.add.remove(&held.oid) {
                    self.delete.insert(held.oid);
                }
            }
        }
    }

    /// Gives every interface back, whoever holds it: the session is over.
    pub fn release_all(&mut self) {
        let all: Vec<(Ipid, Oxid, Oid)> = self.interfaces.iter().map(|(ipid, h)| (*ipid, h.oxid, h.oid)).collect();
        for (ipid, oxid, oid) in all {
            if let Some(held) = self.interfaces.get_mut(&ipid) {
                held.users = 1;
            }
            self.release(InterfaceRef { iid: Iid::IUNKNOWN, oxid, oid, ipid });
        }
    }

    /// Forgets an exporter and what it exported: it is gone.
    pub fn exporter_gone(&mut self, oxid: Oxid) {
        self.exporters.remove(&oxid);
        self.unresolved.remove(&oxid);
        let ipids: Vec<Ipid> = self.interfaces.iter().filter(|(_, h)| h.oxid == oxid).map(|(ipid, _)| *ipid).collect();
        for ipid in ipids {
            if let Some(held) = self.interfaces.get_mut(&ipid) {
                held.users = 1;
                let interface = InterfaceRef { iid: Iid::IUNKNOWN, oxid, oid: held.oid, ipid };
                self.release(interface);
            }
        }
        self.releases.remove(&oxid);
    }

    /// The next thing to call, if there is one.
    pub fn poll_work(&mut self, now: Instant) -> Option<Work> {
        if let Some((oxid, resolver)) = self.unresolved.pop_first() {
            return Some(Work::ResolveOxid { oxid, resolver });
        }
        if let Some(mut entry) = self.releases.first_entry() {
            let oxid = *entry.key();
            let rest = entry.get_mut();
            let refs: Vec<RemInterfaceRef> = rest.drain(..rest.len().min(RELEASE_BATCH_MAX)).collect();
            if rest.is_empty() {
                entry.remove();
            }
            return Some(Work::RemRelease { oxid, refs });
        }
        if self.pinging.is_some() || self.next_ping.is_none_or(|at| now < at) {
            return None;
        }
        self.next_ping = Some(now + PING_PERIOD);
        if self.add.is_empty() && self.delete.is_empty() {
            if self.set == SetId(0) || self.objects.is_empty() {
                self.next_ping = None;
                return None;
            }
            self.pinging = Some(Default::default());
            return Some(Work::SimplePing { set: self.set });
        }
        if self.set == SetId(0) {
            // What the server never heard of needs no deleting.
            self.delete.clear();
            if self.add.is_empty() {
                self.next_ping = None;
                return None;
            }
        }
        let take = |from: &mut BTreeSet<Oid>| {
            let rest = from.iter().nth(PING_BATCH_MAX).copied().map(|first| from.split_off(&first)).unwrap_or_default();
            std::mem::replace(from, rest).into_iter().collect::<Vec<Oid>>()
        };
        let (add, delete) = (take(&mut self.add), take(&mut self.delete));
        self.sequence = self.sequence.wrapping_add(1);
        self.pinging = Some((add.clone(), delete.clone()));
        Some(Work::ComplexPing { set: self.set, sequence: self.sequence, add, delete })
    }

    /// When [`ClientTables::poll_work`] has something new; `None` while nothing is pinged.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_ping
    }

    /// The ping went well; ComplexPing gives the set, SimplePing is told its own.
    pub fn pinged(&mut self, set: SetId) {
        self.pinging = None;
        self.set = set;
    }

    /// The ping failed, and is tried again at the next period. Where the server does not know the set (`OR_INVALID_SET`),
    /// a new one is made with all objects.
    pub fn ping_failed(&mut self, set_is_unknown: bool) {
        let (add, delete) = self.pinging.take().unwrap_or_default();
        if set_is_unknown {
            self.set = SetId(0);
            self.add = self.objects.keys().copied().collect();
            self.delete.clear();
        } else {
            self.add.extend(add.into_iter().filter(|o| self.objects.contains_key(o)));
            self.delete.extend(delete.into_iter().filter(|o| !self.objects.contains_key(o)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_ndr::Guid;

    fn std(oid: u64, ipid: u8) -> StdObjRef {
        StdObjRef { flags: 0, public_refs: 5, oxid: Oxid(1), oid: Oid(oid), ipid: Ipid(Guid([ipid; 16])) }
    }

    fn objref(oid: u64, ipid: u8) -> ObjRef {
        ObjRef::Standard { iid: Iid::IUNKNOWN, std: std(oid, ipid), resolver: DualStringArray::default() }
    }

    fn known() -> ClientTables {
        let mut tables = ClientTables::default();
        let bindings = DualStringArray::default();
        let info = ExporterInfo { bindings, rem_unknown: Ipid::default(), authn_hint: 5, version: ComVersion::V5_7 };
        tables.learn(Oxid(1), info);
        tables
    }

    #[test]
    fn an_unknown_exporter_is_resolved() {
        let mut tables = ClientTables::default();
        tables.unmarshal(&objref(1, 1), Instant::now()).unwrap();
        assert!(matches!(tables.poll_work(Instant::now()), Some(Work::ResolveOxid { oxid: Oxid(1), .. })));
    }

    #[test]
    fn all_references_go_back_together_when_the_last_user_lets_go() {
        let (mut tables, now) = (known(), Instant::now());
        let a = tables.unmarshal(&objref(1, 1), now).unwrap();
        let b = tables.unmarshal(&objref(1, 1), now).unwrap();
        let c = tables.adopt(&std(1, 2), Iid::IUNKNOWN, now).unwrap();
        tables.release(a);
        assert_eq!(tables.poll_work(now), None);
        tables.release(b);
        tables.release(c);
        let Some(Work::RemRelease { refs, .. }) = tables.poll_work(now) else { panic!() };
        assert_eq!(refs.iter().map(|r| r.public_refs).collect::<Vec<_>>(), [10, 5]);
        assert_eq!(tables.poll_work(now), None);
    }

    #[test]
    fn at_the_end_everything_goes_back_whoever_holds_it() {
        let (mut tables, now) = (known(), Instant::now());
        let a = tables.unmarshal(&objref(1, 1), now).unwrap();
        tables.unmarshal(&objref(1, 1), now).unwrap();
        tables.unmarshal(&objref(2, 2), now).unwrap();
        tables.release_all();
        let Some(Work::RemRelease { refs, .. }) = tables.poll_work(now) else { panic!() };
        assert_eq!(refs.iter().map(|r| r.public_refs).sum::<u32>(), 15);
        tables.release(a);
        assert_eq!(tables.poll_work(now), None);
        assert_eq!(tables.poll_work(now + PING_PERIOD), None);
    }

    #[test]
    fn an_object_is_pinged_every_two_minutes() {
        let (mut tables, start) = (known(), Instant::now());
        let a = tables.unmarshal(&objref(1, 1), start).unwrap();
        assert_eq!(tables.poll_timeout(), Some(start + PING_PERIOD));
        assert_eq!(tables.poll_work(start), None);
        let at = start + PING_PERIOD;
        assert_eq!(tables.poll_work(at), Some(Work::ComplexPing { set: SetId(0), sequence: 1, add: vec![Oid(1)], delete: vec![] }));
        tables.pinged(SetId(9));
        let at = at + PING_PERIOD;
        assert_eq!(tables.poll_work(at), Some(Work::SimplePing { set: SetId(9) }));
        tables.pinged(SetId(9));
        tables.release(a);
        let _release = tables.poll_work(at);
        let at = at + PING_PERIOD;
        assert_eq!(tables.poll_work(at), Some(Work::ComplexPing { set: SetId(9), sequence: 2, add: vec![], delete: vec![Oid(1)] }));
        tables.pinged(SetId(9));
        assert_eq!(tables.poll_work(at + PING_PERIOD), None);
        assert_eq!(tables.poll_timeout(), None);
    }

    #[test]
    fn a_forgotten_set_is_made_again_with_all_objects() {
        let (mut tables, start) = (known(), Instant::now());
        tables.unmarshal(&objref(1, 1), start).unwrap();
        let _first = tables.poll_work(start + PING_PERIOD);
        tables.pinged(SetId(9));
        let _second = tables.poll_work(start + 2 * PING_PERIOD);
        tables.ping_failed(true);
        let third = tables.poll_work(start + 3 * PING_PERIOD);
        assert_eq!(third, Some(Work::ComplexPing { set: SetId(0), sequence: 2, add: vec![Oid(1)], delete: vec![] }));
        tables.ping_failed(false);
        let fourth = tables.poll_work(start + 4 * PING_PERIOD);
        assert_eq!(fourth, Some(Work::ComplexPing { set: SetId(0), sequence: 3, add: vec![Oid(1)], delete: vec![] }));
    }

    #[test]
    fn an_object_that_asks_for_no_pings_gets_none() {
        let (mut tables, now) = (known(), Instant::now());
        let quiet = StdObjRef { flags: SORF_NOPING, ..std(1, 1) };
        tables.adopt(&quiet, Iid::IUNKNOWN, now).unwrap();
        assert_eq!(tables.poll_timeout(), None);
    }

    #[test]
    fn an_exporter_that_is_gone_takes_its_objects_along() {
        let (mut tables, now) = (known(), Instant::now());
        let a = tables.unmarshal(&objref(1, 1), now).unwrap();
        tables.exporter_gone(Oxid(1));
        tables.release(a);
        assert_eq!(tables.poll_work(now), None);
        assert!(tables.exporter(Oxid(1)).is_none());
    }

    #[test]
    fn an_object_by_value_is_not_held() {
        let custom = crate::CustomObjRef::new(Iid::IUNKNOWN, crate::Clsid::default(), bytes::Bytes::new());
        assert_eq!(ClientTables::default().unmarshal(&ObjRef::Custom(custom), Instant::now()), Err(TableError::ByValue));
    }
}
