//! The standard consumers: what is done with an event that a permanent subscription brings.
//!
//! LogFileEventConsumer writes below the directory that the configuration names, NTEventLogEventConsumer to the journal,
//! SMTPEventConsumer to the servers that the configuration names. There is no consumer that runs a command or a script.

mod journal;
mod log_file;
mod mail;
mod smtp;
mod template;

use crate::config::ConsumersConfig;
use journal::Entry;
use log_file::{Line, LogDirectory};
use mail::Draft;
use rwmi_cim::{Class, Entity, Instance, Object, Value, WbemStatus, names_equal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest time that a delivery may take, whatever it does.
const DELIVERY: Duration = Duration::from_secs(120);

/// Why an event is not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undelivered {
    /// What a client would be told.
    pub(crate) status: WbemStatus,
    /// Why, in words.
    pub(crate) description: String,
    /// Whether another try may do better.
    pub(crate) passing: bool,
}

impl Undelivered {
    fn new(status: WbemStatus, description: impl Into<String>) -> Undelivered {
        Undelivered { status, description: description.into(), passing: false }
    }

    fn invalid(description: impl Into<String>) -> Undelivered {
        Undelivered::new(WbemStatus::INVALID_PARAMETER, description)
    }

    fn passing(description: impl Into<String>) -> Undelivered {
        Undelivered { status: WbemStatus::FAILED, description: description.into(), passing: true }
    }
}

impl From<template::TemplateError> for Undelivered {
    fn from(error: template::TemplateError) -> Undelivered {
        Undelivered::new(WbemStatus::FAILED, error.to_string())
    }
}

/// The kinds of consumers that act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    LogFile,
    EventLog,
    Mail,
}

fn kind(class: &Class) -> Option<Kind> {
    let kinds = [("LogFileEventConsumer", Kind::LogFile), ("NTEventLogEventConsumer", Kind::EventLog), ("SMTPEventConsumer", Kind::Mail)];
    kinds.into_iter().find(|(name, _)| class.is_a(name)).map(|(_, kind)| kind)
}

/// What acts.
#[derive(Debug)]
pub(crate) struct Consumers {
    config: ConsumersConfig,
    server_name: String,
    log: Option<Arc<LogDirectory>>,
    mails: AtomicU64,
}

impl Consumers {
    pub(crate) fn new(config: ConsumersConfig, server_name: impl Into<String>) -> Consumers {
        let log = config.log_directory.as_ref().map(|path| Arc::new(LogDirectory::new(path)));
        Consumers { config, server_name: server_name.into(), log, mails: AtomicU64::new(0) }
    }

    /// Lets a consumer act on an event. Dropping the future gives the delivery up, but for a line of a file.
    pub(crate) async fn deliver(&self, consumer: &Instance, event: &Object) -> Result<(), Undelivered> {
        let Some(kind) = kind(&consumer.class) else {
            let words = format!("this server has nothing that acts for {}", consumer.class.name);
            return Err(Undelivered::new(WbemStatus::PROVIDER_NOT_FOUND, words));
        };
        let consumer = Properties(consumer);
        if let Some(machine) = consumer.text("MachineName").filter(|m| !self.is_this(m)) {
            let words = format!("the consumer is to act on {machine:?}: this server acts on its own computer only");
            return Err(Undelivered::new(WbemStatus::NOT_SUPPORTED, words));
        }
        let work = async {
            match kind {
                Kind::LogFile => self.log_file(consumer, event).await,
                Kind::EventLog => self.event_log(consumer, event),
                Kind::Mail => self.mail(consumer, event).await,
            }
        };
        tokio::time::timeout(DELIVERY, work).await.unwrap_or_else(|_| Err(Undelivered::passing("the delivery takes too long")))
    }

    /// Whether a name of a computer is this one's. Some clients send an empty text for what nobody set.
    fn is_this(&self, machine: &str) -> bool {
        let name = machine.trim_start_matches('\\');
        name.is_empty() || name == "." || names_equal(name, &self.server_name)
    }

