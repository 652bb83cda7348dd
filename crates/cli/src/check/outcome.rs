//! What a check finds: items with fields, held against thresholds, and the text of monitoring plug-ins.

use super::number::Number;
use super::range::{Range, Threshold};
use std::fmt::Write;

/// What a plug-in ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// 0.
    Ok,
    /// 3; worse than nothing wrong, less than something wrong.
    Unknown,
    /// 1.
    Warning,
    /// 2.
    Critical,
}

impl Status {
    /// The exit status.
    pub(crate) fn code(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::Warning => 1,
            Status::Critical => 2,
            Status::Unknown => 3,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Status::Ok => "OK",
            Status::Warning => "WARNING",
            Status::Critical => "CRITICAL",
            Status::Unknown => "UNKNOWN",
        }
    }
}

/// A field, by its name; `None` is known to have no value.
pub(crate) type Field = (String, Option<Number>);

/// One thing that is checked: a drive, a service list, a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Item {
    /// What is said of it.
    pub(crate) text: String,
    /// What can be held against thresholds.
    pub(crate) fields: Vec<Field>,
    /// What goes to graphs.
    pub(crate) perf: Vec<Perf>,
    /// More of it, a line each.
    pub(crate) details: Vec<String>,
}

/// A performance datum: the value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Perf {
    /// Its label.
    pub(crate) label: String,
    /// The field that it is.
    pub(crate) field: String,
    /// Nothing, s, %, B, c.
    pub(crate) unit: &'static str,
}

impl Item {
    /// An item with its sentence.
    pub(crate) fn new(text: impl Into<String>) -> Item {
        Item { text: text.into(), ..Item::default() }
    }

    /// Adds a field; a real is rounded as it is shown.
    pub(crate) fn field(&mut self, name: &str, value: Option<Number>) -> &mut Self {
        self.fields.push((name.into(), value.map(Number::rounded)));
        self
    }

    /// Adds a datum of a field that is there.
    pub(crate) fn perf(&mut self, label: impl Into<String>, field: &str, unit: &'static str) -> &mut Self {
        self.perf.push(Perf { label: label.into(), field: field.into(), unit });
        self
    }

    fn value(&self, name: &str) -> Option<Option<Number>> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v)
    }

    fn name_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or(name, |(n, _)| n)
    }
}

/// The thresholds of a command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Thresholds {
    /// `-w`.
    pub(crate) warning: Vec<Threshold>,
    /// `-c`.
    pub(crate) critical: Vec<Threshold>,
}

impl Thresholds {
    /// The range of a field, for graphs: where there are several, the last.
    fn of<'a>(list: &'a [Threshold], field: &str, default: &str) -> Option<&'a Range> {
        list.iter().rev().find(|t| t.field.as_deref().unwrap_or(default).eq_ignore_ascii_case(field)).map(|t| &t.range)
    }
}

/// What a check ends with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// The exit status.
    pub(crate) status: Status,
    /// Everything for standard output.
    pub(crate) text: String,
}

/// Items that are told in the first line; the others are in the lines behind it.
const ITEMS_TOLD: usize = 5;

/// Items that have a line of their own behind the first.
const LINES_MAX: usize = 1000;

/// Longest text of an item, in characters.
const TEXT_LEN_MAX: usize = 400;

