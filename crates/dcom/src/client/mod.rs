//! The client's half: calls on objects, activation, and the tables that keep objects alive ([MS-DCOM] 3.2).

mod activate;
mod error;
mod proxy;
mod select;
mod tables;

pub use activate::{
    Alive, Fallback, activate, complex_ping, create_instance, get_class_object, remote_activation, resolve_oxid2, server_alive2,
    simple_ping,
};
pub use error::{Error, Status};
pub use proxy::{Orpc, Proxy, add_ref, query_interface, release};
pub use select::{OtherAddresses, SelectOptions, endpoints};
pub use tables::{ClientTables, ExporterInfo, InterfaceRef, PING_PERIOD, RELEASE_BATCH_MAX, TableError, Work};
