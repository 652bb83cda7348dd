//! A query and what can be said about it.

use crate::namespace::{Namespace, class_of, object_of, typed_of};
use crate::rows::{Plan, Rows};
use crate::{Error, ErrorKind, Misuse, Step};
use rwmi_cim::{Class, Entity, Object, WbemStatus, wql};
use rwmi_dcom::InterfacePointer;
use rwmi_wbem::flags;
use rwmi_wbem::interfaces::ExecQuery;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// A query of data or schema, to be run by [`Query::objects`], [`Query::all`] or [`Query::stream`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Query {
    namespace: Namespace,
    text: String,
    language: String,
    flags: i32,
    context: Option<InterfacePointer>,
    checked: bool,
    plan: Plan,
}

impl Query {
    pub(crate) fn new(namespace: Namespace, text: String) -> Query {
        let plan = namespace.plan();
        let flags = flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY;
        Query { namespace, text, language: "WQL".into(), flags, context: None, checked: true, plan }
    }

    /// As a form of [`crate::forms`] has it: the language by its name, all flags, and a context.
    pub(crate) fn raw(self, language: &str, flags: i32, context: Option<InterfacePointer>) -> Self {
        Query { language: language.into(), flags, context, ..self }
    }

    /// Rows in one answer of the server: so many, instead of few at first and then up to 256.
    pub fn batch(mut self, rows: u32) -> Self {
        self.plan.batch = Some(rows.max(1));
        self
    }

    /// Whether each row must hold what its path takes, also where the query leaves the keys out.
    pub fn ensure_locatable(mut self, on: bool) -> Self {
        self.set(flags::ENSURE_LOCATABLE, on);
        self
    }

    /// Whether qualifiers of classes come with what is said of them in the session's locale.
    pub fn amended(mut self, on: bool) -> Self {
        self.set(flags::USE_AMENDED_QUALIFIERS, on);
        self
    }

    /// Whether a provider is asked for the very class (`WBEM_FLAG_DIRECT_READ`).
    pub fn direct_read(mut self, on: bool) -> Self {
        self.set(flags::DIRECT_READ, on);
        self
    }

    /// The language by its name, instead of `WQL`; what another language's text says only the server knows.
    pub fn language(mut self, name: &str) -> Self {
        if !name.eq_ignore_ascii_case("WQL") {
            (self.language, self.checked) = (name.into(), false);
        }
        self
    }

    /// Whether [`Rows::rewind`] works: the server then keeps all rows as long as the stream lives.
    pub fn rewindable(mut self, on: bool) -> Self {
        self.set(flags::FORWARD_ONLY, !on);
        self
    }

    /// How long the query may take, up to its last row.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.plan.deadline = Some(time);
        self
    }

    /// Sends the query as it stands: the server alone says whether it is one.
    pub fn without_local_check(mut self) -> Self {
        self.checked = false;
        self
    }

    fn set(&mut self, flag: i32, on: bool) {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
    }

    /// Runs the query; rows are objects.
    ///
    /// # Errors
    /// [`ErrorKind::Wql`] before anything is sent. Errors that the server finds later (an unknown class among them) come from
    /// the stream, behind the rows before them.
    pub async fn objects(self) -> Result<Rows<Object>, Error> {
        self.run(object_of).await
    }

    /// Runs the query; rows are classes, as of `SELECT * FROM meta_class`.
    pub async fn classes(self) -> Result<Rows<Arc<Class>>, Error> {
        self.run(class_of).await
    }

    /// Runs the query; rows are whatever the server sends.
    pub async fn entities(self) -> Result<Rows<Entity>, Error> {
        self.run(Ok).await
    }

    /// Runs the query; rows are values of a type. One that does not fit is an error of its own, and the stream goes on.
    pub async fn stream<T: DeserializeOwned>(self) -> Result<Rows<T>, Error> {
        self.run(typed_of::<T>).await
    }

    /// Runs the query and collects its rows.
    pub async fn all<T: DeserializeOwned>(self) -> Result<Vec<T>, Error> {
        self.stream::<T>().await?.collect().await
    }

    async fn run<T>(self, convert: fn(Entity) -> Result<T, ErrorKind>) -> Result<Rows<T>, Error> {
        self.check()?;
        let Query { namespace, text, language, flags, context, plan, .. } = self;
        let call = ExecQuery { language: language.as_str().into(), query: text.as_str().into(), flags, context };
        namespace.rows(&call, Step::Query, |r| r.enumerator, plan, convert).await
    }

    fn check(&self) -> Result<(), Error> {
        if self.text.contains('\0') {
            return Err(self.namespace.misuse(Misuse::Option("a query cannot hold NUL".into())));
        }
        if !self.checked {
            return Ok(());
        }
        let kind = match wql::parse(&self.text) {
            Ok(wql::Query::Event(_)) => {
                let text = "a query of events, which come for as long as one listens; a query of data has no WITHIN and no GROUP".into();
                ErrorKind::Wql { status: WbemStatus::INVALID_QUERY, text }
            }
            Ok(_) => return Ok(()),
            Err(error) => ErrorKind::Wql { status: error.status, text: error.diag.render(error.query()) },
        };
        Err(Error::new(Step::Input, &self.namespace.session.core.way.host, None, kind))
    }
}
