//! What changes a namespace: classes and instances, put and deleted.

use crate::argument::{Argument, fill};
use crate::namespace::Namespace;
use crate::session::{present, protocol};
use crate::{Error, ErrorKind, Misuse, Step};
use rwmi_cim::{Class, Entity, Instance, Object, Operation, PutOptions, WbemStatus};
use rwmi_dcom::InterfacePointer;
use rwmi_rpc::Method;
use rwmi_wbem::interfaces::*;
use rwmi_wbem::{ClassObjectRef, Context, ContextValue, flags};
use std::sync::Arc;

/// How long one GetCallStatus waits, in milliseconds.
const WAIT_MS: i32 = 10_000;

impl Namespace {
    /// Makes an instance or changes it; gives its path, relative to the namespace. A string key that is NULL is made up by
    /// the server.
    ///
    /// ```no_run
    /// # async fn example(ns: rwmi_client::Namespace) -> Result<(), Box<dyn std::error::Error>> {
    /// use rwmi_client::{Instance, PutOptions};
    /// let mut setting = Instance::new(ns.class("Demo_Setting").await?);
    /// setting.set("Name", "colour")?;
    /// setting.set("Value", "blue")?;
    /// let path = ns.put_instance(&setting, &PutOptions::default()).await?;
    /// # ns.delete_instance(&path).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `ALREADY_EXISTS` or `NOT_FOUND` as the options' mode says; `ILLEGAL_NULL` where a key is missing, `NO_KEY` where the
    /// class has none, `PROVIDER_NOT_CAPABLE` where its provider takes no changes, `ACCESS_DENIED`.
    pub async fn put_instance(&self, instance: &Instance, options: &PutOptions) -> Result<String, Error> {
        self.put_instance_with(instance, options, Vec::new()).await
    }

    /// As [`Namespace::put_instance`], with named values of the caller beside those of the options.
    pub(crate) async fn put_instance_with(
        &self,
        instance: &Instance,
        options: &PutOptions,
        said: Vec<(String, ContextValue)>,
    ) -> Result<String, Error> {
        let step = Step::Call { method: PutInstance::NAME };
        let path = Object::from(instance.clone()).relative_path().map(|p| p.to_string());
        let object = Some(self.pointer(&instance.clone().into())?);
        let flags = flags_of(options);
        let context = context_of(options, said);
        let putting = async {
            if let Some(path) = path {
                let call = PutInstance { object, flags, context, result: None };
                self.services.call(&call).await.map_err(|e| self.error(step.clone(), e))?;
                return Ok(path);
            }
            // Only the server knows the key.
            let call = PutInstance { object, flags: flags | flags::RETURN_IMMEDIATELY, context, result: Some(None) };
            let answer = async {
                let (reply, _) = self.services.call(&call).await?;
                let pointer = present(reply.result.flatten(), PutInstance::NAME)?;
                let result = self.session.core.unmarshal::<IWbemCallResult>(&pointer, PutInstance::NAME).await?;
                loop {
                    let (reply, code) = result.call(&GetCallStatus { timeout_ms: WAIT_MS }).await?;
                    if code.0 == WbemStatus::TIMEDOUT.0 {
                        continue;
                    }
                    // What failed says why where its result is asked for.
                    let (text, _) = result.call(&GetResultString { timeout_ms: 0 }).await?;
                    return match (reply.status, text.text.text()) {
                        (0, Some(path)) => Ok(path),
                        (status, _) => Err(protocol(PutInstance::NAME, format!("status {status:#x} without a path"))),
                    };
                }
            };
            answer.await.map_err(|e| self.error(step.clone(), e))
        };
        self.within(step.clone(), putting).await
    }

