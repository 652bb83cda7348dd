use super::*;
use crate::mof::{self, Memory, Target};

/// All classes of a text in the standard's MOF, without the declarations of qualifiers, and what was changed.
fn check(text: &str, expect: &str, changes: &[(&str, &[&str])]) {
    let standard = standard(text);
    let classes = standard
        .text
        .split_once("\n[")
        .map_or_else(|| standard.text.split_once("\nclass").map(|(_, c)| format!("class{c}")), |(_, c)| Some(format!("[{c}")));
    assert_eq!(classes.unwrap_or_default().trim_end(), expect.trim(), "{}", standard.text);
    let told: Vec<(&str, Vec<&str>)> =
        standard.changes.iter().map(|c| (c.what.as_str(), c.places.iter().map(String::as_str).collect())).collect();
    let expect: Vec<(&str, Vec<&str>)> = changes.iter().map(|(what, places)| (*what, places.to_vec())).collect();
    assert_eq!(told, expect);
}

fn standard(text: &str) -> Standard {
    let document = mof::parse("t.mof", text).unwrap_or_else(|e| panic!("{e:?}"));
    let mut memory = Memory::new();
    mof::compile_into(&document, "root", &mut memory).unwrap_or_else(|e| panic!("{}", e.render()));
    let classes: Vec<Arc<Class>> = memory.classes("root").cloned().collect();
    print_standard(&classes)
}

const FLAVORS: &str = "other flavors than the standard's, on its own qualifiers: the standard's";

#[test]
fn classes_come_after_what_they_need() {
    let text = "class Z { uint8 N; }; class A : Z { }; [Association] class B { [key] A ref Left; [key] Z ref Right; B ref Next; };";
    let standard = standard(text).text;
    let order: Vec<&str> = standard.lines().filter(|l| l.starts_with("class")).collect();
    assert_eq!(order, ["class Z", "class A : Z", "class B"]);
    assert!(standard.contains("  [Key] A ref Left;\n  [Key] Z ref Right;\n  B ref Next;\n"), "{standard}");
}

#[test]
fn classes_that_need_each_other_are_told() {
    let text = "class X { }; [Association] class L { X ref Left; X ref Right; }; [Association] class M { L ref Left; X ref Right; };";
    let document = mof::parse("t.mof", text).unwrap();
    let mut memory = Memory::new();
    mof::compile_into(&document, "root", &mut memory).unwrap();
    let other = mof::parse("t.mof", "[Association] class L { M ref Left; X ref Right; };").unwrap();
    mof::compile_into(&other, "root", &mut memory).unwrap();
    let classes: Vec<Arc<Class>> = memory.classes("root").cloned().collect();
    let standard = print_standard(&classes);
    let told = "reference of no class, to a class that is not exported yet, or outside an association: a string";
    assert_eq!(standard.changes.iter().find(|c| c.what == told).unwrap().places, ["M.Left"]);
    assert!(standard.text.contains("class M\n{\n  string Left;\n  X ref Right;\n}"), "{}", standard.text);
}

#[test]
fn embedded_objects_are_strings() {
    check(
        "class A { }; class B { A One; object Any[]; uint32 Do([in] A Given, [out, in] object Both); };",
        "class A\n{\n};\n\nclass B\n{\n  [EmbeddedInstance(\"A\")] string One;\n  [EmbeddedObject] string Any[];\n  \
         uint32 Do([In, EmbeddedInstance(\"A\")] string Given, [In, Out, EmbeddedObject] string Both);\n};",
        &[
            ("embedded object of no class, or of one that is not exported yet: a string with EmbeddedObject", &["B.Any", "B.Do(Both)"]),
            ("embedded object: a string with EmbeddedInstance", &["B.One", "B.Do(Given)"]),
        ],
    );
}

#[test]
fn a_reference_stands_in_an_association_only() {
    let what = "reference of no class, to a class that is not exported yet, or outside an association: a string";
    check("class A { A ref Other; object ref Any; };", "class A\n{\n  string Other;\n  string Any;\n};", &[(what, &["A.Other", "A.Any"])]);
}

