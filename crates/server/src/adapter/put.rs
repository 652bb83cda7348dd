//! Calls that write: PutClass, DeleteClass, PutInstance, DeleteInstance ([MS-WMI] 3.1.4.3.6 to 3.1.4.3.16).
//!
//! What is written is durable when the call is answered, semisynchronous or not: clients ask the call result once, at once.

use super::call_result::Yield;
use super::services::{Services, has};
use super::{fail, status};
use crate::access::{Principal, Rights};
use crate::broker::{Failure, Options};
use rwmi_cim::mof::PutMode;
use rwmi_cim::{Entity, Instance, Object, Operation, PutOptions, RequestContext, Sink, Value, WbemStatus};
use rwmi_dcom::{self as dcom, InterfacePointer, ObjectContext};
use rwmi_wbem::interfaces::InOut;
use rwmi_wbem::{ClassObjectRef, Context, ContextValue, flags};
use rwmi_wmio::{DecodeError, DecodeOptions, Decoder};
use std::sync::PoisonError;

/// Operations of one namespace each that wait for the last of them.
#[derive(Default)]
pub(super) struct Transaction {
    id: String,
    operations: Vec<(RequestContext, Operation)>,
    octets: usize,
}

/// Most operations that wait for the last of them.
const OPERATIONS_MAX: usize = 200_000;
/// Most octets of their objects.
const OCTETS_MAX: usize = 64 << 20;

/// What the context of a call says about a put.
#[derive(Default)]
struct Said {
    put: PutOptions,
    /// The transaction that the operation is part of, and whether it is the last one.
    transaction: Option<(String, bool)>,
    /// The namespace of the operation, where it is part of a transaction.
    namespace: Option<String>,
}

impl Said {
    fn read(context: Option<&InterfacePointer>, opnum_flags: i32, class: bool) -> Result<Said, Failure> {
        let mode = PutMode {
            create_only: has(opnum_flags, flags::CREATE_ONLY),
            update_only: has(opnum_flags, flags::UPDATE_ONLY),
            safe: class && has(opnum_flags, flags::UPDATE_SAFE_MODE),
            force: class && has(opnum_flags, flags::UPDATE_FORCE_MODE),
        };
        let mut said = Said::default();
        said.put.mode = mode;
        said.put.amended = has(opnum_flags, flags::USE_AMENDED_QUALIFIERS);
        let Some(pointer) = context else { return Ok(said) };
        let wrong = |why: &str| Failure::new(WbemStatus::INVALID_CONTEXT, why);
        let context = Context::from_pointer(pointer).map_err(|e| wrong(&e.to_string()))?;
        let is_set = |name: &str| match context.value(name) {
            None | Some(ContextValue::Null) => Ok(false),
            Some(ContextValue::Bool(b)) => Ok(*b),
            Some(ContextValue::I4(n)) => Ok(*n != 0),
            Some(_) => Err(wrong(&format!("{name} is a boolean"))),
        };
        let text = |name: &str| match context.value(name) {
            None | Some(ContextValue::Null) => Ok(None),
            Some(ContextValue::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(wrong(&format!("{name} is a string"))),
        };
        if !class && is_set("__PUT_EXTENSIONS")? {
            said.put.strict_nulls = is_set("__PUT_EXT_STRICT_NULLS")?;
            said.put.properties = match context.value("__PUT_EXT_PROPERTIES") {
                None | Some(ContextValue::Null) => None,
                Some(ContextValue::Text(name)) => Some(vec![name.clone()]),
                Some(ContextValue::Array(_, items)) => Some(
                    items
                        .iter()
                        .map(|item| match item {
                            ContextValue::Text(name) => Ok(name.clone()),
                            _ => Err(wrong("__PUT_EXT_PROPERTIES is an array of strings")),
                        })
                        .collect::<Result<_, _>>()?,
                ),
                Some(_) => return Err(wrong("__PUT_EXT_PROPERTIES is an array of strings")),
            };
            // A part can only be written of what is there.
            if said.put.properties.is_some() && !mode.update_only {
                return Err(wrong("a partial put is an update: the flag WBEM_FLAG_UPDATE_ONLY is missing"));
            }
        }
        if let Some(id) = text("__RWMI_TRANSACTION")? {
            said.transaction = Some((id, is_set("__RWMI_TRANSACTION_COMMIT")?));
            said.namespace = text("__RWMI_NAMESPACE")?;
        }
        Ok(said)
    }
}

impl Services {
    pub(super) async fn write_class(
        &self,
        cx: &ObjectContext,
        object: &InterfacePointer,
        flags: i32,
        context: Option<&InterfacePointer>,
        wanted: &InOut,
    ) -> Result<InOut, dcom::Failure> {
        let said = Said::read(context, flags, true).map_err(fail)?;
        self.place().admit(cx, Rights::ENABLE)?;
        let made = match received(object) {
            Ok(Entity::Class(class)) => Ok(Operation::PutClass { class, options: said.put.clone() }),
            Ok(Entity::Instance(_)) => Err(Failure::new(WbemStatus::INVALID_OBJECT, "an instance where a class belongs")),
            Err(failure) => Err(failure),
        };
        self.write(cx, said, made, octets_of(object), wanted).await
    }

