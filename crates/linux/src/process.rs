//! Win32_Process.

use crate::identity::local_time;
use crate::os::process_ids;
use crate::parse::fields::number_after_colon;
use crate::parse::process::{Stat, TICKS_PER_SECOND, arguments, base_priority, command_line, execution_state, full_name};
use crate::parse::tz::Zone;
use crate::process_methods::effective_uid;
use crate::row::{Row, asked_integer, asked_text};
use crate::source::Machine;
use crate::who::linux_user;
use rwmi_cim::{Enumerate, Instance, ProviderResult, RequestContext, Sink, WbemStatus};

/// Longest command line that is read, in octets: about what Windows allows (32,767 characters).
const COMMAND_LINE_MAX: u64 = 32 << 10;

/// What is the same for every process.
struct Frame {
    zone: Zone,
    boot: Option<i64>,
    host: String,
    os_name: String,
    kernel: Option<String>,
    sight: Sight,
}

/// Whose command lines and programs the caller may see: they hold secrets.
enum Sight {
    /// Everybody's: an administrator.
    All,
    /// His own, where he is a user of this computer.
    Own(Option<u32>),
}

pub(crate) async fn processes(
    machine: &Machine,
    cx: &RequestContext,
    users: &[(String, String)],
    req: &Enumerate<'_>,
    sink: &Sink,
) -> ProviderResult<()> {
    let ids = match asked_for(req) {
        Some(id) => id.into_iter().collect(),
        None => process_ids(machine).ok_or(WbemStatus::PROVIDER_FAILURE)?,
    };
    let frame = Frame {
        zone: machine.zone(),
        boot: machine.boot_time(),
        host: machine.computer_name(),
        os_name: machine.os_name(),
        kernel: machine.kernel_release(),
        sight: if cx.elevated || cx.local {
            Sight::All
        } else {
            Sight::Own(machine.is_live().then(|| linux_user(&cx.user, users).ok().map(|u| u.uid)).flatten())
        },
    };
    for id in ids {
        // A process may end between the listing and now.
        if let Some(row) = process(machine, req, &frame, id) {
            sink.indicate(row).await?;
        }
    }
    Ok(())
}

/// The process that the caller names by its key or its number; `Some(None)` where no process can have that.
fn asked_for(req: &Enumerate<'_>) -> Option<Option<u32>> {
    match asked_text(req, "Handle") {
        Some(handle) => Some(handle.parse().ok()),
        None => asked_integer(req, "ProcessId").map(|n| n.try_into().ok()),
    }
}

fn process(machine: &Machine, req: &Enumerate<'_>, frame: &Frame, id: u32) -> Option<Instance> {
    let file = |name: &str| format!("/proc/{id}/{name}");
    let stat = Stat::parse(&machine.text(&file("stat"))?)?;
    let status = machine.text(&file("status"))?;
    // A thread has a directory too, though it is not listed.
    if number_after_colon(&status, "Tgid").is_some_and(|t| t != u64::from(id)) {
        return None;
    }
    let mut row = Row::new(req.class);
    row.set_class_name().set("CSCreationClassName", "Win32_ComputerSystem").set("CSName", &frame.host);
    row.set("OSCreationClassName", "Win32_OperatingSystem").set("OSName", &frame.os_name);
    row.set("WindowsVersion", frame.kernel.as_deref());
    row.set("Handle", id.to_string()).set("ProcessId", id).set("ParentProcessId", stat.parent);
    row.set("ThreadCount", stat.threads).set("Priority", base_priority(stat.nice, stat.policy));
    row.set("ExecutionState", execution_state(stat.state)).set("PageFaults", stat.minor_faults.saturating_add(stat.major_faults));

    let executable = machine.link(&file("exe")).map(|p| p.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(p));
    let arguments = machine.read_at_most(&file("cmdline"), COMMAND_LINE_MAX).map(|o| arguments(&o)).unwrap_or_default();
    let name = full_name(&stat.name, executable.as_deref(), &arguments);
    row.set("Name", name).set("Caption", name).set("Description", name);
    let is_seen = match frame.sight {
        Sight::All => true,
        Sight::Own(uid) => uid.is_some() && uid == effective_uid(&status),
    };
    if is_seen {
        row.set("ExecutablePath", executable.as_deref()).set("CommandLine", command_line(&arguments));
    }

    times(&mut row, frame, &stat);
    memory(&mut row, &status);
    if ["ReadOperationCount", "WriteOperationCount", "ReadTransferCount", "WriteTransferCount"].iter().any(|p| req.wants(p)) {
        transfers(&mut row, machine.text(&file("io")).as_deref());
    }
    if req.wants("HandleCount") {
        row.set("HandleCount", machine.try_list(&file("fd")).map(|n| n.len() as u64));
    }
    // Windows' session 0 is that of the services; the kernel says u32::MAX where there is no login session.
    row.set("SessionId", machine.number::<u32>(&file("sessionid")).map(|s| if s == u32::MAX { 0 } else { s }));
    Some(row.into_instance())
}

fn times(row: &mut Row, frame: &Frame, stat: &Stat) {
    // In units of 100 ns.
    let units = |ticks: u64| ticks.checked_mul(10_000_000 / TICKS_PER_SECOND);
    row.set("KernelModeTime", units(stat.kernel_ticks)).set("UserModeTime", units(stat.user_ticks));
    let started = frame.boot.and_then(|boot| {
        let micros = i64::try_from(stat.start_ticks.checked_mul(1_000_000 / TICKS_PER_SECOND)?).ok()?;
        boot.checked_mul(1_000_000)?.checked_add(micros)
    });
    row.set("CreationDate", started.map(|t| local_time(&frame.zone, t)));
}

/// Sizes from `status`, in KiB there. Kernel threads have none.
fn memory(row: &mut Row, status: &str) {
    let kib = |name: &str| number_after_colon(status, name);
    let octets = |name: &str| kib(name).and_then(|n| n.checked_mul(1024));
    row.set("WorkingSetSize", octets("VmRSS")).set("PeakWorkingSetSize", kib("VmHWM"));
    row.set("VirtualSize", octets("VmSize")).set("PeakVirtualSize", octets("VmPeak"));
    row.set("PageFileUsage", kib("VmSwap"));
    let private = octets("RssAnon").zip(octets("VmSwap")).and_then(|(a, b)| a.checked_add(b));
    row.set("PrivatePageCount", private);
}

fn transfers(row: &mut Row, io: Option<&str>) {
    let Some(io) = io else { return };
    row.set("ReadOperationCount", number_after_colon(io, "syscr")).set("WriteOperationCount", number_after_colon(io, "syscw"));
    row.set("ReadTransferCount", number_after_colon(io, "rchar")).set("WriteTransferCount", number_after_colon(io, "wchar"));
}
