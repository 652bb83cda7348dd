//! Each row of the tables of errors that a call which reads or writes can cause, caused over the wire. docs/errors.md names the test
//! of each status; those of queries, methods and events have files of their own.

use super::put::{pointer, put_mof};
use super::queries::outcome;
use super::*;
use rwmi_cim::mof::{self, Memory, Target};
use rwmi_cim::{CimType, Class, Enumerate, Flavor, Instance, Property, Provider, ProviderResult, Qualifier, RequestContext, Sink, Value};
use rwmi_wbem::{Context, ContextValue};
use std::time::Duration;

const MOF: &str = r#"
    class Base { [key] string Name; uint32 N; };
    class Derived : Base { string Note; };
    class Held { [key] string Name; uint32 N; };
    class Two { [key] string A; [key] uint32 B; };
    class Strict { [key] string Name; [not_null] string Must; };
    class Keyless { string Name; };
    [abstract] class Idea { [key] string Name; };
    instance of Held { Name = "x"; };"#;

struct Place {
    client: Client,
    services: P<IWbemServices>,
    classes: Memory,
}

impl Place {
    async fn new() -> Place {
        let client = Client::new(1).await;
        let services = client.test().await;
        put_mof(&services, MOF).await;
        let mut classes = Memory::new();
        for text in [include_str!("../../../mof/system.mof"), MOF] {
            mof::compile_into(&mof::parse("t.mof", text).unwrap(), "here", &mut classes).unwrap_or_else(|e| panic!("{}", e.render()));
        }
        Place { client, services, classes }
    }

    fn class(&self, name: &str) -> Class {
        (*self.classes.class("here", name).unwrap()).clone()
    }

    fn instance(&self, class: &str, values: &[(&str, Value)]) -> Instance {
        let mut instance = Instance::new(Arc::new(self.class(class)));
        values.iter().for_each(|(name, value)| instance.set(name, value.clone()).unwrap());
        instance
    }

    /// What a class brings about, called with a call result and without.
    async fn put_class(&self, class: Class, flags: i32, expect: WbemStatus) {
        let object = pointer(Entity::Class(Arc::new(class)));
        self.check(PutClass { object: object.clone(), flags, context: None, result: None }, expect).await;
    }

    async fn put(&self, instance: Instance, flags: i32, expect: WbemStatus) {
        self.check(PutInstance { object: pointer(instance), flags, context: None, result: None }, expect).await;
    }

    async fn check<M: Method<Interface = IWbemServices> + std::fmt::Debug>(&self, call: M, expect: WbemStatus)
    where
        M::Reply: std::fmt::Debug,
    {
        let said = format!("{call:?}").chars().take(400).collect::<String>();
        assert_eq!(code(&self.services, call).await, hresult(expect), "{said}");
    }
}

use WbemStatus as S;