    /// Sets properties of an instance, each read by the type that its class declares; classes of objects among the values are
    /// asked for. Nothing is set where one does not fit.
    ///
    /// ```no_run
    /// # async fn example(ns: rwmi_client::Namespace) -> Result<(), Box<dyn std::error::Error>> {
    /// use rwmi_client::{Argument, Instance, PutOptions};
    /// let mut setting = Instance::new(ns.class("Demo_Setting").await?);
    /// ns.fill(&mut setting, &[("Name".into(), Argument::Text("size".into())), ("Pixels".into(), 12u32.into())]).await?;
    /// ns.put_instance(&setting, &PutOptions::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Misuse::Rule`] with `INVALID_PROPERTY` and every mistake, where a property is not there, given twice, or of another type;
    /// those of [`Namespace::class`].
    pub async fn fill(&self, instance: &mut Instance, given: &[(String, Argument)]) -> Result<(), Error> {
        let filled = self
            .fitted(|classes| {
                let mut filled = instance.clone();
                fill(&mut filled, given.iter(), "", classes).map(|()| filled)
            })
            .await?;
        *instance = filled.map_err(|wrong| self.misuse(Misuse::Rule { status: WbemStatus::INVALID_PROPERTY, why: wrong.join("; ") }))?;
        Ok(())
    }

    /// Deletes the instance at a path.
    pub async fn delete_instance(&self, path: &str) -> Result<(), Error> {
        self.delete_instance_with(path, None).await
    }

    pub(crate) async fn delete_instance_with(&self, path: &str, context: Option<InterfacePointer>) -> Result<(), Error> {
        self.simple(&DeleteInstance { path: path.into(), flags: 0, context, result: None }).await
    }

    /// Makes a class or changes it. What it says for itself is sent with what it inherits; the server tells them apart.
    ///
    /// # Errors
    /// `INVALID_SUPERCLASS`, `CLASS_HAS_CHILDREN` and `CLASS_HAS_INSTANCES` where what depends on it would not fit,
    /// `INVALID_OPERATION` for a class of the system, `ALREADY_EXISTS` or `NOT_FOUND` as the options' mode says.
    pub async fn put_class(&self, class: &Class, options: &PutOptions) -> Result<(), Error> {
        self.put_class_with(class, options, None).await
    }

    pub(crate) async fn put_class_with(&self, class: &Class, options: &PutOptions, context: Option<InterfacePointer>) -> Result<(), Error> {
        let object = Some(self.pointer(&Entity::Class(Arc::new(class.clone())))?);
        self.simple(&PutClass { object, flags: flags_of(options), context, result: None }).await
    }

    /// Deletes a class, those derived from it and their instances.
    pub async fn delete_class(&self, name: &str) -> Result<(), Error> {
        self.delete_class_with(name, None).await
    }

    pub(crate) async fn delete_class_with(&self, name: &str, context: Option<InterfacePointer>) -> Result<(), Error> {
        self.simple(&DeleteClass { class: name.into(), flags: 0, context, result: None }).await
    }

