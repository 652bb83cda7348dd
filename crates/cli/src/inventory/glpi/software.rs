//! Programs, what protects the computer, and what is set in it.

use super::super::record::Row;
use super::{Part, Record, word};
use rwmi_cim::names_equal;

pub(super) fn softwares(record: &Record) -> Vec<Part> {
    let wide = record.first("Win32_OperatingSystem").text("OSArchitecture").is_none_or(|a| a.contains("64"));
    let arm = record.first("Win32_Processor").number("Architecture") == Some(12);
    let program = |row: &Row| {
        let narrow = row.text("Width").as_deref() == Some("32") || !wide;
        let arch = match (narrow, arm) {
            (true, _) => "i586",
            (false, true) => "aarch64",
            (false, false) => "x86_64",
        };
        let kind = match (row.number("SystemComponent"), row.text("ReleaseType").as_deref(), row.text("ParentKeyName")) {
            (Some(1), ..) => "system_component",
            (_, Some("Security Update"), _) => "security_update",
            (_, Some("Update" | "Update Rollup" | "Hotfix"), _) | (_, _, Some(_)) => "update",
            _ => "application",
        };
        let sid = row.text("SID");
        let user = sid.as_deref().and_then(|sid| account(record, sid));
        let number = |name: &str| row.number(name).map(|n| n.to_string());
        Some(
            Part::default()
                .text("name", Some(row.text("DisplayName")?))
                .text("version", row.text("DisplayVersion"))
                .text("version_major", number("VersionMajor"))
                .text("version_minor", number("VersionMinor"))
                .text("publisher", row.text("Publisher"))
                .text("install_date", row.text("InstallDate").and_then(|d| compact_date(&d)))
                .text("uninstall_string", row.text("UninstallString"))
                .text("url_info_about", row.text("URLInfoAbout"))
                .text("helplink", row.text("HelpLink"))
                .text("folder", row.text("InstallLocation"))
                .text("release_type", row.text("ReleaseType"))
                .number("filesize", row.number("EstimatedSize").map(|kilobytes| kilobytes.saturating_mul(1024)))
                .truth("no_remove", row.number("NoRemove").map(|n| n != 0))
                .text("guid", row.text("Key"))
                .text("arch", Some(arch))
                .text("from", Some("registry"))
                .text("system_category", Some(kind))
                .text("userid", sid)
                .text("username", user),
        )
    };
    let fix = |row: &Row| {
        Some(
            Part::default()
                .text("name", Some(row.text("HotFixID").filter(|n| n != "File 1")?))
                .text("comments", row.text("Description"))
                .text(
                    "install_date",
                    row.text("InstalledOn").and_then(|d| american_date(&d)).or_else(|| super::day(row.moment("InstalledOn"))),
                )
                .text("from", Some("WMI"))
                .text("system_category", Some("update")),
        )
    };
    let programs = record.rows_in(Some("softwares"), "StdRegProv").iter().filter_map(program);
    programs.chain(record.rows("Win32_QuickFixEngineering").iter().filter_map(fix)).collect()
}

/// The name that belongs to a SID, where the computer has the account; else that of its profile's directory.
fn account(record: &Record, sid: &str) -> Option<String> {
    let has = |row: &&Row| row.text("SID").is_some_and(|s| names_equal(&s, sid));
    record.rows("Win32_UserAccount").iter().find(has).and_then(|r| r.text("Name")).or_else(|| {
        let profile = record.rows("Win32_UserProfile").iter().find(has)?.text("LocalPath")?;
        profile.rsplit('\\').next().map(str::to_owned)
    })
}

/// `20231205`, as installers write it. Anything else is in a language that nobody knows.
fn compact_date(text: &str) -> Option<String> {
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    let (year, month, day) = (text.get(..4)?, text.get(4..6)?, text.get(6..)?);
    (digits && is_day(year, month, day)).then(|| format!("{year}-{month}-{day}"))
}

/// `12/5/2023`, as Win32_QuickFixEngineering has it in every language.
fn american_date(text: &str) -> Option<String> {
    let mut parts = text.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |t: &str| t.parse::<u32>().ok().filter(|_| t.bytes().all(|b| b.is_ascii_digit()));
    let (month, day) = (format!("{:02}", number(month)?), format!("{:02}", number(day)?));
    number(year)?;
    (parts.next().is_none() && is_day(year, &month, &day)).then(|| format!("{year}-{month}-{day}"))
}

fn is_day(year: &str, month: &str, day: &str) -> bool {
    rwmi_cim::DateTime::from_text(format!("{year}{month}{day}000000.000000+000")).timestamp().is_ok()
}

