//! The classes of a namespace by a pattern, as `Get-WmiObject -List` and `Get-CimClass` take it.

use crate::namespace::class_of;
use crate::{Depth, Error, Namespace, Rows};
use rwmi_cim::Class;
use rwmi_wbem::flags;
use std::sync::Arc;

/// Deepest namespace that `-Recurse` goes into, against a server that nests without end.
const RECURSION_MAX: usize = 32;

/// The classes of a namespace, and on request of all below it, whose names fit a pattern; taken one by one.
#[derive(Debug)]
pub struct ClassList {
    pattern: String,
    amended: bool,
    recurse: bool,
    waiting: Vec<(Namespace, usize)>,
    open: Option<(Namespace, Rows<Arc<Class>>)>,
    failed: Vec<Error>,
}

impl ClassList {
    /// Of a namespace: the names that fit the pattern (`*`, `?`, `[a-z]`), `amended` with localised qualifiers.
    pub fn new(namespace: Namespace, pattern: impl Into<String>, amended: bool, recurse: bool) -> ClassList {
        ClassList { pattern: pattern.into(), amended, recurse, waiting: vec![(namespace, 0)], open: None, failed: Vec::new() }
    }

    /// The next class, with its namespace. A namespace that is closed to us is an error in its place, and the others follow.
    pub async fn next(&mut self) -> Option<Result<(Namespace, Arc<Class>), Error>> {
        loop {
            if let Some((namespace, rows)) = &mut self.open {
                match rows.next().await {
                    Some(Ok(class)) if name_fits(&self.pattern, &class.name) => return Some(Ok((namespace.clone(), class))),
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => return Some(Err(error)),
                    None => self.open = None,
                }
            }
            if let Some(error) = self.failed.pop() {
                return Some(Err(error));
            }
            let (namespace, depth) = self.waiting.pop()?;
            if self.recurse
                && depth < RECURSION_MAX
                && let Err(error) = self.below(&namespace, depth + 1).await
            {
                self.failed.push(error);
            }
            let amended = if self.amended { flags::USE_AMENDED_QUALIFIERS } else { 0 };
            let flags = flags::RETURN_IMMEDIATELY | flags::FORWARD_ONLY | amended;
            match namespace.class_enum(None, flags, None, class_of).await {
                Ok(rows) => self.open = Some((namespace, rows)),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Logs in to the namespaces below one.
    async fn below(&mut self, namespace: &Namespace, depth: usize) -> Result<(), Error> {
        let client = namespace.client();
        for child in namespace.instances("__NAMESPACE", Depth::Shallow).await?.collect().await? {
            let Ok(name) = child.get::<String>("Name") else { continue };
            match client.namespace(&format!(r"{}\{name}", namespace.name())).await {
                Ok(namespace) => self.waiting.push((namespace, depth)),
                Err(error) => self.failed.push(error),
            }
        }
        Ok(())
    }
}

/// Whether a name fits a pattern of PowerShell, without case: `*` any text, `?` any character, `[abc]` and `[a-z]` one of them.
pub fn name_fits(pattern: &str, name: &str) -> bool {
    let low = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    let (pattern, name) = (low(pattern), low(name));
    // The place of the last star, and the name's place when it was met: whoever fails goes on there with one character more.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match token(&pattern[p..]) {
            Some(Token::Any) => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some(Token::One(len, set)) if set.is_none_or(|set| has(set, name[n])) => {
                (p, n) = (p + len, n + 1);
                continue;
            }
            Some(Token::Literal(c)) if c == name[n] => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            _ => {}
        }
        match star {
            Some((after, met)) => {
                (p, n) = (after, met + 1);
                star = Some((after, met + 1));
            }
            None => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

enum Token<'a> {
    Any,
    One(usize, Option<&'a [char]>),
    Literal(char),
}

fn token(pattern: &[char]) -> Option<Token<'_>> {
    Some(match pattern.first()? {
        '*' => Token::Any,
        '?' => Token::One(1, None),
        '[' => match pattern.iter().position(|c| *c == ']') {
            Some(end) if 1 < end => Token::One(end + 1, pattern.get(1..end)),
            _ => Token::Literal('['),
        },
        c => Token::Literal(*c),
    })
}

fn has(set: &[char], c: char) -> bool {
    let is_range = |w: &[char]| matches!(w, [from, '-', to] if (*from..=*to).contains(&c));
    set.contains(&c) && c != '-' || set.windows(3).any(is_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_without_case() {
        let check = |pattern: &str, name: &str, expect: bool| assert_eq!(name_fits(pattern, name), expect, "{pattern} {name}");
        check("*", "", true);
        check("win32_*", "Win32_Process", true);
        check("*Process*", "Win32_ProcessStartup", true);
        check("*_Proc?ss", "Win32_Process", true);
        check("*_Proc?ss", "Win32_Processor", false);
        check("Win[0-9][0-9]_[a-p]*", "Win32_Process", true);
        check("[xyz]*", "Win32_Process", false);
        check("", "x", false);
        check("[", "[", true);
        check("a*b*c", "aXbXbXc", true);
        check(&"*a".repeat(40), &"a".repeat(60), true);
        check(&("*a".repeat(40) + "b"), &"a".repeat(200), false);
    }
}
