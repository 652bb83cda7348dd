//! The command as the Linux `wmic`: the command lines of monitoring plug-ins, letter by letter, and what they find in the answers.

use crate::support::*;
use std::path::Path;

/// The class, the columns and the rows of each part of an answer, as a plug-in reads it: it has a `CLASS: ` or is an error.
fn parsed(text: &str, delimiter: &str) -> Vec<(String, Vec<String>, Vec<Vec<String>>)> {
    let mut parts: Vec<(String, Vec<String>, Vec<Vec<String>>)> = Vec::new();
    let split = |line: &str| line.split(delimiter).map(str::to_owned).collect::<Vec<_>>();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match (line.strip_prefix("CLASS: "), parts.last_mut()) {
            (Some(class), _) => parts.push((class.into(), split(lines.next().unwrap()), Vec::new())),
            (None, Some((_, columns, rows))) => {
                let row = split(line);
                assert_eq!(row.len(), columns.len(), "{line}");
                rows.push(row);
            }
            (None, None) => panic!("no class above {line:?}"),
        }
    }
    parts
}

impl Server {
    /// `wmic` as a plug-in starts it, by its own name.
    fn wmic(&self, words: &[&str]) -> Done {
        let link = self.place.dir.path().join("wmic");
        if !link.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rwmi"), &link).unwrap();
        }
        wmic(&link, words)
    }

    fn binding(&self) -> String {
        format!("//{}[{},sign]", self.endpoint.ip(), self.endpoint.port())
    }

    /// `-U DOM/user%pw --namespace root/cimv2 //HOST WQL`
    fn ask(&self, wql: &str) -> Done {
        let user = format!("./{USER}%{PASSWORD}");
        self.wmic(&["-U", &user, "--namespace", "root/cimv2", &self.binding(), wql])
    }
}

fn wmic(program: &Path, words: &[&str]) -> Done {
    let mut command = std::process::Command::new(program);
    for name in ["RWMI_USER", "RWMI_PASSWORD", "RWMI_LOG"] {
        command.env_remove(name);
    }
    command.args(words).stdin(std::process::Stdio::null());
    finish(command)
}

#[test]
fn plug_ins_get_what_they_expect() {
    let server = Server::start("127.0.36.41", "");
    let memory = server.ask("Select Name,FreePhysicalMemory,TotalVisibleMemorySize from Win32_OperatingSystem").good();
    let expect =
        "CLASS: Win32_OperatingSystem\nFreePhysicalMemory|Name|TotalVisibleMemorySize\n9814425|Debian GNU/Linux 12 (bookworm)|16357376\n";
    assert_eq!(memory, expect);
    // The case is the class's, and what is NULL has its word.
    let drives = server.ask("Select DeviceID,freespace,Size,VolumeName from Win32_LogicalDisk where DriveType=3").good();
    let expect = "CLASS: Win32_LogicalDisk\nDeviceID|FreeSpace|Size|VolumeName\n/|128849018880|245650948096|root\n\
        /boot/efi|529530880|535805952|(null)\n/srv/data|499557335040|999114670080|Data Disk\n";
    assert_eq!(drives, expect);
    // The key comes along.
    let processes = server.ask("select Name,CommandLine,ExecutablePath from Win32_Process").good();
    let [(class, columns, rows)] = &parsed(&processes, "|")[..] else { panic!("{processes}") };
    assert_eq!((class.as_str(), columns.join("|").as_str()), ("Win32_Process", "CommandLine|ExecutablePath|Handle|Name"));
    assert!(2 < rows.len() && rows.iter().any(|r| r[3] == "systemd"), "{processes}");
    // No row: nothing on either stream.
    assert_eq!(server.ask("select Name from Win32_Process where Name='none'").good(), "");
    let user = format!("{USER}%{PASSWORD}");
    let other = server.wmic(&[
        "--delimiter",
        "~~",
        "--option=client ntlmv2 auth=Yes",
        "-U",
        &user,
        &server.binding(),
        "select Index,IPAddress from Win32_NetworkAdapterConfiguration where IPEnabled=True",
    ]);
    let expect = "CLASS: Win32_NetworkAdapterConfiguration\nIndex~~IPAddress\n2~~(192.0.2.10,2001:db8:1::10,fe80::5054:ff:fe12:3401)\n\
        3~~(198.51.100.10,2001:db8:2::10,fe80::5054:ff:fe12:3402)\n";
    assert_eq!(other.good(), expect);
    // A file of credentials, and the subcommand.
    let file = server.place.dir.path().join("auth");
    std::fs::write(&file, format!("username = {USER}\npassword = {PASSWORD}\ndomain = .\n")).unwrap();
    let file = file.to_str().unwrap();
    let query = "select Name,FreePhysicalMemory,TotalVisibleMemorySize from Win32_OperatingSystem";
    assert_eq!(rwmi(&["wmic", "-A", file, "--namespace", "Root/CIMV2", &server.binding(), query]).good(), memory);
}