pub(super) fn antivirus(record: &Record) -> Vec<Part> {
    let defender = record.first("MSFT_MpComputerStatus");
    let mut all: Vec<Part> = Vec::new();
    for row in record.rows("AntiVirusProduct") {
        let Some(name) = row.text("displayName") else { continue };
        // Three octets: who, whether it is on, whether it is up to date.
        let state = row.number("productState");
        let is_defender = name.contains("Defender");
        let mut part = Part::default()
            .text("name", Some(name))
            .text("guid", row.text("instanceGuid"))
            .truth("enabled", state.map(|s| s >> 12 & 0xf == 1))
            .truth("uptodate", state.map(|s| s & 0xff == 0));
        if is_defender {
            part = part
                .text("company", Some("Microsoft Corporation"))
                .text("version", defender.text("AMProductVersion"))
                .text("base_version", defender.text("AntivirusSignatureVersion"))
                .text("base_creation", super::day(defender.moment("AntivirusSignatureLastUpdated")));
        }
        all.push(part);
    }
    // Servers have no list of products.
    if all.is_empty() && !defender.0.is_empty() {
        all.push(
            Part::default()
                .text("name", Some("Windows Defender"))
                .text("company", Some("Microsoft Corporation"))
                .truth("enabled", defender.truth("AntivirusEnabled"))
                .text("version", defender.text("AMProductVersion"))
                .text("base_version", defender.text("AntivirusSignatureVersion"))
                .text("base_creation", super::day(defender.moment("AntivirusSignatureLastUpdated"))),
        );
    }
    all
}

pub(super) fn firewalls(record: &Record) -> Vec<Part> {
    let profile = |row: &Row| {
        let status = if row.number("EnableFirewall")? == 0 { "off" } else { "on" };
        Some(Part::default().text("profile", row.text("Profile")).text("status", Some(status)))
    };
    record.rows_in(Some("firewalls"), "StdRegProv").iter().filter_map(profile).collect()
}

pub(super) fn licenses(record: &Record) -> Vec<Part> {
    let license = |row: &Row| {
        Part::default()
            .text("name", row.text("Name"))
            .text("fullname", row.text("Description"))
            // The last five characters are all that the system tells.
            .text("key", row.text("PartialProductKey").map(|k| format!("XXXXX-XXXXX-XXXXX-XXXXX-{k}")))
            .text("productid", row.text("ProductKeyID"))
            .truth("trial", row.number("LicenseStatus").map(|s| matches!(s, 2 | 3)))
    };
    record.rows("SoftwareLicensingProduct").iter().map(license).collect()
}

pub(super) fn environment(record: &Record) -> Vec<Part> {
    let variable = |row: &Row| {
        Some(Part::default().text("key", Some(row.text("Name")?)).text("val", Some(row.text("VariableValue").unwrap_or_default())))
    };
    record.rows("Win32_Environment").iter().filter_map(variable).collect()
}

pub(super) fn virtual_machines(record: &Record) -> Vec<Part> {
    const STATES: &[(i64, &str)] =
        &[(2, "running"), (3, "off"), (4, "shutdown"), (6, "off"), (9, "paused"), (32768, "paused"), (32769, "off"), (32776, "blocked")];
    let machine = |row: &Row| {
        // The host is a computer of the class, too: its name is no GUID.
        let id = row.text("Name").filter(|n| n.len() == 36 && n.bytes().filter(|b| *b == b'-').count() == 4)?;
        let of_it = |class: &str| {
            let prefix = format!("Microsoft:{id}");
            let has = |r: &&Row| r.text("InstanceID").is_some_and(|i| i.get(..prefix.len()).is_some_and(|p| names_equal(p, &prefix)));
            record.rows(class).iter().find(has).cloned().unwrap_or_default()
        };
        let setting = of_it("Msvm_VirtualSystemSettingData");
        let guid = setting.text("BIOSGUID").map(|g| g.trim_matches(['{', '}']).to_owned());
        Some(
            Part::default()
                .text("name", Some(row.text("ElementName")?))
                .text("uuid", guid.or(Some(id.clone())))
                .text("status", word(STATES, row.number("EnabledState")))
                .text("vmtype", Some("HyperV"))
                .text("subsystem", Some("MS HyperV"))
                .number("memory", of_it("Msvm_MemorySettingData").number("VirtualQuantity"))
                .number("vcpu", of_it("Msvm_ProcessorSettingData").number("VirtualQuantity"))
                .text("serial", setting.text("BIOSSerialNumber")),
        )
    };
    record.rows("Msvm_ComputerSystem").iter().filter_map(machine).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_or_nothing() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(compact_date(text).as_deref(), expect, "{text}");
        check("20231205", Some("2023-12-05"));
        for bad in ["20231305", "20230230", "5.12.2023", "2023-1-5", "", "２０２３"] {
            check(bad, None);
        }
        let check = |text: &str, expect: Option<&str>| assert_eq!(american_date(text).as_deref(), expect, "{text}");
        check("12/5/2023", Some("2023-12-05"));
        for bad in ["13/5/2023", "5.12.2023", "1/2", "1/2/2023/4", "1/2/23", "+1/2/2023", ""] {
            check(bad, None);
        }
    }
}
