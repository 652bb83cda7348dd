//! `rwmi call`: a method of a class or of an instance.

use crate::args::Call;
use crate::connect::{INTERRUPTED, Targets, interrupted};
use crate::format::{Columns, Format, Row, Style};
use crate::report::{FAILURE, Failure, PARTIAL};
use rwmi_cim::{Entity, ObjectPath};
use rwmi_client::{Argument, Error, Returned};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// The method was called and returned something else than 0.
const RETURNED: u8 = 4;

/// What came of one computer.
enum Came {
    Returned(Box<Returned>),
    /// The signatures of the class, where no method was named.
    Methods(String),
}

/// Calls it on each computer, and prints what comes out.
pub(crate) fn run(mut args: Call) -> Result<ExitCode, Failure> {
    // Nobody is asked for a password for arguments that are none.
    let arguments = arguments(&args.arguments)?;
    args.target = args.connect.take_path(&args.target)?;
    args.target
        .parse::<ObjectPath>()
        .map_err(|e| Failure::usage(format!("{:?} is no class and no path of an instance: {e}", args.target)))?;
    // What comes out of a method has no time of its own.
    let style = Style { stamp: None, ..args.shape.style(&args.connect.namespace) };
    let targets = Targets::new(args.connect)?;
    let columns = Columns { names: None, with_host: 1 < targets.hosts().len(), style };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| Failure::new(format!("no threads: {e}")))?;
    let stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    let format = args.shape.output.unwrap_or(if is_terminal { Format::List } else { Format::Jsonl });
    let with_host = columns.with_host;
    let mut writer = format.writer(stdout.lock(), columns, None);
    let (mut failed, mut refused) = (0, false);
    let written = |e: io::Error| Failure::new(format!("cannot write to standard output: {e}"));
    for host in targets.hosts() {
        let came = runtime.block_on(async {
            tokio::select! {
                biased;
                () = interrupted() => None,
                came = call(&targets, host, &args.target, args.method.as_deref(), &arguments) => Some(came),
            }
        });
        match came {
            None => return Ok(ExitCode::from(INTERRUPTED)),
            Some(Err(error)) => {
                failed += 1;
                Failure::from(error).print();
            }
            Some(Ok(Came::Methods(text))) => io::stdout().write_all(text.as_bytes()).map_err(written)?,
            Some(Ok(Came::Returned(returned))) => {
                let entity = Entity::Instance(returned.object().clone());
                writer.row(&Row { host, entity: &entity }).and_then(|()| writer.flush()).map_err(written)?;
                if let Some(code) = returned.return_value().filter(|c| *c != 0) {
                    refused = true;
                    let at = if with_host { format!("{host}: ") } else { String::new() };
                    let method = args.method.as_deref().unwrap_or_default();
                    let meaning = returned.meaning().map_or(String::new(), |m| format!(": {m}"));
                    // Nobody is left to tell when standard error is closed.
                    let _ = writeln!(io::stderr(), "{at}{method} returned {code}{meaning}");
                }
            }
        }
    }
    writer.finish().map_err(written)?;
    Ok(ExitCode::from(match failed {
        0 if refused => RETURNED,
        0 => 0,
        n if n == targets.hosts().len() => FAILURE,
        _ => PARTIAL,
    }))
}

async fn call(targets: &Targets, host: &str, target: &str, method: Option<&str>, arguments: &[(String, Argument)]) -> Result<Came, Error> {
    let (client, namespace, _) = targets.open(host).await?;
    let calling = async {
        let Some(method) = method else {
            let class = target.parse::<ObjectPath>().map_or_else(|_| target.to_owned(), |p| p.class);
            let class = namespace.class(&class).await?;
            return Ok(Came::Methods(class.methods.iter().map(|m| m.signature() + "\n").collect()));
        };
        let call = namespace.method(target, method).await?;
        Ok(Came::Returned(Box::new(call.args(arguments.iter().cloned()).call().await?)))
    };
    let came = calling.await;
    drop(namespace);
    client.close().await;
    came
}

