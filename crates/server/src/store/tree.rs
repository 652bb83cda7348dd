//! The repository as it is read: namespaces, classes and stored instances in memory.

use rwmi_cim::{Class, Instance, names_equal, schema};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// All namespaces.
#[derive(Debug, Default)]
pub struct Tree {
    namespaces: BTreeMap<String, Namespace>,
}

/// What a namespace holds.
#[derive(Debug, Default)]
pub struct Namespace {
    name: String,
    classes: HashMap<String, Entry>,
    /// Topmost classes, folded, in the order of their names.
    top: Vec<String>,
    instances: HashMap<String, Vec<Instance>>,
}

#[derive(Debug)]
struct Entry {
    class: Arc<Class>,
    neutral: Arc<Class>,
    /// Classes derived from it directly, folded, in the order of their names.
    children: Vec<String>,
}

/// A name as the key of a table: names that are equal have equal keys.
pub fn fold(name: &str) -> String {
    name.chars()
        .map(|c| {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(u), None) => u,
                _ => c,
            }
        })
        .collect()
}

/// A namespace as the key of a table: backslashes, folded.
pub fn fold_namespace(name: &str) -> String {
    fold(&name.replace('/', r"\"))
}

impl Tree {
    /// A tree of namespaces.
    pub fn new(namespaces: impl IntoIterator<Item = Namespace>) -> Tree {
        Tree { namespaces: namespaces.into_iter().map(|n| (fold_namespace(&n.name), n)).collect() }
    }

    /// The namespace of this name, with either slash and any case.
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(&fold_namespace(name))
    }

    /// All namespaces, in the order of their names.
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.namespaces.values()
    }

    /// Names of the namespaces directly below one, without it.
    pub fn children<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a str> {
        let parent = fold_namespace(parent);
        self.namespaces.iter().filter_map(move |(folded, namespace)| {
            let below = folded.strip_prefix(&parent)?.strip_prefix('\\')?;
            if below.contains('\\') { None } else { namespace.name.rsplit('\\').next() }
        })
    }
}

impl Namespace {
    /// A namespace with these classes and instances. A class whose superclass is not among them is a topmost one here.
    pub fn new(name: impl Into<String>, classes: impl IntoIterator<Item = Arc<Class>>, instances: Vec<Instance>) -> Namespace {
        let mut namespace = Namespace { name: name.into(), ..Namespace::default() };
        // Superclasses first, so that every entry can link to its parent's.
        let mut classes: Vec<Arc<Class>> = classes.into_iter().collect();
        classes.sort_by_cached_key(|c| (c.derivation.len(), fold(&c.name)));
        for class in classes {
            let parent = class.superclass().map(fold).and_then(|p| namespace.classes.get(&p));
            let class = match parent {
                Some(entry) if class.parent.as_ref().is_none_or(|p| !Arc::ptr_eq(p, &entry.class)) => {
                    Arc::new(Class { parent: Some(entry.class.clone()), ..Arc::unwrap_or_clone(class) })
                }
                _ => class,
            };
            let neutral = schema::neutral(&class);
            // Neutral classes share their neutral ancestors.
            let neutral = match parent {
                Some(entry) if neutral.parent.as_ref().is_some_and(|p| !Arc::ptr_eq(p, &entry.neutral)) => {
                    Arc::new(Class { parent: Some(entry.neutral.clone()), ..Arc::unwrap_or_clone(neutral) })
                }
                _ => neutral,
            };
            let folded = fold(&class.name);
            match class.superclass().map(fold).and_then(|p| namespace.classes.get_mut(&p)) {
                Some(entry) => entry.children.push(folded.clone()),
                None => namespace.top.push(folded.clone()),
            }
            namespace.classes.insert(folded, Entry { class, neutral, children: Vec::new() });
        }
        for instance in instances {
            namespace.instances.entry(fold(&instance.class.name)).or_default().push(instance);
        }
        namespace
    }

    /// Its name in its stored case: `root\cimv2`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The class of this name: with its localised qualifiers or without.
    pub fn class(&self, name: &str, amended: bool) -> Option<&Arc<Class>> {
        self.classes.get(&fold(name)).map(|e| if amended { &e.class } else { &e.neutral })
    }

    /// How many classes there are.
    pub fn class_count(&self) -> usize {
        self.classes.len()
    }

