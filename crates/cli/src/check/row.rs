//! Rows as checks read them, samples of them, and what two samples of a counter say.

use super::number::Number;
use rwmi_cim::{Entity, Value, names_equal};
use serde_json::{Map, Value as Json};

/// What a property holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum {
    /// Something that can be compared.
    Number(Number),
    /// Something that can be shown.
    Text(String),
    /// NULL.
    Null,
}

/// A row: its properties, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Row {
    /// What tells it apart from other rows.
    pub(crate) name: String,
    /// Name and value of each property.
    pub(crate) values: Vec<(String, Datum)>,
}

/// Rows of one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sample {
    /// When, in milliseconds since 1970.
    pub(crate) millis: u64,
    /// What there was.
    pub(crate) rows: Vec<Row>,
}

impl Row {
    /// Of an object. Its name is the property `label`, else the keys, else the first text.
    pub(crate) fn of(entity: &Entity, label: Option<&str>) -> Row {
        let Entity::Instance(object) = entity else { return Row { name: entity.class().name.clone(), values: Vec::new() } };
        let class = object.class();
        let mut values = Vec::with_capacity(class.properties.len());
        for (name, value) in object.iter() {
            let value = value.unwrap_or(Value::Null);
            let datum = match (Number::of(&value), &value) {
                (Some(number), _) => Datum::Number(number),
                (None, Value::String(s) | Value::Reference(s)) => Datum::Text(s.clone()),
                (None, Value::Null | Value::Real32(_) | Value::Real64(_)) => Datum::Null,
                (None, other) => Datum::Text(crate::format::value_json(other).to_string()),
            };
            values.push((name.to_owned(), datum));
        }
        let mut row = Row { name: String::new(), values };
        row.name = match label {
            Some(label) => row.shown(label),
            None => {
                let keys: Vec<String> = class.keys().map(|k| row.shown(&k.name)).collect();
                let first = || row.values.iter().find_map(|(_, d)| if let Datum::Text(s) = d { Some(s.clone()) } else { None });
                if keys.is_empty() { first().unwrap_or_default() } else { keys.join(" ") }
            }
        };
        row
    }

    fn datum(&self, name: &str) -> Option<&Datum> {
        self.values.iter().find(|(n, _)| names_equal(n, name)).map(|(_, d)| d)
    }

    /// A property as a number; `None` where it is none, or not there.
    pub(crate) fn number(&self, name: &str) -> Option<Number> {
        match self.datum(name)? {
            Datum::Number(n) => Some(*n),
            _ => None,
        }
    }

    /// A property as a real.
    pub(crate) fn real(&self, name: &str) -> Option<f64> {
        self.number(name).map(Number::as_f64)
    }

    /// A property as a text; empty where it is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        match self.datum(name) {
            Some(Datum::Text(s)) => s,
            _ => "",
        }
    }

    /// A property as it is shown.
    pub(crate) fn shown(&self, name: &str) -> String {
        match self.datum(name) {
            Some(Datum::Number(n)) => n.to_string(),
            Some(Datum::Text(s)) => s.clone(),
            Some(Datum::Null) | None => String::new(),
        }
    }
}

/// Most rows of a sample that are kept for the next run.
const ROWS_KEPT_MAX: usize = 10_000;

