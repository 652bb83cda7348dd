//! What a caller says before anything is sent, and whether it makes sense.

use crate::dial::{Dialer, Tcp};
use crate::way::{Logon, Way};
use crate::{Account, Authority, Client, Error, Host, Misuse};
use rwmi_auth::ntlm::nt_hash;
use rwmi_auth::{AuthLevel, NtHash, Secret};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The port of the endpoint mapper.
pub(crate) const ENDPOINT_PORT: u16 = 135;

/// Who to log on as: an account and its password.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) account: Account,
    pub(crate) hash: NtHash,
}

impl Credentials {
    /// An account in any of its forms (`user`, `DOMAIN\user`, `.\user` of the target, `user@domain`) with its password. An empty
    /// password is a password.
    pub fn new(account: &str, password: impl Into<Secret>) -> Result<Credentials, Misuse> {
        Ok(Account::parse(account)?.with_password(password.into()))
    }

    /// An account with the NT hash of its password.
    pub fn with_hash(account: &str, hash: NtHash) -> Result<Credentials, Misuse> {
        Ok(Credentials { account: Account::parse(account)?, hash })
    }
}

impl Account {
    /// With a password: what to log on with.
    pub fn with_password(self, password: Secret) -> Credentials {
        // NTLM needs no more than the hash; the password is gone from here on.
        Credentials { account: self, hash: nt_hash(password.expose()) }
    }
}

/// What a server may do in the caller's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Impersonation {
    /// Know who calls, and no more. WMI refuses most calls.
    Identify,
    /// Act as the caller on its own computer.
    #[default]
    Impersonate,
    /// Act as the caller on further computers too. Kerberos alone can do that, which is not there yet: refused.
    Delegate,
}

/// How NTLM is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mechanism {
    /// Plain NTLM, authentication type 10: one exchange less, and what every server knows.
    #[default]
    Ntlm,
    /// NTLM inside SPNEGO, authentication type 9, with a signed list of mechanisms: as Windows does by default.
    Negotiate,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Opening a connection, over all addresses of a name: 5 s.
    pub connect: Duration,
    /// The first calls on a connection, which need nothing but an answer: 10 s.
    pub handshake: Duration,
    /// Any other call: 60 s.
    pub call: Duration,
    /// How long a query may go on without a row: 10 min, for cold providers take minutes.
    pub quiet: Duration,
    /// Connecting as a whole, and each operation as a whole: a query up to its last row. No limit.
    pub whole: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        let s = Duration::from_secs;
        Timeouts { connect: s(5), handshake: s(10), call: s(60), quiet: s(600), whole: None }
    }
}

