//! Units, blocks and instances.

use super::class::{Part, class_part, class_type};
use super::heap::{Writer, put_text};
use super::{ClassEncoder, Depth};
use crate::EncodeError;
use crate::view::{ObjectFlags, SIGNATURE};
use rwmi_cim::{Class, Decoration, Entity, Object, Qualifiers, Value};

/// How to write an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// What it says about where it lives.
    pub decoration: Decorate,
    /// For a class: whether it is the shape of a query's rows.
    pub prototype: Prototype,
}

/// What an object says about where it lives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Decorate {
    /// What the object itself knows; nothing where it knows nothing.
    #[default]
    Own,
    /// This.
    With(Decoration),
    /// Nothing.
    Without,
}

/// Whether a class is the answer to a query for its prototype (`WBEM_FLAG_PROTOTYPE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prototype {
    /// An ordinary class.
    #[default]
    No,
    /// The shape of a query's rows.
    Yes,
    /// The shape of a query's rows, which lacks a key.
    KeyMissing,
}

impl EncodeOptions {
    /// Decorated with this computer and namespace.
    pub fn decorated(decoration: Decoration) -> Self {
        EncodeOptions { decoration: Decorate::With(decoration), ..Self::default() }
    }

    /// Without decoration.
    pub fn undecorated() -> Self {
        EncodeOptions { decoration: Decorate::Without, ..Self::default() }
    }

    /// The same, as the answer to a query for its prototype.
    pub fn prototype(mut self, prototype: Prototype) -> Self {
        self.prototype = prototype;
        self
    }

    pub(super) fn pick<'d>(&'d self, own: Option<&'d Decoration>) -> Option<&'d Decoration> {
        match &self.decoration {
            Decorate::Own => own,
            Decorate::With(d) => Some(d),
            Decorate::Without => None,
        }
    }
}

/// Writes an EncodingUnit: what an interface pointer to IWbemClassObject carries.
///
/// For many instances of one class, a [`ClassEncoder`] writes the class part once.
pub fn encode_unit(entity: &Entity, options: &EncodeOptions) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    unit(&mut out, |out| block(out, entity, options))?;
    Ok(out)
}

/// Writes an ObjectBlock: an object without the header of a unit.
pub fn encode_block(entity: &Entity, options: &EncodeOptions) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    block(&mut out, entity, options)?;
    Ok(out)
}

/// Writes the header of a unit around a block.
pub(super) fn unit(out: &mut Vec<u8>, block: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>) -> Result<(), EncodeError> {
    out.extend_from_slice(&SIGNATURE.to_le_bytes());
    let len = Writer { out, depth: Depth::default() }.open();
    block(out)?;
    Writer { out, depth: Depth::default() }.close(len, len.saturating_add(4))
}

pub(super) fn block(out: &mut Vec<u8>, entity: &Entity, options: &EncodeOptions) -> Result<(), EncodeError> {
    match entity {
        Entity::Class(c) => class(out, c, options.prototype, options.pick(c.decoration.as_ref()), Depth::default()),
        Entity::Instance(o) => instance(out, o, options.pick(o.decoration()), Depth::default()),
    }
}

/// An object inside another, as it knows itself.
pub(super) fn entity(out: &mut Vec<u8>, entity: &Entity, depth: Depth) -> Result<(), EncodeError> {
    match entity {
        Entity::Class(c) => class(out, c, Prototype::No, c.decoration.as_ref(), depth),
        Entity::Instance(o) => instance(out, o, o.decoration(), depth),
    }
}

pub(super) fn class(
    out: &mut Vec<u8>,
    class: &Class,
    prototype: Prototype,
    decoration: Option<&Decoration>,
    depth: Depth,
) -> Result<(), EncodeError> {
    let flags = ObjectFlags::CLASS
        | match prototype {
            Prototype::No => 0,
            Prototype::Yes => ObjectFlags::PROTOTYPE,
            Prototype::KeyMissing => ObjectFlags::PROTOTYPE | ObjectFlags::KEY_MISSING,
        };
    head(out, flags, decoration);
    class_type(out, class, depth)
}

