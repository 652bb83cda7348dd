//! Asks the computers, each question a task of its own that can be cancelled.

use crate::event::{Answer, Ask, ClassName, Effect, Id, Trouble};
use crate::tree::NODES_MAX;
use rwmi_cim::{Class, Entity, ObjectPath, PathKeys};
use rwmi_client::{Client, ClientBuilder, Depth, Error, ErrorKind, Namespace, Rows, Step};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

/// How a computer is reached: everything but connecting. Each step of the way and each call has its time by it; a limit for the
/// whole of an operation is ours, for rows wait for people.
pub type Open = Box<dyn Fn(&str) -> Result<ClientBuilder, Error> + Send + Sync>;

/// Rows or names that are handed over at once.
const PART: usize = 256;

/// Longest time that what came waits for more before it is shown.
const FLUSH: Duration = Duration::from_millis(80);

/// Answers that wait to be shown; who has more waits.
const ANSWERS: usize = 64;

/// Namespaces below one.
const NAMESPACES_MAX: usize = 10_000;

pub(crate) struct Runner {
    asking: Arc<Asking>,
    running: HashMap<Id, Running>,
}

struct Running {
    task: AbortHandle,
    more: mpsc::UnboundedSender<usize>,
}

/// A session, or why there is none. Whoever comes first connects, and the others wait for it.
type Session = Arc<OnceCell<Result<Client, Error>>>;

struct Asking {
    open: Open,
    /// Longest time for an operation; for rows, without one.
    time: Duration,
    sessions: Mutex<HashMap<String, Session>>,
    answers: mpsc::Sender<(Id, Answer)>,
}

impl Runner {
    /// Also gives where answers come out.
    pub(crate) fn new(open: Open, time: Duration) -> (Runner, mpsc::Receiver<(Id, Answer)>) {
        let (answers, receiver) = mpsc::channel(ANSWERS);
        let asking = Asking { open, time, sessions: Mutex::default(), answers };
        (Runner { asking: Arc::new(asking), running: HashMap::new() }, receiver)
    }

    /// Does what is for computers; what is for the terminal comes back.
    pub(crate) fn take(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Ask { id, host, namespace, ask } => {
                self.running.retain(|_, running| !running.task.is_finished());
                let (more, wanted) = mpsc::unbounded_channel();
                let asking = self.asking.clone();
                let task = tokio::spawn(async move {
                    let answer = match asking.answer(id, &host, &namespace, ask, wanted).await {
                        Ok(answer) => answer,
                        Err(error) => {
                            asking.note(&host, &error);
                            Some(Answer::Failed(error.into()))
                        }
                    };
                    if let Some(answer) = answer {
                        asking.say(id, answer).await;
                    }
                });
                self.running.insert(id, Running { task: task.abort_handle(), more });
            }
            Effect::More(id, rows) => {
                if let Some(running) = self.running.get(&id) {
                    // Where nobody takes it, the enumeration is over, and its end is on its way.
                    let _ = running.more.send(rows);
                }
            }
            Effect::Cancel(id) => {
                if let Some(running) = self.running.remove(&id) {
                    running.task.abort();
                }
            }
            Effect::Forget(host) => self.asking.forget(&host),
            other => return Some(other),
        }
        None
    }

    /// Stops everything, and gives back what the servers hold for us; takes two seconds at most.
    pub(crate) async fn close(self) {
        for running in self.running.values() {
            running.task.abort();
        }
        let sessions: Vec<Session> = self.asking.sessions().drain().map(|(_, session)| session).collect();
        let mut closing = JoinSet::new();
        for client in sessions.iter().filter_map(|session| session.get().cloned().and_then(Result::ok)) {
            closing.spawn(client.close());
        }
        closing.join_all().await;
    }
}

impl Asking {
    async fn say(&self, id: Id, answer: Answer) {
        // Nobody listens any more at the very end.
        let _ = self.answers.send((id, answer)).await;
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, host: &str) {
        // Sessions that still work are kept: what is asked anew is asked of them.
        let mut sessions = self.sessions();
        if sessions.get(host).is_some_and(|session| matches!(session.get(), Some(Err(_)))) {
            sessions.remove(host);
        }
    }

