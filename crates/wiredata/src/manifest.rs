//! `manifest.json`: a row for each PDU of a handshake and for each call, joined from its fragments, in wire order.

use crate::{Error, read};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
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
    pub flags: Option<String>,
    /// `ntlm`, `spnego`, `kerberos`.
    pub auth_type: Option<String>,
    /// `connect`, `pkt`, `integrity`, `privacy`.
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
    pub iface: Option<String>,
    /// Operation number.
    pub opnum: Option<u16>,
    /// Name of the operation, or its number.
    pub op: Option<String>,
    /// Object UUID.
    pub object: Option<String>,
    /// Length of the whole stub.
    pub stub_len: Option<usize>,
    /// How many fragments it came in.
    pub frags: Option<u32>,
    /// How it was protected; the values are in the README beside the manifest.
    pub protection: Option<String>,
    /// First 16 hex digits of the stub's SHA-256.
    pub sha256: Option<String>,
    /// Status of a fault.
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

    /// PFC flags.
    pub fn pfc_flags(&self) -> Option<u8> {
        u8::from_str_radix(self.flags.as_deref()?, 16).ok()
    }

    /// Whether a whole stub has the length and the hash that the row says.
    pub fn matches(&self, stub: &[u8]) -> bool {
        let hash: String = Sha256::digest(stub).iter().map(|octet| format!("{octet:02x}")).collect();
        self.stub_len.is_none_or(|len| len == stub.len()) && self.sha256.as_deref().is_none_or(|sha256| hash.starts_with(sha256))
    }

    /// Where the row's file lies, beside its manifest.
    pub fn path(&self, manifest: &Path) -> Option<PathBuf> {
        Some(manifest.with_file_name(self.file.as_ref()?))
    }
}

/// The rows of a manifest.
pub fn rows(path: &Path) -> Result<Vec<Row>, Error> {
    serde_json::from_slice(&read(path)?).map_err(|error| Error::Malformed(path.display().to_string(), error.to_string()))
}

/// The capture that a manifest was made of: the file beside its folder that has the folder's name, or the only one there.
pub fn capture(manifest: &Path) -> Option<PathBuf> {
    let folder = manifest.parent()?;
    let beside = |suffix| Some(folder.with_extension(suffix)).filter(|path| path.is_file());
    beside("pcap").or_else(|| beside("pcapng")).or_else(|| {
        let mut captures = std::fs::read_dir(folder.parent()?)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| crate::Kind::of(path) == Some(crate::Kind::Capture));
        captures.next().filter(|_| captures.next().is_none())
    })
}
