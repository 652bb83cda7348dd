//! `rwmi check`, as monitoring starts it.

use crate::support::*;
use std::net::TcpListener;
use std::os::unix::fs::symlink;

/// A check against a server, with the account in the environment.
fn check(server: &Server, args: &[&str]) -> Done {
    let (host, port) = (server.endpoint.ip().to_string(), server.endpoint.port().to_string());
    let mut command = command(&[&["check", "-H", &host, "--endpoint-port", &port], args].concat());
    command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD).env("XDG_STATE_HOME", server.place.dir.path());
    finish(command)
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
        check(&server, &["cpuq", "-w", "2"]),
        1,
        "WARNING - [Triggered by _AvgCPUQLen>2] - Average CPU Queue Length 3|'Avg CPU Queue Length'=3;2; \n",
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
    // Somebody who takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.37.7:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    std::fs::write(&file, "username=x\npassword=y\n").unwrap();
    unknown(rwmi(&["check", "mem", "-H", "127.0.37.7", "--endpoint-port", &port, "--timeout", "1", "-A", file.to_str().unwrap()]), "");
}
