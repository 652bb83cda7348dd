//! Events of logs, each counted once: the bookmark of a run says which the next one has not seen.

use super::mode::{Wish, literal};
use super::number::Number;
use super::outcome::Item;
use super::row::{Row, Sample};
use rwmi_cim::{DateTime, Timestamp};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Events that are told one by one.
const TOLD_MAX: usize = 100;

/// Longest time that a run looks back for what came since the last one, in hours.
const HOURS_MAX: u64 = 7 * 24;

/// Logs whose bookmarks are kept.
const LOGS_MAX: usize = 1000;

/// Which events are meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    /// Logs; a percent sign stands for anything.
    pub(crate) logs: Vec<String>,
    /// One level and all that are worse, or exactly these.
    pub(crate) severity: Vec<u8>,
    /// How long ago they may have been.
    pub(crate) hours: u64,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted { logs: vec!["System".into()], severity: vec![1], hours: 1 }
    }
}

/// The words of the levels, by their numbers.
const LEVELS: [&str; 5] = ["Error", "Warning", "Information", "Security Audit Success", "Security Audit Failure"];

impl Wanted {
    /// Reads `1` (errors), `2` (warnings, and errors), `1,3` (exactly these).
    pub(crate) fn severity(text: &str) -> Result<Vec<u8>, String> {
        let number = |n: &str| n.trim().parse::<u8>().ok().filter(|n| (1..=5).contains(n));
        let levels: Option<Vec<u8>> = text.split(',').map(number).collect();
        levels.ok_or_else(|| {
            format!("{text:?} is no severity: 1 errors, 2 warnings too, 3 information, 4 and 5 audits; or exactly those of a list, 1,3")
        })
    }

    /// The query for what came since a point in time. Its literal has no offset, and means GMT.
    pub(crate) fn query(&self, since_millis: u64) -> String {
        let log = |log: &String| format!("LogFile{}{}", if log.contains('%') { " LIKE " } else { "=" }, literal(log));
        let logs = self.logs.iter().map(log).collect::<Vec<_>>().join(" OR ");
        let severity = match &self.severity[..] {
            [up_to] => format!("EventType<={up_to} and EventType>0"),
            several => format!("( {} )", several.iter().map(|s| format!("EventType={s}")).collect::<Vec<_>>().join(" or ")),
        };
        let since =
            DateTime::from(Timestamp { unix_micros: since_millis.saturating_mul(1000).min(i64::MAX as u64) as i64, offset_minutes: 0 });
        let minute = since.as_str().get(..12).unwrap_or("000000000000");
        format!(
            "Select EventCode,EventIdentifier,Type,LogFile,SourceName,Message,TimeGenerated from Win32_NTLogEvent where ( {logs} ) and {severity} \
             and TimeGenerated > \"{minute}00.00000000\""
        )
    }

    fn words(&self) -> String {
        let of = |s: u8| LEVELS.get(usize::from(s).wrapping_sub(1)).copied().unwrap_or("?");
        match &self.severity[..] {
            [up_to] => (1..=*up_to).map(of).collect::<Vec<_>>().join(","),
            several => several.iter().map(|s| of(*s)).collect::<Vec<_>>().join(","),
        }
    }
}

/// What runs before this one have counted: of each log the last record, and the latest time.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Bookmark {
    /// When the last run was, in milliseconds since 1970; 0 where there was none.
    pub(crate) millis: u64,
    logs: BTreeMap<String, Mark>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    record: i128,
    /// Microseconds since 1970, by that computer's clock.
    micros: i64,
}

impl Bookmark {
    /// From when on this run asks: as long ago as was wished, or as the last run is, whichever is longer; but not for ever.
    pub(crate) fn since(&self, now_millis: u64, hours: u64) -> u64 {
        let hour = 3_600_000;
        let wished = now_millis.saturating_sub(hours.saturating_mul(hour));
        // A minute more: the literal has no seconds.
        let last = if self.millis == 0 { wished } else { self.millis.saturating_sub(60_000) };
        wished.min(last.max(now_millis.saturating_sub(HOURS_MAX * hour)))
    }

