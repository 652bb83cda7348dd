//! System.Management: scopes, connection options, queries and searchers, with the defaults of .NET.

use super::environment::{Environment, Request};
use super::levels::{AuthenticationLevel, ImpersonationLevel};
use super::object::{AssociatorsOf, Place, ReferencesOf, WmiObject, is_name};
use super::scripting::ObjectSet;
use super::values::NamedValueSet;
use crate::{Error, Misuse, Namespace, Secret, split_namespace};
use rwmi_cim::{ObjectPath, WbemStatus};
use rwmi_wbem::flags;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Where a scope or an object is (ManagementPath). The default is `\\.\root\cimv2`.
#[derive(Debug, Clone, PartialEq)]
pub struct ManagementPath {
    /// The computer; `.` is this one.
    pub server: String,
    /// The namespace, with backslashes.
    pub namespace_path: String,
    /// The class, or with keys the instance; `None` of a namespace.
    pub relative_path: Option<ObjectPath>,
}

impl Default for ManagementPath {
    fn default() -> Self {
        ManagementPath { server: ".".into(), namespace_path: r"root\cimv2".into(), relative_path: None }
    }
}

impl ManagementPath {
    /// Whether it is the path of a class.
    pub fn is_class(&self) -> bool {
        self.relative_path.as_ref().is_some_and(|p| p.keys == rwmi_cim::PathKeys::Class)
    }

    /// Whether it is the path of an instance.
    pub fn is_instance(&self) -> bool {
        self.relative_path.as_ref().is_some_and(|p| p.keys != rwmi_cim::PathKeys::Class)
    }

    /// Whether it is the path of the one instance of a class.
    pub fn is_singleton(&self) -> bool {
        self.relative_path.as_ref().is_some_and(|p| p.keys == rwmi_cim::PathKeys::Singleton)
    }
}

impl fmt::Display for ManagementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r"\\{}\{}", self.server, self.namespace_path)?;
        match &self.relative_path {
            Some(path) => write!(f, ":{path}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ManagementPath {
    type Err = Misuse;

    /// Reads `\\host\namespace`, `namespace`, either with `:class` and keys, a class alone, or nothing: what is not there is of the default.
    fn from_str(text: &str) -> Result<Self, Misuse> {
        let default = ManagementPath::default();
        if text.is_empty() {
            return Ok(default);
        }
        if let Ok((host, namespace_path)) = split_namespace(text)
            && (host.is_some() || text.eq_ignore_ascii_case("root") || text.contains(['\\', '/']))
        {
            return Ok(ManagementPath { server: host.unwrap_or(default.server), namespace_path, relative_path: None });
        }
        let path: ObjectPath =
            text.parse().map_err(|e: rwmi_cim::PathError| Misuse::Rule { status: WbemStatus::INVALID_OBJECT_PATH, why: e.to_string() })?;
        Ok(ManagementPath {
            server: path.server.clone().unwrap_or(default.server),
            namespace_path: path.namespace.clone().unwrap_or(default.namespace_path),
            relative_path: Some(ObjectPath { server: None, namespace: None, ..path }),
        })
    }
}

/// How a scope connects (ConnectionOptions), with the defaults of .NET.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConnectionOptions {
    /// Who logs on; `None`, which is not an empty name, is the caller.
    pub username: Option<String>,
    /// The password; an empty one is a password of no length.
    pub password: Option<Secret>,
    /// `kerberos:principal` or `ntlmdomain:domain`.
    pub authority: Option<String>,
    /// The language of texts: `MS_409`; `None` is the server's.
    pub locale: Option<String>,
    /// `Unchanged`.
    pub authentication: AuthenticationLevel,
    /// `Impersonate`.
    pub impersonation: ImpersonationLevel,
    /// Whether all privileges of the account are wanted: off. Over the network they are enabled in any case.
    pub enable_privileges: bool,
    /// Reserved: no limit, and connecting takes no notice of it, as in .NET.
    pub timeout: Option<Duration>,
    /// Named values beside the calls: none.
    pub context: NamedValueSet,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        ConnectionOptions {
            username: None,
            password: None,
            authority: None,
            locale: None,
            authentication: AuthenticationLevel::Unchanged,
            impersonation: ImpersonationLevel::Impersonate,
            enable_privileges: false,
            timeout: None,
            context: NamedValueSet::default(),
        }
    }
}

