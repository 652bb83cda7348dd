//! Values, qualifier sets and what they refer to.
//!
//! A reference is written as a placeholder first; what it refers to goes to the end of the heap and patches it. Windows
//! packs its heaps in that order too: an item, then what it refers to, in the order of the references.

use super::{Depth, object};
use crate::EncodeError;
use crate::view::{DICTIONARY, DICTIONARY_REF, NO_REF, is_reference};
use rwmi_cim::{CimType, Qualifiers, Type, Value};

/// A reference that still leads nowhere.
pub(super) struct Pending<'v> {
    /// Where the reference stands in the output.
    at: usize,
    item: Item<'v>,
}

enum Item<'v> {
    Text(&'v str),
    Value { owner: &'v str, ty: Type, value: &'v Value },
}

/// What is being written, and where its heap begins.
pub(super) struct Writer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) depth: Depth,
}

impl Pending<'_> {
    /// Where the reference stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether it is the value of this property or qualifier.
    pub(super) fn is_of(&self, name: &str) -> bool {
        matches!(self.item, Item::Value { owner, .. } if owner == name)
    }

    /// The reference was moved.
    pub(super) fn move_to(&mut self, at: usize) {
        self.at = at;
    }
}

impl Writer<'_> {
    pub(super) fn u32(&mut self, n: u32) {
        self.out.extend_from_slice(&n.to_le_bytes());
    }

    /// Writes over four octets that were left open.
    pub(super) fn patch(&mut self, at: usize, n: u32) {
        if let Some(place) = self.out.get_mut(at..).and_then(|o| o.first_chunk_mut::<4>()) {
            *place = n.to_le_bytes();
        }
    }

    /// Leaves a length open.
    pub(super) fn open(&mut self) -> usize {
        let at = self.out.len();
        self.u32(0);
        at
    }

    /// Sets a length that was left open to the octets from `from` to here.
    pub(super) fn close(&mut self, at: usize, from: usize) -> Result<(), EncodeError> {
        let len = length(self.out.len().saturating_sub(from))?;
        self.patch(at, len);
        Ok(())
    }

    /// Opens a heap: gives the place of its length.
    pub(super) fn open_heap(&mut self) -> usize {
        self.open()
    }

    /// Closes a heap that was opened at this place.
    pub(super) fn close_heap(&mut self, at: usize) -> Result<(), EncodeError> {
        let len = length(self.out.len().saturating_sub(at.saturating_add(4)))?;
        self.patch(at, len | 0x8000_0000);
        Ok(())
    }

    /// The reference of what is written next. `heap` is the place of the heap's length.
    pub(super) fn here(&self, heap: usize) -> Result<u32, EncodeError> {
        length(self.out.len().saturating_sub(heap.saturating_add(4)))
    }

    /// A reference to a name: a word of the dictionary where there is one, spelt exactly so.
    pub(super) fn name<'v>(&mut self, name: &'v str, pending: &mut Vec<Pending<'v>>) {
        match DICTIONARY.iter().position(|w| *w == name) {
            Some(word) => self.u32(DICTIONARY_REF | word as u32),
            None => self.reference(Item::Text(name), pending),
        }
    }

    /// Writes a name to the heap, where it is no word of the dictionary, and points the reference at `at` to it.
    pub(super) fn patch_name(&mut self, at: usize, name: &str, heap: usize) -> Result<(), EncodeError> {
        match DICTIONARY.iter().position(|w| *w == name) {
            Some(word) => self.patch(at, DICTIONARY_REF | word as u32),
            None => {
                let here = self.here(heap)?;
                self.patch(at, here);
                put_text(self.out, name);
            }
        }
        Ok(())
    }

    /// A reference to a text, always to the heap.
    pub(super) fn text_reference<'v>(&mut self, text: &'v str, pending: &mut Vec<Pending<'v>>) {
        self.reference(Item::Text(text), pending);
    }

    fn reference<'v>(&mut self, item: Item<'v>, pending: &mut Vec<Pending<'v>>) {
        pending.push(Pending { at: self.out.len(), item });
        self.u32(NO_REF);
    }

    /// A value in its slot; NULL as this octet repeated.
    pub(super) fn slot<'v>(
        &mut self,
        owner: &'v str,
        ty: Type,
        value: &'v Value,
        null: u8,
        pending: &mut Vec<Pending<'v>>,
    ) -> Result<(), EncodeError> {
        if value.is_null() {
            self.out.resize(self.out.len().saturating_add(crate::view::slot_len(ty)), null);
            return Ok(());
        }
        if is_reference(ty) {
            check(owner, ty, value)?;
            self.reference(Item::Value { owner, ty, value }, pending);
            return Ok(());
        }
        self.scalar(owner, ty, value)
    }

    /// A value that has no reference.
    fn scalar(&mut self, owner: &str, ty: Type, value: &Value) -> Result<(), EncodeError> {
        match (ty.cim, value) {
            (CimType::Real32, Value::Real32(f)) => self.out.extend_from_slice(&f.to_le_bytes()),
            (CimType::Real64, Value::Real64(f)) => self.out.extend_from_slice(&f.to_le_bytes()),
            (CimType::Boolean, Value::Boolean(b)) => self.out.extend_from_slice(if *b { &[0xff, 0xff] } else { &[0, 0] }),
            (CimType::Char16, Value::Char16(c)) => self.out.extend_from_slice(&c.to_le_bytes()),
            (cim, value) => {
                // An integer of another width is taken where it fits: 1u32 is a good uint8.
                let fits = value.as_integer().and_then(|n| Value::from_integer(n, cim));
                match fits {
                    Some(Value::Sint8(n)) => self.out.extend_from_slice(&n.to_le_bytes()),
                    Some(Value::Uint8(n)) => self.out.extend_from_slice(&n.to_le_bytes()),
                    Some(Value::Sint16(n)) => self.out.extend_from_slice(&n.to_le_bytes()),
                    Some(Value::Uint16(n)) => self.out.extend_from_slice(&n.to_le_bytes()),
                    Some(Value::Sint32(n)) => self.out.extend_from_slice(&n.to_le_bytes()),
                    Some(Value::Uint32(n)) => self.out.extend_from_slice(&n.to_le_bytes()),
                    Some(Value::Sint64(n)) => self.out.extend_from_slice(&n.to_le_bytes()),
                    Some(Value::Uint64(n)) => self.out.extend_from_slice(&n.to_le_bytes()),
                    _ => return Err(mismatch(owner, ty, value)),
                }
            }
        }
        Ok(())
    }

    /// A qualifier set: its length, then the qualifiers.
    pub(super) fn qualifiers<'v>(&mut self, set: &'v Qualifiers, pending: &mut Vec<Pending<'v>>) -> Result<(), EncodeError> {
        let at = self.open();
        for q in &set.0 {
            self.name(&q.name, pending);
            self.out.push(q.flavor.0);
            self.u32(type_field(q.ty, false));
            // A NULL string or array is a null reference; a NULL number cannot be told from its octets.
            self.slot(&q.name, q.ty, &q.value, 0xff, pending)?;
        }
        self.close(at, at)
    }

    /// Writes what the references refer to, each item followed by what it refers to itself.
    pub(super) fn settle<'v>(&mut self, heap: usize, pending: Vec<Pending<'v>>) -> Result<(), EncodeError> {
        for Pending { at, item } in pending {
            let here = self.here(heap)?;
            self.patch(at, here);
            match item {
                Item::Text(text) => put_text(self.out, text),
                Item::Value { owner, ty, value } => self.item(heap, owner, ty, value)?,
            }
        }
        Ok(())
    }

    /// A value that lives in the heap, and what it refers to.
    pub(super) fn item(&mut self, heap: usize, owner: &str, ty: Type, value: &Value) -> Result<(), EncodeError> {
        match value {
            Value::Array(items) if ty.array => {
                self.u32(length(items.len())?);
                let mut pending = Vec::new();
                let scalar = ty.cim.scalar();
                let null =
                    if matches!(ty.cim, CimType::String | CimType::DateTime | CimType::Reference | CimType::Object) { 0xff } else { 0 };
                for item in items {
                    self.slot(owner, scalar, item, null, &mut pending)?;
                }
                self.settle(heap, pending)
            }
            Value::String(s) | Value::Reference(s) => {
                put_text(self.out, s);
                Ok(())
            }
            Value::DateTime(d) => {
                put_text(self.out, d.as_str());
                Ok(())
            }
            Value::Object(entity) => {
                let at = self.open();
                let depth = self.depth.deeper()?;
                object::entity(self.out, entity, depth)?;
                self.close(at, at.saturating_add(4))
            }
            other => Err(mismatch(owner, ty, other)),
        }
    }
}

