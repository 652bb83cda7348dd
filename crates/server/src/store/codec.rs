//! How classes and instances lie in the store: octets of our own, shorter than the wire's and free to change with the
//! store's version. Lengths are LEB128; names are stored once where they stand.
//!
//! The superclass is not stored with a class: the reader links it by name.

use rwmi_cim::{CimType, Class, DateTime, Decoration, Entity, Flavor, Instance, Method, Property, Qualifier, Qualifiers, Type, Value};
use std::sync::Arc;

/// Why stored octets are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged record at octet {0}")]
pub(crate) struct Damaged(pub(crate) usize);

type Read<T> = Result<T, Damaged>;

/// The octets of a class.
pub(crate) fn encode_class(class: &Class) -> Vec<u8> {
    let mut w = Writer(Vec::new());
    w.class(class);
    w.0
}

/// The class in these octets, without its superclass.
pub(crate) fn decode_class(octets: &[u8]) -> Read<Class> {
    let mut r = Reader { octets, at: 0, depth: 0 };
    let class = r.class()?;
    if r.at == octets.len() { Ok(class) } else { Err(Damaged(r.at)) }
}

/// The octets of an instance: its class by name only.
pub(crate) fn encode_instance(instance: &Instance) -> Vec<u8> {
    let mut w = Writer(Vec::new());
    w.text(&instance.class.name);
    w.values(instance);
    w.0
}

/// The instance in these octets; `class` finds its class.
pub(crate) fn decode_instance(octets: &[u8], class: impl FnOnce(&str) -> Option<Arc<Class>>) -> Read<Instance> {
    let mut r = Reader { octets, at: 0, depth: 0 };
    let name = r.text()?;
    let instance = r.values(class(&name).ok_or(Damaged(0))?)?;
    if r.at == octets.len() { Ok(instance) } else { Err(Damaged(r.at)) }
}

/// The octets of an instance by the names of its properties, so that a class may gain and lose some: what is not this
/// program's own outlives its versions.
pub(crate) fn encode_named(instance: &Instance) -> Vec<u8> {
    let mut w = Writer(Vec::new());
    w.text(&instance.class.name);
    let set: Vec<usize> = (0..instance.values.len()).filter(|place| !instance.is_default[*place]).collect();
    w.len(set.len());
    for place in set {
        w.text(&instance.class.properties[place].name);
        w.value(&instance.values[place]);
    }
    w.qualifiers(&instance.qualifiers);
    let own = instance.property_qualifiers.iter().flatten().zip(&instance.class.properties).filter(|(q, _)| !q.0.is_empty());
    let own: Vec<_> = own.collect();
    w.len(own.len());
    for (qualifiers, property) in own {
        w.text(&property.name);
        w.qualifiers(qualifiers);
    }
    w.0
}

/// The instance in these octets; `class` finds its class. What the class has no place for any more is left out.
pub(crate) fn decode_named(octets: &[u8], class: impl FnOnce(&str) -> Option<Arc<Class>>) -> Read<Instance> {
    let mut r = Reader { octets, at: 0, depth: 0 };
    let name = r.text()?;
    let class = class(&name).ok_or(Damaged(0))?;
    let mut instance = Instance::new(class.clone());
    for _ in 0..r.len()? {
        let (name, value) = (r.text()?, r.value()?);
        if let Some(place) = class.property_index(&name).filter(|p| rwmi_cim::schema::value_fits(&value, class.properties[*p].ty)) {
            instance.values[place] = value;
            instance.is_default[place] = false;
        }
    }
    instance.qualifiers = r.qualifiers()?;
    for _ in 0..r.len()? {
        let (name, qualifiers) = (r.text()?, r.qualifiers()?);
        if let Some(place) = class.property_index(&name) {
            let sets = instance.property_qualifiers.get_or_insert_with(|| vec![Qualifiers::default(); class.properties.len()]);
            sets[place] = qualifiers;
        }
    }
    if r.at == octets.len() { Ok(instance) } else { Err(Damaged(r.at)) }
}

struct Writer(Vec<u8>);

