//! Objects of real Windows machines decode as they should and return to the same octets.

mod json;
mod strip;

use base64::Engine;
use bytes::Bytes;
use rwmi_cim::{Class, Entity, Object};
use rwmi_wiredata::{Kind, Tally, Tree, read_hex};
use rwmi_wmio::object_array::{EntryView, ObjectArrayDecoder, PacketView};
use rwmi_wmio::view::{ObjectFlags, UnitView};
use rwmi_wmio::{ClassEncoder, ClassLayout, DecodeOptions, EncodeOptions, StoredClass, decode_block, decode_unit, encode_block};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use strip::Order;

/// How the objects of a kind came out of our encoder.
#[derive(Default)]
struct Written {
    found: usize,
    same: usize,
    stripped: usize,
    /// Decode equal, but come out in other octets, by rule.
    differ: BTreeMap<String, Vec<String>>,
}

impl Written {
    /// Compares what came with what we write, after the unused octets are stripped.
    fn octets(&mut self, name: &str, raw: &[u8], ours: &[u8], strip: impl Fn(&[u8], Order) -> Vec<u8>) {
        assert_eq!(strip(ours, Order::Kept), ours, "{name}: we write octets without a use");
        let stripped = strip(raw, Order::Kept);
        if raw == ours {
            self.same += 1;
        } else if stripped == ours {
            self.stripped += 1;
        } else {
            let rule = match strip(raw, Order::ByReference) == strip(ours, Order::ByReference) {
                true => "the order of the heap: items as they were set, where we write them as they are declared".into(),
                false => panic!("{name}: {}", unknown(&stripped, ours)),
            };
            self.differ.entry(rule).or_default().push(name.to_owned());
        }
        self.found += 1;
    }

    fn differing(&self) -> usize {
        self.differ.values().map(Vec::len).sum()
    }

    fn print(&self, kind: Kind) {
        let (kind, differing) = (kind.label(), self.differing());
        println!("{kind}: {} octet for octet, {} once unused octets are stripped, {differing} decode equal", self.same, self.stripped);
        for (rule, names) in &self.differ {
            println!("    {} differ by {rule}: {}", names.len(), names.join(", "));
        }
    }
}

/// Shows where two encodings differ.
fn unknown(theirs: &[u8], ours: &[u8]) -> String {
    let at = theirs.iter().zip(ours).position(|(a, b)| a != b).unwrap_or(theirs.len().min(ours.len()));
    let around = |o: &[u8]| o[at.saturating_sub(4)..(at + 28).min(o.len())].iter().map(|b| format!("{b:02x}")).collect::<String>();
    format!("octets differ at {at:#x} of {} and {}: {} and {}", theirs.len(), ours.len(), around(theirs), around(ours))
}

fn read(path: &Path) -> Vec<u8> {
    rwmi_wiredata::read(path).unwrap()
}

/// What the file of the same name says of the object; none where there is no such file.
fn expected(path: &Path, kind: Kind) -> Option<Json> {
    let text = path.to_string_lossy();
    let bare = text.strip_suffix(kind.label()).unwrap();
    let json = [bare, &text].map(|name| PathBuf::from(format!("{name}.expected.json"))).into_iter().find(|json| json.is_file())?;
    Some(serde_json::from_slice(&read(&json)).unwrap())
}

fn assert_same(name: &str, found: &Json, expect: &Json) {
    if let Some(d) = json::difference(found, expect, "") {
        panic!("{name}: {d}");
    }
}

/// Decodes and compares a unit, re-encodes it, and cuts it at each octet.
fn unit(tally: &mut Written, name: &str, octets: &[u8], expect: Option<&Json>) {
    let view = UnitView::parse(octets).unwrap();
    let entity = decode_unit(&Bytes::copy_from_slice(octets)).unwrap();
    if let Some(expect) = expect {
        compare(name, &entity, view.flags, expect);
    }
    block(tally, name, &octets[8..], &entity);
    for len in 0..octets.len() {
        if let Ok(Entity::Instance(o)) = decode_unit(&Bytes::copy_from_slice(&octets[..len])) {
            o.iter().for_each(drop);
        }
    }
}

