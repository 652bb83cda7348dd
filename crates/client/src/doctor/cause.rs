//! What can be wrong, and what to change for it. Each is a row of docs/doctor.md.

use super::Patient;
use super::script::{power_shell, shell};

/// Something that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The name has no address.
    NameUnknown,
    /// The two computers have no IP family in common.
    NoCommonFamily,
    /// Of several addresses some do not answer.
    AddressSilent,
    /// The endpoint mapper's port refuses.
    PortClosed,
    /// Nothing answers at the endpoint mapper's port.
    PortSilent,
    /// The network says that there is no way.
    NoRoute,
    /// Another protocol is spoken at the port.
    OtherProtocol,
    /// Something accepts connections and says nothing.
    Mute,
    /// There is no WMI.
    NotWmi,
    /// The way to authenticate is not accepted.
    MechanismRefused,
    /// Wrong password, or no such account.
    Credentials,
    /// The password is empty.
    BlankPassword,
    /// The account is disabled, locked, expired, or may not log on over the network.
    AccountRestricted,
    /// The level of protection is below what is asked for.
    LevelTooLow,
    /// The account may not activate: no administrator, and no right in DCOM.
    ActivationDenied,
    /// A local administrator's rights are filtered.
    TokenFiltered,
    /// The object port refuses or is silent.
    ObjectPortClosed,
    /// The addresses that the server lists cannot be reached from here.
    BindingUnreachable,
    /// The namespace does not exist.
    NamespaceMissing,
    /// The account has no right in the namespace.
    NamespaceDenied,
    /// The namespace is for encrypted connections alone.
    EncryptionRequired,
    /// The locale is none.
    Locale,
    /// A parameter that makes no sense.
    Parameter,
    /// The class does not exist in the namespace.
    ClassMissing,
    /// The query is none.
    QueryInvalid,
    /// The provider refuses.
    ProviderDenied,
    /// The provider fails.
    ProviderFailed,
    /// A privilege is missing.
    PrivilegeMissing,
    /// A limit of the service was reached.
    Quota,
    /// The service is busy.
    Busy,
    /// The service is stopping, or was restarted.
    Stopping,
    /// No answer in time.
    Slow,
    /// The clocks differ.
    ClockSkew,
    /// Kerberos does not find the service's principal.
    PrincipalUnknown,
    /// Classes bring less than expected.
    DataThin,
}

/// The computer that a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The one that asks.
    Here,
    /// A target with Windows: PowerShell as an administrator.
    Windows,
    /// A target with `rwmi serve`: a shell as root.
    Linux,
}

impl Place {
    /// A word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Place::Here => "here",
            Place::Windows => "windows",
            Place::Linux => "linux",
        }
    }
}

/// Whether a command may be run without thinking twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// It does what is said.
    Safe,
    /// It weakens the computer, or changes more than is asked for: scripts hold it as a comment.
    Careful,
}

