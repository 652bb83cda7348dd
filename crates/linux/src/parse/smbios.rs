//! SMBIOS structures (DSP0134 6.1) as the kernel gives them in `/sys/firmware/dmi/tables`:
//!
//! ```text
//! type:8 length:8 handle:16  formatted area up to length  strings, each ended by NUL, ended by one more NUL
//! ```

/// The tables of a machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Smbios {
    /// Major and minor version of the specification that the tables follow.
    pub(crate) version: Option<(u8, u8)>,
    structures: Vec<Structure>,
}

/// One structure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Structure {
    pub(crate) kind: u8,
    /// The formatted area, header included: offsets are those of the specification.
    area: Vec<u8>,
    pub(crate) strings: Vec<String>,
}

/// Most structures that are read; real machines have fewer than 500.
const STRUCTURES_MAX: usize = 4096;

impl Smbios {
    /// BIOS information (7.1).
    pub(crate) const BIOS: u8 = 0;
    /// System information (7.2).
    pub(crate) const SYSTEM: u8 = 1;
    /// System enclosure (7.4).
    pub(crate) const ENCLOSURE: u8 = 3;
    /// Processor information (7.5).
    pub(crate) const PROCESSOR: u8 = 4;
    /// OEM strings (7.12).
    pub(crate) const OEM_STRINGS: u8 = 11;
    /// BIOS language information (7.14).
    pub(crate) const BIOS_LANGUAGE: u8 = 13;
    const END: u8 = 127;

    /// Reads the entry point and the table; what is cut ends the list.
    pub(crate) fn parse(entry_point: &[u8], table: &[u8]) -> Smbios {
        let version = match entry_point {
            [b'_', b'S', b'M', b'3', b'_', _, _, major, minor, ..] => Some((*major, *minor)),
            [b'_', b'S', b'M', b'_', _, _, major, minor, ..] => Some((*major, *minor)),
            _ => None,
        };
        let mut structures = Vec::new();
        let mut rest = table;
        while structures.len() < STRUCTURES_MAX {
            let Some((structure, after)) = Structure::split(rest) else { break };
            if structure.kind == Self::END {
                break;
            }
            structures.push(structure);
            rest = after;
        }
        Smbios { version, structures }
    }

    /// Structures of a kind, in table order.
    pub(crate) fn all(&self, kind: u8) -> impl Iterator<Item = &Structure> {
        self.structures.iter().filter(move |s| s.kind == kind)
    }

    /// The first structure of a kind.
    pub(crate) fn first(&self, kind: u8) -> Option<&Structure> {
        self.all(kind).next()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.structures.is_empty()
    }
}

impl Structure {
    fn split(octets: &[u8]) -> Option<(Structure, &[u8])> {
        let (kind, length) = (*octets.first()?, usize::from(*octets.get(1)?));
        if length < 4 {
            return None;
        }
        let (area, mut rest) = octets.split_at_checked(length)?;
        let mut strings = Vec::new();
        // Without strings there are two NULs all the same.
        if let Some(after) = rest.strip_prefix(&[0, 0]) {
            return Some((Structure { kind, area: area.into(), strings }, after));
        }
        loop {
            let end = rest.iter().position(|&o| o == 0)?;
            let (string, after) = (&rest[..end], &rest[end + 1..]);
            if end == 0 {
                // One NUL alone is half of the two that end an empty set.
                return if strings.is_empty() { None } else { Some((Structure { kind, area: area.into(), strings }, after)) };
            }
            strings.push(String::from_utf8_lossy(string).trim().to_owned());
            rest = after;
        }
    }

    /// The octet at an offset, where the structure is long enough.
    pub(crate) fn octet(&self, offset: usize) -> Option<u8> {
        self.area.get(offset).copied()
    }

    pub(crate) fn word(&self, offset: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.area.get(offset..offset + 2)?.try_into().ok()?))
    }

    pub(crate) fn qword(&self, offset: usize) -> Option<u64> {
        Some(u64::from_le_bytes(self.area.get(offset..offset + 8)?.try_into().ok()?))
    }

    /// The string whose number stands at an offset; `None` for number 0, an empty string and the words that makers leave.
    pub(crate) fn string(&self, offset: usize) -> Option<&str> {
        let number = usize::from(self.octet(offset)?);
        self.strings.get(number.checked_sub(1)?).map(String::as_str).filter(|s| is_told(s))
    }
}

/// Whether a text of the firmware says anything: makers leave words like these where they should fill in.
pub(crate) fn is_told(text: &str) -> bool {
    const BLANKS: [&str; 9] = [
        "to be filled by o.e.m.",
        "not specified",
        "default string",
        "none",
        "n/a",
        "unknown",
        "not applicable",
        "system serial number",
        "not available",
    ];
    let text = text.trim();
    !text.is_empty() && !BLANKS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Vec<u8> {
        let mut t = vec![1, 8, 1, 0, 1, 2, 0, 9];
        t.extend(b"Maker\0 Model \0\0");
        t.extend([11, 5, 2, 0, 0, 0, 0]);
        t.extend([127, 4, 3, 0, 0, 0]);
        t.extend([1, 4, 4, 0, 0, 0]);
        t
    }

    #[test]
    fn structures_end_at_their_strings_and_the_table_at_its_last() {
        let smbios = Smbios::parse(b"_SM3_\x00\x18\x03\x05", &table());
        assert_eq!(smbios.version, Some((3, 5)));
        assert_eq!(smbios.structures.len(), 2);
        let system = smbios.first(Smbios::SYSTEM).unwrap();
        let found = (system.string(4), system.string(5), system.string(6), system.string(7), system.string(8));
        assert_eq!(found, (Some("Maker"), Some("Model"), None, None, None));
        assert_eq!((system.word(6), system.word(7), system.qword(4)), (Some(0x0900), None, None));
        assert_eq!(smbios.first(Smbios::OEM_STRINGS).unwrap().octet(4), Some(0));
    }

    #[test]
    fn a_table_cut_anywhere_gives_what_is_whole() {
        let table = table();
        for end in 0..table.len() {
            let found = Smbios::parse(b"_SM_", &table[..end]).structures.len();
            assert_eq!(found, usize::from(end >= 23) + usize::from(end >= 30), "{end}");
        }
        assert!(Smbios::parse(b"", &[1, 3, 0, 0, 0, 0]).is_empty());
        assert_eq!(Smbios::parse(b"_SM_\0\0\x02\x08", &[]).version, Some((2, 8)));
    }

    #[test]
    fn words_that_makers_leave_say_nothing() {
        for text in ["", "  ", "To Be Filled By O.E.M.", "Default string", "None"] {
            assert!(!is_told(text), "{text}");
        }
        assert!(is_told("PowerEdge R650"));
    }
}
