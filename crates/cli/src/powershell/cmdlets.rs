//! The cmdlets: names, parameters, parameter sets, positions and aliases as Windows PowerShell 5.1 has them.

use super::parameter::{Cmdlet, Kind, Parameter, Sets};
use super::{classes, events, get, invoke, session, write};

/// The cmdlet of a name or of an alias, without case.
pub(super) fn find(name: &str) -> Option<&'static Cmdlet> {
    let is = |own: &str| !own.is_empty() && own.eq_ignore_ascii_case(name);
    CMDLETS.iter().find(|c| is(c.name) || is(c.alias))
}

pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet {
        name: "Get-WmiObject",
        alias: "gwmi",
        about: "Instances of a class, the rows of a query, or the classes of a namespace",
        sets: &[(1, "query"), (2, "list"), (4, "WQLQuery")],
        parameters: &[
            &[
                Parameter::new("Class", Kind::Text, "The class, with those derived from it; with -List a pattern (*, ?, [a-z])")
                    .alias(&["ClassName"])
                    .of(1 | 2)
                    .must_in(1)
                    .at(0),
                Parameter::new("Property", Kind::Texts, "Properties that are asked for; keys come in any case").of(1).at(1),
                Parameter::new("Filter", Kind::Text, "What stands behind WHERE").of(1),
                Parameter::new("Query", Kind::Text, "A query of data").must(4),
                Parameter::new("List", Kind::Switch, "The classes of the namespace").must(2),
                Parameter::new("Recurse", Kind::Switch, "With -List: of the namespaces below too").of(2),
                Parameter::new("Amended", Kind::Switch, "With localised qualifiers"),
                Parameter::new("DirectRead", Kind::Switch, "Of the very class").of(1 | 4),
            ],
            WMI_CONNECT,
        ],
        example: "rwmi Get-WmiObject Win32_Service -ComputerName srv01,srv02 -Filter \"State <> 'Running'\" -Property Name,State",
        run: get::wmi,
    },
    Cmdlet {
        name: "Invoke-WmiMethod",
        alias: "iwmi",
        about: "A method of a class or of an instance",
        sets: WMI_TARGETS,
        parameters: &[
            TARGET,
            &[
                Parameter::new("Name", Kind::Text, "The method").must(7).at(1),
                Parameter::new("ArgumentList", Kind::Values, "Its arguments in the order in which it declares them; $null leaves one out")
                    .alias(&["Args"]),
            ],
            WMI_CONNECT_TARGET,
            SHOULD,
        ],
        example: "rwmi Invoke-WmiMethod -Class Win32_Process -Name Create -ArgumentList 'sleep 60' -ComputerName srv01 -Credential alice",
        run: invoke::wmi,
    },
    Cmdlet {
        name: "Set-WmiInstance",
        alias: "swmi",
        about: "Makes or changes an instance",
        sets: WMI_TARGETS,
        parameters: &[
            TARGET,
            &[
                Parameter::new("Arguments", Kind::Table, "Properties and their values").alias(&["Args", "Property"]),
                Parameter::new("PutType", PUT_TYPE, "Whether it may be made, changed, or both (which is what holds)"),
            ],
            WMI_CONNECT_TARGET,
            SHOULD,
        ],
        example: "rwmi Set-WmiInstance -Namespace 'root\\default' -Class Demo_Setting -Arguments \"@{Name='colour'; Value='blue'}\"",
        run: write::set_wmi,
    },
    Cmdlet {
        name: "Remove-WmiObject",
        alias: "rwmi",
        about: "Deletes an instance or a class",
        sets: WMI_TARGETS,
        parameters: &[TARGET, WMI_CONNECT_TARGET, SHOULD],
        example: "rwmi Remove-WmiObject -Path 'Demo_Setting.Name=\"colour\"' -Namespace 'root\\default' -WhatIf",
        run: write::remove_wmi,
    },
    Cmdlet {
        name: "Register-WmiEvent",
        alias: "",
        about: "Events as they come, until there are enough or it is interrupted",
        sets: &[(1, "class"), (2, "query")],
        parameters: &[
            &[
                Parameter::new("Class", Kind::Name, "The class of events").must(1).at(0),
                Parameter::new("Query", Kind::Text, "A query for events").must(2).at(0),
                Parameter::new("Timeout", Kind::Number("System.Int64", 0, i64::MAX), "Milliseconds after which nothing more is waited for"),
            ],
            EVENTS,
            WMI_EVENT_CONNECT,
        ],
        example: "rwmi Register-WmiEvent -Class Win32_ProcessStopTrace -ComputerName srv01 -Credential alice -MaxTriggerCount 3",
        run: events::wmi,
    },
    Cmdlet {
        name: "Get-CimInstance",
        alias: "gcim",
        about: "Instances of a class, the rows of a query, or one instance",
        sets: &[
            (1, "ClassNameComputerSet"),
            (2, "ClassNameSessionSet"),
            (4, "QueryComputerSet"),
            (8, "QuerySessionSet"),
            (16, "CimInstanceComputerSet"),
            (32, "CimInstanceSessionSet"),
        ],
        parameters: &[
            &[
                Parameter::new("ClassName", Kind::Name, "The class, with those derived from it").must(CLASS).at(0),
                Parameter::new("Filter", Kind::Text, "What stands behind WHERE").of(CLASS),
                Parameter::new("Property", Kind::Texts, "Properties that are asked for; keys come in any case")
                    .alias(&["SelectProperties"])
                    .of(CLASS),
                Parameter::new("KeyOnly", Kind::Switch, "The keys only").of(CLASS),
                Parameter::new("Shallow", Kind::Switch, "Not of the classes derived from it").of(CLASS | QUERY),
                Parameter::new("Query", Kind::Text, "A query of data").must(QUERY),
                Parameter::new("QueryDialect", Kind::Text, "WQL, or what else the server knows").of(CLASS | QUERY),
                INPUT.must(INSTANCE).at(0),
                NAMESPACE.of(CLASS | QUERY),
            ],
            CIM_CONNECT,
        ],
        example: "rwmi Get-CimInstance Win32_Process -ComputerName srv01 --user alice -Filter \"Name LIKE 'ssh%'\" -Property Name,ProcessId",
        run: get::cim,
    },
    Cmdlet {
        name: "Get-CimClass",
        alias: "gcls",
        about: "Classes by their names, methods, properties and qualifiers",
        sets: &[(1, "ComputerSet"), (2, "SessionSet")],
        parameters: &[
            &[
                Parameter::new("ClassName", Kind::Text, "The class, or a pattern (*, ?, [a-z]); all where it is left out").at(0),
                Parameter::new("MethodName", Kind::Text, "Those that have such a method; a pattern"),
                Parameter::new("PropertyName", Kind::Text, "Those that have such a property; a pattern"),
                Parameter::new("QualifierName", Kind::Text, "Those that have such a qualifier; a pattern"),
                Parameter::new("Amended", Kind::Switch, "With localised qualifiers"),
                NAMESPACE.at(1),
            ],
            CIM_CONNECT,
        ],
        example: "rwmi Get-CimClass -ClassName 'Win32_*' -MethodName Term* -o mof",
        run: classes::cim,
    },
    Cmdlet {
        name: "Invoke-CimMethod",
        alias: "icim",
        about: "A method of a class, of an instance, or of each instance that a query finds",
        sets: &[
            (1, "ClassNameComputerSet"),
            (2, "ClassNameSessionSet"),
            (4, "QueryComputerSet"),
            (8, "QuerySessionSet"),
            (16, "CimInstanceComputerSet"),
            (32, "CimInstanceSessionSet"),
            (64, "CimClassComputerSet"),
            (128, "CimClassSessionSet"),
        ],
        parameters: &[
            &[
                Parameter::new("ClassName", Kind::Name, "The class").alias(&["Class"]).must(CLASS).at(0),
                Parameter::new("Query", Kind::Text, "A query for the instances").must(QUERY),
                Parameter::new("QueryDialect", Kind::Text, "WQL, or what else the server knows").of(QUERY),
                INPUT.must(INSTANCE).at(0),
                Parameter::new("CimClass", Kind::Name, "The class, as -ClassName").must(64 | 128).at(0),
                Parameter::new("Arguments", Kind::Table, "Its arguments by name: @{Name='value'; Number=1}, or JSON").at(1),
                Parameter::new("MethodName", Kind::Text, "The method").alias(&["Name"]).must(255).at(2),
                NAMESPACE.of(CLASS | QUERY),
            ],
            CIM_CONNECT,
            SHOULD,
        ],
        example: "rwmi Invoke-CimMethod -ClassName Win32_Process -MethodName Create -Arguments \"@{CommandLine='sleep 60'}\"",
        run: invoke::cim,
    },
    Cmdlet {
        name: "New-CimInstance",
        alias: "ncim",
        about: "Makes an instance",
        sets: &[(1, "ClassNameComputerSet"), (2, "ClassNameSessionSet"), (64, "CimClassComputerSet"), (128, "CimClassSessionSet")],
        parameters: &[
            &[
                Parameter::new("ClassName", Kind::Name, "The class").must(CLASS).at(0),
                Parameter::new("CimClass", Kind::Name, "The class, as -ClassName").must(64 | 128).at(0),
                Parameter::new("Property", Kind::Table, "Properties and their values").alias(&["Arguments"]).at(1),
                Parameter::new("Key", Kind::Texts, "With -ClientOnly: which of them are keys").of(CLASS),
                Parameter::new("ClientOnly", Kind::Switch, "Only show it, with its path; nobody is asked").alias(&["Local"]),
                NAMESPACE.of(CLASS),
            ],
            CIM_CONNECT,
            SHOULD,
        ],
        example: "rwmi New-CimInstance Demo_Setting -Namespace 'root\\default' -Property \"@{Name='colour'; Value='blue'}\"",
        run: write::new_cim,
    },
    Cmdlet {
        name: "Set-CimInstance",
        alias: "scim",
        about: "Changes an instance, or each that a query finds: what is said, and nothing else",
        sets: CIM_OBJECTS,
        parameters: &[
            CIM_OBJECT,
            &[
                Parameter::new("Property", Kind::Table, "Properties and their new values").alias(&["Arguments"]).must(OBJECTS),
                Parameter::new("PassThru", Kind::Switch, "Show each as it is then"),
                NAMESPACE.of(QUERY),
            ],
            CIM_CONNECT,
            SHOULD,
        ],
        example: "rwmi Set-CimInstance -Query \"SELECT * FROM Demo_Setting\" -Property \"@{Value='red'}\" -WhatIf",
        run: write::set_cim,
    },
    Cmdlet {
        name: "Remove-CimInstance",
        alias: "rcim",
        about: "Deletes an instance, or each that a query finds",
        sets: CIM_OBJECTS,
        parameters: &[CIM_OBJECT, &[NAMESPACE.of(QUERY)], CIM_CONNECT, SHOULD],
        example: "rwmi Remove-CimInstance 'Demo_Setting.Name=\"colour\"' -Confirm",
        run: write::remove_cim,
    },
    Cmdlet {
        name: "Get-CimAssociatedInstance",
        alias: "gcai",
        about: "What is associated with an instance, or with each that a query finds",
        sets: CIM_OBJECTS,
        parameters: &[
            CIM_OBJECT,
            &[
                Parameter::new("Association", Kind::Name, "Through associations of this class").at(1),
                Parameter::new("ResultClassName", Kind::Name, "Of this class"),
                Parameter::new("KeyOnly", Kind::Switch, "Their keys only"),
                NAMESPACE,
            ],
            CIM_CONNECT,
        ],
        example: "rwmi Get-CimAssociatedInstance 'Win32_Service.Name=\"ssh\"' -ResultClassName Win32_ComputerSystem",
        run: get::associated,
    },
    Cmdlet {
        name: "Register-CimIndicationEvent",
        alias: "rcie",
        about: "Events as they come, until there are enough or it is interrupted",
        sets: &[
            (1, "ClassNameComputerSet"),
            (2, "ClassNameSessionSet"),
            (4, "QueryExpressionComputerSet"),
            (8, "QueryExpressionSessionSet"),
        ],
        parameters: &[
            &[
                Parameter::new("ClassName", Kind::Name, "The class of events").must(CLASS).at(0),
                Parameter::new("Query", Kind::Text, "A query for events").must(QUERY).at(0),
                Parameter::new("QueryDialect", Kind::Choice("System.String", &[("WQL", 0, "WQL")]), "WQL").of(QUERY),
                NAMESPACE,
            ],
            EVENTS,
            CIM_CONNECT,
        ],
        example: "rwmi Register-CimIndicationEvent Win32_ProcessStartTrace -ComputerName srv01 --user alice -MaxTriggerCount 3",
        run: events::cim,
    },
    Cmdlet {
        name: "New-CimSession",
        alias: "ncms",
        about: "Tests that a computer can be asked; every other cmdlet connects by itself",
        sets: &[(1, "CredentialParameterSet")],
        parameters: &[&[
            Parameter::new("ComputerName", Kind::Texts, COMPUTERS).alias(&["CN", "ServerName"]).option("--computer-name").at(0),
            Parameter::new("Credential", Kind::Text, CREDENTIAL).option("--user").at(1),
            Parameter::new(
                "Authentication",
                Kind::Choice(
                    "Microsoft.Management.Infrastructure.Options.PasswordAuthenticationMechanism",
                    &[("Default", 0, ""), ("Negotiate", 2, ""), ("NtlmDomain", 5, "")],
                ),
                "How to log on; Digest, Basic and CredSsp are of WS-Management",
            ),
            Parameter::new("CertificateThumbprint", WSMAN, ""),
            Parameter::new("Port", WSMAN, ""),
            Parameter::new("Name", Kind::Text, "What the session is called in the answer"),
            TIMEOUT,
            Parameter::new("SkipTestConnection", Kind::Switch, "Do not connect"),
            Parameter::new(
                "SessionOption",
                Kind::Table,
                "Of New-CimSessionOption: @{Protocol='Dcom'; Impersonation='Impersonate'; PacketIntegrity=$true; PacketPrivacy=$true; Culture='MS_409'}",
            ),
        ]],
        example: "rwmi New-CimSession -ComputerName srv01,srv02 -Credential 'CORP\\alice'",
        run: session::new,
    },
];

