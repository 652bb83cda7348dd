//! An activation as both ends think of it, apart from the blob.

use super::*;
use crate::{Cid, Clsid, ComVersion, CustomObjRef, DualStringArray, Iid, InterfacePointer, Ipid, Oxid, TOWER_TCP};
use bytes::{BufMut, BytesMut};
use rwmi_ndr::{Conformant, DecodeError, HResult, WideString, guid};

/// Interfaces read of one request at most.
pub const INTERFACES_MAX: usize = 64;

/// Protocols read of one request at most.
pub const PROTSEQS_MAX: usize = 64;

/// Why an activation blob is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActivationError {
    /// Its octets are not well-formed.
    #[error("invalid activation properties, caused by {0}")]
    Malformed(#[from] DecodeError),
    /// A property that must be there is not.
    #[error("activation properties without {0}")]
    Missing(&'static str),
    /// More than this end reads.
    #[error("{0} {1} in activation properties, over the limit of {2}")]
    OverLimit(usize, &'static str, usize),
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivationRequest {
    /// Class of the object.
    pub clsid: Clsid,
    /// Interfaces wanted.
    pub iids: Vec<Iid>,
    /// Towers the client speaks.
    pub protseqs: Vec<u16>,
    /// The server's name as the user wrote it; a claim.
    pub server: Option<String>,
    /// Version the client speaks.
    pub version: ComVersion,
    /// Whether the object is to be made from stored state, which we refuse.
    pub persistent: bool,
}

impl ActivationRequest {
    /// A request for interfaces of a class, over TCP.
    pub fn new(clsid: Clsid, iids: Vec<Iid>) -> Self {
        let version = ComVersion::V5_7;
        ActivationRequest { clsid, iids, protseqs: vec![TOWER_TCP], server: None, version, persistent: false }
    }

    /// The blob, with the six properties that Windows sends in their order.
    pub fn to_blob(&self) -> ActivationBlob {
        let special = SpecialProperties {
            common: SpecialCommon {
                session_id: u32::MAX,
                remote_this_session: 0,
                client_impersonating: 0,
                partition_id_present: 0,
                default_authn_level: 2,
                partition: rwmi_ndr::Guid::NIL,
                prt_flags: 0,
                original_class_context: CLSCTX_REMOTE_SERVER,
                flags: 2,
            },
            reserved: SpecialReserved::Long(0, 0, [0; 5]),
        };
        let instantiation = InstantiationInfo {
            class_id: self.clsid,
            class_context: CLSCTX_REMOTE_SERVER,
            flags: 0,
            is_surrogate: 0,
            interface_count: self.iids.len() as u32,
            inst_flag: 0,
            interfaces: Some(Conformant(self.iids.clone())),
            // The fixed part with its header, the interfaces, and padding to 8.
            this_size: (16 + 56 + 16 * self.iids.len() as u32).next_multiple_of(8),
            client_version: self.version,
        };
        let client = Some(client_context());
        let context = ActivationContextInfo { client_ok: 0, reserved1: 0, reserved2: 0, reserved3: 0, client, prototype: None };
        let server = self.server.as_deref().map(|name| CoServerInfo {
            reserved1: 0,
            name: Some(WideString(name.to_owned())),
            reserved2: None,
            reserved3: 0,
        });
        let scm = ScmRequestInfo {
            reserved: None,
            remote: Some(RemoteRequest {
                impersonation: 2,
                protseq_count: self.protseqs.len() as u16,
                protseqs: Some(Conformant(self.protseqs.clone())),
            }),
        };
        ActivationBlob::new(vec![
            Property::SpecialProperties(special),
            Property::InstantiationInfo(instantiation),
            Property::ActivationContextInfo(context),
            Property::SecurityInfo(SecurityInfo { authn_flags: 0, server, reserved: None }),
            Property::LocationInfo(LocationInfo { machine: None, process: 0, apartment: 0, context: 0 }),
            Property::ScmRequestInfo(scm),
        ])
    }

    /// Reads a request out of a blob: by class, never by position, because every client has another order.
    pub fn from_blob(blob: &ActivationBlob) -> Result<Self, ActivationError> {
        let mut wanted = None;
        let mut protseqs = None;
        let (mut server, mut persistent) = (None, false);
        for property in &blob.properties {
            match property {
                Property::InstantiationInfo(p) => wanted = Some(p),
                Property::ScmRequestInfo(p) => protseqs = p.remote.as_ref().and_then(|r| r.protseqs.as_ref()),
                Property::SecurityInfo(p) => server = p.server.as_ref().and_then(|s| s.name.as_ref()).map(|n| n.0.clone()),
                Property::InstanceInfo(_) => persistent = true,
                _ => {}
            }
        }
        let wanted = wanted.ok_or(ActivationError::Missing("InstantiationInfo"))?;
        let iids = wanted.interfaces.as_ref().ok_or(ActivationError::Missing("interfaces"))?.0.clone();
        let protseqs = protseqs.ok_or(ActivationError::Missing("ScmRequestInfo"))?.0.clone();
        if iids.is_empty() || iids.len() != wanted.interface_count as usize {
            return Err(ActivationError::Missing("as many interfaces as it says"));
        }
        if INTERFACES_MAX < iids.len() {
            return Err(ActivationError::OverLimit(iids.len(), "interfaces", INTERFACES_MAX));
        }
        if PROTSEQS_MAX < protseqs.len() {
            return Err(ActivationError::OverLimit(protseqs.len(), "protocols", PROTSEQS_MAX));
        }
        Ok(ActivationRequest { clsid: wanted.class_id, iids, protseqs, server, version: wanted.client_version, persistent })
    }
}

/// The context of a client that has nothing to say in it ([MS-DCOM] 2.2.20): a server may refuse a NULL one.
///
/// ```text
/// u16 1  u16 1  GUID id  u32 flags  u32 0  u32 extents  u32 their octets  u32 0  u32 count  u32 frozen
/// ```
fn client_context() -> InterfacePointer {
    const IID_ICONTEXT: Iid = Iid(guid!("000001c0-0000-0000-c000-000000000046"));
    const CLSID_CONTEXT: Clsid = Clsid(guid!("0000033b-0000-0000-c000-000000000046"));
    /// CTXMSHLFLAGS_BYVAL.
    const BY_VALUE: u32 = 2;
    let mut data = BytesMut::new();
    data.put_u32_le(0x0001_0001);
    // Any id that is not null: it names the context to nobody but us.
    data.put_slice(&Cid::random().unwrap_or(Cid(IID_ICONTEXT.0)).0.0);
    data.put_u32_le(BY_VALUE);
    data.put_bytes(0, 20);
    data.put_u32_le(1);
    InterfacePointer::from(CustomObjRef::new(IID_ICONTEXT, CLSID_CONTEXT, data.freeze()))
}

/// CLSCTX_REMOTE_SERVER.
const CLSCTX_REMOTE_SERVER: u32 = 0x10;

/// One interface of an activated object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivatedInterface {
    /// Interface.
    pub iid: Iid,
    /// Whether the object has it.
    pub result: HResult,
    /// The reference, if it has.
    pub pointer: Option<InterfacePointer>,
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivationReply {
    /// Exporter of the object.
    pub oxid: Oxid,
    /// Where the exporter is, with ports.
    pub bindings: DualStringArray,
    /// IRemUnknown of the exporter.
    pub rem_unknown: Ipid,
    /// Lowest authentication level the exporter takes.
    pub authn_hint: u32,
    /// Version the server speaks.
    pub version: ComVersion,
    /// An entry for each interface that was asked for.
    pub interfaces: Vec<ActivatedInterface>,
}

impl ActivationReply {
    /// The blob: exactly two properties in this order, because two clients find them by position.
    pub fn to_blob(&self) -> ActivationBlob {
        let out = PropsOutInfo {
            count: self.interfaces.len() as u32,
            iids: Some(Conformant(self.interfaces.iter().map(|i| i.iid).collect())),
            results: Some(Conformant(self.interfaces.iter().map(|i| i.result).collect())),
            interfaces: Some(Conformant(self.interfaces.iter().map(|i| i.pointer.clone()).collect())),
        };
        let reply = RemoteReply {
            oxid: self.oxid,
            bindings: Some(self.bindings.clone()),
            rem_unknown: self.rem_unknown,
            authn_hint: self.authn_hint,
            version: self.version,
        };
        ActivationBlob::new(vec![Property::PropsOutInfo(out), Property::ScmReplyInfo(ScmReplyInfo { reserved: None, remote: Some(reply) })])
    }

    /// Reads a reply out of a blob, by class.
    pub fn from_blob(blob: &ActivationBlob) -> Result<Self, ActivationError> {
        let (mut out, mut reply) = (None, None);
        for property in &blob.properties {
            match property {
                Property::PropsOutInfo(p) => out = Some(p),
                Property::ScmReplyInfo(p) => reply = p.remote.as_ref(),
                _ => {}
            }
        }
        let out = out.ok_or(ActivationError::Missing("PropsOutInfo"))?;
        let reply = reply.ok_or(ActivationError::Missing("ScmReplyInfo"))?;
        let (Some(iids), Some(results)) = (&out.iids, &out.results) else {
            return Err(ActivationError::Missing("interfaces"));
        };
        if iids.0.len() != results.0.len() {
            return Err(ActivationError::Missing("a result for each interface"));
        }
        if INTERFACES_MAX < iids.0.len() {
            return Err(ActivationError::OverLimit(iids.0.len(), "interfaces", INTERFACES_MAX));
        }
        // The array of pointers may be NULL where every interface failed.
        let pointers = out.interfaces.as_ref().map(|p| p.0.as_slice()).unwrap_or_default();
        let pointers = pointers.iter().cloned().chain(std::iter::repeat(None));
        let interfaces = iids.0.iter().zip(&results.0).zip(pointers);
        Ok(ActivationReply {
            oxid: reply.oxid,
            bindings: reply.bindings.clone().ok_or(ActivationError::Missing("bindings"))?,
            rem_unknown: reply.rem_unknown,
            authn_hint: reply.authn_hint,
            version: reply.version,
            interfaces: interfaces.map(|((iid, result), pointer)| ActivatedInterface { iid: *iid, result: *result, pointer }).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecurityBinding, StringBinding};
    use rwmi_ndr::Guid;

    fn reply() -> ActivationReply {
        ActivationReply {
            oxid: Oxid(7),
            bindings: DualStringArray {
                strings: vec![StringBinding::tcp("127.0.0.1", Some(24158))],
                security: vec![SecurityBinding::service(10)],
            },
            rem_unknown: Ipid(Guid([4; 16])),
            authn_hint: 5,
            version: ComVersion::V5_7,
            interfaces: vec![
                ActivatedInterface { iid: Iid(Guid([1; 16])), result: HResult::S_OK, pointer: Some(InterfacePointer(b"MEOW"[..].into())) },
                ActivatedInterface { iid: Iid(Guid([2; 16])), result: HResult::E_NOINTERFACE, pointer: None },
            ],
        }
    }

    #[test]
    fn a_request_returns_from_its_blob_and_a_cut_one_does_not() {
        let mut request = ActivationRequest::new(Clsid(Guid([1; 16])), vec![Iid::IUNKNOWN, Iid(Guid([2; 16]))]);
        request.server = Some("HOST".into());
        let octets = request.to_blob().to_octets();
        let back = |octets| ActivationRequest::from_blob(&ActivationBlob::from_octets(octets)?);
        assert_eq!(back(octets.clone()), Ok(request));
        for cut in 0..octets.len() {
            assert!(back(octets.slice(..cut)).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_reply_has_the_interfaces_first_and_the_exporter_second() {
        let blob = reply().to_blob();
        assert!(matches!(blob.properties[..], [Property::PropsOutInfo(_), Property::ScmReplyInfo(_)]));
        let pointer = blob.to_pointer(Direction::Out);
        let back = ActivationBlob::from_pointer(&pointer, Direction::Out).unwrap();
        assert_eq!(ActivationReply::from_blob(&back), Ok(reply()));
        assert!(ActivationBlob::from_pointer(&pointer, Direction::In).is_err());
    }

    #[test]
    fn properties_are_found_in_any_order() {
        let request = ActivationRequest::new(Clsid(Guid([1; 16])), vec![Iid::IUNKNOWN]);
        let mut blob = request.to_blob();
        blob.properties.reverse();
        blob.properties.push(Property::Unknown(Clsid(Guid([9; 16])), b"12345678"[..].into()));
        let back = ActivationBlob::from_octets(blob.to_octets()).unwrap();
        assert_eq!(back, blob);
        assert_eq!(ActivationRequest::from_blob(&back), Ok(request));
    }

    #[test]
    fn a_reply_whose_pointers_are_all_null_is_read() {
        let mut blob = reply().to_blob();
        if let Property::PropsOutInfo(p) = &mut blob.properties[0] {
            p.interfaces = None;
        }
        let back = ActivationReply::from_blob(&blob).unwrap();
        assert!(back.interfaces.iter().all(|i| i.pointer.is_none()));
    }
}
