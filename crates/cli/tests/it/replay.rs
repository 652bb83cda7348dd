//! The command lines of check_wmi_plus against our server, exactly: `replay.txt` has what each of them said. `RWMI_RECORD=1` writes it anew.

use crate::plugin::{Read, Rows, read};
use crate::support::*;
use crate::systemd::Systemd;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

const RECORDED: &str = include_str!("replay.txt");

/// Classes of Windows that our server does not bring.
const WINDOWS: &str = include_str!("windows.mof");

/// A command line and what it ended with.
#[derive(Debug, Default, PartialEq)]
struct Exchange {
    /// The mode of the plug-in, or what this is about.
    about: String,
    words: Vec<String>,
    code: i32,
    out: String,
    err: String,
}

impl Exchange {
    /// `# about`, the command line, `exit N`, and each stream's lines behind `>` and `!`; `\n` at the end of a line means that it has no end.
    fn text(&self) -> String {
        let words = self.words.iter().map(|w| format!(" '{w}'")).collect::<String>();
        let stream = |mark: &str, text: &str| {
            text.split_inclusive('\n').map(|l| format!("{mark}{}\n", l.trim_end_matches('\n'))).collect::<String>()
        };
        format!("# {}\nwmic{words}\nexit {}\n{}{}\n", self.about, self.code, stream(">", &self.out), stream("!", &self.err))
    }

    fn parse(text: &str) -> Exchange {
        let mut exchange = Exchange::default();
        for line in text.lines() {
            if let Some(about) = line.strip_prefix("# ") {
                exchange.about = about.into();
            } else if let Some(words) = line.strip_prefix("wmic") {
                exchange.words = words.split_terminator('\'').skip(1).step_by(2).map(str::to_owned).collect();
            } else if let Some(code) = line.strip_prefix("exit ") {
                exchange.code = code.parse().unwrap();
            } else if let Some(out) = line.strip_prefix('>') {
                exchange.out += &format!("{out}\n");
            } else if let Some(err) = line.strip_prefix('!') {
                exchange.err += &format!("{err}\n");
            }
        }
        exchange
    }

    /// What the plug-in reads.
    fn read(&self) -> Read {
        let delimiter = self.words.iter().position(|w| w == "--delimiter").map_or("|", |at| &self.words[at + 1]);
        let how = if self.about.starts_with("checkeventlog") { Rows::Columns(8) } else { Rows::Lines };
        read(&format!("{}{}", self.err, self.out), delimiter, how)
    }
}

fn recorded() -> Vec<Exchange> {
    let blocks = RECORDED.split("\n\n").filter(|b| b.contains("\nwmic"));
    blocks.map(|b| Exchange::parse(&b[b.find("# ").unwrap()..])).collect()
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(name)
}

/// A server with the classes of Windows, and `wmic` beside it.
struct Replay {
    server: Server,
    silent: TcpListener,
    _systemd: Systemd,
}

impl Replay {
    fn start(address: &str) -> Replay {
        let systemd = Systemd::start();
        let place = Place::from("", TREE, &systemd.setting());
        place.run_fed(&["account", "add", "bob", "--password-stdin"], PASSWORD).good();
        let server = Server::new(place, address);
        put(&server, "windows.mof", WINDOWS);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rwmi"), server.place.dir.path().join("wmic")).unwrap();
        let file = format!("username = {USER}\npassword={PASSWORD}\ndomain= CORP\n");
        std::fs::write(server.place.dir.path().join("auth"), file).unwrap();
        // Takes connections and says nothing.
        let silent = TcpListener::bind((server.endpoint.ip(), 0)).unwrap();
        Replay { server, silent, _systemd: systemd }
    }

