//! Instances whose values are decoded when they are asked for, and the classes by which to read them.

use crate::decode::{self, Budget};
use crate::encode::Part;
use crate::view::{ClassView, Heap, InstanceView, Slot, TableSizes, UnitView, ValueView, is_reference, nd_bits};
use crate::{DecodeError, DecodeOptions, EncodeError};
use bytes::Bytes;
use rwmi_cim::{Class, Decoration, Object, Qualifiers, Value, Values};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A class and where the values of its instances lie.
#[derive(Debug)]
pub struct ClassLayout {
    /// The class, without methods and without a place where it lives.
    pub class: Arc<Class>,
    /// Lengths of the tables of an instance.
    pub sizes: TableSizes,
    // INVARIANT: slots.len() == class.properties.len(), in the same order.
    slots: Vec<LayoutSlot>,
}

/// Where a property lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayoutSlot {
    /// Its place in the tables.
    pub(crate) slot: Slot,
    /// Its place in the lookup table.
    pub(crate) lookup: usize,
}

impl ClassLayout {
    /// Decodes a class part. `part` lies in `octets`.
    pub(crate) fn decode(octets: &Bytes, part: &ClassView<'_>, budget: &mut Budget) -> Result<Self, DecodeError> {
        let (class, slots) = decode::class_part(octets, part, budget)?;
        Ok(ClassLayout { class: Arc::new(class), sizes: part.table_sizes(), slots })
    }

    /// The layout of the instances of a class: packed in declaration order.
    pub fn of(class: &Arc<Class>) -> Result<Self, EncodeError> {
        let part = Part::of(class)?;
        let mut slots: Vec<LayoutSlot> = part.properties.iter().map(|(slot, _)| LayoutSlot { slot: *slot, lookup: 0 }).collect();
        for (place, property) in part.lookup().into_iter().enumerate() {
            if let Some(slot) = slots.get_mut(property) {
                slot.lookup = place;
            }
        }
        Ok(ClassLayout { class: class.clone(), sizes: part.sizes, slots })
    }

    /// Decodes an instance of this class that came without class part, flags and decoration.
    pub fn instance(self: &Arc<Self>, octets: &Bytes, options: DecodeOptions) -> Result<Object, DecodeError> {
        decode::instance(octets, octets, self, None, &Budget::of(octets.len(), options))
    }

    /// Where the values of each property lie, in the order of the class.
    pub fn slots(&self) -> impl ExactSizeIterator<Item = Slot> + '_ {
        self.slots.iter().map(|s| s.slot)
    }
}

/// The values of an instance, still in the octets that they came in.
pub struct WireValues {
    layout: Arc<ClassLayout>,
    octets: Bytes,
    // Where the heap lies in the octets, so that the frame is read once and not for each value.
    heap: Range<usize>,
    depth: u8,
    options: DecodeOptions,
}

impl WireValues {
    /// Takes an instance whose frame was checked as `view`, which lies in `octets`.
    pub(crate) fn new(layout: Arc<ClassLayout>, octets: Bytes, view: &InstanceView<'_>, budget: &Budget) -> Result<Self, DecodeError> {
        let values = WireValues { layout, octets, heap: view.heap_range(), depth: budget.depth(), options: budget.options };
        // Whoever asks for every value may get the whole heap for each property. That matters only where both are large,
        // so only there is it worth counting what the references lead to.
        let heap = view.heap().0.len();
        if values.layout.slots.len().saturating_mul(heap) > SHARED_HEAP_MAX {
            let mut budget = Budget::of(heap, budget.options);
            for slot in &values.layout.slots {
                if let Ok(Some(view)) = view.value(slot.slot) {
                    budget.spend(cost(&view))?;
                }
            }
        }
        Ok(values)
    }

