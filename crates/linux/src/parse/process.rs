//! Files of one process: `/proc/PID/stat`, `io`, `cmdline` (proc_pid_stat(5) and neighbours).

/// Clock ticks a second in the files of /proc. The kernel scales to 100 on every architecture that Rust has a target for.
pub(crate) const TICKS_PER_SECOND: u64 = 100;

/// The part of `/proc/PID/stat` that rows need.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stat {
    /// The name, at most 15 octets of it.
    pub(crate) name: String,
    pub(crate) state: char,
    pub(crate) parent: u32,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
    pub(crate) user_ticks: u64,
    pub(crate) kernel_ticks: u64,
    pub(crate) nice: i32,
    pub(crate) threads: u32,
    /// Ticks from boot to the start of the process.
    pub(crate) start_ticks: u64,
    /// Scheduling policy of sched(7); old kernels leave it out.
    pub(crate) policy: u32,
}

impl Stat {
    /// Reads the line; the name may hold blanks and parentheses, so it ends at the last one.
    pub(crate) fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().take(64).collect();
        let number = |i: usize| fields.get(i)?.parse::<u64>().ok();
        Some(Stat {
            name: name.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            minor_faults: number(7)?,
            major_faults: number(9)?,
            user_ticks: number(11)?,
            kernel_ticks: number(12)?,
            nice: fields.get(16)?.parse().ok()?,
            threads: fields.get(17)?.parse().ok()?,
            start_ticks: number(19)?,
            policy: number(38).and_then(|p| p.try_into().ok()).unwrap_or(0),
        })
    }
}

/// Arguments of `/proc/PID/cmdline`: each ends with a NUL. A title that a process wrote over them has no inner NUL and
/// may be padded with some at its end.
pub(crate) fn arguments(octets: &[u8]) -> Vec<String> {
    let end = octets.iter().rposition(|&o| o != 0).map_or(0, |i| i + 1);
    if end == 0 {
        return Vec::new();
    }
    octets[..end].split(|&o| o == 0).map(|a| String::from_utf8_lossy(a).into_owned()).collect()
}

/// A command line of its arguments, quoted so that the rules of CommandLineToArgvW take it apart again. A single argument
/// is given as it is: it may be a title.
pub(crate) fn command_line(arguments: &[String]) -> Option<String> {
    match arguments {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(many.iter().map(|a| quote(a)).collect::<Vec<_>>().join(" ")),
    }
}

fn quote(argument: &str) -> String {
    if !argument.is_empty() && !argument.contains([' ', '\t', '\n', '"']) {
        return argument.to_owned();
    }
    let mut out = String::from("\"");
    let mut backslashes = 0;
    for c in argument.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                out.extend(std::iter::repeat_n('\\', backslashes * 2 + 1));
                backslashes = 0;
            }
            _ => {
                out.extend(std::iter::repeat_n('\\', backslashes));
                backslashes = 0;
            }
        }
        if c != '\\' {
            out.push(c);
        }
    }
    out.extend(std::iter::repeat_n('\\', backslashes * 2));
    out.push('"');
    out
}

/// The arguments in a command line, taken apart as programs of Windows do: blanks and tabs divide them but between double
/// quotes, two of which stand for one there; an odd number of backslashes before a quote makes it a letter, and half of them
/// stay. In the first argument, the program, backslashes are letters.
pub(crate) fn split_command_line(text: &str) -> Vec<String> {
    let is_blank = |c: char| matches!(c, ' ' | '\t');
    let mut chars = text.chars().peekable();
    let mut arguments = Vec::new();
    loop {
        while chars.next_if(|c| is_blank(*c)).is_some() {}
        if chars.peek().is_none() {
            return arguments;
        }
        let (mut argument, mut quoted) = (String::new(), false);
        while let Some(c) = chars.next_if(|c| quoted || !is_blank(*c)) {
            if c == '\\' && !arguments.is_empty() {
                let mut backslashes = 1;
                while chars.next_if_eq(&'\\').is_some() {
                    backslashes += 1;
                }
                if chars.peek() != Some(&'"') {
                    argument.extend(std::iter::repeat_n('\\', backslashes));
                    continue;
                }
                argument.extend(std::iter::repeat_n('\\', backslashes / 2));
                if backslashes % 2 == 1 {
                    chars.next();
                    argument.push('"');
                }
            } else if c == '"' {
                if quoted && !arguments.is_empty() && chars.next_if_eq(&'"').is_some() {
                    argument.push('"');
                } else {
                    quoted = !quoted;
                }
            } else {
                argument.push(c);
            }
        }
        arguments.push(argument);
    }
}

/// The name of a program: the kernel's, or the longer one that it was cut from.
pub(crate) fn full_name<'a>(name: &'a str, executable: Option<&'a str>, arguments: &'a [String]) -> &'a str {
    // TASK_COMM_LEN is 16 with its NUL.
    if name.len() < 15 {
        return name;
    }
    let base = |path: &'a str| path.rsplit('/').next().unwrap_or(path);
    let first = arguments.first().map(|a| base(a.split(' ').next().unwrap_or(a)));
    let script = arguments.get(1).map(|a| base(a));
    [executable.map(base), first, script].into_iter().flatten().find(|n| n.starts_with(name)).unwrap_or(name)
}

