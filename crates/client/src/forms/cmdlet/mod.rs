//! The cmdlets of Windows PowerShell as builders, with their parameters: `Get-WmiObject`, `Set-WmiInstance`, `Remove-WmiObject`,
//! `Invoke-WmiMethod`, `Register-WmiEvent`.

mod get;
mod invoke;
mod list;
mod register;
mod set;

pub use get::{GetWmiObject, get_wmi_object};
pub use invoke::{InvokeWmiMethod, invoke_wmi_method};
pub use list::{ClassList, name_fits};
pub use register::{RegisterWmiEvent, register_wmi_event};
pub use set::{PutType, RemoveWmiObject, SetWmiInstance, remove_wmi_object, set_wmi_instance};

use super::environment::{Environment, Request};
use super::levels::ImpersonationLevel;
use super::object::{Place, WmiObject};
use crate::{Client, Error, ErrorKind, Misuse, Step};
use futures_core::Stream;
use rwmi_cim::{PathKeys, WbemStatus};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Computers that a cmdlet asks at the same time, where `-ThrottleLimit` says nothing.
const THROTTLE_LIMIT: usize = 32;

/// The namespace of the cmdlets, whatever the default of scripts is.
const NAMESPACE: &str = r"root\cimv2";

/// Objects that wait for the reader; then computers wait.
const WAITING: usize = 256;

/// An object and the computer that it came from.
#[derive(Debug, Clone)]
pub struct FromComputer {
    /// The computer, as it was named (PSComputerName where the object itself says none).
    pub computer_name: String,
    /// The object.
    pub object: WmiObject,
}

impl FromComputer {
    /// `PSComputerName`: the computer as it names itself, else as it was named.
    pub fn ps_computer_name(&self) -> String {
        self.object.get::<String>("__SERVER").unwrap_or_else(|_| self.computer_name.clone())
    }
}

/// What several computers answer, as it comes. An error names its computer, and the others go on.
#[derive(Debug)]
pub struct Results {
    receiver: mpsc::Receiver<Result<FromComputer, Error>>,
    /// Dropping it ends what is under way.
    _tasks: JoinSet<()>,
}

impl Results {
    /// The next object or failure; `None` when every computer has said everything.
    pub async fn next(&mut self) -> Option<Result<FromComputer, Error>> {
        self.receiver.recv().await
    }

    /// All objects, and what failed.
    pub async fn collect(mut self) -> (Vec<FromComputer>, Vec<Error>) {
        let (mut objects, mut failures) = (Vec::new(), Vec::new());
        while let Some(result) = self.next().await {
            match result {
                Ok(object) => objects.push(object),
                Err(error) => failures.push(error),
            }
        }
        (objects, failures)
    }
}

impl Stream for Results {
    type Item = Result<FromComputer, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(cx)
    }
}

/// What every cmdlet takes to connect.
#[derive(Debug, Clone)]
struct Connection {
    environment: Environment,
    computers: Vec<String>,
    namespace: String,
    throttle: usize,
    request: Request,
}

impl Connection {
    fn new(environment: &Environment) -> Connection {
        Connection {
            environment: environment.clone(),
            computers: Vec::new(),
            namespace: NAMESPACE.into(),
            throttle: THROTTLE_LIMIT,
            request: Request { impersonation: Some(ImpersonationLevel::Impersonate), ..Request::default() },
        }
    }

    /// Runs the same on every computer.
    fn run<F, W>(self, work: W) -> Results
    where
        F: Future<Output = Result<(), Error>> + Send,
        W: Fn(Client, Place, Found) -> F + Clone + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(WAITING);
        let places = Arc::new(Semaphore::new(self.throttle.max(1)));
        let computers = if self.computers.is_empty() { vec![".".to_owned()] } else { self.computers };
        let mut tasks = JoinSet::new();
        for computer_name in computers {
            let found = Found { computer_name: computer_name.clone(), sender: sender.clone() };
            let (environment, places, work) = (self.environment.clone(), places.clone(), work.clone());
            let mut request = self.request.clone();
            (request.host, request.namespace) = (Some(computer_name), Some(self.namespace.clone()));
            tasks.spawn(async move {
                let _place = places.acquire().await;
                let result = match environment.open(&request).await {
                    Ok(namespace) => {
                        let client = namespace.client();
                        let place = Place { locale: request.locale.clone(), ..Place::plain(namespace) };
                        work(client, place, found.clone()).await
                    }
                    Err(error) => Err(error),
                };
                if let Err(error) = result {
                    let _ = found.sender.send(Err(error)).await;
                }
            });
        }
        Results { receiver, _tasks: tasks }
    }
}

