//! The walk: each stage does what connecting does at that point, and keeps what it saw.

use super::advice::{Evidence, causes};
use super::{Advice, Cause, Check, Examination, Fact, Outcome, Patient, Stage, System, thin};
use crate::connect::{alive, enter, object_endpoints, reached, request};
use crate::dial::{in_turn, no_way, reason};
use crate::session::open_error;
use crate::way::Way;
use crate::{Client, Error, ErrorKind, Mechanism, Namespace, Step, failure};
use rwmi_auth::AuthLevel;
use rwmi_cim::{DateTime, WbemStatus};
use rwmi_dcom::client::{Fallback, activate, server_alive2};
use rwmi_dcom::{self as dcom, ActivationReply, ComVersion, DualStringArray, Orpc, SecurityBinding, TOWER_TCP};
use rwmi_ndr::{FaultStatus, HResult};
use rwmi_net::RpcChannel;
use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// Ports that say more about a computer that does not answer: WMI's fixed port, and WS-Management without and with TLS.
const OTHER_PORTS: [(u16, &str); 3] = [(24158, "the fixed port of WMI"), (5985, "WS-Management"), (5986, "WS-Management with TLS")];

/// How long such a port has to answer.
const OTHER_PORT_TIME: Duration = Duration::from_secs(2);

/// Rows of the query that are read.
const ROWS_MAX: usize = 64;

/// Namespaces that are listed where one does not exist.
const NAMESPACES_MAX: usize = 64;

/// What a server lists: more is left out.
const LISTED_MAX: usize = 16;

/// How far clocks may differ: more is too much for Kerberos.
const SKEW_MAX: Duration = Duration::from_secs(300);

/// How long the classes may take that filtered accounts see less of.
const DATA_TIME: Duration = Duration::from_secs(30);

/// `OSType` of Linux and of Windows NT.
const OS_TYPES: [(u16, System); 2] = [(36, System::Linux), (18, System::Windows)];

/// A way under examination; see [`crate::ClientBuilder::examine`].
pub struct Walk {
    way: Arc<Way>,
    examination: Examination,
    /// Stages that were not reached yet.
    left: VecDeque<Stage>,
    ends: Option<(Instant, Duration)>,
    /// A stage failed.
    is_over: bool,
    addresses: Vec<SocketAddr>,
    orpc: Option<(Orpc, ComVersion)>,
    /// What is held between activation and login.
    activated: Option<(ActivationReply, RpcChannel)>,
    client: Option<Client>,
    namespace: Option<Namespace>,
    object_port: Option<u16>,
    is_authenticated: bool,
    works_at_privacy: bool,
    others_silent: bool,
    system: Option<System>,
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("host", &self.way.host).field("left", &self.left).finish_non_exhaustive()
    }
}

/// What a stage saw beside its end.
#[derive(Default)]
struct Notes {
    facts: Vec<Fact>,
    warnings: Vec<Cause>,
}

impl Walk {
    pub(super) fn new(way: Way, plain: bool, examination: Examination) -> Result<Walk, Error> {
        let is_here = |stage: &Stage| match stage {
            // Of what a dialer goes through only its user knows.
            Stage::Name | Stage::Port | Stage::ObjectPort => plain,
            Stage::Authentication => way.logon.is_some(),
            Stage::Data => examination.data,
            _ => true,
        };
        let left = Stage::ALL.into_iter().filter(is_here).collect();
        let ends = way.timeouts.whole.map(|whole| (Instant::now() + whole, whole));
        Ok(Walk {
            way: Arc::new(way),
            examination,
            left,
            ends,
            is_over: false,
            addresses: Vec::new(),
            orpc: None,
            activated: None,
            client: None,
            namespace: None,
            object_port: None,
            is_authenticated: false,
            works_at_privacy: false,
            others_silent: false,
            system: None,
        })
    }

    /// The computer, as the caller named it.
    pub fn host(&self) -> &str {
        &self.way.host
    }

    /// The stages that were not reached.
    pub fn left(&self) -> Vec<Stage> {
        self.left.iter().copied().collect()
    }

