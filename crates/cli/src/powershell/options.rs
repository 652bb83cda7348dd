//! What a cmdlet's parameters are in our own options: connecting and formats are those of every other command.

use super::bind::{Bound, Given, Options};
use super::parameter::Kind;
use crate::args::{Connect, Shape};
use crate::connect::NAMESPACE;
use crate::paint::When;
use crate::report::Failure;
use clap::{CommandFactory, Parser};
use rwmi_client::forms::{Moniker, check_locale};

/// Our own options beside a cmdlet's parameters.
#[derive(Debug, Parser)]
#[command(name = "rwmi", no_binary_name = true, disable_help_flag = true)]
pub(super) struct Ours {
    #[command(flatten)]
    pub(super) connect: Connect,

    #[command(flatten)]
    pub(super) shape: Shape,

    /// Say more on standard error: once each step, twice each call
    #[arg(long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// Colours: on a terminal, always, never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true, hide_possible_values = true)]
    pub(super) color: When,

    /// Show tables that are longer than the screen without a pager
    #[arg(long)]
    pub(super) no_pager: bool,
}

/// Which options there are.
pub(super) struct Known(clap::Command);

impl Known {
    pub(super) fn new() -> Known {
        // One dash is PowerShell's; -o alone is ours too.
        let short = |arg: clap::Arg| if arg.get_long() == Some("output") { arg } else { arg.short(None) };
        let mut command = Ours::command().mut_args(short);
        command.build();
        Known(command)
    }

    /// What the help says of them.
    pub(super) fn help(&mut self) -> String {
        self.0.render_help().to_string()
    }
}

impl Options for Known {
    fn takes_value(&self, long: &str) -> Option<bool> {
        let has_name = |a: &&clap::Arg| a.get_long() == Some(long) || a.get_all_aliases().is_some_and(|all| all.contains(&long));
        self.0.get_arguments().find(has_name).map(|a| a.get_action().takes_values())
    }
}

impl Given {
    /// Connection and format as all parameters and options say. `path` may name computer and namespace; what is left of it comes
    /// back.
    pub(super) fn ours(&self, path: Option<&str>) -> Result<(Ours, Option<String>), Failure> {
        let mut words = Vec::new();
        for (parameter, value) in self.all() {
            let Some(option) = parameter.option else { continue };
            let text = match (value, parameter.kind) {
                (Bound::Text(text), _) => text.clone(),
                (Bound::Texts(all), _) => all.join(","),
                // The time that holds where nothing is said.
                (Bound::Number(0), _) => continue,
                (Bound::Number(n), _) => n.to_string(),
                (Bound::Choice(n), Kind::Choice(_, all)) => match all.get(*n) {
                    Some((_, _, "")) | None => {
                        return Err(Failure::usage("-Authentication None: WMI refuses calls of nobody, so nothing is sent"));
                    }
                    Some((.., ours)) => (*ours).to_owned(),
                },
                _ => continue,
            };
            words.push(format!("{option}={text}"));
        }
        words.extend(self.options.iter().cloned());
        let mut ours = Ours::try_parse_from(words).map_err(|e| {
            let text = e.to_string();
            Failure::usage(text.lines().next().unwrap_or_default().trim_start_matches("error: "))
        })?;
        if let Some(locale) = &ours.connect.locale {
            check_locale(locale).map_err(Failure::usage)?;
        }
        // Whatever a configuration says, the cmdlets begin there.
        ours.connect.namespace.get_or_insert_with(|| NAMESPACE.to_owned());
        let path = path.map(|path| ours.connect.take_path(&whole(path))).transpose()?;
        Ok((ours, path))
    }
}

/// A path as a moniker, where it names more than the class.
fn whole(path: &str) -> String {
    let has_namespace = || path.split_once(':').is_some_and(|(before, _)| !before.is_empty() && !before.contains(['.', '=', '"', '\'']));
    let is_full = path.starts_with(r"\\") || path.starts_with("//") || has_namespace();
    if is_full && !Moniker::is_meant(path) { format!("winmgmts:{path}") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::bind::{Asked, bind};
    use super::super::cmdlets::find;
    use super::*;

    fn given(words: &[&str]) -> Given {
        let (name, words) = words.split_first().unwrap();
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        match bind(find(name).unwrap(), &words, &Known::new()) {
            Ok(Asked::Run(given)) => *given,
            Ok(Asked::Help) => panic!("help"),
            Err(failure) => panic!("{failure:?}"),
        }
    }

    #[test]
    fn parameters_are_our_options() {
        let words = ["gwmi", "C", "-cn", "a,", "b", "-cred", r"CORP\x", "-authe", "5", "-ThrottleLimit:7", "-NS", "root/wmi", "-o", "csv"];
        let (ours, _) = given(&words).ours(None).unwrap();
        assert_eq!((ours.connect.hosts, ours.connect.user.as_deref()), (vec!["a".into(), "b".into()], Some(r"CORP\x")));
        assert_eq!((ours.connect.throttle, ours.connect.namespace.as_deref()), (7, Some("root/wmi")));
        assert_eq!((ours.connect.authentication, ours.shape.output.is_some()), (Some(crate::args::Level::Integrity), true));
        let (ours, _) = given(&["gcim", "C", "-CimSession", "a", "-OT", "5", "--user", "x", "--password-file=f"]).ours(None).unwrap();
        assert_eq!((ours.connect.hosts, ours.connect.timeout, ours.connect.user.as_deref()), (vec!["a".into()], Some(5), Some("x")));
        assert_eq!(given(&["gcim", "C", "-OT", "0"]).ours(None).unwrap().0.connect.timeout, None);
        let refused = |words: &[&str]| given(words).ours(None).unwrap_err().message;
        assert!(refused(&["gwmi", "C", "-Authentication", "None"]).contains("nothing is sent"));
        assert!(refused(&["gwmi", "C", "-o", "x"]).contains("invalid value 'x'"));
    }

    #[test]
    fn a_path_may_name_its_computer_and_namespace() {
        let check = |path: &str, host: &str, namespace: &str, rest: &str| {
            let (ours, left) = given(&["gcim", path]).ours(Some(path)).unwrap();
            assert_eq!((ours.connect.namespace.as_deref(), left.as_deref()), (Some(namespace), Some(rest)), "{path}");
            assert!(ours.connect.computers()[0].ends_with(host), "{path}: {:?}", ours.connect.hosts);
        };
        check(r#"C.K="a:b""#, ".", r"root\cimv2", r#"C.K="a:b""#);
        check(r#"root\wmi:C.K="a""#, ".", r"root\wmi", r#"C.K="a""#);
        check(r#"\\b\root\wmi:C.K="a""#, r"\\b\root\wmi", r"root\wmi", r#"C.K="a""#);
    }
}
