//! The three messages ([MS-NLMP] 2.2.1).
//!
//! Fields are found by their offsets, never by the size of what stands before them: clients differ in whether they send a version
//! and a MIC, and the flags do not tell ([MS-NLMP] 2.2.1.3 and its notes).

use super::Flags;
use crate::AuthError;

/// NEGOTIATE, client to server.
///
/// ```text
///  0  "NTLMSSP\0"        12 flags              24 workstation: len, max, offset
///  8  1                  16 domain: same       32 version
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiate<'a> {
    /// What the client offers.
    pub flags: Flags,
    /// Domain of the client, in a code page that nobody tells; mostly empty.
    pub domain: &'a [u8],
    /// Workstation, likewise.
    pub workstation: &'a [u8],
}

impl<'a> Negotiate<'a> {
    /// Reads one. The two names may be missing, as old clients leave them out.
    pub fn decode(octets: &'a [u8]) -> Result<Self, AuthError> {
        let message = Message::open(octets, 1, "NEGOTIATE")?;
        let flags = Flags(message.u32(12)?);
        let names = octets.len() >= 32;
        let (domain, workstation) =
            if names { (message.field(16, "domain")?, message.field(24, "workstation")?) } else { (&[][..], &[][..]) };
        Ok(Negotiate { flags, domain, workstation })
    }

    /// One without names: 40 octets.
    pub(super) fn encode(flags: Flags) -> Vec<u8> {
        let mut out = start(1);
        out.extend_from_slice(&flags.0.to_le_bytes());
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(&VERSION);
        out
    }
}

/// CHALLENGE, server to client.
///
/// ```text
///  0  "NTLMSSP\0"        20 flags              40 target information: len, max, offset
///  8  2                  24 challenge          48 version
/// 12  target name        32 zeroes             56 payload
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// Name of the server or its domain, UTF-16LE.
    pub target_name: &'a [u8],
    /// What the server grants.
    pub flags: Flags,
    /// The server's random octets.
    pub challenge: [u8; 8],
    /// Target information list; empty when there is none.
    pub target_info: &'a [u8],
}

impl<'a> Challenge<'a> {
    /// Reads one.
    pub fn decode(octets: &'a [u8]) -> Result<Self, AuthError> {
        let message = Message::open(octets, 2, "CHALLENGE")?;
        let flags = Flags(message.u32(20)?);
        let target_info = if flags.contains(Flags::TARGET_INFO) { message.field(40, "target information")? } else { &[] };
        Ok(Challenge { target_name: message.field(12, "target name")?, flags, challenge: message.array(24)?, target_info })
    }

    /// Writes one. Fails when a part is longer than 65,535 octets.
    pub(super) fn encode(&self) -> Result<Vec<u8>, AuthError> {
        let mut payload = Payload::new(56);
        let name = payload.push(self.target_name)?;
        let info = payload.push(self.target_info)?;
        let mut out = start(2);
        out.extend_from_slice(&name);
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&self.challenge);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&info);
        out.extend_from_slice(&VERSION);
        out.extend_from_slice(&payload.octets);
        Ok(out)
    }
}

/// AUTHENTICATE, client to server.
///
/// ```text
///  0  "NTLMSSP\0"        28 domain             60 flags
///  8  3                  36 user               64 version
/// 12  LM response        44 workstation        72 MIC
/// 20  NT response        52 session key        88 payload
/// ```
/// The payload may start at 64 already; then there is neither version nor MIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authenticate<'a> {
    /// LMv2 response, or 24 zeroes.
    pub lm_response: &'a [u8],
    /// NTLMv2: 16 octets of proof and what it proves. Version 1: 24 octets.
    pub nt_response: &'a [u8],
    /// Domain, UTF-16LE, as the client has it.
    pub domain: &'a [u8],
    /// User, UTF-16LE.
    pub user: &'a [u8],
    /// Workstation, UTF-16LE.
    pub workstation: &'a [u8],
    /// Session key under the key exchange key, or nothing.
    pub session_key: &'a [u8],
    /// What holds.
    pub flags: Flags,
    /// The message integrity code, where there is room for one in front of the payload; zeroes or anything else
    /// when the client made none.
    pub mic: Option<[u8; 16]>,
}