    /// Whether the server makes several changes as one: see [`Namespace::write_together`].
    ///
    /// # Errors
    /// Those of the call, but for a class that is not there.
    pub async fn has_transactions(&self) -> Result<bool, Error> {
        match self.class("__RwmiTransaction").await {
            Ok(_) => Ok(true),
            Err(e) if missing(&e) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Makes changes in namespaces of this server, all of them or none, in their order.
    ///
    /// Of `Operation` those that write. The server must be one that [has transactions](Namespace::has_transactions).
    pub async fn write_together(&self, operations: &[(String, Operation)]) -> Result<(), Error> {
        let mut id = [0; 16];
        // Within one connection any name does that was not used before; the address of the list has not been while it lives.
        id[..8].copy_from_slice(&(operations.as_ptr() as u64).to_le_bytes());
        id[8..].copy_from_slice(&(std::process::id() as u64).to_le_bytes());
        let id = rwmi_ndr::Guid(id).to_string();
        for (n, (namespace, operation)) in operations.iter().enumerate() {
            let said = vec![
                ("__RWMI_TRANSACTION".to_owned(), ContextValue::Text(id.clone())),
                ("__RWMI_TRANSACTION_COMMIT".to_owned(), ContextValue::Bool(n + 1 == operations.len())),
                ("__RWMI_NAMESPACE".to_owned(), ContextValue::Text(namespace.clone())),
            ];
            self.send(operation, said).await?;
        }
        Ok(())
    }

    /// One operation that writes.
    ///
    /// # Errors
    /// Those of the call; [`Misuse::Option`] for an operation that reads.
    pub async fn write(&self, operation: &Operation) -> Result<(), Error> {
        self.send(operation, Vec::new()).await
    }

    async fn send(&self, operation: &Operation, said: Vec<(String, ContextValue)>) -> Result<(), Error> {
        match operation {
            Operation::Put { instance, options } => {
                let object = Some(self.pointer(&instance.clone().into())?);
                let context = context_of(options, said);
                self.simple(&PutInstance { object, flags: flags_of(options), context, result: None }).await
            }
            Operation::PutClass { class, options } => {
                let object = Some(self.pointer(&Entity::Class(class.clone()))?);
                let context = context_of(&PutOptions::default(), said);
                self.simple(&PutClass { object, flags: flags_of(options), context, result: None }).await
            }
            Operation::Delete(path) => {
                let context = context_of(&PutOptions::default(), said);
                self.simple(&DeleteInstance { path: path.to_string().as_str().into(), flags: 0, context, result: None }).await
            }
            Operation::DeleteClass(name) => {
                let context = context_of(&PutOptions::default(), said);
                self.simple(&DeleteClass { class: name.as_str().into(), flags: 0, context, result: None }).await
            }
            _ => Err(self.misuse(Misuse::Option("an operation that changes nothing".into()))),
        }
    }

    async fn simple<M: Method<Interface = IWbemServices>>(&self, call: &M) -> Result<(), Error> {
        let step = Step::Call { method: M::NAME };
        let calling = async { self.services.call(call).await.map(|_| ()).map_err(|e| self.error(step.clone(), e)) };
        self.within(step.clone(), calling).await
    }

    pub(crate) fn pointer(&self, entity: &Entity) -> Result<InterfacePointer, Error> {
        let unit = rwmi_wmio::encode_unit(entity, &rwmi_wmio::EncodeOptions::default());
        let unit = unit.map_err(|e| self.misuse(Misuse::Option(format!("{} cannot be sent: {e}", entity.class().name))))?;
        Ok(ClassObjectRef(unit.into()).to_pointer())
    }
}

/// Whether a call failed because there is no such class or instance.
pub(crate) fn missing(error: &Error) -> bool {
    let none = |status: WbemStatus| matches!(status, WbemStatus::NOT_FOUND | WbemStatus::INVALID_CLASS);
    matches!(error.kind(), ErrorKind::Wbem(status) if none(*status))
}

fn flags_of(options: &PutOptions) -> i32 {
    let mode = &options.mode;
    [
        (mode.create_only, flags::CREATE_ONLY),
        // A part can only be put into what is there.
        (mode.update_only || options.properties.is_some(), flags::UPDATE_ONLY),
        (mode.safe, flags::UPDATE_SAFE_MODE),
        (mode.force, flags::UPDATE_FORCE_MODE),
        (options.amended, flags::USE_AMENDED_QUALIFIERS),
    ]
    .iter()
    .filter(|(on, _)| *on)
    .fold(0, |all, (_, flag)| all | flag)
}

fn context_of(options: &PutOptions, said: Vec<(String, ContextValue)>) -> Option<InterfacePointer> {
    let mut values = said;
    if let Some(names) = &options.properties {
        let names = names.iter().map(|n| ContextValue::Text(n.clone())).collect();
        values.push(("__PUT_EXTENSIONS".into(), ContextValue::Bool(true)));
        values.push(("__PUT_EXT_CLIENT_REQUEST".into(), ContextValue::Bool(true)));
        values.push(("__PUT_EXT_STRICT_NULLS".into(), ContextValue::Bool(options.strict_nulls)));
        values.push(("__PUT_EXT_PROPERTIES".into(), ContextValue::Array(8, names)));
    }
    if values.is_empty() { None } else { Some(Context { values, ..Context::default() }.to_pointer()) }
}
