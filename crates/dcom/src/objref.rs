//! Marshaled object references ([MS-DCOM] 2.2.18).
//!
//! ```text
//! "MEOW"  u32 form  GUID iid
//!   1 standard  STDOBJREF  DUALSTRINGARRAY of the resolver
//!   2 handler   STDOBJREF  GUID clsid  DUALSTRINGARRAY
//!   4 custom    GUID clsid  u32 extension  u32 size  octets
//!   8 extended  STDOBJREF  u32 signature  DUALSTRINGARRAY  u32 n  u32 signature  { GUID id  u32 size  u32 rounded  octets }*
//! ```
//! Not NDR: little-endian, and nothing is aligned.

use crate::{Clsid, DualStringArray, Iid, Ipid, Oid, Oxid};
use bytes::{BufMut, Bytes, BytesMut};
use rwmi_ndr::{Decode, DecodeError, DecodeErrorKind, Encode, Guid, Limits, Reader, Writer, ndr_struct};

const SIGNATURE: u32 = 0x574f_454d;
const EXTENDED_SIGNATURE: u32 = 0x4e53_5956;
const STANDARD: u32 = 1;
const HANDLER: u32 = 2;
const CUSTOM: u32 = 4;
const EXTENDED: u32 = 8;

/// Elements read from an extended reference at most; the specification knows one.
const ELEMENTS_MAX: u32 = 4;

/// [`StdObjRef::flags`]: the object is not pinged.
pub const SORF_NOPING: u32 = 0x1000;

ndr_struct! {
    /// Which interface of which object, and how many references come with it ([MS-DCOM] 2.2.18.2).
    #[derive(Copy, Eq, Default)]
    pub struct StdObjRef {
        /// 0, or [`SORF_NOPING`].
        pub flags: u32,
        /// Public references given to whoever unmarshals this.
        pub public_refs: u32,
        /// Exporter.
        pub oxid: Oxid,
        /// Object.
        pub oid: Oid,
        /// Interface.
        pub ipid: Ipid,
    }
}

/// An object reference in one of its four forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjRef {
    /// An object at its exporter.
    Standard {
        /// Interface.
        iid: Iid,
        /// Where in the exporter.
        std: StdObjRef,
        /// Bindings of the exporter's resolver.
        resolver: DualStringArray,
    },
    /// An object at its exporter, with a handler of its own on the client.
    Handler {
        /// Interface.
        iid: Iid,
        /// Where in the exporter.
        std: StdObjRef,
        /// The handler's class.
        clsid: Clsid,
        /// Bindings of the exporter's resolver.
        resolver: DualStringArray,
    },
    /// An object by value, in a form that its class knows.
    Custom(CustomObjRef),
    /// An object at its exporter, with contexts.
    Extended {
        /// Interface.
        iid: Iid,
        /// Where in the exporter.
        std: StdObjRef,
        /// Bindings of the exporter's resolver.
        resolver: DualStringArray,
        /// Contexts.
        elements: Vec<DataElement>,
    },
}

/// An object by value ([MS-DCOM] 2.2.18.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomObjRef {
    /// Interface.
    pub iid: Iid,
    /// Class that reads the octets.
    pub clsid: Clsid,
    /// Zero.
    pub extension_len: u32,
    /// A size as the sender wrote it: the octets' length, 8 more in activations, or stale. Never to be trusted.
    pub declared_len: u32,
    /// The octets, to the end of the reference.
    pub data: Bytes,
}

/// A context in an extended reference ([MS-DCOM] 2.2.18.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataElement {
    /// Context.
    pub id: Guid,
    /// Octets without the padding.
    pub len: u32,
    /// The octets with their padding.
    pub data: Bytes,
}

impl CustomObjRef {
    /// A reference that says its true length.
    pub fn new(iid: Iid, clsid: Clsid, data: Bytes) -> Self {
        CustomObjRef { iid, clsid, extension_len: 0, declared_len: data.len() as u32, data }
    }
}

impl ObjRef {
    /// The interface that is referred to.
    pub fn iid(&self) -> Iid {
        match self {
            ObjRef::Standard { iid, .. } | ObjRef::Handler { iid, .. } | ObjRef::Extended { iid, .. } => *iid,
            ObjRef::Custom(custom) => custom.iid,
        }
    }

    /// Where the object is; of every form but the custom one.
    pub fn std(&self) -> Option<&StdObjRef> {
        match self {
            ObjRef::Standard { std, .. } | ObjRef::Handler { std, .. } | ObjRef::Extended { std, .. } => Some(std),
            ObjRef::Custom(_) => None,
        }
    }

    /// Bindings of the exporter's resolver; of every form but the custom one.
    pub fn resolver(&self) -> Option<&DualStringArray> {
        match self {
            ObjRef::Standard { resolver, .. } | ObjRef::Handler { resolver, .. } | ObjRef::Extended { resolver, .. } => Some(resolver),
            ObjRef::Custom(_) => None,
        }
    }

