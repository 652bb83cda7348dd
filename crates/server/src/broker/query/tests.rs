//! Associations stored and dynamic, with every option.

use crate::broker::{Broker, Options};
use crate::store::{Namespace, Repository, Shipped};
use rwmi_cim::{
    DynProvider, Entity, Enumerate, Instance, Operation, Provider, ProviderResult, RequestContext, Sink, Value, WbemStatus, mof,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MOF: &str = r#"
#pragma namespace("\\\\.\\root\\a")
class __SystemClass {};
class __IndicationRelated : __SystemClass {};
class __Event : __IndicationRelated { uint64 TIME_CREATED; };
[abstract] class Element {};
class Animal : Element { [key] string Name; uint32 Legs; };
[Pet] class Dog : Animal {};
class Person : Element { [key] string Name; [key] uint32 Number; };
class House : Element { [key] string Street; };
[abstract, Association] class Link {};
[Association] class Owns : Link { [key] Person ref Owner; [key] Animal ref Owned; string Since; };
[Association, Warm] class Loves : Owns {};
[Association] class Chases { [key] Animal ref Chaser; [key] Animal ref Chased; };
[Association, dynamic, provider("P")] class LivesIn { [key] Person ref Tenant; [key] House ref Home; };
class NotOne { [key] Person ref Tenant; [key] House ref Home; };

instance of Dog { Name = "Rex"; Legs = 4; };
instance of Animal { Name = "Tom"; Legs = 4; };
instance of Animal { Name = "Jerry"; Legs = 4; };
instance of Person { Name = "Ann"; Number = 1; };
instance of Person { Name = "Bob"; Number = 2; };
instance of House { Street = "High \"Street\" 1"; };
// By the class itself, by an ancestor of it, with computer and namespace, keys in any order.
instance of Owns { Owner = "Person.Number=1,name=\"ann\""; Owned = "Animal.Name=\"Rex\""; Since = "1999"; };
instance of Owns { Owner = "\\\\.\\root\\a:Person.Name=\"Ann\",Number=1"; Owned = "Animal=\"tom\""; };
instance of Loves { Owner = "Person.Name=\"Ann\",Number=1"; Owned = "Dog.Name=\"Rex\""; };
// What is not there, what is elsewhere, what is no path.
instance of Owns { Owner = "Person.Name=\"Ann\",Number=1"; Owned = "Animal.Name=\"Gone\""; };
instance of Owns { Owner = "Person.Name=\"Ann\",Number=1"; Owned = "\\\\other\\root\\a:Animal.Name=\"Jerry\""; };
instance of Owns { Owner = "Person.Name=\"Ann\",Number=1"; Owned = "Nothing.Name=\"Jerry\""; };
instance of Chases { Chaser = "Animal.Name=\"Tom\""; Chased = "Animal.Name=\"Jerry\""; };
instance of Chases { Chaser = "Dog.Name=\"Rex\""; Chased = "Animal.Name=\"Tom\""; };
instance of NotOne { Tenant = "Person.Name=\"Ann\",Number=1"; Home = "House.Street=\"x\""; };
"#;

struct Schema;

impl Shipped for Schema {
    fn stamp(&self) -> Vec<u8> {
        b"associations".to_vec()
    }

    fn compile(&self) -> Result<Vec<Namespace>, String> {
        let mut memory = mof::Memory::new();
        mof::compile(&mof::parse("test", MOF).map_err(|e| e[0].render())?, &mut memory).map_err(|e| e.render())?;
        let name = r"root\a";
        Ok(vec![Namespace::new(name, memory.classes(name).cloned(), memory.instances(name).to_vec())])
    }
}

/// Tells who lives where, to whoever asks, and remembers what was asked.
#[derive(Default)]
struct Homes(Mutex<Vec<String>>);

struct Shared(Arc<Homes>);

impl Provider for Shared {
    fn name(&self) -> &str {
        "P"
    }

    async fn enumerate(&self, _: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        self.0.0.lock().unwrap().push(format!("{:?}", req.equal));
        for (tenant, number) in [("Ann", 1), ("Bob", 2), ("Bob", 2)] {
            let mut row = Instance::new(req.class.clone());
            row.set("Tenant", Value::Reference(format!(r#"\\LX1\root\a:Person.Name="{tenant}",Number={number}"#))).unwrap();
            row.set("Home", Value::Reference(r#"\\LX1\root\a:House.Street="High \"Street\" 1""#.into())).unwrap();
            sink.indicate(row).await?;
        }
        Ok(())
    }
}

fn broker() -> (Broker, Arc<Homes>) {
    let homes = Arc::new(Homes::default());
    let provider = Arc::new(Shared(homes.clone())) as Arc<dyn DynProvider>;
    let repository = Arc::new(Repository::in_memory(&Schema).unwrap());
    (Broker::new(repository, [provider], "LX1", Duration::from_secs(30)), homes)
}

async fn rows(broker: &Broker, query: &str) -> Result<Vec<String>, WbemStatus> {
    let (sink, results) = Sink::bounded(1000);
    let cx = RequestContext::new(r"LX1\tester", r"root\a");
    broker.run(&cx, Options::default(), Operation::Query(query.into()), &sink).await.map_err(|f| f.status)?;
    let show = |entity: Entity| match entity {
        Entity::Class(class) => format!("class {}", class.name),
        Entity::Instance(object) => object.relative_path().map_or_else(|| format!("{object:?}"), |p| p.to_string()),
    };
    let mut rows: Vec<String> = std::iter::from_fn(|| results.try_recv().ok()).map(show).collect();
    rows.sort();
    Ok(rows)
}

async fn check(query: &str, expect: &[&str]) {
    let found = rows(&broker().0, query).await;
    assert_eq!(found.as_deref().map_err(|s| *s), Ok(&expect.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..]), "{query}");
}

const ANN: &str = r#"Person.Name="Ann",Number=1"#;

#[tokio::test]
async fn associators_are_what_is_at_the_other_ends() {
    let house = r#"House.Street="High \"Street\" 1""#;
    let (rex, tom) = (r#"Dog.Name="Rex""#, r#"Animal.Name="Tom""#);
    let ann = format!("ASSOCIATORS OF {{{ANN}}}");
    check(&ann, &[tom, rex, house]).await;
    check(&format!("{ann} WHERE AssocClass = Owns"), &[tom, rex]).await;
    check(&format!("{ann} WHERE AssocClass = Loves"), &[rex]).await;
    check(&format!("{ann} WHERE ResultClass = Dog"), &[rex]).await;
    check(&format!("{ann} WHERE ResultClass = 'Element'"), &[tom, rex, house]).await;
    check(&format!("{ann} WHERE ResultClass = House AssocClass = Owns"), &[]).await;
    check(&format!("{ann} WHERE ResultRole = home"), &[house]).await;
    check(&format!("{ann} WHERE Role = Owner"), &[tom, rex]).await;
    check(&format!("{ann} WHERE Role = Owned"), &[]).await;
    check(&format!("{ann} WHERE RequiredAssocQualifier = Warm"), &[rex]).await;
    check(&format!("{ann} WHERE RequiredQualifier = Pet"), &[rex]).await;
    check(&format!("{ann} WHERE ClassDefsOnly"), &["class Animal", "class Dog", "class House"]).await;
    check(&format!("{ann} WHERE KeysOnly Role = Owner"), &[tom, rex]).await;
}

#[tokio::test]
async fn an_object_is_found_in_either_role() {
    let (tom, jerry, rex) = (r#"Animal.Name="Tom""#, r#"Animal.Name="Jerry""#, r#"Dog.Name="Rex""#);
    check(r#"ASSOCIATORS OF {Animal.Name="Tom"} WHERE AssocClass=Chases"#, &[jerry, rex]).await;
    check(r#"ASSOCIATORS OF {Animal.Name="Tom"} WHERE AssocClass=Chases Role=Chaser"#, &[jerry]).await;
    check(r#"ASSOCIATORS OF {Animal.Name="Tom"} WHERE AssocClass=Chases ResultRole=Chaser"#, &[rex]).await;
    // A path by an ancestor finds the object, and what names it by its own class.
    check(r#"ASSOCIATORS OF {Animal="REX"}"#, &[tom, r#"Person.Name="Ann",Number=1"#]).await;
    check(r#"ASSOCIATORS OF {House.Street='High "Street" 1'}"#, &[r#"Person.Name="Ann",Number=1"#, r#"Person.Name="Bob",Number=2"#]).await;
}

#[tokio::test]
async fn references_are_the_associations_themselves() {
    let (broker, _) = broker();
    let ann = format!("REFERENCES OF {{\\\\.\\ROOT\\a:{ANN}}}");
    assert_eq!(rows(&broker, &ann).await.unwrap().len(), 7);
    assert_eq!(rows(&broker, &format!("{ann} WHERE ResultClass=Owns")).await.unwrap().len(), 6);
    assert_eq!(rows(&broker, &format!("{ann} WHERE ResultClass=Owns Role=Owned")).await.unwrap().len(), 0);
    assert_eq!(rows(&broker, &format!("{ann} WHERE RequiredQualifier=Warm")).await.unwrap().len(), 1);
    check(&format!("{ann} WHERE ClassDefsOnly"), &["class LivesIn", "class Loves", "class Owns"]).await;
    // Bob is told twice by the provider, and is one.
    assert_eq!(rows(&broker, r#"REFERENCES OF {Person.Name="Bob",Number=2}"#).await.unwrap().len(), 1);
}

#[tokio::test]
async fn keys_only_leaves_the_rest_null() {
    let (broker, _) = broker();
    let (sink, results) = Sink::bounded(10);
    let query = r#"REFERENCES OF {Animal.Name="Rex"} WHERE KeysOnly ResultClass=Owns"#;
    broker.run(&RequestContext::new("u", r"root\a"), Options::default(), Operation::Query(query.into()), &sink).await.unwrap();
    let row = results.try_recv().unwrap();
    assert_eq!(row.as_instance().unwrap().get::<Value>("Since"), Ok(Value::Null));
    assert!(row.as_instance().unwrap().get::<String>("Owner").unwrap().contains("ann"));
    assert!(row.as_instance().unwrap().decoration().is_some());
}

#[tokio::test]
async fn schema_only_walks_over_definitions() {
    check("ASSOCIATORS OF {Person} WHERE SchemaOnly", &["class Animal", "class House"]).await;
    check("ASSOCIATORS OF {Dog} WHERE SchemaOnly", &["class Animal", "class Person"]).await;
    check("ASSOCIATORS OF {Dog} WHERE SchemaOnly ResultClass=Person", &["class Person"]).await;
    check("ASSOCIATORS OF {Dog} WHERE SchemaOnly Role=Chaser", &["class Animal"]).await;
    check("REFERENCES OF {Person} WHERE SchemaOnly", &["class LivesIn", "class Loves", "class Owns"]).await;
    check("REFERENCES OF {Person} WHERE SchemaOnly RequiredQualifier=Warm", &["class Loves"]).await;
    check("REFERENCES OF {Element} WHERE SchemaOnly", &[]).await;
}

#[tokio::test]
async fn a_provider_hears_the_path_of_the_source() {
    let (broker, homes) = broker();
    rows(&broker, &format!("ASSOCIATORS OF {{{ANN}}} WHERE AssocClass=LivesIn")).await.unwrap();
    let asked = homes.0.lock().unwrap().clone();
    assert_eq!(asked, [r#"[("Tenant", Reference("\\\\LX1\\root\\a:Person.Name=\"Ann\",Number=1"))]"#]);
}

#[tokio::test]
async fn what_cannot_be_followed_has_its_code() {
    let (broker, _) = broker();
    for (query, expect) in [
        ("ASSOCIATORS OF {Nothing.Name='x'}", WbemStatus::NOT_FOUND),
        ("ASSOCIATORS OF {Animal.Name='nobody'}", WbemStatus::NOT_FOUND),
        (r"REFERENCES OF {\\.\root\b:Animal.Name='Tom'}", WbemStatus::NOT_FOUND),
        ("ASSOCIATORS OF {Animal.Colour='x'}", WbemStatus::INVALID_QUERY),
        ("ASSOCIATORS OF {Person.Name='Ann'}", WbemStatus::INVALID_QUERY),
        ("ASSOCIATORS OF {Animal}", WbemStatus::INVALID_QUERY),
        ("ASSOCIATORS OF {Animal.Name='Tom'} WHERE SchemaOnly", WbemStatus::INVALID_QUERY),
        ("ASSOCIATORS OF {Animal.Name='Tom'} WHERE AssocClass = Nothing", WbemStatus::INVALID_CLASS),
        ("REFERENCES OF {Animal.Name='Tom'} WHERE ResultClass = Nothing", WbemStatus::INVALID_CLASS),
        ("REFERENCES OF {Animal.Name='Tom'} WHERE AssocClass = Owns", WbemStatus::INVALID_QUERY),
        ("ASSOCIATORS OF {Animal.Name='Tom' WHERE", WbemStatus::INVALID_QUERY),
        ("SELECT * FROM __Event", WbemStatus::INVALID_QUERY),
    ] {
        assert_eq!(rows(&broker, query).await, Err(expect), "{query}");
    }
}
