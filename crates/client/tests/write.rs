//! Writing by the client, against the server of this repository within the process.

use rwmi_cim::mof::{self, Memory};
use rwmi_client::{Argument, Client, Dialed, Dialer, Dialing, Instance, Namespace, Operation, PutMode, PutOptions, Value, WbemStatus};
use rwmi_server::{Config, Running, Server};
use std::sync::Arc;

struct InProcess(Running);
impl Dialer for InProcess {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
        Box::pin(async { Ok(Dialed::over(self.0.connect())) })
    }
    fn identifies_caller(&self) -> bool {
        true
    }
}

async fn root_default() -> (Client, Namespace) {
    let server = Server::in_process(Config::default(), Vec::new()).await.unwrap();
    let client = Client::builder(".").dialer(Arc::new(InProcess(server))).connect().await.unwrap();
    let namespace = client.namespace(r"root\default").await.unwrap();
    (client, namespace)
}

/// The class that a text declares.
fn class(text: &str) -> Arc<rwmi_client::Class> {
    let mut memory = Memory::new();
    mof::compile_into(&mof::parse("t", text).unwrap(), "root", &mut memory).unwrap();
    memory.classes("root").last().unwrap().clone()
}

fn mode(create_only: bool, update_only: bool) -> PutOptions {
    let mut options = PutOptions::default();
    options.mode = PutMode { create_only, update_only, ..PutMode::default() };
    options
}

fn code<T: std::fmt::Debug>(result: Result<T, rwmi_client::Error>) -> Option<WbemStatus> {
    result.unwrap_err().code().map(WbemStatus)
}

#[tokio::test]
async fn a_class_and_an_instance_are_put_got_changed_and_deleted() {
    let (client, ns) = root_default().await;
    ns.put_class(&class("class T { [key] string Name; uint32 N = 7; string S; };"), &mode(true, false)).await.unwrap();
    let t = ns.class("T").await.unwrap();
    assert_eq!(code(ns.put_class(&t, &mode(true, false)).await), Some(WbemStatus::ALREADY_EXISTS));
    ns.put_class(&class("class T { [key] string Name; uint32 N = 8; string S; };"), &mode(false, true)).await.unwrap();
    let t = ns.class("T").await.unwrap();
    let mut i = Instance::new(t.clone());
    i.set("Name", "a").unwrap();
    assert_eq!(ns.put_instance(&i, &mode(true, false)).await.unwrap(), r#"T.Name="a""#);
    let got = ns.object(r#"T="a""#).await.unwrap();
    assert_eq!((got.get::<u32>("N"), got.get::<Option<String>>("S")), (Ok(8), Ok(None)));
    // A part, and then the whole.
    i.set("N", 9u32).unwrap();
    i.set("S", "not sent").unwrap();
    let mut part = PutOptions::default();
    part.properties = Some(vec!["N".into()]);
    ns.put_instance(&i, &part).await.unwrap();
    let got = ns.object(r#"T="a""#).await.unwrap();
    assert_eq!((got.get::<u32>("N"), got.get::<Option<String>>("S")), (Ok(9), Ok(None)));
    // The server makes the key.
    let path = ns.put_instance(&Instance::new(t), &PutOptions::default()).await.unwrap();
    assert!(path.starts_with(r#"T.Name="{"#), "{path}");
    ns.delete_instance(&path).await.unwrap();
    assert_eq!(code(ns.delete_instance(&path).await), Some(WbemStatus::NOT_FOUND));
    ns.delete_class("T").await.unwrap();
    assert_eq!(code(ns.class("T").await), Some(WbemStatus::NOT_FOUND));
    client.close().await;
}

#[tokio::test]
async fn a_refused_put_says_why() {
    let (client, ns) = root_default().await;
    ns.put_class(&class("class T { [key] string A; [key] string B; };"), &PutOptions::default()).await.unwrap();
    let i = Instance::new(ns.class("T").await.unwrap());
    let error = ns.put_instance(&i, &PutOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), Some(WbemStatus::ILLEGAL_NULL.0));
    assert!(error.info().is_some_and(|w| w.contains("T.A is NULL")), "{error:?}");
    client.close().await;
}

#[tokio::test]
async fn changes_in_several_namespaces_are_one() {
    let (client, ns) = root_default().await;
    assert!(ns.has_transactions().await.unwrap());
    let t = class("class T { [key] string Name; };");
    let mut child = Instance::new(ns.class("__Namespace").await.unwrap());
    child.set("Name", "new").unwrap();
    let put = |instance: &Instance| Operation::Put { instance: instance.clone(), options: mode(true, false) };
    let mut i = Instance::new(t.clone());
    i.set("Name", Value::from("x")).unwrap();
    let below = || r"root\default\new".to_owned();
    let good = vec![
        (r"root\default".to_owned(), put(&child)),
        (below(), Operation::PutClass { class: t, options: PutOptions::default() }),
        (below(), put(&i)),
    ];
    let twice = [good.clone(), vec![good[2].clone()]].concat();
    assert_eq!(code(ns.write_together(&twice).await), Some(WbemStatus::ALREADY_EXISTS));
    assert_eq!(code(client.namespace(&below()).await), Some(WbemStatus::INVALID_NAMESPACE));
    ns.write_together(&good).await.unwrap();
    client.namespace(&below()).await.unwrap().object(r#"T="x""#).await.unwrap();
    client.close().await;
}

#[tokio::test]
async fn properties_are_filled_from_what_a_person_writes_or_not_at_all() {
    let (client, ns) = root_default().await;
    ns.put_class(&class("class T { [key] string Name; uint32 N = 7; sint64 L[]; };"), &mode(true, false)).await.unwrap();
    let mut i = Instance::new(ns.class("T").await.unwrap());
    let text = |name: &str, text: &str| (name.to_owned(), Argument::Text(text.to_owned()));
    ns.fill(&mut i, &[text("name", "a"), text("N", "0x10"), text("L", "[1, 2]")]).await.unwrap();
    let values = vec![Value::String("a".into()), Value::Uint32(16), Value::Array(vec![Value::Sint64(1), Value::Sint64(2)])];
    assert_eq!((&i.values, &i.is_default), (&values, &vec![false; 3]));
    let error = ns.fill(&mut i, &[text("N", "5"), text("No", "x"), text("L", "x"), text("n", "6")]).await.unwrap_err();
    for words in ["No is not there: T has Name, N, L", "L is sint64[], not JSON", "n is given twice"] {
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!((&i.values, error.code()), (&values, Some(WbemStatus::INVALID_PROPERTY.0)));
    client.close().await;
}
