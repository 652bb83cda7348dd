//! Where passwords come from. Never from an argument.

use crate::args::Password;
use rwmi_auth::Secret;
use std::io::{BufRead, IsTerminal};

/// The ways to give one, for advice.
pub(crate) const SOURCES: &str = "give it by --password-stdin, --password-file, RWMI_PASSWORD or the prompt of a terminal";

/// Longest password, in octets of its file or line.
const PASSWORD_LEN_MAX: u64 = 4096;

/// The password of an account: standard input, a file, $RWMI_PASSWORD, else a prompt on the terminal.
///
/// `Ok(None)` where none was given and nobody can be asked. An empty line is an empty password, which is a password.
pub(crate) fn read(from: &Password, prompt: &str) -> Result<Option<Secret>, String> {
    if from.password_stdin {
        return first_line(std::io::stdin().lock()).map(Some).map_err(|e| format!("reading the password from standard input failed: {e}"));
    }
    if let Some(path) = &from.password_file {
        let file = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
        return first_line(std::io::BufReader::new(file)).map(Some).map_err(|e| format!("{}: {e}", path.display()));
    }
    if let Ok(text) = std::env::var("RWMI_PASSWORD") {
        return Ok(Some(Secret::new(text)));
    }
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map(|p| Some(Secret::new(p))).map_err(|e| format!("the prompt failed: {e}"));
    }
    Ok(None)
}

/// A new password: as [`read`], but typed twice where it is typed.
pub(crate) fn read_new(from: &Password, name: &str) -> Result<Option<Secret>, String> {
    let typed = !from.is_given() && std::env::var_os("RWMI_PASSWORD").is_none();
    let first = read(from, &format!("New password for {name}: "))?;
    match (typed, &first) {
        (true, Some(secret)) => match rpassword::prompt_password("Once more: ").map(Secret::new) {
            Ok(again) if again.expose() == secret.expose() => Ok(first),
            Ok(_) => Err("the two passwords are not the same".into()),
            Err(e) => Err(format!("the prompt failed: {e}")),
        },
        _ => Ok(first),
    }
}

fn first_line(from: impl BufRead) -> std::io::Result<Secret> {
    let mut line = String::new();
    let n = from.take(PASSWORD_LEN_MAX).read_line(&mut line)?;
    if n as u64 == PASSWORD_LEN_MAX && !line.ends_with('\n') {
        return Err(std::io::Error::other("the first line is longer than 4096 octets"));
    }
    let len = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(len);
    Ok(Secret::new(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        let check = |text: &str, expect: &str| assert_eq!(first_line(text.as_bytes()).unwrap().expose(), expect);
        check("secret\n", "secret");
        check("secret\r\nmore", "secret");
        check(" with spaces ", " with spaces ");
        check("\n", "");
        check("", "");
        assert!(first_line("x".repeat(5000).as_bytes()).is_err());
    }
}
