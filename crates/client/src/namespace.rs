//! A namespace: queries, classes, objects.

use crate::query::Query;
use crate::rows::{Plan, Rows};
use crate::session::{Remote, Session, present, protocol};
use crate::{Client, Error, ErrorKind, Misuse, Step, field_names, struct_name};
use rwmi_cim::{Class, Entity, Object};
use rwmi_dcom::{self as dcom, InterfacePointer};
use rwmi_rpc::Method;
use rwmi_wbem::interfaces::*;
use rwmi_wbem::{Bstr, ClassObjectRef, flags};
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A namespace that the client is logged in to. Cheap to clone.
#[derive(Clone)]
pub struct Namespace {
    pub(crate) session: Arc<Session>,
    pub(crate) services: Arc<Remote<IWbemServices>>,
    name: String,
}

/// How far an enumeration of classes or instances goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Derived classes too, and theirs.
    #[default]
    Deep,
    /// The class's own instances, or the classes right below it.
    Shallow,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("host", &self.session.core.way.host).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Namespace {
    pub(crate) fn new(session: Arc<Session>, services: Arc<Remote<IWbemServices>>, name: String) -> Namespace {
        Namespace { session, services, name }
    }

    /// Its name: `root\cimv2`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The computer, as the caller named it.
    pub fn host(&self) -> &str {
        &self.session.core.way.host
    }

    /// A query, to be run by one of its methods.
    ///
    /// ```no_run
    /// # async fn example(cimv2: rwmi_client::Namespace) -> Result<(), rwmi_client::Error> {
    /// let mut rows = cimv2.query("SELECT Name, State FROM Win32_Service").objects().await?;
    /// while let Some(row) = rows.next().await {
    ///     println!("{}", row?.get::<String>("Name").unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn query(&self, wql: impl Into<String>) -> Query {
        Query::new(self.clone(), wql.into())
    }

    /// All instances of the class that a structure stands for, with the properties that it names.
    ///
    /// # Errors
    /// [`Misuse::Option`] where `T` is no structure; else those of the query.
    pub async fn all<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        let query = select_of::<T>().ok_or_else(|| self.misuse(Misuse::Option("only a structure with fields names a query".into())))?;
        self.query(query).all().await
    }

    /// A class by its name.
    pub async fn class(&self, name: &str) -> Result<Arc<Class>, Error> {
        self.class_with(name, 0).await
    }

    /// A class by its name, with what is said of it in the session's locale: descriptions and value names.
    pub async fn amended_class(&self, name: &str) -> Result<Arc<Class>, Error> {
        self.class_with(name, flags::USE_AMENDED_QUALIFIERS).await
    }

    async fn class_with(&self, name: &str, flags: i32) -> Result<Arc<Class>, Error> {
        match self.entity(name, flags, None).await? {
            Entity::Class(class) => Ok(class),
            Entity::Instance(_) => {
                Err(self.misuse(Misuse::Option(format!("{name:?} is the path of an instance, not the name of a class"))))
            }
        }
    }

    /// An instance by its path: `Win32_Service.Name="cron"`.
    pub async fn object(&self, path: &str) -> Result<Object, Error> {
        match self.entity(path, 0, None).await? {
            Entity::Instance(object) => Ok(object),
            Entity::Class(_) => Err(self.misuse(Misuse::Option(format!("{path:?} is the name of a class, not the path of an instance")))),
        }
    }

    /// What is at a path: a class or an instance.
    pub(crate) async fn entity(&self, path: &str, flags: i32, context: Option<InterfacePointer>) -> Result<Entity, Error> {
        let call = GetObject { path: path.into(), flags, context, object: Some(None), result: None };
        let answer = async {
            let (reply, _) = self.services.call(&call).await?;
            let pointer = present(reply.object.flatten(), GetObject::NAME)?;
            let octets =
                ClassObjectRef::from_pointer(&pointer).map_err(|source| dcom::Error::Malformed { method: GetObject::NAME, source })?;
            rwmi_wmio::decode_unit(&octets.0).map_err(|e| protocol(GetObject::NAME, e.to_string()))
        };
        self.within(Step::GetObject, async { answer.await.map_err(|e| self.error(Step::GetObject, e)) }).await
    }

    /// The classes below a class, or all of them.
    pub async fn classes(&self, superclass: Option<&str>, depth: Depth) -> Result<Rows<Arc<Class>>, Error> {
        let flags = flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY | depth.flag();
        self.class_enum(superclass, flags, None, class_of).await
    }

    pub(crate) async fn class_enum<T>(
        &self,
        superclass: Option<&str>,
        flags: i32,
        context: Option<InterfacePointer>,
        convert: fn(Entity) -> Result<T, ErrorKind>,
    ) -> Result<Rows<T>, Error> {
        // No class is an empty name, not a missing one ([MS-WMI] 3.1.4.3.10).
        let call = CreateClassEnum { superclass: superclass.unwrap_or_default().into(), flags, context };
        self.rows(&call, Step::Call { method: CreateClassEnum::NAME }, |r| r.enumerator, self.plan(), convert).await
    }

    /// The instances of a class.
    pub async fn instances(&self, class: &str, depth: Depth) -> Result<Rows<Object>, Error> {
        let flags = flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY | depth.flag();
        self.instance_enum(class, flags, None, object_of).await
    }

    pub(crate) async fn instance_enum<T>(
        &self,
        class: &str,
        flags: i32,
        context: Option<InterfacePointer>,
        convert: fn(Entity) -> Result<T, ErrorKind>,
    ) -> Result<Rows<T>, Error> {
        let call = CreateInstanceEnum { class: Bstr::from(class), flags, context };
        self.rows(&call, Step::Call { method: CreateInstanceEnum::NAME }, |r| r.enumerator, self.plan(), convert).await
    }

    /// Calls a method that gives an enumerator, and opens it.
    pub(crate) async fn rows<M: Method<Interface = IWbemServices>, T>(
        &self,
        call: &M,
        step: Step,
        enumerator: fn(M::Reply) -> Option<InterfacePointer>,
        plan: Plan,
        convert: fn(Entity) -> Result<T, ErrorKind>,
    ) -> Result<Rows<T>, Error> {
        let opened = async {
            let (reply, _) = self.services.call(call).await.map_err(|e| self.error(step.clone(), e))?;
            Rows::open(self, step.clone(), present(enumerator(reply), M::NAME), plan, convert).await
        };
        self.within_time(plan.deadline, step.clone(), opened).await
    }

    /// The session that it belongs to.
    pub(crate) fn client(&self) -> Client {
        Client::of(self.session.clone())
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan { batch: None, deadline: self.session.core.way.timeouts.whole, events: false }
    }

    pub(crate) fn error(&self, step: Step, error: dcom::Error) -> Error {
        self.session.error(step, self.services.port(), error)
    }

    pub(crate) fn misuse(&self, misuse: Misuse) -> Error {
        self.session.core.way.misuse(misuse)
    }

    /// Holds an operation to the time for the whole.
    pub(crate) async fn within<T>(&self, step: Step, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.within_time(self.session.core.way.timeouts.whole, step, operation).await
    }

    pub(crate) async fn within_time<T>(
        &self,
        time: Option<Duration>,
        step: Step,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(after) = time else { return operation.await };
        match timeout_at(Instant::now() + after, operation).await {
            Ok(result) => result,
            Err(_) => Err(self.session.core.way.error(step, self.services.port(), ErrorKind::TimedOut { after })),
        }
    }
}

