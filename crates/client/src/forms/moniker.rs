//! The texts behind `winmgmts:`: how a script names a namespace, a class or an instance, and how it wants to be treated there.
//!
//! ```text
//! moniker  = "winmgmts:" [ settings ] [ [ws] "!" ] [ws] [ object-path ]     "!" behind settings and nowhere else
//! settings = "{" item { "," item } "}" [ locale ]  |  locale
//! item     = [ "impersonationLevel=" ] level | "authenticationLevel=" level | "authority=" authority | "(" [!]privilege, .. ")"
//! locale   = "[locale=ms_" hexadecimal digits "]"
//! path     = [ //host/ ] namespace [ ":" class-path ]  |  //host  |  [ ":" ] class-path
//! ```

use super::levels::{AuthenticationLevel, ImpersonationLevel};
use crate::{Authority, Host};
use rwmi_cim::ObjectPath;
use rwmi_cim::WbemStatus;
use std::fmt;
use std::str::FromStr;

/// `MK_E_SYNTAX`: what automation answers for a moniker that is none.
pub(crate) const MK_E_SYNTAX: u32 = 0x8004_01e4;

/// Longest moniker, in octets: settings, and a path of at most 8192 characters.
const LEN_MAX: usize = 16 << 10;

/// A moniker, taken apart.
///
/// ```
/// use rwmi_client::forms::Moniker;
/// let m: Moniker = r"winmgmts:{impersonationLevel=impersonate}!\\Computer_B\root\cimv2".parse()?;
/// assert_eq!((m.host.as_deref(), m.namespace.as_deref()), (Some("Computer_B"), Some(r"root\cimv2")));
/// assert_eq!(m.to_string().parse::<Moniker>()?, m);
/// # Ok::<(), rwmi_client::forms::MonikerError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moniker {
    /// How the caller wants to be treated; it holds for everything that is reached through the moniker.
    pub security: MonikerSecurity,
    /// The language of texts: `MS_409`.
    pub locale: Option<String>,
    /// The computer; this one where none is named.
    pub host: Option<String>,
    /// The namespace, with backslashes; the default one where none is named.
    pub namespace: Option<String>,
    /// A class, or with keys an instance, without computer and namespace; the namespace itself where there is none.
    pub object: Option<ObjectPath>,
}

/// What stands in the braces of a moniker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MonikerSecurity {
    /// What the server may do in the caller's name.
    pub impersonation: Option<ImpersonationLevel>,
    /// How calls are protected.
    pub authentication: Option<AuthenticationLevel>,
    /// Who vouches for the caller; of remote computers only.
    pub authority: Option<Authority>,
    /// Privileges, and whether they are wanted (or, behind `!`, not wanted). They count on this computer only: over the network
    /// every privilege that the account holds is enabled already.
    pub privileges: Vec<(Privilege, bool)>,
}

/// Why a text is not a moniker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at octet {offset} of the moniker")]
pub struct MonikerError {
    /// What was expected.
    pub message: &'static str,
    /// Where.
    pub offset: usize,
    /// What Windows answers: `MK_E_SYNTAX` (0x800401E4), or `WBEM_E_LOCAL_CREDENTIALS` for an authority without a remote computer.
    pub code: u32,
}

/// A privilege that a moniker can name (WbemPrivilegeEnum, 1 to 27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Privilege(u8);

/// The names, in the order of their numbers from 1.
const PRIVILEGES: [&str; 27] = [
    "CreateToken",
    "AssignPrimaryToken",
    "LockMemory",
    "IncreaseQuota",
    "MachineAccount",
    "Tcb",
    "Security",
    "TakeOwnership",
    "LoadDriver",
    "SystemProfile",
    "Systemtime",
    "ProfileSingleProcess",
    "IncreaseBasePriority",
    "CreatePagefile",
    "CreatePermanent",
    "Backup",
    "Restore",
    "Shutdown",
    "Debug",
    "Audit",
    "SystemEnvironment",
    "ChangeNotify",
    "RemoteShutdown",
    "Undock",
    "SyncAgent",
    "EnableDelegation",
    "ManageVolume",
];

