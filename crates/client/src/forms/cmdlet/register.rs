//! `Register-WmiEvent`.

use super::{Connection, Results, connection_parameters};
use crate::forms::environment::Environment;
use crate::forms::management::SelectQuery;
use crate::forms::object::WmiObject;
use crate::{Error, Misuse};
use rwmi_wbem::flags;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// `Register-WmiEvent -Class CLASS`: the events of an event class.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::forms::register_wmi_event;
/// let mut stops = register_wmi_event("Win32_ProcessStopTrace").computer_name("Computer_B").max_trigger_count(3).run()?;
/// while let Some(stop) = stops.next().await {
///     println!("{}", stop?.object.get::<String>("ProcessName")?);
/// }
/// # Ok(())
/// # }
/// ```
pub fn register_wmi_event(class: impl Into<String>) -> RegisterWmiEvent {
    RegisterWmiEvent { class: class.into(), ..RegisterWmiEvent::new() }
}

/// `Register-WmiEvent` with its parameters; run by [`RegisterWmiEvent::run`]. What the cmdlet does by `-Action` is what stands in the loop over
/// the results; dropping them unregisters.
#[derive(Debug, Clone)]
#[must_use]
pub struct RegisterWmiEvent {
    connection: Connection,
    class: String,
    query: Option<String>,
    timeout: u64,
    max_trigger_count: i32,
}

connection_parameters!(RegisterWmiEvent);

impl Default for RegisterWmiEvent {
    fn default() -> Self {
        RegisterWmiEvent::new()
    }
}

impl RegisterWmiEvent {
    /// Without parameters, in the process's environment.
    pub fn new() -> RegisterWmiEvent {
        RegisterWmiEvent::in_environment(&Environment::of_process())
    }

    /// Without parameters, in an environment.
    pub fn in_environment(environment: &Environment) -> RegisterWmiEvent {
        let connection = Connection::new(environment);
        RegisterWmiEvent { connection, class: String::new(), query: None, timeout: 0, max_trigger_count: -1 }
    }

    /// `-Class`: the events of this class.
    pub fn class(mut self, class: impl Into<String>) -> Self {
        self.class = class.into();
        self
    }

    /// `-Query`: a query for events, instead of a class.
    pub fn query(mut self, wql: impl Into<String>) -> Self {
        self.query = Some(wql.into());
        self
    }

    /// `-Timeout`: milliseconds after which nothing more is waited for; 0 is no end.
    pub fn timeout(mut self, milliseconds: u64) -> Self {
        self.timeout = milliseconds;
        self
    }

    /// `-MaxTriggerCount`: events of each computer; 0 and less is no limit.
    pub fn max_trigger_count(mut self, events: i32) -> Self {
        self.max_trigger_count = events;
        self
    }

    fn plan(&self) -> Result<String, Misuse> {
        match (&self.query, self.class.as_str()) {
            (Some(query), "") => Ok(query.clone()),
            (Some(_), _) => Err(Misuse::Option("-Query stands without -Class".into())),
            (None, "") => Err(Misuse::Option("-Class or -Query is missing".into())),
            (None, class) => Ok(SelectQuery::new(class).build()?.query_string),
        }
    }

    /// Subscribes on all computers; the results are events as they happen.
    ///
    /// # Errors
    /// Parameters that exclude each other, before anything is sent. What a computer refuses comes among the results, and so do events that
    /// were lost.
    pub fn run(self) -> Result<Results, Error> {
        let query = self.plan().map_err(|m| Error::misuse(self.connection.computers.first().map_or(".", |c| c), m))?;
        let query = Arc::new(query);
        let most = u32::try_from(self.max_trigger_count).ok().filter(|n| *n != 0);
        let time = if self.timeout == 0 { Duration::MAX } else { Duration::from_millis(self.timeout) };
        Ok(self.connection.run(move |_, place, found| {
            let query = query.clone();
            async move {
                let flags = flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY;
                let mut events = place.subscribe(&query, "WQL", flags, None, Ok).await?;
                let listening = async {
                    let mut left = most;
                    while left != Some(0) {
                        let Some(event) = events.next().await else { return };
                        left = left.map(|n| n - u32::from(event.is_ok()));
                        let told = match event {
                            Ok(event) => found.give(WmiObject::new(place.clone(), event)).await,
                            Err(error) => found.sender.send(Err(error)).await.is_ok(),
                        };
                        if !told {
                            return;
                        }
                    }
                };
                // The end of the time is the end of the events.
                let _ = timeout(time, listening).await;
                Ok(())
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_or_a_query_says_which_events() {
        let form = || RegisterWmiEvent::in_environment(&Environment::default());
        assert_eq!(form().class("Win32_ProcessStopTrace").plan().unwrap(), "SELECT * FROM Win32_ProcessStopTrace");
        assert_eq!(form().query("q").plan().unwrap(), "q");
        assert!(form().plan().is_err() && form().class("a b").plan().is_err() && form().class("C").query("q").plan().is_err());
        assert_eq!((form().timeout, form().max_trigger_count), (0, -1));
    }
}
