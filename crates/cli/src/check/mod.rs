//! `rwmi check`: a monitoring plug-in. One line, details, performance data, and the exit status that says it all.

mod args;
mod counted;
mod disk_io;
mod events;
mod files;
mod mode;
mod network;
mod number;
mod outcome;
mod range;
mod ready;
mod row;
mod smart;
mod state;
#[cfg(test)]
mod testing;

pub(crate) use args::{Check, NoData};
pub(crate) use mode::Mode;

use crate::args::Connect;
use crate::connect::{Targets, interrupted};
use crate::report::Failure;
use crate::threads::Threads;
use events::{Bookmark, Wanted};
use mode::{Input, Pick, Plan, Samples, Wish};
use number::Number;
use outcome::{Item, Outcome, Status, Thresholds, harmless, judge, unknown};
use range::{Kilo, Threshold};
use row::{Counter, Datum, Row, Sample};
use rwmi_cim::{WbemStatus, names_equal, wql};
use rwmi_client::{Client, Error, ErrorKind, Namespace};
use state::State;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Most rows that are looked at.
const ROWS_MAX: usize = 100_000;

/// Rows of a query that are told one by one.
const ROWS_TOLD_MAX: usize = 100;

/// Runs a check. It always has an outcome: what keeps it from one is UNKNOWN.
pub(crate) fn run(args: Check) -> ExitCode {
    let outcome = outcome_of(args).unwrap_or_else(|failure| {
        let mut lines = failure.message.lines().map(str::to_owned);
        let first = lines.next().unwrap_or_default();
        unknown(&first, &lines.chain(failure.hint.map(|h| format!("hint: {h}"))).collect::<Vec<_>>())
    });
    print(&outcome)
}

/// What a command line that clap refuses ends with, where it is for this command: a plug-in's exit status 2 would be CRITICAL.
pub(crate) fn refused(error: &clap::Error) -> Option<ExitCode> {
    let mut words = std::env::args().skip(1).skip_while(|a| a.starts_with('-'));
    if words.next().as_deref() != Some("check") || !error.use_stderr() {
        return None;
    }
    let text = error.to_string();
    let mut lines = text.lines().filter(|l| !l.trim().is_empty()).map(str::to_owned);
    let first = lines.next().unwrap_or_default();
    Some(print(&unknown(first.trim_start_matches("error: "), &lines.collect::<Vec<_>>())))
}

fn print(outcome: &Outcome) -> ExitCode {
    // Whoever started us reads standard output only; when it is closed nobody is left to tell.
    let _ = std::io::stdout().write_all(outcome.text.as_bytes());
    ExitCode::from(outcome.status.code())
}

fn outcome_of(args: Check) -> Result<Outcome, Failure> {
    // Networks count in powers of 1000.
    let decimal = args.decimal || args.mode == Mode::Network;
    let thresholds = Thresholds { warning: parsed(&args.warning, decimal)?, critical: parsed(&args.critical, decimal)? };
    let wish = wish(&args)?;
    let question = match (&args.subject, args.mode) {
        (Some(query), Mode::Query) => Some(Question::new(&args, query, &thresholds)?),
        (None, Mode::Query) => return Err(Failure::usage("the query is missing").hint("rwmi check query \"SELECT ...\" -w FIELD=RANGE")),
        (None, mode) if mode.has_path() => {
            return Err(Failure::usage("the path is missing").hint("rwmi check fileage C:/pagefile.sys -w 1day"));
        }
        (Some(_), mode) if !mode.has_path() => {
            return Err(Failure::usage("only the check `query` takes a query, and those of files a path"));
        }
        _ => None,
    };
    let plans = args.mode.plans(&wish).map_err(Failure::usage)?;
    let (mode, no_data) = (args.mode, args.no_data);
    let delay = Duration::try_from_secs_f64(args.delay.unwrap_or_else(|| mode.delay()))
        .map_err(|_| Failure::usage("--delay is no length of time"))?;
    // Whoever starts a check has a limit of ten seconds.
    let targets = Targets::new(Connect { usual_timeout: 9, ..args.connect })?;
    let [host] = targets.hosts() else { return Err(Failure::usage("a check is of one computer")) };
    let host = host.clone();
    let whole = targets.whole(&host);
    let namespace = targets.namespace(&host).map_err(Failure::from)?.to_lowercase();
    let about = format!("{}\n{namespace}", targets.endpoint_port(&host));
    let place = Place {
        dir: args.state_dir.unwrap_or_else(state::default_dir),
        // What would make the numbers of two samples those of different things.
        about: format!("{host}\n{about}"),
        wanted: !args.no_state,
        delay,
        age_max: Duration::from_secs(args.state_age),
    };
    let threads = Threads::of(tokio::runtime::Builder::new_current_thread())?;
    threads.block_on(async {
        let asking = async {
            let (client, namespace, _) = targets.open(&host).await?;
            let answer = match &question {
                Some(question) => question.ask(&namespace, &place).await,
                None if mode == Mode::Eventlog => event_log(&namespace, &wish, &place).await,
                None => ready(&client, &namespace, &plans, &wish, &place).await,
            };
            client.close().await;
            answer
        };
        let (items, period) = tokio::select! {
            biased;
            () = interrupted() => return Err(Failure::new("interrupted")),
            answer = tokio::time::timeout(whole, asking) => match answer {
                Ok(answer) => answer?,
                Err(_) => return Err(Failure::new(format!("no answer within {} s", whole.as_secs())).hint("--timeout gives it longer; the caller's own must be longer still")),
            },
        };
        let counted = |t: &Threshold| t.field.as_deref().unwrap_or(mode.default_field()).eq_ignore_ascii_case(COUNT);
        let counts = mode.counts() || thresholds.warning.iter().chain(&thresholds.critical).any(counted);
        if !counts && items.iter().all(|i| i.fields.iter().all(|(n, _)| n == COUNT)) {
            return Ok(nothing(no_data));
        }
        let default = question.as_ref().map_or(mode.default_field(), |q| &q.default);
        Ok(judge(&items, &thresholds, default, period))
    })
}

