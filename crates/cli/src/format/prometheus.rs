//! Prometheus' text format 0.0.4: a gauge for each number, and an `_info` metric that carries the texts.
//!
//! Lines of one metric stand together, so nothing is written before the last row.

use super::{Columns, Row, RowWriter, source};
use rwmi_cim::{Entity, Value};
use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

/// Most samples that are held; further ones are left out and counted.
const SAMPLES_MAX: usize = 1_000_000;

pub(super) struct Prometheus<W> {
    out: W,
    columns: Columns,
    /// Metric, what it comes from, its lines.
    metrics: BTreeMap<String, (String, Vec<String>)>,
    series: HashSet<String>,
    left_out: u64,
}

impl<W: Write> Prometheus<W> {
    pub(super) fn new(out: W, columns: Columns) -> Self {
        Prometheus { out, columns, metrics: BTreeMap::new(), series: HashSet::new(), left_out: 0 }
    }

    fn sample(&mut self, metric: String, help: String, labels: &str, value: &str) {
        let series = format!("{metric}{{{labels}}}");
        // A series twice makes the whole text invalid.
        if SAMPLES_MAX <= self.series.len() || !self.series.insert(series.clone()) {
            self.left_out += 1;
            return;
        }
        self.metrics.entry(metric).or_insert_with(|| (help, Vec::new())).1.push(format!("{series} {value}"));
    }
}

impl<W: Write> RowWriter for Prometheus<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let Entity::Instance(object) = row.entity else { return Ok(()) };
        let class = object.class().name.clone();
        let prefix = if self.columns.style.prefix.is_empty() { "wmi_".into() } else { metric_name(&self.columns.style.prefix) };
        let base = format!("{prefix}{}", snake(&class));
        let mut labels = vec![label("source", &source(row))];
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for place in self.columns.of(row.entity) {
            let (name, value) = (place.name(row.entity).to_owned(), place.value(row.entity));
            if value.is_null() {
                continue;
            }
            if place.index().is_some_and(|i| self.columns.style.is_tag(object, i)) {
                labels.push(label(&label_name(&name), &self.columns.style.text(&value)));
            } else if let Some(number) = number(&value) {
                numbers.push((name, number));
            } else {
                texts.push(label(&label_name(&name), &self.columns.style.text(&value)));
            }
        }
        let tags = labels.join(",");
        for (name, number) in numbers {
            self.sample(format!("{base}_{}", snake(&name)), format!("{class}.{name}"), &tags, &number);
        }
        if !texts.is_empty() {
            labels.extend(texts);
            self.sample(format!("{base}_info"), format!("Texts of {class}"), &labels.join(","), "1");
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        for (metric, (help, lines)) in &self.metrics {
            writeln!(self.out, "# HELP {metric} {help}\n# TYPE {metric} gauge")?;
            for line in lines {
                writeln!(self.out, "{line}")?;
            }
        }
        if 0 < self.left_out {
            writeln!(
                self.out,
                "# {} samples were left out: their series was there already; name properties that tell rows apart with --tag",
                self.left_out
            )?;
        }
        self.out.flush()
    }
}

/// A number as the format writes it: booleans are 0 and 1, points in time are seconds since 1970, lengths of time seconds.
fn number(value: &Value) -> Option<String> {
    let real = |f: f64, text: String| match f {
        f if f.is_nan() => "NaN".into(),
        f if f.is_infinite() => if f < 0.0 { "-Inf" } else { "+Inf" }.into(),
        _ => text,
    };
    Some(match value {
        Value::Boolean(b) => u8::from(*b).to_string(),
        Value::Real32(f) => real(f64::from(*f), f.to_string()),
        Value::Real64(f) => real(*f, f.to_string()),
        Value::DateTime(d) => match (d.timestamp(), d.interval()) {
            (Ok(t), _) => seconds(t.unix_micros.into()),
            (_, Ok(i)) => seconds(i.micros.into()),
            _ => return None,
        },
        other => other.as_integer()?.to_string(),
    })
}

/// Microseconds as seconds.
fn seconds(micros: i128) -> String {
    let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    match micros % 1_000_000 {
        0 => format!("{sign}{}", micros / 1_000_000),
        rest => format!("{sign}{}.{rest:06}", micros / 1_000_000),
    }
}

/// `name="value"`, with the three escapes of the format.
fn label(name: &str, value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            '\t' => text.push('\t'),
            c if c.is_control() => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
    format!("{name}=\"{text}\"")
}

/// A property as a label; what the format or we use ourselves gets an underscore behind it.
fn label_name(property: &str) -> String {
    let name = snake(property);
    if name == "source" || name.starts_with("__") { format!("{}_", name.trim_start_matches('_')) } else { name }
}

/// `FreePhysicalMemory` as `free_physical_memory`, `IPEnabled` as `ip_enabled`, `Win32_LogicalDisk` as `win32_logical_disk`.
fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (i, c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| chars[i]);
        let next_is_small = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
        let begins_word = c.is_ascii_uppercase()
            && before.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || (b.is_ascii_uppercase() && next_is_small));
        if begins_word {
            out.push('_');
        }
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) { format!("_{out}") } else { out }
}

/// What a metric may be called, from what the caller wrote.
fn metric_name(text: &str) -> String {
    let name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_with_underscores() {
        for (name, expect) in [
            ("FreePhysicalMemory", "free_physical_memory"),
            ("IPEnabled", "ip_enabled"),
            ("Win32_LogicalDisk", "win32_logical_disk"),
            ("Win32_PerfRawData_PerfOS_Processor", "win32_perf_raw_data_perf_os_processor"),
            ("DeviceID", "device_id"),
            ("Timestamp_Sys100NS", "timestamp_sys100_ns"),
            ("9Lives", "_9_lives"),
        ] {
            assert_eq!(snake(name), expect);
        }
        assert_eq!((label_name("Source").as_str(), label_name("__PATH").as_str()), ("source_", "path_"));
    }
}
