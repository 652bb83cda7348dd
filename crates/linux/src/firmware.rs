//! Win32_BIOS, and what the firmware tells of the machine to other classes.

use crate::parse::smbios::{Smbios, is_told};
use crate::row::Row;
use crate::source::Machine;
use rwmi_cim::{DateTime, Enumerate, Instance};

impl Machine {
    /// The SMBIOS tables; empty where there are none or only root may read them.
    pub(crate) fn smbios(&self) -> Smbios {
        let file = |name: &str| self.read(&format!("/sys/firmware/dmi/tables/{name}")).unwrap_or_default();
        Smbios::parse(&file("smbios_entry_point"), &file("DMI"))
    }

    /// A text of the firmware that the kernel gives in `/sys/class/dmi/id`.
    pub(crate) fn dmi(&self, name: &str) -> Option<String> {
        self.line(&format!("/sys/class/dmi/id/{name}")).filter(|s| is_told(s))
    }
}

/// `SoftwareElementState` of what runs.
const RUNNING: u16 = 3;

/// The row, or `None` where the machine has no firmware that Linux knows of.
pub(crate) fn bios(machine: &Machine, req: &Enumerate<'_>) -> Option<Instance> {
    let smbios = machine.smbios();
    if smbios.is_empty() && !machine.exists("/sys/class/dmi/id") {
        return None;
    }
    let version = machine.dmi("bios_version");
    let mut row = Row::new(req.class);
    // Keys are never NULL; a firmware without a version has an empty one.
    let name = version.as_deref().unwrap_or("");
    row.set("Name", name).set("Caption", name).set("Description", name).set("SoftwareElementID", name).set("Version", name);
    row.set("SoftwareElementState", RUNNING).set("TargetOperatingSystem", 0u16).set("Status", "OK").set("PrimaryBIOS", true);
    row.set("SMBIOSBIOSVersion", version.as_deref()).set("BIOSVersion", version.as_ref().map(|v| vec![v.clone()]));
    row.set("Manufacturer", machine.dmi("bios_vendor")).set("SerialNumber", machine.dmi("product_serial"));
    row.set("ReleaseDate", machine.dmi("bios_date").and_then(|d| release_date(&d)));
    row.set("SMBIOSPresent", !smbios.is_empty() || smbios.version.is_some() || machine.dmi("bios_version").is_some());
    row.set("SMBIOSMajorVersion", smbios.version.map(|v| v.0)).set("SMBIOSMinorVersion", smbios.version.map(|v| v.1));
    release(&mut row, machine.dmi("bios_release"), "SystemBiosMajorVersion", "SystemBiosMinorVersion");
    release(&mut row, machine.dmi("ec_firmware_release"), "EmbeddedControllerMajorVersion", "EmbeddedControllerMinorVersion");

    if let Some(bios) = smbios.first(Smbios::BIOS) {
        let octets = [bios.octet(0x12), bios.octet(0x13)];
        row.set("BiosCharacteristics", bios.qword(0x0a).map(|bits| characteristics(bits, octets)));
    }
    if let Some(language) = smbios.first(Smbios::BIOS_LANGUAGE) {
        row.set("InstallableLanguages", language.octet(4)).set("CurrentLanguage", language.string(0x15));
        row.set("ListOfLanguages", language.strings.clone());
    }
    Some(row.into_instance())
}

/// Numbers of the bits that are set: 0 to 31 of the characteristics, from 32 on those of the extension octets
/// (DSP0134 7.1.1, 7.1.2); 32 to 63 of the first field are the makers' own and left out.
fn characteristics(bits: u64, extension: [Option<u8>; 2]) -> Vec<u16> {
    let first = (0..32u16).filter(|b| bits >> b & 1 == 1);
    let more = extension
        .into_iter()
        .flatten()
        .zip([32u16, 40])
        .flat_map(|(o, base)| (0..8).filter(move |b| o >> b & 1 == 1).map(move |b| base + b));
    first.chain(more).collect()
}

fn release(row: &mut Row, text: Option<String>, major: &str, minor: &str) {
    if let Some((a, b)) = text.as_deref().and_then(|t| t.split_once('.')) {
        row.set(major, a.parse::<u8>().ok()).set(minor, b.parse::<u8>().ok());
    }
}

/// `MM/DD/YYYY`, as SMBIOS writes it; years of two digits are of the last century (DSP0134 7.1).
fn release_date(text: &str) -> Option<DateTime> {
    let mut parts = text.trim().split('/');
    let mut number = || parts.next()?.parse::<u32>().ok();
    let (month, day, year) = (number()?, number()?, number()?);
    let year = if year < 100 { year + 1900 } else { year };
    let date = DateTime::from_text(format!("{year:04}{month:02}{day:02}000000.000000+000"));
    date.timestamp().is_ok().then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_date_is_a_legal_date() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(release_date(text).as_ref().map(DateTime::as_str), expect, "{text}");
        check("04/01/2014", Some("20140401000000.000000+000"));
        check("12/31/99", Some("19991231000000.000000+000"));
        check("13/01/2014", None);
        check("2014-04-01", None);
        check("04/01", None);
        check("04/01/99999", None);
        check("", None);
    }

    #[test]
    fn characteristics_are_the_numbers_of_bits() {
        assert_eq!(characteristics(1 << 7 | 1 << 31 | 1 << 40, [Some(0x01), Some(0x0c)]), [7, 31, 32, 42, 43]);
        assert_eq!(characteristics(0, [None, None]), [] as [u16; 0]);
    }
}