    /// What the target runs, once it has said so.
    pub fn system(&self) -> Option<System> {
        self.system
    }

    /// What commands for the target name.
    pub fn patient(&self) -> Patient {
        let account =
            self.way.logon.as_ref().map(|l| if l.domain.is_empty() { l.user.clone() } else { format!("{}\\{}", l.domain, l.user) });
        Patient {
            host: self.way.host.clone(),
            account,
            namespace: self.examination.namespace.clone(),
            endpoint_port: self.way.endpoint_port,
            object_port: self.object_port.or(self.way.object_port),
        }
    }

    /// Goes one stage further; `None` behind the last one and behind one that failed. A stage whose future is dropped counts as
    /// not reached, and the walk is of no more use.
    pub async fn next(&mut self) -> Option<Check> {
        let stage = *self.left.front().filter(|_| !self.is_over)?;
        let begun = Instant::now();
        let mut notes = Notes::default();
        let ended = match self.ends {
            None => self.run(stage, &mut notes).await,
            Some((end, whole)) => match timeout_at(end, self.run(stage, &mut notes)).await {
                Ok(ended) => ended,
                Err(_) => Err(self.way.error(self.step(stage), 0, ErrorKind::TimedOut { after: whole })),
            },
        };
        let took = begun.elapsed();
        self.left.pop_front();
        let error = ended.err();
        let mut causes: Vec<(Cause, bool)> = error.as_ref().map(|e| self.causes(stage, e)).unwrap_or_default();
        causes.extend(notes.warnings.iter().map(|cause| (*cause, *cause != Cause::DataThin)));
        let patient = self.patient();
        let advice: Vec<Advice> = causes.into_iter().map(|(cause, certain)| Advice::new(cause, certain, &patient, self.system)).collect();
        let outcome = match (&error, notes.warnings.is_empty()) {
            (Some(_), _) => Outcome::Failed,
            (None, false) => Outcome::Warned,
            (None, true) => Outcome::Passed,
        };
        if error.is_some() {
            self.give_up();
        }
        Some(Check { stage, outcome, took, facts: notes.facts, error, advice })
    }

    /// Gives everything back and closes the connection. Takes two seconds at most.
    pub async fn close(mut self) {
        self.namespace = None;
        if let Some(client) = self.client.take() {
            client.close().await;
        }
    }

    /// Behind a failure nothing is examined; `left` keeps what was not reached.
    fn give_up(&mut self) {
        self.activated = None;
        self.namespace = None;
        self.is_over = true;
    }

    fn causes(&self, stage: Stage, error: &Error) -> Vec<(Cause, bool)> {
        let logon = self.way.logon.as_ref();
        causes(&Evidence {
            stage,
            step: error.step(),
            kind: error.kind(),
            is_authenticated: self.is_authenticated,
            is_blank: logon.is_some_and(|l| l.is_blank),
            is_local_account: logon
                .is_some_and(|l| !l.user.contains('@') && (l.domain.is_empty() || l.domain.eq_ignore_ascii_case(&self.way.server))),
            works_at_privacy: self.works_at_privacy,
            others_silent: self.others_silent,
        })
    }

    fn step(&self, stage: Stage) -> Step {
        match stage {
            Stage::Name => Step::Resolve,
            Stage::Port => Step::Connect,
            Stage::Resolver | Stage::Authentication => Step::ServerAlive,
            Stage::Activation => Step::Activate,
            Stage::ObjectPort => Step::ConnectObjectPort,
            Stage::Login => Step::Login { namespace: self.examination.namespace.clone() },
            Stage::Query | Stage::Data => Step::Query,
        }
    }

    async fn run(&mut self, stage: Stage, notes: &mut Notes) -> Result<(), Error> {
        match stage {
            Stage::Name => self.name(notes).await,
            Stage::Port => self.port(notes).await,
            Stage::Resolver => self.resolver(notes).await,
            Stage::Authentication => self.authentication(notes).await,
            Stage::Activation => self.activation(notes).await,
            Stage::ObjectPort => self.object(notes).await,
            Stage::Login => self.login(notes).await,
            Stage::Query => self.query(notes).await,
            Stage::Data => self.data(notes).await,
        }
    }

