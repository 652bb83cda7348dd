//! DUALSTRINGARRAY: where an exporter or a resolver is, and how to authenticate there ([MS-DCOM] 2.2.19).
//!
//! ```text
//! u16 entries, u16 security offset (both count u16)
//! { u16 tower, "address[port]" 0 }*  0     string bindings
//! { u16 authn, u16 authz, "principal" 0 }*  0     security bindings
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::{Decode, Encode, Reader, Writer};
use std::fmt;

/// Tower id of TCP (C706 appendix I): the only one we speak.
pub const TOWER_TCP: u16 = 7;

/// The port of the resolver, where a binding names none.
pub const RESOLVER_PORT: u16 = 135;

/// String and security bindings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DualStringArray {
    /// Where, in decreasing order of preference.
    pub strings: Vec<StringBinding>,
    /// How to authenticate, in decreasing order of preference.
    pub security: Vec<SecurityBinding>,
}

/// One way to reach an end point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringBinding {
    /// Protocol of the tower: [`TOWER_TCP`], or something to pass over.
    pub tower: u16,
    /// Network address, with the port in brackets if there is one.
    pub address: String,
}

/// One way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityBinding {
    /// Authentication service: 9 SPNEGO, 10 NTLM, 16 Kerberos.
    pub authn: u16,
    /// Authorisation service: 0xffff for the default.
    pub authz: u16,
    /// The server's principal; empty for none.
    pub principal: String,
}

impl StringBinding {
    /// TCP at `host`, with a port or without.
    pub fn tcp(host: impl fmt::Display, port: Option<u16>) -> Self {
        let address = match port {
            Some(port) => format!("{host}[{port}]"),
            None => host.to_string(),
        };
        StringBinding { tower: TOWER_TCP, address }
    }

    /// Host and port: `host[135]`, `host`, `fe80::1[135]`, `[fe80::1][135]` and `[fe80::1]` are all met.
    pub fn host_and_port(&self) -> (&str, Option<u16>) {
        let text = self.address.as_str();
        let (host, port) = match text.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
            Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => (text, None),
            },
            _ => (text, None),
        };
        (host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host), port)
    }
}

impl SecurityBinding {
    /// A service without a principal.
    pub fn service(authn: u16) -> Self {
        SecurityBinding { authn, authz: 0xffff, principal: String::new() }
    }
}

impl DualStringArray {
    /// Reads the packet form, which OBJREFs hold.
    pub fn read(r: &mut Reader) -> rwmi_ndr::Result<Self> {
        let entries = r.array::<2>("DUALSTRINGARRAY.wNumEntries").map(u16::from_le_bytes)?;
        let security = r.array::<2>("DUALSTRINGARRAY.wSecurityOffset").map(u16::from_le_bytes)?;
        let units: Vec<u16> = r
            .bytes("DUALSTRINGARRAY.aStringArray", usize::from(entries) * 2)?
            .as_chunks::<2>()
            .0
            .iter()
            .map(|c| u16::from_le_bytes(*c))
            .collect();
        Self::parse(&units, security).ok_or_else(|| r.invalid("DUALSTRINGARRAY", security))
    }

    /// Writes the packet form.
    pub fn write(&self, out: &mut impl BufMut) {
        let (units, security) = self.units();
        out.put_u16_le(units.len() as u16);
        out.put_u16_le(security);
        units.iter().for_each(|u| out.put_u16_le(*u));
    }

    fn parse(units: &[u16], security: u16) -> Option<Self> {
        let mut out = DualStringArray::default();
        // An array without entries is met, although four zero words are the least that the specification allows.
        if units.is_empty() {
            return Some(out);
        }
        let (mut strings, mut services) = units.split_at_checked(usize::from(security))?;
        while let Some((&tower, rest)) = strings.split_first()
            && tower != 0
        {
            let (address, rest) = take_string(rest);
            out.strings.push(StringBinding { tower, address });
            strings = rest;
        }
        while let Some((&authn, rest)) = services.split_first()
            && authn != 0
        {
            let (&authz, rest) = rest.split_first()?;
            let (principal, rest) = take_string(rest);
            out.security.push(SecurityBinding { authn, authz, principal });
            services = rest;
        }
        Some(out)
    }

