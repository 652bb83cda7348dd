//! Win32_LogicalDisk, a mounted file system a row, and Win32_DiskDrive.

use crate::parse::fields::assigned;
use crate::parse::mounts::{Mount, mounts};
use crate::row::{Row, asked_text};
use crate::source::Machine;
use rwmi_cim::{Enumerate, Instance, ProviderResult, Sink, WbemStatus, names_equal};

impl Machine {
    /// Properties that udev keeps of a device: of a block device `b8:0`, of an interface `n2`.
    pub(crate) fn udev(&self, id: &str) -> Vec<(String, String)> {
        let text = self.text(&format!("/run/udev/data/{id}")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("E:")).collect();
        // The values are as they are: udev puts no quotes, and a blank may be in them.
        lines.iter().filter_map(|l| l.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }
}

/// `DriveType`: what Windows calls the kinds of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DriveType {
    Removable = 2,
    Fixed = 3,
    Network = 4,
    CompactDisc = 5,
    RamDisk = 6,
}

impl DriveType {
    fn description(self) -> &'static str {
        match self {
            DriveType::Removable => "Removable Disk",
            DriveType::Fixed => "Local Fixed Disk",
            DriveType::Network => "Network Connection",
            DriveType::CompactDisc => "CD-ROM Disc",
            DriveType::RamDisk => "RAM Disk",
        }
    }

    /// `MediaType`: 11 removable media other than floppy, 12 fixed hard disk media.
    fn media_type(self) -> Option<u32> {
        match self {
            DriveType::Removable | DriveType::CompactDisc => Some(11),
            DriveType::Fixed => Some(12),
            DriveType::Network | DriveType::RamDisk => None,
        }
    }
}

/// File systems that are on another machine.
const NETWORK_TYPES: [&str; 13] =
    ["9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs", "virtiofs"];
/// Places where the system keeps memory file systems of its own.
const SYSTEM_PLACES: [&str; 4] = ["/dev", "/proc", "/run", "/sys"];

/// A mounted file system that counts as a disk.
struct Volume {
    mount: Mount,
    kind: DriveType,
    /// `major:minor` of the block device, where there is one.
    device: Option<String>,
}

pub(crate) async fn logical_disks(machine: &Machine, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let text = machine.text("/proc/self/mountinfo").ok_or(WbemStatus::PROVIDER_FAILURE)?;
    let name = asked_text(req, "DeviceID").or_else(|| asked_text(req, "Name"));
    for volume in volumes(machine, mounts(&text)) {
        if name.is_none_or(|n| names_equal(n, &volume.mount.point)) {
            sink.indicate(logical_disk(machine, req, &volume).await).await?;
        }
    }
    Ok(())
}

/// What people see as disks: each file system once, at its shortest mount point, and none that only shows the kernel.
fn volumes(machine: &Machine, mounts: Vec<Mount>) -> Vec<Volume> {
    let mut volumes: Vec<Volume> = Vec::new();
    for mount in visible(mounts) {
        let device = block_device(machine, &mount);
        let Some(kind) = kind(machine, &mount, device.as_deref()) else { continue };
        let volume = Volume { mount, kind, device };
        // INVARIANT: no two volumes have the same device number.
        match volumes.iter_mut().find(|v| v.mount.device == volume.mount.device) {
            Some(known) if volume.mount.point.len() < known.mount.point.len() => *known = volume,
            Some(_) => {}
            None => volumes.push(volume),
        }
    }
    volumes.sort_by(|a, b| a.mount.point.cmp(&b.mount.point));
    volumes
}

/// Of several mounts on one point only the last can be seen.
fn visible(mounts: Vec<Mount>) -> Vec<Mount> {
    let mut seen = std::collections::HashSet::new();
    let mut last: Vec<Mount> = mounts.into_iter().rev().filter(|m| seen.insert(m.point.clone())).collect();
    last.reverse();
    last
}

fn kind(machine: &Machine, mount: &Mount, device: Option<&str>) -> Option<DriveType> {
    let fs = mount.fs_type.as_str();
    if NETWORK_TYPES.contains(&fs) {
        return Some(DriveType::Network);
    }
    if matches!(fs, "tmpfs" | "ramfs") && mount.point != "/" {
        let of_system = SYSTEM_PLACES.iter().any(|p| mount.point.strip_prefix(p).is_some_and(|r| r.is_empty() || r.starts_with('/')));
        return (!of_system).then_some(DriveType::RamDisk);
    }
    if let Some(device) = device {
        let name = block_name(machine, device)?;
        let of_image = name.starts_with("loop") && fs == "squashfs";
        let removable = || machine.line(&format!("/sys/block/{}/removable", whole_disk(machine, device)?));
        return match () {
            () if of_image => None,
            () if name.starts_with("sr") => Some(DriveType::CompactDisc),
            () if removable().as_deref() == Some("1") => Some(DriveType::Removable),
            () => Some(DriveType::Fixed),
        };
    }
    // The root is a disk whatever it is made of (a container has an overlay); zfs and bcachefs hide their devices.
    (mount.point == "/" || matches!(fs, "zfs" | "bcachefs") || mount.source.starts_with("/dev/") && mount.source != "/dev/fuse")
        .then_some(DriveType::Fixed)
}