fn compare(name: &str, entity: &Entity, flags: ObjectFlags, expect: &Json) {
    let mut expect = expect.clone();
    // The reference decoder shows what lies in the slot of a property that takes the default of its class.
    if let Some(o) = entity.as_instance() {
        for (i, p) in o.class().properties.iter().enumerate().filter(|(i, p)| o.is_default_at(*i) && !p.default.is_null()) {
            println!("    {name}: {} takes the default of its class", p.name);
            expect["instance"]["values"][&p.name] = json::value(&o.value_at(i).unwrap());
        }
    }
    assert_same(name, &json::entity(entity, flags), &expect);
}

fn block(tally: &mut Written, name: &str, octets: &[u8], entity: &Entity) {
    let ours = encode_block(entity, &EncodeOptions::default()).unwrap();
    tally.octets(name, octets, &ours, strip::block);
    let again = decode_block(&ours.into()).unwrap();
    assert_eq!(&again, entity, "{name}");
}

#[test]
fn wire_data_objects_decode_and_return_to_their_octets() {
    let Some(tree) = Tree::locate() else { return };
    let mut done = vec![units(&tree, Kind::Wmio), units(&tree, Kind::Dump), units(&tree, Kind::ObjRef), packets(&tree)];
    done.extend(repository(&tree));
    let (mut found, mut differing) = (0, 0);
    for (kind, _, written) in &done {
        written.print(*kind);
        found += written.found;
        differing += written.differing();
    }
    println!("objects: {found}, of which {differing} decode equal but are written in another order");
    assert!(differing * 50 <= found, "more than 1 object in 50 is not written as it came");
    Tally::finish_all(done.into_iter().flat_map(|(_, tallies, _)| tallies), &tree);
}

/// A kind, what was found of it, and how it was written again.
type Done = (Kind, Vec<Tally>, Written);

fn units(tree: &Tree, kind: Kind) -> Done {
    let (mut tally, mut written) =
        (if kind == Kind::ObjRef { Tally::new(kind.label(), "WMI objects") } else { Tally::of(kind) }, Written::default());
    for path in tree.files(kind) {
        let mut octets = if kind == Kind::Dump { read_hex(&path).unwrap_or_default() } else { read(&path) };
        if kind == Kind::ObjRef {
            // OBJREF_CUSTOM: head, class id, two lengths, then the object. Others are a lower layer's business.
            if !octets.starts_with(b"MEOW\x04\0\0\0") {
                continue;
            }
            octets = octets.split_off(48.min(octets.len()));
        }
        let name = tree.short(&path).to_string();
        tally.case(&name, || unit(&mut written, &name, &octets, expected(&path, kind).as_ref()));
    }
    (kind, vec![tally], written)
}

fn packets(tree: &Tree) -> Done {
    let (mut tally, mut objects, mut written) =
        (Tally::of(Kind::WbemData), Tally::new(Kind::WbemData.label(), "objects"), Written::default());
    for path in tree.files(Kind::WbemData) {
        let name = tree.short(&path).to_string();
        tally.case(&name, || packet(&name, &path, &mut objects, &mut written));
    }
    (Kind::WbemData, vec![tally, objects], written)
}

fn packet(name: &str, path: &Path, tally: &mut Tally, written: &mut Written) {
    let (mut octets, expect) = (read(path), expected(path, Kind::WbemData));
    if octets.starts_with(b"WBEMDATA") {
        // Kept without the octets for the byte order.
        octets.splice(..0, [0; 4]);
    }
    let octets = Bytes::from(octets);
    let packet = ObjectArrayDecoder::default().decode(&octets).unwrap();
    if let Some(expect) = &expect {
        assert_eq!(packet.objects.len(), expect["objects"].as_array().unwrap().len());
    }
    let view = PacketView::parse(&octets).unwrap();
    for (i, (entry, entity)) in view.entries().zip(packet.objects).enumerate() {
        let (entity, expect) = (entity.unwrap(), expect.as_ref().map(|expect| &expect["objects"][i]));
        let check_class = |id| {
            if let Some(expect) = expect {
                assert_eq!(expect["class_id"], uuid(id).as_str());
            }
        };
        let with_class = match entry.unwrap() {
            EntryView::Class(octets) => octets.to_vec(),
            EntryView::Instance(id, octets) => {
                check_class(id);
                octets.to_vec()
            }
            EntryView::InstanceWithoutClass(id, octets) => {
                check_class(id);
                // Its class part came before; ours stands in for it.
                let ours = encode_block(&entity, &EncodeOptions::default()).unwrap();
                let head = octets.len() - UnitView::parse_block(octets).unwrap().body.len();
                let part = u32::from_le_bytes(ours[head..head + 4].try_into().unwrap()) as usize;
                [&octets[..head], &ours[head..head + part], &octets[head..]].concat()
            }
        };
        if let Some(expect) = expect {
            compare(name, &entity, UnitView::parse_block(&with_class).unwrap().flags, &expect["object"]);
        }
        block(written, name, &with_class, &entity);
        tally.pass();
    }
    for len in 0..octets.len() {
        if let Ok(p) = ObjectArrayDecoder::default().decode(&octets.slice(..len)) {
            assert!(p.objects.iter().all(Result::is_ok), "{len}");
        }
    }
}

