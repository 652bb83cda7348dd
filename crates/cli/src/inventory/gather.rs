//! Asking one computer: all queries over one connection, each with its own deadline and its own failure.

use super::ask::{ASKS, Ask, FIREWALLS};
use super::record::{Lack, Record, Row, Rows};
use super::registry;
use rwmi_cim::{ObjectPath, PathKeys, Value, names_equal};
use rwmi_client::{Client, Error, ErrorKind, Namespace, Object, WbemStatus};
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Queries of one computer that are under way at the same time.
const AT_ONCE: usize = 4;

/// Most rows of a class.
const ROWS_MAX: usize = 10_000;

/// Most groups whose members, and processes whose owners, are asked for one by one.
const ONE_BY_ONE_MAX: usize = 1_000;

/// Calls under way at the same time where things are asked for one by one.
pub(super) const CALLS_AT_ONCE: usize = 8;

/// What is asked, and how long each question may take.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Sections that are left out.
    pub(super) without: Vec<String>,
    /// The longest time of one query.
    pub(super) query: Duration,
}

impl Plan {
    pub(super) fn wants(&self, section: &str) -> bool {
        !self.without.iter().any(|s| s == section)
    }
}

/// What came of one question: as much as came, and why not more.
pub(super) struct Answer {
    pub(super) section: &'static str,
    pub(super) namespace: String,
    pub(super) class: &'static str,
    pub(super) rows: Vec<Row>,
    pub(super) why: Option<Why>,
}

/// Why something is not there, or not whole.
#[derive(Debug, Clone)]
pub(super) struct Why {
    pub(super) code: Option<u32>,
    pub(super) message: String,
}

impl From<&Error> for Why {
    fn from(error: &Error) -> Why {
        let words = error.info().map(|i| format!(" ({i})")).unwrap_or_default();
        Why { code: error.code(), message: format!("{}{words}", error.kind()) }
    }
}

impl Why {
    pub(super) fn new(message: impl Into<String>) -> Why {
        Why { code: None, message: message.into() }
    }

    /// More answers were there, or may have been, than there was time for.
    pub(super) fn late() -> Why {
        Why::new("no answer in time")
    }
}

/// Asks a computer everything. What fails is named in the record.
pub(super) async fn gather(client: &Client, plan: &Plan, end: Instant) -> Record {
    let gathered = SystemTime::now();
    let started = Instant::now();
    let answers = all(client, plan, end).await;
    let mut record = Record { host: client.host().to_owned(), gathered, took: started.elapsed(), found: Vec::new(), lacks: Vec::new() };
    for answer in answers {
        let Answer { section, namespace, class, rows, why } = answer;
        if let Some(Why { code, message }) = &why {
            let (code, message) = (*code, message.clone());
            record.lacks.push(Lack { section, namespace, class: class.to_owned(), code, message });
        }
        // A class that is there and has nothing is another thing than one that is not there.
        if why.is_none() || !rows.is_empty() {
            record.found.push(Rows { section, class, rows });
        }
    }
    record
}

/// All answers, in the order of the questions.
async fn all(client: &Client, plan: &Plan, end: Instant) -> Vec<Answer> {
    let asks: Vec<&'static Ask> = ASKS.iter().filter(|a| plan.wants(a.section)).collect();
    let mut answers: Vec<Vec<Answer>> = asks.iter().map(|_| Vec::new()).collect();
    let mut tasks: JoinSet<(usize, Vec<Answer>)> = JoinSet::new();
    // The registry takes the longest: it begins first, and what it finds stands last.
    let wanted: Vec<&'static str> = ["operatingsystem", "softwares", FIREWALLS].into_iter().filter(|s| plan.wants(s)).collect();
    answers.push(Vec::new());
    if !wanted.is_empty() {
        let (client, place, query) = (client.clone(), asks.len(), plan.query);
        tasks.spawn(async move { (place, registry::answers(&client, &wanted, query, end).await) });
    }
    for (place, ask) in asks.into_iter().enumerate() {
        while AT_ONCE < tasks.len() {
            keep(tasks.join_next().await, &mut answers);
        }
        let (client, query) = (client.clone(), plan.query);
        tasks.spawn(async move { (place, vec![answer(&client, ask, query, end).await]) });
    }
    while let Some(done) = tasks.join_next().await {
        keep(Some(done), &mut answers);
    }
    answers.into_iter().flatten().collect()
}

