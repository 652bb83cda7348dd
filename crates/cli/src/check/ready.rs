//! The ready checks of the machine itself, with the fields and labels of check_wmi_plus.

use super::mode::{Input, Mode, Plan, Samples, Wish, matches, plan, sampled};
use super::number::{Number, octets};
use super::outcome::Item;
use super::row::{Counter, Row};
use rwmi_cim::DateTime;

/// The ways to make a check of the machine.
pub(super) fn plans(mode: Mode, wish: &Wish) -> Vec<Plan> {
    let raw_cpu = "SELECT Name, PercentProcessorTime, Timestamp_Sys100NS FROM Win32_PerfRawData_PerfOS_Processor";
    match mode {
        Mode::Cpu => vec![
            sampled(&format!("{raw_cpu} WHERE Name = \"_Total\""), cpu),
            // Already a share of time, of one sample.
            plan("SELECT DeviceID, LoadPercentage FROM Win32_Processor", cpu_of_processors),
        ],
        Mode::Eachcpu => vec![sampled(raw_cpu, each_cpu), plan("SELECT DeviceID, LoadPercentage FROM Win32_Processor", each_processor)],
        Mode::Cpuq => {
            vec![Plan { samples: Samples::Several, ..plan("SELECT ProcessorQueueLength FROM Win32_PerfRawData_PerfOS_System", queue) }]
        }
        Mode::Mem => vec![plan("SELECT Name, FreePhysicalMemory, TotalVisibleMemorySize FROM Win32_OperatingSystem", memory)],
        Mode::Page => vec![plan("SELECT Name, AllocatedBaseSize, CurrentUsage, PeakUsage FROM Win32_PageFileUsage", page_files)],
        Mode::Drives => vec![plan("SELECT DeviceID, FreeSpace, Size, VolumeName FROM Win32_LogicalDisk WHERE DriveType = 3", drives)],
        Mode::Volumes => {
            vec![plan(
                "SELECT Capacity, DeviceID, DriveLetter, DriveType, FileSystem, FreeSpace, Label, Name FROM Win32_Volume WHERE DriveType = 3",
                volumes,
            )]
        }
        Mode::Service => {
            let auto = if wish.pick.only.is_empty() { " WHERE StartMode = \"Auto\"" } else { "" };
            vec![plan(&format!("SELECT Name, DisplayName, Started, StartMode, State, Status FROM Win32_Service{auto}"), services)]
        }
        Mode::Process => vec![plan("SELECT Name, CommandLine, ExecutablePath FROM Win32_Process", processes)],
        Mode::Uptime => vec![
            plan("SELECT SystemUpTime, Frequency_Sys100NS, Timestamp_Object FROM Win32_PerfRawData_PerfOS_System", uptime_of_counter),
            plan("SELECT LastBootUpTime, LocalDateTime FROM Win32_OperatingSystem", uptime_of_system),
        ],
        Mode::Time => vec![
            plan("SELECT Year, Month, Day, Hour, Minute, Second FROM Win32_UTCTime", time_of_parts),
            plan("SELECT LocalDateTime FROM Win32_OperatingSystem", time_of_system),
        ],
        _ => Vec::new(),
    }
}

/// A share in percent; `None` of nothing.
pub(super) fn percent(part: f64, whole: f64) -> Option<Number> {
    if whole > 0.0 { Number::real(100.0 * part / whole) } else { None }
}

pub(super) fn shown(n: Option<Number>) -> String {
    n.map_or("unknown".into(), |n| n.rounded().to_string())
}

pub(super) fn size(n: Option<Number>) -> String {
    n.map_or("unknown".into(), octets)
}

fn times(n: Option<Number>, factor: i128) -> Option<Number> {
    match n? {
        Number::Int(n) => n.checked_mul(factor).map(Number::Int),
        Number::Real(f) => Number::real(f * factor as f64),
    }
}