fn instance(out: &mut Vec<u8>, object: &Object, decoration: Option<&Decoration>, depth: Depth) -> Result<(), EncodeError> {
    head(out, ObjectFlags::INSTANCE, decoration);
    let part = Part::of(object.class())?;
    class_part(out, &part, depth)?;
    let slots: Vec<_> = part.properties.iter().map(|(s, _)| *s).collect();
    let places = Places { slots: &slots, lookup: &part.lookup(), nd: part.sizes.nd };
    instance_part(out, object, &places, depth)
}

/// Writes flags and decoration.
pub(super) fn head(out: &mut Vec<u8>, flags: u8, decoration: Option<&Decoration>) {
    match decoration {
        None => out.push(flags),
        Some(d) => {
            out.push(flags | ObjectFlags::DECORATED);
            put_text(out, &d.server);
            put_text(out, &d.namespace);
        }
    }
}

/// Where the values of a class's instances go.
pub(super) struct Places<'p> {
    pub(super) slots: &'p [crate::view::Slot],
    pub(super) lookup: &'p [usize],
    pub(super) nd: usize,
}

/// Writes an instance behind its class part.
pub(super) fn instance_part(out: &mut Vec<u8>, object: &Object, places: &Places<'_>, depth: Depth) -> Result<(), EncodeError> {
    let class = object.class();
    let values: Vec<Value> = (0..places.slots.len()).map(|i| object.value_at(i)).collect::<Result<_, _>>()?;
    let (qualifiers, property_qualifiers) = (object.qualifiers()?, object.property_qualifiers()?);
    let start = out.len();
    let mut w = Writer { out, depth };
    w.u32(0);
    w.out.push(0);
    let mut name = Vec::new();
    w.text_reference(&class.name, &mut name);
    // Per property, the first of its references; most have one or none.
    let (mut items, mut first) = (Vec::new(), Vec::with_capacity(values.len().saturating_add(1)));
    let nd = w.out.len();
    w.out.resize(nd.saturating_add(places.nd), 0);
    for (i, (slot, value)) in places.slots.iter().zip(&values).enumerate() {
        let default = object.is_default_at(i);
        let bits = u8::from(value.is_null()) | u8::from(default) << 1;
        if let Some(byte) = w.out.get_mut(nd.saturating_add(usize::from(slot.order >> 2))) {
            *byte |= bits << ((slot.order & 3) << 1);
        }
        // What the class says is not said again; clients take the octets of a NULL for its value, so they are 0.
        let value = if default { &Value::Null } else { value };
        let name = class.properties.get(i).map_or("", |p| p.name.as_str());
        first.push(items.len());
        w.slot(name, slot.ty, value, 0, &mut items)?;
    }
    let mut pending = Vec::new();
    w.qualifiers(&qualifiers, &mut pending)?;
    match &property_qualifiers {
        None => w.out.push(1),
        Some(sets) => {
            static NONE: Qualifiers = Qualifiers(Vec::new());
            w.out.push(2);
            for i in places.lookup {
                w.qualifiers(sets.get(*i).unwrap_or(&NONE), &mut pending)?;
            }
        }
    }
    if let Some(order) = object.set_order() {
        // What is not in the order comes behind, as declared.
        let mut rank = vec![usize::MAX; values.len()];
        for (place, property) in order.into_iter().enumerate() {
            if let Some(r) = rank.get_mut(property) {
                *r = place;
            }
        }
        let mut ranked: Vec<_> = Vec::with_capacity(items.len());
        for (i, item) in items.into_iter().enumerate() {
            let property = first.partition_point(|f| *f <= i).saturating_sub(1);
            ranked.push((rank.get(property).copied().unwrap_or(usize::MAX), item));
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        items = ranked.into_iter().map(|(_, item)| item).collect();
    }
    let heap = w.open_heap();
    w.settle(heap, name)?;
    w.settle(heap, items)?;
    w.settle(heap, pending)?;
    w.close_heap(heap)?;
    w.close(start, start)
}

impl ClassEncoder {
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        object: &Object,
        decoration: Option<&Decoration>,
        with_class: bool,
    ) -> Result<(), EncodeError> {
        head(out, ObjectFlags::INSTANCE, decoration);
        if with_class {
            out.extend_from_slice(&self.part);
        }
        instance_part(out, object, &Places { slots: &self.slots, lookup: &self.lookup, nd: self.sizes.nd }, Depth::default())
    }
}
