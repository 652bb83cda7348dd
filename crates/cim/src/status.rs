//! WBEMSTATUS ([MS-WMI] 2.2.11).

use std::fmt;

/// A status of the WBEM operations: an HRESULT with names of its own.
///
/// Codes from 0x80040000 are failures; those below are successes with a meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WbemStatus(pub u32);

macro_rules! statuses { ($( $(#[$m:meta])* $name:ident = $code:literal, $wire:literal, $text:literal; )*) => {
    impl WbemStatus {
        $( $(#[$m])* #[doc = concat!("`", $wire, "`: ", $text, ".")] pub const $name: WbemStatus = WbemStatus($code); )*

        /// Every status that has a name here, with that name and its meaning.
        pub const ALL: &[(WbemStatus, &'static str, &'static str)] = &[ $( (WbemStatus($code), $wire, $text) ),* ];
    }
} }

statuses! {
    NO_ERROR = 0x0, "WBEM_S_NO_ERROR", "the call succeeded";
    FALSE = 0x1, "WBEM_S_FALSE", "there is no more data";
    S_ALREADY_EXISTS = 0x40001, "WBEM_S_ALREADY_EXISTS", "already exists";
    S_RESET_TO_DEFAULT = 0x40002, "WBEM_S_RESET_TO_DEFAULT", "reset to default";
    S_DIFFERENT = 0x40003, "WBEM_S_DIFFERENT", "different";
    TIMEDOUT = 0x40004, "WBEM_S_TIMEDOUT", "the time ran out; there may be more";
    S_NO_MORE_DATA = 0x40005, "WBEM_S_NO_MORE_DATA", "no more data";
    S_OPERATION_CANCELLED = 0x40006, "WBEM_S_OPERATION_CANCELLED", "operation cancelled";
    PENDING = 0x40007, "WBEM_S_PENDING", "pending";
    S_DUPLICATE_OBJECTS = 0x40008, "WBEM_S_DUPLICATE_OBJECTS", "duplicate objects";
    S_ACCESS_DENIED = 0x40009, "WBEM_S_ACCESS_DENIED", "some objects were withheld";
    PARTIAL_RESULTS = 0x40010, "WBEM_S_PARTIAL_RESULTS", "partial results";
    S_SOURCE_NOT_AVAILABLE = 0x40017, "WBEM_S_SOURCE_NOT_AVAILABLE", "source not available";
    NEW_STYLE = 0x400ff, "WBEM_S_NEW_STYLE", "the sink takes optimised batches";
    S_LIMITED_SERVICE = 0x43001, "WBEM_S_LIMITED_SERVICE", "limited service";
    S_INDIRECTLY_UPDATED = 0x43002, "WBEM_S_INDIRECTLY_UPDATED", "indirectly updated";
    S_SUBJECT_TO_SDS = 0x43003, "WBEM_S_SUBJECT_TO_SDS", "subject to sds";
    FAILED = 0x80041001, "WBEM_E_FAILED", "failed";
    NOT_FOUND = 0x80041002, "WBEM_E_NOT_FOUND", "there is no such object";
    ACCESS_DENIED = 0x80041003, "WBEM_E_ACCESS_DENIED", "the account lacks a right on the namespace or object";
    PROVIDER_FAILURE = 0x80041004, "WBEM_E_PROVIDER_FAILURE", "provider failure";
    TYPE_MISMATCH = 0x80041005, "WBEM_E_TYPE_MISMATCH", "type mismatch";
    OUT_OF_MEMORY = 0x80041006, "WBEM_E_OUT_OF_MEMORY", "out of memory";
    INVALID_CONTEXT = 0x80041007, "WBEM_E_INVALID_CONTEXT", "invalid context";
    INVALID_PARAMETER = 0x80041008, "WBEM_E_INVALID_PARAMETER", "a parameter or a flag is not valid for this call";
    NOT_AVAILABLE = 0x80041009, "WBEM_E_NOT_AVAILABLE", "not available";
    CRITICAL_ERROR = 0x8004100A, "WBEM_E_CRITICAL_ERROR", "critical error";
    INVALID_STREAM = 0x8004100B, "WBEM_E_INVALID_STREAM", "invalid stream";
    NOT_SUPPORTED = 0x8004100C, "WBEM_E_NOT_SUPPORTED", "not supported";
    INVALID_SUPERCLASS = 0x8004100D, "WBEM_E_INVALID_SUPERCLASS", "invalid superclass";
    INVALID_NAMESPACE = 0x8004100E, "WBEM_E_INVALID_NAMESPACE", "there is no such namespace";
    INVALID_OBJECT = 0x8004100F, "WBEM_E_INVALID_OBJECT", "invalid object";
    INVALID_CLASS = 0x80041010, "WBEM_E_INVALID_CLASS", "there is no such class in the namespace";
    PROVIDER_NOT_FOUND = 0x80041011, "WBEM_E_PROVIDER_NOT_FOUND", "provider not found";
    INVALID_PROVIDER_REGISTRATION = 0x80041012, "WBEM_E_INVALID_PROVIDER_REGISTRATION", "invalid provider registration";
    PROVIDER_LOAD_FAILURE = 0x80041013, "WBEM_E_PROVIDER_LOAD_FAILURE", "provider load failure";
    INITIALIZATION_FAILURE = 0x80041014, "WBEM_E_INITIALIZATION_FAILURE", "initialization failure";
    TRANSPORT_FAILURE = 0x80041015, "WBEM_E_TRANSPORT_FAILURE", "transport failure";
    INVALID_OPERATION = 0x80041016, "WBEM_E_INVALID_OPERATION", "invalid operation";
    INVALID_QUERY = 0x80041017, "WBEM_E_INVALID_QUERY", "the query is not valid WQL or names what the class does not have";
    INVALID_QUERY_TYPE = 0x80041018, "WBEM_E_INVALID_QUERY_TYPE", "the query language is not WQL";
    ALREADY_EXISTS = 0x80041019, "WBEM_E_ALREADY_EXISTS", "already exists";
    OVERRIDE_NOT_ALLOWED = 0x8004101A, "WBEM_E_OVERRIDE_NOT_ALLOWED", "override not allowed";
    PROPAGATED_QUALIFIER = 0x8004101B, "WBEM_E_PROPAGATED_QUALIFIER", "propagated qualifier";
    PROPAGATED_PROPERTY = 0x8004101C, "WBEM_E_PROPAGATED_PROPERTY", "propagated property";
    UNEXPECTED = 0x8004101D, "WBEM_E_UNEXPECTED", "unexpected";
    ILLEGAL_OPERATION = 0x8004101E, "WBEM_E_ILLEGAL_OPERATION", "illegal operation";
    CANNOT_BE_KEY = 0x8004101F, "WBEM_E_CANNOT_BE_KEY", "cannot be key";
    INCOMPLETE_CLASS = 0x80041020, "WBEM_E_INCOMPLETE_CLASS", "incomplete class";
    INVALID_SYNTAX = 0x80041021, "WBEM_E_INVALID_SYNTAX", "invalid syntax";
    NONDECORATED_OBJECT = 0x80041022, "WBEM_E_NONDECORATED_OBJECT", "nondecorated object";
    READ_ONLY = 0x80041023, "WBEM_E_READ_ONLY", "read only";
    PROVIDER_NOT_CAPABLE = 0x80041024, "WBEM_E_PROVIDER_NOT_CAPABLE", "the provider of the class does not offer this operation";
    CLASS_HAS_CHILDREN = 0x80041025, "WBEM_E_CLASS_HAS_CHILDREN", "class has children";
    CLASS_HAS_INSTANCES = 0x80041026, "WBEM_E_CLASS_HAS_INSTANCES", "class has instances";
    QUERY_NOT_IMPLEMENTED = 0x80041027, "WBEM_E_QUERY_NOT_IMPLEMENTED", "query not implemented";
    ILLEGAL_NULL = 0x80041028, "WBEM_E_ILLEGAL_NULL", "illegal null";
    INVALID_QUALIFIER_TYPE = 0x80041029, "WBEM_E_INVALID_QUALIFIER_TYPE", "invalid qualifier type";
    INVALID_PROPERTY_TYPE = 0x8004102A, "WBEM_E_INVALID_PROPERTY_TYPE", "invalid property type";
    VALUE_OUT_OF_RANGE = 0x8004102B, "WBEM_E_VALUE_OUT_OF_RANGE", "value out of range";
    CANNOT_BE_SINGLETON = 0x8004102C, "WBEM_E_CANNOT_BE_SINGLETON", "cannot be singleton";
    INVALID_CIM_TYPE = 0x8004102D, "WBEM_E_INVALID_CIM_TYPE", "invalid cim type";
    INVALID_METHOD = 0x8004102E, "WBEM_E_INVALID_METHOD", "invalid method";
    INVALID_METHOD_PARAMETERS = 0x8004102F, "WBEM_E_INVALID_METHOD_PARAMETERS", "invalid method parameters";
    SYSTEM_PROPERTY = 0x80041030, "WBEM_E_SYSTEM_PROPERTY", "system property";
    INVALID_PROPERTY = 0x80041031, "WBEM_E_INVALID_PROPERTY", "invalid property";
    CALL_CANCELLED = 0x80041032, "WBEM_E_CALL_CANCELLED", "call cancelled";
    SHUTTING_DOWN = 0x80041033, "WBEM_E_SHUTTING_DOWN", "shutting down";
    PROPAGATED_METHOD = 0x80041034, "WBEM_E_PROPAGATED_METHOD", "propagated method";
    UNSUPPORTED_PARAMETER = 0x80041035, "WBEM_E_UNSUPPORTED_PARAMETER", "unsupported parameter";
    MISSING_PARAMETER_ID = 0x80041036, "WBEM_E_MISSING_PARAMETER_ID", "missing parameter id";
    INVALID_PARAMETER_ID = 0x80041037, "WBEM_E_INVALID_PARAMETER_ID", "invalid parameter id";
    NONCONSECUTIVE_PARAMETER_IDS = 0x80041038, "WBEM_E_NONCONSECUTIVE_PARAMETER_IDS", "nonconsecutive parameter ids";
    PARAMETER_ID_ON_RETVAL = 0x80041039, "WBEM_E_PARAMETER_ID_ON_RETVAL", "parameter id on retval";
    INVALID_OBJECT_PATH = 0x8004103A, "WBEM_E_INVALID_OBJECT_PATH", "invalid object path";
    OUT_OF_DISK_SPACE = 0x8004103B, "WBEM_E_OUT_OF_DISK_SPACE", "out of disk space";
    BUFFER_TOO_SMALL = 0x8004103C, "WBEM_E_BUFFER_TOO_SMALL", "buffer too small";
    UNSUPPORTED_PUT_EXTENSION = 0x8004103D, "WBEM_E_UNSUPPORTED_PUT_EXTENSION", "unsupported put extension";
    UNKNOWN_OBJECT_TYPE = 0x8004103E, "WBEM_E_UNKNOWN_OBJECT_TYPE", "unknown object type";
    UNKNOWN_PACKET_TYPE = 0x8004103F, "WBEM_E_UNKNOWN_PACKET_TYPE", "unknown packet type";
    MARSHAL_VERSION_MISMATCH = 0x80041040, "WBEM_E_MARSHAL_VERSION_MISMATCH", "marshal version mismatch";
    MARSHAL_INVALID_SIGNATURE = 0x80041041, "WBEM_E_MARSHAL_INVALID_SIGNATURE", "marshal invalid signature";
    INVALID_QUALIFIER = 0x80041042, "WBEM_E_INVALID_QUALIFIER", "invalid qualifier";
    INVALID_DUPLICATE_PARAMETER = 0x80041043, "WBEM_E_INVALID_DUPLICATE_PARAMETER", "invalid duplicate parameter";
    TOO_MUCH_DATA = 0x80041044, "WBEM_E_TOO_MUCH_DATA", "too much data";
    SERVER_TOO_BUSY = 0x80041045, "WBEM_E_SERVER_TOO_BUSY", "server too busy";
    INVALID_FLAVOR = 0x80041046, "WBEM_E_INVALID_FLAVOR", "invalid flavor";
    CIRCULAR_REFERENCE = 0x80041047, "WBEM_E_CIRCULAR_REFERENCE", "circular reference";
    UNSUPPORTED_CLASS_UPDATE = 0x80041048, "WBEM_E_UNSUPPORTED_CLASS_UPDATE", "unsupported class update";
    CANNOT_CHANGE_KEY_INHERITANCE = 0x80041049, "WBEM_E_CANNOT_CHANGE_KEY_INHERITANCE", "cannot change key inheritance";
    CANNOT_CHANGE_INDEX_INHERITANCE = 0x80041050, "WBEM_E_CANNOT_CHANGE_INDEX_INHERITANCE", "cannot change index inheritance";
    TOO_MANY_PROPERTIES = 0x80041051, "WBEM_E_TOO_MANY_PROPERTIES", "too many properties";
    UPDATE_TYPE_MISMATCH = 0x80041052, "WBEM_E_UPDATE_TYPE_MISMATCH", "update type mismatch";
    UPDATE_OVERRIDE_NOT_ALLOWED = 0x80041053, "WBEM_E_UPDATE_OVERRIDE_NOT_ALLOWED", "update override not allowed";
    UPDATE_PROPAGATED_METHOD = 0x80041054, "WBEM_E_UPDATE_PROPAGATED_METHOD", "update propagated method";
    METHOD_NOT_IMPLEMENTED = 0x80041055, "WBEM_E_METHOD_NOT_IMPLEMENTED", "method not implemented";
    METHOD_DISABLED = 0x80041056, "WBEM_E_METHOD_DISABLED", "the method is switched off in the configuration";
    REFRESHER_BUSY = 0x80041057, "WBEM_E_REFRESHER_BUSY", "refresher busy";
    UNPARSABLE_QUERY = 0x80041058, "WBEM_E_UNPARSABLE_QUERY", "unparsable query";
    NOT_EVENT_CLASS = 0x80041059, "WBEM_E_NOT_EVENT_CLASS", "not event class";
    MISSING_GROUP_WITHIN = 0x8004105A, "WBEM_E_MISSING_GROUP_WITHIN", "missing group within";
    MISSING_AGGREGATION_LIST = 0x8004105B, "WBEM_E_MISSING_AGGREGATION_LIST", "missing aggregation list";
    PROPERTY_NOT_AN_OBJECT = 0x8004105C, "WBEM_E_PROPERTY_NOT_AN_OBJECT", "property not an object";
    AGGREGATING_BY_OBJECT = 0x8004105D, "WBEM_E_AGGREGATING_BY_OBJECT", "aggregating by object";
    UNINTERPRETABLE_PROVIDER_QUERY = 0x8004105F, "WBEM_E_UNINTERPRETABLE_PROVIDER_QUERY", "uninterpretable provider query";
    BACKUP_RESTORE_WINMGMT_RUNNING = 0x80041060, "WBEM_E_BACKUP_RESTORE_WINMGMT_RUNNING", "backup restore winmgmt running";
    QUEUE_OVERFLOW = 0x80041061, "WBEM_E_QUEUE_OVERFLOW", "queue overflow";
    PRIVILEGE_NOT_HELD = 0x80041062, "WBEM_E_PRIVILEGE_NOT_HELD", "privilege not held";
    INVALID_OPERATOR = 0x80041063, "WBEM_E_INVALID_OPERATOR", "invalid operator";
    LOCAL_CREDENTIALS = 0x80041064, "WBEM_E_LOCAL_CREDENTIALS", "credentials cannot be given for this computer";
    CANNOT_BE_ABSTRACT = 0x80041065, "WBEM_E_CANNOT_BE_ABSTRACT", "cannot be abstract";
    AMENDED_OBJECT = 0x80041066, "WBEM_E_AMENDED_OBJECT", "amended object";
    CLIENT_TOO_SLOW = 0x80041067, "WBEM_E_CLIENT_TOO_SLOW", "client too slow";
    NULL_SECURITY_DESCRIPTOR = 0x80041068, "WBEM_E_NULL_SECURITY_DESCRIPTOR", "null security descriptor";
    TIMED_OUT = 0x80041069, "WBEM_E_TIMED_OUT", "timed out";
    INVALID_ASSOCIATION = 0x8004106A, "WBEM_E_INVALID_ASSOCIATION", "invalid association";
    AMBIGUOUS_OPERATION = 0x8004106B, "WBEM_E_AMBIGUOUS_OPERATION", "ambiguous operation";
    QUOTA_VIOLATION = 0x8004106C, "WBEM_E_QUOTA_VIOLATION", "a limit of the service was reached";
    TRANSACTION_CONFLICT = 0x8004106D, "WBEM_E_TRANSACTION_CONFLICT", "transaction conflict";
    FORCED_ROLLBACK = 0x8004106E, "WBEM_E_FORCED_ROLLBACK", "forced rollback";
    UNSUPPORTED_LOCALE = 0x8004106F, "WBEM_E_UNSUPPORTED_LOCALE", "unsupported locale";
    HANDLE_OUT_OF_DATE = 0x80041070, "WBEM_E_HANDLE_OUT_OF_DATE", "handle out of date";
    CONNECTION_FAILED = 0x80041071, "WBEM_E_CONNECTION_FAILED", "connection failed";
    INVALID_HANDLE_REQUEST = 0x80041072, "WBEM_E_INVALID_HANDLE_REQUEST", "invalid handle request";
    PROPERTY_NAME_TOO_WIDE = 0x80041073, "WBEM_E_PROPERTY_NAME_TOO_WIDE", "property name too wide";
    CLASS_NAME_TOO_WIDE = 0x80041074, "WBEM_E_CLASS_NAME_TOO_WIDE", "class name too wide";
    METHOD_NAME_TOO_WIDE = 0x80041075, "WBEM_E_METHOD_NAME_TOO_WIDE", "method name too wide";
    QUALIFIER_NAME_TOO_WIDE = 0x80041076, "WBEM_E_QUALIFIER_NAME_TOO_WIDE", "qualifier name too wide";
    RERUN_COMMAND = 0x80041077, "WBEM_E_RERUN_COMMAND", "rerun command";
    DATABASE_VER_MISMATCH = 0x80041078, "WBEM_E_DATABASE_VER_MISMATCH", "database ver mismatch";
    VETO_DELETE = 0x80041079, "WBEM_E_VETO_DELETE", "veto delete";
    VETO_PUT = 0x8004107A, "WBEM_E_VETO_PUT", "veto put";
    INVALID_LOCALE = 0x80041080, "WBEM_E_INVALID_LOCALE", "invalid locale";
    PROVIDER_SUSPENDED = 0x80041081, "WBEM_E_PROVIDER_SUSPENDED", "provider suspended";
    SYNCHRONIZATION_REQUIRED = 0x80041082, "WBEM_E_SYNCHRONIZATION_REQUIRED", "synchronization required";
    NO_SCHEMA = 0x80041083, "WBEM_E_NO_SCHEMA", "no schema";
    PROVIDER_ALREADY_REGISTERED = 0x80041084, "WBEM_E_PROVIDER_ALREADY_REGISTERED", "provider already registered";
    PROVIDER_NOT_REGISTERED = 0x80041085, "WBEM_E_PROVIDER_NOT_REGISTERED", "provider not registered";
    FATAL_TRANSPORT_ERROR = 0x80041086, "WBEM_E_FATAL_TRANSPORT_ERROR", "fatal transport error";
    ENCRYPTED_CONNECTION_REQUIRED = 0x80041087, "WBEM_E_ENCRYPTED_CONNECTION_REQUIRED", "the namespace demands authentication level packet privacy";
    PROVIDER_TIMED_OUT = 0x80041088, "WBEM_E_PROVIDER_TIMED_OUT", "provider timed out";
    NO_KEY = 0x80041089, "WBEM_E_NO_KEY", "no key";
    PROVIDER_DISABLED = 0x8004108A, "WBEM_E_PROVIDER_DISABLED", "provider disabled";
    REGISTRATION_TOO_BROAD = 0x80042001, "WBEMESS_E_REGISTRATION_TOO_BROAD", "registration too broad";
    REGISTRATION_TOO_PRECISE = 0x80042002, "WBEMESS_E_REGISTRATION_TOO_PRECISE", "registration too precise";
    AUTHZ_NOT_PRIVILEGED = 0x80042003, "WBEMESS_E_AUTHZ_NOT_PRIVILEGED", "authz not privileged";
    RETRY_LATER = 0x80043001, "WBEM_E_RETRY_LATER", "retry later";
    RESOURCE_CONTENTION = 0x80043002, "WBEM_E_RESOURCE_CONTENTION", "resource contention";
    MOF_EXPECTED_QUALIFIER_NAME = 0x80044001, "WBEMMOF_E_EXPECTED_QUALIFIER_NAME", "expected qualifier name";
    MOF_EXPECTED_SEMI = 0x80044002, "WBEMMOF_E_EXPECTED_SEMI", "expected semi";
    MOF_EXPECTED_OPEN_BRACE = 0x80044003, "WBEMMOF_E_EXPECTED_OPEN_BRACE", "expected open brace";
    MOF_EXPECTED_CLOSE_BRACE = 0x80044004, "WBEMMOF_E_EXPECTED_CLOSE_BRACE", "expected close brace";
    MOF_EXPECTED_CLOSE_BRACKET = 0x80044005, "WBEMMOF_E_EXPECTED_CLOSE_BRACKET", "expected close bracket";
    MOF_EXPECTED_CLOSE_PAREN = 0x80044006, "WBEMMOF_E_EXPECTED_CLOSE_PAREN", "expected close paren";
    MOF_ILLEGAL_CONSTANT_VALUE = 0x80044007, "WBEMMOF_E_ILLEGAL_CONSTANT_VALUE", "illegal constant value";
    MOF_EXPECTED_TYPE_IDENTIFIER = 0x80044008, "WBEMMOF_E_EXPECTED_TYPE_IDENTIFIER", "expected type identifier";
    MOF_EXPECTED_OPEN_PAREN = 0x80044009, "WBEMMOF_E_EXPECTED_OPEN_PAREN", "expected open paren";
    MOF_UNRECOGNIZED_TOKEN = 0x8004400A, "WBEMMOF_E_UNRECOGNIZED_TOKEN", "unrecognized token";
    MOF_UNRECOGNIZED_TYPE = 0x8004400B, "WBEMMOF_E_UNRECOGNIZED_TYPE", "unrecognized type";
    MOF_EXPECTED_PROPERTY_NAME = 0x8004400C, "WBEMMOF_E_EXPECTED_PROPERTY_NAME", "expected property name";
    MOF_TYPEDEF_NOT_SUPPORTED = 0x8004400D, "WBEMMOF_E_TYPEDEF_NOT_SUPPORTED", "typedef not supported";
    MOF_UNEXPECTED_ALIAS = 0x8004400E, "WBEMMOF_E_UNEXPECTED_ALIAS", "unexpected alias";
    MOF_UNEXPECTED_ARRAY_INIT = 0x8004400F, "WBEMMOF_E_UNEXPECTED_ARRAY_INIT", "unexpected array init";
    MOF_INVALID_AMENDMENT_SYNTAX = 0x80044010, "WBEMMOF_E_INVALID_AMENDMENT_SYNTAX", "invalid amendment syntax";
    MOF_INVALID_DUPLICATE_AMENDMENT = 0x80044011, "WBEMMOF_E_INVALID_DUPLICATE_AMENDMENT", "invalid duplicate amendment";
    MOF_INVALID_PRAGMA = 0x80044012, "WBEMMOF_E_INVALID_PRAGMA", "invalid pragma";
    MOF_INVALID_NAMESPACE_SYNTAX = 0x80044013, "WBEMMOF_E_INVALID_NAMESPACE_SYNTAX", "invalid namespace syntax";
    MOF_EXPECTED_CLASS_NAME = 0x80044014, "WBEMMOF_E_EXPECTED_CLASS_NAME", "expected class name";
    MOF_TYPE_MISMATCH = 0x80044015, "WBEMMOF_E_TYPE_MISMATCH", "type mismatch";
    MOF_EXPECTED_ALIAS_NAME = 0x80044016, "WBEMMOF_E_EXPECTED_ALIAS_NAME", "expected alias name";
    MOF_INVALID_CLASS_DECLARATION = 0x80044017, "WBEMMOF_E_INVALID_CLASS_DECLARATION", "invalid class declaration";
    MOF_INVALID_INSTANCE_DECLARATION = 0x80044018, "WBEMMOF_E_INVALID_INSTANCE_DECLARATION", "invalid instance declaration";
    MOF_EXPECTED_DOLLAR = 0x80044019, "WBEMMOF_E_EXPECTED_DOLLAR", "expected dollar";
    MOF_CIMTYPE_QUALIFIER = 0x8004401A, "WBEMMOF_E_CIMTYPE_QUALIFIER", "cimtype qualifier";
    MOF_DUPLICATE_PROPERTY = 0x8004401B, "WBEMMOF_E_DUPLICATE_PROPERTY", "duplicate property";
    MOF_INVALID_NAMESPACE_SPECIFICATION = 0x8004401C, "WBEMMOF_E_INVALID_NAMESPACE_SPECIFICATION", "invalid namespace specification";
    MOF_OUT_OF_RANGE = 0x8004401D, "WBEMMOF_E_OUT_OF_RANGE", "out of range";
    MOF_INVALID_FILE = 0x8004401E, "WBEMMOF_E_INVALID_FILE", "invalid file";
    MOF_ALIASES_IN_EMBEDDED = 0x8004401F, "WBEMMOF_E_ALIASES_IN_EMBEDDED", "aliases in embedded";
    MOF_NULL_ARRAY_ELEM = 0x80044020, "WBEMMOF_E_NULL_ARRAY_ELEM", "null array elem";
    MOF_DUPLICATE_QUALIFIER = 0x80044021, "WBEMMOF_E_DUPLICATE_QUALIFIER", "duplicate qualifier";
    MOF_EXPECTED_FLAVOR_TYPE = 0x80044022, "WBEMMOF_E_EXPECTED_FLAVOR_TYPE", "expected flavor type";
    MOF_INCOMPATIBLE_FLAVOR_TYPES = 0x80044023, "WBEMMOF_E_INCOMPATIBLE_FLAVOR_TYPES", "incompatible flavor types";
    MOF_MULTIPLE_ALIASES = 0x80044024, "WBEMMOF_E_MULTIPLE_ALIASES", "multiple aliases";
    MOF_INCOMPATIBLE_FLAVOR_TYPES2 = 0x80044025, "WBEMMOF_E_INCOMPATIBLE_FLAVOR_TYPES2", "incompatible flavor types2";
    MOF_NO_ARRAYS_RETURNED = 0x80044026, "WBEMMOF_E_NO_ARRAYS_RETURNED", "no arrays returned";
    MOF_MUST_BE_IN_OR_OUT = 0x80044027, "WBEMMOF_E_MUST_BE_IN_OR_OUT", "must be in or out";
    MOF_INVALID_FLAGS_SYNTAX = 0x80044028, "WBEMMOF_E_INVALID_FLAGS_SYNTAX", "invalid flags syntax";
    MOF_EXPECTED_BRACE_OR_BAD_TYPE = 0x80044029, "WBEMMOF_E_EXPECTED_BRACE_OR_BAD_TYPE", "expected brace or bad type";
    MOF_UNSUPPORTED_CIMV22_QUAL_VALUE = 0x8004402A, "WBEMMOF_E_UNSUPPORTED_CIMV22_QUAL_VALUE", "unsupported cimv22 qual value";
    MOF_UNSUPPORTED_CIMV22_DATA_TYPE = 0x8004402B, "WBEMMOF_E_UNSUPPORTED_CIMV22_DATA_TYPE", "unsupported cimv22 data type";
    MOF_INVALID_DELETEINSTANCE_SYNTAX = 0x8004402C, "WBEMMOF_E_INVALID_DELETEINSTANCE_SYNTAX", "invalid deleteinstance syntax";
    MOF_INVALID_QUALIFIER_SYNTAX = 0x8004402D, "WBEMMOF_E_INVALID_QUALIFIER_SYNTAX", "invalid qualifier syntax";
    MOF_QUALIFIER_USED_OUTSIDE_SCOPE = 0x8004402E, "WBEMMOF_E_QUALIFIER_USED_OUTSIDE_SCOPE", "qualifier used outside scope";
    MOF_ERROR_CREATING_TEMP_FILE = 0x8004402F, "WBEMMOF_E_ERROR_CREATING_TEMP_FILE", "error creating temp file";
    MOF_ERROR_INVALID_INCLUDE_FILE = 0x80044030, "WBEMMOF_E_ERROR_INVALID_INCLUDE_FILE", "error invalid include file";
    MOF_INVALID_DELETECLASS_SYNTAX = 0x80044031, "WBEMMOF_E_INVALID_DELETECLASS_SYNTAX", "invalid deleteclass syntax";
}

impl WbemStatus {
    /// The name in the specification, if it has one.
    pub fn name(self) -> Option<&'static str> {
        Self::ALL.iter().find(|(s, ..)| *s == self).map(|(_, n, _)| *n)
    }

    /// What it means, in a few words.
    pub fn meaning(self) -> Option<&'static str> {
        Self::ALL.iter().find(|(s, ..)| *s == self).map(|(.., t)| *t)
    }

    /// Whether the severity bit is set.
    pub const fn is_failure(self) -> bool {
        self.0 & 0x8000_0000 != 0
    }
}

/// `WBEM_E_INVALID_QUERY (0x80041017)`.
impl fmt::Display for WbemStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({:#010x})", self.0),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for WbemStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for WbemStatus {}
