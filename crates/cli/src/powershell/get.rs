//! `Get-WmiObject`, `Get-CimInstance`, `Get-CimAssociatedInstance`.

use super::bind::Given;
use super::object::{Source, keys_only, path_of, row};
use super::{classes, show};
use crate::query::{At, Work, Working, columns_of};
use crate::report::Failure;
use rwmi_cim::{CimType, Entity, Property, SystemProperty, names_equal, wql};
use rwmi_client::forms::{AssociatorsOf, SelectQuery};
use rwmi_client::{Depth, Error};
use std::process::ExitCode;

pub(super) fn wmi(given: Given) -> Result<ExitCode, Failure> {
    if given.is_on("List") {
        return classes::wmi(&given);
    }
    let text = match given.text("Query") {
        Some(query) => query.to_owned(),
        None => select(given.text("Class"), &given)?,
    };
    // -List:$false is no list.
    let rows = Rows {
        what: What::Query(text),
        language: "WQL".into(),
        amended: given.is_on("Amended"),
        direct_read: given.is_on("DirectRead"),
        only: None,
    };
    rows.show(&given)
}

pub(super) fn cim(given: Given) -> Result<ExitCode, Failure> {
    if let Some(path) = given.text("InputObject") {
        let (ours, path) = given.ours(Some(path))?;
        let path = path.unwrap_or_default();
        path_of(&path)?;
        return show(ours, None, One(path));
    }
    let language = given.text("QueryDialect").unwrap_or("WQL").to_owned();
    let is_shallow = given.is_on("Shallow");
    let (what, only) = match (given.text("Query"), given.text("ClassName")) {
        (Some(query), _) => {
            let of = data_class(query)?;
            (What::Query(query.to_owned()), of.filter(|_| is_shallow))
        }
        (None, class) => {
            let (name, text) = (class.unwrap_or_default().to_owned(), select(class, &given)?);
            let is_whole = given.text("Filter").is_none() && given.texts("Property").is_empty();
            match given.is_on("KeyOnly") {
                true => (What::Keys(name.clone(), given.text("Filter").unwrap_or_default().to_owned()), is_shallow.then_some(name)),
                false if is_shallow && is_whole => (What::Shallow(name), None),
                false => (What::Query(text), is_shallow.then_some(name)),
            }
        }
    };
    Rows { what, language, amended: false, direct_read: false, only }.show(&given)
}

pub(super) fn associated(given: Given) -> Result<ExitCode, Failure> {
    let (ours, path) = given.ours(given.text("InputObject"))?;
    let name = |name: &str| given.text(name).map(str::to_owned);
    let which = AssociatorsOf { assoc_class: name("Association"), result_class: name("ResultClassName"), ..AssociatorsOf::default() };
    // A path that is none is told before anybody is asked.
    let source = Source::of(&given, path);
    if let Source::Path(path) = &source {
        path_of(path)?;
        which.wql(path).map_err(Failure::usage)?;
    }
    show(ours, None, Associated { source, which, keys_only: given.is_on("KeyOnly") })
}

/// The query of a class with the properties and the filter that were given.
fn select(class: Option<&str>, given: &Given) -> Result<String, Failure> {
    let properties = given.texts("Property");
    let select = SelectQuery {
        class_name: class.unwrap_or_default().to_owned(),
        condition: given.text("Filter").unwrap_or_default().to_owned(),
        // `*` among others is all.
        selected_properties: if properties.iter().any(|p| p == "*") { Vec::new() } else { properties },
        is_schema_query: false,
    };
    select.build().map(|q| q.query_string).map_err(Failure::usage)
}

/// The class that a query of data is of. A query of classes is another cmdlet's.
fn data_class(query: &str) -> Result<Option<String>, Failure> {
    match wql::parse(query) {
        Ok(wql::Query::Select(select)) => Ok(Some(select.class.text)),
        Ok(wql::Query::Schema(_)) => {
            Err(Failure::usage("a query of classes is not one of instances").hint("rwmi Get-CimClass lists classes"))
        }
        // What is no query is told with its place by who sends it.
        _ => Ok(None),
    }
}

