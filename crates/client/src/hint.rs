//! The likely cause of a failure and what to do: one table, a test a row.

use crate::error::{ErrorKind, Misuse, Step};
use rwmi_auth::AuthError;
use rwmi_cim::WbemStatus;
use rwmi_ndr::{FaultStatus, HResult};

const NAME: &str = "the name does not resolve: check its spelling, or give the address; from another domain use the full name";
const FAMILY: &str = "both ends need a common IP family: give an address of a family that both have";
const PORT_REFUSED: &str = "nothing listens there: on Windows start the service RpcSs, on Linux start `rwmi serve`; or a firewall rejects it \
    (on Windows enable the rule group \"Windows Management Instrumentation (WMI)\"); through a tunnel give --endpoint-port";
const PORT_SILENT: &str = "a firewall drops the packets or the computer is down: on Windows enable the rule group \
    \"Windows Management Instrumentation (WMI)\"; check that TCP port 135 passes every firewall on the way";
const OBJECT_PORT: &str = "port 135 answers and the object port does not: let the firewall pass the dynamic range 49152-65535, or give WMI a \
    fixed port on the target (`winmgmt /standalonehost`, port 24158); through a tunnel give --object-port";
const LOGON: &str = "the server refused the logon or the call: check user and password (a local account of the target is written .\\user); \
    an account with a blank password may not log on over the network; the server may ask for a higher --authentication level \
    (integrity at least); look for event 10036 on a Windows target";
const ACTIVATION: &str = "DCOM refused the activation: the account needs Remote Launch and Remote Activation, in the machine limits and on the \
    WMI application (dcomcnfg), or to be in Administrators or Distributed COM Users; activation below packet integrity is refused since 2023; \
    a local administrator other than the built-in one is filtered by UAC (LocalAccountTokenFilterPolicy)";
const NAMESPACE_RIGHTS: &str = "the account lacks Enable Account or Remote Enable on the namespace (WMI Control, Security); the namespace may \
    require encryption (--authentication privacy); a local administrator may be filtered by UAC: use a domain account";
const PROVIDER_RIGHTS: &str = "the login succeeded and the object was refused: the provider checks rights of its own; a local administrator may \
    be filtered by UAC: use a domain account";
const NO_NAMESPACE: &str = "list the namespaces with: rwmi query -n root \"SELECT Name FROM __NAMESPACE\"";
const NO_CLASS: &str = "list the classes with: rwmi query \"SELECT * FROM meta_class\", or look in another namespace with -n";
const BAD_QUERY: &str = "check the class and property names in the query: rwmi get-class CLASS prints what the class has";
const BAD_PATH: &str = "a path is Class.Key=\"value\" with backslashes and quotes in the value doubled as \\\\ and \\\"";
const NO_OBJECT: &str = "no object has that key: list the keys with a query";
const ENCRYPT: &str = "the namespace requires encryption: use --authentication privacy";
const LOCAL: &str = "leave user, password and authority out for this computer, or name it by its address";
const NO_CREDENTIALS: &str = "give -u USER and a password by --password-stdin, --password-file, RWMI_PASSWORD or the prompt; \
    rwmi never logs on as anonymous";
const QUOTA: &str = "a limit of the service was reached: ask for less at once, or close what is open";
const BUSY: &str = "the service is busy: try again in a moment";
const GONE: &str = "the object expired or the service was restarted: connect again";
const PROVIDER: &str = "the provider of the class failed on the target: try a simpler query, and look into the target's WMI-Activity log";
const TOO_SLOW: &str = "the target did not answer in time: raise --timeout, or ask for less";
const NOT_WMI: &str = "this is no WMI service, or it does not offer the DCOM class of WMI";
const UNSUPPORTED_AUTH: &str = "the server does not know this way to authenticate: it may accept Kerberos only";
const BROKEN: &str = "this is not the protocol of WMI: check the port, and that nothing in between changes the traffic";
const SIGNATURE: &str =
    "the signature of an answer is wrong: something changed it on the way, or the server uses other keys; nothing of it was used";
