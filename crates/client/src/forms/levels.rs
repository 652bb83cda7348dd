//! Authentication and impersonation levels as each form spells them.

use crate::{AuthLevel, Impersonation, Misuse};
use std::fmt;
use std::str::FromStr;

/// How calls are protected, by the names of monikers, of System.Management and of the cmdlets, and by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AuthenticationLevel {
    /// −1, of System.Management and the cmdlets: what the process has. Here: privacy.
    #[default]
    Unchanged,
    /// 0: what both ends agree on. Here: privacy.
    Default,
    /// 1: no authentication. WMI refuses it, and so does the client before anything is sent.
    None,
    /// 2: the connection only.
    Connect,
    /// 3: the start of each call.
    Call,
    /// 4, `pkt` or `Packet`: each packet's origin.
    Packet,
    /// 5, `pktIntegrity` or `PacketIntegrity`: each packet signed.
    PacketIntegrity,
    /// 6, `pktPrivacy` or `PacketPrivacy`: each packet signed and encrypted.
    PacketPrivacy,
}

impl AuthenticationLevel {
    const ALL: [(AuthenticationLevel, &'static str, &'static str); 8] = [
        (AuthenticationLevel::Unchanged, "unchanged", "Unchanged"),
        (AuthenticationLevel::Default, "default", "Default"),
        (AuthenticationLevel::None, "none", "None"),
        (AuthenticationLevel::Connect, "connect", "Connect"),
        (AuthenticationLevel::Call, "call", "Call"),
        (AuthenticationLevel::Packet, "pkt", "Packet"),
        (AuthenticationLevel::PacketIntegrity, "pktIntegrity", "PacketIntegrity"),
        (AuthenticationLevel::PacketPrivacy, "pktPrivacy", "PacketPrivacy"),
    ];

    /// −1 to 6.
    pub fn number(self) -> i32 {
        self as i32 - 1
    }

    /// The level of a moniker's word; the words of System.Management are none there.
    pub(crate) fn of_token(word: &str) -> Option<Self> {
        Self::ALL.iter().skip(1).find(|(_, token, _)| token.eq_ignore_ascii_case(word)).map(|(level, ..)| *level)
    }

    /// The word of a moniker.
    pub(crate) fn token(self) -> &'static str {
        Self::ALL.iter().find(|(level, ..)| *level == self).map_or("default", |(_, token, _)| token)
    }

    /// The level on the wire. What is left to the process is privacy: the strongest costs little and is refused by nobody.
    pub(crate) fn on_wire(self) -> AuthLevel {
        match self {
            AuthenticationLevel::None => AuthLevel::None,
            AuthenticationLevel::Connect => AuthLevel::Connect,
            AuthenticationLevel::Call => AuthLevel::Call,
            AuthenticationLevel::Packet => AuthLevel::Packet,
            AuthenticationLevel::PacketIntegrity => AuthLevel::Integrity,
            AuthenticationLevel::Unchanged | AuthenticationLevel::Default | AuthenticationLevel::PacketPrivacy => AuthLevel::Privacy,
        }
    }
}

/// The name of System.Management.
impl fmt::Display for AuthenticationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(level, ..)| level == self).map_or("", |(.., name)| name))
    }
}

/// Any of its names, or its number.
impl FromStr for AuthenticationLevel {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        let is = |(level, token, name): &&(Self, &str, &str)| {
            token.eq_ignore_ascii_case(text) || name.eq_ignore_ascii_case(text) || level.number().to_string() == text
        };
        let found = Self::ALL.iter().find(is).map(|(level, ..)| *level);
        found.ok_or_else(|| Misuse::Option(format!("{text:?} is not an authentication level: Unchanged -1 to PacketPrivacy 6")))
    }
}

/// What the server may do in the caller's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ImpersonationLevel {
    /// 0: the default of the process, which is `Impersonate`.
    Default,
    /// 1: the caller is hidden. Raised to `Identify`, as the scripting layer does; WMI refuses most calls.
    Anonymous,
    /// 2: know who calls, and no more. WMI refuses most calls.
    Identify,
    /// 3: act as the caller on its own computer.
    #[default]
    Impersonate,
    /// 4: act as the caller on further computers too; needs Kerberos.
    Delegate,
}

impl ImpersonationLevel {
    const ALL: [(ImpersonationLevel, &'static str); 5] = [
        (ImpersonationLevel::Default, "default"),
        (ImpersonationLevel::Anonymous, "anonymous"),
        (ImpersonationLevel::Identify, "identify"),
        (ImpersonationLevel::Impersonate, "impersonate"),
        (ImpersonationLevel::Delegate, "delegate"),
    ];

    /// 0 to 4.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The level of a moniker's word.
    pub(crate) fn of_token(word: &str) -> Option<Self> {
        Self::ALL.iter().skip(1).find(|(_, token)| token.eq_ignore_ascii_case(word)).map(|(level, _)| *level)
    }

    /// The word of a moniker.
    pub(crate) fn token(self) -> &'static str {
        Self::ALL.iter().find(|(level, _)| *level == self).map_or("default", |(_, token)| token)
    }

    pub(crate) fn on_wire(self) -> Impersonation {
        match self {
            ImpersonationLevel::Anonymous | ImpersonationLevel::Identify => Impersonation::Identify,
            ImpersonationLevel::Default | ImpersonationLevel::Impersonate => Impersonation::Impersonate,
            ImpersonationLevel::Delegate => Impersonation::Delegate,
        }
    }
}

impl fmt::Display for ImpersonationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Its name, or its number.
impl FromStr for ImpersonationLevel {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        let is = |(level, token): &&(Self, &str)| token.eq_ignore_ascii_case(text) || level.number().to_string() == text;
        let found = Self::ALL.iter().find(is).map(|(level, _)| *level);
        found.ok_or_else(|| Misuse::Option(format!("{text:?} is not an impersonation level: Default 0 to Delegate 4")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_has_its_names_and_its_number() {
        let check = |text: &str, expect: AuthenticationLevel| assert_eq!(text.parse(), Ok(expect), "{text}");
        check("-1", AuthenticationLevel::Unchanged);
        check("Default", AuthenticationLevel::Default);
        check("packetprivacy", AuthenticationLevel::PacketPrivacy);
        check("pktPrivacy", AuthenticationLevel::PacketPrivacy);
        check("6", AuthenticationLevel::PacketPrivacy);
        check("Packet", AuthenticationLevel::Packet);
        assert!("7".parse::<AuthenticationLevel>().is_err() && "".parse::<AuthenticationLevel>().is_err());
        assert_eq!("3".parse(), Ok(ImpersonationLevel::Impersonate));
        assert_eq!("DELEGATE".parse(), Ok(ImpersonationLevel::Delegate));
        assert!("5".parse::<ImpersonationLevel>().is_err());
        for (level, token, _) in AuthenticationLevel::ALL {
            assert_eq!((level.to_string().parse(), level.number().to_string().parse(), token.parse()), (Ok(level), Ok(level), Ok(level)));
        }
    }

    #[test]
    fn what_is_left_to_the_process_is_the_strongest() {
        for level in [AuthenticationLevel::Unchanged, AuthenticationLevel::Default] {
            assert_eq!(level.on_wire(), AuthLevel::Privacy);
        }
        assert_eq!(ImpersonationLevel::default(), ImpersonationLevel::Impersonate);
    }
}
