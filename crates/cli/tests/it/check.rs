//! `rwmi check`, as monitoring starts it.

use crate::support::*;
use crate::systemd::Systemd;
use std::net::TcpListener;
use std::os::unix::fs::symlink;

/// A check against a server, with the account in the environment.
fn check(server: &Server, args: &[&str]) -> Done {
    let (host, port) = (server.endpoint.ip().to_string(), server.endpoint.port().to_string());
    let mut command = command(&[&["check", "-H", &host, "--endpoint-port", &port], args].concat());
    command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD).env("XDG_STATE_HOME", server.place.dir.path());
    let done = finish(command);
    obeys_plug_ins(&done);
    done
}

/// What everybody who reads plug-ins relies on, whatever was checked: one of four endings, the word of it first, and performance data of their grammar.
#[track_caller]
fn obeys_plug_ins(done: &Done) {
    let word = ["OK", "WARNING", "CRITICAL", "UNKNOWN"].get(usize::try_from(done.code.unwrap()).unwrap()).unwrap();
    assert!(done.err.is_empty() && done.out.starts_with(&format!("{word} ")) && done.out.ends_with('\n'), "{done:?}");
    let first = done.out.lines().next().unwrap();
    let mut rest = first.split_once('|').map_or("", |(_, data)| data);
    assert!(!rest.contains('|') && !done.out.lines().skip(1).any(|l| l.contains('|')), "{first}");
    while !rest.is_empty() {
        // 'label'=value[unit][;warning[;critical]], and a semicolon and a blank behind each.
        let (label, behind) = rest.strip_prefix('\'').and_then(|r| r.split_once("'=")).unwrap_or_else(|| panic!("{first}"));
        assert!(!label.replace("''", "").contains(['\'', '=']), "{label}");
        let (datum, more) = behind.split_once("; ").unwrap_or_else(|| panic!("{first}"));
        let mut parts = datum.split(';');
        let value = parts.next().unwrap();
        let number = value.trim_end_matches("%").trim_end_matches(['B', 's']);
        let is_number =
            |n: &str| !n.is_empty() && n.parse::<f64>().is_ok() && n.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.'));
        assert!(value == "U" || is_number(number), "{value} in {first}");
        for range in parts.filter(|r| !r.is_empty()) {
            let limits = range.trim_start_matches('@').split(':');
            assert!(limits.into_iter().all(|l| l.is_empty() || l == "~" || is_number(l)), "{range} in {first}");
        }
        rest = more;
    }
}

/// It ended so, and said everything on standard output.
#[track_caller]
fn said(done: Done, code: i32, text: &str) {
    assert_eq!((done.code, done.err.as_str(), done.out.as_str()), (Some(code), "", text));
}

/// It is unknown, and begins with these words.
#[track_caller]
fn unknown(done: Done, words: &str) {
    assert_eq!((done.code, done.err.as_str()), (Some(3), ""), "{}", done.out);
    assert!(done.out.starts_with(&format!("UNKNOWN - {words}")), "{}", done.out);
}

const MEMORY: &str = "Physical Memory: Total: 15.60GB - Used: 6.24GB (40.00%) - Free: 9.36GB (60.00%)";

