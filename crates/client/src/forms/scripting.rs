//! The automation interface: `GetObject` with a moniker, SWbemLocator, SWbemServices and SWbemObjectSet.

use super::environment::{Environment, Request};
use super::locator::USE_MAX_WAIT;
use super::moniker::{Moniker, MonikerSecurity};
use super::object::{AssociatorsOf, Place, ReferencesOf, WmiObject};
use super::values::NamedValueSet;
use crate::{Authority, ClientBuilder, Error, Misuse, Rows, Secret, split_namespace};
use rwmi_cim::{Entity, ObjectPath, PutOptions, WbemStatus};
use rwmi_wbem::flags;
use std::sync::Arc;

/// What is at a moniker: a namespace, a class or an instance.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::forms::get_object;
/// let wmi = get_object(r"winmgmts:{impersonationLevel=impersonate}!\\Computer_B\root\cimv2").await?;
/// let mut systems = wmi.exec_query("SELECT * FROM Win32_OperatingSystem").await?;
/// while let Some(system) = systems.next().await {
///     println!("{}", system?.get::<String>("Caption")?);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Misuse::Moniker`] for a text that is none; then the step that failed, with the server's own description.
pub async fn get_object(moniker: &str) -> Result<Found, Error> {
    Environment::of_process().get_object(moniker).await
}

impl Environment {
    /// As [`get_object`], in this environment.
    pub async fn get_object(&self, moniker: &str) -> Result<Found, Error> {
        let parsed: Moniker = moniker.parse().map_err(|e| Error::misuse(moniker, Misuse::Moniker(e)))?;
        self.get_moniker(&parsed).await
    }

    /// As [`get_object`], of a moniker that was read before.
    pub async fn get_moniker(&self, moniker: &Moniker) -> Result<Found, Error> {
        let Moniker { security, locale, host, namespace, object } = moniker;
        let authority = security.authority.as_ref().map(ToString::to_string);
        let request = Request {
            host: host.clone(),
            namespace: namespace.clone(),
            locale: locale.clone(),
            authority,
            authentication: security.authentication.unwrap_or_default(),
            impersonation: security.impersonation,
            ..Request::default()
        };
        let namespace = self.open(&request).await?;
        let place = Place { namespace, security: Arc::new(security.clone()), locale: locale.clone() };
        match object {
            None => Ok(Found::Services(SwbemServices { place })),
            Some(path) => Ok(Found::Object(place.get(&path.to_string(), 0, None).await?)),
        }
    }
}

impl ClientBuilder {
    /// Takes over what a moniker says of security and language; what it leaves out stays as it is.
    pub fn settings(mut self, moniker: &Moniker) -> Self {
        let MonikerSecurity { impersonation, authentication, authority, .. } = &moniker.security;
        if let Some(level) = authentication {
            self = self.authentication(level.on_wire());
        }
        if let Some(level) = impersonation {
            self = self.impersonation(level.on_wire());
        }
        if let Some(authority) = authority {
            self = self.authority(authority.to_string());
        }
        match &moniker.locale {
            Some(locale) => self.locale(locale),
            None => self,
        }
    }
}

/// What a moniker names.
#[derive(Debug, Clone)]
pub enum Found {
    /// A namespace.
    Services(SwbemServices),
    /// A class or an instance.
    Object(WmiObject),
}

impl Found {
    /// The namespace.
    ///
    /// # Errors
    /// [`Misuse::Rule`] with `WBEM_E_INVALID_OPERATION` where the moniker names a class or an instance.
    pub fn services(&self) -> Result<&SwbemServices, Error> {
        match self {
            Found::Services(services) => Ok(services),
            Found::Object(object) => Err(object.namespace().misuse(Misuse::Rule {
                status: WbemStatus::INVALID_OPERATION,
                why: format!("the moniker names {} and not a namespace", object.class().name),
            })),
        }
    }

    /// The class or the instance.
    ///
    /// # Errors
    /// [`Misuse::Rule`] with `WBEM_E_INVALID_OPERATION` where the moniker names a namespace.
    pub fn object(&self) -> Result<&WmiObject, Error> {
        match self {
            Found::Object(object) => Ok(object),
            Found::Services(services) => Err(services.place.rule(WbemStatus::INVALID_OPERATION, "the moniker names a namespace alone")),
        }
    }

    /// [`SwbemServices::exec_query`] of the namespace.
    pub async fn exec_query(&self, wql: &str) -> Result<ObjectSet, Error> {
        self.services()?.exec_query(wql).await
    }

    /// [`SwbemServices::instances_of`] of the namespace.
    pub async fn instances_of(&self, class: &str) -> Result<ObjectSet, Error> {
        self.services()?.instances_of(class).await
    }

    /// [`SwbemServices::get`] of the namespace.
    pub async fn get(&self, path: &str) -> Result<WmiObject, Error> {
        self.services()?.get(path).await
    }
}

