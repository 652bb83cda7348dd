//! Logging in ([MS-WMI] 3.1.4.1, 3.1.4.8, 3.1.4.9).

use super::*;
use rwmi_dcom::{Clsid, InterfacePointer, object_interface};
use rwmi_ndr::{ConformantVarying, Decode, Encode, NarrowString, Reader, WideString, Writer, guid, ndr_struct};

/// The class of the login object: what a client activates.
pub const CLSID_WBEM_LEVEL1_LOGIN: Clsid = Clsid(guid!("8bc3f05e-d86b-11d0-a075-00c04fb68820"));

object_interface! {
    /// The way in ([MS-WMI] 3.1.4.1).
    pub interface IWbemLevel1Login = guid!("f309ad18-d86a-11d0-a075-00c04fb68820"), else NOT_SUPPORTED;
    serve WbemLevel1Login;
    /// Whether lists of locales are understood: 1 if so.
    3 establish_position = EstablishPosition { reserved1: Option<WideString>, reserved2: u32 } -> EstablishPositionReply { locale_version: u32 } else(E_NOTIMPL)
    /// Of no use any more.
    4 request_challenge = RequestChallenge { reserved1: Option<WideString>, reserved2: Option<WideString> } -> RequestChallengeReply { challenge: Challenge }
    /// Of no use any more.
    5 wbem_login = WbemLogin { reserved1: Option<WideString>, reserved2: Option<Challenge>, reserved3: i32, context: Option<InterfacePointer> }
        -> WbemLoginReply { services: Option<InterfacePointer> } else(E_NOTIMPL)
    /// Opens a namespace: `\\host\root\cimv2`, `//./root/cimv2`, `root\cimv2`, or NULL for the default.
    6 ntlm_login = NtlmLogin { resource: Option<WideString>, locale: Option<WideString>, flags: i32, context: Option<InterfacePointer> }
        -> NtlmLoginReply { services: Option<InterfacePointer> }
}

object_interface! {
    /// Who the client says that it is ([MS-WMI] 3.1.4.8). A claim.
    pub interface IWbemLoginClientID = guid!("d4781cd6-e5d3-44df-ad94-930efe48a887"), else NOT_SUPPORTED;
    serve WbemLoginClientId;
    /// Computer and process of the client.
    3 set_client_info = SetClientInfo { machine: Option<WideString>, process: i32, reserved: i32 } -> SetClientInfoReply {}
}

object_interface! {
    /// As [`IWbemLoginClientID`], with more; seen from Windows, not in [MS-WMI].
    pub interface IWbemLoginClientIDEx = guid!("9f6c78ef-fce5-42fa-abea-3e7df91921dc"), else NOT_SUPPORTED;
    serve WbemLoginClientIdEx;
    /// Computer, its full name, process and when that was started.
    3 set_client_info_ex = SetClientInfoEx { machine: Option<WideString>, full_name: Option<WideString>, process: u32, started: FileTime, reserved: u32 }
        -> SetClientInfoExReply {}
}

object_interface! {
    /// Signals an event on the server's computer ([MS-WMI] 3.1.4.9). Ours signals nothing.
    pub interface IWbemLoginHelper = guid!("541679ab-2e5f-11d3-b34e-00104bcc4b4a"), else NOT_SUPPORTED;
    serve WbemLoginHelper;
    /// Signals.
    3 set_event = SetEvent { name: NarrowString } -> SetEventReply {}
}

ndr_struct! {
    /// Time in 100 ns since 1601 ([MS-DTYP] 2.3.3).
    #[derive(Copy, Eq, Default)]
    pub struct FileTime {
        /// Lower half.
        pub low: u32,
        /// Upper half.
        pub high: u32,
    }
}

/// Sixteen octets of an old login: `[size_is(16), length_is(16)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Challenge(pub [u8; 16]);

impl Encode for Challenge {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        ConformantVarying(self.0.to_vec()).encode_scalars(w)
    }
}

impl Decode for Challenge {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 28;
    type Pending = Self;
    fn decode_scalars(r: &mut Reader) -> rwmi_ndr::Result<Self> {
        let octets = ConformantVarying::<u8>::decode(r)?.0;
        let n = octets.len() as u64;
        octets.try_into().map(Challenge).map_err(|_| r.invalid("sixteen octets", n))
    }
    fn decode_referents(p: Self, _: &mut Reader) -> rwmi_ndr::Result<Self> {
        Ok(p)
    }
}
