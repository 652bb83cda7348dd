//! What may be written: keys, what exists, what depends on it ([MS-WMI] 3.1.4.3.6 to 3.1.4.3.14).

use super::tree::{Stored, Tree, key_of};
use super::write::{Batch, Step, Subject};
use super::{Namespace, fold, fold_namespace};
use crate::broker::{Failure, keys_of};
use rwmi_cim::schema::{self, ClassDecl, MethodDecl, value_fits};
use rwmi_cim::{
    CimType, Class, Flavor, Instance, Method, ObjectPath, PutOptions, Qualifier, Qualifiers, Value, WbemStatus, amend, names_equal,
};
use std::collections::HashMap;
use std::sync::Arc;

fn no(status: WbemStatus, why: impl Into<String>) -> Failure {
    Failure::new(status, why)
}

/// Whether instances of a class are namespaces.
fn is_namespace(class: &Class) -> bool {
    class.is_a("__NAMESPACE")
}

fn place<'t>(tree: &'t Tree, namespace: &str) -> Result<&'t Namespace, Failure> {
    tree.namespace(namespace).ok_or_else(|| no(WbemStatus::INVALID_NAMESPACE, format!("there is no namespace {namespace:?}")))
}

impl Batch<'_> {
    /// Makes an instance or changes it; gives it as it is stored. A string key that is NULL gets a GUID.
    pub fn put_instance(&mut self, namespace: &str, given: &Instance, options: &PutOptions) -> Result<Arc<Instance>, Failure> {
        let tree = self.tree();
        let home = place(&tree, namespace)?;
        let class = home
            .class(&given.class.name, true)
            .ok_or_else(|| no(WbemStatus::INVALID_CLASS, format!("there is no class {:?} in this namespace", given.class.name)))?;
        if class.is_abstract() {
            return Err(no(WbemStatus::INVALID_OPERATION, format!("{} is abstract and has no instances of its own", class.name)));
        }
        if amend::is_amendment(class) {
            return Err(no(WbemStatus::INVALID_OPERATION, format!("{} holds texts of another class and has no instances", class.name)));
        }
        let mut instance = in_class(given, class)?;
        if is_namespace(class) {
            return self.put_namespace(&tree, home, instance, options);
        }
        make_key(&mut instance);
        required(&instance)?;
        let key = key_of(&instance, home.name())
            .ok_or_else(|| no(WbemStatus::NO_KEY, format!("{} has no key, so it cannot have instances", class.name)))?;
        let folded = fold(&class.name);
        let before = home.stored(&folded).and_then(|s| s.get(key.as_str()));
        if before.is_none()
            && let Some(other) = of_same_key(home, class, &key)
        {
            return Err(no(WbemStatus::ALREADY_EXISTS, format!("an instance of {other} has this key")));
        }
        match before {
            Some(_) if options.mode.create_only => return Err(no(WbemStatus::ALREADY_EXISTS, "an instance with this key exists")),
            None if options.mode.update_only => return Err(no(WbemStatus::NOT_FOUND, "there is no instance with this key")),
            _ => {}
        }
        if let Some(wanted) = &options.properties {
            let old = before.ok_or_else(|| no(WbemStatus::NOT_FOUND, "only an instance that exists can be changed in part"))?;
            instance = changed_in_part(&old.instance, &instance, wanted, options.strict_nulls)?;
            required(&instance)?;
        }
        let number = before.map_or_else(|| home.next(), |b| b.number);
        let instance = Arc::new(instance);
        let before = before.map(|b| b.instance.clone());
        self.changed(home, Subject::Instance { before, after: Some(instance.clone()) });
        let stored = Stored { number, instance: instance.clone() };
        self.step(Step::PutInstance { namespace: fold_namespace(home.name()), key: key.into(), stored });
        Ok(instance)
    }

    fn put_namespace(&mut self, tree: &Tree, home: &Namespace, instance: Instance, options: &PutOptions) -> Result<Arc<Instance>, Failure> {
        let name = instance.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let legal = |c: char| c == '_' || c == '-' || c.is_alphanumeric();
        if name.is_empty() || name.len() > 255 || !name.chars().all(legal) {
            return Err(no(WbemStatus::INVALID_PARAMETER, "the name of a namespace is letters, digits and underscores"));
        }
        let full = format!(r"{}\{name}", home.name());
        let exists = tree.namespace(&full).is_some();
        if full.len() > NAMESPACE_LEN_MAX {
            return Err(no(WbemStatus::QUOTA_VIOLATION, format!("a namespace has at most {NAMESPACE_LEN_MAX} octets in its name")));
        }
        match exists {
            true if options.mode.create_only => return Err(no(WbemStatus::ALREADY_EXISTS, format!("the namespace {full:?} exists"))),
            false if options.mode.update_only => return Err(no(WbemStatus::NOT_FOUND, format!("there is no namespace {full:?}"))),
            true => {}
            false => {
                self.changed(home, Subject::Namespace { before: None, after: Some(name) });
                self.step(Step::PutNamespace { name: full });
            }
        }
        Ok(Arc::new(instance))
    }

    /// Deletes the instance at a path; of a namespace also all that is in it.
    pub fn delete_instance(&mut self, namespace: &str, path: &ObjectPath) -> Result<(), Failure> {
        let tree = self.tree();
        let home = place(&tree, namespace)?;
        if path.namespace.as_ref().is_some_and(|n| !home.is(n)) {
            return Err(no(WbemStatus::INVALID_NAMESPACE, "the path names another namespace"));
        }
        let class = home
            .class(&path.class, true)
            .ok_or_else(|| no(WbemStatus::INVALID_CLASS, format!("there is no class {:?} in this namespace", path.class)))?;
        let keys = keys_of(class, path)?;
        let missing = || no(WbemStatus::NOT_FOUND, format!("there is no {path}"));
        let mut probe = Instance::new(class.clone());
        for (name, value) in keys {
            let _ = probe.set(&name, value);
        }
        if is_namespace(class) {
            let name = probe.get("Name").and_then(Value::as_str).unwrap_or_default();
            let full = format!(r"{}\{name}", home.name());
            let found = tree.namespace(&full).ok_or_else(missing)?;
            return self.drop_namespace(&tree, home, found);
        }
        let key = key_of(&probe, home.name()).ok_or_else(missing)?;
        let of = |folded: &str| home.stored(folded).and_then(|s| s.get_key_value(key.as_str()));
        let folded = fold(&class.name);
        let below = || home.classes_with_key(&key).find(|c| home.class(c, true).is_some_and(|c| c.is_a(&class.name)));
        let folded = if of(&folded).is_some() { folded } else { below().ok_or_else(missing)?.to_owned() };
        let (key, stored) = of(&folded).ok_or_else(missing)?;
        self.changed(home, Subject::Instance { before: Some(stored.instance.clone()), after: None });
        let (key, number) = (key.clone(), stored.number);
        self.step(Step::DropInstance { namespace: fold_namespace(home.name()), class: folded, key, number });
        Ok(())
    }

    fn drop_namespace(&mut self, tree: &Tree, home: &Namespace, found: &Namespace) -> Result<(), Failure> {
        let folded = fold_namespace(found.name());
        let below = format!(r"{folded}\");
        let inside: Vec<&Namespace> =
            tree.namespaces().filter(|n| fold_namespace(n.name()) == folded || fold_namespace(n.name()).starts_with(&below)).collect();
        if let Some(shipped) = inside.iter().find(|n| !n.is_own()) {
            return Err(no(WbemStatus::INVALID_OPERATION, format!("the namespace {:?} belongs to the system", shipped.name())));
        }
        let name = found.name().rsplit('\\').next().unwrap_or_default().to_owned();
        self.changed(home, Subject::Namespace { before: Some(name), after: None });
        for n in inside {
            self.step(Step::DropNamespace { namespace: fold_namespace(n.name()) });
        }
        Ok(())
    }

    /// Makes a class or changes it, and with it those derived from it; gives it as it is stored.
    pub fn put_class(&mut self, namespace: &str, given: &Class, options: &PutOptions) -> Result<Arc<Class>, Failure> {
        let tree = self.tree();
        let home = place(&tree, namespace)?;
        let name = &given.name;
        if name.starts_with('_') {
            return Err(no(WbemStatus::INVALID_OPERATION, "a class whose name starts with _ belongs to the system"));
        }
        if name.is_empty() || name.ends_with('_') {
            return Err(no(WbemStatus::INVALID_OBJECT, "the name of a class is not empty and does not end with _"));
        }
        let before = home.class(name, true);
        match before {
            Some(_) if options.mode.create_only => return Err(no(WbemStatus::ALREADY_EXISTS, format!("the class {name} exists"))),
            None if options.mode.update_only => return Err(no(WbemStatus::NOT_FOUND, format!("there is no class {name}"))),
            _ => {}
        }
        let superclass = match given.superclass() {
            None => None,
            Some(s) => Some(
                home.class(s, true)
                    .ok_or_else(|| no(WbemStatus::INVALID_SUPERCLASS, format!("there is no class {s:?} to derive {name} from")))?,
            ),
        };
        let mut decl = ClassDecl::of(given);
        fix_flavors(&mut decl);
        if !options.amended {
            if decl_qualifiers(&mut decl).any(|q| q.0.iter().any(|q| q.flavor.has(Flavor::AMENDED))) {
                return Err(no(WbemStatus::AMENDED_OBJECT, "the class has localised texts, which the call does not say it writes"));
            }
            if let Some(before) = before {
                keep_amended(&mut decl, ClassDecl::of(before));
            }
        }
        let class = schema::derive(superclass, decl).map_err(|e| no(e.status, e.to_string()))?;
        let Some(before) = before else {
            let class = Arc::new(class);
            self.changed(home, Subject::Class { before: None, after: Some(class.clone()) });
            self.step(Step::PutClass { namespace: fold_namespace(home.name()), class: class.clone() });
            return Ok(class);
        };
        if same_class(before, &class) {
            return Ok(before.clone());
        }
        self.update_class(home, before.clone(), class, options)
    }

    fn update_class(&mut self, home: &Namespace, before: Arc<Class>, class: Class, options: &PutOptions) -> Result<Arc<Class>, Failure> {
        let children = home.descendants(&before.name, true).unwrap_or_default();
        let weighty = !same_shape(&before, &class);
        if weighty && home.stored(&fold(&before.name)).is_some() {
            return Err(no(WbemStatus::CLASS_HAS_INSTANCES, format!("{} has instances, which the change would not fit", before.name)));
        }
        if weighty && !children.is_empty() && !options.mode.safe && !options.mode.force {
            return Err(no(WbemStatus::CLASS_HAS_CHILDREN, format!("{} has derived classes", before.name)));
        }
        let class = Arc::new(class);
        let mut now: HashMap<String, Arc<Class>> = HashMap::from([(fold(&before.name), class.clone())]);
        let namespace = fold_namespace(home.name());
        self.changed(home, Subject::Class { before: Some(before.clone()), after: Some(class.clone()) });
        self.step(Step::PutClass { namespace: namespace.clone(), class: class.clone() });
        for child in children {
            let Some(parent) = child.superclass().and_then(|s| now.get(&fold(s))) else { continue };
            let derived = derived_anew(child, parent, &before, options.mode.force)?;
            if !same_shape(child, &derived) && home.stored(&fold(&child.name)).is_some() {
                return Err(no(WbemStatus::CLASS_HAS_INSTANCES, format!("{} has instances, which the change would not fit", child.name)));
            }
            let derived = Arc::new(derived);
            now.insert(fold(&child.name), derived.clone());
            self.step(Step::PutClass { namespace: namespace.clone(), class: derived });
        }
        Ok(class)
    }

    /// Deletes a class, those derived from it, and their instances.
    pub fn delete_class(&mut self, namespace: &str, name: &str) -> Result<(), Failure> {
        let tree = self.tree();
        let home = place(&tree, namespace)?;
        let class = home.class(name, true).ok_or_else(|| no(WbemStatus::NOT_FOUND, format!("there is no class {name:?}")))?;
        let mut family = vec![class];
        family.extend(home.descendants(name, true).into_iter().flatten());
        if let Some(shipped) = family.iter().find(|c| !home.is_own_class(&c.name)) {
            return Err(no(WbemStatus::INVALID_OPERATION, format!("the class {} belongs to the system", shipped.name)));
        }
        let namespace = fold_namespace(home.name());
        self.changed(home, Subject::Class { before: Some(class.clone()), after: None });
        for class in family.into_iter().rev() {
            let folded = fold(&class.name);
            for (key, stored) in home.stored(&folded).into_iter().flat_map(|s| s.iter()) {
                let (key, number) = (key.clone(), stored.number);
                self.step(Step::DropInstance { namespace: namespace.clone(), class: folded.clone(), key, number });
            }
            self.step(Step::DropClass { namespace: namespace.clone(), class: folded });
        }
        Ok(())
    }
}

