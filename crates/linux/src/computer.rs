//! Win32_ComputerSystem.

use crate::os::{is_workstation, pretty_host_name};
use crate::parse::cpu::list;
use crate::parse::fields::{after_colon, assigned, assignments, ini, number_after_colon};
use crate::parse::smbios::Smbios;
use crate::row::Row;
use crate::source::Machine;
use rwmi_cim::{Enumerate, Instance};
use std::collections::BTreeSet;

pub(crate) fn computer_system(machine: &Machine, req: &Enumerate<'_>) -> Instance {
    let mut row = Row::new(req.class);
    let name = machine.computer_name();
    row.set_class_name().set("Name", &name).set("Caption", &name).set("DNSHostName", machine.host_name()).set("Status", "OK");
    row.set("Description", pretty_host_name(machine));
    row.set("Manufacturer", machine.dmi("sys_vendor")).set("Model", machine.dmi("product_name"));
    row.set("SystemFamily", machine.dmi("product_family")).set("SystemSKUNumber", machine.dmi("product_sku"));
    firmware(machine, &mut row);
    domain(machine, &mut row);

    let info = machine.text("/proc/meminfo").unwrap_or_default();
    row.set("TotalPhysicalMemory", number_after_colon(&info, "MemTotal").and_then(|k| k.checked_mul(1024)));
    let sockets = sockets(machine);
    row.set("NumberOfProcessors", sockets.len() as u64);
    row.set("NumberOfLogicalProcessors", sockets.iter().map(|s| s.cpus.len() as u64).sum::<u64>());
    row.set("SystemType", machine.architecture().as_deref().and_then(system_type));
    row.set("HypervisorPresent", hypervisor_present(machine));
    row.set("BootupState", machine.line("/proc/cmdline").map(|c| bootup_state(&c)));

    let zone = machine.zone();
    let now = machine.now_micros().div_euclid(1_000_000);
    row.set("CurrentTimeZone", zone.minutes_at(now));
    if zone.rule().is_some_and(|r| r.daylight.is_some()) {
        row.set("DaylightInEffect", zone.at(now).daylight).set("EnableDaylightSavingsTime", true);
    }
    row.set("UserName", console_user(machine).map(|u| format!("{name}\\{u}")));
    row.into_instance()
}

/// A place for a processor, and the logical processors in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Socket {
    pub(crate) cpus: Vec<u32>,
    pub(crate) cores: usize,
}

/// Sockets with a processor that is online, by package number. A machine that tells no topology has one.
pub(crate) fn sockets(machine: &Machine) -> Vec<Socket> {
    let online = machine.line("/sys/devices/system/cpu/online").map(|t| list(&t)).filter(|l| !l.is_empty()).unwrap_or_else(|| {
        let cpuinfo = machine.text("/proc/cpuinfo").unwrap_or_default();
        cpuinfo.lines().filter_map(|l| l.strip_prefix("processor")?.split_once(':')?.1.trim().parse().ok()).collect()
    });
    let topology = |cpu: u32, name: &str| machine.line(&format!("/sys/devices/system/cpu/cpu{cpu}/topology/{name}"));
    let mut sockets: Vec<(i64, Vec<u32>, BTreeSet<String>)> = Vec::new();
    for cpu in online {
        let package = topology(cpu, "physical_package_id").and_then(|p| p.parse().ok()).unwrap_or(0).max(0);
        let core = topology(cpu, "core_cpus_list").or_else(|| topology(cpu, "thread_siblings_list")).unwrap_or_else(|| cpu.to_string());
        match sockets.iter_mut().find(|s| s.0 == package) {
            Some((_, cpus, cores)) => {
                cpus.push(cpu);
                cores.insert(core);
            }
            None => sockets.push((package, vec![cpu], BTreeSet::from([core]))),
        }
    }
    sockets.sort_by_key(|s| s.0);
    sockets.into_iter().map(|(_, cpus, cores)| Socket { cpus, cores: cores.len() }).collect()
}

fn system_type(architecture: &str) -> Option<&'static str> {
    Some(match architecture {
        "x86_64" => "x64-based PC",
        "aarch64" => "ARM64-based PC",
        "i386" | "i486" | "i586" | "i686" => "X86-based PC",
        _ => return None,
    })
}

fn hypervisor_present(machine: &Machine) -> Option<bool> {
    if machine.line("/sys/hypervisor/type").is_some() {
        return Some(true);
    }
    // Only x86 processors have a flag for it.
    let cpuinfo = machine.text("/proc/cpuinfo")?;
    after_colon(&cpuinfo, "flags").map(|f| f.split_whitespace().any(|f| f == "hypervisor"))
}

