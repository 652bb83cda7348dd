//! The command as the `wmic` of Windows.

use crate::support::*;

impl Place {
    /// `rwmi wmic` with these words, within the process.
    fn wmic(&self, words: &[&str]) -> Done {
        self.wmic_fed(words, "")
    }

    fn wmic_fed(&self, words: &[&str], input: &str) -> Done {
        let mut all = vec!["wmic".to_owned()];
        all.extend(self.options_for("wmic"));
        all.extend(words.iter().map(|w| (*w).to_owned()));
        rwmi_fed(&all, input.as_bytes())
    }
}

impl Server {
    /// `rwmi wmic` as alice, of these nodes.
    fn wmic_of(&self, nodes: &str, words: &[&str], input: &str) -> Done {
        let (port, pw) = (self.endpoint.port().to_string(), self.place.dir.path().join("pw"));
        std::fs::write(&pw, PASSWORD).unwrap();
        let node = format!("/node:{nodes}");
        let mut all = vec!["wmic", "--endpoint-port", &port, "--password-file", pw.to_str().unwrap(), &node, "/user:alice"];
        all.extend(words);
        rwmi_fed(&all, input.as_bytes())
    }

    fn wmic_at(&self, words: &[&str]) -> Done {
        self.wmic_of(&self.endpoint.ip().to_string(), words, "")
    }
}

#[test]
fn an_alias_shows_its_class_in_each_form() {
    let place = Place::new("");
    let table = place.wmic(&["os", "get", "Version,", "caption"]).good();
    assert_eq!(table, "Caption                         Version         \nDebian GNU/Linux 12 (bookworm)  6.1.0-28-amd64  \n\n");
    assert_eq!(place.wmic(&["os", "get", "FreePhysicalMemory", "/value"]).good(), "\n\nFreePhysicalMemory=9814425\n\n\n");
    let csv = place.wmic(&["logicaldisk", "where", "DeviceID='/'", "get", "Size,DeviceID", "/format:csv"]).good();
    assert!(csv.starts_with("\nNode,DeviceID,Size\n") && csv.ends_with(",/,245650948096\n") && csv.lines().count() == 3, "{csv}");
    // Without the quotes that a shell took, and by the value that the alias is compared with.
    for condition in [&["where", "DeviceID=/"][..], &["'/'"]] {
        let words = [&["logicaldisk"], condition, &["get", "Size", "/value"]].concat();
        assert_eq!(place.wmic(&words).good(), "\n\nSize=245650948096\n\n\n");
    }
    let json = place.wmic(&["logicaldisk", "'/srv/data'", "get", "VolumeName,DeviceID", "/format:json"]).good();
    assert_eq!(json, "[\n{\"DeviceID\":\"/srv/data\",\"VolumeName\":\"Data Disk\"}\n]\n");
    let html = place.wmic(&["logicaldisk", "'/'", "get", "VolumeName,DeviceID", "/format:htable"]).good();
    assert!(html.contains("<tr><th>DeviceID</th><th>VolumeName</th></tr>\n<tr><td>/</td><td>root</td></tr>\n"), "{html}");
    let arrays = place.wmic(&["nicconfig", "where", "Index=2", "get", "IPAddress,IPEnabled", "/translate:nocomma", "/value"]).good();
    assert_eq!(arrays, "\n\nIPAddress={\"192.0.2.10\" \"2001:db8:1::10\" \"fe80::5054:ff:fe12:3401\"}\nIPEnabled=TRUE\n\n\n");
    let class = place.wmic(&["class", "Win32_LogicalDisk"]).good();
    assert!(class.contains("class Win32_LogicalDisk : CIM_LogicalDisk\n"), "{class}");
    let associated =
        place.wmic(&["path", "Win32_LogicalDisk", "where", "DeviceID='/'", "assoc", "/resultclass:Win32_DiskPartition"]).good();
    assert!(associated.starts_with("__PATH ") && associated.contains(r"\root\cimv2:Win32_DiskPartition.DeviceID="), "{associated}");
    let none = place.wmic(&["process", "999999", "get", "Name"]);
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (Some(0), "", "No Instance(s) Available.\n"));
}

