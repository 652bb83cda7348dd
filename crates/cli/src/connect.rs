//! What every command that connects has in common: who to be, and how to get to each computer.

use crate::args::{Connect, Impersonation as Level, Place};
use crate::config::{self, Config, Layers, Origin, Protocol, Said, Settings, Source};
use crate::format::Format;
use crate::hosts;
use crate::local::{Local, is_local};
use crate::password;
use crate::report::Failure;
use rwmi_auth::AuthLevel;
use rwmi_client::forms::Moniker;
use rwmi_client::{Client, ClientBuilder, Credentials, Error, Impersonation, Misuse, Namespace, Step, Timeouts};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The namespace where none is named.
pub(crate) const NAMESPACE: &str = r"root\cimv2";

/// The computers to ask, and how.
pub(crate) struct Targets {
    args: Connect,
    config: Config,
    /// What is known of computers, by what the configuration says of them.
    known: HashMap<Layers, Known>,
    local: Option<Arc<Local>>,
}

/// What holds for computers of which the configuration says the same.
struct Known {
    settings: Settings,
    logon: Logon,
}

impl Targets {
    /// Reads the passwords, each once, where a remote computer is among them.
    pub(crate) fn new(mut args: Connect) -> Result<Targets, Failure> {
        let config = Config::load(args.config.as_deref())?;
        let words = config.computers(args.computers())?;
        if args.password.password_stdin && words.iter().any(|w| w == "-") {
            return Err(Failure::usage("standard input cannot be both the password and the computers"));
        }
        args.hosts = hosts::expand(&words, || Box::new(std::io::stdin())).map_err(Failure::usage)?;
        for host in &args.hosts {
            named(host).map_err(|m| Failure::usage(Error::misuse(host, m)))?;
            if host.starts_with(config::GROUP) {
                return Err(Failure::usage(format!("a list names computers only: {host:?}")).hint("a group is named by -c itself"));
            }
        }
        if 1 < args.hosts.len() && args.hosts.iter().any(String::is_empty) {
            return Err(Failure::usage("an empty name among several computers").hint("write . for this computer"));
        }
        let environment = Settings::of_environment(|n| std::env::var(n).ok()).map_err(Failure::usage)?;
        let line = settings_of(&args)?;
        let mut targets = Targets { args, config, known: HashMap::new(), local: None };
        let mut logons = Logons::default();
        for host in std::mem::take(&mut targets.args.hosts) {
            let layers = targets.layers(&host);
            if targets.is_local(&host) && targets.local.is_none() {
                let here = targets.args.here.clone();
                targets.local = Some(Arc::new(Local::new(&Place { data_dir: here.data_dir, config: here.server_config })?));
            }
            if !targets.known.contains_key(&layers) {
                let below = targets.config.settings(&layers);
                let settings = line.clone().above(environment_above(environment.clone(), below, layers.is_local()));
                let logon = if layers.is_local() { Ok(None) } else { logons.of(&settings)? };
                targets.known.insert(layers, Known { settings, logon });
            }
            targets.args.hosts.push(host);
        }
        Ok(targets)
    }

    fn is_local(&self, host: &str) -> bool {
        let name = computer(host);
        let has_port = self.args.endpoint_port.is_some() || self.args.object_port.is_some() || self.config.has_port(&name);
        is_local(&name, has_port)
    }

    fn layers(&self, host: &str) -> Layers {
        self.config.layers(&computer(host), self.is_local(host))
    }

    /// What holds for a computer; of a computer that was not named, what the command line says.
    fn known(&self, host: &str) -> Option<&Known> {
        self.known.get(&self.layers(host))
    }

    fn settings(&self, host: &str) -> Settings {
        self.known(host).map(|k| k.settings.clone()).unwrap_or_default()
    }

    /// The format of rows: the command line's, else that of the environment or the configuration, of several computers the
    /// first one's.
    pub(crate) fn format(&self, named: Option<Format>, otherwise: Format) -> Format {
        let set = || self.settings(self.args.hosts.first()?).output.map(|o| o.value);
        named.or_else(set).unwrap_or(otherwise)
    }

