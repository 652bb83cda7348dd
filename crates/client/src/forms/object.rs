//! A class or an instance with the namespace that it came from: SWbemObject, ManagementObject and ManagementClass.

use super::environment::Environment;
use super::moniker::{Moniker, MonikerSecurity};
use super::scripting::ObjectSet;
use super::values::NamedValueSet;
use crate::xml::{self, Dtd};
use crate::{Depth, Error, ErrorKind, Misuse, Namespace, PutOptions, Step};
use rwmi_cim::schema::{ClassDecl, derive};
use rwmi_cim::{
    Class, Entity, FromCim, Instance, Object, ObjectError, ObjectPath, Qualifiers, Value, WbemStatus, mof, name_cmp, names_equal,
    system_property,
};
use rwmi_wbem::flags;
use std::fmt;
use std::sync::Arc;

/// Where an object came from, and how one is treated there.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) namespace: Namespace,
    pub(crate) security: Arc<MonikerSecurity>,
    pub(crate) locale: Option<String>,
}

impl Place {
    /// A namespace with settings that nobody chose.
    pub(crate) fn plain(namespace: Namespace) -> Place {
        Place { namespace, security: Arc::default(), locale: None }
    }

    /// A mistake against a rule.
    pub(crate) fn rule(&self, status: WbemStatus, why: impl Into<String>) -> Error {
        self.namespace.misuse(Misuse::Rule { status, why: why.into() })
    }

    pub(crate) async fn get(&self, path: &str, flags: i32, context: Option<&NamedValueSet>) -> Result<WmiObject, Error> {
        self.check_flags(6, flags)?;
        let entity = self.namespace.entity(path, flags, context.and_then(NamedValueSet::pointer)).await?;
        Ok(WmiObject::new(self.clone(), entity))
    }

    /// What a query of objects finds.
    pub(crate) async fn query(&self, text: &str, language: &str, flags: i32, context: Option<&NamedValueSet>) -> Result<ObjectSet, Error> {
        self.check_flags(20, flags)?;
        // The server says what is wrong with a query of another language; ours are checked here.
        let query = self.namespace.query(text).raw(language, flags, context.and_then(NamedValueSet::pointer));
        let query = if names_equal(language, "WQL") { query } else { query.without_local_check() };
        Ok(ObjectSet::new(self.clone(), query.entities().await?, flags & flags::FORWARD_ONLY == 0))
    }

    pub(crate) async fn instances(&self, class: &str, flags: i32, context: Option<&NamedValueSet>) -> Result<ObjectSet, Error> {
        self.check_flags(18, flags)?;
        let rows = self.namespace.instance_enum(class, flags, context.and_then(NamedValueSet::pointer), Ok).await?;
        Ok(ObjectSet::new(self.clone(), rows, flags & flags::FORWARD_ONLY == 0))
    }

    pub(crate) async fn subclasses(&self, of: Option<&str>, flags: i32, context: Option<&NamedValueSet>) -> Result<ObjectSet, Error> {
        self.check_flags(12, flags)?;
        let rows = self.namespace.class_enum(of, flags, context.and_then(NamedValueSet::pointer), Ok).await?;
        Ok(ObjectSet::new(self.clone(), rows, flags & flags::FORWARD_ONLY == 0))
    }

    /// Deletes what is at a path: a class, or an instance.
    pub(crate) async fn delete(&self, path: &str, context: Option<&NamedValueSet>) -> Result<(), Error> {
        let parsed = self.parse(path)?;
        let context = context.and_then(NamedValueSet::pointer);
        match parsed.keys {
            rwmi_cim::PathKeys::Class => self.namespace.delete_class_with(&parsed.class, context).await,
            _ => self.namespace.delete_instance_with(path, context).await,
        }
    }