/// `name=text`, `name:=JSON`, `name.property=text` and `name.property:=JSON`.
fn arguments(words: &[String]) -> Result<Vec<(String, Argument)>, Failure> {
    let mut all: Vec<(String, Argument)> = Vec::new();
    for word in words {
        let wrong = |why: &str| {
            Failure::usage(format!("{word:?} is no argument: {why}")).hint("write NAME=VALUE, NAME:=JSON or NAME.PROPERTY=VALUE")
        };
        let (name, text) = word.split_once('=').ok_or_else(|| wrong("it has no ="))?;
        let (name, argument) = match name.strip_suffix(':') {
            Some(name) => (name, Argument::json(text).map_err(|e| wrong(&format!("not JSON: {e}")))?),
            None => (name, Argument::Text(text.to_owned())),
        };
        let path: Vec<&str> = name.split('.').collect();
        let is_name =
            |n: &&str| n.starts_with(|c: char| c.is_alphabetic() || c == '_') && n.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !path.iter().all(is_name) {
            return Err(wrong(&format!("{name:?} is no name")));
        }
        place(&mut all, &path, argument).map_err(|why| wrong(&why))?;
    }
    Ok(all)
}

/// Puts an argument where its names lead.
fn place(all: &mut Vec<(String, Argument)>, path: &[&str], argument: Argument) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    let existing = all.iter_mut().find(|(n, _)| rwmi_cim::names_equal(n, name));
    match (existing, rest) {
        (None, []) => all.push(((*name).to_owned(), argument)),
        (None, rest) => {
            let mut members = Vec::new();
            place(&mut members, rest, argument)?;
            all.push(((*name).to_owned(), Argument::Object(members)));
        }
        (Some((_, Argument::Object(members))), rest) if !rest.is_empty() => place(members, rest, argument)?,
        (Some(_), _) => return Err(format!("{name} is given twice")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Argument {
        Argument::Text(text.into())
    }

    fn check(words: &[&str], expect: Result<Vec<(&str, Argument)>, &str>) {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        match (arguments(&words), expect) {
            (Ok(found), Ok(expect)) => {
                assert_eq!(found, expect.into_iter().map(|(n, a)| (n.to_owned(), a)).collect::<Vec<_>>(), "{words:?}");
            }
            (Err(failure), Err(expect)) => assert!(failure.message.contains(expect), "{words:?}: {failure:?}"),
            (found, expect) => panic!("{words:?}: {found:?}, not {expect:?}"),
        }
    }

    #[test]
    fn a_word_is_a_name_and_what_it_is_to_be() {
        check(&["A=b c=d", "_B1="], Ok(vec![("A", text("b c=d")), ("_B1", text(""))]));
        check(&["A=\"x\" y"], Ok(vec![("A", text("\"x\" y"))]));
        check(&["A:=null", "B:=[1]"], Ok(vec![("A", None::<u32>.into()), ("B", Argument::List(vec![1i64.into()]))]));
        let s = Argument::object([("X", text("1")), ("D", Argument::object([("Y", text("z"))]))]);
        check(&["S.X=1", "s.D.Y=z"], Ok(vec![("S", s)]));
        check(&["S:={\"X\": 1}", "S.Y=2"], Ok(vec![("S", Argument::object([("X", 1i64.into()), ("Y", text("2"))]))]));
        check(&["A"], Err("it has no ="));
        check(&["=x"], Err("\"\" is no name"));
        check(&["A.=x"], Err("is no name"));
        check(&["1A=x"], Err("is no name"));
        check(&["A:=x"], Err("not JSON"));
        check(&["A=1", "a=2"], Err("a is given twice"));
        check(&["A=1", "A.B=2"], Err("A is given twice"));
        check(&["A.B=1", "A.B=2"], Err("B is given twice"));
    }
}