#[test]
fn a_machine_is_checked() {
    let server = Server::start("127.0.37.1", "");
    let perf = |w: &str| format!("|'Physical Memory Used'=6699981824B; 'Physical Memory Utilisation'=40.00%{w}; \n");
    said(check(&server, &["mem", "-w", "80", "-c", "90"]), 0, &format!("OK - {MEMORY}{}", perf(";80;90")));
    said(
        check(&server, &["mem", "-w", "30", "-c", "90"]),
        1,
        &format!("WARNING - [Triggered by _MemUsed%>30] - {MEMORY}{}", perf(";30;90")),
    );
    said(
        check(&server, &["checkmem", "-c", "_MemFree=10g:"]),
        2,
        &format!("CRITICAL - [Triggered by _MemFree<10737418240] - {MEMORY}{}", perf("")),
    );
    said(
        check(&server, &["drives", "--only", "/", "-w", "40", "-c", "_FreeSpace=1g:"]),
        1,
        "WARNING - [Triggered by _Used%>40] - / Total=228.78GB, Used=108.78GB (47.55%), Free=120.00GB (52.45%)\
         |'/ Space'=116801929216B; '/ Utilisation'=47.55%;40; '/ Size'=245650948096B; \n",
    );
    let drives = check(&server, &["drives", "-c", "48"]);
    assert_eq!(drives.code, Some(2));
    assert!(
        drives.out.starts_with("CRITICAL - [Triggered by _Used%>48] - /srv/data Total=") && drives.out.contains("\nOK: / Total="),
        "{}",
        drives.out
    );
    said(
        check(&server, &["process", "-a", "systemd", "-c", "1:1"]),
        0,
        "OK - Found 1 process(es) of systemd (0 excluded)|'Process Count'=1;;1:1; 'Excluded Process Count'=0; \n",
    );
    said(
        check(&server, &["uptime", "-c", "1hr:"]),
        0,
        "OK - System Uptime is 5 day(s) 05:30:00|'Uptime Seconds'=451800s;;3600:; 'Uptime Minutes'=7530; 'Uptime Hours'=125; 'Uptime Days'=5; \n",
    );
    // Our server has the load of its processors, not the raw counter.
    assert!(check(&server, &["cpu"]).good().starts_with("OK - Average CPU Utilisation "));
    assert!(check(&server, &["eachcpu", "-e", "CPU1"]).good().starts_with("OK - CPU0 Utilisation "));
    assert!(check(&server, &["time", "-w", "~:"]).good().contains("|'_DiffSec'=-"));
    unknown(check(&server, &["service", "--only", "no such service", "-c", "0"]), "No data: ");
    assert!(check(&server, &["useraccount", "--only", "*bob*", "-c", "1:1"]).good().starts_with("OK - Found 1 user account(s), 0 changed"));
    unknown(check(&server, &["volumes"]), "127.0.37.1:");
}

#[test]
fn any_query_is_checked() {
    let server = Server::start("127.0.37.2", "");
    let one = "SELECT ThreadCount FROM Win32_Process WHERE ProcessId = 1";
    // The only property that is selected is meant.
    said(
        check(&server, &["query", one, "-w", "5", "-c", "_ItemCount=1:1"]),
        0,
        "OK - 1 item(s); Handle=1, ThreadCount=1|'_ItemCount'=1;;1:1; 'ThreadCount'=1;5; \nOK: 1 item(s)\nOK: Handle=1, ThreadCount=1\n",
    );
    let two = "SELECT Name, ThreadCount FROM Win32_Process WHERE ProcessId < 3";
    said(
        check(&server, &["query", two, "-c", "threadcount=@1", "--label", "Name"]),
        2,
        "CRITICAL - [Triggered by ThreadCount in @1] - systemd: Name=systemd, Handle=1, ThreadCount=1; kthreadd: Name=kthreadd, Handle=2, ThreadCount=1\
         |'systemd ThreadCount'=1;;@1; 'kthreadd ThreadCount'=1;;@1; \n\
         OK: 2 item(s)\nCRITICAL: systemd: Name=systemd, Handle=1, ThreadCount=1\nCRITICAL: kthreadd: Name=kthreadd, Handle=2, ThreadCount=1\n",
    );
    let none = "SELECT ThreadCount FROM Win32_Process WHERE ProcessId = 4000000000";
    unknown(check(&server, &["query", none, "-w", "5"]), "No data: ");
    for (status, code) in [("ok", 0), ("warning", 1), ("critical", 2), ("unknown", 3)] {
        assert_eq!(check(&server, &["query", none, "--no-data", status]).code, Some(code));
    }
    let counted = check(&server, &["query", none, "-c", "_ItemCount=1:"]);
    assert!(
        counted.code == Some(2) && counted.out.starts_with("CRITICAL - [Triggered by _ItemCount<1] - 0 item(s)|'_ItemCount'=0;;1:; "),
        "{counted:?}"
    );
    unknown(
        check(&server, &["query", two, "-w", "5"]),
        "a threshold names no field: write FIELD=RANGE with one of _ItemCount, ThreadCount",
    );
    unknown(
        check(&server, &["query", one, "-w", "Nothing=5"]),
        "no field Nothing to hold against a threshold; there are _ItemCount, ThreadCount\n",
    );
}

