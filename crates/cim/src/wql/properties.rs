//! Laws over queries that chance makes up.

use super::ast::{Associators, Source, Test, Traversal};
use super::tests::{disk, disk_class};
use super::*;
use crate::{ObjectPath, PathKeys, Value};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9_]{0,8}|Größe|名前".prop_filter("a word of WQL", |w| parse(&format!("SELECT {w} FROM X")).is_ok())
}

fn name() -> impl Strategy<Value = Name> {
    word().prop_map(Name::new)
}

fn path() -> impl Strategy<Value = PropertyPath> {
    (name(), vec(name(), 0..3)).prop_map(|(first, rest)| PropertyPath { first, rest })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), r#"[\\"'%_\[\]{}a-c ]{0,12}"#]
}

fn operator() -> impl Strategy<Value = Operator> {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    proptest::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        text().prop_map(Literal::String),
        r"[+-]?([0-9]{1,6}(\.[0-9]{0,3})?|\.[0-9]{1,3})([eE][+-]?[0-9]{1,2})?|-?0[xX][0-9a-f]{1,8}".prop_map(Literal::Number)
    ]
}

fn constant(literal: Literal) -> Constant {
    Constant { literal, span: Span::default() }
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let equality = prop_oneof![Just(Operator::Equal), Just(Operator::NotEqual)];
    let word = prop_oneof![any::<bool>().prop_map(Literal::Boolean), Just(Literal::Null)];
    prop_oneof![
        (operator(), literal()).prop_map(|(op, l)| Predicate::Compare(op, constant(l))),
        (equality, word).prop_map(|(op, l)| Predicate::Compare(op, constant(l))),
        literal().prop_map(|l| Predicate::Like(constant(l))),
        Just(Predicate::IsNull),
        Just(Predicate::IsNotNull),
        text().prop_map(|t| Predicate::IsA(Name::new(t))),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let test = (path(), predicate()).prop_map(|(path, predicate)| Condition::Test(Test { path, predicate, span: Span::default() }));
    test.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Condition::and),
            vec(inner.clone(), 2..4).prop_map(Condition::or),
            inner.prop_map(|c| Condition::Not(Box::new(c))),
        ]
    })
}

fn select() -> impl Strategy<Value = Select> {
    let columns = prop_oneof![Just(Columns::All), vec(path(), 1..4).prop_map(Columns::List)];
    (columns, name(), option::of(condition())).prop_map(|(columns, class, condition)| Select {
        columns,
        class,
        condition,
        text: Source::default(),
    })
}

fn object_path() -> impl Strategy<Value = ObjectPath> {
    let value = prop_oneof![text().prop_map(Value::String), any::<i64>().prop_map(Value::Sint64), any::<bool>().prop_map(Value::Boolean)];
    let keys = prop_oneof![
        Just(PathKeys::Singleton),
        value.clone().prop_map(PathKeys::Single),
        (word(), value).prop_map(|(n, v)| PathKeys::Named(vec![(n, v)])),
    ];
    (word(), keys, option::of(word())).prop_map(|(class, keys, namespace)| ObjectPath { server: None, namespace, class, keys })
}

fn associations() -> impl Strategy<Value = Associators> {
    let names = (option::of(name()), option::of(name()), option::of(name()), option::of(name()), option::of(name()), option::of(name()));
    (object_path(), names, any::<[bool; 2]>()).prop_map(|(path, (a, b, c, d, e, f), [class_defs_only, keys_only])| Associators {
        traversal: Traversal {
            path,
            path_span: Span::default(),
            result_class: if class_defs_only { None } else { a },
            role: b,
            required_qualifier: c,
            class_defs_only,
            keys_only,
            schema_only: false,
        },
        assoc_class: d,
        result_role: e,
        required_assoc_qualifier: f,
    })
}

fn query() -> impl Strategy<Value = Query> {
    let group = (any::<u32>(), vec(path(), 0..3), option::of((operator(), any::<u32>()))).prop_map(|(within, by, having)| Group {
        within,
        by,
        having,
    });
    let event = (select(), 0.0..1e7f64, option::of(group)).prop_map(|(select, s, group)| Event { select, within: Some(s), group });
    prop_oneof![
        4 => select().prop_map(Query::Select),
        2 => event.prop_map(Query::Event),
        1 => associations().prop_map(Query::Associators),
        1 => associations().prop_map(|a| Query::References(a.traversal)),
    ]
}

/// What holds for every text: an answer, and a place within the text for what is wrong.
fn check_any(text: &str) {
    match parse(text) {
        Ok(query) => {
            let printed = query.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(&query), "{text}\n{printed}");
            if let Query::Select(select) = query {
                check_bound(&select, text);
            }
        }
        Err(e) => check_error(&e, text),
    }
    let _ = parse_event(text);
}

fn check_error(e: &QueryError, text: &str) {
    assert_eq!(e.query(), text);
    assert!(e.diag.span.start <= e.diag.span.end && text.get(e.diag.span.clone()).is_some(), "{e}");
    assert!(!e.to_string().is_empty());
}