    /// Reads a reference. Octets behind it are passed over.
    pub fn from_octets(octets: Bytes) -> Result<Self, DecodeError> {
        let r = &mut Reader::new(octets, Limits::default());
        let signature = int(r, "OBJREF.signature")?;
        if signature != SIGNATURE {
            return Err(r.invalid("OBJREF.signature", signature));
        }
        let form = int(r, "OBJREF.flags")?;
        let iid = Iid(guid(r, "OBJREF.iid")?);
        Ok(match form {
            STANDARD => ObjRef::Standard { iid, std: std_ref(r)?, resolver: DualStringArray::read(r)? },
            HANDLER => {
                ObjRef::Handler { iid, std: std_ref(r)?, clsid: Clsid(guid(r, "OBJREF.clsid")?), resolver: DualStringArray::read(r)? }
            }
            CUSTOM => ObjRef::Custom(CustomObjRef {
                iid,
                clsid: Clsid(guid(r, "OBJREF.clsid")?),
                extension_len: int(r, "OBJREF.cbExtension")?,
                declared_len: int(r, "OBJREF.size")?,
                data: r.rest(),
            }),
            EXTENDED => {
                let std = std_ref(r)?;
                signed(r, "OBJREF.Signature1")?;
                let resolver = DualStringArray::read(r)?;
                let n = int(r, "OBJREF.nElms")?;
                if ELEMENTS_MAX < n {
                    return Err(r.error("OBJREF.nElms", DecodeErrorKind::OverLimit { value: n.into(), limit: ELEMENTS_MAX.into() }));
                }
                signed(r, "OBJREF.Signature2")?;
                ObjRef::Extended { iid, std, resolver, elements: (0..n).map(|_| element(r)).collect::<Result<_, _>>()? }
            }
            other => return Err(r.invalid("OBJREF.flags", other)),
        })
    }

    /// The octets of the reference.
    pub fn to_octets(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u32_le(SIGNATURE);
        match self {
            ObjRef::Standard { iid, std, resolver } => {
                head(&mut out, STANDARD, *iid);
                put_std(&mut out, std);
                resolver.write(&mut out);
            }
            ObjRef::Handler { iid, std, clsid, resolver } => {
                head(&mut out, HANDLER, *iid);
                put_std(&mut out, std);
                out.put_slice(&clsid.0.0);
                resolver.write(&mut out);
            }
            ObjRef::Custom(custom) => {
                head(&mut out, CUSTOM, custom.iid);
                out.reserve(24 + custom.data.len());
                out.put_slice(&custom.clsid.0.0);
                out.put_u32_le(custom.extension_len);
                out.put_u32_le(custom.declared_len);
                out.put_slice(&custom.data);
            }
            ObjRef::Extended { iid, std, resolver, elements } => {
                head(&mut out, EXTENDED, *iid);
                put_std(&mut out, std);
                out.put_u32_le(EXTENDED_SIGNATURE);
                resolver.write(&mut out);
                out.put_u32_le(elements.len() as u32);
                out.put_u32_le(EXTENDED_SIGNATURE);
                for e in elements {
                    out.put_slice(&e.id.0);
                    out.put_u32_le(e.len);
                    out.put_u32_le(e.data.len() as u32);
                    out.put_slice(&e.data);
                }
            }
        }
        out.freeze()
    }
}

fn head(out: &mut BytesMut, form: u32, iid: Iid) {
    out.put_u32_le(form);
    out.put_slice(&iid.0.0);
}

fn put_std(out: &mut BytesMut, std: &StdObjRef) {
    out.put_u32_le(std.flags);
    out.put_u32_le(std.public_refs);
    out.put_u64_le(std.oxid.0);
    out.put_u64_le(std.oid.0);
    out.put_slice(&std.ipid.0.0);
}

fn int(r: &mut Reader, what: &'static str) -> Result<u32, DecodeError> {
    r.array(what).map(u32::from_le_bytes)
}

fn guid(r: &mut Reader, what: &'static str) -> Result<Guid, DecodeError> {
    r.array(what).map(Guid)
}

fn std_ref(r: &mut Reader) -> Result<StdObjRef, DecodeError> {
    Ok(StdObjRef {
        flags: int(r, "STDOBJREF.flags")?,
        public_refs: int(r, "STDOBJREF.cPublicRefs")?,
        oxid: Oxid(r.array("STDOBJREF.oxid").map(u64::from_le_bytes)?),
        oid: Oid(r.array("STDOBJREF.oid").map(u64::from_le_bytes)?),
        ipid: Ipid(guid(r, "STDOBJREF.ipid")?),
    })
}