/// Checks that a value that lives in the heap is of its type.
fn check(owner: &str, ty: Type, value: &Value) -> Result<(), EncodeError> {
    let fits = match value {
        Value::Array(_) => ty.array,
        Value::String(_) | Value::Reference(_) | Value::DateTime(_) => {
            !ty.array && matches!(ty.cim, CimType::String | CimType::Reference | CimType::DateTime)
        }
        Value::Object(_) => !ty.array && ty.cim == CimType::Object,
        _ => false,
    };
    if fits { Ok(()) } else { Err(mismatch(owner, ty, value)) }
}

fn mismatch(owner: &str, wanted: Type, value: &Value) -> EncodeError {
    EncodeError::Type { name: owner.into(), found: value.cim_type().map_or("an empty array".into(), |t| t.to_string()), wanted }
}

/// Whether a name is a word of the dictionary.
pub(super) fn is_word(name: &str) -> bool {
    DICTIONARY.contains(&name)
}

/// A length of at most 31 bits.
pub(super) fn length(len: usize) -> Result<u32, EncodeError> {
    u32::try_from(len).ok().filter(|n| *n < 0x8000_0000).ok_or(EncodeError::TooLarge("more than 2 GiB"))
}

/// The type field of a property or qualifier.
pub(super) fn type_field(ty: Type, inherited: bool) -> u32 {
    u32::from(ty.cim.code()) | if ty.array { crate::view::ARRAY } else { 0 } | if inherited { crate::view::INHERITED } else { 0 }
}

/// Writes an Encoded-String: one octet a character where all are Latin-1, UTF-16 otherwise, up to the first NUL.
///
/// A NUL ends the string on the wire, so nothing behind one can be carried.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let text = text.split('\0').next().unwrap_or_default();
    if text.is_ascii() {
        out.push(0);
        out.extend_from_slice(text.as_bytes());
        out.push(0);
    } else if text.chars().all(|c| u32::from(c) < 0x100) {
        out.push(0);
        out.extend(text.chars().map(|c| c as u8));
        out.push(0);
    } else {
        out.push(1);
        for unit in text.encode_utf16() {
            out.extend_from_slice(&unit.to_le_bytes());
        }
        out.extend_from_slice(&[0, 0]);
    }
}
