//! `Set-WmiInstance`, `Remove-WmiObject`, `New-CimInstance`, `Set-CimInstance`, `Remove-CimInstance`.

use super::bind::Given;
use super::consent::Consent;
use super::object::{Source, allowed, path_of, row};
use super::{said, show, usual_format};
use crate::connect::NAMESPACE;
use crate::format::{Columns, Row};
use crate::query::{At, Work, Working};
use crate::report::Failure;
use rwmi_cim::{CimType, Entity, Instance, ObjectPath, PathKeys, Property, PutOptions, Qualifier, Type, Value};
use rwmi_client::forms::PutType;
use rwmi_client::{Argument, Error};
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn set_wmi(given: Given) -> Result<ExitCode, Failure> {
    let (ours, target) = given.ours(target(&given))?;
    let target = target.unwrap_or_default();
    let is_class = path_of(&target)?.keys == PathKeys::Class;
    if !Consent::of(&given).allows("Set-WmiInstance", &target)? {
        return Ok(ExitCode::SUCCESS);
    }
    let put_type = match given.choice("PutType") {
        Some("update") => PutType::UpdateOnly,
        Some("create") => PutType::CreateOnly,
        _ => PutType::UpdateOrCreate,
    };
    let arguments = given.table("Arguments");
    show(ours, None, Put { target, is_class, arguments, options: put_type.options() })
}

pub(super) fn remove_wmi(given: Given) -> Result<ExitCode, Failure> {
    let (ours, target) = given.ours(target(&given))?;
    let target = target.unwrap_or_default();
    path_of(&target)?;
    if !Consent::of(&given).allows("Remove-WmiObject", &target)? {
        return Ok(ExitCode::SUCCESS);
    }
    show(ours, None, OnEach { source: Source::Path(target), act: Act::Remove, consent: Arc::new(Consent::of(&given)) })
}

pub(super) fn new_cim(given: Given) -> Result<ExitCode, Failure> {
    let class = given.text("ClassName").or(given.text("CimClass")).unwrap_or_default().to_owned();
    let (ours, _) = given.ours(None)?;
    if given.is_on("ClientOnly") {
        return client_only(&given, &class);
    }
    if let Some(key) = given.texts("Key").first() {
        return Err(Failure::usage(format!("-Key {key}: which properties are keys the class says; -Key is for -ClientOnly")));
    }
    if !Consent::of(&given).allows("New-CimInstance", &class)? {
        return Ok(ExitCode::SUCCESS);
    }
    let mut options = PutOptions::default();
    options.mode.create_only = true;
    show(ours, None, Put { target: class, is_class: true, arguments: given.table("Property"), options })
}

pub(super) fn set_cim(given: Given) -> Result<ExitCode, Failure> {
    let properties = given.table("Property");
    on_each(&given, "Set-CimInstance", |given| Act::Set { properties, pass_thru: given.is_on("PassThru") })
}

pub(super) fn remove_cim(given: Given) -> Result<ExitCode, Failure> {
    on_each(&given, "Remove-CimInstance", |_| Act::Remove)
}