/// Names that some page has, and what they mean.
const OTHER_NAMES: [(&str, &str); 2] = [("PrimaryToken", "AssignPrimaryToken"), ("IncreaseQuotaPrivilege", "IncreaseQuota")];

impl Privilege {
    /// By its name in monikers, in any case.
    pub fn from_name(name: &str) -> Option<Privilege> {
        let name = OTHER_NAMES.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map_or(name, |(_, name)| name);
        let index = PRIVILEGES.iter().position(|p| p.eq_ignore_ascii_case(name))?;
        Some(Privilege(index as u8))
    }

    /// By its number in WbemPrivilegeEnum.
    pub fn from_number(number: u32) -> Option<Privilege> {
        let index = number.checked_sub(1)?;
        u8::try_from(index).ok().filter(|i| usize::from(*i) < PRIVILEGES.len()).map(Privilege)
    }

    /// Its name in monikers: `Debug`.
    pub fn name(self) -> &'static str {
        PRIVILEGES.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// Its number in WbemPrivilegeEnum.
    pub fn number(self) -> u32 {
        u32::from(self.0) + 1
    }

    /// Its name in the system: `SeDebugPrivilege`.
    pub fn full_name(self) -> String {
        format!("Se{}Privilege", self.name())
    }
}

impl Moniker {
    /// Whether a text is meant as a moniker: it starts with `winmgmts:` in any case.
    pub fn is_meant(text: &str) -> bool {
        text.get(..PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(PREFIX))
    }
}

const PREFIX: &str = "winmgmts:";

impl FromStr for Moniker {
    type Err = MonikerError;

    fn from_str(text: &str) -> Result<Moniker, MonikerError> {
        if LEN_MAX < text.len() {
            return Err(MonikerError { message: "the text is longer than 16384 octets", offset: 0, code: MK_E_SYNTAX });
        }
        if !Moniker::is_meant(text) {
            return Err(MonikerError { message: "expected winmgmts:", offset: 0, code: MK_E_SYNTAX });
        }
        Parser { text, pos: PREFIX.len() }.moniker()
    }
}

