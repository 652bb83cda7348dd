//! Qualifier sets ([MS-WMIO] 2.2.59 to 2.2.63).

use super::class::{slot_len, type_of};
use super::{Heap, TextRef, ValueView};
use crate::DecodeError;
use crate::limits::QUALIFIERS_MAX;
use crate::octets::Octets;
use rwmi_cim::{Flavor, Type};

/// A set of qualifiers: `{ name ref, u8 flavor, u32 type, value }*`. An iterator over them.
#[derive(Debug, Clone, Copy)]
pub struct QualifiersView<'a> {
    octets: Octets<'a>,
    heap: Heap<'a>,
    seen: usize,
}

/// A qualifier.
#[derive(Debug, Clone, Copy)]
pub struct QualifierView<'a> {
    /// Its name.
    pub name: TextRef<'a>,
    /// How it propagates.
    pub flavor: Flavor,
    /// Its type.
    pub ty: Type,
    /// Its value.
    pub value: ValueView<'a>,
}

impl<'a> QualifiersView<'a> {
    pub(crate) fn new(entries: &'a [u8], heap: Heap<'a>) -> Self {
        QualifiersView { octets: Octets(entries), heap, seen: 0 }
    }

    /// Reads a set with its own length in front.
    pub(crate) fn parse(octets: &mut Octets<'a>, heap: Heap<'a>, what: &'static str) -> Result<Self, DecodeError> {
        Ok(Self::new(octets.counted(what)?, heap))
    }

    fn read(&mut self) -> Result<QualifierView<'a>, DecodeError> {
        const WHAT: &str = "qualifier";
        self.seen = self.seen.saturating_add(1);
        if self.seen > QUALIFIERS_MAX {
            return Err(DecodeError::Limit { what: "qualifiers", found: self.seen as u64, most: QUALIFIERS_MAX as u64 });
        }
        let name = self.octets.u32(WHAT)?;
        let flavor = Flavor(self.octets.u8(WHAT)?);
        let ty = type_of(self.octets.u32(WHAT)?)?;
        let value = self.octets.take(slot_len(ty), WHAT)?;
        Ok(QualifierView { name: self.heap.name(name, "qualifier name")?, flavor, ty, value: ValueView::parse(value, ty, self.heap)? })
    }
}

impl<'a> Iterator for QualifiersView<'a> {
    type Item = Result<QualifierView<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.octets.0.is_empty() {
            return None;
        }
        let next = self.read();
        if next.is_err() {
            self.octets.0 = &[];
        }
        Some(next)
    }
}