impl Writer {
    fn len(&mut self, n: usize) {
        self.number(n as u64)
    }

    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn text(&mut self, text: &str) {
        self.len(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn ty(&mut self, ty: Type) {
        self.number(u64::from(ty.cim.code()) << 1 | u64::from(ty.array));
    }

    fn class(&mut self, class: &Class) {
        self.text(&class.name);
        self.len(class.derivation.len());
        class.derivation.iter().for_each(|d| self.text(d));
        self.qualifiers(&class.qualifiers);
        self.len(class.properties.len());
        for p in &class.properties {
            self.text(&p.name);
            self.ty(p.ty);
            self.number(p.origin.into());
            self.0.push(u8::from(p.inherited) | u8::from(p.default_inherited) << 1);
            self.qualifiers(&p.qualifiers);
            self.value(&p.default);
        }
        self.len(class.methods.len());
        for m in &class.methods {
            self.text(&m.name);
            self.0.push(m.flags);
            self.number(m.origin.into());
            self.qualifiers(&m.qualifiers);
            for parameters in [&m.input, &m.output] {
                self.0.push(parameters.is_some().into());
                if let Some(class) = parameters {
                    self.class(class);
                }
            }
        }
        self.decoration(class.decoration.as_ref());
    }

    fn decoration(&mut self, decoration: Option<&Decoration>) {
        self.0.push(decoration.is_some().into());
        if let Some(d) = decoration {
            self.text(&d.server);
            self.text(&d.namespace);
        }
    }

    fn qualifiers(&mut self, qualifiers: &Qualifiers) {
        self.len(qualifiers.0.len());
        for q in &qualifiers.0 {
            self.text(&q.name);
            self.0.push(q.flavor.0);
            self.ty(q.ty);
            self.value(&q.value);
        }
    }

    fn values(&mut self, instance: &Instance) {
        self.len(instance.values.len());
        for (value, is_default) in instance.values.iter().zip(&instance.is_default) {
            self.0.push((*is_default).into());
            self.value(value);
        }
        self.qualifiers(&instance.qualifiers);
        self.0.push(instance.property_qualifiers.is_some().into());
        instance.property_qualifiers.iter().flatten().for_each(|q| self.qualifiers(q));
        self.decoration(instance.decoration.as_ref());
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.0.push(TAG_NULL),
            Value::Array(items) => {
                self.0.push(TAG_ARRAY);
                self.len(items.len());
                items.iter().for_each(|v| self.value(v));
            }
            Value::Object(entity) => {
                self.0.push(CimType::Object.code() as u8);
                self.0.push(matches!(**entity, Entity::Instance(_)).into());
                self.class(entity.class());
                if let Entity::Instance(object) = &**entity {
                    // A malformed value inside is stored as NULL: the store holds only what can be read.
                    let instance = object.to_instance().unwrap_or_else(|_| Instance::new(object.class().clone()));
                    self.values(&instance);
                }
            }
            scalar => {
                let tag = scalar.cim_type().map_or(TAG_NULL, |t| t.cim.code() as u8);
                self.0.push(tag);
                match scalar {
                    Value::Boolean(b) => self.0.push((*b).into()),
                    Value::Real32(f) => self.0.extend(f.to_le_bytes()),
                    Value::Real64(f) => self.0.extend(f.to_le_bytes()),
                    Value::Char16(c) => self.number((*c).into()),
                    // Zigzag: small numbers of either sign are short.
                    integer if integer.as_integer().is_some() => {
                        let n = integer.as_integer().unwrap_or_default();
                        match integer {
                            Value::Uint64(n) => self.number(*n),
                            _ => self.number(((n as i64) << 1 ^ (n as i64) >> 63) as u64),
                        }
                    }
                    text => self.text(text.as_str().unwrap_or_default()),
                }
            }
        }
    }
}

struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
    depth: u8,
}

