//! Methods: found, checked, allowed, called ([MS-WMI] 3.1.4.3.22).

use super::{Failure, Options, Outlet, Running};
use crate::store::fold;
use futures_util::FutureExt;
use rwmi_cim::{
    CimType, Class, DynProvider, Entity, Instance, Method, ObjectPath, PathKeys, Property, RequestContext, Sink, Value, WbemStatus,
    names_equal,
};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Methods that may change this machine because the configuration names them: `Win32_Process.Create`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowed(Vec<(String, String)>);

impl Allowed {
    /// What does not name a class and a method is nothing: the configuration has refused it before.
    pub(crate) fn new(names: &[String]) -> Allowed {
        Allowed(names.iter().filter_map(|n| n.split_once('.')).map(|(class, method)| (class.to_owned(), method.to_owned())).collect())
    }

    fn has(&self, class: &Class, method: &str) -> bool {
        self.0.iter().any(|(c, m)| class.is_a(c) && names_equal(m, method))
    }
}

impl Running<'_> {
    pub(super) async fn invoke(self, path: ObjectPath, name: &str, args: Option<Instance>) -> Result<(), Failure> {
        if let Some(namespace) = &path.namespace
            && !self.namespace.is(namespace)
        {
            return Err(Failure::new(WbemStatus::INVALID_NAMESPACE, format!("the path names the namespace {namespace:?}, not this one")));
        }
        let named = self.class(&path.class)?;
        let on_class = path.keys == PathKeys::Class;
        if !self.family(named, !on_class).iter().any(|c| c.method(name).is_some()) {
            return Err(no_method(named, name));
        }
        let bypass = named.method(name).is_some_and(|m| m.qualifiers.is_set("Bypass_GetObject"));
        let class = if on_class || bypass { named.clone() } else { self.class_of(&path).await? };
        let Some(method) = class.method(name) else { return Err(no_method(&class, name)) };
        if method.qualifiers.is_set("disabled") {
            return Err(Failure::new(WbemStatus::METHOD_DISABLED, format!("{}.{} is disabled by its class", class.name, method.name)));
        }
        let (implementer, provider) = self.implementer(&class, name)?;
        if on_class && !method.is_static() {
            return Err(wrong(method, &format!("{} is called on an instance, and the path is of the class", method.name)));
        }
        if !provider.reads_only(implementer, &method.name) && !self.broker.allowed.has(&class, &method.name) {
            let full = format!("{}.{}", implementer.name, method.name);
            tracing::warn!(target: "rwmi::audit", event = "method is off", user = self.cx.user, namespace = self.cx.namespace, what = full);
            let words = format!(
                "{full} may change this machine and is off; an administrator switches it on in the server's configuration: [methods] allow = [\"{full}\"]"
            );
            return Err(Failure::new(WbemStatus::METHOD_DISABLED, words));
        }
        let args = fit(method, args)?;
        let answer = self.call(provider, implementer, &path, method, args).await?;
        Ok(self.outlet.sink.deliver(Entity::from(answer)).await?)
    }

    /// The class of the instance that is at a path: the one that decides what a method does.
    async fn class_of(&self, path: &ObjectPath) -> Result<Arc<Class>, Failure> {
        let (sink, found) = Sink::bounded(1);
        let outlet = Outlet { sink: &sink, decoration: self.outlet.decoration.clone(), first_only: true, delivered: Default::default() };
        let options = Options { amended: self.options.amended, ..Options::default() };
        let getting = Running { broker: self.broker, cx: self.cx, options, tree: self.tree, namespace: self.namespace, outlet };
        getting.get(path.clone()).await?;
        let object = found.try_recv().map_err(|_| Failure::from(WbemStatus::NOT_FOUND))?;
        self.class(&object.class().name).cloned()
    }

    /// The nearest class, from this one upwards, that has the method with `Implemented`, and who provides it.
    fn implementer(&self, class: &Arc<Class>, name: &str) -> Result<(&Arc<Class>, &Arc<dyn DynProvider>), Failure> {
        let lineage = std::iter::once(&class.name).chain(&class.derivation);
        let mut lineage = lineage.filter_map(|n| self.namespace.class(n, self.options.amended));
        let is_implemented = |c: &&Arc<Class>| c.method(name).is_some_and(|m| m.qualifiers.is_set("Implemented"));
        let not = |why: &str| Failure::new(WbemStatus::METHOD_NOT_IMPLEMENTED, format!("{}.{name} {why}", class.name));
        let implementer = lineage.find(is_implemented).ok_or_else(|| not("is declared and not implemented by any class"))?;
        let provider = implementer.provider().or(class.provider()).ok_or_else(|| not("belongs to a class without a provider"))?;
        let missing = || Failure::new(WbemStatus::PROVIDER_NOT_FOUND, format!("no provider {provider:?} serves {}", implementer.name));
        Ok((implementer, self.broker.providers.get(&fold(provider)).ok_or_else(missing)?))
    }

    async fn call(
        &self,
        provider: &Arc<dyn DynProvider>,
        class: &Arc<Class>,
        path: &ObjectPath,
        method: &Method,
        args: Option<Instance>,
    ) -> Result<Instance, Failure> {
        let failed = |status, why: String| Failure { provider: Some(provider.name().to_owned()), ..Failure::new(status, why) };
        // A provider that panics is a provider that fails, nothing more.
        let calling = AssertUnwindSafe(async { provider.invoke(self.cx, class, path, &method.name, args).await }).catch_unwind();
        let full = || format!("{}.{}", class.name, method.name);
        let answer = match tokio::time::timeout(self.broker.silence_max, calling).await {
            Err(_) => return Err(failed(WbemStatus::PROVIDER_TIMED_OUT, format!("{} took too long", full()))),
            Ok(Err(_)) => return Err(failed(WbemStatus::PROVIDER_FAILURE, format!("{} broke down", full()))),
            Ok(Ok(Err(refusal))) => {
                let words = refusal.description.unwrap_or_else(|| format!("{} was refused", full()));
                return Err(failed(refusal.status, words));
            }
            Ok(Ok(Ok(answer))) => answer,
        };
        // The caller reads it by the signature: an answer of another form would be read wrongly.
        let expected = method.output.as_ref().map(|c| c.properties.as_slice()).unwrap_or_default();
        let same = |(a, b): (&Property, &Property)| a.ty == b.ty && names_equal(&a.name, &b.name);
        if answer.class.properties.len() != expected.len() || !answer.class.properties.iter().zip(expected).all(same) {
            return Err(failed(WbemStatus::PROVIDER_FAILURE, format!("{} gave something else than its signature says", full())));
        }
        Ok(answer)
    }
}

