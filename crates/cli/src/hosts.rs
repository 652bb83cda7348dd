//! Which computers are meant: names, ranges, networks, and lists of them.
//!
//! | written | means |
//! |---|---|
//! | `web[01-20]`, `db[1-3,7].corp` | `web01` to `web20`; as many digits as the first number |
//! | `10.0.0.0/24`, `2001:db8::/120` | each address; of an IPv4 network not its own and not its broadcast address |
//! | `@FILE` | the lines of a file: blanks are skipped, `#` begins a comment, a line may name several |
//! | `-` | the lines of standard input |
//!
//! A computer that is named twice is asked once.

use rwmi_client::forms::Moniker;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;

/// Most computers of one command: 2^20.
pub(crate) const HOSTS_MAX: usize = 1 << 20;

/// How many names are read for each computer that may be: those that come again cost time too.
const NAMED_FACTOR: usize = 8;

/// Longest list, in octets.
const LIST_LEN_MAX: u64 = 64 << 20;

/// Longest name, in octets: a moniker with all its settings is shorter.
const NAME_LEN_MAX: usize = 2048;

/// The computers, each once, in the order in which they were named.
struct Hosts {
    most: usize,
    list: Vec<String>,
    seen: HashSet<String>,
    /// Names, those that came again too: work has a bound even where all are the same.
    named: usize,
}

/// What the words mean. `stdin` is read where a word is `-`.
pub(crate) fn expand(words: &[String], stdin: impl FnOnce() -> Box<dyn Read>) -> Result<Vec<String>, String> {
    expand_up_to(HOSTS_MAX, words, stdin)
}

fn expand_up_to(most: usize, words: &[String], stdin: impl FnOnce() -> Box<dyn Read>) -> Result<Vec<String>, String> {
    let mut hosts = Hosts { most, list: Vec::new(), seen: HashSet::new(), named: 0 };
    let mut stdin = Some(stdin);
    for word in words {
        if let Some(path) = word.strip_prefix('@') {
            let file = std::fs::File::open(path).map_err(|e| format!("{path}: {e}"))?;
            hosts.lines(file, path)?;
        } else if word == "-" {
            let stdin = stdin.take().ok_or("standard input is named twice")?;
            hosts.lines(stdin(), "standard input")?;
        } else {
            hosts.word(word)?;
        }
    }
    if hosts.list.is_empty() {
        return Err("the list names no computer".into());
    }
    Ok(hosts.list)
}

impl Hosts {
    fn add(&mut self, host: String) -> Result<(), String> {
        if NAME_LEN_MAX < host.len() {
            return Err(format!("the name of a computer is longer than {NAME_LEN_MAX} octets"));
        }
        self.named += 1;
        if self.most * NAMED_FACTOR < self.named {
            return Err(format!("computers are named more than {} times", self.most * NAMED_FACTOR));
        }
        if self.seen.insert(host.to_ascii_lowercase()) {
            if self.list.len() == self.most {
                return Err(format!("there are more than {} computers", self.most));
            }
            self.list.push(host);
        }
        Ok(())
    }

    fn lines(&mut self, from: impl Read, name: &str) -> Result<(), String> {
        let mut from = BufReader::new(from.take(LIST_LEN_MAX + 1));
        let (mut line, mut number, mut total) = (String::new(), 0u64, 0u64);
        loop {
            line.clear();
            number += 1;
            let n = from.read_line(&mut line).map_err(|e| format!("{name}, line {number}: {e}"))?;
            total += n as u64;
            if n == 0 {
                return Ok(());
            }
            if LIST_LEN_MAX < total {
                return Err(format!("{name} is longer than {LIST_LEN_MAX} octets"));
            }
            let text = line.trim_start_matches('\u{feff}');
            // A comment stands at the start or behind a blank.
            let text = text
                .char_indices()
                .find(|(i, c)| *c == '#' && !text[..*i].ends_with(|c: char| !c.is_whitespace()))
                .map_or(text, |(i, _)| &text[..i]);
            for word in split(text) {
                if word.starts_with('@') || word == "-" {
                    return Err(format!("{name}, line {number}: a list names no other list: {word:?}"));
                }
                self.word(word).map_err(|e| format!("{name}, line {number}: {e}"))?;
            }
        }
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        if Moniker::is_meant(word) {
            return self.add(word.to_owned());
        }
        if let Some((address, bits)) = word.split_once('/') {
            return self.network(word, address, bits);
        }
        self.range("", word)
    }