/// Counters and what else our server has no class for, as instances that it stores.
fn counters(server: &Server, idle: u64, time: u64) {
    let mof = format!(
        r#"
class Win32_PerfRawData_PerfOS_Processor {{ [key] string Name; uint64 PercentProcessorTime; uint64 Timestamp_Sys100NS; }};
class Win32_PerfRawData_PerfOS_System {{ [key] string Name; uint32 ProcessorQueueLength; uint64 SystemUpTime; uint64 Frequency_Sys100NS; uint64 Timestamp_Object; }};
class Win32_PageFileUsage {{ [key] string Name; uint32 AllocatedBaseSize; uint32 CurrentUsage; uint32 PeakUsage; }};
class Win32_Volume {{ [key] string DeviceID; uint64 Capacity; string DriveLetter; uint32 DriveType; string FileSystem; uint64 FreeSpace; string Label; string Name; }};
instance of Win32_PerfRawData_PerfOS_Processor {{ Name = "_Total"; PercentProcessorTime = {idle}; Timestamp_Sys100NS = {time}; }};
instance of Win32_PerfRawData_PerfOS_Processor {{ Name = "0"; PercentProcessorTime = {idle}; Timestamp_Sys100NS = {time}; }};
instance of Win32_PerfRawData_PerfOS_System {{ Name = ""; ProcessorQueueLength = 3; SystemUpTime = 5; Frequency_Sys100NS = 10000000; Timestamp_Object = 900610000005; }};
instance of Win32_PageFileUsage {{ Name = "C:\\pagefile.sys"; AllocatedBaseSize = 1024; CurrentUsage = 256; PeakUsage = 512; }};
instance of Win32_Volume {{ DeviceID = "v"; Capacity = 1000; FreeSpace = 100; DriveLetter = "D:"; DriveType = 3; }};
"#
    );
    let file = server.place.dir.path().join("counters.mof");
    std::fs::write(&file, mof).unwrap();
    let mut words = vec!["mof".to_owned(), "compile".into(), "-n".into(), r"root\cimv2".into(), file.to_str().unwrap().into()];
    words.extend(server.way());
    let mut command = command(&words);
    command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    finish(command).good();
}

