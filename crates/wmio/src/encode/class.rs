//! Class parts and methods parts.

use super::heap::{Pending, Writer, is_word, length, put_text, type_field};
use super::{Depth, object};
use crate::EncodeError;
use crate::view::{NO_REF, Slot, TableSizes, is_reference, nd_len, slot_len};
use rwmi_cim::{Class, Method, Property, Qualifiers, name_cmp};

/// What a class part says, wherever it comes from.
pub(crate) struct Part<'c> {
    pub(crate) name: &'c str,
    pub(crate) derivation: &'c [String],
    pub(crate) qualifiers: &'c Qualifiers,
    /// The properties with their places.
    pub(crate) properties: Vec<(Slot, &'c Property)>,
    /// Which of them it lists; all where this is empty. Others have a place in the tables only.
    pub(crate) listed: &'c [bool],
    pub(crate) sizes: TableSizes,
}

impl<'c> Part<'c> {
    /// The part of a class with all its properties.
    pub(crate) fn of(class: &'c Class) -> Result<Self, EncodeError> {
        let (slots, sizes) = places(class.properties.iter())?;
        let properties = slots.into_iter().zip(&class.properties).collect();
        Ok(Part { name: &class.name, derivation: &class.derivation, qualifiers: &class.qualifiers, properties, listed: &[], sizes })
    }

    /// The part of the superclass of a class that doesn't bring it: its name, ancestors and what the class inherits.
    fn of_superclass(class: &'c Class) -> Result<Self, EncodeError> {
        let (name, derivation) = class.derivation.split_first().map_or(("", class.derivation.as_slice()), |(n, d)| (n.as_str(), d));
        let inherited = || class.properties.iter().filter(|p| p.inherited);
        let (slots, sizes) = places(inherited())?;
        Ok(Part { name, derivation, qualifiers: &NONE, properties: slots.into_iter().zip(inherited()).collect(), listed: &[], sizes })
    }

    /// Places in the lookup table: indexes of the properties by name.
    pub(crate) fn lookup(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.properties.len()).filter(|i| self.lists(*i)).collect();
        let name = |i: &usize| self.properties.get(*i).map_or("", |(_, p)| p.name.as_str());
        order.sort_by(|a, b| name_cmp(name(a), name(b)));
        order
    }

    fn lists(&self, property: usize) -> bool {
        self.listed.get(property).copied().unwrap_or(self.listed.is_empty())
    }
}

static NONE: Qualifiers = Qualifiers(Vec::new());

/// Gives each property its place: in declaration order, packed.
fn places<'c>(properties: impl Iterator<Item = &'c Property>) -> Result<(Vec<Slot>, TableSizes), EncodeError> {
    let (mut slots, mut offset) = (Vec::new(), 0usize);
    for p in properties {
        let order = u16::try_from(slots.len()).map_err(|_| EncodeError::TooLarge("more than 65,535 properties"))?;
        slots.push(Slot { ty: p.ty, order, offset: length(offset)? });
        offset = offset.saturating_add(slot_len(p.ty));
    }
    let sizes = TableSizes { nd: nd_len(slots.len()), values: offset, properties: slots.len() };
    Ok((slots, sizes))
}