#[tokio::test]
async fn classes_that_cannot_be_put() {
    let p = Place::new().await;
    let named = |name: &str| Class { name: name.into(), ..p.class("Base") };
    p.put_class(named("_Mine"), 0, S::INVALID_OPERATION).await;
    p.put_class(named("__SystemClass"), 0, S::INVALID_OPERATION).await;
    p.put_class(named("Mine_"), 0, S::INVALID_OBJECT).await;
    p.put_class(named(""), 0, S::INVALID_OBJECT).await;
    p.put_class(named("Base"), 2, S::ALREADY_EXISTS).await;
    p.put_class(named("Missing"), 1, S::NOT_FOUND).await;
    p.put_class(named("Base"), 3, S::INVALID_PARAMETER).await;
    p.put_class(named("Base"), 0x60, S::INVALID_PARAMETER).await;
    let orphan = Class { name: "Orphan".into(), derivation: vec!["Nobody".into()], ..p.class("Base") };
    p.put_class(orphan, 0, S::INVALID_SUPERCLASS).await;
    let circle = Class { derivation: vec!["Derived".into(), "Base".into()], ..p.class("Base") };
    p.put_class(circle, 0, S::CIRCULAR_REFERENCE).await;
    let with = |name: &str, more: Property| {
        let mut class = p.class(name);
        class.properties.push(more);
        class
    };
    let more = || Property::new("More", CimType::Uint8);
    p.put_class(with("Base", more()), 0, S::CLASS_HAS_CHILDREN).await;
    p.put_class(with("Held", more()), 0, S::CLASS_HAS_INSTANCES).await;
    p.put_class(with("Held", more()), 0x40, S::CLASS_HAS_INSTANCES).await;
    p.put_class(with("Base", Property::new("Note", CimType::String)), 0x20, S::CLASS_HAS_CHILDREN).await;
    let mut key = more();
    key.qualifiers.set(Qualifier::flag("key", 0x13));
    p.put_class(with("Derived", key), 0, S::CANNOT_BE_KEY).await;
    let mut other = p.class("Derived");
    other.properties[1] = Property { inherited: true, ..Property::new("N", CimType::String) };
    p.put_class(other, 0, S::TYPE_MISMATCH).await;
    let mut texts = p.class("Held");
    texts.qualifiers.set(Qualifier::string("Description", "x", Flavor::AMENDED));
    p.put_class(texts, 0, S::AMENDED_OBJECT).await;
    let mut idea = p.class("Derived");
    idea.qualifiers.set(Qualifier::flag("abstract", 0));
    p.put_class(idea, 0x20, S::CANNOT_BE_ABSTRACT).await;
    let mut single = Class { name: "Single".into(), ..p.class("Held") };
    single.qualifiers.set(Qualifier::flag("singleton", 0x13));
    p.put_class(single, 0, S::CANNOT_BE_SINGLETON).await;
    let wide = |count: usize| {
        let properties = (0..count).map(|n| Property::new(&format!("P{n}"), CimType::Uint8)).collect();
        Class { name: "Wide".into(), properties, ..Class::default() }
    };
    p.check(PutClass { object: None, flags: 0, context: None, result: None }, S::INVALID_PARAMETER).await;
    p.put_class(wide(1024), 0, S(0)).await;
    p.put_class(wide(1025), 0, S::TOO_MANY_PROPERTIES).await;
    p.put_class(wide(5000), 0, S::TOO_MANY_PROPERTIES).await;
    // A class of the test's octets cut short, at any place.
    let whole = pointer(Entity::Class(Arc::new(wide(3)))).unwrap();
    for end in (0..whole.0.len()).step_by(7) {
        let object = Some(InterfacePointer(whole.0.slice(..end)));
        p.check(PutClass { object, flags: 0, context: None, result: None }, S::INVALID_OBJECT).await;
    }
    let nonsense = || Some(InterfacePointer(Bytes::from_static(b"MEOW")));
    let call = PutClass { object: Some(whole), flags: 0, context: nonsense(), result: None };
    p.check(call, S::INVALID_CONTEXT).await;
}

#[tokio::test]
async fn classes_that_cannot_be_deleted() {
    let p = Place::new().await;
    let delete = |class: &str| DeleteClass { class: class.into(), flags: 0, context: None, result: None };
    p.check(delete("Nothing"), S::NOT_FOUND).await;
    p.check(delete("__SystemClass"), S::INVALID_OPERATION).await;
    p.check(delete("Rwmi_Row"), S::INVALID_OPERATION).await;
    p.check(delete(&"x".repeat(4097)), S::QUOTA_VIOLATION).await;
    p.check(DeleteClass { class: Bstr::Null, ..delete("") }, S::INVALID_PARAMETER).await;
    for flags in [0x80, 0x20000, 1, -1] {
        p.check(DeleteClass { flags, ..delete("Base") }, S::INVALID_PARAMETER).await;
    }
    p.check(delete("Base"), S(0)).await;
    p.check(delete("Derived"), S::NOT_FOUND).await;
}

