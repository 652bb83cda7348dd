//! What can be set for a computer, and how layers of settings lie above one another.

use super::source::Source;
use crate::args::{Impersonation, Level};
use crate::format::Format;
use clap::ValueEnum;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a setting was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An option.
    CommandLine,
    /// A variable of the environment.
    Variable(String),
    /// A section of the configuration file, and the line of the key, counted from 1.
    File(Arc<str>, usize),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine => f.write_str("the command line"),
            Origin::Variable(name) => write!(f, "${name}"),
            Origin::File(section, line) => write!(f, "{section}, line {line}"),
        }
    }
}

/// A setting, and where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// How a computer is talked to. Another will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// WMI over DCOM.
    Dcom,
}

impl std::str::FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Protocol, String> {
        match text.to_ascii_lowercase().as_str() {
            "dcom" => Ok(Protocol::Dcom),
            "wsman" => Err("WS-Man is not built yet; dcom is".into()),
            _ => Err(format!("{text:?} is no protocol: dcom")),
        }
    }
}

/// Whose password a source has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Password {
    pub(crate) source: Source,
    /// The account that it was written down for; `None` is whoever is asked for.
    pub(crate) owner: Option<String>,
}

/// What is set for a computer, as far as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) user: Option<Said<String>>,
    pub(crate) password: Option<Said<Password>>,
    pub(crate) namespace: Option<Said<String>>,
    pub(crate) protocol: Option<Said<Protocol>>,
    pub(crate) authentication: Option<Said<Level>>,
    pub(crate) impersonation: Option<Said<Impersonation>>,
    pub(crate) authority: Option<Said<String>>,
    pub(crate) locale: Option<Said<String>>,
    pub(crate) endpoint_port: Option<Said<u16>>,
    pub(crate) object_port: Option<Said<u16>>,
    pub(crate) timeout: Option<Said<u64>>,
    pub(crate) smart_enum: Option<Said<bool>>,
    pub(crate) output: Option<Said<Format>>,
}

/// Every key of a section, in the order in which they are shown.
pub(crate) const KEYS: [&str; 15] = [
    "user",
    "password-file",
    "password-command",
    "password-secret",
    "namespace",
    "protocol",
    "authentication",
    "impersonation",
    "authority",
    "locale",
    "endpoint-port",
    "object-port",
    "timeout",
    "smart-enum",
    "output",
];

/// Longest text of a setting, in octets.
const TEXT_LEN_MAX: usize = 4096;

/// A value as the file, or the environment, has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plain {
    Text(String),
    Number(i64),
    Truth(bool),
    Texts(Vec<String>),
    Pairs(Vec<(String, String)>),
    /// Something else, by the name of its type.
    Other(&'static str),
}

impl Plain {
    fn kind(&self) -> &'static str {
        match self {
            Plain::Text(_) => "a string",
            Plain::Number(_) => "an integer",
            Plain::Truth(_) => "a boolean",
            Plain::Texts(_) => "an array of strings",
            Plain::Pairs(_) => "a table",
            Plain::Other(kind) => kind,
        }
    }

    fn text(self) -> Result<String, String> {
        match self {
            Plain::Text(text) if text.is_empty() => Err("expected a text, found an empty one".into()),
            Plain::Text(text) if text.chars().any(char::is_control) => Err("a control character is in the text".into()),
            Plain::Text(text) if text.len() <= TEXT_LEN_MAX => Ok(text),
            Plain::Text(_) => Err(format!("the text is longer than {TEXT_LEN_MAX} octets")),
            other => Err(format!("expected a string, found {}", other.kind())),
        }
    }

    fn number(self, least: u64, most: u64) -> Result<u64, String> {
        let number = match &self {
            Plain::Number(n) => u64::try_from(*n).ok(),
            // The environment has texts only.
            Plain::Text(text) => text.parse().ok(),
            other => return Err(format!("expected an integer from {least} to {most}, found {}", other.kind())),
        };
        number.filter(|n| (least..=most).contains(n)).ok_or_else(|| format!("expected an integer from {least} to {most}"))
    }

    fn truth(self) -> Result<bool, String> {
        match &self {
            Plain::Truth(truth) => Ok(*truth),
            Plain::Text(text) if text == "true" => Ok(true),
            Plain::Text(text) if text == "false" => Ok(false),
            other => Err(format!("expected true or false, found {}", other.kind())),
        }
    }

    fn one_of<T: ValueEnum>(self) -> Result<T, String> {
        let text = self.text()?;
        T::from_str(&text, true).map_err(|_| {
            let names: Vec<String> = T::value_variants().iter().filter_map(T::to_possible_value).map(|v| v.get_name().to_owned()).collect();
            let near = super::near::nearest(&text, names.iter().map(String::as_str)).map(|n| format!("; did you mean {n:?}?"));
            format!("expected one of {}, found {text:?}{}", names.join(", "), near.unwrap_or_default())
        })
    }
}

