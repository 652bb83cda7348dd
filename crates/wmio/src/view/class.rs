//! The class part: what the values of an instance mean ([MS-WMIO] 2.2.15).

use super::{Heap, QualifiersView, TextRef, ValueView};
use crate::DecodeError;
use crate::limits::{DERIVATION_MAX, PROPERTIES_MAX};
use crate::octets::{Octets, at};
use rwmi_cim::{CimType, Type};

/// A class part.
///
/// ```text
/// u32 length of the part | u8 0 | name ref | u32 length of NdTable and ValueTable | derivation | qualifiers
/// u32 n | n x { name ref, info ref } sorted by name | NdTable, 2 bits a property | ValueTable | heap
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ClassView<'a> {
    /// The whole part, to its declared end.
    pub octets: &'a [u8],
    name: u32,
    derivation: &'a [u8],
    qualifiers: &'a [u8],
    lookup: &'a [[u8; 8]],
    tables: &'a [u8],
    nd_len: usize,
    properties: usize,
    heap: Heap<'a>,
}

/// Lengths of the two tables that a class and its instances have alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSizes {
    /// Octets of the NdTable.
    pub nd: usize,
    /// Octets of the ValueTable.
    pub values: usize,
    /// How many properties they hold.
    pub properties: usize,
}

/// Where the value of a property lies in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Its type.
    pub ty: Type,
    /// DeclarationOrder: its place in the NdTable.
    pub order: u16,
    /// Its place in the ValueTable, in octets.
    pub offset: u32,
}

/// A property of a class.
#[derive(Debug, Clone, Copy)]
pub struct PropertyView<'a> {
    heap: Heap<'a>,
    name: u32,
    /// Type, place in the tables.
    pub slot: Slot,
    /// Whether an ancestor declares it.
    pub inherited: bool,
    /// Which class declared it, counted from the topmost ancestor.
    pub origin: u32,
    qualifiers: &'a [u8],
}

/// Octets of NdTable for that many properties ([MS-WMIO] 2.2.26).
pub(crate) const fn nd_len(properties: usize) -> usize {
    properties.div_ceil(4)
}

/// The two bits of a property: 1 is NULL, 2 is taken from the class or the superclass.
#[inline]
pub(crate) fn nd_bits(table: &[u8], order: u16) -> Option<u8> {
    let (byte, shift) = (usize::from(order >> 2), (order & 3) << 1);
    table.get(byte).map(|b| (b >> shift) & 3)
}

/// Octets that a value of a type takes in a ValueTable.
pub(crate) const fn slot_len(ty: Type) -> usize {
    if ty.array {
        return 4;
    }
    match ty.cim {
        CimType::Sint8 | CimType::Uint8 => 1,
        CimType::Sint16 | CimType::Uint16 | CimType::Boolean | CimType::Char16 => 2,
        CimType::Sint64 | CimType::Uint64 | CimType::Real64 => 8,
        _ => 4,
    }
}

/// Whether values of a type lie in the heap.
pub(crate) const fn is_reference(ty: Type) -> bool {
    ty.array || matches!(ty.cim, CimType::String | CimType::DateTime | CimType::Reference | CimType::Object)
}

/// The type of a type field of the wire, its inheritance bit taken off.
#[inline]
pub(crate) fn type_of(field: u32) -> Result<Type, DecodeError> {
    let array = field & ARRAY != 0;
    match u16::try_from(field & !(ARRAY | INHERITED)).ok().and_then(CimType::from_code) {
        Some(cim) => Ok(Type { cim, array }),
        None => Err(DecodeError::Type(field)),
    }
}

/// Type bit of an array.
pub(crate) const ARRAY: u32 = 0x2000;
/// Type bit of a property that an ancestor declares.
pub(crate) const INHERITED: u32 = 0x4000;

impl<'a> ClassView<'a> {
    /// Reads a class part from the front of `octets`; gives what follows its declared end too.
    pub fn parse(octets: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let [a, b, c, d] = at(octets, 0, "class part length")?;
        let mut whole = Octets(octets);
        let part = whole.take(u32::from_le_bytes([a, b, c, d]) as usize, "class part")?;
        let mut octets = Octets(part);
        octets.take(5, "class part header")?;
        let name = octets.u32("class name")?;
        let tables_len = octets.u32("table length")? as usize;
        let derivation = octets.counted("derivation list")?;
        let qualifiers = octets.counted("class qualifiers")?;
        let count = octets.u32("property count")? as usize;
        if count > PROPERTIES_MAX {
            return Err(DecodeError::Limit { what: "properties", found: count as u64, most: PROPERTIES_MAX as u64 });
        }
        let (lookup, _) = octets.take(count.saturating_mul(8), "property lookup table")?.as_chunks::<8>();
        let tables = octets.take(tables_len, "class tables")?;
        let nd_len = nd_len(count);
        if nd_len > tables_len {
            return Err(DecodeError::Inconsistent { what: "NdTable length", found: nd_len, most: tables_len });
        }
        let heap = octets.heap()?;
        Ok((ClassView { octets: part, name, derivation, qualifiers, lookup, tables, nd_len, properties: count, heap }, whole.0))
    }

