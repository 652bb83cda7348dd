//! `manifest.json`: a row for each PDU of a handshake and for each call, joined from its fragments, in wire order.

use crate::capture::Capture;
use crate::{Error, Kind, Tree, read};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A row. What a row does not say is `None`.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// Number of the connection in the capture.
    pub stream: u32,
    /// Number of the row in its connection, from 1.
    #[serde(default)]
    pub n: u32,
    /// `>` from the client, `<` from the server.
    pub dir: String,
    /// Client's `address:port`.
    pub client: String,
    /// Server's `address:port`.
    pub server: String,
    /// `bind`, `bind_ack`, `alter_context`, `alter_context_resp`, `auth3`, `request`, `response`, `fault`..; empty in
    /// the manifests of HTTP.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Call id.
    pub call_id: Option<u32>,
    /// PFC flags in hex.
    #[serde(default, deserialize_with = "text")]
    pub flags: Option<String>,
    /// `ntlm`, `spnego`, `kerberos`.
    #[serde(default, deserialize_with = "text")]
    pub auth_type: Option<String>,
    /// `connect`, `pkt`, `integrity`, `privacy`.
    #[serde(default, deserialize_with = "text")]
    pub auth_level: Option<String>,
    /// Security context id.
    pub auth_ctx: Option<u32>,
    /// Length of the token.
    pub auth_len: Option<u32>,
    /// Octets of padding before the trailer.
    pub auth_pad: Option<u32>,
    /// Presentation contexts offered.
    #[serde(default)]
    pub contexts: Vec<Context>,
    /// Answers to them.
    #[serde(default)]
    pub results: Vec<ContextResult>,
    /// Presentation context id of a call.
    pub ctx: Option<u16>,
    /// Name of the interface.
    #[serde(default, deserialize_with = "text")]
    pub iface: Option<String>,
    /// Operation number.
    pub opnum: Option<u16>,
    /// Name of the operation, or its number.
    #[serde(default, deserialize_with = "text")]
    pub op: Option<String>,
    /// Object UUID.
    #[serde(default, deserialize_with = "text")]
    pub object: Option<String>,
    /// Length of the whole stub.
    pub stub_len: Option<usize>,
    /// How many fragments it came in.
    pub frags: Option<u32>,
    /// How it was protected; the values are in the README beside the manifest.
    #[serde(default, deserialize_with = "text")]
    pub protection: Option<String>,
    /// First 16 hex digits of the stub's SHA-256.
    #[serde(default, deserialize_with = "text")]
    pub sha256: Option<String>,
    /// Status of a fault.
    #[serde(default, deserialize_with = "text")]
    pub fault: Option<String>,
    /// The file that holds the PDU or the stub; none where it was withheld.
    pub file: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A presentation context of a bind or an alter_context.
#[derive(Debug, Clone, Deserialize)]
pub struct Context {
    /// Its id.
    pub ctx: u16,
    /// Interface.
    pub uuid: String,
    /// Its version, `major.minor`.
    pub ver: String,
    /// Transfer syntaxes, `uuid/version`.
    pub transfer: Vec<String>,
    /// Name of the interface.
    pub iface: Option<String>,
}

/// The answer to a presentation context, by position.
#[derive(Debug, Clone, Deserialize)]
pub struct ContextResult {
    /// 0 acceptance, 2 provider rejection, 3 negotiate_ack.
    pub result: u16,
    /// Reason, or the bits of bind-time feature negotiation.
    pub reason: u16,
    /// Transfer syntax chosen.
    pub transfer: String,
}

impl Row {
    /// Whether the client sent it.
    pub fn is_from_client(&self) -> bool {
        self.dir == ">" || self.dir == "req"
    }

