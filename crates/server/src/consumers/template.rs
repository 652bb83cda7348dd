//! String templates of the standard consumers: `%Property%` is replaced by what the event says.
//!
//! | In the template | In the text |
//! |---|---|
//! | `%Name%`, `%TargetInstance.Name%` | the value of the property, system properties too |
//! | `%%` | `%` |
//! | `"%Name%"` | itself: nothing between two quotes is replaced |
//! | `%`, `%no such property%` | itself, as with variables of the environment |
//!
//! Strings are as they are, Booleans `TRUE` and `FALSE`, NULL nothing, objects MOF. Arrays are `(1,5)` with their strings in
//! quotes, `()` where nothing is in them, and without parentheses where one thing is. A property of an array of objects is
//! the array of theirs.

use rwmi_cim::mof::{print_class, print_instance};
use rwmi_cim::{Entity, Object, ObjectError, Value, system_property};

/// Longest text that a template makes, in octets.
pub(super) const TEXT_MAX: usize = 1 << 20;

/// Why a template makes no text.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum TemplateError {
    /// A value of the event cannot be decoded.
    #[error("the event cannot be read: {0}")]
    Event(#[from] ObjectError),
    /// The text is longer than [`TEXT_MAX`].
    #[error("the text of the template is longer than {TEXT_MAX} octets")]
    TooLong,
}

/// The text that a template makes of an event.
pub(super) fn render(template: &str, event: &Object) -> Result<String, TemplateError> {
    let whole = Entity::Instance(event.clone());
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['%', '"']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let Some((mark, after)) = from.split_at_checked(1) else { break };
        let Some(end) = after.find(mark) else {
            // No partner: nothing special, but what is behind a lonely quote may be.
            out.push_str(mark);
            rest = after;
            continue;
        };
        let (inner, behind) = (after.get(..end).unwrap_or_default(), after.get(end + 1..).unwrap_or_default());
        rest = behind;
        if mark == "\"" {
            out.extend(["\"", inner, "\""]);
        } else if inner.is_empty() {
            out.push('%');
        } else {
            match is_path(inner).then(|| find(&whole, inner)).transpose()?.flatten() {
                Some(value) => write(&mut out, &value, false)?,
                None => {
                    // The second sign may begin a property of its own.
                    out.extend(["%", inner]);
                    rest = after.get(end..).unwrap_or_default();
                }
            }
        }
        if out.len() > TEXT_MAX {
            return Err(TemplateError::TooLong);
        }
    }
    out.push_str(rest);
    if out.len() > TEXT_MAX { Err(TemplateError::TooLong) } else { Ok(out) }
}

fn is_path(text: &str) -> bool {
    text.split('.').count() <= 16
        && text.split('.').all(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || !c.is_ascii()))
}

/// The value at a path of properties; `None` where there is no such property.
pub(super) fn find(entity: &Entity, path: &str) -> Result<Option<Value>, ObjectError> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let value = match entity.class().property_index(name) {
        Some(index) => match entity.as_instance() {
            Some(object) => object.value_at(index)?,
            None => entity.class().properties.get(index).map_or(Value::Null, |p| p.default.clone()),
        },
        None => match system_property(entity, name) {
            Some(value) => value,
            None => return Ok(None),
        },
    };
    let Some(rest) = rest else { return Ok(Some(value)) };
    match value {
        Value::Object(inner) => find(&inner, rest),
        Value::Null => Ok(Some(Value::Null)),
        Value::Array(items) => {
            let mut found = Vec::with_capacity(items.len());
            for item in items {
                match item {
                    Value::Object(inner) => match find(&inner, rest)? {
                        Some(value) => found.push(value),
                        None => return Ok(None),
                    },
                    Value::Null => found.push(Value::Null),
                    _ => return Ok(None),
                }
            }
            Ok(Some(Value::Array(found)))
        }
        _ => Ok(None),
    }
}