    fn view(&self) -> Result<InstanceView<'_>, DecodeError> {
        InstanceView::parse(&self.octets, self.layout.sizes)
    }

    fn nd_bits(&self, slot: Slot) -> u8 {
        let table = self.octets.get(INSTANCE_HEAD..).and_then(|o| o.get(..self.layout.sizes.nd));
        table.and_then(|t| nd_bits(t, slot.order)).unwrap_or(1)
    }

    /// The ValueTable.
    fn table(&self) -> &[u8] {
        let table = self.octets.get(INSTANCE_HEAD.saturating_add(self.layout.sizes.nd)..).unwrap_or_default();
        table.get(..self.layout.sizes.values).unwrap_or_default()
    }

    fn budget(&self) -> Budget {
        Budget::at_depth(self.octets.len(), self.options, self.depth)
    }

    fn read(&self, property: usize) -> Result<Value, DecodeError> {
        let Some(slot) = self.layout.slots.get(property).map(|s| s.slot) else { return Ok(Value::Null) };
        match self.nd_bits(slot) {
            0 => {}
            2 => return Ok(self.layout.class.properties.get(property).map_or(Value::Null, |p| p.default.clone())),
            _ => return Ok(Value::Null),
        }
        let table = self.table();
        if self.options.from_client && refers_to_nothing(table, slot) {
            return Ok(Value::Null);
        }
        let heap = Heap(self.octets.get(self.heap.clone()).unwrap_or_default());
        decode::value(&self.octets, ValueView::in_table(table, slot, heap)?, &mut self.budget())
    }
}

/// Octets of an instance before its NdTable: length, flags, class name.
const INSTANCE_HEAD: usize = 9;

/// Whether a property is a reference of 0; see [`DecodeOptions::from_client`].
fn refers_to_nothing(table: &[u8], slot: Slot) -> bool {
    is_reference(slot.ty) && table.get(slot.offset as usize..).is_some_and(|v| v.starts_with(&[0; 4]))
}

/// How many octets a value takes out of its heap.
fn cost(value: &ValueView<'_>) -> usize {
    match value {
        ValueView::String(t) | ValueView::DateTime(t) | ValueView::Reference(t) => t.encoded_len(),
        ValueView::Object(block) => block.len(),
        ValueView::Array(array) => array.len().saturating_mul(4),
        _ => 0,
    }
}

/// Above this product of properties and heap octets, shared references are counted.
const SHARED_HEAP_MAX: usize = 16 << 20;

impl Values for WireValues {
    fn value(&self, property: usize) -> Result<Value, String> {
        self.read(property).map_err(|e| e.to_string())
    }

    fn is_default(&self, property: usize) -> bool {
        let Some(slot) = self.layout.slots.get(property).map(|s| s.slot) else { return false };
        self.nd_bits(slot) & 2 != 0
    }

    fn set_order(&self) -> Option<Vec<usize>> {
        // Whoever sets a value puts it behind those that are there.
        let table = self.table();
        let reference = |slot: &LayoutSlot| -> Option<u32> {
            let slot = slot.slot;
            if self.nd_bits(slot) != 0 || !is_reference(slot.ty) {
                return None;
            }
            table.get(slot.offset as usize..)?.first_chunk().copied().map(u32::from_le_bytes)
        };
        let mut order: Vec<(u32, usize)> =
            self.layout.slots.iter().enumerate().filter_map(|(i, slot)| reference(slot).map(|r| (r, i))).collect();
        order.sort_unstable();
        Some(order.into_iter().map(|(_, property)| property).collect())
    }

    fn qualifiers(&self) -> Result<Qualifiers, String> {
        let read = || decode::qualifiers(&self.octets, self.view()?.qualifiers(), &mut self.budget());
        read().map_err(|e: DecodeError| e.to_string())
    }

    fn property_qualifiers(&self) -> Result<Option<Vec<Qualifiers>>, String> {
        let read = || {
            let view = self.view()?;
            let Some(sets) = view.property_qualifiers() else { return Ok(None) };
            let (mut budget, mut by_lookup) = (self.budget(), Vec::new());
            for set in sets {
                by_lookup.push(decode::qualifiers(&self.octets, set?, &mut budget)?);
            }
            // The wire has them in the order of the lookup table.
            Ok(Some(self.layout.slots.iter().map(|s| by_lookup.get(s.lookup).cloned().unwrap_or_default()).collect()))
        };
        read().map_err(|e: DecodeError| e.to_string())
    }
}

