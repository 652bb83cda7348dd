//! Localised texts over the wire: which namespace they come from, and where they go.

use super::put::{pointer, put_mof};
use super::*;
use rwmi_cim::Class;

const AMENDED: i32 = 0x20000;

async fn login(client: &Client, locale: Option<&str>) -> P<IWbemServices> {
    let wide = |t: &str| WideString(t.into());
    let call = NtlmLogin { resource: Some(wide("root/test")), locale: locale.map(wide), flags: 0, context: None };
    let reply = ok(client.login.call(&call).await).unwrap();
    client.login.at(ipid(reply.services.as_ref()))
}

async fn class(services: &P<IWbemServices>, name: &str, flags: i32) -> Arc<Class> {
    let get = GetObject { path: name.into(), flags, context: None, object: Some(None), result: None };
    match entity(ok(services.call(&get).await).unwrap().object.unwrap().as_ref()) {
        Entity::Class(class) => class,
        Entity::Instance(_) => panic!("{name} is a class"),
    }
}

/// The texts of a class and of its property `N`.
async fn words(services: &P<IWbemServices>, name: &str, flags: i32) -> (Option<String>, Option<String>) {
    let class = class(services, name, flags).await;
    let text = |q: &rwmi_cim::Qualifiers| q.text("Description").map(str::to_owned);
    (text(&class.qualifiers), text(&class.property("N").unwrap().qualifiers))
}

fn said(class: &str, property: &str) -> (Option<String>, Option<String>) {
    let text = |t: &str| (!t.is_empty()).then(|| t.to_owned());
    (text(class), text(property))
}

const MOF: &str = r#"
    [Description("thing") : Amended ToSubclass]
    class T { [key] string Name; [Description("number") : Amended ToSubclass] uint32 N; };
    class U : T { };"#;
const GERMAN: &str = r#"
    #pragma amendment("MS_407")
    [Description("Ding") : Amended ToSubclass]
    class T { [key] string Name; [Description("Zahl") : Amended ToSubclass] uint32 N; };"#;

#[tokio::test]
async fn texts_are_those_of_the_locale_of_the_login_or_else_the_default_ones() {
    let client = Client::new(1).await;
    let s = login(&client, None).await;
    put_mof(&s, MOF).await;
    put_mof(&s, GERMAN).await;
    let check = async |locale: Option<&str>, flags, expect: (&str, &str)| {
        let s = login(&client, locale).await;
        for name in ["T", "U"] {
            assert_eq!(words(&s, name, flags).await, said(expect.0, expect.1), "{name} {locale:?}");
        }
    };
    check(Some("MS_407"), 0, ("", "")).await;
    check(Some("MS_407"), AMENDED, ("Ding", "Zahl")).await;
    check(Some("en-US,ms_0407,MS_409"), AMENDED, ("Ding", "Zahl")).await;
    for other in [None, Some("MS_409"), Some("MS_40c"), Some("fr-FR")] {
        check(other, AMENDED, ("thing", "number")).await;
    }
    // Enumerations and instances too.
    let s = login(&client, Some("MS_407")).await;
    let list = CreateClassEnum { superclass: "T".into(), flags: AMENDED, context: None };
    let rows: P<IEnumWbemClassObject> = s.at(ipid(ok(s.call(&list).await).unwrap().enumerator.as_ref()));
    let (reply, _) = rows.call(&Next { timeout_ms: -1, count: 9 }).await.unwrap();
    assert_eq!(entity(reply.objects.objects[0].as_ref()).class().qualifiers.text("Description"), Some("Ding"));
    // What changes below is seen above.
    put_mof(&s, &GERMAN.replace("Zahl", "Nummer")).await;
    assert_eq!(words(&s, "U", AMENDED).await, said("Ding", "Nummer"));
}

