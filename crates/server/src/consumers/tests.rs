use super::template::tests::event;
use super::*;
use crate::shipped::Schema;
use crate::store::Repository;
use std::os::unix::net::UnixDatagram;

/// A consumer of a shipped class.
fn consumer(class: &str, values: &[(&str, Value)]) -> Instance {
    let tree = Repository::in_memory(&Schema::default()).unwrap().tree();
    let mut instance = Instance::new(tree.namespace(r"root\subscription").unwrap().class(class, false).unwrap().clone());
    instance.set("Name", "c").unwrap();
    for (name, value) in values {
        instance.set(name, value.clone()).unwrap();
    }
    instance
}

fn consumers(config: ConsumersConfig) -> Consumers {
    Consumers::new(config, "LX1")
}

async fn refused(consumers: &Consumers, consumer: &Instance) -> (WbemStatus, bool) {
    let undelivered = consumers.deliver(consumer, &event()).await.unwrap_err();
    assert!(!undelivered.description.is_empty());
    (undelivered.status, undelivered.passing)
}

#[tokio::test]
async fn a_line_is_written_where_the_configuration_lets() {
    let dir = tempfile::tempdir().unwrap();
    let line =
        |name: &str| consumer("LogFileEventConsumer", &[("Filename", name.into()), ("Text", "%Count% of %TargetInstance.Letter%".into())]);
    let on = consumers(ConsumersConfig { log_directory: Some(dir.path().into()), ..ConsumersConfig::default() });
    on.deliver(&line("a.log"), &event()).await.unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("a.log")).unwrap(), "90 of C:\n");
    let mut elsewhere = line("a.log");
    elsewhere.set("MachineName", r"\\LX1").unwrap();
    on.deliver(&elsewhere, &event()).await.unwrap();
    elsewhere.set("MachineName", "LX2").unwrap();
    assert_eq!(refused(&on, &elsewhere).await, (WbemStatus::NOT_SUPPORTED, false));
    assert_eq!(refused(&on, &line("/etc/a.log")).await, (WbemStatus::ACCESS_DENIED, false));
    assert_eq!(refused(&on, &line("none/a.log")).await, (WbemStatus::FAILED, true));
    assert_eq!(refused(&on, &consumer("LogFileEventConsumer", &[])).await, (WbemStatus::INVALID_PARAMETER, false));
    // Nothing is written anywhere by default.
    assert_eq!(refused(&consumers(ConsumersConfig::default()), &line("a.log")).await, (WbemStatus::ACCESS_DENIED, false));
}

#[tokio::test]
async fn an_entry_of_the_journal_has_what_the_consumer_says() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("journal");
    let journal = UnixDatagram::bind(&socket).unwrap();
    let on = consumers(ConsumersConfig { journal_socket: Some(socket), ..ConsumersConfig::default() });
    let entry = consumer(
        "NTEventLogEventConsumer",
        &[
            ("SourceName", "watcher".into()),
            ("EventID", Value::Uint32(8)),
            ("EventType", Value::Uint32(2)),
            ("Category", Value::Uint16(5)),
            ("NumberOfInsertionStrings", Value::Uint32(2)),
            ("InsertionStringTemplates", vec!["%Count%", "\nPRIORITY=0", "not this one"].into()),
            ("NameOfRawDataProperty", "Sid".into()),
            ("NameOfUserSIDProperty", "Sid".into()),
        ],
    );
    on.deliver(&entry, &event()).await.unwrap();
    let (fields, _) = journal::tests::receive(&journal);
    let expect: [(&str, &[u8]); 11] = [
        ("MESSAGE", b"90\n\nPRIORITY=0"),
        ("PRIORITY", b"4"),
        ("SYSLOG_IDENTIFIER", b"watcher"),
        ("RWMI_EVENT_ID", b"8"),
        ("RWMI_EVENT_TYPE", b"2"),
        ("RWMI_CATEGORY", b"5"),
        ("RWMI_CONSUMER", b"c"),
        ("RWMI_STRING", b"90"),
        ("RWMI_STRING", b"\nPRIORITY=0"),
        ("RWMI_DATA", &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]),
        ("RWMI_USER_SID", b"S-1-5-18"),
    ];
    assert_eq!(fields, expect.map(|(n, v)| (n.to_owned(), v.to_vec())));

    let with = |name: &str, value: Value| {
        let mut other = entry.clone();
        other.set(name, value).unwrap();
        other
    };
    on.deliver(&with("UNCServerName", r"\\lx1".into()), &event()).await.unwrap();
    on.deliver(&with("UNCServerName", "".into()), &event()).await.unwrap();
    for (name, value) in [
        ("UNCServerName", Value::from(r"\\other")),
        ("SourceName", "a:b".into()),
        ("SourceName", Value::Null),
        ("EventType", Value::Uint32(3)),
        ("NumberOfInsertionStrings", Value::Uint32(4)),
        ("NameOfRawDataProperty", "Absent".into()),
        ("NameOfUserSIDProperty", "Many".into()),
    ] {
        assert_eq!(refused(&on, &with(name, value)).await, (WbemStatus::INVALID_PARAMETER, false), "{name}");
    }
    let off = consumers(ConsumersConfig { journal_socket: None, ..ConsumersConfig::default() });
    assert_eq!(refused(&off, &entry).await, (WbemStatus::ACCESS_DENIED, false));
    let absent = consumers(ConsumersConfig { journal_socket: Some(dir.path().join("none")), ..ConsumersConfig::default() });
    assert_eq!(refused(&absent, &entry).await, (WbemStatus::FAILED, true));
}