/// A namespace of a computer and how to connect to it (ManagementScope). Cheap to clone; clones share the connection.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::forms::{ManagementObjectSearcher, ManagementScope, ObjectQuery};
/// let scope = ManagementScope::new(r"\\Computer_B\root\cimv2")?;
/// scope.connect().await?;
/// let query = ObjectQuery::new("SELECT * FROM Win32_OperatingSystem");
/// let mut systems = ManagementObjectSearcher::new(&scope, query).get().await?;
/// while let Some(system) = systems.next().await {
///     println!("{}", system?.get::<String>("Caption")?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ManagementScope {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    environment: Environment,
    path: ManagementPath,
    options: ConnectionOptions,
    namespace: OnceCell<Namespace>,
}

impl Environment {
    /// A scope of this environment.
    ///
    /// # Errors
    /// [`Misuse::Rule`] or [`Misuse::Namespace`] for a path that is none, or that is not of a namespace.
    pub fn management_scope(&self, path: &str, options: ConnectionOptions) -> Result<ManagementScope, Misuse> {
        let path: ManagementPath = path.parse()?;
        if path.relative_path.is_some() {
            let why = format!("{path} is the path of a class or an instance, and a scope is a namespace");
            return Err(Misuse::Rule { status: WbemStatus::INVALID_PARAMETER, why });
        }
        let shared = Shared { environment: self.clone(), path, options, namespace: OnceCell::new() };
        Ok(ManagementScope { shared: Arc::new(shared) })
    }
}

impl ManagementScope {
    /// A scope with default options.
    ///
    /// # Errors
    /// As of [`Environment::management_scope`].
    pub fn new(path: &str) -> Result<ManagementScope, Misuse> {
        ManagementScope::with_options(path, ConnectionOptions::default())
    }

    /// A scope with options.
    ///
    /// # Errors
    /// As of [`Environment::management_scope`].
    pub fn with_options(path: &str, options: ConnectionOptions) -> Result<ManagementScope, Misuse> {
        Environment::of_process().management_scope(path, options)
    }

    /// Its path.
    pub fn path(&self) -> &ManagementPath {
        &self.shared.path
    }

    /// Its options.
    pub fn options(&self) -> &ConnectionOptions {
        &self.shared.options
    }

    /// Whether it has connected.
    pub fn is_connected(&self) -> bool {
        self.shared.namespace.initialized()
    }

    /// Connects, where it has not. Whoever uses a scope without it connects by the way.
    pub async fn connect(&self) -> Result<(), Error> {
        self.namespace().await.map(|_| ())
    }

    /// The namespace, with the methods of this library.
    pub async fn namespace(&self) -> Result<&Namespace, Error> {
        let Shared { environment, path, options, namespace } = &*self.shared;
        let request = Request {
            host: Some(path.server.clone()),
            namespace: Some(path.namespace_path.clone()),
            user: options.username.clone(),
            password: options.password.clone(),
            locale: options.locale.clone(),
            authority: options.authority.clone(),
            authentication: options.authentication,
            impersonation: Some(options.impersonation),
            context: options.context.clone(),
            ..Request::default()
        };
        namespace.get_or_try_init(|| environment.open(&request)).await
    }

    /// The class or the instance at a path within the scope (ManagementObject, ManagementClass).
    pub async fn get(&self, path: &str) -> Result<WmiObject, Error> {
        self.place().await?.get(path, 0, None).await
    }

    /// A class of the scope.
    pub async fn class(&self, name: &str) -> Result<ManagementClass, Error> {
        let place = self.place().await?;
        let object = place.get(name, 0, None).await?;
        if !object.is_class() {
            return Err(place.rule(WbemStatus::INVALID_PARAMETER, format!("{name} is an instance and not a class")));
        }
        Ok(ManagementClass { object })
    }

    pub(crate) async fn place(&self) -> Result<Place, Error> {
        let namespace = self.namespace().await?.clone();
        Ok(Place { locale: self.shared.options.locale.clone(), ..Place::plain(namespace) })
    }
}

/// A query and the name of its language (ObjectQuery): `WQL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectQuery {
    /// The query.
    pub query_string: String,
    /// Its language.
    pub query_language: String,
}

impl ObjectQuery {
    /// A query in WQL.
    pub fn new(query: impl Into<String>) -> ObjectQuery {
        ObjectQuery { query_string: query.into(), query_language: "WQL".into() }
    }
}

impl From<&str> for ObjectQuery {
    fn from(query: &str) -> Self {
        ObjectQuery::new(query)
    }
}

/// `SELECT` in parts (SelectQuery).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelectQuery {
    /// The class.
    pub class_name: String,
    /// What is behind `WHERE`, without the word; nothing where it is empty.
    pub condition: String,
    /// The properties; all of them where the list is empty.
    pub selected_properties: Vec<String>,
    /// Classes instead of instances (`FROM meta_class`); the class name may be empty then.
    pub is_schema_query: bool,
}