/// The field that counts rows.
const COUNT: &str = "_ItemCount";

fn nothing(status: NoData) -> Outcome {
    let status = match status {
        NoData::Ok => Status::Ok,
        NoData::Warning => Status::Warning,
        NoData::Critical => Status::Critical,
        NoData::Unknown => Status::Unknown,
    };
    let outcome = unknown("No data: nothing that is asked for is there", &[]);
    let word = match status {
        Status::Ok => "OK",
        Status::Warning => "WARNING",
        Status::Critical => "CRITICAL",
        Status::Unknown => "UNKNOWN",
    };
    Outcome { status, text: outcome.text.replacen("UNKNOWN", word, 1) }
}

fn parsed(list: &[String], decimal: bool) -> Result<Vec<Threshold>, Failure> {
    let kilo = if decimal { Kilo::Decimal } else { Kilo::Binary };
    list.iter().map(|t| Threshold::parse(t, kilo).map_err(Failure::usage)).collect()
}

/// What items there are, and how many seconds the earlier run was ago where its sample was taken.
type Answer = Result<(Vec<Item>, Option<u64>), Failure>;

/// A check by its plans: where that computer lacks the class of one, by the next.
async fn ready(client: &Client, namespace: &Namespace, plans: &[Plan], wish: &Wish, place: &Place) -> Answer {
    let mut lacking = None;
    for plan in plans {
        match by_plan(client, namespace, plan, wish, place).await {
            Err(Lack::Class(failure)) => lacking = Some(failure),
            Err(Lack::Other(failure)) => return Err(failure),
            Ok(answer) => return Ok(answer),
        }
    }
    Err(lacking.unwrap_or_else(|| Failure::new("there is no way to make this check")))
}

async fn by_plan(client: &Client, callers: &Namespace, plan: &Plan, wish: &Wish, place: &Place) -> Result<(Vec<Item>, Option<u64>), Lack> {
    let named = async |name: Option<&'static str>| match name {
        Some(name) => client.namespace(name).await.map(Some),
        None => Ok(None),
    };
    let own = named(plan.namespace).await?;
    let namespace = own.as_ref().unwrap_or(callers);
    let ask = async || sample(namespace, &plan.query, plan.label).await;
    let items = |now: &Sample, earlier: Option<&Sample>, more: &[Sample]| (plan.items)(&Input { now, earlier, more, wish });
    // Behind the first query, which says whether that computer has the class at all.
    let more = async || {
        let mut more = Vec::new();
        for join in &plan.joins {
            let found = async {
                let other = named(join.namespace).await?;
                sample(other.as_ref().unwrap_or(callers), join.query, None).await
            };
            more.push(match found.await {
                Ok(found) => found,
                // That computer does not tell it.
                Err(error) if matches!(error.kind(), ErrorKind::Wbem(_)) => Sample::default(),
                Err(error) => return Err(error),
            });
        }
        Ok(more)
    };
    match plan.samples {
        Samples::One => {
            let now = ask().await?;
            Ok((items(&now, None, &more().await?), None))
        }
        Samples::Several => {
            let mut more = Vec::new();
            let mut now = ask().await?;
            for _ in 1..wish.samples {
                tokio::time::sleep(place.delay).await;
                more.push(std::mem::replace(&mut now, ask().await?));
            }
            Ok((items(&now, None, &more), None))
        }
        Samples::Two => {
            let first = std::cell::Cell::new(Some(ask().await?));
            let more = more().await?;
            // The first time it is asked for, the sample that is there already.
            let ask = async || match first.take() {
                Some(sample) => Ok(sample),
                None => sample(namespace, &plan.query, plan.label).await,
            };
            place.twice(&plan.query, ask, |now, earlier| items(now, earlier, &more)).await
        }
        Samples::Remembered => {
            let kept = Kept::open(place, &plan.query)?;
            let earlier = kept.load()?.and_then(|text| Sample::from_json(&text, &kept.key));
            let now = ask().await?;
            let made = items(&now, earlier.as_ref(), &more().await?);
            kept.store(&now.to_json(&kept.key))?;
            Ok((made, None))
        }
    }
}

