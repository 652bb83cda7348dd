//! The CIM model: what an object of WMI is, wherever it came from.
//!
//! Values, classes, instances, paths and dates; the languages MOF and WQL; and the waist
//! ([`Operation`], [`Management`], [`Provider`]) that joins protocols to hosts.
//! Nothing here knows a protocol.

pub mod amend;
mod class;
mod datetime;
mod diag;
mod method;
mod name;
mod object;
mod path;
mod status;
mod system;
mod value;
mod waist;

pub mod mof;
pub mod schema;
pub mod wql;

pub use class::{Class, Decoration, Flavor, Method, Property, Qualifier, Qualifiers};
pub use datetime::{DateTime, DateTimeError, Interval, Timestamp};
pub use diag::Diag;
pub use method::{Parameter, RETURN_VALUE};
pub use name::{name_cmp, names_equal};
pub use object::{Entity, FromCim, Instance, Object, ObjectError, Values};
pub use path::{ObjectPath, PathError, PathKeys};
pub use status::WbemStatus;
pub use system::{SystemProperty, system_property};
pub use value::{CimType, Type, Value};
pub use waist::{
    BoxFuture, DynProvider, Enumerate, InvokeResult, Management, Operation, Provider, ProviderResult, PutOptions, Refusal, RequestContext,
    Sink, SinkReceiver,
};
