use rwmi_cim::wql::{self, ProjectOptions, Query, QueryError, Select};
use rwmi_cim::{CimType, Class, DateTime, Decoration, Entity, Flavor, Instance, Object, Property, Qualifier, Value};
use std::sync::{Arc, LazyLock};

/// A query. What is printed parses to itself; an error shows a place in the query; what can be bound to a class has an answer
/// for an object of it, and finds it by what it says must be equal.
pub fn wql(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    match wql::parse(&text) {
        Ok(query) => {
            let printed = query.to_string();
            let again = wql::parse(&printed);
            // Printing may lengthen a query beyond the limit that it was just below.
            let too_long = printed.chars().count() > wql::QUERY_LEN_MAX;
            assert!(again.as_ref() == Ok(&query) || too_long, "{text}\n{printed}\n{again:?}");
            match query {
                Query::Select(select) => bound(&select, &text),
                Query::Event(event) => bound(&event.select, &text),
                _ => {}
            }
        }
        Err(e) => error(&e, &text),
    }
    if let Err(e) = wql::parse_event(&text)
        && text.len() == octets.len()
    {
        assert!(!e.to_string().is_empty());
    }
}

fn error(e: &QueryError, text: &str) {
    assert_eq!(e.query(), text);
    assert!(e.diag.span.start <= e.diag.span.end && text.get(e.diag.span.clone()).is_some(), "{e}");
    assert!(!e.to_string().is_empty());
}

fn bound(select: &Select, text: &str) {
    let (class, disk) = (&DISK.0, &DISK.1);
    match select.bind(class) {
        Ok(bound) => {
            let matches = bound.matches(disk).unwrap_or_else(|e| panic!("{e}: {text}"));
            assert!(!(matches && bound.never_matches()), "matches, and says that it never does: {text}");
            for (name, value) in bound.equalities() {
                let found = disk.get::<Value>(&name);
                let same = match (&found, &value) {
                    (Ok(Value::String(a) | Value::Reference(a)), Value::String(b) | Value::Reference(b)) => rwmi_cim::names_equal(a, b),
                    // Dates are compared as moments, and reals may be zeros of two signs.
                    (Ok(Value::DateTime(_) | Value::Real32(_) | Value::Real64(_) | Value::Char16(_)), _) => true,
                    (Ok(found), value) => found == value,
                    (Err(_), _) => false,
                };
                assert!(same || !matches, "{name} must equal {value:?}, and {found:?} matches: {text}");
            }
            if let Ok(projection) = select.project(class, ProjectOptions::default()) {
                let row = projection.apply(disk);
                row.iter().for_each(|(name, value)| assert_eq!(value, disk.get::<Value>(name), "{name}: {text}"));
            }
        }
        Err(e) => assert!(!e.to_string().is_empty()),
    }
    let _ = (select.equalities(), select.wanted(class), select.prototype(class));
}

/// A class with a property of each kind, and one object of it.
static DISK: LazyLock<(Arc<Class>, Object)> = LazyLock::new(|| {
    let property = |name: &str, ty: CimType| Property::new(name, ty);
    let mut key = property("DeviceID", CimType::String);
    key.qualifiers.set(Qualifier::flag("key", Flavor::TO_INSTANCE));
    let mut tags = property("Tags", CimType::String);
    tags.ty.array = true;
    let class = Arc::new(Class {
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
    });
    let inner = Class {
        name: "Sub".into(),
        derivation: vec!["Base".into()],
        properties: vec![property("P_Uint32", CimType::Uint32), property("Text", CimType::String), property("Deep", CimType::Object)],
        ..Class::default()
    };
    let mut sub = Instance::new(Arc::new(inner));
    let mut disk = Instance::new(class.clone());
    let set = |i: &mut Instance, name: &str, value: Value| i.set(name, value).expect("a property of this class");
    set(&mut sub, "P_Uint32", 70011u32.into());
    set(&mut sub, "Text", "Hello".into());
    for (name, value) in [
        ("Name", "c:".into()),
        ("DeviceID", "C:".into()),
        ("FreeSpace", u64::MAX.into()),
        ("DriveType", 3u32.into()),
        ("Delta", (-5i64).into()),
        ("Compressed", true.into()),
        ("Load", 0.1f32.into()),
        ("Ratio", 2.5f64.into()),
        ("Installed", DateTime::from_text("20240203010000.000000+060").into()),
        ("Letter", Value::Char16(b'q'.into())),
        ("Partition", Value::Reference(r#"\\LX1\ROOT\CIMV2:P.A="x",B=2"#.into())),
        ("Inner", Value::Object(Box::new(Entity::from(sub)))),
    ] {
        set(&mut disk, name, value);
    }
    disk.decoration = Some(Decoration { server: "LX1".into(), namespace: r"ROOT\CIMV2".into() });
    (class, disk.into())
});
