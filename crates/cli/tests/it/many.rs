//! Many computers at once, for every command, and the line that shows how far it is.

use crate::support::*;
use serde_json::Value;
use std::net::TcpListener;
use std::process::{Command, Stdio};

const PORTS: [&str; 2] = ["10335", "10336"];

/// A server that is three computers: 127.0.103.N to N + 2; the one behind them is down.
fn three(first: u8) -> Server {
    let place = Place::new("");
    place.run_fed(&["account", "add", USER, "--admin", "--password-stdin"], PASSWORD).good();
    let addresses: Vec<String> = (first..first + 3).map(|n| format!("127.0.103.{n}")).collect();
    Server::on(place, &addresses, PORTS[0], PORTS[1])
}

fn ask(hosts: &str, words: &[&str]) -> Done {
    finish(asking(hosts, words))
}

fn asking(hosts: &str, words: &[&str]) -> Command {
    let mut command = command(&[&[words[0], "-c", hosts, "--endpoint-port", PORTS[0]], &words[1..]].concat());
    command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    command
}

#[test]
fn every_command_asks_many_and_sums_up_what_failed() {
    let server = three(1);
    let file = server.place.dir.path().join("x.mof");
    std::fs::write(&file, "class Demo_Many { [key] string Name; };\ninstance of Demo_Many { Name = \"a\"; };\n").unwrap();
    let file = file.to_str().unwrap();
    let sum = "1 of 4 computers failed\n  1: connecting to the endpoint mapper failed: connection refused (127.0.103.4)\n";
    // Each once, in any order; with --throttle 1 in that of the list.
    let check = |words: &[&str], mark: &dyn Fn(&str) -> String| {
        for throttle in ["1", "3", "32"] {
            let done = ask("127.0.103.[1-4]", &[words, &["--throttle", throttle]].concat()).bad(3, &[sum]);
            let at: Vec<usize> = (1..=3)
                .map(|n| {
                    let mark = mark(&format!("127.0.103.{n}"));
                    assert_eq!(done.out.matches(&mark).count(), 1, "{mark} in {}", done.out);
                    done.out.find(&mark).unwrap()
                })
                .collect();
            assert!(throttle != "1" || at.is_sorted(), "{}", done.out);
            assert!(!done.err.contains('\x1b') && !done.out.contains('\x1b'), "{done:?}");
        }
    };
    check(&["query", "SELECT Bias FROM Win32_TimeZone"], &|h| format!("{{\"__HOST\":\"{h}\",\"Bias\":60}}\n"));
    check(&["get-class", "Win32_TimeZone"], &|h| format!("// {h}\n[dynamic"));
    check(&["get-class", "-o", "json", "Win32_TimeZone"], &|h| format!("{{\"__HOST\":\"{h}\",\"class\":"));
    check(&["call", "Win32_Process"], &|h| format!("{h}:\n"));
    check(&["call", "Win32_Process.Handle=\"1\"", "GetOwner"], &|h| {
        format!("{{\"__HOST\":\"{h}\",\"User\":\"root\",\"Domain\":\"LX1\",\"ReturnValue\":0}}\n")
    });
    let mof = |words: &[&str]| {
        let mut command = command(&[&["mof", words[0], "-c", "127.0.103.[1-4]", "--endpoint-port", PORTS[0]], &words[1..]].concat());
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        finish(command).bad(3, &[sum]).out
    };
    for words in [&["compile", "--check", file, "-n", r"root\default"][..], &["compile", file, "-n", r"root\default"]] {
        let verb = if words.len() == 5 { "would be put" } else { "put" };
        let mut lines: Vec<String> = mof(words).lines().map(str::to_owned).collect();
        lines.sort();
        let expect: Vec<String> = (1..=3).map(|n| format!("127.0.103.{n}: 1 classes and 1 instances {verb}, 0 deleted")).collect();
        assert_eq!(lines, expect);
    }
    let export = mof(&["export", "-n", r"root\default", "Demo_Many"]);
    assert_eq!(export.matches("class Demo_Many").count(), 3, "{export}");
    assert!((1..=3).all(|n| export.contains(&format!("// 127.0.103.{n}\n#pragma namespace"))), "{export}");
    // One that does not compile is a failure of each, and the cause is one.
    std::fs::write(file, "instance of Nobody_Knows { Name = \"a\"; };\n").unwrap();
    let done = ask("127.0.103.[1-3]", &["query", "SELECT Name FROM Nobody_Knows"]).bad(1, &["3 of 3 computers failed\n  3: "]);
    assert_eq!(done.err.matches("hint: ").count(), 1, "{}", done.err);
    let mut compile = command(&["mof", "compile", "-c", "127.0.103.[1-3]", "--endpoint-port", PORTS[0], file]);
    compile.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    finish(compile).bad(1, &["3 of 3 computers failed\n  3: ", "Nobody_Knows"]);
    // Where several make no sense.
    ask("127.0.103.[1-3]", &["exec", "--", "true"]).bad(125, &["one computer"]);
}

#[test]
fn events_of_many_come_though_few_connect_at_a_time() {
    let server = three(11);
    let file = server.place.dir.path().join("x.mof");
    std::fs::write(&file, "instance of __IntervalTimerInstruction { TimerId = \"tick\"; IntervalBetweenEvents = 50; };").unwrap();
    let mut compile =
        command(&["mof", "compile", "-c", "127.0.103.11", "--endpoint-port", PORTS[0], "-n", r"root\default", file.to_str().unwrap()]);
    compile.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    finish(compile).good();
    let words = ["watch", "-n", r"root\default", "--throttle", "1", "--count", "60", "SELECT TimerId FROM __TimerEvent"];
    let out = ask("127.0.103.[11-14]", &words).bad(3, &["1 of 4 computers failed"]).out;
    let mut hosts: Vec<String> =
        out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["__HOST"].as_str().unwrap().to_owned()).collect();
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts, ["127.0.103.11", "127.0.103.12", "127.0.103.13"]);
}