    async fn name(&mut self, notes: &mut Notes) -> Result<(), Error> {
        let (name, port) = (self.way.dial_name.clone(), self.way.endpoint_port);
        let failed = |kind| self.way.error(Step::Resolve, 0, kind);
        if let Ok(address) = name.parse::<IpAddr>() {
            self.addresses = vec![SocketAddr::new(address, port)];
        } else {
            let within = self.way.timeouts.handshake;
            let found = match timeout(within, lookup_host((name.as_str(), port))).await {
                Ok(found) => found.map_err(|e| failed(ErrorKind::NotFound(reason(&e))))?,
                Err(_) => return Err(failed(ErrorKind::TimedOut { after: within })),
            };
            self.addresses = in_turn(found.collect());
        }
        if self.addresses.is_empty() {
            return Err(failed(ErrorKind::NotFound("the name has no address".into())));
        }
        let family = |a: &SocketAddr| if a.is_ipv6() { "IPv6" } else { "IPv4" };
        notes.facts.extend(self.addresses.iter().map(|a| Fact::new("address", a.ip().to_string(), family(a))));
        Ok(())
    }

    async fn port(&mut self, notes: &mut Notes) -> Result<(), Error> {
        let (within, port) = (self.way.timeouts.connect, self.way.endpoint_port);
        let results = probe(&self.addresses, within).await;
        for (address, result, took) in &results {
            let seen = result.as_ref().map_or_else(ToString::to_string, |()| "answers".into());
            notes.facts.push(Fact { took: Some(*took), ..Fact::new("address", address.ip().to_string(), seen) });
        }
        if let Some((address, ..)) = results.iter().find(|(_, result, _)| result.is_ok()) {
            let lame = results.iter().any(|(_, r, _)| r.as_ref().is_err_and(|kind| !matches!(kind, ErrorKind::Family { .. })));
            if lame {
                notes.warnings.push(Cause::AddressSilent);
            }
            let mut way = (*self.way).clone();
            way.dial_name = reached(&way, Some(*address));
            self.way = Arc::new(way);
            return Ok(());
        }
        // An address of a family that is not here says nothing about the target: another one does.
        let rank = |kind: &ErrorKind| match kind {
            ErrorKind::Refused => 0,
            ErrorKind::TimedOut { .. } => 1,
            ErrorKind::Unreachable(_) => 2,
            ErrorKind::Family { .. } => 4,
            _ => 3,
        };
        let worst =
            results.into_iter().filter_map(|(address, result, _)| result.err().map(|kind| (address, kind))).min_by_key(|(_, k)| rank(k));
        let Some((address, kind)) = worst else { return Err(self.way.error(Step::Connect, port, ErrorKind::Closed)) };
        if port == crate::builder::ENDPOINT_PORT && !matches!(kind, ErrorKind::Family { .. }) {
            self.other_ports(address.ip(), notes).await;
        }
        Err(open_error(&self.way, Step::Connect, port, kind))
    }

    async fn resolver(&mut self, notes: &mut Notes) -> Result<(), Error> {
        let way = self.way.clone();
        let port = way.endpoint_port;
        let opened = way.open(&way.dial_name, port, None).await;
        let channel = opened.map_err(|kind| open_error(&way, Step::Connect, port, kind))?.with_timeout(way.timeouts.handshake);
        let answer = alive(&channel).await.map_err(|e| way.call_error(Step::ServerAlive, port, e))?;
        notes.facts.push(Fact::new("version", format!("{}.{}", answer.version.major, answer.version.minor), "of DCOM"));
        let offered = answer.bindings.security.iter().take(LISTED_MAX).map(|b| Fact::new("offers", mechanism_name(b), clean(&b.principal)));
        notes.facts.extend(offered);
        notes.facts.extend(listed(&answer.bindings));
        let orpc = Orpc::new(answer.version).map_err(|e| way.call_error(Step::ServerAlive, port, e.into()))?;
        self.orpc = Some((orpc, answer.version));
        Ok(())
    }

