//! Events as they come ([MS-WMI] 3.1.4.3.20, 3.2.4.2.9).

use crate::namespace::{Namespace, object_of};
use crate::rows::Rows;
use crate::{Error, ErrorKind, Misuse, Object, Step, WbemStatus};
use futures_core::Stream;
use rwmi_cim::wql;
use rwmi_wbem::flags;
use rwmi_wbem::interfaces::ExecNotificationQuery;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A query for events, to be run by [`Watch::events`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Watch {
    namespace: Namespace,
    text: String,
    checked: bool,
}

/// A stream of events, for as long as one listens. Dropping it ends the subscription on the server too.
///
/// An error is told in its place and mostly is not the end: events may come behind it. [`Events::is_loss`] knows the one that says
/// that events were dropped because they were not taken in time. Where the server says no more, or cannot be reached, the
/// last item is the error that says so, and then there is nothing.
#[derive(Debug)]
pub struct Events {
    rows: Rows<Object>,
}

impl Namespace {
    /// A query for events: `SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA "Win32_Process"`.
    ///
    /// ```no_run
    /// # async fn example(cimv2: rwmi_client::Namespace) -> Result<(), rwmi_client::Error> {
    /// let mut stops = cimv2.watch("SELECT ProcessName, ExitStatus FROM Win32_ProcessStopTrace").events().await?;
    /// while let Some(stop) = stops.next().await {
    ///     println!("{}", stop?.get::<String>("ProcessName").unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self, wql: impl Into<String>) -> Watch {
        Watch { namespace: self.clone(), text: wql.into(), checked: true }
    }
}

impl Watch {
    /// Sends the query as it stands: the server alone says whether it is one.
    pub fn without_local_check(self) -> Self {
        Watch { checked: false, ..self }
    }

    /// Subscribes: every event from when this returns comes out of the stream.
    ///
    /// # Errors
    /// [`ErrorKind::Wql`] before anything is sent; what the server says against the query.
    pub async fn events(self) -> Result<Events, Error> {
        self.check()?;
        let call = ExecNotificationQuery {
            language: "WQL".into(),
            query: self.text.as_str().into(),
            flags: flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY,
            context: None,
        };
        let plan = self.namespace.plan().of_events();
        Ok(Events { rows: self.namespace.rows(&call, Step::Query, |r| r.enumerator, plan, object_of).await? })
    }

    fn check(&self) -> Result<(), Error> {
        if self.text.contains('\0') {
            return Err(self.namespace.misuse(Misuse::Option("a query cannot hold NUL".into())));
        }
        match wql::parse_event(&self.text) {
            Err(error) if self.checked => {
                let kind = ErrorKind::Wql { status: error.status, text: error.diag.render(error.query()) };
                Err(Error::new(Step::Input, &self.namespace.session.core.way.host, None, kind))
            }
            _ => Ok(()),
        }
    }
}

impl Events {
    /// The next event; waits for it without end. `None` behind the error that ended the subscription.
    ///
    /// Cancel safe: an event that was not given yet comes with the next call.
    pub async fn next(&mut self) -> Option<Result<Object, Error>> {
        self.rows.next().await
    }

    /// Whether an error says that events were dropped in its place, because they were not taken in time
    /// (`WBEM_E_QUEUE_OVERFLOW`).
    pub fn is_loss(error: &Error) -> bool {
        error.code() == Some(WbemStatus::QUEUE_OVERFLOW.0)
    }
}

impl Stream for Events {
    type Item = Result<Object, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.rows).poll_next(cx)
    }
}
