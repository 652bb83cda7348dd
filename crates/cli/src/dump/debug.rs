//! Decoded parameters as JSON.
//!
//! The types of the wire derive `Debug`, and nothing else that shows their structure; a second description of each would be one
//! more thing to be wrong. So the derived text is read back:
//!
//! | Rust | JSON |
//! |---|---|
//! | `Name { a: x }` | object with `type` and the fields |
//! | `Name(x)` | `x`; with several fields an object with `type` and `fields` |
//! | `None`, `Null`, `Absent`, `Some(x)` | `null`, `x`; `Some(None)`, a pointer to a null pointer, is `{"pointer_to": null}` |
//! | `[x, y]`, `(x, y)`, `{x, y}` | array |
//! | `"text"` | string |
//! | `b"octets"` | hexadecimal string |
//! | numbers, `true`, `false` | themselves; 16 hexadecimal digits are an id, a string |
//! | anything else | its text |

use super::hex;
use serde_json::{Map, Value as Json};
use std::fmt::Debug;

/// Levels that are read; what is deeper stays text.
const DEPTH_MAX: u8 = 100;

/// Looks at a structure with this name, or at octets (of a name before them, if any): may replace them.
pub(super) type Replace = fn(&str, &[u8]) -> Option<Json>;

/// The structure of a value. `replace` may show octets better, given the name of the type around them.
pub(super) fn json(value: &impl Debug, replace: Replace) -> Json {
    let text = format!("{value:?}");
    let mut reader = Reader { rest: &text, replace };
    match reader.value("", 0) {
        Some(json) if reader.rest.is_empty() => json,
        // A type with a Debug of another shape.
        _ => text.into(),
    }
}

struct Reader<'a> {
    rest: &'a str,
    replace: Replace,
}

impl<'a> Reader<'a> {
    /// `around` is the name of the type that the value is the only field of.
    fn value(&mut self, around: &str, depth: u8) -> Option<Json> {
        if depth == DEPTH_MAX {
            return None;
        }
        if self.eat("b\"") {
            let octets = self.quoted()?;
            return Some((self.replace)(around, &octets).unwrap_or_else(|| hex(&octets).into()));
        }
        if self.eat("\"") {
            return Some(String::from_utf8(self.quoted()?).ok()?.into());
        }
        for (open, close) in [("[", "]"), ("(", ")"), ("{", "}")] {
            if self.eat(open) {
                return Some(self.list(close, "", depth)?.into());
            }
        }
        let atom = self.atom();
        if atom.is_empty() {
            return None;
        }
        if self.eat(" {") {
            return self.fields(atom, depth);
        }
        if self.eat("(") {
            let mut items = self.list(")", atom, depth)?;
            return Some(match (atom, items.len()) {
                ("Some", 1) if items[0].is_null() => serde_json::json!({ "pointer_to": null }),
                (_, 1) => items.remove(0),
                _ => serde_json::json!({ "type": atom, "fields": items }),
            });
        }
        Some(simple(atom))
    }

    fn fields(&mut self, name: &str, depth: u8) -> Option<Json> {
        let mut map = Map::new();
        map.insert("type".into(), name.into());
        loop {
            self.spaces();
            if self.eat("}") {
                return Some(map.into());
            }
            let (field, rest) = self.rest.split_once(": ")?;
            self.rest = rest;
            map.insert(field.to_owned(), self.value("", depth + 1)?);
            self.eat(",");
        }
    }

    fn list(&mut self, close: &str, around: &str, depth: u8) -> Option<Vec<Json>> {
        let mut items = Vec::new();
        loop {
            self.spaces();
            if self.eat(close) {
                return Some(items);
            }
            items.push(self.value(around, depth + 1)?);
            // A map has a colon between the two; both become items.
            if !self.eat(",") {
                self.eat(":");
            }
        }
    }

