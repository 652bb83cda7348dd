//! The properties, one structure each ([MS-DCOM] 2.2.22.2).

use crate::{Clsid, ComVersion, DualStringArray, Iid, InterfacePointer, Ipid, Oxid};
use bytes::Bytes;
use rwmi_ndr::{Conformant, Decode, Encode, Guid, HResult, Limits, Reader, WideString, Writer, guid, ndr_struct};

/// One property of an activation.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is named as its structure, which is documented")]
pub enum Property {
    InstantiationInfo(InstantiationInfo),
    SpecialProperties(SpecialProperties),
    ActivationContextInfo(ActivationContextInfo),
    SecurityInfo(SecurityInfo),
    LocationInfo(LocationInfo),
    ScmRequestInfo(ScmRequestInfo),
    InstanceInfo(InstanceInfo),
    PropsOutInfo(PropsOutInfo),
    ScmReplyInfo(ScmReplyInfo),
    /// One that we do not know: its class and its NDR octets.
    Unknown(Clsid, Bytes),
}

macro_rules! clsids { ($($name:ident = $id:literal;)*) => { $( const $name: Clsid = Clsid(guid!($id)); )* } }
clsids! {
    INSTANTIATION = "000001ab-0000-0000-c000-000000000046";
    SPECIAL = "000001b9-0000-0000-c000-000000000046";
    CONTEXT = "000001a5-0000-0000-c000-000000000046";
    SECURITY = "000001a6-0000-0000-c000-000000000046";
    LOCATION = "000001a4-0000-0000-c000-000000000046";
    SCM_REQUEST = "000001aa-0000-0000-c000-000000000046";
    INSTANCE = "000001ad-0000-0000-c000-000000000046";
    PROPS_OUT = "00000339-0000-0000-c000-000000000046";
    SCM_REPLY = "000001b6-0000-0000-c000-000000000046";
}

impl Property {
    /// The class that says which property it is.
    pub fn clsid(&self) -> Clsid {
        match self {
            Property::InstantiationInfo(_) => INSTANTIATION,
            Property::SpecialProperties(_) => SPECIAL,
            Property::ActivationContextInfo(_) => CONTEXT,
            Property::SecurityInfo(_) => SECURITY,
            Property::LocationInfo(_) => LOCATION,
            Property::ScmRequestInfo(_) => SCM_REQUEST,
            Property::InstanceInfo(_) => INSTANCE,
            Property::PropsOutInfo(_) => PROPS_OUT,
            Property::ScmReplyInfo(_) => SCM_REPLY,
            Property::Unknown(clsid, _) => *clsid,
        }
    }

    /// Reads the body of a property. Octets behind it are padding.
    pub(super) fn read(clsid: Clsid, body: Bytes) -> rwmi_ndr::Result<Self> {
        let r = &mut Reader::new(body.clone(), Limits::default());
        Ok(match clsid {
            INSTANTIATION => Property::InstantiationInfo(Decode::decode(r)?),
            SPECIAL => Property::SpecialProperties(SpecialProperties::read(body)?),
            CONTEXT => Property::ActivationContextInfo(Decode::decode(r)?),
            SECURITY => Property::SecurityInfo(Decode::decode(r)?),
            LOCATION => Property::LocationInfo(Decode::decode(r)?),
            SCM_REQUEST => Property::ScmRequestInfo(Decode::decode(r)?),
            INSTANCE => Property::InstanceInfo(Decode::decode(r)?),
            PROPS_OUT => Property::PropsOutInfo(Decode::decode(r)?),
            SCM_REPLY => Property::ScmReplyInfo(Decode::decode(r)?),
            other => Property::Unknown(other, body),
        })
    }

    /// Writes the body, without padding.
    pub(super) fn write(&self) -> Bytes {
        let w = &mut Writer::default();
        match self {
            Property::InstantiationInfo(p) => p.encode(w),
            Property::SpecialProperties(p) => p.encode(w),
            Property::ActivationContextInfo(p) => p.encode(w),
            Property::SecurityInfo(p) => p.encode(w),
            Property::LocationInfo(p) => p.encode(w),
            Property::ScmRequestInfo(p) => p.encode(w),
            Property::InstanceInfo(p) => p.encode(w),
            Property::PropsOutInfo(p) => p.encode(w),
            Property::ScmReplyInfo(p) => p.encode(w),
            Property::Unknown(_, body) => w.put(body),
        }
        std::mem::take(w).finish()
    }
}

ndr_struct! {
    /// What to make (2.2.22.2.1).
    pub struct InstantiationInfo {
        /// Class of the object.
        pub class_id: Clsid,
        /// Class context; ignored.
        pub class_context: u32,
        /// Activation flags.
        pub flags: u32,
        /// Zero.
        pub is_surrogate: i32,
        /// How many interfaces are asked for.
        pub interface_count: u32,
        /// Zero.
        pub inst_flag: u32,
        /// The interfaces.
        pub interfaces: Option<Conformant<Iid>>,
        /// Length of this property with its header; ignored.
        pub this_size: u32,
        /// Version the client speaks; ignored.
        pub client_version: ComVersion,
    }
}