    pub(crate) async fn put(&self, entity: &Entity, options: &PutOptions, context: Option<&NamedValueSet>) -> Result<String, Error> {
        match entity {
            Entity::Class(class) => {
                self.namespace.put_class_with(class, options, context.and_then(NamedValueSet::pointer)).await?;
                Ok(class.name.clone())
            }
            Entity::Instance(object) => {
                let instance = object.to_instance().map_err(|e| self.object_error(e))?;
                let said = context.map(NamedValueSet::to_vec).unwrap_or_default();
                self.namespace.put_instance_with(&instance, options, said).await
            }
        }
    }

    pub(crate) fn parse(&self, path: &str) -> Result<ObjectPath, Error> {
        path.parse().map_err(|e: rwmi_cim::PathError| self.rule(WbemStatus::INVALID_OBJECT_PATH, e.to_string()))
    }

    pub(crate) fn object_error(&self, error: ObjectError) -> Error {
        Error::new(Step::Decode, self.namespace.client().host(), None, ErrorKind::Object(error))
    }

    /// A flag that a call does not take is refused here with the server's own answer.
    pub(crate) fn check_flags(&self, opnum: u16, flags: i32) -> Result<(), Error> {
        let refused = |status| self.rule(status, format!("the call does not take these flags: {flags:#x}"));
        flags::check_flags(opnum, flags).map_err(refused)
    }
}

/// A class or an instance that can be changed, put back, and asked for what belongs to it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let wmi = rwmi_client::forms::get_object("winmgmts:root/default").await?;
/// let mut setting = wmi.services()?.get("Demo_Setting").await?.spawn_instance()?;
/// setting.set("Name", "colour")?;
/// setting.set("Value", "blue")?;
/// let path = setting.put().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WmiObject {
    place: Place,
    entity: Entity,
}

impl fmt::Debug for WmiObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entity.fmt(f)
    }
}

impl WmiObject {
    pub(crate) fn new(place: Place, entity: Entity) -> WmiObject {
        WmiObject { place, entity }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What it is, without its namespace.
    pub fn entity(&self) -> &Entity {
        &self.entity
    }

    /// The same, for whoever wants it for itself.
    pub fn into_entity(self) -> Entity {
        self.entity
    }

    /// Its class, or itself where it is one.
    pub fn class(&self) -> &Arc<Class> {
        self.entity.class()
    }

    /// Whether it is a class.
    pub fn is_class(&self) -> bool {
        matches!(self.entity, Entity::Class(_))
    }

    /// The namespace that it came from.
    pub fn namespace(&self) -> &Namespace {
        &self.place.namespace
    }

    /// The value of a property as a Rust type; of a class, the default of its instances. System properties (`__PATH`) too.
    pub fn get<T: FromCim>(&self, name: &str) -> Result<T, ObjectError> {
        let value = match (&self.entity, system_property(&self.entity, name)) {
            (_, Some(value)) => value,
            (Entity::Instance(object), None) => return object.get(name),
            (Entity::Class(class), None) => match class.property(name) {
                Some(property) => property.default.clone(),
                None => return Err(ObjectError::NoProperty { class: class.name.clone(), name: name.into() }),
            },
        };
        T::from_cim(value).map_err(|v| ObjectError::Type {
            class: self.class().name.clone(),
            name: name.into(),
            found: v.cim_type().map_or("NULL".into(), |t| t.to_string()),
            wanted: std::any::type_name::<T>(),
        })
    }

    /// Sets a property; nothing is sent before [`WmiObject::put`]. Of a class, the default of its instances.
    ///
    /// # Errors
    /// The class has no such property, or the value is of another type.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<(), ObjectError> {
        let value = value.into();
        let class = self.class().clone();
        let property = class.property(name).ok_or_else(|| ObjectError::NoProperty { class: class.name.clone(), name: name.into() })?;
        let value = match value.as_integer().filter(|_| !property.ty.array) {
            Some(n) => Value::from_integer(n, property.ty.cim).unwrap_or(value),
            None => value,
        };
        if !rwmi_cim::schema::value_fits(&value, property.ty) {
            let found = value.cim_type().map_or("NULL".into(), |t| t.to_string());
            return Err(ObjectError::Type { class: class.name.clone(), name: name.into(), found, wanted: property.ty.cim.name() });
        }
        match &mut self.entity {
            Entity::Instance(object) => {
                let mut instance = object.to_instance()?;
                instance.set(name, value)?;
                *object = instance.into();
            }
            Entity::Class(class) => {
                let class = Arc::make_mut(class);
                if let Some(property) = class.properties.iter_mut().find(|p| names_equal(&p.name, name)) {
                    (property.default, property.default_inherited) = (value, false);
                }
            }
        }
        Ok(())
    }

