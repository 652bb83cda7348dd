//! What this release does not do, opnum by opnum: the status that docs/coverage.md names, and NULL out parameters.

use super::*;
use rwmi_dcom::{Clsid, IClassFactory, client::get_class_object};
use rwmi_ndr::{Conformant, NarrowString};
use std::fmt::Debug;

async fn refused<I: Interface, M: Method<Interface = I>>(proxy: &P<I>, call: M, expect: WbemStatus)
where
    M::Reply: Debug + Default + PartialEq,
{
    let (reply, code, _) = proxy.call_any(&call).await.unwrap_or_else(|e| panic!("{}: {e}", M::NAME));
    assert_eq!((reply, code), (M::Reply::default(), hresult(expect)), "{}", M::NAME);
}

fn some_object() -> Option<InterfacePointer> {
    Some(InterfacePointer(Bytes::from_static(b"MEOW")))
}

/// An object of the client's is never unpacked where it is refused: octets of any kind do.
#[tokio::test]
async fn what_would_change_something_is_refused_with_nulls() {
    let client = Client::new(1).await;
    let s = client.test().await;
    let not_capable = WbemStatus::PROVIDER_NOT_CAPABLE;
    refused(&s, PutClass { object: some_object(), flags: 0, context: None, result: None }, WbemStatus::INVALID_OBJECT).await;
    refused(&s, PutInstance { object: some_object(), flags: 0, context: None, result: None }, WbemStatus::INVALID_OBJECT).await;
    let shipped = DeleteClass { class: "Rwmi_Row".into(), flags: 0, context: None, result: None };
    refused(&s, shipped, WbemStatus::INVALID_OPERATION).await;
    refused(&s, DeleteInstance { path: "Rwmi_Row.Id=0".into(), flags: 0, context: None, result: None }, not_capable).await;
}

#[tokio::test]
async fn asynchronous_calls_and_events_are_refused_with_nulls() {
    let client = Client::new(1).await;
    let s = client.test().await;
    let no = WbemStatus::NOT_SUPPORTED;
    let (flags, context, sink) = (0, None, some_object());
    let (class, path) = (Bstr::from("Rwmi_Row"), Bstr::from("Rwmi_Row.Id=0"));
    let (language, text) = (Bstr::from("WQL"), Bstr::from("SELECT * FROM Rwmi_Row"));
    refused(&s, QueryObjectSink { flags }, WbemStatus::ACCESS_DENIED).await;
    refused(&s, GetObjectAsync { path: path.clone(), flags, context: None, sink: sink.clone() }, no).await;
    refused(&s, PutClassAsync { object: some_object(), flags, context: None, sink: sink.clone() }, no).await;
    refused(&s, DeleteClassAsync { class: class.clone(), flags, context: None, sink: sink.clone() }, no).await;
    refused(&s, CreateClassEnumAsync { superclass: class.clone(), flags, context: None, sink: sink.clone() }, no).await;
    refused(&s, PutInstanceAsync { object: some_object(), flags, context: None, sink: sink.clone() }, no).await;
    refused(&s, DeleteInstanceAsync { path: path.clone(), flags, context: None, sink: sink.clone() }, no).await;
    refused(&s, CreateInstanceEnumAsync { class, flags, context: None, sink: sink.clone() }, no).await;
    let query = ExecQueryAsync { language: language.clone(), query: text.clone(), flags, context: None, sink: sink.clone() };
    refused(&s, query, no).await;
    refused(&s, ExecNotificationQueryAsync { language, query: text, flags, context: None, sink: sink.clone() }, no).await;
    let call = ExecMethodAsync { path, method: "X".into(), flags, context, in_params: None, sink: sink.clone() };
    refused(&s, call, no).await;
    // Nothing runs that could be ended.
    refused(&s, CancelAsyncCall { sink: sink.clone() }, WbemStatus::NOT_FOUND).await;
    let rows = client.query("SELECT * FROM Rwmi_Row", 0).await.unwrap();
    refused(&rows, NextAsync { count: 1, sink }, no).await;
}

