//! CimSession of the management infrastructure: disconnected instances, operations on a session that connects when it must.

use super::environment::{Environment, Request};
use super::levels::ImpersonationLevel;
use super::locator::Services;
use super::object::{AssociatorsOf, Place, ReferencesOf};
use super::values::NamedValueSet;
use crate::{Client, Credentials, Error, ErrorKind, Misuse, Namespace, Rows, Timeouts};
use crate::{namespace::class_of, namespace::object_of};
use rwmi_cim::{Class, Entity, Instance, Object, PutOptions, WbemStatus};
use rwmi_wbem::{ContextValue, flags};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Over what a session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// What the library takes: DCOM, until WS-Management is there.
    #[default]
    Default,
    /// DCOM (`WMIDCOM`).
    Dcom,
    /// WS-Management (`WINRM`): not there yet, `WBEM_E_NOT_SUPPORTED` before anything is sent.
    Wsman,
}

/// How a session connects (CimSessionOptions, DComSessionOptions).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CimSessionOptions {
    /// Over what.
    pub protocol: Protocol,
    /// Who logs on; refused for this computer.
    pub credential: Option<Credentials>,
    /// Time for connecting, and for each operation; no limit.
    pub timeout: Option<Duration>,
    /// The language of texts, `MS_409`.
    pub culture: Option<String>,
    /// What the server may do in the caller's name: impersonate.
    pub impersonation: ImpersonationLevel,
    /// Whether calls are signed: yes.
    pub packet_integrity: bool,
    /// Whether calls are encrypted: yes.
    pub packet_privacy: bool,
}

impl Default for CimSessionOptions {
    fn default() -> Self {
        CimSessionOptions {
            protocol: Protocol::Default,
            credential: None,
            timeout: None,
            culture: None,
            impersonation: ImpersonationLevel::Impersonate,
            packet_integrity: true,
            packet_privacy: true,
        }
    }
}

impl CimSessionOptions {
    fn request(&self) -> Result<Request, Misuse> {
        use super::levels::AuthenticationLevel as Level;
        if self.protocol == Protocol::Wsman {
            let why = "WS-Management is not there yet: take Protocol::Dcom".to_owned();
            return Err(Misuse::Rule { status: WbemStatus::NOT_SUPPORTED, why });
        }
        let timeouts = self.timeout.map(|whole| {
            let d = Timeouts::default();
            Timeouts { connect: d.connect.min(whole), handshake: d.handshake.min(whole), call: whole, quiet: whole, whole: Some(whole) }
        });
        Ok(Request {
            credentials: self.credential.clone(),
            locale: self.culture.clone(),
            authentication: match (self.packet_privacy, self.packet_integrity) {
                (true, _) => Level::PacketPrivacy,
                (false, true) => Level::PacketIntegrity,
                (false, false) => Level::Packet,
            },
            impersonation: Some(self.impersonation),
            timeouts,
            ..Request::default()
        })
    }
}

/// How one operation goes (CimOperationOptions).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OperationOptions {
    /// Time for all of it; the session's where it is `None`.
    pub timeout: Option<Duration>,
    /// Only keys have values.
    pub keys_only: bool,
    /// Instances of the very class (`PolymorphismShallow`).
    pub shallow: bool,
    /// With localised qualifiers.
    pub localized_qualifiers: bool,
    /// A resource URI: of WS-Management only, an error over DCOM.
    pub resource_uri: Option<String>,
    /// Named values beside the call.
    pub custom: NamedValueSet,
}

/// A session with a computer (CimSession). It connects at the first operation. Cheap to clone; clones share it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::forms::CimSession;
/// let session = CimSession::create("Computer_B");
/// let mut systems = session.query_instances(r"root\cimv2", "WQL", "SELECT * FROM Win32_OperatingSystem").await?;
/// while let Some(system) = systems.next().await {
///     println!("{}", system?.get::<String>("Caption")?);
/// }
/// session.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CimSession {
    shared: Arc<Shared>,
}

struct Shared {
    environment: Environment,
    computer: String,
    options: CimSessionOptions,
    client: OnceCell<Client>,
}

impl fmt::Debug for CimSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CimSession").field("computer", &self.shared.computer).finish_non_exhaustive()
    }
}

