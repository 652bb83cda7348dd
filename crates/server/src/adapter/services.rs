//! IWbemServices: one namespace, as one client sees it ([MS-WMI] 3.1.4.3).

use super::asynchronous::{self, Text};
use super::call_result::{CallResult, Yield};
use super::enumerator::{Enumerator, Shape, marshal};
use super::part;
use super::put::{self, Transaction};
use super::rows::Rows;
use super::rules::relative_namespace;
use super::{Realm, SessionGuard, check_context, fail, status};
use crate::access::{Principal, Rights};
use crate::broker::events::Kind;
use crate::broker::on_behalf;
use crate::broker::{Failure, Options};
use crate::cursor::Cursor;
use rwmi_cim::{Class, Entity, ObjectPath, Operation, PathKeys, RequestContext, Sink, WbemStatus};
use rwmi_dcom::{self as dcom, ExportedObject, InterfacePointer, ObjectContext, Outcome};
use rwmi_ndr::HResult;
use rwmi_wbem::Bstr;
use rwmi_wbem::flags::{self, IDENTIFIER_LEN_MAX, PATH_LEN_MAX, QUERY_LEN_MAX, check_flags, check_len};
use rwmi_wbem::interfaces::*;
use std::sync::{Arc, Mutex};

/// A namespace of a realm: what the objects that come out of a login know.
pub(super) struct Place {
    pub(super) realm: Realm,
    pub(super) request: RequestContext,
}

impl Place {
    /// Lets the caller of a call do something here, or says no.
    pub(super) fn admit(&self, cx: &ObjectContext, wanted: Rights) -> Result<Principal, dcom::Failure> {
        self.realm.admit(&cx.call, &self.request.namespace, wanted)
    }

    /// A request of a caller as he is now: what made him an administrator at the login may have been taken from him.
    pub(super) fn request_of(&self, principal: &Principal) -> RequestContext {
        on_behalf(&self.request, self.realm.core.access.is_admin(principal), self.realm.local)
    }

    /// As [`Place::admit`], for who has one of these.
    pub(super) fn admit_any(&self, cx: &ObjectContext, wanted: [Rights; 3]) -> Result<Principal, dcom::Failure> {
        let principal = self.admit(cx, Rights::ENABLE)?;
        let rights = self.realm.core.access.rights(&principal, &self.request.namespace);
        if wanted.iter().any(|w| rights.has(*w)) { Ok(principal) } else { self.admit(cx, wanted[0]) }
    }
}

pub(super) struct Services {
    place: Arc<Place>,
    pub(super) transaction: Mutex<Transaction>,
    _session: SessionGuard,
}

pub(super) fn has(flags: i32, bit: i32) -> bool {
    flags & bit != 0
}

fn options(flags: i32) -> Options {
    Options { amended: has(flags, flags::USE_AMENDED_QUALIFIERS), direct_read: has(flags, flags::DIRECT_READ), ..Options::default() }
}

