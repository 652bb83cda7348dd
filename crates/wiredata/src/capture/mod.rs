//! pcap and pcapng: frames, TCP streams, RPC PDUs.

mod file;
mod tcp;

use crate::{Error, Kind, Tree, read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A TCP connection, its octets in the order in which they became readable.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Who opened it; where the opening was not recorded, who sends what clients send, or spoke first.
    pub client: SocketAddr,
    /// The other end.
    pub server: SocketAddr,
    /// Whether its opening was recorded.
    pub is_opened: bool,
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
    /// Whether octets of this direction in front of these were not recorded.
    pub after_gap: bool,
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
    /// Whether PDUs of this direction in front of it may be missing.
    pub after_gap: bool,
    /// All of it: `frag_length` octets.
    pub octets: Vec<u8>,
}

/// A stream cut into PDUs.
#[derive(Debug, Clone, Default)]
pub struct Cut {
    /// The PDUs, each where its last octet came. Octets of a PDU that was not recorded to its end are dropped.
    pub pdus: Vec<Pdu>,
    /// Where a direction that began with PDUs goes on with something else, though nothing is missing.
    pub broken: Option<String>,
}

/// One direction on its way into PDUs.
#[derive(Default)]
struct Direction {
    waiting: Vec<u8>,
    after_gap: bool,
    pdus: usize,
    is_over: bool,
}

impl Stream {
    /// All octets of one direction that were recorded.
    pub fn octets(&self, from_client: bool) -> Vec<u8> {
        self.runs.iter().filter(|run| run.from_client == from_client).flat_map(|run| run.octets.iter().copied()).collect()
    }

    /// Whether it carries HTTP to a WS-Man listener.
    pub fn is_wsman(&self) -> bool {
        let octets = self.octets(true);
        let first = octets.split(|octet| *octet == b'\n').next().unwrap_or_default();
        let has = |part: &[u8]| first.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
        has(b" HTTP/1.") && has(b"/wsman")
    }

    /// Its connection-oriented RPC PDUs. None when the stream carries something else.
    pub fn pdus(&self) -> Option<Vec<Pdu>> {
        Some(self.cut().pdus).filter(|pdus| !pdus.is_empty())
    }

    /// Cuts the stream into connection-oriented RPC PDUs. A direction that does not begin with one has none; behind a gap the
    /// next one is looked for.
    pub fn cut(&self) -> Cut {
        let mut cut = Cut::default();
        let mut directions: [Direction; 2] = Default::default();
        for run in &self.runs {
            let direction = &mut directions[usize::from(run.from_client)];
            if direction.is_over {
                continue;
            }
            if run.after_gap {
                direction.waiting.clear();
                direction.after_gap = true;
            }
            direction.waiting.extend_from_slice(&run.octets);
            if direction.after_gap && !seek(direction) {
                continue;
            }
            loop {
                let waiting = &direction.waiting;
                let Some(len) = pdu_len(waiting) else {
                    if waiting.len() >= HEADER_LEN || waiting.first().is_some_and(|major| *major != 5) {
                        direction.is_over = true;
                        if direction.pdus > 0 {
                            let (end, place) = (if run.from_client { "client" } else { "server" }, direction.pdus);
                            cut.broken.get_or_insert_with(|| format!("octets of the {end} behind its PDU {place} are no PDU"));
                        }
                    }
                    break;
                };
                if waiting.len() < len {
                    break;
                }
                let rest = direction.waiting.split_off(len);
                let octets = std::mem::replace(&mut direction.waiting, rest);
                let after_gap = std::mem::take(&mut direction.after_gap);
                cut.pdus.push(Pdu { from_client: run.from_client, at_us: run.at_us, after_gap, octets });
                direction.pdus += 1;
            }
        }
        cut
    }