#[test]
fn two_samples_are_taken_across_runs() {
    let server = Server::start("127.0.37.3", "");
    let state = server.place.dir.path().join("rwmi");
    counters(&server, 1_000_000, 100_000_000);
    // The first run samples twice; here nothing changes between, and nothing is known then.
    let cpu = |delay: &str, extra: &[&str]| check(&server, &[&["cpu", "-c", "90", "--delay", delay], extra].concat());
    said(cpu("0", &[]), 3, "UNKNOWN - Average CPU Utilisation unknown%|'Avg CPU Utilisation'=U;;90; \n");
    assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1);
    // The next takes the sample of the first and does not wait.
    counters(&server, 1_000_000 + 82_640, 100_100_000);
    let done = cpu("100", &[]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{}", done.out);
    let (before, after) =
        (done.out.find("OK (Sample Period "), " sec) - Average CPU Utilisation 17.36%|'Avg CPU Utilisation'=17.36%;;90; \n");
    assert!(before == Some(0) && done.out.ends_with(after), "{}", done.out);
    // A query of the caller's does the same, with a name of its own for the field.
    let query = "SELECT Name, PercentProcessorTime, Timestamp_Sys100NS FROM Win32_PerfRawData_PerfOS_Processor WHERE Name = '0'";
    let load = |delay: &str| {
        check(&server, &["query", query, "--counter", "_Load=100NSEC_TIMER_INV(PercentProcessorTime)", "-w", "50", "--delay", delay])
    };
    assert_eq!(load("0").code, Some(3));
    counters(&server, 1_000_000 + 82_640 + 10_000, 100_200_000);
    let done = load("100");
    assert!(
        done.code == Some(1) && done.out.contains(" sec) - [Triggered by _Load>50] - ") && done.out.contains("|'_Load'=90.00;50; \n"),
        "{done:?}"
    );
    // Nobody else's file is taken, and no link is followed.
    let moved = server.place.dir.path().join("moved");
    std::fs::rename(&state, &moved).unwrap();
    symlink(&moved, &state).unwrap();
    unknown(cpu("0", &[]), "the state directory ");
    assert_eq!(cpu("0", &["--no-state"]).code, Some(3));
    let other = server.place.dir.path().join("other");
    assert_eq!(cpu("0", &["--state-dir", other.to_str().unwrap()]).code, Some(3));
    assert_eq!(std::fs::read_dir(other).unwrap().count(), 1);
}

#[test]
fn classes_that_windows_has_are_checked_over_stored_instances() {
    let server = Server::start("127.0.37.4", "");
    counters(&server, 0, 0);
    said(
        check(&server, &["cpuq", "-w", "2", "--delay", "0"]),
        1,
        "WARNING - [Triggered by _AvgCPUQLen>2] - Average CPU Queue Length 3 (3 points: 3, 3, 3)|'Avg CPU Queue Length'=3;2; \n",
    );
    assert!(check(&server, &["uptime"]).good().starts_with("OK - System Uptime is 1 day(s) 01:01:01|'Uptime Seconds'=90061s; "));
    said(
        check(&server, &["page", "-w", "80"]),
        0,
        "OK - C:\\pagefile.sys Total: 1.00GB - Used: 256.00MB (25.00%) - Peak Used: 512.00MB (50.00%)|'C:\\pagefile.sys Page File Size'=1073741824B; \
         'C:\\pagefile.sys Used'=268435456B; 'C:\\pagefile.sys Utilisation'=25.00%;80; 'C:\\pagefile.sys Peak Used'=536870912B; \
         'C:\\pagefile.sys Peak Utilisation'=50.00%; \n",
    );
    said(
        check(&server, &["volumes", "-c", "_Free%=20:"]),
        2,
        "CRITICAL - [Triggered by _Free%<20] - D: Total=1000B, Used=900B (90.00%), Free=100B (10.00%)|'D: Space'=900B; 'D: Utilisation'=90.00%; \n",
    );
}

