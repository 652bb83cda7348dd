//! What was found out about one computer, and our own form of it.
//!
//! ```json
//! {"format":"rwmi-inventory","version":1,"host":"srv01","gathered":"2026-11-22T21:50:57Z","seconds":1.2,"client":"rwmi 0.1.0",
//!  "sections":{"cpus":{"Win32_Processor":[{"Name":"..","NumberOfCores":4}]}, ..},
//!  "errors":[{"section":"storages","namespace":"root\\..","class":"MSFT_PhysicalDisk","code":"0x8004100e","message":".."}]}
//! ```

use crate::format::value_json;
use rwmi_cim::{Value, names_equal};
use serde_json::{Map, Value as Json, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A row: names and values in the order in which they were asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row(pub(super) Vec<(String, Value)>);

/// The rows of a class.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) section: &'static str,
    pub(super) class: &'static str,
    pub(super) rows: Vec<Row>,
}

/// What is not in the record, or not whole, and why.
#[derive(Debug, Clone)]
pub(super) struct Lack {
    pub(super) section: &'static str,
    pub(super) namespace: String,
    pub(super) class: String,
    pub(super) code: Option<u32>,
    pub(super) message: String,
}

/// One computer.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// As the caller named it.
    pub(super) host: String,
    pub(super) gathered: SystemTime,
    pub(super) took: Duration,
    pub(super) found: Vec<Rows>,
    pub(super) lacks: Vec<Lack>,
}

impl Row {
    fn value(&self, name: &str) -> &Value {
        self.0.iter().find(|(n, _)| names_equal(n, name)).map_or(&Value::Null, |(_, v)| v)
    }

    /// A text without the blanks around it; `None` where nothing is left. Numbers are texts too.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = match self.value(name) {
            Value::DateTime(d) => d.as_str().to_owned(),
            other => match (other.as_str(), other.as_integer()) {
                (Some(text), _) => text.to_owned(),
                (_, Some(n)) => n.to_string(),
                _ => return None,
            },
        };
        // Firmware pads with blanks and NULs.
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A number, also where it is written as a text.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_integer().and_then(|n| n.try_into().ok()),
        }
    }

    pub(super) fn truth(&self, name: &str) -> Option<bool> {
        match self.value(name) {
            Value::Boolean(b) => Some(*b),
            _ => None,
        }
    }

    /// The texts of an array; a single text is an array of one.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Value::Array(items) => items.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
            _ => self.text(name).into_iter().collect(),
        }
    }

    /// The numbers of an array.
    pub(super) fn numbers(&self, name: &str) -> Vec<i64> {
        match self.value(name) {
            Value::Array(items) => items.iter().filter_map(|v| v.as_integer()?.try_into().ok()).collect(),
            _ => self.number(name).into_iter().collect(),
        }
    }

    /// `2026-11-22 21:50:57`, as the clock of the computer shows it; `None` where it is no point in time.
    pub(super) fn moment(&self, name: &str) -> Option<String> {
        let Value::DateTime(d) = self.value(name) else { return None };
        d.timestamp().ok()?;
        let t = d.as_str();
        let part = |a: usize, b: usize| t.get(a..b);
        Some(format!("{}-{}-{} {}:{}:{}", part(0, 4)?, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?))
    }

    /// Seconds since 1970 of a point in time.
    pub(super) fn seconds(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Value::DateTime(d) => d.timestamp().ok().map(|t| t.unix_micros.div_euclid(1_000_000)),
            _ => None,
        }
    }

    fn json(&self) -> Json {
        Json::Object(self.0.iter().map(|(n, v)| (n.clone(), value_json(v))).collect::<Map<_, _>>())
    }
}

impl Lack {
    /// One line.
    pub(super) fn sentence(&self) -> String {
        format!("{} of {}: {}", self.class, self.namespace, self.message)
    }
}

impl Record {
    /// The rows of a class; none where it was not found.
    pub(super) fn rows(&self, class: &str) -> &[Row] {
        self.rows_in(None, class)
    }

    /// The same of a class that more than one section has.
    pub(super) fn rows_in(&self, section: Option<&str>, class: &str) -> &[Row] {
        let of = |r: &&Rows| r.class == class && section.is_none_or(|s| s == r.section);
        self.found.iter().find(of).map_or(&[], |r| &r.rows)
    }

    /// The first row of a class, or an empty one.
    pub(super) fn first(&self, class: &str) -> Row {
        self.rows(class).first().cloned().unwrap_or_default()
    }

    /// Our own form.
    pub(super) fn json(&self) -> Json {
        let mut sections = Map::new();
        for rows in &self.found {
            let section = sections.entry(rows.section).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(section) = section {
                section.insert(rows.class.into(), rows.rows.iter().map(Row::json).collect());
            }
        }
        let lacks = self.lacks.iter().map(|l| {
            let code = l.code.map(|c| format!("0x{c:08x}"));
            json!({"section": l.section, "namespace": l.namespace, "class": l.class, "code": code, "message": l.message})
        });
        json!({
            "format": "rwmi-inventory",
            "version": 1,
            "host": self.host,
            "gathered": utc(self.gathered, 'T', ':') + "Z",
            "seconds": (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            "client": concat!("rwmi ", env!("CARGO_PKG_VERSION")),
            "sections": sections,
            "errors": lacks.collect::<Vec<_>>(),
        })
    }
}

/// A time of the system as `2026-11-22T21:50:57`, with these characters between its parts.
pub(super) fn utc(time: SystemTime, between: char, within: char) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
    moment_of(seconds, between, within)
}

/// The same of seconds since 1970.
pub(super) fn moment_of(seconds: i64, between: char, within: char) -> String {
    let time = rwmi_cim::DateTime::from(rwmi_cim::Timestamp { unix_micros: seconds.saturating_mul(1_000_000), offset_minutes: 0 });
    let t = time.as_str();
    let part = |a: usize, b: usize| t.get(a..b).unwrap_or_default();
    format!("{}-{}-{}{between}{}{within}{}{within}{}", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::DateTime;

    #[test]
    fn values_are_read_as_they_are_wanted() {
        let date = |t: &str| Value::DateTime(DateTime::from_text(t));
        let row = Row(vec![
            ("Padded".into(), " a b \0".into()),
            ("Blank".into(), "  ".into()),
            ("Size".into(), Value::Uint64(7)),
            ("Text".into(), " 12 ".into()),
            ("List".into(), Value::Array(vec!["a".into(), Value::Null, "b".into()])),
            ("Codes".into(), Value::Array(vec![Value::Uint16(65), Value::Uint16(0)])),
            ("When".into(), date("20230101130000.000000+060")),
            ("Never".into(), date("00000003040506.000000:000")),
        ]);
        assert_eq!(row.text("padded").as_deref(), Some("a b"));
        assert_eq!((row.text("Blank"), row.text("Nothing"), row.text("List")), (None, None, None));
        assert_eq!((row.number("Size"), row.number("text"), row.number("Padded")), (Some(7), Some(12), None));
        assert_eq!((row.texts("List"), row.texts("Padded")), (vec!["a".to_owned(), "b".into()], vec!["a b".to_owned()]));
        assert_eq!(row.numbers("Codes"), [65, 0]);
        assert_eq!((row.moment("When").as_deref(), row.moment("Never")), (Some("2023-01-01 13:00:00"), None));
        assert_eq!(row.seconds("When").map(|s| moment_of(s, '-', '-')).as_deref(), Some("2023-01-01-12-00-00"));
    }
}
