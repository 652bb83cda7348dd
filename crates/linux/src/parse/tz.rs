//! Time zones: TZif files (RFC 9636) and the POSIX TZ rule in their footer.
//!
//! ```text
//! "TZif" version  15 octets 0   6 counts, 32 bits each, big endian: isutcnt isstdcnt leapcnt timecnt typecnt charcnt
//! transition times (timecnt)    type of each (timecnt x 1)    types (typecnt x 6: offset, isdst, name index)
//! names (charcnt)               leap seconds (leapcnt)        isstd, isut
//! ```
//! From version 2 on that block comes twice, the second time with 64-bit times, and a line `\nRULE\n` ends the file.

/// A time zone: what it was by transitions, what it will be by a rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Zone {
    /// Moment in seconds since 1970, and the index of the type that starts there.
    transitions: Vec<(i64, usize)>,
    types: Vec<LocalType>,
    rule: Option<Rule>,
}

/// Local time as it is kept for a while.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LocalType {
    /// Seconds ahead of UTC.
    pub(crate) offset: i32,
    pub(crate) daylight: bool,
    pub(crate) name: String,
}

/// A POSIX TZ rule: `CET-1CEST,M3.5.0,M10.5.0/3`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) standard: LocalType,
    pub(crate) daylight: Option<Daylight>,
}

/// The part of a rule that says when daylight time holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Daylight {
    pub(crate) local: LocalType,
    pub(crate) start: Change,
    pub(crate) end: Change,
}

/// When a change happens, in the local time before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    pub(crate) day: Day,
    /// Seconds after midnight; beyond a day and below 0 are legal (RFC 9636 3.3.1).
    pub(crate) seconds: i32,
}

/// A day of each year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Day {
    /// `Mm.w.d`: weekday `d` (0 is Sunday) of week `w` (5 is the last) of month `m`.
    NthWeekday(u8, u8, u8),
    /// `Jn`: 1 to 365, 29 February never counted.
    Julian(u16),
    /// `n`: 0 to 365, 29 February counted.
    Ordinal(u16),
}

/// Most transitions and types that a file may have; today's files have fewer than 300.
const COUNT_MAX: usize = 20_000;

impl Zone {
    /// UTC: the zone of a machine that has none set (systemd, glibc).
    pub(crate) fn utc() -> Self {
        Zone { types: vec![LocalType { offset: 0, daylight: false, name: "UTC".into() }], ..Zone::default() }
    }

    /// Reads a TZif file; `None` where it is not one.
    pub(crate) fn parse(octets: &[u8]) -> Option<Zone> {
        let version = *octets.get(4)?;
        let (zone, rest) = block(octets, 4)?;
        if version < b'2' {
            return Some(zone);
        }
        let (mut zone, rest) = block(rest, 8)?;
        let footer = rest.strip_prefix(b"\n")?;
        let end = footer.iter().position(|&o| o == b'\n')?;
        zone.rule = std::str::from_utf8(footer.get(..end)?).ok().and_then(Rule::parse);
        Some(zone)
    }

    /// Local time at a moment, in seconds since 1970.
    pub(crate) fn at(&self, unix: i64) -> LocalType {
        let after = self.transitions.partition_point(|(t, _)| *t <= unix);
        match &self.rule {
            Some(rule) if after == self.transitions.len() => rule.at(unix).clone(),
            _ if after > 0 => self.types.get(self.transitions[after - 1].1).cloned().unwrap_or_else(utc_type),
            // Before the first transition: the first type (RFC 9636 3.2).
            _ => self.types.first().cloned().unwrap_or_else(utc_type),
        }
    }

    /// The rule that holds from the last transition on.
    pub(crate) fn rule(&self) -> Option<&Rule> {
        self.rule.as_ref()
    }

    /// Minutes that local time is ahead of UTC at a moment.
    pub(crate) fn minutes_at(&self, unix: i64) -> i16 {
        i16::try_from(self.at(unix).offset / 60).unwrap_or(0)
    }
}

fn utc_type() -> LocalType {
    LocalType { offset: 0, daylight: false, name: "UTC".into() }
}

