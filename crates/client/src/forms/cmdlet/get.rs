//! `Get-WmiObject`.

use super::{Connection, Found, Results, connection_parameters};
use crate::forms::environment::Environment;
use crate::forms::management::SelectQuery;
use crate::forms::object::Place;
use crate::{Client, Error, Misuse};
use rwmi_wbem::flags;
use std::sync::Arc;

/// Deepest namespace that `-Recurse` goes into, against a server that nests without end.
const RECURSION_MAX: usize = 32;

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
        Ok(self.connection.run(move |client, place, found| {
            let what = what.clone();
            async move {
                match &*what {
                    // Keys are added, so that every object has a path.
                    What::Query(query) => {
                        let set = place.query(query, "WQL", flags | direct | flags::ENSURE_LOCATABLE, None).await?;
                        found.give_all(set).await
                    }
                    What::Classes(pattern) => list(&client, place, pattern, flags, recurse, &found).await,
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
async fn list(client: &Client, place: Place, pattern: &str, flags: i32, recurse: bool, found: &Found) -> Result<(), Error> {
    let mut waiting = vec![(place, 0)];
    while let Some((place, depth)) = waiting.pop() {
        let mut classes = place.subclasses(None, flags, None).await?;
        while let Some(class) = classes.next().await {
            let class = class?;
            if fits(pattern, &class.class().name) && !found.give(class).await {
                return Ok(());
            }
        }
        if !recurse || RECURSION_MAX <= depth {
            continue;
        }
        let below = flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY;
        for namespace in place.instances("__NAMESPACE", below, None).await?.collect().await? {
            let Ok(name) = namespace.get::<String>("Name") else { continue };
            match client.namespace(&format!(r"{}\{name}", place.namespace.name())).await {
                Ok(namespace) => waiting.push((Place { namespace, ..place.clone() }, depth + 1)),
                // A namespace that is closed to us does not hide the others.
                Err(error) => {
                    let _ = found.sender.send(Err(error)).await;
                }
            }
        }
    }
    Ok(())
}

/// Whether a name fits a pattern of PowerShell, without case: `*` any text, `?` any character, `[abc]` and `[a-z]` one of them.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let low = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    let (pattern, name) = (low(pattern), low(name));
    // The place of the last star, and the name's place when it was met: whoever fails goes on there with one character more.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match token(&pattern[p..]) {
            Some(Token::Any) => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some(Token::One(len, set)) if set.is_none_or(|set| has(set, name[n])) => {
                (p, n) = (p + len, n + 1);
                continue;
            }
            Some(Token::Literal(c)) if c == name[n] => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            _ => {}
        }
        match star {
            Some((after, met)) => {
                (p, n) = (after, met + 1);
                star = Some((after, met + 1));
            }
            None => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

enum Token<'a> {
    Any,
    One(usize, Option<&'a [char]>),
    Literal(char),
}

fn token(pattern: &[char]) -> Option<Token<'_>> {
    Some(match pattern.first()? {
        '*' => Token::Any,
        '?' => Token::One(1, None),
        '[' => match pattern.iter().position(|c| *c == ']') {
            Some(end) if 1 < end => Token::One(end + 1, pattern.get(1..end)),
            _ => Token::Literal('['),
        },
        c => Token::Literal(*c),
    })
}

fn has(set: &[char], c: char) -> bool {
    let is_range = |w: &[char]| matches!(w, [from, '-', to] if (*from..=*to).contains(&c));
    set.contains(&c) && c != '-' || set.windows(3).any(is_range)
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

    #[test]
    fn a_pattern_fits_without_case() {
        let check = |pattern: &str, name: &str, expect: bool| assert_eq!(fits(pattern, name), expect, "{pattern} {name}");
        check("*", "", true);
        check("win32_*", "Win32_Process", true);
        check("*Process*", "Win32_ProcessStartup", true);
        check("*_Proc?ss", "Win32_Process", true);
        check("*_Proc?ss", "Win32_Processor", false);
        check("Win[0-9][0-9]_[a-p]*", "Win32_Process", true);
        check("[xyz]*", "Win32_Process", false);
        check("", "x", false);
        check("[", "[", true);
        check("a*b*c", "aXbXbXc", true);
        check(&"*a".repeat(40), &"a".repeat(60), true);
        check(&("*a".repeat(40) + "b"), &"a".repeat(200), false);
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