fn write(out: &mut String, value: &Value, in_array: bool) -> Result<(), TemplateError> {
    match value {
        Value::Null => {}
        Value::Boolean(b) => out.push_str(if *b { "TRUE" } else { "FALSE" }),
        Value::Real32(n) => out.push_str(&n.to_string()),
        Value::Real64(n) => out.push_str(&n.to_string()),
        Value::Char16(unit) => out.push(char::from_u32(u32::from(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        Value::DateTime(time) => text(out, time.as_str(), in_array),
        Value::String(s) | Value::Reference(s) => text(out, s, in_array),
        Value::Object(entity) => out.push_str(&match &**entity {
            Entity::Instance(object) => print_instance(&object.to_instance()?),
            Entity::Class(class) => print_class(class),
        }),
        Value::Array(items) => {
            let parentheses = items.len() != 1;
            if parentheses {
                out.push('(');
            }
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(out, item, true)?;
                if out.len() > TEXT_MAX {
                    return Err(TemplateError::TooLong);
                }
            }
            if parentheses {
                out.push(')');
            }
        }
        integer => {
            if let Some(n) = integer.as_integer() {
                out.push_str(&n.to_string());
            }
        }
    }
    Ok(())
}

fn text(out: &mut String, text: &str, quoted: bool) {
    if quoted {
        out.extend(["\"", text, "\""]);
    } else {
        out.push_str(text);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rwmi_cim::{CimType, Class, Decoration, Instance, Property};
    use std::sync::Arc;

    fn instance(name: &str, values: Vec<(&str, rwmi_cim::Type, Value)>) -> Object {
        let properties = values.iter().map(|(n, ty, _)| Property::new(n, *ty)).collect();
        let mut instance = Instance::new(Arc::new(Class { name: name.into(), properties, ..Class::default() }));
        for (name, _, value) in values {
            instance.set(name, value).unwrap();
        }
        instance.into()
    }

    /// An event with an embedded disk, and an array of two.
    pub(in crate::consumers) fn event() -> Object {
        let disk = |letter: &str| {
            let disk = instance(
                "Disk",
                vec![("Letter", CimType::String.scalar(), letter.into()), ("Free", CimType::Uint64.scalar(), Value::Uint64(90))],
            );
            let place = Decoration { server: "LX1".into(), namespace: r"root\cimv2".into() };
            Value::Object(Box::new(Entity::Instance(disk.with_decoration(Some(Arc::new(place))))))
        };
        instance(
            "Happening",
            vec![
                ("Text", CimType::String.scalar(), "a \"b\" %c%".into()),
                ("Count", CimType::Uint32.scalar(), Value::Uint32(90)),
                ("Yes", CimType::Boolean.scalar(), Value::Boolean(true)),
                ("Nothing", CimType::String.scalar(), Value::Null),
                ("Half", CimType::Real32.scalar(), Value::Real32(0.5)),
                ("Many", CimType::Sint16.array(), Value::Array(vec![Value::Sint16(1), Value::Sint16(-5), Value::Sint16(10)])),
                ("One", CimType::Sint16.array(), Value::Array(vec![Value::Sint16(7)])),
                ("None", CimType::Sint16.array(), Value::Array(vec![])),
                ("Words", CimType::String.array(), vec!["x", "y"].into()),
                ("TargetInstance", CimType::Object.scalar(), disk("C:")),
                ("Disks", CimType::Object.array(), Value::Array(vec![disk("C:"), disk("D:")])),
                ("Sid", CimType::Uint8.array(), Value::Array([1u8, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0].map(Value::Uint8).to_vec())),
            ],
        )
    }

    fn check(template: &str, expect: &str) {
        assert_eq!(render(template, &event()).as_deref(), Ok(expect), "{template}");
    }

    #[test]
    fn properties_are_replaced_by_their_values() {
        check("Some text here", "Some text here");
        check("%Count%", "90");
        check("load %COUNT% now", "load 90 now");
        check("%Yes%,%Nothing%,%Half%", "TRUE,,0.5");
        check("%Text%", "a \"b\" %c%");
        check("%TargetInstance.Free%%TargetInstance.Letter%", "90C:");
        check("%__CLASS% %TargetInstance.__NAMESPACE%", r"Happening root\cimv2");
        check("", "");
    }

    #[test]
    fn arrays_are_in_parentheses_unless_they_have_one_element() {
        check("%Many% %One% %None%", "(1,-5,10) 7 ()");
        check("%Words%", "(\"x\",\"y\")");
        check("%Disks.Letter% %Disks.Free%", "(\"C:\",\"D:\") (90,90)");
    }

    #[test]
    fn objects_are_mof() {
        check("%TargetInstance%", "instance of Disk\n{\n  Letter = \"C:\";\n  Free = 90;\n};\n");
    }

    #[test]
    fn what_is_no_property_stays() {
        check("100%", "100%");
        check("%%", "%");
        check("50%% of %Count%", "50% of 90");
        check("5 % of %Count%", "5 % of 90");
        check("%Absent% %Count.x% %Many.x% %.% %a b%", "%Absent% %Count.x% %Many.x% %.% %a b%");
        check("%Nothing.x%", "%Nothing.x%".replace("%Nothing.x%", "").as_str());
        check("ü%Count%ü%", "ü90ü%");
    }

    #[test]
    fn between_quotes_nothing_is_replaced() {
        check("is \"%Count%\" %Count%", "is \"%Count%\" 90");
        check("\"%Count%", "\"90");
        check("\"\"%Count%", "\"\"90");
    }

    #[test]
    fn a_text_has_a_limit() {
        let long = "%TargetInstance%".repeat(TEXT_MAX / 32);
        assert_eq!(render(&long, &event()), Err(TemplateError::TooLong));
        assert_eq!(render(&"x".repeat(TEXT_MAX + 1), &event()), Err(TemplateError::TooLong));
    }
}
