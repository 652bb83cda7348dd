//! From octets to classes and objects.

use crate::limits::{AMPLIFICATION_MAX, COST_BASE, DEPTH_MAX, OBJECTS_MAX};
use crate::values::{ClassLayout, LayoutSlot, WireValues};
use crate::view::{ClassView, InstanceView, MethodsView, QualifiersView, TextRef, UnitView, ValueView};
use crate::{ClassCache, DecodeError};
use bytes::Bytes;
use rwmi_cim::{Class, DateTime, Decoration, Entity, Method, Object, Property, Qualifier, Qualifiers, Value};
use std::sync::Arc;

/// How strict a decoder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// Read an instance as clients build them rather than as Windows does: a reference of 0 is NULL whatever the NdTable
    /// says, for there lies the class name. impacket leaves the references of unset properties 0, and swaps the two bits of the
    /// NdTable: an unset property that is not inherited comes as "default", which the class then answers with NULL.
    pub from_client: bool,
}

impl DecodeOptions {
    /// For what a client sends to a server: method arguments, PutInstance, PutClass.
    pub fn from_client() -> Self {
        DecodeOptions { from_client: true }
    }
}

/// Decodes units and blocks, and remembers the classes of instances from one to the next.
#[derive(Debug, Default)]
pub struct Decoder {
    options: DecodeOptions,
    cache: ClassCache,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new(options: DecodeOptions) -> Self {
        Decoder { options, cache: ClassCache::default() }
    }

    /// Decodes an EncodingUnit: what an interface pointer to IWbemClassObject carries.
    ///
    /// Values of an instance are decoded when they are asked for; a malformed one is an error of that value.
    pub fn unit(&mut self, octets: &Bytes) -> Result<Entity, DecodeError> {
        let view = UnitView::parse(octets)?;
        self.decode(octets, &view)
    }

    /// Decodes an ObjectBlock: what a property or a signature holds, without the header of a unit.
    pub fn block(&mut self, octets: &Bytes) -> Result<Entity, DecodeError> {
        let view = UnitView::parse_block(octets)?;
        self.decode(octets, &view)
    }

    fn decode(&mut self, octets: &Bytes, view: &UnitView<'_>) -> Result<Entity, DecodeError> {
        let mut budget = Budget::of(octets.len(), self.options);
        if view.is_class() {
            return class_entity(octets, view, &mut budget).map(Entity::Class);
        }
        let (part, rest) = ClassView::parse(view.body)?;
        let layout = self.cache.layout(octets, &part, &mut budget)?;
        let decoration = self.cache.decoration(view);
        instance(octets, rest, &layout, decoration, &budget).map(Entity::Instance)
    }

    pub(crate) fn cache(&mut self) -> &mut ClassCache {
        &mut self.cache
    }

    pub(crate) fn options(&self) -> DecodeOptions {
        self.options
    }
}

/// Decodes an EncodingUnit that stands alone. See [`Decoder::unit`].
///
/// ```
/// use bytes::Bytes;
/// assert!(rwmi_wmio::decode_unit(&Bytes::from_static(b"xV4\x12\x01\0\0\0\x09")).is_err());
/// ```
pub fn decode_unit(octets: &Bytes) -> Result<Entity, DecodeError> {
    alone(octets, &UnitView::parse(octets)?, &mut Budget::of(octets.len(), DecodeOptions::default()))
}

/// Decodes an ObjectBlock that stands alone. See [`Decoder::block`].
pub fn decode_block(octets: &Bytes) -> Result<Entity, DecodeError> {
    alone(octets, &UnitView::parse_block(octets)?, &mut Budget::of(octets.len(), DecodeOptions::default()))
}

/// What decoding may still cost. One budget serves an object and all that is inside.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    octets: u64,
    objects: u32,
    depth: u8,
    pub(crate) options: DecodeOptions,
}

impl Budget {
    pub(crate) fn of(len: usize, options: DecodeOptions) -> Self {
        let octets = (len as u64).saturating_mul(AMPLIFICATION_MAX).saturating_add(COST_BASE);
        Budget { octets, objects: OBJECTS_MAX, depth: 0, options }
    }

