//! What is behind each port: which interfaces, who may log on, at what level.

use crate::accounts::Accounts;
use bytes::Bytes;
use rwmi_auth::ntlm::{self, AcceptorOptions};
use rwmi_auth::{AuthLevel, AuthType, SecurityContext, spnego};
use rwmi_dcom::{Exporter, IActivation, IObjectExporter, IRemUnknown, IRemUnknown2, IRemoteSCMActivator};
use rwmi_ndr::{FaultStatus, Guid};
use rwmi_rpc::{CallContext, Dispatch, DispatchFuture, Endpoint, Interface, SyntaxId};
use rwmi_wbem::interfaces::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

impl ntlm::Accounts for Accounts {
    fn nt_hash(&self, user: &str, _domain: &str) -> Option<ntlm::Account> {
        // The domain is the client's guess: these accounts are in none.
        match self.secret(user) {
            Ok(found) => found.map(|(name, hash)| ntlm::Account { name, hash }),
            Err(error) => {
                tracing::error!(%error, "nobody can log on: the accounts cannot be read");
                None
            }
        }
    }
}

/// How clients prove who they are.
#[derive(Clone)]
pub(super) struct Security {
    pub(super) accounts: Arc<Accounts>,
    pub(super) options: AcceptorOptions,
}

impl Security {
    fn acceptor(&self, auth_type: AuthType) -> Option<Box<dyn SecurityContext>> {
        let ntlm = || Box::new(ntlm::Acceptor::new(self.accounts.clone(), self.options.clone()));
        match auth_type {
            AuthType::NTLM => Some(ntlm()),
            AuthType::SPNEGO => Some(Box::new(spnego::Acceptor::new(vec![ntlm()]))),
            _ => None,
        }
    }
}

/// Calls in progress, in all and by account.
pub(super) struct Calls {
    pub(super) max: usize,
    pub(super) per_account_max: usize,
    running: Mutex<(usize, HashMap<String, usize>)>,
}

impl Calls {
    pub(super) fn new(max: usize, per_account_max: usize) -> Arc<Calls> {
        Arc::new(Calls { max, per_account_max, running: Mutex::default() })
    }

    fn begin(self: &Arc<Self>, cx: &CallContext) -> Option<Counted> {
        let user = cx.caller.as_ref().map_or(String::new(), |c| c.user.to_lowercase());
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let of_user = running.1.get(&user).copied().unwrap_or(0);
        // Those who have no account share what one would have.
        if self.max <= running.0 || self.per_account_max <= of_user {
            return None;
        }
        running.0 += 1;
        running.1.insert(user.clone(), of_user + 1);
        Some(Counted { calls: self.clone(), user })
    }
}

struct Counted {
    calls: Arc<Calls>,
    user: String,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut running = self.calls.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.0 -= 1;
        if let Some(n) = running.1.get_mut(&self.user) {
            *n -= 1;
            if *n == 0 {
                running.1.remove(&self.user);
            }
        }
    }
}

/// One port, or the local socket.
pub(super) struct Port {
    /// Interfaces that are no objects'.
    pub(super) fixed: Vec<(SyntaxId, Arc<dyn Dispatch>)>,
    /// Objects, where the port serves them.
    pub(super) objects: Option<Exporter>,
    /// Whom connections are told to when they close.
    pub(super) exporter: Exporter,
    pub(super) security: Option<Security>,
    pub(super) minimum_level: AuthLevel,
    pub(super) minimum_activation_level: AuthLevel,
    pub(super) calls: Arc<Calls>,
}

/// Every interface that an object of ours can have. A client may bind any of them and call another's methods on it.
pub(super) const OBJECT_INTERFACES: [SyntaxId; 13] = [
    IRemUnknown::SYNTAX,
    IRemUnknown2::SYNTAX,
    rwmi_dcom::IClassFactory::SYNTAX,
    IWbemLevel1Login::SYNTAX,
    IWbemLoginClientID::SYNTAX,
    IWbemLoginClientIDEx::SYNTAX,
    IWbemLoginHelper::SYNTAX,
    IWbemServices::SYNTAX,
    IEnumWbemClassObject::SYNTAX,
    IWbemFetchSmartEnum::SYNTAX,
    IWbemWCOSmartEnum::SYNTAX,
    IWbemCallResult::SYNTAX,
    IWbemRefreshingServices::SYNTAX,
];

fn same(a: &SyntaxId, b: &SyntaxId) -> bool {
    a.uuid == b.uuid && a.major == b.major && a.minor <= b.minor
}

impl Port {
    fn fixed(&self, interface: &SyntaxId) -> Option<&Arc<dyn Dispatch>> {
        self.fixed.iter().find(|(s, _)| same(interface, s)).map(|(_, d)| d)
    }

    fn is(&self, interface: &SyntaxId, uuid: Guid) -> bool {
        interface.uuid == uuid
    }
}

impl Endpoint for Port {
    fn accepts(&self, interface: &SyntaxId) -> bool {
        self.fixed(interface).is_some() || self.objects.is_some() && OBJECT_INTERFACES.iter().any(|i| same(interface, i))
    }

    fn acceptor(&self, auth_type: AuthType) -> Option<Box<dyn SecurityContext>> {
        self.security.as_ref()?.acceptor(auth_type)
    }

    fn minimum_level(&self, interface: &SyntaxId, opnum: u16) -> AuthLevel {
        if self.is(interface, IRemoteSCMActivator::SYNTAX.uuid) || self.is(interface, IActivation::SYNTAX.uuid) {
            self.minimum_activation_level
        } else if self.is(interface, IObjectExporter::SYNTAX.uuid) && !matches!(opnum, SERVER_ALIVE | SERVER_ALIVE2) {
            AuthLevel::Connect
        } else if self.fixed(interface).is_some() {
            AuthLevel::None
        } else {
            self.minimum_level
        }
    }

    fn dispatch<'a>(&'a self, cx: &'a CallContext, interface: SyntaxId, opnum: u16, stub: Bytes) -> DispatchFuture<'a> {
        let Some(counted) = self.calls.begin(cx) else {
            tracing::warn!(target: "rwmi::audit", event = "too busy", peer = %cx.peer);
            return Box::pin(async { Err(FaultStatus::NCA_S_SERVER_TOO_BUSY) });
        };
        let dispatch: &dyn Dispatch = match (self.fixed(&interface), &self.objects) {
            (Some(fixed), _) => &**fixed,
            (None, Some(objects)) => objects,
            (None, None) => return Box::pin(async { Err(FaultStatus::NCA_S_UNK_IF) }),
        };
        Box::pin(async move {
            let _counted = counted;
            dispatch.dispatch(cx, opnum, stub).await
        })
    }

    fn closed(&self, connection: u64) {
        self.exporter.connection_closed(connection);
    }
}

const SERVER_ALIVE: u16 = 3;
const SERVER_ALIVE2: u16 = 5;
