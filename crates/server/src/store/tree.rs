//! The repository as it is read: namespaces, classes and stored instances in memory.

use rwmi_cim::{Class, Instance, ObjectPath, PathKeys, Value, amend, names_equal, schema};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// All namespaces. Cheap to clone: what a change does not touch is shared.
#[derive(Debug, Default, Clone)]
pub struct Tree {
    namespaces: BTreeMap<String, Arc<Namespace>>,
}

/// What a namespace holds.
#[derive(Debug, Default, Clone)]
pub struct Namespace {
    name: String,
    /// Whether somebody made it who is not this program.
    own: bool,
    classes: Arc<Classes>,
    /// By folded class, then by key.
    instances: HashMap<String, Arc<Instances>>,
    /// The number of the next instance in the store.
    next: u64,
}

pub(crate) type Instances = BTreeMap<Arc<str>, Stored>;

#[derive(Debug, Default, Clone)]
struct Classes {
    by_name: HashMap<String, Arc<Entry>>,
    /// Topmost classes, folded, in the order of their names.
    top: Vec<String>,
}

#[derive(Debug, Clone)]
struct Entry {
    class: Arc<Class>,
    neutral: Arc<Class>,
    /// Whether somebody put it who is not this program.
    own: bool,
    /// Classes derived from it directly, folded, in the order of their names.
    children: Vec<String>,
}

/// A stored instance and where it lies in the store.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) number: u64,
    pub(crate) instance: Arc<Instance>,
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
        Tree { namespaces: namespaces.into_iter().map(|n| (fold_namespace(&n.name), Arc::new(n))).collect() }
    }

    /// The namespace of this name, with either slash and any case.
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(&fold_namespace(name)).map(|n| &**n)
    }

    /// As [`Tree::namespace`], to be held beyond the tree.
    pub(crate) fn shared(&self, name: &str) -> Option<&Arc<Namespace>> {
        self.namespaces.get(&fold_namespace(name))
    }

    /// All namespaces, in the order of their names.
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.namespaces.values().map(|n| &**n)
    }

    /// Names of the namespaces directly below one, without it.
    pub fn children<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a str> {
        let parent = fold_namespace(parent);
        self.namespaces.iter().filter_map(move |(folded, namespace)| {
            let below = folded.strip_prefix(&parent)?.strip_prefix('\\')?;
            if below.contains('\\') { None } else { namespace.name.rsplit('\\').next() }
        })
    }

    /// The namespace to change: copied where a reader still looks at it.
    pub(crate) fn namespace_mut(&mut self, folded: &str) -> Option<&mut Namespace> {
        self.namespaces.get_mut(folded).map(Arc::make_mut)
    }

    pub(crate) fn put_namespace(&mut self, namespace: Namespace) {
        self.namespaces.insert(fold_namespace(&namespace.name), Arc::new(namespace));
    }

    pub(crate) fn drop_namespace(&mut self, folded: &str) {
        self.namespaces.remove(folded);
    }
}

impl Namespace {
    /// A namespace with these classes and instances. A class whose superclass is not among them is a topmost one here.
    pub fn new(name: impl Into<String>, classes: impl IntoIterator<Item = Arc<Class>>, instances: Vec<Instance>) -> Namespace {
        let mut namespace = Namespace::of_classes(name, false, classes.into_iter().map(|c| (c, false)));
        for (number, instance) in (0..).zip(instances) {
            namespace.add(number, instance);
        }
        namespace
    }

    /// A namespace with these classes, of each whether somebody put it who is not this program.
    pub(crate) fn of_classes(name: impl Into<String>, own: bool, classes: impl IntoIterator<Item = (Arc<Class>, bool)>) -> Namespace {
        let mut namespace = Namespace { name: name.into(), own, ..Namespace::default() };
        let classes: Vec<(Arc<Class>, bool)> = classes.into_iter().collect();
        let names: HashSet<String> = classes.iter().map(|(c, _)| fold(&c.name)).collect();
        let mut below: HashMap<String, Vec<(Arc<Class>, bool)>> = HashMap::new();
        for (class, own) in classes {
            let parent = class.superclass().map(fold).filter(|p| names.contains(p)).unwrap_or_default();
            below.entry(parent).or_default().push((class, own));
        }
        // Superclasses first, so that every entry can link to its parent's. What derives from itself is never reached.
        let mut ready = vec![(String::new(), false)];
        while let Some((parent, parent_changed)) = ready.pop() {
            for (class, own) in below.remove(&parent).unwrap_or_default() {
                let folded = fold(&class.name);
                let changed = own || parent_changed;
                // A later version of this program may ship another superclass: what is inherited is looked up again.
                let class = if changed { namespace.derived_again(class) } else { class };
                namespace.put_class(class, own);
                ready.push((folded, changed));
            }
        }
        namespace
    }

