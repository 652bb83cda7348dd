//! The computer itself.

use super::{Part, Record, day, megabytes, name, word};

/// Kinds of enclosures, as SMBIOS counts them (DSP0134, 7.4.1).
const CHASSIS: &[(i64, &str)] = &[
    (1, "Other"),
    (2, "Unknown"),
    (3, "Desktop"),
    (4, "Low Profile Desktop"),
    (5, "Pizza Box"),
    (6, "Mini Tower"),
    (7, "Tower"),
    (8, "Portable"),
    (9, "Laptop"),
    (10, "Notebook"),
    (11, "Hand Held"),
    (12, "Docking Station"),
    (13, "All in One"),
    (14, "Sub Notebook"),
    (15, "Space-Saving"),
    (16, "Lunch Box"),
    (17, "Main Server Chassis"),
    (18, "Expansion Chassis"),
    (19, "SubChassis"),
    (20, "Bus Expansion Chassis"),
    (21, "Peripheral Chassis"),
    (22, "RAID Chassis"),
    (23, "Rack Mount Chassis"),
    (24, "Sealed-case PC"),
    (25, "Multi-system"),
    (28, "Blade"),
    (29, "Blade Enclosure"),
    (30, "Tablet"),
    (31, "Convertible"),
    (32, "Detachable"),
    (33, "IoT Gateway"),
    (34, "Embedded PC"),
    (35, "Mini PC"),
    (36, "Stick PC"),
];

/// Kinds of memory (DSP0134, 7.18.2), and how modules are built (7.18.1, as Windows counts them).
const MEMORY: &[(i64, &str)] = &[
    (3, "DRAM"),
    (15, "SDRAM"),
    (17, "RDRAM"),
    (18, "DDR"),
    (19, "DDR2"),
    (20, "DDR2 FB-DIMM"),
    (24, "DDR3"),
    (25, "FBD2"),
    (26, "DDR4"),
    (27, "LPDDR"),
    (28, "LPDDR2"),
    (29, "LPDDR3"),
    (30, "LPDDR4"),
    (32, "HBM"),
    (33, "HBM2"),
    (34, "DDR5"),
    (35, "LPDDR5"),
];
const FORM: &[(i64, &str)] = &[(7, "SIMM"), (8, "DIMM"), (11, "RIMM"), (12, "SODIMM"), (13, "SRIMM"), (23, "LGA")];

/// What corrects errors of an array of memory (Win32_PhysicalMemoryArray.MemoryErrorCorrection).
const CORRECTION: &[(i64, &str)] = &[(3, "None"), (4, "Parity"), (5, "Single-bit ECC"), (6, "Multi-bit ECC"), (7, "CRC")];

