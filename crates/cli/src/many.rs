//! Many computers: so many at a time, heard as they answer, counted, and their failures summed up by cause.
//!
//! One engine for every command that connects. The work with one computer is a task; what it says goes through a bounded channel to
//! the one place that writes. Whoever is interrupted stops at a place where nothing is under way, and gives back what it holds.

use crate::causes::Causes;
use crate::connect::{INTERRUPTED, Targets, interrupted};
use crate::progress::{EVERY, Progress};
use crate::report::{FAILURE, Failure, PARTIAL};
use crate::threads::Threads;
use rwmi_client::{Client, ClientBuilder, Error, Namespace};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// What waits to be written; then computers wait.
const WAITING: usize = 1024;

/// How long a call that is under way may still take when somebody interrupts: what it makes is given back.
const GRACE: Duration = Duration::from_secs(1);

/// How long all of them together may take to stop.
const FAREWELL: Duration = Duration::from_secs(5);

/// What is said of a computer.
enum Said<T> {
    What(T),
    Failed(Box<Trouble>),
    /// It counts as done.
    Settled,
}

/// A failure, and what sums it up with others.
pub(crate) struct Trouble {
    cause: String,
    failure: Failure,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble { cause: format!("{} failed: {}", error.step(), error.kind()), failure: error.into() }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble { cause: failure.message.clone(), failure }
    }
}

/// Nobody listens any more: the work is to end.
#[derive(Debug)]
pub(crate) struct Over;

/// The work with one computer says by it what comes.
pub(crate) struct Teller<T> {
    index: usize,
    said: mpsc::Sender<(usize, Said<T>)>,
    stopped: Stopped,
    turn: Turn,
}

/// The right to be at work among so many; another computer gets it when it is dropped.
type Turn = Arc<Mutex<Option<OwnedSemaphorePermit>>>;

impl<T> Teller<T> {
    /// Something came.
    pub(crate) async fn say(&self, what: T) -> Result<(), Over> {
        self.send(Said::What(what)).await
    }

    /// Something failed, and the computer with it; what comes behind it is heard all the same.
    pub(crate) async fn fail(&self, trouble: impl Into<Trouble>) -> Result<(), Over> {
        self.send(Said::Failed(Box::new(trouble.into()))).await
    }

    /// The computer counts as done and another one gets its turn, though more may come.
    pub(crate) async fn settle(&self) -> Result<(), Over> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(turn);
        self.send(Said::Settled).await
    }

    /// Waits for what holds nothing at the computer while it is under way; nothing where it is to stop.
    pub(crate) async fn unless_stopped<R>(&self, work: impl Future<Output = R>) -> Option<R> {
        tokio::select! {
            done = work => Some(done),
            () = self.stopped.told() => None,
        }
    }

    async fn send(&self, what: Said<T>) -> Result<(), Over> {
        self.said.send((self.index, what)).await.map_err(|_| Over)
    }
}

/// Tells those who work that it is over.
#[derive(Clone)]
pub(crate) struct Stopped(watch::Receiver<bool>);

impl Stopped {
    /// The one who tells, and one who is told.
    pub(crate) fn new() -> (watch::Sender<bool>, Stopped) {
        let (stop, stopped) = watch::channel(false);
        (stop, Stopped(stopped))
    }

    pub(crate) async fn told(&self) {
        // An error means that whoever could tell is gone: the same.
        let _ = self.0.clone().wait_for(|s| *s).await;
    }

    fn is_told(&self) -> bool {
        *self.0.borrow()
    }
}

/// Does work with one computer: connects, logs in, works, gives everything back. Nothing where it was stopped.
pub(crate) async fn visit<R, E, F>(
    targets: &Targets,
    host: &str,
    stopped: &Stopped,
    work: impl FnOnce(Client, Namespace, Instant) -> F,
) -> Result<Option<R>, E>
where
    E: From<Error>,
    F: Future<Output = Result<R, E>>,
{
    let end = Instant::now() + targets.whole(host);
    let working = async |client: Client| {
        let namespace = targets.login(&client, host, end).await?;
        work(client, namespace, end).await
    };
    connected(targets.builder(host)?, stopped, working).await
}

/// As [`visit`], without a login. Work ends by itself when it is told to stop, within a second.
pub(crate) async fn connected<R, E, W>(builder: ClientBuilder, stopped: &Stopped, work: W) -> Result<Option<R>, E>
where
    E: From<Error>,
    W: AsyncFnOnce(Client) -> Result<R, E>,
{
    let Some(client) = builder.connect_unless(stopped.told()).await? else { return Ok(None) };
    let worked = {
        let mut working = std::pin::pin!(work(client.clone()));
        tokio::select! {
            biased;
            worked = &mut working => Some(worked),
            () = stopped.told() => timeout(GRACE, working).await.ok(),
        }
    };
    client.close().await;
    if stopped.is_told() {
        return Ok(None);
    }
    worked.transpose()
}