// The sets of the CIM cmdlets, each with -ComputerName and with -CimSession.
const CLASS: Sets = 1 | 2;
const QUERY: Sets = 4 | 8;
const INSTANCE: Sets = 16 | 32;
const OBJECTS: Sets = QUERY | INSTANCE;
const BY_COMPUTER: Sets = 1 | 4 | 16 | 64;
const BY_SESSION: Sets = 2 | 8 | 32 | 128;

const COMPUTERS: &str = "Computers, with commas between them; also web[01-20], 10.0.0.0/24, @FILE; this one where it is left out";
const CREDENTIAL: &str = "The account; its password comes from --password-file, --password-stdin, $RWMI_PASSWORD or a prompt";
const WSMAN: Kind = Kind::No(true, "it is of WS-Management, and the connection is over DCOM");
const JOB: Kind = Kind::No(false, "a job is of a PowerShell session: let the shell run the command in the background");

const NAMESPACE: Parameter =
    Parameter::new("Namespace", Kind::Text, "The namespace, root\\cimv2 where it is left out").option("--namespace");
const TIMEOUT: Parameter = Parameter::new(
    "OperationTimeoutSec",
    Kind::Number("System.UInt32", 0, 86_400),
    "The time for each computer, in seconds; 0 is as without it",
)
.alias(&["OT"])
.option("--timeout");
const INPUT: Parameter =
    Parameter::new("InputObject", Kind::Object, "The path of the instance: Win32_Service.Name=\"ssh\"; it may name computer and namespace")
        .alias(&["CimInstance"]);

