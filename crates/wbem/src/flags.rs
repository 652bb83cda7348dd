//! Flags of the calls, which calls take which, and the limits of their texts ([MS-WMI] 2.2.1 to 2.2.6, 3.1.4.3).

use crate::Bstr;
use rwmi_cim::WbemStatus;

macro_rules! flags { ($($name:ident = $value:literal, $text:literal;)*) => {
    $( #[doc = concat!("`WBEM_FLAG_", stringify!($name), "`: ", $text, ".")] pub const $name: i32 = $value; )*
} }
flags! {
    UPDATE_ONLY = 0x1, "the object must exist";
    CREATE_ONLY = 0x2, "the object must not exist";
    SHALLOW = 0x1, "one level of classes, or instances of the very class";
    PROTOTYPE = 0x2, "the class that the result would have, and no data";
    RETURN_IMMEDIATELY = 0x10, "semisynchronous";
    FORWARD_ONLY = 0x20, "the enumerator cannot go back";
    UPDATE_SAFE_MODE = 0x20, "a class is changed unless a derived class conflicts";
    UPDATE_FORCE_MODE = 0x40, "a class is changed even if a derived class conflicts";
    CONNECT_REPOSITORY_ONLY = 0x40, "a login that asks no provider";
    SEND_STATUS = 0x80, "progress is wanted";
    ENSURE_LOCATABLE = 0x100, "objects carry what a path takes";
    CONNECT_PROVIDERS = 0x100, "a login that loads providers";
    DIRECT_READ = 0x200, "the class alone, without derived ones";
    USE_AMENDED_QUALIFIERS = 0x20000, "with localised qualifiers";
    STRONG_VALIDATION = 0x100000, "ignored";
}

/// Flags that a method of IWbemServices takes, by opnum.
const LEGAL: [(u16, i32); 23] = {
    const A: i32 = USE_AMENDED_QUALIFIERS;
    const I: i32 = RETURN_IMMEDIATELY;
    const S: i32 = SEND_STATUS;
    const PUT: i32 = UPDATE_ONLY | CREATE_ONLY | STRONG_VALIDATION;
    const CLASS: i32 = PUT | UPDATE_SAFE_MODE | UPDATE_FORCE_MODE;
    const QUERY: i32 = A | FORWARD_ONLY | DIRECT_READ | PROTOTYPE | ENSURE_LOCATABLE;
    [
        (3, I),
        (4, 0),
        (5, 0),
        (6, A | I | DIRECT_READ),
        (7, A | S | DIRECT_READ),
        (8, A | I | CLASS),
        (9, A | S | CLASS),
        (10, I),
        (11, S),
        (12, A | I | SHALLOW | FORWARD_ONLY),
        (13, A | S | SHALLOW | FORWARD_ONLY),
        (14, A | I | PUT),
        (15, A | S | PUT),
        (16, I),
        (17, S),
        (18, A | I | DIRECT_READ | SHALLOW | FORWARD_ONLY),
        (19, A | S | DIRECT_READ | SHALLOW | FORWARD_ONLY),
        (20, I | QUERY),
        (21, S | QUERY),
        (22, A | I | FORWARD_ONLY),
        (23, A | S),
        (24, I),
        (25, S),
    ]
};

/// Checks the flags of a call of IWbemServices: a bit that is not listed for it, a missing one that it must have, or two
/// that exclude each other are `WBEM_E_INVALID_PARAMETER`.
pub fn check_flags(opnum: u16, flags: i32) -> Result<(), WbemStatus> {
    let legal = LEGAL.iter().find(|(op, _)| *op == opnum).is_some_and(|(_, legal)| flags & !legal == 0);
    let both = |a: i32, b: i32| flags & a != 0 && flags & b != 0;
    let excluded = match opnum {
        8 | 9 => both(UPDATE_ONLY, CREATE_ONLY) || both(UPDATE_SAFE_MODE, UPDATE_FORCE_MODE),
        14 | 15 => both(UPDATE_ONLY, CREATE_ONLY),
        // Events come to an enumerator that returns at once and never goes back, or not at all.
        22 => !both(RETURN_IMMEDIATELY, FORWARD_ONLY),
        _ => false,
    };
    if legal && !excluded { Ok(()) } else { Err(WbemStatus::INVALID_PARAMETER) }
}

/// Checks the flags of IWbemLevel1Login::NTLMLogin.
pub fn check_login_flags(flags: i32) -> Result<(), WbemStatus> {
    if flags & !(CONNECT_REPOSITORY_ONLY | CONNECT_PROVIDERS) == 0 { Ok(()) } else { Err(WbemStatus::INVALID_PARAMETER) }
}

/// Longest class name, in UTF-16 units.
pub const IDENTIFIER_LEN_MAX: usize = 4096;
/// Longest object path, in UTF-16 units.
pub const PATH_LEN_MAX: usize = 8192;
/// Longest query, in UTF-16 units.
pub const QUERY_LEN_MAX: usize = 16384;
/// Longest network resource of a login, in UTF-16 units.
pub const RESOURCE_LEN_MAX: usize = 8173;

/// Checks the length of an argument: a longer one is `WBEM_E_QUOTA_VIOLATION`.
pub fn check_len(text: &Bstr, max: usize) -> Result<(), WbemStatus> {
    if text.len() <= max { Ok(()) } else { Err(WbemStatus::QUOTA_VIOLATION) }
}

/// As [`check_len`], of a plain string.
pub fn check_text_len(text: &str, max: usize) -> Result<(), WbemStatus> {
    if text.encode_utf16().take(max + 1).count() <= max { Ok(()) } else { Err(WbemStatus::QUOTA_VIOLATION) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_is_not_listed_is_an_invalid_parameter() {
        fn check(opnum: u16, legal: &[i32], illegal: &[i32]) {
            legal.iter().for_each(|f| assert_eq!(check_flags(opnum, *f), Ok(()), "{opnum} {f:#x}"));
            illegal.iter().for_each(|f| assert_eq!(check_flags(opnum, *f), Err(WbemStatus::INVALID_PARAMETER), "{opnum} {f:#x}"));
        }
        check(3, &[0, 0x10], &[0x20, 1]);
        check(4, &[0], &[0x10]);
        check(5, &[0], &[0x10]);
        check(6, &[0, 0x20000, 0x10, 0x200, 0x20210], &[0x20, 0x80, 0x40000000, i32::MIN]);
        check(7, &[0x80], &[0x10]);
        check(8, &[0x10, 1, 2, 0x20, 0x40, 0x20010], &[3, 0x60, 0x80]);
        check(9, &[0x80, 0x21], &[0x10]);
        check(10, &[0x10], &[0x20, 0x20000]);
        check(11, &[0x80], &[0x10]);
        check(12, &[0, 1, 0x31, 0x20010], &[2, 0x200]);
        check(13, &[0x80], &[0x10]);
        check(14, &[1, 2, 0x10, 0x20000], &[3, 0x20, 0x40]);
        check(15, &[0x80], &[0x10]);
        check(16, &[0x10], &[1]);
        check(17, &[0x80], &[0x10]);
        check(18, &[0x30, 0x200, 1], &[2, 0x100]);
        check(19, &[0x80], &[0x10]);
        check(20, &[0, 0x10, 0x30, 0x130, 2, 0x20230], &[1, 0x40, 0x80, 0x400]);
        check(21, &[0x80], &[0x10]);
        check(22, &[0x30, 0x20030], &[0, 0x10, 0x20, 0x230]);
        check(23, &[0, 0x80, 0x20000], &[0x10]);
        check(24, &[0, 0x10], &[0x20]);
        check(25, &[0x80], &[0x10]);
        check(2, &[], &[0]);
    }

    #[test]
    fn a_text_over_its_limit_is_a_quota_violation() {
        let text = |n| Bstr::Units(vec![0x61; n]);
        assert_eq!(check_len(&text(QUERY_LEN_MAX), QUERY_LEN_MAX), Ok(()));
        assert_eq!(check_len(&text(QUERY_LEN_MAX + 1), QUERY_LEN_MAX), Err(WbemStatus::QUOTA_VIOLATION));
        // A counted zero is not text.
        assert_eq!(check_len(&Bstr::Units(vec![0x61, 0x61, 0]), 2), Ok(()));
        assert_eq!(check_text_len("aaa", 2), Err(WbemStatus::QUOTA_VIOLATION));
    }

    #[test]
    fn a_login_takes_two_flags() {
        assert_eq!(check_login_flags(0x140), Ok(()));
        assert_eq!(check_login_flags(0x10), Err(WbemStatus::INVALID_PARAMETER));
    }
}
