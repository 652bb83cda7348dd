//! Making objects: the activation properties of IRemoteSCMActivator ([MS-DCOM] 2.2.22) and what both ends do with them.

mod blob;
mod properties;
mod request;

pub use blob::{ActivationBlob, Direction, PROPERTIES_MAX};
pub use properties::{
    ActivationContextInfo, CoServerInfo, InstanceInfo, InstantiationInfo, LocationInfo, Property, PropsOutInfo, RemoteReply, RemoteRequest,
    ScmReplyInfo, ScmRequestInfo, SecurityInfo, SpecialCommon, SpecialProperties, SpecialReserved,
};
pub use request::{ActivatedInterface, ActivationError, ActivationReply, ActivationRequest, INTERFACES_MAX, PROTSEQS_MAX};