    /// The classes directly below one, or the topmost ones below the empty name; `None` where there is no such class.
    pub fn children(&self, name: &str, amended: bool) -> Option<Vec<&Arc<Class>>> {
        let names = if name.is_empty() { &self.top } else { &self.classes.get(&fold(name))?.children };
        Some(names.iter().filter_map(|n| self.class(n, amended)).collect())
    }

    /// The classes below one at any depth, or all below the empty name, each after its superclass; `None` where there is
    /// no such class.
    pub fn descendants(&self, name: &str, amended: bool) -> Option<Vec<&Arc<Class>>> {
        let mut found = self.children(name, amended)?;
        let mut next = 0;
        while let Some(class) = found.get(next) {
            let below = self.children(&class.name, amended).unwrap_or_default();
            next += 1;
            found.splice(next..next, below);
        }
        Some(found)
    }

    /// The stored instances of exactly this class.
    pub fn instances(&self, class: &str) -> &[Instance] {
        self.instances.get(&fold(class)).map_or(&[], Vec::as_slice)
    }

    /// All classes with their localised qualifiers, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.classes.values().map(|e| &e.class)
    }

    /// All stored instances, in no order of classes.
    pub(crate) fn all_instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values().flatten()
    }

    /// Whether it is the namespace of this name.
    pub fn is(&self, name: &str) -> bool {
        names_equal(&self.name, &name.replace('/', r"\"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rwmi_cim::{CimType, Flavor, Property, Qualifier};

    /// A class below others, nearest first.
    pub(crate) fn class(name: &str, derivation: &[&str]) -> Arc<Class> {
        let derivation = derivation.iter().map(|d| (*d).to_owned()).collect();
        Arc::new(Class { name: name.into(), derivation, ..Class::default() })
    }

    fn names(classes: Option<Vec<&Arc<Class>>>) -> Vec<&str> {
        classes.unwrap().into_iter().map(|c| c.name.as_str()).collect()
    }

    #[test]
    fn classes_are_linked_whatever_order_they_come_in() {
        let n = Namespace::new(
            r"root\x",
            [class("C", &["B", "A"]), class("D", &["A"]), class("A", &[]), class("B", &["A"]), class("Z", &[])],
            Vec::new(),
        );
        assert_eq!(names(n.children("", false)), ["A", "Z"]);
        assert_eq!(names(n.descendants("", false)), ["A", "B", "C", "D", "Z"]);
        assert_eq!(names(n.descendants("a", false)), ["B", "C", "D"]);
        assert!(n.descendants("nothing", false).is_none());
        let c = n.class("c", true).unwrap();
        assert!(Arc::ptr_eq(c.parent.as_ref().unwrap(), n.class("B", true).unwrap()));
    }

    #[test]
    fn localised_texts_are_there_only_when_asked_for() {
        let mut base = Class { name: "A".into(), ..Class::default() };
        base.qualifiers.set(Qualifier::string("Description", "text", Flavor::AMENDED));
        let mut derived = Class { name: "B".into(), derivation: vec!["A".into()], ..Class::default() };
        derived.properties.push(Property::new("P", CimType::String));
        derived.properties[0].qualifiers.set(Qualifier::string("Description", "text", Flavor::AMENDED));
        let n = Namespace::new("root", [Arc::new(derived), Arc::new(base)], Vec::new());
        let amended = n.class("B", true).unwrap();
        assert!(amended.properties[0].qualifiers.get("Description").is_some());
        assert!(amended.parent.as_ref().unwrap().qualifiers.get("Description").is_some());
        let neutral = n.class("B", false).unwrap();
        assert!(neutral.properties[0].qualifiers.get("Description").is_none());
        assert!(Arc::ptr_eq(neutral.parent.as_ref().unwrap(), n.class("A", false).unwrap()));
        assert!(neutral.parent.as_ref().unwrap().qualifiers.get("Description").is_none());
    }

    #[test]
    fn a_namespace_is_found_by_either_slash_and_any_case() {
        let t = Tree::new(["root", r"root\cimv2", r"root\cimv2\deep", r"root\default"].map(|n| Namespace::new(n, [], Vec::new())));
        assert_eq!(t.namespace("ROOT/CIMV2").unwrap().name(), r"root\cimv2");
        assert!(t.namespace("root/cimv").is_none());
        assert_eq!(t.children("Root").collect::<Vec<_>>(), ["cimv2", "default"]);
        assert_eq!(t.children("root/cimv2").collect::<Vec<_>>(), ["deep"]);
    }
}
