//! Events in the forms that wait for one after the other: SWbemEventSource, ManagementEventWatcher, and what all forms subscribe by.

use super::CimSession;
use super::locator::{Enumerator, Services};
use super::management::{ManagementScope, ObjectQuery};
use super::object::{Place, WmiObject, is_name};
use super::scripting::SwbemServices;
use super::values::NamedValueSet;
use crate::namespace::object_of;
use crate::{Error, ErrorKind, Misuse, Rows, Step};
use rwmi_cim::{Entity, Object, WbemStatus};
use rwmi_wbem::flags;
use rwmi_wbem::interfaces::ExecNotificationQuery;
use std::time::Duration;
use tokio::time::timeout;

/// The flags that a subscription must have.
const FLAGS: i32 = flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY;

impl Place {
    /// Subscribes; events come as they happen.
    pub(crate) async fn subscribe<T>(
        &self,
        query: &str,
        language: &str,
        flags: i32,
        context: Option<&NamedValueSet>,
        convert: fn(Entity) -> Result<T, ErrorKind>,
    ) -> Result<Rows<T>, Error> {
        self.check_flags(22, flags)?;
        let context = context.and_then(NamedValueSet::pointer);
        let call = ExecNotificationQuery { language: language.into(), query: query.into(), flags, context };
        self.namespace.rows(&call, Step::Query, |r| r.enumerator, self.namespace.plan().of_events(), convert).await
    }
}

impl Services {
    /// Subscribes to events. The flags are 0x30, with 0x20000 where localised qualifiers are wanted; others, and one of the two missing, are
    /// `WBEM_E_INVALID_PARAMETER`. [`Enumerator::next`] with a time gives `WBEM_S_TIMEDOUT` where nothing happened in it.
    pub async fn exec_notification_query(
        &self,
        language: &str,
        query: &str,
        flags: i32,
        context: Option<&NamedValueSet>,
    ) -> Result<Enumerator, Error> {
        let events = self.place.subscribe(query, language, flags, context, Ok).await?;
        Ok(Enumerator::new(self.place.clone(), events))
    }
}

impl SwbemServices {
    /// Subscribes to the events of a query.
    pub async fn exec_notification_query(&self, wql: &str) -> Result<EventSource, Error> {
        self.exec_notification_query_with(wql, "WQL", FLAGS, None).await
    }

    /// As [`SwbemServices::exec_notification_query`], with the name of the language, flags and named values.
    pub async fn exec_notification_query_with(
        &self,
        query: &str,
        language: &str,
        flags: i32,
        values: Option<&NamedValueSet>,
    ) -> Result<EventSource, Error> {
        Ok(EventSource { place: self.place.clone(), events: self.place.subscribe(query, language, flags, values, Ok).await? })
    }
}

/// Events, to be waited for one after the other (SWbemEventSource). Dropping it ends the subscription.
#[derive(Debug)]
pub struct EventSource {
    place: Place,
    events: Rows<Entity>,
}

impl EventSource {
    /// The next event; waits `timeout_ms` milliseconds, without end where it is −1.
    ///
    /// # Errors
    /// `wbemErrTimedout` (0x80043001) where nothing happened in the time: the next call waits on. `WBEM_E_QUEUE_OVERFLOW` where
    /// events were lost: the next call goes on behind them.
    pub async fn next_event(&mut self, timeout_ms: i32) -> Result<WmiObject, Error> {
        let time = match u64::try_from(timeout_ms) {
            Ok(ms) => Duration::from_millis(ms),
            Err(_) if timeout_ms == -1 => Duration::MAX,
            Err(_) => return Err(self.place.rule(WbemStatus::INVALID_PARAMETER, "a time is -1 or milliseconds")),
        };
        let host = self.place.namespace.client().host().to_owned();
        let failed = |kind| Error::new(Step::Next, host, None, kind);
        match timeout(time, self.events.next()).await {
            // The same number as WBEM_E_RETRY_LATER.
            Err(_) => Err(failed(ErrorKind::Wbem(WbemStatus::RETRY_LATER))),
            Ok(Some(event)) => event.map(|event| WmiObject::new(self.place.clone(), event)),
            Ok(None) => Err(failed(ErrorKind::Closed)),
        }
    }
}

/// A query for events in parts (WqlEventQuery).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WqlEventQuery {
    /// The event class.
    pub event_class_name: String,
    /// What is behind `WHERE`, without the word; nothing where it is empty.
    pub condition: String,
    /// How often a server looks that is not told of changes; nothing where it is zero.
    pub within_interval: Duration,
    /// Events of so long become one; nothing where it is zero.
    pub group_within_interval: Duration,
    /// Which properties they have to have in common; any, where the list is empty.
    pub group_by_property_list: Vec<String>,
    /// What is behind `HAVING`, without the word; nothing where it is empty.
    pub having_condition: String,
}

impl WqlEventQuery {
    /// All events of a class.
    pub fn new(event_class_name: impl Into<String>) -> WqlEventQuery {
        WqlEventQuery { event_class_name: event_class_name.into(), ..WqlEventQuery::default() }
    }