/// Holds items against thresholds.
///
/// `default` is the field of a threshold that names none; `period` the seconds since an earlier run, where its sample was taken.
pub(crate) fn judge(items: &[Item], thresholds: &Thresholds, default: &str, period: Option<u64>) -> Outcome {
    if let Some(field) = untestable(items, thresholds, default) {
        return unknown(&field, &[]);
    }
    let mut status = Status::Ok;
    let mut of_items = Vec::new();
    let mut triggers: Vec<(Status, String)> = Vec::new();
    for item in items {
        let mut worst = Status::Ok;
        for (list, level) in [(&thresholds.warning, Status::Warning), (&thresholds.critical, Status::Critical)] {
            for threshold in list {
                let name = threshold.field.as_deref().unwrap_or(default);
                match item.value(name) {
                    Some(Some(value)) if threshold.range.alerts(value) => {
                        worst = worst.max(level);
                        let trigger = (level, threshold.range.crossed(item.name_of(name), value));
                        if !triggers.contains(&trigger) {
                            triggers.push(trigger);
                        }
                    }
                    Some(None) => worst = worst.max(Status::Unknown),
                    _ => {}
                }
            }
        }
        status = status.max(worst);
        of_items.push(worst);
    }
    let mut text = status.word().to_owned();
    if let Some(seconds) = period {
        let _ = write!(text, " (Sample Period {seconds} sec)");
    }
    let triggers: Vec<&str> = triggers.iter().filter(|(level, _)| *level == status).map(|(_, t)| t.as_str()).collect();
    if !triggers.is_empty() {
        let _ = write!(text, " - [Triggered by {}]", triggers.join(","));
    }
    let _ = write!(text, " - {}", headline(items, &of_items, status));
    text.push_str(&performance(items, thresholds, default));
    text.push('\n');
    if 1 < items.len() {
        // Of very many those that are wrong stand before the others.
        let mut told: Vec<(&Item, Status)> = items.iter().zip(of_items).collect();
        let more = told.len().saturating_sub(LINES_MAX);
        if 0 < more {
            told.sort_by_key(|(_, status)| *status == Status::Ok);
            told.truncate(LINES_MAX);
        }
        for (item, of_item) in told {
            let _ = writeln!(text, "{}: {}", of_item.word(), harmless(&item.text));
        }
        if 0 < more {
            let _ = writeln!(text, "and {more} more");
        }
    }
    for detail in items.iter().flat_map(|i| &i.details) {
        let _ = writeln!(text, "{}", harmless(detail));
    }
    Outcome { status, text }
}

/// An answer that is none: one line, and more lines behind it.
pub(crate) fn unknown(why: &str, more: &[String]) -> Outcome {
    let mut text = format!("UNKNOWN - {}\n", harmless(why));
    for line in more {
        let _ = writeln!(text, "{}", harmless(line));
    }
    Outcome { status: Status::Unknown, text }
}

/// A threshold whose field no item has.
fn untestable(items: &[Item], thresholds: &Thresholds, default: &str) -> Option<String> {
    let names = thresholds.warning.iter().chain(&thresholds.critical).map(|t| t.field.as_deref().unwrap_or(default));
    let missing = names.into_iter().find(|name| items.iter().all(|i| i.value(name).is_none()))?;
    let mut known: Vec<&str> = Vec::new();
    for (name, _) in items.iter().flat_map(|i| &i.fields) {
        if !known.contains(&name.as_str()) {
            known.push(name);
        }
    }
    if missing.is_empty() {
        return Some(format!("a threshold names no field: write FIELD=RANGE with one of {}", known.join(", ")));
    }
    Some(format!("no field {missing} to hold against a threshold; there are {}", known.join(", ")))
}

/// What the first line says: those that are wrong, else all where they are few.
fn headline(items: &[Item], of_items: &[Status], status: Status) -> String {
    let told: Vec<String> =
        items.iter().zip(of_items).filter(|(_, s)| status == Status::Ok || **s != Status::Ok).map(|(i, _)| harmless(&i.text)).collect();
    match told.len().checked_sub(ITEMS_TOLD) {
        Some(more) if 0 < more => format!("{}; and {more} more", told[..ITEMS_TOLD].join("; ")),
        _ => told.join("; "),
    }
}