/// The checks of the synchronous twins come first: a client learns what is wrong with its call.
#[tokio::test]
async fn an_asynchronous_call_is_checked_as_its_twin_is() {
    let client = Client::new(1).await;
    let s = client.test().await;
    let (bad, long) = (WbemStatus::INVALID_PARAMETER, WbemStatus::QUOTA_VIOLATION);
    let (context, language, text) = (None, Bstr::from("WQL"), Bstr::from("SELECT * FROM Rwmi_Row"));
    let (class, path) = (Bstr::from("Rwmi_Row"), Bstr::from("Rwmi_Row.Id=0"));
    let object = some_object();
    // A flag of the synchronous twin only, and a sink that is missing.
    for (flags, sink) in [(0x10, some_object()), (0, None)] {
        refused(&s, GetObjectAsync { path: path.clone(), flags, context: None, sink: sink.clone() }, bad).await;
        refused(&s, PutClassAsync { object: object.clone(), flags, context: None, sink: sink.clone() }, bad).await;
        refused(&s, DeleteClassAsync { class: class.clone(), flags, context: None, sink: sink.clone() }, bad).await;
        refused(&s, CreateClassEnumAsync { superclass: class.clone(), flags, context: None, sink: sink.clone() }, bad).await;
        refused(&s, PutInstanceAsync { object: object.clone(), flags, context: None, sink: sink.clone() }, bad).await;
        refused(&s, DeleteInstanceAsync { path: path.clone(), flags, context: None, sink: sink.clone() }, bad).await;
        refused(&s, CreateInstanceEnumAsync { class: class.clone(), flags, context: None, sink: sink.clone() }, bad).await;
        let (language, query) = (language.clone(), text.clone());
        let call = ExecQueryAsync { language: language.clone(), query: query.clone(), flags, context: None, sink: sink.clone() };
        refused(&s, call, bad).await;
        refused(&s, ExecNotificationQueryAsync { language, query, flags, context: None, sink: sink.clone() }, bad).await;
        let method = "X".into();
        let call = ExecMethodAsync { path: path.clone(), method, flags, context: None, in_params: None, sink: sink.clone() };
        refused(&s, call, bad).await;
    }
    let (flags, sink, query) = (0, some_object(), text);
    refused(&s, PutClassAsync { object: None, flags, context: None, sink: sink.clone() }, bad).await;
    refused(&s, DeleteClassAsync { class: Bstr::Null, flags, context: None, sink: sink.clone() }, bad).await;
    let call = ExecQueryAsync { language: "CQL".into(), query: query.clone(), flags, context: None, sink: sink.clone() };
    refused(&s, call, WbemStatus::INVALID_QUERY_TYPE).await;
    let query = Bstr::Units(vec![0x61; 16385]);
    refused(&s, ExecQueryAsync { language, query, flags, context: None, sink: sink.clone() }, long).await;
    let path = Bstr::Units(vec![0x61; 8193]);
    refused(&s, GetObjectAsync { path, flags, context, sink }, long).await;
    // It takes no flags at all.
    refused(&s, QueryObjectSink { flags: 0x10 }, bad).await;
    refused(&s, CancelAsyncCall { sink: None }, bad).await;
    let rows = client.query("SELECT * FROM Rwmi_Row", 0).await.unwrap();
    refused(&rows, NextAsync { count: 0, sink: some_object() }, bad).await;
    refused(&rows, NextAsync { count: 1, sink: None }, bad).await;
}

#[tokio::test]
async fn refreshers_are_not_available() {
    let client = Client::new(1).await;
    let services = client.test().await;
    let std = query_interface(&client.rem_unknown, services.ipid(), IWbemRefreshingServices::IID).await.unwrap();
    let r: P<IWbemRefreshingServices> = services.at(std.ipid);
    let no = WbemStatus::NOT_AVAILABLE;
    let (flags, client_version) = (0, 2);
    let id = || RefresherId { machine: Some(NarrowString("pc".into())), process: 1, refresher: Guid([1; 16]) };
    let class = || WideString("Rwmi_Row".into());
    refused(&r, AddObjectToRefresher { id: id(), path: class(), flags, context: None, client_version }, no).await;
    let template = AddObjectToRefresherByTemplate { id: id(), template: some_object(), flags, context: None, client_version };
    refused(&r, template, no).await;
    refused(&r, AddEnumToRefresher { id: id(), class: class(), flags, context: None, client_version }, no).await;
    refused(&r, RemoveObjectFromRefresher { id: id(), object: 1, flags, client_version }, no).await;
    refused(&r, GetRemoteRefresher { id: id(), flags, client_version }, no).await;
    let (objects, results) = (Conformant(Vec::new()), Conformant(Vec::new()));
    let again = ReconnectRemoteRefresher { id: id(), flags, count: 0, client_version, objects, results };
    refused(&r, again, no).await;
}

/// Interfaces that no object of the server has: a client cannot come to call them.
#[tokio::test]
async fn no_object_has_the_interfaces_of_backup_sinks_and_remote_refreshers() {
    let client = Client::new(1).await;
    let services = client.test().await;
    let rows = client.query("SELECT * FROM Rwmi_Row", 0).await.unwrap();
    for iid in [IWbemBackupRestore::IID, IWbemBackupRestoreEx::IID, IWbemObjectSink::IID, IWbemRemoteRefresher::IID] {
        for ipid in [client.login.ipid(), services.ipid(), rows.ipid()] {
            let error = query_interface(&client.rem_unknown, ipid, iid).await.unwrap_err();
            assert_eq!(error.hresult(), Some(HResult::E_NOINTERFACE), "{iid:?}: {error}");
        }
    }
    let (channel, orpc) = (client.login.channel(), client.login.orpc());
    for clsid in [CLSID_WBEM_BACKUP_RESTORE, Clsid(Guid([9; 16]))] {
        let request = ActivationRequest::new(clsid, vec![IWbemBackupRestore::IID]);
        let error = activate(channel, orpc, &request, Fallback::default()).await.unwrap_err();
        assert_eq!(error.hresult(), Some(HResult::REGDB_E_CLASSNOTREG), "{error}");
        let request = ActivationRequest::new(clsid, vec![IClassFactory::IID]);
        let error = get_class_object(channel, orpc, &request).await.unwrap_err();
        assert_eq!(error.hresult(), Some(HResult::REGDB_E_CLASSNOTREG), "{error}");
    }
}

#[tokio::test]
async fn an_event_of_the_servers_machine_is_not_signalled_and_the_call_succeeds() {
    let client = Client::new(1).await;
    let std = query_interface(&client.rem_unknown, client.login.ipid(), IWbemLoginHelper::IID).await.unwrap();
    let helper: P<IWbemLoginHelper> = client.login.at(std.ipid);
    assert_eq!(code(&helper, SetEvent { name: NarrowString("Global\\Anything".into()) }).await, HResult::S_OK);
}
