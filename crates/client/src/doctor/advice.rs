//! From what was seen to what may be its cause.

use super::{Cause, Command, Patient, Place, Stage, System};
use crate::{ErrorKind, Step};
use rwmi_auth::AuthError;
use rwmi_cim::WbemStatus;
use rwmi_ndr::{FaultStatus, HResult};

/// A cause and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What is, or may be, wrong.
    pub cause: Cause,
    /// Whether it was seen. Otherwise it is one of the causes that look like this from here.
    pub is_certain: bool,
    /// The sentence for people.
    pub text: &'static str,
    /// What to type, and where; for systems that the target is known not to be nothing.
    pub commands: Vec<Command>,
}

impl Advice {
    pub(super) fn new(cause: Cause, is_certain: bool, of: &Patient, system: Option<System>) -> Advice {
        let wrong =
            |c: &Command| matches!((c.place, system), (Place::Windows, Some(System::Linux)) | (Place::Linux, Some(System::Windows)));
        let text = match (cause, system) {
            (Cause::DataThin, Some(System::Linux)) => {
                "classes bring less than a Windows computer has, and no error: the machine may not tell it, or the server's process may not read it"
            }
            _ => cause.text(),
        };
        Advice { cause, is_certain, text, commands: cause.commands(of).into_iter().filter(|c| !wrong(c)).collect() }
    }
}

/// What is known when a stage fails.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) stage: Stage,
    pub(super) step: &'a Step,
    pub(super) kind: &'a ErrorKind,
    /// The logon was accepted before.
    pub(super) is_authenticated: bool,
    /// The password is the empty one.
    pub(super) is_blank: bool,
    /// The account has no domain, or the target's own.
    pub(super) is_local_account: bool,
    /// At privacy it works.
    pub(super) works_at_privacy: bool,
    /// The server lists addresses beside the one that was asked, and none of them answers.
    pub(super) others_silent: bool,
}

