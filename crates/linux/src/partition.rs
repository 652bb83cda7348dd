//! Win32_DiskPartition, and the associations of partitions with disks and with file systems.

use crate::disk::{SYSFS_SECTOR, disks, mounted};
use crate::parse::fields::assigned;
use crate::row::{Row, asked_key, asked_text, reference};
use crate::source::Machine;
use rwmi_cim::{Enumerate, Instance, ProviderResult, RequestContext, Sink, WbemStatus, names_equal};

/// Deepest pile of block devices below a file system that is looked through: LVM on RAID on encryption is four.
const DEPTH_MAX: usize = 16;

/// A partition that the kernel knows.
struct Partition {
    /// The kernel's name of its disk, and the number of that.
    disk: String,
    disk_index: usize,
    /// The kernel's number of it.
    number: u32,
    /// `major:minor`.
    device: Option<String>,
    /// Its place on the disk, from 0.
    index: usize,
    /// Octets before it, and in it.
    start: Option<u64>,
    size: Option<u64>,
}

impl Partition {
    fn id(&self) -> String {
        format!("Disk #{}, Partition #{}", self.disk_index, self.index)
    }
}

/// The partitions of all disks, in the order of disks and places.
fn partitions(machine: &Machine) -> Vec<Partition> {
    let mut all = Vec::new();
    for (disk_index, disk) in disks(machine).into_iter().enumerate() {
        let octets = |name: &str, leaf: &str| machine.number::<u64>(&format!("/sys/block/{disk}/{name}/{leaf}"))?.checked_mul(SYSFS_SECTOR);
        let partition = |name: String| {
            Some(Partition {
                number: machine.number(&format!("/sys/block/{disk}/{name}/partition"))?,
                device: machine.line(&format!("/sys/block/{disk}/{name}/dev")),
                start: octets(&name, "start"),
                size: octets(&name, "size"),
                disk: disk.clone(),
                disk_index,
                index: 0,
            })
        };
        let mut found: Vec<Partition> = machine.list(&format!("/sys/block/{disk}")).into_iter().filter_map(partition).collect();
        found.sort_by_key(|p| (p.start, p.number));
        found.iter_mut().enumerate().for_each(|(index, p)| p.index = index);
        all.extend(found);
    }
    all
}

pub(crate) async fn disk_partitions(machine: &Machine, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let asked = asked_text(req, "DeviceID");
    for partition in partitions(machine) {
        if asked.is_none_or(|a| names_equal(a, &partition.id())) {
            sink.indicate(row(machine, req, &partition)).await?;
        }
    }
    Ok(())
}

fn row(machine: &Machine, req: &Enumerate<'_>, partition: &Partition) -> Instance {
    let Partition { disk, number, device, start, size, .. } = partition;
    let udev = device.as_deref().map(|d| machine.udev(&format!("b{d}"))).unwrap_or_default();
    let of = |key: &str| assigned(&udev, key);
    let mut row = Row::new(req.class);
    let id = partition.id();
    row.set_class_name().set("SystemCreationClassName", "Win32_ComputerSystem").set("SystemName", machine.computer_name());
    row.set("DeviceID", &id).set("Name", &id).set("Caption", &id);
    row.set("DiskIndex", partition.disk_index as u64).set("Index", partition.index as u64);
    row.set("Size", *size).set("StartingOffset", *start);
    let block = machine.number::<u64>(&format!("/sys/block/{disk}/queue/logical_block_size")).filter(|b| *b > 0);
    row.set("BlockSize", block).set("NumberOfBlocks", size.zip(block).map(|(size, block)| size / block));

    let kind = match (of("ID_PART_ENTRY_SCHEME"), of("ID_PART_ENTRY_TYPE")) {
        (Some("gpt"), Some(guid)) => Some(gpt_type(guid)),
        (Some("dos"), Some(code)) => Some(dos_type(code)),
        _ => None,
    };
    row.set("Type", kind).set("Description", kind);
    let flags = of("ID_PART_ENTRY_FLAGS").and_then(|f| u64::from_str_radix(f.trim_start_matches("0x"), 16).ok()).unwrap_or(0);
    let (boots, primary) = match of("ID_PART_ENTRY_SCHEME") {
        Some("gpt") => (Some(kind == Some("GPT: System")), Some(true)),
        // The table has four places; what is numbered from 5 is in an extended partition.
        Some("dos") => (Some(flags & 0x80 != 0), Some(*number <= 4 && !kind.is_some_and(|k| k.starts_with("Extended")))),
        _ => (None, None),
    };
    row.set("Bootable", boots).set("BootPartition", boots).set("PrimaryPartition", primary);
    row.into_instance()
}

