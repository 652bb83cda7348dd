use super::*;
use crate::{Flavor, Instance, Value};
use proptest::prelude::*;

/// Base classes that the texts below derive from.
const BASE: &str = r#"
    Qualifier Read : ToSubclass;
    class Base { [key] string Id; [read] uint32 Size = 7; string Note = "none"; uint32 Act([in] string What, [out] uint32 Code); };
"#;

fn store() -> Memory {
    let mut store = Memory::new();
    compile_into(&parse("base.mof", BASE).unwrap(), "root", &mut store).unwrap();
    store
}

fn compiled(text: &str) -> Memory {
    let mut store = store();
    let document = parse("t.mof", text).unwrap_or_else(|e| panic!("{}", e[0].render()));
    compile_into(&document, "root", &mut store).unwrap_or_else(|e| panic!("{}", e.render()));
    store
}

fn class(text: &str, name: &str) -> Arc<crate::Class> {
    compiled(text).class("root", name).unwrap()
}

/// The status and place of the first error, in parsing or compiling.
fn check_error(text: &str, expect: WbemStatus, place: (usize, usize)) {
    let error = match parse("t.mof", text) {
        Err(errors) => errors.into_iter().next().unwrap(),
        Ok(document) => match compile_into(&document, "root", &mut store()) {
            Err(e) => e,
            Ok(_) => panic!("{text} compiles"),
        },
    };
    assert_eq!((error.status, error.position()), (expect, place), "{text}\n{}", error.render());
}

/// A default value, written and compiled.
fn check_value(ty: &str, written: &str, expect: impl Into<Value>) {
    let text = format!("class C {{ {ty} P{} = {written}; }};", if ty.ends_with("[]") { "[]" } else { "" }).replacen("[] P", " P", 1);
    assert_eq!(class(&text, "C").properties[0].default, expect.into(), "{text}");
}

#[test]
fn a_constant_takes_the_type_of_its_property() {
    check_value("uint8", "255", 255u8);
    check_value("sint8", "-128", -128i8);
    check_value("uint64", "18446744073709551615", u64::MAX);
    check_value("sint64", "-9223372036854775808", i64::MIN);
    check_value("uint32", "0xFfFfFfFf", u32::MAX);
    check_value("uint16", "017", 15u16);
    check_value("uint16", "1011b", 11u16);
    check_value("sint32", "+5", 5);
    check_value("real32", "1.5", 1.5f32);
    check_value("real64", "-2.5E-3", -0.0025);
    check_value("real64", "3", 3.0);
    check_value("boolean", "tRUE", true);
    check_value("char16", "'a'", Value::Char16(97));
    check_value("char16", r"'\x20AC'", Value::Char16(0x20ac));
    check_value("char16", "65", Value::Char16(65));
    check_value("string", "NULL", Value::Null);
    check_value("datetime", "\"20240229235959.123456+060\"", crate::DateTime::from_text("20240229235959.123456+060"));
    check_value("datetime", "\"000000010*****.******:000\"", crate::DateTime::from_text("000000010*****.******:000"));
    check_value("string[]", "{\"a\", \"b\"}", vec!["a".to_owned(), "b".to_owned()]);
    check_value("uint32[]", "{}", Value::Array(vec![]));
    check_value("uint32[]", "4", vec![4u32]);
}