    /// Asks with a logon what was answered without one: whoever refuses that refuses the account. A logon that was refused is
    /// not tried again, because that locks accounts.
    async fn authentication(&mut self, notes: &mut Notes) -> Result<(), Error> {
        let mut way = (*self.way).clone();
        // At the highest level a refusal is not for the level.
        way.level = AuthLevel::Privacy;
        let first = way.logon.as_ref().map(|l| l.mechanism).unwrap_or_default();
        let result = asked(&way).await;
        let seen = |result: &Result<(), ErrorKind>| result.as_ref().map_or_else(|k| format!("refused: {k}"), |()| "accepted".into());
        notes.facts.push(Fact::new("mechanism", spoken(first), seen(&result)));
        if matches!(result, Ok(()) | Err(ErrorKind::BindRefused(_)))
            && let Some(logon) = &mut way.logon
        {
            let other = if first == Mechanism::Ntlm { Mechanism::Negotiate } else { Mechanism::Ntlm };
            logon.mechanism = other;
            notes.facts.push(Fact::new("mechanism", spoken(other), seen(&asked(&way).await)));
        }
        result.map_err(|kind| open_error(&self.way, Step::ServerAlive, self.way.endpoint_port, kind))?;
        self.is_authenticated = true;
        Ok(())
    }

    async fn activation(&mut self, notes: &mut Notes) -> Result<(), Error> {
        let way = self.way.clone();
        let port = way.endpoint_port;
        let Some((orpc, version)) = self.orpc else { return Err(way.error(Step::Activate, port, ErrorKind::Closed)) };
        let opened = way.open(&way.dial_name, port, way.security("rpcss", way.activation_level())).await;
        let channel = opened.map_err(|kind| open_error(&way, Step::Connect, port, kind))?;
        let activated = activate(&channel, orpc, &request(&way, version), Fallback::RemoteActivation).await;
        match activated.map_err(|e| way.call_error(Step::Activate, port, e)) {
            Ok(reply) => {
                notes.facts.extend(listed(&reply.bindings));
                self.activated = Some((reply, channel));
                Ok(())
            }
            Err(error) => {
                self.try_privacy(&error, notes).await;
                Err(error)
            }
        }
    }

    async fn object(&mut self, notes: &mut Notes) -> Result<(), Error> {
        let way = self.way.clone();
        let bindings = self.activated.as_ref().map(|(reply, _)| reply.bindings.clone()).unwrap_or_default();
        let candidates = object_endpoints(&way, None, &bindings);
        let own = candidates.first().map(|(host, _)| host.clone()).unwrap_or_default();
        let (mut first, mut others) = (None, false);
        for (host, port) in candidates {
            let begun = Instant::now();
            let within = way.timeouts.connect;
            let dialed = timeout(within, way.dialer.dial(&host, port)).await.unwrap_or(Err(ErrorKind::TimedOut { after: within }));
            let seen = dialed.as_ref().map_or_else(ToString::to_string, |_| "answers".into());
            notes.facts.push(Fact { took: Some(begun.elapsed()), ..Fact::new("port", format!("{} {port}", clean(&host)), seen) });
            self.object_port.get_or_insert(port);
            match dialed {
                Ok(_) => {
                    self.object_port = Some(port);
                    if host != own {
                        notes.warnings.push(Cause::ObjectPortClosed);
                    }
                    return Ok(());
                }
                Err(kind) => {
                    others |= host != own;
                    first.get_or_insert(way.error(Step::ConnectObjectPort, port, kind));
                }
            }
        }
        self.others_silent = others;
        if let (Ok(address), true) = (way.dial_name.parse::<IpAddr>(), way.endpoint_port == crate::builder::ENDPOINT_PORT) {
            self.other_ports(address, notes).await;
        }
        let nothing = || way.error(Step::ConnectObjectPort, 0, ErrorKind::Protocol("the activation names no TCP port".into()));
        Err(first.unwrap_or_else(nothing))
    }