/// A check of events: those that no run before has counted.
async fn event_log(namespace: &Namespace, wish: &Wish, place: &Place) -> Answer {
    let kept = Kept::open(place, &format!("events\n{:?}", (&wish.events, &wish.pick.only, &wish.pick.exclude)))?;
    let mut bookmark = kept.load()?.and_then(|text| Bookmark::from_json(&text, &kept.key)).unwrap_or_default();
    let query = wish.events.query(bookmark.since(millis(), wish.events.hours));
    let now = sample(namespace, &query, None).await?;
    let items = events::items(&now, &mut bookmark, wish);
    kept.store(&bookmark.to_json(&kept.key))?;
    Ok((items, None))
}

/// The state of one check, where the caller wants one.
struct Kept {
    key: String,
    state: Option<State>,
}

impl Kept {
    fn open(place: &Place, what: &str) -> Result<Kept, Failure> {
        let key = format!("{}\n{what}", place.about);
        let state = if place.wanted { Some(State::open(&place.dir, &key).map_err(insecure)?) } else { None };
        Ok(Kept { key, state })
    }

    fn load(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.state.as_ref().map_or(Ok(None), State::load).map_err(insecure)
    }

    fn store(&self, json: &serde_json::Value) -> Result<(), Failure> {
        self.state.as_ref().map_or(Ok(()), |s| s.store(json.to_string().as_bytes())).map_err(insecure)
    }
}

/// What the caller asks for, beside the mode.
fn wish(args: &Check) -> Result<Wish, Failure> {
    let usual = Wanted::default();
    let logs: Vec<String> = args.log.iter().flat_map(|l| l.split(',')).map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect();
    let severity = args.severity.as_deref().map(Wanted::severity).transpose().map_err(Failure::usage)?;
    Ok(Wish {
        pick: Pick { only: args.only.clone(), exclude: args.exclude.clone() },
        path: if args.mode.has_path() { args.subject.clone().unwrap_or_default() } else { String::new() },
        recursive: args.recursive,
        events: Wanted {
            logs: if logs.is_empty() { usual.logs } else { logs },
            severity: severity.unwrap_or(usual.severity),
            hours: args.hours,
        },
        samples: args.samples,
    })
}

/// Why a plan gave nothing.
enum Lack {
    /// That computer has not the class.
    Class(Failure),
    Other(Failure),
}

impl From<Error> for Lack {
    fn from(error: Error) -> Lack {
        let has_no_class = error.code() == Some(WbemStatus::INVALID_CLASS.0);
        let failure = Failure::from(error);
        if has_no_class { Lack::Class(failure) } else { Lack::Other(failure) }
    }
}

impl From<Failure> for Lack {
    fn from(failure: Failure) -> Lack {
        Lack::Other(failure)
    }
}

impl From<Lack> for Failure {
    fn from(lack: Lack) -> Failure {
        match lack {
            Lack::Class(failure) | Lack::Other(failure) => failure,
        }
    }
}

/// The rows of a query now.
async fn sample(namespace: &Namespace, query: &str, label: Option<&str>) -> Result<Sample, Error> {
    // Keys tell rows apart, wherever they were not selected.
    let mut rows = namespace.query(query).ensure_locatable(true).entities().await?;
    let mut sample = Sample { millis: millis(), rows: Vec::new() };
    while let Some(row) = rows.next().await {
        sample.rows.push(Row::of(&row?, label));
        if sample.rows.len() == ROWS_MAX {
            break;
        }
    }
    Ok(sample)
}

