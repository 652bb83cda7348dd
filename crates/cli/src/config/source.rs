//! Where the password of an account comes from.

use crate::password;
use crate::report::Failure;
use rwmi_auth::Secret;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A way to get a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// It is here already: from the environment, or from a file of `-A`.
    Given(Secret),
    /// The first line of standard input.
    Stdin,
    /// The first line of a file. One that a configuration names is refused where others can read it.
    File {
        /// Where it lies.
        path: PathBuf,
        /// Whether its mode counts.
        strict: bool,
    },
    /// The first line that a program writes.
    Command(Vec<String>),
    /// The secret service of the desktop, by attributes; none are `service = "rwmi"` and the account as `user`.
    Secret(Vec<(String, String)>),
}

impl Source {
    /// The key that says it.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Source::Given(_) | Source::Stdin => "password",
            Source::File { .. } => "password-file",
            Source::Command(_) => "password-command",
            Source::Secret(_) => "password-secret",
        }
    }

    /// Whether it has one account's password, and not whichever account's is asked for.
    pub(super) fn is_of_an_account(&self) -> bool {
        !matches!(self, Source::Secret(attributes) if attributes.is_empty())
    }

    /// What can be shown of it, as a value of TOML.
    pub(super) fn shown(&self) -> String {
        let text = |t: &str| toml::Value::String(t.into()).to_string();
        match self {
            Source::Given(secret) => text(&format!("{secret:?}")),
            Source::Stdin => text("[standard input]"),
            Source::File { path, .. } => text(&path.display().to_string()),
            Source::Command(words) => format!("[{}]", words.iter().map(|w| text(w)).collect::<Vec<_>>().join(", ")),
            Source::Secret(attributes) if attributes.is_empty() => "true".into(),
            Source::Secret(attributes) => {
                let pairs: Vec<String> = attributes.iter().map(|(n, v)| format!("{} = {}", text(n), text(v))).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }

    /// Gets it.
    pub(crate) fn read(&self, account: &str) -> Result<Secret, Failure> {
        match self {
            Source::Given(secret) => Ok(secret.clone()),
            Source::Stdin => {
                let line = password::stdin().and_then(password::first_line);
                line.map_err(|e| Failure::new(format!("reading the password from standard input failed: {e}")))
            }
            Source::File { path, strict } => of_file(path, *strict),
            Source::Command(words) => of_command(words, account),
            Source::Secret(attributes) => {
                let default = || vec![("service".to_owned(), "rwmi".to_owned()), ("user".to_owned(), account.to_owned())];
                let attributes = if attributes.is_empty() { default() } else { attributes.clone() };
                super::secret_service::read(attributes)
            }
        }
    }
}

/// A file with a password in it that a configuration names.
fn of_file(path: &Path, strict: bool) -> Result<Secret, Failure> {
    let wrong = |e: std::io::Error| Failure::new(format!("{}: {e}", path.display()));
    let file = std::fs::File::open(path).map_err(wrong)?;
    if strict && let Some(mode) = super::trust::is_read_by_others(&file.metadata().map_err(wrong)?) {
        let text = format!("{}: every user of this computer can read the password in it (mode {mode:04o})", path.display());
        return Err(Failure::new(text).hint(format!("chmod 600 {}", path.display())));
    }
    password::first_line(file).map_err(wrong)
}

/// What a program may write below the password, in octets.
const NOTES_LEN_MAX: u64 = 1 << 20;

/// What a program writes. It may ask on the terminal, and tells its own mistakes; `RWMI_USER` names the account.
fn of_command(words: &[String], account: &str) -> Result<Secret, Failure> {
    let [program, arguments @ ..] = words else { return Err(Failure::new("password-command: no program is named")) };
    let wrong = |text: String| Failure::new(format!("password-command: {text}")).hint("rwmi config show HOST says where it stands");
    let mut child = Command::new(program)
        .args(arguments)
        .env("RWMI_USER", account)
        .env_remove("RWMI_PASSWORD")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| wrong(format!("{program} cannot be started: {e}")))?;
    let line = match child.stdout.take() {
        Some(mut out) => {
            let line = password::first_line(&mut out);
            // What stands below it, as people keep notes there, is taken and forgotten: a pipe that closes would be a failure.
            let _ = std::io::copy(&mut out.take(NOTES_LEN_MAX), &mut std::io::sink());
            line
        }
        None => Err(std::io::Error::other("it has no standard output")),
    };
    let status = child.wait().map_err(|e| wrong(format!("{program}: {e}")))?;
    let line = line.map_err(|e| wrong(format!("{program}: {e}")))?;
    match (status.success(), line.expose().is_empty()) {
        (false, _) => Err(wrong(format!("{program} failed: {status}"))),
        (true, true) => Err(wrong(format!("{program} wrote nothing"))),
        (true, false) => Ok(line),
    }
}