    async fn login(&mut self, notes: &mut Notes) -> Result<(), Error> {
        let way = self.way.clone();
        let (Some((orpc, _)), Some((reply, activator))) = (self.orpc, self.activated.take()) else {
            return Err(way.error(self.step(Stage::Login), 0, ErrorKind::Closed));
        };
        notes.facts.push(Fact::new("level", way.level.name(), "asked for"));
        let name = self.examination.namespace.clone();
        let entered = async {
            let client = Client::of(enter(&way, None, orpc, &reply, activator).await?);
            let namespace = client.namespace(&name).await;
            Ok((client, namespace))
        };
        match entered.await {
            Ok((client, Ok(namespace))) => {
                self.client = Some(client);
                self.namespace = Some(namespace);
                if self.examination.levels {
                    self.other_levels(notes).await;
                }
                Ok(())
            }
            Ok((client, Err(error))) => {
                if matches!(error.kind(), ErrorKind::Wbem(WbemStatus::INVALID_NAMESPACE)) {
                    let _ = timeout(self.spare(way.timeouts.handshake), list_namespaces(&client, notes)).await;
                }
                self.try_privacy(&error, notes).await;
                self.client = Some(client);
                Err(error)
            }
            Err(error) => {
                self.try_privacy(&error, notes).await;
                Err(error)
            }
        }
    }

    async fn query(&mut self, notes: &mut Notes) -> Result<(), Error> {
        let Some(namespace) = &self.namespace else { return Err(self.way.error(Step::Query, 0, ErrorKind::Closed)) };
        let is_cimv2 = namespace.name().eq_ignore_ascii_case(r"root\cimv2");
        let usual = if is_cimv2 { "SELECT * FROM Win32_OperatingSystem" } else { "SELECT * FROM __NAMESPACE" };
        let text = self.examination.query.as_deref().unwrap_or(usual);
        let begun = Instant::now();
        let mut rows = namespace.query(text).deadline(self.way.timeouts.call).entities().await?;
        let (mut count, mut is_late) = (0, false);
        while let Some(row) = rows.next().await {
            let row = row?;
            count += 1;
            if let (1, rwmi_cim::Entity::Instance(object)) = (count, &row) {
                if let Ok(caption) = object.get::<String>("Caption") {
                    notes.facts.push(Fact::new("system", clean(&caption), ""));
                }
                let kind = object.get::<u16>("OSType").ok();
                self.system = OS_TYPES.iter().find(|(number, _)| Some(*number) == kind).map(|(_, system)| *system);
                if let Ok(there) = object.get::<DateTime>("LocalDateTime") {
                    is_late = clocks(&there, begun.elapsed(), notes);
                }
            }
            if count == ROWS_MAX {
                break;
            }
        }
        if is_late {
            notes.warnings.push(Cause::ClockSkew);
        }
        let most = if count == ROWS_MAX { "at least " } else { "" };
        notes.facts.push(Fact::new("rows", format!("{most}{count}"), clean(text)));
        Ok(())
    }

    async fn data(&mut self, notes: &mut Notes) -> Result<(), Error> {
        let Some(namespace) = &self.namespace else { return Ok(()) };
        let left = self.ends.map_or(DATA_TIME, |(end, _)| end.saturating_duration_since(Instant::now()).mul_f32(0.9).min(DATA_TIME));
        if thin::look(namespace, left, &mut notes.facts).await {
            notes.warnings.push(Cause::DataThin);
        }
        Ok(())
    }

    /// Whether what was refused is given at privacy. Only where the logon is known to be good: others are not tried twice.
    async fn try_privacy(&mut self, error: &Error, notes: &mut Notes) {
        let denied = match error.kind() {
            ErrorKind::Fault(status) => matches!(*status, FaultStatus::ACCESS_DENIED | FaultStatus::E_ACCESSDENIED),
            ErrorKind::HResult(code) => matches!(*code, HResult::E_ACCESSDENIED | HResult::RPC_E_ACCESS_DENIED),
            ErrorKind::Wbem(status) => matches!(*status, WbemStatus::ACCESS_DENIED | WbemStatus::ENCRYPTED_CONNECTION_REQUIRED),
            _ => false,
        };
        if !denied || !self.is_authenticated || self.way.level == AuthLevel::Privacy {
            return;
        }
        let seen = self.login_at(AuthLevel::Privacy).await;
        self.works_at_privacy = seen.is_ok();
        notes.facts.push(Fact::new("level", "privacy", seen.map_or_else(|why| format!("refused too: {why}"), |()| "accepted".into())));
    }

