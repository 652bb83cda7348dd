//! pcap and pcapng: frames, TCP streams, RPC PDUs.

use crate::{Error, read};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A TCP connection, its octets in the order in which they became readable.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Who opened it (or spoke first, where the opening was not recorded).
    pub client: SocketAddr,
    /// The other end.
    pub server: SocketAddr,
    /// Runs of octets of one direction, in order.
    pub runs: Vec<Run>,
}

/// Octets that one end could read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Whether the client sent them.
    pub from_client: bool,
    /// Time of capture, in microseconds since 1970 (nanoseconds are rounded down); 0 where there is none.
    pub at_us: u64,
    /// The octets.
    pub octets: Vec<u8>,
}

/// An RPC PDU on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// Whether the client sent it.
    pub from_client: bool,
    /// Time of its last octet; see [`Run::at_us`].
    pub at_us: u64,
    /// All of it: `frag_length` octets.
    pub octets: Vec<u8>,
}

impl Stream {
    /// All octets of one direction.
    pub fn octets(&self, from_client: bool) -> Vec<u8> {
        self.runs.iter().filter(|run| run.from_client == from_client).flat_map(|run| run.octets.iter().copied()).collect()
    }

    /// Cuts the stream into connection-oriented RPC PDUs, each where its last octet came. Octets of a PDU that was not
    /// recorded to its end are dropped. None when the stream carries something else.
    pub fn pdus(&self) -> Option<Vec<Pdu>> {
        let mut pdus = Vec::new();
        let mut waiting = [Vec::new(), Vec::new()];
        for run in &self.runs {
            let buffer = &mut waiting[usize::from(run.from_client)];
            buffer.extend_from_slice(&run.octets);
            while let Some(&[version, minor, _, _, order, _, _, _, len0, len1]) = buffer.first_chunk() {
                let len = usize::from(if order & 0x10 != 0 { u16::from_le_bytes([len0, len1]) } else { u16::from_be_bytes([len0, len1]) });
                if version != 5 || minor > 1 || len < 16 {
                    return None;
                }
                if buffer.len() < len {
                    break;
                }
                let rest = buffer.split_off(len);
                let octets = std::mem::replace(buffer, rest);
                pdus.push(Pdu { from_client: run.from_client, at_us: run.at_us, octets });
            }
        }
        Some(pdus).filter(|pdus| !pdus.is_empty())
    }
}

/// The TCP streams of a capture that carried octets, in the order of their first frame.
pub fn streams(path: &Path) -> Result<Vec<Stream>, Error> {
    streams_of(&read(path)?).map_err(|what| Error::Malformed(path.display().to_string(), what))
}

/// The TCP streams of the octets of a capture.
pub fn streams_of(octets: &[u8]) -> Result<Vec<Stream>, String> {
    let mut streams: Vec<Joining> = Vec::new();
    for frame in frames(octets)? {
        if let Some(segment) = segment(&frame) {
            join(&mut streams, segment);
        }
    }
    Ok(streams.into_iter().map(Joining::finish).filter(|stream| !stream.runs.is_empty()).collect())
}

struct Frame<'a> {
    link: u32,
    at_us: u64,
    octets: &'a [u8],
}

fn frames(octets: &[u8]) -> Result<Vec<Frame<'_>>, String> {
    match octets.first_chunk() {
        Some([0xd4, 0xc3, 0xb2, 0xa1]) => pcap(octets, u32::from_le_bytes, 1),
        Some([0xa1, 0xb2, 0xc3, 0xd4]) => pcap(octets, u32::from_be_bytes, 1),
        Some([0x4d, 0x3c, 0xb2, 0xa1]) => pcap(octets, u32::from_le_bytes, 1000),
        Some([0xa1, 0xb2, 0x3c, 0x4d]) => pcap(octets, u32::from_be_bytes, 1000),
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => pcapng(octets),
        _ => Err("neither pcap nor pcapng".into()),
    }
}

/// Header of 24 octets, then frames: seconds, fraction, captured length, length on the wire.
fn pcap(octets: &[u8], number: fn([u8; 4]) -> u32, per_us: u32) -> Result<Vec<Frame<'_>>, String> {
    let link = number(array(octets, 20).ok_or("pcap header cut short")?);
    let mut frames = Vec::new();
    let mut rest = octets.get(24..).unwrap_or_default();
    while !rest.is_empty() {
        let word = |at| array(rest, at).map(number).ok_or("frame header cut short");
        let at_us = u64::from(word(0)?) * 1_000_000 + u64::from(word(4)? / per_us);
        let end = usize::try_from(word(8)?).ok().and_then(|len| len.checked_add(16)).ok_or("frame too long")?;
        frames.push(Frame { link, at_us, octets: rest.get(16..end).ok_or("frame cut short")? });
        rest = rest.get(end..).unwrap_or_default();
    }
    Ok(frames)
}