struct Parser<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Parser<'a> {
    fn moniker(mut self) -> Result<Moniker, MonikerError> {
        let mut moniker = Moniker::default();
        let mut authority_at = None;
        let has_security = self.take("{");
        if has_security {
            authority_at = self.security(&mut moniker.security)?;
        }
        if self.rest().starts_with('[') {
            moniker.locale = Some(self.locale()?);
        }
        let has_settings = has_security || moniker.locale.is_some();
        let before = self.pos;
        self.blanks();
        let has_mark = self.take("!");
        if has_mark && !has_settings {
            return Err(self.error_at(before, "there is no '!' without settings before it"));
        }
        self.blanks();
        match (has_settings, has_mark, self.rest().is_empty()) {
            (true, false, false) => return Err(self.error_at(before, "expected '!' between the settings and the path")),
            (_, true, true) => return Err(self.error("expected a path behind '!'")),
            (_, _, true) => {}
            _ => self.path(&mut moniker)?,
        }
        if let Some(offset) = authority_at
            && moniker.host.as_deref().is_none_or(|h| Host::parse(h, &[]).is_ok_and(|h| h.is_local()))
        {
            let message = "an authority is for remote computers, and this names none";
            return Err(MonikerError { message, offset, code: WbemStatus::LOCAL_CREDENTIALS.0 });
        }
        Ok(moniker)
    }

    /// What is behind `{`; gives where an authority stands.
    fn security(&mut self, security: &mut MonikerSecurity) -> Result<Option<usize>, MonikerError> {
        let (mut authority_at, mut has_privileges) = (None, false);
        loop {
            self.blanks();
            let start = self.pos;
            let twice = |is: bool, this: &Self| if is { Err(this.error_at(start, "this item is given twice")) } else { Ok(()) };
            if self.take("(") {
                twice(has_privileges, self)?;
                has_privileges = true;
                security.privileges = self.privileges()?;
            } else {
                let word = self.until(|c| matches!(c, '=' | ',' | '}' | '(' | ')' | '{' | '[' | ']') || c.is_whitespace());
                self.blanks();
                let value = if self.take("=") {
                    self.blanks();
                    Some((self.pos, self.until(|c| matches!(c, ',' | '}')).trim_end()))
                } else {
                    None
                };
                match (word.to_ascii_lowercase().as_str(), value) {
                    ("impersonationlevel", Some((at, level))) => {
                        twice(security.impersonation.is_some(), self)?;
                        let unknown = "expected anonymous, identify, impersonate or delegate";
                        security.impersonation = Some(ImpersonationLevel::of_token(level).ok_or(self.error_at(at, unknown))?);
                    }
                    ("authenticationlevel", Some((at, level))) => {
                        twice(security.authentication.is_some(), self)?;
                        let unknown = "expected default, none, connect, call, pkt, pktIntegrity or pktPrivacy";
                        security.authentication = Some(AuthenticationLevel::of_token(level).ok_or(self.error_at(at, unknown))?);
                    }
                    ("authority", Some((at, authority))) => {
                        twice(security.authority.is_some(), self)?;
                        security.authority = Some(
                            authority_of(authority)
                                .ok_or_else(|| self.error_at(at, r"expected kerberos:domain\server or ntlmdomain:domain"))?,
                        );
                        authority_at = Some(start);
                    }
                    ("user" | "username" | "password", _) => {
                        return Err(self.error_at(start, "a moniker carries no user and no password: use Locator::connect_server"));
                    }
                    (level, None) if ImpersonationLevel::of_token(level).is_some() => {
                        twice(security.impersonation.is_some(), self)?;
                        security.impersonation = ImpersonationLevel::of_token(level);
                    }
                    _ => {
                        let expected = "expected impersonationLevel, authenticationLevel, authority or privileges in parentheses";
                        return Err(self.error_at(start, expected));
                    }
                }
            }
            self.blanks();
            if self.take("}") {
                return Ok(authority_at);
            }
            if !self.take(",") {
                return Err(self.error("expected ',' or '}'"));
            }
        }
    }

    fn privileges(&mut self) -> Result<Vec<(Privilege, bool)>, MonikerError> {
        let mut privileges = Vec::new();
        loop {
            self.blanks();
            let enabled = !self.take("!");
            let start = self.pos;
            let name = self.until(|c| !c.is_ascii_alphanumeric());
            let privilege = Privilege::from_name(name).ok_or(self.error_at(start, "expected the name of a privilege, as Debug"))?;
            if privileges.iter().any(|(p, _)| *p == privilege) {
                return Err(self.error_at(start, "this privilege is given twice"));
            }
            privileges.push((privilege, enabled));
            self.blanks();
            if self.take(")") {
                return Ok(privileges);
            }
            if !self.take(",") {
                return Err(self.error("expected ',' or ')'"));
            }
        }
    }

    fn locale(&mut self) -> Result<String, MonikerError> {
        let start = self.pos;
        let inner = match self.rest().find(']') {
            Some(end) => &self.rest()[1..end],
            None => return Err(self.error("the bracket is not closed")),
        };
        let digits = inner.get(..LOCALE.len()).filter(|p| p.eq_ignore_ascii_case(LOCALE)).map(|_| &inner[LOCALE.len()..]);
        let digits = digits.filter(|d| (1..=8).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let digits = digits.ok_or(self.error_at(start, "expected [locale=ms_409]"))?;
        self.pos = start + inner.len() + 2;
        Ok(format!("MS_{}", digits.to_ascii_uppercase()))
    }

    fn path(&mut self, moniker: &mut Moniker) -> Result<(), MonikerError> {
        let is_slash = |c: char| matches!(c, '\\' | '/');
        if self.rest().starts_with(is_slash) {
            self.pos += 1;
            if !self.rest().starts_with(is_slash) {
                return Err(self.error("expected two slashes before the computer"));
            }
            self.pos += 1;
            let start = self.pos;
            let host = self.until(is_slash);
            if host.is_empty() || Host::parse(host, &[]).is_err() {
                return Err(self.error_at(start, "expected the name or the address of a computer"));
            }
            moniker.host = Some(host.to_owned());
            if self.rest().is_empty() {
                return Ok(());
            }
            self.pos += 1;
        }
        // Values of keys may hold colons and slashes; what comes before the first of them may not.
        let start = self.pos;
        let head = self.until(|c| matches!(c, '=' | '"' | '\''));
        self.pos = start;
        let is_namespace = |text: &str| moniker.host.is_some() || text.eq_ignore_ascii_case("root") || text.contains(is_slash);
        match head.find(':') {
            Some(0) if moniker.host.is_some() => return Err(self.error("a class of another computer needs its namespace")),
            Some(colon) => {
                if 0 < colon {
                    moniker.namespace = Some(self.namespace(&head[..colon])?);
                }
                self.pos = start + colon + 1;
            }
            None if is_namespace(head) => {
                moniker.namespace = Some(self.namespace(self.rest())?);
                return Ok(());
            }
            None => {}
        }
        let path = self.rest().parse::<ObjectPath>().map_err(|e| self.error_at(self.pos + e.offset, e.message))?;
        if path.server.is_some() || path.namespace.is_some() {
            return Err(self.error("expected a class"));
        }
        moniker.object = Some(path);
        Ok(())
    }

    fn namespace(&self, text: &str) -> Result<String, MonikerError> {
        let is_part = |p: &str| !p.is_empty() && p.chars().all(|c| c.is_alphanumeric() || c == '_');
        if text.split(['\\', '/']).all(is_part) {
            Ok(text.replace('/', "\\"))
        } else {
            Err(self.error("a namespace is names with slashes between them"))
        }
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.pos += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        self.pos += if found { what.len() } else { 0 };
        found
    }

    fn until(&mut self, stop: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find(stop).unwrap_or(rest.len())];
        self.pos += word.len();
        word
    }

    fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    fn error(&self, message: &'static str) -> MonikerError {
        self.error_at(self.pos, message)
    }

    fn error_at(&self, offset: usize, message: &'static str) -> MonikerError {
        MonikerError { message, offset, code: MK_E_SYNTAX }
    }
}

