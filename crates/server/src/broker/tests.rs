//! The broker against providers that behave, fail, hang and panic.

use super::*;
use crate::store::{Shipped, fold_namespace};
use rwmi_cim::{CimType, Enumerate, Flavor, Instance, Property, ProviderResult, Qualifier};
use std::sync::Mutex;

fn class(name: &str, derivation: &[&str], provider: Option<&str>, properties: &[(&str, CimType)]) -> Arc<Class> {
    let mut class = Class { name: name.into(), derivation: derivation.iter().map(|d| (*d).to_owned()).collect(), ..Class::default() };
    match provider {
        Some(p) => class.qualifiers.0.extend([Qualifier::flag("dynamic", 1), Qualifier::string("provider", p, 0)]),
        None => class.qualifiers.0.push(Qualifier::flag("abstract", 0)),
    }
    class.qualifiers.set(Qualifier::string("Description", "words", Flavor::AMENDED));
    for (n, (name, ty)) in properties.iter().enumerate() {
        let mut p = Property::new(name, *ty);
        if n == 0 {
            p.qualifiers.set(Qualifier::flag("key", 0x13));
        }
        class.properties.push(p);
    }
    Arc::new(class)
}

struct Schema;

impl Shipped for Schema {
    fn stamp(&self) -> Vec<u8> {
        b"test".to_vec()
    }
    fn compile(&self) -> Result<Vec<Namespace>, String> {
        use CimType::{String, Uint32};
        let keyed: &[_] = &[("Name", String), ("Size", Uint32)];
        let more: &[_] = &[("Name", String), ("Size", Uint32), ("Extra", String)];
        let mut namespace = class("__NAMESPACE", &[], Some("x"), &[("Name", String)]);
        Arc::make_mut(&mut namespace).qualifiers = Default::default();
        let classes = [
            class("Base", &[], None, keyed),
            class("Good", &["Base"], Some("Good"), keyed),
            class("Better", &["Good", "Base"], Some("good"), more),
            class("Bad", &["Base"], Some("Bad"), keyed),
            class("Slow", &[], Some("Slow"), keyed),
            class("Panics", &[], Some("Panics"), keyed),
            class("Nobody", &[], Some("Nobody"), keyed),
            namespace,
        ];
        let n = |name: &str| Namespace::new(name, classes.clone(), Vec::new());
        Ok(vec![n("root"), n(r"root\a"), n(r"root\a\deep"), n(r"root\b")])
    }
}

#[derive(Default)]
struct Fake {
    name: &'static str,
    seen: Mutex<Vec<String>>,
}

impl rwmi_cim::Provider for Fake {
    fn name(&self) -> &str {
        self.name
    }

    async fn enumerate(&self, _: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        self.seen.lock().unwrap().push(format!("{} wanted {:?} equal {:?}", req.class.name, req.wanted, req.equal));
        match self.name {
            "Slow" => {
                sink.indicate(row(req.class, 0)).await?;
                std::future::pending().await
            }
            "Panics" => panic!("a provider's mistake"),
            _ => {}
        }
        for n in 0..3 {
            sink.indicate(row(req.class, n)).await?;
        }
        if self.name == "Bad" { Err(WbemStatus::PROVIDER_FAILURE) } else { Ok(()) }
    }
}

fn row(class: &Arc<Class>, n: u32) -> Instance {
    let mut i = Instance::new(class.clone());
    i.set("Name", format!("{}{n}", class.name)).unwrap();
    i.set("Size", n).unwrap();
    i
}

fn broker() -> (Broker, Arc<Fake>) {
    let good = Arc::new(Fake { name: "Good", ..Fake::default() });
    let others = ["Bad", "Slow", "Panics"].map(|name| Arc::new(Fake { name, ..Fake::default() }) as Arc<dyn DynProvider>);
    struct Shared(Arc<Fake>);
    impl rwmi_cim::Provider for Shared {
        fn name(&self) -> &str {
            self.0.name
        }
        async fn enumerate(&self, cx: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
            rwmi_cim::Provider::enumerate(&*self.0, cx, req, sink).await
        }
    }
    let providers = others.into_iter().chain([Arc::new(Shared(good.clone())) as Arc<dyn DynProvider>]);
    let repository = Arc::new(Repository::in_memory(&Schema).unwrap());
    (Broker::new(repository, providers, "LX1", Duration::from_secs(30)), good)
}