    /// What stands in the file for what is different in each run.
    fn names(&self) -> [(&'static str, String); 6] {
        let ip = self.server.endpoint.ip();
        [
            ("//HOST", format!("//{ip}[{}]", self.server.endpoint.port())),
            ("//SIGNED", format!("//{ip}[{},sign]", self.server.endpoint.port())),
            ("//SILENT", format!("//{ip}[{}]", self.silent.local_addr().unwrap().port())),
            ("//CLOSED", format!("//{ip}[1]")),
            ("FILE", self.server.place.dir.path().join("auth").to_str().unwrap().to_owned()),
            ("SECRET", PASSWORD.to_owned()),
        ]
    }

    fn run(&self, about: &str, words: &[String]) -> Exchange {
        let real = words.iter().map(|w| self.names().iter().fold(w.clone(), |w, (name, value)| w.replace(name, value)));
        let mut command = std::process::Command::new(self.server.place.dir.path().join("wmic"));
        command.args(real).stdin(std::process::Stdio::null());
        for name in ["RWMI_USER", "RWMI_PASSWORD", "RWMI_LOG"] {
            command.env_remove(name);
        }
        let done = finish(command);
        let (ip, port) = (self.server.endpoint.ip().to_string(), self.server.endpoint.port().to_string());
        let (silent, object) = (self.silent.local_addr().unwrap().port().to_string(), self.server.object.port().to_string());
        // Why a name has no address is the resolver's word.
        let said = "the name has no address (";
        let resolved = |text: String| match text.split_once(said).and_then(|(a, b)| Some((a, b.split_once(')')?.1))) {
            Some((before, behind)) => format!("{before}{said}..){behind}"),
            None => text,
        };
        let plain = |text: String| {
            let text = resolved(text);
            let ports = [(&port, "PORT"), (&silent, "SILENT"), (&object, "OBJECT")];
            ports.iter().fold(text, |t, (port, name)| t.replace(&format!("{ip}:{port}"), &format!("HOST:{name}"))).replace(&ip, "HOST")
        };
        Exchange { about: about.into(), words: words.to_vec(), code: done.code.unwrap_or(-1), out: plain(done.out), err: plain(done.err) }
    }
}

#[test]
fn each_command_line_of_the_plug_in_is_answered_as_it_was_recorded() {
    let replay = Replay::start("127.0.104.1");
    let preface = RECORDED.split_once("\n\n").unwrap().0;
    let now: Vec<Exchange> = recorded().iter().map(|e| replay.run(&e.about, &e.words)).collect();
    if std::env::var_os("RWMI_RECORD").is_some() {
        let text = now.iter().map(Exchange::text).collect::<String>();
        std::fs::write(path("replay.txt"), format!("{preface}\n\n{text}")).unwrap();
        return;
    }
    assert!(40 < now.len());
    for (now, recorded) in now.iter().zip(recorded()) {
        assert_eq!(now.text(), recorded.text());
    }
}

/// Those of a mode, and what the plug-in reads of each.
fn of(mode: &str) -> Vec<Read> {
    let reads: Vec<Read> = recorded().iter().filter(|e| e.about.split(':').next() == Some(mode)).map(Exchange::read).collect();
    assert!(!reads.is_empty(), "nothing of {mode}");
    reads
}

#[test]
fn the_plug_in_reads_what_was_recorded() {
    let columns = |mode: &str, at: usize| of(mode).remove(at).rows().0.join("|");
    let rows = |mode: &str, at: usize| of(mode).remove(at).rows().1;
    // Seven columns are asked for, eight are demanded; a message may have line ends.
    assert_eq!(columns("checkeventlog", 0), "EventCode|EventIdentifier|Logfile|Message|RecordNumber|SourceName|TimeGenerated|Type");
    let event = &rows("checkeventlog", 0)[0];
    assert_eq!((event["RecordNumber"].as_str(), event["Message"].as_str(), event["Type"].as_str()), ("7", "first\nsecond\nthird", "Error"));
    // The second query of page files is joined to the first by a key that it does not name.
    let (usage, setting) = (rows("checkpage", 0), rows("checkpage", 1));
    assert_eq!(usage.len(), setting.len());
    assert!(usage.iter().zip(&setting).all(|(u, s)| u["Name"] == s["Name"] && s["MaximumSize"] == "2048"));
    // What is not in the class's case cannot be found by the plug-in.
    assert!(["DeviceID", "FreeSpace", "Size", "VolumeName"].iter().all(|c| rows("checkdrivesize", 0)[0].contains_key(*c)));
    assert!(rows("checknetwork", 1)[0].contains_key("BytesReceivedPersec"));
    assert!(rows("checkservice", 0).iter().all(|s| s["Started"] == "True" || s["Started"] == "False"));
    assert!(rows("checkservice", 1).iter().all(|s| s["StartMode"] == "Auto"));
    // The class that is not there is told in words that it falls back upon.
    assert_eq!(of("checknetwork").remove(0), Read::Failure(Some("0x80041010")));
    // Silence is no row.
    assert_eq!(of("no rows"), [Read::NoData, Read::NoData]);
    let failures: Vec<Option<&str>> = recorded()
        .iter()
        .filter(|e| e.code != 0)
        .map(|e| match e.read() {
            Read::Failure(words) => words,
            other => panic!("{e:?}: {other:?}"),
        })
        .collect();
    for words in [
        "NT_STATUS_ACCESS_DENIED",
        "0x80041010",
        "NT_STATUS_IO_TIMEOUT",
        "NT_STATUS_UNEXPECTED_NETWORK_ERROR",
        "NT_STATUS_CONNECTION_REFUSED",
    ] {
        assert!(failures.contains(&Some(words)), "{words}: {failures:?}");
    }
    // All others have rows, and each row all columns.
    for exchange in recorded().iter().filter(|e| e.code == 0 && e.about != "no rows" && !e.about.starts_with("help")) {
        let (columns, rows) = exchange.read().rows();
        assert!(!rows.is_empty() && rows.iter().all(|r| r.len() == columns.len()), "{exchange:?}");
        assert_eq!(exchange.err, "");
    }
}

#[test]
fn an_exchange_is_written_as_it_is_read() {
    for exchange in recorded() {
        assert_eq!(Exchange::parse(&exchange.text()), exchange);
    }
}