/// The causes of a failure, the likeliest first, each with whether it is certain.
pub(super) fn causes(seen: &Evidence<'_>) -> Vec<(Cause, bool)> {
    use Cause::*;
    let Evidence { stage, step, kind, .. } = *seen;
    let filtered = |mut causes: Vec<(Cause, bool)>| {
        if seen.is_local_account {
            causes.push((TokenFiltered, false));
        }
        causes
    };
    let refused_logon = || {
        let blank = seen.is_blank.then_some((BlankPassword, false));
        blank.into_iter().chain([(Credentials, false), (AccountRestricted, false)]).collect::<Vec<_>>()
    };
    let denied = || match stage {
        _ if seen.works_at_privacy => vec![(LevelTooLow, true)],
        Stage::Login | Stage::Query | Stage::Data if matches!(step, Step::Query | Step::Next) => filtered(vec![(ProviderDenied, true)]),
        _ if seen.is_authenticated => filtered(vec![(ActivationDenied, false)]),
        _ => refused_logon(),
    };
    match kind {
        ErrorKind::NotFound(_) => vec![(NameUnknown, true)],
        ErrorKind::Family { .. } => vec![(NoCommonFamily, true)],
        ErrorKind::Wql { .. } => vec![(QueryInvalid, true)],
        ErrorKind::Refused | ErrorKind::TimedOut { .. } | ErrorKind::Unreachable(_) if stage == Stage::ObjectPort => {
            let listed = seen.others_silent.then_some((BindingUnreachable, true));
            std::iter::once((ObjectPortClosed, true)).chain(listed).collect()
        }
        ErrorKind::Refused if stage == Stage::Port => vec![(PortClosed, true)],
        ErrorKind::TimedOut { .. } if stage == Stage::Port => vec![(PortSilent, true)],
        ErrorKind::Unreachable(_) if stage == Stage::Port => vec![(NoRoute, true)],
        ErrorKind::TimedOut { .. } if stage == Stage::Resolver => vec![(Mute, true)],
        ErrorKind::TimedOut { .. } => vec![(Slow, true)],
        ErrorKind::Protocol(_) => vec![(OtherProtocol, stage == Stage::Resolver)],
        ErrorKind::Closed | ErrorKind::Io(_) if stage == Stage::Resolver => vec![(OtherProtocol, false), (Stopping, false)],
        // The port answered a moment ago.
        ErrorKind::Closed | ErrorKind::Io(_) | ErrorKind::Refused => vec![(Stopping, *kind == ErrorKind::Closed)],
        ErrorKind::Unreachable(_) => vec![(NoRoute, true)],
        ErrorKind::BindRefused(_) if stage == Stage::Authentication => vec![(MechanismRefused, false)],
        ErrorKind::BindRefused(_) => vec![(NotWmi, false)],
        ErrorKind::Auth(AuthError::LogonDenied) => refused_logon(),
        ErrorKind::Auth(_) => vec![(MechanismRefused, false)],
        ErrorKind::Wbem(status) => match *status {
            WbemStatus::ENCRYPTED_CONNECTION_REQUIRED => vec![(EncryptionRequired, true)],
            WbemStatus::ACCESS_DENIED if matches!(step, Step::Query | Step::Next) => filtered(vec![(ProviderDenied, true)]),
            WbemStatus::ACCESS_DENIED if seen.works_at_privacy => vec![(EncryptionRequired, true)],
            WbemStatus::ACCESS_DENIED => filtered(vec![(NamespaceDenied, false)]),
            WbemStatus::INVALID_NAMESPACE => vec![(NamespaceMissing, true)],
            WbemStatus::NOT_FOUND if stage == Stage::Login => vec![(NamespaceMissing, true)],
            WbemStatus::INVALID_CLASS => vec![(ClassMissing, true)],
            WbemStatus::INVALID_QUERY | WbemStatus::INVALID_QUERY_TYPE | WbemStatus::UNPARSABLE_QUERY | WbemStatus::INVALID_PROPERTY => {
                vec![(QueryInvalid, true)]
            }
            WbemStatus::INVALID_PARAMETER => vec![(Parameter, true)],
            WbemStatus::PRIVILEGE_NOT_HELD => vec![(PrivilegeMissing, true)],
            WbemStatus::QUOTA_VIOLATION | WbemStatus::OUT_OF_MEMORY => vec![(Quota, true)],
            WbemStatus::SERVER_TOO_BUSY => vec![(Busy, true)],
            WbemStatus::SHUTTING_DOWN => vec![(Stopping, true)],
            WbemStatus::TRANSPORT_FAILURE => vec![(Stopping, false)],
            WbemStatus::PROVIDER_TIMED_OUT => vec![(Slow, true)],
            WbemStatus::PROVIDER_FAILURE
            | WbemStatus::PROVIDER_NOT_FOUND
            | WbemStatus::PROVIDER_LOAD_FAILURE
            | WbemStatus::PROVIDER_SUSPENDED
            | WbemStatus::PROVIDER_DISABLED
            | WbemStatus::INVALID_PROVIDER_REGISTRATION
            | WbemStatus::INITIALIZATION_FAILURE => vec![(ProviderFailed, true)],
            WbemStatus::PROVIDER_NOT_CAPABLE => vec![(ProviderFailed, false)],
            _ => Vec::new(),
        },
        ErrorKind::Fault(FaultStatus(code)) | ErrorKind::HResult(HResult(code)) => match *code {
            0x0000_0005 | 0x8007_0005 | 0x8001_011b => denied(),
            0x52e | 0x8007_052e => vec![(Credentials, true)],
            0x52f | 0x8007_052f if seen.is_blank => vec![(BlankPassword, true)],
            // Restricted, password expired, disabled, password must be changed, locked, no such right.
            0x52f | 0x532 | 0x533 | 0x773 | 0x775 | 0x569 | 0x8007_052f | 0x8007_0532 | 0x8007_0533 | 0x8007_0773 | 0x8007_0775
            | 0x8007_0569 => {
                vec![(AccountRestricted, true)]
            }
            0x721 | 0x8007_0721 => vec![(PrincipalUnknown, false), (ClockSkew, false), (Credentials, false)],
            0x6d3 | 0x8007_06d3 => vec![(MechanismRefused, true)],
            0x8007_0057 if stage == Stage::Login => vec![(Locale, false), (Parameter, false)],
            0x8004_0154 | 0x1c01_0003 | 0x6b5 => vec![(NotWmi, true)],
            0x8008_0005 => vec![(NotWmi, false), (Stopping, false)],
            0x8007_000e | 0x8 | 0x1c00_001b => vec![(Quota, true)],
            0x1c01_0014 | 0x6bb | 0x8007_06bb => vec![(Busy, true)],
            0x8001_0108 | 0x8004_01fb | 0x8004_01fd | 0x8001_0114 | 0x8007_06ba | 0x6ba | 0x8007_06be | 0x6be | 0x8007_06bf | 0x6bf => {
                vec![(Stopping, false)]
            }
            _ => Vec::new(),
        },
        ErrorKind::Misuse(_) => vec![(Parameter, true)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn seen<'a>(stage: Stage, step: &'a Step, kind: &'a ErrorKind) -> Evidence<'a> {
        Evidence {
            stage,
            step,
            kind,
            is_authenticated: Stage::Authentication.code() != stage.code() && Stage::ALL[..3].iter().all(|s| *s != stage),
            is_blank: false,
            is_local_account: false,
            works_at_privacy: false,
            others_silent: false,
        }
    }

    fn check(stage: Stage, step: Step, kind: ErrorKind, expect: &[(Cause, bool)]) {
        assert_eq!(causes(&seen(stage, &step, &kind)), expect, "{stage} {step:?} {kind:?}");
    }

    const LOGIN: fn() -> Step = || Step::Login { namespace: r"root\cimv2".into() };

    #[test]
    fn one_code_means_something_else_at_each_stage() {
        use Cause::*;
        let five = || ErrorKind::Fault(FaultStatus::ACCESS_DENIED);
        check(Stage::Authentication, Step::ServerAlive, five(), &[(Credentials, false), (AccountRestricted, false)]);
        check(Stage::Activation, Step::Activate, ErrorKind::HResult(HResult::E_ACCESSDENIED), &[(ActivationDenied, false)]);
        check(Stage::Login, LOGIN(), ErrorKind::Wbem(WbemStatus::ACCESS_DENIED), &[(NamespaceDenied, false)]);
        check(Stage::Query, Step::Next, ErrorKind::Wbem(WbemStatus::ACCESS_DENIED), &[(ProviderDenied, true)]);
        let late = || ErrorKind::TimedOut { after: Duration::from_secs(5) };
        check(Stage::Port, Step::Connect, late(), &[(PortSilent, true)]);
        check(Stage::Resolver, Step::ServerAlive, late(), &[(Mute, true)]);
        check(Stage::ObjectPort, Step::ConnectObjectPort, late(), &[(ObjectPortClosed, true)]);
        check(Stage::Query, Step::Next, late(), &[(Slow, true)]);
        check(Stage::Port, Step::Connect, ErrorKind::Refused, &[(PortClosed, true)]);
        check(Stage::Query, Step::Next, ErrorKind::Refused, &[(Stopping, false)]);
    }

    #[test]
    fn codes_that_name_their_cause_are_certain() {
        use Cause::*;
        let wbem = |status| ErrorKind::Wbem(status);
        check(Stage::Login, LOGIN(), wbem(WbemStatus::INVALID_NAMESPACE), &[(NamespaceMissing, true)]);
        check(Stage::Login, LOGIN(), wbem(WbemStatus::ENCRYPTED_CONNECTION_REQUIRED), &[(EncryptionRequired, true)]);
        check(Stage::Query, Step::Next, wbem(WbemStatus::INVALID_CLASS), &[(ClassMissing, true)]);
        check(Stage::Query, Step::Query, wbem(WbemStatus::INVALID_QUERY), &[(QueryInvalid, true)]);
        check(Stage::Query, Step::Next, wbem(WbemStatus::PROVIDER_LOAD_FAILURE), &[(ProviderFailed, true)]);
        check(Stage::Query, Step::Next, wbem(WbemStatus::PRIVILEGE_NOT_HELD), &[(PrivilegeMissing, true)]);
        check(Stage::Query, Step::Next, wbem(WbemStatus::SERVER_TOO_BUSY), &[(Busy, true)]);
        check(Stage::Query, Step::Next, wbem(WbemStatus::QUOTA_VIOLATION), &[(Quota, true)]);
        check(Stage::Query, Step::Next, wbem(WbemStatus::SHUTTING_DOWN), &[(Stopping, true)]);
        check(Stage::Query, Step::Next, wbem(WbemStatus::PROVIDER_TIMED_OUT), &[(Slow, true)]);
        check(Stage::Login, LOGIN(), wbem(WbemStatus::INVALID_PARAMETER), &[(Parameter, true)]);
        check(Stage::Login, LOGIN(), ErrorKind::HResult(HResult::E_INVALIDARG), &[(Locale, false), (Parameter, false)]);
        check(Stage::Authentication, Step::ServerAlive, ErrorKind::Fault(FaultStatus(0x52e)), &[(Credentials, true)]);
        for locked in [0x8007_0775, 0x8007_0533, 0x8007_0532] {
            check(Stage::Activation, Step::Activate, ErrorKind::HResult(HResult(locked)), &[(AccountRestricted, true)]);
        }
        check(Stage::Activation, Step::Activate, ErrorKind::HResult(HResult::REGDB_E_CLASSNOTREG), &[(NotWmi, true)]);
        check(Stage::Resolver, Step::ServerAlive, ErrorKind::Protocol("x".into()), &[(OtherProtocol, true)]);
        let security = ErrorKind::Fault(FaultStatus::RPC_S_SEC_PKG_ERROR);
        check(Stage::Authentication, Step::ServerAlive, security, &[(PrincipalUnknown, false), (ClockSkew, false), (Credentials, false)]);
        check(Stage::Authentication, Step::ServerAlive, ErrorKind::BindRefused("x".into()), &[(MechanismRefused, false)]);
    }

    #[test]
    fn what_is_known_of_the_account_changes_the_advice() {
        let kind = ErrorKind::Fault(FaultStatus::ACCESS_DENIED);
        let blank = Evidence { is_blank: true, ..seen(Stage::Authentication, &Step::ServerAlive, &kind) };
        assert_eq!(causes(&blank)[0], (Cause::BlankPassword, false));
        let low = Evidence { works_at_privacy: true, ..seen(Stage::Login, &Step::ConnectObjectPort, &kind) };
        assert_eq!(causes(&low), [(Cause::LevelTooLow, true)]);
        let local = Evidence { is_local_account: true, ..seen(Stage::Activation, &Step::Activate, &kind) };
        assert_eq!(causes(&local), [(Cause::ActivationDenied, false), (Cause::TokenFiltered, false)]);
        let kind = ErrorKind::Wbem(WbemStatus::ACCESS_DENIED);
        let login = LOGIN();
        let clear = Evidence { works_at_privacy: true, ..seen(Stage::Login, &login, &kind) };
        assert_eq!(causes(&clear), [(Cause::EncryptionRequired, true)]);
        let kind = ErrorKind::Refused;
        let nat = Evidence { others_silent: true, ..seen(Stage::ObjectPort, &Step::ConnectObjectPort, &kind) };
        assert_eq!(causes(&nat), [(Cause::ObjectPortClosed, true), (Cause::BindingUnreachable, true)]);
    }

    #[test]
    fn every_cause_has_a_name_of_its_own_a_sentence_and_commands_on_one_line() {
        let patient = Patient { host: "srv".into(), account: Some(r"CORP\alice".into()), ..Patient::default() };
        let mut names: Vec<&str> = Cause::ALL.iter().map(|c| c.code()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Cause::ALL.len());
        for cause in Cause::ALL {
            assert!(!cause.text().is_empty());
            for command in cause.commands(&patient) {
                assert!(!command.line.is_empty() && !command.line.contains('\n'), "{}", command.line);
            }
        }
    }

    #[test]
    fn commands_are_for_the_system_that_was_seen() {
        let patient = Patient { host: "srv".into(), ..Patient::default() };
        let places = |system| Advice::new(Cause::PortSilent, true, &patient, system).commands.iter().map(|c| c.place).collect::<Vec<_>>();
        assert_eq!(places(None), [Place::Windows, Place::Linux, Place::Linux]);
        assert_eq!(places(Some(System::Windows)), [Place::Windows]);
        assert_eq!(places(Some(System::Linux)), [Place::Linux, Place::Linux]);
    }
}
