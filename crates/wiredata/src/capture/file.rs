//! Frames of pcap and pcapng files.

use super::array;

/// A frame, as far as it was captured.
pub(super) struct Frame<'a> {
    /// Link type of the interface.
    pub(super) link: u32,
    /// Time in microseconds since 1970; 0 where there is none.
    pub(super) at_us: u64,
    pub(super) octets: &'a [u8],
}

/// The frames of a capture. One that ends within a frame ends before it, as one does whose recorder was killed.
pub(super) fn frames(octets: &[u8]) -> Result<Vec<Frame<'_>>, String> {
    let (little, big): (Number, Number) = (u32::from_le_bytes, u32::from_be_bytes);
    match octets.first_chunk() {
        Some([0xd4, 0xc3, 0xb2, 0xa1]) => pcap(octets, little, 1, 16),
        Some([0xa1, 0xb2, 0xc3, 0xd4]) => pcap(octets, big, 1, 16),
        // Nanoseconds.
        Some([0x4d, 0x3c, 0xb2, 0xa1]) => pcap(octets, little, 1000, 16),
        Some([0xa1, 0xb2, 0x3c, 0x4d]) => pcap(octets, big, 1000, 16),
        // With eight octets more a frame, of old Linux.
        Some([0x34, 0xcd, 0xb2, 0xa1]) => pcap(octets, little, 1, 24),
        Some([0xa1, 0xb2, 0xcd, 0x34]) => pcap(octets, big, 1, 24),
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => pcapng(octets),
        _ => Err("neither pcap nor pcapng".into()),
    }
}

type Number = fn([u8; 4]) -> u32;

/// Header of 24 octets, then frames: seconds, fraction, captured length, length on the wire.
fn pcap(octets: &[u8], number: Number, per_us: u32, head: usize) -> Result<Vec<Frame<'_>>, String> {
    // Above the link type is how long the checksums of frames are.
    let link = number(array(octets, 20).ok_or("pcap header cut short")?) & 0xffff;
    let mut frames = Vec::new();
    let mut rest = octets.get(24..).unwrap_or_default();
    while let (Some(seconds), Some(fraction), Some(len)) = (array(rest, 0), array(rest, 4), array(rest, 8)) {
        let at_us = u64::from(number(seconds)) * 1_000_000 + u64::from(number(fraction) / per_us);
        let end = usize::try_from(number(len)).ok().and_then(|len| len.checked_add(head)).ok_or("frame too long")?;
        let Some(octets) = rest.get(head..end) else { break };
        frames.push(Frame { link, at_us, octets });
        rest = rest.get(end..).unwrap_or_default();
    }
    Ok(frames)
}

/// Interface of a section: its link type, and how many of its ticks are a second.
#[derive(Clone, Copy)]
struct Interface {
    link: u32,
    ticks: u64,
}

/// Blocks: type, length, body, length again. Interfaces are numbered in each section.
fn pcapng(octets: &[u8]) -> Result<Vec<Frame<'_>>, String> {
    const SECTION: u32 = 0x0a0d_0d0a;
    let mut frames = Vec::new();
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut number: Number = u32::from_le_bytes;
    let mut rest = octets;
    while !rest.is_empty() {
        let Some(block_type) = array(rest, 0) else { break };
        if block_type == SECTION.to_be_bytes() {
            number = if array(rest, 8) == Some([0x1a, 0x2b, 0x3c, 0x4d]) { u32::from_be_bytes } else { u32::from_le_bytes };
            interfaces.clear();
        }
        let Some(len) = array(rest, 4).map(number).and_then(|len| usize::try_from(len).ok()) else { break };
        if len < 12 {
            return Err("block shorter than its own frame".into());
        }
        let Some(block) = rest.get(..len) else { break };
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        let body = block.get(8..len - 4).unwrap_or_default();
        let word = |at| array(body, at).map(number);
        let half = |at| {
            let both: [u8; 2] = array(body, at)?;
            Some(if number([1, 0, 0, 0]) == 1 { u16::from_le_bytes(both) } else { u16::from_be_bytes(both) })
        };
        let frame = |interface: usize, ticks_at: Option<usize>, at: usize, len: Option<u32>| {
            let interface = interfaces.get(interface)?;
            let ticks = match ticks_at {
                Some(at) => u64::from(word(at)?) << 32 | u64::from(word(at + 4)?),
                None => 0,
            };
            let at_us = u64::try_from(u128::from(ticks) * 1_000_000 / u128::from(interface.ticks)).unwrap_or(0);
            let end = usize::try_from(len?).ok()?.checked_add(at)?;
            Some(Frame { link: interface.link, at_us, octets: body.get(at..end)? })
        };
        match number(block_type) {
            1 => {
                let link = half(0).ok_or("interface cut short")?;
                interfaces.push(Interface { link: link.into(), ticks: ticks(body.get(8..).unwrap_or_default(), half) });
            }
            // The packet of old: interface, drops, time, captured, original, octets.
            2 => frames.push(half(0).and_then(|n| frame(n.into(), Some(4), 20, word(12))).ok_or("packet cut short")?),
            // Simple packet: original length, octets.
            3 => {
                let len = u32::try_from(body.len().saturating_sub(4)).ok();
                frames.extend(frame(0, None, 4, word(0).zip(len).map(|(a, b)| a.min(b))));
            }
            // Enhanced packet: interface, time high, time low, captured, original, octets.
            6 => {
                let interface = word(0).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
                frames.push(frame(interface, Some(4), 20, word(12)).ok_or("packet cut short")?);
            }
            _ => (),
        }
    }
    Ok(frames)
}

/// Ticks a second, from the options of an interface (9: `if_tsresol`): microseconds where they say nothing.
fn ticks(options: &[u8], half: impl Fn(usize) -> Option<u16>) -> u64 {
    let mut at = 0;
    while let (Some(code), Some(len)) = (half(8 + at), half(10 + at)) {
        match (code, options.get(at + 4)) {
            (0, _) => break,
            (9, Some(power)) if power & 0x80 != 0 => return 1u64.checked_shl(u32::from(power & 0x7f)).unwrap_or(1),
            (9, Some(power)) => return 10u64.checked_pow(u32::from(*power)).unwrap_or(1),
            _ => at += 4 + usize::from(len).next_multiple_of(4),
        }
    }
    1_000_000
}