#[test]
fn what_keeps_a_check_from_its_answer_is_unknown() {
    // Wrong usage would be CRITICAL by the exit status of other commands.
    for args in [
        &["check"][..],
        &["check", "nonsense"],
        &["check", "mem", "--nonsense"],
        &["check", "mem", "-w", "1,5"],
        &["check", "mem", "-w", "10:5"],
        &["check", "mem", "-H", "a,b"],
        &["check", "query"],
        &["check", "query", "SELECT Name FORM x"],
        &["check", "query", "SELECT * FROM A", "--counter", "x"],
        &["check", "mem", "SELECT * FROM A"],
        &["check", "fileage", "-w", "1day"],
        &["check", "foldersize", "no drive"],
        &["check", "eventlog", "--severity", "9"],
        &["check", "cpuq", "--samples", "0"],
        &["check", "mem", "--delay", "-1"],
        &["-v", "check", "mem", "--timeout", "0"],
        &["check", "mem", "-H", "192.0.2.1", "-A", "/nowhere"],
    ] {
        unknown(rwmi(args), "");
    }
    let server = Server::start("127.0.37.5", "");
    let (host, port) = (server.endpoint.ip().to_string(), server.endpoint.port().to_string());
    let file = server.place.dir.path().join("auth");
    let with = |text: &str| {
        std::fs::write(&file, text).unwrap();
        rwmi(&["check", "mem", "-H", &host, "--endpoint-port", &port, "-A", file.to_str().unwrap()])
    };
    assert!(with(&format!("username = {USER}\npassword = {PASSWORD}\ndomain = CORP\n")).good().starts_with("OK - "));
    let refused = with(&format!("username={USER}\npassword=wrong\n"));
    assert!(refused.out.contains("ACCESS_DENIED") && refused.out.contains("\nhint: "), "{refused:?}");
    unknown(refused, "127.0.37.5:");
    unknown(with("nothing = here"), "/");
    unknown(rwmi(&["check", "mem", "-H", "127.0.37.6", "-u", "x", "-A", file.to_str().unwrap()]), "");
    // Nobody is there, or has no such name.
    std::fs::write(&file, "username=x\npassword=y\n").unwrap();
    let of = |host: &str, more: &[&str]| {
        let done = rwmi(&[&["check", "mem", "-H", host, "-A", file.to_str().unwrap()], more].concat());
        obeys_plug_ins(&done);
        // The reason is one line, and below it is only advice.
        assert!(done.out.lines().skip(1).all(|l| l.starts_with("hint: ")), "{done:?}");
        done
    };
    unknown(of("127.0.104.6", &["--endpoint-port", "1"]), "127.0.104.6:1: connecting to the endpoint mapper failed: connection refused\n");
    unknown(of("no-such-host.invalid", &[]), "no-such-host.invalid:135: resolving the name failed: ");
    // A check is of one computer, in whatever way they are many.
    for hosts in ["a,b", "web[01-02]", "192.0.2.0/30"] {
        unknown(of(hosts, &[]), "a check is of one computer\n");
    }
    // Somebody who takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.37.7:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    std::fs::write(&file, "username=x\npassword=y\n").unwrap();
    unknown(rwmi(&["check", "mem", "-H", "127.0.37.7", "--endpoint-port", &port, "--timeout", "1", "-A", file.to_str().unwrap()]), "");
}

/// The rows of counters, once more with other values.
fn moved(server: &Server, seconds: u64) {
    let ticks = seconds * 10_000_000;
    let disk = |class: &str, name: &str| {
        format!(
            "instance of Win32_PerfRawData_PerfDisk_{class} {{ Name = \"{name}\"; CurrentDiskQueueLength = 2; PercentIdleTime = {}; PercentDiskTime = {}; \
             DiskReadBytesPersec = {}; DiskReadsPersec = {}; AvgDiskQueueLength = {}; \
             PercentDiskReadTime = 5; PercentDiskWriteTime = 5; DiskWriteBytesPersec = 5; DiskWritesPersec = 5; AvgDiskReadQueueLength = 5; \
             AvgDiskWriteQueueLength = 5; Timestamp_Sys100NS = {ticks}; Frequency_Sys100NS = 10000000; }};\n",
            ticks / 10 * 7,
            ticks / 2,
            4096 * seconds,
            4 * seconds,
            ticks * 3 / 2
        )
    };
    let adapter = format!(
        "instance of Win32_PerfRawData_Tcpip_NetworkInterface {{ Name = \"Intel Corporation I350 Gigabit Network Connection\"; CurrentBandwidth = 1000000000; \
         BytesReceivedPersec = {}; BytesSentPersec = {}; OutputQueueLength = 0; PacketsReceivedErrors = 1; PacketsReceivedPersec = {}; PacketsSentPersec = {}; \
         Timestamp_Sys100NS = {ticks}; Frequency_Sys100NS = 10000000; }};\n",
        12_500_000 * seconds,
        1_250_000 * seconds,
        9_000 * seconds,
        900 * seconds
    );
    put(server, "moved.mof", &format!("{}{}{adapter}", disk("LogicalDisk", "C:"), disk("PhysicalDisk", "0 C:")));
}

