//! Win32_Processor: a row a socket.

use crate::computer::{Socket, sockets};
use crate::parse::cpu::{block, list, ticks};
use crate::parse::fields::{after_colon, number_after_colon};
use crate::parse::smbios::{Smbios, Structure};
use crate::row::Row;
use crate::source::Machine;
use rwmi_cim::{Enumerate, ProviderResult, Sink};
use std::collections::BTreeSet;
use std::time::Duration;

/// Between two samples of the load. A tick is 10 ms, so this tells a load to within 5 per cent.
const LOAD_INTERVAL: Duration = Duration::from_millis(200);

/// `ProcessorType` of a central processor, `CpuStatus` and `StatusInfo` of an enabled one, `Availability` of one that runs.
const CENTRAL: u16 = 3;
const CPU_ENABLED: u16 = 1;
const STATUS_ENABLED: u16 = 3;
const RUNNING: u16 = 3;

pub(crate) async fn processors(machine: &Machine, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let samples = if req.wants("LoadPercentage") { Some(samples(machine).await) } else { None };
    let cpuinfo = machine.text("/proc/cpuinfo").unwrap_or_default();
    let smbios = machine.smbios();
    // Bit 6 of the status: the socket is populated (DSP0134 7.5).
    let described: Vec<&Structure> = smbios.all(Smbios::PROCESSOR).filter(|s| s.octet(0x18).is_some_and(|o| o & 0x40 != 0)).collect();
    let sockets = sockets(machine);
    for (number, socket) in sockets.iter().enumerate() {
        // The tables do not say which package they describe; the order is that of the sockets, when there are as many.
        let table = described.get(number).copied().filter(|_| described.len() == sockets.len());
        let mut row = processor(machine, req, number, socket, &cpuinfo, table);
        if let Some((earlier, now)) = &samples {
            row.set("LoadPercentage", ticks(now, &socket.cpus).load_since(ticks(earlier, &socket.cpus)));
        }
        sink.indicate(row.into_instance()).await?;
    }
    Ok(())
}

/// `/proc/stat` twice. A recorded tree has its earlier sample in `/rwmi-recorded/stat-earlier`.
async fn samples(machine: &Machine) -> (String, String) {
    let stat = || machine.text("/proc/stat").unwrap_or_default();
    if !machine.is_live() {
        return (machine.text("/rwmi-recorded/stat-earlier").unwrap_or_default(), stat());
    }
    let earlier = stat();
    tokio::time::sleep(LOAD_INTERVAL).await;
    (earlier, stat())
}

fn processor(machine: &Machine, req: &Enumerate<'_>, number: usize, socket: &Socket, cpuinfo: &str, table: Option<&Structure>) -> Row {
    let mut row = Row::new(req.class);
    let first = socket.cpus.first().copied().unwrap_or(0);
    let info = block(cpuinfo, first).unwrap_or("");
    row.set_class_name().set("SystemCreationClassName", "Win32_ComputerSystem").set("SystemName", machine.computer_name());
    row.set("DeviceID", format!("CPU{number}")).set("Role", "CPU").set("ProcessorType", CENTRAL);
    row.set("Status", "OK").set("StatusInfo", STATUS_ENABLED).set("CpuStatus", CPU_ENABLED).set("Availability", RUNNING);

    let name = after_colon(info, "model name").map(str::to_owned).or_else(|| table?.string(0x10).map(str::to_owned));
    row.set("Name", name).set("Manufacturer", after_colon(info, "vendor_id").or_else(|| table?.string(0x07)));
    let architecture = machine.architecture().unwrap_or_default();
    let description = x86_description(&architecture, info);
    row.set("Caption", description.as_deref()).set("Description", description.as_deref());
    if let Some((code, width)) = architecture_code(&architecture) {
        row.set("Architecture", code).set("AddressWidth", width).set("DataWidth", width);
    }
    identification(&mut row, info);

    row.set("NumberOfCores", socket.cores as u64).set("NumberOfEnabledCore", socket.cores as u64);
    row.set("NumberOfLogicalProcessors", socket.cpus.len() as u64).set("ThreadCount", socket.cpus.len() as u64);
    clock(machine, &mut row, first, info, table);
    row.set("L2CacheSize", cache_size(machine, socket, 2)).set("L3CacheSize", cache_size(machine, socket, 3));
    if let Some(table) = table {
        described(&mut row, table);
    }
    row
}

fn architecture_code(machine: &str) -> Option<(u16, u16)> {
    Some(match machine {
        "x86_64" => (9, 64),
        "aarch64" => (12, 64),
        "i386" | "i486" | "i586" | "i686" => (0, 32),
        m if m.starts_with("arm") => (5, 32),
        _ => return None,
    })
}

/// `Intel64 Family 6 Model 167 Stepping 1`, as Windows puts it.
fn x86_description(architecture: &str, info: &str) -> Option<String> {
    let brand = match (architecture, after_colon(info, "vendor_id")?) {
        ("x86_64", "GenuineIntel") => "Intel64",
        ("x86_64", _) => "AMD64",
        _ => "x86",
    };
    let number = |name: &str| number_after_colon(info, name);
    Some(format!("{brand} Family {} Model {} Stepping {}", number("cpu family")?, number("model")?, number("stepping")?))
}

