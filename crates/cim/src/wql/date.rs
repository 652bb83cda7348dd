//! Dates in constants: DMTF text, and the forms that people write.

use crate::DateTime;
use crate::datetime::unix_micros;

/// How constants that leave something open are read: as on the computer that answers.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Locale {
    /// Which comes first in `03/04/2024`. The default is the month, as in en-US.
    pub date_order: DateOrder,
    /// Minutes that local time is ahead of UTC, at a local time in seconds since 1970-01-01. The default is 0 always.
    pub local_offset: fn(i64) -> i16,
}

/// Which of two small numbers in a date is the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateOrder {
    /// The first: en-US.
    #[default]
    MonthFirst,
    /// The second: most of the world.
    DayFirst,
}

impl Default for Locale {
    fn default() -> Self {
        Locale { date_order: DateOrder::default(), local_offset: |_| 0 }
    }
}

/// A datetime that can be ordered. Points in time and lengths of time have no order between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Microseconds since 1970-01-01 UTC.
    At(i64),
    /// Microseconds.
    Lasting(u64),
}

impl Moment {
    /// The value of a property; `None` where fields are unspecified (`*`) or the text is none.
    pub(super) fn of(value: &DateTime) -> Option<Moment> {
        match value.timestamp() {
            Ok(t) => Some(Moment::At(t.unix_micros)),
            Err(_) => value.interval().ok().map(|i| Moment::Lasting(i.micros)),
        }
    }

    pub(super) fn order(self, other: Moment) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Moment::At(a), Moment::At(b)) => Some(a.cmp(&b)),
            (Moment::Lasting(a), Moment::Lasting(b)) => Some(a.cmp(&b)),
            _ => None,
        }
    }
}

/// A constant. The error is advice.
pub(super) fn moment(text: &str, locale: &Locale) -> Result<Moment, &'static str> {
    let text = text.trim();
    if let Some(m) = Moment::of(&DateTime::from_text(text)) {
        return Ok(m);
    }
    if text.contains('*') {
        return Err("a date in a query has no asterisks");
    }
    if text.len() > 64 {
        return Err(ADVICE);
    }
    match digits(text, 14) {
        Some((date, rest)) => cut_dmtf(date, rest).ok_or(ADVICE),
        None => written(text, locale),
    }
}

/// `yyyymmddHHMMSS` with any part of the fraction and with or without an offset: monitoring tools send
/// `20261122143000.00000000` and mean UTC.
fn cut_dmtf(date: &str, rest: &str) -> Option<Moment> {
    let n = |from: usize, to: usize| date.get(from..to).and_then(|d| d.parse::<i64>().ok());
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(r) => r.split_at(r.find(|c: char| !c.is_ascii_digit()).unwrap_or(r.len())),
        None => ("", rest),
    };
    let micros = format!("{:0<6}", fraction.get(..fraction.len().min(6))?).parse::<i64>().ok()?;
    let offset = match rest {
        "" => 0,
        _ => {
            let (sign, minutes) = rest.split_at_checked(1)?;
            let minutes = minutes.len().le(&3).then(|| digits(minutes, minutes.len()))??.0.parse::<i64>().ok()?;
            match sign {
                "+" => minutes,
                "-" => -minutes,
                _ => return None,
            }
        }
    };
    let at = unix_micros(n(0, 4)?, n(4, 6)?, n(6, 8)?, n(8, 10)?, n(10, 12)?, n(12, 14)?)?;
    Some(Moment::At(at + micros - offset * 60_000_000))
}

/// The forms that people write, read in local time.
fn written(text: &str, locale: &Locale) -> Result<Moment, &'static str> {
    // Blanks and commas part words; AM and PM may lean on their number.
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty()).collect();
    let half = |w: &str| w.eq_ignore_ascii_case("AM") || w.eq_ignore_ascii_case("PM");
    let leaning = |w: &str| w.len() > 2 && w.is_char_boundary(w.len() - 2) && half(&w[w.len() - 2..]);
    let clock = words
        .iter()
        .enumerate()
        .position(|(i, w)| {
            w.contains(':') || (leaning(w) && w.starts_with(|c: char| c.is_ascii_digit())) || words.get(i + 1).is_some_and(|n| half(n))
        })
        .unwrap_or(words.len());
    let (date, time) = words.split_at(clock);
    let (year, month, day) = calendar(date, locale.date_order)?;
    let (hour, minute, second, milli) = if time.is_empty() { (0, 0, 0, 0) } else { of_day(&time.concat()).ok_or(ADVICE)? };
    let local = unix_micros(year, month, day, hour, minute, second).ok_or("there is no such day or time")?;
    let offset = i64::from((locale.local_offset)(local.div_euclid(1_000_000)));
    Ok(Moment::At(local + milli * 1_000 - offset * 60_000_000))
}

