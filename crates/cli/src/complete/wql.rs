//! Completing a query in its text: the word at its end.

use super::schema::Known;

/// Most properties that are offered where the class is not written yet.
const PROPERTIES_MAX: usize = 500;

/// The whole text with each word that could stand at its end.
pub(super) fn complete(text: &str, known: &Known) -> Vec<String> {
    let at =
        text.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    let (before, word) = text.split_at(at);
    // Within a text of the query nothing is a name.
    if before.matches('\'').count() % 2 == 1 || before.matches('"').count() % 2 == 1 {
        return Vec::new();
    }
    let names: Vec<String> = match before.split_whitespace().next_back().map(str::to_ascii_uppercase).as_deref() {
        None => vec!["SELECT ".into(), "ASSOCIATORS OF {".into(), "REFERENCES OF {".into()],
        Some("FROM" | "ISA" | "__CLASS") => known.values().map(|c| c.name.clone()).collect(),
        Some("SELECT") => [vec!["* FROM ".to_owned()], properties(text, known)].concat(),
        Some("WHERE" | "AND" | "OR" | "NOT" | "BY") => properties(text, known),
        Some(last) if last.ends_with(',') || last.ends_with('(') => properties(text, known),
        Some("*") => vec!["FROM ".into()],
        Some(last) if last.ends_with('{') => known.values().map(|c| c.name.clone()).collect(),
        Some(_) if class_of(before).is_some() => vec!["WHERE ".into(), "WITHIN ".into(), "AND ".into(), "OR ".into()],
        Some(_) => vec!["FROM ".into()],
    };
    let small = word.to_lowercase();
    names.into_iter().filter(|n| n.to_lowercase().starts_with(&small)).map(|n| format!("{before}{n}")).collect()
}

/// The class that a query is about.
pub(super) fn class_of(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| c.is_whitespace());
    words.find(|w| w.eq_ignore_ascii_case("from"))?;
    words.find(|w| !w.is_empty()).map(str::to_owned)
}

fn properties(text: &str, known: &Known) -> Vec<String> {
    match class_of(text).and_then(|c| known.get(&c.to_lowercase())) {
        Some(class) => class.properties.clone(),
        None => all_properties(known),
    }
}

/// Properties of any class, where it is not known which.
pub(super) fn all_properties(known: &Known) -> Vec<String> {
    let mut all: Vec<&String> = known.values().flat_map(|c| &c.properties).collect();
    all.sort();
    all.dedup();
    all.into_iter().take(PROPERTIES_MAX).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::complete::schema::Members;

    #[test]
    fn the_word_at_the_end_is_completed() {
        let members = |name: &str, properties: &[&str]| {
            let properties = properties.iter().map(|p| (*p).to_owned()).collect();
            (name.to_lowercase(), Members { name: name.into(), properties, methods: Vec::new() })
        };
        let known: Known = [members("Win32_Process", &["Handle", "Name"]), members("Win32_Service", &["Name", "State"])].into();
        let check = |text: &str, expect: &[&str]| assert_eq!(complete(text, &known), expect, "{text}");
        check("sel", &["SELECT "]);
        check("SELECT * FROM win32_p", &["SELECT * FROM Win32_Process"]);
        check("SELECT ", &["SELECT * FROM ", "SELECT Handle", "SELECT Name", "SELECT State"]);
        check("SELECT Name, s", &["SELECT Name, State"]);
        check("SELECT Name f", &["SELECT Name FROM "]);
        check("SELECT * f", &["SELECT * FROM "]);
        check("SELECT * FROM Win32_Service wh", &["SELECT * FROM Win32_Service WHERE "]);
        check(
            "SELECT * FROM Win32_Process WHERE ",
            &["SELECT * FROM Win32_Process WHERE Handle", "SELECT * FROM Win32_Process WHERE Name"],
        );
        check("SELECT * FROM Win32_Process WHERE Name = 'x' AND h", &["SELECT * FROM Win32_Process WHERE Name = 'x' AND Handle"]);
        check("SELECT * FROM Win32_Process WHERE Name = 'FROM ", &[]);
        check("ASSOCIATORS OF {Win32_S", &["ASSOCIATORS OF {Win32_Service"]);
        check("SELECT é", &[]);
    }
}