#[test]
fn a_failure_is_told_in_the_words_that_plug_ins_look_for() {
    let server = Server::start("127.0.36.42", "");
    let fails = |done: Done, first: &str, second: &str| {
        let done = done.bad(1, &[]);
        let lines: Vec<_> = done.err.lines().collect();
        assert_eq!((lines[0], lines[1], lines.len(), done.out.as_str()), (first, second, 3, ""), "{}", done.err);
    };
    let (login, next) = ("[wmi/wmic.c:196:main()] ERROR: Login to remote object.", "[wmi/wmic.c:212:main()] ERROR: Retrieve result data.");
    let query = "select Name from Win32_Process";
    let (host, port) = (server.endpoint.ip().to_string(), server.endpoint.port());
    let wrong = format!("{USER}%wrong");
    let denied = "NTSTATUS: NT_STATUS_ACCESS_DENIED - Access denied";
    fails(server.wmic(&["-U", &wrong, &server.binding(), query]), login, denied);
    fails(server.wmic(&["-U", &format!("{USER}%"), &server.binding(), query]), login, denied);
    fails(server.wmic(&[&server.binding(), query]), login, denied);
    let code = |code: &str| format!("NTSTATUS: NT code {code} - NT code {code}");
    fails(server.ask("select * from Win32_No_Such"), next, &code("0x80041010"));
    fails(server.ask("select No from Win32_Process"), next, &code("0x80041017"));
    let user = format!("{USER}%{PASSWORD}");
    fails(server.wmic(&["-U", &user, "--namespace", "root/no", &server.binding(), query]), login, &code("0x8004100e"));
    let refused = "NTSTATUS: NT_STATUS_CONNECTION_REFUSED - NT_STATUS_CONNECTION_REFUSED";
    fails(server.wmic(&["-U", &user, &format!("//{host}[1]"), query]), login, refused);
    let unknown = "NTSTATUS: NT_STATUS_UNEXPECTED_NETWORK_ERROR - NT_STATUS_UNEXPECTED_NETWORK_ERROR";
    fails(server.wmic(&["-U", &user, "//no-such-host.invalid", query]), login, unknown);
    let invalid = "NTSTATUS: NT_STATUS_INVALID_PARAMETER - NT_STATUS_INVALID_PARAMETER";
    fails(server.wmic(&["-k", "yes", "-U", &user, &format!("//{host}[{port}]"), query]), login, invalid);
    // What is not understood shows how it is used.
    for words in [&["-U", &user][..], &["--nothing"], &[&server.binding(), query, "more"]] {
        let done = server.wmic(words).bad(1, &["Usage: wmic"]);
        assert_eq!(done.out, "");
    }
    assert!(server.wmic(&["-V"]).good().starts_with("Version "));
    assert!(server.wmic(&["--help"]).good().contains("--authentication-file"));
    assert!(server.wmic(&["--usage"]).good().starts_with("Usage: wmic"));
}