    /// The budget of an object that was found at a depth.
    pub(crate) fn at_depth(len: usize, options: DecodeOptions, depth: u8) -> Self {
        Budget { depth, ..Self::of(len, options) }
    }

    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    pub(crate) fn spend(&mut self, octets: usize) -> Result<(), DecodeError> {
        const LIMIT: DecodeError = DecodeError::Limit { what: "octets behind references", found: u64::MAX, most: 0 };
        self.octets = self.octets.checked_sub(octets as u64).ok_or(LIMIT)?;
        Ok(())
    }

    /// Runs on an object inside the current one.
    fn inside<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        if self.depth >= DEPTH_MAX {
            return Err(DecodeError::Limit {
                what: "levels of objects",
                found: u64::from(self.depth).saturating_add(1),
                most: DEPTH_MAX.into(),
            });
        }
        self.objects = self.objects.checked_sub(1).ok_or(DecodeError::Limit {
            what: "embedded objects",
            found: u64::from(OBJECTS_MAX).saturating_add(1),
            most: OBJECTS_MAX.into(),
        })?;
        self.depth = self.depth.saturating_add(1);
        let result = f(self);
        self.depth = self.depth.saturating_sub(1);
        result
    }
}

/// Makes the object of an instance whose class is known. `rest` starts at the instance's length.
pub(crate) fn instance(
    octets: &Bytes,
    rest: &[u8],
    layout: &Arc<ClassLayout>,
    decoration: Option<Arc<Decoration>>,
    budget: &Budget,
) -> Result<Object, DecodeError> {
    let view = InstanceView::parse(rest, layout.sizes)?;
    let values = WireValues::new(layout.clone(), octets.slice_ref(view.octets), &view, budget)?;
    Ok(Object::new(layout.class.clone(), Arc::new(values), decoration))
}

pub(crate) fn decoration(view: &UnitView<'_>) -> Option<Decoration> {
    view.decoration.as_ref().map(|d| Decoration { server: d.server.to_str().into_owned(), namespace: d.namespace.to_str().into_owned() })
}

/// Decodes a class object.
fn class_entity(octets: &Bytes, view: &UnitView<'_>, budget: &mut Budget) -> Result<Arc<Class>, DecodeError> {
    let mut rest = view.body;
    let (parent, mut class) = {
        let mut read = || -> Result<Class, DecodeError> {
            let (part, after) = ClassView::parse(rest)?;
            let (mut class, _) = class_part(octets, &part, budget)?;
            let mut after = crate::octets::Octets(after);
            class.methods = methods(octets, &MethodsView::parse(&mut after)?, budget)?;
            rest = after.0;
            Ok(class)
        };
        (read()?, read()?)
    };
    class.decoration = decoration(view);
    if !parent.name.is_empty() || !parent.properties.is_empty() || !parent.qualifiers.0.is_empty() || !parent.methods.is_empty() {
        class.parent = Some(Arc::new(parent));
    }
    Ok(Arc::new(class))
}

/// Decodes a class part, and says where the values of its instances lie.
pub(crate) fn class_part(octets: &Bytes, part: &ClassView<'_>, budget: &mut Budget) -> Result<(Class, Vec<LayoutSlot>), DecodeError> {
    let mut members = Vec::with_capacity(part.property_count());
    for (lookup, property) in part.properties().enumerate() {
        let view = property?;
        let name = text(view.name()?, budget)?;
        let default = value(octets, part.default(view.slot)?, budget)?;
        let property = Property {
            name,
            ty: view.slot.ty,
            origin: view.origin,
            inherited: view.inherited,
            qualifiers: qualifiers(octets, view.qualifiers(), budget)?,
            default,
            default_inherited: part.nd_bits(view.slot.order) & 2 != 0,
        };
        members.push((LayoutSlot { slot: view.slot, lookup }, property));
    }
    members.sort_by_key(|(slot, _)| slot.slot.order);
    let (slots, properties) = members.into_iter().unzip();
    let mut derivation = Vec::new();
    for ancestor in part.derivation() {
        derivation.push(text(ancestor?, budget)?);
    }
    let name = part.name()?.map_or(Ok(String::new()), |n| text(n, budget))?;
    let qualifiers = qualifiers(octets, part.qualifiers(), budget)?;
    Ok((Class { name, derivation, qualifiers, properties, ..Class::default() }, slots))
}