/// The values of an instance in the class as it is here, which the caller may know in another version.
fn in_class(given: &Instance, class: &Arc<Class>) -> Result<Instance, Failure> {
    let mut instance = Instance::new(class.clone());
    for (place, property) in given.class.properties.iter().enumerate() {
        let (Some(value), Some(is_default)) = (given.values.get(place), given.is_default.get(place)) else { continue };
        let qualifiers = given.property_qualifiers.as_ref().and_then(|q| q.get(place)).map(own_qualifiers).filter(|q| !q.0.is_empty());
        if *is_default && qualifiers.is_none() {
            continue;
        }
        let here = class
            .property_index(&property.name)
            .ok_or_else(|| no(WbemStatus::INVALID_OBJECT, format!("{} has no property {}", class.name, property.name)))?;
        let ty = class.properties[here].ty;
        if !value_fits(value, ty) {
            return Err(no(WbemStatus::TYPE_MISMATCH, format!("{}.{} is {ty}", class.name, property.name)));
        }
        if !is_default {
            instance.values[here] = value.clone();
            instance.is_default[here] = false;
        }
        if let Some(qualifiers) = qualifiers {
            instance.property_qualifiers.get_or_insert_with(|| vec![Qualifiers::default(); class.properties.len()])[here] = qualifiers;
        }
    }
    instance.qualifiers = own_qualifiers(&given.qualifiers);
    Ok(instance)
}