impl Depth {
    fn flag(self) -> i32 {
        if self == Depth::Shallow { flags::SHALLOW } else { 0 }
    }
}

/// The query that a structure stands for.
fn select_of<T: DeserializeOwned>() -> Option<String> {
    let fields = field_names::<T>()?;
    let list = if fields.is_empty() { "*".to_owned() } else { fields.join(", ") };
    Some(format!("SELECT {list} FROM {}", struct_name::<T>()?))
}

pub(crate) fn object_of(entity: Entity) -> Result<Object, ErrorKind> {
    match entity {
        Entity::Instance(object) => Ok(object),
        Entity::Class(class) => Err(unexpected(format!("the class {} among instances", class.name))),
    }
}

pub(crate) fn class_of(entity: Entity) -> Result<Arc<Class>, ErrorKind> {
    match entity {
        Entity::Class(class) => Ok(class),
        Entity::Instance(object) => Err(unexpected(format!("an instance of {} among classes", object.class().name))),
    }
}

pub(crate) fn typed_of<T: DeserializeOwned>(entity: Entity) -> Result<T, ErrorKind> {
    crate::from_object(&object_of(entity)?).map_err(|e| ErrorKind::Misfit(e.to_string()))
}

fn unexpected(what: String) -> ErrorKind {
    ErrorKind::Misfit(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[test]
    fn a_structure_names_its_query() {
        #[derive(Deserialize)]
        #[serde(rename = "Win32_Service", rename_all = "PascalCase")]
        #[expect(dead_code, reason = "only its shape is looked at")]
        struct Service {
            name: String,
            process_id: u32,
        }
        assert_eq!(select_of::<Service>().unwrap(), "SELECT Name, ProcessId FROM Win32_Service");
        assert_eq!(select_of::<u32>(), None);
    }
}
