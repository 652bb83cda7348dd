//! DCOM without sockets: object references, activation, the object exporter and its client tables ([MS-DCOM]).
//!
//! The client calls through a [`Proxy`] over any channel; the server exports objects with an [`Exporter`].
//! Neither has a socket or a task, and time is given to both.
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod activation;
mod bindings;
pub mod client;
mod error_info;
mod exporter;
mod ids;
pub mod interfaces;
mod object;
mod objref;
mod orpc;

pub use activation::{ActivatedInterface, ActivationBlob, ActivationReply, ActivationRequest};
pub use bindings::{DualStringArray, RESOLVER_PORT, SecurityBinding, StringBinding, TOWER_TCP};
pub use client::{ClientTables, Error, ExporterInfo, InterfaceRef, Orpc, Proxy, Status, Work};
pub use error_info::ErrorInfo;
pub use exporter::*;
pub use ids::{Cid, Clsid, ComVersion, Iid, Ipid, Oid, Oxid, RandomError, SetId};
pub use interfaces::{IActivation, IClassFactory, IObjectExporter, IRemUnknown, IRemUnknown2, IRemoteSCMActivator, IUnknown};
pub use object::{Failure, ObjectContext, ObjectDispatch, OrpcSession, Outcome, encode_outcome};
pub use objref::{CustomObjRef, DataElement, InterfacePointer, ObjRef, SORF_NOPING, StdObjRef};
pub use orpc::{EXTENTS_LEN_MAX, EXTENTS_MAX, Extent, Extents, OrpcThat, OrpcThis};

#[doc(hidden)]
pub use rwmi_ndr as __ndr;
#[doc(hidden)]
pub use rwmi_rpc as __rpc;