/// Writes a class part.
pub(crate) fn class_part(out: &mut Vec<u8>, part: &Part<'_>, depth: Depth) -> Result<(), EncodeError> {
    let start = out.len();
    let mut w = Writer { out, depth };
    w.u32(0);
    w.out.push(0);
    let mut names = Vec::new();
    if part.name.is_empty() {
        w.u32(NO_REF);
    } else {
        w.text_reference(part.name, &mut names);
    }
    w.u32(length(part.sizes.nd.saturating_add(part.sizes.values))?);
    let derivation = w.open();
    for ancestor in part.derivation {
        let from = w.out.len();
        put_text(w.out, ancestor);
        let len = length(w.out.len().saturating_sub(from))?;
        w.u32(len);
    }
    w.close(derivation, derivation)?;
    let mut class_items = Vec::new();
    w.qualifiers(part.qualifiers, &mut class_items)?;

    let lookup = part.lookup();
    w.u32(length(lookup.len())?);
    let entries = w.out.len();
    w.out.resize(entries.saturating_add(lookup.len().saturating_mul(8)), 0);

    let table = Tables::new(w.out, part.sizes);
    // Defaults come last in the heap, in the order of the lookup table.
    let mut defaults = Vec::new();
    for (slot, p) in lookup.iter().filter_map(|i| part.properties.get(*i)) {
        table.mark(w.out, slot, p.default.is_null(), p.default_inherited);
        table.place(&mut w, slot, p, &mut defaults)?;
    }
    for (_, (slot, p)) in part.properties.iter().enumerate().filter(|(i, _)| !part.lists(*i)) {
        table.mark(w.out, slot, p.default.is_null(), true);
        // A reference would lead into the heap of the ancestor.
        if !is_reference(p.ty) {
            table.place(&mut w, slot, p, &mut Vec::new())?;
        }
    }

    let heap = w.open_heap();
    w.settle(heap, names)?;
    w.settle(heap, class_items)?;
    let mut rows: Vec<Row<'_>> = lookup
        .iter()
        .filter_map(|i| part.properties.get(*i))
        .enumerate()
        .map(|(i, (slot, property))| Row { entry: entries.saturating_add(i.saturating_mul(8)), slot: *slot, property })
        .collect();
    if part.name == PARAMETERS {
        rows.sort_by_key(|r| r.slot.order);
        for row in &rows {
            row.built(&mut w, heap, &mut defaults)?;
        }
    } else {
        for row in &rows {
            row.packed(&mut w, heap)?;
        }
    }
    w.settle(heap, defaults)?;
    w.close_heap(heap)?;
    w.close(start, start)
}

/// The class of a method's parameters.
const PARAMETERS: &str = "__PARAMETERS";

/// A property on its way into the heap.
struct Row<'c> {
    /// Its place in the lookup table.
    entry: usize,
    slot: Slot,
    property: &'c Property,
}

impl<'c> Row<'c> {
    fn info(&self, w: &mut Writer<'_>, heap: usize, pending: &mut Vec<Pending<'c>>) -> Result<(), EncodeError> {
        let here = w.here(heap)?;
        w.patch(self.entry.saturating_add(4), here);
        w.u32(type_field(self.property.ty, self.property.inherited));
        w.out.extend_from_slice(&self.slot.order.to_le_bytes());
        w.u32(self.slot.offset);
        w.u32(self.property.origin);
        w.qualifiers(&self.property.qualifiers, pending)
    }

    /// As Windows packs a class for its repository: name, info, then what the qualifiers refer to.
    fn packed(&self, w: &mut Writer<'_>, heap: usize) -> Result<(), EncodeError> {
        w.patch_name(self.entry, &self.property.name, heap)?;
        let mut pending = Vec::new();
        self.info(w, heap, &mut pending)?;
        w.settle(heap, pending)
    }

    /// As Windows leaves a class that was built piece by piece, which it never packs: a method's parameters. Each piece
    /// went to the end of the heap when it was set, the value of a qualifier before its name, and the info moved behind
    /// whenever a qualifier was added. `CIMTYPE` was set again last, but for the return value.
    fn built(&self, w: &mut Writer<'_>, heap: usize, defaults: &mut Vec<Pending<'c>>) -> Result<(), EncodeError> {
        w.patch_name(self.entry, &self.property.name, heap)?;
        let (own, others) = std::mem::take(defaults).into_iter().partition(|d| d.is_of(&self.property.name));
        *defaults = others;
        w.settle(heap, own)?;
        let mut known = Vec::new();
        for q in &self.property.qualifiers.0 {
            let late = q.name == "CIMTYPE" && self.property.name != "ReturnValue";
            let value = if is_reference(q.ty) && !q.value.is_null() { Some(&q.value) } else { None };
            let value_at = match value {
                Some(v) if !late => {
                    let here = w.here(heap)?;
                    w.item(heap, &q.name, q.ty, v)?;
                    Some(here)
                }
                _ => None,
            };
            // The references of the set come name first.
            if !is_word(&q.name) {
                known.push(if late { None } else { Some(w.here(heap)?) });
                if !late {
                    put_text(w.out, &q.name);
                }
            }
            if value.is_some() {
                known.push(value_at);
            }
        }
        let mut pending = Vec::new();
        self.info(w, heap, &mut pending)?;
        let mut late = Vec::new();
        for (reference, known) in pending.into_iter().zip(known) {
            match known {
                Some(to) => w.patch(reference.at(), to),
                None => late.push(reference),
            }
        }
        w.settle(heap, late)
    }
}

/// The NdTable and the ValueTable of a class while they are filled.
struct Tables {
    nd: usize,
    values: usize,
}

