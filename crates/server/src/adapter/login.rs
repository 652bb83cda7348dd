//! The login object: IWbemLevel1Login and what stands beside it ([MS-WMI] 3.1.4.1).

use super::rules::{locale, login_namespace};
use super::services::Services;
use super::{Realm, check_context, fail, status};
use crate::access::Rights;
use crate::broker::Failure;
use rwmi_cim::WbemStatus;
use rwmi_dcom::{self as dcom, ExportedObject, ObjectContext, Outcome};
use rwmi_ndr::HResult;
use rwmi_wbem::check_login_flags;
use rwmi_wbem::interfaces::*;
use std::sync::Arc;

pub(super) struct Login {
    realm: Realm,
}

impl Login {
    pub(super) fn object(realm: Realm) -> ExportedObject {
        let login = Arc::new(Login { realm });
        ExportedObject::new(IWbemLevel1Login::serve(login.clone()))
            .with(IWbemLoginClientID::serve(login.clone()))
            .with(IWbemLoginClientIDEx::serve(login.clone()))
            .with(IWbemLoginHelper::serve(login))
            .denied_with(hresult(WbemStatus::ACCESS_DENIED))
    }

    async fn login(&self, cx: &ObjectContext, call: &NtlmLogin) -> Result<Services, dcom::Failure> {
        let resource = call.resource.as_ref().map(|r| r.0.as_str());
        let namespace = login_namespace(resource).map_err(|e| fail(Failure::new(e, format!("{resource:?} is no namespace"))))?;
        let locale = locale(call.locale.as_ref().map(|l| l.0.as_str()))?;
        check_login_flags(call.flags).map_err(status)?;
        check_context(call.context.as_ref())?;
        // Rights before existence: who may not read learns nothing of what there is.
        let principal = self.realm.admit(&cx.call, &namespace, Rights::ENABLE)?;
        if !self.realm.core.broker.has_namespace(&namespace) {
            return Err(fail(Failure::new(WbemStatus::INVALID_NAMESPACE, format!("there is no namespace {namespace:?}"))));
        }
        let session = self.realm.open_session(cx, &principal)?;
        Ok(Services::new(self.realm.clone(), &principal, namespace, locale, session))
    }

    fn claim(&self, cx: &ObjectContext, machine: Option<&str>, process: u32) {
        // The client's own words: logged as such, never acted on, and short.
        let machine: String = machine.unwrap_or_default().chars().filter(|c| !c.is_control()).take(256).collect();
        tracing::info!(target: "rwmi::audit", event = "client claims", machine, process, peer = %cx.call.peer);
        // This client knows what to do with error information; others do not, and one dies of it.
        cx.session.want_error_info();
    }
}

impl WbemLevel1Login for Login {
    async fn establish_position(&self, _: &ObjectContext, _: EstablishPosition) -> Outcome<EstablishPositionReply> {
        Ok((EstablishPositionReply { locale_version: 1 }, HResult::S_OK))
    }

    async fn ntlm_login(&self, cx: &ObjectContext, call: NtlmLogin) -> Outcome<NtlmLoginReply> {
        let result = self.login(cx, &call).await;
        let user = Realm::caller_name(&cx.call);
        let level = cx.call.level.name();
        match result {
            Ok(services) => {
                tracing::info!(target: "rwmi::audit", event = "login", %user, level, peer = %cx.call.peer, namespace = services.namespace());
                let services = Some(super::export(cx, services.object(), IWbemServices::IID)?);
                Ok((NtlmLoginReply { services }, HResult::S_OK))
            }
            Err(failure) => {
                tracing::warn!(target: "rwmi::audit", event = "login denied", %user, level, peer = %cx.call.peer, code = %failure.code);
                Err(failure)
            }
        }
    }
}

impl WbemLoginClientId for Login {
    async fn set_client_info(&self, cx: &ObjectContext, call: SetClientInfo) -> Outcome<SetClientInfoReply> {
        self.claim(cx, call.machine.as_ref().map(|m| m.0.as_str()), call.process as u32);
        Ok((SetClientInfoReply {}, HResult::S_OK))
    }
}

impl WbemLoginClientIdEx for Login {
    async fn set_client_info_ex(&self, cx: &ObjectContext, call: SetClientInfoEx) -> Outcome<SetClientInfoExReply> {
        self.claim(cx, call.machine.as_ref().map(|m| m.0.as_str()), call.process);
        Ok((SetClientInfoExReply {}, HResult::S_OK))
    }
}

impl WbemLoginHelper for Login {
    async fn set_event(&self, _: &ObjectContext, _: SetEvent) -> Outcome<SetEventReply> {
        Ok((SetEventReply {}, HResult::S_OK))
    }
}