const LOCALE: &str = "locale=ms_";

/// `kerberos:domain\server` or `ntlmdomain:domain`; one principal without its domain is for the other forms.
fn authority_of(text: &str) -> Option<Authority> {
    let authority = Authority::parse(text).ok()?;
    let is_whole = match &authority {
        Authority::Kerberos { principal } => {
            let (domain, server) = principal.split_once('\\')?;
            !domain.is_empty() && !server.is_empty()
        }
        Authority::Ntlm { .. } => true,
    };
    is_whole.then_some(authority)
}

/// In the order and the words of the documents; every moniker comes back as an equal one.
impl fmt::Display for Moniker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        let MonikerSecurity { impersonation, authentication, authority, privileges } = &self.security;
        let mut items = Vec::new();
        items.extend(impersonation.map(|level| format!("impersonationLevel={}", level.token())));
        items.extend(authentication.map(|level| format!("authenticationLevel={}", level.token())));
        items.extend(authority.as_ref().map(|authority| match authority {
            Authority::Kerberos { principal } => format!("authority=kerberos:{principal}"),
            Authority::Ntlm { domain } => format!("authority=ntlmdomain:{domain}"),
        }));
        if !privileges.is_empty() {
            let names: Vec<_> = privileges.iter().map(|(p, on)| format!("{}{}", if *on { "" } else { "!" }, p.name())).collect();
            items.push(format!("({})", names.join(",")));
        }
        if !items.is_empty() {
            write!(f, "{{{}}}", items.join(","))?;
        }
        if let Some(locale) = &self.locale {
            write!(f, "[locale={}]", locale.to_ascii_lowercase())?;
        }
        let has_settings = !items.is_empty() || self.locale.is_some();
        if has_settings && (self.host.is_some() || self.namespace.is_some() || self.object.is_some()) {
            f.write_str("!")?;
        }
        if let Some(host) = &self.host {
            write!(f, r"\\{host}")?;
            if self.namespace.is_some() {
                f.write_str("\\")?;
            }
        }
        if let Some(namespace) = &self.namespace {
            f.write_str(namespace)?;
        }
        match &self.object {
            // A class that is called like a namespace needs the colon that others may leave out.
            Some(path) if self.namespace.is_some() || path.class.eq_ignore_ascii_case("root") => write!(f, ":{path}"),
            Some(path) => path.fmt(f),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{PathKeys, Value};

    /// Parses, compares, renders, and parses again; cuts the text at every character.
    #[track_caller]
    fn check(text: &str, host: Option<&str>, namespace: Option<&str>, object: Option<&str>) -> Moniker {
        let m: Moniker = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        let path = m.object.as_ref().map(ToString::to_string);
        assert_eq!((m.host.as_deref(), m.namespace.as_deref(), path.as_deref()), (host, namespace, object), "{text}");
        assert_eq!(m.to_string().parse::<Moniker>().as_ref(), Ok(&m), "{text} -> {m}");
        for (end, _) in text.char_indices() {
            let _ = text[..end].parse::<Moniker>();
        }
        m
    }

    #[track_caller]
    fn refused(text: &str, code: u32, words: &str) {
        let error = text.parse::<Moniker>().expect_err(text);
        assert_eq!(error.code, code, "{text}: {error}");
        assert!(error.to_string().contains(words), "{text}: {error}");
        assert!(error.offset <= text.len(), "{text}: {error}");
    }

    #[test]
    fn a_moniker_may_leave_out_everything_behind_its_prefix() {
        check("WinMgmts:", None, None, None);
        assert_eq!("winmgmts:".parse(), Ok(Moniker::default()));
    }

    #[test]
    fn a_computer_and_a_namespace_have_either_slash() {
        check("WinMgmts://myServer", Some("myServer"), None, None);
        check("WinMgmts://myServer/root/cimv2", Some("myServer"), Some(r"root\cimv2"), None);
        check(r"winmgmts:\\myServer\root\cimv2", Some("myServer"), Some(r"root\cimv2"), None);
        check(r"winmgmts:\\myServer/root\cimv2", Some("myServer"), Some(r"root\cimv2"), None);
        check("WinMgmts:root/cimv2", None, Some(r"root\cimv2"), None);
        check("winmgmts:root", None, Some("root"), None);
        check(r"winmgmts:\\2010:836B:4179::836B:4179\root\cimv2", Some("2010:836B:4179::836B:4179"), Some(r"root\cimv2"), None);
        check("winmgmts://[::1]/root", Some("[::1]"), Some("root"), None);
        check("winmgmts://192.168.1.1./root/default", Some("192.168.1.1."), Some(r"root\default"), None);
        check(r"winmgmts:\\.\root\cimv2", Some("."), Some(r"root\cimv2"), None);
        check(r"winmgmts:\\HOST\default", Some("HOST"), Some("default"), None);
    }

    #[test]
    fn a_path_may_name_a_class_or_an_instance() {
        check(
            "WinMgmts:{impersonationLevel=impersonate}!//myServer/root/cimv2:Win32_LogicalDisk",
            Some("myServer"),
            Some(r"root\cimv2"),
            Some("Win32_LogicalDisk"),
        );
        check("WinMgmts:{impersonationLevel=impersonate}!Win32_LogicalDisk", None, None, Some("Win32_LogicalDisk"));
        let m = check("WinMgmts::Win32_LogicalDisk='C:'", None, None, Some("Win32_LogicalDisk=\"C:\""));
        assert_eq!(m.object.unwrap().keys, PathKeys::Single(Value::String("C:".into())));
        check("WinMgmts:Win32_LogicalDisk=\"C:\"", None, None, Some("Win32_LogicalDisk=\"C:\""));
        check(r#"winmgmts:Win32_Directory.Name="C:\\a/b:c""#, None, None, Some(r#"Win32_Directory.Name="C:\\a/b:c""#));
        check(r#"winmgmts:root\cimv2:A.K=1,L="x""#, None, Some(r"root\cimv2"), Some(r#"A.K=1,L="x""#));
        check("winmgmts:default:C", None, Some("default"), Some("C"));
        check("winmgmts::Root", None, None, Some("Root"));
    }

    #[test]
    fn settings_stand_before_the_mark() {
        let m = check("WinMgmts:{impersonationLevel=impersonate, (Debug)}", None, None, None);
        assert_eq!(m.security.privileges, [(Privilege::from_name("debug").unwrap(), true)]);
        let m = check("WinMgmts:{impersonate,(Debug,!Shutdown)}", None, None, None);
        assert_eq!(m.security.impersonation, Some(ImpersonationLevel::Impersonate));
        assert_eq!(m.security.privileges.iter().map(|(p, on)| (p.number(), *on)).collect::<Vec<_>>(), [(19, true), (18, false)]);
        let m = check("WinMgmts:[locale=ms_409]!root/wmi:myclass", None, Some(r"root\wmi"), Some("myclass"));
        assert_eq!(m.locale.as_deref(), Some("MS_409"));
        let m = check(
            r"Winmgmts:{impersonationLevel=delegate,authority=kerberos:mydomain\server}!//myserver/root/default:__cimomidentification=@",
            Some("myserver"),
            Some(r"root\default"),
            Some("__cimomidentification=@"),
        );
        assert_eq!(m.security.authority, Some(Authority::Kerberos { principal: r"mydomain\server".into() }));
        assert_eq!(m.security.impersonation, Some(ImpersonationLevel::Delegate));
        let m = check(
            concat!(
                "WINMGMTS:{impersonationLevel=impersonate,authenticationLevel=pktPrivacy,authority=ntlmdomain:mydomain,(Debug,!Shutdown)}",
                r#"[locale=ms_409]!\\User1\ROOT\CIMV2:Win32_LogicalDisk="C:""#
            ),
            Some("User1"),
            Some(r"ROOT\CIMV2"),
            Some(r#"Win32_LogicalDisk="C:""#),
        );
        assert_eq!(m.security.authentication, Some(AuthenticationLevel::PacketPrivacy));
        assert_eq!(m.security.authority, Some(Authority::Ntlm { domain: "mydomain".into() }));
        check("winmgmts:{impersonationLevel=impersonate} !//./root/default", Some("."), Some(r"root\default"), None);
        check(r"winmgmts:{ authenticationLevel = CALL , impersonationLevel = Identify }! \\b\root", Some("b"), Some("root"), None);
    }

    #[test]
    fn the_order_of_the_items_is_free() {
        let a: Moniker = "winmgmts:{(Tcb),authenticationLevel=pkt,impersonate}!root".parse().unwrap();
        let b: Moniker = "winmgmts:{impersonate,authenticationLevel=pkt,(tcb)}!root".parse().unwrap();
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "winmgmts:{impersonationLevel=impersonate,authenticationLevel=pkt,(Tcb)}!root");
    }

    #[test]
    fn what_is_no_moniker_is_a_syntax_error() {
        refused("winmgmt:root", MK_E_SYNTAX, "expected winmgmts:");
        refused("", MK_E_SYNTAX, "expected winmgmts:");
        refused("winmgmts:{impersonationLevel=7}", MK_E_SYNTAX, "expected anonymous");
        refused(r"winmgmts:{impersonationLevel=impersonate}root\cimv2", MK_E_SYNTAX, "expected '!'");
        refused("winmgmts:{user=x}!root", MK_E_SYNTAX, "Locator::connect_server");
        refused("winmgmts:{password=x}!root", MK_E_SYNTAX, "no user and no password");
        refused("winmgmts:!root", MK_E_SYNTAX, "without settings");
        refused("winmgmts:{impersonate}!", MK_E_SYNTAX, "expected a path");
        refused("winmgmts:{}!root", MK_E_SYNTAX, "expected impersonationLevel");
        refused("winmgmts:{impersonate,identify}!root", MK_E_SYNTAX, "twice");
        refused("winmgmts:{authenticationLevel=pkt,authenticationLevel=pkt}", MK_E_SYNTAX, "twice");
        refused("winmgmts:{authenticationLevel=unchanged}", MK_E_SYNTAX, "expected default");
        refused("winmgmts:{(Debug),(Tcb)}", MK_E_SYNTAX, "twice");
        refused("winmgmts:{(Debug,!Debug)}", MK_E_SYNTAX, "twice");
        refused("winmgmts:{(Nothing)}", MK_E_SYNTAX, "privilege");
        refused("winmgmts:{()}", MK_E_SYNTAX, "privilege");
        refused("winmgmts:{impersonate", MK_E_SYNTAX, "'}'");
        refused("winmgmts:{impersonate}[locale=ms_409", MK_E_SYNTAX, "not closed");
        refused("winmgmts:[locale=ms_]!root", MK_E_SYNTAX, "[locale=ms_409]");
        refused("winmgmts:[locale=ms_xyz]!root", MK_E_SYNTAX, "[locale=ms_409]");
        refused("winmgmts:[locale=409]!root", MK_E_SYNTAX, "[locale=ms_409]");
        refused(r"winmgmts:{authority=kerberos:server}!\\b\root", MK_E_SYNTAX, "kerberos:domain");
        refused(r"winmgmts:{authority=digest:d}!\\b\root", MK_E_SYNTAX, "kerberos:domain");
        refused("winmgmts:/root/cimv2", MK_E_SYNTAX, "two slashes");
        refused("winmgmts:///root", MK_E_SYNTAX, "computer");
        refused("winmgmts://a b/root", MK_E_SYNTAX, "computer");
        refused("winmgmts://host/", MK_E_SYNTAX, "namespace");
        refused("winmgmts://host/:Win32_Process", MK_E_SYNTAX, "needs its namespace");
        refused("winmgmts://host/root//cimv2", MK_E_SYNTAX, "names with slashes");
        refused("winmgmts:root/cimv2:", MK_E_SYNTAX, "expected a class");
        refused("winmgmts:a:b:C", MK_E_SYNTAX, "expected a class");
        refused("winmgmts:Win32_LogicalDisk='C:", MK_E_SYNTAX, "quote");
        refused("winmgmts:Win32_LogicalDisk.DeviceID = 'C:'", MK_E_SYNTAX, "'='");
        refused(&format!("winmgmts:{}", "x".repeat(20_000)), MK_E_SYNTAX, "longer");
    }

    #[test]
    fn an_authority_without_a_remote_computer_is_refused_as_local_credentials() {
        for target in [r"root\cimv2", "//./root", r"\\localhost\root", "Win32_Process"] {
            refused(&format!(r"winmgmts:{{authority=kerberos:d\s}}!{target}"), WbemStatus::LOCAL_CREDENTIALS.0, "remote");
        }
        refused("winmgmts:{authority=ntlmdomain:d}", 0x8004_1064, "remote");
    }

    #[test]
    fn a_privilege_has_two_names_and_a_number() {
        for number in 1..=27 {
            let p = Privilege::from_number(number).unwrap();
            assert_eq!((p.number(), Privilege::from_name(p.name())), (number, Some(p)));
        }
        assert_eq!((Privilege::from_number(0), Privilege::from_number(28)), (None, None));
        assert_eq!(Privilege::from_name("PRIMARYTOKEN").unwrap().number(), 2);
        assert_eq!(Privilege::from_name("IncreaseQuotaPrivilege").unwrap().number(), 4);
        assert_eq!(Privilege::from_number(7).unwrap().full_name(), "SeSecurityPrivilege");
    }
}