#[tokio::test]
async fn a_mail_goes_to_servers_of_the_configuration_only() {
    let answers = &["220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n", "250 x\r\n", "221 x\r\n"];
    let (address, heard) = smtp::tests::server(answers).await;
    let on = consumers(ConsumersConfig { smtp_servers: vec![address], ..ConsumersConfig::default() });
    let mail = |server: &str| {
        let values =
            [("ToLine", "a@example.org"), ("Subject", "%Count%"), ("Message", "%TargetInstance.Letter% is full"), ("SMTPServer", server)];
        consumer("SMTPEventConsumer", &values.map(|(n, v)| (n, v.into())))
    };
    on.deliver(&mail("127.0.33.25"), &event()).await.unwrap();
    let heard = heard.await.unwrap();
    assert_eq!(heard[1], "MAIL FROM:<WinMgmt@LX1>\r\n");
    assert!(heard[4].contains("\r\nSubject: 90\r\n") && heard[4].ends_with("\r\n\r\nC: is full\r\n.\r\n"), "{}", heard[4]);
    assert_eq!(refused(&on, &mail("mail.example.org")).await, (WbemStatus::ACCESS_DENIED, false));
    assert_eq!(refused(&consumers(ConsumersConfig::default()), &mail("127.0.33.25")).await, (WbemStatus::ACCESS_DENIED, false));
    let mut nobody = mail("127.0.33.25");
    nobody.set("ToLine", Value::Null).unwrap();
    assert_eq!(refused(&on, &nobody).await, (WbemStatus::INVALID_PARAMETER, false));
}

#[tokio::test]
async fn there_is_no_consumer_that_runs_anything() {
    let tree = Repository::in_memory(&Schema::default()).unwrap().tree();
    for namespace in tree.namespaces() {
        for class in ["CommandLineEventConsumer", "ActiveScriptEventConsumer"] {
            assert!(namespace.class(class, true).is_none());
        }
    }
    // A class that somebody makes for it does nothing.
    let class = Class { name: "CommandLineEventConsumer".into(), derivation: vec!["__EventConsumer".into()], ..Class::default() };
    let made = Instance::new(Arc::new(class));
    assert_eq!(refused(&consumers(ConsumersConfig::default()), &made).await, (WbemStatus::PROVIDER_NOT_FOUND, false));
}

#[test]
fn a_server_has_a_host_and_perhaps_a_port() {
    for (server, host) in [("a", "a"), ("a:25", "a"), ("a:x", "a:x"), ("[::1]:25", "[::1]"), ("::1", "::1"), ("1.2.3.4:587", "1.2.3.4")] {
        assert_eq!(host_of(server), host);
    }
}

#[test]
fn a_security_identifier_has_a_text() {
    assert_eq!(sid_text(&[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]).as_deref(), Some("S-1-5-32-544"));
    for octets in [&[][..], &[1, 1, 0, 0, 0, 0, 0, 5], &[2, 0, 0, 0, 0, 0, 0, 5], &[1, 1, 0, 0, 0, 0, 0, 5, 1, 2, 3]] {
        assert_eq!(sid_text(octets), None);
    }
}
