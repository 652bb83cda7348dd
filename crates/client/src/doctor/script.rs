//! What the administrator of the target runs: the commands of causes as one script.

use super::{Cause, Caution, Patient, Place};
use std::fmt::Write;

/// What a target runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum System {
    /// Windows: the script is PowerShell.
    Windows,
    /// Linux with `rwmi serve`: the script is for a shell.
    Linux,
}

/// The script that makes `causes` go away on a target; for none of them everything that a target needs. What weakens the computer
/// or changes more than is asked for stands in it as a comment. Lines for tools that may not be there (nftables, firewalld) look for
/// them first.
pub fn fix_script(system: System, causes: &[Cause], of: &Patient) -> String {
    let place = match system {
        System::Windows => Place::Windows,
        System::Linux => Place::Linux,
    };
    let everything = [
        Cause::PortClosed,
        Cause::ObjectPortClosed,
        Cause::ActivationDenied,
        Cause::NamespaceDenied,
        Cause::TokenFiltered,
        Cause::ClockSkew,
        Cause::PrincipalUnknown,
    ];
    let causes = if causes.is_empty() { &everything[..] } else { causes };
    let mut out = String::new();
    let _ = match system {
        System::Windows => writeln!(out, "# PowerShell, as an administrator of {}", one_line(&of.host)),
        System::Linux => writeln!(out, "#!/bin/sh\n# As root on {}, which runs `rwmi serve`", one_line(&of.host)),
    };
    let _ = writeln!(
        out,
        "# Lines behind #! weaken the computer, change more than WMI, or lack a name: read them before you take the #! away."
    );
    let mut lines: Vec<String> = Vec::new();
    for cause in causes {
        let mut begun = false;
        for command in cause.commands(of).into_iter().filter(|c| c.place == place) {
            // Two causes may ask for one thing.
            if lines.contains(&command.line) {
                continue;
            }
            if !begun {
                let _ = writeln!(out, "\n# {}: {}", cause.code(), cause.text());
                begun = true;
            }
            let _ = writeln!(out, "# - {}", command.what);
            let tool = command.line.split(' ').next().unwrap_or_default();
            let _ = match (command.caution, system, tool) {
                (Caution::Careful, ..) => writeln!(out, "#! {}", command.line),
                (Caution::Safe, System::Linux, "nft" | "firewall-cmd") => {
                    writeln!(out, "if command -v {tool} >/dev/null; then {}; fi", command.line)
                }
                (Caution::Safe, ..) => writeln!(out, "{}", command.line),
            };
            lines.push(command.line);
        }
    }
    if lines.is_empty() {
        out += "\n# Nothing that was seen is changed on this computer.\n";
    }
    out
}

/// A text as one word of PowerShell. It takes typographic quotes for quotes.
pub(crate) fn power_shell(text: &str) -> String {
    let mut out = String::from("'");
    for c in one_line(text).chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            out.push(c);
        }
        out.push(c);
    }
    out + "'"
}

/// A text as one word of a shell.
pub(crate) fn shell(text: &str) -> String {
    let text = one_line(text);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '@' | '/' | '%' | ',');
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Nothing ends a comment or steers a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient() -> Patient {
        Patient {
            host: "srv01.corp.example".into(),
            account: Some(r"CORP\o'neil".into()),
            namespace: r"root\cimv2".into(),
            endpoint_port: 135,
            object_port: Some(49200),
        }
    }

    #[test]
    fn what_a_script_is_not_asked_for_is_not_in_it() {
        let text = fix_script(System::Windows, &[Cause::PortSilent], &patient());
        assert!(
            text.contains("\nnetsh advfirewall firewall set rule group=\"windows management instrumentation (wmi)\" new enable=yes\n"),
            "{text}"
        );
        assert!(!text.contains("LocalAccountTokenFilterPolicy") && !text.contains("firewall-cmd"), "{text}");
        let text = fix_script(System::Windows, &[Cause::NameUnknown], &patient());
        assert!(text.contains("Nothing that was seen is changed"), "{text}");
    }

    #[test]
    fn what_weakens_a_computer_is_a_comment() {
        for system in [System::Windows, System::Linux] {
            let text = fix_script(system, &Cause::ALL, &patient());
            for cause in Cause::ALL {
                for command in cause.commands(&patient()).iter().filter(|c| c.caution == Caution::Careful) {
                    assert!(!text.lines().any(|l| l == command.line), "{}", command.line);
                }
            }
        }
        let text = fix_script(System::Windows, &[], &patient());
        for word in [
            "\n#! Set-ItemProperty",
            "\n#! winmgmt /standalonehost",
            "\nAdd-LocalGroupMember",
            "\nw32tm",
            "\nsetspn -L",
            "__SystemSecurity",
        ] {
            assert!(text.contains(word), "no {word:?} in {text}");
        }
        assert!(text.contains(r"'CORP\o''neil'"), "{text}");
    }

    #[test]
    fn a_server_on_linux_gets_lines_for_both_firewalls() {
        let text = fix_script(System::Linux, &[], &patient());
        assert!(text.contains("then nft add rule inet filter input tcp dport { 135, 49200 } accept; fi"), "{text}");
        assert!(text.contains("--add-port=135/tcp --add-port=49200/tcp && firewall-cmd --reload; fi"), "{text}");
        assert!(!text.contains("netsh"), "{text}");
    }

    #[test]
    fn a_line_that_lacks_a_name_is_a_comment() {
        let nobody = Patient { account: None, ..patient() };
        let text = fix_script(System::Windows, &[Cause::ActivationDenied, Cause::NamespaceDenied], &nobody);
        assert_eq!(text.lines().filter(|l| l.starts_with("#! ") && l.contains("'ACCOUNT'")).count(), 2, "{text}");
        assert!(!text.lines().any(|l| !l.starts_with('#') && l.contains("ACCOUNT")), "{text}");
    }

    #[test]
    fn a_script_names_nothing_twice() {
        let text = fix_script(System::Windows, &[Cause::PortClosed, Cause::ObjectPortClosed, Cause::PortSilent], &patient());
        assert_eq!(text.matches("set rule group").count(), 1, "{text}");
    }

    #[test]
    fn no_name_gets_out_of_its_quotes() {
        assert_eq!(power_shell("a'; rm x; '\u{2019}"), "'a''; rm x; ''\u{2019}\u{2019}'");
        assert_eq!(power_shell("a\nb"), "'a b'");
        assert_eq!(shell("srv-01.corp"), "srv-01.corp");
        assert_eq!(shell("a'b;$(c)"), r"'a'\''b;$(c)'");
        assert_eq!(shell(""), "''");
        let evil = Patient { host: "a\n! rm -rf /".into(), ..patient() };
        let text = fix_script(System::Linux, &[Cause::PortClosed], &evil);
        assert!(text.lines().all(|l| !l.starts_with('!')), "{text}");
    }
}
