//! IWbemServices and the results of its semisynchronous calls ([MS-WMI] 3.1.4.3, 3.1.4.5).

use super::*;
use crate::Bstr;
use rwmi_dcom::{InterfacePointer, object_interface};
use rwmi_ndr::guid;

/// `[in, out, unique] T**`: NULL where the caller does not want one, else a pointer that is NULL or an interface.
///
/// What comes in decides what can go out: `None` must stay `None`, and `Some(_)` is answered with `Some`.
/// impacket's GetObject, read by the rules, wants an object and no call result; the octets it sends
/// behind that are passed over.
pub type InOut = Option<Option<InterfacePointer>>;

/// The answer to an in-out parameter: nothing where nothing was wanted.
pub fn answer(wanted: &InOut, value: Option<InterfacePointer>) -> InOut {
    wanted.as_ref().map(|_| value)
}

object_interface! {
    /// A namespace, as one client sees it ([MS-WMI] 3.1.4.3).
    pub interface IWbemServices = guid!("9556dc99-828c-11cf-a37e-00aa003240c7"), else NOT_SUPPORTED;
    serve WbemServices;
    /// Opens a namespace below this one.
    3 open_namespace = OpenNamespace { namespace: Bstr, flags: i32, context: Option<InterfacePointer>, services: InOut, result: InOut }
        -> OpenNamespaceReply { services: InOut, result: InOut }
    /// Ends an asynchronous call.
    4 cancel_async_call = CancelAsyncCall { sink: Option<InterfacePointer> } -> CancelAsyncCallReply {}
    /// Gives a sink for events.
    5 query_object_sink = QueryObjectSink { flags: i32 } -> QueryObjectSinkReply { sink: Option<InterfacePointer> }
    /// Gives a class or an instance by its path.
    6 get_object = GetObject { path: Bstr, flags: i32, context: Option<InterfacePointer>, object: InOut, result: InOut }
        -> GetObjectReply { object: InOut, result: InOut }
    /// As `get_object`, to a sink.
    7 get_object_async = GetObjectAsync { path: Bstr, flags: i32, context: Option<InterfacePointer>, sink: Option<InterfacePointer> } -> GetObjectAsyncReply {}
    /// Makes a class or changes it.
    8 put_class = PutClass { object: Option<InterfacePointer>, flags: i32, context: Option<InterfacePointer>, result: InOut } -> PutClassReply { result: InOut }
    /// As `put_class`, to a sink.
    9 put_class_async = PutClassAsync { object: Option<InterfacePointer>, flags: i32, context: Option<InterfacePointer>, sink: Option<InterfacePointer> }
        -> PutClassAsyncReply {}
    /// Deletes a class.
    10 delete_class = DeleteClass { class: Bstr, flags: i32, context: Option<InterfacePointer>, result: InOut } -> DeleteClassReply { result: InOut }
    /// As `delete_class`, to a sink.
    11 delete_class_async = DeleteClassAsync { class: Bstr, flags: i32, context: Option<InterfacePointer>, sink: Option<InterfacePointer> }
        -> DeleteClassAsyncReply {}
    /// Enumerates classes.
    12 create_class_enum = CreateClassEnum { superclass: Bstr, flags: i32, context: Option<InterfacePointer> }
        -> CreateClassEnumReply { enumerator: Option<InterfacePointer> }
    /// As `create_class_enum`, to a sink.
    13 create_class_enum_async = CreateClassEnumAsync { superclass: Bstr, flags: i32, context: Option<InterfacePointer>, sink: Option<InterfacePointer> }
        -> CreateClassEnumAsyncReply {}
    /// Makes an instance or changes it.
    14 put_instance = PutInstance { object: Option<InterfacePointer>, flags: i32, context: Option<InterfacePointer>, result: InOut }
        -> PutInstanceReply { result: InOut }
    /// As `put_instance`, to a sink.
    15 put_instance_async = PutInstanceAsync { object: Option<InterfacePointer>, flags: i32, context: Option<InterfacePointer>, sink: Option<InterfacePointer> }
        -> PutInstanceAsyncReply {}
    /// Deletes an instance.
    16 delete_instance = DeleteInstance { path: Bstr, flags: i32, context: Option<InterfacePointer>, result: InOut } -> DeleteInstanceReply { result: InOut }
    /// As `delete_instance`, to a sink.
    17 delete_instance_async = DeleteInstanceAsync { path: Bstr, flags: i32, context: Option<InterfacePointer>, sink: Option<InterfacePointer> }
        -> DeleteInstanceAsyncReply {}
    /// Enumerates instances of a class.
    18 create_instance_enum = CreateInstanceEnum { class: Bstr, flags: i32, context: Option<InterfacePointer> }
        -> CreateInstanceEnumReply { enumerator: Option<InterfacePointer> }
    /// As `create_instance_enum`, to a sink.
    19 create_instance_enum_async = CreateInstanceEnumAsync { class: Bstr, flags: i32, context: Option<InterfacePointer>, sink: Option<InterfacePointer> }
        -> CreateInstanceEnumAsyncReply {}
    /// Runs a query.
    20 exec_query = ExecQuery { language: Bstr, query: Bstr, flags: i32, context: Option<InterfacePointer> }
        -> ExecQueryReply { enumerator: Option<InterfacePointer> }
    /// As `exec_query`, to a sink.
    21 exec_query_async = ExecQueryAsync { language: Bstr, query: Bstr, flags: i32, context: Option<InterfacePointer>, sink: Option<InterfacePointer> }
        -> ExecQueryAsyncReply {}
    /// Subscribes to events.
    22 exec_notification_query = ExecNotificationQuery { language: Bstr, query: Bstr, flags: i32, context: Option<InterfacePointer> }
        -> ExecNotificationQueryReply { enumerator: Option<InterfacePointer> }
    /// As `exec_notification_query`, to a sink.
    23 exec_notification_query_async = ExecNotificationQueryAsync {
        language: Bstr, query: Bstr, flags: i32, context: Option<InterfacePointer>, sink: Option<InterfacePointer>,
    } -> ExecNotificationQueryAsyncReply {}
    /// Runs a method of a class or an instance.
    24 exec_method = ExecMethod {
        path: Bstr, method: Bstr, flags: i32, context: Option<InterfacePointer>, in_params: Option<InterfacePointer>, out_params: InOut, result: InOut,
    } -> ExecMethodReply { out_params: InOut, result: InOut }
    /// As `exec_method`, to a sink.
    25 exec_method_async = ExecMethodAsync {
        path: Bstr, method: Bstr, flags: i32, context: Option<InterfacePointer>, in_params: Option<InterfacePointer>, sink: Option<InterfacePointer>,
    } -> ExecMethodAsyncReply {}
}

