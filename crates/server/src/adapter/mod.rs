//! [MS-WMI] over DCOM: objects that turn calls into operations of the broker.
//!
//! A client activates the login object, logs in to a namespace, gets IWbemServices there, and from that enumerators and call
//! results. Every call, of every object, looks again at who calls and what he may do.

mod asynchronous;
mod call_result;
mod enumerator;
mod login;
mod method;
mod part;
mod put;
mod rows;
mod rules;
mod services;

#[cfg(test)]
mod tests;

use crate::access::{Access, Principal, Rights};
use crate::broker::{Broker, Failure};
use crate::config::LimitsConfig;
use crate::cursor::Budget;
use login::Login;
use rwmi_cim::WbemStatus;
use rwmi_dcom::{self as dcom, ActivationContext, Activator, Clsid, ExportError, ExportedObject, Iid, InterfacePointer, ObjectContext};
use rwmi_ndr::HResult;
use rwmi_rpc::CallContext;
use rwmi_wbem::{CLSID_WBEM_LEVEL1_LOGIN, Context, hresult};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// What all objects of a server share.
pub(crate) struct Core {
    pub(crate) broker: Arc<Broker>,
    pub(crate) access: Access,
    pub(crate) limits: LimitsConfig,
    /// What rewindable enumerators keep.
    pub(crate) results: Arc<Budget>,
    /// Open namespaces by whose they are.
    sessions: Mutex<HashMap<Principal, usize>>,
}

impl Core {
    pub(crate) fn new(broker: Arc<Broker>, access: Access, limits: LimitsConfig) -> Core {
        let results = Budget::new(limits.results_len_max, limits.enumerator_len_max);
        Core { broker, access, limits, results, sessions: Mutex::default() }
    }
}

/// The server as one kind of caller sees it: those of the network, or those of the local socket.
#[derive(Clone)]
pub(crate) struct Realm {
    pub(crate) core: Arc<Core>,
    /// Whether the transport itself says who calls, and lets in only whoever may do everything.
    pub(crate) local: bool,
}

impl Realm {
    /// Who calls; nobody who is anonymous, or lets us know him without letting us act for him.
    pub(crate) fn principal(&self, call: &CallContext) -> Result<Principal, WbemStatus> {
        let identity = call.caller.as_ref().filter(|i| !i.identify_only).ok_or(WbemStatus::ACCESS_DENIED)?;
        let user = identity.user.clone();
        Ok(if self.local { Principal::Local { user } } else { Principal::Remote { user } })
    }

    /// Whether a caller may make objects, and call them at all.
    pub(crate) fn may_call(&self, call: &CallContext) -> bool {
        // Who is only identified gets as far as the login, which tells him so.
        let user =
            |user: &String| if self.local { Principal::Local { user: user.clone() } } else { Principal::Remote { user: user.clone() } };
        call.caller.as_ref().is_some_and(|i| self.core.access.may_activate(&user(&i.user)))
    }

    /// A caller for the log: domain and account as they were sent, so that no name forges a line.
    pub(crate) fn caller_name(call: &CallContext) -> String {
        let name = call.caller.as_ref().map_or_else(|| "anonymous".into(), |c| format!("{}\\{}", c.domain, c.user));
        name.chars().take(256).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    }

    /// Lets a caller do something in a namespace, or says no.
    fn admit(&self, call: &CallContext, namespace: &str, wanted: Rights) -> Result<Principal, dcom::Failure> {
        let refuse = |who: &str| {
            tracing::warn!(target: "rwmi::audit", event = "access denied", user = %who, peer = %call.peer, namespace, wanted = wanted.0);
            fail(Failure::new(WbemStatus::ACCESS_DENIED, format!("the account lacks a right on the namespace {namespace:?}")))
        };
        let principal = self.principal(call).map_err(|_| refuse("anonymous"))?;
        let needed = if self.local { wanted } else { wanted | Rights::REMOTE_ENABLE };
        if self.core.access.rights(&principal, namespace).has(needed) { Ok(principal) } else { Err(refuse(&principal.to_string())) }
    }

    /// Counts one more open namespace of a caller, for as long as the guard lives.
    fn open_session(&self, cx: &ObjectContext, principal: &Principal) -> Result<SessionGuard, dcom::Failure> {
        let sessions = || self.core.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions().get(principal).is_some_and(|open| self.core.limits.sessions_per_account <= *open) {
            // What closed connections left open does not count: impacket and aiowmi never release a namespace.
            cx.exporter.reclaim(cx.call.caller.as_deref());
        }
        let mut sessions = sessions();
        let open = sessions.entry(principal.clone()).or_default();
        if *open >= self.core.limits.sessions_per_account {
            tracing::warn!(target: "rwmi::audit", event = "quota", user = %principal, sessions = *open);
            return Err(fail(Failure::new(WbemStatus::QUOTA_VIOLATION, "too many open namespaces of one account")));
        }
        *open += 1;
        Ok(SessionGuard { core: self.core.clone(), principal: principal.clone() })
    }
}

struct SessionGuard {
    core: Arc<Core>,
    principal: Principal,
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        let mut sessions = self.core.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = sessions.get_mut(&self.principal) {
            *open -= 1;
            if *open == 0 {
                sessions.remove(&self.principal);
            }
        }
    }
}

impl Activator for Realm {
    fn create<'a>(
        &'a self,
        clsid: Clsid,
        cx: &'a ActivationContext,
    ) -> Pin<Box<dyn Future<Output = Result<ExportedObject, HResult>> + Send + 'a>> {
        Box::pin(async move {
            if !self.has_class(clsid) {
                return Err(HResult::REGDB_E_CLASSNOTREG);
            }
            tracing::debug!(peer = %cx.call.peer, "login object made");
            Ok(Login::object(self.clone()))
        })
    }

    fn has_class(&self, clsid: Clsid) -> bool {
        clsid == CLSID_WBEM_LEVEL1_LOGIN
    }
}

/// A failure as a method returns it, with words for those who asked for them.
fn fail(failure: Failure) -> dcom::Failure {
    let words = failure.description.or_else(|| failure.status.meaning().map(str::to_owned));
    let source = failure.provider.unwrap_or_else(|| "WinMgmt".into());
    match words {
        Some(words) => dcom::Failure::described(hresult(failure.status), source, words),
        None => hresult(failure.status).into(),
    }
}

fn status(status: WbemStatus) -> dcom::Failure {
    fail(status.into())
}

/// Exports an object of a call. One account holds only so many ([MS-WMI] knows one status for that).
fn export(cx: &ObjectContext, object: ExportedObject, iid: Iid) -> Result<InterfacePointer, dcom::Failure> {
    cx.export(object, iid).map_err(|e| match e {
        ExportError::Quota => fail(Failure::new(WbemStatus::QUOTA_VIOLATION, "the account has too many objects open")),
        other => other.into(),
    })
}

/// A context that cannot be read is an error; one that can is not acted on.
fn check_context(context: Option<&InterfacePointer>) -> Result<(), dcom::Failure> {
    match context.map(Context::from_pointer) {
        Some(Err(_)) => Err(status(WbemStatus::INVALID_CONTEXT)),
        _ => Ok(()),
    }
}