    /// The same class part read as one whose tables hold so many properties, though it lists fewer: as a repository
    /// keeps it.
    pub(crate) fn with_properties(mut self, properties: usize) -> Result<Self, DecodeError> {
        self.properties = properties;
        self.nd_len = nd_len(properties);
        if self.nd_len > self.tables.len() {
            return Err(DecodeError::Inconsistent { what: "NdTable length", found: self.nd_len, most: self.tables.len() });
        }
        Ok(self)
    }

    /// The name; `None` for the superclass of a topmost class.
    #[inline]
    pub fn name(&self) -> Result<Option<TextRef<'a>>, DecodeError> {
        self.heap.text(self.name)
    }

    /// The ancestors, nearest first.
    pub fn derivation(&self) -> impl Iterator<Item = Result<TextRef<'a>, DecodeError>> + use<'a> {
        let mut octets = Octets(self.derivation);
        let mut count = 0usize;
        std::iter::from_fn(move || {
            if octets.0.is_empty() {
                return None;
            }
            count = count.saturating_add(1);
            let next = (|| {
                if count > DERIVATION_MAX {
                    return Err(DecodeError::Limit { what: "ancestors", found: count as u64, most: DERIVATION_MAX as u64 });
                }
                let left = octets.0.len();
                let (text, len) =
                    TextRef::parse(octets.0).ok_or(DecodeError::Truncated { what: "ancestor", needs: left.saturating_add(1), left })?;
                octets.take(len, "ancestor")?;
                octets.u32("ancestor length")?;
                Ok(text)
            })();
            if next.is_err() {
                octets.0 = &[];
            }
            Some(next)
        })
    }

    /// Qualifiers of the class.
    pub fn qualifiers(&self) -> QualifiersView<'a> {
        QualifiersView::new(self.qualifiers, self.heap)
    }

    /// How many properties there are.
    pub fn property_count(&self) -> usize {
        self.lookup.len()
    }

    /// The properties in the order of their names.
    #[inline]
    pub fn properties(&self) -> impl ExactSizeIterator<Item = Result<PropertyView<'a>, DecodeError>> + use<'a> {
        let heap = self.heap;
        self.lookup.iter().map(move |[a, b, c, d, e, f, g, h]| {
            PropertyView::parse(heap, u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]))
        })
    }

    /// Lengths of the tables of this class and its instances.
    #[inline]
    pub fn table_sizes(&self) -> TableSizes {
        TableSizes { nd: self.nd_len, values: self.tables.len().saturating_sub(self.nd_len), properties: self.properties }
    }

    /// The two bits of a property in the NdTable: 1 no default, 2 the default is an ancestor's.
    pub fn nd_bits(&self, order: u16) -> u8 {
        self.tables.get(..self.nd_len).and_then(|t| nd_bits(t, order)).unwrap_or(1)
    }

    /// The default of a property.
    pub fn default(&self, slot: Slot) -> Result<ValueView<'a>, DecodeError> {
        if self.nd_bits(slot.order) & 1 != 0 {
            return Ok(ValueView::Null);
        }
        ValueView::in_table(self.tables.get(self.nd_len..).unwrap_or_default(), slot, self.heap)
    }

    /// The heap.
    pub fn heap(&self) -> Heap<'a> {
        self.heap
    }
}

impl<'a> PropertyView<'a> {
    #[inline]
    fn parse(heap: Heap<'a>, name: u32, info: u32) -> Result<Self, DecodeError> {
        const WHAT: &str = "property info";
        let octets = heap.from(info, WHAT)?;
        let Some((head, qualifiers)) = octets.split_first_chunk::<18>() else {
            return Err(DecodeError::Truncated { what: WHAT, needs: 18, left: octets.len() });
        };
        let [t0, t1, t2, t3, o0, o1, v0, v1, v2, v3, c0, c1, c2, c3, q0, q1, q2, q3] = *head;
        let field = u32::from_le_bytes([t0, t1, t2, t3]);
        let slot = Slot { ty: type_of(field)?, order: u16::from_le_bytes([o0, o1]), offset: u32::from_le_bytes([v0, v1, v2, v3]) };
        let len = u32::from_le_bytes([q0, q1, q2, q3]) as usize;
        let qualifiers = len.checked_sub(4).and_then(|len| qualifiers.get(..len)).ok_or(DecodeError::Inconsistent {
            what: "property qualifiers",
            found: len,
            most: qualifiers.len().saturating_add(4),
        })?;
        let origin = u32::from_le_bytes([c0, c1, c2, c3]);
        Ok(PropertyView { heap, name, slot, inherited: field & INHERITED != 0, origin, qualifiers })
    }

    /// Its name.
    #[inline]
    pub fn name(&self) -> Result<TextRef<'a>, DecodeError> {
        self.heap.name(self.name, "property name")
    }

    /// Its qualifiers.
    pub fn qualifiers(&self) -> QualifiersView<'a> {
        QualifiersView::new(self.qualifiers, self.heap)
    }
}