/// Classes that the server does not bring, with instances that are stored in it.
const STORED: &str = r#"
class Win32_NTLogEvent { [key] string Logfile; [key] uint32 RecordNumber; uint16 EventCode; uint32 EventIdentifier; uint8 EventType;
  string Type; string SourceName; string Message; datetime TimeGenerated; string InsertionStrings[]; };
instance of Win32_NTLogEvent { Logfile = "System"; RecordNumber = 7; EventCode = 41; EventIdentifier = 41; EventType = 1; Type = "Error";
  SourceName = "Kernel"; Message = "first\nsecond|third"; TimeGenerated = "20261122150000.000000-000"; };
instance of Win32_NTLogEvent { Logfile = "System"; RecordNumber = 6; EventCode = 40; EventIdentifier = 40; EventType = 1; Type = "Error";
  SourceName = "Kernel"; Message = "old"; TimeGenerated = "20261122140000.000000-000"; };
class Win32_PageFileUsage { [key] string Name; uint32 AllocatedBaseSize; uint32 CurrentUsage; uint32 PeakUsage; };
instance of Win32_PageFileUsage { Name = "C:\\pagefile.sys"; AllocatedBaseSize = 1024; CurrentUsage = 10; };
class Win32_PageFileSetting { [key] string Name; uint32 InitialSize; uint32 MaximumSize; };
instance of Win32_PageFileSetting { Name = "C:\\pagefile.sys"; InitialSize = 512; MaximumSize = 2048; };
[abstract] class Demo_Service { [key] string Name; };
class Demo_A : Demo_Service { boolean Started; };
class Demo_B : Demo_Service { boolean Started; real64 Load; };
instance of Demo_A { Name = "a"; Started = TRUE; };
instance of Demo_B { Name = "b"; Load = 0.25; };
"#;

#[test]
fn keys_come_along_and_a_new_class_has_its_header() {
    let server = Server::start("127.0.36.43", "");
    let file = server.place.dir.path().join("stored.mof");
    std::fs::write(&file, STORED).unwrap();
    let mut compile = command(&["mof", "compile", "-n", r"root\cimv2", file.to_str().unwrap()]);
    compile.args(server.way()).env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    assert_eq!(finish(compile).code, Some(0));
    // Seven are asked for, eight are wanted; an instant without an offset is a text of GMT.
    let events = server.ask(
        "Select EventCode,EventIdentifier,Type,LogFile,SourceName,Message,TimeGenerated from Win32_NTLogEvent \
         where ( LogFile=\"System\" ) and EventType < 3 and TimeGenerated > \"20261122143000.00000000\"",
    );
    let expect = "CLASS: Win32_NTLogEvent\nEventCode|EventIdentifier|Logfile|Message|RecordNumber|SourceName|TimeGenerated|Type\n\
        41|41|System|first\nsecond|third|7|Kernel|20261122150000.000000-000|Error\n";
    assert_eq!(events.good(), expect);
    // Joined by a key that neither names.
    let page = server.ask("Select InitialSize,MaximumSize from Win32_PageFileSetting").good();
    assert_eq!(page, "CLASS: Win32_PageFileSetting\nInitialSize|MaximumSize|Name\n512|2048|C:\\pagefile.sys\n");
    // There is no word for a number that is NULL.
    let page = server.ask("Select Name,AllocatedBaseSize,CurrentUsage,PeakUsage from Win32_PageFileUsage").good();
    assert_eq!(page, "CLASS: Win32_PageFileUsage\nAllocatedBaseSize|CurrentUsage|Name|PeakUsage\n1024|10|C:\\pagefile.sys|0\n");
    let both = server.ask("Select * from Demo_Service").good();
    let mut parts = parsed(&both, "|");
    parts.sort();
    assert_eq!(parts.len(), 2, "{both}");
    assert_eq!((parts[0].1.join("|"), parts[0].2[0].join("|")), ("Name|Started".into(), "a|True".into()));
    assert_eq!((parts[1].1.join("|"), parts[1].2[0].join("|")), ("Load|Name|Started".into(), "0.250000|b|False".into()));
}