    /// Its qualifiers; of an instance those of its own.
    pub fn qualifiers(&self) -> Result<Qualifiers, ObjectError> {
        match &self.entity {
            Entity::Class(class) => Ok(class.qualifiers.clone()),
            Entity::Instance(object) => object.qualifiers(),
        }
    }

    /// The ancestors of its class, nearest first.
    pub fn derivation(&self) -> &[String] {
        &self.class().derivation
    }

    /// Its path within the namespace; `None` of an instance without keys.
    pub fn relative_path(&self) -> Option<ObjectPath> {
        match &self.entity {
            Entity::Class(class) if class.name.is_empty() => None,
            Entity::Class(class) => Some(ObjectPath::class(&class.name)),
            Entity::Instance(object) => object.relative_path(),
        }
    }

    /// Its path with computer and namespace: as the server names itself, else as it was called.
    pub fn path(&self) -> Option<ObjectPath> {
        let decoration = match &self.entity {
            Entity::Class(class) => class.decoration.as_ref(),
            Entity::Instance(object) => object.decoration(),
        };
        let (server, namespace) = match decoration {
            Some(d) => (d.server.clone(), d.namespace.clone()),
            None => (self.place.namespace.client().host().to_owned(), self.place.namespace.name().to_owned()),
        };
        Some(ObjectPath { server: Some(server), namespace: Some(namespace), ..self.relative_path()? })
    }

    /// Its path as a moniker with the settings under which it was reached (SWbemObjectPath.DisplayName).
    pub fn to_moniker(&self) -> Option<Moniker> {
        let path = self.path()?;
        let mut security = (*self.place.security).clone();
        if Environment::is_local(path.server.as_deref()).unwrap_or(true) {
            security.authority = None;
        }
        Some(Moniker {
            security,
            locale: self.place.locale.clone(),
            host: path.server.clone(),
            namespace: path.namespace.clone(),
            object: Some(ObjectPath { server: None, namespace: None, ..path }),
        })
    }

    /// Makes it or changes it on the server; gives its path.
    pub async fn put(&self) -> Result<String, Error> {
        self.put_with(&PutOptions::default(), None).await
    }

    /// As [`WmiObject::put`], with a mode and named values.
    pub async fn put_with(&self, options: &PutOptions, context: Option<&NamedValueSet>) -> Result<String, Error> {
        self.place.put(&self.entity, options, context).await
    }

    /// Deletes it on the server.
    pub async fn delete(&self) -> Result<(), Error> {
        self.place.delete(&self.path_text()?, None).await
    }