impl Reader<'_> {
    fn fail<T>(&self) -> Read<T> {
        Err(Damaged(self.at))
    }

    fn take(&mut self, n: usize) -> Read<&[u8]> {
        let end = self.at.checked_add(n).filter(|e| *e <= self.octets.len()).ok_or(Damaged(self.at))?;
        let taken = &self.octets[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn octet(&mut self) -> Read<u8> {
        Ok(self.take(1)?[0])
    }

    fn flag(&mut self) -> Read<bool> {
        match self.octet()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.fail(),
        }
    }

    fn number(&mut self) -> Read<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            n |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return Ok(n);
            }
        }
        self.fail()
    }

    /// A count of things that take an octet each or more: never more than are left.
    fn len(&mut self) -> Read<usize> {
        let n = self.number()?;
        if n <= (self.octets.len() - self.at) as u64 { Ok(n as usize) } else { self.fail() }
    }

    fn text(&mut self) -> Read<String> {
        let len = self.len()?;
        let at = self.at;
        String::from_utf8(self.take(len)?.to_vec()).map_err(|_| Damaged(at))
    }

    fn ty(&mut self) -> Read<Type> {
        let n = self.number()?;
        let cim = u16::try_from(n >> 1).ok().and_then(CimType::from_code).ok_or(Damaged(self.at))?;
        Ok(Type { cim, array: n & 1 != 0 })
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= DEPTH_MAX {
            return self.fail();
        }
        self.depth += 1;
        let out = read(self);
        self.depth -= 1;
        out
    }

    fn many<T>(&mut self, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let n = self.len()?;
        (0..n).map(|_| read(self)).collect()
    }

    fn class(&mut self) -> Read<Class> {
        self.nested(|r| {
            Ok(Class {
                name: r.text()?,
                derivation: r.many(Self::text)?,
                qualifiers: r.qualifiers()?,
                properties: r.many(Self::property)?,
                methods: r.many(Self::method)?,
                parent: None,
                decoration: r.decoration()?,
            })
        })
    }

    fn property(&mut self) -> Read<Property> {
        let (name, ty, origin, flags) = (self.text()?, self.ty()?, self.number()? as u32, self.octet()?);
        let (qualifiers, default) = (self.qualifiers()?, self.value()?);
        Ok(Property { name, ty, origin, inherited: flags & 1 != 0, qualifiers, default, default_inherited: flags & 2 != 0 })
    }

    fn method(&mut self) -> Read<Method> {
        let (name, flags, origin, qualifiers) = (self.text()?, self.octet()?, self.number()? as u32, self.qualifiers()?);
        let mut parameters = || Ok(if self.flag()? { Some(Arc::new(self.class()?)) } else { None });
        let (input, output) = (parameters()?, parameters()?);
        Ok(Method { name, flags, origin, qualifiers, input, output })
    }

    fn decoration(&mut self) -> Read<Option<Decoration>> {
        Ok(if self.flag()? { Some(Decoration { server: self.text()?, namespace: self.text()? }) } else { None })
    }

    fn qualifiers(&mut self) -> Read<Qualifiers> {
        self.many(|r| Ok(Qualifier { name: r.text()?, flavor: Flavor(r.octet()?), ty: r.ty()?, value: r.value()? })).map(Qualifiers)
    }

    fn values(&mut self, class: Arc<Class>) -> Read<Instance> {
        let mut instance = Instance::new(class);
        if self.len()? != instance.values.len() {
            return self.fail();
        }
        for place in 0..instance.values.len() {
            instance.is_default[place] = self.flag()?;
            instance.values[place] = self.value()?;
        }
        instance.qualifiers = self.qualifiers()?;
        if self.flag()? {
            instance.property_qualifiers = Some(instance.values.iter().map(|_| self.qualifiers()).collect::<Read<_>>()?);
        }
        instance.decoration = self.decoration()?;
        Ok(instance)
    }

    fn value(&mut self) -> Read<Value> {
        let tag = self.octet()?;
        match tag {
            TAG_NULL => return Ok(Value::Null),
            TAG_ARRAY => return self.nested(|r| r.many(Self::value)).map(Value::Array),
            _ => {}
        }
        let ty = CimType::from_code(tag.into()).ok_or(Damaged(self.at))?;
        Ok(match ty {
            CimType::Boolean => Value::Boolean(self.flag()?),
            CimType::String => Value::String(self.text()?),
            CimType::Reference => Value::Reference(self.text()?),
            CimType::DateTime => Value::DateTime(DateTime::from_text(self.text()?)),
            CimType::Real32 => Value::Real32(f32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Damaged(0))?)),
            CimType::Real64 => Value::Real64(f64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Damaged(0))?)),
            CimType::Object => {
                let is_instance = self.flag()?;
                let class = Arc::new(self.class()?);
                Value::Object(Box::new(if is_instance { self.nested(|r| r.values(class))?.into() } else { Entity::Class(class) }))
            }
            integer => {
                let n = self.number()?;
                let n = match integer {
                    CimType::Uint64 | CimType::Char16 => n.into(),
                    _ => ((n >> 1) as i64 ^ -((n & 1) as i64)).into(),
                };
                Value::from_integer(n, integer).ok_or(Damaged(self.at))?
            }
        })
    }
}

