//! `rwmi mof`: files go into a server whole or not at all, and come out again.

use crate::support::{Server, rwmi};
use rwmi_cim::mof::{self, ItemKind, Pragma};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const DEMO: &str = r#"
#pragma namespace("\\\\.\\root\\default")
instance of __Namespace { Name = "demo"; };
#pragma namespace("\\\\.\\root\\default\\demo")
#include "base.mof"
class Demo_Big : Demo_Thing { string Note; };
instance of Demo_Thing { Name = "a"; };
instance of Demo_Big { Name = "b"; Size = 9; Note = "x"; };
"#;
const BASE: &str = "[Description(\"Something.\") : Amended ToSubclass]\nclass Demo_Thing { [key] string Name; uint32 Size = 7; };\n";

fn file(server: &Server, name: &str, text: &str) -> String {
    let path = server.place.dir.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn compile(server: &Server, args: &[&str]) -> crate::support::Done {
    let mut all = vec!["mof", "compile"];
    all.extend(args);
    under(server, &all)
}

/// The options that lead to a server stand behind the second word.
fn under(server: &Server, args: &[&str]) -> crate::support::Done {
    let mut all: Vec<String> = args[..2].iter().map(|a| (*a).to_owned()).collect();
    all.extend(server.way());
    all.extend(args[2..].iter().map(|a| (*a).to_owned()));
    let mut command = crate::support::command(&all);
    command.env("RWMI_USER", crate::support::USER).env("RWMI_PASSWORD", crate::support::PASSWORD);
    crate::support::finish(command)
}

#[test]
fn a_file_is_put_whole_or_not_at_all_and_comes_out_as_it_went_in() {
    let server = Server::start("127.0.77.10", "");
    file(&server, "base.mof", BASE);
    let good = file(&server, "good.mof", DEMO);
    let twice = file(&server, "twice.mof", &DEMO.replace("Name = \"b\"", "Name = \"a\""));
    let rows = |server: &Server| server.run(&["query", "-n", r"root\default\demo", "SELECT * FROM Demo_Thing"]);
    compile(&server, &[&twice]).bad(1, &["WBEM_E_ALREADY_EXISTS", r#"Demo_Big.Name="a""#, "nothing was changed"]);
    rows(&server).bad(1, &["WBEM_E_INVALID_NAMESPACE"]);
    assert_eq!(compile(&server, &["--check", &good]).good(), "2 classes and 3 instances would be put, 0 deleted\n");
    rows(&server).bad(1, &["WBEM_E_INVALID_NAMESPACE"]);
    for _ in 0..2 {
        assert_eq!(compile(&server, &[&good]).good(), "2 classes and 3 instances put, 0 deleted\n");
    }
    let lines = "{\"Name\":\"a\",\"Size\":7}\n{\"Name\":\"b\",\"Size\":9,\"Note\":\"x\"}\n";
    assert_eq!(rows(&server).good(), lines);
    let export = |server: &Server| under(server, &["mof", "export", "-n", r"root\default\demo"]).good();
    let text = export(&server);
    assert!(text.contains("[Description(\"Something.\") : ToSubclass Amended]\nclass Demo_Thing\n"), "{text}");
    compile(&server, &[&file(&server, "again.mof", &text)]).good();
    assert_eq!(export(&server), text);
    // Deletions are part of the whole.
    let gone = file(&server, "gone.mof", "#pragma namespace(\"root\\\\default\\\\demo\")\n#pragma deleteclass(\"Demo_Thing\", FAIL)\n");
    assert_eq!(compile(&server, &[&gone]).good(), "0 classes and 0 instances put, 1 deleted\n");
    rows(&server).bad(1, &["WBEM_E_INVALID_CLASS"]);
    // What goes with another class is not there to be deleted.
    compile(&server, &[&good]).good();
    let both = gone.replace("gone", "both");
    fs::write(&both, fs::read_to_string(&gone).unwrap() + "#pragma deleteclass(\"Demo_Big\", NOFAIL)\n").unwrap();
    assert_eq!(compile(&server, &[&both]).good(), "0 classes and 0 instances put, 1 deleted\n");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    let server = Server::start("127.0.77.11", "");
    let check = |text: &str, words: &[&str]| {
        compile(&server, &[&file(&server, "bad.mof", text)]).bad(1, words);
    };
    check("class A {\n  string S = 5;\n};", &["bad.mof:2:14: WBEMMOF_E_TYPE_MISMATCH", "string S = 5;", "^ this is no value"]);
    check("class A : Nobody {};", &["bad.mof:1:11: WBEM_E_INVALID_SUPERCLASS", "^^^^^^"]);
    check("class A {", &["bad.mof:1:10: WBEMMOF_E_"]);
    check("#include \"none.mof\"", &["WBEMMOF_E_ERROR_INVALID_INCLUDE_FILE"]);
    check("class _A { };", &["WBEM_E_INVALID_OPERATION", "nothing was changed"]);
    let many: String = (0..5000).map(|n| format!("uint32 P{n};")).collect();
    check(&format!("class A {{ {many} }};"), &["WBEM_E_TOO_MANY_PROPERTIES"]);
    // A file of 100 MB is not even read to its end.
    let long = server.place.dir.path().join("long.mof");
    fs::File::create(&long).unwrap().set_len(100 << 20).unwrap();
    compile(&server, &[long.to_str().unwrap()]).bad(1, &["WBEMMOF_E_INVALID_FILE", "octets are more than"]);
    compile(&server, &["/nothing/there.mof"]).bad(1, &["/nothing/there.mof"]);
    assert_eq!(server.stop(), Some(0));
}

fn data() -> Option<PathBuf> {
    let there = std::env::var_os("RWMI_WIRE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let there = there.join("mof-microsoft");
    assert!(there.exists() || std::env::var_os("RWMI_WIRE_REQUIRED").is_none_or(|v| v != "1"), "{} is missing", there.display());
    if there.exists() {
        return Some(there);
    }
    println!("not run: {} is missing", there.display());
    None
}

/// Files that are no whole, and what they lack: the one the CIM schema 2.26, of whose classes it derives CIM_ServiceProcess and
/// CIM_InstModification that this server does not ship; the other the headers of C that its macros come from.
const LEFT_OUT: [(&str, &str); 2] =
    [("classic__ManagementInfrastructure__cpp__Sample.mof", "cim_schema_2.26.0.mof"), ("driver__common.mof", "iscsidsc.h")];

/// Files that derive from a class of `root\wmi`, where Windows compiles them, or say that they belong there.
const OF_DRIVERS: [&str; 2] = ["driver__classlog.mof", "driver__toaster.mof"];

/// What a file declares in each namespace, in lower case: the classes, and these with those that it has instances of.
fn said(path: &Path, place: &str) -> BTreeMap<String, (Vec<String>, BTreeSet<String>)> {
    let document = mof::parse_octets("file", &fs::read(path).unwrap()).unwrap();
    let mut said: BTreeMap<String, (Vec<String>, BTreeSet<String>)> = BTreeMap::new();
    let mut namespace = place.to_lowercase();
    for item in document.items {
        match item.kind {
            ItemKind::Pragma(Pragma::Namespace(name)) => {
                namespace = name.to_lowercase().replace('/', r"\").trim_start_matches(r"\\.").trim_matches('\\').to_owned();
            }
            ItemKind::Class(class) => {
                let (classes, all) = said.entry(namespace.clone()).or_default();
                classes.push(class.name.0.to_lowercase());
                all.insert(class.name.0.to_lowercase());
            }
            ItemKind::Instance(instance) if !instance.class.0.eq_ignore_ascii_case("__NAMESPACE") => {
                said.entry(namespace.clone()).or_default().1.insert(instance.class.0.to_lowercase());
            }
            _ => {}
        }
    }
    said
}

/// Files of others that are compiled whole, against a server: each goes in, comes out, and goes in again as it was.
#[test]
fn wire_data_whole_files_go_in_and_come_out() {
    let Some(data) = data() else { return };
    let server = Server::start("127.0.77.12", "");
    let mut files: Vec<PathBuf> = fs::read_dir(data).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("mof")));
    files.sort();
    let mut whole = 0;
    for (n, path) in files.iter().enumerate() {
        let place = format!(r"root\default\t{n}");
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let made = format!("#pragma namespace(\"root\\\\default\")\ninstance of __Namespace {{ Name = \"t{n}\"; }};\n");
        compile(&server, &[&file(&server, "made.mof", &made)]).good();
        let place = if OF_DRIVERS.contains(&name.as_str()) { r"root\wmi".to_owned() } else { place };
        let done = compile(&server, &["-n", &place, path.to_str().unwrap()]);
        if let Some((_, why)) = LEFT_OUT.iter().find(|(file, _)| *file == name) {
            done.bad(1, &["WBEMMOF_E_ERROR_INVALID_INCLUDE_FILE", why]);
            continue;
        }
        done.good();
        whole += 1;
        for (namespace, (classes, all)) in said(path, &place) {
            let mut words = vec!["mof", "export", "--instances", "-n", &namespace];
            words.extend(all.iter().map(String::as_str));
            let export = || under(&server, &words).good();
            let text = export();
            let printed = text.to_lowercase();
            assert!(classes.iter().all(|c| printed.contains(&format!("class {c}"))), "{name}: {text}");
            assert!(all.iter().all(|c| classes.contains(c) || printed.contains(&format!("instance of {c}"))), "{name}: {text}");
            // From nothing, as far as it is this file's to take away.
            let gone: String = classes.iter().map(|c| format!("#pragma deleteclass(\"{c}\", NOFAIL)\n")).collect();
            compile(&server, &["-n", &namespace, &file(&server, "gone.mof", &gone)]).good();
            if let Some(class) = classes.first() {
                under(&server, &["mof", "export", "-n", &namespace, class]).bad(1, &["WBEM_E_NOT_FOUND"]);
            }
            compile(&server, &["-n", &namespace, &file(&server, "again.mof", &text)]).good();
            assert_eq!(export(), text, "{name}");
        }
    }
    assert_eq!(whole + LEFT_OUT.len(), files.len(), "each file goes in, or stands in the list");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_command_without_a_file_is_wrong_usage() {
    rwmi(&["mof", "compile"]).bad(2, &["FILE"]);
}

#[test]
fn the_options_of_mofcomp_say_how_classes_and_instances_are_put() {
    let server = Server::start("127.0.108.10", "");
    let here = ["-n", r"root\default"];
    let put = |args: &[&str], file: &str| compile(&server, &[&here[..], args, &[file]].concat());
    let class = file(&server, "class.mof", "class Opt_A { [key] string Name; uint32 Size; };");
    let rows = file(&server, "rows.mof", "instance of Opt_A { Name = \"a\"; Size = 1; };");
    put(&["--class", "updateonly"], &class).bad(1, &["WBEM_E_NOT_FOUND"]);
    put(&["--class", "createonly"], &class).good();
    put(&["--class", "createonly"], &class).bad(1, &["WBEM_E_ALREADY_EXISTS"]);
    put(&["--class", "updateonly", "--autorecover"], &class).good();
    put(&["--instance", "updateonly"], &rows).bad(1, &["WBEM_E_NOT_FOUND"]);
    put(&["--instance", "createonly"], &rows).good();
    put(&["--instance", "createonly"], &rows).bad(1, &["WBEM_E_ALREADY_EXISTS"]);
    put(&["--instance", "updateonly"], &rows).good();
    // A derived class that has the new property already.
    let below = file(&server, "below.mof", "class Opt_B : Opt_A { string Note; };");
    put(&[], &below).good();
    let wider = file(&server, "wider.mof", "class Opt_A { [key] string Name; uint32 Size; string Note; };");
    put(&["--class", "safeupdate"], &wider).bad(1, &["WBEM_E_CLASS_HAS"]);
    // What the text says goes above.
    let pragma = file(&server, "pragma.mof", "#pragma instanceflags(\"updateonly\")\ninstance of Opt_A { Name = \"new\"; };");
    put(&["--instance", "createonly"], &pragma).bad(1, &["WBEM_E_NOT_FOUND"]);
    put(&["--class", "maybe"], &class).bad(2, &["createonly"]);
}

#[test]
fn a_text_is_parted_from_its_translation_as_mofcomp_does() {
    let server = Server::start("127.0.108.11", "");
    let text = "[Description(\"Etwas.\") : Amended ToSubclass] class Split_A { [key, Description(\"Wie es heisst.\") : Amended ToSubclass] string Name; };";
    let whole = file(&server, "whole.mof", text);
    let path = |name: &str| server.place.dir.path().join(name).to_str().unwrap().to_owned();
    let (neutral, texts) = (path("neutral.mof"), path("texts.mfl"));
    let part = ["-n", r"root\default", "--amendment", "MS_407", "--mof", &neutral, "--mfl", &texts, &whole];
    let said = compile(&server, &part).good();
    assert_eq!(said, format!("1 declarations written to {neutral}, 2 to {texts}\n"));
    let read = |path: &str| fs::read_to_string(path).unwrap();
    assert!(!read(&neutral).contains("Description") && read(&texts).contains("Etwas."), "{}{}", read(&neutral), read(&texts));
    // Nothing was put; both together are the whole.
    server.run(&["get-class", "-n", r"root\default", "Split_A"]).bad(1, &["WBEM_E_NOT_FOUND"]);
    compile(&server, &["-n", r"root\default", &neutral]).good();
    compile(&server, &["-n", r"root\default", &texts]).good();
    let shown = server.run(&["get-class", "-n", r"root\default", "--amended", "--locale", "MS_407", "Split_A"]).good();
    assert!(shown.contains("Etwas.") && shown.contains("Wie es heisst."), "{shown}");
    compile(&server, &["--mof", &neutral, &whole]).bad(2, &["--amendment"]);
    compile(&server, &["--amendment", "german", &whole]).bad(2, &["MS_409"]);
}
