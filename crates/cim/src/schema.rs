//! Class derivation: what a class has once its superclass is taken into account ([MS-WMIO] 2.2.11 to 2.2.62).
//!
//! A [`ClassDecl`] is what one class says for itself, as MOF or a put call states it; [`derive()`] merges it with
//! the superclass into a [`Class`], with the flavor bits, origins and flags that Windows writes:
//! an inherited qualifier gets 0x20 (`CIMTYPE` 03 becomes 23, `key` 13 becomes 33), one without `ToSubclass`
//! stays behind, an overriding property keeps place and origin but has its own `CIMTYPE` and its own default.

use crate::{CimType, Class, Flavor, Method, Property, Qualifier, Qualifiers, Type, Value, WbemStatus, names_equal};
use std::collections::HashMap;
use std::sync::Arc;

/// Most properties a class can have, inherited ones included; one more is `WBEM_E_TOO_MANY_PROPERTIES`.
pub const PROPERTIES_MAX: usize = 1024;
/// Most key properties of a class; one more is `WBEM_E_CANNOT_BE_KEY`.
pub const KEYS_MAX: usize = 256;
/// Most methods of a class, inherited ones included (ours): one more is `WBEM_E_QUOTA_VIOLATION`.
pub const METHODS_MAX: usize = 1024;
/// Most ancestors of a class (ours): a deeper one is `WBEM_E_QUOTA_VIOLATION`.
pub const ANCESTORS_MAX: usize = 64;
/// Longest name of a class, property, method, parameter or qualifier, in characters.
pub const NAME_MAX: usize = 4096;

/// Flag of a method's entry: an ancestor declares it ([MS-WMIO] 2.2.43). Stays set where this class overrides it.
pub const METHOD_INHERITED: u8 = Flavor::PROPAGATED;

/// What a class says for itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassDecl {
    /// Its name.
    pub name: String,
    /// Its own qualifiers.
    pub qualifiers: Qualifiers,
    /// Properties it adds or overrides.
    pub properties: Vec<PropertyDecl>,
    /// Methods it adds or overrides.
    pub methods: Vec<MethodDecl>,
}

/// A property or parameter as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyDecl {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// The class that a reference or an embedded object is of, where the declaration names one.
    pub class: Option<String>,
    /// Its own qualifiers without `CIMTYPE`, which is made from the two fields above.
    pub qualifiers: Qualifiers,
    /// Value of an instance that sets none.
    pub default: Value,
}

/// A method as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodDecl {
    /// Its name.
    pub name: String,
    /// Its own qualifiers.
    pub qualifiers: Qualifiers,
    /// What it returns; `None` for `void`. The name is not looked at.
    pub returns: Option<(Type, Option<String>)>,
    /// Its parameters in order; each has the qualifier `in`, `out` or both.
    pub parameters: Vec<PropertyDecl>,
}

/// Why a declaration makes no class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", member.as_ref().map_or(String::new(), |m| format!("{m}: ")))]
pub struct SchemaError {
    /// The code that WMI gives for it.
    pub status: WbemStatus,
    /// The property, method or qualifier it is about; `None` where it is the class itself.
    pub member: Option<String>,
    /// One sentence.
    pub reason: String,
}

impl SchemaError {
    fn of(status: WbemStatus, member: &str, reason: impl Into<String>) -> Self {
        SchemaError { status, member: Some(member.to_owned()), reason: reason.into() }
    }

    fn class(status: WbemStatus, reason: impl Into<String>) -> Self {
        SchemaError { status, member: None, reason: reason.into() }
    }
}

