//! `Invoke-WmiMethod`.

use super::{Connection, Results, connection_parameters};
use crate::forms::environment::Environment;
use crate::forms::object::WmiObject;
use crate::{Argument, Error, Misuse};
use rwmi_cim::Entity;
use std::sync::Arc;

/// `Invoke-WmiMethod` of a class (`-Class`) or of the instance at a path (`-Path`).
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::forms::invoke_wmi_method;
/// let call = invoke_wmi_method("Win32_Process", "Create").argument("CommandLine", "sleep 60").computer_name("Computer_B");
/// let (returned, failed) = call.run()?.collect().await;
/// println!("{:?}", returned[0].object.get::<u32>("ReturnValue")?);
/// # Ok(())
/// # }
/// ```
pub fn invoke_wmi_method(class_or_path: impl Into<String>, name: impl Into<String>) -> InvokeWmiMethod {
    InvokeWmiMethod::in_environment(&Environment::of_process(), class_or_path, name)
}

/// `Invoke-WmiMethod` with its parameters; run by [`InvokeWmiMethod::run`].
#[derive(Debug, Clone)]
#[must_use]
pub struct InvokeWmiMethod {
    connection: Connection,
    path: String,
    method: String,
    named: Vec<(String, Argument)>,
    listed: Vec<Option<Argument>>,
}

connection_parameters!(InvokeWmiMethod);

impl InvokeWmiMethod {
    /// In an environment.
    pub fn in_environment(environment: &Environment, class_or_path: impl Into<String>, name: impl Into<String>) -> InvokeWmiMethod {
        let connection = Connection::new(environment);
        InvokeWmiMethod { connection, path: class_or_path.into(), method: name.into(), named: Vec::new(), listed: Vec::new() }
    }

    /// An argument by the name of its parameter, which leaves no doubt.
    pub fn argument(mut self, name: impl Into<String>, value: impl Into<Argument>) -> Self {
        self.named.push((name.into(), value.into()));
        self
    }

    /// `-ArgumentList`: arguments in the order in which the method declares its in parameters; `None` leaves one out.
    ///
    /// The cmdlet takes them in the order of the names of the in-parameters object, which is mostly alphabetical and not what the
    /// documentation shows. Here the documented order counts.
    pub fn argument_list(mut self, arguments: impl IntoIterator<Item = Option<Argument>>) -> Self {
        self.listed.extend(arguments);
        self
    }

    /// Calls it on every computer; the results are objects of its out parameters, `ReturnValue` among them.
    ///
    /// # Errors
    /// Arguments in both forms, before anything is sent. What a computer refuses comes among the results.
    pub fn run(self) -> Result<Results, Error> {
        super::keys(&self.connection, &self.path)?;
        let InvokeWmiMethod { connection, path, method, named, listed } = self;
        if !named.is_empty() && !listed.is_empty() {
            let host = connection.computers.first().map_or(".", |c| c);
            return Err(Error::misuse(host, Misuse::Option("arguments come by name or in a list, not both".into())));
        }
        let what = Arc::new((path, method, named, listed));
        Ok(connection.run(move |_, place, found| {
            let what = what.clone();
            async move {
                let (path, method, named, listed) = &*what;
                let call = place.namespace.method(path, method).await?;
                let returned = call.args(named.iter().cloned()).positional(listed.iter().cloned())?.call().await?;
                found.give(WmiObject::new(place.clone(), Entity::Instance(returned.object().clone()))).await;
                Ok(())
            }
        }))
    }
}