#[test]
fn each_alias_whose_class_is_here_has_its_lists() {
    let place = Place::new("");
    let aliases = place.wmic(&["alias"]).good();
    assert_eq!(aliases.lines().count(), 80);
    let here: String = place.run(&["query", "-o", "jsonl", "SELECT * FROM meta_class"]).good();
    let mut shown = 0;
    for line in aliases.lines() {
        let mut words = line.split_whitespace();
        let (alias, class) = (words.next().unwrap(), words.next().unwrap());
        if here.contains(&format!("\"__CLASS\":\"{class}\"")) {
            shown += 1;
            for list in ["brief", "status", "full", "instance", "system"] {
                assert_eq!(place.wmic(&[alias, "list", list]).code, Some(0), "{alias} {list}");
            }
        }
    }
    assert!(12 <= shown, "{shown}");
}

const MOF: &str = "#pragma namespace(\"root\\\\default\")\nclass Demo { [key] string Name; uint32 N = 7; string Tags[]; };\n";

#[test]
fn instances_are_created_set_deleted_and_asked_about_first() {
    let server = Server::start("127.0.109.1", "");
    let file = server.place.dir.path().join("demo.mof");
    std::fs::write(&file, MOF).unwrap();
    let (host, port) = (server.endpoint.ip().to_string(), server.endpoint.port().to_string());
    let mut compile = command(&["mof", "compile", "-c", &host, "--endpoint-port", &port, "-u", USER, file.to_str().unwrap()]);
    compile.env("RWMI_PASSWORD", PASSWORD);
    finish(compile).good();
    let demo = |words: &[&str]| server.wmic_at(&[&[r"/namespace:\\root\default", "path", "Demo"], words].concat());
    assert_eq!(demo(&["create", "Name=a,N=1,Tags=[\"x\"]"]).good(), "Instance creation successful: Demo.Name=\"a\"\n");
    demo(&["create", "Name=\"b;c\";N=2"]).good();
    demo(&["create", "Name=a"]).bad(1, &["WBEM_E_ALREADY_EXISTS"]);
    demo(&["create", "Name=d,N=x,No=1"]).bad(1, &["N is uint32, not \"x\"", "No is not there: Demo has Name, N, Tags"]);
    assert_eq!(
        demo(&["where", "N>1", "set", "N=5"]).good(),
        "Updating property(s) of 'Demo.Name=\"b;c\"'\nProperty(s) update successful.\n"
    );
    assert_eq!(demo(&["get", "Name,N,Tags"]).good(), "N  Name  Tags   \n1  a     {\"x\"}  \n5  b;c          \n\n");
    let asked = |answer: &str| {
        let host = server.endpoint.ip().to_string();
        let words = [r"/namespace:root\default", "/interactive:on", "path", "Demo", "where", "Name='a'", "delete"];
        server.wmic_of(&host, &words, answer)
    };
    let no = asked("n\n");
    assert_eq!((no.code, no.out.as_str(), no.err.as_str()), (Some(0), "", "Delete 'Demo.Name=\"a\"' (Y/N)? "));
    let yes = asked("Y\n");
    assert_eq!((yes.code, yes.out.as_str()), (Some(0), "Deleting instance Demo.Name=\"a\"\nInstance deletion successful.\n"));
    assert_eq!(demo(&["get", "Name", "/value"]).good(), "\n\nName=b;c\n\n\n");
    let class = server.wmic_at(&[r"/namespace:root\default", "class", "Demo", "delete"]).good();
    assert_eq!(class, "Deleting class Demo\nClass deletion successful.\n");
    demo(&["get", "Name"]).bad(1, &["WBEM_E_INVALID_CLASS"]);
    // A verb that the provider does not have.
    server.wmic_at(&["os", "delete"]).bad(1, &["WBEM_E_PROVIDER_NOT_CAPABLE"]);
    server.wmic_at(&["os", "set", "Description=x"]).bad(1, &["WBEM_E_PROVIDER_NOT_CAPABLE"]);
}