ndr_struct! {
    /// What both layouts of [`SpecialProperties`] begin with.
    #[derive(Copy, Eq)]
    pub struct SpecialCommon {
        /// Logon session; 0xffffffff for any.
        pub session_id: u32,
        /// Whether a session is asked for.
        pub remote_this_session: i32,
        /// Zero.
        pub client_impersonating: i32,
        /// Whether the partition counts.
        pub partition_id_present: i32,
        /// Default authentication level of the client; ignored.
        pub default_authn_level: u32,
        /// Partition.
        pub partition: Guid,
        /// Zero.
        pub prt_flags: u32,
        /// Class context as it was asked for; ignored.
        pub original_class_context: u32,
        /// 1 asks for the console session.
        pub flags: u32,
    }
}

/// The end of [`SpecialProperties`], in either layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialReserved {
    /// With a 64-bit number in the middle: 88 octets in all.
    Long(u32, u64, [u32; 5]),
    /// Of 32-bit numbers alone: 80 octets in all.
    Short([u32; 8]),
}

/// Miscellaneous parameters, all of which a server may ignore (2.2.22.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialProperties {
    /// The fields that mean something.
    pub common: SpecialCommon,
    /// The fields that do not.
    pub reserved: SpecialReserved,
}

impl SpecialProperties {
    fn read(body: Bytes) -> rwmi_ndr::Result<Self> {
        /// Octets of the longer layout without the padding at its end.
        const LONG_LEN: usize = 84;
        let long = LONG_LEN <= body.len();
        let r = &mut Reader::new(body, Limits::default());
        let common = SpecialCommon::decode(r)?;
        let reserved = if long {
            SpecialReserved::Long(u32::decode(r)?, u64::decode(r)?, Decode::decode(r)?)
        } else {
            SpecialReserved::Short(Decode::decode(r)?)
        };
        Ok(SpecialProperties { common, reserved })
    }

    fn encode(&self, w: &mut Writer) {
        self.common.encode(w);
        match self.reserved {
            SpecialReserved::Long(a, b, c) => {
                a.encode(w);
                b.encode(w);
                c.encode(w);
            }
            SpecialReserved::Short(a) => a.encode(w),
        }
    }
}

ndr_struct! {
    /// Contexts of the client (2.2.22.2.5).
    pub struct ActivationContextInfo {
        /// Zero.
        pub client_ok: i32,
        /// Zero.
        pub reserved1: i32,
        /// Zero.
        pub reserved2: u32,
        /// Zero.
        pub reserved3: u32,
        /// The client's context. NULL from Python clients, which Windows takes, against the specification.
        pub client: Option<InterfacePointer>,
        /// Prototype context.
        pub prototype: Option<InterfacePointer>,
    }
}

ndr_struct! {
    /// Which server the client meant (2.2.22.2.7).
    pub struct SecurityInfo {
        /// Zero.
        pub authn_flags: u32,
        /// The server's name as the user wrote it.
        pub server: Option<CoServerInfo>,
        /// NULL.
        pub reserved: Option<u32>,
    }
}

ndr_struct! {
    /// A server by name (2.2.22.2.7.1).
    pub struct CoServerInfo {
        /// Zero.
        pub reserved1: u32,
        /// The name.
        pub name: Option<WideString>,
        /// NULL.
        pub reserved2: Option<u32>,
        /// Zero.
        pub reserved3: u32,
    }
}

ndr_struct! {
    /// Must be there, means nothing (2.2.22.2.6).
    pub struct LocationInfo {
        /// NULL.
        pub machine: Option<WideString>,
        /// Zero.
        pub process: u32,
        /// Zero.
        pub apartment: u32,
        /// Zero.
        pub context: u32,
    }
}

ndr_struct! {
    /// How the client wants to reach the object (2.2.22.2.4).
    pub struct ScmRequestInfo {
        /// NULL.
        pub reserved: Option<u32>,
        /// The protocols.
        pub remote: Option<RemoteRequest>,
    }
}

ndr_struct! {
    /// Protocols of the client (2.2.22.2.4.1).
    pub struct RemoteRequest {
        /// Impersonation level; ignored.
        pub impersonation: u32,
        /// How many protocols.
        pub protseq_count: u16,
        /// Tower ids.
        pub protseqs: Option<Conformant<u16>>,
    }
}

ndr_struct! {
    /// State to make the object from (2.2.22.2.3). We have no such objects.
    pub struct InstanceInfo {
        /// A file name, which a server must never touch.
        pub file: Option<WideString>,
        /// How to open it.
        pub mode: u32,
        /// NULL.
        pub rot: Option<InterfacePointer>,
        /// A storage object of the client.
        pub storage: Option<InterfacePointer>,
    }
}

ndr_struct! {
    /// The interfaces that were made (2.2.22.2.9).
    pub struct PropsOutInfo {
        /// How many.
        pub count: u32,
        /// Which.
        pub iids: Option<Conformant<Iid>>,
        /// Whether each was found.
        pub results: Option<Conformant<HResult>>,
        /// The references; NULL where the result is a failure.
        pub interfaces: Option<Conformant<Option<InterfacePointer>>>,
    }
}

ndr_struct! {
    /// Where the object is (2.2.22.2.8).
    pub struct ScmReplyInfo {
        /// NULL.
        pub reserved: Option<u32>,
        /// The exporter.
        pub remote: Option<RemoteReply>,
    }
}

ndr_struct! {
    /// An exporter (2.2.22.2.8.1).
    pub struct RemoteReply {
        /// Its id.
        pub oxid: Oxid,
        /// Where it is, with ports.
        pub bindings: Option<DualStringArray>,
        /// Its IRemUnknown.
        pub rem_unknown: Ipid,
        /// Lowest authentication level it takes.
        pub authn_hint: u32,
        /// Version it speaks.
        pub version: ComVersion,
    }
}
