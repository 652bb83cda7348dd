//! The command as the `wmic` of Windows: aliases, verbs, switches with slashes, and its shell.

mod act;
mod alias;
mod help;
mod parse;
mod settings;
mod show;
mod told;

pub(crate) use parse::is_meant;

use crate::connect::Targets;
use crate::format::{Columns, Style};
use crate::query::{Question, print_with};
use crate::report::{FAILURE, Failure, USAGE};
use act::Act;
use parse::{Form, Line, Properties, Request, Subject, Verb};
use rwmi_cim::SystemProperty;
use settings::{Output, Settings};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longest line of the shell, in octets.
const LINE_LEN_MAX: u64 = 1 << 20;

/// Runs it with the arguments behind its name; as a shell, where they name nothing to do.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let mut session = Session::default();
    let ended = session.carry_out(words);
    match ended {
        Ended::Code(code) => code,
        Ended::Left => ExitCode::SUCCESS,
        Ended::Nothing => session.shell(),
    }
}

/// What came of a line.
enum Ended {
    Code(ExitCode),
    /// `QUIT`.
    Left,
    /// There were only switches.
    Nothing,
}

/// The switches in force, and whoever was reached with them: a password is asked for once.
#[derive(Default)]
struct Session {
    settings: Settings,
    /// Logging cannot start twice, nor stop.
    traced: bool,
    reached: Option<(String, Arc<Targets>)>,
}

impl Session {
    fn carry_out(&mut self, words: &[String]) -> Ended {
        let mut settings = self.settings.clone();
        let request = match parse::parse(words, &mut settings) {
            Ok(request) => request,
            Err(why) => {
                Failure::usage(why).hint("wmic /? shows what there is").print();
                return Ended::Code(ExitCode::from(USAGE));
            }
        };
        if settings.trace && !self.traced {
            self.traced = true;
            crate::log::start(2, false);
        }
        self.settings = settings;
        let say = |text: &str| match io::stdout().write_all(text.as_bytes()) {
            Ok(()) => Ended::Code(ExitCode::SUCCESS),
            Err(_) => Ended::Code(ExitCode::from(FAILURE)),
        };
        match request {
            Request::Nothing => Ended::Nothing,
            Request::Leave => Ended::Left,
            Request::Help => say(help::TEXT),
            Request::Aliases => say(&help::aliases()),
            Request::Context => say(&self.settings.text()),
            Request::Verb(line) => Ended::Code(self.verb(*line).unwrap_or_else(|failure| {
                failure.print();
                ExitCode::from(failure.code)
            })),
        }
    }

    /// Lines from standard input, until they end or one says so.
    fn shell(&mut self) -> ExitCode {
        let mut last = ExitCode::SUCCESS;
        loop {
            if io::stdin().is_terminal() {
                let mut err = io::stderr();
                // Without a prompt the shell works as well.
                let _ = err.write_all(b"wmic> ").and_then(|()| err.flush());
            }
            let mut line = Vec::new();
            match io::Read::take(io::stdin().lock(), LINE_LEN_MAX).read_until(b'\n', &mut line) {
                Ok(0) => return last,
                Ok(_) => {}
                Err(e) => {
                    Failure::new(format!("standard input: {e}")).print();
                    return ExitCode::from(FAILURE);
                }
            }
            let words = match parse::split(&String::from_utf8_lossy(&line)) {
                Ok(words) => words,
                Err(why) => {
                    Failure::usage(why).print();
                    last = ExitCode::from(USAGE);
                    continue;
                }
            };
            match self.carry_out(&words) {
                Ended::Code(code) => last = code,
                Ended::Left => return last,
                Ended::Nothing => {}
            }
        }
    }

    fn targets(&mut self, home: Option<&str>) -> Result<(Arc<Targets>, Style), Failure> {
        let connect = self.settings.connect(home).map_err(Failure::usage)?;
        let style = |targets: &Targets| Style { namespace: targets.home(), ..Style::default() };
        let key = format!("{connect:?}");
        if let Some((known, targets)) = &self.reached
            && *known == key
        {
            return Ok((targets.clone(), style(targets)));
        }
        let targets = Arc::new(Targets::new(connect)?);
        self.reached = Some((key, targets.clone()));
        let style = style(&targets);
        Ok((targets, style))
    }

