//! What may be kept: filters, consumers and bindings as they are put.

use super::access;
use crate::broker::{Failure, events};
use crate::store::Tree;
use rwmi_cim::{Class, Instance, ObjectPath, RequestContext, Value, WbemStatus, names_equal};
use std::borrow::Cow;

/// The security identifier of administrators, in octets: who keeps a subscription is one of them, and which one does not count.
const ADMINISTRATORS: [u8; 16] = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];

/// Longest query, as for a query that is asked ([MS-WMI] 3.1.4.3).
const QUERY_MAX: usize = 16_384;

/// What an instance is of a permanent subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Filter,
    Consumer,
    Binding,
}

impl Part {
    pub(super) fn of(class: &Class) -> Option<Part> {
        let parts = [("__EventFilter", Part::Filter), ("__EventConsumer", Part::Consumer), ("__FilterToConsumerBinding", Part::Binding)];
        parts.into_iter().find(|(name, _)| class.is_a(name)).map(|(_, part)| part)
    }
}

/// The instance with the identifier of who puts it, where it is a part of a permanent subscription.
///
/// # Errors
/// `ACCESS_DENIED` for who is no administrator.
pub(crate) fn signed<'i>(tree: &Tree, cx: &RequestContext, namespace: &str, instance: &'i Instance) -> Result<Cow<'i, Instance>, Failure> {
    let class = tree.namespace(namespace).and_then(|n| n.class(&instance.class.name, true));
    if class.and_then(|c| Part::of(c)).is_none() {
        return Ok(Cow::Borrowed(instance));
    }
    if !cx.elevated {
        return Err(Failure::new(WbemStatus::ACCESS_DENIED, "only administrators keep permanent subscriptions"));
    }
    let mut signed = instance.clone();
    // An instance that lacks the property gets it when it is stored.
    let _ = signed.set("CreatorSID", Value::Array(ADMINISTRATORS.map(Value::Uint8).to_vec()));
    Ok(Cow::Owned(signed))
}

/// Checks a part of a permanent subscription as it would be stored; the tree has it already.
///
/// # Errors
/// Of a filter: `INVALID_QUERY_TYPE` for another language than WQL, `INVALID_NAMESPACE` for its EventNamespace, `INVALID_PARAMETER` for
/// an EventAccess that is no descriptor, and those of its query in that namespace (`UNPARSABLE_QUERY`, `NOT_EVENT_CLASS` and the others, but
/// not `INVALID_CLASS`: a filter can wait for its class). Of a binding: `INVALID_PARAMETER` for what is no path of a filter, of a consumer, or no quality of service, and
/// `QUOTA_VIOLATION` for one too many.
pub(crate) fn check(tree: &Tree, namespace: &str, stored: &Instance) -> Result<(), Failure> {
    match Part::of(&stored.class) {
        Some(Part::Filter) => filter(tree, namespace, stored),
        Some(Part::Binding) => binding(tree, namespace, stored),
        Some(Part::Consumer) | None => Ok(()),
    }
}

fn filter(tree: &Tree, namespace: &str, filter: &Instance) -> Result<(), Failure> {
    let text = |name: &str| filter.get(name).and_then(Value::as_str);
    match text("QueryLanguage") {
        Some(language) if names_equal(language, "WQL") => {}
        Some(other) => return Err(Failure::new(WbemStatus::INVALID_QUERY_TYPE, format!("{other:?} is no language of queries: WQL is"))),
        None => return Err(Failure::new(WbemStatus::INVALID_QUERY_TYPE, "QueryLanguage is NULL: it has to be WQL")),
    }
    if let Some(sddl) = text("EventAccess").filter(|a| !a.is_empty())
        && access::may_publish(sddl).is_none()
    {
        return Err(Failure::new(WbemStatus::INVALID_PARAMETER, format!("EventAccess {sddl:?} is no security descriptor")));
    }
    let query = text("Query").ok_or_else(|| Failure::new(WbemStatus::UNPARSABLE_QUERY, "Query is NULL"))?;
    if query.chars().count() > QUERY_MAX {
        return Err(Failure::new(WbemStatus::QUOTA_VIOLATION, format!("the query has more than {QUERY_MAX} characters")));
    }
    let place = event_namespace(filter).unwrap_or_else(|| namespace.to_owned());
    let missing = || Failure::new(WbemStatus::INVALID_NAMESPACE, format!("there is no namespace {place:?}"));
    match events::check_query(tree.namespace(&place).ok_or_else(missing)?, query) {
        // Files put filters before the provider that brings the class is there: the filter waits for it, and the log says so.
        Err(failure) if failure.status == WbemStatus::INVALID_CLASS => {
            tracing::warn!(query, %failure, "a filter asks for a class that is not there yet");
            Ok(())
        }
        checked => checked,
    }
}

/// The namespace whose events a filter asks for, where it is another than its own.
pub(super) fn event_namespace(filter: &Instance) -> Option<String> {
    let text = filter.get("EventNamespace").and_then(Value::as_str)?.trim().replace('/', r"\");
    // `\\.\root\cimv2` is this computer's.
    let local = text.strip_prefix(r"\\.\").unwrap_or(&text).trim_matches('\\');
    (!local.is_empty()).then(|| local.to_owned())
}

fn binding(tree: &Tree, namespace: &str, binding: &Instance) -> Result<(), Failure> {
    let wrong = |why: String| Failure::new(WbemStatus::INVALID_PARAMETER, why);
    for (role, class) in [("Filter", "__EventFilter"), ("Consumer", "__EventConsumer")] {
        let reference = binding.get(role).and_then(Value::as_str).unwrap_or_default();
        let path: ObjectPath = reference.parse().map_err(|_| wrong(format!("{role} {reference:?} is no path of an object")))?;
        let home = tree.namespace(path.namespace.as_deref().unwrap_or(namespace));
        let Some(home) = home else { return Err(Failure::new(WbemStatus::INVALID_NAMESPACE, format!("{role} {reference:?} is nowhere"))) };
        match home.class(&path.class, true) {
            Some(found) if found.is_a(class) => {}
            Some(_) => return Err(wrong(format!("{role} {reference:?} is no {class}"))),
            None => return Err(Failure::new(WbemStatus::INVALID_CLASS, format!("there is no class {:?} for {role}", path.class))),
        }
    }
    let count: usize = tree.namespaces().map(|n| super::bindings_of(n).count()).sum();
    let (max, limit) = events::permanent_max(tree);
    if count > max {
        let words = format!("there would be more than {max} permanent subscriptions: __ArbitratorConfiguration.{limit}");
        return Err(Failure::new(WbemStatus::QUOTA_VIOLATION, words));
    }
    match binding.get("DeliveryQoS").and_then(Value::as_integer) {
        None | Some(0 | 1) => Ok(()),
        Some(other) => Err(wrong(format!("DeliveryQoS {other} is none: 0 is synchronous, 1 express"))),
    }
}
