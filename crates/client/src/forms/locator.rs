//! `IWbemLocator::ConnectServer` and `IWbemServices`, with their parameters in their order.

use super::environment::{Environment, Request};
use super::object::Place;
use super::values::NamedValueSet;
use crate::{Error, Misuse, Rows, Secret, split_namespace};
use rwmi_cim::mof::PutMode;
use rwmi_cim::{Class, Entity, Instance, PutOptions, WbemStatus};
use rwmi_wbem::flags;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Connects to namespaces (IWbemLocator).
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::forms::{Locator, flags};
/// let services = Locator::new().connect_server(r"\\Computer_B\root\cimv2", None, None, None, 0, None, None).await?;
/// let query = "SELECT * FROM Win32_OperatingSystem";
/// let mut rows = services.exec_query("WQL", query, flags::FORWARD_ONLY | flags::RETURN_IMMEDIATELY, None).await?;
/// while let (batch, _) = rows.next(Enumerator::INFINITE, 10).await? && !batch.is_empty() {
///     for row in batch { println!("{row:?}"); }
/// }
/// # use rwmi_client::forms::Enumerator;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Locator {
    environment: Environment,
}

impl Default for Locator {
    fn default() -> Self {
        Locator::new()
    }
}

impl Environment {
    /// A locator of this environment.
    pub fn locator(&self) -> Locator {
        Locator { environment: self.clone() }
    }
}

/// `WBEM_FLAG_CONNECT_USE_MAX_WAIT`: connecting takes two minutes at most.
pub(crate) const USE_MAX_WAIT: i32 = 0x80;

impl Locator {
    /// A locator of the process's environment.
    pub fn new() -> Locator {
        Environment::of_process().locator()
    }

    /// Connects to a namespace.
    ///
    /// | Parameter | Takes | `None` is |
    /// |---|---|---|
    /// | `path` | `root\default`, `\\.\root\default`, `\\host\ns`, with either slash; the host by name or address | |
    /// | `user` | `user`, `DOMAIN\user`, `user@domain` | who the environment says we are; an empty text is not `None` |
    /// | `password` | any text; an empty one is a password | the environment's, where it is that user's |
    /// | `locale` | `MS_409` | the server's |
    /// | `flags` | 0, or 0x80: two minutes at most | |
    /// | `authority` | `Kerberos:principal`, `NTLMDOMAIN:domain`; empty is `None` | what both ends have |
    /// | `context` | `__ProviderArchitecture`, `__RequiredArchitecture` and what else the server knows | nothing |
    ///
    /// # Errors
    /// Before anything is sent: `WBEM_E_LOCAL_CREDENTIALS` where a user, a password or an authority comes with this computer;
    /// `WBEM_E_INVALID_PARAMETER` for a path that is none or names a class, other flags, a malformed authority, a domain both in the
    /// user and in the authority, and a locale that is none; 0x80070057 for a language code that is none; `WBEM_E_INVALID_CONTEXT` for
    /// named values of a wrong type. Then the step that failed.
    #[expect(clippy::too_many_arguments, reason = "the parameters of ConnectServer in their order")]
    pub async fn connect_server(
        &self,
        path: &str,
        user: Option<&str>,
        password: Option<Secret>,
        locale: Option<&str>,
        flags: i32,
        authority: Option<&str>,
        context: Option<&NamedValueSet>,
    ) -> Result<Services, Error> {
        let (host, namespace) = split_namespace(path).map_err(|m| Error::misuse(path, m))?;
        let text = |t: Option<&str>| t.map(str::to_owned);
        let request = Request {
            host,
            namespace: Some(namespace),
            user: text(user),
            password,
            locale: text(locale),
            authority: text(authority),
            at_most_two_minutes: flags == USE_MAX_WAIT,
            context: context.cloned().unwrap_or_default(),
            ..Request::default()
        };
        if !matches!(flags, 0 | USE_MAX_WAIT) {
            let why = format!("connecting takes the flags 0 and 0x80, and these are {flags:#x}");
            let misuse = Misuse::Rule { status: WbemStatus::INVALID_PARAMETER, why };
            return Err(Error::misuse(request.host.as_deref().unwrap_or("."), misuse));
        }
        let namespace = self.environment.open(&request).await?;
        Ok(Services { place: Place { locale: request.locale, ..Place::plain(namespace) } })
    }
}