/// What is behind the length of the sample period, which is the time between two runs.
#[track_caller]
fn sampled(done: Done, code: i32, status: &str, text: &str) {
    assert_eq!((done.code, done.err.as_str()), (Some(code), ""), "{}", done.out);
    let rest = done.out.strip_prefix(&format!("{status} (Sample Period ")).and_then(|r| r.split_once(" sec)"));
    assert_eq!(rest.map(|r| r.1), Some(text), "{}", done.out);
}

#[test]
fn counters_of_drives_and_adapters_are_checked() {
    let server = Server::start("127.0.104.2", "");
    put(&server, "windows.mof", include_str!("windows.mof"));
    moved(&server, 100);
    let run = |args: &[&str]| check(&server, &[args, &["--delay", "0"]].concat());
    // Twice the same counters say nothing of what was between.
    unknown(run(&["io", "-w", "30:"]), "C: _PercentIdleTime=unknown%");
    unknown(run(&["physicalio", "-a", "*C:", "-w", "_AvgDiskQueueLength=1"]), "0 C: ");
    // Windows has another class of adapters since 2012; here is the older one. Two adapters have this description, so none is called by its address.
    unknown(
        run(&["network", "-a", "Intel Corp*", "-w", "_SendBytesUtilisation=0.5"]),
        "Intel Corporation I350 Gigabit Network Connection Speed: ",
    );
    moved(&server, 110);
    sampled(
        run(&["io", "-w", "30:"]),
        0,
        "OK",
        " - C: _PercentIdleTime=70%, _PercentBusyTime=30%, _PercentDiskTime=50%, _PercentDiskReadTime=0%, _PercentDiskWriteTime=0%, \
         _DiskReadBytesPersec=4096, _DiskReadsPersec=4, _DiskWriteBytesPersec=0, _DiskWritesPersec=0, CurrentDiskQueueLength=2, \
         _AvgDiskQueueLength=1.50, _AvgDiskReadQueueLength=0.00, _AvgDiskWriteQueueLength=0.00\
         |'_PercentIdleTimeC:'=70;30:; '_PercentBusyTimeC:'=30; '_PercentDiskTimeC:'=50; '_PercentDiskReadTimeC:'=0; '_PercentDiskWriteTimeC:'=0; \
         '_DiskReadBytesPersecC:'=4096; '_DiskReadsPersecC:'=4; '_DiskWriteBytesPersecC:'=0; '_DiskWritesPersecC:'=0; 'CurrentDiskQueueLengthC:'=2; \
         '_AvgDiskQueueLengthC:'=1.50; '_AvgDiskReadQueueLengthC:'=0.00; '_AvgDiskWriteQueueLengthC:'=0.00; \n",
    );
    let physical = run(&["physicalio", "-a", "*C:", "-w", "_AvgDiskQueueLength=1"]);
    assert!(
        physical.code == Some(1) && physical.out.contains(" sec) - [Triggered by _AvgDiskQueueLength>1] - 0 C: _PercentIdleTime=70%"),
        "{physical:?}"
    );
    sampled(
        run(&["network", "-a", "Intel Corp*", "-w", "_SendBytesUtilisation=0.5"]),
        1,
        "WARNING",
        " - [Triggered by _SendBytesUtilisation>0.5] - Intel Corporation I350 Gigabit Network Connection Speed: 1.00Gbit/s - Sent: 1.25MB/sec (1.00%), 900packet/sec - \
         Received: 12.50MB/sec (10.00%), 9.00Kpacket/sec - Output Queue Length: 0 - Packets Received Errors: 1\
         |'Intel Corporation I350 Gigabit Network Connection BytesSentPersec'=1250000; 'Intel Corporation I350 Gigabit Network Connection Send Utilisation'=1.00%;0.5; 'Intel Corporation I350 Gigabit Network Connection BytesReceivedPersec'=12500000; \
         'Intel Corporation I350 Gigabit Network Connection Receive Utilisation'=10.00%; 'Intel Corporation I350 Gigabit Network Connection PacketsSentPersec'=900; 'Intel Corporation I350 Gigabit Network Connection PacketsReceivedPersec'=9000; \
         'Intel Corporation I350 Gigabit Network Connection OutputQueueLength'=0; 'Intel Corporation I350 Gigabit Network Connection PacketsReceivedErrors'=1; \n",
    );
}

