//! The code spaces of the protocols, a type each.

use std::fmt;

macro_rules! code_space {
    ($(#[$m:meta])* $t:ident { $( $name:ident = $code:literal, $text:literal; )* }) => {
        $(#[$m])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $t(pub u32);

        impl $t {
            $( #[doc = concat!("`", stringify!($name), "`: ", $text, ".")] pub const $name: $t = $t($code); )*

            /// Every code that has a name here, with that name and its meaning.
            pub const ALL: &[($t, &'static str, &'static str)] = &[ $( ($t($code), stringify!($name), $text) ),* ];

            /// The name in the specification, if it has one here.
            pub fn name(self) -> Option<&'static str> {
                Self::ALL.iter().find(|(c, ..)| *c == self).map(|(_, n, _)| *n)
            }

            /// What it means, in a few words.
            pub fn meaning(self) -> Option<&'static str> {
                Self::ALL.iter().find(|(c, ..)| *c == self).map(|(.., t)| *t)
            }
        }

        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{name} ({:#010x})", self.0),
                    None => write!(f, "{:#010x}", self.0),
                }
            }
        }

        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

code_space! {
    /// A result of COM ([MS-ERREF] 2.1). WBEM statuses are HRESULTs too and have a table of their own.
    HResult {
        S_OK = 0x0000_0000, "success";
        S_FALSE = 0x0000_0001, "success with less than was asked for";
        E_NOTIMPL = 0x8000_4001, "not implemented";
        E_NOINTERFACE = 0x8000_4002, "no such interface on the object";
        E_POINTER = 0x8000_4003, "invalid pointer";
        E_ABORT = 0x8000_4004, "operation aborted";
        E_FAIL = 0x8000_4005, "unspecified failure";
        E_UNEXPECTED = 0x8000_ffff, "unexpected call";
        E_ACCESSDENIED = 0x8007_0005, "access denied";
        E_OUTOFMEMORY = 0x8007_000e, "out of memory";
        E_INVALIDARG = 0x8007_0057, "an argument is not valid";
        RPC_S_SERVER_UNAVAILABLE = 0x8007_06ba, "the RPC server is unavailable";
        RPC_E_SERVERFAULT = 0x8001_0105, "the server threw an exception";
        RPC_E_DISCONNECTED = 0x8001_0108, "the object is gone from its server";
        RPC_E_VERSION_MISMATCH = 0x8001_0110, "the COM version is not supported";
        RPC_E_INVALID_HEADER = 0x8001_0111, "the ORPC header is not valid";
        RPC_E_INVALID_OBJECT = 0x8001_0114, "there is no such object";
        RPC_E_INVALID_OBJREF = 0x8001_011d, "the object reference is not valid";
        RPC_E_ACCESS_DENIED = 0x8001_011b, "access to the interface denied";
        CO_E_OBJNOTREG = 0x8004_01fb, "the object is not registered";
        CO_E_OBJNOTCONNECTED = 0x8004_01fd, "the object is not connected to its server";
        REGDB_E_CLASSNOTREG = 0x8004_0154, "the class is not registered";
        REGDB_E_IIDNOTREG = 0x8004_0155, "the interface is not registered";
        CLASS_E_NOAGGREGATION = 0x8004_0110, "the class cannot be aggregated";
        CLASS_E_CLASSNOTAVAILABLE = 0x8004_0111, "the class is not available";
    }
}

impl HResult {
    /// Whether the severity bit is set.
    pub const fn is_failure(self) -> bool {
        self.0 & 0x8000_0000 != 0
    }
}

code_space! {
    /// Status of a fault PDU ([MS-RPCE] 2.2.2.8, C706 appendix E).
    FaultStatus {
        ACCESS_DENIED = 0x0000_0005, "access denied";
        NOT_ENOUGH_MEMORY = 0x0000_0008, "the server has not enough memory";
        RPC_X_BAD_STUB_DATA = 0x0000_06f7, "the server could not read the arguments";
        RPC_S_PROCNUM_OUT_OF_RANGE = 0x0000_06d1, "the operation number is out of range";
        RPC_S_SEC_PKG_ERROR = 0x0000_0721, "the security package failed";
        RPC_S_UNKNOWN_IF = 0x0000_06b5, "the interface is unknown";
        RPC_S_SERVER_TOO_BUSY = 0x0000_06bb, "the server is too busy";
        RPC_S_UNKNOWN_AUTHN_SERVICE = 0x0000_06d3, "the authentication service is unknown";
        RPC_S_PROTOCOL_ERROR = 0x0000_06c0, "protocol error";
        RPC_S_CALL_FAILED = 0x0000_06be, "the call failed";
        RPC_S_CALL_CANCELLED = 0x0000_071a, "the call was cancelled";
        RPC_S_CANNOT_SUPPORT = 0x0000_06e4, "the server cannot do what was asked";
        NCA_S_OP_RNG_ERROR = 0x1c01_0002, "the operation number is out of range";
        NCA_S_UNK_IF = 0x1c01_0003, "the interface is unknown";
        NCA_S_PROTO_ERROR = 0x1c01_000b, "protocol error";
        NCA_S_SERVER_TOO_BUSY = 0x1c01_0014, "the server is too busy";
        NCA_S_FAULT_CONTEXT_MISMATCH = 0x1c00_001a, "a context handle does not match";
        NCA_S_FAULT_CANCEL = 0x1c00_000d, "the call was cancelled";
        NCA_S_FAULT_REMOTE_NO_MEMORY = 0x1c00_001b, "the server has not enough memory";
        NCA_S_INVALID_PRES_CONTEXT_ID = 0x1c00_001c, "the presentation context is not valid";
        NCA_S_UNSUPPORTED_AUTHN_LEVEL = 0x1c00_001d, "the authentication level is not supported";
        NCA_S_INVALID_CHECKSUM = 0x1c00_001f, "a checksum is not valid";
        NCA_S_FAULT_INT_DIV_BY_ZERO = 0x1c00_0001, "the server divided by zero";
        NCA_S_FAULT_ADDR_ERROR = 0x1c00_0002, "addressing error in the server";
        NCA_S_FAULT_UNSPEC = 0x1c00_0012, "unspecified fault in the server";
        RPC_E_DISCONNECTED = 0x8001_0108, "the object is gone from its server";
        RPC_E_VERSION_MISMATCH = 0x8001_0110, "the COM version is not supported";
        RPC_E_INVALID_HEADER = 0x8001_0111, "the ORPC header is not valid";
        E_ACCESSDENIED = 0x8007_0005, "access denied";
    }
}

code_space! {
    /// A Windows error ([MS-ERREF] 2.2).
    Win32Error {
        ERROR_SUCCESS = 0, "success";
        ERROR_ACCESS_DENIED = 5, "access denied";
        RPC_S_INVALID_TAG = 1733, "the tag is not valid";
        RPC_S_STRING_TOO_LONG = 1743, "the string is too long";
        OR_INVALID_OXID = 1910, "there is no such object exporter";
        OR_INVALID_OID = 1911, "there is no such object";
        OR_INVALID_SET = 1912, "there is no such ping set";
        RPC_S_PROTSEQ_NOT_SUPPORTED = 1703, "the protocol sequence is not supported";
        EPT_S_NOT_REGISTERED = 0x16c9_a0d6, "there are no more endpoints in the mapper";
        EPT_S_CANT_PERFORM_OP = 0x16c9_a0cd, "the endpoint mapper cannot do this";
    }
}

code_space! {
    /// A status of the Windows kernel ([MS-ERREF] 2.3), as old tools print them.
    NtStatus {
        STATUS_SUCCESS = 0, "success";
        STATUS_ACCESS_DENIED = 0xc000_0022, "access denied";
        STATUS_LOGON_FAILURE = 0xc000_006d, "wrong account or password";
        STATUS_IO_TIMEOUT = 0xc000_00b5, "no answer in time";
        STATUS_CONNECTION_REFUSED = 0xc000_0236, "the connection was refused";
        STATUS_HOST_UNREACHABLE = 0xc000_023d, "the host cannot be reached";
        STATUS_RPC_PROTOCOL_ERROR = 0xc002_001d, "RPC protocol error";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_prints_its_name_and_its_number() {
        assert_eq!(HResult::RPC_E_DISCONNECTED.to_string(), "RPC_E_DISCONNECTED (0x80010108)");
        assert_eq!(FaultStatus(0x1234).to_string(), "0x00001234");
        assert!(HResult::E_FAIL.is_failure() && !HResult::S_FALSE.is_failure());
    }
}
