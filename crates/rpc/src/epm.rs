//! The endpoint mapper (C706 appendix O, [MS-RPCE] 2.2.1.2, 3.1.3.5): which port an interface is behind.

use crate::pdu::NDR;
use crate::{CallContext, SyntaxId, Tower, interface};
use rwmi_ndr::{ConformantVarying, Decode, Encode, FaultStatus, Guid, Reader, Result, Win32Error, Writer, guid, max, ndr_struct};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Most entries or towers that one answer has ([MS-RPCE] 2.2.1.2.4).
pub const ENTRIES_MAX: u32 = 500;

/// An array of out parameters whose max_count is what the client asked for: clients compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sized<T> {
    /// What was asked for.
    pub max_count: u32,
    /// What there is.
    pub items: Vec<T>,
}

impl<T: Encode> Encode for Sized<T> {
    const ALIGN: usize = max(4, T::ALIGN);
    fn encode_scalars(&self, w: &mut Writer) {
        let n = self.items.len() as u32;
        [self.max_count.max(n), 0, n].encode(w);
        self.items.iter().for_each(|t| t.encode_scalars(w));
    }
    fn encode_referents(&self, w: &mut Writer) {
        self.items.iter().for_each(|t| t.encode_referents(w));
    }
}

impl<T: Decode> Decode for Sized<T> {
    const ALIGN: usize = max(4, T::ALIGN);
    const LEN_MIN: usize = 12;
    type Pending = Vec<T::Pending>;
    fn decode_scalars(r: &mut Reader) -> Result<Self::Pending> {
        ConformantVarying::<T>::decode_scalars(r)
    }
    fn decode_referents(pending: Self::Pending, r: &mut Reader) -> Result<Self> {
        let ConformantVarying(items) = ConformantVarying::decode_referents(pending, r)?;
        Ok(Sized { max_count: items.len() as u32, items })
    }
}

impl Encode for SyntaxId {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        self.uuid.encode(w);
        [self.major, self.minor].encode(w);
    }
}

impl Decode for SyntaxId {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 20;
    type Pending = SyntaxId;
    fn decode_scalars(r: &mut Reader) -> Result<SyntaxId> {
        let uuid = Guid::decode(r)?;
        let [major, minor] = <[u16; 2]>::decode(r)?;
        Ok(SyntaxId { uuid, major, minor })
    }
    fn decode_referents(syntax: SyntaxId, _: &mut Reader) -> Result<SyntaxId> {
        Ok(syntax)
    }
}

ndr_struct! {
    /// A context handle. Zeros are none.
    #[derive(Copy, Eq, Default)]
    pub struct ContextHandle {
        /// Without a meaning here.
        pub attributes: u32,
        /// Which.
        pub uuid: Guid,
    }
}

ndr_struct! {
    /// `ept_entry_t`.
    pub struct Entry {
        /// The object; zeros for none.
        pub object: Guid,
        /// The way to the interface.
        pub tower: Option<Tower>,
        /// What it is, for people: at most 63 octets.
        pub annotation: Annotation,
    }
}

/// `[string] char annotation[64]`: a varying string of a fixed array, so without a max_count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotation(pub String);

impl Encode for Annotation {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        let text: Vec<u8> = self.0.bytes().filter(u8::is_ascii).take(63).chain([0]).collect();
        [0, text.len() as u32].encode(w);
        w.put(&text);
    }
}

impl Decode for Annotation {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 8;
    type Pending = Annotation;
    fn decode_scalars(r: &mut Reader) -> Result<Annotation> {
        let [offset, len] = <[u32; 2]>::decode(r)?;
        if offset != 0 || 64 < len {
            return Err(r.invalid("annotation", len));
        }
        let text = r.bytes("annotation", len as usize)?;
        Ok(Annotation(text.iter().take_while(|c| **c != 0).map(|c| char::from(*c)).collect()))
    }
    fn decode_referents(annotation: Annotation, _: &mut Reader) -> Result<Annotation> {
        Ok(annotation)
    }
}

