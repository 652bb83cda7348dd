//! Association groups: which connections belong to one client process ([MS-RPCE] 3.3.1.5.7).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The association groups of a server. Nothing hangs on them but their numbers: there are no context handles to share.
#[derive(Debug, Default)]
pub struct AssociationGroups {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    last: u32,
    groups: HashMap<u32, Group>,
}

#[derive(Debug)]
struct Group {
    client: IpAddr,
    connections: usize,
}

/// A connection's place in a group, given back when dropped.
#[derive(Debug)]
pub(super) struct Membership {
    groups: Arc<AssociationGroups>,
    pub(super) id: u32,
}

impl AssociationGroups {
    /// Joins a group, or founds one where `id` is 0. `None` where it does not exist or belongs to another address.
    pub(super) fn join(self: &Arc<Self>, id: u32, client: IpAddr) -> Option<Membership> {
        let mut table = self.lock();
        let id = if id == 0 {
            // Numbers of the living are passed over; there are far fewer than 2^32.
            let mut new = table.last.wrapping_add(1).max(1);
            while table.groups.contains_key(&new) {
                new = new.wrapping_add(1).max(1);
            }
            table.last = new;
            table.groups.insert(new, Group { client, connections: 1 });
            new
        } else {
            let group = table.groups.get_mut(&id).filter(|g| g.client == client)?;
            group.connections += 1;
            id
        };
        drop(table);
        Some(Membership { groups: self.clone(), id })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut table = self.groups.lock();
        if let Some(group) = table.groups.get_mut(&self.id) {
            group.connections = group.connections.saturating_sub(1);
            if group.connections == 0 {
                table.groups.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lives_as_long_as_a_connection_and_for_one_address() {
        let groups = Arc::new(AssociationGroups::default());
        let (here, there) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let first = groups.join(0, here).unwrap();
        let id = first.id;
        assert!(groups.join(id, there).is_none());
        let second = groups.join(id, here).unwrap();
        drop(first);
        assert_eq!(groups.join(id, here).unwrap().id, id);
        drop(second);
        assert!(groups.join(id, here).is_none());
    }
}
