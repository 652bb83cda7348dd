//! The command line of the Linux `wmic`: Samba's options, a host, a query.

use crate::password::read_credentials;
use rwmi_auth::Secret;
use std::path::Path;

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// `--help`, `--usage` or `--version`.
    Help,
    Usage,
    Version,
    /// A query.
    Query(Box<Arguments>),
}

/// A query and who asks.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Arguments {
    pub(super) host: String,
    pub(super) query: String,
    pub(super) namespace: Option<String>,
    pub(super) delimiter: Option<String>,
    pub(super) user: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) password: Option<Secret>,
    /// `-N`: an empty password, and nobody is asked.
    pub(super) no_password: bool,
    /// `-A`.
    pub(super) credentials_file: Option<String>,
    pub(super) kerberos: bool,
    pub(super) negotiate: bool,
    /// Port of the endpoint mapper, from the options behind the host.
    pub(super) port: Option<u16>,
    pub(super) verbose: u8,
}

/// What an option is followed by.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Nothing,
    Value,
}

/// Short letter, long name, what follows. A blank is no letter. What is not looked at by name below is taken and means nothing here.
const OPTIONS: [(char, &str, Takes); 26] = {
    use Takes::{Nothing, Value};
    [
        ('U', "user", Value),
        (' ', "password", Value),
        ('A', "authentication-file", Value),
        ('N', "no-pass", Nothing),
        ('W', "workgroup", Value),
        ('k', "kerberos", Value),
        ('d', "debuglevel", Value),
        ('n', "netbiosname", Value),
        (' ', "namespace", Value),
        (' ', "delimiter", Value),
        (' ', "option", Value),
        ('s', "configfile", Value),
        ('l', "log-basename", Value),
        ('S', "signing", Value),
        ('P', "machine-pass", Nothing),
        ('e', "encrypt", Nothing),
        ('R', "name-resolve", Value),
        ('O', "socket-options", Value),
        ('i', "scope", Value),
        ('m', "maxprotocol", Value),
        (' ', "realm", Value),
        (' ', "simple-bind-dn", Value),
        (' ', "debug-stderr", Nothing),
        ('V', "version", Nothing),
        ('?', "help", Nothing),
        (' ', "usage", Nothing),
    ]
};

/// Reads the arguments behind the name of the program.
pub(super) fn parse(arguments: &[String]) -> Result<Request, String> {
    let mut out = Arguments::default();
    let mut words = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            words.extend(rest.by_ref());
        } else if let Some(long) = argument.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v)));
            let (_, name, takes) = OPTIONS.iter().find(|(_, n, _)| *n == name).ok_or(format!("--{name} is not an option"))?;
            let value = match (takes, value) {
                (Takes::Value, Some(value)) => value.to_owned(),
                (Takes::Value, None) => rest.next().ok_or(format!("--{name} needs a value"))?.clone(),
                (Takes::Nothing, None) => String::new(),
                (Takes::Nothing, Some(_)) => return Err(format!("--{name} takes no value")),
            };
            if let Some(request) = out.take(name, &value)? {
                return Ok(request);
            }
        } else if let Some(letters) = argument.strip_prefix('-').filter(|l| !l.is_empty()) {
            let mut letters = letters.char_indices();
            while let Some((at, letter)) = letters.next() {
                let known = OPTIONS.iter().find(|(l, ..)| *l == letter && letter != ' ');
                let (_, name, takes) = known.ok_or(format!("-{letter} is not an option"))?;
                let mut value = String::new();
                if *takes == Takes::Value {
                    let behind = &argument[1 + at + letter.len_utf8()..];
                    value = match behind.strip_prefix('=').unwrap_or(behind) {
                        "" => rest.next().ok_or(format!("-{letter} needs a value"))?.clone(),
                        behind => behind.to_owned(),
                    };
                    letters = "".char_indices();
                }
                if let Some(request) = out.take(name, &value)? {
                    return Ok(request);
                }
            }
        } else {
            words.push(argument);
        }
    }
    let [host, query] = words[..] else {
        return Err(format!("expected a host and a query, and there are {} words", words.len()));
    };
    out.set_host(host)?;
    out.query = query.clone();
    Ok(Request::Query(Box::new(out)))
}