const TAG_NULL: u8 = 0;
const TAG_ARRAY: u8 = 1;
/// Classes within classes and arrays within arrays.
const DEPTH_MAX: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Class {
        let text = |s: &str| Value::String(s.into());
        let mut class = Class {
            name: "Demo".into(),
            derivation: vec!["Base".into(), "Top".into()],
            qualifiers: Qualifiers(vec![Qualifier::flag("dynamic", 1), Qualifier::string("provider", "X", 0)]),
            decoration: Some(Decoration { server: "A".into(), namespace: r"ROOT\CIMV2".into() }),
            ..Class::default()
        };
        let values = [
            Value::Sint8(-128),
            Value::Uint8(255),
            Value::Sint16(-32768),
            Value::Uint16(65535),
            Value::Sint32(i32::MIN),
            Value::Uint32(u32::MAX),
            Value::Sint64(i64::MIN),
            Value::Uint64(u64::MAX),
            Value::Real32(1.5),
            Value::Real64(-0.25),
            Value::Boolean(true),
            text("grün"),
            Value::DateTime(DateTime::from_text("20260101000000.000000+000")),
            Value::Reference("A=1".into()),
            Value::Char16(0xffff),
            Value::Null,
            Value::Array(vec![text(""), Value::Null, text("b")]),
            Value::Array(vec![]),
        ];
        for (n, value) in values.into_iter().enumerate() {
            let mut p = Property::new(&format!("P{n}"), value.cim_type().unwrap_or(CimType::String.array()));
            (p.default, p.origin, p.inherited, p.default_inherited) = (value, n as u32, n % 2 == 0, n % 3 == 0);
            class.properties.push(p);
        }
        let parameters = Arc::new(Class { name: "__PARAMETERS".into(), ..Class::default() });
        class.methods.push(Method {
            name: "M".into(),
            flags: 3,
            origin: 1,
            qualifiers: Qualifiers::default(),
            input: None,
            output: Some(parameters.clone()),
        });
        let mut p = Property::new("Inner", CimType::Object);
        p.default = Value::Object(Box::new(Instance::new(parameters.clone()).into()));
        class.properties.push(p);
        let mut p = Property::new("InnerClass", CimType::Object);
        p.default = Value::Object(Box::new(Entity::Class(parameters)));
        class.properties.push(p);
        class
    }

    #[test]
    fn a_class_with_everything_returns() {
        let class = everything();
        let octets = encode_class(&class);
        assert_eq!(decode_class(&octets), Ok(class));
        for cut in 0..octets.len() {
            assert!(decode_class(&octets[..cut]).is_err());
        }
    }

    #[test]
    fn an_instance_returns_with_its_qualifiers() {
        let class = Arc::new(everything());
        let mut instance = Instance::new(class.clone());
        instance.set("P11", "x").unwrap();
        instance.qualifiers.set(Qualifier::flag("q", 0));
        instance.property_qualifiers = Some(vec![instance.qualifiers.clone(); class.properties.len()]);
        instance.decoration = class.decoration.clone();
        let octets = encode_instance(&instance);
        let find = |name: &str| (name == "Demo").then(|| class.clone());
        assert_eq!(decode_instance(&octets, find), Ok(instance));
        assert!(decode_instance(&octets, |_| None).is_err());
        for cut in 0..octets.len() {
            assert!(decode_instance(&octets[..cut], find).is_err());
        }
    }

    #[test]
    fn damaged_octets_are_an_error_and_never_a_panic() {
        let octets = encode_class(&everything());
        for place in 0..octets.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = octets.clone();
                damaged[place] = value;
                let _ = decode_class(&damaged);
            }
        }
        assert!(decode_class(&[0x80; 64]).is_err());
        // Arrays within arrays, without end.
        let mut deep = encode_class(&Class { properties: vec![Property::new("a", CimType::String)], ..Class::default() });
        deep.truncate(deep.len() - 4);
        deep.extend([TAG_ARRAY, 1].repeat(10_000));
        assert!(decode_class(&deep).is_err());
    }
}
