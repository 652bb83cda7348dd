//! Thresholds of monitoring plug-ins: `[FIELD=][@]start:end`.
//!
//! | written | alerts where the value is |
//! |---|---|
//! | `10` | below 0 or above 10 |
//! | `10:` | below 10 |
//! | `~:10` | above 10 |
//! | `10:20` | below 10 or above 20 |
//! | `@10:20` | 10 to 20, both included |
//!
//! Numbers take multipliers in any case: `k m g t p e` of 1024, or of 1000 where the check is of a network, and `sec min hr day wk mth yr`
//! with months of 30 and years of 365 days.

use super::number::Number;
use std::cmp::Ordering;

/// What is allowed; everything else alerts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    /// `None` is below everything.
    start: Option<Number>,
    /// `None` is above everything.
    end: Option<Number>,
    /// Turned round: what is within alerts.
    inside: bool,
}

/// A range and what it is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Threshold {
    /// The field; `None` is what the check tests by itself.
    pub(crate) field: Option<String>,
    /// What is allowed.
    pub(crate) range: Range,
}

/// What `k` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kilo {
    /// 1024.
    Binary,
    /// 1000: bits and packets of networks.
    Decimal,
}

/// Most digits of a number.
const DIGITS_MAX: usize = 25;

impl Threshold {
    /// Reads `[FIELD=]RANGE`.
    pub(crate) fn parse(text: &str, kilo: Kilo) -> Result<Threshold, String> {
        let (field, range) = match text.rsplit_once('=') {
            Some((field, _)) if field.trim().is_empty() => return Err(format!("{text:?} is not a threshold: the field has no name")),
            Some((field, range)) => (Some(field.trim().to_owned()), range),
            None => (None, text),
        };
        let range = Range::parse(range, kilo).map_err(|why| format!("{text:?} is not a threshold: {why}"))?;
        Ok(Threshold { field, range })
    }
}

impl Range {
    /// Reads a range.
    pub(crate) fn parse(text: &str, kilo: Kilo) -> Result<Range, &'static str> {
        let text = text.trim_matches([' ', '\t']);
        let (inside, limits) = match text.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (start, end) = match limits.split_once(':') {
            None => (Some(Number::Int(0)), Some(number(limits, kilo)?)),
            Some(("", "")) => return Err("expected a number beside the colon"),
            Some((start, end)) => {
                let start = match start {
                    "~" => None,
                    "" => Some(Number::Int(0)),
                    n => Some(number(n, kilo)?),
                };
                (start, if end.is_empty() { None } else { Some(number(end, kilo)?) })
            }
        };
        if let (Some(start), Some(end)) = (start, end)
            && start.order(end) == Ordering::Greater
        {
            return Err("it starts above its end");
        }
        Ok(Range { start, end, inside })
    }

    /// Whether a value is not allowed.
    pub(crate) fn alerts(&self, value: Number) -> bool {
        let within = !self.is_below(value) && !self.is_above(value);
        within == self.inside
    }

    fn is_below(&self, value: Number) -> bool {
        self.start.is_some_and(|s| value.order(s) == Ordering::Less)
    }

    fn is_above(&self, value: Number) -> bool {
        self.end.is_some_and(|e| value.order(e) == Ordering::Greater)
    }

    /// Which limit a value that alerts has crossed: `FIELD>80`.
    pub(crate) fn crossed(&self, field: &str, value: Number) -> String {
        match (self.inside, self.start, self.end) {
            (false, Some(start), _) if self.is_below(value) => format!("{field}<{}", plain(start)),
            (false, _, Some(end)) => format!("{field}>{}", plain(end)),
            _ => format!("{field} in {}", self.text()),
        }
    }

    /// As performance data carry it: in base units, the shortest way to write it.
    pub(crate) fn text(&self) -> String {
        let limits = match (self.start, self.end) {
            (Some(Number::Int(0)), Some(end)) => plain(end),
            (start, end) => format!("{}:{}", start.map_or("~".into(), plain), end.map_or(String::new(), plain)),
        };
        format!("{}{limits}", if self.inside { "@" } else { "" })
    }
}