    fn network(&mut self, word: &str, address: &str, bits: &str) -> Result<(), String> {
        let wrong = || format!("{word:?} is no network: expected an address, a slash and the bits of its prefix");
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits: u32 = bits.parse().map_err(|_| wrong())?;
        let (width, value) = match address {
            IpAddr::V4(a) => (32, u128::from(u32::from(a))),
            IpAddr::V6(a) => (128, u128::from(a)),
        };
        let free = u32::checked_sub(width, bits).ok_or_else(wrong)?;
        if 20 < free {
            return Err(format!("{word} has more than {HOSTS_MAX} addresses"));
        }
        let first = value >> free << free;
        let last = first | ((1u128 << free) - 1);
        // The network itself and its broadcast address are nobody's.
        let (first, last) = if width == 32 && 2 <= free { (first + 1, last - 1) } else { (first, last) };
        for n in first..=last {
            let host = match address {
                IpAddr::V4(_) => IpAddr::from((n as u32).to_be_bytes()),
                IpAddr::V6(_) => IpAddr::from(n.to_be_bytes()),
            };
            self.add(host.to_string())?;
        }
        Ok(())
    }

    /// Takes the first range of a rest apart, and goes on behind it.
    fn range(&mut self, before: &str, rest: &str) -> Result<(), String> {
        let literal = |hosts: &mut Hosts| hosts.add(format!("{before}{rest}"));
        let Some((head, behind)) = rest.split_once('[') else { return literal(self) };
        let Some((inside, tail)) = behind.split_once(']') else { return literal(self) };
        // An address in brackets, for one, is none.
        let Some(parts) = inside.split(',').map(part).collect::<Option<Vec<_>>>() else { return literal(self) };
        for (from, to, width) in parts {
            if to < from {
                return Err(format!("{inside:?} ends before it starts"));
            }
            if HOSTS_MAX as u64 <= to - from {
                return Err(format!("{inside:?} is more than {HOSTS_MAX} numbers"));
            }
            for n in from..=to {
                self.range(&format!("{before}{head}{n:0width$}"), tail)?;
            }
        }
        Ok(())
    }
}

/// `01-20` or `7`: from, to, digits.
fn part(text: &str) -> Option<(u64, u64, usize)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let number =
        |t: &str| (1..=9).contains(&t.len()).then(|| t.parse::<u64>().ok().filter(|_| t.bytes().all(|b| b.is_ascii_digit()))).flatten();
    Some((number(from)?, number(to)?, from.len()))
}