/// The class that a declaration makes below a superclass, or at the top of a tree.
///
/// Errors carry the status of WMI: a second property of one name is `INVALID_PROPERTY`, another type than the ancestor's
/// `TYPE_MISMATCH`, a qualifier that an ancestor forbids to change `OVERRIDE_NOT_ALLOWED`, a key where the tree has keys
/// already, is a singleton or has no room `CANNOT_BE_KEY`, a singleton with keys `CANNOT_BE_SINGLETON`, an abstract
/// class below a concrete one `CANNOT_BE_ABSTRACT`, bad parameters the four codes of parameter ids.
pub fn derive(superclass: Option<&Arc<Class>>, own: ClassDecl) -> Result<Class, SchemaError> {
    name_is_legal(&own.name).map_err(|reason| SchemaError::class(WbemStatus::INVALID_OBJECT, reason))?;
    let mut derivation = Vec::new();
    if let Some(parent) = superclass {
        if parent.is_a(&own.name) {
            return Err(SchemaError::class(WbemStatus::CIRCULAR_REFERENCE, format!("{} would be its own ancestor", own.name)));
        }
        derivation.push(parent.name.clone());
        derivation.extend(parent.derivation.iter().cloned());
    }
    if derivation.len() > ANCESTORS_MAX {
        return Err(SchemaError::class(WbemStatus::QUOTA_VIOLATION, format!("more than {ANCESTORS_MAX} ancestors")));
    }
    let level = derivation.len() as u32;

    let mut class = Class {
        name: own.name,
        derivation,
        qualifiers: merge(own.qualifiers, superclass.map(|p| &p.qualifiers))?,
        properties: superclass.map_or(Vec::new(), |p| p.properties.iter().map(inherit_property).collect()),
        methods: superclass.map_or(Vec::new(), |p| p.methods.iter().map(inherit_method).collect()),
        parent: superclass.cloned(),
        decoration: None,
    };
    properties(&mut class, superclass, own.properties, level)?;
    methods(&mut class, superclass, own.methods, level)?;
    keys(&class, superclass)?;
    if class.qualifiers.is_set("abstract") && superclass.is_some_and(|p| !p.is_abstract()) {
        return Err(SchemaError::class(WbemStatus::CANNOT_BE_ABSTRACT, "an abstract class cannot derive from one that is not"));
    }
    Ok(class)
}

fn properties(class: &mut Class, superclass: Option<&Arc<Class>>, own: Vec<PropertyDecl>, level: u32) -> Result<(), SchemaError> {
    let mut places: HashMap<String, usize> = class.properties.iter().enumerate().map(|(i, p)| (fold(&p.name), i)).collect();
    let mut seen = vec![false; class.properties.len()];
    for decl in own {
        name_is_legal(&decl.name).map_err(|reason| SchemaError::of(WbemStatus::INVALID_PROPERTY, &decl.name, reason))?;
        match places.get(&fold(&decl.name)) {
            Some(&place) => {
                let Some(fresh) = seen.get_mut(place).filter(|s| !**s) else {
                    return Err(SchemaError::of(WbemStatus::INVALID_PROPERTY, &decl.name, "declared twice"));
                };
                *fresh = true;
                let ancestor = superclass.and_then(|p| p.properties.get(place));
                let Some((ancestor, slot)) = ancestor.zip(class.properties.get_mut(place)) else { continue };
                *slot = override_property(ancestor, decl)?;
            }
            None => {
                if class.properties.len() == PROPERTIES_MAX {
                    let reason = format!("a class has at most {PROPERTIES_MAX} properties");
                    return Err(SchemaError::of(WbemStatus::TOO_MANY_PROPERTIES, &decl.name, reason));
                }
                places.insert(fold(&decl.name), class.properties.len());
                seen.push(true);
                class.properties.push(new_property(decl, level)?);
            }
        }
    }
    Ok(())
}

fn new_property(decl: PropertyDecl, origin: u32) -> Result<Property, SchemaError> {
    let qualifiers = with_cimtype(&decl)?;
    check_default(&decl)?;
    Ok(Property { name: decl.name, ty: decl.ty, origin, inherited: false, qualifiers, default: decl.default, default_inherited: false })
}

fn override_property(ancestor: &Property, decl: PropertyDecl) -> Result<Property, SchemaError> {
    if ancestor.ty != decl.ty {
        let reason = format!("is {} here and {} in an ancestor", decl.ty, ancestor.ty);
        return Err(SchemaError::of(WbemStatus::TYPE_MISMATCH, &decl.name, reason));
    }
    check_default(&decl)?;
    let mut own = with_cimtype(&decl)?;
    // An override that says only `ref` or `object` leaves the class to its ancestor, as the provider registrations of Windows do.
    if matches!(decl.ty.cim, CimType::Reference | CimType::Object) && decl.class.is_none() {
        own.0.retain(|q| !names_equal(&q.name, "CIMTYPE"));
    }
    // The override has its own default even where it states none: Windows clears bit 1 of the NdTable and leaves NULL.
    Ok(Property {
        name: ancestor.name.clone(),
        ty: ancestor.ty,
        origin: ancestor.origin,
        inherited: true,
        qualifiers: merge(own, Some(&ancestor.qualifiers)).map_err(|e| SchemaError { member: Some(decl.name.clone()), ..e })?,
        default: decl.default,
        default_inherited: false,
    })
}

