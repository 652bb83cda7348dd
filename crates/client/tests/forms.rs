//! Each form against the server of this repository: over TCP, where it has the computer's address, and within the process.

use rwmi_cim::mof::{self, Memory};
use rwmi_client::forms::*;
use rwmi_client::{
    Class, ContextValue, Credentials, Depth, Dialed, Dialer, Dialing, Entity, ErrorKind, Instance, Misuse, PutOptions, WbemStatus,
};
use rwmi_server::{Accounts, Config, Running, Server};
use std::sync::Arc;

/// A server on an address of its own, with the recorded machine behind it and the administrator `boss`, password `boss`.
struct Site {
    running: Running,
    _dir: tempfile::TempDir,
}

const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/linux/lx1");

async fn site() -> Site {
    let dir = tempfile::tempdir().unwrap();
    Accounts::with_key(dir.path(), None).add("boss", rwmi_auth::ntlm::nt_hash("boss"), true).unwrap();
    let mut config = Config::default();
    config.server.listen = vec!["127.0.36.10".parse().unwrap()];
    (config.server.endpoint_port, config.server.object_port) = (0, 0);
    config.server.data_dir = dir.path().to_owned();
    Site { running: Server::start(config, providers()).await.unwrap(), _dir: dir }
}

fn providers() -> Vec<Arc<dyn rwmi_cim::DynProvider>> {
    vec![Arc::new(rwmi_linux::LinuxProvider::new(rwmi_linux::Source::at(TREE)).unwrap())]
}

impl Site {
    /// Who we are and how the site is reached.
    fn environment(&self) -> Environment {
        let at = self.running.addresses()[0];
        Environment::default().credentials(boss()).endpoint_port(at.endpoint.port())
    }

    fn host(&self) -> String {
        self.running.addresses()[0].endpoint.ip().to_string()
    }
}

fn boss() -> Credentials {
    Credentials::new(r".\boss", "boss").unwrap()
}

struct InProcess(Running);
impl Dialer for InProcess {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
        Box::pin(async { Ok(Dialed::over(self.0.connect())) })
    }
    fn identifies_caller(&self) -> bool {
        true
    }
}

/// An environment whose own computer is a server in this process.
async fn here() -> Environment {
    let server = Server::in_process(Config::default(), providers()).await.unwrap();
    Environment::default().local(Arc::new(InProcess(server)))
}

/// The operating system of the recorded machine.
const QUERY: &str = "SELECT * FROM Win32_OperatingSystem";

fn code<T: std::fmt::Debug>(result: Result<T, rwmi_client::Error>) -> WbemStatus {
    WbemStatus(result.unwrap_err().code().unwrap())
}

#[tokio::test]
async fn every_form_finds_the_same_operating_system() {
    let site = site().await;
    let (e, host) = (site.environment(), site.host());
    let caption = |o: &WmiObject| o.get::<String>("Caption").unwrap();

    let results = GetWmiObject::in_environment(&e).class("Win32_OperatingSystem").computer_name(&host).run().unwrap();
    let (objects, failures) = results.collect().await;
    assert_eq!((objects.len(), failures.len()), (1, 0), "{failures:?}");
    let expect = caption(&objects[0].object);
    assert!(!expect.is_empty() && !objects[0].ps_computer_name().is_empty());

    let wmi = e.get_object(&format!(r"winmgmts:{{impersonationLevel=impersonate}}!\\{host}\root\cimv2")).await.unwrap();
    let found = wmi.exec_query(QUERY).await.unwrap().collect().await.unwrap();
    assert_eq!(found.iter().map(caption).collect::<Vec<_>>(), [expect.as_str()]);

    let session = e.cim_session(Some(&host), CimSessionOptions::default());
    let rows = session.query_instances(r"root\cimv2", "WQL", QUERY).await.unwrap().collect().await.unwrap();
    assert_eq!(rows[0].get::<String>("Caption").unwrap(), expect);

    let scope = e.management_scope(&format!(r"\\{host}\root\cimv2"), ConnectionOptions::default()).unwrap();
    scope.connect().await.unwrap();
    assert!(scope.is_connected());
    let mut found = ManagementObjectSearcher::new(&scope, QUERY).get().await.unwrap();
    assert_eq!(found.count().await.unwrap(), 1);
    assert_eq!(caption(&found.next().await.unwrap().unwrap()), expect);

    let path = format!(r"\\{host}\root\cimv2");
    let services = e.locator().connect_server(&path, Some(r".\boss"), Some("boss".into()), Some("MS_409"), 0x80, None, None).await.unwrap();
    let mut rows = services.exec_query("WQL", QUERY, flags::FORWARD_ONLY | flags::RETURN_IMMEDIATELY, None).await.unwrap();
    let (batch, status) = rows.next(Enumerator::INFINITE, 10).await.unwrap();
    assert_eq!((batch.len(), status), (1, WbemStatus::FALSE));
    assert_eq!(batch[0].as_instance().unwrap().get::<String>("Caption").unwrap(), expect);

    let locator = e.swbem_locator();
    let services = locator.connect_server(Some(&host), None, None, None, None, None, 0, None).await.unwrap();
    let mut set = services.instances_of("Win32_OperatingSystem").await.unwrap();
    assert_eq!(caption(&set.item_index(0).await.unwrap()), expect);
    let local = here().await.get_object("winmgmts:").await.unwrap();
    assert_eq!(local.get("Win32_OperatingSystem=@").await.unwrap().get::<String>("Caption").unwrap(), expect);
    session.close().await;
    site.running.shutdown().await;
}