/// The rows and classes of an operation as text, and how it ended.
async fn run_with(options: Options, op: Operation) -> (Vec<String>, Result<(), WbemStatus>) {
    let (broker, _) = broker();
    collect(&broker, options, op).await
}

async fn collect(broker: &Broker, options: Options, op: Operation) -> (Vec<String>, Result<(), WbemStatus>) {
    let (sink, rows) = Sink::bounded(1000);
    let cx = RequestContext::new(r"LX1\tester", r"Root/A");
    let result = broker.run(&cx, options, op, &sink).await.map_err(|f| f.status);
    let mut out = Vec::new();
    while let Ok(entity) = rows.try_recv() {
        out.push(match entity {
            Entity::Class(c) => format!("class {}", c.name),
            Entity::Instance(o) => o.relative_path().map_or_else(|| format!("{o:?}"), |p| p.to_string()),
        });
    }
    (out, result)
}

async fn query(text: &str) -> (Vec<String>, Result<(), WbemStatus>) {
    run_with(Options::default(), Operation::Query(text.into())).await
}

#[tokio::test]
async fn a_query_reaches_the_classes_below() {
    let (rows, end) = query("SELECT * FROM Good WHERE Size >= 1").await;
    assert_eq!(rows, [r#"Good.Name="Good1""#, r#"Good.Name="Good2""#, r#"Better.Name="Better1""#, r#"Better.Name="Better2""#]);
    assert_eq!(end, Ok(()));
    let options = Options { direct_read: true, ..Options::default() };
    assert_eq!(run_with(options, Operation::Query("SELECT * FROM Good".into())).await.0.len(), 3);
}

#[tokio::test]
async fn one_failing_provider_does_not_lose_the_rows_of_others() {
    let (rows, end) = query("SELECT * FROM Base").await;
    assert_eq!(rows.len(), 9);
    assert_eq!(end, Err(WbemStatus::PROVIDER_FAILURE));
    assert_eq!(query("SELECT * FROM Panics").await, (vec![], Err(WbemStatus::PROVIDER_FAILURE)));
    assert_eq!(query("SELECT * FROM Nobody").await, (vec![], Err(WbemStatus::PROVIDER_NOT_FOUND)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_provider_ends_in_time_and_a_slow_reader_does_not() {
    let (rows, end) = query("SELECT * FROM Slow").await;
    assert_eq!((rows.len(), end), (1, Err(WbemStatus::PROVIDER_TIMED_OUT)));
    // The reader comes after an hour: nobody is to blame.
    let (broker, _) = broker();
    let (sink, rows) = Sink::bounded(1);
    let cx = RequestContext::new("u", r"root\a");
    let reading = async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let mut n = 0;
        while rows.recv().await.is_ok() {
            n += 1;
        }
        n
    };
    let running = async {
        let sink = sink;
        Broker::run(&broker, &cx, Options::default(), Operation::Query("SELECT * FROM Good".into()), &sink).await
    };
    assert_eq!(tokio::join!(running, reading), (Ok(()), 6));
}

#[tokio::test]
async fn a_provider_hears_what_is_wanted_and_what_is_equal() {
    let (broker, good) = broker();
    let op = Operation::Query("SELECT Size FROM Good WHERE Name = 'Good1'".into());
    let (rows, end) = collect(&broker, Options { direct_read: true, ..Options::default() }, op).await;
    assert_eq!((rows, end), (vec!["Good { Size: Uint32(1) }".to_owned()], Ok(())));
    let seen = good.seen.lock().unwrap().join("\n");
    assert_eq!(seen, r#"Good wanted Some(["Name", "Size"]) equal [("Name", String("Good1"))]"#);
}

#[tokio::test]
async fn an_instance_is_found_by_its_path() {
    let check = async |path: &str, expect: Result<&str, WbemStatus>| {
        let (rows, end) = run_with(Options::default(), Operation::Get(path.parse().unwrap())).await;
        assert_eq!(end.map(|()| rows[0].as_str()), expect, "{path}");
    };
    check(r#"Good.Name="good2""#, Ok(r#"Good.Name="Good2""#)).await;
    check(r#"Good="Better0""#, Ok(r#"Better.Name="Better0""#)).await;
    check(r#"\\.\root\a:Base='Good0'"#, Ok(r#"Good.Name="Good0""#)).await;
    check(r#"Good="nothing""#, Err(WbemStatus::NOT_FOUND)).await;
    check(r#"Good.Size=1"#, Err(WbemStatus::INVALID_OBJECT_PATH)).await;
    check(r#"Good"#, Err(WbemStatus::INVALID_OBJECT_PATH)).await;
    check(r#"Good=@"#, Err(WbemStatus::INVALID_OBJECT_PATH)).await;
    check(r#"No="x""#, Err(WbemStatus::INVALID_CLASS)).await;
    check(r#"\\.\root\b:Good="Good0""#, Err(WbemStatus::INVALID_NAMESPACE)).await;
    check(r#"__NAMESPACE="DEEP""#, Ok(r#"__NAMESPACE.Name="deep""#)).await;
}

#[tokio::test]
async fn classes_are_listed_by_their_place_in_the_tree() {
    let list = async |superclass: &str, deep| {
        let op = Operation::EnumClasses { superclass: superclass.into(), deep };
        run_with(Options::default(), op).await
    };
    let names = |names: &[&str]| (names.iter().map(|n| format!("class {n}")).collect::<Vec<_>>(), Ok(()));
    assert_eq!(list("", false).await, names(&["Base", "Nobody", "Panics", "Slow", "__NAMESPACE"]));
    assert_eq!(list("base", true).await, names(&["Bad", "Good", "Better"]));
    assert_eq!(list("base", false).await, names(&["Bad", "Good"]));
    assert_eq!(list("no", false).await.1, Err(WbemStatus::INVALID_CLASS));
    assert_eq!(query("SELECT * FROM meta_class WHERE __this ISA 'Good'").await, names(&["Good", "Better"]));
}

#[tokio::test]
async fn a_class_says_where_it_lives_and_its_texts_when_asked() {
    let (broker, _) = broker();
    for amended in [true, false] {
        let (sink, rows) = Sink::bounded(1);
        let cx = RequestContext::new("u", r"Root/a");
        let options = Options { amended, ..Options::default() };
        Broker::run(&broker, &cx, options, Operation::GetClass("good".into()), &sink).await.unwrap();
        let Ok(Entity::Class(class)) = rows.try_recv() else { panic!("a class is delivered") };
        assert_eq!(class.decoration, Some(Decoration { server: "LX1".into(), namespace: r"Root\a".into() }));
        assert_eq!(class.qualifiers.get("Description").is_some(), amended);
        assert_eq!(class.parent.as_ref().unwrap().name, "Base");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_code() {
    let check = async |text: &str, status| assert_eq!(query(text).await.1, Err(status), "{text}");
    check("SELECT * FROM No", WbemStatus::INVALID_CLASS).await;
    check("SELECT * FORM Good", WbemStatus::INVALID_QUERY).await;
    check("SELECT Nothing FROM Base", WbemStatus::INVALID_QUERY).await;
    check("SELECT * FROM Base WHERE Nothing = 1", WbemStatus::INVALID_QUERY).await;
    check("ASSOCIATORS OF {Good='x'}", WbemStatus::NOT_FOUND).await;
    check("SELECT * FROM __InstanceCreationEvent WITHIN 1", WbemStatus::INVALID_QUERY).await;
    let put = Operation::Delete(rwmi_cim::ObjectPath::class("Good"));
    assert_eq!(run_with(Options::default(), put).await.1, Err(WbemStatus::INVALID_OBJECT_PATH));
    let put = Operation::Delete(r#"Good="Good1""#.parse().unwrap());
    assert_eq!(run_with(Options::default(), put).await.1, Err(WbemStatus::PROVIDER_NOT_CAPABLE));
    let (broker, _) = broker();
    let (sink, _rows) = Sink::bounded(1);
    let cx = RequestContext::new("u", "root/none");
    let result = Broker::run(&broker, &cx, Options::default(), Operation::GetClass("Good".into()), &sink).await;
    assert_eq!(result.unwrap_err().status, WbemStatus::INVALID_NAMESPACE);
    assert!(broker.has_namespace("ROOT/A") && fold_namespace("a/b") == r"A\B");
}

#[tokio::test]
async fn a_prototype_is_the_class_of_the_rows() {
    let options = Options { prototype: true, ..Options::default() };
    let (rows, end) = run_with(options, Operation::Query("SELECT Size FROM Good".into())).await;
    assert_eq!((rows, end), (vec!["class Good".to_owned()], Ok(())));
}
