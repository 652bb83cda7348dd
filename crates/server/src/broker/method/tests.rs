//! Methods of classes whose provider says back what it was told, or misbehaves.

use super::*;
use crate::broker::Broker;
use crate::store::{Namespace, Repository, Shipped};
use rwmi_cim::mof::{self, Memory};
use rwmi_cim::{Enumerate, InvokeResult, Operation, Provider, ProviderResult, Refusal};
use std::time::Duration;

const MOF: &str = r#"
class Startup { uint32 X; };
class SubStartup : Startup { uint32 Y; };
class Other { uint32 X; };
[abstract] class Base {
  [key] string Name;
  void Run();
  [implemented] uint32 Late([in] uint32 N);
};
[dynamic, provider("P")] class Thing : Base {
  [implemented] void Run();
  [static, implemented] uint32 Make([in] string Text, [in] Startup S, [in] uint32 List[], [in, optional] uint32 More, [out] string Echo);
  [implemented] uint32 Read([out] string Echo);
  [implemented, disabled] uint32 Off();
  uint32 Declared();
  [static, implemented] uint32 Refuse();
  [static, implemented] uint32 Panic();
  [static, implemented] uint32 Hang();
  [static, implemented] uint32 Lie();
  [implemented, bypass_getobject] uint32 Blind([out] string Echo);
  [static, implemented] uint32 Strict([in, not_null] string Text);
};
[dynamic, provider("P")] class SubThing : Thing { string More; };
[dynamic, provider("Nobody")] class Orphan { [key] string Name; [static, implemented] uint32 Make(); };
class Stored { [key] string Name; [static, implemented] uint32 Make(); };
"#;

struct Schema;

impl Shipped for Schema {
    fn stamp(&self) -> Vec<u8> {
        b"methods".to_vec()
    }
    fn compile(&self) -> Result<Vec<Namespace>, String> {
        let mut memory = Memory::new();
        let document = mof::parse("t.mof", MOF).map_err(|e| e[0].render())?;
        mof::compile_into(&document, "root", &mut memory).map_err(|e| e.render())?;
        Ok(vec![Namespace::new("root", memory.classes("root").cloned(), Vec::new())])
    }
}

struct P;

impl Provider for P {
    fn name(&self) -> &str {
        "P"
    }

    fn reads_only(&self, _: &Class, method: &str) -> bool {
        method == "Read"
    }

    async fn enumerate(&self, _: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        let mut row = Instance::new(req.class.clone());
        row.set("Name", if req.class.name == "SubThing" { "sub" } else { "a" }).unwrap();
        sink.indicate(row).await
    }

    async fn invoke(
        &self,
        cx: &RequestContext,
        class: &Arc<Class>,
        path: &ObjectPath,
        method: &str,
        args: Option<Instance>,
    ) -> InvokeResult {
        match method {
            "Refuse" => return Err(Refusal::new(WbemStatus::INVALID_OPERATION, "not today")),
            "Panic" => panic!("a provider's mistake"),
            "Hang" => std::future::pending().await,
            "Lie" => return Ok(Instance::new(class.clone())),
            _ => {}
        }
        let mut answer = class.method(method).unwrap().returning(7);
        let args = args.map(|a| format!("{:?}", rwmi_cim::Object::from(a))).unwrap_or_default();
        let _ = answer.set("Echo", format!("{} {path} {method} {args} {}", class.name, cx.elevated));
        Ok(answer)
    }
}

fn broker(allow: &[&str]) -> Broker {
    let repository = Arc::new(Repository::in_memory(&Schema).unwrap());
    let allow: Vec<String> = allow.iter().map(|a| (*a).to_owned()).collect();
    let provider: Arc<dyn DynProvider> = Arc::new(P);
    Broker::new(repository, [provider], "LX1", Duration::from_secs(3)).with_methods(Allowed::new(&allow))
}

async fn call(broker: &Broker, path: &str, method: &str, args: Option<Instance>) -> Result<Instance, Failure> {
    let (sink, answers) = Sink::bounded(1);
    let operation = Operation::Invoke { path: path.parse().unwrap(), method: method.into(), args };
    let cx = on_behalf(&RequestContext::new("boss", "root"), true, false);
    broker.run(&cx, Options::default(), operation, &sink).await?;
    Ok(answers.try_recv().unwrap().as_instance().unwrap().to_instance().unwrap())
}

