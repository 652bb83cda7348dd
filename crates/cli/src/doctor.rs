//! `rwmi doctor`: why a computer cannot be asked, and what to change there.

use crate::args::{Doctor, DoctorFormat, FixTarget};
use crate::connect::{INTERRUPTED, NAMESPACE, Targets, interrupted, user};
use crate::paint;
use crate::report::{FAILURE, Failure, PARTIAL, harmless};
use crate::threads::Threads;
use rwmi_client::Error;
use rwmi_client::doctor::{Advice, Cause, Caution, Check, Examination, Fact, Outcome, Patient, Place, Stage, System, fix_script};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// What came of one computer.
struct Diagnosis {
    checks: Vec<Check>,
    left: Vec<Stage>,
    patient: Patient,
    system: Option<System>,
}

/// Where the report goes, and what of it.
struct Report<'a> {
    args: &'a Doctor,
    /// Writing to standard output failed: nobody reads, or the disk is full.
    broken: Option<io::Error>,
}

/// Walks to each computer and tells what it saw.
pub(crate) fn run(mut args: Doctor) -> Result<ExitCode, Failure> {
    let fix = args.fix_script;
    if let Some(host) = args.host.take() {
        args.connect.hosts = vec![host];
    } else if let Some(target) = fix
        && args.connect.hosts == ["."]
    {
        return general_script(&args, target);
    }
    let targets = Targets::new(args.connect.clone())?;
    let threads = Threads::new()?;
    let mut report = Report { args: &args, broken: None };
    let (mut failed, mut all) = (0, Vec::new());
    for host in targets.hosts() {
        let (diagnosis, error) = match threads.block_on(examine(&targets, host, &args, &mut report)) {
            Ok(None) => {
                return Ok(ExitCode::from(INTERRUPTED));
            }
            Ok(diagnosis) => (diagnosis, None),
            // What makes no sense is told like everywhere.
            Err(error) => (None, Some(error)),
        };
        if diagnosis.as_ref().is_none_or(|d| d.checks.iter().any(|c| c.outcome == Outcome::Failed)) {
            failed += 1;
        }
        if args.output == DoctorFormat::Json {
            all.push(json_of(host, diagnosis.as_ref(), error.as_ref()));
        }
        if let (Some(target), Some(diagnosis)) = (fix, &diagnosis) {
            report.script(diagnosis, target);
        }
        if let Some(error) = error {
            Failure::from(error).print();
        }
    }
    if args.output == DoctorFormat::Json && fix.is_none() {
        report.write(&format!("{:#}\n", Value::Array(all)));
    } else if args.output == DoctorFormat::Json {
        report.aside(&format!("{:#}\n", Value::Array(all)));
    }
    match report.broken {
        Some(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        Some(e) => return Err(Failure::new(format!("cannot write to standard output: {e}"))),
        None => {}
    }
    Ok(ExitCode::from(match failed {
        0 => 0,
        n if n == targets.hosts().len() => FAILURE,
        _ => PARTIAL,
    }))
}

/// The whole script, for a computer that nobody asks.
fn general_script(args: &Doctor, target: FixTarget) -> Result<ExitCode, Failure> {
    let patient = Patient {
        host: "TARGET".into(),
        account: user(&args.connect),
        namespace: args.connect.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned()),
        endpoint_port: args.connect.endpoint_port.unwrap_or(135),
        object_port: args.connect.object_port,
    };
    let system = if target == FixTarget::Linux { System::Linux } else { System::Windows };
    match io::stdout().lock().write_all(fix_script(system, &[], &patient).as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(format!("cannot write to standard output: {e}"))),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// One computer; nothing where somebody interrupted.
async fn examine(targets: &Targets, host: &str, args: &Doctor, report: &mut Report<'_>) -> Result<Option<Diagnosis>, Error> {
    let mut examination = Examination::default();
    examination.namespace = targets.namespace(host)?;
    examination.query.clone_from(&args.query);
    examination.data = !args.no_data;
    let mut walk = targets.builder(host)?.examine(examination)?;
    report.begin(walk.host());
    let mut checks = Vec::new();
    // One for the whole walk, and asked first: a key that is pressed between two stages counts as well.
    let mut stop = std::pin::pin!(interrupted());
    loop {
        let next = tokio::select! {
            biased;
            () = &mut stop => {
                tokio::select! {
                    () = walk.close() => {}
                    () = interrupted() => {}
                }
                return Ok(None);
            }
            next = walk.next() => next,
        };
        let Some(check) = next else { break };
        report.check(&check);
        checks.push(check);
    }
    let diagnosis = Diagnosis { checks, left: walk.left(), patient: walk.patient(), system: walk.system() };
    report.end(&diagnosis);
    walk.close().await;
    Ok(Some(diagnosis))
}

impl Report<'_> {
    fn write(&mut self, text: &str) {
        if self.broken.is_none() {
            let mut out = io::stdout().lock();
            self.broken = out.write_all(text.as_bytes()).and_then(|()| out.flush()).err();
        }
    }

    /// Beside a script, the report is for people on standard error.
    fn aside(&mut self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        match (self.args.output, self.args.fix_script) {
            (DoctorFormat::Json, _) => {}
            (DoctorFormat::Text, None) => self.write(text),
            (DoctorFormat::Text, Some(_)) => self.aside(text),
        }
    }

    fn begin(&mut self, host: &str) {
        self.text(&format!("{}\n", harmless(host)));
    }

    fn check(&mut self, check: &Check) {
        let mut out = String::new();
        let paint = if self.args.fix_script.is_some() { paint::err() } else { paint::out() };
        let word = match check.outcome {
            Outcome::Passed => paint.good("ok      "),
            Outcome::Warned => paint.doubtful("WARNING "),
            Outcome::Failed => paint.bad("FAILED  "),
        };
        let _ = writeln!(out, "  {:<15} {word} {:>10}", check.stage, millis(check.took));
        check.facts.iter().for_each(|fact| out += &fact_line(fact));
        if let Some(error) = &check.error {
            error.to_string().lines().for_each(|line| out += &format!("      {}\n", harmless(line)));
        }
        check.advice.iter().for_each(|advice| out += &advice_lines(advice));
        self.text(&out);
    }

    fn end(&mut self, diagnosis: &Diagnosis) {
        if !diagnosis.left.is_empty() {
            let left: Vec<String> = diagnosis.left.iter().map(ToString::to_string).collect();
            self.text(&format!("  not reached: {}\n", left.join(", ")));
        }
    }

    fn script(&mut self, diagnosis: &Diagnosis, target: FixTarget) {
        let causes: Vec<Cause> = diagnosis.checks.iter().flat_map(|c| c.advice.iter().map(|a| a.cause)).collect();
        if causes.is_empty() {
            self.aside("nothing is to be changed\n");
            return;
        }
        let system = match target {
            FixTarget::Windows => System::Windows,
            FixTarget::Linux => System::Linux,
            FixTarget::Seen => diagnosis.system.unwrap_or(System::Windows),
        };
        self.write(&fix_script(system, &causes, &diagnosis.patient));
    }
}