    /// The query.
    ///
    /// # Errors
    /// [`Misuse::Rule`] where a name is none, and where a group is described and has no time.
    pub fn build(&self) -> Result<ObjectQuery, Misuse> {
        let wrong = |why: String| Err(Misuse::Rule { status: WbemStatus::INVALID_QUERY, why });
        if !is_name(&self.event_class_name) {
            return wrong(format!("{:?} is not the name of a class", self.event_class_name));
        }
        // `TargetInstance.Name` is a property of an embedded object.
        if let Some(name) = self.group_by_property_list.iter().find(|p| !p.split('.').all(is_name)) {
            return wrong(format!("{name:?} is not the name of a property"));
        }
        let is_grouped = !self.group_within_interval.is_zero();
        if !is_grouped && (!self.group_by_property_list.is_empty() || !self.having_condition.is_empty()) {
            return wrong("a group needs a time".into());
        }
        let mut query = format!("SELECT * FROM {}", self.event_class_name);
        if !self.within_interval.is_zero() {
            query += &format!(" WITHIN {}", self.within_interval.as_secs_f64());
        }
        if !self.condition.is_empty() {
            query += &format!(" WHERE {}", self.condition);
        }
        if is_grouped {
            query += &format!(" GROUP WITHIN {}", self.group_within_interval.as_secs_f64());
        }
        if !self.group_by_property_list.is_empty() {
            query += &format!(" BY {}", self.group_by_property_list.join(", "));
        }
        if !self.having_condition.is_empty() {
            query += &format!(" HAVING {}", self.having_condition);
        }
        Ok(ObjectQuery::new(query))
    }
}

/// How events come (EventWatcherOptions), with the defaults of .NET.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EventWatcherOptions {
    /// Events that are waited for before any is given: 1. More than one change nothing of what comes.
    pub block_size: u32,
    /// How long one event is waited for; no limit.
    pub timeout: Option<Duration>,
    /// Named values beside the call: none.
    pub context: NamedValueSet,
}

impl Default for EventWatcherOptions {
    fn default() -> Self {
        EventWatcherOptions { block_size: 1, timeout: None, context: NamedValueSet::default() }
    }
}

/// Waits for events in a scope (ManagementEventWatcher). The handlers `EventArrived` and `Stopped` of .NET are the loop around
/// [`ManagementEventWatcher::wait_for_next_event`], and its end.
#[derive(Debug)]
pub struct ManagementEventWatcher {
    /// Where.
    pub scope: ManagementScope,
    /// What.
    pub query: ObjectQuery,
    /// How.
    pub options: EventWatcherOptions,
    source: Option<EventSource>,
}

impl ManagementEventWatcher {
    /// A watcher with default options.
    pub fn new(scope: &ManagementScope, query: impl Into<ObjectQuery>) -> ManagementEventWatcher {
        ManagementEventWatcher { scope: scope.clone(), query: query.into(), options: EventWatcherOptions::default(), source: None }
    }

    /// Subscribes, where it has not: events count from then on.
    pub async fn start(&mut self) -> Result<(), Error> {
        self.source().await.map(|_| ())
    }

    async fn source(&mut self) -> Result<&mut EventSource, Error> {
        let source = match self.source.take() {
            Some(source) => source,
            None => {
                let place = self.scope.place().await?;
                let ObjectQuery { query_string, query_language } = &self.query;
                let events = place.subscribe(query_string, query_language, FLAGS, Some(&self.options.context), Ok).await?;
                EventSource { place, events }
            }
        };
        Ok(self.source.insert(source))
    }

    /// The next event; it subscribes where [`ManagementEventWatcher::start`] was not called.
    ///
    /// # Errors
    /// As of [`EventSource::next_event`], with the time of the options.
    pub async fn wait_for_next_event(&mut self) -> Result<WmiObject, Error> {
        let time = self.options.timeout.map_or(-1, |t| i32::try_from(t.as_millis()).unwrap_or(i32::MAX));
        self.source().await?.next_event(time).await
    }

    /// Ends the subscription.
    pub fn stop(&mut self) {
        self.source = None;
    }
}

impl CimSession {
    /// Subscribes to the events of a query; they come as a stream, whose end ends the subscription. The dialect is `WQL`.
    pub async fn subscribe(&self, namespace: &str, dialect: &str, query: &str) -> Result<Rows<Object>, Error> {
        let services = self.services(namespace).await?;
        services.place.subscribe(query, dialect, FLAGS, None, object_of).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_query_is_built_of_its_parts() {
        let check = |q: &WqlEventQuery, expect: &str| {
            assert_eq!(q.build().unwrap().query_string, expect);
            rwmi_cim::wql::parse_event(expect).unwrap();
        };
        let mut q = WqlEventQuery::new("__InstanceCreationEvent");
        q.within_interval = Duration::from_millis(2500);
        q.condition = "TargetInstance ISA 'Win32_Process'".into();
        check(&q, "SELECT * FROM __InstanceCreationEvent WITHIN 2.5 WHERE TargetInstance ISA 'Win32_Process'");
        q.group_within_interval = Duration::from_secs(10);
        q.group_by_property_list = vec!["TargetInstance.Name".into()];
        q.having_condition = "NumberOfEvents > 5".into();
        assert!(q.build().unwrap().query_string.ends_with("GROUP WITHIN 10 BY TargetInstance.Name HAVING NumberOfEvents > 5"));
        q.group_within_interval = Duration::ZERO;
        assert_eq!(q.build().unwrap_err().status(), Some(WbemStatus::INVALID_QUERY));
        check(&WqlEventQuery::new("Win32_ProcessStopTrace"), "SELECT * FROM Win32_ProcessStopTrace");
        assert!(WqlEventQuery::new("a b").build().is_err());
    }

    #[test]
    fn the_defaults_are_those_of_dot_net() {
        let o = EventWatcherOptions::default();
        assert_eq!((o.block_size, o.timeout, o.context.count()), (1, None, 0));
    }
}