impl Environment {
    /// A session of this environment.
    pub fn cim_session(&self, computer: Option<&str>, options: CimSessionOptions) -> CimSession {
        let computer = computer.unwrap_or("localhost").to_owned();
        CimSession { shared: Arc::new(Shared { environment: self.clone(), computer, options, client: OnceCell::new() }) }
    }
}

impl CimSession {
    /// A session with a computer, with default options. Nothing is sent before the first operation.
    pub fn create(computer: &str) -> CimSession {
        CimSession::create_with(Some(computer), CimSessionOptions::default())
    }

    /// A session with options; with this computer where none is named.
    pub fn create_with(computer: Option<&str>, options: CimSessionOptions) -> CimSession {
        Environment::of_process().cim_session(computer, options)
    }

    /// The computer, as it was named.
    pub fn computer_name(&self) -> &str {
        &self.shared.computer
    }

    /// Connects, where it has not, and asks for nothing.
    pub async fn test_connection(&self) -> Result<(), Error> {
        self.client().await.map(|_| ())
    }

    /// Gives back what the server holds for the session. Whoever holds a clone cannot use it any more.
    pub async fn close(self) {
        if let Some(client) = self.shared.client.get() {
            client.clone().close().await;
        }
    }

    async fn client(&self) -> Result<&Client, Error> {
        let Shared { environment, computer, options, client } = &*self.shared;
        client
            .get_or_try_init(async || {
                let mut request = options.request().map_err(|m| Error::misuse(computer, m))?;
                request.host = Some(computer.clone());
                environment.connect(&request).await
            })
            .await
    }

    async fn namespace(&self, namespace: &str) -> Result<Namespace, Error> {
        self.client().await?.namespace(namespace).await
    }

    /// What an operation needs: the namespace, its flags, and its named values.
    async fn begin(&self, namespace: &str, options: &OperationOptions) -> Result<(Place, i32, Option<NamedValueSet>), Error> {
        let misuse = |m| Error::misuse(&self.shared.computer, m);
        if options.resource_uri.is_some() {
            let why = "a resource URI is of WS-Management, and this session speaks DCOM".to_owned();
            return Err(misuse(Misuse::Rule { status: WbemStatus::INVALID_PARAMETER, why }));
        }
        let mut values = options.custom.clone();
        values.check().map_err(misuse)?;
        if options.keys_only {
            values.add("__GET_EXTENSIONS", ContextValue::Bool(true));
            values.add("__GET_EXT_CLIENT_REQUEST", ContextValue::Bool(true));
            values.add("__GET_EXT_KEYS_ONLY", ContextValue::Bool(true));
        }
        let flag = if options.localized_qualifiers { flags::USE_AMENDED_QUALIFIERS } else { 0 };
        let place = Place::plain(self.namespace(namespace).await?);
        Ok((place, flag, (0 < values.count()).then_some(values)))
    }

    /// Reads the instance that has the keys of another.
    pub async fn get_instance(&self, namespace: &str, instance: &Object) -> Result<Object, Error> {
        self.get_instance_with(namespace, instance, &OperationOptions::default()).await
    }

    /// As [`CimSession::get_instance`], with options.
    pub async fn get_instance_with(&self, namespace: &str, instance: &Object, options: &OperationOptions) -> Result<Object, Error> {
        let (place, flag, values) = self.begin(namespace, options).await?;
        let path = path_of(&place, instance)?;
        within(options, &place, async {
            let object = place.get(&path, flag, values.as_ref()).await?;
            match object.into_entity() {
                Entity::Instance(object) => Ok(object),
                Entity::Class(_) => Err(place.rule(WbemStatus::INVALID_OBJECT_PATH, "the path is that of a class")),
            }
        })
        .await
    }

    /// Makes an instance; gives it as it is then, with the keys that the server made.
    ///
    /// # Errors
    /// `WBEM_E_ALREADY_EXISTS` where it is there.
    pub async fn create_instance(&self, namespace: &str, instance: &Instance) -> Result<Object, Error> {
        let place = Place::plain(self.namespace(namespace).await?);
        let mut options = PutOptions::default();
        options.mode.create_only = true;
        let path = place.namespace.put_instance(instance, &options).await?;
        place.namespace.object(&path).await
    }

