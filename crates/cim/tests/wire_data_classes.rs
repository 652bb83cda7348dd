//! Class derivation, printing and the shipped classes against every class of a Windows 11 repository.

use rwmi_cim::mof::{self, Memory, Target};
use rwmi_cim::schema::{self, ClassDecl, MethodDecl, PropertyDecl};
use rwmi_cim::{CimType, Class, DateTime, Flavor, Method, Property, Qualifier, Qualifiers, Type, Value, names_equal};
use rwmi_wiredata::{Kind, Tally, Tree};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Every recorded class: namespace in lower case, then name in lower case.
type Recorded = BTreeMap<String, BTreeMap<String, Json>>;

/// The namespace of the classes that every namespace has.
const SYSTEM_CLASSES: &str = "__systemclass";

fn recorded(tree: &Tree) -> Recorded {
    let mut recorded = Recorded::new();
    for path in tree.files(Kind::Classes) {
        let octets = rwmi_wiredata::read(&path).unwrap();
        for class in String::from_utf8_lossy(&octets).lines().map(|line| serde_json::from_str::<Json>(line).unwrap()) {
            let namespace = text(&class, "ns").to_lowercase().replace(['/', '\\'], ".");
            recorded.entry(namespace).or_default().insert(text(&class, "name").to_lowercase(), class);
        }
    }
    recorded
}

/// Our own tree: what a tree with a part of a repository lacks may be there.
fn own() -> Tree {
    Tree::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"))
}

fn text<'a>(json: &'a Json, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_else(|| panic!("{field} in {json}"))
}

fn ty(json: &Json) -> Type {
    let name = text(json, "type");
    let (name, array) = name.strip_suffix("[]").map_or((name, false), |n| (n, true));
    let cim = CimType::from_name(name).unwrap_or_else(|| panic!("type {name}"));
    Type { cim, array }
}

fn value(json: &Json, ty: Type) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Array(items) if ty.array => Value::Array(items.iter().map(|i| value(i, ty.cim.scalar())).collect()),
        Json::Bool(b) => Value::Boolean(*b),
        Json::String(s) if ty.cim == CimType::DateTime => Value::DateTime(DateTime::from_text(s.clone())),
        Json::String(s) if ty.cim == CimType::Reference => Value::Reference(s.clone()),
        Json::String(s) => Value::String(s.clone()),
        Json::Number(n) if ty.cim == CimType::Real64 => Value::Real64(n.as_f64().unwrap()),
        Json::Number(n) if ty.cim == CimType::Real32 => Value::Real32(n.as_f64().unwrap() as f32),
        Json::Number(n) => Value::from_integer(n.as_i64().map_or_else(|| n.as_u64().unwrap().into(), i128::from), ty.cim).unwrap(),
        other => panic!("{other} as {ty}"),
    }
}

/// A row `[name, flavor, type, value]`.
fn qualifier(row: &Json) -> Qualifier {
    let ty = ty(&serde_json::json!({ "type": row[2] }));
    let flavor = u8::from_str_radix(row[1].as_str().unwrap(), 16).unwrap();
    Qualifier { name: row[0].as_str().unwrap().into(), flavor: Flavor(flavor), ty, value: value(&row[3], ty) }
}

fn qualifiers(rows: &Json) -> Qualifiers {
    Qualifiers(rows.as_array().unwrap().iter().map(qualifier).collect())
}

fn strong(ty: Type, cimtype: Option<&str>) -> Option<String> {
    let (_, class) = cimtype.filter(|_| matches!(ty.cim, CimType::Object | CimType::Reference))?.split_once(':')?;
    Some(class.to_owned())
}

