//! Laws of the language, over all its parts.

use super::*;
use crate::{CimType, Class, DateTime, Entity, Flavor, Instance, Object, Property, Qualifier, Value};
use std::sync::Arc;

pub(super) fn disk_class() -> Arc<Class> {
    let property = |name: &str, ty: CimType| Property::new(name, ty);
    let mut key = property("DeviceID", CimType::String);
    key.qualifiers.set(Qualifier::flag("key", Flavor::TO_INSTANCE));
    let mut tags = property("Tags", CimType::String);
    tags.ty.array = true;
    Arc::new(Class {
        name: "Win32_LogicalDisk".into(),
        derivation: vec!["CIM_LogicalDisk".into(), "CIM_LogicalElement".into()],
        properties: vec![
            property("Name", CimType::String),
            key,
            property("FreeSpace", CimType::Uint64),
            property("DriveType", CimType::Uint32),
            property("Delta", CimType::Sint64),
            property("Compressed", CimType::Boolean),
            property("Load", CimType::Real32),
            property("Ratio", CimType::Real64),
            property("Installed", CimType::DateTime),
            property("Letter", CimType::Char16),
            property("Partition", CimType::Reference),
            property("Inner", CimType::Object),
            property("FileSystem", CimType::String),
            tags,
        ],
        ..Class::default()
    })
}

fn inner() -> Entity {
    let class = Class {
        name: "Sub".into(),
        derivation: vec!["Base".into()],
        properties: vec![
            Property::new("P_Uint32", CimType::Uint32),
            Property::new("Text", CimType::String),
            Property::new("Deep", CimType::Object),
        ],
        ..Class::default()
    };
    let mut i = Instance::new(Arc::new(class));
    i.set("P_Uint32", 70011u32).unwrap();
    i.set("Text", "Hello").unwrap();
    i.into()
}

