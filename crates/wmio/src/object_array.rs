//! ObjectArrays: many objects in one buffer, a class once ([MS-WMI] 2.2.14).
//!
//! Smart enumerators answer with them, and sinks are called with them.
//!
//! ```text
//! u32 0 | "WBEMDATA" | u32 26 | u32 length of what follows | u32 flags 0 | u8 version 1 | u8 kind
//!   u32 8 | u32 length of what follows
//!     u32 12 | u32 length of what follows | u32 count
//!       count x: u32 9 | u32 length | u8 type: 1 class, 2 instance, 3 instance without class
//!                u32 8, or 24 with class id | u32 length | [class id] | ObjectBlock
//! ```

use crate::decode::{self, Budget};
use crate::encode::address;
use crate::limits::PACKET_OBJECTS_MAX;
use crate::octets::Octets;
use crate::view::{ClassView, UnitView};
use crate::{DecodeError, DecodeOptions, Decoder, EncodeError, EncodeOptions, Encoder};
use bytes::Bytes;
use rwmi_cim::Entity;
use std::collections::HashMap;

/// What an ObjectArray answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketKind(pub u8);

impl PacketKind {
    /// A call of `IWbemObjectSink::Indicate`.
    pub const INDICATE: PacketKind = PacketKind(0);
    /// The answer of `IWbemWCOSmartEnum::Next`.
    pub const SMART_ENUM: PacketKind = PacketKind(1);
}

/// Identity of a class within an enumeration, as its sixteen octets.
pub type ClassId = [u8; 16];

/// An ObjectArray, its frame read.
#[derive(Debug, Clone, Copy)]
pub struct PacketView<'a> {
    /// What it answers.
    pub kind: PacketKind,
    count: usize,
    objects: &'a [u8],
}

/// An object of an ObjectArray.
#[derive(Debug, Clone, Copy)]
pub enum EntryView<'a> {
    /// A class.
    Class(&'a [u8]),
    /// An instance with its class part.
    Instance(&'a ClassId, &'a [u8]),
    /// An instance of the class that came with this id before.
    InstanceWithoutClass(&'a ClassId, &'a [u8]),
}

const MAGIC: &[u8; 8] = b"WBEMDATA";

impl<'a> PacketView<'a> {
    /// Reads the frame. Octets behind the packet do not belong to it: they are the rest of the call.
    pub fn parse(octets: &'a [u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "object array";
        let mut octets = Octets(octets);
        let order = octets.u32(WHAT)?;
        if order != 0 {
            return Err(DecodeError::Packet { what: "the byte order", found: order.into() });
        }
        let magic = octets.array::<8>(WHAT)?;
        if magic != *MAGIC {
            return Err(DecodeError::Packet { what: "the signature", found: u64::from_be_bytes(magic) });
        }
        let header = octets.u32(WHAT)? as usize;
        let len = octets.u32(WHAT)? as usize;
        octets.u32(WHAT)?;
        let version = octets.u8(WHAT)?;
        if version != 1 {
            return Err(DecodeError::Packet { what: "the version", found: version.into() });
        }
        let kind = PacketKind(octets.u8(WHAT)?);
        skip(&mut octets, header, 26)?;
        // The first length leaves the octets of this header out, and the second and third those of theirs.
        let mut octets = Octets(octets.take(len, WHAT)?);
        let (header, len) = (octets.u32(WHAT)? as usize, octets.u32(WHAT)? as usize);
        skip(&mut octets, header, 8)?;
        let mut octets = Octets(octets.take(len, WHAT)?);
        let (header, len, count) = (octets.u32(WHAT)? as usize, octets.u32(WHAT)? as usize, octets.u32(WHAT)? as usize);
        skip(&mut octets, header, 12)?;
        let objects = octets.take(len, WHAT)?;
        if count > PACKET_OBJECTS_MAX {
            return Err(DecodeError::Limit { what: "objects in a packet", found: count as u64, most: PACKET_OBJECTS_MAX as u64 });
        }
        Ok(PacketView { kind, count, objects })
    }

