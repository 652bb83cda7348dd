//! What a cmdlet takes, for people.

use super::cmdlets::{CMDLETS, find};
use super::options::Known;
use super::parameter::{Cmdlet, Kind, Parameter};
use super::said;
use crate::report::Failure;
use std::fmt::Write;
use std::process::ExitCode;

/// `Get-Help [CMDLET]`.
pub(super) fn of(words: &[String]) -> Result<ExitCode, Failure> {
    let name = words.iter().find(|w| !w.starts_with('-'));
    match name {
        None => said(&all()),
        Some(name) => match find(name) {
            Some(cmdlet) => said(&text(cmdlet)),
            None => Err(Failure::usage(format!("Get-Help could not find {name}")).hint("rwmi Get-Help lists the cmdlets")),
        },
    }
}

fn all() -> String {
    let mut text = String::from("PowerShell's cmdlets; each with -? shows its parameters.\n\n");
    for cmdlet in CMDLETS {
        let _ = writeln!(text, "  {:<28} {:<5} {}", cmdlet.name, cmdlet.alias, cmdlet.about);
    }
    text
}

/// All about one.
pub(super) fn text(cmdlet: &'static Cmdlet) -> String {
    let mut text = format!("{}\n\nUsage:\n", cmdlet.about);
    for (set, _) in cmdlet.sets {
        let own = cmdlet.parameters().filter(|p| p.sets & set != 0 && !p.is_common && !matches!(p.kind, Kind::No(..)));
        let mut own: Vec<&Parameter> = own.collect();
        own.sort_by_key(|p| (p.position.unwrap_or(u8::MAX), p.required & set == 0));
        let words: Vec<String> = own.iter().map(|p| usage(p, p.required & set != 0)).collect();
        let _ = writeln!(text, "{}", wrapped(&format!("  rwmi {}", cmdlet.name), &words));
    }
    let _ = writeln!(text, "\nParameters (names without case, and as short as they stay clear):");
    for parameter in cmdlet.parameters().filter(|p| !matches!(p.kind, Kind::No(..))) {
        let ty = parameter.kind.short_name().map_or(String::new(), |ty| format!(" <{ty}>"));
        let aliases = match parameter.aliases {
            [] => String::new(),
            aliases => format!(" (also {})", aliases.iter().map(|a| format!("-{a}")).collect::<Vec<_>>().join(", ")),
        };
        let _ = writeln!(text, "  -{}{ty}{aliases}\n      {}", parameter.name, parameter.help);
        if let Kind::Choice(_, words) = parameter.kind {
            let _ = writeln!(text, "      {}", words.iter().map(|(word, n, _)| format!("{word} ({n})")).collect::<Vec<_>>().join(", "));
        }
    }
    if !cmdlet.alias.is_empty() {
        let _ = writeln!(text, "\nAlso called {}.", cmdlet.alias);
    }
    let _ = writeln!(text, "\nExample:\n  {}\n\nBeside them, as with every command:", cmdlet.example);
    let options = Known::new().help();
    // Its usage line is about nothing.
    text += options.split_once("Options:").map_or(options.as_str(), |(_, options)| options).trim_start_matches('\n');
    text
}

fn usage(parameter: &Parameter, is_required: bool) -> String {
    let name = format!("-{}", parameter.name);
    let name = if parameter.position.is_some() { format!("[{name}]") } else { name };
    let whole = match parameter.kind.short_name() {
        Some(ty) => format!("{name} <{ty}>"),
        None => name,
    };
    if is_required { whole } else { format!("[{whole}]") }
}

/// Words in lines of at most a hundred columns.
fn wrapped(first: &str, words: &[String]) -> String {
    let (mut text, mut width) = (first.to_owned(), first.len());
    for word in words {
        if 100 < width + 1 + word.len() {
            text += "\n     ";
            width = 5;
        }
        text.push(' ');
        text += word;
        width += 1 + word.len();
    }
    text
}