/// Decodes the methods of a class.
pub(crate) fn methods(octets: &Bytes, part: &MethodsView<'_>, budget: &mut Budget) -> Result<Vec<Method>, DecodeError> {
    let mut all = Vec::with_capacity(part.len());
    for view in part.iter() {
        budget.spend(24)?;
        let mut signature = |block: Option<&[u8]>| block.map(|b| block_class(octets, b, budget)).transpose();
        let input = signature(view.input()?)?;
        let output = signature(view.output()?)?;
        all.push(Method {
            name: text(view.name()?, budget)?,
            flags: view.flags,
            origin: view.origin,
            qualifiers: qualifiers(octets, view.qualifiers()?, budget)?,
            input,
            output,
        });
    }
    Ok(all)
}

/// Decodes the class of an embedded ObjectBlock.
fn block_class(octets: &Bytes, block: &[u8], budget: &mut Budget) -> Result<Arc<Class>, DecodeError> {
    match entity(octets, block, budget)? {
        Entity::Class(class) => Ok(class),
        Entity::Instance(object) => Ok(object.class().clone()),
    }
}

/// Decodes an embedded ObjectBlock. `block` lies in `octets`.
pub(crate) fn entity(octets: &Bytes, block: &[u8], budget: &mut Budget) -> Result<Entity, DecodeError> {
    budget.inside(|budget| alone(octets, &UnitView::parse_block(block)?, budget))
}

/// Decodes an object without remembering its class. `view` lies in `octets`.
fn alone(octets: &Bytes, view: &UnitView<'_>, budget: &mut Budget) -> Result<Entity, DecodeError> {
    if view.is_class() {
        return class_entity(octets, view, budget).map(Entity::Class);
    }
    let (part, rest) = ClassView::parse(view.body)?;
    let layout = Arc::new(ClassLayout::decode(octets, &part, budget)?);
    budget.spend(rest.len())?;
    instance(octets, rest, &layout, decoration(view).map(Arc::new), budget).map(Entity::Instance)
}

pub(crate) fn qualifiers(octets: &Bytes, set: QualifiersView<'_>, budget: &mut Budget) -> Result<Qualifiers, DecodeError> {
    let mut all = Vec::new();
    for qualifier in set {
        let q = qualifier?;
        budget.spend(9)?;
        all.push(Qualifier { name: text(q.name, budget)?, flavor: q.flavor, ty: q.ty, value: value(octets, q.value, budget)? });
    }
    Ok(Qualifiers(all))
}

pub(crate) fn text(view: TextRef<'_>, budget: &mut Budget) -> Result<String, DecodeError> {
    budget.spend(view.encoded_len())?;
    Ok(view.to_str().into_owned())
}

/// Makes a value of a view. What it refers to lies in `octets`.
pub(crate) fn value(octets: &Bytes, view: ValueView<'_>, budget: &mut Budget) -> Result<Value, DecodeError> {
    Ok(match view {
        ValueView::Null => Value::Null,
        ValueView::Sint8(n) => Value::Sint8(n),
        ValueView::Uint8(n) => Value::Uint8(n),
        ValueView::Sint16(n) => Value::Sint16(n),
        ValueView::Uint16(n) => Value::Uint16(n),
        ValueView::Sint32(n) => Value::Sint32(n),
        ValueView::Uint32(n) => Value::Uint32(n),
        ValueView::Sint64(n) => Value::Sint64(n),
        ValueView::Uint64(n) => Value::Uint64(n),
        ValueView::Real32(n) => Value::Real32(n),
        ValueView::Real64(n) => Value::Real64(n),
        ValueView::Boolean(b) => Value::Boolean(b),
        ValueView::Char16(c) => Value::Char16(c),
        ValueView::String(t) => Value::String(text(t, budget)?),
        ValueView::DateTime(t) => Value::DateTime(DateTime::from_text(text(t, budget)?)),
        ValueView::Reference(t) => Value::Reference(text(t, budget)?),
        ValueView::Object(block) => Value::Object(Box::new(entity(octets, block, budget)?)),
        ValueView::Array(array) => {
            // Each element costs its octets before it has a place: a long array of a short heap stays short.
            budget.spend(array.len())?;
            let mut items = Vec::with_capacity(array.len());
            for item in array.iter() {
                items.push(value(octets, item?, budget)?);
            }
            Value::Array(items)
        }
    })
}

#[cfg(test)]
mod tests;
