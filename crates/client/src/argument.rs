//! Arguments of methods: what a caller gives, made into what the method's signature says.

use rwmi_cim::{CimType, Class, DateTime, Entity, Instance, Method, ObjectPath, Property, Value, names_equal};
use std::collections::HashMap;
use std::sync::Arc;

/// An argument of a method, or a property of an object among them.
///
/// ```
/// use rwmi_client::Argument;
/// let startup = Argument::object([("PriorityClass", 64u32.into()), ("EnvironmentVariables", vec!["A=1"].into())]);
/// assert_eq!(Argument::json(r#"{"PriorityClass": 64}"#).unwrap(), Argument::object([("PriorityClass", 64i64.into())]));
/// # let _ = startup;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Argument {
    /// A value. A number goes into every type of number that holds it, a string into a datetime or a reference that it is the
    /// text of; anything else must have the declared type.
    Value(Value),
    /// As a person writes it: read by the type that is declared. Strings are taken as they stand, arrays and objects are JSON.
    Text(String),
    /// An array.
    List(Vec<Argument>),
    /// An object of the class that is declared, or of the one derived from it that `__CLASS` names.
    Object(Vec<(String, Argument)>),
}

impl Argument {
    /// An object by its properties.
    pub fn object<'a>(properties: impl IntoIterator<Item = (&'a str, Argument)>) -> Argument {
        Argument::Object(properties.into_iter().map(|(n, a)| (n.to_owned(), a)).collect())
    }

    /// A JSON text. Its strings are read by the type that is declared, so that a 64-bit integer or a datetime may be one.
    ///
    /// # Errors
    /// The parser's sentence.
    pub fn json(text: &str) -> Result<Argument, String> {
        serde_json::from_str::<serde_json::Value>(text).map(from_json).map_err(|e| e.to_string())
    }

    /// What is wrong with the arguments of a call, a sentence each, as far as it can be said before anything is asked: of an
    /// object among them the class is not known here, and the call itself looks at it.
    pub fn mistakes(class: &Class, method: &Method, given: &[(String, Argument)]) -> Vec<String> {
        match bind(class, method, given, &Classes::new()) {
            Err(Unfit::Wrong(mistakes)) => mistakes,
            Ok(_) | Err(Unfit::Unknown(_)) => Vec::new(),
        }
    }
}

fn from_json(json: serde_json::Value) -> Argument {
    use serde_json::Value as Json;
    match json {
        Json::Null => Argument::Value(Value::Null),
        Json::Bool(b) => Argument::Value(Value::Boolean(b)),
        Json::Number(n) => Argument::Value(match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Value::Sint64(n),
            (None, Some(n)) => Value::Uint64(n),
            _ => Value::Real64(n.as_f64().unwrap_or(f64::NAN)),
        }),
        Json::String(s) => Argument::Text(s),
        Json::Array(items) => Argument::List(items.into_iter().map(from_json).collect()),
        Json::Object(members) => Argument::Object(members.into_iter().map(|(n, v)| (n, from_json(v))).collect()),
    }
}

impl<T: Into<Value>> From<T> for Argument {
    fn from(value: T) -> Argument {
        Argument::Value(value.into())
    }
}

/// Why arguments are not sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Unfit {
    /// A class has to be known first: that of an object among them.
    Unknown(String),
    /// They are wrong: a sentence each.
    Wrong(Vec<String>),
}

/// Classes by their names in lower case, `None` where the server has none.
pub(crate) type Classes = HashMap<String, Option<Arc<Class>>>;

/// Parameters that are left out in practice although Windows does not mark them `Optional`.
const LEFT_OUT: &[(&str, &str, &[&str])] = &[
    ("Win32_Process", "Create", &["CurrentDirectory", "ProcessStartupInformation"]),
    ("Win32_Process", "Terminate", &["Reason"]),
    ("Win32_OperatingSystem", "Win32Shutdown", &["Reserved"]),
    ("Win32_ComputerSystem", "Rename", &["Password", "UserName"]),
    ("Win32_ComputerSystem", "JoinDomainOrWorkgroup", &["Password", "UserName", "AccountOU", "FJoinOptions"]),
    ("Win32_ComputerSystem", "UnjoinDomainOrWorkgroup", &["Password", "UserName", "FUnjoinOptions"]),
    ("Win32_Share", "Create", &["MaximumAllowed", "Description", "Password", "Access"]),
    ("StdRegProv", "*", &["hDefKey"]),
    // NULL leaves each as it is.
    ("Win32_Service", "Change", &["*"]),
    ("Win32_Share", "SetShareInfo", &["*"]),
];

fn may_be_left_out(class: &Class, method: &str, parameter: &Property) -> bool {
    let is = |pattern: &str, name: &str| pattern == "*" || names_equal(pattern, name);
    parameter.qualifiers.is_set("optional")
        || !parameter.default.is_null()
        || LEFT_OUT.iter().any(|(c, m, names)| class.is_a(c) && is(m, method) && names.iter().any(|n| is(n, &parameter.name)))
}