/// Parameters of one side; their qualifiers are recorded without flavors.
fn parameter(json: &Json) -> PropertyDecl {
    let ty = ty(json);
    let rows = json["qualifiers"].as_object().unwrap();
    let cimtype = rows["CIMTYPE"].as_str();
    let own = rows.iter().filter(|(name, _)| *name != "CIMTYPE").map(|(name, v)| {
        let ty = match v {
            Json::Array(items) if items.first().is_some_and(Json::is_number) => CimType::Sint32.array(),
            Json::Array(_) => CimType::String.array(),
            Json::Bool(_) => CimType::Boolean.scalar(),
            Json::Number(_) => CimType::Sint32.scalar(),
            _ => CimType::String.scalar(),
        };
        // What Windows gives an ID whatever the text says.
        let flavor = if names_equal(name, "ID") { Flavor::TO_INSTANCE | Flavor::DISABLE_OVERRIDE } else { 0 };
        Qualifier { name: name.clone(), flavor: Flavor(flavor), ty, value: value(v, ty) }
    });
    PropertyDecl {
        name: text(json, "name").into(),
        ty,
        class: strong(ty, cimtype),
        qualifiers: Qualifiers(own.collect()),
        default: Value::Null,
    }
}

/// What a recorded class says for itself.
fn declaration(class: &Json) -> ClassDecl {
    let expected = &class["expected"];
    let mut properties: Vec<&Json> = expected["properties"].as_array().unwrap().iter().collect();
    properties.sort_by_key(|p| p["order"].as_u64());
    let property = |p: &Json| {
        let ty = ty(p);
        let mut qualifiers = qualifiers(&p["qualifiers"]);
        let class = strong(ty, qualifiers.text("CIMTYPE"));
        qualifiers.0.retain(|q| q.name != "CIMTYPE");
        PropertyDecl { name: text(p, "name").into(), ty, class, qualifiers, default: value(&p["default"], ty) }
    };
    let method = |m: &Json| {
        let mut parameters: Vec<PropertyDecl> = Vec::new();
        let mut returns = None;
        for p in ["in", "out"].iter().flat_map(|side| m[side].as_array().into_iter().flatten()) {
            let p = parameter(p);
            if p.name == "ReturnValue" {
                returns = Some((p.ty, p.class));
            } else if let Some(both) = parameters.iter_mut().find(|q| q.name == p.name) {
                both.qualifiers.0.extend(p.qualifiers.0.into_iter().filter(|q| names_equal(&q.name, "out")));
            } else {
                parameters.push(p);
            }
        }
        MethodDecl { name: text(m, "name").into(), qualifiers: qualifiers(&m["qualifiers"]), returns, parameters }
    };
    ClassDecl {
        name: text(class, "name").into(),
        qualifiers: qualifiers(&expected["qualifiers"]),
        properties: properties.into_iter().map(property).collect(),
        methods: expected["methods"].as_array().unwrap().iter().map(method).collect(),
    }
}

/// Derives recorded classes, ancestors first.
struct Windows {
    recorded: Recorded,
    /// Of our own tree, where it is another.
    others: Recorded,
    store: Memory,
}

impl Windows {
    fn load(tree: &Tree) -> Windows {
        let others = if tree.is_named() { recorded(&own()) } else { Recorded::new() };
        Windows { recorded: recorded(tree), others, store: Memory::new() }
    }

    /// The names of all classes of the tree, and their namespaces.
    fn names(&self) -> Vec<(String, String)> {
        self.recorded.iter().flat_map(|(ns, classes)| classes.keys().map(move |name| (ns.clone(), name.clone()))).collect()
    }

    fn row(&self, namespace: &str, name: &str) -> Option<(&'static str, Json)> {
        let of = |recorded: &Recorded, namespace: &str| recorded.get(namespace).and_then(|classes| classes.get(name)).cloned();
        let home = of(&self.recorded, namespace).or_else(|| of(&self.others, namespace)).map(|row| ("", row));
        home.or_else(|| of(&self.recorded, SYSTEM_CLASSES).or_else(|| of(&self.others, SYSTEM_CLASSES)).map(|row| (SYSTEM_CLASSES, row)))
    }

    fn derive(&mut self, namespace: &str, name: &str) -> Option<Arc<Class>> {
        let (system, json) = self.row(namespace, name)?;
        let home = if system.is_empty() { namespace } else { system };
        if let Some(class) = self.store.class(home, name) {
            return Some(class);
        }
        let superclass = match text(&json, "superclass") {
            "" => None,
            superclass => Some(self.derive(home, &superclass.to_lowercase()).unwrap_or_else(|| panic!("{name} derives from {superclass}"))),
        };
        let class = schema::derive(superclass.as_ref(), declaration(&json)).unwrap_or_else(|e| panic!("{name}: {e} ({})", e.status));
        self.store.add_class(home, Arc::new(class));
        self.store.class(home, name)
    }
}

