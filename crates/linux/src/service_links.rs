//! Win32_SystemServices and Win32_DependentService: the computer and its services, and services that need others.

use crate::row::{Row, asked_key, reference};
use crate::service::{Budget, UNITS_AT_ONCE};
use crate::source::Machine;
use crate::systemd::{Service, Systemd, UNIT, strings};
use futures_util::{StreamExt, stream};
use rwmi_cim::{BoxFuture, Enumerate, ProviderResult, RequestContext, Sink, names_equal};

/// Dependencies without which a unit does not run. Wants and After only wish and order.
const NEEDS: [(&str, &str); 3] = [(UNIT, "Requires"), (UNIT, "Requisite"), (UNIT, "BindsTo")];

/// A service and those that it needs.
type Needs = (String, Vec<String>);

pub(crate) async fn system_services(machine: &Machine, cx: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let Some(address) = machine.systemd_address() else { return Ok(()) };
    let mut budget = Budget(machine.source.dbus_deadline);
    let systemd = budget.spend("connection to the bus", Systemd::connect(&address)).await?;
    let services = budget.spend("list of units", systemd.services()).await?;
    let (host, asked) = (machine.computer_name(), asked_key(req, "PartComponent"));
    let computer = reference(&host, &cx.namespace, "Win32_ComputerSystem", "Name", &host);
    for service in services {
        if asked.as_deref().is_none_or(|a| names_equal(a, &service.name)) {
            let mut row = Row::new(req.class);
            row.set("GroupComponent", &computer);
            row.set("PartComponent", reference(&host, &cx.namespace, "Win32_Service", "Name", &service.name));
            sink.indicate(row.into_instance()).await?;
        }
    }
    Ok(())
}

pub(crate) async fn dependent_services(machine: &Machine, cx: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
    let Some(address) = machine.systemd_address() else { return Ok(()) };
    let mut budget = Budget(machine.source.dbus_deadline);
    let systemd = budget.spend("connection to the bus", Systemd::connect(&address)).await?;
    let services = budget.spend("list of units", systemd.services()).await?;
    let (host, needed, needing) = (machine.computer_name(), asked_key(req, "Antecedent"), asked_key(req, "Dependent"));
    let asked = services.iter().filter(|s| needing.as_deref().is_none_or(|a| names_equal(a, &s.name)));
    let work: Vec<BoxFuture<'_, zbus::Result<Needs>>> = asked.map(|s| -> BoxFuture<'_, _> { Box::pin(needs(&systemd, s)) }).collect();
    let mut rows = stream::iter(work).buffered(UNITS_AT_ONCE);
    loop {
        let next = async { rows.next().await.transpose() };
        let Some((service, needs)) = budget.spend("dependencies of a unit", next).await? else { return Ok(()) };
        // What is needed and is no service of this machine (a target, a mount) is not told.
        let is_service = |name: &&String| services.iter().any(|s| s.name == **name);
        for need in needs.iter().filter(is_service).filter(|n| needed.as_deref().is_none_or(|a| names_equal(a, n))) {
            let mut row = Row::new(req.class);
            row.set("Antecedent", reference(&host, &cx.namespace, "Win32_Service", "Name", need));
            row.set("Dependent", reference(&host, &cx.namespace, "Win32_Service", "Name", &service));
            sink.indicate(row.into_instance()).await?;
        }
    }
}

/// A service and those that it needs, each once, in the order of their names.
async fn needs(systemd: &Systemd, service: &Service) -> zbus::Result<Needs> {
    let path = match &service.loaded {
        Some(loaded) => loaded.path.clone(),
        None => match systemd.load(&service.name).await {
            Ok(path) => path,
            // A file that cannot be loaded needs nothing.
            Err(zbus::Error::MethodError(..) | zbus::Error::FDO(_)) => return Ok((service.name.clone(), Vec::new())),
            Err(error) => return Err(error),
        },
    };
    let properties = systemd.properties(&path, &NEEDS).await?;
    let units = properties.values().flat_map(strings);
    let mut names: Vec<String> = units.filter_map(|u| u.strip_suffix(".service").map(str::to_owned)).collect();
    names.sort_unstable();
    names.dedup();
    Ok((service.name.clone(), names))
}
