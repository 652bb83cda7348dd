//! What a page says is to be run: its fenced blocks.

/// What is run where it is named and not here: the command, and the place.
const ELSEWHERE: [(&str, &str); 1] = [("bash scripts/test", "it is the run of all tests, and runs this program as one of its parts")];

/// Languages of blocks that are only shown.
const SHOWN: [&str; 18] = [
    "text",
    "toml",
    "ini",
    "powershell",
    "rust",
    "json",
    "csv",
    "mof",
    "yaml",
    "xml",
    "nft",
    "python",
    "cpp",
    "csharp",
    "vb",
    "bat",
    "nagios",
    "wql",
];

/// Something to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Line of the page on which the command begins, from 1.
    pub(crate) line: usize,
    /// For `bash -c`.
    pub(crate) command: String,
    /// The exit status that is expected.
    pub(crate) status: i32,
    /// The output that is expected; without it any.
    pub(crate) output: Option<Expected>,
    /// Where it is run, if not here.
    pub(crate) elsewhere: Option<&'static str>,
}

impl Step {
    /// Whether it is left in the background.
    pub(crate) fn goes_on(&self) -> bool {
        self.command.trim_end().ends_with('&')
    }
}

/// Output as a page has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) lines: Vec<String>,
    /// Lines of the page that it fills, with that of the status, from 0, the end not included.
    pub(crate) place: std::ops::Range<usize>,
}

/// All steps of a page, in order.
pub(crate) fn steps(text: &str) -> Result<Vec<Step>, String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut steps = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some((indent, ticks, info)) = fence(lines[at]) else {
            at += 1;
            continue;
        };
        if indent > 0 {
            return Err(format!("line {}: a block stands at the beginning of its lines", at + 1));
        }
        let end = (at + 1..lines.len()).find(|&i| fence(lines[i]).is_some_and(|(_, t, info)| t >= ticks && info.is_empty()));
        let Some(end) = end else { return Err(format!("line {}: the block has no end", at + 1)) };
        match info.split([' ', ',']).next().unwrap_or_default() {
            "console" => console(&lines, at + 1, end, &mut steps)?,
            "sh" => steps.push(script(&lines, at + 1, end)),
            language if SHOWN.contains(&language) => {}
            language => {
                return Err(format!("line {}: a block of language {language:?}: console and sh are run, shown are {SHOWN:?}", at + 1));
            }
        }
        at = end + 1;
    }
    Ok(steps)
}

/// Indentation, number of backticks, and what stands behind them.
fn fence(line: &str) -> Option<(usize, usize, &str)> {
    let bare = line.trim_start();
    let ticks = bare.len() - bare.trim_start_matches('`').len();
    (ticks >= 3).then(|| (line.len() - bare.len(), ticks, bare[ticks..].trim()))
}

/// One step for the whole block: it has to exit with 0.
fn script(lines: &[&str], from: usize, to: usize) -> Step {
    let command = lines[from..to].join("\n");
    let elsewhere = ELSEWHERE.iter().find(|(c, _)| *c == command.trim()).map(|(_, place)| *place);
    Step { line: from + 1, command: format!("set -e\n{command}"), status: 0, output: None, elsewhere }
}

/// A step for each `$ `, with its further lines `> `, its status `? ` and its output.
fn console(lines: &[&str], from: usize, to: usize, steps: &mut Vec<Step>) -> Result<(), String> {
    let mut at = from;
    while at < to {
        let Some(first) = lines[at].strip_prefix("$ ") else {
            return Err(format!("line {}: not a command: it begins with \"$ \"", at + 1));
        };
        let (line, mut command) = (at + 1, first.to_owned());
        at += 1;
        while let Some(more) = lines[at..to].first().and_then(|l| l.strip_prefix("> ")) {
            command.push('\n');
            command.push_str(more);
            at += 1;
        }
        let (start, mut status) = (at, 0);
        if let Some(number) = lines[at..to].first().and_then(|l| l.strip_prefix("? ")) {
            status = number.trim().parse().map_err(|_| format!("line {}: {number:?} is no exit status", at + 1))?;
            at += 1;
        }
        let first = at;
        while at < to && !lines[at].starts_with("$ ") {
            at += 1;
        }
        let lines = lines[first..at].iter().map(|l| (*l).to_owned()).collect();
        steps.push(Step { line, command, status, output: Some(Expected { lines, place: start..at }), elsewhere: None });
    }
    Ok(())
}

/// Pages of a book in the order of its summary, as paths beside it. Drafts (links to nothing) are left out.
pub(crate) fn chapters(summary: &str) -> Vec<&str> {
    let links = summary.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    links.filter(|t| t.ends_with(".md")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(usize, &str, i32, Option<&[&str]>)]) {
        let steps = steps(text).unwrap();
        let short: Vec<_> = steps
            .iter()
            .map(|s| {
                (s.line, s.command.as_str(), s.status, s.output.as_ref().map(|o| o.lines.iter().map(String::as_str).collect::<Vec<_>>()))
            })
            .collect();
        let expect: Vec<_> = expect.iter().map(|(l, c, s, o)| (*l, *c, *s, o.map(<[&str]>::to_vec))).collect();
        assert_eq!(short, expect);
    }

    #[test]
    fn each_command_of_a_console_has_the_output_below_it() {
        check("", &[]);
        check("x\n```console\n$ a\n```\n", &[(3, "a", 0, Some(&[]))]);
        check("```console\n$ a\n1\n2\n$ b\n```\n", &[(2, "a", 0, Some(&["1", "2"])), (5, "b", 0, Some(&[]))]);
    }

    #[test]
    fn a_command_may_have_further_lines_and_a_status() {
        check("```console\n$ a \\\n>  b\n? 3\nout\n? 4\n```", &[(2, "a \\\n b", 3, Some(&["out", "? 4"]))]);
    }

    #[test]
    fn a_script_is_one_step_whose_output_is_any() {
        check("```sh\na\nb\n```", &[(2, "set -e\na\nb", 0, None)]);
    }

    #[test]
    fn what_is_shown_is_not_run() {
        check("```text\n$ a\n```\n```rust,no_run\nlet x;\n```\n````toml\n```\n$ a\n````", &[]);
    }

    #[test]
    fn what_is_neither_run_nor_known_is_refused() {
        let check = |text: &str, word: &str| {
            let e = steps(text).unwrap_err();
            assert!(e.contains(word), "{e}");
        };
        check("```\n$ a\n```", "line 1: a block of language \"\"");
        check("```bash\na\n```", "\"bash\"");
        check("```console\na\n```", "line 2: not a command");
        check("```console\n$ a\n? x\n```", "line 3: \"x\" is no exit status");
        check("x\n```console\n$ a\n", "line 2: the block has no end");
        check("- x\n  ```console\n  $ a\n  ```", "line 2: a block stands");
    }

    #[test]
    fn chapters_come_in_order_without_drafts() {
        assert_eq!(chapters("# S\n- [A](a.md)\n  - [B](x/b.md)\n- [C]()\n[D](d.md)"), ["a.md", "x/b.md", "d.md"]);
    }
}