#[test]
fn strings_join_and_escapes_resolve() {
    check_value(
        "string",
        r#""a" "b" /* c */ // d
        "e""#,
        "abe",
    );
    check_value("string", r#""\b\t\n\f\r\"\'\\""#, "\u{8}\t\n\u{c}\r\"'\\");
    check_value("string", r#""\x41\x0042\x43-""#, "ABC-");
    check_value("string", r#""\xd83d\xde00""#, "\u{1f600}");
    check_value("string", "\"größe 漢\"", "größe 漢");
}

#[test]
fn a_constant_that_does_not_fit_is_an_error_where_it_stands() {
    check_error("class C { uint8 P = 256; };", WbemStatus::VALUE_OUT_OF_RANGE, (1, 21));
    check_error("class C { uint32 P = -1; };", WbemStatus::VALUE_OUT_OF_RANGE, (1, 22));
    check_error("class C { uint64 P = 18446744073709551616; };", WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (1, 22));
    check_error("class C { real32 P = 1e300; };", WbemStatus::VALUE_OUT_OF_RANGE, (1, 22));
    check_error("class C { real64 P = 1e999; };", WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (1, 22));
    check_error("class C { uint32 P = 089; };", WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (1, 22));
    check_error("class C { uint32 P = \"1\"; };", WbemStatus::MOF_TYPE_MISMATCH, (1, 22));
    check_error("class C { string P = 1; };", WbemStatus::MOF_TYPE_MISMATCH, (1, 22));
    check_error("class C { string P = {\"a\"}; };", WbemStatus::MOF_UNEXPECTED_ARRAY_INIT, (1, 22));
    check_error("class C { string P[] = {\"a\", NULL}; };", WbemStatus::MOF_NULL_ARRAY_ELEM, (1, 30));
    check_error("class C { string P[] = {{\"a\"}}; };", WbemStatus::MOF_UNEXPECTED_ARRAY_INIT, (1, 25));
    check_error("class C { datetime P = \"yesterday\"; };", WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (1, 24));
    check_error(r#"class C { string P = "a\q"; };"#, WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (1, 25));
    check_error(r#"class C { string P = "\xd800"; };"#, WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (1, 29));
    check_error(r#"class C { string P = "\x0"; };"#, WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (1, 25));
    check_error("class C { char16 P = 'ab'; };", WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (1, 22));
    check_error("class C { uint32 P = SOMETHING; };", WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (1, 22));
}

#[test]
fn what_is_missing_has_its_own_code() {
    check_error("class C { uint32 P }; ", WbemStatus::MOF_EXPECTED_SEMI, (1, 19));
    check_error("class C { uint32 P; }", WbemStatus::MOF_EXPECTED_SEMI, (1, 22));
    check_error("class C uint32 P; };", WbemStatus::MOF_EXPECTED_OPEN_BRACE, (1, 9));
    check_error("class C { uint32 P;", WbemStatus::MOF_EXPECTED_CLOSE_BRACE, (1, 20));
    check_error("[read class C {};", WbemStatus::MOF_EXPECTED_CLOSE_BRACKET, (1, 7));
    check_error("[X(1 ] class C {};", WbemStatus::MOF_EXPECTED_CLOSE_PAREN, (1, 6));
    check_error("class { };", WbemStatus::MOF_EXPECTED_CLASS_NAME, (1, 7));
    check_error("class C { 5; };", WbemStatus::MOF_EXPECTED_TYPE_IDENTIFIER, (1, 11));
    check_error("class C { uint32; };", WbemStatus::MOF_EXPECTED_PROPERTY_NAME, (1, 17));
    check_error("class C { void P; };", WbemStatus::MOF_EXPECTED_OPEN_PAREN, (1, 17));
    check_error("[] class C {}; ?", WbemStatus::MOF_UNRECOGNIZED_TOKEN, (1, 16));
    check_error("[(1)] class C {};", WbemStatus::MOF_EXPECTED_QUALIFIER_NAME, (1, 2));
    check_error("typedef int I;", WbemStatus::MOF_TYPEDEF_NOT_SUPPORTED, (1, 1));
    check_error("instance C { };", WbemStatus::MOF_INVALID_INSTANCE_DECLARATION, (1, 10));
    check_error("class C as X { };", WbemStatus::MOF_EXPECTED_DOLLAR, (1, 12));
    check_error("class C as $ { };", WbemStatus::MOF_EXPECTED_ALIAS_NAME, (1, 12));
    check_error("class C { }; /* ", WbemStatus::MOF_UNRECOGNIZED_TOKEN, (1, 14));
    check_error("class C { uint32 P; string p; };", WbemStatus::MOF_DUPLICATE_PROPERTY, (1, 28));
    check_error("#pragma", WbemStatus::MOF_INVALID_PRAGMA, (1, 8));
    check_error("#pragma namespace(\"a\", \"b\")", WbemStatus::MOF_INVALID_NAMESPACE_SYNTAX, (1, 1));
    check_error(r#"#pragma namespace("\\\\far\\root")"#, WbemStatus::MOF_INVALID_NAMESPACE_SYNTAX, (1, 1));
    check_error("#pragma classflags(\"sometimes\")", WbemStatus::MOF_INVALID_FLAGS_SYNTAX, (1, 9));
    check_error("#pragma deleteclass(\"C\")", WbemStatus::MOF_INVALID_DELETECLASS_SYNTAX, (1, 1));
    check_error("#pragma deleteinstance(\"C=@\")", WbemStatus::MOF_INVALID_DELETEINSTANCE_SYNTAX, (1, 1));
    check_error("#pragma amendment", WbemStatus::MOF_INVALID_AMENDMENT_SYNTAX, (1, 1));
    check_error("#pragma include(\"gone.mof\")", WbemStatus::MOF_ERROR_INVALID_INCLUDE_FILE, (1, 1));
    check_error("Qualifier X boolean;", WbemStatus::MOF_INVALID_QUALIFIER_SYNTAX, (1, 13));
}

#[test]
fn a_flavor_is_one_of_six_words_that_agree() {
    check_error("[X : Sometimes] class C {};", WbemStatus::MOF_EXPECTED_FLAVOR_TYPE, (1, 6));
    check_error("[X : EnableOverride DisableOverride] class C {};", WbemStatus::MOF_INCOMPATIBLE_FLAVOR_TYPES, (1, 21));
    check_error("[X : Restricted ToSubclass] class C {};", WbemStatus::MOF_INCOMPATIBLE_FLAVOR_TYPES2, (1, 17));
    check_error("[X, x] class C {};", WbemStatus::MOF_DUPLICATE_QUALIFIER, (1, 5));
    check_error("class C { [CIMTYPE(\"string\")] uint32 P; };", WbemStatus::MOF_CIMTYPE_QUALIFIER, (1, 12));
    check_error("[X('c')] class C {};", WbemStatus::INVALID_QUALIFIER_TYPE, (1, 4));
    let flavors = |text: &str| class(text, "C").qualifiers.0.iter().map(|q| q.flavor.0).collect::<Vec<_>>();
    assert_eq!(flavors("[A, B : ToInstance, D : ToSubclass DisableOverride, E : Amended] class C {};"), [0, 1, 0x12, 0x80]);
    // Declared once, used often; a use that states its own replaces the declared one.
    assert_eq!(flavors("Qualifier A : ToSubclass Amended; [A, B] class C {};"), [0x82, 0]);
    assert_eq!(flavors("Qualifier A : ToSubclass; [A : ToInstance, B] class C {};"), [1, 0]);
    assert_eq!(flavors("Qualifier A : boolean = false, Scope(class, any), Flavor(DisableOverride); [A] class C {};"), [0x12]);
    assert_eq!(flavors("Qualifier A : string[], Scope(any), Flavor(EnableOverride, Restricted); [A{\"x\"}] class C {};"), [0]);
}

#[test]
fn the_type_of_a_qualifier_is_that_of_its_constant() {
    let text = r#"[A, B(FALSE), D(-5), E(1.5), F("x"), G{1, 2}, H{"x", "y"}, I(4294967295), J(NULL)] class C {};"#;
    let class = class(text, "C");
    let shown: Vec<_> = class.qualifiers.0.iter().map(|q| (q.ty.to_string(), q.value.clone())).collect();
    let expect: Vec<(String, Value)> = [
        ("boolean", Value::from(true)),
        ("boolean", false.into()),
        ("sint32", (-5).into()),
        ("real64", 1.5.into()),
        ("string", "x".into()),
        ("sint32[]", vec![1, 2].into()),
        ("string[]", vec!["x".to_owned(), "y".to_owned()].into()),
        ("sint32", (-1).into()),
        ("string", Value::Null),
    ]
    .map(|(t, v)| (t.to_owned(), v))
    .to_vec();
    assert_eq!(shown, expect);
}

#[test]
fn every_way_to_write_a_type_is_understood() {
    let text = r#"class C {
        uint8 A[]; uint8 B[16]; Base ref D; object ref E; ref F; object G; Base H; Base I[]; object:Base J; SInt32 K; Base REF L[];
        void M(); Base N([in] Base ref A, [in, out] string B[]);
    };"#;
    let class = class(text, "C");
    let cimtypes: Vec<_> =
        class.properties.iter().map(|p| format!("{} {} {}", p.name, p.ty, p.qualifiers.text("CIMTYPE").unwrap())).collect();
    let expect = [
        "A uint8[] uint8",
        "B uint8[] uint8",
        "D ref ref:Base",
        "E ref ref",
        "F ref ref",
        "G object object",
        "H object object:Base",
        "I object[] object:Base",
        "J object object:Base",
        "K sint32 sint32",
        "L ref[] ref:Base",
    ];
    assert_eq!(cimtypes, expect);
    assert_eq!((class.methods[0].input.as_ref(), class.methods[0].output.as_ref()), (None, None));
}

#[test]
fn parameters_are_numbered_across_both_sides() {
    let text = "class C { uint32 M([in] string A, [out] uint8 B[], [in, out] Base D); };";
    let class = class(text, "C");
    let shown = |side: &Option<Arc<crate::Class>>| {
        let side = side.as_ref().unwrap();
        assert_eq!((side.name.as_str(), side.is_abstract()), ("__PARAMETERS", true));
        let qualifiers = |p: &crate::Property| {
            let shown: Vec<_> = p.qualifiers.0.iter().map(|q| format!("{}:{:02x}", q.name, q.flavor.0)).collect();
            format!("{} {} {:?}", p.name, shown.join(" "), p.qualifiers.get("ID").map(|q| q.value.as_integer().unwrap()))
        };
        side.properties.iter().map(qualifiers).collect::<Vec<_>>()
    };
    assert_eq!(shown(&class.methods[0].input), ["A CIMTYPE:03 in:00 ID:11 Some(0)", "D CIMTYPE:03 in:00 ID:11 Some(2)"]);
    let output = ["B CIMTYPE:03 out:00 ID:11 Some(1)", "D CIMTYPE:03 out:00 ID:11 Some(2)", "ReturnValue CIMTYPE:03 out:00 None"];
    assert_eq!(shown(&class.methods[0].output), output);
    check_error("class C { void M(string A); };", WbemStatus::MOF_MUST_BE_IN_OR_OUT, (1, 16));
    check_error("class C { void M([in] string A, [out] string a); };", WbemStatus::INVALID_DUPLICATE_PARAMETER, (1, 16));
    check_error("class C { void M([in, ID(0)] string A, [in] string B); };", WbemStatus::MISSING_PARAMETER_ID, (1, 16));
    check_error("class C { void M([in, ID(0)] string A, [in, ID(0)] string B); };", WbemStatus::INVALID_PARAMETER_ID, (1, 16));
    check_error("class C { void M([in, ID(0)] string A, [in, ID(2)] string B); };", WbemStatus::NONCONSECUTIVE_PARAMETER_IDS, (1, 16));
}

#[test]
fn a_subclass_inherits_and_overrides() {
    let text =
        r#"class C : Base { [read : ToSubclass, Override("Size")] uint32 SIZE; string Own; [Implemented] uint32 Act([in] string What); };"#;
    let class = class(text, "C");
    let shown: Vec<_> = class
        .properties
        .iter()
        .map(|p| {
            let qualifiers: Vec<_> = p.qualifiers.0.iter().map(|q| format!("{}:{:02x}", q.name, q.flavor.0)).collect();
            format!("{} {} {} {:?} {} {}", p.name, p.origin, p.inherited, p.default, p.default_inherited, qualifiers.join(" "))
        })
        .collect();
    let expect = [
        "Id 0 true Null true CIMTYPE:23 key:33",
        "Size 0 true Null false CIMTYPE:03 read:02 Override:00",
        "Note 0 true String(\"none\") true CIMTYPE:23",
        "Own 1 false Null false CIMTYPE:03",
    ];
    assert_eq!(shown, expect);
    assert_eq!((class.methods.len(), class.methods[0].flags, class.methods[0].origin), (1, 0x20, 0));
    assert_eq!(class.parent.as_ref().map(|p| p.name.as_str()), Some("Base"));
}

#[test]
fn a_class_that_breaks_its_ancestors_rules_is_refused() {
    check_error("class C : Gone { };", WbemStatus::INVALID_SUPERCLASS, (1, 11));
    check_error("class C : Base { string Size; };", WbemStatus::TYPE_MISMATCH, (1, 25));
    check_error("class C : Base { uint32 Size[]; };", WbemStatus::TYPE_MISMATCH, (1, 25));
    check_error("class C : Base { [key] string More; };", WbemStatus::CANNOT_BE_KEY, (1, 31));
    check_error("class C : Base { [key(FALSE)] string Id; };", WbemStatus::OVERRIDE_NOT_ALLOWED, (1, 38));
    check_error("class C { [key] real64 Id; };", WbemStatus::CANNOT_BE_KEY, (1, 24));
    check_error("class C { [key] string Id[]; };", WbemStatus::CANNOT_BE_KEY, (1, 24));
    check_error("[singleton] class C { [key] string Id; };", WbemStatus::CANNOT_BE_SINGLETON, (1, 19));
    check_error("[abstract] class C : Base { };", WbemStatus::CANNOT_BE_ABSTRACT, (1, 18));
    check_error("class Base : Base { };", WbemStatus::CIRCULAR_REFERENCE, (1, 7));
    check_error("class C { void M(); void m(); };", WbemStatus::INVALID_METHOD, (1, 16));
    // Repeating a key is no change.
    assert!(class("class C : Base { [key] string Id; };", "C").properties[0].is_key());
}

#[test]
fn a_chain_of_classes_ends_before_the_stack_does() {
    let mut text = "class C0 { };\n".to_owned();
    for i in 0..crate::schema::ANCESTORS_MAX + 1 {
        text.push_str(&format!("class C{} : C{i} {{ }};\n", i + 1));
    }
    check_error(&text, WbemStatus::QUOTA_VIOLATION, (crate::schema::ANCESTORS_MAX + 2, 7));
}

#[test]
fn an_alias_stands_for_a_path() {
    let text = r#"
        class Link { [key] Base ref A; [key] string B; Base ref C[]; };
        #pragma namespace("root")
        instance of Base as $one { Id = "a\"b"; };
        instance of Link { A = $ONE; B = "x"; C = {$one, "Base.Id=\"2\""}; };"#;
    let store = compiled(text);
    let link = &store.instances("root")[1];
    let path = r#"\\.\root:Base.Id="a\"b""#;
    assert_eq!(link.get("A"), Some(&Value::Reference(path.into())));
    assert_eq!(link.get("C"), Some(&Value::Array(vec![Value::Reference(path.into()), Value::Reference("Base.Id=\"2\"".into())])));
    check_error("instance of Base as $a { Id = $b; };", WbemStatus::MOF_UNEXPECTED_ALIAS, (1, 31));
    check_error("instance of Base as $a { };", WbemStatus::NO_KEY, (1, 13));
    let twice = "instance of Base as $a { Id = \"1\"; };\ninstance of Base as $A { Id = \"2\"; };";
    check_error(twice, WbemStatus::MOF_MULTIPLE_ALIASES, (2, 1));
}

#[test]
fn an_instance_has_the_values_of_its_class_where_it_sets_none() {
    let store = compiled(r#"[Q] instance of base { Id = "1"; [R] note = NULL; };"#);
    let [instance] = store.instances("root") else { panic!() };
    assert_eq!(instance.values, [Value::from("1"), Value::from(7u32), Value::Null]);
    assert_eq!(instance.is_default, [false, true, false]);
    assert!(instance.qualifiers.is_set("Q") && instance.property_qualifiers.as_ref().unwrap()[2].is_set("r"));
    check_error("instance of Gone { };", WbemStatus::INVALID_CLASS, (1, 13));
    check_error("instance of Base { Gone = 1; };", WbemStatus::INVALID_PROPERTY, (1, 20));
    check_error("instance of Base { Id = \"a\"; ID = \"b\"; };", WbemStatus::MOF_DUPLICATE_PROPERTY, (1, 30));
    check_error("[abstract] class A { };\ninstance of A { };", WbemStatus::INVALID_OPERATION, (2, 13));
    check_error("instance of Base { };", WbemStatus::NO_KEY, (1, 13));
}

#[test]
fn an_instance_stands_inside_another() {
    let text = r#"
        class Box { [key] uint32 N; Base One; object Many[]; };
        instance of Box { N = 1; One = instance of Base { Id = "x"; }; Many = { instance of Base { Id = "y"; }, instance of Box { N = 2; } }; };"#;
    let store = compiled(text);
    let [instance] = store.instances("root") else { panic!() };
    let Some(Value::Object(one)) = instance.get("One") else { panic!() };
    assert_eq!(one.as_instance().unwrap().get::<String>("Id"), Ok("x".into()));
    let Some(Value::Array(many)) = instance.get("Many") else { panic!() };
    assert_eq!(many.len(), 2);
    let text = print_instance(instance);
    let mut again = store.clone();
    compile_into(&parse("again", &text).unwrap(), "root", &mut again).unwrap_or_else(|e| panic!("{}", e.render()));
    assert_eq!(again.instances("root"), store.instances("root"), "{text}");
    check_error(
        "class Box { [key] uint32 N; object One; };\ninstance of Box { N = 1; One = instance of Box as $x { }; };",
        WbemStatus::MOF_ALIASES_IN_EMBEDDED,
        (2, 53),
    );
}

#[test]
fn pragmas_say_where_and_how() {
    let mut store = store();
    let text = r#"
        #pragma autorecover
        #PRAGMA namespace ("//./root/other")
        class A { [key] uint32 N; };
        instance of A { N = 1; };
        instance of A { N = 2; };
        #pragma deleteinstance("A.N=1", FAIL)
        #pragma deleteinstance("A.N=9", NOFAIL)
        #pragma deleteclass("Gone", NOFAIL)
        #pragma unheard("of", 5)
        #pragma classflags("createonly")
        class B { };
    "#;
    let compiled = compile(&parse("t.mof", text).unwrap(), &mut store).unwrap();
    assert_eq!((compiled.classes, compiled.instances, compiled.deleted, compiled.autorecover), (2, 2, 1, true));
    assert_eq!(compiled.namespaces.into_iter().collect::<Vec<_>>(), [r"root\other"]);
    assert_eq!(store.instances(r"ROOT\Other").len(), 1);
    check_error("#pragma classflags(\"createonly\")\nclass Base { };", WbemStatus::ALREADY_EXISTS, (2, 7));
    check_error("#pragma classflags(\"updateonly\")\nclass New { };", WbemStatus::NOT_FOUND, (2, 7));
    check_error("#pragma instanceflags(\"updateonly\")\ninstance of Base { Id = \"1\"; };", WbemStatus::NOT_FOUND, (2, 13));
    check_error("#pragma deleteclass(\"Gone\", FAIL)", WbemStatus::NOT_FOUND, (1, 1));
    check_error("#pragma deleteinstance(\"Base.\", FAIL)", WbemStatus::MOF_INVALID_DELETEINSTANCE_SYNTAX, (1, 1));
    // Nothing said: root\default.
    let mut store = Memory::new();
    compile(&parse("t.mof", "class A { };").unwrap(), &mut store).unwrap();
    assert!(store.class(DEFAULT_NAMESPACE, "a").is_some());
}

#[test]
fn an_included_file_is_compiled_in_its_place() {
    let mut store = store();
    store.add_include("inner.mof", "Qualifier Q : ToSubclass; class Inner { };");
    store.add_include("bad.mof", "class Inner {");
    store.add_include("circle.mof", "#include \"circle.mof\"");
    let text = "#pragma include(\"inner.mof\")\n[Q] class Outer : Inner { };";
    compile_into(&parse("outer.mof", text).unwrap(), "root", &mut store).unwrap();
    assert_eq!(store.class("root", "Outer").unwrap().qualifiers.0[0].flavor, Flavor(Flavor::TO_SUBCLASS));
    let failure = |store: &mut Memory, text: &str| compile(&parse("outer.mof", text).unwrap(), store).unwrap_err();
    let bad = failure(&mut store, "#include \"bad.mof\"");
    assert_eq!((bad.source_name(), bad.status), ("bad.mof", WbemStatus::MOF_EXPECTED_CLOSE_BRACE));
    assert_eq!(failure(&mut store, "#include \"circle.mof\"").status, WbemStatus::MOF_ERROR_INVALID_INCLUDE_FILE);
}

#[test]
fn a_macro_stands_for_its_text() {
    let text = "#define COUNT 0x10 // sixteen\n#define QS read, \\\n  Units(\"B\" \\\r\n \"ytes\")\nclass C { [QS] uint32 P = COUNT; };";
    let class = class(text, "C");
    assert_eq!((class.properties[0].default.clone(), class.properties[0].qualifiers.text("Units")), (Value::Uint32(16), Some("Bytes")));
    check_error("#define F(x) x\nclass C {};", WbemStatus::MOF_INVALID_PRAGMA, (1, 1));
    check_error("#if 1\nclass C {};", WbemStatus::MOF_INVALID_PRAGMA, (1, 1));
    // A macro inside itself stays a name, as in C.
    check_error("#define A B\n#define B A\nclass C { uint32 P = A; };", WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE, (2, 11));
    // A billion laughs.
    let mut bomb = "#define A0 \"ha\" \"ha\"\n".to_owned();
    for i in 0..30 {
        bomb.push_str(&format!("#define A{} A{i} A{i} A{i}\n", i + 1));
    }
    bomb.push_str("class C { string P = A30; };");
    assert_eq!(parse("t", &bomb).unwrap_err()[0].status, WbemStatus::MOF_INVALID_FILE);
}

#[test]
fn several_errors_are_reported_and_not_too_many() {
    let errors = parse("t.mof", "class A { uint32 };\nclass B { string S = ; uint32 N };\nclass C { };\n?\nclass D {").unwrap_err();
    let places: Vec<_> = errors.iter().map(|e| (e.position().0, e.status)).collect();
    let expect = [
        (1, WbemStatus::MOF_EXPECTED_PROPERTY_NAME),
        (2, WbemStatus::MOF_ILLEGAL_CONSTANT_VALUE),
        (2, WbemStatus::MOF_EXPECTED_SEMI),
        (4, WbemStatus::MOF_UNRECOGNIZED_TOKEN),
        (5, WbemStatus::MOF_EXPECTED_CLOSE_BRACE),
    ];
    assert_eq!(places, expect);
    assert_eq!(parse("t", &"? ".repeat(100_000)).unwrap_err().len(), limits::ERRORS_MAX);
}

#[test]
fn an_error_shows_file_line_and_caret() {
    let errors = parse("demo.mof", "class A\n{\n  uint32 P = 5\n};\n").unwrap_err();
    assert_eq!(errors[0].to_string(), "demo.mof:3:15: expected ; (WBEMMOF_E_EXPECTED_SEMI (0x80044002))");
    assert_eq!(errors[0].render(), "demo.mof:3:15: WBEMMOF_E_EXPECTED_SEMI (0x80044002)\n  uint32 P = 5\n              ^ expected ;");
    // A line of a million characters is cut around the place.
    let long = format!("{}?{}", " ".repeat(1_000_000), " ".repeat(1_000_000));
    assert!(parse("t", &long).unwrap_err()[0].render().len() < 2000);
}

#[test]
fn what_is_too_big_is_refused_before_it_costs() {
    let refused = |text: &str| {
        let started = std::time::Instant::now();
        let error = parse("t", text).unwrap_err().remove(0);
        assert!(started.elapsed().as_secs() < 20);
        error.status
    };
    assert_eq!(refused(&" ".repeat(100 << 20)), WbemStatus::MOF_INVALID_FILE);
    let many: String = (0..5_000).map(|i| format!("uint32 P{i};")).collect();
    assert_eq!(refused(&format!("class C {{ {many} }};")), WbemStatus::TOO_MANY_PROPERTIES);
    let half = |from: usize| (from..from + 600).map(|i| format!("uint32 P{i};")).collect::<String>();
    check_error(&format!("class A {{ {} }};\nclass B : A {{ {} }};", half(0), half(600)), WbemStatus::TOO_MANY_PROPERTIES, (2, 5134));
    let deep = format!("class C {{ object P = {} NULL {}; }};", "instance of C { P = ".repeat(100_000), "; }".repeat(100_000));
    assert_eq!(refused(&deep), WbemStatus::MOF_INVALID_FILE);
    assert_eq!(refused(&format!("class C {{ uint32 P = {}", "{".repeat(1_000_000))), WbemStatus::MOF_INVALID_FILE);
}

#[test]
fn octets_are_text_by_their_mark() {
    let text = "class C { string P = \"ä\"; };";
    let le: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let be: Vec<u8> = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    let marked: Vec<u8> = [0xef, 0xbb, 0xbf].into_iter().chain(text.bytes()).collect();
    let latin1: Vec<u8> = text.chars().map(|c| c as u8).collect();
    for octets in [text.as_bytes(), &le, &be, &marked, &latin1] {
        let mut store = Memory::new();
        compile(&parse_octets("t", octets).unwrap(), &mut store).unwrap();
        assert_eq!(store.class(DEFAULT_NAMESPACE, "C").unwrap().properties[0].default, Value::from("ä"));
    }
}

/// A text with everything in it.
const EVERYTHING: &str = r#"
#pragma namespace("\\\\.\\root")
Qualifier Q : uint32 = 5, Scope(class, property), Flavor(ToSubclass);
[Q(7), Text("a" "\x41") : ToInstance DisableOverride, List{"x", "y"}] class C as $c : Base
{
  [read, Units("B")] uint64 Total = 0x10; Base ref Link; object Any[]; real32 R = 1.5e1; char16 X = '\\';
  [Implemented] uint32 Do([in, ID(0)] string A, [out, ID(1)] Base B[]);
};
instance of C as $i { Id = "1"; Link = $i; Any = { instance of Base { Id = "2"; } }; };
#pragma deleteclass("Gone", NOFAIL)
"#;

#[test]
fn a_text_cut_anywhere_is_an_error_and_never_a_panic() {
    for at in 0..EVERYTHING.len() {
        exercise::octets(&EVERYTHING.as_bytes()[..at]);
    }
    let whole = EVERYTHING.replace("Link = $i;", "");
    compile_into(&parse("whole", &whole).unwrap(), "root", &mut store()).unwrap_or_else(|e| panic!("{}", e.render()));
    exercise::octets(whole.as_bytes());
}

#[test]
fn a_class_is_neutral_once_its_amended_texts_are_gone() {
    let text = r#"[Description("d") : Amended ToSubclass] class C { [Description("p") : Amended, read] uint32 P; };"#;
    let amended = class(text, "C");
    let neutral = crate::schema::neutral(&amended);
    assert_eq!((neutral.qualifiers.0.len(), neutral.properties[0].qualifiers.0.len()), (0, 2));
    assert!(Arc::ptr_eq(&neutral, &crate::schema::neutral(&neutral)));
}

fn any_value() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        any::<i8>().prop_map(|v| ("sint8", v.into())),
        any::<u8>().prop_map(|v| ("uint8", v.into())),
        any::<i64>().prop_map(|v| ("sint64", v.into())),
        any::<u64>().prop_map(|v| ("uint64", v.into())),
        any::<f32>().prop_filter("a number", |f| f.is_finite()).prop_map(|v| ("real32", v.into())),
        any::<f64>().prop_filter("a number", |f| f.is_finite()).prop_map(|v| ("real64", v.into())),
        any::<bool>().prop_map(|v| ("boolean", v.into())),
        any::<u16>().prop_map(|v| ("char16", Value::Char16(v))),
        any::<String>().prop_filter("no NUL", |s| !s.contains('\0')).prop_map(|v| ("string", v.into())),
        any::<String>().prop_filter("no NUL", |s| !s.contains('\0')).prop_map(|v| ("object ref", Value::Reference(v))),
        prop::collection::vec("[^\0]{0,8}", 0..4).prop_map(|v| ("string[]", v.into())),
    ]
}

proptest! {
    #[test]
    fn any_value_survives_print_and_compile((ty, value) in any_value()) {
        let (ty, brackets) = ty.strip_suffix("[]").map_or((ty, ""), |t| (t, "[]"));
        let text = format!("class C {{ [key] uint32 N; {ty} P{brackets}; }};");
        let mut store = Memory::new();
        compile(&parse("c", &text).unwrap(), &mut store).unwrap();
        let mut instance = Instance::new(store.class(DEFAULT_NAMESPACE, "C").unwrap());
        instance.set("N", 1u32).unwrap();
        instance.set("P", value).unwrap();
        let printed = print_instance(&instance);
        let document = parse("i", &printed).map_err(|e| TestCaseError::fail(e[0].render()))?;
        compile(&document, &mut store).map_err(|e| TestCaseError::fail(e.render()))?;
        prop_assert_eq!(&store.instances(DEFAULT_NAMESPACE)[0], &instance, "{}", printed);
        let mut class = (*instance.class).clone();
        class.properties[1].default = instance.values[1].clone();
        compile(&parse("c", &print_class(&class)).unwrap(), &mut store).unwrap();
        prop_assert_eq!(&*store.class(DEFAULT_NAMESPACE, "C").unwrap(), &class);
    }

    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(0usize..40, 0..60)) {
        let words = [
            "class", "instance", "of", "C", "Base", "{", "}", ";", ":", "[", "]", "(", ")", "=", ",", "$a", "as", "\"s\"", "\"", "'c'", "5",
            "0x", "1.5", "-", "#pragma", "#define", "#include", "namespace", "key", "uint32", "ref", "void", "NULL", "Qualifier", "\\", "\n",
            "/*", "*/", "//", "ä",
        ];
        let text: String = pieces.iter().map(|i| format!("{} ", words[*i])).collect();
        exercise::octets(text.as_bytes());
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        exercise::octets(&octets);
    }

    #[test]
    fn a_text_with_a_piece_elsewhere_still_prints_what_it_compiles(from in 0usize..800, len in 0usize..60, to in 0usize..800) {
        let mut octets = EVERYTHING.replace("Link = $i;", "").into_bytes();
        let from = from.min(octets.len());
        let piece: Vec<u8> = octets.drain(from..(from + len).min(octets.len())).collect();
        let to = to.min(octets.len());
        octets.splice(to..to, piece);
        exercise::octets(&octets);
    }
}

#[test]
fn an_embedded_class_of_a_keyword_name_keeps_its_type() {
    let class = class("class C { object:string P; };", "C");
    assert!(print_class(&class).contains("object:string P;"));
}

#[test]
fn a_name_that_is_none_does_not_reach_a_terminal() {
    let class = crate::Class { name: "C\u{1b}[2J\n".into(), ..crate::Class::default() };
    assert_eq!(print_class(&class), "class C\u{fffd}\u{fffd}2J\u{fffd}\n{\n};\n");
    let hostile = crate::Property { default: Value::from("\u{1b}[2J\u{202e}"), ..crate::Property::new("P", crate::CimType::String) };
    let class = crate::Class { name: "C".into(), properties: vec![hostile], ..crate::Class::default() };
    assert!(print_class(&class).contains(r#""\x001b[2J\x202e""#), "{}", print_class(&class));
}

#[test]
fn localised_texts_go_below_where_a_pragma_says_so() {
    let text = "#pragma amendment(\"MS_407\")\nclass __NAMESPACE { [key] string Name; };\n\
                [Description(\"Wort\") : Amended ToSubclass, mine] class A { [key] string K; };\n class B { [key] string K; };";
    let mut memory = Memory::new();
    let done = compile_into(&parse("t.mof", text).unwrap(), "root", &mut memory).unwrap();
    assert_eq!(done.namespaces, ["root", r"root\ms_407"].map(str::to_owned).into());
    assert_eq!(print_class(&memory.class("root", "A").unwrap()), "[mine]\nclass A\n{\n  [key] string K;\n};\n");
    let texts = "[Amendment, LOCALE(1031), Description(\"Wort\") : ToSubclass Amended]\nclass A\n{\n};\n";
    assert_eq!(print_class(&memory.class(r"root\ms_407", "A").unwrap()), texts);
    assert!(memory.class(r"root\ms_407", "B").is_none());
    assert_eq!(memory.instances("root")[0].get("Name").unwrap().as_str(), Some("ms_407"));
    let refused = |text: &str| compile_into(&parse("t.mof", text).unwrap(), "root", &mut Memory::new()).unwrap_err().status;
    assert_eq!(refused("#pragma amendment(\"German\")"), WbemStatus::MOF_INVALID_AMENDMENT_SYNTAX);
    assert_eq!(refused("#pragma amendment(\"MS_407\")\n#pragma amendment(\"MS_409\")"), WbemStatus::MOF_INVALID_DUPLICATE_AMENDMENT);
}
