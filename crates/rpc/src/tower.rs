//! Protocol towers (C706 appendix L, [MS-RPCE] 2.2.1.2.5): an interface and the way to it, floor by floor.
//!
//! ```text
//! floors(2) | left length(2) left | right length(2) right | ...
//! 0d uuid major  |  minor      interface
//! 0d uuid major  |  minor      transfer syntax
//! 0b             |  minor      connection-oriented RPC
//! 07             |  port       TCP, big-endian
//! 09             |  address    IPv4, big-endian
//! ```

use crate::SyntaxId;
use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::{Decode, Encode, Guid, Limits, Reader, Result, Writer};
use std::net::Ipv4Addr;

/// Longest tower that is read, in octets ([MS-RPCE] 2.2.1.2.5).
pub const TOWER_LEN_MAX: usize = 2000;
/// Floors of the longest tower there is.
const FLOORS_MAX: u16 = 6;
const UUID: u8 = 0x0d;
const RPC_CONNECTION_ORIENTED: u8 = 0x0b;
const TCP: u8 = 0x07;
const IP: u8 = 0x09;

/// A tower: kept as floors, so that those of other protocols survive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tower {
    /// From the interface down to the network.
    pub floors: Vec<Floor>,
}

/// One floor of a tower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floor {
    /// Which protocol, and for interfaces also which one.
    pub left: Bytes,
    /// Its address.
    pub right: Bytes,
}

impl Floor {
    fn syntax(syntax: &SyntaxId) -> Floor {
        let mut left = BytesMut::with_capacity(19);
        left.put_u8(UUID);
        left.put_slice(&syntax.uuid.0);
        left.put_u16_le(syntax.major);
        Floor { left: left.freeze(), right: Bytes::copy_from_slice(&syntax.minor.to_le_bytes()) }
    }

    fn new(protocol: u8, right: &[u8]) -> Floor {
        Floor { left: Bytes::copy_from_slice(&[protocol]), right: Bytes::copy_from_slice(right) }
    }

    fn to_syntax(&self) -> Option<SyntaxId> {
        let (&UUID, rest) = self.left.split_first()? else { return None };
        let (uuid, major) = rest.split_first_chunk::<16>()?;
        let [major, minor] = [major, &self.right].map(|v| v.try_into().map(u16::from_le_bytes));
        Some(SyntaxId { uuid: Guid(*uuid), major: major.ok()?, minor: minor.ok()? })
    }
}

impl Tower {
    /// The tower of an interface over connection-oriented RPC, TCP and IPv4.
    pub fn tcp(interface: &SyntaxId, transfer: &SyntaxId, port: u16, address: Ipv4Addr) -> Tower {
        let floors = vec![
            Floor::syntax(interface),
            Floor::syntax(transfer),
            Floor::new(RPC_CONNECTION_ORIENTED, &[0, 0]),
            Floor::new(TCP, &port.to_be_bytes()),
            Floor::new(IP, &address.octets()),
        ];
        Tower { floors }
    }

    /// The interface of the first floor.
    pub fn interface(&self) -> Option<SyntaxId> {
        self.floors.first()?.to_syntax()
    }

    /// The transfer syntax of the second floor.
    pub fn transfer(&self) -> Option<SyntaxId> {
        self.floors.get(1)?.to_syntax()
    }

    /// The port, where the tower stands on connection-oriented RPC over TCP.
    pub fn tcp_port(&self) -> Option<u16> {
        let [_, _, rpc, tcp, ..] = self.floors.as_slice() else { return None };
        let protocols = (rpc.left.first()?, tcp.left.first()?) == (&RPC_CONNECTION_ORIENTED, &TCP);
        protocols.then(|| tcp.right.as_ref().try_into().map(u16::from_be_bytes).ok())?
    }

    /// The address, where the tower stands on IPv4.
    pub fn address(&self) -> Option<Ipv4Addr> {
        let floor = self.floors.get(4).filter(|f| f.left.first() == Some(&IP))?;
        <[u8; 4]>::try_from(floor.right.as_ref()).ok().map(Ipv4Addr::from)
    }

    /// The octets of the tower, without their count.
    pub fn octets(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u16_le(self.floors.len() as u16);
        for side in self.floors.iter().flat_map(|f| [&f.left, &f.right]) {
            out.put_u16_le(side.len() as u16);
            out.put_slice(side);
        }
        out.freeze()
    }

    /// Reads a tower from its octets. What follows the last floor is passed over.
    ///
    /// # Errors
    /// Where a floor is cut short, or there are more than six.
    pub fn parse(octets: Bytes) -> Result<Tower> {
        let mut r = Reader::new(octets, Limits::default());
        let count = u16::from_le_bytes(r.array("number of floors")?);
        if FLOORS_MAX < count {
            return Err(r.invalid("number of floors", count));
        }
        let side = |r: &mut Reader| {
            let len = u16::from_le_bytes(r.array("length of a floor")?);
            r.bytes("floor", len.into())
        };
        let floors = (0..count).map(|_| Ok(Floor { left: side(&mut r)?, right: side(&mut r)? })).collect::<Result<_>>()?;
        Ok(Tower { floors })
    }
}

/// `twr_t`: a conformant structure, so its max_count stands in front of tower_length.
impl Encode for Tower {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        let octets = self.octets();
        let len = octets.len() as u32;
        [len, len].encode(w);
        w.put(&octets);
    }
}

impl Decode for Tower {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 8;
    type Pending = Tower;
    fn decode_scalars(r: &mut Reader) -> Result<Tower> {
        let max_count = u32::decode(r)?;
        let len = u32::decode(r)?;
        if len != max_count || TOWER_LEN_MAX < len as usize {
            return Err(r.invalid("tower_length", len));
        }
        Tower::parse(r.bytes("tower", len as usize)?)
    }
    fn decode_referents(tower: Tower, _: &mut Reader) -> Result<Tower> {
        Ok(tower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::NDR;
    use rwmi_ndr::guid;

    const INTERFACE: SyntaxId = SyntaxId { uuid: guid!("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), major: 3, minor: 0 };

    #[test]
    fn a_tower_returns_from_its_octets() {
        let tower = Tower::tcp(&INTERFACE, &NDR, 135, Ipv4Addr::new(10, 0, 0, 1));
        let octets = tower.octets();
        assert_eq!(octets.len(), 75);
        assert_eq!(&octets[..9], [5, 0, 19, 0, 0x0d, 0x08, 0x83, 0xaf, 0xe1]);
        // Port and address in the order of the network.
        assert_eq!(&octets[octets.len() - 16..], [1, 0, 7, 2, 0, 0, 135, 1, 0, 9, 4, 0, 10, 0, 0, 1]);
        let again = Tower::parse(octets.clone()).unwrap();
        assert_eq!((again.interface(), again.transfer()), (Some(INTERFACE), Some(NDR)));
        assert_eq!((again.tcp_port(), again.address()), (Some(135), Some(Ipv4Addr::new(10, 0, 0, 1))));
        for end in 0..octets.len() {
            Tower::parse(octets.slice(..end)).unwrap_err();
        }
    }

    #[test]
    fn other_towers_survive_and_say_nothing() {
        let odd = Tower { floors: vec![Floor::new(0x1f, b"host\0"), Floor::new(UUID, b"")] };
        assert_eq!(Tower::parse(odd.octets()).unwrap(), odd);
        assert_eq!((odd.interface(), odd.transfer(), odd.tcp_port(), odd.address()), (None, None, None, None));
        Tower::parse(Bytes::from_static(&[7, 0])).unwrap_err();
    }
}