fn bootup_state(command_line: &str) -> &'static str {
    let safe = ["single", "emergency", "rescue", "systemd.unit=rescue.target", "systemd.unit=emergency.target"];
    if command_line.split_whitespace().any(|w| safe.contains(&w)) { "Fail-safe boot" } else { "Normal boot" }
}

fn firmware(machine: &Machine, row: &mut Row) {
    let smbios = machine.smbios();
    let kind = machine.number::<u8>("/sys/class/dmi/id/chassis_type").map(pc_system_type);
    row.set("PCSystemType", kind).set("PCSystemTypeEx", kind);
    if let Some(system) = smbios.first(Smbios::SYSTEM) {
        row.set("WakeUpType", system.octet(0x18));
    }
    if let Some(enclosure) = smbios.first(Smbios::ENCLOSURE) {
        row.set("ChassisBootupState", enclosure.octet(0x09)).set("PowerSupplyState", enclosure.octet(0x0a));
        row.set("ThermalState", enclosure.octet(0x0b));
        // The SKU number stands behind the contained elements, count times length of them (DSP0134 7.4).
        let sku = enclosure.octet(0x13).zip(enclosure.octet(0x14)).map(|(n, m)| 0x15 + usize::from(n) * usize::from(m));
        row.set("ChassisSKUNumber", sku.and_then(|offset| enclosure.string(offset)));
    }
    let strings: Vec<String> = smbios.all(Smbios::OEM_STRINGS).flat_map(|s| s.strings.clone()).collect();
    if !strings.is_empty() {
        row.set("OEMStringArray", strings);
    }
}

/// `PCSystemType` of a chassis type (DSP0134 7.4.1): 0 unspecified, 1 desktop, 2 mobile, 4 server, 8 slate.
fn pc_system_type(chassis: u8) -> u16 {
    match chassis & 0x7f {
        3..=7 | 13 | 15 | 24 | 35 | 36 => 1,
        8..=10 | 14 | 31 | 32 => 2,
        30 => 8,
        17 | 23 | 25 | 28 | 29 => 4,
        _ => 0,
    }
}

/// What domain the machine is in: by sssd (ad or ipa), by Samba (security = ads), or none.
fn domain(machine: &Machine, row: &mut Row) {
    let samba = ini(&machine.text("/etc/samba/smb.conf").unwrap_or_default());
    let global = |key: &str| samba.iter().find(|e| e.section.eq_ignore_ascii_case("global") && e.key == key).map(|e| e.value.as_str());
    let sssd = ini(&machine.text("/etc/sssd/sssd.conf").unwrap_or_default());
    let joined_by_sssd = sssd.iter().find(|e| e.key == "id_provider" && matches!(e.value.as_str(), "ad" | "ipa")).and_then(|provider| {
        let own = |key: &str| sssd.iter().find(|e| e.section == provider.section && e.key == key).map(|e| e.value.as_str());
        own("ad_domain").or_else(|| own("ipa_domain")).or_else(|| provider.section.strip_prefix("domain/"))
    });
    let joined_by_samba = global("security").filter(|s| s.eq_ignore_ascii_case("ads")).and_then(|_| global("realm"));
    let joined = joined_by_sssd.or(joined_by_samba).map(str::to_ascii_lowercase);

    row.set("PartOfDomain", joined.is_some());
    row.set("DomainRole", u16::from(!is_workstation(machine)) * 2 + u16::from(joined.is_some()));
    if joined.is_none() {
        row.set("Workgroup", global("workgroup"));
    }
    row.set("Domain", joined.or_else(|| machine.dns_domain()).or_else(|| global("workgroup").map(str::to_owned)));
}

/// Who sits at the first seat, after logind.
fn console_user(machine: &Machine) -> Option<String> {
    machine.list("/run/systemd/sessions").iter().find_map(|session| {
        let file = assignments(&machine.text(&format!("/run/systemd/sessions/{session}"))?);
        let is = |name: &str, value: &str| assigned(&file, name) == Some(value);
        (is("SEAT", "seat0") && is("ACTIVE", "1") && is("CLASS", "user")).then(|| assigned(&file, "USER").map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chassis_has_its_kind() {
        for (chassis, expect) in [(1, 0), (3, 1), (10, 2), (23, 4), (30, 8), (0x83, 1), (255, 0)] {
            assert_eq!(pc_system_type(chassis), expect, "{chassis}");
        }
    }

    #[test]
    fn a_rescue_target_is_a_fail_safe_boot() {
        assert_eq!(bootup_state("quiet systemd.unit=rescue.target"), "Fail-safe boot");
        assert_eq!(bootup_state("root=/dev/sda1 singleton"), "Normal boot");
    }
}