pub(super) fn disk() -> Object {
    let mut i = Instance::new(disk_class());
    let mut set = |name: &str, value: Value| i.set(name, value).unwrap();
    set("Name", "c:".into());
    set("DeviceID", "C:".into());
    set("FreeSpace", u64::MAX.into());
    set("DriveType", 3u32.into());
    set("Delta", (-5i64).into());
    set("Compressed", true.into());
    set("Load", 0.1f32.into());
    set("Ratio", 2.5f64.into());
    set("Installed", DateTime::from_text("20240203010000.000000+060").into());
    set("Letter", Value::Char16(b'q'.into()));
    set("Partition", Value::Reference(r#"\\LX1\ROOT\CIMV2:P.A="x",B=2"#.into()));
    set("Inner", Value::Object(Box::new(inner())));
    i.decoration = Some(crate::Decoration { server: "LX1".into(), namespace: r"ROOT\CIMV2".into() });
    i.into()
}

fn select(text: &str) -> Select {
    match parse(text) {
        Ok(Query::Select(s)) => s,
        other => panic!("{text}: {other:?}"),
    }
}

fn filter(condition: &str) -> Select {
    select(&format!("SELECT * FROM Win32_LogicalDisk WHERE {condition}"))
}

/// Whether the disk above fulfils each condition.
fn check(conditions: &[(&str, bool)]) {
    for (condition, expect) in conditions {
        let bound = filter(condition).bind(&disk_class()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(bound.matches(&disk()), Ok(*expect), "{condition}");
    }
}

fn refused(text: &str) -> QueryError {
    match parse(text) {
        Err(e) => e,
        Ok(Query::Select(s)) => s.bind(&disk_class()).expect_err(text),
        Ok(q) => panic!("{text}: {q:?}"),
    }
}

fn check_refused(status: WbemStatus, texts: &[&str]) {
    for text in texts {
        let e = refused(text);
        assert_eq!(e.status, status, "{text}: {e}");
        assert!(text.is_char_boundary(e.diag.span.start) && e.diag.span.end <= text.len(), "{text}: {e}");
    }
}

/// A query, the text below the caret, and the hint.
fn check_hint(text: &str, at: &str, help: &str) {
    let e = refused(text);
    assert_eq!((&text[e.diag.span.clone()], e.diag.help.as_deref()), (at, Some(help)), "{e}");
}

fn check_printed(text: &str, expect: &str) {
    let query = parse(text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(query.to_string(), expect);
    assert_eq!(parse(expect).as_ref(), Ok(&query), "{text}");
}

#[test]
fn every_accepted_vector_prints_and_parses_to_itself() {
    for text in [
        r#"SELECT * FROM Win32_LogicalDisk WHERE (Name = "C:" OR Name = "D:") AND FreeSpace > 2000000 AND FileSystem = "NTFS""#,
        r#"SELECT * FROM Win32_LogicalDisk WHERE FileSystem IS NOT NULL"#,
        r#"SELECT * FROM Win32_Printer WHERE Local = TRUE AND NOT PortName LIKE "%10.%""#,
        r#"SELECT * FROM Device WHERE __CLASS = "Modem" OR __CLASS = "Keyboard""#,
        r#"SELECT * FROM meta_class WHERE NOT __class < "Win32" AND NOT __this ISA "Win32_Account""#,
        r#"SELECT * FROM meta_class WHERE __Superclass IS NULL"#,
        r#"SELECT * FROM MainClass WHERE EmbedObj.P_Uint32 = 70011"#,
        r#"SELECT * FROM __InstanceModificationEvent WITHIN 600 WHERE TargetInstance ISA "Win32_LogicalDisk" AND TargetInstance.FreeSpace < 1000000"#,
        r#"SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA "Win32_Process""#,
        r#"SELECT * FROM EmailEvent WHERE Sender = "MyBoss" GROUP WITHIN 300 BY Importance HAVING NumberOfEvents > 5"#,
        r#"SELECT * FROM EmailEvent WITHIN 0.5 GROUP WITHIN 300 BY A.B, C"#,
        r#"SELECT * FROM Win32_NTLogEvent WHERE TimeGenerated > "20240101000000.000000+000""#,
        r#"SELECT * FROM __TimerEvent WHERE TimerId = "X""#,
        r#"ASSOCIATORS OF {Win32_LogicalDisk.DeviceID="C:"}"#,
        r#"ASSOCIATORS OF {Win32_LogicalDisk.DeviceID="C:"} WHERE AssocClass = Win32_SystemDevices"#,
        r#"ASSOCIATORS OF {Win32_LogicalDisk.DeviceID="C:"} WHERE ResultClass = CIM_Directory"#,
        r#"ASSOCIATORS OF {Win32_LogicalDisk.DeviceID="C:"} WHERE ResultRole = GroupComponent"#,
        r#"ASSOCIATORS OF {Win32_LogicalDisk.DeviceID="C:"} WHERE Role = GroupComponent"#,
        r#"ASSOCIATORS OF {Win32_LogicalDisk.DeviceID="C:"} WHERE ClassDefsOnly"#,
        r#"ASSOCIATORS OF {Win32_LogicalDisk.DeviceID="C:"} WHERE RequiredAssocQualifier = a RequiredQualifier = b KeysOnly"#,
        r#"ASSOCIATORS OF {Win32_LogicalDisk} WHERE SchemaOnly"#,
        r#"REFERENCES OF {Win32_LogicalDisk.DeviceID="C:"} WHERE ResultClass = Win32_LogicalDiskToPartition Role = Dependent"#,
        "SELECT a, __PATH, B.c, a FROM X WHERE NOT NOT (a = -1.5e3 OR b <> 0x1F) AND c >= .5",
    ] {
        check_printed(text, text);
    }
}

#[test]
fn spelling_is_free_and_printing_is_not() {
    check_printed("select name from win32_process where 4 < ProcessId", "SELECT name FROM win32_process WHERE ProcessId > 4");
    check_printed("SELECT\n*\tFROM\r\nX WHERE a!='it\\'s'", r#"SELECT * FROM X WHERE a <> "it's""#);
    check_printed("SELECT * FROM X WHERE ((a=1) AND ((b=2 AND c=3)))", "SELECT * FROM X WHERE a = 1 AND b = 2 AND c = 3");
    check_printed("SELECT * FROM X WHERE a=1 OR b=2 AND NOT c=3", "SELECT * FROM X WHERE a = 1 OR b = 2 AND NOT c = 3");
    check_printed("SELECT * FROM META_CLASS WHERE __This isa Foo", r#"SELECT * FROM meta_class WHERE __This ISA "Foo""#);
    check_printed(r#"REFERENCES OF { X.A="}" } where KEYSONLY role="r""#, r#"REFERENCES OF {X.A="}"} WHERE Role = r KeysOnly"#);
    check_printed("SELECT * FROM X WHERE NULL <> a", "SELECT * FROM X WHERE a <> NULL");
    check_printed(r"SELECT * FROM X WHERE p = 'C:\\Temp\new'", r#"SELECT * FROM X WHERE p = "C:\\Temp\\new""#);
}

#[test]
fn a_word_with_one_place_of_its_own_is_a_name_elsewhere() {
    for text in [
        r#"SELECT Group, Of FROM Group WHERE Group.By = "x" OR Within IS NULL"#,
        "SELECT Group FROM X WITHIN 5 WHERE Group = 1 GROUP WITHIN 5 BY Group, By HAVING NumberOfEvents > 1",
        "ASSOCIATORS OF {X.Group=1} WHERE Role = Group KeysOnly",
    ] {
        check_printed(text, text);
    }
}

#[test]
fn every_rejected_vector_is_an_invalid_query() {
    check_refused(
        WbemStatus::INVALID_QUERY,
        &[
            "SELECT * FROM Win32_LogicalDisk WHERE DriveType IS 5",
            "SELECT * FROM Win32_LogicalDisk WHERE DriveType < (4 + 7 - 2)",
            "SELECT * FROM Win32_LogicalDisk WHERE Compressed <= TRUE",
            "SELECT * FROM Win32_LogicalDisk WHERE Compressed <= 1",
            "SELECT * FROM X WHERE A = B",
            "SELECT __CLASS FROM meta_class",
            "SELECT * FROM A, B",
            "SELECT * FROM X WHERE Flag >= NULL",
            "SELECT * FROM X ORDER BY Name",
            "SELECT Name n FROM X",
            "SELECT Name AS n FROM X",
            "SELECT DISTINCT Name FROM X",
            "SELECT COUNT(*) FROM X",
            "SELECT * FROM X WHERE UPPER(Name) = 'A'",
            "SELECT * FROM X WHERE Name NOT LIKE 'x'",
            "SELECT * FROM X WHERE Name IN ('a', 'b')",
            "SELECT * FROM X WHERE a BETWEEN 1 AND 2",
            "SELECT * FROM X WHERE 1 = 1",
            "SELECT * FROM X WHERE Name",
            "SELECT * FROM X WHERE a LIKE NULL",
            "SELECT * FROM X WHERE a = 5 6",
            "SELECT * FROM X WHERE",
            "SELECT * FROM",
            "SELECT FROM X",
            "SELECT *, a FROM X",
            "SELECT a, FROM X",
            "SELECT * FROM X WHERE (a = 1",
            "SELECT * FROM X WHERE a = 1)",
            "SELECT * FROM X WHERE a = 'b",
            "SELECT * FROM X;",
            "SELECT * FROM X WHERE SELECT = 1",
            "SELECT TRUE FROM X",
            "SELECT * FROM X WITHIN -1",
            "SELECT * FROM X WITHIN 1e3",
            "SELECT * FROM X WHERE a = 1 WITHIN 5",
            "SELECT * FROM X GROUP WITHIN 5 HAVING Count > 5",
            "SELECT * FROM X GROUP WITHIN 0.5",
            "SELECT * FROM X HAVING NumberOfEvents > 5",
            "SELECT * FROM meta_class WHERE Name = 'x'",
            "SELECT * FROM meta_class WHERE __this = 'x'",
            "SELECT * FROM meta_class WITHIN 5",
            r#"ASSOCIATORS OF {X.A="1"} WHERE AssocClass = A, ResultClass = B"#,
            r#"ASSOCIATORS OF {X.A="1"} WHERE ClassDefsOnly ResultClass = X"#,
            r#"ASSOCIATORS OF {X.A="1"} WHERE Role = A Role = B"#,
            r#"ASSOCIATORS OF {X.A="1"} WHERE ResultClass > X"#,
            r#"ASSOCIATORS OF {X.A="1"} WHERE SchemaOnly"#,
            r#"ASSOCIATORS OF {X.A="1"} WHERE Role = A AND ClassDefsOnly"#,
            r#"ASSOCIATORS OF {X.A = "1"}"#,
            r#"ASSOCIATORS OF {X.A="1" WHERE"#,
            r#"ASSOCIATORS OF {X.A="1"} WHERE"#,
            "ASSOCIATORS OF X",
            r#"REFERENCES OF {X.A="1"} WHERE AssocClass = A"#,
            "",
            "   ",
            "DELETE FROM X",
            "Name = 'x'",
        ],
    );
    check_refused(WbemStatus::MISSING_GROUP_WITHIN, &["SELECT * FROM EmailEvent GROUP BY Sender"]);
}

#[test]
fn a_class_refuses_what_it_cannot_hold() {
    check_refused(
        WbemStatus::INVALID_QUERY,
        &[
            "SELECT Nope FROM Win32_LogicalDisk",
            "SELECT Name.x FROM Win32_LogicalDisk",
            "SELECT * FROM Win32_LogicalDisk WHERE Nope = 1",
            "SELECT * FROM Win32_LogicalDisk WHERE Name.x = 1",
            "SELECT * FROM Win32_LogicalDisk WHERE Name = TRUE",
            "SELECT * FROM Win32_LogicalDisk WHERE Name = TRUE",
            "SELECT * FROM Win32_LogicalDisk WHERE DriveType = 'three'",
            "SELECT * FROM Win32_LogicalDisk WHERE DriveType = TRUE",
            "SELECT * FROM Win32_LogicalDisk WHERE DriveType = ''",
            "SELECT * FROM Win32_LogicalDisk WHERE DriveType LIKE '4%'",
            "SELECT * FROM Win32_LogicalDisk WHERE Ratio = 'inf'",
            "SELECT * FROM Win32_LogicalDisk WHERE Compressed = 2",
            "SELECT * FROM Win32_LogicalDisk WHERE Installed > 'yesterday'",
            "SELECT * FROM Win32_LogicalDisk WHERE Installed = '2024****000000.000000+000'",
            "SELECT * FROM Win32_LogicalDisk WHERE Partition < 'P'",
            "SELECT * FROM Win32_LogicalDisk WHERE Inner = 'x'",
            "SELECT * FROM Win32_LogicalDisk WHERE Name ISA 'x'",
            "SELECT * FROM Win32_LogicalDisk WHERE Tags = 'x'",
            "SELECT * FROM Win32_LogicalDisk WHERE Tags IS NULL",
            "SELECT * FROM Win32_LogicalDisk WHERE __DERIVATION = 'x'",
            "SELECT * FROM Win32_LogicalDisk WHERE __CLASS < 'x'",
            "SELECT * FROM Win32_LogicalDisk WHERE __this = 'x'",
            "SELECT * FROM Win32_LogicalDisk WHERE Letter = 'ab'",
        ],
    );
}

#[test]
fn a_hint_says_what_to_write() {
    check_hint("SELECT * FORM X", "FORM", "did you mean FROM?");
    check_hint("SELECT Name FORM X", "FORM", "did you mean FROM?");
    check_hint("SELCT * FROM X", "SELCT", "did you mean SELECT?");
    check_hint("SELECT * FROM X WERE a = 1", "WERE", "did you mean WHERE?");
    check_hint("SELECT * FROM X WHERE Name LIEK 'a'", "LIEK", "did you mean LIKE?");
    check_hint("SELECT * FROM X WHERE Name = svchost.exe", "svchost.exe", "write 'svchost.exe' for a string");
    check_hint("SELECT * FROM X WHERE Name BETWEEN 1 AND 2", "BETWEEN", "WQL has no BETWEEN: write Name >= a AND Name <= b");
    check_hint("SELECT * FROM X WHERE Name NOT LIKE 'a'", "NOT", "NOT stands before the property: write NOT Name LIKE");
    check_hint("SELECT * FROM X WHERE a == 1", "=", "write a single =");
    check_hint("SELECT * FROM X WHERE a = “x”", "“", "use plain quotes: \" or '");
    check_hint(
        "SELECT * FROM X WHERE a = 'x",
        "'",
        "strings are 'text' or \"text\"; write \\' for a quote and \\\\ for a backslash inside",
    );
    check_hint("SELECT * FROM X WHERE Name IS 'x'", "'x'", "write Name = 'x'");
    check_hint("SELECT Nmae FROM Win32_LogicalDisk", "Nmae", "did you mean Name?");
    check_hint("SELECT * FROM Win32_LogicalDisk WHERE Name = TRUE", "TRUE", "write 'TRUE' for a string");
    check_hint("SELECT * FROM X ORDER BY Name", "ORDER", "WQL has no ORDER BY: sort the rows that come back");
    check_hint("SELECT * FROM X WHERE a = 5 BUT b = 6", "BUT", "conditions are joined by AND or OR");
    check_hint("SELECT Name Caption FROM X", "Caption", "properties in the list stand apart by commas");
}

#[test]
fn an_error_shows_the_query_with_a_caret() {
    assert_eq!(
        parse("SELECT * FORM x").unwrap_err().to_string(),
        "WBEM_E_INVALID_QUERY (0x80041017):\n  SELECT * FORM x\n           ^^^^ expected FROM\n  help: did you mean FROM?"
    );
}

#[test]
fn strings_compare_without_case_by_character() {
    check(&[
        ("Name = 'C:'", true),
        ("Name <> 'C:'", false),
        ("Name != 'd:'", true),
        ("Name < 'D'", true),
        ("Name > 'B'", true),
        ("Name >= 'C:' AND Name <= 'c:'", true),
        ("'D' > Name", true),
        ("Name LIKE '[CD]:'", true),
        ("Name LIKE '[=d]:'", false),
        ("NOT Name LIKE 'd%'", true),
        ("name LIKE '_:'", true),
    ]);
}

/// As impacket's test of a process asks, which runs against Windows: `WHERE handle = 1234`, and the handle is a string.
#[test]
fn a_number_that_is_compared_with_a_string_is_its_digits() {
    let mut class = (*disk_class()).clone();
    class.properties[0].default = "1234".into();
    let disk: Object = Instance::new(Arc::new(class)).into();
    for (condition, expect) in
        [("Name = 1234", true), ("1234 = name", true), ("Name = 0x4D2", true), ("Name <> 1234", false), ("Name = 123", false)]
    {
        let bound = filter(condition).bind(disk.class()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(bound.matches(&disk), Ok(expect), "{condition}");
    }
}

#[test]
fn numbers_compare_by_value_whatever_their_spelling() {
    check(&[
        ("DriveType = 3", true),
        ("DriveType = '3'", true),
        ("DriveType = ' 3 '", true),
        ("DriveType = 0x3", true),
        ("DriveType = 3.0", true),
        ("DriveType = 3.5", false),
        ("DriveType < 3.5", true),
        ("DriveType > 2.5", true),
        ("DriveType <> 2.5", true),
        ("DriveType > -1", true),
        ("DriveType < 1e40", true),
        ("DriveType = 99999999999", false),
        ("DriveType LIKE 3", true),
        ("DriveType LIKE '3'", true),
        ("FreeSpace = 18446744073709551615", true),
        ("FreeSpace = '18446744073709551615'", true),
        ("FreeSpace = '0xFFFFFFFFFFFFFFFF'", true),
        ("FreeSpace > 18446744073709551614", true),
        ("FreeSpace < 18446744073709551616", true),
        ("Delta = -5", true),
        ("Delta = '-0x5'", true),
        ("Delta < 0", true),
        ("Load = 0.1", true),
        ("Load < 0.1", false),
        ("Ratio = 2.5", true),
        ("Ratio >= 25e-1", true),
        ("2 < Ratio", true),
    ]);
}

#[test]
fn booleans_are_equal_to_their_words_and_numbers() {
    check(&[
        ("Compressed = TRUE", true),
        ("Compressed = 'true'", true),
        ("Compressed = 1", true),
        ("Compressed = -1", true),
        ("Compressed = '1'", true),
        ("Compressed <> FALSE", true),
        ("Compressed = 0", false),
        ("Compressed <> 'True'", false),
        ("TRUE = Compressed", true),
    ]);
}

#[test]
fn dates_compare_in_utc() {
    check(&[
        ("Installed = '20240203000000.000000+000'", true),
        ("Installed = '20240202190000.000000-300'", true),
        ("Installed > '20240202235959.999999+000'", true),
        ("Installed <= 'Feb 3, 2024'", true),
        ("Installed < '20240203000000.00000000'", false),
        ("Installed <> '00000001000000.000000:000'", true),
        ("Installed < '00000001000000.000000:000'", false),
        ("Installed >= 2024", true),
    ]);
}

#[test]
fn references_are_equal_as_paths() {
    check(&[
        (r#"Partition = "P.b=2,a='X'""#, true),
        (r#"Partition = "\\\\.\\root\\cimv2:P.A=\"x\",B=0x2""#, true),
        (r#"Partition <> "P.A='x',B=3""#, true),
        (r#"Partition = "\\\\OTHER\\root\\cimv2:P.A='x',B=2""#, false),
        (r#"Partition LIKE "P.A='x',B=2""#, true),
    ]);
}

#[test]
fn a_character_is_text_or_number() {
    check(&[("Letter = 'Q'", true), ("Letter = 113", true), ("Letter = 81", false), ("Letter < 'r'", true)]);
}

#[test]
fn null_is_only_null() {
    check(&[
        ("FileSystem IS NULL", true),
        ("FileSystem = NULL", true),
        ("FileSystem IS NOT NULL", false),
        ("FileSystem <> NULL", false),
        ("NULL = FileSystem", true),
        ("FileSystem = 'x'", false),
        ("FileSystem <> 'x'", false),
        ("FileSystem < 'x'", false),
        ("NOT FileSystem = 'x'", true),
        ("FileSystem LIKE '%'", false),
        ("NOT FileSystem LIKE '%'", true),
        ("Name IS NULL", false),
        ("Inner IS NOT NULL", true),
    ]);
}

#[test]
fn not_binds_before_and_and_before_or() {
    check(&[
        ("Name = 'c:' OR Name = 'x' AND DriveType = 9", true),
        ("(Name = 'c:' OR Name = 'x') AND DriveType = 9", false),
        ("NOT Name = 'x' AND DriveType = 3", true),
        ("NOT (Name = 'x' OR DriveType = 3)", false),
    ]);
}

#[test]
fn embedded_objects_are_looked_into() {
    check(&[
        ("Inner.P_Uint32 = 70011", true),
        ("inner.p_uint32 > '70010'", true),
        ("Inner.Text LIKE 'he%'", true),
        ("Inner.Text = 5", false),
        ("Inner.P_Uint32 LIKE '7%'", false),
        ("Inner.Nope = 1", false),
        ("Inner.Nope <> 1", false),
        ("Inner.Nope IS NULL", false),
        ("Inner.Deep.X = 1", false),
        ("Inner.Deep.X IS NULL", true),
        ("Inner.__CLASS = 'SUB'", true),
        ("Inner.Text.X = 1", false),
        ("Inner ISA 'Sub'", true),
        ("Inner ISA base", true),
        ("Inner ISA 'Other'", false),
        ("Inner.Deep ISA 'Other'", false),
    ]);
}

#[test]
fn system_properties_take_part() {
    check(&[
        ("__CLASS = 'win32_logicaldisk'", true),
        ("__CLASS = 'CIM_LogicalDisk'", false),
        ("__CLASS LIKE 'Win32[_]%'", true),
        ("__CLASS IS NOT NULL", true),
        ("__this ISA 'CIM_LogicalElement'", true),
        ("__THIS ISA Win32_Process", false),
        ("__SUPERCLASS = 'CIM_LogicalDisk'", true),
        ("__DYNASTY = 'CIM_LogicalElement'", true),
        ("__GENUS = 2", true),
        ("__PROPERTY_COUNT > 10", true),
        ("__SERVER = 'lx1'", true),
        (r"__NAMESPACE = 'root\\cimv2'", true),
        (r#"__RELPATH = "win32_logicaldisk.deviceid='c:'""#, true),
        (r#"__PATH = "\\\\LX1\\ROOT\\CIMV2:Win32_LogicalDisk.DeviceID=\"C:\"""#, true),
        ("__PATH LIKE '%DeviceID%'", true),
    ]);
    let other = filter("__CLASS = 'Other' AND Name = 'x'").bind(&disk_class()).unwrap();
    assert!(other.never_matches());
    assert!(!filter("__CLASS = 'Other' OR Name = 'x'").bind(&disk_class()).unwrap().never_matches());
}

#[test]
fn equalities_are_those_that_every_row_has() {
    let equal = |condition: &str| filter(condition).bind(&disk_class()).unwrap().equalities();
    assert_eq!(
        equal("deviceid = 'c:' AND 3 = DriveType AND Delta > 1"),
        [("DeviceID".into(), "c:".into()), ("DriveType".into(), Value::Uint32(3))]
    );
    assert_eq!(equal("Compressed = 'TRUE'"), [("Compressed".into(), Value::Boolean(true))]);
    assert_eq!(equal("Name = 'a' OR Name = 'b'"), []);
    assert_eq!(equal("NOT Name = 'a'"), []);
    assert_eq!(equal("DriveType = 99999999999"), []);
    assert_eq!(
        filter("a = 'x' AND b = 5 AND c = -5 AND d = TRUE AND e <> 4").equalities(),
        [("a".into(), "x".into()), ("b".into(), Value::Uint64(5)), ("c".into(), Value::Sint64(-5)), ("d".into(), Value::Boolean(true))]
    );
}

#[test]
fn wanted_are_columns_filter_and_keys() {
    let wanted = |text: &str| select(text).wanted(&disk_class());
    assert_eq!(wanted("SELECT * FROM X WHERE Name = 'x'"), None);
    assert_eq!(wanted("SELECT inner.x, __PATH FROM X WHERE NOT Drivetype = 3").unwrap(), ["DeviceID", "DriveType", "Inner"]);
}

#[test]
fn a_list_trims_the_class_in_the_order_of_declaration() {
    let class = disk_class();
    let p = select("SELECT drivetype, NAME, drivetype FROM X").project(&class, ProjectOptions::default()).unwrap();
    let names = |c: &Class| c.properties.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    assert_eq!((names(&p.class), &p.map[..]), (vec!["Name".into(), "DriveType".into()], &[0, 3][..]));
    assert_eq!((p.class.name.as_str(), p.class.derivation.len()), ("Win32_LogicalDisk", 0));
    let row = p.apply(&disk());
    assert_eq!((row.get::<u32>("DriveType"), row.get::<String>("name")), (Ok(3), Ok("c:".into())));
    assert_eq!((row.relative_path(), row.decoration()), (None, None));
    assert!(row.get::<u32>("Delta").is_err());
}

#[test]
fn keys_and_place_stay_where_they_are_needed() {
    let class = disk_class();
    let row = |text: &str, ensure_locatable| select(text).project(&class, ProjectOptions { ensure_locatable }).unwrap().apply(&disk());
    let count = |o: &Object| o.class().properties.len();
    let located = row("SELECT Name FROM X", true);
    assert_eq!((count(&located), located.relative_path().unwrap().to_string()), (2, r#"Win32_LogicalDisk.DeviceID="C:""#.into()));
    assert!(located.decoration().is_some());
    assert_eq!(count(&row("SELECT Name, __RELPATH FROM X", false)), 2);
    assert_eq!(count(&row("SELECT __CLASS FROM X", false)), 0);
    assert!(row("SELECT Name, __SERVER FROM X", false).decoration().is_some());
    assert_eq!(row("SELECT Name, __SUPERCLASS FROM X", false).class().superclass(), Some("CIM_LogicalDisk"));
    assert_eq!(row("SELECT * FROM X", false), disk());
}

#[test]
fn a_prototype_says_the_order_of_its_columns() {
    let class = disk_class();
    let p = select("SELECT DriveType, Name, DriveType FROM X").prototype(&class).unwrap();
    let order = |c: &Class, name: &str| c.property(name).unwrap().qualifiers.get("Order").unwrap().value.clone();
    assert_eq!((order(&p.class, "DriveType"), order(&p.class, "Name")), (vec![0i32, 2].into(), vec![1i32].into()));
    assert!(p.listed && p.lacks_key && p.class.derivation.is_empty());
    let all = select("SELECT * FROM X").prototype(&class).unwrap();
    assert_eq!(
        (order(&all.class, "DeviceID"), all.listed, all.lacks_key, all.class.derivation.len()),
        (vec![1i32].into(), false, false, 2)
    );
}

#[test]
fn classes_are_found_by_schema_queries() {
    let find = |text: &str| match parse(&format!("SELECT * FROM meta_class WHERE {text}")).unwrap() {
        Query::Schema(s) => s.matches(&disk_class()),
        other => panic!("{other:?}"),
    };
    assert!(find("__this ISA 'CIM_LogicalElement' AND __CLASS LIKE 'win32%'"));
    assert!(find("NOT __class < 'Win32' AND NOT __this ISA 'Win32_Account'"));
    assert!(find("__Superclass = 'cim_logicaldisk' AND __DYNASTY <> 'x' AND __SUPERCLASS IS NOT NULL"));
    assert!(!find("__Superclass IS NULL") && !find("__Superclass = NULL"));
}

#[test]
fn an_event_query_may_look_like_a_data_query() {
    assert_eq!(parse_event("SELECT * FROM __TimerEvent").unwrap().within, None);
    assert_eq!(parse_event("SELECT * FROM E WITHIN .5").unwrap().within, Some(0.5));
    assert_eq!(parse_event("SELECT * FORM E").unwrap_err().status, WbemStatus::UNPARSABLE_QUERY);
    assert_eq!(parse_event("ASSOCIATORS OF {X}").unwrap_err().status, WbemStatus::NOT_EVENT_CLASS);
}

#[test]
fn what_is_too_large_is_a_quota() {
    let where_ = |c: String| format!("SELECT * FROM X WHERE {c}");
    let nested = |n: usize| where_(format!("{}a = 1{}", "(".repeat(n), ")".repeat(n)));
    let many = |n: usize| where_(vec!["a = 1"; n].join(" OR "));
    let long = |n: usize| format!("{:<n$}", "SELECT * FROM X");
    let columns = |n: usize| format!("SELECT {} FROM X", vec!["a"; n].join(","));
    let nots = |n: usize| where_(format!("{}a = 1", "NOT ".repeat(n)));
    for (within, beyond) in [
        (nested(64), nested(65)),
        (many(512), many(513)),
        (long(16_384), long(16_385)),
        (nots(64), nots(65)),
        (columns(1024), columns(1025)),
    ] {
        assert!(parse(&within).is_ok());
        assert_eq!(parse(&beyond).unwrap_err().status, WbemStatus::QUOTA_VIOLATION);
    }
    for deep in [nested(1_000), nested(8_000), nots(4_000), where_("(".repeat(16_000)), where_("NOT(".repeat(4_000))] {
        assert_eq!(parse(&deep).unwrap_err().status, WbemStatus::QUOTA_VIOLATION);
    }
    assert_eq!(parse(&long(16_384)).map(|q| q.to_string()), Ok("SELECT * FROM X".into()));
}

#[test]
fn a_bound_query_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&filter("Name = 'x'").bind(&disk_class()).unwrap());
    shared(&filter("Name = 'x'"));
}