fn fact_line(fact: &Fact) -> String {
    let mut line = format!("      {} {}", fact.about, harmless(&fact.which));
    if !fact.seen.is_empty() {
        let _ = write!(line, ": {}", harmless(&fact.seen));
    }
    if let Some(took) = fact.took {
        let _ = write!(line, " ({})", millis(took));
    }
    line + "\n"
}

fn advice_lines(advice: &Advice) -> String {
    let word = if advice.is_certain { "cause" } else { "possible cause" };
    let mut out = format!("      {word}: {}\n", advice.text);
    for command in &advice.commands {
        let place = match command.place {
            Place::Here => "here",
            Place::Windows => "on Windows, in PowerShell as an administrator",
            Place::Linux => "on Linux with rwmi serve, as root",
        };
        let careful = if command.caution == Caution::Careful { "; think twice" } else { "" };
        let _ = writeln!(out, "        {place}: {}{careful}\n          {}", command.what, command.line);
    }
    out
}

fn millis(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

fn json_of(host: &str, diagnosis: Option<&Diagnosis>, error: Option<&Error>) -> Value {
    let empty = Vec::new();
    let checks = diagnosis.map_or(&empty, |d| &d.checks);
    let worst = |outcome| checks.iter().any(|c| c.outcome == outcome);
    let outcome = match () {
        () if error.is_some() || worst(Outcome::Failed) => Outcome::Failed,
        () if worst(Outcome::Warned) => Outcome::Warned,
        () => Outcome::Passed,
    };
    let left: Vec<&str> = diagnosis.map(|d| d.left.iter().map(|s| s.code()).collect()).unwrap_or_default();
    json!({
        "host": host,
        "outcome": outcome.code(),
        "error": error.map(error_json),
        "checks": checks.iter().map(check_json).collect::<Vec<_>>(),
        "notReached": left,
    })
}

fn check_json(check: &Check) -> Value {
    json!({
        "stage": check.stage.code(),
        "outcome": check.outcome.code(),
        "milliseconds": check.took.as_secs_f64() * 1000.0,
        "facts": check.facts.iter().map(|f| json!({
            "about": f.about,
            "which": f.which,
            "seen": f.seen,
            "milliseconds": f.took.map(|t| t.as_secs_f64() * 1000.0),
        })).collect::<Vec<_>>(),
        "error": check.error.as_ref().map(error_json),
        "advice": check.advice.iter().map(|a| json!({
            "cause": a.cause.code(),
            "certain": a.is_certain,
            "text": a.text,
            "commands": a.commands.iter().map(|c| json!({
                "place": c.place.code(),
                "careful": c.caution == Caution::Careful,
                "what": c.what,
                "line": c.line,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn error_json(error: &Error) -> Value {
    json!({ "message": error.to_string(), "code": error.code().map(|c| format!("{c:#010x}")), "port": error.port() })
}