fn inherit_property(p: &Property) -> Property {
    Property { inherited: true, qualifiers: propagate(&p.qualifiers), default_inherited: true, ..p.clone() }
}

fn inherit_method(m: &Method) -> Method {
    Method { flags: m.flags | METHOD_INHERITED, qualifiers: propagate(&m.qualifiers), ..m.clone() }
}

fn methods(class: &mut Class, superclass: Option<&Arc<Class>>, own: Vec<MethodDecl>, level: u32) -> Result<(), SchemaError> {
    let mut seen: Vec<String> = Vec::new();
    for decl in own {
        name_is_legal(&decl.name).map_err(|reason| SchemaError::of(WbemStatus::INVALID_METHOD, &decl.name, reason))?;
        if seen.contains(&fold(&decl.name)) {
            return Err(SchemaError::of(WbemStatus::INVALID_METHOD, &decl.name, "declared twice"));
        }
        seen.push(fold(&decl.name));
        let (input, output) = signature(&decl)?;
        match class.methods.iter().position(|m| names_equal(&m.name, &decl.name)) {
            Some(place) => {
                let ancestor = superclass.and_then(|p| p.methods.get(place));
                let Some((ancestor, slot)) = ancestor.zip(class.methods.get_mut(place)) else { continue };
                slot.qualifiers =
                    merge(decl.qualifiers, Some(&ancestor.qualifiers)).map_err(|e| SchemaError { member: Some(decl.name), ..e })?;
                slot.input = input;
                slot.output = output;
            }
            None if class.methods.len() == METHODS_MAX => {
                let reason = format!("a class has at most {METHODS_MAX} methods");
                return Err(SchemaError::of(WbemStatus::QUOTA_VIOLATION, &decl.name, reason));
            }
            None => class.methods.push(Method { name: decl.name, flags: 0, origin: level, qualifiers: decl.qualifiers, input, output }),
        }
    }
    Ok(())
}

/// The in and the out side of a method.
type Signature = (Option<Arc<Class>>, Option<Arc<Class>>);

