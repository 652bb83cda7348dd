//! Values as PowerShell writes them: lists with commas, `'texts'`, `$true`, `@(..)`, `@{Name = value; ..}`.
//!
//! The shell between us and the person has taken its own quotes away, so bare words are texts wherever PowerShell would see a
//! command. Numbers stay texts too: what reads them is the type that a class declares.

use rwmi_cim::Value;
use rwmi_client::Argument;

/// Deepest table in a table.
const DEPTH_MAX: usize = 16;

/// What `$` stands before, for those who mean more.
const NO_VARIABLES: &str = "variables of PowerShell are not known here: write the value itself";

/// The elements of an array of texts: `a,b`, `'a,b',c`, `@(a, b)`. A word with blanks is one element, since it stood in quotes.
pub(super) fn texts(word: &str) -> Result<Vec<String>, String> {
    let word = word.trim();
    let word = word.strip_prefix("@(").and_then(|w| w.strip_suffix(')')).unwrap_or(word);
    if is_one_text(word) {
        return Ok(vec![word.to_owned()]);
    }
    let (mut all, mut brackets, mut quote) = (vec![String::new()], 0_usize, None);
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        let last = all.last_mut().ok_or("nothing")?;
        match (quote, c) {
            (Some(q), _) if c == q => {
                if chars.peek() == Some(&q) {
                    chars.next();
                    last.push(c);
                } else {
                    quote = None;
                }
            }
            (Some(_), _) => last.push(c),
            // A moniker and a range of numbers have commas of their own.
            (None, '[' | '{') => {
                brackets += 1;
                last.push(c);
            }
            (None, ']' | '}') => {
                brackets = brackets.saturating_sub(1);
                last.push(c);
            }
            (None, ',') if brackets == 0 => all.push(String::new()),
            (None, '\'' | '"') if last.trim().is_empty() => {
                last.clear();
                quote = Some(c);
            }
            (None, _) => last.push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    let all: Vec<String> = all.iter().map(|t| t.trim().to_owned()).collect();
    if 1 < all.len() && all.iter().any(String::is_empty) {
        return Err("there is nothing between two commas".into());
    }
    Ok(all)
}

/// Whether a word stood in the shell's quotes and is no expression: it has blanks, which no bare word has.
fn is_one_text(word: &str) -> bool {
    word.contains([' ', '\t']) && !word.starts_with(['\'', '"', '@', '(', '$', '['])
}

/// The elements of an array of anything: `'sleep 60',$null,5`.
pub(super) fn values(word: &str) -> Result<Vec<Argument>, String> {
    if is_one_text(word) {
        return Ok(vec![Argument::Text(word.to_owned())]);
    }
    let mut reader = Reader::new(word);
    let elements = reader.elements(",", 0)?;
    reader.end()?;
    Ok(elements)
}

/// A hash table, `@{Name = 'value'; Number = 5}`, or the object of a JSON text.
pub(super) fn table(word: &str) -> Result<Vec<(String, Argument)>, String> {
    let word = word.trim();
    if word.starts_with('{') {
        return match Argument::json(word)? {
            Argument::Object(members) => Ok(members),
            _ => Err("the JSON is no object".into()),
        };
    }
    if !word.starts_with("@{") {
        return Err("a hash table is written @{Name='value'; Number=5}, or as a JSON object".into());
    }
    let mut reader = Reader::new(word);
    let members = reader.table(0)?;
    reader.end()?;
    Ok(members)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Reader { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn blanks(&mut self, with_lines: bool) {
        while self.peek().is_some_and(|c| c == ' ' || c == '\t' || with_lines && (c == '\n' || c == '\r')) {
            self.take();
        }
    }

    fn eat(&mut self, what: &str) -> bool {
        let is_next = self.rest().starts_with(what);
        if is_next {
            self.at += what.len();
        }
        is_next
    }

    fn end(&mut self) -> Result<(), String> {
        self.blanks(true);
        if self.rest().is_empty() { Ok(()) } else { Err(format!("{:?} stands behind the end", self.rest())) }
    }

    /// Elements with commas between them, up to one of the signs that end them. `stops` are the signs that end a bare word.
    fn elements(&mut self, stops: &str, depth: usize) -> Result<Vec<Argument>, String> {
        let mut all = Vec::new();
        loop {
            self.blanks(true);
            all.push(self.element(stops, depth)?);
            self.blanks(false);
            if !self.eat(",") {
                return Ok(all);
            }
        }
    }

    /// Elements that are one value where there is one, and an array where there are more.
    fn expression(&mut self, stops: &str, depth: usize) -> Result<Argument, String> {
        let mut all = self.elements(stops, depth)?;
        Ok(if all.len() == 1 { all.remove(0) } else { Argument::List(all) })
    }

    fn element(&mut self, stops: &str, depth: usize) -> Result<Argument, String> {
        if DEPTH_MAX < depth {
            return Err(format!("more than {DEPTH_MAX} brackets in each other"));
        }
        // A cast says a type, and the class says it again.
        while self.peek() == Some('[') && is_cast(self.rest()) {
            while self.take().is_some_and(|c| c != ']') {}
            // `[uint32[]]` has another.
            self.eat("]");
        }
        if self.rest().starts_with("@{") {
            return self.table(depth).map(Argument::Object);
        }
        let is_array = self.eat("@(");
        if is_array || self.eat("(") {
            return self.brackets(is_array, depth);
        }
        match self.peek() {
            Some('\'') => self.single_quoted().map(Argument::Text),
            Some('"') => self.double_quoted().map(Argument::Text),
            Some('$') => self.constant(),
            _ => self.bare(stops),
        }
    }

    fn brackets(&mut self, is_array: bool, depth: usize) -> Result<Argument, String> {
        let mut all = Vec::new();
        loop {
            self.blanks(true);
            if self.eat(")") {
                break;
            }
            all.extend(self.elements(",;)\n", depth + 1)?);
            self.blanks(false);
            match self.take() {
                Some(')') => break,
                Some(';' | '\n' | '\r') => {}
                Some(c) => return Err(format!("{c:?} in an array, where a comma or the closing bracket is expected")),
                None => return Err("an array is not closed".into()),
            }
        }
        Ok(if !is_array && all.len() == 1 { all.remove(0) } else { Argument::List(all) })
    }

    fn table(&mut self, depth: usize) -> Result<Vec<(String, Argument)>, String> {
        let mut members: Vec<(String, Argument)> = Vec::new();
        self.eat("@{");
        loop {
            self.blanks(true);
            if self.eat("}") {
                return Ok(members);
            }
            if self.eat(";") {
                continue;
            }
            let name = match self.peek() {
                Some('\'') => self.single_quoted()?,
                Some('"') => self.double_quoted()?,
                Some(_) => self.word("=;}\n"),
                None => return Err("a hash table is not closed".into()),
            };
            self.blanks(true);
            if !self.eat("=") {
                return Err(format!("no = behind {name:?} in a hash table"));
            }
            if name.is_empty() {
                return Err("a value without a name in a hash table".into());
            }
            if members.iter().any(|(n, _)| rwmi_cim::names_equal(n, &name)) {
                return Err(format!("{name} is twice in a hash table"));
            }
            self.blanks(false);
            members.push((name, self.expression(",;}\n", depth + 1)?));
            self.blanks(false);
            match self.peek() {
                Some(';' | '}' | '\n' | '\r') => {}
                Some(c) => return Err(format!("{c:?} in a hash table, where ; or the closing brace is expected")),
                None => return Err("a hash table is not closed".into()),
            }
        }
    }

    /// Up to one of the signs, without the blanks at its end.
    fn word(&mut self, stops: &str) -> String {
        let len = self.rest().find(|c: char| stops.contains(c)).unwrap_or(self.rest().len());
        let word = self.rest().get(..len).unwrap_or_default();
        self.at += len;
        word.trim().to_owned()
    }

    fn bare(&mut self, stops: &str) -> Result<Argument, String> {
        let word = self.word(stops);
        match word.as_str() {
            "" => Err("a value is missing".into()),
            text => Ok(Argument::Text(number(text).unwrap_or(word))),
        }
    }

    fn constant(&mut self) -> Result<Argument, String> {
        self.take();
        let len = self.rest().find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest().len());
        let name = self.rest().get(..len).unwrap_or_default().to_ascii_lowercase();
        self.at += len;
        match name.as_str() {
            "null" => Ok(Argument::Value(Value::Null)),
            "true" => Ok(Argument::Text("True".into())),
            "false" => Ok(Argument::Text("False".into())),
            _ => Err(format!("${name}: {NO_VARIABLES}")),
        }
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        self.take();
        loop {
            match self.take() {
                Some('\'') if self.eat("'") => text.push('\''),
                Some('\'') => return Ok(text),
                Some(c) => text.push(c),
                None => return Err("a quote is not closed".into()),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        self.take();
        loop {
            match self.take() {
                Some('"') if self.eat("\"") => text.push('"'),
                Some('"') => return Ok(text),
                Some('`') => match self.take() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('0') => text.push('\0'),
                    Some(c) => text.push(c),
                    None => return Err("a quote is not closed".into()),
                },
                Some('$') if self.peek().is_some_and(|c| c.is_alphabetic() || "_{(".contains(c)) => return Err(NO_VARIABLES.into()),
                Some(c) => text.push(c),
                None => return Err("a quote is not closed".into()),
            }
        }
    }
}

/// Whether a text begins with a cast to a type that a value may have.
fn is_cast(text: &str) -> bool {
    const TYPES: &[&str] = &[
        "string",
        "char",
        "bool",
        "byte",
        "sbyte",
        "int",
        "uint",
        "long",
        "ulong",
        "short",
        "ushort",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "single",
        "float",
        "double",
        "decimal",
        "array",
        "object",
        "hashtable",
    ];
    let name = text.trim_start_matches('[').split(']').next().unwrap_or_default().trim_end_matches('[').to_ascii_lowercase();
    let name = name.strip_prefix("system.").unwrap_or(&name);
    TYPES.contains(&name)
}

/// A number of PowerShell in the digits that a class's type is read from: `0x10`, `4KB`, `5L`.
fn number(text: &str) -> Option<String> {
    const UNITS: [(&str, u32); 5] = [("kb", 10), ("mb", 20), ("gb", 30), ("tb", 40), ("pb", 50)];
    let low = text.to_ascii_lowercase();
    let (digits, shift) = UNITS.iter().find_map(|(unit, n)| Some((low.strip_suffix(unit)?, *n))).unwrap_or((&low, 0));
    let (sign, digits) = digits.strip_prefix('-').map_or((1, digits), |d| (-1, d));
    let plain = match digits.strip_prefix("0x") {
        Some(hex) if !hex.starts_with('+') => i128::from_str_radix(hex, 16).ok()?,
        _ => {
            let digits = digits.strip_suffix('l').unwrap_or(digits);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            digits.parse::<i128>().ok()?
        }
    };
    // A number without a unit stays as it stands: a text may begin with noughts.
    if shift == 0 && !low.contains("0x") && !low.ends_with('l') {
        return None;
    }
    plain.checked_mul(1 << shift)?.checked_mul(sign).map(|n| n.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Argument {
        Argument::Text(text.into())
    }

    #[test]
    fn an_array_of_texts_has_commas() {
        let check = |word: &str, expect: &[&str]| assert_eq!(texts(word).unwrap(), expect, "{word}");
        check("a", &["a"]);
        check("a,b", &["a", "b"]);
        check("'a,b',c", &["a,b", "c"]);
        check("\"it''s\",'it''s'", &["it''s", "it's"]);
        check("@(a,b)", &["a", "b"]);
        check("web[01-03,7],[2001:db8::7]", &["web[01-03,7]", "[2001:db8::7]"]);
        check(r"winmgmts:{impersonate,(Debug)}!\\a\root,b", &[r"winmgmts:{impersonate,(Debug)}!\\a\root", "b"]);
        check("a b,c", &["a b,c"]);
        check("", &[""]);
        for bad in ["a,,b", "'a", "a,", ",a"] {
            assert!(texts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_holds_texts_numbers_and_nothing() {
        let check = |word: &str, expect: Vec<Argument>| assert_eq!(values(word).unwrap_or_else(|e| panic!("{word}: {e}")), expect);
        check("notepad.exe", vec![text("notepad.exe")]);
        check("sleep 60,5", vec![text("sleep 60,5")]);
        check("'sleep 60',$null,5", vec![text("sleep 60"), Argument::Value(Value::Null), text("5")]);
        check("@(1,2),$NULL", vec![Argument::List(vec![text("1"), text("2")]), Argument::Value(Value::Null)]);
        check("(5)", vec![text("5")]);
        check("@(5)", vec![Argument::List(vec![text("5")])]);
        check("@()", vec![Argument::List(vec![])]);
        check("[uint32]5,[string[]]('a','b')", vec![text("5"), Argument::List(vec![text("a"), text("b")])]);
        check("[x]y", vec![text("[x]y")]);
        check("0x10,4KB,-2L,007,-1,1.5", vec![text("16"), text("4096"), text("-2"), text("007"), text("-1"), text("1.5")]);
        check("\"a`tb `\"c`\" \"\"d\"\"\"", vec![text("a\tb \"c\" \"d\"")]);
        for bad in ["", "a,", "'a", "\"a", "$x", "\"$x\"", "\"$(x)\"", "@(1", "@(1 2", "'a'b", "(1", "@{A=1"] {
            assert!(values(bad).is_err(), "{bad}");
        }
        assert!(values(&("(".repeat(500) + "1" + &")".repeat(500))).is_err());
    }

    #[test]
    fn a_hash_table_has_names_and_values() {
        let check = |word: &str, expect: Vec<(&str, Argument)>| {
            let found = table(word).unwrap_or_else(|e| panic!("{word}: {e}"));
            assert_eq!(found, expect.into_iter().map(|(n, a)| (n.to_owned(), a)).collect::<Vec<_>>(), "{word}");
        };
        check("@{}", vec![]);
        check("@{CommandLine='sleep 60'; N=1}", vec![("CommandLine", text("sleep 60")), ("N", text("1"))]);
        // The shell took the quotes.
        check("@{CommandLine=sleep 60;N=1;}", vec![("CommandLine", text("sleep 60")), ("N", text("1"))]);
        check("@{ 'A b' = $true\n B = 'x','y'\n}", vec![("A b", text("True")), ("B", Argument::List(vec![text("x"), text("y")]))]);
        check("@{S=@{X=1;Y=@(1,2)}}", vec![("S", Argument::object([("X", text("1")), ("Y", Argument::List(vec![text("1"), text("2")]))]))]);
        check(r"@{P=C:\a=b}", vec![("P", text(r"C:\a=b"))]);
        check("{\"A\": [1]}", vec![("A", Argument::List(vec![1i64.into()]))]);
        for bad in [
            "",
            "A=1",
            "@{",
            "@{A}",
            "@{A=}",
            "@{A=1",
            "@{A=1;a=2}",
            "@{=1}",
            "@{A='x}",
            "@{A='x' y}",
            "@{A=$env:X}",
            "[1]",
            "{",
            "@{A=1} x",
        ] {
            assert!(table(bad).is_err(), "{bad}");
        }
        assert!(table(&("@{A=".repeat(500) + &"}".repeat(500))).is_err());
    }
}
