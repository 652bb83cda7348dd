//! Refreshers, which poll performance data ([MS-WMI] 3.1.4.12, 3.1.4.13). Declared so that every opnum answers;
//! `WBEM_E_NOT_AVAILABLE` makes clients poll with queries instead.

use super::*;
use rwmi_dcom::{InterfacePointer, object_interface};
use rwmi_ndr::{Conformant, Decode, Encode, Guid, NarrowString, Octets, Reader, WideString, Writer, guid, ndr_struct};

ndr_struct! {
    /// Which refresher of which client.
    #[derive(Default)]
    pub struct RefresherId {
        /// Client's computer.
        pub machine: Option<NarrowString>,
        /// Client's process.
        pub process: u32,
        /// Refresher.
        pub refresher: Guid,
    }
}

/// How an object is refreshed.
#[derive(Debug, Clone, PartialEq)]
pub enum RefreshInfo {
    /// Not at all.
    Invalid {
        /// Why.
        result: HResult,
        /// Id.
        cancel_id: i32,
    },
    /// By a remote refresher.
    Remote {
        /// The refresher.
        remote: RefreshRemote,
        /// Id.
        cancel_id: i32,
    },
    /// By queries.
    NonHiPerf {
        /// What to ask.
        query: RefreshNonHiPerf,
        /// Id.
        cancel_id: i32,
    },
}

const INVALID: i32 = 0;
const REMOTE: i32 = 3;
const NON_HI_PERF: i32 = 6;

impl Default for RefreshInfo {
    fn default() -> Self {
        RefreshInfo::Invalid { result: HResult::S_OK, cancel_id: 0 }
    }
}

ndr_struct! {
    /// A remote refresher.
    pub struct RefreshRemote {
        /// Its reference.
        pub refresher: Option<InterfacePointer>,
        /// An object of the class.
        pub template: Option<InterfacePointer>,
        /// Its id.
        pub id: Guid,
    }
}

ndr_struct! {
    /// A class that is not fast.
    pub struct RefreshNonHiPerf {
        /// Namespace.
        pub namespace: Option<WideString>,
        /// An object of the class.
        pub template: Option<InterfacePointer>,
    }
}

/// What of a [`RefreshInfo`] is known after its scalars.
#[derive(Debug)]
pub enum RefreshPending {
    /// All.
    Invalid(HResult, i32),
    /// Two pointers and an id.
    Remote(<RefreshRemote as Decode>::Pending, i32),
    /// Two pointers.
    NonHiPerf(<RefreshNonHiPerf as Decode>::Pending, i32),
}

/// A structure with a union in it, whose tag stands twice.
impl Encode for RefreshInfo {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        match self {
            RefreshInfo::Invalid { result, cancel_id } => {
                [INVALID, INVALID].encode_scalars(w);
                result.encode_scalars(w);
                cancel_id.encode_scalars(w);
            }
            RefreshInfo::Remote { remote, cancel_id } => {
                [REMOTE, REMOTE].encode_scalars(w);
                remote.encode_scalars(w);
                cancel_id.encode_scalars(w);
            }
            RefreshInfo::NonHiPerf { query, cancel_id } => {
                [NON_HI_PERF, NON_HI_PERF].encode_scalars(w);
                query.encode_scalars(w);
                cancel_id.encode_scalars(w);
            }
        }
    }
    fn encode_referents(&self, w: &mut Writer) {
        match self {
            RefreshInfo::Invalid { .. } => {}
            RefreshInfo::Remote { remote, .. } => remote.encode_referents(w),
            RefreshInfo::NonHiPerf { query, .. } => query.encode_referents(w),
        }
    }
}

impl Decode for RefreshInfo {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 16;
    type Pending = RefreshPending;
    fn decode_scalars(r: &mut Reader) -> rwmi_ndr::Result<RefreshPending> {
        let _declared = i32::decode(r)?;
        Ok(match i32::decode(r)? {
            INVALID => RefreshPending::Invalid(HResult::decode(r)?, i32::decode(r)?),
            REMOTE => RefreshPending::Remote(RefreshRemote::decode_scalars(r)?, i32::decode(r)?),
            NON_HI_PERF => RefreshPending::NonHiPerf(RefreshNonHiPerf::decode_scalars(r)?, i32::decode(r)?),
            other => return Err(r.invalid("WBEM_REFRESH_TYPE", other as u32)),
        })
    }
    fn decode_referents(p: RefreshPending, r: &mut Reader) -> rwmi_ndr::Result<Self> {
        Ok(match p {
            RefreshPending::Invalid(result, cancel_id) => RefreshInfo::Invalid { result, cancel_id },
            RefreshPending::Remote(p, cancel_id) => RefreshInfo::Remote { remote: Decode::decode_referents(p, r)?, cancel_id },
            RefreshPending::NonHiPerf(p, cancel_id) => RefreshInfo::NonHiPerf { query: Decode::decode_referents(p, r)?, cancel_id },
        })
    }
}

