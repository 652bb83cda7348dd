//! Who may receive an event that says it itself ([MS-WMI] 5.2): `SECURITY_DESCRIPTOR`, self-relative ([MS-DTYP] 2.4.6).
//!
//! Accounts of this server have no identifiers of their own. What a descriptor can name of them is everyone, who is
//! authenticated, and administrators.

use rwmi_cim::{Object, Value};

/// `WBEM_RIGHT_SUBSCRIBE`.
const SUBSCRIBE: u32 = 0x40;
const GENERIC_ALL: u32 = 0x1000_0000;
/// The discretionary list is there.
const DACL_PRESENT: u16 = 0x4;
/// The entry is for those below, not for the object itself.
const INHERIT_ONLY: u8 = 0x8;

const EVERYONE: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
const AUTHENTICATED: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 5, 11, 0, 0, 0];
const ADMINISTRATORS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];

/// Whether a subscriber may have an event. Without a descriptor everyone may; by one that cannot be read nobody.
pub(super) fn may_receive(event: &Object, administrator: bool) -> bool {
    let Some(index) = event.class().property_index("SECURITY_DESCRIPTOR") else { return true };
    match event.value_at(index) {
        Ok(Value::Null) => true,
        Ok(Value::Array(items)) => {
            let octets: Option<Vec<u8>> = items.iter().map(|v| if let Value::Uint8(b) = v { Some(*b) } else { None }).collect();
            octets.is_some_and(|octets| grants(&octets, SUBSCRIBE, administrator).unwrap_or(false))
        }
        _ => false,
    }
}

/// Whether a descriptor grants a right; `None` where it is malformed.
pub(crate) fn grants(descriptor: &[u8], right: u32, administrator: bool) -> Option<bool> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(*descriptor.get(at..)?.first_chunk()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(*descriptor.get(at..)?.first_chunk()?));
    if *descriptor.first()? != 1 {
        return None;
    }
    let at = usize::try_from(u32_at(16)?).ok()?;
    // No list, or a null one, keeps nobody out.
    if u16_at(2)? & DACL_PRESENT == 0 || at == 0 {
        return Some(true);
    }
    let count = u16_at(at.checked_add(4)?)?;
    let mut entry = at.checked_add(8)?;
    for _ in 0..count {
        let (kind, flags, len) = (*descriptor.get(entry)?, *descriptor.get(entry.checked_add(1)?)?, u16_at(entry.checked_add(2)?)?);
        let whole = descriptor.get(entry..entry.checked_add(usize::from(len))?)?;
        let (mask, sid) = (whole.get(4..8)?.first_chunk().map(|m| u32::from_le_bytes(*m))?, whole.get(8..)?);
        let is_caller = sid.starts_with(EVERYONE) || sid.starts_with(AUTHENTICATED) || administrator && sid.starts_with(ADMINISTRATORS);
        if is_caller && flags & INHERIT_ONLY == 0 && mask & (right | GENERIC_ALL) != 0 {
            match kind {
                0 => return Some(true),
                1 => return Some(false),
                // Others neither grant nor deny.
                _ => {}
            }
        }
        entry = entry.checked_add(usize::from(len))?;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A descriptor with a list of kind, mask and identifier.
    fn descriptor(entries: &[(u8, u32, &[u8])]) -> Vec<u8> {
        let mut list = vec![2, 0, 0, 0, entries.len() as u8, 0, 0, 0];
        for (kind, mask, sid) in entries {
            list.extend([*kind, 0, (8 + sid.len()) as u8, 0]);
            list.extend(mask.to_le_bytes());
            list.extend_from_slice(sid);
        }
        let mut out = vec![1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0];
        out.extend(list);
        out
    }

    #[test]
    fn the_first_entry_for_the_caller_decides() {
        let check = |entries: &[(u8, u32, &[u8])], expect: [bool; 2]| {
            let octets = descriptor(entries);
            assert_eq!([false, true].map(|admin| grants(&octets, SUBSCRIBE, admin)), expect.map(Some), "{entries:?}");
            (0..octets.len()).for_each(|end| assert_ne!(grants(&octets[..end], SUBSCRIBE, false), Some(true), "cut at {end}"));
        };
        check(&[], [false, false]);
        check(&[(0, 0x40, ADMINISTRATORS)], [false, true]);
        check(&[(0, 0x80, EVERYONE)], [false, false]);
        check(&[(1, 0x40, EVERYONE), (0, 0x40, ADMINISTRATORS)], [false, false]);
        check(&[(1, 0x40, ADMINISTRATORS), (0, 0x40, &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0])], [false, false]);
        let everyone = descriptor(&[(0, GENERIC_ALL, AUTHENTICATED)]);
        assert_eq!(grants(&everyone, SUBSCRIBE, false), Some(true));
    }

    #[test]
    fn without_a_list_everyone_may() {
        let mut octets = descriptor(&[]);
        octets[2] = 0;
        assert_eq!(grants(&octets, SUBSCRIBE, false), Some(true));
        octets[2] = 4;
        octets[16] = 0;
        assert_eq!(grants(&octets, SUBSCRIBE, false), Some(true));
        octets[0] = 2;
        assert_eq!(grants(&octets, SUBSCRIBE, false), None);
    }
}