impl SelectQuery {
    /// All properties of all instances of a class.
    pub fn new(class_name: impl Into<String>) -> SelectQuery {
        SelectQuery { class_name: class_name.into(), ..SelectQuery::default() }
    }

    /// The query.
    ///
    /// # Errors
    /// [`Misuse::Rule`] where a name is none, and where a query of classes names properties.
    pub fn build(&self) -> Result<ObjectQuery, Misuse> {
        let wrong = |why: String| Err(Misuse::Rule { status: WbemStatus::INVALID_QUERY, why });
        let named = |name: &String| is_name(name);
        if !(named(&self.class_name) || self.is_schema_query && self.class_name.is_empty()) {
            return wrong(format!("{:?} is not the name of a class", self.class_name));
        }
        if let Some(name) = self.selected_properties.iter().find(|p| *p != "*" && !named(p)) {
            return wrong(format!("{name:?} is not the name of a property"));
        }
        if self.is_schema_query {
            if !self.selected_properties.is_empty() {
                return wrong("a query of classes gives them whole".into());
            }
            let class = (!self.class_name.is_empty()).then(|| format!("__CLASS = \"{}\"", self.class_name));
            let condition = (!self.condition.is_empty()).then(|| self.condition.clone());
            let conditions: Vec<String> = condition.into_iter().chain(class).collect();
            let clause = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
            return Ok(ObjectQuery::new(format!("SELECT * FROM meta_class{clause}")));
        }
        let list = if self.selected_properties.is_empty() { "*".to_owned() } else { self.selected_properties.join(", ") };
        let clause = if self.condition.is_empty() { String::new() } else { format!(" WHERE {}", self.condition) };
        Ok(ObjectQuery::new(format!("SELECT {list} FROM {}{clause}", self.class_name)))
    }
}

/// `ASSOCIATORS OF` in parts (RelatedObjectQuery).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelatedObjectQuery {
    /// Path of the source.
    pub source_object: String,
    /// Which of its associators.
    pub which: AssociatorsOf,
}

impl RelatedObjectQuery {
    /// The query.
    ///
    /// # Errors
    /// As of [`AssociatorsOf::wql`].
    pub fn build(&self) -> Result<ObjectQuery, Misuse> {
        self.which.wql(&self.source_object).map(ObjectQuery::new)
    }
}

/// `REFERENCES OF` in parts (RelationshipQuery).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelationshipQuery {
    /// Path of the source.
    pub source_object: String,
    /// Which of its references.
    pub which: ReferencesOf,
}

impl RelationshipQuery {
    /// The query.
    ///
    /// # Errors
    /// As of [`ReferencesOf::wql`].
    pub fn build(&self) -> Result<ObjectQuery, Misuse> {
        self.which.wql(&self.source_object).map(ObjectQuery::new)
    }
}

/// How objects come (EnumerationOptions), with the defaults of .NET.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EnumerationOptions {
    /// Objects in one answer of the server: 1. As in .NET it changes nothing of what comes; 1 leaves the number to the library, which asks
    /// for few at first and for more where there are many.
    pub block_size: u32,
    /// Whether the objects can be gone through again: yes.
    pub rewindable: bool,
    /// Whether objects come while others are still looked for: yes.
    pub return_immediately: bool,
    /// With localised qualifiers: no.
    pub use_amended_qualifiers: bool,
    /// Objects carry what a path takes: no.
    pub ensure_locatable: bool,
    /// The class that the result would have, and no data: no.
    pub prototype_only: bool,
    /// The class alone, without derived ones: no.
    pub direct_read: bool,
    /// Instances of derived classes, and classes of any depth, too: no, although the flag of the call means the opposite.
    pub enumerate_deep: bool,
    /// Time for all: no limit.
    pub timeout: Option<Duration>,
    /// Named values beside the call: none.
    pub context: NamedValueSet,
}

impl Default for EnumerationOptions {
    fn default() -> Self {
        EnumerationOptions {
            block_size: 1,
            rewindable: true,
            return_immediately: true,
            use_amended_qualifiers: false,
            ensure_locatable: false,
            prototype_only: false,
            direct_read: false,
            enumerate_deep: false,
            timeout: None,
            context: NamedValueSet::default(),
        }
    }
}

impl EnumerationOptions {
    /// The flags of a query.
    fn query_flags(&self) -> i32 {
        let on = [
            (self.return_immediately, flags::RETURN_IMMEDIATELY),
            (!self.rewindable, flags::FORWARD_ONLY),
            (self.use_amended_qualifiers, flags::USE_AMENDED_QUALIFIERS),
            (self.ensure_locatable, flags::ENSURE_LOCATABLE),
            (self.prototype_only, flags::PROTOTYPE),
            (self.direct_read, flags::DIRECT_READ),
        ];
        on.iter().filter(|(on, _)| *on).fold(0, |all, (_, flag)| all | flag)
    }

