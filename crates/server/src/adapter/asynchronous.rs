//! Calls that would be answered to a sink on the client. The server never calls a client: it would need credentials of its own there.
//!
//! They are refused behind the same checks as their synchronous twins ([MS-WMI] 3.1.4.3): what is missing or too long, flags, rights.

use super::services::Services;
use super::status;
use crate::access::Rights;
use rwmi_cim::WbemStatus;
use rwmi_dcom::{Failure, InterfacePointer, ObjectContext};
use rwmi_wbem::Bstr;
use rwmi_wbem::flags::{check_flags, check_len};

pub(super) use super::put::WRITE;
pub(super) const READ: [Rights; 3] = [Rights::ENABLE; 3];
pub(super) const CALL: [Rights; 3] = [Rights::METHOD_EXECUTE; 3];

/// A text of a call, with the most that it may have; one that must be there.
pub(super) struct Text<'a>(pub(super) &'a Bstr, pub(super) usize);

impl Services {
    /// Why an asynchronous call fails.
    pub(super) fn refuse(
        &self,
        cx: &ObjectContext,
        opnum: u16,
        flags: i32,
        sink: Option<&InterfacePointer>,
        texts: &[Text<'_>],
        rights: [Rights; 3],
    ) -> Failure {
        let checked = || {
            for Text(text, most) in texts {
                check_len(text, *most).map_err(status)?;
                if text.text().is_none() {
                    return Err(status(WbemStatus::INVALID_PARAMETER));
                }
            }
            if sink.is_none() {
                return Err(status(WbemStatus::INVALID_PARAMETER));
            }
            check_flags(opnum, flags).map_err(status)?;
            self.place().admit_any(cx, rights)
        };
        match checked() {
            Err(failure) => failure,
            Ok(_) => {
                let words = "this server calls no sink: ask without Async, semisynchronously";
                super::fail(crate::broker::Failure::new(WbemStatus::NOT_SUPPORTED, words))
            }
        }
    }
}