/// Reads a header and its block, with times of `width` octets; gives what comes after.
fn block(octets: &[u8], width: usize) -> Option<(Zone, &[u8])> {
    let header = octets.strip_prefix(b"TZif")?;
    let count = |i: usize| -> Option<usize> {
        let at = 16 + i * 4;
        let n = u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?) as usize;
        (n <= COUNT_MAX).then_some(n)
    };
    let (isut, isstd, leap, time, types, chars) = (count(0)?, count(1)?, count(2)?, count(3)?, count(4)?, count(5)?);
    let mut rest = header.get(40..)?;
    let mut take = |n: usize| -> Option<&[u8]> {
        let (head, tail) = rest.split_at_checked(n)?;
        rest = tail;
        Some(head)
    };
    let times = take(time * width)?;
    let indices = take(time)?;
    let infos = take(types * 6)?;
    let names = take(chars)?;
    take(leap * (width + 4) + isstd + isut)?;
    let moment = |o: &[u8]| match width {
        4 => o.try_into().map(i32::from_be_bytes).map(i64::from).ok(),
        _ => o.try_into().map(i64::from_be_bytes).ok(),
    };
    let transitions =
        times.chunks_exact(width).zip(indices).map(|(t, i)| Some((moment(t)?, usize::from(*i)))).collect::<Option<Vec<_>>>()?;
    let types = infos
        .chunks_exact(6)
        .map(|o| {
            let name = names.get(usize::from(o[5])..)?;
            let end = name.iter().position(|&c| c == 0)?;
            Some(LocalType {
                offset: i32::from_be_bytes([o[0], o[1], o[2], o[3]]),
                daylight: o[4] != 0,
                name: String::from_utf8_lossy(name.get(..end)?).into_owned(),
            })
        })
        .collect::<Option<Vec<_>>>()?;
    Some((Zone { transitions, types, rule: None }, rest))
}

impl Rule {
    /// Reads a POSIX TZ rule with the extension of RFC 9636 3.3.1; `None` where it is not one.
    pub(crate) fn parse(text: &str) -> Option<Rule> {
        let (name, rest) = zone_name(text)?;
        let (seconds, rest) = clock(rest)?;
        // POSIX counts hours behind UTC; everyone else ahead.
        let standard = LocalType { offset: -seconds, daylight: false, name };
        if rest.is_empty() {
            return Some(Rule { standard, daylight: None });
        }
        let (name, rest) = zone_name(rest)?;
        let (offset, rest) = match clock(rest) {
            Some((seconds, rest)) => (-seconds, rest),
            None => (standard.offset + 3_600, rest),
        };
        let (start, rest) = Change::parse(rest.strip_prefix(',')?)?;
        let (end, rest) = Change::parse(rest.strip_prefix(',')?)?;
        let daylight = Some(Daylight { local: LocalType { offset, daylight: true, name }, start, end });
        rest.is_empty().then_some(Rule { standard, daylight })
    }

    fn at(&self, unix: i64) -> &LocalType {
        let Some(daylight) = &self.daylight else { return &self.standard };
        let year = year_of(unix.saturating_add(i64::from(self.standard.offset)));
        let start = daylight.start.local_seconds(year) - i64::from(self.standard.offset);
        let end = daylight.end.local_seconds(year) - i64::from(daylight.local.offset);
        let holds = if start < end { (start..end).contains(&unix) } else { !(end..start).contains(&unix) };
        if holds { &daylight.local } else { &self.standard }
    }
}

impl Change {
    fn parse(text: &str) -> Option<(Change, &str)> {
        let (day, rest) = if let Some(rest) = text.strip_prefix('M') {
            let (month, rest) = digits(rest)?;
            let (week, rest) = digits(rest.strip_prefix('.')?)?;
            let (day, rest) = digits(rest.strip_prefix('.')?)?;
            if !(1..=12).contains(&month) || !(1..=5).contains(&week) || day > 6 {
                return None;
            }
            (Day::NthWeekday(month as u8, week as u8, day as u8), rest)
        } else if let Some(rest) = text.strip_prefix('J') {
            let (day, rest) = digits(rest)?;
            ((1..=365).contains(&day).then_some(Day::Julian(day as u16))?, rest)
        } else {
            let (day, rest) = digits(text)?;
            ((day <= 365).then_some(Day::Ordinal(day as u16))?, rest)
        };
        match rest.strip_prefix('/') {
            Some(rest) => clock(rest).map(|(seconds, rest)| (Change { day, seconds }, rest)),
            None => Some((Change { day, seconds: 2 * 3_600 }, rest)),
        }
    }

    /// Seconds since 1970 on the wall clock at which the change of a year happens.
    pub(crate) fn local_seconds(&self, year: i64) -> i64 {
        let new_year = days_from_civil(year, 1, 1);
        let day = match self.day {
            Day::NthWeekday(month, week, weekday) => {
                let first = days_from_civil(year, i64::from(month), 1);
                // 1970-01-01 was a Thursday, 4.
                let skip = (i64::from(weekday) - (first + 4)).rem_euclid(7);
                let day = first + skip + 7 * (i64::from(week) - 1);
                let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, i64::from(month) + 1) };
                if day >= days_from_civil(next_year, next_month, 1) { day - 7 } else { day }
            }
            Day::Julian(n) => new_year + i64::from(n) - 1 + i64::from(n > 59 && is_leap(year)),
            Day::Ordinal(n) => new_year + i64::from(n),
        };
        day * 86_400 + i64::from(self.seconds)
    }
}