/// Connects to namespaces (SWbemLocator), with the parameters of scripts: computer and namespace apart.
#[derive(Debug, Clone)]
pub struct SwbemLocator {
    environment: Environment,
    /// Levels and privileges of the connections that it makes.
    pub security: MonikerSecurity,
}

impl Default for SwbemLocator {
    fn default() -> Self {
        SwbemLocator::new()
    }
}

impl Environment {
    /// A locator of scripts, of this environment.
    pub fn swbem_locator(&self) -> SwbemLocator {
        SwbemLocator { environment: self.clone(), security: MonikerSecurity::default() }
    }
}

impl SwbemLocator {
    /// A locator of the process's environment.
    pub fn new() -> SwbemLocator {
        Environment::of_process().swbem_locator()
    }

    /// Connects. All is optional: without a computer to this one, without a namespace to the default one. The rules and errors are those of
    /// [`Locator::connect_server`](super::Locator::connect_server).
    #[expect(clippy::too_many_arguments, reason = "the parameters of SWbemLocator.ConnectServer in their order")]
    pub async fn connect_server(
        &self,
        server: Option<&str>,
        namespace: Option<&str>,
        user: Option<&str>,
        password: Option<Secret>,
        locale: Option<&str>,
        authority: Option<&str>,
        security_flags: i32,
        values: Option<&NamedValueSet>,
    ) -> Result<SwbemServices, Error> {
        let text = |t: Option<&str>| t.filter(|t| !t.is_empty()).map(str::to_owned);
        let named = server.unwrap_or(".");
        let refused = |m| Error::misuse(named, m);
        let (in_namespace, namespace) = match text(namespace) {
            None => (None, None),
            Some(namespace) => split_namespace(&namespace).map(|(h, n)| (h, Some(n))).map_err(refused)?,
        };
        if !matches!(security_flags, 0 | USE_MAX_WAIT) {
            let why = format!("connecting takes the flags 0 and 0x80, and these are {security_flags:#x}");
            return Err(refused(Misuse::Rule { status: WbemStatus::INVALID_PARAMETER, why }));
        }
        if self.security.authority.is_some() {
            let why = "the authority is a parameter of its own".to_owned();
            return Err(refused(Misuse::Rule { status: WbemStatus::INVALID_PARAMETER, why }));
        }
        let request = Request {
            // `\\host\ns` is a namespace with its computer.
            host: text(server).or(in_namespace),
            namespace,
            user: user.map(str::to_owned),
            password,
            locale: text(locale),
            authority: text(authority),
            authentication: self.security.authentication.unwrap_or_default(),
            impersonation: self.security.impersonation,
            at_most_two_minutes: security_flags == USE_MAX_WAIT,
            context: values.cloned().unwrap_or_default(),
            ..Request::default()
        };
        let namespace = self.environment.open(&request).await?;
        let mut security = self.security.clone();
        security.authority = request.authority.as_deref().and_then(|a| Authority::parse(a).ok());
        Ok(SwbemServices { place: Place { namespace, security: Arc::new(security), locale: request.locale } })
    }
}

/// A namespace with the methods of SWbemServices and their defaults. Cheap to clone.
///
/// The `Async` twins are the same methods here: a stream that is dropped is a call that is cancelled.
#[derive(Debug, Clone)]
pub struct SwbemServices {
    pub(crate) place: Place,
}

impl SwbemServices {
    /// The namespace, with the methods of this library.
    pub fn namespace(&self) -> &crate::Namespace {
        &self.place.namespace
    }

    /// How the caller is treated here.
    pub fn security(&self) -> &MonikerSecurity {
        &self.place.security
    }

    /// The class or the instance at a path.
    pub async fn get(&self, path: &str) -> Result<WmiObject, Error> {
        self.get_with(path, 0, None).await
    }

    /// As [`SwbemServices::get`], with flags (0x20000 amended) and named values.
    pub async fn get_with(&self, path: &str, flags: i32, values: Option<&NamedValueSet>) -> Result<WmiObject, Error> {
        self.place.get(path, flags, values).await
    }

    /// The instances of a class and of those derived from it.
    pub async fn instances_of(&self, class: &str) -> Result<ObjectSet, Error> {
        self.instances_of_with(class, flags::RETURN_IMMEDIATELY, None).await
    }

    /// As [`SwbemServices::instances_of`], with flags (1 shallow, 0x20 forward only) and named values.
    pub async fn instances_of_with(&self, class: &str, flags: i32, values: Option<&NamedValueSet>) -> Result<ObjectSet, Error> {
        self.place.instances(class, flags, values).await
    }

    /// The classes below a class, and theirs; without a class all of them.
    pub async fn subclasses_of(&self, superclass: Option<&str>) -> Result<ObjectSet, Error> {
        self.subclasses_of_with(superclass, flags::RETURN_IMMEDIATELY, None).await
    }

