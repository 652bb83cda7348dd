//! Events as objects.

use crate::store::Namespace;
use rwmi_cim::wql::event::{Change, Realm};
use rwmi_cim::{Class, Decoration, Entity, Instance, Object, Value, schema};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Between 1601 and 1970, in units of 100 nanoseconds.
const EPOCH: u64 = 116_444_736_000_000_000;

/// Now, as `TIME_CREATED` says it: units of 100 nanoseconds since 1601, UTC.
pub(crate) fn filetime(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos() / 100).unwrap_or(u64::MAX).saturating_add(EPOCH)
}

/// Units of 100 nanoseconds since 1601, of microseconds since 1970.
pub(super) fn filetime_of_unix_micros(micros: i64) -> i64 {
    micros.saturating_mul(10).saturating_add(EPOCH as i64)
}

/// An event of a class that the namespace has; `None` where it has no such class.
pub(crate) fn event(namespace: &Namespace, class: &str, values: &[(&str, Value)]) -> Option<Object> {
    let class = namespace.class(class, false)?;
    let mut event = Instance::new(class.clone());
    // A namespace may have a class of this name that somebody wrote: what it lacks is left out.
    let _ = event.set("TIME_CREATED", filetime(SystemTime::now()));
    for (name, value) in values {
        let _ = event.set(name, value.clone());
    }
    Some(event.into())
}

/// An intrinsic event: something happened to what there was before, or is now.
pub(super) fn intrinsic(
    namespace: &Namespace,
    realm: Realm,
    change: Change,
    before: Option<Entity>,
    after: Option<Entity>,
) -> Option<Object> {
    let value = |entity: Option<Entity>| entity.map_or(Value::Null, |e| Value::Object(Box::new(e)));
    let target = format!("Target{}", realm.name());
    let previous = format!("Previous{}", realm.name());
    let values = match change {
        Change::Creation => vec![(target.as_str(), value(after))],
        Change::Deletion => vec![(target.as_str(), value(before))],
        Change::Modification => vec![(target.as_str(), value(after)), (previous.as_str(), value(before))],
    };
    event(namespace, &realm.event_class(change), &values)
}

/// What happened, from the two sides of it.
pub(super) fn change_of<T>(before: Option<&T>, after: Option<&T>) -> Option<Change> {
    match (before, after) {
        (None, Some(_)) => Some(Change::Creation),
        (Some(_), None) => Some(Change::Deletion),
        (Some(_), Some(_)) => Some(Change::Modification),
        (None, None) => None,
    }
}

/// A stored instance as a query would show it: of the class without localised texts, told where it lives.
pub(super) fn stored(namespace: &Namespace, instance: &Instance, place: &Decoration) -> Entity {
    let class = &instance.class;
    let neutral = match namespace.class(&class.name, false) {
        Some(now)
            if now.properties.len() == class.properties.len()
                && now.properties.iter().zip(&class.properties).all(|(a, b)| a.name == b.name) =>
        {
            now.clone()
        }
        // The class changed or went with the instance.
        _ => schema::neutral(class),
    };
    Instance { class: neutral, decoration: Some(place.clone()), ..instance.clone() }.into()
}

/// A class as GetObject would show it.
pub(super) fn class(class: &Arc<Class>, place: &Decoration) -> Entity {
    Entity::Class(Arc::new(Class { decoration: Some(place.clone()), ..(*schema::neutral(class)).clone() }))
}

/// A namespace as an instance of `__NAMESPACE` in its parent.
pub(super) fn namespace(parent: &Namespace, name: &str, place: &Decoration) -> Option<Entity> {
    let mut instance = Instance::new(parent.class("__NAMESPACE", false)?.clone());
    instance.set("Name", name).ok()?;
    instance.decoration = Some(place.clone());
    Some(instance.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_is_counted_from_1601() {
        // [MS-DTYP] 2.3.3: 1601 to 1970 are 11644473600 seconds.
        assert_eq!(filetime(UNIX_EPOCH), 11_644_473_600 * 10_000_000);
        assert_eq!(filetime(UNIX_EPOCH + Duration::from_micros(3)), filetime(UNIX_EPOCH) + 30);
        assert_eq!(filetime_of_unix_micros(3), filetime(UNIX_EPOCH) as i64 + 30);
        assert_eq!(filetime_of_unix_micros(i64::MAX), i64::MAX);
    }
}