    /// The port of the endpoint mapper of a computer.
    pub(crate) fn endpoint_port(&self, host: &str) -> u16 {
        self.settings(host).endpoint_port.map_or(135, |p| p.value)
    }

    /// The namespace of the first computer, without a moniker's own.
    pub(crate) fn home(&self) -> String {
        let set = self.args.hosts.first().and_then(|h| self.settings(h).namespace);
        set.map_or_else(|| NAMESPACE.to_owned(), |n| n.value)
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
    pub(crate) fn whole(&self, host: &str) -> Duration {
        Duration::from_secs(self.settings(host).timeout.map_or(self.args.usual_timeout, |t| t.value))
    }

    /// Connects to one of them and logs in to the namespace, within its time; gives the instant when that ends.
    pub(crate) async fn open(&self, host: &str) -> Result<(Client, Namespace, Instant), Error> {
        let end = Instant::now() + self.whole(host);
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
            Err(Error::new(
                Step::Login { namespace: name.clone() },
                host,
                None,
                rwmi_client::ErrorKind::TimedOut { after: self.whole(host) },
            ))
        })
    }

    /// The namespace to log in to: of a moniker its own.
    pub(crate) fn namespace(&self, host: &str) -> Result<String, Error> {
        let moniker = named(host).map_err(|m| Error::misuse(host, m))?;
        Ok(moniker
            .and_then(|m| m.namespace)
            .unwrap_or_else(|| self.settings(host).namespace.map_or_else(|| NAMESPACE.to_owned(), |n| n.value)))
    }

    pub(crate) fn builder(&self, host: &str) -> Result<ClientBuilder, Error> {
        let args = &self.args;
        let misuse = |m| Error::misuse(host, m);
        let settings = self.settings(host);
        let whole = self.whole(host);
        let s = Duration::from_secs;
        let name = computer(host);
        // There is one so far.
        let Protocol::Dcom = settings.protocol.map_or(Protocol::Dcom, |p| p.value);
        let mut builder = Client::builder(&name)
            .authentication(settings.authentication.map_or(AuthLevel::Privacy, |l| l.value.level()))
            .impersonation(match settings.impersonation.map_or(Level::Impersonate, |l| l.value) {
                Level::Identify => Impersonation::Identify,
                Level::Impersonate => Impersonation::Impersonate,
                Level::Delegate => Impersonation::Delegate,
            })
            .smart_enumeration(settings.smart_enum.is_none_or(|s| s.value))
            .timeouts(Timeouts {
                connect: args.connect_timeout.min(whole),
                handshake: s(10).min(whole),
                call: whole,
                quiet: whole,
                whole: Some(whole),
            });
        if let Some(authority) = &settings.authority {
            builder = builder.authority(&authority.value);
        }
        if let Some(locale) = &settings.locale {
            builder = builder.locale(&locale.value);
        }
        if let Some(moniker) = named(host).map_err(misuse)? {
            builder = builder.settings(&moniker);
        }
        if let Some(port) = settings.endpoint_port {
            builder = builder.endpoint_port(port.value);
        }
        if let Some(port) = settings.object_port {
            builder = builder.object_port(port.value);
        }
        if self.is_local(host) {
            // What is only in the environment is meant for other computers.
            if args.user.is_some() || args.authentication_file.is_some() || args.password.is_given() || args.authority.is_some() {
                return Err(misuse(Misuse::LocalCredentials));
            }
            if let Some(local) = &self.local {
                builder = builder.dialer(local.clone());
            }
        } else {
            match self.known(host).map(|k| &k.logon) {
                Some(Ok(Some(credentials))) => builder = builder.credentials(credentials.clone()),
                Some(Ok(None)) | None => {}
                Some(Err(m)) => return Err(misuse(m.clone())),
            }
        }
        Ok(builder)
    }
}