    /// How many objects it says to hold.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The objects. The first malformed frame is the last item.
    pub fn entries(&self) -> impl Iterator<Item = Result<EntryView<'a>, DecodeError>> + use<'a> {
        let (mut octets, mut left) = (Octets(self.objects), self.count);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let entry = entry(&mut octets);
            if entry.is_err() {
                left = 0;
            }
            Some(entry)
        })
    }
}

fn skip(octets: &mut Octets<'_>, header: usize, known: usize) -> Result<(), DecodeError> {
    let more = header.checked_sub(known).ok_or(DecodeError::Packet { what: "a header length", found: header as u64 })?;
    octets.take(more, "object array header").map(drop)
}

#[inline]
fn entry<'a>(octets: &mut Octets<'a>) -> Result<EntryView<'a>, DecodeError> {
    const WHAT: &str = "object of an array";
    let (header, len, ty) = (octets.u32(WHAT)? as usize, octets.u32(WHAT)? as usize, octets.u8(WHAT)?);
    skip(octets, header, 9)?;
    let mut octets = Octets(octets.take(len, WHAT)?);
    let (header, len) = (octets.u32(WHAT)? as usize, octets.u32(WHAT)? as usize);
    match ty {
        1 => {
            skip(&mut octets, header, 8)?;
            octets.take(len, WHAT).map(EntryView::Class)
        }
        2 | 3 => {
            let id = octets.take(16, WHAT)?.first_chunk::<16>().ok_or(DecodeError::Truncated { what: WHAT, needs: 16, left: 0 })?;
            skip(&mut octets, header, 24)?;
            let block = octets.take(len, WHAT)?;
            Ok(if ty == 2 { EntryView::Instance(id, block) } else { EntryView::InstanceWithoutClass(id, block) })
        }
        other => Err(DecodeError::Packet { what: "the type of an object", found: other.into() }),
    }
}

/// What an ObjectArray holds.
#[derive(Debug)]
pub struct Packet {
    /// What it answers.
    pub kind: PacketKind,
    /// The objects, in order. A malformed one does not lose the others.
    pub objects: Vec<Result<Entity, DecodeError>>,
}

/// Decodes the ObjectArrays of one enumeration, and remembers its classes.
#[derive(Debug, Default)]
pub struct ObjectArrayDecoder {
    decoder: Decoder,
}

impl ObjectArrayDecoder {
    /// A decoder that has seen no class.
    pub fn new(options: DecodeOptions) -> Self {
        ObjectArrayDecoder { decoder: Decoder::new(options) }
    }

    /// Decodes a packet. Values of instances are decoded when they are asked for.
    pub fn decode(&mut self, octets: &Bytes) -> Result<Packet, DecodeError> {
        let view = PacketView::parse(octets)?;
        // 17 octets are the least that the frame of an object takes.
        let mut objects = Vec::with_capacity(view.count.min(view.objects.len() / 17));
        for entry in view.entries() {
            objects.push(entry.and_then(|e| self.entry(octets, e)));
        }
        Ok(Packet { kind: view.kind, objects })
    }

    fn entry(&mut self, octets: &Bytes, entry: EntryView<'_>) -> Result<Entity, DecodeError> {
        let (id, block) = match entry {
            EntryView::Class(block) => return self.decoder.block(&octets.slice_ref(block)),
            EntryView::Instance(id, block) => {
                let unit = UnitView::parse_block(block)?;
                let (part, rest) = ClassView::parse(unit.body)?;
                let mut budget = Budget::of(block.len(), self.decoder.options());
                let cache = self.decoder.cache();
                let layout = cache.layout(octets, &part, &mut budget)?;
                cache.remember(*id, &layout);
                let decoration = cache.decoration(&unit);
                return decode::instance(octets, rest, &layout, decoration, &budget).map(Entity::Instance);
            }
            EntryView::InstanceWithoutClass(id, block) => (id, block),
        };
        let unit = UnitView::parse_block(block)?;
        let budget = Budget::of(block.len(), self.decoder.options());
        let cache = self.decoder.cache();
        let layout = cache.by_id(id).ok_or(DecodeError::ClassUnknown(*id))?.clone();
        let decoration = cache.decoration(&unit);
        decode::instance(octets, unit.body, &layout, decoration, &budget).map(Entity::Instance)
    }
}