interface! {
    /// The endpoint mapper (C706 appendix O).
    pub interface EndpointMapper = guid!("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), version 3;
    serve EndpointMapperServer;
    /// Adds entries; refused over the network, whatever its arguments.
    0 ept_insert = EptInsert {} -> EptInsertReply { status: Win32Error }
    /// Removes entries; refused.
    1 ept_delete = EptDelete {} -> EptDeleteReply { status: Win32Error }
    /// Lists entries, some at a time: `inquiry_type` 0 all, 1 of an interface, 2 of an object, 3 of both.
    2 ept_lookup = EptLookup { inquiry_type: u32, object: Option<Guid>, interface: Option<SyntaxId>, vers_option: u32, handle: ContextHandle, max_ents: u32 }
        -> EptLookupReply { handle: ContextHandle, num_ents: u32, entries: Sized<Entry>, status: Win32Error }
    /// The ways to the interface of a tower.
    3 ept_map = EptMap { object: Option<Guid>, tower: Option<Tower>, handle: ContextHandle, max_towers: u32 }
        -> EptMapReply { handle: ContextHandle, num_towers: u32, towers: Sized<Option<Tower>>, status: Win32Error }
    /// Ends a lookup.
    4 ept_lookup_handle_free = EptLookupHandleFree { handle: ContextHandle } -> EptLookupHandleFreeReply { handle: ContextHandle, status: Win32Error }
    /// The object that this mapper goes by: none.
    5 ept_inq_object = EptInqObject {} -> EptInqObjectReply { object: Guid, status: Win32Error }
    /// Removes entries of others; refused.
    6 ept_mgmt_delete = EptMgmtDelete {} -> EptMgmtDeleteReply { status: Win32Error }
}

/// An interface and where it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The interface.
    pub interface: SyntaxId,
    /// The TCP port.
    pub port: u16,
    /// What it is, for people.
    pub annotation: String,
}

/// A mapper of a fixed table: who may reach it may read it, and nobody may change it.
///
/// The addresses of its towers are the one that the client reached; over IPv6 they are zeros, as the floor has no room for more.
#[derive(Debug, Clone)]
pub struct Mapper {
    table: Arc<[Registration]>,
}

/// Marks the handles of lookups; the place in the table is the rest of the UUID.
const HANDLE: [u8; 12] = *b"rwmi lookup\0";

impl Mapper {
    /// Serves a table.
    pub fn new(table: impl IntoIterator<Item = Registration>) -> Mapper {
        Mapper { table: table.into_iter().collect() }
    }

    fn tower(registration: &Registration, cx: &CallContext) -> Tower {
        let address = match cx.local.ip().to_canonical() {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        Tower::tcp(&registration.interface, &NDR, registration.port, address)
    }

    /// Where a lookup goes on. A handle that is not ours is at the end.
    fn place(&self, handle: &ContextHandle) -> usize {
        match handle.uuid.0.split_last_chunk::<4>() {
            _ if handle.uuid.is_nil() => 0,
            Some((mark, place)) if *mark == HANDLE => u32::from_le_bytes(*place) as usize,
            _ => self.table.len(),
        }
    }

    fn handle(&self, place: usize) -> ContextHandle {
        if self.table.len() <= place {
            return ContextHandle::default();
        }
        let mut uuid = [0; 16];
        uuid.iter_mut().zip(HANDLE.into_iter().chain((place as u32).to_le_bytes())).for_each(|(to, from)| *to = from);
        ContextHandle { attributes: 0, uuid: Guid(uuid) }
    }
}

/// Whether an entry is what a lookup asks for (C706 3.1.17 rpc_mgmt_ep_elt_inq_begin).
fn matches(entry: &SyntaxId, asked: &SyntaxId, vers_option: u32) -> bool {
    let version = |id: &SyntaxId| (id.major, id.minor);
    entry.uuid == asked.uuid
        && match vers_option {
            1 => true,
            2 => entry.serves(asked),
            4 => entry.major == asked.major,
            5 => version(entry) <= version(asked),
            _ => version(entry) == version(asked),
        }
}

impl EndpointMapperServer for Mapper {
    async fn ept_insert(&self, _: &CallContext, _: EptInsert) -> std::result::Result<EptInsertReply, FaultStatus> {
        Ok(EptInsertReply { status: Win32Error::EPT_S_CANT_PERFORM_OP })
    }

    async fn ept_delete(&self, _: &CallContext, _: EptDelete) -> std::result::Result<EptDeleteReply, FaultStatus> {
        Ok(EptDeleteReply { status: Win32Error::EPT_S_CANT_PERFORM_OP })
    }

