//! WQL, the query language of WMI: parse, print, evaluate ([MS-WMI] 2.2.1).
//!
//! ```
//! use rwmi_cim::{CimType, Class, Instance, Object, Property, wql::{self, Query}};
//! use std::sync::Arc;
//!
//! let class = Arc::new(Class { name: "Win32_Process".into(), properties: vec![Property::new("Name", CimType::String)], ..Class::default() });
//! let mut process = Instance::new(class.clone());
//! process.set("Name", "bash").unwrap();
//! let Query::Select(select) = wql::parse("SELECT Name FROM Win32_Process WHERE Name LIKE 'BA%'").unwrap() else { unreachable!() };
//! assert!(select.bind(&class).unwrap().matches(&Object::from(process)).unwrap());
//!
//! let error = wql::parse("SELECT Name FORM Win32_Process").unwrap_err();
//! assert_eq!(error.diag.help.as_deref(), Some("did you mean FROM?"));
//! ```
//!
//! A query goes three steps: [`parse`] makes a tree, [`Select::bind`] ties it to one concrete class (property places,
//! constants in the types of their properties), [`BoundSelect::matches`] looks at an object. A query of a class with
//! derived classes is bound to each of them once.

mod ast;
mod bind;
mod constant;
mod date;
pub mod event;
mod lex;
mod like;
mod parse;
mod print;
mod project;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use ast::{
    Associators, Columns, Condition, Constant, Event, Group, Literal, Name, Operator, Predicate, PropertyPath, Query, Schema, Select, Span,
    Test, Traversal,
};
pub use bind::BoundSelect;
pub use date::{DateOrder, Locale};
pub use event::{Aggregator, BoundEvent, EventPlan, EventSchema, PlanOptions, Poll};
pub use project::{ProjectOptions, Projection, Prototype};

use crate::{Diag, WbemStatus};
use std::fmt;
use std::sync::Arc;

/// Longest query, in characters ([MS-WMI] 3.1.4.3.18). A longer one is `WBEM_E_QUOTA_VIOLATION`.
pub const QUERY_LEN_MAX: usize = 16_384;
/// Most properties in a list: as many as a class can have. More are `WBEM_E_QUOTA_VIOLATION`.
pub const COLUMNS_MAX: usize = 1_024;
/// Most comparisons in a query; more are `WBEM_E_QUOTA_VIOLATION`. The number is ours.
pub const PREDICATES_MAX: usize = 512;
/// Deepest nesting of parentheses and NOT; deeper is `WBEM_E_QUOTA_VIOLATION`. The number is ours.
pub const DEPTH_MAX: usize = 64;

/// Reads a query of any kind.
///
/// Errors: `WBEM_E_INVALID_QUERY` for what is not WQL, `WBEM_E_QUOTA_VIOLATION` beyond the limits of this module,
/// `WBEM_E_MISSING_GROUP_WITHIN` for GROUP without WITHIN, `WBEM_E_MISSING_AGGREGATION_LIST` for BY without properties. It never panics, whatever the text.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    parse::query(text).map_err(QueryError::of_data)
}

/// Reads an event query, also one that has neither WITHIN nor GROUP and looks like a data query.
///
/// Errors as those of [`parse`], with `WBEM_E_UNPARSABLE_QUERY` for what is not WQL, `WBEM_E_INVALID_OPERATOR` for an order
/// among NULL, TRUE and FALSE, and `WBEM_E_NOT_EVENT_CLASS` for queries of other kinds. Whether the class is one of events, its caller knows.
pub fn parse_event(text: &str) -> Result<Event, QueryError> {
    match parse::query(text) {
        Ok(Query::Event(event)) => Ok(event),
        Ok(Query::Select(select)) => Ok(Event { select, within: None, group: None }),
        Ok(_) => {
            let diag = Diag::new(0..0, "only SELECT from a class of events makes an event query");
            Err(QueryError::new(WbemStatus::NOT_EVENT_CLASS, diag, text.into()))
        }
        Err(e) if e.status == WbemStatus::INVALID_QUERY => Err(QueryError { status: WbemStatus::UNPARSABLE_QUERY, ..e }),
        Err(e) => Err(e),
    }
}

/// Why a query is refused. Shows the line of the query with a caret and, where there is one, a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryError {
    /// What a server answers.
    pub status: WbemStatus,
    /// What is wrong, and where in the query.
    pub diag: Diag,
    query: Arc<str>,
}

impl QueryError {
    pub(crate) fn new(status: WbemStatus, diag: Diag, query: Arc<str>) -> Self {
        QueryError { status, diag, query }
    }

    /// The query that was refused.
    pub fn query(&self) -> &str {
        &self.query
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:", self.status)?;
        for (i, line) in self.diag.render(&self.query).lines().enumerate() {
            write!(f, "{}  {line}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for QueryError {}
