//! Data queries and schema queries: bound to each class once, filtered here whatever the provider did, trimmed last.

mod associations;

use super::pump::Sieve;
use super::{Failure, Running, Wanted};
use rwmi_cim::wql::{self, ProjectOptions, Query, QueryError, Select};
use rwmi_cim::{Class, Object, WbemStatus};
use std::sync::Arc;

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Failure {
        // One line: clients put it into a sentence of theirs.
        let (line, column) = error.diag.position(error.query());
        let place = if line == 1 { format!("character {column}") } else { format!("line {line}, character {column}") };
        let help = error.diag.help.as_ref().map_or(String::new(), |h| format!("; {h}"));
        Failure::new(error.status, format!("{}, at {place} of the query{help}", error.diag.message))
    }
}

impl<'a> Running<'a> {
    pub(super) async fn query(self, text: &str) -> Result<(), Failure> {
        match wql::parse(text)? {
            Query::Select(select) if self.options.prototype => self.prototype(&select).await,
            Query::Select(select) => self.select(&select).await,
            Query::Schema(schema) => self.schema(|class| schema.matches(class)).await,
            Query::Associators(query) => self.associators(&query).await,
            Query::References(query) => self.references(&query).await,
            Query::Event(_) => Err(Failure::new(WbemStatus::INVALID_QUERY, "an event query is no data query")),
            _ => Err(WbemStatus::NOT_SUPPORTED.into()),
        }
    }

    async fn select(self, select: &Select) -> Result<(), Failure> {
        let base = self.class(&select.class.text)?;
        if base.is_a("__Event") {
            let why = format!("{} is a class of events: they are subscribed to, and nowhere kept", base.name);
            return Err(Failure::new(WbemStatus::INVALID_QUERY, why));
        }
        // A mistake is told even where no class below has instances.
        select.bind(base)?;
        let options = ProjectOptions { ensure_locatable: self.options.ensure_locatable };
        select.project(base, options)?;
        let plan = |class: &'a Arc<Class>| {
            let (bound, projection) = (select.bind(class)?, select.project(class, options)?);
            if bound.never_matches() {
                return Ok(None);
            }
            let wanted = Wanted { properties: select.wanted(class), equal: bound.equalities() };
            let user = &self.cx.user;
            let sieve: Sieve<'_> = Box::new(move |object: Object| match bound.matches(&object) {
                Ok(true) => Ok(Some(projection.apply(&object))),
                Ok(false) => Ok(None),
                Err(error) => {
                    // A row that cannot be looked at does not lose the others.
                    tracing::warn!(%user, %error, "a row was left out");
                    Ok(None)
                }
            });
            Ok(Some((wanted, sieve)))
        };
        self.ask(self.family(base, true), &plan).await?.map_or(Ok(()), Err)
    }

    async fn prototype(self, select: &Select) -> Result<(), Failure> {
        let class = self.class(&select.class.text)?;
        select.bind(class)?;
        let shape: Arc<Class> = select.prototype(class)?.class;
        self.deliver_class(&shape).await
    }

    async fn schema(self, matches: impl Fn(&Class) -> bool + Send) -> Result<(), Failure> {
        for class in self.namespace.descendants("", self.options.amended).into_iter().flatten() {
            if matches(class) {
                self.deliver_class(class).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