#[test]
fn events_files_and_drives_that_fail_are_checked() {
    let server = Server::start("127.0.104.3", "");
    put(&server, "windows.mof", include_str!("windows.mof"));
    let line = |count: u32, when: &str, rest: &str| {
        format!(
            " - {count} event(s) of Severity Level: \"Error\" were recorded {when} from the System Event Log.|'Event Count'={count}{rest}; \n"
        )
    };
    // Back to 1970, since the events of this computer have dates of their own.
    let events = |extra: &[&str]| check(&server, &[&["eventlog", "--hours", "1000000", "-c", "0"], extra].concat());
    let (old, new) = (
        "System:20261122140000.000000+000:40:40:Error:Kernel:old\n",
        "System:20261122150000.000000+000:1073741865:41:Error:Kernel:first second third\n",
    );
    let first = events(&[]);
    assert_eq!(first.code, Some(2), "{first:?}");
    let head = format!("CRITICAL - [Triggered by _ItemCount>0]{}", line(2, "in the last 1000000 hours", ";;0"));
    assert!(
        first.out.starts_with(&head) && first.out.contains(old) && first.out.contains(new) && first.out.lines().count() == 3,
        "{first:?}"
    );
    // They are not counted again, except by who keeps no state.
    said(events(&[]), 0, &format!("OK{}", line(0, "since the last check", ";;0")));
    assert!(events(&["--no-state"]).out.starts_with(&head));
    let one_more = "instance of Win32_NTLogEvent { Logfile = \"System\"; RecordNumber = 8; EventCode = 42; EventIdentifier = 42; EventType = 1; Type = \"Error\"; \
        SourceName = \"Disk|x\"; Message = \"new\"; TimeGenerated = \"20261122150500.000000-000\"; };";
    put(&server, "more.mof", one_more);
    let next = events(&[]);
    assert!(next.code == Some(2) && next.out.ends_with("\nSystem:20261122150500.000000+000:42:42:Error:Disk/x:new\n"), "{next:?}");
    assert_eq!(events(&[]).code, Some(0));
    // Of another log, and by who made it: what was checkwsusserver.
    let updates =
        check(&server, &["eventlog", "--log", "Application", "--hours", "1000000", "-a", "Windows Server Update Services", "-c", "0"]);
    assert!(
        updates.code == Some(2) && updates.out.contains("from the Application Event Log.|'Event Count'=1;;0; \nApplication:"),
        "{updates:?}"
    );

    assert!(
        check(&server, &["fileage", "C:/pagefile.sys", "-w", "_FileAge=~:"]).good().starts_with("OK - Age of File C:/pagefile.sys is ")
    );
    said(
        check(&server, &["filesize", "c:/pagefile.sys", "-c", "512m"]),
        2,
        "CRITICAL - [Triggered by FileSize>536870912] - File c:/pagefile.sys is 1.00GB. Found 1 instance(s)\
         |'c:/pagefile.sys Size'=1073741824B;;536870912; 'File Count'=1; \n",
    );
    unknown(check(&server, &["filesize", "c:/none", "-c", "512m"]), "No data: ");
    assert!(
        check(&server, &["filesize", "c:/none", "-c", "_ItemCount=1:"])
            .out
            .starts_with("CRITICAL - [Triggered by _ItemCount<1] - File c:/none is not there|")
    );
    unknown(check(&server, &["fileage", "c:/none"]), "No data: ");
    said(
        check(&server, &["foldersize", "c:/temp", "-w", "1k"]),
        0,
        "OK - Folder c:/temp is 100B. Found 1 file(s)|'c:/temp Size'=100B;1024; 'File Count'=1; \nc:\\temp\\a.txt\n",
    );
    let deep = check(&server, &["checkfoldersize", "c:/temp/", "--recursive"]).good();
    assert!(deep.starts_with("OK - Folder c:/temp/ is 123B. Found 2 file(s)|'c:/temp/ Size'=123B; 'File Count'=2; \n"), "{deep}");
    // An underscore stands for itself, not for any character.
    let own = check(&server, &["foldersize", "c:/my_dir", "--recursive"]).good();
    assert!(own.starts_with("OK - Folder c:/my_dir is 5B. Found 1 file(s)|"), "{own}");
    let ages = check(&server, &["folderfileage", "c:/temp", "-c", "1:1"]).good();
    assert!(ages.starts_with("OK - Number of Files 1; c:\\temp\\a.txt ") && ages.contains("|'_ItemCount'=1;;1:1; \n"), "{ages}");

    // The drivers' classes are in a namespace of their own.
    said(
        check(&server, &["smart", "-c", "0"]),
        0,
        "OK - Found 1 disk(s), 1 OK and 0 failing; Disk SCSI\\Disk\\0_0 is well, Temperature 31\
         |'SCSI\\Disk\\0_0_Power_On_Hours'=513; 'SCSI\\Disk\\0_0_Temperature'=31; \n\
         OK: Found 1 disk(s), 1 OK and 0 failing\nOK: Disk SCSI\\Disk\\0_0 is well, Temperature 31\n",
    );
    // What came and went since the last run.
    said(
        check(&server, &["share", "-c", "_ItemChange=0"]),
        0,
        "OK - Found 2 share(s), 0 changed since the last check|'Share Count'=2; \nbackup\npublic\n",
    );
    put(&server, "share.mof", "instance of Win32_Share { Name = \"new\"; };");
    said(
        check(&server, &["share", "-c", "_ItemChange=0"]),
        2,
        "CRITICAL - [Triggered by _ItemChange>0] - Found 3 share(s), 1 changed since the last check|'Share Count'=3; \nbackup\nnew\npublic\n",
    );
}

