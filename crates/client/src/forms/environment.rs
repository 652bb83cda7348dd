//! What a process brings to every form: who it is, and what holds where a caller says nothing.

use super::levels::{AuthenticationLevel, ImpersonationLevel};
use super::values::NamedValueSet;
use crate::builder::own_names;
use crate::{Client, ClientBuilder, Credentials, Dialer, Error, ErrorKind, Host, LocalSocket, Misuse, Namespace, Secret, Step, Timeouts};
use rwmi_cim::WbemStatus;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The namespace of forms that name none.
const NAMESPACE: &str = r"root\cimv2";

/// The environment of the process, where a program has set one.
static OF_PROCESS: OnceLock<Environment> = OnceLock::new();

/// Who we are, and what holds where a form is told nothing.
///
/// A form takes the environment of the process: what a program has [set](Environment::set_for_process), else the variables
/// `RWMI_USER` and `RWMI_PASSWORD`, and `RWMI_ENDPOINT_PORT` and `RWMI_OBJECT_PORT` for tunnels. An environment of one's own goes
/// to [`Environment::get_object`], [`Environment::locator`] and their like.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::{Credentials, forms::{Environment, get_object}};
/// Environment::default().credentials(Credentials::new(r"CORP\alice", "password")?).set_for_process()?;
/// let wmi = get_object(r"winmgmts:\\Computer_B\root\cimv2").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Environment {
    credentials: Option<Result<Credentials, Misuse>>,
    namespace: String,
    impersonation: ImpersonationLevel,
    endpoint_port: Option<u16>,
    object_port: Option<u16>,
    timeouts: Timeouts,
    local: Option<Arc<dyn Dialer>>,
}

