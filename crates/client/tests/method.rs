//! Methods by the client, against the server of this repository within the process, on the running machine.

use rwmi_client::{Argument, Client, Dialed, Dialer, Dialing, Error, Namespace, Value, WbemStatus};
use rwmi_linux::{LinuxProvider, Source};
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

async fn cimv2(allow: &[&str]) -> (Client, Namespace) {
    let mut config = Config::default();
    config.methods.allow = allow.iter().map(|a| (*a).to_owned()).collect();
    let provider = LinuxProvider::new(Source::default()).unwrap();
    let server = Server::in_process(config, vec![Arc::new(provider)]).await.unwrap();
    let client = Client::builder(".").dialer(Arc::new(InProcess(server))).connect().await.unwrap();
    let namespace = client.namespace(r"root\cimv2").await.unwrap();
    (client, namespace)
}

const ALL: &[&str] = &["Win32_Process.Create", "Win32_Process.Terminate", "Win32_Process.SetPriority"];

#[tokio::test]
async fn a_process_is_created_owned_slowed_and_terminated() {
    let (client, ns) = cimv2(ALL).await;
    let startup = Argument::object([("PriorityClass", 16384u32.into()), ("EnvironmentVariables", vec!["A=1"].into())]);
    let create = ns.method("win32_process", "create").await.unwrap();
    assert_eq!(create.declaration().name, "Create");
    let created = create.arg("CommandLine", "sleep 600").arg("ProcessStartupInformation", startup).call().await.unwrap();
    assert_eq!((created.return_value(), created.meaning()), (Some(0), Some("successful completion")));
    let pid: u32 = created.get("ProcessId").unwrap();
    // The kernel has it a moment after the process was started.
    let environment = loop {
        match std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap() {
            empty if empty.is_empty() => tokio::task::yield_now().await,
            there => break there,
        }
    };
    assert!(environment.split('\0').any(|v| v == "A=1"), "{environment}");
    let path = format!("Win32_Process.Handle=\"{pid}\"");
    let on = async |method: &str, args: &[(&str, Value)]| {
        let args = args.iter().map(|(n, v)| ((*n).to_owned(), v.clone().into()));
        ns.method(&path, method).await.unwrap().args(args).call().await.unwrap()
    };
    let owner = on("GetOwner", &[]).await;
    let name = nix_name();
    assert_eq!((owner.return_value(), owner.get::<String>("User").unwrap()), (Some(0), name));
    assert!(on("GetOwnerSid", &[]).await.get::<String>("Sid").unwrap().starts_with("S-1-5-21-"));
    let slow = on("SetPriority", &[("Priority", 64u8.into())]).await;
    assert_eq!((slow.return_value(), slow.object().class().name.as_str()), (Some(0), "__PARAMETERS"));
    assert_eq!(on("Terminate", &[("Reason", 3u32.into())]).await.return_value(), Some(0));
    assert_eq!(ns.object(&path).await.unwrap_err().code(), Some(WbemStatus::NOT_FOUND.0));
    client.close().await;
}

/// Who runs this test, as `id` says it.
fn nix_name() -> String {
    String::from_utf8(std::process::Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_return_value_is_no_error_of_the_call() {
    let (client, ns) = cimv2(ALL).await;
    let create = ns.method("Win32_Process", "Create").await.unwrap();
    let failed = create.arg("CommandLine", "/no/such/program").call().await.unwrap();
    assert_eq!((failed.return_value(), failed.meaning()), (Some(9), Some("path not found")));
    assert_eq!(failed.get::<Option<u32>>("ProcessId"), Ok(None));
    client.close().await;
}

#[tokio::test]
async fn wrong_arguments_are_refused_before_anything_is_sent() {
    // Were anything sent, the server would say that the method is off.
    let (client, ns) = cimv2(&[]).await;
    let check = |error: Error, status: WbemStatus, words: &[&str]| {
        assert_eq!(error.code(), Some(status.0), "{error}");
        let text = error.to_string();
        assert!(words.iter().all(|w| text.contains(w)), "{text}");
    };
    let signature = "static uint32 Create([in] string CommandLine, [in] string CurrentDirectory, [in] Win32_ProcessStartup ProcessStartupInformation, [out] uint32 ProcessId)";
    let create = async |args: &[(&str, Argument)]| {
        let args = args.iter().map(|(n, a)| ((*n).to_owned(), a.clone()));
        ns.method("Win32_Process", "Create").await.unwrap().args(args).call().await.unwrap_err()
    };
    let bad = WbemStatus::INVALID_METHOD_PARAMETERS;
    check(create(&[]).await, bad, &["CommandLine is missing", signature]);
    check(
        create(&[("CommandLine", "x".into()), ("WorkingDir", "/".into())]).await,
        bad,
        &["WorkingDir is no parameter of Create", signature],
    );
    check(create(&[("CommandLine", 1u32.into())]).await, bad, &["CommandLine is string, not 1", signature]);
    let startup = Argument::object([("Title", 1u32.into()), ("Tittle", "x".into())]);
    let words = ["ProcessStartupInformation.Title is string, not 1", "ProcessStartupInformation.Tittle is not there", signature];
    check(create(&[("CommandLine", "x".into()), ("ProcessStartupInformation", startup)]).await, bad, &words);
    let method = async |path: &str, method: &str| ns.method(path, method).await.unwrap_err();
    check(method("Win32_Process", "Creat").await, WbemStatus::INVALID_METHOD, &["has no method Creat", "it has Create, Terminate"]);
    check(method("Win32_Process", "Terminate").await, bad, &["called on an instance", "Win32_Process.Handle=\"...\""]);
    check(method("Win32_Process.", "Create").await, WbemStatus::INVALID_OBJECT_PATH, &["no path"]);
    check(method("Nothing", "Create").await, WbemStatus::NOT_FOUND, &[]);
    client.close().await;
}

#[tokio::test]
async fn the_server_says_how_a_method_is_switched_on() {
    let (client, ns) = cimv2(&[]).await;
    let error = ns.method("Win32_Process", "Create").await.unwrap().arg("CommandLine", "true").call().await.unwrap_err();
    assert_eq!(error.code(), Some(WbemStatus::METHOD_DISABLED.0));
    assert!(error.info().is_some_and(|i| i.contains(r#"[methods] allow = ["Win32_Process.Create"]"#)), "{error:?}");
    client.close().await;
}

#[tokio::test]
async fn a_method_that_only_a_derived_class_has_is_found_by_the_instance() {
    let (client, ns) = cimv2(ALL).await;
    let own = format!("CIM_Process.Handle=\"{}\"", std::process::id());
    // The class of the path has no such method; where it cannot even be named so, the server says it.
    match ns.method(&own, "GetOwner").await {
        Ok(call) => assert_eq!(call.call().await.unwrap().return_value(), Some(0)),
        Err(error) => assert_eq!(error.code(), Some(WbemStatus::INVALID_OBJECT_PATH.0), "{error}"),
    }
    client.close().await;
}