    async fn log_file(&self, consumer: Properties<'_>, event: &Object) -> Result<(), Undelivered> {
        let Some(log) = self.log.clone() else {
            return Err(Undelivered::new(WbemStatus::ACCESS_DENIED, "log files are off: [consumers] log-directory is not set"));
        };
        let name = consumer.text("Filename").ok_or_else(|| Undelivered::invalid("Filename is NULL"))?.to_owned();
        let text = consumer.rendered("Text", event)?.ok_or_else(|| Undelivered::invalid("Text is NULL"))?;
        let unicode = matches!(consumer.value("IsUnicode"), Some(Value::Boolean(true)));
        let size_max = consumer.number("MaximumFileSize").and_then(|n| n.try_into().ok()).unwrap_or(65_535);
        let written = tokio::task::spawn_blocking(move || log.append(Line { name: &name, text: &text, unicode, size_max })).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error @ log_file::LogError::Io { .. })) => Err(Undelivered::passing(words(&error))),
            Ok(Err(error)) => Err(Undelivered::new(WbemStatus::ACCESS_DENIED, words(&error))),
            Err(_) => Err(Undelivered::new(WbemStatus::FAILED, "writing ended without a word")),
        }
    }

    fn event_log(&self, consumer: Properties<'_>, event: &Object) -> Result<(), Undelivered> {
        let Some(socket) = &self.config.journal_socket else {
            return Err(Undelivered::new(WbemStatus::ACCESS_DENIED, "the journal is off: [consumers] journal-socket is empty"));
        };
        if let Some(other) = consumer.text("UNCServerName").filter(|o| !self.is_this(o)) {
            return Err(Undelivered::invalid(format!("the journal of {other:?} cannot be written from here")));
        }
        let source = consumer.text("SourceName").ok_or_else(|| Undelivered::invalid("SourceName is NULL"))?;
        if source.contains(':') {
            return Err(Undelivered::invalid(format!("SourceName {source:?} has a colon")));
        }
        let number = |name: &str, default: u32| consumer.number(name).map_or(Some(default), |n| u32::try_from(n).ok());
        let (id, event_type) = number("EventID", 0).zip(number("EventType", 1)).ok_or_else(|| Undelivered::invalid("no number"))?;
        let priority = journal::priority(event_type).ok_or_else(|| Undelivered::invalid(format!("EventType {event_type} is none")))?;
        let count = usize::try_from(number("NumberOfInsertionStrings", 0).unwrap_or(0)).unwrap_or(usize::MAX);
        let templates = consumer.texts("InsertionStringTemplates");
        if count > templates.len() {
            return Err(Undelivered::invalid(format!("NumberOfInsertionStrings is {count}, there are {} templates", templates.len())));
        }
        let strings: Vec<String> = templates.iter().take(count).map(|t| template::render(t, event)).collect::<Result<_, _>>()?;
        let message = if strings.is_empty() { format!("event {id} of {source}") } else { strings.join("\n") };
        let mut entry = Entry::default();
        entry.field("MESSAGE", &message).field("PRIORITY", priority.to_string()).field("SYSLOG_IDENTIFIER", source);
        entry.field("RWMI_EVENT_ID", id.to_string()).field("RWMI_EVENT_TYPE", event_type.to_string());
        entry.field("RWMI_CATEGORY", number("Category", 0).unwrap_or(0).to_string());
        entry.field("RWMI_CONSUMER", consumer.text("Name").unwrap_or_default());
        for string in strings.iter().filter(|_| strings.len() > 1) {
            entry.field("RWMI_STRING", string);
        }
        if let Some(octets) = consumer.property_of(event, "NameOfRawDataProperty")?.map(|v| raw(&v)) {
            entry.field("RWMI_DATA", octets);
        }
        if let Some(sid) = consumer.property_of(event, "NameOfUserSIDProperty")? {
            let text = sid.as_str().map(str::to_owned).or_else(|| sid_text(&raw(&sid)));
            entry.field("RWMI_USER_SID", text.ok_or_else(|| Undelivered::invalid("the event has no SID where it should"))?);
        }
        entry.send(socket).map_err(|e| Undelivered::passing(format!("cannot write to the journal {}, caused by {e}", socket.display())))
    }

    async fn mail(&self, consumer: Properties<'_>, event: &Object) -> Result<(), Undelivered> {
        let server = consumer.text("SMTPServer").ok_or_else(|| Undelivered::invalid("SMTPServer is NULL"))?;
        let Some(allowed) = self.config.smtp_servers.iter().find(|a| names_equal(a, server) || names_equal(host_of(a), server)) else {
            let words = format!("mail by way of {server:?} is off: [consumers] smtp-servers does not name it");
            return Err(Undelivered::new(WbemStatus::ACCESS_DENIED, words));
        };
        let address = if host_of(allowed).len() == allowed.len() { format!("{allowed}:25") } else { allowed.clone() };
        let rendered = |name: &str| consumer.rendered(name, event);
        let draft = Draft {
            from: rendered("FromLine")?.filter(|f| !f.is_empty()).unwrap_or_else(|| format!("WinMgmt@{}", self.server_name)),
            to: rendered("ToLine")?,
            cc: rendered("CcLine")?,
            bcc: rendered("BccLine")?,
            reply_to: rendered("ReplyToLine")?,
            subject: rendered("Subject")?,
            headers: consumer.texts("HeaderFields").into_iter().map(str::to_owned).collect(),
            body: rendered("Message")?.unwrap_or_default(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        let id = format!("{now}.{}", self.mails.fetch_add(1, Ordering::Relaxed));
        let mail = draft.into_mail(&self.server_name, &id, now).map_err(|e| Undelivered::invalid(e.to_string()))?;
        let sent = smtp::send(&address, &self.server_name, &mail).await;
        sent.map_err(|e| Undelivered { passing: e.is_passing(), ..Undelivered::new(WbemStatus::FAILED, words(&e)) })
    }
}

/// An error with its causes on one line; those of the system say nothing more in their source.
fn words(error: &dyn std::error::Error) -> String {
    error.to_string()
}

/// The host of `host`, `host:port` or `[address]:port`.
fn host_of(server: &str) -> &str {
    match server.rsplit_once(':') {
        Some((host, port))
            if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']')) =>
        {
            host
        }
        _ => server,
    }
}

