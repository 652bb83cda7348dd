//! `datetime`: 25 characters, a point in time or an interval ([MS-WMIO] 2.2.1, DSP0004 5.2.4).

use std::fmt;

/// A `datetime` value, as its text. A peer's text is kept even where it is not well-formed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DateTime(String);

/// Why a text is not a `datetime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a datetime: expected yyyymmddHHMMSS.mmmmmm and an offset, or ddddddddHHMMSS.mmmmmm:000")]
pub struct DateTimeError;

/// A point in time, in microseconds since 1970-01-01 UTC, and the offset it was told with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Microseconds since 1970-01-01 00:00 UTC; before that negative.
    pub unix_micros: i64,
    /// Minutes that the telling clock is ahead of UTC.
    pub offset_minutes: i16,
}

/// A length of time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// Microseconds.
    pub micros: u64,
}

impl DateTime {
    /// Takes a text as it is.
    pub fn from_text(text: impl Into<String>) -> Self {
        DateTime(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The point in time; an error for an interval, for unspecified fields (`*`) and for what is no `datetime`.
    pub fn timestamp(&self) -> Result<Timestamp, DateTimeError> {
        let t = self.0.as_bytes();
        if t.len() != 25 || t[14] != b'.' || !matches!(t[21], b'+' | b'-') {
            return Err(DateTimeError);
        }
        let n = |from: usize, to: usize| number(&t[from..to]);
        let local = unix_micros(n(0, 4)?, n(4, 6)?, n(6, 8)?, n(8, 10)?, n(10, 12)?, n(12, 14)?).ok_or(DateTimeError)?;
        let offset = n(22, 25)? * if t[21] == b'-' { -1 } else { 1 };
        Ok(Timestamp { unix_micros: local + n(15, 21)? - offset * 60_000_000, offset_minutes: offset as i16 })
    }

    /// The interval; an error for a point in time and for what is no `datetime`.
    pub fn interval(&self) -> Result<Interval, DateTimeError> {
        let t = self.0.as_bytes();
        if t.len() != 25 || t[14] != b'.' || &t[21..] != b":000" {
            return Err(DateTimeError);
        }
        let n = |from: usize, to: usize| number(&t[from..to]).map(|n| n as u64);
        let (hours, minutes, seconds) = (n(8, 10)?, n(10, 12)?, n(12, 14)?);
        if hours > 23 || minutes > 59 || seconds > 59 {
            return Err(DateTimeError);
        }
        Ok(Interval { micros: (n(0, 8)? * 86_400 + hours * 3_600 + minutes * 60 + seconds) * 1_000_000 + n(15, 21)? })
    }
}

impl From<Timestamp> for DateTime {
    /// Years outside 0 to 9999 and offsets over 999 minutes are clamped to those bounds.
    fn from(t: Timestamp) -> Self {
        let offset = i64::from(t.offset_minutes.clamp(-999, 999));
        let local = t.unix_micros.saturating_add(offset * 60_000_000).clamp(-62_167_219_200_000_000, 253_402_300_799_999_999);
        let (seconds, micros) = (local.div_euclid(1_000_000), local.rem_euclid(1_000_000));
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let sign = if offset < 0 { '-' } else { '+' };
        DateTime(format!(
            "{year:04}{month:02}{day:02}{:02}{:02}{:02}.{micros:06}{sign}{:03}",
            of_day / 3_600,
            of_day / 60 % 60,
            of_day % 60,
            offset.abs()
        ))
    }
}

impl From<Interval> for DateTime {
    /// More than 99,999,999 days are clamped to that.
    fn from(i: Interval) -> Self {
        let seconds = i.micros / 1_000_000;
        let days = (seconds / 86_400).min(99_999_999);
        DateTime(format!("{days:08}{:02}{:02}{:02}.{:06}:000", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60, i.micros % 1_000_000))
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Microseconds from 1970-01-01 to a second of the calendar, without regard to offsets; `None` where there is no such second.
/// Years are those of four digits.
pub(crate) fn unix_micros(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let date = (0..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    let time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    (date && time).then(|| (days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000)
}

fn number(digits: &[u8]) -> Result<i64, DateTimeError> {
    digits.iter().try_fold(0, |n, d| if d.is_ascii_digit() { Ok(n * 10 + i64::from(d - b'0')) } else { Err(DateTimeError) })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in years that start in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * of_year + 2) / 153;
    let month = if m < 10 { m + 3 } else { m - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * m + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_in_time_returns_to_its_text() {
        for text in ["20240229235959.123456+060", "19700101000000.000000+000", "16010101000000.000000-300", "99991231235959.999999+000"] {
            assert_eq!(DateTime::from(DateTime::from_text(text).timestamp().unwrap()).as_str(), text);
        }
        assert_eq!(DateTime::from_text("19700101010000.000000+060").timestamp().unwrap().unix_micros, 0);
    }

    #[test]
    fn an_interval_returns_to_its_text() {
        let text = "00000010022345.000001:000";
        assert_eq!(DateTime::from(DateTime::from_text(text).interval().unwrap()).as_str(), text);
    }

    #[test]
    fn what_is_not_a_date_is_an_error_and_keeps_its_text() {
        for text in [
            "",
            "20230229000000.000000+000",
            "20231301000000.000000+000",
            "2023****000000.000000+000",
            "20230101000000.000000:000",
            "20230101000000.000000+0000",
        ] {
            let d = DateTime::from_text(text);
            assert_eq!(d.timestamp(), Err(DateTimeError), "{text}");
            assert_eq!(d.as_str(), text);
        }
    }
}