ndr_struct! {
    /// An object to find again.
    pub struct ReconnectInfo {
        /// 0 an object, 1 an enumeration.
        pub kind: i32,
        /// Its path.
        pub path: Option<WideString>,
    }
}

ndr_struct! {
    /// Whether it was found.
    #[derive(Copy, Eq)]
    pub struct ReconnectResult {
        /// Its id.
        pub id: i32,
        /// Whether.
        pub result: HResult,
    }
}

ndr_struct! {
    /// Values of refreshed objects.
    pub struct RefreshedObject {
        /// Request.
        pub request: i32,
        /// 2 objects, 3 an error, 4 an enumeration.
        pub kind: i32,
        /// Octets.
        pub len: i32,
        /// The values.
        pub blob: Option<Octets>,
    }
}

object_interface! {
    /// Makes refreshers ([MS-WMI] 3.1.4.12).
    pub interface IWbemRefreshingServices = guid!("2c9273e0-1dc3-11d3-b364-00105a1f8177"), else NOT_AVAILABLE;
    serve WbemRefreshingServices;
    /// Adds an object by path.
    3 add_object = AddObjectToRefresher { id: RefresherId, path: WideString, flags: i32, context: Option<InterfacePointer>, client_version: u32 }
        -> AddObjectToRefresherReply { info: RefreshInfo, server_version: u32 }
    /// Adds an object by an example.
    4 add_object_by_template = AddObjectToRefresherByTemplate {
        id: RefresherId, template: Option<InterfacePointer>, flags: i32, context: Option<InterfacePointer>, client_version: u32,
    } -> AddObjectToRefresherByTemplateReply { info: RefreshInfo, server_version: u32 }
    /// Adds all objects of a class.
    5 add_enum = AddEnumToRefresher { id: RefresherId, class: WideString, flags: i32, context: Option<InterfacePointer>, client_version: u32 }
        -> AddEnumToRefresherReply { info: RefreshInfo, server_version: u32 }
    /// Never available.
    6 remove_object = RemoveObjectFromRefresher { id: RefresherId, object: i32, flags: i32, client_version: u32 }
        -> RemoveObjectFromRefresherReply { server_version: u32 }
    /// Gives the refresher.
    7 remote_refresher = GetRemoteRefresher { id: RefresherId, flags: i32, client_version: u32 }
        -> GetRemoteRefresherReply { refresher: Option<InterfacePointer>, refresher_id: Guid, server_version: u32 }
    /// Finds objects again after the connection was lost.
    8 reconnect = ReconnectRemoteRefresher {
        id: RefresherId, flags: i32, count: i32, client_version: u32, objects: Conformant<ReconnectInfo>, results: Conformant<ReconnectResult>,
    } -> ReconnectRemoteRefresherReply { results: Conformant<ReconnectResult>, server_version: u32 }
}

object_interface! {
    /// A refresher ([MS-WMI] 3.1.4.13).
    pub interface IWbemRemoteRefresher = guid!("f1e9c5b2-f59b-11d2-b362-00105a1f8177"), else NOT_AVAILABLE;
    serve WbemRemoteRefresher;
    /// Gives the values of now.
    3 refresh = RemoteRefresh { flags: i32 } -> RemoteRefreshReply { count: i32, objects: Option<Conformant<RefreshedObject>> }
    /// Leaves objects out.
    4 stop = StopRefreshing { count: i32, ids: Conformant<i32>, flags: i32 } -> StopRefreshingReply {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_ndr::Limits;

    fn check(info: RefreshInfo) {
        let mut w = Writer::default();
        info.encode(&mut w);
        let octets = w.finish();
        assert_eq!(RefreshInfo::decode(&mut Reader::new(octets.clone(), Limits::default())).unwrap(), info);
        for cut in 0..octets.len() {
            assert!(RefreshInfo::decode(&mut Reader::new(octets.slice(..cut), Limits::default())).is_err());
        }
    }

    #[test]
    fn every_arm_of_the_union_returns() {
        let template = Some(InterfacePointer(b"MEOW"[..].into()));
        check(RefreshInfo::Invalid { result: NOT_AVAILABLE, cancel_id: 3 });
        check(RefreshInfo::Remote {
            remote: RefreshRemote { refresher: None, template: template.clone(), id: Guid([1; 16]) },
            cancel_id: 4,
        });
        check(RefreshInfo::NonHiPerf { query: RefreshNonHiPerf { namespace: Some("root".into()), template }, cancel_id: 5 });
    }
}
