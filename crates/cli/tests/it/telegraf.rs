//! `rwmi telegraf`, as Telegraf's `inputs.execd` drives it.

use crate::inventory::Workstation;
use crate::support::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// A point of line protocol, taken apart by its own rules.
#[derive(Debug, PartialEq)]
struct Point {
    measurement: String,
    tags: BTreeMap<String, String>,
    fields: BTreeMap<String, String>,
    stamp: u64,
}

impl Point {
    fn parse(line: &str) -> Point {
        let (head, rest) = cut(line, ' ');
        let (fields, stamp) = cut(&rest, ' ');
        let mut words = all(&head, ',');
        let measurement = words.remove(0);
        let pairs = |words: Vec<String>| words.iter().map(|w| cut(w, '=')).map(|(n, v)| (n.replace('\\', ""), v)).collect();
        let tags: BTreeMap<String, String> = pairs(words);
        let fields = pairs(all(&fields, ','));
        Point { measurement, tags, fields, stamp: stamp.trim_end().parse().unwrap_or_else(|e| panic!("{e}: {line:?}")) }
    }

    fn tag(&self, name: &str) -> &str {
        self.tags.get(name).map_or("", String::as_str)
    }
}

/// What stands before the first of a character that is neither quoted nor escaped, and what behind.
fn cut(text: &str, at: char) -> (String, String) {
    let (mut quoted, mut escaped) = (false, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            c if c == at && !quoted => return (text[..i].to_owned(), text[i + c.len_utf8()..].to_owned()),
            _ => {}
        }
    }
    (text.to_owned(), String::new())
}

fn all(text: &str, at: char) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), text.to_owned());
    while !rest.is_empty() {
        let (word, left) = cut(&rest, at);
        words.push(word);
        rest = left;
    }
    words
}

/// The child, at work.
struct Gatherer {
    child: Child,
    input: Option<ChildStdin>,
    out: BufReader<ChildStdout>,
    errors: PathBuf,
    _dir: tempfile::TempDir,
}

impl Gatherer {
    fn start(config: &str) -> Gatherer {
        let dir = tempfile::tempdir().unwrap();
        let (path, errors) = (dir.path().join("rwmi.toml"), dir.path().join("errors"));
        std::fs::write(&path, config).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let mut command = command(&["telegraf", "--config", path.to_str().unwrap()]);
        command.env("GATHER_PASSWORD", PASSWORD).stdin(Stdio::piped()).stderr(std::fs::File::create(&errors).unwrap());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Gatherer { input: child.stdin.take(), child, out, errors, _dir: dir }
    }

    /// Says that it is time; gives so many lines.
    fn gather(&mut self, lines: usize) -> Vec<Point> {
        self.input.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = || {
            let mut line = String::new();
            self.out.read_line(&mut line).unwrap();
            assert!(line.ends_with('\n'), "it ended: {}", std::fs::read_to_string(&self.errors).unwrap());
            Point::parse(&line)
        };
        (0..lines).map(|_| line()).collect()
    }

    /// Ends its input; gives its exit status, what else it printed, and what it told on the side.
    fn end(mut self) -> (Option<i32>, String, String) {
        drop(self.input.take());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest, std::fs::read_to_string(&self.errors).unwrap())
    }
}

impl Drop for Gatherer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A section for some computers.
fn section(hosts: &str, port: u16, asked: &str) -> String {
    format!(
        "[[inputs.win_wmi]]\nhosts = [{hosts}]\nusername = \"{USER}\"\npassword_env = \"GATHER_PASSWORD\"\nendpoint_port = {port}\n\
         name_prefix = \"win_wmi_\"\ntimeout = \"50s\"\n{asked}\n"
    )
}

const DISKS: &str = r#"
[[inputs.win_wmi.query]]
namespace = "root\\cimv2"
class_name = "Win32_LogicalDisk"
properties = ["DeviceID", "FreeSpace", "size", "VolumeName", "Access"]
filter = "DeviceID = '/' OR DeviceID = '/boot/efi'"
tag_properties = ["Device*"]
"#;

#[test]
fn it_gathers_at_each_newline_over_servers_that_come_and_go() {
    let first = Server::start("127.0.105.40", "");
    let (port, object) = (first.endpoint.port(), first.object.port().to_string());
    // Nobody is at the second.
    let mut gatherer = Gatherer::start(&section("\"127.0.105.[40-41]\"", port, DISKS));
    let points = gatherer.gather(2);
    let names: Vec<&str> = points.iter().map(|p| p.tag("DeviceID")).collect();
    assert_eq!(names, ["/", "/boot/efi"]);
    let root = &points[0];
    assert_eq!((root.measurement.as_str(), root.tag("source"), root.tags.len()), ("win_wmi_Win32_LogicalDisk", "127.0.105.40", 2));
    let field = |name: &str| root.fields.get(name).map(String::as_str);
    // Names as they were asked for; whole numbers of 64 bits; NULL is not there.
    assert_eq!((field("FreeSpace"), field("size"), field("VolumeName")), (Some("128849018880u"), Some("245650948096u"), Some("\"root\"")));
    assert_eq!(points[1].fields.get("VolumeName"), None);
    assert_eq!(points[0].stamp, points[1].stamp);
    // Once more over the same connection.
    assert_eq!(gatherer.gather(2)[1].tag("DeviceID"), "/boot/efi");
    assert_eq!(first.log().matches("event=\"login\"").count(), 1, "{}", first.log());
    // Another server at the same place: the next time it is found.
    drop(first);
    let second = Server::on(Place::new(""), &["127.0.105.40".into()], &port.to_string(), &object);
    second.place.run_fed(&["account", "add", USER, "--admin", "--password-stdin"], PASSWORD).good();
    let again = gatherer.gather(2);
    assert!(points[0].stamp < again[0].stamp);
    // And one that is gone is told, and does not end it.
    drop(second);
    gatherer.gather(0);
    let (code, rest, errors) = gatherer.end();
    assert_eq!((code, rest.as_str()), (Some(0), ""), "{errors}");
    let told = |host: &str| errors.lines().filter(|l| l.starts_with("E! ") && l.contains(host)).count();
    assert!((told("127.0.105.41"), told("127.0.105.40:")) == (4, 1), "{errors}");
    assert!(errors.lines().all(|l| l.starts_with("E! ")), "{errors}");
}