impl<'a> Authenticate<'a> {
    /// Where the MIC lies, when there is one.
    pub const MIC_AT: usize = 72;
    const PAYLOAD_AT: usize = 88;

    /// Reads one.
    pub fn decode(octets: &'a [u8]) -> Result<Self, AuthError> {
        let message = Message::open(octets, 3, "AUTHENTICATE")?;
        let lm_response = message.field(12, "LM response")?;
        let nt_response = message.field(20, "NT response")?;
        let domain = message.field(28, "domain")?;
        let user = message.field(36, "user")?;
        let workstation = message.field(44, "workstation")?;
        let session_key = message.field(52, "session key")?;
        let flags = Flags(message.u32(60)?);
        let mut payload_at = octets.len();
        for header in [12, 20, 28, 36, 44, 52] {
            if message.u16(header)? != 0 {
                payload_at = payload_at.min(usize::try_from(message.u32(header + 4)?).unwrap_or(usize::MAX));
            }
        }
        let mic = if payload_at >= Self::PAYLOAD_AT { Some(message.array(Self::MIC_AT)?) } else { None };
        Ok(Authenticate { lm_response, nt_response, domain, user, workstation, session_key, flags, mic })
    }

    /// Writes one, with version and MIC field. Fails when a part is longer than 65,535 octets.
    pub(super) fn encode(&self) -> Result<Vec<u8>, AuthError> {
        let mut payload = Payload::new(Self::PAYLOAD_AT);
        let mut out = start(3);
        // Headers name the responses first; the payload has the names first, as Windows writes them.
        let [domain, user, workstation] = [payload.push(self.domain)?, payload.push(self.user)?, payload.push(self.workstation)?];
        let [lm, nt, key] = [payload.push(self.lm_response)?, payload.push(self.nt_response)?, payload.push(self.session_key)?];
        for header in [lm, nt, domain, user, workstation, key] {
            out.extend_from_slice(&header);
        }
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&VERSION);
        out.extend_from_slice(&self.mic.unwrap_or_default());
        out.extend_from_slice(&payload.octets);
        Ok(out)
    }
}

/// A message whose signature and type were checked.
struct Message<'a> {
    octets: &'a [u8],
    name: &'static str,
}

impl<'a> Message<'a> {
    fn open(octets: &'a [u8], kind: u32, name: &'static str) -> Result<Self, AuthError> {
        let message = Message { octets, name };
        if message.array::<8>(0)? != SIGNATURE {
            return Err(AuthError::Malformed(format!("{name}: no NTLMSSP signature")));
        }
        match message.u32(8)? {
            found if found == kind => Ok(message),
            found => Err(AuthError::Malformed(format!("{name}: message type {found} instead of {kind}"))),
        }
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], AuthError> {
        self.octets
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .copied()
            .ok_or_else(|| AuthError::Malformed(format!("{}: needs {N} octets at {at}, has {} in all", self.name, self.octets.len())))
    }

    fn u16(&self, at: usize) -> Result<u16, AuthError> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Result<u32, AuthError> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// What the field header at `at` points to. An empty field may point anywhere.
    fn field(&self, at: usize, what: &str) -> Result<&'a [u8], AuthError> {
        let len = usize::from(self.u16(at)?);
        let offset = usize::try_from(self.u32(at + 4)?).unwrap_or(usize::MAX);
        if len == 0 {
            return Ok(&[]);
        }
        let end = offset.saturating_add(len);
        self.octets
            .get(offset..end)
            .ok_or_else(|| AuthError::Malformed(format!("{}: {what} ends at {end}, the message at {}", self.name, self.octets.len())))
    }
}

/// Payload in the making.
struct Payload {
    at: usize,
    octets: Vec<u8>,
}

impl Payload {
    fn new(at: usize) -> Self {
        Payload { at, octets: Vec::new() }
    }

    /// Appends a part and gives its header: length, greatest length, offset.
    fn push(&mut self, part: &[u8]) -> Result<[u8; 8], AuthError> {
        let long = |_| AuthError::Misuse("a name longer than 65,535 octets");
        let [l0, l1] = u16::try_from(part.len()).map_err(long)?.to_le_bytes();
        let [o0, o1, o2, o3] = u32::try_from(self.at.saturating_add(self.octets.len())).map_err(long)?.to_le_bytes();
        self.octets.extend_from_slice(part);
        Ok([l0, l1, l0, l1, o0, o1, o2, o3])
    }
}

