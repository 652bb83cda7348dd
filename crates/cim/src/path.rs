//! Object paths: `\\host\root\cimv2:Class.Key="v"` (requirements of the object path, [MS-WMI] 2.2.2).

use crate::{Object, Value, names_equal};
use std::fmt;
use std::str::FromStr;

/// The path of a class or an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectPath {
    /// The computer, `.` for this one; `None` in a relative path.
    pub server: Option<String>,
    /// The namespace with backslashes: `root\cimv2`; `None` in a relative path.
    pub namespace: Option<String>,
    /// The class.
    pub class: String,
    /// Which instance.
    pub keys: PathKeys,
}

/// Which instance of the class a path names.
#[derive(Debug, Clone, PartialEq)]
pub enum PathKeys {
    /// The class itself.
    Class,
    /// `=@`: the one instance of a singleton.
    Singleton,
    /// `="v"`: the value of the only key, whose name the class knows.
    Single(Value),
    /// `.A="v",B=2`. Values are [`Value::String`], [`Value::Sint64`], [`Value::Uint64`] or [`Value::Boolean`].
    Named(Vec<(String, Value)>),
}

/// Why a text is not an object path (`WBEM_E_INVALID_OBJECT_PATH`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid object path: {message} at octet {offset}")]
pub struct PathError {
    /// What was expected.
    pub message: &'static str,
    /// Where.
    pub offset: usize,
}

/// Longest path, in characters ([MS-WMI] 3.1.4.3.4).
pub(crate) const PATH_LEN_MAX: usize = 8192;

impl ObjectPath {
    /// The path of a class in the current namespace.
    pub fn class(name: impl Into<String>) -> Self {
        ObjectPath { server: None, namespace: None, class: name.into(), keys: PathKeys::Class }
    }

    /// Class and keys of an instance; `None` where a key is NULL, malformed or not there, or the class has none.
    pub fn of(object: &Object) -> Option<Self> {
        let class = object.class();
        if class.is_singleton() {
            return Some(ObjectPath { keys: PathKeys::Singleton, ..ObjectPath::class(&class.name) });
        }
        let mut keys = Vec::new();
        for (index, property) in class.properties.iter().enumerate().filter(|(_, p)| p.is_key()) {
            let value = match object.value_at(index).ok()? {
                Value::Null | Value::Array(_) | Value::Object(_) | Value::Real32(_) | Value::Real64(_) => return None,
                Value::Uint64(n) => Value::Uint64(n),
                Value::Char16(c) => Value::Sint64(c.into()),
                Value::Boolean(b) => Value::Boolean(b),
                other => match (other.as_integer(), other.as_str()) {
                    (Some(n), _) => Value::Sint64(n as i64),
                    (_, Some(s)) => Value::String(s.to_owned()),
                    _ => return None,
                },
            };
            keys.push((property.name.clone(), value));
        }
        // Windows prints keys in the order of the lookup table: by name.
        keys.sort_by(|a, b| crate::name_cmp(&a.0, &b.0));
        if keys.is_empty() { None } else { Some(ObjectPath { keys: PathKeys::Named(keys), ..ObjectPath::class(&class.name) }) }
    }

    /// Whether two paths name the same object: names and strings without case, keys in any order, numbers by value.
    /// Server and namespace count only where both have them.
    pub fn same_object(&self, other: &ObjectPath) -> bool {
        let both = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => names_equal(a, b) || a == "." || b == ".",
            _ => true,
        };
        let keys = match (&self.keys, &other.keys) {
            (PathKeys::Named(a), PathKeys::Named(b)) => {
                a.len() == b.len() && a.iter().all(|(n, v)| b.iter().any(|(m, w)| names_equal(n, m) && same_key(v, w)))
            }
            (PathKeys::Single(a), PathKeys::Single(b)) => same_key(a, b),
            (PathKeys::Named(n), PathKeys::Single(v)) | (PathKeys::Single(v), PathKeys::Named(n)) => {
                matches!(&n[..], [(_, w)] if same_key(v, w))
            }
            (a, b) => a == b,
        };
        keys && names_equal(&self.class, &other.class) && both(&self.server, &other.server) && both(&self.namespace, &other.namespace)
    }
}

fn same_key(a: &Value, b: &Value) -> bool {
    match (a.as_integer(), b.as_integer(), a.as_str(), b.as_str()) {
        (Some(a), Some(b), ..) => a == b,
        (.., Some(a), Some(b)) => names_equal(a, b) || same_reference(a, b),
        _ => a == b,
    }
}

