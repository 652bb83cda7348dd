//! Lines of the Windows wmic, taken and refused.

use super::*;

fn words(line: &str) -> Vec<String> {
    split(line).unwrap()
}

fn line(text: &str) -> Line {
    match parse(&words(text), &mut Settings::default()) {
        Ok(Request::Verb(line)) => *line,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> String {
    split(text).and_then(|w| parse(&w, &mut Settings::default()).map(|r| format!("{r:?}"))).unwrap_err()
}

#[test]
fn a_line_is_words_quotes_and_parentheses() {
    let check = |text: &str, expect: &[&str]| assert_eq!(words(text), expect, "{text}");
    check("os get Caption, Version /value", &["os", "get", "Caption,", "Version", "/value"]);
    check("process where \"name='a b'\" get", &["process", "where", "name='a b'", "get"]);
    check("process where (name = 'x' and id=2) list", &["process", "where", "(name = 'x' and id=2)", "list"]);
    check("p where name='a b'  list\n", &["p", "where", "name='a b'", "list"]);
    check("", &[]);
    for wrong in ["a \"b", "a 'b", "a (b", "a )"] {
        assert!(split(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn who_writes_the_windows_form_is_understood() {
    let check = |text: &str, expect: bool| assert_eq!(is_meant(&words(text)), expect, "{text}");
    check("os get Caption", true);
    check("/node:srv01 os", true);
    check("/?", true);
    check("PATH Win32_Process get Name", true);
    check("--password-file pw /node:srv01 os", true);
    check("--endpoint-port 1135 /node:127.0.0.1 os", true);
    check("-U a%b //srv01 \"select * from x\"", false);
    check("//srv01 os", false);
    check("-U x os", false);
    check("--help", false);
}

#[test]
fn verbs_have_their_words() {
    let get = |names: &[&str]| Verb::Get(names.iter().map(|n| (*n).to_owned()).collect());
    assert_eq!(line("os get Caption, Version").verb, get(&["Caption", "Version"]));
    assert_eq!(line("os get Caption,Version,__PATH /value").look.form, Some(Form::Values));
    assert_eq!((line("os get").verb, line("os get *").verb, line("os").verb), (get(&[]), get(&[]), Verb::List(Properties::Full)));
    assert_eq!(line("os list").verb, Verb::List(Properties::Full));
    assert_eq!(
        line("OS LIST brief /FORMAT:csv"),
        Line {
            subject: Subject::Alias(alias::find("os").unwrap()),
            clause: None,
            verb: Verb::List(Properties::Brief),
            look: Look { form: Some(Form::Csv), ..Look::default() },
        }
    );
    let look = line("os get Name /every:5 /repeat:2 /translate:nocomma /format:\"htable.xsl\" /all").look;
    assert_eq!((look.every, look.repeat, look.translate, look.form), (Some(5), Some(2), Some(Translation::NoComma), Some(Form::HtmlTable)));
    let call = |text: &str| match line(text).verb {
        Verb::Call { method, arguments } => (method, arguments),
        other => panic!("{other:?}"),
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(call("process call create \"/bin/sleep 60\""), ("create".into(), vec![some("/bin/sleep 60")]));
    assert_eq!(call("process call create a b,,\"x,y\""), ("create".into(), vec![some("a b"), None, some("x,y")]));
    assert_eq!(call("process 4 call terminate"), ("terminate".into(), vec![]));
    let set = |text: &str| match line(text).verb {
        Verb::Set(given) | Verb::Create(given) => given,
        other => panic!("{other:?}"),
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        set("environment create name=\"A\";username=x ; variablevalue=\"a;b, c\""),
        [pair("name", "A"), pair("username", "x"), pair("variablevalue", "a;b, c")]
    );
    assert_eq!(set("environment where name='A' set variablevalue=1,2,Name=b"), [pair("variablevalue", "1,2"), pair("Name", "b")]);
    assert_eq!(line("os delete").verb, Verb::Delete);
    assert_eq!(
        line("service x assoc /resultclass:Win32_Process /assocclass:C").verb,
        Verb::Assoc { class: some("Win32_Process"), role: None, association: some("C") }
    );
    assert_eq!((line("process call /?").verb, line("process get /?").verb), (Verb::Methods, Verb::Properties));
    assert_eq!(line("class Win32_Process").verb, get(&[]));
}

#[test]
fn a_condition_or_a_value_says_which() {
    let clause = |text: &str| line(text).clause;
    assert_eq!(clause("process where \"Name='x'\" list").as_deref(), Some("Name='x'"));
    assert_eq!(clause("process 4711 get Name").as_deref(), Some("ProcessId=4711"));
    assert_eq!(clause("process (4711) get Name").as_deref(), Some("ProcessId=4711"));
    assert_eq!(clause(r"service 'a\b' list").as_deref(), Some(r"Name='a\\b'"));
    assert_eq!(clause("service \"it's\" list").as_deref(), Some(r"Name='it\'s'"));
    assert_eq!(clause("path Win32_Service where Name='x' get Name").as_deref(), Some("Name='x'"));
    // A Unix shell has taken the quotes.
    let quoted = |text: &str| with_quotes(text);
    assert_eq!(quoted("name=sshd"), "name = 'sshd'");
    assert_eq!(quoted("( Name LIKE a b% )"), "Name like 'a b%'");
    assert_eq!(quoted(r"Path<>c:\x"), r"Path <> 'c:\\x'");
    for same in ["ProcessId=4", "Up = TRUE", "Name = NULL", "Name='x'", "a=b and c=d", "Size>5", "Name", "", "=x", "Name="] {
        assert_eq!(quoted(same), same);
    }
    assert!(refused("process x get Name").contains("no number"));
    assert!(refused("wmiset x get Name").contains("takes no value"));
}

#[test]
fn switches_stand_before_what_they_hold_for() {
    let mut settings = Settings::default();
    let given = words(
        r"/node:a,&hosts.txt /namespace:\\root\wmi /user:x /authlevel:pktintegrity /interactive:on /failfast:250 /aggregate:off --throttle 4 context",
    );
    assert_eq!(parse(&given, &mut settings), Ok(Request::Context));
    let connect = settings.connect(None).unwrap();
    assert_eq!(
        (connect.hosts, connect.namespace.as_deref(), connect.throttle),
        (vec!["a".to_owned(), "@hosts.txt".into()], Some(r"root\wmi"), 4)
    );
    assert!(settings.interactive && settings.apart && connect.connect_timeout == std::time::Duration::from_millis(250));
    assert_eq!(parse(&[], &mut settings), Ok(Request::Nothing));
    assert_eq!(parse(&words("quit"), &mut settings), Ok(Request::Leave));
    assert_eq!(parse(&words("/?"), &mut settings), Ok(Request::Help));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (text, words) in [
        ("oss get x", "alias not found; near are"),
        ("os list everything", "LIST has no"),
        ("os get a;b", "no name of a property"),
        ("os get x /format:my.xsl", "style sheets are not run"),
        ("os get x /repeat:2", "goes with /EVERY"),
        ("os get x /every:0", "a number from 1"),
        ("os get x /nonsense", "makes no sense there"),
        ("/nonsense os", "no switch /NONSENSE"),
        ("/password:x os", "seen by other users"),
        ("/output:clipboard os", "no clipboard"),
        ("/authlevel:none os", "without authentication"),
        ("/implevel:anonymous os", "may not know"),
        ("/interactive:maybe os", "ON or OFF"),
        ("--nonsense os", "no option"),
        ("os create", "no NAME=VALUE"),
        ("os set x", "no NAME=VALUE"),
        ("os where", "condition behind WHERE"),
        ("os call", "method behind CALL"),
        ("class X list", "is for instances"),
    ] {
        assert!(refused(text).contains(words), "{text}: {}", refused(text));
    }
}
