//! The options of mofcomp: how classes and instances are put, and a text parted from its translation.

use super::{Failure, name_of};
use clap::{Args, ValueEnum};
use rwmi_cim::mof::{self, Modes, PutMode};
use rwmi_cim::{Operation, amend};
use std::fs;
use std::path::{Path, PathBuf};

/// What mofcomp takes beside the file. A #pragma of the text goes above it.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct How {
    /// How classes are put; else they are made or changed, as far as nothing depends on them
    #[arg(long, value_name = "MODE")]
    class: Option<ClassMode>,

    /// How instances are put; else they are made or changed
    #[arg(long, value_name = "MODE")]
    instance: Option<InstanceMode>,

    /// Taken as mofcomp takes it: what is put here is kept in any case, so there is no list of files to compile again
    #[arg(long)]
    autorecover: bool,

    /// Where localised qualifiers go: into the namespace of this locale (MS_407) below the classes'
    #[arg(long, value_name = "LOCALE")]
    amendment: Option<String>,

    /// With --amendment and --mfl: write the text without localised qualifiers here, and put nothing
    #[arg(long, value_name = "FILE", requires_all = ["amendment", "mfl"])]
    mof: Option<PathBuf>,

    /// With --amendment and --mof: write the localised qualifiers here, and put nothing
    #[arg(long, value_name = "FILE", requires_all = ["amendment", "mof"])]
    mfl: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ClassMode {
    /// Fail where the class exists
    Createonly,
    /// Fail where the class does not exist
    Updateonly,
    /// Change it where derived classes exist and do not conflict
    Safeupdate,
    /// Change it also where derived classes conflict
    Forceupdate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InstanceMode {
    /// Fail where the instance exists
    Createonly,
    /// Fail where the instance does not exist
    Updateonly,
}

impl How {
    /// What the compiler is told.
    pub(super) fn modes(&self) -> Result<Modes, Failure> {
        let mut modes = Modes::default();
        match self.class {
            None => {}
            Some(ClassMode::Createonly) => modes.class.create_only = true,
            Some(ClassMode::Updateonly) => modes.class.update_only = true,
            Some(ClassMode::Safeupdate) => modes.class.safe = true,
            Some(ClassMode::Forceupdate) => modes.class.force = true,
        }
        match self.instance {
            None => {}
            Some(InstanceMode::Createonly) => modes.instance.create_only = true,
            Some(InstanceMode::Updateonly) => modes.instance.update_only = true,
        }
        if let Some(locale) = &self.amendment {
            let id = amend::locale_id(locale).ok_or_else(|| Failure::usage(format!("{locale:?} is no locale such as MS_409")))?;
            modes.amendment = Some(id);
        }
        Ok(modes)
    }

    /// Whether the text is parted and not put.
    pub(super) fn files(&self) -> Option<(&Path, &Path)> {
        Some((self.mof.as_deref()?, self.mfl.as_deref()?))
    }
}

/// Writes what a text declares into two files: without the texts of a locale, and those.
pub(super) fn part(operations: &[(String, Operation)], id: u32, (neutral, texts): (&Path, &Path)) -> Result<String, Failure> {
    let locale = format!("ms_{id:x}");
    let of_locale = |namespace: &str, operation: &Operation| match operation {
        Operation::Put { instance, .. } if instance.class.is_a("__NAMESPACE") => {
            instance.get("Name").and_then(|n| n.as_str()).is_some_and(|n| n.eq_ignore_ascii_case(&locale))
        }
        _ => namespace.rsplit('\\').next().is_some_and(|last| last.eq_ignore_ascii_case(&locale)),
    };
    let (apart, whole): (Vec<_>, Vec<_>) = operations.iter().partition(|(ns, op)| of_locale(ns, op));
    for (path, operations) in [(neutral, &whole), (texts, &apart)] {
        fs::write(path, text_of(operations)?).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    }
    Ok(format!("{} declarations written to {}, {} to {}\n", whole.len(), neutral.display(), apart.len(), texts.display()))
}

fn text_of(operations: &[&(String, Operation)]) -> Result<String, Failure> {
    let (mut text, mut place, mut class_mode, mut instance_mode) = (String::new(), None, PutMode::default(), PutMode::default());
    for (namespace, operation) in operations {
        if place != Some(namespace) {
            text += &format!("#pragma namespace(\"\\\\\\\\.\\\\{}\")\n\n", namespace.replace('\\', r"\\"));
            place = Some(namespace);
        }
        match operation {
            Operation::PutClass { class, options } => {
                flags(&mut text, "classflags", &mut class_mode, options.mode);
                text += &mof::print_class(class);
            }
            Operation::Put { instance, options } => {
                flags(&mut text, "instanceflags", &mut instance_mode, options.mode);
                text += &mof::print_instance(instance);
            }
            Operation::DeleteClass(name) => text += &format!("#pragma deleteclass(\"{name}\", NOFAIL)\n"),
            other => return Err(Failure::new(format!("{} cannot be written as MOF", name_of(namespace, other)))),
        }
        text += "\n";
    }
    Ok(text)
}

/// Says how what follows is put, where that is not as before.
fn flags(text: &mut String, pragma: &str, now: &mut PutMode, mode: PutMode) {
    if *now != mode {
        let words =
            [(mode.create_only, "createonly"), (mode.update_only, "updateonly"), (mode.safe, "safeupdate"), (mode.force, "forceupdate")];
        let words: Vec<String> = words.iter().filter(|(set, _)| *set).map(|(_, word)| format!("\"{word}\"")).collect();
        *text += &format!("#pragma {pragma}({})\n", if words.is_empty() { "0".to_owned() } else { words.join(", ") });
        *now = mode;
    }
}