/// A namespace with the methods of IWbemServices. Cheap to clone.
///
/// Every method is asynchronous in the sense of Rust, so that the `Async` twins, which call a sink back, have no place: results come as
/// streams that are dropped to cancel them. Flags that a method does not take are `WBEM_E_INVALID_PARAMETER` before anything is sent.
#[derive(Debug, Clone)]
pub struct Services {
    pub(crate) place: Place,
}

impl Services {
    /// The namespace, with the methods of this library.
    pub fn namespace(&self) -> &crate::Namespace {
        &self.place.namespace
    }

    /// Opens a namespace below this one, in the same session and language.
    pub async fn open_namespace(&self, child: &str, flags: i32) -> Result<Services, Error> {
        self.place.check_flags(3, flags)?;
        let invalid = |m| self.place.namespace.misuse(m);
        match split_namespace(child).map_err(invalid)? {
            (None, child) => {
                let name = format!(r"{}\{child}", self.place.namespace.name());
                let namespace = self.place.namespace.client().namespace(&name).await?;
                Ok(Services { place: Place { namespace, ..self.place.clone() } })
            }
            _ => Err(self.place.rule(WbemStatus::INVALID_NAMESPACE, "only a namespace below this one is opened by it")),
        }
    }

    /// The class or the instance at a path. Without a path, the class that has nothing: the beginning of a new one.
    pub async fn get_object(&self, path: Option<&str>, flags: i32, context: Option<&NamedValueSet>) -> Result<Entity, Error> {
        Ok(self.place.get(path.unwrap_or_default(), flags, context).await?.into_entity())
    }

    /// Makes or changes a class. Flags: 0 or 1 update only, 2 create only, 0x20 safe, 0x40 force, 0x20000 amended.
    pub async fn put_class(&self, class: &Class, flags: i32, context: Option<&NamedValueSet>) -> Result<(), Error> {
        self.place.check_flags(8, flags)?;
        let context = context.and_then(NamedValueSet::pointer);
        self.place.namespace.put_class_with(class, &put_options(flags), context).await
    }

    /// Deletes a class, those derived from it and their instances.
    pub async fn delete_class(&self, class: &str, flags: i32, context: Option<&NamedValueSet>) -> Result<(), Error> {
        self.place.check_flags(10, flags)?;
        self.place.namespace.delete_class_with(class, context.and_then(NamedValueSet::pointer)).await
    }

    /// The classes below a class, or all of them; flag 1: the ones right below.
    pub async fn create_class_enum(
        &self,
        superclass: Option<&str>,
        flags: i32,
        context: Option<&NamedValueSet>,
    ) -> Result<Enumerator, Error> {
        self.place.check_flags(12, flags)?;
        let rows = self.place.namespace.class_enum(superclass, flags, context.and_then(NamedValueSet::pointer), Ok).await?;
        Ok(Enumerator::new(self.place.clone(), rows))
    }

    /// Makes or changes an instance; gives its path. Flags: 0 or 1 update only, 2 create only, 0x20000 amended.
    pub async fn put_instance(&self, instance: &Instance, flags: i32, context: Option<&NamedValueSet>) -> Result<String, Error> {
        self.place.check_flags(14, flags)?;
        let said = context.map(NamedValueSet::to_vec).unwrap_or_default();
        self.place.namespace.put_instance_with(instance, &put_options(flags), said).await
    }

    /// Deletes the instance at a path.
    pub async fn delete_instance(&self, path: &str, flags: i32, context: Option<&NamedValueSet>) -> Result<(), Error> {
        self.place.check_flags(16, flags)?;
        self.place.namespace.delete_instance_with(path, context.and_then(NamedValueSet::pointer)).await
    }

    /// The instances of a class; flag 1: of no class derived from it.
    pub async fn create_instance_enum(&self, class: &str, flags: i32, context: Option<&NamedValueSet>) -> Result<Enumerator, Error> {
        self.place.check_flags(18, flags)?;
        let rows = self.place.namespace.instance_enum(class, flags, context.and_then(NamedValueSet::pointer), Ok).await?;
        Ok(Enumerator::new(self.place.clone(), rows))
    }

