//! Win32_OperatingSystem.

use crate::identity::{local_seconds, local_time, windows_locale};
use crate::parse::fields::{after_colon, assigned, number_after_colon};
use crate::row::Row;
use crate::source::Machine;
use rwmi_cim::{Enumerate, Instance};

/// `OSType` of Linux.
const OS_TYPE_LINUX: u16 = 36;

pub(crate) fn operating_system(machine: &Machine, req: &Enumerate<'_>) -> Instance {
    let mut row = Row::new(req.class);
    let release = machine.os_release();
    let zone = machine.zone();
    let name = machine.os_name();
    let host = machine.computer_name();
    row.set_class_name().set("CSCreationClassName", "Win32_ComputerSystem").set("CSName", host);
    row.set("Name", &name).set("Caption", &name).set("Status", "OK").set("Primary", true).set("Distributed", false);
    row.set("Version", machine.kernel_release()).set("OSType", OS_TYPE_LINUX);
    row.set("BuildNumber", assigned(&release, "BUILD_ID").or_else(|| assigned(&release, "VERSION_ID")));
    row.set("Manufacturer", assigned(&release, "VENDOR_NAME"));
    row.set("Description", pretty_host_name(machine));
    row.set("SerialNumber", machine.derived_id("operating system").map(hex));
    row.set("OSArchitecture", machine.architecture().as_deref().and_then(os_architecture));
    row.set("ProductType", if is_workstation(machine) { 1u32 } else { 3 });
    language(machine, &mut row);

    let now = machine.now_micros();
    row.set("LocalDateTime", local_time(&zone, now)).set("CurrentTimeZone", zone.minutes_at(now.div_euclid(1_000_000)));
    row.set("LastBootUpTime", machine.boot_time().map(|t| local_seconds(&zone, t)));
    // Some virtual disks give 1970 for a time that they do not keep.
    row.set("InstallDate", machine.times("/").born.filter(|t| *t > 0).map(|t| local_seconds(&zone, t)));

    memory(machine, &mut row);
    row.set("MaxNumberOfProcesses", machine.number::<u32>("/proc/sys/kernel/pid_max"));
    // Listing all processes takes longer than everything else together.
    if req.wants("NumberOfProcesses") {
        row.set("NumberOfProcesses", process_ids(machine).map(|ids| ids.len() as u64));
    }
    row.set("NumberOfUsers", machine.try_list("/run/systemd/sessions").map(|s| s.iter().filter(|n| !n.contains('.')).count() as u64));

    if req.wants("DataExecutionPrevention_Available") {
        let cpu = machine.text("/proc/cpuinfo").unwrap_or_default();
        row.set("DataExecutionPrevention_Available", after_colon(&cpu, "flags").map(|f| f.split_whitespace().any(|f| f == "nx")));
    }
    devices(machine, &mut row);
    row.into_instance()
}

/// Process ids in `/proc`, ascending; `None` where it cannot be read.
pub(crate) fn process_ids(machine: &Machine) -> Option<Vec<u32>> {
    let mut ids: Vec<u32> = machine.try_list("/proc")?.iter().filter_map(|n| n.parse().ok()).collect();
    ids.sort_unstable();
    Some(ids)
}

/// The name for people of hostname(5).
pub(crate) fn pretty_host_name(machine: &Machine) -> Option<String> {
    let info = crate::parse::fields::assignments(&machine.text("/etc/machine-info")?);
    assigned(&info, "PRETTY_HOSTNAME").map(str::to_owned)
}

/// Whether the installation calls itself a workstation; all others count as servers.
pub(crate) fn is_workstation(machine: &Machine) -> bool {
    let release = machine.os_release();
    assigned(&release, "VARIANT_ID").is_some_and(|v| matches!(v, "workstation" | "desktop"))
        || machine.link("/etc/systemd/system/default.target").is_some_and(|t| t.ends_with("/graphical.target"))
}

fn memory(machine: &Machine, row: &mut Row) {
    let Some(info) = machine.text("/proc/meminfo") else { return };
    // All in KiB, as Windows has them.
    let kib = |name: &str| number_after_colon(&info, name);
    let (total, available) = (kib("MemTotal"), kib("MemAvailable").or_else(|| kib("MemFree")));
    let (swap, swap_free) = (kib("SwapTotal"), kib("SwapFree"));
    row.set("TotalVisibleMemorySize", total).set("FreePhysicalMemory", available);
    row.set("TotalVirtualMemorySize", sum(total, swap)).set("FreeVirtualMemory", sum(available, swap_free));
    row.set("SizeStoredInPagingFiles", swap).set("FreeSpaceInPagingFiles", swap_free).set("TotalSwapSpaceSize", swap);
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a?.checked_add(b?)
}

fn language(machine: &Machine, row: &mut Row) {
    let Some(lang) = machine.lang() else { return };
    let name = lang.split(['.', '@']).next().unwrap_or(&lang);
    if name.contains('_') {
        row.set("MUILanguages", vec![name.replace('_', "-")]);
    }
    if lang.to_ascii_lowercase().replace('-', "").contains(".utf8") {
        // The code page identifier of UTF-8.
        row.set("CodeSet", "65001");
    }
    if let Some((id, country)) = windows_locale(&lang) {
        row.set("Locale", format!("{id:04x}")).set("OSLanguage", u32::from(id)).set("CountryCode", country);
    }
}

fn devices(machine: &Machine, row: &mut Row) {
    row.set("SystemDrive", "/");
    let mounts = machine.text("/proc/self/mountinfo").unwrap_or_default();
    let device = |point: &str| {
        let mount = crate::parse::mounts::mounts(&mounts).into_iter().rfind(|m| m.point == point)?;
        mount.source.starts_with("/dev/").then_some(mount.source)
    };
    let system = device("/");
    row.set("BootDevice", device("/boot").or_else(|| system.clone())).set("SystemDevice", system);
}

/// The words of Windows for the width of an architecture.
fn os_architecture(machine: &str) -> Option<&'static str> {
    Some(match machine {
        "aarch64" => "ARM 64-bit Processor",
        "x86_64" | "ppc64" | "ppc64le" | "s390x" | "riscv64" | "loongarch64" | "mips64" => "64-bit",
        m if m.starts_with("arm") => "ARM 32-bit Processor",
        "i386" | "i486" | "i586" | "i686" => "32-bit",
        _ => return None,
    })
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(octets: [u8; 16]) -> String {
    octets.iter().map(|o| format!("{o:02x}")).collect()
}