impl fmt::Debug for WireValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireValues").field("class", &self.layout.class.name).field("octets", &self.octets.len()).finish_non_exhaustive()
    }
}

/// Classes that were decoded before: by the octets of their class part, and by class id for ObjectArrays. The oldest goes
/// when there are too many or they get too large.
#[derive(Debug)]
pub struct ClassCache {
    entries: usize,
    octets_max: usize,
    octets: usize,
    last: Option<(Bytes, Arc<ClassLayout>)>,
    by_octets: HashMap<Bytes, Arc<ClassLayout>>,
    order: VecDeque<Bytes>,
    by_id: HashMap<[u8; 16], Arc<ClassLayout>>,
    id_order: VecDeque<[u8; 16]>,
    decoration: Option<(Bytes, Arc<Decoration>)>,
}

impl Default for ClassCache {
    /// At most 256 classes and 4 MiB of class parts.
    fn default() -> Self {
        ClassCache::bounded(256, 4 << 20)
    }
}

impl ClassCache {
    /// A cache of at most so many classes, whose parts are at most so many octets together.
    pub fn bounded(entries: usize, octets: usize) -> Self {
        ClassCache {
            entries: entries.max(1),
            octets_max: octets,
            octets: 0,
            last: None,
            by_octets: HashMap::new(),
            order: VecDeque::new(),
            by_id: HashMap::new(),
            id_order: VecDeque::new(),
            decoration: None,
        }
    }

    /// How many classes it holds, by octets and by id.
    pub fn len(&self) -> (usize, usize) {
        (self.by_octets.len(), self.by_id.len())
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.by_octets.is_empty() && self.by_id.is_empty()
    }

    /// The layout of a class part, decoded at most once while it stays here.
    pub(crate) fn layout(&mut self, octets: &Bytes, part: &ClassView<'_>, budget: &mut Budget) -> Result<Arc<ClassLayout>, DecodeError> {
        if let Some((known, layout)) = &self.last
            && known.as_ref() == part.octets
        {
            return Ok(layout.clone());
        }
        if let Some(layout) = self.by_octets.get(part.octets) {
            return Ok(layout.clone());
        }
        let layout = Arc::new(ClassLayout::decode(octets, part, budget)?);
        // A copy: a slice would keep the whole packet that the class came in.
        let key = Bytes::copy_from_slice(part.octets);
        self.octets = self.octets.saturating_add(key.len());
        self.by_octets.insert(key.clone(), layout.clone());
        self.order.push_back(key.clone());
        self.last = Some((key, layout.clone()));
        while self.order.len() > self.entries || (self.octets > self.octets_max && self.order.len() > 1) {
            let Some(oldest) = self.order.pop_front() else { break };
            self.octets = self.octets.saturating_sub(oldest.len());
            self.by_octets.remove(&oldest);
        }
        Ok(layout)
    }

    /// The layout that came with a class id.
    pub(crate) fn by_id(&self, id: &[u8; 16]) -> Option<&Arc<ClassLayout>> {
        self.by_id.get(id)
    }

    /// Remembers the layout of a class id. An id keeps the class that came with it last.
    pub(crate) fn remember(&mut self, id: [u8; 16], layout: &Arc<ClassLayout>) {
        if self.by_id.insert(id, layout.clone()).is_none() {
            self.id_order.push_back(id);
        }
        while self.id_order.len() > self.entries {
            let Some(oldest) = self.id_order.pop_front() else { break };
            self.by_id.remove(&oldest);
        }
    }

    /// The decoration of an object, shared with the one before where it is the same.
    pub(crate) fn decoration(&mut self, view: &UnitView<'_>) -> Option<Arc<Decoration>> {
        let octets = view.decoration.as_ref()?.octets;
        if let Some((known, decoration)) = &self.decoration
            && known.as_ref() == octets
        {
            return Some(decoration.clone());
        }
        let decoration = Arc::new(decode::decoration(view)?);
        self.decoration = Some((Bytes::copy_from_slice(octets), decoration.clone()));
        Some(decoration)
    }
}