/// `major:minor` of the block device under a mount. btrfs has a number of its own in mountinfo, so its source is asked.
fn block_device(machine: &Machine, mount: &Mount) -> Option<String> {
    if !mount.device.starts_with("0:") {
        return Some(mount.device.clone());
    }
    let name = mount.source.strip_prefix("/dev/")?;
    let target = machine.link(&mount.source);
    let name = target.as_deref().and_then(|t| t.rsplit('/').next()).unwrap_or(name);
    machine.line(&format!("/sys/class/block/{name}/dev"))
}

/// The kernel's name of a block device: `sda1`.
fn block_name(machine: &Machine, device: &str) -> Option<String> {
    Some(machine.link(&format!("/sys/dev/block/{device}"))?.rsplit('/').next()?.to_owned())
}

/// The disk that a partition is on, or the device itself: in sysfs a partition lies in the directory of its disk.
fn whole_disk(machine: &Machine, device: &str) -> Option<String> {
    let link = machine.link(&format!("/sys/dev/block/{device}"))?;
    let mut parts = link.rsplit('/');
    let (name, parent) = (parts.next()?, parts.next()?);
    Some(if machine.exists(&format!("/sys/block/{parent}")) { parent.to_owned() } else { name.to_owned() })
}

async fn logical_disk(machine: &Machine, req: &Enumerate<'_>, volume: &Volume) -> Instance {
    let Volume { mount, kind, device } = volume;
    let mut row = Row::new(req.class);
    row.set_class_name().set("SystemCreationClassName", "Win32_ComputerSystem").set("SystemName", machine.computer_name());
    row.set("DeviceID", &mount.point).set("Name", &mount.point).set("Caption", &mount.point).set("Status", "OK");
    row.set("Description", kind.description()).set("DriveType", *kind as u32).set("MediaType", kind.media_type());
    row.set("FileSystem", &mount.fs_type).set("Access", if mount.read_only { 1u16 } else { 3 });
    if *kind == DriveType::Network {
        row.set("ProviderName", &mount.source);
    }
    let udev = device.as_deref().map(|d| machine.udev(&format!("b{d}"))).unwrap_or_default();
    row.set("VolumeName", assigned(&udev, "ID_FS_LABEL_ENC").map(unescape).or_else(|| assigned(&udev, "ID_FS_LABEL").map(str::to_owned)));
    row.set("VolumeSerialNumber", assigned(&udev, "ID_FS_UUID").and_then(serial_number));
    if ["Size", "FreeSpace", "BlockSize", "NumberOfBlocks", "MaximumComponentLength"].iter().any(|p| req.wants(p))
        && let Some(space) = machine.space(&mount.point, *kind == DriveType::Network).await
    {
        row.set("Size", space.blocks.checked_mul(space.block_size));
        row.set("FreeSpace", space.blocks_available.checked_mul(space.block_size));
        row.set("BlockSize", space.block_size).set("NumberOfBlocks", space.blocks).set("MaximumComponentLength", space.name_len_max);
    }
    row.into_instance()
}

/// Eight digits, as Windows has them: those of FAT (`ABCD-1234`), the lower half of the sixteen of NTFS, else the first
/// eight of the identifier.
fn serial_number(uuid: &str) -> Option<String> {
    let digits = uuid.replace('-', "").to_ascii_uppercase();
    let eight = if digits.len() == 16 { digits.get(8..) } else { digits.get(..8) };
    eight.map(str::to_owned)
}