    /// Changes an instance: the properties that are set on it, the others stay.
    ///
    /// # Errors
    /// `WBEM_E_NOT_FOUND` where it is not there.
    pub async fn modify_instance(&self, namespace: &str, instance: &Instance) -> Result<Object, Error> {
        let place = Place::plain(self.namespace(namespace).await?);
        let mut options = PutOptions::default();
        options.mode.update_only = true;
        let set = instance.class.properties.iter().zip(&instance.is_default).filter(|(p, is_default)| !**is_default && !p.is_key());
        options.properties = Some(set.map(|(p, _)| p.name.clone()).collect());
        options.strict_nulls = true;
        let path = place.namespace.put_instance(instance, &options).await?;
        place.namespace.object(&path).await
    }

    /// Deletes the instance that has the keys of this one.
    pub async fn delete_instance(&self, namespace: &str, instance: &Object) -> Result<(), Error> {
        let place = Place::plain(self.namespace(namespace).await?);
        let path = path_of(&place, instance)?;
        place.namespace.delete_instance(&path).await
    }

    /// The instances of a class and of those derived from it.
    pub async fn enumerate_instances(&self, namespace: &str, class: &str) -> Result<Rows<Object>, Error> {
        self.enumerate_instances_with(namespace, class, &OperationOptions::default()).await
    }

    /// As [`CimSession::enumerate_instances`], with options.
    pub async fn enumerate_instances_with(&self, namespace: &str, class: &str, options: &OperationOptions) -> Result<Rows<Object>, Error> {
        let (place, flag, values) = self.begin(namespace, options).await?;
        let shallow = if options.shallow { flags::SHALLOW } else { 0 };
        let flags = flag | shallow | flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY;
        let context = values.as_ref().and_then(NamedValueSet::pointer);
        within(options, &place, place.namespace.instance_enum(class, flags, context, object_of)).await
    }

    /// The instances that a query finds; the dialect is `WQL`, the server refuses another with `WBEM_E_INVALID_QUERY_TYPE`.
    pub async fn query_instances(&self, namespace: &str, dialect: &str, query: &str) -> Result<Rows<Object>, Error> {
        self.query_instances_with(namespace, dialect, query, &OperationOptions::default()).await
    }

    /// As [`CimSession::query_instances`], with options.
    pub async fn query_instances_with(
        &self,
        namespace: &str,
        dialect: &str,
        query: &str,
        options: &OperationOptions,
    ) -> Result<Rows<Object>, Error> {
        let (place, flag, values) = self.begin(namespace, options).await?;
        let flags = flag | flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY | flags::ENSURE_LOCATABLE;
        let mut question = place.namespace.query(query).raw(dialect, flags, values.as_ref().and_then(NamedValueSet::pointer));
        if !dialect.eq_ignore_ascii_case("WQL") {
            question = question.without_local_check();
        }
        if let Some(time) = options.timeout {
            question = question.deadline(time);
        }
        question.objects().await
    }

    /// What is associated with an instance, one step away; an empty text leaves a condition out.
    pub async fn enumerate_associated_instances(
        &self,
        namespace: &str,
        source: &Object,
        association_class: &str,
        result_class: &str,
        source_role: &str,
        result_role: &str,
    ) -> Result<Rows<Object>, Error> {
        let place = Place::plain(self.namespace(namespace).await?);
        let some = |text: &str| Some(text.to_owned());
        let which = AssociatorsOf {
            assoc_class: some(association_class),
            result_class: some(result_class),
            role: some(source_role),
            result_role: some(result_role),
            ..AssociatorsOf::default()
        };
        let query = which.wql(&path_of(&place, source)?).map_err(|m| place.namespace.misuse(m))?;
        place.namespace.query(query).objects().await
    }

    /// The associations that refer to an instance.
    pub async fn enumerate_referencing_instances(
        &self,
        namespace: &str,
        source: &Object,
        association_class: &str,
        source_role: &str,
    ) -> Result<Rows<Object>, Error> {
        let place = Place::plain(self.namespace(namespace).await?);
        let some = |text: &str| Some(text.to_owned());
        let which = ReferencesOf { result_class: some(association_class), role: some(source_role), ..ReferencesOf::default() };
        let query = which.wql(&path_of(&place, source)?).map_err(|m| place.namespace.misuse(m))?;
        place.namespace.query(query).objects().await
    }