/// The words of Windows for a partition of a GUID table.
fn gpt_type(guid: &str) -> &'static str {
    match guid.to_ascii_lowercase().as_str() {
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" => "GPT: System",
        "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7" => "GPT: Basic Data",
        _ => "GPT: Unknown",
    }
}

/// The words of Windows for a partition of an MBR.
fn dos_type(code: &str) -> &'static str {
    match u8::from_str_radix(code.trim_start_matches("0x"), 16) {
        Ok(0x01) => "12-bit FAT",
        Ok(0x04) => "16-bit FAT",
        Ok(0x05) => "Extended Partition",
        Ok(0x06) => "MS-DOS V4 Huge",
        Ok(0x07) => "Installable File System",
        Ok(0x0b | 0x0c | 0x0e) => "Win95 w/Extended Int 13",
        Ok(0x0f) => "Extended w/Extended Int 13",
        Ok(0x63) => "UNIX",
        _ => "Unknown",
    }
}

pub(crate) async fn disk_to_partition(machine: &Machine, cx: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let (host, disk, part) = (machine.computer_name(), asked_key(req, "Antecedent"), asked_key(req, "Dependent"));
    for partition in partitions(machine) {
        let (device, id) = (format!("/dev/{}", partition.disk), partition.id());
        let fits = |asked: &Option<String>, name: &str| asked.as_deref().is_none_or(|a| names_equal(a, name));
        if fits(&disk, &device) && fits(&part, &id) {
            let mut row = Row::new(req.class);
            row.set("Antecedent", reference(&host, &cx.namespace, "Win32_DiskDrive", "DeviceID", &device));
            row.set("Dependent", reference(&host, &cx.namespace, "Win32_DiskPartition", "DeviceID", &id));
            sink.indicate(row.into_instance()).await?;
        }
    }
    Ok(())
}

pub(crate) async fn volume_to_partition(machine: &Machine, cx: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let volumes = mounted(machine).ok_or(WbemStatus::PROVIDER_FAILURE)?;
    let (partitions, host, volume) = (partitions(machine), machine.computer_name(), asked_key(req, "Dependent"));
    for (point, device) in volumes {
        if volume.as_deref().is_some_and(|a| !names_equal(a, &point)) {
            continue;
        }
        let mut below = Vec::new();
        underlying(machine, &device, DEPTH_MAX, &mut below);
        for partition in partitions.iter().filter(|p| p.device.as_ref().is_some_and(|d| below.contains(d))) {
            let mut row = Row::new(req.class);
            row.set("Antecedent", reference(&host, &cx.namespace, "Win32_DiskPartition", "DeviceID", &partition.id()));
            row.set("Dependent", reference(&host, &cx.namespace, "Win32_LogicalDisk", "DeviceID", &point));
            // Places on the disk, as Windows tells them.
            let end = partition.start.zip(partition.size).and_then(|(start, size)| start.checked_add(size)?.checked_sub(1));
            row.set("StartingAddress", partition.start).set("EndingAddress", end);
            sink.indicate(row.into_instance()).await?;
        }
    }
    Ok(())
}

/// A block device and those that it is made of: the kernel links what the mapper, LVM and RAID use as `slaves`.
fn underlying(machine: &Machine, device: &str, depth: usize, found: &mut Vec<String>) {
    if found.iter().any(|d| d == device) {
        return;
    }
    found.push(device.to_owned());
    if depth == 0 {
        return;
    }
    for slave in machine.list(&format!("/sys/dev/block/{device}/slaves")) {
        if let Some(below) = machine.line(&format!("/sys/dev/block/{device}/slaves/{slave}/dev")) {
            underlying(machine, &below, depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn a_file_system_on_the_mapper_is_on_the_partitions_below() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("sys/dev/block/254:1/slaves/dm-0/dev", "254:0\n");
        write("sys/dev/block/254:0/slaves/sda2/dev", "8:2\n");
        write("sys/dev/block/254:0/slaves/sdb1/dev", "8:17\n");
        // A ring that no kernel makes.
        write("sys/dev/block/8:2/slaves/dm-1/dev", "254:1\n");
        let machine = Machine::open(Source::at(dir.path())).unwrap();
        let mut found = Vec::new();
        underlying(&machine, "254:1", DEPTH_MAX, &mut found);
        assert_eq!(found, ["254:1", "254:0", "8:2", "8:17"]);
    }

    #[test]
    fn kinds_have_the_words_of_windows() {
        for (code, expect) in
            [("0x7", "Installable File System"), ("0xf", "Extended w/Extended Int 13"), ("0x83", "Unknown"), ("", "Unknown")]
        {
            assert_eq!(dos_type(code), expect);
        }
        assert_eq!(gpt_type("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"), "GPT: System");
        assert_eq!(gpt_type("0fc63daf-8483-4772-8e79-3d69d8477de4"), "GPT: Unknown");
    }
}