    /// As [`SwbemServices::subclasses_of`], with flags (1 shallow) and named values.
    pub async fn subclasses_of_with(
        &self,
        superclass: Option<&str>,
        flags: i32,
        values: Option<&NamedValueSet>,
    ) -> Result<ObjectSet, Error> {
        self.place.subclasses(superclass, flags, values).await
    }

    /// What a WQL query finds.
    pub async fn exec_query(&self, wql: &str) -> Result<ObjectSet, Error> {
        self.exec_query_with(wql, "WQL", flags::RETURN_IMMEDIATELY, None).await
    }

    /// As [`SwbemServices::exec_query`], with the name of the language, flags (2 prototype, 0x20 forward only) and named values.
    pub async fn exec_query_with(
        &self,
        query: &str,
        language: &str,
        flags: i32,
        values: Option<&NamedValueSet>,
    ) -> Result<ObjectSet, Error> {
        self.place.query(query, language, flags, values).await
    }

    /// What is associated with the object at a path.
    pub async fn associators_of(&self, path: &str, which: &AssociatorsOf) -> Result<ObjectSet, Error> {
        let query = which.wql(path).map_err(|m| self.place.namespace.misuse(m))?;
        self.exec_query(&query).await
    }

    /// The associations that refer to the object at a path.
    pub async fn references_to(&self, path: &str, which: &ReferencesOf) -> Result<ObjectSet, Error> {
        let query = which.wql(path).map_err(|m| self.place.namespace.misuse(m))?;
        self.exec_query(&query).await
    }

    /// Deletes the class or the instance at a path.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        self.place.delete(path, None).await
    }

    /// Makes or changes a class or an instance in this namespace; gives its path (SWbemServicesEx.Put).
    pub async fn put(&self, object: &WmiObject, options: &PutOptions) -> Result<String, Error> {
        self.place.put(object.entity(), options, None).await
    }
}

/// Objects as they come (SWbemObjectSet, ManagementObjectCollection). Dropping it ends the query on the server.
#[derive(Debug)]
pub struct ObjectSet {
    place: Place,
    rows: Rows<Entity>,
    goes_back: bool,
}

impl ObjectSet {
    pub(crate) fn new(place: Place, rows: Rows<Entity>, goes_back: bool) -> ObjectSet {
        ObjectSet { place, rows, goes_back }
    }

    /// The next object; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<WmiObject, Error>> {
        let entity = self.rows.next().await?;
        Some(entity.map(|entity| WmiObject::new(self.place.clone(), entity)))
    }

    /// All objects that are left; the first error ends it.
    pub async fn collect(mut self) -> Result<Vec<WmiObject>, Error> {
        let mut all = Vec::new();
        while let Some(object) = self.next().await {
            all.push(object?);
        }
        Ok(all)
    }

    /// How many there are in all; the next object is the first one again.
    ///
    /// # Errors
    /// `WBEM_E_INVALID_OPERATION` where the set goes forward only.
    pub async fn count(&mut self) -> Result<usize, Error> {
        self.rewind().await?;
        let mut count = 0;
        while let Some(object) = self.rows.next().await {
            object?;
            count += 1;
        }
        self.rewind().await?;
        Ok(count)
    }

    /// The object at a path; the next object is the first one again.
    ///
    /// # Errors
    /// `WBEM_E_NOT_FOUND` where the set has none there; `WBEM_E_INVALID_OPERATION` where it goes forward only.
    pub async fn item(&mut self, path: &str) -> Result<WmiObject, Error> {
        let wanted: ObjectPath = self.place.parse(path)?;
        self.find(|object, _| object.relative_path().is_some_and(|p| p.same_object(&wanted)), path).await
    }

    /// The object at a place, from 0; the next object is the first one again.
    ///
    /// # Errors
    /// As of [`ObjectSet::item`].
    pub async fn item_index(&mut self, index: usize) -> Result<WmiObject, Error> {
        self.find(|_, at| at == index, &format!("number {index}")).await
    }

    /// Starts again at the first object.
    ///
    /// # Errors
    /// `WBEM_E_INVALID_OPERATION` where the set goes forward only.
    pub async fn rewind(&mut self) -> Result<(), Error> {
        if !self.goes_back {
            return Err(self.place.rule(WbemStatus::INVALID_OPERATION, "the set goes forward only"));
        }
        self.rows.rewind().await
    }

    async fn find(&mut self, is_it: impl Fn(&WmiObject, usize) -> bool, what: &str) -> Result<WmiObject, Error> {
        self.rewind().await?;
        let (mut index, mut found) = (0, None);
        while let Some(object) = self.next().await {
            let object = object?;
            if is_it(&object, index) {
                found = Some(object);
                break;
            }
            index += 1;
        }
        self.rewind().await?;
        found.ok_or_else(|| self.place.rule(WbemStatus::NOT_FOUND, format!("the set has no {what}")))
    }
}