fn keep(done: Option<Result<(usize, Vec<Answer>), tokio::task::JoinError>>, answers: &mut [Vec<Answer>]) {
    if let Some(Ok((place, found))) = done
        && let Some(slot) = answers.get_mut(place)
    {
        *slot = found;
    }
}

/// One class: its rows so far, when it fails or takes too long.
async fn answer(client: &Client, ask: &'static Ask, query: Duration, end: Instant) -> Answer {
    let end = end.min(Instant::now() + query);
    let mut rows = Vec::new();
    let why = match timeout_at(end, fill(client, ask, &mut rows)).await {
        Ok(Ok(why)) => why,
        Ok(Err(error)) => Some(Why::from(&error)),
        Err(_) => Some(Why::late()),
    };
    Answer { section: ask.section, namespace: ask.namespace.to_owned(), class: ask.class, rows, why }
}

async fn fill(client: &Client, ask: &Ask, rows: &mut Vec<Row>) -> Result<Option<Why>, Error> {
    let namespace = client.namespace(ask.namespace).await?;
    let names: Vec<&'static str> = ask.names().collect();
    let mut why = match rows_of(&namespace, &ask.wql(&names), &names, rows).await {
        Err(error) if is_about_properties(&error) => {
            // Old systems lack some of them, and then refuse the whole query.
            let class = namespace.class(ask.class).await?;
            let there: Vec<&str> = names.iter().copied().filter(|n| class.property_index(n).is_some()).collect();
            if there.is_empty() || there.len() == names.len() {
                return Err(error);
            }
            rows.clear();
            rows_of(&namespace, &ask.wql(&there), &there, rows).await?
        }
        other => other?,
    };
    let more = match ask.class {
        "Win32_Group" => members(&namespace, rows).await,
        "Win32_Process" => owners(&namespace, rows).await,
        _ => None,
    };
    why = why.or(more);
    Ok(why)
}

/// Whether a query was refused for what it selects.
fn is_about_properties(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Wbem(WbemStatus::INVALID_QUERY | WbemStatus::INVALID_PROPERTY))
}

/// Runs a query. A row that cannot be read is left out, and told.
async fn rows_of(namespace: &Namespace, wql: &str, names: &[&str], into: &mut Vec<Row>) -> Result<Option<Why>, Error> {
    let mut rows = namespace.query(wql).objects().await?;
    let mut why = None;
    while let Some(row) = rows.next().await {
        match row {
            Ok(_) if into.len() == ROWS_MAX => return Ok(Some(Why::new(format!("more than {ROWS_MAX} rows")))),
            Ok(object) => into.push(row_of(&object, names)),
            Err(error) if into.is_empty() => return Err(error),
            Err(error) => why = why.or(Some(Why::from(&error))),
        }
    }
    Ok(why)
}

fn row_of(object: &Object, names: &[&str]) -> Row {
    Row(names.iter().map(|n| ((*n).to_owned(), object.get::<Value>(n).unwrap_or(Value::Null))).collect())
}

/// The members of each group, asked for group by group: all of them at once are those of the whole domain.
async fn members(namespace: &Namespace, groups: &mut [Row]) -> Option<Why> {
    let mut why = (ONE_BY_ONE_MAX < groups.len()).then(|| Why::new(format!("more than {ONE_BY_ONE_MAX} groups: no members of the others")));
    for group in groups.iter_mut().take(ONE_BY_ONE_MAX) {
        let (Some(domain), Some(name)) = (group.text("Domain"), group.text("Name")) else { continue };
        let path = format!("Win32_Group.Domain={},Name={}", quoted(&domain), quoted(&name));
        let wql = format!("SELECT PartComponent FROM Win32_GroupUser WHERE GroupComponent = {}", quoted(&path));
        let mut rows = Vec::new();
        match rows_of(namespace, &wql, &["PartComponent"], &mut rows).await {
            Ok(more) => why = why.or(more),
            // Where the class is missing, it is for all.
            Err(error) => return Some(Why::new(format!("members of groups: {}", Why::from(&error).message))),
        }
        let names: Vec<Value> = rows.iter().filter_map(|r| account_of(&r.text("PartComponent")?)).map(Value::from).collect();
        group.0.push(("Members".to_owned(), Value::Array(names)));
    }
    why
}

