//! `Get-WmiObject -List` and `Get-CimClass`.

use super::bind::Given;
use super::object::row;
use super::show_as;
use crate::format::Format;
use crate::query::{At, Work, Working};
use crate::report::Failure;
use rwmi_cim::{CimType, Class, Entity, Property, Type, Value};
use rwmi_client::Error;
use rwmi_client::forms::{ClassList, name_fits};
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn wmi(given: &Given) -> Result<ExitCode, Failure> {
    let (ours, _) = given.ours(None)?;
    show_as(ours, None, |format| Classes {
        pattern: given.text("Class").unwrap_or("*").to_owned(),
        amended: given.is_on("Amended"),
        recurse: given.is_on("Recurse"),
        is_cim: false,
        whole: format == Format::Mof,
        members: [None, None, None],
    })
}

pub(super) fn cim(given: Given) -> Result<ExitCode, Failure> {
    let (ours, _) = given.ours(None)?;
    show_as(ours, None, |format| Classes {
        pattern: given.text("ClassName").unwrap_or("*").to_owned(),
        amended: given.is_on("Amended"),
        recurse: false,
        is_cim: true,
        whole: format == Format::Mof,
        members: ["MethodName", "PropertyName", "QualifierName"].map(|name| given.text(name).map(str::to_owned)),
    })
}

/// The classes of a namespace.
struct Classes {
    pattern: String,
    amended: bool,
    recurse: bool,
    /// In the words of the CIM cmdlets.
    is_cim: bool,
    /// As the class itself, for a format that has classes.
    whole: bool,
    /// Patterns of a method, a property and a qualifier that it must have.
    members: [Option<String>; 3],
}

impl Classes {
    async fn ask(&self, at: At<'_>) -> Result<(), Error> {
        // One that is named is asked for by its name: it must be there.
        if !self.recurse && !self.pattern.contains(['*', '?', '[']) {
            let got = match self.amended {
                true => at.namespace.amended_class(&self.pattern).await?,
                false => at.namespace.class(&self.pattern).await?,
            };
            if self.fits(&got) {
                at.row(self.shown(at.namespace.name(), &got)).await;
            }
            return Ok(());
        }
        let mut classes = ClassList::new(at.namespace.clone(), &self.pattern, self.amended, self.recurse);
        while let Some(next) = classes.next().await {
            let goes_on = match next {
                Ok((namespace, class)) if self.fits(&class) => at.row(self.shown(namespace.name(), &class)).await,
                Ok(_) => true,
                Err(error) => at.failed(error).await,
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    fn fits(&self, class: &Class) -> bool {
        let [method, property, qualifier] = &self.members;
        let has = |pattern: &Option<String>, mut names: Box<dyn Iterator<Item = &String> + '_>| {
            pattern.as_ref().is_none_or(|pattern| names.any(|name| name_fits(pattern, name)))
        };
        has(method, Box::new(class.methods.iter().map(|m| &m.name)))
            && has(property, Box::new(class.properties.iter().map(|p| &p.name)))
            && has(qualifier, Box::new(class.qualifiers.0.iter().map(|q| &q.name)))
    }

    fn shown(&self, namespace: &str, class: &Arc<Class>) -> Entity {
        if self.whole {
            return Entity::Class(class.clone());
        }
        let text = |name: &str, value: &str| (Property::new(name, CimType::String), Value::from(value));
        let list = |name: &str, names: Vec<&str>| {
            let ty = Type { array: true, ..CimType::String.into() };
            (Property::new(name, ty), Value::Array(names.into_iter().map(Value::from).collect()))
        };
        let methods = || class.methods.iter().map(|m| m.name.as_str()).collect();
        let properties = || class.properties.iter().map(|p| p.name.as_str()).collect();
        let columns = match self.is_cim {
            true => vec![
                text("CimClassName", &class.name),
                text("CimSuperClassName", class.superclass().unwrap_or_default()),
                list("CimClassMethods", methods()),
                list("CimClassProperties", properties()),
                list("CimClassQualifiers", class.qualifiers.0.iter().map(|q| q.name.as_str()).collect()),
            ],
            false => {
                let mut columns = vec![text("Name", &class.name), list("Methods", methods()), list("Properties", properties())];
                if self.recurse {
                    columns.insert(0, text("Namespace", namespace));
                }
                columns
            }
        };
        row("CimClass", columns)
    }
}

impl Work for Classes {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(self.ask(at))
    }
}