/// Blocks: type, length, body, length again. Interfaces are numbered in each section.
fn pcapng(octets: &[u8]) -> Result<Vec<Frame<'_>>, String> {
    const SECTION: u32 = 0x0a0d_0d0a;
    let mut frames = Vec::new();
    let mut links: Vec<u32> = Vec::new();
    let mut number: fn([u8; 4]) -> u32 = u32::from_le_bytes;
    let mut rest = octets;
    while !rest.is_empty() {
        let block_type: [u8; 4] = array(rest, 0).ok_or("block cut short")?;
        if block_type == SECTION.to_be_bytes() {
            number = if array(rest, 8) == Some([0x1a, 0x2b, 0x3c, 0x4d]) { u32::from_be_bytes } else { u32::from_le_bytes };
            links.clear();
        }
        let len = array(rest, 4).map(number).and_then(|len| usize::try_from(len).ok()).ok_or("block cut short")?;
        if len < 12 {
            return Err("block shorter than its own frame".into());
        }
        let block = rest.get(..len).ok_or("block cut short")?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        let body = block.get(8..len - 4).unwrap_or_default();
        let word = |at| array(body, at).map(number);
        let frame = |interface: usize, at_us, at: usize, len: Option<u32>| {
            let end = usize::try_from(len?).ok()?.checked_add(at)?;
            Some(Frame { link: *links.get(interface)?, at_us, octets: body.get(at..end)? })
        };
        match number(block_type) {
            // Interface description. Its clock is taken to count microseconds, as nearly all do.
            1 => links.push(word(0).ok_or("interface cut short")? & 0xffff),
            // Simple packet: original length, octets.
            3 => {
                let len = u32::try_from(body.len().saturating_sub(4)).ok();
                frames.extend(frame(0, 0, 4, word(0).zip(len).map(|(a, b)| a.min(b))));
            }
            // Enhanced packet: interface, time high, time low, captured, original, octets.
            6 => {
                let at_us = word(1 << 2).zip(word(2 << 2)).map_or(0, |(high, low)| u64::from(high) << 32 | u64::from(low));
                let interface = word(0).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
                frames.push(frame(interface, at_us, 20, word(12)).ok_or("packet cut short")?);
            }
            _ => (),
        }
    }
    Ok(frames)
}

/// A TCP segment.
struct Segment<'a> {
    at_us: u64,
    from: SocketAddr,
    to: SocketAddr,
    sequence: u32,
    syn: bool,
    ack: bool,
    octets: &'a [u8],
}

fn segment<'a>(frame: &Frame<'a>) -> Option<Segment<'a>> {
    let packet = match frame.link {
        1 => {
            let mut at = 12;
            while matches!(array(frame.octets, at)?, [0x81, 0x00] | [0x88, 0xa8]) {
                at += 4;
            }
            match array(frame.octets, at)? {
                [0x08, 0x00] | [0x86, 0xdd] => frame.octets.get(at + 2..)?,
                _ => return None,
            }
        }
        0 => frame.octets.get(4..)?,    // BSD loopback
        113 => frame.octets.get(16..)?, // Linux cooked
        101 | 228 | 229 => frame.octets,
        _ => return None,
    };
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
            if *packet.get(6)? != 6 {
                return None;
            }
            let end = (40 + usize::from(u16::from_be_bytes(array(packet, 4)?))).min(packet.len());
            (Ipv6Addr::from(array::<16>(packet, 8)?).into(), Ipv6Addr::from(array::<16>(packet, 24)?).into(), packet.get(40..end)?)
        }
        _ => return None,
    };
    let port = |at| array(tcp, at).map(u16::from_be_bytes);
    let header = usize::from(tcp.get(12)? >> 4) * 4;
    let flags = tcp.get(13)?;
    Some(Segment {
        at_us: frame.at_us,
        from: SocketAddr::new(from, port(0)?),
        to: SocketAddr::new(to, port(2)?),
        sequence: u32::from_be_bytes(array(tcp, 4)?),
        syn: flags & 2 != 0,
        ack: flags & 16 != 0,
        octets: tcp.get(header..)?,
    })
}

/// A stream in the making.
struct Joining {
    stream: Stream,
    /// From the server, from the client.
    sides: [Side; 2],
}