/// Windows' base priority of a process from nice value and scheduling policy: the class that stands at the same place
/// between idle (4) and real time (24).
pub(crate) fn base_priority(nice: i32, policy: u32) -> u32 {
    const SCHED_FIFO: u32 = 1;
    const SCHED_RR: u32 = 2;
    const SCHED_IDLE: u32 = 5;
    const SCHED_DEADLINE: u32 = 6;
    match (policy, nice) {
        (SCHED_FIFO | SCHED_RR | SCHED_DEADLINE, _) => 24,
        (SCHED_IDLE, _) | (_, 10..) => 4,
        (_, 1..=9) => 6,
        (_, 0) => 8,
        (_, -9..=-1) => 10,
        (_, ..=-10) => 13,
    }
}

/// `ExecutionState` of CIM from the letter of the kernel.
pub(crate) fn execution_state(state: char) -> Option<u16> {
    Some(match state {
        'R' => 3,
        'S' | 'D' | 'I' => 4,
        'Z' | 'X' => 7,
        'T' | 't' => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 5 7 0 183 99 257 738 20 -5 3 0 2300 48779264 4045 18446744073709551615 1 1 0 0 0 0 0 4096 1256 0 0 0 17 1 0 2 0 0 0 0 0 0 0 0 0 0 0";

    #[test]
    fn a_command_line_is_taken_apart_as_on_windows() {
        let check = |text: &str, expect: &[&str]| assert_eq!(split_command_line(text), expect, "{text}");
        check("", &[]);
        check(" \t ", &[]);
        check("sleep 60", &["sleep", "60"]);
        check("  sleep\t 60 ", &["sleep", "60"]);
        check(r#"/bin/sh -c "echo hi > /tmp/x""#, &["/bin/sh", "-c", "echo hi > /tmp/x"]);
        check(r#""/opt/a b/c" d"#, &["/opt/a b/c", "d"]);
        check(r#""C:\a\" x"#, &[r"C:\a\", "x"]);
        check(r#"p 'a b'"#, &["p", "'a", "b'"]);
        check("p a\nb", &["p", "a\nb"]);
        // The examples of Microsoft's C run-time.
        check(r#"p "abc" d e"#, &["p", "abc", "d", "e"]);
        check(r#"p a\\b d"e f"g h"#, &["p", r"a\\b", "de fg", "h"]);
        check(r#"p a\\\"b c d"#, &["p", r#"a\"b"#, "c", "d"]);
        check(r#"p a\\\\"b c" d e"#, &["p", r"a\\b c", "d", "e"]);
        check(r#"p a"b"" c d"#, &["p", r#"ab" c d"#]);
        check(r#"p "" x"#, &["p", "", "x"]);
        check(r#"p "open"#, &["p", "open"]);
    }

    #[test]
    fn what_was_put_together_is_taken_apart_again() {
        for argument in ["", "a", "a b", "\\", "\\\\", "\"", "a\\\"b", "a b\\", "\\\" \\", "\t", "x\ny"] {
            let arguments = ["program".to_owned(), argument.to_owned(), "end".to_owned()];
            assert_eq!(split_command_line(&command_line(&arguments).unwrap()), arguments, "{argument:?}");
        }
    }

    #[test]
    fn a_name_ends_at_the_last_parenthesis() {
        let stat = Stat::parse(LINE).unwrap();
        let expect = Stat {
            name: "a) b (c".into(),
            state: 'S',
            parent: 1,
            minor_faults: 100,
            major_faults: 7,
            user_ticks: 183,
            kernel_ticks: 99,
            nice: -5,
            threads: 3,
            start_ticks: 2300,
            policy: 2,
        };
        assert_eq!(stat, expect);
        for end in 0..LINE.len() {
            let _ = Stat::parse(&LINE[..end]);
        }
    }

    #[test]
    fn a_command_line_can_be_taken_apart_again() {
        let check = |octets: &[u8], expect: Option<&str>| assert_eq!(command_line(&arguments(octets)).as_deref(), expect);
        check(b"", None);
        check(b"\0\0", None);
        check(b"sshd: user@pts/0\0\0\0\0", Some("sshd: user@pts/0"));
        check(b"/bin/sh\0-c\0echo \"a\\\" b\0", Some(r#"/bin/sh -c "echo \"a\\\" b""#));
        check(b"x\0\0y z\\\0", Some(r#"x "" "y z\\""#));
        check(b"x\0a\\b\0", Some(r"x a\b"));
        check(b"x\0\xff", Some("x \u{fffd}"));
    }

    #[test]
    fn a_name_that_was_cut_is_found_whole() {
        let name = "systemd-journal";
        assert_eq!(full_name(name, Some("/usr/lib/systemd/systemd-journald"), &[]), "systemd-journald");
        assert_eq!(full_name(name, None, &["/usr/lib/systemd/systemd-journald".into()]), "systemd-journald");
        assert_eq!(
            full_name("unattended-upgr", Some("/usr/bin/python3"), &["python3".into(), "/usr/bin/unattended-upgrades".into()]),
            "unattended-upgrades"
        );
        assert_eq!(full_name(name, Some("/usr/bin/other"), &[]), name);
        assert_eq!(full_name("bash", Some("/usr/bin/bash-static"), &[]), "bash");
    }

    #[test]
    fn a_priority_is_that_of_the_class_at_the_same_place() {
        for (nice, policy, expect) in [(0, 0, 8), (19, 0, 4), (5, 0, 6), (-5, 3, 10), (-20, 0, 13), (0, 1, 24), (0, 6, 24), (0, 5, 4)] {
            assert_eq!(base_priority(nice, policy), expect, "{nice} {policy}");
        }
    }
}
