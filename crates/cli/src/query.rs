//! `rwmi query`: rows of several computers, as they come. Events come the same way: see `watch`.

use crate::args::Query;
use crate::causes::Causes;
use crate::connect::{INTERRUPTED, Targets, interrupted};
use crate::format::{Columns, Format, Row, RowWriter};
use crate::report::{FAILURE, Failure, PARTIAL, harmless};
use crate::threads::Threads;
use rwmi_cim::{Entity, wql};
use rwmi_client::{Error, Namespace};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Most computers whose events are watched at the same time.
const WATCHED_MAX: usize = 4096;

/// Rows that wait to be written; then computers wait.
const ROWS_WAITING: usize = 1024;

/// A method was called and returned something else than 0.
const RETURNED: u8 = 4;

/// What came from a computer.
enum Said {
    Row(Entity),
    Failed(Box<Error>),
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
pub(crate) struct At<'a> {
    pub(crate) namespace: &'a Namespace,
    /// When its time is over.
    pub(crate) end: Instant,
    index: usize,
    said: &'a mpsc::Sender<(usize, Said)>,
}

impl At<'_> {
    /// Hands on a row; `false` where nobody reads any more.
    pub(crate) async fn row(&self, row: Entity) -> bool {
        self.said.send((self.index, Said::Row(row))).await.is_ok()
    }

    /// Tells that what was called returned something else than success.
    pub(crate) async fn returned(&self, sentence: String) -> bool {
        self.said.send((self.index, Said::Returned(sentence))).await.is_ok()
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
    let style = args.shape.style(&args.connect.namespace);
    let targets = Arc::new(Targets::new(args.connect)?);
    let columns = Columns { names: selected(&query), with_host: 1 < targets.hosts().len(), style };
    let format = args.shape.output.unwrap_or(if io::stdout().is_terminal() { Format::Table } else { Format::Jsonl });
    print(targets, Question { with_keys: args.with_keys, ..Question::of(args.query) }, format, columns)
}

/// Asks all computers and prints what they say.
pub(crate) fn print(targets: Arc<Targets>, question: Question, format: Format, columns: Columns) -> Result<ExitCode, Failure> {
    let stdout = io::stdout();
    let width = if stdout.is_terminal() { terminal_width() } else { None };
    let mut writer = format.writer(BufWriter::with_capacity(64 << 10, stdout), columns, width);
    print_with(targets, question, &mut *writer)
}