fn load_item(text: String, label: String, load: Option<Number>) -> Item {
    let mut item = Item::new(text);
    item.field("_AvgCPU", load).perf(label, "_AvgCPU", "%");
    item
}

fn average(load: Option<Number>) -> Vec<Item> {
    vec![load_item(format!("Average CPU Utilisation {}%", shown(load)), "Avg CPU Utilisation".into(), load)]
}

fn cpu(input: &Input<'_>) -> Vec<Item> {
    let Some(row) = input.rows().first() else { return Vec::new() };
    // The raw counter counts the time without work.
    average(input.counter(Counter::TimerInverse, "PercentProcessorTime", row))
}

fn cpu_of_processors(input: &Input<'_>) -> Vec<Item> {
    let loads: Vec<f64> = input.rows().iter().filter_map(|r| r.real("LoadPercentage")).collect();
    if input.rows().is_empty() {
        return Vec::new();
    }
    average(if loads.is_empty() { None } else { Number::real(loads.iter().sum::<f64>() / loads.len() as f64) })
}

fn one_cpu(name: &str, load: Option<Number>) -> Item {
    load_item(format!("CPU{name} Utilisation {}%", shown(load)), format!("Avg Utilisation CPU{name}"), load)
}

fn each_cpu(input: &Input<'_>) -> Vec<Item> {
    let rows = input.rows().iter().filter(|r| !input.wish.pick.excludes(&[&r.name]));
    rows.map(|r| one_cpu(&r.name, input.counter(Counter::TimerInverse, "PercentProcessorTime", r))).collect()
}

fn each_processor(input: &Input<'_>) -> Vec<Item> {
    let rows = input.rows().iter().filter(|r| !input.wish.pick.excludes(&[&r.name]));
    rows.map(|r| one_cpu(r.name.trim_start_matches("CPU"), r.number("LoadPercentage"))).collect()
}

fn queue(input: &Input<'_>) -> Vec<Item> {
    if input.rows().is_empty() {
        return Vec::new();
    }
    let samples = input.more.iter().chain([input.now]);
    let points: Option<Vec<f64>> = samples.map(|s| s.rows.first()?.real("ProcessorQueueLength")).collect();
    let mean = |p: &Vec<f64>| Number::real(p.iter().sum::<f64>() / p.len() as f64);
    let length = points.as_ref().and_then(mean).map(Number::whole);
    let values = points.iter().flatten().map(|p| format!("{p:.0}")).collect::<Vec<_>>().join(", ");
    let several = if input.more.is_empty() { String::new() } else { format!(" ({} points: {values})", input.more.len() + 1) };
    let mut item = Item::new(format!("Average CPU Queue Length {}{several}", shown(length)));
    item.field("_AvgCPUQLen", length).perf("Avg CPU Queue Length", "_AvgCPUQLen", "");
    vec![item]
}

fn memory(input: &Input<'_>) -> Vec<Item> {
    let Some(row) = input.rows().first() else { return Vec::new() };
    // Kilobytes.
    let total = times(row.number("TotalVisibleMemorySize"), 1024);
    let free = times(row.number("FreePhysicalMemory"), 1024);
    let used = total.zip(free).map(|(t, f)| t.minus(f));
    let share = |part: Option<Number>| percent(part?.as_f64(), total?.as_f64());
    let mut item = Item::new(format!(
        "Physical Memory: Total: {} - Used: {} ({}%) - Free: {} ({}%)",
        size(total),
        size(used),
        shown(share(used)),
        size(free),
        shown(share(free))
    ));
    item.field("_MemUsed%", share(used)).field("_MemFree%", share(free));
    item.field("_MemUsed", used).field("_MemFree", free).field("_MemTotal", total);
    item.perf("Physical Memory Used", "_MemUsed", "B").perf("Physical Memory Utilisation", "_MemUsed%", "%");
    vec![item]
}