fn check_bound(select: &Select, text: &str) {
    let class = disk_class();
    match select.bind(&class) {
        Ok(bound) => {
            let matches = bound.matches(&disk()).unwrap();
            assert!(!(matches && bound.never_matches()), "{text}");
            // What equals by the query's own word is found when asked for.
            bound.equalities().iter().for_each(|(name, _)| assert!(class.property(name).is_some()));
            let row = select.project(&class, ProjectOptions::default()).unwrap().apply(&disk());
            row.iter().for_each(|(name, value)| assert_eq!(value, disk().get::<Value>(name)));
        }
        Err(e) => check_error(&e, text),
    }
    let _ = (select.equalities(), select.wanted(&class), select.prototype(&class));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_to_itself(query in query()) {
        let text = query.to_string();
        prop_assert_eq!(parse(&text).map_err(|e| e.to_string()), Ok(query), "{}", text);
    }

    #[test]
    fn any_text_has_an_answer(text in any::<String>()) {
        check_any(&text);
        check_any(&format!("SELECT * FROM X WHERE {text}"));
    }

    #[test]
    fn any_order_of_tokens_has_an_answer(tokens in vec(proptest::sample::select(TOKENS), 0..24), gap in "| |\t") {
        let text = tokens.join(&gap);
        check_any(&text);
        check_any(&format!("SELECT * FROM Win32_LogicalDisk WHERE {text}"));
    }

    #[test]
    fn a_condition_over_a_class_has_an_answer(
        tests in vec((proptest::sample::select(OPERANDS), proptest::sample::select(OPERATORS), proptest::sample::select(CONSTANTS), "AND|OR|AND NOT"), 1..5),
    ) {
        let mut text = String::from("SELECT Name FROM Win32_LogicalDisk WHERE");
        for (i, (operand, operator, constant, join)) in tests.iter().enumerate() {
            text += &format!(" {} {operand} {operator} {constant}", if i == 0 { "" } else { join });
        }
        check_any(&text);
    }
}

#[test]
fn a_query_cut_anywhere_has_an_answer() {
    for text in [
        r#"SELECT a.b, __PATH FROM X WITHIN 1.5 WHERE NOT (a = "x\"y" OR 'é' <> b) AND c LIKE "%" GROUP WITHIN 3 BY a, b.c HAVING NumberOfEvents >= 5"#,
        r#"ASSOCIATORS OF {\\.\root\cimv2:X.A="}\"",B=0x1F} WHERE ResultClass = Y RequiredQualifier = "q" KeysOnly SchemaOnly"#,
        r#"SELECT * FROM meta_class WHERE __this ISA "X" OR __CLASS IS NOT NULL OR NULL = __Dynasty"#,
    ] {
        for at in (0..=text.len()).filter(|&i| text.is_char_boundary(i)) {
            check_any(&text[..at]);
            check_any(&text[at..]);
        }
    }
}

const TOKENS: &[&str] = &[
    "SELECT",
    "*",
    "FROM",
    "X",
    "WHERE",
    "a",
    ".",
    ",",
    "=",
    "<>",
    "<=",
    ">",
    "'x'",
    "\"y",
    "5",
    "-5.5",
    "0xF",
    "(",
    ")",
    "AND",
    "OR",
    "NOT",
    "LIKE",
    "IS",
    "ISA",
    "NULL",
    "TRUE",
    "meta_class",
    "__this",
    "__CLASS",
    "WITHIN",
    "GROUP",
    "BY",
    "HAVING",
    "NumberOfEvents",
    "ASSOCIATORS",
    "REFERENCES",
    "OF",
    "{X}",
    "{X.A=1}",
    "ResultClass",
    "Role",
    "KeysOnly",
    "SchemaOnly",
    ";",
    "+",
    "é",
    "\u{1F600}",
    "IN",
    "BETWEEN",
    "{",
    "\\",
];
const OPERANDS: &[&str] = &[
    "Name",
    "DeviceID",
    "FreeSpace",
    "DriveType",
    "Delta",
    "Compressed",
    "Load",
    "Ratio",
    "Installed",
    "Letter",
    "Partition",
    "Inner",
    "Inner.P_Uint32",
    "Inner.Text",
    "Inner.Deep.X",
    "Inner.__PATH",
    "FileSystem",
    "Tags",
    "__CLASS",
    "__RELPATH",
    "__GENUS",
    "__SERVER",
    "__this",
    "__DERIVATION",
];
const OPERATORS: &[&str] = &["=", "<>", "<", "<=", ">", ">=", "LIKE", "ISA", "IS", "IS NOT"];
const CONSTANTS: &[&str] = &[
    "NULL",
    "TRUE",
    "'TRUE'",
    "0",
    "1",
    "-1",
    "3.5",
    "1e999",
    "-1e999",
    "0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
    "''",
    "'C:'",
    "'[a-'",
    "'%'",
    "'é'",
    "'20240203000000.000000+000'",
    "'20240203'",
    "'Feb 3, 2024 3 PM'",
    "'00000001000000.000000:000'",
    "\"P.A='x',B=2\"",
    "Sub",
    "99999999999999999999999999999999999999999999",
];