fn calendar(words: &[&str], order: DateOrder) -> Result<(i64, i64, i64), &'static str> {
    let number = |w: &str, len: std::ops::RangeInclusive<usize>| {
        if len.contains(&w.len()) && w.bytes().all(|b| b.is_ascii_digit()) { w.parse::<i64>().ok() } else { None }
    };
    if let [word] = words {
        if let Some(separator) = word.chars().find(|c| matches!(c, '/' | '-' | '.')) {
            let parts: Vec<&str> = word.split(separator).collect();
            let [a, b, c] = parts[..] else { return Err(ADVICE) };
            let all = parts.iter().all(|p| number(p, 1..=4).is_some());
            let Some(at) = parts.iter().position(|p| p.len() == 4) else {
                return Err(if all { SHORT_YEAR } else { ADVICE });
            };
            let (year, x, y) = match at {
                0 => (a, b, c),
                1 => (b, a, c),
                _ => (c, a, b),
            };
            let (Some(year), Some(x), Some(y)) = (number(year, 4..=4), number(x, 1..=2), number(y, 1..=2)) else { return Err(ADVICE) };
            // What can only be read one way is read that way.
            let month_first = if x > 12 { false } else { y > 12 || order == DateOrder::MonthFirst || at == 0 };
            return Ok(if month_first { (year, x, y) } else { (year, y, x) });
        }
        return match (word.len(), number(word, 4..=8)) {
            (4, Some(y)) => Ok((y, 1, 1)),
            // Six digits are year and month where they can be; a year of two digits would say the century nowhere.
            (6, Some(n)) if matches!(n / 10_000, 19 | 20) => Ok((n / 100, n % 100, 1)),
            (6, Some(_)) => Err(SHORT_YEAR),
            (8, Some(n)) => Ok((n / 10_000, n / 100 % 100, n % 100)),
            _ => Err(ADVICE),
        };
    }
    // A month by name, a year and perhaps a day, in any order.
    let (mut year, mut month, mut day) = (None, None, None);
    for word in words {
        let slot = match (number(word, 4..=4), number(word, 1..=2), month_named(word)) {
            (Some(n), ..) => (&mut year, n),
            (_, Some(n), _) => (&mut day, n),
            (.., Some(n)) => (&mut month, n),
            _ => return Err(ADVICE),
        };
        if slot.0.replace(slot.1).is_some() {
            return Err(if year.is_none() { SHORT_YEAR } else { ADVICE });
        }
    }
    match (year, month, day) {
        (Some(y), Some(m), d) => Ok((y, m, d.unwrap_or(1))),
        (None, Some(_), _) => Err(SHORT_YEAR),
        _ => Err(ADVICE),
    }
}

/// `hh AM`, `hh:mm`, `hh:mm:ss`, `hh:mm:ss:u` (milliseconds), each with or without AM or PM.
fn of_day(text: &str) -> Option<(i64, i64, i64, i64)> {
    let upper = text.to_ascii_uppercase();
    let (clock, half) = match upper.strip_suffix("AM") {
        Some(c) => (c, Some(0)),
        None => upper.strip_suffix("PM").map_or((upper.as_str(), None), |c| (c, Some(12))),
    };
    let parts = clock.split(':').enumerate().map(|(i, p)| {
        let fits = (1..=if i == 3 { 3 } else { 2 }).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
        if fits { p.parse::<i64>().ok() } else { None }
    });
    let parts: Vec<i64> = parts.collect::<Option<_>>()?;
    let (hour, minute, second, milli) = match parts[..] {
        [h] if half.is_some() => (h, 0, 0, 0),
        [h, m] => (h, m, 0, 0),
        [h, m, s] => (h, m, s, 0),
        [h, m, s, u] => (h, m, s, u),
        _ => return None,
    };
    match half {
        Some(_) if !(1..=12).contains(&hour) => None,
        Some(add) => Some((hour % 12 + add, minute, second, milli)),
        None => Some((hour, minute, second, milli)),
    }
}