    /// Those that no run before has counted; afterwards they are.
    ///
    /// A record with a higher number is new. So is one with a lower number and a later time: the log was cleared, and counts from 1 again.
    pub(crate) fn fresh<'a>(&mut self, rows: &'a [Row]) -> Vec<&'a Row> {
        let mut next = BTreeMap::new();
        let mut fresh = Vec::new();
        for row in rows {
            let log = row.text("Logfile").to_lowercase();
            let Some(record) = row.number("RecordNumber").map(|n| n.as_f64() as i128) else {
                // Nothing to know it again by.
                fresh.push(row);
                continue;
            };
            let micros = row.real("TimeGenerated").map_or(i64::MIN, |s| (s * 1e6).round() as i64);
            let is_new = self.logs.get(&log).is_none_or(|m| m.record < record || m.micros < micros);
            let restarted = self.logs.get(&log).is_some_and(|m| record <= m.record && m.micros < micros);
            if is_new {
                fresh.push(row);
            }
            let mark: &mut (Mark, bool) = next.entry(log).or_insert((Mark { record, micros }, false));
            mark.0 = Mark { record: mark.0.record.max(record), micros: mark.0.micros.max(micros) };
            mark.1 |= restarted;
        }
        for (log, (mark, restarted)) in next {
            let kept = self.logs.get(&log).copied().filter(|_| !restarted);
            let mark = kept.map_or(mark, |k| Mark { record: k.record.max(mark.record), micros: k.micros.max(mark.micros) });
            if self.logs.len() < LOGS_MAX || self.logs.contains_key(&log) {
                self.logs.insert(log, mark);
            }
        }
        fresh
    }

    /// As it is kept for the next run of the same check.
    pub(crate) fn to_json(&self, key: &str) -> Json {
        let logs: serde_json::Map<String, Json> =
            self.logs.iter().map(|(n, m)| (n.clone(), json!([m.record.to_string(), m.micros.to_string()]))).collect();
        json!({ "version": 1, "key": key, "millis": self.millis, "logs": logs })
    }

    /// What an earlier run kept; `None` where it is not of this check, or not whole.
    pub(crate) fn from_json(text: &[u8], key: &str) -> Option<Bookmark> {
        let json: Json = serde_json::from_slice(text).ok()?;
        if json["version"] != 1 || json["key"] != key {
            return None;
        }
        let mark = |(name, value): (&String, &Json)| {
            Some((name.clone(), Mark { record: value[0].as_str()?.parse().ok()?, micros: value[1].as_str()?.parse().ok()? }))
        };
        let logs = json["logs"].as_object()?.iter().take(LOGS_MAX).map(mark).collect::<Option<_>>()?;
        Some(Bookmark { millis: json["millis"].as_u64()?, logs })
    }
}

/// What is said of events that no run before has counted.
pub(crate) fn items(now: &Sample, bookmark: &mut Bookmark, wish: &Wish) -> Vec<Item> {
    let wanted = &wish.events;
    let since_last = bookmark.millis != 0;
    let fresh = bookmark.fresh(&now.rows);
    bookmark.millis = now.millis;
    let meant =
        |r: &&&Row| !wish.pick.excludes(&[r.text("SourceName"), r.text("Message"), &r.shown("EventCode"), &r.shown("EventIdentifier")]);
    let events: Vec<&&Row> = fresh.iter().filter(meant).collect();
    let when = if since_last { "since the last check".to_owned() } else { format!("in the last {} hours", wanted.hours) };
    let mut item = Item::new(format!(
        "{} event(s) of Severity Level: \"{}\" were recorded {when} from the {} Event Log.",
        events.len(),
        wanted.words(),
        wanted.logs.join(",")
    ));
    item.field("_ItemCount", Some(Number::Int(events.len() as i128))).perf("Event Count", "_ItemCount", "");
    item.details = events.iter().take(TOLD_MAX).map(|e| line(e)).collect();
    if let Some(more) = events.len().checked_sub(TOLD_MAX).filter(|m| 0 < *m) {
        item.details.push(format!("and {more} more"));
    }
    vec![item]
}

/// `Logfile:TimeGenerated:EventIdentifier:EventCode:Type:SourceName:Message`, the time in UTC.
fn line(row: &Row) -> String {
    let time = row.real("TimeGenerated").map(|s| DateTime::from(Timestamp { unix_micros: (s * 1e6).round() as i64, offset_minutes: 0 }));
    let parts = [
        row.text("Logfile").to_owned(),
        time.map(|t| t.as_str().to_owned()).unwrap_or_default(),
        row.shown("EventIdentifier"),
        row.shown("EventCode"),
        row.text("Type").to_owned(),
        row.text("SourceName").to_owned(),
        row.text("Message").trim().to_owned(),
    ];
    parts.join(":")
}

#[cfg(test)]
mod tests {
    use super::super::mode::Pick;
    use super::super::outcome::{Thresholds, judge};
    use super::super::testing::{NOW, n, row, sample, t};
    use super::*;

    fn event(log: &str, record: i128, seconds: i128) -> Row {
        row(
            &format!("{log} {record}"),
            &[
                ("Logfile", t(log)),
                ("RecordNumber", n(record)),
                ("TimeGenerated", n(seconds)),
                ("EventCode", n(41)),
                ("EventIdentifier", n(1_073_741_865)),
                ("Type", t("Error")),
                ("SourceName", t("Kernel")),
                ("Message", t(&format!("first\r\nsecond {record}\n"))),
            ],
        )
    }

