//! `Set-WmiInstance` and `Remove-WmiObject`.

use super::{Connection, Results, connection_parameters, keys};
use crate::Error;
use crate::forms::environment::Environment;
use rwmi_cim::{PathKeys, PutOptions, Value};
use std::sync::Arc;

/// How `Set-WmiInstance` writes (`-PutType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PutType {
    /// 1: what is there is changed.
    UpdateOnly,
    /// 2: what is not there is made.
    CreateOnly,
    /// 3: either.
    #[default]
    UpdateOrCreate,
}

impl PutType {
    /// What a put takes.
    pub fn options(self) -> PutOptions {
        let mut options = PutOptions::default();
        options.mode.update_only = self == PutType::UpdateOnly;
        options.mode.create_only = self == PutType::CreateOnly;
        options
    }
}

/// `Set-WmiInstance` for a class (`-Class`: makes or changes an instance) or for the instance at a path (`-Path`).
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::forms::set_wmi_instance;
/// let set = set_wmi_instance("Demo_Setting").namespace(r"root\default").computer_name("Computer_B");
/// let (made, failed) = set.argument("Name", "colour").argument("Value", "blue").run()?.collect().await;
/// # Ok(())
/// # }
/// ```
pub fn set_wmi_instance(class_or_path: impl Into<String>) -> SetWmiInstance {
    SetWmiInstance::in_environment(&Environment::of_process(), class_or_path)
}

/// `Set-WmiInstance` with its parameters; run by [`SetWmiInstance::run`].
#[derive(Debug, Clone)]
#[must_use]
pub struct SetWmiInstance {
    connection: Connection,
    path: String,
    arguments: Vec<(String, Value)>,
    put_type: PutType,
}

connection_parameters!(SetWmiInstance);

impl SetWmiInstance {
    /// In an environment.
    pub fn in_environment(environment: &Environment, class_or_path: impl Into<String>) -> SetWmiInstance {
        let connection = Connection::new(environment);
        SetWmiInstance { connection, path: class_or_path.into(), arguments: Vec::new(), put_type: PutType::default() }
    }

    /// `-Arguments`: a property and its value.
    pub fn argument(mut self, property: impl Into<String>, value: impl Into<Value>) -> Self {
        self.arguments.push((property.into(), value.into()));
        self
    }

    /// `-PutType`, instead of `UpdateOrCreate`.
    pub fn put_type(mut self, put_type: PutType) -> Self {
        self.put_type = put_type;
        self
    }

    /// Writes at once, on every computer; gives what is there then.
    ///
    /// # Errors
    /// A path that is none, before anything is sent. What a computer refuses comes among the results.
    pub fn run(self) -> Result<Results, Error> {
        let is_class = keys(&self.connection, &self.path)? == PathKeys::Class;
        let SetWmiInstance { connection, path, arguments, put_type } = self;
        let arguments = Arc::new((path, arguments));
        Ok(connection.run(move |_, place, found| {
            let arguments = arguments.clone();
            async move {
                let (path, arguments) = &*arguments;
                let target = place.get(path, 0, None).await?;
                let mut instance = if is_class { target.spawn_instance()? } else { target };
                for (name, value) in arguments {
                    instance.set(name, value.clone()).map_err(|e| place.object_error(e))?;
                }
                let mut options = put_type.options();
                if !is_class {
                    // Only what was said is written.
                    options.properties = Some(arguments.iter().map(|(name, _)| name.clone()).collect());
                }
                let path = instance.put_with(&options, None).await?;
                found.give(place.get(&path, 0, None).await?).await;
                Ok(())
            }
        }))
    }
}

/// `Remove-WmiObject` for a class or the instance at a path.
pub fn remove_wmi_object(class_or_path: impl Into<String>) -> RemoveWmiObject {
    RemoveWmiObject::in_environment(&Environment::of_process(), class_or_path)
}

/// `Remove-WmiObject` with its parameters; run by [`RemoveWmiObject::run`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RemoveWmiObject {
    connection: Connection,
    path: String,
}

connection_parameters!(RemoveWmiObject);

impl RemoveWmiObject {
    /// In an environment.
    pub fn in_environment(environment: &Environment, class_or_path: impl Into<String>) -> RemoveWmiObject {
        RemoveWmiObject { connection: Connection::new(environment), path: class_or_path.into() }
    }

    /// Deletes at once, on every computer; gives failures only.
    ///
    /// # Errors
    /// A path that is none, before anything is sent.
    pub fn run(self) -> Result<Results, Error> {
        keys(&self.connection, &self.path)?;
        let path = Arc::new(self.path);
        Ok(self.connection.run(move |_, place, _| {
            let path = path.clone();
            async move { place.delete(&path, None).await }
        }))
    }
}