#[tokio::test]
async fn a_moniker_names_a_namespace_a_class_or_an_instance() {
    let e = here().await;
    let class = e.get_object("winmgmts:{impersonate}[locale=ms_409]!root/cimv2:Win32_LogicalDisk").await.unwrap();
    let class = class.object().unwrap();
    assert!(class.is_class());
    let text = class.to_moniker().unwrap().to_string();
    assert!(text.starts_with("winmgmts:{impersonationLevel=impersonate}[locale=ms_409]!\\\\"), "{text}");
    assert_eq!(text.parse::<Moniker>().unwrap(), class.to_moniker().unwrap());

    let namespace = e.get_object("winmgmts:root/cimv2").await.unwrap();
    assert_eq!(namespace.object().unwrap_err().code(), Some(WbemStatus::INVALID_OPERATION.0));
    let mut services = namespace.instances_of("Win32_LogicalDisk").await.unwrap();
    let first = services.next().await.unwrap().unwrap();
    let path = first.relative_path().unwrap().to_string();
    let again = e.get_object(&format!("winmgmts:{path}")).await.unwrap();
    let again = again.object().unwrap();
    assert_eq!(again.get::<String>("DeviceID").unwrap(), first.get::<String>("DeviceID").unwrap());
    assert_eq!(again.path().unwrap().to_string(), again.get::<String>("__PATH").unwrap());
    assert!(again.compare_to(&first, Comparison::IGNORE_QUALIFIERS.and(Comparison::IGNORE_CLASS)).unwrap());
    assert_eq!(services.item(&path).await.unwrap().relative_path(), first.relative_path());
    assert_eq!(code(services.item("Win32_LogicalDisk.DeviceID='no such'").await), WbemStatus::NOT_FOUND);
    assert_eq!(
        code(e.get_object("winmgmts:{impersonate}!Win32_LogicalDisk").await.unwrap().exec_query(QUERY).await),
        WbemStatus::INVALID_OPERATION
    );

    let refused = e.get_object("winmgmts:{impersonationLevel=7}").await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Misuse(Misuse::Moniker(_))), "{refused}");
    assert_eq!(refused.code(), Some(0x8004_01e4));
    assert_eq!(code(e.get_object(r"winmgmts:root\nowhere").await), WbemStatus::INVALID_NAMESPACE);
    let words = e.get_object(r"winmgmts:root\nowhere").await.unwrap_err();
    assert!(words.info().is_some_and(|i| i.contains("nowhere")), "a moniker has the description too: {words}");
}

