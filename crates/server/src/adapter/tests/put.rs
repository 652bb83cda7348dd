//! Writing over the wire: objects of a client go in, and come back by every way of reading.

use super::*;
use rwmi_cim::{CimType, Class, Instance, Property, Qualifier};
use rwmi_wbem::{Context, ContextValue};

pub(super) fn pointer(entity: impl Into<Entity>) -> Option<InterfacePointer> {
    let unit = rwmi_wmio::encode_unit(&entity.into(), &rwmi_wmio::EncodeOptions::default()).unwrap();
    Some(ClassObjectRef(unit.into()).to_pointer())
}

/// Puts what a MOF text declares into the namespace, as our command does, but call after call.
pub(super) async fn put_mof(services: &P<IWbemServices>, text: &str) {
    use rwmi_cim::mof::{self, Memory};
    let mut memory = Memory::new();
    let system = include_str!("../../../mof/system.mof");
    for text in [system, text] {
        let document = mof::parse("test.mof", text).unwrap_or_else(|e| panic!("{e:?}"));
        mof::compile_into(&document, "here", &mut memory).unwrap_or_else(|e| panic!("{}", e.render()));
    }
    let put_class = |class: &Arc<Class>| {
        // A class that says it has texts, and has none, loses those that are there.
        let flags = if Arc::ptr_eq(&rwmi_cim::schema::neutral(class), class) { 0 } else { 0x20000 };
        PutClass { object: pointer(Entity::Class(class.clone())), flags, context: None, result: None }
    };
    for class in memory.classes("here").filter(|c| !c.name.starts_with("__")) {
        assert_eq!(code(services, put_class(class)).await, HResult::S_OK, "{}", class.name);
    }
    for instance in memory.instances("here") {
        let put = PutInstance { object: pointer(instance.clone()), flags: 0, context: None, result: None };
        assert_eq!(code(services, put).await, HResult::S_OK);
        let Some(below) = instance.get("Name").and_then(|v| v.as_str()).filter(|_| instance.class.is_a("__NAMESPACE")) else { continue };
        let open = OpenNamespace { namespace: below.into(), flags: 0, context: None, services: Some(None), result: None };
        let reply = ok(services.call(&open).await).unwrap();
        let inside: P<IWbemServices> = services.at(ipid(reply.services.unwrap().as_ref()));
        for class in memory.classes(&format!(r"here\{below}")) {
            assert_eq!(code(&inside, put_class(class)).await, HResult::S_OK, "{}", class.name);
        }
    }
}

fn class() -> Class {
    let mut key = Property::new("Name", CimType::String);
    key.qualifiers.set(Qualifier::flag("key", 0x13));
    Class { name: "T".into(), properties: vec![key, Property::new("N", CimType::Uint32)], ..Class::default() }
}

fn instance(name: &str, n: u32) -> Instance {
    let mut i = Instance::new(Arc::new(class()));
    i.set("Name", name).unwrap();
    i.set("N", n).unwrap();
    i
}

async fn status_of(services: &P<IWbemServices>, result: InOut) -> (u32, P<IWbemCallResult>) {
    let result: P<IWbemCallResult> = services.at(ipid(result.unwrap().as_ref()));
    (result.call(&GetCallStatus { timeout_ms: 0 }).await.unwrap().0.status, result)
}

