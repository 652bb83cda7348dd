//! What stands below the options in the help of commands: examples, and what is written elsewhere for the same.

macro_rules! forms {
    () => {
        "The same call as it is written elsewhere:
  Get-WmiObject Win32_Service -ComputerName srv01
    the same words behind rwmi, as Get-CimInstance and the other cmdlets
  GetObject(\"winmgmts:\\\\srv01\\root\\cimv2\").ExecQuery(..)
    rwmi query -c 'winmgmts:\\\\srv01\\root\\cimv2' \"SELECT ..\"
  CimSession.Create(\"srv01\").QueryInstances(ns, \"WQL\", query)
    rwmi query -c srv01 -n NS QUERY
  new ManagementScope(@\"\\\\srv01\\root\\cimv2\", options) and a ManagementObjectSearcher
    rwmi query -c srv01 -n root/cimv2 -u USER --impersonation impersonate QUERY
  SWbemLocator.ConnectServer(\"srv01\", ns, user, password, locale, authority).ExecQuery(query)
    rwmi query -c srv01 -n NS -u USER --locale L --authority A QUERY
  wmic /node:srv01 service get Name, State
    rwmi wmic /node:srv01 service get Name, State
  wmic -U USER //srv01 QUERY (on Linux)
    rwmi wmic -U USER //srv01 QUERY
In all of them only the name of the computer differs from a local call; `.`, or no name, is this one."
    };
}

macro_rules! examples {
    () => {
        "Examples:
  rwmi query \"SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem\"
  rwmi query -c srv01,srv02 -u 'CORP\\alice' \"SELECT Name, State FROM Win32_Service WHERE State <> 'Running'\"
  rwmi query -c 192.0.2.7 -u admin --password-file pw -o csv \"SELECT * FROM Win32_LogicalDisk\"
  rwmi get-class Win32_Process
  rwmi call -c srv01 -u admin Win32_Process Create CommandLine=\"sleep 60\"
  rwmi doctor srv01 -u 'CORP\\alice'
  rwmi serve --listen 0.0.0.0

PowerShell's cmdlets are commands too (rwmi Get-Help): rwmi Get-WmiObject Win32_Service -ComputerName srv01,srv02 -Credential alice

Exit status: 0 success, 1 failure, 2 wrong usage, 3 some computers failed and others did not."
    };
}

/// Of the whole command, in short.
pub(crate) const SHORT: &str = examples!();

/// Of the whole command.
pub(crate) const LONG: &str = concat!(examples!(), "\n\n", forms!());

pub(crate) const QUERY: &str = concat!(
    "Examples:
  rwmi query \"SELECT * FROM Win32_OperatingSystem\"
  rwmi query -c web[01-20],group:db -u 'CORP\\alice' -o csv \"SELECT Name, State FROM Win32_Service\"
  rwmi query -c srv01 -n root/wmi \"SELECT * FROM meta_class WHERE __THIS ISA 'MSNdis'\"

",
    forms!()
);

pub(crate) const GET_CLASS: &str = "Examples:
  rwmi get-class Win32_Process
  rwmi get-class -c srv01 -u 'CORP\\alice' -o json Win32_Service
  rwmi get-class 'winmgmts:\\\\srv01\\root\\wmi:MSNdis_LinkSpeed'

Elsewhere: Get-CimClass Win32_Process -ComputerName srv01; GetObject(\"winmgmts:\\\\srv01\\root\\cimv2:Win32_Process\"); new ManagementClass(..).";

pub(crate) const MOF: &str = "Examples:
  rwmi mof compile --check classes.mof
  rwmi mof compile -c srv01 -u admin -n root/own classes.mof
  rwmi mof export -c srv01 -u admin --instances Own_Thing

Elsewhere: mofcomp -N:\\\\srv01\\root\\own classes.mof";

pub(crate) const DUMP: &str = "Examples:
  rwmi dump object object.bin
  rwmi dump pdu conversation.hex
  rwmi dump stub request.bin --interface IWbemServices --opnum 20";

pub(crate) const SERVE: &str = "Examples:
  rwmi serve --listen 0.0.0.0
  rwmi serve --check-config --config /etc/rwmi/rwmi.toml
  rwmi serve --endpoint-port 1135 --object-port 24158 --data-dir ./data";

pub(crate) const ACCOUNT: &str = "Examples:
  rwmi account add alice --admin
  rwmi account add bob --password-stdin < password
  rwmi account list -o json
  rwmi account remove bob";

pub(crate) const CONFIG: &str = "Examples:
  rwmi config path
  rwmi config check
  rwmi config show srv01.corp.example

[defaults], [group.NAME] and [host.NAME] have user, password-secret, password-command, password-file, namespace, protocol, authentication,
impersonation, authority, locale, endpoint-port, object-port, timeout, smart-enum and output. A group is asked as -c group:NAME.";

pub(crate) const COMPLETIONS: &str = "Examples:
  source <(rwmi completions bash)
  rwmi completions fish | source
  rwmi completions learn -c srv01 -u 'CORP\\alice'

Classes and properties are those that queries, get-class and call have seen, and all of a namespace after `learn`: kept in
~/.cache/rwmi, for you alone. Nobody is asked while you type. RWMI_CACHE names another directory; empty, nothing is kept.";

pub(crate) const MAN: &str = "Examples:
  rwmi man ~/.local/share/man/man1
  rwmi man /tmp/pages && man -l /tmp/pages/rwmi-query.1";