/// The two classes `__PARAMETERS` of a method, each `None` where it would be empty.
///
/// IDs number the whole signature from 0; a parameter that is in and out stands in both classes. A declaration without
/// IDs is numbered in its order; one with IDs must give each parameter one.
fn signature(decl: &MethodDecl) -> Result<Signature, SchemaError> {
    if decl.parameters.len() > PROPERTIES_MAX {
        return Err(SchemaError::of(WbemStatus::TOO_MANY_PROPERTIES, &decl.name, "too many parameters"));
    }
    let numbered = decl.parameters.iter().any(|p| p.qualifiers.get("ID").is_some());
    let mut parameters: Vec<(usize, PropertyDecl)> = Vec::with_capacity(decl.parameters.len());
    for (place, p) in decl.parameters.iter().enumerate() {
        let mut p = p.clone();
        let of = |status, reason: &str| SchemaError::of(status, &format!("{}.{}", decl.name, p.name), reason);
        name_is_legal(&p.name).map_err(|r| of(WbemStatus::INVALID_PARAMETER, &r))?;
        if names_equal(&p.name, "ReturnValue") {
            return Err(of(WbemStatus::INVALID_DUPLICATE_PARAMETER, "is the name of the returned value"));
        }
        if parameters.iter().any(|(_, q)| names_equal(&q.name, &p.name)) {
            return Err(of(WbemStatus::INVALID_DUPLICATE_PARAMETER, "declared twice"));
        }
        if !p.qualifiers.is_set("in") && !p.qualifiers.is_set("out") {
            return Err(of(WbemStatus::MOF_MUST_BE_IN_OR_OUT, "a parameter is [in], [out] or both"));
        }
        let id = match p.qualifiers.get("ID").map(|q| &q.value) {
            Some(Value::Sint32(id)) => {
                usize::try_from(*id).map_err(|_| of(WbemStatus::INVALID_PARAMETER_ID, "a parameter id is 0 or more"))?
            }
            Some(_) => return Err(of(WbemStatus::INVALID_PARAMETER_ID, "a parameter id is a sint32")),
            None if numbered => return Err(of(WbemStatus::MISSING_PARAMETER_ID, "has no ID while another parameter has one")),
            None => place,
        };
        if parameters.iter().any(|(other, _)| *other == id) {
            return Err(of(WbemStatus::INVALID_PARAMETER_ID, "two parameters have this ID"));
        }
        p.qualifiers.0.retain(|q| !names_equal(&q.name, "ID"));
        // Windows puts the ID last, with flavor 11.
        p.qualifiers.0.push(Qualifier {
            name: "ID".into(),
            flavor: Flavor(Flavor::TO_INSTANCE | Flavor::DISABLE_OVERRIDE),
            ty: CimType::Sint32.scalar(),
            value: Value::Sint32(id as i32),
        });
        parameters.push((id, p));
    }
    parameters.sort_by_key(|(id, _)| *id);
    if let Some((place, (_, p))) = parameters.iter().enumerate().find(|(place, (id, _))| place != id) {
        let member = format!("{}.{}", decl.name, p.name);
        return Err(SchemaError::of(WbemStatus::NONCONSECUTIVE_PARAMETER_IDS, &member, format!("no parameter has ID {place}")));
    }
    // Each side shows only its own direction, as on Windows (CIM_USBDevice.GetDescriptor).
    let side = |direction: &str, other: &str| -> Result<Vec<Property>, SchemaError> {
        let of_side = parameters.iter().filter(|(_, p)| p.qualifiers.is_set(direction)).map(|(_, p)| {
            let mut p = p.clone();
            p.qualifiers.0.retain(|q| !names_equal(&q.name, other));
            new_property(p, 0)
        });
        of_side.collect()
    };
    let input = side("in", "out")?;
    let mut output = side("out", "in")?;
    if let Some((ty, class)) = &decl.returns {
        let qualifiers = Qualifiers(vec![Qualifier::flag("out", 0)]);
        let returned = PropertyDecl { name: "ReturnValue".into(), ty: *ty, class: class.clone(), qualifiers, default: Value::Null };
        output.push(new_property(returned, 0)?);
    }
    let parameters_class = |properties: Vec<Property>| {
        (!properties.is_empty()).then(|| {
            Arc::new(Class {
                name: "__PARAMETERS".into(),
                qualifiers: Qualifiers(vec![Qualifier::flag("abstract", 0)]),
                properties,
                ..Class::default()
            })
        })
    };
    Ok((parameters_class(input), parameters_class(output)))
}

fn keys(class: &Class, superclass: Option<&Arc<Class>>) -> Result<(), SchemaError> {
    let parent_has_keys = superclass.is_some_and(|p| p.keys().next().is_some());
    let mut count = 0;
    for (place, p) in class.properties.iter().enumerate().filter(|(_, p)| p.is_key()) {
        count += 1;
        let of = |reason: &str| SchemaError::of(WbemStatus::CANNOT_BE_KEY, &p.name, reason);
        if count > KEYS_MAX {
            return Err(of("a class has at most 256 keys"));
        }
        if p.ty.array || matches!(p.ty.cim, CimType::Real32 | CimType::Real64 | CimType::Object) {
            return Err(of("an array, a real number or an embedded object cannot be a key"));
        }
        let inherited_key = superclass.and_then(|s| s.properties.get(place)).is_some_and(Property::is_key);
        if parent_has_keys && !inherited_key {
            return Err(of("an ancestor has set the keys already"));
        }
    }
    if count > 0 && class.is_singleton() {
        return Err(SchemaError::class(WbemStatus::CANNOT_BE_SINGLETON, "a singleton has no keys"));
    }
    Ok(())
}