impl Arguments {
    fn take(&mut self, name: &str, value: &str) -> Result<Option<Request>, String> {
        match name {
            "help" => return Ok(Some(Request::Help)),
            "usage" => return Ok(Some(Request::Usage)),
            "version" => return Ok(Some(Request::Version)),
            "user" => self.set_user(value),
            "password" => self.password = Some(value.into()),
            "authentication-file" => self.credentials_file = Some(value.into()),
            "no-pass" => self.no_password = true,
            "workgroup" => self.domain = Some(value.into()),
            "kerberos" => {
                self.kerberos = match value.to_ascii_lowercase().as_str() {
                    "yes" | "true" | "1" | "on" | "required" | "desired" => true,
                    "no" | "false" | "0" | "off" | "auto" => false,
                    _ => return Err(format!("-k takes yes or no, and this is {value:?}")),
                }
            }
            // Another tool of this name took -d for the delimiter and -n for the namespace.
            "debuglevel" => match value.parse::<u8>() {
                Ok(level) => self.verbose = level.min(3),
                Err(_) => self.delimiter = Some(value.into()),
            },
            "netbiosname" if is_namespace(value) => self.namespace = Some(value.into()),
            "namespace" => self.namespace = Some(value.into()),
            "delimiter" => self.delimiter = Some(value.into()),
            _ => {}
        }
        Ok(None)
    }

    /// `DOM/user%pw`, `DOM\user`, `user`; the password is behind the first percent sign, and may be empty.
    fn set_user(&mut self, text: &str) {
        let (account, password) = text.split_once('%').map_or((text, None), |(a, p)| (a, Some(p)));
        let (domain, user) = account.split_once(['\\', '/']).map_or((None, account), |(d, u)| (Some(d), u));
        self.user = Some(user.into());
        self.domain = domain.filter(|d| !d.is_empty()).map(Into::into).or(self.domain.take());
        self.password = password.map(Into::into).or(self.password.take());
    }

    /// `//HOST[options]`: a port, and words of which those that would weaken a call mean nothing.
    fn set_host(&mut self, text: &str) -> Result<(), String> {
        let host = text.trim_start_matches(['/', '\\']);
        let (host, options) = match host.strip_suffix(']').and_then(|h| h.rsplit_once('[')) {
            Some((host, options)) if !host.is_empty() => (host, options),
            _ => (host, ""),
        };
        for option in options.split(',').map(str::trim).filter(|o| !o.is_empty()) {
            match option.to_ascii_lowercase().as_str() {
                "spnego" => self.negotiate = true,
                "krb5" => self.kerberos = true,
                word => match word.parse() {
                    Ok(port) if port != 0 => self.port = Some(port),
                    _ if word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '=' | '-')) => {}
                    _ => return Err(format!("{option:?} is not an option of a host")),
                },
            }
        }
        if host.is_empty() {
            return Err("the host is empty".into());
        }
        self.host = host.to_owned();
        Ok(())
    }

    /// Takes over what a file of `-A` says: `username`, `password`, `domain`, each with an equals sign; the command line wins.
    pub(super) fn read_credentials(&mut self) -> Result<(), String> {
        let Some(path) = self.credentials_file.clone() else { return Ok(()) };
        let said = read_credentials(Path::new(&path))?;
        let mut of_file = Arguments { password: said.password, domain: said.domain, ..Arguments::default() };
        if let Some(user) = &said.user {
            of_file.set_user(user);
        }
        self.user = self.user.take().or(of_file.user);
        self.password = self.password.take().or(of_file.password);
        self.domain = self.domain.take().or(of_file.domain);
        Ok(())
    }

    /// The account, with its domain where there is one. An empty user, as in `-U %`, is nobody.
    pub(super) fn account(&self) -> Option<String> {
        let user = self.user.as_ref().filter(|u| !u.is_empty())?;
        Some(match self.domain.as_deref().filter(|d| !d.is_empty()) {
            Some(domain) => format!(r"{domain}\{user}"),
            None => user.clone(),
        })
    }
}