fn page_files(input: &Input<'_>) -> Vec<Item> {
    let rows = input.rows().iter().filter(|r| !input.wish.pick.excludes(&[r.text("Name")]));
    let item = |row: &Row| {
        // Megabytes.
        let of = |name: &str| times(row.number(name), 1 << 20);
        let (total, used, peak) = (of("AllocatedBaseSize"), of("CurrentUsage"), of("PeakUsage"));
        let share = |part: Option<Number>| percent(part?.as_f64(), total?.as_f64());
        let name = row.text("Name");
        let mut item = Item::new(format!(
            "{name} Total: {} - Used: {} ({}%) - Peak Used: {} ({}%)",
            size(total),
            size(used),
            shown(share(used)),
            size(peak),
            shown(share(peak))
        ));
        item.field("_Used%", share(used)).field("_PeakUsed%", share(peak));
        item.field("_Used", used).field("_PeakUsed", peak).field("_Total", total);
        let rest = |part: Option<Number>| total.zip(part).map(|(t, p)| t.minus(p));
        item.field("_Free", rest(used)).field("_Free%", share(rest(used)));
        item.field("_PeakFree", rest(peak)).field("_PeakFree%", share(rest(peak)));
        item.perf(format!("{name} Page File Size"), "_Total", "B").perf(format!("{name} Used"), "_Used", "B");
        item.perf(format!("{name} Utilisation"), "_Used%", "%");
        item.perf(format!("{name} Peak Used"), "_PeakUsed", "B").perf(format!("{name} Peak Utilisation"), "_PeakUsed%", "%");
        item
    };
    rows.map(item).collect()
}

/// A drive or a volume.
fn space(name: &str, total: Option<Number>, free: Option<Number>) -> Item {
    let used = total.zip(free).map(|(t, f)| t.minus(f));
    let share = |part: Option<Number>| percent(part?.as_f64(), total?.as_f64());
    let mut item = Item::new(format!(
        "{name} Total={}, Used={} ({}%), Free={} ({}%)",
        size(total),
        size(used),
        shown(share(used)),
        size(free),
        shown(share(free))
    ));
    item.field("_Used%", share(used)).field("_Free%", share(free));
    item.field("_UsedSpace", used).field("_FreeSpace", free).field("_Size", total);
    item.perf(format!("{name} Space"), "_UsedSpace", "B").perf(format!("{name} Utilisation"), "_Used%", "%");
    item
}

fn drives(input: &Input<'_>) -> Vec<Item> {
    let rows = input.rows().iter().filter(|r| !input.wish.pick.excludes(&[r.text("DeviceID"), r.text("VolumeName")]));
    let item = |row: &Row| {
        let name = row.text("DeviceID");
        let mut item = space(name, row.number("Size"), row.number("FreeSpace"));
        item.perf(format!("{name} Size"), "_Size", "B");
        item
    };
    rows.map(item).collect()
}

fn volumes(input: &Input<'_>) -> Vec<Item> {
    let name = |row: &Row| {
        let names = [row.text("Name"), row.text("DriveLetter"), row.text("Label"), row.text("DeviceID")];
        names.into_iter().find(|n| !n.is_empty()).unwrap_or_default().to_owned()
    };
    let rows = input.rows().iter().filter(|r| !input.excludes(&[&name(r), r.text("Label"), r.text("DriveLetter")]));
    rows.map(|r| space(&name(r), r.number("Capacity"), r.number("FreeSpace"))).collect()
}

/// Bad services that are named in the text.
const SERVICES_NAMED: usize = 10;