pub(super) fn hardware(record: &Record) -> Part {
    let (system, computer) = (record.first("Win32_OperatingSystem"), record.first("Win32_ComputerSystem"));
    let adapters = record.rows("Win32_NetworkAdapterConfiguration");
    let mut servers: Vec<String> = Vec::new();
    for server in adapters.iter().flat_map(|a| a.texts("DNSServerSearchOrder")) {
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    let gateways = adapters.iter().flat_map(|a| a.texts("DefaultIPGateway"));
    let gateway = gateways.filter(|g| g.parse::<std::net::Ipv4Addr>().is_ok()).find(|g| g != "0.0.0.0");
    let kinds = record.first("Win32_SystemEnclosure").numbers("ChassisTypes");
    let user = computer.text("UserName").and_then(|u| u.rsplit('\\').next().map(str::to_owned));
    let domain = computer.text("Domain").filter(|_| computer.truth("PartOfDomain") != Some(false));
    // Windows pads kilobytes of nothing as 0: no swap is 0, an unknown one is nothing.
    let swap = system.number("TotalSwapSpaceSize").map(|kilobytes| kilobytes >> 10);
    Part::default()
        .text("name", Some(name(record)))
        .text("chassis_type", kinds.first().and_then(|k| word(CHASSIS, Some(*k))))
        .text("uuid", record.first("Win32_ComputerSystemProduct").text("UUID"))
        .text("vmsystem", machine(record))
        .text("workgroup", domain.or_else(|| computer.text("Workgroup")))
        .text("lastloggeduser", user)
        .text("defaultgateway", gateway)
        .text("dns", (!servers.is_empty()).then(|| servers.join("/")))
        .number("memory", megabytes(computer.number("TotalPhysicalMemory")))
        .number("swap", swap)
        .text("winprodid", system.text("SerialNumber").filter(|_| is_windows(record)))
        .text("winowner", system.text("RegisteredUser").or_else(|| computer.text("PrimaryOwnerName")))
        .text("wincompany", system.text("Organization"))
        .text("winlang", system.text("OSLanguage").filter(|_| is_windows(record)))
}

/// What the machine is made of: iron, or whose software.
fn machine(record: &Record) -> Option<&'static str> {
    let (computer, bios) = (record.first("Win32_ComputerSystem"), record.first("Win32_BIOS"));
    let all = [computer.text("Manufacturer"), computer.text("Model"), bios.text("Manufacturer"), bios.text("Version")];
    let text = all.into_iter().flatten().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let is = |word: &str| text.contains(word);
    Some(match () {
        () if text.is_empty() => return None,
        () if is("vmware") => "VMware",
        () if is("virtualbox") || is("innotek") => "VirtualBox",
        () if is("qemu") || is("kvm") || is("bochs") => "QEMU",
        () if is("xen") => "Xen",
        () if is("microsoft") && is("virtual machine") => "Hyper-V",
        () if is("parallels") => "Parallels",
        () => "Physical",
    })
}

pub(super) fn is_windows(record: &Record) -> bool {
    record.first("Win32_OperatingSystem").text("Caption").is_some_and(|c| c.contains("Windows"))
}

pub(super) fn operating_system(record: &Record) -> Part {
    let (system, computer) = (record.first("Win32_OperatingSystem"), record.first("Win32_ComputerSystem"));
    let Some(caption) = system.text("Caption") else { return Part::default() };
    let edition = record.rows_in(Some("operatingsystem"), "StdRegProv").first().cloned().unwrap_or_default();
    let (kernel, short, version) = if is_windows(record) {
        let revision = edition.number("UBR").map(|r| format!(".{r}")).unwrap_or_default();
        let version = edition.text("DisplayVersion").or_else(|| edition.text("ReleaseId")).or_else(|| system.text("Version"));
        (system.text("Version").map(|v| v + &revision), "Windows".to_owned(), version)
    } else {
        let short = caption.split_whitespace().next().unwrap_or("Linux").to_owned();
        (system.text("Version"), short, system.text("BuildNumber").or_else(|| system.text("Version")))
    };
    let host = computer.text("DNSHostName").or_else(|| computer.text("Name"));
    let domain = computer.text("Domain").filter(|d| d.contains('.'));
    let full = host.zip(domain.clone()).map(|(host, domain)| format!("{host}.{domain}"));
    let zone = record.first("Win32_TimeZone");
    let mut part = Part::default()
        .text("name", Some(short))
        .text("full_name", Some(caption))
        .text("version", version)
        .text("service_pack", system.text("CSDVersion"))
        .text("kernel_name", Some(if is_windows(record) { "MSWin32" } else { "linux" }))
        .text("kernel_version", kernel)
        .text("arch", system.text("OSArchitecture"))
        .text("install_date", system.moment("InstallDate"))
        .text("boot_time", system.moment("LastBootUpTime"))
        .text("dns_domain", domain)
        .text("fqdn", full)
        .text("hostid", system.text("SerialNumber").filter(|_| !is_windows(record)));
    if let (Some(name), Some(minutes)) = (zone.text("StandardName"), system.number("CurrentTimeZone").or_else(|| zone.number("Bias"))) {
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.unsigned_abs();
        let offset = format!("{sign}{:02}{:02}", minutes / 60 % 100, minutes % 60);
        part.0.insert("timezone".into(), Part::default().text("name", Some(name)).text("offset", Some(offset)).json());
    }
    part
}