    pub(super) async fn write_instance(
        &self,
        cx: &ObjectContext,
        object: &InterfacePointer,
        flags: i32,
        context: Option<&InterfacePointer>,
        wanted: &InOut,
    ) -> Result<InOut, dcom::Failure> {
        let said = Said::read(context, flags, false).map_err(fail)?;
        self.place().admit(cx, Rights::ENABLE)?;
        let made = match received(object) {
            Ok(Entity::Instance(object)) => owned(&object).map(|instance| Operation::Put { instance, options: said.put.clone() }),
            Ok(Entity::Class(_)) => Err(Failure::new(WbemStatus::INVALID_OBJECT, "a class where an instance belongs")),
            Err(failure) => Err(failure),
        };
        self.write(cx, said, made, octets_of(object), wanted).await
    }

    pub(super) async fn delete(
        &self,
        cx: &ObjectContext,
        operation: Result<Operation, Failure>,
        context: Option<&InterfacePointer>,
        wanted: &InOut,
    ) -> Result<InOut, dcom::Failure> {
        let said = Said::read(context, 0, true).map_err(fail)?;
        self.place().admit(cx, Rights::ENABLE)?;
        self.write(cx, said, operation, 0, wanted).await
    }

    async fn write(
        &self,
        cx: &ObjectContext,
        said: Said,
        operation: Result<Operation, Failure>,
        octets: usize,
        wanted: &InOut,
    ) -> Result<InOut, dcom::Failure> {
        let operation = match operation {
            Ok(operation) => operation,
            Err(failure) => {
                // Who may write nothing hears nothing about what he wrote.
                self.place().admit_any(cx, WRITE)?;
                return self.leave(cx, wanted, Err(failure));
            }
        };
        let mut request = self.place().request.clone();
        if let (Some(namespace), Some(_)) = (&said.namespace, &said.transaction) {
            request.namespace = namespace.replace('/', r"\");
        }
        let core = &self.place().realm.core;
        let mut needed = core.broker.rights_to_write(&request.namespace, &operation);
        if said.transaction.is_some() {
            needed = needed | Rights::FULL_WRITE;
        }
        let principal = self.place().realm.admit(&cx.call, &request.namespace, Rights::ENABLE | needed)?;
        request.elevated = core.access.is_admin(&principal);
        audit(&principal, cx, &request, &operation);
        let done = match said.transaction {
            None => self.write_now(request, operation).await,
            Some((id, last)) => match self.enlist(id, request, operation, octets, last) {
                Ok(None) => Ok(Yield::Nothing),
                Ok(Some(operations)) => core.broker.write_together(operations).await.map(|()| Yield::Nothing),
                Err(failure) => Err(failure),
            },
        };
        self.leave(cx, wanted, done)
    }

    async fn write_now(&self, request: RequestContext, operation: Operation) -> Result<Yield, Failure> {
        let (sink, put) = Sink::bounded(1);
        self.place().realm.core.broker.run(&request, Options::default(), operation, &sink).await?;
        Ok(match put.try_recv() {
            Ok(Entity::Instance(object)) => Yield::Text(object.relative_path().map(|p| p.to_string()).unwrap_or_default()),
            _ => Yield::Nothing,
        })
    }

    /// Adds an operation to the transaction of this namespace; gives all of it where this is its last.
    fn enlist(
        &self,
        id: String,
        request: RequestContext,
        operation: Operation,
        octets: usize,
        last: bool,
    ) -> Result<Option<Vec<(RequestContext, Operation)>>, Failure> {
        let mut slot = self.transaction.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.id != id {
            // Another one begins: what the one before has not finished never happens.
            *slot = Transaction { id, ..Transaction::default() };
        }
        slot.octets = slot.octets.saturating_add(octets);
        if slot.operations.len() >= OPERATIONS_MAX || slot.octets > OCTETS_MAX {
            *slot = Transaction::default();
            return Err(Failure::new(WbemStatus::QUOTA_VIOLATION, "too much in one transaction"));
        }
        slot.operations.push((request, operation));
        Ok(last.then(|| std::mem::take(&mut *slot).operations))
    }
}

/// Rights of which every writer has one.
pub(super) const WRITE: [Rights; 3] = [Rights::PARTIAL_WRITE, Rights::FULL_WRITE, Rights::WRITE_PROVIDER];

fn octets_of(object: &InterfacePointer) -> usize {
    ClassObjectRef::from_pointer(object).map_or(0, |o| o.0.len())
}

/// The class or instance that a client sent.
pub(super) fn received(object: &InterfacePointer) -> Result<Entity, Failure> {
    let invalid = |why: String| Failure::new(WbemStatus::INVALID_OBJECT, why);
    let octets = ClassObjectRef::from_pointer(object).map_err(|e| invalid(e.to_string()))?;
    Decoder::new(DecodeOptions::from_client()).unit(&octets.0).map_err(|e| match e {
        DecodeError::Limit { what: "properties", .. } => Failure::new(WbemStatus::TOO_MANY_PROPERTIES, e.to_string()),
        e => invalid(e.to_string()),
    })
}

/// The instance with everything in it decoded, so that what cannot be read is refused and what is kept is only what is needed.
pub(super) fn owned(object: &Object) -> Result<Instance, Failure> {
    let mut instance = object.to_instance().map_err(|e| Failure::new(WbemStatus::INVALID_OBJECT, e.to_string()))?;
    for value in &mut instance.values {
        own(value)?;
    }
    Ok(instance)
}

fn own(value: &mut Value) -> Result<(), Failure> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(own),
        Value::Object(entity) => {
            if let Entity::Instance(object) = &**entity {
                // The decoder bounds how deep this goes.
                let inner = Entity::from(owned(object)?);
                **entity = inner;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Says in the log who changes what; not to which values.
fn audit(principal: &Principal, cx: &ObjectContext, request: &RequestContext, operation: &Operation) {
    let (event, what) = match operation {
        Operation::PutClass { class, .. } => ("put class", class.name.clone()),
        Operation::DeleteClass(name) => ("delete class", name.clone()),
        Operation::Put { instance, .. } => {
            let path = Object::from(instance.clone()).relative_path();
            ("put instance", path.map_or_else(|| instance.class.name.clone(), |p| p.to_string()))
        }
        Operation::Delete(path) => ("delete instance", path.to_string()),
        _ => return,
    };
    let what: String = what.chars().take(512).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    tracing::info!(target: "rwmi::audit", event, user = %principal, peer = %cx.call.peer, namespace = request.namespace, what);
}

/// Whether a class was given at all.
pub(super) fn given(object: &Option<InterfacePointer>) -> Result<&InterfacePointer, dcom::Failure> {
    object.as_ref().ok_or_else(|| status(WbemStatus::INVALID_PARAMETER))
}