/// The in-parameters object of a call: an instance of the class of the signature; `None` where the method takes nothing.
pub(crate) fn bind(class: &Class, method: &Method, given: &[(String, Argument)], classes: &Classes) -> Result<Option<Instance>, Unfit> {
    let parameters = method.parameters();
    let mut wrong = Vec::new();
    for (n, (name, _)) in given.iter().enumerate() {
        match parameters.iter().find(|p| names_equal(&p.property.name, name)) {
            None => wrong.push(format!("{name} is no parameter of {}", method.name)),
            Some(p) if !p.input => wrong.push(format!("{name} comes out of {} and is not given", method.name)),
            Some(_) if given[..n].iter().any(|(other, _)| names_equal(other, name)) => wrong.push(format!("{name} is given twice")),
            Some(_) => {}
        }
    }
    // What is left out stays at the default of the class, and is sent as that: so do the clients of Windows.
    let mut instance = method.input.clone().map(Instance::new);
    for (index, property) in method.input.iter().flat_map(|i| &i.properties).enumerate() {
        match given.iter().find(|(name, _)| names_equal(name, &property.name)) {
            Some((_, argument)) => match convert(property, argument, &property.name, classes) {
                Ok(value) => {
                    if let Some(instance) = &mut instance {
                        instance.values[index] = value;
                        instance.is_default[index] = false;
                    }
                }
                Err(Unfit::Wrong(more)) => wrong.extend(more),
                Err(unknown) => return Err(unknown),
            },
            None if may_be_left_out(class, &method.name, property) => {}
            None => wrong.push(format!("{} is missing; where NULL is meant, give NULL", property.name)),
        }
    }
    if wrong.is_empty() { Ok(instance.filter(|i| !i.values.is_empty())) } else { Err(Unfit::Wrong(wrong)) }
}

fn mismatch(at: &str, property: &Property, found: impl std::fmt::Display) -> Unfit {
    Unfit::Wrong(vec![format!("{at} is {}, not {found}", property.type_text())])
}

fn convert(property: &Property, argument: &Argument, at: &str, classes: &Classes) -> Result<Value, Unfit> {
    if let Argument::Value(Value::Null) = argument {
        return Ok(Value::Null);
    }
    let is_structured = property.ty.array || property.ty.cim == CimType::Object;
    match argument {
        Argument::Text(text) if is_structured => {
            let json = Argument::json(text).map_err(|e| mismatch(at, property, format!("JSON: {e}")))?;
            // A JSON string would come back here.
            if let Argument::Text(text) = json {
                Err(mismatch(at, property, format!("the string {text:?}")))
            } else {
                convert(property, &json, at, classes)
            }
        }
        Argument::List(items) if property.ty.array => {
            items.iter().map(|item| element(property, item, at, classes)).collect::<Result<_, _>>().map(Value::Array)
        }
        Argument::Value(Value::Array(items)) if property.ty.array => {
            let convert = |item: &Value| element(property, &Argument::Value(item.clone()), at, classes);
            items.iter().map(convert).collect::<Result<_, _>>().map(Value::Array)
        }
        Argument::List(_) | Argument::Value(Value::Array(_)) => Err(mismatch(at, property, "an array")),
        _ if property.ty.array => Err(mismatch(at, property, "one value")),
        scalar => self::scalar(property, scalar, at, classes),
    }
}

fn element(property: &Property, argument: &Argument, at: &str, classes: &Classes) -> Result<Value, Unfit> {
    match argument {
        Argument::Value(Value::Null) => Err(Unfit::Wrong(vec![format!("{at} has an element that is NULL")])),
        Argument::Value(Value::Array(_)) | Argument::List(_) => Err(mismatch(at, property, "an array of arrays")),
        scalar => self::scalar(property, scalar, at, classes),
    }
}

fn scalar(property: &Property, argument: &Argument, at: &str, classes: &Classes) -> Result<Value, Unfit> {
    let cim = property.ty.cim;
    match argument {
        Argument::Object(members) if cim == CimType::Object => object(property, members, at, classes),
        Argument::Object(_) => Err(mismatch(at, property, "an object")),
        Argument::Text(text) => read(cim, text).ok_or_else(|| mismatch(at, property, format!("{text:?}"))),
        Argument::Value(Value::Object(entity)) if cim == CimType::Object => match (&**entity, property.class_name()) {
            (Entity::Instance(o), Some(class)) if !o.class().is_a(class) => Err(mismatch(at, property, &o.class().name)),
            (Entity::Class(c), Some(_)) => Err(mismatch(at, property, format!("the class {}", c.name))),
            _ => Ok(Value::Object(entity.clone())),
        },
        Argument::Value(value) => typed(cim, value).ok_or_else(|| {
            let ty = value.cim_type().map_or("NULL".to_owned(), |t| t.to_string());
            mismatch(at, property, if value.as_integer().is_some() { format!("{}", value.as_integer().unwrap_or(0)) } else { ty })
        }),
        // Both callers have looked at arrays.
        Argument::List(_) => Err(mismatch(at, property, "an array")),
    }
}

