//! The broker: plans an operation, asks the providers, filters what they say ([MS-WMI] 3.1.4).

mod ask;
mod builtin;
pub(crate) mod events;
mod isolate;
mod locale;
mod method;
mod paths;
mod permanent;
mod pump;
mod query;
mod write;

pub(crate) use method::{Allowed, on_behalf};
pub(crate) use paths::keys_of;
pub(crate) use permanent::Keeper;

use crate::store::{Namespace, Repository, Tree, fold};
use isolate::Isolated;
use pump::{Outlet, Sieve};
use rwmi_cim::{Class, Decoration, DynProvider, Entity, Management, Operation, RequestContext, Sink, Value, WbemStatus};
use std::sync::Arc;
use std::time::Duration;

/// Answers operations from the repository and the providers.
pub struct Broker {
    repository: Arc<Repository>,
    providers: events::Providers,
    events: Arc<events::Hub>,
    provider_names: Vec<String>,
    permanent: Arc<permanent::Permanent>,
    server_name: String,
    silence_max: Duration,
    allowed: Allowed,
    localised: locale::Localised,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("server_name", &self.server_name).field("providers", &self.provider_names).finish_non_exhaustive()
    }
}

/// How an operation is answered: the flags of [MS-WMI] 2.2.6 that are no matter of delivery.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Options {
    /// `WBEM_FLAG_USE_AMENDED_QUALIFIERS`: with localised texts.
    pub amended: bool,
    /// `WBEM_FLAG_DIRECT_READ`: from the named class alone.
    pub direct_read: bool,
    /// `WBEM_FLAG_PROTOTYPE`: what the rows would look like, and no rows.
    pub prototype: bool,
    /// `WBEM_FLAG_ENSURE_LOCATABLE`: rows keep their keys.
    pub ensure_locatable: bool,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}{}", description.as_ref().map_or(String::new(), |d| format!(": {d}")))]
pub struct Failure {
    /// What a protocol answers.
    pub status: WbemStatus,
    /// A sentence for a person, where there is more to say.
    pub description: Option<String>,
    /// Whose failure it is, where it is a provider's.
    pub provider: Option<String>,
}

impl Failure {
    /// A failure with a sentence.
    pub fn new(status: WbemStatus, description: impl Into<String>) -> Failure {
        Failure { status, description: Some(description.into()), provider: None }
    }

    fn of_provider(status: WbemStatus, provider: &str, class: &str) -> Failure {
        let description = Some(format!("the provider {provider} failed for {class}"));
        Failure { status, description, provider: Some(provider.to_owned()) }
    }

    fn no_class(name: &str) -> Failure {
        Failure::new(WbemStatus::INVALID_CLASS, format!("there is no class {name:?} in this namespace"))
    }
}

impl From<WbemStatus> for Failure {
    fn from(status: WbemStatus) -> Failure {
        Failure { status, description: None, provider: None }
    }
}

/// What is wanted of each class that is asked.
#[derive(Default)]
struct Wanted {
    properties: Option<Vec<String>>,
    equal: Vec<(String, Value)>,
}

impl Broker {
    /// A broker over a repository. `server_name` is what objects say that they live on.
    pub fn new(
        repository: Arc<Repository>,
        providers: impl IntoIterator<Item = Arc<dyn DynProvider>>,
        server_name: impl Into<String>,
        silence_max: Duration,
    ) -> Broker {
        let providers: Vec<_> = providers.into_iter().collect();
        let provider_names = providers.iter().map(|p| p.name().to_owned()).collect();
        let providers: events::Providers =
            Arc::new(providers.into_iter().map(|p| (fold(p.name()), Arc::new(Isolated::new(p)) as Arc<dyn DynProvider>)).collect());
        let server_name = server_name.into();
        let events = events::Hub::new(repository.clone(), providers.clone(), &server_name, silence_max);
        let permanent = permanent::Permanent::new(&repository);
        Broker {
            permanent,
            repository,
            provider_names,
            providers,
            events,
            server_name,
            silence_max,
            allowed: Allowed::default(),
            localised: Default::default(),
        }
    }

    /// Who waits for events, and what tells of them.
    pub(crate) fn events(&self) -> &Arc<events::Hub> {
        &self.events
    }

    /// The same broker with methods that may change this machine.
    pub(crate) fn with_methods(self, allowed: Allowed) -> Broker {
        Broker { allowed, ..self }
    }

    /// What objects say that they live on.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// Whether there is such a namespace.
    pub fn has_namespace(&self, name: &str) -> bool {
        self.repository.tree().namespace(name).is_some()
    }