#[test]
fn services_are_checked() {
    let systemd = Systemd::start();
    let server = Server::new(Place::from("", TREE, &systemd.setting()), "127.0.104.4");
    let all = check(&server, &["service", "-c", "0"]);
    assert_eq!((all.code, all.err.as_str()), (Some(2), ""), "{all:?}");
    assert!(all.out.starts_with("CRITICAL - [Triggered by _NumBad>0] - Found ") && all.out.contains("|'Total Service Count'="), "{all:?}");
    let cron = check(&server, &["service", "-a", "cron", "-c", "0"]).good();
    assert!(cron.starts_with("OK - Found 1 Service(s), 1 OK and 0 with problems (0 excluded)|'Total Service Count'=1; "), "{cron}");
}

#[test]
fn a_computer_without_the_class_is_unknown_in_each_mode() {
    let server = Server::start("127.0.104.5", "");
    let class = |args: &[&str]| {
        let done = check(&server, args);
        let first = done.out.lines().next().unwrap_or_default().to_owned();
        assert!(first.contains("0x80041010") && !first.contains('|'), "{args:?}: {done:?}");
        unknown(done, "127.0.104.5:");
    };
    for mode in ["cpuq", "page", "volumes", "io", "physicalio", "network", "eventlog", "smart", "group", "groupuser", "logon", "printjob"] {
        class(&[mode, "-w", "1"]);
    }
    for mode in ["quota", "share", "startupcommand"] {
        class(&[mode]);
    }
    for mode in ["fileage", "filesize", "foldersize", "folderfileage"] {
        class(&[mode, "c:/x", "-w", "1"]);
    }
}