#[tokio::test]
async fn instances_that_cannot_be_put() {
    let p = Place::new().await;
    let text = |t: &str| Value::from(t);
    let held = |name: &str| p.instance("Held", &[("Name", text(name))]);
    p.put(held("x"), 2, S::ALREADY_EXISTS).await;
    p.put(held("y"), 1, S::NOT_FOUND).await;
    p.put(held("y"), 3, S::INVALID_PARAMETER).await;
    p.put(held("y"), 0x20, S::INVALID_PARAMETER).await;
    p.put(p.instance("Two", &[("A", text("a"))]), 0, S::ILLEGAL_NULL).await;
    p.put(p.instance("Strict", &[("Name", text("a"))]), 0, S::ILLEGAL_NULL).await;
    p.put(p.instance("Keyless", &[("Name", text("a"))]), 0, S::NO_KEY).await;
    p.put(p.instance("Idea", &[("Name", text("a"))]), 0, S::INVALID_OPERATION).await;
    p.put(p.instance("Base", &[("Name", text("a"))]), 0, S(0)).await;
    p.put(p.instance("Derived", &[("Name", text("a"))]), 0, S::ALREADY_EXISTS).await;
    let of = |class: Class, name: &str, value: Value| {
        let mut instance = Instance::new(Arc::new(class));
        instance.set("Name", "z").unwrap();
        instance.set(name, value).unwrap();
        instance
    };
    let mut other = p.class("Held");
    other.properties[1] = Property::new("N", CimType::String);
    p.put(of(other.clone(), "N", text("five")), 0, S::TYPE_MISMATCH).await;
    other.properties[1] = Property::new("Unknown", CimType::String);
    p.put(of(other, "Unknown", text("x")), 0, S::INVALID_OBJECT).await;
    let nobody = Class { name: "Nobody".into(), ..p.class("Held") };
    p.put(of(nobody, "N", Value::Uint32(1)), 0, S::INVALID_CLASS).await;
    let row = Class { name: "Rwmi_Row".into(), ..p.class("Held") };
    p.put(of(row, "N", Value::Uint32(1)), 0, S::PROVIDER_NOT_CAPABLE).await;
    p.check(PutInstance { object: None, flags: 0, context: None, result: None }, S::INVALID_PARAMETER).await;
    let class = pointer(Entity::Class(Arc::new(p.class("Held"))));
    p.check(PutInstance { object: class, flags: 0, context: None, result: None }, S::INVALID_OBJECT).await;
    let whole = pointer(held("y")).unwrap();
    for end in (0..whole.0.len()).step_by(7) {
        let object = Some(InterfacePointer(whole.0.slice(..end)));
        p.check(PutInstance { object, flags: 0, context: None, result: None }, S::INVALID_OBJECT).await;
    }
    // What a context says is not what it is.
    let context = |name: &str, value: ContextValue| {
        let values = vec![("__PUT_EXTENSIONS".to_owned(), ContextValue::Bool(true)), (name.to_owned(), value)];
        Some(Context { id: Guid([1; 16]), values }.to_pointer())
    };
    for (name, value, flags) in [
        ("__PUT_EXT_PROPERTIES", ContextValue::I4(5), 1),
        ("__PUT_EXT_PROPERTIES", ContextValue::Text("N".into()), 0),
        ("__PUT_EXT_STRICT_NULLS", ContextValue::Text("yes".into()), 1),
    ] {
        let call = PutInstance { object: pointer(held("x")), flags, context: context(name, value), result: None };
        p.check(call, S::INVALID_CONTEXT).await;
    }
    let part = context("__PUT_EXT_PROPERTIES", ContextValue::Text("Nothing".into()));
    p.check(PutInstance { object: pointer(held("x")), flags: 1, context: part, result: None }, S::INVALID_PROPERTY).await;
    let call =
        PutInstance { object: pointer(held("x")), flags: 0, context: Some(InterfacePointer(Bytes::from_static(b"MEOW"))), result: None };
    p.check(call, S::INVALID_CONTEXT).await;
}

