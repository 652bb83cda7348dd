//! What of an object a query shows: the trimmed class, and objects of it that decode nothing they do not show.

use super::QueryError;
use super::ast::{Columns, Select};
use crate::{CimType, Class, Flavor, Object, ObjectError, Qualifier, SystemProperty, Value, Values, names_equal};
use std::sync::Arc;

/// What a trimmed class keeps beside the selected properties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProjectOptions {
    /// Keys and decoration stay, so that every row has its path (`WBEM_FLAG_ENSURE_LOCATABLE`).
    pub ensure_locatable: bool,
}

/// The way from an object to the row that a query shows of it.
#[derive(Debug, Clone)]
pub struct Projection {
    /// The class of the rows: of the same name, with the properties that are shown, in the order of their declaration.
    pub class: Arc<Class>,
    /// For each property of [`Projection::class`] its place in the class that was trimmed.
    pub map: Arc<[usize]>,
    /// Whether rows are the objects themselves.
    whole: bool,
    decorated: bool,
}

/// The answer to a query that asks for its own shape (`WBEM_FLAG_PROTOTYPE`, [MS-WMI] 2.2.4.1).
#[derive(Debug, Clone)]
pub struct Prototype {
    /// The class, its properties with a qualifier `Order`: their places in the list after SELECT.
    pub class: Arc<Class>,
    /// Whether properties were listed: the object carries flag 0x10.
    pub listed: bool,
    /// Whether a key was left out: the object carries flag 0x40.
    pub lacks_key: bool,
}

/// Which of the selected columns are system properties that need something of the object.
struct Asked {
    path: bool,
    place: bool,
    derivation: bool,
}

impl Select {
    /// The class of the rows and the way to them. The error is that of a property that the class does not have.
    ///
    /// `SELECT *` shows objects as they are. A list trims the class: its derivation is empty unless `__DERIVATION`,
    /// `__SUPERCLASS` or `__DYNASTY` is listed; keys stay where `__PATH` or `__RELPATH` is listed or the options say so;
    /// decoration stays for those, for `__SERVER` and for `__NAMESPACE`. Of `TargetInstance.Name` the whole
    /// `TargetInstance` is shown.
    pub fn project(&self, class: &Arc<Class>, options: ProjectOptions) -> Result<Projection, QueryError> {
        let Columns::List(_) = &self.columns else {
            let map = (0..class.properties.len()).collect();
            return Ok(Projection { class: class.clone(), map, whole: true, decorated: true });
        };
        self.check_columns(class).map_err(QueryError::of_data)?;
        let asked = self.asked();
        let map = self.shown(class, options.ensure_locatable || asked.path);
        let decorated = options.ensure_locatable || asked.path || asked.place;
        let mut trimmed = trim(class, &map, asked.derivation);
        trimmed.methods.clear();
        if !decorated {
            trimmed.decoration = None;
        }
        Ok(Projection { class: Arc::new(trimmed), map: map.into(), whole: false, decorated })
    }

    /// The class that a prototype query answers with. The error is that of a property that the class does not have.
    pub fn prototype(&self, class: &Arc<Class>) -> Result<Prototype, QueryError> {
        self.check_columns(class).map_err(QueryError::of_data)?;
        let (listed, mut shape) = match &self.columns {
            Columns::All => (None, Class::clone(class)),
            Columns::List(paths) => (Some(paths), trim(class, &self.shown(class, false), self.asked().derivation)),
        };
        for (place, property) in shape.properties.iter_mut().enumerate() {
            let order: Vec<i32> = match listed {
                None => vec![place as i32],
                Some(paths) => (0..).zip(paths).filter(|(_, p)| names_equal(&p.first.text, &property.name)).map(|(i, _)| i).collect(),
            };
            property.qualifiers.set(Qualifier {
                name: "Order".into(),
                flavor: Flavor(0),
                ty: CimType::Sint32.array(),
                value: order.into(),
            });
        }
        let lacks_key = shape.keys().count() < class.keys().count();
        Ok(Prototype { class: Arc::new(shape), listed: listed.is_some(), lacks_key })
    }

    fn asked(&self) -> Asked {
        let any = |wanted: &[SystemProperty]| match &self.columns {
            Columns::All => true,
            Columns::List(paths) => paths.iter().any(|p| SystemProperty::from_name(&p.first.text).is_some_and(|s| wanted.contains(&s))),
        };
        Asked {
            path: any(&[SystemProperty::Path, SystemProperty::Relpath]),
            place: any(&[SystemProperty::Server, SystemProperty::Namespace]),
            derivation: any(&[SystemProperty::Derivation, SystemProperty::Superclass, SystemProperty::Dynasty]),
        }
    }

    fn shown(&self, class: &Class, keys: bool) -> Vec<usize> {
        let listed = |name: &str| match &self.columns {
            Columns::All => true,
            Columns::List(paths) => paths.iter().any(|p| names_equal(&p.first.text, name)),
        };
        class.properties.iter().enumerate().filter(|(_, p)| keys && p.is_key() || listed(&p.name)).map(|(i, _)| i).collect()
    }
}

fn trim(class: &Class, map: &[usize], derivation: bool) -> Class {
    let mut trimmed = Class {
        properties: map.iter().filter_map(|&i| class.properties.get(i).cloned()).collect(),
        parent: None,
        derivation: if derivation { class.derivation.clone() } else { Vec::new() },
        name: class.name.clone(),
        qualifiers: class.qualifiers.clone(),
        methods: class.methods.clone(),
        decoration: class.decoration.clone(),
    };
    if !derivation {
        // Origins count from the topmost ancestor: without ancestors only the class itself is left to declare anything.
        for property in &mut trimmed.properties {
            (property.origin, property.inherited, property.default_inherited) = (0, false, false);
        }
        trimmed.methods.iter_mut().for_each(|m| m.origin = 0);
    }
    trimmed
}

impl Projection {
    /// The row of an object. Nothing is decoded.
    pub fn apply(&self, object: &Object) -> Object {
        if self.whole {
            return object.clone();
        }
        let decoration = if self.decorated { object.decoration_arc().cloned() } else { None };
        Object::new(self.class.clone(), Arc::new(Shown { object: object.clone(), map: self.map.clone() }), decoration)
    }
}

/// The values of an object, some of them.
struct Shown {
    object: Object,
    map: Arc<[usize]>,
}

impl Values for Shown {
    fn value(&self, property: usize) -> Result<Value, String> {
        let Some(&full) = self.map.get(property) else { return Ok(Value::Null) };
        self.object.value_at(full).map_err(|e| match e {
            ObjectError::Malformed { cause, .. } => cause,
            other => other.to_string(),
        })
    }

    fn is_default(&self, property: usize) -> bool {
        self.map.get(property).is_some_and(|&full| self.object.is_default_at(full))
    }
}