#[derive(Default)]
struct Side {
    /// Sequence number of the next octet.
    next: Option<u32>,
    /// Octets that came before those in front of them, by their distance from the first sequence number seen.
    early: BTreeMap<u32, Vec<u8>>,
}

impl Joining {
    fn finish(self) -> Stream {
        self.stream
    }
}

fn join(streams: &mut Vec<Joining>, segment: Segment<'_>) {
    let is_opening = segment.syn && !segment.ack;
    let known = streams.iter().rposition(|joining| {
        let ends = (joining.stream.client, joining.stream.server);
        ends == (segment.from, segment.to) || ends == (segment.to, segment.from)
    });
    // The same ports again with another opening number are another connection.
    let known = known.filter(|at| {
        let side = &streams[*at].sides[1];
        !(is_opening && side.next.is_some_and(|next| next != segment.sequence.wrapping_add(1)))
    });
    let at = known.unwrap_or_else(|| {
        // An answer to an opening that was not recorded comes from the server.
        let (client, server) = if segment.syn && segment.ack { (segment.to, segment.from) } else { (segment.from, segment.to) };
        streams.push(Joining { stream: Stream { client, server, runs: vec![] }, sides: Default::default() });
        streams.len() - 1
    });
    let Joining { stream, sides } = &mut streams[at];
    let from_client = segment.from == stream.client;
    let side = &mut sides[usize::from(from_client)];
    let sequence = if segment.syn { segment.sequence.wrapping_add(1) } else { segment.sequence };
    let next = side.next.get_or_insert(sequence);
    if !segment.octets.is_empty() {
        let longest = side.early.entry(sequence).or_default();
        if longest.len() < segment.octets.len() {
            *longest = segment.octets.to_vec();
        }
    }
    let mut readable = Vec::new();
    while let Some((sequence, skip)) = side.early.keys().find_map(|sequence| {
        let skip = next.wrapping_sub(*sequence);
        (skip < 1 << 31).then_some((*sequence, skip))
    }) {
        let octets = side.early.remove(&sequence).unwrap_or_default();
        let fresh = usize::try_from(skip).ok().and_then(|skip| octets.get(skip..)).unwrap_or_default();
        readable.extend_from_slice(fresh);
        *next = next.wrapping_add(u32::try_from(fresh.len()).unwrap_or(0));
    }
    if !readable.is_empty() {
        stream.runs.push(Run { from_client, at_us: segment.at_us, octets: readable });
    }
}