fn services(input: &Input<'_>) -> Vec<Item> {
    let (mut good, mut excluded, mut bad) = (0, 0, Vec::new());
    for row in input.rows() {
        let (name, shown) = (row.text("Name"), row.text("DisplayName"));
        if input.wish.pick.excludes(&[name, shown]) {
            excluded += 1;
        } else if row.number("Started") == Some(Number::Int(1)) && row.text("State") == "Running" && row.text("Status") == "OK" {
            good += 1;
        } else {
            bad.push(format!("'{shown}' ({name}) is {}", row.text("State")));
        }
    }
    // A service that is not there is not well.
    if good + bad.len() == 0 {
        return Vec::new();
    }
    // Those that nobody asked for are not excluded, they are other services.
    let excluded = if input.wish.pick.only.is_empty() { excluded } else { 0 };
    let more = bad.len().saturating_sub(SERVICES_NAMED);
    let named = bad.iter().take(SERVICES_NAMED).map(|b| format!(", {b}")).collect::<String>();
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    let mut item = Item::new(format!(
        "Found {} Service(s), {good} OK and {} with problems ({excluded} excluded){named}{more}",
        good + bad.len(),
        bad.len()
    ));
    let count = |n: usize| Some(Number::Int(n as i128));
    item.field("_NumBad", count(bad.len())).field("_NumGood", count(good)).field("_Total", count(good + bad.len()));
    item.field("_NumExcluded", count(excluded));
    item.perf("Total Service Count", "_Total", "").perf("Service Count OK State", "_NumGood", "");
    item.perf("Service Count Problem State", "_NumBad", "").perf("Excluded Service Count", "_NumExcluded", "");
    vec![item]
}

fn processes(input: &Input<'_>) -> Vec<Item> {
    let excluded = |r: &&Row| input.wish.pick.exclude.iter().any(|p| matches(p, r.text("Name")));
    let found = input.rows().iter().filter(|r| !input.wish.pick.excludes(&[r.text("Name")])).count();
    let excluded = input.rows().iter().filter(excluded).count();
    let of = if input.wish.pick.only.is_empty() { String::new() } else { format!(" of {}", input.wish.pick.only.join(", ")) };
    let mut item = Item::new(format!("Found {found} process(es){of} ({excluded} excluded)"));
    item.field("_ItemCount", Some(Number::Int(found as i128))).field("_NumExcluded", Some(Number::Int(excluded as i128)));
    item.perf("Process Count", "_ItemCount", "").perf("Excluded Process Count", "_NumExcluded", "");
    vec![item]
}

fn uptime(seconds: Option<Number>) -> Vec<Item> {
    let whole = seconds.map(|s| s.as_f64().max(0.0) as i128);
    let text = match whole {
        Some(s) => format!("System Uptime is {} day(s) {:02}:{:02}:{:02}", s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60),
        None => "System Uptime is unknown".into(),
    };
    let of = |unit: i128| whole.map(|s| Number::Int(s / unit));
    let mut item = Item::new(text);
    item.field("_UptimeSec", of(1)).field("_UptimeMin", of(60)).field("_UptimeHrs", of(3_600)).field("_UptimeDay", of(86_400));
    item.perf("Uptime Seconds", "_UptimeSec", "s").perf("Uptime Minutes", "_UptimeMin", "");
    item.perf("Uptime Hours", "_UptimeHrs", "").perf("Uptime Days", "_UptimeDay", "");
    vec![item]
}

fn uptime_of_counter(input: &Input<'_>) -> Vec<Item> {
    let Some(row) = input.rows().first() else { return Vec::new() };
    uptime(input.counter(Counter::Elapsed, "SystemUpTime", row))
}

fn uptime_of_system(input: &Input<'_>) -> Vec<Item> {
    let Some(row) = input.rows().first() else { return Vec::new() };
    // Both by that computer's clock.
    uptime(row.number("LocalDateTime").zip(row.number("LastBootUpTime")).map(|(now, start)| now.minus(start)))
}

fn time(theirs: Option<Number>, millis: u64) -> Vec<Item> {
    let difference =
        theirs.and_then(|t| Number::real((t.as_f64() - millis as f64 / 1000.0).round())).map(|d| Number::Int(d.as_f64() as i128));
    let mut item = Item::new(format!("Time difference is {} second(s)", shown(difference)));
    item.field("_DiffSec", difference).perf("_DiffSec", "_DiffSec", "s");
    vec![item]
}