/// Takes back `\x20`, as udev writes odd octets.
fn unescape(text: &str) -> String {
    let octets = text.as_bytes();
    let mut out = Vec::with_capacity(octets.len());
    let mut at = 0;
    while at < octets.len() {
        let digits = octets.get(at..at + 4).and_then(|o| o.strip_prefix(b"\\x")).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(octet) => {
                out.push(octet);
                at += 4;
            }
            None => {
                out.push(octets[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).trim().to_owned()
}

/// Sectors of `/sys/block/*/size` are always of 512 octets.
pub(crate) const SYSFS_SECTOR: u64 = 512;

pub(crate) async fn disk_drives(machine: &Machine, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let names = disks(machine);
    let asked = asked_text(req, "DeviceID");
    for (index, name) in names.iter().enumerate() {
        if asked.is_none_or(|a| names_equal(a, &format!("/dev/{name}"))) {
            sink.indicate(disk_drive(machine, req, index, name)).await?;
        }
    }
    Ok(())
}

/// The drives, by their names in the kernel: the place of one is its number.
pub(crate) fn disks(machine: &Machine) -> Vec<String> {
    let mut names: Vec<String> = machine.list("/sys/block").into_iter().filter(|n| is_disk(machine, n)).collect();
    // sda to sdz come before sdaa.
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    names
}

/// The mounted file systems that are on block devices: mount point, and `major:minor`.
pub(crate) fn mounted(machine: &Machine) -> Option<Vec<(String, String)>> {
    let text = machine.text("/proc/self/mountinfo")?;
    Some(volumes(machine, mounts(&text)).into_iter().filter_map(|v| Some((v.mount.point, v.device?))).collect())
}

/// Whether a block device is a drive: it has a device under it (loop, ram, dm and md have none) and is no optical one.
fn is_disk(machine: &Machine, name: &str) -> bool {
    !name.starts_with("sr") && !name.starts_with("fd") && machine.exists(&format!("/sys/block/{name}/device"))
}

fn disk_drive(machine: &Machine, req: &Enumerate<'_>, index: usize, name: &str) -> Instance {
    let file = |leaf: &str| machine.line(&format!("/sys/block/{name}/{leaf}"));
    let number = |leaf: &str| machine.number::<u64>(&format!("/sys/block/{name}/{leaf}"));
    let udev = file("dev").map(|d| machine.udev(&format!("b{d}"))).unwrap_or_default();
    let of = |key: &str| assigned(&udev, key).map(str::to_owned);
    let mut row = Row::new(req.class);
    let id = format!("/dev/{name}");
    row.set_class_name().set("SystemCreationClassName", "Win32_ComputerSystem").set("SystemName", machine.computer_name());
    row.set("DeviceID", &id).set("Name", &id).set("Description", "Disk drive").set("Index", index as u64);
    let model = of("ID_MODEL_ENC").map(|m| unescape(&m)).or_else(|| file("device/model")).or_else(|| file("device/name"));
    row.set("Model", model.as_deref()).set("Caption", model.as_deref().unwrap_or(&id));
    // The vendor of a disk behind SATA is the word ATA (SAT-4 8.4.2).
    row.set("Manufacturer", file("device/vendor").filter(|v| v != "ATA" && !v.starts_with("0x")));
    row.set("SerialNumber", of("ID_SERIAL_SHORT").or_else(|| file("device/serial")).or_else(|| file("serial")));
    row.set("FirmwareRevision", file("device/firmware_rev").or_else(|| file("device/rev")).or_else(|| of("ID_REVISION")));

    let size = number("size").and_then(|s| s.checked_mul(SYSFS_SECTOR));
    let sector = number("queue/logical_block_size").filter(|s| *s > 0);
    row.set("Size", size).set("BytesPerSector", sector).set("TotalSectors", size.zip(sector).map(|(size, sector)| size / sector));
    row.set("MediaLoaded", size.map(|s| s > 0));
    let parts =
        machine.list(&format!("/sys/block/{name}")).into_iter().filter(|p| machine.exists(&format!("/sys/block/{name}/{p}/partition")));
    row.set("Partitions", parts.count() as u64);

    let interface = interface_type(machine, name, of("ID_BUS").as_deref());
    let removable = file("removable").as_deref() == Some("1");
    row.set("InterfaceType", interface).set("MediaType", media_type(removable, interface));
    capabilities(&mut row, file("ro").as_deref() == Some("1"), removable);
    if let Some([host, channel, target, lun]) = scsi_address(machine, name) {
        row.set("SCSIPort", host).set("SCSIBus", channel).set("SCSITargetId", target).set("SCSILogicalUnit", lun);
    }
    if of("ID_PART_TABLE_TYPE").as_deref() == Some("dos") {
        row.set("Signature", of("ID_PART_TABLE_UUID").and_then(|u| u32::from_str_radix(&u, 16).ok()));
    }
    let fails = file("device/state").is_some_and(|s| matches!(s.as_str(), "offline" | "transport-offline" | "dead"));
    row.set("Status", if fails { "Error" } else { "OK" });
    row.into_instance()
}

/// The word of Windows for a bus: SATA disks are IDE to it, NVMe and virtual ones SCSI.
fn interface_type(machine: &Machine, name: &str, bus: Option<&str>) -> Option<&'static str> {
    let link = machine.link(&format!("/sys/block/{name}")).unwrap_or_default();
    match bus {
        Some("usb") => Some("USB"),
        Some("ieee1394") => Some("1394"),
        Some("ata") => Some("IDE"),
        Some("scsi") => Some("SCSI"),
        _ if link.contains("/usb") => Some("USB"),
        _ if link.contains("/ata") => Some("IDE"),
        _ if ["sd", "nvme", "vd", "xvd"].iter().any(|p| name.starts_with(p)) => Some("SCSI"),
        _ => None,
    }
}

fn media_type(removable: bool, interface: Option<&str>) -> &'static str {
    match (removable, interface) {
        (true, _) => "Removable Media",
        (false, Some("USB" | "1394")) => "External hard disk media",
        (false, _) => "Fixed hard disk media",
    }
}

/// `Capabilities`: 3 random access, 4 supports writing, 7 supports removable media.
fn capabilities(row: &mut Row, read_only: bool, removable: bool) {
    let all = [(true, 3u16, "Random Access"), (!read_only, 4, "Supports Writing"), (removable, 7, "Supports Removable Media")];
    let has: Vec<_> = all.into_iter().filter(|(has, ..)| *has).collect();
    row.set("Capabilities", has.iter().map(|c| c.1).collect::<Vec<_>>());
    row.set("CapabilityDescriptions", has.iter().map(|c| c.2).collect::<Vec<_>>());
}

/// Host, channel, target and unit of a SCSI disk: its device is named `2:0:0:0`.
fn scsi_address(machine: &Machine, name: &str) -> Option<[u64; 4]> {
    let link = machine.link(&format!("/sys/block/{name}/device"))?;
    let parts = link.rsplit('/').next()?.split(':').map(|p| p.parse().ok()).collect::<Option<Vec<u64>>>()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    fn points(mountinfo: &str) -> Vec<(String, u32)> {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path().join("sys/dev/block");
        std::fs::create_dir_all(&sys).unwrap();
        for (device, name) in [("8:1", "sda1"), ("8:2", "sda2"), ("7:0", "loop0"), ("11:0", "sr0")] {
            std::os::unix::fs::symlink(format!("../../devices/x/block/{name}"), sys.join(device)).unwrap();
        }
        let machine = Machine::open(Source::at(dir.path())).unwrap();
        volumes(&machine, mounts(mountinfo)).iter().map(|v| (v.mount.point.clone(), v.kind as u32)).collect()
    }

    #[test]
    fn a_file_system_is_one_disk_at_its_shortest_place() {
        let text = "1 0 8:1 / /srv/deep rw - ext4 /dev/sda1 rw\n2 0 8:1 / / rw - ext4 /dev/sda1 rw\n3 0 8:1 /x /var/x rw - ext4 /dev/sda1 rw\n4 0 8:2 / /home rw - xfs /dev/sda2 rw\n";
        assert_eq!(points(text), [("/".into(), 3), ("/home".into(), 3)]);
    }

    #[test]
    fn a_later_mount_hides_an_earlier_one() {
        let text = "1 0 8:1 / /mnt rw - ext4 /dev/sda1 rw\n2 0 0:50 / /mnt rw - nfs4 srv:/x rw\n";
        assert_eq!(points(text), [("/mnt".into(), 4)]);
    }

    #[test]
    fn what_only_shows_the_kernel_is_no_disk() {
        let text = "1 0 0:1 / /proc rw - proc proc rw\n2 0 0:2 / /run rw - tmpfs tmpfs rw\n3 0 0:3 / /dev/shm rw - tmpfs tmpfs rw\n4 0 0:4 / /tmp rw - tmpfs tmpfs rw\n5 0 7:0 / /snap/x ro - squashfs /dev/loop0 ro\n6 0 11:0 / /media ro - iso9660 /dev/sr0 ro\n7 0 0:5 / / rw - overlay overlay rw\n8 0 0:6 / /run/user/1000/doc rw - fuse.portal portal rw\n9 0 0:7 / /runner rw - tmpfs tmpfs rw\n10 0 0:8 / /tank rw - zfs tank rw\n";
        let expect = [("/", 3), ("/media", 5), ("/runner", 6), ("/tank", 3), ("/tmp", 6)];
        assert_eq!(points(text), expect.map(|(p, k)| (p.to_owned(), k)));
    }

    #[test]
    fn a_serial_number_has_eight_digits_where_windows_would_have_it() {
        for (uuid, expect) in [
            ("ABCD-1234", Some("ABCD1234")),
            ("01d80a1b2c3d4e5f", Some("2C3D4E5F")),
            ("4f6d2b1c-0a5e-4c1e-9f7a-3d1b2c4e5f60", Some("4F6D2B1C")),
            ("0b1e", None),
            ("äöüä", Some("äöüä")),
        ] {
            assert_eq!(serial_number(uuid).as_deref(), expect);
        }
    }

    #[test]
    fn an_escape_is_two_hexadecimal_digits() {
        for (text, expect) in [("My\\x20Disk\\x20\\x20", "My Disk"), ("a\\xzz", "a\\xzz"), ("a\\x2", "a\\x2"), ("", "")] {
            assert_eq!(unescape(text), expect);
        }
    }
}
