//! What every command that connects has in common: who to be, and how to get to each computer.

use crate::args::{Connect, Impersonation as Level};
use crate::local::{Local, is_local};
use crate::password;
use crate::report::Failure;
use rwmi_client::{Client, ClientBuilder, Credentials, Error, Impersonation, Misuse, Namespace, Step, Timeouts};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The computers to ask, and how.
pub(crate) struct Targets {
    args: Connect,
    logon: Result<Option<Credentials>, Misuse>,
    local: Option<Arc<Local>>,
}

impl Targets {
    /// Reads the password, once, where a remote computer is among them.
    pub(crate) fn new(args: Connect) -> Result<Targets, Failure> {
        if 1 < args.hosts.len() && args.hosts.iter().any(String::is_empty) {
            return Err(Failure::usage("an empty name among several computers").hint("write . for this computer"));
        }
        let has_port = args.endpoint_port.is_some() || args.object_port.is_some();
        let (here, away): (Vec<&String>, Vec<&String>) = args.hosts.iter().partition(|h| is_local(h, has_port));
        let local = if here.is_empty() { None } else { Some(Arc::new(Local::new(&args.place)?)) };
        let logon = match (away.is_empty(), user(&args)) {
            (true, _) | (false, None) => Ok(None),
            (false, Some(user)) => {
                let secret = password::read(&args.password, &format!("Password for {user}: ")).map_err(Failure::new)?;
                let secret = secret.ok_or_else(|| Failure::new(format!("no password for {user} was given")).hint(password::SOURCES))?;
                Credentials::new(&user, secret).map(Some)
            }
        };
        Ok(Targets { args, logon, local })
    }

    /// The names as they were given.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.args.hosts
    }

    /// The most time for one computer.
    fn whole(&self) -> Duration {
        Duration::from_secs(self.args.timeout)
    }

    /// Connects to one of them and logs in to the namespace, within its time; gives the instant when that ends.
    pub(crate) async fn open(&self, host: &str) -> Result<(Client, Namespace, Instant), Error> {
        let end = Instant::now() + self.whole();
        let client = self.builder(host)?.connect().await?;
        let step = Step::Login { namespace: self.args.namespace.clone() };
        let login = tokio::time::timeout_at(end.into(), client.namespace(&self.args.namespace));
        match login.await {
            Ok(Ok(namespace)) => Ok((client, namespace, end)),
            Ok(Err(error)) => {
                client.close().await;
                Err(error)
            }
            Err(_) => Err(Error::new(step, host, None, rwmi_client::ErrorKind::TimedOut { after: self.whole() })),
        }
    }

    fn builder(&self, host: &str) -> Result<ClientBuilder, Error> {
        let args = &self.args;
        let misuse = |m| Error::misuse(host, m);
        let whole = self.whole();
        let s = Duration::from_secs;
        let mut builder = Client::builder(host)
            .authentication(args.authentication.level())
            .impersonation(match args.impersonation {
                Level::Identify => Impersonation::Identify,
                Level::Impersonate => Impersonation::Impersonate,
                Level::Delegate => Impersonation::Delegate,
            })
            .smart_enumeration(!args.no_smart_enum)
            .timeouts(Timeouts { connect: s(5).min(whole), handshake: s(10).min(whole), call: whole, quiet: whole, whole: Some(whole) });
        if let Some(authority) = &args.authority {
            builder = builder.authority(authority);
        }
        if let Some(locale) = &args.locale {
            builder = builder.locale(locale);
        }
        if let Some(port) = args.endpoint_port {
            builder = builder.endpoint_port(port);
        }
        if let Some(port) = args.object_port {
            builder = builder.object_port(port);
        }
        if is_local(host, args.endpoint_port.is_some() || args.object_port.is_some()) {
            // What is only in the environment is meant for other computers.
            if args.user.is_some() || args.password.is_given() || args.authority.is_some() {
                return Err(misuse(Misuse::LocalCredentials));
            }
            if let Some(local) = &self.local {
                builder = builder.dialer(local.clone());
            }
        } else {
            match &self.logon {
                Ok(Some(credentials)) => builder = builder.credentials(credentials.clone()),
                Ok(None) => {}
                Err(m) => return Err(misuse(m.clone())),
            }
        }
        Ok(builder)
    }
}

fn user(args: &Connect) -> Option<String> {
    args.user.clone().or_else(|| std::env::var("RWMI_USER").ok().filter(|u| !u.is_empty()))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { hint: error.hint().map(str::to_owned), ..Failure::new(&error) }
    }
}

/// Waits for somebody to press Ctrl-C.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a shell gives a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;