#[tokio::test]
async fn the_locator_keeps_the_rules_of_its_parameters() {
    let site = site().await;
    let (locator, host) = (site.environment().locator(), site.host());
    let path = format!("//{host}/root/cimv2");
    let open = async |path: &str, user: Option<&str>, password: Option<&str>, locale: Option<&str>, flags: i32, authority: Option<&str>| {
        locator.connect_server(path, user, password.map(Into::into), locale, flags, authority, None).await
    };
    for (path, user, password, locale, flags, authority, status) in [
        (r"\\.\root\cimv2", Some("x"), Some("y"), None, 0, None, 0x8004_1064),
        (r"root\cimv2", None, Some(""), None, 0, None, 0x8004_1064),
        (r"root\cimv2", None, None, None, 0, Some("NTLMDOMAIN:d"), 0x8004_1064),
        (path.as_str(), Some(r"D\x"), Some("y"), None, 0, Some("NTLMDOMAIN:d"), 0x8004_1008),
        (path.as_str(), Some("x"), Some("y"), None, 0, Some("digest:d"), 0x8004_1008),
        (path.as_str(), Some(""), Some(""), None, 0, None, 0x8004_1008),
        (path.as_str(), None, Some("y"), None, 0, None, 0x8004_1008),
        (path.as_str(), None, None, Some("english"), 0, None, 0x8004_1008),
        (path.as_str(), None, None, Some("MS_zzz"), 0, None, 0x8007_0057),
        (path.as_str(), None, None, None, 1, None, 0x8004_1008),
        (path.as_str(), None, None, None, 0x40, None, 0x8004_1008),
        ("", None, None, None, 0, None, 0x8004_1008),
        (r"root\cimv2:Win32_Process", None, None, None, 0, None, 0x8004_1008),
        (r"\\host", None, None, None, 0, None, 0x8004_1008),
    ] {
        let error = open(path, user, password, locale, flags, authority).await.expect_err(path);
        assert_eq!(error.code(), Some(status), "{path} {user:?} {locale:?} {flags} {authority:?}: {error}");
        assert_eq!(error.step(), &rwmi_client::Step::Input, "{error}");
    }
    assert_eq!(code(open(&format!(r"\\{host}\root\nowhere"), None, None, None, 0, Some("")).await), WbemStatus::INVALID_NAMESPACE);
    let mut values = NamedValueSet::default();
    values.add("__ProviderArchitecture", ContextValue::I4(48));
    assert_eq!(code(locator.connect_server(&path, None, None, None, 0, None, Some(&values)).await), WbemStatus::INVALID_CONTEXT);
    values.add("__ProviderArchitecture", ContextValue::I4(64));
    locator.connect_server(&path, None, None, None, 0, None, Some(&values)).await.unwrap();
    // A wrong password is the server's to say.
    let denied = open(&path, Some(r".\boss"), Some(""), None, 0, None).await.unwrap_err();
    assert!(denied.hint().is_some_and(|h| h.contains("blank password")), "{denied}: {:?}", denied.hint());
    site.running.shutdown().await;
}

/// The class that a text declares.
fn class(text: &str) -> Arc<Class> {
    let mut memory = Memory::new();
    mof::compile_into(&mof::parse("t", text).unwrap(), "root", &mut memory).unwrap();
    memory.classes("root").last().unwrap().clone()
}

#[tokio::test]
async fn services_have_the_methods_of_iwbemservices() {
    let e = here().await;
    let root = e.locator().connect_server("root", None, None, None, 0, None, None).await.unwrap();
    let s = root.open_namespace("default", 0).await.unwrap();
    assert_eq!(s.namespace().name(), r"root\default");
    assert_eq!(code(root.open_namespace(r"\\.\root\cimv2", 0).await), WbemStatus::INVALID_NAMESPACE);
    assert_eq!(code(root.open_namespace("nowhere", 0).await), WbemStatus::INVALID_NAMESPACE);
    let t = class("class T { [key] string Name; uint32 N = 7; };");
    s.put_class(&t, flags::CREATE_ONLY, None).await.unwrap();
    assert_eq!(code(s.put_class(&t, flags::CREATE_ONLY, None).await), WbemStatus::ALREADY_EXISTS);
    assert_eq!(code(s.put_class(&t, flags::CREATE_ONLY | flags::UPDATE_ONLY, None).await), WbemStatus::INVALID_PARAMETER);
    let Entity::Class(t) = s.get_object(Some("T"), 0, None).await.unwrap() else { panic!("no class") };
    let mut i = Instance::new(t.clone());
    for name in ["a", "b", "c"] {
        i.set("Name", name).unwrap();
        assert_eq!(s.put_instance(&i, flags::CREATE_ONLY, None).await.unwrap(), format!("T.Name=\"{name}\""));
    }
    assert_eq!(code(s.put_instance(&i, flags::CREATE_ONLY, None).await), WbemStatus::ALREADY_EXISTS);
    assert_eq!(code(s.put_instance(&i, 0x40, None).await), WbemStatus::INVALID_PARAMETER);

    // An enumerator goes back where nothing forbids it.
    let mut all = s.create_instance_enum("T", flags::RETURN_IMMEDIATELY, None).await.unwrap();
    assert_eq!(all.next(Enumerator::INFINITE, 2).await.map(|(b, s)| (b.len(), s)).unwrap(), (2, WbemStatus::NO_ERROR));
    assert_eq!(all.next(Enumerator::INFINITE, 2).await.map(|(b, s)| (b.len(), s)).unwrap(), (1, WbemStatus::FALSE));
    all.reset().await.unwrap();
    assert_eq!(all.skip(Enumerator::INFINITE, 2).await.unwrap(), WbemStatus::NO_ERROR);
    assert_eq!(all.skip(Enumerator::INFINITE, 2).await.unwrap(), WbemStatus::FALSE);
    assert_eq!(code(all.next(-2, 1).await), WbemStatus::INVALID_PARAMETER);
    let mut forward = s.exec_query("WQL", "SELECT * FROM T", 0x30, None).await.unwrap();
    assert_eq!(code(forward.reset().await), WbemStatus::INVALID_OPERATION);
    assert_eq!(code(s.exec_query("CQL", "SELECT * FROM T", 0x30, None).await), WbemStatus::INVALID_QUERY_TYPE);
    assert_eq!(code(s.exec_query("WQL", "SELECT * FROM T", 0x400, None).await), WbemStatus::INVALID_PARAMETER);
    assert_eq!(code(s.create_class_enum(None, 2, None).await), WbemStatus::INVALID_PARAMETER);
    let classes = s.create_class_enum(None, 0x30, None).await.unwrap().into_rows().collect().await.unwrap();
    assert!(classes.iter().any(|c| c.class().name == "T"));

    s.delete_instance("T.Name='a'", 0, None).await.unwrap();
    assert_eq!(code(s.delete_instance("T.Name='a'", 0, None).await), WbemStatus::NOT_FOUND);
    assert_eq!(code(s.get_object(Some("T.Name='a'"), 0, None).await), WbemStatus::NOT_FOUND);
    // Without a path: the class that has nothing.
    let empty = s.get_object(None, 0, None).await.unwrap();
    assert_eq!((empty.class().name.as_str(), empty.class().properties.len()), ("", 0));
    s.delete_class("T", 0, None).await.unwrap();
    assert_eq!(code(s.get_object(Some("T"), 0, None).await), WbemStatus::NOT_FOUND);
}