#[test]
fn methods_take_their_arguments_in_their_order() {
    // A server that starts processes as whoever runs the test.
    let me = std::process::Command::new("id").arg("-un").output().unwrap();
    let me = String::from_utf8(me.stdout).unwrap();
    let allow = "[methods]\nallow = [\"Win32_Process.Create\", \"Win32_Process.Terminate\"]\n";
    let place = Place::over(&format!("{allow}users = {{ alice = {:?} }}\n", me.trim()), "/");
    let server = Server::new(place, "127.0.109.2");
    let listed = server.wmic_at(&["process", "call", "/?"]).good();
    assert!(listed.contains("static uint32 Create([in] string CommandLine, "), "{listed}");
    let started = server.wmic_at(&["process", "call", "create", "/bin/sleep 600,/tmp"]).good();
    let expect = "Executing (Win32_Process)->create()\nMethod execution successful.\nOut Parameters:\ninstance of __PARAMETERS\n{\n";
    assert!(started.starts_with(expect) && started.contains("ReturnValue = 0;"), "{started}");
    let id = started.split("ProcessId = ").nth(1).and_then(|t| t.split(';').next()).unwrap().to_owned();
    let shown = server.wmic_at(&["process", &id, "get", "CommandLine", "/value"]).good();
    assert_eq!(shown, "\n\nCommandLine=/bin/sleep 600\n\n\n");
    server.wmic_at(&["process", &id, "call", "terminate"]).good();
    server.wmic_at(&["process", "call", "create", "a,b,c,d,e"]).bad(1, &["create takes 3 arguments, not 5"]);
    server.wmic_at(&["process", "call", "nothing"]).bad(1, &["has no method nothing"]);
    server.wmic_at(&["process", "call", "create", "/no/such/program"]).bad(4, &["Create returned 9"]);
}

#[test]
fn several_nodes_make_one_table_and_files_take_what_is_shown() {
    let server = Server::start("127.0.109.3", "");
    let host = server.endpoint.ip().to_string();
    let at = |name: &str| server.place.dir.path().join(name).to_str().unwrap().to_owned();
    // Nobody listens at the second.
    let both = server.wmic_of(&format!("{host},127.0.109.4"), &["/failfast:2000", "os", "get", "Caption"], "").bad(3, &["127.0.109.4"]);
    assert!(both.out.starts_with("Node         Caption") && both.out.contains("127.0.109.3  Debian GNU/Linux 12"), "{}", both.out);
    std::fs::write(at("hosts"), format!("{host}\n")).unwrap();
    for prefix in ["@", "&"] {
        let nodes = format!("{prefix}{}", at("hosts"));
        assert_eq!(
            server.wmic_of(&nodes, &["os", "get", "FreePhysicalMemory", "/value"], "").good(),
            "\n\nFreePhysicalMemory=9814425\n\n\n"
        );
    }
    let value = ["os", "get", "FreePhysicalMemory", "/value"];
    let switches = |words: &[&str]| server.wmic_at(&[words, &value].concat());
    for _ in 0..2 {
        assert_eq!(switches(&[&format!("/output:{}", at("out"))]).good(), "");
        assert_eq!(switches(&[&format!("/append:{}", at("all"))]).good(), "");
    }
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    assert_eq!((read("out").matches("=9814425").count(), read("all").matches("=9814425").count()), (1, 2));
    server
        .wmic_at(&[&format!("/record:{}", at("record")), "path", "Win32_LogicalDisk", "where", "Size<>1", "get", "VolumeName", "/value"])
        .good();
    let record = read("record");
    assert!(
        record.starts_with("<RECORD>\n<REQUEST>") && record.contains("VolumeName=Data Disk") && record.ends_with("</OUTPUT>\n</RECORD>\n")
    );
    // Again and again.
    let twice = server.wmic_at(&["os", "get", "FreePhysicalMemory", "/value", "/every:1", "/repeat:2"]).good();
    assert_eq!(twice.matches("FreePhysicalMemory=9814425\n").count(), 2);
    // As little as for any other command, an account is for this computer.
    let local = server.place.wmic(&["/user:alice", "os", "get", "Caption"]);
    local.bad(1, &["0x80041064"]);
}

#[test]
fn lines_of_the_shell_keep_the_switches() {
    let server = Server::start("127.0.109.5", "");
    let host = server.endpoint.ip().to_string();
    let lines = "os get FreePhysicalMemory /value\n\n/output:nowhere/x\nos get Caption\n/output:stdout\ncontext\nnonsense\n\"\nquit\nos get Version\n";
    let done = server.wmic_of(&host, &[], lines);
    let (out, err) = (&done.out, &done.err);
    assert!(out.starts_with("\n\nFreePhysicalMemory=9814425\n\n\nNAMESPACE   : root\\cimv2\n"), "{out}");
    assert!(out.contains(&format!("NODE(S)     : {host}\n")) && out.ends_with("AGGREGATE   : ON\n"), "{out}");
    for words in ["nowhere/x: ", "nonsense - alias not found", "a quote or a parenthesis is not closed"] {
        assert!(err.contains(words), "{err}");
    }
    // The last line's status.
    assert_eq!(done.code, Some(2));
    assert!(server.place.wmic(&["/?"]).good().contains("LIST [BRIEF|FULL|INSTANCE|STATUS|SYSTEM]"));
}
