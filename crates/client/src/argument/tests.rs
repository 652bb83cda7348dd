//! Arguments against the signatures of a class in MOF.

use super::*;
use rwmi_cim::mof::{Memory, compile_into, parse};

const MOF: &str = r#"
    class Startup { string Title; uint32 X = 5; string Env[]; Inner Deep; };
    class Inner { uint64 N; };
    class SubStartup : Startup { };
    class T {
      [key] string Name;
      [static] uint32 Run([in] string Text, [in, optional] Startup S, [in, optional] uint32 List[], [in, out, optional] sint8 Small, [out] uint32 Id);
      uint32 Types([in] boolean B, [in] char16 C, [in] real32 R, [in] datetime D, [in] T ref Who, [in] uint64 U, [in, optional] object Any);
      void Nothing();
    };
    class Win32_Process { [key] string Handle; [static] uint32 Create([in] string CommandLine, [in] string CurrentDirectory, [in] Startup ProcessStartupInformation); };
"#;

fn classes() -> Classes {
    let mut memory = Memory::new();
    compile_into(&parse("t.mof", MOF).unwrap(), "root", &mut memory).unwrap();
    let mut classes: Classes = memory.classes("root").map(|c| (c.name.to_lowercase(), Some(c.clone()))).collect();
    classes.insert("gone".into(), None);
    classes
}

fn text(text: &str) -> Argument {
    Argument::Text(text.into())
}

fn bound(class: &str, method: &str, given: &[(&str, Argument)]) -> Result<Option<Instance>, Unfit> {
    let classes = classes();
    let class = classes[&class.to_lowercase()].clone().unwrap();
    let given: Vec<_> = given.iter().map(|(n, a)| ((*n).to_owned(), a.clone())).collect();
    bind(&class, class.method(method).unwrap(), &given, &classes)
}

fn wrong(given: &[(&str, Argument)]) -> String {
    match bound("T", "Run", given) {
        Err(Unfit::Wrong(words)) => words.join("; "),
        other => panic!("{given:?}: {other:?}"),
    }
}

