//! The qualifiers of DSP0004 and the declarations that a text needs for others.

use crate::{CimType, Flavor, Qualifier, Type, Value, names_equal};

/// What a qualifier can stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Class,
    Association,
    Property,
    Reference,
    Method,
    Parameter,
}

/// A qualifier that DSP0004 declares (5.6.3): its name, type, default and scopes, and whether it may be overridden, reaches derived
/// classes, and is a text for people.
pub(super) struct Declared {
    pub(super) name: &'static str,
    pub(super) ty: Type,
    default: &'static str,
    scopes: &'static [Element],
    pub(super) flavors: u8,
}

const fn scalar(cim: CimType) -> Type {
    Type { cim, array: false }
}

const ANY: &[Element] = &[Element::Class, Element::Association, Element::Property, Element::Reference, Element::Method, Element::Parameter];
const CLASSES: &[Element] = &[Element::Class, Element::Association];
const ASSOCIATIONS: &[Element] = &[Element::Association];
const PROPERTIES: &[Element] = &[Element::Property];
const REFERENCES: &[Element] = &[Element::Reference];
const PARAMETERS: &[Element] = &[Element::Parameter];
const VALUES: &[Element] = &[Element::Property, Element::Parameter, Element::Method];
const MEMBERS: &[Element] = &[Element::Property, Element::Reference, Element::Method];
const FIELDS: &[Element] = &[Element::Property, Element::Reference];
const BEHAVIOURS: &[Element] = &[Element::Property, Element::Method];
const BUT_PARAMETERS: &[Element] = &[Element::Class, Element::Association, Element::Property, Element::Reference, Element::Method];

const BOOLEAN: Type = scalar(CimType::Boolean);
const STRING: Type = scalar(CimType::String);
const STRINGS: Type = Type { cim: CimType::String, array: true };
const UINT32: Type = scalar(CimType::Uint32);
const SINT64: Type = scalar(CimType::Sint64);

/// `EnableOverride, ToSubclass`.
const FREE: u8 = Flavor::TO_SUBCLASS;
/// `EnableOverride, ToSubclass, Translatable`.
const TEXT: u8 = Flavor::TO_SUBCLASS | Flavor::AMENDED;
/// `DisableOverride, ToSubclass`.
const FIXED: u8 = Flavor::TO_SUBCLASS | Flavor::DISABLE_OVERRIDE;
/// `EnableOverride, Restricted`.
const OWN: u8 = 0;

const fn d(name: &'static str, ty: Type, default: &'static str, scopes: &'static [Element], flavors: u8) -> Declared {
    Declared { name, ty, default, scopes, flavors }
}

const DECLARED: &[Declared] = &[
    d("Abstract", BOOLEAN, "false", CLASSES, OWN),
    d("Aggregate", BOOLEAN, "false", REFERENCES, FIXED),
    d("Aggregation", BOOLEAN, "false", ASSOCIATIONS, FIXED),
    d("Alias", STRING, "null", MEMBERS, TEXT),
    d("ArrayType", STRING, "\"Bag\"", &[Element::Property, Element::Parameter], FIXED),
    d("Association", BOOLEAN, "false", ASSOCIATIONS, FIXED),
    d("BitMap", STRINGS, "null", VALUES, FREE),
    d("BitValues", STRINGS, "null", VALUES, TEXT),
    d("Counter", BOOLEAN, "false", VALUES, FREE),
    d("Deprecated", STRINGS, "null", ANY, OWN),
    d("Description", STRING, "null", ANY, TEXT),
    d("DisplayName", STRING, "null", ANY, TEXT),
    d("EmbeddedInstance", STRING, "null", VALUES, FREE),
    d("EmbeddedObject", BOOLEAN, "false", VALUES, FIXED),
    d("Experimental", BOOLEAN, "false", ANY, OWN),
    d("Gauge", BOOLEAN, "false", VALUES, FREE),
    d("In", BOOLEAN, "true", PARAMETERS, FIXED),
    d("Key", BOOLEAN, "false", FIELDS, FIXED),
    d("MappingStrings", STRINGS, "null", ANY, FREE),
    d("Max", UINT32, "null", REFERENCES, FREE),
    d("MaxLen", UINT32, "null", VALUES, FREE),
    d("MaxValue", SINT64, "null", VALUES, FREE),
    d("Min", UINT32, "0", REFERENCES, FREE),
    d("MinLen", UINT32, "0", VALUES, FREE),
    d("MinValue", SINT64, "null", VALUES, FREE),
    d("ModelCorrespondence", STRINGS, "null", ANY, FREE),
    d("NullValue", STRING, "null", PROPERTIES, FREE),
    d("OctetString", BOOLEAN, "false", VALUES, FIXED),
    d("Out", BOOLEAN, "false", PARAMETERS, FIXED),
    d("Override", STRING, "null", MEMBERS, OWN),
    d("Propagated", STRING, "null", PROPERTIES, FIXED),
    d("Read", BOOLEAN, "true", PROPERTIES, FREE),
    d("Required", BOOLEAN, "false", &[Element::Property, Element::Reference, Element::Method, Element::Parameter], FIXED),
    d("Static", BOOLEAN, "false", BEHAVIOURS, FIXED),
    d("Terminal", BOOLEAN, "false", CLASSES, FREE),
    d("Units", STRING, "null", VALUES, TEXT),
    d("ValueMap", STRINGS, "null", VALUES, FREE),
    d("Values", STRINGS, "null", VALUES, TEXT),
    d("Version", STRING, "null", BUT_PARAMETERS, Flavor::AMENDED),
    d("Weak", BOOLEAN, "false", REFERENCES, FIXED),
    d("Write", BOOLEAN, "false", PROPERTIES, FREE),
];

