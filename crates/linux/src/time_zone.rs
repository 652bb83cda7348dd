//! Win32_TimeZone.

use crate::parse::tz::{Change, Day, civil_from_days};
use crate::row::Row;
use crate::source::Machine;
use rwmi_cim::{Enumerate, Instance};

pub(crate) fn time_zone(machine: &Machine, req: &Enumerate<'_>) -> Instance {
    let zone = machine.zone();
    let now = machine.now_micros().div_euclid(1_000_000);
    let current = zone.at(now);
    let standard = zone.rule().map_or(&current, |r| &r.standard);
    let daylight = zone.rule().and_then(|r| r.daylight.as_ref());

    let mut row = Row::new(req.class);
    let minutes = standard.offset / 60;
    let caption = match machine.zone_name() {
        Some(name) => format!("({}) {name}", utc_offset(minutes)),
        None => format!("({}) {}", utc_offset(minutes), standard.name),
    };
    row.set("Caption", &caption).set("Description", &caption);
    // Win32_TimeZone counts minutes ahead of UTC (Berlin 60), the structure it comes from minutes behind it. The bias of
    // daylight time keeps the sign of the structure: -60 is an hour ahead of standard time.
    row.set("Bias", minutes).set("StandardBias", 0u32).set("StandardName", &standard.name);
    row.set("DaylightBias", daylight.map_or(0, |d| minutes - d.local.offset / 60));
    row.set("DaylightName", daylight.map(|d| &d.local.name));
    let year = civil_from_days(now.saturating_add(i64::from(current.offset)).div_euclid(86_400)).0;
    set_change(&mut row, "Daylight", daylight.map(|d| d.start), year);
    set_change(&mut row, "Standard", daylight.map(|d| d.end), year);
    row.into_instance()
}

/// A change of the clock as SYSTEMTIME has it: by weekday (year 0, day 1 to 5), by date in one year, or never (all 0).
fn set_change(row: &mut Row, prefix: &str, change: Option<Change>, this_year: i64) {
    let (year, month, day, weekday, seconds) = match change {
        None => (0, 0, 0, 0, 0),
        Some(Change { day: Day::NthWeekday(month, week, weekday), seconds }) if (0..86_400).contains(&seconds) => {
            (0, i64::from(month), i64::from(week), i64::from(weekday), i64::from(seconds))
        }
        Some(change) => {
            let local = change.local_seconds(this_year);
            let days = local.div_euclid(86_400);
            let (year, month, day) = civil_from_days(days);
            (year, month, day, (days + 4).rem_euclid(7), local.rem_euclid(86_400))
        }
    };
    let mut set = |unit: &str, n: i64| {
        row.set(&format!("{prefix}{unit}"), n);
    };
    set("Year", year);
    set("Month", month);
    set("Day", day);
    set("DayOfWeek", weekday);
    set("Hour", seconds / 3_600);
    set("Minute", seconds / 60 % 60);
    set("Second", seconds % 60);
    set("Millisecond", 0);
}

/// `UTC+01:00`.
fn utc_offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("UTC{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::tz::Rule;
    use rwmi_cim::{CimType, Class, Property};
    use std::sync::Arc;

    fn check(rule: &str, expect: [u32; 6]) {
        let names = ["DaylightYear", "DaylightMonth", "DaylightDay", "DaylightDayOfWeek", "DaylightHour", "DaylightMinute"];
        let properties = names.iter().map(|n| Property::new(n, CimType::Uint32)).collect();
        let mut row = Row::new(&Arc::new(Class { name: "T".into(), properties, ..Class::default() }));
        set_change(&mut row, "Daylight", Rule::parse(rule).unwrap().daylight.map(|d| d.start), 2024);
        let found: Vec<_> = row.into_instance().values.iter().map(|v| v.as_integer().unwrap() as u32).collect();
        assert_eq!(found, expect, "{rule}");
    }

    #[test]
    fn a_change_is_by_weekday_or_by_date_of_this_year() {
        check("CET-1CEST,M3.5.0,M10.5.0/3", [0, 3, 5, 0, 2, 0]);
        check("CET-1", [0; 6]);
        // An hour before the last Sunday of March 2024, the 31st.
        check("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", [2024, 3, 30, 6, 23, 0]);
        check("AAA3BBB,J60/1:30,J300", [2024, 3, 1, 5, 1, 30]);
    }

    #[test]
    fn an_offset_is_written_with_hours_and_minutes() {
        for (minutes, expect) in [(0, "UTC+00:00"), (60, "UTC+01:00"), (-210, "UTC-03:30")] {
            assert_eq!(utc_offset(minutes), expect);
        }
    }
}
