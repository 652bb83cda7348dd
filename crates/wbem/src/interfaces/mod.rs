//! The interfaces of [MS-WMI], every opnum of each; 0 to 2 are IUnknown's and never travel.
//!
//! A method that a server does not write answers the status behind `else`, with NULL out parameters.

mod backup;
mod enumerator;
mod login;
mod refresher;
mod services;
mod sink;

pub use backup::*;
pub use enumerator::*;
pub use login::*;
pub use refresher::*;
pub use services::*;
pub use sink::*;

use rwmi_cim::WbemStatus;
use rwmi_ndr::HResult;

/// A WBEM status as what methods return.
pub const fn hresult(status: WbemStatus) -> HResult {
    HResult(status.0)
}

/// What a method returned as a WBEM status.
pub const fn status(code: HResult) -> WbemStatus {
    WbemStatus(code.0)
}

const E_NOTIMPL: HResult = HResult::E_NOTIMPL;
const NOT_SUPPORTED: HResult = hresult(WbemStatus::NOT_SUPPORTED);
const NOT_AVAILABLE: HResult = hresult(WbemStatus::NOT_AVAILABLE);
const ACCESS_DENIED: HResult = hresult(WbemStatus::ACCESS_DENIED);