#[tokio::test]
async fn instances_that_cannot_be_deleted_or_got() {
    let p = Place::new().await;
    let delete = |path: &str| DeleteInstance { path: path.into(), flags: 0, context: None, result: None };
    let get = |path: &str| GetObject { path: path.into(), flags: 0, context: None, object: Some(None), result: None };
    for (path, expect) in [
        ("Held.Name='nobody'", S::NOT_FOUND),
        ("Held.", S::INVALID_OBJECT_PATH),
        ("Held.Name=", S::INVALID_OBJECT_PATH),
        ("Held.Name='x", S::INVALID_OBJECT_PATH),
    ] {
        p.check(delete(path), expect).await;
        p.check(get(path), expect).await;
    }
    p.check(delete("Held"), S::INVALID_OBJECT_PATH).await;
    p.check(delete("Nothing='x'"), S::INVALID_CLASS).await;
    p.check(delete("Rwmi_Row.Id=77"), S::NOT_FOUND).await;
    p.check(delete("Rwmi_Row.Id=0"), S::PROVIDER_NOT_CAPABLE).await;
    p.check(get("Nothing"), S::NOT_FOUND).await;
    let long = format!("Held.Name='{}'", "x".repeat(8192));
    p.check(delete(&long), S::QUOTA_VIOLATION).await;
    p.check(get(&long), S::QUOTA_VIOLATION).await;
    p.check(DeleteInstance { path: Bstr::Null, ..delete("") }, S::INVALID_PARAMETER).await;
    p.check(delete("Held.Name='x'"), S(0)).await;
    p.check(get("Held.Name='x'"), S::NOT_FOUND).await;
}

#[tokio::test]
async fn namespaces_that_cannot_be_made_deleted_or_opened() {
    let p = Place::new().await;
    let made = |name: &str| p.instance("__NAMESPACE", &[("Name", Value::from(name))]);
    p.put(made("mine"), 2, S(0)).await;
    p.put(made("mine"), 2, S::ALREADY_EXISTS).await;
    p.put(made("other"), 1, S::NOT_FOUND).await;
    for bad in ["", "a b", r"a\b", "a/b", &"x".repeat(256)] {
        p.put(made(bad), 0, S::INVALID_PARAMETER).await;
    }
    let delete =
        |name: &str| DeleteInstance { path: format!("__NAMESPACE.Name='{name}'").as_str().into(), flags: 0, context: None, result: None };
    p.check(delete("mine"), S(0)).await;
    p.check(delete("mine"), S::NOT_FOUND).await;
    let root = p.client.login(Some("root")).await.unwrap();
    assert_eq!(code(&root, delete("cimv2")).await, hresult(S::INVALID_OPERATION));
    let open = |name: &str| OpenNamespace { namespace: name.into(), flags: 0, context: None, services: Some(None), result: None };
    p.check(open("nothing"), S::INVALID_NAMESPACE).await;
    p.check(open("a b"), S::INVALID_PARAMETER).await;
    p.check(open(&"x".repeat(8174)), S::QUOTA_VIOLATION).await;
    p.check(OpenNamespace { services: None, ..open("x") }, S::INVALID_PARAMETER).await;
    let context = Some(Context { id: Guid([1; 16]), values: Vec::new() }.to_pointer());
    p.check(OpenNamespace { context, ..open("x") }, S::INVALID_PARAMETER).await;
    assert_eq!(p.client.login(Some("root/nothing")).await.map(drop), Err(hresult(S::INVALID_NAMESPACE)));
}