/// A literal of WQL, and of a path.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The account that a path names: `DOMAIN\name`.
pub(super) fn account_of(path: &str) -> Option<String> {
    let path: ObjectPath = path.parse().ok()?;
    let PathKeys::Named(keys) = &path.keys else { return None };
    let key = |name: &str| keys.iter().find(|(n, _)| names_equal(n, name)).and_then(|(_, v)| v.as_str());
    Some(match (key("Domain"), key("Name")?) {
        (Some(domain), name) => format!("{domain}\\{name}"),
        (None, name) => name.to_owned(),
    })
}

/// The owner of each process, by its method. Of many nobody may know it: that is no failure.
async fn owners(namespace: &Namespace, processes: &mut [Row]) -> Option<Why> {
    let asked = processes.len().min(ONE_BY_ONE_MAX);
    let mut tasks = JoinSet::new();
    let mut why = (asked < processes.len()).then(|| Why::new(format!("more than {asked} processes: no owners of the others")));
    for place in 0..asked {
        while CALLS_AT_ONCE <= tasks.len() {
            why = why.or(owned(tasks.join_next().await, processes));
        }
        let Some(handle) = processes.get(place).and_then(|p| p.text("Handle")) else { continue };
        let namespace = namespace.clone();
        tasks.spawn(async move { (place, owner(&namespace, &handle).await) });
    }
    while let Some(done) = tasks.join_next().await {
        why = why.or(owned(Some(done), processes));
    }
    why
}

type Owned = (usize, Result<Option<String>, Error>);

fn owned(done: Option<Result<Owned, tokio::task::JoinError>>, processes: &mut [Row]) -> Option<Why> {
    let Some(Ok((place, owner))) = done else { return None };
    match owner {
        Ok(owner) => {
            let process = processes.get_mut(place)?;
            process.0.push(("Owner".to_owned(), owner.map_or(Value::Null, Value::from)));
            None
        }
        // It may have ended since.
        Err(error) if matches!(error.kind(), ErrorKind::Wbem(WbemStatus::NOT_FOUND)) => None,
        Err(error) => Some(Why::new(format!("owners of processes: {}", Why::from(&error).message))),
    }
}

async fn owner(namespace: &Namespace, handle: &str) -> Result<Option<String>, Error> {
    let done = namespace.method(&format!("Win32_Process.Handle={}", quoted(handle)), "GetOwner").await?.call().await?;
    if done.return_value() != Some(0) {
        return Ok(None);
    }
    let text = |name: &str| done.get::<Option<String>>(name).ok().flatten().filter(|t| !t.is_empty());
    Ok(match (text("Domain"), text("User")) {
        (Some(domain), Some(user)) => Some(format!("{domain}\\{user}")),
        (_, user) => user,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_an_account() {
        let check = |path: &str, expect: Option<&str>| assert_eq!(account_of(path).as_deref(), expect, "{path}");
        check(r#"\\PC1\root\cimv2:Win32_UserAccount.Domain="PC1",Name="alice""#, Some(r"PC1\alice"));
        check(r#"Win32_Group.Domain="CORP",Name="Domain Admins""#, Some(r"CORP\Domain Admins"));
        check(r#"Win32_SID.SID="S-1-1-0""#, None);
        check("Win32_UserAccount", None);
        check("not a path", None);
    }

    #[test]
    fn a_name_stays_within_its_quotes() {
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        let path = format!("Win32_Group.Domain={},Name={}", quoted("D"), quoted(r#"x" OR "1" = "1"#));
        let wql = format!("SELECT PartComponent FROM Win32_GroupUser WHERE GroupComponent = {}", quoted(&path));
        let rwmi_cim::wql::Query::Select(select) = rwmi_cim::wql::parse(&wql).unwrap() else { panic!("{wql}") };
        assert!(format!("{select:?}").contains("OR"), "the name is within the literal");
        assert_eq!(account_of(&path).as_deref(), Some(r#"D\x" OR "1" = "1"#));
    }
}
