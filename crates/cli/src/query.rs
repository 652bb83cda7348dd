//! `rwmi query`: rows of several computers, as they come. Events come the same way: see `watch`.

use crate::args::Query;
use crate::complete::Learning;
use crate::connect::Targets;
use crate::format::{Columns, Format, Row, RowWriter};
use crate::many::{End, Listener, Plan, Teller, Trouble, ask};
use crate::pager::Paged;
use crate::progress::Progress;
use crate::report::{Failure, harmless};
use crate::threads::Threads;
use rwmi_cim::{Entity, wql};
use rwmi_client::{self as client, Error, Namespace};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most computers whose events are watched at the same time.
const WATCHED_MAX: usize = 4096;

/// A method was called and returned something else than 0.
const RETURNED: u8 = 4;

/// What came from a computer.
enum Said {
    Row(Entity),
    /// It was done, and what it returned is not success: a sentence.
    Returned(String),
}

/// What is done on each computer, where it is more than one query.
pub(crate) trait Work: Send + Sync {
    /// Does it on one of them, until `end`.
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a>;
}

/// Work that goes on.
pub(crate) type Working<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// A computer, open for work, and where what it says goes.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) namespace: &'a Namespace,
    /// When its time is over.
    pub(crate) end: Instant,
    teller: &'a Teller<Said>,
}

impl At<'_> {
    /// Hands on a row; `false` where nobody reads any more.
    pub(crate) async fn row(&self, row: Entity) -> bool {
        self.teller.say(Said::Row(row)).await.is_ok()
    }

    /// Hands on what is made of the rows, up to the last or to who reads no more.
    pub(crate) async fn rows(&self, mut rows: client::Rows<Entity>, made: impl Fn(Entity) -> Option<Entity> + Send) -> Result<(), Error> {
        while let Some(Some(row)) = self.teller.unless_stopped(rows.next()).await {
            let goes_on = match row.map(&made) {
                Ok(None) => true,
                Ok(Some(row)) => self.row(row).await,
                Err(error) => self.failed(error).await,
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// Tells a failure that is not the end.
    pub(crate) async fn failed(&self, error: Error) -> bool {
        self.teller.fail(error).await.is_ok()
    }

    /// Tells that what was called returned something else than success.
    pub(crate) async fn returned(&self, sentence: String) -> bool {
        self.teller.say(Said::Returned(sentence)).await.is_ok()
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

/// Asks, and prints.
pub(crate) fn run(args: Query) -> Result<ExitCode, Failure> {
    // Nobody is asked for a password for a query that is none.
    let query =
        wql::parse(&args.query).map_err(|e| Failure::new(format!("the query is not WQL: {}\n{}", e.status, e.diag.render(e.query()))))?;
    let targets = Arc::new(Targets::new(args.connect)?);
    let style = args.shape.style(&targets.home());
    let columns = Columns { names: selected(&query), with_host: 1 < targets.hosts().len(), style };
    let format = targets.format(args.shape.output, if io::stdout().is_terminal() { Format::Table } else { Format::Jsonl });
    print(targets, Question { with_keys: args.with_keys, ..Question::of(args.query) }, format, columns)
}

/// Asks all computers and prints what they say.
pub(crate) fn print(targets: Arc<Targets>, question: Question, format: Format, columns: Columns) -> Result<ExitCode, Failure> {
    let size = if io::stdout().is_terminal() { rustix::termios::tcgetwinsize(io::stdout()).ok() } else { None };
    let width = size.map(|s| s.ws_col).filter(|w| *w != 0);
    // Only a table comes whole, at its end.
    let height = size.map(|s| s.ws_row).filter(|_| format == Format::Table && question.events.is_none());
    let writer = format.writer(BufWriter::with_capacity(64 << 10, Paged::new(height)), columns, width);
    // What a method returns is of no class that could be asked for.
    if question.work.is_some() {
        let mut writer = writer;
        return print_with(targets, question, &mut *writer);
    }
    print_with(targets.clone(), question, &mut Learning::new(writer, targets))
}

/// The same, with a writer of the caller's.
pub(crate) fn print_with(targets: Arc<Targets>, question: Question, writer: &mut dyn RowWriter) -> Result<ExitCode, Failure> {
    let several = 1 < targets.hosts().len();
    if question.events.is_some() && WATCHED_MAX < targets.hosts().len() {
        return Err(Failure::usage(format!("events of more than {WATCHED_MAX} computers at once")));
    }
    let most = question.events.and_then(|s| s.count);
    let mut rows = Rows { writer, left: most, several, has_returned: false };
    let plan = Plan { limit: question.events.and_then(|s| s.time), parts_are_whole: question.events.is_some() };
    let threads = if several { Threads::new()? } else { Threads::one()? };
    let question = Arc::new(question);
    let asked = threads.block_on(ask(&targets, plan, &mut rows, move |_, namespace, end, teller| {
        let question = question.clone();
        async move { one(&question, &namespace, end, &teller).await }
    }));
    let outcome = asked?;
    if outcome.end == End::TimeOver && most.is_some() {
        return Err(Failure::new("the time is over, and fewer events came than were asked for"));
    }
    let is_good = outcome.failed == 0 && matches!(outcome.end, End::Written | End::TimeOver);
    if is_good && let Some(lack) = rows.writer.lacks() {
        return Err(Failure::new(lack));
    }
    Ok(if is_good && rows.has_returned { ExitCode::from(RETURNED) } else { outcome.code() })
}

pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) with_keys: bool,
    /// Where it is for events: when to stop.
    pub(crate) events: Option<Stop>,
    /// Where it is more than a query: what is done instead.
    pub(crate) work: Option<Box<dyn Work>>,
}

impl Question {
    /// A query for data.
    pub(crate) fn of(text: String) -> Question {
        Question { text, with_keys: false, events: None, work: None }
    }

    /// Something that is done on each computer.
    pub(crate) fn work(work: impl Work + 'static) -> Question {
        Question { work: Some(Box::new(work)), ..Question::of(String::new()) }
    }
}

/// When a watch is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    /// After so many events.
    pub(crate) count: Option<u64>,
    /// After so long.
    pub(crate) time: Option<Duration>,
}

/// The properties of a SELECT list, in its order.
fn selected(query: &wql::Query) -> Option<Vec<String>> {
    let wql::Query::Select(select) = query else { return None };
    columns_of(select)
}

pub(crate) fn columns_of(select: &wql::Select) -> Option<Vec<String>> {
    match &select.columns {
        wql::Columns::All => None,
        wql::Columns::List(list) => Some(list.iter().filter_map(|p| p.single()).map(|n| n.text.clone()).collect()),
    }
}

/// Writes rows.
struct Rows<'a> {
    writer: &'a mut dyn RowWriter,
    /// How many more are wanted.
    left: Option<u64>,
    several: bool,
    has_returned: bool,
}