    /// The units and the offset of the security bindings. Bindings that do not fit into 65535 units are left out.
    fn units(&self) -> (Vec<u16>, u16) {
        const ROOM: usize = u16::MAX as usize - 4;
        let mut units = Vec::new();
        for s in &self.strings {
            let len = s.address.encode_utf16().count() + 2;
            if units.len() + len <= ROOM {
                units.push(s.tower);
                units.extend(s.address.encode_utf16().chain([0]));
            }
        }
        // An empty list is two zeros: the smallest array has four (2.2.19.1).
        units.resize(units.len() + if units.is_empty() { 2 } else { 1 }, 0);
        let security = units.len();
        for s in &self.security {
            let len = s.principal.encode_utf16().count() + 3;
            if units.len() + len <= ROOM {
                units.extend([s.authn, s.authz]);
                units.extend(s.principal.encode_utf16().chain([0]));
            }
        }
        units.resize(units.len() + if units.len() == security { 2 } else { 1 }, 0);
        (units, security as u16)
    }
}

/// The text up to the first zero, and what follows the zero.
fn take_string(units: &[u16]) -> (String, &[u16]) {
    let end = units.iter().position(|u| *u == 0).unwrap_or(units.len());
    let (text, rest) = units.split_at(end);
    (String::from_utf16_lossy(text), rest.split_first().map_or(rest, |(_, rest)| rest))
}

/// The NDR form: a conformant structure, so its max_count comes first (C706 14.3.7).
impl Encode for DualStringArray {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        let mut packet = BytesMut::new();
        self.write(&mut packet);
        (packet.len() as u32 / 2 - 2).encode_scalars(w);
        w.put(&packet);
    }
}

impl Decode for DualStringArray {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 8;
    type Pending = Self;
    fn decode_scalars(r: &mut Reader) -> rwmi_ndr::Result<Self> {
        let max = u32::decode(r)?;
        let [a, b, c, d] = r.array("DUALSTRINGARRAY")?;
        let (entries, security) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        if u32::from(entries) != max {
            return Err(r.invalid("DUALSTRINGARRAY.wNumEntries", entries));
        }
        let octets: Bytes = r.bytes("DUALSTRINGARRAY.aStringArray", usize::from(entries) * 2)?;
        let units: Vec<u16> = octets.as_chunks::<2>().0.iter().map(|c| u16::from_le_bytes(*c)).collect();
        Self::parse(&units, security).ok_or_else(|| r.invalid("DUALSTRINGARRAY.wSecurityOffset", security))
    }
    fn decode_referents(p: Self, _: &mut Reader) -> rwmi_ndr::Result<Self> {
        Ok(p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_ndr::Limits;

    fn encoded(d: &DualStringArray) -> Bytes {
        let mut w = Writer::default();
        d.encode(&mut w);
        w.finish()
    }

    #[test]
    fn an_array_returns_to_its_octets() {
        let d = DualStringArray {
            strings: vec![StringBinding::tcp("10.0.0.1", Some(24158)), StringBinding::tcp("HOST", None)],
            security: vec![SecurityBinding::service(9), SecurityBinding { authn: 16, authz: 0xffff, principal: "host/a".into() }],
        };
        let octets = encoded(&d);
        assert_eq!(DualStringArray::decode(&mut Reader::new(octets.clone(), Limits::default())).unwrap(), d);
        for cut in 0..octets.len() {
            assert!(DualStringArray::decode(&mut Reader::new(octets.slice(..cut), Limits::default())).is_err());
        }
    }

    #[test]
    fn the_smallest_array_is_four_zeros() {
        assert_eq!(encoded(&DualStringArray::default())[..], [4, 0, 0, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_security_offset_behind_the_end_is_an_error() {
        let octets = Bytes::from_static(&[2, 0, 0, 0, 2, 0, 3, 0, 0, 0, 0, 0]);
        assert!(DualStringArray::decode(&mut Reader::new(octets, Limits::default())).is_err());
    }

    #[test]
    fn host_and_port_are_found_in_every_spelling() {
        fn check(text: &str, expect: (&str, Option<u16>)) {
            assert_eq!(StringBinding { tower: 7, address: text.into() }.host_and_port(), expect, "{text}");
        }
        check("host[135]", ("host", Some(135)));
        check("host", ("host", None));
        check("fe80::1[24158]", ("fe80::1", Some(24158)));
        check("[fe80::1][24158]", ("fe80::1", Some(24158)));
        check("[fe80::1]", ("fe80::1", None));
        check(r"HOST[\PIPE\atsvc]", (r"HOST[\PIPE\atsvc]", None));
        check("host[70000]", ("host[70000]", None));
        check("", ("", None));
    }
}
