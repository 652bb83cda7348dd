//! Providers that read Win32 classes from a Linux machine.
//!
//! [`LinuxProvider`] reads everything through one root ([`Source`]), so it serves a recorded machine as well as the running
//! one. What Linux does not know stays NULL; what it knows has the units and words that Windows uses for it.
//! [`RowProvider`] makes rows in any number, for tests of volume.

mod account;
mod computer;
mod disk;
mod environment;
mod exits;
mod firmware;
mod identity;
mod network;
mod os;
mod parse;
mod partition;
mod process;
mod process_methods;
mod processor;
mod row;
mod rows;
mod service;
mod service_links;
mod source;
mod start;
mod systemd;
mod time_zone;
mod trace;
mod who;

pub use exits::Exits;
pub use rows::RowProvider;
pub use source::Source;

use rwmi_cim::{
    Class, Enumerate, Instance, InvokeResult, ObjectPath, Provider, ProviderResult, Refusal, RequestContext, Sink, WbemStatus, names_equal,
};
use source::Machine;
use std::io;
use std::sync::Arc;
use trace::Traces;

/// Reads the Win32 classes of a Linux machine. Classes name it `rwmi-linux`.
#[derive(Debug)]
pub struct LinuxProvider {
    machine: Arc<Machine>,
    exits: Exits,
    traces: Traces,
    users: Vec<(String, String)>,
}

impl LinuxProvider {
    /// The name that classes give in their qualifier `provider`.
    pub const NAME: &'static str = "rwmi-linux";

    /// A provider of the machine at a source. Fails where its root is not a directory that can be opened.
    pub fn new(source: Source) -> io::Result<Self> {
        let (machine, exits) = (Arc::new(Machine::open(source)?), Exits::default());
        Ok(LinuxProvider { traces: Traces::new(machine.clone(), exits.clone()), machine, exits, users: Vec::new() })
    }

    /// The same provider with the Linux users whom accounts act as, where they are not those of the accounts' own names. Only
    /// by this can an account act as root.
    pub fn with_users(self, users: Vec<(String, String)>) -> Self {
        LinuxProvider { users, ..self }
    }

    /// How the processes that this provider starts end.
    pub fn exits(&self) -> Exits {
        self.exits.clone()
    }

    /// The security identifier of the machine, `S-1-5-21-A-B-C`, derived from its machine id; accounts add a number
    /// to it (`uid` times 2 plus 1000). `None` where the machine has no id.
    pub fn machine_sid(&self) -> Option<String> {
        self.machine.sid()
    }

    /// The name that the machine has in its rows: `Win32_ComputerSystem.Name`.
    pub fn computer_name(&self) -> String {
        self.machine.computer_name()
    }
}

impl Provider for LinuxProvider {
    fn name(&self) -> &str {
        Self::NAME
    }

    async fn enumerate(&self, cx: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        let machine = &self.machine;
        match req.class.name.to_ascii_lowercase().as_str() {
            "win32_operatingsystem" => sink.indicate(os::operating_system(machine, req)).await,
            "win32_computersystem" => sink.indicate(computer::computer_system(machine, req)).await,
            "win32_processor" => processor::processors(machine, req, sink).await,
            "win32_bios" => match firmware::bios(machine, req) {
                Some(row) => sink.indicate(row).await,
                None => Ok(()),
            },
            "win32_process" => process::processes(machine, cx, &self.users, req, sink).await,
            "win32_service" => service::services(machine, req, sink).await,
            "win32_logicaldisk" => disk::logical_disks(machine, req, sink).await,
            "win32_diskpartition" => partition::disk_partitions(machine, req, sink).await,
            "win32_logicaldisktopartition" => partition::volume_to_partition(machine, cx, req, sink).await,
            "win32_diskdrivetodiskpartition" => partition::disk_to_partition(machine, cx, req, sink).await,
            "win32_systemservices" => service_links::system_services(machine, cx, req, sink).await,
            "win32_dependentservice" => service_links::dependent_services(machine, cx, req, sink).await,
            "win32_diskdrive" => disk::disk_drives(machine, req, sink).await,
            "win32_networkadapterconfiguration" => network::configurations(machine, req, sink).await,
            "win32_useraccount" => account::accounts(machine, req, sink).await,
            "win32_timezone" => sink.indicate(time_zone::time_zone(machine, req)).await,
            "win32_environment" => environment::variables(machine, req, sink).await,
            // Events: there are none lying about.
            "win32_processstarttrace" | "win32_processstoptrace" => Ok(()),
            other => {
                tracing::warn!(class = other, "class is not of this provider");
                Err(WbemStatus::PROVIDER_NOT_CAPABLE)
            }
        }
    }

    /// All but a few: what is not implemented changes nothing.
    fn reads_only(&self, class: &Class, method: &str) -> bool {
        !(names_equal(&class.name, "Win32_Process") && process_methods::changes(method))
    }

    async fn invoke(
        &self,
        cx: &RequestContext,
        class: &Arc<Class>,
        path: &ObjectPath,
        method: &str,
        args: Option<Instance>,
    ) -> InvokeResult {
        if names_equal(&class.name, "Win32_Process") {
            return self.process_method(cx, class, path, method, args).await;
        }
        let words = format!("{}.{method} is not implemented on this computer", class.name);
        Err(Refusal::new(WbemStatus::METHOD_NOT_IMPLEMENTED, words))
    }

    async fn events(&self, _cx: &RequestContext, class: &Arc<Class>, sink: &Sink) -> ProviderResult<()> {
        self.traces.events(class, sink).await
    }
}