    #[test]
    fn the_query_is_that_of_the_plug_in() {
        let query = |logs: &[&str], severity: &str| {
            let logs = logs.iter().map(|l| (*l).to_owned()).collect();
            Wanted { logs, severity: Wanted::severity(severity).unwrap(), hours: 1 }.query(NOW)
        };
        assert_eq!(
            query(&["System"], "1"),
            "Select EventCode,EventIdentifier,Type,LogFile,SourceName,Message,TimeGenerated from Win32_NTLogEvent where ( LogFile=\"System\" ) \
             and EventType<=1 and EventType>0 and TimeGenerated > \"20231114221300.00000000\""
        );
        let two = query(&["System", "App%"], "1,3");
        assert!(two.contains("( LogFile=\"System\" OR LogFile LIKE \"App%\" ) and ( EventType=1 or EventType=3 ) and"), "{two}");
        for text in ["", "0", "6", "1,", "error", "1;2"] {
            assert!(Wanted::severity(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_run_looks_back_as_far_as_the_last_one_is() {
        let hour = 3_600_000;
        let since = |last: u64, hours: u64| NOW - Bookmark { millis: last, ..Bookmark::default() }.since(NOW, hours);
        assert_eq!(since(0, 1), hour);
        assert_eq!(since(NOW - 5 * 60_000, 1), hour);
        assert_eq!(since(NOW - 3 * hour, 1), 3 * hour + 60_000);
        // But not for ever, nor into the future.
        assert_eq!(since(1, 1), HOURS_MAX * hour);
        assert_eq!(since(1, 1000), 1000 * hour);
        assert_eq!(since(NOW + hour, 1), hour);
        assert_eq!(Bookmark::default().since(NOW, u64::MAX), 0);
    }

    #[test]
    fn no_event_is_counted_twice_and_none_is_lost() {
        let mut bookmark = Bookmark::default();
        let mut fresh = |rows: &[Row]| {
            // Through the file that is between two runs.
            let mut kept = Bookmark::from_json(bookmark.to_json("k").to_string().as_bytes(), "k").unwrap();
            let names = kept.fresh(rows).iter().map(|r| r.name.clone()).collect::<Vec<_>>().join(",");
            bookmark = kept;
            names
        };
        assert_eq!(fresh(&[event("System", 7, 100), event("System", 6, 90)]), "System 7,System 6");
        assert_eq!(fresh(&[event("System", 7, 100), event("System", 6, 90)]), "");
        // One more; one that came late and has an earlier time; another log.
        assert_eq!(fresh(&[event("System", 8, 95), event("System", 7, 100), event("Application", 1, 10)]), "System 8,Application 1");
        assert_eq!(fresh(&[event("SYSTEM", 8, 95), event("application", 1, 10)]), "");
        // Nothing for a while, and it is still known.
        assert_eq!(fresh(&[]), "");
        assert_eq!(fresh(&[event("System", 8, 95)]), "");
        // The log was cleared: numbers begin anew, times do not.
        assert_eq!(fresh(&[event("System", 1, 200), event("System", 2, 201)]), "System 1,System 2");
        assert_eq!(fresh(&[event("System", 1, 200), event("System", 2, 201), event("System", 3, 201)]), "System 3");
        // Nothing to know it again by: rather twice than never.
        let nameless = row("x", &[("Logfile", t("System"))]);
        assert_eq!((fresh(std::slice::from_ref(&nameless)), fresh(&[nameless])), ("x".into(), "x".into()));
    }

    #[test]
    fn a_bookmark_is_whole_or_none() {
        let mut bookmark = Bookmark { millis: 5, ..Bookmark::default() };
        bookmark.fresh(&[event("System", i128::from(u32::MAX), 100)]);
        let text = bookmark.to_json("k").to_string();
        assert_eq!(Bookmark::from_json(text.as_bytes(), "k"), Some(bookmark));
        assert_eq!(Bookmark::from_json(text.as_bytes(), "other"), None);
        for cut in 0..text.len() {
            assert_eq!(Bookmark::from_json(&text.as_bytes()[..cut], "k"), None, "{cut}");
        }
        for text in [
            r#"{"version":1,"key":"k","millis":1}"#,
            r#"{"version":1,"key":"k","millis":1,"logs":{"a":["x","1"]}}"#,
            r#"{"version":1,"key":"k","millis":1,"logs":{"a":1}}"#,
        ] {
            assert_eq!(Bookmark::from_json(text.as_bytes(), "k"), None, "{text}");
        }
    }

    #[test]
    fn events_are_told_a_line_each() {
        let wish = |exclude: &str| Wish { pick: Pick { exclude: vec![exclude.into()], ..Pick::default() }, ..Wish::default() };
        let text = |bookmark: &mut Bookmark, exclude: &str| {
            let items = items(&sample(vec![event("System", 7, 1_700_000_000)]), bookmark, &wish(exclude));
            judge(&items, &Thresholds::default(), "_ItemCount", None).text
        };
        let mut bookmark = Bookmark::default();
        assert_eq!(
            text(&mut bookmark, "no"),
            "OK - 1 event(s) of Severity Level: \"Error\" were recorded in the last 1 hours from the System Event Log.|'Event Count'=1; \n\
             System:20231114221320.000000+000:1073741865:41:Error:Kernel:first  second 7\n"
        );
        assert_eq!(bookmark.millis, NOW);
        assert!(
            text(&mut bookmark, "no").starts_with("OK - 0 event(s) of Severity Level: \"Error\" were recorded since the last check from")
        );
        for exclude in ["kern*", "*SECOND*", "41"] {
            assert!(text(&mut Bookmark::default(), exclude).starts_with("OK - 0 event(s)"), "{exclude}");
        }
    }
}