    async fn ept_lookup(&self, cx: &CallContext, req: EptLookup) -> std::result::Result<EptLookupReply, FaultStatus> {
        let begin = self.place(&req.handle);
        let by_interface = matches!(req.inquiry_type, 1 | 3);
        let by_object = matches!(req.inquiry_type, 2 | 3);
        let asked = req.interface.filter(|_| by_interface);
        // No entry has an object.
        let possible = !(by_object && req.object.is_some_and(|o| !o.is_nil())) && by_interface == asked.is_some();
        let mut end = self.table.len();
        let mut entries = Vec::new();
        for (place, registration) in self.table.iter().enumerate().skip(begin).filter(|_| possible) {
            if asked.is_some_and(|asked| !matches(&registration.interface, &asked, req.vers_option)) {
                continue;
            }
            if req.max_ents.min(ENTRIES_MAX) as usize <= entries.len() {
                end = place;
                break;
            }
            let annotation = Annotation(registration.annotation.clone());
            entries.push(Entry { object: Guid::NIL, tower: Some(Mapper::tower(registration, cx)), annotation });
        }
        let status = if entries.is_empty() { Win32Error::EPT_S_NOT_REGISTERED } else { Win32Error::ERROR_SUCCESS };
        let num_ents = entries.len() as u32;
        let handle = if entries.is_empty() { ContextHandle::default() } else { self.handle(end) };
        Ok(EptLookupReply { handle, num_ents, entries: Sized { max_count: req.max_ents, items: entries }, status })
    }

    async fn ept_map(&self, cx: &CallContext, req: EptMap) -> std::result::Result<EptMapReply, FaultStatus> {
        let asked = req.tower.as_ref().filter(|t| t.tcp_port().is_some()).and_then(Tower::interface);
        let asked = asked.filter(|_| req.tower.as_ref().and_then(Tower::transfer) == Some(NDR));
        let found = self.table.iter().filter(|r| asked.is_some_and(|asked| r.interface.serves(&asked)));
        let towers: Vec<_> = found.take(req.max_towers.min(ENTRIES_MAX) as usize).map(|r| Some(Mapper::tower(r, cx))).collect();
        let status = if towers.is_empty() { Win32Error::EPT_S_NOT_REGISTERED } else { Win32Error::ERROR_SUCCESS };
        let num_towers = towers.len() as u32;
        Ok(EptMapReply { handle: ContextHandle::default(), num_towers, towers: Sized { max_count: req.max_towers, items: towers }, status })
    }

    async fn ept_lookup_handle_free(
        &self,
        _: &CallContext,
        _: EptLookupHandleFree,
    ) -> std::result::Result<EptLookupHandleFreeReply, FaultStatus> {
        Ok(EptLookupHandleFreeReply { handle: ContextHandle::default(), status: Win32Error::ERROR_SUCCESS })
    }

    async fn ept_inq_object(&self, _: &CallContext, _: EptInqObject) -> std::result::Result<EptInqObjectReply, FaultStatus> {
        Ok(EptInqObjectReply { object: Guid::NIL, status: Win32Error::ERROR_SUCCESS })
    }