#[tokio::test]
async fn scripts_make_change_compare_and_delete() {
    let e = here().await;
    let found = e.get_object("winmgmts:root/default").await.unwrap();
    let wmi = found.services().unwrap();
    let empty = wmi.get("").await.unwrap();
    assert_eq!(code(empty.spawn_derived_class("1x")), WbemStatus::INVALID_OBJECT);
    wmi.namespace().put_class(&class("class T { [key] string Name; uint32 N = 7; };"), &PutOptions::default()).await.unwrap();
    let t = wmi.get("T").await.unwrap();
    let derived = t.spawn_derived_class("U").unwrap();
    assert_eq!(derived.derivation(), ["T"]);
    derived.put().await.unwrap();
    let below = t.subclasses(Depth::Shallow).await.unwrap().collect().await.unwrap();
    assert_eq!(below.iter().map(|c| c.class().name.as_str()).collect::<Vec<_>>(), ["U"]);
    let mut i = wmi.get("U").await.unwrap().spawn_instance().unwrap();
    assert_eq!(code(i.spawn_derived_class("V")), WbemStatus::ILLEGAL_OPERATION);
    i.set("name", "a").unwrap();
    i.set("N", 8u8).unwrap();
    assert!(i.set("N", "x").is_err() && i.set("No", 1u8).is_err() && i.set("N", u64::MAX).is_err());
    let path = i.put().await.unwrap();
    let mut got = wmi.get(&path).await.unwrap();
    assert_eq!(got.get::<u32>("N").unwrap(), 8);
    assert!(got.text().unwrap().contains("instance of U"), "{}", got.text().unwrap());
    i.set("N", 9u8).unwrap();
    i.put().await.unwrap();
    got.refresh().await.unwrap();
    assert_eq!(got.get::<u32>("N").unwrap(), 9);
    // Of the class and of those below it, and of the class alone.
    assert_eq!(wmi.instances_of("T").await.unwrap().count().await.unwrap(), 1);
    assert_eq!(wmi.instances_of_with("T", flags::RETURN_IMMEDIATELY | flags::SHALLOW, None).await.unwrap().count().await.unwrap(), 0);
    let mut forward = wmi.exec_query_with("SELECT * FROM T", "WQL", 0x30, None).await.unwrap();
    assert_eq!(code(forward.count().await), WbemStatus::INVALID_OPERATION);
    // A copy in another namespace, which has the class.
    let other = e.get_object("winmgmts:root").await.unwrap();
    for class in ["T", "U"] {
        other.services().unwrap().put(&wmi.get(class).await.unwrap(), &PutOptions::default()).await.unwrap();
    }
    assert_eq!(other.services().unwrap().put(&got, &PutOptions::default()).await.unwrap(), path);
    assert_eq!(other.get(&path).await.unwrap().get::<u32>("N").unwrap(), 9);
    got.delete().await.unwrap();
    assert_eq!(code(got.refresh().await), WbemStatus::NOT_FOUND);
    wmi.delete("T").await.unwrap();
    assert_eq!(code(wmi.delete("T").await), WbemStatus::NOT_FOUND);
    assert_eq!(code(wmi.delete("T.").await), WbemStatus::INVALID_OBJECT_PATH);
}