static CIM_CONNECT: &[Parameter] = &[
    Parameter::new("ComputerName", Kind::Texts, COMPUTERS).alias(&["CN", "ServerName"]).of(BY_COMPUTER).option("--computer-name"),
    Parameter::new("CimSession", Kind::Texts, "Computers, as -ComputerName: a session lives no longer than the command")
        .must(BY_SESSION)
        .option("--computer-name"),
    TIMEOUT,
    Parameter::new("ResourceUri", WSMAN, ""),
];

/// An instance or a query.
static CIM_OBJECT: &[Parameter] = &[
    INPUT.must(INSTANCE).at(0),
    Parameter::new("Query", Kind::Text, "A query for the instances").must(QUERY).at(0),
    Parameter::new("QueryDialect", Kind::Text, "WQL, or what else the server knows").of(QUERY),
];

static CIM_OBJECTS: &[(Sets, &str)] =
    &[(16, "CimInstanceComputerSet"), (32, "CimInstanceSessionSet"), (4, "QueryComputerSet"), (8, "QuerySessionSet")];

static WMI_TARGETS: &[(Sets, &str)] = &[(1, "class"), (2, "path"), (4, "object")];

/// A class or an instance.
static TARGET: &[Parameter] = &[
    Parameter::new("Class", Kind::Name, "The class").must(1).at(0),
    Parameter::new("Path", Kind::Object, "The path of a class or an instance; it may name computer and namespace").must(2),
    Parameter::new("InputObject", Kind::Object, "The path of an instance, as -Path").must(4),
];