/// Without those that came from the class.
fn own_qualifiers(qualifiers: &Qualifiers) -> Qualifiers {
    Qualifiers(qualifiers.0.iter().filter(|q| !q.flavor.has(Flavor::PROPAGATED)).cloned().collect())
}

/// A class with one string key makes a key for an instance that brings none.
fn make_key(instance: &mut Instance) {
    let mut keys = instance.class.properties.iter().enumerate().filter(|(_, p)| p.is_key());
    if let (Some((place, key)), None) = (keys.next(), keys.next())
        && key.ty == CimType::String.scalar()
        && instance.values[place].is_null()
        && !instance.class.name.starts_with("__")
    {
        let mut id = [0; 16];
        // Without randomness the key is a wrong one, which the next put finds taken.
        let _ = getrandom::fill(&mut id);
        id[7] = id[7] & 0x0f | 0x40;
        id[8] = id[8] & 0x3f | 0x80;
        instance.values[place] = Value::String(format!("{{{}}}", rwmi_ndr::Guid(id)));
        instance.is_default[place] = false;
    }
}

/// Properties that may not be NULL are not, and keys can stand in a path.
fn required(instance: &Instance) -> Result<(), Failure> {
    for (property, value) in instance.class.properties.iter().zip(&instance.values) {
        let needed = ["key", "indexed", "not_null"].into_iter().find(|q| property.qualifiers.is_set(q));
        if let (Some(why), true) = (needed, value.is_null()) {
            let what = format!("{}.{} is NULL and has the qualifier {why}", instance.class.name, property.name);
            return Err(no(WbemStatus::ILLEGAL_NULL, what));
        }
        if property.is_key() && value.as_str().is_some_and(|text| text.chars().any(|c| c < ' ')) {
            let what = format!("the key {}.{} has a control character", instance.class.name, property.name);
            return Err(no(WbemStatus::INVALID_OBJECT, what));
        }
    }
    Ok(())
}