    /// What the other levels give, behind a login that was good.
    async fn other_levels(&self, notes: &mut Notes) {
        if self.way.logon.is_none() {
            return;
        }
        for level in [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy] {
            if level != self.way.level {
                let seen = self.login_at(level).await;
                notes.facts.push(Fact::new(
                    "level",
                    level.name(),
                    seen.map_or_else(|why| format!("refused: {why}"), |()| "accepted".into()),
                ));
            }
        }
    }

    /// Connects and logs in at a level, and leaves again.
    async fn login_at(&self, level: AuthLevel) -> Result<(), String> {
        let mut way = (*self.way).clone();
        way.level = level;
        let tried = async {
            let client = Client::connect(way).await?;
            let namespace = client.namespace(&self.examination.namespace).await.map(drop);
            client.close().await;
            namespace
        };
        match timeout(self.spare(2 * self.way.timeouts.handshake), tried).await {
            Ok(result) => result.map_err(|error| clean(&error.kind().to_string())),
            Err(_) => Err("no answer in time".into()),
        }
    }

    /// What a question may take that is asked beside the stage's own: never so much that the stage itself comes to be late.
    fn spare(&self, most: Duration) -> Duration {
        self.ends.map_or(most, |(end, _)| (end.saturating_duration_since(Instant::now()) / 4).min(most))
    }

    async fn other_ports(&self, address: IpAddr, notes: &mut Notes) {
        let addresses: Vec<SocketAddr> = OTHER_PORTS.iter().map(|(port, _)| SocketAddr::new(address, *port)).collect();
        let results = probe(&addresses, self.spare(OTHER_PORT_TIME.min(self.way.timeouts.connect))).await;
        for ((port, what), (_, result, took)) in OTHER_PORTS.iter().zip(results) {
            let seen = result.map_or_else(|kind| kind.to_string(), |()| "answers".into());
            notes.facts.push(Fact { took: Some(took), ..Fact::new("port", port.to_string(), format!("{what}: {seen}")) });
        }
    }
}

/// Opens and closes a connection to each address, at the same time; what came of it, in their order.
async fn probe(addresses: &[SocketAddr], within: Duration) -> Vec<(SocketAddr, Result<(), ErrorKind>, Duration)> {
    let mut attempts = JoinSet::new();
    for (index, address) in addresses.iter().copied().enumerate() {
        attempts.spawn(async move {
            let begun = Instant::now();
            let result = match timeout(within, TcpStream::connect(address)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(no_way(&[(address, error)])),
                Err(_) => Err(ErrorKind::TimedOut { after: within }),
            };
            (index, address, result, begun.elapsed())
        });
    }
    let mut results: Vec<_> = Vec::new();
    while let Some(ended) = attempts.join_next().await {
        results.extend(ended);
    }
    results.sort_by_key(|(index, ..)| *index);
    results.into_iter().map(|(_, address, result, took)| (address, result, took)).collect()
}

/// Whether the resolver answers whoever logs on.
async fn asked(way: &Way) -> Result<(), ErrorKind> {
    let channel = way.open(&way.dial_name, way.endpoint_port, way.security("rpcss", way.level)).await?;
    match server_alive2(&channel.with_timeout(way.timeouts.handshake)).await {
        Ok(_) => Ok(()),
        Err(error @ dcom::Error::Channel { .. }) => Err(failure::of_dcom(error).0),
        // It answered: what it said of itself is another stage's business.
        Err(_) => Ok(()),
    }
}