#[test]
fn wire_data_every_class_of_windows_derives_as_windows_stored_it() {
    let Some(tree) = Tree::locate() else { return };
    let mut windows = Windows::load(&tree);
    let mut tally = Tally::new(Kind::Classes.label(), "classes derived as they were stored");
    let (mut properties, mut methods) = (0, 0);
    for (namespace, name) in windows.names() {
        tally.case(format!("{namespace}:{name}"), || {
            let class = windows.derive(&namespace, &name).unwrap();
            let json = &windows.recorded[&namespace][&name];
            let list = |field: &str| json["expected"][field].as_array().into_iter().flatten();
            let level = class.derivation.len() as u64;
            for p in list("properties") {
                let what = format!("{}.{}", class.name, text(p, "name"));
                let place = class.property_index(text(p, "name")).unwrap();
                let derived = &class.properties[place];
                assert_eq!(place as u64, p["order"], "order of {what}");
                assert_eq!(u64::from(derived.origin), p["origin_level"], "origin of {what}");
                assert_eq!(derived.inherited, p["inherited"] == Json::Bool(true), "inherited {what}");
                assert_eq!(derived.ty, ty(p), "type of {what}");
                assert_eq!(derived.default, value(&p["default"], derived.ty), "default of {what}");
                let local = Qualifiers(derived.qualifiers.0.iter().filter(|q| !q.flavor.has(Flavor::PROPAGATED)).cloned().collect());
                let mut expect = qualifiers(&p["qualifiers"]);
                if let Some(q) = expect.0.iter_mut().find(|q| q.name == "CIMTYPE") {
                    // A keyword is stored in the case of the text: BOOLEAN. Ours is always lower case; a class keeps its case.
                    q.value = match q.value.as_str() {
                        Some(keyword) if CimType::from_name(keyword).is_some() => Value::String(keyword.to_lowercase()),
                        other => Value::String(other.unwrap().replacen("Ref:", "ref:", 1)),
                    };
                }
                assert_eq!(local, expect, "qualifiers of {what}");
                properties += 1;
            }
            for m in list("methods") {
                let what = format!("{}.{}", class.name, text(m, "name"));
                let derived = class.method(text(m, "name")).unwrap();
                assert_eq!(u64::from(derived.origin), m["origin_level"], "origin of {what}");
                assert_eq!(format!("{:02x}", derived.flags), text(m, "flags"), "flags of {what}");
                for (side, json) in [(&derived.input, &m["in"]), (&derived.output, &m["out"])] {
                    let mut names: Vec<&str> = side.iter().flat_map(|c| &c.properties).map(|p| p.name.as_str()).collect();
                    let mut expect: Vec<&str> = json.as_array().into_iter().flatten().map(|p| text(p, "name")).collect();
                    if class.name == "__SystemSecurity" {
                        // Made by code and not from MOF: ReturnValue comes first there.
                        names.sort();
                        expect.sort();
                    }
                    assert_eq!(names, expect, "parameters of {what}");
                }
                methods += 1;
            }
            assert!(class.properties.iter().all(|p| u64::from(p.origin) <= level));
        });
    }
    println!("{properties} own properties, {methods} own methods");
    tally.finish(&tree);
}

#[test]
fn wire_data_every_class_of_windows_prints_as_mof_that_compiles_to_it_again() {
    let Some(tree) = Tree::locate() else { return };
    let mut windows = Windows::load(&tree);
    let mut tally = Tally::new(Kind::Classes.label(), "classes printed as MOF and compiled again");
    for (namespace, name) in windows.names() {
        tally.case(format!("{namespace}:{name}"), || {
            let class = windows.derive(&namespace, &name).unwrap();
            // A target that has exactly the ancestors.
            let mut target = Memory::new();
            let mut ancestor = class.parent.clone();
            while let Some(a) = ancestor {
                ancestor = a.parent.clone();
                target.add_class("root", a);
            }
            let text = mof::print_class(&class);
            let document = mof::parse(&class.name, &text).unwrap_or_else(|e| panic!("{}\n{text}", e[0].render()));
            mof::compile_into(&document, "root", &mut target).unwrap_or_else(|e| panic!("{}\n{text}", e.render()));
            assert_eq!(*target.class("root", &class.name).unwrap(), *class, "{text}");
        });
    }
    tally.finish(&tree);
}