/// The own qualifiers, then those of the ancestor that propagate and are not overridden.
fn merge(own: Qualifiers, ancestor: Option<&Qualifiers>) -> Result<Qualifiers, SchemaError> {
    let mut merged = Qualifiers(Vec::with_capacity(own.0.len()));
    for q in own.0 {
        name_is_legal(&q.name).map_err(|reason| SchemaError::of(WbemStatus::INVALID_QUALIFIER, &q.name, reason))?;
        if !matches!(q.ty.cim, CimType::Boolean | CimType::Sint32 | CimType::Real64 | CimType::String) {
            let reason = "a qualifier is boolean, sint32, real64, string or an array of these";
            return Err(SchemaError::of(WbemStatus::INVALID_QUALIFIER_TYPE, &q.name, reason));
        }
        if merged.get(&q.name).is_some() {
            return Err(SchemaError::of(WbemStatus::MOF_DUPLICATE_QUALIFIER, &q.name, "qualifier given twice"));
        }
        let fixed = ancestor.and_then(|a| a.get(&q.name)).filter(|a| a.flavor.has(Flavor::TO_SUBCLASS | Flavor::DISABLE_OVERRIDE));
        // Saying the same again is no change: Windows' own classes repeat [key] on overriding properties.
        if fixed.is_some_and(|a| a.value != q.value) {
            return Err(SchemaError::of(WbemStatus::OVERRIDE_NOT_ALLOWED, &q.name, "an ancestor forbids to change this qualifier"));
        }
        merged.0.push(Qualifier { flavor: Flavor(q.flavor.0 & !Flavor::PROPAGATED), ..q });
    }
    if let Some(ancestor) = ancestor {
        let inherited = propagate(ancestor).0.into_iter().filter(|q| merged.get(&q.name).is_none()).collect::<Vec<_>>();
        merged.0.extend(inherited);
    }
    Ok(merged)
}

/// What of a qualifier set a derived class gets.
fn propagate(qualifiers: &Qualifiers) -> Qualifiers {
    let inherited = qualifiers.0.iter().filter(|q| q.flavor.has(Flavor::TO_SUBCLASS));
    Qualifiers(inherited.map(|q| Qualifier { flavor: Flavor(q.flavor.0 | Flavor::PROPAGATED), ..q.clone() }).collect())
}

fn with_cimtype(decl: &PropertyDecl) -> Result<Qualifiers, SchemaError> {
    if decl.qualifiers.get("CIMTYPE").is_some() {
        return Err(SchemaError::of(WbemStatus::MOF_CIMTYPE_QUALIFIER, &decl.name, "the qualifier CIMTYPE is made from the type"));
    }
    let mut text = decl.ty.cim.name().to_owned();
    if let Some(class) = &decl.class {
        text.push(':');
        text.push_str(class);
    }
    let mut qualifiers = vec![Qualifier::string("CIMTYPE", text, Flavor::TO_INSTANCE | Flavor::TO_SUBCLASS)];
    qualifiers.extend(decl.qualifiers.0.iter().cloned());
    merge(Qualifiers(qualifiers), None).map_err(|e| SchemaError { member: Some(decl.name.clone()), ..e })
}

fn check_default(decl: &PropertyDecl) -> Result<(), SchemaError> {
    if value_fits(&decl.default, decl.ty) {
        return Ok(());
    }
    Err(SchemaError::of(WbemStatus::TYPE_MISMATCH, &decl.name, format!("the default is not {}", decl.ty)))
}

/// Whether a value can stand in a property of a type: NULL, or exactly that type.
pub fn value_fits(value: &Value, ty: Type) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => ty.array && items.iter().all(|v| v.cim_type() == Some(ty.cim.scalar())),
        scalar => scalar.cim_type() == Some(ty),
    }
}

/// A key that is equal where [`names_equal`] is true.
fn fold(name: &str) -> String {
    let simple = |c: char| {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(u), None) => u,
            _ => c,
        }
    };
    if name.is_ascii() { name.to_ascii_uppercase() } else { name.chars().map(simple).collect() }
}

fn name_is_legal(name: &str) -> Result<(), String> {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c == '_' || c.is_alphabetic());
    if !first || !chars.all(|c| c == '_' || c.is_alphanumeric()) {
        return Err("a name is letters, digits and underscores, and does not start with a digit".into());
    }
    if name.len() > NAME_MAX { Err(format!("a name is at most {NAME_MAX} octets")) } else { Ok(()) }
}

impl ClassDecl {
    /// What a class says for itself: the members and qualifiers that it does not merely inherit.
    pub fn of(class: &Class) -> ClassDecl {
        let parent = class.parent.as_deref();
        ClassDecl {
            name: class.name.clone(),
            qualifiers: local(&class.qualifiers),
            properties: class.properties.iter().filter(|p| property_is_local(p)).map(PropertyDecl::of).collect(),
            methods: class.methods.iter().filter(|m| method_is_local(m, parent)).map(MethodDecl::of).collect(),
        }
    }
}