/// Builds a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    host: String,
    connect_to: Option<String>,
    credentials: Option<Credentials>,
    authority: Option<String>,
    level: AuthLevel,
    activation_below_integrity: bool,
    impersonation: Impersonation,
    mechanism: Mechanism,
    locale: Option<String>,
    endpoint_port: Option<u16>,
    object_port: Option<u16>,
    other_addresses: bool,
    timeouts: Timeouts,
    smart_enumeration: bool,
    dialer: Option<Arc<dyn Dialer>>,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("host", &self.host)
            .field("level", &self.level)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    pub(crate) fn new(host: &str) -> Self {
        ClientBuilder {
            host: host.into(),
            connect_to: None,
            credentials: None,
            authority: None,
            level: AuthLevel::Privacy,
            activation_below_integrity: false,
            impersonation: Impersonation::default(),
            mechanism: Mechanism::default(),
            locale: None,
            endpoint_port: None,
            object_port: None,
            other_addresses: true,
            timeouts: Timeouts::default(),
            smart_enumeration: true,
            dialer: None,
        }
    }

    /// Who to log on as. A remote computer needs it; this one refuses it.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// How calls are protected: privacy unless told otherwise. The activation is never protected less than by integrity.
    pub fn authentication(mut self, level: AuthLevel) -> Self {
        self.level = level;
        self
    }

    /// Lets the activation have the level of the calls, for servers that know no better (before CVE-2021-26414). Current ones
    /// refuse it.
    pub fn allow_activation_below_integrity(mut self) -> Self {
        self.activation_below_integrity = true;
        self
    }

    /// What the server may do in the caller's name: act, on its own computer.
    pub fn impersonation(mut self, level: Impersonation) -> Self {
        self.impersonation = level;
        self
    }

    /// How NTLM is spoken.
    pub fn mechanism(mut self, mechanism: Mechanism) -> Self {
        self.mechanism = mechanism;
        self
    }

    /// `NTLMDOMAIN:domain` or `Kerberos:principal`: this mechanism and no other. Kerberos is not there yet: refused.
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// The languages of texts, `MS_409` for English; several with commas between them, where the server takes lists.
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = Some(locale.into());
        self
    }

    /// Port of the endpoint mapper, where it is not 135. Names this computer as a remote one.
    pub fn endpoint_port(mut self, port: u16) -> Self {
        self.endpoint_port = Some(port);
        self
    }

    /// Port of the objects, where it is not the one that the server names: for tunnels and address translation. Names this
    /// computer as a remote one.
    pub fn object_port(mut self, port: u16) -> Self {
        self.object_port = Some(port);
        self
    }

    /// Where to connect, if not to the address of the name: the name stays what the server is called.
    pub fn connect_to(mut self, address: impl Into<String>) -> Self {
        self.connect_to = Some(address.into());
        self
    }

    /// Never leaves the computer that was named, whatever addresses its bindings list. Otherwise those are tried where it does
    /// not answer at the object port.
    pub fn never_another_address(mut self) -> Self {
        self.other_addresses = false;
        self
    }

    /// How long things may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Whether rows come in packets that say each class once, where the server has them: on. Otherwise each row brings its class.
    pub fn smart_enumeration(mut self, on: bool) -> Self {
        self.smart_enumeration = on;
        self
    }

    /// Opens connections in place of TCP.
    pub fn dialer(mut self, dialer: Arc<dyn Dialer>) -> Self {
        self.dialer = Some(dialer);
        self
    }

    /// Connects: version and bindings, activation, the object connection, and who we are. Logging in to a namespace comes with
    /// [`Client::namespace`].
    ///
    /// # Errors
    /// What the caller got wrong, before anything is sent; then the step that failed, with its port.
    pub async fn connect(self) -> Result<Client, Error> {
        Client::connect(self.way()?).await
    }

    /// As [`ClientBuilder::connect`], unless `stop` is over before: then nothing, and what was made on the computer meanwhile is
    /// given back, for two seconds at most. Dropping the future of `connect` leaves that to the server, which finds it minutes later.
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    pub async fn connect_unless(self, stop: impl Future<Output = ()>) -> Result<Option<Client>, Error> {
        Client::connect_unless(self.way()?, stop).await
    }

    /// The way that the settings describe.
    pub(crate) fn way(&self) -> Result<Way, Error> {
        self.check().map_err(|misuse| Error::misuse(&self.host, misuse))
    }

    /// Whether connections are opened over TCP, by us.
    pub(crate) fn is_plain(&self) -> bool {
        self.dialer.is_none()
    }

    /// Whether what was said makes sense, without any traffic.
    fn check(&self) -> Result<Way, Misuse> {
        let mut host = Host::parse(&self.host, &own_names())?;
        if host.is_local() && (self.endpoint_port.is_some() || self.object_port.is_some() || self.connect_to.is_some()) {
            // Whoever gives a port or an address means a network.
            let name = if matches!(self.host.as_str(), "" | ".") { "localhost" } else { &self.host };
            host = Host::Name(name.into());
        }
        let dial_name = match &self.connect_to {
            Some(address) => match Host::parse(address, &[])? {
                Host::Local => "localhost".into(),
                other => other.dial_name(),
            },
            None => host.dial_name(),
        };
        let dialer = self.dialer.clone().unwrap_or_else(|| Arc::new(Tcp));
        let by_transport = dialer.identifies_caller();
        let logon = if by_transport || host.is_local() {
            if self.credentials.is_some() || self.authority.is_some() {
                return Err(Misuse::LocalCredentials);
            }
            if !by_transport {
                return Err(Misuse::Option("this computer is reached through a dialer that knows the caller, and none was given".into()));
            }
            None
        } else {
            Some(self.logon()?)
        };
        if self.locale.as_ref().is_some_and(|l| l.contains('\0')) {
            return Err(Misuse::Option("a locale cannot hold NUL".into()));
        }
        Ok(Way {
            host: if host.is_local() { ".".into() } else { self.host.trim_start_matches('\\').to_owned() },
            server: host.dial_name(),
            dial_name,
            dialer,
            logon,
            level: self.level,
            activation_below_integrity: self.activation_below_integrity,
            locale: self.locale.clone(),
            endpoint_port: self.endpoint_port.unwrap_or(if by_transport { 0 } else { ENDPOINT_PORT }),
            object_port: self.object_port,
            other_addresses: self.other_addresses && self.connect_to.is_none(),
            timeouts: self.timeouts,
            smart_enumeration: self.smart_enumeration,
        })
    }

    fn logon(&self) -> Result<Logon, Misuse> {
        let authority = self.authority.as_deref().filter(|a| !a.is_empty()).map(Authority::parse).transpose()?;
        let credentials = self.credentials.as_ref().ok_or(Misuse::NoCredentials)?;
        if self.level == AuthLevel::None {
            return Err(Misuse::Option("calls without authentication are not made: WMI refuses them".into()));
        }
        if self.impersonation == Impersonation::Delegate {
            return Err(Misuse::Option("delegation needs Kerberos, and only NTLM is there".into()));
        }
        let Account { user, domain } = credentials.account.clone();
        let domain = match authority {
            None if domain == "." => String::new(),
            None => domain,
            Some(Authority::Ntlm { domain: of_authority }) if domain.is_empty() => of_authority,
            Some(Authority::Ntlm { .. }) => {
                let text = self.authority.clone().unwrap_or_default();
                return Err(Misuse::Authority { text, why: "the domain stands in the user name already" });
            }
            Some(Authority::Kerberos { .. }) => return Err(Misuse::Option("Kerberos was demanded, and only NTLM is there".into())),
        };
        Ok(Logon {
            user,
            domain,
            hash: credentials.hash.clone(),
            mechanism: self.mechanism,
            identify: self.impersonation == Impersonation::Identify,
            workstation: own_name(),
            is_blank: credentials.hash == nt_hash(""),
        })
    }
}

