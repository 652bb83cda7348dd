//! Values as they lie in a table and its heap ([MS-WMIO] 2.2.71 to 2.2.77).

use super::class::slot_len;
use super::text::NO_REF;
use super::{Heap, Slot, TextRef};
use crate::DecodeError;
use crate::octets::Octets;
use rwmi_cim::{CimType, Type};

/// A value.
#[derive(Debug, Clone, Copy)]
pub enum ValueView<'a> {
    /// NULL.
    Null,
    /// A `sint8`.
    Sint8(i8),
    /// A `uint8`.
    Uint8(u8),
    /// A `sint16`.
    Sint16(i16),
    /// A `uint16`.
    Uint16(u16),
    /// A `sint32`.
    Sint32(i32),
    /// A `uint32`.
    Uint32(u32),
    /// A `sint64`.
    Sint64(i64),
    /// A `uint64`.
    Uint64(u64),
    /// A `real32`.
    Real32(f32),
    /// A `real64`.
    Real64(f64),
    /// A `boolean`; any value but 0 is TRUE.
    Boolean(bool),
    /// A `char16`.
    Char16(u16),
    /// A `string`.
    String(TextRef<'a>),
    /// A `datetime`.
    DateTime(TextRef<'a>),
    /// A reference.
    Reference(TextRef<'a>),
    /// An embedded object: its ObjectBlock.
    Object(&'a [u8]),
    /// An array.
    Array(ArrayView<'a>),
}

/// An array: its elements, or references to them, behind each other.
#[derive(Debug, Clone, Copy)]
pub struct ArrayView<'a> {
    ty: CimType,
    elements: &'a [u8],
    heap: Heap<'a>,
}

impl<'a> ValueView<'a> {
    /// Reads a value of a type from the octets of its slot.
    #[inline]
    pub(crate) fn parse(octets: &'a [u8], ty: Type, heap: Heap<'a>) -> Result<Self, DecodeError> {
        let mut octets = Octets(octets);
        if ty.array {
            let reference = octets.u32("array reference")?;
            return if reference == NO_REF { Ok(ValueView::Null) } else { ArrayView::parse(reference, ty.cim, heap).map(ValueView::Array) };
        }
        const WHAT: &str = "value";
        Ok(match ty.cim {
            CimType::Sint8 => ValueView::Sint8(octets.u8(WHAT)?.cast_signed()),
            CimType::Uint8 => ValueView::Uint8(octets.u8(WHAT)?),
            CimType::Sint16 => ValueView::Sint16(octets.u16(WHAT)?.cast_signed()),
            CimType::Uint16 => ValueView::Uint16(octets.u16(WHAT)?),
            CimType::Sint32 => ValueView::Sint32(octets.u32(WHAT)?.cast_signed()),
            CimType::Uint32 => ValueView::Uint32(octets.u32(WHAT)?),
            CimType::Sint64 => ValueView::Sint64(i64::from_le_bytes(octets.array(WHAT)?)),
            CimType::Uint64 => ValueView::Uint64(u64::from_le_bytes(octets.array(WHAT)?)),
            CimType::Real32 => ValueView::Real32(f32::from_le_bytes(octets.array(WHAT)?)),
            CimType::Real64 => ValueView::Real64(f64::from_le_bytes(octets.array(WHAT)?)),
            CimType::Boolean => ValueView::Boolean(octets.u16(WHAT)? != 0),
            CimType::Char16 => ValueView::Char16(octets.u16(WHAT)?),
            CimType::String | CimType::DateTime | CimType::Reference => match heap.text(octets.u32(WHAT)?)? {
                None => ValueView::Null,
                Some(text) if ty.cim == CimType::String => ValueView::String(text),
                Some(text) if ty.cim == CimType::DateTime => ValueView::DateTime(text),
                Some(text) => ValueView::Reference(text),
            },
            CimType::Object => match octets.u32(WHAT)? {
                NO_REF => ValueView::Null,
                reference => ValueView::Object(heap.block(reference, "embedded object")?),
            },
        })
    }

    /// Reads the value of a slot of a ValueTable.
    #[inline]
    pub(crate) fn in_table(table: &'a [u8], slot: Slot, heap: Heap<'a>) -> Result<Self, DecodeError> {
        let len = slot_len(slot.ty);
        let octets = table.get(slot.offset as usize..).and_then(|t| t.get(..len)).ok_or(DecodeError::Inconsistent {
            what: "value offset",
            found: slot.offset as usize,
            most: table.len().saturating_sub(len),
        })?;
        Self::parse(octets, slot.ty, heap)
    }
}

impl<'a> ArrayView<'a> {
    fn parse(reference: u32, ty: CimType, heap: Heap<'a>) -> Result<Self, DecodeError> {
        const WHAT: &str = "array";
        let mut octets = Octets(heap.from(reference, WHAT)?);
        let count = octets.u32(WHAT)? as usize;
        let elements = octets.take(count.saturating_mul(slot_len(ty.scalar())), WHAT)?;
        Ok(ArrayView { ty, elements, heap })
    }

    /// Type of the elements.
    pub fn ty(&self) -> CimType {
        self.ty
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.elements.len().checked_div(slot_len(self.ty.scalar())).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The elements.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<ValueView<'a>, DecodeError>> + use<'a> {
        let (ty, heap) = (self.ty.scalar(), self.heap);
        self.elements.chunks_exact(slot_len(ty)).map(move |octets| ValueView::parse(octets, ty, heap))
    }
}