fn array<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: u16 = 1000;
    const SERVER: u16 = 135;

    fn tcp(from: u16, to: u16, sequence: u32, flags: u8, octets: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend(u16::try_from(40 + octets.len()).unwrap().to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        packet.extend([from.to_be_bytes(), to.to_be_bytes()].concat());
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
        packet.extend(octets);
        packet
    }

    fn as_pcap(packets: &[Vec<u8>], order: fn(u32) -> [u8; 4]) -> Vec<u8> {
        let mut file = [0xa1b2_c3d4, 0, 0, 0, 65535, 101].map(order).concat();
        for packet in packets {
            let len = u32::try_from(packet.len()).unwrap();
            file.extend([7, 8, len, len].map(order).concat());
            file.extend(packet);
        }
        file
    }

    fn as_pcapng(packets: &[Vec<u8>]) -> Vec<u8> {
        fn block(kind: u32, body: &[u8]) -> Vec<u8> {
            let mut body = body.to_vec();
            body.resize(body.len().next_multiple_of(4), 0);
            let len = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
            [&kind.to_le_bytes()[..], &len, &body, &len].concat()
        }
        let mut file = block(0x0a0d_0d0a, &[&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
        file.extend(block(1, &[101, 0, 0, 0, 0, 0, 0, 0]));
        file.extend(block(5, &[0; 12]));
        for packet in packets {
            let len = u32::try_from(packet.len()).unwrap().to_le_bytes();
            file.extend(block(6, &[&[0; 4][..], &[0; 4], &7_000_008u32.to_le_bytes(), &len, &len, packet].concat()));
        }
        file
    }

    fn talk(packets: &[Vec<u8>]) -> Vec<Stream> {
        let little = streams_of(&as_pcap(packets, u32::to_le_bytes)).unwrap();
        for file in [as_pcap(packets, u32::to_be_bytes), as_pcapng(packets)] {
            let other = streams_of(&file).unwrap();
            let runs = |streams: &[Stream]| streams.iter().map(|stream| stream.runs.clone()).collect::<Vec<_>>();
            assert_eq!(runs(&other), runs(&little));
        }
        little
    }

    const SYN: u8 = 2;
    const ACK: u8 = 16;

    #[test]
    fn segments_out_of_order_again_and_overlapping_are_joined_once() {
        let first = u32::MAX - 2;
        let streams = talk(&[
            tcp(CLIENT, SERVER, first, SYN, b""),
            tcp(SERVER, CLIENT, 70, SYN | ACK, b""),
            tcp(CLIENT, SERVER, first.wrapping_add(1), ACK, b"abc"),
            tcp(CLIENT, SERVER, first.wrapping_add(7), ACK, b"ghi"),
            tcp(CLIENT, SERVER, first.wrapping_add(1), ACK, b"abc"),
            tcp(SERVER, CLIENT, 71, ACK, b"x"),
            tcp(CLIENT, SERVER, first.wrapping_add(3), ACK, b"cdefg"),
        ]);
        assert_eq!(streams.len(), 1);
        assert_eq!((streams[0].client.port(), streams[0].server.port()), (CLIENT, SERVER));
        assert_eq!(streams[0].octets(true), b"abcdefghi");
        assert_eq!(streams[0].octets(false), b"x");
        let order: Vec<(bool, &[u8])> = streams[0].runs.iter().map(|run| (run.from_client, &run.octets[..])).collect();
        assert_eq!(order, [(true, &b"abc"[..]), (false, b"x"), (true, b"defghi")]);
        assert_eq!(streams[0].runs[0].at_us, 7_000_008);
    }

    #[test]
    fn an_opening_that_was_not_recorded_leaves_the_first_speaker_as_client() {
        let streams = talk(&[tcp(CLIENT, SERVER, 5, ACK, b"a"), tcp(SERVER, CLIENT, 9, ACK, b"b")]);
        assert_eq!((streams[0].client.port(), streams[0].octets(false)), (CLIENT, b"b".to_vec()));
        let streams = talk(&[tcp(SERVER, CLIENT, 8, SYN | ACK, b""), tcp(SERVER, CLIENT, 9, ACK, b"b")]);
        assert_eq!(streams[0].client.port(), CLIENT);
    }

    #[test]
    fn the_same_ports_opened_again_are_another_stream() {
        let streams = talk(&[
            tcp(CLIENT, SERVER, 1, SYN, b""),
            tcp(CLIENT, SERVER, 2, ACK, b"a"),
            tcp(CLIENT, SERVER, 900, SYN, b""),
            tcp(CLIENT, SERVER, 901, ACK, b"b"),
        ]);
        let octets: Vec<Vec<u8>> = streams.iter().map(|stream| stream.octets(true)).collect();
        assert_eq!(octets, [b"a", b"b"]);
    }

    #[test]
    fn pdus_are_cut_by_their_length_and_come_where_their_last_octet_came() {
        let pdu = |kind: u8, len: u8| {
            let mut pdu = vec![5, 0, kind, 3, 0x10, 0, 0, 0, len, 0, 0, 0, 1, 0, 0, 0];
            pdu.resize(usize::from(len), kind);
            pdu
        };
        let (a, b, c) = (pdu(11, 20), pdu(12, 18), pdu(0, 16));
        let client = [a.clone(), c.clone()].concat();
        let streams = talk(&[
            tcp(CLIENT, SERVER, 1, ACK, &client[..25]),
            tcp(SERVER, CLIENT, 1, ACK, &b),
            tcp(CLIENT, SERVER, 26, ACK, &client[25..]),
        ]);
        let pdus: Vec<Vec<u8>> = streams[0].pdus().unwrap().into_iter().map(|pdu| pdu.octets).collect();
        assert_eq!(pdus, [a, b, c]);
        let other = talk(&[tcp(CLIENT, SERVER, 1, ACK, b"GET / HTTP/1.1\r\n\r\n")]);
        assert_eq!(other[0].pdus(), None);
    }

    #[test]
    fn a_capture_cut_or_bent_anywhere_does_no_harm() {
        let packets = [tcp(CLIENT, SERVER, 1, SYN, b""), tcp(CLIENT, SERVER, 2, ACK, b"abc")];
        for file in [as_pcap(&packets, u32::to_le_bytes), as_pcapng(&packets)] {
            for len in 0..file.len() {
                let _ = streams_of(&file[..len]);
            }
            for at in 0..file.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bent = file.clone();
                    bent[at] = value;
                    let _ = streams_of(&bent);
                }
            }
        }
    }
}
