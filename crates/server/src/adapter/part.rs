//! Getting a part of an instance: the values of the context that say which ([MS-WMI] 2.2.13).

use crate::broker::Failure;
use rwmi_cim::{Entity, Instance, Value, WbemStatus, names_equal};
use rwmi_dcom::InterfacePointer;
use rwmi_wbem::{Context, ContextValue};

/// Which properties a caller wants besides the keys; `None` is all of them.
pub(super) fn wanted(context: Option<&InterfacePointer>) -> Result<Option<Vec<String>>, Failure> {
    let wrong = |why: String| Failure::new(WbemStatus::INVALID_CONTEXT, why);
    let Some(pointer) = context else { return Ok(None) };
    let context = Context::from_pointer(pointer).map_err(|e| wrong(e.to_string()))?;
    let is_set = |name: &str| matches!(context.value(name), Some(ContextValue::Bool(true)));
    if !is_set("__GET_EXTENSIONS") {
        return Ok(None);
    }
    if is_set("__GET_EXT_KEYS_ONLY") {
        return Ok(Some(Vec::new()));
    }
    match context.value("__GET_EXT_PROPERTIES") {
        None | Some(ContextValue::Null) => Ok(None),
        Some(ContextValue::Array(_, items)) => items
            .iter()
            .map(|item| match item {
                ContextValue::Text(name) => Ok(name.clone()),
                _ => Err(wrong("__GET_EXT_PROPERTIES is an array of strings".into())),
            })
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(wrong("__GET_EXT_PROPERTIES is an array of strings".into())),
    }
}

/// The instance with its keys and what is wanted; everything else is NULL.
pub(super) fn part(entity: Entity, wanted: Option<&[String]>) -> Result<Entity, Failure> {
    let (Entity::Instance(object), Some(wanted)) = (&entity, wanted) else { return Ok(entity) };
    let mut instance: Instance = object.to_instance().map_err(|e| Failure::new(WbemStatus::FAILED, e.to_string()))?;
    for (place, property) in instance.class.clone().properties.iter().enumerate() {
        if !property.is_key() && !wanted.iter().any(|w| names_equal(w, &property.name)) {
            (instance.values[place], instance.is_default[place]) = (Value::Null, false);
        }
    }
    Ok(instance.into())
}
