//! Strips what an encoding leaves unused, item order kept: octets of and behind a heap that nothing refers to, padding bits
//! of an NdTable, slots of properties that are NULL or default, padding of method entries. Written against the octets, not with the crate's views.

/// How the class part at hand differs from the wire's.
#[derive(Clone, Copy)]
pub(crate) enum Form<'f> {
    /// As on the wire: lists every property.
    Wire,
    /// As in a repository: the types of all properties, listed or not.
    Stored(&'f [(u32, bool)]),
}

/// The order of the items of a heap.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Order {
    /// As they lie.
    Kept,
    /// As they are referred to, so that two encodings which differ only in the order of their heaps become the same.
    ByReference,
}

fn u32_at(o: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(o[at..at + 4].try_into().unwrap())
}

fn u16_at(o: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(o[at..at + 2].try_into().unwrap())
}

fn put(o: &mut [u8], at: usize, n: u32) {
    o[at..at + 4].copy_from_slice(&n.to_le_bytes());
}

/// Octets of a slot of a type field.
pub(crate) fn slot_len(ty: u32) -> usize {
    match ty & 0x20ff {
        16 | 17 => 1,
        2 | 18 | 11 | 103 => 2,
        20 | 21 | 5 => 8,
        _ => 4,
    }
}

fn text_len(o: &[u8], at: usize) -> usize {
    if o[at] == 0 {
        o[at + 1..].iter().position(|b| *b == 0).unwrap() + 2
    } else {
        o[at + 1..].chunks(2).position(|u| u == [0, 0]).unwrap() * 2 + 3
    }
}

/// A part with a heap: positions of the references into it, what they refer to, and blocks in it that shrink.
struct Part {
    octets: Vec<u8>,
    heap: usize,
    references: Vec<usize>,
    live: Vec<(usize, usize)>,
    blocks: Vec<usize>,
    order: Order,
}

impl Part {
    fn new(octets: Vec<u8>, heap: usize, order: Order) -> Self {
        Part { octets, heap, references: Vec::new(), live: Vec::new(), blocks: Vec::new(), order }
    }

    fn follow(&mut self, at: usize) -> Option<usize> {
        let to = u32_at(&self.octets, at);
        if to & 0x8000_0000 != 0 {
            return None;
        }
        self.references.push(at);
        Some(self.heap + 4 + to as usize)
    }

    fn text(&mut self, at: usize) {
        if let Some(to) = self.follow(at) {
            self.live.push((to, text_len(&self.octets, to)));
        }
    }

    fn block(&mut self, at: usize) {
        if let Some(to) = self.follow(at) {
            self.live.push((to, 4 + u32_at(&self.octets, to) as usize));
            self.blocks.push(to);
        }
    }

    fn value(&mut self, at: usize, ty: u32) {
        let cim = ty & 0xff;
        if ty & 0x2000 != 0 {
            let Some(array) = self.follow(at) else { return };
            let count = u32_at(&self.octets, array) as usize;
            self.live.push((array, 4 + count * slot_len(cim)));
            for i in 0..count {
                self.value(array + 4 + i * slot_len(cim), cim);
            }
        } else if matches!(cim, 8 | 101 | 102) {
            self.text(at);
        } else if cim == 13 {
            self.block(at);
        }
    }

    /// Walks a qualifier set; gives its end.
    fn qualifiers(&mut self, at: usize) -> usize {
        let end = at + u32_at(&self.octets, at) as usize;
        let mut at = at + 4;
        while at < end {
            self.text(at);
            let ty = u32_at(&self.octets, at + 5);
            self.value(at + 9, ty);
            at += 9 + slot_len(ty);
        }
        assert_eq!(at, end);
        end
    }

    /// Cuts what nothing refers to.
    fn finish(mut self) -> Vec<u8> {
        let in_order = self.live.clone();
        self.live.sort_unstable();
        assert!(self.live.windows(2).all(|w| w[0].0 + w[0].1 <= w[1].0), "two items share octets");
        let mut heap: Vec<u8> = Vec::new();
        let mut moved: Vec<(usize, usize)> = Vec::new();
        for (at, len) in if self.order == Order::Kept { &self.live } else { &in_order } {
            moved.push((*at, heap.len()));
            if self.blocks.contains(at) {
                let stripped = if *len == 4 { Vec::new() } else { block(&self.octets[at + 4..at + len], self.order) };
                heap.extend_from_slice(&u32::try_from(stripped.len()).unwrap().to_le_bytes());
                heap.extend_from_slice(&stripped);
            } else {
                heap.extend_from_slice(&self.octets[*at..at + len]);
            }
        }
        moved.sort_unstable();
        let to_new = |to: usize| moved[moved.binary_search_by_key(&to, |(old, _)| *old).unwrap()].1;
        let mut fixed = self.octets[..self.heap].to_vec();
        for at in &self.references {
            let new = u32::try_from(to_new(self.heap + 4 + u32_at(&self.octets, *at) as usize)).unwrap();
            if *at < self.heap {
                put(&mut fixed, *at, new);
            } else {
                let item = self.live[self.live.partition_point(|(start, _)| start <= at) - 1].0;
                put(&mut heap, to_new(item) + at - item, new);
            }
        }
        fixed.extend_from_slice(&(u32::try_from(heap.len()).unwrap() | 0x8000_0000).to_le_bytes());
        fixed.extend(heap);
        let len = u32::try_from(fixed.len()).unwrap();
        put(&mut fixed, 0, len);
        fixed
    }
}

