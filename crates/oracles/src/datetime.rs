use crate::input::Input;
use rwmi_cim::wql::{self, Query};
use rwmi_cim::{CimType, Class, DateTime, Flavor, Instance, Interval, Object, Property, Qualifier, Timestamp, Value};
use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

/// Microseconds from 1970 to the first and the last moment that a text of 25 characters tells in UTC.
const FIRST: i64 = -62_167_219_200_000_000;
const LAST: i64 = 253_402_300_799_999_999;

/// A moment and a length as numbers, and two texts, a line each. A text stays as it is; a moment or a length is printed and is
/// the same again; a text is never both; what is later is printed as later; WQL orders two of them as their numbers are,
/// one way only, and one of different kinds not at all.
pub fn datetime(octets: &[u8]) {
    let mut input = Input(octets);
    let mut number = || u64::from(input.u16()) | u64::from(input.u16()) << 16 | u64::from(input.u16()) << 32 | u64::from(input.u16()) << 48;
    let (a, b, length) = (number() as i64, number() as i64, number());
    let offset = input.u16() as i16;
    moment(a, offset);
    order(a, b);
    interval(length);
    let text = String::from_utf8_lossy(input.0).into_owned();
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    for text in [first, second] {
        read(text);
    }
    let printed = DateTime::from(Timestamp { unix_micros: a, offset_minutes: offset });
    let lasting = DateTime::from(Interval { micros: length });
    for (x, y) in [(first, second), (first, printed.as_str()), (first, lasting.as_str()), (lasting.as_str(), printed.as_str())] {
        compare(x, y);
        compare(y, x);
    }
}

fn moment(unix_micros: i64, offset_minutes: i16) {
    let printed = DateTime::from(Timestamp { unix_micros, offset_minutes });
    assert_eq!(printed.as_str().len(), 25, "{printed}");
    let again = printed.timestamp().unwrap_or_else(|e| panic!("{unix_micros} {offset_minutes}: {printed}: {e}"));
    assert_eq!(again.offset_minutes, offset_minutes.clamp(-999, 999), "{printed}");
    let local = i128::from(unix_micros) + i128::from(again.offset_minutes) * 60_000_000;
    if (i128::from(FIRST)..=i128::from(LAST)).contains(&local) {
        assert_eq!(again.unix_micros, unix_micros, "{printed}");
    }
}

fn order(a: i64, b: i64) {
    let utc = |unix_micros| DateTime::from(Timestamp { unix_micros, offset_minutes: 0 });
    let (x, y) = (utc(a), utc(b));
    let within = a.clamp(FIRST, LAST).cmp(&b.clamp(FIRST, LAST));
    assert_eq!(x.as_str().cmp(y.as_str()), within, "{x} {y}");
}

fn interval(micros: u64) {
    let printed = DateTime::from(Interval { micros });
    assert_eq!(printed.as_str().len(), 25, "{printed}");
    let again = printed.interval().unwrap_or_else(|e| panic!("{micros}: {printed}: {e}"));
    if micros / 86_400_000_000 <= 99_999_999 {
        assert_eq!(again.micros, micros, "{printed}");
    }
}

fn read(text: &str) {
    let value = DateTime::from_text(text);
    assert_eq!((value.as_str(), value.to_string().as_str()), (text, text));
    match (value.timestamp(), value.interval()) {
        (Ok(_), Ok(_)) => panic!("a moment and a length at once: {text}"),
        (Ok(t), Err(_)) => {
            let printed = DateTime::from(t);
            // Zero has no sign of its own.
            assert_eq!(printed.as_str(), text.replace("-000", "+000").as_str().get(..25).unwrap_or_default(), "{t:?}");
            assert_eq!(printed.timestamp(), Ok(t));
        }
        (Err(_), Ok(i)) => assert_eq!(DateTime::from(i).as_str(), text),
        (Err(e), Err(_)) => assert!(!e.to_string().is_empty()),
    }
}

/// What WQL says of a property with one text and a constant with another.
fn compare(property: &str, constant: &str) {
    if constant.contains(['\'', '"', '\\']) || constant.chars().count() > 1000 {
        return;
    }
    let (x, y) = (DateTime::from_text(property), DateTime::from_text(constant));
    let object = object(x.clone());
    let says = |operator: &str| {
        let text = format!("SELECT * FROM C WHERE D {operator} '{constant}'");
        match wql::parse(&text) {
            Ok(Query::Select(select)) => select.bind(object.class()).ok().map(|b| b.matches(&object).expect("it is compared or not")),
            _ => None,
        }
    };
    let (Some(less), Some(equal), Some(greater)) = (says("<"), says("="), says(">")) else { return };
    assert!(u8::from(less) + u8::from(equal) + u8::from(greater) <= 1, "{property} {constant}");
    let expected = match (x.timestamp(), y.timestamp(), x.interval(), y.interval()) {
        (Ok(x), Ok(y), ..) => Some(x.unix_micros.cmp(&y.unix_micros)),
        (.., Ok(x), Ok(y)) => Some(x.cmp(&y)),
        (Ok(_), .., Ok(_)) | (_, Ok(_), Ok(_), _) => {
            assert!(!less && !greater && !equal, "{property} {constant}");
            None
        }
        _ => None,
    };
    if let Some(order) = expected {
        let holds = |at: &[Ordering]| at.contains(&order);
        assert_eq!((less, equal, greater), (order.is_lt(), order.is_eq(), order.is_gt()), "{property} {constant}");
        assert_eq!(says("<="), Some(holds(&[Ordering::Less, Ordering::Equal])), "{property} {constant}");
        assert_eq!(says(">="), Some(holds(&[Ordering::Greater, Ordering::Equal])), "{property} {constant}");
        assert_eq!(says("<>"), Some(!order.is_eq()), "{property} {constant}");
    }
}

fn object(value: DateTime) -> Object {
    let mut instance = Instance::new(CLASS.clone());
    instance.set("Id", "1").expect("a property of this class");
    instance.set("D", Value::DateTime(value)).expect("a property of this class");
    instance.into()
}

static CLASS: LazyLock<Arc<Class>> = LazyLock::new(|| {
    let mut key = Property::new("Id", CimType::String);
    key.qualifiers.set(Qualifier::flag("key", Flavor::TO_INSTANCE));
    Arc::new(Class { name: "C".into(), properties: vec![key, Property::new("D", CimType::DateTime)], ..Class::default() })
});