#[tokio::test]
async fn a_flag_that_a_call_does_not_have_is_an_invalid_parameter() {
    let p = Place::new().await;
    let class = || Bstr::from("Held");
    let path = || Bstr::from("Held.Name='x'");
    let object = pointer(Entity::Class(Arc::new(p.class("Held"))));
    // For each call all bits that the table of 1.F.1 gives to others and not to it, and some that nobody has.
    let bits = [0x1, 0x2, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x20000, 0x4000_0000, i32::MIN];
    for flags in bits {
        let bad = |legal: i32| flags & !legal != 0;
        let expect = S::INVALID_PARAMETER;
        if bad(0x10) {
            let (namespace, services) = (Bstr::from("x"), Some(None));
            p.check(OpenNamespace { namespace, flags, context: None, services, result: None }, expect).await;
            p.check(DeleteClass { class: class(), flags, context: None, result: None }, expect).await;
            p.check(DeleteInstance { path: path(), flags, context: None, result: None }, expect).await;
            let (method, in_params, out_params) = ("M".into(), None, Some(None));
            p.check(ExecMethod { path: path(), method, flags, context: None, in_params, out_params, result: Some(None) }, expect).await;
        }
        if bad(0x20210) {
            p.check(GetObject { path: path(), flags, context: None, object: Some(None), result: None }, expect).await;
        }
        if bad(0x20073) {
            p.check(PutClass { object: object.clone(), flags, context: None, result: None }, expect).await;
        }
        if bad(0x20031) {
            p.check(CreateClassEnum { superclass: class(), flags, context: None }, expect).await;
        }
        if bad(0x20013) {
            p.check(PutInstance { object: object.clone(), flags, context: None, result: None }, expect).await;
        }
        if bad(0x20231) {
            p.check(CreateInstanceEnum { class: class(), flags, context: None }, expect).await;
        }
        if bad(0x20332) {
            p.check(query("SELECT * FROM Held", flags), expect).await;
        }
        // Both of 0x30, and nothing else but texts.
        if flags != 0x20000 {
            let call = ExecNotificationQuery { language: "WQL".into(), query: "SELECT * FROM __TimerEvent".into(), flags, context: None };
            p.check(call, expect).await;
        }
    }
}

#[tokio::test]
async fn what_is_too_long_is_a_quota_violation() {
    let p = Place::new().await;
    let long = |n: usize| Bstr::from("x".repeat(n).as_str());
    let q = |text: Bstr| ExecQuery { query: text, ..query("", 0) };
    p.check(q(long(16385)), S::QUOTA_VIOLATION).await;
    p.check(q(long(16384)), S::INVALID_QUERY).await;
    p.check(CreateClassEnum { superclass: long(4097), flags: 0, context: None }, S::QUOTA_VIOLATION).await;
    p.check(CreateClassEnum { superclass: long(4096), flags: 0, context: None }, S::INVALID_CLASS).await;
    p.check(CreateInstanceEnum { class: long(4097), flags: 0, context: None }, S::QUOTA_VIOLATION).await;
    let get = |path: Bstr| GetObject { path, flags: 0, context: None, object: Some(None), result: None };
    p.check(get(long(8193)), S::QUOTA_VIOLATION).await;
    p.check(get(long(8192)), S::NOT_FOUND).await;
    p.check(ExecQuery { language: "CIM:CQL".into(), ..query("SELECT * FROM Held", 0) }, S::INVALID_QUERY_TYPE).await;
    p.check(ExecQuery { language: Bstr::Null, ..query("SELECT * FROM Held", 0) }, S::INVALID_PARAMETER).await;
    p.check(q(Bstr::Null), S::INVALID_PARAMETER).await;
}