impl Default for Environment {
    /// Nobody, and the defaults of Windows: `root\cimv2`, impersonate.
    fn default() -> Self {
        Environment {
            credentials: None,
            namespace: NAMESPACE.into(),
            impersonation: ImpersonationLevel::Impersonate,
            endpoint_port: None,
            object_port: None,
            timeouts: Timeouts::default(),
            local: None,
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("credentials", &self.credentials).field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Environment {
    /// The environment that the process has been given, else what its variables say.
    pub fn of_process() -> Environment {
        OF_PROCESS.get().cloned().unwrap_or_else(|| Environment::from_variables(|name| std::env::var(name).ok()))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Environment {
        let said = |name: &str| variable(name).filter(|v| !v.is_empty());
        let port = |name: &str| said(name).and_then(|v| v.parse().ok());
        let credentials = said("RWMI_USER").map(|user| match variable("RWMI_PASSWORD") {
            Some(password) => Credentials::new(&user, password),
            None => Err(no_password(&user)),
        });
        Environment {
            credentials,
            endpoint_port: port("RWMI_ENDPOINT_PORT"),
            object_port: port("RWMI_OBJECT_PORT"),
            ..Environment::default()
        }
    }

    /// Makes it the environment of the process: once, before any form is used.
    ///
    /// # Errors
    /// [`Misuse::Rule`] with `RPC_E_TOO_LATE` (0x80010119) the second time.
    pub fn set_for_process(self) -> Result<(), Misuse> {
        let why = "the environment of the process is set once".to_owned();
        OF_PROCESS.set(self).map_err(|_| Misuse::Rule { status: WbemStatus(0x8001_0119), why })
    }

    /// Who logs on to remote computers where a form gives nobody.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(Ok(credentials));
        self
    }

    /// The namespace of forms that name none, instead of `root\cimv2`. The cmdlets always take `root\cimv2`.
    pub fn default_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The impersonation level of forms that name none, instead of `Impersonate`.
    pub fn default_impersonation(mut self, level: ImpersonationLevel) -> Self {
        self.impersonation = level;
        self
    }

    /// Port of the endpoint mapper of remote computers, where it is not 135.
    pub fn endpoint_port(mut self, port: u16) -> Self {
        self.endpoint_port = Some(port);
        self
    }

    /// Port of the objects of remote computers, where it is not the one that a server names.
    pub fn object_port(mut self, port: u16) -> Self {
        self.object_port = Some(port);
        self
    }

    /// How long things may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How this computer is reached: by the socket of its service, unless told otherwise.
    pub fn local(mut self, dialer: Arc<dyn Dialer>) -> Self {
        self.local = Some(dialer);
        self
    }

    pub(crate) fn namespace_or_default<'a>(&'a self, namespace: Option<&'a str>) -> &'a str {
        namespace.unwrap_or(&self.namespace)
    }

    /// Whether a name is this computer.
    pub(crate) fn is_local(host: Option<&str>) -> Result<bool, Misuse> {
        Ok(Host::parse(host.unwrap_or_default(), &own_names())?.is_local())
    }

    /// Opens the session that a form asks for.
    pub(crate) async fn connect(&self, request: &Request) -> Result<Client, Error> {
        let named = request.host.as_deref().unwrap_or(".");
        let builder = self.builder(request).map_err(|m| Error::misuse(named, m))?;
        let connecting = builder.connect();
        if !request.at_most_two_minutes {
            return connecting.await;
        }
        match tokio::time::timeout(MAX_WAIT, connecting).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(Step::Connect, named, None, ErrorKind::TimedOut { after: MAX_WAIT })),
        }
    }

    /// Opens the session and logs in to the namespace.
    pub(crate) async fn open(&self, request: &Request) -> Result<Namespace, Error> {
        let client = self.connect(request).await?;
        let namespace = self.namespace_or_default(request.namespace.as_deref());
        match client.namespace_with(namespace, request.context.pointer()).await {
            Ok(namespace) => Ok(namespace),
            Err(error) => {
                client.close().await;
                Err(error)
            }
        }
    }

    fn builder(&self, request: &Request) -> Result<ClientBuilder, Misuse> {
        let Request { host, user, password, locale, authority, authentication, impersonation, context, .. } = request;
        let is_local = Environment::is_local(host.as_deref())?;
        let authority = authority.as_deref().filter(|a| !a.is_empty());
        // An empty name is a name: it is refused here as any other.
        if is_local && (user.is_some() || password.is_some() || request.credentials.is_some() || authority.is_some()) {
            return Err(Misuse::LocalCredentials);
        }
        context.check()?;
        let mut builder = Client::builder(host.as_deref().unwrap_or("."))
            .authentication(authentication.on_wire())
            .impersonation(impersonation.unwrap_or(self.impersonation).on_wire())
            .timeouts(request.timeouts.unwrap_or(self.timeouts));
        if let Some(locale) = locale {
            check_locale(locale)?;
            builder = builder.locale(locale);
        }
        if is_local {
            return Ok(builder.dialer(self.local.clone().unwrap_or_else(|| Arc::new(LocalSocket::of_this_computer()))));
        }
        if let Some(authority) = authority {
            builder = builder.authority(authority);
        }
        if let Some(port) = self.endpoint_port {
            builder = builder.endpoint_port(port);
        }
        if let Some(port) = self.object_port {
            builder = builder.object_port(port);
        }
        let credentials = match (&request.credentials, user, password) {
            (Some(given), ..) => Some(given.clone()),
            (None, None, None) => self.credentials.clone().transpose()?,
            (None, Some(user), Some(password)) => Some(Credentials::new(user, password.clone())?),
            // Our own account by its name: its password is known.
            (None, Some(user), None) => match &self.credentials {
                Some(Ok(own)) if own.account == crate::Account::parse(user)? => Some(own.clone()),
                _ => return Err(no_password(user)),
            },
            (None, None, Some(_)) => {
                let why = "a password was given, and nobody whose it is".to_owned();
                return Err(Misuse::Rule { status: WbemStatus::INVALID_PARAMETER, why });
            }
        };
        Ok(match credentials {
            Some(credentials) => builder.credentials(credentials),
            None => builder,
        })
    }
}

/// What a form asks of the environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) host: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) locale: Option<String>,
    pub(crate) authority: Option<String>,
    pub(crate) authentication: AuthenticationLevel,
    pub(crate) impersonation: Option<ImpersonationLevel>,
    pub(crate) at_most_two_minutes: bool,
    pub(crate) timeouts: Option<Timeouts>,
    pub(crate) context: NamedValueSet,
}

/// The time of `WBEM_FLAG_CONNECT_USE_MAX_WAIT`.
const MAX_WAIT: Duration = Duration::from_secs(120);

fn no_password(user: &str) -> Misuse {
    let why = format!("no password of {user} was given and none is known; an empty one is given as an empty text");
    Misuse::Rule { status: WbemStatus::INVALID_PARAMETER, why }
}