/// Connecting, of the WMI cmdlets, for the sets in which it makes sense.
const fn wmi_connect(sets: Sets) -> [Parameter; 10] {
    [
        Parameter::new("ComputerName", Kind::Texts, COMPUTERS).alias(&["Cn"]).of(sets).option("--computer-name"),
        Parameter::new("Namespace", Kind::Text, "The namespace, root\\cimv2 where it is left out")
            .alias(&["NS"])
            .of(sets)
            .option("--namespace"),
        Parameter::new("Credential", Kind::Text, CREDENTIAL).of(sets).option("--user"),
        Parameter::new("Authentication", AUTHENTICATION, "How calls are protected").of(sets).option("--authentication"),
        Parameter::new("Impersonation", IMPERSONATION, "What the server may do in the account's name").of(sets).option("--impersonation"),
        Parameter::new("Authority", Kind::Text, "kerberos:PRINCIPAL or ntlmdomain:DOMAIN").of(sets).option("--authority"),
        Parameter::new("Locale", Kind::Text, "The language of texts, MS_409").of(sets).option("--locale"),
        Parameter::new("EnableAllPrivileges", Kind::Switch, "Over the network all privileges are enabled already").of(sets),
        Parameter::new("ThrottleLimit", Kind::Number("System.Int32", 1, 4096), "Computers asked at the same time, 32").option("--throttle"),
        Parameter::new("AsJob", JOB, ""),
    ]
}

