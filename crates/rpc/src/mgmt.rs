//! The remote management interface that every RPC server has (C706 appendix Q).

use crate::epm::Sized;
use crate::{CallContext, SyntaxId, interface};
use rwmi_ndr::{Conformant, Decode, Encode, FaultStatus, Reader, Result, Win32Error, Writer, guid};
use std::sync::Arc;

/// `rpc_if_id_vector_t`: a conformant structure of pointers, so its max_count stands in front of its count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceVector(pub Vec<SyntaxId>);

impl Encode for InterfaceVector {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        let n = self.0.len() as u32;
        [n, n].encode(w);
        self.0.iter().for_each(|_| w.referent_id().encode(w));
    }
    fn encode_referents(&self, w: &mut Writer) {
        self.0.iter().for_each(|id| id.encode(w));
    }
}

impl Decode for InterfaceVector {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 8;
    type Pending = Vec<bool>;
    fn decode_scalars(r: &mut Reader) -> Result<Vec<bool>> {
        let n = r.count_of("max_count", 4)?;
        let count = u32::decode(r)?;
        if count as usize != n {
            return Err(r.invalid("count of interfaces", count));
        }
        (0..n).map(|_| Option::<SyntaxId>::decode_scalars(r)).collect()
    }
    fn decode_referents(pending: Vec<bool>, r: &mut Reader) -> Result<Self> {
        let ids = pending.into_iter().map(|some| Option::<SyntaxId>::decode_referents(some, r));
        ids.filter_map(Result::transpose).collect::<Result<_>>().map(InterfaceVector)
    }
}

interface! {
    /// Remote management (C706 appendix Q).
    pub interface Management = guid!("afa8bd80-7d8a-11c9-bef4-08002b102989"), version 1;
    serve ManagementServer;
    /// The interfaces of the server.
    0 inq_if_ids = InqIfIds {} -> InqIfIdsReply { interfaces: Option<InterfaceVector>, status: Win32Error }
    /// Calls in, calls out, PDUs in, PDUs out: as many of them as `count` says.
    1 inq_stats = InqStats { count: u32 } -> InqStatsReply { count: u32, statistics: Conformant<u32>, status: Win32Error }
    /// Whether it listens.
    2 is_server_listening = IsServerListening {} -> IsServerListeningReply { status: Win32Error, listening: u32 }
    /// Stops it; refused.
    3 stop_server_listening = StopServerListening {} -> StopServerListeningReply { status: Win32Error }
    /// The principal of an authentication service, in at most `name_size` octets.
    4 inq_princ_name = InqPrincName { authn_service: u32, name_size: u32 } -> InqPrincNameReply { name: Sized<u8>, status: Win32Error }
}

/// Management of a server with these interfaces. Tells what it serves, and lets nobody stop it.
#[derive(Debug, Clone)]
pub struct Manager {
    interfaces: Arc<[SyntaxId]>,
    principal: Arc<str>,
}

impl Manager {
    /// Of these interfaces, and by this name.
    pub fn new(interfaces: impl IntoIterator<Item = SyntaxId>, principal: &str) -> Manager {
        Manager { interfaces: interfaces.into_iter().collect(), principal: principal.into() }
    }
}

impl ManagementServer for Manager {
    async fn inq_if_ids(&self, _: &CallContext, _: InqIfIds) -> std::result::Result<InqIfIdsReply, FaultStatus> {
        let interfaces = Some(InterfaceVector(self.interfaces.to_vec()));
        Ok(InqIfIdsReply { interfaces, status: Win32Error::ERROR_SUCCESS })
    }

    /// How busy a server is, is nobody's business: the numbers are zero.
    async fn inq_stats(&self, _: &CallContext, req: InqStats) -> std::result::Result<InqStatsReply, FaultStatus> {
        let count = req.count.min(4);
        let statistics = Conformant(vec![0; count as usize]);
        Ok(InqStatsReply { count, statistics, status: Win32Error::ERROR_SUCCESS })
    }

    async fn is_server_listening(&self, _: &CallContext, _: IsServerListening) -> std::result::Result<IsServerListeningReply, FaultStatus> {
        Ok(IsServerListeningReply { status: Win32Error::ERROR_SUCCESS, listening: 1 })
    }

    async fn stop_server_listening(
        &self,
        _: &CallContext,
        _: StopServerListening,
    ) -> std::result::Result<StopServerListeningReply, FaultStatus> {
        Ok(StopServerListeningReply { status: Win32Error::ERROR_ACCESS_DENIED })
    }

    async fn inq_princ_name(&self, _: &CallContext, req: InqPrincName) -> std::result::Result<InqPrincNameReply, FaultStatus> {
        let fits = self.principal.len() < req.name_size as usize;
        let text = if fits { self.principal.bytes().chain([0]).collect() } else { vec![0] };
        let status = if fits { Win32Error::ERROR_SUCCESS } else { Win32Error::RPC_S_STRING_TOO_LONG };
        Ok(InqPrincNameReply { name: Sized { max_count: req.name_size, items: text }, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::tests::{Local, block_on};
    use crate::{Interface, call};

    #[test]
    fn it_tells_and_does_not_obey() {
        let ids = vec![Management::SYNTAX, crate::epm::EndpointMapper::SYNTAX];
        let ch = Local(Management::serve(Manager::new(ids.clone(), "SERVER$")));
        assert_eq!(block_on(call(&ch, None, &InqIfIds {})).unwrap().interfaces, Some(InterfaceVector(ids)));
        assert_eq!(block_on(call(&ch, None, &IsServerListening {})).unwrap().listening, 1);
        assert_eq!(block_on(call(&ch, None, &StopServerListening {})).unwrap().status, Win32Error::ERROR_ACCESS_DENIED);
        let stats = block_on(call(&ch, None, &InqStats { count: u32::MAX })).unwrap();
        assert_eq!((stats.count, stats.statistics.0.len()), (4, 4));
        let name = |name_size| block_on(call(&ch, None, &InqPrincName { authn_service: 10, name_size })).unwrap();
        assert_eq!(name(8).name.items, b"SERVER$\0");
        assert_eq!((name(7).name.items, name(0).status), (vec![0], Win32Error::RPC_S_STRING_TOO_LONG));
    }
}