pub(super) fn declared(name: &str) -> Option<&'static Declared> {
    DECLARED.iter().find(|d| names_equal(d.name, name))
}

impl Declared {
    pub(super) fn stands_on(&self, element: Element) -> bool {
        self.scopes.contains(&element)
    }

    /// The declaration as MOF.
    pub(super) fn text(&self) -> String {
        let scopes: Vec<&str> = self.scopes.iter().map(|s| s.word()).collect();
        let scopes = if self.scopes.len() == ANY.len() { "any".to_owned() } else { scopes.join(", ") };
        declaration(self.name, self.ty, Some(self.default), &scopes, self.flavors)
    }

    /// The value as one of the standard's type; `None` where it is none.
    pub(super) fn fit(&self, value: &Value) -> Option<Value> {
        match (value, self.ty) {
            (Value::Null, _) => Some(Value::Null),
            (Value::Array(items), ty) if ty.array => items.iter().all(|i| i.as_str().is_some()).then(|| value.clone()),
            // One text where several may stand.
            (text, ty) if ty.array => text.as_str().map(|_| Value::Array(vec![text.clone()])),
            (Value::Boolean(_), ty) if ty == BOOLEAN => Some(value.clone()),
            (text, ty) if ty == STRING => text.as_str().map(|_| text.clone()),
            (number, ty) if ty == UINT32 => u32::try_from(number.as_integer()?).ok().map(Value::Uint32),
            (number, ty) if ty == SINT64 => i64::try_from(number.as_integer()?).ok().map(Value::Sint64),
            _ => None,
        }
    }
}

impl Element {
    fn word(self) -> &'static str {
        match self {
            Element::Class => "class",
            Element::Association => "association",
            Element::Property => "property",
            Element::Reference => "reference",
            Element::Method => "method",
            Element::Parameter => "parameter",
        }
    }
}

/// The declaration of a qualifier that the standard does not have, by how it is used.
pub(super) fn of_use(q: &Qualifier) -> String {
    let default = (q.ty == BOOLEAN).then_some("false");
    declaration(&q.name, q.ty, default, "any", q.flavor.0)
}

fn declaration(name: &str, ty: Type, default: Option<&str>, scopes: &str, flavors: u8) -> String {
    let array = if ty.array { "[]" } else { "" };
    let mut out = String::from("Qualifier ");
    super::print::name(&mut out, name);
    out += &format!(" : {}{array} = {},\n    Scope({scopes}),\n    Flavor(", ty.cim.name(), default.unwrap_or("null"));
    out += &words(flavors).join(", ");
    out + ");\n"
}

/// Flavors in the words of DSP0004, which says what WMI leaves unsaid, and leaves `ToInstance` out.
fn words(flavors: u8) -> Vec<&'static str> {
    let has = |bit: u8| flavors & bit != 0;
    let mut words = vec![
        if has(Flavor::DISABLE_OVERRIDE) { "DisableOverride" } else { "EnableOverride" },
        if has(Flavor::TO_SUBCLASS) { "ToSubclass" } else { "Restricted" },
    ];
    if has(Flavor::AMENDED) {
        words.push("Translatable");
    }
    words
}

/// Flavors that this use states against the declaration's.
pub(super) fn stated(of_use: u8, of_declaration: u8) -> Vec<&'static str> {
    let declared = words(of_declaration);
    words(of_use).into_iter().filter(|w| !declared.contains(w)).collect()
}

/// The bits that have words in DSP0004.
pub(super) const SAID: u8 = Flavor::TO_SUBCLASS | Flavor::DISABLE_OVERRIDE | Flavor::AMENDED;
