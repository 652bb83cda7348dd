//! Objects by value: IWbemClassObject is never called over the network, it travels as a [MS-WMIO] unit in a custom reference.

use bytes::Bytes;
use rwmi_dcom::{Clsid, CustomObjRef, Iid, InterfacePointer, ObjRef};
use rwmi_ndr::{DecodeError, DecodeErrorKind, guid};

/// IWbemClassObject.
pub const IID_IWBEM_CLASS_OBJECT: Iid = Iid(guid!("dc12a681-737f-11cf-884d-00aa004b2e24"));

/// The class that reads the octets.
const CLSID_WBEM_CLASS_OBJECT: Clsid = Clsid(guid!("4590f812-1d3a-11d0-891f-00aa004b2e24"));

/// A marshaled object: the octets of its unit, signature included, that the codec of objects reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassObjectRef(pub Bytes);

impl ClassObjectRef {
    /// Takes the unit out of an interface pointer. The size in the reference is stale with one client: the pointer's own counts.
    pub fn from_pointer(pointer: &InterfacePointer) -> Result<Self, DecodeError> {
        match pointer.objref()? {
            ObjRef::Custom(custom) if custom.clsid == CLSID_WBEM_CLASS_OBJECT => Ok(ClassObjectRef(custom.data)),
            other => Err(DecodeError {
                what: "IWbemClassObject by value",
                offset: 0,
                kind: DecodeErrorKind::Invalid(u64::from(other.std().is_some())),
            }),
        }
    }

    /// The interface pointer that carries the unit.
    pub fn to_pointer(&self) -> InterfacePointer {
        InterfacePointer::from(CustomObjRef::new(IID_IWBEM_CLASS_OBJECT, CLSID_WBEM_CLASS_OBJECT, self.0.clone()))
    }
}

impl From<ClassObjectRef> for InterfacePointer {
    fn from(object: ClassObjectRef) -> Self {
        object.to_pointer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_ndr::Guid;

    #[test]
    fn a_unit_returns_and_other_references_do_not() {
        let unit = ClassObjectRef(Bytes::from_static(b"\x78\x56\x34\x12unit"));
        let pointer = unit.to_pointer();
        assert_eq!(pointer.0.len(), 48 + 8);
        assert_eq!(ClassObjectRef::from_pointer(&pointer), Ok(unit));
        let other = CustomObjRef::new(IID_IWBEM_CLASS_OBJECT, Clsid(Guid([1; 16])), Bytes::new());
        assert!(ClassObjectRef::from_pointer(&other.into()).is_err());
    }
}
