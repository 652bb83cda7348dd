//! What goes wrong in practice: odd credentials, odd values in every format, lists out of hand, readers that go away.

use crate::support::*;
use std::process::{Command, Stdio};

/// Values that formats have to get right: line ends, a tab, a delimiter, a backslash at the end, quotes, letters from right to left, an
/// override of the direction, an emoji of several characters, an escape sequence, NUL.
const ODD: &str = concat!(
    "class Demo_Odd { [key] string Name; string Text; uint64 Big; datetime Seen; string List[]; };\n",
    "instance of Demo_Odd { Name = \"C:\\\\\"; Text = \"a\\nb\\r\\tc|d,e=f \\\"q\\\" \\x5e9\\x5dc \\x202e \\xd83d\\xdc69\\x200d\\xd83d\\xdd27 \\x1b[2J\"; ",
    "Big = 18446744073709551615; Seen = \"20240229235959.123456+060\"; List = {\"x|y\", \"\\\"\"}; };\n",
);

fn odd(address: &str) -> Server {
    let server = Server::start(address, "");
    let file = server.place.dir.path().join("odd.mof");
    std::fs::write(&file, ODD).unwrap();
    let mut compile = command(&["mof", "compile", "-n", r"root\cimv2", file.to_str().unwrap()]);
    compile.args(server.way()).env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    finish(compile).good();
    server
}