/// A class as a reference decoder read it from octets that Windows sent.
fn sent(json: &Json) -> Class {
    let rows = |json: &Json| {
        let rows = json.as_array().unwrap().iter();
        Qualifiers(rows.map(|q| qualifier(&serde_json::json!([q["name"], q["flavor"], q["type"], q["value"]]))).collect())
    };
    let side = |json: &Json| json.is_object().then(|| Arc::new(sent(&json["class"])));
    Class {
        name: text(json, "name").into(),
        derivation: json["derivation"].as_array().unwrap().iter().map(|d| d.as_str().unwrap().to_owned()).collect(),
        qualifiers: rows(&json["qualifiers"]),
        properties: json["properties"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| Property {
                name: text(p, "name").into(),
                ty: ty(p),
                origin: p["origin_level"].as_u64().unwrap() as u32,
                inherited: p["inherited"] == Json::Bool(true),
                qualifiers: rows(&p["qualifiers"]),
                default: value(&p["default"], ty(p)),
                default_inherited: p["nd_bits"].as_u64().unwrap() & 2 != 0,
            })
            .collect(),
        methods: json["methods"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| Method {
                name: text(m, "name").into(),
                flags: u8::from_str_radix(text(m, "flags"), 16).unwrap(),
                origin: m["origin_level"].as_u64().unwrap() as u32,
                qualifiers: rows(&m["qualifiers"]),
                input: side(&m["in"]),
                output: side(&m["out"]),
            })
            .collect(),
        parent: None,
        decoration: None,
    }
}

/// The merged classes that a Windows 10 sent, flavor for flavor: what `derive` makes of their own parts. Of our own tree: the
/// classes of two Windows need not be the same.
#[test]
fn wire_data_a_merged_class_equals_the_one_that_windows_sends() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new(Kind::Expected.label(), "merged classes of our own tree equal to those sent");
    let mut windows = Windows::load(&tree);
    let sent_by_ours = tree.root().join("otrf-wmi-win10/objects-execmethod");
    for path in tree.files(Kind::Expected).filter(|path| path.starts_with(&sent_by_ours)) {
        let json: Json = serde_json::from_slice(&rwmi_wiredata::read(&path).unwrap()).unwrap();
        if !json["parent"].is_object() {
            continue;
        }
        for part in ["parent", "class"] {
            let mut expect = sent(&json[part]);
            let Some(derived) = windows.derive("root.cimv2", &expect.name.to_lowercase()) else { continue };
            tally.case(&derived.name, || {
                let mut derived = (*derived).clone();
                derived.parent = None;
                // Windows 10 and 11 differ in texts and case, and the recorded parameters have no flavors.
                for class in [&mut derived, &mut expect] {
                    class.methods.iter_mut().for_each(|m| {
                        m.input = None;
                        m.output = None;
                    });
                }
                assert_eq!(derived.properties, expect.properties);
                assert_eq!(derived.qualifiers, expect.qualifiers);
                assert_eq!(derived.methods, expect.methods);
            });
        }
    }
    tally.finish(&tree);
}

const SYSTEM: &str = include_str!("../../server/mof/system.mof");
const ROOT: &str = include_str!("../../server/mof/root.mof");
const DEFAULT: &str = include_str!("../../server/mof/default.mof");
const CIMV2: &str = include_str!("../../server/mof/cimv2.mof");
const TEST: &str = include_str!("../../server/mof/test.mof");