pub(super) fn bios(record: &Record) -> Part {
    let (bios, board) = (record.first("Win32_BIOS"), record.first("Win32_BaseBoard"));
    let (enclosure, computer) = (record.first("Win32_SystemEnclosure"), record.first("Win32_ComputerSystem"));
    let product = record.first("Win32_ComputerSystemProduct");
    let serial = bios.text("SerialNumber");
    Part::default()
        .text("assettag", enclosure.text("SMBIOSAssetTag"))
        .text("bdate", day(bios.moment("ReleaseDate")))
        .text("bmanufacturer", bios.text("Manufacturer"))
        .text("bversion", bios.text("SMBIOSBIOSVersion").or_else(|| bios.text("Version")))
        .text("biosserial", serial.clone())
        .text("mmanufacturer", board.text("Manufacturer"))
        .text("mmodel", board.text("Product"))
        .text("msn", board.text("SerialNumber"))
        .text("enclosureserial", enclosure.text("SerialNumber"))
        .text("skunumber", computer.text("SystemSKUNumber"))
        .text("smanufacturer", computer.text("Manufacturer"))
        .text("smodel", computer.text("Model"))
        .text("ssn", serial.or_else(|| product.text("IdentifyingNumber")).or_else(|| enclosure.text("SerialNumber")))
}

pub(super) fn cpus(record: &Record) -> Vec<Part> {
    let cpu = |row: &super::super::record::Row| {
        let description = row.text("Description");
        let behind = |name: &str| {
            let mut words = description.as_deref().unwrap_or_default().split_whitespace();
            words.by_ref().find(|w| *w == name)?;
            words.next().filter(|w| w.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned)
        };
        let arch = match (row.number("Architecture"), row.number("AddressWidth")) {
            (Some(12), _) => Some("aarch64"),
            (Some(5), _) => Some("arm"),
            (Some(9), _) | (None, Some(64)) => Some("x86_64"),
            (Some(0), _) | (None, Some(32)) => Some("i386"),
            _ => None,
        };
        let maker = row.text("Manufacturer").map(|m| match m.as_str() {
            "GenuineIntel" => "Intel".to_owned(),
            "AuthenticAMD" => "AMD".to_owned(),
            _ => m,
        });
        Part::default()
            .text("arch", arch)
            .number("core", row.number("NumberOfCores"))
            .number("thread", row.number("NumberOfLogicalProcessors"))
            .text("familynumber", behind("Family"))
            .text("model", behind("Model"))
            .number("stepping", behind("Stepping").and_then(|s| s.parse().ok()))
            .number("speed", row.number("MaxClockSpeed"))
            .number("external_clock", row.number("ExtClock"))
            .text("id", row.text("ProcessorId"))
            .text("manufacturer", maker)
            .text("name", row.text("Name"))
            .text("serial", row.text("SerialNumber"))
            .text("description", description)
    };
    record.rows("Win32_Processor").iter().map(cpu).collect()
}

pub(super) fn memories(record: &Record) -> Vec<Part> {
    let correction = word(CORRECTION, record.first("Win32_PhysicalMemoryArray").number("MemoryErrorCorrection"));
    let slot = |(place, row): (usize, &super::super::record::Row)| {
        let kind = word(MEMORY, row.number("SMBIOSMemoryType")).or_else(|| match row.number("MemoryType") {
            Some(20) => Some("DDR"),
            Some(21) => Some("DDR2"),
            Some(24) => Some("DDR3"),
            Some(26) => Some("DDR4"),
            _ => None,
        });
        Part::default()
            .number("capacity", megabytes(row.number("Capacity")))
            .text("caption", row.text("DeviceLocator").or_else(|| row.text("Caption")))
            .text("description", row.text("Description"))
            .text("formfactor", word(FORM, row.number("FormFactor")))
            .truth("removable", row.truth("Removable"))
            .text("speed", row.text("Speed"))
            .text("type", kind)
            .number("numslots", i64::try_from(place + 1).ok())
            .text("serialnumber", row.text("SerialNumber"))
            .text("manufacturer", row.text("Manufacturer"))
            .text("model", row.text("PartNumber"))
            .text("memorycorrection", correction)
    };
    record.rows("Win32_PhysicalMemory").iter().enumerate().map(slot).collect()
}
