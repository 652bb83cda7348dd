//! Completions, by the engine and by bash itself, from what commands saw.

use crate::support::*;
use crate::terminal::Terminal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cache and a configuration of our own.
struct Home {
    dir: tempfile::TempDir,
    place: Place,
}

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config.toml");
        std::fs::write(&config, "[group.web]\nhosts = ['web01', 'web02']\n[host.srv01]\nnamespace = 'root\\other'\n").unwrap();
        Home { dir, place: Place::new("") }
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn at_home<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("RWMI_CACHE", self.cache()).env("RWMI_CONFIG", self.dir.path().join("config.toml"))
    }

    fn run(&self, args: &[&str]) -> Done {
        let mut command = self.place.command(args);
        self.at_home(&mut command);
        finish(command)
    }

    /// What bash is told for a line, as our script asks.
    fn bash(&self, line: &str, word: &str) -> Vec<String> {
        let mut command = command::<&str>(&[]);
        self.at_home(&mut command).env("RWMI_COMPLETE", "bash").env("_RWMI_LINE", line).env("_RWMI_WORD", word);
        finish(command).good().lines().map(str::to_owned).collect()
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_commands_saw_is_kept_for_its_user_only() {
    let home = Home::new();
    home.run(&["query", "SELECT Caption, Version FROM Win32_OperatingSystem"]).good();
    home.run(&["get-class", "Win32_Process"]).good();
    let dir = home.cache().join("schema/%2e");
    let file = dir.join("root%5ccimv2");
    assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("Win32_OperatingSystem\tCaption,Version\t", 2), "{text}");
    assert!(lines[1].starts_with("Win32_Process\t") && lines[1].contains("Handle,") && lines[1].contains("\tCreate,"), "{text}");
    // Nothing is kept where nobody wants it.
    finish(home.place.command(&["query", "SELECT Name FROM Win32_Service"])).good();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    // All of a namespace, where somebody asks for it.
    let told = home.run(&["completions", "learn"]).good();
    assert!(told.starts_with(".: ") && told.ends_with(" classes of root\\cimv2\n"), "{told}");
    assert!(std::fs::read_to_string(&file).unwrap().lines().count() > 50);
    home.run(&["completions", "forget"]).bad(2, &["unexpected argument"]);
    let mut forget = command(&["completions", "forget"]);
    home.at_home(&mut forget);
    finish(forget).good();
    assert!(!home.cache().join("schema").exists());
}

#[test]
fn classes_properties_computers_and_formats_are_completed() {
    let home = Home::new();
    home.run(&["get-class", "Win32_Process"]).good();
    home.run(&["get-class", "Win32_Service"]).good();
    let check = |line: &str, word: &str, expect: &[&str]| assert_eq!(home.bash(line, word), expect, "{line}");
    check("rwmi get-cl", "get-cl", &["get-class"]);
    check("rwmi get-class win32_s", "win32_s", &["Win32_Service"]);
    check("rwmi call Win32_P", "Win32_P", &["Win32_Process"]);
    check("rwmi call Win32_Process Cr", "Cr", &["Create"]);
    check("rwmi query --tag ProcessI", "ProcessI", &["ProcessId"]);
    check("rwmi query \"SELECT Handle FROM Win32_Pr", "SELECT Handle FROM Win32_Pr", &["SELECT Handle FROM Win32_Process"]);
    check("rwmi query 'SELECT StartM", "SELECT StartM", &["SELECT StartMode"]);
    check("rwmi query -o jso", "jso", &["json", "jsonl"]);
    check("rwmi query -c sr", "sr", &["srv01"]);
    check("rwmi query -c gr", "gr", &["group:web"]);
    // bash takes the colon for the end of a word.
    check("rwmi query -c group:w", "w", &["web"]);
    check("rwmi query -c srv01,web0", "srv01,web0", &["srv01,web01", "srv01,web02"]);
    check("rwmi query -n root/cimv", "root/cimv", &["root/cimv2"]);
    // Its own namespace is another, of which nothing is known.
    check("rwmi get-class -c srv01 Win32_", "Win32_", &[]);
    check("rwmi get-class -c srv01 -n root/cimv2 Win32_Pro", "Win32_Pro", &["Win32_Process"]);

    // The other shells have their words split already.
    let mut zsh = command(&["--", "rwmi", "get-class", "Win32_Pro"]);
    home.at_home(&mut zsh).env("RWMI_COMPLETE", "zsh").env("_CLAP_COMPLETE_INDEX", "2").env("_CLAP_IFS", "\n");
    assert_eq!(finish(zsh).good(), "Win32_Process");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = rwmi(&["completions", shell]).good();
        assert!(script.contains("RWMI_COMPLETE") && script.contains("rwmi"), "{shell}: {script}");
    }
    rwmi(&["completions", "tcsh"]).bad(2, &["tcsh"]);
}

