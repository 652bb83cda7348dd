//! The exporter's IRemUnknown and IRemUnknown2: one object under one IPID ([MS-DCOM] 3.1.1.5.6, 3.1.1.5.7).

use super::{Exporter, table::REFS_MAX};
use crate::interfaces::rem_unknown2::*;
use crate::interfaces::{RemInterfaceRef, RemQiResult};
use crate::{Failure, Iid, ObjectContext, ObjectDispatch, Outcome, StdObjRef};
use rwmi_ndr::{Conformant, HResult};
use std::sync::Arc;

struct Server(Exporter);

/// The second interface has the methods of the first at the same numbers, so it serves both.
pub(super) fn serve(exporter: Exporter) -> Arc<dyn ObjectDispatch> {
    IRemUnknown2::serve(Arc::new(Server(exporter)))
}

/// What the call returns where each part has a result of its own.
fn overall(results: impl Iterator<Item = bool> + Clone, none: HResult) -> HResult {
    let good = results.clone().filter(|ok| *ok).count();
    match good {
        n if n == results.count() => HResult::S_OK,
        0 => none,
        _ => HResult::S_FALSE,
    }
}

fn checked<T>(count: u16, items: &[T]) -> Result<&[T], Failure> {
    if usize::from(count) == items.len() && count != 0 { Ok(items) } else { Err(HResult::E_INVALIDARG.into()) }
}

impl Server {
    fn query(&self, cx: &ObjectContext, ipid: crate::Ipid, iids: &[Iid], refs: u32) -> Result<Vec<Result<StdObjRef, HResult>>, Failure> {
        let oxid = self.0.oxid();
        let found = self.0.table().query(oxid, ipid, cx.call.caller.as_deref(), iids, refs);
        found.map_err(Failure::from)
    }
}

impl RemUnknown2 for Server {
    async fn rem_query_interface(&self, cx: &ObjectContext, call: RemQueryInterface) -> Outcome<RemQueryInterfaceReply> {
        let iids = checked(call.count, &call.iids.0)?;
        if !(1..=REFS_MAX).contains(&call.refs) {
            return Err(HResult::E_INVALIDARG.into());
        }
        let found = self.query(cx, call.ipid, iids, call.refs)?;
        let code = overall(found.iter().map(Result::is_ok), HResult::E_NOINTERFACE);
        let results = found
            .into_iter()
            .map(|f| match f {
                Ok(std) => RemQiResult { result: HResult::S_OK, std },
                Err(result) => RemQiResult { result, std: StdObjRef::default() },
            })
            .collect();
        Ok((RemQueryInterfaceReply { results: Some(Conformant(results)) }, code))
    }

    async fn rem_add_ref(&self, cx: &ObjectContext, call: RemAddRef) -> Outcome<RemAddRefReply> {
        let refs = checked(call.count, &call.refs.0)?;
        let caller = cx.call.caller.as_deref();
        let results: Vec<HResult> = {
            let mut table = self.0.table();
            refs.iter().map(|r| table.add_refs(r, caller)).collect()
        };
        let code = overall(results.iter().map(|r| !r.is_failure()), HResult::CO_E_OBJNOTREG);
        Ok((RemAddRefReply { results: Conformant(results) }, code))
    }

    async fn rem_release(&self, cx: &ObjectContext, call: RemRelease) -> Outcome<RemReleaseReply> {
        let refs: &[RemInterfaceRef] = checked(call.count, &call.refs.0)?;
        let (code, dropped) = self.0.table().release(refs, cx.call.caller.as_deref());
        drop(dropped);
        Ok((RemReleaseReply {}, code))
    }

    async fn rem_query_interface2(&self, cx: &ObjectContext, call: RemQueryInterface2) -> Outcome<RemQueryInterface2Reply> {
        let iids = checked(call.count, &call.iids.0)?;
        let found = self.query(cx, call.ipid, iids, 1)?;
        let code = overall(found.iter().map(Result::is_ok), HResult::E_NOINTERFACE);
        let local = cx.call.local.ip();
        let results = found.iter().map(|f| f.map_or_else(|code| code, |_| HResult::S_OK)).collect();
        let marshal = |(f, iid): (Result<StdObjRef, HResult>, &Iid)| f.ok().map(|std| self.0.marshal(local, *iid, std));
        let interfaces = found.into_iter().zip(iids).map(marshal).collect();
        Ok((RemQueryInterface2Reply { results: Conformant(results), interfaces: Conformant(interfaces) }, code))
    }
}