impl Listener<Said> for Rows<'_> {
    fn take(&mut self, host: &str, said: Said, foot: &mut Progress) -> io::Result<ControlFlow<()>> {
        match said {
            Said::Row(entity) => {
                foot.make_room();
                self.writer.row(&Row { host, entity: &entity })?;
                if let Some(left) = &mut self.left {
                    *left = left.saturating_sub(1);
                }
            }
            Said::Returned(sentence) => {
                self.writer.flush()?;
                self.has_returned = true;
                let at = if self.several { format!("{host}: ") } else { String::new() };
                foot.clear();
                // Nobody is left to tell when standard error is closed.
                let _ = writeln!(io::stderr(), "{}", harmless(&format!("{at}{sentence}")));
            }
        }
        Ok(if self.left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.finish()
    }
}

/// One computer, until its last row.
async fn one(question: &Question, namespace: &Namespace, end: Instant, teller: &Teller<Said>) -> Result<(), Trouble> {
    let at = At { namespace, end, teller };
    match &question.work {
        Some(work) => work.run(at).await?,
        None if question.events.is_some() => events(question, at).await?,
        None => rows(question, at).await?,
    }
    Ok(())
}

async fn events(question: &Question, at: At<'_>) -> Result<(), Error> {
    let mut events = at.namespace.watch(&question.text).events().await?;
    // Who waits for events needs no turn.
    let _ = at.teller.settle().await;
    while let Some(Some(event)) = at.teller.unless_stopped(events.next()).await {
        let next = match event {
            Ok(event) => at.teller.say(Said::Row(Entity::Instance(event))).await,
            // Not the end: there may be more behind it.
            Err(error) => at.teller.fail(error).await,
        };
        if next.is_err() {
            break;
        }
    }
    Ok(())
}

async fn rows(question: &Question, at: At<'_>) -> Result<(), Error> {
    let query = at.namespace.query(&question.text).ensure_locatable(question.with_keys);
    at.rows(query.deadline(at.left()).entities().await?, Some).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_select_list_gives_the_columns() {
        let check = |text: &str, expect: Option<&[&str]>| {
            let names = selected(&wql::parse(text).unwrap());
            assert_eq!(names, expect.map(|e| e.iter().map(|n| (*n).to_owned()).collect()), "{text}");
        };
        check("SELECT * FROM A", None);
        check("SELECT b, A FROM A", Some(&["b", "A"]));
        check("SELECT __PATH FROM A", Some(&["__PATH"]));
        check("SELECT * FROM meta_class", None);
    }
}