impl Settings {
    /// Sets a key. `home` is where relative files lie: the directory of the configuration.
    pub(crate) fn set(&mut self, key: &str, value: Plain, origin: Origin, home: &Path) -> Result<(), String> {
        fn put<T>(place: &mut Option<Said<T>>, value: T, origin: Origin) {
            *place = Some(Said { value, origin });
        }
        let port = |v: Plain| v.number(1, 65535).map(|n| u16::try_from(n).unwrap_or(u16::MAX));
        match key {
            "user" => put(&mut self.user, value.text()?, origin),
            "namespace" => put(&mut self.namespace, value.text()?, origin),
            "protocol" => put(&mut self.protocol, value.text()?.parse()?, origin),
            "authentication" => put(&mut self.authentication, value.one_of()?, origin),
            "impersonation" => put(&mut self.impersonation, value.one_of()?, origin),
            "authority" => put(&mut self.authority, value.text()?, origin),
            "locale" => put(&mut self.locale, value.text()?, origin),
            "endpoint-port" => put(&mut self.endpoint_port, port(value)?, origin),
            "object-port" => put(&mut self.object_port, port(value)?, origin),
            "timeout" => put(&mut self.timeout, value.number(1, 86_400)?, origin),
            "smart-enum" => put(&mut self.smart_enum, value.truth()?, origin),
            "output" => put(&mut self.output, value.one_of()?, origin),
            "password-file" | "password-command" | "password-secret" => {
                if let Some(other) = &self.password {
                    return Err(format!("the password has another source already: {}", other.value.source.key()));
                }
                let source = match key {
                    "password-file" => Source::File { path: below(home, &value.text()?), strict: matches!(origin, Origin::File(..)) },
                    "password-command" => match value {
                        Plain::Texts(words) if !words.is_empty() => Source::Command(words),
                        other => {
                            return Err(format!(
                                "expected a program and its arguments as an array of strings, found {}; no shell is between",
                                other.kind()
                            ));
                        }
                    },
                    _ => match value {
                        Plain::Truth(true) => Source::Secret(Vec::new()),
                        Plain::Pairs(pairs) if !pairs.is_empty() => Source::Secret(pairs),
                        other => return Err(format!("expected true, or a table of attributes, found {}", other.kind())),
                    },
                };
                put(&mut self.password, Password { source, owner: None }, origin);
            }
            _ => return Err(format!("unknown key {key:?}")),
        }
        Ok(())
    }

    /// Lays these settings above others. A password that was written down for one account is not given away as another's.
    pub(crate) fn above(self, mut below: Settings) -> Settings {
        if let (Some(user), Some(password)) = (&self.user, &below.password)
            && let Some(owner) = &password.value.owner
            && !owner.eq_ignore_ascii_case(&user.value)
        {
            below.password = None;
        }
        let mut password = self.password.or(below.password);
        let user = self.user.or(below.user);
        if let Some(password) = &mut password
            && password.value.owner.is_none()
            && password.value.source.is_of_an_account()
            && matches!(password.origin, Origin::File(..))
        {
            password.value.owner = user.as_ref().map(|u| u.value.clone());
        }
        Settings {
            user,
            password,
            namespace: self.namespace.or(below.namespace),
            protocol: self.protocol.or(below.protocol),
            authentication: self.authentication.or(below.authentication),
            impersonation: self.impersonation.or(below.impersonation),
            authority: self.authority.or(below.authority),
            locale: self.locale.or(below.locale),
            endpoint_port: self.endpoint_port.or(below.endpoint_port),
            object_port: self.object_port.or(below.object_port),
            timeout: self.timeout.or(below.timeout),
            smart_enum: self.smart_enum.or(below.smart_enum),
            output: self.output.or(below.output),
        }
    }