    /// The flags of an enumeration, which has no prototype and whose objects are locatable always.
    fn enumeration_flags(&self) -> i32 {
        let shallow = if self.enumerate_deep { 0 } else { flags::SHALLOW };
        self.query_flags() & !(flags::PROTOTYPE | flags::ENSURE_LOCATABLE) | shallow
    }
}

/// Runs a query in a scope (ManagementObjectSearcher).
#[derive(Debug, Clone)]
pub struct ManagementObjectSearcher {
    /// Where.
    pub scope: ManagementScope,
    /// What.
    pub query: ObjectQuery,
    /// How.
    pub options: EnumerationOptions,
}

impl ManagementObjectSearcher {
    /// A searcher with default options.
    pub fn new(scope: &ManagementScope, query: impl Into<ObjectQuery>) -> ManagementObjectSearcher {
        ManagementObjectSearcher { scope: scope.clone(), query: query.into(), options: EnumerationOptions::default() }
    }

    /// Runs the query; the scope connects where it has not.
    pub async fn get(&self) -> Result<ObjectSet, Error> {
        let place = self.scope.place().await?;
        let (options, flags) = (&self.options, self.options.query_flags());
        place.check_flags(20, flags)?;
        let mut query = place.namespace.query(&self.query.query_string).raw(&self.query.query_language, flags, options.context.pointer());
        if !self.query.query_language.eq_ignore_ascii_case("WQL") {
            query = query.without_local_check();
        }
        if 1 < options.block_size {
            query = query.batch(options.block_size);
        }
        if let Some(time) = options.timeout {
            query = query.deadline(time);
        }
        Ok(ObjectSet::new(place, query.entities().await?, options.rewindable))
    }
}

/// A class (ManagementClass).
#[derive(Debug, Clone)]
pub struct ManagementClass {
    object: WmiObject,
}

impl ManagementClass {
    /// It as an object: its properties' defaults, qualifiers, text, comparison, deletion.
    pub fn object(&self) -> &WmiObject {
        &self.object
    }

    /// The same, to be changed and put.
    pub fn into_object(self) -> WmiObject {
        self.object
    }

    /// Its instances.
    pub async fn get_instances(&self, options: &EnumerationOptions) -> Result<ObjectSet, Error> {
        let place = Place::plain(self.object.namespace().clone());
        place.instances(&self.object.class().name, options.enumeration_flags(), Some(&options.context)).await
    }

    /// The classes below it.
    pub async fn get_subclasses(&self, options: &EnumerationOptions) -> Result<ObjectSet, Error> {
        let place = Place::plain(self.object.namespace().clone());
        // Classes have no provider to go past.
        let flags = options.enumeration_flags() & !flags::DIRECT_READ;
        place.subclasses(Some(&self.object.class().name), flags, Some(&options.context)).await
    }

    /// A new class below it, to be put.
    pub fn derive(&self, name: &str) -> Result<WmiObject, Error> {
        self.object.spawn_derived_class(name)
    }

    /// A new instance, to be put.
    pub fn create_instance(&self) -> Result<WmiObject, Error> {
        self.object.spawn_instance()
    }

    /// The classes that an association joins with it.
    pub async fn get_related_classes(&self) -> Result<ObjectSet, Error> {
        self.object.associators(&AssociatorsOf { schema_only: true, ..AssociatorsOf::default() }).await
    }