impl Services {
    pub(super) fn new(realm: Realm, principal: &Principal, namespace: String, locale: Option<String>, session: SessionGuard) -> Services {
        let mut request = RequestContext::new(principal.to_string(), namespace);
        request.locale = locale;
        request.elevated = realm.core.access.is_admin(principal);
        request.local = realm.local;
        Services { place: Arc::new(Place { realm, request }), transaction: Mutex::default(), _session: session }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// As [`Services::place`], for what goes on behind a call.
    pub(super) fn shared_place(&self) -> Arc<Place> {
        self.place.clone()
    }

    pub(super) fn namespace(&self) -> &str {
        &self.place.request.namespace
    }

    pub(super) fn object(self) -> ExportedObject {
        Services::shared(Arc::new(self))
    }

    pub(super) fn shared(services: Arc<Services>) -> ExportedObject {
        ExportedObject::new(IWbemServices::serve(services.clone()))
            .with(IWbemRefreshingServices::serve(services))
            .denied_with(hresult(WbemStatus::ACCESS_DENIED))
    }

    /// Starts an operation that gives many objects. Without RETURN_IMMEDIATELY it is over, or well on its way, when this
    /// returns, and its failure is the call's; with it a failure comes out of the enumerator.
    async fn enumerate(
        &self,
        cx: &ObjectContext,
        flags: i32,
        shape: Shape,
        options: Options,
        operation: Operation,
    ) -> Result<Option<InterfacePointer>, dcom::Failure> {
        let principal = self.place.admit(cx, Rights::ENABLE)?;
        let core = &self.place.realm.core;
        let (broker, request) = (core.broker.clone(), self.place.request_of(&principal));
        let running = |sink: Sink| async move { broker.run(&request, options, operation, &sink).await };
        let mut cursor = Cursor::start(!has(flags, flags::FORWARD_ONLY), core.results.clone(), running);
        if !has(flags, flags::RETURN_IMMEDIATELY) {
            cursor.complete().await.map_err(fail)?;
        }
        let enumerator = Enumerator::object(self.place.clone(), shape, cursor);
        Ok(Some(super::export(cx, enumerator, IEnumWbemClassObject::IID)?))
    }

    /// The first object of an operation.
    async fn one(place: Arc<Place>, request: RequestContext, options: Options, operation: Operation) -> Result<Entity, Failure> {
        let (sink, objects) = Sink::bounded(1);
        place.realm.core.broker.run(&request, options, operation, &sink).await?;
        objects.try_recv().map_err(|_| Failure::from(WbemStatus::NOT_FOUND))
    }

    /// Hands over what came of a call that can leave a call result. With one wanted, the failure is in it and the call
    /// itself succeeds: clients look there.
    pub(super) fn leave(&self, cx: &ObjectContext, wanted: &InOut, done: Result<Yield, Failure>) -> Result<InOut, dcom::Failure> {
        match (wanted, done) {
            (None, Err(failure)) => Err(fail(failure)),
            (None, Ok(_)) => Ok(None),
            (Some(_), done) => Ok(Some(Some(super::export(cx, CallResult::ready(done), IWbemCallResult::IID)?))),
        }
    }
}

pub(super) fn path_of(text: &str) -> Result<ObjectPath, Failure> {
    text.parse().map_err(|e: rwmi_cim::PathError| Failure::new(WbemStatus::INVALID_OBJECT_PATH, e.to_string()))
}

fn check_wql(language: &Bstr) -> Result<(), dcom::Failure> {
    match language.text() {
        None => Err(status(WbemStatus::INVALID_PARAMETER)),
        Some(l) if l.eq_ignore_ascii_case("WQL") => Ok(()),
        Some(l) => Err(fail(Failure::new(WbemStatus::INVALID_QUERY_TYPE, format!("{l:?} is not WQL")))),
    }
}

pub(super) fn need(text: &Bstr) -> Result<String, dcom::Failure> {
    text.text().ok_or_else(|| status(WbemStatus::INVALID_PARAMETER))
}

/// No refreshers: clients ask again by other means.
impl WbemRefreshingServices for Services {}

impl WbemServices for Services {
    async fn open_namespace(&self, cx: &ObjectContext, call: OpenNamespace) -> Outcome<OpenNamespaceReply> {
        check_len(&call.namespace, flags::RESOURCE_LEN_MAX).map_err(status)?;
        let below = relative_namespace(&need(&call.namespace)?).map_err(status)?;
        if call.context.is_some() || (call.services.is_none() && call.result.is_none()) {
            return Err(status(WbemStatus::INVALID_PARAMETER));
        }
        check_flags(3, call.flags).map_err(status)?;
        let namespace = format!(r"{}\{below}", self.namespace());
        let realm = &self.place.realm;
        let principal = realm.admit(&cx.call, &namespace, Rights::ENABLE)?;
        let opened = if realm.core.broker.has_namespace(&namespace) {
            let session = realm.open_session(cx, &principal)?;
            Ok(Arc::new(Services::new(realm.clone(), &principal, namespace, self.place.request.locale.clone(), session)))
        } else {
            Err(Failure::new(WbemStatus::INVALID_NAMESPACE, format!("there is no namespace {namespace:?}")))
        };
        if call.services.is_some() && !has(call.flags, flags::RETURN_IMMEDIATELY) {
            // What is asked for directly is answered directly, whatever else is asked for.
            let services = Some(super::export(cx, Services::shared(opened.clone().map_err(fail)?), IWbemServices::IID)?);
            let result = self.leave(cx, &call.result, opened.map(Yield::Services))?;
            return Ok((OpenNamespaceReply { services: answer(&call.services, services), result }, HResult::S_OK));
        }
        let result = self.leave(cx, &call.result, opened.map(Yield::Services))?;
        Ok((OpenNamespaceReply { services: answer(&call.services, None), result }, HResult::S_OK))
    }