#[tokio::test]
async fn a_call_result_answers_only_for_what_it_is_of() {
    let p = Place::new().await;
    let call =
        PutInstance { object: pointer(p.instance("Held", &[("Name", Value::from("x"))])), flags: 0x12, context: None, result: Some(None) };
    let (reply, _) = p.services.call(&call).await.unwrap();
    let result: P<IWbemCallResult> = p.services.at(ipid(reply.result.unwrap().as_ref()));
    // The call itself succeeds: what became of it is asked of the result.
    let (status, _) = result.call(&GetCallStatus { timeout_ms: -1 }).await.unwrap();
    assert_eq!(status.status, S::ALREADY_EXISTS.0);
    let expect = hresult(S::ALREADY_EXISTS);
    assert_eq!(code(&result, GetResultString { timeout_ms: 0 }).await, expect);
    assert_eq!(code(&result, GetResultObject { timeout_ms: 0 }).await, expect);
    assert_eq!(code(&result, GetResultServices { timeout_ms: 0 }).await, expect);
    let call = DeleteInstance { path: "Held.Name='x'".into(), flags: 0x10, context: None, result: Some(None) };
    let (reply, _) = p.services.call(&call).await.unwrap();
    let result: P<IWbemCallResult> = p.services.at(ipid(reply.result.unwrap().as_ref()));
    assert_eq!(code(&result, GetResultString { timeout_ms: 0 }).await, hresult(S::INVALID_OPERATION));
    assert_eq!(code(&result, GetResultObject { timeout_ms: 0 }).await, hresult(S::INVALID_OPERATION));
    assert_eq!(code(&result, GetResultServices { timeout_ms: 0 }).await, hresult(S::INVALID_OPERATION));
    assert_eq!(code(&result, GetCallStatus { timeout_ms: -2 }).await, hresult(S::INVALID_PARAMETER));
}

/// In the place of the Linux provider: each of its classes is in trouble of another kind.
struct Troubled;

impl Provider for Troubled {
    fn name(&self) -> &str {
        "rwmi-linux"
    }

    async fn enumerate(&self, _: &RequestContext, request: &Enumerate<'_>, _: &Sink) -> ProviderResult<()> {
        match request.class.name.as_str() {
            "Win32_Process" => Err(S::PROVIDER_FAILURE),
            "Win32_BIOS" => Err(S::NOT_SUPPORTED),
            _ => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn providers_in_trouble() {
    let mut config = Config::default();
    config.limits.provider_timeout = Duration::from_millis(500);
    let client = Client::over(config, vec![Arc::new(Troubled)]).await;
    let s = client.login(Some("root/cimv2")).await.unwrap();
    put_mof(&s, r#"[dynamic, provider("nobody")] class Orphan { [key] string Name; };"#).await;
    for (class, expect) in [
        ("Orphan", S::PROVIDER_NOT_FOUND),
        ("Win32_Process", S::PROVIDER_FAILURE),
        ("Win32_BIOS", S::NOT_SUPPORTED),
        ("Win32_Service", S::PROVIDER_TIMED_OUT),
    ] {
        for flags in [0, 0x30] {
            assert_eq!(outcome(&s, &format!("SELECT * FROM {class}"), flags).await, hresult(expect), "{class}");
        }
        let list = CreateInstanceEnum { class: class.into(), flags: 0, context: None };
        assert_eq!(code(&s, list).await, hresult(expect), "{class}");
    }
}

#[tokio::test]
async fn what_can_be_rewound_is_kept_in_bounds() {
    let mut config = Config::default();
    config.test.rows = 20_000;
    config.limits.enumerator_len_max = 1 << 20;
    let client = Client::with(config).await;
    let s = client.test().await;
    let all = "SELECT * FROM Rwmi_Row";
    assert_eq!(code(&s, query(all, 0)).await, hresult(S::OUT_OF_MEMORY));
    // What is only read forward is not kept.
    let rows = ok(s.call(&query(all, 0x30)).await).unwrap();
    let rows: P<IEnumWbemClassObject> = s.at(ipid(rows.enumerator.as_ref()));
    let mut count = 0;
    loop {
        let (ids, code) = next(&rows, 1000).await;
        count += ids.len();
        if code != HResult::S_OK {
            break;
        }
    }
    assert_eq!(count, 20_000);
}