    /// A connection that ended or says nothing is let go, so that the next question makes a new one. A refused logon is not: the
    /// same question again would lock the account, and somebody has to ask for that.
    fn note(&self, host: &str, error: &Error) {
        let is_over = matches!(error.kind(), ErrorKind::Closed | ErrorKind::Io(_) | ErrorKind::Unreachable(_) | ErrorKind::TimedOut { .. });
        if is_over {
            self.sessions().remove(host);
        }
    }

    async fn client(&self, host: &str) -> Result<Client, Error> {
        let session = self.sessions().entry(host.to_owned()).or_default().clone();
        session.get_or_init(|| async { (self.open)(host)?.connect().await }).await.clone()
    }

    async fn namespace(&self, host: &str, namespace: &str) -> Result<Namespace, Error> {
        let step = Step::Login { namespace: namespace.to_owned() };
        self.within(host, step, async { self.client(host).await?.namespace(namespace).await }).await
    }

    async fn within<T>(&self, host: &str, step: Step, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match timeout(self.time, operation).await {
            Ok(result) => result,
            Err(_) => Err(self.late(host, step)),
        }
    }

    fn late(&self, host: &str, step: Step) -> Error {
        Error::new(step, host, None, ErrorKind::TimedOut { after: self.time })
    }

    /// Asks; what comes in parts is said as it comes, and the last answer is given.
    async fn answer(
        &self,
        id: Id,
        host: &str,
        namespace: &str,
        ask: Ask,
        more: mpsc::UnboundedReceiver<usize>,
    ) -> Result<Option<Answer>, Error> {
        if ask == Ask::Connect {
            self.within(host, Step::Connect, self.client(host)).await?;
            return Ok(Some(Answer::Connected));
        }
        let namespace = self.namespace(host, namespace).await?;
        Ok(match ask {
            Ask::Connect => None,
            Ask::Namespaces => Some(Answer::Namespaces(self.namespaces(host, &namespace).await?)),
            Ask::Subclasses(of) => {
                let rows = self.within(host, Step::Query, namespace.classes(of.as_deref(), Depth::Shallow)).await?;
                self.names(id, host, rows).await?
            }
            Ask::AllClasses => {
                let rows = self.within(host, Step::Query, namespace.classes(None, Depth::Deep)).await?;
                self.names(id, host, rows).await?
            }
            Ask::Class(name) => Some(Answer::Class(self.within(host, Step::GetObject, namespace.amended_class(&name)).await?)),
            Ask::Rows(query, page) => {
                let rows = self.within(host, Step::Query, namespace.query(query).entities()).await?;
                self.rows(id, host, rows, page, more).await?
            }
            Ask::Object(path) => {
                let is_class = path.parse::<ObjectPath>().is_ok_and(|p| p.keys == PathKeys::Class);
                let entity = async {
                    if is_class {
                        namespace.class(&path).await.map(Entity::Class)
                    } else {
                        namespace.object(&path).await.map(Entity::Instance)
                    }
                };
                Some(Answer::Object(self.within(host, Step::GetObject, entity).await?))
            }
            Ask::Watch(query) => return self.watch(id, host, &namespace, query).await.map(Some),
            Ask::Call { path, method, arguments } => {
                let call = async { namespace.method(&path, &method).await?.args(arguments).call().await };
                let returned = self.within(host, Step::Call { method: "IWbemServices::ExecMethod" }, call).await?;
                Some(Answer::Returned(returned.object().clone(), returned.meaning().map(str::to_owned)))
            }
        })
    }

    async fn namespaces(&self, host: &str, namespace: &Namespace) -> Result<Vec<String>, Error> {
        let asking = async {
            let mut rows = namespace.query("SELECT Name FROM __NAMESPACE").objects().await?;
            let mut names = Vec::new();
            while let Some(row) = rows.next().await {
                names.extend(row?.get::<String>("Name").ok());
                if names.len() == NAMESPACES_MAX {
                    break;
                }
            }
            Ok(names)
        };
        self.within(host, Step::Query, asking).await
    }