fn millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis() as u64)
}

/// Where the sample of a run is kept for the next one.
struct Place {
    dir: std::path::PathBuf,
    about: String,
    wanted: bool,
    delay: Duration,
    age_max: Duration,
}

impl Place {
    /// Makes items of two samples: now and that of an earlier run, or, where there is none that says anything, now and a little later.
    async fn twice(
        &self,
        query: &str,
        ask: impl AsyncFn() -> Result<Sample, Error>,
        make: impl Fn(&Sample, Option<&Sample>) -> Vec<Item>,
    ) -> Result<(Vec<Item>, Option<u64>), Lack> {
        let kept = Kept::open(self, query)?;
        let earlier = kept.load()?.and_then(|text| Sample::from_json(&text, &kept.key));
        let mut now = ask().await?;
        let age = |e: &Sample| now.millis.checked_sub(e.millis).filter(|ms| 0 < *ms && u128::from(*ms) <= self.age_max.as_millis());
        let old = earlier.and_then(|e| age(&e).map(|ms| (make(&now, Some(&e)), Some(ms.div_ceil(1000)))));
        // A computer that started anew counts from the beginning.
        let says_something = |items: &[Item]| items.is_empty() || items.iter().flat_map(|i| &i.fields).any(|(_, v)| v.is_some());
        let answer = match old.filter(|(items, _)| says_something(items)) {
            Some(answer) => answer,
            None => {
                tokio::time::sleep(self.delay).await;
                let first = std::mem::replace(&mut now, ask().await?);
                (make(&now, Some(&first)), None)
            }
        };
        kept.store(&now.to_json(&kept.key))?;
        Ok(answer)
    }
}

fn insecure(why: String) -> Failure {
    Failure::new(why).hint("--state-dir names another directory, --no-state samples twice in each run")
}

/// A check of the caller's own query.
struct Question {
    query: String,
    label: Option<String>,
    counters: Vec<(String, Counter, String)>,
    perf: Vec<String>,
    /// What a threshold without a field is for.
    default: String,
}

impl Question {
    fn new(args: &Check, query: &str, thresholds: &Thresholds) -> Result<Question, Failure> {
        let parsed =
            wql::parse(query).map_err(|e| Failure::new(format!("the query is not WQL: {}\n{}", e.status, e.diag.render(e.query()))))?;
        let counters = args.counter.iter().map(|c| counter(c)).collect::<Result<Vec<_>, _>>()?;
        let selected = if let wql::Query::Select(select) = &parsed { crate::query::columns_of(select) } else { None };
        let default = match (counters.first(), selected.as_deref()) {
            (Some((name, _, _)), _) => name.clone(),
            (None, Some([only])) => only.clone(),
            _ => String::new(),
        };
        let mut perf = args.perf.clone();
        if perf.is_empty() {
            let tested = thresholds.warning.iter().chain(&thresholds.critical).map(|t| t.field.clone().unwrap_or(default.clone()));
            for field in tested.chain(counters.iter().map(|(n, _, _)| n.clone())) {
                if !perf.iter().any(|p| names_equal(p, &field)) {
                    perf.push(field);
                }
            }
        }
        Ok(Question { query: query.to_owned(), label: args.label.clone(), counters, perf, default })
    }

    async fn ask(&self, namespace: &Namespace, place: &Place) -> Answer {
        let ask = async || sample(namespace, &self.query, self.label.as_deref()).await;
        if self.counters.iter().all(|(_, kind, _)| *kind == Counter::Elapsed) {
            let now = ask().await?;
            return Ok((self.items(&now, None), None));
        }
        place.twice(&self.query, ask, |now, earlier| self.items(now, earlier)).await.map_err(Into::into)
    }

