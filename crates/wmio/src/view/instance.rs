//! The instance behind its class part ([MS-WMIO] 2.2.53 to 2.2.57).

use super::class::{TableSizes, nd_bits};
use super::{Heap, QualifiersView, Slot, TextRef, ValueView};
use crate::DecodeError;
use crate::octets::Octets;
use std::ops::Range;

/// An instance without its class part.
///
/// ```text
/// u32 length to the end of the heap, itself included | u8 flags | class name ref | NdTable | ValueTable | qualifiers
/// u8 1, or 2 and a set of qualifiers a property | heap
/// ```
#[derive(Debug, Clone, Copy)]
pub struct InstanceView<'a> {
    /// The octets, to their declared end.
    pub octets: &'a [u8],
    /// Flags of the instance ([MS-WMIO] 2.2.54), 0 in everything that Windows sends.
    pub flags: u8,
    name: u32,
    nd: &'a [u8],
    values: &'a [u8],
    qualifiers: &'a [u8],
    property_qualifiers: Option<&'a [u8]>,
    heap: Heap<'a>,
    heap_at: usize,
}

impl<'a> InstanceView<'a> {
    /// Reads an instance whose class has tables of these sizes.
    #[inline]
    pub fn parse(octets: &'a [u8], sizes: TableSizes) -> Result<Self, DecodeError> {
        const WHAT: &str = "instance";
        let len = Octets(octets).u32(WHAT)? as usize;
        let whole = octets.get(..len).ok_or(DecodeError::Truncated { what: WHAT, needs: len, left: octets.len() })?;
        let mut octets = Octets(whole);
        octets.take(4, WHAT)?;
        let flags = octets.u8(WHAT)?;
        let name = octets.u32(WHAT)?;
        let nd = octets.take(sizes.nd, "instance NdTable")?;
        let values = octets.take(sizes.values, "instance ValueTable")?;
        let qualifiers = octets.counted("instance qualifiers")?;
        let property_qualifiers = match octets.u8("instance property qualifiers")? {
            2 => {
                let sets = octets.0;
                for _ in 0..sizes.properties {
                    octets.counted("property qualifiers")?;
                }
                sets.get(..sets.len().saturating_sub(octets.0.len()))
            }
            _ => None,
        };
        // Behind the heap's length.
        let heap_at = whole.len().saturating_sub(octets.0.len()).saturating_add(4);
        let heap = octets.heap()?;
        Ok(InstanceView { octets: whole, flags, name, nd, values, qualifiers, property_qualifiers, heap, heap_at })
    }

    /// Name of its class.
    pub fn class_name(&self) -> Result<Option<TextRef<'a>>, DecodeError> {
        self.heap.text(self.name)
    }

    /// The two bits of a property in the NdTable: 1 NULL, 2 the class's default.
    #[inline]
    pub fn nd_bits(&self, order: u16) -> u8 {
        nd_bits(self.nd, order).unwrap_or(1)
    }

    /// The value of a property; `None` where it is the class's default.
    #[inline]
    pub fn value(&self, slot: Slot) -> Result<Option<ValueView<'a>>, DecodeError> {
        match self.nd_bits(slot.order) {
            0 => ValueView::in_table(self.values, slot, self.heap).map(Some),
            2 => Ok(None),
            _ => Ok(Some(ValueView::Null)),
        }
    }

    /// Where the heap lies in the octets.
    pub(crate) fn heap_range(&self) -> Range<usize> {
        self.heap_at..self.heap_at.saturating_add(self.heap.0.len())
    }

    /// Qualifiers of the instance.
    pub fn qualifiers(&self) -> QualifiersView<'a> {
        QualifiersView::new(self.qualifiers, self.heap)
    }

    /// Qualifiers of its properties, one set a property in the order of the lookup table, where there are any.
    pub fn property_qualifiers(&self) -> Option<impl Iterator<Item = Result<QualifiersView<'a>, DecodeError>> + use<'a>> {
        let (mut octets, heap) = (Octets(self.property_qualifiers?), self.heap);
        Some(std::iter::from_fn(move || {
            if octets.0.is_empty() {
                return None;
            }
            Some(QualifiersView::parse(&mut octets, heap, "property qualifiers"))
        }))
    }

    /// The heap.
    pub fn heap(&self) -> Heap<'a> {
        self.heap
    }
}