    fn derived_again(&self, class: Arc<Class>) -> Arc<Class> {
        let Some(parent) = class.superclass().and_then(|p| self.class(p, true)) else { return class };
        let class = Class { parent: Some(parent.clone()), ..Arc::unwrap_or_clone(class) };
        match schema::derive(Some(parent), schema::ClassDecl::of(&class)) {
            Ok(derived) => Arc::new(derived),
            Err(error) => {
                tracing::warn!(class = class.name, namespace = self.name, %error, "a class is kept as it was, its superclass does not allow it any more");
                Arc::new(class)
            }
        }
    }

    /// Adds a class or replaces the one of its name, keeping those derived from it.
    pub(crate) fn put_class(&mut self, class: Arc<Class>, own: bool) {
        let classes = Arc::make_mut(&mut self.classes);
        let folded = fold(&class.name);
        let parent = class.superclass().map(fold).filter(|p| classes.by_name.contains_key(p));
        let entry = parent.as_ref().and_then(|p| classes.by_name.get(p));
        let class = match entry {
            Some(entry) if class.parent.as_ref().is_none_or(|p| !Arc::ptr_eq(p, &entry.class)) => {
                Arc::new(Class { parent: Some(entry.class.clone()), ..Arc::unwrap_or_clone(class) })
            }
            _ => class,
        };
        let neutral = schema::neutral(&class);
        // Neutral classes share their neutral ancestors.
        let neutral = match entry {
            Some(entry) if neutral.parent.as_ref().is_some_and(|p| !Arc::ptr_eq(p, &entry.neutral)) => {
                Arc::new(Class { parent: Some(entry.neutral.clone()), ..Arc::unwrap_or_clone(neutral) })
            }
            _ => neutral,
        };
        let before = classes.by_name.remove(&folded);
        let children = before.as_ref().map(|b| b.children.clone()).unwrap_or_default();
        if let Some(before) = before {
            let before = before.class.superclass().map(fold).filter(|p| classes.by_name.contains_key(p));
            if before != parent {
                classes.unlink(before.as_deref(), &folded);
            }
        }
        classes.link(parent.as_deref(), &folded);
        classes.by_name.insert(folded, Arc::new(Entry { class, neutral, own, children }));
    }

    /// Takes a class away, which has none derived from it, and its instances.
    pub(crate) fn drop_class(&mut self, folded: &str) {
        let classes = Arc::make_mut(&mut self.classes);
        if let Some(entry) = classes.by_name.remove(folded) {
            let parent = entry.class.superclass().map(fold).filter(|p| classes.by_name.contains_key(p));
            classes.unlink(parent.as_deref(), folded);
        }
        self.instances.remove(folded);
    }

    /// Adds a stored instance, under its number where it has no key.
    pub(crate) fn add(&mut self, number: u64, instance: Instance) {
        let key = key_of(&instance, &self.name).unwrap_or_else(|| format!("#{number}"));
        self.put_instance(key.into(), Stored { number, instance: Arc::new(instance) });
    }

    pub(crate) fn put_instance(&mut self, key: Arc<str>, stored: Stored) {
        self.next = self.next.max(stored.number + 1);
        let class = fold(&stored.instance.class.name);
        Arc::make_mut(self.instances.entry(class).or_default()).insert(key, stored);
    }

    pub(crate) fn drop_instance(&mut self, class: &str, key: &str) {
        if let Some(of_class) = self.instances.get_mut(class) {
            Arc::make_mut(of_class).remove(key);
            if of_class.is_empty() {
                self.instances.remove(class);
            }
        }
    }

    /// Its name in its stored case: `root\cimv2`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether somebody made it who is not this program.
    pub(crate) fn is_own(&self) -> bool {
        self.own
    }

    /// Leaves a number to what lies in the store and is not shown.
    pub(crate) fn reserve(&mut self, number: u64) {
        self.next = self.next.max(number + 1);
    }

    /// The number of the next instance in the store.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The class of this name: with its localised qualifiers or without.
    pub fn class(&self, name: &str, amended: bool) -> Option<&Arc<Class>> {
        self.entry(name).map(|e| if amended { &e.class } else { &e.neutral })
    }

