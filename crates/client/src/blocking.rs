//! The library for programs without an asynchronous runtime: the same types, whose calls wait.
//!
//! ```no_run
//! use rwmi_client::blocking::get_object;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let wmi = get_object(r"winmgmts:{impersonationLevel=impersonate}!\\Computer_B\root\cimv2")?;
//! for system in wmi.exec_query("SELECT * FROM Win32_OperatingSystem")? {
//!     println!("{}", system?.get::<String>("Caption")?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Each connection brings a small runtime of its own, with one thread that also keeps the session alive between calls; what is got from a
//! connection shares it. Dropping the last of it gives everything back, for two seconds at most.
//!
//! **Within an asynchronous runtime** a call that waits would stop the runtime's thread. It is not made: it fails with
//! [`Misuse::Option`], and nothing panics. The library itself is for there.

use crate::forms::{
    CimSession, CimSessionOptions, ConnectionOptions, Enumerator, Environment, EventSource, Found, FromComputer, GetWmiObject,
    InvokeWmiMethod, ManagementClass, ManagementEventWatcher, ManagementObjectSearcher, ManagementScope, NamedValueSet, ObjectSet,
    RegisterWmiEvent, RemoveWmiObject, Results, Services, SetWmiInstance, SwbemServices, WmiObject,
};
use crate::{Argument, Client, ClientBuilder, Error, Misuse, Namespace, PutOptions, Query, Returned, Rows, Secret};
use rwmi_cim::{Class, Entity, Instance, Object, WbemStatus};
use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};

/// How long giving everything back may take when the last of a connection is dropped.
const FAREWELL: Duration = Duration::from_secs(2);

/// A value of the library whose calls wait. What needs no waiting is called on the value itself.
#[derive(Clone)]
pub struct Blocking<T> {
    // Goes first: what it held is given back over the thread.
    value: T,
    thread: Arc<Thread>,
}

/// The runtime of a connection.
struct Thread(Option<Runtime>);

impl Thread {
    fn start() -> Result<Thread, Error> {
        let built = Builder::new_multi_thread().worker_threads(1).thread_name("rwmi").enable_all().build();
        let runtime = built.map_err(|e| Error::misuse(".", Misuse::Option(format!("no thread for the connection: {e}"))))?;
        Ok(Thread(Some(runtime)))
    }

    fn wait<R>(&self, future: impl Future<Output = Result<R, Error>>) -> Result<R, Error> {
        match &self.0 {
            Some(runtime) if Handle::try_current().is_err() => runtime.block_on(future),
            _ => Err(within_a_runtime()),
        }
    }
}

fn within_a_runtime() -> Error {
    let why = "a call of rwmi_client::blocking was made within an asynchronous runtime, whose thread it would stop: await the same call of rwmi_client";
    Error::misuse(".", Misuse::Option(why.into()))
}

impl Drop for Thread {
    fn drop(&mut self) {
        let Some(runtime) = self.0.take() else { return };
        if Handle::try_current().is_err() {
            // The session's task gives back what was held, and ends.
            let metrics = runtime.metrics();
            runtime.block_on(async {
                let ended = async {
                    while metrics.num_alive_tasks() != 0 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                let _ = tokio::time::timeout(FAREWELL, ended).await;
            });
        }
        // Whoever still looks up a name is not waited for.
        runtime.shutdown_background();
    }
}

impl<T: fmt::Debug> fmt::Debug for Blocking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T> Deref for Blocking<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Blocking<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Starts a thread, waits for a future on it, and keeps both: for whatever has no function of its own here.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::{blocking, forms::Environment};
/// let environment = Environment::default();
/// let wmi = blocking::start(environment.get_object("winmgmts:root/cimv2"))?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of the future; [`Misuse::Option`] within an asynchronous runtime.
pub fn start<T>(future: impl Future<Output = Result<T, Error>>) -> Result<Blocking<T>, Error> {
    if Handle::try_current().is_ok() {
        return Err(within_a_runtime());
    }
    let thread = Arc::new(Thread::start()?);
    Ok(Blocking { value: thread.wait(future)?, thread })
}

impl<T> Blocking<T> {
    /// Waits for a call of the value: for whatever has no method of its own here.
    ///
    /// # Errors
    /// Those of the call; [`Misuse::Option`] within an asynchronous runtime.
    pub fn wait<'a, R, F: Future<Output = Result<R, Error>>>(&'a self, call: impl FnOnce(&'a T) -> F) -> Result<R, Error> {
        self.thread.wait(async { call(&self.value).await })
    }