fn on_each(given: &Given, operation: &'static str, act: impl FnOnce(&Given) -> Act) -> Result<ExitCode, Failure> {
    let (ours, path) = given.ours(given.text("InputObject"))?;
    if let Some(path) = &path {
        if path_of(path)?.keys == PathKeys::Class {
            return Err(Failure::usage(format!("{path} is the name of a class, and the path of an instance is wanted")));
        }
        // Nobody has to be asked to know what it would be done to.
        let consent = Consent::of(given);
        if consent.is_what_if() {
            consent.allows(operation, &super::object::shown_path(path))?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    let (source, consent) = (Source::of(given, path), Arc::new(Consent::of(given)));
    show(ours, None, OnEach { source, act: act(given), consent })
}

fn target(given: &Given) -> Option<&str> {
    given.text("Class").or(given.text("Path")).or(given.text("InputObject"))
}

/// An instance that nobody has but us, for its path.
fn client_only(given: &Given, class: &str) -> Result<ExitCode, Failure> {
    let keys = given.texts("Key");
    let mut properties = Vec::new();
    for (name, argument) in given.table("Property") {
        let (ty, value): (Type, Value) = match argument {
            Argument::Value(value) => (value.cim_type().unwrap_or(CimType::String.into()), value),
            Argument::Text(text) => (CimType::String.into(), text.into()),
            _ => return Err(Failure::usage(format!("{name}: without the class an instance has texts only"))),
        };
        let mut property = Property::new(&name, ty);
        if keys.iter().any(|k| rwmi_cim::names_equal(k, &name)) {
            property.qualifiers.set(Qualifier::flag("key", 0));
        }
        properties.push((property, value));
    }
    if let Some(key) = keys.iter().find(|k| !properties.iter().any(|(p, _)| rwmi_cim::names_equal(&p.name, k))) {
        return Err(Failure::usage(format!("the key {key} has no value in -Property")));
    }
    let entity = row(class, properties);
    let (ours, _) = given.ours(None)?;
    let names = entity.class().properties.iter().map(|p| p.name.clone()).chain(["__RELPATH".into()]).collect();
    let columns = Columns { names: Some(names), with_host: false, style: ours.shape.style(NAMESPACE) };
    let mut out = Vec::new();
    let mut writer = ours.shape.output.unwrap_or(usual_format()).writer(&mut out, columns, None);
    let written = writer.row(&Row { host: ".", entity: &entity }).and_then(|()| writer.finish());
    drop(writer);
    written.map_err(|e| Failure::new(e.to_string()))?;
    said(&String::from_utf8_lossy(&out))
}

/// Puts one instance, and shows what is there then.
struct Put {
    target: String,
    /// A new one of the class, or what the path names.
    is_class: bool,
    arguments: Vec<(String, Argument)>,
    options: PutOptions,
}

impl Put {
    async fn put(&self, at: At<'_>) -> Result<(), Error> {
        let put = if self.is_class {
            let mut instance = Instance::new(at.namespace.class(&self.target).await?);
            at.namespace.fill(&mut instance, &self.arguments).await?;
            at.namespace.put_instance(&instance, &self.options).await?
        } else {
            change(&at, &self.target, &self.arguments, self.options.clone()).await?
        };
        at.row(Entity::Instance(at.namespace.object(&put).await?)).await;
        Ok(())
    }
}

impl Work for Put {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(self.put(at))
    }
}

/// Changes properties of the instance at a path, and no others; gives its path.
async fn change(at: &At<'_>, path: &str, arguments: &[(String, Argument)], mut options: PutOptions) -> Result<String, Error> {
    let object = at.namespace.object(path).await?;
    let decode = |e| Error::new(rwmi_client::Step::Decode, at.namespace.host(), None, rwmi_client::ErrorKind::Object(e));
    let mut instance = object.to_instance().map_err(decode)?;
    at.namespace.fill(&mut instance, arguments).await?;
    let names = arguments.iter().map(|(name, _)| name.clone()).collect();
    // A value that is said to be NULL becomes NULL.
    (options.properties, options.strict_nulls) = (Some(names), true);
    at.namespace.put_instance(&instance, &options).await
}

enum Act {
    Set { properties: Vec<(String, Argument)>, pass_thru: bool },
    Remove,
}

/// The same on each object.
struct OnEach {
    source: Source,
    act: Act,
    consent: Arc<Consent>,
}

impl OnEach {
    async fn run(&self, at: At<'_>) -> Result<(), Error> {
        let operation = match self.act {
            Act::Set { .. } => "Set-CimInstance",
            Act::Remove => "Remove-CimInstance",
        };
        for found in self.source.found(&at).await? {
            if !allowed(&self.consent, &at, operation, &found.shown).await? {
                continue;
            }
            // One that fails does not keep the others from it.
            if let Err(error) = self.act(&at, &found.path).await {
                at.failed(error).await;
            }
        }
        Ok(())
    }

    async fn act(&self, at: &At<'_>, path: &str) -> Result<(), Error> {
        match &self.act {
            Act::Set { properties, pass_thru } => {
                let mut options = PutOptions::default();
                options.mode.update_only = true;
                let path = change(at, path, properties, options).await?;
                if *pass_thru {
                    at.row(Entity::Instance(at.namespace.object(&path).await?)).await;
                }
                Ok(())
            }
            Act::Remove => match path.parse::<ObjectPath>().map(|p| p.keys) {
                Ok(PathKeys::Class) => at.namespace.delete_class(path).await,
                _ => at.namespace.delete_instance(path).await,
            },
        }
    }
}

impl Work for OnEach {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(OnEach::run(self, at))
    }
}
