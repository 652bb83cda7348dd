//! `Get-WmiObject`.

use super::{ClassList, Connection, Found, Results, connection_parameters};
use crate::forms::environment::Environment;
use crate::forms::management::SelectQuery;
use crate::forms::object::{Place, WmiObject};
use crate::{Error, Misuse};
use rwmi_cim::Entity;
use rwmi_wbem::flags;
use std::sync::Arc;

/// `Get-WmiObject CLASS`.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::forms::get_wmi_object;
/// let mut systems = get_wmi_object("Win32_OperatingSystem").computer_name("Computer_B").run()?;
/// while let Some(system) = systems.next().await {
///     println!("{}", system?.object.get::<String>("Caption")?);
/// }
/// # Ok(())
/// # }
/// ```
pub fn get_wmi_object(class: impl Into<String>) -> GetWmiObject {
    GetWmiObject { class: class.into(), ..GetWmiObject::new() }
}

/// `Get-WmiObject` with its parameters; run by [`GetWmiObject::run`].
#[derive(Debug, Clone)]
#[must_use]
pub struct GetWmiObject {
    connection: Connection,
    class: String,
    properties: Vec<String>,
    filter: Option<String>,
    query: Option<String>,
    list: bool,
    recurse: bool,
    amended: bool,
    direct_read: bool,
}

connection_parameters!(GetWmiObject);

impl Default for GetWmiObject {
    fn default() -> Self {
        GetWmiObject::new()
    }
}

impl GetWmiObject {
    /// Without parameters, in the process's environment.
    pub fn new() -> GetWmiObject {
        GetWmiObject::in_environment(&Environment::of_process())
    }

    /// Without parameters, in an environment.
    pub fn in_environment(environment: &Environment) -> GetWmiObject {
        GetWmiObject {
            connection: Connection::new(environment),
            class: String::new(),
            properties: Vec::new(),
            filter: None,
            query: None,
            list: false,
            recurse: false,
            amended: false,
            direct_read: false,
        }
    }

    /// `-Class`: its instances, and those of the classes derived from it. With `-List` a pattern.
    pub fn class(mut self, class: impl Into<String>) -> Self {
        self.class = class.into();
        self
    }

    /// `-Property`: what is asked for; keys come in any case.
    pub fn property<I: IntoIterator<Item = S>, S: Into<String>>(mut self, properties: I) -> Self {
        self.properties.extend(properties.into_iter().map(Into::into));
        self
    }

    /// `-Filter`: what is behind `WHERE`.
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }

    /// `-Query`: a query of data, without class, properties and filter beside it.
    pub fn query(mut self, wql: impl Into<String>) -> Self {
        self.query = Some(wql.into());
        self
    }

    /// `-List`: the classes of the namespace whose names fit the class's pattern (`*`, `?`, `[a-z]`).
    pub fn list(mut self) -> Self {
        self.list = true;
        self
    }

    /// `-Recurse`: with `-List`, also those of the namespaces below.
    pub fn recurse(mut self) -> Self {
        self.recurse = true;
        self
    }

    /// `-Amended`: with localised qualifiers.
    pub fn amended(mut self) -> Self {
        self.amended = true;
        self
    }

    /// `-DirectRead`: of the very class.
    pub fn direct_read(mut self) -> Self {
        self.direct_read = true;
        self
    }

    /// What is sent, and what was put together wrongly.
    fn plan(&self) -> Result<What, Misuse> {
        let wrong = |why: &str| Err(Misuse::Option(why.into()));
        let narrowed = !self.class.is_empty() || !self.properties.is_empty() || self.filter.is_some();
        match (&self.query, self.list) {
            (Some(_), true) => wrong("-Query and -List exclude each other"),
            (Some(_), false) if narrowed => wrong("-Query stands without -Class, -Property and -Filter"),
            (Some(query), false) => Ok(What::Query(query.clone())),
            (None, true) if !self.properties.is_empty() || self.filter.is_some() => wrong("-List stands without -Property and -Filter"),
            (None, true) => Ok(What::Classes(if self.class.is_empty() { "*".into() } else { self.class.clone() })),
            (None, false) if self.recurse => wrong("-Recurse goes with -List"),
            (None, false) if self.class.is_empty() => wrong("-Class, -Query or -List is missing"),
            (None, false) => {
                let select = SelectQuery {
                    class_name: self.class.clone(),
                    condition: self.filter.clone().unwrap_or_default(),
                    // `*` among others is all.
                    selected_properties: if self.properties.iter().any(|p| p == "*") { Vec::new() } else { self.properties.clone() },
                    is_schema_query: false,
                };
                Ok(What::Query(select.build()?.query_string))
            }
        }
    }

    /// Asks all computers at the same time.
    ///
    /// # Errors
    /// Parameters that exclude each other, before anything is sent. What a computer refuses comes among the results.
    pub fn run(self) -> Result<Results, Error> {
        let what = self.plan().map_err(|m| Error::misuse(self.connection.computers.first().map_or(".", |c| c), m))?;
        let (amended, recurse) = (self.amended, self.recurse);
        let mut flags = flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY;
        flags |= if amended { flags::USE_AMENDED_QUALIFIERS } else { 0 };
        let direct = if self.direct_read { flags::DIRECT_READ } else { 0 };
        let what = Arc::new(what);
        Ok(self.connection.run(move |_, place, found| {
            let what = what.clone();
            async move {
                match &*what {
                    // Keys are added, so that every object has a path.
                    What::Query(query) => {
                        let set = place.query(query, "WQL", flags | direct | flags::ENSURE_LOCATABLE, None).await?;
                        found.give_all(set).await
                    }
                    What::Classes(pattern) => list(place, pattern, amended, recurse, &found).await,
                }
            }
        }))
    }
}

