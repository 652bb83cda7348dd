//! Interface declarations, read as text: `interface!` and `object_interface!` are regular enough for that.

use crate::index::Tree;

/// One `interface!` or `object_interface!`.
#[derive(Debug, PartialEq)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) uuid: String,
    /// The server trait.
    pub(crate) server: String,
    /// What a method answers that is not written; `None` for a plain RPC interface, where every method is.
    pub(crate) default: Option<String>,
    pub(crate) methods: Vec<Method>,
    pub(crate) path: String,
}

/// One method of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Method {
    pub(crate) opnum: u16,
    pub(crate) name: String,
    pub(crate) request: String,
    /// As [`Interface::default`], for this method.
    pub(crate) default: Option<String>,
}

/// Every declaration below these directories, tests left out.
pub(crate) fn all(tree: &Tree, directories: &[&str]) -> Result<Vec<Interface>, String> {
    let mut found = Vec::new();
    for directory in directories {
        for (path, text) in tree.below(directory, ".rs").filter(|(path, _)| !path.contains("tests")) {
            found.extend(declarations(path, without_tests(text))?);
        }
    }
    Ok(found)
}

/// A source up to its module of tests.
pub(crate) fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {")
        .or_else(|| text.find("#[cfg(test)]\npub(crate) mod tests {"))
        .map_or(text, |at| text.get(..at).unwrap_or(text))
}

fn declarations(path: &str, text: &str) -> Result<Vec<Interface>, String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if matches!(line.trim(), "interface! {" | "object_interface! {") {
            let declared = declaration(path, &crate::index::block(&lines, at));
            found.push(declared.map_err(|e| format!("{path}:{}: {e}", at + 1))?);
        }
    }
    Ok(found)
}

fn declaration(path: &str, block: &str) -> Result<Interface, String> {
    let code = || block.lines().map(str::trim).filter(|l| !l.starts_with("//"));
    let (head, rest) = code().find_map(|l| l.strip_prefix("pub interface ")?.split_once(" = ")).ok_or("no `pub interface NAME = `")?;
    let server = code().find_map(|l| l.strip_prefix("serve ")?.strip_suffix(';')).ok_or("no `serve TRAIT;`")?;
    let uuid = rest.split('"').nth(1).unwrap_or_default().to_owned();
    let default = rest.split_once(", else ").map(|(_, status)| status.trim_end_matches(';').to_owned());
    let mut methods: Vec<Method> = Vec::new();
    for line in code() {
        let number = line.split_once(' ').and_then(|(n, rest)| Some((n.parse().ok()?, rest)));
        if let Some((opnum, rest)) = number {
            let (name, rest) = rest.split_once(" = ").ok_or_else(|| format!("opnum {opnum} has no name"))?;
            let request = rest.split([' ', '{']).next().unwrap_or_default();
            methods.push(Method { opnum, name: name.into(), request: request.into(), default: default.clone() });
        }
        let own = line.split_once(" else(").and_then(|(_, rest)| rest.split_once(')'));
        if let (Some((status, _)), Some(method)) = (own, methods.last_mut()) {
            method.default = Some(status.to_owned());
        }
    }
    Ok(Interface { name: head.into(), uuid, server: server.into(), default, methods, path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_read_with_its_statuses() {
        let text = r#"object_interface! {
    /// Words, with 4 of = them.
    pub interface IThing = guid!("00000000-1111"), else NOT_SUPPORTED;
    serve Thing;
    /// One.
    3 one = One { a: u32 } -> OneReply {} else(E_NOTIMPL)
    /// Two.
    4 two = Two {
        a: u32,
    } -> TwoReply { b: u32 }
}

interface! {
    /// Plain.
    pub interface Other = guid!("2222"), version 1;
    serve OtherServer;
    0 zero = Zero {} -> ZeroReply {}
}
"#;
        let found = declarations("x.rs", text).unwrap();
        let [thing, other] = &found[..] else { panic!("two declarations") };
        assert_eq!((thing.name.as_str(), thing.server.as_str(), thing.uuid.as_str()), ("IThing", "Thing", "00000000-1111"));
        let methods: Vec<_> = thing.methods.iter().map(|m| (m.opnum, m.request.as_str(), m.default.as_deref())).collect();
        assert_eq!(methods, [(3, "One", Some("E_NOTIMPL")), (4, "Two", Some("NOT_SUPPORTED"))]);
        assert_eq!((other.default.as_deref(), other.methods.len(), other.methods[0].opnum), (None, 1, 0));
    }

    #[test]
    fn a_declaration_without_a_server_is_an_error() {
        assert!(declarations("x.rs", "interface! {\n    pub interface A = x;\n}\n").is_err());
    }
}