impl Sample {
    /// The row with a name.
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|r| r.name == name)
    }

    /// As it is kept for the next run of the same check. Only numbers are.
    pub(crate) fn to_json(&self, key: &str) -> Json {
        let number = |d: &Datum| match d {
            Datum::Number(Number::Int(n)) => Some(Json::String(n.to_string())),
            // Full precision, not what is shown.
            Datum::Number(Number::Real(f)) => Some(Json::from(*f)),
            _ => None,
        };
        let rows = self.rows.iter().take(ROWS_KEPT_MAX).map(|r| {
            let fields: Map<String, Json> = r.values.iter().filter_map(|(n, d)| Some((n.clone(), number(d)?))).collect();
            serde_json::json!({ "name": r.name, "fields": fields })
        });
        serde_json::json!({ "version": 1, "key": key, "millis": self.millis, "rows": rows.collect::<Vec<_>>() })
    }

    /// What an earlier run kept; `None` where it is not of this check, or not whole.
    pub(crate) fn from_json(text: &[u8], key: &str) -> Option<Sample> {
        let json: Json = serde_json::from_slice(text).ok()?;
        if json["version"] != 1 || json["key"] != key {
            return None;
        }
        let row = |row: &Json| {
            let field = |(name, value): (&String, &Json)| {
                let number = match value {
                    Json::String(s) => Number::Int(s.parse().ok()?),
                    other => Number::real(other.as_f64()?)?,
                };
                Some((name.clone(), Datum::Number(number)))
            };
            let values = row["fields"].as_object()?.iter().map(field).collect::<Option<Vec<_>>>()?;
            Some(Row { name: row["name"].as_str()?.to_owned(), values })
        };
        let rows = json["rows"].as_array()?.iter().map(row).collect::<Option<Vec<_>>>()?;
        Some(Sample { millis: json["millis"].as_u64()?, rows })
    }
}

/// What a counter counts, by the names of the performance counters of Windows; and two of our own for what is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// `100NSEC_TIMER`: the share of the time, in percent.
    Timer,
    /// `100NSEC_TIMER_INV`: the share of the time in which it did not count.
    TimerInverse,
    /// `COUNTER_COUNTER`, `BULK_COUNT`: how often a second.
    PerSecond,
    /// `100NS_QUEUELEN`: the mean of a length.
    QueueLength,
    /// `ELAPSED_TIME`: seconds since; of one sample.
    Elapsed,
    /// `DELTA`: how much more than in the sample before.
    Delta,
}

impl Counter {
    /// By its name, without `PERF_` before it.
    pub(crate) fn from_name(name: &str) -> Option<Counter> {
        let upper = name.to_ascii_uppercase();
        Some(match upper.strip_prefix("PERF_").unwrap_or(&upper) {
            "100NSEC_TIMER" | "PRECISION_100NS_TIMER" => Counter::Timer,
            "100NSEC_TIMER_INV" => Counter::TimerInverse,
            "COUNTER_COUNTER" | "COUNTER_BULK_COUNT" | "BULK_COUNT" | "RATE" => Counter::PerSecond,
            "100NS_QUEUELEN" | "COUNTER_100NS_QUEUELEN_TYPE" => Counter::QueueLength,
            "ELAPSED_TIME" => Counter::Elapsed,
            "DELTA" => Counter::Delta,
            _ => return None,
        })
    }

    /// What it says of a property; `None` where it cannot be said: no earlier sample, no time between, or a counter that began anew.
    /// `seconds` lie between the samples by our clock, and count where the row has no clock of its own.
    pub(crate) fn value(self, property: &str, earlier: Option<&Row>, now: &Row, seconds: f64) -> Option<Number> {
        if self == Counter::Elapsed {
            let frequency = now.real("Frequency_Object").or_else(|| now.real("Frequency_Sys100NS")).filter(|f| *f > 0.0)?;
            return Number::real((difference(now.number("Timestamp_Object")?, now.number(property)?)? / frequency).floor());
        }
        let more = |name: &str| difference(now.number(name)?, earlier?.number(name)?);
        let count = more(property).filter(|d| *d >= 0.0)?;
        let by_system_clock = || more("Timestamp_Sys100NS").filter(|d| *d > 0.0);
        let by_counter_clock =
            || Some(more("Timestamp_PerfTime")? / now.real("Frequency_PerfTime").filter(|f| *f > 0.0)?).filter(|d| *d > 0.0);
        let value = match self {
            Counter::Delta => return Some(now.number(property)?.minus(earlier?.number(property)?)),
            Counter::Timer => 100.0 * count / by_system_clock()?,
            Counter::TimerInverse => 100.0 * (1.0 - count / by_system_clock()?),
            Counter::QueueLength => count / by_system_clock()?,
            _ => {
                let has_clock = now.number("Timestamp_PerfTime").is_some() || now.number("Timestamp_Sys100NS").is_some();
                let own = by_counter_clock().or_else(|| Some(by_system_clock()? / 1e7));
                count / own.or((!has_clock && seconds > 0.0).then_some(seconds))?
            }
        };
        // The two clocks of a row are not read at the same instant.
        Number::real(if matches!(self, Counter::Timer | Counter::TimerInverse) { value.max(0.0) } else { value })
    }
}