/// A command that changes or shows a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The computer that it is for.
    pub place: Place,
    /// How to take it.
    pub caution: Caution,
    /// What it does.
    pub what: &'static str,
    /// One line for the shell of that computer.
    pub line: String,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 35] = [
        Cause::NameUnknown,
        Cause::NoCommonFamily,
        Cause::AddressSilent,
        Cause::PortClosed,
        Cause::PortSilent,
        Cause::NoRoute,
        Cause::OtherProtocol,
        Cause::Mute,
        Cause::NotWmi,
        Cause::MechanismRefused,
        Cause::Credentials,
        Cause::BlankPassword,
        Cause::AccountRestricted,
        Cause::LevelTooLow,
        Cause::ActivationDenied,
        Cause::TokenFiltered,
        Cause::ObjectPortClosed,
        Cause::BindingUnreachable,
        Cause::NamespaceMissing,
        Cause::NamespaceDenied,
        Cause::EncryptionRequired,
        Cause::Locale,
        Cause::Parameter,
        Cause::ClassMissing,
        Cause::QueryInvalid,
        Cause::ProviderDenied,
        Cause::ProviderFailed,
        Cause::PrivilegeMissing,
        Cause::Quota,
        Cause::Busy,
        Cause::Stopping,
        Cause::Slow,
        Cause::ClockSkew,
        Cause::PrincipalUnknown,
        Cause::DataThin,
    ];

    /// A word for programs, and the name of its row in docs/doctor.md.
    pub fn code(self) -> &'static str {
        match self {
            Cause::NameUnknown => "name-unknown",
            Cause::NoCommonFamily => "no-common-family",
            Cause::AddressSilent => "address-silent",
            Cause::PortClosed => "port-closed",
            Cause::PortSilent => "port-silent",
            Cause::NoRoute => "no-route",
            Cause::OtherProtocol => "other-protocol",
            Cause::Mute => "mute",
            Cause::NotWmi => "not-wmi",
            Cause::MechanismRefused => "mechanism-refused",
            Cause::Credentials => "credentials",
            Cause::BlankPassword => "blank-password",
            Cause::AccountRestricted => "account-restricted",
            Cause::LevelTooLow => "level-too-low",
            Cause::ActivationDenied => "activation-denied",
            Cause::TokenFiltered => "token-filtered",
            Cause::ObjectPortClosed => "object-port-closed",
            Cause::BindingUnreachable => "binding-unreachable",
            Cause::NamespaceMissing => "namespace-missing",
            Cause::NamespaceDenied => "namespace-denied",
            Cause::EncryptionRequired => "encryption-required",
            Cause::Locale => "locale",
            Cause::Parameter => "parameter",
            Cause::ClassMissing => "class-missing",
            Cause::QueryInvalid => "query-invalid",
            Cause::ProviderDenied => "provider-denied",
            Cause::ProviderFailed => "provider-failed",
            Cause::PrivilegeMissing => "privilege-missing",
            Cause::Quota => "quota",
            Cause::Busy => "busy",
            Cause::Stopping => "stopping",
            Cause::Slow => "slow",
            Cause::ClockSkew => "clock-skew",
            Cause::PrincipalUnknown => "principal-unknown",
            Cause::DataThin => "data-thin",
        }
    }

    /// What it is and which setting to change, in one sentence or two.
    pub fn text(self) -> &'static str {
        match self {
            Cause::NameUnknown => {
                "the name has no address: check its spelling, give the full name where the computer is in another domain, or its address"
            }
            Cause::NoCommonFamily => {
                "the addresses are of an IP family that this computer does not have: give an address of a family that both have, or set that family up here"
            }
            Cause::AddressSilent => {
                "an address of the name does not answer while another does: correct the name's entries, or give the address that answers"
            }
            Cause::PortClosed => {
                "the computer is there and refuses the port: the service is not running (RpcSs on Windows, `rwmi serve` on Linux), or a firewall rejects it"
            }
            Cause::PortSilent => "nothing answers: a firewall drops the packets, or the computer is off",
            Cause::NoRoute => "the network knows no way there: the computer is off, or a router or a VPN between is not set up",
            Cause::OtherProtocol => "what answers at the port does not speak RPC: check the port and what forwards it",
            Cause::Mute => "the port accepts connections and does not answer: the service hangs, is overloaded, or a tunnel leads nowhere",
            Cause::NotWmi => {
                "the computer speaks DCOM and does not offer WMI: the service Winmgmt is disabled or damaged, or the port belongs to another program"
            }
            Cause::MechanismRefused => {
                "NTLM is not accepted: a policy of the computer or its domain forbids it (\"Restrict NTLM\"), and Kerberos is not there yet in this client"
            }
            Cause::Credentials => {
                "the password is wrong or the account is unknown there, which no server tells apart: an account of the target is written .\\user, one of a domain DOMAIN\\user"
            }
            Cause::BlankPassword => {
                "the password that was given is empty, and accounts with an empty password may not log on over the network: give the account a password"
            }
            Cause::AccountRestricted => {
                "the account may be disabled, locked or expired, its password too, or the right \"Access this computer from the network\" is missing: the security log of the target says which (event 4625)"
            }
            Cause::LevelTooLow => "the server asks for a higher protection of the calls than was given: use --authentication privacy",
            Cause::ActivationDenied => {
                "the logon was accepted and activation was not: the account is no administrator there and has no Remote Launch and Remote Activation in DCOM"
            }
            Cause::TokenFiltered => {
                "a local administrator other than the built-in one has a user's rights only when it comes over the network (LocalAccountTokenFilterPolicy): use a domain account, or grant the rights to the account itself"
            }
            Cause::ObjectPortClosed => {
                "the endpoint mapper answers and the port of the objects does not: let the firewall pass it, or give WMI a fixed port and let that pass"
            }
            Cause::BindingUnreachable => {
                "the addresses that the computer lists for itself cannot be reached from here, as behind address translation: forward the object port too, and name it with --object-port"
            }
            Cause::NamespaceMissing => "the namespace does not exist on that computer: check its spelling against those that it has",
            Cause::NamespaceDenied => "the account lacks Enable Account or Remote Enable on the namespace",
            Cause::EncryptionRequired => "the namespace is for encrypted connections alone: use --authentication privacy",
            Cause::Locale => "the locale is none: MS_ and a hexadecimal language code, MS_409 for English",
            Cause::Parameter => {
                "a parameter makes no sense to the server: check the namespace, the locale, and that the domain stands in the user name or in --authority, not in both"
            }
            Cause::ClassMissing => "the class does not exist in this namespace: check its spelling, or look in other namespaces with -n",
            Cause::QueryInvalid => {
                "the query is not WQL, or names a property that the class does not have: `rwmi get-class CLASS` prints what it has"
            }
            Cause::ProviderDenied => "the login was accepted and the data was refused: the provider asks for rights of its own",
            Cause::ProviderFailed => {
                "the provider of the class fails on that computer: try a simpler query, and look into its log (WMI-Activity)"
            }
            Cause::PrivilegeMissing => "the account lacks a privilege: the qualifier Privileges of the class names it",
            Cause::Quota => "a limit of the service was reached: ask for less at once, or close what is open",
            Cause::Busy => "the service is busy: try again in a moment",
            Cause::Stopping => "the service ended the connection, is stopping, or was restarted: see that it runs, and connect again",
            Cause::Slow => "no answer in time: the computer or the network is slow, or packets are lost; raise --timeout",
            Cause::ClockSkew => "the clocks differ by more than five minutes: Kerberos refuses that, and times in the data are wrong",
            Cause::PrincipalUnknown => "the security package failed: a service principal name may be missing or doubled, or a clock wrong",
            Cause::DataThin => {
                "classes bring less than every computer has, and no error: the account may be filtered by UAC or lack rights on what is behind them; nothing else in the answer shows it"
            }
        }
    }

    /// What to type, and where.
    pub fn commands(self, of: &Patient) -> Vec<Command> {
        use Caution::{Careful, Safe};
        use Place::{Here, Linux, Windows};
        let add = |place, caution, what, line: String| Command { place, caution, what, line };
        let host = || shell(&of.host);
        let account = || of.account.as_deref().unwrap_or("ACCOUNT").to_owned();
        // Nobody may run a line with a name to be filled in.
        let named = if of.account.is_some() { Safe } else { Careful };
        let own_account = || account().rsplit('\\').next().unwrap_or_default().to_owned();
        let object_port = of.object_port.unwrap_or(24158);
        let firewall = || {
            let ports = format!("{}, {object_port}", of.endpoint_port);
            vec![
                add(
                    Windows,
                    Safe,
                    "open the firewall for WMI; the name of the group is in the language of Windows",
                    r#"netsh advfirewall firewall set rule group="windows management instrumentation (wmi)" new enable=yes"#.into(),
                ),
                add(Linux, Safe, "open the firewall (nftables)", format!("nft add rule inet filter input tcp dport {{ {ports} }} accept")),
                add(
                    Linux,
                    Safe,
                    "open the firewall (firewalld)",
                    format!(
                        "firewall-cmd --permanent --add-port={}/tcp --add-port={object_port}/tcp && firewall-cmd --reload",
                        of.endpoint_port
                    ),
                ),
            ]
        };
        let fixed_port = || {
            vec![
                add(
                    Windows,
                    Careful,
                    "give WMI the fixed port 24158, and open it; /sharedhost takes it back",
                    "winmgmt /standalonehost; Restart-Service Winmgmt -Force; netsh advfirewall firewall add rule name=WMIFixedPort dir=in action=allow protocol=TCP localport=24158".into(),
                ),
                add(Linux, Safe, "see which port the server uses", "grep -s object-port /etc/rwmi/rwmi.toml || echo 24158".into()),
            ]
        };
        let services = || {
            vec![
                add(Windows, Safe, "see that the services run", "Get-Service RpcSs, DcomLaunch, Winmgmt".into()),
                add(Windows, Safe, "start WMI", "Set-Service Winmgmt -StartupType Automatic; Start-Service Winmgmt".into()),
                add(Linux, Safe, "see that the server runs", "systemctl status rwmi".into()),
                add(Linux, Safe, "start it", "systemctl start rwmi".into()),
            ]
        };
        let grant = || {
            vec![
                add(
                    Windows,
                    named,
                    "let the account launch and activate: the group Distributed COM Users",
                    format!("Add-LocalGroupMember -SID S-1-5-32-562 -Member {}", power_shell(&account())),
                ),
                add(
                    Linux,
                    Careful,
                    "make it an administrator of the server; to let it only read, name it in [security] readers",
                    format!("rwmi account add {} --admin", shell(&own_account())),
                ),
            ]
        };
        let namespace_rights = || {
            vec![add(
                Windows,
                named,
                "grant Enable Account and Remote Enable on the namespace and those below",
                namespace_grant(&of.namespace, &account()),
            )]
        };
        let unfilter = || {
            vec![add(
                Windows,
                Careful,
                "lift the filter for all local administrators of the computer: a password that several computers share then opens them all",
                r"Set-ItemProperty -Path HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System -Name LocalAccountTokenFilterPolicy -Type DWord -Value 1"
                    .into(),
            )]
        };
        match self {
            Cause::NameUnknown | Cause::AddressSilent => {
                vec![add(Here, Safe, "see what the name resolves to", format!("getent ahosts {}", host()))]
            }
            Cause::NoCommonFamily => vec![add(Here, Safe, "see the addresses of this computer", "ip -brief address".into())],
            Cause::PortClosed => [services(), firewall()].concat(),
            Cause::PortSilent => firewall(),
            Cause::NoRoute => vec![add(Here, Safe, "see the routes of this computer", "ip route; ip -6 route".into())],
            Cause::Mute | Cause::NotWmi | Cause::Busy | Cause::Stopping | Cause::ProviderFailed => services(),
            Cause::Credentials | Cause::BlankPassword => vec![
                add(Windows, Safe, "see the accounts of the computer", "Get-LocalUser".into()),
                add(Linux, Safe, "see the accounts of the server", "rwmi account list".into()),
                add(
                    Linux,
                    Careful,
                    "give the account a new password; without --admin it is no administrator",
                    format!("rwmi account add {}", shell(&own_account())),
                ),
            ],
            Cause::AccountRestricted => vec![add(
                Windows,
                Safe,
                "see why logons failed",
                "Get-WinEvent -FilterHashtable @{LogName='Security'; Id=4625} -MaxEvents 5 | Format-List TimeCreated, Message".into(),
            )],
            Cause::ActivationDenied => {
                let mut all = grant();
                all.push(add(
                    Windows,
                    Safe,
                    "see what DCOM refused (10036: the level was too low)",
                    "Get-WinEvent -FilterHashtable @{LogName='System'; ProviderName='Microsoft-Windows-DistributedCOM'} -MaxEvents 5 | Format-List Id, Message".into(),
                ));
                all
            }
            Cause::TokenFiltered => unfilter(),
            Cause::ObjectPortClosed => [firewall(), fixed_port()].concat(),
            Cause::BindingUnreachable => fixed_port(),
            Cause::NamespaceMissing => {
                vec![add(Here, Safe, "list the namespaces", format!("rwmi query -c {} -n root \"SELECT Name FROM __NAMESPACE\"", host()))]
            }
            Cause::NamespaceDenied => namespace_rights(),
            Cause::ClassMissing => {
                let namespace = shell(&of.namespace);
                vec![add(Here, Safe, "list the classes", format!("rwmi query -c {} -n {namespace} \"SELECT * FROM meta_class\"", host()))]
            }
            Cause::ClockSkew => vec![
                add(Windows, Safe, "set the clock", "w32tm /resync".into()),
                add(Linux, Safe, "let the clock be set", "timedatectl set-ntp true".into()),
                add(Here, Safe, "see the clock of this computer", "timedatectl".into()),
            ],
            Cause::PrincipalUnknown => {
                // The principals of a computer hang on its name without the domain.
                let name = of.host.split('.').next().unwrap_or_default();
                vec![
                    add(Windows, Safe, "list the principals of the computer", format!("setspn -L {}", power_shell(name))),
                    add(Windows, Safe, "look for doubles", "setspn -X".into()),
                    add(
                        Windows,
                        Careful,
                        "add what is missing",
                        format!("setspn -S {} {}", power_shell(&format!("HOST/{}", of.host)), power_shell(name)),
                    ),
                ]
            }
            Cause::DataThin => unfilter(),
            _ => Vec::new(),
        }
    }
}

/// Adds an entry to the descriptor of a namespace, by the methods that every namespace has.
fn namespace_grant(namespace: &str, account: &str) -> String {
    let namespace = power_shell(namespace);
    // 0x21: Enable Account and Remote Enable.
    format!(
        "$s = (Invoke-CimMethod -Namespace {namespace} -ClassName __SystemSecurity -MethodName GetSD).SD; \
         $d = New-Object Security.AccessControl.CommonSecurityDescriptor $true, $false, ([byte[]]$s), 0; \
         $a = (New-Object Security.Principal.NTAccount {}).Translate([Security.Principal.SecurityIdentifier]); \
         $d.DiscretionaryAcl.AddAccess('Allow', $a, 0x21, 'ContainerInherit', 'None'); \
         $b = New-Object byte[] $d.BinaryLength; $d.GetBinaryForm($b, 0); \
         Invoke-CimMethod -Namespace {namespace} -ClassName __SystemSecurity -MethodName SetSD -Arguments @{{ SD = $b }}",
        power_shell(account)
    )
}