#[test]
fn odd_values_in_every_format() {
    let server = odd("127.0.103.51");
    let query = "SELECT Name, Text, Big, Seen, List FROM Demo_Odd";
    let ask = |format: &str| server.run(&["query", "-o", format, "--with-keys", query]).good();
    let rtl = "\u{5e9}\u{5dc}";
    let emoji = "\u{1f469}\u{200d}\u{1f527}";
    for format in
        ["table", "list", "json", "jsonl", "csv", "yaml", "xml", "mof", "influx", "prometheus", "zabbix-get", "zabbix-getall", "zabbix-lld"]
    {
        let out = ask(format);
        // Nothing that steers a terminal, where no rule says that a value goes as it is; and nothing lost of what people write.
        let has_control = out.chars().any(|c| c.is_control() && !"\n\r\t".contains(c));
        assert!(!has_control || matches!(format, "csv" | "zabbix-get"), "{format}: {out:?}");
        if format != "zabbix-get" {
            assert!(out.contains(rtl) && out.contains(emoji), "{format}: {out}");
        }
    }
    let text = format!("a\nb\r\tc|d,e=f \"q\" {rtl} \u{202e} {emoji} \u{1b}[2J");
    for format in ["json", "jsonl", "zabbix-getall"] {
        let value: serde_json::Value = serde_json::from_str(&ask(format)).unwrap();
        let row = if value.is_array() { &value[0] } else { &value };
        assert_eq!((row["Text"].as_str(), row["Name"].as_str()), (Some(text.as_str()), Some("C:\\")), "{format}");
        assert_eq!(row["List"], serde_json::json!(["x|y", "\""]));
    }
    let lines = |format: &str| ask(format).lines().count();
    // One point, one row: line ends do not make more of them.
    assert_eq!((lines("influx"), lines("list"), lines("table"), lines("jsonl")), (1, 5, 2, 1));
    let influx = server.run(&["query", "-o", "influx", "--tag", "Name", query]).good();
    assert!(influx.starts_with("Demo_Odd,source=127.0.103.51,Name=C: "), "a tag that ends in a backslash: {influx}");
    assert!(influx.contains(r#"Text="a\nb\r c|d,e=f \"q\" "#) && influx.contains("Big=18446744073709551615u"), "{influx}");
    let csv = ask("csv");
    assert!(csv.contains("\"a\nb\r\tc|d,e=f \"\"q\"\" "), "{csv:?}");
    // As the Linux wmic has it: nothing is escaped, and another delimiter tells columns apart.
    let host = format!("//{}[{}]", server.endpoint.ip(), server.endpoint.port());
    let wmic = |delimiter: &str| {
        rwmi(&["wmic", "-U", &format!("{USER}%{PASSWORD}"), "--delimiter", delimiter, &host, "SELECT Name, List FROM Demo_Odd"])
    };
    assert_eq!(wmic("|").good(), "CLASS: Demo_Odd\nList|Name\n(x|y,\")|C:\\\n");
    assert_eq!(wmic("\u{1}").good(), "CLASS: Demo_Odd\nList\u{1}Name\n(x|y,\")\u{1}C:\\\n");
    // A bar in a value does not begin performance data.
    let check = server.run(&["check", "query", "SELECT Name, Text, Big FROM Demo_Odd", "-w", "Big=1:"]);
    assert!(check.out.lines().all(|l| l.matches('|').count() <= 1), "{check:?}");
}

#[test]
fn a_text_with_nul_is_a_value_like_others() {
    let server = Server::start("127.0.103.52", "");
    let file = server.place.dir.path().join("nul.mof");
    std::fs::write(
        &file,
        "class Demo_Nul { [key] string Name; string Text; };\ninstance of Demo_Nul { Name = \"a\"; Text = \"x\\x0y\"; };\n",
    )
    .unwrap();
    let mut compile = command(&["mof", "compile", "-n", r"root\cimv2", file.to_str().unwrap()]);
    compile.args(server.way()).env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    let compiled = finish(compile);
    if compiled.code == Some(0) {
        for format in ["table", "list", "json", "csv", "yaml", "xml", "mof", "influx", "prometheus", "zabbix-getall", "zabbix-lld"] {
            let out = server.run(&["query", "-o", format, "SELECT Name, Text FROM Demo_Nul"]).good();
            assert!(!out.contains('\0'), "{format}: {out:?}");
        }
    } else {
        // WMI's strings end at the first NUL: a text that has one is refused where it is written.
        compiled.bad(1, &["nul.mof"]);
    }
}

#[test]
fn the_linux_wmic_takes_odd_credentials() {
    let server = Server::start("127.0.103.53", "");
    server.place.run_fed(&["account", "add", "percent", "--admin", "--password-stdin"], "a%b/c@d").good();
    let host = format!("//{}[{}]", server.endpoint.ip(), server.endpoint.port());
    let ask = |user: &str| rwmi(&["wmic", "-U", user, &host, "SELECT Bias FROM Win32_TimeZone"]);
    assert!(ask("percent%a%b/c@d").good().starts_with("CLASS: Win32_TimeZone\n"));
    assert!(ask("./percent%a%b/c@d").good().starts_with("CLASS: Win32_TimeZone\n"));
    // Nobody, and nobody with nothing, an empty password, and one that is cut at the wrong sign.
    for user in ["percent%", "percent%a", "percent%%", "%", "%x", ""] {
        let done = ask(user);
        assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{user}: {done:?}");
        assert!(done.err.contains("NTSTATUS: NT_STATUS_") && !done.err.contains("panicked"), "{user}: {}", done.err);
    }
}

#[test]
fn a_datetime_literal_without_an_offset_is_an_instant_of_gmt() {
    let place = Place::new("");
    let ask =
        |literal: &str| place.run(&["query", &format!("SELECT CSName FROM Win32_OperatingSystem WHERE LastBootUpTime > '{literal}'")]);
    for literal in ["20000101000000.000000", "20000101000000", "20000101000000.0", "20000101000000.00000000", "20000101000000.000000+000"] {
        assert_eq!(ask(literal).good(), "{\"CSName\":\"LX1\"}\n", "{literal}");
    }
    assert_eq!(ask("21000101000000.000000").good(), "");
    for literal in ["20001301000000.000000", "2000010100000", "20000101000000.000000+0600", "yesterday"] {
        ask(literal).bad(1, &["error: "]);
    }
}

/// A command with at most so many KiB of memory.
fn within(kib: u32, words: &[&str]) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -v {kib}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_rwmi")]).args(words);
    limited.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    limited
}

fn fed(mut command: Command, input: String) -> Done {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || {
        // Whoever has read enough closes the pipe.
        let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn a_list_of_a_million_lines_takes_little_memory_and_one_that_is_longer_is_refused() {
    let server = Server::start("127.0.103.54", "");
    let port = server.endpoint.port().to_string();
    let words = ["query", "-c", "-", "--endpoint-port", &port, "SELECT Bias FROM Win32_TimeZone"];
    // Duplicates, blanks, comments: two computers.
    let list: String = (0..250_000).map(|_| "127.0.103.54\n\n# 127.0.103.56\n  127.0.103.55 , 127.0.103.54\t# again\n").collect();
    let done = fed(within(1 << 20, &words), list).bad(3, &["127.0.103.55:", "\n1 of 2 computers failed\n"]);
    assert_eq!(done.out, "{\"__HOST\":\"127.0.103.54\",\"Bias\":60}\n");
    // More computers than there may be: nobody is asked.
    let list: String = (0..1_100_000).map(|n| format!("h{n}.invalid\n")).collect();
    let done = fed(within(1 << 20, &words), list).bad(2, &["standard input, line 1048577: there are more than 1048576 computers"]);
    assert_eq!(done.out, "");
    let done = fed(within(1 << 20, &words), format!("#{}\n", "x".repeat(1 << 20)).repeat(65))
        .bad(2, &["standard input is longer than 67108864 octets"]);
    assert_eq!(done.out, "");
}

#[test]
fn who_reads_no_more_is_not_told_so() {
    let server = odd("127.0.103.56");
    let (host, port) = (server.endpoint.ip().to_string(), server.endpoint.port().to_string());
    let mof = server.place.dir.path().join("odd.mof");
    let mof = mof.to_str().unwrap();
    let wmic_host = format!("//{host}[{port}]");
    let account = format!("{USER}%{PASSWORD}");
    let way = ["-c", &host, "--endpoint-port", &port];
    let unit = server.place.dir.path().join("pdu");
    std::fs::write(&unit, "05000203100000001800000001000000000000000000000000").unwrap();
    let odd = "SELECT * FROM Demo_Odd";
    let with = |head: &[&str], tail: &[&str]| [head, &way, tail].concat().iter().map(|w| (*w).to_owned()).collect::<Vec<String>>();
    let plain = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<String>>();
    let mut commands = vec![
        with(&["get-class"], &["Win32_Process"]),
        with(&["call"], &["Win32_Process"]),
        with(&["call"], &["Win32_Process.Handle=\"1\"", "GetOwner"]),
        with(&["mof", "compile"], &["--check", mof]),
        with(&["mof", "export"], &["Win32_Process"]),
        with(&["doctor"], &[]),
        with(&["check"], &["uptime"]),
        with(&["watch"], &["SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Win32_UserAccount'", "--for", "1"]),
        plain(&["wmic", "-U", &account, &wmic_host, odd]),
        plain(&["wmic", "--help"]),
        plain(&["dump", "pdu", unit.to_str().unwrap()]),
        plain(&["--help"]),
        plain(&["query", "--help"]),
        plain(&["--version"]),
        [plain(&["account", "list"]), server.place.options()].concat(),
        [plain(&["serve", "--check-config"]), server.place.options()].concat(),
    ];
    for format in
        ["table", "list", "json", "jsonl", "csv", "yaml", "xml", "mof", "influx", "prometheus", "zabbix-get", "zabbix-getall", "zabbix-lld"]
    {
        commands.push(with(&["query"], &["-o", format, odd]));
    }
    for words in commands {
        let run = |out_is_gone: bool, err_is_gone: bool| {
            let mut command = command(&words);
            command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
            // Both ends of a pipe, and nobody at the other one.
            let gone = || Stdio::from(std::io::pipe().unwrap().1);
            if out_is_gone {
                command.stdout(gone());
            }
            if err_is_gone {
                command.stderr(gone());
            }
            let output = command.output().unwrap();
            (output.status, String::from_utf8(output.stderr).unwrap())
        };
        let (plainly, _) = run(false, false);
        let (status, err) = run(true, false);
        assert!(!err.contains("panicked") && !err.contains("roken pipe"), "{words:?}: {err}");
        // Who asked for a check wants its status; otherwise it is no failure.
        assert!(status.success() || status == plainly, "{words:?}: {status} {err}");
        let (status, _) = run(true, true);
        assert!(status.success() || status == plainly, "{words:?}: {status}");
    }
    // What fails says so by its status, though nobody reads why.
    let mut failing = command(&with(&["query"], &["SELECT Nothing FROM Demo_Odd"]));
    failing.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD).stderr(std::io::pipe().unwrap().1);
    assert_eq!(failing.output().unwrap().status.code(), Some(1));
}
