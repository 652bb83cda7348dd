//! Completions: of commands and options by clap, of classes, properties, computers and namespaces by what is known here. Nobody is
//! asked over a network while somebody types.

mod learn;
pub(crate) mod schema;
mod words;
mod wql;

pub(crate) use learn::Learning;

use crate::args::{Cli, Connect};
use crate::config::Config;
use crate::connect::{NAMESPACE, Targets};
use crate::report::Failure;
use clap::{Command, CommandFactory, Subcommand, ValueHint};
use clap_complete::env::{CompleteEnv, EnvCompleter, Fish, Powershell, Zsh};
use clap_complete::{ArgValueCompleter, CompletionCandidate};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

/// Set by the scripts of the shells.
const VARIABLE: &str = "RWMI_COMPLETE";

/// What to print, or to do, for completions.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Print the script for bash: source <(rwmi completions bash)
    Bash,
    /// Print the script for zsh: source <(rwmi completions zsh)
    Zsh,
    /// Print the script for fish: rwmi completions fish | source
    Fish,
    /// Print the script for PowerShell: rwmi completions powershell | Out-String | Invoke-Expression
    #[command(visible_alias = "pwsh")]
    Powershell,
    /// Ask a computer for all classes of a namespace, and keep their names for completions
    Learn(Box<Learn>),
    /// Forget all names that were kept
    Forget,
}

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Learn {
    #[command(flatten)]
    connect: Connect,
}

/// Prints a script, or keeps names.
pub(crate) fn run(action: Action) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    let print = |shell: &dyn EnvCompleter, script: &mut Vec<u8>| shell.write_registration(VARIABLE, "rwmi", "rwmi", "rwmi", script);
    let written = match action {
        Action::Bash => script.write_all(BASH.as_bytes()),
        Action::Zsh => print(&Zsh, &mut script),
        Action::Fish => print(&Fish, &mut script),
        Action::Powershell => print(&Powershell, &mut script),
        Action::Learn(learn) => return learn::run(Targets::new(learn.connect)?),
        Action::Forget => return schema::forget().map(|()| ExitCode::SUCCESS).map_err(|e| Failure::new(format!("cannot forget: {e}"))),
    };
    match written.and_then(|()| io::stdout().lock().write_all(&script)) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(format!("cannot write to standard output: {e}"))),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// bash splits words at colons and keeps quotes in them, so the line goes as it is and is taken apart here.
const BASH: &str = r#"_rwmi() {
    local IFS=$'\n'
    COMPREPLY=( $(_RWMI_LINE="${COMP_LINE:0:COMP_POINT}" _RWMI_WORD="$2" RWMI_COMPLETE=bash "${COMP_WORDS[0]}" 2>/dev/null) )
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/:,] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -o default -F _rwmi rwmi
"#;

/// The words of the line that is completed.
static WORDS: OnceLock<Vec<String>> = OnceLock::new();