impl PropertyDecl {
    /// What a class says of a property or parameter that it declares or overrides.
    pub fn of(p: &Property) -> PropertyDecl {
        let mut qualifiers = local(&p.qualifiers);
        let class = strong_class(&qualifiers, p.ty);
        qualifiers.0.retain(|q| !names_equal(&q.name, "CIMTYPE"));
        PropertyDecl { name: p.name.clone(), ty: p.ty, class, qualifiers, default: p.default.clone() }
    }
}

impl MethodDecl {
    /// What a class says of a method: the parameters of both sides in the order of their IDs.
    pub fn of(m: &Method) -> MethodDecl {
        let mut parameters: Vec<(i32, PropertyDecl)> = Vec::new();
        let mut returns = None;
        for side in [&m.input, &m.output].into_iter().flatten() {
            for p in &side.properties {
                if names_equal(&p.name, "ReturnValue") {
                    returns = Some((p.ty, strong_class(&p.qualifiers, p.ty)));
                } else if let Some((_, both)) = parameters.iter_mut().find(|(_, q)| names_equal(&q.name, &p.name)) {
                    // Each side of a parameter that goes both ways may show only its own direction.
                    for q in PropertyDecl::of(p).qualifiers.0 {
                        if both.qualifiers.get(&q.name).is_none() {
                            both.qualifiers.0.push(q);
                        }
                    }
                } else {
                    let id = match p.qualifiers.get("ID").map(|q| &q.value) {
                        Some(Value::Sint32(id)) => *id,
                        _ => i32::MAX,
                    };
                    parameters.push((id, PropertyDecl::of(p)));
                }
            }
        }
        parameters.sort_by_key(|(id, _)| *id);
        let parameters = parameters.into_iter().map(|(_, p)| p).collect();
        MethodDecl { name: m.name.clone(), qualifiers: local(&m.qualifiers), returns, parameters }
    }
}

fn property_is_local(p: &Property) -> bool {
    !p.inherited || !p.default_inherited || p.qualifiers.0.iter().any(|q| !q.flavor.has(Flavor::PROPAGATED))
}

fn method_is_local(m: &Method, parent: Option<&Class>) -> bool {
    if m.flags & METHOD_INHERITED == 0 || m.qualifiers.0.iter().any(|q| !q.flavor.has(Flavor::PROPAGATED)) {
        return true;
    }
    // An override without qualifiers shows only in its signature.
    parent.and_then(|p| p.method(&m.name)).is_some_and(|p| p.input != m.input || p.output != m.output)
}

fn local(qualifiers: &Qualifiers) -> Qualifiers {
    Qualifiers(qualifiers.0.iter().filter(|q| !q.flavor.has(Flavor::PROPAGATED)).cloned().collect())
}

/// The class in `ref:Class` and `object:Class`.
fn strong_class(qualifiers: &Qualifiers, ty: Type) -> Option<String> {
    if !matches!(ty.cim, CimType::Reference | CimType::Object) {
        return None;
    }
    let (_, class) = qualifiers.text("CIMTYPE")?.split_once(':')?;
    Some(class.to_owned())
}

/// A class without its localised qualifiers (flavor `Amended`): what a caller gets who did not ask for
/// `WBEM_FLAG_USE_AMENDED_QUALIFIERS`. Shares what does not change.
pub fn neutral(class: &Arc<Class>) -> Arc<Class> {
    let amended = |q: &Qualifiers| q.0.iter().any(|q| q.flavor.has(Flavor::AMENDED));
    let sides = |m: &Method| {
        [&m.input, &m.output].into_iter().flatten().any(|c| amended(&c.qualifiers) || c.properties.iter().any(|p| amended(&p.qualifiers)))
    };
    let own = amended(&class.qualifiers)
        || class.properties.iter().any(|p| amended(&p.qualifiers))
        || class.methods.iter().any(|m| amended(&m.qualifiers) || sides(m));
    let parent = class.parent.as_ref().map(neutral);
    let same_parent = match (&parent, &class.parent) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        _ => true,
    };
    if !own && same_parent {
        return class.clone();
    }
    let strip = |q: &mut Qualifiers| q.0.retain(|q| !q.flavor.has(Flavor::AMENDED));
    let mut class = Class { parent, ..(**class).clone() };
    strip(&mut class.qualifiers);
    class.properties.iter_mut().for_each(|p| strip(&mut p.qualifiers));
    for m in &mut class.methods {
        strip(&mut m.qualifiers);
        m.input = m.input.as_ref().map(neutral);
        m.output = m.output.as_ref().map(neutral);
    }
    Arc::new(class)
}
