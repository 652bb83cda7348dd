//! The five forms in which people write a call of WMI, each a thin layer over [`Client`](crate::Client) and
//! [`Namespace`](crate::Namespace): whoever knows one of them is at home here, and all of them do the same thing on the wire.
//!
//! | Known from | Here |
//! |---|---|
//! | `Get-WmiObject Win32_OperatingSystem -ComputerName Computer_B` | [`get_wmi_object`] |
//! | `GetObject("winmgmts:{impersonationLevel=impersonate}!\\Computer_B\root\cimv2")` | [`get_object`] |
//! | `CimSession.Create("Computer_B")` | [`CimSession::create`] |
//! | `new ManagementScope("\\\\Computer_B\\root\\cimv2")` | [`ManagementScope::new`] |
//! | `IWbemLocator::ConnectServer` | [`Locator::connect_server`] |
//!
//! No form takes a password on its way past the caller: where none of its own is given, the [`Environment`] says who we are. `.`,
//! `localhost`, this computer's own name and no name at all are this computer, where credentials are refused.

mod cim;
mod cmdlet;
mod environment;
mod events;
mod levels;
mod locator;
mod management;
mod methods;
mod moniker;
mod object;
mod scripting;
mod values;

pub use cim::{CimSession, CimSessionOptions, MiResult, OperationOptions, Protocol};
pub use cmdlet::{
    ClassList, FromComputer, GetWmiObject, InvokeWmiMethod, PutType, RegisterWmiEvent, RemoveWmiObject, Results, SetWmiInstance,
    get_wmi_object, invoke_wmi_method, name_fits, register_wmi_event, remove_wmi_object, set_wmi_instance,
};
pub use environment::{Environment, check_locale};
pub use events::{EventSource, EventWatcherOptions, ManagementEventWatcher, WqlEventQuery};
pub use levels::{AuthenticationLevel, ImpersonationLevel};
pub use locator::{Enumerator, Locator, Services};
pub use management::{
    ConnectionOptions, EnumerationOptions, ManagementClass, ManagementObjectSearcher, ManagementPath, ManagementScope, ObjectQuery,
    RelatedObjectQuery, RelationshipQuery, SelectQuery,
};
pub use methods::MethodTarget;
pub use moniker::{Moniker, MonikerError, MonikerSecurity, Privilege};
pub use object::{AssociatorsOf, Comparison, ReferencesOf, WmiObject};
pub use rwmi_wbem::flags;
pub use scripting::{Found, ObjectSet, SwbemLocator, SwbemServices, get_object};
pub use values::NamedValueSet;