object_interface! {
    /// What came of a semisynchronous call ([MS-WMI] 3.1.4.5). `timeout_ms` of -1 waits without end.
    pub interface IWbemCallResult = guid!("44aca675-e8fc-11d0-a07c-00c04fb68820"), else NOT_SUPPORTED;
    serve WbemCallResult;
    /// The object of a GetObject or the out parameters of an ExecMethod.
    3 result_object = GetResultObject { timeout_ms: i32 } -> GetResultObjectReply { object: Option<InterfacePointer> }
    /// The path of an instance that was put.
    4 result_string = GetResultString { timeout_ms: i32 } -> GetResultStringReply { text: Bstr }
    /// The services of an OpenNamespace.
    5 result_services = GetResultServices { timeout_ms: i32 } -> GetResultServicesReply { services: Option<InterfacePointer> }
    /// The status of the call.
    6 call_status = GetCallStatus { timeout_ms: i32 } -> GetCallStatusReply { status: u32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_ndr::{Decode, Encode, Limits, Reader, Writer};
    use rwmi_rpc::Method;

    /// What impacket sends behind the flags: `[ref][0][0]` for each in-out parameter.
    #[test]
    fn what_impacket_sends_for_get_object_wants_an_object_and_no_call_result() {
        let mut w = Writer::default();
        Bstr::from("Win32_Process").encode(&mut w);
        0i32.encode(&mut w);
        [0u32; 1].encode(&mut w);
        [0x1111u32, 0, 0, 0x2222, 0, 0].encode(&mut w);
        let mut r = Reader::new(w.finish(), Limits::default());
        let call = GetObject::decode(&mut r).unwrap();
        assert_eq!((call.object, call.result, r.left()), (Some(None), None, 12));
    }

    #[test]
    fn what_impacket_sends_for_delete_instance_wants_a_call_result() {
        let mut w = Writer::default();
        Bstr::from("A=1").encode(&mut w);
        0i32.encode(&mut w);
        [0u32, 0x1111, 0, 0].encode(&mut w);
        let mut r = Reader::new(w.finish(), Limits::default());
        let call = DeleteInstance::decode(&mut r).unwrap();
        assert_eq!((call.result, r.left()), (Some(None), 4));
    }

    #[test]
    fn an_answer_is_given_only_where_it_is_wanted() {
        let pointer = InterfacePointer(b"MEOW"[..].into());
        assert_eq!(answer(&None, Some(pointer.clone())), None);
        assert_eq!(answer(&Some(None), Some(pointer.clone())), Some(Some(pointer)));
        assert_eq!(answer(&Some(None), None), Some(None));
    }

    #[test]
    fn a_failing_get_object_answers_two_nulls() {
        let mut w = Writer::default();
        <GetObject as Method>::Reply::default().encode(&mut w);
        assert_eq!(w.finish()[..], [0; 8]);
    }
}
