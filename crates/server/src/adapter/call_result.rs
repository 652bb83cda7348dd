//! IWbemCallResult: what a call leaves behind for a client that comes for it later ([MS-WMI] 3.1.4.5).

use super::enumerator::wait_of;
use super::services::Services;
use super::{fail, status};
use crate::broker::Failure;
use rwmi_cim::WbemStatus;
use rwmi_dcom::{self as dcom, ExportedObject, InterfacePointer, ObjectContext, Outcome};
use rwmi_ndr::HResult;
use rwmi_wbem::interfaces::*;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// What came of a call.
#[derive(Clone)]
pub(super) enum Yield {
    /// An object.
    Object(InterfacePointer),
    /// A namespace.
    Services(Arc<Services>),
    /// The path of what was put.
    Text(String),
    /// Nothing but that it succeeded.
    Nothing,
}

type Done = Result<Yield, Failure>;

pub(super) struct CallResult {
    done: watch::Receiver<Option<Done>>,
    running: Option<AbortHandle>,
}

impl Drop for CallResult {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

impl CallResult {
    /// Of a call that is over.
    pub(super) fn ready(done: Done) -> ExportedObject {
        CallResult { done: watch::channel(Some(done)).1, running: None }.object()
    }

    /// Of a call that goes on.
    pub(super) fn pending(call: impl Future<Output = Done> + Send + 'static) -> ExportedObject {
        let (tell, done) = watch::channel(None);
        let running = tokio::spawn(async move {
            let result = call.await;
            // Nobody is there any more: nobody needs to know.
            let _ = tell.send(Some(result));
        });
        CallResult { done, running: Some(running.abort_handle()) }.object()
    }

    fn object(self) -> ExportedObject {
        ExportedObject::new(IWbemCallResult::serve(Arc::new(self))).denied_with(hresult(WbemStatus::ACCESS_DENIED))
    }

    /// The outcome; `None` where the time runs out first.
    async fn wait(&self, timeout_ms: i32) -> Result<Option<Done>, dcom::Failure> {
        let wait = wait_of(timeout_ms)?;
        let mut done = self.done.clone();
        let result = match timeout(wait, done.wait_for(Option::is_some)).await {
            Ok(Ok(done)) => (*done).clone(),
            // The call ended without a word: it panicked.
            Ok(Err(_)) => Some(Err(WbemStatus::FAILED.into())),
            Err(_) => None,
        };
        Ok(result)
    }
}

const TIMEDOUT: HResult = hresult(WbemStatus::TIMEDOUT);

impl WbemCallResult for CallResult {
    async fn result_object(&self, _: &ObjectContext, call: GetResultObject) -> Outcome<GetResultObjectReply> {
        match self.wait(call.timeout_ms).await? {
            None => Ok((GetResultObjectReply::default(), TIMEDOUT)),
            Some(Ok(Yield::Object(object))) => Ok((GetResultObjectReply { object: Some(object) }, HResult::S_OK)),
            Some(Ok(_)) => Err(status(WbemStatus::INVALID_OPERATION)),
            Some(Err(failure)) => Err(fail(failure)),
        }
    }

    async fn result_string(&self, _: &ObjectContext, call: GetResultString) -> Outcome<GetResultStringReply> {
        match self.wait(call.timeout_ms).await? {
            None => Ok((GetResultStringReply::default(), TIMEDOUT)),
            Some(Ok(Yield::Text(text))) => Ok((GetResultStringReply { text: text.as_str().into() }, HResult::S_OK)),
            Some(Ok(_)) => Err(status(WbemStatus::INVALID_OPERATION)),
            Some(Err(failure)) => Err(fail(failure)),
        }
    }

    async fn result_services(&self, cx: &ObjectContext, call: GetResultServices) -> Outcome<GetResultServicesReply> {
        match self.wait(call.timeout_ms).await? {
            None => Ok((GetResultServicesReply::default(), TIMEDOUT)),
            Some(Ok(Yield::Services(services))) => {
                let services = Some(super::export(cx, Services::shared(services), IWbemServices::IID)?);
                Ok((GetResultServicesReply { services }, HResult::S_OK))
            }
            Some(Ok(_)) => Err(status(WbemStatus::INVALID_OPERATION)),
            Some(Err(failure)) => Err(fail(failure)),
        }
    }

    async fn call_status(&self, _: &ObjectContext, call: GetCallStatus) -> Outcome<GetCallStatusReply> {
        match self.wait(call.timeout_ms).await? {
            None => Ok((GetCallStatusReply::default(), TIMEDOUT)),
            Some(done) => {
                let status = done.map_or_else(|f| f.status.0, |_| 0);
                Ok((GetCallStatusReply { status }, HResult::S_OK))
            }
        }
    }
}