/// This computer's name, without its domain.
pub(crate) fn own_name() -> String {
    full_name().split('.').next().unwrap_or_default().to_owned()
}

/// This computer's name as the system has it.
#[cfg(unix)]
pub(crate) fn full_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// This computer's name as the system has it: Windows tells it to every process.
#[cfg(not(unix))]
pub(crate) fn full_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// This computer's names, short and full.
pub(crate) fn own_names() -> Vec<String> {
    vec![own_name(), full_name()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dial::{Dialed, Dialing};
    use rwmi_cim::WbemStatus;

    struct Here;
    impl Dialer for Here {
        fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
            Box::pin(async { Ok(Dialed::over(tokio::io::empty())) })
        }
        fn identifies_caller(&self) -> bool {
            true
        }
    }

    fn remote(host: &str) -> ClientBuilder {
        Client::builder(host).credentials(Credentials::new(r"CORP\alice", "x").unwrap())
    }
    fn misuse(builder: ClientBuilder) -> Misuse {
        builder.check().map(|_| ()).unwrap_err()
    }

    #[test]
    fn credentials_for_this_computer_are_refused_before_anything_is_sent() {
        for name in [".", "", "localhost", &full_name()] {
            assert_eq!(misuse(remote(name)), Misuse::LocalCredentials, "{name}");
            assert_eq!(misuse(Client::builder(name).authority("NTLMDOMAIN:CORP")), Misuse::LocalCredentials);
        }
        assert_eq!(misuse(remote("srv").dialer(Arc::new(Here))), Misuse::LocalCredentials);
        assert_eq!(misuse(remote(".")).status(), Some(WbemStatus::LOCAL_CREDENTIALS));
        assert!(Client::builder(".").dialer(Arc::new(Here)).check().unwrap().logon.is_none());
        assert!(matches!(misuse(Client::builder(".")), Misuse::Option(_)));
    }

    #[test]
    fn a_name_with_a_port_is_remote() {
        let way = remote(".").endpoint_port(1135).check().unwrap();
        assert_eq!((way.server.as_str(), way.endpoint_port), ("localhost", 1135));
        assert_eq!(remote("127.0.0.1").check().unwrap().dial_name, "127.0.0.1");
    }

    #[test]
    fn a_remote_computer_is_never_asked_as_nobody() {
        assert_eq!(misuse(Client::builder("srv")), Misuse::NoCredentials);
        assert!(matches!(misuse(remote("srv").authentication(AuthLevel::None)), Misuse::Option(_)));
    }

    #[test]
    fn an_authority_replaces_a_domain_and_contradicts_none() {
        let user = |account: &str| Client::builder("srv").credentials(Credentials::new(account, "x").unwrap());
        let logon = user("alice").authority("ntlmdomain:CORP").check().unwrap().logon.unwrap();
        assert_eq!((logon.domain.as_str(), logon.user.as_str()), ("CORP", "alice"));
        assert_eq!(misuse(remote("srv").authority("NTLMDOMAIN:OTHER")).status(), Some(WbemStatus::INVALID_PARAMETER));
        assert_eq!(misuse(remote("srv").authority("bogus")).status(), Some(WbemStatus::INVALID_PARAMETER));
        assert!(matches!(misuse(user("alice").authority("Kerberos:host/srv")), Misuse::Option(_)));
        assert_eq!(user(r".\alice").check().unwrap().logon.unwrap().domain, "");
    }

    #[test]
    fn delegation_with_ntlm_is_refused_here() {
        assert!(matches!(misuse(remote("srv").impersonation(Impersonation::Delegate)), Misuse::Option(_)));
        assert!(remote("srv").impersonation(Impersonation::Identify).check().unwrap().logon.unwrap().identify);
    }

    #[test]
    fn the_address_to_connect_to_may_differ_from_the_name() {
        let way = remote("srv.corp.example").connect_to("[::1]").check().unwrap();
        assert_eq!((way.server.as_str(), way.dial_name.as_str()), ("srv.corp.example", "::1"));
    }

    #[test]
    fn credentials_do_not_print_what_is_secret() {
        let text = format!("{:?}", Credentials::new("a", "hunter2").unwrap());
        assert!(text.contains("redacted") && !text.contains("hunter2"), "{text}");
    }
}