/// Whether both texts are full paths of one object: the keys of associations are. Quotes within quotes double their
/// backslashes, so that no more than some dozen paths nest in the longest.
fn same_reference(a: &str, b: &str) -> bool {
    let path = |text: &str| if text.starts_with(r"\\") || text.starts_with("//") { text.parse::<ObjectPath>().ok() } else { None };
    path(a).zip(path(b)).is_some_and(|(a, b)| a.same_object(&b))
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = &self.server {
            write!(f, r"\\{server}\")?;
        }
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}:")?;
        }
        f.write_str(&self.class)?;
        match &self.keys {
            PathKeys::Class => Ok(()),
            PathKeys::Singleton => f.write_str("=@"),
            PathKeys::Single(v) => {
                f.write_str("=")?;
                write_key(f, v)
            }
            PathKeys::Named(keys) => keys.iter().enumerate().try_for_each(|(i, (name, v))| {
                write!(f, "{}{name}=", if i == 0 { '.' } else { ',' })?;
                write_key(f, v)
            }),
        }
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, v: &Value) -> fmt::Result {
    match v {
        Value::Boolean(b) => f.write_str(if *b { "TRUE" } else { "FALSE" }),
        v => match (v.as_integer(), v.as_str()) {
            (Some(n), _) => write!(f, "{n}"),
            (_, s) => write!(f, "\"{}\"", s.unwrap_or_default().replace('\\', r"\\").replace('"', "\\\"")),
        },
    }
}

impl FromStr for ObjectPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.chars().count() > PATH_LEN_MAX {
            return Err(PathError { message: "the path is longer than 8192 characters", offset: 0 });
        }
        Parser { text, pos: 0 }.path()
    }
}

struct Parser<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Parser<'a> {
    fn path(mut self) -> Result<ObjectPath, PathError> {
        let mut server = None;
        if self.slash() {
            if !self.slash() {
                return Err(self.error("expected two slashes before the computer"));
            }
            let host = self.until(|c| matches!(c, '\\' | '/'));
            if host.is_empty() || !self.slash() {
                return Err(self.error("expected a computer and a namespace"));
            }
            server = Some(host);
        }
        // A colon belongs to the namespace only before the first key: values may hold colons.
        let before_keys = self.rest().find(['=', '.', '"', '\'']).map_or(self.rest(), |i| &self.rest()[..i]);
        let namespace = match before_keys.find(':') {
            Some(colon) => {
                let parts: Vec<&str> = before_keys[..colon].split(['\\', '/']).collect();
                if !parts.iter().all(|p| is_identifier(p)) {
                    return Err(self.error("expected a namespace"));
                }
                self.pos += colon + 1;
                Some(parts.join("\\"))
            }
            None if server.is_some() => return Err(self.error("expected a colon after the namespace")),
            None => None,
        };
        let class = self.identifier("expected a class")?;
        let keys = match self.peek() {
            None => PathKeys::Class,
            Some('=') => {
                self.pos += 1;
                if self.peek() == Some('@') {
                    self.pos += 1;
                    PathKeys::Singleton
                } else {
                    PathKeys::Single(self.key_value()?)
                }
            }
            Some('.') => self.named()?,
            Some(_) => return Err(self.error("expected '=', '.' or the end")),
        };
        if self.pos < self.text.len() {
            return Err(self.error("expected the end"));
        }
        Ok(ObjectPath { server, namespace, class, keys })
    }

    fn named(&mut self) -> Result<PathKeys, PathError> {
        let mut keys: Vec<(String, Value)> = Vec::new();
        while keys.is_empty() && self.take('.') || !keys.is_empty() && self.take(',') {
            let name = self.identifier("expected the name of a key")?;
            if !self.take('=') {
                return Err(self.error("expected '='"));
            }
            let value = self.key_value()?;
            if keys.iter().any(|(n, _)| names_equal(n, &name)) {
                return Err(self.error("the key is given twice"));
            }
            if keys.len() == KEYS_MAX {
                return Err(self.error("more than 256 keys"));
            }
            keys.push((name, value));
        }
        Ok(PathKeys::Named(keys))
    }

    fn key_value(&mut self) -> Result<Value, PathError> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => {
                self.pos += 1;
                let mut out = String::new();
                let mut chars = self.rest().char_indices();
                while let Some((at, c)) = chars.next() {
                    match c {
                        '\\' => match chars.next() {
                            Some((_, c)) => out.push(c),
                            None => break,
                        },
                        c if c == quote => {
                            self.pos += at + 1;
                            return Ok(Value::String(out));
                        }
                        c => out.push(c),
                    }
                }
                self.pos = self.text.len();
                Err(self.error("the quote is not closed"))
            }
            _ => {
                let start = self.pos;
                let word = self.until(|c| c == ',');
                let value = match word.as_str() {
                    w if w.eq_ignore_ascii_case("true") => Some(Value::Boolean(true)),
                    w if w.eq_ignore_ascii_case("false") => Some(Value::Boolean(false)),
                    w if w.starts_with('+') => None,
                    w => match w.strip_prefix("0x").or(w.strip_prefix("0X")) {
                        Some(hex) => unsigned(hex, 16),
                        None if w.starts_with('-') => w.parse().ok().map(Value::Sint64),
                        None => w.parse().map(Value::Sint64).ok().or_else(|| unsigned(w, 10)),
                    },
                };
                value.ok_or(PathError { message: "expected a string in quotes, an integer, TRUE or FALSE", offset: start })
            }
        }
    }

    fn identifier(&mut self, expected: &'static str) -> Result<String, PathError> {
        let start = self.pos;
        let word = self.until(|c| !(c == '_' || c.is_alphanumeric()));
        if is_identifier(&word) { Ok(word) } else { Err(PathError { message: expected, offset: start }) }
    }

    fn until(&mut self, stop: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let word = rest[..rest.find(stop).unwrap_or(rest.len())].to_owned();
        self.pos += word.len();
        word
    }

    fn slash(&mut self) -> bool {
        self.take('\\') || self.take('/')
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.pos += c.len_utf8();
        }
        found
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    fn error(&self, message: &'static str) -> PathError {
        PathError { message, offset: self.pos }
    }
}

