//! `Invoke-WmiMethod` and `Invoke-CimMethod`.

use super::bind::Given;
use super::consent::Consent;
use super::object::{Source, allowed};
use crate::call::{Arguments, OneCall, finish, print_call, print_results};
use crate::query::{At, Question, Work, Working};
use crate::report::Failure;
use rwmi_cim::Value;
use rwmi_client::{Argument, Error};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

pub(super) fn wmi(given: Given) -> Result<ExitCode, Failure> {
    let target = given.text("Class").or(given.text("Path")).or(given.text("InputObject"));
    let (ours, target) = given.ours(target)?;
    let (target, method) = (target.unwrap_or_default(), given.text("Name").unwrap_or_default().to_owned());
    if !Consent::of(&given).allows("Invoke-WmiMethod", &format!("{target} ({method})"))? {
        return Ok(ExitCode::SUCCESS);
    }
    let left_out = |a: &Argument| (*a != Argument::Value(Value::Null)).then(|| a.clone());
    let arguments = Arguments::Listed(given.values("ArgumentList").iter().map(left_out).collect());
    print_call(ours.connect, &ours.shape, OneCall { target, method, arguments })
}

pub(super) fn cim(given: Given) -> Result<ExitCode, Failure> {
    let class = given.text("ClassName").or(given.text("CimClass"));
    let (ours, target) = given.ours(class.or(given.text("InputObject")))?;
    let method = given.text("MethodName").unwrap_or_default().to_owned();
    let arguments = given.table("Arguments");
    let consent = Consent::of(&given);
    let operation = format!("Invoke-CimMethod: {method}");
    if given.text("Query").is_some() {
        let source = Source::of(&given, None);
        let calls = Calls { source, operation, method, arguments, consent: Arc::new(consent) };
        return print_results(ours.connect, &ours.shape, Question::work(calls));
    }
    let target = target.unwrap_or_default();
    if !consent.allows(&operation, &target)? {
        return Ok(ExitCode::SUCCESS);
    }
    print_call(ours.connect, &ours.shape, OneCall { target, method, arguments: Arguments::Named(arguments) })
}

/// A method of each instance that a query finds.
struct Calls {
    source: Source,
    operation: String,
    method: String,
    arguments: Vec<(String, Argument)>,
    consent: Arc<Consent>,
}

impl Calls {
    async fn call(&self, mut at: At<'_>) -> Result<(), Error> {
        let time = at.left();
        for found in self.source.found(&at).await? {
            if !allowed(&self.consent, &at, &self.operation, &found.shown).await? {
                continue;
            }
            // Whoever was asked took a time of his own.
            if self.consent.is_wanted() {
                at.end = Instant::now() + time;
            }
            let called = async {
                let call = at.namespace.method(&found.path, &self.method).await?;
                finish(call.args(self.arguments.iter().cloned()), &at).await
            };
            // One that fails does not keep the others from it.
            if let Err(error) = called.await {
                at.failed(error).await;
            }
        }
        Ok(())
    }
}

impl Work for Calls {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(self.call(at))
    }
}