    async fn ept_mgmt_delete(&self, _: &CallContext, _: EptMgmtDelete) -> std::result::Result<EptMgmtDeleteReply, FaultStatus> {
        Ok(EptMgmtDeleteReply { status: Win32Error::EPT_S_CANT_PERFORM_OP })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::tests::{Local, block_on};
    use crate::{Interface, call};

    fn registration(n: u8, port: u16) -> Registration {
        let interface = SyntaxId { uuid: Guid([n; 16]), major: 1, minor: 2 };
        Registration { interface, port, annotation: format!("number {n}") }
    }

    fn mapper() -> Local {
        Local(EndpointMapper::serve(Mapper::new([registration(1, 135), registration(2, 135), registration(2, 24158)])))
    }

    fn lookup(inquiry_type: u32, interface: Option<SyntaxId>, handle: ContextHandle, max_ents: u32) -> EptLookup {
        EptLookup { inquiry_type, object: None, interface, vers_option: 1, handle, max_ents }
    }

    #[test]
    fn a_lookup_goes_through_the_table_some_entries_at_a_time() {
        let (ch, mut handle, mut seen) = (mapper(), ContextHandle::default(), Vec::new());
        loop {
            let reply = block_on(call(&ch, None, &lookup(0, None, handle, 2))).unwrap();
            assert_eq!(reply.status, Win32Error::ERROR_SUCCESS);
            seen.extend(reply.entries.items.into_iter().map(|e| (e.tower.unwrap().tcp_port(), e.annotation.0)));
            handle = reply.handle;
            if handle == ContextHandle::default() {
                break;
            }
        }
        let expect = [(135, 1), (135, 2), (24158, 2)].map(|(port, n)| (Some(port), format!("number {n}")));
        assert_eq!(seen, expect);
    }

    #[test]
    fn a_lookup_by_interface_goes_by_its_version() {
        let ch = mapper();
        let asked = SyntaxId { uuid: Guid([2; 16]), major: 1, minor: 1 };
        for (vers_option, found) in [(1, 2), (2, 2), (3, 0), (4, 2), (5, 0)] {
            let request = EptLookup { vers_option, ..lookup(1, Some(asked), ContextHandle::default(), 500) };
            let reply = block_on(call(&ch, None, &request)).unwrap();
            assert_eq!(reply.num_ents, found, "vers_option {vers_option}");
            assert_eq!(reply.status == Win32Error::EPT_S_NOT_REGISTERED, found == 0);
        }
        // An interface is asked for and none is given; an object, of which there is none.
        for request in [
            lookup(1, None, ContextHandle::default(), 500),
            EptLookup { object: Some(Guid([9; 16])), ..lookup(2, None, ContextHandle::default(), 500) },
            lookup(0, None, ContextHandle { attributes: 0, uuid: Guid([7; 16]) }, 500),
        ] {
            assert_eq!(block_on(call(&ch, None, &request)).unwrap().status, Win32Error::EPT_S_NOT_REGISTERED);
        }
    }

    #[test]
    fn a_map_gives_the_ways_to_one_interface() {
        let ch = mapper();
        let map = |n: u8, major: u16| {
            let interface = SyntaxId { uuid: Guid([n; 16]), major, minor: 0 };
            let tower = Some(Tower::tcp(&interface, &NDR, 0, Ipv4Addr::UNSPECIFIED));
            block_on(call(&ch, None, &EptMap { object: None, tower, handle: ContextHandle::default(), max_towers: 4 })).unwrap()
        };
        let reply = map(2, 1);
        let towers: Vec<Tower> = reply.towers.items.into_iter().flatten().collect();
        assert_eq!(towers.iter().map(Tower::tcp_port).collect::<Vec<_>>(), [Some(135), Some(24158)]);
        assert_eq!(towers[0].address(), Some(Ipv4Addr::LOCALHOST));
        for reply in [map(2, 2), map(3, 1)] {
            assert_eq!((reply.num_towers, reply.status), (0, Win32Error::EPT_S_NOT_REGISTERED));
        }
    }

    #[test]
    fn max_count_is_what_was_asked_for() {
        let mut w = Writer::default();
        let request = EptMap { object: None, tower: None, handle: ContextHandle::default(), max_towers: 4 };
        request.encode(&mut w);
        let octets = block_on(crate::Channel::call_raw(&mapper(), EndpointMapper::SYNTAX, None, 3, w.finish())).unwrap();
        // handle, num_towers, then max_count 4, offset 0, actual_count 0, and the status
        assert_eq!(&octets[20..], [0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xd6, 0xa0, 0xc9, 0x16]);
    }

    #[test]
    fn nobody_changes_the_table() {
        let ch = mapper();
        let refused = Win32Error::EPT_S_CANT_PERFORM_OP;
        assert_eq!(block_on(call(&ch, None, &EptInsert {})).unwrap().status, refused);
        assert_eq!(block_on(call(&ch, None, &EptDelete {})).unwrap().status, refused);
        assert_eq!(block_on(call(&ch, None, &EptMgmtDelete {})).unwrap().status, refused);
    }

    #[test]
    fn a_handle_is_given_back_and_there_is_no_object_of_the_mapper() {
        let ch = mapper();
        let handle = ContextHandle { attributes: 0, uuid: Guid([1; 16]) };
        let freed = block_on(call(&ch, None, &EptLookupHandleFree { handle })).unwrap();
        assert_eq!((freed.handle, freed.status), (ContextHandle::default(), Win32Error::ERROR_SUCCESS));
        let object = block_on(call(&ch, None, &EptInqObject {})).unwrap();
        assert_eq!((object.object, object.status), (Guid::NIL, Win32Error::ERROR_SUCCESS));
    }
}
