//! One computer, asked again and again over one connection.

use super::file::{Method, Query, Settings, is_among};
use crate::args::Place;
use crate::format::{Point, Style};
use crate::local::{Local, is_local};
use rwmi_cim::Value;
use rwmi_client::{Client, Error, ErrorKind, FaultStatus, HResult, Object, Step, Timeouts};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most lines of one query.
const ROWS_MAX: usize = 10_000;

pub(super) struct Machine {
    settings: Arc<Settings>,
    client: Option<Client>,
    /// The logon was refused: asking again would lock the account.
    refused: bool,
}

/// What came of one round.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Line protocol.
    pub(super) lines: String,
    /// A line each, for the log.
    pub(super) failures: Vec<String>,
}

impl Machine {
    pub(super) fn new(settings: Arc<Settings>) -> Machine {
        Machine { settings, client: None, refused: false }
    }

    pub(super) async fn close(self) {
        if let Some(client) = self.client {
            client.close().await;
        }
    }

    /// Asks everything, within its time. What came before a failure is kept.
    pub(super) async fn gather(&mut self, stamp: Option<u64>) -> Gathered {
        let mut gathered = Gathered::default();
        if self.refused {
            return gathered;
        }
        let limit = self.settings.timeout;
        let is_kept = self.client.is_some();
        let end = Instant::now() + limit;
        let mut round = tokio::time::timeout_at(end.into(), self.round(stamp, &mut gathered)).await;
        if is_kept && matches!(&round, Ok(Err(e)) if !is_an_answer(e)) {
            // It may have been started again since: that is found out only now.
            self.client = None;
            gathered = Gathered::default();
            round = tokio::time::timeout_at(end.into(), self.round(stamp, &mut gathered)).await;
        }
        match round {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.client = None;
                self.refused = is_refused_logon(&error);
                let more = if self.refused { "; it is not asked again until this is started again" } else { "" };
                gathered.failures.push(format!("E! {error}{more}"));
            }
            Err(_) => {
                self.client = None;
                gathered.failures.push(format!("E! {}: no answer in {limit:?}", self.settings.host));
            }
        }
        gathered
    }

    /// All questions over one connection. One that is answered with a failure does not stop the others.
    async fn round(&mut self, stamp: Option<u64>, gathered: &mut Gathered) -> Result<(), Error> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(connect(&self.settings).await?).clone(),
        };
        let settings = self.settings.clone();
        for query in &settings.queries {
            let from = gathered.lines.len();
            match rows(&client, &settings, query, stamp, &mut gathered.lines).await {
                Ok(()) => {}
                Err(error) if is_an_answer(&error) => gathered.failures.push(format!("E! {error} ({})", query.class_name)),
                Err(error) => {
                    gathered.lines.truncate(from);
                    return Err(error);
                }
            }
        }
        for method in &settings.methods {
            match call(&client, &settings, method, stamp, &mut gathered.lines).await {
                Ok(()) => {}
                Err(error) if is_an_answer(&error) => {
                    gathered.failures.push(format!("E! {error} ({}.{})", method.class_name, method.method));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

async fn connect(settings: &Settings) -> Result<Client, Error> {
    let whole = settings.timeout;
    let s = Duration::from_secs;
    let timeouts = Timeouts { connect: s(5).min(whole), handshake: s(10).min(whole), call: whole, quiet: whole, whole: Some(whole) };
    let mut builder = Client::builder(&settings.host).timeouts(timeouts);
    let has_port = settings.endpoint_port.is_some() || settings.object_port.is_some();
    if is_local(&settings.host, has_port) {
        let local = Local::new(&Place::default()).map_err(|f| Error::new(Step::Input, &settings.host, None, ErrorKind::Io(f.message)))?;
        builder = builder.dialer(Arc::new(local));
    }
    if let Some(credentials) = &settings.credentials {
        builder = builder.credentials(credentials.clone());
    }
    if let Some(port) = settings.endpoint_port {
        builder = builder.endpoint_port(port);
    }
    if let Some(port) = settings.object_port {
        builder = builder.object_port(port);
    }
    builder.connect().await
}

/// Whether WMI answered, if with a failure: the connection is good then.
fn is_an_answer(error: &Error) -> bool {
    use ErrorKind::{Misfit, Misuse, Object, Wbem, Wql};
    matches!(error.kind(), Wbem(_) | Wql { .. } | Misuse(_) | Object(_) | Misfit(_))
}

/// Whether it was the account that was refused, and not what it asked for.
fn is_refused_logon(error: &Error) -> bool {
    let is_at_the_door = matches!(error.step(), Step::ServerAlive | Step::Activate | Step::ConnectObjectPort);
    let is_no = match error.kind() {
        ErrorKind::Auth(_) => true,
        ErrorKind::Fault(status) => *status == FaultStatus::ACCESS_DENIED,
        ErrorKind::HResult(code) => *code == HResult(0x8007_0005),
        _ => false,
    };
    is_at_the_door && is_no
}

/// A point with what every one of a computer has.
fn point(settings: &Settings, class: &str) -> Point {
    let mut point = Point::new(&format!("{}{class}", settings.prefix));
    // As the plug-in does: Telegraf itself knows this computer.
    if !matches!(settings.host.as_str(), "" | ".") {
        point.tag("source", &settings.host);
    }
    for (name, value) in &settings.tags {
        point.tag(name, value);
    }
    point
}

async fn rows(client: &Client, settings: &Settings, query: &Query, stamp: Option<u64>, lines: &mut String) -> Result<(), Error> {
    let namespace = client.namespace(&query.namespace).await?;
    let mut rows = namespace.query(query.wql()).objects().await?;
    let mut count = 0;
    while let Some(row) = rows.next().await {
        let object = row?;
        if count == ROWS_MAX {
            let why = format!("more than {ROWS_MAX} rows");
            return Err(Error::new(Step::Next, &settings.host, None, ErrorKind::Misfit(why)));
        }
        count += 1;
        *lines += &line(settings, query, &object, stamp).unwrap_or_default();
    }
    Ok(())
}

fn line(settings: &Settings, query: &Query, object: &Object, stamp: Option<u64>) -> Option<String> {
    let style = Style::default();
    let mut point = point(settings, &query.class_name);
    // The names as they are written in the file: a dashboard has them.
    let names: Vec<&str> = match query.properties.as_slice() {
        [all] if all == "*" => object.class().properties.iter().map(|p| p.name.as_str()).collect(),
        some => some.iter().map(String::as_str).collect(),
    };
    for name in &names {
        if is_among(&query.tag_properties, name) {
            point.tag(name, &style.text(&object.get::<Value>(name).unwrap_or(Value::Null)));
        }
    }
    for name in &names {
        if !is_among(&query.tag_properties, name) {
            point.field(&style, name, &object.get::<Value>(name).unwrap_or(Value::Null));
        }
    }
    point.line(stamp)
}

async fn call(client: &Client, settings: &Settings, method: &Method, stamp: Option<u64>, lines: &mut String) -> Result<(), Error> {
    let namespace = client.namespace(&method.namespace).await?;
    let done = namespace.method(&method.class_name, &method.method).await?.args(method.arguments()).call().await?;
    let style = Style::default();
    let mut point = point(settings, &method.class_name);
    let mut out: Vec<(String, Value)> = Vec::new();
    for (name, value) in done.object().iter() {
        let name = method.fields.get(name).filter(|n| !n.is_empty()).map_or(name, String::as_str);
        match value.unwrap_or(Value::Null) {
            // As the plug-in does.
            Value::Array(items) => out.extend(items.into_iter().enumerate().map(|(i, item)| (format!("{name}_{i}"), item))),
            value => out.push((name.to_owned(), value)),
        }
    }
    let is_of_array =
        |name: &str| name.rsplit_once('_').is_some_and(|(n, i)| i.parse::<u32>().is_ok() && is_among(&method.tag_properties, n));
    let is_tag = |name: &str| is_among(&method.tag_properties, name) || is_of_array(name);
    for (name, value) in out.iter().filter(|(n, _)| is_tag(n)) {
        point.tag(name, &style.text(value));
    }
    for (name, value) in out.iter().filter(|(n, _)| !is_tag(n)) {
        point.field(&style, name, value);
    }
    *lines += &point.line(stamp).unwrap_or_default();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_client::WbemStatus;

    #[test]
    fn a_refused_logon_is_told_from_a_refused_question() {
        let error = |step, kind| Error::new(step, "a", Some(135), kind);
        let check = |step: Step, kind: ErrorKind, refused: bool, answer: bool| {
            let error = error(step, kind);
            assert_eq!((is_refused_logon(&error), is_an_answer(&error)), (refused, answer), "{error}");
        };
        check(Step::Activate, ErrorKind::Fault(FaultStatus::ACCESS_DENIED), true, false);
        check(Step::Activate, ErrorKind::HResult(HResult(0x8007_0005)), true, false);
        check(Step::Activate, ErrorKind::TimedOut { after: Duration::from_secs(1) }, false, false);
        check(Step::Next, ErrorKind::Wbem(WbemStatus::INVALID_CLASS), false, true);
        check(Step::Login { namespace: "n".into() }, ErrorKind::Wbem(WbemStatus::ACCESS_DENIED), false, true);
        check(Step::Query, ErrorKind::Closed, false, false);
        check(Step::Query, ErrorKind::Fault(FaultStatus::ACCESS_DENIED), false, false);
    }
}