fn time_of_parts(input: &Input<'_>) -> Vec<Item> {
    let Some(row) = input.rows().first() else { return Vec::new() };
    let part = |name: &str| row.real(name).filter(|f| (0.0..10_000.0).contains(f)).map(|f| f as u32);
    let text = || {
        let (date, time) = ((part("Year")?, part("Month")?, part("Day")?), (part("Hour")?, part("Minute")?, part("Second")?));
        Some(format!("{:04}{:02}{:02}{:02}{:02}{:02}.000000+000", date.0, date.1, date.2, time.0, time.1, time.2))
    };
    let theirs = text().and_then(|t| DateTime::from_text(t).timestamp().ok()).map(|t| Number::Int((t.unix_micros / 1_000_000).into()));
    time(theirs, input.now.millis)
}

fn time_of_system(input: &Input<'_>) -> Vec<Item> {
    let Some(row) = input.rows().first() else { return Vec::new() };
    time(row.number("LocalDateTime"), input.now.millis)
}

#[cfg(test)]
mod tests {
    use super::super::mode::Pick;
    use super::super::row::Datum;
    use super::super::testing::{Found, n, row, t};
    use super::*;

    fn text(mode: Mode, plan: usize, now: Vec<Row>, earlier: Option<Vec<Row>>, pick: Pick, critical: &[&str]) -> String {
        Found { now, earlier, wish: Wish { pick, ..Wish::default() }, ..Found::default() }.said(mode, plan, critical)
    }

    #[test]
    fn processors_have_their_labels() {
        let cpu = |name: &str, idle: i128, time: i128| {
            row(name, &[("Name", t(name)), ("PercentProcessorTime", n(idle)), ("Timestamp_Sys100NS", n(time))])
        };
        let (a, b) = (vec![cpu("_Total", 0, 0)], vec![cpu("_Total", 82_640, 100_000)]);
        assert_eq!(
            text(Mode::Cpu, 0, b, Some(a), Pick::default(), &["90"]),
            "OK - Average CPU Utilisation 17.36%|'Avg CPU Utilisation'=17.36%;;90; \n"
        );
        let load = |name: &str, load: Datum| row(name, &[("DeviceID", t(name)), ("LoadPercentage", load)]);
        assert_eq!(
            text(Mode::Cpu, 1, vec![load("CPU0", n(10)), load("CPU1", n(21))], None, Pick::default(), &[]),
            "OK - Average CPU Utilisation 15.50%|'Avg CPU Utilisation'=15.50%; \n"
        );
        assert!(
            text(Mode::Cpu, 1, vec![load("CPU0", Datum::Null)], None, Pick::default(), &["90"])
                .starts_with("UNKNOWN - Average CPU Utilisation unknown%|")
        );
        assert_eq!(
            text(Mode::Eachcpu, 1, vec![load("CPU0", n(10)), load("CPU1", n(91))], None, Pick::default(), &["90"]),
            "CRITICAL - [Triggered by _AvgCPU>90] - CPU1 Utilisation 91%|'Avg Utilisation CPU0'=10%;;90; 'Avg Utilisation CPU1'=91%;;90; \n\
             OK: CPU0 Utilisation 10%\nCRITICAL: CPU1 Utilisation 91%\n"
        );
        assert_eq!(
            text(Mode::Cpuq, 0, vec![row("@", &[("ProcessorQueueLength", n(3))])], None, Pick::default(), &["2"]),
            "CRITICAL - [Triggered by _AvgCPUQLen>2] - Average CPU Queue Length 3|'Avg CPU Queue Length'=3;;2; \n"
        );
        let length = |n: Datum| vec![row("@", &[("ProcessorQueueLength", n)])];
        let several = Found { now: length(n(4)), more: vec![length(n(0)), length(n(1))], ..Found::default() };
        assert_eq!(
            several.said(Mode::Cpuq, 0, &[]),
            "OK - Average CPU Queue Length 1.67 (3 points: 0, 1, 4)|'Avg CPU Queue Length'=1.67; \n"
        );
        let gone = Found { now: length(n(4)), more: vec![Vec::new()], ..Found::default() };
        assert_eq!(
            gone.said(Mode::Cpuq, 0, &["2"]),
            "UNKNOWN - Average CPU Queue Length unknown (2 points: )|'Avg CPU Queue Length'=U;;2; \n"
        );
    }

