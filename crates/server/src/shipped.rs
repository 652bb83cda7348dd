//! The classes that the server ships, as MOF text.

use crate::store::{Namespace, Shipped};
use rwmi_cim::mof::{self, Memory};
use sha2::{Digest, Sha256};

/// What this build ships.
#[derive(Debug, Clone, Copy, Default)]
pub struct Schema {
    /// Whether `root\test` with its generated rows is there.
    pub test: bool,
}

/// Compiled into every namespace.
const SYSTEM: (&str, &str) = ("system.mof", include_str!("../mof/system.mof"));
/// Compiled into the namespaces of [`CONSUMING`].
const CONSUMERS: (&str, &str) = ("subscription.mof", include_str!("../mof/subscription.mof"));
/// Where Windows has the standard consumers.
const CONSUMING: [&str; 2] = [r"root\subscription", r"root\default"];
/// Compiled where their own pragmas say.
const TEXTS: [(&str, &str); 4] = [
    ("root.mof", include_str!("../mof/root.mof")),
    ("cimv2.mof", include_str!("../mof/cimv2.mof")),
    ("default.mof", include_str!("../mof/default.mof")),
    ("wmi.mof", include_str!("../mof/wmi.mof")),
];
const TEST: (&str, &str) = ("test.mof", include_str!("../mof/test.mof"));

impl Schema {
    fn namespaces(self) -> Vec<&'static str> {
        let mut names = vec!["root", r"root\cimv2", r"root\default", r"root\subscription", r"root\wmi"];
        if self.test {
            names.push(r"root\test");
        }
        names
    }

    fn texts(self) -> Vec<(&'static str, &'static str)> {
        let mut texts = TEXTS.to_vec();
        if self.test {
            texts.push(TEST);
        }
        texts
    }
}

impl Shipped for Schema {
    fn stamp(&self) -> Vec<u8> {
        let mut hash = Sha256::new();
        for (name, text) in [SYSTEM, CONSUMERS].into_iter().chain(self.texts()) {
            hash.update(name.as_bytes());
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        // The compiler may change without the texts.
        hash.update(env!("CARGO_PKG_VERSION").as_bytes());
        hash.finalize().to_vec()
    }

    fn compile(&self) -> Result<Vec<Namespace>, String> {
        let mut memory = Memory::new();
        let mut compile = |(name, text): (&str, &str), namespace: &str| {
            let document =
                mof::parse(name, text).map_err(|errors| errors.iter().map(mof::MofError::render).collect::<Vec<_>>().join("\n"))?;
            mof::compile_into(&document, namespace, &mut memory).map_err(|e| e.render())
        };
        for namespace in self.namespaces() {
            compile(SYSTEM, namespace)?;
        }
        for text in self.texts() {
            compile(text, "root")?;
        }
        for namespace in CONSUMING {
            compile(CONSUMERS, namespace)?;
        }
        let namespace = |name: &&str| Namespace::new(*name, memory.classes(name).cloned(), memory.instances(name).to_vec());
        Ok(self.namespaces().iter().map(namespace).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Repository, Tree};

    fn check_tree(tree: &Tree) {
        for name in ["root", r"root\cimv2", r"root\default", r"root\subscription", r"root\test"] {
            let namespace = tree.namespace(name).unwrap();
            assert!(namespace.class("__NAMESPACE", false).unwrap().property("Name").unwrap().is_key());
            assert!(namespace.class("__Win32Provider", false).unwrap().is_a("__SystemClass"));
        }
        let os = tree.namespace(r"root\cimv2").unwrap().class("Win32_OperatingSystem", false).unwrap();
        assert!(os.provider().is_some() && os.is_a("CIM_ManagedSystemElement"));
        assert!(tree.namespace(r"root\test").unwrap().class("Rwmi_Row", false).unwrap().provider().is_some());
    }

    #[test]
    fn what_is_shipped_compiles_and_returns_from_the_store() {
        let schema = Schema { test: true };
        let compiled = Tree::new(schema.compile().unwrap_or_else(|e| panic!("{e}")));
        check_tree(&compiled);
        let stored = Repository::in_memory(&schema).unwrap().tree();
        check_tree(&stored);
        for namespace in compiled.namespaces() {
            let other = stored.namespace(namespace.name()).unwrap();
            assert_eq!(namespace.class_count(), other.class_count());
            for class in namespace.all() {
                assert_eq!(**class, **other.class(&class.name, true).unwrap(), "{}", class.name);
            }
        }
        assert!(Tree::new(Schema::default().compile().unwrap()).namespace(r"root\test").is_none());
        assert_ne!(schema.stamp(), Schema::default().stamp());
    }
}