    /// Reads it again.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        self.entity = self.place.namespace.entity(&self.path_text()?, 0, None).await?;
        Ok(())
    }

    /// The instances of its class.
    pub async fn instances(&self, depth: Depth) -> Result<ObjectSet, Error> {
        self.place.instances(&self.class().name, flags::RETURN_IMMEDIATELY | shallow(depth), None).await
    }

    /// The classes below its class.
    pub async fn subclasses(&self, depth: Depth) -> Result<ObjectSet, Error> {
        self.place.subclasses(Some(&self.class().name), flags::RETURN_IMMEDIATELY | shallow(depth), None).await
    }

    /// What is associated with it.
    pub async fn associators(&self, which: &AssociatorsOf) -> Result<ObjectSet, Error> {
        let query = which.wql(&self.path_text()?).map_err(|m| self.place.namespace.misuse(m))?;
        self.place.query(&query, "WQL", flags::RETURN_IMMEDIATELY, None).await
    }

    /// The associations that refer to it.
    pub async fn references(&self, which: &ReferencesOf) -> Result<ObjectSet, Error> {
        let query = which.wql(&self.path_text()?).map_err(|m| self.place.namespace.misuse(m))?;
        self.place.query(&query, "WQL", flags::RETURN_IMMEDIATELY, None).await
    }

    /// It as MOF: a class with what it says for itself, an instance with what is not its class's default.
    pub fn text(&self) -> Result<String, ObjectError> {
        Ok(match &self.entity {
            Entity::Class(class) => mof::print_class(class),
            Entity::Instance(object) => mof::print_instance(&object.to_instance()?),
        })
    }

    /// It as XML (`GetText_`, `GetText`): one element, `INSTANCE` or `CLASS`.
    pub fn xml(&self, dtd: Dtd) -> String {
        xml::text(&self.entity, dtd)
    }

    /// A new instance of its class, which nobody knows before it is put.
    pub fn spawn_instance(&self) -> Result<WmiObject, Error> {
        Ok(WmiObject::new(self.place.clone(), Instance::new(self.class().clone()).into()))
    }

    /// A new class below it.
    ///
    /// # Errors
    /// `WBEM_E_ILLEGAL_OPERATION` (0x8004101E) of an instance; `WBEM_E_INVALID_OBJECT` of a name that is none.
    pub fn spawn_derived_class(&self, name: &str) -> Result<WmiObject, Error> {
        let Entity::Class(class) = &self.entity else {
            return Err(self.place.rule(WbemStatus::ILLEGAL_OPERATION, "a class is derived from a class, and this is an instance"));
        };
        // The class without a name is the beginning of a topmost one.
        let parent = (!class.name.is_empty()).then_some(class);
        let derived = derive(parent, ClassDecl { name: name.into(), ..ClassDecl::default() });
        let derived = derived.map_err(|e| self.place.rule(e.status, e.to_string()))?;
        Ok(WmiObject::new(self.place.clone(), Entity::Class(Arc::new(derived))))
    }

    /// Whether it is the same as another, but for what is not to be compared.
    pub fn compare_to(&self, other: &WmiObject, comparison: Comparison) -> Result<bool, ObjectError> {
        comparison.are_equal(&self.entity, &other.entity)
    }

    pub(crate) fn path_text(&self) -> Result<String, Error> {
        let none = || self.place.rule(WbemStatus::INVALID_OBJECT_PATH, format!("this {} has no key and so no path", self.class().name));
        self.relative_path().map(|p| p.to_string()).ok_or_else(none)
    }
}

fn shallow(depth: Depth) -> i32 {
    if depth == Depth::Shallow { flags::SHALLOW } else { 0 }
}

/// What is left out of a comparison (WbemComparisonFlagEnum): their sum, 0 for comparing all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Comparison(pub u32);

impl Comparison {
    /// All is compared.
    pub const ALL: Comparison = Comparison(0);
    /// Qualifiers are not.
    pub const IGNORE_QUALIFIERS: Comparison = Comparison(1);
    /// Computer and namespace are not.
    pub const IGNORE_OBJECT_SOURCE: Comparison = Comparison(2);
    /// Default values of classes are not.
    pub const IGNORE_DEFAULT_VALUES: Comparison = Comparison(4);
    /// Instances only: their classes are taken for the same.
    pub const IGNORE_CLASS: Comparison = Comparison(8);
    /// Case of texts does not count.
    pub const IGNORE_CASE: Comparison = Comparison(0x10);
    /// Flavors of qualifiers are not.
    pub const IGNORE_FLAVOR: Comparison = Comparison(0x20);

    /// Leaves out what either leaves out.
    #[must_use]
    pub const fn and(self, other: Comparison) -> Comparison {
        Comparison(self.0 | other.0)
    }