/// An instance by its properties; those that are not given keep the defaults of the class.
fn object(property: &Property, members: &[(String, Argument)], at: &str, classes: &Classes) -> Result<Value, Unfit> {
    let given = |name: &str| members.iter().find(|(n, _)| names_equal(n, name)).map(|(_, a)| a);
    let named = match given("__CLASS") {
        None => property.class_name(),
        Some(Argument::Text(name) | Argument::Value(Value::String(name))) => Some(name.as_str()),
        Some(_) => return Err(Unfit::Wrong(vec![format!("{at}.__CLASS is the name of a class")])),
    };
    let Some(name) = named else {
        return Err(Unfit::Wrong(vec![format!("{at} is an object of any class: say which by __CLASS")]));
    };
    let class = match classes.get(&name.to_lowercase()) {
        Some(Some(class)) => class,
        Some(None) => return Err(Unfit::Wrong(vec![format!("{at}: there is no class {name} in this namespace")])),
        None => return Err(Unfit::Unknown(name.to_owned())),
    };
    if property.class_name().is_some_and(|declared| !class.is_a(declared)) {
        return Err(mismatch(at, property, &class.name));
    }
    let mut instance = Instance::new(class.clone());
    instance.decoration.clone_from(&class.decoration);
    let members = members.iter().filter(|(name, _)| !names_equal(name, "__CLASS"));
    fill(&mut instance, members, &format!("{at}."), classes)?;
    Ok(Value::Object(Box::new(Entity::from(instance))))
}

/// Sets properties of an instance to what is given; nothing, where one does not fit.
pub(crate) fn fill<'a>(
    instance: &mut Instance,
    members: impl Iterator<Item = &'a (String, Argument)> + Clone,
    at: &str,
    classes: &Classes,
) -> Result<(), Unfit> {
    let class = instance.class.clone();
    let (mut wrong, mut values) = (Vec::new(), Vec::new());
    for (n, (name, argument)) in members.clone().enumerate() {
        let at = format!("{at}{name}");
        if members.clone().take(n).any(|(other, _)| names_equal(other, name)) {
            wrong.push(format!("{at} is given twice"));
            continue;
        }
        let Some(index) = class.property_index(name) else {
            let known: Vec<&str> = class.properties.iter().map(|p| p.name.as_str()).collect();
            wrong.push(format!("{at} is not there: {} has {}", class.name, known.join(", ")));
            continue;
        };
        match convert(&class.properties[index], argument, &at, classes) {
            Ok(value) => values.push((index, value)),
            Err(Unfit::Wrong(more)) => wrong.extend(more),
            Err(unknown) => return Err(unknown),
        }
    }
    if !wrong.is_empty() {
        return Err(Unfit::Wrong(wrong));
    }
    for (index, value) in values {
        instance.values[index] = value;
        instance.is_default[index] = false;
    }
    Ok(())
}

/// A value that goes into a type without loss.
fn typed(cim: CimType, value: &Value) -> Option<Value> {
    match (value, cim) {
        (v, _) if v.cim_type() == Some(cim.scalar()) => Some(v.clone()),
        (Value::String(s), CimType::Reference | CimType::DateTime) => read(cim, s),
        (Value::Real32(f), CimType::Real64) => Some(Value::Real64((*f).into())),
        (Value::Real64(f), CimType::Real32) => Some(Value::Real32(*f as f32)),
        (v, CimType::Real32) => v.as_integer().map(|n| Value::Real32(n as f32)),
        (v, CimType::Real64) => v.as_integer().map(|n| Value::Real64(n as f64)),
        (v, _) => Value::from_integer(v.as_integer()?, cim),
    }
}

/// A text as a value of a type.
fn read(cim: CimType, text: &str) -> Option<Value> {
    let number = || match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i128::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with(['+', '-'])),
        None => text.parse::<i128>().ok(),
    };
    Some(match cim {
        CimType::String if !text.contains('\0') => Value::String(text.to_owned()),
        CimType::String | CimType::Object => return None,
        CimType::Boolean if text.eq_ignore_ascii_case("true") => Value::Boolean(true),
        CimType::Boolean if text.eq_ignore_ascii_case("false") => Value::Boolean(false),
        CimType::Boolean => return None,
        CimType::DateTime => {
            let time = DateTime::from_text(text);
            if time.timestamp().is_err() && time.interval().is_err() {
                return None;
            }
            Value::DateTime(time)
        }
        CimType::Reference => {
            text.parse::<ObjectPath>().ok()?;
            Value::Reference(text.to_owned())
        }
        CimType::Char16 => {
            let mut units = text.encode_utf16();
            match (units.next(), units.next()) {
                (Some(unit), None) => Value::Char16(unit),
                _ => Value::from_integer(number()?, cim)?,
            }
        }
        CimType::Real32 => Value::Real32(text.parse().ok()?),
        CimType::Real64 => Value::Real64(text.parse().ok()?),
        integer => Value::from_integer(number()?, integer)?,
    })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_data;