/// A limit as short as it can be written.
fn plain(n: Number) -> String {
    match n {
        Number::Int(n) => n.to_string(),
        // Six digits behind the point, without zeros at the end.
        Number::Real(_) => format!("{n:.6}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

/// A number with its multiplier: `-1.5`, `10k`, `2hr`.
fn number(text: &str, kilo: Kilo) -> Result<Number, &'static str> {
    const WRONG: &str = "expected [@]start:end of numbers, with ~ for no lower limit";
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let k: i128 = if kilo == Kilo::Binary { 1024 } else { 1000 };
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "sec" => 1,
        "k" => k,
        "m" => k.pow(2),
        "g" => k.pow(3),
        "t" => k.pow(4),
        "p" => k.pow(5),
        "e" => k.pow(6),
        "min" => 60,
        "hr" => 3_600,
        "day" => 86_400,
        "wk" => 7 * 86_400,
        "mth" => 30 * 86_400,
        "yr" => 365 * 86_400,
        _ => return Err("its multiplier is none of k m g t p e sec min hr day wk mth yr"),
    };
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, digits),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty())
        || !is_number(whole)
        || !is_number(fraction)
        || (digits.contains('.') && fraction.is_empty())
    {
        return Err(WRONG);
    }
    if DIGITS_MAX < whole.len() + fraction.len() {
        return Err("its number is too long");
    }
    let fraction = fraction.trim_end_matches('0');
    let mantissa: i128 = format!("{whole}{fraction}").parse().unwrap_or(0);
    let scale = 10i128.pow(fraction.len() as u32);
    // 25 digits and a factor of 2^60 are too much for 128 bits.
    let scaled = mantissa.checked_mul(factor).ok_or("its number is too large")? * sign;
    if scaled % scale == 0 { Ok(Number::Int(scaled / scale)) } else { Ok(Number::Real(scaled as f64 / scale as f64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A range, how it is carried on, what it allows and what alerts.
    #[track_caller]
    fn check(text: &str, canonical: &str, fine: &[f64], alerting: &[f64]) {
        let range = Range::parse(text, Kilo::Binary).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(range.text(), canonical, "{text}");
        let number = |f: &f64| if f.fract() == 0.0 { Number::Int(*f as i128) } else { Number::Real(*f) };
        for f in fine {
            assert!(!range.alerts(number(f)), "{text} alerts at {f}");
        }
        for f in alerting {
            assert!(range.alerts(number(f)), "{text} is silent at {f}");
        }
        assert_eq!(Range::parse(canonical, Kilo::Binary).unwrap(), range, "{text}");
    }

    #[test]
    fn the_grammar_of_plug_ins_is_read() {
        check("10", "10", &[0.0, 0.5, 10.0], &[-0.5, -1.0, 10.5, 11.0]);
        check("0:10", "10", &[0.0, 10.0], &[-1.0, 11.0]);
        check(":10", "10", &[0.0, 10.0], &[-1.0, 11.0]);
        check("10:", "10:", &[10.0, 1e9], &[9.0, 9.99, 0.0, -10.0]);
        check("~:10", "~:10", &[10.0, -1e9], &[10.5, 11.0]);
        check("10:20", "10:20", &[10.0, 15.0, 20.0], &[9.0, 21.0]);
        check("@10:20", "@10:20", &[9.0, 9.5, 20.5, 21.0], &[10.0, 15.0, 20.0]);
        check("@10", "@10", &[-1.0, 11.0], &[0.0, 10.0]);
        check("@~:10", "@~:10", &[10.5, 11.0], &[10.0, -5.0]);
        check("@10:", "@10:", &[9.0], &[10.0, 11.0]);
        check("~:", "~:", &[-1e9, 0.0, 1e9], &[]);
        check("0:", "0:", &[0.0, 5.0], &[-1.0]);
        check("@0:0", "@0", &[1.0, -1.0], &[0.0]);
        check("0", "0", &[0.0], &[1.0, -1.0]);
        check("5:5", "5:5", &[5.0], &[4.0, 6.0]);
        check("-10:-5", "-10:-5", &[-10.0, -7.0, -5.0], &[-11.0, -4.0, 0.0]);
        check("-1:", "-1:", &[-1.0, 0.0], &[-2.0]);
        check("0.5:1.25", "0.5:1.25", &[0.5, 1.0, 1.25], &[0.4, 1.3]);
        check(".5", "0.5", &[0.5], &[0.6]);
        check("1.50", "1.5", &[1.5], &[1.6]);
        check(" 10 ", "10", &[10.0], &[11.0]);
    }

    #[test]
    fn multipliers_are_expanded() {
        let check = |text: &str, kilo: Kilo, expect: &str| assert_eq!(Range::parse(text, kilo).unwrap().text(), expect, "{text}");
        for (text, expect) in [
            ("1k", "1024"),
            ("1M", "1048576"),
            ("2G", "2147483648"),
            ("1t", "1099511627776"),
            ("1p", "1125899906842624"),
            ("1e", "1152921504606846976"),
            ("1.5K", "1536"),
            ("~:10g", "~:10737418240"),
            ("@1k:2K", "@1024:2048"),
            ("30sec", "30"),
            ("5Min", "300"),
            ("2hr", "7200"),
            ("1DAY:", "86400:"),
            ("1wk", "604800"),
            ("1mth", "2592000"),
            ("1yr", "31536000"),
            ("0.3k", "307.2"),
        ] {
            check(text, Kilo::Binary, expect);
        }
        for (text, expect) in [("1k", "1000"), ("10m", "10000000"), ("1.5G", "1500000000"), ("1min", "60")] {
            check(text, Kilo::Decimal, expect);
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            " ",
            "@",
            ":",
            "@:",
            "~",
            "@~",
            "10:5",
            "a:b",
            "1:2:3",
            "1,5",
            "1e3",
            "1e-3",
            "nan",
            "inf",
            "10%",
            "1kb",
            "1 k",
            "--1",
            "+1",
            "1-",
            "0x10",
            "10:~",
            "1.",
            ".",
            "-",
            "@@1",
            "1.2.3",
            "\u{661}",
            "1\u{2028}",
            "12345678901234567890123456",
            "9999999999999999999999999e",
        ] {
            assert!(Range::parse(text, Kilo::Binary).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_field_stands_before_its_range() {
        let check = |text: &str, field: Option<&str>, range: &str| {
            let t = Threshold::parse(text, Kilo::Binary).unwrap();
            assert_eq!((t.field.as_deref(), t.range.text().as_str()), (field, range), "{text}");
        };
        check("80", None, "80");
        check("_Used%=80", Some("_Used%"), "80");
        check("FreeSpace=10g:", Some("FreeSpace"), "10737418240:");
        check("_NumBad=@1:", Some("_NumBad"), "@1:");
        check("_MemFree% = 5:", Some("_MemFree%"), "5:");
        for text in ["=5", " =5", "a=", "a=b", "a=5:1"] {
            assert!(Threshold::parse(text, Kilo::Binary).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_crossed_is_told() {
        let check = |range: &str, value: i128, expect: &str| {
            let range = Range::parse(range, Kilo::Binary).unwrap();
            assert!(range.alerts(Number::Int(value)));
            assert_eq!(range.crossed("F", Number::Int(value)), expect);
        };
        check("80", 81, "F>80");
        check("80", -1, "F<0");
        check("10:", 9, "F<10");
        check("~:1k", 2000, "F>1024");
        check("@10:20", 15, "F in @10:20");
    }
}