/// Answers a shell, where it is one that asks.
pub(crate) fn answer() -> Option<ExitCode> {
    let shell = std::env::var_os(VARIABLE).filter(|v| !v.is_empty())?;
    if let (true, Ok(line)) = (shell == "bash", std::env::var("_RWMI_LINE")) {
        let word = std::env::var("_RWMI_WORD").unwrap_or_default();
        let _ = io::stdout().write_all(of_bash(&line, &word).as_bytes());
        return Some(ExitCode::SUCCESS);
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let _ = WORDS.set(arguments.iter().skip_while(|a| *a != "--").skip(1).map(|a| a.to_string_lossy().into_owned()).collect());
    let engine = CompleteEnv::with_factory(|| with_completers(Cli::command())).var(VARIABLE).bin("rwmi").completer("rwmi");
    match engine.try_complete(arguments, std::env::current_dir().ok().as_deref()) {
        Ok(_) => Some(ExitCode::SUCCESS),
        Err(error) => error.exit(),
    }
}

/// Candidates, a line each, as bash wants them: `word` is what it takes for the current one.
fn of_bash(line: &str, word: &str) -> String {
    let (words, is_quoted) = words::split(line);
    let current = words.last().cloned().unwrap_or_default();
    let _ = WORDS.set(words.clone());
    let index = words.len() - 1;
    let arguments = words.into_iter().map(OsString::from).collect();
    let here = std::env::current_dir().ok();
    let found = clap_complete::engine::complete(&mut with_completers(Cli::command()), arguments, index, here.as_deref());
    // What stands before the last break is on the line already.
    let kept = current.strip_suffix(word).map_or(0, str::len);
    let mut text = String::new();
    for candidate in found.unwrap_or_default() {
        let value = candidate.get_value().to_string_lossy();
        let Some(rest) = value.get(kept..) else { continue };
        if rest.contains(char::is_control) {
            continue;
        }
        for c in rest.chars() {
            // Whatever a shell would act on.
            if !(is_quoted || c.is_alphanumeric() || "-_./:,=@%+~".contains(c)) {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('\n');
    }
    text
}

/// Gives each argument what completes it; by its name, the same in every command.
fn with_completers(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    let command = names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_completers));
    command.mut_args(|arg| match arg.get_id().as_str() {
        "hosts" | "host" => arg.add(ArgValueCompleter::new(computers)),
        "namespace" => arg.add(ArgValueCompleter::new(namespaces)),
        "class" | "classes" | "target" => arg.add(ArgValueCompleter::new(classes)),
        "method" => arg.add(ArgValueCompleter::new(methods)),
        "tag" => arg.add(ArgValueCompleter::new(properties)),
        "query" => arg.add(ArgValueCompleter::new(query)),
        "data_dir" | "state_dir" => arg.value_hint(ValueHint::DirPath),
        "file" | "config" | "server_config" | "password_file" | "authentication_file" => arg.value_hint(ValueHint::FilePath),
        _ => arg,
    })
}

/// The value of an option on the line.
fn option(names: &[&str]) -> Option<String> {
    let words = WORDS.get()?;
    let mut found = None;
    for (at, word) in words.iter().enumerate() {
        for name in names {
            if word == name {
                found = words.get(at + 1).cloned();
            } else if let Some(value) = word.strip_prefix(name).and_then(|r| r.strip_prefix('=')) {
                found = Some(value.to_owned());
            }
        }
    }
    found
}

fn configuration() -> Config {
    Config::load(option(&["--config"]).as_deref().map(std::path::Path::new)).unwrap_or_default()
}

/// The classes of the computer and namespace on the line.
fn known() -> schema::Known {
    let host = option(&["-c", "--computer-name", "-H", "--host"]).unwrap_or_else(|| ".".into());
    let host = host.split(',').next().unwrap_or_default().to_owned();
    let config = configuration();
    let set = || config.settings(&config.layers(&host, host == ".")).namespace.map(|n| n.value);
    let namespace = option(&["-n", "--namespace"]).or_else(set).unwrap_or_else(|| NAMESPACE.to_owned());
    schema::known(Some(&host), &namespace)
}

/// Those that begin as it is written, whatever the case.
fn like(current: &OsStr, names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy().to_lowercase();
    names.into_iter().filter(|n| n.to_lowercase().starts_with(&current)).map(CompletionCandidate::new).collect()
}

fn computers(current: &OsStr) -> Vec<CompletionCandidate> {
    like(current, configuration().names())
}

fn namespaces(current: &OsStr) -> Vec<CompletionCandidate> {
    // With the slash that no shell takes for its own; the server takes both.
    let own = schema::namespaces().into_iter().map(|n| n.replace('\\', "/"));
    let usual = ["root/cimv2", "root/default", "root/subscription", "root/wmi"].map(str::to_owned);
    let mut all: Vec<String> = usual.into_iter().chain(own).collect();
    all.sort();
    all.dedup();
    like(current, all)
}

fn classes(current: &OsStr) -> Vec<CompletionCandidate> {
    like(current, known().into_values().map(|c| c.name))
}

fn methods(current: &OsStr) -> Vec<CompletionCandidate> {
    let known = known();
    // The class, or the one of a path, stands before it.
    let class = WORDS.get().into_iter().flatten().rev().skip(1).find_map(|w| known.get(&w.split(['.', '=']).next()?.to_lowercase()));
    like(current, class.map(|c| c.methods.clone()).unwrap_or_default())
}

fn properties(current: &OsStr) -> Vec<CompletionCandidate> {
    let known = known();
    let class = WORDS.get().into_iter().flatten().find_map(|w| wql::class_of(w).and_then(|c| known.get(&c.to_lowercase()).cloned()));
    let names = match class {
        Some(class) => class.properties,
        None => wql::all_properties(&known),
    };
    like(current, names)
}

fn query(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(text) = current.to_str() else { return Vec::new() };
    wql::complete(text, &known()).into_iter().map(CompletionCandidate::new).collect()
}