    #[test]
    fn memory_and_page_files_are_in_octets() {
        let os = row("os", &[("FreePhysicalMemory", n(1 << 20)), ("TotalVisibleMemorySize", n(4 << 20))]);
        assert_eq!(
            text(Mode::Mem, 0, vec![os], None, Pick::default(), &["_MemFree=2g:"]),
            "CRITICAL - [Triggered by _MemFree<2147483648] - Physical Memory: Total: 4.00GB - Used: 3.00GB (75.00%) - Free: 1.00GB (25.00%)\
             |'Physical Memory Used'=3221225472B; 'Physical Memory Utilisation'=75.00%; \n"
        );
        let page =
            row("p", &[("Name", t("C:\\pagefile.sys")), ("AllocatedBaseSize", n(1024)), ("CurrentUsage", n(256)), ("PeakUsage", n(512))]);
        assert_eq!(
            text(Mode::Page, 0, vec![page], None, Pick::default(), &["80"]),
            "OK - C:\\pagefile.sys Total: 1.00GB - Used: 256.00MB (25.00%) - Peak Used: 512.00MB (50.00%)|'C:\\pagefile.sys Page File Size'=1073741824B; \
             'C:\\pagefile.sys Used'=268435456B; 'C:\\pagefile.sys Utilisation'=25.00%;;80; 'C:\\pagefile.sys Peak Used'=536870912B; \
             'C:\\pagefile.sys Peak Utilisation'=50.00%; \n"
        );
    }