/// The octets of an array, or of a text.
fn raw(value: &Value) -> Vec<u8> {
    match value {
        Value::Array(items) => items.iter().filter_map(|v| v.as_integer().and_then(|n| u8::try_from(n).ok())).collect(),
        other => other.as_str().unwrap_or_default().as_bytes().to_vec(),
    }
}

/// `S-1-5-18` of a security identifier in octets ([MS-DTYP] 2.4.2).
fn sid_text(octets: &[u8]) -> Option<String> {
    let (head, parts) = octets.split_at_checked(8)?;
    let [1, count, authority @ ..] = head else { return None };
    if parts.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0u64, |n, o| n << 8 | u64::from(*o));
    let mut text = format!("S-1-{authority}");
    for part in parts.chunks_exact(4) {
        text.push_str(&format!("-{}", u32::from_le_bytes(part.try_into().ok()?)));
    }
    Some(text)
}

/// What a consumer says.
#[derive(Clone, Copy)]
struct Properties<'a>(&'a Instance);

impl<'a> Properties<'a> {
    fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    fn text(self, name: &str) -> Option<&'a str> {
        self.value(name)?.as_str()
    }

    fn number(self, name: &str) -> Option<i128> {
        self.value(name)?.as_integer()
    }

    fn texts(self, name: &str) -> Vec<&'a str> {
        match self.value(name) {
            Some(Value::Array(items)) => items.iter().map(|v| v.as_str().unwrap_or_default()).collect(),
            _ => Vec::new(),
        }
    }

    fn rendered(self, name: &str, event: &Object) -> Result<Option<String>, Undelivered> {
        self.text(name).map(|t| template::render(t, event)).transpose().map_err(Undelivered::from)
    }

    /// The value of the event's property whose name the consumer gives.
    fn property_of(self, event: &Object, name: &str) -> Result<Option<Value>, Undelivered> {
        let Some(path) = self.text(name).filter(|p| !p.is_empty()) else { return Ok(None) };
        let found = template::find(&Entity::Instance(event.clone()), path).map_err(template::TemplateError::from)?;
        match found {
            Some(value) => Ok(Some(value).filter(|v| !v.is_null())),
            None => Err(Undelivered::invalid(format!("the event has no property {path:?}"))),
        }
    }
}

#[cfg(test)]
mod tests;