/// Where the objects of one computer go.
#[derive(Clone)]
struct Found {
    computer_name: String,
    sender: mpsc::Sender<Result<FromComputer, Error>>,
}

impl Found {
    /// Hands an object on; `false` where nobody reads any more.
    async fn give(&self, object: WmiObject) -> bool {
        self.sender.send(Ok(FromComputer { computer_name: self.computer_name.clone(), object })).await.is_ok()
    }

    async fn give_all(&self, mut set: super::ObjectSet) -> Result<(), Error> {
        while let Some(object) = set.next().await {
            match object {
                Ok(object) => {
                    if !self.give(object).await {
                        return Ok(());
                    }
                }
                // One object that cannot be read does not lose the others.
                Err(error) if matches!(error.step(), Step::Decode) => {
                    let _ = self.sender.send(Err(error)).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

macro_rules! connection_parameters {
    ($form:ident) => {
        impl $form {
            /// `-ComputerName`: one more computer; `.` or none at all is this one.
            pub fn computer_name(mut self, computer: impl Into<String>) -> Self {
                self.connection.computers.push(computer.into());
                self
            }

            /// `-ComputerName`: several computers.
            pub fn computer_names<I: IntoIterator<Item = S>, S: Into<String>>(mut self, computers: I) -> Self {
                self.connection.computers.extend(computers.into_iter().map(Into::into));
                self
            }

            /// `-Namespace`, instead of `root\cimv2`.
            pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
                self.connection.namespace = namespace.into();
                self
            }

            /// `-Credential`; refused for this computer.
            pub fn credential(mut self, credential: crate::Credentials) -> Self {
                self.connection.request.credentials = Some(credential);
                self
            }

            /// `-Authority`: `kerberos:principal` or `ntlmdomain:domain`; refused for this computer.
            pub fn authority(mut self, authority: impl Into<String>) -> Self {
                self.connection.request.authority = Some(authority.into());
                self
            }

            /// `-Locale`: `MS_409`.
            pub fn locale(mut self, locale: impl Into<String>) -> Self {
                self.connection.request.locale = Some(locale.into());
                self
            }

            /// `-Impersonation`, instead of `Impersonate`.
            pub fn impersonation(mut self, level: crate::forms::ImpersonationLevel) -> Self {
                self.connection.request.impersonation = Some(level);
                self
            }

            /// `-Authentication`, instead of `Unchanged`.
            pub fn authentication(mut self, level: crate::forms::AuthenticationLevel) -> Self {
                self.connection.request.authentication = level;
                self
            }

            /// `-EnableAllPrivileges`: of this computer only; over the network every privilege that the account holds is enabled already.
            pub fn enable_all_privileges(self) -> Self {
                self
            }

            /// `-ThrottleLimit`: computers asked at the same time, 32.
            pub fn throttle_limit(mut self, computers: usize) -> Self {
                self.connection.throttle = computers;
                self
            }
        }
    };
}

/// The keys of a path, which says whether it is of a class.
fn keys(connection: &Connection, path: &str) -> Result<PathKeys, Error> {
    let host = connection.computers.first().map_or(".", |c| c);
    let parsed: Result<rwmi_cim::ObjectPath, _> = path.parse();
    let rule =
        |why: String| Error::new(Step::Input, host, None, ErrorKind::Misuse(Misuse::Rule { status: WbemStatus::INVALID_OBJECT_PATH, why }));
    Ok(parsed.map_err(|e| rule(e.to_string()))?.keys)
}

use connection_parameters;
