//! The target information list ([MS-NLMP] 2.2.2.1): id, length, value, up to id 0.

use crate::AuthError;

/// What a pair of the list is. Unknown ids survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AvId(pub u16);

impl AvId {
    /// End of the list.
    pub const EOL: AvId = AvId(0);
    /// NetBIOS name of the server.
    pub const NB_COMPUTER_NAME: AvId = AvId(1);
    /// NetBIOS name of its domain.
    pub const NB_DOMAIN_NAME: AvId = AvId(2);
    /// DNS name of the server.
    pub const DNS_COMPUTER_NAME: AvId = AvId(3);
    /// DNS name of its domain.
    pub const DNS_DOMAIN_NAME: AvId = AvId(4);
    /// DNS name of the forest.
    pub const DNS_TREE_NAME: AvId = AvId(5);
    /// 32 bits; [`AvPairs::FLAG_MIC`] is the one that counts here.
    pub const FLAGS: AvId = AvId(6);
    /// The server's time, a FILETIME.
    pub const TIMESTAMP: AvId = AvId(7);
    /// What the client's process may do.
    pub const SINGLE_HOST: AvId = AvId(8);
    /// Service principal name that the client believes it talks to.
    pub const TARGET_NAME: AvId = AvId(9);
    /// MD5 of the channel bindings, zeroes for none.
    pub const CHANNEL_BINDINGS: AvId = AvId(10);
}

/// A target information list, in the order on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AvPairs<'a> {
    pairs: Vec<(AvId, &'a [u8])>,
}

impl<'a> AvPairs<'a> {
    /// Bit of [`AvId::FLAGS`]: the AUTHENTICATE carries a MIC.
    pub const FLAG_MIC: u32 = 2;

    /// Most pairs in a list; there are ten ids.
    pub const COUNT_MAX: usize = 64;

    /// Reads a list up to its end mark; octets after it are let be (AUTHENTICATE has four zeroes there).
    /// An empty slice is an empty list.
    pub fn decode(octets: &'a [u8]) -> Result<Self, AuthError> {
        let mut pairs = Vec::new();
        let mut rest = octets;
        if rest.is_empty() {
            return Ok(AvPairs { pairs });
        }
        loop {
            let short = || AuthError::Malformed("target information cut short".into());
            let (&[id0, id1, len0, len1], after) = rest.split_first_chunk().ok_or_else(short)?;
            let id = AvId(u16::from_le_bytes([id0, id1]));
            if id == AvId::EOL {
                return Ok(AvPairs { pairs });
            }
            if pairs.len() == Self::COUNT_MAX {
                return Err(AuthError::Malformed("more than 64 pairs of target information".into()));
            }
            let (value, after) = after.split_at_checked(usize::from(u16::from_le_bytes([len0, len1]))).ok_or_else(short)?;
            pairs.push((id, value));
            rest = after;
        }
    }

    /// The value of the first pair of this id.
    pub fn find(&self, id: AvId) -> Option<&'a [u8]> {
        self.pairs.iter().find(|pair| pair.0 == id).map(|pair| pair.1)
    }

    /// The bits of [`AvId::FLAGS`]; zero when absent or not four octets long.
    pub fn flags(&self) -> u32 {
        self.find(AvId::FLAGS).and_then(|value| value.try_into().ok()).map_or(0, u32::from_le_bytes)
    }

    /// The server's time; none when absent or not eight octets long.
    pub fn timestamp(&self) -> Option<u64> {
        self.find(AvId::TIMESTAMP).and_then(|value| value.try_into().ok()).map(u64::from_le_bytes)
    }

    /// The pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (AvId, &'a [u8])> + '_ {
        self.pairs.iter().copied()
    }
}

/// Appends a pair.
pub(super) fn push(out: &mut Vec<u8>, id: AvId, value: &[u8]) -> Result<(), AuthError> {
    let len = u16::try_from(value.len()).map_err(|_| AuthError::Misuse("a name longer than 65,535 octets"))?;
    out.extend_from_slice(&id.0.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Vec<u8> {
        let mut out = vec![];
        push(&mut out, AvId::NB_COMPUTER_NAME, b"S\0").unwrap();
        push(&mut out, AvId(0x7777), b"abc").unwrap();
        push(&mut out, AvId::TIMESTAMP, &7u64.to_le_bytes()).unwrap();
        push(&mut out, AvId::FLAGS, &2u32.to_le_bytes()).unwrap();
        push(&mut out, AvId::EOL, b"").unwrap();
        out
    }

    #[test]
    fn unknown_ids_survive_and_octets_after_the_end_are_let_be() {
        let mut octets = list();
        octets.extend([0xff; 4]);
        let pairs = AvPairs::decode(&octets).unwrap();
        assert_eq!(pairs.find(AvId(0x7777)), Some(&b"abc"[..]));
        assert_eq!((pairs.timestamp(), pairs.flags()), (Some(7), AvPairs::FLAG_MIC));
        assert_eq!(pairs.iter().count(), 4);
        assert_eq!(AvPairs::decode(b"").unwrap(), AvPairs::default());
    }

    #[test]
    fn a_list_cut_anywhere_is_refused() {
        let octets = list();
        for len in 1..octets.len() {
            assert!(matches!(AvPairs::decode(&octets[..len]), Err(AuthError::Malformed(_))), "{len}");
        }
    }

    #[test]
    fn a_list_has_a_greatest_length() {
        let octets = [1, 0, 0, 0].repeat(AvPairs::COUNT_MAX + 1);
        assert!(AvPairs::decode(&octets).is_err());
    }
}