    #[test]
    fn drives_and_volumes_have_space() {
        let drive = |name: &str, free: Datum| row(name, &[("DeviceID", t(name)), ("Size", n(10 << 30)), ("FreeSpace", free)]);
        assert_eq!(
            text(Mode::Drives, 0, vec![drive("C:", n(1 << 30))], None, Pick::default(), &["95"]),
            "OK - C: Total=10.00GB, Used=9.00GB (90.00%), Free=1.00GB (10.00%)|'C: Space'=9663676416B; 'C: Utilisation'=90.00%;;95; 'C: Size'=10737418240B; \n"
        );
        let pick = Pick { only: vec!["d*".into()], exclude: vec!["dx".into()] };
        let rows = vec![drive("C:", n(0)), drive("D:", Datum::Null), drive("DX", n(0))];
        assert_eq!(
            text(Mode::Drives, 0, rows, None, pick, &["95"]),
            "UNKNOWN - D: Total=10.00GB, Used=unknown (unknown%), Free=unknown (unknown%)|'D: Space'=U; 'D: Utilisation'=U;;95; 'D: Size'=10737418240B; \n"
        );
        // By its name as the plug-in has it; a drive's letter picks it all the same.
        let volume = row("v", &[("DriveLetter", t("D:")), ("Name", t(r"D:\")), ("Capacity", n(1000)), ("FreeSpace", n(900))]);
        let pick = Pick { only: vec!["d:".into()], exclude: Vec::new() };
        assert_eq!(
            text(Mode::Volumes, 0, vec![volume], None, pick, &["80"]),
            "OK - D:\\ Total=1000B, Used=100B (10.00%), Free=900B (90.00%)|'D:\\ Space'=100B; 'D:\\ Utilisation'=10.00%;;80; \n"
        );
        let volume = row("v", &[("DriveLetter", Datum::Null), ("Label", t("Data")), ("Capacity", n(0)), ("FreeSpace", n(0))]);
        assert_eq!(
            text(Mode::Volumes, 0, vec![volume], None, Pick::default(), &[]),
            "OK - Data Total=0B, Used=0B (unknown%), Free=0B (unknown%)|'Data Space'=0B; 'Data Utilisation'=U; \n"
        );
    }

    #[test]
    fn services_and_processes_are_counted() {
        let service = |name: &str, state: &str, started: i128| {
            row(
                name,
                &[
                    ("Name", t(name)),
                    ("DisplayName", t(&format!("The {name}"))),
                    ("Started", n(started)),
                    ("State", t(state)),
                    ("Status", t("OK")),
                ],
            )
        };
        let rows = || vec![service("a", "Running", 1), service("b", "Stopped", 0), service("c", "Stopped", 0)];
        let pick = |only: &[&str], exclude: &[&str]| {
            let list = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect();
            Pick { only: list(only), exclude: list(exclude) }
        };
        assert_eq!(
            text(Mode::Service, 0, rows(), None, pick(&[], &["C"]), &["0"]),
            "CRITICAL - [Triggered by _NumBad>0] - Found 2 Service(s), 1 OK and 1 with problems (1 excluded), 'The b' (b) is Stopped|'Total Service Count'=2; \
             'Service Count OK State'=1; 'Service Count Problem State'=1;;0; 'Excluded Service Count'=1; \n"
        );
        assert!(
            text(Mode::Service, 0, rows(), None, pick(&["the A"], &[]), &["0"])
                .starts_with("OK - Found 1 Service(s), 1 OK and 0 with problems (0 excluded)|")
        );
        let process = |name: &str| row(name, &[("Name", t(name))]);
        let rows = vec![process("sshd"), process("sshd"), process("cron")];
        assert_eq!(
            text(Mode::Process, 0, rows.clone(), None, pick(&["ssh?"], &[]), &["3:"]),
            "CRITICAL - [Triggered by _ItemCount<3] - Found 2 process(es) of ssh? (0 excluded)|'Process Count'=2;;3:; 'Excluded Process Count'=0; \n"
        );
        assert!(text(Mode::Process, 0, rows, None, pick(&[], &["cron"]), &[]).starts_with("OK - Found 2 process(es) (1 excluded)|"));
    }

    #[test]
    fn times_are_in_seconds() {
        let up = "|'Uptime Seconds'=90061s; 'Uptime Minutes'=1501; 'Uptime Hours'=25; 'Uptime Days'=1; \n";
        let counter = row("@", &[("SystemUpTime", n(5)), ("Timestamp_Object", n(900_610_000_005)), ("Frequency_Sys100NS", n(10_000_000))]);
        let line = format!("OK - System Uptime is 1 day(s) 01:01:01{up}");
        assert_eq!(text(Mode::Uptime, 0, vec![counter], None, Pick::default(), &[]), line);
        let system = row("os", &[("LastBootUpTime", n(1000)), ("LocalDateTime", n(91_061))]);
        assert_eq!(text(Mode::Uptime, 1, vec![system], None, Pick::default(), &[]), line);
        // Ours is 1700000010 = 2023-11-14 22:13:30.
        let parts = [("Year", 2023), ("Month", 11), ("Day", 14), ("Hour", 22), ("Minute", 13), ("Second", 25)].map(|(k, v)| (k, n(v)));
        assert_eq!(
            text(Mode::Time, 0, vec![row("@", &parts)], None, Pick::default(), &["-4:4"]),
            "CRITICAL - [Triggered by _DiffSec<-4] - Time difference is -5 second(s)|'_DiffSec'=-5s;;-4:4; \n"
        );
        let system = row("os", &[("LocalDateTime", n(1_700_000_012))]);
        assert_eq!(
            text(Mode::Time, 1, vec![system], None, Pick::default(), &["-4:4"]),
            "OK - Time difference is 2 second(s)|'_DiffSec'=2s;;-4:4; \n"
        );
    }
}