/// `CET` or `<+03>`.
fn zone_name(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('<') {
        let (name, rest) = rest.split_once('>')?;
        return Some((name.to_owned(), rest));
    }
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    (end >= 3).then(|| (text[..end].to_owned(), &text[end..]))
}

/// `[+-]hh[:mm[:ss]]` in seconds; hours up to 167 (RFC 9636 3.3.1).
fn clock(text: &str) -> Option<(i32, &str)> {
    let (sign, text) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (hours, mut rest) = digits(text)?;
    if hours > 167 {
        return None;
    }
    let mut seconds = hours * 3_600;
    for unit in [60, 1] {
        let Some(after) = rest.strip_prefix(':') else { break };
        let (n, after) = digits(after)?;
        if n > 59 {
            return None;
        }
        seconds += n * unit;
        rest = after;
    }
    Some((sign * seconds, rest))
}

fn digits(text: &str) -> Option<(i32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end.min(4)].parse().ok()?, &text[end..]))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from 1970-01-01 in the Gregorian calendar, counted in years that start in March.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a count of days from 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * of_year + 2) / 153;
    let month = if m < 10 { m + 3 } else { m - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * m + 2) / 5 + 1)
}

fn year_of(local_seconds: i64) -> i64 {
    civil_from_days(local_seconds.div_euclid(86_400).clamp(-1_000_000_000, 1_000_000_000)).0
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: &[u8] = include_bytes!("../../../../testdata/linux/lx1/usr/share/zoneinfo/Europe/Berlin");

    fn at(zone: &Zone, unix: i64, name: &str, minutes: i16) {
        assert_eq!((zone.at(unix).name.as_str(), zone.minutes_at(unix)), (name, minutes), "{unix}");
    }

    #[test]
    fn berlin_is_what_it_was_and_will_be() {
        let zone = Zone::parse(BERLIN).unwrap();
        at(&zone, 0, "CET", 60); // 1970-01-01
        at(&zone, 323_830_800 - 1, "CET", 60); // 1980-04-06 01:00 UTC, the first summer time since 1949
        at(&zone, 323_830_800, "CEST", 120);
        at(&zone, 1_711_846_799, "CET", 60); // 2024-03-31 00:59:59 UTC
        at(&zone, 1_711_846_800, "CEST", 120);
        at(&zone, 1_729_990_799, "CEST", 120); // 2024-10-27 00:59:59 UTC
        at(&zone, 1_729_990_800, "CET", 60);
        at(&zone, 4_102_444_800, "CET", 60); // 2100, by the rule
        at(&zone, 4_118_083_200, "CEST", 120);
    }

    #[test]
    fn a_file_cut_anywhere_is_no_zone() {
        for end in 0..BERLIN.len() {
            assert_eq!(Zone::parse(&BERLIN[..end]), None, "{end}");
        }
        for place in 0..64 {
            let mut octets = BERLIN.to_vec();
            octets[place] ^= 0xff;
            let _ = Zone::parse(&octets).map(|z| z.at(i64::MIN));
        }
    }

    #[test]
    fn a_count_over_the_limit_allocates_nothing() {
        let mut octets = BERLIN[..44].to_vec();
        octets[32..36].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(Zone::parse(&octets), None);
    }

    #[test]
    fn rules_of_both_hemispheres_and_odd_hours_hold() {
        let rule = |text: &str| Zone { rule: Rule::parse(text), ..Zone::utc() };
        let sydney = rule("AEST-10AEDT,M10.1.0,M4.1.0/3");
        at(&sydney, 1_704_067_200, "AEDT", 660); // January
        at(&sydney, 1_719_792_000, "AEST", 600); // July
        let nuuk = rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");
        at(&nuuk, 1_711_846_799, "-02", -120); // the last Sunday less an hour is Saturday 23:00 local
        at(&nuuk, 1_711_846_800, "-01", -60);
        at(&rule("IST-5:30"), 0, "IST", 330);
        at(&rule("EST5"), 0, "EST", -300);
        at(&rule("AST3EDT4,J60/0,J61/0"), 1_709_251_200 + 4 * 3_600, "EDT", -240); // 1 March 2024 is J60 also in a leap year
    }

    #[test]
    fn what_is_no_rule_is_none() {
        for text in [
            "",
            "C",
            "CET",
            "CET-1CEST",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.1.0,M1.1.0",
            "CET-1CEST,M3.5.0,M10.5.0x",
            "A-1",
            "<CET-1",
            "CET-999",
        ] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
        let whole = "CET-1CEST,M3.5.0/2:00:00,M10.5.0/3";
        for end in 0..whole.len() {
            let _ = Rule::parse(&whole[..end]);
        }
    }

    #[test]
    fn a_date_returns_from_its_days() {
        for days in [-1_000_000, -1, 0, 59, 60, 19_782, 1_000_000] {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(y, m, d), days);
        }
    }
}