/// Accounts whose passwords were read.
#[derive(Default)]
struct Logons(Vec<(String, Option<Source>, Logon)>);

/// An account, or why it cannot be one.
type Logon = Result<Option<Credentials>, Misuse>;

impl Logons {
    /// The account of settings, with its password: read once, however many computers it is for.
    fn of(&mut self, settings: &Settings) -> Result<Logon, Failure> {
        let Some(user) = settings.user.as_ref().map(|u| u.value.clone()) else { return Ok(Ok(None)) };
        let source = settings.password.as_ref().map(|p| p.value.source.clone());
        if let Some((.., logon)) = self.0.iter().find(|(u, s, _)| *u == user && *s == source) {
            return Ok(logon.clone());
        }
        let secret = match &source {
            Some(source) => Some(source.read(&user)?),
            None => password::ask(&format!("Password for {user}: ")).map_err(Failure::new)?,
        };
        let secret = secret.ok_or_else(|| Failure::new(format!("no password for {user} was given")).hint(password::SOURCES))?;
        // Standard input has it once, for whoever comes next.
        let source = if source == Some(Source::Stdin) { Some(Source::Given(secret.clone())) } else { source };
        let logon = Credentials::new(&user, secret).map(Some);
        self.0.push((user, source, logon.clone()));
        Ok(logon)
    }
}

/// What the command line says.
fn settings_of(args: &Connect) -> Result<Settings, Failure> {
    fn said<T>(value: Option<T>) -> Option<Said<T>> {
        value.map(|value| Said { value, origin: Origin::CommandLine })
    }
    let file = match &args.authentication_file {
        Some(path) => match password::read_credentials(path).map_err(Failure::new)? {
            said if said.is_empty() => {
                return Err(Failure::new(format!("{}: there is no username and no password in it", path.display())));
            }
            said => said,
        },
        None => password::Credentials::default(),
    };
    let user = args.user.clone().or_else(|| file.account());
    let source = match (&args.password.password_file, file.password) {
        _ if args.password.password_stdin => Some(Source::Stdin),
        (Some(path), _) => Some(Source::File { path: path.clone(), strict: false }),
        (None, Some(secret)) => Some(Source::Given(secret)),
        (None, None) => None,
    };
    Ok(Settings {
        user: said(user),
        password: said(source.map(|source| config::Password { source, owner: None })),
        namespace: said(args.namespace.clone()),
        protocol: said(args.protocol),
        authentication: said(args.authentication),
        impersonation: said(args.impersonation),
        authority: said(args.authority.clone()),
        locale: said(args.locale.clone()),
        endpoint_port: said(args.endpoint_port),
        object_port: said(args.object_port),
        timeout: said(args.timeout),
        smart_enum: said(args.no_smart_enum.then_some(false)),
        output: None,
    })
}

/// Lays the environment above the configuration. What it says of accounts and of the way is meant for other computers.
pub(crate) fn environment_above(environment: Settings, below: Settings, is_local: bool) -> Settings {
    if !is_local {
        return environment.above(below);
    }
    let mut environment = environment;
    environment.user = None;
    environment.password = None;
    environment.authority = None;
    environment.endpoint_port = None;
    environment.object_port = None;
    environment.above(below)
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
            self.namespace = Some(namespace.clone());
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
            (connect.computers(), connect.namespace.as_deref()),
            (vec![r"winmgmts:{impersonationLevel=identify}!\\b\root\wmi".into()], Some(r"root\wmi"))
        );
        let mut connect = line(&["-c", "a,b"]);
        assert_eq!((connect.take_path("C").unwrap(), connect.take_path("winmgmts:root/x:C").unwrap()), ("C".into(), "C".into()));
        assert_eq!((connect.computers().len(), connect.namespace.as_deref()), (2, Some(r"root\x")));
        for bad in [r"winmgmts:\\b\root:C", "winmgmts:root", "winmgmts:{x}!C"] {
            assert!(connect.take_path(bad).is_err(), "{bad}");
        }
    }
}
