//! How a cmdlet is declared: its parameters, what each takes, and which go together.

use super::bind::Given;
use crate::report::Failure;
use std::process::ExitCode;

/// Parameter sets as bits: a parameter of several stands in all of theirs.
pub(super) type Sets = u16;

/// Every set.
pub(super) const ALL: Sets = Sets::MAX;

/// A cmdlet.
#[derive(Debug)]
pub(super) struct Cmdlet {
    pub(super) name: &'static str,
    pub(super) alias: &'static str,
    /// What it does, in a line.
    pub(super) about: &'static str,
    /// The sets, the one that is meant in doubt first.
    pub(super) sets: &'static [(Sets, &'static str)],
    pub(super) parameters: &'static [&'static [Parameter]],
    pub(super) example: &'static str,
    pub(super) run: fn(Given) -> Result<ExitCode, Failure>,
}

/// A parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    pub(super) kind: Kind,
    /// The sets that it is of.
    pub(super) sets: Sets,
    /// The sets that are none without it.
    pub(super) required: Sets,
    /// Where it stands among the words without a name.
    pub(super) position: Option<u8>,
    /// Our own option that it is, which takes its text.
    pub(super) option: Option<&'static str>,
    /// Whether every cmdlet of PowerShell has it.
    pub(super) is_common: bool,
    pub(super) help: &'static str,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Nothing, or `:$true`, `:$false`.
    Switch,
    /// A text.
    Text,
    /// The name of a class or a pattern of names.
    Name,
    /// The path of an instance, where PowerShell takes an object.
    Object,
    /// Texts with commas between them.
    Texts,
    /// Anything with commas between it.
    Values,
    /// `@{Name = value}`, or JSON.
    Table,
    /// A whole number: its type, the least and the most.
    Number(&'static str, i64, i64),
    /// One of several words, which have numbers too: the type, and name, number and what our own option is given.
    Choice(&'static str, &'static [(&'static str, i64, &'static str)]),
    /// Something that only PowerShell can do: whether it takes a value, and what to do instead.
    No(bool, &'static str),
}

impl Kind {
    /// The type as PowerShell's messages name it.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Kind::Switch | Kind::No(false, _) => "System.Management.Automation.SwitchParameter",
            Kind::Text | Kind::Name | Kind::No(true, _) => "System.String",
            Kind::Object => "Microsoft.Management.Infrastructure.CimInstance",
            Kind::Texts => "System.String[]",
            Kind::Values => "System.Object[]",
            Kind::Table => "System.Collections.IDictionary",
            Kind::Number(name, ..) | Kind::Choice(name, _) => name,
        }
    }

    /// The type as the help shows it; nothing for a switch.
    pub(super) fn short_name(self) -> Option<&'static str> {
        match self {
            Kind::Switch | Kind::No(false, _) => None,
            Kind::Object => Some("Path"),
            Kind::Table => Some("Hashtable"),
            other => other.type_name().rsplit('.').next(),
        }
    }

    /// Whether it stands without a value.
    pub(super) fn is_switch(self) -> bool {
        matches!(self, Kind::Switch | Kind::No(false, _))
    }

    /// Whether it takes several words that have commas between them.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Kind::Texts | Kind::Values)
    }

    /// Whether a word without a name may be one: of several parameters for one place it says which is meant.
    pub(super) fn fits(self, word: &str) -> bool {
        let is_query = || word.trim_start().get(..7).is_some_and(|w| w.eq_ignore_ascii_case("select "));
        match self {
            Kind::Name => !word.contains(['.', '=', '"', '\\', '/', ':', ' ']),
            Kind::Object => !is_query(),
            Kind::Table => word.trim_start().starts_with(['@', '{']),
            _ => true,
        }
    }
}

impl Parameter {
    /// A parameter of every set.
    pub(super) const fn new(name: &'static str, kind: Kind, help: &'static str) -> Parameter {
        Parameter { name, aliases: &[], kind, sets: ALL, required: 0, position: None, option: None, is_common: false, help }
    }

    pub(super) const fn alias(self, aliases: &'static [&'static str]) -> Parameter {
        Parameter { aliases, ..self }
    }

    /// Of these sets only.
    pub(super) const fn of(self, sets: Sets) -> Parameter {
        Parameter { sets, ..self }
    }

    /// Of these sets only, which it makes.
    pub(super) const fn must(self, sets: Sets) -> Parameter {
        Parameter { sets, required: sets, ..self }
    }

    /// Those of its sets that are none without it.
    pub(super) const fn must_in(self, required: Sets) -> Parameter {
        Parameter { required, ..self }
    }

    pub(super) const fn at(self, position: u8) -> Parameter {
        Parameter { position: Some(position), ..self }
    }

    pub(super) const fn option(self, option: &'static str) -> Parameter {
        Parameter { option: Some(option), ..self }
    }

    const fn common(self) -> Parameter {
        Parameter { is_common: true, ..self }
    }

    /// All its names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

impl Cmdlet {
    /// Its own parameters, and those that all have.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static Parameter> + use<> {
        self.parameters.iter().flat_map(|p| p.iter()).chain(COMMON)
    }
}

const NO_VARIABLE: Kind = Kind::No(true, "a variable is of a PowerShell session: take the shell's redirection");

/// What every cmdlet takes.
static COMMON: &[Parameter] = &[
    Parameter::new("Verbose", Kind::Switch, "Say each step on standard error").alias(&["vb"]).common(),
    Parameter::new("Debug", Kind::Switch, "Say each call on standard error").alias(&["db"]).common(),
    Parameter::new(
        "ErrorAction",
        Kind::Choice(
            "System.Management.Automation.ActionPreference",
            &[("SilentlyContinue", 0, "quiet"), ("Stop", 1, ""), ("Continue", 2, ""), ("Ignore", 4, "quiet")],
        ),
        "SilentlyContinue and Ignore say nothing of failures; the exit status stays",
    )
    .alias(&["ea"])
    .common(),
    Parameter::new("WarningAction", Kind::No(true, "there are no warnings"), "").alias(&["wa"]).common(),
    Parameter::new("InformationAction", Kind::No(true, "there is no information stream"), "").alias(&["infa"]).common(),
    Parameter::new("ErrorVariable", NO_VARIABLE, "").alias(&["ev"]).common(),
    Parameter::new("WarningVariable", NO_VARIABLE, "").alias(&["wv"]).common(),
    Parameter::new("InformationVariable", NO_VARIABLE, "").alias(&["iv"]).common(),
    Parameter::new("OutVariable", NO_VARIABLE, "").alias(&["ov"]).common(),
    Parameter::new("OutBuffer", Kind::No(true, "rows come as they are there"), "").alias(&["ob"]).common(),
    Parameter::new("PipelineVariable", NO_VARIABLE, "").alias(&["pv"]).common(),
];