    /// Whether a class was put by somebody who is not this program.
    pub(crate) fn is_own_class(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|e| e.own)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.classes.by_name.get(&fold(name)).map(|e| &**e)
    }

    /// How many classes there are.
    pub fn class_count(&self) -> usize {
        self.classes.by_name.len()
    }

    /// The classes directly below one, or the topmost ones below the empty name; `None` where there is no such class.
    pub fn children(&self, name: &str, amended: bool) -> Option<Vec<&Arc<Class>>> {
        let names = if name.is_empty() { &self.classes.top } else { &self.entry(name)?.children };
        Some(names.iter().filter_map(|n| self.class(n, amended)).collect())
    }

    /// The classes below one at any depth, or all below the empty name, each after its superclass; `None` where there is
    /// no such class.
    pub fn descendants(&self, name: &str, amended: bool) -> Option<Vec<&Arc<Class>>> {
        let mut found = Vec::new();
        let mut next = self.children(name, amended)?;
        next.reverse();
        while let Some(class) = next.pop() {
            found.push(class);
            next.extend(self.children(&class.name, amended).unwrap_or_default().into_iter().rev());
        }
        Some(found)
    }

    /// The stored instances of exactly this class, in the order of their keys.
    pub fn instances(&self, class: &str) -> impl Iterator<Item = &Arc<Instance>> {
        self.instances.get(&fold(class)).into_iter().flat_map(|i| i.values()).map(|s| &s.instance)
    }

    /// The stored instances of exactly a class, by key.
    pub(crate) fn stored(&self, folded: &str) -> Option<&Arc<Instances>> {
        self.instances.get(folded)
    }

    /// Folded names of the classes that have a stored instance with a key, in no order.
    pub(crate) fn classes_with_key(&self, key: &str) -> impl Iterator<Item = &str> {
        self.instances.iter().filter(move |(_, i)| i.contains_key(key)).map(|(class, _)| class.as_str())
    }

    /// All classes with their localised qualifiers, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.classes.by_name.values().map(|e| &e.class)
    }

    /// All stored instances, in no order of classes.
    pub(crate) fn all_instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values().flat_map(|i| i.values()).map(|s| &*s.instance)
    }

    /// The namespace with the texts that the amendment classes of another hold.
    pub(crate) fn localised(&self, texts: &Namespace) -> Namespace {
        let mut localised = self.clone();
        let classes = Arc::make_mut(&mut localised.classes);
        // Superclasses come first, and hand down what was said of them.
        for class in self.descendants("", true).unwrap_or_default() {
            let parent = class.superclass().and_then(|p| classes.by_name.get(&fold(p))).map(|e| e.class.clone());
            let said = texts.class(&class.name, true).filter(|t| amend::is_amendment(t));
            let merged = amend::merge(class, parent.as_ref(), said.map(|s| &**s));
            if !Arc::ptr_eq(&merged, class)
                && let Some(entry) = classes.by_name.get_mut(&fold(&class.name))
            {
                Arc::make_mut(entry).class = merged;
            }
        }
        localised
    }

    /// Whether it is the namespace of this name.
    pub fn is(&self, name: &str) -> bool {
        names_equal(&self.name, &name.replace('/', r"\"))
    }
}

impl Classes {
    fn siblings(&mut self, parent: Option<&str>) -> &mut Vec<String> {
        match parent.and_then(|p| self.by_name.get_mut(p)) {
            Some(entry) => &mut Arc::make_mut(entry).children,
            None => &mut self.top,
        }
    }

    fn link(&mut self, parent: Option<&str>, name: &str) {
        let siblings = self.siblings(parent);
        if let Err(place) = siblings.binary_search_by(|s| s.as_str().cmp(name)) {
            siblings.insert(place, name.to_owned());
        }
    }

    fn unlink(&mut self, parent: Option<&str>, name: &str) {
        self.siblings(parent).retain(|s| s != name);
    }
}

/// What tells an instance from the others of its tree of classes: equal where the keys are. `None` where a key is NULL, or
/// there is none.
pub(crate) fn key_of(instance: &Instance, namespace: &str) -> Option<String> {
    let class = &instance.class;
    if class.is_singleton() {
        return Some("@".into());
    }
    let mut keys: Vec<(&str, String)> = Vec::new();
    for (property, value) in class.properties.iter().zip(&instance.values).filter(|(p, _)| p.is_key()) {
        keys.push((&property.name, key_text(value, namespace)?));
    }
    keys.sort_by(|a, b| rwmi_cim::name_cmp(a.0, b.0));
    if keys.is_empty() { None } else { Some(keys.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\u{1}")) }
}

fn key_text(value: &Value, namespace: &str) -> Option<String> {
    Some(match value {
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
        Value::Boolean(b) => b.to_string(),
        Value::Char16(c) => c.to_string(),
        Value::Reference(path) => reference_text(path, namespace),
        other => match (other.as_integer(), other.as_str()) {
            (Some(n), _) => n.to_string(),
            (_, Some(text)) => fold(text),
            _ => return None,
        },
    })
}

/// The same for all paths of one object. The computer does not count: references point to this one.
fn reference_text(text: &str, namespace: &str) -> String {
    let Ok(path) = text.parse::<ObjectPath>() else { return fold(text) };
    let namespace = fold_namespace(path.namespace.as_deref().unwrap_or(namespace));
    let mut keys = match &path.keys {
        PathKeys::Class => return format!("{namespace}:{}", fold(&path.class)),
        PathKeys::Singleton => vec![(String::new(), "@".to_owned())],
        PathKeys::Single(value) => vec![(String::new(), key_text(value, &namespace).unwrap_or_default())],
        PathKeys::Named(keys) => keys.iter().map(|(n, v)| (fold(n), key_text(v, &namespace).unwrap_or_default())).collect(),
    };
    keys.sort();
    let keys: Vec<String> = keys.into_iter().map(|(_, value)| value).collect();
    format!("{namespace}:{}={}", fold(&path.class), keys.join("\u{2}"))
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