    /// A class.
    pub async fn get_class(&self, namespace: &str, class: &str) -> Result<Arc<Class>, Error> {
        self.namespace(namespace).await?.class(class).await
    }

    /// The classes below a class, or all of them.
    pub async fn enumerate_classes(&self, namespace: &str, superclass: Option<&str>) -> Result<Rows<Arc<Class>>, Error> {
        self.enumerate_classes_with(namespace, superclass, &OperationOptions::default()).await
    }

    /// As [`CimSession::enumerate_classes`], with options.
    pub async fn enumerate_classes_with(
        &self,
        namespace: &str,
        superclass: Option<&str>,
        options: &OperationOptions,
    ) -> Result<Rows<Arc<Class>>, Error> {
        let (place, flag, values) = self.begin(namespace, options).await?;
        let shallow = if options.shallow { flags::SHALLOW } else { 0 };
        let flags = flag | shallow | flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY;
        let context = values.as_ref().and_then(NamedValueSet::pointer);
        within(options, &place, place.namespace.class_enum(superclass, flags, context, class_of)).await
    }

    /// The namespace with the methods of IWbemServices, for what has no operation here.
    pub async fn services(&self, namespace: &str) -> Result<Services, Error> {
        Ok(Services { place: Place::plain(self.namespace(namespace).await?) })
    }
}

/// Holds an operation up to its first answer to the time of its options.
async fn within<T>(options: &OperationOptions, place: &Place, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match options.timeout {
        None => operation.await,
        time => place.namespace.within_time(time, crate::Step::Query, operation).await,
    }
}

pub(crate) fn path_of(place: &Place, instance: &Object) -> Result<String, Error> {
    let none = || place.rule(WbemStatus::INVALID_OBJECT_PATH, format!("this {} has no key and so no path", instance.class().name));
    instance.relative_path().map(|p| p.to_string()).ok_or_else(none)
}

/// A result of the management infrastructure (MI_Result). The code that the server gave stays in the [`Error`] beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MiResult(pub u32);

macro_rules! mi_results { ($($name:ident = $number:literal $(<= $($status:ident),+)?;)*) => {
    impl MiResult {
        $( #[doc = concat!("`MI_RESULT_", stringify!($name), "`, ", $number, ".")] pub const $name: MiResult = MiResult($number); )*

        /// The name without its prefix.
        pub fn name(self) -> Option<&'static str> {
            match self.0 { $( $number => Some(stringify!($name)), )* _ => None }
        }

        /// The result that a status of WMI is.
        fn of_status(status: WbemStatus) -> MiResult {
            match status {
                $( $( $(WbemStatus::$status)|+ => MiResult::$name, )? )*
                _ => MiResult::FAILED,
            }
        }
    }
} }
mi_results! {
    OK = 0 <= NO_ERROR;
    FAILED = 1;
    ACCESS_DENIED = 2 <= ACCESS_DENIED, PRIVILEGE_NOT_HELD;
    INVALID_NAMESPACE = 3 <= INVALID_NAMESPACE;
    INVALID_PARAMETER = 4 <= INVALID_PARAMETER, INVALID_OBJECT_PATH, INVALID_CONTEXT;
    INVALID_CLASS = 5 <= INVALID_CLASS;
    NOT_FOUND = 6 <= NOT_FOUND;
    NOT_SUPPORTED = 7 <= NOT_SUPPORTED, PROVIDER_NOT_CAPABLE;
    CLASS_HAS_CHILDREN = 8 <= CLASS_HAS_CHILDREN;
    CLASS_HAS_INSTANCES = 9 <= CLASS_HAS_INSTANCES;
    INVALID_SUPERCLASS = 10 <= INVALID_SUPERCLASS;
    ALREADY_EXISTS = 11 <= ALREADY_EXISTS;
    NO_SUCH_PROPERTY = 12 <= INVALID_PROPERTY;
    TYPE_MISMATCH = 13 <= TYPE_MISMATCH;
    QUERY_LANGUAGE_NOT_SUPPORTED = 14 <= INVALID_QUERY_TYPE;
    INVALID_QUERY = 15 <= INVALID_QUERY, UNPARSABLE_QUERY;
    METHOD_NOT_AVAILABLE = 16 <= METHOD_NOT_IMPLEMENTED, METHOD_DISABLED;
    METHOD_NOT_FOUND = 17 <= INVALID_METHOD;
    NAMESPACE_NOT_EMPTY = 20;
    INVALID_ENUMERATION_CONTEXT = 21;
    INVALID_OPERATION_TIMEOUT = 22;
    PULL_HAS_BEEN_ABANDONED = 23;
    PULL_CANNOT_BE_ABANDONED = 24;
    FILTERED_ENUMERATION_NOT_SUPPORTED = 25;
    CONTINUATION_ON_ERROR_NOT_SUPPORTED = 26;
    SERVER_LIMITS_EXCEEDED = 27 <= QUOTA_VIOLATION, OUT_OF_MEMORY, SERVER_TOO_BUSY;
    SERVER_IS_SHUTTING_DOWN = 28 <= SHUTTING_DOWN;
}