    /// The count of the rows, then an item for each.
    fn items(&self, now: &Sample, earlier: Option<&Sample>) -> Vec<Item> {
        let input = Input { now, earlier, more: &[], wish: &Wish::default() };
        let is_shown = |field: &str| self.perf.is_empty() || self.perf.iter().any(|p| names_equal(p, field));
        let mut all = Item::new(format!("{} item(s)", now.rows.len()));
        all.field(COUNT, Some(Number::Int(now.rows.len() as i128)));
        if is_shown(COUNT) {
            all.perf(COUNT, COUNT, "");
        }
        let one = now.rows.len() == 1;
        let mut items = vec![all];
        for row in &now.rows {
            let mut item = Item::default();
            let mut said = Vec::new();
            for (name, datum) in &row.values {
                match datum {
                    Datum::Text(text) => said.push(format!("{name}={}", harmless(text))),
                    Datum::Number(n) => {
                        said.push(format!("{name}={n}"));
                        item.field(name, Some(*n));
                    }
                    Datum::Null => {
                        item.field(name, None);
                    }
                }
            }
            for (name, kind, property) in &self.counters {
                let value = input.counter(*kind, property, row).map(Number::rounded);
                said.push(format!("{name}={}", value.map_or("unknown".into(), |v| v.to_string())));
                item.field(name, value);
            }
            let shown: Vec<String> = item.fields.iter().map(|(n, _)| n.clone()).filter(|n| !self.perf.is_empty() && is_shown(n)).collect();
            for field in shown {
                let label = if one || row.name.is_empty() { field.clone() } else { format!("{} {field}", row.name) };
                item.perf(label, &field, "");
            }
            item.text = if one || row.name.is_empty() { said.join(", ") } else { format!("{}: {}", row.name, said.join(", ")) };
            items.push(item);
        }
        // Told are those that say most; all of them were held against the thresholds when they are few.
        if ROWS_TOLD_MAX < items.len() && self.perf.is_empty() {
            items.truncate(ROWS_TOLD_MAX);
        }
        items
    }
}

/// Reads `NAME=TYPE(PROPERTY)`.
fn counter(text: &str) -> Result<(String, Counter, String), Failure> {
    let wrong = || Failure::usage(format!("{text:?} is not NAME=TYPE(PROPERTY)")).hint(COUNTERS);
    let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (kind, property) = rest.strip_suffix(')').and_then(|r| r.split_once('(')).ok_or_else(wrong)?;
    if name.is_empty() || property.is_empty() {
        return Err(wrong());
    }
    let kind = Counter::from_name(kind).ok_or_else(|| Failure::usage(format!("{kind:?} is no type of a counter")).hint(COUNTERS))?;
    Ok((name.into(), kind, property.into()))
}

const COUNTERS: &str =
    "types are 100NSEC_TIMER, 100NSEC_TIMER_INV, PRECISION_100NS_TIMER, COUNTER_COUNTER, BULK_COUNT, 100NS_QUEUELEN, ELAPSED_TIME, DELTA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_written_like_a_function() {
        let good = counter("_Load=100nsec_timer_inv(PercentProcessorTime)").unwrap();
        assert_eq!(good, ("_Load".into(), Counter::TimerInverse, "PercentProcessorTime".into()));
        for text in ["", "a", "a=b", "a=DELTA", "a=DELTA(", "=DELTA(x)", "a=DELTA()", "a=NONSENSE(x)"] {
            assert!(counter(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_sample_of_an_earlier_run_saves_the_wait() {
        let dir = tempfile::tempdir().unwrap();
        let place = |wanted: bool| Place {
            dir: dir.path().into(),
            about: "h".into(),
            wanted,
            delay: Duration::ZERO,
            age_max: Duration::from_secs(60),
        };
        let row = |n: i128| Row { name: "r".into(), values: vec![("N".into(), Datum::Number(Number::Int(n)))] };
        let asked = std::cell::Cell::new(0u64);
        // Each question finds 100 more, ten seconds later; a negative start is a counter that began anew.
        let run = async |start: u64, count: i128, wanted: bool| {
            asked.set(0);
            let ask = async || {
                asked.set(asked.get() + 1);
                Ok(Sample { millis: start + 10_000 * asked.get(), rows: vec![row(count + 100 * i128::from(asked.get()))] })
            };
            let make = |now: &Sample, earlier: Option<&Sample>| {
                let mut item = Item::new("x");
                item.field("d", Counter::Delta.value("N", earlier.and_then(|e| e.row("r")), &now.rows[0], 1.0));
                vec![item]
            };
            let (items, period) = place(wanted).twice("q", ask, make).await.ok().unwrap();
            (items[0].fields[0].1, period, asked.get())
        };
        let n = |n: i128| Some(Number::Int(n));
        // The first run asks twice, the next takes what it left, a counter that began anew asks twice again.
        assert_eq!(run(0, 0, true).await, (n(100), None, 2));
        assert_eq!(run(20_500, 500, true).await, (n(400), Some(11), 1));
        assert_eq!(run(30_000, -1000, true).await, (n(100), None, 2));
        // Too old, from the future, or not to be taken.
        assert_eq!(run(500_000, 5000, true).await, (n(100), None, 2));
        assert_eq!(run(100_000, 9000, true).await, (n(100), None, 2));
        assert_eq!(run(121_000, 10_000, false).await, (n(100), None, 2));
    }
}
