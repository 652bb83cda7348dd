//! The methods of a class ([MS-WMIO] 2.2.37 to 2.2.42).

use super::{Heap, QualifiersView, TextRef};
use crate::DecodeError;
use crate::limits::METHODS_MAX;
use crate::octets::Octets;

/// The methods part: `u32 length | u16 n | u16 padding | n x 24 octets | heap`.
#[derive(Debug, Clone, Copy)]
pub struct MethodsView<'a> {
    /// The octets, to their declared end.
    pub octets: &'a [u8],
    entries: &'a [[u8; 24]],
    heap: Heap<'a>,
}

/// A method.
#[derive(Debug, Clone, Copy)]
pub struct MethodView<'a> {
    heap: Heap<'a>,
    name: u32,
    /// Its flags, as they came.
    pub flags: u8,
    /// Which class declared it, counted from the topmost ancestor.
    pub origin: u32,
    qualifiers: u32,
    input: u32,
    output: u32,
}

impl<'a> MethodsView<'a> {
    /// Reads a methods part from the front of `octets`.
    pub(crate) fn parse(octets: &mut Octets<'a>) -> Result<Self, DecodeError> {
        const WHAT: &str = "methods part";
        let whole = octets.0;
        let mut part = Octets(octets.counted(WHAT)?);
        let count = usize::from(part.u16(WHAT)?);
        part.u16(WHAT)?;
        if count > METHODS_MAX {
            return Err(DecodeError::Limit { what: "methods", found: count as u64, most: METHODS_MAX as u64 });
        }
        let (entries, _) = part.take(count.saturating_mul(24), "method descriptions")?.as_chunks::<24>();
        let heap = part.heap()?;
        let len = whole.len().saturating_sub(octets.0.len());
        Ok(MethodsView { octets: whole.get(..len).unwrap_or_default(), entries, heap })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The methods in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = MethodView<'a>> + use<'a> {
        let heap = self.heap;
        self.entries.iter().map(move |e| {
            let [n0, n1, n2, n3, flags, _, _, _, o0, o1, o2, o3, q0, q1, q2, q3, i0, i1, i2, i3, p0, p1, p2, p3] = *e;
            MethodView {
                heap,
                name: u32::from_le_bytes([n0, n1, n2, n3]),
                flags,
                origin: u32::from_le_bytes([o0, o1, o2, o3]),
                qualifiers: u32::from_le_bytes([q0, q1, q2, q3]),
                input: u32::from_le_bytes([i0, i1, i2, i3]),
                output: u32::from_le_bytes([p0, p1, p2, p3]),
            }
        })
    }

    /// The heap.
    pub fn heap(&self) -> Heap<'a> {
        self.heap
    }
}

impl<'a> MethodView<'a> {
    /// Its name.
    pub fn name(&self) -> Result<TextRef<'a>, DecodeError> {
        self.heap.name(self.name, "method name")
    }

    /// Its qualifiers.
    pub fn qualifiers(&self) -> Result<QualifiersView<'a>, DecodeError> {
        if self.qualifiers == super::text::NO_REF {
            return Ok(QualifiersView::new(&[], self.heap));
        }
        QualifiersView::parse(&mut Octets(self.heap.from(self.qualifiers, "method qualifiers")?), self.heap, "method qualifiers")
    }

    /// The ObjectBlock of its in parameters, where it has any.
    pub fn input(&self) -> Result<Option<&'a [u8]>, DecodeError> {
        self.signature(self.input)
    }

    /// The ObjectBlock of its out parameters, where it has any.
    pub fn output(&self) -> Result<Option<&'a [u8]>, DecodeError> {
        self.signature(self.output)
    }

    fn signature(&self, reference: u32) -> Result<Option<&'a [u8]>, DecodeError> {
        if reference == super::text::NO_REF {
            return Ok(None);
        }
        let block = self.heap.block(reference, "method signature")?;
        Ok(if block.is_empty() { None } else { Some(block) })
    }
}