    /// Runs a query. The language is `WQL`; the server answers another with `WBEM_E_INVALID_QUERY_TYPE`, and nothing is checked here:
    /// the codes are the server's.
    pub async fn exec_query(&self, language: &str, query: &str, flags: i32, context: Option<&NamedValueSet>) -> Result<Enumerator, Error> {
        self.place.check_flags(20, flags)?;
        let context = context.and_then(NamedValueSet::pointer);
        let query = self.place.namespace.query(query).raw(language, flags, context).without_local_check();
        Ok(Enumerator::new(self.place.clone(), query.entities().await?))
    }
}

/// How a class or an instance is put, from the flags of the call.
fn put_options(flags: i32) -> PutOptions {
    let has = |flag: i32| flags & flag != 0;
    let mut options = PutOptions::default();
    options.mode = PutMode {
        create_only: has(flags::CREATE_ONLY),
        update_only: has(flags::UPDATE_ONLY),
        safe: has(flags::UPDATE_SAFE_MODE),
        force: has(flags::UPDATE_FORCE_MODE),
    };
    options.amended = has(flags::USE_AMENDED_QUALIFIERS);
    options
}

/// What a query or an enumeration gives (IEnumWbemClassObject). Dropping it ends it on the server.
#[derive(Debug)]
pub struct Enumerator {
    place: Place,
    rows: Rows<Entity>,
    /// What failed behind the objects of the last call.
    failure: Option<Error>,
}

impl Enumerator {
    /// `WBEM_INFINITE`: waits as long as it takes.
    pub const INFINITE: i32 = -1;
    /// `WBEM_NO_WAIT`: gives what is there.
    pub const NO_WAIT: i32 = 0;

    pub(crate) fn new(place: Place, rows: Rows<Entity>) -> Enumerator {
        Enumerator { place, rows, failure: None }
    }

    /// The next `count` objects, and how it went: `WBEM_S_NO_ERROR` with so many, `WBEM_S_FALSE` with fewer at the end,
    /// `WBEM_S_TIMEDOUT` with fewer when the time, in milliseconds, is over.
    pub async fn next(&mut self, timeout_ms: i32, count: u32) -> Result<(Vec<Entity>, WbemStatus), Error> {
        if timeout_ms < Self::INFINITE {
            return Err(self.place.rule(WbemStatus::INVALID_PARAMETER, "a time is -1 or milliseconds"));
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let end = u64::try_from(timeout_ms).ok().map(|ms| Instant::now() + Duration::from_millis(ms));
        let mut objects = Vec::new();
        while objects.len() < count as usize {
            let row = match end {
                None => self.rows.next().await,
                Some(end) => match timeout_at(end, self.rows.next()).await {
                    Ok(row) => row,
                    Err(_) => return Ok((objects, WbemStatus::TIMEDOUT)),
                },
            };
            match row {
                Some(Ok(object)) => objects.push(object),
                Some(Err(error)) if objects.is_empty() => return Err(error),
                Some(Err(error)) => {
                    // What came before it is not lost.
                    self.failure = Some(error);
                    return Ok((objects, WbemStatus::FALSE));
                }
                None => return Ok((objects, WbemStatus::FALSE)),
            }
        }
        Ok((objects, WbemStatus::NO_ERROR))
    }

    /// Passes over `count` objects; `WBEM_S_FALSE` where there are fewer.
    pub async fn skip(&mut self, timeout_ms: i32, count: u32) -> Result<WbemStatus, Error> {
        for _ in 0..count {
            match self.next(timeout_ms, 1).await? {
                (_, WbemStatus::NO_ERROR) => {}
                (_, status) => return Ok(status),
            }
        }
        Ok(WbemStatus::NO_ERROR)
    }

    /// Back to the first object; `WBEM_E_INVALID_OPERATION` where the flags said forward only.
    pub async fn reset(&mut self) -> Result<(), Error> {
        self.failure = None;
        self.rows.rewind().await
    }

    /// The objects as a stream.
    pub fn into_rows(self) -> Rows<Entity> {
        self.rows
    }
}