#[test]
fn a_question_that_fails_leaves_the_others() {
    let server = Server::start("127.0.105.42", "");
    let asked = format!(
        "[[inputs.win_wmi.query]]\nclass_name = \"Win32_NoSuchThing\"\nproperties = [\"A\"]\n{DISKS}\n\
         [[inputs.win_wmi.method]]\nclass_name = \"Win32_Process\"\nmethod = \"NoSuchMethod\"\n"
    );
    let mut gatherer = Gatherer::start(&section("\"127.0.105.42\"", server.endpoint.port(), &asked));
    assert_eq!(gatherer.gather(2).len(), 2);
    assert_eq!(gatherer.gather(2).len(), 2);
    let (code, _, errors) = gatherer.end();
    assert_eq!(code, Some(0));
    assert_eq!(errors.matches("WBEM_E_INVALID_CLASS").count(), 2, "{errors}");
    assert_eq!(errors.matches("Win32_Process has no method NoSuchMethod").count(), 2, "{errors}");
}

#[test]
fn a_refused_logon_is_not_tried_again() {
    let server = Server::start("127.0.105.43", "");
    let port = server.endpoint.port();
    let good = section("\"127.0.105.43\"", port, DISKS);
    let wrong = good.replace("password_env = \"GATHER_PASSWORD\"", "password = \"wrong\"");
    let mut gatherer = Gatherer::start(&format!("{wrong}{good}"));
    for _ in 0..3 {
        gatherer.gather(2);
    }
    let (code, rest, errors) = gatherer.end();
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("not asked again until this is started again"), "{errors}");
}

#[test]
fn methods_give_points() {
    let pc = Workstation::start("127.0.105.44");
    let asked = r#"
[[inputs.win_wmi.method]]
namespace = 'root\default'
class_name = "StdRegProv"
method = "GetStringValue"
tag_properties = ["product"]
[inputs.win_wmi.method.arguments]
hDefKey = '2147483650'
sSubKeyName = 'SOFTWARE\Microsoft\Windows NT\CurrentVersion'
sValueName = 'ProductName'
[inputs.win_wmi.method.fields]
sValue = "product"
[[inputs.win_wmi.method]]
namespace = 'root\default'
class_name = "StdRegProv"
method = "EnumKey"
[inputs.win_wmi.method.arguments]
hDefKey = 2147483651
sSubKeyName = 'S-1-5-21-9-8-7-1104\Software\Microsoft\Windows\CurrentVersion\Uninstall'
"#;
    let mut gatherer = Gatherer::start(&section("\"127.0.105.44\"", pc.port(), asked));
    let points = gatherer.gather(2);
    assert_eq!((points[0].measurement.as_str(), points[0].tag("product")), ("win_wmi_StdRegProv", "Windows\\ 10\\ Pro"));
    assert_eq!(points[0].fields, BTreeMap::from([("ReturnValue".to_owned(), "0u".to_owned())]));
    assert_eq!(points[1].fields.get("sNames_0").map(String::as_str), Some("\"Chat\""));
    assert_eq!(gatherer.end().0, Some(0));
    pc.stop();
}

#[test]
fn a_configuration_is_tried_without_telegraf() {
    let server = Server::start("127.0.105.45", "");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rwmi.toml");
    let run = |text: &str, mode: u32| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let mut command = command(&["telegraf", "--once", "--config", path.to_str().unwrap()]);
        command.env("GATHER_PASSWORD", PASSWORD);
        finish(command)
    };
    let good = section("\"127.0.105.45\"", server.endpoint.port(), DISKS);
    assert_eq!(run(&good, 0o644).good().lines().count(), 2);
    let down = section("\"127.0.105.[45-46]\"", server.endpoint.port(), DISKS);
    let done = run(&down, 0o644).bad(1, &["E! 127.0.105.46:"]);
    assert_eq!(done.out.lines().count(), 2);
    let inline = good.replace("password_env = \"GATHER_PASSWORD\"", "password = \"hunter2\"");
    let refused = run(&inline, 0o644).bad(1, &["every user of this computer can read the password in it (mode 0644)"]);
    assert!(!refused.err.contains("hunter2"));
    run("[[inputs.win_wmi]]\nhostt = \"a\"\n", 0o644).bad(1, &["rwmi.toml: line 2: unknown field `hostt`"]);
    rwmi(&["telegraf", "--config", "/nowhere/at/all"]).bad(1, &["/nowhere/at/all: "]);
}