#[test]
fn a_cache_that_somebody_spoilt_harms_nobody() {
    let home = Home::new();
    let dir = home.cache().join("schema/%2e");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("root%5ccimv2"), "\u{1b}[2J\tx\ty\n$(reboot)\tA\tB\nWin32_Good\tName,a b,`x`\t\nWin32_Short\n").unwrap();
    let all = home.bash("rwmi get-class ", "");
    assert!(all[0] == "Win32_Good" && all[1..].iter().all(|a| a.starts_with("--")), "{all:?}");
    assert_eq!(home.bash("rwmi query --tag ", ""), ["Name"]);
    std::fs::write(dir.join("root%5ccimv2"), b"\xff\xfe\n").unwrap();
    assert_eq!(home.bash("rwmi get-class W", "W"), [""; 0]);
}

#[test]
fn bash_completes() {
    let home = Home::new();
    home.run(&["get-class", "Win32_Process"]).good();
    let program = Path::new(env!("CARGO_BIN_EXE_rwmi")).parent().unwrap();
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile", "-i"]).env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()));
    home.at_home(&mut bash).env("PS1", "ready> ").env("INPUTRC", "/dev/null");
    let mut terminal = Terminal::start(bash, 24, 200);
    terminal.until("ready> ");
    terminal.write("bind 'set enable-bracketed-paste off'; source <(rwmi completions bash); echo so''urced\n");
    terminal.until("sourced");
    // A space shows that bash took it for the only one.
    terminal.write("echo rwmi; rwmi get-class Win32_Proc\t");
    terminal.until("rwmi get-class Win32_Process ");
    terminal.write("\u{15}rwmi query -c group:w\t");
    terminal.until("rwmi query -c group:web ");
    terminal.write("\u{15}rwmi query \"SELECT Handle FROM Win32_Pr\t");
    terminal.until("rwmi query \"SELECT Handle FROM Win32_Process\"");
    terminal.write("\u{15}exit\n");
    terminal.end();
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man1");
    rwmi(&["man", pages.to_str().unwrap()]).good();
    let page = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let help = rwmi(&["--help"]).good();
    let commands = help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| l.starts_with("  "));
    let names: Vec<&str> = commands
        .filter_map(|l| l.strip_prefix("  ").filter(|l| !l.starts_with(' '))?.split_whitespace().next())
        .filter(|n| *n != "help")
        .collect();
    assert!(names.len() > 10, "{help}");
    assert!(page("rwmi.1").contains(".TH rwmi 1"));
    for name in names {
        assert!(page(&format!("rwmi-{name}.1")).contains(".SH SYNOPSIS"), "{name}");
    }
    rwmi(&["man", "/dev/null/x"]).bad(1, &["/dev/null/x"]);
}

#[test]
fn each_help_has_examples_and_names_the_forms() {
    let help = rwmi(&["--help"]).good();
    for form in ["Get-WmiObject", "winmgmts:", "CimSession", "ManagementScope", "ConnectServer", "wmic"] {
        assert!(help.contains(form), "{form}: {help}");
        assert!(rwmi(&["query", "--help"]).good().contains(form), "{form}");
    }
    for command in [
        "query",
        "watch",
        "call",
        "exec",
        "check",
        "get-class",
        "mof",
        "doctor",
        "dump",
        "serve",
        "account",
        "config",
        "completions",
        "man",
    ] {
        let help = rwmi(&[command, "--help"]).good();
        assert!(help.contains("Examples:") && help.contains(&format!("rwmi {command}")), "{command}: {help}");
    }
}