#[test]
fn what_only_goes_out_says_that_it_does_not_go_in() {
    let changes = [("void: uint32", &["A.M()"][..])];
    check(
        "class A { void M([out] uint32 R, [in] string S); };",
        "class A\n{\n  uint32 M([In(FALSE), Out] uint32 R, [In] string S);\n};",
        &changes,
    );
}

#[test]
fn an_override_is_marked() {
    check(
        "class A { uint8 N = 1; uint32 M(); }; class B : A { uint8 N = 2; [Override(\"X\")] uint32 M(); [Override(\"N\")] uint8 O; };",
        "class A\n{\n  uint8 N = 1;\n  uint32 M();\n};\n\n\
         class B : A\n{\n  [Override(\"N\")] uint8 N = 2;\n  uint8 O;\n  [Override(\"M\")] uint32 M();\n};",
        &[
            ("Override by another name: by its own", &["B.M()"]),
            ("Override of what no ancestor has: left out", &["B.O"]),
            ("override that WMI does not mark: with Override", &["B.N"]),
        ],
    );
}

#[test]
fn qualifiers_of_the_standard_have_its_types_scopes_and_flavors() {
    let text = "[Association] class A { [read] A ref R; [MaxLen(-1)] string S; [MaxLen(9): ToInstance ToSubclass, Deprecated(\"x\")] string T; \
                [Write(\"yes\")] uint8 U; };";
    check(
        text,
        "[Association]\nclass A\n{\n  A ref R;\n  string S;\n  [MaxLen(9), Deprecated {\"x\"}] string T;\n  uint8 U;\n};",
        &[
            ("MaxLen of another type than the standard's: left out", &["A.S"]),
            ("Read where the standard does not allow it: left out", &["A.R"]),
            ("Write of another type than the standard's: left out", &["A.U"]),
            ("flavor ToInstance: left out", &["A.T"]),
        ],
    );
    let text = standard(text).text;
    assert!(
        text.contains(
            "Qualifier MaxLen : uint32 = null,\n    Scope(property, parameter, method),\n    Flavor(EnableOverride, ToSubclass);\n"
        )
    );
    assert!(!text.contains("Qualifier Write"));
}

#[test]
fn other_qualifiers_are_declared_as_they_are_first_used() {
    check(
        "[Mine(5) : ToSubclass Amended, provider(\"p\")] class A { [Mine(6)] uint8 N; [Mine(\"six\")] uint8 M; };",
        "[Mine(5), provider(\"p\")]\nclass A\n{\n  [Mine(6) : Restricted] uint8 N;\n  uint8 M;\n};"
            .replace("Mine(5)", "Mine(5) : Translatable")
            .as_str(),
        &[("Mine of two types: only as it was first used", &["A.M"])],
    );
    let text = standard("[Mine(5) : ToSubclass DisableOverride] class A { };").text;
    assert_eq!(
        text,
        "Qualifier Mine : sint32 = null,\n    Scope(any),\n    Flavor(DisableOverride, ToSubclass);\n\n[Mine(5)]\nclass A\n{\n};\n"
    );
}

#[test]
fn flavors_that_differ_are_told() {
    let changes = [(FLAVORS, &["A [Description]"][..])];
    check("[Description(\"x\")] class A { };", "[Description(\"x\")]\nclass A\n{\n};", &changes);
}

#[test]
fn a_class_without_its_superclass_stands_alone() {
    let document = mof::parse("t.mof", "class A { [key] string K; uint8 N = 7; }; class B : A { string T; };").unwrap();
    let mut memory = Memory::new();
    mof::compile_into(&document, "root", &mut memory).unwrap();
    let standard = print_standard(&[memory.class("root", "B").unwrap()]);
    assert!(standard.text.ends_with("class B\n{\n  [Key] string K;\n  uint8 N = 7;\n  string T;\n};\n"), "{}", standard.text);
    assert_eq!(standard.changes.last().unwrap().places, ["B : A"]);
}

#[test]
fn reals_have_a_point() {
    check("class A { real64 R = 1e300; real32 S = 2.0; };", "class A\n{\n  real64 R = 1.0e300;\n  real32 S = 2.0;\n};", &[]);
}
