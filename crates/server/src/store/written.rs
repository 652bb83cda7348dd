//! What may be written and what not, and that what was written is there after the next start.

use super::*;
use crate::broker::Failure;
use redb::StorageBackend;
use rwmi_cim::mof::{self, Memory, PutMode, Target};
use rwmi_cim::{Instance, PutOptions, Value, WbemStatus};
use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

/// Ships what a MOF text says in `root` and `root\x`.
struct Text(&'static str, Cell<u32>);

impl Shipped for Text {
    fn stamp(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }
    fn compile(&self) -> Result<Vec<Namespace>, String> {
        self.1.set(self.1.get() + 1);
        Ok(["root", r"root\x"].map(|n| Namespace::new(n, compiled(&Memory::new(), self.0), Vec::new())).into())
    }
}

const SYSTEM: &str = "[abstract] class __SystemClass {}; class __Namespace : __SystemClass { [key] string Name; };
    class Shipped { [key] string Name; };";

fn text(text: &'static str) -> Text {
    Text(text, Cell::new(0))
}

fn repository() -> Repository {
    Repository::in_memory(&text(SYSTEM)).unwrap()
}

/// The classes of a text, in its order.
fn compiled(known: &Memory, text: &str) -> Vec<Arc<Class>> {
    let mut memory = known.clone();
    let before = memory.classes("root").count();
    mof::compile_into(&mof::parse("t", text).unwrap(), "root", &mut memory).unwrap();
    memory.classes("root").skip(before).cloned().collect()
}

fn here(repository: &Repository) -> Memory {
    let mut memory = Memory::new();
    repository.tree().namespace("root").unwrap().all().for_each(|c| memory.add_class("root", c.clone()));
    memory
}

fn flags(bits: u32) -> PutOptions {
    let mode = PutMode { update_only: bits & 1 != 0, create_only: bits & 2 != 0, safe: bits & 0x20 != 0, force: bits & 0x40 != 0 };
    let mut options = PutOptions::default();
    options.mode = mode;
    options
}

fn put_class(repository: &Repository, bits: u32, text: &str) -> Result<(), WbemStatus> {
    // A class that exists is described anew: the compiler sees it as the text has it.
    let mut memory = here(repository);
    mof::compile_into(&mof::parse("t", text).unwrap(), "root", &mut memory).unwrap();
    let name = text.split("class ").nth(1).unwrap().split([' ', '{', ':']).next().unwrap();
    let class = memory.class("root", name).unwrap();
    repository.write(|b| b.put_class("root", &class, &flags(bits))).map(|_| ()).map_err(|f| f.status)
}

fn instance(repository: &Repository, class: &str, values: &[(&str, Value)]) -> Instance {
    let mut instance = Instance::new(repository.tree().namespace("root").unwrap().class(class, true).unwrap().clone());
    values.iter().for_each(|(name, value)| instance.set(name, value.clone()).unwrap());
    instance
}

fn put(repository: &Repository, bits: u32, class: &str, values: &[(&str, Value)]) -> Result<String, WbemStatus> {
    let instance = instance(repository, class, values);
    let put = repository.write(|b| b.put_instance("root", &instance, &flags(bits)));
    put.map(|i| rwmi_cim::Object::from((*i).clone()).relative_path().map(|p| p.to_string()).unwrap_or_default()).map_err(|f| f.status)
}

fn delete(repository: &Repository, path: &str) -> Result<(), WbemStatus> {
    repository.write(|b| b.delete_instance("root", &path.parse().unwrap())).map_err(|f| f.status)
}

fn count(repository: &Repository, class: &str) -> usize {
    repository.tree().namespace("root").unwrap().instances(class).count()
}

#[test]
fn an_instance_is_made_changed_and_deleted_by_its_key() {
    let r = repository();
    put_class(&r, 0, "class A { [key] string Name; uint32 N = 7; };").unwrap();
    assert_eq!(put(&r, 1, "A", &[("Name", "x".into())]), Err(WbemStatus::NOT_FOUND));
    assert_eq!(put(&r, 2, "A", &[("Name", "x".into())]).unwrap(), r#"A.Name="x""#);
    assert_eq!(put(&r, 2, "A", &[("Name", "X".into())]), Err(WbemStatus::ALREADY_EXISTS));
    assert_eq!(put(&r, 1, "A", &[("Name", "X".into()), ("N", 8u32.into())]).unwrap(), r#"A.Name="X""#);
    assert_eq!(r.tree().namespace("root").unwrap().instances("a").next().unwrap().get("N"), Some(&Value::Uint32(8)));
    assert_eq!(delete(&r, r#"A="y""#), Err(WbemStatus::NOT_FOUND));
    assert_eq!(delete(&r, r#"B="y""#), Err(WbemStatus::INVALID_CLASS));
    assert_eq!(delete(&r, "A"), Err(WbemStatus::INVALID_OBJECT_PATH));
    assert_eq!(delete(&r, r#"a="x""#), Ok(()));
    assert_eq!(count(&r, "A"), 0);
}

#[test]
fn keys_are_there_and_unique_in_their_tree() {
    let r = repository();
    for class in [
        "class A { [key] string Name; [not_null] uint32 N = 1; };",
        "class B : A { string More; };",
        "class Two { [key] string X; [key] uint32 Y; };",
        "class None { string X; };",
        "[singleton] class One { string X; };",
        "[abstract] class Never { [key] string X; };",
    ] {
        put_class(&r, 0, class).unwrap();
    }
    // One string key that is not given is made.
    assert_eq!(put(&r, 0, "A", &[]).unwrap().len(), r#"A.Name="{00000000-0000-4000-8000-000000000000}""#.len());
    assert_eq!(put(&r, 0, "Two", &[("Y", 1u32.into())]), Err(WbemStatus::ILLEGAL_NULL));
    assert_eq!(put(&r, 0, "A", &[("Name", "n".into()), ("N", Value::Null)]), Err(WbemStatus::ILLEGAL_NULL));
    assert_eq!(put(&r, 0, "A", &[("Name", "a\nb".into())]), Err(WbemStatus::INVALID_OBJECT));
    assert_eq!(put(&r, 0, "A", &[("Name", 5u32.into())]), Err(WbemStatus::TYPE_MISMATCH));
    assert_eq!(put(&r, 0, "None", &[]), Err(WbemStatus::NO_KEY));
    assert_eq!(put(&r, 0, "Never", &[("X", "x".into())]), Err(WbemStatus::INVALID_OPERATION));
    assert_eq!(put(&r, 0, "One", &[("X", "x".into())]).unwrap(), "One=@");
    assert_eq!(put(&r, 2, "One", &[]), Err(WbemStatus::ALREADY_EXISTS));
    put(&r, 0, "A", &[("Name", "same".into())]).unwrap();
    assert_eq!(put(&r, 0, "B", &[("Name", "SAME".into())]), Err(WbemStatus::ALREADY_EXISTS));
    put(&r, 0, "B", &[("Name", "below".into())]).unwrap();
    // By the path of a class above.
    assert_eq!(delete(&r, r#"A="below""#), Ok(()));
    assert_eq!(count(&r, "B"), 0);
}

#[test]
fn a_part_of_an_instance_is_changed() {
    let r = repository();
    put_class(&r, 0, "class A { [key] string Name; uint32 N = 7; string S; };").unwrap();
    put(&r, 0, "A", &[("Name", "x".into()), ("S", "old".into())]).unwrap();
    let change = |names: &[&str], strict_nulls, values: &[(&str, Value)]| {
        let mut options = flags(1);
        options.properties = Some(names.iter().map(|n| (*n).to_owned()).collect());
        options.strict_nulls = strict_nulls;
        let given = instance(&r, "A", values);
        let put = r.write(|b| b.put_instance("root", &given, &options)).map_err(|f| f.status)?;
        Ok::<_, WbemStatus>((put.get("N").unwrap().clone(), put.get("S").unwrap().clone()))
    };
    let x = ("Name", Value::from("x"));
    assert_eq!(change(&["N"], false, &[x.clone(), ("N", 1u32.into()), ("S", "no".into())]), Ok((1u32.into(), "old".into())));
    assert_eq!(change(&["s"], false, std::slice::from_ref(&x)), Ok((1u32.into(), "old".into())));
    assert_eq!(change(&["s"], true, std::slice::from_ref(&x)), Ok((1u32.into(), Value::Null)));
    assert_eq!(change(&["Nothing"], false, &[x]), Err(WbemStatus::INVALID_PROPERTY));
    assert_eq!(change(&["N"], false, &[("Name", "y".into())]), Err(WbemStatus::NOT_FOUND));
}

#[test]
fn a_class_is_named_and_derived_as_it_may_be() {
    let r = repository();
    assert_eq!(put_class(&r, 0, "class _x { };"), Err(WbemStatus::INVALID_OPERATION));
    assert_eq!(put_class(&r, 0, "class __Namespace { };"), Err(WbemStatus::INVALID_OPERATION));
    assert_eq!(put_class(&r, 0, "class x_ { };"), Err(WbemStatus::INVALID_OBJECT));
    assert_eq!(put_class(&r, 1, "class A { };"), Err(WbemStatus::NOT_FOUND));
    assert_eq!(put_class(&r, 2, "class A { [key] string Name; };"), Ok(()));
    assert_eq!(put_class(&r, 2, "class a { [key] string Name; };"), Err(WbemStatus::ALREADY_EXISTS));
    let orphan = Class { name: "B".into(), derivation: vec!["Nobody".into()], ..Class::default() };
    let refused = r.write(|b| b.put_class("root", &orphan, &flags(0))).unwrap_err();
    assert_eq!(refused.status, WbemStatus::INVALID_SUPERCLASS);
    let below = |decl: &str| {
        let a = here(&r).class("root", "A").unwrap();
        let mut class = Class { name: "B".into(), derivation: vec!["A".into()], parent: Some(a), ..Class::default() };
        let mut p = rwmi_cim::Property::new("Name", if decl == "type" { rwmi_cim::CimType::Uint32 } else { rwmi_cim::CimType::String });
        if decl == "key" {
            p.name = "Other".into();
            p.qualifiers.set(rwmi_cim::Qualifier::flag("key", 0));
        }
        class.properties.push(p);
        r.write(|b| b.put_class("root", &class, &flags(0))).map(|_| ()).map_err(|f| f.status)
    };
    assert_eq!(below("type"), Err(WbemStatus::TYPE_MISMATCH));
    assert_eq!(below("key"), Err(WbemStatus::CANNOT_BE_KEY));
    assert_eq!(below("override"), Ok(()));
    let mut many = Class { name: "Many".into(), ..Class::default() };
    many.properties = (0..5000).map(|n| rwmi_cim::Property::new(&format!("P{n}"), rwmi_cim::CimType::Uint32)).collect();
    let refused = r.write(|b| b.put_class("root", &many, &flags(0))).unwrap_err();
    assert_eq!(refused.status, WbemStatus::TOO_MANY_PROPERTIES);
}

#[test]
fn a_change_of_a_class_reaches_those_below_as_far_as_it_may() {
    let r = repository();
    put_class(&r, 0, "class A { [key] string Name; };").unwrap();
    put_class(&r, 0, "class B : A { string Mine; };").unwrap();
    let wider = "class A { [key] string Name; uint32 N; };";
    assert_eq!(put_class(&r, 0, wider), Err(WbemStatus::CLASS_HAS_CHILDREN));
    assert_eq!(put_class(&r, 0, r#"[Description("words") : ToSubclass] class A { [key] string Name; };"#), Ok(()));
    assert_eq!(put_class(&r, 0x20, wider), Ok(()));
    let b = |r: &Repository| r.tree().namespace("root").unwrap().class("B", true).unwrap().clone();
    assert_eq!(b(&r).properties.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["Name", "N", "Mine"]);
    // What a class below has already is in conflict: only force takes it away.
    let conflict = "class A { [key] string Name; uint32 N; uint32 Mine; };";
    assert_eq!(put_class(&r, 0x20, conflict), Err(WbemStatus::CLASS_HAS_CHILDREN));
    put(&r, 0, "B", &[("Name", "x".into())]).unwrap();
    assert_eq!(put_class(&r, 0x40, conflict), Err(WbemStatus::CLASS_HAS_INSTANCES));
    delete(&r, r#"B="x""#).unwrap();
    assert_eq!(put_class(&r, 0x40, conflict), Ok(()));
    assert_eq!(b(&r).property("Mine").unwrap().ty, rwmi_cim::CimType::Uint32.scalar());
    put(&r, 0, "A", &[("Name", "x".into())]).unwrap();
    assert_eq!(put_class(&r, 0x40, "class A { [key] uint32 Name; };"), Err(WbemStatus::CLASS_HAS_INSTANCES));
}

#[test]
fn a_class_goes_with_all_below_it_unless_it_is_the_systems() {
    let r = repository();
    put_class(&r, 0, "class A { [key] string Name; };").unwrap();
    put_class(&r, 0, "class B : A { };").unwrap();
    put(&r, 0, "B", &[("Name", "x".into())]).unwrap();
    let delete_class = |name: &str| r.write(|b| b.delete_class("root", name)).map_err(|f| f.status);
    assert_eq!(delete_class("Nothing"), Err(WbemStatus::NOT_FOUND));
    assert_eq!(delete_class("__Namespace"), Err(WbemStatus::INVALID_OPERATION));
    assert_eq!(delete_class("Shipped"), Err(WbemStatus::INVALID_OPERATION));
    assert_eq!(delete_class("a"), Ok(()));
    assert_eq!(delete_class("B"), Err(WbemStatus::NOT_FOUND));
    put_class(&r, 0, "class B { [key] string Name; };").unwrap();
    assert_eq!(count(&r, "B"), 0);
}

#[test]
fn localised_texts_are_written_only_by_who_says_so_and_kept_by_who_does_not() {
    let r = repository();
    let text = |words: &str| format!(r#"[Description("{words}") : Amended ToSubclass] class A {{ [key] string Name; uint32 N = 1; }};"#);
    let put = |amended, text: &str| {
        let class = compiled(&Memory::new(), text).pop().unwrap();
        let mut options = flags(0);
        options.amended = amended;
        r.write(|b| b.put_class("root", &class, &options)).map(|_| ()).map_err(|f| f.status)
    };
    let words = |amended| {
        let tree = r.tree();
        let class = tree.namespace("root").unwrap().class("A", amended).unwrap().clone();
        (class.qualifiers.text("Description").map(str::to_owned), class.properties[1].default.clone())
    };
    assert_eq!(put(false, &text("one")), Err(WbemStatus::AMENDED_OBJECT));
    assert_eq!(put(true, &text("one")), Ok(()));
    assert_eq!((words(true).0.as_deref(), words(false).0), (Some("one"), None));
    assert_eq!(put(false, "class A { [key] string Name; uint32 N = 2; };"), Ok(()));
    assert_eq!(words(true), (Some("one".into()), 2u32.into()));
    assert_eq!(put(true, &text("two")), Ok(()));
    assert_eq!(words(true).0.as_deref(), Some("two"));
}

#[test]
fn a_namespace_comes_with_the_system_classes_and_goes_with_its_content() {
    let r = repository();
    let name = |n: &str| [("Name", Value::from(n))];
    assert_eq!(put(&r, 1, "__Namespace", &name("new")), Err(WbemStatus::NOT_FOUND));
    put(&r, 2, "__Namespace", &name("new")).unwrap();
    assert_eq!(put(&r, 2, "__Namespace", &name("NEW")), Err(WbemStatus::ALREADY_EXISTS));
    assert_eq!(put(&r, 0, "__Namespace", &name("a/b")), Err(WbemStatus::INVALID_PARAMETER));
    let below = Class { name: "A".into(), ..Class::default() };
    r.write(|b| b.put_class(r"root\new", &below, &flags(0))).unwrap();
    let tree = r.tree();
    assert!(tree.namespace("root/new").unwrap().class("__namespace", false).is_some());
    assert!(tree.namespace("root/new").unwrap().class("Shipped", false).is_none());
    assert_eq!(delete(&r, r#"__Namespace="x""#), Err(WbemStatus::INVALID_OPERATION));
    assert_eq!(delete(&r, r#"__Namespace="new""#), Ok(()));
    assert!(r.tree().namespace("root/new").is_none());
}

#[test]
fn a_batch_is_made_whole_or_not_at_all_and_listeners_hear_of_it_once() {
    let r = repository();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = heard.clone();
    r.observe(move |changes| ears.lock().unwrap().push(changes.len()));
    put_class(&r, 0, "class A { [key] string Name; };").unwrap();
    let (one, two) = (instance(&r, "A", &[("Name", "1".into())]), instance(&r, "A", &[("Name", "2".into())]));
    let failed: Result<(), Failure> = r.write(|b| {
        b.put_instance("root", &one, &flags(2))?;
        b.put_instance("root", &two, &flags(2))?;
        b.put_instance("root", &one, &flags(2)).map(|_| ())
    });
    assert_eq!((failed.unwrap_err().status, count(&r, "A")), (WbemStatus::ALREADY_EXISTS, 0));
    r.write(|b| b.put_instance("root", &one, &flags(2)).and_then(|_| b.put_instance("root", &two, &flags(2)))).unwrap();
    assert_eq!((count(&r, "A"), &*heard.lock().unwrap()), (2, &vec![1, 2]));
}

#[test]
fn what_was_written_outlives_the_next_version_of_what_is_shipped() {
    let dir = tempfile::tempdir().unwrap();
    let r = Repository::open(dir.path(), &text(SYSTEM)).unwrap();
    put_class(&r, 0, "class Mine : Shipped { uint32 N; };").unwrap();
    put(&r, 0, "Mine", &[("Name", "x".into()), ("N", 5u32.into())]).unwrap();
    put(&r, 0, "__Namespace", &[("Name", "kept".into())]).unwrap();
    drop(r);
    let next = "[abstract] class __SystemClass {}; class __Namespace : __SystemClass { [key] string Name; };
        class Shipped { [key] string Name; string New; };";
    for _ in 0..2 {
        let r = Repository::open(dir.path(), &text(next)).unwrap();
        let tree = r.tree();
        let root = tree.namespace("root").unwrap();
        assert_eq!(root.class("Mine", true).unwrap().properties.iter().map(|p| &*p.name).collect::<Vec<_>>(), ["Name", "New", "N"]);
        let mine = root.instances("Mine").next().unwrap();
        assert_eq!((mine.get("Name"), mine.get("N")), (Some(&"x".into()), Some(&Value::Uint32(5))));
        assert!(tree.namespace("root/kept").unwrap().class("__Namespace", false).is_some());
    }
}

/// A disk that loses its power: after so many octets a write is cut short and nothing is written any more.
#[derive(Debug)]
struct Torn {
    content: Arc<Mutex<Vec<u8>>>,
    left: Arc<AtomicI64>,
}

impl StorageBackend for Torn {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().unwrap().len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = self.content.lock().unwrap();
        let from = offset as usize;
        out.copy_from_slice(content.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.left.load(SeqCst) <= 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.content.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.left.load(SeqCst) <= 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let left = self.left.fetch_sub(data.len() as i64, SeqCst);
        let written = data.len().min(left.max(0) as usize);
        let mut content = self.content.lock().unwrap();
        content[offset as usize..offset as usize + written].copy_from_slice(&data[..written]);
        if written < data.len() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

/// Wherever the power fails, what was acknowledged is there and nothing is half there.
#[test]
fn a_torn_write_loses_nothing_that_was_acknowledged() {
    let (content, left) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicI64::new(i64::MAX)));
    let open = || {
        let backend = Torn { content: content.clone(), left: left.clone() };
        Repository::on(Database::builder().create_with_backend(backend).unwrap(), &text(SYSTEM)).unwrap()
    };
    let r = open();
    put_class(&r, 0, "class A { [key] uint32 Id; uint32 Twin; string S; };").unwrap();
    drop(r);
    let mut acknowledged = 0u32;
    for round in 0..60 {
        left.store(i64::MAX, SeqCst);
        let r = open();
        let tree = r.tree();
        let ids: Vec<u32> = tree
            .namespace("root")
            .unwrap()
            .instances("A")
            .map(|i| match i.get("Id") {
                Some(Value::Uint32(id)) => *id,
                other => panic!("{other:?}"),
            })
            .collect();
        // The last one that was not acknowledged may be there; then its twin is too.
        let there = ids.len() as u32;
        assert!(there == acknowledged || there == acknowledged + 2, "round {round}: {acknowledged} acknowledged, {ids:?}");
        drop(tree);
        acknowledged = there;
        left.store(500 + round * 977, SeqCst);
        while left.load(SeqCst) > 0 {
            let pair = [acknowledged, acknowledged + 1].map(|id| instance(&r, "A", &[("Id", id.into()), ("S", "x".repeat(300).into())]));
            match r.write(|b| pair.iter().try_for_each(|i| b.put_instance("root", i, &flags(2)).map(|_| ()))) {
                Ok(()) => acknowledged += 2,
                Err(failure) => assert_eq!(failure.status, WbemStatus::CRITICAL_ERROR),
            }
        }
        // What a process that dies leaves undone is done by nobody.
        std::mem::forget(r);
    }
    assert!(acknowledged > 10, "some writes must have succeeded: {acknowledged}");
}
