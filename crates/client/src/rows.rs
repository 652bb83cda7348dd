//! Rows as they come ([MS-WMI] 3.2.4.2.8 to 3.2.4.2.10).
//!
//! One task asks the server for the next batch while the caller looks at the one before; at most one batch waits between them,
//! so memory stays flat however many rows there are.

use crate::namespace::Namespace;
use crate::session::{Remote, Session};
use crate::{Error, ErrorKind, Step, failure};
use futures_core::Stream;
use rwmi_cim::{Entity, Object, WbemStatus};
use rwmi_dcom::{self as dcom, Cid, ErrorInfo, InterfacePointer};
use rwmi_ndr::{Guid, HResult};
use rwmi_rpc::Method;
use rwmi_wbem::ClassObjectRef;
use rwmi_wbem::interfaces::*;
use rwmi_wmio::object_array::ObjectArrayDecoder;
use rwmi_wmio::{DecodeError, DecodeOptions, Decoder};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

/// Rows that are asked for at first: a short answer comes soon.
const BATCH_FIRST: u32 = 32;

/// Rows that are asked for when many came.
const BATCH_MAX: u32 = 256;

/// The same where each row brings its class, which is some 20 KB.
const PLAIN_BATCH_MAX: u32 = 64;

/// How long the server may wait for rows before it answers that there are none yet.
const WAIT: Duration = Duration::from_secs(5);

/// Answers without a row, without a reason, and without having waited, after which the server is not believed any more.
const EMPTY_MAX: u32 = 64;

/// What a caller said about an enumeration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Rows of one answer, where the caller chose.
    pub(crate) batch: Option<u32>,
    /// Time for all; of events, for the subscribing alone.
    pub(crate) deadline: Option<Duration>,
    /// Whether rows are events: they come when they come, and an error need not be the end.
    pub(crate) events: bool,
}

impl Plan {
    pub(crate) fn of_events(self) -> Plan {
        Plan { events: true, ..self }
    }
}

/// Failures in a row, with nothing between them, after which a subscription is over.
const FAILURES_MAX: u32 = 3;

type Batch = Vec<Result<Entity, DecodeError>>;

/// A stream of rows. Dropping it ends the query on the server too.
///
/// A row that cannot be read is an error of its own; after any other error there is nothing more.
pub struct Rows<T = Object> {
    source: Arc<Source>,
    convert: fn(Entity) -> Result<T, ErrorKind>,
    batch: std::vec::IntoIter<Result<Entity, DecodeError>>,
    batches: mpsc::Receiver<Result<Batch, Error>>,
    task: AbortHandle,
}

struct Source {
    session: Arc<Session>,
    enumerator: Remote<IEnumWbemClassObject>,
    smart: Option<Remote<IWbemWCOSmartEnum>>,
    plan: Plan,
    started: Instant,
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("enumerator", &self.source.enumerator).finish_non_exhaustive()
    }
}

impl<T> Rows<T> {
    pub(crate) async fn open(
        namespace: &Namespace,
        step: Step,
        enumerator: Result<InterfacePointer, dcom::Error>,
        plan: Plan,
        convert: fn(Entity) -> Result<T, ErrorKind>,
    ) -> Result<Rows<T>, Error> {
        let session = namespace.session.clone();
        let open = async {
            let enumerator = session.core.unmarshal::<IEnumWbemClassObject>(&enumerator?, ExecQuery::NAME).await?;
            let smart = if session.core.way.smart_enumeration { smart(&session, &enumerator).await? } else { None };
            Ok((enumerator, smart))
        };
        let (enumerator, smart) = open.await.map_err(|e| namespace.error(step, e))?;
        let source = Arc::new(Source { session, enumerator, smart, plan, started: Instant::now() });
        let (batches, task) = fetch(&source);
        Ok(Rows { source, convert, batch: Vec::new().into_iter(), batches, task })
    }

