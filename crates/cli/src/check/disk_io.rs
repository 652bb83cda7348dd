//! What drives read, write and wait for: raw counters, two samples.

use super::mode::{Input, Plan, sampled};
use super::number::Number;
use super::outcome::Item;
use super::ready::shown;
use super::row::{Counter, Row};

/// The counters of logical drives, or of physical ones.
pub(super) fn plans(physical: bool) -> Vec<Plan> {
    let class = if physical { "Win32_PerfRawData_PerfDisk_PhysicalDisk" } else { "Win32_PerfRawData_PerfDisk_LogicalDisk" };
    vec![sampled(&format!("SELECT * FROM {class}"), drives)]
}

fn drives(input: &Input<'_>) -> Vec<Item> {
    // All together are no drive, unless they are asked for by their name.
    let is_asked = |r: &&Row| r.name != "_Total" || input.wish.pick.only.iter().any(|o| o.eq_ignore_ascii_case("_Total"));
    input.rows().iter().filter(is_asked).filter(|r| !input.excludes(&[&r.name])).map(|r| drive(input, r)).collect()
}

fn drive(input: &Input<'_>, row: &Row) -> Item {
    let value = |kind: Counter, property: &str| input.counter(kind, property, row);
    let whole = |kind: Counter, property: &str| value(kind, property).map(Number::nearest);
    // One digit, as check_wmi_plus has it.
    let length = |property: &str| {
        let length = value(Counter::QueueLength, property)?;
        Number::real((length.as_f64() * 10.0).round() / 10.0)
    };
    let fields = [
        ("_PercentIdleTime", whole(Counter::Timer, "PercentIdleTime")),
        ("_PercentBusyTime", whole(Counter::TimerInverse, "PercentIdleTime")),
        ("_PercentDiskTime", whole(Counter::Timer, "PercentDiskTime")),
        ("_PercentDiskReadTime", whole(Counter::Timer, "PercentDiskReadTime")),
        ("_PercentDiskWriteTime", whole(Counter::Timer, "PercentDiskWriteTime")),
        ("_DiskReadBytesPersec", whole(Counter::PerSecond, "DiskReadBytesPersec")),
        ("_DiskReadsPersec", whole(Counter::PerSecond, "DiskReadsPersec")),
        ("_DiskWriteBytesPersec", whole(Counter::PerSecond, "DiskWriteBytesPersec")),
        ("_DiskWritesPersec", whole(Counter::PerSecond, "DiskWritesPersec")),
        ("CurrentDiskQueueLength", row.number("CurrentDiskQueueLength")),
        ("_AvgDiskQueueLength", length("AvgDiskQueueLength")),
        ("_AvgDiskReadQueueLength", length("AvgDiskReadQueueLength")),
        ("_AvgDiskWriteQueueLength", length("AvgDiskWriteQueueLength")),
    ];
    let said: Vec<String> =
        fields.iter().map(|(n, v)| format!("{n}={}{}", shown(*v), if n.starts_with("_Percent") { "%" } else { "" })).collect();
    let mut item = Item::new(format!("{} {}", row.name, said.join(", ")));
    for (name, value) in fields {
        item.field(name, value).perf(format!("{name}{}", row.name), name, "");
    }
    item
}

#[cfg(test)]
mod tests {
    use super::super::mode::{Mode, Pick, Wish};
    use super::super::testing::{Found, n, row, t};
    use super::*;

    fn counters(name: &str, factor: i128) -> Row {
        let second = 10_000_000 * factor;
        row(
            name,
            &[
                ("Name", t(name)),
                ("PercentIdleTime", n(second * 7)),
                ("PercentDiskTime", n(second * 4)),
                ("PercentDiskReadTime", n(second)),
                ("PercentDiskWriteTime", n(second * 3)),
                ("DiskReadBytesPersec", n(10_240 * factor)),
                ("DiskReadsPersec", n(24 * factor)),
                ("DiskWriteBytesPersec", n(40_960 * factor)),
                ("DiskWritesPersec", n(96 * factor)),
                ("CurrentDiskQueueLength", n(1)),
                ("AvgDiskQueueLength", n(second * 12)),
                ("AvgDiskReadQueueLength", n(second * 2)),
                ("AvgDiskWriteQueueLength", n(second * 10)),
                ("Timestamp_Sys100NS", n(second * 10)),
                ("Timestamp_PerfTime", n(3_000 * factor)),
                ("Frequency_PerfTime", n(300)),
            ],
        )
    }

    fn found(only: &[&str]) -> Found {
        let rows = |factor| vec![counters("C:", factor), counters("0 D:", factor), counters("_Total", factor)];
        let pick = Pick { only: only.iter().map(|o| (*o).to_owned()).collect(), ..Pick::default() };
        Found { now: rows(2), earlier: Some(rows(1)), wish: Wish { pick, ..Wish::default() }, ..Found::default() }
    }

    #[test]
    fn a_drive_has_the_labels_of_the_plug_in() {
        assert_eq!(
            found(&["c:"]).said(Mode::Io, 0, &["80:"]),
            "CRITICAL - [Triggered by _PercentIdleTime<80] - C: _PercentIdleTime=70%, _PercentBusyTime=30%, _PercentDiskTime=40%, _PercentDiskReadTime=10%, \
             _PercentDiskWriteTime=30%, _DiskReadBytesPersec=1024, _DiskReadsPersec=2, _DiskWriteBytesPersec=4096, _DiskWritesPersec=10, \
             CurrentDiskQueueLength=1, _AvgDiskQueueLength=1.20, _AvgDiskReadQueueLength=0.20, _AvgDiskWriteQueueLength=1.00\
             |'_PercentIdleTimeC:'=70;;80:; '_PercentBusyTimeC:'=30; '_PercentDiskTimeC:'=40; '_PercentDiskReadTimeC:'=10; '_PercentDiskWriteTimeC:'=30; \
             '_DiskReadBytesPersecC:'=1024; '_DiskReadsPersecC:'=2; '_DiskWriteBytesPersecC:'=4096; '_DiskWritesPersecC:'=10; \
             'CurrentDiskQueueLengthC:'=1; '_AvgDiskQueueLengthC:'=1.20; '_AvgDiskReadQueueLengthC:'=0.20; '_AvgDiskWriteQueueLengthC:'=1.00; \n"
        );
    }

    #[test]
    fn all_drives_together_are_told_where_they_are_asked_for() {
        let names = |only: &[&str]| {
            let text = found(only).said(Mode::Physicalio, 0, &[]);
            let queue = |n: &&str| text.contains(&format!("'CurrentDiskQueueLength{n}'"));
            ["C:", "0 D:", "_Total"].into_iter().filter(|n| queue(n)).collect::<Vec<_>>().join(",")
        };
        assert_eq!(names(&[]), "C:,0 D:");
        assert_eq!(names(&["*D:"]), "0 D:");
        assert_eq!(names(&["_total"]), "_Total");
        assert_eq!(names(&["*"]), "C:,0 D:");
    }

    #[test]
    fn one_sample_knows_only_what_is_no_counter() {
        let text = Found { earlier: None, ..found(&["C:"]) }.said(Mode::Io, 0, &["_PercentBusyTime=90", "CurrentDiskQueueLength=5"]);
        assert!(text.starts_with("UNKNOWN - C: _PercentIdleTime=unknown%") && text.contains("'CurrentDiskQueueLengthC:'=1;;5; "), "{text}");
    }
}