enum What {
    Query(String),
    /// The keys of a class's instances, and a condition.
    Keys(String, String),
    /// The instances of a class and of none derived from it.
    Shallow(String),
}

/// Rows as a query or an enumeration gives them.
struct Rows {
    what: What,
    language: String,
    amended: bool,
    direct_read: bool,
    /// Those of this class only.
    only: Option<String>,
}

impl Rows {
    fn show(self, given: &Given) -> Result<ExitCode, Failure> {
        let names = match &self.what {
            What::Query(text) if self.language.eq_ignore_ascii_case("WQL") => match wql::parse(text) {
                Ok(wql::Query::Select(select)) => columns_of(&select),
                Ok(_) => None,
                Err(e) => return Err(Failure::new(format!("the query is not WQL: {}\n{}", e.status, e.diag.render(e.query())))),
            },
            _ => None,
        };
        let (ours, _) = given.ours(None)?;
        show(ours, names, self)
    }

    async fn ask(&self, at: At<'_>) -> Result<(), Error> {
        let mut has_keys = true;
        let text = match &self.what {
            What::Query(text) => text.clone(),
            What::Shallow(class) => {
                let mut rows = at.namespace.instances(class, Depth::Shallow).await?;
                while let Some(row) = rows.next().await {
                    let goes_on = match row {
                        Ok(object) => at.row(Entity::Instance(object)).await,
                        Err(error) => at.failed(error).await,
                    };
                    if !goes_on {
                        break;
                    }
                }
                return Ok(());
            }
            What::Keys(name, condition) => {
                let class = at.namespace.class(name).await?;
                let mut keys: Vec<String> = class.keys().map(|k| k.name.clone()).collect();
                has_keys = !keys.is_empty();
                if !has_keys {
                    keys.push("__RELPATH".into());
                }
                let condition = condition.clone();
                let select = SelectQuery { class_name: name.clone(), condition, selected_properties: keys, is_schema_query: false };
                select.build().map_err(|m| Error::misuse(at.namespace.host(), m))?.query_string
            }
        };
        let query = at.namespace.query(text).language(&self.language).ensure_locatable(true);
        let query = query.amended(self.amended).direct_read(self.direct_read).deadline(at.left());
        let is_wanted = |row: &Entity| self.only.as_ref().is_none_or(|only| names_equal(&row.class().name, only));
        // What has no key is shown by its path.
        let made = |entity: Entity| if has_keys { entity } else { by_path(&entity) };
        at.rows(query.entities().await?, |entity| is_wanted(&entity).then(|| made(entity))).await
    }
}

fn by_path(entity: &Entity) -> Entity {
    let property = SystemProperty::Relpath;
    row(&entity.class().name, vec![(Property::new(property.name(), CimType::String), property.of(entity))])
}

impl Work for Rows {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(self.ask(at))
    }
}

/// The instance at a path.
struct One(String);

impl Work for One {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(async move {
            at.row(Entity::Instance(at.namespace.object(&self.0).await?)).await;
            Ok(())
        })
    }
}

struct Associated {
    source: Source,
    which: AssociatorsOf,
    keys_only: bool,
}

impl Associated {
    async fn ask(&self, at: At<'_>) -> Result<(), Error> {
        for found in self.source.found(&at).await? {
            let text = self.which.wql(&found.path).map_err(|m| Error::misuse(at.namespace.host(), m))?;
            let rows = at.namespace.query(text).deadline(at.left()).entities().await?;
            at.rows(rows, |row| Some(if self.keys_only { keys_only(&row) } else { row })).await?;
        }
        Ok(())
    }
}

impl Work for Associated {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(self.ask(at))
    }
}