#[tokio::test]
async fn what_is_associated_is_found_from_every_form() {
    let e = here().await;
    let found = e.get_object("winmgmts:").await.unwrap();
    let wmi = found.services().unwrap();
    let disks = wmi.exec_query("SELECT * FROM Win32_DiskPartition").await.unwrap().collect().await.unwrap();
    let partition = &disks[0];
    let which = AssociatorsOf { assoc_class: Some("Win32_DiskDriveToDiskPartition".into()), ..AssociatorsOf::default() };
    let drives = partition.associators(&which).await.unwrap().collect().await.unwrap();
    assert_eq!(drives.len(), 1);
    assert_eq!(drives[0].class().name, "Win32_DiskDrive");
    let references = ReferencesOf { result_class: Some("Win32_DiskDriveToDiskPartition".into()), ..ReferencesOf::default() };
    assert_eq!(partition.references(&references).await.unwrap().count().await.unwrap(), 1);
    let path = partition.relative_path().unwrap().to_string();
    assert_eq!(wmi.associators_of(&path, &which).await.unwrap().count().await.unwrap(), 1);
    assert_eq!(wmi.references_to(&path, &references).await.unwrap().count().await.unwrap(), 1);

    let scope = e.management_scope("", ConnectionOptions::default()).unwrap();
    let class = scope.class("Win32_DiskPartition").await.unwrap();
    let names = async |set: ObjectSet| set.collect().await.unwrap().iter().map(|c| c.class().name.clone()).collect::<Vec<_>>();
    assert!(names(class.get_relationship_classes().await.unwrap()).await.contains(&"Win32_DiskDriveToDiskPartition".to_owned()));
    assert!(names(class.get_related_classes().await.unwrap()).await.contains(&"Win32_DiskDrive".to_owned()));

    let session = e.cim_session(None, CimSessionOptions::default());
    let source = partition.entity().as_instance().unwrap();
    let (cimv2, by) = (r"root\cimv2", "Win32_DiskDriveToDiskPartition");
    let found = session.enumerate_associated_instances(cimv2, source, by, "", "", "").await.unwrap().collect().await.unwrap();
    assert_eq!(found.len(), 1);
    let found = session.enumerate_referencing_instances(cimv2, source, by, "Dependent").await.unwrap().collect().await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_cim_session_has_its_operations() {
    let e = here().await;
    let session = e.cim_session(None, CimSessionOptions::default());
    session.test_connection().await.unwrap();
    let ns = r"root\default";
    session
        .services(ns)
        .await
        .unwrap()
        .put_class(&class("class T { [key] string Name; uint32 N = 7; string S; };"), 0, None)
        .await
        .unwrap();
    let t = session.get_class(ns, "T").await.unwrap();
    assert!(session.enumerate_classes(ns, None).await.unwrap().collect().await.unwrap().iter().any(|c| c.name == "T"));
    let mut i = Instance::new(t);
    i.set("Name", "a").unwrap();
    i.set("S", "s").unwrap();
    let made = session.create_instance(ns, &i).await.unwrap();
    assert_eq!(made.get::<u32>("N").unwrap(), 7);
    assert_eq!(MiResult::of(&session.create_instance(ns, &i).await.unwrap_err()), MiResult::ALREADY_EXISTS);
    // What is not set on it stays as it is.
    let mut change = Instance::new(i.class.clone());
    change.set("Name", "a").unwrap();
    change.set("N", 9u32).unwrap();
    let changed = session.modify_instance(ns, &change).await.unwrap();
    assert_eq!((changed.get::<u32>("N").unwrap(), changed.get::<String>("S").unwrap()), (9, "s".to_owned()));
    change.set("Name", "b").unwrap();
    assert_eq!(MiResult::of(&session.modify_instance(ns, &change).await.unwrap_err()), MiResult::NOT_FOUND);
    let mut keys = OperationOptions::default();
    keys.keys_only = true;
    let got = session.get_instance_with(ns, &made, &keys).await.unwrap();
    assert_eq!(got.get::<String>("Name").unwrap(), "a");
    assert_eq!(session.get_instance(ns, &made).await.unwrap().get::<u32>("N").unwrap(), 9);
    let mut shallow = OperationOptions::default();
    shallow.shallow = true;
    let rows = session.enumerate_instances_with(ns, "T", &shallow).await.unwrap().collect().await.unwrap();
    assert_eq!(rows.len(), 1);
    session.delete_instance(ns, &made).await.unwrap();
    assert_eq!(MiResult::of(&session.get_instance(ns, &made).await.unwrap_err()), MiResult::NOT_FOUND);
    let language = session.query_instances(ns, "CQL", "SELECT * FROM T").await.unwrap_err();
    assert_eq!(MiResult::of(&language), MiResult::QUERY_LANGUAGE_NOT_SUPPORTED);
    let mut none = session.query_instances(ns, "WQL", "SELECT * FROM No_Such").await.unwrap();
    assert_eq!(MiResult::of(&none.next().await.unwrap().unwrap_err()), MiResult::INVALID_CLASS);
    session.clone().close().await;
    assert!(session.get_class(ns, "T").await.is_err());
}

#[tokio::test]
async fn a_scope_has_classes_with_the_defaults_of_dot_net() {
    let e = here().await;
    let scope = e.management_scope("root/default", ConnectionOptions::default()).unwrap();
    assert!(!scope.is_connected());
    let put = async |text: &str| scope.namespace().await.unwrap().put_class(&class(text), &PutOptions::default()).await.unwrap();
    put("class T { [key] string Name; };").await;
    let t = scope.class("T").await.unwrap();
    assert!(scope.is_connected() && scope.clone().is_connected());
    t.derive("U").unwrap().put().await.unwrap();
    scope.class("U").await.unwrap().derive("V").unwrap().put().await.unwrap();
    let mut i = scope.class("U").await.unwrap().create_instance().unwrap();
    i.set("Name", "a").unwrap();
    i.put().await.unwrap();
    let mut options = EnumerationOptions::default();
    let count = async |options: &EnumerationOptions| {
        let instances = t.get_instances(options).await.unwrap().collect().await.unwrap().len();
        (instances, t.get_subclasses(options).await.unwrap().collect().await.unwrap().len())
    };
    assert_eq!(count(&options).await, (0, 1));
    options.enumerate_deep = true;
    assert_eq!(count(&options).await, (1, 2));
    options.rewindable = false;
    let mut once = t.get_instances(&options).await.unwrap();
    assert_eq!(code(once.rewind().await), WbemStatus::INVALID_OPERATION);
    let mut searcher = ManagementObjectSearcher::new(&scope, SelectQuery::new("U").build().unwrap());
    (searcher.options.block_size, searcher.options.ensure_locatable) = (5, true);
    assert_eq!(searcher.get().await.unwrap().count().await.unwrap(), 1);
    searcher.query.query_language = "CQL".into();
    assert_eq!(code(searcher.get().await), WbemStatus::INVALID_QUERY_TYPE);
    assert_eq!(code(scope.class("U.Name='a'").await), WbemStatus::INVALID_PARAMETER);
    assert!(!scope.get("U.Name='a'").await.unwrap().is_class());
}

#[tokio::test]
async fn cmdlets_list_write_and_remove() {
    let e = here().await;
    let scope = e.management_scope("root/default", ConnectionOptions::default()).unwrap();
    let put = async |text: &str| scope.namespace().await.unwrap().put_class(&class(text), &PutOptions::default()).await.unwrap();
    put("class Demo_T { [key] string Name; uint32 N = 7; string S; };").await;
    let set = |path: &str| SetWmiInstance::in_environment(&e, path).namespace(r"root\default");
    let one = async |form: SetWmiInstance| {
        let (mut objects, mut failures) = form.run().unwrap().collect().await;
        if failures.is_empty() { Ok(objects.pop().unwrap().object) } else { Err(failures.pop().unwrap()) }
    };
    let made = one(set("Demo_T").argument("Name", "a").argument("S", "s")).await.unwrap();
    assert_eq!((made.get::<u32>("N").unwrap(), made.get::<String>("S").unwrap()), (7, "s".into()));
    let changed = one(set("Demo_T.Name='a'").argument("N", 8u8)).await.unwrap();
    assert_eq!((changed.get::<u32>("N").unwrap(), changed.get::<String>("S").unwrap()), (8, "s".into()));
    let create = set("Demo_T").argument("Name", "a").put_type(PutType::CreateOnly);
    assert_eq!(code(one(create).await), WbemStatus::ALREADY_EXISTS);
    assert_eq!(code(one(set("Demo_T").argument("Name", "z").put_type(PutType::UpdateOnly)).await), WbemStatus::NOT_FOUND);
    assert!(one(set("Demo_T").argument("No", "z")).await.is_err());
    assert_eq!(code(set("Demo_T.").run()), WbemStatus::INVALID_OBJECT_PATH);

    let get = || GetWmiObject::in_environment(&e).namespace(r"root\default");
    let (rows, _) = get().class("Demo_T").filter("N = 8").property(["S"]).run().unwrap().collect().await;
    // The key comes along, and so the object has a path.
    assert_eq!(rows[0].object.relative_path().unwrap().to_string(), "Demo_T.Name=\"a\"");
    let (rows, failures) = get().class("Demo_T").direct_read().amended().run().unwrap().collect().await;
    assert_eq!((rows.len(), failures.len()), (1, 0), "{failures:?}");
    let (classes, failures) = get().class("demo_*").list().run().unwrap().collect().await;
    assert_eq!((classes.len(), failures.len()), (1, 0), "{failures:?}");
    let (classes, failures) = get().namespace("root").class("__Namespace").list().recurse().run().unwrap().collect().await;
    assert!(2 < classes.len() && failures.is_empty(), "{} {failures:?}", classes.len());

    let remove = |path: &str| RemoveWmiObject::in_environment(&e, path).namespace(r"root\default");
    assert!(remove("Demo_T.Name='a'").run().unwrap().collect().await.1.is_empty());
    assert_eq!(remove("Demo_T.Name='a'").run().unwrap().collect().await.1[0].code(), Some(WbemStatus::NOT_FOUND.0));
    assert!(remove("Demo_T").run().unwrap().collect().await.1.is_empty());
}

#[tokio::test]
async fn the_socket_of_this_computer_is_where_its_server_puts_it() {
    let expect = Config::default().server.data_dir.join(rwmi_server::SOCKET_NAME);
    assert_eq!(rwmi_client::LocalSocket::of_this_computer().path(), expect);
}

#[tokio::test]
async fn every_form_hears_the_same_event() {
    let e = here().await;
    let ns = r"root\default";
    let scope = e.management_scope(ns, ConnectionOptions::default()).unwrap();
    let namespace = scope.namespace().await.unwrap().clone();
    namespace.put_class(&class("class T { [key] string Name; };"), &PutOptions::default()).await.unwrap();
    let mut parts = WqlEventQuery::new("__InstanceCreationEvent");
    parts.condition = "TargetInstance ISA 'T'".into();
    let query = parts.build().unwrap();
    let text = query.query_string.clone();

    let services = e.locator().connect_server(ns, None, None, None, 0, None, None).await.unwrap();
    for flags in [0, 0x10, 0x20, 0x130] {
        assert_eq!(code(services.exec_notification_query("WQL", &text, flags, None).await), WbemStatus::INVALID_PARAMETER, "{flags:#x}");
    }
    let mut by_locator = services.exec_notification_query("WQL", &text, 0x30, None).await.unwrap();
    let (none, status) = by_locator.next(Enumerator::NO_WAIT, 1).await.unwrap();
    assert_eq!((none.len(), status), (0, WbemStatus::TIMEDOUT));
    let found = e.get_object("winmgmts:root/default").await.unwrap();
    let mut by_script = found.services().unwrap().exec_notification_query(&text).await.unwrap();
    assert_eq!(code(by_script.next_event(0).await), WbemStatus(0x8004_3001));
    assert_eq!(code(by_script.next_event(-2).await), WbemStatus::INVALID_PARAMETER);
    let mut by_watcher = ManagementEventWatcher::new(&scope, query);
    by_watcher.start().await.unwrap();
    let session = e.cim_session(None, CimSessionOptions::default());
    let mut by_session = session.subscribe(ns, "WQL", &text).await.unwrap();
    assert_eq!(MiResult::of(&session.subscribe(ns, "CQL", &text).await.unwrap_err()), MiResult::QUERY_LANGUAGE_NOT_SUPPORTED);

    let t = namespace.class("T").await.unwrap();
    let mut put = Instance::new(t);
    put.set("Name", "a").unwrap();
    namespace.put_instance(&put, &PutOptions::default()).await.unwrap();
    let name = |event: &Entity| {
        let Entity::Instance(target) = event.as_instance().unwrap().get::<Entity>("TargetInstance").unwrap() else { panic!("a class") };
        target.get::<String>("Name").unwrap()
    };
    let (events, status) = by_locator.next(Enumerator::INFINITE, 1).await.unwrap();
    assert_eq!((name(&events[0]).as_str(), status), ("a", WbemStatus::NO_ERROR));
    assert_eq!(name(by_script.next_event(-1).await.unwrap().entity()), "a");
    assert_eq!(name(by_watcher.wait_for_next_event().await.unwrap().entity()), "a");
    assert_eq!(name(&Entity::Instance(by_session.next().await.unwrap().unwrap())), "a");
    by_watcher.stop();

    // The cmdlet counts, and its time is over without an error.
    let form = || RegisterWmiEvent::in_environment(&e).namespace(ns);
    let mut timers = form().query(&text).timeout(1).run().unwrap();
    assert!(timers.next().await.is_none());
    let mut counted =
        form().query("SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'T'").max_trigger_count(2).run().unwrap();
    let changing = async {
        // Until somebody listens, changes are nobody's events.
        loop {
            namespace.put_instance(&put, &PutOptions::default()).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let heard = async {
        let mut heard = 0;
        while let Some(event) = counted.next().await {
            assert_eq!(event.unwrap().object.class().name, "__InstanceModificationEvent");
            heard += 1;
        }
        heard
    };
    tokio::select! {
        () = changing => {}
        heard = heard => assert_eq!(heard, 2),
    }
    assert_eq!(code(form().class("T").run().unwrap().next().await.unwrap()), WbemStatus::NOT_EVENT_CLASS);
}

#[tokio::test]
async fn every_form_calls_a_method() {
    let mut config = Config::default();
    config.methods.allow = vec!["Win32_Process.Create".into(), "Win32_Process.Terminate".into()];
    let provider = rwmi_linux::LinuxProvider::new(rwmi_linux::Source::default()).unwrap();
    let server = Server::in_process(config, vec![Arc::new(provider)]).await.unwrap();
    let e = Environment::default().local(Arc::new(InProcess(server)));
    let services = e.locator().connect_server(r"root\cimv2", None, None, None, 0, None, None).await.unwrap();
    let found = e.get_object("winmgmts:").await.unwrap();
    let scripts = found.services().unwrap();
    let scope = e.management_scope("", ConnectionOptions::default()).unwrap();
    let session = e.cim_session(None, CimSessionOptions::default());
    let class = scripts.get("Win32_Process").await.unwrap();
    let mut create = class.method_parameters("create").unwrap().unwrap();
    create.set("CommandLine", "sleep 600").unwrap();
    let line = || [("CommandLine", "sleep 600".into())];

    let mut handles = Vec::new();
    for made in [
        services.exec_method("Win32_Process", "Create", 0, None, Some(&create)).await.unwrap(),
        scripts.exec_method("Win32_Process", "Create", Some(&create)).await.unwrap(),
        class.exec_method("Create", Some(&create)).await.unwrap(),
        class.invoke_method("Create", line()).await.unwrap(),
        scope.class("Win32_Process").await.unwrap().invoke_method("Create", line()).await.unwrap(),
        session.invoke_method(r"root\cimv2", "Win32_Process", "Create", line()).await.unwrap(),
    ] {
        assert_eq!(made.return_value(), Some(0));
        handles.push(made.get::<u32>("ProcessId").unwrap());
    }
    let invoke = |path: &str, name: &str| InvokeWmiMethod::in_environment(&e, path, name);
    for form in [
        invoke("Win32_Process", "Create").argument("CommandLine", "sleep 600"),
        invoke("Win32_Process", "Create").argument_list([Some("sleep 600".into()), None]),
    ] {
        let (made, failed) = form.run().unwrap().collect().await;
        assert!(failed.is_empty(), "{failed:?}");
        handles.push(made[0].object.get::<u32>("ProcessId").unwrap());
    }
    let many = invoke("Win32_Process", "Terminate").argument_list(vec![Some(1u32.into()); 9]);
    assert_eq!(many.run().unwrap().collect().await.1[0].code(), Some(WbemStatus::INVALID_METHOD_PARAMETERS.0));
    assert!(invoke("Win32_Process", "Create").argument("A", 1u8).argument_list([None]).run().is_err());
    assert_eq!(code(services.exec_method("Win32_Process", "No", 0, None, None).await.map(|_| ())), WbemStatus::INVALID_METHOD);
    assert_eq!(code(services.exec_method("Win32_Process", "Create", 0x20, None, None).await.map(|_| ())), WbemStatus::INVALID_PARAMETER);
    assert_eq!(code(class.method_parameters("No").map(|_| ())), WbemStatus::INVALID_METHOD);

    for handle in &handles {
        let path = format!("Win32_Process.Handle=\"{handle}\"");
        let process = scripts.get(&path).await.unwrap();
        let instance = process.entity().as_instance().unwrap();
        let owner = session.invoke_method(r"root\cimv2", instance, "GetOwner", []).await.unwrap();
        assert!(!owner.get::<String>("User").unwrap().is_empty());
        assert_eq!(process.invoke_method("Terminate", [("Reason", 3u32.into())]).await.unwrap().return_value(), Some(0));
    }
    assert_eq!(handles.len(), 8);
}