#[tokio::test]
async fn a_class_and_its_instances_are_put_read_and_deleted() {
    let client = Client::new(1).await;
    let s = client.test().await;
    let put = PutClass { object: pointer(Entity::Class(Arc::new(class()))), flags: 0, context: None, result: None };
    assert_eq!(code(&s, put).await, HResult::S_OK);
    let put = |i: Instance, flags, context: Option<Context>, result| PutInstance {
        object: pointer(i),
        flags,
        context: context.map(|c| c.to_pointer()),
        result,
    };
    // The path of what was put is the string of its call result.
    let (reply, _) = s.call(&put(instance("a", 1), 0x12, None, Some(None))).await.unwrap();
    let (status, result) = status_of(&s, reply.result).await;
    assert_eq!(status, 0);
    let (reply, _) = result.call(&GetResultString { timeout_ms: 0 }).await.unwrap();
    assert_eq!(reply.text.text().as_deref(), Some(r#"T.Name="a""#));
    assert_eq!(code(&result, GetResultObject { timeout_ms: 0 }).await, hresult(WbemStatus::INVALID_OPERATION));
    assert_eq!(code(&s, put(instance("a", 1), 2, None, None)).await, hresult(WbemStatus::ALREADY_EXISTS));
    assert_eq!(code(&s, put(instance("b", 1), 1, None, None)).await, NOT_FOUND);
    assert_eq!(code(&s, put(instance("b", 1), 3, None, None)).await, hresult(WbemStatus::INVALID_PARAMETER));
    let part = |names: &[&str]| Context {
        id: Guid([1; 16]),
        values: vec![
            ("__PUT_EXTENSIONS".into(), ContextValue::Bool(true)),
            ("__PUT_EXT_PROPERTIES".into(), ContextValue::Array(8, names.iter().map(|n| ContextValue::Text((*n).into())).collect())),
        ],
    };
    assert_eq!(code(&s, put(instance("a", 5), 0, Some(part(&["N"])), None)).await, hresult(WbemStatus::INVALID_CONTEXT));
    assert_eq!(code(&s, put(instance("a", 5), 1, Some(part(&["Name"])), None)).await, HResult::S_OK);
    let n = async || {
        let get = GetObject { path: "T='a'".into(), flags: 0, context: None, object: Some(None), result: None };
        let (reply, _) = s.call(&get).await.unwrap();
        entity(reply.object.unwrap().as_ref()).as_instance().unwrap().get::<u32>("N").unwrap()
    };
    assert_eq!(n().await, 1);
    assert_eq!(code(&s, put(instance("a", 5), 1, Some(part(&["N"])), None)).await, HResult::S_OK);
    assert_eq!(n().await, 5);
    let rows = ok(s.call(&query("SELECT * FROM T WHERE N = 5", 0)).await).unwrap();
    let rows: P<IEnumWbemClassObject> = s.at(ipid(rows.enumerator.as_ref()));
    assert_eq!(rows.call(&Next { timeout_ms: -1, count: 9 }).await.unwrap().0.returned, 1);
    let wrong = PutClass { object: pointer(instance("a", 1)), flags: 0, context: None, result: None };
    assert_eq!(code(&s, wrong).await, hresult(WbemStatus::INVALID_OBJECT));
    let delete = |path: &str| DeleteInstance { path: path.into(), flags: 0, context: None, result: Some(None) };
    for (path, expect) in [("T='a'", 0), ("T='a'", WbemStatus::NOT_FOUND.0), ("T", WbemStatus::INVALID_OBJECT_PATH.0)] {
        let (reply, _) = s.call(&delete(path)).await.unwrap();
        assert_eq!(status_of(&s, reply.result).await.0, expect, "{path}");
    }
    let delete = DeleteClass { class: "T".into(), flags: 0, context: None, result: None };
    assert_eq!(code(&s, delete).await, HResult::S_OK);
}

#[tokio::test]
async fn a_transaction_happens_with_its_last_operation_or_not_at_all() {
    let client = Client::new(1).await;
    let s = client.test().await;
    let context = |id: &str, last| {
        let mut values = vec![("__RWMI_TRANSACTION".to_owned(), ContextValue::Text(id.into()))];
        values.push(("__RWMI_TRANSACTION_COMMIT".to_owned(), ContextValue::Bool(last)));
        Some(Context { id: Guid([1; 16]), values }.to_pointer())
    };
    let put_class =
        |id: &str| PutClass { object: pointer(Entity::Class(Arc::new(class()))), flags: 0, context: context(id, false), result: None };
    let put =
        |id: &str, name: &str, last| PutInstance { object: pointer(instance(name, 1)), flags: 2, context: context(id, last), result: None };
    let rows = async || code(&s, query("SELECT * FROM T", 0)).await;
    assert_eq!(code(&s, put_class("1")).await, HResult::S_OK);
    assert_eq!(code(&s, put("1", "a", false)).await, HResult::S_OK);
    assert_eq!(code(&s, put("1", "a", true)).await, hresult(WbemStatus::ALREADY_EXISTS));
    assert_eq!(rows().await, hresult(WbemStatus::INVALID_CLASS));
    assert_eq!(code(&s, put_class("2")).await, HResult::S_OK);
    assert_eq!(rows().await, hresult(WbemStatus::INVALID_CLASS));
    assert_eq!(code(&s, put("2", "a", true)).await, HResult::S_OK);
    assert_eq!(rows().await, HResult::S_OK);
}

#[tokio::test]
async fn a_part_of_an_instance_is_got() {
    let client = Client::new(1).await;
    let s = client.test().await;
    let values = async |values: Vec<(&str, ContextValue)>| {
        let values = values.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let context = Some(Context { id: Guid([1; 16]), values }.to_pointer());
        let get = GetObject { path: "Rwmi_Row.Id=0".into(), flags: 0, context, object: Some(None), result: None };
        let reply = ok(s.call(&get).await)?;
        let row = entity(reply.object.unwrap().as_ref());
        let row = row.as_instance().unwrap().clone();
        Ok::<_, HResult>(row.iter().filter(|(_, v)| !v.as_ref().unwrap().is_null()).map(|(n, _)| n.to_owned()).collect::<Vec<_>>())
    };
    let on = || ("__GET_EXTENSIONS", ContextValue::Bool(true));
    let names =
        |names: &[&str]| ("__GET_EXT_PROPERTIES", ContextValue::Array(8, names.iter().map(|n| ContextValue::Text((*n).into())).collect()));
    let all = values(vec![]).await.unwrap();
    let other = all.iter().find(|n| *n != "Id").unwrap().clone();
    assert!(2 < all.len());
    // Nothing is left out unless the first value says so.
    assert_eq!(values(vec![names(&[&other])]).await.unwrap(), all);
    assert_eq!(values(vec![on(), names(&[&other.to_uppercase()])]).await.unwrap(), ["Id", &other]);
    assert_eq!(values(vec![on(), names(&[&other]), ("__GET_EXT_KEYS_ONLY", ContextValue::Bool(true))]).await.unwrap(), ["Id"]);
    assert_eq!(values(vec![on(), ("__GET_EXT_PROPERTIES", ContextValue::I4(1))]).await, Err(hresult(WbemStatus::INVALID_CONTEXT)));
}

#[tokio::test]
async fn a_class_of_too_many_properties_is_refused() {
    let client = Client::new(1).await;
    let s = client.test().await;
    let put = |n: usize| {
        let properties = (0..n).map(|i| Property::new(&format!("P{i}"), CimType::Uint32)).collect();
        let class = Class { name: "Many".into(), properties, ..Class::default() };
        PutClass { object: pointer(Entity::Class(Arc::new(class))), flags: 0, context: None, result: None }
    };
    assert_eq!(code(&s, put(1024)).await, HResult::S_OK);
    assert_eq!(code(&s, put(1025)).await, hresult(WbemStatus::TOO_MANY_PROPERTIES));
    assert_eq!(code(&s, put(4000)).await, hresult(WbemStatus::TOO_MANY_PROPERTIES));
}
