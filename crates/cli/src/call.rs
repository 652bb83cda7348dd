//! `rwmi call`: a method of a class or of an instance.

use crate::args::{Call, Connect, Shape};
use crate::complete::schema;
use crate::connect::Targets;
use crate::format::{Columns, Format, Style};
use crate::many::print_texts;
use crate::query::{At, Question, Work, Working, print};
use crate::report::Failure;
use rwmi_cim::{Entity, ObjectPath};
use rwmi_client::{Argument, Error, MethodCall};
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

/// Calls it on each computer, and prints what comes out.
pub(crate) fn run(mut args: Call) -> Result<ExitCode, Failure> {
    // Nobody is asked for a password for arguments that are none.
    let arguments = arguments(&args.arguments)?;
    args.target = args.connect.take_path(&args.target)?;
    match args.method {
        None => methods(args.connect, &args.target),
        Some(method) => {
            print_call(args.connect, &args.shape, OneCall { target: args.target, method, arguments: Arguments::Named(arguments) })
        }
    }
}

/// The signatures of a class, where no method was named.
fn methods(connect: Connect, target: &str) -> Result<ExitCode, Failure> {
    let class = path_of(target)?.class;
    let targets = Targets::new(connect)?;
    let several = 1 < targets.hosts().len();
    print_texts(targets, move |_, namespace, host| {
        let class = class.clone();
        async move {
            let class = namespace.class(&class).await?;
            schema::learn(&host, namespace.name(), [&*class]);
            let heading = if several { format!("{host}:\n") } else { String::new() };
            Ok(class.methods.iter().fold(heading, |text, m| text + &m.signature() + "\n").into())
        }
    })
}

fn path_of(target: &str) -> Result<ObjectPath, Failure> {
    target.parse().map_err(|e| Failure::usage(format!("{target:?} is no class and no path of an instance: {e}")))
}

/// A call of a method, the same on each computer.
pub(crate) struct OneCall {
    /// A class, or the path of an instance.
    pub(crate) target: String,
    pub(crate) method: String,
    pub(crate) arguments: Arguments,
}

/// How arguments are given.
pub(crate) enum Arguments {
    /// By the names of the parameters.
    Named(Vec<(String, Argument)>),
    /// In the order in which the method declares them; `None` leaves one out.
    Listed(Vec<Option<Argument>>),
}

/// Calls it on each computer, and prints what comes out.
pub(crate) fn print_call(connect: Connect, shape: &Shape, call: OneCall) -> Result<ExitCode, Failure> {
    path_of(&call.target)?;
    print_results(connect, shape, Question::work(call))
}

/// Does what calls methods, and prints what they return.
pub(crate) fn print_results(connect: Connect, shape: &Shape, question: Question) -> Result<ExitCode, Failure> {
    // What comes out of a method has no time of its own.
    let targets = Arc::new(Targets::new(connect)?);
    let style = Style { stamp: None, ..shape.style(&targets.home()) };
    let columns = Columns { names: None, with_host: 1 < targets.hosts().len(), style };
    let format = targets.format(shape.output, if io::stdout().is_terminal() { Format::List } else { Format::Jsonl });
    print(targets, question, format, columns)
}

impl Work for OneCall {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(async move {
            let call = at.namespace.method(&self.target, &self.method).await?;
            let call = match &self.arguments {
                Arguments::Named(all) => call.args(all.iter().cloned()),
                Arguments::Listed(all) => call.positional(all.iter().cloned())?,
            };
            finish(call, &at).await
        })
    }
}

/// Carries out a call, and tells what it returned.
pub(crate) async fn finish(call: MethodCall, at: &At<'_>) -> Result<(), Error> {
    let method = call.declaration().name.clone();
    let returned = call.deadline(at.left()).call().await?;
    at.row(Entity::Instance(returned.object().clone())).await;
    if let Some(code) = returned.return_value().filter(|c| *c != 0) {
        let meaning = returned.meaning().map_or(String::new(), |m| format!(": {m}"));
        at.returned(format!("{method} returned {code}{meaning}")).await;
    }
    Ok(())
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