    /// Names of classes as they come; the classes themselves are let go at once.
    async fn names(&self, id: Id, host: &str, mut rows: Rows<Arc<Class>>) -> Result<Option<Answer>, Error> {
        let (mut part, mut total, mut flush) = (Vec::new(), 0, Instant::now() + FLUSH);
        loop {
            let row = timeout(self.time, rows.next()).await.map_err(|_| self.late(host, Step::Next))?;
            match row {
                None => return Ok(Some(Answer::Classes(part, true))),
                Some(Err(error)) if *error.step() == Step::Decode => {}
                Some(Err(error)) => {
                    self.say(id, Answer::Classes(part, false)).await;
                    return Err(error);
                }
                Some(Ok(class)) => {
                    part.push(ClassName { name: class.name.clone(), superclass: class.superclass().map(str::to_owned) });
                    total += 1;
                }
            }
            if NODES_MAX <= total {
                return Ok(Some(Answer::Classes(part, true)));
            }
            if PART <= part.len() || (flush < Instant::now() && !part.is_empty()) {
                self.say(id, Answer::Classes(std::mem::take(&mut part), false)).await;
                flush = Instant::now() + FLUSH;
            }
        }
    }

    /// Rows a page at a time: behind a page it waits until somebody wants more.
    async fn rows(
        &self,
        id: Id,
        host: &str,
        mut rows: Rows<Entity>,
        page: usize,
        mut more: mpsc::UnboundedReceiver<usize>,
    ) -> Result<Option<Answer>, Error> {
        let mut wanted = page;
        loop {
            let (mut part, mut flush) = (Vec::new(), Instant::now() + FLUSH);
            let mut late = Instant::now() + self.time;
            while 0 < wanted {
                let row = tokio::select! {
                    biased;
                    row = rows.next() => row,
                    () = sleep_until(flush), if !part.is_empty() => {
                        self.say(id, Answer::Rows(std::mem::take(&mut part), false)).await;
                        continue;
                    }
                    () = sleep_until(late) => {
                        self.say(id, Answer::Rows(part, false)).await;
                        return Err(self.late(host, Step::Next));
                    }
                };
                match row {
                    None => return Ok(Some(Answer::Rows(part, true))),
                    // A row that cannot be read is no end.
                    Some(Err(error)) if *error.step() == Step::Decode => self.say(id, Answer::Disturbed(error.into())).await,
                    Some(Err(error)) => {
                        self.say(id, Answer::Rows(part, false)).await;
                        return Err(error);
                    }
                    Some(Ok(row)) => {
                        if part.is_empty() {
                            flush = Instant::now() + FLUSH;
                        }
                        part.push(row);
                        wanted -= 1;
                        late = Instant::now() + self.time;
                    }
                }
                if PART <= part.len() {
                    self.say(id, Answer::Rows(std::mem::take(&mut part), false)).await;
                }
            }
            self.say(id, Answer::Rows(part, false)).await;
            self.say(id, Answer::Page).await;
            match more.recv().await {
                Some(rows) => wanted = rows,
                None => return Ok(None),
            }
        }
    }

    async fn watch(&self, id: Id, host: &str, namespace: &Namespace, query: String) -> Result<Answer, Error> {
        let mut events = self.within(host, Step::Query, namespace.watch(query).events()).await?;
        self.say(id, Answer::Watching).await;
        let mut last = None;
        while let Some(event) = events.next().await {
            match event {
                Ok(object) => {
                    last = None;
                    self.say(id, Answer::Event(object)).await;
                }
                Err(error) => {
                    // Whether it was the end is known only by what follows.
                    self.say(id, Answer::Disturbed(error.clone().into())).await;
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) => Err(error),
            None => Ok(Answer::Failed(Trouble::new("the server ended the subscription"))),
        }
    }
}
