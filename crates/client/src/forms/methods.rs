//! Methods in the forms that call them: ExecMethod, InvokeMethod, and the object of their in parameters.

use super::locator::Services;
use super::object::{Place, WmiObject};
use super::scripting::SwbemServices;
use super::values::NamedValueSet;
use super::{CimSession, ManagementClass};
use crate::{Argument, Error, Returned};
use rwmi_cim::{Instance, Object, WbemStatus};

impl Place {
    /// Calls a method with an object of its in parameters; what is not set on it is left to its default.
    async fn exec_method(
        &self,
        path: &str,
        method: &str,
        flags: i32,
        context: Option<&NamedValueSet>,
        in_params: Option<&Instance>,
    ) -> Result<Returned, Error> {
        self.check_flags(24, flags)?;
        let call = self.namespace.method(path, method).await?.with_context(context.and_then(NamedValueSet::pointer));
        call.args(in_params.map(arguments).unwrap_or_default()).call().await
    }
}

/// What is set on an object of in parameters.
fn arguments(in_params: &Instance) -> Vec<(String, Argument)> {
    let set = in_params.class.properties.iter().zip(&in_params.values).zip(&in_params.is_default);
    set.filter(|(_, is_default)| !**is_default).map(|((p, value), _)| (p.name.clone(), value.clone().into())).collect()
}

impl Services {
    /// Calls a method of the class or the instance at a path. The in parameters are an instance of what
    /// [`WmiObject::method_parameters`] gives.
    ///
    /// # Errors
    /// Those of [`MethodCall::call`](crate::MethodCall::call); a return value other than 0 is none.
    pub async fn exec_method(
        &self,
        path: &str,
        method: &str,
        flags: i32,
        context: Option<&NamedValueSet>,
        in_params: Option<&Instance>,
    ) -> Result<Returned, Error> {
        self.place.exec_method(path, method, flags, context, in_params).await
    }
}

impl SwbemServices {
    /// Calls a method of the class or the instance at a path.
    ///
    /// # Errors
    /// Those of [`MethodCall::call`](crate::MethodCall::call); a return value other than 0 is none.
    pub async fn exec_method(&self, path: &str, method: &str, in_params: Option<&Instance>) -> Result<Returned, Error> {
        self.place.exec_method(path, method, 0, None, in_params).await
    }
}

impl WmiObject {
    /// An object of a method's in parameters, to be filled (GetMethodParameters, `Methods_(..).InParameters.SpawnInstance_`); `None` where it
    /// takes nothing.
    ///
    /// # Errors
    /// `WBEM_E_INVALID_METHOD` where its class has no such method.
    pub fn method_parameters(&self, method: &str) -> Result<Option<Instance>, Error> {
        let class = self.class();
        let none = || self.place().rule(WbemStatus::INVALID_METHOD, format!("{} has no method {method}", class.name));
        Ok(class.method(method).ok_or_else(none)?.input.clone().map(Instance::new))
    }

    /// Calls one of its methods with an object of in parameters (ExecMethod_).
    ///
    /// # Errors
    /// Those of [`MethodCall::call`](crate::MethodCall::call); a return value other than 0 is none.
    pub async fn exec_method(&self, method: &str, in_params: Option<&Instance>) -> Result<Returned, Error> {
        self.place().exec_method(&self.path_text()?, method, 0, None, in_params).await
    }

    /// Calls one of its methods with arguments by name (InvokeMethod).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wmi = rwmi_client::forms::get_object("winmgmts:").await?;
    /// let process = wmi.get("Win32_Process").await?;
    /// let done = process.invoke_method("Create", [("CommandLine", "sleep 60".into())]).await?;
    /// println!("{:?} {}", done.return_value(), done.get::<u32>("ProcessId")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`MethodCall::call`](crate::MethodCall::call); a return value other than 0 is none.
    pub async fn invoke_method<'a>(
        &self,
        method: &str,
        arguments: impl IntoIterator<Item = (&'a str, Argument)>,
    ) -> Result<Returned, Error> {
        let call = self.namespace().method(&self.path_text()?, method).await?;
        call.args(arguments.into_iter().map(|(name, value)| (name.to_owned(), value))).call().await
    }
}

impl ManagementClass {
    /// Calls a static method with arguments by name.
    ///
    /// # Errors
    /// Those of [`MethodCall::call`](crate::MethodCall::call); a return value other than 0 is none.
    pub async fn invoke_method<'a>(
        &self,
        method: &str,
        arguments: impl IntoIterator<Item = (&'a str, Argument)>,
    ) -> Result<Returned, Error> {
        self.object().invoke_method(method, arguments).await
    }
}

/// What a method of a [`CimSession`] is called on: a class by its name, or an instance.
#[derive(Debug, Clone)]
pub enum MethodTarget {
    /// A class.
    Class(String),
    /// An instance, by its keys.
    Instance(Object),
}

impl From<&str> for MethodTarget {
    fn from(class: &str) -> Self {
        MethodTarget::Class(class.into())
    }
}

impl From<&Object> for MethodTarget {
    fn from(instance: &Object) -> Self {
        MethodTarget::Instance(instance.clone())
    }
}

impl CimSession {
    /// Calls a method of a class or of an instance, with parameters by name.
    ///
    /// # Errors
    /// Those of [`MethodCall::call`](crate::MethodCall::call); a return value other than 0 is none.
    pub async fn invoke_method<'a>(
        &self,
        namespace: &str,
        target: impl Into<MethodTarget>,
        method: &str,
        parameters: impl IntoIterator<Item = (&'a str, Argument)>,
    ) -> Result<Returned, Error> {
        let place = self.services(namespace).await?.place;
        let path = match target.into() {
            MethodTarget::Class(class) => class,
            MethodTarget::Instance(instance) => super::cim::path_of(&place, &instance)?,
        };
        let call = place.namespace.method(&path, method).await?;
        call.args(parameters.into_iter().map(|(name, value)| (name.to_owned(), value))).call().await
    }
}
