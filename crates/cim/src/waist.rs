//! The narrow waist: CIM operations, who serves them and who provides for them.

use crate::mof::PutMode;
use crate::{Class, Entity, Instance, Object, ObjectPath, Value, WbemStatus};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A boxed future, for tables of providers.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// What a provider answers.
pub type ProviderResult<T> = Result<T, WbemStatus>;
/// What came of a method: an instance of its output class, or why it was not run.
pub type InvokeResult = Result<Instance, Refusal>;

/// Why a method was not run, with words for who called it. What a method itself has to say is its `ReturnValue`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}{}", description.as_ref().map_or(String::new(), |d| format!(": {d}")))]
pub struct Refusal {
    /// What a protocol answers.
    pub status: WbemStatus,
    /// A sentence for a person.
    pub description: Option<String>,
}

impl Refusal {
    /// A refusal with a sentence.
    pub fn new(status: WbemStatus, description: impl Into<String>) -> Refusal {
        Refusal { status, description: Some(description.into()) }
    }
}

impl From<WbemStatus> for Refusal {
    fn from(status: WbemStatus) -> Refusal {
        Refusal { status, description: None }
    }
}

/// What a caller can ask of a namespace ([MS-WMI] 3.1.4.3, DSP0226).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// The instance at a path.
    Get(ObjectPath),
    /// Writes an instance. It is delivered as it was stored: with the keys that were made for it.
    Put {
        /// The instance, of a class as the caller knows it.
        instance: Instance,
        /// How.
        options: PutOptions,
    },
    /// Deletes the instance at a path.
    Delete(ObjectPath),
    /// The instances of a class; with `deep` also those of the classes derived from it.
    Enumerate {
        /// The class.
        class: String,
        /// Whether derived classes count.
        deep: bool,
    },
    /// The rows of a WQL query.
    Query(String),
    /// The events that a WQL event query asks for, from when it is running until nobody reads any more.
    Subscribe(String),
    /// Calls a method.
    Invoke {
        /// The class or the instance.
        path: ObjectPath,
        /// The method.
        method: String,
        /// Its in parameters.
        args: Option<Instance>,
    },
    /// A class.
    GetClass(String),
    /// Classes below a superclass; below none (an empty name) the topmost.
    EnumClasses {
        /// The superclass, or the empty name.
        superclass: String,
        /// Whether descendants count too.
        deep: bool,
    },
    /// Makes a class or changes it: what it says for itself counts, what it inherits is its superclass's to say.
    PutClass {
        /// The class.
        class: Arc<Class>,
        /// How.
        options: PutOptions,
    },
    /// Deletes a class, those derived from it and their instances.
    DeleteClass(String),
}

/// How a class or an instance is written ([MS-WMI] 2.2.6, 2.2.13).
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// Whether it must or must not exist, and what a change may break.
    pub mode: PutMode,
    /// The properties to write, the others stay as they are (`__PUT_EXT_PROPERTIES`); `None` writes all.
    pub properties: Option<Vec<String>>,
    /// Whether NULL is written too (`__PUT_EXT_STRICT_NULLS`), where only some properties are.
    pub strict_nulls: bool,
    /// Whether localised qualifiers are written too (`WBEM_FLAG_USE_AMENDED_QUALIFIERS`).
    pub amended: bool,
}

/// Who asks, for what namespace.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestContext {
    /// The account as it was authenticated: `DOMAIN\name`.
    pub user: String,
    /// Namespace in its stored case: `ROOT\CIMV2`.
    pub namespace: String,
    /// Preferred locale: `MS_409`.
    pub locale: Option<String>,
    /// Whether the account is an administrator that no filter takes the rights from.
    pub elevated: bool,
    /// Whether it is who runs this server, come without the network: methods act in the server's own name then.
    pub local: bool,
}

impl RequestContext {
    /// A request of a user in a namespace.
    pub fn new(user: impl Into<String>, namespace: impl Into<String>) -> Self {
        RequestContext { user: user.into(), namespace: namespace.into(), locale: None, elevated: false, local: false }
    }
}

/// Where results go. Back-pressure is the await: who stops reading stops the provider.
#[derive(Debug, Clone)]
pub struct Sink(async_channel::Sender<Entity>);

/// The reading end of a [`Sink`].
pub type SinkReceiver = async_channel::Receiver<Entity>;

impl Sink {
    /// A sink that holds at most `capacity` objects.
    pub fn bounded(capacity: usize) -> (Sink, SinkReceiver) {
        let (tx, rx) = async_channel::bounded(capacity.max(1));
        (Sink(tx), rx)
    }

    /// Delivers an instance; fails with `WBEM_E_CALL_CANCELLED` when nobody reads any more.
    pub async fn indicate(&self, object: impl Into<Object>) -> ProviderResult<()> {
        self.deliver(Entity::Instance(object.into())).await
    }

    /// Delivers a class or an instance; fails with `WBEM_E_CALL_CANCELLED` when nobody reads any more.
    pub async fn deliver(&self, entity: Entity) -> ProviderResult<()> {
        self.0.send(entity).await.map_err(|_| WbemStatus::CALL_CANCELLED)
    }
}