/// Exact where both are integers: counters of 64 bits differ in their last digits.
fn difference(a: Number, b: Number) -> Option<f64> {
    Some(a.minus(b).as_f64()).filter(|f| f.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn row(fields: &[(&str, i128)]) -> Row {
        let values = fields.iter().map(|(n, v)| ((*n).to_owned(), Datum::Number(Number::Int(*v)))).collect();
        Row { name: "r".into(), values }
    }

    #[test]
    fn counters_are_what_windows_says_of_them() {
        let big = 133_000_000_000_000_000;
        let clock = |n: i128, sys: i128, perf: i128| {
            row(&[("N", n), ("Timestamp_Sys100NS", big + sys), ("Timestamp_PerfTime", perf), ("Frequency_PerfTime", 1000)])
        };
        let (a, b) = (clock(big, 0, 0), clock(big + 40_000_000, 50_000_000, 5000));
        let check = |kind: &str, earlier: Option<&Row>, now: &Row, expect: Option<f64>| {
            assert_eq!(Counter::from_name(kind).unwrap().value("n", earlier, now, 9.0).map(Number::as_f64), expect, "{kind}");
        };
        check("PERF_100NSEC_TIMER", Some(&a), &b, Some(80.0));
        check("PRECISION_100NS_TIMER", Some(&a), &b, Some(80.0));
        check("100NSEC_TIMER_INV", Some(&a), &b, Some(19.999999999999996));
        check("counter_counter", Some(&a), &b, Some(8_000_000.0));
        check("BULK_COUNT", Some(&a), &b, Some(8_000_000.0));
        check("100NS_QUEUELEN", Some(&a), &b, Some(0.8));
        check("DELTA", Some(&a), &b, Some(40_000_000.0));
        // Without a clock of its own ours counts.
        check("RATE", Some(&row(&[("N", 1)])), &row(&[("N", 19)]), Some(2.0));
        // No sample before, the same sample again, a counter that began anew, a clock that went back.
        for kind in ["100NSEC_TIMER", "100NSEC_TIMER_INV", "COUNTER_COUNTER", "100NS_QUEUELEN"] {
            check(kind, None, &b, None);
            check(kind, Some(&b), &b, None);
            check(kind, Some(&b), &a, None);
        }
        check("DELTA", Some(&b), &a, None);
        // More idle time than time is no load, not a negative one.
        check("100NSEC_TIMER_INV", Some(&a), &clock(big + 60_000_000, 50_000_000, 5000), Some(0.0));
        let up = row(&[("N", big), ("Timestamp_Object", big + 123_456_789), ("Frequency_Object", 10_000_000)]);
        check("ELAPSED_TIME", None, &up, Some(12.0));
        check("ELAPSED_TIME", None, &row(&[("N", 1), ("Timestamp_Object", 2), ("Frequency_Object", 0)]), None);
        assert_eq!(Counter::from_name("TIMER"), None);
    }

    #[test]
    fn a_sample_is_kept_with_all_its_digits() {
        let mut kept = row(&[("A", u64::MAX.into()), ("B", -1)]);
        kept.values.push(("C".into(), Datum::Number(Number::Real(0.1))));
        let sample = Sample { millis: 12, rows: vec![kept] };
        let text = sample.to_json("key").to_string();
        assert_eq!(Sample::from_json(text.as_bytes(), "key"), Some(sample));
        assert_eq!(Sample::from_json(text.as_bytes(), "other"), None);
        for cut in 0..text.len() {
            assert_eq!(Sample::from_json(&text.as_bytes()[..cut], "key"), None, "{cut}");
        }
        for text in
            ["[]", "{}", "null", r#"{"version":1,"key":"key","millis":-1,"rows":[]}"#, r#"{"version":2,"key":"key","millis":1,"rows":[]}"#]
        {
            assert_eq!(Sample::from_json(text.as_bytes(), "key"), None, "{text}");
        }
    }
}