#[test]
fn what_is_unknown_missing_or_mistyped_is_told_all_at_once() {
    let told =
        wrong(&[("Textt", "x".into()), ("List", 1u32.into()), ("Id", 1u32.into()), ("s", Argument::object([("Titel", "x".into())]))]);
    for words in [
        "Textt is no parameter of Run",
        "Id comes out of Run and is not given",
        "Text is missing",
        "List is uint32[], not one value",
        "S.Titel is not there: Startup has Title, X, Env, Deep",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(wrong(&[("Text", "x".into()), ("text", "y".into())]), "text is given twice");
    assert!(bound("T", "Nothing", &[]).unwrap().is_none());
    assert!(matches!(bound("T", "Nothing", &[("A", "x".into())]), Err(Unfit::Wrong(_))));
}

#[test]
fn a_value_goes_where_it_fits_and_nowhere_else() {
    let with = |name: &str, argument: Argument| bound("T", "Run", &[("Text", "x".into()), (name, argument)]);
    let value = |name: &str, argument: Argument| with(name, argument).unwrap().unwrap().get(name).unwrap().clone();
    assert_eq!(value("Small", (-5i64).into()), Value::Sint8(-5));
    assert_eq!(value("Small", text("-0")), Value::Sint8(0));
    assert_eq!(value("Small", text("0x7f")), Value::Sint8(127));
    assert_eq!(value("Small", Argument::Value(Value::Null)), Value::Null);
    assert_eq!(value("List", vec![1u8, 2].into()), Value::from(vec![1u32, 2]));
    assert_eq!(value("List", text("[1, \"0x2\"]")), Value::from(vec![1u32, 2]));
    assert_eq!(value("List", text("[]")), Value::Array(Vec::new()));
    for (argument, words) in [
        (Argument::from(128u32), "Small is sint8, not 128"),
        (text("128"), "Small is sint8, not \"128\""),
        ("1".into(), "Small is sint8, not string"),
        (text("0x-1"), "not \"0x-1\""),
        (true.into(), "Small is sint8, not boolean"),
        (vec![1u8].into(), "Small is sint8, not an array"),
        (Argument::object([]), "Small is sint8, not an object"),
    ] {
        let told = wrong(&[("Text", "x".into()), ("Small", argument)]);
        assert!(told.contains(words), "{told}");
    }
    for (argument, words) in [
        (text("[1, null]"), "an element that is NULL"),
        (text("[[1]]"), "an array of arrays"),
        (text("[-1]"), "List is uint32[], not -1"),
        (text("1"), "List is uint32[], not one value"),
        (text("\"1\""), "not the string \"1\""),
        (text("[1"), "not JSON: "),
    ] {
        let told = wrong(&[("Text", "x".into()), ("List", argument)]);
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn each_type_is_read_from_a_text() {
    let given: Vec<(&str, Argument)> = vec![
        ("B", text("TRUE")),
        ("C", text("ä")),
        ("R", text("1.5")),
        ("D", text("20260102030405.000000+060")),
        ("Who", text("T.Name=\"x\"")),
        ("U", text("18446744073709551615")),
    ];
    let all = bound("T", "Types", &given).unwrap().unwrap();
    let expect = [
        Value::Boolean(true),
        Value::Char16(0xe4),
        Value::Real32(1.5),
        Value::DateTime(DateTime::from_text("20260102030405.000000+060")),
        Value::Reference("T.Name=\"x\"".into()),
        Value::Uint64(u64::MAX),
        Value::Null,
    ];
    assert_eq!(all.values, expect);
    for (name, bad) in [("B", "1"), ("C", "ab"), ("R", "x"), ("D", "2026-01-02"), ("Who", "T.Name="), ("U", "-1")] {
        let mut given = given.clone();
        given.retain(|(n, _)| *n != name);
        given.push((name, text(bad)));
        let Err(Unfit::Wrong(told)) = bound("T", "Types", &given) else { panic!("{name}") };
        assert!(told[0].starts_with(&format!("{name} is ")) && told[0].ends_with(&format!("not {bad:?}")), "{told:?}");
    }
}

#[test]
fn an_object_is_made_of_the_class_that_is_declared() {
    let s = |argument: Argument| bound("T", "Run", &[("Text", "x".into()), ("S", argument)]);
    let made = |argument: Argument| match s(argument).unwrap().unwrap().get("S").unwrap() {
        Value::Object(entity) => entity.as_instance().unwrap().to_instance().unwrap(),
        other => panic!("{other:?}"),
    };
    let startup = made(text(r#"{"title": "t", "Env": ["A=1"], "Deep": {"N": "7"}}"#));
    assert_eq!(
        (startup.class.name.as_str(), startup.get("Title"), startup.get("X")),
        ("Startup", Some(&"t".into()), Some(&Value::Uint32(5)))
    );
    assert_eq!(startup.get("Env"), Some(&vec!["A=1"].into()));
    let Some(Value::Object(deep)) = startup.get("Deep") else { panic!() };
    assert_eq!(deep.as_instance().unwrap().get::<u64>("N"), Ok(7));
    assert_eq!(made(text(r#"{"__CLASS": "SubStartup"}"#)).class.name, "SubStartup");
    let classes = classes();
    let instance = |name: &str| Instance::new(classes[name].clone().unwrap());
    assert_eq!(made(instance("substartup").into()).class.name, "SubStartup");
    let told = |argument: Argument| wrong(&[("Text", "x".into()), ("S", argument)]);
    assert_eq!(told(instance("inner").into()), "S is Startup, not Inner");
    assert_eq!(told(text(r#"{"__CLASS": "Inner"}"#)), "S is Startup, not Inner");
    assert_eq!(told(text(r#"{"__CLASS": "gone"}"#)), "S: there is no class gone in this namespace");
    assert_eq!(told(text(r#"{"X": "y"}"#)), "S.X is uint32, not \"y\"");
    assert_eq!(told(text(r#"{"Deep": {"M": 1}}"#)), "S.Deep.M is not there: Inner has N");
    assert_eq!(s(text(r#"{"__CLASS": "Else"}"#)), Err(Unfit::Unknown("Else".into())));
    let any = wrong_any(Argument::object([]));
    assert!(any.contains("say which by __CLASS"), "{any}");
}

fn wrong_any(any: Argument) -> String {
    match bound("T", "Types", &[("Any", any)]) {
        Err(Unfit::Wrong(words)) => words.join("; "),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_left_out_in_practice_may_be() {
    let process = bound("Win32_Process", "Create", &[("CommandLine", "x".into())]).unwrap().unwrap();
    assert_eq!(process.values, ["x".into(), Value::Null, Value::Null]);
    assert_eq!(process.class.name, "__PARAMETERS");
    let Err(Unfit::Wrong(told)) = bound("Win32_Process", "Create", &[]) else { panic!() };
    assert_eq!(told, ["CommandLine is missing; where NULL is meant, give NULL"]);
}
