//! `rwmi watch`: events of several computers, as they come.

use crate::args::{Connect, Shape, Watch};
use crate::connect::Targets;
use crate::format::{Columns, Format, Style};
use crate::query::{Question, Stop, columns_of, print};
use crate::report::Failure;
use rwmi_cim::wql;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Subscribes, and prints until it is told to stop.
pub(crate) fn run(args: Watch) -> Result<ExitCode, Failure> {
    let stop = Stop { count: args.count, time: args.time.map(Duration::from_secs) };
    events(args.connect, &args.shape, args.query, stop)
}

/// Subscribes to what a query says, and prints until it is to stop.
pub(crate) fn events(connect: Connect, shape: &Shape, text: String, stop: Stop) -> Result<ExitCode, Failure> {
    // Nobody is asked for a password for a query that is none.
    let query = wql::parse_event(&text)
        .map_err(|e| Failure::new(format!("the query is none for events: {}\n{}", e.status, e.diag.render(e.query()))))?;
    // Of a grouping query come other objects than it selects.
    let names = if query.group.is_none() { columns_of(&query.select) } else { None };
    let targets = Arc::new(Targets::new(connect)?);
    // Each event has its own time; whoever reads the line stamps it.
    let style = Style { stamp: None, ..shape.style(&targets.home()) };
    let columns = Columns { names, with_host: 1 < targets.hosts().len(), style };
    let format = targets.format(shape.output, Format::Jsonl);
    print(targets, Question { events: Some(stop), ..Question::of(text) }, format, columns)
}