    async fn cancel_async_call(&self, cx: &ObjectContext, call: CancelAsyncCall) -> Outcome<CancelAsyncCallReply> {
        if call.sink.is_none() {
            return Err(status(WbemStatus::INVALID_PARAMETER));
        }
        self.place.admit(cx, Rights::ENABLE)?;
        // No asynchronous call was ever begun.
        Err(status(WbemStatus::NOT_FOUND))
    }

    async fn get_object(&self, cx: &ObjectContext, call: GetObject) -> Outcome<GetObjectReply> {
        check_len(&call.path, PATH_LEN_MAX).map_err(status)?;
        if call.object.is_none() && call.result.is_none() {
            return Err(status(WbemStatus::INVALID_PARAMETER));
        }
        check_flags(6, call.flags).map_err(status)?;
        let wanted = part::wanted(call.context.as_ref()).map_err(fail)?;
        let principal = self.place.admit(cx, Rights::ENABLE)?;
        let request = self.place.request_of(&principal);
        let (place, text, options) = (self.place.clone(), call.path.text_or_empty(), options(call.flags));
        let getting = async move {
            if text.is_empty() {
                return marshal(&Entity::Class(Arc::new(Class::default()))).map(Yield::Object);
            }
            let path = path_of(&text)?;
            let is_class = path.keys == PathKeys::Class;
            let operation = if is_class { Operation::GetClass(path.class.clone()) } else { Operation::Get(path) };
            match Services::one(place, request, options, operation).await {
                Ok(entity) => marshal(&part::part(entity, wanted.as_deref())?).map(Yield::Object),
                // A class that is asked for by its path is an object that is not there.
                Err(f) if is_class && f.status == WbemStatus::INVALID_CLASS => Err(Failure { status: WbemStatus::NOT_FOUND, ..f }),
                Err(f) => Err(f),
            }
        };
        if has(call.flags, flags::RETURN_IMMEDIATELY) && call.result.is_some() {
            let result = Some(super::export(cx, CallResult::pending(getting), IWbemCallResult::IID)?);
            return Ok((GetObjectReply { object: answer(&call.object, None), result: Some(result) }, HResult::S_OK));
        }
        let done = getting.await;
        if call.object.is_some() {
            let object = match done.clone().map_err(fail)? {
                Yield::Object(object) => Some(object),
                _ => None,
            };
            let result = self.leave(cx, &call.result, done)?;
            return Ok((GetObjectReply { object: answer(&call.object, object), result }, HResult::S_OK));
        }
        Ok((GetObjectReply { object: None, result: self.leave(cx, &call.result, done)? }, HResult::S_OK))
    }

    async fn put_class(&self, cx: &ObjectContext, call: PutClass) -> Outcome<PutClassReply> {
        let object = put::given(&call.object)?;
        check_flags(8, call.flags).map_err(status)?;
        let result = self.write_class(cx, object, call.flags, call.context.as_ref(), &call.result).await?;
        Ok((PutClassReply { result }, HResult::S_OK))
    }

    async fn delete_class(&self, cx: &ObjectContext, call: DeleteClass) -> Outcome<DeleteClassReply> {
        check_len(&call.class, IDENTIFIER_LEN_MAX).map_err(status)?;
        let name = need(&call.class)?;
        check_flags(10, call.flags).map_err(status)?;
        let result = self.delete(cx, Ok(Operation::DeleteClass(name)), call.context.as_ref(), &call.result).await?;
        Ok((DeleteClassReply { result }, HResult::S_OK))
    }

    async fn create_class_enum(&self, cx: &ObjectContext, call: CreateClassEnum) -> Outcome<CreateClassEnumReply> {
        check_len(&call.superclass, IDENTIFIER_LEN_MAX).map_err(status)?;
        check_flags(12, call.flags).map_err(status)?;
        check_context(call.context.as_ref())?;
        let operation = Operation::EnumClasses { superclass: call.superclass.text_or_empty(), deep: !has(call.flags, flags::SHALLOW) };
        let enumerator = self.enumerate(cx, call.flags, Shape::Ordinary, options(call.flags), operation).await?;
        Ok((CreateClassEnumReply { enumerator }, HResult::S_OK))
    }

