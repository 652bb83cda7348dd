//! Rows for tests, and what a mode says of them.

use super::mode::{Input, Mode, Wish};
use super::number::Number;
use super::outcome::{Thresholds, judge};
use super::range::{Kilo, Threshold};
use super::row::{Datum, Row, Sample};

/// When the samples of tests are taken: 2023-11-14 22:13:30 UTC.
pub(super) const NOW: u64 = 1_700_000_010_000;

pub(super) fn n(v: i128) -> Datum {
    Datum::Number(Number::Int(v))
}

pub(super) fn t(v: &str) -> Datum {
    Datum::Text(v.into())
}

pub(super) fn row(name: &str, values: &[(&str, Datum)]) -> Row {
    Row { name: name.into(), values: values.iter().map(|(n, d)| ((*n).to_owned(), d.clone())).collect() }
}

pub(super) fn sample(rows: Vec<Row>) -> Sample {
    Sample { millis: NOW, rows }
}

/// Rows now, rows ten seconds before, and what further queries found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) now: Vec<Row>,
    pub(super) earlier: Option<Vec<Row>>,
    pub(super) more: Vec<Vec<Row>>,
    pub(super) wish: Wish,
}

impl Found {
    pub(super) fn of(now: Vec<Row>) -> Found {
        Found { now, ..Found::default() }
    }

    /// The text of a mode's plan over rows, with critical thresholds.
    pub(super) fn said(self, mode: Mode, plan: usize, critical: &[&str]) -> String {
        let now = sample(self.now);
        let earlier = self.earlier.map(|rows| Sample { millis: NOW - 10_000, rows });
        let more: Vec<Sample> = self.more.into_iter().map(sample).collect();
        let input = Input { now: &now, earlier: earlier.as_ref(), more: &more, wish: &self.wish };
        let items = (mode.plans(&self.wish).unwrap()[plan].items)(&input);
        let kilo = if mode == Mode::Network { Kilo::Decimal } else { Kilo::Binary };
        let critical = critical.iter().map(|c| Threshold::parse(c, kilo).unwrap()).collect();
        judge(&items, &Thresholds { warning: Vec::new(), critical }, mode.default_field(), None).text
    }
}