/// In parameters as a client sends them.
fn given(properties: &[(&str, rwmi_cim::Type, Value)]) -> Option<Instance> {
    let class = Class {
        name: "__PARAMETERS".into(),
        properties: properties.iter().map(|(name, ty, _)| Property::new(name, *ty)).collect(),
        ..Class::default()
    };
    let mut instance = Instance::new(Arc::new(class));
    instance.values = properties.iter().map(|(_, _, v)| v.clone()).collect();
    Some(instance)
}

fn embedded(class: &str, derivation: &[&str]) -> Value {
    let derivation = derivation.iter().map(|d| (*d).to_owned()).collect();
    let class = Class { name: class.into(), derivation, properties: vec![Property::new("X", CimType::Uint32)], ..Class::default() };
    Value::Object(Box::new(Entity::from(Instance::new(Arc::new(class)))))
}

fn make(text: Value, startup: Value, list: Value) -> Option<Instance> {
    let object = CimType::Object.scalar();
    given(&[("S", object, startup), ("text", CimType::String.scalar(), text), ("List", CimType::Uint32.array(), list)])
}

fn echo(answer: &Instance) -> &str {
    answer.get("Echo").unwrap().as_str().unwrap()
}

const ALL: &[&str] = &[
    "Base.Run",
    "Thing.Make",
    "Thing.Declared",
    "Thing.Refuse",
    "Thing.Panic",
    "Thing.Hang",
    "Thing.Lie",
    "Thing.Blind",
    "Thing.Strict",
    "Orphan.Make",
    "Stored.Make",
    "Base.Late",
    "Thing.Off",
];

#[tokio::test]
async fn a_method_gets_what_it_declares_in_the_order_in_which_it_declares_it() {
    let broker = broker(ALL);
    let list = Value::from(vec![1u32, 2]);
    let answer = call(&broker, "thing", "MAKE", make("x".into(), embedded("SubStartup", &["Startup"]), list)).await.unwrap();
    assert_eq!(answer.get("ReturnValue"), Some(&Value::Uint32(7)));
    let text = echo(&answer);
    assert!(text.starts_with("Thing thing Make __PARAMETERS { Text: String(\"x\"), S: Object("), "{text}");
    assert!(text.ends_with("List: Array([Uint32(1), Uint32(2)]), More: Null } true"), "{text}");
    // A static method may be called on an instance too, but on one that is there.
    assert!(call(&broker, "Thing='a'", "Make", make(Value::Null, Value::Null, Value::Null)).await.is_ok());
    let missing = call(&broker, "Thing='b'", "Make", make(Value::Null, Value::Null, Value::Null)).await.unwrap_err();
    assert_eq!(missing.status, WbemStatus::NOT_FOUND);
    let answer = call(&broker, "Thing='b'", "Blind", None).await.unwrap();
    assert!(echo(&answer).starts_with("Thing Thing=\"b\" Blind"), "{answer:?}");
}

#[tokio::test]
async fn the_class_of_the_instance_decides_who_runs_a_method() {
    let broker = broker(ALL);
    // Declared without an implementation where the path points, implemented below.
    assert!(call(&broker, "Base='sub'", "Run", None).await.unwrap().values.is_empty());
    assert!(echo(&call(&broker, "Base='sub'", "Read", None).await.unwrap()).starts_with("Thing Base=\"sub\" Read"));
    assert!(echo(&call(&broker, "SubThing='sub'", "Read", None).await.unwrap()).starts_with("Thing SubThing=\"sub\""));
    let n = given(&[("N", CimType::Uint32.scalar(), Value::Uint32(1))]);
    assert_eq!(call(&broker, "Thing='a'", "Late", n).await.unwrap().get("ReturnValue"), Some(&Value::Uint32(7)));
}