    /// The associations that name it.
    pub async fn get_relationship_classes(&self) -> Result<ObjectSet, Error> {
        self.object.references(&ReferencesOf { schema_only: true, ..ReferencesOf::default() }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_dot_net() {
        let o = ConnectionOptions::default();
        assert_eq!((o.authentication.number(), o.impersonation.number()), (-1, 3));
        assert_eq!((o.username, o.password, o.authority, o.locale), (None, None, None, None));
        assert_eq!((o.enable_privileges, o.timeout, o.context.count()), (false, None, 0));
        let e = EnumerationOptions::default();
        assert_eq!((e.block_size, e.rewindable, e.return_immediately, e.timeout), (1, true, true, None));
        assert!(!(e.use_amended_qualifiers || e.ensure_locatable || e.prototype_only || e.direct_read || e.enumerate_deep));
        assert_eq!(ManagementPath::default().to_string(), r"\\.\root\cimv2");
        assert_eq!(ObjectQuery::new("x").query_language, "WQL");
    }

    #[test]
    fn no_name_is_not_an_empty_name_in_a_copy() {
        let none = ConnectionOptions::default();
        let empty = ConnectionOptions { username: Some(String::new()), password: Some("".into()), ..none.clone() };
        assert_ne!(none.clone(), empty.clone());
        assert_eq!((none.clone().username, empty.clone().username.as_deref()), (None, Some("")));
        assert_eq!(empty.clone().password.unwrap().expose(), "");
    }

    #[test]
    fn flags_follow_the_options() {
        let mut o = EnumerationOptions::default();
        assert_eq!((o.query_flags(), o.enumeration_flags()), (0x10, 0x11));
        (o.rewindable, o.enumerate_deep, o.ensure_locatable) = (false, true, true);
        assert_eq!((o.query_flags(), o.enumeration_flags()), (0x130, 0x30));
        (o.use_amended_qualifiers, o.prototype_only, o.direct_read, o.return_immediately) = (true, true, true, false);
        assert_eq!((o.query_flags(), o.enumeration_flags()), (0x20322, 0x20220));
    }

    #[test]
    fn a_path_has_the_default_for_what_it_leaves_out() {
        let check = |text: &str, expect: &str| assert_eq!(text.parse::<ManagementPath>().unwrap().to_string(), expect, "{text}");
        check("", r"\\.\root\cimv2");
        check(r"\\Computer_B\root\cimv2", r"\\Computer_B\root\cimv2");
        check("root/default", r"\\.\root\default");
        check("root", r"\\.\root");
        check("Win32_Process", r"\\.\root\cimv2:Win32_Process");
        check(r#"root\cimv2:Win32_LogicalDisk.DeviceID="C:""#, r#"\\.\root\cimv2:Win32_LogicalDisk.DeviceID="C:""#);
        check(r"\\B\root\cimv2:Win32_OperatingSystem=@", r"\\B\root\cimv2:Win32_OperatingSystem=@");
        let kind = |text: &str| {
            let p: ManagementPath = text.parse().unwrap();
            (p.is_class(), p.is_instance(), p.is_singleton())
        };
        assert_eq!(kind("C"), (true, false, false));
        assert_eq!(kind("C.K=1"), (false, true, false));
        assert_eq!(kind("C=@"), (false, true, true));
        assert_eq!(kind(r"\\B\root"), (false, false, false));
        for bad in [r"\\host", "C.K=", r"root\\x"] {
            assert!(bad.parse::<ManagementPath>().is_err(), "{bad}");
        }
        assert!(Environment::default().management_scope("root/cimv2:C", ConnectionOptions::default()).is_err());
    }

    #[test]
    fn a_query_is_built_of_its_parts() {
        let mut q = SelectQuery::new("Win32_Service");
        assert_eq!(q.build().unwrap().query_string, "SELECT * FROM Win32_Service");
        q.condition = "State = 'Running'".into();
        q.selected_properties = vec!["Name".into(), "State".into()];
        assert_eq!(q.build().unwrap().query_string, "SELECT Name, State FROM Win32_Service WHERE State = 'Running'");
        q.selected_properties.push("a b".into());
        assert_eq!(q.build().unwrap_err().status(), Some(WbemStatus::INVALID_QUERY));
        let schema = SelectQuery { is_schema_query: true, class_name: "C".into(), ..SelectQuery::default() };
        assert_eq!(schema.build().unwrap().query_string, "SELECT * FROM meta_class WHERE __CLASS = \"C\"");
        assert!(SelectQuery::new("a; b").build().is_err());
        let related = RelatedObjectQuery { source_object: "C.K=1".into(), ..RelatedObjectQuery::default() };
        assert_eq!(related.build().unwrap().query_string, "ASSOCIATORS OF {C.K=1}");
        let relation = RelationshipQuery { source_object: "C.K=1".into(), ..RelationshipQuery::default() };
        assert_eq!(relation.build().unwrap().query_string, "REFERENCES OF {C.K=1}");
    }

    #[tokio::test]
    async fn a_scope_says_what_is_wrong_before_it_connects() {
        let options = ConnectionOptions { username: Some("x".into()), password: Some("y".into()), ..ConnectionOptions::default() };
        let scope = ManagementScope::with_options(r"\\.\root\cimv2", options).unwrap();
        assert_eq!(scope.connect().await.unwrap_err().code(), Some(WbemStatus::LOCAL_CREDENTIALS.0));
        assert!(!scope.is_connected());
        assert_eq!(scope.class("X").await.unwrap_err().code(), Some(WbemStatus::LOCAL_CREDENTIALS.0));
    }
}
