//! Sinks of asynchronous calls ([MS-WMI] 3.1.1.1.3, 3.2.4.1).

use super::*;
use crate::Bstr;
use rwmi_dcom::{InterfacePointer, object_interface};
use rwmi_ndr::{Conformant, guid};

object_interface! {
    /// Takes objects and a status.
    pub interface IWbemObjectSink = guid!("7c857801-7381-11cf-884d-00aa004b2e24"), else NOT_SUPPORTED;
    serve WbemObjectSink;
    /// Takes objects.
    3 indicate = Indicate { count: i32, objects: Conformant<Option<InterfacePointer>> } -> IndicateReply {}
    /// Takes the status: 0 ends the call, 2 is progress.
    4 set_status = SetStatus { flags: i32, result: HResult, text: Bstr, object: Option<InterfacePointer> } -> SetStatusReply {}
}