fn start(kind: u32) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    out.extend_from_slice(&kind.to_le_bytes());
    out
}

const SIGNATURE: [u8; 8] = *b"NTLMSSP\0";

/// 10.0 build 17763, NTLM revision 15: for debugging only ([MS-NLMP] 2.2.2.10), but some servers log it.
const VERSION: [u8; 8] = [10, 0, 0x63, 0x45, 0, 0, 0, 15];

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(octets: &[u8], decode: impl Fn(&[u8]) -> bool) {
        assert!(decode(octets));
        for len in 0..octets.len() {
            decode(&octets[..len]);
        }
        for at in 0..octets.len() {
            for bit in 0..8 {
                let mut bent = octets.to_vec();
                bent[at] ^= 1 << bit;
                decode(&bent);
            }
        }
    }

    fn authenticate() -> Vec<u8> {
        let mic = Some([9; 16]);
        let (domain, user, workstation, session_key) = (b"D\0", b"u\0", b"", b"0123456789abcdef");
        Authenticate { lm_response: &[0; 24], nt_response: &[7; 60], domain, user, workstation, session_key, flags: Flags(5), mic }
            .encode()
            .unwrap()
    }

    #[test]
    fn a_message_reads_back_as_it_was_written() {
        let negotiate = Negotiate::encode(Flags(0x1234_5678));
        assert_eq!(Negotiate::decode(&negotiate).unwrap(), Negotiate { flags: Flags(0x1234_5678), domain: b"", workstation: b"" });
        let challenge = Challenge { target_name: b"S\0", flags: Flags::TARGET_INFO, challenge: *b"12345678", target_info: &[0; 4] };
        let octets = challenge.encode().unwrap();
        assert_eq!(Challenge::decode(&octets).unwrap(), challenge);
        let octets = authenticate();
        let message = Authenticate::decode(&octets).unwrap();
        assert_eq!((message.user, message.domain, message.nt_response.len()), (&b"u\0"[..], &b"D\0"[..], 60));
        assert_eq!((message.mic, message.session_key), (Some([9; 16]), &b"0123456789abcdef"[..]));
        assert_eq!(message.encode().unwrap(), octets);
    }

    #[test]
    fn a_message_cut_or_bent_anywhere_does_no_harm() {
        cut(&Negotiate::encode(Flags(1)), |octets| Negotiate::decode(octets).is_ok());
        let challenge = Challenge { target_name: b"S\0", flags: Flags::TARGET_INFO, challenge: [1; 8], target_info: &[0; 4] };
        cut(&challenge.encode().unwrap(), |octets| Challenge::decode(octets).is_ok());
        cut(&authenticate(), |octets| Authenticate::decode(octets).is_ok());
    }

    #[test]
    fn a_cut_payload_is_refused() {
        let octets = authenticate();
        for len in 0..octets.len() {
            assert!(Authenticate::decode(&octets[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_payload_before_octet_88_leaves_no_room_for_a_mic() {
        let mut octets = start(3);
        for _ in 0..5 {
            octets.extend([2, 0, 2, 0, 64, 0, 0, 0]);
        }
        octets.extend([0; 8]);
        octets.extend(1u32.to_le_bytes());
        octets.extend(b"u\0");
        octets.resize(120, 0);
        let message = Authenticate::decode(&octets).unwrap();
        assert_eq!((message.mic, message.user), (None, &b"u\0"[..]));
    }

    #[test]
    fn a_message_of_another_type_is_refused() {
        assert!(matches!(Challenge::decode(&Negotiate::encode(Flags(1))), Err(AuthError::Malformed(_))));
        assert!(matches!(Negotiate::decode(b"NTLMSSQ\0\x01\0\0\0\x01\0\0\0"), Err(AuthError::Malformed(_))));
    }

    #[test]
    fn a_negotiate_without_names_is_taken() {
        let octets = Negotiate::encode(Flags(3));
        assert_eq!(Negotiate::decode(&octets[..16]).unwrap().flags, Flags(3));
    }
}
