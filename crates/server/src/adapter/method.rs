//! ExecMethod ([MS-WMI] 3.1.4.3.22).

use super::call_result::{CallResult, Yield};
use super::enumerator::marshal;
use super::put::{owned, received};
use super::services::{Place, Services, has, need, path_of};
use super::{check_context, fail, status};
use crate::access::{Principal, Rights};
use crate::broker::{Failure, Options};
use rwmi_cim::{Entity, Instance, ObjectPath, Operation, RequestContext, Sink, WbemStatus};
use rwmi_dcom::{InterfacePointer, ObjectContext, Outcome};
use rwmi_ndr::HResult;
use rwmi_wbem::flags::{self, IDENTIFIER_LEN_MAX, PATH_LEN_MAX, check_flags, check_len};
use rwmi_wbem::interfaces::*;
use std::sync::Arc;

impl Services {
    pub(super) async fn execute(&self, cx: &ObjectContext, call: ExecMethod) -> Outcome<ExecMethodReply> {
        check_len(&call.path, PATH_LEN_MAX).map_err(status)?;
        check_len(&call.method, IDENTIFIER_LEN_MAX).map_err(status)?;
        let (path, method) = (need(&call.path)?, need(&call.method)?);
        check_flags(24, call.flags).map_err(status)?;
        let later = has(call.flags, flags::RETURN_IMMEDIATELY);
        // The one place where the answer belongs must be there.
        if if later { call.result.is_none() } else { call.out_params.is_none() } {
            return Err(status(WbemStatus::INVALID_PARAMETER));
        }
        check_context(call.context.as_ref())?;
        let place = self.shared_place();
        let principal = place.admit(cx, Rights::ENABLE | Rights::METHOD_EXECUTE)?;
        let request = place.request_of(&principal);
        let read = read(&path, call.in_params.as_ref());
        audit(&principal, cx, &request, &path, &method, read.as_ref().ok().and_then(|(_, args)| args.as_ref()));
        let running = run(place.clone(), request, read, method);
        if later {
            let result = Some(super::export(cx, CallResult::pending(running), IWbemCallResult::IID)?);
            return Ok((ExecMethodReply { out_params: answer(&call.out_params, None), result: Some(result) }, HResult::S_OK));
        }
        let done = running.await.map_err(fail)?;
        let out_params = match &done {
            Yield::Object(object) => Some(object.clone()),
            _ => None,
        };
        let result = self.leave(cx, &call.result, Ok(done))?;
        Ok((ExecMethodReply { out_params: answer(&call.out_params, out_params), result }, HResult::S_OK))
    }
}

type Read = (ObjectPath, Option<Instance>);

fn read(path: &str, in_params: Option<&InterfacePointer>) -> Result<Read, Failure> {
    let path = path_of(path)?;
    let invalid = |why: String| Failure::new(WbemStatus::INVALID_METHOD_PARAMETERS, why);
    let args = match in_params.map(received) {
        None => None,
        Some(Err(failure)) => return Err(invalid(format!("the parameters cannot be read: {failure}"))),
        Some(Ok(Entity::Class(class))) => return Err(invalid(format!("the parameters are the class {}, not an instance", class.name))),
        Some(Ok(Entity::Instance(object))) => Some(owned(&object).map_err(|f| invalid(f.to_string()))?),
    };
    Ok((path, args))
}

async fn run(place: Arc<Place>, request: RequestContext, read: Result<Read, Failure>, method: String) -> Result<Yield, Failure> {
    let (path, args) = read?;
    let (sink, answers) = Sink::bounded(1);
    let operation = Operation::Invoke { path, method, args };
    place.realm.core.broker.run(&request, Options::default(), operation, &sink).await?;
    let answer = answers.try_recv().map_err(|_| Failure::new(WbemStatus::FAILED, "the method gave no answer"))?;
    marshal(&answer).map(Yield::Object)
}

/// Says in the log, before it happens, who calls what, and what he names; not to which values.
fn audit(principal: &Principal, cx: &ObjectContext, request: &RequestContext, path: &str, method: &str, args: Option<&Instance>) {
    let clean = |text: &str, most| text.chars().take(most).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>();
    let given = args.map(|a| a.class.properties.iter().zip(&a.values).filter(|(_, v)| !v.is_null()).map(|(p, _)| p.name.as_str()));
    let names = given.map(|names| names.collect::<Vec<_>>().join(",")).unwrap_or_default();
    let (what, method, parameters) = (clean(path, 512), clean(method, 128), clean(&names, 512));
    let (user, namespace) = (principal, &request.namespace);
    tracing::info!(target: "rwmi::audit", event = "call method", %user, peer = %cx.call.peer, namespace, what, method, parameters);
}
