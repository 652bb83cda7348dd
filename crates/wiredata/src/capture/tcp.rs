//! TCP segments of frames, and streams of segments.

use super::file::Frame;
use super::{Run, Stream, array};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A TCP segment, as far as it was captured.
pub(super) struct Segment<'a> {
    at_us: u64,
    from: SocketAddr,
    to: SocketAddr,
    sequence: u32,
    syn: bool,
    ack: bool,
    octets: &'a [u8],
}

/// What a frame carries.
pub(super) enum Packet<'a> {
    /// A segment.
    Tcp(Segment<'a>),
    /// Something else.
    Other,
    /// The link type is not known here.
    UnknownLink(u32),
}

pub(super) fn packet<'a>(frame: &Frame<'a>) -> Packet<'a> {
    let octets = match frame.link {
        0 | 108 => frame.octets.get(4..),                // BSD loopback
        1 => ethernet(frame.octets, 12),                 // Ethernet
        113 => ethernet(frame.octets, 14),               // Linux cooked
        276 => cooked_2(frame.octets),                   // Linux cooked, version 2
        12 | 14 | 101 | 228 | 229 => Some(frame.octets), // IP alone
        other => return Packet::UnknownLink(other),
    };
    octets.and_then(|octets| segment(octets, frame.at_us)).map_or(Packet::Other, Packet::Tcp)
}

/// What follows an EtherType, tags of networks within the network skipped.
fn ethernet(octets: &[u8], mut at: usize) -> Option<&[u8]> {
    while matches!(array(octets, at)?, [0x81, 0x00] | [0x88, 0xa8] | [0x91, 0x00]) {
        at += 4;
    }
    match array(octets, at)? {
        [0x08, 0x00] | [0x86, 0xdd] => octets.get(at + 2..),
        // PPPoE: six octets, then the protocol of PPP.
        [0x88, 0x64] if matches!(array(octets, at + 8)?, [0, 0x21] | [0, 0x57]) => octets.get(at + 10..),
        _ => None,
    }
}

fn cooked_2(octets: &[u8]) -> Option<&[u8]> {
    matches!(array(octets, 0)?, [0x08, 0x00] | [0x86, 0xdd]).then(|| octets.get(20..))?
}

fn segment(packet: &[u8], at_us: u64) -> Option<Segment<'_>> {
    let (from, to, tcp): (IpAddr, IpAddr, &[u8]) = match packet.first()? >> 4 {
        4 => {
            let header = usize::from(packet.first()? & 15) * 4;
            let end = usize::from(u16::from_be_bytes(array(packet, 2)?));
            let fragment = u16::from_be_bytes(array(packet, 6)?) & 0x3fff;
            if *packet.get(9)? != 6 || fragment != 0 {
                return None;
            }
            // Length 0 is what a network card that cuts segments itself leaves behind.
            let end = if end == 0 { packet.len() } else { end.min(packet.len()) };
            (Ipv4Addr::from(array::<4>(packet, 12)?).into(), Ipv4Addr::from(array::<4>(packet, 16)?).into(), packet.get(header..end)?)
        }
        6 => {
            let len = usize::from(u16::from_be_bytes(array(packet, 4)?));
            let end = if len == 0 { packet.len() } else { (40 + len).min(packet.len()) };
            let (mut next, mut at) = (*packet.get(6)?, 40);
            // Hop-by-hop, routing and destination options are in front of TCP.
            while matches!(next, 0 | 43 | 60) {
                (next, at) = (*packet.get(at)?, at + 8 + usize::from(*packet.get(at + 1)?) * 8);
            }
            if next != 6 {
                return None;
            }
            (Ipv6Addr::from(array::<16>(packet, 8)?).into(), Ipv6Addr::from(array::<16>(packet, 24)?).into(), packet.get(at..end)?)
        }
        _ => return None,
    };
    let port = |at| array(tcp, at).map(u16::from_be_bytes);
    let header = usize::from(tcp.get(12)? >> 4) * 4;
    let flags = tcp.get(13)?;
    Some(Segment {
        at_us,
        from: SocketAddr::new(from, port(0)?),
        to: SocketAddr::new(to, port(2)?),
        sequence: u32::from_be_bytes(array(tcp, 4)?),
        syn: flags & 2 != 0,
        ack: flags & 16 != 0,
        octets: tcp.get(header..).unwrap_or_default(),
    })
}

/// All segments of a connection, in the order of the capture.
pub(super) struct Connection<'a> {
    client: SocketAddr,
    server: SocketAddr,
    /// The client's first sequence number, where its opening was seen.
    opening: Option<u32>,
    segments: Vec<Segment<'a>>,
}