fn unsigned(digits: &str, radix: u32) -> Option<Value> {
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(|n| i64::try_from(n).map_or(Value::Uint64(n), Value::Sint64))
}

fn is_identifier(word: &str) -> bool {
    word.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic()) && word.chars().all(|c| c == '_' || c.is_alphanumeric())
}

/// Most keys in a path: as many as a class can have.
const KEYS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_returns_to_its_text() {
        for text in [
            r#"\\Server\Namespace:Class.KeyName="KeyValue""#,
            r#"MyClass="e:""#,
            "MyOtherClass.FirstKey=1,SecondKey=2",
            "MySingletonClass=@",
            "ComPort=2",
            r"\\Admin\Root\CimV2:Win32_LogicalDisk",
            r"\\2010:836B:4179::836B:4179\root\cimv2:Win32_OperatingSystem=@",
            r#"X.A="\\\\A\\root\\cimv2:Y.D=\"Disk #0\"",B=TRUE"#,
            "__Namespace",
            "X=18446744073709551615",
        ] {
            assert_eq!(text.parse::<ObjectPath>().unwrap().to_string(), text);
        }
        assert_eq!(
            "//./root/default:__CIMOMIdentification=@".parse::<ObjectPath>().unwrap().to_string(),
            r"\\.\root\default:__CIMOMIdentification=@"
        );
    }

    #[test]
    fn what_is_not_a_path_is_an_error() {
        for text in [
            "",
            "Class.",
            "Class.Key=",
            "Class.Key = \"v\"",
            "Class=@,K=1",
            "Class.Key=\"v",
            ":Class",
            r"\\host\root",
            "C.K=1,K=2",
            "C.K=+1",
            "1C",
            "C.K=1 ",
            "C=0x",
            r#"C="a\"#,
        ] {
            assert!(text.parse::<ObjectPath>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_object_has_many_paths() {
        let same = |a: &str, b: &str| a.parse::<ObjectPath>().unwrap().same_object(&b.parse().unwrap());
        assert!(same("C.FirstKey=1,SecondKey=2", "c.SecondKey=2,firstkey=0x1"));
        assert!(same(r#"\\.\root\cimv2:C.K="a""#, "C='A'"));
        assert!(!same("C.K=1", "C.K=2"));
        assert!(!same("C", "C=@"));
        assert!(same(r#"A.R="\\\\L\\root\\x:C.K=\"v\",M=1""#, r#"a.r="//l/ROOT/x:c.m=0x1,k='V'""#));
        assert!(!same(r#"A.R="\\\\L\\root:C.K=1""#, r#"A.R="\\\\L\\root:C.K=2""#));
    }
}
