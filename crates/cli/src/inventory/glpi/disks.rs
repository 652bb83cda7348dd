//! Disks, and what is on them.

use super::super::record::Row;
use super::{Part, Record, megabytes, word};
use rwmi_cim::names_equal;

/// How a disk is attached (MSFT_PhysicalDisk.BusType), and what it is made of (MediaType).
const BUS: &[(i64, &str)] = &[
    (1, "SCSI"),
    (2, "ATAPI"),
    (3, "ATA"),
    (4, "IEEE 1394"),
    (5, "SSA"),
    (6, "Fibre Channel"),
    (7, "USB"),
    (8, "RAID"),
    (9, "iSCSI"),
    (10, "SAS"),
    (11, "SATA"),
    (12, "SD"),
    (13, "MMC"),
    (15, "File Backed Virtual"),
    (16, "Storage Spaces"),
    (17, "NVMe"),
    (18, "SCM"),
    (19, "UFS"),
];
const MEDIA: &[(i64, &str)] = &[(3, "HDD"), (4, "SSD"), (5, "SCM")];

const DRIVE: &[(i64, &str)] = &[
    (0, "Unknown"),
    (1, "No Root Directory"),
    (2, "Removable Disk"),
    (3, "Local Disk"),
    (4, "Network Drive"),
    (5, "Compact Disc"),
    (6, "RAM Disk"),
];

/// Win32_EncryptableVolume.EncryptionMethod.
const CIPHER: &[(i64, &str)] = &[
    (1, "AES_128_WITH_DIFFUSER"),
    (2, "AES_256_WITH_DIFFUSER"),
    (3, "AES_128"),
    (4, "AES_256"),
    (5, "HARDWARE_ENCRYPTION"),
    (6, "XTS_AES_128"),
    (7, "XTS_AES_256"),
];

pub(super) fn storages(record: &Record) -> Vec<Part> {
    let (physical, drives) = (record.rows("MSFT_PhysicalDisk"), record.rows("Win32_DiskDrive"));
    let mut all: Vec<Part> =
        if physical.is_empty() { drives.iter().map(drive).collect() } else { physical.iter().map(|disk| whole(disk, drives)).collect() };
    let reader = |row: &Row, kind: &str| {
        Part::default()
            .text("name", row.text("Name"))
            .text("model", row.text("Caption"))
            .text("manufacturer", row.text("Manufacturer").filter(|m| is_a_maker(m)))
            .text("description", row.text("MediaType"))
            .text("type", Some(kind))
            .text("scsi_coid", row.text("SCSIPort"))
            .text("scsi_lun", row.text("SCSILogicalUnit"))
            .text("scsi_unid", row.text("SCSITargetId"))
    };
    all.extend(record.rows("Win32_CDROMDrive").iter().map(|r| reader(r, "cdrom")));
    all.extend(record.rows("Win32_TapeDrive").iter().map(|r| reader(r, "tape")));
    all
}

/// Drivers that come with Windows say `(Standard disk drives)`.
fn is_a_maker(text: &str) -> bool {
    !text.starts_with('(')
}

fn drive(row: &Row) -> Part {
    let model = row.text("Model").or_else(|| row.text("Caption"));
    Part::default()
        .text("name", row.text("Name"))
        .text("manufacturer", row.text("Manufacturer").filter(|m| is_a_maker(m)).or_else(|| maker_of(model.as_deref())))
        .text("model", model)
        .text("description", row.text("InterfaceType"))
        .text("interface", row.text("InterfaceType"))
        .text("firmware", row.text("FirmwareRevision"))
        .text("serial", row.text("SerialNumber"))
        .text("type", row.text("MediaType"))
        .number("disksize", megabytes(row.number("Size")))
        .text("scsi_coid", row.text("SCSIPort"))
        .text("scsi_lun", row.text("SCSILogicalUnit"))
        .text("scsi_unid", row.text("SCSITargetId"))
}

/// A disk of the newer class, with what the older one says of the same.
fn whole(disk: &Row, drives: &[Row]) -> Part {
    let number = disk.text("DeviceId");
    let empty = Row::default();
    let older = drives.iter().find(|d| number.is_some() && d.text("Index") == number).unwrap_or(&empty);
    let model = disk.text("Model").or_else(|| disk.text("FriendlyName")).or_else(|| older.text("Model"));
    let bus = word(BUS, disk.number("BusType"));
    Part::default()
        .text("name", older.text("Name").or_else(|| number.map(|n| format!("PhysicalDisk{n}"))))
        .text("manufacturer", disk.text("Manufacturer").filter(|m| is_a_maker(m)).or_else(|| maker_of(model.as_deref())))
        .text("model", model)
        .text("description", bus)
        .text("interface", bus.map(str::to_owned).or_else(|| older.text("InterfaceType")))
        .text("firmware", disk.text("FirmwareVersion").or_else(|| older.text("FirmwareRevision")))
        .text("serial", disk.text("SerialNumber").or_else(|| older.text("SerialNumber")))
        .text("type", word(MEDIA, disk.number("MediaType")).map(str::to_owned).or_else(|| older.text("MediaType")))
        .number("disksize", megabytes(disk.number("Size").or_else(|| older.number("Size"))))
        .text("scsi_coid", older.text("SCSIPort"))
        .text("scsi_lun", older.text("SCSILogicalUnit"))
        .text("scsi_unid", older.text("SCSITargetId"))
}