/// Another class of the same keys that has an instance of this key.
fn of_same_key<'n>(home: &'n Namespace, class: &Class, key: &str) -> Option<&'n str> {
    let mut root = class;
    while let Some(parent) = root.parent.as_deref().filter(|p| p.keys().next().is_some()) {
        root = parent;
    }
    let mut others =
        home.classes_with_key(key).filter_map(|c| home.class(c, true)).filter(|c| !names_equal(&c.name, &class.name) && c.is_a(&root.name));
    if class.is_singleton() { None } else { others.next().map(|c| c.name.as_str()) }
}

fn changed_in_part(old: &Instance, new: &Instance, wanted: &[String], strict_nulls: bool) -> Result<Instance, Failure> {
    let mut instance = old.clone();
    for name in wanted {
        let place = (new.class.property_index(name))
            .ok_or_else(|| no(WbemStatus::INVALID_PROPERTY, format!("{} has no property {name:?}", new.class.name)))?;
        // NULL says that the caller has nothing to say, unless he says otherwise.
        if new.values[place].is_null() && !strict_nulls {
            continue;
        }
        instance.values[place] = new.values[place].clone();
        instance.is_default[place] = new.is_default[place];
    }
    Ok(instance)
}

/// Every set of qualifiers of a declaration.
fn decl_qualifiers(decl: &mut ClassDecl) -> impl Iterator<Item = &mut Qualifiers> {
    let methods = decl.methods.iter_mut().flat_map(|m| {
        let MethodDecl { qualifiers, parameters, .. } = m;
        std::iter::once(qualifiers).chain(parameters.iter_mut().map(|p| &mut p.qualifiers))
    });
    std::iter::once(&mut decl.qualifiers).chain(decl.properties.iter_mut().map(|p| &mut p.qualifiers)).chain(methods)
}