/// Adds a segment to the last connection of its ends, or begins one.
pub(super) fn add<'a>(connections: &mut Vec<Connection<'a>>, segment: Segment<'a>) {
    let is_opening = segment.syn && !segment.ack;
    let known = connections.iter_mut().rev().find(|known| {
        let ends = (known.client, known.server);
        ends == (segment.from, segment.to) || ends == (segment.to, segment.from)
    });
    match known {
        // The same ports again with another opening number are another connection.
        Some(known) if !is_opening || known.opening.is_none_or(|number| number == segment.sequence) => {
            if is_opening && known.segments.is_empty() {
                known.opening = Some(segment.sequence);
            }
            known.segments.push(segment);
        }
        _ => {
            // An answer to an opening that was not recorded comes from the server.
            let (client, server) = if segment.syn && segment.ack { (segment.to, segment.from) } else { (segment.from, segment.to) };
            let opening = is_opening.then_some(segment.sequence);
            connections.push(Connection { client, server, opening, segments: vec![segment] });
        }
    }
}

/// One direction in the making. Places are counted from the first octet, and do not wrap.
#[derive(Default)]
struct Side {
    /// Sequence number and place of the last segment: the next is near.
    last: Option<(u32, i64)>,
    /// Where each stretch that was captured begins and ends.
    captured: BTreeMap<i64, i64>,
    /// Place of the next octet.
    next: i64,
    /// Octets that came before those in front of them.
    early: BTreeMap<i64, Vec<u8>>,
    /// Whether the octets in front of the next are missing.
    after_gap: bool,
}

impl Side {
    fn place(&mut self, sequence: u32) -> i64 {
        let place = self.last.map_or(0, |(last, place)| place + i64::from(sequence.wrapping_sub(last).cast_signed()));
        self.last = Some((sequence, place));
        place
    }

    /// Whether any segment of the capture has the octet at a place.
    fn has(&self, place: i64) -> bool {
        self.captured.range(..=place).next_back().is_some_and(|(_, end)| place < *end)
    }

    /// What can be read now, and whether octets in front of it are missing.
    fn read(&mut self) -> Option<(Vec<u8>, bool)> {
        let mut octets = Vec::new();
        if !self.has(self.next) {
            let next = self.captured.range(self.next..).next().map(|(start, _)| *start)?;
            if self.early.contains_key(&next) {
                self.next = next;
                self.after_gap = true;
            }
        }
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() <= self.next) {
            let (place, piece) = entry.remove_entry();
            let fresh = usize::try_from(self.next - place).ok().and_then(|skip| piece.get(skip..)).unwrap_or_default();
            octets.extend_from_slice(fresh);
            self.next += i64::try_from(fresh.len()).unwrap_or(0);
        }
        (!octets.is_empty()).then(|| (octets, std::mem::take(&mut self.after_gap)))
    }
}

/// Joins the octets of a connection.
///
/// What no segment of the whole capture has is missing: reading goes on behind it. What comes late is waited for.
pub(super) fn join(connection: Connection<'_>) -> Stream {
    let mut sides: [Side; 2] = Default::default();
    let mut opened = [false; 2];
    let mut places = Vec::new();
    for segment in &connection.segments {
        let from_client = usize::from(segment.from == connection.client);
        let sequence = if segment.syn { segment.sequence.wrapping_add(1) } else { segment.sequence };
        let side = &mut sides[from_client];
        let place = side.place(sequence);
        places.push(place);
        if segment.syn && !opened[from_client] {
            opened[from_client] = true;
            side.next = place;
        }
        let end = place + i64::try_from(segment.octets.len()).unwrap_or(0);
        if place < end {
            let known = side.captured.entry(place).or_insert(end);
            *known = end.max(*known);
        }
    }
    for (side, opened) in sides.iter_mut().zip(opened) {
        if !opened {
            // Recorded from somewhere in the middle.
            side.next = side.captured.keys().next().copied().unwrap_or(0);
            side.after_gap = true;
        }
        let mut merged: BTreeMap<i64, i64> = BTreeMap::new();
        for (start, end) in std::mem::take(&mut side.captured) {
            match merged.last_entry() {
                Some(mut last) if start <= *last.get() => {
                    let longer = end.max(*last.get());
                    last.insert(longer);
                }
                _ => {
                    merged.insert(start, end);
                }
            }
        }
        side.captured = merged;
    }
    let mut stream =
        Stream { client: connection.client, server: connection.server, is_opened: connection.opening.is_some(), runs: Vec::new() };
    for (segment, place) in connection.segments.iter().zip(places) {
        let from_client = segment.from == stream.client;
        let side = &mut sides[usize::from(from_client)];
        if !segment.octets.is_empty() {
            let longest = side.early.entry(place).or_default();
            if longest.len() < segment.octets.len() {
                *longest = segment.octets.to_vec();
            }
        }
        if let Some((octets, after_gap)) = side.read() {
            stream.runs.push(Run { from_client, at_us: segment.at_us, after_gap, octets });
        }
    }
    stream
}