impl MiResult {
    /// The result that an error is.
    pub fn of(error: &Error) -> MiResult {
        match error.kind() {
            ErrorKind::Object(rwmi_cim::ObjectError::NoProperty { .. }) => MiResult::NO_SUCH_PROPERTY,
            ErrorKind::Object(_) => MiResult::TYPE_MISMATCH,
            ErrorKind::Fault(rwmi_ndr::FaultStatus::ACCESS_DENIED) | ErrorKind::HResult(rwmi_ndr::HResult::E_ACCESSDENIED) => {
                MiResult::ACCESS_DENIED
            }
            _ => error.code().map_or(MiResult::FAILED, |code| MiResult::of_status(WbemStatus(code))),
        }
    }
}

impl fmt::Display for MiResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "MI_RESULT_{name} ({})", self.0),
            None => write!(f, "MI_RESULT {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;

    #[test]
    fn the_defaults_are_those_of_dcom_sessions() {
        let o = CimSessionOptions::default();
        assert_eq!((o.impersonation, o.packet_integrity, o.packet_privacy), (ImpersonationLevel::Impersonate, true, true));
        let level = |privacy, integrity| {
            let o = CimSessionOptions { packet_privacy: privacy, packet_integrity: integrity, ..CimSessionOptions::default() };
            o.request().unwrap().authentication.number()
        };
        assert_eq!((level(true, false), level(false, true), level(false, false)), (6, 5, 4));
    }

    #[tokio::test]
    async fn what_a_session_cannot_do_it_says_before_anything_is_sent() {
        let session = |options| Environment::default().cim_session(None, options);
        let wsman = session(CimSessionOptions { protocol: Protocol::Wsman, ..CimSessionOptions::default() });
        let error = wsman.test_connection().await.unwrap_err();
        assert_eq!((error.code(), MiResult::of(&error)), (Some(WbemStatus::NOT_SUPPORTED.0), MiResult::NOT_SUPPORTED));
        let credential = Some(Credentials::new("x", "y").unwrap());
        let local = session(CimSessionOptions { credential, ..CimSessionOptions::default() });
        assert_eq!(local.test_connection().await.unwrap_err().code(), Some(WbemStatus::LOCAL_CREDENTIALS.0));
        let options = OperationOptions { resource_uri: Some("http://x".into()), ..OperationOptions::default() };
        let error = session(CimSessionOptions::default()).enumerate_instances_with("root", "C", &options).await.unwrap_err();
        assert_eq!(MiResult::of(&error), MiResult::INVALID_PARAMETER);
    }

    #[test]
    fn a_status_has_a_result_and_keeps_its_code() {
        let check = |status: WbemStatus, expect: MiResult| {
            let error = Error::new(Step::Query, "h", None, ErrorKind::Wbem(status));
            assert_eq!((MiResult::of(&error), error.code()), (expect, Some(status.0)));
        };
        check(WbemStatus::INVALID_CLASS, MiResult::INVALID_CLASS);
        check(WbemStatus::INVALID_QUERY_TYPE, MiResult::QUERY_LANGUAGE_NOT_SUPPORTED);
        check(WbemStatus::ACCESS_DENIED, MiResult::ACCESS_DENIED);
        check(WbemStatus::PROVIDER_FAILURE, MiResult::FAILED);
        assert_eq!(MiResult::INVALID_QUERY.to_string(), "MI_RESULT_INVALID_QUERY (15)");
        assert_eq!(MiResult(99).to_string(), "MI_RESULT 99");
    }
}