    /// As [`Blocking::wait`], of what shares the connection.
    pub fn open<'a, R, F: Future<Output = Result<R, Error>>>(&'a self, call: impl FnOnce(&'a T) -> F) -> Result<Blocking<R>, Error> {
        Ok(self.with(self.wait(call)?))
    }

    fn wait_mut<'a, R, F: Future<Output = Result<R, Error>>>(&'a mut self, call: impl FnOnce(&'a mut T) -> F) -> Result<R, Error> {
        let Blocking { value, thread } = self;
        thread.wait(async { call(value).await })
    }

    fn with<R>(&self, value: R) -> Blocking<R> {
        Blocking { value, thread: self.thread.clone() }
    }
}

/// Methods that wait. `->` gives what the library gives; `=>` gives it with the connection.
macro_rules! waiting {
    ($($of:ty { $($body:tt)* })*) => { $( impl Blocking<$of> { waiting!(@ $($body)*); } )* };
    (@) => {};
    (@ $(#[$m:meta])* fn $name:ident(&self $(, $arg:ident: $ty:ty)*) -> $out:ty; $($rest:tt)*) => {
        $(#[$m])*
        pub fn $name(&self $(, $arg: $ty)*) -> Result<$out, Error> {
            self.wait(async |v| v.$name($($arg),*).await)
        }
        waiting!(@ $($rest)*);
    };
    (@ $(#[$m:meta])* fn $name:ident(&self $(, $arg:ident: $ty:ty)*) => $out:ty; $($rest:tt)*) => {
        $(#[$m])*
        pub fn $name(&self $(, $arg: $ty)*) -> Result<Blocking<$out>, Error> {
            self.open(async |v| v.$name($($arg),*).await)
        }
        waiting!(@ $($rest)*);
    };
    (@ $(#[$m:meta])* fn $name:ident(&mut self $(, $arg:ident: $ty:ty)*) => $out:ty; $($rest:tt)*) => {
        $(#[$m])*
        pub fn $name(&mut self $(, $arg: $ty)*) -> Result<Blocking<$out>, Error> {
            let value = self.wait_mut(async |v| v.$name($($arg),*).await)?;
            Ok(self.with(value))
        }
        waiting!(@ $($rest)*);
    };
    (@ $(#[$m:meta])* fn $name:ident(&mut self $(, $arg:ident: $ty:ty)*) -> $out:ty; $($rest:tt)*) => {
        $(#[$m])*
        pub fn $name(&mut self $(, $arg: $ty)*) -> Result<$out, Error> {
            self.wait_mut(async |v| v.$name($($arg),*).await)
        }
        waiting!(@ $($rest)*);
    };
}

waiting! {
    Client {
        /// [`Client::namespace`].
        fn namespace(&self, namespace: &str) => Namespace;
    }
    Namespace {
        /// [`Namespace::class`].
        fn class(&self, name: &str) -> Arc<Class>;
        /// [`Namespace::object`].
        fn object(&self, path: &str) -> Object;
        /// [`Namespace::classes`].
        fn classes(&self, superclass: Option<&str>, depth: crate::Depth) => Rows<Arc<Class>>;
        /// [`Namespace::instances`].
        fn instances(&self, class: &str, depth: crate::Depth) => Rows<Object>;
        /// [`Namespace::put_instance`].
        fn put_instance(&self, instance: &Instance, options: &PutOptions) -> String;
        /// [`Namespace::delete_instance`].
        fn delete_instance(&self, path: &str) -> ();
        /// [`Namespace::put_class`].
        fn put_class(&self, class: &Class, options: &PutOptions) -> ();
        /// [`Namespace::delete_class`].
        fn delete_class(&self, name: &str) -> ();
    }
    Found {
        /// [`Found::exec_query`].
        fn exec_query(&self, wql: &str) => ObjectSet;
        /// [`Found::instances_of`].
        fn instances_of(&self, class: &str) => ObjectSet;
        /// [`Found::get`] of the namespace; what is found by a moniker of an object is in [`Found::object`].
        fn get(&self, path: &str) => WmiObject;
    }
    SwbemServices {
        /// [`SwbemServices::get`].
        fn get(&self, path: &str) => WmiObject;
        /// [`SwbemServices::instances_of`].
        fn instances_of(&self, class: &str) => ObjectSet;
        /// [`SwbemServices::subclasses_of`].
        fn subclasses_of(&self, superclass: Option<&str>) => ObjectSet;
        /// [`SwbemServices::exec_query`].
        fn exec_query(&self, wql: &str) => ObjectSet;
        /// [`SwbemServices::exec_method`].
        fn exec_method(&self, path: &str, method: &str, in_params: Option<&Instance>) -> Returned;
        /// [`SwbemServices::exec_notification_query`].
        fn exec_notification_query(&self, wql: &str) => EventSource;
        /// [`SwbemServices::delete`].
        fn delete(&self, path: &str) -> ();
    }
    ObjectSet {
        /// [`ObjectSet::rewind`].
        fn rewind(&mut self) -> ();
    }
    WmiObject {
        /// [`WmiObject::put`].
        fn put(&self) -> String;
        /// [`WmiObject::exec_method`].
        fn exec_method(&self, method: &str, in_params: Option<&Instance>) -> Returned;
        /// [`WmiObject::delete`].
        fn delete(&self) -> ();
        /// [`WmiObject::refresh`].
        fn refresh(&mut self) -> ();
        /// [`WmiObject::instances`].
        fn instances(&self, depth: crate::Depth) => ObjectSet;
        /// [`WmiObject::subclasses`].
        fn subclasses(&self, depth: crate::Depth) => ObjectSet;
        /// [`WmiObject::associators`].
        fn associators(&self, which: &crate::forms::AssociatorsOf) => ObjectSet;
        /// [`WmiObject::references`].
        fn references(&self, which: &crate::forms::ReferencesOf) => ObjectSet;
    }
    Services {
        /// [`Services::open_namespace`].
        fn open_namespace(&self, child: &str, flags: i32) => Services;
        /// [`Services::get_object`].
        fn get_object(&self, path: Option<&str>, flags: i32, context: Option<&NamedValueSet>) -> Entity;
        /// [`Services::put_class`].
        fn put_class(&self, class: &Class, flags: i32, context: Option<&NamedValueSet>) -> ();
        /// [`Services::delete_class`].
        fn delete_class(&self, class: &str, flags: i32, context: Option<&NamedValueSet>) -> ();
        /// [`Services::create_class_enum`].
        fn create_class_enum(&self, superclass: Option<&str>, flags: i32, context: Option<&NamedValueSet>) => Enumerator;
        /// [`Services::put_instance`].
        fn put_instance(&self, instance: &Instance, flags: i32, context: Option<&NamedValueSet>) -> String;
        /// [`Services::delete_instance`].
        fn delete_instance(&self, path: &str, flags: i32, context: Option<&NamedValueSet>) -> ();
        /// [`Services::create_instance_enum`].
        fn create_instance_enum(&self, class: &str, flags: i32, context: Option<&NamedValueSet>) => Enumerator;
        /// [`Services::exec_query`].
        fn exec_query(&self, language: &str, query: &str, flags: i32, context: Option<&NamedValueSet>) => Enumerator;
        /// [`Services::exec_method`].
        fn exec_method(&self, path: &str, method: &str, flags: i32, context: Option<&NamedValueSet>, in_params: Option<&Instance>) -> Returned;
        /// [`Services::exec_notification_query`].
        fn exec_notification_query(&self, language: &str, query: &str, flags: i32, context: Option<&NamedValueSet>) => Enumerator;
    }
    Enumerator {
        /// [`Enumerator::next`].
        fn next(&mut self, timeout_ms: i32, count: u32) -> (Vec<Entity>, WbemStatus);
        /// [`Enumerator::skip`].
        fn skip(&mut self, timeout_ms: i32, count: u32) -> WbemStatus;
        /// [`Enumerator::reset`].
        fn reset(&mut self) -> ();
    }
    ManagementScope {
        /// [`ManagementScope::connect`].
        fn connect(&self) -> ();
        /// [`ManagementScope::get`].
        fn get(&self, path: &str) => WmiObject;
        /// [`ManagementScope::class`].
        fn class(&self, name: &str) => ManagementClass;
    }
    ManagementClass {
        /// [`ManagementClass::get_instances`].
        fn get_instances(&self, options: &crate::forms::EnumerationOptions) => ObjectSet;
        /// [`ManagementClass::get_subclasses`].
        fn get_subclasses(&self, options: &crate::forms::EnumerationOptions) => ObjectSet;
    }
    ManagementObjectSearcher {
        /// [`ManagementObjectSearcher::get`].
        fn get(&self) => ObjectSet;
    }
    EventSource {
        /// [`EventSource::next_event`].
        fn next_event(&mut self, timeout_ms: i32) => WmiObject;
    }
    ManagementEventWatcher {
        /// [`ManagementEventWatcher::start`].
        fn start(&mut self) -> ();
        /// [`ManagementEventWatcher::wait_for_next_event`].
        fn wait_for_next_event(&mut self) => WmiObject;
    }
    CimSession {
        /// [`CimSession::subscribe`].
        fn subscribe(&self, namespace: &str, dialect: &str, query: &str) => Rows<Object>;
        /// [`CimSession::test_connection`].
        fn test_connection(&self) -> ();
        /// [`CimSession::get_instance`].
        fn get_instance(&self, namespace: &str, instance: &Object) -> Object;
        /// [`CimSession::create_instance`].
        fn create_instance(&self, namespace: &str, instance: &Instance) -> Object;
        /// [`CimSession::modify_instance`].
        fn modify_instance(&self, namespace: &str, instance: &Instance) -> Object;
        /// [`CimSession::delete_instance`].
        fn delete_instance(&self, namespace: &str, instance: &Object) -> ();
        /// [`CimSession::enumerate_instances`].
        fn enumerate_instances(&self, namespace: &str, class: &str) => Rows<Object>;
        /// [`CimSession::query_instances`].
        fn query_instances(&self, namespace: &str, dialect: &str, query: &str) => Rows<Object>;
        /// [`CimSession::get_class`].
        fn get_class(&self, namespace: &str, class: &str) -> Arc<Class>;
        /// [`CimSession::enumerate_classes`].
        fn enumerate_classes(&self, namespace: &str, superclass: Option<&str>) => Rows<Arc<Class>>;
    }
}

impl ClientBuilder {
    /// As [`ClientBuilder::connect`], for programs without an asynchronous runtime.
    ///
    /// # Errors
    /// Those of `connect`; [`Misuse::Option`] within an asynchronous runtime.
    pub fn connect_blocking(self) -> Result<Blocking<Client>, Error> {
        start(self.connect())
    }
}

impl Blocking<Namespace> {
    /// Runs a query; rows are objects.
    pub fn query(&self, wql: &str) -> Result<Blocking<Rows<Object>>, Error> {
        self.run(self.value.query(wql))
    }

    /// Runs a query that was made with its options ([`Namespace::query`]).
    pub fn run(&self, query: Query) -> Result<Blocking<Rows<Object>>, Error> {
        self.open(|_| query.objects())
    }

    /// [`Namespace::all`].
    pub fn all<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        self.wait(|namespace| namespace.all())
    }
}

impl Blocking<Namespace> {
    /// Calls a method of a class or of the instance at a path, with arguments by name ([`Namespace::method`]).
    pub fn call<'a>(&self, path: &str, method: &str, arguments: impl IntoIterator<Item = (&'a str, Argument)>) -> Result<Returned, Error> {
        let arguments: Vec<_> = arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.wait(async |namespace| namespace.method(path, method).await?.args(arguments).call().await)
    }
}

/// As [`crate::forms::get_object`], of the process's environment.
pub fn get_object(moniker: &str) -> Result<Blocking<Found>, Error> {
    start(crate::forms::get_object(moniker))
}

/// As [`Locator::connect_server`](crate::forms::Locator::connect_server), of the process's environment.
pub fn connect_server(
    path: &str,
    user: Option<&str>,
    password: Option<Secret>,
    locale: Option<&str>,
    flags: i32,
    authority: Option<&str>,
    context: Option<&NamedValueSet>,
) -> Result<Blocking<Services>, Error> {
    let locator = Environment::of_process().locator();
    start(locator.connect_server(path, user, password, locale, flags, authority, context))
}

/// As [`ManagementScope::with_options`]; it connects at its first call.
pub fn management_scope(path: &str, options: ConnectionOptions) -> Result<Blocking<ManagementScope>, Error> {
    start(async { ManagementScope::with_options(path, options).map_err(|m| Error::misuse(path, m)) })
}

impl Blocking<ManagementScope> {
    /// A watcher of events in the scope, with default options.
    pub fn watcher(&self, query: impl Into<crate::forms::ObjectQuery>) -> Blocking<ManagementEventWatcher> {
        self.with(ManagementEventWatcher::new(&self.value, query))
    }

    /// A searcher in the scope, with default options.
    pub fn searcher(&self, query: impl Into<crate::forms::ObjectQuery>) -> Blocking<ManagementObjectSearcher> {
        self.with(ManagementObjectSearcher::new(&self.value, query))
    }
}

/// As [`CimSession::create_with`]; it connects at its first operation.
pub fn cim_session(computer: Option<&str>, options: CimSessionOptions) -> Result<Blocking<CimSession>, Error> {
    start(async { Ok(CimSession::create_with(computer, options)) })
}

macro_rules! cmdlets { ($($form:ident),*) => { $(
    impl $form {
        /// Runs it for programs without an asynchronous runtime; the results are an iterator.
        ///
        /// # Errors
        #[doc = concat!("Those of [`", stringify!($form), "::run`]; [`Misuse::Option`] within an asynchronous runtime.")]
        pub fn run_blocking(self) -> Result<Blocking<Results>, Error> {
            start(async { self.run() })
        }
    }
)* } }
cmdlets!(GetWmiObject, InvokeWmiMethod, SetWmiInstance, RemoveWmiObject, RegisterWmiEvent);

impl<T> Iterator for Blocking<Rows<T>> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.wait_mut(async |rows| rows.next().await.transpose()).transpose()
    }
}

/// `count` of an iterator uses it up; [`Blocking::rewind`] starts again where the set goes back.
impl Iterator for Blocking<ObjectSet> {
    type Item = Result<Blocking<WmiObject>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.wait_mut(async |set| set.next().await.transpose()).transpose()?;
        Some(next.map(|object| self.with(object)))
    }
}

impl Iterator for Blocking<Results> {
    type Item = Result<FromComputer, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.wait_mut(async |results| results.next().await.transpose()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[tokio::test]
    async fn within_a_runtime_a_call_fails_and_does_not_panic() {
        for error in [
            get_object("winmgmts:").map(|_| ()).unwrap_err(),
            cim_session(None, CimSessionOptions::default()).map(|_| ()).unwrap_err(),
            Client::builder("127.0.36.1").connect_blocking().map(|_| ()).unwrap_err(),
        ] {
            assert!(matches!(error.kind(), ErrorKind::Misuse(Misuse::Option(why)) if why.contains("asynchronous")), "{error}");
        }
    }

    #[test]
    fn what_was_made_outside_is_refused_and_dropped_inside() {
        let session = cim_session(None, CimSessionOptions::default()).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            assert!(session.test_connection().is_err());
            drop(session);
        });
    }

    #[test]
    fn a_mistake_is_told_as_in_the_library() {
        assert_eq!(get_object("winmgmt:").unwrap_err().code(), Some(0x8004_01e4));
        let local = connect_server("root", Some("x"), Some("y".into()), None, 0, None, None);
        assert_eq!(local.unwrap_err().code(), Some(WbemStatus::LOCAL_CREDENTIALS.0));
    }
}