    async fn put_instance(&self, cx: &ObjectContext, call: PutInstance) -> Outcome<PutInstanceReply> {
        let object = put::given(&call.object)?;
        check_flags(14, call.flags).map_err(status)?;
        let result = self.write_instance(cx, object, call.flags, call.context.as_ref(), &call.result).await?;
        Ok((PutInstanceReply { result }, HResult::S_OK))
    }

    async fn delete_instance(&self, cx: &ObjectContext, call: DeleteInstance) -> Outcome<DeleteInstanceReply> {
        check_len(&call.path, PATH_LEN_MAX).map_err(status)?;
        let text = need(&call.path)?;
        check_flags(16, call.flags).map_err(status)?;
        let operation = path_of(&text).and_then(|path| match path.keys {
            PathKeys::Class => Err(Failure::new(WbemStatus::INVALID_OBJECT_PATH, "the path is of a class, not of an instance")),
            _ => Ok(Operation::Delete(path)),
        });
        let result = self.delete(cx, operation, call.context.as_ref(), &call.result).await?;
        Ok((DeleteInstanceReply { result }, HResult::S_OK))
    }

    async fn create_instance_enum(&self, cx: &ObjectContext, call: CreateInstanceEnum) -> Outcome<CreateInstanceEnumReply> {
        check_len(&call.class, IDENTIFIER_LEN_MAX).map_err(status)?;
        let class = need(&call.class)?;
        check_flags(18, call.flags).map_err(status)?;
        check_context(call.context.as_ref())?;
        let operation = Operation::Enumerate { class, deep: !has(call.flags, flags::SHALLOW) };
        let enumerator = self.enumerate(cx, call.flags, Shape::Ordinary, options(call.flags), operation).await?;
        Ok((CreateInstanceEnumReply { enumerator }, HResult::S_OK))
    }

    async fn exec_query(&self, cx: &ObjectContext, call: ExecQuery) -> Outcome<ExecQueryReply> {
        check_len(&call.query, QUERY_LEN_MAX).map_err(status)?;
        let query = need(&call.query)?;
        check_wql(&call.language)?;
        check_flags(20, call.flags).map_err(status)?;
        check_context(call.context.as_ref())?;
        let options = Options {
            prototype: has(call.flags, flags::PROTOTYPE),
            ensure_locatable: has(call.flags, flags::ENSURE_LOCATABLE),
            ..options(call.flags)
        };
        let shape = if options.prototype { Shape::Prototype } else { Shape::Ordinary };
        let enumerator = self.enumerate(cx, call.flags, shape, options, Operation::Query(query)).await?;
        Ok((ExecQueryReply { enumerator }, HResult::S_OK))
    }

    async fn exec_notification_query(&self, cx: &ObjectContext, call: ExecNotificationQuery) -> Outcome<ExecNotificationQueryReply> {
        check_len(&call.query, QUERY_LEN_MAX).map_err(status)?;
        let query = need(&call.query)?;
        check_wql(&call.language)?;
        check_flags(22, call.flags).map_err(status)?;
        check_context(call.context.as_ref())?;
        let request = self.place.request_of(&self.place.admit(cx, Rights::ENABLE)?);
        let events = self.place.realm.core.broker.events();
        let mut subscribed = events.subscribe(&request, &query, Kind::Temporary).await;
        if matches!(&subscribed, Err(f) if f.status == WbemStatus::QUOTA_VIOLATION) {
            // What closed connections left open does not count.
            cx.exporter.reclaim(cx.call.caller.as_deref());
            subscribed = events.subscribe(&request, &query, Kind::Temporary).await;
        }
        let subscription = subscribed.map_err(fail)?;
        let texts = has(call.flags, flags::USE_AMENDED_QUALIFIERS).then(|| self.place.clone());
        let enumerator = Enumerator::object(self.place.clone(), Shape::Ordinary, Rows::events(subscription, texts));
        Ok((ExecNotificationQueryReply { enumerator: Some(super::export(cx, enumerator, IEnumWbemClassObject::IID)?) }, HResult::S_OK))
    }