fn is_namespace(text: &str) -> bool {
    text.get(..4).is_some_and(|r| r.eq_ignore_ascii_case("root")) && matches!(text.as_bytes().get(4), None | Some(b'/' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Request, String> {
        parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    fn good(words: &[&str]) -> Arguments {
        match parsed(words) {
            Ok(Request::Query(arguments)) => *arguments,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_of_the_plug_in_is_read() {
        let a = good(&["-U", "DOM/user%pw", "--namespace", "root/cimv2", "//HOST", "SELECT * FROM C"]);
        assert_eq!((a.account().as_deref(), a.host.as_str(), a.query.as_str()), (Some(r"DOM\user"), "HOST", "SELECT * FROM C"));
        assert_eq!((a.password.unwrap().expose(), a.namespace.as_deref()), ("pw", Some("root/cimv2")));
        let a = good(&["--delimiter", "~", "--option=client ntlmv2 auth=Yes", "-A", "F", "--namespace", "Root/X", "//HOST", "q"]);
        assert_eq!((a.delimiter.as_deref(), a.credentials_file.as_deref()), (Some("~"), Some("F")));
        let a = good(&["--option=client ntlmv2 auth=Yes", "--user=u", "--password=p%", "//h", "q"]);
        assert_eq!((a.account().as_deref(), a.password.unwrap().expose()), (Some("u"), "p%"));
    }

    #[test]
    fn a_password_is_behind_the_first_percent_sign() {
        let check = |text: &str, account: &str, password: Option<&str>| {
            let a = good(&["-U", text, "//h", "q"]);
            assert_eq!((a.account().unwrap_or_default().as_str(), a.password.as_ref().map(|p| p.expose())), (account, password), "{text}");
        };
        check("user%", "user", Some(""));
        check("user%a%b", "user", Some("a%b"));
        check("user", "user", None);
        check(r"DOM\user%p/w", r"DOM\user", Some("p/w"));
        check("u@d.example%x", "u@d.example", Some("x"));
        check("%", "", Some(""));
        let a = good(&["-W", "DOM", "-Uuser%x", "//h", "q"]);
        assert_eq!(a.account().as_deref(), Some(r"DOM\user"));
        let a = good(&["-U=user", "-W=DOM", "//h", "q"]);
        assert_eq!(a.account().as_deref(), Some(r"DOM\user"));
    }

    #[test]
    fn options_of_samba_are_taken() {
        let a = good(&["-k=yes", "-N", "-d", "2", "-n", "ME", "-S", "on", "-P", "//h[sign]", "q"]);
        assert_eq!((a.kerberos, a.no_password, a.verbose, a.namespace, a.delimiter), (true, true, 2, None, None));
        let a = good(&["-k", "no", "-NP", "-d", "@@", "-n", "root/wmi", "--", "//h[sign,seal,spnego,1135]", "-q"]);
        assert_eq!((a.kerberos, a.delimiter.as_deref(), a.namespace.as_deref()), (false, Some("@@"), Some("root/wmi")));
        assert_eq!((a.negotiate, a.port, a.query.as_str()), (true, Some(1135), "-q"));
        assert!(good(&["//h[krb5]", "q"]).kerberos);
    }

    #[test]
    fn a_host_may_be_an_address_of_either_family() {
        let check = |text: &str, host: &str| assert_eq!(good(&[text, "q"]).host, host, "{text}");
        check("//192.0.2.7[sign]", "192.0.2.7");
        check("//[::1]", "[::1]");
        check("//[::1][sign]", "[::1]");
        check("//2001:db8::7", "2001:db8::7");
        check("srv01", "srv01");
        assert!(parsed(&["//", "q"]).is_err() && parsed(&["//h[a b]", "q"]).is_err());
    }

    #[test]
    fn what_is_not_a_host_and_a_query_is_refused() {
        for words in [
            &["//h"][..],
            &[],
            &["//h", "a", "b"],
            &["--nothing", "//h", "q"],
            &["-x", "//h", "q"],
            &["//h", "-U"],
            &["-k", "maybe", "//h", "q"],
        ] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
        assert_eq!(parsed(&["-V"]), Ok(Request::Version));
        assert_eq!(parsed(&["--help", "x"]), Ok(Request::Help));
        assert_eq!(parsed(&["-?"]), Ok(Request::Help));
        assert_eq!(parsed(&["--usage"]), Ok(Request::Usage));
    }

    #[test]
    fn a_file_of_credentials_fills_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth");
        std::fs::write(&path, "# mine\nusername = bob\npassword= p%=w \ndomain =D\nother=x\n").unwrap();
        let read = |words: &[&str]| {
            let mut all = vec!["-A", path.to_str().unwrap(), "//h", "q"];
            all.splice(0..0, words.iter().copied());
            let mut a = good(&all);
            a.read_credentials().unwrap();
            (a.account().unwrap(), a.password.unwrap().expose().to_owned())
        };
        assert_eq!(read(&[]), (r"D\bob".into(), "p%=w ".into()));
        assert_eq!(read(&["-U", "E/eve"]), (r"E\eve".into(), "p%=w ".into()));
        let mut missing = good(&["-A", "/no/such", "//h", "q"]);
        assert!(missing.read_credentials().unwrap_err().contains("/no/such"));
    }
}
