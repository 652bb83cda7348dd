//! What should be in the namespace: a list of classes and a list of instances, and the comparison with what is.

use super::world::{Client, GIVEN, P, call, entity, ipid};
use rwmi_cim::{Class, Entity, Object, ObjectPath, Type, Value, names_equal};
use rwmi_ndr::HResult;
use rwmi_wbem::flags::{FORWARD_ONLY, RETURN_IMMEDIATELY, SHALLOW};
use rwmi_wbem::interfaces::*;

/// A class as far as the model knows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) superclass: Option<String>,
    /// Name and type of each property, own and inherited, in the order of the names.
    pub(super) properties: Vec<(String, Type)>,
    /// Whether its instances are the repository's to keep.
    pub(super) stored: bool,
}

impl Known {
    pub(super) fn of(class: &Class) -> Known {
        let mut properties: Vec<_> = class.properties.iter().map(|p| (p.name.clone(), p.ty)).collect();
        properties.sort_by(|a, b| rwmi_cim::name_cmp(&a.0, &b.0));
        let stored = class.provider().is_none();
        Known { name: class.name.clone(), superclass: class.superclass().map(str::to_owned), properties, stored }
    }
}

/// An instance as far as the model knows it: its path, and what was said of its properties. Of others it says nothing.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) path: ObjectPath,
    pub(super) values: Vec<(String, Value)>,
}

impl Row {
    pub(super) fn set(&mut self, name: &str, value: Value) {
        match self.values.iter_mut().find(|(n, _)| names_equal(n, name)) {
            Some((_, v)) => *v = value,
            None => self.values.push((name.to_owned(), value)),
        }
    }

    /// Whether an object is this one, with these values.
    pub(super) fn check(&self, object: &Object) {
        let path = object.relative_path().unwrap_or_else(|| panic!("an instance without a path: {}", self.path));
        assert!(path.same_object(&self.path), "{path} is not {}", self.path);
        for (name, value) in &self.values {
            let Ok(found) = object.get::<Value>(name) else { panic!("{path} lacks {name}") };
            let same = match (&found, value) {
                // The case of a key is the case that it was first put with.
                (Value::String(a), Value::String(b)) if object.class().property(name).is_some_and(|p| p.is_key()) => names_equal(a, b),
                (a, b) => a == b,
            };
            assert!(same, "{path}: {name} is {found:?} and was put as {value:?}");
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) classes: Vec<Known>,
    pub(super) rows: Vec<Row>,
}

impl Model {
    pub(super) fn class(&self, name: &str) -> Option<&Known> {
        self.classes.iter().find(|c| names_equal(&c.name, name))
    }

    pub(super) fn row(&mut self, path: &ObjectPath) -> Option<&mut Row> {
        self.rows.iter_mut().find(|r| r.path.same_object(path))
    }

    /// The class and all below it.
    pub(super) fn family(&self, name: &str) -> Vec<String> {
        let mut family = vec![name.to_owned()];
        let mut at = 0;
        while at < family.len() {
            let above = family[at].clone();
            let is_below = |c: &&Known| c.superclass.as_ref().is_some_and(|s| names_equal(s, &above));
            family.extend(self.classes.iter().filter(is_below).map(|c| c.name.clone()));
            at += 1;
        }
        family
    }

    /// How many instances there are of a class and those below it; `None` where a provider has some.
    pub(super) fn count(&self, name: &str) -> Option<usize> {
        let family = self.family(name);
        let is_in = |class: &str| family.iter().any(|f| names_equal(f, class));
        let stored = self.classes.iter().filter(|c| is_in(&c.name)).all(|c| c.stored);
        stored.then(|| self.rows.iter().filter(|r| is_in(&r.path.class)).count())
    }

    pub(super) fn delete_class(&mut self, name: &str) {
        let family = self.family(name);
        let is_in = |class: &str| family.iter().any(|f| names_equal(f, class));
        self.classes.retain(|c| !is_in(&c.name));
        self.rows.retain(|r| !is_in(&r.path.class));
    }

    /// What is in the namespace, read by enumerating.
    pub(super) async fn read(client: &Client) -> Model {
        let services = &client.services;
        let flags = FORWARD_ONLY | RETURN_IMMEDIATELY;
        let create = CreateClassEnum { superclass: "".into(), flags, context: None };
        let (reply, _) = call(services, &create).await.unwrap_or_else(|code| panic!("classes are enumerated: {code:#x}"));
        let mut model = Model::default();
        for class in drain(client, services.at(ipid(reply.enumerator.as_ref()))).await {
            let class = class.class().clone();
            if class.name.starts_with('_') || class.dynasty().starts_with(GIVEN) {
                continue;
            }
            let known = Known::of(&class);
            if known.stored {
                let create = CreateInstanceEnum { class: class.name.as_str().into(), flags: flags | SHALLOW, context: None };
                let (reply, _) = call(services, &create).await.unwrap_or_else(|code| panic!("{} is enumerated: {code:#x}", class.name));
                for object in drain(client, services.at(ipid(reply.enumerator.as_ref()))).await {
                    let Entity::Instance(object) = object else { panic!("a class among instances") };
                    let path = object.relative_path().unwrap_or_else(|| panic!("a stored instance of {} has no path", class.name));
                    let values = object.iter().map(|(n, v)| (n.to_owned(), v.expect("a value of the server's"))).collect();
                    model.rows.push(Row { path, values });
                }
            }
            model.classes.push(known);
        }
        model
    }

    /// Compares with what is there.
    pub(super) async fn check(&mut self, client: &Client) {
        let mut there = Model::read(client).await;
        let sorted = |classes: &mut Vec<Known>| classes.sort_by(|a, b| rwmi_cim::name_cmp(&a.name, &b.name));
        sorted(&mut there.classes);
        sorted(&mut self.classes);
        assert_eq!(self.classes, there.classes);
        assert_eq!(self.rows.len(), there.rows.len(), "{:?}\n{:?}", self.rows, there.rows);
        for row in &self.rows {
            let found = there.row(&row.path).unwrap_or_else(|| panic!("{} is gone", row.path));
            assert!(names_equal(&found.path.class, &row.path.class), "{} became {}", row.path, found.path);
            for (name, value) in &row.values {
                let is = found.values.iter().find(|(n, _)| names_equal(n, name)).map(|(_, v)| v);
                let same = match (is, value) {
                    (Some(Value::String(a)), Value::String(b)) => a == b || name.starts_with('K') && names_equal(a, b),
                    (a, b) => a == Some(b),
                };
                assert!(same, "{}: {name} is {is:?} and was put as {value:?}", row.path);
            }
        }
    }
}

/// All that an enumerator has, of at most some thousands. It is given back.
pub(super) async fn drain(client: &Client, enumerator: P<IEnumWbemClassObject>) -> Vec<Entity> {
    let mut all = Vec::new();
    while all.len() < 10_000 {
        let Ok((reply, code)) = call(&enumerator, &Next { timeout_ms: -1, count: 50 }).await else { break };
        assert_eq!(reply.returned as usize, reply.objects.objects.len());
        all.extend(reply.objects.objects.iter().map(|o| entity(o.as_ref())));
        if code != HResult::S_OK {
            break;
        }
    }
    client.release(enumerator).await;
    all
}