async fn list_namespaces(client: &Client, notes: &mut Notes) -> Result<(), Error> {
    let root = client.namespace("root").await?;
    let mut rows = root.query("SELECT Name FROM __NAMESPACE").objects().await?;
    while let Some(row) = rows.next().await {
        if let Ok(name) = row?.get::<String>("Name") {
            notes.facts.push(Fact::new("namespace", format!("root\\{}", clean(&name)), "exists"));
        }
        if notes.facts.len() > NAMESPACES_MAX {
            break;
        }
    }
    Ok(())
}

/// Compares the clock there with the one here; whether they differ by too much. Half of the time that the answer took is the
/// error of it.
fn clocks(there: &DateTime, took: Duration, notes: &mut Notes) -> bool {
    let here = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64);
    let Ok(there) = there.timestamp() else { return false };
    let ahead = there.unix_micros.saturating_sub(here);
    let seconds = ahead / 1_000_000;
    let (side, size) = if seconds < 0 { ("behind", seconds.unsigned_abs()) } else { ("ahead of", seconds.unsigned_abs()) };
    notes.facts.push(Fact::new("clock", format!("{size} s"), format!("{side} this computer's")));
    Duration::from_micros(ahead.unsigned_abs()).saturating_sub(took) > SKEW_MAX
}

/// The addresses that a server lists, as far as they are of TCP.
fn listed(bindings: &DualStringArray) -> Vec<Fact> {
    bindings.strings.iter().filter(|b| b.tower == TOWER_TCP).take(LISTED_MAX).map(|b| Fact::new("listed", clean(&b.address), "")).collect()
}

fn mechanism_name(binding: &SecurityBinding) -> String {
    match binding.authn {
        9 => "Negotiate".into(),
        10 => "NTLM".into(),
        14 => "Schannel".into(),
        16 => "Kerberos".into(),
        other => format!("authentication service {other}"),
    }
}

fn spoken(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Ntlm => "NTLM",
        Mechanism::Negotiate => "Negotiate (NTLM)",
    }
}

/// What a server says, on one line and without what steers a terminal.
fn clean(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_by_more_than_five_minutes_are_told() {
        let at = |seconds: i64| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + seconds;
            let (days, rest) = (now.div_euclid(86_400), now.rem_euclid(86_400));
            // Civil date from days, by H. Hinnant's algorithm.
            let z = days + 719_468;
            let era = z.div_euclid(146_097);
            let doe = z.rem_euclid(146_097);
            let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
            let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
            let mp = (5 * doy + 2) / 153;
            let (d, m) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
            let y = yoe + era * 400 + i64::from(m <= 2);
            DateTime::from_text(format!("{y:04}{m:02}{d:02}{:02}{:02}{:02}.000000+000", rest / 3600, rest / 60 % 60, rest % 60))
        };
        let check = |seconds, took, expect: bool, words: &str| {
            let mut notes = Notes::default();
            assert_eq!(clocks(&at(seconds), Duration::from_secs(took), &mut notes), expect, "{seconds}");
            assert!(notes.facts[0].seen.contains(words), "{:?}", notes.facts);
        };
        check(900, 0, true, "ahead");
        check(-900, 0, true, "behind");
        check(250, 0, false, "ahead");
        check(-350, 60, false, "behind");
        let mut notes = Notes::default();
        assert!(!clocks(&DateTime::from_text("nonsense"), Duration::ZERO, &mut notes) && notes.facts.is_empty());
    }

    #[test]
    fn what_a_server_says_stays_on_its_line() {
        assert_eq!(clean("a\n\u{1b}[2Jb"), "a\u{fffd}\u{fffd}[2Jb");
        assert_eq!(clean(&"x".repeat(300)).len(), 200);
    }

    #[tokio::test]
    async fn a_probe_tells_each_address_its_own() {
        let listener = tokio::net::TcpListener::bind("127.0.38.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let bad = SocketAddr::from(([127, 0, 38, 2], good.port()));
        let seen = probe(&[bad, good], Duration::from_secs(5)).await;
        assert_eq!((&seen[0].1, &seen[1].1), (&Err(ErrorKind::Refused), &Ok(())));
    }
}