/// Properties of a class part: type by order, and whether it is listed.
type Properties = Vec<(u32, bool)>;

/// Strips a class part; gives its properties too.
pub(crate) fn class_part(octets: &[u8], form: Form<'_>, order: Order) -> (Vec<u8>, Properties) {
    let octets = octets[..u32_at(octets, 0) as usize].to_vec();
    let tables_len = u32_at(&octets, 9) as usize;
    let derivation = 13;
    let qualifiers = derivation + u32_at(&octets, derivation) as usize;
    let lookup = qualifiers + u32_at(&octets, qualifiers) as usize;
    let count = u32_at(&octets, lookup) as usize;
    let tables = lookup + 4 + count * 8;
    let mut p = Part::new(octets, tables + tables_len, order);
    p.text(5);
    p.qualifiers(qualifiers);
    let mut listed = Vec::new();
    for i in 0..count {
        p.text(lookup + 4 + i * 8);
        let info = p.follow(lookup + 8 + i * 8).unwrap();
        let (ty, order, offset) = (u32_at(&p.octets, info), usize::from(u16_at(&p.octets, info + 4)), u32_at(&p.octets, info + 6) as usize);
        let end = p.qualifiers(info + 14);
        p.live.push((info, end - info));
        listed.push((order, ty, offset));
    }
    listed.sort_unstable();
    let all: Properties = match form {
        Form::Wire => listed.iter().map(|(_, ty, _)| (*ty, true)).collect(),
        Form::Stored(all) => all.to_vec(),
    };
    let nd_len = all.len().div_ceil(4);
    let mut offset = 0;
    for (order, (ty, own)) in all.iter().enumerate() {
        let bits = (p.octets[tables + order / 4] >> (order % 4 * 2)) & 3;
        let (at, len) = (tables + nd_len + offset, slot_len(*ty));
        let reference = ty & 0x2000 != 0 || matches!(ty & 0xff, 8 | 101 | 102 | 13);
        if bits & 1 != 0 || (!own && reference) {
            p.octets[at..at + len].fill(0xff);
        } else {
            p.value(at, *ty & 0x20ff);
        }
        offset += len;
    }
    for order in all.len()..nd_len * 4 {
        p.octets[tables + order / 4] &= !(3 << (order % 4 * 2));
    }
    (p.finish(), all)
}

/// Strips a methods part.
pub(crate) fn methods_part(octets: &[u8], order: Order) -> Vec<u8> {
    let mut octets = octets[..u32_at(octets, 0) as usize].to_vec();
    let count = usize::from(u16_at(&octets, 4));
    octets[6..8].fill(0);
    let mut p = Part::new(octets, 8 + count * 24, order);
    for at in (0..count).map(|i| 8 + i * 24) {
        p.octets[at + 5..at + 8].fill(0);
        p.text(at);
        let set = p.follow(at + 12).unwrap();
        let end = p.qualifiers(set);
        p.live.push((set, end - set));
        p.block(at + 16);
        p.block(at + 20);
    }
    p.finish()
}

/// Strips an instance without its class part. `properties` are those of its class.
pub(crate) fn instance_part(octets: &[u8], properties: &[(u32, bool)], order: Order) -> Vec<u8> {
    let octets = octets[..u32_at(octets, 0) as usize].to_vec();
    let nd = 9;
    let values = nd + properties.len().div_ceil(4);
    let qualifiers = values + properties.iter().map(|(ty, _)| slot_len(*ty)).sum::<usize>();
    let mut flag = qualifiers + u32_at(&octets, qualifiers) as usize;
    let first_set = flag + 1;
    if octets[flag] == 2 {
        for _ in properties {
            flag += u32_at(&octets, flag + 1) as usize;
        }
    }
    let mut p = Part::new(octets, flag + 1, order);
    p.text(5);
    p.qualifiers(qualifiers);
    let mut set = first_set;
    while set < p.heap {
        set = p.qualifiers(set);
    }
    let mut at = values;
    for (order, (ty, _)) in properties.iter().enumerate() {
        let len = slot_len(*ty);
        if (p.octets[nd + order / 4] >> (order % 4 * 2)) & 3 != 0 {
            p.octets[at..at + len].fill(0);
        } else {
            p.value(at, *ty & 0x20ff);
        }
        at += len;
    }
    for order in properties.len()..properties.len().div_ceil(4) * 4 {
        p.octets[nd + order / 4] &= !(3 << (order % 4 * 2));
    }
    p.finish()
}

/// Strips an ObjectBlock.
pub(crate) fn block(octets: &[u8], order: Order) -> Vec<u8> {
    let mut at = 1;
    if octets[0] & 4 != 0 {
        at += text_len(octets, at);
        at += text_len(octets, at);
    }
    let mut out = octets[..at].to_vec();
    let part = |at: &mut usize| -> &[u8] {
        let from = *at;
        *at += u32_at(octets, from) as usize;
        &octets[from..]
    };
    if octets[0] & 1 != 0 {
        for _ in 0..2 {
            out.extend(class_part(part(&mut at), Form::Wire, order).0);
            out.extend(methods_part(part(&mut at), order));
        }
    } else {
        let (class, properties) = class_part(part(&mut at), Form::Wire, order);
        out.extend(class);
        out.extend(instance_part(&octets[at..], &properties, order));
    }
    out
}
