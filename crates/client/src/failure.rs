//! From the failures of the layers below to this crate's.

use crate::ErrorKind;
use rwmi_cim::WbemStatus;
use rwmi_dcom::{self as dcom, ErrorInfo, Status};
use rwmi_ndr::{FaultStatus, HResult};
use rwmi_rpc::{ChannelError, ConnectFailure};

/// What a channel said.
pub(crate) fn of_channel(error: ChannelError) -> ErrorKind {
    match error {
        ChannelError::Fault(status) | ChannelError::AuthRefused(status) => of_fault(status),
        ChannelError::Closed => ErrorKind::Closed,
        ChannelError::TimedOut(after) | ChannelError::HandshakeTimedOut(after) => ErrorKind::TimedOut { after },
        ChannelError::Resolve { why, .. } => ErrorKind::NotFound(why),
        ChannelError::Connect { why, .. } => match why {
            ConnectFailure::Refused => ErrorKind::Refused,
            ConnectFailure::Unreachable(why) => ErrorKind::Unreachable(why),
            ConnectFailure::TimedOut(after) => ErrorKind::TimedOut { after },
            other => ErrorKind::Io(other.to_string()),
        },
        ChannelError::BindRefused(reason) => ErrorKind::BindRefused(reason.to_string()),
        ChannelError::Rejected { interface, result } => ErrorKind::BindRefused(format!("interface {interface}: {result}")),
        ChannelError::Auth(error) => ErrorKind::Auth(error),
        ChannelError::Protocol(what) => ErrorKind::Protocol(what),
        other => ErrorKind::Protocol(other.to_string()),
    }
}

/// A fault may carry a WBEM status.
fn of_fault(status: FaultStatus) -> ErrorKind {
    if is_wbem(status.0) { ErrorKind::Wbem(WbemStatus(status.0)) } else { ErrorKind::Fault(status) }
}

/// What a method returned.
pub(crate) fn of_hresult(code: HResult) -> ErrorKind {
    if is_wbem(code.0) { ErrorKind::Wbem(WbemStatus(code.0)) } else { ErrorKind::HResult(code) }
}

/// Whether a failure is WMI's: the facility is shared with COM, the numbers are not.
fn is_wbem(code: u32) -> bool {
    matches!(code & 0xffff_f000, 0x8004_1000 | 0x8004_2000 | 0x8004_4000)
}

/// What a call said, and the server's words beside it.
pub(crate) fn of_dcom(error: dcom::Error) -> (ErrorKind, Option<String>) {
    match error {
        dcom::Error::Channel { source, .. } => (of_channel(source), None),
        dcom::Error::Refused { status: Status::HResult(code), info, .. } => (of_hresult(code), info.and_then(|i| words(&i))),
        // HRESULT_FROM_WIN32: the resolver's own numbers are small ones.
        dcom::Error::Refused { status: Status::Win32(code), .. } => (ErrorKind::HResult(HResult(0x8007_0000 | code.0 & 0xffff)), None),
        other => (ErrorKind::Protocol(other.to_string()), None),
    }
}

/// The description, on one line and without what moves a terminal's cursor.
pub(crate) fn words(info: &ErrorInfo) -> Option<String> {
    let text = info.description.as_deref()?;
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_keeps_its_space() {
        assert_eq!(of_hresult(HResult(0x8004_1010)), ErrorKind::Wbem(WbemStatus::INVALID_CLASS));
        assert_eq!(of_hresult(HResult::REGDB_E_CLASSNOTREG), ErrorKind::HResult(HResult::REGDB_E_CLASSNOTREG));
        assert_eq!(of_hresult(HResult::CO_E_OBJNOTREG), ErrorKind::HResult(HResult::CO_E_OBJNOTREG));
        assert_eq!(of_channel(ChannelError::AuthRefused(FaultStatus::ACCESS_DENIED)), ErrorKind::Fault(FaultStatus::ACCESS_DENIED));
        assert_eq!(of_channel(ChannelError::Fault(FaultStatus(0x8004_1003))), ErrorKind::Wbem(WbemStatus::ACCESS_DENIED));
        let set = dcom::Error::Refused { method: "x", status: Status::Win32(rwmi_ndr::Win32Error::OR_INVALID_SET), info: None };
        assert_eq!(of_dcom(set), (ErrorKind::HResult(HResult(0x8007_0778)), None));
    }

    #[test]
    fn the_words_of_a_server_stay_on_their_line() {
        let info = |text: &str| ErrorInfo { description: Some(text.into()), ..ErrorInfo::default() };
        assert_eq!(words(&info("Invalid\nclass\u{1b}[2J ")), Some("Invalid class [2J".into()));
        assert_eq!(words(&info("  ")), None);
    }
}