    /// What the environment says: `RWMI_` and the key in capitals, `-` as `_`; the password itself in `RWMI_PASSWORD`. An empty
    /// variable says nothing, but an empty password is one.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, String> {
        let mut settings = Settings::default();
        // A list and a table have no place in a variable.
        for key in KEYS.iter().filter(|k| !matches!(**k, "password-command" | "password-secret")) {
            let name = format!("RWMI_{}", key.to_ascii_uppercase().replace('-', "_"));
            if let Some(text) = variable(&name).filter(|t| !t.is_empty()) {
                let origin = Origin::Variable(name.clone());
                settings.set(key, Plain::Text(text), origin, Path::new("")).map_err(|e| format!("${name}: {e}"))?;
            }
        }
        if let Some(text) = variable("RWMI_PASSWORD") {
            let password = Password { source: Source::Given(text.into()), owner: None };
            settings.password = Some(Said { value: password, origin: Origin::Variable("RWMI_PASSWORD".into()) });
        }
        Ok(settings)
    }

    /// The settings as lines of TOML, each with what `about` says of where it comes from.
    pub(crate) fn lines(&self, about: impl Fn(&Origin) -> String) -> Vec<String> {
        fn named<T: ValueEnum>(value: &T) -> String {
            toml::Value::String(value.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()).to_string()
        }
        let text = |t: &String| toml::Value::String(t.clone()).to_string();
        let mut lines = Vec::new();
        let mut line = |key: &str, value: Option<String>, origin: Option<&Origin>| {
            if let (Some(value), Some(origin)) = (value, origin) {
                lines.push(format!("{key} = {value}{}", about(origin)));
            }
        };
        macro_rules! show {
            ($key:literal, $field:ident, $write:expr) => {
                line($key, self.$field.as_ref().map(|s| $write(&s.value)), self.$field.as_ref().map(|s| &s.origin))
            };
        }
        show!("user", user, text);
        if let Some(password) = &self.password {
            line(password.value.source.key(), Some(password.value.source.shown()), Some(&password.origin));
        }
        show!("namespace", namespace, text);
        show!("protocol", protocol, |_: &Protocol| "\"dcom\"".to_owned());
        show!("authentication", authentication, named);
        show!("impersonation", impersonation, named);
        show!("authority", authority, text);
        show!("locale", locale, text);
        show!("endpoint-port", endpoint_port, u16::to_string);
        show!("object-port", object_port, u16::to_string);
        show!("timeout", timeout, u64::to_string);
        show!("smart-enum", smart_enum, bool::to_string);
        show!("output", output, named);
        lines
    }
}

/// A file as the configuration names it: `~/` is the home directory, and what is relative lies beside the configuration.
pub(crate) fn below(home: &Path, text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(user)) => user.join(rest),
        _ => home.join(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(pairs: &[(&str, &str)], line: usize) -> Settings {
        let mut settings = Settings::default();
        for (key, value) in pairs {
            settings.set(key, Plain::Text((*value).into()), Origin::File("[x]".into(), line), Path::new("/etc")).unwrap();
        }
        settings
    }

    fn file(settings: &Settings) -> Option<String> {
        settings.password.as_ref().map(|p| p.value.source.shown())
    }

    #[test]
    fn the_layer_above_wins_key_by_key() {
        let both = layer(&[("namespace", "a"), ("timeout", "5")], 2).above(layer(&[("namespace", "b"), ("locale", "MS_409")], 1));
        assert_eq!(
            both.lines(|o| format!(" # {o}")),
            ["namespace = \"a\" # [x], line 2", "locale = \"MS_409\" # [x], line 1", "timeout = 5 # [x], line 2"]
        );
    }

    #[test]
    fn a_password_is_not_given_away_as_another_accounts() {
        let alices = layer(&[("user", "alice"), ("password-file", "pw")], 1).above(Settings::default());
        assert_eq!(file(&alices).as_deref(), Some("\"/etc/pw\""));
        assert_eq!(file(&layer(&[("user", "ALICE")], 2).above(alices.clone())).as_deref(), Some("\"/etc/pw\""));
        assert_eq!(file(&layer(&[("user", "bob")], 2).above(alices.clone())), None);
        // Written down where alice was meant, two layers below.
        let host = layer(&[("password-file", "other")], 2).above(alices);
        assert_eq!(file(&layer(&[("user", "bob")], 3).above(host)), None);
        // Nobody was meant: it is whoever's is asked for.
        let nobody = layer(&[("password-file", "pw")], 1).above(Settings::default());
        assert_eq!(file(&layer(&[("user", "bob")], 2).above(nobody)).as_deref(), Some("\"/etc/pw\""));
        // The environment's is for whom the command line names.
        let said = |n: &str| match n {
            "RWMI_PASSWORD" => Some("x".to_owned()),
            "RWMI_USER" => Some("alice".to_owned()),
            _ => None,
        };
        let environment = Settings::of_environment(said).unwrap().above(Settings::default());
        assert!(layer(&[("user", "bob")], 3).above(environment).password.is_some());
    }

    #[test]
    fn the_environment_has_texts_only() {
        let check = |name: &'static str, value: &'static str, expect: Result<&str, &str>| {
            let got = Settings::of_environment(|n| (n == name).then(|| value.to_owned()));
            let got = got.map(|s| s.lines(|_| String::new()).join("\n"));
            assert_eq!(got.as_deref().map_err(String::as_str), expect, "{name}={value}");
        };
        check("RWMI_ENDPOINT_PORT", "1135", Ok("endpoint-port = 1135"));
        check("RWMI_SMART_ENUM", "false", Ok("smart-enum = false"));
        check("RWMI_OUTPUT", "csv", Ok("output = \"csv\""));
        check("RWMI_USER", "", Ok(""));
        check("RWMI_PASSWORD", "", Ok("password = \"[redacted]\""));
        check("RWMI_TIMEOUT", "0", Err("$RWMI_TIMEOUT: expected an integer from 1 to 86400"));
        check("RWMI_PROTOCOL", "wsman", Err("$RWMI_PROTOCOL: WS-Man is not built yet; dcom is"));
        check("RWMI_USER", "a\nb", Err("$RWMI_USER: a control character is in the text"));
    }
}