/// Keys go to derived classes whatever the caller says of them, as in all classes of Windows; the ids of parameters are numbered again.
fn fix_flavors(decl: &mut ClassDecl) {
    for qualifiers in decl_qualifiers(decl) {
        for q in &mut qualifiers.0 {
            if names_equal(&q.name, "key") || names_equal(&q.name, "singleton") {
                q.flavor = Flavor(Flavor::TO_INSTANCE | Flavor::TO_SUBCLASS | Flavor::DISABLE_OVERRIDE);
            }
        }
    }
}

/// Localised texts that a caller who does not write them leaves as they are.
fn keep_amended(decl: &mut ClassDecl, before: ClassDecl) {
    fn keep(now: &mut Qualifiers, before: Qualifiers) {
        let texts = before.0.into_iter().filter(|q| q.flavor.has(Flavor::AMENDED));
        let texts: Vec<Qualifier> = texts.filter(|q| now.get(&q.name).is_none()).collect();
        now.0.extend(texts);
    }
    keep(&mut decl.qualifiers, before.qualifiers);
    for old in before.properties {
        if let Some(p) = decl.properties.iter_mut().find(|p| names_equal(&p.name, &old.name)) {
            keep(&mut p.qualifiers, old.qualifiers);
        }
    }
    for old in before.methods {
        let Some(m) = decl.methods.iter_mut().find(|m| names_equal(&m.name, &old.name)) else { continue };
        keep(&mut m.qualifiers, old.qualifiers);
        for old in old.parameters {
            if let Some(p) = m.parameters.iter_mut().find(|p| names_equal(&p.name, &old.name)) {
                keep(&mut p.qualifiers, old.qualifiers);
            }
        }
    }
}