/// `MS_` and a hexadecimal language code; several with commas between them.
///
/// Old systems answer another syntax with `WBEM_E_INVALID_PARAMETER`, new ones take no notice of it. A mistake that nobody notices helps
/// nobody: it is refused. A code that is none is `E_INVALIDARG`, as on Windows.
///
/// # Errors
/// [`Misuse::Rule`] with one of the two.
pub fn check_locale(locale: &str) -> Result<(), Misuse> {
    for one in locale.split(',').map(str::trim) {
        let Some(digits) = one.get(..3).filter(|p| p.eq_ignore_ascii_case("MS_")).map(|_| &one[3..]) else {
            let why = format!("{one:?} is not a locale: expected MS_ and a hexadecimal language code, as MS_409");
            return Err(Misuse::Rule { status: WbemStatus::INVALID_PARAMETER, why });
        };
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'));
        // A language code has 16 bits, and a sort order of 4 above them.
        if code.is_none_or(|c| c == 0 || 0xf_ffff < c) {
            let why = format!("{one:?} is not a locale: {digits:?} is no language code");
            return Err(Misuse::Rule { status: WbemStatus(0x8007_0057), why });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misuse(environment: &Environment, request: Request) -> Option<Misuse> {
        environment.builder(&request).err()
    }

    fn to(host: &str) -> Request {
        Request { host: Some(host.into()), ..Request::default() }
    }

    fn ours() -> Environment {
        Environment::default().credentials(Credentials::new(r"CORP\alice", "x").unwrap())
    }

    #[test]
    fn this_computer_takes_no_credentials_and_no_authority() {
        let status = |request| misuse(&ours(), request).and_then(|m| m.status());
        for host in ["", ".", "localhost", &own_names()[1].clone()] {
            for user in ["alice", ""] {
                assert_eq!(
                    status(Request { user: Some(user.into()), ..to(host) }),
                    Some(WbemStatus::LOCAL_CREDENTIALS),
                    "{host:?} {user:?}"
                );
            }
            assert_eq!(status(Request { password: Some("".into()), ..to(host) }), Some(WbemStatus::LOCAL_CREDENTIALS));
            assert_eq!(status(Request { authority: Some("NTLMDOMAIN:d".into()), ..to(host) }), Some(WbemStatus::LOCAL_CREDENTIALS));
            assert_eq!(status(Request { authority: Some("".into()), ..to(host) }), None);
        }
        assert_eq!(status(Request { host: None, user: Some("x".into()), ..Request::default() }), Some(WbemStatus::LOCAL_CREDENTIALS));
        assert_eq!(misuse(&ours(), Request { user: Some("alice".into()), password: Some("".into()), ..to("127.0.0.1") }), None);
    }

    #[test]
    fn a_name_without_a_password_is_our_own_or_refused() {
        assert_eq!(misuse(&ours(), Request { user: Some(r"CORP\alice".into()), ..to("b") }), None);
        for request in [Request { user: Some("bob".into()), ..to("b") }, Request { password: Some("x".into()), ..to("b") }] {
            assert_eq!(misuse(&ours(), request).and_then(|m| m.status()), Some(WbemStatus::INVALID_PARAMETER));
        }
        let empty = Request { user: Some("".into()), password: Some("".into()), ..to("b") };
        assert!(matches!(misuse(&ours(), empty), Some(Misuse::Account { .. })));
    }

    #[test]
    fn variables_say_who_we_are() {
        let variables = |all: &'static [(&str, &str)]| {
            Environment::from_variables(move |name| all.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let e = variables(&[("RWMI_USER", "alice"), ("RWMI_PASSWORD", ""), ("RWMI_ENDPOINT_PORT", "1135"), ("RWMI_OBJECT_PORT", "x")]);
        assert!(matches!(&e.credentials, Some(Ok(c)) if c.account.user == "alice"));
        assert_eq!((e.endpoint_port, e.object_port), (Some(1135), None));
        assert!(variables(&[("RWMI_USER", "")]).credentials.is_none());
        let nameless = variables(&[("RWMI_USER", "alice")]);
        assert!(misuse(&nameless, to("b")).unwrap().to_string().contains("no password of alice"));
        assert_eq!(misuse(&nameless, to(".")), None);
    }

    #[test]
    fn a_locale_is_checked_before_anything_is_sent() {
        let check =
            |text: &str, code: Option<u32>| assert_eq!(check_locale(text).err().and_then(|m| m.status()).map(|s| s.0), code, "{text}");
        check("MS_409", None);
        check("ms_10407, MS_407", None);
        check("en-US", Some(0x8004_1008));
        check("", Some(0x8004_1008));
        check("MS_", Some(0x8007_0057));
        check("MS_xyz", Some(0x8007_0057));
        check("MS_+409", Some(0x8007_0057));
        check("MS_FFFFFFFF", Some(0x8007_0057));
    }
}