    const fn has(self, flag: Comparison) -> bool {
        self.0 & flag.0 != 0
    }

    fn are_equal(self, a: &Entity, b: &Entity) -> Result<bool, ObjectError> {
        let source = |e: &Entity| match e {
            Entity::Class(c) => c.decoration.clone(),
            Entity::Instance(o) => o.decoration().cloned(),
        };
        if !self.has(Self::IGNORE_OBJECT_SOURCE) && !same_source(source(a), source(b)) {
            return Ok(false);
        }
        match (a, b) {
            (Entity::Class(a), Entity::Class(b)) => Ok(self.classes(a, b)),
            (Entity::Instance(a), Entity::Instance(b)) => {
                if !self.has(Self::IGNORE_CLASS) && !self.classes(a.class(), b.class()) {
                    return Ok(false);
                }
                if !self.has(Self::IGNORE_QUALIFIERS) && !self.qualifiers(&a.qualifiers()?, &b.qualifiers()?) {
                    return Ok(false);
                }
                self.values(a, b)
            }
            _ => Ok(false),
        }
    }

    fn values(self, a: &Object, b: &Object) -> Result<bool, ObjectError> {
        if a.class().properties.len() != b.class().properties.len() {
            return Ok(false);
        }
        for (name, value) in a.iter() {
            let Some(index) = b.class().property_index(name) else { return Ok(false) };
            if !self.same_value(&value?, &b.value_at(index)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn classes(self, a: &Class, b: &Class) -> bool {
        let by_default = |x: &Value, y: &Value| self.has(Self::IGNORE_DEFAULT_VALUES) || self.same_value(x, y);
        let qualified = |x: &Qualifiers, y: &Qualifiers| self.has(Self::IGNORE_QUALIFIERS) || self.qualifiers(x, y);
        names_equal(&a.name, &b.name)
            && a.derivation.len() == b.derivation.len()
            && a.derivation.iter().zip(&b.derivation).all(|(x, y)| names_equal(x, y))
            && qualified(&a.qualifiers, &b.qualifiers)
            && a.properties.len() == b.properties.len()
            && a.methods.len() == b.methods.len()
            && a.properties.iter().all(|p| {
                b.property(&p.name)
                    .is_some_and(|q| p.ty == q.ty && by_default(&p.default, &q.default) && qualified(&p.qualifiers, &q.qualifiers))
            })
            && a.methods.iter().all(|m| {
                let side = |x: &Option<Arc<Class>>, y: &Option<Arc<Class>>| match (x, y) {
                    (Some(x), Some(y)) => self.classes(x, y),
                    (x, y) => x.is_none() && y.is_none(),
                };
                b.method(&m.name)
                    .is_some_and(|n| qualified(&m.qualifiers, &n.qualifiers) && side(&m.input, &n.input) && side(&m.output, &n.output))
            })
    }

    fn qualifiers(self, a: &Qualifiers, b: &Qualifiers) -> bool {
        a.0.len() == b.0.len()
            && a.0.iter().all(|q| {
                b.get(&q.name)
                    .is_some_and(|r| self.same_value(&q.value, &r.value) && (self.has(Self::IGNORE_FLAVOR) || q.flavor == r.flavor))
            })
    }

    fn same_value(self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| self.same_value(x, y)),
            (Value::String(x), Value::String(y)) | (Value::Reference(x), Value::Reference(y)) if self.has(Self::IGNORE_CASE) => {
                name_cmp(x, y).is_eq()
            }
            _ => a == b,
        }
    }
}

fn same_source(a: Option<rwmi_cim::Decoration>, b: Option<rwmi_cim::Decoration>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => names_equal(&a.server, &b.server) && names_equal(&a.namespace, &b.namespace),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Which associators are wanted: the words behind `ASSOCIATORS OF {path} WHERE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssociatorsOf {
    /// Through associations of this class.
    pub assoc_class: Option<String>,
    /// Of this class.
    pub result_class: Option<String>,
    /// Which play this role.
    pub result_role: Option<String>,
    /// Of which the source plays this role.
    pub role: Option<String>,
    /// Their classes instead of themselves.
    pub classes_only: bool,
    /// The source is a class, and so are they.
    pub schema_only: bool,
    /// Through associations with this qualifier.
    pub required_assoc_qualifier: Option<String>,
    /// With this qualifier.
    pub required_qualifier: Option<String>,
}

/// Which references are wanted: the words behind `REFERENCES OF {path} WHERE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferencesOf {
    /// Of this class.
    pub result_class: Option<String>,
    /// In which the source plays this role.
    pub role: Option<String>,
    /// Their classes instead of themselves.
    pub classes_only: bool,
    /// The source is a class, and so are they.
    pub schema_only: bool,
    /// With this qualifier.
    pub required_qualifier: Option<String>,
}

impl AssociatorsOf {
    /// The query.
    ///
    /// # Errors
    /// [`Misuse::Rule`] where a word is no name.
    pub fn wql(&self, path: &str) -> Result<String, Misuse> {
        let words = [
            ("AssocClass", &self.assoc_class),
            ("ResultClass", &self.result_class),
            ("ResultRole", &self.result_role),
            ("Role", &self.role),
            ("RequiredAssocQualifier", &self.required_assoc_qualifier),
            ("RequiredQualifier", &self.required_qualifier),
        ];
        statement("ASSOCIATORS", path, &words, self.classes_only, self.schema_only)
    }
}

impl ReferencesOf {
    /// The query.
    ///
    /// # Errors
    /// [`Misuse::Rule`] where a word is no name.
    pub fn wql(&self, path: &str) -> Result<String, Misuse> {
        let words = [("ResultClass", &self.result_class), ("Role", &self.role), ("RequiredQualifier", &self.required_qualifier)];
        statement("REFERENCES", path, &words, self.classes_only, self.schema_only)
    }
}

fn statement(verb: &str, path: &str, words: &[(&str, &Option<String>)], classes: bool, schema: bool) -> Result<String, Misuse> {
    let mut query = format!("{verb} OF {{{path}}}");
    let mut conditions = Vec::new();
    for (word, value) in words {
        // An empty text says nothing, as in the scripting interface.
        let Some(value) = value.as_deref().filter(|v| !v.is_empty()) else { continue };
        if !is_name(value) {
            let why = format!("{value:?} is not a name, which {word} takes");
            return Err(Misuse::Rule { status: WbemStatus::INVALID_PARAMETER, why });
        }
        conditions.push(format!("{word} = {value}"));
    }
    conditions.extend(classes.then(|| "ClassDefsOnly".to_owned()));
    conditions.extend(schema.then(|| "SchemaOnly".to_owned()));
    if !conditions.is_empty() {
        query += " WHERE ";
        query += &conditions.join(" ");
    }
    Ok(query)
}

/// Whether a text can be the name of a class or a property, and so stand in a query as it is.
pub(crate) fn is_name(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic()) && text.chars().all(|c| c == '_' || c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::mof::{Memory, compile_into, parse};

    fn class(text: &str) -> Arc<Class> {
        let mut memory = Memory::new();
        compile_into(&parse("t", text).unwrap(), "root", &mut memory).unwrap();
        memory.classes("root").last().unwrap().clone()
    }

    #[test]
    fn a_comparison_leaves_out_what_it_is_told() {
        let a = class(r#"[Description("x")] class T { [key] string K = "a"; uint32 N; };"#);
        let equal =
            |x: &Arc<Class>, y: &Arc<Class>, c: Comparison| c.are_equal(&Entity::Class(x.clone()), &Entity::Class(y.clone())).unwrap();
        assert!(equal(&a, &a, Comparison::ALL));
        let other = class(r#"[Description("y")] class T { [key] string K = "a"; uint32 N; };"#);
        assert!(!equal(&a, &other, Comparison::ALL) && equal(&a, &other, Comparison::IGNORE_QUALIFIERS));
        let other = class(r#"[Description("X")] class t { [key] string K = "A"; uint32 N; };"#);
        assert!(!equal(&a, &other, Comparison::ALL) && equal(&a, &other, Comparison::IGNORE_CASE));
        let other = class(r#"[Description("x")] class T { [key] string K = "b"; uint32 N; };"#);
        assert!(!equal(&a, &other, Comparison::ALL) && equal(&a, &other, Comparison::IGNORE_DEFAULT_VALUES));
        let other = class(r#"[Description("x") : Amended] class T { [key] string K = "a"; uint32 N; };"#);
        assert!(!equal(&a, &other, Comparison::ALL) && equal(&a, &other, Comparison::IGNORE_FLAVOR));
        let other = class(r#"[Description("x")] class T { [key] string K = "a"; sint32 N; };"#);
        assert!(!equal(&a, &other, Comparison(0x37)));
        let mut placed = (*a).clone();
        placed.decoration = Some(rwmi_cim::Decoration { server: "A".into(), namespace: "root".into() });
        let placed = Arc::new(placed);
        assert!(!equal(&a, &placed, Comparison::ALL) && equal(&a, &placed, Comparison::IGNORE_OBJECT_SOURCE));

        let instance = |class: &Arc<Class>, n: u32| {
            let mut i = Instance::new(class.clone());
            i.set("N", n).unwrap();
            Entity::from(i)
        };
        assert!(Comparison::ALL.are_equal(&instance(&a, 1), &instance(&a, 1)).unwrap());
        assert!(!Comparison::ALL.are_equal(&instance(&a, 1), &instance(&a, 2)).unwrap());
        let renamed = class(r#"class U { [key] string K = "a"; uint32 N; };"#);
        let both = |c: Comparison| c.are_equal(&instance(&a, 1), &instance(&renamed, 1)).unwrap();
        assert!(!both(Comparison::IGNORE_QUALIFIERS) && both(Comparison::IGNORE_CLASS));
        assert!(!Comparison::ALL.are_equal(&instance(&a, 1), &Entity::Class(a.clone())).unwrap());
    }

    #[test]
    fn a_statement_has_the_words_that_were_given() {
        let path = r#"Win32_Service.Name="cron""#;
        assert_eq!(AssociatorsOf::default().wql(path).unwrap(), r#"ASSOCIATORS OF {Win32_Service.Name="cron"}"#);
        let all = AssociatorsOf {
            assoc_class: Some("A".into()),
            result_class: Some("B".into()),
            result_role: Some("C".into()),
            role: Some("D".into()),
            classes_only: false,
            schema_only: false,
            required_assoc_qualifier: Some("E".into()),
            required_qualifier: Some("".into()),
        };
        let text = all.wql(path).unwrap();
        assert_eq!(
            text.split_once(" WHERE ").unwrap().1,
            "AssocClass = A ResultClass = B ResultRole = C Role = D RequiredAssocQualifier = E"
        );
        rwmi_cim::wql::parse(&text).unwrap();
        let classes = AssociatorsOf { role: Some("D".into()), classes_only: true, ..AssociatorsOf::default() };
        assert_eq!(classes.wql("C.K=1").unwrap(), "ASSOCIATORS OF {C.K=1} WHERE Role = D ClassDefsOnly");
        let schema = ReferencesOf { role: Some("Dependent".into()), schema_only: true, ..ReferencesOf::default() };
        assert_eq!(schema.wql("C").unwrap(), "REFERENCES OF {C} WHERE Role = Dependent SchemaOnly");
        let hostile = ReferencesOf { role: Some("X SchemaOnly".into()), ..ReferencesOf::default() };
        assert_eq!(hostile.wql("C").unwrap_err().status(), Some(WbemStatus::INVALID_PARAMETER));
    }
}