/// A class below a superclass that changed. What it says itself that is in conflict is taken from it only by force.
fn derived_anew(child: &Arc<Class>, parent: &Arc<Class>, before: &Class, force: bool) -> Result<Class, Failure> {
    let mut decl = ClassDecl::of(child);
    let conflict = |why: String| no(WbemStatus::CLASS_HAS_CHILDREN, format!("the derived class {} is in conflict: {why}", child.name));
    if !force {
        let new = parent.properties.iter().filter(|p| before.property(&p.name).is_none()).map(|p| &p.name);
        let new = new.chain(parent.methods.iter().filter(|m| before.method(&m.name).is_none()).map(|m| &m.name));
        let has =
            |name: &str| child.property(name).is_some_and(|p| !p.inherited) || child.methods.iter().any(|m| names_equal(&m.name, name));
        if let Some(name) = new.into_iter().find(|n| has(n)) {
            return Err(conflict(format!("it has {name} already")));
        }
    }
    loop {
        let error = match schema::derive(Some(parent), decl.clone()) {
            Ok(class) => return Ok(class),
            Err(error) => error,
        };
        let member = error.member.as_deref().map(|m| m.split('.').next().unwrap_or(m));
        let Some(member) = member.filter(|_| force) else { return Err(conflict(error.to_string())) };
        // Each round takes something away, or is the last.
        let size = |d: &ClassDecl| {
            d.properties.len() + d.methods.len() + d.qualifiers.0.len() + d.properties.iter().map(|p| p.qualifiers.0.len()).sum::<usize>()
        };
        let was = size(&decl);
        decl.properties.retain(|p| !names_equal(&p.name, member));
        decl.methods.retain(|m| !names_equal(&m.name, member));
        decl.qualifiers.0.retain(|q| !names_equal(&q.name, member));
        if size(&decl) == was {
            return Err(conflict(error.to_string()));
        }
    }
}

/// Qualifiers that say more than words do.
const WEIGHTY: [&str; 20] = [
    "key",
    "indexed",
    "not_null",
    "abstract",
    "singleton",
    "association",
    "dynamic",
    "provider",
    "static",
    "implemented",
    "terminal",
    "CIMTYPE",
    "in",
    "out",
    "ID",
    "dynprops",
    "propertycontext",
    "classcontext",
    "instancecontext",
    "optional",
];

fn same_weighty(a: &Qualifiers, b: &Qualifiers) -> bool {
    WEIGHTY.iter().all(|name| a.get(name).map(|q| &q.value) == b.get(name).map(|q| &q.value))
}

/// Whether two versions of a class differ in nothing that an instance or a derived class depends on.
fn same_shape(a: &Class, b: &Class) -> bool {
    let side = |a: &Option<Arc<Class>>, b: &Option<Arc<Class>>| match (a, b) {
        (Some(a), Some(b)) => same_shape(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    let method = |(a, b): (&Method, &Method)| {
        names_equal(&a.name, &b.name)
            && same_weighty(&a.qualifiers, &b.qualifiers)
            && side(&a.input, &b.input)
            && side(&a.output, &b.output)
    };
    a.derivation.len() == b.derivation.len()
        && a.derivation.iter().zip(&b.derivation).all(|(a, b)| names_equal(a, b))
        && same_weighty(&a.qualifiers, &b.qualifiers)
        && a.properties.len() == b.properties.len()
        && a.properties.iter().zip(&b.properties).all(|(a, b)| {
            names_equal(&a.name, &b.name) && a.ty == b.ty && a.default == b.default && same_weighty(&a.qualifiers, &b.qualifiers)
        })
        && a.methods.len() == b.methods.len()
        && a.methods.iter().zip(&b.methods).all(method)
}

/// Whether nothing at all changes.
fn same_class(a: &Class, b: &Class) -> bool {
    a.name == b.name
        && a.derivation == b.derivation
        && a.qualifiers == b.qualifiers
        && a.properties == b.properties
        && a.methods == b.methods
}

/// Longest full name of a namespace, in octets: what a login can name.
const NAMESPACE_LEN_MAX: usize = 4096;