fn no_method(class: &Class, name: &str) -> Failure {
    Failure::new(WbemStatus::INVALID_METHOD, format!("{} has no method {name:?}", class.name))
}

fn wrong(method: &Method, why: &str) -> Failure {
    Failure::new(WbemStatus::INVALID_METHOD_PARAMETERS, format!("{why}; the method is {}", method.signature()))
}

/// What the caller gave, as an instance of the method's own input class; `None` where it takes nothing.
///
/// Every parameter must be there, if only as NULL, unless it is `Optional`; there must be none that the method does not have,
/// and each must have the type that the method declares.
fn fit(method: &Method, given: Option<Instance>) -> Result<Option<Instance>, Failure> {
    let declared = method.input.as_ref().map(|c| c.properties.as_slice()).unwrap_or_default();
    let wrong = |why: String| wrong(method, &why);
    let given_properties = given.as_ref().map(|g| g.class.properties.as_slice()).unwrap_or_default();
    for property in given_properties {
        if !declared.iter().any(|d| names_equal(&d.name, &property.name)) {
            return Err(wrong(format!("{} is no parameter", property.name)));
        }
    }
    let Some(class) = method.input.as_ref().filter(|_| !declared.is_empty()) else { return Ok(None) };
    let mut fitted = Instance::new(class.clone());
    for (index, parameter) in declared.iter().enumerate() {
        let mut found = given_properties.iter().enumerate().filter(|(_, p)| names_equal(&p.name, &parameter.name));
        let Some((place, property)) = found.next() else {
            if parameter.qualifiers.is_set("optional") {
                continue;
            }
            return Err(wrong(format!("{} is missing", parameter.name)));
        };
        if found.next().is_some() {
            return Err(wrong(format!("{} is given twice", parameter.name)));
        }
        if property.ty != parameter.ty {
            return Err(wrong(format!("{} is {}, not {}", parameter.name, parameter.type_text(), property.type_text())));
        }
        let value = given.as_ref().and_then(|g| g.values.get(place)).unwrap_or(&Value::Null);
        check(parameter, value).map_err(|why| wrong(format!("{} {why}", parameter.name)))?;
        fitted.values[index] = value.clone();
        fitted.is_default[index] = false;
    }
    Ok(Some(fitted))
}

fn check(parameter: &Property, value: &Value) -> Result<(), String> {
    match value {
        Value::Null if parameter.qualifiers.is_set("not_null") => Err("cannot be NULL".into()),
        Value::Null => Ok(()),
        Value::Array(items) if parameter.ty.array => items.iter().try_for_each(|item| check_scalar(parameter, item)),
        Value::Array(_) => Err(format!("is {}, not an array", parameter.type_text())),
        _ if parameter.ty.array => Err(format!("is {}, not one value", parameter.type_text())),
        scalar => check_scalar(parameter, scalar),
    }
}

fn check_scalar(parameter: &Property, value: &Value) -> Result<(), String> {
    if value.cim_type().is_some_and(|t| t.cim != parameter.ty.cim) {
        return Err(format!("is {}", parameter.type_text()));
    }
    let (CimType::Object, Some(class), Value::Object(entity)) = (parameter.ty.cim, parameter.class_name(), value) else { return Ok(()) };
    match &**entity {
        Entity::Instance(object) if object.class().is_a(class) => Ok(()),
        Entity::Instance(object) => Err(format!("is an instance of {class}, not of {}", object.class().name)),
        Entity::Class(other) => Err(format!("is an instance of {class}, not the class {}", other.name)),
    }
}

/// Says who a method is called for, for providers that decide by it.
pub(crate) fn on_behalf(request: &RequestContext, elevated: bool, local: bool) -> RequestContext {
    let mut request = request.clone();
    (request.elevated, request.local) = (elevated, local);
    request
}

#[cfg(test)]
mod tests;