    async fn exec_method(&self, cx: &ObjectContext, call: ExecMethod) -> Outcome<ExecMethodReply> {
        self.execute(cx, call).await
    }

    /// Would let a client tell events as if they were the machine's: for nobody, whatever his rights.
    async fn query_object_sink(&self, cx: &ObjectContext, call: QueryObjectSink) -> Outcome<QueryObjectSinkReply> {
        check_flags(5, call.flags).map_err(status)?;
        self.place.admit(cx, Rights::FULL_WRITE)?;
        Err(fail(Failure::new(WbemStatus::ACCESS_DENIED, "events of clients are not taken")))
    }

    async fn get_object_async(&self, cx: &ObjectContext, call: GetObjectAsync) -> Outcome<GetObjectAsyncReply> {
        check_len(&call.path, PATH_LEN_MAX).map_err(status)?;
        Err(self.refuse(cx, 7, call.flags, call.sink.as_ref(), &[], asynchronous::READ))
    }

    async fn put_class_async(&self, cx: &ObjectContext, call: PutClassAsync) -> Outcome<PutClassAsyncReply> {
        put::given(&call.object)?;
        Err(self.refuse(cx, 9, call.flags, call.sink.as_ref(), &[], asynchronous::WRITE))
    }

    async fn delete_class_async(&self, cx: &ObjectContext, call: DeleteClassAsync) -> Outcome<DeleteClassAsyncReply> {
        Err(self.refuse(cx, 11, call.flags, call.sink.as_ref(), &[Text(&call.class, IDENTIFIER_LEN_MAX)], asynchronous::WRITE))
    }

    async fn create_class_enum_async(&self, cx: &ObjectContext, call: CreateClassEnumAsync) -> Outcome<CreateClassEnumAsyncReply> {
        check_len(&call.superclass, IDENTIFIER_LEN_MAX).map_err(status)?;
        Err(self.refuse(cx, 13, call.flags, call.sink.as_ref(), &[], asynchronous::READ))
    }

    async fn put_instance_async(&self, cx: &ObjectContext, call: PutInstanceAsync) -> Outcome<PutInstanceAsyncReply> {
        put::given(&call.object)?;
        Err(self.refuse(cx, 15, call.flags, call.sink.as_ref(), &[], asynchronous::WRITE))
    }

    async fn delete_instance_async(&self, cx: &ObjectContext, call: DeleteInstanceAsync) -> Outcome<DeleteInstanceAsyncReply> {
        Err(self.refuse(cx, 17, call.flags, call.sink.as_ref(), &[Text(&call.path, PATH_LEN_MAX)], asynchronous::WRITE))
    }

    async fn create_instance_enum_async(&self, cx: &ObjectContext, call: CreateInstanceEnumAsync) -> Outcome<CreateInstanceEnumAsyncReply> {
        Err(self.refuse(cx, 19, call.flags, call.sink.as_ref(), &[Text(&call.class, IDENTIFIER_LEN_MAX)], asynchronous::READ))
    }

    async fn exec_query_async(&self, cx: &ObjectContext, call: ExecQueryAsync) -> Outcome<ExecQueryAsyncReply> {
        check_wql(&call.language)?;
        Err(self.refuse(cx, 21, call.flags, call.sink.as_ref(), &[Text(&call.query, QUERY_LEN_MAX)], asynchronous::READ))
    }

    async fn exec_notification_query_async(
        &self,
        cx: &ObjectContext,
        call: ExecNotificationQueryAsync,
    ) -> Outcome<ExecNotificationQueryAsyncReply> {
        check_wql(&call.language)?;
        Err(self.refuse(cx, 23, call.flags, call.sink.as_ref(), &[Text(&call.query, QUERY_LEN_MAX)], asynchronous::READ))
    }

    async fn exec_method_async(&self, cx: &ObjectContext, call: ExecMethodAsync) -> Outcome<ExecMethodAsyncReply> {
        Err(self.refuse(
            cx,
            25,
            call.flags,
            call.sink.as_ref(),
            &[Text(&call.path, PATH_LEN_MAX), Text(&call.method, IDENTIFIER_LEN_MAX)],
            asynchronous::CALL,
        ))
    }
}