fn month_named(word: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
    let at = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(word) || m[..3].eq_ignore_ascii_case(word))?;
    Some(at as i64 + 1)
}

/// A text that starts with this many digits, and what follows them.
fn digits(text: &str, n: usize) -> Option<(&str, &str)> {
    let (head, rest) = text.split_at_checked(n)?;
    head.bytes().all(|b| b.is_ascii_digit()).then_some((head, rest))
}

const ADVICE: &str = "write yyyymmddHHMMSS.mmmmmm and the offset in minutes: 20240131120000.000000+000";
const SHORT_YEAR: &str = "a year has four digits";

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;
    /// 2024-02-03 00:00 UTC.
    const FEB3: i64 = 19_756 * DAY;

    fn check(text: &str, expect: i64) {
        assert_eq!(moment(text, &Locale::default()), Ok(Moment::At(expect)), "{text}");
    }

    #[test]
    fn every_documented_date_is_read() {
        for text in [
            "20240203000000.000000+000",
            "Feb 3 2024",
            "February 3, 2024",
            "feb 2024 3",
            "3 Feb 2024",
            "3 February, 2024",
            "3 2024 Feb",
            "2024 Feb 3",
            "2024 3 Feb",
            "02/03/2024",
            "2-3-2024",
            "02.2024.03",
            "2024/02/03",
            "20240203",
            "2024-02-03",
        ] {
            check(text, FEB3);
        }
        for text in ["Feb 2024", "February, 2024", "2024 Feb", "202402"] {
            check(text, FEB3 - 2 * DAY);
        }
        check("2024", FEB3 - 33 * DAY);
        check("13/02/2024", FEB3 + 10 * DAY);
        check("2024/13/02", FEB3 + 10 * DAY);
    }

    #[test]
    fn every_documented_time_is_read() {
        const MINUTE: i64 = 60_000_000;
        for (time, minutes) in [
            ("3 AM", 180),
            ("3PM", 900),
            ("12 AM", 0),
            ("12 PM", 720),
            ("3:04", 184),
            ("3:04 PM", 904),
            ("15:04:00", 904),
            ("3:04:00 pm", 904),
        ] {
            check(&format!("2024-02-03 {time}"), FEB3 + minutes * MINUTE);
            check(&format!("Feb 3, 2024 {time}"), FEB3 + minutes * MINUTE);
        }
        check("2024-02-03 00:00:01:5", FEB3 + 1_005_000);
        check("2024-02-03 00:00:01:250", FEB3 + 1_250_000);
        check("2024-02-03 01:00:01:250 PM", FEB3 + 13 * 60 * MINUTE + 1_250_000);
    }

    #[test]
    fn a_cut_dmtf_text_is_read_in_utc() {
        check("20240203000000.00000000", FEB3);
        check("20240203000000", FEB3);
        check("20240203000000.5", FEB3 + 500_000);
        check("20240203010000.0+60", FEB3);
        check("20240202230000-060", FEB3);
    }

    #[test]
    fn the_locale_of_the_target_decides_what_is_open() {
        let german = Locale { date_order: DateOrder::DayFirst, local_offset: |_| 60 };
        assert_eq!(moment("03.02.2024 01:00", &german), Ok(Moment::At(FEB3)));
        assert_eq!(moment("2024-02-03 01:00", &german), Ok(Moment::At(FEB3)));
        assert_eq!(moment("20240203000000.000000+000", &german), Ok(Moment::At(FEB3)));
    }

    #[test]
    fn an_interval_is_a_length_of_time() {
        assert_eq!(moment("00000001000000.000001:000", &Locale::default()), Ok(Moment::Lasting(DAY as u64 + 1)));
        assert_eq!(Moment::Lasting(1).order(Moment::At(1)), None);
    }

    #[test]
    fn what_is_open_to_guessing_is_refused() {
        for text in [
            "",
            "yesterday",
            "02/03/24",
            "3 Feb 24",
            "240203",
            "2024****000000.000000+000",
            "20240230",
            "2024-02-03 25:00",
            "2024-02-03 13 PM",
            "2024-02/03",
            "Feb",
            "12:00",
            "3 AM",
            "20240203000000.000000+0000",
            "20240203000000x",
            "2024-02-03 1:2:3:4:5",
            "Feb Feb 2024",
            "é AM",
            "\u{1F600}PM",
        ] {
            assert!(moment(text, &Locale::default()).is_err(), "{text}");
        }
    }
}