/// The waist: implemented by the server's broker and by a client's session.
pub trait Management: Send + Sync {
    /// Runs an operation; its objects go to the sink, its end is the result.
    fn run(&self, cx: &RequestContext, op: Operation, sink: &Sink) -> impl Future<Output = Result<(), WbemStatus>> + Send;
}

/// What to enumerate.
#[derive(Debug)]
#[non_exhaustive]
pub struct Enumerate<'a> {
    /// The concrete class, never one derived from it.
    pub class: &'a Arc<Class>,
    /// Properties that will be looked at; others may be left NULL. `None` is all.
    pub wanted: Option<&'a [String]>,
    /// Properties that the caller compares with `=`, joined by AND: a provider may use them to look up instead of scan.
    /// Objects that do not match may still be delivered; the broker filters again.
    pub equal: &'a [(String, Value)],
}

impl<'a> Enumerate<'a> {
    /// All instances of a class with all properties.
    pub fn all(class: &'a Arc<Class>) -> Self {
        Enumerate { class, wanted: None, equal: &[] }
    }

    /// Whether the caller will look at a property.
    pub fn wants(&self, property: &str) -> bool {
        self.wanted.is_none_or(|w| w.iter().any(|n| crate::names_equal(n, property)))
    }

    /// The value that the caller compares a property with.
    pub fn equal_to(&self, property: &str) -> Option<&Value> {
        self.equal.iter().find(|(n, _)| crate::names_equal(n, property)).map(|(_, v)| v)
    }
}

/// Serves the instances of some classes ([MS-WMI] 3.1.4.17).
pub trait Provider: Send + Sync + 'static {
    /// The name that classes give in their qualifier `provider`.
    fn name(&self) -> &str;

    /// Delivers the instances of a class.
    fn enumerate(&self, cx: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> impl Future<Output = ProviderResult<()>> + Send;

    /// Whether a method changes nothing: others are refused until the server's configuration names them.
    fn reads_only(&self, class: &Class, method: &str) -> bool {
        let _ = (class, method);
        false
    }

    /// Calls a method of a class or of the instance at a path. `class` is the class that implements it, `args` an instance of
    /// its input class, `None` where it has none. The answer is an instance of the method's output class.
    fn invoke(
        &self,
        cx: &RequestContext,
        class: &Arc<Class>,
        path: &ObjectPath,
        method: &str,
        args: Option<Instance>,
    ) -> impl Future<Output = InvokeResult> + Send {
        let _ = (cx, class, path, method, args);
        async { Err(WbemStatus::METHOD_NOT_IMPLEMENTED.into()) }
    }

    /// Delivers the events of an extrinsic event class as they happen, until nobody reads any more or the source fails.
    /// The first `poll` of the future is where events begin to count: what happens after it is delivered.
    ///
    /// A source that lost events ends with `WBEM_E_QUEUE_OVERFLOW` after those that it still had: who reads tells its
    /// subscribers (`__EventQueueOverflowEvent`) and asks again.
    fn events(&self, cx: &RequestContext, class: &Arc<Class>, sink: &Sink) -> impl Future<Output = ProviderResult<()>> + Send {
        let _ = (cx, class, sink);
        async { Err(WbemStatus::PROVIDER_NOT_CAPABLE) }
    }
}

/// The erased form of [`Provider`] that a server keeps in its table.
pub trait DynProvider: Send + Sync {
    /// See [`Provider::name`].
    fn name(&self) -> &str;
    /// See [`Provider::enumerate`].
    fn enumerate<'a>(&'a self, cx: &'a RequestContext, req: &'a Enumerate<'a>, sink: &'a Sink) -> BoxFuture<'a, ProviderResult<()>>;
    /// See [`Provider::reads_only`].
    fn reads_only(&self, class: &Class, method: &str) -> bool;
    /// See [`Provider::invoke`].
    fn invoke<'a>(
        &'a self,
        cx: &'a RequestContext,
        class: &'a Arc<Class>,
        path: &'a ObjectPath,
        method: &'a str,
        args: Option<Instance>,
    ) -> BoxFuture<'a, InvokeResult>;
    /// See [`Provider::events`].
    fn events<'a>(&'a self, cx: &'a RequestContext, class: &'a Arc<Class>, sink: &'a Sink) -> BoxFuture<'a, ProviderResult<()>>;
}

impl<P: Provider> DynProvider for P {
    fn name(&self) -> &str {
        Provider::name(self)
    }

    fn enumerate<'a>(&'a self, cx: &'a RequestContext, req: &'a Enumerate<'a>, sink: &'a Sink) -> BoxFuture<'a, ProviderResult<()>> {
        Box::pin(Provider::enumerate(self, cx, req, sink))
    }

    fn reads_only(&self, class: &Class, method: &str) -> bool {
        Provider::reads_only(self, class, method)
    }

    fn invoke<'a>(
        &'a self,
        cx: &'a RequestContext,
        class: &'a Arc<Class>,
        path: &'a ObjectPath,
        method: &'a str,
        args: Option<Instance>,
    ) -> BoxFuture<'a, InvokeResult> {
        Box::pin(Provider::invoke(self, cx, class, path, method, args))
    }

    fn events<'a>(&'a self, cx: &'a RequestContext, class: &'a Arc<Class>, sink: &'a Sink) -> BoxFuture<'a, ProviderResult<()>> {
        Box::pin(Provider::events(self, cx, class, sink))
    }
}