/// Writes what comes. The methods say whether enough has come.
pub(crate) trait Listener<T> {
    /// Takes what a computer said. The line at the foot of the terminal is cleared before something goes there.
    fn take(&mut self, host: &str, what: T, foot: &mut Progress) -> io::Result<ControlFlow<()>>;
    /// No more comes for the moment: what can be shown goes out.
    fn flush(&mut self) -> io::Result<()>;
    /// No more comes.
    fn finish(&mut self) -> io::Result<()>;
}

/// How it is done.
pub(crate) struct Plan {
    /// When it is over at the latest.
    pub(crate) limit: Option<Duration>,
    /// Whether what was said until it was interrupted is whole.
    pub(crate) parts_are_whole: bool,
}

/// Why it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everybody has said everything, or it is as much as was asked for.
    Written,
    TimeOver,
    Interrupted,
    /// Nobody reads what is written.
    Unread,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) failed: usize,
    count: usize,
}

impl Outcome {
    /// The exit status: some failed, all failed, nobody did.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match (self.end, self.failed) {
            (End::Interrupted, _) => INTERRUPTED,
            (End::Unread, _) | (_, 0) => 0,
            (_, n) if n == self.count => FAILURE,
            _ => PARTIAL,
        })
    }
}

/// Works with all computers, so many at a time, and writes what comes as it comes.
pub(crate) async fn ask<T, W, F>(targets: &Arc<Targets>, plan: Plan, listener: &mut dyn Listener<T>, work: W) -> Result<Outcome, Failure>
where
    T: Send + 'static,
    W: Fn(Client, Namespace, Instant, Teller<T>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), Trouble>> + Send + 'static,
{
    let (said, mut hears) = mpsc::channel(WAITING);
    let (stop, stopped) = Stopped::new();
    let count = targets.hosts().len();
    let mut tasks = JoinSet::new();
    let mut hearing = Hearing {
        targets,
        listener,
        progress: Progress::new(count, targets.wants_progress()),
        failed: vec![false; count],
        causes: Causes::default(),
    };
    let (end, written) = tokio::select! {
        biased;
        () = interrupted() => (End::Interrupted, Ok(())),
        () = over(plan.limit) => (End::TimeOver, Ok(())),
        written = hearing.hear(&mut hears) => (End::Written, written),
        // Only that it goes on: the end is heard.
        () = async {
            send_out(&mut tasks, targets, said, stopped, work).await;
            std::future::pending().await
        } => (End::Written, Ok(())),
    };
    // Whoever is still at work stops, and gives back what it holds.
    let _ = stop.send(true);
    drop(hears);
    tokio::select! {
        () = async { while tasks.join_next().await.is_some() {} } => {}
        () = interrupted() => {}
        () = sleep(FAREWELL) => {}
    }
    hearing.progress.clear();
    let written = match end {
        // What was shown so far is whole; of a query, half an answer is none.
        End::TimeOver => hearing.listener.finish(),
        End::Interrupted if plan.parts_are_whole => hearing.listener.finish(),
        _ => written,
    };
    let failed = hearing.failed.iter().filter(|f| **f).count();
    let outcome = |end| Ok(Outcome { end, failed, count });
    match written {
        _ if end == End::Interrupted => outcome(end),
        // Whoever reads us has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => outcome(End::Unread),
        Err(e) => Err(Failure::new(format!("cannot write to standard output: {e}"))),
        Ok(()) => {
            if 1 < count {
                hearing.causes.print(count, failed);
            }
            outcome(end)
        }
    }
}

/// Begins with one computer after the other, each when it has its turn.
async fn send_out<T, W, F>(tasks: &mut JoinSet<()>, targets: &Arc<Targets>, said: mpsc::Sender<(usize, Said<T>)>, stopped: Stopped, work: W)
where
    T: Send + 'static,
    W: Fn(Client, Namespace, Instant, Teller<T>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), Trouble>> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(targets.throttle()));
    for index in 0..targets.hosts().len() {
        // Nobody closes it.
        let turn = Arc::new(Mutex::new(turns.clone().acquire_owned().await.ok()));
        while tasks.try_join_next().is_some() {}
        let teller = Teller { index, said: said.clone(), stopped: stopped.clone(), turn };
        let (targets, work) = (targets.clone(), work.clone());
        tasks.spawn(one(targets, teller, work));
    }
}