    /// The decoration of objects of a namespace, whose name is echoed in the caller's case.
    pub fn decoration(&self, namespace: &str) -> Decoration {
        Decoration { server: self.server_name.clone(), namespace: namespace.replace('/', r"\") }
    }

    /// Runs an operation. Dropping the future cancels it, the provider too.
    pub async fn run(&self, cx: &RequestContext, options: Options, op: Operation, sink: &Sink) -> Result<(), Failure> {
        if let Operation::Put { .. } | Operation::Delete(_) | Operation::PutClass { .. } | Operation::DeleteClass(_) = op {
            return self.write(cx, op, sink).await;
        }
        if let Operation::Subscribe(query) = op {
            let subscription = self.events.subscribe(cx, &query, events::Kind::Temporary).await?;
            // What a sink cannot be told ends the operation: that events were dropped, that a source failed.
            loop {
                sink.indicate(subscription.next().await.failure()?).await?;
            }
        }
        let tree = self.repository.tree();
        let namespace = tree
            .namespace(&cx.namespace)
            .ok_or_else(|| Failure::new(WbemStatus::INVALID_NAMESPACE, format!("there is no namespace {:?}", cx.namespace)))?;
        let localised = if options.amended { self.localised(&tree, &cx.namespace, cx.locale.as_deref()) } else { None };
        let namespace = localised.as_deref().unwrap_or(namespace);
        let outlet =
            Outlet { sink, decoration: Arc::new(self.decoration(&cx.namespace)), first_only: false, delivered: Default::default() };
        let operation = Running { broker: self, cx, options, tree: &tree, namespace, outlet };
        match op {
            Operation::Get(path) => operation.get(path).await,
            Operation::Enumerate { class, deep } => operation.enumerate(&class, deep).await,
            Operation::Query(text) => operation.query(&text).await,
            Operation::GetClass(name) => operation.get_class(&name).await,
            Operation::EnumClasses { superclass, deep } => operation.enum_classes(&superclass, deep).await,
            Operation::Invoke { path, method, args } => operation.invoke(path, &method, args).await,
            _ => Err(WbemStatus::NOT_SUPPORTED.into()),
        }
    }
}

impl Management for Broker {
    async fn run(&self, cx: &RequestContext, op: Operation, sink: &Sink) -> Result<(), WbemStatus> {
        Broker::run(self, cx, Options::default(), op, sink).await.map_err(|f| f.status)
    }
}

/// One operation on its way.
struct Running<'a> {
    broker: &'a Broker,
    cx: &'a RequestContext,
    options: Options,
    tree: &'a Tree,
    namespace: &'a Namespace,
    outlet: Outlet<'a>,
}

impl<'a> Running<'a> {
    fn class(&self, name: &str) -> Result<&'a Arc<Class>, Failure> {
        self.namespace.class(name, self.options.amended).ok_or_else(|| Failure::no_class(name))
    }

    /// The class and, if deep, all below it.
    fn family(&self, class: &'a Arc<Class>, deep: bool) -> Vec<&'a Arc<Class>> {
        let mut family = vec![class];
        if deep && !self.options.direct_read {
            family.extend(self.namespace.descendants(&class.name, self.options.amended).into_iter().flatten());
        }
        family
    }

    async fn deliver_class(&self, class: &Arc<Class>) -> Result<(), Failure> {
        let class = Class { decoration: Some((*self.outlet.decoration).clone()), ..(**class).clone() };
        Ok(self.outlet.sink.deliver(Entity::Class(Arc::new(class))).await?)
    }

    async fn get_class(self, name: &str) -> Result<(), Failure> {
        let class = self.class(name)?;
        self.deliver_class(class).await
    }

    async fn enum_classes(self, superclass: &str, deep: bool) -> Result<(), Failure> {
        let (namespace, amended) = (self.namespace, self.options.amended);
        let classes = if deep { namespace.descendants(superclass, amended) } else { namespace.children(superclass, amended) };
        for class in classes.ok_or_else(|| Failure::no_class(superclass))? {
            self.deliver_class(class).await?;
        }
        Ok(())
    }

    async fn enumerate(self, name: &str, deep: bool) -> Result<(), Failure> {
        let class = self.class(name)?;
        if class.keys().next().is_none() && !class.is_singleton() && !class.is_abstract() && class.provider().is_none() {
            // Such a class cannot have instances: not an error, there are none.
            tracing::debug!(class = class.name, "a class without keys is enumerated");
        }
        let all = |_: &'a Arc<Class>| Ok(Some((Wanted::default(), Box::new(|object| Ok(Some(object))) as Sieve<'a>)));
        self.ask(self.family(class, deep), &all).await?.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests;
