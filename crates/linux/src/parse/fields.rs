//! Texts of names and values: `NAME=value` as a shell writes it (os-release, environment), and `Name: value` as /proc does.

/// Pairs of `NAME=value` lines; quotes around a value are taken off as a shell would. Comments and other lines are left out.
pub(crate) fn assignments(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim();
            if line.starts_with('#') {
                return None;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (name, value) = line.split_once('=')?;
            let name = name.trim_end();
            (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| (name.to_owned(), unquote(value.trim())))
        })
        .collect()
}

/// The value of the last assignment of a name, where it is not empty.
pub(crate) fn assigned<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
}

fn unquote(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut quote = None;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            ('\\', None | Some('"')) => out.extend(chars.next()),
            (c, _) => out.push(c),
        }
    }
    out
}

/// The text after `Name:` on the first line that starts with it.
pub(crate) fn after_colon<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (n, value) = line.split_once(':')?;
        (n.trim_end() == name).then(|| value.trim())
    })
}

/// The first number after `Name:`, its unit left out: `MemTotal: 24683656 kB`.
pub(crate) fn number_after_colon(text: &str, name: &str) -> Option<u64> {
    after_colon(text, name)?.split_whitespace().next()?.parse().ok()
}

/// A setting in a file of sections: smb.conf, sssd.conf, systemd's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub(crate) section: String,
    /// In lower case.
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Settings of a file of sections, in order. Lines of another form are left out.
pub(crate) fn ini(text: &str) -> Vec<Setting> {
    let mut section = String::new();
    let mut settings = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.trim().to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            settings.push(Setting { section: section.clone(), key: key.trim().to_ascii_lowercase(), value: value.trim().to_owned() });
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_come_off_as_a_shell_takes_them() {
        for (value, expect) in [
            ("plain", "plain"),
            (r#""a b""#, "a b"),
            ("'a \"b\"'", "a \"b\""),
            (r#""a \"b\" \$x""#, "a \"b\" $x"),
            (r"'a\b'", r"a\b"),
            (r"a\ b", "a b"),
            ("\"open", "open"),
            ("ends\\", "ends"),
            ("", ""),
        ] {
            assert_eq!(unquote(value), expect, "{value}");
        }
    }

    #[test]
    fn what_is_no_assignment_is_left_out() {
        let text = "# A=1\n\nB=2\nexport C='3'\nnot one\n=4\nD E=5\nB=6\nF=\n";
        let pairs = assignments(text);
        assert_eq!(pairs.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["B", "C", "B", "F"]);
        assert_eq!(assigned(&pairs, "B"), Some("6"));
        assert_eq!(assigned(&pairs, "F"), None);
        for end in 0..text.len() {
            assignments(&text[..end]);
        }
    }

    #[test]
    fn a_number_stands_after_its_name_and_before_its_unit() {
        let text = "MemTotal:       24683656 kB\nMem: x\nHugePages_Total:       0\nvendor_id\t: GenuineIntel\n";
        assert_eq!(number_after_colon(text, "MemTotal"), Some(24_683_656));
        assert_eq!(number_after_colon(text, "HugePages_Total"), Some(0));
        assert_eq!(number_after_colon(text, "Mem"), None);
        assert_eq!(number_after_colon(text, "Absent"), None);
        assert_eq!(after_colon(text, "vendor_id"), Some("GenuineIntel"));
    }

    #[test]
    fn a_setting_belongs_to_the_section_above_it() {
        let text = "a=0\n[global]\n; b=1\n  Work Group = HOME\n[x\n[domain/corp.test]\nid_provider=ad\n";
        let settings = ini(text);
        let seen: Vec<_> = settings.iter().map(|s| (s.section.as_str(), s.key.as_str(), s.value.as_str())).collect();
        assert_eq!(seen, [("", "a", "0"), ("global", "work group", "HOME"), ("domain/corp.test", "id_provider", "ad")]);
        for end in 0..text.len() {
            ini(&text[..end]);
        }
    }
}