/// The same, with a writer of the caller's.
pub(crate) fn print_with(targets: Arc<Targets>, question: Question, writer: &mut dyn RowWriter) -> Result<ExitCode, Failure> {
    let threads = Threads::new()?;
    threads.block_on(ask(targets, Arc::new(question), writer))
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

/// Why no more is written.
enum End {
    /// Everybody has said everything, or it is as much as was asked for.
    Written(io::Result<()>),
    TimeOver,
    Interrupted,
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

async fn ask(targets: Arc<Targets>, question: Arc<Question>, writer: &mut dyn RowWriter) -> Result<ExitCode, Failure> {
    let (said, mut hears) = mpsc::channel(ROWS_WAITING);
    let (stop, stopped) = watch::channel(false);
    let count = targets.hosts().len();
    // A watch has no end that another could wait for.
    let throttle = if question.events.is_some() { count } else { targets.throttle() };
    if WATCHED_MAX < throttle {
        return Err(Failure::usage(format!("events of more than {WATCHED_MAX} computers at once")));
    }
    let asking = tokio::spawn(all(targets.clone(), question.clone(), throttle, said, stopped));
    let limit = question.events.and_then(|s| s.time);
    let mut failed = vec![false; count];
    let mut has_returned = false;
    let mut causes = Causes::default();
    let end = tokio::select! {
        biased;
        () = interrupted() => End::Interrupted,
        () = time_over(limit) => End::TimeOver,
        written = write(&targets, &mut hears, &mut failed, &mut has_returned, &mut causes, question.events.and_then(|s| s.count), writer) => End::Written(written),
    };
    // Whoever is still at work stops, and gives back what it holds.
    let _ = stop.send(true);
    drop(hears);
    tokio::select! {
        _ = asking => {}
        () = interrupted() => {}
    }
    let interrupted = matches!(end, End::Interrupted);
    let too_soon = matches!(end, End::TimeOver) && question.events.is_some_and(|s| s.count.is_some());
    let written = match end {
        End::Written(written) => written,
        // What was shown so far is whole; of a query, half an answer is none.
        End::TimeOver => writer.finish(),
        End::Interrupted if question.events.is_some() => writer.finish(),
        End::Interrupted => Ok(()),
    };
    match written {
        _ if interrupted => return Ok(ExitCode::from(INTERRUPTED)),
        Ok(()) => {}
        // Whoever reads us has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        Err(e) => return Err(Failure::new(format!("cannot write to standard output: {e}"))),
    }
    if too_soon {
        return Err(Failure::new("the time is over, and fewer events came than were asked for"));
    }
    let failed = failed.iter().filter(|f| **f).count();
    if 1 < count {
        causes.print(count, failed);
    }
    if failed == 0
        && let Some(lack) = writer.lacks()
    {
        return Err(Failure::new(lack));
    }
    Ok(ExitCode::from(match failed {
        0 if has_returned => RETURNED,
        0 => 0,
        n if n == count => FAILURE,
        _ => PARTIAL,
    }))
}

/// Writes what comes, until everybody has said everything or it is as much as was asked for; marks who failed.
async fn write(
    targets: &Targets,
    hears: &mut mpsc::Receiver<(usize, Said)>,
    failed: &mut [bool],
    has_returned: &mut bool,
    causes: &mut Causes,
    most: Option<u64>,
    writer: &mut dyn RowWriter,
) -> io::Result<()> {
    let mut written = 0;
    while most.is_none_or(|most| written < most) {
        let (index, said) = match hears.try_recv() {
            Ok(next) => next,
            Err(_) => {
                // Nothing more for the moment: people and programs see what there is.
                writer.flush()?;
                match hears.recv().await {
                    Some(next) => next,
                    None => break,
                }
            }
        };
        match said {
            Said::Row(entity) => {
                writer.row(&Row { host: &targets.hosts()[index], entity: &entity })?;
                written += 1;
            }
            Said::Failed(error) => {
                writer.flush()?;
                failed[index] = true;
                let is_new = causes.add(&targets.hosts()[index], &error);
                let failure = Failure::from(*error);
                // Advice is given once.
                Failure { hint: failure.hint.filter(|_| is_new), ..failure }.print();
            }
            Said::Returned(sentence) => {
                writer.flush()?;
                *has_returned = true;
                let at = if 1 < targets.hosts().len() { format!("{}: ", targets.hosts()[index]) } else { String::new() };
                // Nobody is left to tell when standard error is closed.
                let _ = writeln!(io::stderr(), "{}", harmless(&format!("{at}{sentence}")));
            }
        }
    }
    writer.finish()
}

/// All computers, so many at a time, until the last has said everything or it is to stop.
async fn all(
    targets: Arc<Targets>,
    question: Arc<Question>,
    throttle: usize,
    said: mpsc::Sender<(usize, Said)>,
    stopped: watch::Receiver<bool>,
) {
    let mut tasks = JoinSet::new();
    for index in 0..targets.hosts().len() {
        while throttle <= tasks.len() {
            tasks.join_next().await;
        }
        if *stopped.borrow() {
            break;
        }
        let (targets, question, said, stopped) = (targets.clone(), question.clone(), said.clone(), stopped.clone());
        tasks.spawn(async move { one(&targets, index, &question, &said, stopped).await });
    }
    drop(said);
    while tasks.join_next().await.is_some() {}
}

async fn time_over(limit: Option<Duration>) {
    match limit {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// One computer, until its last row, its failure, or the stop of everything.
async fn one(targets: &Targets, index: usize, question: &Question, said: &mpsc::Sender<(usize, Said)>, stopped: watch::Receiver<bool>) {
    let host = &targets.hosts()[index];
    let opened = tokio::select! {
        opened = targets.open(host) => opened,
        () = told(stopped.clone()) => return,
    };
    let failed = |error: Error| said.send((index, Said::Failed(Box::new(error))));
    let (client, namespace, end) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let _ = failed(error).await;
            return;
        }
    };
    let events = async {
        let mut events = namespace.watch(&question.text).events().await?;
        while let Some(event) = events.next().await {
            let next = match event {
                Ok(event) => said.send((index, Said::Row(Entity::Instance(event)))).await,
                // Not the end: there may be more behind it.
                Err(error) => failed(error).await,
            };
            if next.is_err() {
                break;
            }
        }
        Ok(())
    };
    let rows = async {
        let query = namespace.query(&question.text).ensure_locatable(question.with_keys);
        let mut rows = query.deadline(end.saturating_duration_since(Instant::now())).entities().await?;
        while let Some(row) = rows.next().await {
            let next = match row {
                Ok(entity) => said.send((index, Said::Row(entity))).await,
                Err(error) => failed(error).await,
            };
            if next.is_err() {
                break;
            }
        }
        Ok(())
    };
    let asking = async {
        match &question.work {
            Some(work) => work.run(At { namespace: &namespace, end, index, said }).await,
            None if question.events.is_some() => events.await,
            None => rows.await,
        }
    };
    tokio::select! {
        result = asking => if let Err(error) = result {
            let _ = failed(error).await;
        },
        () = told(stopped) => {}
    }
    drop(namespace);
    client.close().await;
}

async fn told(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|s| *s).await;
}

/// Columns of the terminal, where the system knows.
fn terminal_width() -> Option<u16> {
    rustix::termios::tcgetwinsize(io::stdout()).ok().map(|s| s.ws_col).filter(|w| *w != 0)
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