fn identification(row: &mut Row, info: &str) {
    let number = |name: &str| number_after_colon(info, name);
    row.set("Level", number("cpu family")).set("Stepping", after_colon(info, "stepping"));
    row.set("Revision", number("model").zip(number("stepping")).and_then(|(m, s)| m.checked_mul(256)?.checked_add(s)));
    let Some(flags) = after_colon(info, "flags") else { return };
    let has = |text: &str, flag: &str| text.split_whitespace().any(|f| f == flag);
    let virtualization = has(flags, "vmx") || has(flags, "svm");
    row.set("VMMonitorModeExtensions", virtualization);
    // The kernel takes vmx out where the firmware has it disabled; for svm that cannot be seen.
    if !has(flags, "svm") {
        row.set("VirtualizationFirmwareEnabled", has(flags, "vmx"));
    }
    let nested = has(flags, "npt") || has(flags, "ept") || after_colon(info, "vmx flags").is_some_and(|f| has(f, "ept"));
    row.set("SecondLevelAddressTranslationExtensions", nested);
}

/// Speeds in MHz.
fn clock(machine: &Machine, row: &mut Row, cpu: u32, info: &str, table: Option<&Structure>) {
    let frequency = |name: &str| {
        let khz = machine.number::<u64>(&format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/{name}"))?;
        Some(khz / 1000)
    };
    let measured = after_colon(info, "cpu MHz").and_then(|m| m.parse::<f64>().ok()).filter(|m| *m > 0.0).map(|m| m.round() as u64);
    let nonzero = |offset: usize| table?.word(offset).filter(|w| *w > 0).map(u64::from);
    let max = frequency("cpuinfo_max_freq").or_else(|| nonzero(0x14)).or(measured);
    row.set("MaxClockSpeed", max);
    row.set("CurrentClockSpeed", frequency("scaling_cur_freq").or(measured).or_else(|| nonzero(0x16)));
    row.set("ExtClock", nonzero(0x12));
}

/// KiB of all caches of a level in a socket, each counted once though several processors share it.
fn cache_size(machine: &Machine, socket: &Socket, level: u8) -> Option<u64> {
    let mut seen = BTreeSet::new();
    let mut sum = None;
    for cpu in &socket.cpus {
        for index in 0..8 {
            let file = |name: &str| machine.line(&format!("/sys/devices/system/cpu/cpu{cpu}/cache/index{index}/{name}"));
            let Some(found) = file("level") else { break };
            if found != level.to_string() || file("type").as_deref() == Some("Instruction") {
                continue;
            }
            let shared = file("shared_cpu_list").map(|t| list(&t)).unwrap_or_else(|| vec![*cpu]);
            if let Some(size) = file("size").and_then(|s| kib(&s))
                && seen.insert(shared)
            {
                sum = Some(sum.unwrap_or(0u64).checked_add(size)?);
            }
        }
    }
    sum
}

/// `512K`, `32M`.
fn kib(text: &str) -> Option<u64> {
    match text.strip_suffix('M') {
        Some(mib) => mib.parse::<u64>().ok()?.checked_mul(1024),
        None => text.strip_suffix('K')?.parse().ok(),
    }
}

/// What only the firmware tells (DSP0134 7.5).
fn described(row: &mut Row, table: &Structure) {
    row.set("SocketDesignation", table.string(0x04));
    let family = table.octet(0x06).map(u16::from).and_then(|f| if f == 0xfe { table.word(0x28) } else { Some(f) });
    row.set("Family", family);
    row.set("ProcessorId", table.qword(0x08).filter(|id| *id != 0).map(|id| format!("{id:016X}")));
    row.set("CpuStatus", table.octet(0x18).map(|o| o & 7)).set("UpgradeMethod", table.octet(0x19));
    row.set("SerialNumber", table.string(0x20)).set("AssetTag", table.string(0x21)).set("PartNumber", table.string(0x22));
    row.set("Characteristics", table.word(0x26));
    match table.octet(0x11) {
        // In tenths of a volt, or as a set of voltages that the socket can have.
        Some(o) if o & 0x80 != 0 => row.set("CurrentVoltage", o & 0x7f),
        Some(o) if o & 0x07 != 0 => row.set("VoltageCaps", o & 0x07),
        _ => row,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_that_of_windows() {
        let info = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 167\nmodel name\t: X\nstepping\t: 1\n";
        assert_eq!(x86_description("x86_64", info).as_deref(), Some("Intel64 Family 6 Model 167 Stepping 1"));
        assert_eq!(
            x86_description("x86_64", &info.replace("GenuineIntel", "AuthenticAMD")).as_deref(),
            Some("AMD64 Family 6 Model 167 Stepping 1")
        );
        assert_eq!(x86_description("x86_64", "vendor_id : A\n"), None);
    }

    #[test]
    fn a_cache_size_is_in_kib() {
        for (text, expect) in [("512K", Some(512)), ("32M", Some(32_768)), ("1", None), ("K", None)] {
            assert_eq!(kib(text), expect);
        }
    }
}
