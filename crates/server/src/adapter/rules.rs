//! What the arguments of a login may be ([MS-WMI] 3.1.4.1.4, 3.1.4.3.1): namespaces and locales.

use rwmi_cim::WbemStatus;
use rwmi_ndr::HResult;
use rwmi_wbem::flags::{RESOURCE_LEN_MAX, check_text_len};

/// The namespace of a login in the caller's case: `\\host\root\cimv2`, `//./root/cimv2`, `root\cimv2` or NULL. The host is not
/// looked at.
pub(super) fn login_namespace(resource: Option<&str>) -> Result<String, WbemStatus> {
    let Some(resource) = resource else { return Ok(r"root\cimv2".into()) };
    check_text_len(resource, RESOURCE_LEN_MAX)?;
    let is_slash = |c: char| matches!(c, '\\' | '/');
    let namespace = match resource.strip_prefix(is_slash).map(|r| r.strip_prefix(is_slash)) {
        None => resource,
        // One slash alone begins no form of a namespace.
        Some(None) => return Err(WbemStatus::INVALID_PARAMETER),
        Some(Some(rest)) => match rest.split_once(is_slash) {
            Some((host, namespace)) if !host.is_empty() => namespace,
            _ => return Err(WbemStatus::INVALID_PARAMETER),
        },
    };
    relative_namespace(namespace)
}

/// A namespace below another, as OpenNamespace names it.
pub(super) fn relative_namespace(namespace: &str) -> Result<String, WbemStatus> {
    let parts: Vec<&str> = namespace.split(['\\', '/']).collect();
    let is_name = |p: &&str| {
        let mut chars = p.chars();
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    if parts.iter().all(is_name) { Ok(parts.join(r"\")) } else { Err(WbemStatus::INVALID_PARAMETER) }
}

/// The first locale of a list that we can read; a malformed `MS_` form is E_INVALIDARG, an unknown name is passed over.
pub(super) fn locale(list: Option<&str>) -> Result<Option<String>, HResult> {
    let Some(list) = list else { return Ok(None) };
    let mut first = None;
    for name in list.split(',').map(str::trim) {
        let prefix = name.get(..3).filter(|p| p.eq_ignore_ascii_case("MS_"));
        if prefix.is_none() {
            continue;
        }
        let lcid = name.get(3..).unwrap_or_default();
        if lcid.is_empty() || lcid.len() > 8 || !lcid.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(HResult::E_INVALIDARG);
        }
        first.get_or_insert_with(|| name.to_owned());
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_namespace_is_understood() {
        let check = |text: Option<&str>, expect: Result<&str, WbemStatus>| {
            assert_eq!(login_namespace(text), expect.map(str::to_owned), "{text:?}");
        };
        check(None, Ok(r"root\cimv2"));
        check(Some("//./root/cimv2"), Ok(r"root\cimv2"));
        check(Some(r"\\host\ROOT\CIMV2"), Ok(r"ROOT\CIMV2"));
        check(Some(r"\\fe80::1\root"), Ok("root"));
        check(Some("root/a-b"), Ok(r"root\a-b"));
        let bad = Err(WbemStatus::INVALID_PARAMETER);
        for text in ["", r"\\host", r"\\\root", r"\root", "root\\", "root\\\\x", "root:Class", r"\\.\root\cimv2:Win32_Process", "root\\1x"]
        {
            check(Some(text), bad);
        }
        check(Some(&"a".repeat(8174)), Err(WbemStatus::QUOTA_VIOLATION));
        check(Some(&"a".repeat(8173)), Ok(&"a".repeat(8173)));
    }

    #[test]
    fn a_malformed_locale_is_refused_and_an_unknown_one_passed_over() {
        let check = |list: Option<&str>, expect: Result<Option<&str>, HResult>| {
            assert_eq!(locale(list), expect.map(|l| l.map(str::to_owned)), "{list:?}");
        };
        check(None, Ok(None));
        check(Some("en-US,en"), Ok(None));
        check(Some("en-US, ms_409,MS_407"), Ok(Some("ms_409")));
        check(Some("MS_"), Err(HResult::E_INVALIDARG));
        check(Some("MS_xyz"), Err(HResult::E_INVALIDARG));
        check(Some("MS_123456789"), Err(HResult::E_INVALIDARG));
    }
}