const BAD_LOCALE: &str = "a locale is MS_ and a hexadecimal language code, MS_409 for English";

/// The advice for a failure, if there is any.
pub fn hint(step: &Step, kind: &ErrorKind) -> Option<&'static str> {
    Some(match (kind, step) {
        (ErrorKind::NotFound(_), _) => NAME,
        (ErrorKind::Family { .. }, _) => FAMILY,
        (ErrorKind::Refused | ErrorKind::Unreachable(_) | ErrorKind::TimedOut { .. }, Step::ConnectObjectPort) => OBJECT_PORT,
        (ErrorKind::Refused, _) => PORT_REFUSED,
        (ErrorKind::TimedOut { .. }, Step::Connect) | (ErrorKind::Unreachable(_), _) => PORT_SILENT,
        (ErrorKind::TimedOut { .. }, _) => TOO_SLOW,
        (ErrorKind::Misuse(Misuse::LocalCredentials), _) => LOCAL,
        (ErrorKind::Misuse(Misuse::NoCredentials), _) => NO_CREDENTIALS,
        (ErrorKind::Fault(FaultStatus::ACCESS_DENIED), _) => LOGON,
        (ErrorKind::Fault(FaultStatus::E_ACCESSDENIED), Step::Activate) => ACTIVATION,
        (ErrorKind::HResult(HResult::E_ACCESSDENIED), Step::Activate) => ACTIVATION,
        (ErrorKind::HResult(HResult::E_ACCESSDENIED), _) => LOGON,
        (ErrorKind::Fault(FaultStatus::RPC_E_DISCONNECTED) | ErrorKind::HResult(HResult::RPC_E_DISCONNECTED), _) => GONE,
        (ErrorKind::HResult(HResult::REGDB_E_CLASSNOTREG), _) => NOT_WMI,
        (ErrorKind::HResult(HResult::E_OUTOFMEMORY), _) => QUOTA,
        (ErrorKind::HResult(HResult::E_INVALIDARG), Step::Login { .. }) => BAD_LOCALE,
        (ErrorKind::Fault(FaultStatus::NCA_S_SERVER_TOO_BUSY | FaultStatus::RPC_S_SERVER_TOO_BUSY), _) => BUSY,
        (ErrorKind::Fault(FaultStatus::NCA_S_UNK_IF | FaultStatus::RPC_S_UNKNOWN_IF), _) => NOT_WMI,
        (ErrorKind::BindRefused(_), Step::Connect | Step::ServerAlive | Step::Activate) => UNSUPPORTED_AUTH,
        (ErrorKind::Auth(AuthError::BadSignature), _) => SIGNATURE,
        (ErrorKind::Auth(AuthError::LogonDenied), _) => LOGON,
        (ErrorKind::Protocol(_), _) => BROKEN,
        (ErrorKind::Wbem(status), step) => match (*status, step) {
            (WbemStatus::ACCESS_DENIED, Step::Login { .. }) => NAMESPACE_RIGHTS,
            (WbemStatus::ACCESS_DENIED, _) => PROVIDER_RIGHTS,
            (WbemStatus::INVALID_NAMESPACE, _) => NO_NAMESPACE,
            (WbemStatus::INVALID_CLASS, _) => NO_CLASS,
            (WbemStatus::INVALID_QUERY | WbemStatus::UNPARSABLE_QUERY | WbemStatus::INVALID_PROPERTY, _) => BAD_QUERY,
            (WbemStatus::INVALID_OBJECT_PATH, _) => BAD_PATH,
            (WbemStatus::NOT_FOUND, _) => NO_OBJECT,
            (WbemStatus::ENCRYPTED_CONNECTION_REQUIRED, _) => ENCRYPT,
            (WbemStatus::QUOTA_VIOLATION | WbemStatus::OUT_OF_MEMORY, _) => QUOTA,
            (WbemStatus::SERVER_TOO_BUSY, _) => BUSY,
            (WbemStatus::PROVIDER_FAILURE | WbemStatus::PROVIDER_LOAD_FAILURE | WbemStatus::PROVIDER_NOT_FOUND, _) => PROVIDER,
            (WbemStatus::PROVIDER_TIMED_OUT, _) => TOO_SLOW,
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_same_code_gets_the_advice_of_its_step() {
        let login = Step::Login { namespace: r"root\cimv2".into() };
        let denied = ErrorKind::Wbem(WbemStatus::ACCESS_DENIED);
        let check = |step: &Step, kind: &ErrorKind, word: &str| {
            let text = hint(step, kind).unwrap_or_else(|| panic!("no hint at {step:?} for {kind:?}"));
            assert!(text.contains(word), "{text:?} has no {word:?}");
        };
        check(&login, &denied, "Remote Enable");
        check(&Step::Next, &denied, "provider");
        check(&Step::Activate, &ErrorKind::HResult(HResult::E_ACCESSDENIED), "Remote Activation");
        check(&Step::Activate, &ErrorKind::Fault(FaultStatus::ACCESS_DENIED), "password");
        check(&Step::Activate, &ErrorKind::Fault(FaultStatus::ACCESS_DENIED), "blank password");
        check(&Step::Connect, &ErrorKind::Refused, "rwmi serve");
        check(&Step::Connect, &ErrorKind::TimedOut { after: Duration::from_secs(5) }, "firewall");
        check(&Step::ConnectObjectPort, &ErrorKind::Refused, "24158");
        check(&Step::ConnectObjectPort, &ErrorKind::TimedOut { after: Duration::from_secs(5) }, "--object-port");
        check(&Step::Next, &ErrorKind::TimedOut { after: Duration::from_secs(5) }, "--timeout");
        check(&Step::Resolve, &ErrorKind::NotFound("x".into()), "spelling");
        check(&Step::Resolve, &ErrorKind::Family { target: "IPv6" }, "family");
        check(&Step::Input, &ErrorKind::Misuse(Misuse::LocalCredentials), "leave user");
        check(&Step::Input, &ErrorKind::Misuse(Misuse::NoCredentials), "--password-stdin");
        check(&login, &ErrorKind::Wbem(WbemStatus::INVALID_NAMESPACE), "__NAMESPACE");
        check(&Step::Query, &ErrorKind::Wbem(WbemStatus::INVALID_CLASS), "meta_class");
        check(&Step::Query, &ErrorKind::Wbem(WbemStatus::INVALID_QUERY), "get-class");
        check(&Step::GetObject, &ErrorKind::Wbem(WbemStatus::INVALID_OBJECT_PATH), "Class.Key");
        check(&Step::GetObject, &ErrorKind::Wbem(WbemStatus::NOT_FOUND), "key");
        check(&login, &ErrorKind::Wbem(WbemStatus::ENCRYPTED_CONNECTION_REQUIRED), "privacy");
        check(&login, &ErrorKind::HResult(HResult::E_INVALIDARG), "MS_409");
        check(&Step::Next, &ErrorKind::Wbem(WbemStatus::QUOTA_VIOLATION), "limit");
        check(&Step::Activate, &ErrorKind::HResult(HResult::E_OUTOFMEMORY), "limit");
        check(&Step::Next, &ErrorKind::Wbem(WbemStatus::SERVER_TOO_BUSY), "try again");
        check(&Step::Next, &ErrorKind::Fault(FaultStatus::RPC_E_DISCONNECTED), "restarted");
        check(&Step::Next, &ErrorKind::Wbem(WbemStatus::PROVIDER_FAILURE), "provider");
        check(&Step::Activate, &ErrorKind::HResult(HResult::REGDB_E_CLASSNOTREG), "no WMI service");
        check(&Step::Activate, &ErrorKind::BindRefused("x".into()), "Kerberos");
        check(&Step::Next, &ErrorKind::Auth(AuthError::BadSignature), "signature");
        check(&Step::Activate, &ErrorKind::Protocol("x".into()), "port");
        assert_eq!(hint(&Step::Next, &ErrorKind::Closed), None);
    }
}