static WMI_CONNECT: &[Parameter] = &wmi_connect(7);
static WMI_CONNECT_TARGET: &[Parameter] = &wmi_connect(1 | 2);

static WMI_EVENT_CONNECT: &[Parameter] = &[
    Parameter::new("ComputerName", Kind::Texts, COMPUTERS).alias(&["Cn"]).option("--computer-name"),
    Parameter::new("Namespace", Kind::Text, "The namespace, root\\cimv2 where it is left out").alias(&["NS"]).option("--namespace"),
    Parameter::new("Credential", Kind::Text, CREDENTIAL).option("--user"),
];

/// Subscriptions; most of it is of the event queue of a PowerShell session.
static EVENTS: &[Parameter] = &[
    Parameter::new("SourceIdentifier", Kind::Text, "A name in a PowerShell session; taken, and without meaning here").at(1),
    Parameter::new("Action", Kind::No(true, "it is a script block: read the events from standard output, a JSON object a line"), "")
        .at(101),
    Parameter::new("MessageData", Kind::Text, "Taken, and without meaning here"),
    Parameter::new("SupportEvent", Kind::Switch, "Taken, and without meaning here"),
    Parameter::new("Forward", Kind::Switch, "Taken, and without meaning here"),
    Parameter::new(
        "MaxTriggerCount",
        Kind::Number("System.Int32", i32::MIN as i64, i32::MAX as i64),
        "Stop after so many events; 0 and less is no limit",
    ),
];

static SHOULD: &[Parameter] = &[
    Parameter::new("WhatIf", Kind::Switch, "Say what would be done, and do not do it").alias(&["wi"]),
    Parameter::new("Confirm", Kind::Switch, "Ask before it is done").alias(&["cf"]),
];

const AUTHENTICATION: Kind = Kind::Choice(
    "System.Management.AuthenticationLevel",
    &[
        ("Default", 0, "default"),
        ("None", 1, ""),
        ("Connect", 2, "connect"),
        ("Call", 3, "call"),
        ("Packet", 4, "pkt"),
        ("PacketIntegrity", 5, "integrity"),
        ("PacketPrivacy", 6, "privacy"),
        ("Unchanged", -1, "default"),
    ],
);

const IMPERSONATION: Kind = Kind::Choice(
    "System.Management.ImpersonationLevel",
    &[
        ("Default", 0, "impersonate"),
        // The scripting layer of Windows raises it too.
        ("Anonymous", 1, "identify"),
        ("Identify", 2, "identify"),
        ("Impersonate", 3, "impersonate"),
        ("Delegate", 4, "delegate"),
    ],
);

const PUT_TYPE: Kind = Kind::Choice(
    "System.Management.PutType",
    &[("None", 0, "either"), ("UpdateOnly", 1, "update"), ("CreateOnly", 2, "create"), ("UpdateOrCreate", 3, "either")],
);