    /// A name, a number, or what a type of its own says: `S_OK (0x00000000)`, `f309ad18-d86a-11d0-a075-00c04fb68820`.
    fn atom(&mut self) -> &'a str {
        let is_part = |c: char| !matches!(c, ',' | '(' | ')' | '[' | ']' | '{' | '}' | ' ' | '"');
        let mut end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        // A code with its number behind it.
        if let Some(behind) = self.rest[end..].strip_prefix(" (0x") {
            end += behind.find(')').map_or(0, |at| " (0x)".len() + at);
        }
        let (atom, rest) = self.rest.split_at(end);
        self.rest = rest;
        atom
    }

    /// The inside of quotes, without Rust's escapes.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut chars = self.rest.char_indices();
        let put = |out: &mut Vec<u8>, c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(out);
                }
                '\\' => match chars.next()?.1 {
                    'n' => out.push(b'\n'),
                    'r' => out.push(b'\r'),
                    't' => out.push(b'\t'),
                    '0' => out.push(0),
                    'x' => out.push((chars.next()?.1.to_digit(16)? << 4 | chars.next()?.1.to_digit(16)?) as u8),
                    'u' => {
                        let code: String = chars.by_ref().map(|(_, c)| c).skip(1).take_while(|c| *c != '}').collect();
                        put(&mut out, char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
                    }
                    other => put(&mut out, other),
                },
                c => put(&mut out, c),
            }
        }
        None
    }

    fn eat(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).inspect(|rest| self.rest = rest).is_some()
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

fn simple(atom: &str) -> Json {
    match atom {
        // A BSTR that is NULL, in its two spellings, is nothing too.
        "None" | "Null" | "Absent" => Json::Null,
        "true" => true.into(),
        "false" => false.into(),
        // Ids of 64 bits are written as 16 hexadecimal digits, which may happen to be decimal ones.
        _ if atom.len() == 16 && atom.bytes().all(|b| b.is_ascii_hexdigit()) => atom.into(),
        // As the number is written, so that 64 bits stay 64 bits.
        _ if atom.starts_with(|c: char| c.is_ascii_digit() || c == '-') => serde_json::from_str(atom).unwrap_or_else(|_| atom.into()),
        _ => atom.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_rpc::Bytes;
    use serde_json::json;

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by their Debug text")]
    enum Sample {
        Unit,
        Tuple(u8, &'static str),
        Newtype(Bytes),
        Structure { a: Option<u64>, list: Vec<i32>, r#type: &'static str, nested: Option<Box<Sample>>, code: rwmi_ndr::HResult },
    }

    fn check(value: impl Debug, expect: Json) {
        assert_eq!(json(&value, |_, _| None), expect);
    }

    #[test]
    fn a_derived_text_is_read_back() {
        check(Sample::Unit, json!("Unit"));
        check(Sample::Tuple(1, "a\"b\\\n\u{1b}\u{e9}), {"), json!({ "type": "Tuple", "fields": [1, "a\"b\\\n\u{1b}\u{e9}), {"] }));
        check(Sample::Newtype(Bytes::from_static(b"\0\xff\"a\\")), json!("00ff22615c"));
        check(
            Sample::Structure {
                a: Some(u64::MAX),
                list: vec![-1, 2],
                r#type: "x",
                nested: Some(Box::new(Sample::Unit)),
                code: rwmi_ndr::HResult::E_FAIL,
            },
            json!({ "type": "x", "a": u64::MAX, "list": [-1, 2], "nested": "Unit", "code": "E_FAIL (0x80004005)" }),
        );
        check(rwmi_ndr::HResult(7), json!("0x00000007"));
        check(rwmi_ndr::guid!("f309ad18-d86a-11d0-a075-00c04fb68820"), json!("f309ad18-d86a-11d0-a075-00c04fb68820"));
        check(rwmi_ndr::guid!("00000001-0000-0000-c000-000000000046"), json!("00000001-0000-0000-c000-000000000046"));
        check((1.5, true, None::<u8>), json!([1.5, true, null]));
        check(Some(None::<u8>), json!({ "pointer_to": null }));
        check([0u8; 0], json!([]));
        check(rwmi_dcom::Oid(0x1234_5678_9012_3456), json!("1234567890123456"));
    }

    #[test]
    fn octets_may_be_shown_better() {
        let replace: Replace = |around, octets| (around == "Newtype").then(|| octets.len().into());
        assert_eq!(json(&Sample::Newtype(Bytes::from_static(b"abc")), replace), json!(3));
        assert_eq!(json(&Bytes::from_static(b"abc"), replace), json!("616263"));
    }

    #[test]
    fn a_text_of_another_shape_stays_text() {
        struct Odd(&'static str);
        impl Debug for Odd {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
        for text in ["a b", "x(", "\"open", "[1, ", "{", "", "b\"\\x4"] {
            check(Odd(text), json!(text));
        }
    }
}
