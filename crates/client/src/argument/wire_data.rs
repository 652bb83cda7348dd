//! The class objects and calls of real machines: from a recorded class and the recorded arguments, our in-parameters object is
//! the recorded one.

use super::*;
use bytes::Bytes;
use rwmi_dcom::OrpcThis;
use rwmi_ndr::{Decode, Limits, Reader};
use rwmi_wbem::ClassObjectRef;
use rwmi_wbem::interfaces::ExecMethod;
use rwmi_wiredata::{Kind, Outcome, Tally, Tree, read, read_hex};
use rwmi_wmio::{EncodeOptions, decode_unit, encode_unit};

/// Every class object of the tree that has methods.
fn recorded_classes(tree: &Tree) -> Vec<(String, Arc<Class>)> {
    let marshaled = tree.files(Kind::Wmio).map(|path| (tree.short(&path).to_string(), read(&path)));
    let dumped = tree.files(Kind::Dump).map(|path| (tree.short(&path).to_string(), read_hex(&path)));
    let mut found = Vec::new();
    for (name, octets) in marshaled.chain(dumped) {
        if let Ok(Entity::Class(class)) = decode_unit(&Bytes::from(octets.unwrap()))
            && !class.methods.is_empty()
        {
            found.push((name, class));
        }
    }
    found
}

/// The recorded calls, where they lie in clear.
fn recorded_calls(tree: &Tree) -> Vec<(String, ExecMethod)> {
    let requests = tree.files(Kind::Request).filter(|path| path.to_string_lossy().contains("IWbemServices_ExecMethod_"));
    requests
        .map(|path| {
            let mut reader = Reader::new(Bytes::from(read(&path).unwrap()), Limits::default());
            OrpcThis::decode(&mut reader).unwrap();
            (tree.short(&path).to_string(), ExecMethod::decode(&mut reader).unwrap())
        })
        .collect()
}

#[test]
fn wire_data_recorded_classes_drive_method_calls() {
    let Some(tree) = Tree::locate() else { return };
    let classes = recorded_classes(&tree);
    let mut tally = Tally::new(Kind::Request.label(), "in-parameters objects made of a recorded class and recorded arguments");
    let mut octets_equal = 0;
    for (name, call) in recorded_calls(&tree) {
        let path: ObjectPath = call.path.text().unwrap().parse().unwrap();
        let method = call.method.text().unwrap();
        let with_it: Vec<_> = classes.iter().filter(|(_, c)| names_equal(&c.name, &path.class) && c.method(&method).is_some()).collect();
        assert!(!with_it.is_empty() || tree.is_named(), "{name}: no class object of {} is recorded", path.class);
        for (of, class) in with_it {
            tally.case(format!("{name} by {of}"), || {
                let unit = call.in_params.as_ref().map(|p| ClassObjectRef::from_pointer(p).unwrap().0);
                let theirs = unit.as_ref().map(|u| match decode_unit(u).unwrap() {
                    Entity::Instance(object) => object.to_instance().unwrap(),
                    Entity::Class(class) => panic!("the class {}", class.name),
                });
                // What the caller said: what is not NULL. Win32_Process.Create leaves the rest out, as people do.
                let set = theirs.iter().flat_map(|t| t.class.properties.iter().zip(&t.values)).filter(|(_, v)| !v.is_null());
                let given: Vec<_> = set.map(|(p, v)| (p.name.clone(), Argument::Value(v.clone()))).collect();
                let declared = class.method(&method).unwrap();
                let ours = bind(class, declared, &given, &Classes::new()).unwrap();
                let (Some(ours), Some(theirs)) = (&ours, &theirs) else {
                    assert_eq!(ours.is_some(), theirs.is_some());
                    return Outcome::Passed;
                };
                let written = encode_unit(&Entity::from(ours.clone()), &EncodeOptions::default()).unwrap();
                let Entity::Instance(back) = decode_unit(&Bytes::from(written.clone())).unwrap() else { panic!("no instance") };
                let back = back.to_instance().unwrap();
                assert_eq!((&back.class.name, &back.class.derivation), (&theirs.class.name, &theirs.class.derivation));
                assert_eq!(back.class.qualifiers, theirs.class.qualifiers);
                assert_eq!(back.class.properties, theirs.class.properties);
                assert_eq!((&back.values, &back.is_default), (&theirs.values, &theirs.is_default));
                assert_eq!((&back.qualifiers, &back.property_qualifiers), (&theirs.qualifiers, &theirs.property_qualifiers));
                assert_eq!(back.decoration, theirs.decoration);
                octets_equal += usize::from(unit.as_deref() == Some(&written[..]));

                // A mistake in the same arguments does not leave.
                let mut wrong = given.clone();
                wrong.push(("NoSuchParameter".into(), 1u32.into()));
                assert!(matches!(bind(class, declared, &wrong, &Classes::new()), Err(Unfit::Wrong(_))));
                for (index, (name, _)) in given.iter().enumerate() {
                    let mut wrong = given.clone();
                    wrong[index].1 = Argument::object([]);
                    let refused = bind(class, declared, &wrong, &Classes::new());
                    assert!(matches!(refused, Err(Unfit::Wrong(_) | Unfit::Unknown(_))), "{name}: {refused:?}");
                }
                Outcome::Passed
            });
        }
    }
    println!("{octets_equal} of them the same octets, the others without the recorded slack");
    tally.finish(&tree);
}

#[test]
fn wire_data_every_recorded_method_takes_what_it_declares() {
    let Some(tree) = Tree::locate() else { return };
    let mut tally = Tally::new(Kind::Wmio.label(), "in-parameters objects of every method of recorded classes");
    for (name, class) in recorded_classes(&tree) {
        for method in &class.methods {
            tally.case(format!("{name} {}", method.name), || {
                // NULL goes into everything.
                let inputs = method.parameters().into_iter().filter(|p| p.input);
                let given: Vec<_> = inputs.map(|p| (p.property.name.clone(), Argument::Value(Value::Null))).collect();
                let bound = bind(&class, method, &given, &Classes::new()).unwrap();
                assert_eq!(bound.is_some(), !given.is_empty());
                let Some(instance) = bound else { return Outcome::Passed };
                let written = encode_unit(&Entity::from(instance.clone()), &EncodeOptions::default()).unwrap();
                let Entity::Instance(back) = decode_unit(&Bytes::from(written)).unwrap() else { panic!("no instance") };
                let back = back.to_instance().unwrap();
                assert_eq!((&back.class.properties, &back.values), (&instance.class.properties, &instance.values));
                Outcome::Passed
            });
        }
    }
    tally.finish(&tree);
}