    fn verb(&mut self, line: Line) -> Result<ExitCode, Failure> {
        let home = match &line.subject {
            Subject::Alias(alias) => alias.namespace,
            _ => None,
        };
        let (targets, style) = self.targets(home)?;
        let mut out = Out::open(&self.settings, &line)?;
        let names = names(&line);
        let several = 1 < targets.hosts().len();
        let form = line.look.form.unwrap_or(match &line.verb {
            Verb::List(Properties::Full) => Form::Values,
            _ => Form::Table,
        });
        let shows = matches!(line.verb, Verb::List(_) | Verb::Get(_) | Verb::Assoc { .. });
        let (look, is_class) = (line.look.clone(), matches!(line.subject, Subject::Class(_)));
        let told = told::Kind::of(&line);
        let act = Act {
            select: select(&line, &names),
            every: look.every.map(|s| Duration::from_secs(s.into())),
            times: look.repeat,
            asking: (self.settings.interactive && !shows).then(|| Mutex::new(())),
            subject: line.subject,
            clause: line.clause,
            verb: line.verb,
        };
        let question = Question::work(act);
        match (told, form) {
            (Some(kind), _) => print_with(targets, question, &mut told::Told::new(&mut out, kind, several)),
            // A class as such is shown as it is declared.
            (None, Form::Table) if is_class => print_with(targets, question, &mut told::Told::new(&mut out, told::Kind::Class, several)),
            (None, Form::Ours(format)) => {
                let mut names = names;
                if let Some(names) = &mut names {
                    names.sort();
                }
                let mut writer = format.writer(&mut out, Columns { names, with_host: several, style }, None);
                print_with(targets, question, &mut *writer)
            }
            (None, form) => {
                let live = self.settings.apart || look.every.is_some();
                let mut writer = show::Rows::new(&mut out, form, names, several).translated(look.translate).live(live);
                let code = print_with(targets, question, &mut writer)?;
                if writer.count == 0 && code == ExitCode::SUCCESS {
                    // Nobody is left to tell when standard error is closed.
                    let _ = writeln!(io::stderr(), "No Instance(s) Available.");
                }
                Ok(code)
            }
        }
    }
}

/// The properties to show; all where it is `None`.
fn names(line: &Line) -> Option<Vec<String>> {
    let list = |text: &str| Some(text.split(',').map(str::to_owned).collect());
    match (&line.verb, &line.subject) {
        (Verb::Get(names), _) if !names.is_empty() => Some(names.clone()),
        (Verb::List(Properties::Brief), Subject::Alias(alias)) => list(alias.brief),
        (Verb::List(Properties::Status), Subject::Alias(alias)) => list(alias.status()),
        (Verb::List(Properties::Status), _) => list("Name,Status"),
        (Verb::List(Properties::Instance), _) | (Verb::Assoc { .. }, _) => Some(vec![SystemProperty::Path.name().to_owned()]),
        (Verb::List(Properties::System), _) => Some(SystemProperty::ALL.iter().map(|p| p.name().to_owned()).collect()),
        _ => None,
    }
}

fn select(line: &Line, names: &Option<Vec<String>>) -> String {
    let columns = match (names, &line.verb) {
        // System properties come with whatever is asked for.
        (Some(names), Verb::Get(_) | Verb::List(Properties::Brief | Properties::Status)) => names.join(","),
        _ => "*".to_owned(),
    };
    let condition = line.clause.as_ref().map_or(String::new(), |c| format!(" WHERE {c}"));
    format!("SELECT {columns} FROM {}{condition}", line.subject.path())
}

/// Where output goes, and its record.
struct Out {
    to: Box<dyn Write>,
    record: Option<File>,
}

impl Out {
    fn open(settings: &Settings, line: &Line) -> Result<Out, Failure> {
        let told = |path: &std::path::Path, e: io::Error| Failure::new(format!("{}: {e}", path.display()));
        let to: Box<dyn Write> = match &settings.output {
            Output::Screen => Box::new(io::BufWriter::with_capacity(64 << 10, io::stdout())),
            Output::File(path) => Box::new(io::BufWriter::new(File::create(path).map_err(|e| told(path, e))?)),
            Output::Append(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path).map_err(|e| told(path, e))?;
                Box::new(io::BufWriter::new(file))
            }
        };
        let record = match &settings.record {
            None => None,
            Some(path) => {
                let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(|e| told(path, e))?;
                let request = format!("{:?} {:?}", line.subject.path(), line.verb);
                let mut text = Vec::new();
                xml_octets(request.as_bytes(), &mut text);
                let written = file.write_all(b"<RECORD>\n<REQUEST>").and_then(|()| file.write_all(&text));
                written.and_then(|()| file.write_all(b"</REQUEST>\n<OUTPUT>")).map_err(|e| told(path, e))?;
                Some(file)
            }
        };
        Ok(Out { to, record })
    }
}

/// Text within XML: octets that it cannot have are question marks.
fn xml_octets(octets: &[u8], text: &mut Vec<u8>) {
    for octet in octets {
        match octet {
            b'&' => text.extend(b"&amp;"),
            b'<' => text.extend(b"&lt;"),
            b'>' => text.extend(b"&gt;"),
            b'\t' | b'\n' | b'\r' | 0x20.. => text.push(*octet),
            _ => text.push(b'?'),
        }
    }
}

impl Write for Out {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let n = self.to.write(octets)?;
        if let Some(record) = &mut self.record {
            let mut text = Vec::new();
            xml_octets(octets.get(..n).unwrap_or_default(), &mut text);
            record.write_all(&text)?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Some(record) = &mut self.record {
            // A record that cannot be ended has told so when it was written.
            let _ = record.write_all(b"</OUTPUT>\n</RECORD>\n");
        }
    }
}
