//! PowerShell's cmdlets as subcommands, against this computer and over the network.

use crate::support::*;
use serde_json::Value;

const DEMO: &str = "
class Demo_Setting { [key] string Name; string Value; uint32 Size = 7; string List[]; boolean On; };
class Demo_Big : Demo_Setting { string Note; };
[Association] class Demo_Link { [key] Demo_Setting ref A; [key] Demo_Setting ref B; };
instance of Demo_Setting { Name = \"a\"; };
instance of Demo_Big { Name = \"b\"; Value = \"x\"; };
instance of Demo_Link { A = \"Demo_Setting.Name=\\\"a\\\"\"; B = \"Demo_Big.Name=\\\"b\\\"\"; };
instance of __IntervalTimerInstruction { TimerId = \"tick\"; IntervalBetweenEvents = 50; };
";

/// A running server with classes of its own in root\default.
struct Remote(Server);

impl Remote {
    fn start(address: &str, settings: &str) -> Remote {
        let server = Server::start(address, settings);
        let file = server.place.dir.path().join("demo.mof");
        std::fs::write(&file, DEMO).unwrap();
        let mut all = vec!["mof".to_owned(), "compile".to_owned()];
        all.extend(server.way());
        all.extend(["-n", r"root\default", file.to_str().unwrap()].map(str::to_owned));
        let mut command = command(&all);
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        finish(command).good();
        Remote(server)
    }

    fn words(&self, args: &[&str]) -> Vec<String> {
        let port = self.0.endpoint.port().to_string();
        args.iter().map(|a| (*a).to_owned()).chain(["--endpoint-port".into(), port]).collect()
    }

    /// With the computer by -ComputerName, and the account in the environment.
    fn run(&self, args: &[&str]) -> Done {
        self.fed(&[args, &["-ComputerName", &self.host()]].concat(), "")
    }

    fn fed(&self, args: &[&str], input: &str) -> Done {
        use std::io::Write;
        let mut command = command(&self.words(args));
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Whoever asks nothing reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn host(&self) -> String {
        self.0.endpoint.ip().to_string()
    }

    /// The settings of the class, a line each.
    fn rows(&self) -> String {
        self.run(&["gcim", "Demo_Setting", "-Namespace", "root/default", "-Property", "Name,Value,Size"]).good()
    }
}

fn names(done: Done) -> Vec<String> {
    let name = |line: &str| serde_json::from_str::<Value>(line).unwrap()["Name"].as_str().unwrap().to_owned();
    done.good().lines().map(name).collect()
}

#[test]
fn instances_come_by_class_filter_and_query() {
    let place = Place::new("");
    let os = "{\"Caption\":\"Debian GNU/Linux 12 (bookworm)\",\"Version\":\"6.1.0-28-amd64\"}\n";
    let get = |args: &[&str]| place.run(args);
    assert_eq!(get(&["Get-WmiObject", "Win32_OperatingSystem", "-Property", "Caption,Version"]).good(), os);
    assert_eq!(get(&["GET-WMIOBJECT", "-class:Win32_OperatingSystem", "Caption,", "Version"]).good(), os);
    assert_eq!(
        get(&["gwmi", "-Query", "SELECT Caption, Version FROM Win32_OperatingSystem", "-CN", ".", "-Amended", "-DirectRead"]).good(),
        os
    );
    assert_eq!(get(&["-v", "gcim", "Win32_OperatingSystem", "-Property", "Caption,Version"]).out, os);
    let colours = get(&["--no-pager", "--color", "never", "gwmi", "Win32_OperatingSystem", "Caption,Version", "--verbose"]);
    assert_eq!(colours.out, os);
    let init = "{\"Name\":\"systemd\",\"Handle\":\"1\"}\n";
    assert_eq!(get(&["gwmi", "Win32_Process", "-f", "Handle = 1", "-p", "Name"]).good(), init, "a key comes along");
    assert_eq!(get(&["gcim", "Win32_Process", "-Filter", "Handle = 1", "-SelectProperties", "Name"]).good(), init);
    assert_eq!(get(&["gcim", "Win32_Process", "-Filter", "Handle = 1", "-KeyOnly"]).good(), "{\"Handle\":\"1\"}\n");
    assert_eq!(get(&["gcim", "Win32_OperatingSystem", "-KeyOnly"]).good(), "{\"__RELPATH\":\"Win32_OperatingSystem=@\"}\n");
    assert_eq!(names(get(&["gcim", "Win32_Process.Handle=\"1\""])), ["systemd"]);
    assert_eq!(names(get(&["gcim", r#"root\cimv2:Win32_Process.Handle="1""#])), ["systemd"]);
    // Rows are of Win32_Process, which is another class.
    for shallow in [&["gcim", "CIM_Process", "-Shallow"][..], &["gcim", "CIM_Process", "-Filter", "Handle = 1", "-Shallow"]] {
        assert_eq!(get(shallow).good(), "");
    }
    assert_eq!(get(&["gcim", "-Query", "SELECT * FROM CIM_Process", "-Shallow"]).good(), "");
    assert_eq!(names(get(&["gcim", "CIM_Process", "-Filter", "Handle = 1"])), ["systemd"]);
    let csv = get(&["gwmi", "Win32_Process", "-Filter", "Handle = 1", "-Property", "Name", "-o", "csv"]).good();
    assert_eq!(csv, "Name,Handle\nsystemd,1\n");
}

#[test]
fn what_cannot_be_asked_is_refused_in_the_words_of_powershell() {
    let place = Place::new("");
    let bad = |args: &[&str], words: &[&str]| place.run(args).bad(2, words);
    bad(&["Get-WmiObject"], &["missing mandatory parameters: Class.", "rwmi Get-WmiObject -? shows its parameters"]);
    bad(&["gwmi", "C", "-Foo"], &["A parameter cannot be found that matches parameter name 'Foo'."]);
    bad(&["gwmi", "C", "-A", "x"], &["is ambiguous. Possible matches include: -Amended -Authentication -Authority -AsJob."]);
    bad(&["gwmi", "-Class", "C", "-Query", "q"], &["Parameter set cannot be resolved using the specified named parameters."]);
    bad(&["gcim", "C", "-Credential", "x"], &["parameter name 'Credential'", "hint: the account is given by --user"]);
    bad(&["gwmi", "a b"], &["is not the name of a class"]);
    bad(&["gwmi", "C", "-Property", "a b"], &["is not the name of a property"]);
    bad(&["gcim", "-Query", "SELECT * FROM meta_class"], &["rwmi Get-CimClass lists classes"]);
    bad(&["gwmi", "C", "-Authentication", "None"], &["nothing is sent"]);
    bad(&["gcim", "Win32_Process."], &["is no class and no path of an instance"]);
    bad(&["Get-Help", "Get-Foo"], &["Get-Help could not find Get-Foo"]);
    bad(&["gwmi", "Win32_Process", "-Locale", "en-US"], &["expected MS_ and a hexadecimal language code"]);
    place.run(&["gwmi", "Win32_OperatingSystem", "-Authority", "ntlmdomain:x"]).bad(1, &["0x80041064"]);
    place.run(&["gwmi", "-Query", "SELECT x"]).bad(1, &["expected FROM"]);
    place.run(&["gwmi", "-Query", "SELECT * FROM __InstanceCreationEvent WITHIN 1"]).bad(1, &["a query of events"]);
    place.run(&["gcim", "Win32_Process", "-QueryDialect", "CQL"]).bad(1, &["WBEM_E_INVALID_QUERY_TYPE"]);
    place.run(&["gwmi", "Win32_OperatingSystem", "-Credential", "x", "--password-file", "/dev/null"]).bad(1, &["0x80041064"]);
    let gone = place.run(&["gwmi", "Win32_Gone"]).bad(1, &["WBEM_E_INVALID_CLASS"]);
    assert_eq!(gone.out, "");
    let quiet = place.run(&["gwmi", "Win32_Gone", "-ErrorAction", "SilentlyContinue"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(1), ""));
}

#[test]
fn classes_are_listed_by_name_and_member() {
    let place = Place::new("");
    let list = names(place.run(&["gwmi", "-List", "Win32_Disk*"]));
    assert_eq!(list, ["Win32_DiskDriveToDiskPartition", "Win32_DiskDrive", "Win32_DiskPartition"]);
    let below = place.run(&["gwmi", "-List", "Win32_Disk*", "-Recurse", "-Namespace", "root", "-o", "csv"]).good();
    assert!(below.starts_with("Namespace,Name,Methods,Properties\n") && below.contains("\nroot\\cimv2,Win32_DiskDrive,"), "{below}");
    let classes = |args: &[&str]| {
        let out = place.run(&[&["Get-CimClass"], args].concat()).good();
        let name = |line: &str| serde_json::from_str::<Value>(line).unwrap()["CimClassName"].as_str().unwrap().to_owned();
        out.lines().map(name).collect::<Vec<_>>()
    };
    assert_eq!(classes(&["Win32_Process"]), ["Win32_Process"]);
    assert_eq!(classes(&["win32_*", "-MethodName", "Term*"]), ["Win32_Process"]);
    assert_eq!(classes(&["-QualifierName", "singleton", "-PropertyName", "Caption", "-MethodName", "Reboot"]), ["Win32_OperatingSystem"]);
    assert_eq!(classes(&["Win32_Process", "-MethodName", "Reboot"]), [""; 0]);
    place.run(&["gcls", "Win32_Gone"]).bad(1, &["WBEM_E_NOT_FOUND"]);
    let mof = place.run(&["gcls", "Win32_ProcessStartup", "-Amended", "-o", "mof"]).good();
    assert!(mof.contains("class Win32_ProcessStartup : Win32_MethodParameterClass"), "{mof}");
}

#[test]
fn methods_are_called_on_classes_paths_and_what_a_query_finds() {
    let place = Place::new("");
    let owner = "{\"User\":\"root\",\"Domain\":\"LX1\",\"ReturnValue\":0}\n";
    let path = "Win32_Process.Handle=\"1\"";
    assert_eq!(place.run(&["Invoke-WmiMethod", "-Path", path, "-Name", "GetOwner"]).good(), owner);
    assert_eq!(place.run(&["iwmi", "-InputObject", path, "GetOwner"]).good(), owner);
    assert_eq!(place.run(&["Invoke-CimMethod", path, "-MethodName", "GetOwner"]).good(), owner);
    let all = ["icim", "-Query", "SELECT * FROM Win32_Process WHERE ParentProcessId = 0", "-MethodName", "GetOwner"];
    assert_eq!(place.run(&all).good(), owner.repeat(2));
    let told = place.run(&[&all[..], &["-WhatIf"]].concat()).good();
    let sentence = |name: &str, handle: u32| {
        format!(
            "What if: Performing the operation \"Invoke-CimMethod: GetOwner\" on target \"Win32_Process: {name} (Handle = \"{handle}\")\".\n"
        )
    };
    assert_eq!(told, sentence("systemd", 1) + &sentence("kthreadd", 2));
    let create = |args: &[&str]| place.run(&[&["iwmi", "Win32_Process", "Create"], args].concat());
    create(&[]).bad(1, &["CommandLine is missing"]);
    create(&["-ArgumentList", "true"]).bad(1, &["WBEM_E_METHOD_DISABLED"]);
    create(&["-Args", "true,/,$null,4"]).bad(1, &["Create takes fewer arguments"]);
    let sentence = "What if: Performing the operation \"Invoke-WmiMethod\" on target \"Win32_Process (Create)\".\n";
    assert_eq!(create(&["-ArgumentList", "true", "-WhatIf"]).good(), sentence);
    let call = |table: &str| place.run(&["icim", "Win32_Process", table, "Create"]);
    call("@{CommandLine='true'; X=1}").bad(1, &["X is no parameter of Create"]);
    call("{\"CommandLine\": \"true\"}").bad(1, &["WBEM_E_METHOD_DISABLED"]);
    call("@{CommandLine='true'").bad(2, &["Cannot bind parameter 'Arguments'. a hash table is not closed"]);
    // A recorded machine starts nothing, a running one does.
    let live = Place::over("[methods]\nallow = [\"Win32_Process.Create\"]\n", "/");
    let started = live.run(&["icim", "-ClassName", "Win32_Process", "-Name", "Create", "-Arguments", "@{CommandLine='true'}"]).good();
    assert!(started.ends_with("\"ReturnValue\":0}\n"), "{started}");
    let started = live.run(&["iwmi", "Win32_Process", "Create", "-ArgumentList", "'true','/',@{PriorityClass=32}"]).good();
    assert!(started.ends_with("\"ReturnValue\":0}\n"), "{started}");
    live.run(&["iwmi", "Win32_Process", "Create", "-ArgumentList", "/no/such/program"]).bad(4, &["Create returned 9: path not found"]);
}

#[test]
fn what_if_and_help_ask_nobody() {
    // Nothing listens there.
    let away = ["-ComputerName", "127.0.101.9", "--user", "x", "--password-file", "/dev/null"];
    let told = |args: &[&str]| rwmi(&[args, &away, &["-WhatIf"]].concat()).good();
    let sentence = |op: &str, target: &str| format!("What if: Performing the operation \"{op}\" on target \"{target}\".\n");
    assert_eq!(told(&["iwmi", "C", "M"]), sentence("Invoke-WmiMethod", "C (M)"));
    assert_eq!(told(&["icim", "C", "-MethodName", "M"]), sentence("Invoke-CimMethod: M", "C"));
    assert_eq!(told(&["swmi", "C", "-Arguments", "@{A=1}"]), sentence("Set-WmiInstance", "C"));
    assert_eq!(told(&["Remove-WmiObject", "-Path", "C.K=\"1\""]), sentence("Remove-WmiObject", "C.K=\"1\""));
    assert_eq!(told(&["New-CimInstance", "C", "-Property", "@{A=1}"]), sentence("New-CimInstance", "C"));
    assert_eq!(told(&["scim", "C.K=\"1\"", "-Property", "@{A=1}"]), sentence("Set-CimInstance", "C (K = \"1\")"));
    assert_eq!(told(&["rcim", "C.K=1", "-Confirm:$false"]), sentence("Remove-CimInstance", "C (K = 1)"));
    let client = rwmi(&["ncim", "C", "-Property", "@{A='a b'; B=2}", "-Key", "A", "-ClientOnly"]).good();
    assert_eq!(client, "{\"A\":\"a b\",\"B\":\"2\",\"__RELPATH\":\"C.A=\\\"a b\\\"\"}\n");
    rwmi(&["ncim", "C", "-Property", "@{A=1}", "-Key", "B", "-ClientOnly"]).bad(2, &["the key B has no value"]);
    for help in [&["Get-WmiObject", "--help"][..], &["gwmi", "-?"], &["Get-Help", "gwmi"], &["gwmi", "-x", "-h"]] {
        let done = rwmi(help);
        if help[1] == "-x" {
            done.bad(2, &["parameter name 'x'"]);
            continue;
        }
        let text = done.good();
        assert!(!text.contains("-c, --computer-name") && text.contains("-o, --output"), "{text}");
        for word in ["rwmi Get-WmiObject [-Class] <String> [[-Property] <String[]>]", "-Recurse", "-Credential <String>", "--password-file"]
        {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    let all = rwmi(&["get-help"]).good();
    assert!(all.contains("Get-CimAssociatedInstance") && all.contains("gcai"), "{all}");
    assert!(rwmi(&["--help"]).good().contains("Get-WmiObject"));
}

#[test]
fn instances_are_made_changed_and_removed() {
    let remote = Remote::start("127.0.101.1", "");
    let a = r#"\\HOST\root\default:Demo_Setting.Name="a""#.replace("HOST", &remote.host());
    let here = |args: &[&str]| remote.run(&[args, &["-Namespace", r"root\default"]].concat());
    let made = here(&["New-CimInstance", "Demo_Setting", "@{Name='c'; Size=0x10; List='x','y'; On=$true}"]).good();
    assert_eq!(made, "{\"Name\":\"c\",\"Value\":null,\"Size\":16,\"List\":[\"x\",\"y\"],\"On\":true}\n");
    here(&["ncim", "Demo_Setting", "@{Name='c'}"]).bad(1, &["WBEM_E_ALREADY_EXISTS"]);
    here(&["ncim", "Demo_Setting", "@{Name='d'; Size='x'; No=1}"]).bad(1, &["Size is uint32, not \"x\"; No"]);
    here(&["ncim", "Demo_Setting", "@{Name='d'}", "-Key", "Name"]).bad(2, &["-Key is for -ClientOnly"]);
    // Made or changed.
    let put = here(&["Set-WmiInstance", "Demo_Setting", "-Arguments", "@{Name='d'; Value='v'}"]).good();
    assert!(put.starts_with("{\"Name\":\"d\",\"Value\":\"v\""), "{put}");
    here(&["swmi", "Demo_Setting", "-Args", "@{Name='d'; Value='w'}", "-PutType", "CreateOnly"]).bad(1, &["WBEM_E_ALREADY_EXISTS"]);
    here(&["swmi", "Demo_Setting", "-Args", "@{Name='e'}", "-PutType", "1"]).bad(1, &["WBEM_E_NOT_FOUND"]);
    let put = here(&["swmi", "-Path", "Demo_Setting.Name=\"d\"", "-Property", "@{Size=9}"]).good();
    assert!(put.starts_with("{\"Name\":\"d\",\"Value\":\"v\",\"Size\":9"), "{put}");
    // A path names computer and namespace.
    assert_eq!(remote.fed(&["scim", &a, "-Property", "@{Value='new'}"], "").good(), "");
    remote.run(&["scim", &a, "-Property", "@{Value='new'}"]).bad(2, &["the computer is named twice"]);
    let changed = remote.fed(&["scim", &a, "-Property", "@{Value=$null; Size=1}", "-PassThru", "-o", "csv"], "").good();
    assert_eq!(changed, "Name,Value,Size,List,On\na,,1,,\n");
    here(&["scim", "-Query", "SELECT * FROM Demo_Setting WHERE Size > 8", "-Property", "@{Size=8}"]).good();
    let line = |name: &str, value: &str, size: u32| format!("{{\"Name\":\"{name}\",\"Value\":{value},\"Size\":{size}}}\n");
    let all = line("a", "null", 1) + &line("c", "null", 8) + &line("d", "\"v\"", 8) + &line("b", "\"x\"", 7);
    assert_eq!(remote.rows(), all);
    // Whoever is asked says for each, or for all that come.
    let asked = |input: &str| {
        let words = ["rcim", "SELECT * FROM Demo_Setting WHERE Size = 8", "-Confirm", "-Namespace", "root/default", "-CimSession"];
        remote.fed(&[&words[..], &[&remote.host()]].concat(), input)
    };
    let done = asked("l\n");
    assert_eq!((done.code, done.out.as_str()), (Some(0), ""));
    assert!(
        done.err.contains("Performing the operation \"Remove-CimInstance\" on target \"Demo_Setting (Name = \"c\")\".\n[Y] Yes"),
        "{done:?}"
    );
    asked("").bad(1, &["nobody answers"]);
    assert_eq!(remote.rows(), all);
    assert_eq!(asked("?\nn\ny\n").code, Some(0));
    assert_eq!(remote.rows(), line("a", "null", 1) + &line("c", "null", 8) + &line("b", "\"x\"", 7));
    here(&["Remove-WmiObject", "-Path", "Demo_Setting.Name=\"c\""]).good();
    remote.fed(&["rcim", &a], "").good();
    here(&["rcim", "-Query", "SELECT * FROM Demo_Setting WHERE Size = 99"]).good();
    assert_eq!(remote.rows(), line("b", "\"x\"", 7));
    here(&["Remove-WmiObject", "-Class", "Demo_Big"]).good();
    assert_eq!(remote.rows(), "");
}

#[test]
fn what_is_associated_is_followed_and_events_come() {
    let remote = Remote::start("127.0.101.2", "");
    let here = |args: &[&str]| remote.run(&[args, &["-Namespace", r"root\default"]].concat());
    let other = |args: &[&str]| names(here(&[&["Get-CimAssociatedInstance"], args].concat()));
    assert_eq!(other(&["Demo_Setting.Name=\"a\""]), ["b"]);
    assert_eq!(other(&["Demo_Setting.Name=\"a\"", "Demo_Link", "-ResultClassName", "Demo_Big"]), ["b"]);
    assert_eq!(other(&["-Query", "SELECT * FROM Demo_Setting"]), ["b", "a"]);
    let keys = here(&["gcai", "Demo_Setting.Name=\"a\"", "-KeyOnly"]).good();
    assert_eq!(keys, "{\"Name\":\"b\"}\n");
    here(&["gcai", "Demo_Setting.Name=\"a\"", "-Association", "a-b"]).bad(2, &["is not a name"]);
    here(&["gcai", "a b"]).bad(2, &["is no class and no path of an instance"]);
    let tick = "{\"TimerId\":\"tick\"}\n";
    let events =
        here(&["Register-WmiEvent", "-Query", "SELECT TimerId FROM __TimerEvent", "-MaxTriggerCount", "2", "-SourceIdentifier", "x"]);
    assert_eq!(events.good(), tick.repeat(2));
    let event = here(&["Register-CimIndicationEvent", "__TimerEvent", "-MaxTriggerCount", "1"]).good();
    assert_eq!(serde_json::from_str::<Value>(&event).unwrap()["TimerId"], "tick");
    let none = here(&["Register-WmiEvent", "-Query", "SELECT * FROM __TimerEvent WHERE TimerId = 'no'", "-Timeout", "100"]);
    assert_eq!(none.good(), "");
    here(&["rcie", "SELECT * FROM Demo_Setting"]).bad(1, &["WBEM_E"]);
}

#[test]
fn several_computers_are_asked_as_by_every_command() {
    let remote = Remote::start("127.0.101.3", "");
    let host = remote.host();
    let both = format!("{host},{host}.");
    let run = |args: &[&str]| remote.fed(args, "");
    let versions = run(&["gwmi", "Win32_OperatingSystem", "Version", "-ComputerName", &both, "-ThrottleLimit", "1"]).good();
    let line = |host: &str| format!("{{\"__HOST\":\"{host}\",\"Version\":\"6.1.0-28-amd64\"}}\n");
    assert_eq!(versions, line(&host) + &line(&format!("{host}.")));
    let refused = format!("{host}, 127.0.101.8");
    let part = run(&["gcim", "Win32_OperatingSystem", "-Property", "Version", "-CN", &refused.replace(' ', "")])
        .bad(3, &["1 of 2 computers failed"]);
    assert_eq!(part.out, line(&host));
    let session =
        run(&["New-CimSession", &host, "-Authentication", "Negotiate", "-SessionOption", "@{Protocol='Dcom'; PacketPrivacy=$false}"]);
    assert_eq!(session.good(), format!("{{\"Id\":1,\"Name\":\"CimSession1\",\"ComputerName\":\"{host}\",\"Protocol\":\"DCOM\"}}\n"));
    run(&["New-CimSession", &host, "-SessionOption", "@{UseSsl=$true}"]).bad(2, &["UseSsl is no option of a session over DCOM"]);
    run(&["New-CimSession", &host, "-SessionOption", "@{Protocol='Wsman'}"]).bad(2, &["the connection is over DCOM"]);
    run(&["New-CimSession", &host, "-Authentication", "Basic"]).bad(2, &["The possible enumeration values are"]);
    run(&["New-CimSession", &host, "-Port", "5985"]).bad(2, &["it is of WS-Management"]);
    // The account of -Credential, its password from standard input and from nowhere else.
    let mut words = remote.words(&["gwmi", "Win32_OperatingSystem", "Version", "-cn", &host, "-Credential", USER]);
    words.push("--password-stdin".into());
    assert!(rwmi_fed(&words, format!("{PASSWORD}\n").as_bytes()).good().contains("6.1.0-28"));
    rwmi_fed(&words, b"wrong\n").bad(1, &["failed"]);
    words.pop();
    rwmi(&words).bad(1, &["no password for alice was given"]);
}
