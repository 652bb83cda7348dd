//! The [MS-WMI] interfaces, their flags, their contexts and their objects by value. No I/O: calls go through a
//! [`rwmi_dcom::Proxy`], objects are served by an [`rwmi_dcom::Exporter`].
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bstr;
mod class_object;
mod context;
pub mod flags;
pub mod interfaces;

pub use bstr::Bstr;
pub use class_object::{ClassObjectRef, IID_IWBEM_CLASS_OBJECT};
pub use context::{CONTEXT_LEN_MAX, Context, ContextValue, PROPERTIES_MAX};
pub use flags::{check_flags, check_len, check_login_flags};
pub use interfaces::{CLSID_WBEM_LEVEL1_LOGIN, InOut, answer, hresult, status};
