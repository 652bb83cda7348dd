//! Who may publish to a filter: `__EventFilter.EventAccess`, a security descriptor as text ([MS-DTYP] 2.5.1).
//!
//! Everything that publishes here is the service itself, which is the local system and an administrator.

/// `WBEM_RIGHT_PUBLISH`.
const PUBLISH: u32 = 0x80;
const GENERIC_ALL: u32 = 0x1000_0000;

/// Longest text, and most entries of its list.
const LEN_MAX: usize = 64 << 10;

/// Whether a descriptor lets the service publish; `None` where it is no descriptor.
pub(super) fn may_publish(sddl: &str) -> Option<bool> {
    if sddl.len() > LEN_MAX {
        return None;
    }
    let mut list = None;
    let mut rest = sddl.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (part, body) = rest.split_at_checked(2)?;
        // A part ends where the next begins: at a letter and a colon outside of parentheses.
        let end = next_part(body);
        let (body, behind) = body.split_at_checked(end)?;
        match part {
            "O:" | "G:" if is_trustee(body) => {}
            "D:" if list.is_none() => list = Some(entries(body)?),
            "S:" => drop(entries(body)?),
            _ => return None,
        }
        rest = behind;
    }
    Some(match list {
        // No list, or the one that controls nothing, keeps nobody out.
        None | Some(None) => true,
        Some(Some(entries)) => entries.into_iter().find_map(|e| e.says()).unwrap_or(false),
    })
}

fn next_part(text: &str) -> usize {
    let octets = text.as_bytes();
    let mut depth = 0usize;
    for (at, octet) in octets.iter().enumerate() {
        match octet {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'O' | b'G' | b'D' | b'S' if depth == 0 && octets.get(at + 1) == Some(&b':') => return at,
            _ => {}
        }
    }
    octets.len()
}

struct Entry {
    kind: String,
    inherit_only: bool,
    mask: u32,
    trustee: String,
}

impl Entry {
    /// What the entry says to the service, if anything.
    fn says(&self) -> Option<bool> {
        const OURS: [&str; 8] = ["SY", "BA", "WD", "AU", "S-1-5-18", "S-1-5-32-544", "S-1-1-0", "S-1-5-11"];
        let concerns = OURS.iter().any(|o| o.eq_ignore_ascii_case(&self.trustee)) && self.mask & (PUBLISH | GENERIC_ALL) != 0;
        match self.kind.as_str() {
            "A" if concerns && !self.inherit_only => Some(true),
            "D" if concerns && !self.inherit_only => Some(false),
            _ => None,
        }
    }
}

/// The entries of a list with flags before them; `None` inside where it controls nothing.
fn entries(body: &str) -> Option<Option<Vec<Entry>>> {
    let (mut flags, mut rest) = body.split_at_checked(body.find('(').unwrap_or(body.len()))?;
    let uncontrolled = flags == "NO_ACCESS_CONTROL";
    while !flags.is_empty() && !uncontrolled {
        flags = ["P", "AR", "AI"].iter().find_map(|f| flags.strip_prefix(f))?;
    }
    let mut found = Vec::new();
    while let Some(entry) = rest.strip_prefix('(') {
        let (entry, behind) = entry.split_once(')')?;
        let fields: Vec<&str> = entry.split(';').map(str::trim).collect();
        let [kind, flags, rights, object, inherited, trustee] = fields.get(..6)?.try_into().ok()?;
        // Conditional entries have a seventh field; no other kind that is known here.
        let known = ["A", "D", "OA", "OD", "AU", "AL", "OU", "OL", "ML"].contains(&kind);
        if !known || fields.len() > 6 || !is_trustee(trustee) || (kind.len() == 1 && !(object.is_empty() && inherited.is_empty())) {
            return None;
        }
        let inherit_only = flags.as_bytes().chunks(2).any(|f| f == b"IO");
        found.push(Entry { kind: kind.into(), inherit_only, mask: mask(rights)?, trustee: trustee.into() });
        rest = behind.trim_start();
    }
    rest.is_empty().then_some((!uncontrolled).then_some(found))
}

fn is_trustee(text: &str) -> bool {
    let is_alias = text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    let is_sid =
        text.len() > 4 && text.starts_with("S-1-") && text.bytes().skip(4).all(|b| b.is_ascii_hexdigit() || matches!(b, b'-' | b'x'));
    is_alias || is_sid
}

/// A number, or pairs of letters.
fn mask(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mut mask = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (pair, behind) = rest.split_at_checked(2)?;
        mask |= match pair {
            "GA" => GENERIC_ALL,
            "GX" => 0x2000_0000,
            "GW" => 0x4000_0000,
            "GR" => 0x8000_0000,
            "SD" => 0x1_0000,
            "RC" => 0x2_0000,
            "WD" => 0x4_0000,
            "WO" => 0x8_0000,
            "CC" => 0x1,
            "DC" => 0x2,
            "LC" => 0x4,
            "SW" => 0x8,
            "RP" => 0x10,
            "WP" => 0x20,
            "DT" => 0x40,
            "LO" => 0x80,
            "CR" => 0x100,
            "FA" => 0x1F_01FF,
            "FR" => 0x12_0089,
            "FW" => 0x12_0116,
            "FX" => 0x12_00A0,
            "KA" => 0xF_003F,
            _ => return None,
        };
        rest = behind;
    }
    Some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sddl: &str, expect: Option<bool>) {
        assert_eq!(may_publish(sddl), expect, "{sddl}");
        for end in (0..sddl.len()).filter(|end| sddl.is_char_boundary(*end)) {
            let _ = may_publish(&sddl[..end]);
        }
    }

    #[test]
    fn the_first_entry_that_concerns_the_service_decides() {
        check("O:BAG:BAD:(A;;0x80;;;BA)", Some(true));
        check("O:SYG:SYD:(A;;0x80;;;SY)", Some(true));
        check("D:(A;;0x40;;;BA)", Some(false));
        check("D:(A;;GA;;;S-1-1-0)", Some(true));
        check("D:(A;;0x80;;;S-1-5-21-1-2-3-1000)", Some(false));
        check("D:(D;;0x80;;;WD)(A;;0x80;;;BA)", Some(false));
        check("D:P(A;IO;0x80;;;BA)(A;OICI;CCLO;;;SY)", Some(true));
        check("D:PAI(A;;128;;;AU)S:(AU;SAFA;0x80;;;WD)", Some(true));
    }

    #[test]
    fn without_a_list_everybody_may() {
        check("O:BA", Some(true));
        check("O:BAG:SY", Some(true));
        check("D:NO_ACCESS_CONTROL", Some(true));
        check("D:", Some(false));
    }

    #[test]
    fn what_is_no_descriptor_is_told() {
        for text in
            ["", " ", "x", "BA", "O:", "D:(A;;0x80;;;BA", "D:(A;;0x80;;BA)", "D:(Z;;0x80;;;BA)", "D:(A;;0xZZ;;;BA)", "D:(A;;QQ;;;BA)"]
        {
            check(text, None);
        }
        for text in
            ["D:(A;;0x80;;;Administrators)", "D:(A;;0x80;;;BA)D:(A;;0x80;;;BA)", "D:X(A;;0x80;;;BA)", "D:(A;;0x80;;;BA)x", "ü:", "D:(A;;G"]
        {
            check(text, None);
        }
        check(&"D:(A;;0x80;;;BA)".repeat(10_000), None);
    }
}
