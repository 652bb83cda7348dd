//! The resolver: IObjectExporter ([MS-DCOM] 3.1.2.5.1).

use super::Exporter;
use crate::interfaces::*;
use crate::{ComVersion, DualStringArray, Ipid, Oxid, SetId, TOWER_TCP};
use rwmi_ndr::{Conformant, FaultStatus, Win32Error};
use rwmi_rpc::{CallContext, Dispatch};
use std::sync::Arc;

struct Resolver(Exporter);

impl Exporter {
    /// What to serve as IObjectExporter on the resolver's port.
    pub fn resolver(&self) -> Arc<dyn Dispatch> {
        IObjectExporter::serve(Resolver(self.clone()))
    }

    fn resolve(&self, cx: &CallContext, oxid: Oxid, protseqs: &[u16]) -> Result<(DualStringArray, Ipid, u32), Win32Error> {
        if oxid != self.oxid() {
            Err(Win32Error::OR_INVALID_OXID)
        } else if !protseqs.contains(&TOWER_TCP) {
            Err(Win32Error::RPC_S_PROTSEQ_NOT_SUPPORTED)
        } else {
            Ok((self.object_bindings(cx.local.ip()), self.rem_unknown(), self.authn_hint()))
        }
    }
}

fn oids(array: Option<Conformant<crate::Oid>>) -> Vec<crate::Oid> {
    array.map(|a| a.0).unwrap_or_default()
}

impl ObjectExporter for Resolver {
    async fn resolve_oxid(&self, cx: &CallContext, req: ResolveOxid) -> Result<ResolveOxidReply, FaultStatus> {
        Ok(match self.0.resolve(cx, req.oxid, &req.protseqs.0) {
            Ok((bindings, rem_unknown, authn_hint)) => {
                ResolveOxidReply { bindings: Some(bindings), rem_unknown, authn_hint, status: Win32Error::ERROR_SUCCESS }
            }
            Err(status) => ResolveOxidReply { bindings: None, rem_unknown: Ipid::default(), authn_hint: 0, status },
        })
    }

    async fn simple_ping(&self, cx: &CallContext, req: SimplePing) -> Result<SimplePingReply, FaultStatus> {
        let now = self.0.now();
        Ok(SimplePingReply { status: self.0.table().simple_ping(req.set, cx.caller.as_deref(), now) })
    }

    async fn complex_ping(&self, cx: &CallContext, req: ComplexPing) -> Result<ComplexPingReply, FaultStatus> {
        let now = self.0.now();
        let (add, delete) = (oids(req.add), oids(req.delete));
        // The sequence number is never a reason to drop a ping: with a client in use it is none.
        let done = self.0.table().complex_ping(req.set, cx.caller.as_ref(), &add, &delete, now, self.0.options().sets);
        Ok(match done {
            Ok(set) => ComplexPingReply { set, backoff: 0, status: Win32Error::ERROR_SUCCESS },
            Err(status) => ComplexPingReply { set: SetId(0), backoff: 0, status },
        })
    }

    async fn server_alive(&self, _: &CallContext, _: ServerAlive) -> Result<ServerAliveReply, FaultStatus> {
        Ok(ServerAliveReply { status: Win32Error::ERROR_SUCCESS })
    }

    async fn resolve_oxid2(&self, cx: &CallContext, req: ResolveOxid2) -> Result<ResolveOxid2Reply, FaultStatus> {
        let version = ComVersion::V5_7;
        Ok(match self.0.resolve(cx, req.oxid, &req.protseqs.0) {
            Ok((bindings, rem_unknown, authn_hint)) => {
                ResolveOxid2Reply { bindings: Some(bindings), rem_unknown, authn_hint, version, status: Win32Error::ERROR_SUCCESS }
            }
            Err(status) => ResolveOxid2Reply { bindings: None, rem_unknown: Ipid::default(), authn_hint: 0, version, status },
        })
    }

    async fn server_alive2(&self, cx: &CallContext, _: ServerAlive2) -> Result<ServerAlive2Reply, FaultStatus> {
        let bindings = Some(self.0.resolver_bindings(cx.local.ip()));
        Ok(ServerAlive2Reply { version: ComVersion::V5_7, bindings, reserved: 0, status: Win32Error::ERROR_SUCCESS })
    }
}