fn uuid(id: &[u8; 16]) -> String {
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let hex: String = order.iter().map(|i| format!("{:02x}", id[*i])).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn base64(json: &Json) -> Bytes {
    base64::engine::general_purpose::STANDARD.decode(json.as_str().unwrap()).unwrap().into()
}

fn lines(path: &Path) -> Vec<Json> {
    String::from_utf8(read(path)).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Namespace and name of a class, in lower case.
type ClassKey = (String, String);

/// Classes of `.classes.jsonl`. A folder is a repository; what it lacks is looked for in the others.
struct Repository {
    rows: HashMap<ClassKey, BTreeMap<PathBuf, Json>>,
    done: HashMap<(PathBuf, ClassKey), StoredClass>,
}

impl Repository {
    /// What comes first wins.
    fn of(files: impl Iterator<Item = PathBuf>) -> Self {
        let mut rows: HashMap<ClassKey, BTreeMap<PathBuf, Json>> = HashMap::new();
        for file in files {
            for row in lines(&file) {
                rows.entry(key(&row["ns"], &row["name"])).or_default().entry(file.parent().unwrap().to_path_buf()).or_insert(row);
            }
        }
        Repository { rows, done: HashMap::new() }
    }

    /// A class of a namespace, or of the namespace of the system classes, with all that it inherits.
    fn class(&mut self, folder: &Path, key: ClassKey) -> StoredClass {
        let key = if self.rows.contains_key(&key) { key } else { ("__systemclass".into(), key.1) };
        let places = self.rows.get(&key).unwrap_or_else(|| panic!("no class {key:?}"));
        let (folder, row) = places.get_key_value(folder).or_else(|| places.first_key_value()).map(|(f, r)| (f.clone(), r.clone())).unwrap();
        if let Some(done) = self.done.get(&(folder.clone(), key.clone())) {
            return done.clone();
        }
        let superclass = match row["superclass"].as_str() {
            Some(s) if !s.is_empty() => Some(self.class(&folder, (key.0.clone(), s.to_lowercase())).class),
            _ => None,
        };
        let class = StoredClass::decode(&base64(&row["class_part_b64"]), &base64(&row["methods_part_b64"]), superclass.as_deref())
            .unwrap_or_else(|e| panic!("{key:?}: {e}"));
        self.done.insert((folder, key), class.clone());
        class
    }
}

fn key(ns: &Json, name: &Json) -> (String, String) {
    (ns.as_str().unwrap().to_lowercase(), name.as_str().unwrap().to_lowercase())
}

/// The form of expected rows of a repository: qualifiers are arrays, signatures are their parameters.
fn compact(class: &StoredClass) -> Json {
    let rows = |set: &Json| -> Json {
        set.as_array()
            .unwrap()
            .iter()
            .map(|q| Json::from(vec![q["name"].clone(), q["flavor"].clone(), q["type"].clone(), q["value"].clone()]))
            .collect()
    };
    let c: &Class = &class.class;
    let mut out = json::class(c, |i| class.lists(i));
    out["qualifiers"] = rows(&out["qualifiers"]);
    out["derivation"] = c.derivation.first().cloned().into_iter().collect();
    for p in out["properties"].as_array_mut().unwrap() {
        p["qualifiers"] = rows(&p["qualifiers"]);
    }
    let parameters = |s: &Json| -> Json {
        if s.is_null() {
            return Json::Null;
        }
        let list = s["class"]["properties"].as_array().unwrap();
        let set = |p: &Json| -> Json {
            p["qualifiers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|q| (q["name"].as_str().unwrap().to_owned(), q["value"].clone()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        list.iter().map(|p| serde_json::json!({"name": p["name"], "type": p["type"], "qualifiers": set(p)})).collect()
    };
    let mut methods = json::methods(c);
    for m in methods.as_array_mut().unwrap() {
        m["qualifiers"] = rows(&m["qualifiers"]);
        m["in"] = parameters(&m["in"]);
        m["out"] = parameters(&m["out"]);
    }
    out["methods"] = methods;
    out
}

fn type_field(class: &StoredClass) -> Vec<(u32, bool)> {
    let code = |t: rwmi_cim::Type| u32::from(t.cim.code()) | if t.array { 0x2000 } else { 0 };
    class.class.properties.iter().enumerate().map(|(i, p)| (code(p.ty), class.lists(i))).collect()
}

/// Classes and instances of repositories. Of a tree with a part of a repository, the rest may be in our own.
fn repository(tree: &Tree) -> [Done; 2] {
    let (mut class_files, mut instance_files) = (Tally::of(Kind::Classes), Tally::of(Kind::Instances));
    let mut classes = (Tally::new(Kind::Classes.label(), "classes"), Written::default());
    let mut instances = (Tally::new(Kind::Instances.label(), "instances"), Written::default());
    let files: Vec<PathBuf> = tree.files(Kind::Classes).collect();
    let ours = Tree::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let mut repository = Repository::of(files.iter().cloned().chain(ours.files(Kind::Classes)));
    for file in &files {
        class_files.case(tree.short(file), || assert!(!lines(file).is_empty(), "no class"));
        for row in lines(file) {
            let name = format!("{}:{}", row["ns"].as_str().unwrap_or_default(), row["name"].as_str().unwrap_or_default());
            classes.0.case(&name, || {
                stored_class(&mut classes.1, &name, &repository.class(file.parent().unwrap(), key(&row["ns"], &row["name"])), &row)
            });
        }
    }
    for file in tree.files(Kind::Instances) {
        instance_files.case(tree.short(&file), || assert!(!lines(&file).is_empty(), "no instance"));
        for row in lines(&file) {
            let name = format!("{}:{}", row["ns"].as_str().unwrap_or_default(), row["cls"].as_str().unwrap_or_default());
            instances
                .0
                .case(&name, || instance(&mut instances.1, &repository.class(file.parent().unwrap(), key(&row["ns"], &row["cls"])), &row));
        }
    }
    [(Kind::Classes, vec![class_files, classes.0], classes.1), (Kind::Instances, vec![instance_files, instances.0], instances.1)]
}

fn stored_class(written: &mut Written, name: &str, class: &StoredClass, row: &Json) {
    if row["expected"].is_object() {
        assert_same(name, &compact(class), &row["expected"]);
    }
    let octets = Bytes::from([base64(&row["class_part_b64"]), base64(&row["methods_part_b64"])].concat());
    let (part, methods) = class.encode().unwrap();
    let types = type_field(class);
    written.octets(name, &octets, &[part, methods].concat(), |o, order| {
        let (part, methods) = o.split_at(u32::from_le_bytes(o[..4].try_into().unwrap()) as usize);
        [strip::class_part(part, strip::Form::Stored(&types), order).0, strip::methods_part(methods, order)].concat()
    });
}

fn instance(tally: &mut Written, class: &StoredClass, row: &Json) {
    let octets = base64(&row["instance_part_b64"]);
    let layout = Arc::new(ClassLayout::of(&class.class).unwrap());
    let object: Object = layout.instance(&octets, DecodeOptions::default()).unwrap();
    let name = object.class().name.clone();
    for (property, expect) in row["expected"].as_object().into_iter().flatten() {
        let found = json::value(&object.get::<rwmi_cim::Value>(property).unwrap());
        if found.is_string() && expect == "" && object.property_qualifiers().unwrap().is_some() {
            // That decoder looks for the heap where the sets of qualifiers are, and finds no text.
            println!("    {name}: {property} is {found}, behind qualifiers of properties");
            continue;
        }
        // It gives up on some NULLs, too.
        let expect = if expect.get("decode-error").is_some() { &Json::Null } else { expect };
        assert_same(&name, &found, expect);
    }
    let ours = ClassEncoder::new(&class.class).unwrap().instance(&object).unwrap();
    tally.octets(&name, &octets, &ours, |o, order| strip::instance_part(o, &type_field(class), order));
}
