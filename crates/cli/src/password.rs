//! Where passwords come from. Never from an argument.

use crate::args::Password;
use rwmi_auth::Secret;
use std::io::{IsTerminal, Read};

/// The ways to give one, for advice.
pub(crate) const SOURCES: &str = "give it by --password-stdin, --password-file, RWMI_PASSWORD or the prompt of a terminal; \
                                  the configuration can name a file, a command or the secret service";

/// Longest password, in octets of its file or line.
const PASSWORD_LEN_MAX: usize = 4096;

/// The password of an account: standard input, a file, $RWMI_PASSWORD, else a prompt on the terminal.
///
/// `Ok(None)` where none was given and nobody can be asked. An empty line is an empty password, which is a password.
pub(crate) fn read(from: &Password, prompt: &str) -> Result<Option<Secret>, String> {
    if from.password_stdin {
        return stdin().and_then(first_line).map(Some).map_err(|e| format!("reading the password from standard input failed: {e}"));
    }
    if let Some(path) = &from.password_file {
        let file = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
        return first_line(file).map(Some).map_err(|e| format!("{}: {e}", path.display()));
    }
    if let Ok(text) = std::env::var("RWMI_PASSWORD") {
        return Ok(Some(Secret::new(text)));
    }
    ask(prompt)
}

/// Asks on the terminal, where there is one.
pub(crate) fn ask(prompt: &str) -> Result<Option<Secret>, String> {
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

/// What a file of credentials says.
#[derive(Default)]
pub(crate) struct Credentials {
    /// As it stands there: `user`, or `DOMAIN\user`, `DOMAIN/user`, `user@domain`.
    pub(crate) user: Option<String>,
    /// The password.
    pub(crate) password: Option<Secret>,
    /// The domain of a user that names none.
    pub(crate) domain: Option<String>,
}

/// Longest file of credentials, in octets.
const CREDENTIALS_LEN_MAX: u64 = 64 << 10;

/// Reads a file of credentials as Samba has it: `username = u`, `password = p`, `domain = d`, blanks around the sign optional.
pub(crate) fn read_credentials(path: &std::path::Path) -> Result<Credentials, String> {
    let wrong = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(wrong)?;
    Read::take(file, CREDENTIALS_LEN_MAX).read_to_string(&mut text).map_err(wrong)?;
    // Forgotten as carefully as the password in it.
    let text = Secret::new(text);
    Ok(credentials(text.expose()))
}

fn credentials(text: &str) -> Credentials {
    let mut found = Credentials::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        // A password may end in a blank.
        let value = value.trim_start_matches([' ', '\t']);
        match key.trim().to_ascii_lowercase().as_str() {
            "username" => found.user = Some(value.trim_end().to_owned()),
            "password" => found.password = Some(Secret::new(value)),
            "domain" => found.domain = Some(value.trim_end().to_owned()),
            _ => {}
        }
    }
    found
}

impl Credentials {
    /// Whether the file names nobody and has no password: it is another kind of file.
    pub(crate) fn is_empty(&self) -> bool {
        self.user.is_none() && self.password.is_none()
    }

    /// The account: `DOMAIN\user`, `user@domain` or `user`.
    pub(crate) fn account(&self) -> Option<String> {
        let user = self.user.as_ref()?;
        let domain = self.domain.as_ref().filter(|d| !d.is_empty() && !user.contains(['\\', '@', '/']));
        Some(domain.map_or_else(|| user.replacen('/', "\\", 1), |domain| format!("{domain}\\{user}")))
    }
}

/// The first line, without its end. Octet by octet, so that no buffer keeps it.
pub(crate) fn first_line(mut from: impl Read) -> std::io::Result<Secret> {
    // As long as it can become: what grew would leave copies.
    let mut octets = Vec::with_capacity(PASSWORD_LEN_MAX);
    let mut next = [0];
    let read = loop {
        match from.read(&mut next) {
            Ok(0) => break Ok(()),
            Ok(_) if next == *b"\n" => break Ok(()),
            Ok(_) if octets.len() == PASSWORD_LEN_MAX => {
                break Err(std::io::Error::other(format!("the first line is longer than {PASSWORD_LEN_MAX} octets")));
            }
            Ok(_) => octets.extend(next),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => break Err(e),
        }
    };
    next.fill(0);
    let text = String::from_utf8(octets).map_err(|e| {
        e.into_bytes().fill(0);
        std::io::Error::other("the first line is no UTF-8")
    });
    let line = text.map(|mut line| {
        line.truncate(line.trim_end_matches('\r').len());
        Secret::new(line)
    });
    // Also where it is of no use, it is wiped.
    read.and(line)
}

/// Standard input without the buffer that all of a process share.
#[cfg(unix)]
pub(crate) fn stdin() -> std::io::Result<impl Read> {
    use std::os::fd::AsFd;
    std::io::stdin().as_fd().try_clone_to_owned().map(std::fs::File::from)
}

/// Standard input.
#[cfg(not(unix))]
pub(crate) fn stdin() -> std::io::Result<impl Read> {
    Ok(std::io::stdin().lock())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_credentials_has_lines_of_samba() {
        let check = |text: &str, user: Option<&str>, password: Option<&str>| {
            let found = credentials(text);
            assert_eq!((found.account().as_deref(), found.password.as_ref().map(|p| p.expose())), (user, password), "{text}");
        };
        check("username = u\npassword = p%=w \ndomain = D\n", Some(r"D\u"), Some("p%=w "));
        check("Username=u\r\npassword=\r\n", Some("u"), Some(""));
        check("username=C/u\ndomain=D", Some(r"C\u"), None);
        check("username=u@d\ndomain=D", Some("u@d"), None);
        check("# nothing\n", None, None);
    }

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        let check = |text: &str, expect: &str| assert_eq!(first_line(text.as_bytes()).unwrap().expose(), expect);
        check("secret\n", "secret");
        check("secret\r\nmore", "secret");
        check(&"x".repeat(4096), &"x".repeat(4096));
        assert!(first_line(&b"\xff\n"[..]).is_err());
        check(" with spaces ", " with spaces ");
        check("\n", "");
        check("", "");
        assert!(first_line("x".repeat(5000).as_bytes()).is_err());
    }
}