    /// The next row; `None` at the end.
    ///
    /// Cancel safe: a row that was not given yet comes with the next call.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|cx| self.poll_row(cx)).await
    }

    /// All rows that are left; the first error ends it.
    pub async fn collect(mut self) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        while let Some(row) = self.next().await {
            rows.push(row?);
        }
        Ok(rows)
    }

    /// Starts again at the first row, where the query is [`rewindable`](crate::Query::rewindable); else
    /// `WBEM_E_INVALID_OPERATION`.
    pub async fn rewind(&mut self) -> Result<(), Error> {
        self.task.abort();
        self.batches.close();
        let step = Step::Call { method: Reset::NAME };
        self.source.enumerator.call(&Reset {}).await.map_err(|e| self.source.error(step, e))?;
        self.batch = Vec::new().into_iter();
        (self.batches, self.task) = fetch(&self.source);
        Ok(())
    }

    fn poll_row(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        loop {
            if let Some(row) = self.batch.next() {
                let row = row.map_err(|e| ErrorKind::Protocol(e.to_string())).and_then(self.convert);
                return Poll::Ready(Some(row.map_err(|kind| self.source.failed(Step::Decode, kind))));
            }
            match ready!(self.batches.poll_recv(cx)) {
                Some(Ok(batch)) => self.batch = batch.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T> Stream for Rows<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_row(cx)
    }
}

impl<T> Drop for Rows<T> {
    fn drop(&mut self) {
        // The call under way is cancelled at the server; the enumerator is released when the last holder lets go.
        self.task.abort();
    }
}

/// The faster form of an enumerator; where the server refuses it for whatever reason, there is none.
async fn smart(
    session: &Arc<Session>,
    enumerator: &Remote<IEnumWbemClassObject>,
) -> Result<Option<Remote<IWbemWCOSmartEnum>>, dcom::Error> {
    let found = async {
        let fetch = session.core.query::<IWbemFetchSmartEnum, _>(enumerator).await?;
        let (reply, _) = fetch.call(&GetSmartEnum {}).await?;
        match reply.enumerator {
            Some(pointer) => session.core.unmarshal::<IWbemWCOSmartEnum>(&pointer, GetSmartEnum::NAME).await.map(Some),
            None => Ok(None),
        }
    };
    match found.await {
        Err(error) if is_refusal(&error) => {
            tracing::debug!(%error, "no smart enumeration");
            Ok(None)
        }
        other => other,
    }
}

/// Whether the server answered, and said no.
fn is_refusal(error: &dcom::Error) -> bool {
    use rwmi_rpc::ChannelError::{Fault, Rejected};
    matches!(error, dcom::Error::Refused { .. } | dcom::Error::Channel { source: Fault(_) | Rejected { .. }, .. })
}

/// Starts the task that asks for rows.
fn fetch(source: &Arc<Source>) -> (mpsc::Receiver<Result<Batch, Error>>, AbortHandle) {
    let (batches, receiver) = mpsc::channel(1);
    let source = source.clone();
    let task = tokio::spawn(async move {
        let limit = source.plan.deadline.filter(|_| !source.plan.events);
        let deadline = limit.and_then(|time| source.started.checked_add(time).map(|at| (at, time)));
        let fetching = async { if source.plan.events { source.listen(&batches).await } else { source.fetch(&batches).await } };
        let result = match deadline {
            None => fetching.await,
            Some((at, after)) => match timeout_at(at, fetching).await {
                Ok(result) => result,
                Err(_) => Err(source.failed(Step::Next, ErrorKind::TimedOut { after })),
            },
        };
        // The enumerator goes back before anybody hears of the end.
        drop(source);
        if let Err(error) = result {
            let _ = batches.send(Err(error)).await;
        }
    });
    (receiver, task.abort_handle())
}

/// One answer: rows, how it ended, and the words beside a failure.
type Answer = (Batch, HResult, Option<ErrorInfo>);

impl Source {
    async fn fetch(&self, batches: &mpsc::Sender<Result<Batch, Error>>) -> Result<(), Error> {
        let timeouts = self.session.core.way.timeouts;
        let wait = self.wait();
        let mut reader = Reader::new(self).map_err(|e| self.error(Step::Next, e))?;
        let mut count = self.plan.batch.unwrap_or(BATCH_FIRST);
        let (mut heard, mut empty) = (Instant::now(), 0);
        loop {
            let (batch, code, info) = reader.next(count, wait).await.map_err(|e| self.error(Step::Next, e))?;
            let n = batch.len();
            if n != 0 {
                (heard, empty) = (Instant::now(), 0);
                if batches.send(Ok(batch)).await.is_err() {
                    return Ok(());
                }
            }
            match status(code) {
                WbemStatus::FALSE | WbemStatus::S_NO_MORE_DATA => return Ok(()),
                WbemStatus::TIMEDOUT if n == 0 && timeouts.quiet <= heard.elapsed() => {
                    return Err(self.failed(Step::Next, ErrorKind::TimedOut { after: timeouts.quiet }));
                }
                _ if code.is_failure() => {
                    let words = info.as_ref().and_then(failure::words);
                    return Err(self.failed(Step::Next, failure::of_hresult(code)).with_info(words));
                }
                WbemStatus::TIMEDOUT => {}
                _ => empty += u32::from(n == 0),
            }
            if EMPTY_MAX < empty {
                return Err(self.failed(Step::Next, ErrorKind::Protocol("answers without rows, and no end".into())));
            }
            if self.plan.batch.is_none() && n == count as usize {
                count = (count * 4).min(if self.smart.is_some() { BATCH_MAX } else { PLAIN_BATCH_MAX });
            }
        }
    }

    /// Hands over events as they come: waits for one, then takes those that are there.
    async fn listen(&self, batches: &mpsc::Sender<Result<Batch, Error>>) -> Result<(), Error> {
        let wait = self.wait();
        let mut reader = Reader::new(self).map_err(|e| self.error(Step::Next, e))?;
        let most = self.plan.batch.unwrap_or(if self.smart.is_some() { BATCH_MAX } else { PLAIN_BATCH_MAX });
        let (mut one, mut failures, mut empty) = (true, 0, 0);
        loop {
            let (count, time) = if one { (1, wait) } else { (most, Duration::ZERO) };
            let asked = Instant::now();
            let (batch, code, info) = reader.next(count, time).await.map_err(|e| self.error(Step::Next, e))?;
            let n = batch.len();
            if n != 0 && batches.send(Ok(batch)).await.is_err() {
                return Ok(());
            }
            match status(code) {
                WbemStatus::FALSE | WbemStatus::S_NO_MORE_DATA => {
                    let over = || self.failed(Step::Next, ErrorKind::Protocol("the server ended the subscription".into()));
                    return if failures == 0 { Err(over()) } else { Ok(()) };
                }
                _ if code.is_failure() => {
                    let words = info.as_ref().and_then(failure::words);
                    let failed = self.failed(Step::Next, failure::of_hresult(code)).with_info(words);
                    failures += 1;
                    // Who says nothing but that it failed has nothing more to say.
                    if failures == FAILURES_MAX {
                        return Err(failed);
                    }
                    if batches.send(Err(failed)).await.is_err() {
                        return Ok(());
                    }
                }
                _ => failures = 0,
            }
            // A server that neither waits nor has anything must not keep us busy.
            empty = if n == 0 && one && asked.elapsed() < time / 2 && failures == 0 { empty + 1 } else { 0 };
            if EMPTY_MAX < empty {
                return Err(self.failed(Step::Next, ErrorKind::Protocol("answers without events that did not wait for any".into())));
            }
            one = n == 0;
        }
    }

    /// How long the server may wait in one call.
    fn wait(&self) -> Duration {
        WAIT.min(self.session.core.way.timeouts.call / 2)
    }

    fn failed(&self, step: Step, kind: ErrorKind) -> Error {
        self.session.core.way.error(step, self.enumerator.port(), kind)
    }

    fn error(&self, step: Step, error: dcom::Error) -> Error {
        self.session.error(step, self.enumerator.port(), error)
    }
}

/// Asks for rows in the form that the server has, and decodes them.
enum Reader<'a> {
    Plain { enumerator: &'a Remote<IEnumWbemClassObject>, decoder: Decoder },
    Smart { enumerator: &'a Remote<IWbemWCOSmartEnum>, decoder: ObjectArrayDecoder, proxy: Guid },
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source) -> Result<Self, dcom::Error> {
        let options = DecodeOptions::default();
        Ok(match &source.smart {
            Some(enumerator) => {
                // A name of our cache of classes that no other enumeration has.
                let proxy = Cid::random()?.0;
                Reader::Smart { enumerator, decoder: ObjectArrayDecoder::new(options), proxy }
            }
            None => Reader::Plain { enumerator: &source.enumerator, decoder: Decoder::new(options) },
        })
    }

    async fn next(&mut self, count: u32, wait: Duration) -> Result<Answer, dcom::Error> {
        let timeout_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        match self {
            Reader::Plain { enumerator, decoder } => {
                let (reply, code, info) = enumerator.call_any(&Next { timeout_ms, count }).await?;
                let malformed = |source| dcom::Error::Malformed { method: Next::NAME, source };
                let pointers = reply.objects.objects.into_iter().flatten();
                let units = pointers.map(|p| ClassObjectRef::from_pointer(&p).map_err(malformed));
                let batch = units.map(|unit| unit.map(|u| decoder.unit(&u.0))).collect::<Result<Batch, _>>()?;
                Ok((batch, code, info))
            }
            Reader::Smart { enumerator, decoder, proxy } => {
                let (reply, code, info) = enumerator.call_any(&SmartNext { proxy: *proxy, timeout_ms, count }).await?;
                let packet = reply.buffer.filter(|_| reply.returned != 0).map(|b| decoder.decode(&b.0)).transpose();
                let packet = packet.map_err(|e| crate::session::protocol(SmartNext::NAME, e.to_string()))?;
                Ok((packet.map_or_else(Vec::new, |p| p.objects), code, info))
            }
        }
    }
}