enum What {
    Query(String),
    Classes(String),
}

/// The classes of a namespace, and of those below it.
async fn list(place: Place, pattern: &str, amended: bool, recurse: bool, found: &Found) -> Result<(), Error> {
    let mut classes = ClassList::new(place.namespace.clone(), pattern, amended, recurse);
    while let Some(next) = classes.next().await {
        let (namespace, class) = match next {
            Ok(next) => next,
            // A namespace that is closed to us does not hide the others.
            Err(error) => {
                let _ = found.sender.send(Err(error)).await;
                continue;
            }
        };
        let place = Place { namespace, ..place.clone() };
        if !found.give(WmiObject::new(place, Entity::Class(class))).await {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credentials;
    use crate::forms::{AuthenticationLevel, ImpersonationLevel};
    use rwmi_cim::WbemStatus;

    fn get() -> GetWmiObject {
        GetWmiObject::in_environment(&Environment::default())
    }

    #[test]
    fn parameters_become_a_query() {
        let check = |form: GetWmiObject, expect: &str| match form.plan().unwrap() {
            What::Query(query) => assert_eq!(query, expect),
            What::Classes(_) => panic!("{expect}"),
        };
        check(get().class("Win32_OperatingSystem"), "SELECT * FROM Win32_OperatingSystem");
        check(get().class("C").property(["A", "B"]).filter("A = 1"), "SELECT A, B FROM C WHERE A = 1");
        check(get().class("C").property(["A", "*"]), "SELECT * FROM C");
        check(get().query("SELECT A FROM C"), "SELECT A FROM C");
        assert!(matches!(get().list().recurse().plan(), Ok(What::Classes(p)) if p == "*"));
    }

    #[test]
    fn parameters_that_exclude_each_other_are_refused() {
        for form in [
            get(),
            get().query("SELECT * FROM C").class("C"),
            get().query("SELECT * FROM C").filter("A = 1"),
            get().query("SELECT * FROM C").list(),
            get().class("C").list().filter("A = 1"),
            get().class("C").recurse(),
            get().class("a b"),
        ] {
            assert!(form.plan().is_err(), "{form:?}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_cmdlet() {
        let form = get().class("C");
        assert_eq!((form.connection.throttle, form.connection.namespace.as_str()), (32, r"root\cimv2"));
        assert_eq!(form.connection.request.authentication, AuthenticationLevel::Unchanged);
        assert_eq!(form.connection.request.impersonation, Some(ImpersonationLevel::Impersonate));
        // A default namespace of scripts is not theirs.
        let elsewhere = GetWmiObject::in_environment(&Environment::default().default_namespace("root"));
        assert_eq!(elsewhere.connection.namespace, r"root\cimv2");
    }

    #[tokio::test]
    async fn a_computer_that_fails_does_not_stop_the_others() {
        let form = get().class("C").computer_names([".", "a b", "localhost"]).credential(Credentials::new("x", "y").unwrap());
        let (objects, failures) = form.run().unwrap().collect().await;
        assert_eq!((objects.len(), failures.len()), (0, 3));
        let mut codes: Vec<_> = failures.iter().map(|e| (e.host().to_owned(), e.code().unwrap())).collect();
        codes.sort();
        assert_eq!(codes[0], (".".to_owned(), WbemStatus::LOCAL_CREDENTIALS.0));
        assert_eq!(codes[1], ("a b".to_owned(), WbemStatus::INVALID_PARAMETER.0));
        assert_eq!(codes[2], ("localhost".to_owned(), WbemStatus::LOCAL_CREDENTIALS.0));
    }
}