#[tokio::test]
async fn each_mistake_has_its_status() {
    let broker = broker(ALL);
    let check = async |path: &str, method: &str, args: Option<Instance>, expect: WbemStatus, words: &str| {
        let failure = call(&broker, path, method, args).await.unwrap_err();
        assert_eq!(failure.status, expect, "{path} {method}: {failure}");
        assert!(failure.description.as_deref().unwrap_or_default().contains(words), "{path} {method}: {failure}");
    };
    use WbemStatus as S;
    check("Nothing", "Make", None, S::INVALID_CLASS, "no class").await;
    check("Thing", "Nothing", None, S::INVALID_METHOD, "Thing has no method").await;
    check("Thing='a'", "Nothing", None, S::INVALID_METHOD, "no method").await;
    check("Thing='b'", "Run", None, S::NOT_FOUND, "").await;
    check("Thing.Wrong='b'", "Run", None, S::INVALID_OBJECT_PATH, "no key").await;
    check(r"root\other:Thing", "Make", None, S::INVALID_NAMESPACE, "other").await;
    check("Thing", "Run", None, S::INVALID_METHOD_PARAMETERS, "on an instance").await;
    check("Thing='a'", "Off", None, S::METHOD_DISABLED, "disabled by its class").await;
    check("Thing='a'", "Declared", None, S::METHOD_NOT_IMPLEMENTED, "not implemented").await;
    check("Stored", "Make", None, S::METHOD_NOT_IMPLEMENTED, "without a provider").await;
    check("Orphan", "Make", None, S::PROVIDER_NOT_FOUND, "Nobody").await;
    check("Thing", "Refuse", None, S::INVALID_OPERATION, "not today").await;
    check("Thing", "Panic", None, S::PROVIDER_FAILURE, "broke down").await;
    check("Thing", "Lie", None, S::PROVIDER_FAILURE, "signature").await;
}

#[tokio::test]
async fn wrong_parameters_are_told_with_the_signature() {
    let broker = broker(ALL);
    let check = async |method: &str, args: Option<Instance>, words: &str| {
        let failure = call(&broker, "Thing", method, args).await.unwrap_err();
        assert_eq!(failure.status, WbemStatus::INVALID_METHOD_PARAMETERS, "{failure}");
        let text = failure.description.unwrap();
        assert!(text.contains(words) && text.contains(&format!("static uint32 {method}(")), "{text}");
    };
    use CimType as T;
    let null = || Value::Null;
    let text = |ty: rwmi_cim::Type, value: Value| {
        given(&[("Text", ty, value), ("S", T::Object.scalar(), null()), ("List", T::Uint32.array(), null())])
    };
    check("Make", None, "Text is missing").await;
    check("Make", given(&[("Text", T::String.scalar(), null())]), "S is missing").await;
    check("Make", text(T::Uint32.scalar(), Value::Uint32(1)), "Text is string, not uint32").await;
    check("Make", text(T::String.array(), null()), "Text is string, not string[]").await;
    check("Make", text(T::String.scalar(), Value::Uint32(1)), "Text is string").await;
    check("Make", make(null(), embedded("Other", &[]), null()), "an instance of Startup, not of Other").await;
    let class = Value::Object(Box::new(Entity::Class(Arc::new(Class { name: "Startup".into(), ..Class::default() }))));
    check("Make", make(null(), class, null()), "not the class Startup").await;
    check("Make", make(null(), null(), Value::Uint32(1)), "not one value").await;
    check("Make", given(&[("Text", T::String.scalar(), null()), ("Zoo", T::String.scalar(), null())]), "Zoo is no parameter").await;
    let twice = given(&[("Text", T::String.scalar(), null()), ("TEXT", T::String.scalar(), null())]);
    check("Make", twice, "given twice").await;
    check("Refuse", given(&[("Text", T::String.scalar(), null())]), "Text is no parameter").await;
    check("Strict", given(&[("Text", T::String.scalar(), null())]), "cannot be NULL").await;
}

#[tokio::test]
async fn what_may_change_the_machine_is_off_until_it_is_named() {
    let off = broker(&[]);
    let failure = call(&off, "Thing", "Make", None).await.unwrap_err();
    assert_eq!(failure.status, WbemStatus::METHOD_DISABLED);
    assert!(failure.description.as_deref().unwrap().ends_with("[methods] allow = [\"Thing.Make\"]"), "{failure}");
    assert!(call(&off, "Thing='a'", "Read", None).await.is_ok());
    for (allow, works) in [("thing.make", true), ("Thing.Run", false), ("Base.Make", true), ("SubThing.Make", false)] {
        let broker = broker(&[allow]);
        assert_eq!(call(&broker, "Thing", "Make", make(Value::Null, Value::Null, Value::Null)).await.is_ok(), works, "{allow}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_given_up() {
    let broker = broker(ALL);
    assert_eq!(call(&broker, "Thing", "Hang", None).await.unwrap_err().status, WbemStatus::PROVIDER_TIMED_OUT);
}
