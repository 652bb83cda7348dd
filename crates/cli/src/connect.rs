//! What every command that connects has in common: who to be, and how to get to each computer.

use crate::args::{Connect, Impersonation as Level};
use crate::hosts;
use crate::local::{Local, is_local};
use crate::password;
use crate::report::Failure;
use rwmi_client::forms::Moniker;
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
    pub(crate) fn new(mut args: Connect) -> Result<Targets, Failure> {
        let words = args.computers();
        if args.password.password_stdin && words.iter().any(|w| w == "-") {
            return Err(Failure::usage("standard input cannot be both the password and the computers"));
        }
        args.hosts = hosts::expand(&words, || Box::new(std::io::stdin())).map_err(Failure::usage)?;
        for host in &args.hosts {
            named(host).map_err(|m| Failure::usage(Error::misuse(host, m)))?;
        }
        if 1 < args.hosts.len() && args.hosts.iter().any(String::is_empty) {
            return Err(Failure::usage("an empty name among several computers").hint("write . for this computer"));
        }
        let has_port = args.endpoint_port.is_some() || args.object_port.is_some();
        let (here, away): (Vec<&String>, Vec<&String>) = args.hosts.iter().partition(|h| is_local(&computer(h), has_port));
        let local = if here.is_empty() { None } else { Some(Arc::new(Local::new(&args.place)?)) };
        let file = match &args.authentication_file {
            Some(path) => match password::read_credentials(path).map_err(Failure::new)? {
                said if said.is_empty() => {
                    return Err(Failure::new(format!("{}: there is no username and no password in it", path.display())));
                }
                said => said,
            },
            None => password::Credentials::default(),
        };
        let logon = match (away.is_empty(), args.user.clone().or(file.account()).or_else(|| user(&args))) {
            (true, _) | (false, None) => Ok(None),
            (false, Some(user)) => {
                let secret = match file.password {
                    Some(secret) if !args.password.is_given() => Some(secret),
                    _ => password::read(&args.password, &format!("Password for {user}: ")).map_err(Failure::new)?,
                };
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

    /// How many are asked at the same time.
    pub(crate) fn throttle(&self) -> usize {
        self.args.throttle.into()
    }

    /// Whether people want to see how far it is.
    pub(crate) fn wants_progress(&self) -> bool {
        !self.args.no_progress
    }

    /// The most time for one computer.
    pub(crate) fn whole(&self) -> Duration {
        Duration::from_secs(self.args.timeout)
    }

    /// Connects to one of them and logs in to the namespace, within its time; gives the instant when that ends.
    pub(crate) async fn open(&self, host: &str) -> Result<(Client, Namespace, Instant), Error> {
        let end = Instant::now() + self.whole();
        let client = self.builder(host)?.connect().await?;
        match self.login(&client, host, end).await {
            Ok(namespace) => Ok((client, namespace, end)),
            Err(error) => {
                client.close().await;
                Err(error)
            }
        }
    }

    /// Logs in to the namespace, until then.
    pub(crate) async fn login(&self, client: &Client, host: &str, end: Instant) -> Result<Namespace, Error> {
        let name = self.namespace(host)?;
        let login = tokio::time::timeout_at(end.into(), client.namespace(&name)).await;
        login.unwrap_or_else(|_| {
            Err(Error::new(Step::Login { namespace: name.clone() }, host, None, rwmi_client::ErrorKind::TimedOut { after: self.whole() }))
        })
    }

    /// The namespace to log in to: of a moniker its own.
    pub(crate) fn namespace(&self, host: &str) -> Result<String, Error> {
        let moniker = named(host).map_err(|m| Error::misuse(host, m))?;
        Ok(moniker.and_then(|m| m.namespace).unwrap_or_else(|| self.args.namespace.clone()))
    }

    pub(crate) fn builder(&self, host: &str) -> Result<ClientBuilder, Error> {
        let args = &self.args;
        let misuse = |m| Error::misuse(host, m);
        let whole = self.whole();
        let s = Duration::from_secs;
        let name = computer(host);
        let mut builder = Client::builder(&name)
            .authentication(args.authentication.level())
            .impersonation(match args.impersonation {
                Level::Identify => Impersonation::Identify,
                Level::Impersonate => Impersonation::Impersonate,
                Level::Delegate => Impersonation::Delegate,
            })
            .smart_enumeration(!args.no_smart_enum)
            .timeouts(Timeouts {
                connect: args.connect_timeout.min(whole),
                handshake: s(10).min(whole),
                call: whole,
                quiet: whole,
                whole: Some(whole),
            });
        if let Some(authority) = &args.authority {
            builder = builder.authority(authority);
        }
        if let Some(locale) = &args.locale {
            builder = builder.locale(locale);
        }
        if let Some(moniker) = named(host).map_err(misuse)? {
            builder = builder.settings(&moniker);
        }
        if let Some(port) = args.endpoint_port {
            builder = builder.endpoint_port(port);
        }
        if let Some(port) = args.object_port {
            builder = builder.object_port(port);
        }
        if is_local(&name, args.endpoint_port.is_some() || args.object_port.is_some()) {
            // What is only in the environment is meant for other computers.
            if args.user.is_some() || args.authentication_file.is_some() || args.password.is_given() || args.authority.is_some() {
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

impl Connect {
    /// The computers, each whole: a moniker may hold commas.
    pub(crate) fn computers(&self) -> Vec<String> {
        let mut whole: Vec<String> = Vec::new();
        for part in &self.hosts {
            match whole.last_mut().filter(|last| is_open(last)) {
                Some(last) => {
                    last.push(',');
                    last.push_str(part);
                }
                None => whole.push(part.clone()),
            }
        }
        whole
    }

    /// A path that may be a moniker: what it says of computer and namespace becomes ours, and the class or the instance comes back.
    pub(crate) fn take_path(&mut self, path: &str) -> Result<String, Failure> {
        if !Moniker::is_meant(path) {
            return Ok(path.to_owned());
        }
        let moniker: Moniker = path.parse().map_err(|e| Failure::usage(Error::misuse(path, Misuse::Moniker(e))))?;
        let Some(object) = &moniker.object else {
            return Err(Failure::usage(format!("{path} names a namespace, and a class or an instance is wanted")));
        };
        let names_a_place = moniker.host.is_some() || !moniker.security.eq(&Default::default()) || moniker.locale.is_some();
        if names_a_place && self.computers() != ["."] {
            return Err(Failure::usage("the computer is named twice, by -c and by the moniker"));
        }
        let object = object.to_string();
        if let Some(namespace) = &moniker.namespace {
            self.namespace.clone_from(namespace);
        }
        if names_a_place {
            self.hosts = vec![Moniker { object: None, ..moniker }.to_string()];
        }
        Ok(object)
    }
}

/// Whether a comma behind it is one of a moniker's settings or of a range.
fn is_open(text: &str) -> bool {
    let is_range = || text.matches(']').count() < text.matches('[').count();
    if Moniker::is_meant(text) { text.contains('{') && !text.contains('}') } else { is_range() }
}

/// What a host says where it is a moniker.
fn named(host: &str) -> Result<Option<Moniker>, Misuse> {
    if !Moniker::is_meant(host) {
        return Ok(None);
    }
    let moniker: Moniker = host.parse().map_err(Misuse::Moniker)?;
    if moniker.object.is_some() {
        return Err(Misuse::Option("the moniker names a class or an instance, and a computer or a namespace is wanted".into()));
    }
    Ok(Some(moniker))
}

/// The computer of a host or a moniker.
fn computer(host: &str) -> String {
    match named(host) {
        Ok(Some(moniker)) => moniker.host.unwrap_or_else(|| ".".into()),
        _ => host.to_owned(),
    }
}

pub(crate) fn user(args: &Connect) -> Option<String> {
    args.user.clone().or_else(|| std::env::var("RWMI_USER").ok().filter(|u| !u.is_empty()))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { hint: error.hint().map(str::to_owned), ..Failure::new(&error) }
    }
}

/// Waits for somebody to press Ctrl-C, from when it is asked for the first time: ask it before what it interrupts.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a shell gives a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        connect: Connect,
    }

    fn line(words: &[&str]) -> Connect {
        Line::parse_from(["x"].iter().chain(words)).connect
    }

    #[test]
    fn a_moniker_keeps_its_commas() {
        let moniker = r"winmgmts:{impersonate,authenticationLevel=pktPrivacy,(Debug,!Tcb)}!\\srv01\root\wmi";
        let connect = line(&["-c", &format!("a,{moniker},b"), "-c", "winmgmts://srv02,c"]);
        assert_eq!(connect.computers(), ["a", moniker, "b", "winmgmts://srv02", "c"]);
        assert_eq!((computer(moniker), computer("winmgmts:root"), computer("a")), ("srv01".into(), ".".into(), "a".into()));
        assert_eq!(line(&[]).computers(), ["."]);
        // What is never closed is refused as a whole.
        assert_eq!(line(&["-c", "winmgmts:{a,b,c"]).computers().len(), 1);
    }

    #[test]
    fn a_path_may_name_its_computer() {
        let mut connect = line(&[]);
        assert_eq!(connect.take_path(r#"winmgmts:{identify}!\\b\root\wmi:C.K="a,b""#).unwrap(), r#"C.K="a,b""#);
        assert_eq!(
            (connect.computers(), connect.namespace.as_str()),
            (vec![r"winmgmts:{impersonationLevel=identify}!\\b\root\wmi".into()], r"root\wmi")
        );
        let mut connect = line(&["-c", "a,b"]);
        assert_eq!((connect.take_path("C").unwrap(), connect.take_path("winmgmts:root/x:C").unwrap()), ("C".into(), "C".into()));
        assert_eq!((connect.computers().len(), connect.namespace.as_str()), (2, r"root\x"));
        for bad in [r"winmgmts:\\b\root:C", "winmgmts:root", "winmgmts:{x}!C"] {
            assert!(connect.take_path(bad).is_err(), "{bad}");
        }
    }
}
