//! `Register-WmiEvent` and `Register-CimIndicationEvent`.

use super::bind::Given;
use crate::query::Stop;
use crate::report::Failure;
use crate::watch;
use rwmi_client::forms::SelectQuery;
use std::process::ExitCode;
use std::time::Duration;

pub(super) fn wmi(given: Given) -> Result<ExitCode, Failure> {
    let timeout = given.number("Timeout").and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms != 0);
    listen(&given, given.text("Class"), timeout.map(Duration::from_millis))
}

pub(super) fn cim(given: Given) -> Result<ExitCode, Failure> {
    listen(&given, given.text("ClassName"), None)
}

fn listen(given: &Given, class: Option<&str>, time: Option<Duration>) -> Result<ExitCode, Failure> {
    let query = match given.text("Query") {
        Some(query) => query.to_owned(),
        None => SelectQuery::new(class.unwrap_or_default()).build().map_err(Failure::usage)?.query_string,
    };
    let count = given.number("MaxTriggerCount").and_then(|n| u64::try_from(n).ok()).filter(|n| *n != 0);
    let (ours, _) = given.ours(None)?;
    watch::events(ours.connect, &ours.shape, query, Stop { count, time })
}