/// Who made a disk whose model begins with the name, or with letters of a number that only one maker has.
fn maker_of(model: Option<&str>) -> Option<String> {
    let model = model?.trim();
    let known = [
        ("samsung", "Samsung"),
        ("seagate", "Seagate"),
        ("st", "Seagate"),
        ("wdc", "Western Digital"),
        ("toshiba", "Toshiba"),
        ("hitachi", "Hitachi"),
        ("hgst", "Hitachi"),
        ("intel", "Intel"),
        ("kingston", "Kingston"),
        ("micron", "Micron"),
        ("crucial", "Crucial"),
        ("sandisk", "SanDisk"),
        ("vmware", "VMware"),
        ("qemu", "QEMU"),
    ];
    let lower = model.to_ascii_lowercase();
    let fits = |prefix: &str| match lower.strip_prefix(prefix) {
        // ST1000DM003: the letters alone begin many other words.
        Some(rest) if prefix == "st" => rest.starts_with(|c: char| c.is_ascii_digit()),
        Some(_) => true,
        None => false,
    };
    known.iter().find(|(prefix, _)| fits(prefix)).map(|(_, maker)| (*maker).to_owned())
}

pub(super) fn drives(record: &Record) -> Vec<Part> {
    let system = record.first("Win32_OperatingSystem").text("SystemDrive");
    let mut all = Vec::new();
    for row in record.rows("Win32_LogicalDisk") {
        let Some(id) = row.text("DeviceID") else { continue };
        let is_letter = id.len() == 2 && id.ends_with(':');
        let mut part = Part::default();
        if is_letter {
            part = part
                .text("letter", Some(id.as_str()))
                .text("type", word(DRIVE, row.number("DriveType")))
                .text("volumn", row.text("ProviderName").or_else(|| row.text("VolumeName")))
                .truth("systemdrive", system.as_deref().map(|s| names_equal(s, &id)));
        } else {
            // Off Windows it is a place in the tree.
            part = part.text("type", Some(id.as_str())).text("volumn", row.text("ProviderName").or_else(|| Some(id.clone())));
        }
        part = part
            .text("description", row.text("Description"))
            .text("filesystem", row.text("FileSystem"))
            .number("free", megabytes(row.number("FreeSpace")))
            .number("total", megabytes(row.number("Size")))
            .text("serial", row.text("VolumeSerialNumber"))
            .text("label", row.text("VolumeName"));
        all.push(encrypted(record, part, |v| v.text("DriveLetter").is_some_and(|l| names_equal(&l, &id))));
    }
    for row in record.rows("Win32_Volume") {
        // The others are among the drives already.
        if row.text("DriveLetter").is_some() {
            continue;
        }
        let part = Part::default()
            .text("volumn", row.text("Label").or_else(|| row.text("Name")))
            .text("label", row.text("Label"))
            .text("type", word(DRIVE, row.number("DriveType")))
            .text("description", row.text("Name"))
            .text("filesystem", row.text("FileSystem"))
            .number("free", megabytes(row.number("FreeSpace")))
            .number("total", megabytes(row.number("Capacity")))
            .text("serial", row.number("SerialNumber").map(|n| format!("{:08X}", n & 0xffff_ffff)));
        let id = row.text("DeviceID");
        all.push(encrypted(record, part, |v| id.is_some() && v.text("DeviceID") == id));
    }
    all
}

fn encrypted(record: &Record, part: Part, is_it: impl Fn(&Row) -> bool) -> Part {
    let Some(volume) = record.rows("Win32_EncryptableVolume").iter().find(|v| is_it(v)) else { return part };
    let status = match volume.number("ProtectionStatus") {
        Some(1) => "Yes",
        Some(0) => "No",
        _ => return part,
    };
    let part = part.text("encrypt_status", Some(status));
    if status == "No" {
        return part;
    }
    part.text("encrypt_name", Some("BitLocker")).text("encrypt_algo", word(CIPHER, volume.number("EncryptionMethod")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_may_name_its_maker() {
        let check = |model: &str, expect: Option<&str>| assert_eq!(maker_of(Some(model)).as_deref(), expect, "{model}");
        check("SAMSUNG MZVLB512HBJQ", Some("Samsung"));
        check("ST1000DM003-1CH162", Some("Seagate"));
        check("Storage Device", None);
        check("Example SSD 240G", None);
    }
}