/// One computer, until its last word, its failure, or the stop of everything.
async fn one<T, W, F>(targets: Arc<Targets>, teller: Teller<T>, work: W)
where
    W: Fn(Client, Namespace, Instant, Teller<T>) -> F,
    F: Future<Output = Result<(), Trouble>>,
{
    let (index, said, stopped) = (teller.index, teller.said.clone(), teller.stopped.clone());
    // Its turn ends when its connection has, unless the work gave it up before.
    let _turn = teller.turn.clone();
    let visited = visit(&targets, &targets.hosts()[index], &stopped, |client, namespace, end| work(client, namespace, end, teller)).await;
    if let Err(trouble) = visited {
        let _ = said.send((index, Said::Failed(Box::new(trouble)))).await;
    }
    let _ = said.send((index, Said::Settled)).await;
}

/// The one place that writes.
struct Hearing<'a, T> {
    targets: &'a Targets,
    listener: &'a mut dyn Listener<T>,
    progress: Progress,
    /// Of each computer, whether it failed.
    failed: Vec<bool>,
    causes: Causes,
}

impl<T> Hearing<'_, T> {
    /// Writes what comes, until everybody has said everything or it is as much as was asked for; marks who failed.
    async fn hear(&mut self, hears: &mut mpsc::Receiver<(usize, Said<T>)>) -> io::Result<()> {
        let mut settled = vec![false; self.failed.len()];
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (index, said) = match hears.try_recv() {
                Ok(next) => next,
                Err(_) => {
                    // Nothing more for the moment: people and programs see what there is.
                    self.listener.flush()?;
                    tokio::select! {
                        biased;
                        next = hears.recv() => match next {
                            Some(next) => next,
                            None => {
                                // Who has said nothing at the end, a task that broke down, has failed.
                                self.failed.iter_mut().zip(&settled).for_each(|(failed, settled)| *failed |= !settled);
                                break;
                            }
                        },
                        _ = ticks.tick(), if self.progress.is_on() => {
                            if self.progress.is_due() {
                                self.progress.draw();
                            }
                            continue;
                        }
                    }
                }
            };
            if self.progress.is_due() {
                self.listener.flush()?;
                self.progress.draw();
            }
            let host = &self.targets.hosts()[index];
            match said {
                Said::What(what) => {
                    if self.listener.take(host, what, &mut self.progress)?.is_break() {
                        break;
                    }
                }
                Said::Failed(trouble) => {
                    self.listener.flush()?;
                    self.progress.clear();
                    if !std::mem::replace(&mut self.failed[index], true) {
                        self.progress.failed();
                    }
                    let Trouble { cause, failure } = *trouble;
                    // Advice is given once.
                    let is_new = self.causes.add(host, cause);
                    Failure { hint: failure.hint.filter(|_| is_new), ..failure }.print();
                }
                Said::Settled => {
                    if !std::mem::replace(&mut settled[index], true) {
                        self.progress.done();
                    }
                }
            }
        }
        self.progress.clear();
        self.listener.finish()
    }
}

async fn over(limit: Option<Duration>) {
    match limit {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Prints a text of each computer, with no more between them than they bring.
pub(crate) fn print_texts<W, F>(targets: Targets, work: W) -> Result<ExitCode, Failure>
where
    W: Fn(Client, Namespace, String) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Text, Trouble>> + Send + 'static,
{
    let targets = Arc::new(targets);
    let plan = Plan { limit: None, parts_are_whole: true };
    let hosts = targets.clone();
    let asked = Threads::new()?.block_on(ask(&targets, plan, &mut Texts, move |client, namespace, _, teller| {
        let working = work(client, namespace, hosts.hosts()[teller.index].clone());
        async move {
            let _ = teller.say(working.await?).await;
            Ok(())
        }
    }));
    Ok(asked?.code())
}

/// What is printed of a computer.
pub(crate) struct Text {
    pub(crate) out: String,
    /// For standard error.
    pub(crate) aside: String,
}

impl From<String> for Text {
    fn from(out: String) -> Text {
        Text { out, aside: String::new() }
    }
}

struct Texts;

impl Listener<Text> for Texts {
    fn take(&mut self, _: &str, text: Text, foot: &mut Progress) -> io::Result<ControlFlow<()>> {
        if !text.aside.is_empty() {
            foot.clear();
            // Nobody is left to tell when standard error is closed.
            let _ = io::stderr().write_all(text.aside.as_bytes());
        }
        foot.make_room();
        io::stdout().lock().write_all(text.out.as_bytes())?;
        Ok(ControlFlow::Continue(()))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}