    /// The sender of the first octets where nobody saw the opening: some PDUs come from servers only.
    fn turn_if_answered_first(&mut self) {
        const FROM_SERVERS: [u8; 6] = [2, 3, 12, 13, 15, 17];
        let says = |from_client, types: &dyn Fn(u8) -> bool| {
            let first = self.runs.iter().find(|run| run.from_client == from_client);
            first.is_some_and(|run| pdu_len(&run.octets).is_some() && run.octets.get(2).is_some_and(|t| types(*t)))
        };
        let is_from_server = |t: u8| FROM_SERVERS.contains(&t);
        if !self.is_opened && (says(true, &is_from_server) || says(false, &|t| !is_from_server(t))) {
            std::mem::swap(&mut self.client, &mut self.server);
            self.runs.iter_mut().for_each(|run| run.from_client = !run.from_client);
        }
    }
}

const HEADER_LEN: usize = 16;

/// The length in the header of a PDU, where it can be one.
fn pdu_len(octets: &[u8]) -> Option<usize> {
    let &[version, minor, kind, _, order, character, d2, d3, len0, len1, auth0, auth1, ..] = octets.first_chunk::<HEADER_LEN>()?;
    let number = if order & 0x10 != 0 { u16::from_le_bytes } else { u16::from_be_bytes };
    let (len, auth_len) = (usize::from(number([len0, len1])), usize::from(number([auth0, auth1])));
    let can_be = version == 5 && minor <= 1 && kind < 20 && matches!(order, 0 | 0x10) && (character, d2, d3) == (0, 0, 0);
    (can_be && HEADER_LEN + auth_len <= len).then_some(len)
}

/// Drops what cannot begin a PDU. In a direction that had none yet only the beginning of a segment can.
fn seek(direction: &mut Direction) -> bool {
    let places = if direction.pdus == 0 { 1 } else { direction.waiting.len() };
    match (0..places).find(|at| direction.waiting.get(*at..).and_then(pdu_len).is_some()) {
        Some(at) => {
            direction.waiting.drain(..at);
            true
        }
        None => {
            let kept = if direction.pdus == 0 { 0 } else { HEADER_LEN - 1 };
            let dropped = direction.waiting.len().saturating_sub(kept);
            direction.waiting.drain(..dropped);
            false
        }
    }
}

/// A capture of a tree, read.
pub struct Capture {
    /// Where it lies.
    pub path: PathBuf,
    /// Which of the two forms it has.
    pub kind: Kind,
    /// Its streams, or why there are none.
    pub streams: Result<Vec<Stream>, Error>,
}

impl Capture {
    /// Every capture of a tree.
    pub fn all(tree: &Tree) -> Vec<Capture> {
        let files = tree.all().filter(|(kind, _)| matches!(kind, Kind::Pcap | Kind::PcapNg));
        files.map(|(kind, path)| Capture { path: path.to_owned(), kind, streams: streams(path) }).collect()
    }

    /// Its streams; none where it could not be read.
    pub fn streams(&self) -> &[Stream] {
        self.streams.as_deref().unwrap_or_default()
    }
}

/// The TCP streams of a capture that carried octets, in the order of their first frame.
pub fn streams(path: &Path) -> Result<Vec<Stream>, Error> {
    streams_of(&read(path)?).map_err(|what| Error::Malformed(path.display().to_string(), what))
}

/// The TCP streams of the octets of a capture.
pub fn streams_of(octets: &[u8]) -> Result<Vec<Stream>, String> {
    let mut connections = Vec::new();
    let mut unknown = None;
    for frame in file::frames(octets)? {
        match tcp::packet(&frame) {
            tcp::Packet::Tcp(segment) => tcp::add(&mut connections, segment),
            tcp::Packet::Other => (),
            tcp::Packet::UnknownLink(link) => unknown = Some(link),
        }
    }
    match unknown {
        Some(link) if connections.is_empty() => return Err(format!("frames of link type {link}")),
        _ => (),
    }
    let mut streams: Vec<Stream> = connections.into_iter().map(tcp::join).filter(|stream| !stream.runs.is_empty()).collect();
    streams.iter_mut().for_each(Stream::turn_if_answered_first);
    Ok(streams)
}

fn array<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests;
