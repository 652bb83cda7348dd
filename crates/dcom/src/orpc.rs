//! What every object call carries in front: ORPCTHIS, ORPCTHAT and their extents ([MS-DCOM] 2.2.13).

use crate::{Cid, ComVersion};
use bytes::Bytes;
use rwmi_ndr::{Decode, Encode, Guid, Reader, Writer, ndr_struct};

/// Extents read from one header at most.
pub const EXTENTS_MAX: usize = 16;

/// Octets of extents read from one header at most: 16 KiB.
pub const EXTENTS_LEN_MAX: usize = 16 << 10;

ndr_struct! {
    /// The implicit first parameter of a request ([MS-DCOM] 2.2.13.3).
    pub struct OrpcThis {
        /// Version the client speaks.
        pub version: ComVersion,
        /// 1 in an activation, 0 elsewhere.
        pub flags: u32,
        /// Zero.
        pub reserved1: u32,
        /// The chain of calls that this one belongs to.
        pub cid: Cid,
        /// Extents; mostly none.
        pub extensions: Option<Extents>,
    }
}

impl OrpcThis {
    /// Without extents.
    pub fn new(version: ComVersion, flags: u32, cid: Cid) -> Self {
        OrpcThis { version, flags, reserved1: 0, cid, extensions: None }
    }
}

ndr_struct! {
    /// The implicit first parameter of a response ([MS-DCOM] 2.2.13.4).
    #[derive(Default)]
    pub struct OrpcThat {
        /// 1 in an activation as Windows sends it, 0 elsewhere.
        pub flags: u32,
        /// Extents; mostly none.
        pub extensions: Option<Extents>,
    }
}

/// Something carried beside a call ([MS-DCOM] 2.2.13.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// What it is.
    pub id: Guid,
    /// Its octets, without the padding to a multiple of eight.
    pub data: Bytes,
}

/// ORPC_EXTENT_ARRAY ([MS-DCOM] 2.2.13.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extents(pub Vec<Extent>);

impl Encode for Extent {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        let padded = self.data.len().next_multiple_of(8);
        (padded as u32).encode_scalars(w);
        self.id.encode_scalars(w);
        (self.data.len() as u32).encode_scalars(w);
        w.put(&self.data);
        (self.data.len()..padded).for_each(|_| w.put(&[0]));
    }
}

impl Decode for Extent {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 24;
    type Pending = Self;
    fn decode_scalars(r: &mut Reader) -> rwmi_ndr::Result<Self> {
        let max = u32::decode(r)?;
        let id = Guid::decode(r)?;
        let size = u32::decode(r)?;
        if size.checked_next_multiple_of(8) != Some(max) || EXTENTS_LEN_MAX < size as usize {
            return Err(r.invalid("ORPC_EXTENT.size", size));
        }
        let data = r.bytes("ORPC_EXTENT.data", max as usize)?.slice(..size as usize);
        Ok(Extent { id, data })
    }
    fn decode_referents(p: Self, _: &mut Reader) -> rwmi_ndr::Result<Self> {
        Ok(p)
    }
}

impl Encode for Extents {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        (self.0.len() as u32).encode_scalars(w);
        0u32.encode_scalars(w);
        w.referent_id().encode_scalars(w);
    }
    fn encode_referents(&self, w: &mut Writer) {
        let slots = self.0.len().next_multiple_of(2);
        (slots as u32).encode_scalars(w);
        for at in 0..slots {
            let id = if at < self.0.len() { w.referent_id() } else { 0 };
            id.encode_scalars(w);
        }
        self.0.iter().for_each(|e| e.encode(w));
    }
}

impl Decode for Extents {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 12;
    type Pending = bool;
    fn decode_scalars(r: &mut Reader) -> rwmi_ndr::Result<bool> {
        let size = u32::decode(r)?;
        if EXTENTS_MAX < size as usize {
            return Err(r.invalid("ORPC_EXTENT_ARRAY.size", size));
        }
        let _reserved = u32::decode(r)?;
        Ok(u32::decode(r)? != 0)
    }
    fn decode_referents(some: bool, r: &mut Reader) -> rwmi_ndr::Result<Self> {
        if !some {
            return Ok(Extents::default());
        }
        let slots = r.count_of("ORPC_EXTENT_ARRAY.extent", 4)?;
        if EXTENTS_MAX < slots {
            return Err(r.invalid("ORPC_EXTENT_ARRAY.extent", slots as u64));
        }
        let present = (0..slots).map(|_| Ok(u32::decode(r)? != 0)).collect::<rwmi_ndr::Result<Vec<bool>>>()?;
        let mut extents = Vec::new();
        let mut len = 0;
        for _ in present.into_iter().filter(|p| *p) {
            let extent = Extent::decode(r)?;
            len += extent.data.len();
            if EXTENTS_LEN_MAX < len {
                return Err(r.invalid("ORPC_EXTENT_ARRAY", len as u64));
            }
            extents.push(extent);
        }
        Ok(Extents(extents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_ndr::Limits;

    fn check(extents: Option<Extents>, len: usize) {
        let that = OrpcThat { flags: 0, extensions: extents };
        let mut w = Writer::default();
        that.encode(&mut w);
        let octets = w.finish();
        assert_eq!(octets.len(), len);
        assert_eq!(OrpcThat::decode(&mut Reader::new(octets.clone(), Limits::default())).unwrap(), that);
        for cut in 0..len {
            assert!(OrpcThat::decode(&mut Reader::new(octets.slice(..cut), Limits::default())).is_err());
        }
    }

    #[test]
    fn extents_return_with_their_padding() {
        let extent = |n: usize| Extent { id: Guid([n as u8; 16]), data: vec![7; n].into() };
        check(None, 8);
        check(Some(Extents(vec![extent(3)])), 8 + 12 + 4 + 8 + 24 + 8);
        check(Some(Extents(vec![extent(8), extent(9), extent(0)])), 8 + 12 + 4 + 16 + 3 * 24 + 8 + 16);
    }

    #[test]
    fn too_many_extents_are_refused_before_they_are_read() {
        let many = Extents(vec![Extent { id: Guid::NIL, data: Bytes::new() }; EXTENTS_MAX + 1]);
        let mut w = Writer::default();
        many.encode(&mut w);
        assert!(Extents::decode(&mut Reader::new(w.finish(), Limits::default())).is_err());
    }

    #[test]
    fn orpcthis_without_extents_has_32_octets() {
        let mut w = Writer::default();
        OrpcThis::new(ComVersion::V5_7, 0, Cid(Guid([9; 16]))).encode(&mut w);
        let octets = w.finish();
        assert_eq!((octets.len(), &octets[..4]), (32, &[5, 0, 7, 0][..]));
    }
}