/// Writes the ObjectArrays of one enumeration.
#[derive(Debug)]
pub struct ObjectArrayEncoder {
    kind: PacketKind,
    encoder: Encoder,
    // By address, as in the encoder; with the class, so that the address is not used again.
    ids: HashMap<usize, (std::sync::Arc<rwmi_cim::Class>, ClassId)>,
}

impl ObjectArrayEncoder {
    /// An encoder of packets of a kind.
    pub fn new(kind: PacketKind, options: EncodeOptions) -> Self {
        ObjectArrayEncoder { kind, encoder: Encoder::new(options), ids: HashMap::new() }
    }

    /// Writes a packet. The first instance of a class brings the class part in each packet, so that a client which
    /// missed a packet, or clones an enumerator, can read the next.
    ///
    /// `new_id` makes up ids of classes; they must be random, because some clients remember classes by id for as long as they run.
    pub fn encode(&mut self, objects: &[Entity], mut new_id: impl FnMut() -> ClassId) -> Result<Vec<u8>, EncodeError> {
        if self.ids.len() > IDS_MAX {
            self.ids.clear();
        }
        let mut out = Vec::with_capacity(objects.len().saturating_mul(256).saturating_add(64));
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&26u32.to_le_bytes());
        let len1 = open(&mut out);
        out.extend_from_slice(&[0, 0, 0, 0, 1, self.kind.0]);
        let from1 = out.len();
        out.extend_from_slice(&8u32.to_le_bytes());
        let len2 = open(&mut out);
        let from2 = out.len();
        out.extend_from_slice(&12u32.to_le_bytes());
        let len3 = open(&mut out);
        let count = u32::try_from(objects.len()).map_err(|_| EncodeError::TooLarge("more than 2^32 objects in a packet"))?;
        out.extend_from_slice(&count.to_le_bytes());
        let from3 = out.len();
        let mut stated: Vec<ClassId> = Vec::new();
        for entity in objects {
            self.object(&mut out, entity, &mut stated, &mut new_id)?;
        }
        close(&mut out, len3, from3)?;
        close(&mut out, len2, from2)?;
        close(&mut out, len1, from1)?;
        Ok(out)
    }

    fn object(
        &mut self,
        out: &mut Vec<u8>,
        entity: &Entity,
        stated: &mut Vec<ClassId>,
        new_id: &mut impl FnMut() -> ClassId,
    ) -> Result<(), EncodeError> {
        let id = match entity {
            Entity::Class(_) => None,
            Entity::Instance(o) => Some(self.ids.entry(address(o.class())).or_insert_with(|| (o.class().clone(), new_id())).1),
        };
        let with_class = id.is_none_or(|id| !stated.contains(&id));
        out.extend_from_slice(&9u32.to_le_bytes());
        let outer = open(out);
        out.push(match (id, with_class) {
            (None, _) => 1,
            (Some(_), true) => 2,
            (Some(_), false) => 3,
        });
        let from_outer = out.len();
        out.extend_from_slice(&if id.is_some() { 24u32 } else { 8 }.to_le_bytes());
        let inner = open(out);
        if let Some(id) = id {
            out.extend_from_slice(&id);
            if with_class {
                stated.push(id);
            }
        }
        let from_inner = out.len();
        self.encoder.block(out, entity, with_class)?;
        close(out, inner, from_inner)?;
        close(out, outer, from_outer)
    }
}

/// Classes whose ids are kept.
const IDS_MAX: usize = 1024;

fn open(out: &mut Vec<u8>) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    at
}

fn close(out: &mut [u8], at: usize, from: usize) -> Result<(), EncodeError> {
    let len = u32::try_from(out.len().saturating_sub(from)).map_err(|_| EncodeError::TooLarge("more than 4 GiB in a packet"))?;
    if let Some(place) = out.get_mut(at..).and_then(|o| o.first_chunk_mut::<4>()) {
        *place = len.to_le_bytes();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
