//! Does everything with octets that may be MOF: what fuzz targets and corpora run.

use super::{Memory, compile_into, parse, parse_octets, print_class, print_instance};

/// Classes that a text may derive from and refer to.
const BASE: &str = r#"
    class Base { [key] string Id; uint32 Size = 7; object Any[]; Base ref Link; [static] uint32 Act([in] string What, [out] uint32 Code); };
"#;

/// Parses, compiles, prints and compiles again.
///
/// # Panics
/// When what was printed does not compile to the same: a defect.
pub fn octets(octets: &[u8]) {
    let document = match parse_octets("input", octets) {
        Ok(document) => document,
        Err(errors) => {
            errors.iter().for_each(|e| drop(e.render()));
            return;
        }
    };
    let mut store = Memory::new();
    let compile = |store: &mut Memory, text: &str| {
        let document = parse("printed", text).unwrap_or_else(|e| panic!("{}\n{text}", e[0].render()));
        compile_into(&document, "root", store).unwrap_or_else(|e| panic!("{}\n{text}", e.render()));
    };
    compile(&mut store, BASE);
    if let Err(e) = compile_into(&document, "root", &mut store) {
        e.render();
    }
    let mut again = Memory::new();
    for class in store.classes("root").filter(|c| c.parent.as_ref().is_none_or(|p| again_has(&store, p))) {
        // A class that was declared again leaves the subclasses of its first declaration as they were.
        compile(&mut again, &print_class(class));
        let printed = super::Target::class(&again, "root", &class.name);
        assert_eq!(printed.as_deref(), Some(&**class));
    }
    // Each is compared with all: more would say no more, and take the square of the time.
    for instance in store.instances("root").iter().take(16) {
        let current = super::Target::class(&store, "root", &instance.class.name);
        if current.as_ref() == Some(&instance.class) && !print_instance(instance).contains("NULL") {
            let mut again = store.clone();
            compile(&mut again, &print_instance(instance));
            assert_eq!(again.instances("root"), store.instances("root"));
        }
    }
}

/// Whether a class is what the store has under its name, and its ancestors are too.
fn again_has(store: &Memory, class: &std::sync::Arc<crate::Class>) -> bool {
    super::Target::class(store, "root", &class.name).as_ref() == Some(class) && class.parent.as_ref().is_none_or(|p| again_has(store, p))
}
