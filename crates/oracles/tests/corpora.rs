//! Every file of every corpus through its law, whole and cut at some places.

use std::fs;
use std::path::Path;

fn check(target: &str, law: fn(&[u8])) {
    let fuzz = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz"));
    let of = |kind: &str| {
        let entries = fs::read_dir(fuzz.join(kind).join(target)).into_iter().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.expect("a directory that can be read").path()).collect();
        files.sort();
        files
    };
    let corpus = of("corpus");
    assert!(!corpus.is_empty(), "the corpus of {target} is empty");
    for file in corpus.iter().chain(&of("crashes")) {
        let octets = fs::read(file).expect("a file that can be read");
        // Whoever reads the failure finds the file by this line.
        println!("{}", file.display());
        law(&octets);
        for cut in [1, 2, 3, 5, 8].map(|part| octets.len() * part / 9) {
            law(&octets[..cut]);
        }
        law(&octets[..octets.len().saturating_sub(1)]);
    }
}

macro_rules! corpora {
    ($($target:ident),*) => {
        $(#[test]
        fn $target() {
            check(stringify!($target), rwmi_oracles::$target);
        })*

        #[test]
        fn every_target_is_here() {
            let here = [$(stringify!($target)),*];
            assert_eq!(rwmi_oracles::TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), here);
        }
    };
}

corpora!(pdu, machines, ndr, auth, wmio, object_array, wql, mof, object_path, datetime, services);

#[test]
fn seeds_hold_to_the_laws() {
    for (target, law) in rwmi_oracles::TARGETS {
        let seeds = rwmi_oracles::seeds(target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for (name, octets) in seeds {
            println!("{target} {name}");
            law(&octets);
        }
    }
}