    /// Client and server.
    pub fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        Some((end(&self.client)?, end(&self.server)?))
    }

    /// Whether it is about a call that was sealed and not opened.
    pub fn is_sealed(&self) -> bool {
        self.protection.as_deref().is_some_and(|protection| protection.starts_with("sealed"))
    }

    /// PFC flags.
    pub fn pfc_flags(&self) -> Option<u8> {
        u8::from_str_radix(self.flags.as_deref()?, 16).ok()
    }

    /// Whether a whole stub has the length and the hash that the row says.
    pub fn matches(&self, stub: &[u8]) -> bool {
        let hash: String = Sha256::digest(stub).iter().map(|octet| format!("{octet:02x}")).collect();
        self.stub_len.is_none_or(|len| len == stub.len()) && self.sha256.as_deref().is_none_or(|sha256| hash.starts_with(sha256))
    }

    /// Where the row's file lies, beside its manifest; none where it was withheld or is not there.
    pub fn path(&self, manifest: &Path) -> Option<PathBuf> {
        Some(manifest.with_file_name(self.file.as_ref()?)).filter(|path| path.is_file())
    }
}

/// A text, or a number as one.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// The rows of a manifest.
pub fn rows(path: &Path) -> Result<Vec<Row>, Error> {
    serde_json::from_slice(&read(path)?).map_err(|error| Error::Malformed(path.display().to_string(), error.to_string()))
}

/// A manifest of RPC, read, and the capture that it tells of.
pub struct Manifest {
    /// Where it lies.
    pub path: PathBuf,
    /// Its rows.
    pub rows: Vec<Row>,
    /// The place of its capture among those of the tree: the nearest that has a stream for each connection.
    pub capture: Option<usize>,
}

impl Manifest {
    /// Every manifest of RPC in a tree. What cannot be read is left out: another test's business.
    pub fn all(tree: &Tree, captures: &[Capture]) -> Vec<Manifest> {
        let of = |path: PathBuf| {
            let rows = rows(&path).ok().filter(|rows| !rows.is_empty() && rows.iter().all(|row| !row.kind.is_empty()))?;
            let capture = nearest(&path, &rows, captures);
            Some(Manifest { path, rows, capture })
        };
        tree.files(Kind::Manifest).filter_map(of).collect()
    }

    /// The rows of each connection, in order.
    pub fn connections(&self) -> BTreeMap<u32, Vec<&Row>> {
        let mut connections: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
        self.rows.iter().for_each(|row| connections.entry(row.stream).or_default().push(row));
        connections
    }
}

fn nearest(path: &Path, rows: &[Row], captures: &[Capture]) -> Option<usize> {
    let ends: BTreeSet<Option<(SocketAddr, SocketAddr)>> = rows.iter().map(Row::ends).collect();
    let has_all = |capture: &Capture| {
        let streams = capture.streams();
        ends.iter()
            .all(|ends| ends.is_some_and(|ends| streams.iter().any(|s| ends == (s.client, s.server) || ends == (s.server, s.client))))
    };
    let folder = path.parent()?;
    let closeness = |capture: &Capture| {
        let shared = folder.components().zip(capture.path.components()).take_while(|(a, b)| a == b).count();
        (shared, capture.path.file_stem() == folder.file_name())
    };
    let of_ours = captures.iter().enumerate().filter(|(_, capture)| has_all(capture));
    of_ours.max_by_key(|(at, capture)| (closeness(capture), std::cmp::Reverse(*at))).map(|(at, _)| at)
}

/// An `address:port`, with or without brackets around an address of version 6.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']').split('%').next()?;
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_an_address_of_either_family_and_a_port() {
        let check = |text, expect: Option<&str>| assert_eq!(end(text), expect.map(|e| e.parse().unwrap()), "{text}");
        check("10.0.0.1:135", Some("10.0.0.1:135"));
        check("[fe80::1%2]:135", Some("[fe80::1]:135"));
        check("fe80::1:135", Some("[fe80::1]:135"));
        check("host:135", None);
        check("10.0.0.1", None);
    }
}