#[tokio::test]
async fn texts_go_where_they_came_from() {
    let client = Client::new(1).await;
    let s = login(&client, Some("MS_407")).await;
    put_mof(&s, MOF).await;
    put_mof(&s, GERMAN).await;
    let put = |class: Class, flags| PutClass { object: pointer(Entity::Class(Arc::new(class))), flags, context: None, result: None };
    let mut fetched = (*class(&s, "T", AMENDED).await).clone();
    fetched.qualifiers.0.iter_mut().filter(|q| q.name == "Description").for_each(|q| q.value = "Sache".into());
    // Without the flag texts would be lost.
    assert_eq!(code(&s, put(fetched.clone(), 0)).await, hresult(WbemStatus::AMENDED_OBJECT));
    assert_eq!(code(&s, put(fetched, AMENDED)).await, HResult::S_OK);
    assert_eq!(words(&s, "U", AMENDED).await, said("Sache", "Zahl"));
    let other = login(&client, None).await;
    assert_eq!(words(&other, "T", AMENDED).await, said("thing", "number"));
    // A class that is put without its texts keeps them.
    let neutral = (*class(&s, "T", 0).await).clone();
    assert_eq!(code(&s, put(neutral, 1)).await, HResult::S_OK);
    assert_eq!(words(&s, "T", AMENDED).await, said("Sache", "Zahl"));
    assert_eq!(words(&other, "T", AMENDED).await, said("thing", "number"));
}

#[tokio::test]
async fn an_amendment_class_has_no_instances_and_deletions_no_texts() {
    let client = Client::new(1).await;
    let s = login(&client, None).await;
    put_mof(&s, MOF).await;
    put_mof(&s, "[Amendment, LOCALE(0x409)] class V { [key] string Name; };").await;
    let made = rwmi_cim::Instance::new(class(&s, "V", 0).await);
    let put = PutInstance { object: pointer(made), flags: 0, context: None, result: None };
    assert_eq!(code(&s, put).await, hresult(WbemStatus::INVALID_OPERATION));
    let wrong = hresult(WbemStatus::INVALID_PARAMETER);
    assert_eq!(code(&s, DeleteClass { class: "T".into(), flags: AMENDED, context: None, result: None }).await, wrong);
    assert_eq!(code(&s, DeleteInstance { path: "T='a'".into(), flags: AMENDED, context: None, result: None }).await, wrong);
}

#[tokio::test]
async fn events_come_with_the_texts_that_are_asked_for() {
    let client = Client::new(1).await;
    let s = login(&client, Some("MS_407")).await;
    put_mof(&s, MOF).await;
    put_mof(&s, GERMAN).await;
    let watch = async |select: &str, flags| {
        let query = format!("SELECT {select} FROM __InstanceCreationEvent WHERE TargetInstance ISA 'T'");
        let call = ExecNotificationQuery { language: "WQL".into(), query: query.as_str().into(), flags: 0x30 | flags, context: None };
        let events: P<IEnumWbemClassObject> = s.at(ipid(ok(s.call(&call).await).unwrap().enumerator.as_ref()));
        events
    };
    let (plain, told) = (watch("*", 0).await, watch("*", AMENDED).await);
    let listed = watch("TargetInstance", AMENDED).await;
    let mut made = rwmi_cim::Instance::new(class(&s, "U", 0).await);
    made.set("Name", "a").unwrap();
    made.set("N", 7u32).unwrap();
    ok(s.call(&PutInstance { object: pointer(made), flags: 0, context: None, result: None }).await).unwrap();
    for (events, expect) in [(plain, said("", "")), (told, said("Ding", "Zahl")), (listed, said("Ding", "Zahl"))] {
        let (reply, _) = events.call(&Next { timeout_ms: -1, count: 1 }).await.unwrap();
        let event = entity(reply.objects.objects[0].as_ref());
        let target: Entity = event.as_instance().unwrap().get("TargetInstance").unwrap();
        let text = |q: &rwmi_cim::Qualifiers| q.text("Description").map(str::to_owned);
        let shown = target.class();
        assert_eq!((text(&shown.qualifiers), text(&shown.property("N").unwrap().qualifiers)), expect);
        assert_eq!(target.as_instance().unwrap().get("N"), Ok(7u32));
    }
}