/// The names of a line: blanks and commas are between them, but not within brackets and braces.
fn split(line: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0u32;
    line.split(move |c: char| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (c == ',' || c.is_whitespace())
    })
    .filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};

    fn expanded(words: &[&str], input: &str) -> Result<Vec<String>, String> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        let input = input.to_owned().into_bytes();
        expand(&words, || Box::new(io::Cursor::new(input)))
    }

    #[track_caller]
    fn check(words: &[&str], expect: &[&str]) {
        assert_eq!(expanded(words, "").unwrap(), expect, "{words:?}");
    }

    #[test]
    fn ranges_and_networks_are_taken_apart() {
        check(&["."], &["."]);
        check(&[""], &[""]);
        check(&["web[08-11]"], &["web08", "web09", "web10", "web11"]);
        check(&["db[1-2,7].corp"], &["db1.corp", "db2.corp", "db7.corp"]);
        check(&["r[1-2]s[1-2]"], &["r1s1", "r1s2", "r2s1", "r2s2"]);
        check(&["n[9-10]"], &["n9", "n10"]);
        check(&["10.0.0.9/30"], &["10.0.0.9", "10.0.0.10"]);
        check(&["10.0.0.4/31"], &["10.0.0.4", "10.0.0.5"]);
        check(&["10.0.0.4/32"], &["10.0.0.4"]);
        check(&["2001:db8::f/127"], &["2001:db8::e", "2001:db8::f"]);
        check(&["127.0.37.[1-2]"], &["127.0.37.1", "127.0.37.2"]);
        // Addresses and monikers are what they are.
        check(&["[fe80::1]"], &["[fe80::1]"]);
        check(&["fe80::1%eth0"], &["fe80::1%eth0"]);
        check(
            &["winmgmts:{impersonationLevel=impersonate}!\\\\a[1-2]\\root"],
            &["winmgmts:{impersonationLevel=impersonate}!\\\\a[1-2]\\root"],
        );
        assert_eq!(expanded(&["10.1.0.0/16"], "").unwrap().len(), 65_534);
    }

    #[test]
    fn a_computer_is_asked_once() {
        check(&["a", "A", "b", "a[1-2]", "A1", "10.0.0.1", "10.0.0.0/30"], &["a", "b", "a1", "a2", "10.0.0.1", "10.0.0.2"]);
    }

    #[test]
    fn lists_have_blanks_comments_and_several_names_a_line() {
        let text = "\u{feff}# all of them\r\n\r\nsrv1   # the first\n\t srv2,srv3 srv[4-5,7]\nSRV1\n#srv9\nodd#name\n10.0.0.0/30\n\n";
        let expect = ["srv1", "srv2", "srv3", "srv4", "srv5", "srv7", "odd#name", "10.0.0.1", "10.0.0.2"];
        assert_eq!(expanded(&["-"], text).unwrap(), expect);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let named = format!("@{}", file.path().display());
        assert_eq!(expanded(&["x", &named, "srv2"], "").unwrap(), [&["x"], &expect[..]].concat());
    }

    #[test]
    fn what_names_too_many_or_nobody_is_refused() {
        let refused = |words: &[&str], input: &str, why: &str| {
            let error = expanded(words, input).unwrap_err();
            assert!(error.contains(why), "{words:?}: {error}");
        };
        refused(&["a[5-1]"], "", "ends before it starts");
        refused(&["a[0-9999999]"], "", "more than 1048576 numbers");
        let few = |word: &str| expand_up_to(100, &[word.to_owned()], || Box::new(io::empty())).unwrap_err();
        assert_eq!(few("a[0-9999]b[0-9999]"), "there are more than 100 computers");
        assert_eq!(
            few("a[1-1,1-1,1-1,1-1,1-1,1-1,1-1]b[1,1,1,1,1,1,1,1,1,1]c[1,1,1,1,1,1,1,1,1,1,1,1]"),
            "computers are named more than 800 times"
        );
        refused(&["10.0.0.0/8"], "", "more than 1048576 addresses");
        refused(&["2001:db8::/64"], "", "more than 1048576 addresses");
        for word in ["10.0.0.0/33", "10.0.0.0/", "10.0.0/24", "name/24", "10.0.0.0/-1"] {
            refused(&[word], "", "is no network");
        }
        refused(&["@/nowhere/at/all"], "", "/nowhere/at/all: ");
        refused(&["-", "-"], "a", "named twice");
        refused(&["-"], "\n# nobody\n", "names no computer");
        refused(&["-"], "a\n@other\n", "line 2: a list names no other list");
        refused(&["-"], &"x".repeat(3000), "longer than 2048 octets");
    }

    #[test]
    fn a_million_lines_are_read() {
        // Each computer is there twice.
        let text: String = (0..1_000_000).map(|n| format!("h{}\n", n % 500_000)).collect();
        assert_eq!(expanded(&["-"], &text).unwrap().len(), 500_000);
    }
}