impl Tables {
    fn new(out: &mut Vec<u8>, sizes: TableSizes) -> Self {
        let nd = out.len();
        let values = nd.saturating_add(sizes.nd);
        out.resize(values, 0);
        // Slots that nothing defines are FF in a class.
        out.resize(values.saturating_add(sizes.values), 0xff);
        Tables { nd, values }
    }

    fn mark(&self, out: &mut [u8], slot: &Slot, null: bool, inherited: bool) {
        let bits = u8::from(null) | u8::from(inherited) << 1;
        if let Some(byte) = out.get_mut(self.nd.saturating_add(usize::from(slot.order >> 2))) {
            *byte |= bits << ((slot.order & 3) << 1);
        }
    }

    fn place<'c>(&self, w: &mut Writer<'_>, slot: &Slot, p: &'c Property, defaults: &mut Vec<Pending<'c>>) -> Result<(), EncodeError> {
        if p.default.is_null() {
            return Ok(());
        }
        // Written behind everything and moved to its slot, so that values have one writer.
        let (end, first) = (w.out.len(), defaults.len());
        w.slot(&p.name, slot.ty, &p.default, 0xff, defaults)?;
        let at = self.values.saturating_add(slot.offset as usize);
        w.out.copy_within(end.., at);
        w.out.truncate(end);
        for moved in defaults.iter_mut().skip(first) {
            moved.move_to(at);
        }
        Ok(())
    }
}

/// Where a methods part goes. Windows lays the heap out in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodsIn {
    /// A class on the wire: qualifiers of a method behind its signatures.
    Object,
    /// A repository: qualifiers before them.
    Repository,
}

/// Writes a methods part.
pub(crate) fn methods_part(out: &mut Vec<u8>, methods: &[Method], place: MethodsIn, depth: Depth) -> Result<(), EncodeError> {
    let start = out.len();
    let mut w = Writer { out, depth };
    w.u32(0);
    let count = u16::try_from(methods.len()).map_err(|_| EncodeError::TooLarge("more than 65,535 methods"))?;
    w.out.extend_from_slice(&count.to_le_bytes());
    w.out.extend_from_slice(&[0, 0]);
    let entries = w.out.len();
    for m in methods {
        w.u32(0);
        w.out.extend_from_slice(&[m.flags, 0, 0, 0]);
        w.u32(m.origin);
        w.out.extend_from_slice(&[0; 12]);
    }
    let heap = w.open_heap();
    for (i, m) in methods.iter().enumerate() {
        let entry = entries.saturating_add(i.saturating_mul(24));
        w.patch_name(entry, &m.name, heap)?;
        if place == MethodsIn::Repository {
            method_qualifiers(&mut w, entry, m, heap)?;
        }
        for (at, class) in [(entry.saturating_add(16), &m.input), (entry.saturating_add(20), &m.output)] {
            let here = w.here(heap)?;
            w.patch(at, here);
            // No parameters: a signature of length 0, not a null reference.
            let len = w.open();
            if let Some(class) = class {
                object::class(w.out, class, object::Prototype::No, class.decoration.as_ref(), depth.deeper()?)?;
            }
            w.close(len, len.saturating_add(4))?;
        }
        if place == MethodsIn::Object {
            method_qualifiers(&mut w, entry, m, heap)?;
        }
    }
    w.close_heap(heap)?;
    w.close(start, start)
}

fn method_qualifiers(w: &mut Writer<'_>, entry: usize, method: &Method, heap: usize) -> Result<(), EncodeError> {
    let here = w.here(heap)?;
    w.patch(entry.saturating_add(12), here);
    let mut pending = Vec::new();
    w.qualifiers(&method.qualifiers, &mut pending)?;
    w.settle(heap, pending)
}

/// Writes superclass and class, each with its methods.
pub(crate) fn class_type(out: &mut Vec<u8>, class: &Class, depth: Depth) -> Result<(), EncodeError> {
    match &class.parent {
        Some(parent) => {
            class_part(out, &Part::of(parent)?, depth)?;
            methods_part(out, &parent.methods, MethodsIn::Object, depth)?;
        }
        None => {
            class_part(out, &Part::of_superclass(class)?, depth)?;
            methods_part(out, &[], MethodsIn::Object, depth)?;
        }
    }
    class_part(out, &Part::of(class)?, depth)?;
    methods_part(out, &class.methods, MethodsIn::Object, depth)
}