/// `|'label'=value[UOM];warn;crit; ` with a blank behind each, or nothing.
fn performance(items: &[Item], thresholds: &Thresholds, default: &str) -> String {
    let mut text = String::new();
    for item in items {
        for perf in &item.perf {
            let value = match item.value(&perf.field).flatten() {
                Some(value) => format!("{value}{}", perf.unit),
                None => "U".into(),
            };
            let limit = |list| Thresholds::of(list, &perf.field, default).map(Range::text);
            let limits = match (limit(&thresholds.warning), limit(&thresholds.critical)) {
                (None, None) => String::new(),
                (Some(w), None) => format!(";{w}"),
                (w, Some(c)) => format!(";{};{c}", w.unwrap_or_default()),
            };
            let _ = write!(text, "{}{}={value}{limits}; ", if text.is_empty() { "|" } else { "" }, quoted(&perf.label));
        }
    }
    text
}

/// A label in its quotes; a quote within is doubled, an equals sign would end it for some readers.
fn quoted(label: &str) -> String {
    format!("'{}'", harmless(label).replace('\'', "''").replace('=', "-"))
}

/// On one line, without what ends the text or steers a terminal.
pub(crate) fn harmless(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(TEXT_LEN_MAX)
        .map(|c| match c {
            '|' => '/',
            '\n' | '\r' | '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect();
    if TEXT_LEN_MAX < text.chars().count() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::range::Kilo;
    use super::*;

    fn thresholds(warning: &[&str], critical: &[&str]) -> Thresholds {
        let parsed = |list: &[&str]| list.iter().map(|t| Threshold::parse(t, Kilo::Binary).unwrap()).collect();
        Thresholds { warning: parsed(warning), critical: parsed(critical) }
    }

    fn cpu(load: f64) -> Item {
        let mut item = Item::new(format!("Average CPU Utilisation {load:.2}%"));
        item.field("_AvgCPU", Number::real(load)).perf("Avg CPU Utilisation", "_AvgCPU", "%");
        item
    }

    #[track_caller]
    fn check(items: &[Item], warning: &[&str], critical: &[&str], period: Option<u64>, code: u8, text: &str) {
        let outcome = judge(items, &thresholds(warning, critical), "_AvgCPU", period);
        assert_eq!((outcome.status.code(), outcome.text.as_str()), (code, text));
    }

    #[test]
    fn the_line_is_that_of_the_plug_in() {
        let items = [cpu(17.359)];
        check(&items, &["80"], &["90"], None, 0, "OK - Average CPU Utilisation 17.36%|'Avg CPU Utilisation'=17.36%;80;90; \n");
        check(&items, &[], &[], None, 0, "OK - Average CPU Utilisation 17.36%|'Avg CPU Utilisation'=17.36%; \n");
        check(
            &items,
            &["10"],
            &[],
            None,
            1,
            "WARNING - [Triggered by _AvgCPU>10] - Average CPU Utilisation 17.36%|'Avg CPU Utilisation'=17.36%;10; \n",
        );
        check(
            &items,
            &[],
            &["~:10"],
            None,
            2,
            "CRITICAL - [Triggered by _AvgCPU>10] - Average CPU Utilisation 17.36%|'Avg CPU Utilisation'=17.36%;;~:10; \n",
        );
        check(
            &items,
            &["_avgcpu=@10:20"],
            &["90"],
            Some(12),
            1,
            "WARNING (Sample Period 12 sec) - [Triggered by _AvgCPU in @10:20] - Average CPU Utilisation 17.36%|'Avg CPU Utilisation'=17.36%;@10:20;90; \n",
        );
        // Several of one level are named, those of a lower level are not.
        check(
            &items,
            &["1"],
            &["10", "20:"],
            None,
            2,
            "CRITICAL - [Triggered by _AvgCPU>10,_AvgCPU<20] - Average CPU Utilisation 17.36%|'Avg CPU Utilisation'=17.36%;1;20:; \n",
        );
    }

    #[test]
    fn what_is_shown_as_the_limit_is_not_over_it() {
        check(&[cpu(80.004)], &["80"], &[], None, 0, "OK - Average CPU Utilisation 80.00%|'Avg CPU Utilisation'=80.00%;80; \n");
    }

    #[test]
    fn the_worst_item_decides_and_stands_first() {
        let drive = |name: &str, used: i128| {
            let mut item = Item::new(format!("{name} {used}% used"));
            item.field("_AvgCPU", Some(Number::Int(used))).perf(format!("{name} Utilisation"), "_AvgCPU", "%");
            item
        };
        check(
            &[drive("C:", 50), drive("D:", 95), drive("E:", 85)],
            &["80"],
            &["90"],
            None,
            2,
            "CRITICAL - [Triggered by _AvgCPU>90] - D: 95% used; E: 85% used\
             |'C: Utilisation'=50%;80;90; 'D: Utilisation'=95%;80;90; 'E: Utilisation'=85%;80;90; \n\
             OK: C: 50% used\nCRITICAL: D: 95% used\nWARNING: E: 85% used\n",
        );
        let many: Vec<Item> = (0..8).map(|n| drive(&n.to_string(), 1)).collect();
        let text = judge(&many, &Thresholds::default(), "x", None).text;
        assert!(text.starts_with("OK - 0 1% used; 1 1% used; 2 1% used; 3 1% used; 4 1% used; and 3 more|"), "{text}");
    }

    #[test]
    fn of_very_many_items_the_wrong_ones_have_lines() {
        let items: Vec<Item> = (0..LINES_MAX + 5).map(|n| cpu(if n == LINES_MAX + 4 { 95.0 } else { 1.0 })).collect();
        let text = judge(&items, &thresholds(&[], &["90"]), "_AvgCPU", None).text;
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            (lines.len(), lines[1], lines[LINES_MAX + 1]),
            (LINES_MAX + 2, "CRITICAL: Average CPU Utilisation 95.00%", "and 5 more")
        );
    }

    #[test]
    fn nothing_known_is_unknown_and_written_as_u() {
        let mut item = Item::new("x");
        item.field("_AvgCPU", None).perf("L", "_AvgCPU", "%");
        check(&[item.clone()], &["80"], &[], None, 3, "UNKNOWN - x|'L'=U;80; \n");
        check(&[item], &[], &[], None, 0, "OK - x|'L'=U; \n");
        check(&[cpu(1.0)], &["_X=5"], &[], None, 3, "UNKNOWN - no field _X to hold against a threshold; there are _AvgCPU\n");
        assert_eq!(Number::real(f64::NAN), None);
    }

    #[test]
    fn values_have_digits_only() {
        for f in [0.0, -0.0, -0.001, 1e-300, 1e15, 1e300, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.1 + 0.2, f64::NAN, f64::INFINITY] {
            let text = judge(&[cpu(f)], &thresholds(&["0.1"], &["~:1e"]), "_AvgCPU", None).text;
            let value = text.split_once("'=").and_then(|(_, v)| v.split_once(";0.1;~:1152921504606846976; ")).unwrap().0;
            let number = value.trim_end_matches('%');
            assert!(number == "U" || number.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.')), "{f}: {value}");
            assert_ne!(number, "-0.00");
        }
    }

    #[test]
    fn details_stand_behind_in_lines_of_their_own() {
        let item = Item { details: vec!["a|b".into(), "c\nd".into()], ..cpu(1.0) };
        check(&[item], &[], &[], None, 0, "OK - Average CPU Utilisation 1.00%|'Avg CPU Utilisation'=1.00%; \na/b\nc d\n");
    }

    #[test]
    fn a_text_cannot_end_itself() {
        let mut item = Item::new("a|b\nc\u{1b}\0\u{202e}\u{5d0}\u{1f600}");
        item.field("_AvgCPU", Some(Number::Int(1))).perf("it's a=b|\n", "_AvgCPU", "");
        check(&[item], &[], &[], None, 0, "OK - a/b c\u{fffd}\u{fffd}\u{fffd}\u{5d0}\u{1f600}|'it''s a-b/ '=1; \n");
        assert_eq!(unknown("a|b", &["c|d\n".into()]).text, "UNKNOWN - a/b\nc/d \n");
    }
}