/// The shipped texts, compiled as the server does.
fn shipped() -> Memory {
    let mut store = Memory::new();
    let mut compile = |name: &str, text: &str, namespace: &str| {
        let document = mof::parse(name, text).unwrap_or_else(|e| panic!("{}", e[0].render()));
        mof::compile_into(&document, namespace, &mut store).unwrap_or_else(|e| panic!("{}", e.render()));
    };
    for namespace in [r"root", r"root\cimv2", r"root\default", r"root\test"] {
        compile("system.mof", SYSTEM, namespace);
    }
    compile("root.mof", ROOT, "root");
    compile("default.mof", DEFAULT, "root");
    compile("cimv2.mof", CIMV2, "root");
    compile("test.mof", TEST, "root");
    store
}

const TWELVE: [&str; 12] = [
    "Win32_OperatingSystem",
    "Win32_ComputerSystem",
    "Win32_Processor",
    "Win32_BIOS",
    "Win32_Process",
    "Win32_Service",
    "Win32_LogicalDisk",
    "Win32_DiskDrive",
    "Win32_NetworkAdapterConfiguration",
    "Win32_UserAccount",
    "Win32_TimeZone",
    "Win32_Environment",
];

#[test]
fn the_shipped_classes_compile_and_print_and_compile_again() {
    let store = shipped();
    let mut count = 0;
    for namespace in [r"root", r"root\cimv2", r"root\default", r"root\test"] {
        for class in store.classes(namespace) {
            let text = mof::print_class(class);
            let mut again = store.clone();
            mof::compile_into(&mof::parse("again", &text).unwrap(), namespace, &mut again).unwrap_or_else(|e| panic!("{}", e.render()));
            assert_eq!(*again.class(namespace, &class.name).unwrap(), **class, "{text}");
            assert!(class.qualifiers.text("Description").is_some(), "{} has no description of its own", class.name);
            count += 1;
        }
        for instance in store.instances(namespace) {
            let text = mof::print_instance(instance);
            let mut again = Memory::new();
            store.classes(namespace).for_each(|c| again.add_class(namespace, c.clone()));
            mof::compile_into(&mof::parse("again", &text).unwrap(), namespace, &mut again).unwrap_or_else(|e| panic!("{}", e.render()));
            assert_eq!(again.instances(namespace), std::slice::from_ref(instance), "{text}");
        }
    }
    assert!(count > 200, "{count}");
    for name in TWELVE {
        assert_eq!(store.class(r"root\cimv2", name).unwrap().provider(), Some("rwmi-linux"), "{name}");
    }
    assert_eq!(store.class(r"root\test", "Rwmi_Row").unwrap().provider(), Some("rwmi-test"));
    assert_eq!(store.instances(r"root\cimv2").len(), 3);
}

/// Where the shipped classes differ from those of Windows 11 on purpose, with the reason.
const DIFFERENCES: &[(&str, &str)] = &[
    ("class __RwmiTransaction", "tells a client of ours that several changes can be made as one"),
    ("default of __CIMOMIdentification.VersionUsedToCreateDB", "Windows has its own version there"),
    ("properties of Win32_ProcessStartTrace", SOURCE),
    ("properties of Win32_ProcessStopTrace", SOURCE),
    ("default of __ArbitratorConfiguration.PermanentSubscriptionsPerUser", QUOTAS),
    ("default of __ArbitratorConfiguration.PermanentSubscriptionsTotal", QUOTAS),
    ("default of __ArbitratorConfiguration.PollingInstructionsPerUser", QUOTAS),
    ("default of __ArbitratorConfiguration.PollingInstructionsTotal", QUOTAS),
    ("default of __ArbitratorConfiguration.PollingMemoryPerUser", QUOTAS),
    ("default of __ArbitratorConfiguration.PollingMemoryTotal", QUOTAS),
    ("default of __ArbitratorConfiguration.TemporarySubscriptionsPerUser", QUOTAS),
    ("default of __ArbitratorConfiguration.TemporarySubscriptionsTotal", QUOTAS),
];
const SOURCE: &str = "an event says whether the kernel told it or somebody looked, who may have missed others";
const QUOTAS: &str = "the instance that Windows stores has these values; ours is the class's, until somebody puts one";

