//! The blob that carries the properties ([MS-DCOM] 2.2.22).
//!
//! ```text
//! u32 size of what follows the next field  u32 0
//! TypeSerialization1 { CustomHeader }  TypeSerialization1 { property }*
//! TypeSerialization1 = 01 10 08 00 CC CC CC CC  u32 body length  u32 0  NDR body, padded to 8
//! ```

use super::Property;
use crate::{Clsid, CustomObjRef, Iid, InterfacePointer, ObjRef};
use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::{Conformant, Decode, DecodeErrorKind, Encode, Limits, Reader, Writer, guid, ndr_struct};

/// Properties in a blob at most (MAX_ACTPROP_LIMIT).
pub const PROPERTIES_MAX: u32 = 10;

/// Octets of a blob that are read at most: 64 KiB.
const BLOB_LEN_MAX: usize = 64 << 10;

/// Octets of a type serialization header ([MS-RPCE] 2.2.6).
const TYPE_HEADER_LEN: usize = 16;

/// Whether a blob asks or answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Of a request.
    In,
    /// Of a response.
    Out,
}

impl Direction {
    fn ids(self) -> (Iid, Clsid) {
        match self {
            Direction::In => (Iid(guid!("000001a2-0000-0000-c000-000000000046")), Clsid(guid!("00000338-0000-0000-c000-000000000046"))),
            Direction::Out => (Iid(guid!("000001a3-0000-0000-c000-000000000046")), Clsid(guid!("00000339-0000-0000-c000-000000000046"))),
        }
    }
}

/// Activation properties, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivationBlob {
    /// Destination context: 2.
    pub destination: u32,
    /// The properties.
    pub properties: Vec<Property>,
}

ndr_struct! {
    struct CustomHeader {
        total_size: u32,
        header_size: u32,
        reserved: u32,
        destination: u32,
        count: u32,
        class_info: Clsid,
        classes: Option<Conformant<Clsid>>,
        sizes: Option<Conformant<u32>>,
        reserved_pointer: Option<u32>,
    }
}

impl ActivationBlob {
    /// A blob with these properties, for another computer.
    pub fn new(properties: Vec<Property>) -> Self {
        ActivationBlob { destination: 2, properties }
    }

    /// The blob's octets.
    pub fn to_octets(&self) -> Bytes {
        let bodies: Vec<Bytes> = self.properties.iter().map(|p| type_serialized(&p.write())).collect();
        let mut header = CustomHeader {
            total_size: 0,
            header_size: 0,
            reserved: 0,
            destination: self.destination,
            count: bodies.len() as u32,
            class_info: Clsid::default(),
            classes: Some(Conformant(self.properties.iter().map(Property::clsid).collect())),
            sizes: Some(Conformant(bodies.iter().map(|b| b.len() as u32).collect())),
            reserved_pointer: None,
        };
        let serialized = |header: &CustomHeader| {
            let mut w = Writer::default();
            header.encode(&mut w);
            type_serialized(&w.finish())
        };
        header.header_size = serialized(&header).len() as u32;
        header.total_size = header.header_size + bodies.iter().map(|b| b.len() as u32).sum::<u32>();
        let mut out = BytesMut::with_capacity(8 + header.total_size as usize);
        out.put_u32_le(header.total_size);
        out.put_u32_le(0);
        out.put_slice(&serialized(&header));
        bodies.iter().for_each(|b| out.put_slice(b));
        out.freeze()
    }

    /// Reads a blob. Lengths that peers write in several ways are not trusted: only the sizes of the header are used.
    pub fn from_octets(octets: Bytes) -> rwmi_ndr::Result<Self> {
        let mut outer = Reader::new(octets.clone(), Limits::default());
        if BLOB_LEN_MAX < octets.len() {
            let kind = DecodeErrorKind::OverLimit { value: octets.len() as u64, limit: BLOB_LEN_MAX as u64 };
            return Err(outer.error("activation properties", kind));
        }
        outer.skip("activation properties size", 8)?;
        let body = outer.rest();
        let header = CustomHeader::decode(&mut Reader::new(type_body(body.clone())?, Limits::default()))?;
        let mut at = Reader::new(body, Limits::default());
        // Windows 2000 leaves octets between the header and the first property, so the size that it names counts.
        at.skip("CustomHeader.headerSize", header.header_size as usize)?;
        let (Some(classes), Some(sizes)) = (header.classes, header.sizes) else {
            return Err(at.invalid("CustomHeader.pclsid", 0u8));
        };
        let n = header.count;
        if PROPERTIES_MAX < n || n as usize != classes.0.len() || n as usize != sizes.0.len() {
            return Err(at.invalid("CustomHeader.cIfs", n));
        }
        let properties = classes
            .0
            .into_iter()
            .zip(sizes.0)
            .map(|(clsid, size)| Property::read(clsid, type_body(at.bytes("property", size as usize)?)?))
            .collect::<rwmi_ndr::Result<_>>()?;
        Ok(ActivationBlob { destination: header.destination, properties })
    }

    /// The interface pointer that carries the blob in a call.
    pub fn to_pointer(&self, direction: Direction) -> InterfacePointer {
        let (iid, clsid) = direction.ids();
        let data = self.to_octets();
        // Eight octets more than there are, as Windows writes it.
        let declared_len = data.len() as u32 + 8;
        InterfacePointer::from(CustomObjRef { iid, clsid, extension_len: 0, declared_len, data })
    }

    /// Reads the blob of an interface pointer.
    pub fn from_pointer(pointer: &InterfacePointer, direction: Direction) -> rwmi_ndr::Result<Self> {
        match pointer.objref()? {
            ObjRef::Custom(custom) if custom.clsid == direction.ids().1 => Self::from_octets(custom.data),
            _ => Err(Reader::new(Bytes::new(), Limits::default()).invalid("activation properties reference", 0u8)),
        }
    }
}

fn type_serialized(body: &[u8]) -> Bytes {
    let padded = body.len().next_multiple_of(8);
    let mut out = BytesMut::with_capacity(TYPE_HEADER_LEN + padded);
    out.put_slice(&[1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc]);
    out.put_u32_le(padded as u32);
    out.put_u32_le(0);
    out.put_slice(body);
    out.put_bytes(0, padded - body.len());
    out.freeze()
}

/// The body behind a type serialization header, padding included: some write the length with padding, some without.
fn type_body(octets: Bytes) -> rwmi_ndr::Result<Bytes> {
    let mut r = Reader::new(octets, Limits::default());
    let [version, endian, len, ..] = r.array::<8>("type serialization header")?;
    if (version, endian, len) != (1, 0x10, 8) {
        return Err(r.invalid("type serialization header", u32::from_le_bytes([version, endian, len, 0])));
    }
    r.skip("type serialization header", 8)?;
    Ok(r.rest())
}