/// Runs a command on a terminal so many columns wide; gives everything that was written there.
fn on_terminal(columns: u16, command: &Command, redirect: &str) -> (Option<i32>, String) {
    let quoted = |s: &std::ffi::OsStr| format!("'{}'", s.to_str().unwrap().replace('\'', r"'\''"));
    let words: Vec<String> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    let mut script = Command::new("script");
    script.args(["-qefc", &format!("stty rows 24 cols {columns} -onlcr; exec {} {redirect}", words.join(" ")), "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    if command.get_envs().all(|(n, _)| n != "TERM") {
        script.env("TERM", "xterm");
    }
    // Of what is written between the lines only the line of progress is looked at.
    script.env("NO_COLOR", "1");
    let output = script.stdin(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// What is on the terminal at the end, and the longest line that ever was.
fn screen(text: &str) -> (String, usize) {
    let (mut lines, mut column, mut longest) = (vec![String::new()], 0, 0);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let line = lines.last_mut().unwrap();
        if let Some(behind) = rest.strip_prefix("\x1b[K") {
            *line = line.chars().take(column).collect();
            rest = behind;
            continue;
        }
        match c {
            '\r' => column = 0,
            '\n' => {
                lines.push(String::new());
                column = 0;
            }
            c => {
                assert!(!c.is_control(), "{c:?} in {text:?}");
                *line = line.chars().take(column).chain([c]).chain(line.chars().skip(column + 1)).collect();
                column += 1;
                longest = longest.max(column);
            }
        }
        rest = &rest[c.len_utf8()..];
    }
    (lines.join("\n"), longest)
}

const BIAS: &str = "SELECT Bias FROM Win32_TimeZone";

#[test]
fn a_terminal_shows_how_far_it_is_and_forgets_it() {
    let _server = three(21);
    // The system completes connections for it, and nobody ever says a word.
    let _silent = TcpListener::bind(("127.0.103.25", PORTS[0].parse().unwrap())).unwrap();
    let waiting = |words: &[&str]| asking("127.0.103.21,127.0.103.25", &[&["query", "--timeout", "2", BIAS], words].concat());
    let error = "error: 127.0.103.25:10335: ";
    for (columns, shown) in [(80, "1 of 2 computers, 0:0"), (40, "1 of 2 computers, 0:0"), (24, "1/2")] {
        let (code, text) = on_terminal(columns, &waiting(&["-o", "jsonl"]), "");
        assert!(code == Some(3) && text.contains(shown) && text.contains("\r\x1b[K"), "{code:?} {text:?}");
        let bar: Vec<&str> = text.split("\x1b[K").filter(|t| t.contains("1 of 2 computers, ") || t.starts_with("1/2")).collect();
        assert!(bar.iter().all(|l| l.trim_end().len() < columns.into()), "{bar:?}");
        let (left, _) = screen(&text);
        assert!(left.contains("{\"__HOST\":\"127.0.103.21\",\"Bias\":60}\n") && left.contains(error), "{left}");
        assert!(!left.contains("1 of 2 computers,") && !left.contains("1/2") && !left.contains("[="), "{left}");
        assert!(left.contains("\n1 of 2 computers failed\n"), "{left}");
    }
    // For people on a terminal, where they want it, and where there is something to count.
    let silent = |command: Command, redirect: &str| {
        let (_, text) = on_terminal(80, &command, redirect);
        assert!(!text.contains("\x1b[K") && !text.contains("1 of 2 computers,"), "{redirect} {text:?}");
    };
    silent(waiting(&["--no-progress"]), "");
    silent(waiting(&[]), "2>/dev/null");
    silent(asking("127.0.103.25", &["query", "--timeout", "2", BIAS]), "");
    let mut dumb = waiting(&[]);
    dumb.env("TERM", "dumb");
    silent(dumb, "");
    // Rows that go elsewhere do not matter to it.
    let (_, text) = on_terminal(80, &waiting(&[]), "| cat >/dev/null");
    assert!(!text.contains("Bias"), "{text:?}");
    let (_, text) = on_terminal(80, &waiting(&[]), "> /dev/null");
    assert!(text.contains("1 of 2 computers, 0:0") && !screen(&text).0.contains("1 of 2 computers,"), "{text:?}");
}

#[test]
fn rows_fit_a_terminal_of_forty_columns() {
    let _server = three(31);
    let wide = "SELECT Caption, Version, LastBootUpTime, CSName FROM Win32_OperatingSystem";
    for words in [
        &["query", wide][..],
        &["query", "-o", "table", "SELECT Name, Caption FROM Win32_OperatingSystem"],
        &["query", "-o", "table", BIAS],
    ] {
        let (code, text) = on_terminal(40, &asking("127.0.103.31", words), "");
        let (left, longest) = screen(&text);
        assert!(code == Some(0) && left.contains('\n') && longest <= 60, "{code:?} {left}");
        // A list may have a line that is longer than the terminal; a table never.
        assert!(longest <= 40 || left.contains(" : "), "{left}");
    }
    let (code, text) = on_terminal(40, &command(&["query", "--help"]), "");
    assert!(code == Some(0) && text.contains("--throttle"), "{text}");
    // A word is not cut: the longest is a name of an option with its value.
    let longest = screen(&text).1;
    assert!(longest <= 60, "{longest} {text}");
}