#[test]
fn wire_data_shipped_classes_match_windows() {
    let Some(tree) = Tree::locate() else { return };
    let mut windows = Windows::load(&tree);
    // Only what the tree itself has is compared.
    windows.others.clear();
    let mut tally = Tally::new(Kind::Classes.label(), "shipped classes compared");
    let mut absent = 0;
    let store = shipped();
    let mut differences = BTreeSet::new();
    let mut differ = |what: String, ours: String, theirs: String| {
        if ours != theirs {
            println!("{what}: ours {ours}, Windows {theirs}");
            differences.insert(what);
        }
    };
    for (namespace, theirs) in [("root", "root"), (r"root\cimv2", "root.cimv2"), (r"root\default", "root.default")] {
        for class in store.classes(namespace) {
            let name = class.name.to_lowercase();
            // A class whose ancestors are not in the tree cannot be derived.
            let known = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| windows.derive(theirs, &name))).ok().flatten();
            let Some(windows) = known else {
                absent += 1;
                if tree.is_named() {
                    continue;
                }
                differ(format!("class {}", class.name), "declared".into(), "absent".into());
                continue;
            };
            tally.pass();
            let name = &class.name;
            differ(format!("name of {name}"), name.clone(), windows.name.clone());
            differ(format!("derivation of {name}"), class.derivation.join(" "), windows.derivation.join(" "));
            let keys = |c: &Class| c.keys().map(|p| p.name.clone()).collect::<Vec<_>>().join(" ");
            differ(format!("keys of {name}"), keys(class), keys(&windows));
            let names = |c: &Class| c.properties.iter().map(|p| p.name.clone()).collect::<Vec<_>>().join(" ");
            differ(format!("properties of {name}"), names(class), names(&windows));
            for flag in ["abstract", "singleton", "association"] {
                let set = |c: &Class| c.qualifiers.is_set(flag).to_string();
                differ(format!("{flag} of {name}"), set(class), set(&windows));
            }
            for p in &class.properties {
                let Some(other) = windows.property(&p.name) else { continue };
                let what = format!("{name}.{}", p.name);
                differ(format!("type of {what}"), p.ty.to_string(), other.ty.to_string());
                differ(format!("default of {what}"), format!("{:?}", p.default), format!("{:?}", other.default));
                differ(format!("origin of {what}"), p.origin.to_string(), other.origin.to_string());
                for q in ["CIMTYPE", "key", "read", "write", "CIM_Key", "ValueMap", "BitMap", "MaxLen", "SUBTYPE"] {
                    let shown = |p: &Property| p.qualifiers.get(q).map(|q| (q.flavor.0, q.value.clone()));
                    differ(format!("qualifier {q} of {what}"), format!("{:?}", shown(p)), format!("{:?}", shown(other)));
                }
            }
            let methods = |c: &Class| c.methods.iter().map(|m| m.name.clone()).collect::<Vec<_>>().join(" ");
            differ(format!("methods of {name}"), methods(class), methods(&windows));
            for m in &class.methods {
                let Some(other) = windows.method(&m.name) else { continue };
                let signature = |m: &Method| {
                    let side = |c: &Option<Arc<Class>>| {
                        let parameter = |p: &Property| {
                            let id = p.qualifiers.get("ID").map(|q| (q.flavor.0, q.value.clone()));
                            let way = [p.qualifiers.is_set("in"), p.qualifiers.is_set("out")];
                            format!("{} {} {:?} {:?} {way:?}", p.name, p.ty, p.qualifiers.text("CIMTYPE"), id)
                        };
                        c.as_ref().map(|c| c.properties.iter().map(parameter).collect::<Vec<_>>().join(", "))
                    };
                    let flags = ["static", "implemented"].map(|q| m.qualifiers.is_set(q));
                    format!("{:?} -> {:?} {flags:?} {} {:02x}", side(&m.input), side(&m.output), m.origin, m.flags)
                };
                differ(format!("method {name}.{}", m.name), signature(m), signature(other));
            }
        }
    }
    println!("{absent} shipped classes are not in the tree; {} differences", differences.len());
    tally.finish(&tree);
    if tree.is_named() {
        // Another Windows may have other classes: they are shown above.
        return;
    }
    let expect: BTreeSet<String> = DIFFERENCES.iter().map(|(what, _)| (*what).to_owned()).collect();
    assert_eq!(differences, expect);
}