fn signed(r: &mut Reader, what: &'static str) -> Result<(), DecodeError> {
    match int(r, what)? {
        EXTENDED_SIGNATURE => Ok(()),
        other => Err(r.invalid(what, other)),
    }
}

fn element(r: &mut Reader) -> Result<DataElement, DecodeError> {
    let id = guid(r, "DATAELEMENT.dataID")?;
    let len = int(r, "DATAELEMENT.cbSize")?;
    let rounded = int(r, "DATAELEMENT.cbRounded")?;
    if rounded < len {
        return Err(r.invalid("DATAELEMENT.cbRounded", rounded));
    }
    Ok(DataElement { id, len, data: r.bytes("DATAELEMENT.Data", rounded as usize)? })
}

/// An interface pointer among NDR parameters: an object reference with its length ([MS-DCOM] 2.2.14).
///
/// Kept as octets, so that an object by value costs no copy; [`InterfacePointer::objref`] reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfacePointer(pub Bytes);

impl InterfacePointer {
    /// Reads the reference.
    pub fn objref(&self) -> Result<ObjRef, DecodeError> {
        ObjRef::from_octets(self.0.clone())
    }
}

impl From<&ObjRef> for InterfacePointer {
    fn from(objref: &ObjRef) -> Self {
        InterfacePointer(objref.to_octets())
    }
}

impl From<CustomObjRef> for InterfacePointer {
    fn from(custom: CustomObjRef) -> Self {
        InterfacePointer(ObjRef::Custom(custom).to_octets())
    }
}

/// A conformant structure: its max_count comes first.
impl Encode for InterfacePointer {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        let len = self.0.len() as u32;
        [len, len].encode(w);
        w.put(&self.0);
    }
}

impl Decode for InterfacePointer {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 8;
    type Pending = Self;
    fn decode_scalars(r: &mut Reader) -> rwmi_ndr::Result<Self> {
        let max = u32::decode(r)?;
        let len = u32::decode(r)?;
        if max < len {
            return Err(r.invalid("MInterfacePointer.ulCntData", len));
        }
        r.bytes("MInterfacePointer.abData", max as usize).map(|data| InterfacePointer(data.slice(..len as usize)))
    }
    fn decode_referents(p: Self, _: &mut Reader) -> rwmi_ndr::Result<Self> {
        Ok(p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecurityBinding, StringBinding};

    fn std() -> StdObjRef {
        StdObjRef { flags: 0, public_refs: 1, oxid: Oxid(1), oid: Oid(2), ipid: Ipid(Guid([3; 16])) }
    }

    fn resolver() -> DualStringArray {
        DualStringArray { strings: vec![StringBinding::tcp("h", None)], security: vec![SecurityBinding::service(10)] }
    }

    /// There and back, and an error at every cut; `open` is where a custom reference's octets begin.
    fn check(objref: ObjRef, open: usize) {
        let octets = objref.to_octets();
        assert_eq!(ObjRef::from_octets(octets.clone()).unwrap(), objref);
        for cut in 0..octets.len().min(open) {
            assert!(ObjRef::from_octets(octets.slice(..cut)).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn every_form_returns_to_its_octets() {
        let iid = Iid::IUNKNOWN;
        let clsid = Clsid(Guid([5; 16]));
        check(ObjRef::Standard { iid, std: std(), resolver: resolver() }, usize::MAX);
        check(ObjRef::Handler { iid, std: std(), clsid, resolver: resolver() }, usize::MAX);
        check(ObjRef::Custom(CustomObjRef::new(iid, clsid, Bytes::from_static(b"xyz"))), 48);
        let element = DataElement { id: Guid([6; 16]), len: 3, data: Bytes::from_static(&[1, 2, 3, 0, 0, 0, 0, 0]) };
        check(ObjRef::Extended { iid, std: std(), resolver: resolver(), elements: vec![element] }, usize::MAX);
    }

    #[test]
    fn an_unknown_form_is_an_error() {
        let mut octets = ObjRef::Standard { iid: Iid::IUNKNOWN, std: std(), resolver: resolver() }.to_octets().to_vec();
        octets[4] = 3;
        assert_eq!(ObjRef::from_octets(octets.into()).unwrap_err().what, "OBJREF.flags");
    }

    #[test]
    fn an_interface_pointer_says_its_length_twice() {
        let mut w = Writer::default();
        InterfacePointer(Bytes::from_static(b"MEOW")).encode(&mut w);
        let octets = w.finish();
        assert_eq!(&octets[..], b"\x04\0\0\0\x04\0\0\0MEOW");
        let lying = Bytes::from_static(b"\x04\0\0\0\x05\0\0\0MEOW!");
        assert!(InterfacePointer::decode(&mut Reader::new(lying, Limits::default())).is_err());
    }
}
